/* store_writer.c - submissions to appends, acks and checkpoints (see store_writer.h).
 *
 * The list `first` is in the order of submission and only the writer's thread touches it. A group is a prefix of it: as many as fit
 * GROUP_BYTES, at least one. A group that the store refuses as too large is tried one by one, so that one giant does not take
 * the others with it.
 *
 * Senders that wait for a sync come back with their next record as soon as it is done. Those that came in meanwhile would be written at
 * once without them: the two halves take turns, and everybody waits for two syncs. So after a slow sync the next group waits
 * until as many durable submissions are there as were in sight, for a quarter of that sync at most.
 */
#include "lib/pipe/store_writer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/vec.h"
#include "lib/pipe/call.h"

enum { HOLD_FROM_MS = 1, HOLD_MS = 10 }; /* a quicker sync is not worth a wait; the longest wait */
enum { GROUP_BYTES = 4 << 20, GROUP_RECORDS = 1000, CHECKPOINT_MS = 200, AGAIN_MS = 250, STACK = 256 * 1024 };

struct store_writer {
	struct store *store;
	struct loop loop;
	_Atomic(struct submission *) incoming; /* newest first */
	struct mail wake;
	_Atomic bool wake_posted, moved;

	/* the writer's thread */
	struct timer timer; /* the next checkpoint, or the next try */
	struct submission *first, *last;
	VEC(struct store_record) group;
	int64_t checkpoint_ns, again_ns; /* due; 0: not */
	int64_t hold_ns; /* until then the next group waits for `n_expected` durable submissions */
	size_t n_expected;
	bool stopping;
};

static void collect(struct store_writer *w)
{
	struct submission *s = atomic_exchange_explicit(&w->incoming, NULL, memory_order_acquire), *ordered = NULL;
	while (s) {
		struct submission *next = s->next;
		s->next = ordered;
		ordered = s;
		s = next;
	}
	if (!ordered)
		return;
	if (w->last)
		w->last->next = ordered;
	else
		w->first = ordered;
	for (w->last = ordered; w->last->next;)
		w->last = w->last->next;
}

static struct submission *take(struct store_writer *w)
{
	struct submission *s = w->first;
	w->first = s->next;
	if (!w->first)
		w->last = NULL;
	s->next = NULL;
	return s;
}

/* The next submissions into w->group, at most `max`; how many. */
static size_t gather(struct store_writer *w, size_t max)
{
	size_t n = 0, total = 0;
	w->group.n = 0;
	for (struct submission *s = w->first; s && n < max; s = s->next, n++) {
		size_t more = 0;
		for (size_t i = 0; i < s->n; i++)
			more += s->records[i].body.len;
		if (n && (total + more > GROUP_BYTES || w->group.n + s->n > GROUP_RECORDS))
			break;
		total += more;
		for (size_t i = 0; i < s->n; i++)
			*VEC_ADD(&w->group) = s->records[i];
	}
	return n;
}

struct waiting {
	size_t n_durable;
	bool full; /* more would not fit into the group, or be too long a look */
};

static struct waiting look(const struct store_writer *w)
{
	struct waiting seen = { 0, false };
	size_t total = 0, n = 0;
	for (const struct submission *s = w->first; s && !seen.full; s = s->next) {
		for (size_t i = 0; i < s->n; i++)
			total += s->records[i].body.len;
		n += s->n;
		seen.n_durable += s->durable;
		seen.full = total >= GROUP_BYTES || n >= GROUP_RECORDS;
	}
	return seen;
}

static bool is_held(struct store_writer *w)
{
	if (w->stopping || loop_now(&w->loop) >= w->hold_ns)
		return false;
	struct waiting seen = look(w);
	return !seen.full && seen.n_durable < w->n_expected;
}

/* After a group with `n_durable` senders that was begun at `since`. What came in meanwhile has been collected. */
static void hold(struct store_writer *w, int64_t since, size_t n_durable)
{
	int64_t now = loop_now(&w->loop), wait = (now - since) / 4;
	wait = wait < HOLD_MS * NS_PER_MS ? wait : HOLD_MS * NS_PER_MS;
	w->hold_ns = now - since >= HOLD_FROM_MS * NS_PER_MS ? now + wait : 0;
	w->n_expected = n_durable + look(w).n_durable;
}

/* The group was written, or failed for good. */
static void finish(struct store_writer *w, size_t n, int rc)
{
	size_t at = 0;
	while (n-- > 0) {
		struct submission *s = take(w);
		for (size_t i = 0; i < s->n; i++)
			s->records[i].seq = w->group.v[at++].seq;
		s->done(s, rc);
	}
}

/* Senders that wait for the disk hear that it refuses; the others stay. */
static void fail_durable(struct store_writer *w, size_t n, int rc)
{
	struct submission *kept = NULL, **end = &kept;
	while (n-- > 0) {
		struct submission *s = take(w);
		if (s->durable || w->stopping) {
			s->done(s, w->stopping ? -ECANCELED : rc);
			continue;
		}
		*end = s;
		end = &s->next;
	}
	*end = w->first;
	w->first = kept;
	for (w->last = kept; w->last && w->last->next;)
		w->last = w->last->next;
}

static size_t count_durable(const struct store_writer *w, size_t n)
{
	size_t n_durable = 0;
	for (const struct submission *s = w->first; n-- > 0; s = s->next)
		n_durable += s->durable;
	return n_durable;
}

/* False: the disk refuses, try later. *n_durable: of those that were done, if true. */
static bool write_group(struct store_writer *w, size_t *n_durable)
{
	size_t n = gather(w, SIZE_MAX);
	int rc = store_append(w->store, w->group.v, w->group.n);
	if (rc == -EMSGSIZE && n > 1) {
		n = gather(w, 1);
		rc = store_append(w->store, w->group.v, w->group.n);
	}
	if (rc && rc != -EMSGSIZE) {
		fail_durable(w, n, rc);
		return w->stopping;
	}
	*n_durable = count_durable(w, n);
	finish(w, n, rc);
	return true;
}

static void arm(struct store_writer *w, int64_t now)
{
	int64_t at = w->checkpoint_ns ? w->checkpoint_ns : INT64_MAX;
	if (w->again_ns && w->again_ns < at)
		at = w->again_ns;
	if (w->first && !w->again_ns && w->hold_ns < at)
		at = w->hold_ns;
	if (at == INT64_MAX)
		timer_stop(&w->timer);
	else
		timer_start(&w->timer, at > now ? at - now : 0);
}

static void work(struct store_writer *w)
{
	int64_t now = loop_now(&w->loop);
	bool wrote = false;
	collect(w);
	w->again_ns = 0;
	while (w->first && !is_held(w)) {
		int64_t since = loop_now(&w->loop);
		size_t n_durable = 0;
		if (!write_group(w, &n_durable)) {
			if (w->first)
				w->again_ns = now + AGAIN_MS * NS_PER_MS;
			break;
		}
		wrote = true;
		collect(w);
		hold(w, since, n_durable);
	}
	if (w->checkpoint_ns && w->checkpoint_ns <= now) {
		w->checkpoint_ns = 0;
		atomic_store(&w->moved, false);
		if (store_checkpoint(w->store))
			w->checkpoint_ns = now + CHECKPOINT_MS * NS_PER_MS;
	}
	if (!w->checkpoint_ns && (wrote || atomic_load(&w->moved)))
		w->checkpoint_ns = now + CHECKPOINT_MS * NS_PER_MS;
	arm(w, loop_now(&w->loop));
}

static void on_wake(struct mail *m)
{
	struct store_writer *w = CONTAINER_OF(m, struct store_writer, wake);
	atomic_store(&w->wake_posted, false);
	work(w);
}

static void on_timer(struct timer *t)
{
	work(CONTAINER_OF(t, struct store_writer, timer));
}

static void run_thread(void *arg)
{
	loop_run(&((struct store_writer *)arg)->loop);
}

static void wake(struct store_writer *w)
{
	if (!atomic_exchange(&w->wake_posted, true))
		loop_post(&w->loop, &w->wake);
}

struct store_writer *store_writer_new(struct store *s, const struct loop *main_loop)
{
	struct store_writer *w = calloc(1, sizeof *w);
	if (!w || loop_init(&w->loop, main_loop->clock))
		abort();
	w->store = s;
	w->loop.pumped = main_loop->pumped;
	w->wake.run = on_wake;
	timer_init(&w->loop, &w->timer, on_timer);
	loop_spawn(&w->loop, STACK, run_thread, w);
	return w;
}

void store_writer_submit(struct store_writer *w, struct submission *s)
{
	s->next = atomic_load_explicit(&w->incoming, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
	        &w->incoming, &s->next, s, memory_order_release, memory_order_relaxed)) {
	}
	wake(w);
}

void store_writer_moved(struct store_writer *w)
{
	if (!atomic_exchange(&w->moved, true))
		wake(w);
}

struct loop *store_writer_loop(struct store_writer *w)
{
	return &w->loop;
}

static void run_give_up(void *arg)
{
	struct store_writer *w = arg;
	w->stopping = true;
	work(w);
}

void store_writer_give_up(struct store_writer *w)
{
	call_on(&w->loop, run_give_up, w);
}

static void run_stop(void *arg)
{
	struct store_writer *w = arg;
	run_give_up(w);
	store_checkpoint(w->store);
	timer_close(&w->timer, NULL);
	loop_stop(&w->loop);
}

void store_writer_free(struct store_writer *w)
{
	call_on(&w->loop, run_stop, w);
	loop_join(&w->loop);
	loop_release(&w->loop);
	VEC_RELEASE(&w->group);
	free(w);
}
