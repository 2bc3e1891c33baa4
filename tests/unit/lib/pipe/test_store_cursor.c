/* test_store_cursor.c - what a cursor says beside its records: memory it waits for, or does not; what it counted; what became of a
 * record.
 *
 * Memory: a cursor may wait for a pool that is full only as long as something can change that: never with nothing given out for longer
 * than a second, and not at all for a record that no pool of this size could hold.
 */
#include "tests/unit/lib/pipe/test_store.h"

#include <unistd.h>

static void test_pool_is_full(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 11);
	world_open(&w, 1);
	assert_int_equal(put(&w, 3, 5000, 1, NULL), 0);
	pool_set_limit(&w.pool, 40000);
	assert_true(pool_take(&w.pool, 37000)); /* others have it */
	assert_int_equal(next(&w, 0), -ENOMEM);
	fake_clock_advance(&w.clock, NS - 1);
	assert_int_equal(next(&w, 0), -ENOMEM);
	fake_clock_advance(&w.clock, 1);
	assert_int_equal(next(&w, 0), 1);
	assert_int_equal(pool_used(&w.pool), 37000);
	deliver(&w, 0, 1);
	assert_int_equal(next(&w, 0), -ENOMEM); /* a second of its own */
	fake_clock_advance(&w.clock, NS);
	assert_int_equal(next(&w, 0), 2);
	for (unsigned i = 0; i < 10; i++) { /* this one has memory that will come back */
		assert_int_equal(next(&w, 0), -ENOMEM);
		fake_clock_advance(&w.clock, NS);
	}
	pool_give(&w.pool, 37000);
	assert_int_equal(next(&w, 0), 3);
	deliver(&w, 0, 2);
	deliver(&w, 0, 3);
	world_release(&w);
}

/* How often the log says this. */
static unsigned count_in(int fd, const char *text)
{
	static char said[64 << 10];
	ssize_t n = pread(fd, said, sizeof said - 1, 0);
	unsigned times = 0;
	assert_in_range(n, 0, sizeof said - 1);
	said[n] = 0;
	for (const char *p = said; (p = strstr(p, text)); p++)
		times++;
	return times;
}

/* Memory was made smaller than a record of before: it is read alone, and what fits goes on as ever. */
static void test_record_larger_than_the_pool(void **state)
{
	char path[] = "/tmp/weir-cursor-XXXXXX";
	int fd = mkstemp(path);
	struct world w;
	(void)state;
	assert_true(fd >= 0 && unlink(path) == 0);
	world_init(&w, 12);
	log_free(w.log);
	w.options.log = w.log =
	        log_new(&(struct log_conf){ .level = LOG_WARN, .fds = { fd }, .n_fds = 1 }, &w.clock.clock);
	world_open(&w, 2);
	assert_int_equal(put(&w, 3, 5000, 1, NULL), 0);
	assert_int_equal(put(&w, 2, 100, 1, NULL), 0);
	pool_set_limit(&w.pool, 4000);
	for (uint64_t id = 1; id <= 3; id++) {
		assert_int_equal(next(&w, 0), id);
		assert_int_equal(pool_used(&w.pool), 0); /* so that nobody else is refused for its sake */
		if (id < 3)
			assert_int_equal(next(&w, 0), -ENOMEM);
		fake_clock_advance(&w.clock, 10 * (int64_t)NS);
		if (id < 3)
			assert_int_equal(next(&w, 0), -ENOMEM);
		else
			assert_int_equal(next(&w, 0), 4); /* it fits, and counts */
		deliver(&w, 0, id);
	}
	assert_int_equal(count_in(fd, "larger than the memory that is allowed"), 1);
	assert_int_equal(next(&w, 0), 5);
	deliver(&w, 0, 4);
	deliver(&w, 0, 5);
	world_release(&w);
	close(fd);
}

static void add_news(void *ctx, const struct cursor_news *n)
{
	struct cursor_news *sum = ctx;
	for (unsigned k = 0; k < N_SIGNALS; k++) {
		sum->accepted[k] += n->accepted[k];
		sum->corrupt[k] += n->corrupt[k];
	}
	sum->found_records += n->found_records;
	sum->found_items += n->found_items;
	sum->found_bytes += n->found_bytes;
	sum->lost_records += n->lost_records;
	sum->lost_items += n->lost_items;
	sum->lost_bytes += n->lost_bytes;
	sum->fates = sum->fates || n->fates;
}

static uint64_t sum_of(const uint64_t v[N_SIGNALS])
{
	return v[0] + v[1] + v[2];
}

/* All that a cursor has is in what it had when it was opened and in its news. */
static void test_news(void **state)
{
	struct world w;
	struct cursor_news n = { 0 };
	(void)state;
	world_init(&w, 13);
	world_open(&w, 2);
	assert_int_equal(put(&w, 2, 100, 3, NULL), 0); /* 2 + 3 items */
	assert_int_equal(put(&w, 1, 100, 2, NULL), 0);
	cursor_news(w.c[0], add_news, &n);
	assert_int_equal(sum_of(n.accepted), items_of(1) + items_of(2));
	assert_int_equal(n.found_records + n.lost_records + sum_of(n.corrupt), 0);
	assert_false(n.fates);
	assert_int_equal(drain(&w, 0), 2);
	cursor_news(w.c[0], add_news, &n);
	assert_int_equal(sum_of(n.accepted), items_of(1) + items_of(2)); /* each once */
	world_close(&w);
	world_open(&w, 2);
	n = (struct cursor_news){ 0 };
	cursor_news(w.c[1], add_news, &n);
	assert_int_equal(sum_of(n.accepted), 0); /* it had them when it was opened */
	assert_int_equal(drain(&w, 1), 3);
	cursor_news(w.c[1], add_news, &n);
	assert_int_equal(sum_of(n.accepted), 0);
	world_release(&w);
}

/* The offset of record `id` of a log of one segment with records of 100 bytes; no sidecar in those used. */
static void flip_record(struct world *w, uint64_t id, uint64_t byte)
{
	char path[64];
	size_t len;
	char *all, *at = NULL, body[100];
	snprintf(path, sizeof path, DIR "/seg-%016x.log", 1);
	assert_int_equal(disk_slurp(&w->f->disk, path, 16 << 20, &all, &len), 0);
	fill_body(id, body, sizeof body);
	at = memmem(all, len, body, sizeof body);
	assert_non_null(at);
	/* byte 0 is the first of the body; larger: of the header before it */
	fake_disk_flip(w->f, path, (uint64_t)(at - all - (int64_t)byte) * 8);
	free(all);
}

static void check_fates(struct world *w, const char *want)
{
	char got[16] = "";
	for (size_t i = 0; want[i]; i++)
		got[i] = "odl"[cursor_fate(w->c[0], w->seq[i + 1])];
	assert_string_equal(got, want);
}

/* Delivered, waiting, or lost, for whatever reason; the news tell when there are some of the last kind. */
static void test_fates(void **state)
{
	struct world w;
	struct cursor_news n = { 0 };
	(void)state;
	world_init(&w, 14);
	world_open(&w, 1);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	check_fates(&w, "ooooooo");
	flip_record(&w, 2, 0);
	flip_record(&w, 5, 70); /* in its header: the next one is looked for */
	assert_int_equal(next(&w, 0), 1);
	check_fates(&w, "ooooooo");
	deliver(&w, 0, 1);
	check_fates(&w, "doooooo");
	cursor_news(w.c[0], add_news, &n);
	assert_false(n.fates);
	assert_int_equal(next(&w, 0), 3);
	check_fates(&w, "dlooooo");
	cursor_news(w.c[0], add_news, &n);
	assert_true(n.fates);
	assert_int_equal(sum_of(n.corrupt), items_of(2));
	assert_int_equal(n.lost_records, 1);
	assert_int_equal(n.lost_items, items_of(2));
	assert_int_equal(n.lost_bytes, 100);
	n.fates = false;
	assert_int_equal(next(&w, 0), 4);
	assert_int_equal(next(&w, 0), 6);
	cursor_news(w.c[0], add_news, &n);
	assert_true(n.fates);
	check_fates(&w, "dlooloo");
	deliver(&w, 0, 3);
	cursor_resolve(w.c[0], w.seq[4], &(struct outcome){ .dropped = { [DROP_OVERFLOW] = items_of(4) } });
	check_fates(&w, "dldlloo");
	assert_int_equal(next(&w, 0), 7);
	deliver(&w, 0, 6);
	check_fates(&w, "dldlldo");
	deliver(&w, 0, 7);
	check_fates(&w, "dldlldd");
	assert_int_equal(next(&w, 0), 0);
	cursor_news(w.c[0], add_news, &n);
	struct cursor_counts counts = cursor_counts(w.c[0]);
	assert_int_equal(counts.queued_records, 0);
	assert_int_equal(sum_of(n.accepted), COUNT(w.c[0], accepted));
	assert_int_equal(sum_of(n.corrupt), COUNT(w.c[0], dropped[DROP_CORRUPT]));
	assert_int_equal(n.lost_items, items_of(2) + items_of(5));
	assert_int_equal(n.lost_records, 2);
	world_release(&w);
}

/* A last record that nobody can find: it is known at the end, and when one behind it is there. */
static void test_fate_at_the_end(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 15);
	world_open(&w, 1);
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	flip_record(&w, 2, 70);
	assert_int_equal(next(&w, 0), 1);
	check_fates(&w, "oo");
	assert_int_equal(next(&w, 0), 0);
	check_fates(&w, "ol");
	deliver(&w, 0, 1);
	check_fates(&w, "dl");
	assert_int_equal(COUNT(w.c[0], dropped[DROP_CORRUPT]), items_of(2));
	world_release(&w);
}

/* What is remembered is bounded; nothing that was lost is ever said to be delivered. */
static void test_many_fates(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 16);
	world_open(&w, 1);
	for (uint64_t id = 1; id <= 400; id++) {
		assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
		assert_int_equal(next(&w, 0), id);
		if (id % 2)
			deliver(&w, 0, id);
		else
			cursor_resolve(w.c[0], w.seq[id],
			        &(struct outcome){ .delivered = items_of(id) - 1, .dropped = { 1 } });
		assert_int_equal(cursor_fate(w.c[0], w.seq[id]), id % 2 ? FATE_DONE : FATE_LOST);
		for (uint64_t old = 2; old <= id; old += 2)
			assert_int_equal(cursor_fate(w.c[0], w.seq[old]), FATE_LOST);
	}
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_is_full),
		cmocka_unit_test(test_record_larger_than_the_pool),
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_fate_at_the_end),
		cmocka_unit_test(test_many_fates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
