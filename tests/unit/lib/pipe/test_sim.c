/* test_sim.c - seeded runs of the whole program on one thread, each checked against the oracle (rig/sim.h).
 *
 * SIM_RUNS runs from the seed SIM_BASE on (10,000 from 1; fewer under sanitizers); SIM_SEED repeats one. A run that fails prints its seed, and a
 * run that hangs is ended with it. Over all runs each thing that can happen must have happened.
 */
#include "tests/unit/rig/sim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifdef SANITIZED
enum { RUNS = 1000 };
#else
enum { RUNS = 10000 };
#endif
enum { HANG_S = 60, SAME = 20 };

static char hang_text[64];

static void on_hang(int sig UNUSED)
{
	if (write(2, hang_text, strlen(hang_text)) < 0)
		_exit(2);
	_exit(1);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);
	return v ? strtoull(v, NULL, 10) : otherwise;
}

static bool run(struct sim *s, uint64_t seed)
{
	snprintf(hang_text, sizeof hang_text, "SIM_SEED=%llu hangs\n", (unsigned long long)seed);
	alarm(HANG_S);
	bool ok = sim_run(s, seed);
	alarm(0);
	if (!ok)
		print_message("SIM_SEED=%llu: %s\n", (unsigned long long)seed, s->wrong);
	return ok;
}

static struct sim *new_sim(void)
{
	struct sim *s = calloc(1, sizeof *s);
	assert_non_null(s);
	signal(SIGALRM, on_hang);
	return s;
}

static void test_runs(void **state UNUSED)
{
	struct sim *s = new_sim();
	uint64_t base = number("SIM_SEED", number("SIM_BASE", 1)), total[N_SIM_EVENTS] = { 0 };
	uint64_t n = getenv("SIM_SEED") ? 1 : number("SIM_RUNS", RUNS), n_failed = 0;
	for (uint64_t seed = base; seed < base + n; seed++) {
		n_failed += !run(s, seed);
		for (unsigned i = 0; i < N_SIM_EVENTS; i++)
			total[i] += s->counts[i];
	}
	for (unsigned i = 0; i < N_SIM_EVENTS; i++)
		print_message("%10llu %s\n", (unsigned long long)total[i], sim_event_name((enum sim_event)i));
	for (unsigned i = 0; i < N_SIM_EVENTS && n >= 1000; i++)
		if (total[i] < n / 100)
			fail_msg("hardly ever: %s", sim_event_name((enum sim_event)i));
	assert_int_equal(n_failed, 0);
	free(s);
}

static void test_same_seed_same_run(void **state UNUSED)
{
	struct sim *s = new_sim();
	uint64_t base = number("SIM_SEED", number("SIM_BASE", 1)), n = getenv("SIM_SEED") ? 1 : SAME, last = 0;
	for (uint64_t seed = base; seed < base + n; seed++) {
		run(s, seed);
		uint64_t trace = s->trace;
		run(s, seed);
		assert_int_equal(s->trace, trace);
		assert_int_not_equal(s->trace, last);
		last = trace;
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_run),
		cmocka_unit_test(test_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
