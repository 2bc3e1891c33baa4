/* test_coerce.c - every value that real SDKs send where an int, a double, a bool, a text, a list or a time is expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "lib/genai/coerce.h"

#define STR(text)                                                 \
	{                                                         \
		.type = V_STRING, .s = { text, sizeof(text) - 1 } \
	}
#define INT(n)                        \
	{                             \
		.type = V_INT, .i = n \
	}
#define DBL(n)                           \
	{                                \
		.type = V_DOUBLE, .d = n \
	}
#define BOOL(n)                        \
	{                              \
		.type = V_BOOL, .b = n \
	}
#define NO INT64_MIN /* not an int */

static const struct {
	struct value v;
	int64_t as_int, as_tokens;
} ints[] = {
	{ INT(120), 120, 120 },
	{ INT(0), 0, 0 },
	{ INT(-1), -1, NO },
	{ INT((int64_t)1 << 53), (int64_t)1 << 53, (int64_t)1 << 53 },
	{ INT(((int64_t)1 << 53) + 1), ((int64_t)1 << 53) + 1, NO },
	{ DBL(120.0), 120, 120 },
	{ DBL(-0.0), 0, 0 },
	{ DBL(120.5), NO, NO },
	{ DBL(1e300), NO, NO },
	{ DBL(NAN), NO, NO },
	{ DBL(INFINITY), NO, NO },
	{ STR("120"), 120, 120 },
	{ STR(" 120\n"), 120, 120 },
	{ STR("+7"), 7, 7 },
	{ STR("-7"), -7, NO },
	{ STR("120.0"), 120, 120 },
	{ STR("1e3"), 1000, 1000 },
	{ STR("120.5"), NO, NO },
	{ STR("NaN"), NO, NO },
	{ STR("None"), NO, NO },
	{ STR(""), NO, NO },
	{ STR("12 tokens"), NO, NO },
	{ STR("0x10"), NO, NO },
	{ STR("99999999999999999999"), NO, NO },
	{ BOOL(true), NO, NO },
	{ { .type = V_EMPTY }, NO, NO },
	{ { .type = V_ARRAY }, NO, NO },
};

static void ints_are_read(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(ints); i++) {
		int64_t n = 77;
		bool ok = coerce_int(&ints[i].v, &n);
		if (ok != (ints[i].as_int != NO) || n != (ok ? ints[i].as_int : 77))
			fail_msg("int %zu: %d %lld", i, ok, (long long)n);
		n = 77;
		ok = coerce_tokens(&ints[i].v, &n);
		if (ok != (ints[i].as_tokens != NO) || n != (ok ? ints[i].as_tokens : 77))
			fail_msg("tokens %zu: %d %lld", i, ok, (long long)n);
	}
}

static const struct {
	struct value v;
	double want; /* NAN: none */
} doubles[] = {
	{ DBL(0.7), 0.7 },
	{ INT(1), 1 },
	{ STR("0.7"), 0.7 },
	{ STR(" 1e-3 "), 0.001 },
	{ STR("3"), 3 },
	{ STR("$0.0012"), NAN },
	{ STR("NaN"), NAN },
	{ STR("Infinity"), NAN },
	{ STR("None"), NAN },
	{ STR(""), NAN },
	{ DBL(NAN), NAN },
	{ DBL(-INFINITY), NAN },
	{ BOOL(true), NAN },
};

static void doubles_are_read(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(doubles); i++) {
		double d = 77;
		bool ok = coerce_double(&doubles[i].v, &d);
		if (ok != !isnan(doubles[i].want) || d != (ok ? doubles[i].want : 77))
			fail_msg("double %zu: %d %g", i, ok, d);
	}
}

static const struct {
	struct value v;
	int want; /* -1: none */
} bools[] = {
	{ BOOL(true), 1 },
	{ BOOL(false), 0 },
	{ STR("true"), 1 },
	{ STR("True"), 1 },
	{ STR("False"), 0 },
	{ STR("1"), 1 },
	{ STR("0"), 0 },
	{ STR("yes"), 1 },
	{ STR("no"), 0 },
	{ STR(" TRUE "), 1 },
	{ INT(1), 1 },
	{ INT(0), 0 },
	{ INT(2), -1 },
	{ STR("None"), -1 },
	{ STR(""), -1 },
	{ STR("maybe"), -1 },
	{ DBL(1), -1 },
};

static void bools_are_read(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(bools); i++) {
		bool b = i & 1, was = b;
		bool ok = coerce_bool(&bools[i].v, &b);
		if (ok != (bools[i].want >= 0) || b != (ok ? bools[i].want == 1 : was))
			fail_msg("bool %zu: %d %d", i, ok, b);
	}
}

static const struct {
	struct value v;
	enum alias_read read;
	const char *want; /* NULL: none */
} texts[] = {
	{ STR("gpt-4o"), READ_PLAIN, "gpt-4o" },
	{ STR(" padded "), READ_PLAIN, " padded " },
	{ INT(42), READ_PLAIN, "42" },
	{ INT(-42), READ_PLAIN, "-42" },
	{ DBL(1.0), READ_PLAIN, "1" },
	{ DBL(0.1), READ_PLAIN, "0.1" },
	{ DBL(1.0 / 3), READ_PLAIN, "0.3333333333333333" },
	{ BOOL(true), READ_PLAIN, "true" },
	{ BOOL(false), READ_PLAIN, "false" },
	{ STR("\"CHAT_MODEL\""), READ_QUOTED, "CHAT_MODEL" },
	{ STR("\"CHAT_MODEL\""), READ_PLAIN, "\"CHAT_MODEL\"" },
	{ STR("\"a\\nb\\u00e9\""), READ_QUOTED, "a\nb\xc3\xa9" },
	{ STR("\"twice \\\"quoted\\\"\""), READ_QUOTED, "twice \"quoted\"" },
	{ STR("not quoted"), READ_QUOTED, "not quoted" },
	{ STR("\"open"), READ_QUOTED, "\"open" },
	{ STR("\"a\" and \"b\""), READ_QUOTED, "\"a\" and \"b\"" },
	{ STR("\"None\""), READ_QUOTED, NULL },
	{ STR(""), READ_PLAIN, NULL },
	{ STR("   "), READ_PLAIN, NULL },
	{ STR("None"), READ_PLAIN, NULL },
	{ STR("null"), READ_PLAIN, NULL },
	{ STR("N/A"), READ_PLAIN, NULL },
	{ STR("<not specified>"), READ_PLAIN, NULL },
	{ STR("undefined"), READ_PLAIN, NULL },
	{ STR("None of it"), READ_PLAIN, "None of it" },
	{ STR(" None\n"), READ_PLAIN, NULL },
	{ STR("undefined\t"), READ_PLAIN, NULL },
	{ STR("<some>"), READ_PLAIN, "<some>" },
	{ STR("nova"), READ_PLAIN, "nova" },
	{ STR(" \t"), READ_PLAIN, NULL },
	{ STR(" x"), READ_PLAIN, " x" },
	{ STR("\xC3\xA9"), READ_PLAIN, "\xC3\xA9" },
	{ DBL(NAN), READ_PLAIN, NULL },
	{ { .type = V_EMPTY }, READ_PLAIN, NULL },
	{ { .type = V_ARRAY }, READ_PLAIN, NULL },
	{ { .type = V_BYTES, .s = { "x", 1 } }, READ_PLAIN, NULL },
};

static void texts_are_read(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(texts); i++) {
		slice s = SLICE("untouched");
		bool ok = coerce_text(&texts[i].v, texts[i].read, &a, &s);
		if (ok != (texts[i].want != NULL) || !slice_is(s, ok ? texts[i].want : "untouched"))
			fail_msg("text %zu: %d %.*s", i, ok, SLICE_ARG(s));
	}
	arena_release(&a);
}

static const struct {
	const char *text;
	enum alias_read read;
	const char *want; /* joined with | */
} lists[] = {
	{ "[\"stop\"]", READ_PLAIN, "stop" },
	{ "[\"stop\", \"length\"]", READ_PLAIN, "stop|length" },
	{ " [ \"a\\u0062\" , 1, null ] ", READ_PLAIN, "ab|1" },
	{ "stop", READ_PLAIN, "stop" },
	{ "['stop']", READ_PLAIN, "stop" },
	{ "['it\\'s', \"it's\"]", READ_PLAIN, "it's|it's" },
	{ "('a', 'b')", READ_PLAIN, "a|b" },
	{ "[FinishReason.STOP, None]", READ_PLAIN, "FinishReason.STOP" },
	{ "['a',]", READ_PLAIN, "a" },
	{ "['open", READ_PLAIN, "['open" },
	{ "a, b,,c ", READ_CSV, "a|b|c" },
	{ "a, b", READ_PLAIN, "a, b" },
	{ "[\"a\", \"b,c\"]", READ_CSV, "a|b,c" },
	{ "\"[\\\"stop\\\"]\"", READ_PLAIN, "stop" },
	{ "\"stop\"", READ_PLAIN, "stop" },
	{ "[]", READ_PLAIN, NULL },
	{ "", READ_PLAIN, NULL },
	{ "None", READ_PLAIN, NULL },
	{ "[\"\"]", READ_PLAIN, NULL },
	{ "[\"\\n\", \"END\"]", READ_PLAIN, "\n|END" },
};

static const char *joined(struct arena *a, const slice *list, size_t n)
{
	char *s = arena_printf(a, "%s", "");
	for (size_t i = 0; i < n; i++)
		s = arena_printf(a, "%s%s%.*s", s, i ? "|" : "", SLICE_ARG(list[i]));
	return s;
}

static void lists_are_read(void **state UNUSED)
{
	struct arena a;
	slice *list;
	size_t n;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(lists); i++) {
		struct value v = { .type = V_STRING, .s = slice_of(lists[i].text) };
		bool ok = coerce_strings(&v, lists[i].read, &a, &list, &n);
		print_message("%s\n", lists[i].text);
		assert_int_equal(ok, lists[i].want != NULL);
		if (ok)
			assert_string_equal(joined(&a, list, n), lists[i].want);
	}
	/* ["a", 7] on the wire */
	struct value wire = { .type = V_ARRAY,
		.s = SLICE("\x0a\x03\x0a\x01"
		           "a"
		           "\x0a\x02\x18\x07") };
	assert_true(coerce_strings(&wire, READ_PLAIN, &a, &list, &n));
	assert_string_equal(joined(&a, list, n), "a|7");
	wire.s = SLICE("\x0a\x03\x0a\x01\n\x0a\x03\x0a\x01 ");
	assert_true(coerce_strings(&wire, READ_PLAIN, &a, &list, &n));
	assert_string_equal(joined(&a, list, n), "\n| ");
	arena_release(&a);
}

static void long_lists_are_cut(void **state UNUSED)
{
	struct arena a;
	slice *list;
	size_t n;
	arena_init(&a);
	static const char forms[3][2] = { { '[', ']' }, { '(', ')' }, { ' ', ' ' } };
	for (unsigned form = 0; form < 3; form++) {
		char *text = malloc(20000), *at = text;
		*at++ = forms[form][0];
		for (int i = 0; i < 3000; i++)
			at += snprintf(at, 8, "%s1", i ? ", " : "");
		*at++ = forms[form][1];
		struct value v = { .type = V_STRING, .s = { text, (size_t)(at - text) } };
		assert_true(coerce_strings(&v, READ_CSV, &a, &list, &n));
		assert_int_equal(n, 1000);
		free(text);
	}
	arena_release(&a);
}

/* Absent elements do not count for the limit; reading them takes no more memory than they are long. */
static void many_absent_elements_are_cheap(void **state UNUSED)
{
	enum { ELEMENTS = 10000 };
	struct arena a;
	slice *list;
	size_t n;
	char *text = malloc(3 * ELEMENTS + 6), *at = text;
	*at++ = '[';
	for (int i = 0; i < ELEMENTS; i++, at += 3)
		memcpy(at, "'',", 3);
	memcpy(at, "'x']", 4);
	arena_init(&a);
	struct value v = { .type = V_STRING, .s = { text, (size_t)(at - text) + 4 } };
	assert_true(coerce_strings(&v, READ_PLAIN, &a, &list, &n));
	assert_true(n == 1 && slice_is(list[0], "x"));
	assert_true(a.used < 20 * v.s.len);
	arena_release(&a);
	free(text);
}

static const struct {
	const char *text;
	uint64_t want; /* 0: none */
} times[] = {
	{ "2026-08-22T10:00:00Z", 1787392800000000000 },
	{ "2026-08-22T10:00:00.5Z", 1787392800500000000 },
	{ "2026-08-22 10:00:00.000000001+00:00", 1787392800000000001 },
	{ "2026-08-22T12:00:00+02:00", 1787392800000000000 },
	{ "2026-08-22T12:00:00+0200", 1787392800000000000 },
	{ "2026-08-22T05:30:00-04:30", 1787392800000000000 },
	{ "2026-08-22T12:00:00+02", 1787392800000000000 },
	{ "\"2026-08-22T10:00:00.123456Z\"", 1787392800123456000 },
	{ "1970-01-01T00:00:01Z", 1000000000 },
	{ "2000-02-29T00:00:00Z", 951782400000000000 },
	{ "2100-03-01T00:00:00Z", 4107542400000000000 },
	{ "2026-08-22T10:00:00.1234567891234Z", 1787392800123456789 },
	{ "2026-08-22T10:00:00", 0 },
	{ "2026-08-22", 0 },
	{ "2026-13-22T10:00:00Z", 0 },
	{ "2026-00-22T10:00:00Z", 0 },
	{ "2026-08-22T24:00:00Z", 0 },
	{ "2026-08-22T10:00:00.Z", 0 },
	{ "2026-08-22T10:00:00Zx", 0 },
	{ "1970-01-01T00:00:00+02:00", 0 },
	{ "0001-01-01T00:00:00Z", 0 },
	{ "1787392800", 0 },
	{ "\"", 0 },
	{ "", 0 },
};

static void times_are_read(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(times); i++) {
		struct value v = { .type = V_STRING, .s = slice_of(times[i].text) };
		uint64_t ns = 0;
		print_message("%s\n", times[i].text);
		assert_int_equal(coerce_time(&v, &ns), times[i].want != 0);
		assert_true(ns == times[i].want);
	}
	uint64_t ns;
	struct value v = { .type = V_INT, .i = 1787392800 };
	assert_false(coerce_time(&v, &ns));
}

static void withheld_is_known(void **state UNUSED)
{
	assert_true(is_redacted(SLICE("__REDACTED__")) && is_redacted(SLICE("<REDACTED>")));
	assert_true(is_redacted(SLICE("[REDACTED]")) && is_redacted(SLICE("<redacted>")));
	assert_false(is_redacted(SLICE("REDACTED")) || is_redacted(SLICE("")) || is_redacted(SLICE("<REDACTED> x")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ints_are_read),
		cmocka_unit_test(doubles_are_read),
		cmocka_unit_test(bools_are_read),
		cmocka_unit_test(texts_are_read),
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(many_absent_elements_are_cheap),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(withheld_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
