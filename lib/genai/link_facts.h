/* link_facts.h - what spans, scopes and resources say of who and what a call belongs to (processors/gen_ai_link.c).
 *
 * A place says few of the facts and most places say none: `said` has a bit for each that is, and work is done for those only.
 * Texts live as long as the request.
 */
#pragma once
#include "lib/genai/view.h"

/* Facts about a prompt are the last ones. */
enum link_fact {
	FACT_CONVERSATION,
	FACT_SESSION,
	FACT_USER,
	FACT_ENVIRONMENT,
	FACT_PROJECT,
	FACT_WORKFLOW,
	FACT_AGENT,
	FACT_NAME,
	FACT_VERSION,
	FACT_ID,
	FACT_VERSION_ID,
	FACT_LABEL,
	N_FACTS
};

struct facts {
	slice text[N_FACTS]; /* empty where `said` has no bit */
	uint32_t said; /* 1 << fact */
	bool is_service; /* the project is a service's name: less than a project's anywhere */
	const struct attrs *prompt; /* of the place that names the prompt; NULL: none does */
};

/* Working memory of one worker. */
struct facts_reader {
	struct view view;
	uint16_t keys[N_FACTS]; /* canonical ones */
	bool tells[N_KEYS]; /* keys that may tell a fact of a span */
	uint8_t plain[N_KEYS]; /* what a key tells at a place (link_facts.c) */
};
void facts_reader_init(struct facts_reader *r);
void facts_reader_release(struct facts_reader *r);

static inline void fact_say(struct facts *f, enum link_fact fact, slice text)
{
	f->text[fact] = text;
	f->said = (f->said & ~(UINT32_C(1) << fact)) | (uint32_t)(text.len != 0) << fact;
}
/* The text of an attribute (NULL: none) that is not a word for "nothing" or "removed"; else empty. */
slice fact_text(const struct attr *a, struct arena *arena);

/* False: none of these attributes of a span tells a fact, in any convention. */
bool facts_may_be_in(const struct facts_reader *r, const struct attrs *as);
/* What the attributes of a scope or resource say, in any convention; longer texts than `max` count as not said. */
void facts_of_place(struct facts_reader *r, struct traces *t, struct attrs *as, struct emitter emitter, size_t max,
        struct facts *f);
/* The same of a span; of the groups LINK and STRUCTURE those in `groups`. */
void facts_of_span(struct facts_reader *r, struct traces *t, struct span *s, struct emitter emitter, unsigned groups,
        struct facts *f);

/* Adds what only the outer place says, but for the fact `except` (N_FACTS: none). A session and a prompt are one thing each: the
 * innermost place that says either of conversation and session decides both, and a place that names a prompt says all about it. */
void facts_inherit(struct facts *f, const struct facts *outer, enum link_fact except);
