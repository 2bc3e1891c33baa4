/* yaml.c - libyaml's parser events to a node tree.
 *
 * The event interface and not libyaml's documents, because its time is quadratic in the nesting of flow collections
 * and its loader expands without limits: here the walk stops at the first node too deep, and size and alias copies
 * are bounded. Recursion is bounded by the same depth. An anchor is known only after its node is complete, so an
 * alias can never contain itself. Columns are libyaml's, which counts characters.
 */
#include "config/yaml.h"

#include <yaml.h>

#include "config/scalar.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct findings *findings; /* NULL: silent */
	const char *file;
	const struct pos *fixed; /* every node's place, when not NULL */
	slice text;
	struct map anchors; /* name to node */
	size_t n_aliased; /* nodes copied for aliases so far */
	bool sound; /* no finding so far */
};

static struct pos pos_at(const struct reader *r, yaml_mark_t m)
{
	if (r->fixed)
		return *r->fixed;
	return (struct pos){ r->file, (uint32_t)m.line + 1, (uint32_t)m.column + 1 };
}

/* Adds an error; the reader is no longer sound. */
#define FAULT(r, pos, ...) \
	((r)->sound = false, (r)->findings ? findings_add((r)->findings, FINDING_ERROR, pos, __VA_ARGS__) : (void)0)

/* libyaml names the place of a bad byte by its offset only. */
static struct pos pos_of_offset(const struct reader *r, size_t offset)
{
	struct pos p = { r->file, 1, 1 };
	for (size_t i = 0; i < offset && i < r->text.len; i++) {
		char c = r->text.p[i];
		if (c == '\n') {
			p.line++;
			p.col = 1;
		} else if (((unsigned char)c & 0xC0) != 0x80) {
			p.col++;
		}
	}
	return r->fixed ? *r->fixed : p;
}

/* libyaml's index counts characters. */
static size_t offset_of(const struct reader *r, yaml_mark_t m)
{
	size_t i = 0;
	for (size_t n = 0; i < r->text.len; i++) {
		bool starts = ((unsigned char)r->text.p[i] & 0xC0) != 0x80;
		if (starts && n++ == m.index)
			break;
	}
	return i;
}

static void syntax_fault(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "out of memory";
	if (p->error == YAML_READER_ERROR) {
		FAULT(r, pos_of_offset(r, p->problem_offset), "not YAML: %s", problem);
		return;
	}
	/* At the end of the text libyaml invents a line break. */
	size_t offset = offset_of(r, p->problem_mark);
	bool at_end = offset == r->text.len, is_tab = !at_end && r->text.p[offset] == '\t';
	struct pos pos = at_end ? pos_of_offset(r, offset) : pos_at(r, p->problem_mark);
	const char *hint = is_tab ? "; YAML is indented by spaces, not by tabs" : "";
	if (p->context && p->context_mark.line + 1 != pos.line)
		FAULT(r, pos, "not YAML: %s, %s that began at line %zu%s", problem, p->context,
		        p->context_mark.line + 1, hint);
	else if (p->context)
		FAULT(r, pos, "not YAML: %s, %s%s", problem, p->context, hint);
	else
		FAULT(r, pos, "not YAML: %s%s", problem, hint);
}

static bool next(struct reader *r, yaml_event_t *e)
{
	if (yaml_parser_parse(&r->parser, e))
		return true;
	syntax_fault(r);
	return false;
}

static const char *const tag_names[] = {
	[SCALAR_NULL] = YAML_NULL_TAG,
	[SCALAR_BOOL] = YAML_BOOL_TAG,
	[SCALAR_INT] = YAML_INT_TAG,
	[SCALAR_FLOAT] = YAML_FLOAT_TAG,
	[SCALAR_TEXT] = YAML_STR_TAG,
};

/* The type an explicit tag asks for; -1 for a tag that is not YAML's own. */
static int tag_type(const char *tag)
{
	if (strcmp(tag, "!") == 0)
		return SCALAR_TEXT;
	for (size_t i = 0; i < COUNTOF(tag_names); i++) {
		if (strcmp(tag, tag_names[i]) == 0)
			return (int)i;
	}
	return -1;
}

/* What the scalar means, tag and quotes considered; -1 after a finding. */
static int resolve(struct reader *r, const yaml_event_t *e, slice text, struct pos pos)
{
	const char *tag = (const char *)e->data.scalar.tag;
	int plain = (int)scalar_type(text);
	if (!tag)
		return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain : SCALAR_TEXT;
	int wanted = tag_type(tag);
	if (wanted == SCALAR_TEXT || wanted == plain || (wanted == SCALAR_FLOAT && plain == SCALAR_INT))
		return wanted;
	if (wanted < 0)
		FAULT(r, pos, "the tag \"%s\" is not supported", tag);
	else
		FAULT(r, pos, "\"%.*s\" does not fit its tag \"%s\"", SLICE_ARG(text), tag);
	return -1;
}

static struct node *build_scalar(struct reader *r, const yaml_event_t *e)
{
	struct pos pos = pos_at(r, e->start_mark);
	slice text = arena_dup(r->arena, (slice){ (const char *)e->data.scalar.value, e->data.scalar.length });
	int type = resolve(r, e, text, pos);
	if (type < 0)
		return NULL;
	if (type == SCALAR_NULL)
		return node_new(r->arena, NODE_NULL, pos);
	bool is_text = type == SCALAR_TEXT;
	struct node *n = node_scalar(r->arena, is_text ? text : scalar_normal(r->arena, text), pos);
	if (!is_text)
		n->raw = text;
	n->quoted = is_text && (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || e->data.scalar.tag);
	return n;
}

static struct node *build(struct reader *r, const yaml_event_t *e, unsigned depth);

static void *dup_array(struct arena *a, const void *v, size_t n_bytes)
{
	void *copy = arena_alloc(a, n_bytes);
	if (n_bytes)
		memcpy(copy, v, n_bytes);
	return copy;
}

static struct node *build_list(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	struct node *list = node_new(r->arena, NODE_LIST, pos_at(r, e->start_mark));
	VEC(struct node *) items = { 0 };
	for (bool more = true; more;) {
		yaml_event_t item;
		if (!next(r, &item))
			goto fail;
		more = item.type != YAML_SEQUENCE_END_EVENT;
		struct node *value = more ? build(r, &item, depth + 1) : list;
		yaml_event_delete(&item);
		if (!value)
			goto fail;
		if (more)
			*VEC_ADD(&items) = value;
	}
	list->n = items.n;
	list->items = dup_array(r->arena, items.v, items.n * sizeof(*items.v));
	VEC_RELEASE(&items);
	return list;
fail:
	VEC_RELEASE(&items);
	return NULL;
}

/* A map while it is read. */
struct draft {
	VEC(struct node_entry) entries;
	VEC(struct node *) merged; /* values of `<<` */
	struct map index; /* key to its number in `entries` plus 1 */
};

static void add_entry(struct draft *d, struct node_entry entry)
{
	*VEC_ADD(&d->entries) = entry;
	map_put(&d->index, entry.key, (void *)(uintptr_t)d->entries.n);
}

static void add_own_entry(struct reader *r, struct draft *d, struct node_entry entry)
{
	uintptr_t first = (uintptr_t)map_get(&d->index, entry.key);
	if (first) {
		struct pos p = d->entries.v[first - 1].key_pos;
		FAULT(r, entry.key_pos, "the key \"%.*s\" is given twice, first at line %u", SLICE_ARG(entry.key),
		        p.line);
		return;
	}
	add_entry(d, entry);
}

/* The entries of a merged map stand behind the map's own. */
static void merge_map(struct draft *d, const struct node *map)
{
	for (size_t i = 0; i < map->n; i++) {
		if (!map_get(&d->index, map->entries[i].key))
			add_entry(d, map->entries[i]);
	}
}

static void merge_value(struct reader *r, struct draft *d, const struct node *value, bool in_list)
{
	if (value->kind == NODE_MAP) {
		merge_map(d, value);
	} else if (value->kind == NODE_LIST && !in_list) {
		for (size_t i = 0; i < value->n; i++)
			merge_value(r, d, value->items[i], true);
	} else {
		FAULT(r, value->pos, "the merge key << needs a map or a list of maps");
	}
}

static bool is_merge_key(const yaml_event_t *e)
{
	return e->type == YAML_SCALAR_EVENT && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag &&
	        e->data.scalar.length == 2 && memcmp(e->data.scalar.value, "<<", 2) == 0;
}

/* The text of a key; p is NULL after a finding. */
static slice build_key(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	if (e->type == YAML_SCALAR_EVENT && !e->data.scalar.anchor)
		return arena_dup(r->arena, (slice){ (const char *)e->data.scalar.value, e->data.scalar.length });
	struct node *n = build(r, e, depth);
	if (n && n->kind != NODE_SCALAR) {
		FAULT(r, pos_at(r, e->start_mark), "a key must be text");
		n = NULL;
	}
	return n ? n->text : (slice){ 0 };
}

/* One key and its value; `key_event` is the caller's. */
static bool build_entry(struct reader *r, struct draft *d, const yaml_event_t *key_event, unsigned depth)
{
	slice key = build_key(r, key_event, depth);
	yaml_event_t e;
	if (!key.p || !next(r, &e))
		return false;
	struct node *value = build(r, &e, depth);
	yaml_event_delete(&e);
	if (!value)
		return false;
	if (is_merge_key(key_event))
		*VEC_ADD(&d->merged) = value;
	else
		add_own_entry(r, d, (struct node_entry){ key, pos_at(r, key_event->start_mark), value });
	return true;
}

static bool fill_draft(struct reader *r, struct draft *d, unsigned depth)
{
	for (;;) {
		yaml_event_t e;
		if (!next(r, &e))
			return false;
		bool end = e.type == YAML_MAPPING_END_EVENT;
		bool ok = end || build_entry(r, d, &e, depth);
		yaml_event_delete(&e);
		if (end || !ok)
			return ok;
	}
}

static struct node *build_map(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	struct node *map = node_new(r->arena, NODE_MAP, pos_at(r, e->start_mark));
	struct draft d = { 0 };
	map_init(&d.index);
	bool ok = fill_draft(r, &d, depth + 1);
	for (size_t i = 0; ok && i < d.merged.n; i++)
		merge_value(r, &d, d.merged.v[i], false);
	if (ok) {
		map->n = d.entries.n;
		map->entries = dup_array(r->arena, d.entries.v, map->n * sizeof(*map->entries));
	}
	map_release(&d.index);
	VEC_RELEASE(&d.entries);
	VEC_RELEASE(&d.merged);
	return ok ? map : NULL;
}

/* Counts the nodes of `n` into *count, up to the bound; false when there are more or they end too deep. */
static bool fits(const struct node *n, unsigned depth, size_t *count)
{
	if (depth > YAML_MAX_DEPTH || ++*count > YAML_MAX_ALIASED)
		return false;
	bool ok = true;
	for (size_t i = 0; ok && i < n->n; i++)
		ok = fits(n->kind == NODE_MAP ? n->entries[i].value : n->items[i], depth + 1, count);
	return ok;
}

static struct node *build_alias(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct pos pos = pos_at(r, e->start_mark);
	const struct node *n = map_get(&r->anchors, slice_of(name));
	if (!n) {
		FAULT(r, pos, "unknown anchor \"%s\"", name);
		return NULL;
	}
	if (!fits(n, depth, &r->n_aliased)) {
		FAULT(r, pos, "the aliases expand to more than %d nodes or %d levels", YAML_MAX_ALIASED,
		        YAML_MAX_DEPTH);
		return NULL;
	}
	return node_copy(r->arena, n);
}

/* The tag of a collection may only say what it is. */
static bool is_plain_collection(struct reader *r, const yaml_event_t *e, const char *tag, const char *own)
{
	if (!tag || strcmp(tag, own) == 0 || strcmp(tag, "!") == 0)
		return true;
	FAULT(r, pos_at(r, e->start_mark), "the tag \"%s\" is not supported", tag);
	return false;
}

static struct node *build_node(struct reader *r, const yaml_event_t *e, unsigned depth, const char **anchor)
{
	if (e->type == YAML_SEQUENCE_START_EVENT) {
		const char *tag = (const char *)e->data.sequence_start.tag;
		*anchor = (const char *)e->data.sequence_start.anchor;
		return is_plain_collection(r, e, tag, YAML_SEQ_TAG) ? build_list(r, e, depth) : NULL;
	}
	if (e->type == YAML_MAPPING_START_EVENT) {
		const char *tag = (const char *)e->data.mapping_start.tag;
		*anchor = (const char *)e->data.mapping_start.anchor;
		return is_plain_collection(r, e, tag, YAML_MAP_TAG) ? build_map(r, e, depth) : NULL;
	}
	*anchor = (const char *)e->data.scalar.anchor;
	return build_scalar(r, e);
}

/* The node that begins with `e` (which stays the caller's); NULL after a finding. */
static struct node *build(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	if (depth > YAML_MAX_DEPTH) {
		FAULT(r, pos_at(r, e->start_mark), "nested deeper than %d levels", YAML_MAX_DEPTH);
		return NULL;
	}
	if (e->type == YAML_ALIAS_EVENT)
		return build_alias(r, e, depth);
	const char *anchor = NULL;
	struct node *n = build_node(r, e, depth, &anchor);
	if (n && anchor)
		map_put(&r->anchors, arena_dup(r->arena, slice_of(anchor)), n);
	return n;
}

/* Skips to the first event of the given kind or of the end of the stream. */
static bool skip_to(struct reader *r, yaml_event_t *e, yaml_event_type_t wanted)
{
	while (next(r, e)) {
		if (e->type == wanted || e->type == YAML_STREAM_END_EVENT)
			return true;
		yaml_event_delete(e);
	}
	return false;
}

static bool is_last_document(struct reader *r)
{
	yaml_event_t e;
	if (!skip_to(r, &e, YAML_DOCUMENT_START_EVENT))
		return false;
	bool last = e.type == YAML_STREAM_END_EVENT;
	if (!last)
		FAULT(r, pos_at(r, e.start_mark), "a second YAML document: a config is one document");
	yaml_event_delete(&e);
	return last;
}

static struct node *build_document(struct reader *r)
{
	yaml_event_t e;
	if (!skip_to(r, &e, YAML_DOCUMENT_START_EVENT))
		return NULL;
	bool empty = e.type == YAML_STREAM_END_EVENT;
	struct pos start = pos_at(r, (yaml_mark_t){ 0 });
	yaml_event_delete(&e);
	if (empty)
		return node_new(r->arena, NODE_NULL, start);
	if (!next(r, &e))
		return NULL;
	struct node *root = build(r, &e, 1);
	yaml_event_delete(&e);
	return root && is_last_document(r) ? root : NULL;
}

static struct node *parse(struct reader *r)
{
	r->sound = true;
	if (r->text.len > YAML_MAX_BYTES) {
		FAULT(r, pos_at(r, (yaml_mark_t){ 0 }), "larger than %d bytes", YAML_MAX_BYTES);
		return NULL;
	}
	if (!yaml_parser_initialize(&r->parser)) {
		FAULT(r, pos_at(r, (yaml_mark_t){ 0 }), "out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	const char *text = r->text.p ? r->text.p : "";
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, r->text.len);
	map_init(&r->anchors);
	struct node *root = build_document(r);
	map_release(&r->anchors);
	yaml_parser_delete(&r->parser);
	return root;
}

/* A byte order mark says nothing in UTF-8, and libyaml counts it as a character when the encoding is set. */
static slice without_bom(slice text)
{
	bool bom = slice_starts(text, SLICE("\xEF\xBB\xBF"));
	return bom ? (slice){ text.p + 3, text.len - 3 } : text;
}

struct node *yaml_parse(struct arena *a, slice text, const char *file_name, struct findings *f)
{
	struct reader r = { .arena = a, .findings = f, .file = file_name, .text = without_bom(text) };
	return parse(&r);
}

struct node *yaml_parse_value(struct arena *a, slice text, struct pos at, struct findings *f)
{
	struct reader r = { .arena = a, .findings = f, .fixed = &at, .file = at.file, .text = text };
	struct node *n = parse(&r);
	return r.sound ? n : NULL;
}
