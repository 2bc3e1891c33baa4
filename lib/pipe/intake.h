/* intake.h - one request from its body to its answer: validation, pipelines, admission.
 *
 * Runs within one event on the receiver's worker. When all pipelines have reached their end, room is reserved at
 * every exporter; one refusal by a required exporter releases everything and no copy exists anywhere; commit cannot
 * fail. Optional exporters never change the outcome.
 */
#pragma once
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"
#include "lib/pipe/stats.h"

struct intake_result {
	enum request_outcome
	        outcome; /* OK, PARTIAL, MALFORMED, TOO_LARGE (index memory), REFUSED, UNSUPPORTED (no pipeline for the signal) */
	uint32_t n_refused; /* PARTIAL: spans refused alone */
	char text[256]; /* for partialSuccess.errorMessage or Status.message */
};

/* Does any pipeline of this receiver take the signal? */
bool intake_takes(const struct stage *receiver, enum signal signal);
/* Takes the body (protobuf). Counts the receiver's accepted and refused items. */
void intake_push(struct stage *receiver, enum signal signal, struct buf *body, const struct client *client,
        struct intake_result *r);
/* The receiver's own counters for answers given before or after intake_push (by outcome). */
void intake_count(struct stage *receiver, enum request_outcome outcome);
/* Bad UTF-8 sequences replaced before intake_push (JSON). */
void intake_count_utf8(struct stage *receiver, uint64_t n);
/* The worker's codec for Content-Encoding. */
struct codec *stage_codec(struct stage *s);
