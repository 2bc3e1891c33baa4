/* test_drain.c - the way down (core_drain, core_hurry): what is delivered, what is counted as lost, who is answered what.
 * Every test ends with the equation at rest, nothing queued, and all pooled memory given back (core_rig_stop). */
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>

#include <unistd.h>

#define RECEIVER "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"
#define TRACES_TO(list) "service: {pipelines: {traces: {receivers: [otlp], exporters: [" list "]}}}\n"
#define FAST "compression: none, retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}"
/* One otlp_http exporter at `%s`. */
#define RELAY RECEIVER "exporters: {otlp_http: {endpoint: '%s', " FAST "}}\n" TRACES_TO("otlp_http")

static const struct peer_answer hang = { .then = PEER_HANG };
static const struct peer_answer busy = { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP };
static const struct peer_answer denied = { "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP };

/* A removed exporter must not hold up the end for longer than drain_timeout. */
static void drain_bounds_removed_exporters(void **state UNUSED)
{
	struct core_rig r;
	char dead[32];
	int fd = backend_dead(dead);
	core_rig_start(&r, RELAY, dead);
	core_rig_take(&r, 7, 200);
	core_rig_reload(&r, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	int64_t began = clock_mono(clock_system());
	core_rig_drain(&r, 50 * NS_PER_MS);
	core_rig_stop(&r);
	assert_true(clock_mono(clock_system()) - began < 10 * NS_PER_S);
	assert_int_equal(r.n_lost, 7);
	close(fd);
}

static void drain_delivers_what_was_accepted(void **state UNUSED)
{
	static const struct peer_answer script[] = {
		{ "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP },
		{ "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP },
		{ NULL, 0, NULL, PEER_RESET },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP },
	};
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, script, COUNTOF(script), base);
	core_rig_start(&r,
	        RECEIVER
	        "processors: {batch: {timeout: 1h, send_batch_size: 1000}}\n"
	        "exporters: {otlp_http: {endpoint: '%s', " FAST "}}\n"
	        "service: {pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [otlp_http]}}}\n",
	        base);
	core_rig_take(&r, 3, 200);
	core_rig_take(&r, 4, 200); /* both wait in the batcher for an hour */
	core_rig_drain(&r, 20 * NS_PER_S);
	UNTIL(&r, r.drained);
	assert_int_equal(r.n_lost, 0);
	assert_int_equal(core_rig_get(&r, "otlp_http", delivered), 7);
	core_rig_stop(&r);
	backend_stop(&b);
}

/* Each leaves a backlog that cannot be delivered; at the deadline it is counted. */
static void drain_deadline_counts_what_is_lost(void **state UNUSED)
{
	static const struct {
		const struct peer_answer *script;
		size_t n;
		unsigned n_requests; /* to wait for before the drain */
	} cases[] = { { &busy, 1, 2 }, { &hang, 1, 2 }, { &denied, 1, 1 } };
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, cases[i].script, cases[i].n, base);
		core_rig_start(&r,
		        RECEIVER "exporters: {otlp_http: {endpoint: '%s', timeout: 0s, " FAST
		                 "}, nop: }\n" TRACES_TO("otlp_http, nop"),
		        base);
		core_rig_take(&r, 2, 200);
		core_rig_take(&r, 3, 200);
		UNTIL(&r, backend_count(&b) >= cases[i].n_requests);
		core_rig_drain(&r, 100 * NS_PER_MS);
		UNTIL(&r, r.drained);
		assert_int_equal(r.n_lost, 5);
		assert_int_equal(core_rig_get(&r, "otlp_http", dropped[DROP_SHUTDOWN]), 5);
		assert_int_equal(core_rig_get(&r, "nop", delivered), 5);
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

/* While an exporter is held one delivery probes and the others wait: the deadline comes all the same. */
static void drain_deadline_ends_a_hanging_probe(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &busy, 1, base);
	core_rig_start(&r,
	        RECEIVER "exporters: {otlp_http: {endpoint: '%s', timeout: 0s, " FAST "}}\n" TRACES_TO("otlp_http"),
	        base);
	core_rig_take(&r, 2, 200);
	core_rig_take(&r, 3, 200);
	UNTIL(&r, backend_count(&b) >= 4);
	backend_set(&b, &denied, 1);
	UNTIL(&r, exporter_state(core_rig_exporter(&r, "otlp_http")) == EXPORTER_HELD);
	core_rig_turn(&r, clock_mono(clock_system()), "", __FILE__, __LINE__);
	backend_set(&b, &hang, 1);
	unsigned n = backend_count(&b);
	core_rig_reload(&r,
	        RECEIVER "exporters: {otlp_http: {endpoint: '%s', timeout: 0s, " FAST "}}\n" TRACES_TO("otlp_http"),
	        base);
	UNTIL(&r, backend_count(&b) > n); /* a reload probes, also one without changes */
	core_rig_drain(&r, 50 * NS_PER_MS);
	core_rig_stop(&r);
	assert_int_equal(r.n_lost, 5);
	backend_stop(&b);
}

/* A send that began before a reload is cancelled at the deadline like any other. */
static void drain_cancels_sends_of_replaced_stages(void **state UNUSED)
{
	static const char yaml[] = RECEIVER
	        "exporters: {otlp_http: {endpoint: '%s', timeout: 0s, compression: %s}}\n" TRACES_TO("otlp_http");
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &hang, 1, base);
	core_rig_start(&r, yaml, base, "none");
	core_rig_take(&r, 2, 200);
	UNTIL(&r, backend_count(&b) == 1);
	core_rig_reload(&r, yaml, base, "gzip");
	core_rig_take(&r, 3, 200);
	UNTIL(&r, backend_count(&b) == 2);
	core_rig_drain(&r, 50 * NS_PER_MS);
	core_rig_stop(&r);
	assert_int_equal(r.n_lost, 5);
	backend_stop(&b);
}

static void hurry_ends_a_drain_soon(void **state UNUSED)
{
	static const bool reloaded[] = { false, true };
	for (size_t i = 0; i < COUNTOF(reloaded); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, &hang, 1, base);
		core_rig_start(&r, RELAY, base);
		core_rig_take(&r, 6, 200);
		UNTIL(&r, backend_count(&b) == 1);
		if (reloaded[i]) /* what drains in the background is hurried too */
			core_rig_reload(&r, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
		core_rig_drain(&r, 3600 * NS_PER_S);
		UNTIL(&r, reloaded[i] || r.core->exporters_draining);
		assert_false(r.drained);
		core_hurry(r.core);
		UNTIL(&r, r.drained);
		assert_int_equal(r.n_lost, 6);
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

static void hurry_does_not_wait_for_requests(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	int fd = core_rig_connect(&r, core_rig_address(&r, 0));
	core_rig_write(&r, fd, SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(core_rig_read(&r, fd).status, 404);
	core_rig_write(&r, fd, SLICE("POST /v1/traces HTTP/1.1\r\nHost: x\r\n"));
	core_rig_drain(&r, 3600 * NS_PER_S);
	core_hurry(r.core);
	UNTIL(&r, r.drained);
	core_rig_stop(&r);
	close(fd);
}

/* A 200 is a promise: after the exporters were told to end, a late request gets 503. */
static void late_request_is_refused_not_lost(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	slice body = core_rig_spans(&r, 3);
	int fd = core_rig_connect(&r, core_rig_address(&r, 0));
	core_rig_write(&r, fd,
	        slice_of(arena_printf(&r.arena,
	                "POST /v1/traces HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" CORE_RIG_PROTO
	                "Content-Length: %zu\r\n\r\n",
	                body.len)));
	assert_int_equal(core_rig_read(&r, fd).status, 100); /* the head was accepted */
	core_rig_drain(&r, 20 * NS_PER_MS);
	UNTIL(&r, r.drained);
	core_rig_write(&r, fd, body);
	struct answer a = core_rig_read(&r, fd);
	assert_int_equal(a.status, 503);
	assert_string_not_equal(answer_header(&r, &a, "Retry-After"), "");
	assert_int_equal(core_rig_get(&r, "nop", accepted), 0);
	assert_int_equal(core_rig_received(&r, "otlp", TRACES).refused, 3);
	core_rig_stop(&r);
	close(fd);
}

/* And one that is in time is taken and delivered. */
static void request_in_work_is_taken_while_draining(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r, RECEIVER "exporters: {nop: }\n" TRACES_TO("nop"));
	slice body = core_rig_spans(&r, 3);
	int fd = core_rig_connect(&r, core_rig_address(&r, 0)), idle = core_rig_connect(&r, core_rig_address(&r, 0));
	core_rig_write(&r, idle, SLICE("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(core_rig_read(&r, idle).status, 404);
	core_rig_write(&r, fd,
	        slice_of(arena_printf(&r.arena,
	                "POST /v1/traces HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" CORE_RIG_PROTO
	                "Content-Length: %zu\r\n\r\n",
	                body.len)));
	assert_int_equal(core_rig_read(&r, fd).status, 100);
	core_rig_drain(&r, 20 * NS_PER_S);
	core_rig_write(&r, idle, SLICE("POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
	struct answer late = core_rig_read(&r, idle);
	assert_int_equal(late.status, 503); /* a connection that was idle reads why */
	assert_string_not_equal(answer_header(&r, &late, "Retry-After"), "");
	core_rig_write(&r, fd, body);
	struct answer a = core_rig_read(&r, fd);
	assert_int_equal(a.status, 200);
	assert_string_equal(answer_header(&r, &a, "Connection"), "close");
	core_rig_stop(&r);
	assert_int_equal(r.n_lost, 0);
	close(fd);
	close(idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drain_bounds_removed_exporters),
		cmocka_unit_test(drain_delivers_what_was_accepted),
		cmocka_unit_test(drain_deadline_counts_what_is_lost),
		cmocka_unit_test(drain_deadline_ends_a_hanging_probe),
		cmocka_unit_test(drain_cancels_sends_of_replaced_stages),
		cmocka_unit_test(hurry_ends_a_drain_soon),
		cmocka_unit_test(hurry_does_not_wait_for_requests),
		cmocka_unit_test(late_request_is_refused_not_lost),
		cmocka_unit_test(request_in_work_is_taken_while_draining),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
