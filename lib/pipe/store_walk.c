/* store_walk.c - from record to record through all segments, and around what is damaged.
 *
 * A walk moves forward only, and looks at each byte a bounded number of times whatever the bytes are. Where no sound header stands, the next one
 * with a larger sequence number is looked for in steps of 8 bytes. In a segment whose end is not known (the next one's header is lost)
 * zeros up to the end of the file are no damage. A read error is the caller's to wait for, at most three times; then that page, or that
 * record, is damage like any other.
 */
#include <errno.h>
#include <fcntl.h>

#include "lib/pipe/store_internal.h"

enum { PAGE = 4096, MAX_GUESSES = 16, MAX_TRIES = 3 };

void walk_init(struct walk *w, struct place at, uint64_t next_seq)
{
	*w = (struct walk){ .at = at, .next_seq = next_seq, .rd.fd = -1, .patient = true };
}

static void close_reader(struct store *s, struct reader *rd)
{
	if (rd->fd >= 0)
		s->disk->close(s->disk, rd->fd);
	rd->fd = -1;
	rd->len = 0;
}

void walk_release(struct store *s, struct walk *w)
{
	close_reader(s, &w->rd);
	free(w->rd.window);
	w->rd.window = NULL;
	w->seg.number = 0;
}

/* Not the disk's fault. */
static bool is_shortage(int rc)
{
	return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE;
}

/* Whether a failing place is to be given up; else the caller comes back later. */
static bool lost_patience(struct store *s, struct walk *w, int rc)
{
	if (is_shortage(rc))
		return false;
	int64_t now = clock_mono(s->clock);
	if (w->fault.segment != w->at.segment || w->fault.offset != w->at.offset) {
		w->fault = w->at;
		w->tries = 0;
	}
	if (!w->tries || !w->patient || now - w->tried_ns >= NS_PER_S) {
		w->tries++;
		w->tried_ns = now;
	}
	w->blind = w->blind || w->tries >= MAX_TRIES;
	return w->tries >= MAX_TRIES;
}

static int open_reader(struct store *s, struct walk *w)
{
	char path[STORE_PATH];
	close_reader(s, &w->rd);
	if (!w->rd.window && !(w->rd.window = malloc(READ_WINDOW)))
		return -ENOMEM;
	segment_path(s, w->seg.number, path);
	int fd = s->disk->open(s->disk, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	w->rd.fd = fd;
	return 0;
}

/* A file ends early: what was there is gone. */
enum { ENDED = 1 };

/* n <= READ_WINDOW bytes at `offset`, *p valid until the next call. 0, ENDED, or -errno. */
static int look(struct store *s, struct walk *w, uint64_t offset, size_t n, const unsigned char **p)
{
	struct reader *rd = &w->rd;
	*p = NULL;
	if (offset < rd->at || offset + n > rd->at + rd->len) {
		uint64_t left = w->seg.end - offset;
		size_t want = left < READ_WINDOW ? (size_t)left : READ_WINDOW;
		rd->len = 0;
		ssize_t got = disk_pread_all(s->disk, rd->fd, rd->window, want, (int64_t)offset);
		if (got < 0 && want > n)
			got = disk_pread_all(s->disk, rd->fd, rd->window, n, (int64_t)offset);
		if (got < 0)
			return (int)got;
		rd->at = offset;
		rd->len = (size_t)got;
		if (rd->len < n)
			return ENDED;
	}
	*p = rd->window + (offset - rd->at);
	return 0;
}

int walk_read(struct store *s, struct walk *w, uint64_t offset, void *out, size_t n)
{
	struct reader *rd = &w->rd;
	char *to = out;
	if (offset >= rd->at && offset < rd->at + rd->len) {
		size_t have = (size_t)(rd->at + rd->len - offset);
		have = have < n ? have : n;
		memcpy(to, rd->window + (offset - rd->at), have);
		to += have, offset += have, n -= have;
	}
	int rc = 0;
	if (n && n < READ_WINDOW / 2) {
		const unsigned char *p;
		rc = look(s, w, offset, n, &p);
		if (rc == 0)
			memcpy(to, p, n);
	} else if (n) {
		ssize_t got = disk_pread_all(s->disk, rd->fd, to, n, (int64_t)offset);
		rc = got < 0 ? (int)got : (size_t)got < n ? ENDED : 0;
	}
	return rc < 0 && lost_patience(s, w, rc) ? 1 : rc;
}

int walk_meta(struct store *s, struct walk *w, const struct record_header *h, slice *meta)
{
	const unsigned char *p;
	int rc = look(s, w, w->at.offset, RECORD_HEADER + h->meta_len, &p);
	if (rc == 0)
		*meta = (slice){ (const char *)p + RECORD_HEADER, h->meta_len };
	return rc < 0 && lost_patience(s, w, rc) ? 1 : rc;
}

void walk_pass(struct walk *w, const struct record_header *h)
{
	w->at.offset += record_size(h->payload_len);
	w->next_seq = h->seq + 1;
}

static void note_gap(struct store *s, struct walk *w, struct place at, uint64_t next)
{
	if (w->next_seq && next > w->next_seq)
		damage_note(s, w, at, (struct store_damage){ .n_records = next - w->next_seq }, 0);
}

/* Under the lock: the first segment from this number on. */
static size_t find_segment(const struct store *s, uint64_t number)
{
	size_t low = 0, high = s->segments.n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (s->segments.v[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The walk's segment as it is now, and the one after it. False: there is none from here on. */
static bool refresh(struct store *s, struct walk *w, struct segment *now, struct segment *next)
{
	pthread_mutex_lock(&s->lock);
	size_t i = find_segment(s, w->at.segment), n = s->segments.n;
	*now = i < n ? s->segments.v[i] : (struct segment){ 0 };
	*next = i + 1 < n ? s->segments.v[i + 1] : (struct segment){ 0 };
	pthread_mutex_unlock(&s->lock);
	return i < n;
}

/* Into `seg`, which follows what the walk has seen. What its header says of the one before tells what was missed. */
static void go_to(struct store *s, struct walk *w, const struct segment *seg)
{
	struct place begin = { seg->number, SEGMENT_HEADER };
	if (seg->first_seq && seg->prev_number == w->at.segment)
		note_gap(s, w, w->at, seg->prev_last + 1);
	else if (seg->first_seq && seg->prev_number)
		note_gap(s, w, begin, seg->first_seq);
	if (seg->first_seq > w->next_seq)
		w->next_seq = seg->first_seq;
	w->at = begin;
	w->zeros_from = 0;
}

/* To a place before the end of a segment that is open. 1, 0: the end of the log, -errno. */
static int enter(struct store *s, struct walk *w)
{
	struct segment now, next;
	for (;;) {
		if (w->seg.number == w->at.segment && w->rd.fd >= 0 && w->at.offset < w->seg.end)
			return 1;
		if (!refresh(s, w, &now, &next))
			return 0;
		if (now.number != w->at.segment) {
			go_to(s, w, &now);
			continue;
		}
		if (w->at.offset >= now.end) {
			note_gap(s, w, w->at, now.last_seq + 1);
			w->next_seq = now.last_seq >= w->next_seq ? now.last_seq + 1 : w->next_seq;
			if (!next.number)
				return 0;
			go_to(s, w, &next);
			continue;
		}
		bool same = w->seg.number == now.number && w->rd.fd >= 0;
		w->seg = now;
		w->at.offset = w->at.offset < SEGMENT_HEADER ? SEGMENT_HEADER : store_pad8(w->at.offset);
		int rc = same ? 0 : open_reader(s, w);
		if (rc == 0)
			continue;
		if (rc != -ENOENT && !lost_patience(s, w, rc))
			return rc;
		note_gap(s, w, w->at, now.last_seq + 1);
		w->at.offset = now.end; /* nobody can read it */
	}
}

/* From `from` to the walk's place no record was found. */
static void note_bytes(struct store *s, struct walk *w, uint64_t from, uint64_t to)
{
	struct place at = { w->at.segment, from };
	if (to > from)
		damage_note(s, w, at, (struct store_damage){ .n_bytes = to - from }, to - from);
}

static bool fits(const struct walk *w, uint64_t offset, const struct record_header *h)
{
	return h->seq >= w->next_seq && record_size(h->payload_len) <= w->seg.end - offset &&
	        (!w->seg.last_seq || h->seq <= w->seg.last_seq);
}

/* The first place from `from` on in the window where a sound header stands, else where the window ends. *filled: behind the last byte
 * that is not zero. */
static uint64_t search_window(struct walk *w, uint64_t from, uint64_t *filled, bool *found)
{
	const struct reader *rd = &w->rd;
	uint64_t stop = rd->at + rd->len, at = from;
	struct record_header h;
	for (; at + 8 <= stop; at += 8) {
		const unsigned char *p = rd->window + (at - rd->at);
		uint64_t word;
		memcpy(&word, p, sizeof(word));
		if (!word)
			continue;
		*found = at + RECORD_HEADER <= stop && record_header_read(p, w->seg.seed, &h) && fits(w, at, &h);
		if (*found)
			return at;
		if (at + RECORD_HEADER > stop && stop < w->seg.end)
			return at; /* read on from here */
		*filled = at + 8;
	}
	if (at < stop && stop == w->seg.end) {
		*filled = stop;
		return stop;
	}
	return at;
}

/* Behind a place that is no record: to the next one in this segment, to its end, or to a page that cannot be read. */
static void resync(struct store *s, struct walk *w)
{
	uint64_t from = w->at.offset, at = from, filled = from;
	bool found = false;
	while (at < w->seg.end && !found) {
		const unsigned char *p;
		size_t n = w->seg.end - at < PAGE ? (size_t)(w->seg.end - at) : PAGE;
		int rc = look(s, w, at, n < RECORD_HEADER ? n : RECORD_HEADER, &p);
		if (rc < 0) {
			note_bytes(s, w, from, at);
			w->at.offset = at;
			return;
		}
		if (rc == ENDED) {
			filled = w->seg.end; /* the file lost its end */
			break;
		}
		uint64_t next = search_window(w, at, &filled, &found);
		at = next > at || found ? next : w->seg.end;
	}
	uint64_t to = found ? at : w->seg.end;
	if (!found && !w->seg.ends) {
		w->zeros_from = filled;
		to = filled;
	}
	note_bytes(s, w, from, to);
	w->at.offset = found ? at : w->seg.end;
}

/* A page that cannot be read. */
static void skip_page(struct store *s, struct walk *w)
{
	uint64_t from = w->at.offset, to = (from / PAGE + 1) * PAGE;
	w->at.offset = to < w->seg.end ? to : w->seg.end;
	note_bytes(s, w, from, w->at.offset);
}

static int check_guess(struct store *s, struct walk *w, uint64_t offset, const struct record_header *h, bool *sound)
{
	const unsigned char *p;
	*sound = false;
	if (!fits(w, offset, h))
		return 0;
	int rc = look(s, w, offset, RECORD_HEADER + h->meta_len, &p);
	*sound = rc == 0 && record_meta_is_witness(p, h, (slice){ (const char *)p + RECORD_HEADER, h->meta_len });
	return rc;
}

/* How many records in a row begin at `at` under a seed, and whether they fill the segment to its end. */
static unsigned count_chain(struct store *s, struct walk *w, uint64_t at, uint32_t seed, bool *whole)
{
	const unsigned char *p;
	struct record_header h;
	unsigned n = 0;
	while (w->seg.end - at >= RECORD_HEADER) {
		*whole = false;
		if (look(s, w, at, RECORD_HEADER, &p) != 0 || !record_header_read(p, seed, &h) ||
		        record_size(h.payload_len) > w->seg.end - at)
			return n;
		at += record_size(h.payload_len);
		n++;
	}
	*whole = true;
	return n;
}

/* The seed of a segment whose header is damaged: that of the first record, unless what follows knows better (a body may hold what
 * looks like a record without a seed). Without any all of it is lost. */
static int find_seed(struct store *s, struct walk *w)
{
	unsigned guesses = 0, most = 0;
	uint64_t budget = 4 * w->seg.end; /* of bytes to sum up: time is linear, whatever the bytes */
	bool whole = false;
	for (uint64_t at = SEGMENT_HEADER; at + RECORD_HEADER <= w->seg.end && guesses < MAX_GUESSES && !whole;
	        at += 8) {
		const unsigned char *p;
		struct record_header h;
		uint32_t seed;
		bool sound = false;
		int rc = look(s, w, at, RECORD_HEADER, &p);
		if (rc == 0 && record_header_guess(p, &seed, &h) && budget > h.meta_len) {
			budget -= h.meta_len;
			rc = check_guess(s, w, at, &h, &sound);
		}
		if (rc < 0 && !lost_patience(s, w, rc))
			return rc;
		if (rc < 0)
			at = at / PAGE * PAGE + PAGE - 8;
		if (!sound)
			continue;
		guesses++;
		unsigned n = count_chain(s, w, at, seed, &whole);
		if (whole || n > most)
			w->seg.seed = seed;
		w->seg.seeded = true;
		most = n > most ? n : most;
	}
	if (!w->seg.seeded) {
		/* bytes that nobody can read are damage; an empty file of zeros is none */
		w->seg.seed = 0;
		w->seg.seeded = true;
		return 0;
	}
	pthread_mutex_lock(&s->lock);
	size_t i = find_segment(s, w->seg.number);
	if (i < s->segments.n && s->segments.v[i].number == w->seg.number) {
		s->segments.v[i].seed = w->seg.seed;
		s->segments.v[i].seeded = true;
	}
	pthread_mutex_unlock(&s->lock);
	return 0;
}

enum step { STEP_RECORD = 1, STEP_ON = 2, STEP_BAD = 3 };

/* What stands at the walk's place. A step, or -errno. */
static int step(struct store *s, struct walk *w, struct record_header *h, slice *meta)
{
	const unsigned char *p;
	if (w->seg.end - w->at.offset < RECORD_HEADER)
		return STEP_BAD;
	int rc = look(s, w, w->at.offset, RECORD_HEADER, &p);
	if (rc < 0) {
		if (!lost_patience(s, w, rc))
			return rc;
		skip_page(s, w);
		return STEP_ON;
	}
	if (rc == ENDED || !record_header_read(p, w->seg.seed, h) || !fits(w, w->at.offset, h))
		return STEP_BAD;
	rc = walk_meta(s, w, h, meta);
	if (rc < 0)
		return rc;
	note_gap(s, w, (struct place){ w->at.segment, w->at.offset + 1 }, h->seq);
	if (rc == 0 && record_meta_is_sound(h, *meta))
		return STEP_RECORD;
	damage_note(s, w, w->at, (struct store_damage){ .n_records = 1, .n_items = h->n_items },
	        record_size(h->payload_len));
	walk_pass(w, h);
	return STEP_ON;
}

int walk_next(struct store *s, struct walk *w, struct record_header *h, slice *meta)
{
	for (;;) {
		int rc = enter(s, w);
		if (rc == 0)
			return 0;
		if (rc > 0 && !w->seg.seeded)
			rc = find_seed(s, w);
		if (rc >= 0)
			rc = step(s, w, h, meta);
		if (rc == STEP_RECORD)
			return 1;
		if (rc < 0 && (w->patient || is_shortage(rc)))
			return rc;
		if (rc == STEP_BAD)
			resync(s, w);
	}
}
