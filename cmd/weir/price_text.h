/* price_text.h - the arithmetic of a price in words, as `weir price` and `weir explain` print it. */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/genai/pricing.h"

/* What was adjusted, the tier, a line for each class of tokens, the multiplier, the total: each line begins with `indent`. */
void price_text(struct strbuf *out, const char *indent, const struct price_match *m, const struct price_cost *c);
