/* intake.c - one request through the pipelines to its admission (see intake.h).
 *
 * Everything lives on the stack of intake_push: `struct intake` collects one record per pipeline, and either all
 * of them are committed to all exporters or none to any. A pipeline without stages is only validated, and its record is
 * the request's own buffer. */
#include "lib/pipe/intake.h"

#include "lib/pipe/admission.h"
#include "lib/pipe/graph_parts.h"

enum { MAX_PARTITION = 4096, TEXT = 256 };

struct intake {
	struct graph_stage *receiver;
	const struct client *client;
	struct pipeline *const *routes;
	size_t n_routes;
	struct record **records; /* per route; NULL: nothing left of the request */
	size_t at; /* the route in work */
	uint8_t hops;
	bool out_of_memory;
	uint32_t n_accepted, n_refused;
	uint64_t n_utf8;
};

bool intake_takes(const struct stage *receiver, enum signal signal)
{
	const struct graph_stage *s = (const struct graph_stage *)receiver;
	return s->node->n_routes[signal_index(signal)] > 0;
}

struct codec *stage_codec(struct stage *s)
{
	return graph_stage_of(s)->worker->codec;
}

static struct receiver_cell *cell_of(struct stage *receiver)
{
	struct graph_stage *s = graph_stage_of(receiver);
	return &s->node->stats->cells[s->worker->index];
}

void intake_count(struct stage *receiver, enum request_outcome outcome)
{
	count_add(&cell_of(receiver)->n_requests[outcome], 1);
}

void intake_count_utf8(struct stage *receiver, uint64_t n)
{
	count_add(&cell_of(receiver)->n_utf8, n);
}

/* Appends `v` and a line end, which no header value contains; returns the new length. What does not fit is folded
 * into a hash at the end, so that long values that differ stay apart. */
static size_t add_value(char out[MAX_PARTITION], size_t len, slice v)
{
	uint64_t h;
	size_t room = MAX_PARTITION - sizeof(h) - len;
	if (len < MAX_PARTITION - sizeof(h) && v.len < room) {
		if (v.len)
			memcpy(out + len, v.p, v.len);
		len += v.len;
		out[len++] = '\n';
		return len;
	}
	h = hash_bytes(v.p, v.len, hash_bytes(out, len, 0));
	len = len < MAX_PARTITION - sizeof(h) ? len : MAX_PARTITION - sizeof(h);
	memcpy(out + len, &h, sizeof(h));
	return len + sizeof(h);
}

/* The values of the pipeline's metadata_keys, all of a header that comes more than once: requests that differ in them
 * are never joined. */
static slice partition_of(const struct intake *in, const struct pipeline *p, char out[MAX_PARTITION])
{
	const struct conf_strs *keys = p->settings.batch_metadata_keys;
	const struct client *c = in->client;
	size_t len = 0;
	for (size_t i = 0; keys && i < keys->n; i++) {
		for (size_t k = 0; c && k < c->n_metadata; k++)
			if (slice_ieq(c->metadata[k].name, keys->v[i]))
				len = add_value(out, len, c->metadata[k].value);
		len = add_value(out, len, (slice){ 0 }); /* an empty line ends the key */
	}
	return (slice){ out, len };
}

/* Takes the body and the sidecar. */
static void finish_pipeline(struct intake *in, struct buf *body, struct buf *sidecar, uint32_t n_items)
{
	const struct pipeline *p = in->routes[in->at];
	char partition[MAX_PARTITION];
	if (!n_items) {
		buf_unref(body);
		buf_unref(sidecar);
		return;
	}
	struct record *r = record_new(
	        p->signal, p->id, partition_of(in, p, partition), loop_now(in->receiver->stage.loop), n_items, body);
	r->sidecar = sidecar;
	r->hops = in->hops;
	in->records[in->at] = r;
}

static void end_traces(struct intake *in, struct traces *t)
{
	struct pool *pool = core_pool(in->receiver->stage.core);
	struct buf *sidecar = NULL, *body = traces_encode(t, pool);
	if (!body || sidecar_new(t, pool, &sidecar)) {
		buf_unref(body);
		in->out_of_memory = true;
		return;
	}
	finish_pipeline(in, body, sidecar, t->n_kept);
}

/* The end of a pipeline's stages: the batch becomes a record. */
static void push_end(struct stage *s, struct batch *b)
{
	struct intake *in = b->intake;
	(void)s;
	if (b->traces)
		end_traces(in, b->traces);
	else
		finish_pipeline(in, buf_ref(b->body), NULL, b->n_items);
}

const struct component pipeline_end = {
	.name = "pipeline_end",
	.summary = "Turns a batch into the record of its pipeline.",
	.kind = PROCESSOR,
	.signals = TRACES | LOGS | METRICS,
	.push = push_end,
};

static struct stage *first_stage(const struct intake *in, size_t route)
{
	return in->routes[route]->first[in->receiver->worker->index];
}

/* Scans and runs the stages of one route. 0, -1 malformed, -2 memory. */
static int run_traces(struct intake *in, struct buf *body, struct scan_report *r, struct err *e)
{
	struct core *core = in->receiver->stage.core;
	struct traces t;
	struct batch b = { .signal = TRACES, .traces = &t, .client = in->client, .intake = in };
	int rc = traces_scan(&t, body, core_keys(core), core_pool(core), r, e);
	if (rc)
		return rc;
	struct stage *first = first_stage(in, in->at);
	struct stage end = { .type = &pipeline_end };
	b.n_items = r->n_spans;
	b.pipeline = in->routes[in->at]->index;
	stage_push(first ? first : &end, &b);
	traces_release(&t);
	return in->out_of_memory ? -2 : 0;
}

static int all_traces(struct intake *in, struct buf *body, struct scan_report *r, struct err *e)
{
	bool checked = false, needs_rewrite = false;
	for (in->at = 0; in->at < in->n_routes; in->at++) {
		int rc = 0;
		if (first_stage(in, in->at)) {
			rc = run_traces(in, body, r, e);
		} else {
			if (!checked)
				rc = traces_check(buf_slice(body), r, &needs_rewrite, e);
			checked = true;
			if (!rc && needs_rewrite)
				rc = run_traces(in, body, r, e);
			else if (!rc)
				finish_pipeline(in, buf_ref(body), NULL, r->n_spans);
		}
		if (rc)
			return rc;
	}
	in->n_accepted = r->n_spans - r->n_refused;
	in->n_refused = r->n_refused;
	in->n_utf8 = r->n_utf8;
	return 0;
}

static int all_others(struct intake *in, enum signal signal, struct buf *body, struct err *e)
{
	struct buf *repaired = NULL;
	uint32_t n = 0;
	int rc =
	        otlp_check(signal, buf_slice(body), core_pool(in->receiver->stage.core), &n, &in->n_utf8, &repaired, e);
	if (rc)
		return rc;
	struct buf *use = repaired ? repaired : body;
	struct stage end = { .type = &pipeline_end };
	for (in->at = 0; in->at < in->n_routes; in->at++) {
		struct batch b = { .signal = signal, .body = use, .n_items = n, .client = in->client, .intake = in };
		struct stage *first = first_stage(in, in->at);
		stage_push(first ? first : &end, &b);
	}
	buf_unref(repaired);
	in->n_accepted = n;
	return 0;
}

void intake_settle(struct stage *receiver, const struct intake_tally *t, const struct intake_result *r)
{
	struct receiver_cell *cell = cell_of(receiver);
	struct receiver_counts *c = &cell->by_signal[signal_index(t->signal)];
	bool accepted = r->outcome == REQUEST_OK || r->outcome == REQUEST_PARTIAL;
	if (accepted) {
		count_add(&c->accepted, t->n_accepted);
		count_add(&c->refused, t->n_refused);
		count_add(&cell->n_utf8, t->n_utf8);
	} else if (r->outcome == REQUEST_REFUSED || r->outcome == REQUEST_TOO_LARGE) {
		count_add(&c->refused, t->n_accepted);
	}
	intake_count(receiver, r->outcome);
}

static void admit_records(const struct intake *in, const struct intake_tally *t, const struct intake_later *later,
        struct intake_result *r)
{
	const struct admission_request q = {
		.receiver = &in->receiver->stage,
		.later = later,
		.routes = in->routes,
		.records = in->records,
		.n_routes = in->n_routes,
		.tally = t,
		.success = r,
	};
	char text[TEXT];
	enum admitted result = admit(&q, text);
	if (result == REFUSED || result == REFUSED_FOR_GOOD) {
		*r = (struct intake_result){ .outcome = result == REFUSED ? REQUEST_REFUSED : REQUEST_TOO_LARGE };
		snprintf(r->text, TEXT, "%.*s", TEXT - 1, text);
	}
	r->pending = result == ADMITTED_LATER;
}

/* What the sender is told, now or later. */
static void conclude(struct intake *in, const struct intake_later *later, int rc, const struct intake_tally *t,
        const char *text, struct intake_result *r)
{
	r->outcome = REQUEST_OK;
	if (rc == -1) {
		r->outcome = REQUEST_MALFORMED;
		snprintf(r->text, TEXT, "%.*s", TEXT - 1, text);
	} else if (rc == -2) {
		r->outcome = REQUEST_REFUSED;
		snprintf(r->text, TEXT, "data refused due to high memory usage");
	} else {
		if (in->n_refused) {
			r->outcome = REQUEST_PARTIAL;
			r->n_refused = in->n_refused;
			snprintf(r->text, TEXT, "%.*s", TEXT - 1, text);
		}
		admit_records(in, t, later, r);
	}
	if (!r->pending)
		intake_settle(&in->receiver->stage, t, r);
}

void intake_push(struct stage *receiver, enum signal signal, struct buf *body, uint8_t hops,
        const struct client *client, const struct intake_later *later, struct intake_result *r)
{
	struct graph_stage *s = graph_stage_of(receiver);
	unsigned k = signal_index(signal);
	struct scan_report report = { 0 };
	struct err e = { .text = "" };
	struct record *small[16] = { 0 };
	struct intake in = {
		.receiver = s,
		.client = client,
		.routes = s->node->routes[k],
		.n_routes = s->node->n_routes[k],
		.records = small,
		.hops = hops,
	};
	*r = (struct intake_result){ .outcome = REQUEST_UNSUPPORTED };
	if (in.n_routes > COUNTOF(small) && !(in.records = calloc(in.n_routes, sizeof(struct record *))))
		abort();
	if (in.n_routes) {
		int rc = signal == TRACES ? all_traces(&in, body, &report, &e) : all_others(&in, signal, body, &e);
		struct intake_tally t = { signal, in.n_accepted, in.n_refused, in.n_utf8 };
		conclude(&in, later, rc, &t, rc ? e.text : report.refused_text, r);
	} else {
		intake_count(receiver, r->outcome);
	}
	for (size_t i = 0; i < in.n_routes; i++)
		if (in.records[i])
			record_unref(in.records[i]);
	if (in.records != small)
		free(in.records);
	buf_unref(body);
}
