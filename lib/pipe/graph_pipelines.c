/* graph_pipelines.c - pipelines of a graph: lowered settings, one chain of processor stages per worker, routes, listeners.
 *
 * Processors with `lower` leave settings instead of a stage. A pipeline without any stage has first[w] == NULL, and its
 * requests are only validated. */
#include "lib/base/memory.h"
#include "lib/pipe/graph_parts.h"

enum { DEFAULT_POOL_MIB = 256 };

static void lower(struct pipeline *p, const struct plan_pipeline *pp)
{
	for (size_t i = 0; i < pp->n_processors; i++)
		if (pp->processors[i]->type->lower)
			pp->processors[i]->type->lower(pp->processors[i]->conf, &p->settings);
}

static struct stage *start_chain(
        struct graph *g, struct pipeline *p, const struct plan_pipeline *pp, struct worker *w, struct err *e)
{
	struct plan_component *end = arena_zalloc(&g->arena, sizeof *end);
	struct graph_node *end_node = arena_zalloc(&g->arena, sizeof *end_node);
	end->type = &pipeline_end;
	end->id = p->id;
	end_node->plan = end;
	struct graph_stage *last = graph_stage_new(g, end_node, w);
	if (graph_stage_start(last, e))
		return NULL;
	struct stage *next = &last->stage;
	for (size_t i = pp->n_processors; i-- > 0;) {
		if (pp->processors[i]->type->lower)
			continue;
		struct graph_stage *s = graph_stage_new(g, graph_node_of(g, pp->processors[i]), w);
		s->stage.next = next;
		if (graph_stage_start(s, e))
			return NULL;
		next = &s->stage;
	}
	return next;
}

static bool has_stage(const struct plan_pipeline *pp)
{
	for (size_t i = 0; i < pp->n_processors; i++)
		if (!pp->processors[i]->type->lower)
			return true;
	return false;
}

static void add_route(struct graph *g, struct graph_node *n, struct pipeline *p)
{
	unsigned s = signal_index(p->signal);
	if (!n->routes[s])
		n->routes[s] = arena_zalloc(&g->arena, g->plan->n_pipelines * sizeof *n->routes[s]);
	n->routes[s][n->n_routes[s]++] = p;
}

static int add_pipeline(struct graph *g, size_t i, struct err *e)
{
	struct pipeline *p = &g->pipelines[i];
	const struct plan_pipeline *pp = &g->plan->pipelines[i];
	p->id = core_intern(g->core, pp->id);
	p->signal = pp->signal;
	p->index = (unsigned)i;
	lower(p, pp);
	p->exporters = arena_zalloc(&g->arena, (pp->n_exporters + 1) * sizeof(struct exporter *));
	for (size_t k = 0; k < pp->n_exporters; k++)
		p->exporters[p->n_exporters++] = graph_exporter(g, pp->exporters[k]);
	for (size_t k = 0; k < pp->n_receivers; k++)
		add_route(g, graph_node_of(g, pp->receivers[k]), p);
	p->first = arena_zalloc(&g->arena, g->core->n_workers * sizeof(struct stage *));
	for (unsigned w = 0; has_stage(pp) && w < g->core->n_workers; w++)
		if (!(p->first[w] = start_chain(g, p, pp, &g->core->workers[w], e)))
			return -1;
	return 0;
}

/* A quarter of the memory this process may use, at most 256 MiB (reliability.md 3.9). */
static uint64_t default_pool(void)
{
	uint64_t limit = memory_total() / 4;
	return limit < DEFAULT_POOL_MIB * UINT64_C(1048576) ? limit : DEFAULT_POOL_MIB * UINT64_C(1048576);
}

uint64_t graph_pool_limit(const struct graph *g)
{
	uint64_t limit = 0;
	for (size_t i = 0; i < g->plan->n_pipelines; i++) {
		uint64_t own = g->pipelines[i].settings.memory_limit;
		if (own && (!limit || own < limit))
			limit = own;
	}
	return limit ? limit : default_pool();
}

int graph_add_pipelines(struct graph *g, struct err *e)
{
	g->pipelines = arena_zalloc(&g->arena, (g->plan->n_pipelines + 1) * sizeof *g->pipelines);
	for (size_t i = 0; i < g->plan->n_pipelines; i++)
		if (add_pipeline(g, i, e))
			return -1;
	return 0;
}

struct listen_point *graph_point(const struct graph *g, const struct listener *l)
{
	for (size_t i = 0; i < g->points.n; i++)
		if (g->points.v[i].listener == l)
			return &g->points.v[i];
	return NULL;
}

static struct listen_point *add_point(struct graph *g, struct listener *l, bool fresh)
{
	struct listen_point *p = VEC_ADD(&g->points);
	p->listener = l;
	p->fresh = fresh;
	p->sites = calloc(g->core->n_workers + 1, sizeof *p->sites);
	if (!p->sites)
		abort();
	return p;
}

static int fill_site(struct http_site *site, const struct http_server_conf *conf, struct err *e)
{
	site->limits = (struct http_limits){
		.max_header_bytes = 64 * 1024,
		.max_headers = 100,
		.header_ns = conf->read_header_timeout.ns,
		.body_ns = conf->read_timeout.ns,
		.idle_ns = conf->idle_timeout.ns,
		.write_ns = conf->write_timeout.ns,
		.keep_alive = conf->keep_alives_enabled,
	};
	if (!conf->tls.enabled)
		return 0;
	struct tls_settings tls = tls_server_settings(&conf->tls);
	site->tls = tls_server_new(&tls, e);
	return site->tls ? 0 : -1;
}

int stage_listen(struct stage *s, const struct http_server_conf *conf, const struct http_handler *handler, void *ctx,
        struct err *e)
{
	struct graph_stage *gs = graph_stage_of(s);
	struct graph *g = gs->graph;
	bool on_main = gs->worker->index == g->core->n_workers;
	struct listener *l = listener_find(g->core, conf);
	struct listen_point *p = l ? graph_point(g, l) : NULL;
	if ((p && p->sites[s->worker].handler) || (l && l->on_main != on_main))
		return err_set(
		        e, "listen %.*s: another component of this config listens there", SLICE_ARG(conf->endpoint));
	if (!l) {
		l = listener_open(g->core, conf, on_main, e);
		if (!l)
			return -1;
		p = add_point(g, l, true);
	} else if (!p) {
		p = add_point(g, l, false);
	}
	struct http_site *site = &p->sites[s->worker];
	if (fill_site(site, conf, e))
		return -1;
	site->handler = handler;
	site->ctx = ctx;
	return 0;
}
