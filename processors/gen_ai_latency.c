/* gen_ai_latency.c - how long calls took, when the first chunk came, how fast the answer was.
 *
 * Writes llm.latency_ms (milliseconds from start to end) on model, tool and agent spans, and on model calls
 * gen_ai.response.time_to_first_chunk (seconds) and weir.output_tokens_per_second (output tokens by the span's duration). What a span
 * already brings stays.
 */
#include "lib/genai/gather.h"
#include "lib/genai/kind.h"
#include "lib/genai/latency.h"
#include "lib/otlp/edit.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"

enum role { AT_LATENCY = 1, AT_FIRST, AT_SPEED, AT_OUTPUT, AT_CONVENTION, AT_KIND, N_ROLES };
static const uint16_t keys[N_ROLES] = { [AT_LATENCY] = KEY_LLM_LATENCYMS,
	[AT_FIRST] = KEY_GENAI_RESPONSE_TIMETOFIRSTCHUNK,
	[AT_SPEED] = KEY_WEIR_OUTPUTTOKENSPERSECOND,
	[AT_OUTPUT] = KEY_GENAI_USAGE_OUTPUTTOKENS,
	[AT_CONVENTION] = KEY_WEIR_CONVENTION,
	[AT_KIND] = KEY_WEIR_SPAN_KIND };

struct latency_work {
	struct gather gather;
	struct view view;
};
struct latency_state {
	struct latency_work *work;
};

/* One span at work. */
struct timing {
	struct traces *traces;
	struct span *span;
	enum genai_kind kind;
	struct attr *has[N_ROLES];
};

/* A number that the span brings, at least 0. */
static bool brings(const struct timing *t, enum role role, double *d)
{
	const struct attr *a = t->has[role];
	return a && coerce_double(&a->value, d) && *d >= 0;
}

static void set_int(struct timing *t, enum role role, int64_t i)
{
	const struct attr *a = t->has[role];
	if (!a || a->value.type != V_INT || a->value.i != i)
		attr_set_known(t->traces, &t->span->attrs, keys[role], &(struct value){ .type = V_INT, .i = i });
}

static void set_double(struct timing *t, enum role role, double d)
{
	const struct attr *a = t->has[role];
	if (!a || a->value.type != V_DOUBLE || a->value.d != d)
		attr_set_known(t->traces, &t->span->attrs, keys[role], &(struct value){ .type = V_DOUBLE, .d = d });
}

static void set_latency(struct timing *t)
{
	static const double max_ms = 1e15; /* what a number beyond it would be is not known, and it stays */
	const struct span *s = t->span;
	double told;
	if (brings(t, AT_LATENCY, &told)) {
		if (told < max_ms)
			set_int(t, AT_LATENCY, (int64_t)(told + 0.5));
		return;
	}
	if (!s->start_ns || s->end_ns < s->start_ns)
		return;
	uint64_t ns = s->end_ns - s->start_ns;
	set_int(t, AT_LATENCY, (int64_t)(ns / NS_PER_MS + (ns % NS_PER_MS >= NS_PER_MS / 2)));
}

/* tokens: of the output; 0: not told, or none. */
static void set_speed(struct timing *t, int64_t tokens)
{
	double speed, seconds = latency_of_span(t->span);
	if (brings(t, AT_SPEED, &speed))
		set_double(t, AT_SPEED, speed);
	else if (seconds > 0 && tokens)
		set_double(t, AT_SPEED, (double)tokens / seconds);
}

/* A normalised span says all under canonical names, but a first chunk that is nonsense (-1) may hide a better one. */
static bool is_plain(const struct timing *t)
{
	double first;
	return t->has[AT_CONVENTION] && (!t->has[AT_FIRST] || brings(t, AT_FIRST, &first));
}

static void time_plain(struct timing *t)
{
	double first;
	int64_t tokens = 0;
	const struct attr *output = t->has[AT_OUTPUT];
	if (brings(t, AT_FIRST, &first) || latency_first_event(t->span, &first))
		set_double(t, AT_FIRST, first);
	if (output)
		coerce_tokens(&output->value, &tokens);
	set_speed(t, tokens);
}

static void time_any(struct view *v, struct timing *t, struct emitter of_scope)
{
	double first;
	int64_t tokens = 0;
	struct emitter emitter = emitter_of_span(of_scope, t->span);
	view_load(v, t->traces, &t->span->attrs, emitter, GROUP_LATENCY | GROUP_USAGE, OTEL_FIRST);
	v->kind = t->kind;
	if (latency_first_chunk(v, &first, NULL))
		set_double(t, AT_FIRST, first);
	view_tokens(v, C_OUTPUT_TOKENS, &tokens, NULL);
	set_speed(t, tokens);
}

static void push(struct stage *stage, struct batch *b)
{
	struct latency_work *work = ((struct latency_state *)stage->state)->work;
	struct scope *scope = NULL;
	struct emitter of_scope = { ECO_NONE, 0 };
	for (struct span *s = traces_first_span(b->traces); s; s = traces_next_span(b->traces, s)) {
		struct timing t = { .traces = b->traces, .span = s };
		gather_attrs(&work->gather, &s->attrs, t.has);
		t.kind = kind_of_attr(s, t.has[AT_KIND]);
		bool model = kind_is_model_call(t.kind);
		if (!model && t.kind != KIND_TOOL && t.kind != KIND_AGENT)
			continue;
		set_latency(&t);
		if (!model)
			continue;
		if (is_plain(&t)) {
			time_plain(&t);
			continue;
		}
		if (s->scope != scope)
			of_scope = emitter_of_scope(scope = s->scope);
		time_any(&work->view, &t, of_scope);
	}
	stage_push(stage->next, b);
}

static int start(struct stage *stage, struct err *e UNUSED)
{
	struct latency_work *work = calloc(1, sizeof *work);
	if (!work)
		abort();
	((struct latency_state *)stage->state)->work = work;
	view_init(&work->view);
	for (unsigned i = 1; i < N_ROLES; i++)
		work->gather.role[keys[i]] = (uint8_t)i;
	return 0;
}

static void stop(struct stage *stage)
{
	struct latency_work *work = ((struct latency_state *)stage->state)->work;
	view_release(&work->view);
	free(work);
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
