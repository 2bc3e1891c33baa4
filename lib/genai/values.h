/* values.h - words of emitters, trimmed and in lower case, and binary search in sorted tables of them.
 *
 * Shared by the value maps and the provider names: both are sorted by byte order at build time.
 */
#pragma once
#include "lib/genai/tables.h"

enum { WORD_MAX = 64 }; /* longer words are in no table */

/* `raw` without blanks around, in lower case, in buf (WORD_MAX bytes); empty when there is none or it is longer. */
slice word_lower(slice raw, char *buf);
/* How a row of such a table begins. */
struct word {
	uint64_t head; /* the first 8 bytes, big-endian */
	slice text;
};
#define WORD(head, lit)                      \
	{                                    \
		UINT64_C(head),              \
		{                            \
			lit, sizeof(lit) - 1 \
		}                            \
	}
/* Of n rows of that size, each beginning with its word, ascending: the first that is not below `word`. */
size_t word_search(slice word, const void *rows, size_t n, size_t size);
