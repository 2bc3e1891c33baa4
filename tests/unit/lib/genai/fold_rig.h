/* fold_rig.h - one span in, the four content texts out: the rig of test_fold, test_flat and test_events.
 *
 * A span is written in lines: "key: text", "key:= AnyValue as OTLP/JSON", "@name" or "@name TIME" begins an event whose attributes follow.
 * fold_check compares every result, then writes them as the normaliser does, deletes what was carried, and folds again: nothing may
 * change any more.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/genai/fold.h"
#include "lib/otlp/edit.h"
#include "tests/unit/rig/rig.h"

/* AnyValues as OTLP/JSON. */
#define STR(s) "{\"stringValue\":\"" s "\"}"
#define INT(i) "{\"intValue\":\"" i "\"}"
#define LIST(v) "{\"arrayValue\":{\"values\":[" v "]}}"
#define MAP(members) "{\"kvlistValue\":{\"values\":[" members "]}}"
#define MEMBER(k, v) "{\"key\":\"" k "\",\"value\":" v "}"
#define TEXT_PART MAP(MEMBER("type", STR("text")) "," MEMBER("content", STR("hi")))
#define USER_HI LIST(MAP(MEMBER("role", STR("user")) "," MEMBER("parts", LIST(TEXT_PART))))

struct fold_case {
	const char *name, *span;
	enum genai_kind kind; /* KIND_OTHER: an LLM span; KIND_MEMORY stands for KIND_OTHER */
	enum ecosystem ecosystem;
	const char *input, *output, *system, *tools; /* NULL: none */
	const char *finish; /* joined by blanks; NULL: none */
	const char *stays; /* keys, and @names of events, that were not carried; NULL: none; "*": all */
	bool truncated;
	enum precedence precedence;
};

struct fold_rig {
	struct arena a;
	struct key_table *keys;
	struct traces t;
	struct view v;
	struct fold f;
	struct folded out;
};

static const char *find(slice line, const char *text)
{
	size_t n = strlen(text);
	for (size_t i = 0; i + n <= line.len; i++)
		if (memcmp(line.p + i, text, n) == 0)
			return line.p + i;
	return NULL;
}

static void add_attr(struct strbuf *b, slice line, bool *first)
{
	const char *colon = find(line, ": "), *raw = find(line, ":= ");
	if (!*first)
		strbuf_addc(b, ',');
	*first = false;
	assert_true(colon || raw);
	bool is_raw = raw && (!colon || raw < colon);
	const char *at = is_raw ? raw : colon;
	slice value = { at + (is_raw ? 3 : 2), (size_t)(line.p + line.len - at) - (is_raw ? 3 : 2) };
	strbuf_addf(b, "{\"key\":\"%.*s\",\"value\":", (int)(at - line.p), line.p);
	if (is_raw)
		strbuf_add(b, value);
	else {
		strbuf_adds(b, "{\"stringValue\":\"");
		strbuf_add_json(b, value);
		strbuf_adds(b, "\"}");
	}
	strbuf_addc(b, '}');
}

static void add_event(struct strbuf *b, slice line, int n)
{
	const char *blank = memchr(line.p, ' ', line.len);
	slice name = { line.p, blank ? (size_t)(blank - line.p) : line.len };
	slice time = { blank ? blank + 1 : "", blank ? line.len - name.len - 1 : 0 };
	strbuf_addf(b, "%s{\"name\":\"%.*s\",\"timeUnixNano\":\"", n ? "]}," : "],\"events\":[", SLICE_ARG(name));
	if (blank)
		strbuf_add(b, time);
	else
		strbuf_addf(b, "%d", 100 + n);
	strbuf_adds(b, "\",\"attributes\":[");
}

static struct buf *fold_body(const char *text)
{
	struct strbuf b;
	bool first = true;
	int n_events = 0;
	strbuf_init(&b, 64 << 20);
	strbuf_adds(&b,
	        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\","
	        "\"spanId\":\"0102030405060708\",\"name\":\"x\",\"attributes\":[");
	for (slice rest = slice_of(text); rest.len;) {
		const char *nl = memchr(rest.p, '\n', rest.len);
		slice line = { rest.p, nl ? (size_t)(nl - rest.p) : rest.len };
		rest = nl ? (slice){ nl + 1, rest.len - line.len - 1 } : (slice){ 0 };
		if (line.len && *line.p == '@') {
			add_event(&b, (slice){ line.p + 1, line.len - 1 }, n_events++);
			first = true;
		} else if (line.len)
			add_attr(&b, line, &first);
	}
	strbuf_adds(&b, n_events ? "]}]}]}]}]}" : "]}]}]}]}");
	struct buf *body = rig_wire(TRACES, b.p);
	strbuf_release(&b);
	return body;
}

static void fold_rig_init(struct fold_rig *r, const char *text)
{
	struct scan_report report;
	struct err e;
	arena_init(&r->a);
	r->keys = genai_keys_new();
	struct buf *body = fold_body(text);
	assert_int_equal(traces_scan(&r->t, body, r->keys, NULL, &report, &e), 0);
	assert_int_equal(report.n_refused, 0);
	buf_unref(body);
	view_init(&r->v);
	fold_init(&r->f);
}

static void fold_rig_release(struct fold_rig *r)
{
	fold_release(&r->f);
	view_release(&r->v);
	traces_release(&r->t);
	key_table_free(r->keys);
	arena_release(&r->a);
}

static void fold_run(struct fold_rig *r, const struct fold_case *c)
{
	struct span *s = traces_first_span(&r->t);
	view_load(&r->v, &r->t, &s->attrs, (struct emitter){ .ecosystem = c->ecosystem }, GROUP_CONTENT, c->precedence);
	r->v.kind = c->kind == KIND_OTHER ? KIND_LLM : c->kind == KIND_MEMORY ? KIND_OTHER : c->kind;
	r->f.fresh = true;
	fold_span(&r->f, &r->v, true, &r->out);
	fold_events(&r->f, &r->v, &r->out);
}

static bool same(const char *what, slice is, const char *want)
{
	bool ok = slice_eq(is, slice_of(want));
	if (!ok)
		print_error("%s\n is   %.*s\n want %s\n", what, SLICE_ARG(is), want ? want : "");
	return ok;
}

static bool is_carried_attr(const struct folded *out, const struct attr *a)
{
	for (size_t i = 0; i < out->n_carried; i++)
		if (out->carried[i] == a)
			return true;
	return false;
}

static bool is_carried_event(const struct folded *out, const struct event *e)
{
	for (size_t i = 0; i < out->n_carried_events; i++)
		if (out->carried_events[i] == e)
			return true;
	return false;
}

static bool is_content_attr(const struct attr *a)
{
	return a->key_id == KEY_GENAI_INPUT_MESSAGES || a->key_id == KEY_GENAI_OUTPUT_MESSAGES ||
	        a->key_id == KEY_GENAI_SYSTEMINSTRUCTIONS || a->key_id == KEY_GENAI_TOOL_DEFINITIONS;
}

/* What stays besides the canonical attributes. */
static const char *what_stays(struct fold_rig *r, const struct span *s)
{
	struct strbuf b;
	bool any = false;
	strbuf_init(&b, 1 << 20);
	for (struct attr *a = attrs_first(&s->attrs); a; a = attrs_next(a)) {
		any |= is_carried_attr(&r->out, a);
		if (!is_carried_attr(&r->out, a) && !is_content_attr(a))
			strbuf_addf(&b, "%s%.*s", b.len ? " " : "", SLICE_ARG(a->key));
	}
	for (struct event *e = s->first_event; e; e = e->next) {
		any |= is_carried_event(&r->out, e);
		if (!is_carried_event(&r->out, e))
			strbuf_addf(&b, "%s@%.*s", b.len ? " " : "", SLICE_ARG(e->name));
	}
	const char *list = any || !b.len ? arena_cstr(&r->a, strbuf_slice(&b)) : "*";
	strbuf_release(&b);
	return list;
}

static void write_text(struct fold_rig *r, struct span *s, enum concept c, const struct folded_text *t)
{
	if (t->text.len && !t->as_is)
		attr_set_str(&r->t, &s->attrs, concept_info(c)->attribute, t->text);
}

static void write_back(struct fold_rig *r)
{
	struct span *s = traces_first_span(&r->t);
	for (size_t i = 0; i < r->out.n_carried; i++)
		attr_delete(&r->t, &s->attrs, r->out.carried[i]);
	for (size_t i = 0; i < r->out.n_carried_events; i++)
		event_delete(&r->t, r->out.carried_events[i]);
	write_text(r, s, C_INPUT_MESSAGES, &r->out.input);
	write_text(r, s, C_OUTPUT_MESSAGES, &r->out.output);
	write_text(r, s, C_SYSTEM, &r->out.system);
	write_text(r, s, C_TOOL_DEFINITIONS, &r->out.tools);
}

static bool same_texts(struct fold_rig *r, const struct fold_case *c)
{
	bool ok = same("input", r->out.input.text, c->input);
	ok &= same("output", r->out.output.text, c->output);
	ok &= same("system", r->out.system.text, c->system);
	return ok & same("tools", r->out.tools.text, c->tools);
}

static bool is_settled(const struct folded_text *t)
{
	return !t->text.len || t->as_is;
}

/* False, after saying why, when the case fails. */
static bool fold_check(const struct fold_case *c)
{
	struct fold_rig r;
	struct strbuf finish;
	print_message("%s\n", c->name);
	fold_rig_init(&r, c->span);
	fold_run(&r, c);
	bool ok = same_texts(&r, c);
	strbuf_init(&finish, 1 << 16);
	for (size_t i = 0; i < r.out.n_finish_reasons; i++)
		strbuf_addf(&finish, "%s%.*s", i ? " " : "", SLICE_ARG(r.out.finish_reasons[i]));
	ok &= same("finish", strbuf_slice(&finish), c->finish);
	strbuf_release(&finish);
	ok &= same("stays", slice_of(what_stays(&r, traces_first_span(&r.t))), c->stays);
	ok &= same("truncated", slice_of(r.out.truncated ? "yes" : "no"), c->truncated ? "yes" : "no");
	write_back(&r);
	fold_run(&r, c);
	ok &= same_texts(&r, c);
	bool settled = is_settled(&r.out.input) && is_settled(&r.out.output) && is_settled(&r.out.system) &&
	        is_settled(&r.out.tools);
	ok &= same("settled", slice_of(settled ? "yes" : "no"), "yes");
	fold_rig_release(&r);
	return ok;
}

static void fold_check_all(const struct fold_case *cases, size_t n)
{
	bool ok = true;
	for (size_t i = 0; i < n; i++)
		ok &= fold_check(&cases[i]);
	assert_true(ok);
}
