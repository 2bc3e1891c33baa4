/* test_json_suite.c - RFC 8259 syntax: what must be accepted, what must be refused, and what the RFC leaves open.
 *
 * Each text is tried as the value of a field that the schema does not know, so that only syntax counts, and jansson is
 * asked the same. Where jansson differs the row says so. Truncated and mutated documents follow; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/strbuf.h"
#include "lib/otlp/json.h"
#include "lib/otlp/schema/trace_service.pb-c.h"

enum { JANSSON = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL };

/* clang-format off */
/* y: valid. n: not valid. Y, N: the RFC leaves it open or jansson differs; ours is this, and jansson says the other. */
static const char *const values[] = {
	/* numbers */
	"y0", "y-0", "y1", "y-1", "y10", "y123456789", "y0.5", "y-0.5", "y1.0", "y1e5", "y1E5", "y1e+5", "y1e-5", "y0e0", "y0e+1", "y1.5e10",
	"y0.0000000000000000000000000000000000000000000000000000000000000000000000000001", "y-0.0", "y 1 ", "y\t1\n", "y20e1", "y123.456e78",
	"y12345678901234567890123456789012345678901234567890", "y1e-400", "y-123123e-100000",
	"Y1e400", "Y-1e400", "Y0.4e00669999999999999999999999999999999999", "Y100000000000000000000e1000",
	"n", "n-", "n+1", "n+", "n.5", "n-.5", "n5.", "n1.e5", "n1e", "n1e+", "n1E-", "n01", "n-01", "n00", "n0x1", "n0xG", "n1_000", "n1 000", "n--1", "n+-1",
	"n1.2.3", "n1e5e5", "n1e5.5", "n.", "n.e1", "ne5", "nNaN", "nnan", "nInfinity", "n-Infinity", "ninf", "n-inf", "n1f", "n1d", "n0b1", "n-a", "n1a",
	"n\xef\xbc\x91", "n(1)", "n1/2", "n0e", "n0.e1", "n0.3e", "n0.3e+", "n9.e+", "n2.e3", "n-2.", "n- 1", "n1+2", "n\\u0031", "n1\x0c", "n1\xc2\xa0",
	/* literals */
	"ytrue", "yfalse", "ynull", "y true ", "ntru", "ntrues", "nTrue", "nTRUE", "nfals", "nfalse0", "nnul", "nnulll", "nNULL", "nundefined", "nt", "nf", "nn",
	"ntrue false", "nyes", "n'true'", "n\"true", "n&", "n*", "n<null>", "n\x01", "n\x7f",
	/* strings */
	"y\"\"", "y\" \"", "y\"a\"", "y\"\\\"\"", "y\"\\\\\"", "y\"\\/\"", "y\"\\b\\f\\n\\r\\t\"", "y\"\\u0041\"", "y\"\\u00e9\"", "y\"\\uD834\\uDd1e\"",
	"y\"\\u0000\"", "y\"\\uFFFF\"", "y\"\\uFDD0\"", "y\"\\udbff\\udfff\"", "y\"\x7f\"", "y\"\xc2\x80\"", "y\"\xe2\x80\xa8\"", "y\"\xf4\x8f\xbf\xbf\"", "y\"'\"", "y\"/*\"",
	"y\"a/*b*/c\"", "y\"\\\\u0041\"", "y\"\\\\\\\"\"", "y\"asd \"", "y\"0123456789abcde\"", "y\"0123456789abcdef\"", "y\"0123456789abcdefg\"",
	"y\"\\u0123\\u4567\\u89AB\\uCDEF\\uabcd\\uef4A\"",
	"Y\"\\ud800\"", "Y\"\\udc00\"", "Y\"\\ud800\\ud800\"", "Y\"\\ud800\\u0041\"", "Y\"\\udc00\\ud800\"", "Y\"\\ud800x\"", "Y\"\\ud800\\n\"", "Y\"\xff\"", "Y\"\xc3\"", "Y\"\xc0\xaf\"", "Y\"\xed\xa0\x80\"",
	"Y\"\xf4\x90\x80\x80\"", "Y\"\xe2\x82\"", "Y\"\x80\"", "Y\"\xfc\x80\x80\x80\x80\x80\"",
	"n\"", "n\"a", "n\"\\\"", "n\"\\", "n\"\\a\"", "n\"\\x41\"", "n\"\\'\"", "n\"\\0\"", "n\"\\1\"", "n\"\\U0041\"", "n\"\\v\"", "n\"\\e\"", "n\"\\ \"", "n\"\\\n\"", "n\"\\u\"", "n\"\\u0\"",
	"n\"\\u00\"", "n\"\\u004\"", "n\"\\u004g\"", "n\"\\u 041\"", "n\"\\u-041\"", "n\"\\u+041\"", "n\"\\ud834\\\"", "n\"\\ud834\\u\"", "n\"\\ud834\\uD\"", "n\"\\ud834\\uDdx1\"", "n\"\n\"",
	"n\"\t\"", "n\"\r\"", "n\"\x1f\"", "n\"\x01\"", "n\"0123456789abcdef\n\"", "n'a'", "na", "n\"a\"b", "n\"a\"\"b\"", "n\"a\" \"b\"", "n\"\\\xe5\"", "n\xe2\x80\x9c x\xe2\x80\x9d", "n\"\\n",
	/* arrays */
	"y[]", "y[ ]", "y[\n]", "y[1]", "y[1,2]", "y[ 1 , 2 ]", "y[[]]", "y[[],[]]", "y[[[[]]]]", "y[null,1,\"1\",{}]", "y[{}]", "y[\"\"]",
	"n[", "n]", "n[1", "n[1,", "n[1,]", "n[,]", "n[,1]", "n[1,,2]", "n[1 2]", "n[1;2]", "n[1:2]", "n[\"a\":1]", "n[}", "n[1}", "n[[]", "n[]]", "n[[],", "n[\"\"", "n[\"a\",\n4\n,1,",
	"n[a]", "n[*]", "n[x", "n[\"x\"]]", "n[1]x", "n[][]", "n[,", "n[ , \"\"]", "n[1\n,1\n,1", "n[\x0c]", "n[\xe2\x81\xa0]", "n[\xff]",
	/* objects */
	"y{}", "y{ }", "y{\"a\":1}", "y{\"a\":1,\"b\":2}", "y{ \"a\" : 1 , \"b\" : 2 }", "y{\"a\":{\"a\":{}}}", "y{\"a\":[]}", "y{\"\":0}", "y{\"a\":1,\"a\":2}", "y{\"\\u0061\":1}",
	"y{\"a\\nb\":1}", "y{\"x\":[{\"id\":\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"}]}",
	"Y{\"a\\u0000b\":12}", "Y{\"\\ud800\":1}", "Y{\"\xff\":0}",
	"n{", "n}", "n{\"a\"", "n{\"a\":", "n{\"a\":1", "n{\"a\":1,", "n{\"a\":1,}", "n{,}", "n{\"a\"}", "n{\"a\" 1}", "n{\"a\"::1}", "n{\"a\":1 \"b\":2}", "n{\"a\":1,,\"b\":2}", "n{a:1}", "n{'a':1}",
	"n{1:1}", "n{null:1}", "n{[]:1}", "n{\"a\":1]", "n{{}}", "n{\"a\":}", "n{:1}", "n{\"a\":a", "n{\"a\",1}", "n{\"a\"=1}", "n{\"a\":\"a\" 123}", "n{\"a\":1}}", "n{\"a\":1}#", "n{\"a\":1}/**/",
	"n{/**/\"a\":1}", "n{\"a\"/**/:1}", "n{\"a\":/**/1}", "n//\n1", "n{\"a\":\"b\"}/", "n{\"a\":true} \"x\"", "n{\"a\":1,\"b\"", "n{\"\xff:1}", "n{\"a\n\":1}", "n{\"a\\x\":1}",
};
/* clang-format on */

static int ours(slice json)
{
	struct buf *out = NULL;
	struct err e;
	uint64_t n_utf8;
	int rc = json_to_otlp(TRACES, json, NULL, &out, &n_utf8, &e);
	buf_unref(out);
	return rc;
}

static bool jansson(slice json, json_error_t *e)
{
	json_t *j = json_loadb(json.p, json.len, JANSSON, e);
	json_decref(j);
	return j != NULL;
}

static unsigned try_value(const char *value, const char *before, const char *after)
{
	char kind = *value++;
	struct strbuf b;
	json_error_t e;
	strbuf_init(&b, 4096);
	strbuf_addf(&b, "%s%s%s", before, value, after);
	assert_false(b.failed);
	bool valid = kind == 'y' || kind == 'Y', by_jansson = kind == 'y' || kind == 'N';
	int rc = ours(strbuf_slice(&b));
	bool jansson_ok = jansson(strbuf_slice(&b), &e);
	bool ok = rc == (valid ? 0 : -1) && jansson_ok == by_jansson;
	if (!ok)
		print_error("%s: %d, jansson %d\n", b.p, rc, jansson_ok);
	strbuf_release(&b);
	return !ok;
}

static void accept_and_refuse(void **state UNUSED)
{
	unsigned n_failed = 0;
	for (size_t i = 0; i < COUNTOF(values); i++) {
		n_failed += try_value(values[i], "{\"x\":", "}");
		n_failed += try_value(values[i], "{\"x\":[0,", "]}");
		n_failed += try_value(values[i], "{\"resourceSpans\":[{\"x\":", "\n}]}");
	}
	assert_int_equal(n_failed, 0);
}

static void refuse_documents(void **state UNUSED)
{
	static const char *const documents[] = { "", " ", "{", "[", "]", "}", "{}}", "{}]", "{},", "{}{}", "{}\"\"",
		"{}//", "{}/**/", "/**/{}", "#{}", "\"\"", "0", "true", "[]", "{}\x01", "{}\x0b", "\xef\xbb\xbf{}",
		"\xff\xfe{\0}\0", "{}\xff", "{ \xc2\xa0}", "x{}", "({})", "nul", "nulll", "null,", "null{}" };
	for (size_t i = 0; i < COUNTOF(documents); i++)
		if (ours(slice_of(documents[i])) != -1)
			fail_msg("accepted: %s", documents[i]);
	assert_int_equal(ours((slice){ "{}\0", 3 }), -1);
	assert_int_equal(ours((slice){ "\0{}", 3 }), -1);
	assert_int_equal(ours((slice){ "{\"x\0\":1}", 8 }), -1);
	assert_int_equal(ours((slice){ NULL, 0 }), -1);
}

static const char document[] = "{\"resourceSpans\" : [ "
                               "{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":"
                               "\"caf\\u00e9 \\\"x\\\"\"}},"
                               "{\"key\":\"n\",\"value\":{\"intValue\":\"-12\"}},{\"key\":\"d\",\"value\":{"
                               "\"doubleValue\":-1.25e-3}},{\"key\":\"b\",\"value\":{\"bytesValue\":\"AAEC\"}},"
                               "{\"key\":\"l\",\"value\":{\"arrayValue\":{\"values\":[{\"boolValue\":true},{"
                               "\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{}}]}}]}}}]},\n"
                               "\"scopeSpans\":[{\"scope\":{\"name\":\"s\",\"version\":null},\"spans\":[{\"traceId\":"
                               "\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\","
                               "\"name\":\"op\",\"kind\":\"SPAN_KIND_CLIENT\",\"startTimeUnixNano\":"
                               "\"1544712660000000000\",\"endTimeUnixNano\":1544712661000000000,"
                               "\"events\":[{\"timeUnixNano\":1,\"name\":\"e\"}],\"links\":[],\"status\":{\"code\":2},"
                               "\"unknown\":[1,2.5,{\"a\":false,\"b\":\"\\ud83d\\ude00\"}],\"flags\":257}]}]}]}";

/* In a buffer of exactly that size, so that the sanitizer sees a read behind the end. */
static int ours_exact(const char *p, size_t n)
{
	char *copy = malloc(n ? n : 1);
	assert_non_null(copy);
	memcpy(copy, p, n);
	int rc = ours((slice){ copy, n });
	free(copy);
	return rc;
}

static void every_prefix_is_refused(void **state UNUSED)
{
	for (size_t n = 0; n < sizeof(document) - 1; n++)
		if (ours_exact(document, n) != -1)
			fail_msg("accepted: %.*s", (int)n, document);
	assert_int_equal(ours_exact(document, sizeof(document) - 1), 0);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
	return *s * 0x2545f4914f6cdd1du >> 16;
}

static size_t mutate(char *text, size_t n, uint64_t *seed)
{
	static const char interesting[] = "\"\\{}[]:,0123456789eE+-.tfnul \n\x01\x7f/u";
	for (uint64_t edits = 1 + next_random(seed) % 3; edits > 0 && n > 2; edits--) {
		size_t at = next_random(seed) % n, len = next_random(seed) % 8, to = next_random(seed) % n;
		switch (next_random(seed) % 4) {
		case 0:
			text[at] = interesting[next_random(seed) % (sizeof(interesting) - 1)];
			break;
		case 1:
			len = len < n - at ? len : n - at;
			memmove(text + at, text + at + len, n - at - len);
			n -= len;
			break;
		case 2:
			len = len < n - at ? len : n - at;
			len = len < n - to ? len : n - to;
			memmove(text + to, text + at, len);
			break;
		default:
			text[at] = (char)(next_random(seed) & 127);
			break;
		}
	}
	return n;
}

/* What is accepted here is JSON for jansson too, and for protobuf-c what comes out is a request. jansson refuses numbers
 * beyond a double, unpaired surrogates and NUL in names, which we skip in unknown fields or repair. */
static void check_accepted(slice json, struct buf *out)
{
	json_error_t e;
	bool theirs = jansson(json, &e);
	if (!theirs && !strstr(e.text, "overflow") && !strstr(e.text, "Unicode") && !strstr(e.text, "NUL") &&
	        !slice_is(json, "null"))
		fail_msg("only we accept (%s): %.*s", e.text, SLICE_ARG(json));
	ProtobufCMessage *m = protobuf_c_message_unpack(
	        &opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor, NULL, out->len,
	        (const uint8_t *)out->data);
	assert_non_null(m);
	protobuf_c_message_free_unpacked(m, NULL);
}

/* jansson gives a NUL behind a number back to its buffer, where it reads as the buffer's end, and passes over it. */
static bool has_nul_behind_number(slice json)
{
	for (size_t i = 1; i < json.len; i++)
		if (!json.p[i] && json.p[i - 1] >= '0' && json.p[i - 1] <= '9')
			return true;
	return false;
}

/* What is refused is either no JSON for jansson or is JSON that means no request. */
static void check_refused(slice json, const struct err *e)
{
	static const char *const meanings[] = { "array expected", "object expected", "string expected", "integer",
		"number", "true or false", "enum value", "base64", "value expected", "nested" };
	json_error_t je;
	bool known = false;
	if (!jansson(json, &je))
		return;
	for (size_t i = 0; i < COUNTOF(meanings); i++)
		known |= strstr(e->text, meanings[i]) != NULL;
	if (!known && !has_nul_behind_number(json))
		fail_msg("only jansson accepts (%s): %.*s", e->text, SLICE_ARG(json));
}

static void mutations_agree_with_jansson(void **state UNUSED)
{
	uint64_t seed = (uint64_t)time(NULL) * 2 + 1, accepted = 0;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 30000; i++) {
		char *text = malloc(sizeof(document));
		struct buf *out = NULL;
		struct err e = { .text = "" };
		uint64_t n_utf8;
		assert_non_null(text);
		memcpy(text, document, sizeof(document));
		size_t n = mutate(text, sizeof(document) - 1, &seed);
		char *exact = realloc(text, n);
		slice json = { exact ? exact : text, n };
		if (json_to_otlp(TRACES, json, NULL, &out, &n_utf8, &e) == 0) {
			accepted++;
			check_accepted(json, out);
		} else {
			check_refused(json, &e);
		}
		buf_unref(out);
		free((void *)(uintptr_t)json.p);
	}
	assert_true(accepted > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_and_refuse),
		cmocka_unit_test(refuse_documents),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(mutations_agree_with_jansson),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
