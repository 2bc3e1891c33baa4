/* sources.h - from the command line's words to one merged tree, not yet expanded. */
#pragma once
#include "config/plan.h"

/* Reads every source even when one fails, so that all findings are told. NULL when a source could not be read or
 * nothing is in them. Sets f->files, the order in which findings are printed. */
struct node *sources_load(struct arena *a, const struct plan_sources *src, struct findings *f) MUST_USE;
