/* store_cursor.c - cursors by name: where each exporter is in the log, and what became of its items.
 *
 * Invariant, per cursor and signal, under the lock and so in every cursor file: accepted = delivered + rejected + dead_lettered +
 * sum(dropped) + queued. Whatever damage does to the log, a cursor that has read and resolved everything has nothing queued: what never
 * turned up is dropped{corrupt}. And what is given out is counted: an item that no count knew of is accepted when it is found.
 */
#include <errno.h>

#include "lib/pipe/store_internal.h"

enum { FILE_HEAD = 256 + MAX_MARKS * 16, ROOM_FOR_RANGES = 16 << 10 };

struct cursor *cursor_find(struct store *s, slice name)
{
	for (size_t i = 0; i < s->cursors.n; i++)
		if (slice_eq(s->cursors.v[i]->id, name))
			return s->cursors.v[i];
	return NULL;
}

size_t cursor_entry_size(size_t name_len)
{
	return 8 + store_pad8(name_len) + 8 * 6 + 8 + (size_t)N_SIGNALS * (4 + N_DROP_REASONS) * 8;
}

static bool is_idle(const struct cursor *c)
{
	return !c->walking && !c->n_given && !c->counts.queued_records;
}

/* Room for one more name: those that nobody has open and that have nothing to read go first. */
static bool make_room(struct store *s, size_t name_len)
{
	size_t need = FILE_HEAD + ROOM_FOR_RANGES + cursor_entry_size(name_len);
	for (size_t i = 0; i < s->cursors.n; i++)
		need += cursor_entry_size(s->cursors.v[i]->id.len);
	for (size_t i = s->cursors.n; i-- > 0 && need > CURSOR_SLOT;) {
		struct cursor *c = s->cursors.v[i];
		if (c->open || !is_idle(c))
			continue;
		need -= cursor_entry_size(c->id.len);
		cursor_free(c);
		memmove(&s->cursors.v[i], &s->cursors.v[i + 1], (--s->cursors.n - i) * sizeof(*s->cursors.v));
	}
	return need <= CURSOR_SLOT;
}

struct cursor *cursor_add(struct store *s, slice name, struct place at, uint64_t at_seq)
{
	if (name.len > CURSOR_SLOT || !make_room(s, name.len))
		return NULL;
	struct cursor *c = calloc(1, sizeof(*c));
	if (!c || !(c->name = calloc(1, name.len + 1)))
		abort();
	memcpy(c->name, name.p, name.len);
	c->s = s;
	c->id = (slice){ c->name, name.len };
	c->at = at;
	c->at_seq = at_seq;
	c->orphan_since = clock_wall(s->clock);
	walk_init(&c->walk, at, at_seq);
	*VEC_ADD(&s->cursors) = c;
	s->dirty = true;
	return c;
}

void cursor_free(struct cursor *c)
{
	walk_release(c->s, &c->walk);
	VEC_RELEASE(&c->done);
	free(c->given);
	free(c->name);
	free(c);
}

void cursors_count_in(struct store *s, const struct store_record *r, struct place at, uint64_t n_bytes)
{
	slice routes = r->routes, name;
	while (routes_next(&routes, &name)) {
		struct cursor *c = cursor_find(s, name);
		if (!c)
			c = cursor_add(s, name, at, r->seq);
		if (!c)
			continue;
		if (is_idle(c)) {
			c->at = at;
			c->at_seq = r->seq;
		}
		struct store_counts *n = &c->counts.by_signal[signal_index(r->signal)];
		n->accepted += r->n_items;
		n->queued += r->n_items;
		c->news.accepted[signal_index(r->signal)] += r->n_items;
		c->has_news = true;
		c->counts.queued_records++;
		c->counts.queued_bytes += n_bytes;
		c->more = true;
	}
}

void cursor_settle(struct cursor *c)
{
	struct store *s = c->s;
	if (is_idle(c) && place_before(c->at, s->end)) {
		c->at = s->end;
		c->at_seq = s->end_seq + 1;
		c->done.n = c->done_head = 0;
		s->dirty = true;
	}
	if (c->walking || place_before(c->at, s->end))
		return;
	for (unsigned i = 0; i < N_SIGNALS; i++) {
		struct store_counts *n = &c->counts.by_signal[i];
		uint64_t lost = n->queued - c->out_items[i];
		s->dirty = s->dirty || lost;
		n->dropped[DROP_CORRUPT] += lost;
		n->queued -= lost;
		c->news.corrupt[i] += lost;
		c->news.lost_items += lost;
		c->has_news = c->has_news || lost;
	}
	c->news.lost_records += c->counts.queued_records - c->out_records;
	c->news.lost_bytes += c->counts.queued_bytes - c->out_bytes;
	c->has_news = c->has_news || c->counts.queued_records > c->out_records || c->counts.queued_bytes > c->out_bytes;
	c->counts.queued_records = c->out_records;
	c->counts.queued_bytes = c->out_bytes;
}

void cursor_lose(struct cursor *c, uint64_t from, uint64_t to)
{
	struct range *last = c->n_lost ? &c->lost[(c->n_lost - 1) % MAX_LOST] : NULL;
	if (last && last->to == from) {
		last->to = to;
		return;
	}
	struct range *r = &c->lost[c->n_lost % MAX_LOST];
	if (c->n_lost >= MAX_LOST && r->to > c->lost_before)
		c->lost_before = r->to;
	*r = (struct range){ from, to };
	c->n_lost++;
}

void cursor_news(struct cursor *c, void (*apply)(void *ctx, const struct cursor_news *n), void *ctx)
{
	pthread_mutex_lock(&c->s->lock);
	if (c->has_news) {
		apply(ctx, &c->news);
		c->news = (struct cursor_news){ 0 };
		c->has_news = false;
	}
	pthread_mutex_unlock(&c->s->lock);
}

struct place cursor_low(const struct cursor *c, uint64_t *seq)
{
	*seq = c->n_given ? cursor_given(c, 0)->seq : c->at_seq;
	return c->n_given ? cursor_given(c, 0)->place : c->at;
}

/* The counts as if this record had not been resolved. */
static void take_back(struct cursor_counts *n, const struct given *g)
{
	struct store_counts *k = &n->by_signal[g->signal];
	if (!g->counted)
		return;
	k->delivered -= g->outcome.delivered;
	k->rejected -= g->outcome.rejected;
	k->dead_lettered -= g->outcome.dead_lettered;
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		k->dropped[i] -= g->outcome.dropped[i];
	k->queued += g->n_items;
	n->queued_records++;
	n->queued_bytes += g->n_bytes;
}

size_t cursor_ranges(const struct cursor *c, struct range *out, size_t max, struct cursor_counts *counts)
{
	size_t n = 0;
	bool in_run = false;
	*counts = c->counts;
	for (size_t i = 0; i < c->n_given; i++) {
		const struct given *g = cursor_given(c, i);
		if (!g->resolved) {
			in_run = false;
			continue;
		}
		if (!in_run && n == max) {
			take_back(counts, g);
			continue;
		}
		if (!in_run)
			out[n++].from = g->seq;
		in_run = true;
		out[n - 1].to = i + 1 < c->n_given ? cursor_given(c, i + 1)->seq : c->at_seq;
	}
	for (size_t i = c->done_head; i < c->done.n; i++) {
		struct range r = c->done.v[i];
		r.from = r.from < c->at_seq ? c->at_seq : r.from;
		if (in_run && n && out[n - 1].to == r.from)
			out[n - 1].to = r.to;
		else if (n < max)
			out[n++] = r;
		in_run = false;
	}
	return n;
}

struct cursor *cursor_open(struct store *s, const char *name, void (*on_more)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&s->lock);
	struct cursor *c = cursor_find(s, slice_of(name));
	if (!c)
		c = cursor_add(s, slice_of(name), s->end, s->end_seq + 1);
	if (c) {
		c->open = true;
		c->on_more = on_more;
		c->ctx = ctx;
		c->orphan_since = 0;
		c->news = (struct cursor_news){ 0 };
		c->has_news = false;
		s->dirty = true;
	}
	pthread_mutex_unlock(&s->lock);
	return c;
}

/* What was resolved out of order becomes ranges, and reading begins at the low-water mark again. */
static void rewind_cursor(struct cursor *c)
{
	struct cursor_counts same;
	size_t max = c->n_given / 2 + 1 + c->done.n - c->done_head;
	struct range *v = calloc(max, sizeof(*v));
	if (!v)
		abort();
	size_t n = cursor_ranges(c, v, max, &same);
	c->at = cursor_low(c, &c->at_seq);
	free(c->done.v);
	c->done.v = v;
	c->done.n = n;
	c->done.cap = max;
	c->done_head = 0;
	free(c->given);
	c->given = NULL;
	c->head = c->n_given = c->cap = 0;
	memset(c->out_items, 0, sizeof(c->out_items));
	c->out_records = c->out_bytes = 0;
}

void cursor_close(struct cursor *c)
{
	struct store *s = c->s;
	walk_release(s, &c->walk);
	c->peeked = false;
	pthread_mutex_lock(&s->lock);
	rewind_cursor(c);
	c->open = false;
	c->on_more = NULL;
	c->orphan_since = clock_wall(s->clock);
	s->dirty = true;
	pthread_mutex_unlock(&s->lock);
}

void store_orphans(struct store *s, void (*each)(void *ctx, const char *name, int64_t since_wall_ns), void *ctx)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->cursors.n; i++) {
		const struct cursor *c = s->cursors.v[i];
		if (!c->open && c->counts.queued_records)
			each(ctx, c->name, c->orphan_since);
	}
	pthread_mutex_unlock(&s->lock);
}

void store_forget(struct store *s, const char *name, enum drop_reason reason)
{
	pthread_mutex_lock(&s->lock);
	struct cursor *c = cursor_find(s, slice_of(name));
	if (c && !c->open) {
		for (unsigned i = 0; i < N_SIGNALS; i++) {
			struct store_counts *n = &c->counts.by_signal[i];
			n->dropped[reason] += n->queued;
			n->queued = 0;
		}
		c->counts.queued_records = c->counts.queued_bytes = 0;
		c->at = s->end;
		c->at_seq = s->end_seq + 1;
		c->done.n = c->done_head = 0;
		s->dirty = true;
	}
	pthread_mutex_unlock(&s->lock);
}

struct cursor_counts cursor_counts(struct cursor *c)
{
	pthread_mutex_lock(&c->s->lock);
	struct cursor_counts n = c->counts;
	pthread_mutex_unlock(&c->s->lock);
	return n;
}
