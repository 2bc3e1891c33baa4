/* gather.h - the attributes of a span that a processor knows by name, found in one walk.
 *
 * Behind the normaliser a fact is in its canonical attribute or nowhere: one walk that files attributes under small numbers replaces a
 * search for each. Of duplicates the first counts.
 */
#pragma once
#include "lib/genai/tables.h"

/* Role by key; 0: not wanted. Zeroed to begin with. */
struct gather {
	uint8_t role[N_KEYS];
};

/* has[role] for each role that the span has an attribute of; `has` is zeroed and has room for the highest role. */
static inline void gather_attrs(const struct gather *g, const struct attrs *as, struct attr **has)
{
	for (struct attr *a = as->first; a; a = a->next) {
		uint8_t role = g->role[a->key_id];
		if (role && !a->deleted && !has[role])
			has[role] = a;
	}
}
