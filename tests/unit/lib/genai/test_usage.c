/* test_usage.c - token counts made comparable: who excludes what, what the numbers prove, what is filled in. */
#include "lib/genai/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NONE -1

static const struct {
	const char *name;
	unsigned flags;
	bool settled;
	struct usage in;
	int64_t input, output, total;
	enum usage_basis basis;
	bool adjusted;
} cases[] = {
	/* the same Anthropic call, 12 fresh + 1000 read + 200 written tokens, as four emitters tell it */
	{ "OpenLLMetry: inclusive", EMIT_INCLUSIVE, false, { 1212, 50, 1262, 1000, 200, NONE, NONE, NONE }, 1212, 50,
	        1262, BASIS_INCLUSIVE, false },
	{ "OpenLIT: exclusive, known", EMIT_EXCLUSIVE, false, { 12, 50, 62, 1000, 200, NONE, NONE, NONE }, 1212, 50,
	        1262, BASIS_EXCLUSIVE_RULE, true },
	{ "Claude Code: exclusive, no total", EMIT_EXCLUSIVE, false, { 12, 50, NONE, 1000, 200, NONE, NONE, NONE },
	        1212, 50, 1262, BASIS_EXCLUSIVE_RULE, true },
	{ "Bedrock: told by the total", 0, false, { 12, 50, 1262, 1000, 200, NONE, NONE, NONE }, 1212, 50, 1262,
	        BASIS_EXCLUSIVE_INFERRED, true },
	/* what the numbers prove */
	{ "cached exceed input", 0, false, { 12, 50, NONE, 13, NONE, NONE, NONE, NONE }, 25, 50, 75,
	        BASIS_EXCLUSIVE_INFERRED, true },
	{ "impossible numbers beat a rule", EMIT_INCLUSIVE, false, { 12, 50, NONE, 10, 3, NONE, NONE, NONE }, 25, 50,
	        75, BASIS_EXCLUSIVE_INFERRED, true },
	{ "all input cached", 0, false, { 12, 50, NONE, 12, NONE, NONE, NONE, NONE }, 12, 50, 62, BASIS_INCLUSIVE,
	        false },
	{ "the total needs the cached ones", 0, false, { 100, 50, 190, 40, NONE, NONE, NONE, NONE }, 140, 50, 190,
	        BASIS_EXCLUSIVE_INFERRED, true },
	{ "the total is that of the parts", 0, false, { 100, 50, 150, 40, NONE, NONE, NONE, NONE }, 100, 50, 150,
	        BASIS_INCLUSIVE, false },
	{ "a rule beats the total", EMIT_INCLUSIVE, false, { 100, 50, 190, 40, NONE, NONE, NONE, NONE }, 100, 50, 150,
	        BASIS_INCLUSIVE, false },
	{ "nothing cached", EMIT_EXCLUSIVE, false, { 100, 50, NONE, 0, 0, NONE, NONE, NONE }, 100, 50, 150,
	        BASIS_INCLUSIVE, false },
	/* reasoning */
	{ "reasoning apart, known", EMIT_REASONING_APART, false, { 10, 20, NONE, NONE, NONE, 5, NONE, NONE }, 10, 25,
	        35, BASIS_INCLUSIVE, true },
	{ "more reasoning than output", 0, false, { 10, 20, NONE, NONE, NONE, 21, NONE, NONE }, 10, 41, 51,
	        BASIS_INCLUSIVE, true },
	{ "the total needs the reasoning", 0, false, { 10, 20, 35, NONE, NONE, 5, NONE, NONE }, 10, 25, 35,
	        BASIS_INCLUSIVE, true },
	{ "reasoning within output", 0, false, { 10, 20, 30, NONE, NONE, 5, NONE, NONE }, 10, 20, 30, BASIS_INCLUSIVE,
	        false },
	{ "both", EMIT_EXCLUSIVE | EMIT_REASONING_APART, false, { 10, 20, NONE, 7, NONE, 5, NONE, NONE }, 17, 25, 42,
	        BASIS_EXCLUSIVE_RULE, true },
	/* a second run */
	{ "settled", EMIT_EXCLUSIVE | EMIT_REASONING_APART, true, { 1212, 50, 1262, 1000, 200, 5, NONE, NONE }, 1212,
	        50, 1262, BASIS_INCLUSIVE, false },
	/* filling in */
	{ "total", 0, false, { 3, 4, NONE, NONE, NONE, NONE, NONE, NONE }, 3, 4, 7, BASIS_INCLUSIVE, false },
	{ "a wrong total", 0, false, { 3, 4, 9, NONE, NONE, NONE, NONE, NONE }, 3, 4, 7, BASIS_INCLUSIVE, false },
	{ "output", 0, false, { 3, NONE, 9, NONE, NONE, NONE, NONE, NONE }, 3, 6, 9, BASIS_INCLUSIVE, false },
	{ "input, which is inclusive", EMIT_EXCLUSIVE, false, { NONE, 4, 9, 2, NONE, NONE, NONE, NONE }, 5, 4, 9,
	        BASIS_INCLUSIVE, false },
	{ "a total less than its part", 0, false, { 10, NONE, 9, NONE, NONE, NONE, NONE, NONE }, 10, NONE, 9,
	        BASIS_INCLUSIVE, false },
	{ "input alone", 0, false, { 10, NONE, NONE, NONE, NONE, NONE, NONE, NONE }, 10, NONE, NONE, BASIS_INCLUSIVE,
	        false },
	{ "nothing", 0, false, { NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE }, NONE, NONE, NONE, BASIS_INCLUSIVE,
	        false },
	{ "zeros", 0, false, { 0, 0, NONE, 0, 0, 0, 0, 0 }, 0, 0, 0, BASIS_INCLUSIVE, false },
};

static void settles(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct usage u = cases[i].in;
		bool adjusted = !cases[i].adjusted;
		print_message("%s\n", cases[i].name);
		enum usage_basis basis = usage_settle(&u, cases[i].flags, cases[i].settled, &adjusted);
		assert_int_equal(u.input, cases[i].input);
		assert_int_equal(u.output, cases[i].output);
		assert_int_equal(u.total, cases[i].total);
		assert_int_equal(basis, cases[i].basis);
		assert_int_equal(adjusted, cases[i].adjusted);
		/* what else was told is left alone */
		assert_int_equal(u.cache_read, cases[i].in.cache_read);
		assert_int_equal(u.cache_write, cases[i].in.cache_write);
		assert_int_equal(u.reasoning, cases[i].in.reasoning);
	}
}

/* Whatever the numbers, a settled second run changes nothing, and no count is negative or beyond the sums of its parts. */
static void is_idempotent(void **unused)
{
	(void)unused;
	uint64_t seed = 42;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 20000; round++) {
		struct usage u, again;
		int64_t *fields = &u.input;
		for (int i = 0; i < 8; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			fields[i] = (int64_t)(seed >> 60) - 1;
			fields[i] = fields[i] > 12 ? INT64_C(1) << 53 : fields[i];
		}
		bool adjusted, more;
		usage_settle(&u, (unsigned)(seed >> 40) & 14u, false, &adjusted);
		again = u;
		usage_settle(&again, (unsigned)(seed >> 32) & 14u, true, &more);
		assert_memory_equal(&u, &again, sizeof(u));
		assert_false(more);
		for (int i = 0; i < 8; i++)
			assert_in_range(fields[i] + 1, 0, (INT64_C(1) << 56));
	}
}

static void is_named(void **unused)
{
	(void)unused;
	struct usage u;
	usage_clear(&u);
	assert_int_equal(u.input, -1);
	assert_int_equal(u.audio_output, -1);
	assert_string_equal(usage_basis_name(BASIS_INCLUSIVE), "inclusive");
	assert_string_equal(usage_basis_name(BASIS_EXCLUSIVE_RULE), "exclusive_rule");
	assert_string_equal(usage_basis_name(BASIS_EXCLUSIVE_INFERRED), "exclusive_inferred");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settles),
		cmocka_unit_test(is_idempotent),
		cmocka_unit_test(is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
