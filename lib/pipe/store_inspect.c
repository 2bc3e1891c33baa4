/* store_inspect.c - a store that is never opened: its cursor file, its segments, and a walk over what they do not count (store_inspect.h).
 *
 * The parts of the store work on a struct store of our own, in memory; walks are quiet, so that they neither count damage nor keep copies of it.
 * The cursor file is read before the segments are listed: what is newer than it is then found in them. When both of its slots are
 * torn, because the writer was fast or a reader slow, it is read once more.
 */
#include "lib/pipe/store_inspect.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/pipe/letter_file.h"
#include "lib/pipe/store_internal.h"

/* Time stands still at 0: a cursor that is open has no time since when it is not. */
static int64_t no_time(struct clock *c UNUSED)
{
	return 0;
}

struct inspect {
	struct store store;
	struct clock clock;
	struct cursor_file file;
	bool found; /* a cursor file */
};

static int is_newer(const struct store *s, struct err *e)
{
	return err_set(e, "storage directory %s was written by a newer version of weir", s->dir);
}

static int cannot_read(const struct store *s, int rc, struct err *e)
{
	const char *hint = rc == -EACCES || rc == -EPERM ? "; ask as its owner" : "";
	return err_set(e, "%s cannot be read: %s%s", s->unreadable, strerror(-rc), hint);
}

static int find_segments(struct store *s, struct err *e)
{
	int rc = segments_find(s);
	if (rc == -ENOENT)
		return rc;
	return rc == FOUND_NEWER ? is_newer(s, e) : rc < 0 ? cannot_read(s, rc, e) : 0;
}

static bool has_cursor_file(struct store *s)
{
	char path[STORE_PATH];
	store_path(s, "cursor", path);
	int fd = start_open(s, path, O_RDONLY);
	if (fd >= 0)
		s->disk->close(s->disk, fd);
	return fd >= 0 || is_trouble(fd);
}

static int read_cursor_file(struct inspect *in, struct err *e)
{
	struct store *s = &in->store;
	int found = FOUND_NONE;
	bool there = has_cursor_file(s);
	for (unsigned tries = 0; there && found == FOUND_NONE && tries < 2; tries++)
		found = cursor_file_read(s, &in->file);
	if (s->cursor_fd >= 0)
		s->disk->close(s->disk, s->cursor_fd);
	s->cursor_fd = -1;
	in->found = found == FOUND;
	if (found < 0)
		return cannot_read(s, found, e);
	return found == FOUND_NEWER ? is_newer(s, e) : 0;
}

static bool is_done(const struct cursor *c, uint64_t seq)
{
	for (size_t i = 0; i < c->done.n; i++)
		if (seq >= c->done.v[i].from && seq < c->done.v[i].to)
			return true;
	return false;
}

/* The arrival of the first record from the cursor's place on that is for it and was not resolved. */
static int64_t find_oldest(struct store *s, const struct cursor *c)
{
	struct walk w;
	struct record_header h;
	slice meta;
	int64_t found = 0;
	walk_init(&w, c->at, c->at_seq);
	w.patient = false;
	w.quiet = true;
	while (!found && c->counts.queued_records && walk_next(s, &w, &h, &meta) == 1) {
		struct store_record r;
		uint32_t sidecar;
		bool sound = store_meta_read(&h, meta, &r, &sidecar) == 0;
		if (sound && routes_have(r.routes, c->id) && !is_done(c, h.seq))
			found = r.arrival_wall_ns;
		walk_pass(&w, &h);
	}
	walk_release(s, &w);
	return found;
}

static uint64_t size_of_file(struct disk *d, const char *path)
{
	int fd = d->open(d, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	int64_t size = fd < 0 ? 0 : d->size(d, fd);
	if (fd >= 0)
		d->close(d, fd);
	return size > 0 ? (uint64_t)size : 0;
}

static void view_files(struct store *s, struct store_view *v)
{
	struct letter_list letters;
	char path[STORE_PATH];
	int rc = letter_list(s->disk, s->dir, &letters);
	for (size_t i = 0; rc == 0 && i < letters.numbers.n; i++)
		if (letter_file_path(s->dir, letters.numbers.v[i], "log", path))
			v->letter_bytes += size_of_file(s->disk, path);
	v->n_letters = rc == 0 ? letters.numbers.n : 0;
	letter_list_release(&letters);
	v->n_segments = s->segments.n;
	for (size_t i = 0; i < s->segments.n; i++)
		v->segment_bytes += s->segments.v[i].size;
	store_path(s, "cursor", path);
	v->total_bytes = v->segment_bytes + v->letter_bytes + size_of_file(s->disk, path);
	v->damage = s->damage;
}

static void view_exporters(struct store *s, struct store_view *v)
{
	v->n_exporters = s->cursors.n;
	v->exporters = calloc(s->cursors.n + 1, sizeof *v->exporters);
	if (!v->exporters)
		abort();
	for (size_t i = 0; i < s->cursors.n; i++) {
		const struct cursor *c = s->cursors.v[i];
		struct exporter_backlog *b = &v->exporters[i];
		b->name = strdup(c->name);
		if (!b->name)
			abort();
		b->counts = c->counts;
		b->closed_wall_ns = c->orphan_since;
		b->oldest_wall_ns = find_oldest(s, c);
	}
}

static int inspect(struct inspect *in, struct store_view *out, struct err *e)
{
	int rc = read_cursor_file(in, e);
	rc = rc ? rc : find_segments(&in->store, e);
	if (rc)
		return rc;
	/* where the writer is at work a record may look torn: then it is not seen yet */
	bool whole;
	rc = segments_count_in(&in->store, &in->file, &whole);
	if (rc < 0)
		return cannot_read(&in->store, rc, e);
	view_files(&in->store, out);
	view_exporters(&in->store, out);
	return in->found || out->n_segments || out->n_letters ? 0 : -ENOENT;
}

int store_inspect(struct disk *d, const char *directory, struct store_view *out, struct err *e)
{
	static const struct log_conf quiet = { .level = LOG_ERROR };
	struct inspect in = { .clock = { no_time, no_time } };
	struct store *s = &in.store;
	*out = (struct store_view){ 0 };
	if (strlen(directory) > STORE_PATH - 512)
		return err_set(e, "storage directory: the path is too long");
	s->disk = d;
	s->clock = &in.clock;
	s->log = log_new(&quiet, &in.clock);
	s->cursor_fd = s->lock_fd = -1;
	s->dir = strdup(directory);
	if (!s->dir)
		abort();
	pthread_mutex_init(&s->lock, NULL);
	int rc = inspect(&in, out, e);
	if (rc)
		store_view_release(out);
	for (size_t i = 0; i < s->cursors.n; i++)
		cursor_free(s->cursors.v[i]);
	VEC_RELEASE(&s->cursors);
	VEC_RELEASE(&s->segments);
	VEC_RELEASE(&s->marks);
	pthread_mutex_destroy(&s->lock);
	log_free(s->log);
	free(s->dir);
	return rc;
}

void store_view_release(struct store_view *v)
{
	for (size_t i = 0; i < v->n_exporters; i++)
		free(v->exporters[i].name);
	free(v->exporters);
	*v = (struct store_view){ 0 };
}
