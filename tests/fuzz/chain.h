/* chain.h - the five GenAI processors in their order as one chain, once for each set of options that the fuzz target chain.c tries.
 *
 * Behind the filter the spans are counted, and at the end again: only the filter may lose some. Chains live as long as the process.
 */
#pragma once
#include "tests/fuzz/twice.h"

#include <stdlib.h>

#include "config/yaml.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/core_internal.h"
#include "lib/pipe/meter.h"

extern const struct component processor_gen_ai_filter, processor_gen_ai_normalizer, processor_gen_ai_cost,
        processor_gen_ai_latency, processor_gen_ai_link;
static const struct component *const types[] = { &processor_gen_ai_filter, &processor_gen_ai_normalizer,
	&processor_gen_ai_cost, &processor_gen_ai_latency, &processor_gen_ai_link };

enum { N_CHAINS = 7 };
struct chain {
	struct stage stages[COUNTOF(types)], behind_filter, end;
	struct arena arena; /* options and states */
	uint32_t n_kept; /* as it was behind the filter */
	bool dirty; /* as the end of the chain saw it */
	struct buf *out;
};

static void *zeroed(size_t n)
{
	void *p = calloc(1, n);
	REQUIRE(p);
	return p;
}

static void behind_filter_push(struct stage *s, struct batch *b)
{
	struct chain *c = CONTAINER_OF(s, struct chain, behind_filter);
	c->n_kept = b->traces->n_kept;
	stage_push(s->next, b);
}

static void end_push(struct stage *s, struct batch *b)
{
	struct chain *c = CONTAINER_OF(s, struct chain, end);
	uint32_t n = 0;
	for (struct span *span = traces_first_span(b->traces); span; span = traces_next_span(b->traces, span))
		n++;
	REQUIRE(b->traces->n_kept == c->n_kept && n == c->n_kept);
	c->dirty = b->traces->dirty;
	c->out = traces_encode(b->traces, NULL);
	REQUIRE(c->out);
}

static const char linked[] =
        "metadata_from_headers: {x-a: session.id, x-b: langfuse.user.id, x-c: promptlayer.prompt.version}\n"
        "prompts:\n"
        "- {name: chat, version: 7, links: {enprompta: {prompt_id: a, prompt_version_id: b}, promptlayer: {id: 5, "
        "version: "
        "1}, langfuse: {name: user, version: 100}}}\n"
        "- {name: chat, version: 1, links: {enprompta: {prompt_id: a}, promptlayer: {id: 5, version: 100}, langfuse: "
        "{name: "
        "user, version: 1}}}\n"
        "- {name: user, links: {promptlayer: {id: 1, label: both}}}\n"
        "- {name: stop, version: 1, links: {langfuse: {name: stop, version: 7}, promptlayer: {id: 7}}}\n"
        "- {version: 5, links: {promptlayer: {id: 100}, langfuse: {name: task}}}\n";

/* With these options of the normaliser and the linker. */
static struct chain *chain_new(
        const char *yaml, const char *links, struct core *core, struct log *log, struct loop *loop)
{
	static const struct component behind_filter = { .name = "kept", .kind = PROCESSOR, .push = behind_filter_push },
	                              end = { .name = "end", .kind = PROCESSOR, .push = end_push };
	struct chain *c = zeroed(sizeof(*c));
	struct arena *a = &c->arena;
	struct findings f;
	struct err e = { .text = "" };
	arena_init(a);
	findings_init(&f);
	for (size_t i = 0; i < COUNTOF(types); i++) {
		const struct component *t = types[i];
		const char *options = t == &processor_gen_ai_normalizer ? yaml
		        : t == &processor_gen_ai_link                   ? links
		                                                        : "{}";
		struct node *n = yaml_parse(a, slice_of(options), "fuzz", &f);
		void *conf = arena_zalloc(a, t->conf_size + 1);
		struct pos pos = { "fuzz", 1, 1 };
		REQUIRE(n && conf_load(t->fields, n, slice_of(t->name), pos, conf, t->check, a, &f) == 0);
		c->stages[i] = (struct stage){ .type = t,
			.id = t->name,
			.conf = conf,
			.shared = arena_zalloc(a, t->shared_size + 1),
			.state = arena_zalloc(a, t->state_size + 1),
			.next = i == 0                   ? &c->behind_filter
			        : i + 1 < COUNTOF(types) ? &c->stages[i + 1]
			                                 : &c->end,
			.loop = loop,
			.log = log,
			.core = core };
		REQUIRE(!t->open || t->open(c->stages[i].shared, conf, NULL, &e) == 0);
		REQUIRE(!t->start || t->start(&c->stages[i], &e) == 0);
	}
	c->behind_filter = (struct stage){ .type = &behind_filter, .next = &c->stages[1] };
	c->end.type = &end;
	findings_release(&f);
	return c;
}

static struct chain **chains_new(void)
{
	static const char *const options[N_CHAINS][2] = { { "{originals: keep}", "{}" },
		{ "{originals: drop_known}", "{}" }, { "{originals: drop_all}", "{}" },
		{ "{originals: drop_known, precedence: llm_first}", "{}" },
		{ "{originals: keep, message_events: keep}", "{}" }, { "{originals: drop_known}", linked },
		{ "{originals: keep, precedence: vendor_first}", linked } };
	struct chain **all = zeroed(N_CHAINS * sizeof(struct chain *));
	struct core *core = zeroed(sizeof(*core));
	struct loop *loop = zeroed(sizeof(*loop));
	core->n_workers = 1;
	core->o.keys = genai_keys_new();
	pool_init(&core->pool, UINT64_MAX);
	loop->clock = clock_system();
	struct log *log = log_new(&(struct log_conf){ .level = LOG_ERROR }, loop->clock);
	for (size_t i = 0; i < N_CHAINS; i++)
		all[i] = chain_new(options[i][0], options[i][1], core, log, loop);
	return all;
}
