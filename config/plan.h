/* plan.h - how a config becomes a plan (the structs are in lib/pipe/plan.h, where the core sees them).
 *
 * plan_load reads and merges the sources, expands ${..}, resolves ids against the registry, fills every
 * component's conf from its option table (unused ones too), checks the service graph, and reports all findings of one run.
 * Everything hangs in plan->arena; a plan is immutable after load and freed by plan_free.
 */
#pragma once
#include "lib/conf/findings.h"
#include "lib/pipe/plan.h"

struct plan_sources {
	const char *const *configs; /* --config values in order: path, file:PATH, env:NAME, yaml:TEXT, "-" */
	size_t n_configs;
	const char *const
	        *sets; /* --set key::path=value, applied last; dots are taken as separators too when there is no "::" */
	size_t n_sets;
};

/* NULL when there were errors (all of them are in f). Opens no socket, resolves no name. */
struct plan *plan_load(const struct plan_sources *src, struct findings *f) MUST_USE;
void plan_free(struct plan *p);
const struct plan_component *plan_find(const struct plan *p, enum kind kind, const char *id);
/* The merged, expanded config as YAML; secrets as [REDACTED] unless `unredacted`. */
struct strbuf;
int plan_print(const struct plan *p, bool unredacted, struct strbuf *out);
