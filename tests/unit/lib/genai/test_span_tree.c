/* test_span_tree.c - parents, order and climbing against a naive walk, twins, refused spans, cycles, memory given back. */
#include "tests/unit/lib/genai/spans.h"

#include <time.h>

#include "lib/genai/span_tree.h"
#include "lib/otlp/edit.h"

enum { MANY = 40 };

/* Spans of ids 1.. with these parents (0: none), of one trace or of two; 'd' filters. */
static void load(struct spans *s, const unsigned *parents, const char *kept, unsigned n)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:i,s:i}", "id", (int)i + 1, "parent", (int)parents[i]));
	char *text = json_dumps(list, 0);
	spans_load(s, text);
	free(text);
	json_decref(list);
	struct span *next, *span = traces_first_span(&s->t);
	for (unsigned i = 0; span; i++, span = next) {
		next = traces_next_span(&s->t, span);
		if (kept[i] == 'd')
			span_filter(&s->t, span, 1);
	}
}

static bool is_kept(const void *tree, uint32_t number)
{
	return !((const struct span_tree *)tree)->spans[number]->rule;
}

static bool is_even(const void *unused UNUSED, uint32_t number)
{
	return number % 2 == 0;
}

/* What a walk of at most n steps finds. */
static uint32_t naive_climb(const unsigned *parents, const char *kept, unsigned n, uint32_t i, bool evens)
{
	for (unsigned steps = 0; steps <= n; steps++) {
		if (!parents[i])
			return SPAN_NONE;
		if (parents[i] > n)
			return SPAN_UNKNOWN;
		i = parents[i] - 1;
		if (kept[i] != 'd')
			return i;
		if (evens && i % 2)
			return SPAN_NONE;
	}
	return SPAN_UNKNOWN;
}

static void check_order(const struct span_tree *tree)
{
	unsigned cut = 0;
	bool seen[MANY] = { false };
	for (size_t i = 0; i < tree->n; i++) {
		uint32_t number = tree->order[i], up = tree->parents[number];
		assert_false(seen[number]);
		cut += up < tree->n && !seen[up];
		seen[number] = true;
	}
	assert_int_equal(cut != 0, tree->cyclic);
}

static void random_trees(void **unused UNUSED)
{
	struct span_tree tree;
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	srandom(seed);
	span_tree_init(&tree);
	for (int round = 0; round < 500; round++) {
		struct spans s;
		unsigned parents[MANY], n = 1 + (unsigned)random() % MANY;
		char kept[MANY];
		for (unsigned i = 0; i < n; i++) {
			parents[i] = (unsigned)random() % (n + 3);
			kept[i] = random() % 3 ? 'd' : 'k';
		}
		load(&s, parents, kept, n);
		assert_int_equal(span_tree_build(&tree, &s.t), 0);
		assert_int_equal(tree.n, n);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(tree.parents[i],
			        parents[i] == 0          ? SPAN_NONE
			                : parents[i] > n ? SPAN_UNKNOWN
			                                 : parents[i] - 1);
		check_order(&tree);
		for (int evens = 0; evens < 2; evens++) {
			span_tree_climb(&tree, is_kept, evens ? is_even : NULL, &tree);
			for (uint32_t i = 0; i < n; i++)
				assert_int_equal(tree.nearest[i], naive_climb(parents, kept, n, i, evens));
		}
		spans_release(&s);
	}
	span_tree_release(&tree);
}

static void cycles(void **unused UNUSED)
{
	static const struct {
		unsigned parents[4], n;
		bool cyclic;
	} rows[] = { { { 1 }, 1, true }, { { 2, 1 }, 2, true }, { { 2, 3, 1, 3 }, 4, true },
		{ { 0, 1, 2, 3 }, 4, false }, { { 4, 1, 2, 0 }, 4, false }, { { 9, 9, 1, 2 }, 4, false } };
	struct span_tree tree;
	span_tree_init(&tree);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct spans s;
		load(&s, rows[i].parents, "dddd", rows[i].n);
		assert_int_equal(span_tree_build(&tree, &s.t), 0);
		assert_int_equal(tree.cyclic, rows[i].cyclic);
		check_order(&tree);
		spans_release(&s);
	}
	span_tree_release(&tree);
}

/* Equal ids: a kept span counts, else the first; other traces are other spans; added spans are found, refused ones are not there. */
static void identity(void **unused UNUSED)
{
	static const char json[] =
	        "[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"},{\"id\":1,\"trace\":2},"
	        "{\"id\":2,\"parent\":1,\"trace\":2},{\"id\":3,\"parent\":1},{\"id\":4,\"parent\":1}]";
	struct spans s;
	struct span_tree tree;
	span_tree_init(&tree);
	assert_int_equal(span_tree_find(&tree, SLICE("0123456789abcdef"), SLICE("01234567")), SPAN_UNKNOWN);
	spans_load(&s, json);
	struct span *a = spans_nth(&s, 0), *four = spans_nth(&s, 5);
	four->refused = true;
	assert_int_equal(span_tree_build(&tree, &s.t), 0);
	assert_int_equal(tree.n, 5);
	assert_int_equal(tree.parents[3], 2);
	assert_int_equal(tree.parents[4], 0);
	assert_int_equal(span_tree_find(&tree, four->trace_id, four->span_id), SPAN_UNKNOWN);
	span_filter(&s.t, a, 1);
	span_add(&s.t, s.t.scopes, a->trace_id, SLICE("addedone"), a->span_id, SLICE("n"));
	assert_int_equal(span_tree_build(&tree, &s.t), 0);
	assert_int_equal(tree.n, 6);
	assert_int_equal(tree.parents[1], 2);
	assert_int_equal(span_tree_find(&tree, a->trace_id, a->span_id), 2);
	assert_int_equal(span_tree_find(&tree, a->trace_id, SLICE("addedone")), 1);
	assert_int_equal(span_tree_find(&tree, a->trace_id, SLICE("added")), SPAN_UNKNOWN);
	assert_int_equal(span_tree_find(&tree, a->trace_id, (slice){ 0 }), SPAN_UNKNOWN);
	spans_release(&s);
	span_tree_release(&tree);
}

/* A large request's memory goes, a small one's stays for the next. */
static void memory(void **unused UNUSED)
{
	struct spans s;
	struct span_tree tree;
	span_tree_init(&tree);
	spans_load(&s, "[{},{}]");
	assert_int_equal(span_tree_build(&tree, &s.t), 0);
	const char *block = tree.memory;
	span_tree_trim(&tree);
	assert_int_equal(span_tree_build(&tree, &s.t), 0);
	assert_ptr_equal(tree.memory, block);
	for (uint64_t i = 0; i < 50000; i++) {
		slice id = arena_dup(&s.t.arena, (slice){ (const char *)&i, sizeof i });
		span_add(&s.t, s.t.scopes, spans_nth(&s, 0)->trace_id, id, (slice){ 0 }, SLICE("n"));
	}
	assert_int_equal(span_tree_build(&tree, &s.t), 0);
	assert_int_equal(tree.n, 50002);
	span_tree_trim(&tree);
	assert_null(tree.memory);
	assert_int_equal(span_tree_build(&tree, &s.t), 0);
	spans_release(&s);
	span_tree_release(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_trees),
		cmocka_unit_test(cycles),
		cmocka_unit_test(identity),
		cmocka_unit_test(memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
