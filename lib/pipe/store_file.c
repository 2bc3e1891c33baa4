/* store_file.c - the cursor file: where every exporter is, what became of its items, and up to where that is counted.
 *
 *	slot (two of CURSOR_SLOT bytes, written in turn)
 *	  magic 8, version u32, crc u32, generation u64, length u32, 0 u32        the crc covers `length` bytes but itself
 *	  install id 16, log end {segment, offset, seq}, next seq, highest segment number, damage {records, items, bytes}
 *	  u32 marks, u32 cursors, marks {segment, offset}
 *	  per cursor: u32 bytes of the entry, u32 of the name, name, {segment, offset, seq} it needs first, orphan since, queued records and
 *	  bytes, u32 ranges, u32 drop reasons, per signal {delivered, rejected, dead lettered, queued, dropped..}, ranges {from, to}
 *
 * The slot that is not being written is always sound. After a failed write or sync the file is replaced, not written again: what a second sync
 * of it says means nothing. `accepted` is not kept: it is the sum of the rest.
 */
#include <errno.h>
#include <fcntl.h>

#include "lib/base/crc32c.h"
#include "lib/pipe/store_internal.h"

static const unsigned char magic[8] = "weircur";
enum { F_VERSION = 8, F_CRC = 12, F_GENERATION = 16, F_LENGTH = 24, F_CONTENT = 32 };

/* Bytes that are put or taken in order; past the end nothing happens but `failed`. */
struct cell {
	unsigned char *p;
	size_t at, end;
	bool failed;
};

static unsigned char *move(struct cell *b, size_t n)
{
	if (b->failed || n > b->end - b->at) {
		b->failed = true;
		return NULL;
	}
	b->at += n;
	return b->p + b->at - n;
}

static void put32(struct cell *b, uint64_t v)
{
	unsigned char *p = move(b, 4);
	if (p)
		store_put32(p, (uint32_t)v);
}

static void put64(struct cell *b, uint64_t v)
{
	unsigned char *p = move(b, 8);
	if (p)
		store_put64(p, v);
}

static uint32_t get32(struct cell *b)
{
	const unsigned char *p = move(b, 4);
	return p ? store_get32(p) : 0;
}

static uint64_t get64(struct cell *b)
{
	const unsigned char *p = move(b, 8);
	return p ? store_get64(p) : 0;
}

static uint32_t slot_crc(const unsigned char *p, size_t len)
{
	static const unsigned char zeros[4];
	uint32_t crc = crc32c(0, p, F_CRC);
	crc = crc32c(crc, zeros, 4);
	return crc32c(crc, p + F_GENERATION, len - F_GENERATION);
}

static void put_counts(struct cell *b, const struct store_counts *n)
{
	put64(b, n->delivered);
	put64(b, n->rejected);
	put64(b, n->dead_lettered);
	put64(b, n->queued);
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		put64(b, n->dropped[i]);
}

static void put_cursor(struct cell *b, const struct cursor *c, size_t max_ranges, struct range *scratch)
{
	struct cursor_counts n;
	uint64_t seq;
	struct place low = cursor_low(c, &seq);
	size_t n_ranges = cursor_ranges(c, scratch, max_ranges, &n);
	put32(b, cursor_entry_size(c->id.len) + n_ranges * 16);
	put32(b, c->id.len);
	unsigned char *name = move(b, store_pad8(c->id.len));
	if (name) {
		memset(name, 0, store_pad8(c->id.len));
		memcpy(name, c->id.p, c->id.len);
	}
	put64(b, low.segment);
	put64(b, low.offset);
	put64(b, seq);
	put64(b, (uint64_t)c->orphan_since);
	put64(b, n.queued_records);
	put64(b, n.queued_bytes);
	put32(b, n_ranges);
	put32(b, N_DROP_REASONS);
	for (unsigned i = 0; i < N_SIGNALS; i++)
		put_counts(b, &n.by_signal[i]);
	for (size_t i = 0; i < n_ranges; i++) {
		put64(b, scratch[i].from);
		put64(b, scratch[i].to);
	}
}

/* Ranges that each cursor may have, when all entries are to fit. */
static size_t range_share(const struct store *s, size_t used)
{
	for (size_t i = 0; i < s->cursors.n; i++)
		used += cursor_entry_size(s->cursors.v[i]->id.len);
	return s->cursors.n && used < CURSOR_SLOT ? (CURSOR_SLOT - used) / 16 / s->cursors.n : 0;
}

/* The slot as of now into slot_bytes. Its length; *kept_from: segments that it needs. Under the lock. */
static size_t encode(struct store *s, uint64_t *kept_from)
{
	static const size_t most = CURSOR_SLOT / 16;
	struct cell b = { s->slot_bytes, F_CONTENT, CURSOR_SLOT, false };
	struct range *scratch = malloc(most * sizeof(*scratch));
	memcpy(move(&b, sizeof(s->install)), s->install, sizeof(s->install));
	put64(&b, s->end.segment);
	put64(&b, s->end.offset);
	put64(&b, s->end_seq);
	put64(&b, s->next_seq);
	put64(&b, s->max_number);
	put64(&b, s->damage.n_records);
	put64(&b, s->damage.n_items);
	put64(&b, s->damage.n_bytes);
	put32(&b, s->marks.n);
	put32(&b, s->cursors.n);
	for (size_t i = 0; i < s->marks.n; i++) {
		put64(&b, s->marks.v[i].segment);
		put64(&b, s->marks.v[i].offset);
	}
	*kept_from = s->end.segment;
	size_t share = scratch ? range_share(s, b.at) : 0;
	for (size_t i = 0; i < s->cursors.n; i++) {
		uint64_t seq;
		cursor_settle(s->cursors.v[i]);
		put_cursor(&b, s->cursors.v[i], share, scratch);
		uint64_t low = cursor_low(s->cursors.v[i], &seq).segment;
		*kept_from = low < *kept_from ? low : *kept_from;
	}
	free(scratch);
	memcpy(s->slot_bytes, magic, sizeof(magic));
	store_put32(s->slot_bytes + F_VERSION, STORE_VERSION);
	store_put64(s->slot_bytes + F_GENERATION, s->generation + 1);
	store_put32(s->slot_bytes + F_LENGTH, (uint32_t)b.at);
	store_put32(s->slot_bytes + F_LENGTH + 4, 0);
	store_put32(s->slot_bytes + F_CRC, slot_crc(s->slot_bytes, b.at));
	return b.failed ? 0 : b.at;
}

static int write_slot(struct store *s, int fd, unsigned slot, size_t len)
{
	struct iovec v = { s->slot_bytes, len };
	int rc = disk_pwrite_all(s->disk, fd, &v, 1, (int64_t)slot * CURSOR_SLOT);
	return rc ? rc : s->disk->sync(s->disk, fd);
}

/* A file of its full size with one slot, which then takes the name. */
static int write_new_file(struct store *s, size_t len)
{
	char path[STORE_PATH], name[STORE_PATH];
	store_path(s, "cursor.new", path);
	store_path(s, "cursor", name);
	s->disk->unlink(s->disk, path);
	int fd = s->disk->open(s->disk, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	int rc = s->disk->allocate(s->disk, fd, 2 * CURSOR_SLOT);
	if (rc == 0 || rc == -EOPNOTSUPP)
		rc = write_slot(s, fd, 0, len);
	if (rc == 0)
		rc = s->disk->rename(s->disk, path, name);
	if (rc == 0)
		rc = s->disk->sync_dir(s->disk, s->dir);
	if (rc == 0) {
		s->cursor_fd = fd;
		s->slot = 1;
		return 0;
	}
	s->disk->close(s->disk, fd);
	s->disk->unlink(s->disk, path);
	return rc;
}

static int write_file(struct store *s, size_t len)
{
	if (s->cursor_fd < 0)
		return write_new_file(s, len);
	int rc = write_slot(s, s->cursor_fd, s->slot, len);
	s->slot ^= 1;
	if (rc) {
		s->disk->close(s->disk, s->cursor_fd);
		s->cursor_fd = -1;
	}
	return rc;
}

int cursor_file_write(struct store *s)
{
	uint64_t kept_from;
	pthread_mutex_lock(&s->lock);
	bool dirty = s->dirty;
	size_t len = dirty ? encode(s, &kept_from) : 0;
	s->dirty = false;
	pthread_mutex_unlock(&s->lock);
	if (!dirty)
		return 0;
	s->generation++;
	int rc = len ? write_file(s, len) : -EFBIG;
	pthread_mutex_lock(&s->lock);
	if (rc == 0)
		s->kept_from = kept_from;
	else
		s->dirty = true;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static void get_counts(struct cell *b, struct store_counts *n, uint32_t n_reasons)
{
	n->delivered = get64(b);
	n->rejected = get64(b);
	n->dead_lettered = get64(b);
	n->queued = get64(b);
	n->accepted = n->delivered + n->rejected + n->dead_lettered + n->queued;
	for (uint32_t i = 0; i < n_reasons && !b->failed; i++) {
		uint64_t v = get64(b);
		if (i < N_DROP_REASONS)
			n->dropped[i] = v;
		if (i < N_DROP_REASONS)
			n->accepted += v;
	}
}

static void get_cursor(struct store *s, struct cell *all)
{
	size_t start = all->at, size = get32(all);
	all->at = start;
	unsigned char *p = move(all, size);
	struct cell b = { p, 4, size, !p || size < 4 };
	size_t name_len = get32(&b);
	const unsigned char *name = move(&b, store_pad8(name_len));
	struct place at = { 0 };
	at.segment = get64(&b);
	at.offset = get64(&b);
	uint64_t seq = get64(&b), since = get64(&b);
	bool sound = !b.failed && name_len && seq < STORE_NUMBER_MAX;
	slice id = { (const char *)name, name_len };
	struct cursor *c = sound && !cursor_find(s, id) ? cursor_add(s, id, at, seq) : NULL;
	if (!c)
		return;
	c->orphan_since = since ? (int64_t)since : c->orphan_since;
	c->counts.queued_records = get64(&b);
	c->counts.queued_bytes = get64(&b);
	uint32_t n_ranges = get32(&b), n_reasons = get32(&b);
	for (unsigned i = 0; i < N_SIGNALS; i++)
		get_counts(&b, &c->counts.by_signal[i], n_reasons);
	for (uint32_t i = 0; i < n_ranges && !b.failed; i++) {
		struct range r = { get64(&b), 0 };
		r.to = get64(&b);
		uint64_t last = c->done.n ? c->done.v[c->done.n - 1].to : seq;
		if (!b.failed && r.from >= last && r.to > r.from && r.to < STORE_NUMBER_MAX)
			*VEC_ADD(&c->done) = r;
	}
}

static void decode(struct store *s, unsigned char *p, size_t len, struct cursor_file *f)
{
	struct cell b = { p, F_CONTENT, len, false };
	const unsigned char *id = move(&b, sizeof(s->install));
	if (id)
		memcpy(s->install, id, sizeof(s->install));
	f->end.segment = get64(&b);
	f->end.offset = get64(&b);
	f->end_seq = get64(&b);
	f->next_seq = get64(&b);
	f->max_number = get64(&b);
	s->damage.n_records = get64(&b);
	s->damage.n_items = get64(&b);
	s->damage.n_bytes = get64(&b);
	uint32_t n_marks = get32(&b), n_cursors = get32(&b);
	for (uint32_t i = 0; i < n_marks && !b.failed; i++) {
		struct place at = { get64(&b), 0 };
		at.offset = get64(&b);
		if (!b.failed && s->marks.n < MAX_MARKS)
			*VEC_ADD(&s->marks) = at;
	}
	for (uint32_t i = 0; i < n_cursors && !b.failed; i++)
		get_cursor(s, &b);
}

static enum found check_slot(const unsigned char *p, size_t have, uint64_t *generation, size_t *len)
{
	if (have < F_CONTENT || memcmp(p, magic, sizeof(magic)) != 0)
		return FOUND_NONE;
	*len = store_get32(p + F_LENGTH);
	if (*len < F_CONTENT || *len > have || store_get32(p + F_CRC) != slot_crc(p, *len))
		return FOUND_NONE;
	uint32_t version = store_get32(p + F_VERSION);
	*generation = store_get64(p + F_GENERATION);
	return version == STORE_VERSION ? FOUND : version > STORE_VERSION ? FOUND_NEWER : FOUND_NONE;
}

/* As much of a slot as it says that it has. How many bytes, or -errno. */
static ssize_t read_slot(struct store *s, int fd, int slot, unsigned char *to)
{
	int64_t at = (int64_t)slot * CURSOR_SLOT;
	ssize_t got = start_read(s, fd, to, F_CONTENT, at);
	if (got < F_CONTENT || memcmp(to, magic, sizeof(magic)) != 0)
		return got < 0 ? got : 0;
	size_t len = store_get32(to + F_LENGTH);
	if (len < F_CONTENT || len > CURSOR_SLOT)
		return 0;
	got = start_read(s, fd, to + F_CONTENT, len - F_CONTENT, at + F_CONTENT);
	return got < 0 ? got : F_CONTENT + got;
}

struct slots {
	unsigned char *raw;
	size_t len[2];
	uint64_t generation[2];
	int best; /* -1: none */
	bool newer;
};

/* 0 or -errno. A name that is no file has no slots. */
static int read_slots(struct store *s, int fd, struct slots *v)
{
	for (int i = 0; i < 2; i++) {
		unsigned char *p = v->raw + i * CURSOR_SLOT;
		ssize_t have = read_slot(s, fd, i, p);
		if (is_trouble(have))
			return (int)have;
		enum found is = check_slot(p, have < 0 ? 0 : (size_t)have, &v->generation[i], &v->len[i]);
		v->newer = v->newer || is == FOUND_NEWER;
		if (is == FOUND && (v->best < 0 || v->generation[i] > v->generation[v->best]))
			v->best = i;
	}
	return 0;
}

static int read_file(struct store *s, struct slots *v, struct cursor_file *f)
{
	char path[STORE_PATH];
	store_path(s, "cursor", path);
	int fd = start_open(s, path, O_RDWR);
	bool writable = fd >= 0;
	if (fd == -EROFS || fd == -EACCES || fd == -EPERM)
		fd = start_open(s, path, O_RDONLY);
	int rc = fd < 0 ? fd : read_slots(s, fd, v);
	int64_t size = rc < 0 ? 0 : start_size(s, fd);
	rc = is_trouble(size) ? (int)size : rc;
	if (!is_trouble(rc) && !v->newer && v->best >= 0) {
		s->slot = v->best ? 0 : 1;
		s->generation = v->generation[v->best];
		decode(s, v->raw + v->best * CURSOR_SLOT, v->len[v->best], f);
	} else if (!is_trouble(rc) && !v->newer && rc != -ENOENT) {
		log_warn(s->log, "the cursor file is damaged: everything in the log is sent again", "directory", s->dir,
		        NULL);
	}
	bool goes_on = rc == 0 && writable && !v->newer && v->best >= 0 && size == 2 * CURSOR_SLOT;
	if (fd >= 0 && !goes_on)
		s->disk->close(s->disk, fd);
	s->cursor_fd = goes_on ? fd : -1; /* else there will be a new file */
	return rc;
}

int cursor_file_read(struct store *s, struct cursor_file *f)
{
	struct slots v = { .raw = malloc(2 * CURSOR_SLOT), .best = -1 };
	if (!v.raw)
		abort();
	*f = (struct cursor_file){ 0 };
	int rc = read_file(s, &v, f);
	free(v.raw);
	if (is_trouble(rc)) {
		store_path(s, "cursor", s->unreadable);
		return rc;
	}
	return v.newer ? FOUND_NEWER : v.best >= 0 ? FOUND : FOUND_NONE;
}
