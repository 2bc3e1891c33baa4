/* test_fake_disk.c - the fake disk (tests/unit/rig) against the real one on random calls; its limits, faults and log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/rig/fake_disk.h"

enum { N_OPEN = 4 };

/* The same calls to the fake disk [0] and the real one [1]. */
struct twins {
	struct disk *d[2];
	const char *root[2];
	int fd[2][N_OPEN];
	bool is_dir[N_OPEN];
	unsigned seed;
	char path[2][80], other[2][80];
};

static unsigned pick(struct twins *t, unsigned n)
{
	return (unsigned)rand_r(&t->seed) % n;
}

static void pick_path(struct twins *t, char path[2][80], bool dirs_too)
{
	static const char *const dirs[] = { "", "/a", "/b", "/a/c" };
	static const char *const names[] = { "/f", "/g", "/h", "/f/x", "/nowhere/f", "" };
	const char *dir = dirs[pick(t, COUNTOF(dirs))], *name = names[pick(t, COUNTOF(names) - !dirs_too)];
	for (int i = 0; i < 2; i++)
		snprintf(path[i], 80, "%s%s%s", t->root[i], dir, name);
}

struct seen_names {
	unsigned n, sum;
};

static void see_name(void *ctx, const char *name)
{
	struct seen_names *s = ctx;
	s->n++;
	for (unsigned k = 1; *name; name++, k++)
		s->sum += k * (unsigned char)*name;
}

static void twin_open(struct twins *t, unsigned slot)
{
	static const int flags[] = { O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_EXCL,
		O_RDWR | O_CREAT | O_TRUNC, O_WRONLY | O_APPEND | O_CREAT, O_RDONLY | O_DIRECTORY,
		O_RDWR | O_NOFOLLOW };
	int f = flags[pick(t, COUNTOF(flags))];
	pick_path(t, t->path, true);
	for (int i = 0; i < 2; i++)
		t->fd[i][slot] = t->d[i]->open(t->d[i], t->path[i], f, 0600);
	if (t->fd[0][slot] < 0 || t->fd[1][slot] < 0)
		assert_int_equal(t->fd[0][slot], t->fd[1][slot]);
	int dir = t->fd[1][slot] < 0 ? -1 : t->d[1]->open(t->d[1], t->path[1], O_RDONLY | O_DIRECTORY, 0);
	t->is_dir[slot] = dir >= 0;
	if (dir >= 0)
		t->d[1]->close(t->d[1], dir);
}

static void twin_names(struct twins *t)
{
	struct seen_names seen[2] = { 0 };
	int64_t rc[2];
	unsigned what = pick(t, 5);
	pick_path(t, t->path, what >= 2);
	pick_path(t, t->other, false);
	if (what == 4) /* names that rename never meets: directories stay where they are */
		for (unsigned i = 0, k = pick(t, 2); i < 2; i++)
			snprintf(t->path[i], sizeof(t->path[i]), "%s%s", t->root[i], k ? "/b//sub/deep/" : "/a/c");
	for (int i = 0; i < 2; i++) {
		struct disk *d = t->d[i];
		rc[i] = what == 0   ? d->unlink(d, t->path[i])
		        : what == 1 ? d->rename(d, t->path[i], t->other[i])
		        : what == 2 ? d->list(d, t->path[i], see_name, &seen[i])
		        : what == 3 ? d->sync_dir(d, t->path[i])
		                    : d->mkdirs(d, t->path[i], 0700);
	}
	assert_int_equal(rc[0], rc[1]);
	assert_memory_equal(&seen[0], &seen[1], sizeof(seen[0]));
}

static void twin_bytes(struct twins *t, unsigned slot)
{
	static char text[20000], got[2][20000];
	int64_t rc[2];
	unsigned what = pick(t, 10), n = pick(t, pick(t, 3) ? 300 : sizeof(text)), at = pick(t, 20000),
	         cut = pick(t, n + 1);
	memset(text, 'a' + (int)pick(t, 26), sizeof(text));
	memset(got, 0, sizeof(got));
	if (t->is_dir[slot] && what == 8)
		return; /* what size a directory has is the file system's affair */
	for (int i = 0; i < 2; i++) {
		struct disk *d = t->d[i];
		int fd = t->fd[i][slot];
		struct iovec v[3] = { { text, cut }, { text, 0 }, { text, n - cut } };
		rc[i] = what == 0   ? d->write(d, fd, text, n)
		        : what <= 2 ? d->pwritev(d, fd, v, 3, at)
		        : what == 3 ? d->read(d, fd, got[i], n)
		        : what <= 5 ? d->pread(d, fd, got[i], n, at)
		        : what == 6 ? d->truncate(d, fd, at)
		        : what == 7 ? d->allocate(d, fd, at)
		        : what == 8 ? d->size(d, fd)
		                    : d->sync(d, fd);
	}
	assert_int_equal(rc[0], rc[1]);
	assert_memory_equal(got[0], got[1], sizeof(text));
}

static void twin_step(struct twins *t)
{
	unsigned slot = pick(t, N_OPEN), what = pick(t, 10);
	if (what == 0 || t->fd[0][slot] < 0) {
		if (t->fd[0][slot] < 0)
			twin_open(t, slot);
		else
			for (int i = 0; i < 2; i++, t->fd[0][slot] = i == 2 ? -1 : t->fd[0][slot])
				assert_int_equal(t->d[i]->close(t->d[i], t->fd[i][slot]), 0);
	} else if (what == 1) {
		assert_int_equal(t->d[0]->lock(t->d[0], t->fd[0][slot]), t->d[1]->lock(t->d[1], t->fd[1][slot]));
	} else if (what <= 4) {
		twin_names(t);
	} else {
		twin_bytes(t, slot);
	}
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *at UNUSED)
{
	return remove(path);
}

static void same_as_the_real_disk(void **state UNUSED)
{
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	for (int round = 0; round < 20; round++) {
		char dir[] = "/tmp/weir-twins-XXXXXX";
		assert_non_null(mkdtemp(dir));
		struct fake_disk *f = fake_disk_new(1 << 30);
		struct twins t = {
			.d = { &f->disk, disk_system() }, .root = { "/t", dir }, .seed = seed + (unsigned)round
		};
		memset(t.fd, -1, sizeof(t.fd));
		for (int i = 0; i < 2; i++) {
			snprintf(t.path[i], sizeof(t.path[i]), "%s/a/c", t.root[i]);
			assert_int_equal(t.d[i]->mkdirs(t.d[i], t.path[i], 0700), 0);
		}
		for (int step = 0; step < 500; step++)
			twin_step(&t);
		for (int slot = 0; slot < N_OPEN; slot++)
			if (t.fd[1][slot] >= 0)
				t.d[1]->close(t.d[1], t.fd[1][slot]);
		fake_disk_free(f);
		assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	}
}

static int open_new(struct fake_disk *f, const char *path)
{
	int fd = f->disk.open(&f->disk, path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	return fd;
}

static ssize_t write_at(struct fake_disk *f, int fd, int byte, size_t n, int64_t at)
{
	char text[3 * FAKE_PAGE];
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

static void links_and_modes(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	struct disk *d = &f->disk;
	fake_disk_put(f, "/data/file", SLICE("text"));
	fake_disk_symlink(f, "/data/link", "/data/file");
	fake_disk_symlink(f, "/data/loop", "/data/loop");
	fake_disk_symlink(f, "/data/dangling", "/data/none");
	const struct {
		const char *path;
		int flags, want;
	} rows[] = {
		{ "/data/link", O_RDONLY | O_NOFOLLOW, -ELOOP },
		{ "/data/loop", O_RDONLY, -ELOOP },
		{ "/data/dangling", O_RDONLY, -ENOENT },
		{ "/data/link", O_RDWR | O_CREAT | O_EXCL, -EEXIST },
		{ "/data/dangling", O_RDWR | O_CREAT | O_EXCL, -EEXIST },
		{ "", O_RDONLY, -ENOENT },
		{ "/data/file/", O_RDONLY, 0 },
		{ "/data//./link", O_RDWR, 0 },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		int fd = d->open(d, rows[i].path, rows[i].flags, 0600);
		assert_int_equal(fd < 0 ? fd : 0, rows[i].want);
	}
	char *text;
	size_t len;
	assert_int_equal(disk_slurp(d, "/data/link", 100, &text, &len), 0);
	assert_string_equal(text, "text");
	free(text);
	fake_disk_chmod(f, "/data/file", 0200);
	assert_int_equal(d->open(d, "/data/file", O_RDONLY, 0), -EACCES);
	fake_disk_chmod(f, "/data/file", 0400);
	assert_int_equal(d->open(d, "/data/link", O_RDWR, 0), -EACCES);
	assert_int_equal(d->unlink(d, "/data/link"), 0); /* not what it points to */
	assert_true(fake_disk_exists(f, "/data/file"));
	assert_int_equal(d->mkdirs(d, "/data/sub", 0700), 0);
	assert_int_equal(fake_disk_mode(f, "/data/sub"), 0700);
	assert_int_equal(d->mkdirs(d, "/data/file", 0700), -EEXIST);
	assert_int_equal(d->mkdirs(d, "/data/file/sub", 0700), -EEXIST);
	assert_int_equal(d->rename(d, "/data/sub", "/data/other"), -EOPNOTSUPP);
	assert_int_equal(d->unlink(d, "/data/sub"), -EISDIR);
	fake_disk_crash(f, 1);
	expect_text(f, "/data/file", "text"); /* put is durable */
	fake_disk_free(f);
}

static void space_runs_out(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(4 * FAKE_PAGE);
	struct disk *d = &f->disk;
	int fd = open_new(f, "/x"), other = open_new(f, "/y");
	assert_int_equal(d->allocate(d, fd, 2 * FAKE_PAGE), 0);
	assert_int_equal(fake_disk_used(f), 2 * FAKE_PAGE);
	assert_int_equal(d->allocate(d, other, 3 * FAKE_PAGE), -ENOSPC);
	assert_int_equal(d->size(d, other), 0);
	assert_int_equal(write_at(f, other, 'o', 3 * FAKE_PAGE, 0), 2 * FAKE_PAGE);
	assert_int_equal(write_at(f, other, 'o', 1, 2 * FAKE_PAGE), -ENOSPC);
	assert_int_equal(write_at(f, fd, 'x', 2 * FAKE_PAGE, 0), 2 * FAKE_PAGE); /* preallocated */
	assert_int_equal(write_at(f, fd, 'x', 1, 2 * FAKE_PAGE), -ENOSPC);
	assert_int_equal(d->unlink(d, "/y"), 0);
	assert_int_equal(write_at(f, fd, 'x', 1, 2 * FAKE_PAGE), -ENOSPC); /* it is still open */
	assert_int_equal(write_at(f, other, 'p', 10, 0), 10);
	assert_int_equal(d->close(d, other), 0);
	assert_int_equal(write_at(f, fd, 'x', 1, 2 * FAKE_PAGE), 1);
	assert_int_equal(d->truncate(d, fd, 1), 0);
	assert_int_equal(fake_disk_used(f), FAKE_PAGE);
	fake_disk_resize(f, 0);
	assert_int_equal(write_at(f, fd, 'y', FAKE_PAGE, 0), FAKE_PAGE);
	assert_int_equal(write_at(f, fd, 'y', 1, FAKE_PAGE), -ENOSPC);
	fake_disk_free(f);
}

static void scripted_faults(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	struct disk *d = &f->disk;
	int x = open_new(f, "/data-x"), y = open_new(f, "/data-y");
	fake_disk_fail(f, &(struct fake_fault){ FAKE_PWRITEV, "data-x", .nth = 2, .times = 2, .error = EIO });
	const ssize_t want[] = { 9, -EIO, -EIO, 9, 9 };
	for (size_t i = 0; i < COUNTOF(want); i++) {
		assert_int_equal(write_at(f, x, 'x', 9, 0), want[i]);
		assert_int_equal(write_at(f, y, 'y', 9, 0), 9);
	}
	fake_disk_fail(f, &(struct fake_fault){ FAKE_PREAD, .times = 1 });
	char out[9];
	ssize_t n = d->pread(d, y, out, 9, 0);
	assert_true(n >= 1 && n <= 8);
	assert_int_equal(d->pread(d, y, out, 9, 0), 9);
	fake_disk_fail(f, &(struct fake_fault){ FAKE_OPEN, .error = EMFILE });
	for (int i = 0; i < 10; i++)
		assert_int_equal(d->open(d, "/data-x", O_RDONLY, 0), -EMFILE);
	fake_disk_fail(f, &(struct fake_fault){ FAKE_CLOSE, .times = 1, .error = EIO });
	assert_int_equal(d->close(d, x), -EIO);
	assert_int_equal(d->close(d, x), -EBADF);
	fake_disk_heal(f);
	assert_true(d->open(d, "/data-x", O_RDONLY, 0) > y); /* never a number again */
	assert_int_equal(fake_disk_calls(f, FAKE_OPEN), 13);
	assert_int_equal(fake_disk_logged(f, FAKE_PWRITEV, "data-x"), 5);
	assert_int_equal(fake_disk_logged(f, FAKE_PWRITEV, NULL), 10);
	const struct fake_log_entry *e = fake_disk_log(f, 4);
	assert_int_equal(e->call, FAKE_PWRITEV);
	assert_int_equal(e->result, -EIO);
	assert_int_equal(e->fd, x);
	assert_string_equal(e->path, "/data-x");
	assert_null(fake_disk_log(f, (size_t)fake_disk_total(f)));
	fake_disk_free(f);
}

/* Seeded: the same faults again, and none after heal. */
static void chances(void **state UNUSED)
{
	struct fake_chaos chaos = { .shorten = 300, .longest = 4 };
	for (int i = 0; i < N_FAKE_CALLS; i++)
		chaos.fail[i] = i == FAKE_OPEN ? 0 : 200;
	int64_t results[2][200];
	unsigned n_failed = 0, n_short = 0;
	for (int run = 0; run < 2; run++) {
		struct fake_disk *f = fake_disk_new(1 << 20);
		fake_disk_chaos(f, 7, &chaos);
		int fd = open_new(f, "/x");
		for (int i = 0; i < 200; i++) {
			int64_t rc = i % 3 ? write_at(f, fd, 'x', 100, i) : f->disk.sync(&f->disk, fd);
			results[run][i] = rc;
			n_failed += rc < 0;
			n_short += i % 3 && rc > 0 && rc < 100;
		}
		fake_disk_heal(f);
		for (int i = 0; i < 200; i++)
			assert_int_equal(write_at(f, fd, 'x', 100, i), 100);
		fake_disk_free(f);
	}
	assert_memory_equal(results[0], results[1], sizeof(results[0]));
	assert_true(n_failed > 80 && n_short > 40);
}

struct hook {
	struct fake_disk *f;
	unsigned n, halt_at;
	enum fake_call last;
	char path[32];
};

static void count_call(void *ctx, enum fake_call call, const char *path)
{
	struct hook *h = ctx;
	h->last = call;
	snprintf(h->path, sizeof(h->path), "%s", path);
	if (++h->n == h->halt_at)
		fake_disk_halt(h->f);
}

static void halts(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	struct disk *d = &f->disk;
	struct hook h = { .f = f, .halt_at = 3 };
	f->on_call = count_call;
	f->ctx = &h;
	int fd = open_new(f, "/x");
	assert_int_equal(write_at(f, fd, 'x', 3, 0), 3);
	assert_int_equal(h.last, FAKE_PWRITEV);
	assert_string_equal(h.path, "/x");
	assert_false(fake_disk_halted(f));
	assert_int_equal(write_at(f, fd, 'y', 3, 0), -EIO);
	assert_int_equal(d->unlink(d, "/x"), -EIO);
	assert_int_equal(d->close(d, fd), -EIO);
	assert_int_equal(h.n, 5);
	assert_true(fake_disk_halted(f));
	assert_int_equal(fake_disk_total(f), 2);
	fake_disk_kill(f);
	expect_text(f, "/x", "xxx");
	assert_int_equal(d->close(d, fd), -EBADF);
	f->on_call = NULL;
	fake_disk_halt_at(f, 2);
	fd = open_new(f, "/y");
	assert_int_equal(d->size(d, fd), -EIO);
	assert_int_equal(d->open(d, "/z", O_CREAT | O_RDWR, 0600), -EIO);
	fake_disk_kill(f);
	assert_true(fake_disk_exists(f, "/y"));
	assert_false(fake_disk_exists(f, "/z"));
	fake_disk_halt_at(f, 5); /* gone with the kill */
	fake_disk_kill(f);
	fd = open_new(f, "/y");
	for (int i = 0; i < 10; i++)
		assert_int_equal(d->size(d, fd), 0);
	fake_disk_free(f);
}

static void behind_the_programs_back(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	fake_disk_put(f, "/data/x", SLICE("abcdef"));
	fake_disk_flip(f, "/data/x", 8 + 1);
	expect_text(f, "/data/x", "a`cdef");
	fake_disk_crash(f, 3);
	expect_text(f, "/data/x", "a`cdef");
	fake_disk_truncate(f, "/data/x", 4);
	fake_disk_crash(f, 3);
	expect_text(f, "/data/x", "a`cd");
	fake_disk_truncate(f, "/data/x", 6);
	assert_int_equal(fake_disk_size(f, "/data/x"), 6);
	size_t len;
	char *text = fake_disk_get(f, "/data/x", &len);
	assert_memory_equal(text, "a`cd\0\0", 7);
	free(text);
	fake_disk_put(f, "/data/x", SLICE("new"));
	fake_disk_crash(f, 4);
	expect_text(f, "/data/x", "new");
	fake_disk_free(f);
}

static void the_log_keeps_the_last(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	const char *path = "/a-path-that-does-not-fit-into-an-entry-of-the-log/seg-0123456789abcdef.log";
	fake_disk_put(f, path, SLICE(""));
	int fd = open_new(f, path);
	assert_int_equal(strlen(fake_disk_log(f, 0)->path), sizeof(fake_disk_log(f, 0)->path) - 1);
	assert_string_equal(fake_disk_log(f, 0)->path, path + strlen(path) - 47);
	for (int i = 0; i < 70000; i++)
		assert_int_equal(f->disk.truncate(&f->disk, fd, i % 10), 0);
	assert_int_equal(fake_disk_calls(f, FAKE_TRUNCATE), 70000);
	assert_int_equal(fake_disk_logged(f, FAKE_TRUNCATE, NULL), 65536);
	assert_int_equal(fake_disk_logged(f, FAKE_OPEN, NULL), 0);
	assert_int_equal(fake_disk_log(f, 65535)->at, 69999 % 10);
	assert_int_equal(fake_disk_log(f, 0)->at, (70000 - 65536) % 10);
	assert_null(fake_disk_log(f, 65536));
	fake_disk_free(f);
}

static void *write_and_read(void *arg)
{
	struct fake_disk *f = arg;
	int fd = open_new(f, "/shared");
	char out[64];
	intptr_t bad = 0;
	for (int i = 0; i < 500; i++) {
		bad += write_at(f, fd, 'x', sizeof(out), 64 * i) != sizeof(out);
		bad += f->disk.sync(&f->disk, fd) != 0;
		bad += f->disk.pread(&f->disk, fd, out, sizeof(out), 64 * i) != sizeof(out) || out[63] != 'x';
	}
	return (void *)bad;
}

static void threads(void **state UNUSED)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, write_and_read, f), 0);
	for (int i = 0; i < 2; i++) {
		void *bad;
		assert_int_equal(pthread_join(t[i], &bad), 0);
		assert_null(bad);
	}
	assert_int_equal(fake_disk_calls(f, FAKE_SYNC), 1000);
	assert_int_equal(fake_disk_size(f, "/shared"), 32000);
	fake_disk_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_the_real_disk),
		cmocka_unit_test(links_and_modes),
		cmocka_unit_test(space_runs_out),
		cmocka_unit_test(scripted_faults),
		cmocka_unit_test(chances),
		cmocka_unit_test(halts),
		cmocka_unit_test(behind_the_programs_back),
		cmocka_unit_test(the_log_keeps_the_last),
		cmocka_unit_test(threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
