/* utf8.c - validation and repair of UTF-8; see utf8.h.
 *
 * utf8_valid has three gears: ASCII (most attribute keys and values) in 16-byte steps, long other
 * text with AVX2 where the CPU has it (utf8_simd.c), and the scalar walk, which is also the
 * definition that the others are tested against. All agree on every input.
 */
#include "lib/base/utf8.h"

#include "lib/base/utf8_simd.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static uint64_t load8(const char *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static const uint64_t high_bits = UINT64_C(0x8080808080808080);

static bool is_ascii16(const char *p)
{
#ifdef __SSE2__
	return _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p)) == 0;
#else
	return ((load8(p) | load8(p + 8)) & high_bits) == 0;
#endif
}

static bool is_ascii_short(const char *p, size_t n)
{
	if (n >= 8)
		return ((load8(p) | load8(p + n - 8)) & high_bits) == 0;
	unsigned char all = 0;
	for (size_t i = 0; i < n; i++)
		all |= (unsigned char)p[i];
	return all < 0x80;
}

/* The range of the second byte depends on the first (RFC 3629 section 4). */
static size_t step(const unsigned char *p, size_t n, bool *ok)
{
	unsigned char c = p[0], low = 0x80, high = 0xBF;
	size_t want;
	*ok = c < 0x80;
	if (c < 0xC2 || c > 0xF4)
		return 1;
	if (c < 0xE0) {
		want = 2;
	} else if (c < 0xF0) {
		want = 3;
		low = c == 0xE0 ? 0xA0 : low;
		high = c == 0xED ? 0x9F : high;
	} else {
		want = 4;
		low = c == 0xF0 ? 0x90 : low;
		high = c == 0xF4 ? 0x8F : high;
	}
	for (size_t i = 1; i < want; i++) {
		if (i >= n || p[i] < low || p[i] > high)
			return i;
		low = 0x80, high = 0xBF;
	}
	*ok = true;
	return want;
}

size_t utf8_step(slice s, bool *ok)
{
	return step((const unsigned char *)s.p, s.len, ok);
}

static bool valid_scalar(const char *p, size_t n)
{
	bool ok = true;
	while (n && ok) {
		if (n >= 16 && is_ascii16(p)) {
			p += 16, n -= 16;
			continue;
		}
		size_t len = (unsigned char)*p < 0x80 ? 1 : step((const unsigned char *)p, n, &ok);
		p += len, n -= len;
	}
	return ok;
}

bool utf8_valid(slice s)
{
	const char *p = s.p;
	size_t n = s.len;
	for (; n >= 16 && is_ascii16(p); n -= 16)
		p += 16;
	if (n < 16 && is_ascii_short(p, n))
		return true;
	return n >= 64 && utf8_has_simd() ? utf8_valid_simd(p, n) : valid_scalar(p, n);
}

size_t utf8_repair(slice s, char *out, size_t *n_bad)
{
	size_t at = 0, len = 0, bad = 0;
	while (at < s.len) {
		bool ok;
		size_t n = step((const unsigned char *)s.p + at, s.len - at, &ok);
		if (ok) {
			memcpy(out + len, s.p + at, n);
			len += n;
		} else {
			memcpy(out + len, "\xEF\xBF\xBD", 3);
			len += 3;
			bad++;
		}
		at += n;
	}
	if (n_bad)
		*n_bad = bad;
	return len;
}

size_t utf8_cut(slice s, size_t max)
{
	if (s.len <= max)
		return s.len;
	size_t n = max;
	while (n && max - n < 3 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
		n--;
	/* text that is not UTF-8 has no boundary to respect */
	return ((unsigned char)s.p[n] & 0xC0) == 0x80 ? max : n;
}

size_t utf8_put(uint32_t cp, char out[4])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xC0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xE0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
		out[2] = (char)(0x80 | (cp & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
	out[3] = (char)(0x80 | (cp & 0x3F));
	return 4;
}
