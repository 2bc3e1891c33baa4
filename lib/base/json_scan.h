/* json_scan.h - the byte loop of everything that reads or writes JSON strings, 16 bytes at a time.
 *
 * SSE2 is part of x86-64; elsewhere the plain loop does the same. Nothing is read outside of [p, end).
 */
#pragma once
#include "lib/base/base.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first quote, backslash or control character, or `end`. Sets *high when a byte before it is not ASCII. */
static inline const char *scan_text(const char *p, const char *end, bool *high)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
		stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
		unsigned at = (unsigned)_mm_movemask_epi8(stop), not_ascii = (unsigned)_mm_movemask_epi8(v);
		if (at) {
			*high |= (not_ascii & (at ^ (at - 1))) != 0;
			return p + __builtin_ctz(at);
		}
		*high |= not_ascii != 0;
	}
#endif
	for (; p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20; p++)
		*high |= (unsigned char)*p >= 0x80;
	return p;
}
