/* batch.h - a mutable view of one request on its way through the processors of one pipeline.
 *
 * Lives on one worker, from the receiver to the end of the pipeline, within one event: nothing holds a batch.
 * For traces `traces` is the index to read and edit (lib/otlp/edit.h); logs and metrics carry their body
 * only. `push` takes the batch. The last stage encodes it into a record.
 */
#pragma once
#include "lib/otlp/edit.h"
#include "lib/otlp/encode.h"
#include "lib/otlp/traces.h"

/* Who sent the request: what `from_context` and metadata keys read. Lives as long as the batch. */
struct client {
	slice address; /* peer IP */
	const struct client_pair {
		slice name, value; /* names lower case; only with include_metadata */
	} * metadata;
	size_t n_metadata;
	slice auth_subject; /* of an authenticator; empty without */
};

struct intake;
struct batch {
	enum signal signal;
	struct traces *traces; /* TRACES; NULL for other signals */
	struct buf *body; /* LOGS, METRICS: the request */
	uint32_t n_items; /* as received: spans, log records, data points */
	const struct client *client;
	struct intake *intake; /* the request this batch belongs to (intake.h) */
	unsigned pipeline; /* index in the graph */
};
