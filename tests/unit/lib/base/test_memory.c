/* test_memory.c - arena, pool, buf and vec: who counts what, and what a refusal leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/vec.h"

static void arena_gives_aligned_memory(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	char *last = NULL;
	for (size_t i = 0; i < 3000; i++) {
		char *p = arena_alloc(&a, i % 700);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_true(p != last);
		memset(p, 0xAB, i % 700);
		last = p;
	}
	char *big = arena_zalloc(&a, 1 << 20);
	assert_int_equal(big[0] | big[(1 << 20) - 1], 0);
	assert_true(a.used > (1 << 20));
	assert_null(arena_try(&a, SIZE_MAX));
	arena_release(&a);
	assert_int_equal(a.used, 0);
}

static void arena_copies(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	slice s = arena_dup(&a, SLICE("abcdef"));
	assert_true(slice_is(s, "abcdef"));
	assert_int_equal(s.p[6], 0);
	assert_string_equal(arena_cstr(&a, (slice){ NULL, 0 }), "");
	assert_string_equal(arena_printf(&a, "%d %s", 5, "x"), "5 x");
	arena_release(&a);
}

static void arena_begins_in_the_space_given(void **state UNUSED)
{
	struct arena a;
	_Alignas(16) char space[64];
	arena_init_with(&a, space, sizeof space);
	assert_ptr_equal(arena_alloc(&a, 48), space);
	assert_ptr_equal(arena_alloc(&a, 16), space + 48);
	char *more = arena_zalloc(&a, 16);
	assert_true(more < space || more >= space + sizeof space);
	arena_release(&a); /* frees what it took and not what it was given */
	assert_non_null(arena_zalloc(&a, 16));
	arena_release(&a);
}

static void arena_reset_keeps_the_largest_allowed(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	for (size_t n = 10000; n <= 1000000; n *= 10)
		assert_non_null(arena_zalloc(&a, n));
	arena_reset(&a, 200000);
	size_t kept = (size_t)(a.end - a.at);
	assert_true(kept >= 100000 && kept <= 200000);
	assert_int_equal(a.used, 0);
	assert_non_null(arena_zalloc(&a, kept / 2));
	arena_reset(&a, 10);
	assert_true(a.end == a.at);
	assert_non_null(arena_zalloc(&a, 10));
	arena_release(&a);
}

static void pool_refuses(void **state UNUSED)
{
	struct pool p;
	pool_init(&p, 100);
	assert_true(pool_take(&p, 60));
	assert_false(pool_take(&p, 41));
	assert_int_equal(pool_used(&p), 60);
	assert_true(pool_take(&p, 40));
	assert_int_equal(p.peak, 100);
	assert_int_equal(p.n_refused, 1);
	pool_give(&p, 70);
	pool_set_limit(&p, 20);
	assert_false(pool_take(&p, 1)); /* above the new limit already */
	pool_give(&p, 25);
	assert_true(pool_take(&p, 15));
	assert_false(pool_take(&p, UINT64_MAX));
	assert_int_equal(pool_used(&p), 20);
}

static void buf_counts_its_capacity(void **state UNUSED)
{
	struct pool p;
	pool_init(&p, 1000);
	struct buf *b = buf_new(&p, 100);
	assert_non_null(b);
	assert_int_equal(b->len, 0);
	assert_int_equal(pool_used(&p), 100);
	memcpy(b->data, "hello", 5);
	b->len = 5;
	assert_int_equal(buf_reserve(&b, 600), 0);
	assert_true(slice_is(buf_slice(b), "hello"));
	assert_int_equal(pool_used(&p), 600);
	assert_int_equal(buf_reserve(&b, 50), 0);
	assert_int_equal(b->cap, 600);
	assert_int_equal(buf_reserve(&b, 1001), -1);
	assert_true(slice_is(buf_slice(b), "hello"));
	assert_int_equal(pool_used(&p), 600);
	buf_trim(&b);
	assert_int_equal(b->cap, 5);
	assert_int_equal(pool_used(&p), 5);
	static const char zero[BUF_SLACK];
	assert_memory_equal(b->data + b->len, zero, BUF_SLACK);
	struct buf *shared = buf_ref(b);
	buf_unref(b);
	assert_int_equal(pool_used(&p), 5);
	assert_true(slice_is(buf_slice(shared), "hello"));
	buf_unref(shared);
	assert_int_equal(pool_used(&p), 0);
}

static void buf_trim_leaves_small_waste(void **state UNUSED)
{
	struct buf *b = buf_new(NULL, 100);
	memset(b->data, 'x', 100);
	b->len = 80;
	buf_trim(&b);
	assert_int_equal(b->cap, 100);
	static const char zero[BUF_SLACK];
	assert_memory_equal(b->data + 80, zero, BUF_SLACK);
	buf_unref(b);
}

static void buf_refusals(void **state UNUSED)
{
	struct pool p;
	pool_init(&p, 10);
	assert_null(buf_new(&p, 11));
	assert_null(buf_copy(&p, SLICE("12345678901")));
	assert_int_equal(pool_used(&p), 0);
	assert_null(buf_new(NULL, SIZE_MAX));
	pool_set_limit(&p, UINT64_MAX);
	assert_null(buf_new(&p, SIZE_MAX - 10)); /* memory refuses: the tokens come back */
	assert_int_equal(pool_used(&p), 0);
	struct buf *b = buf_copy(&p, (slice){ NULL, 0 });
	assert_non_null(b);
	assert_int_equal(b->len, 0);
	buf_unref(b);
	buf_unref(NULL);
}

struct pair {
	int a, b;
};

static void vec_grows(void **state UNUSED)
{
	VEC(struct pair) v = { 0 };
	for (int i = 0; i < 1000; i++)
		VEC_ADD(&v)->a = i;
	assert_int_equal(v.n, 1000);
	for (int i = 0; i < 1000; i++)
		assert_true(v.v[i].a == i && v.v[i].b == 0);
	VEC_RELEASE(&v);
	assert_null(v.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_gives_aligned_memory),
		cmocka_unit_test(arena_copies),
		cmocka_unit_test(arena_begins_in_the_space_given),
		cmocka_unit_test(arena_reset_keeps_the_largest_allowed),
		cmocka_unit_test(pool_refuses),
		cmocka_unit_test(buf_counts_its_capacity),
		cmocka_unit_test(buf_trim_leaves_small_waste),
		cmocka_unit_test(buf_refusals),
		cmocka_unit_test(vec_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
