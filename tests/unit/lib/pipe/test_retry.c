/* test_retry.c - backoff growth, jitter, give-up and Retry-After, against the Collector's rules. */
#include "lib/base/clock.h"
#include "lib/pipe/retry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct retry_conf defaults = {
	.enabled = true,
	.initial_interval = { 5 * NS_PER_S },
	.max_interval = { 30 * NS_PER_S },
	.max_elapsed_time = { 300 * NS_PER_S },
	.randomization_factor = 0.5,
	.multiplier = 1.5,
};

static void test_growth(void **state)
{
	static const double expected_s[] = { 5, 7.5, 11.25, 16.875, 25.3125, 30, 30 };
	struct backoff b = { 0 };
	(void)state;
	for (size_t i = 0; i < COUNTOF(expected_s); i++) {
		int64_t d = backoff_next(&b, &defaults, 0, 0, 0.5); /* the middle of the jitter: factor 1 */
		assert_true(d > (int64_t)(expected_s[i] * 1e9) - 1000 && d < (int64_t)(expected_s[i] * 1e9) + 1000);
	}
}

static void test_jitter_bounds(void **state)
{
	struct backoff low = { 0 }, high = { 0 };
	(void)state;
	assert_int_equal(backoff_next(&low, &defaults, 0, 0, 0), 2500 * NS_PER_MS);
	int64_t d = backoff_next(&high, &defaults, 0, 0, 0.999999);
	assert_true(d > 7499 * NS_PER_MS && d <= 7500 * NS_PER_MS);
}

static void test_gives_up(void **state)
{
	struct backoff b = { .started_ns = 10 * NS_PER_S };
	struct retry_conf forever = defaults;
	(void)state;
	assert_true(backoff_next(&b, &defaults, 300 * NS_PER_S, 0, 0.5) > 0);
	assert_int_equal(backoff_next(&b, &defaults, 306 * NS_PER_S, 0, 0.5), -1);
	forever.max_elapsed_time.ns = 0;
	assert_true(backoff_next(&b, &forever, INT64_C(1) << 60, 0, 0.5) > 0);
}

static void test_longest(void **state)
{
	struct retry_conf slow = { .initial_interval = { 9 * INT64_C(1000000000000000000) },
		.max_interval = { 9 * INT64_C(1000000000000000000) },
		.randomization_factor = 1,
		.multiplier = 1 };
	struct backoff b = { 0 };
	(void)state;
	for (int i = 0; i < 3; i++) /* twice nine billion seconds are no int64 */
		assert_true(backoff_next(&b, &slow, 0, 0, 0.99) > INT64_C(1000000000) * NS_PER_S);
	slow.max_elapsed_time = slow.max_interval;
	assert_true(backoff_next(&b, &slow, INT64_MAX / 2, 0, 0.99) > 0);
}

static void test_retry_after_is_a_lower_bound(void **state)
{
	struct backoff b = { 0 };
	(void)state;
	assert_int_equal(backoff_next(&b, &defaults, 0, 60 * NS_PER_S, 0.5), 60 * NS_PER_S);
	assert_int_equal(backoff_next(&b, &defaults, 0, NS_PER_S, 0.5), 7500 * NS_PER_MS);
	/* longer than what is left of max_elapsed_time: given up at once */
	assert_int_equal(backoff_next(&b, &defaults, 0, 400 * NS_PER_S, 0.5), -1);
}

static void test_retry_after_header(void **state)
{
	static const struct {
		const char *value, *date;
		int64_t seconds;
	} rows[] = {
		{ "7", "", 7 },
		{ " 7 ", "", 7 },
		{ "0", "", 0 },
		{ "99999999999999", "", 900 },
		{ "-1", "", -1 },
		{ "soon", "", -1 },
		{ "1.5", "", -1 },
		{ "", "", -1 },
		{ "Sun, 06 Nov 1994 08:49:47 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 10 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:47 GMT", 0 },
		/* without Date our own clock counts: 784111777 s is 08:49:37 */
		{ "Sun, 06 Nov 1994 08:49:39 GMT", "", 2 },
		{ "Sun, 06 Nov 2094 08:49:37 GMT", "", 900 },
	};
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		int64_t got = retry_after_parse(slice_of(rows[i].value), slice_of(rows[i].date), 784111777 * NS_PER_S);
		assert_int_equal(got, rows[i].seconds < 0 ? -1 : rows[i].seconds * NS_PER_S);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_jitter_bounds),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_retry_after_is_a_lower_bound),
		cmocka_unit_test(test_retry_after_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
