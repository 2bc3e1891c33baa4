/* keys.c - building a perfect hash by displacement; see keys.h.
 *
 * The low bits of a 64-bit hash choose a bucket, the bucket's displacement is added to the middle bits to choose
 * a slot, and displacements are searched until no two names share one. Immutable once built.
 */
#include "lib/otlp/keys.h"

/* Puts the names of one bucket into slots; undoes it when one is taken. */
static bool fits(struct key_table *t, const uint64_t *hashes, const uint32_t *members, size_t n)
{
	size_t i = 0;
	for (; i < n; i++) {
		struct key_slot *s = key_slot_of(t, hashes[members[i]]);
		if (s->id)
			break;
		*s = (struct key_slot){ (uint32_t)(hashes[members[i]] >> 32), (uint16_t)(members[i] + 1) };
	}
	if (i == n)
		return true;
	while (i--)
		key_slot_of(t, hashes[members[i]])->id = 0;
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
		plan->hashes[i] = key_hash(t->names[i], t->seed);
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
	for (size_t i = 0; i < n; i++)
		if (names[i].len)
			t->lengths[(unsigned char)names[i].p[0]] |= key_length_bit(names[i].len);
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
