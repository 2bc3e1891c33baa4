/* exporter_send.c - the exporter's own thread: queue to batchers to deliveries to verdicts (see exporter.h).
 *
 * exporter_pump is the only driver. A delivery is in exactly one place: a batcher (as pieces), ready, in flight, waiting
 * for its retry, or done. A delivery that waits for a retry keeps its consumer, as in the Collector, so a dead
 * backend is tried by at most num_consumers deliveries while the rest stays in the queue. Every item that leaves is
 * counted once, in resolve. */
#include "lib/base/parse.h"
#include "lib/pipe/exporter_internal.h"

enum {
	HOLD_PROBE_S = 60,
	BLAMED_MAX = 5, /* so many deliveries in a row refused with 400: not every one of them can be bad */
	MIN_DELAY_MS = 1,
	MAX_BATCHERS = 1000, /* keys in use at once (the Collector's metadata_cardinality_limit) */
};

static void pending_push(struct pending_list *l, struct pending *p)
{
	p->next = NULL;
	if (l->last)
		l->last->next = p;
	else
		l->first = p;
	l->last = p;
	l->n++;
}

static struct pending *pending_pop(struct pending_list *l)
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

void pending_forget_wire(struct pending *p)
{
	buf_unref(p->d.wire);
	p->d.wire = NULL;
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

static struct exporter_counts *counts_of(struct exporter *e, enum signal s)
{
	return &e->stats->by_signal[signal_index(s)];
}

static void resolve_entry(struct exporter *e, struct queue_entry *entry)
{
	queue_release(&e->queue, entry->units, entry->record->body->len);
	queue_entry_free(entry);
}

/* Gives the pieces back; the items must have been counted under their outcome. */
static void resolve(struct exporter *e, struct pending *p)
{
	count_sub(&counts_of(e, p->d.signal)->queued, p->d.n_items);
	for (size_t i = 0; i < p->n_pieces; i++) {
		buf_unref(p->pieces[i].body);
		if (--p->pieces[i].entry->n_open == 0)
			resolve_entry(e, p->pieces[i].entry);
	}
	buf_unref(p->d.wire);
	free(p->d.bodies);
	free(p->pieces);
	free(p);
}

/* Ends a delivery: counts its items as dropped{reason}. */
static void drop(struct exporter *e, struct pending *p, enum drop_reason reason)
{
	struct exporter_counts *c = counts_of(e, p->d.signal);
	count_add(&c->dropped[reason], p->d.n_items);
	count_add(&c->send_failed, p->d.n_items);
	resolve(e, p);
}

static void drop_entry(struct exporter *e, struct queue_entry *entry, enum drop_reason reason)
{
	struct exporter_counts *c = counts_of(e, entry->record->signal);
	count_add(&c->dropped[reason], entry->record->n_items);
	if (reason == DROP_OVERFLOW) /* the Collector's alert on a full queue sees it, whichever data went */
		count_add(&c->enqueue_failed, entry->record->n_items);
	count_sub(&c->queued, entry->record->n_items);
	resolve_entry(e, entry);
}

/* Makes a ready delivery of a batcher's pieces; takes the vector. */
static void flush_pieces(struct exporter *e, struct piece *v, size_t n)
{
	struct pending *p = calloc(1, sizeof *p);
	struct buf **bodies = calloc(n, sizeof *bodies);
	if (!p || !bodies)
		abort();
	const struct record *r = v[0].entry->record;
	p->pieces = v;
	p->n_pieces = n;
	p->d.signal = r->signal;
	p->d.pipeline = r->pipeline;
	p->d.exporter = e;
	p->d.bodies = bodies;
	p->d.n_bodies = n;
	for (size_t i = 0; i < n; i++) {
		bodies[i] = v[i].body;
		p->d.n_items += v[i].n_items;
	}
	pending_push(&e->ready, p);
}

static void flush_one(struct exporter *e, const struct piece *piece)
{
	struct piece *v = malloc(sizeof(*v));
	if (!v)
		abort();
	*v = *piece;
	flush_pieces(e, v, 1);
}

static void flush_batcher(struct exporter *e, struct batcher *b)
{
	flush_pieces(e, b->pieces.v, b->pieces.n);
	b->pieces.v = NULL;
	b->pieces.n = b->pieces.cap = 0;
	b->n_items = b->n_bytes = 0;
}

static const struct batch_settings *settings_for(const struct exporter *e, const char *pipeline)
{
	static const struct batch_settings none = { .enabled = false };
	for (size_t i = 0; i < e->settings.n_batches; i++)
		if (e->settings.batches[i].pipeline == pipeline)
			return &e->settings.batches[i].batch;
	return &none;
}

/* NULL when clients chose so many keys that another one is not worth a batcher. */
static struct batcher *batcher_for(struct exporter *e, struct record *r)
{
	unsigned n = 0;
	for (struct batcher *b = e->batchers; b; b = b->next, n++)
		if (record_joinable(b->key, r))
			return b;
	if (n >= MAX_BATCHERS)
		return NULL;
	struct batcher *b = batcher_new(r);
	b->next = e->batchers;
	e->batchers = b;
	return b;
}

static void feed(struct exporter *e, struct queue_entry *entry)
{
	const struct batch_settings *s = settings_for(e, entry->record->pipeline);
	struct pieces pieces = { 0 };
	pieces_of(entry, s, &pieces);
	struct batcher *b = s->enabled ? batcher_for(e, entry->record) : NULL;
	if (!b && pieces.n == 1) {
		flush_pieces(e, pieces.v, 1);
		return;
	}
	if (!b) {
		for (size_t i = 0; i < pieces.n; i++)
			flush_one(e, &pieces.v[i]);
		free(pieces.v);
		return;
	}
	for (size_t i = 0; i < pieces.n; i++) {
		if (!batcher_fits(b, s, &pieces.v[i]))
			flush_batcher(e, b);
		if (batcher_add(b, s, &pieces.v[i], loop_now(&e->loop)))
			flush_batcher(e, b);
	}
	free(pieces.v);
}

/* Flushes what is due (everything while draining) and frees batchers of keys that went quiet. */
static void flush_due(struct exporter *e, int64_t now)
{
	for (struct batcher **at = &e->batchers; *at;) {
		struct batcher *b = *at;
		if (b->pieces.n && (e->mode != MODE_RUN || b->deadline_ns <= now))
			flush_batcher(e, b);
		if (!b->pieces.n && b->deadline_ns + 10 * NS_PER_S < now) {
			*at = b->next;
			batcher_free(b);
		} else {
			at = &b->next;
		}
	}
}

static struct pending *take_due(struct exporter *e, int64_t now)
{
	struct pending *prev = NULL;
	for (struct pending *p = e->waiting.first; p; prev = p, p = p->next) {
		if (p->due_ns > now)
			continue;
		if (prev)
			prev->next = p->next;
		else
			e->waiting.first = p->next;
		if (e->waiting.last == p)
			e->waiting.last = prev;
		e->waiting.n--;
		return p;
	}
	return NULL;
}

static struct pending *take_next(struct exporter *e, int64_t now)
{
	bool held = exporter_state(e) == EXPORTER_HELD;
	size_t limit = held ? 1 : e->settings.n_consumers;
	if (e->paused_until_ns > now || e->n_in_flight >= limit)
		return NULL;
	struct pending *p = take_due(e, now);
	if (p)
		return p;
	if (e->n_in_flight + e->waiting.n >= e->settings.n_consumers)
		return NULL;
	while (!e->ready.first) {
		struct queue_entry *entry = queue_take(&e->queue);
		if (!entry)
			return NULL;
		feed(e, entry);
	}
	return pending_pop(&e->ready);
}

static void begin(struct exporter *e, struct pending *p, int64_t now)
{
	if (!p->backoff.started_ns)
		p->backoff.started_ns = now;
	p->stage = e->stage;
	e->stage->n_in_flight++;
	e->n_in_flight++;
	count_add(&e->stats->n_deliveries, 1);
	count_add(&e->stats->n_retries, p->d.attempt > 0);
	count_add(&e->stats->in_flight, 1);
	e->type->send(&e->stage->stage, &p->d);
}

void delivery_done(struct delivery *d, const struct verdict *v)
{
	struct pending *p = (struct pending *)d;
	struct exporter *e = d->exporter;
	p->verdict = *v;
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

/* Uniform in [0, 1): xorshift64*, good enough to spread retries. */
static double next_random(struct exporter *e)
{
	uint64_t x = e->random | 1;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	e->random = x;
	return (double)((x * UINT64_C(0x2545F4914F6CDD1D)) >> 11) / (double)(UINT64_C(1) << 53);
}

static void set_state(struct exporter *e, enum exporter_state to, const char *why)
{
	enum exporter_state from = (enum exporter_state)atomic_exchange(&e->state, (int)to);
	if (from == to)
		return;
	if (to == EXPORTER_HELD)
		log_error(e->log, "Exporter is held: data is kept, a probe is sent every 60 s", "reason", why, NULL);
	else if (to == EXPORTER_OK)
		log_info(e->log, "Exporter delivers again", NULL);
}

static void retry(struct exporter *e, struct pending *p, int64_t now)
{
	const struct retry_conf *c = &e->settings.retry;
	const struct verdict *v = &p->verdict;
	if (v->retry_after_ns > 0 && e->paused_until_ns < now + v->retry_after_ns)
		e->paused_until_ns = now + v->retry_after_ns;
	if (!c->enabled) {
		log_error(e->log, "Exporting failed. Dropping data.", "error", v->text, "dropped_items",
		        LOG_U(p->d.n_items), NULL);
		drop(e, p, DROP_RETRY_OFF);
		return;
	}
	int64_t delay = backoff_next(&p->backoff, c, now, v->retry_after_ns, next_random(e));
	if (delay < 0) {
		log_error(e->log, "Exporting failed. Dropping data.", "error", "no more retries left", "cause", v->text,
		        "dropped_items", LOG_U(p->d.n_items), NULL);
		drop(e, p, DROP_MAX_ELAPSED);
		return;
	}
	if (delay < MIN_DELAY_MS * NS_PER_MS)
		delay = MIN_DELAY_MS * NS_PER_MS; /* an interval of 0 must not spin */
	char wait[32];
	format_duration((duration){ delay }, wait);
	log_info(e->log, "Exporting failed. Will retry the request after interval.", "error", v->text, "interval", wait,
	        NULL);
	set_state(e, EXPORTER_RETRYING, v->text);
	p->due_ns = now + delay;
	p->d.attempt++;
	pending_push(&e->waiting, p);
}

static void hold(struct exporter *e, struct pending *p, int64_t now)
{
	set_state(e, EXPORTER_HELD, p->verdict.text);
	e->paused_until_ns = now + HOLD_PROBE_S * NS_PER_S;
	p->due_ns = now;
	p->d.attempt++;
	p->backoff = (struct backoff){ 0 }; /* the time held is the exporter's fault, not the data's */
	pending_push(&e->waiting, p);
}

/* The destination takes or judges data again: what was held need not wait for the next probe. A pause that it asked
 * for by Retry-After stays. */
static void end_hold(struct exporter *e)
{
	if (exporter_state(e) == EXPORTER_HELD)
		e->paused_until_ns = 0;
}

static void reject(struct exporter *e, struct pending *p, int64_t now)
{
	struct exporter_counts *c = counts_of(e, p->d.signal);
	e->n_blamed = p->verdict.blames_data ? e->n_blamed + 1 : 0;
	if (e->n_blamed >= BLAMED_MAX && e->mode == MODE_RUN) {
		hold(e, p, now);
		return;
	}
	end_hold(e);
	atomic_store(&e->state, EXPORTER_OK); /* it answers, and the fault is the data's */
	log_error(e->log, "Exporting failed. Dropping data.", "error", p->verdict.text, "dropped_items",
	        LOG_U(p->d.n_items), NULL);
	count_add(&c->rejected, p->d.n_items);
	count_add(&c->send_failed, p->d.n_items);
	resolve(e, p);
}

static void settle(struct exporter *e, struct pending *p, int64_t now)
{
	struct exporter_counts *c = counts_of(e, p->d.signal);
	const struct verdict *v = &p->verdict;
	uint32_t n_rejected = v->n_rejected < p->d.n_items ? v->n_rejected : p->d.n_items;
	if (e->mode == MODE_ABANDON && v->kind != DELIVERED && v->kind != REJECTED) {
		drop(e, p, e->abandon_reason);
		return;
	}
	switch (v->kind) {
	case DELIVERED:
		end_hold(e);
		e->n_blamed = 0;
		set_state(e, EXPORTER_OK, "");
		count_add(&c->delivered, p->d.n_items - n_rejected);
		count_add(&c->rejected, n_rejected);
		resolve(e, p);
		break;
	case REJECTED:
		reject(e, p, now);
		break;
	case RETRY:
		retry(e, p, now);
		break;
	case HOLD:
		hold(e, p, now);
		break;
	}
}

void exporter_drop_all(struct exporter *e, enum drop_reason reason)
{
	struct queue_entry *entry;
	struct pending *p;
	queue_collect(&e->queue);
	while ((entry = queue_take(&e->queue)))
		drop_entry(e, entry, reason);
	flush_due(e, 0); /* the mode is not RUN: all of them */
	while ((p = pending_pop(&e->ready)) || (p = pending_pop(&e->waiting)))
		drop(e, p, reason);
}

static void evict(struct exporter *e)
{
	struct queue_entry *entry;
	uint64_t n = 0;
	while (queue_overfull(&e->queue) && (entry = queue_take(&e->queue))) {
		n += entry->record->n_items;
		drop_entry(e, entry, DROP_OVERFLOW);
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
	return !e->n_in_flight && !e->ready.first && !e->waiting.first && !e->done.first && !e->queue.first &&
	        !atomic_load(&e->queue.incoming);
}

/* Sleeps until the next thing that time alone can bring. */
static void arm(struct exporter *e, int64_t now)
{
	int64_t at = INT64_MAX;
	for (struct pending *p = e->waiting.first; p; p = p->next)
		at = earliest(at, p->due_ns);
	for (struct batcher *b = e->batchers; b; b = b->next)
		if (b->pieces.n)
			at = earliest(at, b->deadline_ns);
	if (at != INT64_MAX && at < e->paused_until_ns)
		at = e->paused_until_ns;
	if ((e->ready.first || e->queue.first) && e->paused_until_ns > now)
		at = earliest(at, e->paused_until_ns);
	if (at <= now && e->n_in_flight)
		at = INT64_MAX; /* the end of a send pumps again */
	if (e->mode == MODE_DRAIN && !is_empty(e))
		at = earliest(at, e->drain_deadline_ns);
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
			settle(e, p, now);
		queue_collect(&e->queue);
		if (atomic_load_explicit(&e->drop_oldest, memory_order_relaxed))
			evict(e);
		if (e->mode == MODE_DRAIN && now >= e->drain_deadline_ns)
			exporter_give_up(e);
		if (e->mode == MODE_ABANDON)
			exporter_drop_all(e, e->abandon_reason);
		flush_due(e, now);
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
