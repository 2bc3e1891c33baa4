/* service_conf.h - the options under `service`. */
#pragma once
#include "config/plan.h"
#include "lib/conf/conf.h"

/* The parts of `service` that are not options but lists of ids; NULL when absent. */
struct service_parts {
	struct node *extensions, *pipelines;
};

/* For `weir schema` and the docs. */
extern const struct conf_field service_fields[];
/* `service` may be NULL: all defaults. 0, or -1 after an error finding. */
int service_conf_load(struct node *service, struct pos pos, struct service_conf *out, struct service_parts *parts,
        struct arena *a, struct findings *f) MUST_USE;
