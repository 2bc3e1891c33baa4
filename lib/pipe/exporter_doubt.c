/* exporter_doubt.c - who is to blame for a 400: the data, or the exporter (see exporter_internal.h, poison.h).
 *
 * A delivery that is refused while others are accepted is to blame itself: it is cut until its bad items are found. When nothing has been
 * accepted since, the exporter is doubted: it may have the wrong URL, key or dialect, and then cutting would be a storm that ends with all
 * data in dead letters. Doubt means: one delivery is out at a time; the first one refused is cut depth first, which finds out with few
 * requests whether anything smaller is accepted; all other refused ones wait as suspects. It ends
 *	- by an acceptance: the suspects are to blame;
 *	- by the third delivery refused whole in a row: the exporter is held, everything is kept, one probe a minute;
 *	- by silence: nothing else comes to compare with for DOUBT_S, so the suspects are dead-lettered.
 */
#include "lib/pipe/exporter_internal.h"

enum {
	BLAMED_MAX = 3, /* so many different deliveries in a row refused whole: not every one of them can be bad */
	DOUBT_S = 6, /* longer than the 5 s between two exports of an SDK */
	SIZE_MIN = 1024, /* what is refused as too large below this is refused for something else */
};

bool exporter_is_doubted(const struct exporter *e)
{
	return e->doubt.n_blamed && (e->mode == MODE_RUN || e->settings.stored);
}

static struct origin *origin_of(struct pending *p)
{
	if (p->origin)
		return p->origin;
	p->origin = calloc(1, sizeof *p->origin);
	if (!p->origin)
		abort();
	*p->origin = (struct origin){ .n_parts = 1, .n_items = p->d.n_items, .n_requests = 1 };
	return p->origin;
}

void origin_unref(struct exporter *e, struct origin *o, enum signal signal)
{
	if (!o || --o->n_parts)
		return;
	if (!o->accepted && (o->blamed || o->vouched))
		e->doubt.n_hopeless[signal_index(signal)]++;
	if (e->doubt.tried == o)
		e->doubt.tried = NULL;
	free(o);
}

/* The destination judges data. Held for data it stays: a refusal is no sign that it works. */
static void answered(struct exporter *e, int64_t now)
{
	if (e->doubt.holds)
		exporter_hold(e, now, "");
	else
		exporter_end_hold(e, false);
}

/* Has it come to as many requests as it may? */
static bool is_spent(const struct exporter *e, const struct origin *o, bool too_large, enum signal signal)
{
	unsigned hopeless = e->doubt.n_hopeless[signal_index(signal)];
	return o->n_requests + 2 > origin_max_requests(o, too_large, hopeless) ||
	        (!too_large && o->n_poison >= POISON_MAX);
}

/* Cuts p and queues the parts; takes it when that can be done within its bounds. As long as nothing of it was accepted it goes depth first,
 * to the nearest thing that is; later breadth first: so the bound, when it is met, leaves the smallest pieces uncut. */
static bool cut(struct exporter *e, struct pending *p)
{
	struct origin *o = origin_of(p);
	bool too_large = p->verdict.kind == TOO_LARGE;
	if (p->whole || is_spent(e, o, too_large, p->d.signal))
		return false;
	struct pending_list parts = pending_cut(p, too_large);
	if (!parts.first) {
		p->whole = true;
		return false;
	}
	o->n_requests += (uint32_t)parts.n;
	if (!o->accepted)
		pending_join_front(&e->parts, &parts);
	for (struct pending *part; (part = pending_pop(&parts));)
		pending_push(&e->parts, part);
	return true;
}

static void cut_or_bury(struct exporter *e, struct pending *p)
{
	struct origin *o = origin_of(p);
	if (cut(e, p))
		return;
	o->n_poison += p->verdict.kind == BAD_DATA && p->whole;
	exporter_bury(e, p);
}

void exporter_refused(struct exporter *e, struct pending *p, int64_t now)
{
	struct origin *o = origin_of(p);
	pending_forget_wire(p);
	p->backoff = (struct backoff){ 0 };
	answered(e, now);
	if (!o->accepted && !o->vouched && !o->blamed) {
		o->blamed = true;
		e->doubt.n_blamed++;
	}
	e->doubt.blamed_ns = now;
	if (!e->doubt.holds ||
	        !cut(e, p)) /* the next probe is smaller: a hold that was wrong finds something that passes */
		pending_push(&e->suspects, p);
}

void exporter_too_large(struct exporter *e, struct pending *p, int64_t now)
{
	uint64_t size = delivery_bytes(&p->d);
	origin_of(p);
	if (size < SIZE_MIN) {
		p->verdict.kind = BAD_DATA;
		exporter_refused(e, p, now);
		return;
	}
	pending_forget_wire(p);
	answered(e, now);
	if (cut(e, p))
		size_refused(&e->size, size, now);
	else
		exporter_bury(e, p);
}

/* The suspects had no part in it. What was refused while the exporter was held is sent once more: the exporter was to blame, and may
 * not be any more. A second refusal is the data's. */
static void acquit(struct exporter *e, bool again)
{
	struct pending_list all = e->suspects;
	struct pending *p;
	e->suspects = (struct pending_list){ 0 };
	while ((p = pending_pop(&all))) {
		p->origin->vouched = true;
		p->d.attempt += again;
		pending_push(again ? &e->parts : &e->suspects, p);
	}
}

void exporter_trust(struct exporter *e, struct pending *p)
{
	if (p && p->origin)
		p->origin->accepted = true;
	if (p)
		e->doubt.n_hopeless[signal_index(p->d.signal)] = 0;
	if (!e->doubt.n_blamed)
		return;
	e->doubt.n_blamed = 0;
	acquit(e, e->doubt.holds);
	e->doubt.holds = false;
	e->doubt.tried = NULL;
}

/* Is there nothing left to try of what was cut? */
static bool is_tried(const struct exporter *e)
{
	const struct origin *o = e->doubt.tried;
	return (!e->parts.first && !e->waiting.first && !e->n_in_flight) ||
	        (o && is_spent(e, o, false, e->doubt.signal));
}

/* And nothing else that may tell more? */
static bool is_silent(const struct exporter *e)
{
	return !e->parts.first && !e->waiting.first && !e->n_in_flight && !e->ready.first && !e->queue.first;
}

/* Is p to be cut now? */
static bool may_cut(struct exporter *e, const struct pending *p)
{
	const struct origin *o = p->origin;
	if (o->accepted || o->vouched || !exporter_is_doubted(e))
		return true;
	if (!e->doubt.tried) {
		e->doubt.tried = p->origin;
		e->doubt.signal = p->d.signal;
	}
	return o == e->doubt.tried && !p->whole;
}

static void judge(struct exporter *e, struct pending *p)
{
	bool doubted = exporter_is_doubted(e) && !p->origin->accepted && !p->origin->vouched;
	if (!may_cut(e, p))
		pending_push(&e->suspects, p);
	else if (!doubted && e->doubt.n_blamed >= BLAMED_MAX && !p->origin->accepted && !p->origin->vouched)
		exporter_bury(e, p); /* draining: no storm at the end */
	else if (!doubted)
		cut_or_bury(e, p);
	else if (!cut(e, p))
		pending_push(&e->suspects, p);
}

static void hold(struct exporter *e, int64_t now, const char *why)
{
	e->doubt.holds = true;
	exporter_hold(e, now, why);
}

void exporter_judge(struct exporter *e, int64_t now)
{
	struct pending_list all = e->suspects;
	struct pending *p;
	if (e->doubt.holds &&
	        !exporter_is_doubted(e)) { /* a drain: each is sent once more, and what is refused is kept as letters */
		e->doubt.holds = false;
		exporter_end_hold(e, false);
	}
	if (e->doubt.holds)
		return;
	if (!all.first) { /* what was refused may have ended otherwise, by a retry that is not allowed: the doubt stays */
		if (exporter_is_doubted(e) && e->doubt.n_blamed >= BLAMED_MAX && is_tried(e))
			hold(e, now, "everything is refused");
		return;
	}
	e->suspects = (struct pending_list){ 0 };
	while ((p = pending_pop(&all)))
		judge(e, p);
	if (!e->suspects.first)
		return;
	if (e->doubt.n_blamed >= BLAMED_MAX && is_tried(e)) {
		hold(e, now, e->suspects.last->verdict.text);
	} else if (is_silent(e) && now >= e->doubt.blamed_ns + DOUBT_S * NS_PER_S) {
		while ((p = pending_pop(&e->suspects)))
			exporter_bury(e, p);
	}
}

int64_t exporter_judge_at(const struct exporter *e)
{
	if (!e->suspects.first || e->doubt.holds || !is_silent(e))
		return INT64_MAX;
	return e->doubt.blamed_ns + DOUBT_S * NS_PER_S;
}

struct pending *exporter_take_part(struct exporter *e, int64_t now)
{
	uint64_t limit = size_now(&e->size, now);
	for (struct pending *p; (p = pending_pop(&e->parts));) {
		bool over = limit && !p->whole && delivery_bytes(&p->d) > limit;
		struct origin *o = p->origin;
		struct pending_list parts = over ? pending_cut(p, true) : (struct pending_list){ 0 };
		if (!parts.first) {
			p->whole |= over;
			return p;
		}
		o->n_requests += (uint32_t)parts.n - 1;
		pending_join_front(&e->parts, &parts);
	}
	return NULL;
}

enum freshness exporter_fresh(const struct exporter *e)
{
	if (!exporter_is_doubted(e))
		return FRESH_LAST;
	if (e->doubt.n_blamed >= BLAMED_MAX)
		return FRESH_NEVER;
	return is_tried(e) ? FRESH_FIRST : FRESH_LAST;
}
