/* exporter_batches.c - entries of an exporter's queue into deliveries: taking, batching, resolving (see exporter_internal.h).
 *
 * Entries come and go here only: entry_take is the one way out of the queue, entry_resolve the one place where an entry ends, with the
 * fates of its items tallied in entry->outcome. In between each of its pieces is in exactly one batcher or delivery. */
#include "lib/pipe/exporter_internal.h"
#include "lib/pipe/exporter_stored.h"

enum { MAX_BATCHERS = 1000 }; /* keys in use at once (the Collector's metadata_cardinality_limit) */

struct queue_entry *entry_take(struct exporter *e)
{
	struct queue_entry *entry = queue_take(&e->queue);
	return entry ? entry : stored_take(e);
}

void entry_resolve(struct exporter *e, struct queue_entry *entry)
{
	stored_resolve(e, entry);
	queue_release(&e->queue, entry->units, entry->record->body->len);
	queue_entry_free(entry);
}

void entry_drop(struct exporter *e, struct queue_entry *entry, enum drop_reason reason)
{
	uint32_t n = entry->record->n_items;
	struct exporter_counts *c = &e->stats->by_signal[signal_index(entry->record->signal)];
	count_add(&c->dropped[reason], n);
	if (reason == DROP_OVERFLOW) /* the Collector's alert on a full queue sees it, whichever data went */
		count_add(&c->enqueue_failed, n);
	count_sub(&c->queued, n);
	entry->outcome.dropped[reason] += n;
	entry_resolve(e, entry);
}

struct pending *pending_new(struct exporter *e, struct piece *v, size_t n)
{
	struct pending *p = calloc(1, sizeof *p);
	struct buf **bodies = calloc(n, sizeof *bodies);
	if (!p || !bodies)
		abort();
	const struct record *r = v[0].entry->record;
	p->pieces = v;
	p->n_pieces = n;
	p->d.signal = r->signal;
	p->d.pipeline = r->pipeline;
	p->d.exporter = e;
	p->d.bodies = bodies;
	p->d.n_bodies = n;
	for (size_t i = 0; i < n; i++) {
		bodies[i] = v[i].body;
		p->d.n_items += v[i].n_items;
		if (p->d.hops < v[i].entry->record->hops)
			p->d.hops = v[i].entry->record->hops;
	}
	return p;
}

static void flush_one(struct exporter *e, const struct piece *piece)
{
	struct piece *v = malloc(sizeof(*v));
	if (!v)
		abort();
	*v = *piece;
	pending_push(&e->ready, pending_new(e, v, 1));
}

static void flush_batcher(struct exporter *e, struct batcher *b)
{
	pending_push(&e->ready, pending_new(e, b->pieces.v, b->pieces.n));
	b->pieces.v = NULL;
	b->pieces.n = b->pieces.cap = 0;
	b->n_items = b->n_bytes = 0;
}

static struct batch_settings settings_for(struct exporter *e, const char *pipeline)
{
	struct batch_settings s = { .enabled = false };
	for (size_t i = 0; i < e->settings.n_batches; i++)
		if (e->settings.batches[i].pipeline == pipeline)
			s = e->settings.batches[i].batch;
	s.max_bytes = size_now(&e->size, loop_now(&e->loop));
	return s;
}

/* NULL when clients chose so many keys that another one is not worth a batcher. */
static struct batcher *batcher_for(struct exporter *e, struct record *r)
{
	unsigned n = 0;
	for (struct batcher *b = e->batchers; b; b = b->next, n++)
		if (record_joinable(b->key, r))
			return b;
	if (n >= MAX_BATCHERS)
		return NULL;
	struct batcher *b = batcher_new(r);
	b->next = e->batchers;
	e->batchers = b;
	return b;
}

void exporter_feed(struct exporter *e, struct queue_entry *entry)
{
	struct batch_settings s = settings_for(e, entry->record->pipeline);
	struct pieces pieces = { 0 };
	pieces_of(entry, &s, &pieces);
	struct batcher *b = s.enabled ? batcher_for(e, entry->record) : NULL;
	if (!b && pieces.n == 1) {
		pending_push(&e->ready, pending_new(e, pieces.v, 1));
		return;
	}
	for (size_t i = 0; i < pieces.n; i++) {
		if (!b) {
			flush_one(e, &pieces.v[i]);
			continue;
		}
		if (!batcher_fits(b, &s, &pieces.v[i]))
			flush_batcher(e, b);
		if (batcher_add(b, &s, &pieces.v[i], loop_now(&e->loop)))
			flush_batcher(e, b);
	}
	free(pieces.v);
}

void exporter_flush_due(struct exporter *e, int64_t now)
{
	for (struct batcher **at = &e->batchers; *at;) {
		struct batcher *b = *at;
		if (b->pieces.n && (e->mode != MODE_RUN || b->deadline_ns <= now))
			flush_batcher(e, b);
		if (!b->pieces.n && b->deadline_ns + 10 * NS_PER_S < now) {
			*at = b->next;
			batcher_free(b);
		} else {
			at = &b->next;
		}
	}
}
