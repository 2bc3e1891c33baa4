/* intake.c - one request through the pipelines to its admission (see intake.h).
 *
 * Everything lives on the stack of intake_push: `struct intake` collects one record per pipeline, and either all
 * of them are committed to all exporters or none to any. A pipeline without stages is only validated, and its record is
 * the request's own buffer. */
#include "lib/pipe/intake.h"

#include "lib/pipe/graph_parts.h"

enum { MAX_PARTITION = 4096, TEXT = 256 };

/* Room reserved at one exporter for one record. */
struct reservation {
	struct exporter *exporter;
	struct record *record;
	struct queue_entry *entry; /* NULL: the exporter drops it by its own rule */
};

struct intake {
	struct graph_stage *receiver;
	const struct client *client;
	struct pipeline *const *routes;
	size_t n_routes;
	struct record **records; /* per route; NULL: nothing left of the request */
	size_t at; /* the route in work */
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
	in->records[in->at] = record_new(
	        p->signal, p->id, partition_of(in, p, partition), loop_now(in->receiver->stage.loop), n_items, body);
	in->records[in->at]->sidecar = sidecar;
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

static void release_all(struct reservation *v, size_t n)
{
	while (n-- > 0)
		if (v[n].entry)
			exporter_release_entry(v[n].exporter, v[n].entry);
}

/* Reserve everywhere, or nowhere: false and the refusing exporter in *by. */
static bool reserve_all(const struct intake *in, struct reservation *v, size_t *n, const struct exporter **by)
{
	*n = 0;
	for (size_t i = 0; i < in->n_routes; i++) {
		const struct pipeline *p = in->routes[i];
		for (size_t k = 0; in->records[i] && k < p->n_exporters; k++) {
			struct reservation *r = &v[*n];
			r->exporter = p->exporters[k];
			r->record = in->records[i];
			if (!exporter_reserve(r->exporter, r->record, &r->entry)) {
				*by = r->exporter;
				release_all(v, *n);
				return false;
			}
			++*n;
		}
	}
	return true;
}

static bool admit(const struct intake *in, struct intake_result *r)
{
	size_t max = 0, n;
	const struct exporter *by = NULL;
	if (atomic_load_explicit(&in->receiver->stage.core->intake_closed, memory_order_relaxed)) {
		snprintf(r->text, TEXT, "shutting down");
		return false;
	}
	for (size_t i = 0; i < in->n_routes; i++)
		max += in->routes[i]->n_exporters;
	struct reservation small[16];
	struct reservation *v = max <= COUNTOF(small) ? small : calloc(max, sizeof *v);
	if (!v)
		abort();
	bool ok = reserve_all(in, v, &n, &by);
	if (!ok)
		snprintf(r->text, TEXT, "sending queue of %s is full", exporter_id(by));
	for (size_t i = 0; ok && i < n; i++) {
		if (v[i].entry)
			exporter_commit_entry(v[i].exporter, v[i].entry);
		else
			exporter_count_dropped(v[i].exporter, v[i].record);
	}
	if (v != small)
		free(v);
	return ok;
}

/* What the sender is told. */
static void conclude(struct intake *in, enum signal signal, int rc, const struct scan_report *sr, const struct err *e,
        struct intake_result *r)
{
	struct receiver_cell *cell = cell_of(&in->receiver->stage);
	struct receiver_counts *c = &cell->by_signal[signal_index(signal)];
	r->outcome = REQUEST_OK;
	if (rc == -1) {
		r->outcome = REQUEST_MALFORMED;
		snprintf(r->text, TEXT, "%.*s", TEXT - 1, e->text);
	} else if (rc == -2) {
		r->outcome = REQUEST_REFUSED;
		snprintf(r->text, TEXT, "data refused due to high memory usage");
	} else if (!admit(in, r)) {
		r->outcome = REQUEST_REFUSED;
		count_add(&c->refused, in->n_accepted);
	} else {
		count_add(&c->accepted, in->n_accepted);
		count_add(&c->refused, in->n_refused);
		count_add(&cell->n_utf8, in->n_utf8);
	}
	if (r->outcome == REQUEST_OK && in->n_refused) {
		r->outcome = REQUEST_PARTIAL;
		r->n_refused = in->n_refused;
		snprintf(r->text, TEXT, "%.*s", TEXT - 1, sr->refused_text);
	}
}

void intake_push(struct stage *receiver, enum signal signal, struct buf *body, const struct client *client,
        struct intake_result *r)
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
	};
	*r = (struct intake_result){ .outcome = REQUEST_UNSUPPORTED };
	if (in.n_routes > COUNTOF(small) && !(in.records = calloc(in.n_routes, sizeof(struct record *))))
		abort();
	if (in.n_routes) {
		int rc = signal == TRACES ? all_traces(&in, body, &report, &e) : all_others(&in, signal, body, &e);
		conclude(&in, signal, rc, &report, &e, r);
	}
	for (size_t i = 0; i < in.n_routes; i++)
		if (in.records[i])
			record_unref(in.records[i]);
	if (in.records != small)
		free(in.records);
	buf_unref(body);
	intake_count(receiver, r->outcome);
}
