/* flat.h - messages and tools that came as one attribute per field ("gen_ai.prompt.0.content").
 *
 * The families are rows of aliases.csv (prefix, index); what follows the index is read by one grammar for all of them, so a further
 * family is a further row. Indexes are sorted as numbers and may have gaps. The families of a span are found once, into the span's arena.
 */
#pragma once
#include "lib/genai/source.h"

enum { FAMILIES_MAX = 16 };

struct flat_item;
struct family {
	const struct alias *alias;
	struct flat_item *items; /* by index, then section, then index in the section, then order of arrival */
	size_t n;
};
struct families {
	struct family v[FAMILIES_MAX];
	size_t n;
};

/* The families whose gates are open, each alias once; those beyond FAMILIES_MAX are left alone. */
void families_find(struct families *f, struct view *v, struct arena *a);

/* The family's messages into s->out. False: no content (finish reasons may have been found all the same). */
bool family_messages(struct source *s, const struct family *f);
/* The family's tool definitions, likewise. */
bool family_tools(struct source *s, const struct family *f);
