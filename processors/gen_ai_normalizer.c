/* gen_ai_normalizer.c - GenAI spans of every convention in one canonical schema (lib/genai/normalize.h does the work).
 *
 * The canonical names are today's OpenTelemetry GenAI attributes where they exist. Options and the user's mappings are the conf, working
 * memory belongs to the worker's stage. weir_normalizer_spans counts the conventions that came in.
 */
#include <stdlib.h>

#include "lib/genai/normalize.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"
#include "lib/pipe/meter.h"

struct mapping_conf {
	slice from, to;
	int type;
};

struct normalizer_conf {
	int originals, precedence, message_events, finish_reasons;
	struct conf_list mappings; /* mapping_conf */
};

enum { EVENTS_FOLD, EVENTS_KEEP };
enum { REASONS_MAPPED, REASONS_RAW };

static const char *const originals_names[] = { "keep", "drop_known", "drop_all", NULL };
static const char *const precedence_names[] = { "otel_first", "llm_first", "vendor_first", NULL };
static const char *const events_names[] = { "fold", "keep", NULL };
static const char *const reasons_names[] = { "mapped", "raw", NULL };
static const char *const type_names[] = { "as_is", "string", "int", "double", "bool", "json", NULL };

static const struct conf_field mapping_fields[] = {
	CONF_STR(mapping_conf, from, NULL, "Attribute to take the value of."),
	CONF_STR(mapping_conf, to, NULL, "Attribute that the value becomes."),
	CONF_ENUM(mapping_conf, type, "as_is", type_names,
	        "What the value is converted to; if it cannot be, it stays where it is."),
	CONF_END,
};

static const struct conf_field fields[] = {
	CONF_ENUM(normalizer_conf, originals, "drop_known", originals_names,
	        "What becomes of the attributes that canonical ones were made of: drop_known deletes a source only "
	        "when a canonical "
	        "attribute carries all of it."),
	CONF_ENUM(normalizer_conf, precedence, "otel_first", precedence_names,
	        "Which names win when a span tells a fact in several conventions."),
	CONF_ENUM(normalizer_conf, message_events, "fold", events_names,
	        "Whether events that hold messages become gen_ai.input.messages, gen_ai.output.messages and "
	        "gen_ai.system_instructions."),
	CONF_ENUM(normalizer_conf, finish_reasons, "mapped", reasons_names,
	        "Whether finish reasons are translated to stop, length, tool_call, content_filter and error."),
	CONF_LIST(normalizer_conf, mappings, mapping_conf, mapping_fields,
	        "Attributes of your own that become others before anything else is read."),
	CONF_REFUSED("sources",
	        "Every convention is read always; custom_mappings go into mappings, remove_originals is originals."),
	CONF_END,
};

struct normalizer_shared {
	struct mapping *mappings;
};

struct normalizer_state {
	struct normalizer *normalizer;
	struct normalize_options options;
	struct meter_cell *spans[N_ECOSYSTEMS]; /* made when a convention is first seen */
	struct meter *meter;
};

static void check(const void *conf, struct conf_report *r)
{
	const struct normalizer_conf *c = conf;
	const struct mapping_conf *m = c->mappings.v;
	for (size_t i = 0; i < c->mappings.n; i++) {
		if (m[i].from.p && !m[i].from.len)
			conf_fail(r, &m[i].from, "must not be empty");
		if (m[i].to.p && !m[i].to.len)
			conf_fail(r, &m[i].to, "must not be empty");
	}
}

static int open_shared(void *shared, const void *conf, void *prev UNUSED, struct err *e UNUSED)
{
	const struct normalizer_conf *c = conf;
	const struct mapping_conf *m = c->mappings.v;
	struct normalizer_shared *s = shared;
	s->mappings = calloc(c->mappings.n + 1, sizeof(*s->mappings));
	if (!s->mappings)
		abort();
	for (size_t i = 0; i < c->mappings.n; i++)
		s->mappings[i] = (struct mapping){ m[i].from, m[i].to, (enum mapping_type)m[i].type };
	return 0;
}

static void close_shared(void *shared)
{
	struct normalizer_shared *s = shared;
	free(s->mappings);
}

static int start(struct stage *stage, struct err *e UNUSED)
{
	static const struct meter_info spans = { "weir_normalizer_spans",
		"Spans normalised, by the convention they came in", { "convention" }, METER_COUNTER };
	const struct normalizer_conf *c = stage->conf;
	const struct normalizer_shared *shared = stage->shared;
	struct normalizer_state *state = stage->state;
	state->options = (struct normalize_options){ .originals = (enum originals)c->originals,
		.precedence = (enum precedence)c->precedence,
		.fold_events = c->message_events == EVENTS_FOLD,
		.raw_finish_reasons = c->finish_reasons == REASONS_RAW,
		.mappings = shared->mappings,
		.n_mappings = c->mappings.n };
	state->normalizer = calloc(1, sizeof(*state->normalizer));
	if (!state->normalizer)
		abort();
	normalizer_init(state->normalizer);
	state->meter = core_meter(stage->core, &spans);
	return 0;
}

static void count(struct stage *stage, const uint32_t seen[N_ECOSYSTEMS])
{
	struct normalizer_state *state = stage->state;
	for (unsigned e = 0; e < N_ECOSYSTEMS; e++) {
		if (!seen[e])
			continue;
		if (!state->spans[e])
			state->spans[e] =
			        meter_cell(state->meter, stage->worker, slice_of(ecosystem_name(e)), (slice){ 0 });
		meter_add(state->spans[e], seen[e]);
	}
}

static void push(struct stage *stage, struct batch *b)
{
	struct normalizer_state *state = stage->state;
	uint32_t seen[N_ECOSYSTEMS] = { 0 };
	normalize_traces(state->normalizer, &state->options, b->traces, seen);
	count(stage, seen);
	stage_push(stage->next, b);
}

static void stop(struct stage *stage)
{
	struct normalizer_state *state = stage->state;
	normalizer_release(state->normalizer);
	free(state->normalizer);
}

const struct component processor_gen_ai_normalizer = {
	.name = "gen_ai_normalizer",
	.summary = "Writes the canonical GenAI attributes of every convention.",
	.kind = PROCESSOR,
	.signals = TRACES,
	.flags = MUTATES | BARE,
	.fields = fields,
	.conf_size = sizeof(struct normalizer_conf),
	.shared_size = sizeof(struct normalizer_shared),
	.state_size = sizeof(struct normalizer_state),
	.check = check,
	.open = open_shared,
	.close = close_shared,
	.start = start,
	.push = push,
	.stop = stop,
};
