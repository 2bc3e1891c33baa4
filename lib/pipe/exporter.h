/* exporter.h - one destination at run time: its queue, batchers, retry clock and thread.
 *
 * An exporter lives by its id: a reload that keeps the id keeps queue, counters and thread, and swaps the stage (the
 * started component) when options changed. Nothing of one exporter can slow or block another: workers only reserve
 * and commit, everything else happens on the exporter's own thread.
 * All functions here are called from the main thread unless they say otherwise.
 */
#pragma once
#include "lib/pipe/batcher.h"
#include "lib/pipe/component.h"
#include "lib/pipe/delivery.h"
#include "lib/pipe/stats.h"

enum exporter_state { EXPORTER_OK, EXPORTER_RETRYING, EXPORTER_HELD };
const char *exporter_state_name(enum exporter_state s);

struct pipeline_batch {
	const char *pipeline; /* interned */
	struct batch_settings batch;
};

/* What the core decides for an exporter when a graph is built; copied. */
struct exporter_settings {
	struct retry_conf retry;
	uint32_t n_consumers;
	uint64_t capacity, quota;
	enum sizer sizer;
	bool required, drop_oldest;
	bool drop_newest; /* without room a record is dropped for this exporter, required or not */
	bool stored; /* the queue is on disk: max_elapsed_time does not empty it, doubt outlasts a drain */
	struct storage *storage; /* where the queue is; NULL: in memory */
	const struct pipeline_batch *batches; /* one per pipeline that feeds the exporter */
	size_t n_batches;
};

struct exporter;
struct storage;
struct ack;

/* Starts the thread. `id` is copied; stats are borrowed (they outlive the exporter). */
struct exporter *exporter_new(const struct component *type, const char *id, struct exporter_stats *stats,
        struct loop *main_loop, struct log *log) MUST_USE;
const char *exporter_id(const struct exporter *e);
const struct component *exporter_type(const struct exporter *e);
struct exporter_stats *exporter_stats(struct exporter *e);
enum exporter_state exporter_state(const struct exporter *e);

/* Starts a stage for `conf` on the exporter's thread and waits for the result; it is not used before exporter_commit. `pin` is called
 * off with unpin(pin) when the stage has gone: it keeps conf alive. */
int exporter_prepare(struct exporter *e, const void *conf, void *shared, void *pin, void (*unpin)(void *pin),
        struct core *core, struct err *e_out) MUST_USE;
/* Uses the prepared stage (if there is one) and the settings from now on. */
void exporter_commit(struct exporter *e, const struct exporter_settings *s);
/* Stops the prepared stage; the old one goes on. */
void exporter_rollback(struct exporter *e);
/* conf of the stage in use, or NULL. */
const void *exporter_conf_in_use(const struct exporter *e);

/* Batches are flushed, waiting retries are tried now; what is left after timeout_ns is dropped{reason}. on_drained comes (once,
 * main thread) when nothing is left. */
void exporter_drain(struct exporter *e, int64_t timeout_ns, enum drop_reason reason,
        void (*on_drained)(struct exporter *e, void *ctx), void *ctx);
/* While draining: it goes on as if it had not begun; a drain that was reported is forgotten (its mail may still come). False: it has given up
 * already. */
bool exporter_resume(struct exporter *e) MUST_USE;
/* Gives its thread a moment. */
void exporter_let_run(struct exporter *e);
/* While draining: counts all that is left as dropped{reason} now and cancels what is in flight. */
void exporter_abandon(struct exporter *e, enum drop_reason reason);
/* After on_drained: stops the stage, joins the thread, frees. */
void exporter_free(struct exporter *e);

/* What one exporter does with one record: reserved, then committed or released. The record's reference stays the caller's. */
struct room {
	struct exporter *exporter;
	struct record *record;
	struct queue_entry *entry; /* in memory; NULL: in the storage, or dropped by the exporter's own rule */
	bool stored, required;
	enum room_limit {
		ROOM_FITS,
		ROOM_BEYOND_QUEUE, /* more than the queue holds when it is empty */
		ROOM_BEYOND_STORAGE,
	} limit; /* what never has room for the record */
	uint64_t units;
};

/* Any thread: the steps of admission (exporter_room.c). False when a required exporter has no room; nothing is taken then, and out->limit says
 * whether it ever has. */
bool room_reserve(struct exporter *e, struct record *r, struct room *out) MUST_USE;
/* The storage never has room for the record: it is not stored, and dropped when the room is committed, as what the queue never has room for
 * is without this. Not for a required exporter. */
void room_forgo(struct room *room);
/* Cannot fail. stored: the record was appended as `seq`. ack: of a request that waits for this exporter, or NULL; takes the reference. */
void room_commit(struct room *room, uint64_t seq, struct ack *ack);
void room_release(struct room *room);
/* A record that was promised a queue and has none: accepted, and dropped. */
void room_lose(struct room *room, enum drop_reason why);
/* Its storage is pressed: with drop_oldest it drops until it holds no more than a quarter of it. Any thread. */
void exporter_relieve(struct exporter *e);
/* The storage behind the exporter's queue; NULL: memory. Any thread, as long as the graph in use names the exporter. */
struct storage *exporter_storage(const struct exporter *e);

struct exporter_view {
	uint64_t queue_size, queue_capacity, queue_bytes;
};
struct exporter_view exporter_view(const struct exporter *e);
