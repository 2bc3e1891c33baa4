/* intake.h - one request from its body to its answer: validation, pipelines, admission.
 *
 * Runs within one event on the receiver's worker. When all pipelines have reached their end, room is reserved at
 * every exporter; one refusal by a required exporter releases everything and no copy exists anywhere; commit cannot
 * fail. Optional exporters never change the outcome.
 */
#pragma once
#include "lib/net/http_server.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"
#include "lib/pipe/stats.h"

enum ack_level {
	ACK_AUTO, /* durable where an exporter has a storage, else queued */
	ACK_QUEUED, /* every exporter's queue has it */
	ACK_DURABLE, /* storages have synced it */
	ACK_DELIVERED, /* every required exporter has resolved it */
};

struct intake_result;
/* How a request is answered that has to wait. */
struct intake_later {
	enum ack_level level;
	int64_t timeout_ns;
	struct exchange_id id;
	void (*answer)(struct stage *s, struct exchange *x, const struct intake_result *r); /* on the worker */
};

/* What a request brought, for the receiver's counters. */
struct intake_tally {
	enum signal signal;
	uint32_t n_accepted, n_refused;
	uint64_t n_utf8;
};

struct intake_result {
	enum request_outcome
	        outcome; /* OK, PARTIAL, MALFORMED, TOO_LARGE (for a storage it needs), REFUSED, UNSUPPORTED (no pipeline) */
	uint32_t n_refused; /* PARTIAL: spans refused alone */
	bool pending; /* nothing is to be answered now: later->answer comes, unless the connection goes */
	char text[256]; /* for partialSuccess.errorMessage or Status.message */
};

/* Does any pipeline of this receiver take the signal? */
bool intake_takes(const struct stage *receiver, enum signal signal);
/* Takes the body (protobuf), which came through `hops` relays. Counts the receiver's accepted and refused items. */
void intake_push(struct stage *receiver, enum signal signal, struct buf *body, uint8_t hops,
        const struct client *client, const struct intake_later *later, struct intake_result *r);
/* The end of a request, now or later: counts it as what `r` says. On the receiver's worker. */
void intake_settle(struct stage *receiver, const struct intake_tally *t, const struct intake_result *r);
/* The receiver's own counters for answers given before or after intake_push (by outcome). */
void intake_count(struct stage *receiver, enum request_outcome outcome);
/* Bad UTF-8 sequences replaced before intake_push (JSON). */
void intake_count_utf8(struct stage *receiver, uint64_t n);
/* The worker's codec for Content-Encoding. */
struct codec *stage_codec(struct stage *s);
