/* test_link_facts.c - a place that is read in one walk says what a view of the same attributes says; what is inherited. */
#include "lib/genai/link_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { MANY = 80, TEXT_MAX = 12 };

static const struct value values[] = {
	{ .type = V_STRING, .s = { "a", 1 } },
	{ .type = V_STRING, .s = { "bc", 2 } },
	{ .type = V_STRING, .s = { "longer than that", 16 } },
	{ .type = V_STRING, .s = { "N/A", 3 } },
	{ .type = V_STRING, .s = { "__REDACTED__", 12 } },
	{ .type = V_STRING },
	{ .type = V_INT, .i = 17 },
	{ .type = V_DOUBLE, .d = 0.5 },
	{ .type = V_BOOL, .b = true },
	{ .type = V_EMPTY },
};

static void expect_same(struct facts_reader *r, struct attr *list, uint32_t n, struct emitter emitter)
{
	struct span span = { .attrs = { .kind = OWN_SPAN } };
	struct resource resource = { .attrs = { .kind = OWN_RESOURCE } };
	struct facts place, want;
	struct traces t = { 0 };
	arena_init(&t.arena);
	for (uint32_t i = 0; i < n; i++) {
		list[i].next = i + 1 < n ? &list[i + 1] : NULL;
		span.attrs.n += !list[i].deleted;
	}
	span.attrs.first = n ? list : NULL;
	resource.attrs.first = span.attrs.first;
	resource.attrs.n = span.attrs.n;
	facts_of_span(r, &t, &span, emitter, GROUP_LINK, &want);
	facts_of_place(r, &t, &resource.attrs, emitter, SIZE_MAX, &place);
	assert_int_equal(place.said, want.said);
	assert_int_equal(place.is_service, want.is_service);
	assert_ptr_equal(place.prompt, want.prompt ? &resource.attrs : NULL);
	for (unsigned f = 0; f < N_FACTS; f++) {
		assert_true(slice_eq(place.text[f], want.text[f]));
		assert_int_equal(place.said >> f & 1, place.text[f].len > 0);
	}
	facts_of_place(r, &t, &resource.attrs, emitter, TEXT_MAX, &place);
	for (unsigned f = 0; f < N_FACTS; f++)
		assert_true(place.text[f].len <= TEXT_MAX);
	arena_release(&t.arena);
}

static struct attr attr_of(uint16_t key, unsigned value)
{
	return (struct attr){
		.key = genai_key_name((enum genai_key)key), .key_id = key, .value = values[value % COUNTOF(values)]
	};
}

static void every_key(void **unused UNUSED)
{
	struct facts_reader *r = malloc(sizeof *r);
	facts_reader_init(r);
	for (uint16_t key = 1; key < N_KEYS; key++)
		for (unsigned v = 0; v < COUNTOF(values); v++) {
			struct attr list[] = { attr_of(key, v), attr_of(key, v + 1), attr_of(KEY_SERVICE_NAME, v) };
			expect_same(r, list, 1, (struct emitter){ ECO_NONE, 0 });
			expect_same(r, list, 3, (struct emitter){ (enum ecosystem)(key % N_ECOSYSTEMS), 0 });
		}
	facts_reader_release(r);
	free(r);
}

static void mixtures(void **unused UNUSED)
{
	struct facts_reader *r = malloc(sizeof *r);
	unsigned seed = (unsigned)time(NULL), n_keys = 0;
	uint16_t keys[N_KEYS];
	print_message("seed %u\n", seed);
	srand(seed);
	facts_reader_init(r);
	for (uint16_t key = 1; key < N_KEYS; key++)
		if (r->tells[key] || r->plain[key])
			keys[n_keys++] = key;
	for (int round = 0; round < 20000; round++) {
		struct attr list[MANY];
		uint32_t n = (uint32_t)rand() % (round % 100 ? 8 : MANY);
		for (uint32_t i = 0; i < n; i++) {
			list[i] = attr_of(keys[(unsigned)rand() % n_keys], (unsigned)rand());
			if (i && rand() % 4 == 0)
				list[i] = attr_of(list[i - 1].key_id, (unsigned)rand());
			list[i].deleted = rand() % 8 == 0;
		}
		expect_same(r, list, n, (struct emitter){ (enum ecosystem)(rand() % N_ECOSYSTEMS), 0 });
	}
	facts_reader_release(r);
	free(r);
}

/* Letters are the facts in order, '.' none; '*' behind: the project is a service's name. */
static const struct {
	const char *inner, *outer;
	enum link_fact except;
	const char *want;
} inherit_rows[] = {
	{ "............", "abcdefghijkl", N_FACTS, "abcdefghijkl" },
	{ "A...........", "abcdefghijkl", N_FACTS, "A.cdefghijkl" },
	{ ".B..........", "abcdefghijkl", N_FACTS, ".Bcdefghijkl" },
	{ ".......H....", "abcdefghijkl", N_FACTS, "abcdefgH...." },
	{ ".........J..", "abcdefghijkl", N_FACTS, "abcdefg..J.." },
	{ "........I...", "abcdefghijkl", N_FACTS, "abcdefghIjkl" },
	{ "............", "abcdefghijkl", FACT_AGENT, "abcdef.hijkl" },
	{ "............", "abcdefghijkl", FACT_WORKFLOW, "abcde.ghijkl" },
	{ "....E.......*", "abcdefghijkl", N_FACTS, "abcdefghijkl" },
	{ "....E.......*", "abcdefghijkl*", N_FACTS, "abcdEfghijkl*" },
	{ "....E.......", "abcdefghijkl*", N_FACTS, "abcdEfghijkl" },
	{ "............*", "............*", N_FACTS, "............*" },
};

static void spell_out(const char *letters, struct attrs *as, struct facts *f)
{
	*f = (struct facts){ .is_service = letters[N_FACTS] == '*' };
	for (unsigned i = 0; i < N_FACTS; i++)
		if (letters[i] != '.')
			fact_say(f, (enum link_fact)i, (slice){ &letters[i], 1 });
	f->prompt = f->text[FACT_NAME].len || f->text[FACT_ID].len ? as : NULL;
}

static void inherited(void **unused UNUSED)
{
	for (size_t i = 0; i < COUNTOF(inherit_rows); i++) {
		struct attrs in = { 0 }, out = { 0 };
		struct facts f, outer;
		char got[N_FACTS + 2] = "";
		spell_out(inherit_rows[i].inner, &in, &f);
		spell_out(inherit_rows[i].outer, &out, &outer);
		const struct attrs *prompt = f.prompt ? f.prompt : outer.prompt;
		facts_inherit(&f, &outer, inherit_rows[i].except);
		for (unsigned k = 0; k < N_FACTS; k++) {
			got[k] = f.text[k].len ? *f.text[k].p : '.';
			assert_int_equal(f.said >> k & 1, f.text[k].len > 0);
		}
		got[N_FACTS] = f.is_service ? '*' : 0;
		assert_string_equal(got, inherit_rows[i].want);
		assert_ptr_equal(f.prompt, prompt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key),
		cmocka_unit_test(mixtures),
		cmocka_unit_test(inherited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
