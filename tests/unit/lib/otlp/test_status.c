/* test_status.c - Export responses and google.rpc.Status, both encodings; bytes written by hand and by the
 * official Python packages (protobuf 7, googleapis-common-protos). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lib/otlp/schema/logs_service.pb-c.h"
#include "lib/otlp/schema/metrics_service.pb-c.h"
#include "lib/otlp/status.h"

/* SLICE is no constant expression, this is. */
#define LIT(s)                      \
	{                           \
		"" s, sizeof(s) - 1 \
	}

/* clang-format off */
static const struct {
	enum signal signal;
	int64_t n_rejected;
	slice message, proto, json;
} responses[] = {
	{ TRACES, 0, LIT(""), LIT(""), LIT("{}") },
	{ TRACES, 3, LIT(""), LIT("\x0a\x02\x08\x03"), LIT("{\"partialSuccess\":{\"rejectedSpans\":\"3\"}}") },
	{ TRACES, 0, LIT("w"), LIT("\x0a\x03\x12\x01w"), LIT("{\"partialSuccess\":{\"errorMessage\":\"w\"}}") },
	{ TRACES, 300, LIT("bad \"id\"\n"), LIT("\x0a\x0e\x08\xac\x02\x12\x09" "bad \"id\"\n"),
		LIT("{\"partialSuccess\":{\"rejectedSpans\":\"300\",\"errorMessage\":\"bad \\\"id\\\"\\n\"}}") },
	{ LOGS, 1, LIT("l"), LIT("\x0a\x05\x08\x01\x12\x01l"),
		LIT("{\"partialSuccess\":{\"rejectedLogRecords\":\"1\",\"errorMessage\":\"l\"}}") },
	{ METRICS, 1, LIT("m"), LIT("\x0a\x05\x08\x01\x12\x01m"),
		LIT("{\"partialSuccess\":{\"rejectedDataPoints\":\"1\",\"errorMessage\":\"m\"}}") },
};
/* clang-format on */

static void assert_slice(slice got, slice want)
{
	if (!slice_eq(got, want))
		fail_msg("%.*s", SLICE_ARG(got));
}

static void responses_both_ways(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(responses); i++) {
		enum signal signal = responses[i].signal;
		for (int enc = OTLP_PROTO; enc <= OTLP_JSON; enc++) {
			slice want = enc == OTLP_PROTO ? responses[i].proto : responses[i].json;
			assert_slice(
			        export_response(&a, signal, enc, responses[i].n_rejected, responses[i].message), want);
			struct export_result r = { -1, SLICE("x") };
			assert_int_equal(export_response_parse(&a, signal, enc, want, &r), 0);
			assert_int_equal(r.n_rejected, responses[i].n_rejected);
			assert_slice(r.message, responses[i].message);
		}
	}
	arena_release(&a);
}

/* One generated type writes all three; the other two must read the same. */
static void one_type_serves_all_signals(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	slice s = export_response(&a, LOGS, OTLP_PROTO, 7, SLICE("x"));
	Opentelemetry__Proto__Collector__Logs__V1__ExportLogsServiceResponse *logs =
	        opentelemetry__proto__collector__logs__v1__export_logs_service_response__unpack(
	                NULL, s.len, (const uint8_t *)s.p);
	assert_non_null(logs);
	assert_int_equal(logs->partial_success->rejected_log_records, 7);
	assert_string_equal(logs->partial_success->error_message, "x");
	opentelemetry__proto__collector__logs__v1__export_logs_service_response__free_unpacked(logs, NULL);
	s = export_response(&a, METRICS, OTLP_PROTO, 8, SLICE("y"));
	Opentelemetry__Proto__Collector__Metrics__V1__ExportMetricsServiceResponse *metrics =
	        opentelemetry__proto__collector__metrics__v1__export_metrics_service_response__unpack(
	                NULL, s.len, (const uint8_t *)s.p);
	assert_non_null(metrics);
	assert_int_equal(metrics->partial_success->rejected_data_points, 8);
	assert_string_equal(metrics->partial_success->error_message, "y");
	opentelemetry__proto__collector__metrics__v1__export_metrics_service_response__free_unpacked(metrics, NULL);
	arena_release(&a);
}

/* What backends send besides the canonical forms. */
static void responses_of_others(void **state UNUSED)
{
	static const struct {
		enum otlp_encoding enc;
		int rc;
		slice body;
		int64_t n_rejected;
		const char *message;
	} rows[] = {
		{ OTLP_PROTO, 0, LIT("\x0a\x00"), 0, "" },
		{ OTLP_PROTO, 0, LIT("\x0a\x02\x08\x00"), 0, "" },
		{ OTLP_PROTO, 0, LIT("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0, "" },
		{ OTLP_PROTO, 0,
		        LIT("\x0a\x04\x12\x02"
		            "a\xff"),
		        0, "a\xef\xbf\xbd" },
		{ OTLP_PROTO, 0, LIT("\x10\x01"), 0, "" },
		{ OTLP_PROTO, -1, LIT("\x0a"), 0, "" },
		{ OTLP_PROTO, -1, LIT("<html>"), 0, "" },
		{ OTLP_JSON, 0, LIT("{\"partialSuccess\":{}}"), 0, "" },
		{ OTLP_JSON, 0, LIT("{\"partialSuccess\":null}"), 0, "" },
		{ OTLP_JSON, 0, LIT(" {\"partial_success\" : {\"rejected_spans\" : 4}}\n"), 4, "" },
		{ OTLP_JSON, 0, LIT("{\"accepted\":[1,2],\"partialSuccess\":{\"rejectedSpans\":\"5\",\"x\":1}}"), 5,
		        "" },
		{ OTLP_JSON, -1, LIT(""), 0, "" },
		{ OTLP_JSON, -1, LIT("OK"), 0, "" },
		{ OTLP_JSON, -1, LIT("{\"partialSuccess\":{\"rejectedSpans\":\"many\"}}"), 0, "" },
	};
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct export_result r = { -1, SLICE("x") };
		assert_int_equal(export_response_parse(&a, TRACES, rows[i].enc, rows[i].body, &r), rows[i].rc);
		assert_int_equal(r.n_rejected, rows[i].n_rejected);
		assert_slice(r.message, slice_of(rows[i].message));
	}
	arena_release(&a);
}

static void status_both_ways(void **state UNUSED)
{
	static const struct {
		int code;
		slice message, proto, json;
	} rows[] = {
		{ 0, LIT(""), LIT(""), LIT("{}") },
		{ 3, LIT("bad"),
		        LIT("\x08\x03\x12\x03"
		            "bad"),
		        LIT("{\"code\":3,\"message\":\"bad\"}") },
		{ 14, LIT(""), LIT("\x08\x0e"), LIT("{\"code\":14}") },
		{ -1, LIT(""), LIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), LIT("{\"code\":-1}") },
	};
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		for (int enc = OTLP_PROTO; enc <= OTLP_JSON; enc++) {
			slice want = enc == OTLP_PROTO ? rows[i].proto : rows[i].json, message;
			int code = 99;
			assert_slice(rpc_status(&a, enc, rows[i].code, rows[i].message), want);
			assert_int_equal(rpc_status_parse(&a, enc, want, &code, &message), 0);
			assert_int_equal(code, rows[i].code);
			assert_slice(message, rows[i].message);
		}
	}
	assert_slice(rpc_status(&a, OTLP_JSON, 3, SLICE("\xff")), SLICE("{\"code\":3,\"message\":\"\xef\xbf\xbd\"}"));
	arena_release(&a);
}

/* Status(code=8, message='slow down', details=[RetryInfo(1.5 s)]) as Python serializes it, and in JSON. */
static void status_with_details(void **state UNUSED)
{
	static const slice proto = LIT("\x08\x08\x12\x09slow down\x1a\x36\x0a(type.googleapis.com/google.rpc.RetryInfo"
	                               "\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01");
	static const slice json = LIT("{\n \"code\": 8,\n \"message\": \"slow down\",\n \"details\": [{\"@type\": "
	                              "\"type.googleapis.com/google.rpc.RetryInfo\", \"retryDelay\": \"1.500s\"}]\n}");
	struct arena a;
	int code;
	slice message;
	arena_init(&a);
	assert_int_equal(rpc_status_parse(&a, OTLP_PROTO, proto, &code, &message), 0);
	assert_int_equal(code, 8);
	assert_slice(message, SLICE("slow down"));
	code = 0;
	assert_int_equal(rpc_status_parse(&a, OTLP_JSON, json, &code, &message), 0);
	assert_int_equal(code, 8);
	assert_slice(message, SLICE("slow down"));
	assert_int_equal(rpc_status_parse(&a, OTLP_JSON, SLICE("{\"code\":\"x\"}"), &code, &message), -1);
	assert_int_equal(rpc_status_parse(&a, OTLP_PROTO, SLICE("\x12\x05x"), &code, &message), -1);
	arena_release(&a);
}

/* An answer takes little more memory than its bytes, and of its words what can be shown. */
static void hostile_answers(void **state UNUSED)
{
	enum { N = 400000, MEMORY = 3 * N };
	char *body = malloc(2 * N);
	struct export_result r;
	struct arena a;
	int code;
	slice message;
	assert_non_null(body);
	arena_init(&a);
	for (size_t i = 0; i < N; i += 2) /* a field that nobody knows, each with a byte */
		memcpy(body + i, "\x78\x01", 2);
	assert_int_equal(export_response_parse(&a, TRACES, OTLP_PROTO, (slice){ body, N }, &r), -1);
	assert_int_equal(rpc_status_parse(&a, OTLP_PROTO, (slice){ body, N }, &code, &message), -1);
	assert_true(a.used < 2 * MEMORY);
	arena_reset(&a, 0);
	const slice head = LIT("{\"message\":\"");
	memcpy(body, head.p, head.len);
	for (size_t i = 0; i < N; i += 2)
		memcpy(body + head.len + i, "\xc3\xa9", 2);
	memcpy(body + head.len + N, "\"}", 2);
	slice json = { body, head.len + N + 2 };
	assert_int_equal(rpc_status_parse(&a, OTLP_JSON, json, &code, &message), 0);
	assert_in_range(message.len, 1000, N / 10);
	assert_memory_equal(message.p + message.len - 2, "\xc3\xa9", 2);
	assert_true(a.used < MEMORY);
	arena_release(&a);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_answers),
		cmocka_unit_test(responses_both_ways),
		cmocka_unit_test(one_type_serves_all_signals),
		cmocka_unit_test(responses_of_others),
		cmocka_unit_test(status_both_ways),
		cmocka_unit_test(status_with_details),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
