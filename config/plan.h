/* plan.h - a config after loading: checked, typed, ready to be built into a graph; nothing is started yet.
 *
 * plan_load reads and merges the sources, expands ${..}, resolves ids against the registry, fills every
 * component's conf from its option table (unused ones too), checks the service graph, and reports all findings of one run.
 * Everything hangs in plan->arena; a plan is immutable after load and freed by plan_free.
 */
#pragma once
#include "lib/base/arena.h"
#include "lib/conf/findings.h"
#include "lib/conf/node.h"
#include "lib/pipe/component.h"

struct plan_component {
	const struct component *type;
	const char *id; /* canonical: aliases replaced ("otlphttp/a" is "otlp_http/a") */
	struct pos pos; /* of the id in the file */
	struct node *node; /* its section, NULL when null or implicit */
	void *conf;
	bool used; /* named by a pipeline or by service.extensions */
};

struct plan_pipeline {
	const char *id; /* "traces/in" */
	enum signal signal;
	struct plan_component **receivers, **processors, **exporters;
	size_t n_receivers, n_processors, n_exporters;
};

enum metrics_level { METRICS_NONE, METRICS_BASIC, METRICS_NORMAL, METRICS_DETAILED };

struct service_conf {
	duration drain_timeout; /* default 25s */
	uint32_t workers; /* 0: the cgroup's CPUs */
	struct {
		int level, encoding; /* enum log_level; -1: auto (text on a terminal, json otherwise), enum log_encoding */
		struct conf_strs output_paths; /* stderr, stdout, paths */
		bool sampling;
	} logs;
	struct {
		int level; /* enum metrics_level */
		slice host; /* of the Prometheus reader; level none or no reader: empty */
		uint32_t port;
	} metrics;
};

struct plan {
	struct arena arena;
	struct node *root; /* merged and expanded */
	struct plan_component *components;
	size_t n_components;
	struct plan_pipeline *pipelines;
	size_t n_pipelines;
	struct plan_component **extensions; /* in start order */
	size_t n_extensions;
	struct service_conf service;
};

struct plan_sources {
	const char *const *configs; /* --config values in order: path, file:PATH, env:NAME, yaml:TEXT, "-" */
	size_t n_configs;
	const char *const *sets; /* --set key::path=value, applied last; dots are taken as separators too when there is no "::" */
	size_t n_sets;
};

/* NULL when there were errors (all of them are in f). Opens no socket, resolves no name. */
struct plan *plan_load(const struct plan_sources *src, struct findings *f) MUST_USE;
void plan_free(struct plan *p);
const struct plan_component *plan_find(const struct plan *p, enum kind kind, const char *id);
/* The merged, expanded config as YAML; secrets as [REDACTED] unless `unredacted`. */
struct strbuf;
int plan_print(const struct plan *p, bool unredacted, struct strbuf *out);
