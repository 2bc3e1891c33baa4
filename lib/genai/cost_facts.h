/* cost_facts.h - what a span says of its model, its usage and its cost, and writing costs back (processors/gen_ai_cost.c).
 *
 * A span that was normalised says all but a reported cost under canonical names: one walk finds them. Others are read through a view,
 * in every convention. Slices point into the span's request.
 */
#pragma once
#include "lib/genai/gather.h"
#include "lib/genai/kind.h"
#include "lib/genai/pricing.h"
#include "lib/genai/usage.h"
#include "lib/genai/view.h"

/* The attributes in question; their order is that of a table in cost_facts.c. */
enum cost_role {
	AT_INPUT = 1,
	AT_OUTPUT,
	AT_TOTAL,
	AT_CACHE_READ,
	AT_CACHE_WRITE,
	AT_REASONING,
	AT_AUDIO_INPUT,
	AT_AUDIO_OUTPUT,
	AT_PROVIDER,
	AT_MEMBER,
	AT_RESPONSE_MODEL,
	AT_REQUEST_MODEL,
	AT_KIND,
	AT_OPERATION,
	AT_COUNTABLE,
	AT_CONVENTION,
	AT_ADJUSTED,
	AT_STATUS,
	AT_PRICE,
	AT_BASIS,
	AT_COST_PROMPT, /* costs are the last ones */
	AT_COST_COMPLETION,
	AT_COST_TOTAL,
	AT_USAGE_COST,
	AT_OPERATION_COST,
	AT_OTHER_COST, /* any further name of a cost; never written */
	N_COST_ROLES
};

/* USD; NAN: not known. */
struct amounts {
	double total, prompt, completion;
};

/* Working memory of one worker. */
struct cost_reader {
	struct gather gather;
	struct view view;
};

struct cost_facts {
	struct traces *traces;
	struct span *span;
	struct attr *has[N_COST_ROLES]; /* as the span came */
	enum genai_kind kind;
	struct emitter emitter;
	bool settled; /* normalised before */
	slice provider, member, response_model, request_model,
	        status; /* empty: not told; member: of the provider's price lists */
	struct usage usage; /* inclusive */
	enum usage_basis basis;
	bool adjusted; /* input or output is not what was reported */
	struct amounts reported; /* without a total it is the sum of the parts */
};

/* Settled usage (inclusive token counts, -1 absent) as the price arithmetic takes it. */
void cost_usage(const struct usage *u, struct price_usage *out);

void cost_reader_init(struct cost_reader *r);
void cost_reader_release(struct cost_reader *r);
/* Fills *f, or returns false when the span is no model call that counts (kind.h); `of_scope` is the emitter of the span's scope. A cost
 * above a million dollars is none. */
bool cost_read(struct cost_reader *r, struct traces *t, struct span *s, struct emitter of_scope, struct cost_facts *f);
/* Write the attribute of that role unless it says so already; NAN writes nothing. The text's bytes are static or in the arena of the
 * request. */
void cost_write_number(struct cost_facts *f, enum cost_role role, double d);
void cost_write_text(struct cost_facts *f, enum cost_role role, slice text);
/* Attributes that told the cost which is superseded tell the new one, or go where it is not known or cannot be told there. Right after
 * the cost_read of the same span. */
void cost_supersede(struct cost_reader *r, struct cost_facts *f, const struct amounts *now);
