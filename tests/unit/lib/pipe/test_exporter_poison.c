/* test_exporter_poison.c - deliveries that a destination refuses for what is in them: 413 and 400, cut, dead-lettered, held (exporter_doubt.c,
 * poison.c). Every test ends with the equation at rest. */
#include "tests/unit/rig/fake_backend.h"

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>

static struct fake_backend b; /* some MiB */
static uint64_t seed;

static uint64_t pick(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

/* Every good item of first .. first + n - 1 exactly once, no bad one. */
static void check_items(unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++)
		if (b.accepted[i] != !b.poison[i])
			fail_msg("item %u, %s, was accepted %u times", i, b.poison[i] ? "bad" : "good", b.accepted[i]);
}

static unsigned mark(unsigned first, unsigned n, unsigned k, const char *where)
{
	unsigned done = 0;
	for (unsigned i = 0; i < k; i++) {
		unsigned at = !strcmp(where, "spread") ? i * (n / k)
		        : !strcmp(where, "first")      ? i
		        : !strcmp(where, "last")       ? n - 1 - i
		        : !strcmp(where, "powers")     ? (i ? 1u << i : 0)
		                                       : (unsigned)pick(n);
		done += !b.poison[first + at];
		b.poison[first + at] = true;
	}
	return done;
}

/* reliability: k bad items of n cost at most 2k * log2(n) + 1 requests; exactly they are dead-lettered. */
static void few_bad_items_are_found(void **state UNUSED)
{
	static const char *const where[] = { "spread", "first", "last", "powers", "random", "random", "random" };
	static const unsigned counts[] = { 1, 2, 8 };
	static const enum signal signals[] = { TRACES, LOGS };
	for (size_t i = 0; i < COUNTOF(where) * COUNTOF(counts) * COUNTOF(signals); i++) {
		enum signal signal = signals[i % 2];
		unsigned k = counts[i / 2 % COUNTOF(counts)];
		fake_backend_start(&b, NULL, pick(UINT64_MAX));
		unsigned n = mark(0, 512, k, where[i / 2 / COUNTOF(counts)]);
		fake_backend_take(&b, signal, 0, 512, 50);
		struct exporter_counts *c = &b.stats.by_signal[signal_index(signal)];
		assert_int_equal(count_get(&c->queued), 0); /* without the clock moving */
		check_items(0, 512);
		assert_int_equal(count_get(&c->dead_lettered), n);
		assert_int_equal(count_get(&c->delivered), 512 - n);
		assert_in_range(b.n_requests, 2 + 2, 2 * n * 9 + 1);
		assert_true(fake_backend_has_logged(&b, "dead-lettered"));
		assert_true(fake_backend_has_logged(&b, "no good"));
		assert_int_equal(exporter_state(b.exporter), EXPORTER_OK);
		fake_backend_stop(&b);
	}
}

/* Joined requests are first cut between each other: those without a bad item are sent as they came. */
static void joined_records_are_cut_between_first(void **state UNUSED)
{
	static const struct pipeline_batch joined = { fake_pipeline,
		{ .enabled = true, .flush_ns = NS_PER_S, .min_size = 512, .sizer = SIZER_ITEMS } };
	struct exporter_settings s = fake_backend_settings();
	s.batches = &joined;
	s.n_batches = 1;
	for (unsigned round = 0; round < 20; round++) {
		unsigned left = 512, first = 0;
		static size_t sizes[512];
		fake_backend_start(&b, &s, pick(UINT64_MAX));
		unsigned n = mark(0, 512, 1 + (unsigned)pick(4), "random");
		while (left) {
			unsigned k = 1 + (unsigned)pick(left < 200 ? left : 200);
			for (unsigned i = 0; i < k; i++)
				sizes[i] = 10;
			fake_backend_put(&b, TRACES, first, k, sizes);
			first += k;
			left -= k;
		}
		fake_backend_finish(&b, 10 * NS_PER_S);
		assert_int_equal(b.requests[0].n_items, 512);
		check_items(0, 512);
		assert_int_equal(fake_backend_get(&b, dead_lettered), n);
		assert_in_range(b.n_requests, 4, 2 * n * 12 + 1);
		fake_backend_stop(&b);
	}
}

/* More bad items than it pays to look for: bounded, nothing twice, nothing bad accepted. */
static void many_bad_items_are_bounded(void **state UNUSED)
{
	static const unsigned counts[] = { 9, 20, 100, 256, 500 };
	for (size_t i = 0; i < COUNTOF(counts); i++) {
		fake_backend_start(&b, NULL, pick(UINT64_MAX));
		mark(0, 512, counts[i], "random");
		fake_backend_take(&b, TRACES, 0, 512, 50);
		fake_backend_finish(&b, 20 * NS_PER_S);
		assert_in_range(b.n_requests, 1, 2 * 8 * 9 + 2);
		for (unsigned k = 0; k < 512; k++)
			assert_in_range(b.accepted[k], 0, !b.poison[k]);
		if (counts[i] <= 20)
			assert_true(fake_backend_get(&b, delivered) > 256);
		fake_backend_stop(&b);
	}
}

/* 400 for everything, many deliveries: held soon, a probe a minute, and all of it delivered when the backend changes its mind. */
static void everything_refused_holds(void **state UNUSED)
{
	static const unsigned sizes[] = { 1, 16, 512 };
	for (size_t i = 0; i < COUNTOF(sizes) * 2; i++) {
		unsigned n = sizes[i / 2], n_records = n == 512 ? 12 : 30;
		bool was_good = i % 2;
		fake_backend_start(&b, NULL, pick(UINT64_MAX));
		if (was_good)
			fake_backend_take(&b, TRACES, FAKE_ITEMS - 9, 9, 50);
		b.refuse_all = true;
		for (unsigned k = 0; k < n_records; k++)
			fake_backend_take(&b, TRACES, k * n, n, 50);
		assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
		assert_true(fake_backend_has_logged(&b, "Exporter is held"));
		unsigned before = b.n_requests;
		assert_in_range(before, 3, 45);
		for (unsigned k = 0; k < 30; k++)
			fake_backend_advance(&b, 20 * NS_PER_S); /* ten minutes */
		assert_in_range(b.n_requests - before, 8, 11);
		assert_int_equal(fake_backend_get(&b, queued), n_records * n);
		b.refuse_all = false;
		fake_backend_advance(&b, 61 * NS_PER_S);
		fake_backend_finish(&b, NS_PER_S);
		assert_int_equal(exporter_state(b.exporter), EXPORTER_OK);
		check_items(0, n_records * n);
		assert_int_equal(fake_backend_get(&b, dead_lettered), 0);
		fake_backend_stop(&b);
	}
}

/* One after the other, with nothing in between: the wait of a suspect is renewed by the next one. */
static void slow_senders_lose_nothing_either(void **state UNUSED)
{
	fake_backend_start(&b, NULL, 1);
	b.refuse_all = true;
	for (unsigned k = 0; k < 4; k++) {
		fake_backend_take(&b, TRACES, k * 4, 4, 50);
		fake_backend_advance(&b, 5 * NS_PER_S);
	}
	assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
	assert_int_equal(fake_backend_get(&b, queued), 16);
	assert_in_range(b.n_requests, 3, 30);
	fake_backend_stop(&b);
}

/* A single bad delivery with nothing to compare it to. */
static void silence_ends_the_doubt(void **state UNUSED)
{
	static const unsigned sizes[] = { 1, 2, 64, 512 };
	for (size_t i = 0; i < COUNTOF(sizes); i++) {
		fake_backend_start(&b, NULL, pick(UINT64_MAX));
		b.refuse_all = true;
		fake_backend_take(&b, TRACES, 0, sizes[i], 50);
		assert_int_equal(fake_backend_get(&b, queued), sizes[i]);
		assert_in_range(b.n_requests, 1, 36);
		fake_backend_advance(&b, 5900 * NS_PER_MS);
		assert_int_equal(fake_backend_get(&b, queued), sizes[i]);
		fake_backend_advance(&b, 101 * NS_PER_MS);
		assert_int_equal(fake_backend_get(&b, dead_lettered), sizes[i]);
		assert_int_equal(fake_backend_get(&b, send_failed), sizes[i]);
		assert_int_equal(exporter_state(b.exporter), EXPORTER_OK);
		b.refuse_all = false;
		fake_backend_take(&b, TRACES, 1000, 8, 50);
		assert_int_equal(fake_backend_get(&b, delivered), 8);
		fake_backend_stop(&b);
	}
}

/* An acceptance of another delivery ends it at once. */
static void others_vouch(void **state UNUSED)
{
	fake_backend_start(&b, NULL, 1);
	b.poison[0] = true;
	fake_backend_take(&b, TRACES, 0, 1, 50);
	assert_int_equal(fake_backend_get(&b, queued), 1);
	fake_backend_take(&b, TRACES, 1, 1, 50);
	assert_int_equal(fake_backend_get(&b, dead_lettered), 1);
	assert_int_equal(fake_backend_get(&b, delivered), 1);
	assert_int_equal(b.sent[0], 1);
	fake_backend_stop(&b);
}

/* A bad item in each delivery is no reason to hold: parts of them are accepted. */
static void bad_items_everywhere_do_not_hold(void **state UNUSED)
{
	static const char *const where[] = { "first", "last", "spread", "random" };
	for (size_t i = 0; i < COUNTOF(where); i++) {
		static size_t sizes[128];
		unsigned n = 0;
		fake_backend_start(&b, NULL, pick(UINT64_MAX));
		for (unsigned k = 0; k < 20; k++) {
			n += mark(k * 128, 128, 4, where[i]);
			for (unsigned m = 0; m < 128; m++)
				sizes[m] = 30;
			fake_backend_put(&b, TRACES, k * 128, 128, sizes);
		}
		fake_backend_finish(&b, NS_PER_S);
		check_items(0, 20 * 128);
		assert_int_equal(fake_backend_get(&b, dead_lettered), n);
		assert_false(fake_backend_has_logged(&b, "Exporter is held"));
		fake_backend_stop(&b);
	}
}

/* A hold that was wrong, or is over for some data only, heals: what is refused again when the exporter works is the data's fault. */
static void hold_ends_with_bad_data_among(void **state UNUSED)
{
	fake_backend_start(&b, NULL, 1);
	for (unsigned k = 0; k < 6; k++)
		b.poison[k] = true;
	for (unsigned k = 0; k < 6; k++)
		fake_backend_take(&b, TRACES, k, 1, 50);
	assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
	fake_backend_take(&b, TRACES, 6, 50, 50);
	fake_backend_finish(&b, 600 * NS_PER_S);
	check_items(0, 56);
	assert_int_equal(fake_backend_get(&b, dead_lettered), 6);
	assert_int_equal(exporter_state(b.exporter), EXPORTER_OK);
	fake_backend_stop(&b);
}

/* The first quarter of every delivery is bad: more than is looked for before the hold. Its probes get smaller until one passes. */
static void wrong_hold_heals(void **state UNUSED)
{
	static const unsigned counts[] = { 3, 20 };
	for (size_t i = 0; i < COUNTOF(counts); i++) {
		static size_t sizes[256];
		unsigned n = counts[i];
		fake_backend_start(&b, NULL, pick(UINT64_MAX));
		for (unsigned k = 0; k < n; k++) {
			mark(k * 256, 256, 64, "first");
			fake_backend_put(&b, TRACES, k * 256, 256, sizes);
		}
		fake_backend_poke(&b);
		assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
		unsigned before = b.n_requests;
		while (exporter_state(b.exporter) == EXPORTER_HELD) {
			fake_backend_advance(&b, 30 * NS_PER_S);
			assert_in_range(b.n_requests - before, 0, 60 + n * 300);
		}
		fake_backend_finish(&b, 10 * NS_PER_S);
		assert_true(fake_backend_get(&b, delivered) >= n * 100);
		fake_backend_stop(&b);
	}
}

/* The same with passing faults in between. */
static void doubt_survives_passing_faults(void **state UNUSED)
{
	for (unsigned round = 0; round < 40; round++) {
		struct exporter_settings s = fake_backend_settings();
		s.n_consumers = 1 + (unsigned)pick(10);
		s.retry.max_elapsed_time.ns = 0;
		fake_backend_start(&b, &s, pick(UINT64_MAX));
		b.busy_percent = 20 + (unsigned)pick(30);
		unsigned n = 0;
		for (unsigned k = 0; k < 4; k++) {
			n += mark(k * 256, 256, 3, "random");
			fake_backend_take(&b, TRACES, k * 256, 256, 50);
		}
		fake_backend_finish(&b, 6 * 3600 * NS_PER_S);
		check_items(0, 4 * 256);
		assert_int_equal(fake_backend_get(&b, dead_lettered), n);
		fake_backend_stop(&b);
	}
}

static void too_large_is_cut_and_learned(void **state UNUSED)
{
	static size_t sizes[512];
	fake_backend_start(&b, NULL, 1);
	b.max_bytes = 20000;
	for (unsigned i = 0; i < 512; i++)
		sizes[i] = 100 + pick(300);
	sizes[77] = 30000;
	fake_backend_put(&b, TRACES, 0, 512, sizes);
	fake_backend_poke(&b);
	assert_int_equal(fake_backend_get(&b, queued), 0);
	assert_int_equal(fake_backend_get(&b, dead_lettered), 1);
	assert_int_equal(fake_backend_get(&b, delivered), 511);
	assert_true(fake_backend_has_logged(&b, "too_large"));
	assert_true(fake_backend_has_logged(&b, "Destination refuses large requests"));
	assert_in_range(b.n_requests, 8, 40);
	unsigned before = b.n_requests;
	for (unsigned i = 0; i < 512; i++)
		sizes[i] = 100 + pick(300);
	fake_backend_put(&b, TRACES, 512, 512, sizes);
	fake_backend_poke(&b);
	assert_int_equal(fake_backend_get(&b, delivered), 1023);
	for (unsigned i = before; i < b.n_requests; i++)
		assert_int_equal(b.requests[i].kind, DELIVERED); /* cut before it is sent */
	assert_in_range(b.n_requests - before, 7, 16);
	b.poison[77] = true;
	check_items(0, 1024);
	b.max_bytes = 0; /* the limit is tried upwards again */
	fake_backend_advance(&b, 3600 * NS_PER_S);
	before = b.n_requests;
	fake_backend_take(&b, TRACES, 1024, 128, 100);
	assert_in_range(b.n_requests - before, 1, 1);
	fake_backend_stop(&b);
}

/* "Too large" for what is tiny is no statement about size. */
static void always_too_large_is_held(void **state UNUSED)
{
	fake_backend_start(&b, NULL, 1);
	b.max_bytes = 1;
	for (unsigned k = 0; k < 10; k++)
		fake_backend_take(&b, TRACES, k * 100, 100, 50);
	assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
	assert_in_range(b.n_requests, 3, 200);
	assert_int_equal(fake_backend_get(&b, queued), 1000);
	fake_backend_stop(&b);
}

/* A part that meets a passing fault is retried alone. */
static void parts_have_their_own_clock(void **state UNUSED)
{
	unsigned n_again = 0;
	fake_backend_start(&b, NULL, 77);
	b.poison[200] = true;
	b.busy_percent = 40;
	fake_backend_take(&b, TRACES, 0, 512, 50);
	fake_backend_finish(&b, 250 * NS_PER_S);
	check_items(0, 512);
	for (unsigned i = 0; i < b.n_requests; i++)
		n_again += b.requests[i].kind == RETRY && b.requests[i].n_items < 512;
	assert_true(n_again > 0);
	assert_int_equal(fake_backend_get(&b, dead_lettered), 1);
	fake_backend_stop(&b);
}

/* Three deliveries are refused whole, and their parts are lost to a passing fault without a retry: nobody is left to be blamed, and no
 * acceptance ends the doubt. The exporter is held and probed like any other that refuses everything. */
static void doubt_outlives_the_suspects(void **state UNUSED)
{
	struct exporter_settings s = fake_backend_settings();
	s.retry.enabled = false;
	fake_backend_start(&b, &s, pick(UINT64_MAX));
	b.refuse_all = true;
	for (unsigned k = 0; k < 3; k++) {
		assert_int_equal(exporter_state(b.exporter), EXPORTER_OK);
		b.always = DELIVERED;
		b.hangs = true;
		fake_backend_take(&b, TRACES, 4 * k, 4, 50);
		assert_int_equal(b.requests[b.n_requests - 1].kind, BAD_DATA);
		b.always = RETRY; /* the parts */
		b.hangs = false;
		fake_backend_poke(&b);
	}
	assert_int_equal(fake_backend_get(&b, queued), 0);
	assert_int_equal(fake_backend_get(&b, send_failed), 12);
	assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
	b.always = DELIVERED;
	b.refuse_all = false;
	for (unsigned k = 3; k < 6; k++)
		fake_backend_take(&b, TRACES, 4 * k, 4, 50);
	fake_backend_finish(&b, 61 * NS_PER_S);
	assert_int_equal(fake_backend_get(&b, delivered), 12);
	assert_int_equal(exporter_state(b.exporter), EXPORTER_OK);
	fake_backend_stop(&b);
}

/* At the end what was refused for its data is dead-lettered, not dropped, and not cut. */
static void drain_of_a_held_exporter(void **state UNUSED)
{
	fake_backend_start(&b, NULL, 1);
	b.refuse_all = true;
	for (unsigned k = 0; k < 20; k++)
		fake_backend_take(&b, TRACES, k * 8, 8, 50);
	assert_int_equal(exporter_state(b.exporter), EXPORTER_HELD);
	unsigned before = b.n_requests;
	exporter_drain(b.exporter, 10 * NS_PER_S, DROP_SHUTDOWN, NULL, NULL);
	fake_backend_poke(&b);
	assert_int_equal(fake_backend_get(&b, dead_lettered), 160);
	assert_in_range(b.n_requests - before, 1, 40);
	fake_backend_stop(&b);
}

/* Anything together: each good item is delivered exactly once, each bad one is a dead letter, within the bounds. */
static void random_histories(void **state UNUSED)
{
	for (unsigned round = 0; round < 150; round++) {
		static const struct pipeline_batch joined = { fake_pipeline,
			{ .enabled = true,
			        .flush_ns = NS_PER_S,
			        .min_size = 200,
			        .max_size = 400,
			        .sizer = SIZER_ITEMS } };
		static size_t sizes[600];
		struct exporter_settings s = fake_backend_settings();
		uint64_t origin = seed;
		unsigned first = 0, n_bad = 0, n_deliveries = 0;
		s.retry.max_elapsed_time.ns = 0;
		s.n_consumers = 1 + (unsigned)pick(10);
		s.batches = &joined;
		s.n_batches = pick(2);
		print_message("  round %u: seed %llu\n", round, (unsigned long long)origin);
		fake_backend_start(&b, &s, pick(UINT64_MAX));
		b.max_bytes = pick(2) ? 4000 + pick(20000) : 0;
		b.busy_percent = pick(2) ? (unsigned)pick(60) : 0;
		for (unsigned k = 0, n_records = 1 + (unsigned)pick(12); k < n_records; k++, n_deliveries++) {
			unsigned n = 1 + (unsigned)pick(500);
			if (!pick(3))
				n_bad += mark(first, n, 1 + (unsigned)pick(3), "random");
			for (unsigned i = 0; i < n; i++)
				sizes[i] = pick(200);
			fake_backend_put(&b, TRACES, first, n, sizes);
			if (pick(2))
				fake_backend_poke(&b);
			first += n;
		}
		fake_backend_finish(&b, 3600 * NS_PER_S);
		for (unsigned i = 0; i < first; i++)
			if (b.accepted[i] > !b.poison[i])
				fail_msg("item %u: accepted %u times", i, b.accepted[i]);
		assert_int_equal(fake_backend_get(&b, delivered) + fake_backend_get(&b, dead_lettered), first);
		if (fake_backend_get(&b, dead_lettered) != n_bad)
			fail_msg("%llu dead letters, %u bad items",
			        (unsigned long long)fake_backend_get(&b, dead_lettered), n_bad);
		fake_backend_stop(&b);
	}
}

int main(void)
{
	const char *given = getenv("SEED");
	seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_wall(clock_system());
	print_message("SEED=%llu\n", (unsigned long long)seed);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_bad_items_are_found),
		cmocka_unit_test(joined_records_are_cut_between_first),
		cmocka_unit_test(many_bad_items_are_bounded),
		cmocka_unit_test(everything_refused_holds),
		cmocka_unit_test(slow_senders_lose_nothing_either),
		cmocka_unit_test(silence_ends_the_doubt),
		cmocka_unit_test(others_vouch),
		cmocka_unit_test(bad_items_everywhere_do_not_hold),
		cmocka_unit_test(hold_ends_with_bad_data_among),
		cmocka_unit_test(wrong_hold_heals),
		cmocka_unit_test(doubt_survives_passing_faults),
		cmocka_unit_test(too_large_is_cut_and_learned),
		cmocka_unit_test(always_too_large_is_held),
		cmocka_unit_test(parts_have_their_own_clock),
		cmocka_unit_test(doubt_outlives_the_suspects),
		cmocka_unit_test(drain_of_a_held_exporter),
		cmocka_unit_test(random_histories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
