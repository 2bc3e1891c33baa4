/* plan.c - the order in which a config becomes a plan: read, merge, expand, declare, connect, check.
 *
 * Everything is tried even after errors, so that one run tells all findings; only a source that cannot be read or
 * parsed ends it early, because what would follow is noise. A plan with an error is never handed out.
 */
#include "config/expand.h"
#include "config/plan_internal.h"
#include "config/service_conf.h"
#include "config/sources.h"

struct root_rows {
	struct node *receivers, *processors, *exporters, *extensions, *connectors, *service;
};

static const struct conf_field root_fields[] = {
	CONF_NODE(root_rows, receivers, "Where data comes in, by id."),
	CONF_NODE(root_rows, processors, "What happens to data on its way, by id."),
	CONF_NODE(root_rows, exporters, "Where data goes, by id."),
	CONF_NODE(root_rows, extensions, "What else runs, by id."),
	CONF_NODE(root_rows, connectors, "Not part of weir (yet)."),
	CONF_NODE(root_rows, service, "Which of them are used, and how they are connected."),
	CONF_END,
};

/* A section under a key that is a letter or two wrong: its finding is enough, what refers into it is sound. */
static void take_misspelt(const struct node *root, const char *name, struct node **section)
{
	const char *const names[] = { name, NULL };
	for (size_t i = 0; !*section && i < root->n; i++) {
		if (findings_nearest(root->entries[i].key, names))
			*section = root->entries[i].value;
	}
}

static void take_misspelt_sections(const struct node *root, struct root_rows *r)
{
	take_misspelt(root, "receivers", &r->receivers);
	take_misspelt(root, "processors", &r->processors);
	take_misspelt(root, "exporters", &r->exporters);
	take_misspelt(root, "extensions", &r->extensions);
	take_misspelt(root, "connectors", &r->connectors);
	take_misspelt(root, "service", &r->service);
}

static size_t n_entries(const struct node *section)
{
	return section && section->kind == NODE_MAP ? section->n : 0;
}

static void make_room(struct builder *b, const struct root_rows *r)
{
	b->cap =
	        n_entries(r->receivers) + n_entries(r->processors) + n_entries(r->exporters) + n_entries(r->extensions);
	for (const struct component *const *c = registry_all(); *c; c++)
		b->cap++;
	b->plan->components = arena_zalloc(b->arena, b->cap * sizeof(*b->plan->components));
}

static void declare_all(struct builder *b, const struct root_rows *r)
{
	make_room(b, r);
	declare_section(b, RECEIVER, r->receivers);
	declare_section(b, PROCESSOR, r->processors);
	declare_section(b, EXPORTER, r->exporters);
	declare_section(b, EXTENSION, r->extensions);
	declare_section(b, CONNECTOR, r->connectors);
}

/* Only for a config that says nothing of exporters anywhere: pipelines without exporters speak for themselves. */
static void check_exporters_exist(struct builder *b, const struct root_rows *r, const struct node *pipelines)
{
	const struct node_entry *given = node_find(b->plan->root, SLICE("exporters"));
	if (given && given->value->kind != NODE_MAP && given->value->kind != NODE_NULL)
		return; /* said already */
	if (!n_entries(r->exporters) && !n_entries(r->connectors) && !n_entries(pipelines))
		findings_add(b->findings, FINDING_ERROR, given ? given->key_pos : b->plan->root->pos,
		        "no exporter configuration specified in config");
}

static void build(struct builder *b)
{
	struct root_rows rows = { 0 };
	struct node *root = b->plan->root;
	struct service_parts parts;
	/* Findings are counted, so what these return says nothing new. */
	(void)!conf_load(root_fields, root, SLICE(""), root->pos, &rows, NULL, b->arena, b->findings);
	take_misspelt_sections(root, &rows);
	declare_all(b, &rows);
	const struct node_entry *service = node_find(root, SLICE("service"));
	struct pos pos = service ? service->key_pos : root->pos;
	(void)!service_conf_load(rows.service, pos, &b->plan->service, &parts, b->arena, b->findings);
	check_exporters_exist(b, &rows, parts.pipelines);
	if (!rows.service || rows.service->kind == NODE_MAP || rows.service->kind == NODE_NULL)
		build_pipelines(b, parts.pipelines, pos);
	build_extensions(b, parts.extensions);
	check_plan(b);
}

struct plan *plan_load(const struct plan_sources *src, struct findings *f)
{
	struct plan *p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	arena_init(&p->arena);
	p->root = sources_load(&p->arena, src, f);
	if (p->root) {
		expand_node(&p->arena, p->root, f);
		struct builder b = { .plan = p, .arena = &p->arena, .findings = f };
		for (size_t i = 0; i < N_KINDS; i++)
			map_init(&b.declared[i]);
		build(&b);
		for (size_t i = 0; i < N_KINDS; i++)
			map_release(&b.declared[i]);
	}
	if (p->root && !f->n_errors)
		return p;
	plan_free(p);
	return NULL;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	arena_release(&p->arena);
	free(p);
}

const struct plan_component *plan_find(const struct plan *p, enum kind kind, const char *id)
{
	for (size_t i = 0; i < p->n_components; i++) {
		const struct plan_component *c = &p->components[i];
		if (c->type->kind == kind && strcmp(c->id, id) == 0)
			return c;
	}
	return NULL;
}
