/* explain_changes.c - differences between two states of a span, told in the terms of the alias tables.
 *
 * An attribute that went and whose concept has a canonical attribute afterwards was renamed; one that came was added, one
 * that changed was changed. Values are cut for reading; control characters are not printed. */
#include "cmd/weir/explain.h"

#include "lib/genai/call.h"
#include "lib/genai/tables.h"
#include "lib/otlp/value_text.h"

enum { MAX_SHOWN = 160 };

static void add_value(struct strbuf *out, const struct value *v)
{
	struct strbuf text;
	strbuf_init(&text, 1 << 26);
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
	strbuf_init(&x, 1 << 26);
	strbuf_init(&y, 1 << 26);
	value_text(&x, a);
	value_text(&y, b);
	bool same = slice_eq(strbuf_slice(&x), strbuf_slice(&y));
	strbuf_release(&x);
	strbuf_release(&y);
	return same;
}

/* The canonical attribute that came with this stage and that `old` is an alias of. */
static struct attr *became(const struct attr *old, const struct span *before, const struct span *after)
{
	size_t n;
	const struct alias *rows = aliases_of(old->key_id, &n);
	for (size_t i = 0; old->key_id && i < n; i++) {
		slice name = concept_info((enum concept)rows[i].concept)->attribute;
		struct attr *now = attrs_find(&after->attrs, name);
		if (now && !attrs_find(&before->attrs, name))
			return now;
	}
	return NULL;
}

static void add_name(struct strbuf *out, const char *sign, slice key)
{
	strbuf_addf(out, "    %s ", sign);
	call_print_text(out, key, MAX_SHOWN);
}

static void add_gone(struct strbuf *out, const struct attr *a, const struct span *before, const struct span *after)
{
	const struct attr *now = became(a, before, after);
	add_name(out, "-", a->key);
	if (now) {
		strbuf_adds(out, " -> ");
		call_print_text(out, now->key, MAX_SHOWN);
	}
	strbuf_addc(out, '\n');
}

static void add_came(struct strbuf *out, const struct attr *a, const struct attr *old)
{
	add_name(out, old ? "~" : "+", a->key);
	strbuf_adds(out, " = ");
	add_value(out, &a->value);
	if (old) {
		strbuf_adds(out, ", was ");
		add_value(out, &old->value);
	}
	strbuf_addc(out, '\n');
}

static unsigned count_events(const struct span *s)
{
	unsigned n = 0;
	for (const struct event *e = s->first_event; e; e = e->next)
		n += !e->deleted;
	return n;
}

void explain_changes(struct strbuf *out, const char *id, const struct span *before, const struct span *after)
{
	size_t begin = out->len;
	strbuf_addf(out, "  %s\n", id);
	size_t head = out->len;
	for (struct attr *a = attrs_first(&before->attrs); a; a = attrs_next(a))
		if (!attrs_find(&after->attrs, a->key))
			add_gone(out, a, before, after);
	for (struct attr *a = attrs_first(&after->attrs); a; a = attrs_next(a)) {
		const struct attr *old = attrs_find(&before->attrs, a->key);
		if (!old || !same_value(&old->value, &a->value))
			add_came(out, a, old);
	}
	if (!slice_eq(before->parent_id, after->parent_id))
		strbuf_adds(out, "    ~ parent: the nearest kept ancestor\n");
	unsigned n = count_events(before), m = count_events(after);
	if (n != m)
		strbuf_addf(out, "    - %u of %u events, now in attributes\n", n - m, n);
	if (out->len == head)
		out->len = begin;
}

struct span *explain_find(struct traces *t, const struct span *like)
{
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s))
		if (slice_eq(s->span_id, like->span_id) && slice_eq(s->trace_id, like->trace_id))
			return s;
	return NULL;
}
