/* plan_pipelines.c - service.pipelines and service.extensions: references resolved into arrays of components.
 *
 * A reference to an id whose declaration has a finding is silently left out. A place in a list has the place of its
 * item; a rule about a whole pipeline has the place of its id.
 */
#include "config/plan_internal.h"
#include "lib/conf/conf.h"

struct pipeline_rows {
	struct node *receivers, *processors, *exporters;
};

static const struct conf_field pipeline_fields[] = {
	CONF_NODE(pipeline_rows, receivers, "Ids of receivers; without any, otlp."),
	CONF_NODE(pipeline_rows, processors, "Ids of processors, in the order in which they run."),
	CONF_NODE(pipeline_rows, exporters, "Ids of exporters; each gets everything."),
	CONF_END,
};

static const char *signal_name(enum signal s)
{
	return s == TRACES ? "traces" : s == LOGS ? "logs" : "metrics";
}

struct reference {
	slice text;
	struct pos pos;
};

/* a,b,c */
static struct reference *split_references(struct builder *b, const struct node *scalar, size_t *n)
{
	slice rest = scalar->text;
	struct reference *refs = arena_zalloc(b->arena, (rest.len + 1) * sizeof(*refs));
	for (*n = 0; rest.len; ++*n) {
		const char *comma = memchr(rest.p, ',', rest.len);
		size_t len = comma ? (size_t)(comma - rest.p) : rest.len;
		refs[*n] = (struct reference){ slice_trim((slice){ rest.p, len }), scalar->pos };
		rest = comma ? (slice){ comma + 1, rest.len - len - 1 } : (slice){ 0 };
	}
	return refs;
}

/* The ids in a list (or a comma-joined string); NULL and null are empty. */
static struct reference *read_references(struct builder *b, const struct node *list, const char *where, size_t *n)
{
	*n = 0;
	if (!list || list->kind == NODE_NULL)
		return NULL;
	if (list->kind == NODE_SCALAR)
		return split_references(b, list, n);
	if (list->kind == NODE_MAP) {
		findings_add(b->findings, FINDING_ERROR, list->pos, "%s: must be a list of ids", where);
		return NULL;
	}
	struct reference *refs = arena_zalloc(b->arena, (list->n + 1) * sizeof(*refs));
	for (size_t i = 0; i < list->n; i++) {
		const struct node *item = list->items[i];
		if (item->kind == NODE_SCALAR)
			refs[(*n)++] = (struct reference){ item->text, item->pos };
		else
			findings_add(b->findings, FINDING_ERROR, item->pos, "%s: must be an id", where);
	}
	return refs;
}

struct stages {
	struct plan_component **v;
	size_t n;
};

/* May `c` take this place? Findings say why not. */
static bool fits_pipeline(struct builder *b, const struct plan_pipeline *p, const struct plan_component *c,
        const struct stages *before, struct pos pos)
{
	enum kind kind = c->type->kind;
	if (!(c->type->signals & p->signal)) {
		findings_add(b->findings, FINDING_ERROR, pos,
		        "service::pipelines::%s: %s \"%s\" cannot be used for %s: telemetry type is not supported",
		        p->id, component_kind_name(kind), c->id, signal_name(p->signal));
		return false;
	}
	for (size_t i = 0; i < before->n; i++) {
		if (before->v[i] != c)
			continue;
		enum severity severity = kind == PROCESSOR ? FINDING_ERROR : FINDING_WARNING;
		findings_add(b->findings, severity, pos, "service::pipelines::%s: references %s \"%s\" multiple times",
		        p->id, component_kind_name(kind), c->id);
		return false;
	}
	return true;
}

static struct stages resolve(struct builder *b, const struct plan_pipeline *p, enum kind kind, const struct node *list)
{
	const char *where = arena_printf(b->arena, "service::pipelines::%s", p->id);
	size_t n;
	struct reference *refs = read_references(b, list, where, &n);
	struct stages out = { .v = arena_zalloc(b->arena, (n + 1) * sizeof(struct plan_component *)) };
	for (size_t i = 0; i < n; i++) {
		struct declared *d = find_reference(b, kind, refs[i].text, refs[i].pos, where);
		if (!d || !d->component)
			continue;
		d->component->used = true;
		if (fits_pipeline(b, p, d->component, &out, refs[i].pos))
			out.v[out.n++] = d->component;
	}
	return out;
}

static bool is_empty(const struct node *list)
{
	return !list || list->kind == NODE_NULL || (list->kind == NODE_LIST && list->n == 0);
}

static struct stages default_receiver(struct builder *b, const struct plan_pipeline *p, struct pos pos)
{
	struct stages out = { .v = arena_zalloc(b->arena, sizeof(struct plan_component *)) };
	struct declared *d = declare_bare(b, RECEIVER, SLICE("otlp"), pos);
	if (!d) {
		findings_add(b->findings, FINDING_ERROR, pos, "service::pipelines::%s: must have at least one receiver",
		        p->id);
		return out;
	}
	findings_add(
	        b->findings, FINDING_NOTICE, pos, "service::pipelines::%s: has no receivers: \"otlp\" is used", p->id);
	if (d->component) {
		d->component->used = true;
		out.v[out.n++] = d->component;
	}
	return out;
}

/* The signal of a pipeline's id; 0 after a finding. */
static unsigned read_signal(struct builder *b, const struct node_entry *entry)
{
	static const char *const names[] = { "traces", "logs", "metrics", NULL };
	static const unsigned signals[] = { TRACES, LOGS, METRICS };
	struct id id;
	struct err e;
	if (id_parse(entry->key, &id, &e) < 0) {
		findings_add(b->findings, FINDING_ERROR, entry->key_pos, "service::pipelines: %s", e.text);
		return 0;
	}
	for (size_t i = 0; names[i]; i++) {
		if (slice_is(id.type, names[i]))
			return signals[i];
	}
	if (slice_is(id.type, "profiles")) {
		findings_add(b->findings, FINDING_ERROR, entry->key_pos,
		        "pipeline \"%.*s\": weir does not take profiles", SLICE_ARG(entry->key));
		return 0;
	}
	const char *near = findings_nearest(id.type, names);
	findings_add(b->findings, FINDING_ERROR, entry->key_pos,
	        "service::pipelines: unknown signal \"%.*s\" in id \"%.*s\" (valid values: [logs metrics "
	        "traces])%s%s%s",
	        SLICE_ARG(id.type), SLICE_ARG(entry->key), near ? ", did you mean \"" : "", near ? near : "",
	        near ? "\"?" : "");
	return 0;
}

static void build_pipeline(struct builder *b, const struct node_entry *entry)
{
	unsigned signal = read_signal(b, entry);
	struct pipeline_rows rows = { 0 };
	struct plan_pipeline p = { .id = arena_cstr(b->arena, slice_trim(entry->key)), .signal = (enum signal)signal };
	slice label = slice_of(arena_printf(b->arena, "service::pipelines::%s", p.id));
	int rc = conf_load(pipeline_fields, entry->value, label, entry->key_pos, &rows, NULL, b->arena, b->findings);
	if (!signal)
		return;
	/* With an unknown key a list that seems to be missing may stand under it. */
	struct stages receivers = is_empty(rows.receivers) && rc == 0 ? default_receiver(b, &p, entry->key_pos)
	                                                              : resolve(b, &p, RECEIVER, rows.receivers);
	struct stages processors = resolve(b, &p, PROCESSOR, rows.processors);
	struct stages exporters = resolve(b, &p, EXPORTER, rows.exporters);
	if (is_empty(rows.exporters) && rc == 0)
		findings_add(b->findings, FINDING_ERROR, entry->key_pos, "%.*s: must have at least one exporter",
		        SLICE_ARG(label));
	p.receivers = receivers.v;
	p.n_receivers = receivers.n;
	p.processors = processors.v;
	p.n_processors = processors.n;
	p.exporters = exporters.v;
	p.n_exporters = exporters.n;
	b->plan->pipelines[b->plan->n_pipelines++] = p;
}

void build_pipelines(struct builder *b, const struct node *pipelines, struct pos service_pos)
{
	bool is_map = pipelines && pipelines->kind == NODE_MAP;
	if (pipelines && !is_map && pipelines->kind != NODE_NULL) {
		findings_add(b->findings, FINDING_ERROR, pipelines->pos,
		        "service::pipelines: must be a map of pipeline ids");
		return;
	}
	if (!is_map || !pipelines->n) {
		findings_add(b->findings, FINDING_ERROR, service_pos,
		        "service::pipelines: service must have at least one pipeline");
		return;
	}
	b->plan->pipelines = arena_zalloc(b->arena, pipelines->n * sizeof(*b->plan->pipelines));
	for (size_t i = 0; i < pipelines->n; i++)
		build_pipeline(b, &pipelines->entries[i]);
}

void build_extensions(struct builder *b, const struct node *extensions)
{
	size_t n;
	struct reference *refs = read_references(b, extensions, "service::extensions", &n);
	b->plan->extensions = arena_zalloc(b->arena, (n + 1) * sizeof(*b->plan->extensions));
	for (size_t i = 0; i < n; i++) {
		struct declared *d = find_reference(b, EXTENSION, refs[i].text, refs[i].pos, "service::extensions");
		if (!d || !d->component || d->component->used)
			continue;
		d->component->used = true;
		b->plan->extensions[b->plan->n_extensions++] = d->component;
	}
}
