/* test_encode.c - an edited index as exact bytes: what is untouched stays, edits are spliced in, empty groups go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/otlp/edit.h"
#include "lib/otlp/encode.h"
#include "tests/unit/rig/otlp_build.h"

static struct arena a;
static struct traces t;

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

static struct span *scan(slice body)
{
	struct scan_report r;
	struct err e;
	struct buf *b = buf_copy(NULL, body);
	if (traces_scan(&t, b, NULL, NULL, &r, &e))
		fail_msg("%s", e.text);
	buf_unref(b);
	return traces_first_span(&t);
}

/* Encodes, compares, releases. */
static void expect(slice want)
{
	struct buf *out = traces_encode(&t, NULL);
	assert_non_null(out);
	if (!slice_eq(buf_slice(out), want))
		fail_msg("encoded %zu bytes differ from the %zu wanted", out->len, want.len);
	for (size_t i = 0; i < BUF_SLACK; i++)
		assert_int_equal(out->data[out->len + i], 0);
	buf_unref(out);
	traces_release(&t);
}

/* One resource with one scope, holding these bytes; no resource and scope messages. */
static slice bare(slice spans)
{
	return w_len(&a, 1, w_len(&a, 2, spans));
}

static slice span_of(slice more)
{
	return w_len(&a, 2, w_cat(&a, w_ids(&a), more, w_end));
}

static void test_same(void **state)
{
	(void)state;
	scan(w_request(&a, w_span(&a, "x", (slice){ 0 })));
	struct buf *body = t.body, *out = traces_encode(&t, NULL);
	assert_ptr_equal(out, body);
	assert_int_equal(body->refs, 2);
	buf_unref(out);
	traces_release(&t);
}

static void test_unknown_stays(void **state)
{
	(void)state;
	/* unknown fields and groups around everything; padded lengths; the odd order of the Collector */
	slice u = w_cat(&a, w_len(&a, 1000, SLICE("u\xFF")), w_group(&a, 99, w_int(&a, 1, 1)), w_end);
	slice kept = w_attr(&a, 9, "keep", "1");
	slice set = w_len(&a, 9, w_cat(&a, u, w_len(&a, 2, w_int(&a, 3, 1)), w_len(&a, 1, SLICE("set")), w_end));
	slice renamed = w_len(&a, 9,
	        w_cat(&a, u, w_len(&a, 2, w_cat(&a, u, w_int(&a, 3, 1), w_end)), w_len(&a, 1, SLICE("old")),
	                w_int(&a, 3, 1), w_end));
	slice status = w_len(&a, 15, w_cat(&a, u, w_len(&a, 2, SLICE("m")), w_int(&a, 1, 4), w_end));
	slice event = w_len(&a, 11, w_cat(&a, u, w_len(&a, 2, SLICE("e")), w_end));
	slice before = w_cat(&a, u, event, status, set, u, kept, renamed, w_len(&a, 5, SLICE("name")), u, w_end);
	struct span *s = scan(w_cat(&a, u,
	        w_len(&a, 1, w_cat(&a, u, w_len(&a, 2, w_cat(&a, u, span_of(before), u, w_end)), u, w_end)), u, w_end));
	attr_set_int(&t, &s->attrs, SLICE("set"), 2);
	attr_rename(&t, &s->attrs, attrs_find(&s->attrs, SLICE("old")), SLICE("new"));
	span_set_status(&t, s, 1, (slice){ 0 });
	span_set_name(&t, s, SLICE("name 2"));
	event_set_name(&t, s->first_event, SLICE("e2"));
	slice set2 = w_attr_any(&a, 9, "set", w_int(&a, 3, 2));
	slice renamed2 = w_len(&a, 9,
	        w_cat(&a, u, w_len(&a, 2, w_cat(&a, u, w_int(&a, 3, 1), w_end)), w_int(&a, 3, 1),
	                w_len(&a, 1, SLICE("new")), w_end));
	slice status2 = w_len(&a, 15, w_cat(&a, u, w_int(&a, 1, 4), w_int(&a, 3, 1), w_end));
	slice event2 = w_len(&a, 11, w_cat(&a, u, w_len(&a, 2, SLICE("e2")), w_end));
	slice after = w_cat(&a, u, event2, status2, set2, u, kept, renamed2, u, w_len(&a, 5, SLICE("name 2")), w_end);
	expect(w_cat(&a, u, w_len(&a, 1, w_cat(&a, u, w_len(&a, 2, w_cat(&a, u, span_of(after), u, w_end)), u, w_end)),
	        u, w_end));
}

static void test_attrs(void **state)
{
	(void)state;
	slice one = w_attr(&a, 9, "a", "1"), two = w_attr(&a, 9, "b", "2"), three = w_attr(&a, 9, "a", "3");
	slice before = w_cat(&a, one, two, three, w_end);
	struct span *s = scan(bare(span_of(before)));
	attr_set_str(&t, &s->attrs, SLICE("c"), SLICE("new"));
	expect(bare(span_of(w_cat(&a, before, w_attr(&a, 9, "c", "new"), w_end))));
	s = scan(bare(span_of(before)));
	attr_delete(&t, &s->attrs, attrs_find(&s->attrs, SLICE("b")));
	expect(bare(span_of(w_cat(&a, one, three, w_end))));
	s = scan(bare(span_of(before)));
	attr_set_str(&t, &s->attrs, SLICE("a"), SLICE("x"));
	expect(bare(span_of(w_cat(&a, w_attr(&a, 9, "a", "x"), two, w_end))));
	/* false, 0 and "" are values; nothing is one, too */
	s = scan(bare(span_of(SLICE(""))));
	attr_set_bool(&t, &s->attrs, SLICE("f"), false);
	attr_set_int(&t, &s->attrs, SLICE("i"), 0);
	attr_set_double(&t, &s->attrs, SLICE("d"), 0);
	attr_set_str(&t, &s->attrs, SLICE("s"), (slice){ 0 });
	attr_set(&t, &s->attrs, SLICE("n"), &(struct value){ 0 });
	expect(bare(span_of(w_cat(&a, w_attr_any(&a, 9, "f", w_int(&a, 2, 0)), w_attr_any(&a, 9, "i", w_int(&a, 3, 0)),
	        w_attr_any(&a, 9, "d", w_fix64(&a, 4, 0)), w_attr(&a, 9, "s", ""), w_attr_any(&a, 9, "n", SLICE("")),
	        w_end))));
}

static void test_scalars_removed(void **state)
{
	(void)state;
	slice more = w_cat(&a, w_len(&a, 3, SLICE("ts")), w_len(&a, 4, SLICE("parentid")), w_len(&a, 5, SLICE("n")),
	        w_int(&a, 6, 2), w_fix64(&a, 7, 1), w_fix64(&a, 8, 2), w_len(&a, 15, w_int(&a, 3, 2)),
	        w_len(&a, 5, SLICE("twice")), w_end);
	struct span *s = scan(bare(span_of(more)));
	assert_true(slice_is(s->name, "twice"));
	span_set_trace_state(&t, s, (slice){ 0 });
	span_set_parent(&t, s, (slice){ 0 });
	span_set_name(&t, s, (slice){ 0 });
	span_set_kind(&t, s, 0);
	span_set_times(&t, s, 0, 0);
	span_set_status(&t, s, 0, (slice){ 0 });
	expect(bare(span_of(SLICE(""))));
}

static void test_lengths_grow(void **state)
{
	(void)state;
	/* every length on the way up needs one more byte */
	struct span *s = scan(bare(span_of(SLICE(""))));
	char text[300];
	memset(text, 'x', sizeof(text));
	attr_set_str(&t, &s->attrs, SLICE("k"), (slice){ text, sizeof(text) });
	expect(bare(span_of(w_attr_any(&a, 9, "k", w_len(&a, 1, (slice){ text, sizeof(text) })))));
}

static void test_groups_go(void **state)
{
	(void)state;
	slice x = span_of(w_len(&a, 5, SLICE("x"))), y = span_of(w_len(&a, 5, SLICE("y")));
	slice empty_scope = w_len(&a, 2, w_len(&a, 3, SLICE("url"))), empty = w_len(&a, 1, w_len(&a, 3, SLICE("url")));
	/* a scope that lost all goes, one that came empty stays */
	struct span *s = scan(w_len(&a, 1, w_cat(&a, w_len(&a, 2, x), empty_scope, w_len(&a, 2, y), w_end)));
	span_filter(&t, s, 1);
	expect(w_len(&a, 1, w_cat(&a, empty_scope, w_len(&a, 2, y), w_end)));
	/* so does a resource */
	s = scan(w_cat(&a, empty, bare(x), bare(w_cat(&a, y, x, w_end)), w_end));
	span_filter(&t, s, 1);
	expect(w_cat(&a, empty, bare(w_cat(&a, y, x, w_end)), w_end));
	/* all gone: nothing is left */
	s = scan(bare(x));
	span_filter(&t, s, 1);
	expect(SLICE(""));
	/* gone, but another came */
	s = scan(bare(x));
	span_filter(&t, s, 1);
	span_add(&t, s->scope, SLICE("0123456789abcdef"), SLICE("01234567"), (slice){ 0 }, SLICE("y"));
	expect(bare(y));
	/* a refused span is never encoded */
	scan(bare(w_cat(&a, x, w_len(&a, 2, SLICE("")), y, w_end)));
	assert_true(t.dirty);
	expect(bare(w_cat(&a, x, y, w_end)));
	scan(w_cat(&a, bare(w_len(&a, 2, SLICE(""))), empty, w_end));
	expect(empty);
	/* a resource that nests too deep goes, though it came without spans */
	slice deep = w_len(&a, 1, w_len(&a, 1, w_attr_any(&a, 1, "k", w_deep(&a, 65))));
	scan(w_cat(&a, deep, bare(x), w_end));
	expect(bare(x));
}

static void test_runs_go(void **state)
{
	(void)state;
	/* what goes side by side, across levels: the last attribute, then all of the event behind it but its message */
	slice gone = w_attr(&a, 9, "gone", "1"), kept = w_attr(&a, 9, "kept", "2");
	slice event = w_len(&a, 11, w_cat(&a, w_attr(&a, 3, "gone", "3"), w_attr(&a, 3, "gone too", "4"), w_end));
	slice many = span_of(w_cat(&a, gone, kept, gone, gone, event, w_end));
	slice few = span_of(w_cat(&a, kept, w_len(&a, 11, SLICE("")), w_end));
	struct span *s = scan(bare(w_cat(&a, many, many, many, many, w_end)));
	for (unsigned i = 0; s; s = traces_next_span(&t, s), i++) {
		if (i == 1 || i == 2)
			span_filter(&t, s, 1);
		for (struct attr *at; (at = attrs_find(&s->attrs, SLICE("gone")));)
			attr_delete(&t, &s->attrs, at);
		for (struct attr *at; (at = attrs_first(&s->first_event->attrs));)
			attr_delete(&t, &s->first_event->attrs, at);
	}
	expect(bare(w_cat(&a, few, few, w_end)));
	/* whole scopes and resources side by side */
	slice x = span_of(w_len(&a, 5, SLICE("x"))), y = span_of(w_len(&a, 5, SLICE("y"))), scope = w_len(&a, 2, x);
	slice both = w_len(&a, 1, w_cat(&a, scope, scope, w_len(&a, 2, w_cat(&a, x, y, w_end)), w_end));
	for (s = scan(w_cat(&a, bare(x), bare(x), both, bare(x), w_end)); s; s = traces_next_span(&t, s))
		if (slice_is(s->name, "x"))
			span_filter(&t, s, 1);
	expect(bare(y));
}

static void test_sizes(void **state)
{
	(void)state;
	/* keys and values on both sides of where a length, of itself or of what is around it, needs one more byte */
	char text[300];
	memset(text, 'x', sizeof(text));
	for (size_t n = 110; n < 140; n++) {
		for (size_t k = 0; k < 140; k += k == 1 ? 110 : 1) {
			slice key = { text, k }, value = { text, n };
			struct span *s = scan(bare(span_of(SLICE(""))));
			attr_set_str(&t, &s->attrs, key, value);
			slice any = w_len(&a, 1, value), kv = w_len(&a, 2, any);
			if (k)
				kv = w_cat(&a, w_len(&a, 1, key), kv, w_end);
			expect(bare(span_of(w_len(&a, 9, kv))));
		}
	}
}

static void test_added(void **state)
{
	(void)state;
	slice x = span_of(w_len(&a, 5, SLICE("x")));
	struct span *s = scan(bare(x));
	attr_set_str(&t, &s->scope->resource->attrs, SLICE("r"), SLICE("1")); /* there was no resource message */
	scope_set_name(&t, s->scope, SLICE("lib"), (slice){ 0 });
	attr_set_str(&t, &event_add(&t, s, 7, SLICE("e"))->attrs, SLICE("k"), SLICE("v"));
	attr_set_str(&t, &link_add(&t, s, SLICE("0123456789abcdef"), SLICE("01234567"))->attrs, SLICE("k"), SLICE("v"));
	event_delete(&t, event_add(&t, s, 7, SLICE("never")));
	slice event =
	        w_len(&a, 11, w_cat(&a, w_attr(&a, 3, "k", "v"), w_fix64(&a, 1, 7), w_len(&a, 2, SLICE("e")), w_end));
	slice link = w_len(&a, 13, w_cat(&a, w_attr(&a, 4, "k", "v"), w_ids(&a), w_end));
	slice span = span_of(w_cat(&a, w_len(&a, 5, SLICE("x")), event, link, w_end));
	expect(w_len(&a, 1,
	        w_cat(&a, w_len(&a, 2, w_cat(&a, span, w_len(&a, 1, w_len(&a, 1, SLICE("lib"))), w_end)),
	                w_len(&a, 1, w_attr(&a, 1, "r", "1")), w_end)));
}

static void test_twice(void **state)
{
	(void)state;
	/* encoding changes nothing: it can be done again, after more edits, too */
	struct span *s = scan(bare(span_of(SLICE(""))));
	attr_set_str(&t, &s->attrs, SLICE("k"), SLICE("1"));
	struct buf *first = traces_encode(&t, NULL), *again = traces_encode(&t, NULL);
	assert_true(slice_eq(buf_slice(first), buf_slice(again)));
	buf_unref(first);
	buf_unref(again);
	attr_set_str(&t, &s->attrs, SLICE("k"), SLICE("2"));
	expect(bare(span_of(w_attr(&a, 9, "k", "2"))));
}

static void test_no_memory(void **state)
{
	(void)state;
	struct pool pool;
	pool_init(&pool, 10);
	struct span *s = scan(bare(span_of(SLICE(""))));
	attr_set_str(&t, &s->attrs, SLICE("k"), SLICE("1"));
	assert_null(traces_encode(&t, &pool));
	pool_set_limit(&pool, 1000);
	struct buf *out = traces_encode(&t, &pool);
	assert_non_null(out);
	assert_int_equal(pool_used(&pool), out->len); /* exactly what it takes */
	buf_unref(out);
	traces_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same), cmocka_unit_test(test_unknown_stays),
		cmocka_unit_test(test_attrs), cmocka_unit_test(test_scalars_removed),
		cmocka_unit_test(test_lengths_grow), cmocka_unit_test(test_groups_go), cmocka_unit_test(test_runs_go),
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_added), cmocka_unit_test(test_twice),
		cmocka_unit_test(test_no_memory) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
