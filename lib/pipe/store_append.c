/* store_append.c - the writer's side: one append is one run of writes in one segment and one sync.
 *
 * Invariant: a listed segment's `end` is durable, and what lies behind it was never promised. A file on which a write or a sync failed gets
 * neither again. Its good part is sealed by the header of the next segment, which is durable, with its name, before anything is
 * written to it. Sealed files are cut to their end, so that a roll wastes nothing.
 *
 * There is always a newest segment: its header has the numbers from which a start goes on, whatever became of the cursor file. When all of it
 * is done and it is large enough to be in the way, an empty one takes its place: else what was delivered could keep a small storage full
 * for ever.
 */
#include <errno.h>
#include <fcntl.h>

#include "lib/pipe/store_internal.h"

enum { RECORDS_AT_ONCE = 256, IOV_MAX_HERE = 1024 };

/* The file is complete: cut what is behind its end; without a published record it goes. */
void active_seal(struct store *s)
{
	struct active *a = &s->active;
	char path[STORE_PATH];
	if (!a->exists)
		return;
	a->exists = false;
	segment_path(s, a->seg.number, path);
	int64_t before = (int64_t)a->plan, kept = before, used = a->fd >= 0 ? (int64_t)a->seg.end : before;
	if (!a->listed) {
		s->disk->close(s->disk, a->fd);
		int rc = s->disk->unlink(s->disk, path);
		kept = rc == 0 || rc == -ENOENT ? 0 : before;
	} else {
		int fd = a->fd >= 0 ? a->fd : s->disk->open(s->disk, path, O_RDWR | O_NOFOLLOW, 0);
		if (fd >= 0 && before > (int64_t)a->seg.end && s->disk->truncate(s->disk, fd, (int64_t)a->seg.end) == 0)
			kept = (int64_t)a->seg.end;
		if (fd >= 0)
			s->disk->close(s->disk, fd);
	}
	store_account(s, kept - before, kept - used);
	pthread_mutex_lock(&s->lock);
	if (a->listed)
		s->segments.v[s->segments.n - 1].size = (uint64_t)kept;
	pthread_mutex_unlock(&s->lock);
}

static int write_header(struct store *s, int fd, const struct segment_header *h)
{
	unsigned char n_bytes[SEGMENT_HEADER];
	struct iovec v = { n_bytes, sizeof(n_bytes) };
	segment_header_write(h, n_bytes);
	int rc = disk_pwrite_all(s->disk, fd, &v, 1, 0);
	rc = rc ? rc : s->disk->sync(s->disk, fd);
	return rc ? rc : s->disk->sync_dir(s->disk, s->dir);
}

/* A new file that is ready for records: blocks, header and name are durable. */
static int create_segment(struct store *s, const struct segment_header *h, uint64_t size)
{
	char path[STORE_PATH];
	segment_path(s, h->number, path);
	int fd = s->disk->open(s->disk, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	int rc = s->disk->allocate(s->disk, fd, (int64_t)size);
	if (rc == 0 || rc == -EOPNOTSUPP)
		rc = write_header(s, fd, h);
	if (rc == 0)
		return fd;
	s->disk->close(s->disk, fd);
	s->disk->unlink(s->disk, path);
	return rc;
}

/* Of a segment whose records do not ask for more. */
static uint64_t segment_size(const struct store *s, uint64_t max_size)
{
	uint64_t n_bytes = atomic_load(&s->segment_size);
	return n_bytes < max_size / 8 ? n_bytes : max_size / 8;
}

/* What a new segment may take: what was reserved has its room beyond a max_size that is smaller by now. */
static uint64_t room_for_segment(const struct store *s, uint64_t max_size)
{
	uint64_t total = atomic_load(&s->total), promised = atomic_load(&s->used) + atomic_load(&s->reserved);
	uint64_t most = max_size > promised ? max_size : promised;
	return most > total ? most - total : 0;
}

/* The segment that the next header tells about; nothing when nobody could see where it ends. */
static struct segment last_segment(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	struct segment last = s->segments.n ? s->segments.v[s->segments.n - 1] : (struct segment){ 0 };
	pthread_mutex_unlock(&s->lock);
	return last.ends ? last : (struct segment){ 0 };
}

static int roll(struct store *s, uint64_t n_bytes)
{
	active_seal(s);
	uint64_t max_size = atomic_load(&s->max_size), need = SEGMENT_HEADER + n_bytes;
	uint64_t plan = segment_size(s, max_size), room = room_for_segment(s, max_size);
	if (!n_bytes && room < need)
		room = need; /* an empty one takes the place of what is larger */
	if (room < need)
		return -ENOSPC;
	plan = plan < need ? need : plan > room ? room : plan;
	struct segment last = last_segment(s);
	struct segment_header h = { ++s->max_number, store_random(s), s->next_seq, last.number, last.end,
		last.last_seq };
	int fd = create_segment(s, &h, plan);
	if (fd < 0)
		return fd;
	store_account(s, (int64_t)plan, SEGMENT_HEADER);
	s->active = (struct active){
		.fd = fd,
		.exists = true,
		.plan = plan,
		.seg = { .number = h.number,
		        .size = plan,
		        .end = SEGMENT_HEADER,
		        .first_seq = h.first_seq,
		        .prev_number = last.number,
		        .prev_end = last.end,
		        .prev_last = last.last_seq,
		        .seed = segment_seed(h.salt),
		        .seeded = true,
		        .ends = true },
	};
	return 0;
}

/* Headers, metas and padding of some records in `scratch`, and what is to be written in order. */
struct run {
	struct iovec v[IOV_MAX_HERE];
	size_t scratch_at[IOV_MAX_HERE]; /* v[i] is in the scratch, from here; SIZE_MAX: it is not */
	int n;
};

static void add_scratch(struct run *r, size_t from, size_t len)
{
	bool joins = r->n && r->scratch_at[r->n - 1] != SIZE_MAX;
	if (joins)
		r->v[r->n - 1].iov_len += len;
	else if (len) {
		r->scratch_at[r->n] = from;
		r->v[r->n++] = (struct iovec){ NULL, len };
	}
}

static void add_foreign(struct run *r, slice s)
{
	if (!s.len)
		return;
	r->scratch_at[r->n] = SIZE_MAX;
	r->v[r->n++] = (struct iovec){ (void *)(uintptr_t)s.p, s.len };
}

static void add_padding(struct strbuf *b, struct run *r, size_t len)
{
	size_t from = b->len, n = store_pad8(len) - len;
	strbuf_add(b, (slice){ "\0\0\0\0\0\0\0", n });
	add_scratch(r, from, n);
}

static void add_record(struct store *s, struct run *r, const struct store_record *rec)
{
	struct strbuf *b = &s->scratch;
	size_t from = b->len;
	record_write(rec, s->active.seg.seed, b);
	add_scratch(r, from, b->len - from);
	add_foreign(r, rec->sidecar);
	add_padding(b, r, rec->sidecar.len);
	add_foreign(r, rec->body);
	add_padding(b, r, rec->body.len);
}

static int write_run(struct store *s, const struct store_record *v, size_t n, uint64_t *at)
{
	struct run r = { .n = 0 };
	strbuf_clear(&s->scratch);
	for (size_t i = 0; i < n; i++)
		add_record(s, &r, &v[i]);
	if (s->scratch.failed)
		return -ENOMEM;
	uint64_t size = 0;
	for (int i = 0; i < r.n; i++) {
		if (r.scratch_at[i] != SIZE_MAX)
			r.v[i].iov_base = s->scratch.p + r.scratch_at[i];
		size += r.v[i].iov_len;
	}
	int rc = disk_pwrite_all(s->disk, s->active.fd, r.v, r.n, (int64_t)*at);
	*at += size;
	return rc;
}

static int write_all(struct store *s, const struct store_record *v, size_t n)
{
	uint64_t at = s->active.seg.end;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i += RECORDS_AT_ONCE)
		rc = write_run(s, v + i, n - i < RECORDS_AT_ONCE ? n - i : RECORDS_AT_ONCE, &at);
	bool sync = atomic_load(&s->sync);
	if (rc == 0 && sync)
		rc = s->disk->sync(s->disk, s->active.fd);
	s->unsynced |= !sync;
	if (rc)
		s->active.bad = true;
	if (s->scratch.cap > 1 << 20)
		strbuf_release(&s->scratch);
	return rc;
}

static uint64_t segment_after(struct store *s, uint64_t number)
{
	uint64_t next = 0;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; !next && i < s->segments.n; i++)
		if (s->segments.v[i].number > number)
			next = s->segments.v[i].number;
	pthread_mutex_unlock(&s->lock);
	return next;
}

/* Records that nobody promised a sync for. Once each file: a second one after one that failed says nothing. */
static void sync_all(struct store *s)
{
	char path[STORE_PATH];
	int first = 0;
	for (uint64_t number = 0; (number = segment_after(s, number)) != 0;) {
		segment_path(s, number, path);
		int fd = s->disk->open(s->disk, path, O_RDONLY | O_NOFOLLOW, 0);
		int rc = fd < 0 ? fd : s->disk->sync(s->disk, fd);
		if (fd >= 0)
			s->disk->close(s->disk, fd);
		if (rc && s->active.exists && s->active.seg.number == number)
			s->active.bad = true;
		first = first ? first : rc;
	}
	s->unsynced = false;
	if (first)
		log_warn(s->log, "data that was written with fsync: false could not be synced", "directory", s->dir,
		        "error", strerror(-first), NULL);
}

/* What a reload has changed, as far as files have to follow. */
static void follow_options(struct store *s)
{
	if (atomic_exchange(&s->resized, false))
		active_seal(s); /* its free tail may be more than there is room for now */
	if (s->unsynced && atomic_load(&s->sync))
		sync_all(s);
}

/* The first segment that may go, when every cursor is past it and the cursor file on the disk says so. 0: none. */
static uint64_t oldest_unneeded(struct store *s, uint64_t *size)
{
	pthread_mutex_lock(&s->lock);
	const struct segment *first = s->segments.v;
	bool goes = s->segments.n > 1 && first->number < s->kept_from;
	uint64_t number = goes ? first->number : 0;
	*size = goes ? first->size : 0;
	pthread_mutex_unlock(&s->lock);
	return number;
}

static void unlink_passed(struct store *s)
{
	char path[STORE_PATH];
	uint64_t size;
	for (uint64_t number; (number = oldest_unneeded(s, &size)) != 0;) {
		segment_path(s, number, path);
		int rc = s->disk->unlink(s->disk, path);
		if (rc < 0 && rc != -ENOENT) {
			log_warn(s->log, "a segment that is done cannot be removed", "file", path, "error",
			        strerror(-rc), NULL);
			return;
		}
		pthread_mutex_lock(&s->lock);
		memmove(s->segments.v, s->segments.v + 1, --s->segments.n * sizeof(*s->segments.v));
		damage_forget(s, number + 1);
		pthread_mutex_unlock(&s->lock);
		store_account(s, -(int64_t)size, -(int64_t)size);
		s->retry_at = 0;
		atomic_store(&s->next_probe, 0);
	}
}

static int checkpoint(struct store *s)
{
	int rc = cursor_file_write(s);
	unlink_passed(s);
	return rc;
}

static int append_once(struct store *s, const struct store_record *v, size_t n, uint64_t n_bytes)
{
	const struct active *a = &s->active;
	bool fits = a->exists && !a->bad && n_bytes <= a->plan - a->seg.end;
	int rc = fits ? 0 : roll(s, n_bytes);
	/* so that a start has to look at the newest segment only; when it fails the start looks at more */
	if (!fits && rc == 0)
		checkpoint(s);
	return rc ? rc : write_all(s, v, n);
}

/* Readers see the active segment as it is now. Under the lock. */
static void list_active(struct store *s)
{
	struct active *a = &s->active;
	if (!a->listed)
		VEC_ADD(&s->segments);
	a->listed = true;
	s->segments.v[s->segments.n - 1] = a->seg;
	s->end = (struct place){ a->seg.number, a->seg.end };
	s->end_seq = a->seg.last_seq;
	s->dirty = true;
}

/* Readers see them from here on. Under the lock. */
static void publish(struct store *s, const struct store_record *v, size_t n, uint64_t n_bytes)
{
	struct active *a = &s->active;
	struct place at = { a->seg.number, a->seg.end };
	a->seg.end += n_bytes;
	a->seg.last_seq = v[n - 1].seq;
	list_active(s);
	for (size_t i = 0; i < n; i++) {
		cursors_count_in(s, &v[i], at, v[i].body.len);
		at.offset += record_size(record_payload(&v[i]));
	}
}

static void call_cursors(struct store *s)
{
	for (size_t i = 0;; i++) {
		pthread_mutex_lock(&s->lock);
		struct cursor *c = i < s->cursors.n ? s->cursors.v[i] : NULL;
		bool call = c && c->more && c->open && c->on_more;
		if (c)
			c->more = false;
		pthread_mutex_unlock(&s->lock);
		if (!c)
			return;
		if (call)
			c->on_more(c->ctx);
	}
}

static int fail(struct store *s, int rc)
{
	if (!atomic_load(&s->failed))
		log_error(s->log, "the storage directory cannot be written: durable intake is refused until it can",
		        "directory", s->dir, "error", strerror(-rc), NULL);
	s->retry_at = clock_mono(s->clock) + NS_PER_S;
	atomic_store(&s->next_probe, s->retry_at);
	atomic_store(&s->failed, -rc);
	return rc;
}

int store_append(struct store *s, struct store_record *v, size_t n)
{
	uint64_t n_bytes = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t payload = record_payload(&v[i]);
		if (!payload)
			return -EMSGSIZE;
		n_bytes += record_size(payload);
		v[i].seq = s->next_seq + i;
	}
	int failed = atomic_load(&s->failed);
	if (!n || (failed && clock_mono(s->clock) < s->retry_at))
		return -failed;
	follow_options(s);
	int rc = append_once(s, v, n, n_bytes);
	if (rc)
		rc = append_once(s, v, n, n_bytes);
	s->next_seq += n; /* those of an append that failed may stand on the disk: they are not given again */
	if (rc) {
		active_seal(s);
		return fail(s, rc);
	}
	if (failed)
		log_info(s->log, "the storage directory can be written again", "directory", s->dir, NULL);
	pthread_mutex_lock(&s->lock);
	publish(s, v, n, n_bytes);
	pthread_mutex_unlock(&s->lock);
	store_account(s, 0, (int64_t)n_bytes);
	atomic_store(&s->failed, 0);
	call_cursors(s);
	return 0;
}

/* What the newest segment may hold of done records. */
static uint64_t tolerated(const struct store *s, uint64_t max_size)
{
	return segment_size(s, max_size) / 2;
}

/* Is the newest segment in the way, every cursor at the end of the log, and the cursor file up to date? */
static bool is_spent(struct store *s)
{
	uint64_t most = tolerated(s, atomic_load(&s->max_size));
	pthread_mutex_lock(&s->lock);
	bool fresh = s->active.exists && !s->active.listed;
	bool spent = s->segments.n == 1 && s->segments.v[0].end > most && !fresh && !s->dirty;
	for (size_t i = 0; spent && i < s->cursors.n; i++) {
		uint64_t seq;
		spent = !place_before(cursor_low(s->cursors.v[i], &seq), s->end);
	}
	pthread_mutex_unlock(&s->lock);
	return spent;
}

int store_checkpoint(struct store *s)
{
	follow_options(s);
	int rc = checkpoint(s);
	if (rc || !is_spent(s) || roll(s, 0)) /* when it cannot be made now, the next append or checkpoint does */
		return rc;
	pthread_mutex_lock(&s->lock);
	s->active.seg.last_seq = s->end_seq;
	list_active(s);
	pthread_mutex_unlock(&s->lock);
	return checkpoint(s);
}

bool store_can_hold(const struct store *s, const uint32_t *payloads, size_t n)
{
	uint64_t most = atomic_load(&s->max_size), taken = 2 * CURSOR_SLOT + tolerated(s, most), all = 0;
	for (size_t i = 0; i < n; i++) {
		if (!payloads[i])
			return false;
		all += record_size(payloads[i]) + SEGMENT_HEADER;
	}
	return taken < most && all <= most - taken;
}
