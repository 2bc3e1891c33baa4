/* test_exporter_retry.c - passing faults: circuit, pause, max_elapsed_time, and what a stored queue is spared (exporter_verdict.c). */
#include "tests/unit/rig/fake_backend.h"

#include <setjmp.h>

#include <cmocka.h>

static struct fake_backend b; /* some MiB */

static void take_many(unsigned first, unsigned n)
{
	static const size_t size[] = { 50 };
	for (unsigned i = 0; i < n; i++)
		fake_backend_put(&b, TRACES, first + i, 1, size);
	fake_backend_poke(&b);
}

/* A dead backend is left alone but for one delivery at a time; when it is back it is not run over. */
static void circuit_opens_and_ramps(void **state UNUSED)
{
	struct exporter_settings s = fake_backend_settings();
	s.retry.max_elapsed_time.ns = 0;
	fake_backend_start(&b, &s, 1);
	b.always = RETRY;
	take_many(0, 500);
	assert_int_equal(b.n_requests, 10); /* num_consumers */
	assert_int_equal(b.exporter->circuit.state, CIRCUIT_OPEN);
	assert_true(fake_backend_has_logged(&b, "Destination keeps failing"));
	fake_backend_advance(&b, 2400 * NS_PER_MS); /* the shortest backoff is 2.5 s */
	assert_int_equal(b.n_requests, 10);
	for (unsigned i = 0; i < 600; i++)
		fake_backend_advance(&b, NS_PER_S);
	assert_in_range(b.n_requests, 10 + 600 / 46, 10 + 5 + 600 / 15);
	for (unsigned i = 10; i < b.n_requests; i++)
		assert_int_equal(b.requests[i].n_in_flight, 1);
	assert_int_equal(fake_backend_get(&b, queued), 500);
	unsigned before = b.n_requests;
	b.always = DELIVERED;
	for (unsigned i = 0; i < 100 && fake_backend_get(&b, queued); i++)
		fake_backend_advance(&b, NS_PER_S);
	assert_int_equal(fake_backend_get(&b, delivered), 500);
	unsigned most = 0;
	for (unsigned i = before; i < b.n_requests; i++) {
		unsigned n = i - before, limit = n < 1 ? 1 : n < 3 ? 2 : n < 7 ? 4 : n < 15 ? 8 : 10;
		assert_in_range(b.requests[i].n_in_flight, 1, limit);
		most = most < b.requests[i].n_in_flight ? b.requests[i].n_in_flight : most;
	}
	assert_in_range(most, 8, 10);
	fake_backend_stop(&b);
}

/* Half open sends the smallest delivery that there is. */
static void smallest_finds_out(void **state UNUSED)
{
	fake_backend_start(&b, NULL, 1);
	b.always = RETRY;
	for (unsigned i = 0; i < 10; i++)
		fake_backend_take(&b, TRACES, i * 10, i == 6 ? 2 : 10, 50);
	assert_int_equal(b.exporter->circuit.state, CIRCUIT_OPEN);
	unsigned before = b.n_requests;
	fake_backend_advance(&b, 8 * NS_PER_S);
	assert_int_equal(b.n_requests, before + 1);
	assert_int_equal(b.requests[before].n_items, b.requests[before].n_items == 2 ? 2 : 10);
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < before; i++)
		least = least < b.requests[i].bytes ? least : b.requests[i].bytes;
	assert_int_equal(b.requests[before].bytes, least);
	fake_backend_stop(&b);
}

/* max_elapsed_time counts from the first attempt, though nothing is sent meanwhile. */
static void elapsed_while_open(void **state UNUSED)
{
	static const int64_t retry_after[] = { 0, 60 * NS_PER_S };
	for (size_t i = 0; i < COUNTOF(retry_after); i++) {
		fake_backend_start(&b, NULL, 1);
		b.always = RETRY;
		b.retry_after_ns = retry_after[i];
		take_many(0, 10);
		for (unsigned k = 0; k < 240; k++)
			fake_backend_advance(&b, NS_PER_S);
		uint64_t early = fake_backend_get(&b, dropped[DROP_MAX_ELAPSED]);
		assert_in_range(early, 0, 9); /* those whose next attempt would come too late */
		for (unsigned k = 0; k < 61 + 46; k++)
			fake_backend_advance(&b, NS_PER_S);
		assert_int_equal(fake_backend_get(&b, dropped[DROP_MAX_ELAPSED]), 10);
		fake_backend_stop(&b);
	}
}

static void stored_is_never_given_up(void **state UNUSED)
{
	struct exporter_settings s = fake_backend_settings();
	s.stored = true;
	fake_backend_start(&b, &s, 1);
	b.always = RETRY;
	take_many(0, 20);
	for (unsigned k = 0; k < 400; k++)
		fake_backend_advance(&b, 10 * NS_PER_S);
	assert_int_equal(fake_backend_get(&b, queued), 20);
	b.always = DELIVERED;
	fake_backend_finish(&b, 100 * NS_PER_S);
	assert_int_equal(fake_backend_get(&b, delivered), 20);
	fake_backend_stop(&b);
}

/* Seconds asked for, and up to a tenth more. */
static void retry_after_with_jitter(void **state UNUSED)
{
	int64_t least = INT64_MAX, most = 0;
	for (unsigned round = 0; round < 40; round++) {
		fake_backend_start(&b, NULL, round);
		b.always = RETRY;
		b.retry_after_ns = 100 * NS_PER_S;
		take_many(0, 1);
		b.always = DELIVERED;
		int64_t began = b.clock.now;
		take_many(1, 5); /* all of them wait */
		assert_int_equal(b.n_requests, 1);
		fake_backend_advance(&b, 99900 * NS_PER_MS);
		assert_int_equal(b.n_requests, 1);
		while (b.n_requests == 1)
			fake_backend_advance(&b, 100 * NS_PER_MS);
		int64_t waited = b.requests[1].at_ns - began;
		least = waited < least ? waited : least;
		most = waited > most ? waited : most;
		fake_backend_finish(&b, 20 * NS_PER_S);
		assert_int_equal(fake_backend_get(&b, delivered), 6);
		fake_backend_stop(&b);
	}
	assert_in_range(least, 100 * NS_PER_S, 102 * NS_PER_S);
	assert_in_range(most, 105 * NS_PER_S, 110 * NS_PER_S + 200 * NS_PER_MS);
}

/* With retry off each delivery has one attempt, as in the Collector: nothing waits for a circuit. */
static void no_circuit_without_retry(void **state UNUSED)
{
	struct exporter_settings s = fake_backend_settings();
	s.retry.enabled = false;
	fake_backend_start(&b, &s, 1);
	b.always = RETRY;
	take_many(0, 100);
	assert_int_equal(fake_backend_get(&b, dropped[DROP_RETRY_OFF]), 100);
	assert_int_equal(b.n_requests, 100);
	fake_backend_stop(&b);
}

/* 401, then 503, then well: the hold does not end by another fault, and the time held does not count. */
static void held_meets_another_fault(void **state UNUSED)
{
	fake_backend_start(&b, NULL, 1);
	b.always = HOLD;
	take_many(0, 12);
	assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
	unsigned before = b.n_requests;
	b.always = RETRY;
	for (unsigned k = 0; k < 60; k++)
		fake_backend_advance(&b, 10 * NS_PER_S);
	assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
	assert_in_range(b.n_requests - before, 9, 10);
	b.always = DELIVERED;
	fake_backend_advance(&b, 61 * NS_PER_S);
	fake_backend_finish(&b, 60 * NS_PER_S);
	assert_int_equal(fake_backend_get(&b, delivered), 12);
	fake_backend_stop(&b);
}

/* A drain tries at once, whatever the circuit says. */
static void drain_closes_the_circuit(void **state UNUSED)
{
	fake_backend_start(&b, NULL, 1);
	b.always = RETRY;
	take_many(0, 50);
	assert_int_equal(b.exporter->circuit.state, CIRCUIT_OPEN);
	b.always = DELIVERED;
	exporter_drain(b.exporter, 10 * NS_PER_S, DROP_SHUTDOWN, NULL, NULL);
	fake_backend_poke(&b);
	assert_int_equal(fake_backend_get(&b, delivered), 50);
	fake_backend_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(circuit_opens_and_ramps),
		cmocka_unit_test(smallest_finds_out),
		cmocka_unit_test(elapsed_while_open),
		cmocka_unit_test(stored_is_never_given_up),
		cmocka_unit_test(retry_after_with_jitter),
		cmocka_unit_test(no_circuit_without_retry),
		cmocka_unit_test(held_meets_another_fault),
		cmocka_unit_test(drain_closes_the_circuit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
