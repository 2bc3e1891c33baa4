/* merge.c - the Collector's merge of configs and its key delimiter "::".
 *
 * Lists are replaced, not appended, and an explicit null wipes a map: a later file can always take back what an
 * earlier one said. Depth is bounded by that of the YAML reader, levels made by "::" included.
 */
#include "config/merge.h"

#include "config/yaml.h"

struct node *merge_nodes(struct arena *a, struct node *base, struct node *over)
{
	if (!base || base->kind != NODE_MAP || over->kind != NODE_MAP)
		return over;
	for (size_t i = 0; i < over->n; i++) {
		const struct node_entry *e = &over->entries[i];
		struct node_entry *old = node_find(base, e->key);
		struct node *value = merge_nodes(a, old ? old->value : NULL, e->value);
		if (old)
			*old = (struct node_entry){ e->key, e->key_pos, value };
		else
			node_set(a, base, e->key, e->key_pos, value);
	}
	return base;
}

/* Where "::" begins in `key`; key.len when there is none. */
static size_t find_delimiter(slice key)
{
	const char *p = key.len ? memmem(key.p, key.len, "::", 2) : NULL;
	return p ? (size_t)(p - key.p) : key.len;
}

/* How many levels `key` makes: 1 when it is whole, holds an empty part or would go too deep. */
static unsigned n_parts(slice key, unsigned depth)
{
	unsigned n = 1;
	for (slice rest = key;; n++) {
		size_t at = find_delimiter(rest);
		if (at == 0 || depth + n > YAML_MAX_DEPTH)
			return 1;
		if (at == rest.len)
			return n;
		rest = (slice){ rest.p + at + 2, rest.len - at - 2 };
	}
}

/* {a: {b: value}} for the path a::b */
static struct node *nest(struct arena *a, slice path, struct pos key_pos, struct node *value)
{
	size_t at = find_delimiter(path);
	struct node *map = node_new(a, NODE_MAP, key_pos);
	if (at < path.len)
		value = nest(a, (slice){ path.p + at + 2, path.len - at - 2 }, key_pos, value);
	node_set(a, map, (slice){ path.p, at }, key_pos, value);
	return map;
}

static struct node *unflatten(struct arena *a, struct node *n, unsigned depth)
{
	if (n->kind != NODE_MAP)
		return n;
	bool has_path = false;
	for (size_t i = 0; i < n->n; i++) {
		struct node_entry *e = &n->entries[i];
		unsigned parts = n_parts(e->key, depth);
		e->value = unflatten(a, e->value, depth + parts);
		has_path = has_path || parts > 1;
	}
	if (!has_path)
		return n;
	struct node *out = node_new(a, NODE_MAP, n->pos);
	for (size_t i = 0; i < n->n; i++) {
		const struct node_entry *e = &n->entries[i];
		struct node *part = node_new(a, NODE_MAP, n->pos);
		if (n_parts(e->key, depth) > 1)
			part = nest(a, e->key, e->key_pos, e->value);
		else
			node_set(a, part, e->key, e->key_pos, e->value);
		out = merge_nodes(a, out, part);
	}
	return out;
}

struct node *merge_unflatten(struct arena *a, struct node *n)
{
	return unflatten(a, n, 0);
}
