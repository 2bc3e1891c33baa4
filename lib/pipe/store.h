/* store.h - the segment log of one storage directory: one copy of each record, a cursor per exporter.
 *
 *	LOCK  cursor  seg-0000000000000001.log ..  dlq/  quarantine/
 *
 * An appended record is synced before store_append returns; readers see nothing that is not. A segment goes when every cursor is past it
 * and a synced cursor file says so; the newest one is replaced when it is large. Opening after a crash reads the cursor file and scans the newest
 * segment only. Wrong bytes never keep it from starting: they are passed over and counted. A lock, a newer version and a disk that fails do:
 * what cannot be read may be whole, and is not given up for want of a disk. Then nothing was changed.
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
	uint64_t
	        segment_size; /* at most an eighth of max_size is used; an append that is larger gets a segment of its own size */
	uint64_t (*random)(void *ctx); /* salts and the install id; NULL: getrandom(2) */
	void *random_ctx;
};

enum store_open_result { STORE_OPENED, STORE_LOCKED = -1, STORE_NEWER = -2, STORE_UNUSABLE = -3 };
/* *out, or the reason and a text that names directory and remedy. */
enum store_open_result store_open(const struct store_options *o, struct store **out, struct err *e) MUST_USE;
/* Writes a last checkpoint; readers must be gone. */
void store_close(struct store *s);
/* From now on sync, max_size and segment_size of *o, the others stay. Appends that begin later are synced, or are not; what was written
 * without a sync gets one with the next append or checkpoint. A max_size below what is used: full until enough of it is delivered;
 * what was reserved keeps its room. False: they were so already. Any thread. */
bool store_set_options(struct store *s, const struct store_options *o);

/* Room for one record of `bytes` of payload (see record_payload). False: full (max_size), larger than a log takes, or the disk says no
 * at the moment: then one in a second is let through, to find out whether it still does. To release: after the append, or instead. */
bool store_reserve(struct store *s, uint64_t bytes) MUST_USE;
void store_release(struct store *s, uint64_t bytes);
/* False: records of these payloads never have room together, however much is delivered, or one is 0: larger than a log takes. */
bool store_can_hold(const struct store *s, const uint32_t *payloads, size_t n) MUST_USE;
/* Bytes of other files in the directory (dead letters) that count against max_size. False: no room, nothing taken. */
bool store_charge(struct store *s, uint64_t bytes) MUST_USE;
void store_uncharge(struct store *s, uint64_t bytes);

/* Appends all to one segment and syncs once; sets each seq. 0, or -errno and none of them counts as stored: what may have reached the disk
 * is behind the sealed end of its segment. A failed write or sync is tried once more in a new segment, never again on the same file
 * (an fdatasync after a failed one says nothing). Routed cursors count the records as accepted and queued before it returns.
 * -EMSGSIZE: record_payload of one is 0, nothing was tried. While store_failed the disk is asked once a second, else it answers at once. */
int store_append(struct store *s, struct store_record *v, size_t n) MUST_USE;
/* Writes the cursor file when something moved, and unlinks segments that all are past. 0 or -errno (it is tried again at the next). */
int store_checkpoint(struct store *s);
/* Refused by the disk: 503 until an append works again. */
bool store_failed(const struct store *s);
uint64_t store_bytes(const struct store *s); /* of all files */

/* Random, made with the directory: with a seq it names a record in the whole world. */
void store_install_id(const struct store *s, unsigned char out[16]);

/* What was skipped, each place once, however many cursors pass it: records that are known to be gone, items of those whose header was
 * sound, and bytes that belong to no sound record (the cut tail of an append that a crash interrupted included). */
struct store_damage {
	uint64_t n_records, n_items, n_bytes;
};
struct store_damage store_damage(struct store *s);

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
 * on the writer's thread after an append that concerns it. NULL: more names than a cursor file holds (some 400). */
struct cursor *cursor_open(struct store *s, const char *name, void (*on_more)(void *ctx), void *ctx) MUST_USE;
/* It stays in the cursor file with its place, and holds its segments. What it gave out and was not resolved is given out again by the next
 * cursor_open. */
void cursor_close(struct cursor *c);
/* Under the store's lock: `each` must not call the store. Names in the cursor file that nobody has open and that have something queued, with the wall time since when. */
void store_orphans(struct store *s, void (*each)(void *ctx, const char *name, int64_t since_wall_ns), void *ctx);
/* Drops what such a cursor has still to read: counted as `reason`. */
void store_forget(struct store *s, const char *name, enum drop_reason reason);
struct cursor_counts cursor_counts(struct cursor *c);
/* The next record for this exporter: 1 and *r with *body, 0 at the end, -errno when memory or the disk says no (try later; a place that
 * cannot be read three times, a second apart, counts as damaged). *body is r->body alone, the caller owns it; the other slices of *r point
 * behind its end and live as long as it does. Damaged records are skipped, counted and dropped{corrupt}.
 * 0, too, while CURSOR_WINDOW records are given out and the oldest of them is not resolved.
 * A cursor whose records are all resolved waits for no memory of the pool that others hold, or that a smaller limit does not have: such
 * a record is read beside the pool, one at a time, a larger one than the whole pool at once and others after a second. */
int cursor_next(struct cursor *c, struct pool *pool, struct store_record *r, struct buf **body) MUST_USE;
enum { CURSOR_WINDOW = 128 << 10 };
/* The record that cursor_next gave is done: `seq` in any order, once each. The sum of *o is its n_items. */
void cursor_resolve(struct cursor *c, uint64_t seq, const struct outcome *o);
/* What became of a record that was appended for this cursor. FATE_LOST: all or a part of it was dropped, by cursor_resolve too, or it
 * could not be read. Of what is long ago FATE_DONE may be said as FATE_LOST. Any thread. */
enum cursor_fate { FATE_OPEN, FATE_DONE, FATE_LOST };
enum cursor_fate cursor_fate(struct cursor *c, uint64_t seq);
/* What moved the counts beside cursor_resolve, since the last call or since cursor_open. */
struct cursor_news {
	uint64_t accepted[N_SIGNALS], corrupt[N_SIGNALS]; /* items; the others are a part of these */
	uint64_t found_records, found_items, found_bytes; /* read, though no count knew of them: accepted then */
	uint64_t lost_records, lost_items, lost_bytes; /* dropped{corrupt} */
	bool fates; /* some records are FATE_LOST that were not given out */
};
/* Calls `apply` when there are some: under the store's lock, so that a record that cursor_next gave is in the news of a call that has
 * returned, whoever called. It must not call the store. Any thread. */
void cursor_news(struct cursor *c, void (*apply)(void *ctx, const struct cursor_news *n), void *ctx);
/* Wall time of the arrival of the oldest record that is not resolved; 0: none. */
int64_t cursor_oldest_wall_ns(struct cursor *c);
