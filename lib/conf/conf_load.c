/* conf_load.c - a section of the config into a struct, by its rows: defaults first, then what the user wrote.
 *
 * Everything that is wrong is found in one pass. Each struct that is filled is a level (conf_rows.h); a cursor is
 * one level while it is read. Rows are the outer loop, so that groups the user did not mention are still checked for
 * required options; a second loop over the entries finds keys no row knows. Recursion follows the rows, whose
 * nesting is fixed when weir is built.
 */
#include "lib/conf/conf_rows.h"

#include <stdlib.h>

struct cursor {
	struct conf_report *r;
	const struct conf_field *rows; /* all of the level */
	const struct conf_field *enabled; /* &conf_enabled_row in a T_OPTION without that row, else NULL */
	const struct conf_scope *scope;
	char *base;
	struct node *node; /* a map, or NULL when nothing was written */
	size_t level; /* index: levels may move when more are added */
	bool lenient; /* a section that is off: required options may be missing */
};

static struct conf_level *level(const struct cursor *c)
{
	return &c->r->levels.v[c->level];
}

static size_t add_level(struct conf_report *r, struct conf_level l)
{
	*VEC_ADD(&r->levels) = l;
	return r->levels.n - 1;
}

static void add_place(const struct cursor *c, const void *member, struct pos pos, bool section, bool bad)
{
	*VEC_ADD(&c->r->places) = (struct conf_place){ member, level(c)->path, pos, section, bad };
}

/* An option without a default that was given but not understood: what misses it would only repeat that. */
static void doubt(const struct cursor *c, const struct conf_field *f)
{
	if (!f->def || (f->flags & CONF_OPTIONAL))
		level(c)->doubtful = true;
}

static const char *join(struct arena *a, const char *path, const char *key)
{
	return arena_printf(a, "%s%s%s", path, *path ? "::" : "", key);
}

static int set_defaults(
        struct conf_report *r, const struct conf_field *rows, const struct conf_scope *scope, char *base);

static int set_default(struct conf_report *r, const struct conf_field *f, const struct conf_scope *scope, char *base)
{
	slice def = conf_default(f, scope);
	if (!def.p || f->type == T_LIST || (f->type == T_MAP && !def.len))
		return 0;
	struct node *n = node_scalar(r->arena, def, r->id_pos);
	n->expanded = true; /* a string option takes the text as it is */
	n->raw = n->text;
	return conf_read(r, f, n, "(built-in default)", base + f->offset);
}

static int set_nested_defaults(
        struct conf_report *r, const struct conf_field *f, const struct conf_scope *scope, char *base)
{
	struct conf_scope inner = { scope, f };
	int failed = set_defaults(r, f->rows, &inner, base + f->offset);
	if (conf_needs_enabled(f))
		failed |= set_default(r, &conf_enabled_row, &inner, base + f->offset);
	return failed;
}

static int set_defaults(
        struct conf_report *r, const struct conf_field *rows, const struct conf_scope *scope, char *base)
{
	int failed = 0;
	for (const struct conf_field *f = rows; f && f->key; f++) {
		if (conf_is_nested(f->type))
			failed |= set_nested_defaults(r, f, scope, base);
		else if (!conf_is_bare(f->type))
			failed |= set_default(r, f, scope, base);
	}
	return failed;
}

static const struct conf_field *find_row(const struct cursor *c, slice key)
{
	if (c->enabled && slice_is(key, c->enabled->key))
		return c->enabled;
	return conf_row_find(c->rows, key);
}

/* The first entry that is the row's. */
static struct node_entry *entry_of(const struct cursor *c, const struct conf_field *f)
{
	for (size_t i = 0; c->node && i < c->node->n; i++) {
		if (conf_row_named(f, c->node->entries[i].key, NULL))
			return &c->node->entries[i];
	}
	return NULL;
}

struct names {
	const char **v;
	size_t n, cap;
};

static void collect_names(const struct conf_field *rows, struct names *out)
{
	for (const struct conf_field *f = rows; f && f->key; f++) {
		if (f->type == T_INLINE)
			collect_names(f->rows, out);
		else if (!conf_is_bare(f->type))
			*VEC_ADD(out) = f->key;
	}
}

/* The key that was probably meant, or NULL. */
static const char *nearest_key(const struct cursor *c, slice key)
{
	struct names names = { 0 };
	collect_names(c->rows, &names);
	if (c->enabled)
		*VEC_ADD(&names) = c->enabled->key;
	*VEC_ADD(&names) = NULL;
	const char *near = findings_nearest(key, names.v);
	VEC_RELEASE(&names);
	return near;
}

static void unknown_key(const struct cursor *c, const struct node_entry *e)
{
	const char *near = nearest_key(c, e->key);
	char hint[96] = "";
	if (near) {
		snprintf(hint, sizeof(hint), ", did you mean \"%s\"?", near);
		doubt(c, find_row(c, slice_of(near)));
	}
	conf_find(c->r, FINDING_ERROR, e->key_pos, level(c)->path, "unknown key \"%.*s\"%s (has invalid keys: %.*s)",
	        SLICE_ARG(e->key), hint, SLICE_ARG(e->key));
}

/* The entry before `nth` that means the same row, or NULL. */
static const struct node_entry *earlier(const struct cursor *c, size_t nth, const struct conf_field *f)
{
	for (size_t i = 0; i < nth; i++) {
		if (conf_row_named(f, c->node->entries[i].key, NULL))
			return &c->node->entries[i];
	}
	return NULL;
}

static void check_key(const struct cursor *c, size_t nth)
{
	const struct node_entry *e = &c->node->entries[nth];
	const struct conf_field *f = find_row(c, e->key);
	const char *path = level(c)->path;
	bool by_alias;
	if (!f) {
		unknown_key(c, e);
		return;
	}
	const struct node_entry *first = earlier(c, nth, f);
	if (first) {
		conf_find(c->r, FINDING_ERROR, e->key_pos, path, "key \"%.*s\" already defined at line %u%s%.*s",
		        SLICE_ARG(e->key), first->key_pos.line, slice_eq(e->key, first->key) ? "" : " as ",
		        slice_eq(e->key, first->key) ? 0 : (int)first->key.len, first->key.p);
		return;
	}
	if (f->type == T_REFUSED)
		conf_find(c->r, FINDING_ERROR, e->key_pos, path,
		        "\"%s\" is an option of the Collector that weir does not have: %s", f->key, f->help);
	else if (f->type == T_IGNORED)
		conf_find(c->r, FINDING_WARNING, e->key_pos, path, "\"%s\" is accepted and has no effect: %s", f->key,
		        f->help);
	else if (conf_row_named(f, e->key, &by_alias) && by_alias)
		conf_find(c->r, FINDING_WARNING, e->key_pos, path, "\"%.*s\" alias is deprecated; use \"%s\" instead",
		        SLICE_ARG(e->key), f->key);
}

/* Was the option probably given under a misspelt key? Then that finding is enough. */
static bool is_misspelt(const struct cursor *c, const struct conf_field *f)
{
	for (size_t i = 0; c->node && i < c->node->n; i++) {
		slice key = c->node->entries[i].key;
		const char *near = find_row(c, key) ? NULL : nearest_key(c, key);
		if (near && strcmp(near, f->key) == 0)
			return true;
	}
	return false;
}

/* Each string of a list, each name and value of a map stands somewhere too. */
static void add_item_places(const struct cursor *c, const struct conf_field *f, const struct node *n, const void *at)
{
	const struct conf_strs *strs = at;
	const struct conf_map *map = at;
	for (size_t i = 0; f->type == T_STRS && i < strs->n; i++)
		add_place(c, &strs->v[i], n->kind == NODE_LIST ? n->items[i]->pos : n->pos, false, false);
	for (size_t i = 0; f->type == T_MAP && i < map->n; i++) {
		const struct node_entry *e = n->kind == NODE_MAP ? &n->entries[i] : NULL;
		add_place(c, &map->v[i].key, e ? e->key_pos : node_get(n->items[i], "name")->pos, false, false);
		add_place(c, &map->v[i].value, e ? e->value->pos : node_get(n->items[i], "value")->pos, false, false);
	}
}

static void load_leaf(const struct cursor *c, const struct conf_field *f)
{
	struct node_entry *e = entry_of(c, f);
	bool absent = !e || (e->value->kind == NODE_NULL && !e->value->expanded);
	void *at = c->base + f->offset;
	if (absent && is_misspelt(c, f))
		add_place(c, at, level(c)->pos, false, true);
	else if (absent && conf_is_required(f, c->scope) && !c->lenient)
		conf_find(c->r, FINDING_ERROR, level(c)->pos, level(c)->path, "missing option \"%s\": it is required",
		        f->key);
	if (!e)
		return;
	int failed = conf_read(c->r, f, e->value, level(c)->path, at);
	if (!absent)
		add_place(c, at, e->value->pos, false, failed != 0);
	if (!absent && !failed)
		add_item_places(c, f, e->value, at);
	if (failed)
		doubt(c, f);
}

static void load_level(const struct cursor *c);

/* The map of a section; NULL with a finding when it is something else. */
static struct node *section_map(const struct cursor *c, const char *name, struct node *n)
{
	if (!n || n->kind == NODE_NULL)
		return NULL;
	if (n->kind == NODE_MAP)
		return n;
	conf_find(c->r, FINDING_ERROR, n->pos, level(c)->path, "'%s' expected a map, got '%s'", name, conf_kind_of(n));
	return NULL;
}

static void load_section(const struct cursor *c, const struct conf_field *f)
{
	struct node_entry *e = entry_of(c, f);
	struct conf_scope scope = { c->scope, f };
	char *base = c->base + f->offset;
	struct node *map = section_map(c, f->key, e ? e->value : NULL);
	bool bad = e && !map && e->value->kind != NODE_NULL;
	if (e)
		add_place(c, base, e->key_pos, true, bad);
	if (bad)
		doubt(c, f);
	struct conf_level l = { base, f->size, join(c->r->arena, level(c)->path, f->key), level(c)->pos, bad };
	struct cursor inner = { c->r, f->rows, NULL, &scope, base, map, add_level(c->r, l), c->lenient || bad };
	if (f->type == T_OPTION) {
		bool *enabled = (bool *)(void *)base;
		if (conf_needs_enabled(f))
			inner.enabled = &conf_enabled_row;
		if (e)
			*enabled = true;
		struct node *said = node_get(map, "enabled");
		bool off = said ? slice_is(said->text, "false") : !*enabled;
		inner.lenient = inner.lenient || off;
	}
	load_level(&inner);
}

static void load_element(const struct cursor *c, const struct conf_field *f, struct node *n, char *base, size_t nth)
{
	char name[32];
	snprintf(name, sizeof(name), "%s::%zu", f->key, nth);
	const char *path = join(c->r->arena, level(c)->path, name);
	struct node *map = section_map(c, name, n);
	bool bad = !map && n->kind != NODE_NULL;
	struct conf_level l = { base, f->size, path, map && map->n ? map->entries[0].key_pos : n->pos, bad };
	struct cursor inner = { c->r, f->rows, NULL, NULL, base, map, add_level(c->r, l), bad };
	(void)set_defaults(c->r, f->rows, NULL, base);
	load_level(&inner);
}

static void load_list(const struct cursor *c, const struct conf_field *f)
{
	struct node_entry *e = entry_of(c, f);
	if (!e || e->value->kind == NODE_NULL)
		return;
	struct conf_list *list = (struct conf_list *)(void *)(c->base + f->offset);
	struct node *n = e->value;
	add_place(c, list, n->pos, false, n->kind != NODE_LIST);
	if (n->kind != NODE_LIST) {
		conf_find(c->r, FINDING_ERROR, n->pos, level(c)->path, "'%s' expected a list, got '%s'", f->key,
		        conf_kind_of(n));
		doubt(c, f);
		return;
	}
	*list = (struct conf_list){ arena_zalloc(c->r->arena, (n->n + 1) * f->size), n->n };
	for (size_t i = 0; i < n->n; i++)
		load_element(c, f, n->items[i], (char *)list->v + i * f->size, i);
}

/* `rows` are those of the level or of a T_INLINE in it. */
static void load_rows(const struct cursor *c, const struct conf_field *rows)
{
	for (const struct conf_field *f = rows; f && f->key; f++) {
		if (f->type == T_INLINE) {
			struct conf_scope scope = { c->scope, f };
			struct cursor inner = *c;
			inner.scope = &scope;
			inner.base = c->base + f->offset;
			load_rows(&inner, f->rows);
		} else if (conf_is_nested(f->type)) {
			load_section(c, f);
		} else if (f->type == T_LIST) {
			load_list(c, f);
		} else if (!conf_is_bare(f->type)) {
			load_leaf(c, f);
		}
	}
}

static void load_level(const struct cursor *c)
{
	for (size_t i = 0; c->node && i < c->node->n; i++)
		check_key(c, i);
	load_rows(c, c->rows);
	if (c->enabled)
		load_leaf(c, c->enabled);
}

int conf_load(const struct conf_field *rows, struct node *n, slice id, struct pos id_pos, void *out,
        void (*check)(const void *conf, struct conf_report *r), struct arena *a, struct findings *f)
{
	size_t before = f->n_errors;
	struct conf_report r = { .findings = f, .arena = a, .id = id, .id_pos = id_pos };
	struct conf_level root = { out, 0, "", id_pos, false };
	struct cursor c = { &r, rows, NULL, NULL, out, NULL, add_level(&r, root), false };
	c.node = section_map(&c, "", n);
	c.lenient = level(&c)->doubtful = n && !c.node && n->kind != NODE_NULL;
	(void)set_defaults(&r, rows, NULL, out);
	load_level(&c);
	if (check)
		check(out, &r);
	VEC_RELEASE(&r.levels);
	VEC_RELEASE(&r.places);
	return f->n_errors > before ? -1 : 0;
}
