/* file_sink.c - see file_sink.h.
 *
 * The size is asked from the disk before each write, so somebody else may truncate the file meanwhile. When cutting a
 * torn write off fails, the cut is remembered and nothing is written until it is done.
 */
#include "lib/pipe/file_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/parse.h"
#include "lib/base/vec.h"

struct file_sink {
	struct disk *disk;
	char *path;
	int fd; /* -1: a rotation could not reopen it */
	atomic_uint refs;
	int64_t cut_at; /* where a torn write began; -1: none */
	atomic_bool stale; /* open the path again before the next write */
};

/* The length of the directory part of a path, its slash included. */
static size_t dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) + 1 : 0;
}

static int make_directory(struct disk *d, char *path, unsigned mode, struct err *e)
{
	size_t n = dir_len(path);
	if (n < 2)
		return 0;
	char last = path[n - 1];
	path[n - 1] = 0;
	int rc = d->mkdirs(d, path, mode);
	if (rc < 0)
		err_set(e, "cannot create the directory %s: %s", path, strerror(-rc));
	path[n - 1] = last;
	return rc < 0 ? -1 : 0;
}

static int reopen(struct file_sink *s, int flags, struct err *e)
{
	int fd = s->disk->open(s->disk, s->path, O_WRONLY | O_CREAT | O_APPEND | flags, 0644);
	if (fd < 0)
		return err_set(e, "cannot open %s: %s", s->path, strerror(-fd));
	s->fd = fd;
	return 0;
}

struct file_sink *file_sink_open(struct disk *d, const struct file_sink_conf *c, struct err *e)
{
	struct file_sink *s = calloc(1, sizeof(*s));
	char *path = strndup(c->path.p, c->path.len);
	if (!s || !path)
		abort();
	*s = (struct file_sink){ d, path, -1, 1, -1, false };
	if ((c->create_directory && make_directory(d, s->path, c->directory_mode, e)) ||
	        reopen(s, c->append ? 0 : O_TRUNC, e)) {
		file_sink_unref(s);
		return NULL;
	}
	return s;
}

struct file_sink *file_sink_ref(struct file_sink *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void file_sink_unref(struct file_sink *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	if (s->fd >= 0)
		s->disk->close(s->disk, s->fd);
	free(s->path);
	free(s);
}

slice file_sink_path(const struct file_sink *s)
{
	return slice_of(s->path);
}

void file_sink_reopen(struct file_sink *s)
{
	atomic_store(&s->stale, true);
}

/* "data" and ".json" of "dir/data.json"; the extension may be empty. */
static void split_name(const char *path, slice *stem, slice *ext)
{
	slice name = slice_of(path + dir_len(path));
	const char *dot = memrchr(name.p, '.', name.len);
	size_t n = dot ? (size_t)(dot - name.p) : name.len;
	*stem = (slice){ name.p, n };
	*ext = (slice){ name.p + n, name.len - n };
}

enum { STAMP_LEN = 23 }; /* 2026-11-21T07-00-00.123 */

static void put_stamp(int64_t wall_ns, bool local, char out[STAMP_LEN + 1])
{
	time_t t = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;
	char date[STAMP_LEN + 1];
	if (local)
		localtime_r(&t, &tm);
	else
		gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H-%M-%S", &tm);
	snprintf(out, STAMP_LEN + 1, "%.19s.%03u", date, (unsigned)(wall_ns % NS_PER_S / NS_PER_MS) % 1000u);
}

/* Days since 1970 of a stamp; false when it is none. */
static bool stamp_day(slice s, int64_t *day)
{
	static const char form[] = "dddd-dd-ddTdd-dd-dd.ddd";
	if (s.len != STAMP_LEN)
		return false;
	for (size_t i = 0; i < STAMP_LEN; i++)
		if (form[i] == 'd' ? s.p[i] < '0' || s.p[i] > '9' : s.p[i] != form[i])
			return false;
	uint64_t y, m, d;
	if (parse_u64((slice){ s.p, 4 }, &y) || parse_u64((slice){ s.p + 5, 2 }, &m) ||
	        parse_u64((slice){ s.p + 8, 2 }, &d))
		return false;
	struct tm tm = { .tm_year = (int)y - 1900, .tm_mon = (int)m - 1, .tm_mday = (int)d };
	*day = (int64_t)timegm(&tm) / 86400;
	return true;
}

struct backups {
	struct arena arena;
	slice stem, ext;
	VEC(slice) names;
};

static bool is_backup(const struct backups *b, slice name, int64_t *day)
{
	size_t n = b->stem.len + 1;
	if (name.len != n + STAMP_LEN + b->ext.len || !slice_starts(name, b->stem) || name.p[n - 1] != '-')
		return false;
	return slice_eq((slice){ name.p + n + STAMP_LEN, b->ext.len }, b->ext) &&
	        stamp_day((slice){ name.p + n, STAMP_LEN }, day);
}

static void collect(void *ctx, const char *name)
{
	struct backups *b = ctx;
	int64_t day;
	if (is_backup(b, slice_of(name), &day))
		*VEC_ADD(&b->names) = arena_dup(&b->arena, slice_of(name));
}

static int newest_first(const void *a, const void *b)
{
	return strcmp(((const slice *)b)->p, ((const slice *)a)->p);
}

/* Old files are a comfort: what cannot be listed or deleted stays, and the next rotation tries again. */
static void prune(struct file_sink *s, const struct file_rotation *r, int64_t wall_ns)
{
	struct backups b = { .names = { 0 } };
	if (!r->max_days && !r->max_backups)
		return;
	arena_init(&b.arena);
	split_name(s->path, &b.stem, &b.ext);
	slice dir = { s->path, dir_len(s->path) };
	(void)s->disk->list(s->disk, dir.len ? arena_cstr(&b.arena, dir) : ".", collect, &b);
	if (b.names.n)
		qsort(b.names.v, b.names.n, sizeof(slice), newest_first);
	for (size_t i = 0; i < b.names.n; i++) {
		int64_t day = 0, today = wall_ns / NS_PER_S / 86400;
		is_backup(&b, b.names.v[i], &day);
		if ((r->max_backups && i >= r->max_backups) || (r->max_days && today - day > r->max_days))
			s->disk->unlink(s->disk, arena_printf(&b.arena, "%.*s%s", SLICE_ARG(dir), b.names.v[i].p));
	}
	VEC_RELEASE(&b.names);
	arena_release(&b.arena);
}

/* Reserves a name that does not exist yet; a later millisecond when this one is taken. */
static char *backup_name(struct file_sink *s, struct arena *a, const struct file_rotation *r, int64_t wall_ns)
{
	slice stem, ext;
	split_name(s->path, &stem, &ext);
	for (int i = 0; i < 1000; i++, wall_ns += NS_PER_MS) {
		char stamp[STAMP_LEN + 1];
		put_stamp(wall_ns, r->localtime, stamp);
		char *name = arena_printf(
		        a, "%.*s%.*s-%s%.*s", (int)dir_len(s->path), s->path, SLICE_ARG(stem), stamp, SLICE_ARG(ext));
		int fd = s->disk->open(s->disk, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd >= 0) {
			s->disk->close(s->disk, fd);
			return name;
		}
		if (fd != -EEXIST)
			return NULL;
	}
	return NULL;
}

static int follow_path(struct file_sink *s, struct err *e)
{
	if (!atomic_exchange(&s->stale, false))
		return 0;
	s->disk->close(s->disk, s->fd);
	s->fd = -1;
	return reopen(s, 0, e);
}

static int rotate(struct file_sink *s, const struct file_rotation *r, int64_t wall_ns, struct err *e)
{
	struct arena a;
	arena_init(&a);
	char *name = backup_name(s, &a, r, wall_ns);
	int rc = name ? s->disk->rename(s->disk, s->path, name) : -EEXIST;
	if (rc < 0) {
		err_set(e, "cannot rotate %s: %s", s->path, strerror(-rc));
		arena_release(&a);
		return -1;
	}
	arena_release(&a);
	s->disk->close(s->disk, s->fd);
	s->fd = -1;
	if (reopen(s, 0, e))
		return -1;
	prune(s, r, wall_ns);
	return 0;
}

/* Cuts a torn write off. A pipe or a terminal cannot be cut, and has no size to be wrong. */
static int cut(struct file_sink *s, struct err *e)
{
	if (s->cut_at < 0)
		return 0;
	int rc = s->disk->truncate(s->disk, s->fd, s->cut_at);
	if (rc < 0 && rc != -EINVAL)
		return err_set(e, "cannot cut an incomplete write off %s: %s", s->path, strerror(-rc));
	s->cut_at = -1;
	return 0;
}

int file_sink_write(struct file_sink *s, const slice *parts, size_t n, const struct file_rotation *r, int64_t wall_ns,
        struct err *e)
{
	uint64_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += parts[i].len;
	if ((s->fd < 0 && reopen(s, 0, e)) || cut(s, e) || follow_path(s, e))
		return -1;
	int64_t size = s->disk->size(s->disk, s->fd);
	if (size < 0)
		return err_set(e, "cannot read the size of %s: %s", s->path, strerror((int)-size));
	if (r->max_bytes && size > 0 && (uint64_t)size + total > r->max_bytes) {
		if (rotate(s, r, wall_ns, e))
			return -1;
		size = 0;
	}
	for (size_t i = 0; i < n; i++) {
		int rc = disk_write_all(s->disk, s->fd, parts[i]);
		if (rc == 0)
			continue;
		struct err ignored;
		s->cut_at = size;
		(void)cut(s, &ignored); /* remembered: the next write tries again */
		return err_set(e, "cannot write to %s: %s", s->path, strerror(-rc));
	}
	return 0;
}
