/* core.c - making the core, applying plans, ending (see core.h).
 *
 * Order of a swap: build everything; then the point of no return: pool limit, exporters, workers, listeners; then the old
 * graph is stopped, and exporters and listeners that nobody names any more are sent home. */
#include "lib/pipe/core.h"

#include "lib/base/disk.h"
#include "lib/base/path.h"
#include "lib/pipe/graph_parts.h"
#include "lib/pipe/meter.h"
#include "lib/pipe/storage.h"

enum { ORPHAN_DRAIN_S = 25, LET_RUN_MAX = 1000 };

struct core *core_new(const struct core_options *o)
{
	struct core *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->o = *o;
	c->o.disk = o->disk ? o->disk : disk_system();
	c->loop = o->loop;
	c->log = o->log;
	c->n_workers = o->n_workers ? o->n_workers : 1;
	c->started_wall_ns = clock_wall(o->loop->clock);
	c->started_mono_ns = clock_mono(o->loop->clock);
	pool_init(&c->pool, UINT64_MAX);
	map_init(&c->exporter_stats);
	map_init(&c->receiver_stats);
	timer_init(c->loop, &c->timer, core_on_timer);
	c->workers = calloc(c->n_workers + 1, sizeof *c->workers);
	if (!c->workers)
		abort();
	for (unsigned i = 0; i <= c->n_workers; i++)
		worker_start(&c->workers[i], c, i);
	return c;
}

enum core_phase core_phase(const struct core *c)
{
	return (enum core_phase)atomic_load_explicit(&c->phase, memory_order_relaxed);
}

struct pool *core_pool(struct core *c)
{
	return &c->pool;
}

const struct core_options *core_options(const struct core *c)
{
	return &c->o;
}

struct log *core_log(struct core *c)
{
	return c->log;
}

const struct key_table *core_keys(const struct core *c)
{
	return c->o.keys;
}

int64_t core_started_wall_ns(const struct core *c)
{
	return c->started_wall_ns;
}

const char *core_version(const struct core *c)
{
	return c->o.version;
}

size_t core_exporters(const struct core *c, struct exporter *const **out)
{
	*out = c->graph ? c->graph->exporters.v : NULL;
	return c->graph ? c->graph->exporters.n : 0;
}

void core_each_address(const struct core *c, void (*each)(void *ctx, const char *address), void *ctx)
{
	for (const struct listener *l = c->listeners; l; l = l->next)
		if (!l->on_main)
			each(ctx, acceptor_address(l->acceptor));
}

void core_reload_failed(struct core *c)
{
	count_add(&c->n_reload_failures, 1);
}

static bool uses_exporter(const struct graph *g, const struct exporter *e)
{
	for (size_t i = 0; i < g->exporters.n; i++)
		if (g->exporters.v[i] == e)
			return true;
	return false;
}

/* False: it was none. */
static bool forget_orphan(struct core *c, const struct exporter *e)
{
	for (size_t i = 0; i < c->orphans.n; i++)
		if (c->orphans.v[i] == e) {
			c->orphans.v[i] = c->orphans.v[--c->orphans.n];
			return true;
		}
	return false;
}

static void on_orphan_drained(struct exporter *e, void *ctx)
{
	if (forget_orphan(ctx, e))
		exporter_free(e);
}

void core_retire(struct core *c, struct exporter *e)
{
	*VEC_ADD(&c->orphans) = e;
	exporter_drain(e, ORPHAN_DRAIN_S * NS_PER_S, DROP_REMOVED, on_orphan_drained, c);
}

static struct exporter *stored_orphan(const struct core *c, const struct plan_component *p)
{
	for (size_t i = 0; i < c->orphans.n; i++) {
		struct exporter *e = c->orphans.v[i];
		if (exporter_storage(e) && exporter_type(e) == p->type && !strcmp(exporter_id(e), p->id))
			return e;
	}
	return NULL;
}

int core_take_back(struct core *c, const struct plan_component *p, struct exporter **out, struct err *e)
{
	struct exporter *x = stored_orphan(c, p);
	*out = NULL;
	if (x && exporter_resume(x)) {
		forget_orphan(c, x);
		loop_drain_mail(c->loop); /* it may have told us that it is empty */
		*out = x;
		return 0;
	}
	for (unsigned i = 0; x && i < LET_RUN_MAX; i++) {
		exporter_let_run(x);
		loop_drain_mail(c->loop);
		x = stored_orphan(c, p);
	}
	return x ? err_set(e, "an earlier reload removed it, and it has not ended yet: reload again in a moment") : 0;
}

static struct storage *storage_in(struct exporter *const *v, size_t n, slice directory)
{
	for (size_t i = 0; i < n; i++) {
		struct storage *s = exporter_storage(v[i]);
		if (s && path_is_same(directory, slice_of(s->directory)))
			return s;
	}
	return NULL;
}

struct storage *stage_open_storage(struct stage *stage, slice directory)
{
	const struct graph *g = graph_stage_of(stage)->graph;
	struct core *c = g->core;
	loop_drain_mail(c->loop); /* what nobody has any more is closed by a mail */
	struct storage *s = storage_in(g->exporters.v, g->exporters.n, directory);
	return s ? s : storage_in(c->orphans.v, c->orphans.n, directory);
}

/* Exporters that the new graph does not name drain in the background; their loss is counted as removed. */
static void retire_exporters(struct core *c, const struct graph *old)
{
	for (size_t i = 0; i < old->exporters.n; i++) {
		struct exporter *e = old->exporters.v[i];
		if (!uses_exporter(c->graph, e))
			core_retire(c, e);
	}
}

static void close_unused_listeners(struct core *c)
{
	for (struct listener *l = c->listeners, *next; l; l = next) {
		next = l->next;
		if (!graph_point(c->graph, l))
			listener_close(l);
	}
}

static void release_sites(struct graph *g)
{
	for (size_t i = 0; i < g->points.n; i++)
		free(g->points.v[i].sites);
}

static void each_storage(const struct graph *g, void (*each)(struct storage *s))
{
	for (size_t i = 0; i < g->plan->n_components; i++) {
		const struct plan_component *p = &g->plan->components[i];
		struct storage *s =
		        p->used && p->type->provides ? p->type->provides(g->nodes[i].shared, IFACE_STORAGE) : NULL;
		if (s)
			each(s);
	}
}

/* Its counters are on the metrics page from now on, for the life of the core. */
static void show_counters(const struct graph *g)
{
	for (size_t i = 0; i < g->exporters.n; i++)
		exporter_stats(g->exporters.v[i])->in_force = true;
	for (size_t i = 0; i < g->plan->n_components; i++)
		if (g->nodes[i].stats)
			g->nodes[i].stats->in_force = true;
}

int core_apply(struct core *c, struct plan *plan, struct err *e)
{
	struct graph *g = graph_build(c, plan, e), *old = c->graph;
	if (!g) {
		c->n_reload_failures += old != NULL;
		return -1;
	}
	pool_set_limit(&c->pool, graph_pool_limit(g));
	each_storage(g, storage_commit);
	graph_commit_exporters(g);
	show_counters(g);
	c->graph = g;
	for (unsigned i = 0; i <= c->n_workers; i++)
		worker_adopt(&c->workers[i], g);
	for (size_t i = 0; i < g->points.n; i++)
		listener_start(g->points.v[i].listener);
	if (old) {
		count_add(&c->n_reloads, 1);
		close_unused_listeners(c);
		graph_stop(old);
		retire_exporters(c, old);
		release_sites(old);
		graph_unref(old);
	} else {
		atomic_store(&c->phase, CORE_SERVING);
	}
	each_storage(g, storage_check_orphans);
	return 0;
}

static void free_stats(struct map *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->entries[i].value);
	map_release(m);
}

static void free_listeners(struct core *c)
{
	for (struct listener *l = c->closed_listeners, *next; l; l = next) {
		next = l->next;
		listener_free(l);
	}
}

void core_free(struct core *c)
{
	struct graph *g = c->graph;
	while (c->listeners)
		listener_close(c->listeners);
	core_give_up_storages(c);
	for (size_t i = 0; g && i < g->exporters.n; i++)
		exporter_free(g->exporters.v[i]);
	for (unsigned i = 0; i <= c->n_workers; i++)
		worker_stop(&c->workers[i]);
	if (g) {
		graph_stop(g);
		release_sites(g);
		graph_unref(g);
	}
	timer_close(&c->timer, NULL);
	while (!c->workers[c->n_workers].stopped)
		loop_pump(c->loop);
	free_listeners(c);
	meters_free(c);
	free_stats(&c->exporter_stats);
	free_stats(&c->receiver_stats);
	for (size_t i = 0; i < c->ids.n; i++)
		free(c->ids.v[i]);
	for (size_t i = 0; i < c->names.n; i++)
		free(c->names.v[i]);
	VEC_RELEASE(&c->ids);
	VEC_RELEASE(&c->names);
	VEC_RELEASE(&c->orphans);
	free(c->workers);
	free(c);
}
