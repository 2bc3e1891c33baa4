/* normalize_usage.c - token counts of model calls, and which spans must not be added up.
 *
 * Only spans of model calls get canonical counts: on agents, workflows and steps they are sums of what other spans report, and stay
 * where they are. A count that was made inclusive is carried by the canonical attributes together (input minus cached ones), so its
 * source goes like any other. Conflicts are told once, by the run that sees the sources first.
 */
#include "lib/genai/normalize_internal.h"

enum { N_COUNTS = 8 };
static const enum concept counts[N_COUNTS] = { C_INPUT_TOKENS, C_OUTPUT_TOKENS, C_TOTAL_TOKENS, C_CACHE_READ,
	C_CACHE_WRITE, C_REASONING_TOKENS, C_AUDIO_INPUT, C_AUDIO_OUTPUT };

static bool ends(const char *path, const char *tail)
{
	size_t n = path ? strlen(path) : 0, m = strlen(tail);
	return n >= m && memcmp(path + n - m, tail, m) == 0;
}

static bool same_document(const struct candidate *a, const struct candidate *b)
{
	return a && b && a->attr == b->attr;
}

/* Langfuse counts in buckets beside each other: input, input_cached_tokens, output, output_reasoning_tokens. */
static unsigned flags_of_buckets(struct candidate *const from[N_COUNTS])
{
	unsigned flags = 0;
	const struct candidate *input = from[0], *output = from[1], *reasoning = from[5];
	for (unsigned i = 3; i <= 4; i++)
		if (same_document(input, from[i]) && slice_is(slice_of(input->alias->path), "input"))
			flags |= EMIT_EXCLUSIVE;
	if (same_document(output, reasoning) && slice_is(slice_of(output->alias->path), "output"))
		flags |= EMIT_REASONING_APART;
	return flags;
}

/* Google's thoughts are beside the candidates' tokens, and Genkit hands both through. */
static bool thinks_apart(const struct candidate *output, const struct candidate *reasoning)
{
	const char *path = output ? output->alias->path : NULL;
	if (ends(path, "candidates_token_count") || ends(path, "candidatesTokenCount"))
		return true;
	return same_document(output, reasoning) && output->alias->key == KEY_GENKIT_OUTPUT &&
	        (ends(reasoning->alias->path, "thoughtsTokens") || ends(reasoning->alias->path, "thoughtsTokenCount"));
}

/* The provider's own words in a dumped body ("usage.input_tokens"): Anthropic's cached tokens and Google's thoughts are beside the
 * others. */
static unsigned flags_of_body(struct candidate *const from[N_COUNTS])
{
	unsigned flags = 0;
	const struct candidate *input = from[0], *output = from[1];
	if (input && input->alias->key == KEY_LANGFUSE_OBSERVATION_USAGEDETAILS && input->alias->path)
		return flags_of_buckets(from);
	for (unsigned i = 3; i <= 4; i++)
		if (same_document(input, from[i]) && ends(input->alias->path, "usage.input_tokens") &&
		        (ends(from[i]->alias->path, "usage.cache_read_input_tokens") ||
		                ends(from[i]->alias->path, "usage.cache_creation_input_tokens")))
			flags |= EMIT_EXCLUSIVE;
	if (thinks_apart(output, from[5]))
		flags |= EMIT_REASONING_APART;
	return flags;
}

/* Another source of the count says another number. */
static bool disagrees(struct norm *x, enum concept c, int64_t winner)
{
	struct value value;
	int64_t n;
	for (struct candidate *s = view_first(x->v, c); s; s = view_next(x->v, s))
		if (!s->alias->path && candidate_value(x->v, s, &value) && coerce_tokens(&value, &n) && n != winner)
			return true;
	return false;
}

static void tell_conflicts(struct norm *x, const int64_t raw[N_COUNTS], struct candidate *const from[N_COUNTS])
{
	slice names[N_COUNTS];
	size_t n = 0;
	for (unsigned i = 0; i < N_COUNTS; i++)
		if (from[i] && from[i]->next && counts[i] != C_TOTAL_TOKENS && disagrees(x, counts[i], raw[i]))
			names[n++] = concept_info(counts[i])->attribute;
	if (!n)
		return;
	struct value v = norm_strings_value(x, names, n);
	norm_put_mark(x, KEY_WEIR_CONFLICT, &v);
}

/* Sources that say the number as it was reported. */
static void drop_reported(struct norm *x, enum concept c, int64_t raw)
{
	struct value value;
	int64_t n;
	if (x->o->originals != ORIGINALS_DROP_KNOWN)
		return;
	for (struct candidate *s = view_first(x->v, c); s; s = view_next(x->v, s))
		if (!s->alias->path && norm_may_drop(x, s->attr, s->alias) && candidate_value(x->v, s, &value) &&
		        coerce_tokens(&value, &n) && n == raw)
			norm_drop(x, s->attr);
}

void normalize_usage(struct norm *x, struct usage *u)
{
	struct candidate *from[N_COUNTS] = { 0 };
	int64_t *const fields[N_COUNTS] = { &u->input, &u->output, &u->total, &u->cache_read, &u->cache_write,
		&u->reasoning, &u->audio_input, &u->audio_output };
	int64_t raw[N_COUNTS];
	bool adjusted, any = false, several = false;
	usage_clear(u);
	for (unsigned i = 0; i < N_COUNTS; i++) {
		if (x->v->head[counts[i]] && view_tokens(x->v, counts[i], fields[i], &from[i])) {
			any = true;
			several |= from[i]->next != 0;
		}
		raw[i] = *fields[i];
	}
	if (!any) {
		for (unsigned i = 0; i < N_COUNTS; i++)
			norm_drop_unreadable(x, counts[i]);
		return;
	}
	unsigned flags = x->settled ? 0 : usage_flags(x->v, u) | flags_of_body(from);
	usage_settle(u, flags, x->settled, &adjusted);
	if (several && !x->settled)
		tell_conflicts(x, raw, from);
	for (unsigned i = 0; i < N_COUNTS; i++) {
		if (*fields[i] < 0) {
			if (x->v->head[counts[i]])
				norm_drop_unreadable(x, counts[i]);
			continue;
		}
		norm_put_int(x, counts[i], *fields[i], from[i]);
		if (raw[i] != *fields[i])
			drop_reported(x, counts[i], raw[i]);
	}
	if (adjusted)
		norm_put_mark(x, KEY_WEIR_USAGE_ADJUSTED, &(struct value){ .type = V_BOOL, .b = true });
}

static bool has_usage_or_cost(const struct view *v)
{
	return v->head[C_INPUT_TOKENS] || v->head[C_OUTPUT_TOKENS] || v->head[C_TOTAL_TOKENS] ||
	        v->head[C_COST_TOTAL] || v->head[C_COST_INPUT] || v->head[C_COST_OUTPUT];
}

/* Logfire ends the span of a streamed call when the stream begins; a log span with the answer and the usage follows. */
static bool is_stream_begin(const struct norm *x)
{
	enum { STATUS_ERROR = 2 };
	const struct view *v = x->v;
	return v->emitter.ecosystem == ECO_LOGFIRE && x->span->status_code != STATUS_ERROR && !has_usage_or_cost(v) &&
	        !v->head[C_RESPONSE_ID] && !v->head[C_OUTPUT_MESSAGES];
}

static bool ends_in(slice s, slice tail)
{
	return s.len >= tail.len && memcmp(s.p + s.len - tail.len, tail.p, tail.len) == 0;
}

/* A model call that repeats one which another span counts, known without seeing that span. */
static bool is_duplicate(const struct norm *x)
{
	enum { SERVER = 2 };
	slice name = x->span->name;
	if (x->v->emitter.flags & EMIT_DUPLICATE)
		return x->span->kind != SERVER || x->span->parent_id.len;
	if (slice_eq(name, SLICE("raw_gen_ai_request")) || slice_eq(x->operation, SLICE("fetch_response")) ||
	        is_stream_begin(x))
		return true;
	if (x->v->emitter.ecosystem == ECO_OPENINFERENCE && ends_in(name, SLICE("._prepare_chat_with_tools")))
		return true; /* LlamaIndex makes a request ready */
	return x->v->emitter.ecosystem == ECO_LIVEKIT &&
	        (slice_eq(name, SLICE("llm_node")) || slice_eq(name, SLICE("llm_request_run")));
}

bool normalize_countable(struct norm *x)
{
	struct attr *told = attrs_find_id(x->attrs, KEY_WEIR_USAGE_COUNTABLE);
	if (told && told->value.type == V_BOOL)
		return told->value.b && is_model_call(x->kind);
	if (x->settled) /* without the mark: counted, or nothing to count */
		return is_model_call(x->kind);
	bool countable = is_model_call(x->kind) && !is_duplicate(x);
	if (!countable && (is_model_call(x->kind) || has_usage_or_cost(x->v)))
		norm_put_mark(x, KEY_WEIR_USAGE_COUNTABLE, &(struct value){ .type = V_BOOL });
	return countable;
}
