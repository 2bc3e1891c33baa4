/* values.c - value maps: what emitters write, to what is canonical (see tables.h and values.h).
 *
 * Rows are sorted by value within a map, rows of an ecosystem before the one for all. A value in capitals only is
 * matched as it is, before the search in lower case. Globs belong to an ecosystem and come last.
 */
#include "lib/genai/values.h"

#include "lib/base/glob.h"

struct value_row {
	slice value, canonical;
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

static int compare(slice a, slice b)
{
	int c = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);
	return c ? c : (a.len > b.len) - (a.len < b.len);
}

size_t word_search(slice word, const void *rows, size_t n, size_t size)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const slice *name = (const void *)((const char *)rows + middle * size);
		if (compare(*name, word) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool search(enum value_map map, enum ecosystem e, slice word, slice *canonical)
{
	const struct value_row *rows = &value_list[value_ranges[map].first];
	size_t n = value_ranges[map].n;
	for (size_t i = word_search(word, rows, n, sizeof(*rows)); i < n && slice_eq(rows[i].value, word); i++) {
		if (!rows[i].ecosystems || rows[i].ecosystems >> e & 1) {
			*canonical = rows[i].canonical;
			return true;
		}
	}
	return false;
}

static bool search_patterns(enum value_map map, enum ecosystem e, slice word, slice *canonical)
{
	for (size_t i = 0; i < COUNTOF(pattern_list); i++) {
		const struct value_pattern *p = &pattern_list[i];
		if (p->map == map && p->row.ecosystems >> e & 1 && glob_match(p->row.value, word)) {
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

bool value_map_of(enum value_map map, enum ecosystem e, slice raw, slice *canonical)
{
	char buf[WORD_MAX];
	slice s = slice_trim(raw);
	for (int i = 0; i < 2 && s.len; i++, s = without_class(s)) {
		slice lower = word_lower(s, buf);
		if (search(map, e, s, canonical) || (lower.len && search(map, e, lower, canonical)))
			return true;
	}
	s = word_lower(raw, buf);
	return s.len && search_patterns(map, e, s, canonical);
}

bool value_map(enum value_map map, slice raw, slice *canonical)
{
	return value_map_of(map, ECO_NONE, raw, canonical);
}
