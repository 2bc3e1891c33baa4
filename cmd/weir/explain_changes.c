/* explain_changes.c - differences between two states of a span, told in the terms of the alias tables.
 *
 *	ai.model.id -> gen_ai.request.model = "gpt-4.1"      what went and the canonical attribute that came for it
 *	+ weir.span.kind = "llm"                             came; ~ changed
 *	- ai.usage.inputTokens (gen_ai.usage.input_tokens)   went, for that attribute says the same
 *
 * Values are cut for reading; control characters are not printed. */
#include "cmd/weir/explain.h"

#include "lib/genai/call.h"
#include "lib/genai/tables.h"
#include "lib/otlp/value_text.h"

enum { MAX_SHOWN = 160, MAX_SOURCES = 3, MAX_VALUE = 1 << 26 };

struct change {
	struct strbuf *out;
	const struct span *before, *after;
};

static void add_value(struct strbuf *out, const struct value *v)
{
	struct strbuf text;
	strbuf_init(&text, MAX_VALUE);
	value_text(&text, v);
	if (v->type == V_STRING)
		strbuf_addc(out, '"');
	call_print_text(out, strbuf_slice(&text), MAX_SHOWN);
	if (text.len > MAX_SHOWN)
		strbuf_addf(out, ".. (%zu bytes)", text.len);
	if (v->type == V_STRING)
		strbuf_addc(out, '"');
	strbuf_release(&text);
}

static bool same_value(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	struct strbuf x, y;
	strbuf_init(&x, MAX_VALUE);
	strbuf_init(&y, MAX_VALUE);
	value_text(&x, a);
	value_text(&y, b);
	bool same = slice_eq(strbuf_slice(&x), strbuf_slice(&y));
	strbuf_release(&x);
	strbuf_release(&y);
	return same;
}

/* Walks the canonical attributes that a key's value may become, until `visit` says that it is enough. */
struct walk {
	bool (*visit)(struct walk *w, slice canonical);
	const struct change *change;
	slice wanted, found;
	bool done;
};

static void on_alias(void *ctx, const struct alias *a, slice rest)
{
	struct walk *w = ctx;
	slice name = concept_info((enum concept)a->concept)->attribute, any = SLICE("<k>");
	char own[512];
	if (w->done)
		return;
	if (name.len > any.len && !memcmp(name.p + name.len - any.len, any.p, any.len)) {
		int n = snprintf(own, sizeof own, "%.*s%.*s", (int)(name.len - any.len), name.p, SLICE_ARG(rest));
		name = (slice){ own, n > 0 && (size_t)n < sizeof own ? (size_t)n : 0 };
	}
	w->done = w->visit(w, name);
}

static void walk_canonical(struct walk *w, const struct attr *a)
{
	size_t n;
	const struct alias *rows = aliases_of(a->key_id, &n);
	if (!a->key_id)
		aliases_of_prefix(a->key, on_alias, w);
	for (size_t i = 0; a->key_id && i < n; i++)
		on_alias(w, &rows[i], (slice){ 0 });
}

static bool is_wanted(struct walk *w, slice canonical)
{
	return slice_eq(canonical, w->wanted);
}

static bool becomes(const struct attr *a, slice canonical)
{
	struct walk w = { .visit = is_wanted, .wanted = canonical };
	walk_canonical(&w, a);
	return w.done;
}

static bool is_there(struct walk *w, slice canonical)
{
	const struct attr *a = attrs_find(&w->change->after->attrs, canonical);
	if (a)
		w->found = a->key;
	return a != NULL;
}

/* The attribute of `after` that says what `a` said; empty: none. */
static slice home_of(const struct change *c, const struct attr *a)
{
	struct walk w = { .visit = is_there, .change = c };
	walk_canonical(&w, a);
	return w.found;
}

static bool is_new(const struct change *c, slice key)
{
	return attrs_find(&c->after->attrs, key) && !attrs_find(&c->before->attrs, key);
}

/* "a, b and 3 more -> ": what went and is now in `key`. False: nothing did. */
static bool add_sources(const struct change *c, slice key)
{
	unsigned n = 0;
	for (struct attr *a = attrs_first(&c->before->attrs); a; a = attrs_next(a)) {
		if (attrs_find(&c->after->attrs, a->key) || !becomes(a, key))
			continue;
		if (n++ >= MAX_SOURCES)
			continue;
		strbuf_adds(c->out, n > 1 ? ", " : "    ");
		call_print_text(c->out, a->key, MAX_SHOWN);
	}
	if (n > MAX_SOURCES)
		strbuf_addf(c->out, " and %u more", n - MAX_SOURCES);
	if (n)
		strbuf_adds(c->out, " -> ");
	return n;
}

static void add_came(const struct change *c, const struct attr *a)
{
	const struct attr *stays = NULL;
	if (!add_sources(c, a->key)) {
		strbuf_adds(c->out, "    + ");
		for (struct attr *b = attrs_first(&c->before->attrs); b && !stays; b = attrs_next(b))
			stays = becomes(b, a->key) ? b : NULL;
	}
	call_print_text(c->out, a->key, MAX_SHOWN);
	strbuf_adds(c->out, " = ");
	add_value(c->out, &a->value);
	if (stays) {
		strbuf_adds(c->out, " (");
		call_print_text(c->out, stays->key, MAX_SHOWN);
		strbuf_adds(c->out, " stays)");
	}
	strbuf_addc(c->out, '\n');
}

static void add_changed(const struct change *c, const struct attr *a, const struct attr *old)
{
	strbuf_adds(c->out, "    ~ ");
	call_print_text(c->out, a->key, MAX_SHOWN);
	strbuf_adds(c->out, " = ");
	add_value(c->out, &a->value);
	strbuf_adds(c->out, ", was ");
	add_value(c->out, &old->value);
	strbuf_addc(c->out, '\n');
}

static void add_gone(const struct change *c, const struct attr *a)
{
	slice home = home_of(c, a);
	if (home.len && is_new(c, home))
		return;
	strbuf_adds(c->out, "    - ");
	call_print_text(c->out, a->key, MAX_SHOWN);
	if (home.len) {
		strbuf_adds(c->out, " (");
		call_print_text(c->out, home, MAX_SHOWN);
		strbuf_adds(c->out, " says the same)");
	}
	strbuf_addc(c->out, '\n');
}

static unsigned count_events(const struct span *s)
{
	unsigned n = 0;
	for (const struct event *e = s->first_event; e; e = e->next)
		n += !e->deleted;
	return n;
}

void explain_changes(struct strbuf *out, const struct span *before, const struct span *after)
{
	const struct change c = { out, before, after };
	for (struct attr *a = attrs_first(&after->attrs); a; a = attrs_next(a)) {
		const struct attr *old = attrs_find(&before->attrs, a->key);
		if (!old)
			add_came(&c, a);
		else if (!same_value(&old->value, &a->value))
			add_changed(&c, a, old);
	}
	for (struct attr *a = attrs_first(&before->attrs); a; a = attrs_next(a))
		if (!attrs_find(&after->attrs, a->key))
			add_gone(&c, a);
	if (!slice_eq(before->parent_id, after->parent_id))
		strbuf_addf(out, "    ~ parent: %s\n",
		        after->parent_id.len ? "the nearest ancestor that is kept"
		                             : "none, its ancestors are filtered");
	unsigned n = count_events(before), m = count_events(after);
	if (m < n)
		strbuf_addf(out, "    - %u of %u events, now in attributes\n", n - m, n);
}
