/* scan_read.h - the hot readers of the scan: scalars, text, and the attributes in their usual form.
 *
 * Included by scan.c and scan_span.c only. Everything is always_inline: `index` is a constant at each use, so that
 * the validating walk carries nothing of the indexing one. What is not of the usual form goes to scan_kv.
 */
#pragma once
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "lib/otlp/scan.h"

#define HOT static inline __attribute__((always_inline))

/* Reads up to 15 bytes behind the end: that is what the slack is for. */
HOT bool is_ascii(const uint8_t *p, size_t n)
{
#ifdef __SSE2__
	size_t i = 0;
	for (; n - i >= 64; i += 64) {
		const __m128i *v = (const __m128i *)(const void *)(p + i);
		__m128i ab = _mm_or_si128(_mm_loadu_si128(v), _mm_loadu_si128(v + 1));
		__m128i cd = _mm_or_si128(_mm_loadu_si128(v + 2), _mm_loadu_si128(v + 3));
		if (_mm_movemask_epi8(_mm_or_si128(ab, cd)))
			return false;
	}
	__m128i all = _mm_setzero_si128();
	for (; n - i >= 16; i += 16)
		all = _mm_or_si128(all, _mm_loadu_si128((const __m128i *)(const void *)(p + i)));
	unsigned tail = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + i)));
	return ((unsigned)_mm_movemask_epi8(all) | (tail & ((1U << (n - i)) - 1))) == 0;
#else
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t all = 0;
	size_t i = 0;
	for (; n - i >= 8; i += 8)
		all |= wire_fix64(p + i);
	uint64_t tail = wire_fix64(p + i) & ((UINT64_C(1) << (n - i) * 8) - 1);
	return ((all | tail) & high) == 0;
#endif
}

HOT void text(struct scan *s, const uint8_t *p, size_t n)
{
	if (UNLIKELY(!is_ascii(p, n)))
		scan_text(s, p, n);
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

/* An AnyValue that is one scalar and nothing else. False: not of that form, whatever it is. */
HOT bool any_usual(const uint8_t *p, const uint8_t *end, struct value *v)
{
	uint64_t x;
	uint32_t n;
	if (end - p < 2)
		return false;
	switch (*p++) {
	case TAG(1, WIRE_LEN):
		p = wire_len(p, end, &n);
		if (!p || p + n != end)
			return false;
		v->type = V_STRING;
		v->s = wire_slice(p, n);
		return true;
	case TAG(2, WIRE_VARINT):
		v->type = V_BOOL;
		v->b = *p != 0;
		return *p < 0x80 && p + 1 == end;
	case TAG(3, WIRE_VARINT):
		if (wire_varint(p, end, &x) != end)
			return false;
		v->type = V_INT;
		v->i = (int64_t)x;
		return true;
	case TAG(4, WIRE_64):
		if (end - p != 8)
			return false;
		v->type = V_DOUBLE;
		x = wire_fix64(p);
		memcpy(&v->d, &x, sizeof(v->d));
		return true;
	default:
		return false;
	}
}

/* A KeyValue that is one key and one usual value, in either order. */
HOT bool kv_usual(const uint8_t *p, const uint8_t *end, slice *key, struct value *v)
{
	uint32_t n;
	if (end - p < 2)
		return false;
	if (LIKELY(*p == TAG(1, WIRE_LEN))) {
		p = take_bytes(p + 1, end, key);
		if (!p || end - p < 2 || *p != TAG(2, WIRE_LEN))
			return false;
		p = wire_len(p + 1, end, &n);
		return p && p + n == end && any_usual(p, end, v);
	}
	if (*p != TAG(2, WIRE_LEN))
		return false;
	p = wire_len(p + 1, end, &n);
	if (!p || !any_usual(p, p + n, v))
		return false;
	p += n;
	return p < end && *p == TAG(1, WIRE_LEN) && take_bytes(p + 1, end, key) == end;
}

HOT bool read_kv(struct scan *s, const uint8_t *p, const uint8_t *end, slice *key, struct value *v)
{
	if (UNLIKELY(!kv_usual(p, end, key, v))) {
		*v = (struct value){ 0 };
		return scan_kv(s, p, end, 1, key, v);
	}
	if (v->type == V_STRING && end - p < 128) {
		/* lengths are below 128, too: all bytes of the message are tags, lengths and text */
		if (LIKELY(is_ascii(p, (size_t)(end - p))))
			return true;
	}
	text(s, wire_start(*key), key->len);
	if (v->type == V_STRING)
		text(s, wire_start(v->s), v->s.len);
	return true;
}

HOT const uint8_t *walk_attr(struct scan *s, const bool index, const uint8_t *start, const uint8_t *p,
	const uint8_t *end, struct attrs *as)
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
		a->key_id = s->t->keys ? key_table_id(s->t->keys, a->key) : 0;
		a->deleted = false;
		a->edit = 0;
		*(as->last ? &as->last->next : &as->first) = a;
		as->last = a;
		as->n++;
	}
	return p;
}

