/* test_exporter.c - one exporter's queue, limits, pauses and drop reasons (lib/pipe/exporter.h), in a whole core. */
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>

#include "lib/pipe/exporter_internal.h"

#define RECEIVER "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0', include_metadata: true}}}}\n"
#define TRACES_TO(list) "service: {pipelines: {traces: {receivers: [otlp], exporters: [" list "]}}}\n"
#define FAST "compression: none, retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}"

static const struct peer_answer hang = { .then = PEER_HANG };
static const struct peer_answer busy = { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP };
static const struct peer_answer denied = { "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP };

/* The one that refuses is named last, so that room was reserved at the others before. */
static void required_without_room_refuses_without_a_copy(void **state UNUSED)
{
	static const struct {
		const char *queue;
		unsigned n_spans, n_fit; /* spans of a request; requests that fit */
	} cases[] = {
		{ "queue_size: 2", 4, 2 }, { "queue_size: 10, sizer: items", 4, 2 },
		{ "queue_size: 250, sizer: bytes", 1, 3 }, /* about 80 bytes each */
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, &hang, 1, base);
		core_rig_start(&r,
		        RECEIVER
		        "exporters: {nop: , debug: {verbosity: basic}, otlp_http: {endpoint: '%s', required: true, "
		        "timeout: 0s, sending_queue: {%s}}}\n" TRACES_TO("nop, debug, otlp_http"),
		        base, cases[i].queue);
		unsigned n = cases[i].n_spans;
		for (unsigned k = 0; k < cases[i].n_fit; k++)
			core_rig_take(&r, n, 200);
		struct answer a = core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, core_rig_spans(&r, n));
		assert_int_equal(a.status, 503);
		assert_string_not_equal(answer_header(&r, &a, "Retry-After"), "");
		uint64_t fit = (uint64_t)n * cases[i].n_fit;
		assert_int_equal(core_rig_get(&r, "nop", accepted), fit);
		assert_int_equal(core_rig_get(&r, "debug", accepted), fit);
		assert_int_equal(core_rig_get(&r, "otlp_http", accepted), fit);
		assert_int_equal(core_rig_get(&r, "otlp_http", enqueue_failed), n);
		assert_int_equal(core_rig_received(&r, "otlp", TRACES).refused, n);
		assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_REFUSED), 1);
		UNTIL(&r, exporter_view(core_rig_exporter(&r, "nop")).queue_size == 0);
		UNTIL(&r, exporter_view(core_rig_exporter(&r, "nop")).queue_bytes == 0);
		core_rig_drain(&r, 10 * NS_PER_MS);
		core_rig_stop(&r);
		assert_int_equal(r.n_lost, fit);
		backend_stop(&b);
	}
}

/* One span of about 80 bytes has room, twenty have not, not even while the queue is empty: a 503 would be sent again for ever. */
static void larger_than_the_queue_of_the_required(void **state UNUSED)
{
	static const char *const options[] = {
		"sending_queue: {queue_size: 3, sizer: items}",
		"sending_queue: {queue_size: 250, sizer: bytes}",
		"overflow: drop_oldest, sending_queue: {queue_size: 3, sizer: items}",
	};
	for (size_t i = 0; i < COUNTOF(options); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, &hang, 1, base);
		core_rig_start(&r,
		        RECEIVER "exporters: {otlp_http: {endpoint: '%s', timeout: 0s, %s}}\n" TRACES_TO("otlp_http"),
		        base, options[i]);
		core_rig_take(&r, 1, 200);
		for (unsigned k = 0; k < 2; k++) {
			struct answer a = core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, core_rig_spans(&r, 20));
			static const char text[] = "larger than the sending queue of otlp_http ever has room for";
			assert_int_equal(a.status, 413);
			assert_string_equal(answer_header(&r, &a, "Retry-After"), "");
			assert_non_null(memmem(a.body.p, a.body.len, text, strlen(text)));
		}
		core_rig_take(&r, 1, 200);
		assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 2);
		assert_int_equal(core_rig_get(&r, "otlp_http", queued), 2);
		assert_int_equal(core_rig_get(&r, "otlp_http", enqueue_failed), 40);
		assert_int_equal(core_rig_received(&r, "otlp", TRACES).refused, 40);
		assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_TOO_LARGE), 2);
		core_rig_drain(&r, 10 * NS_PER_MS);
		core_rig_stop(&r);
		assert_int_equal(r.n_lost, 2);
		backend_stop(&b);
	}
}

/* Limits that a reload changes one after another may not belong together: what is too large by them is to be sent again. */
static void full_and_not_too_large_during_a_reload(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r,
	        RECEIVER
	        "exporters: {otlp_http: {endpoint: '%s', sending_queue: {queue_size: 3, sizer: items}}}\n" TRACES_TO(
	                "otlp_http"),
	        base);
	struct exporter *e = core_rig_exporter(&r, "otlp_http");
	core_rig_take(&r, 20, 413);
	atomic_fetch_add(&e->changes, 1);
	core_rig_take(&r, 20, 503);
	atomic_fetch_add(&e->changes, 1);
	core_rig_take(&r, 20, 413);
	core_rig_stop(&r);
	backend_stop(&b);
}

/* It goes without that request and loses nothing else for it, whatever its rule; the others get all. */
static void larger_than_the_queue_of_the_optional(void **state UNUSED)
{
	static const char *const rules[] = { "auto", "drop_oldest", "drop_newest", "reject" };
	for (size_t i = 0; i < COUNTOF(rules); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, &hang, 1, base);
		core_rig_start(&r,
		        RECEIVER
		        "exporters: {nop: {required: true}, otlp_http: {endpoint: '%s', timeout: 0s, overflow: "
		        "%s, sending_queue: {queue_size: 3, sizer: items}}}\n" TRACES_TO("otlp_http, nop"),
		        base, rules[i]);
		core_rig_take(&r, 1, 200);
		core_rig_take(&r, 1, 200);
		core_rig_take(&r, 5, 200);
		core_rig_take(&r, 1, 200);
		UNTIL(&r, core_rig_get(&r, "nop", delivered) == 8);
		assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 8);
		assert_int_equal(core_rig_get(&r, "otlp_http", queued), 3);
		assert_int_equal(core_rig_get(&r, "otlp_http", dropped[DROP_OVERFLOW]), 5);
		assert_int_equal(core_rig_get(&r, "otlp_http", enqueue_failed), 5);
		assert_true(core_rig_has_logged(&r, "larger than the sending queue ever has room for"));
		core_rig_drain(&r, 10 * NS_PER_MS);
		core_rig_stop(&r);
		assert_int_equal(r.n_lost, 3);
		backend_stop(&b);
	}
}

static void optional_drops_by_its_own_rule(void **state UNUSED)
{
	static const struct {
		const char *overflow, *delivered[4]; /* names of what arrives in the end */
		unsigned n_dropped, n_enqueue_failed;
	} cases[] = {
		/* 1 is in flight, of the others there is room for two */
		{ "drop_oldest", { "span 1\"", "span 5\"", "span 6\"", NULL }, 3, 3 },
		{ "auto", { "span 1\"", "span 5\"", "span 6\"", NULL }, 3, 3 },
		{ "drop_newest", { "span 1\"", "span 2\"", "span 3\"", NULL }, 3, 3 },
		{ "reject", { "span 1\"", "span 2\"", "span 3\"", NULL }, 3, 3 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, &busy, 1, base);
		core_rig_start(&r,
		        RECEIVER
		        "exporters: {nop: {required: true}, otlp_http: {endpoint: '%s', encoding: json, overflow: %s, "
		        "sending_queue: {queue_size: 3, num_consumers: 1}, " FAST "}}\n" TRACES_TO("nop, otlp_http"),
		        base, cases[i].overflow);
		core_rig_take(&r, 1, 200);
		UNTIL(&r, backend_count(&b) >= 1);
		for (unsigned k = 2; k <= 6; k++)
			core_rig_take(&r, 1, 200);
		UNTIL(&r, core_rig_get(&r, "otlp_http", dropped[DROP_OVERFLOW]) == cases[i].n_dropped);
		assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 6);
		assert_int_equal(core_rig_get(&r, "otlp_http", enqueue_failed), cases[i].n_enqueue_failed);
		assert_int_equal(core_rig_get(&r, "otlp_http", queued), 3);
		assert_int_equal(exporter_view(core_rig_exporter(&r, "otlp_http")).queue_size, 3);
		unsigned before = backend_count(&b);
		backend_set(&b, NULL, 0);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 3);
		core_rig_stop(&r);
		unsigned last = backend_count(&b);
		assert_true(last >= before + 3);
		for (unsigned k = 0; k < 3; k++)
			assert_non_null(strstr(backend_get(&b, last - 3 + k)->body, cases[i].delivered[k]));
		backend_stop(&b);
	}
}

/* overflow: drop_newest. Alone, too, it never refuses. */
static void newest_is_dropped_not_refused(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &hang, 1, base);
	core_rig_start(&r,
	        RECEIVER "exporters: {otlp_http: {endpoint: '%s', timeout: 0s, overflow: drop_newest, "
	                 "sending_queue: {queue_size: 2}}}\n" TRACES_TO("otlp_http"),
	        base);
	for (unsigned k = 0; k < 6; k++)
		core_rig_take(&r, 3, 200);
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 18);
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 6);
	assert_int_equal(core_rig_get(&r, "otlp_http", dropped[DROP_OVERFLOW]), 12);
	core_rig_drain(&r, 10 * NS_PER_MS);
	core_rig_stop(&r);
	assert_int_equal(r.n_lost, 6);
	backend_stop(&b);
}

static void drop_reasons_of_retries(void **state UNUSED)
{
	static const struct {
		const char *retry;
		enum drop_reason reason;
		int64_t advance_s;
	} cases[] = {
		{ "enabled: false", DROP_RETRY_OFF, 0 },
		{ "initial_interval: 10ms, max_interval: 20ms, max_elapsed_time: 100s", DROP_MAX_ELAPSED, 101 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, &busy, 1, base);
		core_rig_start(&r,
		        RECEIVER
		        "exporters: {otlp_http: {endpoint: '%s', retry_on_failure: {%s}}}\n" TRACES_TO("otlp_http"),
		        base, cases[i].retry);
		core_rig_take(&r, 5, 200);
		UNTIL(&r, backend_count(&b) >= (cases[i].advance_s ? 2 : 1));
		core_rig_advance(&r, cases[i].advance_s * NS_PER_S);
		UNTIL(&r, core_rig_get(&r, "otlp_http", dropped[cases[i].reason]) == 5);
		assert_int_equal(core_rig_get(&r, "otlp_http", send_failed), 5);
		assert_true(core_rig_has_logged(&r, "Dropping data."));
		backend_set(&b, NULL, 0); /* and the next request is tried again */
		core_rig_take(&r, 2, 200);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 2);
		core_rig_stop(&r);
		assert_int_equal(r.n_lost, 0);
		backend_stop(&b);
	}
}

static void dead_destination_leaves_the_others_alone(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &hang, 1, base);
	core_rig_start(&r,
	        RECEIVER "exporters: {nop: , otlp_http: {endpoint: '%s', timeout: 0s, "
	                 "sending_queue: {queue_size: 6, num_consumers: 3}}}\n" TRACES_TO("otlp_http, nop"),
	        base);
	for (unsigned i = 0; i < 20; i++)
		core_rig_take(&r, 1, 200);
	UNTIL(&r, core_rig_get(&r, "nop", delivered) == 20);
	UNTIL(&r, core_rig_get(&r, "otlp_http", dropped[DROP_OVERFLOW]) == 14);
	UNTIL(&r, backend_count(&b) == 3);
	assert_int_equal(
	        count_get(&exporter_stats(core_rig_exporter(&r, "otlp_http"))->in_flight), 3); /* num_consumers */
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 6);
	core_rig_check_equation(&r);
	core_rig_drain(&r, 10 * NS_PER_MS);
	core_rig_stop(&r);
	assert_int_equal(r.n_lost, 6);
	backend_stop(&b);
}

static void reload_keeps_queue_and_counters(void **state UNUSED)
{
	static const char yaml[] =
	        RECEIVER "exporters: {otlp_http: {endpoint: '%s', %s, sending_queue: {queue_size: %u}, "
	                 "retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}}}\n" TRACES_TO("otlp_http");
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &busy, 1, base);
	core_rig_start(&r, yaml, base, "compression: none", 5u);
	for (unsigned i = 0; i < 5; i++)
		core_rig_take(&r, 1, 200);
	core_rig_take(&r, 1, 503);
	core_rig_reload(&r, yaml, base, "compression: none", 7u); /* only the core's own settings */
	assert_int_equal(exporter_view(core_rig_exporter(&r, "otlp_http")).queue_capacity, 7);
	core_rig_take(&r, 1, 200);
	core_rig_take(&r, 1, 200);
	core_rig_take(&r, 1, 503);
	core_rig_reload(&r, yaml, base, "compression: gzip", 3u); /* smaller than what is in it: nothing is lost */
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 7);
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 7);
	core_rig_take(&r, 1, 503);
	backend_set(&b, NULL, 0);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 7);
	core_rig_take(&r, 1, 200);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 8);
	core_rig_stop(&r);
	backend_stop(&b);
}

static void held_exporter_probes_each_minute(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, &denied, 1, base);
	core_rig_start(
	        &r, RECEIVER "exporters: {otlp_http: {endpoint: '%s', " FAST "}}\n" TRACES_TO("otlp_http"), base);
	struct exporter *x = core_rig_exporter(&r, "otlp_http");
	core_rig_take(&r, 1, 200);
	UNTIL(&r, exporter_state(x) == EXPORTER_HELD);
	for (unsigned i = 0; i < 4; i++)
		core_rig_take(&r, 1, 200);
	assert_int_equal(backend_count(&b), 1);
	/* max_elapsed_time (5 min) does not run while it is held: the fault is not the data's */
	for (unsigned i = 1; i <= 6; i++) {
		core_rig_advance(&r, 61 * NS_PER_S);
		core_rig_take(&r, 1, 200); /* wakes the exporter's thread, which sees the time */
		UNTIL(&r, backend_count(&b) == 1 + i && count_get(&exporter_stats(x)->in_flight) == 0);
	}
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 11);
	assert_true(core_rig_has_logged(&r, "Exporter is held"));
	backend_set(&b, NULL, 0);
	core_rig_advance(&r, 61 * NS_PER_S);
	core_rig_take(&r, 1, 200);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 12); /* one success, and all of it goes */
	assert_int_equal(exporter_state(x), EXPORTER_OK);
	core_rig_stop(&r);
	backend_stop(&b);
}

static void requests_of_different_keys_are_never_joined(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r,
	        RECEIVER
	        "processors: {batch: {timeout: 1h, send_batch_size: 3, metadata_keys: [X-Tenant]}}\n"
	        "exporters: {otlp_http: {endpoint: '%s', encoding: json, compression: none}}\n"
	        "service: {pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [otlp_http]}}}\n",
	        base);
	static const char *const tenants[] = { "X-Tenant: a\r\n", "x-tenant: b\r\n", "X-Tenant: a\r\nX-Tenant: c\r\n" };
	for (unsigned i = 0; i < 9; i++) {
		const char *headers = arena_printf(&r.arena, CORE_RIG_PROTO "%s", tenants[i % 3]);
		assert_int_equal(core_rig_post(&r, "/v1/traces", headers, core_rig_spans(&r, 1)).status, 200);
	}
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 9);
	assert_int_equal(backend_count(&b), 3);
	for (unsigned i = 0; i < 3; i++) { /* request k has the span k, and its tenant is k % 3 */
		unsigned mask = 0;
		assert_int_equal(backend_spans(backend_get(&b, i)), 3);
		for (unsigned k = 1; k <= 9; k++)
			if (strstr(backend_get(&b, i)->body, arena_printf(&r.arena, "\"span %u\"", k)))
				mask |= 1u << (k % 3);
		assert_true(mask == 1 || mask == 2 || mask == 4);
	}
	core_rig_stop(&r);
	backend_stop(&b);
}

/* However much a queue that counts bytes asks for, the others keep some room. */
static void greedy_queue_leaves_room(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r,
	        RECEIVER "exporters: {nop: , nop/big: {sending_queue: {enabled: true, sizer: bytes, queue_size: "
	                 "1099511627776}}}\n" TRACES_TO("nop, nop/big"));
	core_rig_take(&r, 3, 200);
	UNTIL(&r, core_rig_get(&r, "nop", delivered) == 3 && core_rig_get(&r, "nop/big", delivered) == 3);
	uint64_t pool = atomic_load(&core_pool(r.core)->limit), sum = 0;
	for (size_t i = 0; i < r.core->graph->exporters.n; i++)
		sum += count_get(&r.core->graph->exporters.v[i]->queue.quota);
	assert_in_range(sum, pool / 2, pool / 4 * 3);
	core_rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(required_without_room_refuses_without_a_copy),
		cmocka_unit_test(larger_than_the_queue_of_the_required),
		cmocka_unit_test(larger_than_the_queue_of_the_optional),
		cmocka_unit_test(full_and_not_too_large_during_a_reload),
		cmocka_unit_test(optional_drops_by_its_own_rule),
		cmocka_unit_test(newest_is_dropped_not_refused),
		cmocka_unit_test(drop_reasons_of_retries),
		cmocka_unit_test(dead_destination_leaves_the_others_alone),
		cmocka_unit_test(reload_keeps_queue_and_counters),
		cmocka_unit_test(greedy_queue_leaves_room),
		cmocka_unit_test(held_exporter_probes_each_minute),
		cmocka_unit_test(requests_of_different_keys_are_never_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
