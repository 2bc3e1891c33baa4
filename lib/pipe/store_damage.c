/* store_damage.c - what was skipped: counted once per place, said in the log, and some of it kept for whoever wants to know why.
 *
 * Several cursors pass the same damage. A mark per place keeps it from being counted twice; marks are in the cursor file and go with
 * their segment. With MAX_MARKS of them at once more damage is counted by each that meets it. A copy of at most 64 KiB of each place is put
 * into quarantine/, as long as that holds less than 16 MiB and there is room; that it cannot be written is nobody's concern.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "lib/pipe/store_internal.h"

enum { KEEP_MAX = 64 << 10, QUARANTINE_MAX = 16 << 20, QUARANTINE_FILES = 1024 };

static bool is_marked(const struct store *s, struct place at)
{
	for (size_t i = 0; i < s->marks.n; i++)
		if (s->marks.v[i].segment == at.segment && s->marks.v[i].offset == at.offset)
			return true;
	return false;
}

void damage_forget(struct store *s, uint64_t before_segment)
{
	size_t n = 0;
	for (size_t i = 0; i < s->marks.n; i++)
		if (s->marks.v[i].segment >= before_segment)
			s->marks.v[n++] = s->marks.v[i];
	s->marks.n = n;
}

/* Takes room for a copy; 0: none. */
static size_t take_room(struct store *s, uint64_t size)
{
	uint64_t n = size < KEEP_MAX ? size : KEEP_MAX;
	pthread_mutex_lock(&s->lock);
	bool fits = s->quarantine_bytes + n <= QUARANTINE_MAX && s->quarantine_files < QUARANTINE_FILES;
	if (fits) {
		s->quarantine_bytes += n;
		s->quarantine_files++;
	}
	pthread_mutex_unlock(&s->lock);
	if (!fits)
		return 0;
	if (store_charge(s, n))
		return (size_t)n;
	pthread_mutex_lock(&s->lock);
	s->quarantine_bytes -= n;
	s->quarantine_files--;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void keep(struct store *s, struct walk *w, struct place at, uint64_t size)
{
	char dir[STORE_PATH], path[STORE_PATH + 64];
	size_t n = take_room(s, size);
	char *copy = n ? malloc(n) : NULL;
	if (!copy)
		return;
	store_path(s, "quarantine", dir);
	snprintf(path, sizeof(path), "%s/%016" PRIx64 "-%016" PRIx64 ".bin", dir, at.segment, at.offset);
	ssize_t got = disk_pread_all(s->disk, w->rd.fd, copy, n, (int64_t)at.offset);
	int fd = got > 0 && s->disk->mkdirs(s->disk, dir, 0700) == 0
	        ? s->disk->open(s->disk, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600)
	        : -1;
	if (fd >= 0) {
		/* best effort, as said above */
		int rc UNUSED = disk_write_all(s->disk, fd, (slice){ copy, (size_t)got });
		s->disk->close(s->disk, fd);
	}
	free(copy);
}

void damage_note(struct store *s, struct walk *w, struct place at, struct store_damage d, uint64_t size)
{
	char name[40];
	if (w->quiet)
		return;
	pthread_mutex_lock(&s->lock);
	bool known = is_marked(s, at);
	if (!known) {
		s->damage.n_records += d.n_records;
		s->damage.n_items += d.n_items;
		s->damage.n_bytes += d.n_bytes;
		s->dirty = true;
		if (s->marks.n < MAX_MARKS)
			*VEC_ADD(&s->marks) = at;
	}
	pthread_mutex_unlock(&s->lock);
	if (known)
		return;
	snprintf(name, sizeof(name), "seg-%016" PRIx64 ".log", at.segment);
	log_warn(s->log, "skipped a damaged part of the log", "file", name, "offset", LOG_U(at.offset), "bytes",
	        LOG_U(size), "records", LOG_U(d.n_records), NULL);
	if (size && w->rd.fd >= 0 && w->seg.number == at.segment)
		keep(s, w, at, size);
}

struct count {
	struct store *s;
	const char *dir;
};

static void count_file(void *ctx, const char *name)
{
	struct count *c = ctx;
	char path[STORE_PATH + 300];
	if (strlen(name) > 255 || c->s->quarantine_files > QUARANTINE_FILES)
		return;
	snprintf(path, sizeof(path), "%s/%s", c->dir, name);
	int fd = c->s->disk->open(c->s->disk, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return;
	int64_t size = c->s->disk->size(c->s->disk, fd);
	c->s->disk->close(c->s->disk, fd);
	c->s->quarantine_files++;
	if (size > 0) {
		c->s->quarantine_bytes += (uint64_t)size;
		store_account(c->s, size, size);
	}
}

void quarantine_count(struct store *s)
{
	char dir[STORE_PATH];
	store_path(s, "quarantine", dir);
	struct count c = { s, dir };
	int rc = s->disk->list(s->disk, dir, count_file, &c);
	if (rc < 0 && rc != -ENOENT)
		log_warn(s->log, "cannot read quarantine/ of the storage directory", "directory", s->dir, "error",
		        strerror(-rc), NULL);
}

struct store_damage store_damage(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	struct store_damage d = s->damage;
	pthread_mutex_unlock(&s->lock);
	return d;
}
