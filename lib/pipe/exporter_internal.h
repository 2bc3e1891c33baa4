/* exporter_internal.h - what exporter.c (thread, lifecycle) and exporter_send.c (deliveries) share. lib/pipe only.
 *
 * Everything below the line "exporter's thread" is touched by that thread alone. */
#pragma once
#include "lib/pipe/exporter.h"
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
	struct verdict verdict;
	int64_t due_ns; /* in the waiting list */
};

struct pending_list {
	struct pending *first, *last;
	size_t n;
};

enum exporter_mode { MODE_RUN, MODE_DRAIN, MODE_ABANDON };

struct exporter {
	const struct component *type;
	char *id;
	struct exporter_stats *stats;
	struct loop *main_loop;
	struct log *log;
	uv_thread_t thread;
	struct queue queue;
	_Atomic bool required, drop_oldest;
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
	struct pending_list ready, waiting, done;
	unsigned n_in_flight;
	unsigned n_blamed; /* deliveries refused with 400 since the last one that was taken */
	int64_t paused_until_ns; /* Retry-After of the backend, or the probe clock while held */
	enum exporter_mode mode;
	enum drop_reason abandon_reason;
	int64_t drain_deadline_ns;
	uint64_t random;
	bool in_pump, drain_reported, closing;
};

/* The next send encodes anew: another stage may have another encoding, and its headers must fit the bytes. */
void pending_forget_wire(struct pending *p);

/* Does all that can be done now and arms the timer for what is next. */
void exporter_pump(struct exporter *e);
void exporter_stop_stage(struct exporter_stage *s);
/* MODE_ABANDON from now on: drops everything, cancels what is in flight. */
void exporter_give_up(struct exporter *e);
/* Drops all that is not in flight. */
void exporter_drop_all(struct exporter *e, enum drop_reason reason);
