/* record.h - the immutable result of one request in one pipeline: the only thing that is queued or logged.
 *
 * One record serves all exporters of its pipeline; it is refcounted across threads and never changed. Its body is
 * a complete Export*ServiceRequest, often the very buf that the socket was read into. Records with equal batch
 * keys (signal, pipeline, partition) may be joined by concatenating bodies; others never are.
 */
#pragma once
#include <stdatomic.h>

#include "lib/base/buf.h"
#include "lib/otlp/encode.h"

/* How many relays a request came through, in decimal; nothing: it comes from its source. Each sends on one more, so what an exporter sends
 * to its own receiver, on whatever way, is refused there after HOPS_MAX rounds, and does not go round for ever. */
#define HOPS_HEADER "X-Otlp-Relay-Hops"
enum { HOPS_MAX = 8 };

struct record {
	_Atomic uint32_t refs;
	enum signal signal;
	const char *pipeline; /* interned by the core: compare the pointer */
	slice partition; /* values of the batch processor's metadata_keys; in the record's own memory */
	int64_t arrival_ns; /* monotonic */
	uint32_t n_items; /* spans, log records, data points; never 0 */
	uint8_t hops; /* relays that the request came through: HOPS_HEADER; set before the record is shared */
	struct buf *body;
	struct buf *sidecar; /* struct filtered_span for each span that a processor filtered; NULL: none */
};

/* What is remembered of a filtered span, so that a later stage can repair the tree. */
struct filtered_span {
	uint8_t trace_id[16], span_id[8], parent_id[8]; /* parent_id all zero: a root */
	uint32_t flags; /* the span's own */
	uint16_t rule; /* span_filter's */
	uint16_t unused;
};

/* Takes the body's reference. Count 1. */
struct record *record_new(enum signal signal, const char *pipeline, slice partition, int64_t arrival_ns,
        uint32_t n_items, struct buf *body) MUST_USE;
struct record *record_ref(struct record *r);
void record_unref(struct record *r);
bool record_joinable(const struct record *a, const struct record *b);

struct traces;
/* *out: the sidecar of the filtered spans of `t`, or NULL when there are none. -1 when memory is out. */
int sidecar_new(const struct traces *t, struct pool *pool, struct buf **out) MUST_USE;

/* 0, 1, 2 for TRACES, LOGS, METRICS: the index of per-signal counters. */
static inline unsigned signal_index(enum signal s)
{
	return s == TRACES ? 0 : s == LOGS ? 1 : 2;
}
enum { N_SIGNALS = 3 };
