/* test_json_in.c - every rule of OTLP/JSON input as a row: text in, wire bytes (in hex) or an error out.
 *
 * Rows are parts of a document: the members of a span, one AnyValue, the members of a data point. The rest
 * of the document and the lengths around them are added here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/parse.h"
#include "lib/base/strbuf.h"
#include "lib/otlp/json.h"
#include "lib/otlp/wire.h"

enum place { REQUEST, SPAN, ANY, POINT, HISTOGRAM, EXPONENTIAL, LOG };

static const struct {
	enum signal signal;
	const char *before, *after;
	const char *fields; /* the fields around the row, inside out */
} places[] = {
	[REQUEST] = { TRACES, "", "", "" },
	[SPAN] = { TRACES, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{", "}]}]}]}", "\x12\x12\x0a" },
	[ANY] = { TRACES, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"value\":", "}]}}]}",
	        "\x12\x0a\x0a\x0a" },
	[POINT] = { METRICS, "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"gauge\":{\"dataPoints\":[{",
	        "}]}}]}]}]}", "\x0a\x2a\x12\x12\x0a" },
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
	const char *json;
	const char *hex; /* what the row becomes; NULL: an error */
	const char *error; /* part of its text */
	uint64_t n_utf8;
};

/* clang-format off */
static const struct row rows[] = {
	/* the document */
	{ REQUEST, "{}", "", NULL, 0 },
	{ REQUEST, " \t\r\n{ \n} ", "", NULL, 0 },
	{ REQUEST, "null", "", NULL, 0 },
	{ REQUEST, "", NULL, "object expected at byte 0", 0 },
	{ REQUEST, "  ", NULL, "object expected at byte 2", 0 },
	{ REQUEST, "[]", NULL, "object expected", 0 },
	{ REQUEST, "1", NULL, "object expected", 0 },
	{ REQUEST, "\"\"", NULL, "object expected", 0 },
	{ REQUEST, "nul", NULL, "value expected", 0 },
	{ REQUEST, "{}x", NULL, "something follows the document at byte 2", 0 },
	{ REQUEST, "{}{}", NULL, "something follows", 0 },
	{ REQUEST, "{}\n,", NULL, "something follows", 0 },
	{ REQUEST, "null null", NULL, "something follows", 0 },
	{ REQUEST, "\xef\xbb\xbf{}", NULL, "object expected", 0 },
	{ REQUEST, "{\"resourceSpans\":[]}", "", NULL, 0 },
	{ REQUEST, "{\"resourceSpans\":null}", "", NULL, 0 },
	{ REQUEST, "{\"resourceSpans\":[{}]}", "0a00", NULL, 0 },
	{ REQUEST, "{\"resourceSpans\":[{},{}]}", "0a000a00", NULL, 0 },
	{ REQUEST, "{\"resourceSpans\":[null,{}]}", "0a000a00", NULL, 0 },
	{ REQUEST, "{\"resourceSpans\":{}}", NULL, "array expected at byte 17", 0 },
	{ REQUEST, "{\"resourceSpans\":[{}}", NULL, "',' or ']' expected", 0 },
	{ REQUEST, "{\"resourceSpans\":[{},]}", NULL, "object expected", 0 },
	{ REQUEST, "{\"resourceSpans\":[[]]}", NULL, "object expected", 0 },
	{ REQUEST, "{\"resourceSpans\":[1]}", NULL, "object expected", 0 },
	{ REQUEST, "{\"resourceSpans\":[{\"schemaUrl\":\"s\"}],\"resource_spans\":[{}]}", "0a031a01730a00", NULL, 0 },
	{ REQUEST, "{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"scope\":{}}]}]}", "0a060a0012020a00", NULL, 0 },
	/* unknown fields are skipped, not ignored */
	{ REQUEST, "{\"x\":1,\"y\":[{\"z\":\"\\u00e9\\n\"},-1.5e+3,true,false,null,[]],\"resourceSpans\":[{}]}", "0a00", NULL, 0 },
	{ REQUEST, "{\"\":{}}", "", NULL, 0 },
	{ REQUEST, "{\"resourcespans\":3,\"ResourceSpans\":3,\"resourceSpansX\":3}", "", NULL, 0 },
	{ REQUEST, "{\"instrumentationLibrarySpansOrAnyOtherNameThatIsLong\":3}", "", NULL, 0 },
	{ REQUEST, "{\"x\":{\"y\" 1}}", NULL, "':' expected", 0 },
	{ REQUEST, "{\"x\":\"\\x\"}", NULL, "unknown escape", 0 },
	{ REQUEST, "{\"x\":\"\x01\"}", NULL, "control character", 0 },
	{ REQUEST, "{\"x\":\"\xff\\ud800\"}", "", NULL, 0 },
	{ REQUEST, "{\"resource\\u0053pans\":[{}]}", "0a00", NULL, 0 },
	/* names in both spellings */
	{ SPAN, "\"traceState\":\"a=b\"", "1a03613d62", NULL, 0 },
	{ SPAN, "\"trace_state\":\"a=b\"", "1a03613d62", NULL, 0 },
	{ SPAN, "\"TraceState\":\"a=b\"", "", NULL, 0 },
	{ SPAN, "\"dropped_attributes_count\":1,\"droppedEventsCount\":2,\"droppedLinksCount\":3", "500160027003", NULL, 0 },
	/* ids */
	{ SPAN, "\"traceId\":\"5b8efff798038103d269b633813fc60c\"", "0a105b8efff798038103d269b633813fc60c", NULL, 0 },
	{ SPAN, "\"trace_id\":\"5B8EFFF798038103D269B633813FC60C\"", "0a105b8efff798038103d269b633813fc60c", NULL, 0 },
	{ SPAN, "\"spanId\":\"eee19b7ec3c1b174\"", "1208eee19b7ec3c1b174", NULL, 0 },
	{ SPAN, "\"parentSpanId\":\"EEE19b7ec3c1b17F\"", "2208eee19b7ec3c1b17f", NULL, 0 },
	{ SPAN, "\"parent_span_id\":\"\"", "", NULL, 0 },
	{ SPAN, "\"parentSpanId\":null", "", NULL, 0 },
	{ SPAN, "\"spanId\":\"\\u0065ee19b7ec3c1b174\"", "1208eee19b7ec3c1b174", NULL, 0 },
	{ SPAN, "\"spanId\":\"0000000000000000\"", "12080000000000000000", NULL, 0 },
	{ SPAN, "\"traceId\":\"eee19b7ec3c1b174\"", "0a08eee19b7ec3c1b174", NULL, 0 },
	{ SPAN, "\"spanId\":\"eee1\"", "1202eee1", NULL, 0 },
	{ SPAN, "\"spanId\":\"eee\"", "120100", NULL, 0 },
	{ SPAN, "\"parentSpanId\":\"eee19b7ec3c1b17g\"", "220100", NULL, 0 },
	{ SPAN, "\"parentSpanId\":\"7uGbfsPBsXQ=\"", "220100", NULL, 0 },
	{ SPAN, "\"spanId\":\"\xc3\xa9\"", "120100", NULL, 0 },
	{ SPAN, "\"spanId\":12", NULL, "string expected", 0 },
	{ SPAN, "\"links\":[{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\",\"flags\":769}]",
		"6a21" "0a105b8efff798038103d269b633813fc60c" "1208eee19b7ec3c1b174" "3501030000", NULL, 0 },
	{ LOG, "\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\"",
		"4a105b8efff798038103d269b633813fc60c" "5208eee19b7ec3c1b174", NULL, 0 },
	{ LOG, "\"traceId\":\"\",\"spanId\":null", "", NULL, 0 },
	{ LOG, "\"traceId\":\"5b8e\"", NULL, "an id is hex", 0 },
	{ LOG, "\"spanId\":\"xyz\"", NULL, "an id is hex", 0 },
	/* 64-bit integers: string or number */
	{ SPAN, "\"startTimeUnixNano\":\"1544712660000000000\"", "39" "004859e3faeb6f15", NULL, 0 },
	{ SPAN, "\"end_time_unix_nano\":1544712660000000000", "41" "004859e3faeb6f15", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":\"18446744073709551615\"", "41" "ffffffffffffffff", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":18446744073709551615", "41" "ffffffffffffffff", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":\"18446744073709551616\"", NULL, "integer out of range at byte", 0 },
	{ SPAN, "\"endTimeUnixNano\":99999999999999999999", NULL, "integer out of range", 0 },
	{ SPAN, "\"endTimeUnixNano\":-1", NULL, "integer out of range", 0 },
	{ SPAN, "\"endTimeUnixNano\":\"-0\"", "", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":0", "", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":1e3", "41" "e803000000000000", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":\"1.50E1\"", "41" "0f00000000000000", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":1500e-2", "41" "0f00000000000000", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":1.0", "41" "0100000000000000", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":10000000000000000000000000000e-20", "41" "00e1f50500000000", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":0.000000000000000000000000000e5", "", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":0e99999999999999999999", "", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":1e99999999999999999999", NULL, "integer out of range", 0 },
	{ SPAN, "\"endTimeUnixNano\":1e-99999999999999999999", NULL, "integer out of range", 0 },
	{ SPAN, "\"endTimeUnixNano\":1.5", NULL, "integer out of range", 0 },
	{ SPAN, "\"endTimeUnixNano\":\"\"", NULL, "integer expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":\" 1\"", NULL, "integer expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":\"1 \"", NULL, "integer expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":\"+1\"", NULL, "integer expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":\"0x1\"", NULL, "integer expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":\"01\"", NULL, "integer expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":\"\\u0031\"", "41" "0100000000000000", NULL, 0 },
	{ SPAN, "\"endTimeUnixNano\":true", NULL, "value expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":[]", NULL, "value expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":01", NULL, "',' or '}' expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":1.", NULL, "value expected", 0 },
	{ SPAN, "\"endTimeUnixNano\":-", NULL, "value expected", 0 },
	/* 32-bit integers */
	{ SPAN, "\"flags\":4294967295", "8501ffffffff", NULL, 0 },
	{ SPAN, "\"flags\":\"257\"", "850101010000", NULL, 0 },
	{ SPAN, "\"flags\":4294967296", NULL, "integer out of range", 0 },
	{ SPAN, "\"droppedLinksCount\":\"4294967295\"", "70ffffffff0f", NULL, 0 },
	{ SPAN, "\"droppedLinksCount\":-1", NULL, "integer out of range", 0 },
	{ SPAN, "\"attributes\":[{\"keyStrindex\":-1}]", "4a0b" "18ffffffffffffffffff01", NULL, 0 },
	{ SPAN, "\"attributes\":[{\"keyStrindex\":-2147483649}]", NULL, "integer out of range", 0 },
	{ EXPONENTIAL, "\"scale\":-3,\"positive\":{\"offset\":2147483647,\"bucketCounts\":[\"1\",300]}",
		"3005" "420b" "08feffffff0f" "120301ac02", NULL, 0 },
	/* enums */
	{ SPAN, "\"kind\":2", "3002", NULL, 0 },
	{ SPAN, "\"kind\":\"SPAN_KIND_CONSUMER\"", "3005", NULL, 0 },
	{ SPAN, "\"kind\":0", "", NULL, 0 },
	{ SPAN, "\"kind\":77", "304d", NULL, 0 },
	{ SPAN, "\"kind\":-1", "30ffffffffffffffffff01", NULL, 0 },
	{ SPAN, "\"kind\":2147483648", NULL, "integer out of range", 0 },
	{ SPAN, "\"kind\":\"CONSUMER\"", NULL, "unknown name of an enum value", 0 },
	{ SPAN, "\"kind\":\"\"", NULL, "unknown name", 0 },
	{ SPAN, "\"kind\":1.5", NULL, "integer out of range", 0 },
	{ SPAN, "\"status\":{\"code\":\"STATUS_CODE_ERROR\",\"message\":\"m\"}", "7a05180212016d", NULL, 0 },
	{ SPAN, "\"status\":{}", "7a00", NULL, 0 },
	{ SPAN, "\"status\":null", "", NULL, 0 },
	{ LOG, "\"severityNumber\":\"SEVERITY_NUMBER_ERROR2\"", "1012", NULL, 0 },
	/* strings */
	{ SPAN, "\"name\":\"\"", "", NULL, 0 },
	{ SPAN, "\"name\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "2a0a" "61225c2f080c0a0d097a", NULL, 0 },
	{ SPAN, "\"name\":\"\\u0041\\u00e9\\u20ac\\uD83D\\ude00\"", "2a0a" "41c3a9e282acf09f9880", NULL, 0 },
	{ SPAN, "\"name\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "2a09" "c3a9e282acf09f9880", NULL, 0 },
	{ SPAN, "\"name\":\"\\u0000\"", "2a01" "00", NULL, 0 },
	{ SPAN, "\"name\":\"\x7f\"", "2a01" "7f", NULL, 0 },
	{ SPAN, "\"name\":\"\\ud800\"", "2a03" "efbfbd", NULL, 1 },
	{ SPAN, "\"name\":\"\\udc00\\ud800\"", "2a06" "efbfbdefbfbd", NULL, 2 },
	{ SPAN, "\"name\":\"\\ud800\\n\"", "2a04" "efbfbd0a", NULL, 1 },
	{ SPAN, "\"name\":\"\\ud800\\ud83d\\ude00\"", "2a07" "efbfbdf09f9880", NULL, 1 },
	{ SPAN, "\"name\":\"a\xff" "b\"", "2a05" "61efbfbd62", NULL, 1 },
	{ SPAN, "\"name\":\"\xe2\x82\"", "2a03" "efbfbd", NULL, 1 },
	{ SPAN, "\"name\":\"\xed\xa0\x80\"", "2a09" "efbfbdefbfbdefbfbd", NULL, 3 },
	{ SPAN, "\"name\":\"\xc0\xaf\"", "2a06" "efbfbdefbfbd", NULL, 2 },
	{ SPAN, "\"name\":\"\\u12g4\"", NULL, "four hex digits", 0 },
	{ SPAN, "\"name\":\"\\a\"", NULL, "unknown escape", 0 },
	{ SPAN, "\"name\":\"\\\"", NULL, "string without end", 0 },
	{ SPAN, "\"name\":\"a\nb\"", NULL, "control character", 0 },
	{ SPAN, "\"name\":\"a\x1f\"", NULL, "control character", 0 },
	{ SPAN, "\"name\":5", NULL, "string expected", 0 },
	{ SPAN, "\"name\":[\"a\"]", NULL, "string expected", 0 },
	{ SPAN, "\"name\":'a'", NULL, "string expected", 0 },
	{ SPAN, "name:\"a\"", NULL, "a name in quotes expected", 0 },
	{ SPAN, "\"name\":\"a\",", NULL, "a name in quotes expected", 0 },
	{ SPAN, "\"name\"=\"a\"", NULL, "':' expected", 0 },
	{ SPAN, "\"name\":", NULL, "string expected", 0 },
	{ SPAN, "\"name\":\"a\" \"kind\":1", NULL, "',' or '}' expected", 0 },
	/* what comes twice */
	{ SPAN, "\"name\":\"a\",\"name\":\"b\"", "2a0161" "2a0162", NULL, 0 },
	{ SPAN, "\"name\":\"a\",\"name\":\"\"", "2a0161" "2a00", NULL, 0 },
	{ SPAN, "\"name\":\"a\",\"name\":null", "2a0161", NULL, 0 },
	{ SPAN, "\"kind\":3,\"kind\":0", "3003" "3000", NULL, 0 },
	{ SPAN, "\"status\":{\"code\":1},\"status\":{\"message\":\"x\"}", "7a021801" "7a03120178", NULL, 0 },
	/* AnyValue: presence is the value */
	{ ANY, "{}", "", NULL, 0 },
	{ ANY, "{\"stringValue\":\"\"}", "0a00", NULL, 0 },
	{ ANY, "{\"string_value\":\"x\"}", "0a0178", NULL, 0 },
	{ ANY, "{\"boolValue\":false}", "1000", NULL, 0 },
	{ ANY, "{\"boolValue\":true}", "1001", NULL, 0 },
	{ ANY, "{\"boolValue\":1}", NULL, "true or false expected", 0 },
	{ ANY, "{\"boolValue\":\"true\"}", NULL, "true or false expected", 0 },
	{ ANY, "{\"boolValue\":tru}", NULL, "value expected", 0 },
	{ ANY, "{\"intValue\":0}", "1800", NULL, 0 },
	{ ANY, "{\"intValue\":\"-1\"}", "18ffffffffffffffffff01", NULL, 0 },
	{ ANY, "{\"intValue\":-9223372036854775808}", "1880808080808080808001", NULL, 0 },
	{ ANY, "{\"intValue\":\"9223372036854775807\"}", "18ffffffffffffffff7f", NULL, 0 },
	{ ANY, "{\"intValue\":\"9223372036854775808\"}", NULL, "integer out of range", 0 },
	{ ANY, "{\"intValue\":-9223372036854775809}", NULL, "integer out of range", 0 },
	{ ANY, "{\"doubleValue\":0}", "21" "0000000000000000", NULL, 0 },
	{ ANY, "{\"doubleValue\":-0.0}", "21" "0000000000000080", NULL, 0 },
	{ ANY, "{\"doubleValue\":1.5}", "21" "000000000000f83f", NULL, 0 },
	{ ANY, "{\"doubleValue\":\"1.5\"}", "21" "000000000000f83f", NULL, 0 },
	{ ANY, "{\"doubleValue\":\"NaN\"}", "21" "000000000000f87f", NULL, 0 },
	{ ANY, "{\"doubleValue\":\"Infinity\"}", "21" "000000000000f07f", NULL, 0 },
	{ ANY, "{\"doubleValue\":\"-Infinity\"}", "21" "000000000000f0ff", NULL, 0 },
	{ ANY, "{\"doubleValue\":0.1}", "21" "9a9999999999b93f", NULL, 0 },
	{ ANY, "{\"doubleValue\":1.7976931348623157e308}", "21" "ffffffffffffef7f", NULL, 0 },
	{ ANY, "{\"doubleValue\":5e-324}", "21" "0100000000000000", NULL, 0 },
	{ ANY, "{\"doubleValue\":123456789012345678901234567890}", "21" "3e376cff90eef845", NULL, 0 },
	{ ANY, "{\"doubleValue\":1e400}", NULL, "number out of range", 0 },
	{ ANY, "{\"doubleValue\":NaN}", NULL, "value expected", 0 },
	{ ANY, "{\"doubleValue\":\"nan\"}", NULL, "number expected", 0 },
	{ ANY, "{\"doubleValue\":\"\"}", NULL, "number expected", 0 },
	{ ANY, "{\"doubleValue\":\"1.5x\"}", NULL, "number expected", 0 },
	{ ANY, "{\"arrayValue\":{}}", "2a00", NULL, 0 },
	{ ANY, "{\"arrayValue\":{\"values\":[]}}", "2a00", NULL, 0 },
	{ ANY, "{\"arrayValue\":{\"values\":[{\"intValue\":7},{},null,{\"stringValue\":\"\"}]}}", "2a0c" "0a021807" "0a00" "0a00" "0a020a00", NULL, 0 },
	{ ANY, "{\"arrayValue\":[]}", NULL, "object expected", 0 },
	{ ANY, "{\"kvlistValue\":{}}", "3200", NULL, 0 },
	{ ANY, "{\"kvlist_value\":{\"values\":[{\"key\":\"k\",\"value\":{\"boolValue\":false}}]}}", "3209" "0a070a016b12021000", NULL, 0 },
	{ ANY, "{\"bytesValue\":\"\"}", "3a00", NULL, 0 },
	{ ANY, "{\"bytesValue\":\"AAECAw==\"}", "3a04" "00010203", NULL, 0 },
	{ ANY, "{\"bytesValue\":\"AAECAw\"}", "3a04" "00010203", NULL, 0 },
	{ ANY, "{\"bytesValue\":\"-_-_\"}", "3a03" "fbffbf", NULL, 0 },
	{ ANY, "{\"bytesValue\":\"+\\/+\\/\"}", "3a03" "fbffbf", NULL, 0 },
	{ ANY, "{\"bytesValue\":\"AAE=\"}", "3a02" "0001", NULL, 0 },
	{ ANY, "{\"bytesValue\":\"A\"}", NULL, "not base64", 0 },
	{ ANY, "{\"bytesValue\":\"AA=A\"}", NULL, "not base64", 0 },
	{ ANY, "{\"bytesValue\":\"AAE==\"}", NULL, "not base64", 0 },
	{ ANY, "{\"bytesValue\":\"=\"}", NULL, "not base64", 0 },
	{ ANY, "{\"bytesValue\":\"AA E\"}", NULL, "not base64", 0 },
	{ ANY, "{\"stringValueStrindex\":5}", "4005", NULL, 0 },
	{ ANY, "{\"stringValue\":null}", "", NULL, 0 },
	{ ANY, "{\"stringValue\":\"x\",\"intValue\":1}", "0a0178" "1801", NULL, 0 },
	{ ANY, "{\"intValue\":1,\"stringValue\":\"\"}", "1801" "0a00", NULL, 0 },
	/* data points: presence, packed arrays, signed fixed integers */
	{ POINT, "\"asInt\":\"-2\"", "31" "feffffffffffffff", NULL, 0 },
	{ POINT, "\"asInt\":0", "31" "0000000000000000", NULL, 0 },
	{ POINT, "\"asDouble\":0", "21" "0000000000000000", NULL, 0 },
	{ POINT, "\"timeUnixNano\":\"0\",\"flags\":0", "", NULL, 0 },
	{ POINT, "\"exemplars\":[{\"asInt\":1,\"spanId\":\"eee19b7ec3c1b174\"}]", "2a13" "31" "0100000000000000" "2208eee19b7ec3c1b174", NULL, 0 },
	{ HISTOGRAM, "\"sum\":0,\"min\":-0,\"max\":null", "29" "0000000000000000" "59" "0000000000000080", NULL, 0 },
	{ HISTOGRAM, "\"bucketCounts\":[]", "", NULL, 0 },
	{ HISTOGRAM, "\"bucketCounts\":[\"1\",0]", "3210" "0100000000000000" "0000000000000000", NULL, 0 },
	{ HISTOGRAM, "\"explicitBounds\":[\"-Infinity\", 0.5 ]", "3a10" "000000000000f0ff" "000000000000e03f", NULL, 0 },
	{ HISTOGRAM, "\"bucketCounts\":[null]", NULL, "value expected", 0 },
	{ HISTOGRAM, "\"bucketCounts\":[1,]", NULL, "value expected", 0 },
	{ HISTOGRAM, "\"bucketCounts\":[1 2]", NULL, "',' or ']' expected", 0 },
	{ HISTOGRAM, "\"bucketCounts\":\"1\"", NULL, "array expected", 0 },
	{ EXPONENTIAL, "\"scale\":-3,\"zeroThreshold\":0.5,\"negative\":{\"offset\":-1,\"bucketCounts\":[\"1\",300,0]}",
		"3005" "71" "000000000000e03f" "4a08" "0801" "120401ac0200", NULL, 0 },
};
/* clang-format on */

/* The bytes of `hex` inside the fields of the place. */
static slice expected(struct arena *a, const struct row *row)
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
	struct err e = { .text = "" };
	uint64_t n_utf8 = 99;
	arena_init(&a);
	slice json =
	        slice_of(arena_printf(&a, "%s%s%s", places[row->place].before, row->json, places[row->place].after));
	int rc = json_to_otlp(places[row->place].signal, json, NULL, &out, &n_utf8, &e);
	bool ok = !row->hex && rc == -1 && strstr(e.text, row->error);
	if (row->hex)
		ok = rc == 0 && n_utf8 == row->n_utf8 && slice_eq(buf_slice(out), expected(&a, row));
	if (!ok) {
		char *got = arena_alloc(&a, 2 * (rc ? 0 : out->len) + 1);
		format_hex(rc ? "" : out->data, rc ? 0 : out->len, got);
		print_error("%s: %d %s, %s\n", row->json, rc, e.text, got);
	}
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

/* n open brackets around nothing, as an unknown field or as an array value. */
static int nested(const char *open, const char *close, int n, const char *before, const char *after, struct err *e)
{
	struct strbuf b;
	struct buf *out = NULL;
	uint64_t n_utf8;
	strbuf_init(&b, 1 << 20);
	strbuf_adds(&b, before);
	for (int i = 0; i < n; i++)
		strbuf_adds(&b, open);
	for (int i = 0; i < n; i++)
		strbuf_adds(&b, close);
	strbuf_adds(&b, after);
	assert_false(b.failed);
	int rc = json_to_otlp(TRACES, strbuf_slice(&b), NULL, &out, &n_utf8, e);
	buf_unref(out);
	strbuf_release(&b);
	return rc;
}

static void depth_is_limited(void **state UNUSED)
{
	struct err e;
	assert_int_equal(nested("[", "]", 127, "{\"x\":", "}", &e), 0);
	assert_int_equal(nested("[", "]", 128, "{\"x\":", "}", &e), -1);
	assert_non_null(strstr(e.text, "nested too deeply at byte 133"));
	assert_int_equal(nested("[", "]", 100000, "{\"x\":", "}", &e), -1);
	assert_int_equal(nested("{\"a\":", "}", 100000, "{\"x\":", "}", &e), -1);
	assert_int_equal(nested("[", "]", 100000, "", "", &e), -1);
	/* 5 levels around, 3 for each value */
	const char *before = "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"value\":{";
	const char *open = "\"arrayValue\":{\"values\":[{", *close = "}]}", *after = "}}]}}]}";
	assert_int_equal(nested(open, close, 40, before, after, &e), 0);
	assert_int_equal(nested(open, close, 41, before, after, &e), -1);
	assert_int_equal(nested(open, close, 20000, before, after, &e), -1);
}

/* Depth is that of open brackets, not of brackets seen. */
static void siblings_do_not_nest(void **state UNUSED)
{
	struct strbuf b;
	struct buf *out = NULL;
	struct err e;
	uint64_t n_utf8;
	strbuf_init(&b, 1 << 20);
	strbuf_adds(&b, "{\"x\":[");
	for (int i = 0; i < 1000; i++)
		strbuf_adds(&b, "[{},[]],{\"a\":[]},");
	strbuf_adds(&b, "0],\"resourceSpans\":[");
	for (int i = 0; i < 1000; i++)
		strbuf_adds(&b, "{\"scopeSpans\":[]},{\"resource\":{\"attributes\":[{}]}},");
	strbuf_adds(&b, "{}]}");
	assert_int_equal(json_to_otlp(TRACES, strbuf_slice(&b), NULL, &out, &n_utf8, &e), 0);
	buf_unref(out);
	strbuf_release(&b);
}

/* Lengths of every width, in messages and strings, plain and ending in an escape. */
static void lengths_of_every_width(void **state UNUSED)
{
	static const size_t sizes[] = { 1, 15, 16, 17, 31, 32, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128,
		129, 200, 16370, 16380, 16383, 16384, 16385, 70000, 2097151, 2097152, 3000000 };
	for (size_t i = 0; i < 2 * COUNTOF(sizes); i++) {
		size_t n = sizes[i / 2];
		bool escaped = i % 2;
		struct arena a;
		struct buf *out = NULL;
		struct err e;
		uint64_t n_utf8;
		arena_init(&a);
		char *text = memset(arena_alloc(&a, n), 'x', n), *inner = arena_alloc(&a, n + 16),
		     *outer = arena_alloc(&a, n + 32);
		char *json = arena_printf(&a, "{\"resourceSpans\":[{\"schemaUrl\":\"%.*s%s\"}]}", (int)(n - escaped),
		        text, escaped ? "\\n" : "");
		text[n - 1] = escaped ? '\n' : 'x';
		char *end = wire_put_field(inner, 0x1a, (slice){ text, n });
		end = wire_put_field(outer, 0x0a, (slice){ inner, (size_t)(end - inner) });
		assert_int_equal(json_to_otlp(TRACES, slice_of(json), NULL, &out, &n_utf8, &e), 0);
		assert_true(slice_eq(buf_slice(out), (slice){ outer, (size_t)(end - outer) }));
		buf_unref(out);
		arena_release(&a);
	}
}

/* The pool is asked for every byte: a request that cannot be paid is -2, and nothing stays taken. */
static void memory_is_counted(void **state UNUSED)
{
	struct pool pool;
	struct buf *out = NULL;
	struct err e;
	uint64_t n_utf8;
	struct strbuf b;
	strbuf_init(&b, 1 << 20);
	strbuf_adds(&b,
	        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"histogram\":{\"dataPoints\":[{"
	        "\"bucketCounts\":[0");
	for (int i = 0; i < 10000; i++)
		strbuf_adds(&b, ",0"); /* two bytes become eight: the worst there is */
	strbuf_adds(&b, "]}]}}]}]}]}");
	for (uint64_t limit = 0; limit < 200000; limit += 9973) {
		pool_init(&pool, limit);
		int rc = json_to_otlp(METRICS, strbuf_slice(&b), &pool, &out, &n_utf8, &e);
		assert_int_equal(rc, limit > 130000 ? 0 : limit < 80000 ? -2 : rc);
		if (rc == 0) {
			assert_int_equal(pool_used(&pool), out->cap);
			assert_true(out->cap <= limit && out->len > 80000);
			buf_unref(out);
		}
		assert_int_equal(pool_used(&pool), 0);
	}
	strbuf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(siblings_do_not_nest),
		cmocka_unit_test(lengths_of_every_width),
		cmocka_unit_test(memory_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
