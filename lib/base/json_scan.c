/* json_scan.c - the long strings of json_scan.h, with AVX2 where the CPU has it.
 *
 * The last block ends at `end` and so overlaps the one before it: those bytes had nothing to stop at, and looking at them twice
 * changes no answer. That is why a text must be as long as a block.
 */
#include "lib/base/json_scan.h"

#ifdef __SSE2__
#include <immintrin.h>

/* at: the stops of the block at p, of which these bytes are not ASCII; before: the same of the blocks before it. */
static inline const char *stop_at(const char *p, unsigned at, unsigned not_ascii, unsigned before, bool *high)
{
	*high |= (before | (not_ascii & (at ^ (at - 1)))) != 0;
	return p + __builtin_ctz(at);
}

static const char *scan_by_16(const char *p, const char *end, bool *high)
{
	unsigned at, not_ascii, before = 0;
	for (; end - p > 16; p += 16) {
		at = scan_16(p, &not_ascii);
		if (at)
			return stop_at(p, at, not_ascii, before, high);
		before |= not_ascii;
	}
	at = scan_16(end - 16, &not_ascii);
	if (at)
		return stop_at(end - 16, at, not_ascii, before, high);
	*high |= (before | not_ascii) != 0;
	return end;
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i load(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 static inline unsigned not_ascii_in(__m256i v)
{
	return (unsigned)_mm256_movemask_epi8(v);
}

/* As scan_16, of 32 bytes. */
AVX2 static inline unsigned stops_in(__m256i v)
{
	const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\'), control = _mm256_set1_epi8(0x1f);
	__m256i stop = _mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, slash));
	return (unsigned)_mm256_movemask_epi8(_mm256_or_si256(stop, _mm256_cmpeq_epi8(_mm256_min_epu8(v, control), v)));
}

AVX2 static const char *scan_by_32(const char *p, const char *end, bool *high)
{
	__m256i v, before = _mm256_setzero_si256();
	unsigned at;
	for (const char *last = end - 32; p < last; p += 32) {
		v = load(p);
		at = stops_in(v);
		if (at)
			return stop_at(p, at, not_ascii_in(v), not_ascii_in(before), high);
		before = _mm256_or_si256(before, v);
	}
	v = load(end - 32);
	at = stops_in(v);
	if (at)
		return stop_at(end - 32, at, not_ascii_in(v), not_ascii_in(before), high);
	*high |= not_ascii_in(_mm256_or_si256(before, v)) != 0;
	return end;
}

const char *scan_long_text(const char *p, const char *end, bool *high)
{
	return end - p >= 32 && __builtin_cpu_supports("avx2") ? scan_by_32(p, end, high) : scan_by_16(p, end, high);
}
#endif
