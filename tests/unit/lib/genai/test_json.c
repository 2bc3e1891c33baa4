/* test_json.c - JSON texts as nodes: what is accepted, what the nodes say, texts that were cut, and hostile sizes.
 *
 * jansson is the oracle for acceptance on a table after RFC 8259's grammar and on random mutations of a document; the seed is printed.
 * Texts are copied to exact-size heap blocks, so ASan sees any read past the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "lib/base/strbuf.h"
#include "lib/genai/json.h"
#include "tests/unit/lib/genai/jansson.h"

enum { JANSSON = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY };

/* clang-format off */
/* y: valid. n: not. Y: valid, but jansson refuses it (unpaired surrogates, numbers beyond a double, NUL in names). */
static const char *const values[] = {
	"y0", "y-0", "y1", "y-1", "y10", "y0.5", "y1.0", "y1e5", "y1E+5", "y1e-5", "y0e0", "y-0.0", "y 1 ", "y\t1\n", "y123.456e78", "y1e-400",
	"Y1e400", "Y-1e400", "Y0.4e00669999999999999999999999999999999999",
	"n", "n-", "n+1", "n.5", "n-.5", "n5.", "n1.e5", "n1e", "n1e+", "n01", "n-01", "n0x1", "n1_000", "n1 000", "n--1", "n1.2.3", "n1e5e5", "nNaN", "nInfinity",
	"n-Infinity", "n1f", "n-a", "n0e", "n0.3e", "n- 1", "n1+2", "n1\x0c", "n1\xc2\xa0",
	"ytrue", "yfalse", "ynull", "y true ", "ntru", "ntrues", "nTrue", "nnul", "nnulll", "nundefined", "nt", "ntrue false", "n'true'", "nNone", "n&", "n\x01",
	"y\"\"", "y\" \"", "y\"\\\"\"", "y\"\\\\\"", "y\"\\/\\b\\f\\n\\r\\t\"", "y\"\\u0041\"", "y\"\\uD834\\uDd1e\"", "y\"\\u0000\"", "y\"\\uFFFF\"", "y\"\x7f\"",
	"y\"\xe2\x80\xa8\"", "y\"'\"", "y\"0123456789abcdef\"", "y\"0123456789abcdefg\"", "y\"0123456789abcde\\\"\"", "y\"0123456789abcd\\u0041\"",
	"Y\"\\ud800\"", "Y\"\\udc00\"", "Y\"\\ud800\\ud800\"", "Y\"\\ud800\\u0041\"", "Y\"\\ud800x\"", "Y\"\\ud800\\n\"",
	"n\"", "n\"a", "n\"\\\"", "n\"\\", "n\"\\a\"", "n\"\\x41\"", "n\"\\'\"", "n\"\\0\"", "n\"\\U0041\"", "n\"\\\n\"", "n\"\\u\"", "n\"\\u004\"", "n\"\\u004g\"", "n\"\n\"",
	"n\"\t\"", "n\"\x1f\"", "n\"0123456789abcdef\n\"", "n'a'", "na", "n\"a\"b", "n\"a\"\"b\"",
	"y[]", "y[ ]", "y[1]", "y[1,2]", "y[ 1 , 2 ]", "y[[]]", "y[[],[]]", "y[null,1,\"1\",{}]", "y[\"\"]",
	"n[", "n]", "n[1", "n[1,", "n[1,]", "n[,]", "n[,1]", "n[1,,2]", "n[1 2]", "n[1;2]", "n[1:2]", "n[\"a\":1]", "n[}", "n[1}", "n[[]", "n[]]", "n[a]", "n[1]x", "n[][]", "n[\x0c]",
	"y{}", "y{ }", "y{\"a\":1}", "y{\"a\":1,\"b\":2}", "y{ \"a\" : 1 , \"b\" : 2 }", "y{\"a\":{\"a\":{}}}", "y{\"\":0}", "y{\"a\":1,\"a\":2}", "y{\"\\u0061\":1}", "y{\"a\\nb\":1}",
	"Y{\"a\\u0000b\":12}",
	"n{", "n}", "n{\"a\"", "n{\"a\":", "n{\"a\":1", "n{\"a\":1,", "n{\"a\":1,}", "n{,}", "n{\"a\"}", "n{\"a\" 1}", "n{\"a\"::1}", "n{\"a\":1 \"b\":2}", "n{\"a\":1,,\"b\":2}", "n{a:1}",
	"n{'a':1}", "n{1:1}", "n{\"a\":1]", "n{{}}", "n{\"a\":}", "n{:1}", "n{\"a\",1}", "n{\"a\"=1}", "n{\"a\":1}}", "n{\"a\":1}/**/", "n//\n1", "n{\"a\n\":1}", "n\xef\xbb\xbf{}",
};
/* clang-format on */

static bool ours(slice text)
{
	struct arena a;
	struct err e = { .text = "" };
	char *copy = malloc(text.len ? text.len : 1);
	assert_non_null(copy);
	memcpy(copy, text.p, text.len);
	arena_init(&a);
	bool ok = json_parse(&a, (slice){ copy, text.len }, &e) != NULL;
	assert_true(ok == (e.text[0] == 0));
	arena_release(&a);
	free(copy);
	return ok;
}

static bool theirs(slice text, json_error_t *e)
{
	json_t *j = json_loadb(text.p, text.len, JANSSON, e);
	json_decref(j);
	return j != NULL;
}

static void accepts_what_the_rfc_accepts(void **state UNUSED)
{
	static const char *const around[][2] = { { "", "" }, { "[0,", "]" }, { "{\"x\":", ",\"y\":1}" },
		{ "{\"x\":[0,", "\n]}" } };
	unsigned n_failed = 0;
	for (size_t i = 0; i < COUNTOF(values) * COUNTOF(around); i++) {
		const char *v = values[i / COUNTOF(around)], *const *a = around[i % COUNTOF(around)];
		struct strbuf b;
		json_error_t e;
		strbuf_init(&b, 4096);
		strbuf_addf(&b, "%s%s%s", a[0], v + 1, a[1]);
		bool mine = ours(strbuf_slice(&b)), other = theirs(strbuf_slice(&b), &e);
		if (mine != (*v != 'n') || other != (*v == 'y')) {
			print_error("%s: %d, jansson %d\n", b.p, mine, other);
			n_failed++;
		}
		strbuf_release(&b);
	}
	assert_int_equal(n_failed, 0);
	assert_false(ours((slice){ "1\0", 2 }));
	assert_false(ours((slice){ "\"\0\"", 3 }));
}

static const char document[] =
        "{\"a\":[1,-2.5e3,true,false,null],\"b\":{\"c\":\"d\\u00e9\\ud83d\\ude00\\n\",\"e.f\":{\"g\":7}},\n \"s\" : "
        "\"a string longer than sixteen bytes, with \\\"quotes\\\"\",\"\\u0065sc\":[[],{},[{}]],\"n\":12345678901}";

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
	return *s * 0x2545f4914f6cdd1du >> 16;
}

static void agrees_with_jansson_on_mutations(void **state UNUSED)
{
	static const char letters[] = "\"\\{}[]:,0123456789eE+-.tfnul \nud8";
	uint64_t seed = (uint64_t)time(NULL) * 2 + 1, accepted = 0;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 50000; i++) {
		char text[sizeof(document)];
		json_error_t e;
		size_t n = sizeof(document) - 1 - next_random(&seed) % 3;
		memcpy(text, document, sizeof(document));
		for (uint64_t k = next_random(&seed) % 3; k > 0; k--)
			text[next_random(&seed) % n] = letters[next_random(&seed) % (sizeof(letters) - 1)];
		bool mine = ours((slice){ text, n }), other = theirs((slice){ text, n }, &e);
		accepted += mine;
		if (mine != other && !(mine && (strstr(e.text, "Unicode") || strstr(e.text, "overflow"))))
			fail_msg("%d, jansson %d (%s): %.*s", mine, other, e.text, (int)n, text);
	}
	assert_true(accepted > 1000);
}

static void nodes_say_what_the_text_says(void **state UNUSED)
{
	struct arena a;
	const struct json *key = NULL;
	int64_t i;
	double d;
	arena_init(&a);
	const struct json *doc = json_parse(&a, slice_of(document), NULL);
	assert_int_equal(doc->n, 5);
	assert_int_equal(json_get(doc, "a")->n, 5);
	assert_true(slice_is(json_raw(json_get(doc, "a")), "[1,-2.5e3,true,false,null]"));
	assert_true(json_int(json_path(doc, "a.0"), &i) && i == 1);
	assert_true(json_int(json_path(doc, "a.1"), &i) && i == -2500);
	assert_true(json_double(json_path(doc, "a.1"), &d) && d == -2500);
	assert_true(json_int(json_get(doc, "n"), &i) && i == 12345678901);
	assert_false(json_int(json_path(doc, "a.2"), &i) || json_double(json_get(doc, "s"), &d) || json_int(NULL, &i));
	assert_int_equal(json_path(doc, "a.4")->type, JSON_NULL);
	assert_null(json_path(doc, "a.5"));
	assert_null(json_path(doc, "a.x"));
	assert_null(json_path(doc, "b.x.y"));
	assert_true(json_int(json_path(doc, "b.e.f.g"), &i) == false);
	assert_true(json_is(json_path(doc, "b.e.f"), "x") == false && json_path(doc, "b.e.f")->n == 1);
	assert_true(slice_is(json_text_of(json_path(doc, "b.c"), &a), "d\xc3\xa9\xf0\x9f\x98\x80\n"));
	assert_true(slice_is(json_raw(json_path(doc, "b.c")), "\"d\\u00e9\\ud83d\\ude00\\n\""));
	assert_int_equal(json_get(doc, "esc")->n, 3); /* a name with escapes */
	assert_true(json_is(json_path(doc, "b.c"), "d") == false);
	assert_null(json_get(json_get(doc, "s"), "x"));
	const struct json *v = json_first(doc, &key);
	assert_true(json_is(key, "a"));
	v = json_next(doc, v, &key);
	assert_true(json_is(key, "b") && v->type == JSON_OBJECT);
	assert_null(json_first(json_path(doc, "esc.0"), NULL));
	assert_true(slice_is(
	        json_text_of(json_parse(&a, SLICE("\"\\ud800x\\udc00\""), NULL), &a), "\xef\xbf\xbdx\xef\xbf\xbd"));
	assert_int_equal(json_text_of(json_parse(&a, SLICE("\"\\u0000\""), NULL), &a).len, 1);
	arena_release(&a);
}

static void integers_are_exact(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} rows[] = { { "9223372036854775807", true, INT64_MAX }, { "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 }, { "-9223372036854775809", false, 0 }, { "1e3", true, 1000 },
		{ "1.50e1", true, 15 }, { "1.5", false, 0 }, { "120.0", true, 120 }, { "-0", true, 0 },
		{ "1e400", false, 0 }, { "123456789012345678901234567890", false, 0 } };
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		int64_t v = 77;
		bool ok = json_int(json_parse(&a, slice_of(rows[i].text), NULL), &v);
		if (ok != rows[i].ok || v != (ok ? rows[i].value : 77))
			fail_msg("%s: %d %lld", rows[i].text, ok, (long long)v);
	}
	arena_release(&a);
}

static void a_cut_text_is_completed(void **state UNUSED)
{
	static const struct {
		const char *text, *whole; /* NULL: nothing */
	} rows[] = { { "[1,2", "[1]" }, { "[1,2 ", "[1,2]" }, { "[", "[]" }, { "{", "{}" }, { "{\"a", "{}" },
		{ "{\"a\"", "{}" }, { "{\"a\":", "{}" }, { "{\"a\":\"x", "{\"a\":\"x\"}" },
		{ "{\"a\":\"x\\", "{\"a\":\"x\"}" }, { "{\"a\":\"x\\u00", "{\"a\":\"x\"}" }, { "[\"\\ud83d", "[\"\"]" },
		{ "[\"\\ud83d\\ude00", "[\"\\ud83d\\ude00\"]" },
		{ "{\"a\":1,\"b\":[true,fal", "{\"a\":1,\"b\":[true]}" }, { "{\"a\":1,", "{\"a\":1}" },
		{ "[[1],[2", "[[1],[]]" }, { "\"abc", "\"abc\"" }, { "[\"a\",-", "[\"a\"]" }, { "[1.", "[]" },
		{ "", NULL }, { "12e", NULL }, { "tru", NULL }, { "[x", NULL }, { "[1]x", NULL }, { "{'a", NULL } };
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		bool cut = false;
		const struct json *n = json_parse_cut(&a, slice_of(rows[i].text), &cut);
		if ((n != NULL) != (rows[i].whole != NULL) || (n && (!cut || !slice_is(json_raw(n), rows[i].whole))))
			fail_msg("%s", rows[i].text);
	}
	for (size_t n = 1; n < sizeof(document); n++) {
		bool cut = n == sizeof(document) - 1;
		const struct json *doc = json_parse_cut(&a, (slice){ document, n }, &cut);
		if (!doc || cut != (n < sizeof(document) - 1))
			fail_msg("cut at %zu", n);
	}
	arena_release(&a);
}

static void hostile_texts_stay_in_bounds(void **state UNUSED)
{
	static const char *const units[] = { "[", "{\"\":", "[1,", ",", "1,", "\"\",", "[],", "{},", "\"a\":1,", ":" };
	for (size_t i = 0; i < COUNTOF(units); i++) {
		struct arena a;
		struct strbuf b;
		bool cut;
		arena_init(&a);
		strbuf_init(&b, 4 << 20);
		strbuf_addc(&b, '[');
		while (b.len < 1 << 20)
			strbuf_adds(&b, units[i]);
		(void)json_parse_cut(&a, strbuf_slice(&b), &cut);
		/* completed: once more, and a copy of the text */
		assert_true(a.used <= 2 * 16 * b.len + b.len + 20000);
		arena_release(&a);
		strbuf_release(&b);
	}
}

static void python_becomes_json(void **state UNUSED)
{
	static const struct {
		const char *in, *out; /* NULL: no repr() of data */
	} rows[] = {
		{ "{'a': None, 'b': True, 'c': [False, 1.5e-3, -2]}",
		        "{\"a\":null,\"b\":true,\"c\":[false,1.5e-3,-2]}" },
		{ "{'quote': \"it's\", 'double': 'say \"hi\"', 'escape': 'a\\'b\\\\c\\n\\x07\\u00e9'}",
		        "{\"quote\":\"it's\",\"double\":\"say \\\"hi\\\"\",\"escape\":\"a'b\\\\c\\n\\u0007\\u00e9\"}" },
		{ "[(1, 2), (3,), (), b'x']", "[[1,2],[3],[],\"x\"]" },
		{ "Message(role=<Role.USER: 'user'>, _content=[Text(text='a')], _meta={}, at=date(2025, 1), "
		  "f=<function f at 0x7f>)",
		        "{\"role\":\"user\",\"content\":[{\"text\":\"a\"}],\"meta\":{},\"at\":[2025,1],\"f\":null}" },
		{ "{'word': Kind.CHAT, 'empty': Usage()}", "{\"word\":\"Kind.CHAT\",\"empty\":{}}" },
		{ "{'cut': 'off", NULL },
		{ "{'escape': '\\q'}", NULL },
		{ "{'a': <cut", NULL },
		{ "1)", NULL },
		{ "", "" },
		{ "{'a': $}", NULL },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct arena a;
		arena_init(&a);
		slice got = json_of_python(&a, slice_of(rows[i].in));
		if (!slice_eq(got, slice_of(rows[i].out ? rows[i].out : "")))
			fail_msg("%s gives %.*s", rows[i].in, SLICE_ARG(got));
		assert_true(!rows[i].out || !got.len || json_parse(&a, got, NULL));
		arena_release(&a);
	}
	assert_true(is_python(SLICE("{'a'")) && is_python(SLICE("[{'a'")) && is_python(SLICE("({'a'")));
	assert_false(is_python(SLICE("{")) || is_python(SLICE("{\"a\"")) || is_python(SLICE("['a']")) ||
	        is_python(SLICE("")));
	assert_true(is_python_object(SLICE("Chat(id='1')")) && is_python_object(SLICE("A.B_c(_x=1)")));
	assert_false(is_python_object(SLICE("Sum (a)")) || is_python_object(SLICE("chat(id=1)")) ||
	        is_python_object(SLICE("Paris")) || is_python_object(SLICE("Chat(id='1'")) ||
	        is_python_object(SLICE("")));
}

/* Each byte becomes three at most, whatever it is: the room that is taken is enough. */
static void python_stays_in_bounds(void **state UNUSED)
{
	static const char *const units[] = { "a,", "a=", "A(", "\"", "'\"", "\\x0", "None,", "<", "(", "b'", "(,)", "_",
		"{a=", "1e", "a<>", "<a: " };
	for (size_t i = 0; i < COUNTOF(units); i++)
		for (size_t k = 0; k < COUNTOF(units); k++) {
			struct strbuf text;
			struct arena a;
			strbuf_init(&text, 1 << 16);
			for (int n = 0; n < 60; n++) {
				strbuf_adds(&text, units[i]);
				strbuf_adds(&text, units[k]);
				arena_init(&a);
				assert_true(json_of_python(&a, strbuf_slice(&text)).len <= 3 * text.len);
				arena_release(&a);
			}
			strbuf_release(&text);
		}
}

static void an_empty_text_is_no_value(void **state UNUSED)
{
	struct arena a;
	bool cut;
	arena_init(&a);
	assert_null(json_parse(&a, (slice){ 0 }, NULL));
	assert_null(json_parse_cut(&a, (slice){ 0 }, &cut));
	arena_release(&a);
}

/* What would take memory out of proportion is refused, alone and as the next of many. */
static void memory_is_limited(void **state UNUSED)
{
	struct arena a;
	struct err e;
	size_t n = 2 * (size_t)JSON_NODES_MAX;
	char *text = malloc(n + 1);
	text[0] = '[';
	for (size_t i = 1; i < n; i += 2)
		memcpy(text + i, "1,", 2);
	text[n] = ']';
	arena_init(&a);
	assert_null(json_parse(&a, (slice){ text, n + 1 }, &e));
	text[n - 2] = ']';
	for (int i = 0; i < 3; i++)
		assert_true(json_parse(&a, (slice){ text, n - 1 }, &e) != NULL);
	assert_null(json_parse(&a, SLICE("[1]"), &e));
	arena_release(&a);
	free(text);
}

static void depth_is_limited(void **state UNUSED)
{
	for (int depth = JSON_DEPTH - 1; depth <= JSON_DEPTH + 1; depth++) {
		struct strbuf b;
		strbuf_init(&b, 4096);
		for (int i = 0; i < depth; i++)
			strbuf_adds(&b, i % 2 ? "[" : "{\"a\":");
		strbuf_adds(&b, "1");
		for (int i = depth; i-- > 0;)
			strbuf_adds(&b, i % 2 ? "]" : "}");
		assert_int_equal(ours(strbuf_slice(&b)), depth <= JSON_DEPTH);
		strbuf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_the_rfc_accepts),
		cmocka_unit_test(agrees_with_jansson_on_mutations),
		cmocka_unit_test(nodes_say_what_the_text_says),
		cmocka_unit_test(integers_are_exact),
		cmocka_unit_test(a_cut_text_is_completed),
		cmocka_unit_test(hostile_texts_stay_in_bounds),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(python_becomes_json),
		cmocka_unit_test(python_stays_in_bounds),
		cmocka_unit_test(memory_is_limited),
		cmocka_unit_test(an_empty_text_is_no_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
