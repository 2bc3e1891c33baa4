/* test_core.c - the core as a whole: pipelines, fan-out, reloads, draining (lib/pipe/core.h). Every test ends with the
 * equation at rest, nothing queued, and all pooled memory given back (core_rig_stop). */
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#define RECEIVER "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"
#define TRACES_TO(list) "service: {pipelines: {traces: {receivers: [otlp], exporters: [" list "]}}}\n"
#define FAST "compression: none, retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}"
/* One otlp_http exporter at `%s`. */
#define RELAY RECEIVER "exporters: {otlp_http: {endpoint: '%s', " FAST "}}\n" TRACES_TO("otlp_http")

static const struct peer_answer busy = { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP };

static void every_signal_has_its_own_counters(void **state UNUSED)
{
	static const struct {
		const char *path, *json;
		enum signal signal;
		unsigned n;
	} cases[] = {
		{ "/v1/traces", "{\"resourceSpans\":[]}", TRACES, 0 },
		{ "/v1/logs",
		        "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"a\"}},{}]}]}]"
		        "}",
		        LOGS, 2 },
		{ "/v1/metrics",
		        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"m\",\"gauge\":{"
		        "\"dataPoints\":[{\"asInt\":1},"
		        "{\"asInt\":2},{\"asInt\":3}]}}]}]}]}",
		        METRICS, 3 },
	};
	struct core_rig r;
	core_rig_start(&r,
	        RECEIVER "exporters: {nop: }\n"
	                 "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}, logs: {receivers: "
	                 "[otlp], exporters: [nop]},"
	                 " metrics: {receivers: [otlp], exporters: [nop]}}}\n");
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct answer a = core_rig_post(&r, cases[i].path, CORE_RIG_JSON, slice_of(cases[i].json));
		assert_int_equal(a.status, 200);
		UNTIL(&r, count_get(&core_rig_counts(&r, "nop", cases[i].signal)->delivered) == cases[i].n);
		assert_int_equal(core_rig_received(&r, "otlp", cases[i].signal).accepted, cases[i].n);
	}
	core_rig_stop(&r);
}

static void fan_out_gives_everything_to_each(void **state UNUSED)
{
	struct backend b[3];
	char base[3][32];
	struct core_rig r;
	for (size_t i = 0; i < 3; i++)
		backend_start(&b[i], NULL, 0, base[i]);
	core_rig_start(&r,
	        RECEIVER "exporters: {otlp_http/a: {endpoint: '%s'}, otlp_http/b: {endpoint: '%s'}, otlp_http/c: "
	                 "{endpoint: '%s'}}\n" TRACES_TO("otlp_http/a, otlp_http/b, otlp_http/c"),
	        base[0], base[1], base[2]);
	for (unsigned i = 1; i <= 10; i++)
		core_rig_take(&r, i, 200);
	for (size_t i = 0; i < 3; i++) {
		const char *id = arena_printf(&r.arena, "otlp_http/%c", (char)('a' + i));
		UNTIL(&r, core_rig_get(&r, id, delivered) == 55);
		assert_int_equal(core_rig_get(&r, id, accepted), 55);
		assert_int_equal(backend_all_spans(&b[i]), 55);
	}
	core_rig_stop(&r);
	for (size_t i = 0; i < 3; i++)
		backend_stop(&b[i]);
}

static void two_pipelines_share_an_exporter(void **state UNUSED)
{
	struct backend b;
	char base[32];
	struct core_rig r;
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r,
	        RECEIVER "processors: {resource: {attributes: [{key: via, value: two, action: upsert}]}}\n"
	                 "exporters: {otlp_http: {endpoint: '%s', compression: none}}\n"
	                 "service: {pipelines: {traces/one: {receivers: [otlp], exporters: [otlp_http]},"
	                 " traces/two: {receivers: [otlp], processors: [resource], exporters: [otlp_http]}}}\n",
	        base);
	core_rig_take(&r, 4, 200);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 8);
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 8);
	assert_int_equal(core_rig_received(&r, "otlp", TRACES).accepted, 4);
	assert_int_equal(backend_count(&b), 2);
	unsigned n_edited = 0;
	for (unsigned i = 0; i < 2; i++) {
		const struct backend_request *q = backend_get(&b, i);
		assert_int_equal(backend_spans(q), 4);
		n_edited += memmem(q->body, q->len, "via", 3) != NULL;
	}
	assert_int_equal(n_edited, 1);
	core_rig_stop(&r);
	backend_stop(&b);
}

static void start_fails_clean(void **state UNUSED)
{
	struct core_rig first, second;
	struct err e = { .text = "" };
	core_rig_start(&first, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	/* nop is made and the first listener bound before the second one fails */
	assert_int_equal(core_rig_try(&second, &e,
	                         "receivers: {otlp/a: {protocols: {http: {endpoint: '127.0.0.1:0'}}}, otlp/b: "
	                         "{protocols: {http: {endpoint: '%s'}}}}\n"
	                         "exporters: {nop: }\nservice: {pipelines: {traces: {receivers: [otlp/a, otlp/b], "
	                         "exporters: [nop]}}}\n",
	                         core_rig_address(&first, 0)),
	        -1);
	assert_non_null(strstr(e.text, "otlp/b"));
	assert_non_null(strstr(e.text, core_rig_address(&first, 0)));
	core_rig_free(&second);
	core_rig_stop(&first);
}

static void reload_corrects_a_dead_endpoint(void **state UNUSED)
{
	struct backend b;
	char base[32], dead[32];
	struct core_rig r;
	int fd = backend_dead(dead);
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r, RELAY, dead);
	for (unsigned i = 0; i < 30; i++) /* more than num_consumers: some wait for a retry, the others in the queue */
		core_rig_take(&r, 2, 200);
	UNTIL(&r, count_get(&exporter_stats(core_rig_exporter(&r, "otlp_http"))->n_retries) > 20);
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 60);
	assert_int_equal(exporter_state(core_rig_exporter(&r, "otlp_http")), EXPORTER_RETRYING);
	struct exporter *before = core_rig_exporter(&r, "otlp_http");
	const char *address = core_rig_address(&r, 0);
	core_rig_reload(&r, RELAY, base);
	assert_ptr_equal(core_rig_exporter(&r, "otlp_http"), before);
	assert_string_equal(core_rig_address(&r, 0), address);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 60);
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 60);
	assert_int_equal(backend_all_spans(&b), 60);
	core_rig_stop(&r);
	backend_stop(&b);
	close(fd);
}

/* What waits for a retry was encoded for the old options. */
static void reload_encodes_waiting_deliveries_anew(void **state UNUSED)
{
	static const struct {
		const char *before, *after, *type, *coding;
	} cases[] = {
		{ "compression: gzip", "compression: none", "application/x-protobuf", "" },
		{ "compression: none", "compression: zstd", "application/x-protobuf", "zstd" },
		{ "compression: none, encoding: json", "compression: none", "application/x-protobuf", "" },
		{ "compression: gzip", "compression: gzip, encoding: json", "application/json", "gzip" },
	};
	static const char yaml[] =
	        RECEIVER "exporters: {otlp_http: {endpoint: '%s', %s, "
	                 "retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}}}\n" TRACES_TO("otlp_http");
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct backend b;
		struct core_rig r;
		char base[32], text[256];
		backend_start(&b, &busy, 1, base);
		core_rig_start(&r, yaml, base, cases[i].before);
		core_rig_take(&r, 5, 200);
		UNTIL(&r, backend_count(&b) >= 2);
		core_rig_reload(&r, yaml, base, cases[i].after);
		backend_set(&b, NULL, 0);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 5);
		const struct backend_request *q = backend_get(&b, backend_count(&b) - 1);
		assert_string_equal(backend_header(q, "Content-Type", text), cases[i].type);
		assert_string_equal(backend_header(q, "Content-Encoding", text), cases[i].coding);
		assert_int_equal(backend_spans(q), 5);
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

static void failed_reload_changes_nothing(void **state UNUSED)
{
	static const char same[] = "127.0.0.1:0";
	static const struct {
		const char *endpoint, *http, *tls, *exporter, *extension, *why; /* endpoint NULL: a port in use */
	} cases[] = {
		{ NULL, "", "", "nop: ", "zpages: ", "in use" },
		{ same, ", tls: {cert_file: /nonexistent/c.pem, key_file: /nonexistent/k.pem}", "",
		        "nop: ", "zpages: ", "c.pem" },
		{ same, "", ", tls: {ca_file: /nonexistent/ca.pem}", "nop: ", "zpages: ", "ca.pem" },
		{ same, "", "", "file: {path: /nonexistent/dir/f}", "zpages: ", "/nonexistent/dir/f" },
		{ same, "", "", "nop: ", "health_check", "in use" },
	};
	struct backend good, other;
	struct core_rig r, holder;
	char base[32], elsewhere[32];
	backend_start(&good, NULL, 0, base);
	backend_start(&other, NULL, 0, elsewhere);
	core_rig_start(&holder, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	core_rig_start(&r, RELAY, base);
	const char *taken = core_rig_address(&holder, 0), *address = core_rig_address(&r, 0);
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct err e = { .text = "" };
		const char *extension = strcmp(cases[i].extension, "zpages: ")
		        ? arena_printf(&r.arena, "health_check: {endpoint: '%s'}", taken)
		        : "zpages: ";
		int rc = core_rig_try_reload(&r, &e,
		        "receivers: {otlp: {protocols: {http: {endpoint: '%s'%s}}}}\nexporters: {otlp_http: {endpoint: "
		        "'%s'%s}, %s}\n"
		        "extensions: {%s}\nservice: {extensions: [%.*s], pipelines: {traces: {receivers: [otlp], "
		        "exporters: [otlp_http, %.*s]}}}\n",
		        cases[i].endpoint ? cases[i].endpoint : taken, cases[i].http, elsewhere, cases[i].tls,
		        cases[i].exporter, extension, (int)strcspn(extension, ":"), extension,
		        (int)strcspn(cases[i].exporter, ":"), cases[i].exporter);
		assert_int_equal(rc, -1);
		if (!strstr(e.text, cases[i].why))
			fail_msg("case %zu: %s", i, e.text);
		assert_int_equal(count_get(&r.core->n_reload_failures), i + 1);
		assert_string_equal(core_rig_address(&r, 0), address);
		core_rig_take(&r, 2, 200);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 2 * (i + 1));
	}
	assert_int_equal(count_get(&r.core->n_reloads), 0);
	assert_int_equal(backend_count(&other), 0);
	core_rig_stop(&r);
	core_rig_stop(&holder);
	backend_stop(&good);
	backend_stop(&other);
}

static bool is_on_page(struct core_rig *r, const char *text)
{
	struct answer a = core_rig_ask(r, core_rig_main_address(r), "GET", "/metrics", "", SLICE(""));
	assert_int_equal(a.status, 200);
	return memmem(a.body.p, a.body.len, text, strlen(text)) != NULL;
}

/* What never served has no numbers, until a reload with it succeeds; what served keeps them. */
static void failed_reload_leaves_no_series(void **state UNUSED)
{
	static const char yaml[] =
	        "receivers: {otlp: {protocols: {http: {endpoint: '%s'}}}, otlp/new: {protocols: {http: {endpoint: "
	        "'127.0.0.3:0'}}}}\n"
	        "exporters: {nop: , nop/new: }\n"
	        "service: {telemetry: {metrics: {level: normal, address: '127.0.0.2:0'}}, pipelines: {traces: "
	        "{receivers: [%s], "
	        "exporters: [%s]}}}\n";
	static const char here[] = "127.0.0.1:0", exporter[] = "exporter=\"nop/new\"",
	                  receiver[] = "receiver=\"otlp/new\"";
	struct core_rig r, holder;
	struct err e = { .text = "" };
	core_rig_start(&holder, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	core_rig_start(&r, yaml, here, "otlp", "nop");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(core_rig_try_reload(
		                         &r, &e, yaml, core_rig_address(&holder, 0), "otlp/new, otlp", "nop, nop/new"),
		        -1);
		assert_true(is_on_page(&r, "exporter=\"nop\"") && is_on_page(&r, "receiver=\"otlp\""));
		assert_false(is_on_page(&r, exporter));
		assert_false(is_on_page(&r, receiver));
	}
	core_rig_reload(&r, yaml, here, "otlp/new, otlp", "nop, nop/new");
	assert_true(is_on_page(&r, exporter) && is_on_page(&r, receiver));
	core_rig_take(&r, 3, 200);
	UNTIL(&r, core_rig_get(&r, "nop/new", delivered) == 3);
	core_rig_reload(&r, yaml, here, "otlp", "nop");
	assert_true(is_on_page(&r, "weir_exporter_spans{exporter=\"nop/new\",outcome=\"delivered\"} 3"));
	assert_true(is_on_page(&r, receiver));
	core_rig_stop(&r);
	core_rig_stop(&holder);
}

static void removed_exporter_drains_in_the_background(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &busy, 1, base);
	core_rig_start(&r, RELAY, base);
	core_rig_take(&r, 7, 200);
	UNTIL(&r, backend_count(&b) >= 1);
	core_rig_reload(&r, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	core_rig_take(&r, 2, 200); /* goes to nop alone */
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 7);
	backend_set(&b, NULL, 0);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 7);
	UNTIL(&r, r.core->orphans.n == 0);
	core_rig_stop(&r);
	backend_stop(&b);
}

static void removed_exporter_gives_up_after_25_s(void **state UNUSED)
{
	struct core_rig r;
	char dead[32];
	int fd = backend_dead(dead);
	core_rig_start(&r, RELAY, dead);
	core_rig_take(&r, 7, 200);
	core_rig_reload(&r, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	core_rig_advance(&r, 24 * NS_PER_S);
	uint64_t tries =
	        count_get(&((struct exporter_stats *)map_get(&r.core->exporter_stats, SLICE("otlp_http")))->n_retries);
	UNTIL(&r,
	        count_get(&((struct exporter_stats *)map_get(&r.core->exporter_stats, SLICE("otlp_http")))->n_retries) >
	                tries + 3);
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 7);
	core_rig_advance(&r, 2 * NS_PER_S);
	UNTIL(&r, core_rig_get(&r, "otlp_http", dropped[DROP_REMOVED]) == 7);
	UNTIL(&r, r.core->orphans.n == 0);
	core_rig_stop(&r);
	assert_int_equal(r.n_lost, 0);
	close(fd);
}

#define TWO_DOORS                                                                                                  \
	"receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}, otlp/b: {protocols: {http: {endpoint: " \
	"'127.0.0.2:0'}}}}\n"                                                                                      \
	"exporters: {nop: }\nservice: {pipelines: {traces: {receivers: [otlp, otlp/b], exporters: [nop]}}}\n"

#define BEGUN(length) "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" CORE_RIG_JSON length "\r\n\r\n"

/* Where a request on the removed listener may be when the reload comes. */
static void removed_listener_ends_its_requests(void **state UNUSED)
{
	static const char *const begun[] = {
		"POST /v1/tr",
		BEGUN("Content-Length: 2") "{",
		BEGUN("Transfer-Encoding: chunked") "1\r\n{\r\n",
		"",
	};
	static const char *const rest[] = {
		"aces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "}",
		"1\r\n}\r\n0\r\n\r\n", ""
	};
	struct core_rig r;
	int fd[COUNTOF(begun)];
	core_rig_start(&r, TWO_DOORS);
	const char *kept = core_rig_address(&r, 0), *removed = core_rig_address(&r, 1);
	for (size_t i = 0; i < COUNTOF(begun); i++) {
		fd[i] = core_rig_connect(&r, removed);
		/* one whole exchange first, so that the connection is known to be served */
		core_rig_write(&r, fd[i], SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
		assert_int_equal(core_rig_read(&r, fd[i]).status, 404);
		core_rig_write(&r, fd[i], slice_of(begun[i]));
	}
	core_rig_reload(&r, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	for (size_t i = 0; i < COUNTOF(begun); i++) {
		core_rig_write(&r, fd[i], slice_of(rest[i]));
		struct answer a = core_rig_read(&r, fd[i]);
		/* what had arrived at the worker is answered, what had not may find the connection closed */
		if (!rest[i][0])
			assert_int_equal(a.status, 0);
		else if (a.status) {
			assert_int_equal(a.status, 503);
			assert_string_equal(answer_header(&r, &a, "Retry-After"), "1");
			assert_string_equal(answer_header(&r, &a, "Connection"), "close");
		}
		close(fd[i]);
	}
	assert_string_equal(core_rig_address(&r, 0), kept);
	core_rig_take(&r, 1, 200);
	core_rig_reload(&r, TWO_DOORS); /* and it can come back */
	assert_int_equal(
	        core_rig_ask(&r, core_rig_address(&r, 1), "POST", "/v1/traces", CORE_RIG_JSON, SLICE("{}")).status,
	        200);
	core_rig_stop(&r);
}

/* A client on its own thread: sends until told to stop, and counts. */
struct traffic {
	pthread_t thread;
	char address[64];
	slice body;
	_Atomic bool stop;
	unsigned n_ok, n_other;
};

static unsigned blocking_post(int fd, slice request)
{
	char text[4096];
	size_t n = 0;
	if (send(fd, request.p, request.len, MSG_NOSIGNAL) != (ssize_t)request.len)
		return 0;
	while (n < sizeof text - 1) {
		ssize_t k = recv(fd, text + n, sizeof text - 1 - n, 0);
		if (k <= 0)
			return 0;
		text[n += (size_t)k] = 0;
		if (strstr(text, "\r\n\r\n"))
			break;
	}
	return (unsigned)strtoul(text + 9, NULL, 10);
}

static void *run_traffic(void *arg)
{
	struct traffic *t = arg;
	char request[4096];
	int n = snprintf(request, sizeof request,
	        "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" CORE_RIG_PROTO "Content-Length: %zu\r\n\r\n", t->body.len);
	memcpy(request + n, t->body.p, t->body.len);
	int fd = core_rig_connect(NULL, t->address);
	for (unsigned i = 0; !atomic_load(&t->stop); i++) {
		if (i % 16 == 15) { /* new connections too */
			close(fd);
			fd = core_rig_connect(NULL, t->address);
		}
		unsigned status = blocking_post(fd, (slice){ request, (size_t)n + t->body.len });
		t->n_ok += status == 200;
		t->n_other += status != 200;
	}
	close(fd);
	return NULL;
}

static void fifty_reloads_under_traffic_lose_nothing(void **state UNUSED)
{
	enum { N_CLIENTS = 3, N_SPANS = 2 };
	static const char yaml[] = RECEIVER
	        "exporters: {otlp_http: {endpoint: '%s', compression: %s, sending_queue: {queue_size: 100000}}, "
	        "nop/%u: {overflow: reject}}\n"
	        "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_http, nop/%u]}}}\n";
	struct backend *b = calloc(1, sizeof *b);
	struct traffic t[N_CLIENTS];
	struct core_rig r;
	char base[32];
	uint64_t n_ok = 0;
	backend_start(b, NULL, 0, base);
	core_rig_start(&r, yaml, base, "none", 0u, 0u);
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		t[i] = (struct traffic){ .body = core_rig_spans(&r, N_SPANS) };
		snprintf(t[i].address, sizeof t[i].address, "%s", core_rig_address(&r, 0));
		assert_int_equal(pthread_create(&t[i].thread, NULL, run_traffic, &t[i]), 0);
	}
	for (unsigned i = 1; i <= 50; i++) {
		uint64_t had = core_rig_requests(&r, "otlp", REQUEST_OK);
		UNTIL(&r, core_rig_requests(&r, "otlp", REQUEST_OK) > had + 3);
		core_rig_reload(&r, yaml, base, i % 2 ? "gzip" : "none", i / 2 % 3, i / 2 % 3);
	}
	for (unsigned i = 0; i < N_CLIENTS; i++)
		atomic_store(&t[i].stop, true);
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		while (pthread_tryjoin_np(t[i].thread, NULL))
			core_rig_turn(&r, clock_mono(clock_system()), "clients", __FILE__, __LINE__);
		assert_int_equal(t[i].n_other, 0);
		n_ok += t[i].n_ok;
	}
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == n_ok * N_SPANS);
	assert_int_equal(core_rig_received(&r, "otlp", TRACES).accepted, n_ok * N_SPANS);
	assert_int_equal(core_rig_get(&r, "nop/0", accepted) + core_rig_get(&r, "nop/1", accepted) +
	                core_rig_get(&r, "nop/2", accepted),
	        n_ok * N_SPANS);
	assert_int_equal(count_get(&r.core->n_reloads), 50);
	if (backend_count(b) < BACKEND_MAX)
		assert_int_equal(backend_all_spans(b), n_ok * N_SPANS);
	core_rig_stop(&r);
	backend_stop(b);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_signal_has_its_own_counters),
		cmocka_unit_test(fan_out_gives_everything_to_each),
		cmocka_unit_test(two_pipelines_share_an_exporter),
		cmocka_unit_test(start_fails_clean),
		cmocka_unit_test(reload_corrects_a_dead_endpoint),
		cmocka_unit_test(reload_encodes_waiting_deliveries_anew),
		cmocka_unit_test(failed_reload_changes_nothing),
		cmocka_unit_test(failed_reload_leaves_no_series),
		cmocka_unit_test(removed_exporter_drains_in_the_background),
		cmocka_unit_test(removed_exporter_gives_up_after_25_s),
		cmocka_unit_test(removed_listener_ends_its_requests),
		cmocka_unit_test(fifty_reloads_under_traffic_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
