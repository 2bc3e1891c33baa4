/* values.c - value maps: what emitters write, to what is canonical (see tables.h and values.h).
 *
 * Rows are sorted by value within a map, rows of an ecosystem before the one for all. A value in capitals only is
 * matched as it is, before the search in lower case. Globs belong to an ecosystem and come last.
 */
#include "lib/genai/values.h"

#include <endian.h>

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

static uint64_t head_of(slice s)
{
	uint64_t head = 0;
	if (s.len >= sizeof(head)) {
		memcpy(&head, s.p, sizeof(head));
		return be64toh(head);
	}
	for (size_t i = 0; i < s.len; i++)
		head |= (uint64_t)(unsigned char)s.p[i] << (56 - 8 * i);
	return head;
}

static const struct word *row_at(const void *rows, size_t i, size_t size)
{
	return (const void *)((const char *)rows + i * size);
}

/* Of two words whose heads are the same. */
static bool is_below(const struct word *row, slice word)
{
	size_t n = row->text.len < word.len ? row->text.len : word.len;
	int c = n > 8 ? memcmp(row->text.p + 8, word.p + 8, n - 8) : 0;
	return c ? c < 0 : row->text.len < word.len;
}

/* By the head first, without branches that would be mispredicted; few words have the same. */
size_t word_search(slice word, const void *rows, size_t n, size_t size)
{
	uint64_t head = head_of(word);
	size_t low = 0, left = n;
	for (; left > 1; left -= left / 2)
		low += row_at(rows, low + left / 2 - 1, size)->head < head ? left / 2 : 0;
	low += left && row_at(rows, low, size)->head < head;
	while (low < n && row_at(rows, low, size)->head == head && is_below(row_at(rows, low, size), word))
		low++;
	return low;
}

static bool search(enum value_map map, enum ecosystem e, slice word, slice *canonical)
{
	const struct value_row *rows = &value_list[value_ranges[map].first];
	size_t n = value_ranges[map].n;
	for (size_t i = word_search(word, rows, n, sizeof(*rows)); i < n && slice_eq(rows[i].value.text, word); i++) {
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

bool value_map_of(enum value_map map, enum ecosystem e, slice raw, slice *canonical)
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

bool value_map(enum value_map map, slice raw, slice *canonical)
{
	return value_map_of(map, ECO_NONE, raw, canonical);
}
