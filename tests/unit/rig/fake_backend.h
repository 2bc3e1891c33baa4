/* fake_backend.h - one exporter with a component that judges by rule, on a clock moved by hand: for tests of what verdicts do.
 *
 * No sockets. Items are spans (or log records) numbered from 0; the backend looks at the numbers in a delivery and says by its
 * rules what happens; each answer comes as a mail, so that several deliveries are in flight. What was accepted is counted per item.
 */
#pragma once
#include <pthread.h>

#include "lib/pipe/exporter_internal.h"

enum { FAKE_ITEMS = 8192, FAKE_REQUESTS = 16384 };

extern const char fake_pipeline[]; /* all records are of it */

struct fake_clock_shared {
	struct clock clock; /* first */
	_Atomic int64_t now;
};

struct fake_request {
	int64_t at_ns;
	uint32_t n_items;
	uint64_t bytes;
	unsigned n_in_flight; /* with this one */
	enum verdict_kind kind; /* what was answered */
};

struct fake_backend {
	/* rules: set under the lock, or before anything is sent */
	pthread_mutex_t lock;
	bool poison[FAKE_ITEMS]; /* BAD_DATA for a delivery that has one */
	uint64_t max_bytes; /* TOO_LARGE above; 0: no limit */
	bool refuse_all; /* BAD_DATA, whatever it is */
	enum verdict_kind always; /* DELIVERED: by the rules above */
	unsigned busy_percent; /* so many are answered with RETRY, at random */
	bool hangs; /* answers wait until it is false and fake_backend_poke */
	int64_t retry_after_ns;
	/* what happened */
	uint8_t accepted[FAKE_ITEMS], sent[FAKE_ITEMS]; /* times */
	struct fake_request requests[FAKE_REQUESTS];
	unsigned n_requests, n_in_flight, max_in_flight;
	uint64_t random;

	struct fake_clock_shared clock;
	struct loop main;
	struct log *log;
	int log_fd;
	struct exporter_stats stats;
	struct exporter *exporter;
	struct answer_mail *hanging;
	bool drained;
};

/* settings: n_consumers 10, the Collector's retry defaults, an unlimited queue, unless `s` says otherwise (NULL: that). */
void fake_backend_start(struct fake_backend *b, const struct exporter_settings *s, uint64_t seed);
struct exporter_settings fake_backend_settings(void);
/* A record of items first .. first + n - 1, each about `size` bytes, into the exporter's queue, with a wake. */
void fake_backend_take(struct fake_backend *b, enum signal signal, unsigned first, unsigned n, size_t size);
/* The same with a size for each item; no wake. */
void fake_backend_put(struct fake_backend *b, enum signal signal, unsigned first, unsigned n, const size_t *sizes);
/* The exporter pumps; then waits until its thread has nothing to do at this time. */
void fake_backend_poke(struct fake_backend *b);
/* Moves the clock and pokes. */
void fake_backend_advance(struct fake_backend *b, int64_t ns);
/* Advances in steps until nothing is queued; fails the test after `limit_ns` of the clock. */
void fake_backend_finish(struct fake_backend *b, int64_t limit_ns);
/* Drains (fake time does not move), checks the equation with nothing queued, frees. */
void fake_backend_stop(struct fake_backend *b);
bool fake_backend_has_logged(struct fake_backend *b, const char *text);
unsigned fake_backend_requests(struct fake_backend *b);
#define fake_backend_get(b, member) count_get(&(b)->stats.by_signal[0].member)
