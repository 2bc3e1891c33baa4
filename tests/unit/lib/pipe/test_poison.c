/* test_poison.c - the size that is learned, and how many requests a refused delivery may come to. */
#include "lib/base/clock.h"
#include "lib/pipe/poison.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MINUTE (60 * NS_PER_S)

static void test_learns_the_size(void **state)
{
	struct size_limit l = { 0 };
	(void)state;
	assert_int_equal(size_now(&l, MINUTE), 0);
	size_refused(&l, 4000, MINUTE);
	assert_int_equal(size_now(&l, MINUTE), 3200);
	size_refused(&l, 2000, MINUTE);
	assert_int_equal(size_now(&l, MINUTE), 1600);
	size_refused(&l, 3000, MINUTE); /* was on its way */
	assert_int_equal(size_now(&l, MINUTE), 1600);
	size_accepted(&l, 1000, MINUTE);
	assert_int_equal(size_now(&l, MINUTE), 1600);
	size_refused(&l, 1100, MINUTE); /* between: not below what was accepted */
	assert_int_equal(size_now(&l, MINUTE), 1000);
	size_accepted(&l, 1200, MINUTE);
	assert_int_equal(size_now(&l, MINUTE), 1200);
}

/* One item that is refused as too large in a delivery of a size that passes otherwise. */
static void test_accepted_size_is_no_limit(void **state)
{
	struct size_limit l = { 0 };
	(void)state;
	size_accepted(&l, 5000, MINUTE);
	size_refused(&l, 5000, 2 * MINUTE);
	size_refused(&l, 300, 2 * MINUTE);
	assert_int_equal(size_now(&l, 2 * MINUTE), 0);
	size_refused(&l, 5000, 12 * MINUTE); /* that was long ago: the limit may be new */
	assert_int_equal(size_now(&l, 12 * MINUTE), 4000);
}

static void test_tries_more_after_ten_minutes(void **state)
{
	struct size_limit l = { 0 };
	(void)state;
	size_refused(&l, 10000, 0);
	assert_int_equal(size_now(&l, 10 * MINUTE - 1), 8000);
	assert_int_equal(size_now(&l, 10 * MINUTE), 10001);
	assert_int_equal(size_now(&l, 19 * MINUTE), 10001);
	assert_int_equal(size_now(&l, 20 * MINUTE), 12502);
	size_refused(&l, 12000, 20 * MINUTE);
	assert_int_equal(size_now(&l, 29 * MINUTE), 9600);
	assert_int_equal(size_now(&l, 100000 * MINUTE), 0); /* forgotten in the end */
}

static void test_bounds(void **state)
{
	static const struct {
		struct origin o;
		bool too_large;
		unsigned hopeless;
		uint32_t max;
	} rows[] = {
		{ { .n_items = 512 }, false, 0, 2 + 2 * (8 + 9) },
		{ { .n_items = 512, .accepted = true }, false, 0, 2 + 2 * 8 * 9 },
		{ { .n_items = 513, .vouched = true }, false, 2, 2 + 2 * 8 * 10 },
		{ { .n_items = 512, .vouched = true }, false, 3, HOPELESS_MAX },
		{ { .n_items = 512, .accepted = true }, false, 9, 2 + 2 * 8 * 9 },
		{ { .n_items = 1 }, false, 0, 2 + 2 * (8 + 1) },
		{ { .n_items = 512 }, true, 9, SIZE_REQUESTS_FIRST },
		{ { .n_items = 512, .accepted = true }, true, 0, SIZE_REQUESTS_MAX },
	};
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++)
		assert_int_equal(origin_max_requests(&rows[i].o, rows[i].too_large, rows[i].hopeless), rows[i].max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learns_the_size),
		cmocka_unit_test(test_accepted_size_is_no_limit),
		cmocka_unit_test(test_tries_more_after_ten_minutes),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
