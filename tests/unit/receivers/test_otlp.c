/* test_otlp.c - the door: every answer that it gives, over raw sockets, with its counters. */
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>

#include <unistd.h>

#include "lib/net/compress.h"
#include "lib/otlp/status.h"

#define DOOR(http) "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'" http "}}}}\n"
#define TO_NOP "exporters: {nop: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n"
#define TEXT "Content-Type: text/plain\r\n"
#define PROTO CORE_RIG_PROTO
#define JSON CORE_RIG_JSON
#define SPAN(ids) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" ids ",\"name\":\"n\"}]}]}]}"
#define GOOD "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\""
#define SHORT "\"traceId\":\"0102\",\"spanId\":\"0102030405060708\""

struct row {
	const char *method, *path, *headers, *body;
	int status, code; /* code: of the Status in the body; -1: none */
	enum request_outcome counted;
	const char *name, *value; /* a header of the answer */
};

static const struct row rows[] = {
	{ "POST", "/v1/traces", PROTO, "", 200, -1, REQUEST_OK, "Content-Type", "application/x-protobuf" },
	{ "POST", "/v1/traces", PROTO, "", 200, -1, REQUEST_OK, "Content-Length", "0" },
	{ "POST", "/v1/traces", JSON, "{}", 200, -1, REQUEST_OK, "Content-Type", "application/json" },
	{ "POST", "/v1/traces", JSON, "{\"resourceSpans\":[]}", 200, -1, REQUEST_OK, "Content-Length", "2" },
	{ "POST", "/v1/traces?x=1", JSON, SPAN(GOOD), 200, -1, REQUEST_OK, NULL, NULL },
	{ "POST", "/v1/traces", "content-TYPE: Application/JSON; charset=utf-8\r\n", SPAN(GOOD), 200, -1, REQUEST_OK,
	        NULL, NULL },
	{ "POST", "/v1/traces", PROTO "Content-Encoding: identity\r\n", "", 200, -1, REQUEST_OK, NULL, NULL },
	{ "POST", "/api/v2/traces", JSON, SPAN(GOOD), 200, -1, REQUEST_OK, NULL, NULL },
	{ "POST", "/api/ingest/otlp/v1/traces", JSON, SPAN(GOOD), 200, -1, REQUEST_OK, NULL, NULL },
	{ "POST", "/v1/traces", PROTO, "no protobuf", 400, 3, REQUEST_MALFORMED, "Content-Type",
	        "application/x-protobuf" },
	{ "POST", "/v1/traces", JSON, "{\"resourceSpans\":", 400, 3, REQUEST_MALFORMED, "Content-Type",
	        "application/json" },
	{ "POST", "/v1/traces", JSON, "", 400, 3, REQUEST_MALFORMED, NULL, NULL },
	{ "POST", "/v1/traces", JSON, "{} {}", 400, 3, REQUEST_MALFORMED, NULL, NULL },
	{ "POST", "/v1/traces", JSON "Content-Encoding: gzip\r\n", "{}", 400, 3, REQUEST_MALFORMED, "Content-Type",
	        "application/json" },
	{ "POST", "/v1/traces", PROTO "Content-Encoding: zstd\r\n", "junk", 400, 3, REQUEST_MALFORMED, NULL, NULL },
	{ "POST", "/v1/trace", PROTO, "", 404, 12, REQUEST_UNSUPPORTED, "Content-Type", "application/x-protobuf" },
	{ "POST", "/v1/traces/", PROTO, "", 404, 12, REQUEST_UNSUPPORTED, NULL, NULL },
	{ "GET", "/", "", "", 404, 12, REQUEST_UNSUPPORTED, "Content-Type", "application/json" },
	{ "POST", "/v1/logs", PROTO, "", 404, 12, REQUEST_UNSUPPORTED, NULL, NULL }, /* no pipeline takes logs */
	{ "POST", "/v1/metrics", JSON, "{}", 404, 12, REQUEST_UNSUPPORTED, NULL, NULL },
	{ "GET", "/v1/traces", "", "", 405, 12, REQUEST_UNSUPPORTED, "Allow", "POST" },
	{ "PUT", "/v1/traces", JSON, "{}", 405, 12, REQUEST_UNSUPPORTED, "Allow", "POST" },
	{ "DELETE", "/v1/traces", PROTO, "", 405, 12, REQUEST_UNSUPPORTED, "Content-Type", "application/x-protobuf" },
	{ "OPTIONS", "/v1/traces", "Origin: http://a\r\nAccess-Control-Request-Method: POST\r\n", "", 405, 12,
	        REQUEST_UNSUPPORTED, "Allow", "POST" },
	{ "POST", "/v1/traces", TEXT, "{}", 415, 3, REQUEST_UNSUPPORTED, "Content-Type", "application/json" },
	{ "POST", "/v1/traces", "", "{}", 415, 3, REQUEST_UNSUPPORTED, NULL, NULL },
	{ "POST", "/v1/traces", "Content-Type: application/x-protobuffer\r\n", "", 415, 3, REQUEST_UNSUPPORTED, NULL,
	        NULL },
	{ "POST", "/v1/traces", PROTO "Content-Encoding: br\r\n", "x", 415, 3, REQUEST_UNSUPPORTED, NULL, NULL },
	{ "POST", "/v1/traces", PROTO "Content-Encoding: gzip, gzip\r\n", "x", 415, 3, REQUEST_UNSUPPORTED, NULL,
	        NULL },
	{ "POST", "/v1/traces", PROTO "Bad Header: x\r\n", "", 400, 3, REQUEST_PROTOCOL, "Connection", "close" },
};

static void expect_status(struct core_rig *r, const struct answer *a, int code)
{
	bool proto = !strcmp(answer_header(r, a, "Content-Type"), "application/x-protobuf");
	slice message = { 0 };
	int got = -1;
	if (rpc_status_parse(&r->arena, proto ? OTLP_PROTO : OTLP_JSON, a->body, &got, &message))
		fail_msg("no Status: %.*s", SLICE_ARG(a->body));
	assert_int_equal(got, code);
	assert_true(message.len > 0);
}

static void answer_table(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r, DOOR(", extra_traces_url_paths: [/api/v2/traces, /api/ingest/otlp/v1/traces]") TO_NOP);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		const struct row *q = &rows[i];
		uint64_t before = core_rig_requests(&r, "otlp", q->counted);
		struct answer a =
		        core_rig_ask(&r, core_rig_address(&r, 0), q->method, q->path, q->headers, slice_of(q->body));
		if (a.status != q->status)
			fail_msg("row %zu, %s %s: %d %.*s", i, q->method, q->path, a.status, SLICE_ARG(a.body));
		if (q->code >= 0)
			expect_status(&r, &a, q->code);
		if (q->name && strcmp(answer_header(&r, &a, q->name), q->value) != 0)
			fail_msg("row %zu: %s: %s", i, q->name, answer_header(&r, &a, q->name));
		UNTIL(&r, core_rig_requests(&r, "otlp", q->counted) == before + 1);
	}
	assert_int_equal(core_rig_received(&r, "otlp", TRACES).accepted, 4);
	UNTIL(&r, core_rig_get(&r, "nop", delivered) == 4);
	core_rig_stop(&r);
}

#define MOST "18446744073709551615 times or more"

/* What was relayed too often is refused for good; what is no number is not ours. */
static void relayed_too_often(void **state UNUSED)
{
	static const struct {
		const char *hops, *told; /* NULL: it is taken */
	} cases[] = { { "0", NULL }, { "1", NULL }, { "8", NULL }, { "9", "9 times" }, { "10", "10 times" },
		{ "255", "255 times" }, { "256", "256 times" }, { "4294967296", "4294967296 times" },
		{ "18446744073709551614", "18446744073709551614 times" }, { "18446744073709551616", MOST },
		{ "99999999999999999999999999999999", MOST }, { "0000000000000000000000000000000009", "9 times" },
		{ "000000000000000000000000000000008", NULL }, { "-9", NULL }, { "9x", NULL },
		{ "99999999999999999999999999999999x", NULL }, { "9, 9", NULL }, { "many", NULL }, { "", NULL } };
	struct core_rig r;
	uint64_t n_refused = 0, n_taken = 0;
	core_rig_start(&r, DOOR("") TO_NOP);
	for (size_t i = 0; i < 2 * COUNTOF(cases); i++) {
		bool json = i % 2, refused = cases[i / 2].told;
		const char *hops = cases[i / 2].hops;
		const char *headers = arena_printf(&r.arena, "%sx-otlp-RELAY-hops: %s\r\n", json ? JSON : PROTO, hops);
		slice body = json ? core_rig_spans_json(&r, 1) : core_rig_spans(&r, 1);
		struct answer a = core_rig_post(&r, "/v1/traces", headers, body);
		if (a.status != (refused ? 400 : 200))
			fail_msg("%s: %d", hops, a.status);
		n_taken += !refused;
		n_refused += refused;
		if (!refused)
			continue;
		expect_status(&r, &a, 3);
		const char *text = arena_printf(
		        &r.arena, "relayed %s: an exporter's endpoint leads back to this receiver", cases[i / 2].told);
		assert_non_null(memmem(a.body.p, a.body.len, text, strlen(text)));
	}
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_REFUSED), n_refused);
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_OK), n_taken);
	assert_int_equal(core_rig_received(&r, "otlp", TRACES).accepted, n_taken);
	UNTIL(&r, core_rig_get(&r, "nop", delivered) == n_taken);
	core_rig_stop(&r);
}

/* Two spans, one of them bad. */
static void bad_spans_are_refused_alone(void **state UNUSED)
{
	static const struct {
		const char *spans;
		unsigned n_bad, n_good;
	} cases[] = {
		{ "{" GOOD "},{" SHORT "}", 1, 1 },
		{ "{" SHORT "},{" SHORT "}", 2, 0 },
		{ "{" GOOD "},{" GOOD "}", 0, 2 },
		{ "{" GOOD "},{\"traceId\":\"00000000000000000000000000000000\",\"spanId\":\"0102030405060708\"}", 1,
		        1 },
		{ "{" GOOD "},{\"traceId\":\"xyz\",\"spanId\":\"0102030405060708\"}", 1, 1 },
	};
	struct core_rig r;
	struct received sum = { 0 };
	core_rig_start(&r, DOOR("") TO_NOP);
	for (size_t i = 0; i < 2 * COUNTOF(cases); i++) {
		const char *json = arena_printf(
		        &r.arena, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[%s]}]}]}", cases[i / 2].spans);
		bool proto = i % 2;
		struct export_result result;
		struct answer a = core_rig_post(&r, "/v1/traces", proto ? PROTO : JSON,
		        proto ? core_rig_to_proto(&r, TRACES, json) : slice_of(json));
		assert_int_equal(a.status, 200);
		assert_int_equal(
		        export_response_parse(&r.arena, TRACES, proto ? OTLP_PROTO : OTLP_JSON, a.body, &result), 0);
		assert_int_equal(result.n_rejected, cases[i / 2].n_bad);
		assert_int_equal(result.message.len > 0, cases[i / 2].n_bad > 0);
		sum.accepted += cases[i / 2].n_good;
		sum.refused += cases[i / 2].n_bad;
	}
	struct received got = core_rig_received(&r, "otlp", TRACES);
	assert_int_equal(got.accepted, sum.accepted);
	assert_int_equal(got.refused, sum.refused);
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_PARTIAL), 8);
	UNTIL(&r, core_rig_get(&r, "nop", delivered) == sum.accepted);
	core_rig_stop(&r);
}

static void codings_in(void **state UNUSED)
{
	static const struct {
		const char *header;
		enum coding coding;
	} codings[] = { { "gzip", CODING_GZIP }, { "GZIP", CODING_GZIP }, { "deflate", CODING_DEFLATE },
		{ "zstd", CODING_ZSTD } };
	struct codec *codec = codec_new();
	struct core_rig r;
	core_rig_start(&r, DOOR(", max_inflated_body_size: 64KiB, max_request_body_size: 32KiB") TO_NOP);
	for (size_t i = 0; i < 2 * COUNTOF(codings); i++) {
		bool json = i % 2;
		slice plain = json ? core_rig_spans_json(&r, 3) : core_rig_spans(&r, 3);
		const char *headers = arena_printf(
		        &r.arena, "%sContent-Encoding: %s\r\n", json ? JSON : PROTO, codings[i / 2].header);
		struct buf *packed = NULL;
		assert_int_equal(codec_deflate(codec, codings[i / 2].coding, 0, &plain, 1, NULL, &packed), 0);
		assert_int_equal(core_rig_post(&r, "/v1/traces", headers, buf_slice(packed)).status, 200);
		UNTIL(&r, core_rig_get(&r, "nop", delivered) == 3 * (i + 1));
		buf_unref(packed);
		/* small on the wire, too large when inflated */
		char *big = arena_zalloc(&r.arena, 70000);
		slice zeros = { big, 70000 };
		assert_int_equal(codec_deflate(codec, codings[i / 2].coding, 0, &zeros, 1, NULL, &packed), 0);
		struct answer a = core_rig_post(&r, "/v1/traces", headers, buf_slice(packed));
		assert_int_equal(a.status, 413);
		expect_status(&r, &a, 8);
		buf_unref(packed);
	}
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_TOO_LARGE), 2 * COUNTOF(codings));
	core_rig_stop(&r);
	codec_free(codec);
}

static void only_the_listed_codings(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r, DOOR(", compression_algorithms: ['', gzip]") TO_NOP);
	assert_int_equal(core_rig_post(&r, "/v1/traces", JSON, SLICE("{}")).status, 200);
	assert_int_equal(core_rig_post(&r, "/v1/traces", JSON "Content-Encoding: gzip\r\n", SLICE("{}")).status, 400);
	assert_int_equal(core_rig_post(&r, "/v1/traces", JSON "Content-Encoding: zstd\r\n", SLICE("{}")).status, 415);
	core_rig_stop(&r);
}

/* Faults of the protocol, where a client library would hide them. */
static void limits_of_the_door(void **state UNUSED)
{
	static const struct {
		const char *request; /* %s: 70,000 letters */
		int status, code;
	} cases[] = {
		{ "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: 99999\r\n\r\n", 413,
		        8 }, /* before it is read */
		{ "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nffff\r\n",
		        413, 8 },
		{ "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTO
		  "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
		        400, 3 },
		{ "POST /v1/traces HTTP/1.1\r\n" PROTO "\r\n", 400, 3 }, /* no Host */
		{ "POST /v1/traces HTTP/1.1\nHost: x\n\n", 400, 3 },
	};
	struct core_rig r;
	core_rig_start(&r, DOOR(", max_request_body_size: 1KiB") TO_NOP);
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		int fd = core_rig_connect(&r, core_rig_address(&r, 0));
		core_rig_write(&r, fd, slice_of(cases[i].request));
		struct answer a = core_rig_read(&r, fd);
		if (a.status != cases[i].status)
			fail_msg("case %zu: %d", i, a.status);
		expect_status(&r, &a, cases[i].code);
		close(fd);
	}
	char *name = arena_zalloc(&r.arena, 70001);
	memset(name, 'a', 70000);
	struct answer a =
	        core_rig_post(&r, "/v1/traces", arena_printf(&r.arena, PROTO "x-big: %s\r\n", name), SLICE(""));
	assert_int_equal(a.status, 431);
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_TOO_LARGE), 2);
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_PROTOCOL), 4);
	core_rig_stop(&r);
}

static void slow_requests_get_408(void **state UNUSED)
{
	static const char *const begun[] = { "POST /v1/traces HTTP/1.1\r\nHost:",
		"POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: 2\r\n\r\n{" };
	struct core_rig r;
	core_rig_start(&r, DOOR(", read_header_timeout: 100ms, read_timeout: 100ms") TO_NOP);
	for (size_t i = 0; i < COUNTOF(begun); i++) {
		int fd = core_rig_connect(&r, core_rig_address(&r, 0));
		core_rig_write(&r, fd, slice_of(begun[i]));
		struct answer a = core_rig_read(&r, fd);
		assert_int_equal(a.status, 408);
		expect_status(&r, &a, 4);
		assert_true(core_rig_is_closed(&r, fd));
		close(fd);
	}
	core_rig_stop(&r);
}

static void full_pool_and_draining_get_503(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r,
	        DOOR("") "processors: {memory_limiter: {check_interval: 1s, limit_mib: 1}}\nexporters: {nop: }\n"
	                 "service: {pipelines: {traces: {receivers: [otlp], processors: [memory_limiter], exporters: "
	                 "[nop]}}}\n");
	size_t n = 2 << 20;
	slice big = { arena_zalloc(&r.arena, n), n };
	struct answer a = core_rig_post(&r, "/v1/traces", PROTO, big);
	assert_int_equal(a.status, 503);
	expect_status(&r, &a, 14);
	assert_in_range(strtoul(answer_header(&r, &a, "Retry-After"), NULL, 10), 1, 60);
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_REFUSED), 1);
	core_rig_take(&r, 1, 200);
	/* a head that is half in when the drain begins */
	int fd = core_rig_connect(&r, core_rig_address(&r, 0));
	core_rig_write(&r, fd, SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST /v1/traces HTTP/1.1\r\nHost"));
	assert_int_equal(core_rig_read(&r, fd).status, 404);
	core_rig_drain(&r, 20 * NS_PER_S);
	core_rig_write(&r, fd, SLICE(": x\r\n" JSON "Content-Length: 2\r\n\r\n{}"));
	a = core_rig_read(&r, fd);
	assert_int_equal(a.status, 503);
	expect_status(&r, &a, 14);
	assert_string_equal(answer_header(&r, &a, "Connection"), "close");
	assert_in_range(strtoul(answer_header(&r, &a, "Retry-After"), NULL, 10), 1, 60);
	close(fd);
	core_rig_stop(&r);
}

static void cors(void **state UNUSED)
{
	static const struct {
		const char *method, *headers;
		int status;
		const char *name, *value;
	} cases[] = {
		{ "OPTIONS", "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n", 204,
		        "Access-Control-Allow-Origin", "https://app.example" },
		{ "OPTIONS",
		        "Origin: https://app.example\r\nAccess-Control-Request-Method: "
		        "POST\r\nAccess-Control-Request-Headers: X-Key\r\n",
		        204, "Access-Control-Allow-Headers", "X-Key" },
		{ "OPTIONS", "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n", 204,
		        "Access-Control-Max-Age", "600" },
		{ "OPTIONS", "Origin: https://evil.test\r\nAccess-Control-Request-Method: POST\r\n", 204,
		        "Access-Control-Allow-Origin", "" },
		{ "OPTIONS", "Origin: https://app.example\r\n", 405, "Allow", "POST" },
		{ "POST", "Origin: https://app.example\r\n", 200, "Access-Control-Allow-Origin",
		        "https://app.example" },
		{ "POST", "Origin: https://evil.test\r\n", 200, "Access-Control-Allow-Origin", "" },
		{ "POST", "", 200, "Access-Control-Allow-Origin", "" },
		{ "POST", "Origin: https://app.example\r\n", 200, "X-Served-By",
		        "weir" }, /* response_headers, on every answer */
		{ "GET", "", 405, "X-Served-By", "weir" },
	};
	struct core_rig r;
	core_rig_start(&r,
	        DOOR(", response_headers: {X-Served-By: weir}, cors: {allowed_origins: ['https://*.example'], "
	             "allowed_headers: [X-Key], max_age: 600}") TO_NOP);
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		bool post = !strcmp(cases[i].method, "POST");
		const char *headers = arena_printf(&r.arena, "%s%s", cases[i].headers, post ? JSON : "");
		struct answer a = core_rig_ask(&r, core_rig_address(&r, 0), cases[i].method, "/v1/traces", headers,
		        post ? SLICE("{}") : (slice){ 0 });
		if (a.status != cases[i].status || strcmp(answer_header(&r, &a, cases[i].name), cases[i].value) != 0)
			fail_msg("case %zu: %d, %s: %s", i, a.status, cases[i].name,
			        answer_header(&r, &a, cases[i].name));
	}
	core_rig_stop(&r);
}

/* What the attributes processor reads of the request, seen in the file exporter's output. */
static void metadata_reaches_the_processors(void **state UNUSED)
{
	static const struct {
		bool include;
		const char *found, *missing;
	} cases[] = { { true, "\"tenant\",\"value\":{\"stringValue\":\"acme\"}", "no-tenant" },
		{ false, "\"tenant\",\"value\":{\"stringValue\":\"no-tenant\"}", "acme" } };
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		char path[] = "/tmp/weir-test-XXXXXX", text[8192] = "";
		struct core_rig r;
		int fd = mkstemp(path);
		assert_true(fd >= 0);
		core_rig_start(&r,
		        "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0', include_metadata: %s}}}}\n"
		        "processors: {attributes: {actions: [{key: tenant, from_context: metadata.x-tenant, "
		        "default_value: no-tenant, action: upsert}, "
		        "{key: peer, from_context: client.address, action: insert}]}}\nexporters: {file: {path: %s}}\n"
		        "service: {pipelines: {traces: {receivers: [otlp], processors: [attributes], exporters: "
		        "[file]}}}\n",
		        cases[i].include ? "true" : "false", path);
		assert_int_equal(
		        core_rig_post(&r, "/v1/traces", PROTO "X-Tenant: acme\r\n", core_rig_spans(&r, 1)).status, 200);
		core_rig_stop(&r);
		ssize_t n = pread(fd, text, sizeof text - 1, 0);
		assert_true(n > 0);
		assert_non_null(strstr(text, cases[i].found));
		assert_null(strstr(text, cases[i].missing));
		assert_non_null(strstr(text, "\"peer\",\"value\":{\"stringValue\":\"127.0.0.1\"}"));
		close(fd);
		unlink(path);
	}
}

/* Invalid UTF-8 is replaced and counted, in both encodings. */
static void bad_utf8_is_replaced(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r, DOOR("") TO_NOP);
	slice json = core_rig_spans_json(&r, 1), proto = core_rig_spans(&r, 1);
	char *p = arena_alloc(&r.arena, proto.len), *j = arena_alloc(&r.arena, json.len);
	memcpy(p, proto.p, proto.len);
	memcpy(j, json.p, json.len);
	*(char *)memmem(p, proto.len, "span", 4) = '\xff';
	*(char *)memmem(j, json.len, "span 1", 6) = '\xff';
	assert_int_equal(core_rig_post(&r, "/v1/traces", PROTO, (slice){ p, proto.len }).status, 200);
	assert_int_equal(core_rig_post(&r, "/v1/traces", JSON, (slice){ j, json.len }).status, 200);
	const struct receiver_stats *s = map_get(&r.core->receiver_stats, SLICE("otlp"));
	uint64_t n = 0;
	for (unsigned w = 0; w < s->n_cells; w++)
		n += count_get(&s->cells[w].n_utf8);
	assert_int_equal(n, 2);
	UNTIL(&r, core_rig_get(&r, "nop", delivered) == 2);
	core_rig_stop(&r);
}

static void keep_alive_and_pipelining(void **state UNUSED)
{
	static const char one[] = "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: 2\r\n\r\n{}";
	struct core_rig r;
	core_rig_start(&r, DOOR("") TO_NOP);
	int fd = core_rig_connect(&r, core_rig_address(&r, 0));
	for (unsigned i = 0; i < 3; i++)
		core_rig_write(&r, fd, slice_of(arena_printf(&r.arena, "%s%s", one, one)));
	for (unsigned i = 0; i < 6; i++) {
		struct answer a = core_rig_read(&r, fd);
		assert_int_equal(a.status, 200);
		assert_memory_equal(a.body.p, "{}", 2);
	}
	core_rig_reload(&r, DOOR(", keep_alives_enabled: false") TO_NOP); /* the same connection, new options */
	core_rig_write(&r, fd, SLICE("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: 2\r\n\r\n{}"));
	struct answer a = core_rig_read(&r, fd);
	assert_int_equal(a.status, 200);
	assert_string_equal(answer_header(&r, &a, "Connection"), "close");
	assert_true(core_rig_is_closed(&r, fd));
	close(fd);
	core_rig_stop(&r);
}

/* The head was right when it came, the path is gone when the body does. */
static void path_is_reloaded_away(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r, DOOR("") TO_NOP);
	int fd = core_rig_connect(&r, core_rig_address(&r, 0));
	core_rig_write(&r, fd,
	        SLICE("POST /v1/traces HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" JSON
	              "Content-Length: 2\r\n\r\n"));
	assert_int_equal(core_rig_read(&r, fd).status, 100);
	core_rig_reload(&r, DOOR(", traces_url_path: /elsewhere, extra_traces_url_paths: []") TO_NOP);
	core_rig_write(&r, fd, SLICE("{}"));
	assert_int_equal(core_rig_read(&r, fd).status, 404);
	close(fd);
	core_rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_table),
		cmocka_unit_test(relayed_too_often),
		cmocka_unit_test(bad_spans_are_refused_alone),
		cmocka_unit_test(codings_in),
		cmocka_unit_test(only_the_listed_codings),
		cmocka_unit_test(limits_of_the_door),
		cmocka_unit_test(slow_requests_get_408),
		cmocka_unit_test(full_pool_and_draining_get_503),
		cmocka_unit_test(cors),
		cmocka_unit_test(metadata_reaches_the_processors),
		cmocka_unit_test(bad_utf8_is_replaced),
		cmocka_unit_test(keep_alive_and_pipelining),
		cmocka_unit_test(path_is_reloaded_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
