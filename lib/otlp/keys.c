/* keys.c - a perfect hash by displacement; see keys.h.
 *
 * The low bits of a 64-bit hash choose a bucket, the bucket's displacement is added to the middle bits to choose
 * a slot, and displacements were searched until no two names share one. A slot holds 32 bits of the hash, so
 * an unknown key costs one hash and, but for one in four billion, no compare. Immutable once built.
 */
#include "lib/otlp/keys.h"

struct slot {
	uint32_t mark; /* high half of the hash */
	uint16_t id; /* 0: empty */
};

struct key_table {
	const slice *names;
	uint64_t seed;
	uint32_t bucket_mask, slot_mask;
	uint16_t *shift; /* by bucket */
	struct slot *slots;
};

static uint64_t load8(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load_short(const char *p, size_t n)
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

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* All bytes count. Lengths from 8 to 32, which is nearly all keys, take one path without branches: four loads that
 * overlap. */
static uint64_t hash(slice s, uint64_t seed)
{
	static const uint64_t k0 = 0x9E3779B97F4A7C15, k1 = 0xC2B2AE3D27D4EB4F, k2 = 0x165667B19E3779F9;
	const char *p = s.p;
	size_t n = s.len;
	uint64_t h = seed ^ n * k2;
	if (UNLIKELY(n < 8))
		return mix(load_short(p, n) ^ k0, h ^ k1);
	for (; UNLIKELY(n > 32); n -= 16, p += 16)
		h = mix(load8(p) ^ k0, load8(p + 8) ^ h);
	const char *last = p + n - 8;
	size_t second = n > 16 ? 8 : 0;
	return mix(load8(p) ^ k0, load8(last) ^ h) ^ mix(load8(p + second) ^ k1, load8(last - second) ^ h ^ k2);
}

static struct slot *slot_of(const struct key_table *t, uint64_t h)
{
	uint32_t bucket = (uint32_t)h & t->bucket_mask;
	return &t->slots[((uint32_t)(h >> 16) + t->shift[bucket]) & t->slot_mask];
}

/* Puts the names of one bucket into slots; undoes it when one is taken. */
static bool fits(struct key_table *t, const uint64_t *hashes, const uint32_t *members, size_t n)
{
	size_t i = 0;
	for (; i < n; i++) {
		struct slot *s = slot_of(t, hashes[members[i]]);
		if (s->id)
			break;
		*s = (struct slot){ (uint32_t)(hashes[members[i]] >> 32), (uint16_t)(members[i] + 1) };
	}
	if (i == n)
		return true;
	while (i--)
		slot_of(t, hashes[members[i]])->id = 0;
	return false;
}

static bool place(struct key_table *t, const uint64_t *hashes, const uint32_t *members, size_t n, uint32_t bucket)
{
	for (uint32_t shift = 0; shift <= t->slot_mask && shift <= UINT16_MAX; shift++) {
		t->shift[bucket] = (uint16_t)shift;
		if (fits(t, hashes, members, n))
			return true;
	}
	return false;
}

struct plan { /* scratch of the build */
	uint64_t *hashes; /* by name */
	uint32_t *members; /* names, by bucket */
	uint32_t *first; /* by bucket: in members; one more at the end */
};

static void sort_by_bucket(const struct key_table *t, size_t n, struct plan *plan)
{
	uint32_t *end = plan->first + 1; /* while filling: where the bucket ends so far */
	memset(plan->first, 0, (t->bucket_mask + 2) * sizeof(*plan->first));
	for (size_t i = 0; i < n; i++) {
		plan->hashes[i] = hash(t->names[i], t->seed);
		uint32_t b = (uint32_t)plan->hashes[i] & t->bucket_mask;
		if (b < t->bucket_mask)
			end[b + 1]++;
	}
	for (uint32_t b = 1; b <= t->bucket_mask; b++)
		end[b] += end[b - 1];
	for (size_t i = 0; i < n; i++)
		plan->members[end[plan->hashes[i] & t->bucket_mask]++] = (uint32_t)i;
}

/* Largest buckets first, as those are the hard ones. False: try another seed. */
static bool build(struct key_table *t, size_t n, struct plan *plan)
{
	memset(t->slots, 0, (t->slot_mask + 1) * sizeof(*t->slots));
	memset(t->shift, 0, (t->bucket_mask + 1) * sizeof(*t->shift));
	sort_by_bucket(t, n, plan);
	uint32_t largest = 0;
	for (uint32_t b = 0; b <= t->bucket_mask; b++) {
		uint32_t size = plan->first[b + 1] - plan->first[b];
		largest = size > largest ? size : largest;
	}
	for (uint32_t size = largest; size; size--) {
		for (uint32_t b = 0; b <= t->bucket_mask; b++) {
			uint32_t first = plan->first[b];
			if (plan->first[b + 1] - first == size &&
			        !place(t, plan->hashes, plan->members + first, size, b))
				return false;
		}
	}
	return true;
}

static void *grab(size_t n, size_t size)
{
	void *p = calloc(n, size);
	if (!p)
		abort();
	return p;
}

struct key_table *key_table_new(const slice *names, size_t n)
{
	struct key_table *t = grab(1, sizeof(*t));
	uint32_t slots = 16, buckets = 4;
	while (slots < n * 2)
		slots *= 2;
	while (buckets < n / 2)
		buckets *= 2;
	t->names = names;
	t->slot_mask = slots - 1;
	t->bucket_mask = buckets - 1;
	t->slots = grab(slots, sizeof(*t->slots));
	t->shift = grab(buckets, sizeof(*t->shift));
	struct plan plan = { grab(n + 1, 8), grab(n + 1, 4), grab(buckets + 1, 4) };
	while (!build(t, n, &plan))
		t->seed += 0x9E3779B97F4A7C15;
	free(plan.hashes);
	free(plan.members);
	free(plan.first);
	return t;
}

void key_table_free(struct key_table *t)
{
	if (!t)
		return;
	free(t->slots);
	free(t->shift);
	free(t);
}

uint16_t key_table_id(const struct key_table *t, slice key)
{
	uint64_t h = hash(key, t->seed);
	const struct slot *s = slot_of(t, h);
	if (s->mark != (uint32_t)(h >> 32) || !s->id)
		return 0;
	return slice_eq(t->names[s->id - 1], key) ? s->id : 0;
}

slice key_table_name(const struct key_table *t, uint16_t id)
{
	return id ? t->names[id - 1] : (slice){ 0 };
}
