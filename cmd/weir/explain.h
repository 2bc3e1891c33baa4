/* explain.h - the pieces of `weir explain`: what a processor changed on a span, in words. */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/otlp/traces.h"

/* A request as it was behind one stage. */
struct snapshot {
	const char *id; /* of the processor; NULL: as it came */
	struct traces traces;
};

/* The span of that trace and span id among those kept, or NULL. */
struct span *explain_find(struct traces *t, const struct span *like);
/* Lines about every difference between the attributes of two states of a span; `id` heads them. Nothing when they are equal. */
void explain_changes(struct strbuf *out, const char *id, const struct span *before, const struct span *after);
/* The arithmetic behind llm.cost.* of a priced span. */
void explain_cost(struct strbuf *out, const struct span *s);
