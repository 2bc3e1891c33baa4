/* ack.c - see ack.h. The worker's list is in the order of making; a timer on it looks for the ones whose time is up. */
#include "lib/pipe/ack.h"

#include "lib/pipe/core_internal.h"

enum { LOOK_MS = 20 };

struct ack {
	_Atomic unsigned refs, open;
	_Atomic bool ended; /* the answer is decided */
	struct mail mail;
	char why[128]; /* written by the one that set `ended` */
	bool failed;

	/* the worker */
	struct ack *prev, *next;
	struct stage *receiver;
	struct worker *worker;
	struct graph *graph;
	struct intake_later later;
	struct intake_result success;
	struct intake_tally tally;
	int64_t deadline_ns;
};

void ack_unref(struct ack *a)
{
	if (atomic_fetch_sub(&a->refs, 1) == 1)
		free(a);
}

static void unlink_ack(struct ack *a)
{
	struct worker *w = a->worker;
	if (a->prev)
		a->prev->next = a->next;
	else
		w->acks = a->next;
	if (a->next)
		a->next->prev = a->prev;
	else
		w->last_ack = a->prev;
}

/* On the worker, after `ended` was set. Takes the worker's reference. */
static void answer(struct ack *a)
{
	struct intake_result r = a->success;
	struct exchange *x = http_server_find(a->worker->server, a->later.id);
	unlink_ack(a);
	if (a->failed) {
		r = (struct intake_result){ .outcome = REQUEST_REFUSED };
		snprintf(r.text, sizeof r.text, "%s", a->why);
	}
	intake_settle(a->receiver, &a->tally, &r);
	if (x)
		a->later.answer(a->receiver, x, &r);
	graph_unref(a->graph);
	ack_unref(a);
}

static void on_mail(struct mail *m)
{
	struct ack *a = CONTAINER_OF(m, struct ack, mail);
	answer(a);
	ack_unref(a); /* the mail's */
}

/* False: it had ended already. */
static bool end(struct ack *a, const char *why)
{
	if (atomic_exchange(&a->ended, true))
		return false;
	a->failed = why != NULL;
	if (why)
		snprintf(a->why, sizeof a->why, "%s", why);
	return true;
}

void ack_resolved(struct ack *a, const char *why)
{
	bool last = atomic_fetch_sub(&a->open, 1) == 1;
	if ((last || why) && end(a, why)) {
		a->mail.run = on_mail;
		loop_post(a->worker->loop, &a->mail); /* with this reference */
		return;
	}
	ack_unref(a);
}

static void on_time(struct timer *t)
{
	struct worker *w = CONTAINER_OF(t, struct worker, ack_timer);
	int64_t now = loop_now(w->loop);
	for (struct ack *a = w->acks, *next; a; a = next) {
		next = a->next;
		if (a->deadline_ns <= now && end(a, "not acknowledged within ack_timeout"))
			answer(a);
	}
	if (w->acks)
		timer_start(t, LOOK_MS * NS_PER_MS);
}

struct ack *ack_new(struct stage *receiver, const struct intake_later *later, const struct intake_result *success,
        const struct intake_tally *tally, unsigned n_open)
{
	struct graph_stage *s = graph_stage_of(receiver);
	struct worker *w = s->worker;
	struct ack *a = calloc(1, sizeof *a);
	if (!a)
		abort();
	a->refs = 1 + n_open;
	a->open = n_open;
	a->receiver = receiver;
	a->worker = w;
	a->graph = s->graph;
	atomic_fetch_add(&a->graph->refs, 1);
	a->later = *later;
	a->success = *success;
	a->tally = *tally;
	a->deadline_ns = loop_now(w->loop) + later->timeout_ns;
	a->prev = w->last_ack;
	if (a->prev)
		a->prev->next = a;
	else
		w->acks = a;
	w->last_ack = a;
	if (!w->ack_timer.on_time)
		timer_init(w->loop, &w->ack_timer, on_time);
	if (!a->prev)
		timer_start(&w->ack_timer, LOOK_MS * NS_PER_MS);
	return a;
}

void worker_acks_stop(struct worker *w)
{
	loop_drain_mail(w->loop); /* answers that are decided */
	for (struct ack *a = w->acks, *next; a; a = next) {
		next = a->next;
		if (end(a, "shutting down"))
			answer(a);
	}
	if (w->ack_timer.on_time)
		timer_close(&w->ack_timer, NULL);
}

struct noted {
	uint64_t seq;
	struct ack *ack; /* NULL: taken */
};

struct ack_book {
	uv_mutex_t lock;
	VEC(struct noted) v; /* by seq */
	size_t first; /* of those not taken */
};

struct ack_book *ack_book_new(void)
{
	struct ack_book *b = calloc(1, sizeof *b);
	if (!b || uv_mutex_init(&b->lock))
		abort();
	return b;
}

void ack_book_free(struct ack_book *b)
{
	for (size_t i = b->first; i < b->v.n; i++)
		if (b->v.v[i].ack)
			ack_unref(b->v.v[i].ack);
	VEC_RELEASE(&b->v);
	uv_mutex_destroy(&b->lock);
	free(b);
}

void ack_book_add(struct ack_book *b, uint64_t seq, struct ack *a)
{
	uv_mutex_lock(&b->lock);
	if (b->first == b->v.n) {
		b->first = b->v.n = 0;
	} else if (b->first > 1024 && b->first > b->v.n / 2) {
		b->v.n -= b->first;
		memmove(b->v.v, b->v.v + b->first, b->v.n * sizeof *b->v.v);
		b->first = 0;
	}
	*VEC_ADD(&b->v) = (struct noted){ seq, a };
	for (size_t i = b->v.n - 1; i > b->first && b->v.v[i - 1].seq > seq; i--) {
		b->v.v[i] = b->v.v[i - 1];
		b->v.v[i - 1] = (struct noted){ seq, a };
	}
	uv_mutex_unlock(&b->lock);
}

/* The one at `i`, and what nobody looks at any more goes. Under the lock. */
static struct ack *take_at(struct ack_book *b, size_t i)
{
	struct ack *a = b->v.v[i].ack;
	b->v.v[i].ack = NULL;
	while (b->first < b->v.n && !b->v.v[b->first].ack)
		b->first++;
	return a;
}

/* Where the first number is that is not below `seq`. Under the lock. */
static size_t place_of(const struct ack_book *b, uint64_t seq)
{
	size_t low = b->first, high = b->v.n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (b->v.v[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct ack *ack_book_take_if(struct ack_book *b, uint64_t *from, bool (*is)(void *ctx, uint64_t seq), void *ctx)
{
	struct ack *a = NULL;
	uv_mutex_lock(&b->lock);
	for (size_t i = place_of(b, *from); i < b->v.n && !a; i++) {
		*from = b->v.v[i].seq + 1;
		if (b->v.v[i].ack && is(ctx, b->v.v[i].seq))
			a = take_at(b, i);
	}
	uv_mutex_unlock(&b->lock);
	return a;
}

struct ack *ack_book_take(struct ack_book *b, uint64_t seq)
{
	struct ack *a = NULL;
	uv_mutex_lock(&b->lock);
	size_t at = place_of(b, seq);
	if (at < b->v.n && b->v.v[at].seq == seq)
		a = take_at(b, at);
	uv_mutex_unlock(&b->lock);
	return a;
}
