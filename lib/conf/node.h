/* node.h - the config as a tree with positions, whatever text it came from.
 *
 * Built by config/yaml.c, merged and expanded by config/, read by conf_load. Everything is in the
 * arena of one load. Maps keep the order of the file. A node that came from ${env:X} alone carries
 * the raw text beside its YAML meaning: a string option takes the raw text.
 * Who builds a tree keeps it at most NODE_MAX_DEPTH deep: everything that walks it may recurse.
 */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/err.h"

enum { NODE_MAX_DEPTH = 128 };

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node;
struct node_entry {
	slice key;
	struct pos key_pos;
	struct node *value;
};

struct node {
	enum node_kind kind;
	bool quoted; /* SCALAR written with quotes or as a block: always a string */
	bool secret; /* print-config shows [REDACTED] (set by conf_load on secret options) */
	bool expanded; /* came from one whole ${..}: `raw` is the text before YAML read it */
	struct pos pos;
	slice text; /* SCALAR */
	slice raw; /* when expanded; else, if given, the plain scalar as written (0123, where `text` says 83) */
	struct node **items; /* LIST */
	struct node_entry *entries; /* MAP */
	size_t n; /* of items or entries */
	size_t cap; /* room in items or entries; 0: exactly n */
};

struct node *node_new(struct arena *a, enum node_kind kind, struct pos pos);
struct node *node_scalar(struct arena *a, slice text, struct pos pos);
void node_append(struct arena *a, struct node *list, struct node *item);
/* Adds or replaces. */
void node_set(struct arena *a, struct node *map, slice key, struct pos key_pos, struct node *value);
struct node_entry *node_find(const struct node *map, slice key); /* NULL when absent or not a map */
struct node *node_get(const struct node *map, const char *key); /* NULL when absent */
struct node *node_copy(struct arena *a, const struct node *n);
/* Same shape, texts and quoting; positions do not matter. NULL equals NULL. */
bool node_equal(const struct node *a, const struct node *b);
