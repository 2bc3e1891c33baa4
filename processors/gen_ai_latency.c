/* gen_ai_latency.c - how long calls took, when the first chunk came, how fast the answer was.
 *
 * Writes llm.latency_ms (milliseconds from start to end) on model, tool and agent spans, and on model calls
 * gen_ai.response.time_to_first_chunk (seconds) and weir.output_tokens_per_second (output tokens by the span's duration). What a span
 * already brings stays.
 */
#include "lib/genai/kind.h"
#include "lib/genai/latency.h"
#include "lib/otlp/edit.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"

struct latency_state {
	struct view *view;
};

static bool brings_number(const struct attrs *as, enum genai_key key)
{
	const struct attr *a = attrs_find_id(as, (uint16_t)key);
	double d;
	return a && coerce_double(&a->value, &d);
}

static void set_latency(struct traces *t, struct span *s)
{
	if (s->end_ns < s->start_ns || !s->start_ns || brings_number(&s->attrs, KEY_LLM_LATENCYMS))
		return;
	uint64_t ms = (s->end_ns - s->start_ns + NS_PER_MS / 2) / NS_PER_MS;
	attr_set_int(t, &s->attrs, concept_info(C_LATENCY_MS)->attribute, (int64_t)ms);
}

static void set_first_chunk(struct view *v, struct span *s)
{
	struct candidate *from = NULL;
	double seconds;
	if (!latency_first_chunk(v, &seconds, &from))
		return;
	const struct value *is = from ? &from->attr->value : NULL;
	slice name = concept_info(C_FIRST_CHUNK)->attribute;
	if (is && slice_eq(from->attr->key, name) && is->type == V_DOUBLE && is->d == seconds)
		return;
	attr_set_double(v->traces, &s->attrs, name, seconds);
}

static void set_speed(struct traces *t, struct span *s)
{
	const struct attr *a = attrs_find_id(&s->attrs, KEY_GENAI_USAGE_OUTPUTTOKENS);
	double seconds = latency_of_span(s);
	int64_t tokens;
	if (!a || !coerce_tokens(&a->value, &tokens) || !tokens || seconds <= 0 ||
	        brings_number(&s->attrs, KEY_WEIR_OUTPUTTOKENSPERSECOND))
		return;
	attr_set_double(t, &s->attrs, SLICE("weir.output_tokens_per_second"), (double)tokens / seconds);
}

static void push(struct stage *stage, struct batch *b)
{
	struct view *v = ((struct latency_state *)stage->state)->view;
	const struct scope *scope = NULL;
	struct emitter of_scope = { ECO_NONE, 0 };
	for (struct span *s = traces_first_span(b->traces); s; s = traces_next_span(b->traces, s)) {
		enum genai_kind kind = kind_of_span(s);
		bool model = kind_is_model_call(kind);
		if (!model && kind != KIND_TOOL && kind != KIND_AGENT)
			continue;
		if (s->scope != scope)
			of_scope = emitter_of_scope(scope = s->scope);
		set_latency(b->traces, s);
		if (!model)
			continue;
		view_load(v, b->traces, &s->attrs, of_scope, GROUP_LATENCY, OTEL_FIRST);
		v->kind = kind;
		set_first_chunk(v, s);
		set_speed(b->traces, s);
	}
	stage_push(stage->next, b);
}

static int start(struct stage *stage, struct err *e UNUSED)
{
	struct latency_state *state = stage->state;
	state->view = calloc(1, sizeof *state->view);
	if (!state->view)
		abort();
	view_init(state->view);
	return 0;
}

static void stop(struct stage *stage)
{
	struct latency_state *state = stage->state;
	view_release(state->view);
	free(state->view);
}

const struct component processor_gen_ai_latency = {
	.name = "gen_ai_latency",
	.summary = "Adds latency, time to first chunk and output speed to GenAI spans.",
	.kind = PROCESSOR,
	.signals = TRACES,
	.flags = MUTATES | BARE,
	.state_size = sizeof(struct latency_state),
	.start = start,
	.push = push,
	.stop = stop,
};
