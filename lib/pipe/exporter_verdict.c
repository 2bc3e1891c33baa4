/* exporter_verdict.c - what the answer to a delivery does to it and to its exporter (see exporter_internal.h).
 *
 * Every item that leaves is counted once, in resolve, and tallied to the entry it came from. A passing fault is retried by the Collector's
 * rules, per delivery; the circuit decides whether anything is sent at all meanwhile. */
#include "lib/base/parse.h"
#include "lib/pipe/exporter_internal.h"
#include "lib/pipe/exporter_stored.h"

enum { HOLD_PROBE_S = 60, MIN_DELAY_MS = 1, JITTER = 10 /* percent of a Retry-After that is added at most */ };

enum fate { FATE_DELIVERED, FATE_REJECTED, FATE_DEAD_LETTERED, FATE_DROPPED };

static _Atomic uint64_t *counter_of(struct exporter_counts *c, enum fate f, enum drop_reason r)
{
	switch (f) {
	case FATE_DELIVERED:
		return &c->delivered;
	case FATE_REJECTED:
		return &c->rejected;
	case FATE_DEAD_LETTERED:
		return &c->dead_lettered;
	case FATE_DROPPED:
		break;
	}
	return &c->dropped[r];
}

static uint32_t *tally_of(struct outcome *o, enum fate f, enum drop_reason r)
{
	switch (f) {
	case FATE_DELIVERED:
		return &o->delivered;
	case FATE_REJECTED:
		return &o->rejected;
	case FATE_DEAD_LETTERED:
		return &o->dead_lettered;
	case FATE_DROPPED:
		break;
	}
	return &o->dropped[r];
}

/* n items of this signal met this fate. */
static void count_fate(struct exporter *e, enum signal signal, enum fate f, enum drop_reason r, uint32_t n)
{
	struct exporter_counts *c = &e->stats->by_signal[signal_index(signal)];
	count_add(counter_of(c, f, r), n);
	if (f != FATE_DELIVERED)
		count_add(&c->send_failed, n);
	count_sub(&c->queued, n);
}

static void end_piece(struct exporter *e, struct piece *piece)
{
	struct queue_entry *entry = piece->entry;
	buf_unref(piece->body);
	if (--entry->n_open > 0)
		return;
	if (entry->kept)
		queue_entry_free(entry);
	else
		entry_resolve(e, entry);
}

/* Ends a delivery: n_rejected of its items were refused by partialSuccess (the first ones, as nobody says which), the others met
 * this fate. `r` is the reason of FATE_DROPPED. */
static void resolve(struct exporter *e, struct pending *p, enum fate f, enum drop_reason r, uint32_t n_rejected)
{
	count_fate(e, p->d.signal, f, r, p->d.n_items - n_rejected);
	if (n_rejected)
		count_fate(e, p->d.signal, FATE_REJECTED, 0, n_rejected);
	for (size_t i = 0; i < p->n_pieces; i++) {
		struct piece *piece = &p->pieces[i];
		uint32_t refused = piece->n_items < n_rejected ? piece->n_items : n_rejected;
		n_rejected -= refused;
		piece->entry->outcome.rejected += refused;
		*tally_of(&piece->entry->outcome, f, r) += piece->n_items - refused;
		end_piece(e, piece);
	}
	pending_free(p);
}

/* What is in the log stays there; what is in memory only is dropped. */
static void keep(struct exporter *e, struct pending *p, enum drop_reason reason)
{
	for (size_t i = 0; i < p->n_pieces; i++) {
		struct piece *piece = &p->pieces[i];
		piece->entry->kept |= piece->entry->seq != 0;
		if (!piece->entry->seq) {
			count_fate(e, p->d.signal, FATE_DROPPED, reason, piece->n_items);
			piece->entry->outcome.dropped[reason] += piece->n_items;
		}
		end_piece(e, piece);
	}
	pending_free(p);
}

void exporter_drop(struct exporter *e, struct pending *p, enum drop_reason reason)
{
	if (stored_keeps(e))
		keep(e, p, reason);
	else
		resolve(e, p, FATE_DROPPED, reason, 0);
}

void exporter_bury(struct exporter *e, struct pending *p)
{
	const struct verdict *v = &p->verdict;
	for (size_t i = 0; i < p->n_pieces; i++)
		dead_letter(e,
		        &(struct letter){
		                .signal = p->d.signal,
		                .pipeline = p->d.pipeline,
		                .n_items = p->pieces[i].n_items,
		                .body = p->pieces[i].body,
		                .reason = v->kind == TOO_LARGE ? LETTER_TOO_LARGE : LETTER_BAD_REQUEST,
		                .status = v->status,
		                .text = slice_of(p->said ? p->said : v->text),
		        });
	resolve(e, p, FATE_DEAD_LETTERED, 0, 0);
}

/* xorshift64*, good enough to spread retries. */
double exporter_random(struct exporter *e)
{
	uint64_t x = e->random | 1;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	e->random = x;
	return (double)((x * UINT64_C(0x2545F4914F6CDD1D)) >> 11) / (double)(UINT64_C(1) << 53);
}

bool exporter_is_held(const struct exporter *e)
{
	return exporter_state(e) == EXPORTER_HELD;
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

void exporter_hold(struct exporter *e, int64_t now, const char *why)
{
	set_state(e, EXPORTER_HELD, why);
	e->paused_until_ns = now + HOLD_PROBE_S * NS_PER_S;
}

/* p waits for the end of the hold. */
static void hold(struct exporter *e, struct pending *p, int64_t now)
{
	exporter_hold(e, now, p->verdict.text);
	p->due_ns = now;
	p->d.attempt++;
	p->backoff = (struct backoff){ 0 }; /* the time held is the exporter's fault, not the data's */
	pending_push(&e->waiting, p);
}

/* The destination takes or judges data: what was held need not wait for the next probe, but comes slowly. A pause that
 * it asked for by Retry-After stays. */
void exporter_end_hold(struct exporter *e, bool delivers)
{
	if (exporter_is_held(e)) {
		e->paused_until_ns = 0;
		circuit_ramp(&e->circuit);
		for (struct pending *p = e->waiting.first; p; p = p->next)
			p->backoff = (struct backoff){ 0 };
	}
	if (delivers)
		set_state(e, EXPORTER_OK, "");
	else
		atomic_store(&e->state, EXPORTER_OK); /* it answers, and the fault is the data's */
}

/* What the Collector's rules say, but that a stored queue is never given up. */
static struct retry_conf retry_of(const struct exporter *e)
{
	struct retry_conf c = e->settings.retry;
	if (e->settings.stored)
		c.max_elapsed_time.ns = 0;
	return c;
}

static void give_up(struct exporter *e, struct pending *p, const char *why, enum drop_reason reason)
{
	log_error(e->log, "Exporting failed. Dropping data.", "error", why, "cause", p->verdict.text, "dropped_items",
	        LOG_U(p->d.n_items), NULL);
	exporter_drop(e, p, reason);
}

static void wait_for_retry(struct exporter *e, struct pending *p, int64_t now, int64_t delay)
{
	char wait[32];
	if (delay < MIN_DELAY_MS * NS_PER_MS)
		delay = MIN_DELAY_MS * NS_PER_MS; /* an interval of 0 must not spin */
	format_duration((duration){ delay }, wait);
	log_info(e->log, "Exporting failed. Will retry the request after interval.", "error", p->verdict.text,
	        "interval", wait, NULL);
	set_state(e, EXPORTER_RETRYING, p->verdict.text);
	p->due_ns = now + delay;
	p->d.attempt++;
	pending_push(&e->waiting, p);
}

static void retry(struct exporter *e, struct pending *p, int64_t now)
{
	struct retry_conf c = retry_of(e);
	int64_t asked = p->verdict.retry_after_ns;
	asked += (int64_t)((double)asked * JITTER / 100 * exporter_random(e));
	if (asked > 0 && e->paused_until_ns < now + asked)
		e->paused_until_ns = now + asked;
	if (!c.enabled) {
		circuit_reset(&e->circuit);
		give_up(e, p, "retry is disabled", DROP_RETRY_OFF);
		return;
	}
	if (circuit_failed(&e->circuit, now, &c, exporter_random(e)))
		log_warn(e->log, "Destination keeps failing: sending pauses, then one delivery finds out", "error",
		        p->verdict.text, NULL);
	if (exporter_is_held(e)) { /* the probe met another fault: nothing is known about the first one */
		hold(e, p, now);
		return;
	}
	int64_t delay = backoff_next(&p->backoff, &c, now, asked, exporter_random(e));
	if (delay < 0)
		give_up(e, p, "no more retries left", DROP_MAX_ELAPSED);
	else
		wait_for_retry(e, p, now, delay);
}

int64_t exporter_expiry(const struct exporter *e, const struct pending *p)
{
	int64_t limit = retry_of(e).max_elapsed_time.ns;
	if (limit <= 0 || !p->backoff.started_ns || exporter_is_held(e))
		return INT64_MAX;
	int64_t at = p->backoff.started_ns + limit + 1;
	return at > p->due_ns ? at : p->due_ns;
}

void exporter_expire(struct exporter *e, int64_t now)
{
	struct pending_list all = e->waiting;
	struct pending *p;
	e->waiting = (struct pending_list){ 0 };
	while ((p = pending_pop(&all)))
		if (exporter_expiry(e, p) <= now)
			give_up(e, p, "no more retries left", DROP_MAX_ELAPSED);
		else
			pending_push(&e->waiting, p);
}

static void reject(struct exporter *e, struct pending *p)
{
	exporter_trust(e, NULL);
	exporter_end_hold(e, false);
	log_error(e->log, "Exporting failed. Dropping data.", "error", p->verdict.text, "dropped_items",
	        LOG_U(p->d.n_items), NULL);
	resolve(e, p, FATE_REJECTED, 0, 0);
}

static void deliver(struct exporter *e, struct pending *p, int64_t now)
{
	uint32_t n = p->verdict.n_rejected;
	uint64_t before = e->size.limit;
	exporter_trust(e, p);
	exporter_end_hold(e, true);
	size_accepted(&e->size, delivery_bytes(&p->d), now);
	if (before && !e->size_told) {
		e->size_told = true;
		log_warn(e->log, "Destination refuses large requests: they are cut to this size from now on", "bytes",
		        LOG_U(e->size.limit), NULL);
	}
	resolve(e, p, FATE_DELIVERED, 0, n < p->d.n_items ? n : p->d.n_items);
}

void exporter_settle(struct exporter *e, struct pending *p, int64_t now)
{
	enum verdict_kind kind = p->verdict.kind;
	if (e->mode == MODE_ABANDON && kind != DELIVERED && kind != REJECTED) {
		exporter_drop(e, p, e->abandon_reason);
		return;
	}
	if (kind != RETRY)
		circuit_succeeded(&e->circuit, now, e->settings.n_consumers);
	switch (kind) {
	case DELIVERED:
		deliver(e, p, now);
		break;
	case REJECTED:
		reject(e, p);
		break;
	case TOO_LARGE:
		exporter_too_large(e, p, now);
		break;
	case BAD_DATA:
		exporter_refused(e, p, now);
		break;
	case RETRY:
		retry(e, p, now);
		break;
	case HOLD:
		hold(e, p, now);
		break;
	}
}
