/* meter.h - numbers that processors keep for the metrics page: by name, up to two labels, exact across workers.
 *
 * A meter belongs to the core and outlives reloads; stages of all generations with the same name share it. Each worker has its
 * own cells, so adding is one uncontended store; the page sums them. Labels must come from a bounded set (rules, rows of a
 * table), never from input: beyond METER_MAX_CELLS per worker everything goes to the cell "other".
 */
#pragma once
#include <stdatomic.h>

#include "lib/base/base.h"

enum { METER_MAX_CELLS = 4096 };

enum meter_kind {
	METER_COUNTER,
	METER_SINCE, /* the page shows the seconds that have passed since the wall-clock time (s) set last */
};

struct meter_info {
	const char *name, *help; /* static */
	const char *labels[2]; /* label names, static; NULL: none */
	enum meter_kind kind;
};

struct core;
struct meter;
struct meter_cell {
	_Atomic double value;
};

/* The meter of that name, made at the first call. Main thread (open or start of a component). Never NULL. */
struct meter *core_meter(struct core *c, const struct meter_info *info) MUST_USE;
/* The worker's cell for these label values (copied); stays valid as long as the core. Any thread. */
struct meter_cell *meter_cell(struct meter *m, unsigned worker, slice label1, slice label2) MUST_USE;

const char *meter_name(const struct meter *m);

/* Only from the cell's worker. */
static inline void meter_add(struct meter_cell *c, double by)
{
	double now = atomic_load_explicit(&c->value, memory_order_relaxed);
	atomic_store_explicit(&c->value, now + by, memory_order_relaxed);
}
static inline void meter_set(struct meter_cell *c, double value)
{
	atomic_store_explicit(&c->value, value, memory_order_relaxed);
}

/* For the metrics page: all meters in order of creation, each label pair once with the sum over the workers. */
struct strbuf;
void meters_print(struct core *c, double wall_s, struct strbuf *out);
void meters_free(struct core *c);
