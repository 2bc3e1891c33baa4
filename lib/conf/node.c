/* node.c - building, searching, copying and comparing the config tree.
 *
 * Arrays grow in the arena by doubling; what they grow out of is left to the arena. A tree may come with
 * arrays that have no spare room (cap 0). Recursion is bounded by NODE_MAX_DEPTH, which the reader of the
 * text enforces.
 */
#include "lib/conf/node.h"

/* `v` with room for one element more than n. */
static void *room(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = n < 4 ? 4 : 2 * n;
	void *bigger = arena_zalloc(a, *cap * size);
	if (n > 0)
		memcpy(bigger, v, n * size);
	return bigger;
}

struct node *node_new(struct arena *a, enum node_kind kind, struct pos pos)
{
	struct node *n = arena_zalloc(a, sizeof(*n));
	n->kind = kind;
	n->pos = pos;
	return n;
}

struct node *node_scalar(struct arena *a, slice text, struct pos pos)
{
	struct node *n = node_new(a, NODE_SCALAR, pos);
	n->text = arena_dup(a, text);
	return n;
}

void node_append(struct arena *a, struct node *list, struct node *item)
{
	list->items = room(a, list->items, list->n, &list->cap, sizeof(*list->items));
	list->items[list->n++] = item;
}

void node_set(struct arena *a, struct node *map, slice key, struct pos key_pos, struct node *value)
{
	struct node_entry *e = node_find(map, key);
	if (e) {
		e->key_pos = key_pos;
		e->value = value;
		return;
	}
	map->entries = room(a, map->entries, map->n, &map->cap, sizeof(*map->entries));
	map->entries[map->n++] = (struct node_entry){ arena_dup(a, key), key_pos, value };
}

struct node_entry *node_find(const struct node *map, slice key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++) {
		if (slice_eq(map->entries[i].key, key))
			return &map->entries[i];
	}
	return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
	struct node_entry *e = node_find(map, slice_of(key));
	return e ? e->value : NULL;
}

struct node *node_copy(struct arena *a, const struct node *n)
{
	if (!n)
		return NULL;
	struct node *c = node_new(a, n->kind, n->pos);
	c->quoted = n->quoted;
	c->secret = n->secret;
	c->expanded = n->expanded;
	c->text = arena_dup(a, n->text);
	c->raw = arena_dup(a, n->raw);
	c->n = c->cap = n->n;
	if (n->kind == NODE_LIST && n->n > 0) {
		c->items = arena_zalloc(a, n->n * sizeof(*c->items));
		for (size_t i = 0; i < n->n; i++)
			c->items[i] = node_copy(a, n->items[i]);
	}
	if (n->kind == NODE_MAP && n->n > 0) {
		c->entries = arena_zalloc(a, n->n * sizeof(*c->entries));
		for (size_t i = 0; i < n->n; i++) {
			const struct node_entry *e = &n->entries[i];
			c->entries[i] = (struct node_entry){ arena_dup(a, e->key), e->key_pos, node_copy(a, e->value) };
		}
	}
	return c;
}

bool node_equal(const struct node *a, const struct node *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->n != b->n || a->quoted != b->quoted || !slice_eq(a->text, b->text))
		return false;
	if (a->expanded != b->expanded || !slice_eq(a->raw, b->raw))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		bool same = a->kind == NODE_LIST ? node_equal(a->items[i], b->items[i])
		                                 : slice_eq(a->entries[i].key, b->entries[i].key) &&
		                node_equal(a->entries[i].value, b->entries[i].value);
		if (!same)
			return false;
	}
	return true;
}
