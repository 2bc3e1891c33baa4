/* test_circuit.c - when a failing destination is left alone, and how it is approached again. Time and random are arguments. */
#include "lib/base/clock.h"
#include "lib/pipe/circuit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

static const struct retry_conf conf = {
	.enabled = true,
	.initial_interval = { 5 * NS_PER_S },
	.max_interval = { 30 * NS_PER_S },
	.max_elapsed_time = { 300 * NS_PER_S },
	.randomization_factor = 0.5,
	.multiplier = 1.5,
};

enum { T0 = 1000 };

static bool fail_at(struct circuit *c, int64_t s)
{
	circuit_begin(c);
	return circuit_failed(c, s * NS_PER_S, &conf, 0.5);
}

static void succeed_at(struct circuit *c, int64_t s)
{
	circuit_begin(c);
	circuit_succeeded(c, s * NS_PER_S, 10);
}

static void test_five_in_a_row(void **state)
{
	struct circuit c = { 0 };
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_false(fail_at(&c, T0));
	succeed_at(&c, T0);
	for (int i = 0; i < 4; i++)
		assert_false(fail_at(&c, T0));
	assert_true(circuit_admits(&c, T0 * NS_PER_S, 9));
	assert_int_equal(circuit_until(&c), 0);
	assert_true(fail_at(&c, T0));
	assert_int_equal(c.state, CIRCUIT_OPEN);
	assert_int_equal(circuit_until(&c), (T0 + 5) * NS_PER_S);
	assert_false(circuit_admits(&c, (T0 + 5) * NS_PER_S - 1, 0));
	assert_true(circuit_admits(&c, (T0 + 5) * NS_PER_S, 0));
}

/* More than half of at least 20 within 30 s; what is older does not count. */
static void test_window(void **state)
{
	static const struct {
		unsigned n, n_failed;
		int64_t apart_ms;
		bool opens;
	} rows[] = {
		{ 20, 11, 0, true },
		{ 20, 10, 0, false },
		{ 19, 15, 0, false },
		{ 40, 21, 700, true },
		{ 40, 24, 3000, false }, /* ten of them in 30 s */
		{ 60, 47, 1600, false }, /* 19 in 30 s */
		{ 60, 47, 1000, true },
	};
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct circuit c = { 0 };
		bool opened = false;
		unsigned n_failed = 0;
		for (unsigned k = 0; k < rows[i].n && !opened; k++) {
			int64_t now = T0 * NS_PER_S + k * rows[i].apart_ms * NS_PER_MS;
			bool bad = (k + 1) * rows[i].n_failed / rows[i].n > n_failed; /* spread: no five in a row */
			circuit_begin(&c);
			n_failed += bad;
			if (bad)
				opened = circuit_failed(&c, now, &conf, 0.5);
			else
				circuit_succeeded(&c, now, 10);
		}
		if (opened != rows[i].opens)
			fail_msg("row %zu: %s", i, opened ? "opened" : "did not open");
	}
}

/* One finds out; while it is out nothing else goes; backoff grows; success starts slowly. */
static void test_half_open_and_ramp(void **state)
{
	static const int64_t waits_ms[] = { 5000, 7500, 11250, 16875, 25312, 30000, 30000 };
	struct circuit c = { 0 };
	int64_t now = T0 * NS_PER_S;
	(void)state;
	for (int i = 0; i < 5; i++)
		circuit_failed(&c, now, &conf, 0.5);
	for (size_t i = 0; i < COUNTOF(waits_ms); i++) {
		assert_in_range((circuit_until(&c) - now) / NS_PER_MS, waits_ms[i], waits_ms[i] + 1);
		now = circuit_until(&c);
		assert_true(circuit_probes(&c));
		circuit_begin(&c);
		assert_int_equal(c.state, CIRCUIT_HALF_OPEN);
		assert_false(circuit_admits(&c, now + 3600 * NS_PER_S, 1));
		assert_false(circuit_failed(&c, now, &conf, 0.5)); /* not the one that opened it */
	}
	now = circuit_until(&c);
	circuit_begin(&c);
	for (unsigned limit = 2; limit < 10; limit *= 2) {
		for (unsigned k = 0; k < limit / 2; k++)
			circuit_succeeded(&c, now, 10);
		assert_true(circuit_admits(&c, now, limit - 1));
		assert_false(circuit_admits(&c, now, limit));
	}
	for (unsigned k = 0; k < 8; k++)
		circuit_succeeded(&c, now, 10);
	assert_true(circuit_admits(&c, now, 1000)); /* num_consumers is the exporter's own limit */
	for (int i = 0; i < 5; i++)
		circuit_failed(&c, now, &conf, 0.5);
	assert_int_equal(circuit_until(&c), now + 5 * NS_PER_S); /* the backoff began anew */
}

static void test_fault_while_ramping(void **state)
{
	struct circuit c = { 0 };
	(void)state;
	for (int i = 0; i < 5; i++)
		fail_at(&c, T0);
	for (int i = 0; i < 4; i++)
		succeed_at(&c, T0 + 5);
	assert_true(circuit_admits(&c, (T0 + 5) * NS_PER_S, 3));
	fail_at(&c, T0 + 6);
	assert_int_equal(c.state, CIRCUIT_CLOSED);
	assert_false(circuit_admits(&c, (T0 + 6) * NS_PER_S, 1));
}

/* Answers to what was sent before it opened. */
static void test_late_answers(void **state)
{
	struct circuit c = { 0 };
	(void)state;
	for (int i = 0; i < 10; i++)
		fail_at(&c, T0);
	struct circuit d = { 0 };
	for (int i = 0; i < 5; i++)
		circuit_failed(&d, T0 * NS_PER_S, &conf, 0.5);
	for (int i = 0; i < 5; i++)
		assert_false(circuit_failed(&d, T0 * NS_PER_S, &conf, 0.5));
	assert_int_equal(circuit_until(&d), (T0 + 5) * NS_PER_S); /* not longer for it */
	circuit_succeeded(&d, T0 * NS_PER_S, 10);
	assert_int_equal(d.state, CIRCUIT_CLOSED);
}

static void test_interval_of_zero_does_not_spin(void **state)
{
	struct retry_conf none = { .enabled = true, .multiplier = 1 };
	struct circuit c = { 0 };
	(void)state;
	for (int i = 0; i < 5; i++)
		circuit_failed(&c, NS_PER_S, &none, 0.5);
	assert_false(circuit_admits(&c, NS_PER_S, 0));
	assert_true(circuit_admits(&c, NS_PER_S + NS_PER_MS, 0));
	circuit_reset(&c);
	assert_true(circuit_admits(&c, NS_PER_S, 100));
}

/* A backend that is 3 s up and 3 s down for a week: few attempts while it is down, and none in step. */
static void test_flapping(void **state)
{
	unsigned n_down = 0, n = 0;
	struct circuit c = { 0 };
	(void)state;
	srand(7);
	for (int64_t ms = 0; ms < INT64_C(7) * 86400 * 1000; ms += 100) {
		int64_t now = ms * NS_PER_MS;
		bool up = ms / 3000 % 2 == 0;
		if (!circuit_admits(&c, now, 0))
			continue;
		circuit_begin(&c);
		n++;
		n_down += !up;
		if (up)
			circuit_succeeded(&c, now, 1);
		else
			circuit_failed(&c, now, &conf, rand() / (RAND_MAX + 1.0));
	}
	assert_true(n > 100000);
	assert_true(n_down < 7 * 86400 / 6 * 10); /* of 30 in each bad spell, at most 10 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_five_in_a_row),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_half_open_and_ramp),
		cmocka_unit_test(test_fault_while_ramping),
		cmocka_unit_test(test_late_answers),
		cmocka_unit_test(test_interval_of_zero_does_not_spin),
		cmocka_unit_test(test_flapping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
