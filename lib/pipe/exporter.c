/* exporter.c - the life of an exporter: thread, stages, drain, and the workers' side of its queue (see exporter.h).
 *
 * The main thread talks to the exporter's thread by calls that wait (prepare, commit: rare) and by mails (wake,
 * drain, abandon). A stage is stopped on its own thread when its last send has ended; the thread ends when the exporter is closing and its
 * last stage has stopped. */
#include <pthread.h>
#include <sched.h>

#include "lib/base/map.h"
#include "lib/pipe/ack.h"
#include "lib/pipe/call.h"
#include "lib/pipe/exporter_internal.h"
#include "lib/pipe/storage.h"

enum { STACK = 256 * 1024 };

/* What a call from the main thread carries. */
struct order {
	struct exporter *exporter;
	struct exporter_stage *stage;
	const struct exporter_settings *settings;
	enum drop_reason reason;
	int64_t timeout_ns;
	struct err err;
	int result;
};

const char *exporter_state_name(enum exporter_state s)
{
	static const char *const names[] = { "ok", "retrying", "held" };
	return names[s];
}

const char *exporter_id(const struct exporter *e)
{
	return e->id;
}

const struct component *exporter_type(const struct exporter *e)
{
	return e->type;
}

struct exporter_stats *exporter_stats(struct exporter *e)
{
	return e->stats;
}

enum exporter_state exporter_state(const struct exporter *e)
{
	return (enum exporter_state)atomic_load_explicit(&e->state, memory_order_relaxed);
}

struct exporter_view exporter_view(const struct exporter *e)
{
	return (struct exporter_view){
		.queue_size = count_get(&e->queue.used),
		.queue_capacity = count_get(&e->queue.capacity),
		.queue_bytes = count_get(&e->queue.bytes),
	};
}

static void on_wake(struct mail *m)
{
	struct exporter *e = CONTAINER_OF(m, struct exporter, wake);
	atomic_store(&e->wake_posted, false);
	exporter_pump(e);
}

static void on_timer(struct timer *t)
{
	exporter_pump(CONTAINER_OF(t, struct exporter, timer));
}

static void run_thread(void *arg)
{
	struct exporter *e = arg;
	struct sched_param none = { 0 };
	/* a delivery must not push a worker aside that could answer a client: exporters need rate, workers latency */
	pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
	loop_run(&e->loop);
}

struct exporter *exporter_new(const struct component *type, const char *id, struct exporter_stats *stats,
        struct loop *main_loop, struct log *log)
{
	struct exporter *e = calloc(1, sizeof *e);
	if (!e || !(e->id = strdup(id)) || loop_init(&e->loop, main_loop->clock))
		abort();
	e->type = type;
	e->stats = stats;
	e->main_loop = main_loop;
	e->log = log_child(log, id);
	e->wake.run = on_wake;
	e->loop.pumped = main_loop->pumped;
	e->random = hash_bytes(id, strlen(id), (uint64_t)clock_wall(main_loop->clock));
	queue_init(&e->queue, 1, SIZER_REQUESTS, 1);
	timer_init(&e->loop, &e->timer, on_timer);
	loop_spawn(&e->loop, STACK, run_thread, e);
	return e;
}

static void free_stage(struct exporter_stage *s)
{
	if (s->unpin)
		s->unpin(s->pin);
	log_free(s->log);
	free(s->stage.state);
	free(s);
}

static void run_start(void *arg)
{
	struct order *c = arg;
	struct exporter_stage *s = c->stage;
	c->result = s->stage.type->start ? s->stage.type->start(&s->stage, &c->err) : 0;
	if (c->result)
		return;
	s->next = c->exporter->stages;
	c->exporter->stages = s;
}

int exporter_prepare(struct exporter *e, const void *conf, void *shared, void *pin, void (*unpin)(void *pin),
        struct core *core, struct err *err)
{
	struct exporter_stage *s = calloc(1, sizeof *s);
	if (!s || (e->type->state_size && !(s->stage.state = calloc(1, e->type->state_size))))
		abort();
	s->exporter = e;
	s->log = log_child(e->log, e->id);
	s->pin = pin;
	s->stage.type = e->type;
	s->stage.id = e->id;
	s->stage.conf = conf;
	s->stage.shared = shared;
	s->stage.loop = &e->loop;
	s->stage.log = s->log;
	s->stage.core = core;
	struct order c = { .exporter = e, .stage = s };
	call_on(&e->loop, run_start, &c);
	if (c.result) {
		*err = c.err;
		free_stage(s);
		return -1;
	}
	s->unpin = unpin;
	e->prepared = s;
	return 0;
}

void stage_stopped(struct stage *stage)
{
	struct exporter_stage *s = (struct exporter_stage *)stage;
	struct exporter *e = s->exporter;
	struct exporter_stage **at = &e->stages;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free_stage(s);
	if (e->closing && !e->stages)
		loop_stop(&e->loop);
}

/* What is in flight is cancelled and comes back by delivery_done. */
static void cancel_stage(struct exporter_stage *s)
{
	if (s->stopping)
		return;
	s->stopping = s->retiring = true;
	if (s->stage.type->stop)
		s->stage.type->stop(&s->stage);
	else
		stage_stopped(&s->stage);
}

void exporter_stop_stage(struct exporter_stage *s)
{
	if (!s->n_in_flight)
		cancel_stage(s);
}

static void copy_settings(struct exporter *e, const struct exporter_settings *s)
{
	free(e->batches);
	e->batches = calloc(s->n_batches + 1, sizeof *e->batches);
	if (!e->batches)
		abort();
	if (s->n_batches)
		memcpy(e->batches, s->batches, s->n_batches * sizeof *e->batches);
	e->settings = *s;
	e->settings.batches = e->batches;
	atomic_store(&e->queue.sizer, (int)s->sizer);
	atomic_store(&e->queue.capacity, s->capacity);
	atomic_store(&e->queue.quota, s->quota);
	atomic_store(&e->required, s->required);
	atomic_store(&e->drop_oldest, s->drop_oldest);
	atomic_store(&e->drop_newest, s->drop_newest);
}

static void run_commit(void *arg)
{
	struct order *c = arg;
	struct exporter *e = c->exporter;
	copy_settings(e, c->settings);
	if (c->stage) {
		struct exporter_stage *old = e->stage;
		e->stage = c->stage;
		if (old) {
			old->retiring = true;
			exporter_stop_stage(old);
		}
		for (struct pending *p = e->waiting.first; p; p = p->next)
			pending_forget_wire(p);
		circuit_reset(&e->circuit);
		e->size = (struct size_limit){ 0 }; /* it may be another destination */
		e->size_told = false;
	}
	if (c->stage || exporter_state(e) == EXPORTER_HELD)
		e->paused_until_ns = 0; /* a reload probes at once */
	exporter_pump(e);
}

static void on_more(void *ctx)
{
	exporter_wake(ctx);
}

/* To what no cursor knows. */
static void reset_counts(struct exporter_counts *c)
{
	_Atomic uint64_t *const all[] = { &c->accepted, &c->delivered, &c->rejected, &c->dead_lettered, &c->queued };
	for (size_t i = 0; i < COUNTOF(all); i++)
		atomic_store(all[i], 0);
	for (unsigned r = 0; r < N_DROP_REASONS; r++) {
		uint64_t n = count_get(&c->at_door[r]);
		atomic_store(&c->dropped[r], n);
		count_add(&c->accepted, n);
	}
}

/* What the cursor knows from before: the equation goes on where it stopped. The counters of an exporter that a reload took away and
 * brought back are in the cursor already, but for what was dropped before it came into the storage. */
static void continue_counts(struct exporter *e, const struct cursor_counts *c)
{
	for (unsigned k = 0; e->stats->stored && k < N_SIGNALS; k++)
		reset_counts(&e->stats->by_signal[k]);
	e->stats->stored = true;
	for (unsigned k = 0; k < N_SIGNALS; k++) {
		const struct store_counts *from = &c->by_signal[k];
		struct exporter_counts *to = &e->stats->by_signal[k];
		count_add(&to->accepted, from->accepted);
		count_add(&to->delivered, from->delivered);
		count_add(&to->rejected, from->rejected);
		count_add(&to->dead_lettered, from->dead_lettered);
		count_add(&to->queued, from->queued);
		for (unsigned r = 0; r < N_DROP_REASONS; r++)
			count_add(&to->dropped[r], from->dropped[r]);
	}
}

/* The storage stays what it is while the exporter lives: data waits in it. */
static void adopt_storage(struct exporter *e, const struct exporter_settings *s)
{
	struct storage *have = exporter_storage(e);
	struct cursor_counts counts;
	if (have == s->storage)
		return;
	if (have) {
		log_warn(e->log, "The queue's storage changes with the next start", "storage", have->directory, NULL);
		return;
	}
	e->cursor = cursor_open(s->storage->store, e->id, on_more, e);
	if (!e->cursor) {
		log_error(e->log, "The storage has no place for another exporter: the queue is in memory", NULL);
		return;
	}
	e->acks = ack_book_new();
	counts = cursor_counts(e->cursor);
	continue_counts(e, &counts);
	atomic_store(&e->queue.sizer, (int)s->sizer);
	queue_restore(&e->queue, &counts);
	atomic_store(&e->storage, storage_ref(s->storage));
}

void exporter_commit(struct exporter *e, const struct exporter_settings *s)
{
	struct order c = { .exporter = e, .stage = e->prepared, .settings = s };
	e->prepared = NULL;
	atomic_fetch_add(&e->changes, 1);
	adopt_storage(e, s);
	call_on(&e->loop, run_commit, &c);
	atomic_fetch_add(&e->changes, 1);
}

static void run_rollback(void *arg)
{
	struct order *c = arg;
	c->stage->retiring = true;
	exporter_stop_stage(c->stage);
}

void exporter_rollback(struct exporter *e)
{
	struct order c = { .exporter = e, .stage = e->prepared };
	if (!c.stage)
		return;
	e->prepared = NULL;
	call_on(&e->loop, run_rollback, &c);
}

const void *exporter_conf_in_use(const struct exporter *e)
{
	/* written by run_commit, which the main thread waits for */
	return e->stage ? e->stage->stage.conf : NULL;
}

static void run_drain(void *arg)
{
	struct order *c = arg;
	struct exporter *e = c->exporter;
	if (e->mode == MODE_RUN)
		e->mode = MODE_DRAIN;
	e->abandon_reason = c->reason;
	e->drain_deadline_ns = loop_now(&e->loop) + c->timeout_ns;
	e->paused_until_ns = 0;
	circuit_reset(&e->circuit);
	for (struct pending *p = e->waiting.first; p; p = p->next)
		p->due_ns = 0;
	exporter_pump(e);
}

void exporter_drain(struct exporter *e, int64_t timeout_ns, enum drop_reason reason,
        void (*on_drained)(struct exporter *e, void *ctx), void *ctx)
{
	struct order c = { .exporter = e, .timeout_ns = timeout_ns, .reason = reason };
	e->on_drained = on_drained;
	e->on_drained_ctx = ctx;
	call_on(&e->loop, run_drain, &c);
}

static void run_resume(void *arg)
{
	struct order *c = arg;
	struct exporter *e = c->exporter;
	if (e->mode != MODE_DRAIN)
		return;
	e->mode = MODE_RUN;
	e->drain_reported = false;
	c->result = 1;
	exporter_pump(e);
}

bool exporter_resume(struct exporter *e)
{
	struct order c = { .exporter = e };
	call_on(&e->loop, run_resume, &c);
	return c.result != 0;
}

void exporter_let_run(struct exporter *e)
{
	if (e->loop.pumped)
		loop_pump(&e->loop);
	else
		uv_sleep(1);
}

void exporter_give_up(struct exporter *e)
{
	e->mode = MODE_ABANDON;
	exporter_drop_all(e, e->abandon_reason);
	e->stage = NULL;
	/* a stage that a reload replaced may still be sending */
	for (struct exporter_stage *s = e->stages, *next; s; s = next) {
		next = s->next;
		cancel_stage(s);
	}
}

static void run_abandon(void *arg)
{
	struct order *c = arg;
	c->exporter->abandon_reason = c->reason;
	c->exporter->drain_deadline_ns = 0;
	exporter_pump(c->exporter);
}

void exporter_abandon(struct exporter *e, enum drop_reason reason)
{
	struct order c = { .exporter = e, .reason = reason };
	call_on(&e->loop, run_abandon, &c);
}

static void on_timer_closed(struct timer *t)
{
	struct exporter *e = CONTAINER_OF(t, struct exporter, timer);
	struct exporter_stage *s = e->stage;
	e->closing = true;
	e->stage = NULL;
	if (s) {
		s->retiring = true;
		exporter_stop_stage(s);
	} else if (!e->stages) {
		loop_stop(&e->loop);
	}
}

static void run_close(void *arg)
{
	struct order *c = arg;
	timer_close(&c->exporter->timer, on_timer_closed);
}

void exporter_free(struct exporter *e)
{
	struct order c = { .exporter = e };
	exporter_rollback(e);
	call_on(&e->loop, run_close, &c);
	loop_join(&e->loop);
	while (e->batchers) {
		struct batcher *b = e->batchers;
		e->batchers = b->next;
		batcher_free(b);
	}
	loop_release(&e->loop);
	if (e->cursor) {
		cursor_close(e->cursor);
		ack_book_free(e->acks);
		storage_unref(e->storage);
	}
	log_free(e->log);
	for (size_t i = 0; i < e->old_pipelines.n; i++)
		free(e->old_pipelines.v[i]);
	VEC_RELEASE(&e->old_pipelines);
	free(e->batches);
	free(e->id);
	free(e);
}
