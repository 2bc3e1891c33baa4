/* component.h - the contract between weir's core and everything in receivers/, processors/, exporters/,
 * extensions/: one file, one struct, one option table, a few functions.
 *
 * The core allocates conf, shared and state zeroed, frees them, counts, logs start and stop. A component keeps
 * no global. Error returns mean no callback; otherwise exactly one, never before the function returns.
 *
 * Threads: open, check and lower run on the main thread while the config is loaded. start of a receiver or
 * processor runs on the main thread, once per worker, before that worker uses the stage: it must not touch the loop.
 * push runs on the worker. start, send and stop of an exporter run on the exporter's own thread; start and stop of an
 * extension on the main loop's thread.
 */
#pragma once
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/net/loop.h"
#include "lib/otlp/encode.h"

enum kind { RECEIVER, PROCESSOR, EXPORTER, EXTENSION, CONNECTOR };

enum component_flags {
	MUTATES = 1, /* push edits batches */
	STATEFUL = 2, /* must see several requests: runs behind the queue */
	LOWERED = 4, /* has lower instead of push: settings of the pipeline, not a stage */
	BARE = 8, /* needs no option: an undeclared bare type in a pipeline is declared with its defaults */
};

/* What an extension may be to other components. */
enum iface { IFACE_STORAGE /* struct storage */ };

struct stage;
struct batch;
struct delivery;
struct pipeline_settings;

struct component {
	const char *name, *aliases; /* the YAML type, which is the file name; older spellings, space separated */
	const char *summary; /* one sentence for `weir components` and the docs */
	enum kind kind;
	unsigned signals; /* TRACES | LOGS | METRICS */
	unsigned flags;
	const struct conf_field *fields; /* NULL: no options */
	size_t conf_size, shared_size, state_size;
	void (*check)(const void *conf, struct conf_report *r); /* rules across options only */
	/* Once per process and id, before any start; prev: the shared part of the same id before a reload, or NULL. */
	int (*open)(void *shared, const void *conf, void *prev, struct err *e);
	void (*close)(void *shared);
	int (*start)(struct stage *s, struct err *e); /* on error stop is not called */
	void (*push)(struct stage *s, struct batch *b); /* processors: takes b, always */
	void (*send)(struct stage *s, struct delivery *d); /* exporters: ends in exactly one delivery_done */
	void (*stop)(struct stage *s); /* exporters end in stage_stopped(s); others are done on return */
	void (*lower)(const void *conf, struct pipeline_settings *p); /* LOWERED */
	void *(*provides)(
	        void *shared, enum iface what); /* extensions, after start: what others use of them, or NULL */
};

struct stage {
	const struct component *type;
	const char *id; /* "attributes/env" */
	const void *conf; /* read-only, outlives the stage */
	void *shared; /* type->shared_size bytes, one per id */
	void *state; /* type->state_size zeroed bytes, one per stage */
	struct stage *next; /* processors: where push goes on */
	struct loop *loop; /* the thread's loop */
	struct log *log; /* already carries the component's id */
	struct core *core; /* see core.h */
	unsigned worker; /* index of the worker (receivers, processors) */
};

/* Hands the batch to the next stage; takes it. */
static inline void stage_push(struct stage *next, struct batch *b)
{
	next->type->push(next, b);
}

/* The end of stop for exporters. */
void stage_stopped(struct stage *s);

/* What LOWERED processors set on their pipeline and on the process. */
struct pipeline_settings {
	bool has_batch; /* the batchers of the pipeline's exporters, where the exporter has none of its own */
	duration batch_timeout;
	uint32_t batch_min_items, batch_max_items; /* max 0: no cap */
	const struct conf_strs *batch_metadata_keys;
	uint64_t memory_limit; /* bytes of the pool; 0: not set */
};
