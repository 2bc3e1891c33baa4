/* test_fake_disk_crash.c - what a fake disk (tests/unit/rig) has after its power was gone.
 *
 * A program is judged by what this disk leaves it. So each rule of fake_disk.h is seen here both to hold for every seed and to leave the
 * freedom it leaves: some seed keeps, some drops, some tears.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "tests/unit/rig/fake_disk.h"

enum { SEEDS = 300 };

static int open_new(struct fake_disk *f, const char *path)
{
	int fd = f->disk.open(&f->disk, path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	return fd;
}

static ssize_t write_at(struct fake_disk *f, int fd, int byte, size_t n, int64_t at)
{
	static char text[64 << 10];
	assert_true(n <= sizeof(text));
	memset(text, byte, n);
	struct iovec v = { text, n };
	return f->disk.pwritev(&f->disk, fd, &v, 1, at);
}

static void expect_text(struct fake_disk *f, const char *path, const char *want)
{
	char *got = fake_disk_get(f, path, NULL);
	assert_string_equal(got, want);
	free(got);
}

/* Linux: the error is reported once, the pages are clean then, and the next sync has nothing to do. */
static void a_failed_sync_lies_later(void **state UNUSED)
{
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		struct disk *d = &f->disk;
		fake_disk_put(f, "/x", SLICE("before"));
		int fd = open_new(f, "/x");
		assert_int_equal(write_at(f, fd, 'n', 6, 0), 6);
		fake_disk_fail(f, &(struct fake_fault){ FAKE_SYNC, .times = 1, .error = EIO });
		assert_int_equal(d->sync(d, fd), -EIO);
		expect_text(f, "/x", "nnnnnn");
		bool again = seed % 2;
		if (again) /* dirty once more: the whole page is written */
			assert_int_equal(write_at(f, fd, 'm', 1, 5), 1);
		assert_int_equal(d->sync(d, fd), 0);
		fake_disk_crash(f, seed);
		expect_text(f, "/x", again ? "nnnnnm" : "before");
		fake_disk_free(f);
	}
}

static void a_failed_sync_may_do_a_part(void **state UNUSED)
{
	unsigned n_new = 0;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		fake_disk_put(f, "/x", SLICE("o"));
		fake_disk_chaos(f, seed, &(struct fake_chaos){ .shorten = 0 });
		int fd = open_new(f, "/x");
		write_at(f, fd, 'n', 1, 0);
		fake_disk_fail(f, &(struct fake_fault){ FAKE_SYNC, .error = EIO, .partly = true });
		assert_int_equal(f->disk.sync(&f->disk, fd), -EIO);
		fake_disk_crash(f, seed);
		char *text = fake_disk_get(f, "/x", NULL);
		n_new += *text == 'n';
		free(text);
		fake_disk_free(f);
	}
	assert_in_range(n_new, SEEDS / 4, SEEDS * 3 / 4);
}

/* 64 sectors: durable 'a', synced 'b' in one, unsynced 'c' in one, anew for each seed. */
static void a_crash_keeps_what_was_synced(void **state UNUSED)
{
	unsigned n_kept = 0, n_dropped = 0, n_torn = 0;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		struct fake_random r = { seed };
		char synced[64], unsynced[64];
		fake_disk_put(f, "/x", SLICE(""));
		int fd = open_new(f, "/x");
		for (int i = 0; i < 64; i++)
			write_at(f, fd, synced[i] = unsynced[i] = (char)('a' + (int)fake_random_below(&r, 2)),
			        FAKE_SECTOR, i * FAKE_SECTOR);
		assert_int_equal(f->disk.sync(&f->disk, fd), 0);
		for (int i = 0; i < 20; i++) {
			int k = (int)fake_random_below(&r, 64);
			write_at(f, fd, unsynced[k] = 'c', FAKE_SECTOR, k * FAKE_SECTOR);
		}
		fake_disk_crash(f, seed);
		size_t len;
		char *got = fake_disk_get(f, "/x", &len);
		assert_int_equal(len, 64 * FAKE_SECTOR);
		for (int page = 0; page < 8; page++) {
			unsigned n[2] = { 0 };
			for (int i = page * 8; i < page * 8 + 8; i++) {
				const char *sector = got + i * FAKE_SECTOR;
				assert_true(*sector == synced[i] || *sector == unsynced[i]);
				assert_int_equal(memcmp(sector, sector + 1, FAKE_SECTOR - 1), 0);
				if (synced[i] != unsynced[i])
					n[*sector == 'c']++;
			}
			n_torn += n[0] && n[1], n_dropped += n[0] && !n[1], n_kept += n[1] && !n[0];
		}
		free(got);
		assert_int_equal(f->disk.sync(&f->disk, fd), -EBADF);
		fake_disk_free(f);
	}
	assert_true(n_torn > SEEDS / 4 && n_dropped > SEEDS && n_kept > SEEDS);
}

static void a_crash_decides_on_sizes(void **state UNUSED)
{
	unsigned n_old = 0, n_new = 0, n_between = 0;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		struct disk *d = &f->disk;
		fake_disk_put(f, "/x", SLICE("0123456789"));
		int fd = open_new(f, "/x");
		if (seed % 2)
			assert_int_equal(d->allocate(d, fd, 20000), 0);
		else
			assert_int_equal(write_at(f, fd, 'n', 19990, 10), 19990);
		fake_disk_crash(f, seed);
		size_t size;
		char *got = fake_disk_get(f, "/x", &size);
		assert_in_range(size, 10, 20000);
		assert_memory_equal(got, "0123456789", 10);
		for (size_t i = 10; i < size; i++)
			assert_true(got[i] == 0 || (got[i] == 'n' && seed % 2 == 0));
		free(got);
		assert_true(fake_disk_used(f) <= (size + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE);
		n_old += size == 10, n_new += size == 20000, n_between += size > 10 && size < 20000;
		fake_disk_free(f);
	}
	assert_true(n_old > SEEDS / 3 && n_new > SEEDS / 3 && n_between > SEEDS / 20);
}

/* A truncation that was not synced is seen or not, and never gives back half of a file. */
static void a_crash_decides_on_a_truncation(void **state UNUSED)
{
	unsigned n_old = 0, n_new = 0;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		fake_disk_put(f, "/x", SLICE(""));
		int fd = open_new(f, "/x");
		assert_int_equal(write_at(f, fd, 'x', 20000, 0), 20000);
		assert_int_equal(f->disk.sync(&f->disk, fd), 0);
		assert_int_equal(f->disk.truncate(&f->disk, fd, 700), 0);
		fake_disk_crash(f, seed);
		int64_t size = fake_disk_size(f, "/x");
		n_old += size == 20000, n_new += size == 700;
		fake_disk_free(f);
	}
	assert_int_equal(n_old + n_new, SEEDS);
	assert_true(n_old > SEEDS / 10 && n_new > SEEDS / 10);
}

static bool holds(struct fake_disk *f, const char *path, const char *want)
{
	if (!fake_disk_exists(f, path))
		return false;
	char *got = fake_disk_get(f, path, NULL);
	bool same = strcmp(got, want) == 0;
	free(got);
	return same;
}

static void a_crash_decides_on_names(void **state UNUSED)
{
	unsigned n_made = 0, n_gone = 0, n_moved = 0, n_second_only = 0;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		struct disk *d = &f->disk;
		fake_disk_put(f, "/d/moved", SLICE("moved"));
		fake_disk_put(f, "/d/over", SLICE("over"));
		fake_disk_put(f, "/d/gone", SLICE("gone"));
		fake_disk_put(f, "/d/stays", SLICE("stays"));
		int made = open_new(f, "/d/made");
		assert_int_equal(d->sync(d, made), 0); /* the file, not its name */
		assert_int_equal(d->rename(d, "/d/moved", "/d/over"), 0);
		assert_int_equal(d->unlink(d, "/d/gone"), 0);
		if (seed % 2)
			assert_int_equal(d->sync_dir(d, "/d"), 0);
		else if (seed % 4)
			assert_int_equal(d->sync_dir(d, "/"), 0); /* another one */
		fake_disk_crash(f, seed);
		bool is_made = fake_disk_exists(f, "/d/made"), is_gone = !fake_disk_exists(f, "/d/gone");
		bool is_moved = holds(f, "/d/over", "moved");
		assert_true(is_moved != holds(f, "/d/over", "over"));
		assert_true(is_moved != holds(f, "/d/moved", "moved"));
		assert_true(is_gone || holds(f, "/d/gone", "gone"));
		assert_true(holds(f, "/d/stays", "stays"));
		if (seed % 2)
			assert_true(is_made && is_gone && is_moved);
		n_made += is_made, n_gone += is_gone, n_moved += is_moved, n_second_only += is_gone && !is_made;
		fake_disk_free(f);
	}
	assert_in_range(n_made, SEEDS / 2 + 30, SEEDS - 30);
	assert_in_range(n_gone, SEEDS / 2 + 30, SEEDS - 30);
	assert_in_range(n_moved, SEEDS / 2 + 30, SEEDS - 30);
	assert_true(n_second_only > 0); /* not only the first ones of what was done */
}

/* Written, synced, renamed over the old one, directory synced: old or new at each moment, new from then on. */
static void a_file_is_replaced_whole(void **state UNUSED)
{
	unsigned n_old = 0, n_new = 0;
	for (unsigned seed = 0; seed < SEEDS; seed++)
		for (unsigned halt = 1; halt <= 7; halt++) {
			struct fake_disk *f = fake_disk_new(1 << 20);
			struct disk *d = &f->disk;
			fake_disk_put(f, "/d/x", SLICE("old"));
			fake_disk_halt_at(f, halt);
			int fd = d->open(d, "/d/x.new", O_WRONLY | O_CREAT | O_EXCL, 0600), rc = -1;
			if (fd >= 0 && !disk_write_all(d, fd, SLICE("new")) && !d->sync(d, fd) && !d->close(d, fd) &&
			        !d->rename(d, "/d/x.new", "/d/x"))
				rc = d->sync_dir(d, "/d");
			fake_disk_crash(f, seed);
			bool is_new = holds(f, "/d/x", "new");
			assert_true(is_new || holds(f, "/d/x", "old"));
			assert_int_equal(rc == 0, halt == 7);
			assert_true(halt == 7 ? is_new : halt == 6 || !is_new);
			n_old += !is_new, n_new += halt == 6 && is_new;
			fake_disk_free(f);
		}
	assert_true(n_old > 0 && n_new > SEEDS / 10);
}

static void a_directory_is_a_name_too(void **state UNUSED)
{
	unsigned n_lost = 0;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		struct disk *d = &f->disk;
		assert_int_equal(d->mkdirs(d, "/a/b", 0700), 0);
		int fd = open_new(f, "/a/b/x");
		assert_int_equal(d->sync(d, fd), 0);
		assert_int_equal(d->sync_dir(d, "/a/b"), 0);
		if (seed % 2)
			assert_int_equal(d->sync_dir(d, "/a") | d->sync_dir(d, "/"), 0);
		fake_disk_crash(f, seed);
		bool lost = !fake_disk_exists(f, "/a/b/x");
		assert_true(!lost || seed % 2 == 0);
		n_lost += lost;
		fake_disk_free(f);
	}
	assert_true(n_lost > SEEDS / 10);
}

/* Made in one directory, moved to another, only that one synced: it must not come back in the first. */
static void a_file_moves_between_directories(void **state UNUSED)
{
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		struct disk *d = &f->disk;
		fake_disk_put(f, "/a/keep", SLICE(""));
		fake_disk_put(f, "/b/keep", SLICE(""));
		open_new(f, "/a/x");
		assert_int_equal(d->rename(d, "/a/x", "/b/x"), 0);
		assert_int_equal(d->sync_dir(d, "/b"), 0);
		fake_disk_crash(f, seed);
		assert_true(fake_disk_exists(f, "/b/x"));
		assert_false(fake_disk_exists(f, "/a/x"));
		fake_disk_free(f);
	}
}

/* A change of an old file's name does not reach the new file of that name. */
static void a_name_is_used_again(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	fake_disk_put(f, "/d/x", SLICE("old"));
	assert_int_equal(f->disk.unlink(&f->disk, "/d/x"), 0);
	fake_disk_put(f, "/d/x", SLICE("new"));
	assert_int_equal(f->disk.sync_dir(&f->disk, "/d"), 0);
	fake_disk_crash(f, 1);
	expect_text(f, "/d/x", "new");
	fake_disk_free(f);
}

static void a_kill_keeps_all(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	struct disk *d = &f->disk;
	int fd = open_new(f, "/x"), unlinked = open_new(f, "/y");
	assert_int_equal(write_at(f, unlinked, 'y', FAKE_PAGE, 0), FAKE_PAGE);
	assert_int_equal(d->unlink(d, "/y"), 0);
	assert_int_equal(d->lock(d, fd), 0);
	assert_int_equal(write_at(f, fd, 'x', 3, 0), 3);
	int other = open_new(f, "/x");
	assert_int_equal(d->lock(d, other), -EWOULDBLOCK);
	fake_disk_kill(f);
	assert_int_equal(d->lock(d, fd), -EBADF);
	expect_text(f, "/x", "xxx");
	assert_int_equal(fake_disk_used(f), FAKE_PAGE);
	fd = open_new(f, "/x");
	assert_int_equal(d->lock(d, fd), 0);
	unsigned seed = 0; /* and still none of it is synced */
	struct fake_image *image = fake_disk_snapshot(f);
	do {
		assert_true(seed < SEEDS);
		fake_disk_restore(f, image);
		fake_disk_crash(f, seed++);
	} while (fake_disk_exists(f, "/x"));
	fake_disk_restore(f, image);
	fake_disk_settle(f);
	fake_disk_crash(f, seed - 1);
	expect_text(f, "/x", "xxx");
	fake_image_free(image);
	fake_disk_free(f);
}

/* From one state many crashes, each seed always the same, the state itself untouched; also in another disk. */
static void copies(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20), *g = fake_disk_new(1 << 20);
	fake_disk_put(f, "/d/x", SLICE("old"));
	int fd = open_new(f, "/d/x");
	assert_int_equal(write_at(f, fd, 'n', 3 * FAKE_PAGE, 0), 3 * FAKE_PAGE);
	open_new(f, "/d/y");
	unsigned n_old = 0;
	struct fake_image *image = fake_disk_snapshot(f);
	assert_int_equal(write_at(f, fd, 'z', 10, 0), 10); /* not in the copy */
	fake_disk_put(f, "/d/z", SLICE("z"));
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		char *got[2];
		size_t len[2];
		bool has_y[2];
		struct fake_disk *both[2] = { f, g };
		for (int i = 0; i < 2; i++) {
			fake_disk_restore(both[i], image);
			assert_int_equal(fake_disk_size(both[i], "/d/x"), 3 * FAKE_PAGE);
			fake_disk_crash(both[i], seed);
			got[i] = fake_disk_get(both[i], "/d/x", &len[i]);
			has_y[i] = fake_disk_exists(both[i], "/d/y");
			assert_false(fake_disk_exists(both[i], "/d/z"));
		}
		assert_int_equal(len[0], len[1]);
		assert_memory_equal(got[0], got[1], len[0]);
		assert_int_equal(has_y[0], has_y[1]);
		assert_null(memchr(got[0], 'z', len[0]));
		n_old += len[0] == 3;
		free(got[0]);
		free(got[1]);
	}
	assert_true(n_old > SEEDS / 4);
	fake_image_free(image);
	fake_disk_free(f);
	fake_disk_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_sync_lies_later),
		cmocka_unit_test(a_failed_sync_may_do_a_part),
		cmocka_unit_test(a_crash_keeps_what_was_synced),
		cmocka_unit_test(a_crash_decides_on_sizes),
		cmocka_unit_test(a_crash_decides_on_a_truncation),
		cmocka_unit_test(a_crash_decides_on_names),
		cmocka_unit_test(a_file_is_replaced_whole),
		cmocka_unit_test(a_directory_is_a_name_too),
		cmocka_unit_test(a_file_moves_between_directories),
		cmocka_unit_test(a_name_is_used_again),
		cmocka_unit_test(a_kill_keeps_all),
		cmocka_unit_test(copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
