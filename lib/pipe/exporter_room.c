/* exporter_room.c - the workers' side of an exporter: reserve, then commit or release (see exporter.h).
 *
 * A record whose exporter has a storage waits there and not in memory: it counts against the queue's capacity all the same, until it is
 * resolved. What is dropped by an exporter's own rule counts as accepted by it, and as dropped.
 */
#include "lib/pipe/ack.h"
#include "lib/pipe/exporter_internal.h"
#include "lib/pipe/exporter_stored.h"
#include "lib/pipe/storage.h"

static struct exporter_counts *counts_of(struct exporter *e, const struct record *r)
{
	return &e->stats->by_signal[signal_index(r->signal)];
}

struct storage *exporter_storage(const struct exporter *e)
{
	return atomic_load_explicit(&e->storage, memory_order_acquire);
}

/* Is the record more than an empty queue holds? Making room for it would drop all the others for nothing. While a reload changes the limits
 * one by one nothing is: two of them may not belong together, and "never" cannot be taken back. */
static bool is_beyond(struct exporter *e, const struct record *r)
{
	const struct queue *q = &e->queue;
	unsigned before = atomic_load(&e->changes);
	bool beyond = queue_units(q, 1, r->n_items, r->body->len) > count_get(&q->capacity) ||
	        r->body->len > count_get(&q->quota);
	/* adding nothing is a load that the others cannot be moved behind */
	return beyond && before % 2 == 0 && atomic_fetch_add(&e->changes, 0) == before;
}

bool room_reserve(struct exporter *e, struct record *r, struct room *out)
{
	bool required = atomic_load_explicit(&e->required, memory_order_relaxed) &&
	        !atomic_load_explicit(&e->drop_newest, memory_order_relaxed);
	bool force = atomic_load_explicit(&e->drop_oldest, memory_order_relaxed);
	*out = (struct room){ .exporter = e, .record = r, .required = required };
	atomic_fetch_add(&e->n_rooms, 1);
	if (is_beyond(e, r))
		out->limit = ROOM_BEYOND_QUEUE;
	if (out->limit || !queue_reserve(&e->queue, r->n_items, r->body->len, force, &out->units)) {
		if (!required)
			return true;
		count_add(&counts_of(e, r)->enqueue_failed, r->n_items);
		atomic_fetch_sub(&e->n_rooms, 1);
		return false;
	}
	out->stored = exporter_storage(e) != NULL;
	if (!out->stored)
		out->entry = queue_entry_new(record_ref(r), out->units);
	return true;
}

void exporter_wake(struct exporter *e)
{
	if (!atomic_exchange(&e->wake_posted, true))
		loop_post(&e->loop, &e->wake);
}

void exporter_relieve(struct exporter *e)
{
	if (atomic_load_explicit(&e->drop_oldest, memory_order_relaxed) && !atomic_exchange(&e->relieve, true))
		exporter_wake(e);
}

/* A reader may have resolved the record before its ack came into the book. */
static void note(struct exporter *e, uint64_t seq, struct ack *ack)
{
	ack_book_add(e->acks, seq, ack);
	enum cursor_fate fate = cursor_fate(e->cursor, seq);
	if (fate != FATE_OPEN && (ack = ack_book_take(e->acks, seq)))
		ack_resolved(ack, fate == FATE_LOST ? "lost before it was delivered" : NULL);
}

static void count_dropped(struct exporter *e, const struct record *r, enum drop_reason why)
{
	struct exporter_counts *c = counts_of(e, r);
	count_add(&c->accepted, r->n_items);
	count_add(&c->dropped[why], r->n_items);
	count_add(&c->at_door[why], r->n_items);
}

/* The last thing a room does with its exporter, which may be freed after it. */
static void leave(struct exporter *e)
{
	atomic_fetch_sub(&e->n_rooms, 1);
}

static void commit_queued(struct room *room, uint64_t seq, struct ack *ack)
{
	struct exporter *e = room->exporter;
	struct exporter_counts *c = counts_of(e, room->record);
	bool asleep = true;
	if (room->stored) {
		stored_follow(e); /* the exporter's thread may have counted it already */
		if (ack)
			note(e, seq, ack);
	} else {
		count_add(&c->accepted, room->record->n_items);
		count_add(&c->queued, room->record->n_items);
		room->entry->ack = ack;
		asleep = queue_commit(&e->queue, room->entry);
	}
	if (asleep)
		exporter_wake(e);
}

static void drop_at_door(const struct room *room)
{
	struct exporter *e = room->exporter;
	uint64_t n = room->record->n_items;
	count_dropped(e, room->record, DROP_OVERFLOW);
	count_add(&counts_of(e, room->record)->enqueue_failed, n);
	if (room->limit == ROOM_BEYOND_QUEUE)
		log_warn(e->log, "Data is larger than the sending queue ever has room for. Dropping it.",
		        "dropped_items", LOG_U(n), NULL);
	if (room->limit == ROOM_BEYOND_STORAGE)
		log_warn(e->log, "Data is larger than the storage ever has room for. Dropping it.", "storage",
		        exporter_storage(e)->directory, "dropped_items", LOG_U(n), NULL);
}

void room_commit(struct room *room, uint64_t seq, struct ack *ack)
{
	if (room->entry || room->stored) {
		commit_queued(room, seq, ack);
	} else {
		drop_at_door(room);
		if (ack)
			ack_resolved(ack, NULL);
	}
	leave(room->exporter);
}

static void give_back(struct room *room)
{
	if (room->entry || room->stored)
		queue_release(&room->exporter->queue, room->units, room->record->body->len);
	if (room->entry)
		queue_entry_free(room->entry);
}

void room_forgo(struct room *room)
{
	give_back(room);
	room->stored = false;
	room->limit = ROOM_BEYOND_STORAGE;
}

void room_release(struct room *room)
{
	give_back(room);
	leave(room->exporter);
}

void room_lose(struct room *room, enum drop_reason why)
{
	give_back(room);
	count_dropped(room->exporter, room->record, why);
	leave(room->exporter);
}
