/* explain.h - the pieces of `weir explain`: why a span is GenAI, what a processor changed on it, where its cost comes from. */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/base/vec.h"
#include "lib/otlp/traces.h"
#include "lib/pipe/plan.h"

/* A file's requests. */
struct explain_input {
	const char *name;
	VEC(struct buf *) bodies; /* protobuf */
};
/* Reads FILE ("-": stdin). 0, or -1 after a message on stderr; released by explain_input_release in both cases. */
int explain_read(struct explain_input *in, const char *name) MUST_USE;
void explain_input_release(struct explain_input *in);

/* The value of an option of a loaded component, at the type its table says; NULL when it has no such option. */
const void *explain_option(const struct plan_component *c, const char *key);

/* Whether a span is GenAI, and the rule and key that say so. `filter` is the pipeline's gen_ai_filter (NULL: it has none), `mark` what
 * that processor left on the span (span->rule; 0: it kept it). */
void explain_detection(struct strbuf *out, const struct span *s, const struct plan_component *filter, uint16_t mark);

/* Lines about every difference between two states of a span. Nothing when they are equal. */
void explain_changes(struct strbuf *out, const struct span *before, const struct span *after);

/* The prices in force for one gen_ai_cost, read from the same sources. NULL and e when they do not load. */
struct explain_prices;
struct explain_prices *explain_prices_new(const struct plan_component *cost, struct err *e);
void explain_prices_free(struct explain_prices *p); /* NULL is fine */
/* The arithmetic behind the cost attributes of `after`; `before` is the span, of the request `t`, that gen_ai_cost saw. Nothing for
 * spans that are not priced. */
void explain_cost(struct strbuf *out, const struct explain_prices *p, struct traces *t, const struct span *before,
        const struct span *after);
