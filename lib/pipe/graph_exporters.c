/* graph_exporters.c - which exporters a graph uses, what is prepared before, and what is committed after, the swap.
 *
 * An exporter is found again by type and id. Equal options (by the option table) keep the running stage; changed ones
 * get a stage prepared on the exporter's thread. Settings that live in the core (queue, retry, batching, required) are
 * computed here and copied at commit. */
#include "lib/pipe/graph_parts.h"

struct exporter *graph_exporter(const struct graph *g, const struct plan_component *p)
{
	for (size_t i = 0; i < g->exporters.n; i++)
		if (exporter_type(g->exporters.v[i]) == p->type && !strcmp(exporter_id(g->exporters.v[i]), p->id))
			return g->exporters.v[i];
	return NULL;
}

static bool is_fresh(const struct graph *g, const struct exporter *e)
{
	for (size_t i = 0; i < g->fresh.n; i++)
		if (g->fresh.v[i] == e)
			return true;
	return false;
}

static int add_exporter(struct graph *g, const struct plan_component *p, struct err *e)
{
	struct core *c = g->core;
	struct exporter *x = c->graph ? graph_exporter(c->graph, p) : NULL;
	if (!x) {
		if (core_take_back(c, p, &x, e))
			return err_prefix(e, "%s", p->id);
		if (x)
			*VEC_ADD(&g->returned) = x;
	}
	if (!x) {
		x = exporter_new(p->type, p->id, core_exporter_stats(c, p->id), c->loop, c->log);
		*VEC_ADD(&g->fresh) = x;
	} else if (conf_equal(p->type->fields, exporter_conf_in_use(x), p->conf)) {
		*VEC_ADD(&g->exporters) = x;
		return 0;
	}
	atomic_fetch_add(&g->refs, 1);
	if (exporter_prepare(x, p->conf, graph_node_of(g, p)->shared, g, graph_unref, c, e)) {
		atomic_fetch_sub(&g->refs, 1);
		return err_prefix(e, "%s", p->id);
	}
	*VEC_ADD(&g->exporters) = x;
	return 0;
}

int graph_add_exporters(struct graph *g, struct err *e)
{
	for (size_t i = 0; i < g->plan->n_components; i++) {
		const struct plan_component *p = &g->plan->components[i];
		if (p->used && p->type->kind == EXPORTER && add_exporter(g, p, e))
			return -1;
	}
	return 0;
}

bool plan_requires(const struct plan *p, const struct plan_component *exporter)
{
	const struct exporter_conf *c = exporter->conf;
	if (c->required != TRI_AUTO)
		return c->required == TRI_TRUE;
	for (size_t i = 0; i < p->n_pipelines; i++)
		for (size_t k = 0; k < p->pipelines[i].n_exporters; k++)
			if (p->pipelines[i].exporters[k] == exporter && p->pipelines[i].n_exporters > 1)
				return false;
	return true;
}

static struct batch_settings batch_of(const struct queue_conf *q, const struct pipeline_settings *s)
{
	if (q->batch.enabled)
		return (struct batch_settings){
			.enabled = true,
			.flush_ns = q->batch.flush_timeout.ns,
			.min_size = (uint64_t)q->batch.min_size,
			.max_size = (uint64_t)q->batch.max_size,
			.sizer = queue_batch_sizer(q),
		};
	return (struct batch_settings){
		.enabled = s->has_batch,
		.flush_ns = s->batch_timeout.ns,
		.min_size = s->batch_min_items,
		.max_size = s->batch_max_items,
		.sizer = SIZER_ITEMS,
	};
}

/* The batching of each pipeline that feeds the exporter. */
static size_t collect_batches(struct graph *g, const struct plan_component *p, struct pipeline_batch *out)
{
	const struct exporter_conf *conf = p->conf;
	size_t n = 0;
	for (size_t i = 0; i < g->plan->n_pipelines; i++) {
		const struct plan_pipeline *pp = &g->plan->pipelines[i];
		for (size_t k = 0; k < pp->n_exporters; k++) {
			if (pp->exporters[k] != p)
				continue;
			out[n++] = (struct pipeline_batch){
				.pipeline = g->pipelines[i].id,
				.batch = batch_of(&conf->sending_queue, &g->pipelines[i].settings),
			};
			break;
		}
	}
	return n;
}

/* What the queues of a graph ask for. */
struct demand {
	uint64_t bytes; /* of those that count bytes, together */
	uint64_t n, n_others;
};

static struct demand demand_of(const struct graph *g)
{
	struct demand d = { 0 };
	for (size_t i = 0; i < g->plan->n_components; i++) {
		const struct plan_component *p = &g->plan->components[i];
		if (!p->used || p->type->kind != EXPORTER)
			continue;
		const struct queue_conf *q = &((const struct exporter_conf *)p->conf)->sending_queue;
		bool counts_bytes = q->sizer == SIZER_BYTES;
		d.n++;
		d.n_others += !counts_bytes;
		if (counts_bytes && __builtin_add_overflow(d.bytes, q->queue_size, &d.bytes))
			d.bytes = UINT64_MAX;
	}
	return d;
}

/* All queues together hold at most 3/4 of the pool: a dead destination cannot stop the intake. Those
 * that count bytes have what they ask for, scaled down when that would leave the others less than a quarter of an
 * equal share each; the others share what is left. */
static uint64_t quota_of(const struct graph *g, const struct queue_conf *q)
{
	struct demand d = demand_of(g);
	uint64_t pool = atomic_load(&g->core->pool.limit) / 4 * 3;
	uint64_t room = pool - pool / d.n / 4 * d.n_others;
	if (q->sizer != SIZER_BYTES)
		return (pool - (d.bytes < room ? d.bytes : room)) / d.n_others;
	return d.bytes <= room ? q->queue_size : (uint64_t)((double)q->queue_size / (double)d.bytes * (double)room);
}

/* The Collector's batch processor stands in front of the queue, so there "1000 requests" are 1000 batches. Here it is
 * lowered behind the queue: the same room is counted in items. The byte quota bounds both. */
static void size_for_batch(struct exporter_settings *s, const struct queue_conf *q)
{
	uint64_t largest = 0;
	if (q->batch.enabled || s->sizer != SIZER_REQUESTS)
		return;
	for (size_t i = 0; i < s->n_batches; i++)
		if (s->batches[i].batch.enabled && s->batches[i].batch.min_size > largest)
			largest = s->batches[i].batch.min_size;
	if (!largest)
		return;
	s->sizer = SIZER_ITEMS;
	s->capacity = s->capacity > UINT64_MAX / largest ? UINT64_MAX : s->capacity * largest;
}

/* Of the extension that the queue names; the config was checked. */
static struct storage *storage_of(const struct graph *g, const struct queue_conf *q)
{
	for (size_t i = 0; q->storage.len && i < g->plan->n_components; i++) {
		const struct plan_component *p = &g->plan->components[i];
		if (p->type->kind == EXTENSION && p->used && p->type->provides && slice_is(q->storage, p->id))
			return p->type->provides(g->nodes[i].shared, IFACE_STORAGE);
	}
	return NULL;
}

static void commit_exporter(struct graph *g, const struct plan_component *p)
{
	const struct exporter_conf *conf = p->conf;
	const struct queue_conf *q = &conf->sending_queue;
	struct pipeline_batch *batches = calloc(g->plan->n_pipelines + 1, sizeof *batches);
	if (!batches)
		abort();
	struct exporter_settings s = {
		.retry = conf->retry_on_failure,
		.n_consumers = q->enabled ? q->num_consumers : 1,
		.capacity = q->queue_size,
		.quota = quota_of(g, q),
		.sizer = (enum sizer)q->sizer,
		.required = plan_requires(g->plan, p),
		.drop_oldest = conf->overflow == OVERFLOW_DROP_OLDEST,
		.drop_newest = conf->overflow == OVERFLOW_DROP_NEWEST,
		.batches = batches,
		.n_batches = collect_batches(g, p, batches),
	};
	struct exporter *e = graph_exporter(g, p);
	s.storage = storage_of(g, q);
	s.stored = s.storage || exporter_storage(e); /* a storage stays until the next start */
	if (s.stored)
		s.quota = q->max_lag_bytes.n ? q->max_lag_bytes.n : UINT64_MAX;
	if (conf->overflow == OVERFLOW_AUTO)
		s.drop_oldest = !s.required;
	size_for_batch(&s, q);
	exporter_commit(e, &s);
	free(batches);
}

void graph_commit_exporters(struct graph *g)
{
	for (size_t i = 0; i < g->plan->n_components; i++) {
		const struct plan_component *p = &g->plan->components[i];
		if (p->used && p->type->kind == EXPORTER)
			commit_exporter(g, p);
	}
}

void graph_rollback(struct graph *g)
{
	for (size_t i = 0; i < g->exporters.n; i++)
		if (!is_fresh(g, g->exporters.v[i]))
			exporter_rollback(g->exporters.v[i]);
	for (size_t i = 0; i < g->fresh.n; i++)
		exporter_free(g->fresh.v[i]);
	for (size_t i = 0; i < g->returned.n; i++)
		core_retire(g->core, g->returned.v[i]);
	graph_stop(g);
	for (size_t i = 0; i < g->points.n; i++) {
		free(g->points.v[i].sites);
		if (g->points.v[i].fresh)
			listener_close(g->points.v[i].listener);
	}
	graph_unref(g);
}
