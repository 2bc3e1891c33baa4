/* exporter_stored.h - entries out of a storage instead of the memory queue; lib/pipe only.
 *
 * An exporter with a cursor reads its records from the log, one when it wants one, so that a backlog costs no memory. What it still has
 * when it is abandoned is not dropped: it stays in the log, and the next process, or the same exporter after a reload, goes on with it.
 */
#pragma once
#include "lib/pipe/exporter_internal.h"

/* The next record of the cursor as an entry, or NULL: none, or not now (e->stored_again_ns: when to ask again; 0: when woken). */
struct queue_entry *stored_take(struct exporter *e);
/* Counts what the cursor was given and what it lost: before anything of it is resolved, and before its sender hears of it. Whoever waits
 * for a record that is lost is told so. Any thread. */
void stored_follow(struct exporter *e);
/* The entry's items have ended: tells the cursor and whoever waits for it. Also of memory entries. */
void stored_resolve(struct exporter *e, const struct queue_entry *entry);
/* Does data stay in the log from now on? */
static inline bool stored_keeps(const struct exporter *e)
{
	return e->cursor && e->mode == MODE_ABANDON;
}
/* Drops the oldest data, also what waits for its retry, until no more than a quarter of the storage is held. */
void stored_relieve(struct exporter *e);
/* Is there more than what was taken? Never for a memory queue. */
bool stored_has_more(const struct exporter *e);
