/* buf.h - refcounted bytes: a request body, a record, a compressed delivery.
 *
 * Contiguous, with BUF_SLACK zeroed bytes after `len` so that vector loads may read past the end.
 * Written by one owner while its count is 1, immutable once shared. The count is atomic: workers and
 * exporter threads share bufs. Tokens of the pool follow the capacity and return at the last unref.
 */
#pragma once
#include <stdatomic.h>

#include "lib/base/base.h"
#include "lib/base/pool.h"

enum { BUF_SLACK = 32 };

struct buf {
	_Atomic uint32_t refs;
	struct pool *pool; /* may be NULL: not counted */
	size_t len, cap; /* cap excludes the slack */
	char *data;
};

/* A buf with count 1 and len 0; NULL when the pool refuses or memory is out. pool may be NULL. */
struct buf *buf_new(struct pool *pool, size_t cap) MUST_USE;
/* A counted copy of `s`; NULL as buf_new. */
struct buf *buf_copy(struct pool *pool, slice s) MUST_USE;
struct buf *buf_ref(struct buf *b);
void buf_unref(struct buf *b); /* NULL is fine */
/* Makes room for `cap` bytes; *b may move (count must be 1). -1 when pool or memory refuse: *b stays. */
int buf_reserve(struct buf **b, size_t cap) MUST_USE;
/* Gives back capacity beyond len when that saves more than a quarter. May move *b (count must be 1). */
void buf_trim(struct buf **b);

static inline slice buf_slice(const struct buf *b)
{
	return (slice){ b->data, b->len };
}
