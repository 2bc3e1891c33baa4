/* kind.c - the kind of a span from its own attributes (see kind.h). */
#include "lib/genai/kind.h"

static slice text_of(const struct span *s, enum genai_key key)
{
	const struct attr *a = attrs_find_id(&s->attrs, (uint16_t)key);
	return a && a->value.type == V_STRING ? a->value.s : (slice){ 0 };
}

static bool has(const struct span *s, enum genai_key key)
{
	return attrs_find_id(&s->attrs, (uint16_t)key) != NULL;
}

static bool mapped(enum value_map map, slice raw, enum genai_kind *k)
{
	slice name;
	return raw.len && value_map(map, raw, &name) && kind_of_name(name, k);
}

enum genai_kind kind_of_span(const struct span *s)
{
	enum genai_kind k;
	slice operation = text_of(s, KEY_GENAI_OPERATION_NAME), canonical = operation;
	if (kind_of_name(text_of(s, KEY_WEIR_SPAN_KIND), &k))
		return k;
	value_map(MAP_OPERATION, operation, &canonical);
	if (mapped(MAP_OPERATION_KIND, canonical, &k) || mapped(MAP_KIND, text_of(s, KEY_OPENINFERENCE_SPAN_KIND), &k))
		return k;
	bool model = has(s, KEY_GENAI_REQUEST_MODEL) || has(s, KEY_GENAI_RESPONSE_MODEL);
	return model && has(s, KEY_GENAI_USAGE_INPUTTOKENS) ? KIND_LLM : KIND_OTHER;
}

bool kind_is_model_call(enum genai_kind k)
{
	return k == KIND_LLM || k == KIND_EMBEDDING || k == KIND_RERANK;
}

bool span_is_countable(const struct span *s)
{
	const struct attr *a = attrs_find_id(&s->attrs, KEY_WEIR_USAGE_COUNTABLE);
	return !a || a->value.type != V_BOOL || a->value.b;
}
