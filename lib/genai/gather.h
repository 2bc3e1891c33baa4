/* gather.h - the attributes of a span that a processor knows by name, found in one walk.
 *
 * Behind the normaliser a fact is in its canonical attribute or nowhere: one walk that files attributes under small numbers replaces a
 * search for each. Of duplicates the first counts.
 */
#pragma once
#include "lib/genai/tables.h"

/* Role by key, at most 31; 0: not wanted. Zeroed to begin with. */
struct gather {
	uint8_t role[N_KEYS];
};

enum { GATHER_REPEATED = 1 };

/* has[role] for each role that the span has an attribute of; `has` is zeroed and has room for the highest role. The result has
 * the bit 1 << role of each of them, and GATHER_REPEATED when one has further attributes. */
static inline uint32_t gather_attrs(const struct gather *g, const struct attrs *as, struct attr **has)
{
	uint32_t found = 0;
	for (struct attr *a = as->first; a; a = a->next) {
		uint8_t role = g->role[a->key_id];
		if (!role || a->deleted)
			continue;
		if (has[role]) {
			found |= GATHER_REPEATED;
			continue;
		}
		has[role] = a;
		found |= UINT32_C(1) << role;
	}
	return found;
}
