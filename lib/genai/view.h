/* view.h - the attributes of one span (or resource, scope) sorted by what they mean.
 *
 * view_load goes over the attributes once and files each under the concepts its key may tell, best rank first. Reading a concept
 * tries its candidates in that order until one can be coerced ("leftmost present and coercible wins"); gates are checked when reading,
 * because the kind of the span is found out from the view itself. The view borrows the span and its arena and is reused from
 * span to span; edits of attributes made meanwhile are not seen until it is loaded again.
 */
#pragma once
#include "lib/base/vec.h"
#include "lib/genai/coerce.h"
#include "lib/genai/emitter.h"

enum precedence { OTEL_FIRST, LLM_FIRST, VENDOR_FIRST };
enum { VIEW_MAX = 250 }; /* candidates; more are ignored and counted in n_ignored */
enum { DOCUMENTS_MAX = 2 * VIEW_MAX }; /* attributes and strings in them that were parsed; more are not read */

struct json;
struct candidate {
	const struct alias *alias;
	struct attr *attr;
	slice rest; /* prefix aliases: what follows the prefix */
	uint16_t order;
	uint8_t next; /* index + 1; 0: last */
	bool read; /* its value is what the concept became (set by view_text .. view_strings) */
};

struct document {
	const void *of; /* an attribute, or a string node of another document */
	const struct json *json; /* NULL: it is none */
};

/* A flattened attribute: prefix, index, rest ("llm.input_messages." 0 "message.role"). In order of the attributes. */
struct flat_attr {
	const struct alias *alias;
	struct attr *attr;
	uint32_t index;
	slice rest; /* behind the index and its dot; may be empty */
};

struct view {
	struct traces *traces;
	const struct span *span; /* NULL for a resource */
	struct attrs *attrs;
	struct emitter emitter;
	int favoured; /* an alias_class that goes first; -1: ranks only */
	enum genai_kind kind; /* KIND_OTHER until the reader knows it */
	uint8_t head[(N_CONCEPTS + 7) & ~7]; /* index + 1 into cand; can be read in words of 8 */
	struct candidate cand[VIEW_MAX];
	uint32_t n, n_ignored;
	VEC(struct flat_attr) flat; /* at most 10,000 per span */
	struct document documents[DOCUMENTS_MAX]; /* parsed once, for all the paths into them */
	uint32_t n_documents;
	struct arena nodes; /* of the documents; emptied by view_load */
};

void view_init(struct view *v);
void view_release(struct view *v);
/* groups: mask of enum concept_group. Attributes that hold a concept's canonical name are candidates of the best rank. */
void view_load(
        struct view *v, struct traces *t, struct attrs *as, struct emitter emitter, unsigned groups, enum precedence p);

/* The candidates of a concept whose gates are open, best first: c = view_first(v, C); c; c = view_next(v, c). Aggregates are left out:
 * they are never of this span. */
struct candidate *view_first(struct view *v, enum concept c);
struct candidate *view_next(struct view *v, struct candidate *c);
/* candidate_value of a candidate with a path. */
bool candidate_value_at(struct view *v, const struct candidate *c, struct value *out);
/* What the candidate says: its attribute's value, or what the path leads to in its JSON document (strings are decoded into the
 * arena; objects and arrays are their JSON text). False when the path leads nowhere. */
static inline bool candidate_value(struct view *v, const struct candidate *c, struct value *out)
{
	if (c->alias->path)
		return candidate_value_at(v, c, out);
	*out = c->attr->value;
	return true;
}

/* The concept's value from the first candidate that can be coerced; *from (may be NULL) is that candidate. False: none. */
bool view_text(struct view *v, enum concept c, slice *out, struct candidate **from);
bool view_int(struct view *v, enum concept c, int64_t *out, struct candidate **from);
bool view_tokens(struct view *v, enum concept c, int64_t *out, struct candidate **from);
bool view_double(struct view *v, enum concept c, double *out,
        struct candidate **from); /* units as aliases.csv says: READ_MS, READ_S, READ_ISO8601 */
bool view_bool(struct view *v, enum concept c, bool *out, struct candidate **from);
bool view_strings(struct view *v, enum concept c, slice **out, size_t *n, struct candidate **from);

/* One candidate as a double or an int, with its unit taken into account. */
bool candidate_double(struct view *v, const struct candidate *c, double *out);
bool candidate_int(struct view *v, const struct candidate *c, int64_t *out);
