/* normalize_kind.c - what a span is: weir.span.kind and gen_ai.operation.name, which every kept span gets.
 *
 * Order of evidence for the kind: an earlier run, the vendor's own kind, the operation in any vendor's words, names that PromptKit gives
 * to its structural spans, token counts, tool keys, a model, agent and workflow keys, names in use elsewhere. "unknown", "span" and
 * the like are no evidence. The operation is the first word that the map knows; OpenTelemetry lets unknown ones be, so those of
 * gen_ai.operation.name pass through. A span that says nothing gets the operation that fits its kind.
 */
#include "lib/genai/normalize_internal.h"

struct name_rule {
	slice text;
	enum { IS, BEGINS, ENDS } where;
	enum genai_kind kind;
};

#define RULE(text, where, kind)                                \
	{                                                      \
		{ text, sizeof(text) - 1 }, where, KIND_##kind \
	}
static const struct name_rule promptkit_names[] = {
	RULE("pipeline", IS, WORKFLOW),
	RULE("promptkit.pipeline", IS, WORKFLOW),
	RULE("session", IS, WORKFLOW),
	RULE("promptkit.session", IS, WORKFLOW),
	RULE("middleware.", BEGINS, STEP),
	RULE("promptkit.middleware.", BEGINS, STEP),
	RULE("workflow.", BEGINS, STEP),
	RULE("promptkit.workflow.", BEGINS, STEP),
	RULE("promptkit.eval.", BEGINS, EVALUATOR),
	RULE("provider.", BEGINS, LLM),
	RULE("tool.", BEGINS, TOOL),
};
static const struct name_rule names[] = {
	RULE("chat ", BEGINS, LLM),
	RULE("text_completion ", BEGINS, LLM),
	RULE("generate_content ", BEGINS, LLM),
	RULE("embeddings ", BEGINS, EMBEDDING),
	RULE("execute_tool ", BEGINS, TOOL),
	RULE("running tool", BEGINS, TOOL),
	RULE("invoke_agent ", BEGINS, AGENT),
	RULE("create_agent ", BEGINS, AGENT),
	RULE("agent run", BEGINS, AGENT),
	RULE("invoke_workflow ", BEGINS, WORKFLOW),
	RULE("raw_gen_ai_request", IS, LLM),
	RULE("litellm_request", IS, LLM),
	RULE("call_llm", IS, LLM),
	RULE("llm_request", IS, LLM),
	RULE(".workflow", ENDS, WORKFLOW),
	RULE(".task", ENDS, STEP),
	RULE(".agent", ENDS, AGENT),
	RULE(".tool", ENDS, TOOL),
	RULE(".chat", ENDS, LLM),
};

static bool by_name(slice name, const struct name_rule *rules, size_t n, enum genai_kind *kind)
{
	for (size_t i = 0; i < n; i++) {
		slice t = rules[i].text;
		if (name.len < t.len || (rules[i].where == IS && name.len != t.len))
			continue;
		if (memcmp(rules[i].where == ENDS ? name.p + name.len - t.len : name.p, t.p, t.len) != 0)
			continue;
		*kind = rules[i].kind;
		return true;
	}
	return false;
}

/* A kind in some vendor's words; "other" is none. */
static bool kind_of_word(struct norm *x, slice word, enum genai_kind *kind)
{
	slice name;
	return value_map_of(MAP_KIND, x->v->emitter.ecosystem, word, &name) && kind_of_name(name, kind) &&
	        *kind != KIND_OTHER;
}

static bool kind_of_operation(slice operation, enum genai_kind *kind)
{
	slice name;
	return value_map(MAP_OPERATION_KIND, operation, &name) && kind_of_name(name, kind) && *kind != KIND_OTHER;
}

/* Keys whose presence tells the kind, whatever they hold. */
static bool kind_of_presence(uint16_t key, enum genai_kind *kind)
{
	if (key == KEY_GENAI_GUARDRAIL_NAME || key == KEY_PROMPTKIT_GUARDRAIL || key == KEY_LITELLM_GUARDRAIL_NAME)
		*kind = KIND_GUARDRAIL;
	else if (key == KEY_GENAI_EVALUATION_NAME)
		*kind = KIND_EVALUATOR;
	else
		return false;
	return true;
}

static bool by_vendor(struct norm *x, enum genai_kind *kind)
{
	struct value value;
	slice word;
	for (struct candidate *c = view_first(x->v, C_SPAN_KIND); c; c = view_next(x->v, c)) {
		if (c->alias->key == KEY_GENAI_OPERATION_NAME || !candidate_value(x->v, c, &value))
			continue;
		if (kind_of_presence(c->alias->key, kind))
			return true;
		if (coerce_text(&value, (enum alias_read)c->alias->read, &x->t->arena, &word) &&
		        kind_of_word(x, word, kind))
			return true;
	}
	return false;
}

static bool operation_of_word(struct norm *x, slice word, slice *operation)
{
	if (value_map_of(MAP_OPERATION, x->v->emitter.ecosystem, word, operation))
		return true;
	/* Vercel: "ai.streamText my-function" */
	const char *blank = word.len ? memchr(word.p, ' ', word.len) : NULL;
	return blank && value_map(MAP_OPERATION, (slice){ word.p, (size_t)(blank - word.p) }, operation);
}

static void find_operation(struct norm *x)
{
	struct value value;
	slice word;
	for (struct candidate *c = view_first(x->v, C_OPERATION); c; c = view_next(x->v, c)) {
		if (!candidate_value(x->v, c, &value) ||
		        !coerce_text(&value, (enum alias_read)c->alias->read, &x->t->arena, &word))
			continue;
		bool known = operation_of_word(x, word, &x->operation);
		if (!known &&
		        (c->alias->key != KEY_GENAI_OPERATION_NAME || slice_ieq(slice_trim(word), SLICE("unknown"))))
			continue;
		if (!known)
			x->operation = word;
		/* of the API: only under llm.request.type does it mean the one without messages */
		if (c->alias->key == KEY_GENAI_OPERATION_NAME && slice_ieq(slice_trim(word), SLICE("completion")))
			x->operation = SLICE("chat");
		x->raw_operation = word;
		c->read = true;
		return;
	}
}

static bool has(struct norm *x, enum concept c)
{
	return view_first(x->v, c) != NULL;
}

static bool is_structure(enum genai_kind kind)
{
	return kind == KIND_WORKFLOW || kind == KIND_STEP;
}

/* Spans that are a model call in spite of what their vendor calls them: a step of Mastra that has an answer's id, what OpenLLMetry calls a
 * task or workflow and gives an operation of models. */
static enum genai_kind of_call(struct norm *x, enum genai_kind kind)
{
	enum genai_kind call;
	enum ecosystem e = x->v->emitter.ecosystem;
	if (e == ECO_MASTRA && has(x, C_RESPONSE_ID)) {
		x->operation = SLICE("chat");
		return KIND_LLM;
	}
	bool named =
	        e == ECO_OPENLLMETRY && has(x, C_REQUEST_MODEL) && attrs_find_id(x->attrs, KEY_GENAI_OPERATION_NAME);
	return named && kind_of_operation(x->operation, &call) && is_model_call(call) ? call : kind;
}

static enum genai_kind find_kind(struct norm *x)
{
	enum genai_kind kind = KIND_OTHER;
	struct attr *own = norm_canonical_of(x, C_SPAN_KIND);
	if (own && own->value.type == V_STRING && kind_of_name(own->value.s, &kind))
		return kind;
	if (by_vendor(x, &kind))
		return is_structure(kind) ? of_call(x, kind) : kind;
	if (x->operation.len && kind_of_operation(x->operation, &kind))
		return kind;
	slice name = slice_trim(x->span->name);
	if (x->v->emitter.ecosystem == ECO_PROMPTKIT && by_name(name, promptkit_names, COUNTOF(promptkit_names), &kind))
		return kind;
	if (has(x, C_INPUT_TOKENS) || has(x, C_OUTPUT_TOKENS))
		return KIND_LLM;
	if (has(x, C_TOOL_CALL_ID) || has(x, C_TOOL_ARGUMENTS) || (has(x, C_TOOL_NAME) && !has(x, C_REQUEST_MODEL)))
		return KIND_TOOL;
	if (by_name(name, names, COUNTOF(names), &kind))
		return kind;
	if (has(x, C_REQUEST_MODEL) || has(x, C_RESPONSE_MODEL))
		return KIND_LLM;
	if (has(x, C_AGENT_NAME) || has(x, C_AGENT_ID))
		return KIND_AGENT;
	return has(x, C_WORKFLOW_NAME) ? KIND_WORKFLOW : KIND_OTHER;
}

void normalize_kind(struct norm *x)
{
	find_operation(x);
	x->kind = x->v->kind = find_kind(x);
	if (!x->operation.len && !value_map(MAP_KIND_OPERATION, slice_of(kind_name(x->kind)), &x->operation))
		x->operation = slice_of(kind_name(x->kind));
}

void normalize_kind_put(struct norm *x)
{
	norm_put_text(x, C_OPERATION, x->operation, NULL, SAME_BUT_CASE);
	norm_put_text(x, C_SPAN_KIND, slice_of(kind_name(x->kind)), NULL, SAME_BUT_CASE);
}
