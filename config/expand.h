/* expand.h - ${env:NAME} and its friends in the values of a config.
 *
 * A value that is one ${..} alone takes the meaning YAML gives the text, and keeps the text as `raw`; inside a longer
 * string it is pasted as text. $$ is one $; $NAME is left alone; keys are never expanded.
 */
#pragma once
#include "lib/conf/findings.h"
#include "lib/conf/node.h"

/* Expands in place. Faults are errors at the value, which becomes null; an unset variable without default is a
 * warning. */
void expand_node(struct arena *a, struct node *root, struct findings *f);
