/* test_node.c - trees are built, searched, copied and compared; growth works whatever made the arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/conf/node.h"

static const struct pos at = { "f", 3, 4 };

static struct node *numbers(struct arena *a, size_t n)
{
	struct node *map = node_new(a, NODE_MAP, at);
	for (size_t i = 0; i < n; i++) {
		const char *key = arena_printf(a, "k%zu", i);
		node_set(a, map, slice_of(key), at, node_scalar(a, slice_of(key + 1), at));
	}
	return map;
}

static void test_map(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a);
	for (size_t n = 0; n < 70; n++) {
		struct node *map = numbers(&a, n);
		assert_int_equal(map->n, n);
		for (size_t i = 0; i < n; i++) {
			assert_true(slice_is(map->entries[i].key, arena_printf(&a, "k%zu", i)));
			assert_true(slice_is(map->entries[i].value->text, arena_printf(&a, "%zu", i)));
		}
	}
	struct node *map = numbers(&a, 5), *x = node_scalar(&a, SLICE("x"), at);
	node_set(&a, map, SLICE("k2"), at, x);
	assert_int_equal(map->n, 5);
	assert_ptr_equal(node_get(map, "k2"), x);
	assert_ptr_equal(map->entries[2].value, x);
	assert_null(node_get(map, "k9"));
	assert_null(node_get(x, "k2"));
	assert_null(node_get(NULL, "k2"));
	arena_release(&a);
}

static void test_append_to_a_full_array(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a);
	struct node *items[3];
	for (size_t i = 0; i < 3; i++)
		items[i] = node_scalar(&a, SLICE("i"), at);
	struct node *list = node_new(&a, NODE_LIST, at);
	list->items = items;
	list->n = 3; /* cap 0: the array belongs to someone else and is full */
	for (size_t i = 3; i < 50; i++)
		node_append(&a, list, node_scalar(&a, SLICE("j"), at));
	assert_int_equal(list->n, 50);
	assert_ptr_equal(list->items[2], items[2]);
	assert_true(slice_is(list->items[49]->text, "j"));
	arena_release(&a);
}

static void test_copy_and_equal(void **state)
{
	(void)state;
	struct arena a, b;
	arena_init(&a);
	arena_init(&b);
	struct node *map = numbers(&a, 6), *list = node_new(&a, NODE_LIST, at);
	node_append(&a, list, node_scalar(&a, SLICE("v"), at));
	list->items[0]->quoted = list->items[0]->secret = true;
	node_set(&a, map, SLICE("list"), at, list);

	struct node *copy = node_copy(&b, map);
	assert_true(node_equal(map, copy));
	assert_true(node_get(copy, "list")->items[0]->secret);
	assert_int_equal(copy->pos.line, 3);
	arena_release(&a); /* the copy holds nothing of the original */
	assert_true(slice_is(node_get(copy, "k5")->text, "5"));
	node_set(&b, copy, SLICE("k7"), at, node_scalar(&b, SLICE("7"), at));
	node_set(&b, copy, SLICE("k8"), at, node_scalar(&b, SLICE("8"), at));
	assert_true(slice_is(node_get(copy, "k4")->text, "4"));

	struct node *other = node_copy(&b, copy);
	node_get(other, "list")->items[0]->quoted = false;
	assert_false(node_equal(copy, other));
	other = node_copy(&b, copy);
	node_get(other, "k0")->text = SLICE("1");
	assert_false(node_equal(copy, other));
	other = node_copy(&b, copy);
	other->n--;
	assert_false(node_equal(copy, other));
	other = node_copy(&b, copy);
	other->pos.line = 99; /* places do not count */
	assert_true(node_equal(copy, other));
	assert_true(node_equal(NULL, NULL));
	assert_false(node_equal(copy, NULL));
	assert_null(node_copy(&b, NULL));
	arena_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_append_to_a_full_array),
		cmocka_unit_test(test_copy_and_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
