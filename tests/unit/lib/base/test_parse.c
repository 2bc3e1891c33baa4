/* test_parse.c - tables of texts and what they mean; a refused text must leave *out alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/parse.h"

static void integers(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool ok_u, ok_i;
		int64_t v;
	} cases[] = {
		{ "0", true, true, 0 },
		{ "42", true, true, 42 },
		{ "007", true, true, 7 },
		{ "9223372036854775807", true, true, INT64_MAX },
		{ "9223372036854775808", true, false, INT64_MIN },
		{ "18446744073709551615", true, false, -1 },
		{ "18446744073709551616", false, false, 0 },
		{ "-9223372036854775808", false, true, INT64_MIN },
		{ "-9223372036854775809", false, false, 0 },
		{ "-1", false, true, -1 },
		{ "+5", false, true, 5 },
		{ "", false, false, 0 },
		{ "-", false, false, 0 },
		{ "--1", false, false, 0 },
		{ " 1", false, false, 0 },
		{ "1 ", false, false, 0 },
		{ "1.0", false, false, 0 },
		{ "0x10", false, false, 0 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		uint64_t u = 77;
		int64_t v = 77;
		print_message("%s\n", cases[i].text);
		assert_int_equal(parse_u64(slice_of(cases[i].text), &u), cases[i].ok_u ? 0 : -1);
		assert_int_equal(u, cases[i].ok_u ? (uint64_t)cases[i].v : 77);
		assert_int_equal(parse_i64(slice_of(cases[i].text), &v), cases[i].ok_i ? 0 : -1);
		assert_int_equal(v, cases[i].ok_i ? cases[i].v : 77);
	}
}

static void floats(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool ok;
		double v;
	} cases[] = {
		{ "1", true, 1 },
		{ "-1.5", true, -1.5 },
		{ "+.5", true, 0.5 },
		{ "1.", true, 1 },
		{ "1e3", true, 1000 },
		{ "1E-2", true, 0.01 },
		{ "0.1", true, 0.1 },
		{ "1.7976931348623157e308", true, 1.7976931348623157e308 },
		{ "1e400", false, 0 },
		{ "1e-400", true, 0 },
		{ "1e", false, 0 },
		{ "e1", false, 0 },
		{ ".", false, 0 },
		{ "", false, 0 },
		{ "nan", false, 0 },
		{ "inf", false, 0 },
		{ "0x1p3", false, 0 },
		{ "1,5", false, 0 },
		{ "1 ", false, 0 },
		{ "0."
		  "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		  "00"
		  "0000000000000000000000000000000000000000000000000000000001",
		        true, 1e-160 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		double v = 77;
		print_message("%s\n", cases[i].text);
		assert_int_equal(parse_f64(slice_of(cases[i].text), &v), cases[i].ok ? 0 : -1);
		assert_true(v == (cases[i].ok ? cases[i].v : 77));
	}
}

static void booleans(void **state UNUSED)
{
	bool b = false;
	assert_int_equal(parse_bool(SLICE("true"), &b), 0);
	assert_true(b);
	assert_int_equal(parse_bool(SLICE("yes"), &b), -1);
	assert_true(b);
	assert_int_equal(parse_bool(SLICE("false"), &b), 0);
	assert_false(b);
}

static void durations(void **state UNUSED)
{
	static const struct {
		const char *text, *printed; /* printed NULL: refused */
		int64_t ns;
	} cases[] = {
		{ "200ms", "200ms", 200000000 },
		{ "1m30s", "1m30s", INT64_C(90000000000) },
		{ "1.5h", "1h30m0s", INT64_C(5400000000000) },
		{ "-2s", "-2s", -INT64_C(2000000000) },
		{ "0", "0s", 0 },
		{ "-0", "0s", 0 },
		{ "0s", "0s", 0 },
		{ "5us", "5\xC2\xB5s", 5000 },
		{ "5\xC2\xB5s", "5\xC2\xB5s", 5000 },
		{ "5\xCE\xBCs", "5\xC2\xB5s", 5000 },
		{ ".5s", "500ms", 500000000 },
		{ "1.s", "1s", 1000000000 },
		{ "1.000000001s", "1.000000001s", 1000000001 },
		{ "3h0.5ms", "3h0m0.0005s", INT64_C(10800000500000) },
		{ "1500us", "1.5ms", 1500000 },
		{ "17ns", "17ns", 17 },
		{ "9223372036854775807ns", "2562047h47m16.854775807s", INT64_MAX },
		{ "-9223372036854775808ns", "-2562047h47m16.854775808s", INT64_MIN },
		{ "9223372036854775808ns", NULL, 0 },
		{ "9223372036854775.808us", NULL, 0 },
		{ "3000000h", NULL, 0 },
		{ "18446744073.9s", NULL, 0 },
		{ "99999999999999999999s", NULL, 0 },
		{ "1", NULL, 0 },
		{ "s", NULL, 0 },
		{ ".s", NULL, 0 },
		{ "", NULL, 0 },
		{ "-", NULL, 0 },
		{ "1d", NULL, 0 },
		{ "1m 30s", NULL, 0 },
		{ "1s-1s", NULL, 0 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		duration d = { 77 };
		char out[32];
		print_message("%s\n", cases[i].text);
		assert_int_equal(parse_duration(slice_of(cases[i].text), &d), cases[i].printed ? 0 : -1);
		assert_true(d.ns == (cases[i].printed ? cases[i].ns : 77));
		if (cases[i].printed) {
			format_duration(d, out);
			assert_string_equal(out, cases[i].printed);
		}
	}
}

static void sizes(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t n;
	} cases[] = {
		{ "1048576", true, 1048576 },
		{ "64KiB", true, 65536 },
		{ "20MiB", true, 20971520 },
		{ "1 GiB", true, 1073741824 },
		{ "500MB", true, 500000000 },
		{ "1kB", true, 1000 },
		{ "7B", true, 7 },
		{ "0", true, 0 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "99999999TiB", false, 0 },
		{ "5 ", false, 0 },
		{ "MiB", false, 0 },
		{ "-1", false, 0 },
		{ "1.5GiB", false, 0 },
		{ "1MiBs", false, 0 },
		{ "", false, 0 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		bytes b = { 77 };
		print_message("%s\n", cases[i].text);
		assert_int_equal(parse_bytes(slice_of(cases[i].text), &b), cases[i].ok ? 0 : -1);
		assert_true(b.n == (cases[i].ok ? cases[i].n : 77));
	}
}

static void hex(void **state UNUSED)
{
	unsigned char out[4] = { 1, 1, 1, 1 };
	char text[9];
	assert_int_equal(parse_hex(SLICE("00fFA07b"), out, 4), 0);
	assert_memory_equal(out, "\x00\xFF\xA0\x7B", 4);
	format_hex(out, 4, text);
	assert_string_equal(text, "00ffa07b");
	assert_int_equal(parse_hex(SLICE("11111g11"), out, 4), -1);
	assert_int_equal(parse_hex(SLICE("1111111"), out, 4), -1);
	assert_int_equal(parse_hex(SLICE("1111111111"), out, 4), -1);
	assert_memory_equal(out, "\x00\xFF\xA0\x7B", 4);
}

static void base64(void **state UNUSED)
{
	static const struct {
		const char *text, *plain; /* plain NULL: refused */
	} cases[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zg", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "-_-_", "\xFB\xFF\xBF" },
		{ "+/+/", "\xFB\xFF\xBF" },
		{ "Z", NULL },
		{ "Zg=", NULL },
		{ "Z===", NULL },
		{ "====", NULL },
		{ "=", NULL },
		{ "Zm9v=", NULL },
		{ "Zg==Zg==", NULL },
		{ "Zm 9v", NULL },
	};
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		slice out = { NULL, 77 };
		print_message("%s\n", cases[i].text);
		assert_int_equal(parse_base64(slice_of(cases[i].text), &a, &out), cases[i].plain ? 0 : -1);
		assert_true(cases[i].plain ? slice_is(out, cases[i].plain) : out.len == 77);
	}
	assert_string_equal(format_base64(&a, SLICE("")), "");
	assert_string_equal(format_base64(&a, SLICE("f")), "Zg==");
	assert_string_equal(format_base64(&a, SLICE("fo")), "Zm8=");
	assert_string_equal(format_base64(&a, SLICE("\xFB\xFF\xBF")), "+/+/");
	arena_release(&a);
}

static void base64_round_trip(void **state UNUSED)
{
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	struct arena a;
	arena_init(&a);
	for (unsigned i = 0; i < 500; i++) {
		char raw[64];
		size_t n = (size_t)rand_r(&seed) % sizeof(raw);
		for (size_t j = 0; j < n; j++)
			raw[j] = (char)rand_r(&seed);
		slice out;
		assert_int_equal(parse_base64(slice_of(format_base64(&a, (slice){ raw, n })), &a, &out), 0);
		assert_true(slice_eq(out, (slice){ raw, n }));
	}
	arena_release(&a);
}

static void http_dates(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t t; /* -1: refused */
	} cases[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Sat Nov 21 07:00:00 2026", 1795244400 },
		{ "Wednesday, 01-Jan-30 00:00:00 GMT", 1893456000 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Sun, 06 Nov 1994 08:49:37 UTC", -1 },
		{ "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 31 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 24:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
		{ "Xyz, 06 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Foo 1994 08:49:37 GMT", -1 },
		{ "", -1 },
		{ "120", -1 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		int64_t t = 77;
		print_message("%s\n", cases[i].text);
		assert_int_equal(parse_http_date(slice_of(cases[i].text), &t), cases[i].t < 0 ? -1 : 0);
		assert_int_equal(t, cases[i].t < 0 ? 77 : cases[i].t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(floats),
		cmocka_unit_test(booleans),
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(hex),
		cmocka_unit_test(base64),
		cmocka_unit_test(base64_round_trip),
		cmocka_unit_test(http_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
