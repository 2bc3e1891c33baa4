/* delivery.h - what one exporter sends in one exchange, and the verdict on it.
 *
 * A delivery is made of whole records with one batch key, joined by the exporter's batcher. It lives on the exporter's thread. The first send encodes
 * and compresses into `wire`; retries send the same bytes. The component answers with delivery_done exactly once per send; the core
 * counts, retries or drops.
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
	struct buf *wire; /* set by the component on the first send; owned by the delivery */
	unsigned attempt; /* 0 on the first send */
	void *slot; /* the component's own, for the time of one send */
	struct exporter *exporter;
};

enum verdict_kind {
	DELIVERED, /* accepted; n_rejected of the items were refused by partialSuccess */
	RETRY, /* a passing fault: send again after backoff */
	REJECTED, /* a permanent answer to the whole */
	HOLD, /* the exporter is the problem, not the data: 401, 403, TLS trust. Data is kept, probed each minute */
};

struct verdict {
	enum verdict_kind kind;
	uint32_t n_rejected;
	bool blames_data; /* REJECTED with 400: one after the other, they rather mean that the exporter is wrong */
	int64_t retry_after_ns; /* RETRY: pause of the whole exporter asked by the backend; 0: none */
	char text[256]; /* what the backend said, for the log */
};

/* From the exporter's thread, in or after send. */
void delivery_done(struct delivery *d, const struct verdict *v);
/* All bodies as slices for one gathered write; `out` has room for d->n_bodies. */
void delivery_slices(const struct delivery *d, slice *out);
uint64_t delivery_bytes(const struct delivery *d);
