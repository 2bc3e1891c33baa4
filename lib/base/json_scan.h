/* json_scan.h - the byte loop of everything that reads or writes JSON strings, 16 or 32 bytes at a time.
 *
 * SSE2 is part of x86-64; elsewhere the plain loop does the same. Most strings end in their first 16 bytes; what is longer is gone over
 * in json_scan.c. Nothing is read outside of [p, end).
 */
#pragma once
#include "lib/base/base.h"

#ifdef __SSE2__
#include <emmintrin.h>

/* Of 16 bytes, by bit: quotes, backslashes and control characters; *not_ascii: bytes from 0x80. */
static inline unsigned scan_16(const char *p, unsigned *not_ascii)
{
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
	*not_ascii = (unsigned)_mm_movemask_epi8(v);
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v)));
}

/* scan_text of a text of 16 bytes or more whose first 16 have nothing to stop at. */
const char *scan_long_text(const char *p, const char *end, bool *high);
#endif

/* The first quote, backslash or control character, or `end`. Sets *high when a byte before it is not ASCII. */
static inline const char *scan_text(const char *p, const char *end, bool *high)
{
#ifdef __SSE2__
	if (end - p >= 16) {
		unsigned not_ascii, at = scan_16(p, &not_ascii);
		if (!at)
			return scan_long_text(p, end, high);
		*high |= (not_ascii & (at ^ (at - 1))) != 0;
		return p + __builtin_ctz(at);
	}
#endif
	for (; p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20; p++)
		*high |= (unsigned char)*p >= 0x80;
	return p;
}
