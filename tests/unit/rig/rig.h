/* rig.h - one component under test: options from YAML, a request in as OTLP/JSON, what comes out compared as JSON.
 *
 *	struct rig r;
 *	rig_init(&r, &processor_attributes, "actions: [{key: a, value: 1, action: insert}]");
 *	rig_expect(&r, request, expected);
 *	rig_release(&r);
 */
#pragma once
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"
#include "lib/pipe/delivery.h"

struct rig {
	struct arena arena;
	struct findings findings;
	struct fake_clock clock; /* starts at mono 1 s, wall 2026-11-21T07:00:00.123Z */
	struct loop loop; /* only its clock is set: components read the time and nothing else */
	struct log *root_log, *log; /* level debug, text, no sampling, into log_fd */
	int log_fd;
	struct stage stage, sink;
	struct core *core; /* of one worker; only its meters, keys and pool are there */
	const struct client *client; /* of the batches that are pushed; NULL at first */
	void *conf;
	bool loaded; /* options were sound */
	char *out; /* the last result as JSON */
	struct verdict verdict; /* of the last delivery */
	unsigned n_done;
};

/* Loads `yaml` as the component's options, opens and starts it. Errors of the options are in findings and leave
 * loaded false; whatever else fails, fails the test. */
void rig_init(struct rig *r, const struct component *type, const char *yaml);
void rig_release(struct rig *r);

/* Fails the test unless the options are refused and one finding is `place` ("LINE:COL") and contains `text`. */
void rig_refuses(const struct component *type, const char *yaml, const char *place, const char *text);

/* Pushes an Export request (OTLP/JSON) through a processor; the result is OTLP/JSON, valid until the next push. */
const char *rig_push(struct rig *r, const char *json);
/* The same, failing the test when the result is another JSON value than `want`. */
void rig_expect(struct rig *r, const char *json, const char *want);
/* A request with one span that has these attributes (the inside of the JSON list of KeyValues). */
const char *rig_span(struct rig *r, const char *attributes);

/* The protobuf form of a request (OTLP/JSON); the caller's. */
struct buf *rig_wire(enum signal signal, const char *json);
/* Sends bodies (OTLP/JSON, ended by NULL) as one delivery of `n_items` through an exporter; r->verdict has the answer. */
void rig_send(struct rig *r, enum signal signal, uint32_t n_items, const char *const *bodies);
/* What a meter shows for these labels ("" for none); 0 when there is no such series. */
double rig_meter(struct rig *r, const char *name, const char *label1, const char *label2);
/* All that was logged since the last call. */
const char *rig_logged(struct rig *r);
