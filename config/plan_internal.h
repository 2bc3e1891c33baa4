/* plan_internal.h - what the files of plan_*.c share while one plan is made; only for them.
 *
 * Every id that the config declares is remembered in `declared`, the faulty ones too, so that one mistake gives one
 * finding and no second one where the id is used.
 */
#pragma once
#include "config/ids.h"
#include "config/plan.h"
#include "config/registry.h"
#include "lib/base/map.h"

enum { N_KINDS = CONNECTOR + 1 };

struct declared {
	const char *id; /* canonical */
	struct pos pos;
	struct plan_component *component; /* NULL: faulty, or accepted without effect */
};

struct builder {
	struct plan *plan;
	struct arena *arena; /* the plan's */
	struct findings *findings;
	size_t cap; /* of plan->components: never moved, pipelines point into it */
	struct map declared[N_KINDS]; /* canonical id to struct declared */
};

/* plan_components.c */
/* All ids of one section, each filled from its option table. `section` may be NULL or null. */
void declare_section(struct builder *b, enum kind kind, const struct node *section);
/* The declaration of `text`, which is at `pos` in the list of `where` ("service::pipelines::traces"); a BARE type is
 * declared on the way. NULL after a finding. */
struct declared *find_reference(struct builder *b, enum kind kind, slice text, struct pos pos, const char *where);
/* Declares a type with its defaults; NULL when it is not built in. */
struct declared *declare_bare(struct builder *b, enum kind kind, slice type, struct pos pos);

/* Is c one of the n components of a pipeline's list? */
static inline bool list_has(struct plan_component *const *list, size_t n, const struct plan_component *c)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == c)
			return true;
	return false;
}

/* plan_foreign.c */
/* Says why a type is unknown; true when it is one that is accepted without effect. */
bool report_unknown_type(struct findings *f, enum kind kind, slice key, const struct id *id, struct pos pos);

/* plan_pipelines.c */
void build_pipelines(struct builder *b, const struct node *pipelines, struct pos service_pos);
void build_extensions(struct builder *b, const struct node *extensions);

/* plan_checks.c */
/* Rules across components; the config may already have errors. */
void check_plan(struct builder *b);

/* plan_directories.c */
/* Two storages in one directory. */
void check_directories(struct builder *b);

/* plan_promises.c */
/* What `ack` and `overflow` promise and the exporters do not keep. */
void check_promises(struct builder *b);

/* plan_loops.c */
/* Exporters that send to a receiver of the same config. */
void check_loops(struct builder *b);
