/* chain.c - the five GenAI processors in their order, on spans that are made of what the tables know (spans.h): what the chain makes of a
 * request, it leaves alone when it comes again, and no span is lost but to the filter.
 *
 * The first byte chooses which destination's view of originals is wanted.
 */
#include "tests/fuzz/twice.h"

#include <stdlib.h>

#include "config/yaml.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/core_internal.h"
#include "lib/pipe/meter.h"
#include "tests/fuzz/spans.h"

extern const struct component processor_gen_ai_filter, processor_gen_ai_normalizer, processor_gen_ai_cost,
        processor_gen_ai_latency, processor_gen_ai_link;
static const struct component *const types[] = { &processor_gen_ai_filter, &processor_gen_ai_normalizer,
	&processor_gen_ai_cost, &processor_gen_ai_latency, &processor_gen_ai_link };

struct chain {
	struct stage stages[COUNTOF(types) + 1];
	struct arena arena; /* options and states */
	bool dirty; /* as the end of the chain saw it */
	struct buf *out;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *zeroed(size_t n)
{
	void *p = calloc(1, n);
	REQUIRE(p);
	return p;
}

static void end_push(struct stage *s, struct batch *b)
{
	struct chain *c = CONTAINER_OF(s, struct chain, stages[COUNTOF(types)]);
	c->dirty = b->traces->dirty;
	c->out = traces_encode(b->traces, NULL);
	REQUIRE(c->out);
}

/* With the options of `yaml`; lives as long as the process. */
static struct chain *chain_new(const char *yaml, struct core *core, struct log *log, struct loop *loop)
{
	static const struct component end = { .name = "end", .kind = PROCESSOR, .push = end_push };
	struct chain *c = zeroed(sizeof(*c));
	struct arena *a = &c->arena;
	struct findings f;
	struct err e = { .text = "" };
	arena_init(a);
	findings_init(&f);
	for (size_t i = 0; i < COUNTOF(types); i++) {
		const struct component *t = types[i];
		bool optioned = t == &processor_gen_ai_normalizer;
		struct node *n = yaml_parse(a, slice_of(optioned ? yaml : "{}"), "fuzz", &f);
		void *conf = arena_zalloc(a, t->conf_size + 1);
		struct pos pos = { "fuzz", 1, 1 };
		REQUIRE(n && conf_load(t->fields, n, slice_of(t->name), pos, conf, t->check, a, &f) == 0);
		c->stages[i] = (struct stage){ .type = t,
			.id = t->name,
			.conf = conf,
			.shared = arena_zalloc(a, t->shared_size + 1),
			.state = arena_zalloc(a, t->state_size + 1),
			.next = &c->stages[i + 1],
			.loop = loop,
			.log = log,
			.core = core };
		REQUIRE(!t->open || t->open(c->stages[i].shared, conf, NULL, &e) == 0);
		REQUIRE(!t->start || t->start(&c->stages[i], &e) == 0);
	}
	c->stages[COUNTOF(types)].type = &end;
	findings_release(&f);
	return c;
}

static struct buf *pushed(struct chain *c, struct buf *in)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	REQUIRE(traces_scan(&t, in, c->stages[0].core->o.keys, NULL, &r, &e) == 0 && r.n_refused == 0);
	struct batch b = { .signal = TRACES, .traces = &t, .n_items = t.n_spans };
	c->out = NULL;
	stage_push(&c->stages[0], &b);
	traces_release(&t);
	return c->out;
}

static struct chain **chains_new(void)
{
	static const char *const yaml[] = { "{originals: keep}", "{originals: drop_known}", "{originals: drop_all}",
		"{originals: drop_known, precedence: llm_first}", "{originals: keep, message_events: keep}" };
	struct chain **all = zeroed(COUNTOF(yaml) * sizeof(struct chain *));
	struct core *core = zeroed(sizeof(*core));
	struct loop *loop = zeroed(sizeof(*loop));
	core->n_workers = 1;
	core->o.keys = genai_keys_new();
	pool_init(&core->pool, UINT64_MAX);
	loop->clock = clock_system();
	struct log *log = log_new(&(struct log_conf){ .level = LOG_ERROR }, loop->clock);
	for (size_t i = 0; i < COUNTOF(yaml); i++)
		all[i] = chain_new(yaml[i], core, log, loop);
	return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct chain **chains;
	if (size < 3 || size > 2048)
		return 0;
	if (!chains)
		chains = chains_new();
	struct chain *c = chains[data[0] % 5];
	struct buf *in = spans_of_bytes(data, size, c->stages[0].core->o.keys);
	struct buf *once = pushed(c, in), *twice = once ? pushed(c, once) : NULL;
	if (twice && c->dirty) {
		show("came", in);
		show("once", once);
		show("twice", twice);
		REQUIRE(!c->dirty);
	}
	REQUIRE(!once || twice);
	buf_unref(in);
	buf_unref(once);
	buf_unref(twice);
	return 0;
}
