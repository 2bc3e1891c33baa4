/* json_scan.h - the byte loops of the JSON codec that run 16 bytes at a time (lib/otlp only).
 *
 * SSE2 is part of x86-64; elsewhere the plain loops do the same. Nothing is read outside of [p, end).
 */
#pragma once
#include "lib/base/json_scan.h"

static inline int hex_value(char c)
{
	unsigned digit = (unsigned char)c - '0', letter = ((unsigned char)c | 0x20u) - 'a';
	return digit < 10 ? (int)digit : letter < 6 ? (int)letter + 10 : -1;
}

#ifdef __SSE2__
/* 16 hex digits to 8 bytes in the low half. *bad gets a mask of what is not a digit. */
static inline __m128i hex16(const char *p, int *bad)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i digit = _mm_sub_epi8(v, _mm_set1_epi8('0'));
	__m128i letter = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
	__m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
	__m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
	__m128i nibble = _mm_or_si128(
	        _mm_and_si128(is_digit, digit), _mm_andnot_si128(is_digit, _mm_add_epi8(letter, _mm_set1_epi8(10))));
	*bad |= _mm_movemask_epi8(_mm_or_si128(is_digit, is_letter)) ^ 0xffff;
	/* in each pair the first digit, which is the low byte, is the high nibble */
	__m128i pair = _mm_or_si128(_mm_slli_epi16(nibble, 4), _mm_srli_epi16(nibble, 8));
	return _mm_packus_epi16(_mm_and_si128(pair, _mm_set1_epi16(0xff)), _mm_setzero_si128());
}
#endif

/* 2 * n hex digits to n bytes, n being 8 or 16. */
static inline bool scan_hex(const char *p, size_t n, char *out)
{
#ifdef __SSE2__
	int bad = 0;
	for (size_t i = 0; i < n; i += 8)
		_mm_storel_epi64((__m128i *)(void *)(out + i), hex16(p + 2 * i, &bad));
	return bad == 0;
#else
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(p[2 * i]), low = hex_value(p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (char)(high * 16 + low);
	}
	return true;
#endif
}

/* Whether p[0..n) is key[0..n), both readable for n rounded up to 16. */
static inline bool scan_same(const char *p, const char *key, size_t n)
{
#ifdef __SSE2__
	for (size_t i = 0; i < n; i += 16) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(key + i));
		unsigned other = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) ^ 0xffff;
		if (n - i < 16)
			other &= (1u << (n - i)) - 1;
		if (other)
			return false;
	}
	return true;
#else
	return memcmp(p, key, n) == 0;
#endif
}
