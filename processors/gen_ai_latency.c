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

/* A number that the span brings, at least 0. */
static bool brings(const struct attrs *as, enum genai_key key, double *d)
{
	const struct attr *a = attrs_find_id(as, (uint16_t)key);
	return a && coerce_double(&a->value, d) && *d >= 0;
}

static void set_int(struct traces *t, struct attrs *as, enum genai_key key, int64_t i)
{
	const struct attr *a = attrs_find_id(as, (uint16_t)key);
	if (!a || a->value.type != V_INT || a->value.i != i)
		attr_set_int(t, as, genai_key_name(key), i);
}

static void set_double(struct traces *t, struct attrs *as, enum genai_key key, double d)
{
	const struct attr *a = attrs_find_id(as, (uint16_t)key);
	if (!a || a->value.type != V_DOUBLE || a->value.d != d)
		attr_set_double(t, as, genai_key_name(key), d);
}

static void set_latency(struct traces *t, struct span *s)
{
	static const double max_ms = 1e15; /* what a number beyond it would be is not known, and it stays */
	double told;
	if (brings(&s->attrs, KEY_LLM_LATENCYMS, &told)) {
		if (told < max_ms)
			set_int(t, &s->attrs, KEY_LLM_LATENCYMS, (int64_t)(told + 0.5));
		return;
	}
	if (!s->start_ns || s->end_ns < s->start_ns)
		return;
	uint64_t ns = s->end_ns - s->start_ns;
	set_int(t, &s->attrs, KEY_LLM_LATENCYMS, (int64_t)(ns / NS_PER_MS + (ns % NS_PER_MS >= NS_PER_MS / 2)));
}

static void set_first_chunk(struct view *v, struct span *s)
{
	double seconds;
	if (latency_first_chunk(v, &seconds, NULL))
		set_double(v->traces, &s->attrs, KEY_GENAI_RESPONSE_TIMETOFIRSTCHUNK, seconds);
}

static void set_speed(struct view *v, struct span *s)
{
	double told, seconds = latency_of_span(s);
	int64_t tokens;
	if (brings(&s->attrs, KEY_WEIR_OUTPUTTOKENSPERSECOND, &told)) {
		set_double(v->traces, &s->attrs, KEY_WEIR_OUTPUTTOKENSPERSECOND, told);
		return;
	}
	if (seconds > 0 && view_tokens(v, C_OUTPUT_TOKENS, &tokens, NULL) && tokens)
		set_double(v->traces, &s->attrs, KEY_WEIR_OUTPUTTOKENSPERSECOND, (double)tokens / seconds);
}

static void time_call(struct view *v, struct traces *t, struct span *s, struct emitter emitter, enum genai_kind kind)
{
	view_load(v, t, &s->attrs, emitter_of_span(emitter, s), GROUP_LATENCY | GROUP_USAGE, OTEL_FIRST);
	v->kind = kind;
	set_first_chunk(v, s);
	set_speed(v, s);
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
		if (model)
			time_call(v, b->traces, s, of_scope, kind);
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
