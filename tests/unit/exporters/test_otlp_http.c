/* test_otlp_http.c - what each answer of a backend means, and what is sent: one table of verdicts, then encodings, headers,
 * URLs, joining and splitting. Through a whole core, so that the counters are those of the equation. */
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <unistd.h>

#include "lib/net/http_date.h"
#include "lib/pipe/call.h"
#include "lib/pipe/exporter_internal.h"

#define RECEIVER "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"
#define TRACES_TO(list) "service: {pipelines: {traces: {receivers: [otlp], exporters: [" list "]}}}\n"
#define FAST "retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}"
#define RELAY RECEIVER "exporters: {otlp_http: {endpoint: '%s', " FAST "%s}}\n" TRACES_TO("otlp_http")
#define HEAD(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"
/* The end of the connection ends these. */
#define PROTO(status, body) "HTTP/1.1 " status "\r\nContent-Type: application/x-protobuf\r\n\r\n" body
#define JSON(status, body) "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n\r\n" body

enum fate {
	DELIVERED_AT_ONCE,
	RETRIED,
	REJECTED_AT_ONCE,
	KEPT,
	BURIED, /* cut, and dead-lettered when nothing speaks for the exporter */
};

/* Each request has 5 spans. */
static const struct {
	const char *name;
	struct peer_answer answer;
	enum fate fate;
	unsigned n_rejected;
	const char *options, *logged;
} cases[] = {
	{ "200 empty", { HEAD("200 OK"), 0, NULL, PEER_KEEP }, DELIVERED_AT_ONCE, 0, "", NULL },
	{ "200 no length", { "HTTP/1.1 200 OK\r\n\r\n", 0, NULL, PEER_CLOSE }, DELIVERED_AT_ONCE, 0, "", NULL },
	{ "200 {}", { JSON("200 OK", "{}"), 0, NULL, PEER_CLOSE }, DELIVERED_AT_ONCE, 0, "", NULL },
	{ "200 partial proto",
	        { PROTO("200 OK",
	                  "\n\x07\x08\x02\x12\x03"
	                  "bad"),
	                0, NULL, PEER_CLOSE },
	        DELIVERED_AT_ONCE, 2, "", "bad" },
	{ "200 partial JSON",
	        { JSON("200 OK", "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"no\"}}"), 0, NULL,
	                PEER_CLOSE },
	        DELIVERED_AT_ONCE, 3, "", "Partial success" },
	{ "200 partial, more than sent",
	        { JSON("200 OK", "{\"partialSuccess\":{\"rejectedSpans\":99}}"), 0, NULL, PEER_CLOSE },
	        DELIVERED_AT_ONCE, 5, "", "dropped_spans=5" },
	{ "200 partial, negative",
	        { JSON("200 OK", "{\"partialSuccess\":{\"rejectedSpans\":-9}}"), 0, NULL, PEER_CLOSE },
	        DELIVERED_AT_ONCE, 0, "", NULL },
	{ "200 warning", { JSON("200 OK", "{\"partialSuccess\":{\"errorMessage\":\"hm.\"}}"), 0, NULL, PEER_CLOSE },
	        DELIVERED_AT_ONCE, 0, "", "hm." },
	{ "200 unparsable",
	        { PROTO("200 OK",
	                  "\n\x7f"
	                  "x"),
	                0, NULL, PEER_CLOSE },
	        DELIVERED_AT_ONCE, 0, "", "does not parse" },
	{ "200 text",
	        { "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok", 0, NULL, PEER_KEEP },
	        DELIVERED_AT_ONCE, 0, "", NULL },
	{ "202", { HEAD("202 Accepted"), 0, NULL, PEER_KEEP }, DELIVERED_AT_ONCE, 0, "", NULL },
	{ "204", { "HTTP/1.1 204 No Content\r\n\r\n", 0, NULL, PEER_KEEP }, DELIVERED_AT_ONCE, 0, "", NULL },
	{ "200 oversize", { "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n", 5, "0123456789", PEER_CLOSE },
	        DELIVERED_AT_ONCE, 0, "", NULL },
	{ "301", { "HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP },
	        REJECTED_AT_ONCE, 5, "", "Code 301" },
	{ "308", { "HTTP/1.1 308 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP },
	        REJECTED_AT_ONCE, 5, "", NULL },
	{ "400 with a Status",
	        { PROTO("400 Bad",
	                  "\x08\x03\x12\x04"
	                  "oops"),
	                0, NULL, PEER_CLOSE },
	        BURIED, 0, "", "error=oops" },
	{ "400 with text", { "HTTP/1.1 400 Bad\r\n\r\nno such field", 0, NULL, PEER_CLOSE }, BURIED, 0, "",
	        "error=\"no such field\"" },
	{ "422", { HEAD("422 Hm"), 0, NULL, PEER_KEEP }, BURIED, 0, "", "status=422" },
	{ "401", { HEAD("401 No"), 0, NULL, PEER_KEEP }, KEPT, 0, "", "Exporter is held" },
	{ "403", { HEAD("403 No"), 0, NULL, PEER_KEEP }, KEPT, 0, "", "Exporter is held" },
	{ "403 quota", { JSON("403 No", "{\"partialSuccess\":{\"rejectedSpans\":5}}"), 0, NULL, PEER_CLOSE },
	        REJECTED_AT_ONCE, 5, "", NULL },
	{ "404", { HEAD("404 Not Found"), 0, NULL, PEER_KEEP }, REJECTED_AT_ONCE, 5, "", NULL },
	{ "408", { HEAD("408 Timeout"), 0, NULL, PEER_CLOSE }, REJECTED_AT_ONCE, 5, "", NULL },
	{ "407", { HEAD("407 Proxy"), 0, NULL, PEER_KEEP }, KEPT, 0, "", "Exporter is held" },
	{ "413 for very little", { HEAD("413 Too Large"), 0, NULL, PEER_KEEP }, BURIED, 0, "", "status=413" },
	{ "429", { HEAD("429 Slow Down"), 0, NULL, PEER_KEEP }, RETRIED, 0, "", NULL },
	{ "408, listed", { HEAD("408 Timeout"), 0, NULL, PEER_CLOSE }, RETRIED, 0, ", retry_on_status: [408, 529]",
	        NULL },
	{ "500", { HEAD("500 Oops"), 0, NULL, PEER_KEEP }, REJECTED_AT_ONCE, 5, "", NULL },
	{ "502", { HEAD("502 Bad Gateway"), 0, NULL, PEER_KEEP }, RETRIED, 0, "", "Will retry" },
	{ "503", { JSON("503 Busy", "{\"code\":14,\"message\":\"busy\"}"), 0, NULL, PEER_CLOSE }, RETRIED, 0, "",
	        "Message=busy" },
	{ "503 oversize", { "HTTP/1.1 503 Busy\r\nContent-Length: 5242880\r\n\r\n", 5, "0123456789", PEER_CLOSE },
	        RETRIED, 0, "", NULL },
	{ "504", { HEAD("504 Timeout"), 0, NULL, PEER_KEEP }, RETRIED, 0, "", NULL },
	{ "closed without an answer", { NULL, 0, NULL, PEER_CLOSE }, RETRIED, 0, "", NULL },
	{ "reset", { NULL, 0, NULL, PEER_RESET }, RETRIED, 0, "", NULL },
	{ "reset in the answer", { "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbegin", 0, NULL, PEER_RESET }, RETRIED,
	        0, "", NULL },
	{ "not HTTP", { "SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, NULL, PEER_CLOSE }, RETRIED, 0, "", NULL },
	{ "timeout", { .then = PEER_HANG }, RETRIED, 0, ", timeout: 50ms", NULL },
};

static void pump(void *exporter)
{
	exporter_pump(exporter);
}

/* Seconds pass for the exporter. */
static bool advance(struct core_rig *r, struct exporter *x)
{
	core_rig_advance(r, 7 * NS_PER_S);
	call_on(&x->loop, pump, x);
	return false;
}

static void run_case(size_t i)
{
	struct peer_answer script[] = { cases[i].answer, cases[i].answer, backend_ok };
	bool retried = cases[i].fate == RETRIED;
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, retried ? script : &cases[i].answer, retried ? 3 : 1, base);
	core_rig_start(&r, RELAY, base, cases[i].options);
	struct exporter *x = core_rig_exporter(&r, "otlp_http");
	core_rig_take(&r, 5, 200);
	if (cases[i].fate == KEPT) {
		UNTIL(&r, exporter_state(x) == EXPORTER_HELD);
		assert_int_equal(core_rig_get(&r, "otlp_http", queued), 5);
		backend_set(&b, NULL, 0);
		core_rig_reload(&r, RELAY, base,
		        ", headers: {authorization: Bearer better}"); /* the way out: corrected options */
	}
	bool buried = cases[i].fate == BURIED;
	UNTIL(&r, core_rig_get(&r, "otlp_http", queued) == 0 || (buried && advance(&r, x)));
	assert_int_equal(core_rig_get(&r, "otlp_http", rejected), cases[i].n_rejected);
	assert_int_equal(core_rig_get(&r, "otlp_http", dead_lettered), buried ? 5 : 0);
	assert_int_equal(core_rig_get(&r, "otlp_http", delivered), buried ? 0 : 5 - cases[i].n_rejected);
	assert_int_equal(core_rig_get(&r, "otlp_http", send_failed), buried ? 5 : cases[i].n_rejected);
	unsigned n = retried ? 3 : cases[i].fate == KEPT ? 2 : 1;
	assert_int_equal(backend_count(&b), buried ? 9 : n); /* 5 = 3 + 2, 3 = 2 + 1, ..: each part once */
	assert_int_equal(count_get(&exporter_stats(x)->n_retries), n - 1);
	for (unsigned k = 0; k < n; k++)
		assert_int_equal(backend_spans(backend_get(&b, k)), 5);
	for (unsigned k = 1; retried && k < n; k++) { /* byte-identical, headers too */
		assert_string_equal(backend_get(&b, k)->head, backend_get(&b, 0)->head);
		assert_int_equal(backend_get(&b, k)->len, backend_get(&b, 0)->len);
		assert_memory_equal(backend_get(&b, k)->body, backend_get(&b, 0)->body, backend_get(&b, 0)->len);
	}
	if (cases[i].logged && !core_rig_has_logged(&r, cases[i].logged))
		fail_msg("nothing logged with \"%s\"", cases[i].logged);
	assert_int_equal(core_rig_has_logged(&r, "does not parse"),
	        cases[i].logged && !strcmp(cases[i].logged, "does not parse"));
	core_rig_stop(&r);
	backend_stop(&b);
}

static void verdicts(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		print_message("  %s\n", cases[i].name);
		run_case(i);
	}
}

/* Retry-After pauses the whole exporter, not only the delivery that was told so. */
static void retry_after_pauses_the_exporter(void **state UNUSED)
{
	char date[HTTP_DATE_LEN + 1], later[HTTP_DATE_LEN + 1], text[3][256];
	int64_t now_s = clock_wall(clock_system()) / NS_PER_S;
	http_date_format(now_s, date);
	http_date_format(now_s + 30, later);
	snprintf(text[0], 256, "HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n");
	snprintf(text[1], 256, "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", later);
	/* the backend's clock is a day behind: its own Date counts */
	http_date_format(now_s - 86400, date);
	http_date_format(now_s - 86400 + 30, later);
	snprintf(text[2], 256, "HTTP/1.1 503 Busy\r\nDate: %s\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date,
	        later);
	for (size_t i = 0; i < 3; i++) {
		struct peer_answer script[] = { { text[i], 0, NULL, PEER_KEEP }, backend_ok };
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, script, 2, base);
		core_rig_start(&r, RELAY, base, "");
		struct exporter *x = core_rig_exporter(&r, "otlp_http");
		core_rig_take(&r, 1, 200);
		UNTIL(&r, exporter_state(x) == EXPORTER_RETRYING);
		core_rig_advance(&r, 25 * NS_PER_S);
		core_rig_take(&r, 1, 200);
		core_rig_take(&r, 1, 200);
		core_rig_turn(&r, clock_mono(clock_system()), "", __FILE__, __LINE__);
		assert_int_equal(backend_count(&b), 1);
		core_rig_advance(&r, 9 * NS_PER_S); /* at most a tenth is added */
		core_rig_take(&r, 1, 200);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 4);
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

/* What is no clear answer to "when again?" leaves the ordinary backoff. */
static void unclear_retry_after_is_none(void **state UNUSED)
{
	static const char *const v[] = { "Retry-After: 30\r\nRetry-After: 30", "Retry-After: soon", "Retry-After: -30",
		"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: 0" };
	for (size_t i = 0; i < COUNTOF(v); i++) {
		char text[256];
		snprintf(text, sizeof text, "HTTP/1.1 429 Slow\r\n%s\r\nContent-Length: 0\r\n\r\n", v[i]);
		struct peer_answer script[] = { { text, 0, NULL, PEER_KEEP }, backend_ok };
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, script, 2, base);
		core_rig_start(&r, RELAY, base, "");
		core_rig_take(&r, 1, 200);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 1);
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

/* The message of a partialSuccess is larger than what is read of an answer: the count in front of it is used. */
static void cut_answer_still_counts(void **state UNUSED)
{
	/* partial_success of 10 MiB + 2: rejected 2, a message of 10 MiB - 5 */
	static const struct peer_answer large = {
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 10485767\r\n\r\n"
		"\x0a\x82\x80\x80\x05\x08\x02\x12\xfb\xff\xff\x04",
		1048576, "0123456789", PEER_CLOSE
	};
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &large, 1, base);
	core_rig_start(&r, RELAY, base, "");
	core_rig_take(&r, 5, 200);
	UNTIL(&r, core_rig_get(&r, "otlp_http", queued) == 0);
	assert_int_equal(core_rig_get(&r, "otlp_http", rejected), 2);
	assert_int_equal(core_rig_get(&r, "otlp_http", delivered), 3);
	assert_int_equal(backend_count(&b), 1);
	core_rig_stop(&r);
	backend_stop(&b);
}

static void refused_connection_then_back(void **state UNUSED)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char request[1024];
	struct core_rig r;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0); /* bound, not listening */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	core_rig_start(&r,
	        RECEIVER "exporters: {otlp_http: {endpoint: 'http://127.0.0.1:%u', " FAST "}}\n" TRACES_TO("otlp_http"),
	        ntohs(a.sin_port));
	core_rig_take(&r, 3, 200);
	UNTIL(&r, count_get(&exporter_stats(core_rig_exporter(&r, "otlp_http"))->n_retries) >= 3);
	assert_true(core_rig_has_logged(&r, "efused"));
	assert_int_equal(listen(fd, 8), 0);
	UNTIL(&r,
	        recv(fd, request, 0, MSG_DONTWAIT) < 0 &&
	                count_get(&exporter_stats(core_rig_exporter(&r, "otlp_http"))->in_flight) == 1);
	int peer = accept(fd, NULL, NULL);
	for (size_t got = 0; got < 100;) {
		ssize_t k = recv(peer, request, sizeof request, 0);
		assert_true(k > 0);
		got += (size_t)k;
	}
	assert_int_equal(send(peer, backend_ok.text, strlen(backend_ok.text), 0), strlen(backend_ok.text));
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 3);
	core_rig_stop(&r);
	close(peer);
	close(fd);
}

static void encodings_compressions_headers(void **state UNUSED)
{
	static const struct {
		const char *options, *name, *value;
	} v[] = {
		{ "", "Content-Encoding", "gzip" },
		{ "", "Content-Type", "application/x-protobuf" },
		{ "", "User-Agent", "weir/test" },
		{ "", "Expect", "" },
		{ ", compression: none", "Content-Encoding", "" },
		{ ", compression: zstd", "Content-Encoding", "zstd" },
		{ ", compression: deflate", "Content-Encoding", "deflate" },
		{ ", compression: gzip, compression_params: {level: 9}", "Content-Encoding", "gzip" },
		{ ", encoding: json", "Content-Type", "application/json" },
		{ ", encoding: json, compression: none", "Content-Encoding", "" },
		{ ", encoding: json, compression: zstd", "Content-Encoding", "zstd" },
		{ ", headers: {X-API-Key: secret}", "x-api-key", "secret" },
		{ ", headers: {user-agent: mine}", "User-Agent", "mine" },
		{ ", headers: {Host: other.example}", "Host", "other.example" },
	};
	for (size_t i = 0; i < COUNTOF(v); i++) {
		struct backend b;
		struct core_rig r;
		char base[32], text[256];
		backend_start(&b, NULL, 0, base);
		core_rig_start(&r, RELAY, base, v[i].options);
		core_rig_take(&r, 7, 200);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 7);
		const struct backend_request *q = backend_get(&b, 0);
		assert_true(!strncmp(q->head, "POST /v1/traces HTTP/1.1\r\n", 26));
		if (strcmp(backend_header(q, v[i].name, text), v[i].value) != 0)
			fail_msg("%s: %s is %s", v[i].options, v[i].name, text);
		assert_int_equal(backend_spans(q), 7);
		const char *again = strcasestr(q->head, v[i].name);
		assert_true(!again || !strcasestr(again + 1, arena_printf(&r.arena, "\r\n%s:", v[i].name)));
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

static void urls(void **state UNUSED)
{
	static const struct {
		const char *option, *suffix, *path, *line;
	} v[] = {
		{ "endpoint", "", "/v1/traces", "POST /v1/traces HTTP" },
		{ "endpoint", "/", "/v1/traces", "POST /v1/traces HTTP" },
		{ "endpoint", "/base", "/v1/traces", "POST /base/v1/traces HTTP" },
		{ "endpoint", "/base/", "/v1/traces", "POST /base/v1/traces HTTP" },
		{ "traces_endpoint", "/exactly/this?q=1", "/v1/traces", "POST /exactly/this?q=1 HTTP" },
		{ "traces_endpoint", "/", "/v1/traces", "POST / HTTP" },
		{ "endpoint", "", "/v1/logs", "POST /v1/logs HTTP" },
		{ "logs_endpoint", "/my/logs", "/v1/logs", "POST /my/logs HTTP" },
		{ "endpoint", "/base", "/v1/metrics", "POST /base/v1/metrics HTTP" },
		{ "metrics_endpoint", "/my/metrics", "/v1/metrics", "POST /my/metrics HTTP" },
		{ "logs_endpoint", "/my/logs", "/v1/traces", NULL }, /* no URL for the signal */
	};
	static const char *const bodies[] = {
		"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\","
		"\"spanId\":\"0102030405060708\"}]}]}]}",
		"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}",
		"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"m\",\"gauge\":{\"dataPoints\":[{"
		"\"asInt\":1}]}}]}]}]}",
	};
	for (size_t i = 0; i < COUNTOF(v); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		unsigned k = strstr(v[i].path, "traces") ? 0 : strstr(v[i].path, "logs") ? 1 : 2;
		enum signal signal = k == 0 ? TRACES : k == 1 ? LOGS : METRICS;
		backend_start(&b, NULL, 0, base);
		core_rig_start(&r,
		        RECEIVER "exporters: {otlp_http: {%s: '%s%s'}}\nservice: {pipelines: {traces: {receivers: "
		                 "[otlp], exporters: "
		                 "[otlp_http]}, logs: {receivers: [otlp], exporters: [otlp_http]}, metrics: "
		                 "{receivers: [otlp], exporters: [otlp_http]}}}\n",
		        v[i].option, base, v[i].suffix);
		assert_int_equal(core_rig_post(&r, v[i].path, CORE_RIG_JSON, slice_of(bodies[k])).status, 200);
		struct exporter_counts *c = core_rig_counts(&r, "otlp_http", signal);
		if (v[i].line) {
			UNTIL(&r, count_get(&c->delivered) == 1);
			assert_true(!strncmp(backend_get(&b, 0)->head, v[i].line, strlen(v[i].line)));
		} else {
			UNTIL(&r, count_get(&c->rejected) == 1);
			assert_int_equal(backend_count(&b), 0);
		}
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

static void credentials_of_the_url_are_not_logged(void **state UNUSED)
{
	struct peer_answer no = { HEAD("404 Not Found"), 0, NULL, PEER_KEEP };
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &no, 1, base);
	core_rig_start(&r,
	        RECEIVER "exporters: {otlp_http: {endpoint: 'http://user:s3cret@%s/a@b'}}\n" TRACES_TO("otlp_http"),
	        base + strlen("http://"));
	core_rig_take(&r, 1, 200);
	UNTIL(&r, core_rig_get(&r, "otlp_http", rejected) == 1);
	assert_non_null(strstr(backend_get(&b, 0)->head, "Authorization: Basic"));
	assert_true(core_rig_has_logged(&r, "request to http://127.0.0.1:"));
	assert_true(core_rig_has_logged(&r, "/a@b/v1/traces responded"));
	assert_false(core_rig_has_logged(&r, "s3cret"));
	core_rig_stop(&r);
	backend_stop(&b);
}

static void joining_and_splitting(void **state UNUSED)
{
	static const struct {
		const char *batch;
		unsigned requests[6], sent[8]; /* spans; 0 ends */
		unsigned n_before; /* sent before the drain: the rest waits for company */
	} v[] = {
		{ "flush_timeout: 1h, min_size: 6", { 1, 2, 3 }, { 6 }, 1 },
		{ "flush_timeout: 1h, min_size: 6", { 1, 9 }, { 10 }, 1 },
		{ "flush_timeout: 1h, min_size: 6", { 1, 2 }, { 3 }, 0 },
		{ "flush_timeout: 1h, min_size: 4, max_size: 4", { 2, 2, 3, 1 }, { 4, 4 }, 2 },
		{ "flush_timeout: 1h, min_size: 4, max_size: 4", { 9, 3 }, { 4, 4, 4 }, 3 },
		{ "flush_timeout: 1h, min_size: 3, max_size: 4", { 2, 10 }, { 2, 4, 4, 2 }, 3 },
		{ "flush_timeout: 10ms, min_size: 1000", { 5 }, { 5 }, 1 },
	};
	static const char *const encodings[] = { "proto, compression: none", "proto, compression: gzip",
		"json, compression: none" };
	for (size_t k = 0; k < COUNTOF(v) * COUNTOF(encodings); k++) {
		size_t i = k / COUNTOF(encodings);
		struct backend b;
		struct core_rig r;
		char base[32];
		unsigned total = 0, n = 0;
		backend_start(&b, NULL, 0, base);
		core_rig_start(&r,
		        RECEIVER
		        "exporters: {otlp_http: {endpoint: '%s', encoding: %s, sending_queue: {num_consumers: 1, "
		        "batch: {%s}}}}\n" TRACES_TO("otlp_http"),
		        base, encodings[k % COUNTOF(encodings)], v[i].batch);
		for (unsigned q = 0; v[i].requests[q]; q++) {
			core_rig_take(&r, v[i].requests[q], 200);
			total += v[i].requests[q];
		}
		for (unsigned q = 0; q < v[i].n_before; q++)
			n += v[i].sent[q];
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == n);
		assert_int_equal(backend_count(&b), v[i].n_before);
		core_rig_stop(&r);
		for (unsigned q = 0; v[i].sent[q]; q++)
			assert_int_equal(backend_spans(backend_get(&b, q)), v[i].sent[q]);
		assert_int_equal(backend_all_spans(&b), total);
		backend_stop(&b);
	}
}

#define HOPS "X-Otlp-Relay-Hops"

static void take_hops(struct core_rig *r, unsigned hops, unsigned n_spans)
{
	const char *headers = arena_printf(&r->arena, CORE_RIG_PROTO HOPS ": %u\r\n", hops);
	assert_int_equal(core_rig_post(r, "/v1/traces", headers, core_rig_spans(r, n_spans)).status, 200);
}

/* Each relay counts one more, a retry does not; joined requests have the largest; a header of the config replaces it. */
static void hops_are_counted(void **state UNUSED)
{
	static const struct {
		const char *options;
		unsigned hops[2]; /* of two requests; of one when they are equal */
		const char *sent;
	} v[] = {
		{ "", { 0, 0 }, "1" },
		{ "", { 1, 1 }, "2" },
		{ "", { 8, 8 }, "9" },
		{ ", encoding: json", { 3, 3 }, "4" },
		{ ", sending_queue: {batch: {flush_timeout: 1h, min_size: 2}}", { 2, 5 }, "6" },
		{ ", sending_queue: {batch: {flush_timeout: 1h, min_size: 2}}", { 7, 0 }, "8" },
		{ ", headers: {x-otlp-relay-hops: '0'}", { 5, 5 }, "0" },
	};
	static const struct peer_answer script[] = { { HEAD("503 Busy"), 0, NULL, PEER_KEEP },
		{ HEAD("200 OK"), 0, NULL, PEER_KEEP } };
	for (size_t i = 0; i < COUNTOF(v); i++) {
		unsigned n = v[i].hops[0] != v[i].hops[1] ? 2 : 1;
		struct backend b;
		struct core_rig r;
		char base[32], text[256];
		backend_start(&b, script, 2, base);
		core_rig_start(&r, RELAY, base, v[i].options);
		take_hops(&r, v[i].hops[0], 1);
		if (n == 2)
			take_hops(&r, v[i].hops[1], 1);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == n);
		assert_int_equal(backend_count(&b), 2);
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(backend_spans(backend_get(&b, k)), n);
			assert_string_equal(backend_header(backend_get(&b, k), HOPS, text), v[i].sent);
		}
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

/* A 400 for what came too long a way: no span is looked for in it, the exporter is not doubted, and what was joined with it passes. */
static void too_many_hops_are_not_poison(void **state UNUSED)
{
	static const struct peer_answer script[] = { { HEAD("400 Bad"), 0, NULL, PEER_KEEP },
		{ HEAD("200 OK"), 0, NULL, PEER_KEEP }, { HEAD("400 Bad"), 0, NULL, PEER_KEEP } };
	char base[32], text[256];
	struct backend b;
	struct core_rig r;
	backend_start(&b, script, 1, base);
	core_rig_start(&r, RELAY, base, "");
	for (unsigned i = 1; i <= 5; i++) {
		take_hops(&r, HOPS_MAX, 10);
		UNTIL(&r, core_rig_get(&r, "otlp_http", rejected) == 10 * i);
	}
	assert_int_equal(backend_count(&b), 5);
	assert_int_equal(exporter_state(core_rig_exporter(&r, "otlp_http")), EXPORTER_OK);
	core_rig_stop(&r);
	backend_stop(&b);

	backend_start(&b, script, 3, base);
	core_rig_start(&r, RELAY, base, ", sending_queue: {batch: {flush_timeout: 1h, min_size: 20}}");
	take_hops(&r, 0, 10);
	take_hops(&r, HOPS_MAX, 10);
	UNTIL(&r, core_rig_get(&r, "otlp_http", queued) == 0);
	assert_int_equal(core_rig_get(&r, "otlp_http", delivered), 10);
	assert_int_equal(core_rig_get(&r, "otlp_http", rejected), 10);
	assert_int_equal(backend_count(&b), 3);
	assert_string_equal(backend_header(backend_get(&b, 1), HOPS, text), "1");
	assert_string_equal(backend_header(backend_get(&b, 2), HOPS, text), "9");
	core_rig_stop(&r);
	backend_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(retry_after_pauses_the_exporter),
		cmocka_unit_test(unclear_retry_after_is_none),
		cmocka_unit_test(cut_answer_still_counts),
		cmocka_unit_test(refused_connection_then_back),
		cmocka_unit_test(encodings_compressions_headers),
		cmocka_unit_test(urls),
		cmocka_unit_test(credentials_of_the_url_are_not_logged),
		cmocka_unit_test(joining_and_splitting),
		cmocka_unit_test(hops_are_counted),
		cmocka_unit_test(too_many_hops_are_not_poison),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
