/* test_keys.c - the perfect hash: every name has its id, nothing else has one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "lib/otlp/keys.h"

static void expect_all(const slice *names, size_t n)
{
	struct key_table *t = key_table_new(names, n);
	for (size_t i = 0; i < n; i++) {
		char *copy = malloc(names[i].len + 1); /* exact size: ASan sees a read past the end */
		if (names[i].len)
			memcpy(copy, names[i].p, names[i].len);
		char *exact = realloc(copy, names[i].len ? names[i].len : 1);
		assert_int_equal(key_table_id(t, (slice){ exact, names[i].len }), i + 1);
		free(exact);
		assert_true(slice_eq(key_table_name(t, (uint16_t)(i + 1)), names[i]));
		/* all names here end in a mark that is nowhere else, so that a shorter one is none */
		assert_int_equal(key_table_id(t, (slice){ names[i].p, names[i].len - 1 }), 0);
	}
	assert_int_equal(key_table_name(t, 0).len, 0);
	key_table_free(t);
}

static void test_lengths(void **state)
{
	(void)state;
	/* all lengths, so that every path of the hash sees names that differ in one byte only */
	static char text[64 * 70];
	slice names[128];
	size_t n = 0;
	char *at = text;
	for (size_t len = 1; len < 60; len++) {
		memset(at, 'a', len);
		at[len - 1] = '?';
		names[n++] = (slice){ at, len };
		at += len;
	}
	expect_all(names, n);
}

static void test_one_byte(void **state)
{
	(void)state;
	for (size_t len = 1; len <= 50; len++) {
		char text[50];
		memset(text, 'k', sizeof(text));
		slice name = { text, len };
		struct key_table *t = key_table_new(&name, 1);
		char other[50];
		for (size_t i = 0; i < len; i++) {
			memcpy(other, text, sizeof(text));
			other[i] ^= 1;
			assert_int_equal(key_table_id(t, (slice){ other, len }), 0);
		}
		assert_int_equal(key_table_id(t, name), 1);
		key_table_free(t);
	}
}

/* The compare behind the hash, which hardly ever sees names that differ: every byte of it counts. */
static void test_same(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 50; len++) {
		char *text = malloc(len + 1),
		     *other = malloc(len + 1); /* exact but for one: reads behind the end are seen */
		assert_true(text && other);
		for (size_t i = 0; i < len; i++)
			text[i + 1] = other[i + 1] = (char)('a' + i % 26);
		assert_true(key_same(text + 1, other + 1, len));
		for (size_t i = 1; i <= len; i++) {
			other[i] ^= 1;
			assert_false(key_same(text + 1, other + 1, len));
			other[i] ^= 1;
		}
		free(text);
		free(other);
	}
}

static void test_many(void **state)
{
	(void)state;
	enum { N = 20000 };
	static char text[N][40];
	static slice names[N];
	for (size_t i = 0; i < N; i++)
		names[i] = (slice){ text[i],
			(size_t)snprintf(text[i], sizeof(text[i]), "gen_ai.attribute.%zu.x!", i * 7) };
	expect_all(names, N);
}

static void test_none(void **state)
{
	(void)state;
	struct key_table *t = key_table_new(NULL, 0);
	assert_int_equal(key_table_id(t, SLICE("a")), 0);
	assert_int_equal(key_table_id(t, (slice){ 0 }), 0);
	key_table_free(t);
	key_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lengths), cmocka_unit_test(test_one_byte),
		cmocka_unit_test(test_same), cmocka_unit_test(test_many), cmocka_unit_test(test_none) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
