/* test_map.c - map against a plain array on random operations; order of walking; slices and errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/err.h"
#include "lib/base/map.h"

static void basics(void **state UNUSED)
{
	struct map m;
	int a, b, c;
	map_init(&m);
	assert_null(map_get(&m, SLICE("x")));
	assert_null(map_del(&m, SLICE("x")));
	assert_null(map_put(&m, SLICE("x"), &a));
	assert_null(map_put(&m, SLICE(""), &b));
	assert_ptr_equal(map_put(&m, SLICE("x"), &c), &a);
	assert_ptr_equal(map_get(&m, SLICE("x")), &c);
	assert_ptr_equal(map_get(&m, (slice){ NULL, 0 }), &b);
	assert_int_equal(m.n, 2);
	assert_ptr_equal(map_del(&m, SLICE("x")), &c);
	assert_null(map_get(&m, SLICE("x")));
	map_release(&m);
}

enum { N_KEYS = 300 };

static void random_against_array(void **state UNUSED)
{
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	struct map m;
	map_init(&m);
	char names[N_KEYS][16];
	int values[N_KEYS];
	void *model[N_KEYS] = { 0 };
	for (int i = 0; i < N_KEYS; i++)
		snprintf(names[i], sizeof(names[i]), "k%d", i);
	for (int i = 0; i < 100000; i++) {
		int k = rand_r(&seed) % N_KEYS;
		/* a fresh copy as key of the query: identity of the pointer must not matter */
		char copy[16];
		memcpy(copy, names[k], sizeof(copy));
		switch (rand_r(&seed) % 3) {
		case 0:
			assert_ptr_equal(map_put(&m, slice_of(names[k]), &values[k]), model[k]);
			model[k] = &values[k];
			break;
		case 1:
			assert_ptr_equal(map_del(&m, slice_of(copy)), model[k]);
			model[k] = NULL;
			break;
		default:
			assert_ptr_equal(map_get(&m, slice_of(copy)), model[k]);
		}
	}
	size_t live = 0, want = 0;
	for (size_t i = 0; i < m.n; i++)
		live += m.entries[i].value != NULL;
	for (int i = 0; i < N_KEYS; i++)
		want += model[i] != NULL;
	assert_int_equal(live, want);
	map_release(&m);
}

static void walks_in_order(void **state UNUSED)
{
	struct map m;
	map_init(&m);
	char names[500][16];
	for (int i = 0; i < 500; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d", i);
		map_put(&m, slice_of(names[i]), names[i]);
		if (i % 3 == 0)
			map_del(&m, slice_of(names[i]));
	}
	int next = 0;
	for (size_t i = 0; i < m.n; i++) {
		if (!m.entries[i].value)
			continue;
		next += next % 3 == 0;
		assert_string_equal(m.entries[i].value, names[next++]);
	}
	assert_int_equal(next, 500 - (500 % 3 == 1));
	map_release(&m);
}

static void hash_depends_on_all(void **state UNUSED)
{
	char text[24] = "abcdefghijklmnopqrstuvw";
	for (size_t n = 0; n < sizeof(text); n++) {
		uint64_t h = hash_bytes(text, n, 1);
		assert_int_equal(h, hash_bytes(text, n, 1));
		assert_true(h != hash_bytes(text, n, 2));
		assert_true(h != hash_bytes(text, n + 1, 1));
		for (size_t i = 0; i < n; i++) {
			text[i] ^= 1;
			assert_true(h != hash_bytes(text, n, 1));
			text[i] ^= 1;
		}
	}
}

static void slices(void **state UNUSED)
{
	assert_true(slice_ieq(SLICE("Content-TYPE"), SLICE("content-type")));
	assert_false(slice_ieq(SLICE("a["), SLICE("a{"))); /* 0x5B and 0x7B differ by 0x20 too */
	assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
	assert_false(slice_starts(SLICE("ab"), SLICE("abc")));
	assert_true(slice_is(slice_trim(SLICE(" \t a b\r\n")), "a b"));
	assert_int_equal(slice_trim(SLICE("  ")).len, 0);
	assert_int_equal(slice_distance(SLICE("endpoint"), SLICE("endpiont"), 2), 1);
	assert_int_equal(slice_distance(SLICE("endpoint"), SLICE("endpoints"), 2), 1);
	assert_int_equal(slice_distance(SLICE("kitten"), SLICE("sitting"), 5), 3);
	assert_int_equal(slice_distance(SLICE("kitten"), SLICE("sitting"), 2), 3);
	assert_int_equal(slice_distance(SLICE(""), SLICE("ab"), 2), 2);
	assert_int_equal(slice_distance(SLICE("same"), SLICE("same"), 2), 0);
}

static void errors(void **state UNUSED)
{
	struct err e;
	char long_text[700];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = 0;
	assert_int_equal(err_at(&e, (struct pos){ "f.yaml", 3, 4 }, "bad %s", "thing"), -1);
	assert_int_equal(err_prefix(&e, "while %s", "loading"), -1);
	assert_string_equal(e.text, "while loading: bad thing");
	assert_int_equal(e.pos.line, 3);
	err_set(&e, "%s", long_text);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(e.pos.line, 0);
	err_prefix(&e, "p");
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "p: xxx", 6);
	/* a cut never leaves half a character */
	memcpy(long_text + 509, "\xF0\x9F\x98\x80", 4);
	err_set(&e, "%s", long_text);
	assert_int_equal(strlen(e.text), 509);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(basics),
		cmocka_unit_test(random_against_array),
		cmocka_unit_test(walks_in_order),
		cmocka_unit_test(hash_depends_on_all),
		cmocka_unit_test(slices),
		cmocka_unit_test(errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
