/* values.h - words of emitters, trimmed and in lower case, and tables of them with a hash index.
 *
 * Shared by the value maps and the provider names: scripts/gen-genai makes rows and index at build time.
 */
#pragma once
#include "lib/genai/tables.h"

enum { WORD_MAX = 64 }; /* longer words are in no table */

/* `raw` without blanks around, in lower case, in buf (WORD_MAX bytes); empty when there is none or it is longer. */
slice word_lower(slice raw, char *buf);
/* How a row of such a table begins. */
struct word {
	slice text;
	bool more; /* the next row has the same word */
};
#define WORD(lit, more)                        \
	{                                      \
		{ lit, sizeof(lit) - 1 }, more \
	}
struct word_table {
	const uint16_t *slots; /* by hash; a row's number + 1, 0: free. At least half of them are free */
	size_t mask; /* number of slots - 1 */
	const void *rows;
	size_t size; /* of a row */
};
#define WORD_TABLE(name)                                                                   \
	{                                                                                  \
		name##_slots, COUNTOF(name##_slots) - 1, name##_list, sizeof(*name##_list) \
	}
/* The first row of a word as it is written, or NULL. */
const struct word *word_find(const struct word_table *t, slice word);
