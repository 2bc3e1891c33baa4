/* graph.c - a plan becomes a graph: exporters found or made, stages started, pipelines wired (see core_internal.h).
 *
 * Building changes nothing that runs: existing exporters get a prepared stage, listeners of unchanged addresses are
 * reused, fresh ones are bound but do not accept. Everything is undone by graph_rollback when a start fails. */
#include "lib/pipe/graph_parts.h"

static void *shared_of(const struct graph *g, const struct plan_component *like)
{
	for (size_t i = 0; g && i < g->plan->n_components; i++) {
		const struct plan_component *p = &g->plan->components[i];
		if (p->type == like->type && !strcmp(p->id, like->id))
			return g->nodes[i].shared;
	}
	return NULL;
}

static int open_nodes(struct graph *g, struct err *e)
{
	for (size_t i = 0; i < g->plan->n_components; i++) {
		struct graph_node *n = &g->nodes[i];
		const struct plan_component *p = &g->plan->components[i];
		const struct component *type = p->type;
		n->plan = p;
		if (!p->used)
			continue;
		if (type->shared_size)
			n->shared = arena_zalloc(&g->arena, type->shared_size);
		if (type->open && type->open(n->shared, p->conf, shared_of(g->core->graph, p), e))
			return err_prefix(e, "%s", p->id);
		n->n_started += type->open != NULL && type->close != NULL; /* close is due */
	}
	return 0;
}

struct graph_node *graph_node_of(struct graph *g, const struct plan_component *p)
{
	return &g->nodes[p - g->plan->components];
}

struct graph_stage *graph_stage_new(struct graph *g, struct graph_node *n, struct worker *w)
{
	struct graph_stage *s = arena_zalloc(&g->arena, sizeof *s);
	const struct component *type = n->plan->type;
	s->graph = g;
	s->node = n;
	s->worker = w;
	s->stage.type = type;
	s->stage.id = n->plan->id;
	s->stage.conf = n->plan->conf;
	s->stage.shared = n->shared;
	s->stage.state = type->state_size ? arena_zalloc(&g->arena, type->state_size) : NULL;
	s->stage.loop = w->loop;
	s->stage.log = log_child(g->core->log, n->plan->id);
	s->stage.core = g->core;
	s->stage.worker = w->index;
	return s;
}

/* Starts one stage and remembers it for graph_stop. */
int graph_stage_start(struct graph_stage *s, struct err *e)
{
	*VEC_ADD(&s->graph->chain) = s;
	if (s->stage.type->start && s->stage.type->start(&s->stage, e)) {
		s->graph->chain.n--;
		log_free(s->stage.log);
		return err_prefix(e, "%s", s->stage.id);
	}
	return 0;
}

static int start_receivers(struct graph *g, struct err *e)
{
	for (size_t i = 0; i < g->plan->n_components; i++) {
		struct graph_node *n = &g->nodes[i];
		if (!n->plan->used || n->plan->type->kind != RECEIVER)
			continue;
		n->stats = core_receiver_stats(g->core, n->plan->id);
		for (unsigned w = 0; w < g->core->n_workers; w++)
			if (graph_stage_start(graph_stage_new(g, n, &g->core->workers[w]), e))
				return -1;
	}
	return 0;
}

static int start_extensions(struct graph *g, struct err *e)
{
	struct worker *main_worker = &g->core->workers[g->core->n_workers];
	for (size_t i = 0; i < g->plan->n_extensions; i++) {
		struct graph_node *n = graph_node_of(g, g->plan->extensions[i]);
		if (graph_stage_start(graph_stage_new(g, n, main_worker), e))
			return -1;
	}
	return 0;
}

/* The page of the core's own numbers: an extension in all but name. */
static int start_metrics(struct graph *g, struct err *e)
{
	const struct service_conf *s = &g->plan->service;
	static const struct component page = { .name = "metrics", .kind = EXTENSION };
	if (s->metrics.level == METRICS_NONE || !s->metrics.host.len)
		return 0;
	struct plan_component *p = arena_zalloc(&g->arena, sizeof *p);
	struct graph_node *n = arena_zalloc(&g->arena, sizeof *n);
	p->type = &page;
	p->id = "service::telemetry::metrics";
	n->plan = p;
	struct graph_stage *st = graph_stage_new(g, n, &g->core->workers[g->core->n_workers]);
	bool v6 = memchr(s->metrics.host.p, ':', s->metrics.host.len) && s->metrics.host.p[0] != '[';
	struct http_server_conf conf = {
		.endpoint = slice_of(arena_printf(
		        &g->arena, v6 ? "[%.*s]:%u" : "%.*s:%u", SLICE_ARG(s->metrics.host), s->metrics.port)),
		.transport = SLICE("tcp"),
		.keep_alives_enabled = true,
		.read_header_timeout = { 10 * NS_PER_S },
		.read_timeout = { 10 * NS_PER_S },
		.write_timeout = { 30 * NS_PER_S },
		.idle_timeout = { 60 * NS_PER_S },
	};
	*VEC_ADD(&g->chain) = st;
	if (stage_listen(&st->stage, &conf, &metrics_handler, &st->stage, e))
		return err_prefix(e, "%s", p->id);
	return 0;
}

struct graph *graph_build(struct core *c, struct plan *plan, struct err *e)
{
	struct graph *g = calloc(1, sizeof *g);
	if (!g)
		abort();
	g->refs = 1;
	g->core = c;
	g->plan = plan;
	arena_init(&g->arena);
	g->nodes = arena_zalloc(&g->arena, (plan->n_components + 1) * sizeof *g->nodes);
	for (size_t i = 0; i < plan->n_components; i++)
		g->nodes[i].plan = &plan->components[i];
	if (open_nodes(g, e) || graph_add_exporters(g, e) || graph_add_pipelines(g, e) || start_receivers(g, e) ||
	        start_extensions(g, e) || start_metrics(g, e)) {
		graph_rollback(g);
		return NULL;
	}
	return g;
}

void graph_stop(struct graph *g)
{
	for (size_t i = 0; i < g->chain.n; i++) {
		struct stage *s = &g->chain.v[i]->stage;
		if (s->type->stop)
			s->type->stop(s);
		log_free(s->log);
	}
	VEC_RELEASE(&g->chain);
	for (size_t i = 0; i < g->points.n; i++) {
		struct listen_point *p = &g->points.v[i];
		for (unsigned w = 0; w <= g->core->n_workers; w++)
			if (p->sites[w].tls)
				tls_unref(p->sites[w].tls);
	}
}

static void graph_free(struct graph *g)
{
	for (size_t i = 0; i < g->plan->n_components; i++) {
		struct graph_node *n = &g->nodes[i];
		if (n->n_started)
			n->plan->type->close(n->shared);
	}
	VEC_RELEASE(&g->points);
	VEC_RELEASE(&g->exporters);
	VEC_RELEASE(&g->fresh);
	VEC_RELEASE(&g->returned);
	g->core->o.plan_free(g->plan);
	arena_release(&g->arena);
	free(g);
}

void graph_unref(void *arg)
{
	struct graph *g = arg;
	if (atomic_fetch_sub(&g->refs, 1) == 1)
		graph_free(g);
}
