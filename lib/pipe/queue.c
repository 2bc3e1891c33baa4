/* queue.c - atomic reservation and a lock-free way in (see queue.h).
 *
 * `incoming` is a stack that workers push to and the exporter's thread empties at once and reverses: no entry is ever
 * popped alone, so there is no ABA. */
#include "lib/pipe/queue.h"

void queue_init(struct queue *q, uint64_t capacity, enum sizer sizer, uint64_t quota)
{
	*q = (struct queue){ .capacity = capacity, .quota = quota, .sizer = (int)sizer };
}

uint64_t queue_units(const struct queue *q, uint64_t n_requests, uint64_t n_items, uint64_t n_bytes)
{
	int sizer = atomic_load_explicit(&q->sizer, memory_order_relaxed);
	return sizer == SIZER_REQUESTS ? n_requests : sizer == SIZER_ITEMS ? n_items : n_bytes;
}

static bool take(_Atomic uint64_t *used, uint64_t n, uint64_t limit, bool force)
{
	uint64_t old = atomic_fetch_add_explicit(used, n, memory_order_relaxed);
	if (force || (n <= limit && old <= limit - n))
		return true;
	atomic_fetch_sub_explicit(used, n, memory_order_relaxed);
	return false;
}

bool queue_reserve(struct queue *q, uint64_t n_items, uint64_t n_bytes, bool force, uint64_t *units)
{
	uint64_t n = *units = queue_units(q, 1, n_items, n_bytes);
	if (!take(&q->used, n, atomic_load_explicit(&q->capacity, memory_order_relaxed), force))
		return false;
	if (take(&q->bytes, n_bytes, atomic_load_explicit(&q->quota, memory_order_relaxed), force))
		return true;
	atomic_fetch_sub_explicit(&q->used, n, memory_order_relaxed);
	return false;
}

void queue_restore(struct queue *q, const struct cursor_counts *c)
{
	uint64_t items = 0;
	for (unsigned k = 0; k < N_SIGNALS; k++)
		items += c->by_signal[k].queued;
	count_add(&q->used, queue_units(q, c->queued_records, items, c->queued_bytes));
	count_add(&q->bytes, c->queued_bytes);
}

void queue_release(struct queue *q, uint64_t units, uint64_t n_bytes)
{
	atomic_fetch_sub_explicit(&q->used, units, memory_order_relaxed);
	atomic_fetch_sub_explicit(&q->bytes, n_bytes, memory_order_relaxed);
}

bool queue_commit(struct queue *q, struct queue_entry *e)
{
	struct queue_entry *head = atomic_load_explicit(&q->incoming, memory_order_relaxed);
	do {
		e->next = head;
	} while (!atomic_compare_exchange_weak_explicit(
	        &q->incoming, &head, e, memory_order_release, memory_order_relaxed));
	return head == NULL;
}

void queue_collect(struct queue *q)
{
	struct queue_entry *newest = atomic_exchange_explicit(&q->incoming, NULL, memory_order_acquire);
	struct queue_entry *oldest = NULL, *last = newest;
	while (newest) {
		struct queue_entry *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	if (!oldest)
		return;
	if (q->last)
		q->last->next = oldest;
	else
		q->first = oldest;
	q->last = last;
}

struct queue_entry *queue_take(struct queue *q)
{
	struct queue_entry *e = q->first;
	if (!e)
		return NULL;
	q->first = e->next;
	if (!q->first)
		q->last = NULL;
	e->next = NULL;
	return e;
}

bool queue_overfull(const struct queue *q)
{
	return atomic_load_explicit(&q->used, memory_order_relaxed) >
	        atomic_load_explicit(&q->capacity, memory_order_relaxed) ||
	        atomic_load_explicit(&q->bytes, memory_order_relaxed) >
	        atomic_load_explicit(&q->quota, memory_order_relaxed);
}

struct queue_entry *queue_entry_new(struct record *r, uint64_t units)
{
	struct queue_entry *e = malloc(sizeof *e);
	if (!e)
		abort();
	*e = (struct queue_entry){ .record = r, .units = units };
	return e;
}

void queue_entry_free(struct queue_entry *e)
{
	record_unref(e->record);
	free(e);
}
