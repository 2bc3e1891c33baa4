/* sim_far.c - the destinations of the simulated program (see sim.h).
 *
 * A destination takes data when a send begins or when it is answered, and what it says may be another thing than what it did. When the
 * process is dead, what its ghost sends does not arrive. */
#include "lib/pipe/delivery.h"
#include "tests/unit/rig/sim.h"

enum { SLOTS = 16 };

struct far_conf {
	struct exporter_conf exporter; /* first */
};

/* Those of nop: the plan is made with them. */
static const struct conf_field fields[] = {
	CONF_INLINE(far_conf, exporter, exporter_conf, exporter_fields, "What every exporter has.",
	        .def = "sending_queue.enabled=false"),
	CONF_END,
};

struct far_state {
	struct sim *sim;
	struct sim_far *far;
	unsigned index;
	struct stage *stage;
	struct timer timer;
	struct far_send {
		struct delivery *d; /* NULL: free */
		int64_t due_ns;
		bool accepts, took; /* it will take it, it has */
		struct verdict verdict;
	} sends[SLOTS];
	bool stopping;
};

static struct sim *sim_of(const struct stage *s)
{
	return s->core->o.random_ctx;
}

static bool one_in(const struct sim *s, uint32_t id, unsigned n, uint64_t salt)
{
	struct fake_random r = { s->seed * 31 + id * UINT64_C(0x9e3779b97f4a7c15) + salt };
	return n && fake_random_below(&r, n) == 0;
}

bool sim_is_poison(const struct sim *s, uint32_t id)
{
	return one_in(s, id, s->poison, 1);
}

bool sim_is_rejected(const struct sim *s, uint32_t id)
{
	return one_in(s, id, s->rejects, 2);
}

unsigned sim_far_index(const char *id)
{
	return (unsigned)(id[strlen(id) - 1] - 'a');
}

/* One delivery's items. */
struct look {
	struct sim *sim;
	struct far_state *far;
	void (*each)(struct look *l, uint32_t id);
	uint32_t n, n_poison, n_rejected;
};

static void look_at(void *ctx, uint32_t id, uint32_t sum)
{
	struct look *l = ctx;
	l->n++;
	if (id >= l->sim->n_ids || l->sim->sums[id] != sum) {
		sim_fail(l->sim, "destination %u got an item that nobody sent: %u", l->far->index, id);
		return;
	}
	l->n_poison += sim_is_poison(l->sim, id);
	l->n_rejected += sim_is_rejected(l->sim, id);
	if (l->each)
		l->each(l, id);
}

static struct look look(struct far_state *f, const struct delivery *d, void (*each)(struct look *l, uint32_t id))
{
	struct look l = { .sim = f->sim, .far = f, .each = each };
	for (size_t i = 0; i < d->n_bodies; i++)
		if (!sim_items(d->signal, buf_slice(d->bodies[i]), look_at, &l))
			sim_fail(f->sim, "destination %u got what is no request", f->index);
	if (l.n != d->n_items)
		sim_fail(f->sim, "destination %u got %u items in a delivery of %u", f->index, l.n, d->n_items);
	return l;
}

static void arrive(struct look *l, uint32_t id)
{
	if (!sim_is_rejected(l->sim, id))
		sim_check_arrival(l->sim, l->far->index, id);
}

static void excuse(struct look *l, uint32_t id)
{
	l->far->far->excused[id]++;
}

static void mark_refused(struct look *l, uint32_t id)
{
	l->far->far->refused[id] = true;
}

static void mark_answered(struct look *l, uint32_t id)
{
	l->far->far->answered_ns[id] = l->sim->clock.mono_ns;
}

static void mark_sent(struct look *l, uint32_t id)
{
	l->far->far->answered_ns[id] = 0;
}

static void take(struct far_state *f, struct far_send *x)
{
	if (!f->sim->dead)
		look(f, x->d, arrive);
	x->took = true;
}

static void say(struct far_send *x, enum verdict_kind kind, int status, const char *text)
{
	x->verdict.kind = kind;
	x->verdict.status = status;
	x->verdict.said = slice_of(text);
	snprintf(x->verdict.text, sizeof x->verdict.text, "%s", text);
}

/* It looks at the data, as one that works. */
static void judge(struct far_state *f, struct far_send *x)
{
	struct sim *s = f->sim;
	struct look l = look(f, x->d, NULL);
	x->accepts = !l.n_poison && (!f->far->size_limit || delivery_bytes(x->d) <= f->far->size_limit);
	if (!x->accepts && l.n_poison)
		say(x, BAD_DATA, 400, "poison");
	else if (!x->accepts)
		say(x, TOO_LARGE, 413, "too large");
	else if (!s->calm && sim_chance(s, 3))
		say(x, RETRY, 0, "connection reset"); /* and it took it */
	else if (!s->calm && sim_chance(s, 3)) {
		x->accepts = false;
		say(x, RETRY, 503, "a moment please");
	} else {
		say(x, DELIVERED, 200, "");
		x->verdict.n_rejected = l.n_rejected;
	}
}

static void decide(struct far_state *f, struct far_send *x)
{
	struct sim *s = f->sim;
	switch (f->far->mood) {
	case MOOD_FINE:
	case N_MOODS:
		judge(f, x);
		break;
	case MOOD_DOWN:
		x->accepts = sim_chance(s, 15) && look(f, x->d, NULL).n_poison == 0;
		say(x, RETRY, 0, "timeout");
		break;
	case MOOD_BUSY:
		say(x, RETRY, 429, "busy");
		x->verdict.retry_after_ns = (int64_t)sim_below(s, 4) * NS_PER_S;
		break;
	case MOOD_DENIED:
		say(x, HOLD, 401, "who are you");
		break;
	case MOOD_WRONG:
		say(x, BAD_DATA, 400, "wrong door");
		break;
	case MOOD_REFUSES:
		say(x, REJECTED, 500, "no");
		break;
	}
}

static void on_closed(struct timer *t);

/* For the next answer; the last one of a stage that stops is followed by its end. */
static void arm(struct far_state *f)
{
	int64_t at = INT64_MAX;
	for (size_t i = 0; i < SLOTS; i++)
		if (f->sends[i].d && f->sends[i].due_ns < at)
			at = f->sends[i].due_ns;
	if (at != INT64_MAX)
		timer_start(&f->timer, at - f->sim->clock.mono_ns);
	else if (f->stopping)
		timer_close(&f->timer, on_closed);
}

static void count_verdict(struct far_state *f, const struct far_send *x)
{
	struct sim *s = f->sim;
	s->counts[SIM_HELD] += x->verdict.kind == HOLD;
	s->counts[SIM_REFUSED] += x->verdict.kind == BAD_DATA;
	s->counts[SIM_CUT] += x->verdict.kind == TOO_LARGE;
	s->counts[SIM_REJECTED] += x->verdict.n_rejected + (x->verdict.kind == REJECTED);
	s->counts[SIM_ANSWER_LOST] += x->took && x->verdict.kind == RETRY;
}

static void answer(struct far_state *f, struct far_send *x)
{
	struct far_send done = *x;
	enum verdict_kind kind = done.verdict.kind;
	if (done.accepts && !done.took)
		take(f, &done);
	x->d = NULL;
	if (!f->sim->dead) {
		if (kind == BAD_DATA || kind == TOO_LARGE || kind == REJECTED)
			look(f, done.d, mark_refused);
		if (done.took && kind != DELIVERED)
			look(f, done.d, excuse);
		if (kind == DELIVERED || kind == REJECTED)
			look(f, done.d, mark_answered);
		count_verdict(f, &done);
	}
	sim_say(f->sim, "%u answers %s to %u items%s", f->index, done.verdict.text, done.d->n_items,
	        f->sim->dead ? ", to a ghost" : "");
	sim_note(f->sim, 0xa0000 + (uint64_t)kind * 16 + f->index);
	delivery_done(done.d, &done.verdict);
}

static void on_closed(struct timer *t)
{
	stage_stopped(CONTAINER_OF(t, struct far_state, timer)->stage);
}

static void on_time(struct timer *t)
{
	struct far_state *f = CONTAINER_OF(t, struct far_state, timer);
	int64_t now = f->sim->clock.mono_ns;
	for (size_t i = 0; i < SLOTS; i++)
		if (f->sends[i].d && f->sends[i].due_ns <= now)
			answer(f, &f->sends[i]);
	arm(f);
}

static int far_start(struct stage *st, struct err *e UNUSED)
{
	struct far_state *f = st->state;
	f->sim = sim_of(st);
	f->index = sim_far_index(st->id);
	f->far = &f->sim->far[f->index];
	f->stage = st;
	timer_init(st->loop, &f->timer, on_time);
	return 0;
}

static void far_send(struct stage *st, struct delivery *d)
{
	struct far_state *f = st->state;
	struct sim *s = f->sim;
	struct far_send *x = f->sends;
	while (x->d)
		x++;
	*x = (struct far_send){ .d = d, .due_ns = s->clock.mono_ns + 1000 };
	if (s->dead) {
		say(x, RETRY, 0, "nobody is there");
	} else {
		x->due_ns += (int64_t)sim_below(s, f->far->slow_ms + 1) * NS_PER_MS;
		s->counts[SIM_RETRIES] += d->attempt > 0;
		sim_note(s, 0xb0000 + f->index + d->n_items * UINT64_C(65536));
		look(f, d, mark_sent);
		sim_say(s, "%u is sent %u items, attempt %u", f->index, d->n_items, d->attempt);
		decide(f, x);
		if (x->accepts && sim_chance(s, 50))
			take(f, x);
	}
	arm(f);
}

/* What is under way comes back in the next turn: most of it cancelled, some with the answer that was there already. */
static void far_stop(struct stage *st)
{
	struct far_state *f = st->state;
	f->stopping = true;
	for (size_t i = 0; i < SLOTS; i++) {
		struct far_send *x = &f->sends[i];
		if (!x->d)
			continue;
		x->due_ns = 0;
		if (!f->sim->dead && sim_chance(f->sim, 30))
			continue;
		f->sim->counts[SIM_CANCELLED]++;
		x->accepts = false;
		x->verdict = (struct verdict){ 0 };
		say(x, RETRY, 0, "cancelled");
	}
	timer_start(&f->timer, 0);
}

const struct component sim_far_type = {
	.name = "far",
	.kind = EXPORTER,
	.signals = TRACES | LOGS,
	.fields = fields,
	.conf_size = sizeof(struct far_conf),
	.state_size = sizeof(struct far_state),
	.start = far_start,
	.send = far_send,
	.stop = far_stop,
};
