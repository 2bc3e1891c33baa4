/* plan.h - a config after loading: checked, typed, ready to be built into a graph; nothing is started yet.
 *
 * Made by config/plan.c, read by the core (core.h). Everything hangs in plan->arena; a plan is immutable after load,
 * outlives every graph built from it, and is freed by plan_free.
 */
#pragma once
#include "lib/base/arena.h"
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
		int level,
		        encoding; /* enum log_level; -1: auto (text on a terminal, json otherwise), enum log_encoding */
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

/* Does a 200 wait for this exporter? As `required` says; auto: when it is alone in every pipeline that names it. Its options must be
 * without findings. */
bool plan_requires(const struct plan *p, const struct plan_component *exporter);
