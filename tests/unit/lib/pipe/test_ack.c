/* test_ack.c - the book of acks: in order of number, each given out once, and a search that looks at nothing twice. */
#include "lib/pipe/ack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 3000 };

static char things[N + 1]; /* the book does not look into an ack */

static struct ack *ack_of(uint64_t seq)
{
	return (struct ack *)(void *)&things[seq];
}

/* Calls `is` for seq; counts the calls. */
struct search {
	uint64_t every, n_calls;
};

static bool is_multiple(void *ctx, uint64_t seq)
{
	struct search *s = ctx;
	s->n_calls++;
	return seq % s->every == 0;
}

static struct ack_book *make_book(void)
{
	struct ack_book *b = ack_book_new();
	for (uint64_t seq = 2; seq <= N; seq += 2) { /* pairs in the wrong order */
		ack_book_add(b, seq, ack_of(seq));
		ack_book_add(b, seq - 1, ack_of(seq - 1));
	}
	return b;
}

static void test_take(void **state)
{
	struct ack_book *b = make_book();
	(void)state;
	for (uint64_t seq = N; seq > 0; seq--) {
		assert_ptr_equal(ack_book_take(b, seq), ack_of(seq));
		assert_null(ack_book_take(b, seq));
	}
	assert_null(ack_book_take(b, N + 1));
	ack_book_free(b);
}

static void test_take_if(void **state)
{
	static const uint64_t every[] = { 1, 2, 7, N, N + 1 };
	(void)state;
	for (size_t i = 0; i < COUNTOF(every); i++) {
		struct ack_book *b = make_book();
		struct search s = { .every = every[i] };
		struct ack *a;
		uint64_t from = 0, expected = 0;
		while ((a = ack_book_take_if(b, &from, is_multiple, &s)))
			assert_ptr_equal(a, ack_of(expected += every[i]));
		assert_int_equal(expected, N / every[i] * every[i]);
		assert_in_range(s.n_calls, N, N);
		for (uint64_t seq = 1; seq <= N; seq++) /* the others are still there */
			assert_ptr_equal(ack_book_take(b, seq), seq % every[i] ? ack_of(seq) : NULL);
		ack_book_free(b);
	}
}

/* What is added between two steps of a search is found when its number is still to come, and kept else. */
static void test_added_meanwhile(void **state)
{
	struct ack_book *b = ack_book_new();
	struct search s = { .every = 10 };
	uint64_t from = 0;
	(void)state;
	ack_book_add(b, 15, ack_of(15));
	ack_book_add(b, 20, ack_of(20));
	assert_ptr_equal(ack_book_take_if(b, &from, is_multiple, &s), ack_of(20));
	ack_book_add(b, 10, ack_of(10));
	ack_book_add(b, 30, ack_of(30));
	assert_ptr_equal(ack_book_take_if(b, &from, is_multiple, &s), ack_of(30));
	assert_null(ack_book_take_if(b, &from, is_multiple, &s));
	from = 0;
	assert_ptr_equal(ack_book_take_if(b, &from, is_multiple, &s), ack_of(10));
	assert_ptr_equal(ack_book_take(b, 15), ack_of(15));
	ack_book_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_take_if),
		cmocka_unit_test(test_added_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
