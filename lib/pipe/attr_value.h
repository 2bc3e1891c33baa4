/* attr_value.h - a value written in the config as an attribute value, typed as YAML types it. */
#pragma once
#include "lib/conf/node.h"
#include "lib/otlp/edit.h"

/* Quoted and other text is a string; true, false a bool; whole numbers are ints; other numbers doubles. `n` is a scalar;
 * its text is borrowed. */
struct value node_scalar_value(const struct node *n);
/* Any node: lists and maps become ARRAY and KVLIST in the arena of `t`, null becomes the empty value. */
struct value node_value(struct traces *t, const struct node *n);
/* True when the option was not given or is null. */
static inline bool node_is_unset(const struct node *n)
{
	return !n || n->kind == NODE_NULL;
}
