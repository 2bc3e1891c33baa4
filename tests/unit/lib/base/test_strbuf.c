/* test_strbuf.c - appending up to the maximum, and JSON escaping with jansson as the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <time.h>

#include "lib/base/strbuf.h"
#include "lib/base/utf8.h"

static void appends(void **state UNUSED)
{
	struct strbuf b;
	strbuf_init(&b, 1000);
	assert_int_equal(strbuf_add(&b, SLICE("ab")), 0);
	assert_int_equal(strbuf_addc(&b, 'c'), 0);
	assert_int_equal(strbuf_adds(&b, "def"), 0);
	assert_int_equal(strbuf_addf(&b, "%d-%s", 7, "x"), 0);
	assert_string_equal(b.p, "abcdef7-x");
	assert_int_equal(b.len, 9);
	strbuf_clear(&b);
	assert_string_equal(b.p, "");
	char *room = strbuf_room(&b, 3);
	memcpy(room, "xyz", 3);
	b.len += 3;
	assert_string_equal(b.p, "xyz");
	strbuf_release(&b);
	assert_int_equal(b.max, 1000);
}

static void stops_at_maximum(void **state UNUSED)
{
	struct strbuf b;
	strbuf_init(&b, 5);
	assert_int_equal(strbuf_adds(&b, "12345"), 0);
	assert_false(b.failed);
	assert_int_equal(strbuf_adds(&b, ""), 0);
	assert_int_equal(strbuf_addc(&b, '6'), -1);
	assert_true(b.failed);
	assert_string_equal(b.p, "12345");
	strbuf_clear(&b);
	assert_int_equal(strbuf_addf(&b, "%s", "123456"), -1);
	assert_int_equal(strbuf_addc(&b, '1'), -1); /* failed sticks */
	strbuf_clear(&b);
	assert_int_equal(strbuf_addc(&b, '1'), 0);
	assert_null(strbuf_room(&b, SIZE_MAX));
	strbuf_release(&b);
}

static void json_table(void **state UNUSED)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "" },
		{ "a \"b\" \\c/", "a \\\"b\\\" \\\\c/" },
		{ "\b\f\n\r\t\x01\x1f", "\\b\\f\\n\\r\\t\\u0001\\u001f" },
		{ "gr\xC3\xBC \xF0\x9F\x98\x80 \x7F", "gr\xC3\xBC \xF0\x9F\x98\x80 \x7F" },
		{ "a\xFFz", "a\xEF\xBF\xBDz" },
		{ "\xE2\x82\"", "\xEF\xBF\xBD\\\"" },
	};
	struct strbuf b;
	strbuf_init(&b, 1000);
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		strbuf_clear(&b);
		assert_int_equal(strbuf_add_json(&b, slice_of(cases[i].text)), 0);
		assert_true(slice_eq(strbuf_slice(&b), slice_of(cases[i].json)));
	}
	strbuf_clear(&b);
	assert_int_equal(strbuf_add_json(&b, (slice){ "a\0b", 3 }), 0);
	assert_string_equal(b.p, "a\\u0000b");
	strbuf_release(&b);
}

static void json_random(void **state UNUSED)
{
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	struct strbuf b;
	strbuf_init(&b, 4000);
	for (unsigned i = 0; i < 20000; i++) {
		char raw[60], want[180];
		size_t n = (size_t)rand_r(&seed) % sizeof(raw);
		for (size_t j = 0; j < n; j++)
			raw[j] = (char)(rand_r(&seed) % 3 ? rand_r(&seed) % 128 : rand_r(&seed));
		strbuf_clear(&b);
		strbuf_addc(&b, '"');
		strbuf_add_json(&b, (slice){ raw, n });
		strbuf_addc(&b, '"');
		size_t want_len = utf8_repair((slice){ raw, n }, want, NULL);
		json_t *v = json_loadb(b.p, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(v);
		assert_int_equal(json_string_length(v), want_len);
		assert_memory_equal(json_string_value(v), want, want_len);
		json_decref(v);
	}
	strbuf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),
		cmocka_unit_test(stops_at_maximum),
		cmocka_unit_test(json_table),
		cmocka_unit_test(json_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
