/* scan_read.h - the hot readers of the scan: scalars, text, and the attributes in their usual form.
 *
 * Included by scan.c, scan_span.c and scan_value.c only. Everything is always_inline: `index` is a constant at each use, so that
 * the validating walk carries nothing of the indexing one. What is not of the usual form goes to scan_kv.
 */
#pragma once
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "lib/otlp/scan.h"

#define HOT static inline __attribute__((always_inline))

#ifdef __SSE2__
/* The high bits of 16 bytes. */
HOT unsigned high_bits(const uint8_t *p)
{
	return (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p));
}

HOT __m128i load16(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Up to 64 bytes without a loop, as the number of rounds would be mispredicted: four loads that overlap. Below 16
 * bytes one load reaches behind the end: that is what the slack is for. */
HOT bool is_ascii64(const uint8_t *p, size_t n)
{
	if (n < 16)
		return (high_bits(p) & ((1U << n) - 1)) == 0;
	const uint8_t *last = p + n - 16;
	size_t second = n < 32 ? 0 : 16;
	__m128i all = _mm_or_si128(load16(p), load16(p + second));
	all = _mm_or_si128(all, _mm_or_si128(load16(last), load16(last - second)));
	return _mm_movemask_epi8(all) == 0;
}

/* How many bytes at the start are ASCII for sure: n, or those before the first block of 64 that has others. */
HOT size_t ascii_prefix(const uint8_t *p, size_t n)
{
	size_t i = 0;
	for (; n - i > 64; i += 64) {
		__m128i ab = _mm_or_si128(load16(p + i), load16(p + i + 16));
		__m128i cd = _mm_or_si128(load16(p + i + 32), load16(p + i + 48));
		if (_mm_movemask_epi8(_mm_or_si128(ab, cd)))
			return i;
	}
	return is_ascii64(p + i, n - i) ? n : i;
}
#else
HOT size_t ascii_prefix(const uint8_t *p, size_t n)
{
	size_t i = 0;
	while (n - i >= 8 && (wire_fix64(p + i) & UINT64_C(0x8080808080808080)) == 0)
		i += 8;
	while (i < n && p[i] < 0x80)
		i++;
	return i;
}
#endif

HOT void text(struct scan *s, const uint8_t *p, size_t n)
{
	size_t ascii = ascii_prefix(p, n);
	if (UNLIKELY(ascii < n))
		scan_text(s, p + ascii, n - ascii);
}

HOT const uint8_t *take_bytes(const uint8_t *p, const uint8_t *end, slice *out)
{
	uint32_t n;
	p = wire_len(p, end, &n);
	if (!p)
		return NULL;
	*out = wire_slice(p, n);
	return p + n;
}

HOT const uint8_t *take_text(struct scan *s, const uint8_t *p, const uint8_t *end, slice *out)
{
	p = take_bytes(p, end, out);
	if (p)
		text(s, wire_start(*out), out->len);
	return p;
}

/* Every occurrence must have a right length, though only the last counts: other parsers look at each. */
HOT const uint8_t *take_id(struct scan *s, const uint8_t *p, const uint8_t *end, size_t want, slice *out)
{
	p = take_bytes(p, end, out);
	if (p && UNLIKELY(out->len != want && out->len != 0) && !s->refuse)
		s->refuse = want == 16 ? "a trace id is not 16 bytes" : "a span id is not 8 bytes";
	return p;
}

HOT const uint8_t *take_u32(const uint8_t *p, const uint8_t *end, uint32_t *out)
{
	uint64_t v = 0;
	p = wire_varint(p, end, &v);
	*out = (uint32_t)v;
	return p;
}

HOT const uint8_t *take_fix64(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
	if (UNLIKELY(end - p < 8))
		return NULL;
	*out = wire_fix64(p);
	return p + 8;
}

HOT const uint8_t *take_fix32(const uint8_t *p, const uint8_t *end, uint32_t *out)
{
	if (UNLIKELY(end - p < 4))
		return NULL;
	*out = wire_fix32(p);
	return p + 4;
}

/* The AnyValue [p, end) on level `depth` (at most OTLP_ANYVALUE_DEPTH) if it is one value and nothing else; also checks the text of
 * value and key. False: not of that form, whatever it is (then nothing was counted), or broken inside, which is found again. */
HOT bool any_usual(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, slice key, struct value *v)
{
	uint64_t x = 0;
	uint32_t n = 0;
	if (end - p < 2)
		return false;
	switch (*p++) {
	case TAG(1, WIRE_LEN):
		p = wire_len(p, end, &n);
		if (!p || p + n != end)
			return false;
		v->type = V_STRING;
		v->s = wire_slice(p, n);
		text(s, p, n);
		break;
	case TAG(2, WIRE_VARINT):
		if (*p >= 0x80 || p + 1 != end)
			return false;
		v->type = V_BOOL;
		v->b = *p != 0;
		break;
	case TAG(3, WIRE_VARINT):
		if (wire_varint(p, end, &x) != end)
			return false;
		v->type = V_INT;
		v->i = (int64_t)x;
		break;
	case TAG(4, WIRE_64):
		if (end - p != 8)
			return false;
		v->type = V_DOUBLE;
		x = wire_fix64(p);
		memcpy(&v->d, &x, sizeof(v->d));
		break;
	case TAG(5, WIRE_LEN):
	case TAG(6, WIRE_LEN):
		v->type = p[-1] == TAG(5, WIRE_LEN) ? V_ARRAY : V_KVLIST;
		p = wire_len(p, end, &n);
		if (!p || p + n != end || !scan_list(s, p, end, depth + 1, v->type == V_KVLIST))
			return false;
		v->s = wire_slice(p, n);
		break;
	default:
		return false;
	}
	text(s, wire_start(key), key.len);
	return true;
}

/* A KeyValue of less than 128 bytes, so that all lengths are single bytes, that is one key and one usual value and
 * nothing else, in either order (the Collector writes the value first). If the value is text, all but text is tags and
 * lengths below 128, so that one look at all of it will do. */
HOT bool kv_small(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, slice *key, struct value *v)
{
	size_t n = (size_t)(end - p), first = p[1];
	if (n < 4 || first > n - 4)
		return false;
	const uint8_t *q = p + 2 + first, *any;
	unsigned tags = p[0] | (unsigned)q[0] << 8;
	size_t any_len;
	if (q[1] != n - 4 - first)
		return false;
	if (LIKELY(tags == (TAG(1, WIRE_LEN) | TAG(2, WIRE_LEN) << 8))) {
		*key = wire_slice(p + 2, first);
		any = q + 2;
		any_len = q[1];
	} else if (tags == (TAG(2, WIRE_LEN) | TAG(1, WIRE_LEN) << 8)) {
		*key = wire_slice(q + 2, q[1]);
		any = p + 2;
		any_len = first;
	} else {
		return false;
	}
	if (any[0] != TAG(1, WIRE_LEN) || any[1] + 2U != any_len || UNLIKELY(ascii_prefix(p, n) < n))
		return any_usual(s, any, any + any_len, depth, *key, v);
	v->type = V_STRING;
	v->s = wire_slice(any + 2, any_len - 2);
	return true;
}

/* The same for any size, key first. */
HOT bool kv_large(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, slice *key, struct value *v)
{
	uint32_t n;
	if (*p != TAG(1, WIRE_LEN))
		return false;
	p = take_bytes(p + 1, end, key);
	if (!p || p == end || *p != TAG(2, WIRE_LEN))
		return false;
	p = wire_len(p + 1, end, &n);
	return p && p + n == end && any_usual(s, p, end, depth, *key, v);
}

HOT bool kv_large_reversed(
        struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, slice *key, struct value *v)
{
	uint32_t n;
	if (*p != TAG(2, WIRE_LEN))
		return false;
	p = wire_len(p + 1, end, &n);
	if (!p || p + n == end || p[n] != TAG(1, WIRE_LEN) || take_bytes(p + n + 1, end, key) != end)
		return false;
	return any_usual(s, p, p + n, depth, *key, v);
}

/* A KeyValue of one of these forms; false as any_usual. */
HOT bool usual_kv(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, slice *key, struct value *v)
{
	if (LIKELY(end - p < 128))
		return kv_small(s, p, end, depth, key, v);
	return kv_large(s, p, end, depth, key, v) || kv_large_reversed(s, p, end, depth, key, v);
}

HOT bool read_kv(struct scan *s, const uint8_t *p, const uint8_t *end, slice *key, struct value *v)
{
	if (LIKELY(usual_kv(s, p, end, 1, key, v)))
		return true;
	*v = (struct value){ 0 };
	return scan_kv(s, p, end, 1, key, v);
}

HOT uint16_t key_id(struct scan *s, slice key)
{
	uint16_t *guess = &s->follows[s->last_id % SCAN_GUESSES], id = *guess;
	if (!id || !key_table_is(s->t->keys, id, key))
		*guess = id = key_table_id(s->t->keys, key);
	return s->last_id = id;
}

HOT const uint8_t *walk_attr(
        struct scan *s, const bool index, const uint8_t *start, const uint8_t *p, const uint8_t *end, struct attrs *as)
{
	struct attr unused, *a = &unused;
	uint32_t n;
	p = wire_len(p, end, &n);
	if (UNLIKELY(!p))
		return NULL;
	if (index) {
		if (UNLIKELY(s->attr == s->attr_end) && !scan_more_attrs(s))
			return NULL;
		a = s->attr;
	}
	if (UNLIKELY(!read_kv(s, p, p + n, &a->key, &a->value)))
		return NULL;
	p += n;
	if (index) {
		s->attr++;
		a->next = NULL;
		a->raw = (const char *)start;
		a->raw_len = (uint32_t)(p - start);
		a->key_id = s->t->keys ? key_id(s, a->key) : 0;
		as->known[a->key_id >> 6 & 3] |= UINT64_C(1) << (a->key_id & 63);
		a->deleted = false;
		a->edit = 0;
		*(as->last ? &as->last->next : &as->first) = a;
		as->last = a;
		as->n++;
	}
	return p;
}
