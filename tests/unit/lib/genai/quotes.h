/* quotes.h - JSON in test tables is written with ' for ", so that it can be read. */
#pragma once
#include "lib/base/arena.h"

static inline slice quotes(struct arena *a, const char *text)
{
	char *p = arena_cstr(a, slice_of(text));
	for (char *q = p; *q; q++)
		*q = *q == '\'' ? '"' : *q;
	return slice_of(p);
}
