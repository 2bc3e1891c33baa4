/* test_scan.c - what the scan accepts, refuses and reads, by hand-made bodies; random ones are in test_differential.c.
 *
 * Every body goes through traces_scan and traces_check, which must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/otlp/traces.h"
#include "tests/unit/rig/otlp_build.h"
#include "tests/unit/rig/otlp_oracle.h"

static struct arena a;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&a);
	return 0;
}

static int scan_with(struct pool *pool, struct traces *t, slice body, struct scan_report *r, struct err *e)
{
	struct buf *b = buf_copy(NULL, body);
	assert_non_null(b);
	int rc = traces_scan(t, b, NULL, pool, r, e);
	struct scan_report checked;
	struct err e2;
	bool rewrite;
	if (rc != -2)
		assert_int_equal(traces_check(buf_slice(b), &checked, &rewrite, &e2), rc);
	if (rc == 0) {
		assert_int_equal(checked.n_spans, r->n_spans);
		assert_int_equal(checked.n_refused, r->n_refused);
		assert_int_equal(checked.n_utf8, r->n_utf8);
		assert_string_equal(checked.refused_text, r->refused_text);
		assert_int_equal(rewrite, t->dirty || r->n_utf8);
	}
	buf_unref(b);
	return rc;
}

static void scan(struct traces *t, slice body, struct scan_report *r)
{
	struct err e;
	if (scan_with(NULL, t, body, r, &e))
		fail_msg("%s", e.text);
}

static slice with_span(slice more)
{
	return w_request(&a, w_span(&a, "name", more));
}

static void test_empty(void **state)
{
	(void)state;
	struct traces t;
	struct scan_report r;
	scan(&t, SLICE(""), &r);
	assert_int_equal(r.n_spans + t.n_resources + t.n_kept, 0);
	assert_null(traces_first_span(&t));
	traces_release(&t);
	scan(&t, SLICE("\x0a\x00\x0a\x02\x12\x00"), &r); /* a resource, and one with a scope */
	assert_int_equal(t.n_resources, 2);
	assert_int_equal(t.n_scopes, 1);
	assert_null(traces_first_span(&t));
	traces_release(&t);
}

static void test_broken(void **state)
{
	(void)state;
	slice attr = w_attr(&a, 9, "key", "value");
	const struct {
		const char *what;
		slice body;
	} cases[] = {
		{ "tag cut off", SLICE("\x8a") },
		{ "field 0", SLICE("\x02\x00") },
		{ "length past the end", SLICE("\x0a\x05\x12") },
		{ "resource spans as a varint", w_int(&a, 1, 5) },
		{ "a name as a varint", with_span(w_int(&a, 5, 5)) },
		{ "a time as a varint", with_span(w_int(&a, 7, 5)) },
		{ "a kind as bytes", with_span(w_len(&a, 6, SLICE("x"))) },
		{ "attributes as a group", with_span(w_group(&a, 9, SLICE(""))) },
		{ "flags as fixed64", with_span(w_fix64(&a, 16, 1)) },
		{ "an attribute cut inside", with_span((slice){ attr.p, attr.len - 1 }) },
		{ "a key as a varint", with_span(w_len(&a, 9, w_int(&a, 1, 1))) },
		{ "a bool as fixed64", with_span(w_attr_any(&a, 9, "k", w_fix64(&a, 2, 1))) },
		{ "a string_value as a varint", with_span(w_attr_any(&a, 9, "k", w_int(&a, 1, 1))) },
		{ "an array element as a varint", with_span(w_attr_any(&a, 9, "k", w_len(&a, 5, w_int(&a, 1, 1)))) },
		{ "a strindex as bytes", with_span(w_attr_any(&a, 9, "k", w_len(&a, 8, SLICE("")))) },
		{ "a status cut inside", with_span(w_len(&a, 15, SLICE("\x12\x05z"))) },
		{ "a varint of 11 bytes", with_span(SLICE("\x30\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")) },
		{ "an end of no group", with_span(SLICE("\xa4\x06")) },
		{ "a group without end", with_span(SLICE("\xa3\x06")) },
		{ "an event field of a wrong type", with_span(w_len(&a, 11, w_int(&a, 1, 1))) },
		{ "a link field of a wrong type", with_span(w_len(&a, 13, w_int(&a, 1, 1))) },
		{ "an entity field of a wrong type", w_len(&a, 1, w_len(&a, 1, w_len(&a, 3, w_int(&a, 2, 1)))) },
		{ "a scope name of a wrong type", w_len(&a, 1, w_len(&a, 2, w_len(&a, 1, w_int(&a, 1, 1)))) },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct traces t;
		struct scan_report r;
		struct err e = { 0 };
		if (scan_with(NULL, &t, cases[i].body, &r, &e) != -1)
			fail_msg("accepted: %s", cases[i].what);
		if (!strstr(e.text, "not a valid OTLP request: "))
			fail_msg("%s: %s", cases[i].what, e.text);
		traces_release(&t); /* harmless after a failure */
	}
}

/* `levels` of arrays and maps by turns around `any`, each behind a sound element. */
static slice wrapped(slice any, unsigned levels)
{
	while (levels--) {
		bool map = levels % 2;
		slice sound = w_len(&a, 1, SLICE("x"));
		slice first = map ? w_attr_any(&a, 1, "f", sound) : w_len(&a, 1, sound);
		slice second = map ? w_attr_any(&a, 1, "k", any) : w_len(&a, 1, any);
		any = w_len(&a, map ? 6 : 5, w_cat(&a, first, second, w_end));
	}
	return any;
}

/* However deep: a walk that looked twice at each level would not end. */
static void test_broken_inside(void **state)
{
	(void)state;
	const slice inside[] = { w_int(&a, 1, 1), SLICE("\x0a\x05z"), w_len(&a, 5, w_int(&a, 1, 1)),
		w_len(&a, 6, w_len(&a, 1, SLICE("\x0a\x7f"))) };
	for (unsigned levels = 0; levels < 64; levels++) {
		for (size_t i = 0; i < COUNTOF(inside); i++) {
			struct traces t;
			struct scan_report r;
			struct err e = { 0 };
			slice body = with_span(w_attr_any(&a, 9, "k", wrapped(inside[i], levels)));
			assert_int_equal(scan_with(NULL, &t, body, &r, &e), -1);
			traces_release(&t);
		}
	}
}

/* A value on level 64 is the last that is looked at, in a map as in an array. */
static void test_levels(void **state)
{
	(void)state;
	for (unsigned levels = 60; levels < 68; levels++) {
		struct traces t;
		struct scan_report r;
		scan(&t, with_span(w_attr_any(&a, 9, "k", wrapped(w_len(&a, 1, SLICE("x")), levels))), &r);
		assert_int_equal(r.n_refused, levels > 63);
		traces_release(&t);
	}
}

static void test_every_cut(void **state)
{
	(void)state;
	slice more = w_cat(
	        &a, w_attr(&a, 9, "k", "v"), w_len(&a, 11, w_len(&a, 2, SLICE("event"))), w_fix32(&a, 16, 1), w_end);
	slice body = with_span(more);
	for (size_t n = 1; n < body.len; n++) {
		struct traces t;
		struct scan_report r;
		struct err e;
		assert_int_equal(scan_with(NULL, &t, (slice){ body.p, n }, &r, &e), -1);
	}
}

static void test_refused(void **state)
{
	(void)state;
	slice id16 = w_len(&a, 1, SLICE("0123456789abcdef")), id8 = w_len(&a, 2, SLICE("01234567"));
	slice ids = w_ids(&a), none = SLICE("");
	const struct {
		slice span;
		const char *why; /* NULL: fine */
	} cases[] = {
		{ ids, NULL },
		{ none, "the trace id is missing" },
		{ id16, "the span id is missing" },
		{ id8, "the trace id is missing" },
		{ w_cat(&a, w_len(&a, 1, SLICE("0123456789abcde")), id8, w_end), "a trace id is not 16 bytes" },
		{ w_cat(&a, id16, w_len(&a, 2, SLICE("012345678")), w_end), "a span id is not 8 bytes" },
		{ w_cat(&a, w_len(&a, 1, (slice){ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16 }), id8, w_end),
		        "the trace id is all zero" },
		{ w_cat(&a, id16, w_len(&a, 2, (slice){ "\0\0\0\0\0\0\0", 8 }), w_end), "the span id is all zero" },
		/* the last one counts, but every one must be sound */
		{ w_cat(&a, ids, w_len(&a, 1, none), w_end), "the trace id is missing" },
		{ w_cat(&a, w_len(&a, 1, SLICE("x")), ids, w_end), "a trace id is not 16 bytes" },
		{ w_cat(&a, w_len(&a, 1, none), ids, w_end), NULL },
		{ w_cat(&a, ids, w_len(&a, 4, SLICE("parent")), w_end), "a span id is not 8 bytes" },
		{ w_cat(&a, ids, w_len(&a, 4, (slice){ "\0\0\0\0\0\0\0", 8 }), w_end), NULL },
		{ w_cat(&a, ids, w_len(&a, 13, none), w_end), NULL }, /* a link with an empty context */
		{ w_cat(&a, ids, w_len(&a, 13, w_len(&a, 1, SLICE("x"))), w_end), "a trace id is not 16 bytes" },
		{ w_cat(&a, ids, w_len(&a, 13, w_len(&a, 2, SLICE("x"))), w_end), "a span id is not 8 bytes" },
		{ w_cat(&a, ids, w_attr_any(&a, 9, "k", w_deep(&a, 64)), w_end), NULL },
		{ w_cat(&a, ids, w_attr_any(&a, 9, "k", w_deep(&a, 65)), w_end),
		        "an AnyValue nests deeper than 64 levels" },
		{ w_cat(&a, ids, w_attr_any(&a, 9, "k", w_deep(&a, 3000)), w_end),
		        "an AnyValue nests deeper than 64 levels" },
		{ w_cat(&a, ids, w_len(&a, 11, w_attr_any(&a, 3, "k", w_deep(&a, 65))), w_end),
		        "an AnyValue nests deeper than 64 levels" },
		{ w_cat(&a, ids, w_len(&a, 13, w_attr_any(&a, 4, "k", w_deep(&a, 65))), w_end),
		        "an AnyValue nests deeper than 64 levels" },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct traces t;
		struct scan_report r;
		slice good = w_span(&a, "good", (slice){ 0 });
		scan(&t, w_request(&a, w_cat(&a, good, w_len(&a, 2, cases[i].span), good, w_end)), &r);
		assert_int_equal(r.n_spans, 3);
		assert_int_equal(r.n_refused, cases[i].why != NULL);
		assert_int_equal(t.n_kept, 3 - r.n_refused);
		assert_string_equal(r.refused_text, cases[i].why ? arena_printf(&a, "span 1: %s", cases[i].why) : "");
		uint32_t n = 0;
		for (struct span *s = traces_first_span(&t); s; s = traces_next_span(&t, s))
			n++;
		assert_int_equal(n, t.n_kept);
		traces_release(&t);
	}
}

static void test_refused_from_above(void **state)
{
	(void)state;
	slice spans = w_cat(&a, w_span(&a, "a", (slice){ 0 }), w_span(&a, "b", (slice){ 0 }), w_end);
	slice deep = w_attr_any(&a, 1, "k", w_deep(&a, 65)), deep3 = w_attr_any(&a, 3, "k", w_deep(&a, 65));
	slice other = w_request(&a, w_span(&a, "c", (slice){ 0 }));
	slice first = w_len(&a, 2, w_cat(&a, w_len(&a, 1, deep3), spans, w_end));
	slice last = w_len(&a, 2, w_cat(&a, spans, w_len(&a, 1, deep3), w_end));
	slice plain = w_len(&a, 2, spans);
	const slice bodies[] = {
		w_len(&a, 1, w_cat(&a, w_len(&a, 1, deep), plain, w_end)),
		w_len(&a, 1, w_cat(&a, plain, w_len(&a, 1, deep), w_end)),
		w_len(&a, 1, first),
		w_len(&a, 1, last),
	};
	for (size_t i = 0; i < COUNTOF(bodies); i++) {
		struct traces t;
		struct scan_report r;
		scan(&t, w_cat(&a, other, bodies[i], other, w_end), &r);
		assert_int_equal(r.n_spans, 4);
		assert_int_equal(r.n_refused, 2);
		struct span *s = traces_first_span(&t);
		assert_true(slice_is(s->name, "c"));
		assert_true(slice_is(traces_next_span(&t, s)->name, "c"));
		traces_release(&t);
	}
	/* without spans there is nothing to refuse, but it cannot be forwarded either */
	struct traces t;
	struct scan_report r;
	scan(&t, w_len(&a, 1, w_len(&a, 1, deep)), &r);
	assert_int_equal(r.n_refused, 0);
	assert_true(t.dirty);
	traces_release(&t);
}

static void test_utf8(void **state)
{
	(void)state;
	/* one bad text in each place that holds text */
	slice bad = SLICE("a\xC3z\xE2\x82"), x = w_len(&a, 1, bad);
	const slice bodies[] = {
		with_span(w_len(&a, 3, bad)),
		with_span(w_len(&a, 5, bad)),
		with_span(w_len(&a, 9, w_len(&a, 1, bad))),
		with_span(w_attr_any(&a, 9, "k", x)),
		with_span(w_attr_any(&a, 9, "k", w_len(&a, 5, w_len(&a, 1, x)))),
		with_span(w_attr_any(&a, 9, "k", w_len(&a, 6, w_len(&a, 1, x)))),
		with_span(w_len(&a, 11, w_len(&a, 2, bad))),
		with_span(w_len(&a, 11, w_len(&a, 3, w_len(&a, 1, bad)))),
		with_span(w_len(&a, 13, w_len(&a, 3, bad))),
		with_span(w_len(&a, 15, w_len(&a, 2, bad))),
		w_len(&a, 1, w_len(&a, 3, bad)),
		w_len(&a, 1, w_len(&a, 1, w_len(&a, 1, w_len(&a, 1, bad)))),
		w_len(&a, 1, w_len(&a, 1, w_len(&a, 3, w_len(&a, 1, bad)))),
		w_len(&a, 1, w_len(&a, 1, w_len(&a, 3, w_len(&a, 4, bad)))),
		w_len(&a, 1, w_len(&a, 2, w_len(&a, 3, bad))),
		w_len(&a, 1, w_len(&a, 2, w_len(&a, 1, w_len(&a, 1, bad)))),
		w_len(&a, 1, w_len(&a, 2, w_len(&a, 1, w_len(&a, 2, bad)))),
	};
	for (size_t i = 0; i < COUNTOF(bodies); i++) {
		struct traces t;
		struct scan_report r;
		scan(&t, bodies[i], &r);
		assert_int_equal(r.n_utf8, 2);
		slice s = buf_slice(t.body), want = SLICE("a\xEF\xBF\xBDz\xEF\xBF\xBD");
		assert_int_equal(s.len > bodies[i].len, 1);
		assert_non_null(memmem(s.p, s.len, want.p, want.len));
		traces_release(&t);
	}
	/* bytes values and unknown fields are not text */
	struct traces t;
	struct scan_report r;
	scan(&t, with_span(w_cat(&a, w_attr_any(&a, 9, "k", w_len(&a, 7, bad)), w_len(&a, 77, bad), w_end)), &r);
	assert_int_equal(r.n_utf8, 0);
	traces_release(&t);
}

static void test_utf8_long(void **state)
{
	(void)state;
	/* lengths around the sizes of the fast paths, the bad byte at every place */
	for (size_t len = 1; len < 200; len += len < 70 ? 1 : 13) {
		char *text = arena_alloc(&a, len);
		for (size_t at = 0; at < len; at++) {
			memset(text, 'x', len);
			text[at] = (char)0xFF;
			struct traces t;
			struct scan_report r;
			scan(&t, with_span(w_attr_any(&a, 9, "key", w_len(&a, 1, (slice){ text, len }))), &r);
			assert_int_equal(r.n_utf8, 1);
			assert_int_equal(attrs_first(&traces_first_span(&t)->attrs)->value.s.len, len + 2);
			traces_release(&t);
		}
	}
}

/* A text that is bad in every byte costs as much as it is long: if each of them cost a look at the rest, an hour. */
static void test_utf8_all_bad(void **state)
{
	(void)state;
	enum { N = 8 << 20 };
	struct traces t;
	struct scan_report r;
	char *text = malloc(N);
	memset(text, 0xFF, N);
	scan(&t, with_span(w_attr_any(&a, 9, "key", w_len(&a, 1, (slice){ text, N }))), &r);
	assert_int_equal(r.n_utf8, N);
	assert_int_equal(attrs_first(&traces_first_span(&t)->attrs)->value.s.len, 3 * (size_t)N);
	traces_release(&t);
	free(text);
}

/* Joining messages that come in very many pieces has the memory of an index, and no more. */
static void test_split_bomb(void **state)
{
	(void)state;
	enum { N = 400000 };
	struct traces t;
	struct scan_report r;
	struct err e;
	char *p = arena_alloc(&a, 4 * N);
	for (size_t i = 0; i < N; i++)
		memcpy(p + 2 * i, "\x0a\x00", 2); /* an empty Resource */
	scan(&t, w_len(&a, 1, (slice){ p, 2 * N }), &r);
	traces_release(&t);
	for (size_t i = 0; i < N; i++)
		memcpy(p + 4 * i, "\x0a\x02\x10\x01", 4); /* dropped_attributes_count: 1 */
	assert_int_equal(scan_with(NULL, &t, w_len(&a, 1, (slice){ p, 4 * N }), &r, &e), -2);
}

static void test_split_messages(void **state)
{
	(void)state;
	struct traces t;
	struct scan_report r;
	slice res1 = w_len(&a, 1, w_cat(&a, w_attr(&a, 1, "a", "1"), w_int(&a, 2, 7), w_end));
	slice res2 = w_len(&a, 1, w_attr(&a, 1, "b", "2"));
	slice sc1 = w_len(&a, 1, w_cat(&a, w_len(&a, 1, SLICE("n")), w_attr(&a, 3, "c", "3"), w_end));
	slice sc2 = w_len(&a, 1, w_cat(&a, w_len(&a, 2, SLICE("v")), w_attr(&a, 3, "d", "4"), w_end));
	slice array1 = w_len(&a, 5, w_len(&a, 1, w_len(&a, 1, SLICE("x"))));
	slice array2 = w_len(&a, 5, w_len(&a, 1, w_len(&a, 1, SLICE("y"))));
	slice kv = w_len(&a, 9, w_cat(&a, w_len(&a, 2, array1), w_len(&a, 1, SLICE("k")), w_len(&a, 2, array2), w_end));
	slice st1 = w_len(&a, 15, w_len(&a, 2, SLICE("oops"))), st2 = w_len(&a, 15, w_int(&a, 3, 2));
	slice span = w_span(&a, "s", w_cat(&a, st1, kv, st2, w_end));
	scan(&t, w_len(&a, 1, w_cat(&a, res1, w_len(&a, 2, w_cat(&a, sc1, span, sc2, w_end)), res2, w_end)), &r);
	struct span *s = traces_first_span(&t);
	assert_int_equal(t.resources[0].attrs.n, 2);
	assert_int_equal(s->scope->attrs.n, 2);
	assert_true(slice_is(s->scope->name, "n") && slice_is(s->scope->version, "v"));
	assert_int_equal(s->status_code, 2);
	assert_true(slice_is(s->status_message, "oops"));
	struct attr *at = attrs_find(&s->attrs, SLICE("k"));
	slice list = at->value.s, key;
	struct value v;
	assert_int_equal(at->value.type, V_ARRAY);
	assert_true(value_next(&list, V_ARRAY, &key, &v) && slice_is(v.s, "x"));
	assert_true(value_next(&list, V_ARRAY, &key, &v) && slice_is(v.s, "y"));
	assert_false(value_next(&list, V_ARRAY, &key, &v));
	traces_release(&t);
}

static void test_oneof(void **state)
{
	(void)state;
	slice string = w_len(&a, 1, SLICE("s")), array = w_len(&a, 5, w_len(&a, 1, string)), number = w_int(&a, 3, 5);
	const struct {
		slice any;
		enum value_type type;
	} cases[] = {
		{ w_cat(&a, string, number, w_end), V_INT },
		{ w_cat(&a, number, string, w_end), V_STRING },
		{ w_cat(&a, array, number, array, w_end), V_ARRAY },
		{ w_cat(&a, string, w_int(&a, 8, 1), w_end), V_EMPTY }, /* a string index: no string */
		{ w_cat(&a, string, w_int(&a, 99, 1), w_end), V_STRING },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct traces t;
		struct scan_report r;
		scan(&t, with_span(w_attr_any(&a, 9, "k", cases[i].any)), &r);
		struct attr *at = attrs_first(&traces_first_span(&t)->attrs);
		assert_int_equal(at->value.type, cases[i].type);
		slice key, list = at->value.s;
		struct value v;
		unsigned n = 0;
		while (at->value.type == V_ARRAY && value_next(&list, V_ARRAY, &key, &v))
			n++;
		assert_int_equal(n, at->value.type == V_ARRAY); /* the first array was overridden, not merged */
		traces_release(&t);
	}
}

static void test_memory(void **state)
{
	(void)state;
	struct traces t;
	struct scan_report r;
	struct err e;
	struct pool pool;
	pool_init(&pool, 10);
	slice bad = with_span(w_len(&a, 5, SLICE("\xFF")));
	assert_int_equal(scan_with(&pool, &t, bad, &r, &e), -2); /* no room for the repaired body */
	assert_int_equal(pool_used(&pool), 0);
	pool_set_limit(&pool, 1 << 20);
	assert_int_equal(scan_with(&pool, &t, bad, &r, &e), 0);
	assert_int_equal(pool_used(&pool), t.body->cap);
	traces_release(&t);
	assert_int_equal(pool_used(&pool), 0);
	/* empty attributes: the most index for the least body */
	size_t n = 400000;
	char *attrs = arena_alloc(&a, 2 * n);
	for (size_t i = 0; i < n; i++) {
		attrs[2 * i] = 0x4a;
		attrs[2 * i + 1] = 0;
	}
	slice dense = with_span((slice){ attrs, 2 * n });
	assert_int_equal(scan_with(NULL, &t, dense, &r, &e), -2);
	dense = with_span((slice){ attrs, 2 * 10000 });
	assert_int_equal(scan_with(NULL, &t, dense, &r, &e), 0);
	assert_true(t.arena.used <= t.body->len * TRACES_INDEX_FACTOR + TRACES_INDEX_CONSTANT);
	assert_int_equal(traces_first_span(&t)->attrs.n, 10000);
	traces_release(&t);
}

static void test_corpus(void **state)
{
	(void)state;
	static const char *const names[] = { "js_traces_0.pb", "js_traces_1.pb", "js_traces_2.pb",
		"otelcol_traces_0.pb", "otelcol_traces_1.pb", "otelcol_traces_2.pb", "python_traces_0.pb",
		"python_traces_1.pb", "python_traces_2.pb" };
	for (size_t i = 0; i < COUNTOF(names); i++) {
		struct traces t;
		struct scan_report r;
		slice body = w_corpus(&a, names[i]);
		scan(&t, body, &r);
		assert_true(r.n_spans > 0 && r.n_refused == 0 && r.n_utf8 == 0 && !t.dirty);
		assert_int_equal(t.body->len, body.len);
		assert_null(pb_differs(&t, pb_unpack(&a, body)));
		traces_release(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_empty), cmocka_unit_test(test_broken),
		cmocka_unit_test(test_broken_inside), cmocka_unit_test(test_levels), cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_refused_from_above), cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf8_long), cmocka_unit_test(test_utf8_all_bad),
		cmocka_unit_test(test_split_bomb), cmocka_unit_test(test_split_messages), cmocka_unit_test(test_oneof),
		cmocka_unit_test(test_memory), cmocka_unit_test(test_corpus) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
