/* usage.h - token counts of one call made comparable: input includes cached tokens, output includes reasoning.
 *
 * OpenTelemetry says that input tokens SHOULD include cache reads and writes; Anthropic's API and some instrumentations exclude
 * them under the same name. -1 means absent, never 0.
 */
#pragma once
#include "lib/genai/view.h"

struct usage {
	int64_t input, output, total, cache_read, cache_write, reasoning, audio_input, audio_output;
};
enum usage_basis {
	BASIS_INCLUSIVE, /* as it should be, or nothing cached */
	BASIS_EXCLUSIVE_RULE, /* the emitter is known to exclude */
	BASIS_EXCLUSIVE_INFERRED, /* the numbers cannot be otherwise */
};

/* What is known about the emitter's counts. Some hand through what the provider reported: Anthropic and Bedrock report cached tokens
 * beside the input, the others within it. */
unsigned usage_flags(struct view *v, const struct usage *reported);
void usage_clear(struct usage *u); /* all absent */
/* Makes `u` inclusive and fills in total, or the missing one of input and output. `settled`: an earlier run already did (the span has
 * weir.usage.adjusted). *adjusted tells whether input or output changed. */
enum usage_basis usage_settle(struct usage *u, unsigned emitter_flags, bool settled, bool *adjusted);
const char *usage_basis_name(enum usage_basis b); /* inclusive, exclusive_rule, exclusive_inferred */
