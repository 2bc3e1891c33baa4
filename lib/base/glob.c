/* glob.c - see glob.h. Only the last star is ever tried again, as an earlier one has nothing to gain. */
#include "lib/base/glob.h"

/* Bytes of the character at text[at]. */
static size_t character(slice text, size_t at)
{
	size_t n = 1;
	while (at + n < text.len && ((unsigned char)text.p[at + n] & 0xC0) == 0x80)
		n++;
	return n;
}

bool glob_match(slice pattern, slice text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.len && pattern.p[p] == '?') {
			p++;
			t += character(text, t);
		} else if (p < pattern.len && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}
