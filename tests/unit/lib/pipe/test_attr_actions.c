/* test_attr_actions.c - the actions on hostile requests: what they cost. What they do is in tests/unit/processors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/otlp/wire.h"
#include "lib/pipe/attr_actions.h"
#include "tests/unit/rig/otlp_build.h"

static struct arena a;

struct trial {
	struct actions actions;
	struct regex_scratch scratch;
	struct traces traces;
};

static void run(struct trial *t, const struct conf_list *list, const struct client *client, slice body)
{
	struct err e;
	struct scan_report r;
	struct buf *b = buf_copy(NULL, body);
	*t = (struct trial){ .actions = { 0 } };
	assert_int_equal(actions_open(&t->actions, list, &e), 0);
	assert_int_equal(traces_scan(&t->traces, b, NULL, NULL, &r, &e), 0);
	buf_unref(b);
	struct action_run run = { &t->traces, client, &t->scratch, NULL, NULL };
	for (struct span *s = traces_first_span(&t->traces); s; s = traces_next_span(&t->traces, s))
		actions_apply(&t->actions, &run, &s->attrs);
}

static void end(struct trial *t)
{
	regex_scratch_release(&t->scratch);
	traces_release(&t->traces);
	actions_close(&t->actions);
}

/* One long header for many spans: its bytes are shared until the request is encoded, where the pool decides. */
static void long_header(void **state)
{
	(void)state;
	enum { LEN = 30000, SPANS = 2000 };
	char *text = memset(arena_alloc(&a, LEN), 'x', LEN);
	const struct client_pair headers[] = { { SLICE("x-a"), { text, LEN } }, { SLICE("x-a"), { text, LEN } } };
	const struct client client = { .metadata = headers, .n_metadata = COUNTOF(headers) };
	struct action_conf c[] = {
		{ .key = SLICE("k"), .action = 2, .from_context = SLICE("metadata.x-a") }, /* upsert */
		{ .key = SLICE("l"), .action = 2, .from_attribute = SLICE("k") },
	};
	slice span = w_span(&a, "s", (slice){ 0 });
	char *spans = arena_alloc(&a, span.len * SPANS);
	for (size_t i = 0; i < SPANS; i++)
		memcpy(spans + i * span.len, span.p, span.len);
	struct trial t;
	run(&t, &(struct conf_list){ c, COUNTOF(c) }, &client, w_request(&a, (slice){ spans, span.len * SPANS }));
	assert_int_equal(attrs_find(&traces_first_span(&t.traces)->attrs, SLICE("l"))->value.s.len, 2 * LEN + 1);
	assert_in_range(t.traces.arena.used, 2 * LEN, 1 << 21);
	struct pool pool;
	pool_init(&pool, 1 << 24);
	assert_null(traces_encode(&t.traces, &pool));
	end(&t);
}

/* A span of very many attributes of one key: each action walks them once. If it walked them for each, it would take
 * an hour. */
static void many_duplicates(void **state)
{
	(void)state;
	enum { N = 1000000, DELETE = 3, HASH = 4 };
	const struct {
		int action;
		const char *key, *pattern;
		uint32_t left;
	} rows[] = {
		{ DELETE, "a", NULL, 0 },
		{ DELETE, NULL, "^a$", 0 },
		{ HASH, "a", NULL, 1 },
		{ HASH, NULL, "^a$", N },
	};
	slice one = w_attr(&a, 9, "a", "twelve bytes");
	char *all = arena_alloc(&a, one.len * N);
	for (size_t i = 0; i < N; i++)
		memcpy(all + i * one.len, one.p, one.len);
	slice body = w_request(&a, w_span(&a, "s", (slice){ all, one.len * N }));
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct action_conf c = {
			.action = rows[i].action, .key = slice_of(rows[i].key), .pattern = slice_of(rows[i].pattern)
		};
		struct trial t;
		run(&t, &(struct conf_list){ &c, 1 }, NULL, body);
		const struct attrs *as = &traces_first_span(&t.traces)->attrs;
		assert_int_equal(as->n, rows[i].left);
		for (const struct attr *x = attrs_first(as); x; x = attrs_next(x))
			assert_int_equal(x->value.s.len, 64); /* none is plain */
		end(&t);
	}
}

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&a);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(long_header), cmocka_unit_test(many_duplicates) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
