/* kind.h - what sort of GenAI span this is, for processors behind the normaliser (and without one before them).
 *
 * weir.span.kind says it; without it gen_ai.operation.name, then the words of other conventions, then a model together with tokens.
 */
#pragma once
#include "lib/genai/tables.h"

enum genai_kind kind_of_span(const struct span *s);
/* llm, embedding, rerank: the kinds that tokens and prices belong to. */
bool kind_is_model_call(enum genai_kind k);
/* False when weir.usage.countable says that the span repeats the usage of others. */
bool span_is_countable(const struct span *s);
