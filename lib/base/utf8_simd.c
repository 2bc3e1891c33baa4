/* utf8_simd.c - UTF-8 validation 32 bytes at a time.
 *
 * The method of Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2020): each
 * error that shows in two neighbouring bytes has a bit; three table look-ups (both nibbles of the
 * first byte, high nibble of the second) give the errors that each nibble allows, and their AND is
 * the errors that are there. What is left, third and fourth bytes, is: a byte two after >= 0xE0 or
 * three after >= 0xF0 must be a continuation that follows a continuation, and no other byte may.
 * The tail is checked in a zero-padded block, so a character cut at the end meets a NUL and fails.
 */
#include "lib/base/utf8_simd.h"

#ifdef __x86_64__
#include <immintrin.h>

enum {
	TOO_SHORT = 1, /* lead, then no continuation */
	TOO_LONG = 2, /* ASCII, then continuation */
	OVERLONG_3 = 4, /* E0 80..9F */
	TOO_LARGE = 8, /* F4 90..BF, F5..FF 90..BF */
	SURROGATE = 16, /* ED A0..BF */
	OVERLONG_2 = 32, /* C0, C1 */
	OVERLONG_4 = 64, /* F0 80..8F */
	TOO_LARGE_8 = 64, /* F5..FF 80..8F: shares the bit, the low nibbles differ */
	TWO_CONTS = 128, /* continuation, then continuation: right only in third and fourth place */
	ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTS,
	HUGE_LOW = ANY_LOW | TOO_LARGE | TOO_LARGE_8,
	ANY_CONT = TOO_LONG | OVERLONG_2 | TWO_CONTS,
};

#define BYTE(x) (char)(unsigned char)(x)
static const char first_high[16] = {
	TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, /* 0-7: ASCII */
	BYTE(TWO_CONTS), BYTE(TWO_CONTS), BYTE(TWO_CONTS), BYTE(TWO_CONTS), /* 8-B */
	TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
	TOO_SHORT | TOO_LARGE | TOO_LARGE_8 | OVERLONG_4, /* C-F */
};
static const char first_low[16] = {
	BYTE(ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4),
	BYTE(ANY_LOW | OVERLONG_2),
	BYTE(ANY_LOW),
	BYTE(ANY_LOW),
	BYTE(ANY_LOW | TOO_LARGE),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW | SURROGATE),
	BYTE(HUGE_LOW),
	BYTE(HUGE_LOW),
};
static const char second_high[16] = {
	TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, /* 0-7 */
	BYTE(ANY_CONT | OVERLONG_3 | OVERLONG_4), BYTE(ANY_CONT | OVERLONG_3 | TOO_LARGE),
	BYTE(ANY_CONT | SURROGATE | TOO_LARGE), BYTE(ANY_CONT | SURROGATE | TOO_LARGE), /* 8-B */
	TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, /* C-F */
};

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i table(const char t[16])
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)t));
}

AVX2 static inline __m256i load(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* The bytes of `in` shifted up by n, the gap filled from the end of `prev`. */
#define SHIFTED(in, prev, n) _mm256_alignr_epi8(in, _mm256_permute2x128_si256(prev, in, 0x21), 16 - (n))

AVX2 static inline __m256i errors_in(__m256i in, __m256i prev)
{
	const __m256i nibble = _mm256_set1_epi8(0x0F);
	__m256i prev1 = SHIFTED(in, prev, 1), prev2 = SHIFTED(in, prev, 2), prev3 = SHIFTED(in, prev, 3);
	__m256i high1 = _mm256_and_si256(_mm256_srli_epi16(prev1, 4), nibble);
	__m256i high2 = _mm256_and_si256(_mm256_srli_epi16(in, 4), nibble);
	__m256i pair = _mm256_and_si256(_mm256_shuffle_epi8(table(first_high), high1),
	        _mm256_and_si256(_mm256_shuffle_epi8(table(first_low), _mm256_and_si256(prev1, nibble)),
	                _mm256_shuffle_epi8(table(second_high), high2)));
	/* bit 7 set where a third or fourth byte is due; TWO_CONTS is bit 7 too, and both must agree */
	__m256i third = _mm256_subs_epu8(prev2, _mm256_set1_epi8(0xE0 - 0x80));
	__m256i fourth = _mm256_subs_epu8(prev3, _mm256_set1_epi8(0xF0 - 0x80));
	__m256i due = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(BYTE(0x80)));
	return _mm256_xor_si256(due, pair);
}

AVX2 bool utf8_valid_simd(const char *p, size_t n)
{
	__m256i prev = _mm256_setzero_si256(), bad = prev;
	bool was_ascii = true;
	for (; n >= 32; p += 32, n -= 32) {
		__m256i in = load(p);
		bool ascii = _mm256_movemask_epi8(in) == 0;
		if (!ascii || !was_ascii)
			bad = _mm256_or_si256(bad, errors_in(in, prev));
		was_ascii = ascii;
		prev = in;
	}
	char tail[32] = { 0 };
	memcpy(tail, p, n);
	bad = _mm256_or_si256(bad, errors_in(load(tail), prev));
	return _mm256_testz_si256(bad, bad);
}

bool utf8_has_simd(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
bool utf8_has_simd(void)
{
	return false;
}

bool utf8_valid_simd(const char *p UNUSED, size_t n UNUSED)
{
	abort();
}
#endif
