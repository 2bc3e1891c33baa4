/* drain.c - the way down: stop taking, let requests end, empty the exporters, say what was lost (see core.h).
 *
 * Driven by one timer on the main loop, which also resumes accepting after the connection cap. Steps: listeners closed and
 * idle connections closed; requests in work get 5 s; exporters drain until the deadline each keeps itself; then
 * on_drained. */
#include "lib/pipe/graph_parts.h"
#include "lib/pipe/storage.h"

enum { POLL_MS = 10, INTAKE_S = 5, HURRY_MS = 500 };

static bool intake_idle(const struct core *c)
{
	for (unsigned i = 0; i < c->n_workers; i++)
		if (!worker_idle(&c->workers[i]))
			return false;
	return true;
}

static uint64_t count_lost(const struct core *c)
{
	uint64_t n = 0;
	for (size_t i = 0; i < c->exporter_stats.n; i++) {
		const struct exporter_stats *s = c->exporter_stats.entries[i].value;
		for (unsigned k = 0; k < N_SIGNALS; k++)
			n += count_get(&s->by_signal[k].dropped[DROP_SHUTDOWN]);
	}
	return n;
}

static void on_exporter_drained(struct exporter *e, void *ctx)
{
	struct core *c = ctx;
	(void)e;
	c->n_draining--;
}

/* From here on nothing is admitted: a request that outlived its time gets 503, never a 200 that nobody keeps. The
 * calls wait until each worker has ended the event it was in. */
static void close_intake(struct core *c)
{
	atomic_store(&c->intake_closed, true);
	for (unsigned i = 0; i < c->n_workers; i++)
		worker_drain(&c->workers[i]);
}

/* Exporters that a reload removed get no longer than the others, and what they lose is lost by the shutdown. */
static void abandon_orphans(struct core *c)
{
	for (size_t i = 0; i < c->orphans.n; i++)
		exporter_abandon(c->orphans.v[i], DROP_SHUTDOWN);
}

/* Tells every exporter how much time is left; again when that changes. */
static void drain_exporters(struct core *c, int64_t now)
{
	int64_t left = c->drain_deadline_ns - now;
	for (size_t i = 0; i < c->graph->exporters.n; i++)
		exporter_drain(c->graph->exporters.v[i], left > 0 ? left : 0, DROP_SHUTDOWN, on_exporter_drained, c);
}

static void give_up_storage(struct exporter *e)
{
	struct storage *s = exporter_storage(e);
	if (s)
		store_writer_give_up(s->writer);
}

void core_give_up_storages(struct core *c)
{
	do {
		for (size_t i = 0; c->graph && i < c->graph->exporters.n; i++)
			give_up_storage(c->graph->exporters.v[i]);
		for (size_t i = 0; i < c->orphans.n; i++)
			give_up_storage(c->orphans.v[i]);
	} while (atomic_load(&c->n_admissions)); /* one storage may hand on to the next */
}

static void step(struct core *c)
{
	int64_t now = loop_now(c->loop);
	if (!c->exporters_draining && (c->hurried || intake_idle(c) || now >= c->intake_deadline_ns)) {
		close_intake(c);
		c->exporters_draining = true;
		c->n_draining = c->graph->exporters.n;
		drain_exporters(c, now);
	}
	if (now >= c->drain_deadline_ns) {
		core_give_up_storages(c);
		abandon_orphans(c);
	}
	if (!c->exporters_draining || c->n_draining || c->orphans.n) {
		timer_start(&c->timer, POLL_MS * NS_PER_MS);
		return;
	}
	if (!c->drained) {
		c->drained = true;
		c->on_drained(c->on_drained_ctx, count_lost(c));
	}
}

void core_on_timer(struct timer *t)
{
	struct core *c = CONTAINER_OF(t, struct core, timer);
	if (core_phase(c) == CORE_DRAINING)
		step(c);
	else
		listener_check_cap(c);
}

static int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void core_drain(struct core *c, int64_t timeout_ns, void (*on_drained)(void *ctx, uint64_t n_lost), void *ctx)
{
	int64_t now = loop_now(c->loop);
	atomic_store(&c->phase, CORE_DRAINING);
	c->on_drained = on_drained;
	c->on_drained_ctx = ctx;
	c->drain_deadline_ns = now + timeout_ns;
	c->intake_deadline_ns = now + min_ns(INTAKE_S * NS_PER_S, timeout_ns);
	for (struct listener *l = c->listeners, *next; l; l = next) {
		next = l->next;
		if (!l->on_main)
			listener_close(l);
	}
	for (unsigned i = 0; i < c->n_workers; i++)
		worker_drain(&c->workers[i]);
	timer_start(&c->timer, POLL_MS * NS_PER_MS);
}

void core_hurry(struct core *c)
{
	int64_t now = loop_now(c->loop);
	c->hurried = true;
	c->drain_deadline_ns = min_ns(c->drain_deadline_ns, now + HURRY_MS * NS_PER_MS);
	if (c->exporters_draining)
		drain_exporters(c, now);
}
