/* exporter_internal.h - what the files of an exporter share. lib/pipe only.
 *
 *	exporter.c          thread, stages, storage, drain
 *	exporter_room.c     the workers' side: reserve, commit, release
 *	exporter_stored.c   records out of a storage instead of the memory queue
 *	exporter_send.c     the pump: what is sent when
 *	exporter_batches.c  entries of the queue into deliveries
 *	exporter_verdict.c  what an answer does: deliver, retry, hold, reject, drop
 *	exporter_doubt.c    whether the data or the exporter is to blame for a 400
 *	poison.c            cutting deliveries, limits learned, dead letters
 *
 * Everything below the line "exporter's thread" is touched by that thread alone. */
#pragma once
#include "lib/pipe/circuit.h"
#include "lib/pipe/exporter.h"
#include "lib/pipe/poison.h"
#include "lib/pipe/retry.h"

/* One start of the component; the newest takes all new sends, an old one is stopped when its last send has ended. */
struct exporter_stage {
	struct stage stage; /* first: stage_stopped casts back */
	struct exporter_stage *next; /* started and not stopped yet */
	struct exporter *exporter;
	struct log *log;
	void *pin;
	void (*unpin)(void *pin);
	unsigned n_in_flight;
	bool retiring, stopping;
};

/* A delivery with what the core knows about it. */
struct pending {
	struct delivery d; /* first: delivery_done casts back */
	struct pending *next;
	struct piece *pieces;
	size_t n_pieces;
	struct backoff backoff;
	struct exporter_stage *stage; /* while in send */
	struct origin *origin; /* NULL until it was refused; shared by the parts of a delivery */
	struct verdict verdict;
	char *said; /* the backend's words of a refusal; NULL: none */
	int64_t due_ns; /* in the waiting list */
	bool whole; /* cannot be cut */
};

struct pending_list {
	struct pending *first, *last;
	size_t n;
};

/* What is known while nothing is accepted (exporter_doubt.c). */
struct doubt {
	unsigned n_blamed; /* deliveries refused whole since the last acceptance */
	unsigned n_hopeless[N_SIGNALS]; /* origins in a row of which nothing was accepted */
	int64_t blamed_ns; /* the last refusal */
	struct origin *tried; /* the one that is cut meanwhile */
	enum signal signal; /* of it */
	bool holds; /* the exporter is held because of it */
};

enum exporter_mode { MODE_RUN, MODE_DRAIN, MODE_ABANDON };

struct exporter {
	const struct component *type;
	char *id;
	struct exporter_stats *stats;
	struct loop *main_loop;
	struct log *log;
	struct queue queue;
	_Atomic(struct storage *) storage; /* NULL: the queue is in memory; one reference */
	struct cursor *cursor; /* set with storage, before it */
	struct ack_book *acks;
	_Atomic bool relieve; /* the storage is pressed */
	_Atomic unsigned changes; /* of the settings: odd while one is under way */
	_Atomic size_t n_rooms; /* reserved, and neither committed nor released: workers and writers will come back */
	_Atomic bool required, drop_oldest, drop_newest;
	_Atomic int state;
	struct mail wake;
	_Atomic bool wake_posted;
	struct mail drained; /* to the main thread, once */
	struct exporter_stage *prepared; /* main thread */
	void (*on_drained)(struct exporter *e, void *ctx);
	void *on_drained_ctx;

	/* exporter's thread */
	struct loop loop;
	struct timer timer;
	struct exporter_stage *stage;
	struct exporter_stage *stages; /* started and not stopped yet: the one in use, retiring ones, a prepared one */
	struct exporter_settings settings;
	struct pipeline_batch *batches;
	struct batcher *batchers;
	int64_t stored_again_ns; /* the storage could not be read: when to try again; 0: it could */
	VEC(char *) old_pipelines; /* names that records in the storage have and the config has not */
	struct pending_list ready; /* not sent yet */
	struct pending_list parts; /* of deliveries that were cut, not sent yet: they go before what is ready */
	struct pending_list waiting; /* for their retry, or for the end of a hold */
	struct pending_list suspects; /* refused, and not known yet whether they are to blame or the exporter */
	struct pending_list done; /* answered, not settled */
	unsigned n_in_flight;
	struct circuit circuit;
	struct size_limit size;
	struct doubt doubt;
	bool size_told;
	int64_t paused_until_ns; /* Retry-After of the backend, or the probe clock while held */
	enum exporter_mode mode;
	enum drop_reason abandon_reason;
	int64_t drain_deadline_ns;
	uint64_t random;
	bool in_pump, drain_reported, closing;
};

/* The next send encodes anew: another stage may have another encoding, and its headers must fit the bytes. */
void pending_forget_wire(struct pending *p);
void pending_push(struct pending_list *l, struct pending *p);
struct pending *pending_pop(struct pending_list *l);
/* All of `from` before what is in l. */
void pending_join_front(struct pending_list *l, struct pending_list *from);
/* Without its pieces, whose fate is settled or which are others' now. */
void pending_free(struct pending *p);

/* exporter_batches.c. The oldest entry of the queue, or NULL. */
struct queue_entry *entry_take(struct exporter *e);
/* All its items have ended, as entry->outcome says: gives its room back and frees it. */
void entry_resolve(struct exporter *e, struct queue_entry *entry);
/* An entry that no delivery was made of. */
void entry_drop(struct exporter *e, struct queue_entry *entry, enum drop_reason reason);
/* A delivery of these pieces; takes the vector. */
struct pending *pending_new(struct exporter *e, struct piece *v, size_t n) MUST_USE;
/* Cuts and batches an entry; what is complete becomes ready. */
void exporter_feed(struct exporter *e, struct queue_entry *entry);
/* Flushes what is due (everything while draining) and frees batchers of keys that went quiet. */
void exporter_flush_due(struct exporter *e, int64_t now);

/* exporter_verdict.c. Acts on p->verdict. */
void exporter_settle(struct exporter *e, struct pending *p, int64_t now);
/* Ends a delivery: its items are counted as dropped{reason}, as dead_lettered. */
void exporter_drop(struct exporter *e, struct pending *p, enum drop_reason reason);
void exporter_bury(struct exporter *e, struct pending *p);
/* Holds it from now on; the next probe is in a minute. */
void exporter_hold(struct exporter *e, int64_t now, const char *why);
/* Drops what has waited for its retry for longer than max_elapsed_time while nothing is sent. */
void exporter_expire(struct exporter *e, int64_t now);
/* When p expires, or INT64_MAX. */
int64_t exporter_expiry(const struct exporter *e, const struct pending *p);
/* It delivers, or at least judges data, again. */
void exporter_end_hold(struct exporter *e, bool delivers);
bool exporter_is_held(const struct exporter *e);
double exporter_random(struct exporter *e); /* uniform in [0, 1) */

/* exporter_doubt.c. Is it open whether this exporter works at all? Then one delivery at a time is sent. */
bool exporter_is_doubted(const struct exporter *e);
void origin_unref(struct exporter *e, struct origin *o, enum signal signal); /* NULL is fine */
/* p was refused for its data; takes it. */
void exporter_refused(struct exporter *e, struct pending *p, int64_t now);
/* p was refused for its size; takes it. */
void exporter_too_large(struct exporter *e, struct pending *p, int64_t now);
/* The destination accepted items of p, or judged data for other reasons (NULL). */
void exporter_trust(struct exporter *e, struct pending *p);
/* Cuts, dead-letters or keeps what was refused. */
void exporter_judge(struct exporter *e, int64_t now);
/* When exporter_judge has something to do next, or INT64_MAX. */
int64_t exporter_judge_at(const struct exporter *e);
/* A part to send, cut to the size learned; NULL: none. */
struct pending *exporter_take_part(struct exporter *e, int64_t now);
/* Deliveries that were not sent yet go after the parts; before them, when another one would tell more than what is left of one that was refused
 * at every cut; or not at all, when enough of them were refused. */
enum freshness { FRESH_LAST, FRESH_FIRST, FRESH_NEVER };
enum freshness exporter_fresh(const struct exporter *e);

void exporter_wake(struct exporter *e); /* any thread */
/* Does all that can be done now and arms the timer for what is next. */
void exporter_pump(struct exporter *e);
void exporter_stop_stage(struct exporter_stage *s);
/* MODE_ABANDON from now on: drops everything, cancels what is in flight. */
void exporter_give_up(struct exporter *e);
/* Drops all that is not in flight. */
void exporter_drop_all(struct exporter *e, enum drop_reason reason);
