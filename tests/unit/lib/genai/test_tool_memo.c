/* test_tool_memo.c - what was kept is found by its bytes and type alone; what is too large is not kept; slots hold the newest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lib/genai/tool_memo.h"

static struct value text(const char *s)
{
	return (struct value){ .type = V_STRING, .s = slice_of(s) };
}

/* "[i]" in `in`, which has 32 bytes. */
static struct value numbered(char *in, int i)
{
	snprintf(in, 32, "[%d]", i);
	return text(in);
}

static void finds_what_was_kept(void **state)
{
	(void)state;
	struct tool_memo m = { 0 };
	struct value v = text("[1]"), other = text("[2]"), array = { .type = V_ARRAY, .s = v.s };
	assert_null(tool_memo_find(&m, &v));
	tool_memo_keep(&m, &v, SLICE("one"), true);
	const struct tool_memo_slot *s = tool_memo_find(&m, &v);
	assert_non_null(s);
	assert_true(slice_is(s->out, "one") && s->lossy);
	assert_null(tool_memo_find(&m, &other));
	assert_null(tool_memo_find(&m, &array));
	tool_memo_keep(&m, &v, SLICE("two"), false);
	s = tool_memo_find(&m, &v);
	assert_true(s && slice_is(s->out, "two") && !s->lossy);
	tool_memo_release(&m);
	assert_null(tool_memo_find(&m, &v));
}

static void keeps_nothing_large(void **state)
{
	(void)state;
	struct tool_memo m = { 0 };
	static char large[TOOL_MEMO_MAX + 1];
	struct value v = { .type = V_STRING, .s = { large, TOOL_MEMO_MAX } }, small = text("[]");
	tool_memo_keep(&m, &v, SLICE("x"), false);
	assert_null(tool_memo_find(&m, &v));
	v.s.len = TOOL_MEMO_MAX - 1;
	tool_memo_keep(&m, &v, SLICE("x"), false);
	assert_non_null(tool_memo_find(&m, &v));
	tool_memo_keep(&m, &small, (slice){ large, TOOL_MEMO_MAX }, false);
	assert_null(tool_memo_find(&m, &small));
	v.s.len = 0;
	tool_memo_keep(&m, &v, SLICE("x"), false);
	assert_null(tool_memo_find(&m, &v));
	tool_memo_release(&m);
}

/* More values than slots: each slot has one of them, and every hit is the right one. */
static void stays_bounded(void **state)
{
	(void)state;
	struct tool_memo m = { 0 };
	size_t hits = 0;
	char in[32];
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 10 * TOOL_MEMO_SLOTS; i++) {
			struct value v = numbered(in, i);
			const struct tool_memo_slot *s = round ? tool_memo_find(&m, &v) : NULL;
			if (round && s) {
				assert_true(slice_eq(s->out, v.s));
				hits++;
			} else if (!round) {
				tool_memo_keep(&m, &v, v.s, false);
			}
		}
	}
	assert_in_range(hits, TOOL_MEMO_SLOTS / 2, TOOL_MEMO_SLOTS);
	tool_memo_release(&m);
}

/* What half the slots could hold is there again, but for a few that chance put into one set. */
static void some_dozens_stay(void **state)
{
	(void)state;
	struct tool_memo m = { 0 };
	size_t hits = 0;
	char in[32];
	for (int i = 0; i < TOOL_MEMO_SLOTS; i++) {
		struct value v = numbered(in, i % (TOOL_MEMO_SLOTS / 2));
		if (i < TOOL_MEMO_SLOTS / 2)
			tool_memo_keep(&m, &v, v.s, false);
		else
			hits += tool_memo_find(&m, &v) != NULL;
	}
	assert_in_range(hits, TOOL_MEMO_SLOTS / 2 - 8, TOOL_MEMO_SLOTS / 2);
	tool_memo_release(&m);
}

/* Values that come round and round and are half as many again as there are slots: some are still there each time. */
static void too_many_in_turn(void **state)
{
	(void)state;
	struct tool_memo m = { 0 };
	size_t hits = 0;
	char in[32];
	for (int i = 0; i < 9 * TOOL_MEMO_SLOTS; i++) {
		struct value v = numbered(in, i % (TOOL_MEMO_SLOTS * 3 / 2));
		bool found = tool_memo_find(&m, &v) != NULL;
		hits += found && i >= 3 * TOOL_MEMO_SLOTS;
		if (!found)
			tool_memo_keep(&m, &v, v.s, false);
	}
	assert_in_range(hits, TOOL_MEMO_SLOTS, 6 * TOOL_MEMO_SLOTS);
	tool_memo_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_kept),
		cmocka_unit_test(keeps_nothing_large),
		cmocka_unit_test(stays_bounded),
		cmocka_unit_test(some_dozens_stay),
		cmocka_unit_test(too_many_in_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
