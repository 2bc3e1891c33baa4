/* normalize.h - every convention's attributes as the canonical schema (concepts.csv), on the spans of one request.
 *
 * Each kept span gets weir.convention, weir.span.kind and gen_ai.operation.name, and the canonical attribute of every concept
 * that it tells in any convention. Token counts are made inclusive on spans of model calls and left alone on those that repeat the
 * sum of others; weir.usage.countable=false marks spans whose usage or cost must not be added up. Running it on its own output
 * changes nothing: what it wrote is the best ranked source of the next run.
 */
#pragma once
#include "lib/genai/fold.h"
#include "lib/genai/span_tree.h"

enum originals {
	ORIGINALS_KEEP,
	ORIGINALS_DROP_KNOWN, /* a source goes when the canonical attribute carries all of it */
	ORIGINALS_DROP_ALL, /* every source of a concept that was written goes */
};

enum mapping_type { MAPPING_AS_IS, MAPPING_STRING, MAPPING_INT, MAPPING_DOUBLE, MAPPING_BOOL, MAPPING_JSON };

/* The user's own: `from` becomes `to`. A value that cannot be converted stays where it is. */
struct mapping {
	slice from, to;
	enum mapping_type type; /* JSON: text of any value */
};

struct normalize_options {
	enum originals originals;
	enum precedence precedence;
	bool fold_events; /* message events become attributes */
	bool raw_finish_reasons;
	const struct mapping *mappings;
	size_t n_mappings;
};

/* A span of a model call, remembered until the end of the request. */
struct model_call {
	struct span *span;
	uint64_t start_ns; /* of the call: a log span tells how long it was */
	slice response_id, models[2]; /* asked for, answered */
	int64_t input, output; /* -1: absent */
	uint16_t n_facts; /* canonical attributes: the fuller of two records of a call counts */
	bool countable;
};

/* Working memory of one worker. */
struct normalizer {
	struct view view;
	struct fold fold;
	struct strbuf text;
	uint8_t stays[N_KEYS]; /* 1: never dropped under drop_known; 2: never */
	uint64_t scalars[(N_CONCEPTS + 7) / 8]; /* as view.head: all bits of a byte that normalize_scalars looks at */
	VEC(struct model_call) calls;
	VEC(uint32_t) slots; /* hash tables over calls */
	struct span_tree tree;
};

void normalizer_init(struct normalizer *n);
void normalizer_release(struct normalizer *n);
/* Edits all kept spans of `t`, which was scanned with genai_keys. seen (may be NULL): spans by ecosystem are added. */
void normalize_traces(
        struct normalizer *n, const struct normalize_options *o, struct traces *t, uint32_t seen[N_ECOSYSTEMS]);
