/* test_store_faults.c - a disk that is full, fails or is slow to recover: nothing that was acknowledged is lost, nothing partial is ever
 * given out, reading goes on, and writing comes back by itself.
 */
#include "tests/unit/lib/pipe/test_store.h"

static void fail_next(struct world *w, enum fake_call call, const char *path, uint64_t times, int error)
{
	fake_disk_fail(
	        w->f, &(struct fake_fault){ .call = call, .path = path, .nth = 1, .times = times, .error = error });
}

/* After a failed sync of a file there is no other. */
static void check_syncs(struct world *w)
{
	const struct fake_log_entry *e, *later;
	for (size_t i = 0; (e = fake_disk_log(w->f, i)) != NULL; i++) {
		if (e->call != FAKE_SYNC || e->result == 0)
			continue;
		for (size_t k = i + 1; (later = fake_disk_log(w->f, k)) != NULL; k++)
			assert_false(later->call == FAKE_SYNC && later->fd == e->fd);
	}
}

/* One fault, then all is well: the append is rewritten into a new segment and acknowledged. */
static void test_one_fault(void **state)
{
	static const struct {
		enum fake_call call;
		int error;
	} rows[] = { { FAKE_PWRITEV, EIO }, { FAKE_SYNC, EIO }, { FAKE_PWRITEV, ENOSPC }, { FAKE_SYNC, EDQUOT } };
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct world w;
		world_init(&w, i);
		world_open(&w, 1);
		assert_int_equal(put(&w, 2, 300, 1, NULL), 0);
		fail_next(&w, rows[i].call, "seg-", 1, rows[i].error);
		assert_int_equal(put(&w, 3, 300, 1, NULL), 0);
		assert_false(store_failed(w.s));
		assert_int_equal(put(&w, 1, 300, 1, NULL), 0);
		assert_int_equal(drain(&w, 0), 6);
		check_syncs(&w);
		world_close(&w);
		fake_disk_crash(w.f, i);
		world_open(&w, 1);
		assert_int_equal(next(&w, 0), 0);
		assert_int_equal(store_damage(w.s).n_records, 0);
		world_release(&w);
	}
}

/* What was written behind the sealed end of a segment stays there when the file cannot be cut: nobody reads it. */
static void test_sealed_end(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 10);
	world_open(&w, 1);
	fail_next(&w, FAKE_TRUNCATE, NULL, 0, EIO);
	assert_int_equal(put(&w, 2, 300, 1, NULL), 0);
	fail_next(&w, FAKE_SYNC, "seg-", 3, EIO); /* of the segment, and of two new ones */
	assert_int_equal(put(&w, 3, 300, 1, NULL), -EIO);
	fake_clock_advance(&w.clock, NS);
	assert_int_equal(put(&w, 1, 300, 1, NULL), 0);
	world_close(&w);
	world_open(&w, 1);
	assert_int_equal(next(&w, 0), 1);
	assert_int_equal(next(&w, 0), 2);
	assert_int_equal(next(&w, 0), 6);
	assert_int_equal(next(&w, 0), 0);
	assert_int_equal(store_damage(w.s).n_records + store_damage(w.s).n_bytes, 0);
	world_release(&w);
}

static void test_short_writes(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 1);
	world_open(&w, 1);
	fake_disk_chaos(w.f, 7, &(struct fake_chaos){ .shorten = 500 });
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(put(&w, 2, 700, 1, NULL), 0);
	assert_int_equal(drain(&w, 0), 100);
	world_release(&w);
}

/* EIO for ever: refused, readable data still flows, one try a second, and it comes back. */
static void test_failed_state(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 2);
	world_open(&w, 1);
	assert_int_equal(put(&w, 4, 300, 1, NULL), 0);
	fail_next(&w, FAKE_SYNC, NULL, 0, EIO);
	assert_int_equal(put(&w, 2, 300, 1, NULL), -EIO);
	assert_true(store_failed(w.s));
	assert_false(store_reserve(w.s, 100));
	uint64_t calls = fake_disk_total(w.f);
	assert_int_equal(put(&w, 1, 300, 1, NULL), -EIO);
	assert_int_equal(fake_disk_total(w.f), calls); /* not asked */
	fake_clock_advance(&w.clock, NS);
	assert_true(store_reserve(w.s, 100)); /* a probe */
	assert_false(store_reserve(w.s, 100));
	assert_int_equal(put(&w, 1, 300, 1, NULL), -EIO);
	store_release(w.s, 100);
	assert_true(fake_disk_total(w.f) > calls);
	for (unsigned id = 1; id <= 4; id++) {
		assert_int_equal(next(&w, 0), id);
		deliver(&w, 0, id);
	}
	assert_int_equal(next(&w, 0), 0); /* what was refused is not there */
	assert_int_equal(COUNT(w.c[0], accepted), 2 + 3 + 4 + 5);
	assert_true(store_checkpoint(w.s) < 0);
	fake_disk_heal(w.f);
	assert_int_equal(put(&w, 1, 300, 1, NULL), -EIO); /* too soon */
	fake_clock_advance(&w.clock, NS);
	assert_true(store_reserve(w.s, 100));
	assert_int_equal(put(&w, 1, 300, 1, NULL), 0);
	store_release(w.s, 100);
	assert_true(w.seq[w.next_id - 1] > w.seq[w.next_id - 3]); /* numbers of what failed are not given again */
	assert_false(store_failed(w.s));
	assert_true(store_reserve(w.s, 100));
	store_release(w.s, 100);
	assert_int_equal(drain(&w, 0), 1);
	assert_int_equal(store_checkpoint(w.s), 0);
	check_syncs(&w);
	uint64_t used = store_bytes(w.s);
	world_close(&w);
	world_open(&w, 1);
	assert_int_equal(next(&w, 0), 0);
	assert_int_equal(store_damage(w.s).n_records, 0);
	assert_true(store_bytes(w.s) <= used);
	world_release(&w);
}

/* The disk fills up: 503, export goes on, and what it frees is used at once. */
static void test_full_disk(void **state)
{
	struct world w;
	unsigned n = 0;
	(void)state;
	world_init(&w, 3);
	w.options.segment_size = 64 << 10;
	world_open(&w, 1);
	fake_disk_resize(w.f, 800 << 10);
	while (put(&w, 1, 5000, 1, NULL) == 0)
		n++;
	assert_in_range(n, 36, 60);
	assert_true(store_failed(w.s));
	assert_false(store_reserve(w.s, 5000));
	for (unsigned i = 0; i < 30; i++)
		deliver(&w, 0, (uint64_t)next(&w, 0));
	assert_int_equal(store_checkpoint(w.s), 0); /* on a full disk: the file has its blocks */
	assert_true(store_reserve(w.s, 5000)); /* without waiting */
	assert_int_equal(put(&w, 1, 5000, 1, NULL), 0);
	store_release(w.s, 5000);
	assert_false(store_failed(w.s));
	assert_int_equal(drain(&w, 0), n - 30 + 1);
	assert_int_equal(COUNT(w.c[0], queued), 0);
	assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
	world_release(&w);
}

/* The disk is full when it starts. */
static void test_full_at_start(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 4);
	fake_disk_resize(w.f, 8192);
	world_open(&w, 1);
	assert_int_equal(put(&w, 1, 100, 1, NULL), -ENOSPC);
	assert_true(store_failed(w.s));
	fake_disk_resize(w.f, 4 << 20);
	fake_clock_advance(&w.clock, NS);
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	assert_int_equal(store_checkpoint(w.s), 0);
	world_close(&w);
	world_open(&w, 1);
	assert_int_equal(drain(&w, 0), 1);
	world_release(&w);
}

/* Without preallocation (EOPNOTSUPP) files grow. */
static void test_no_allocate(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 5);
	fail_next(&w, FAKE_ALLOCATE, NULL, 0, EOPNOTSUPP);
	world_open(&w, 1);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(put(&w, 2, 700, 1, NULL), 0);
	assert_int_equal(drain(&w, 0), 60);
	world_close(&w);
	world_open(&w, 1);
	assert_int_equal(next(&w, 0), 0);
	assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
	world_release(&w);
}

/* A place that cannot be read: asked again, and after three times a second apart it is damage. */
static void test_read_errors(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 6);
	world_open(&w, 1);
	assert_int_equal(put(&w, 5, 300, 1, NULL), 0);
	fail_next(&w, FAKE_PREAD, "seg-", 2, EIO); /* the window, and only what is needed */
	assert_int_equal(next(&w, 0), -EIO);
	assert_int_equal(drain(&w, 0), 5); /* it was passing */
	assert_int_equal(put(&w, 5, 100000, 1, NULL), 0);
	assert_int_equal(next(&w, 0), 6);
	deliver(&w, 0, 6);
	fail_next(&w, FAKE_PREAD, "seg-", 0, EIO);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(next(&w, 0), -EIO); /* however often, in the same second */
	fake_disk_heal(w.f);
	assert_int_equal(next(&w, 0), 7);
	deliver(&w, 0, 7);
	fail_next(&w, FAKE_PREAD, "seg-", 0, EIO);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(next(&w, 0), -EIO);
		fake_clock_advance(&w.clock, NS);
	}
	for (int64_t id = -EIO; id == -EIO;) { /* nothing of the rest can be read */
		id = next(&w, 0);
		fake_clock_advance(&w.clock, NS);
	}
	assert_int_equal(COUNT(w.c[0], queued), 0);
	assert_int_equal(COUNT(w.c[0], dropped[DROP_CORRUPT]), items_of(8) + items_of(9) + items_of(10));
	check_equation(w.c[0]);
	fake_disk_heal(w.f);
	assert_int_equal(put(&w, 1, 300, 1, NULL), 0);
	assert_int_equal(drain(&w, 0), 1);
	world_release(&w);
}

static void test_checkpoint_errors(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 8);
	world_open(&w, 1);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
	drain(&w, 0);
	fail_next(&w, FAKE_SYNC, "cursor", 1, EIO);
	assert_int_equal(store_checkpoint(w.s), -EIO);
	assert_true(fake_disk_exists(w.f, DIR "/seg-0000000000000001.log")); /* nothing says that it may go */
	assert_int_equal(store_checkpoint(w.s), 0); /* in a new file */
	assert_false(fake_disk_exists(w.f, DIR "/seg-0000000000000001.log"));
	check_syncs(&w);
	fail_next(&w, FAKE_UNLINK, "seg-", 1, EROFS);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
	drain(&w, 0);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_true(store_bytes(w.s) < (512 << 10) + (33 << 10));
	fake_disk_crash(w.f, 3);
	struct store *left = w.s;
	struct cursor *c = w.c[0];
	world_open(&w, 1);
	assert_int_equal(drain(&w, 0), 1);
	world_close(&w);
	cursor_close(c);
	store_close(left);
	world_release(&w);
}

/* fsync: false: no sync of records; all else as before. */
static void test_without_sync(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 9);
	w.options.sync = false;
	world_open(&w, 1);
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	uint64_t before = fake_disk_calls(w.f, FAKE_SYNC);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	assert_int_equal(fake_disk_calls(w.f, FAKE_SYNC), before);
	assert_int_equal(drain(&w, 0), 11);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_fault),
		cmocka_unit_test(test_sealed_end),
		cmocka_unit_test(test_short_writes),
		cmocka_unit_test(test_failed_state),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_full_at_start),
		cmocka_unit_test(test_no_allocate),
		cmocka_unit_test(test_read_errors),
		cmocka_unit_test(test_checkpoint_errors),
		cmocka_unit_test(test_without_sync),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
