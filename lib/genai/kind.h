/* kind.h - what sort of GenAI span this is, for processors behind the normaliser (and without one before them).
 *
 * weir.span.kind says it; without it gen_ai.operation.name, then the words of other conventions, then a model together with tokens.
 */
#pragma once
#include "lib/genai/tables.h"

enum genai_kind kind_of_span(const struct span *s);
/* The same where the span's first weir.span.kind was found before; NULL: it has none. */
enum genai_kind kind_of_attr(const struct span *s, const struct attr *kind);
/* llm, embedding, rerank: the kinds that tokens and prices belong to. */
bool kind_is_model_call(enum genai_kind k);
/* True for a model call whose usage counts: weir.usage.countable does not say that it repeats the usage of others. *k is its kind. */
bool is_counted_call(const struct span *s, enum genai_kind *k);
/* The same where the attributes that it depends on were found before; NULL: there is none. */
struct call_attrs {
	const struct attr *kind, *operation,
	        *countable; /* weir.span.kind, gen_ai.operation.name, weir.usage.countable */
};
bool is_counted_call_by(const struct span *s, const struct call_attrs *has, enum genai_kind *k);
