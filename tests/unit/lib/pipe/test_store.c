/* test_store.c - the segment log when nothing goes wrong: what is put comes back, once per exporter, across rolls and restarts. */
#include "tests/unit/lib/pipe/test_store.h"

#include <fcntl.h>

static void test_round_trip(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 1);
	world_open(&w, 2);
	assert_int_equal(next(&w, 0), 0);
	assert_int_equal(put(&w, 3, 100, 1, NULL), 0);
	assert_int_equal(put(&w, 1, 9000, 3, NULL), 0);
	assert_int_equal(w.seq[1], 1);
	assert_int_equal(w.seq[4], 4);
	for (int64_t id = 1; id <= 4; id++)
		assert_int_equal(next(&w, 0), id);
	assert_int_equal(next(&w, 0), 0);
	assert_int_equal(next(&w, 1), 4); /* only what is for it */
	assert_int_equal(next(&w, 1), 0);
	assert_int_equal(COUNT(w.c[0], queued), 2 + 3 + 4 + 5);
	for (uint64_t id = 1; id <= 4; id++)
		deliver(&w, 0, id);
	assert_int_equal(COUNT(w.c[0], queued), 0);
	assert_int_equal(COUNT(w.c[0], delivered), 14);
	assert_int_equal(cursor_counts(w.c[0]).queued_records, 0);
	assert_int_equal(cursor_counts(w.c[0]).queued_bytes, 0);
	assert_int_equal(cursor_counts(w.c[1]).queued_bytes, 9000);
	world_release(&w);
}

static void test_outcomes(void **state)
{
	struct world w;
	struct outcome o = { .delivered = 1, .rejected = 1, .dead_lettered = 2, .dropped[DROP_MAX_ELAPSED] = 1 };
	(void)state;
	world_init(&w, 1);
	world_open(&w, 1);
	while (w.next_id < 4)
		assert_int_equal(put(&w, 1, 20, 0, NULL), 0); /* for nobody */
	assert_int_equal(put(&w, 1, 20, 1, NULL), 0); /* 5 items */
	assert_int_equal(next(&w, 0), 4);
	cursor_resolve(w.c[0], w.seq[4], &o);
	cursor_resolve(w.c[0], w.seq[4], &o); /* once each */
	assert_int_equal(COUNT(w.c[0], rejected), 1);
	assert_int_equal(COUNT(w.c[0], dead_lettered), 2);
	assert_int_equal(COUNT(w.c[0], dropped[DROP_MAX_ELAPSED]), 1);
	check_equation(w.c[0]);
	world_close(&w);
	world_open(&w, 1);
	assert_int_equal(COUNT(w.c[0], accepted), 5); /* the cursor file keeps them */
	assert_int_equal(COUNT(w.c[0], dead_lettered), 2);
	assert_int_equal(next(&w, 0), 0);
	world_release(&w);
}

static unsigned count_segments(struct world *w)
{
	unsigned n = 0;
	char path[64];
	for (unsigned i = 1; i < 300; i++) {
		snprintf(path, sizeof(path), DIR "/seg-%016x.log", i);
		n += fake_disk_exists(w->f, path);
	}
	return n;
}

static void flip_byte(struct world *w, const char *path, uint64_t at)
{
	char b;
	int fd = w->f->disk.open(&w->f->disk, path, O_RDWR, 0);
	assert_true(fd >= 0);
	assert_int_equal(w->f->disk.pread(&w->f->disk, fd, &b, 1, (int64_t)at), 1);
	b ^= 1;
	struct iovec v = { &b, 1 };
	assert_int_equal(disk_pwrite_all(&w->f->disk, fd, &v, 1, (int64_t)at), 0);
	w->f->disk.close(&w->f->disk, fd);
}

static void test_roll_and_removal(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 2);
	world_open(&w, 2);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(put(&w, 1, 1000, 3, NULL), 0);
	assert_in_range(count_segments(&w), 7, 8); /* 15 in each of 16 KiB */
	assert_int_equal(drain(&w, 0), 100);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_in_range(count_segments(&w), 7, 8); /* b still needs them */
	assert_int_equal(drain(&w, 1), 100);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_int_equal(count_segments(&w), 1);
	assert_true(store_bytes(w.s) < (512 << 10) + (17 << 10));
	/* a record that is larger than a segment has one of its own, and so has a large append */
	assert_int_equal(put(&w, 1, 100000, 3, NULL), 0);
	assert_int_equal(put(&w, 60, 1000, 3, NULL), 0);
	assert_int_equal(drain(&w, 0), 61);
	assert_int_equal(drain(&w, 1), 61);
	world_release(&w);
}

/* What is delivered makes room, the newest segment included: a small storage takes large records one after the other, over restarts, too,
 * and no number is given twice. */
static void test_large_records_in_a_small_storage(void **state)
{
	struct world w;
	uint64_t id = 0;
	(void)state;
	world_init(&w, 15);
	w.options.max_size = 1 << 20;
	w.options.segment_size = 128 << 10;
	world_open(&w, 2);
	for (unsigned i = 0; i < 40; i++) {
		size_t size = i % 3 ? 400 << 10 : 60 << 10;
		if (!store_reserve(w.s, size + 200))
			fail_msg("round %u: full, with %u bytes", i, (unsigned)store_bytes(w.s));
		assert_int_equal(put(&w, 1, size, 1, &id), 0);
		store_release(w.s, size + 200);
		if (size > 100 << 10) { /* not while somebody needs it */
			assert_int_equal(store_checkpoint(w.s), 0);
			assert_false(store_reserve(w.s, 400 << 10));
			assert_int_equal(next(&w, 0), id);
			assert_int_equal(store_checkpoint(w.s), 0);
			assert_false(store_reserve(w.s, 400 << 10));
			deliver(&w, 0, id);
		}
		drain(&w, 0);
		if (i % 4 == 0)
			world_close(&w);
		if (i % 8 == 0 && size > 100 << 10) /* the newer slot of the cursor file, or the older one */
			flip_byte(&w, "/data/cursor", i % 16 ? 300 : (256 << 10) + 300);
		if (i % 4 == 0)
			world_open(&w, 2);
		else
			assert_int_equal(store_checkpoint(w.s), 0);
		if (size > 100 << 10)
			assert_int_equal(count_segments(&w), 1);
		assert_int_equal(COUNT(w.c[0], queued), 0);
		assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
	}
	struct store_damage d = store_damage(w.s);
	assert_int_equal(d.n_records + d.n_items + d.n_bytes, 0);
	world_release(&w);
}

/* What can be held always gets room in the end, with whatever is in front of it; one byte more never does. */
static void test_largest_record(void **state)
{
	static char zeros[1 << 20];
	struct world w;
	(void)state;
	world_init(&w, 16);
	w.options.max_size = 1 << 20;
	w.options.segment_size = 128 << 10;
	world_open(&w, 1);
	struct store_record r = { .type = STORE_RECORD, .signal = TRACES, .n_items = 1, .routes = SLICE("") };
	size_t most = 0;
	uint32_t payload;
	for (size_t n = 8; n < sizeof(zeros); n += 8) {
		r.body = (slice){ zeros, n };
		payload = record_payload(&r);
		most = store_can_hold(w.s, &payload, 1) ? n : most;
	}
	assert_in_range(most, 440 << 10, 448 << 10);
	r.body.len = most;
	payload = record_payload(&r);
	assert_true(store_can_hold(w.s, &payload, 1));
	assert_false(store_can_hold(w.s, (uint32_t[]){ payload, payload }, 2));
	for (size_t first = 1000; first < 140 << 10; first += 1000) {
		assert_int_equal(put(&w, 1, first, 1, NULL), 0);
		assert_int_equal(drain(&w, 0), 1);
		assert_int_equal(store_checkpoint(w.s), 0);
		assert_true(store_reserve(w.s, payload));
		assert_int_equal(store_append(w.s, &r, 1), 0);
		store_release(w.s, payload);
		assert_int_equal(store_checkpoint(w.s), 0);
	}
	r.body.len = (size_t)RECORD_MAX + 1; /* not looked at */
	payload = record_payload(&r);
	assert_false(store_can_hold(w.s, &payload, 1));
	world_release(&w);
}

/* An exporter that gets nothing does not hold what others are done with. */
static void test_idle_cursor(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 3);
	world_open(&w, 2);
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
		drain(&w, 0);
		if (i % 10 == 9)
			assert_int_equal(store_checkpoint(w.s), 0);
	}
	assert_in_range(count_segments(&w), 1, 2);
	assert_int_equal(put(&w, 1, 1000, 2, NULL), 0);
	assert_int_equal(drain(&w, 1), 1);
	world_release(&w);
}

static void test_out_of_order(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 4);
	world_open(&w, 1);
	assert_int_equal(put(&w, 40, 50, 1, NULL), 0);
	for (unsigned i = 1; i <= 40; i++)
		assert_int_equal(next(&w, 0), i);
	for (unsigned i = 40; i > 0; i--)
		if (i % 3)
			deliver(&w, 0, i);
	uint64_t queued = COUNT(w.c[0], queued);
	world_close(&w);
	world_open(&w, 1); /* only what was not resolved */
	assert_int_equal(COUNT(w.c[0], queued), queued);
	for (unsigned i = 3; i <= 40; i += 3)
		assert_int_equal(next(&w, 0), i);
	assert_int_equal(next(&w, 0), 0);
	for (unsigned i = 3; i <= 18; i += 3)
		deliver(&w, 0, i);
	world_close(&w);
	world_open(&w, 1);
	assert_int_equal(next(&w, 0), 21);
	assert_int_equal(drain(&w, 0), 6);
	deliver(&w, 0, 21);
	assert_int_equal(COUNT(w.c[0], queued), 0);
	assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
	world_release(&w);
}

/* More holes than the cursor file holds: what it cannot say is sent again, and counted as if it had never been resolved. */
static void test_many_holes(void **state)
{
	enum { N = 60000 };
	struct world w;
	(void)state;
	world_init(&w, 5);
	w.options.segment_size = 8 << 20;
	world_open(&w, 1);
	static struct store_record v[N];
	static char body[8];
	struct strbuf names;
	strbuf_init(&names, 64);
	routes_add(&names, SLICE("a"));
	for (unsigned i = 0; i < N; i++)
		v[i] = (struct store_record){ .type = STORE_RECORD,
			.signal = TRACES,
			.n_items = 1,
			.body = { body, 8 },
			.routes = strbuf_slice(&names) };
	assert_int_equal(store_append(w.s, v, N), 0);
	struct store_record r;
	struct buf *b;
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(cursor_next(w.c[0], NULL, &r, &b), 1);
		buf_unref(b);
		if (i % 2)
			cursor_resolve(w.c[0], r.seq, &(struct outcome){ .delivered = 1 });
	}
	assert_int_equal(COUNT(w.c[0], delivered), N / 2);
	assert_int_equal(store_checkpoint(w.s), 0);
	struct fake_image *image = fake_disk_snapshot(w.f);
	world_close(&w);
	fake_disk_restore(w.f, image); /* as a crash right behind the checkpoint would leave it */
	world_open(&w, 1);
	uint64_t delivered = COUNT(w.c[0], delivered), n = 0;
	check_equation(w.c[0]);
	assert_int_equal(COUNT(w.c[0], accepted), N);
	assert_in_range(delivered, 10000, N / 2 - 1);
	for (; cursor_next(w.c[0], NULL, &r, &b) == 1; n++) {
		buf_unref(b);
		cursor_resolve(w.c[0], r.seq, &(struct outcome){ .delivered = 1 });
	}
	assert_int_equal(n, N - delivered);
	assert_int_equal(COUNT(w.c[0], accepted), N);
	assert_int_equal(COUNT(w.c[0], delivered), N);
	strbuf_release(&names);
	fake_image_free(image);
	world_release(&w);
}

static void test_age(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 6);
	world_open(&w, 1);
	assert_int_equal(cursor_oldest_wall_ns(w.c[0]), 0);
	assert_int_equal(put(&w, 3, 200, 1, NULL), 0);
	assert_int_equal(cursor_oldest_wall_ns(w.c[0]), w.clock.wall_ns + 1);
	assert_int_equal(next(&w, 0), 1);
	assert_int_equal(next(&w, 0), 2);
	assert_int_equal(cursor_oldest_wall_ns(w.c[0]), w.clock.wall_ns + 1);
	cursor_resolve(w.c[0], w.seq[1], &(struct outcome){ .dropped = { [DROP_OVERFLOW] = 2 } });
	assert_int_equal(COUNT(w.c[0], dropped[DROP_OVERFLOW]), 2);
	assert_int_equal(cursor_oldest_wall_ns(w.c[0]), w.clock.wall_ns + 2);
	assert_int_equal(next(&w, 0), 3);
	deliver(&w, 0, 2);
	deliver(&w, 0, 3);
	assert_int_equal(COUNT(w.c[0], queued), 0);
	world_release(&w);
}

struct orphan {
	unsigned n;
	char name[8];
	int64_t since;
};

static void see_orphan(void *ctx, const char *name, int64_t since)
{
	struct orphan *o = ctx;
	o->n++;
	snprintf(o->name, sizeof(o->name), "%s", name);
	o->since = since;
}

static void test_orphans(void **state)
{
	struct world w;
	struct orphan o = { 0 };
	(void)state;
	world_init(&w, 7);
	world_open(&w, 2);
	assert_int_equal(put(&w, 4, 100, 3, NULL), 0);
	assert_int_equal(put(&w, 1, 100, 4, NULL), 0); /* "c" was never opened */
	store_orphans(w.s, see_orphan, &o);
	assert_int_equal(o.n, 1);
	assert_string_equal(o.name, "c");
	assert_int_equal(drain(&w, 0), 4);
	world_close(&w);
	int64_t closed = w.clock.wall_ns;
	fake_clock_advance(&w.clock, 5 * (int64_t)NS);
	world_open(&w, 1);
	o.n = 0;
	store_orphans(w.s, see_orphan, &o);
	assert_int_equal(o.n, 2); /* b and c; a has nothing */
	assert_int_equal(o.since, closed);
	store_forget(w.s, "b", DROP_ORPHANED);
	world_close(&w);
	world_open(&w, 3);
	assert_int_equal(next(&w, 1), 0);
	assert_int_equal(COUNT(w.c[1], dropped[DROP_ORPHANED]), 2 + 3 + 4 + 5);
	check_equation(w.c[1]);
	assert_int_equal(drain(&w, 2), 1);
	world_release(&w);
}

static void count_call(void *ctx)
{
	++*(unsigned *)ctx;
}

static void test_on_more(void **state)
{
	struct world w;
	unsigned a = 0, b = 0;
	(void)state;
	world_init(&w, 8);
	world_open(&w, 0);
	w.c[0] = cursor_open(w.s, "a", count_call, &a);
	w.c[1] = cursor_open(w.s, "b", count_call, &b);
	assert_int_equal(put(&w, 5, 100, 1, NULL), 0);
	assert_int_equal(put(&w, 1, 100, 3, NULL), 0);
	assert_int_equal(a, 2);
	assert_int_equal(b, 1);
	world_release(&w);
}

/* A new exporter begins at the end; one that comes back goes on where it was. */
static void test_new_and_back(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 9);
	world_open(&w, 1);
	assert_int_equal(put(&w, 5, 100, 1, NULL), 0);
	w.c[1] = cursor_open(w.s, "b", NULL, NULL);
	assert_int_equal(next(&w, 1), 0);
	assert_int_equal(next(&w, 0), 1);
	deliver(&w, 0, 1);
	assert_int_equal(next(&w, 0), 2);
	cursor_close(w.c[0]); /* as a reload does; 2 was not resolved */
	w.c[0] = cursor_open(w.s, "a", NULL, NULL);
	assert_int_equal(drain(&w, 0), 4);
	assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
	world_release(&w);
}

static void test_limits(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 10);
	w.options.max_size = 1 << 20;
	world_open(&w, 1);
	assert_false(store_reserve(w.s, UINT64_MAX));
	assert_false(store_reserve(w.s, RECORD_MAX + 1));
	assert_false(store_reserve(w.s, 2 << 20));
	/* what is reserved can be placed, to the last byte, and the files never hold more than was allowed */
	unsigned n = 0;
	while (store_reserve(w.s, 5000)) {
		struct store_record probe = {
			.pipeline = SLICE("traces"), .routes = SLICE("..."), .body = { "", 4700 }
		};
		assert_true(record_payload(&probe) <= 5000);
		assert_int_equal(put(&w, 1, 4700, 1, NULL), 0);
		store_release(w.s, 5000);
		assert_true(store_bytes(w.s) <= 1 << 20);
		assert_true(fake_disk_used(w.f) <= (1 << 20) + 64 * 4096); /* in blocks */
		n++;
	}
	assert_in_range(n, 95, 110); /* 512 KiB of cursor file, the rest is records */
	assert_false(store_failed(w.s));
	assert_int_equal(drain(&w, 0), n);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_true(store_reserve(w.s, 5000));
	store_release(w.s, 5000);
	/* what others need counts, too */
	assert_true(store_charge(w.s, 300 << 10));
	assert_false(store_charge(w.s, 300 << 10));
	store_uncharge(w.s, 300 << 10);
	assert_true(store_charge(w.s, 300 << 10));
	store_uncharge(w.s, 300 << 10);
	struct store_record large = { .type = STORE_RECORD, .signal = TRACES, .partition = { "x", META_MAX } };
	assert_int_equal(record_payload(&large), 0);
	assert_int_equal(store_append(w.s, &large, 1), -EMSGSIZE);
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	world_release(&w);
}

/* A start looks at headers of files and at what the cursor file does not count, not at the backlog. */
static void test_start_reads_little(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 12);
	w.f->disk = w.f->disk;
	world_open(&w, 1);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(put(&w, 5, 1000, 1, NULL), 0);
	unsigned segments = count_segments(&w);
	assert_true(segments > 150);
	fake_disk_kill(w.f);
	struct store *left = w.s;
	uint64_t before = fake_disk_calls(w.f, FAKE_PREAD);
	w.s = NULL;
	memset(w.c, 0, sizeof(w.c));
	world_open(&w, 1);
	assert_true(fake_disk_calls(w.f, FAKE_PREAD) - before < segments + 20);
	assert_int_equal(cursor_counts(w.c[0]).queued_records, 3000);
	assert_int_equal(drain(&w, 0), 3000);
	store_close(left); /* every descriptor of it is dead */
	world_release(&w);
}

static void test_modes(void **state)
{
	struct world w;
	unsigned char id[16], again[16];
	(void)state;
	world_init(&w, 13);
	world_open(&w, 1);
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	assert_int_equal(fake_disk_mode(w.f, DIR) & 0777, 0700);
	assert_int_equal(fake_disk_mode(w.f, DIR "/seg-0000000000000001.log") & 0777, 0600);
	assert_int_equal(fake_disk_mode(w.f, DIR "/cursor") & 0777, 0600);
	assert_int_equal(fake_disk_mode(w.f, DIR "/LOCK") & 0777, 0600);
	store_install_id(w.s, id);
	world_close(&w);
	world_open(&w, 1);
	store_install_id(w.s, again);
	assert_memory_equal(id, again, sizeof(id));
	world_release(&w);
}

/* One writer with checkpoints and three exporters at once, each with a thread; for TSan, too. */
enum { N_APPENDS = 400 };

struct reader_thread {
	struct world *w;
	unsigned i;
	uint64_t n, sum;
};

static void *read_all(void *p)
{
	struct reader_thread *t = p;
	struct store_record r;
	struct buf *b;
	while (t->n < 2 * N_APPENDS) {
		int rc = cursor_next(t->w->c[t->i], &t->w->pool, &r, &b);
		if (rc != 1)
			continue;
		t->n++;
		t->sum += r.seq;
		buf_unref(b);
		cursor_resolve(t->w->c[t->i], r.seq, &(struct outcome){ .delivered = r.n_items });
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct world w;
	pthread_t threads[3];
	struct reader_thread t[3];
	(void)state;
	world_init(&w, 14);
	world_open(&w, 3);
	for (unsigned i = 0; i < 3; i++) {
		t[i] = (struct reader_thread){ &w, i, 0, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, read_all, &t[i]), 0);
	}
	for (unsigned i = 0; i < N_APPENDS; i++) {
		assert_true(store_reserve(w.s, 500));
		assert_int_equal(put(&w, 2, 300, 7, NULL), 0);
		store_release(w.s, 500);
		if (i % 16 == 0)
			assert_int_equal(store_checkpoint(w.s), 0);
		(void)store_bytes(w.s);
	}
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(t[i].sum, 2 * N_APPENDS * (2 * N_APPENDS + 1) / 2);
		check_equation(w.c[i]);
		assert_int_equal(COUNT(w.c[i], queued), 0);
	}
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_int_equal(count_segments(&w), 1);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_roll_and_removal),
		cmocka_unit_test(test_large_records_in_a_small_storage),
		cmocka_unit_test(test_largest_record),
		cmocka_unit_test(test_idle_cursor),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_many_holes),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_on_more),
		cmocka_unit_test(test_new_and_back),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_start_reads_little),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
