/* core.h - the running program: workers, exporters, listeners, the current graph, and how one graph follows another.
 *
 * One core per process, no globals. The main thread runs `loop`: signals, acceptors, extensions, the metrics page. N
 * workers run a loop each: connections, receivers, processors. Each exporter runs its own (exporter.h). core_apply builds a
 * complete graph from a plan before anything changes; on any error the old graph goes on untouched.
 */
#pragma once
#include "lib/base/pool.h"
#include "lib/pipe/exporter.h"
#include "lib/pipe/plan.h"

enum core_phase { CORE_STARTING, CORE_SERVING, CORE_DRAINING };

struct core_options {
	struct loop *loop;
	struct log *log;
	const char *version;
	unsigned n_workers; /* at least 1 */
	size_t max_connections; /* of all workers together */
	void (*plan_free)(struct plan *p);
	const struct key_table *keys; /* well-known attribute names, for every scan; borrowed; may be NULL */
	struct disk *disk; /* what storages use; NULL: the system's */
	uint64_t (*random)(void *ctx); /* for what storages must not repeat; NULL: the kernel's */
	void *random_ctx;
};

struct core;
/* Starts the workers' threads. */
struct core *core_new(const struct core_options *o) MUST_USE;
/* Start (first call) or reload. Takes the plan in any case. -1 with e (a component that does not start, a port in use): the old graph
 * serves on. Main thread. */
int core_apply(struct core *c, struct plan *plan, struct err *e) MUST_USE;
/* A reload that failed before core_apply (bad config): counted. */
void core_reload_failed(struct core *c);
/* Stops taking, lets requests in work end (at most 5 s), drains the exporters until `timeout_ns`, then counts what is left as
 * dropped{shutdown}. on_drained comes once, from the main loop, with the number of lost items. */
void core_drain(struct core *c, int64_t timeout_ns, void (*on_drained)(void *ctx, uint64_t n_lost), void *ctx);
/* While draining: half a second more and no longer (a second signal; some senders signal twice by accident). */
void core_hurry(struct core *c);
/* Joins everything and frees. After on_drained, or when core_apply failed at start. */
void core_free(struct core *c);

enum core_phase core_phase(const struct core *c);
struct pool *core_pool(struct core *c);
/* As core_new had them; disk is set. */
const struct core_options *core_options(const struct core *c);
struct log *core_log(struct core *c); /* the process's: outlives every graph */
const struct key_table *core_keys(const struct core *c);
int64_t core_started_wall_ns(const struct core *c);
const char *core_version(const struct core *c);
/* Exporters in the current graph, in order of their ids. Main thread. */
size_t core_exporters(const struct core *c, struct exporter *const **out);

/* For receivers and extensions, in start: opens (or keeps, when the address is unchanged) the listener `endpoint` for this stage's
 * worker. The settings' TLS files are read here. Handlers are called on the stage's thread with `ctx`. */
struct http_server_conf;
struct http_handler;
int stage_listen(struct stage *s, const struct http_server_conf *conf, const struct http_handler *handler, void *ctx,
        struct err *e) MUST_USE;
/* For an extension, in start: the storage of this directory that an exporter has open, as one does that a reload removed and that drains
 * while the next one brings both back; else NULL. Borrowed. */
struct storage *stage_open_storage(struct stage *s, slice directory);
/* Where it listens, for start-up messages: "127.0.0.1:4318" per listener. Main thread. */
void core_each_address(const struct core *c, void (*each)(void *ctx, const char *address), void *ctx);
