/* yaml.h - YAML text to a tree of nodes with positions; the only reader of libyaml's events.
 *
 * One document per text, at most YAML_MAX_BYTES long and YAML_MAX_DEPTH deep; aliases are copied within a bound on the
 * nodes they add; `<<` is resolved; a repeated key is an error at the second one. Plain null becomes NODE_NULL, plain
 * booleans and integers are kept in their one strict spelling (scalar.h), everything quoted or tagged !!str is
 * `quoted`.
 */
#pragma once
#include "lib/conf/findings.h"
#include "lib/conf/node.h"

enum { YAML_MAX_BYTES = 1 << 20, YAML_MAX_DEPTH = 64, YAML_MAX_ALIASED = 100000 };

/* The document; NODE_NULL for an empty one. NULL when the text cannot be read, with findings that say why; repeated
 * keys and bad merge keys are findings too but leave a tree. `file_name` must outlive tree and findings. */
struct node *yaml_parse(struct arena *a, slice text, const char *file_name, struct findings *f) MUST_USE;
/* A value given apart from a file (--set, an environment variable): all positions are `at`. NULL when it is not
 * sound YAML, repeated keys included; `f` may be NULL when nobody wants to know why. */
struct node *yaml_parse_value(struct arena *a, slice text, struct pos at, struct findings *f) MUST_USE;
