/* prices_lookup.h - between prices_match.c (the entry), prices_spell.c (ways to write a name) and prices_cache.c (what was found). */
#pragma once
#include "lib/genai/prices_table.h"

/* Spellings are tried group by group: those that mean the same name; without the region; without the snapshot's date. */
enum { SPELLING_GROUPS = 3, PATH_STEPS = 4, SPELLINGS_MAX = 4 * (PATH_STEPS + 1) };

struct spelling {
	slice text;
	unsigned via;
};
struct spellings {
	struct spelling v[SPELLINGS_MAX]; /* group after group */
	size_t n[SPELLING_GROUPS];
	char dates[PATH_STEPS + 1][PRICE_NAME_MAX]; /* room for what is rewritten */
};
/* `name` is trimmed and lower case, at most PRICE_NAME_MAX bytes; provider may be NO_PROVIDER. */
void spell(const struct price_table *t, uint32_t provider, slice name, struct spellings *s);

struct hit {
	uint32_t entry; /* NO_ENTRY: none */
	uint32_t layer;
	enum price_how how;
	unsigned via;
};
struct found {
	struct hit hit;
	int64_t ppm;
	slice lower_id; /* while it is looked for */
};
/* One model name, without the cache. */
enum price_status match_names(const struct price_table *t, slice provider, slice model, struct found *f);
