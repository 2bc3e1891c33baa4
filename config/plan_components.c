/* plan_components.c - the sections of components: ids against the registry, options against the tables.
 *
 * Unused components are decoded and checked like used ones. plan->components is allocated once with room for every
 * declared id and every type that may be declared by use, because pipelines point into it.
 */
#include "config/plan_internal.h"

static const struct conf_field no_fields[] = { CONF_END };

static struct declared *remember(struct builder *b, enum kind kind, const char *id, struct pos pos)
{
	struct declared *d = arena_zalloc(b->arena, sizeof(*d));
	*d = (struct declared){ .id = id, .pos = pos };
	map_put(&b->declared[kind], slice_of(d->id), d);
	return d;
}

static void add_component(struct builder *b, struct declared *d, const struct component *type, struct node *node)
{
	struct plan *p = b->plan;
	if (p->n_components == b->cap)
		return;
	struct plan_component *c = &p->components[p->n_components++];
	*c = (struct plan_component){ .type = type, .id = d->id, .pos = d->pos, .node = node };
	c->conf = arena_zalloc(b->arena, type->conf_size + 1);
	const struct conf_field *fields = type->fields ? type->fields : no_fields;
	slice label = slice_of(arena_printf(b->arena, "%s::%s", kind_section(type->kind), c->id));
	if (conf_load(fields, node, label, d->pos, c->conf, type->check, b->arena, b->findings) < 0)
		c->conf = NULL;
	d->component = c;
}

/* An id as the config spells it and the type it names; type is NULL when weir has none of that name. */
struct spelled {
	struct id id;
	const struct component *type;
	bool by_alias;
	const char *canonical;
};

static int read_id(struct builder *b, enum kind kind, slice text, struct spelled *out, struct err *e)
{
	if (id_parse(text, &out->id, e) < 0)
		return -1;
	out->by_alias = false;
	out->type = registry_find(kind, out->id.type, &out->by_alias);
	const char *type = out->type ? out->type->name : arena_cstr(b->arena, out->id.type);
	out->canonical = id_join(b->arena, type, out->id.name);
	return 0;
}

static void declare(struct builder *b, enum kind kind, const struct node_entry *entry)
{
	struct spelled s;
	struct err e;
	struct findings *f = b->findings;
	if (read_id(b, kind, entry->key, &s, &e) < 0) {
		findings_add(f, FINDING_ERROR, entry->key_pos, "'%s' %s", kind_section(kind), e.text);
		remember(b, kind, arena_cstr(b->arena, slice_trim(entry->key)), entry->key_pos);
		return;
	}
	const struct declared *first = map_get(&b->declared[kind], slice_of(s.canonical));
	if (first) {
		findings_add(f, FINDING_ERROR, entry->key_pos, "duplicate name \"%s\", first at %s:%u:%u", s.canonical,
		        first->pos.file, first->pos.line, first->pos.col);
		return;
	}
	struct declared *d = remember(b, kind, s.canonical, entry->key_pos);
	if (!s.type) {
		report_unknown_type(f, kind, entry->key, &s.id, entry->key_pos);
		return;
	}
	if (s.by_alias)
		findings_add(f, FINDING_NOTICE, entry->key_pos, "\"%.*s\" alias is deprecated; use \"%s\" instead",
		        SLICE_ARG(s.id.type), s.type->name);
	add_component(b, d, s.type, entry->value);
}

static void refuse_connector(struct builder *b, const struct node_entry *entry)
{
	findings_add(b->findings, FINDING_ERROR, entry->key_pos,
	        "connector \"%.*s\": connectors are not part of weir (yet)", SLICE_ARG(entry->key));
	remember(b, CONNECTOR, arena_cstr(b->arena, slice_trim(entry->key)), entry->key_pos);
}

void declare_section(struct builder *b, enum kind kind, const struct node *section)
{
	if (!section || section->kind == NODE_NULL)
		return;
	if (section->kind != NODE_MAP) {
		findings_add(b->findings, FINDING_ERROR, section->pos, "'%s' must be a map of ids to options",
		        kind_section(kind));
		return;
	}
	for (size_t i = 0; i < section->n; i++) {
		if (kind == CONNECTOR)
			refuse_connector(b, &section->entries[i]);
		else
			declare(b, kind, &section->entries[i]);
	}
}

struct declared *declare_bare(struct builder *b, enum kind kind, slice type, struct pos pos)
{
	const struct component *c = registry_find(kind, type, NULL);
	struct declared *d = c ? map_get(&b->declared[kind], slice_of(c->name)) : NULL;
	if (!c || d)
		return d;
	d = remember(b, kind, c->name, pos);
	add_component(b, d, c, NULL);
	return d;
}

/* The declared ids of a kind and the types that need no declaration. */
static const char *nearest_id(struct builder *b, enum kind kind, slice text)
{
	const struct map *m = &b->declared[kind];
	size_t n = 0, n_types = 0;
	for (const struct component *const *c = registry_all(); *c; c++)
		n_types++;
	const char **names = arena_zalloc(b->arena, (m->n + n_types + 1) * sizeof(*names));
	for (size_t i = 0; i < m->n; i++) {
		if (m->entries[i].value)
			names[n++] = ((struct declared *)m->entries[i].value)->id;
	}
	for (const struct component *const *c = registry_all(); *c; c++) {
		if ((*c)->kind == kind && ((*c)->flags & BARE))
			names[n++] = (*c)->name;
	}
	return findings_nearest(text, names);
}

static struct declared *report_dangling(
        struct builder *b, enum kind kind, slice text, struct pos pos, const char *where)
{
	const char *near = nearest_id(b, kind, text);
	const struct declared *d = near ? map_get(&b->declared[kind], slice_of(near)) : NULL;
	if (d && !d->component) /* the same slip: its declaration has the finding */
		return NULL;
	findings_add(b->findings, FINDING_ERROR, pos, "%s: references %s \"%.*s\" which is not configured%s%s%s", where,
	        component_kind_name(kind), SLICE_ARG(text), near ? ", did you mean \"" : "", near ? near : "",
	        near ? "\"?" : "");
	return NULL;
}

struct declared *find_reference(struct builder *b, enum kind kind, slice text, struct pos pos, const char *where)
{
	struct spelled s;
	struct err e;
	struct declared *d = map_get(&b->declared[kind], slice_trim(text));
	if (!d && (kind == RECEIVER || kind == EXPORTER))
		d = map_get(&b->declared[CONNECTOR], slice_trim(text));
	if (d)
		return d;
	if (read_id(b, kind, text, &s, &e) < 0) {
		findings_add(b->findings, FINDING_ERROR, pos, "%s: %s", where, e.text);
		return NULL;
	}
	d = map_get(&b->declared[kind], slice_of(s.canonical));
	if (d)
		return d;
	if (kind == EXTENSION || !s.type || s.id.name.len || !(s.type->flags & BARE))
		return report_dangling(b, kind, text, pos, where);
	findings_add(b->findings, FINDING_NOTICE, pos, "%s \"%s\" is not declared under %s: declared with its defaults",
	        component_kind_name(kind), s.type->name, kind_section(kind));
	return declare_bare(b, kind, slice_of(s.type->name), pos);
}
