/* store_recover.c - what a start finds in the directory, whatever happened before.
 *
 * Versions of all files are known before anything is written. Only what the cursor file does not count yet is scanned, which is a part of the newest
 * segment unless the cursor file is lost or old. The end of the newest segment is behind its last sound record: an append that a crash
 * interrupted is cut there, and nothing is ever appended to a segment of an earlier run. Every step may be interrupted and done again.
 * Files that are not ours are left alone; what is named like a segment and is none (a directory, a link) is skipped with a warning.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "lib/base/crc32c.h"
#include "lib/pipe/store_internal.h"

struct listing {
	VEC(uint64_t) numbers;
};

static void add_name(void *ctx, const char *name)
{
	struct listing *l = ctx;
	uint64_t n = 0;
	if (strlen(name) != 24 || memcmp(name, "seg-", 4) != 0 || strcmp(name + 20, ".log") != 0)
		return;
	for (unsigned i = 4; i < 20; i++) {
		const char *digit = name[i] ? strchr("0123456789abcdef", name[i]) : NULL;
		if (!digit)
			return;
		n = n << 4 | (uint64_t)(digit - "0123456789abcdef");
	}
	if (n && n < STORE_NUMBER_MAX)
		*VEC_ADD(&l->numbers) = n;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* What the header says, as far as it can be believed. False: of a newer version. */
static bool read_header(struct store *s, struct segment *seg, const unsigned char *raw)
{
	struct segment_header h;
	uint32_t version = 0;
	int rc = segment_header_read(raw, &h, &version);
	if (rc == 0) {
		seg->seed = segment_seed(h.salt);
		seg->seeded = true;
	}
	if (rc == 0 && h.number == seg->number) {
		seg->first_seq = h.first_seq;
		seg->prev_number = h.prev_number;
		seg->prev_end = h.prev_end;
		seg->prev_last = h.prev_last;
	} else if (rc != -2) {
		log_warn(s->log, "the header of a segment is damaged: its records are looked for", "directory", s->dir,
		        "segment", LOG_U(seg->number), NULL);
	}
	return rc != -2;
}

/* enum found, or -errno: nothing can be opened now. */
static int look_at(struct store *s, uint64_t number, struct segment *seg)
{
	char path[STORE_PATH];
	unsigned char raw[SEGMENT_HEADER] = { 0 };
	segment_path(s, number, path);
	int fd = s->disk->open(s->disk, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return fd;
	ssize_t got = fd;
	for (unsigned i = 0; fd >= 0 && i < 3 && (i == 0 || got == -EIO); i++)
		got = disk_pread_all(s->disk, fd, raw, sizeof(raw), 0);
	int64_t size = fd < 0 ? 0 : s->disk->size(s->disk, fd);
	if (fd >= 0)
		s->disk->close(s->disk, fd);
	if (size < 0 || (got < 0 && !(fd >= 0 && got == -EIO))) {
		log_warn(s->log, "a file that is named like a segment cannot be read and is left alone", "file", path,
		        "error", strerror(got < 0 ? (int)-got : (int)-size), NULL);
		return FOUND_NONE;
	}
	*seg = (struct segment){ .number = number, .size = (uint64_t)size, .end = (uint64_t)size };
	return read_header(s, seg, raw) ? FOUND : FOUND_NEWER;
}

/* Each header tells where the segment before it ends. */
static void chain(struct store *s)
{
	for (size_t i = 0; i + 1 < s->segments.n; i++) {
		struct segment *seg = &s->segments.v[i];
		const struct segment *next = seg + 1;
		if (next->prev_number != seg->number)
			continue;
		seg->end = next->prev_end < seg->size ? next->prev_end : seg->size;
		seg->last_seq = next->prev_last;
		seg->ends = true;
	}
}

static enum store_open_result newer(const struct store *s, struct err *e)
{
	err_set(e,
	        "storage directory %s was written by a newer version of weir: start that version, or give this one "
	        "another directory; "
	        "nothing was changed",
	        s->dir);
	return STORE_NEWER;
}

static enum store_open_result unreadable(const struct store *s, int rc, struct err *e)
{
	err_set(e, "storage directory %s cannot be read: %s", s->dir, strerror(-rc));
	return STORE_UNUSABLE;
}

int segments_find(struct store *s)
{
	struct listing l = { 0 };
	int rc = s->disk->list(s->disk, s->dir, add_name, &l);
	if (l.numbers.n)
		qsort(l.numbers.v, l.numbers.n, sizeof(*l.numbers.v), by_number);
	for (size_t i = 0; rc >= 0 && rc != FOUND_NEWER && i < l.numbers.n; i++) {
		struct segment seg;
		s->max_number = l.numbers.v[i];
		rc = look_at(s, l.numbers.v[i], &seg);
		if (rc == FOUND)
			*VEC_ADD(&s->segments) = seg;
	}
	VEC_RELEASE(&l.numbers);
	if (rc < 0 || rc == FOUND_NEWER)
		return rc;
	chain(s);
	return FOUND;
}

/* Whether all of the record is what was written. 1, 0, or -errno. */
static int verify(struct store *s, struct walk *w, const struct record_header *h)
{
	unsigned char part[4096];
	uint64_t at = w->at.offset + RECORD_HEADER + h->meta_len;
	uint32_t left = h->payload_len - h->meta_len, crc = 0;
	while (left) {
		size_t n = left < sizeof(part) ? left : sizeof(part);
		int rc;
		do
			rc = walk_read(s, w, at, part, n);
		while (rc < 0 && rc != -ENOMEM);
		if (rc)
			return rc < 0 ? rc : 0;
		crc = crc32c(crc, part, n);
		at += n, left -= (uint32_t)n;
	}
	return crc == h->rest_crc;
}

static void at_least(uint64_t *v, uint64_t least)
{
	if (*v < least && least < STORE_NUMBER_MAX)
		*v = least;
}

/* The newest segment ends behind its last sound record, if all of it could be read. What else stands there is cut, and was never promised. */
static void set_end(struct store *s, struct segment *last, struct walk *w, uint64_t end, uint64_t last_seq)
{
	uint64_t seen = w->zeros_from ? w->zeros_from : w->at.offset;
	seen = seen < last->size ? seen : last->size;
	if (w->blind || seen > end) /* numbers that may stand there are not given again */
		s->next_seq += ((w->blind ? last->size : seen) - end) / RECORD_HEADER + 1;
	if (w->blind) {
		s->blind = true;
		return;
	}
	last->last_seq = last_seq;
	last->end = end;
	last->ends = true;
	if (seen > end) {
		w->quiet = false;
		struct store_damage d = { .n_bytes = seen - end };
		damage_note(s, w, (struct place){ last->number, end }, d, seen - end);
	}
}

/* Where the newest segment ends. Records before `f->end` were durable when the cursor file was written. */
static int find_end(struct store *s, const struct cursor_file *f)
{
	struct segment *last = &s->segments.v[s->segments.n - 1];
	struct place at = { last->number, SEGMENT_HEADER };
	uint64_t last_seq = last->first_seq ? last->first_seq - 1 : 0;
	if (f->end.segment == last->number && f->end.offset <= last->size && f->end.offset > at.offset) {
		at.offset = f->end.offset;
		last_seq = f->end_seq;
	}
	uint64_t end = at.offset < last->size ? at.offset : last->size;
	struct walk w;
	struct record_header h;
	slice meta;
	walk_init(&w, at, last_seq + 1);
	w.quiet = true;
	w.patient = false;
	at_least(&s->next_seq, last_seq + 1);
	int rc;
	while ((rc = walk_next(s, &w, &h, &meta)) == 1) {
		int sound = verify(s, &w, &h);
		if (sound < 0) {
			rc = sound;
			break;
		}
		s->next_seq = h.seq >= s->next_seq ? h.seq + 1 : s->next_seq;
		walk_pass(&w, &h);
		if (sound) {
			end = w.at.offset;
			last_seq = h.seq;
		}
	}
	if (rc == 0)
		set_end(s, last, &w, end < last->size ? end : last->size, last_seq);
	walk_release(s, &w);
	return rc;
}

int segments_count_in(struct store *s, const struct cursor_file *f, bool quiet)
{
	struct walk w;
	struct record_header h;
	slice meta;
	int rc;
	walk_init(&w, f->end, f->end_seq ? f->end_seq + 1 : 0);
	w.patient = false;
	w.quiet = quiet;
	while ((rc = walk_next(s, &w, &h, &meta)) == 1) {
		struct store_record r;
		uint32_t sidecar;
		if (store_meta_read(&h, meta, &r, &sidecar) == 0) {
			uint64_t body = h.payload_len - h.meta_len - store_pad8(sidecar);
			cursors_count_in(s, &r, w.at, body);
			s->dirty = true;
		}
		s->end_seq = h.seq;
		walk_pass(&w, &h);
	}
	s->blind = s->blind || w.blind;
	walk_release(s, &w);
	return rc;
}

/* The end of the log, and cursors that are beyond it. */
static void set_log_end(struct store *s, const struct cursor_file *f)
{
	const struct segment *last = s->segments.n ? &s->segments.v[s->segments.n - 1] : NULL;
	s->end = f->end;
	if (last && (f->end.segment <= last->number || f->end.segment >= STORE_NUMBER_MAX))
		s->end = (struct place){ last->number, last->end };
	at_least(&s->next_seq, s->end_seq + 1);
	for (size_t i = 0; i < s->segments.n; i++) {
		at_least(&s->next_seq, s->segments.v[i].prev_last + 1);
		at_least(&s->next_seq, s->segments.v[i].first_seq);
		at_least(&s->next_seq, s->segments.v[i].last_seq + 1);
	}
	at_least(&s->max_number, f->max_number);
	at_least(&s->max_number, f->end.segment);
	for (size_t i = 0; i < s->cursors.n; i++) {
		struct cursor *c = s->cursors.v[i];
		if (place_before(s->end, c->at)) {
			c->at = s->end;
			c->at_seq = s->end_seq + 1;
			c->done.n = 0;
		}
		cursor_settle(c);
	}
}

/* The newest segment gets no more records; its file is cut when the next one is made. */
static void adopt(struct store *s)
{
	uint64_t total = 2 * CURSOR_SLOT;
	for (size_t i = 0; i < s->segments.n; i++)
		total += s->segments.v[i].size;
	store_account(s, (int64_t)total, (int64_t)total);
	quarantine_count(s);
	if (!s->segments.n)
		return;
	const struct segment *last = &s->segments.v[s->segments.n - 1];
	s->active = (struct active){
		.fd = -1, .exists = true, .listed = true, .bad = true, .plan = last->size, .seg = *last
	};
}

enum store_open_result store_recover(struct store *s, struct err *e)
{
	struct cursor_file f;
	int rc = segments_find(s);
	if (rc < 0)
		return unreadable(s, rc, e);
	enum found file = rc == FOUND ? cursor_file_read(s, &f) : FOUND_NEWER;
	if (file == FOUND_NEWER)
		return newer(s, e);
	if (file == FOUND_NONE) {
		store_put64(s->install, store_random(s));
		store_put64(s->install + 8, store_random(s));
		s->dirty = true;
	}
	s->next_seq = f.next_seq && f.next_seq < STORE_NUMBER_MAX ? f.next_seq : 1;
	s->end_seq = f.end_seq < STORE_NUMBER_MAX ? f.end_seq : 0;
	rc = s->segments.n ? find_end(s, &f) : 0;
	if (rc == 0)
		rc = segments_count_in(s, &f, false);
	if (rc < 0)
		return unreadable(s, rc, e);
	set_log_end(s, &f);
	adopt(s);
	rc = store_checkpoint(s);
	if (rc < 0)
		log_warn(
		        s->log, "the cursor file cannot be written", "directory", s->dir, "error", strerror(-rc), NULL);
	return STORE_OPENED;
}
