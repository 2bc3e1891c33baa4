/* merge.h - several sources, one tree: the later one wins. */
#pragma once
#include "lib/conf/node.h"

/* `over` on top of `base`: maps merge deeply, everything else (scalars, lists, null) replaces what was there. Either
 * may be changed and become part of the result. `base` may be NULL. */
struct node *merge_nodes(struct arena *a, struct node *base, struct node *over) MUST_USE;
/* Keys that hold "::" become maps ("a::b: 1" is "a: {b: 1}"), on every level of maps but not inside lists; parts that
 * meet are merged. Keys with an empty part are left alone. */
struct node *merge_unflatten(struct arena *a, struct node *n) MUST_USE;
