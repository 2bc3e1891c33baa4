/* test_store_options.c - options that a reload changes while the store is open: what was written before, what is reserved, what the files do.
 *
 * A power loss decides what was synced; seeds are printed by what fails. The last test is for the thread sanitizer.
 */
#include "tests/unit/lib/pipe/test_store.h"

enum { MiB = 1 << 20, SEEDS = 20 };

static void set_options(struct world *w, bool sync, uint64_t max_size, uint64_t segment_size)
{
	w->options.sync = sync;
	w->options.max_size = max_size;
	w->options.segment_size = segment_size;
	assert_true(store_set_options(w->s, &w->options));
	assert_false(store_set_options(w->s, &w->options));
}

static void set_sync(struct world *w, bool sync)
{
	set_options(w, sync, w->options.max_size, w->options.segment_size);
}

/* The power fails; what comes after the start of all that was appended. */
static unsigned count_after_crash(struct world *w, uint64_t seed)
{
	struct store *left = w->s;
	struct cursor *c = w->c[0];
	fake_disk_crash(w->f, seed);
	world_open(w, 1);
	unsigned n = drain(w, 0);
	if (n == w->next_id - 1)
		assert_int_equal(store_damage(w->s).n_records, 0);
	world_close(w);
	cursor_close(c);
	store_close(left);
	return n;
}

/* Many segments without a sync; then it is on, and one append or one checkpoint later all of them are durable. */
static void test_sync_begins(void **state)
{
	enum what { NEVER, APPEND, CHECKPOINT, CLOSE, N_WAYS };
	unsigned n_lost[N_WAYS] = { 0 };
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		for (unsigned way = 0; way < N_WAYS; way++) {
			struct world w;
			world_init(&w, seed);
			w.options.sync = false;
			world_open(&w, 1);
			for (unsigned i = 0; i < 12; i++)
				assert_int_equal(put(&w, 5, 1000, 1, NULL), 0);
			if (way != NEVER)
				set_sync(&w, true);
			if (way == CLOSE) {
				world_close(&w);
				world_open(&w, 1);
			}
			if (way == CHECKPOINT)
				assert_int_equal(store_checkpoint(w.s), 0);
			else
				assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
			unsigned n = count_after_crash(&w, seed);
			if (way != NEVER && n != w.next_id - 1)
				fail_msg("seed %u, way %u: %u of %u", (unsigned)seed, way, n, (unsigned)w.next_id - 1);
			n_lost[way] += (unsigned)w.next_id - 1 - n;
			world_release(&w);
		}
	}
	assert_true(n_lost[NEVER] > 0); /* else the others say nothing */
}

static void test_sync_ends(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 1);
	w.options.segment_size = MiB;
	world_open(&w, 1);
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t before = fake_disk_calls(w.f, FAKE_SYNC);
		set_sync(&w, false);
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
		assert_int_equal(fake_disk_calls(w.f, FAKE_SYNC), before);
		set_sync(&w, true);
		assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
		assert_int_equal(fake_disk_calls(w.f, FAKE_SYNC), before + 2); /* what was there, and the append */
		assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
		assert_int_equal(fake_disk_calls(w.f, FAKE_SYNC), before + 3);
	}
	assert_int_equal(drain(&w, 0), 37);
	world_release(&w);
}

/* The disk refuses the late sync: nothing was promised for that data, but what is promised from now on holds, in another file. */
static void test_late_sync_fails(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world w;
		uint64_t id;
		world_init(&w, seed);
		w.options.sync = false;
		world_open(&w, 1);
		assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
		set_sync(&w, true);
		fake_disk_fail(
		        w.f, &(struct fake_fault){ .call = FAKE_SYNC, .path = "seg-", .times = 1, .error = EIO });
		if (seed % 2)
			assert_int_equal(store_checkpoint(w.s), 0);
		assert_int_equal(put(&w, 1, 1000, 1, &id), 0);
		assert_false(store_failed(w.s));
		struct store *left = w.s;
		struct cursor *c = w.c[0];
		fake_disk_crash(w.f, seed);
		world_open(&w, 1);
		drain(&w, 0);
		if (!(w.seen[id] & 1))
			fail_msg("seed %u: lost", (unsigned)seed);
		world_close(&w);
		cursor_close(c);
		store_close(left);
		world_release(&w);
	}
}

/* Until it is refused; how many. */
static unsigned fill(struct world *w, size_t size)
{
	unsigned n = 0;
	for (; store_reserve(w->s, size + 200); n++) {
		assert_int_equal(put(w, 1, size, 1, NULL), 0);
		store_release(w->s, size + 200);
	}
	return n;
}

/* Below what is used: full, nothing is dropped, and room comes back when enough of it was delivered. What was reserved before is placed. */
static void test_smaller(void **state)
{
	static const struct {
		uint64_t max_size, segment_size, smaller;
		unsigned n;
	} rows[] = {
		{ 16 * MiB, 64 << 10, 2 * MiB, 40 }, /* of 100 KiB, each a segment */
		{ 16 * MiB, 2 * MiB, MiB, 15 }, /* the newest segment alone is larger */
		{ 16 * MiB, 2 * MiB, MiB, 30 }, { 16 * MiB, 2 * MiB, 2 * MiB, 14 },
		{ 16 * MiB, 2 * MiB, MiB, 0 }, /* only what is reserved */
	};
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		enum { SIZE = 100 << 10 };
		struct world w;
		world_init(&w, i);
		w.options.max_size = rows[i].max_size;
		w.options.segment_size = rows[i].segment_size;
		world_open(&w, 1);
		for (unsigned k = 0; k < rows[i].n; k++)
			assert_int_equal(put(&w, 1, SIZE, 1, NULL), 0);
		for (unsigned k = 0; k < 8; k++)
			assert_true(store_reserve(w.s, SIZE + 200));
		set_options(&w, true, rows[i].smaller, rows[i].segment_size);
		assert_false(store_reserve(w.s, SIZE));
		assert_int_equal(store_checkpoint(w.s), 0);
		for (unsigned k = 0; k < 8; k++) {
			assert_int_equal(put(&w, 1, SIZE, 1, NULL), 0);
			store_release(w.s, SIZE + 200);
		}
		if (rows[i].n)
			assert_false(store_reserve(w.s, SIZE));
		if (i % 2) {
			world_close(&w);
			world_open(&w, 1);
		}
		assert_int_equal(drain(&w, 0), rows[i].n + 8);
		assert_int_equal(store_checkpoint(w.s), 0);
		assert_int_equal(COUNT(w.c[0], accepted), COUNT(w.c[0], delivered));
		if (store_bytes(w.s) > rows[i].smaller)
			fail_msg("row %u: %u bytes left", (unsigned)i, (unsigned)store_bytes(w.s));
		unsigned n = fill(&w, SIZE);
		assert_true(n >= 3 && store_bytes(w.s) <= rows[i].smaller);
		assert_int_equal(drain(&w, 0), n);
		world_release(&w);
	}
}

/* A free tail of the size of yesterday's segments is no reason to be full, and does not stay on the disk. */
static void test_free_tail(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 1);
	w.options.segment_size = 2 * MiB;
	world_open(&w, 1);
	assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
	assert_true(store_bytes(w.s) > 2 * MiB);
	set_options(&w, true, MiB, 2 * MiB);
	assert_true(store_reserve(w.s, 1000));
	store_release(w.s, 1000);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_true(store_bytes(w.s) < MiB);
	assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
	assert_true(store_bytes(w.s) < MiB);
	assert_int_equal(drain(&w, 0), 2);
	world_release(&w);
}

static void test_larger(void **state)
{
	struct world w;
	uint32_t payload = 600 << 10;
	(void)state;
	world_init(&w, 1);
	w.options.max_size = MiB;
	w.options.segment_size = MiB;
	world_open(&w, 1);
	unsigned n = fill(&w, 50 << 10);
	assert_in_range(n, 5, 12);
	assert_false(store_can_hold(w.s, &payload, 1));
	set_options(&w, true, 8 * MiB, MiB);
	assert_true(store_can_hold(w.s, &payload, 1));
	n += fill(&w, 50 << 10);
	assert_in_range(n, 100, 200);
	assert_true(store_bytes(w.s) <= 8 * MiB);
	assert_int_equal(drain(&w, 0), n);
	assert_int_equal(store_checkpoint(w.s), 0);
	uint64_t before = store_bytes(w.s);
	assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
	assert_true(store_bytes(w.s) <= before + MiB);
	assert_int_equal(drain(&w, 0), 1);
	world_release(&w);
}

struct run {
	struct world w;
	unsigned n_put, n_refused;
	_Atomic bool done;
};

/* The writer and its reader: what has reserved is stored, whatever the options become meanwhile. */
static void *append_and_drain(void *arg)
{
	enum { SIZE = 40 << 10 };
	struct run *r = arg;
	for (unsigned i = 0; i < 400; i++) {
		bool room = store_reserve(r->w.s, SIZE + 200);
		if (room) {
			r->n_refused += put(&r->w, 1, SIZE, 1, NULL) != 0;
			r->n_put++;
			store_release(r->w.s, SIZE + 200);
		}
		if (!room || i % 60 == 59)
			drain(&r->w, 0);
		if (!room || i % 7 == 0)
			(void)!store_checkpoint(r->w.s);
	}
	atomic_store(&r->done, true);
	return NULL;
}

static void test_changed_meanwhile(void **state)
{
	static struct run r;
	uint32_t payload = 100 << 10;
	pthread_t thread;
	(void)state;
	world_init(&r.w, 1);
	world_open(&r.w, 1);
	struct store_options o = r.w.options;
	assert_int_equal(pthread_create(&thread, NULL, append_and_drain, &r), 0);
	for (unsigned i = 0; !atomic_load(&r.done); i++) {
		o.sync = i & 1;
		o.max_size = i & 2 ? MiB : 8 * MiB;
		o.segment_size = i & 4 ? 64 << 10 : 2 * MiB;
		(void)store_set_options(r.w.s, &o);
		assert_true(store_can_hold(r.w.s, &payload, 1));
		if (store_reserve(r.w.s, 1000))
			store_release(r.w.s, 1000);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(r.n_put > 50);
	assert_int_equal(r.n_refused, 0);
	drain(&r.w, 0);
	assert_int_equal(COUNT(r.w.c[0], queued), 0);
	assert_int_equal(COUNT(r.w.c[0], accepted), COUNT(r.w.c[0], delivered));
	world_release(&r.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sync_begins),
		cmocka_unit_test(test_sync_ends),
		cmocka_unit_test(test_late_sync_fails),
		cmocka_unit_test(test_smaller),
		cmocka_unit_test(test_free_tail),
		cmocka_unit_test(test_larger),
		cmocka_unit_test(test_changed_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
