/* delivery.h - what one exporter sends in one exchange, and the verdict on it.
 *
 * A delivery is made of records, or parts of them, with one batch key, joined by the exporter's batcher. It lives on the exporter's thread.
 * The first send encodes and compresses into `wire`; retries send the same bytes. The component answers with delivery_done exactly once per
 * send; the core counts, retries, splits, dead-letters or drops.
 */
#pragma once
#include "lib/base/buf.h"
#include "lib/otlp/encode.h"

struct record;
struct exporter;

struct delivery {
	enum signal signal;
	struct buf **bodies; /* the records' request bytes, in order; concatenated they are one request */
	size_t n_bodies;
	uint32_t n_items; /* spans, log records, data points */
	const char *pipeline; /* id of the pipeline they came through */
	uint8_t hops; /* the largest of the records' */
	struct buf *wire; /* set by the component on the first send; owned by the delivery */
	unsigned attempt; /* 0 on the first send */
	void *slot; /* the component's own, for the time of one send */
	struct exporter *exporter;
};

enum verdict_kind {
	DELIVERED, /* accepted; n_rejected of the items were refused by partialSuccess */
	RETRY, /* a passing fault: send again after backoff */
	REJECTED, /* a permanent answer to the whole */
	TOO_LARGE, /* 413: the same items may pass in smaller deliveries */
	BAD_DATA, /* 400, 422: an item of it is refused, the others may pass without it */
	HOLD, /* the exporter is the problem, not the data: 401, 403, 407, TLS trust. Data is kept, probed each minute */
};

enum { SAID_MAX = 1024 };

struct verdict {
	enum verdict_kind kind;
	uint32_t n_rejected;
	int status; /* of the answer, for dead letters; 0: none */
	int64_t retry_after_ns; /* RETRY: pause of the whole exporter asked by the backend; 0: none */
	slice said; /* TOO_LARGE, BAD_DATA: the backend's words, valid during delivery_done; SAID_MAX of it are kept */
	char text[256]; /* what the backend said, for the log */
};

/* From the exporter's thread, in or after send. */
void delivery_done(struct delivery *d, const struct verdict *v);
/* All bodies as slices for one gathered write; `out` has room for d->n_bodies. */
void delivery_slices(const struct delivery *d, slice *out);
uint64_t delivery_bytes(const struct delivery *d);
