/* detect.h - is this span GenAI? The ordered rules R0 to R6 and R-neg on one span (processors/gen_ai_filter.c).
 *
 * Every rule looks at the span, its scope and nothing else. A rule's name is its label in metrics: what kept a span, or what
 * dropped it. R-neg (infrastructure) beats R2, R4, R5 and R6; only R0, R1 and R3 beat R-neg.
 */
#pragma once
#include "lib/genai/emitter.h"

enum detect_rule {
	DETECT_NONE, /* nothing said GenAI: dropped, label "none" */
	DETECT_R0_KEEP_TRUE,
	DETECT_R0_KEEP_FALSE, /* weir.keep=false: dropped, label "r0_keep_false" */
	DETECT_R0_INCLUDE,
	DETECT_R0_EXCLUDE, /* dropped, label "r0_exclude" */
	DETECT_R1, /* a key that only model, tool and agent spans have */
	DETECT_R2, /* a scope that only makes GenAI spans */
	DETECT_R3, /* usage or content */
	DETECT_R4, /* model and provider */
	DETECT_R5, /* tool and agent keys */
	DETECT_R_NEG, /* infrastructure: dropped, label "r_neg" */
	N_DETECT_RULES
};
struct detect_options {
	bool keep_retrievers, keep_mcp_protocol;
};
/* R1 to R-neg. R0 (weir.keep, include, exclude) is the processor's. *why (may be NULL) is the key that decided, or empty. */
enum detect_rule detect_span(const struct span *s, struct emitter scope, const struct detect_options *o, slice *why);
bool detect_keeps(enum detect_rule r);
const char *detect_label(enum detect_rule r); /* r0_keep_true .. r_neg, none */
