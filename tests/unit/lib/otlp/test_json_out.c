/* test_json_out.c - every rule of OTLP/JSON output as a row: wire bytes (in hex) in, one line of text out.
 *
 * Rows are the inside of a span, an AnyValue or a data point; what is around them is added here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "lib/base/parse.h"
#include "lib/otlp/json.h"
#include "lib/otlp/json_number.h"
#include "lib/otlp/wire.h"

enum place { REQUEST, SPAN, ANY, HISTOGRAM, EXPONENTIAL, LOG };

static const struct {
	enum signal signal;
	const char *before, *after;
	const char *fields; /* the fields around the row, inside out */
} places[] = {
	[REQUEST] = { TRACES, "{", "}", "" },
	[SPAN] = { TRACES, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{", "}]}]}]}", "\x12\x12\x0a" },
	[ANY] = { TRACES, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"value\":{", "}}]}}]}",
	        "\x12\x0a\x0a\x0a" },
	[HISTOGRAM] = { METRICS,
	        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"histogram\":{\"dataPoints\":[{",
	        "}]}}]}]}]}", "\x0a\x4a\x12\x12\x0a" },
	[EXPONENTIAL] = { METRICS,
	        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"exponentialHistogram\":{\"dataPoints\":[{",
	        "}]}}]}]}]}", "\x0a\x52\x12\x12\x0a" },
	[LOG] = { LOGS, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{", "}]}]}]}", "\x12\x12\x0a" },
};

struct row {
	enum place place;
	const char *hex, *json; /* NULL: malformed */
};

/* clang-format off */
static const struct row rows[] = {
	{ REQUEST, "", "" },
	{ REQUEST, "0a00", "\"resourceSpans\":[{}]" },
	{ REQUEST, "0a000a00", "\"resourceSpans\":[{},{}]" },
	{ SPAN, "0a105b8efff798038103d269b633813fc60c" "1208eee19b7ec3c1b174" "2208000000000000000f",
		"\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\",\"parentSpanId\":\"000000000000000f\"" },
	{ SPAN, "1200", "" },
	{ SPAN, "1a03613d62" "2a0161", "\"traceState\":\"a=b\",\"name\":\"a\"" },
	{ SPAN, "2a00" "3000" "390000000000000000" "5000" "850100000000", "" },
	{ SPAN, "3003" "3901000000000000" "80" "41ffffffffffffffff", "\"kind\":3,\"startTimeUnixNano\":\"9223372036854775809\",\"endTimeUnixNano\":\"18446744073709551615\"" },
	{ SPAN, "304d", "\"kind\":77" },
	{ SPAN, "30ffffffffffffffffff01", "\"kind\":-1" },
	{ SPAN, "5005" "6001" "70ffffffff0f" "850101030000", "\"droppedAttributesCount\":5,\"droppedEventsCount\":1,\"droppedLinksCount\":4294967295,\"flags\":769" },
	{ SPAN, "7a00", "\"status\":{}" },
	{ SPAN, "7a0512016d1802", "\"status\":{\"message\":\"m\",\"code\":2}" },
	/* descending order, as the Collector writes */
	{ SPAN, "7a021802" "4a0218014a021802" "2a0161", "\"status\":{\"code\":2},\"attributes\":[{\"keyStrindex\":1},{\"keyStrindex\":2}],\"name\":\"a\"" },
	/* strings */
	{ SPAN, "2a0a" "61225c2f080c0a0d097a", "\"name\":\"a\\\"\\\\/\\b\\f\\n\\r\\tz\"" },
	{ SPAN, "2a03" "001f7f", "\"name\":\"\\u0000\\u001f\x7f\"" },
	{ SPAN, "2a09" "c3a9e282acf09f9880", "\"name\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
	{ SPAN, "2a02" "61ff", "\"name\":\"a\xef\xbf\xbd\"" },
	/* AnyValue */
	{ ANY, "", "" },
	{ ANY, "0a00", "\"stringValue\":\"\"" },
	{ ANY, "1000", "\"boolValue\":false" },
	{ ANY, "1001", "\"boolValue\":true" },
	{ ANY, "1005", "\"boolValue\":true" },
	{ ANY, "1800", "\"intValue\":\"0\"" },
	{ ANY, "18ffffffffffffffffff01", "\"intValue\":\"-1\"" },
	{ ANY, "1880808080808080808001", "\"intValue\":\"-9223372036854775808\"" },
	{ ANY, "210000000000000000", "\"doubleValue\":0" },
	{ ANY, "210000000000000080", "\"doubleValue\":-0" },
	{ ANY, "219a9999999999b93f", "\"doubleValue\":0.1" },
	{ ANY, "21000000000000f87f", "\"doubleValue\":\"NaN\"" },
	{ ANY, "21000000000000f07f", "\"doubleValue\":\"Infinity\"" },
	{ ANY, "21000000000000f0ff", "\"doubleValue\":\"-Infinity\"" },
	{ ANY, "2a00", "\"arrayValue\":{}" },
	{ ANY, "2a0a" "0a0218070a000a020a00", "\"arrayValue\":{\"values\":[{\"intValue\":\"7\"},{},{\"stringValue\":\"\"}]}" },
	{ ANY, "3209" "0a070a016b12021000", "\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{\"boolValue\":false}}]}" },
	{ ANY, "3a00", "\"bytesValue\":\"\"" },
	{ ANY, "3a0100", "\"bytesValue\":\"AA==\"" },
	{ ANY, "3a02fbff", "\"bytesValue\":\"+/8=\"" },
	{ ANY, "3a03fbffbf", "\"bytesValue\":\"+/+/\"" },
	{ ANY, "3a0400010203", "\"bytesValue\":\"AAECAw==\"" },
	/* presence, packed or not, signed */
	{ HISTOGRAM, "290000000000000000" "590000000000000080", "\"sum\":0,\"min\":-0" },
	{ HISTOGRAM, "3210" "0100000000000000" "0000000000000000", "\"bucketCounts\":[\"1\",\"0\"]" },
	{ HISTOGRAM, "31" "0100000000000000" "31" "0000000000000000" "3208" "0200000000000000", "\"bucketCounts\":[\"1\",\"0\",\"2\"]" },
	{ HISTOGRAM, "3a10" "000000000000f0ff" "000000000000e03f", "\"explicitBounds\":[\"-Infinity\",0.5]" },
	{ EXPONENTIAL, "3005" "420b" "08feffffff0f" "120301ac02", "\"scale\":-3,\"positive\":{\"offset\":2147483647,\"bucketCounts\":[\"1\",\"300\"]}" },
	{ LOG, "1012" "2a020a00" "5208eee19b7ec3c1b174", "\"severityNumber\":18,\"body\":{\"stringValue\":\"\"},\"spanId\":\"eee19b7ec3c1b174\"" },
	/* fields that come back, merge, or beat each other */
	{ SPAN, "2a0161" "3003" "2a0162", "\"name\":\"b\",\"kind\":3" },
	{ SPAN, "2a0161" "2a00", "" },
	{ SPAN, "4a021801" "2a0161" "4a021802", "\"name\":\"a\",\"attributes\":[{\"keyStrindex\":1},{\"keyStrindex\":2}]" },
	{ SPAN, "7a0312016d" "3003" "7a021802", "\"kind\":3,\"status\":{\"message\":\"m\",\"code\":2}" },
	{ SPAN, "7a021801" "7a021802", "\"status\":{\"code\":2}" },
	{ ANY, "0a0178" "1801", "\"intValue\":\"1\"" },
	{ ANY, "1801" "0a00", "\"stringValue\":\"\"" },
	{ ANY, "2a040a021801" "2a040a021802", "\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{\"intValue\":\"2\"}]}" },
	{ ANY, "2a040a021801" "1005" "2a040a021802", "\"arrayValue\":{\"values\":[{\"intValue\":\"2\"}]}" },
	{ ANY, "2a040a021801" "1001", "\"boolValue\":true" },
	/* what JSON cannot express: unknown fields, groups, a known field in an unknown form */
	{ SPAN, "a00601" "2a0161" "a20602" "6162" "a1060102030405060708" "a5060a0b0c0d", "\"name\":\"a\"" },
	{ SPAN, "2a0161" "a306" "0801" "a406" "3003", "\"name\":\"a\",\"kind\":3" },
	{ SPAN, "2801" "2a0161", "\"name\":\"a\"" },
	{ SPAN, "4a021801" "a00601" "4a021802", "\"attributes\":[{\"keyStrindex\":1},{\"keyStrindex\":2}]" },
	/* a tag may be longer than it must */
	{ SPAN, "b00003" "2a0161", "\"kind\":3,\"name\":\"a\"" },
	{ SPAN, "2a0261", NULL },
	{ SPAN, "30", NULL },
	{ SPAN, "3930", NULL },
	{ SPAN, "07", NULL },
	{ HISTOGRAM, "320101", NULL },
};
/* clang-format on */

static slice around(struct arena *a, const struct row *row)
{
	slice hex = slice_of(row->hex);
	slice body = { arena_alloc(a, hex.len / 2 + 1), hex.len / 2 };
	assert_int_equal(parse_hex(hex, (char *)(uintptr_t)body.p, body.len), 0);
	for (const char *f = places[row->place].fields; *f; f++) {
		char *p = arena_alloc(a, body.len + 8), *end = wire_put_field(p, (uint8_t)*f, body);
		body = (slice){ p, (size_t)(end - p) };
	}
	return body;
}

static bool row_holds(const struct row *row)
{
	struct arena a;
	struct buf *out = NULL;
	arena_init(&a);
	int rc = otlp_to_json(places[row->place].signal, around(&a, row), NULL, &out);
	bool ok = rc == -1;
	if (row->json)
		ok = rc == 0 &&
		        slice_eq(buf_slice(out),
		                slice_of(arena_printf(
		                        &a, "%s%s%s", places[row->place].before, row->json, places[row->place].after)));
	if (!ok)
		print_error("%s: %d %.*s\n", row->hex, rc, rc ? 0 : (int)out->len, rc ? "" : out->data);
	buf_unref(out);
	arena_release(&a);
	return ok;
}

static void every_rule(void **state UNUSED)
{
	unsigned n_failed = 0;
	for (size_t i = 0; i < COUNTOF(rows); i++)
		n_failed += !row_holds(&rows[i]);
	assert_int_equal(n_failed, 0);
}

/* One AnyValue in another, with a second empty message beside each, so that every level merges. */
static void hostile_nesting_is_cheap(void **state UNUSED)
{
	for (int levels = 1; levels <= 100; levels += 33) {
		struct arena a;
		struct buf *out = NULL;
		arena_init(&a);
		slice body = SLICE("\x18\x07");
		for (int i = 0; i < levels; i++) {
			char *p = arena_alloc(&a, body.len + 16), *q = arena_alloc(&a, body.len + 32);
			char *end = wire_put_field(p, 0x0a, body);
			end = wire_put_field(q, 0x2a, (slice){ p, (size_t)(end - p) });
			end = wire_put_field(end, 0x2a, SLICE(""));
			body = (slice){ q, (size_t)(end - q) };
		}
		const char fields[] = "\x12\x0a\x0a\x0a";
		for (const char *f = fields; *f; f++) {
			char *p = arena_alloc(&a, body.len + 8), *end = wire_put_field(p, (uint8_t)*f, body);
			body = (slice){ p, (size_t)(end - p) };
		}
		assert_int_equal(otlp_to_json(TRACES, body, NULL, &out), 0);
		slice open = SLICE("{\"arrayValue\":{\"values\":[");
		assert_int_equal(out->len,
		        strlen(places[ANY].before) - 1 + (open.len + 3) * (size_t)levels +
		                SLICE("{\"intValue\":\"7\"}").len + strlen(places[ANY].after) - 1);
		buf_unref(out);
		arena_release(&a);
	}
}

/* Levels that merge, around a large text: memory is a multiple of the body, not of the levels. */
static void hostile_nesting_is_small(void **state UNUSED)
{
	enum { TEXT = 100000, LEVELS = 60 };
	struct arena a;
	struct pool pool;
	struct buf *out = NULL;
	arena_init(&a);
	char *start = arena_alloc(&a, TEXT + 64 * LEVELS), *text = memset(arena_alloc(&a, TEXT), 'x', TEXT);
	slice body = { start, (size_t)(wire_put_field(start, 0x0a, (slice){ text, TEXT }) - start) };
	for (int i = 0; i < LEVELS; i++) { /* arrayValue {values} arrayValue {}, or stringValue "" in front of it */
		char *p = arena_alloc(&a, body.len + 32), *q = arena_alloc(&a, body.len + 64);
		char *end = wire_put_field(p, 0x0a, body);
		end = wire_put_field(
		        wire_put_field(q, i % 2 ? 0x0a : 0x2a, SLICE("")), 0x2a, (slice){ p, (size_t)(end - p) });
		body = (slice){ q, (size_t)(end - q) };
	}
	for (const char *f = "\x12\x0a\x0a\x0a"; *f; f++) {
		char *p = arena_alloc(&a, body.len + 8), *end = wire_put_field(p, (uint8_t)*f, body);
		body = (slice){ p, (size_t)(end - p) };
	}
	pool_init(&pool, 4 * TEXT);
	assert_int_equal(otlp_to_json(TRACES, body, &pool, &out), 0);
	assert_in_range(out->len, TEXT, TEXT + 64 * LEVELS);
	buf_unref(out);
	assert_int_equal(pool_used(&pool), 0);
	arena_release(&a);
}

static void memory_is_counted(void **state UNUSED)
{
	struct pool pool;
	struct buf *out = NULL;
	char body[4096 + 32] = { 0 }, inner[4096 + 16] = { 0 }, text[4096] = { 0 };
	char *end = wire_put_field(inner, 0x1a, (slice){ text, sizeof(text) }); /* NULs: six bytes each */
	end = wire_put_field(body, 0x0a, (slice){ inner, (size_t)(end - inner) });
	slice s = { body, (size_t)(end - body) };
	for (uint64_t limit = 0; limit < 80000; limit += 997) {
		pool_init(&pool, limit);
		int rc = otlp_to_json(TRACES, s, &pool, &out);
		assert_int_equal(rc, limit > 40000 ? 0 : limit < 24000 ? -2 : rc);
		if (rc == 0) {
			assert_int_equal(pool_used(&pool), out->cap);
			buf_unref(out);
		}
		assert_int_equal(pool_used(&pool), 0);
	}
}

/* Against libc: %.17g reads back, and no shorter form than ours does. */
static void doubles_are_shortest(void **state UNUSED)
{
	static const struct {
		double d;
		const char *text;
	} known[] = { { 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { -1.5, "-1.5" }, { 0.1, "0.1" }, { 100, "100" },
		{ 0.3642, "0.3642" }, { 0.00001, "0.00001" }, { 0.000001, "1e-06" }, { 1e15, "1e+15" },
		{ 1e22, "1e+22" }, { 123456789.125, "123456789.125" }, { 5e-324, "5e-324" },
		{ 0.1 + 0.2, "0.30000000000000004" }, { 1.0 / 3, "0.3333333333333333" },
		{ 999999999999999, "999999999999999" }, { 1.7976931348623157e308, "1.7976931348623157e+308" } };
	uint64_t seed = 88172645463325252u;
	char out[NUMBER_TEXT_MAX];
	for (size_t i = 0; i < COUNTOF(known); i++) {
		size_t n = number_print(known[i].d, out);
		if (!slice_is((slice){ out, n }, known[i].text))
			fail_msg("%s: %.*s", known[i].text, (int)n, out);
	}
	for (int i = 0; i < 200000; i++) {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		double d, back;
		char shorter[NUMBER_TEXT_MAX];
		if (i % 2)
			memcpy(&d, &seed, sizeof(d));
		else
			d = (double)(int64_t)(seed >> 30) / pow(10, (double)(seed & 15));
		if (!isfinite(d))
			continue;
		size_t n = number_print(d, out), digits = 0;
		assert_true(n < NUMBER_TEXT_MAX);
		out[n] = 0;
		assert_true(strtod(out, NULL) == d);
		for (size_t j = 0; j < n && out[j] != 'e'; j++)
			digits += out[j] >= '0' && out[j] <= '9' && (digits || out[j] != '0');
		if (digits > 15)
			continue;
		while (digits > 1 && out[n - 1] == '0' && !memchr(out, '.', n) && !memchr(out, 'e', n))
			digits--, n--; /* zeros of a large integer are no precision */
		snprintf(shorter, sizeof(shorter), "%.*g", digits > 1 ? (int)digits - 1 : 1, d);
		back = strtod(shorter, NULL);
		assert_true(digits <= 1 || back != d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule),
		cmocka_unit_test(hostile_nesting_is_cheap),
		cmocka_unit_test(hostile_nesting_is_small),
		cmocka_unit_test(memory_is_counted),
		cmocka_unit_test(doubles_are_shortest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
