/* test_file_sink.c - a disk in memory that can fail: torn writes, rotation, pruning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/pipe/file_sink.h"

enum { N_FILES = 16, FILE_SIZE = 4096 };

struct ram_file {
	char name[64];
	char data[FILE_SIZE];
	size_t len;
};

/* An fd is the address of its file in the table, so it survives a rename as a real one does. */
struct ram {
	struct disk disk;
	struct ram_file *files[N_FILES];
	size_t room; /* bytes that may still be written */
	bool no_truncate, no_rename;
	char made[64];
	unsigned made_mode;
};

static struct ram *ram_of(struct disk *d)
{
	return CONTAINER_OF(d, struct ram, disk);
}

static int find(const struct ram *r, const char *name)
{
	for (int i = 0; i < N_FILES; i++)
		if (r->files[i] && strcmp(r->files[i]->name, name) == 0)
			return i;
	return -1;
}

static int ram_open(struct disk *d, const char *path, int flags, unsigned mode UNUSED)
{
	struct ram *r = ram_of(d);
	int i = find(r, path);
	if (i >= 0 && flags & O_EXCL)
		return -EEXIST;
	if (i < 0 && !(flags & O_CREAT))
		return -ENOENT;
	for (int k = 0; i < 0 && k < N_FILES; k++) {
		if (r->files[k])
			continue;
		r->files[i = k] = calloc(1, sizeof(struct ram_file));
		snprintf(r->files[i]->name, sizeof(r->files[i]->name), "%s", path);
	}
	assert_true(i >= 0);
	if (flags & O_TRUNC)
		r->files[i]->len = 0;
	return i;
}

static int ram_close(struct disk *d UNUSED, int fd UNUSED)
{
	return 0;
}

static ssize_t ram_write(struct disk *d, int fd, const void *p, size_t n)
{
	struct ram *r = ram_of(d);
	struct ram_file *f = r->files[fd];
	n = n < 3 ? n : 3; /* short writes all the time */
	if (!r->room)
		return -ENOSPC;
	n = n < r->room ? n : r->room;
	r->room -= n;
	assert_true(f->len + n <= FILE_SIZE);
	memcpy(f->data + f->len, p, n);
	f->len += n;
	return (ssize_t)n;
}

static int ram_unlink(struct disk *d, const char *path)
{
	struct ram *r = ram_of(d);
	int i = find(r, path);
	assert_true(i >= 0);
	free(r->files[i]);
	r->files[i] = NULL;
	return 0;
}

static int ram_rename(struct disk *d, const char *from, const char *to)
{
	struct ram *r = ram_of(d);
	if (r->no_rename)
		return -EACCES;
	if (find(r, to) >= 0)
		ram_unlink(d, to);
	snprintf(r->files[find(r, from)]->name, sizeof(r->files[0]->name), "%s", to);
	return 0;
}

static int ram_mkdirs(struct disk *d, const char *path, unsigned mode)
{
	struct ram *r = ram_of(d);
	snprintf(r->made, sizeof(r->made), "%s", path);
	r->made_mode = mode;
	return 0;
}

static int64_t ram_size(struct disk *d, int fd)
{
	return (int64_t)ram_of(d)->files[fd]->len;
}

static int ram_truncate(struct disk *d, int fd, int64_t size)
{
	if (ram_of(d)->no_truncate)
		return -EIO;
	ram_of(d)->files[fd]->len = (size_t)size;
	return 0;
}

static int ram_list(struct disk *d, const char *dir, void (*each)(void *ctx, const char *name), void *ctx)
{
	size_t n = strlen(dir);
	for (int i = 0; i < N_FILES; i++)
		if (ram_of(d)->files[i] && strncmp(ram_of(d)->files[i]->name, dir, n) == 0)
			each(ctx, ram_of(d)->files[i]->name + n);
	return 0;
}

static void ram_init(struct ram *r)
{
	*r = (struct ram){ .disk = { .open = ram_open,
		                   .close = ram_close,
		                   .write = ram_write,
		                   .rename = ram_rename,
		                   .unlink = ram_unlink,
		                   .mkdirs = ram_mkdirs,
		                   .size = ram_size,
		                   .truncate = ram_truncate,
		                   .list = ram_list },
		.room = SIZE_MAX };
}

static void ram_release(struct ram *r)
{
	for (int i = 0; i < N_FILES; i++)
		free(r->files[i]);
}

static void ram_put(struct ram *r, const char *name, const char *text)
{
	int fd = ram_open(&r->disk, name, O_CREAT, 0);
	memcpy(r->files[fd]->data, text, strlen(text));
	r->files[fd]->len = strlen(text);
}

static void assert_holds(struct ram *r, const char *name, const char *text)
{
	int i = find(r, name);
	assert_true(i >= 0);
	assert_true(slice_is((slice){ r->files[i]->data, r->files[i]->len }, text));
}

static const int64_t wall = INT64_C(1795244400123000000); /* 2026-11-21T07:00:00.123Z */
static const struct file_rotation never = { 0 };

static struct file_sink *open_sink(struct ram *r, bool append)
{
	struct err e;
	struct file_sink_conf c = { SLICE("/d/data.json"), append, false, 0 };
	struct file_sink *s = file_sink_open(&r->disk, &c, &e);
	assert_non_null(s);
	return s;
}

static int put(struct file_sink *s, const char *a, const char *b, const struct file_rotation *r, int64_t at)
{
	struct err e;
	slice parts[] = { slice_of(a), slice_of(b) };
	return file_sink_write(s, parts, 2, r, at, &e);
}

static void opens(void **state UNUSED)
{
	struct ram r;
	ram_init(&r);
	ram_put(&r, "/d/data.json", "old\n");
	struct file_sink *s = open_sink(&r, true);
	assert_int_equal(put(s, "hello", "\n", &never, wall), 0);
	assert_holds(&r, "/d/data.json", "old\nhello\n");
	file_sink_unref(s);
	s = open_sink(&r, false);
	assert_int_equal(put(s, "hello", "\n", &never, wall), 0);
	assert_holds(&r, "/d/data.json", "hello\n");
	file_sink_unref(file_sink_ref(s));
	assert_int_equal(put(s, "more", "\n", &never, wall), 0);
	file_sink_unref(s);
	assert_string_equal(r.made, "");
	struct err e;
	s = file_sink_open(&r.disk, &(struct file_sink_conf){ SLICE("/x/y/f"), false, true, 0700 }, &e);
	assert_string_equal(r.made, "/x/y");
	assert_int_equal(r.made_mode, 0700);
	file_sink_unref(s);
	ram_release(&r);
}

/* logrotate moves the file away and says so by a reload: nothing is emptied, nothing goes to the moved file. */
static void follows_its_path(void **state UNUSED)
{
	struct ram r;
	ram_init(&r);
	struct file_sink *s = open_sink(&r, false);
	assert_int_equal(put(s, "first", "\n", &never, wall), 0);
	assert_int_equal(r.disk.rename(&r.disk, "/d/data.json", "/d/data.json.1"), 0);
	assert_int_equal(put(s, "second", "\n", &never, wall), 0);
	assert_holds(&r, "/d/data.json.1", "first\nsecond\n");
	file_sink_reopen(s);
	assert_int_equal(put(s, "third", "\n", &never, wall), 0);
	assert_holds(&r, "/d/data.json.1", "first\nsecond\n");
	assert_holds(&r, "/d/data.json", "third\n");
	file_sink_reopen(s);
	assert_int_equal(put(s, "fourth", "\n", &never, wall), 0);
	assert_holds(&r, "/d/data.json", "third\nfourth\n");
	file_sink_unref(s);
	ram_release(&r);
}

static void torn_writes_are_cut(void **state UNUSED)
{
	struct ram r;
	ram_init(&r);
	struct file_sink *s = open_sink(&r, false);
	assert_int_equal(put(s, "first", "\n", &never, wall), 0);
	r.room = 7;
	assert_int_equal(put(s, "second second", "\n", &never, wall), -1);
	assert_holds(&r, "/d/data.json", "first\n");
	r.room = 7;
	r.no_truncate = true;
	assert_int_equal(put(s, "second second", "\n", &never, wall), -1);
	assert_holds(&r, "/d/data.json", "first\nsecond ");
	r.room = SIZE_MAX;
	assert_int_equal(put(s, "third", "\n", &never, wall), -1); /* not on top of a torn one */
	r.no_truncate = false;
	assert_int_equal(put(s, "third", "\n", &never, wall), 0);
	assert_holds(&r, "/d/data.json", "first\nthird\n");
	file_sink_unref(s);
	ram_release(&r);
}

static void rotates(void **state UNUSED)
{
	struct ram r;
	ram_init(&r);
	struct file_sink *s = open_sink(&r, false);
	struct file_rotation rot = { .max_bytes = 10 };
	assert_int_equal(put(s, "12345678901234", "\n", &rot, wall), 0); /* too large alone: an empty file takes it */
	assert_int_equal(put(s, "aaa", "\n", &rot, wall), 0);
	assert_holds(&r, "/d/data-2026-11-21T07-00-00.123.json", "12345678901234\n");
	assert_int_equal(put(s, "bbbbb", "\n", &rot, wall), 0); /* exactly full */
	assert_holds(&r, "/d/data.json", "aaa\nbbbbb\n");
	assert_int_equal(put(s, "c", "\n", &rot, wall), 0); /* in the same millisecond: another name */
	assert_holds(&r, "/d/data-2026-11-21T07-00-00.124.json", "aaa\nbbbbb\n");
	assert_holds(&r, "/d/data-2026-11-21T07-00-00.123.json", "12345678901234\n");
	r.no_rename = true;
	assert_int_equal(put(s, "dddddddddd", "\n", &rot, wall), -1);
	assert_holds(&r, "/d/data.json", "c\n");
	r.no_rename = false;
	assert_int_equal(put(s, "dddddddddd", "\n", &rot, wall), 0);
	assert_holds(&r, "/d/data.json", "dddddddddd\n");
	file_sink_unref(s);
	ram_release(&r);
}

static void prunes(void **state UNUSED)
{
	struct ram r;
	ram_init(&r);
	struct file_sink *s = open_sink(&r, false);
	struct file_rotation rot = { .max_bytes = 5, .max_days = 3, .max_backups = 2 };
	ram_put(&r, "/d/data-2026-11-20T00-00-00.000.json", "a");
	ram_put(&r, "/d/data-2026-11-19T00-00-00.000.json", "b"); /* over max_backups */
	ram_put(&r, "/d/data-2026-11-19T00-00-00.000.txt", "not ours");
	ram_put(&r, "/d/data-2026-11-19T00-00-00_000.json", "not ours");
	ram_put(&r, "/d/datA-2026-11-19T00-00-00.000.json", "not ours");
	assert_int_equal(put(s, "12345", "", &rot, wall), 0);
	assert_int_equal(put(s, "6", "", &rot, wall), 0);
	assert_true(find(&r, "/d/data-2026-11-20T00-00-00.000.json") >= 0);
	assert_true(find(&r, "/d/data-2026-11-19T00-00-00.000.json") < 0);
	assert_true(find(&r, "/d/data-2026-11-19T00-00-00.000.txt") >= 0);
	assert_true(find(&r, "/d/data-2026-11-19T00-00-00_000.json") >= 0);
	assert_true(find(&r, "/d/datA-2026-11-19T00-00-00.000.json") >= 0);
	rot.max_backups = 0;
	assert_int_equal(put(s, "12345", "", &rot, wall + 3 * 86400 * NS_PER_S), 0); /* 20th is 4 days old, 21st 3 */
	assert_true(find(&r, "/d/data-2026-11-20T00-00-00.000.json") < 0);
	assert_true(find(&r, "/d/data-2026-11-21T07-00-00.123.json") >= 0);
	file_sink_unref(s);
	ram_release(&r);
}

static void *hold_and_let_go(void *sink)
{
	for (int i = 0; i < 300000; i++)
		file_sink_unref(file_sink_ref(sink));
	return NULL;
}

/* A graph that a reload replaced is freed on the thread of the exporter that held it longest, beside the next reload. */
static void references_of_two_threads(void **state UNUSED)
{
	struct err e;
	struct file_sink_conf c = { SLICE("/dev/null"), true, false, 0 };
	struct file_sink *s = file_sink_open(disk_system(), &c, &e);
	pthread_t other;
	assert_non_null(s);
	file_sink_ref(s); /* so that a miscount shows before it frees */
	assert_int_equal(pthread_create(&other, NULL, hold_and_let_go, file_sink_ref(s)), 0);
	hold_and_let_go(s);
	pthread_join(other, NULL);
	file_sink_unref(s);
	file_sink_unref(s);
	assert_string_equal(file_sink_path(s).p, "/dev/null"); /* the last reference is still ours */
	file_sink_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_of_two_threads),
		cmocka_unit_test(opens),
		cmocka_unit_test(follows_its_path),
		cmocka_unit_test(torn_writes_are_cut),
		cmocka_unit_test(rotates),
		cmocka_unit_test(prunes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
