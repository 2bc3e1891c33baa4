/* kind.h - what sort of GenAI span this is, for processors behind the normaliser (and without one before them).
 *
 * weir.span.kind says it; without it gen_ai.operation.name, then the words of other conventions, then a model together with tokens.
 */
#pragma once
#include "lib/genai/tables.h"

enum genai_kind kind_of_span(const struct span *s);
/* llm, embedding, rerank: the kinds that tokens and prices belong to. */
bool kind_is_model_call(enum genai_kind k);
/* True for a model call whose usage counts: weir.usage.countable does not say that it repeats the usage of others. *k is its kind. */
bool is_counted_call(const struct span *s, enum genai_kind *k);
