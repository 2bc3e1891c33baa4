/* exporter_send.c - the pump of an exporter: what is sent when (see exporter.h, exporter_internal.h).
 *
 * exporter_pump is the only driver. A delivery is in exactly one place: a batcher (as pieces), ready, parts, in flight, waiting
 * for its retry, suspects, or done. A delivery that waits for a retry keeps its consumer, as in the Collector, so a dead
 * backend is tried by at most num_consumers deliveries while the rest stays in the queue. */
#include "lib/pipe/exporter_internal.h"
#include "lib/pipe/exporter_stored.h"

enum { LOOK_MS = 10 };

void pending_push(struct pending_list *l, struct pending *p)
{
	p->next = NULL;
	if (l->last)
		l->last->next = p;
	else
		l->first = p;
	l->last = p;
	l->n++;
}

void pending_join_front(struct pending_list *l, struct pending_list *from)
{
	if (!from->first)
		return;
	from->last->next = l->first;
	l->first = from->first;
	if (!l->last)
		l->last = from->last;
	l->n += from->n;
	*from = (struct pending_list){ 0 };
}

struct pending *pending_pop(struct pending_list *l)
{
	struct pending *p = l->first;
	if (!p)
		return NULL;
	l->first = p->next;
	if (!l->first)
		l->last = NULL;
	l->n--;
	return p;
}

/* `prev` stands before p, NULL: p is the first. */
static struct pending *unlink_after(struct pending_list *l, struct pending *prev, struct pending *p)
{
	if (!prev)
		return pending_pop(l);
	prev->next = p->next;
	if (l->last == p)
		l->last = prev;
	l->n--;
	return p;
}

void pending_forget_wire(struct pending *p)
{
	buf_unref(p->d.wire);
	p->d.wire = NULL;
}

void pending_free(struct pending *p)
{
	origin_unref(p->d.exporter, p->origin, p->d.signal);
	buf_unref(p->d.wire);
	free(p->d.bodies);
	free(p->pieces);
	free(p->said);
	free(p);
}

void delivery_slices(const struct delivery *d, slice *out)
{
	for (size_t i = 0; i < d->n_bodies; i++)
		out[i] = buf_slice(d->bodies[i]);
}

uint64_t delivery_bytes(const struct delivery *d)
{
	uint64_t n = 0;
	for (size_t i = 0; i < d->n_bodies; i++)
		n += d->bodies[i]->len;
	return n;
}

static struct pending *take_due(struct exporter *e, int64_t now)
{
	struct pending *prev = NULL;
	for (struct pending *p = e->waiting.first; p; prev = p, p = p->next)
		if (p->due_ns <= now)
			return unlink_after(&e->waiting, prev, p);
	return NULL;
}

/* Something is ready that was not sent yet? Looks in the queue for it. */
static bool fill_ready(struct exporter *e)
{
	while (!e->ready.first) {
		struct queue_entry *entry = entry_take(e);
		if (!entry)
			return false;
		exporter_feed(e, entry);
	}
	return true;
}

/* What costs least to try. A delivery that waits for its retry need not be due: the clock of the circuit, or of the hold, stands
 * for its own. */
static struct pending *take_smallest(struct exporter *e)
{
	struct pending_list *const lists[] = { &e->waiting, &e->parts, &e->ready };
	struct pending_list *from = NULL;
	struct pending *best = NULL, *before = NULL;
	uint64_t least = UINT64_MAX;
	if (!e->waiting.first && !e->parts.first)
		fill_ready(e);
	for (size_t i = 0; i < COUNTOF(lists); i++) {
		struct pending *prev = NULL;
		for (struct pending *p = lists[i]->first; p; prev = p, p = p->next) {
			uint64_t n = delivery_bytes(&p->d);
			if (n >= least)
				continue;
			least = n;
			from = lists[i];
			best = p;
			before = prev;
		}
	}
	return best ? unlink_after(from, before, best) : NULL;
}

/* While held. When the data was refused, parts of it and data that was not tried yet take turns: either may be what the destination
 * takes. */
static struct pending *take_probe(struct exporter *e)
{
	bool other = e->doubt.holds && (count_get(&e->stats->n_deliveries) & 1);
	if (other && fill_ready(e))
		return pending_pop(&e->ready);
	struct pending *p = take_smallest(e);
	return p ? p : pending_pop(&e->suspects);
}

static struct pending *take_next(struct exporter *e, int64_t now)
{
	size_t room = exporter_is_held(e) || exporter_is_doubted(e) ? 1 : e->settings.n_consumers;
	if (e->paused_until_ns > now || e->n_in_flight >= room || !circuit_admits(&e->circuit, now, e->n_in_flight))
		return NULL;
	if (exporter_is_held(e))
		return take_probe(e);
	if (circuit_probes(&e->circuit))
		return take_smallest(e);
	struct pending *p = take_due(e, now);
	if (p)
		return p;
	if (e->n_in_flight + e->waiting.n >= e->settings.n_consumers)
		return NULL;
	enum freshness fresh = exporter_fresh(e);
	if (fresh == FRESH_FIRST && fill_ready(e))
		return pending_pop(&e->ready);
	p = exporter_take_part(e, now);
	if (p || fresh == FRESH_NEVER)
		return p;
	return fill_ready(e) ? pending_pop(&e->ready) : NULL;
}

static void begin(struct exporter *e, struct pending *p, int64_t now)
{
	if (!p->backoff.started_ns)
		p->backoff.started_ns = now;
	circuit_begin(&e->circuit);
	p->stage = e->stage;
	e->stage->n_in_flight++;
	e->n_in_flight++;
	count_add(&e->stats->n_deliveries, 1);
	count_add(&e->stats->n_retries, p->d.attempt > 0);
	count_add(&e->stats->in_flight, 1);
	e->type->send(&e->stage->stage, &p->d);
}

/* For a dead letter, should it become one. */
static void keep_words(struct pending *p, const struct verdict *v)
{
	bool refused = v->kind == TOO_LARGE || v->kind == BAD_DATA;
	free(p->said);
	p->said = refused && v->said.len ? strndup(v->said.p, v->said.len < SAID_MAX ? v->said.len : SAID_MAX) : NULL;
	p->verdict.said = (slice){ 0 };
}

void delivery_done(struct delivery *d, const struct verdict *v)
{
	struct pending *p = (struct pending *)d;
	struct exporter *e = d->exporter;
	p->verdict = *v;
	keep_words(p, v);
	if (p->stage != e->stage)
		pending_forget_wire(p);
	p->stage->n_in_flight--;
	if (p->stage->retiring)
		exporter_stop_stage(p->stage);
	p->stage = NULL;
	e->n_in_flight--;
	count_sub(&e->stats->in_flight, 1);
	pending_push(&e->done, p);
	if (!e->in_pump)
		exporter_pump(e);
}

void exporter_drop_all(struct exporter *e, enum drop_reason reason)
{
	struct queue_entry *entry;
	struct pending *p;
	queue_collect(&e->queue);
	while ((entry = entry_take(e)))
		entry_drop(e, entry, reason);
	exporter_flush_due(e, 0); /* the mode is not RUN: all of them */
	while ((p = pending_pop(&e->ready)) || (p = pending_pop(&e->parts)) || (p = pending_pop(&e->waiting)) ||
	        (p = pending_pop(&e->suspects)))
		exporter_drop(e, p, reason);
}

static void evict(struct exporter *e)
{
	struct queue_entry *entry;
	uint64_t n = 0;
	while (queue_overfull(&e->queue) && (entry = entry_take(e))) {
		n += entry->record->n_items;
		entry_drop(e, entry, DROP_OVERFLOW);
	}
	if (n)
		log_warn(e->log, "Sending queue is full. Dropping the oldest data.", "dropped_items", LOG_U(n), NULL);
}

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool is_empty(const struct exporter *e)
{
	for (struct batcher *b = e->batchers; b; b = b->next)
		if (b->pieces.n)
			return false;
	return !e->n_in_flight && !e->ready.first && !e->parts.first && !e->waiting.first && !e->suspects.first &&
	        !e->done.first && !e->queue.first && !atomic_load(&e->queue.incoming) && !atomic_load(&e->n_rooms) &&
	        !(e->mode != MODE_ABANDON && stored_has_more(e));
}

/* Until then nothing is sent, whatever there is. */
static int64_t blocked_until(const struct exporter *e)
{
	int64_t open = circuit_until(&e->circuit);
	return open > e->paused_until_ns ? open : e->paused_until_ns;
}

/* When the next thing can be sent that time alone brings; what waits for room is sent when a delivery has ended. */
static int64_t next_send(const struct exporter *e, int64_t now)
{
	int64_t at = INT64_MAX, blocked = blocked_until(e);
	bool more = e->ready.first || e->parts.first || e->queue.first || stored_has_more(e) ||
	        (e->suspects.first && exporter_is_held(e));
	for (struct pending *p = e->waiting.first; p; p = p->next)
		at = earliest(at, p->due_ns);
	for (struct batcher *b = e->batchers; b; b = b->next)
		if (b->pieces.n)
			at = earliest(at, b->deadline_ns);
	if (at != INT64_MAX && at < blocked)
		at = blocked;
	if (more && blocked > now)
		at = earliest(at, blocked);
	return at <= now && e->n_in_flight ? INT64_MAX : at;
}

/* Sleeps until the next thing that time alone can bring. */
static void arm(struct exporter *e, int64_t now)
{
	int64_t at = earliest(next_send(e, now), exporter_judge_at(e));
	if (blocked_until(e) > now)
		for (struct pending *p = e->waiting.first; p; p = p->next)
			at = earliest(at, exporter_expiry(e, p));
	if (e->mode == MODE_DRAIN && !is_empty(e))
		at = earliest(at, e->drain_deadline_ns);
	if (e->mode != MODE_RUN && atomic_load(&e->n_rooms)) /* who leaves one does not wake anybody */
		at = earliest(at, now + LOOK_MS * NS_PER_MS);
	if (e->stored_again_ns > now) /* else it is asked with the next that can be sent */
		at = earliest(at, e->stored_again_ns);
	if (at == INT64_MAX)
		timer_stop(&e->timer);
	else
		timer_start(&e->timer, at > now ? at - now : 0);
}

static void on_drained(struct mail *m)
{
	struct exporter *e = CONTAINER_OF(m, struct exporter, drained);
	e->on_drained(e, e->on_drained_ctx);
}

static void report_drained(struct exporter *e)
{
	if (e->mode == MODE_RUN || e->drain_reported || !is_empty(e))
		return;
	e->drain_reported = true;
	e->drained.run = on_drained;
	loop_post(e->main_loop, &e->drained);
}

void exporter_pump(struct exporter *e)
{
	struct pending *p;
	int64_t now = loop_now(&e->loop);
	if (e->in_pump || e->closing)
		return;
	e->in_pump = true;
	for (;;) {
		while ((p = pending_pop(&e->done)))
			exporter_settle(e, p, now);
		if (blocked_until(e) > now)
			exporter_expire(e, now);
		exporter_judge(e, now);
		queue_collect(&e->queue);
		if (atomic_load_explicit(&e->drop_oldest, memory_order_relaxed))
			evict(e);
		if (e->cursor && atomic_exchange(&e->relieve, false))
			stored_relieve(e);
		/* what is stored waits better in the log than for a backend that fails */
		bool hopeless = e->cursor && exporter_state(e) != EXPORTER_OK;
		if (e->mode == MODE_DRAIN && (now >= e->drain_deadline_ns || hopeless))
			exporter_give_up(e);
		if (e->mode == MODE_ABANDON)
			exporter_drop_all(e, e->abandon_reason);
		exporter_flush_due(e, now);
		p = e->stage ? take_next(e, now) : NULL;
		if (!p && !e->done.first)
			break;
		if (p)
			begin(e, p, now);
	}
	e->in_pump = false;
	arm(e, now);
	report_drained(e);
}
