/* test_disk.c - the real disk in a directory of its own, and the helpers over a disk that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/disk.h"

static void count(void *ctx, const char *name)
{
	assert_string_equal(name, "two");
	++*(int *)ctx;
}

static void real_files(void **state UNUSED)
{
	char dir[] = "/tmp/weir-disk-XXXXXX", path[64], path2[64], deep[64];
	assert_non_null(mkdtemp(dir));
	struct disk *d = disk_system();
	snprintf(deep, sizeof(deep), "%s/a/b", dir);
	snprintf(path, sizeof(path), "%s/a/b/one", dir);
	snprintf(path2, sizeof(path2), "%s/two", dir);
	assert_int_equal(d->open(d, path, O_RDONLY, 0), -ENOENT);
	assert_int_equal(d->mkdirs(d, deep, 0755), 0);
	assert_int_equal(d->mkdirs(d, deep, 0755), 0);
	int fd = d->open(d, path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(disk_write_all(d, fd, SLICE("hello")), 0);
	assert_int_equal(d->sync(d, fd), 0);
	assert_int_equal(d->size(d, fd), 5);
	assert_int_equal(d->truncate(d, fd, 4), 0);
	assert_int_equal(d->size(d, fd), 4);
	assert_int_equal(disk_write_all(d, fd, SLICE("?")), 0); /* at the old place: a gap of one NUL */
	assert_int_equal(d->size(d, fd), 6);
	assert_int_equal(d->truncate(d, fd, 4), 0);
	assert_int_equal(d->close(d, fd), 0);
	fd = d->open(d, path, O_WRONLY | O_APPEND, 0);
	assert_int_equal(disk_write_all(d, fd, SLICE("o")), 0);
	assert_int_equal(d->close(d, fd), 0);
	assert_int_equal(d->mkdirs(d, path, 0755), -EEXIST);
	assert_int_equal(d->rename(d, path, path2), 0);
	char *text = NULL;
	size_t len = 0;
	assert_int_equal(disk_slurp(d, path2, 5, &text, &len), 0);
	assert_int_equal(len, 5);
	assert_string_equal(text, "hello");
	free(text);
	assert_int_equal(disk_slurp(d, path2, 4, &text, &len), -EFBIG);
	assert_int_equal(disk_slurp(d, path, 4, &text, &len), -ENOENT);
	rmdir(deep);
	deep[strlen(dir) + 2] = 0;
	rmdir(deep);
	int n = 0;
	assert_int_equal(d->list(d, dir, count, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(d->unlink(d, path2), 0);
	assert_int_equal(d->unlink(d, path2), -ENOENT);
	assert_int_equal(d->list(d, path, count, &n), -ENOENT);
	assert_int_equal(rmdir(dir), 0);
}

/* A file of its own in a directory of its own. */
struct place {
	char dir[32], path[40];
	int fd;
};

static struct place place_new(int flags)
{
	struct place p = { .dir = "/tmp/weir-disk-XXXXXX" };
	assert_non_null(mkdtemp(p.dir));
	snprintf(p.path, sizeof(p.path), "%s/file", p.dir);
	p.fd = disk_system()->open(disk_system(), p.path, O_CREAT | O_EXCL | flags, 0600);
	assert_true(p.fd >= 0);
	return p;
}

static void place_remove(const struct place *p)
{
	assert_int_equal(disk_system()->close(disk_system(), p->fd), 0);
	assert_int_equal(disk_system()->unlink(disk_system(), p->path), 0);
	assert_int_equal(rmdir(p->dir), 0);
}

static struct iovec iov(const char *s)
{
	return (struct iovec){ (void *)(uintptr_t)s, strlen(s) };
}

static void real_places(void **state UNUSED)
{
	struct disk *d = disk_system();
	struct place p = place_new(O_RDWR);
	char out[32] = "";
	struct iovec v[3] = { iov("one"), iov(""), iov("two") };
	assert_int_equal(d->pwritev(d, p.fd, v, 3, 10), 6);
	assert_int_equal(d->size(d, p.fd), 16);
	assert_int_equal(d->pread(d, p.fd, out, sizeof(out), 10), 6);
	assert_memory_equal(out, "onetwo", 6);
	assert_int_equal(d->pread(d, p.fd, out, sizeof(out), 16), 0);
	assert_int_equal(d->pread(d, p.fd, out, sizeof(out), -1), -EINVAL);
	assert_int_equal(d->pwritev(d, p.fd, v, 3, -1), -EINVAL);
	assert_int_equal(d->write(d, p.fd, "start", 5), 5); /* the position stayed at 0 */
	assert_int_equal(disk_pread_all(d, p.fd, out, sizeof(out), 0), 16);
	assert_memory_equal(out, "start\0\0\0\0\0onetwo", 16);
	assert_int_equal(d->sync(d, p.fd), 0);
	assert_int_equal(d->sync_dir(d, p.dir), 0);
	assert_int_equal(d->sync_dir(d, p.path), -ENOTDIR);
	assert_int_equal(d->sync_dir(d, "/nowhere/at/all"), -ENOENT);
	place_remove(&p);
	assert_int_equal(d->pwritev(d, p.fd, v, 3, 0), -EBADF);
	assert_int_equal(d->pread(d, p.fd, out, 1, 0), -EBADF);
	assert_int_equal(d->sync(d, p.fd), -EBADF);
	assert_int_equal(d->lock(d, p.fd), -EBADF);
	assert_int_equal(d->allocate(d, p.fd, 1), -EBADF);
}

static void more_pieces_than_one_call_takes(void **state UNUSED)
{
	enum { N = 2 * IOV_MAX + 17 };
	struct disk *d = disk_system();
	struct place p = place_new(O_RDWR);
	struct iovec v[N];
	char want[N], got[N];
	for (int i = 0; i < N; i++) {
		want[i] = (char)('a' + i % 26);
		v[i] = (struct iovec){ &want[i], 1 };
	}
	assert_int_equal(disk_pwrite_all(d, p.fd, v, N, 0), 0);
	assert_int_equal(disk_pread_all(d, p.fd, got, N, 0), N);
	assert_memory_equal(got, want, N);
	place_remove(&p);
}

static void allocates(void **state UNUSED)
{
	struct disk *d = disk_system();
	struct place p = place_new(O_WRONLY);
	struct stat st;
	assert_int_equal(d->allocate(d, p.fd, 100000), 0);
	assert_int_equal(fstat(p.fd, &st), 0);
	assert_int_equal(st.st_size, 100000);
	assert_true(st.st_blocks * 512 >= 100000);
	assert_int_equal(d->allocate(d, p.fd, 10), 0);
	assert_int_equal(d->size(d, p.fd), 100000);
	assert_int_equal(d->allocate(d, p.fd, 0), -EINVAL);
	place_remove(&p);
	int fd = d->open(d, "/proc/self/comm", O_RDWR, 0); /* a file system that has no preallocation says so */
	assert_true(fd >= 0);
	assert_int_equal(d->allocate(d, fd, 4096), -EOPNOTSUPP);
	assert_int_equal(d->close(d, fd), 0);
}

static void locks(void **state UNUSED)
{
	struct disk *d = disk_system();
	struct place p = place_new(O_RDWR);
	int other = d->open(d, p.path, O_RDWR, 0);
	assert_true(other >= 0);
	assert_int_equal(d->lock(d, p.fd), 0);
	assert_int_equal(d->lock(d, p.fd), 0);
	assert_int_equal(d->lock(d, other), -EWOULDBLOCK);
	assert_int_equal(d->close(d, other), 0);
	other = d->open(d, p.path, O_RDONLY, 0);
	assert_int_equal(d->lock(d, other), -EWOULDBLOCK);
	assert_int_equal(d->close(d, p.fd), 0);
	assert_int_equal(d->lock(d, other), 0);
	p.fd = other;
	place_remove(&p);
}

static void a_size_limit_is_an_error(void **state UNUSED)
{
	struct disk *d = disk_system();
	struct place p = place_new(O_RDWR);
	struct rlimit before, low;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	low = (struct rlimit){ .rlim_cur = 4096, .rlim_max = before.rlim_max };
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	static char p8k[8192];
	struct iovec whole = { p8k, sizeof(p8k) };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	ssize_t first = d->pwritev(d, p.fd, &whole, 1, 0);
	int rest = disk_pwrite_all(d, p.fd, &whole, 1, 0), room = d->allocate(d, p.fd, 8192);
	int grown = d->truncate(d, p.fd, 8192);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, handler);
	assert_int_equal(first, 4096);
	assert_int_equal(rest, -EFBIG);
	assert_int_equal(room, -EFBIG);
	assert_int_equal(grown, -EFBIG);
	place_remove(&p);
}

/* Moves one byte at a time with interruptions in between, up to a limit, then fails. */
struct bad_disk {
	struct disk disk;
	size_t n, limit;
	int error;
	bool interrupted;
	char text[64];
};

static ssize_t bad_write(struct disk *disk, int fd UNUSED, const void *p, size_t n)
{
	struct bad_disk *d = CONTAINER_OF(disk, struct bad_disk, disk);
	d->interrupted = !d->interrupted;
	if (d->interrupted)
		return -EINTR;
	if (d->n == d->limit || n == 0)
		return -d->error;
	memcpy(d->text + d->n++, p, 1);
	return 1;
}

static void short_writes(void **state UNUSED)
{
	struct bad_disk d = { .disk = { .write = bad_write }, .limit = 60, .error = ENOSPC };
	assert_int_equal(disk_write_all(&d.disk, 3, SLICE("0123456789")), 0);
	assert_int_equal(d.n, 10);
	assert_memory_equal(d.text, "0123456789", 10);
	d.limit = 12;
	assert_int_equal(disk_write_all(&d.disk, 3, SLICE("abcdef")), -ENOSPC);
	d.error = 0; /* a write that moves nothing must not loop for ever */
	assert_int_equal(disk_write_all(&d.disk, 3, SLICE("abcdef")), -EIO);
	assert_int_equal(disk_write_all(&d.disk, 3, SLICE("")), 0);
}

static ssize_t bad_pwritev(struct disk *disk, int fd, const struct iovec *v, int n UNUSED, int64_t at)
{
	struct bad_disk *d = CONTAINER_OF(disk, struct bad_disk, disk);
	assert_int_equal(at, 100 + (int64_t)d->n);
	return bad_write(disk, fd, v->iov_base, v->iov_len);
}

static ssize_t bad_pread(struct disk *disk, int fd UNUSED, void *p, size_t n, int64_t at)
{
	struct bad_disk *d = CONTAINER_OF(disk, struct bad_disk, disk);
	d->interrupted = !d->interrupted;
	if (d->interrupted)
		return -EINTR;
	if ((size_t)at == d->limit || n == 0)
		return -d->error;
	memcpy(p, d->text + at, 1);
	return 1;
}

static void short_writes_at_a_place(void **state UNUSED)
{
	struct bad_disk d = { .disk = { .pwritev = bad_pwritev }, .limit = 60, .error = ENOSPC };
	struct iovec v[] = { iov(""), iov("012"), iov(""), iov(""), iov("3456789"), iov("") };
	assert_int_equal(disk_pwrite_all(&d.disk, 3, v, COUNTOF(v), 100), 0);
	assert_int_equal(d.n, 10);
	assert_memory_equal(d.text, "0123456789", 10);
	struct iovec more[] = { iov("ab"), iov("cd") };
	d.limit = 13;
	assert_int_equal(disk_pwrite_all(&d.disk, 3, more, 2, 110), -ENOSPC);
	assert_int_equal(d.n, 13);
	d.error = 0;
	struct iovec again = iov("e");
	assert_int_equal(disk_pwrite_all(&d.disk, 3, &again, 1, 113), -EIO);
	assert_int_equal(disk_pwrite_all(&d.disk, 3, &again, 0, 113), 0);
}

static void short_reads_at_a_place(void **state UNUSED)
{
	struct bad_disk d = { .disk = { .pread = bad_pread }, .limit = 10, .text = "0123456789" };
	char out[32];
	assert_int_equal(disk_pread_all(&d.disk, 3, out, 4, 2), 4);
	assert_memory_equal(out, "2345", 4);
	assert_int_equal(disk_pread_all(&d.disk, 3, out, sizeof(out), 3), 7);
	assert_memory_equal(out, "3456789", 7);
	assert_int_equal(disk_pread_all(&d.disk, 3, out, sizeof(out), 10), 0);
	d.error = EIO;
	assert_int_equal(disk_pread_all(&d.disk, 3, out, sizeof(out), 3), -EIO);
	assert_int_equal(disk_pread_all(&d.disk, 3, out, 7, 3), 7);
}

static int big_open(struct disk *d UNUSED, const char *path UNUSED, int flags UNUSED, unsigned mode UNUSED)
{
	return 3;
}

static int big_close(struct disk *d UNUSED, int fd UNUSED)
{
	return 0;
}

static ssize_t big_read(struct disk *disk, int fd UNUSED, void *p, size_t n)
{
	struct bad_disk *d = CONTAINER_OF(disk, struct bad_disk, disk);
	size_t left = d->limit - d->n, take = n < 777 ? n : 777;
	take = take < left ? take : left;
	memset(p, 'x', take);
	d->n += take;
	return take ? (ssize_t)take : -d->error;
}

static void slurps_in_pieces(void **state UNUSED)
{
	for (size_t size = 0; size < 20000; size += 1234) {
		struct bad_disk d = { .disk = { .open = big_open, .close = big_close, .read = big_read },
			.limit = size };
		char *text = NULL;
		size_t len = 0;
		assert_int_equal(disk_slurp(&d.disk, "x", size, &text, &len), 0);
		assert_int_equal(len, size);
		assert_int_equal(strlen(text), size);
		free(text);
		d.n = 0;
		d.error = EIO;
		assert_int_equal(disk_slurp(&d.disk, "x", size, &text, &len), -EIO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_files),
		cmocka_unit_test(real_places),
		cmocka_unit_test(more_pieces_than_one_call_takes),
		cmocka_unit_test(allocates),
		cmocka_unit_test(locks),
		cmocka_unit_test(a_size_limit_is_an_error),
		cmocka_unit_test(short_writes),
		cmocka_unit_test(short_writes_at_a_place),
		cmocka_unit_test(short_reads_at_a_place),
		cmocka_unit_test(slurps_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
