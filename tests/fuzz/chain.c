/* chain.c - the five GenAI processors in their order, on spans that are made of what the tables know (spans.h): what the chain makes of a
 * request, it leaves alone when it comes again, and no span is lost but to the filter.
 *
 * The first byte chooses which destination's view of originals is wanted, and whether prompts and headers are linked. The headers come
 * with the first request only.
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

enum { N_CHAINS = 7 };
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
static const struct client_pair sent[] = { { { "x-a", 3 }, { "s", 1 } }, { { "x-b", 3 }, { "u", 1 } },
	{ { "x-c", 3 }, { "100", 3 } } };
static const struct client client = { .metadata = sent, .n_metadata = COUNTOF(sent) };

/* With these options of the normaliser and the linker; lives as long as the process. */
static struct chain *chain_new(
        const char *yaml, const char *links, struct core *core, struct log *log, struct loop *loop)
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

static struct buf *pushed(struct chain *c, struct buf *in, const struct client *sender)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	REQUIRE(traces_scan(&t, in, c->stages[0].core->o.keys, NULL, &r, &e) == 0 && r.n_refused == 0);
	struct batch b = { .signal = TRACES, .traces = &t, .n_items = t.n_spans, .client = sender };
	c->out = NULL;
	stage_push(&c->stages[0], &b);
	traces_release(&t);
	return c->out;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct chain **chains;
	if (size < 3 || size > 2048)
		return 0;
	if (!chains)
		chains = chains_new();
	struct chain *c = chains[data[0] % N_CHAINS];
	struct buf *in = spans_of_bytes(data, size, c->stages[0].core->o.keys);
	struct buf *once = pushed(c, in, &client), *twice = once ? pushed(c, once, NULL) : NULL;
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
