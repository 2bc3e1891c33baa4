/* graph_parts.h - the halves of building a graph: graph.c (nodes, stages), graph_exporters.c, graph_pipelines.c. */
#pragma once
#include "lib/pipe/core_internal.h"

struct graph_node *graph_node_of(struct graph *g, const struct plan_component *p);
struct graph_stage *graph_stage_new(struct graph *g, struct graph_node *n, struct worker *w);
int graph_stage_start(struct graph_stage *s, struct err *e) MUST_USE;
/* Finds or makes every exporter that a pipeline names and prepares changed ones. */
int graph_add_exporters(struct graph *g, struct err *e) MUST_USE;
/* Applies settings and prepared stages to the exporters: the point of no return. */
void graph_commit_exporters(struct graph *g);
int graph_add_pipelines(struct graph *g, struct err *e) MUST_USE;
/* Undoes a build that failed: prepared stages, fresh exporters and listeners; frees the graph. */
void graph_rollback(struct graph *g);
/* The exporter that runs this component in the graph; NULL when none does. */
struct exporter *graph_exporter(const struct graph *g, const struct plan_component *p);
/* Bytes of the pool: the smallest memory_limiter, or the default. */
uint64_t graph_pool_limit(const struct graph *g);

/* The last stage of each pipeline: turns the batch into the pipeline's record (intake.c). */
extern const struct component pipeline_end;
