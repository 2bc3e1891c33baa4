/* kind.c - the kind of a span from its own attributes (see kind.h).
 *
 * Behind the normaliser it is one look at weir.span.kind. The rest is for pipelines without one, and knows less than the normaliser:
 * words for kinds and operations in any convention, and that a model and token counts together mean a call. */
#include "lib/genai/kind.h"

static slice text_of(const struct span *s, enum genai_key key)
{
	const struct attr *a = attrs_find_id(&s->attrs, (uint16_t)key);
	return a && a->value.type == V_STRING ? a->value.s : (slice){ 0 };
}

static bool mapped(enum value_map map, slice raw, enum genai_kind *k)
{
	slice name;
	return raw.len && value_map(map, raw, &name) && kind_of_name(name, k) && *k != KIND_OTHER;
}

static bool of_operation(slice word, enum genai_kind *k)
{
	slice canonical = word;
	value_map(MAP_OPERATION, word, &canonical);
	return mapped(MAP_OPERATION_KIND, canonical, k);
}

/* What the attributes of a span without canonical ones say, the kind's own words first. */
struct evidence {
	enum genai_kind kind, operation;
	bool has_kind, has_operation, model, tokens;
};

static void add_evidence(struct evidence *e, const struct alias *a, const struct value *v)
{
	slice word = v->type == V_STRING ? v->s : (slice){ 0 };
	if (a->ecosystems || a->path || a->flags & ALIAS_AGGREGATE)
		return;
	switch ((int)a->concept) {
	case C_SPAN_KIND:
		e->has_kind = e->has_kind || mapped(MAP_KIND, word, &e->kind);
		break;
	case C_OPERATION:
		e->has_operation = e->has_operation || of_operation(word, &e->operation);
		break;
	case C_REQUEST_MODEL:
	case C_RESPONSE_MODEL:
		e->model = true;
		break;
	case C_INPUT_TOKENS:
	case C_OUTPUT_TOKENS:
		e->tokens = true;
		break;
	default:
		break;
	}
}

enum genai_kind kind_of_span(const struct span *s)
{
	struct evidence e = { 0 };
	enum genai_kind k;
	if (kind_of_name(text_of(s, KEY_WEIR_SPAN_KIND), &k))
		return k;
	if (of_operation(text_of(s, KEY_GENAI_OPERATION_NAME), &k))
		return k;
	for (const struct attr *a = attrs_first(&s->attrs); a; a = attrs_next(a)) {
		size_t n = 0;
		const struct alias *rows = a->key_id ? aliases_of(a->key_id, &n) : NULL;
		for (size_t i = 0; i < n; i++)
			add_evidence(&e, &rows[i], &a->value);
	}
	if (e.has_kind || e.has_operation)
		return e.has_kind ? e.kind : e.operation;
	return e.model && e.tokens ? KIND_LLM : KIND_OTHER;
}

enum genai_kind kind_of_attr(const struct span *s, const struct attr *kind)
{
	enum genai_kind k;
	return kind && kind->value.type == V_STRING && kind_of_name(kind->value.s, &k) ? k : kind_of_span(s);
}

bool kind_is_model_call(enum genai_kind k)
{
	return k == KIND_LLM || k == KIND_EMBEDDING || k == KIND_RERANK;
}

/* Polls a call that was counted. */
static bool is_poll(const struct attr *operation)
{
	return operation->value.type == V_STRING && slice_is(operation->value.s, "fetch_response");
}

bool is_counted_call_by(const struct span *s, const struct call_attrs *has, enum genai_kind *k)
{
	const struct attr *countable = has->countable;
	if ((has->operation && is_poll(has->operation)) ||
	        (countable && countable->value.type == V_BOOL && !countable->value.b))
		return false;
	*k = kind_of_attr(s, has->kind);
	return kind_is_model_call(*k);
}

bool is_counted_call(const struct span *s, enum genai_kind *k)
{
	struct call_attrs has = { 0 };
	for (const struct attr *a = attrs_first(&s->attrs); a; a = attrs_next(a))
		if (a->key_id == KEY_WEIR_SPAN_KIND)
			has.kind = has.kind ? has.kind : a;
		else if (a->key_id == KEY_GENAI_OPERATION_NAME) /* of several any poll counts */
			has.operation = has.operation && is_poll(has.operation) ? has.operation : a;
		else if (a->key_id == KEY_WEIR_USAGE_COUNTABLE)
			has.countable = has.countable ? has.countable : a;
	return is_counted_call_by(s, &has, k);
}
