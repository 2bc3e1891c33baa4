/* test_dry_run.c - processors run in order on one request, each with its options; failures leave nothing behind. */
#include "lib/pipe/dry_run.h"

#include "lib/otlp/edit.h"
#include "lib/pipe/batch.h"
#include "tests/unit/lib/genai/spans.h"

/* Counts what is alive; adds its name to an attribute of each span. */
static struct {
	int opened, started;
	bool fail_open, fail_start;
} alive;

struct mark_conf {
	const char *mark;
};

static int mark_open(void *shared, const void *conf, void *prev, struct err *e)
{
	assert_non_null(conf);
	assert_null(prev);
	*(char *)shared = 1;
	if (alive.fail_open)
		return err_set(e, "does not open");
	alive.opened++;
	return 0;
}

static void mark_close(void *shared)
{
	assert_int_equal(*(char *)shared, 1);
	alive.opened--;
}

static int mark_start(struct stage *s, struct err *e)
{
	assert_int_equal(*(char *)s->state, 0);
	assert_int_equal(s->worker, 0);
	assert_non_null(s->log);
	assert_true(loop_now(s->loop) > 0);
	if (alive.fail_start)
		return err_set(e, "does not start");
	alive.started++;
	return 0;
}

static void mark_push(struct stage *s, struct batch *b)
{
	const struct mark_conf *c = s->conf;
	assert_int_equal(b->signal, TRACES);
	assert_null(b->client);
	for (struct span *span = traces_first_span(b->traces); span; span = traces_next_span(b->traces, span)) {
		const struct attr *a = attrs_find(&span->attrs, SLICE("marks"));
		slice before = a ? a->value.s : SLICE("");
		attr_set_str(b->traces, &span->attrs, SLICE("marks"),
		        slice_of(arena_printf(&b->traces->arena, "%.*s%s", SLICE_ARG(before), c->mark)));
	}
	stage_push(s->next, b);
}

static void mark_stop(struct stage *s UNUSED)
{
	alive.started--;
}

static const struct component mark = { .name = "mark",
	.kind = PROCESSOR,
	.signals = TRACES,
	.conf_size = sizeof(struct mark_conf),
	.shared_size = 1,
	.state_size = 1,
	.open = mark_open,
	.close = mark_close,
	.start = mark_start,
	.push = mark_push,
	.stop = mark_stop };
/* Settings of the pipeline and no stage. */
static const struct component lowered = { .name = "lowered", .kind = PROCESSOR, .signals = TRACES, .flags = LOWERED };

static struct mark_conf confs[] = { { "a" }, { "b" }, { "c" } };
static struct plan_component parts[] = {
	{ .id = "mark/a", .type = &mark, .conf = &confs[0] },
	{ .id = "lowered", .type = &lowered },
	{ .id = "mark/b", .type = &mark, .conf = &confs[1] },
	{ .id = "mark/c", .type = &mark, .conf = &confs[2] },
};
static struct plan_component *order[] = { &parts[0], &parts[1], &parts[2], &parts[3] };

struct seen {
	char text[256];
};

static void after(void *ctx, const char *id, struct traces *t)
{
	struct seen *s = ctx;
	const struct attr *a = attrs_find(&traces_first_span(t)->attrs, SLICE("marks"));
	size_t n = strlen(s->text);
	snprintf(s->text + n, sizeof(s->text) - n, "%s:%.*s ", id, SLICE_ARG(a->value.s));
}

static struct dry_run *make(size_t n, struct log *log, const struct key_table *keys, struct err *e)
{
	struct plan_pipeline p = { .id = "traces", .signal = TRACES, .processors = order, .n_processors = n };
	return dry_run_new(&p, log, keys, e);
}

static struct log *quiet(struct clock *clock)
{
	struct log_conf c = { LOG_ERROR, LOG_TEXT, false, { 2 }, 1 };
	return log_new(&c, clock);
}

static void runs_in_order(void **unused UNUSED)
{
	struct fake_clock clock;
	struct spans s;
	struct err e = { 0 };
	fake_clock_init(&clock, NS_PER_S, NS_PER_S);
	struct log *log = quiet(&clock.clock);
	spans_load(&s, "[{\"name\":\"x\"},{\"name\":\"y\"}]");
	struct dry_run *d = make(COUNTOF(order), log, s.keys, &e);
	assert_non_null(d);
	assert_int_equal(alive.started, 3);
	for (int i = 0; i < 2; i++) {
		struct seen seen = { "" };
		dry_run_push(d, &s.t, after, &seen);
		assert_string_equal(
		        seen.text, i ? "mark/a:abca mark/b:abcab mark/c:abcabc " : "mark/a:a mark/b:ab mark/c:abc ");
	}
	dry_run_free(d);
	assert_int_equal(alive.started, 0);
	assert_int_equal(alive.opened, 0);
	spans_release(&s);
	log_free(log);
}

static void without_processors(void **unused UNUSED)
{
	struct fake_clock clock;
	struct spans s;
	struct err e = { 0 };
	struct seen seen = { "" };
	fake_clock_init(&clock, NS_PER_S, NS_PER_S);
	struct log *log = quiet(&clock.clock);
	spans_load(&s, "[{}]");
	struct dry_run *d = make(0, log, s.keys, &e);
	dry_run_push(d, &s.t, after, &seen);
	assert_string_equal(seen.text, "");
	dry_run_free(d);
	dry_run_free(NULL);
	spans_release(&s);
	log_free(log);
}

static void failures(void **unused UNUSED)
{
	struct fake_clock clock;
	fake_clock_init(&clock, NS_PER_S, NS_PER_S);
	struct log *log = quiet(&clock.clock);
	for (int i = 0; i < 2; i++) {
		struct err e = { 0 };
		alive.fail_open = i == 0;
		alive.fail_start = i == 1;
		assert_null(make(COUNTOF(order), log, NULL, &e));
		assert_string_equal(e.text, i ? "does not start" : "does not open");
		assert_int_equal(alive.opened, 0);
		assert_int_equal(alive.started, 0);
	}
	alive.fail_open = alive.fail_start = false;
	log_free(log);
}

/* A real chain: what weir explain runs without a config. */
extern const struct component processor_gen_ai_normalizer, processor_gen_ai_cost, processor_gen_ai_latency,
        processor_gen_ai_link;

static void count_stage(void *ctx, const char *id UNUSED, struct traces *t UNUSED)
{
	++*(unsigned *)ctx;
}

static void a_real_chain(void **unused UNUSED)
{
	static const struct component *const types[] = { &processor_gen_ai_normalizer, &processor_gen_ai_cost,
		&processor_gen_ai_latency, &processor_gen_ai_link };
	struct rig rigs[COUNTOF(types)]; /* for their options */
	struct plan_component real[COUNTOF(types)], *chain[COUNTOF(types)];
	struct spans s;
	struct err e = { 0 };
	unsigned n = 0;
	for (size_t i = 0; i < COUNTOF(types); i++) {
		rig_init(&rigs[i], types[i], "");
		real[i] = (struct plan_component){ .id = types[i]->name, .type = types[i], .conf = rigs[i].conf };
		chain[i] = &real[i];
	}
	struct plan_pipeline p = {
		.id = "traces", .signal = TRACES, .processors = chain, .n_processors = COUNTOF(types)
	};
	spans_load(&s,
	        "[{\"attributes\":{\"gen_ai.operation.name\":\"chat\",\"gen_ai.system\":\"openai\",\"gen_ai.request."
	        "model\":\"gpt-4o-mini\","
	        "\"gen_ai.usage.prompt_tokens\":1000,\"session.id\":\"s\"}}]");
	struct dry_run *d = dry_run_new(&p, rigs[0].root_log, s.keys, &e);
	assert_non_null(d);
	dry_run_push(d, &s.t, count_stage, &n);
	assert_int_equal(n, COUNTOF(types));
	static const char *const added[] = { "weir.span.kind", "llm.cost.total", "llm.latency_ms",
		"gen_ai.conversation.id" };
	for (size_t i = 0; i < COUNTOF(added); i++)
		assert_non_null(attrs_find(&spans_nth(&s, 0)->attrs, slice_of(added[i])));
	dry_run_free(d);
	spans_release(&s);
	for (size_t i = 0; i < COUNTOF(types); i++)
		rig_release(&rigs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_in_order),
		cmocka_unit_test(without_processors),
		cmocka_unit_test(failures),
		cmocka_unit_test(a_real_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
