/* json_out.h - the state of one wire to JSON conversion and how values are printed (lib/otlp only).
 *
 * json_out.c walks the messages, json_print.c writes values. After a failure (`status`) writing does nothing,
 * so that callers check once.
 */
#pragma once
#include "lib/base/buf.h"
#include "lib/otlp/json_table.h"

struct writer {
	char *w, *lim; /* the free part of `out` */
	struct buf *out;
	int depth; /* of messages */
	int status; /* 0, or what json_write returns */
};

bool writer_grow(struct writer *w, size_t n);

/* Room for n more bytes; false (and status -2) when pool or memory refuse. */
static inline bool writer_room(struct writer *w, size_t n)
{
	return LIKELY((size_t)(w->lim - w->w) >= n) || writer_grow(w, n);
}

/* Bytes as they are. */
static inline void writer_raw(struct writer *w, slice s)
{
	if (!writer_room(w, s.len))
		return;
	memcpy(w->w, s.p, s.len);
	w->w += s.len;
}

/* With quotes and escapes; bytes that are not UTF-8 become U+FFFD. */
void writer_string(struct writer *w, slice s);
/* With quotes, as base64 or hex. */
void writer_bytes(struct writer *w, slice s, bool hex);
/* Takes one value of a number, bool or enum field from *at, sign-extended to 64 bits where it is signed. */
bool json_read_scalar(const struct json_field *f, slice *at, uint64_t *bits);
/* Prints what json_read_scalar gave. */
void writer_scalar(struct writer *w, const struct json_field *f, uint64_t bits);
