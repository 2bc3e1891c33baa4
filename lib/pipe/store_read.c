/* store_read.c - an exporter's side: the next record, and what became of it.
 *
 * A record that is given out stays in a ring, in order, until it and all before it are resolved; the oldest of them is where the next start
 * goes on. Records that are not for this exporter, or that the cursor file knows as done, are passed. Reading happens on the
 * exporter's thread without the lock; `walking` keeps the writer from moving the cursor meanwhile.
 */
#include <errno.h>

#include "lib/pipe/store_internal.h"

/* Under the lock: what the walk has passed is passed. */
static void follow_walk(struct cursor *c)
{
	c->at = c->walk.at;
	c->at_seq = c->walk.next_seq;
	while (c->done_head < c->done.n && c->done.v[c->done_head].to <= c->at_seq)
		c->done_head++;
	c->s->dirty = true;
}

static bool is_done(const struct cursor *c, uint64_t seq)
{
	size_t i = c->done_head;
	while (i < c->done.n && c->done.v[i].to <= seq)
		i++;
	return i < c->done.n && c->done.v[i].from <= seq;
}

/* One more at the end of the ring. -ENOMEM. */
static int push_given(struct cursor *c, const struct given *g)
{
	if (c->n_given == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct given *v = malloc(cap * sizeof(*v));
		if (!v)
			return -ENOMEM;
		for (size_t i = 0; i < c->n_given; i++)
			v[i] = *cursor_given(c, i);
		free(c->given);
		c->given = v;
		c->cap = cap;
		c->head = 0;
	}
	*cursor_given(c, c->n_given) = *g;
	c->n_given++;
	return 0;
}

/* Passes a record that was resolved before the start: while an older one is out it has to be remembered. */
static int pass_done(struct cursor *c, const struct record_header *h)
{
	struct given g = { .place = c->walk.at, .seq = h->seq, .resolved = true };
	pthread_mutex_lock(&c->s->lock);
	int rc = c->n_given ? push_given(c, &g) : 0;
	if (rc == 0) {
		walk_pass(&c->walk, h);
		follow_walk(c);
	}
	pthread_mutex_unlock(&c->s->lock);
	return rc;
}

static uint64_t body_len(const struct record_header *h, uint32_t sidecar)
{
	return h->payload_len - h->meta_len - store_pad8(sidecar);
}

/* Under the lock: what is taken from the log was accepted, whether the counts knew of it or not. */
static void claim(struct cursor *c, const struct record_header *h, uint64_t n_bytes)
{
	unsigned k = signal_index(h->signal);
	struct store_counts *n = &c->counts.by_signal[k];
	uint64_t unread = n->queued - c->out_items[k], known = c->counts.queued_bytes - c->out_bytes;
	uint64_t items = unread < h->n_items ? h->n_items - unread : 0;
	uint64_t records = c->counts.queued_records == c->out_records;
	uint64_t body = known < n_bytes ? n_bytes - known : 0;
	if (!items && !records && !body)
		return;
	n->accepted += items;
	n->queued += items;
	c->counts.queued_records += records;
	c->counts.queued_bytes += body;
	c->news.accepted[k] += items;
	c->news.found_items += items;
	c->news.found_records += records;
	c->news.found_bytes += body;
	c->has_news = true;
}

/* Passes the record at hand, which is damaged. */
static void lose_peeked(struct cursor *c)
{
	const struct record_header *h = &c->peek;
	uint64_t n_bytes = body_len(h, c->peek_sidecar);
	unsigned k = signal_index(h->signal);
	pthread_mutex_lock(&c->s->lock);
	claim(c, h, n_bytes);
	cursor_lose(c, h->seq, h->seq + 1);
	c->has_news = c->news.fates = true;
	c->news.corrupt[k] += h->n_items;
	c->news.lost_items += h->n_items;
	c->news.lost_records++;
	c->news.lost_bytes += n_bytes;
	struct store_counts *n = &c->counts.by_signal[k];
	n->queued -= h->n_items;
	n->dropped[DROP_CORRUPT] += h->n_items;
	c->counts.queued_records--;
	c->counts.queued_bytes -= n_bytes;
	walk_pass(&c->walk, h);
	follow_walk(c);
	c->peeked = false;
	pthread_mutex_unlock(&c->s->lock);
}

/* Begins a call: false when there is nothing to read, which is known without reading. */
static bool begin(struct cursor *c)
{
	struct store *s = c->s;
	pthread_mutex_lock(&s->lock);
	bool more = c->counts.queued_records > c->out_records;
	if (!more && !c->n_given)
		cursor_settle(c);
	c->walking = more;
	if (more && (c->walk.at.segment != c->at.segment || c->walk.at.offset != c->at.offset)) {
		c->walk.at = c->at;
		c->walk.next_seq = c->at_seq;
		c->peeked = false;
	}
	pthread_mutex_unlock(&s->lock);
	return more;
}

/* Ends a call. `at_end`: there was nothing more; `missed`: of what was passed some is lost, which is known as FATE_LOST from here on, and
 * no news before. True: meanwhile there is more. */
static bool end(struct cursor *c, bool at_end, bool missed)
{
	struct store *s = c->s;
	pthread_mutex_lock(&s->lock);
	follow_walk(c);
	if (missed)
		c->has_news = c->news.fates = true;
	const struct segment *last = s->segments.n ? &s->segments.v[s->segments.n - 1] : NULL;
	bool more = at_end && last && place_before(c->at, (struct place){ last->number, last->end });
	c->walking = more;
	if (at_end && !more) {
		if (place_before(c->at, s->end))
			c->at = c->walk.at = s->end;
		cursor_settle(c);
	}
	pthread_mutex_unlock(&s->lock);
	return more;
}

/* The walk went on from seq `from` to `to` and met none of these; are there any? */
static bool note_missing(struct cursor *c, uint64_t from, uint64_t to)
{
	if (!from || from >= to)
		return false;
	pthread_mutex_lock(&c->s->lock);
	cursor_lose(c, from, to);
	pthread_mutex_unlock(&c->s->lock);
	return true;
}

/* Whether the record that the walk stands at is to be given out. 1, 0: it was passed, -errno. */
static int consider(struct cursor *c, const struct record_header *h, slice meta, bool *missed)
{
	struct store_record r;
	uint32_t sidecar;
	if (store_meta_read(h, meta, &r, &sidecar) < 0) {
		struct store_damage d = { .n_records = 1, .n_items = h->n_items };
		damage_note(c->s, &c->walk, c->walk.at, d, record_size(h->payload_len));
		*missed |= note_missing(c, h->seq, h->seq + 1);
		walk_pass(&c->walk, h);
		return 0;
	}
	if (!routes_have(r.routes, c->id)) {
		walk_pass(&c->walk, h);
		return 0;
	}
	if (is_done(c, h->seq))
		return pass_done(c, h);
	c->peek = *h;
	c->peek_sidecar = sidecar;
	c->peek_wall_ns = r.arrival_wall_ns;
	c->peeked = true;
	return 1;
}

/* To the next record for this exporter. 1: it is at `peek`, 0: none, -errno. */
static int seek(struct cursor *c)
{
	struct record_header h;
	slice meta;
	if (!begin(c))
		return 0;
	int rc = c->peeked;
	bool missed = false;
	while (!rc) {
		uint64_t from = c->walk.next_seq;
		rc = walk_next(c->s, &c->walk, &h, &meta);
		missed |= note_missing(c, from, rc == 1 ? h.seq : c->walk.next_seq);
		if (rc == 0 && !end(c, true, missed))
			return 0;
		if (rc == 1)
			rc = consider(c, &h, meta, &missed);
	}
	end(c, false, missed);
	return rc;
}

/* Memory for the record at hand (see cursor_next). What is beside the pool does not count in it: a destination that is dead for a day
 * with the one record that is larger than the pool must not close the door to the others. */
static struct buf *memory_for(struct cursor *c, struct pool *pool, size_t n)
{
	struct buf *b = buf_new(pool, n);
	uint64_t limit = pool ? atomic_load_explicit(&pool->limit, memory_order_relaxed) : UINT64_MAX;
	if (b || c->out_records) {
		c->beside_pool_ns = 0;
		return b;
	}
	int64_t now = clock_mono(c->s->clock);
	c->beside_pool_ns = c->beside_pool_ns ? c->beside_pool_ns : now + NS_PER_S;
	if (n <= limit && now < c->beside_pool_ns)
		return NULL;
	if (n > limit && !c->told_large) {
		c->told_large = true;
		log_warn(c->s->log,
		        "a record in the storage is larger than the memory that is allowed: it is read "
		        "beside it, one at a time",
		        "exporter", c->name, "bytes", LOG_U(n), "allowed", LOG_U(limit), NULL);
	}
	c->beside_pool_ns = 0;
	return buf_new(NULL, n);
}

/* The record at hand into one buf: body, slack, meta, sidecar. 1; 0: damaged; -errno. */
static int read_record(struct cursor *c, struct pool *pool, struct store_record *r, struct buf **out)
{
	const struct record_header *h = &c->peek;
	uint32_t sidecar = c->peek_sidecar;
	size_t n = (size_t)body_len(h, sidecar), padded = (size_t)store_pad8(sidecar);
	uint64_t rest = c->walk.at.offset + RECORD_HEADER + h->meta_len;
	slice meta;
	struct buf *b = memory_for(c, pool, n + BUF_SLACK + h->meta_len + padded);
	if (!b)
		return -ENOMEM;
	char *behind = b->data + n + BUF_SLACK;
	int rc = walk_meta(c->s, &c->walk, h, &meta);
	if (rc == 0) {
		memcpy(behind, meta.p, meta.len);
		memset(b->data + n, 0, BUF_SLACK);
		rc = walk_read(c->s, &c->walk, rest, behind + h->meta_len, padded);
	}
	if (rc == 0)
		rc = walk_read(c->s, &c->walk, rest + padded, b->data, n);
	b->len = n;
	if (rc == 0 && store_meta_read(h, (slice){ behind, h->meta_len }, r, &sidecar) == 0 &&
	        store_pad8(sidecar) == padded) {
		r->sidecar = (slice){ behind + h->meta_len, sidecar };
		r->body = buf_slice(b);
		if (record_rest_is_sound(h, (slice){ r->sidecar.p, padded }, r->body)) {
			*out = b;
			return 1;
		}
	}
	buf_unref(b);
	return rc < 0 ? rc : 0;
}

static int give(struct cursor *c, const struct store_record *r)
{
	const struct record_header *h = &c->peek;
	unsigned k = signal_index(h->signal);
	struct given g = {
		.place = c->walk.at,
		.seq = h->seq,
		.n_bytes = r->body.len,
		.wall_ns = r->arrival_wall_ns,
		.n_items = h->n_items,
		.signal = (uint8_t)k,
	};
	pthread_mutex_lock(&c->s->lock);
	int rc = push_given(c, &g);
	if (rc == 0) {
		claim(c, h, g.n_bytes);
		c->out_items[k] += g.n_items;
		c->out_records++;
		c->out_bytes += g.n_bytes;
		walk_pass(&c->walk, h);
		follow_walk(c);
		c->peeked = false;
	}
	pthread_mutex_unlock(&c->s->lock);
	return rc;
}

int cursor_next(struct cursor *c, struct pool *pool, struct store_record *r, struct buf **body)
{
	for (;;) {
		if (c->n_given >= CURSOR_WINDOW)
			return 0;
		int rc = seek(c);
		if (rc <= 0)
			return rc;
		rc = read_record(c, pool, r, body);
		if (rc < 0)
			return rc;
		if (rc == 0) {
			struct store_damage d = { .n_records = 1, .n_items = c->peek.n_items };
			damage_note(c->s, &c->walk, c->walk.at, d, record_size(c->peek.payload_len));
			lose_peeked(c);
			continue;
		}
		rc = give(c, r);
		if (rc == 0)
			return 1;
		buf_unref(*body);
		return rc;
	}
}

int64_t cursor_oldest_wall_ns(struct cursor *c)
{
	if (c->n_given)
		return cursor_given(c, 0)->wall_ns;
	return seek(c) == 1 ? c->peek_wall_ns : 0;
}

/* The ith of the ring that has this seq, or NULL. */
static struct given *find_given(struct cursor *c, uint64_t seq)
{
	size_t low = 0, high = c->n_given;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (cursor_given(c, mid)->seq < seq)
			low = mid + 1;
		else
			high = mid;
	}
	struct given *g = low < c->n_given ? cursor_given(c, low) : NULL;
	return g && g->seq == seq && !g->resolved ? g : NULL;
}

static bool is_lost(const struct cursor *c, uint64_t seq)
{
	size_t n = c->n_lost < MAX_LOST ? c->n_lost : MAX_LOST;
	for (size_t i = 0; i < n; i++)
		if (seq >= c->lost[i].from && seq < c->lost[i].to)
			return true;
	return seq < c->lost_before;
}

enum cursor_fate cursor_fate(struct cursor *c, uint64_t seq)
{
	pthread_mutex_lock(&c->s->lock);
	bool open = seq >= c->at_seq || find_given(c, seq);
	enum cursor_fate fate = open ? FATE_OPEN : is_lost(c, seq) ? FATE_LOST : FATE_DONE;
	pthread_mutex_unlock(&c->s->lock);
	return fate;
}

static bool was_dropped(const struct outcome *o)
{
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		if (o->dropped[i])
			return true;
	return false;
}

void cursor_resolve(struct cursor *c, uint64_t seq, const struct outcome *o)
{
	pthread_mutex_lock(&c->s->lock);
	struct given *g = find_given(c, seq);
	if (g) {
		struct store_counts *n = &c->counts.by_signal[g->signal];
		n->delivered += o->delivered;
		n->rejected += o->rejected;
		n->dead_lettered += o->dead_lettered;
		for (unsigned i = 0; i < N_DROP_REASONS; i++)
			n->dropped[i] += o->dropped[i];
		n->queued -= g->n_items;
		c->counts.queued_records--;
		c->counts.queued_bytes -= g->n_bytes;
		c->out_items[g->signal] -= g->n_items;
		c->out_records--;
		c->out_bytes -= g->n_bytes;
		g->resolved = g->counted = true;
		if (was_dropped(o))
			cursor_lose(c, seq, seq + 1);
		g->outcome = *o;
		while (c->n_given && cursor_given(c, 0)->resolved) {
			c->head = (c->head + 1) & (c->cap - 1);
			c->n_given--;
		}
		cursor_settle(c);
		c->s->dirty = true;
	}
	pthread_mutex_unlock(&c->s->lock);
}
