/* queue.h - the memory queue in front of one exporter: reserve by any worker, commit, taken by one thread.
 *
 * Reserve counts against the capacity (in the sizer's unit) and against the byte quota before anything is
 * stored, so a refusal leaves no trace and a commit cannot fail. Room is given back when a record is finished, not
 * when it is taken: records in flight and in retry still count (as in the Collector).
 * Order is first in, first out per worker. Eviction (overflow: drop_oldest) is the exporter's thread's: queue_overfull, queue_take.
 */
#pragma once
#include <stdatomic.h>

#include "lib/pipe/groups.h"
#include "lib/pipe/record.h"
#include "lib/pipe/store.h"

struct queue_entry {
	struct queue_entry *next;
	struct record *record; /* one reference */
	uint64_t units; /* what queue_reserve took, in the sizer's unit of that moment */
	uint64_t seq; /* in the storage; 0: in memory only */
	struct ack *ack; /* of a request that waits for this; NULL: none does */
	uint32_t n_open; /* pieces of it in deliveries that have not ended; exporter's thread only */
	bool kept; /* one of them stays in the log: then all of it does, whatever the others come to; exporter's thread only */
	struct outcome outcome; /* of the pieces that have; exporter's thread only */
};

struct queue {
	_Atomic uint64_t used, bytes; /* reserved: in the sizer's unit; in bytes */
	_Atomic uint64_t capacity, quota; /* may change on reload */
	_Atomic int sizer;
	_Atomic(struct queue_entry *) incoming; /* newest first */
	struct queue_entry *first, *last; /* exporter's thread only */
};

void queue_init(struct queue *q, uint64_t capacity, enum sizer sizer, uint64_t quota);
/* So much in the unit that the queue counts in at the moment. Any thread. */
uint64_t queue_units(const struct queue *q, uint64_t n_requests, uint64_t n_items, uint64_t n_bytes);
/* What a cursor has still to deliver counts as reserved, in the sizer's unit of now. Before the queue is used. */
void queue_restore(struct queue *q, const struct cursor_counts *c);
/* Room for this record? Takes it, sets *units and returns true. `force` takes it in any case (drop_oldest: the exporter's
 * thread evicts afterwards). Any thread. */
bool queue_reserve(struct queue *q, uint64_t n_items, uint64_t n_bytes, bool force, uint64_t *units) MUST_USE;
/* Gives the room back (a reservation not used, or a record finished). Any thread. */
void queue_release(struct queue *q, uint64_t units, uint64_t n_bytes);
/* Stores a record whose room is reserved; takes the entry. True when the exporter's thread must be woken. */
bool queue_commit(struct queue *q, struct queue_entry *e) MUST_USE;
/* Moves what came in to the list. Exporter's thread. */
void queue_collect(struct queue *q);
/* Takes the oldest entry, or NULL. Exporter's thread, after queue_collect. */
struct queue_entry *queue_take(struct queue *q);
/* More reserved than there is room for? */
bool queue_overfull(const struct queue *q);

struct queue_entry *queue_entry_new(struct record *r, uint64_t units) MUST_USE; /* takes the reference */
void queue_entry_free(struct queue_entry *e);
