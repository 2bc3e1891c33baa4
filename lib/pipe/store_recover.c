/* store_recover.c - what a start finds in the directory, whatever happened before.
 *
 * Versions of all files are known before anything is written. Only what the cursor file does not count yet is scanned, which is a part of the newest
 * segment unless the cursor file is lost or old. The end of the newest segment is behind its last sound record: an append that a crash
 * interrupted is cut there, and nothing is ever appended to a segment of an earlier run. Every step may be interrupted and done again.
 * Files that are not ours are left alone; what is named like a segment and is none (a directory, a link) is skipped with a warning.
 *
 * Wrong bytes are damage, and are passed over. What cannot be read is not: each step is tried three times, then the start fails and has changed
 * nothing, because the records of a file that the disk refuses today were promised, and may be read tomorrow or by another machine. What the
 * newest segment ends with is synced before anything builds on it: a kill may have left it in the page cache only.
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

/* enum found, or -errno. */
static int look_at(struct store *s, uint64_t number, struct segment *seg)
{
	unsigned char raw[SEGMENT_HEADER] = { 0 };
	segment_path(s, number, s->unreadable);
	int fd = start_open(s, s->unreadable, O_RDONLY);
	int64_t rc = fd < 0 ? fd : start_read(s, fd, raw, sizeof(raw), 0);
	int64_t size = rc < 0 ? rc : start_size(s, fd);
	if (fd >= 0)
		s->disk->close(s->disk, fd);
	if (is_trouble(size))
		return (int)size;
	if (size < 0) {
		log_warn(s->log, "a file that is named like a segment is none and is left alone", "file", s->unreadable,
		        "error", strerror((int)-size), NULL);
		return FOUND_NONE;
	}
	*seg = (struct segment){ .number = number, .size = (uint64_t)size, .end = (uint64_t)size };
	return read_header(s, seg, raw) ? FOUND : FOUND_NEWER;
}

/* Each header tells which segment is before it and where that ends. A file between the two was never a part of the log: an append failed there
 * and it could not be removed. What is whole in it was refused. */
static void chain(struct store *s)
{
	const struct segment *next = NULL;
	for (size_t i = s->segments.n; i-- > 0;) {
		struct segment *seg = &s->segments.v[i];
		if (next && next->prev_number && seg->number > next->prev_number) {
			seg->end = seg->size < SEGMENT_HEADER ? seg->size : SEGMENT_HEADER;
			seg->ends = true;
			continue;
		}
		if (next && next->prev_number == seg->number) {
			seg->end = next->prev_end < seg->size ? next->prev_end : seg->size;
			seg->last_seq = next->prev_last;
			seg->ends = true;
		}
		next = seg;
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

/* `verb` names what failed of the file `unreadable`. */
static enum store_open_result refuse(const struct store *s, const char *verb, int rc, struct err *e)
{
	const char *remedy =
	        "when the disk cannot be repaired, move the file away: what was in it is then counted as lost";
	const char *name = strrchr(s->unreadable, '/');
	if (name && strcmp(name, "/cursor") == 0)
		remedy = "when the disk cannot be repaired, move the file away: all of the log is then sent again";
	if (strcmp(s->unreadable, s->dir) == 0)
		remedy = "repair the disk, or give weir another directory";
	if (rc == -EACCES || rc == -EPERM)
		remedy = "the user that weir runs as must have the right";
	if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM)
		remedy = "give weir more open files and memory, and start it again";
	err_set(e, "cannot %s %.250s: %s: nothing was changed; %s", verb, s->unreadable, strerror(-rc), remedy);
	return STORE_UNUSABLE;
}

static int list_segments(struct store *s, struct listing *l)
{
	int rc = -EIO;
	snprintf(s->unreadable, sizeof(s->unreadable), "%s", s->dir);
	for (unsigned i = 0; i < START_TRIES && is_trouble(rc) && rc != -EACCES; i++) {
		l->numbers.n = 0;
		rc = s->disk->list(s->disk, s->dir, add_name, l);
	}
	return rc;
}

int segments_find(struct store *s)
{
	struct listing l = { 0 };
	int rc = list_segments(s, &l);
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

/* The log from behind what the cursor file counts. */
struct recovery {
	struct cursor_file file;
	struct place cut; /* behind the last sound record */
	uint64_t n_cut; /* bytes that stand there */
	bool whole; /* between the cursor file's end and there is no damage */
};

/* The walk met what cannot be read: it waits, in vain, or has passed over it because the disk took seconds to say so. */
static int give_up(struct store *s, const struct walk *w, int rc)
{
	segment_path(s, w->blind ? w->fault.segment : w->at.segment, s->unreadable);
	return w->blind ? -EIO : rc;
}

/* Whether all of the record is what was written. 1, 0, or -errno. */
static int verify(struct store *s, struct walk *w, const struct record_header *h)
{
	unsigned char part[4096];
	uint64_t at = w->at.offset + RECORD_HEADER + h->meta_len;
	uint32_t left = h->payload_len - h->meta_len, crc = 0;
	while (left) {
		size_t n = left < sizeof(part) ? left : sizeof(part);
		int rc = walk_read(s, w, at, part, n);
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

/* The newest segment ends behind its last sound record. What else stands there is cut, and was never promised. */
static void set_end(struct store *s, struct recovery *r, const struct walk *w, uint64_t end, uint64_t last_seq)
{
	struct segment *last = &s->segments.v[s->segments.n - 1];
	uint64_t seen = w->zeros_from ? w->zeros_from : w->at.offset;
	seen = seen < last->size ? seen : last->size;
	if (seen > end) /* numbers that may stand there are not given again */
		s->next_seq += (seen - end) / RECORD_HEADER + 1;
	last->last_seq = last_seq;
	last->end = end;
	last->ends = true;
	r->cut = (struct place){ last->number, end };
	r->n_cut = seen > end ? seen - end : 0;
}

/* Where the newest segment ends. Records before the cursor file's end were durable when it was written. */
static int find_end(struct store *s, struct recovery *r)
{
	struct segment *last = &s->segments.v[s->segments.n - 1];
	struct place at = { last->number, SEGMENT_HEADER }, known = r->file.end;
	uint64_t last_seq = last->first_seq ? last->first_seq - 1 : 0;
	if (known.segment == last->number && known.offset <= last->size && known.offset > at.offset) {
		at.offset = known.offset;
		last_seq = r->file.end_seq;
	}
	uint64_t end = at.offset < last->size ? at.offset : last->size;
	struct walk w;
	struct record_header h;
	slice meta;
	walk_init(&w, at, last_seq + 1);
	w.quiet = true;
	at_least(&s->next_seq, last_seq + 1);
	int rc, sound = 0;
	while ((rc = walk_next(s, &w, &h, &meta)) == 1 && (sound = verify(s, &w, &h)) >= 0 && !w.blind) {
		s->next_seq = h.seq >= s->next_seq ? h.seq + 1 : s->next_seq;
		walk_pass(&w, &h);
		if (sound) {
			end = w.at.offset;
			last_seq = h.seq;
		}
	}
	rc = sound < 0 ? sound : rc;
	if (rc < 0 || w.blind)
		rc = give_up(s, &w, rc);
	else
		set_end(s, r, &w, end < last->size ? end : last->size, last_seq);
	walk_release(s, &w);
	return rc;
}

/* Once: a second sync after one that failed says nothing. */
static int sync_end(struct store *s)
{
	segment_path(s, s->segments.v[s->segments.n - 1].number, s->unreadable);
	int fd = start_open(s, s->unreadable, O_RDONLY);
	int rc = fd < 0 ? fd : s->disk->sync(s->disk, fd);
	if (fd >= 0)
		s->disk->close(s->disk, fd);
	return rc ? rc : s->disk->sync_dir(s->disk, s->dir);
}

/* As walk_next, three times at once. */
static int next_record(struct store *s, struct walk *w, struct record_header *h, slice *meta)
{
	int rc = -EIO;
	for (unsigned i = 0; i < START_TRIES && rc < 0 && !w->blind; i++)
		rc = walk_next(s, w, h, meta);
	return rc < 0 || w->blind ? give_up(s, w, rc) : rc;
}

static bool is_at(const struct walk *w, struct place at, uint64_t seq)
{
	return w->at.segment == at.segment && w->at.offset == at.offset && w->next_seq == seq;
}

int segments_count_in(struct store *s, const struct cursor_file *f, bool *whole)
{
	struct walk w;
	struct record_header h;
	slice meta;
	int rc;
	walk_init(&w, f->end, f->end_seq ? f->end_seq + 1 : 0);
	w.quiet = true;
	*whole = true;
	struct place at = w.at;
	uint64_t seq = w.next_seq;
	while ((rc = next_record(s, &w, &h, &meta)) == 1) {
		struct store_record r;
		uint32_t sidecar;
		*whole = *whole && is_at(&w, at, seq) && h.seq == seq;
		if (store_meta_read(&h, meta, &r, &sidecar) == 0) {
			uint64_t body = h.payload_len - h.meta_len - store_pad8(sidecar);
			cursors_count_in(s, &r, w.at, body);
			s->dirty = true;
		}
		s->end_seq = h.seq;
		walk_pass(&w, &h);
		at = w.at;
		seq = w.next_seq;
	}
	*whole = *whole && is_at(&w, at, seq);
	walk_release(s, &w);
	return rc;
}

/* What is damaged behind the cursor file's end is counted, and some of it kept: not before it is known that this start will be one. What
 * cannot be read any more is for the cursors that come by. */
static void note_damage(struct store *s, const struct recovery *r)
{
	struct walk w;
	struct record_header h;
	slice meta;
	char path[STORE_PATH];
	walk_init(&w, r->file.end, r->file.end_seq ? r->file.end_seq + 1 : 0);
	while (!r->whole && walk_next(s, &w, &h, &meta) == 1)
		walk_pass(&w, &h);
	walk_release(s, &w);
	if (!r->n_cut)
		return;
	segment_path(s, r->cut.segment, path);
	w.seg.number = r->cut.segment;
	w.rd.fd = start_open(s, path, O_RDONLY);
	damage_note(s, &w, r->cut, (struct store_damage){ .n_bytes = r->n_cut }, r->n_cut);
	walk_release(s, &w);
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

/* What was appended after the cursor file was written. 0 or -errno. */
static int read_log(struct store *s, struct recovery *r)
{
	int rc = s->segments.n ? -EIO : 0;
	for (unsigned i = 0; i < START_TRIES && rc < 0; i++)
		rc = find_end(s, r);
	return rc ? rc : segments_count_in(s, &r->file, &r->whole);
}

static void begin_books(struct store *s, const struct cursor_file *f, enum found found)
{
	if (found == FOUND_NONE) {
		store_put64(s->install, store_random(s));
		store_put64(s->install + 8, store_random(s));
		s->dirty = true;
	}
	s->next_seq = f->next_seq && f->next_seq < STORE_NUMBER_MAX ? f->next_seq : 1;
	s->end_seq = f->end_seq < STORE_NUMBER_MAX ? f->end_seq : 0;
}

enum store_open_result store_recover(struct store *s, struct err *e)
{
	struct recovery r = { .n_cut = 0 };
	int rc = segments_find(s);
	if (rc == FOUND)
		rc = cursor_file_read(s, &r.file);
	if (rc < 0)
		return refuse(s, "read", rc, e);
	if (rc == FOUND_NEWER)
		return newer(s, e);
	begin_books(s, &r.file, (enum found)rc);
	rc = read_log(s, &r);
	if (rc < 0)
		return refuse(s, "read", rc, e);
	rc = atomic_load(&s->sync) && s->segments.n ? sync_end(s) : 0;
	if (rc < 0)
		return refuse(s, "sync", rc, e);
	set_log_end(s, &r.file);
	adopt(s);
	note_damage(s, &r);
	rc = store_checkpoint(s);
	if (rc < 0)
		log_warn(
		        s->log, "the cursor file cannot be written", "directory", s->dir, "error", strerror(-rc), NULL);
	return STORE_OPENED;
}
