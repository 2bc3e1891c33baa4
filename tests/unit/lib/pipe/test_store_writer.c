/* test_store_writer.c - which submissions go into one group: after a slow sync the next waits for the senders that were in sight.
 *
 * The writer's loop is pumped here, on a fake clock that a sync moves by `sync_ns`. A sender is one submission of one record. A
 * group is one pwritev to the segment that bench_open made, which is large enough for all.
 */
#include "lib/pipe/store_writer.h"
#include "tests/unit/lib/pipe/test_store.h"

enum { MAX_SENDERS = 8, LARGE = 3 << 20 };
#define MS (NS / 1000)

struct sender {
	struct submission s;
	struct store_record record;
	unsigned n_done;
	int rc;
};

struct bench {
	struct world w;
	struct loop main_loop;
	struct store_writer *writer;
	struct strbuf routes;
	struct sender senders[MAX_SENDERS];
	int64_t sync_ns;
	unsigned n_groups;
	char *body;
};

static void on_call(void *ctx, enum fake_call call, const char *path)
{
	struct bench *b = ctx;
	bool is_log = path && strstr(path, "seg-");
	if (call == FAKE_SYNC && is_log)
		fake_clock_advance(&b->w.clock, b->sync_ns);
	b->n_groups += call == FAKE_PWRITEV && is_log;
}

static void on_done(struct submission *s, int rc)
{
	struct sender *from = CONTAINER_OF(s, struct sender, s);
	from->n_done++;
	from->rc = rc;
}

static void submit(struct bench *b, unsigned i, bool durable, size_t size)
{
	struct sender *s = &b->senders[i];
	s->record = (struct store_record){
		.type = STORE_RECORD,
		.signal = TRACES,
		.n_items = 1,
		.pipeline = SLICE("traces"),
		.body = { b->body, size },
		.routes = strbuf_slice(&b->routes),
	};
	s->s = (struct submission){ .records = &s->record, .n = 1, .durable = durable, .done = on_done };
	store_writer_submit(b->writer, &s->s);
}

static void pump(struct bench *b)
{
	loop_pump(store_writer_loop(b->writer));
}

static void move(struct bench *b, int64_t ns)
{
	fake_clock_advance(&b->w.clock, ns);
	pump(b);
}

/* A group of `n` durable senders has been written, with a sync of sync_ns; every other sync takes as long. */
static void bench_open(struct bench *b, unsigned n, int64_t sync_ns)
{
	memset(b, 0, sizeof *b);
	world_init(&b->w, 1);
	b->w.options.max_size = 96 << 20; /* an eighth of it is what a segment may have */
	b->w.options.segment_size = 12 << 20;
	world_open(&b->w, 1);
	strbuf_init(&b->routes, 64);
	routes_add(&b->routes, SLICE("a"));
	b->body = calloc(1, LARGE);
	assert_non_null(b->body);
	assert_int_equal(loop_init(&b->main_loop, &b->w.clock.clock), 0);
	b->main_loop.pumped = true;
	b->writer = store_writer_new(b->w.s, &b->main_loop);
	submit(b, 0, false, 8); /* makes the segment */
	pump(b);
	move(b, NS);
	b->sync_ns = sync_ns;
	b->w.f->on_call = on_call;
	b->w.f->ctx = b;
	for (unsigned i = 0; i < n; i++)
		submit(b, i, true, 8);
	pump(b);
	assert_int_equal(b->n_groups, 1);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(b->senders[i].n_done, i == 0 ? 2 : 1);
}

static void bench_close(struct bench *b)
{
	b->w.f->on_call = NULL;
	store_writer_free(b->writer);
	loop_release(&b->main_loop);
	strbuf_release(&b->routes);
	free(b->body);
	world_release(&b->w);
}

static void test_waits_for_all_in_sight(void **state)
{
	static struct bench b;
	(void)state;
	bench_open(&b, 3, 8 * MS);
	submit(&b, 0, true, 8);
	pump(&b);
	submit(&b, 1, true, 8);
	pump(&b);
	assert_int_equal(b.n_groups, 1);
	submit(&b, 2, true, 8);
	pump(&b);
	assert_int_equal(b.n_groups, 2);
	assert_int_equal(b.senders[0].n_done, 3);
	assert_int_equal(b.senders[2].n_done, 2);
	bench_close(&b);
}

/* Who stays away holds the others for a quarter of the sync, once. */
static void test_waits_a_quarter(void **state)
{
	static struct bench b;
	(void)state;
	bench_open(&b, 3, 8 * MS);
	submit(&b, 0, true, 8);
	pump(&b);
	move(&b, 2 * MS - 1);
	assert_int_equal(b.n_groups, 1);
	move(&b, 1);
	assert_int_equal(b.n_groups, 2);
	submit(&b, 0, true, 8);
	pump(&b);
	assert_int_equal(b.n_groups, 3);
	bench_close(&b);
}

static void test_waits_ten_ms_at_most(void **state)
{
	static struct bench b;
	(void)state;
	bench_open(&b, 2, 4000 * (int64_t)MS);
	submit(&b, 0, true, 8);
	pump(&b);
	move(&b, 10 * MS - 1);
	assert_int_equal(b.n_groups, 1);
	move(&b, 1);
	assert_int_equal(b.n_groups, 2);
	bench_close(&b);
}

/* After a group of n senders, n_next submissions: how many groups there are then. */
static void test_what_is_held(void **state)
{
	static const struct {
		const char *what;
		int64_t sync_ns;
		unsigned n;
		bool durable;
		unsigned n_next;
		size_t size;
		unsigned n_groups;
	} rows[] = {
		{ "a quick sync", MS - 1, 3, true, 1, 8, 2 },
		{ "the quickest that counts as slow", MS, 3, true, 1, 8, 1 },
		{ "one sender alone", 8 * MS, 1, true, 1, 8, 2 },
		{ "a queued one would take the next sync from them", 8 * MS, 3, false, 1, 8, 1 },
		{ "a full group; what did not fit waits again", 8 * MS, 3, true, 2, LARGE, 2 },
	};
	static struct bench b;
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		bench_open(&b, rows[i].n, rows[i].sync_ns);
		for (unsigned k = 0; k < rows[i].n_next; k++)
			submit(&b, k, rows[i].durable, rows[i].size);
		pump(&b);
		if (b.n_groups != rows[i].n_groups)
			fail_msg("%s: %u groups, not %u", rows[i].what, b.n_groups, rows[i].n_groups);
		bench_close(&b);
	}
}

static void test_giving_up_ends_the_wait(void **state)
{
	static struct bench b;
	(void)state;
	bench_open(&b, 2, 8 * MS);
	submit(&b, 0, true, 8);
	pump(&b);
	assert_int_equal(b.n_groups, 1);
	store_writer_give_up(b.writer);
	assert_int_equal(b.n_groups, 2);
	assert_int_equal(b.senders[0].rc, 0);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_all_in_sight),
		cmocka_unit_test(test_waits_a_quarter),
		cmocka_unit_test(test_waits_ten_ms_at_most),
		cmocka_unit_test(test_what_is_held),
		cmocka_unit_test(test_giving_up_ends_the_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
