/* test_store_start.c - a disk that fails while a store is opened: an error is no damage.
 *
 * What cannot be read may be whole. Tried three times, then the start fails, names the file and has changed nothing; when the disk is well
 * again nothing is missing. Only when somebody moves the file away is it counted as lost. And what a start accepts is durable from there on.
 */
#include "lib/pipe/dead_letters.h"
#include "lib/pipe/store_inspect.h"
#include "tests/unit/lib/pipe/test_store.h"

static void fail_next(struct world *w, enum fake_call call, const char *path, uint64_t times, int error)
{
	fake_disk_fail(
	        w->f, &(struct fake_fault){ .call = call, .path = path, .nth = 1, .times = times, .error = error });
}

static uint64_t changes(struct fake_disk *f)
{
	static const enum fake_call calls[] = { FAKE_WRITE, FAKE_PWRITEV, FAKE_RENAME, FAKE_UNLINK, FAKE_TRUNCATE,
		FAKE_ALLOCATE };
	uint64_t n = 0;
	for (size_t i = 0; i < COUNTOF(calls); i++)
		n += fake_disk_calls(f, calls[i]);
	return n;
}

/* The start fails, says which file, why and what to do, and has changed nothing. */
static void expect_no_start(struct world *w, const char *file, const char *why, const char *remedy)
{
	struct store *s = NULL;
	struct err e = { .text = "" };
	uint64_t before = changes(w->f);
	assert_int_equal(store_open(&w->options, &s, &e), STORE_UNUSABLE);
	assert_null(s);
	assert_int_equal(changes(w->f), before);
	if (!strstr(e.text, file) || !strstr(e.text, why) || !strstr(e.text, "nothing was changed") ||
	        !strstr(e.text, remedy))
		fail_msg("\"%s\" without \"%s\", \"%s\" or \"%s\"", e.text, file, why, remedy);
}

#define SEG(n) DIR "/seg-000000000000000" #n ".log"
enum { SMALL = 9 }; /* records of a small log, three in each segment */

/* Of the first record. */
static uint32_t first_payload(struct fake_disk *f, const char *path)
{
	size_t len;
	char *p = fake_disk_get(f, path, &len);
	uint32_t n = store_get32((unsigned char *)p + SEGMENT_HEADER + 8);
	free(p);
	return n;
}

static void make_small_log(struct world *w, uint64_t seed)
{
	world_init(w, seed);
	w->options.segment_size = 1000;
	world_open(w, 1);
	for (unsigned i = 0; i < SMALL; i++)
		assert_int_equal(put(w, 1, 150, 1, NULL), 0);
	assert_true(fake_disk_exists(w->f, SEG(3)) && !fake_disk_exists(w->f, SEG(4)));
}

/* One slot of the cursor file cannot be read. It may be the better one: with the other, segments that it needed would count as lost. */
static void test_unreadable_slot(void **state)
{
	(void)state;
	for (unsigned slot = 0; slot < 2; slot++) {
		struct world w;
		world_init(&w, 12);
		world_open(&w, 1);
		assert_int_equal(put(&w, 5, 300, 1, NULL), 0);
		drain(&w, 0);
		assert_int_equal(store_checkpoint(w.s), 0);
		world_close(&w);
		fake_disk_fail(w.f,
		        &(struct fake_fault){
		                .call = FAKE_PREAD, .path = "cursor", .nth = 1 + 2 * slot, .times = 3, .error = EIO });
		expect_no_start(&w, DIR "/cursor", "Input/output error", "all of the log is then sent again");
		world_open(&w, 1);
		assert_int_equal(next(&w, 0), 0);
		assert_int_equal(COUNT(w.c[0], delivered), 2 + 3 + 4 + 5 + 1);
		world_release(&w);
	}
}

/* Whatever a start reads, and whatever the disk says instead: twice in a row it goes on, for ever it does not start, and when the disk is
 * well again everything is there. */
static void test_read_errors_at_start(void **state)
{
	static const struct {
		enum fake_call call;
		const char *path, *named;
		int error;
		uint64_t twice; /* calls that make up two tries */
		const char *remedy;
	} rows[] = {
		{ FAKE_OPEN, "seg-0000000000000001", SEG(1), EIO, 2, "counted as lost" },
		{ FAKE_OPEN, "seg-0000000000000002", SEG(2), ENXIO, 2, "counted as lost" },
		{ FAKE_OPEN, "seg-0000000000000003", SEG(3), EMFILE, 2, "open files" },
		{ FAKE_OPEN, "seg-0000000000000001", SEG(1), ENOMEM, 2, "memory" },
		{ FAKE_OPEN, "seg-0000000000000001", SEG(1), EACCES, 2, "the right" },
		{ FAKE_SIZE, "seg-0000000000000002", SEG(2), EIO, 2, "counted as lost" },
		{ FAKE_PREAD, "seg-0000000000000001", SEG(1), EIO, 2, "counted as lost" },
		{ FAKE_PREAD, "seg-0000000000000003", SEG(3), EIO, 2, "counted as lost" },
		{ FAKE_OPEN, "cursor", DIR "/cursor", EIO, 2, "sent again" },
		{ FAKE_PREAD, "cursor", DIR "/cursor", EIO, 2, "sent again" },
		{ FAKE_SIZE, "cursor", DIR "/cursor", EIO, 2, "sent again" },
		{ FAKE_LIST, DIR, DIR, EIO, 2, "another directory" },
		{ FAKE_SYNC, "seg-0000000000000003", SEG(3), EIO, 0, "counted as lost" },
		{ FAKE_SYNC_DIR, DIR, SEG(3), EIO, 0, "counted as lost" },
	};
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++)
		for (unsigned for_ever = 0; for_ever < 2; for_ever++) {
			struct world w;
			make_small_log(&w, 7 + i);
			struct fake_image *image = fake_disk_snapshot(w.f); /* as a kill leaves it */
			world_close(&w);
			fake_disk_restore(w.f, image);
			w.options.create = false; /* no sync of directories but what is accepted */
			if (for_ever || rows[i].twice)
				fail_next(&w, rows[i].call, rows[i].path, for_ever ? 0 : rows[i].twice, rows[i].error);
			if (for_ever) {
				expect_no_start(&w, rows[i].named, strerror(rows[i].error), rows[i].remedy);
				expect_no_start(&w, rows[i].named, strerror(rows[i].error), rows[i].remedy);
				fake_disk_heal(w.f);
			}
			world_open(&w, 1);
			assert_int_equal(drain(&w, 0), SMALL);
			assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
			assert_int_equal(store_damage(w.s).n_records + store_damage(w.s).n_bytes, 0);
			fake_image_free(image);
			world_release(&w);
		}
}

/* A failing disk takes its time. */
static void pass_seconds(void *ctx, enum fake_call call, const char *path)
{
	(void)path;
	if (call == FAKE_PREAD)
		fake_clock_advance(ctx, 2 * (int64_t)NS);
}

/* The nth read of a start fails, with all that follow, for every n: with a cursor file and without one, with damage beside it, slowly. Then the
 * disk is well again: nothing but what was damaged is missing, and that is counted. */
static void test_every_read_at_start(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		bool no_cursors = kind & 1, damaged = kind & 2, started = false;
		unsigned n_failed = 0;
		for (uint64_t nth = 1; !started; nth++) {
			struct world w;
			make_small_log(&w, 40 + kind);
			struct fake_image *image = fake_disk_snapshot(w.f);
			world_close(&w);
			fake_disk_restore(w.f, image);
			fake_image_free(image);
			if (no_cursors)
				w.f->disk.unlink(&w.f->disk, DIR "/cursor");
			if (damaged) /* the header of the last record but one */
				fake_disk_flip(w.f, SEG(3),
				        8 * (SEGMENT_HEADER + record_size(first_payload(w.f, SEG(3))) + 18));
			fake_disk_fail(w.f,
			        &(struct fake_fault){ .call = FAKE_PREAD, .path = DIR "/", .nth = nth, .error = EIO });
			struct err e;
			uint64_t before = changes(w.f);
			w.f->ctx = &w.clock;
			w.f->on_call = kind & 4 ? pass_seconds : NULL;
			started = store_open(&w.options, &w.s, &e) == STORE_OPENED;
			n_failed += !started;
			if (!started)
				assert_int_equal(changes(w.f), before);
			else
				store_close(w.s);
			w.f->on_call = NULL;
			fake_disk_heal(w.f);
			world_open(&w, 1);
			assert_int_equal(drain(&w, 0), SMALL - damaged);
			assert_int_equal(COUNT(w.c[0], accepted),
			        COUNT(w.c[0], delivered) + COUNT(w.c[0], dropped[DROP_CORRUPT]));
			assert_int_equal(store_damage(w.s).n_records, damaged);
			world_release(&w);
		}
		assert_in_range(n_failed, 5, 100);
	}
}

/* The disk stays as it is, and somebody moves the file away: what was in it is counted as lost, as far as the cursor file knew of it. */
static void test_moved_away(void **state)
{
	static const char *const paths[] = { SEG(1), SEG(2), SEG(3) };
	(void)state;
	for (size_t i = 0; i < COUNTOF(paths); i++) {
		struct world w;
		make_small_log(&w, 70 + i);
		world_close(&w);
		fail_next(&w, FAKE_PREAD, paths[i] + sizeof(DIR), 0, EIO);
		expect_no_start(&w, paths[i], "Input/output error", "move the file away");
		assert_int_equal(w.f->disk.rename(&w.f->disk, paths[i], "/away"), 0);
		world_open(&w, 1);
		uint64_t all = COUNT(w.c[0], accepted);
		assert_int_equal(drain(&w, 0), SMALL - 3);
		assert_int_equal(COUNT(w.c[0], accepted), all);
		assert_int_equal(COUNT(w.c[0], queued), 0);
		uint64_t lost = items_of(3 * i + 1) + items_of(3 * i + 2) + items_of(3 * i + 3);
		assert_int_equal(COUNT(w.c[0], dropped[DROP_CORRUPT]), lost);
		assert_int_equal(COUNT(w.c[0], delivered), all - lost);
		assert_int_equal(put(&w, 1, 150, 1, NULL), 0);
		assert_int_equal(drain(&w, 0), 1);
		world_release(&w);
	}
}

/* Who only looks is told the name, too. */
static void test_inspect(void **state)
{
	static const struct {
		enum fake_call call;
		const char *path;
	} rows[] = {
		{ FAKE_OPEN, SEG(1) },
		{ FAKE_PREAD, SEG(2) },
		{ FAKE_OPEN, DIR "/cursor" },
		{ FAKE_PREAD, DIR "/cursor" },
	};
	struct world w;
	struct store_view v;
	(void)state;
	make_small_log(&w, 80);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct err e = { .text = "" };
		fail_next(&w, rows[i].call, rows[i].path, 0, EIO);
		assert_int_equal(store_inspect(&w.f->disk, DIR, &v, &e), -1);
		fake_disk_heal(w.f);
		if (!strstr(e.text, rows[i].path) || !strstr(e.text, "Input/output error"))
			fail_msg("\"%s\" without \"%s\"", e.text, rows[i].path);
	}
	world_release(&w);
}

/* A kill left an append in the page cache, and a start found and delivered it: the power loss after that start does not take it back. */
static void test_accepted_end_is_durable(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world w;
		world_init(&w, seed);
		world_open(&w, 1);
		assert_int_equal(put(&w, 1, 300, 1, NULL), 0);
		fake_disk_settle(w.f);
		w.options.sync = false;
		world_close(&w);
		world_open(&w, 1);
		assert_int_equal(put(&w, 1, 300, 1, NULL), 0);
		assert_int_equal(put(&w, 3, 300, 1, NULL), 0); /* not synced */
		struct store *left = w.s;
		struct cursor *c = w.c[0];
		fake_disk_kill(w.f);
		w.options.sync = true;
		world_open(&w, 1);
		assert_int_equal(drain(&w, 0), 5);
		struct store *second = w.s;
		struct cursor *c2 = w.c[0];
		fake_disk_crash(w.f, seed);
		world_open(&w, 1);
		drain(&w, 0);
		assert_int_equal(COUNT(w.c[0], dropped[DROP_CORRUPT]), 0);
		assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
		assert_int_equal(store_damage(w.s).n_records, 0);
		world_close(&w);
		cursor_close(c);
		store_close(left);
		cursor_close(c2);
		store_close(second);
		world_release(&w);
	}
}

/* dlq/ cannot be listed: no letter is written over one that is there. */
static void test_letters_that_cannot_be_listed(void **state)
{
	struct world w;
	size_t len;
	(void)state;
	world_init(&w, 15);
	world_open(&w, 1);
	struct dead_letters_options o = {
		.disk = &w.f->disk,
		.clock = &w.clock.clock,
		.log = w.log,
		.store = w.s,
		.directory = DIR,
		.random = world_random,
		.random_ctx = &w,
	};
	struct store_record r = { .type = STORE_RECORD,
		.signal = TRACES,
		.n_items = 1,
		.pipeline = SLICE("traces"),
		.body = SLICE("the first") };
	struct dead_letters *d = dead_letters_open(&o);
	assert_int_equal(dead_letters_add(d, &r), 0);
	dead_letters_close(d);
	char *first = fake_disk_get(w.f, DIR "/dlq/letter-0000000000000001.log", &len), *now;
	fail_next(&w, FAKE_LIST, NULL, 5, EIO);
	d = dead_letters_open(&o); /* three times */
	r.body = SLICE("another");
	assert_int_equal(dead_letters_add(d, &r), -EIO);
	assert_int_equal(dead_letters_add(d, &r), -EIO);
	assert_int_equal(dead_letters_stats(d).n_lost, 2);
	assert_int_equal(dead_letters_add(d, &r), 0);
	assert_int_equal(dead_letters_stats(d).n_letters, 2);
	now = fake_disk_get(w.f, DIR "/dlq/letter-0000000000000001.log", &len);
	assert_memory_equal(first, now, len);
	assert_true(fake_disk_exists(w.f, DIR "/dlq/letter-0000000000000002.log"));
	free(first);
	free(now);
	dead_letters_close(d);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unreadable_slot),
		cmocka_unit_test(test_read_errors_at_start),
		cmocka_unit_test(test_every_read_at_start),
		cmocka_unit_test(test_moved_away),
		cmocka_unit_test(test_inspect),
		cmocka_unit_test(test_accepted_end_is_durable),
		cmocka_unit_test(test_letters_that_cannot_be_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
