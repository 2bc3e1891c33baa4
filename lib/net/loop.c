/* loop.c - libuv with the project's clock, and a mailbox.
 *
 * A timer is due by loop->clock. The uv timer behind it only wakes the loop; when it comes early (uv rounds, and
 * counts from the time it cached) or the clock is a fake one, it is armed again for the rest. loop_pump fires by the
 * clock alone. The mailbox is a stack that senders push with one compare-and-swap; the receiver takes all of it at
 * once and turns it around, which keeps the order of each sender.
 */
#include "lib/net/loop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "weir: loop: %s\n", what);
		abort();
	}
}

static bool run_mails(struct loop *l)
{
	struct mail *m = atomic_exchange_explicit(&l->mailbox.head, NULL, memory_order_acquire);
	struct mail *ordered = NULL;
	if (!m)
		return false;
	while (m) {
		struct mail *next = m->next;
		m->next = ordered;
		ordered = m;
		m = next;
	}
	while (ordered) {
		struct mail *next = ordered->next;
		ordered->run(ordered);
		ordered = next;
	}
	return true;
}

static void on_async(uv_async_t *a)
{
	/* One batch: mails posted by these mails wake the loop again, after I/O had its turn. */
	run_mails(a->data);
}

int loop_init(struct loop *l, struct clock *clock)
{
	memset(l, 0, sizeof(*l));
	l->clock = clock;
	if (uv_loop_init(&l->uv))
		return -1;
	if (uv_async_init(&l->uv, &l->mailbox.async, on_async)) {
		uv_loop_close(&l->uv);
		return -1;
	}
	l->mailbox.async.data = l;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an EFBIG */
	return 0;
}

void loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_spawn(struct loop *l, size_t stack, void (*run)(void *arg), void *arg)
{
	const uv_thread_options_t options = { .flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = stack };
	if (!l->pumped)
		must(uv_thread_create_ex(&l->thread, &options, run, arg) == 0, "no thread");
}

void loop_join(struct loop *l)
{
	if (!l->pumped)
		uv_thread_join(&l->thread);
	while (l->pumped && !l->stopped)
		loop_pump(l);
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
	if (!l->pumped)
		uv_stop(&l->uv);
}

static void check_closing(uv_handle_t *h, void *arg)
{
	if (uv_is_closing(h))
		return;
	fprintf(stderr, "weir: loop: a %s handle was left open\n", uv_handle_type_name(h->type));
	*(bool *)arg = true;
}

void loop_release(struct loop *l)
{
	bool open = false;
	while (run_mails(l)) {
	}
	uv_close((uv_handle_t *)&l->mailbox.async, NULL);
	uv_walk(&l->uv, check_closing, &open);
	must(!open, "released with open handles");
	uv_run(&l->uv, UV_RUN_DEFAULT); /* close callbacks, and work still on the thread pool */
	must(uv_loop_close(&l->uv) == 0, "released while busy");
	while (run_mails(l)) { /* what close callbacks posted */
	}
}

void loop_post(struct loop *l, struct mail *m)
{
	struct mail *head = atomic_load_explicit(&l->mailbox.head, memory_order_relaxed);
	do
		m->next = head;
	while (!atomic_compare_exchange_weak_explicit(
	        &l->mailbox.head, &head, m, memory_order_release, memory_order_relaxed));
	/* The stack was empty: the receiver may be asleep. Otherwise the one who made it non-empty woke it. */
	if (!head && !l->pumped)
		uv_async_send(&l->mailbox.async);
}

void loop_drain_mail(struct loop *l)
{
	run_mails(l);
}

static struct loop *loop_of(struct timer *t)
{
	return CONTAINER_OF(t->uv.loop, struct loop, uv);
}

static void disarm(struct timer *t)
{
	if (!t->stamp)
		return;
	if (t->prev)
		t->prev->next = t->next;
	else
		loop_of(t)->timers = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	t->stamp = 0;
}

static void on_uv_timer(uv_timer_t *u);

/* At least 1 ms: libuv runs a timer that is due at once again in the same turn, for ever if it starts itself anew. A pumped loop does
 * not sleep, and libuv's own time has no part in what it does. */
static void wake_in(struct timer *t, int64_t ns)
{
	uint64_t ms = ns <= NS_PER_MS ? 1 : ((uint64_t)ns + NS_PER_MS - 1) / NS_PER_MS;
	if (!loop_of(t)->pumped)
		uv_timer_start(&t->uv, on_uv_timer, ms, 0);
}

static void on_uv_timer(uv_timer_t *u)
{
	struct timer *t = CONTAINER_OF(u, struct timer, uv);
	int64_t left = t->at - loop_now(loop_of(t));
	if (left > 0) {
		wake_in(t, left);
		return;
	}
	disarm(t);
	t->on_time(t);
}

/* The earliest due timer armed before `stamp`, so that one armed by a callback waits for the next turn. */
static struct timer *first_due(struct loop *l, int64_t now, uint64_t stamp)
{
	struct timer *best = NULL;
	for (struct timer *t = l->timers; t; t = t->next)
		if (t->at <= now && t->stamp <= stamp && (!best || t->at < best->at))
			best = t;
	return best;
}

void loop_pump(struct loop *l)
{
	uint64_t stamp = l->n_armed;
	struct timer *t;
	run_mails(l);
	while ((t = first_due(l, loop_now(l), stamp)) != NULL) {
		uv_timer_stop(&t->uv);
		disarm(t);
		t->on_time(t);
	}
	uv_run(&l->uv, UV_RUN_NOWAIT);
}

void timer_init(struct loop *l, struct timer *t, void (*on_time)(struct timer *t))
{
	memset(t, 0, sizeof(*t));
	uv_timer_init(&l->uv, &t->uv);
	t->on_time = on_time;
}

void timer_start(struct timer *t, int64_t ns)
{
	struct loop *l = loop_of(t);
	int64_t now = loop_now(l);
	if (uv_is_closing((uv_handle_t *)&t->uv))
		return;
	disarm(t);
	ns = ns < 0 ? 0 : ns;
	t->at = ns > INT64_MAX - now ? INT64_MAX : now + ns;
	t->stamp = ++l->n_armed;
	t->next = l->timers;
	if (t->next)
		t->next->prev = t;
	l->timers = t;
	wake_in(t, ns);
}

void timer_stop(struct timer *t)
{
	disarm(t);
	uv_timer_stop(&t->uv);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct timer *t = CONTAINER_OF(h, struct timer, uv);
	if (t->on_closed)
		t->on_closed(t);
}

void timer_close(struct timer *t, void (*on_closed)(struct timer *t))
{
	disarm(t);
	t->on_closed = on_closed;
	uv_close((uv_handle_t *)&t->uv, on_timer_closed);
}
