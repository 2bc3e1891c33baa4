/* encode.h - an indexed request back to wire bytes; splitting and joining requests.
 *
 * Untouched ranges are copied as they are (unknown fields and groups included), edits are spliced in,
 * lengths are recomputed bottom-up. Scopes and resources whose spans are all gone are left out, unless they
 * came without spans. Joining needs no code: concatenating two requests is the merged request (protobuf,
 * repeated field 1).
 */
#pragma once
#include "lib/otlp/traces.h"

/* The request as bytes: the body itself (one more reference) when nothing was edited. NULL when pool or
 * memory refuse. */
struct buf *traces_encode(struct traces *t, struct pool *pool) MUST_USE;

enum signal { TRACES = 1, LOGS = 2, METRICS = 4 };

enum { SPLIT_ROOM = 16 << 20 };
struct split_part {
	struct buf *body;
	uint32_t n_items;
};
/* Cuts a valid request into parts of at most `max_items` items (spans, log records, metrics data points count
 * by metric and are not cut inside one; 0: no limit) and, when max_bytes > 0, of at most max_bytes (a single item may
 * exceed it). Resource and scope are repeated. Calls emit for each part in order; emit takes the part's body.
 * Returns 0, or -1 when pool or memory refuse or when what is repeated would make the parts together larger than twice
 * the request plus SPLIT_ROOM (some parts may have been emitted). */
int otlp_split(enum signal signal, slice body, uint32_t max_items, size_t max_bytes, struct pool *pool,
        void (*emit)(void *ctx, struct split_part part), void *ctx) MUST_USE;

/* Validation and count for logs and metrics (traces: traces_check): wire types, lengths, UTF-8, AnyValue
 * nesting, by the schema tables. n_items counts log records or data points. Bad UTF-8: *repaired is a new
 * body (caller owns) with U+FFFD, to which n_items belongs, otherwise NULL. 0, -1 malformed, -2 memory. */
int otlp_check(enum signal signal, slice body, struct pool *pool, uint32_t *n_items, uint64_t *n_utf8,
        struct buf **repaired, struct err *e) MUST_USE;
