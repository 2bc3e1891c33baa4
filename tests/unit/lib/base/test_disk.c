/* test_disk.c - the real disk in a directory of its own, and the helpers over a disk that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
		cmocka_unit_test(short_writes),
		cmocka_unit_test(slurps_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
