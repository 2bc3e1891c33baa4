/* store.h - the segment log of one storage directory: one copy of each record, a cursor per exporter.
 *
 *	LOCK  cursor  seg-0000000000000001.log ..  dlq/  quarantine/
 *
 * An appended record is synced before store_append returns; readers see nothing that is not. A segment goes when every cursor is past it
 * and a synced cursor file says so. Opening after a crash reads the cursor file and scans the newest segment only; nothing found there
 * can keep it from starting but a lock, a newer version, or a directory that cannot be used.
 *
 * Threads: store_reserve, store_release and the getters from any thread; store_append, store_checkpoint from one (the writer); a cursor's
 * functions from its exporter's thread. Everything else from the main thread while none of these run.
 */
#pragma once
#include "lib/base/clock.h"
#include "lib/base/disk.h"
#include "lib/base/log.h"
#include "lib/base/pool.h"
#include "lib/pipe/stats.h"
#include "lib/pipe/store_format.h"

struct store;
struct cursor;

struct store_options {
	struct disk *disk;
	struct clock *clock;
	struct log *log;
	const char *directory;
	bool create; /* the directory, 0700 */
	bool sync; /* false: appends are not fdatasynced (file_storage.fsync) */
	uint64_t max_size; /* of all files together */
	uint64_t segment_size;
};

enum store_open_result { STORE_OPENED, STORE_LOCKED = -1, STORE_NEWER = -2, STORE_UNUSABLE = -3 };
/* *out, or the reason and a text that names directory and remedy. */
enum store_open_result store_open(const struct store_options *o, struct store **out, struct err *e) MUST_USE;
/* Writes a last checkpoint; readers must be gone. */
void store_close(struct store *s);

/* Room for `bytes` of payload (body and meta together). False: full (max_size), or the disk is refused at the moment. */
bool store_reserve(struct store *s, uint64_t bytes) MUST_USE;
void store_release(struct store *s, uint64_t bytes);

/* Appends all and syncs once; sets each seq. 0, or -errno and none of them counts as stored: what may have reached the disk is behind the
 * sealed end of its segment. A failed write or sync is tried once more in a new segment, never again on the same file
 * (an fdatasync after a failed one says nothing). Routed cursors count the records as accepted and queued before it returns. */
int store_append(struct store *s, struct store_record *v, size_t n) MUST_USE;
/* Writes the cursor file when something moved, and unlinks segments that all are past. 0 or -errno (it is tried again at the next). */
int store_checkpoint(struct store *s);
/* Refused by the disk: 503 until an append works again. */
bool store_failed(const struct store *s);
uint64_t store_bytes(const struct store *s); /* of all files */

struct store_damage {
	uint64_t n_records, n_items,
	        n_bytes; /* skipped: known items of records with a sound header; bytes of the rest */
};
struct store_damage store_damage(const struct store *s);

/* What a cursor knows of an exporter, in items by signal; kept in the cursor file. queued is what it still has to read or resolve. */
struct store_counts {
	uint64_t accepted, delivered, rejected, dead_lettered, queued, dropped[N_DROP_REASONS];
};
struct cursor_counts {
	struct store_counts by_signal[N_SIGNALS];
	uint64_t queued_records, queued_bytes; /* bytes of bodies */
};
/* How the items of one record ended; the sum is its n_items. */
struct outcome {
	uint32_t delivered, rejected, dead_lettered, dropped[N_DROP_REASONS];
};

/* The cursor of this name: found in the cursor file, or new at the log's end. Main thread; one per name at a time. `on_more` is called
 * on the writer's thread after an append that concerns it. */
struct cursor *cursor_open(struct store *s, const char *name, void (*on_more)(void *ctx), void *ctx) MUST_USE;
/* It stays in the cursor file with its place, and holds its segments. */
void cursor_close(struct cursor *c);
/* Names in the cursor file that nobody has open, with the wall time since when. */
void store_orphans(struct store *s, void (*each)(void *ctx, const char *name, int64_t since_wall_ns), void *ctx);
/* Drops what such a cursor has still to read: counted as `reason`. */
void store_forget(struct store *s, const char *name, enum drop_reason reason);
struct cursor_counts cursor_counts(struct cursor *c);
/* The next record for this exporter: 1 and *r with *body (a buf that holds what r points into; the caller owns it), 0 at the end, -errno
 * when memory or the disk says no (try later). Damaged records are skipped, counted and dropped{corrupt}. */
int cursor_next(struct cursor *c, struct pool *pool, struct store_record *r, struct buf **body) MUST_USE;
/* The record that cursor_next gave is done: `seq` in any order, once each. */
void cursor_resolve(struct cursor *c, uint64_t seq, const struct outcome *o);
/* Passes the oldest record that was not yet given out without reading its body; dropped{overflow}. False at the end. */
bool cursor_skip(struct cursor *c, uint64_t *n_items, uint64_t *n_bytes);
/* Wall time of the oldest record that is not resolved; 0: none. */
int64_t cursor_oldest_wall_ns(struct cursor *c);
