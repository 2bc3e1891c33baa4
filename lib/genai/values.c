/* values.c - value maps: what emitters write, to what is canonical (see tables.h and values.h).
 *
 * Of the rows of one value those of an ecosystem come before the one for all. A value in capitals only is matched as it is,
 * before the search in lower case; so are most values, which are canonical. Globs belong to an ecosystem and come last.
 */
#include "lib/genai/values.h"

#include "lib/base/glob.h"

struct value_row {
	struct word value;
	slice canonical;
	uint64_t ecosystems; /* 0: all */
};

struct value_pattern {
	enum value_map map;
	struct value_row row; /* value is a glob, lower case */
};

#define S(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#include "genai_values.inc"

slice word_lower(slice raw, char *buf)
{
	slice s = slice_trim(raw);
	if (s.len > WORD_MAX)
		return (slice){ 0 };
	for (size_t i = 0; i < s.len; i++)
		buf[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	return (slice){ buf, s.len };
}

/* scripts/gen-genai knows it too. */
static size_t word_hash(slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	return s.len * 17 + p[0] * 5U + p[s.len / 2] * 113U + p[s.len - 1] * 29U;
}

const struct word *word_find(const struct word_table *t, slice word)
{
	if (!word.len)
		return NULL;
	for (size_t h = word_hash(word), slot; (slot = t->slots[h & t->mask]); h++) {
		const struct word *row = (const void *)((const char *)t->rows + (slot - 1) * t->size);
		if (slice_eq(row->text, word))
			return row;
	}
	return NULL;
}

static bool search(enum value_map map, enum ecosystem e, slice word, slice *canonical)
{
	const struct value_row *row = (const void *)word_find(&value_tables[map], word);
	for (; row; row = row->value.more ? row + 1 : NULL) {
		if (!row->ecosystems || row->ecosystems >> e & 1) {
			*canonical = row->canonical;
			return true;
		}
	}
	return false;
}

static bool search_patterns(enum value_map map, enum ecosystem e, slice word, slice *canonical)
{
	for (size_t i = 0; i < COUNTOF(pattern_list); i++) {
		const struct value_pattern *p = &pattern_list[i];
		if (p->map == map && p->row.ecosystems >> e & 1 && glob_match(p->row.value.text, word)) {
			*canonical = p->row.canonical;
			return true;
		}
	}
	return false;
}

/* Behind the class name of Python's enums: "TraceloopSpanKindValues.TASK". */
static slice without_class(slice s)
{
	if (!s.len || s.p[0] < 'A' || s.p[0] > 'Z')
		return (slice){ 0 };
	const char *dot = memrchr(s.p, '.', s.len);
	return dot ? (slice){ dot + 1, s.len - (size_t)(dot + 1 - s.p) } : (slice){ 0 };
}

/* Apart from value_map_of, which mostly needs none of this. */
__attribute__((noinline)) static bool search_loosely(enum value_map map, enum ecosystem e, slice raw, slice *canonical)
{
	char buf[WORD_MAX];
	slice s = slice_trim(raw);
	for (int i = 0; i < 2 && s.len; i++, s = without_class(s)) {
		if (search(map, e, s, canonical))
			return true;
		slice lower = word_lower(s, buf);
		if (lower.len && !slice_eq(lower, s) && search(map, e, lower, canonical))
			return true;
	}
	s = word_lower(raw, buf);
	return s.len && search_patterns(map, e, s, canonical);
}

bool value_map_of(enum value_map map, enum ecosystem e, slice raw, slice *canonical)
{
	return search(map, e, raw, canonical) || search_loosely(map, e, raw, canonical);
}

bool value_map(enum value_map map, slice raw, slice *canonical)
{
	return value_map_of(map, ECO_NONE, raw, canonical);
}
