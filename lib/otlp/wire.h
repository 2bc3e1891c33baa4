/* wire.h - protobuf primitives: tags, varints, lengths, skipping, writing.
 *
 * Readers take the position and the end of the enclosing message and return the position behind what they read,
 * or NULL when that would be malformed; they never read past `end`. Stricter than some parsers: a varint has at
 * most 10 bytes and 64 bits, a tag or a length at most 5 bytes and 32 bits, field number 0 does not exist, groups
 * nest at most WIRE_GROUP_DEPTH deep and must balance. Longer than minimal encodings are accepted.
 * Writers assume room; the *_size functions say how much.
 */
#pragma once
#include "lib/base/base.h"

enum wire_type { WIRE_VARINT, WIRE_64, WIRE_LEN, WIRE_GROUP, WIRE_END_GROUP, WIRE_32 };
enum { WIRE_GROUP_DEPTH = 64 };

#define TAG(field, type) ((uint32_t)(field) << 3 | (type))

/* The general cases of the inline readers below. */
const uint8_t *wire_varint_long(const uint8_t *p, const uint8_t *end, uint64_t *v);
const uint8_t *wire_u32_long(const uint8_t *p, const uint8_t *end, uint32_t *v);
/* Skips the value of a field of any wire type, groups included. */
const uint8_t *wire_skip(const uint8_t *p, const uint8_t *end, uint32_t tag);

static inline const uint8_t *wire_varint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	if (LIKELY(p < end && *p < 0x80)) {
		*v = *p;
		return p + 1;
	}
	return wire_varint_long(p, end, v);
}

static inline const uint8_t *wire_u32(const uint8_t *p, const uint8_t *end, uint32_t *v)
{
	if (LIKELY(p < end && *p < 0x80)) {
		*v = *p;
		return p + 1;
	}
	if (LIKELY(end - p >= 2 && p[1] < 0x80)) {
		*v = (uint32_t)((p[0] & 0x7f) | p[1] << 7);
		return p + 2;
	}
	return wire_u32_long(p, end, v);
}

/* A tag whose field number is not 0. */
static inline const uint8_t *wire_tag(const uint8_t *p, const uint8_t *end, uint32_t *tag)
{
	p = wire_u32(p, end, tag);
	return p && *tag >= 8 ? p : NULL;
}

/* A length whose bytes are all there: they are [return value, return value + n). */
static inline const uint8_t *wire_len(const uint8_t *p, const uint8_t *end, uint32_t *n)
{
	p = wire_u32(p, end, n);
	return p && *n <= (size_t)(end - p) ? p : NULL;
}

static inline uint64_t wire_fix64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline uint32_t wire_fix32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

static inline const uint8_t *wire_start(slice s)
{
	return (const uint8_t *)s.p;
}

static inline const uint8_t *wire_end(slice s)
{
	return s.len ? (const uint8_t *)s.p + s.len : (const uint8_t *)s.p;
}

static inline slice wire_slice(const uint8_t *p, size_t n)
{
	return (slice){ (const char *)p, n };
}

/* One field of a message: its tag, all its bytes, and for WIRE_LEN what is inside. For walks where speed does
 * not matter: while (at.len && wire_next(&at, &f)). */
struct wire_field {
	uint32_t tag;
	slice raw, content;
};
/* False when malformed. *at shrinks by the field. */
bool wire_next(slice *at, struct wire_field *f);

static inline size_t wire_varint_size(uint64_t v)
{
	return (size_t)(70 - __builtin_clzll(v | 1)) / 7;
}

/* Tag, length and `n` bytes. */
static inline size_t wire_field_size(uint32_t tag, size_t n)
{
	return wire_varint_size(tag) + wire_varint_size(n) + n;
}

static inline char *wire_put_varint(char *o, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*o++ = (char)(v | 0x80);
	*o++ = (char)v;
	return o;
}

static inline char *wire_put_fix64(char *o, uint64_t v)
{
	v = wire_fix64((const uint8_t *)&v);
	memcpy(o, &v, sizeof(v));
	return o + sizeof(v);
}

static inline char *wire_put_bytes(char *o, slice s)
{
	if (s.len)
		memcpy(o, s.p, s.len);
	return o + s.len;
}

/* Tag, length, bytes. */
static inline char *wire_put_field(char *o, uint32_t tag, slice s)
{
	return wire_put_bytes(wire_put_varint(wire_put_varint(o, tag), s.len), s);
}
