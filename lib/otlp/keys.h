/* keys.h - ids of well-known attribute names, by a perfect hash built once from a list.
 *
 * The scan looks every key up, so a lookup is inline, one hash and one compare. The low bits of the hash choose a
 * bucket, the bucket's shift is added to the middle bits to choose a slot. A slot holds 32 bits of the hash, so an
 * unknown key costs, but for one in four billion, no compare. The table is an argument: lib/otlp does not know
 * lib/genai. Ids are the list's indexes plus one; 0 means "not well known".
 */
#pragma once
#include "lib/base/base.h"

struct key_slot {
	uint32_t mark; /* high half of the hash */
	uint16_t id; /* 0: empty */
};

/* Immutable, shared by all threads. The members are for keys.c and for the lookup below. */
struct key_table {
	const slice *names;
	uint64_t seed;
	uint32_t bucket_mask, slot_mask;
	uint16_t *shift; /* by bucket */
	struct key_slot *slots;
	uint32_t lengths[UINT8_MAX + 1]; /* by first byte: bit of each length that names have; 31: that or more */
};

/* `names` are borrowed and must be distinct and not empty, at most 65534. Never NULL. */
struct key_table *key_table_new(const slice *names, size_t n) MUST_USE;
void key_table_free(struct key_table *t);

static inline uint64_t key_load8(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t key_load_short(const char *p, size_t n)
{
	if (n >= 4) {
		uint32_t a, b;
		memcpy(&a, p, sizeof(a));
		memcpy(&b, p + n - 4, sizeof(b));
		return (uint64_t)a << 32 | b;
	}
	if (n == 0)
		return 0;
	return (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1];
}

static inline uint64_t key_mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* All bytes count. Lengths from 8 to 32, which is nearly all keys, take one path without branches: four loads that
 * overlap. */
static inline uint64_t key_hash(slice s, uint64_t seed)
{
	static const uint64_t k0 = 0x9E3779B97F4A7C15, k1 = 0xC2B2AE3D27D4EB4F, k2 = 0x165667B19E3779F9;
	const char *p = s.p;
	size_t n = s.len;
	uint64_t h = seed ^ n * k2;
	if (UNLIKELY(n < 8))
		return key_mix(key_load_short(p, n) ^ k0, h ^ k1);
	for (; UNLIKELY(n > 32); n -= 16, p += 16)
		h = key_mix(key_load8(p) ^ k0, key_load8(p + 8) ^ h);
	const char *last = p + n - 8;
	size_t second = n > 16 ? 8 : 0;
	return key_mix(key_load8(p) ^ k0, key_load8(last) ^ h) ^
	        key_mix(key_load8(p + second) ^ k1, key_load8(last - second) ^ h ^ k2);
}

static inline struct key_slot *key_slot_of(const struct key_table *t, uint64_t h)
{
	uint32_t bucket = (uint32_t)h & t->bucket_mask;
	return &t->slots[((uint32_t)(h >> 16) + t->shift[bucket]) & t->slot_mask];
}

/* Whether two names of one length are equal: the same four loads. */
static inline bool key_same(const char *a, const char *b, size_t n)
{
	if (UNLIKELY(n < 8 || n > 32))
		return n == 0 || memcmp(a, b, n) == 0;
	size_t second = n > 16 ? 8 : 0, last = n - 8, third = last - second;
	return ((key_load8(a) ^ key_load8(b)) | (key_load8(a + second) ^ key_load8(b + second)) |
	               (key_load8(a + third) ^ key_load8(b + third)) | (key_load8(a + last) ^ key_load8(b + last))) ==
	        0;
}

/* Whether the name of `id`, which is not 0, is `key`. */
static inline bool key_table_is(const struct key_table *t, uint16_t id, slice key)
{
	const slice *name = &t->names[id - 1];
	return name->len == key.len && key_same(name->p, key.p, key.len);
}

static inline uint32_t key_length_bit(size_t len)
{
	return UINT32_C(1) << (len < 31 ? len : 31);
}

/* Most keys that are in no list are told by first byte and length. */
static inline uint16_t key_table_id(const struct key_table *t, slice key)
{
	if (!key.len || !(t->lengths[(unsigned char)key.p[0]] & key_length_bit(key.len)))
		return 0;
	uint64_t h = key_hash(key, t->seed);
	const struct key_slot *s = key_slot_of(t, h);
	if (s->mark != (uint32_t)(h >> 32) || !s->id)
		return 0;
	return key_table_is(t, s->id, key) ? s->id : 0;
}

static inline slice key_table_name(const struct key_table *t, uint16_t id)
{
	return id ? t->names[id - 1] : (slice){ 0 };
}
