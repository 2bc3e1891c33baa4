/* exporter_stored.c - see exporter_stored.h. On the exporter's thread. */
#include "lib/pipe/exporter_stored.h"

#include "lib/pipe/ack.h"
#include "lib/pipe/core.h"
#include "lib/pipe/storage.h"

enum { AGAIN_MS = 250 };

/* Pipelines are told apart by their pointers. A name that no pipeline of today has is kept with the exporter. */
static const char *pipeline_of(struct exporter *e, slice name)
{
	for (size_t i = 0; i < e->settings.n_batches; i++)
		if (slice_is(name, e->settings.batches[i].pipeline))
			return e->settings.batches[i].pipeline;
	for (size_t i = 0; i < e->old_pipelines.n; i++)
		if (slice_is(name, e->old_pipelines.v[i]))
			return e->old_pipelines.v[i];
	char *copy = strndup(name.len ? name.p : "", name.len);
	if (!copy)
		abort();
	*VEC_ADD(&e->old_pipelines) = copy;
	return copy;
}

static struct queue_entry *entry_of(struct exporter *e, const struct store_record *r, struct buf *body)
{
	struct record *record =
	        record_new(r->signal, pipeline_of(e, r->pipeline), r->partition, loop_now(&e->loop), r->n_items, body);
	record->hops = r->hops;
	struct queue_entry *entry = queue_entry_new(record, queue_units(&e->queue, 1, r->n_items, body->len));
	entry->seq = r->seq;
	return entry;
}

struct news {
	struct exporter *e;
	uint64_t n_corrupt;
	bool fates;
};

/* Counted here as there; the queue's room is what is in the log. Under the store's lock. */
static void apply_news(void *ctx, const struct cursor_news *n)
{
	struct news *news = ctx;
	struct exporter *e = news->e;
	for (unsigned k = 0; k < N_SIGNALS; k++) {
		struct exporter_counts *c = &e->stats->by_signal[k];
		if (n->accepted[k]) {
			count_add(&c->accepted, n->accepted[k]);
			count_add(&c->queued, n->accepted[k]);
		}
		if (n->corrupt[k]) {
			count_add(&c->dropped[DROP_CORRUPT], n->corrupt[k]);
			count_sub(&c->queued, n->corrupt[k]);
		}
		news->n_corrupt += n->corrupt[k];
	}
	news->fates = n->fates;
	if (n->found_records || n->found_items || n->found_bytes) {
		count_add(&e->queue.used, queue_units(&e->queue, n->found_records, n->found_items, n->found_bytes));
		count_add(&e->queue.bytes, n->found_bytes);
	}
	if (n->lost_records || n->lost_items || n->lost_bytes)
		queue_release(&e->queue, queue_units(&e->queue, n->lost_records, n->lost_items, n->lost_bytes),
		        n->lost_bytes);
}

static bool is_lost(void *ctx, uint64_t seq)
{
	struct exporter *e = ctx;
	return cursor_fate(e->cursor, seq) == FATE_LOST;
}

void stored_follow(struct exporter *e)
{
	struct news news = { .e = e };
	struct ack *ack;
	uint64_t from = 0;
	cursor_news(e->cursor, apply_news, &news);
	if (news.n_corrupt)
		log_error(e->log, "Data in the storage is damaged and was skipped", "dropped_items",
		        LOG_U(news.n_corrupt), NULL);
	while (news.fates && (ack = ack_book_take_if(e->acks, &from, is_lost, e)))
		ack_resolved(ack, "damaged in the storage");
}

struct queue_entry *stored_take(struct exporter *e)
{
	struct store_record r;
	struct buf *body;
	int64_t now = loop_now(&e->loop);
	if (!e->cursor || e->mode == MODE_ABANDON || !e->stage || e->stored_again_ns > now)
		return NULL;
	int rc = cursor_next(e->cursor, core_pool(e->stage->stage.core), &r, &body);
	e->stored_again_ns = rc < 0 ? now + AGAIN_MS * NS_PER_MS : 0;
	stored_follow(e);
	return rc > 0 ? entry_of(e, &r, body) : NULL;
}

static bool was_dropped(const struct outcome *o)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		n += o->dropped[i];
	return n > 0;
}

void stored_resolve(struct exporter *e, const struct queue_entry *entry)
{
	struct ack *ack = entry->ack;
	if (entry->seq) {
		cursor_resolve(e->cursor, entry->seq, &entry->outcome);
		store_writer_moved(exporter_storage(e)->writer);
		ack = ack_book_take(e->acks, entry->seq);
	}
	if (ack)
		ack_resolved(ack, was_dropped(&entry->outcome) ? "dropped by an exporter" : NULL);
}

static struct pending *any_pending(struct exporter *e)
{
	struct pending *p = pending_pop(&e->waiting);
	p = p ? p : pending_pop(&e->suspects);
	p = p ? p : pending_pop(&e->parts);
	return p ? p : pending_pop(&e->ready);
}

void stored_relieve(struct exporter *e)
{
	uint64_t most = exporter_storage(e)->max_size / 4, n = 0;
	while (cursor_counts(e->cursor).queued_bytes > most) {
		struct pending *p = any_pending(e);
		struct queue_entry *entry = p ? NULL : entry_take(e);
		if (!p && !entry)
			break;
		n += p ? p->d.n_items : entry->record->n_items;
		if (p)
			exporter_drop(e, p, DROP_OVERFLOW);
		else
			entry_drop(e, entry, DROP_OVERFLOW);
	}
	if (n)
		log_warn(e->log, "Storage is nearly full. Dropping the oldest data.", "dropped_items", LOG_U(n), NULL);
}

bool stored_has_more(const struct exporter *e)
{
	return e->cursor && count_get(&e->queue.used) > 0;
}
