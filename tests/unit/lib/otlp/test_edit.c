/* test_edit.c - reads see edits at once; counts and duplicates are right. What is encoded is in test_encode.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/otlp/edit.h"
#include "tests/unit/rig/otlp_build.h"

static struct arena a;
static struct traces t;
static struct key_table *keys;
static struct span *span;

static int setup(void **state)
{
	(void)state;
	static const slice names[] = { { "known", 5 }, { "other", 5 } };
	struct scan_report r;
	struct err e;
	arena_init(&a);
	keys = key_table_new(names, COUNTOF(names));
	slice more = w_cat(&a, w_attr(&a, 9, "a", "1"), w_attr(&a, 9, "known", "2"), w_attr(&a, 9, "a", "3"),
	        w_len(&a, 11, w_len(&a, 2, SLICE("event"))), w_len(&a, 13, SLICE("")), w_end);
	struct buf *b = buf_copy(NULL, w_request(&a, w_cat(&a, w_span(&a, "x", more), w_span(&a, "y", more), w_end)));
	int rc = traces_scan(&t, b, keys, NULL, &r, &e);
	buf_unref(b);
	span = traces_first_span(&t);
	return rc;
}

static int teardown(void **state)
{
	(void)state;
	traces_release(&t);
	key_table_free(keys);
	arena_release(&a);
	return 0;
}

/* The live attributes as "key=text," */
static void expect(const struct attrs *as, const char *want)
{
	char got[200] = "";
	size_t n = 0;
	uint32_t count = 0;
	for (struct attr *at = attrs_first(as); at; at = attrs_next(at), count++)
		n += (size_t)snprintf(
		        got + n, sizeof(got) - n, "%.*s=%.*s,", SLICE_ARG(at->key), SLICE_ARG(at->value.s));
	assert_string_equal(got, want);
	assert_int_equal(as->n, count);
}

static void test_set(void **state)
{
	(void)state;
	struct attrs *as = &span->attrs;
	expect(as, "a=1,known=2,a=3,");
	assert_false(t.dirty);
	assert_true(slice_is(attrs_find(as, SLICE("a"))->value.s, "1"));
	char text[] = "new";
	attr_set_str(&t, as, SLICE("a"), (slice){ text, 3 });
	memset(text, '!', 3); /* was copied */
	expect(as, "a=new,known=2,");
	assert_true(t.dirty && as->dirty);
	attr_set_str(&t, as, SLICE("b"), SLICE("4"));
	expect(as, "a=new,known=2,b=4,");
	assert_null(attrs_find(as, SLICE("c")));
	attr_set_str(&t, as, SLICE("known"), attrs_find(as, SLICE("b"))->value.s);
	assert_int_equal(attrs_find(as, SLICE("known"))->key_id, 1);
	assert_ptr_equal(attrs_find_id(as, 1), attrs_find(as, SLICE("known")));
	assert_null(attrs_find_id(as, 2));
	attr_set_str(&t, as, SLICE("other"), SLICE("5"));
	assert_int_equal(attrs_find_id(as, 2)->key_id, 2);
	expect(as, "a=new,known=4,b=4,other=5,");
	attr_set_int(&t, as, SLICE("n"), -1);
	attr_set_bool(&t, as, SLICE("t"), true);
	attr_set_double(&t, as, SLICE("d"), 0.5);
	assert_true(attrs_find(as, SLICE("n"))->value.type == V_INT && attrs_find(as, SLICE("n"))->value.i == -1);
	assert_true(attrs_find(as, SLICE("t"))->value.type == V_BOOL && attrs_find(as, SLICE("t"))->value.b);
	assert_true(attrs_find(as, SLICE("d"))->value.type == V_DOUBLE && attrs_find(as, SLICE("d"))->value.d == 0.5);
	/* the other span is as it was */
	expect(&traces_next_span(&t, span)->attrs, "a=1,known=2,a=3,");
	assert_false(traces_next_span(&t, span)->attrs.dirty);
}

static void test_set_from_itself(void **state)
{
	(void)state;
	struct attrs *as = &span->attrs;
	attr_set_borrowed(&t, as, SLICE("known"), &attrs_find(as, SLICE("known"))->value);
	expect(as, "a=1,known=2,a=3,");
	attr_set_known(&t, as, 2, &attrs_find(as, SLICE("a"))->value);
	attr_set_borrowed(&t, as, SLICE("a"), &as->first->next->next->value); /* of the one that it deletes */
	expect(as, "a=3,known=2,other=1,");
}

static void test_replace(void **state)
{
	(void)state;
	struct attrs *as = &span->attrs;
	char text[] = "new";
	struct value v = { .type = V_STRING, .s = { text, 3 } };
	attr_replace_borrowed(&t, as, as->first, &v);
	assert_true(t.dirty && as->dirty);
	attr_replace(&t, as, as->first->next, &v);
	memset(text, '!', 3);
	expect(as, "a=!!!,known=new,a=3,"); /* the first is borrowed; its twin is left alone */
}

static void test_many_added(void **state)
{
	(void)state;
	/* more than any block holds, on both spans in turn */
	enum { N = 200 };
	struct span *second = traces_next_span(&t, span);
	char key[20];
	for (int i = 0; i < N; i++) {
		slice name = { key, (size_t)snprintf(key, sizeof(key), "added %d", i) };
		attr_set_int(&t, &span->attrs, name, i);
		attr_set_int(&t, &second->attrs, name, -i);
	}
	assert_int_equal(span->attrs.n, 3 + N);
	const struct attr *x = span->attrs.first->next->next->next, *y = second->attrs.first->next->next->next;
	for (int i = 0; i < N; i++, x = x->next, y = y->next) {
		snprintf(key, sizeof(key), "added %d", i);
		assert_true(slice_is(x->key, key) && x->value.i == i && !x->key_id && !x->deleted && !x->raw);
		assert_true(slice_is(y->key, key) && y->value.i == -i);
	}
	assert_null(x);
	assert_null(y);
}

static void test_delete_rename(void **state)
{
	(void)state;
	struct attrs *as = &span->attrs;
	attr_delete(&t, as, attrs_first(as));
	attr_delete(&t, as, as->first); /* again: nothing */
	expect(as, "known=2,a=3,");
	attr_rename(&t, as, attrs_first(as), SLICE("other"));
	expect(as, "other=2,a=3,");
	assert_int_equal(attrs_first(as)->key_id, 2);
	attr_rename(&t, as, attrs_find(as, SLICE("a")), SLICE("other")); /* takes the place of the one of that name */
	expect(as, "other=3,");
	attr_rename(&t, as, attrs_first(as), SLICE("plain"));
	assert_int_equal(attrs_first(as)->key_id, 0);
	attr_set_str(&t, as, SLICE("a"), SLICE("again"));
	expect(as, "plain=3,a=again,");
}

static void test_owners(void **state)
{
	(void)state;
	struct scope *sc = span->scope;
	assert_false(sc->dirty || sc->resource->dirty);
	attr_set_str(&t, &sc->resource->attrs, SLICE("r"), SLICE("1"));
	assert_true(sc->resource->dirty && !sc->dirty);
	expect(&sc->resource->attrs, "service.name=svc,r=1,");
	attr_set_str(&t, &sc->attrs, SLICE("s"), SLICE("1"));
	assert_true(sc->dirty && !span->edited);
	attr_set_str(&t, &span->first_event->attrs, SLICE("e"), SLICE("1"));
	expect(&span->first_event->attrs, "e=1,");
	attr_set_str(&t, &span->first_link->attrs, SLICE("l"), SLICE("1"));
	expect(&span->first_link->attrs, "l=1,");
}

static void test_scalars(void **state)
{
	(void)state;
	span_set_name(&t, span, SLICE("new name"));
	span_set_kind(&t, span, 3);
	span_set_times(&t, span, 10, 20);
	span_set_parent(&t, span, SLICE("parentid"));
	span_set_trace_state(&t, span, SLICE("k=v"));
	span_set_status(&t, span, 2, SLICE("failed"));
	scope_set_name(&t, span->scope, SLICE("lib"), SLICE("1.0"));
	assert_true(slice_is(span->name, "new name") && span->kind == 3 && span->start_ns == 10 && span->end_ns == 20);
	assert_true(slice_is(span->parent_id, "parentid") && slice_is(span->trace_state, "k=v"));
	assert_true(span->status_code == 2 && slice_is(span->status_message, "failed"));
	assert_true(slice_is(span->scope->name, "lib") && slice_is(span->scope->version, "1.0"));
}

static void test_children(void **state)
{
	(void)state;
	struct event *ev = event_add(&t, span, 5, SLICE("added"));
	assert_ptr_equal(span->last_event, ev);
	assert_ptr_equal(span->first_event->next, ev);
	assert_ptr_equal(ev->span, span);
	event_set_name(&t, ev, SLICE("renamed"));
	assert_true(slice_is(ev->name, "renamed"));
	event_delete(&t, span->first_event);
	assert_true(span->first_event->deleted);
	struct link *l = link_add(&t, span, SLICE("0123456789abcdef"), SLICE("01234567"));
	assert_ptr_equal(span->last_link, l);
	link_delete(&t, l);
	assert_true(l->deleted);
}

static void test_filter_add(void **state)
{
	(void)state;
	struct span *second = traces_next_span(&t, span);
	assert_int_equal(t.n_kept, 2);
	span_filter(&t, span, 9);
	span_filter(&t, span, 8); /* counts once */
	assert_int_equal(t.n_kept, 1);
	assert_ptr_equal(traces_first_span(&t), second);
	struct span *s =
	        span_add(&t, span->scope, SLICE("0123456789abcdef"), SLICE("76543210"), (slice){ 0 }, SLICE("n"));
	assert_int_equal(t.n_kept, 2);
	assert_ptr_equal(traces_next_span(&t, second), s);
	assert_null(traces_next_span(&t, s));
	attr_set_str(&t, &s->attrs, SLICE("k"), SLICE("v"));
	expect(&s->attrs, "k=v,");
	assert_true(slice_is(span->name, "x")); /* filtered ones stay readable */
}

static void test_lists(void **state)
{
	(void)state;
	struct value items[] = { { .type = V_STRING, .s = SLICE("x") }, { .type = V_INT, .i = 300 }, { 0 } };
	slice names[] = { SLICE("k1"), SLICE(""), SLICE("k3") };
	struct value array = value_array(&t, items, 3), list = value_kvlist(&t, names, items, 3), outer, v;
	outer = value_array(&t, &list, 1);
	attr_set(&t, &span->attrs, SLICE("list"), &outer);
	slice at = attrs_find(&span->attrs, SLICE("list"))->value.s, key, inner;
	assert_true(value_next(&at, V_ARRAY, &key, &v) && v.type == V_KVLIST);
	assert_int_equal(at.len, 0);
	inner = v.s;
	for (size_t i = 0; i < 3; i++) {
		assert_true(value_next(&inner, V_KVLIST, &key, &v));
		assert_true(slice_eq(key, names[i]) && v.type == items[i].type);
		assert_true(value_next(&array.s, V_ARRAY, &key, &v) && v.type == items[i].type && key.len == 0);
	}
	assert_false(value_next(&inner, V_KVLIST, &key, &v));
	assert_int_equal(value_array(&t, NULL, 0).s.len, 0);
}

static void test_list_forms(void **state)
{
	(void)state;
	char text[200];
	memset(text, 'x', sizeof(text));
	slice strange = w_len(&a, 9, SLICE("?")), long_text = { text, sizeof(text) };
	struct {
		slice any;
		enum value_type type;
		slice s;
	} cases[] = {
		{ w_len(&a, 1, SLICE("short")), V_STRING, SLICE("short") },
		{ w_len(&a, 1, long_text), V_STRING, long_text },
		{ SLICE("\x0A\x82\0mn"), V_STRING, SLICE("mn") }, /* a length in more bytes than it needs */
		{ w_len(&a, 5, w_len(&a, 1, w_int(&a, 3, 1))), V_ARRAY, w_len(&a, 1, w_int(&a, 3, 1)) },
		{ w_len(&a, 6, w_attr(&a, 1, "k", "v")), V_KVLIST, w_attr(&a, 1, "k", "v") },
		{ w_len(&a, 7, SLICE("\xFF")), V_BYTES, SLICE("\xFF") },
		{ w_cat(&a, w_len(&a, 1, SLICE("a")), w_len(&a, 1, SLICE("b")), w_end), V_STRING, SLICE("b") },
		{ w_cat(&a, strange, w_len(&a, 1, SLICE("a")), w_end), V_STRING, SLICE("a") },
		{ w_cat(&a, w_len(&a, 1, SLICE("a")), strange, w_end), V_STRING, SLICE("a") },
		{ w_cat(&a, w_len(&a, 5, SLICE("")), w_int(&a, 2, 0), w_end), V_BOOL, { 0 } },
		{ w_int(&a, 2, 1), V_BOOL, { 0 } },
		{ w_int(&a, 3, 1), V_INT, { 0 } },
		{ w_int(&a, 3, UINT64_MAX), V_INT, { 0 } },
		{ w_fix64(&a, 4, 1), V_DOUBLE, { 0 } },
		{ SLICE(""), V_EMPTY, { 0 } },
	};
	slice array = strange, list = strange, key;
	struct value v;
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		slice name = w_len(&a, 1, i % 3 ? SLICE("name") : long_text), value = w_len(&a, 2, cases[i].any);
		array = w_cat(&a, array, w_len(&a, 1, cases[i].any), strange, w_end);
		list = w_cat(&a, list, w_len(&a, 1, w_cat(&a, name, value, w_end)),
		        w_len(&a, 1, w_cat(&a, value, name, w_end)), w_len(&a, 1, value), w_end);
	}
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		slice name = i % 3 ? SLICE("name") : long_text;
		for (unsigned form = 0; form < 4; form++) {
			assert_true(
			        form ? value_next(&list, V_KVLIST, &key, &v) : value_next(&array, V_ARRAY, &key, &v));
			assert_true(slice_eq(key, form == 0 || form == 3 ? SLICE("") : name));
			assert_int_equal(v.type, cases[i].type);
			if (cases[i].s.p)
				assert_true(slice_eq(v.s, cases[i].s));
			if (v.type == V_INT)
				assert_int_equal(v.i, cases[i].any.len == 2 ? 1 : -1);
		}
	}
	assert_false(value_next(&array, V_ARRAY, &key, &v) || value_next(&list, V_KVLIST, &key, &v));
	slice cut = SLICE("\x0A\x05\x0A\x03");
	assert_false(value_next(&cut, V_ARRAY, &key, &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_set, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_from_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_added, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_rename, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owners, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
		cmocka_unit_test_setup_teardown(test_children, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_add, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_forms, setup, teardown) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
