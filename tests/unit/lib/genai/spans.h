/* spans.h - spans for tests of lib/genai, written as plain JSON: a list of
 *
 *	{"scope": "s", "version": "1", "name": "chat", "kind": 3, "id": 1, "parent": 0, "trace": 1, "start": 0, "end": 1000,
 *	 "error": true, "attributes": {"gen_ai.system": "openai", "n": 1, "t": 1.0, "list": ["a"], "map": {"k": "v"}},
 *	 "events": [{"name": "e", "time": 10, "attributes": {}}]}
 *
 * of which all members may be left out (times in ms, ids are small numbers). What comes out is read back as such an attributes object.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* jansson and lib/genai/json.h share names of types: here they are jansson's. */
#define json_type genai_json_type
#define JSON_NULL GENAI_NULL
#define JSON_BOOL GENAI_BOOL
#define JSON_NUMBER GENAI_NUMBER
#define JSON_STRING GENAI_STRING
#define JSON_ARRAY GENAI_ARRAY
#define JSON_OBJECT GENAI_OBJECT
#include "lib/genai/json.h"
#undef json_type
#undef JSON_NULL
#undef JSON_BOOL
#undef JSON_NUMBER
#undef JSON_STRING
#undef JSON_ARRAY
#undef JSON_OBJECT
#include <jansson.h>

#include "lib/genai/tables.h"
#include "tests/unit/rig/rig.h"

struct spans {
	struct key_table *keys;
	struct traces t;
	struct buf *body;
};

static inline json_t *spans_value(json_t *v)
{
	json_t *list = json_array(), *e, *out;
	const char *key;
	size_t i;
	if (json_is_array(v)) {
		json_array_foreach(v, i, e) json_array_append_new(list, spans_value(e));
		return json_pack("{s:{s:o}}", "arrayValue", "values", list);
	}
	if (json_is_object(v)) {
		json_object_foreach(v, key, e)
		        json_array_append_new(list, json_pack("{s:s,s:o}", "key", key, "value", spans_value(e)));
		return json_pack("{s:{s:o}}", "kvlistValue", "values", list);
	}
	out = json_is_null(v) ? json_object()
	                      : json_pack("{s:O}",
	                                json_is_integer(v)          ? "intValue"
	                                        : json_is_real(v)   ? "doubleValue"
	                                        : json_is_string(v) ? "stringValue"
	                                                            : "boolValue",
	                                v);
	json_decref(list);
	return out;
}

static inline json_t *spans_attributes(json_t *object)
{
	json_t *list = json_array(), *v;
	const char *key;
	json_object_foreach(object, key, v)
	        json_array_append_new(list, json_pack("{s:s,s:o}", "key", key, "value", spans_value(v)));
	return list;
}

static inline json_int_t spans_int(json_t *span, const char *name, json_int_t otherwise)
{
	json_t *v = json_object_get(span, name);
	return v ? json_integer_value(v) : otherwise;
}

/* "" for 0 */
static inline json_t *spans_hex(const char *head, json_int_t id)
{
	char text[40] = "";
	if (id)
		snprintf(text, sizeof(text), "%s%08x", head, (unsigned)id);
	return json_pack("s", text);
}

static inline const char *spans_text(json_t *span, const char *name)
{
	json_t *v = json_object_get(span, name);
	return v ? json_string_value(v) : "";
}

static inline json_t *spans_events(json_t *span)
{
	json_t *list = json_array(), *e;
	size_t i;
	json_array_foreach(json_object_get(span, "events"), i, e) json_array_append_new(list,
	        json_pack("{s:s,s:I,s:o}", "name", spans_text(e, "name"), "timeUnixNano",
	                (spans_int(e, "time", 0) + 1000) * 1000000, "attributes",
	                spans_attributes(json_object_get(e, "attributes"))));
	return list;
}

static inline json_t *spans_span(json_t *in, json_int_t id)
{
	json_t *s = json_pack("{s:o,s:o,s:o,s:s,s:I,s:I,s:I,s:o,s:o}", "traceId",
	        spans_hex("0102030405060708090a0b0c", spans_int(in, "trace", 1)), "spanId",
	        spans_hex("01020304", spans_int(in, "id", id)), "parentSpanId",
	        spans_hex("01020304", spans_int(in, "parent", 0)), "name", spans_text(in, "name"), "kind",
	        spans_int(in, "kind", 1), "startTimeUnixNano", (spans_int(in, "start", 0) + 1000) * 1000000,
	        "endTimeUnixNano", (spans_int(in, "end", 1000) + 1000) * 1000000, "attributes",
	        spans_attributes(json_object_get(in, "attributes")), "events", spans_events(in));
	if (json_is_true(json_object_get(in, "error")))
		json_object_set_new(s, "status", json_pack("{s:i}", "code", 2));
	return s;
}

/* Scans a list of spans. */
static inline void spans_scan(struct spans *s, struct buf *body)
{
	struct scan_report report;
	struct err e = { 0 };
	s->keys = genai_keys_new();
	s->body = body;
	if (traces_scan(&s->t, body, s->keys, NULL, &report, &e))
		fail_msg("scan: %s", e.text);
	assert_int_equal(report.n_refused, 0);
}

static inline void spans_load(struct spans *s, const char *json)
{
	json_error_t why;
	json_t *in = json_loads(json, 0, &why), *span, *scopes = json_array();
	size_t i;
	if (!in)
		fail_msg("the test's JSON: %s at %d\n%s", why.text, why.position, json);
	json_array_foreach(in, i, span) json_array_append_new(scopes,
	        json_pack("{s:{s:s,s:s},s:[o]}", "scope", "name", spans_text(span, "scope"), "version",
	                spans_text(span, "version"), "spans", spans_span(span, (json_int_t)i + 1)));
	json_t *request = json_pack("{s:[{s:o}]}", "resourceSpans", "scopeSpans", scopes);
	char *text = json_dumps(request, 0);
	spans_scan(s, rig_wire(TRACES, text));
	free(text);
	json_decref(request);
	json_decref(in);
}

static inline void spans_release(struct spans *s)
{
	traces_release(&s->t);
	buf_unref(s->body);
	key_table_free(s->keys);
}

static inline json_t *spans_read_value(const struct value *v)
{
	json_t *out;
	slice at = v->s, key;
	struct value item;
	switch (v->type) {
	case V_EMPTY:
		return json_null();
	case V_BOOL:
		return json_boolean(v->b);
	case V_INT:
		return json_integer(v->i);
	case V_DOUBLE:
		return json_real(v->d);
	case V_STRING:
	case V_BYTES:
		return json_stringn(v->s.len ? v->s.p : "", v->s.len);
	case V_ARRAY:
	case V_KVLIST:
		break;
	}
	out = v->type == V_ARRAY ? json_array() : json_object();
	while (value_next(&at, v->type, &key, &item))
		if (v->type == V_ARRAY)
			json_array_append_new(out, spans_read_value(&item));
		else
			json_object_setn_new(out, key.p, key.len, spans_read_value(&item));
	return out;
}

/* The live attributes as one object; the first of duplicates. */
static inline json_t *spans_read(const struct attrs *as)
{
	json_t *out = json_object();
	for (struct attr *a = attrs_first(as); a; a = attrs_next(a))
		if (!json_object_getn(out, a->key.p, a->key.len))
			json_object_setn_new(out, a->key.p, a->key.len, spans_read_value(&a->value));
	return out;
}

static inline struct span *spans_nth(struct spans *s, unsigned n)
{
	struct span *span = traces_first_span(&s->t);
	while (span && n--)
		span = traces_next_span(&s->t, span);
	return span;
}
