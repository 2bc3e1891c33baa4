/* core_internal.h - the structs behind core.h; lib/pipe only.
 *
 * Ownership: the core owns workers, listeners, exporters and per-id counters, which outlive graphs. A graph owns its
 * stages and pins its plan; it is freed when the core, and every exporter stage made from its plan, has let go, by the last of them.
 * Workers use the graph that they adopted last; adoption is a call the main thread waits for, so afterwards nobody uses the old one.
 */
#pragma once
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/net/acceptor.h"
#include "lib/net/compress.h"
#include "lib/net/http_server.h"
#include "lib/pipe/core.h"
#include "lib/pipe/groups.h"

struct graph;

struct worker {
	struct core *core;
	unsigned index; /* the main thread's pseudo-worker has index n_workers */
	struct loop *loop; /* &own_loop, or the main loop */
	struct loop own_loop;
	struct http_server *server;
	struct codec *codec;
	uv_check_t check; /* publishes n_connections after each poll */
	_Atomic size_t n_connections; /* open, as of the last poll */
	_Atomic size_t n_posted; /* handed over and not adopted yet */
	struct graph *graph;
	struct ack *acks, *last_ack; /* requests that wait for their answer */
	struct timer ack_timer; /* begun with the first of them */
	bool stopped; /* server and check are closed */
};

/* One bound address; lives through reloads. */
struct listener {
	struct listener *next;
	struct core *core;
	char *key; /* endpoint and transport as configured */
	struct acceptor *acceptor;
	bool on_main; /* extensions and the metrics page */
	bool started;
	struct http_site *sites; /* one per worker, the main thread's last */
};

/* What a graph wants of a listener; copied into the sites when workers adopt it. */
struct listen_point {
	struct listener *listener;
	bool fresh; /* made for this graph: closed again on rollback */
	struct http_site *sites;
};

struct pipeline {
	const char *id; /* interned */
	enum signal signal;
	unsigned index;
	struct pipeline_settings settings;
	struct exporter **exporters;
	size_t n_exporters;
	struct stage **first; /* per worker: where batches enter; NULL when there is no stage */
};

/* A component of the plan as this graph runs it. */
struct graph_node {
	const struct plan_component *plan;
	void *shared;
	struct graph_stage *stages; /* per worker (receivers), one (extensions) */
	size_t n_started;
	struct pipeline **routes[N_SIGNALS]; /* receivers: pipelines fed */
	size_t n_routes[N_SIGNALS];
	struct receiver_stats *stats; /* receivers */
};

struct graph_stage {
	struct stage stage; /* first */
	struct graph *graph;
	struct graph_node *node;
	struct worker *worker;
};

struct graph {
	_Atomic unsigned refs; /* the core's and one per exporter stage of this plan */
	struct core *core;
	struct plan *plan;
	struct arena arena;
	struct graph_node *nodes; /* parallel to plan->components */
	struct pipeline *pipelines;
	VEC(struct graph_stage *) chain; /* processor stages of all pipelines and workers, to stop */
	VEC(struct listen_point) points;
	VEC(struct exporter *) exporters; /* used by this graph, ordered by id */
	VEC(struct exporter *) fresh; /* made for this graph: freed on rollback */
	VEC(struct exporter *) returned; /* were orphans: they are again on rollback */
};

struct core {
	struct core_options o;
	struct loop *loop;
	struct log *log;
	struct pool pool;
	struct worker *workers; /* n_workers + 1 */
	unsigned n_workers;
	struct graph *graph;
	struct listener *listeners, *closed_listeners;
	VEC(struct exporter *) orphans; /* removed by a reload, draining */
	VEC(char *) names; /* interned pipeline ids */
	struct map exporter_stats, receiver_stats; /* by id, for the life of the core */
	VEC(char *) ids; /* keys of those maps */
	VEC(struct meter *) meters;
	struct timer timer; /* drain steps; connection cap */
	_Atomic int phase;
	_Atomic uint64_t n_reloads, n_reload_failures;
	int64_t started_wall_ns, started_mono_ns;
	bool accepting_paused;

	/* draining */
	int64_t drain_deadline_ns, intake_deadline_ns;
	_Atomic bool intake_closed; /* nothing is admitted any more */
	_Atomic size_t n_admissions; /* on their way through storages */
	bool exporters_draining, hurried, drained;
	size_t n_draining;
	void (*on_drained)(void *ctx, uint64_t n_lost);
	void *on_drained_ctx;
};

static inline struct graph_stage *graph_stage_of(struct stage *s)
{
	return CONTAINER_OF(s, struct graph_stage, stage);
}

/* names.c */
const char *core_intern(struct core *c, const char *name);
struct exporter_stats *core_exporter_stats(struct core *c, const char *id);
struct receiver_stats *core_receiver_stats(struct core *c, const char *id);

/* worker.c */
void worker_start(struct worker *w, struct core *c, unsigned index);
void worker_adopt(struct worker *w, struct graph *g); /* call from the main thread; waits */
void worker_drain(struct worker *w);
bool worker_idle(struct worker *w); /* no request in work; waits */
void worker_stop(struct worker *w);

/* core.c. An exporter of this id that a reload removed and that still drains its storage, or NULL: nobody uses its cursor. -1: it is going, and
 * has not gone within a second. */
int core_take_back(struct core *c, const struct plan_component *p, struct exporter **out, struct err *e);
void core_retire(struct core *c, struct exporter *e); /* no graph names it any more */

/* drain.c */
void core_give_up_storages(struct core *c); /* no request waits for a disk any longer */
void core_on_timer(struct timer *t); /* drain steps, or the connection cap */

/* listener.c */
struct listener *listener_open(struct core *c, const struct http_server_conf *conf, bool on_main, struct err *e);
struct listener *listener_find(struct core *c, const struct http_server_conf *conf);
void listener_start(struct listener *l);
void listener_close(struct listener *l); /* stops accepting; its sites stay until core_free */
void listener_free(struct listener *l);
void listener_check_cap(struct core *c);
/* Answers on connections of a listener that a reload removed: their stage is gone. */
extern const struct http_handler listener_gone;

/* graph.c */
struct graph *graph_build(struct core *c, struct plan *plan, struct err *e); /* takes the plan */
struct listen_point *graph_point(const struct graph *g, const struct listener *l); /* NULL: the graph does not use it */
void graph_stop(struct graph *g); /* stages that no worker uses any more */
void graph_unref(void *g); /* any thread */

/* metrics.c */
extern const struct http_handler metrics_handler;
