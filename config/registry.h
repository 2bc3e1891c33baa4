/* registry.h - every component that is built in; the list is the list of files (Makefile). */
#pragma once
#include "lib/pipe/component.h"

/* NULL-terminated, ordered by kind, then name. */
const struct component *const *registry_all(void);
/* By name or alias; *by_alias (may be NULL) tells which. NULL when there is none. */
const struct component *registry_find(enum kind kind, slice name, bool *by_alias);
const char *component_kind_name(enum kind k); /* "receiver" */
const char *kind_section(enum kind k); /* "receivers" */
