/* normalize_internal.h - inside of normalize*.c: one span at work, and how canonical attributes are written.
 *
 * The parts run in this order: kind and operation, usage, the other facts of the call, scalars, content. Each writes through put_*,
 * which does nothing when the attribute is there already, and drops the sources that it carries.
 */
#pragma once
#include "lib/genai/normalize.h"
#include "lib/genai/usage.h"
#include "lib/otlp/edit.h"

struct norm {
	struct normalizer *n;
	const struct normalize_options *o;
	struct traces *t;
	struct span *span;
	struct attrs *attrs;
	struct view *v;
	enum genai_kind kind;
	slice operation; /* canonical */
	slice raw_operation; /* the word it was made of; empty when the kind said it */
	bool settled; /* an earlier run did this span: numbers are inclusive, conflicts were told */
	uint16_t n_facts; /* of the call, its usage and content */
	slice request_model, response_model, response_id;
	slice full_model; /* with the provider in front, as Genkit names it; else empty */
	slice finish_reason; /* canonical, when there is only one */
};

static inline bool is_model_call(enum genai_kind k)
{
	return k == KIND_LLM || k == KIND_EMBEDDING || k == KIND_RERANK;
}

/* How alike a source must be to be carried. */
enum likeness { SAME, SAME_BUT_CASE };

/* The usual case of a text: the canonical attribute tells it, beside which is none. False: look at all candidates, and put. */
bool norm_is_told(struct norm *x, enum concept c, slice *text);
/* Writes a concept's canonical attribute; bytes of the value must live as long as the traces. `from` (may be NULL) is where the value
 * came from. Sources that say the same are dropped as the options want. */
void norm_put(struct norm *x, enum concept c, const struct value *v, struct candidate *from, enum likeness alike);
void norm_put_text(struct norm *x, enum concept c, slice s, struct candidate *from, enum likeness alike);
void norm_put_int(struct norm *x, enum concept c, int64_t i, struct candidate *from);
void norm_put_strings(struct norm *x, enum concept c, const slice *v, size_t n, struct candidate *from);
/* The same, but no source is dropped. */
void norm_put_alone(struct norm *x, enum concept c, const struct value *v);
/* An attribute that is no concept. */
void norm_put_mark(struct norm *x, uint16_t key, const struct value *v);
/* The canonical attribute when the span has it, deleted ones left out. */
struct attr *norm_canonical_of(struct norm *x, enum concept c);
/* Behind the candidate is none that norm_put would drop. */
bool norm_is_only(const struct norm *x, const struct candidate *c);
/* Of a span that is too large to be read whole everything stays: what was beyond the limit would be within it next time. */
bool norm_may_drop(const struct norm *x, const struct attr *a, const struct alias *alias);
void norm_drop(struct norm *x, struct attr *a);
/* No candidate says anything that fits the concept's type: a canonical attribute that holds NaN, a word for a number, "None" or
 * nothing would be taken for a fact. */
void norm_drop_unreadable(struct norm *x, enum concept c);
/* The same, but only a text or a list of texts that says nothing goes, whatever the concept's type. */
void norm_drop_silent(struct norm *x, enum concept c);
/* drop_all: every source of the concept that can be read. */
void norm_drop_sources(struct norm *x, enum concept c);
struct value norm_strings_value(struct norm *x, const slice *v, size_t n);
bool norm_same_value(const struct value *a, const struct value *b);

void normalize_mappings(struct norm *x);
void normalize_kind(struct norm *x); /* sets kind, operation */
void normalize_kind_put(struct norm *x);
void normalize_usage(struct norm *x, struct usage *u);
bool normalize_countable(struct norm *x); /* by static rules, for model calls; writes the mark */
void normalize_provider(struct norm *x);
void normalize_models(struct norm *x);
void normalize_finish(struct norm *x, const struct folded *content);
void normalize_error(struct norm *x);
void normalize_outputs(struct norm *x); /* streaming, output type, server address */
void normalize_scalars_init(struct normalizer *n);
void normalize_scalars(struct norm *x);
void normalize_links(struct norm *x); /* conversation and session */
void normalize_tags(struct norm *x);
void normalize_families(struct norm *x); /* metadata, prompt variables */
void normalize_content(struct norm *x, struct folded *f);
/* Marks calls that are recorded twice in this request. */
void normalize_duplicates(struct normalizer *n, struct traces *t);
