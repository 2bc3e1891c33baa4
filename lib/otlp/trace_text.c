/* trace_text.c - see trace_text.h. Failures of the buffer are sticky, so nothing is checked on the way. Spans are
 * walked in wire order; the numbers are those of the request, counted over what is shown. */
#include "lib/otlp/trace_text.h"

#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/parse.h"
#include "lib/otlp/value_text.h"

static void add_value(struct strbuf *out, const struct value *v)
{
	struct strbuf text;
	strbuf_init(&text, out->max);
	value_text(&text, v);
	strbuf_add_json(out, strbuf_slice(&text));
	out->failed = out->failed || text.failed;
	strbuf_release(&text);
}

static void add_hex(struct strbuf *out, slice id)
{
	char hex[2 * 16 + 1];
	format_hex(id.p, id.len <= 16 ? id.len : 0, hex);
	strbuf_adds(out, hex);
}

/* " key=value key=value" */
static void add_pairs(struct strbuf *out, const struct attrs *as)
{
	for (const struct attr *a = attrs_first(as); a; a = attrs_next(a)) {
		strbuf_addc(out, ' ');
		strbuf_add_json(out, a->key);
		strbuf_addc(out, '=');
		add_value(out, &a->value);
	}
}

/* Walks the spans and tells when another resource or scope begins. */
struct walk {
	const struct resource *resource;
	const struct scope *scope;
	unsigned n_resources, n_scopes, n_spans;
	bool new_resource, new_scope;
};

static void walk_to(struct walk *w, const struct span *s)
{
	w->new_resource = s->scope->resource != w->resource;
	w->new_scope = s->scope != w->scope;
	if (w->new_resource)
		w->n_resources++, w->n_scopes = 0;
	if (w->new_scope)
		w->n_scopes++, w->n_spans = 0;
	w->n_spans++;
	w->resource = s->scope->resource;
	w->scope = s->scope;
}

static void add_named(struct strbuf *out, const char *name, slice value)
{
	if (!value.len)
		return;
	strbuf_addf(out, " %s=", name);
	strbuf_add_json(out, value);
}

void trace_text_normal(struct strbuf *out, struct traces *t)
{
	struct walk w = { 0 };
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s)) {
		walk_to(&w, s);
		if (w.new_resource) {
			strbuf_addf(out, "ResourceTraces #%u", w.n_resources - 1);
			add_named(out, "schema_url", w.resource->schema_url);
			add_pairs(out, &w.resource->attrs);
			strbuf_addc(out, '\n');
		}
		if (w.new_scope) {
			strbuf_addf(out, "ScopeTraces #%u ", w.n_scopes - 1);
			strbuf_add_json(out, w.scope->name);
			if (w.scope->version.len)
				strbuf_addc(out, '@');
			strbuf_add_json(out, w.scope->version);
			add_named(out, "schema_url", w.scope->schema_url);
			add_pairs(out, &w.scope->attrs);
			strbuf_addc(out, '\n');
		}
		strbuf_add_json(out, s->name);
		strbuf_addc(out, ' ');
		add_hex(out, s->trace_id);
		strbuf_addc(out, ' ');
		add_hex(out, s->span_id);
		add_pairs(out, &s->attrs);
		strbuf_addc(out, '\n');
	}
}

static void add_field(struct strbuf *out, const char *name, slice value)
{
	strbuf_addf(out, "    %-15s: ", name);
	strbuf_add_json(out, value);
	strbuf_addc(out, '\n');
}

static void add_id(struct strbuf *out, const char *name, slice id)
{
	strbuf_addf(out, "    %-15s: ", name);
	add_hex(out, id);
	strbuf_addc(out, '\n');
}

static void add_time(struct strbuf *out, uint64_t ns)
{
	time_t s = (time_t)(ns / (uint64_t)NS_PER_S);
	struct tm tm;
	char date[32];
	gmtime_r(&s, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	strbuf_adds(out, date);
	unsigned fraction = (unsigned)(ns % (uint64_t)NS_PER_S);
	int digits = 9;
	for (; fraction && fraction % 10 == 0; fraction /= 10)
		digits--;
	if (fraction)
		strbuf_addf(out, ".%0*u", digits, fraction);
	strbuf_adds(out, " +0000 UTC\n");
}

static void add_attributes(struct strbuf *out, const char *title, const char *indent, const struct attrs *as)
{
	static const char *const types[] = { "Empty", "Str", "Bool", "Int", "Double", "Slice", "Map", "Bytes" };
	const struct attr *a = attrs_first(as);
	if (a)
		strbuf_addf(out, "%s:\n", title);
	for (; a; a = attrs_next(a)) {
		strbuf_addf(out, "%s     -> ", indent);
		strbuf_add_json(out, a->key);
		strbuf_addf(out, ": %s(", types[a->value.type]);
		add_value(out, &a->value);
		strbuf_adds(out, ")\n");
	}
}

static void add_arrow(struct strbuf *out, const char *name, slice value)
{
	strbuf_addf(out, "     -> %s: ", name);
	strbuf_add_json(out, value);
	strbuf_addc(out, '\n');
}

static void add_events(struct strbuf *out, const struct span *s)
{
	unsigned n = 0;
	for (const struct event *ev = s->first_event; ev; ev = ev->next) {
		if (ev->deleted)
			continue;
		strbuf_addf(out, "%sSpanEvent #%u\n", n ? "" : "Events:\n", n);
		n++;
		add_arrow(out, "Name", ev->name);
		strbuf_adds(out, "     -> Timestamp: ");
		add_time(out, ev->time_ns);
		add_attributes(out, "     -> Attributes", "     ", &ev->attrs);
	}
}

static void add_links(struct strbuf *out, const struct span *s)
{
	unsigned n = 0;
	for (const struct link *l = s->first_link; l; l = l->next) {
		if (l->deleted)
			continue;
		strbuf_addf(out, "%sSpanLink #%u\n     -> Trace ID: ", n ? "" : "Links:\n", n);
		n++;
		add_hex(out, l->trace_id);
		strbuf_adds(out, "\n     -> ID: ");
		add_hex(out, l->span_id);
		strbuf_addc(out, '\n');
		add_arrow(out, "TraceState", l->trace_state);
		add_attributes(out, "     -> Attributes", "     ", &l->attrs);
	}
}

static void add_span(struct strbuf *out, const struct span *s)
{
	static const char *const kinds[] = { "Unspecified", "Internal", "Server", "Client", "Producer", "Consumer" };
	static const char *const codes[] = { "Unset", "Ok", "Error" };
	add_id(out, "Trace ID", s->trace_id);
	add_id(out, "Parent ID", s->parent_id);
	add_id(out, "ID", s->span_id);
	add_field(out, "Name", s->name);
	add_field(out, "Kind", slice_of(s->kind < COUNTOF(kinds) ? kinds[s->kind] : "?"));
	if (s->trace_state.len)
		add_field(out, "TraceState", s->trace_state);
	strbuf_addf(out, "    %-15s: ", "Start time");
	add_time(out, s->start_ns);
	strbuf_addf(out, "    %-15s: ", "End time");
	add_time(out, s->end_ns);
	add_field(out, "Status code", slice_of(s->status_code < COUNTOF(codes) ? codes[s->status_code] : "?"));
	add_field(out, "Status message", s->status_message);
	add_attributes(out, "Attributes", "", &s->attrs);
	add_events(out, s);
	add_links(out, s);
}

void trace_text_detailed(struct strbuf *out, struct traces *t)
{
	struct walk w = { 0 };
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s)) {
		walk_to(&w, s);
		if (w.new_resource) {
			strbuf_addf(out, "ResourceSpans #%u\nResource SchemaURL: ", w.n_resources - 1);
			strbuf_add_json(out, w.resource->schema_url);
			strbuf_addc(out, '\n');
			add_attributes(out, "Resource attributes", "", &w.resource->attrs);
		}
		if (w.new_scope) {
			strbuf_addf(out, "ScopeSpans #%u\nScopeSpans SchemaURL: ", w.n_scopes - 1);
			strbuf_add_json(out, w.scope->schema_url);
			strbuf_adds(out, "\nInstrumentationScope ");
			strbuf_add_json(out, w.scope->name);
			strbuf_addc(out, ' ');
			strbuf_add_json(out, w.scope->version);
			strbuf_addc(out, '\n');
			add_attributes(out, "InstrumentationScope attributes", "", &w.scope->attrs);
		}
		strbuf_addf(out, "Span #%u\n", w.n_spans - 1);
		add_span(out, s);
	}
}
