/* metrics.c - the page on localhost:8888/metrics, Prometheus text format 0.0.4.
 *
 * The Collector's names for what both have, weir_* for the rest. Made anew for each scrape on the main thread from relaxed
 * counters; nothing is kept. Labels are component ids and fixed words, never input. */
#include "lib/base/strbuf.h"
#include "lib/pipe/graph_parts.h"
#include "lib/pipe/meter.h"
#include "lib/pipe/storage.h"

#include <sys/resource.h>
#include <unistd.h>

enum { MAX_PAGE = 16 << 20 };

struct page {
	struct strbuf b;
	const struct core *core;
};

static void family(struct page *p, const char *name, const char *type, const char *help)
{
	strbuf_addf(&p->b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* `name{label="id"`, for the rest of the labels and "} value" to follow. An id may hold any punctuation; what JSON escapes
 * in it is what the exposition format escapes. */
static void series(struct page *p, const char *name, const char *label, slice id)
{
	strbuf_addf(&p->b, "%s{%s=\"", name, label);
	strbuf_add_json(&p->b, id);
	strbuf_addc(&p->b, '"');
}

static void single(struct page *p, const char *name, const char *type, const char *help, double value)
{
	family(p, name, type, help);
	strbuf_addf(&p->b, "%s %.17g\n", name, value);
}

static uint64_t get_sent(const struct exporter_counts *c)
{
	return count_get(&c->delivered);
}

static uint64_t get_send_failed(const struct exporter_counts *c)
{
	return count_get(&c->send_failed);
}

static uint64_t get_enqueue_failed(const struct exporter_counts *c)
{
	return count_get(&c->enqueue_failed);
}

static const struct exporter_column {
	const char *names[N_SIGNALS], *help;
	uint64_t (*get)(const struct exporter_counts *c);
} exporter_columns[] = {
	{ { "otelcol_exporter_sent_spans", "otelcol_exporter_sent_log_records", "otelcol_exporter_sent_metric_points" },
	        "Items delivered to the destination.", get_sent },
	{ { "otelcol_exporter_send_failed_spans", "otelcol_exporter_send_failed_log_records",
	          "otelcol_exporter_send_failed_metric_points" },
	        "Items that failed for good: refused by the destination, or dropped after retries.", get_send_failed },
	{ { "otelcol_exporter_enqueue_failed_spans", "otelcol_exporter_enqueue_failed_log_records",
	          "otelcol_exporter_enqueue_failed_metric_points" },
	        "Items refused, or older ones dropped, because the sending queue was full.", get_enqueue_failed },
};

static void add_exporter_columns(struct page *p, unsigned k)
{
	const struct map *m = &p->core->exporter_stats;
	for (size_t i = 0; i < COUNTOF(exporter_columns); i++) {
		const struct exporter_column *col = &exporter_columns[i];
		family(p, col->names[k], "counter", col->help);
		for (size_t x = 0; x < m->n; x++) {
			const struct exporter_stats *s = m->entries[x].value;
			if (!s->in_force)
				continue;
			series(p, col->names[k], "exporter", m->entries[x].key);
			strbuf_addf(&p->b, "} %llu\n", (unsigned long long)col->get(&s->by_signal[k]));
		}
	}
}

static uint64_t sum_dropped(const struct exporter_counts *c)
{
	uint64_t n = 0;
	for (unsigned r = 0; r < N_DROP_REASONS; r++)
		n += count_get(&c->dropped[r]);
	return n;
}

static void outcome(struct page *p, const char *name, slice id, const char *what, uint64_t n)
{
	series(p, name, "exporter", id);
	strbuf_addf(&p->b, ",outcome=\"%s\"} %llu\n", what, (unsigned long long)n);
}

/* The conservation equation, one line per term. */
static void add_outcomes(struct page *p, unsigned k)
{
	static const char *const names[N_SIGNALS] = { "weir_exporter_spans", "weir_exporter_log_records",
		"weir_exporter_metric_points" };
	const struct map *m = &p->core->exporter_stats;
	family(p, names[k], "gauge",
	        "Items by outcome: accepted = delivered + rejected + dead_lettered + dropped + queued, exact at rest.");
	for (size_t x = 0; x < m->n; x++) {
		const struct exporter_stats *s = m->entries[x].value;
		const struct exporter_counts *c = &s->by_signal[k];
		slice id = m->entries[x].key;
		if (!s->in_force)
			continue;
		outcome(p, names[k], id, "accepted", count_get(&c->accepted));
		outcome(p, names[k], id, "delivered", count_get(&c->delivered));
		outcome(p, names[k], id, "rejected", count_get(&c->rejected));
		outcome(p, names[k], id, "dead_lettered", count_get(&c->dead_lettered));
		outcome(p, names[k], id, "dropped", sum_dropped(c));
		outcome(p, names[k], id, "queued", count_get(&c->queued));
	}
}

static void add_drops(struct page *p, unsigned k)
{
	static const char *const names[N_SIGNALS] = { "weir_exporter_dropped_spans",
		"weir_exporter_dropped_log_records", "weir_exporter_dropped_metric_points" };
	const struct map *m = &p->core->exporter_stats;
	family(p, names[k], "counter", "Items lost, by reason.");
	for (size_t x = 0; x < m->n; x++) {
		const struct exporter_stats *s = m->entries[x].value;
		for (unsigned r = 0; s->in_force && r < N_DROP_REASONS; r++) {
			series(p, names[k], "exporter", m->entries[x].key);
			strbuf_addf(&p->b, ",reason=\"%s\"} %llu\n", drop_reason_name((enum drop_reason)r),
			        (unsigned long long)count_get(&s->by_signal[k].dropped[r]));
		}
	}
}

static void queue_series(struct page *p, const char *name, const struct exporter *e, uint64_t n)
{
	series(p, name, "exporter", slice_of(exporter_id(e)));
	strbuf_addf(&p->b, ",data_type=\"traces\"} %llu\n", (unsigned long long)n);
}

static void add_queues(struct page *p)
{
	struct exporter *const *v;
	size_t n = core_exporters(p->core, &v);
	family(p, "otelcol_exporter_queue_size", "gauge", "Reserved room of the sending queue, in the sizer's unit.");
	for (size_t i = 0; i < n; i++)
		queue_series(p, "otelcol_exporter_queue_size", v[i], exporter_view(v[i]).queue_size);
	family(p, "otelcol_exporter_queue_capacity", "gauge", "Room of the sending queue, in the sizer's unit.");
	for (size_t i = 0; i < n; i++)
		queue_series(p, "otelcol_exporter_queue_capacity", v[i], exporter_view(v[i]).queue_capacity);
	family(p, "otelcol_exporter_in_flight_requests", "gauge", "Deliveries being sent now.");
	for (size_t i = 0; i < n; i++)
		queue_series(
		        p, "otelcol_exporter_in_flight_requests", v[i], count_get(&exporter_stats(v[i])->in_flight));
	family(p, "weir_exporter_retries", "counter", "Deliveries that were sent again.");
	for (size_t i = 0; i < n; i++) {
		series(p, "weir_exporter_retries", "exporter", slice_of(exporter_id(v[i])));
		strbuf_addf(&p->b, "} %llu\n", (unsigned long long)count_get(&exporter_stats(v[i])->n_retries));
	}
	family(p, "weir_exporter_state", "gauge", "1 for the state the exporter is in.");
	for (size_t i = 0; i < n; i++) {
		series(p, "weir_exporter_state", "exporter", slice_of(exporter_id(v[i])));
		strbuf_addf(&p->b, ",state=\"%s\"} 1\n", exporter_state_name(exporter_state(v[i])));
	}
}

static void add_receivers(struct page *p, unsigned k, bool refused)
{
	static const char *const names[2][N_SIGNALS] = {
		{ "otelcol_receiver_accepted_spans", "otelcol_receiver_accepted_log_records",
		        "otelcol_receiver_accepted_metric_points" },
		{ "otelcol_receiver_refused_spans", "otelcol_receiver_refused_log_records",
		        "otelcol_receiver_refused_metric_points" },
	};
	const struct map *m = &p->core->receiver_stats;
	const char *name = names[refused][k];
	family(p, name, "counter",
	        refused ? "Items refused: invalid alone, or no room." : "Items taken into the pipelines.");
	for (size_t x = 0; x < m->n; x++) {
		const struct receiver_stats *s = m->entries[x].value;
		uint64_t n = 0;
		if (!s->in_force)
			continue;
		for (unsigned w = 0; w < s->n_cells; w++) {
			const struct receiver_counts *c = &s->cells[w].by_signal[k];
			n += count_get(refused ? &c->refused : &c->accepted);
		}
		series(p, name, "receiver", m->entries[x].key);
		strbuf_addf(&p->b, ",transport=\"http\"} %llu\n", (unsigned long long)n);
	}
}

static void add_requests(struct page *p)
{
	const struct map *m = &p->core->receiver_stats;
	family(p, "weir_receiver_requests", "counter", "Requests answered, by outcome.");
	for (size_t x = 0; x < m->n; x++) {
		const struct receiver_stats *s = m->entries[x].value;
		for (unsigned o = 0; s->in_force && o < N_REQUEST_OUTCOMES; o++) {
			uint64_t n = 0;
			for (unsigned w = 0; w < s->n_cells; w++)
				n += count_get(&s->cells[w].n_requests[o]);
			series(p, "weir_receiver_requests", "receiver", m->entries[x].key);
			strbuf_addf(&p->b, ",outcome=\"%s\"} %llu\n", request_outcome_name((enum request_outcome)o),
			        (unsigned long long)n);
		}
	}
	family(p, "weir_receiver_utf8_replaced", "counter", "Invalid UTF-8 sequences replaced by U+FFFD.");
	for (size_t x = 0; x < m->n; x++) {
		const struct receiver_stats *s = m->entries[x].value;
		uint64_t n = 0;
		if (!s->in_force)
			continue;
		for (unsigned w = 0; w < s->n_cells; w++)
			n += count_get(&s->cells[w].n_utf8);
		series(p, "weir_receiver_utf8_replaced", "receiver", m->entries[x].key);
		strbuf_addf(&p->b, "} %llu\n", (unsigned long long)n);
	}
}

static double rss_bytes(void)
{
	unsigned long size = 0, rss = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return 0;
	if (fscanf(f, "%lu %lu", &size, &rss) != 2)
		rss = 0;
	fclose(f);
	return (double)rss * (double)sysconf(_SC_PAGESIZE);
}

static double bytes_of(struct store *s)
{
	return (double)store_bytes(s);
}

static double failed_of(struct store *s)
{
	return store_failed(s);
}

static double damaged_items_of(struct store *s)
{
	return (double)store_damage(s).n_items;
}

static double damaged_bytes_of(struct store *s)
{
	return (double)store_damage(s).n_bytes;
}

static void add_storages(struct page *p)
{
	static const struct {
		const char *name, *type, *help;
		double (*value)(struct store *s);
	} rows[] = {
		{ "weir_storage_bytes", "gauge", "Bytes of all files of the storage.", bytes_of },
		{ "weir_storage_failed", "gauge", "1 while the disk refuses writes: requests get 503.", failed_of },
		{ "weir_storage_damaged_items", "counter", "Items of records that could not be read back.",
		        damaged_items_of },
		{ "weir_storage_damaged_bytes", "counter", "Bytes that were skipped because no record begins there.",
		        damaged_bytes_of },
	};
	const struct graph *g = p->core->graph;
	for (size_t k = 0; g && k < COUNTOF(rows); k++) {
		bool any = false;
		for (size_t i = 0; i < g->plan->n_components; i++) {
			const struct plan_component *c = &g->plan->components[i];
			const struct storage *s = c->used && c->type->provides
			        ? c->type->provides(g->nodes[i].shared, IFACE_STORAGE)
			        : NULL;
			if (!s)
				continue;
			if (!any)
				family(p, rows[k].name, rows[k].type, rows[k].help);
			any = true;
			series(p, rows[k].name, "storage", slice_of(c->id));
			strbuf_addf(&p->b, "} %.17g\n", rows[k].value(s->store));
		}
	}
}

static void add_process(struct page *p)
{
	const struct core *c = p->core;
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	        (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	double up = (double)(loop_now(c->loop) - c->started_mono_ns) / (double)NS_PER_S;
	single(p, "otelcol_process_uptime", "counter", "Seconds since start.", up);
	single(p, "otelcol_process_cpu_seconds", "counter", "User and system CPU seconds.", cpu);
	single(p, "otelcol_process_memory_rss", "gauge", "Resident memory in bytes.", rss_bytes());
	single(p, "weir_pool_used_bytes", "gauge", "Bytes of request data held now.", (double)pool_used(&c->pool));
	single(p, "weir_pool_limit_bytes", "gauge", "Bytes of request data that may be held.",
	        (double)count_get(&c->pool.limit));
	single(p, "weir_pool_refused", "counter", "How often the byte pool said no.",
	        (double)count_get(&c->pool.n_refused));
	single(p, "weir_config_reload_total", "counter", "Reloads that took effect.", (double)count_get(&c->n_reloads));
	single(p, "weir_config_reload_failed", "counter", "Reloads that failed; the old config served on.",
	        (double)count_get(&c->n_reload_failures));
	family(p, "weir_build_info", "gauge", "Always 1; the version is the label.");
	strbuf_addf(&p->b, "weir_build_info{version=\"%s\"} 1\n", c->o.version);
}

static int on_head(void *ctx, struct exchange *x, size_t *max_body)
{
	const struct http_head *h = exchange_head(x);
	(void)ctx;
	*max_body = 0;
	bool get = slice_is(h->method, "GET"), found = slice_is(h->path, "/metrics");
	if (get && found)
		return 0;
	struct http_header allow = { SLICE("Allow"), SLICE("GET") };
	struct http_answer a = {
		.status = found ? 405 : 404,
		.content_type = SLICE("text/plain; charset=utf-8"),
		.body = found ? SLICE("method not allowed\n") : SLICE("not found: metrics are at /metrics\n"),
		.headers = &allow,
		.n_headers = found,
	};
	exchange_answer(x, &a);
	return 1;
}

static void on_request(void *ctx, struct exchange *x)
{
	struct stage *s = ctx;
	struct page p = { .core = s->core };
	strbuf_init(&p.b, MAX_PAGE);
	add_requests(&p);
	for (unsigned k = 0; k < N_SIGNALS; k++) {
		add_receivers(&p, k, false);
		add_receivers(&p, k, true);
		add_exporter_columns(&p, k);
		add_outcomes(&p, k);
		add_drops(&p, k);
	}
	add_queues(&p);
	meters_print(s->core, (double)clock_wall(s->loop->clock) / (double)NS_PER_S, &p.b);
	add_storages(&p);
	add_process(&p);
	struct http_answer a = {
		.status = p.b.failed ? 500 : 200,
		.content_type = SLICE("text/plain; version=0.0.4; charset=utf-8"),
		.body = strbuf_slice(&p.b),
	};
	exchange_answer(x, &a);
	strbuf_release(&p.b);
}

static void on_fault(void *ctx, struct exchange *x, int status, const char *text)
{
	(void)ctx;
	struct http_answer a = {
		.status = status, .content_type = SLICE("text/plain"), .body = slice_of(text), .close = true
	};
	exchange_answer(x, &a);
}

const struct http_handler metrics_handler = { on_head, on_request, on_fault };
