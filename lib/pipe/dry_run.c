/* dry_run.c - a chain of stages with a probe behind each (see dry_run.h).
 *
 * The core behind the stages is an empty one: it has meters, keys and an unlimited pool, and nothing that runs. */
#include "lib/pipe/dry_run.h"

#include "lib/pipe/batch.h"
#include "lib/pipe/core_internal.h"
#include "lib/pipe/meter.h"

struct step {
	struct stage stage, probe;
	struct dry_run *run;
	bool opened, started;
};

struct dry_run {
	struct core core;
	struct loop loop; /* only its clock is used */
	struct log *log;
	struct step *steps;
	size_t n;
	void (*after)(void *ctx, const char *id, struct traces *t);
	void *ctx;
};

static void probe_push(struct stage *s, struct batch *b)
{
	struct step *step = CONTAINER_OF(s, struct step, probe);
	step->run->after(step->run->ctx, step->stage.id, b->traces);
	if (s->next)
		stage_push(s->next, b);
}

static const struct component probe = { .name = "probe", .kind = PROCESSOR, .signals = TRACES, .push = probe_push };

static int start_step(struct dry_run *d, struct step *s, const struct plan_component *c, struct err *e)
{
	const struct component *type = c->type;
	s->run = d;
	s->stage = (struct stage){ .type = type,
		.id = c->id,
		.conf = c->conf,
		.shared = calloc(1, type->shared_size + 1),
		.state = calloc(1, type->state_size + 1),
		.next = &s->probe,
		.loop = &d->loop,
		.log = log_child(d->log, c->id),
		.core = &d->core };
	s->probe = (struct stage){ .type = &probe };
	if (!s->stage.shared || !s->stage.state)
		abort();
	if (type->open && type->open(s->stage.shared, c->conf, NULL, e))
		return -1;
	s->opened = true;
	if (type->start && type->start(&s->stage, e))
		return -1;
	s->started = true;
	return 0;
}

struct dry_run *dry_run_new(
        const struct plan_pipeline *pipeline, struct log *log, const struct key_table *keys, struct err *e)
{
	struct dry_run *d = calloc(1, sizeof *d);
	struct step *steps = calloc(pipeline->n_processors + 1, sizeof *steps);
	if (!d || !steps)
		abort();
	d->steps = steps;
	d->log = log;
	d->loop.clock = clock_system();
	d->core.n_workers = 1;
	d->core.o.keys = keys;
	d->core.log = log;
	pool_init(&d->core.pool, UINT64_MAX);
	for (size_t i = 0; i < pipeline->n_processors; i++) {
		const struct plan_component *c = pipeline->processors[i];
		if (!c->type->push)
			continue;
		struct step *s = &d->steps[d->n++];
		if (start_step(d, s, c, e)) {
			dry_run_free(d);
			return NULL;
		}
		if (d->n > 1)
			d->steps[d->n - 2].probe.next = &s->stage;
	}
	return d;
}

void dry_run_free(struct dry_run *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++) {
		struct step *s = &d->steps[i];
		if (s->started && s->stage.type->stop)
			s->stage.type->stop(&s->stage);
		if (s->opened && s->stage.type->close)
			s->stage.type->close(s->stage.shared);
		free(s->stage.shared);
		free(s->stage.state);
		log_free(s->stage.log);
	}
	meters_free(&d->core);
	free(d->steps);
	free(d);
}

void dry_run_push(
        struct dry_run *d, struct traces *t, void (*after)(void *ctx, const char *id, struct traces *t), void *ctx)
{
	struct batch b = { .signal = TRACES, .traces = t, .n_items = t->n_spans };
	d->after = after;
	d->ctx = ctx;
	if (d->n)
		stage_push(&d->steps[0].stage, &b);
}
