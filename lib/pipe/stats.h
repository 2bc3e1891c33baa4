/* stats.h - the counters of the conservation equation and of the Collector's receiver metrics.
 *
 * They belong to a component id, not to a graph: a reload keeps them. Per exporter and signal, in items (spans, log
 * records, data points), exact at rest:
 *	accepted = delivered + rejected + dead_lettered + sum(dropped) + queued
 * Written with relaxed atomics once per request or delivery, read by the metrics page.
 */
#pragma once
#include <stdatomic.h>

#include "lib/pipe/record.h"

enum drop_reason {
	DROP_OVERFLOW, /* overflow: drop_oldest, or an optional exporter whose queue is full or whose storage is too small */
	DROP_MAX_ELAPSED, /* retry_on_failure.max_elapsed_time passed */
	DROP_SHUTDOWN, /* not delivered within drain_timeout */
	DROP_REMOVED, /* the exporter left the config and its queue did not drain */
	DROP_RETRY_OFF, /* retry_on_failure.enabled: false and a passing fault */
	DROP_CORRUPT, /* was on disk, and could not be read back */
	DROP_ORPHANED, /* an exporter that left the config was not drained in time */
	N_DROP_REASONS,
};
const char *drop_reason_name(enum drop_reason r);

struct exporter_counts {
	_Atomic uint64_t accepted, delivered, rejected, dead_lettered, queued, dropped[N_DROP_REASONS];
	_Atomic uint64_t send_failed; /* items that ended without delivery (the Collector's send_failed) */
	_Atomic uint64_t enqueue_failed; /* items refused or pushed out because the queue was full or too small */
	_Atomic uint64_t at_door[N_DROP_REASONS]; /* of accepted and dropped: what never came into a storage */
};

struct exporter_stats {
	struct exporter_counts by_signal[N_SIGNALS];
	_Atomic uint64_t n_deliveries, n_retries; /* exchanges begun; those that were not the first of their delivery */
	_Atomic uint64_t in_flight;
	bool stored; /* a cursor keeps these counters, too; main thread */
	bool in_force; /* a graph that served has had it, not only one that failed to start: it is shown; main thread */
};

struct receiver_counts {
	_Atomic uint64_t accepted, refused;
};

/* One cell per worker, each on its own cache lines: no worker touches another's. */
struct receiver_cell {
	_Alignas(64) struct receiver_counts by_signal[N_SIGNALS];
	_Atomic uint64_t n_requests[8]; /* by enum request_outcome */
	_Atomic uint64_t n_utf8; /* bad sequences replaced */
};

enum request_outcome {
	REQUEST_OK,
	REQUEST_PARTIAL,
	REQUEST_MALFORMED,
	REQUEST_TOO_LARGE,
	REQUEST_REFUSED,
	REQUEST_UNSUPPORTED,
	REQUEST_PROTOCOL,
	N_REQUEST_OUTCOMES,
};
const char *request_outcome_name(enum request_outcome o);

struct receiver_stats {
	unsigned n_cells;
	bool in_force; /* as of an exporter */
	struct receiver_cell cells[];
};

struct receiver_stats *receiver_stats_new(unsigned n_workers) MUST_USE;

static inline void count_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline void count_sub(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_sub_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t count_get(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}
