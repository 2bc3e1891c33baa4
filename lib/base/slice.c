/* slice.c - comparing and trimming views of bytes.
 *
 * Nothing here allocates. Comparison is by byte; case folding is ASCII only, because the texts that
 * are compared without case (HTTP names, tokens, units) are ASCII by their grammars.
 */
#include "lib/base/base.h"

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : (unsigned char)c;
}

bool slice_ieq(slice a, slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool slice_starts(slice a, slice prefix)
{
	return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.p, prefix.p, prefix.len) == 0);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

slice slice_trim(slice s)
{
	while (s.len && is_blank(s.p[0]))
		s.p++, s.len--;
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

enum { NEAR_MAX = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

unsigned slice_distance(slice a, slice b, unsigned limit)
{
	if (a.len > NEAR_MAX || b.len > NEAR_MAX)
		return limit + 1;
	/* three rows of the usual matrix: a swap looks two rows back */
	unsigned rows[3][NEAR_MAX + 1];
	for (unsigned j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
		unsigned best = row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned cost = a.p[i - 1] != b.p[j - 1];
			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
			        above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
			best = row[j] < best ? row[j] : best;
		}
		/* a swap can still undercut the best of one row by one */
		if (best > limit + 1)
			return limit + 1;
	}
	unsigned d = rows[a.len % 3][b.len];
	return d > limit ? limit + 1 : d;
}
