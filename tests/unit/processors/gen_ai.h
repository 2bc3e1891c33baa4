/* gen_ai.h - GenAI processors under test: one span as plain JSON in, its attributes out.
 *
 *	{"resource": {..}, "scope": "s", "scope_attributes": {..}, "attributes": {..}, ..}
 *
 * and what else spans.h knows of a span. Every result is also encoded, read again and pushed once more, which must change nothing.
 */
#pragma once
#include "tests/unit/lib/genai/spans.h"

static inline json_t *gen_ai_parse(const char *text)
{
	json_error_t why;
	json_t *j = json_loads(text, 0, &why);
	if (!j)
		fail_msg("the test's JSON: %s at %d\n%s", why.text, why.position, text);
	return j;
}

static inline void gen_ai_load(struct spans *s, const char *json)
{
	json_t *in = gen_ai_parse(json), *status = json_object_get(in, "status");
	json_t *span = spans_span(in, 1);
	if (status)
		json_object_set_new(span, "status", json_pack("{s:i,s:O}", "code", 2, "message", status));
	json_t *request = json_pack("{s:[{s:{s:o},s:[{s:{s:s,s:s,s:o},s:[o]}]}]}", "resourceSpans", "resource",
	        "attributes", spans_attributes(json_object_get(in, "resource")), "scopeSpans", "scope", "name",
	        spans_text(in, "scope"), "version", spans_text(in, "version"), "attributes",
	        spans_attributes(json_object_get(in, "scope_attributes")), "spans", span);
	char *text = json_dumps(request, 0);
	spans_scan(s, rig_wire(TRACES, text));
	free(text);
	json_decref(request);
	json_decref(in);
}

static inline void gen_ai_push(struct rig *r, struct spans *s)
{
	struct batch b = { .signal = TRACES, .traces = &s->t, .n_items = s->t.n_spans, .client = r->client };
	assert_true(r->loaded);
	r->stage.type->push(&r->stage, &b);
}

/* Pushes once; the attributes of the span are the caller's. */
static inline json_t *gen_ai_once(struct rig *r, const char *json)
{
	struct spans s;
	gen_ai_load(&s, json);
	gen_ai_push(r, &s);
	json_t *out = spans_read(&spans_nth(&s, 0)->attrs);
	spans_release(&s);
	return out;
}

/* Pushes twice, the second time what came out. */
static inline json_t *gen_ai_run(struct rig *r, const char *json)
{
	struct spans s, again;
	gen_ai_load(&s, json);
	gen_ai_push(r, &s);
	spans_scan(&again, traces_encode(&s.t, NULL));
	json_t *first = spans_read(&spans_nth(&again, 0)->attrs);
	gen_ai_push(r, &again);
	json_t *second = spans_read(&spans_nth(&again, 0)->attrs);
	if (!json_equal(first, second)) {
		char *a = json_dumps(first, JSON_SORT_KEYS), *b = json_dumps(second, JSON_SORT_KEYS);
		fail_msg("%s\na second run changes\n%s to\n%s", json, a, b);
	}
	json_decref(second);
	spans_release(&again);
	spans_release(&s);
	return first;
}

/* `want`: attributes with their types; null: must not be there. */
static inline void gen_ai_expect(struct rig *r, const char *json, const char *want)
{
	json_t *got = gen_ai_run(r, json), *expected = gen_ai_parse(want), *v;
	const char *key;
	json_object_foreach(expected, key, v)
	{
		json_t *is = json_object_get(got, key);
		if (json_is_null(v) ? is == NULL : is && json_equal(is, v))
			continue;
		char *text = json_dumps(got, JSON_SORT_KEYS);
		fail_msg("%s\n%s of\n%s\nis not as in\n%s", json, key, text, want);
	}
	json_decref(expected);
	json_decref(got);
}
