/* map.c - open addressing over an ordered array of entries; see map.h.
 *
 * A slot holds the index of an entry plus one, 0 is free. map_del leaves the entry in place without
 * value and forgets its key (it may be freed by then), so the slot stays taken until the next rebuild,
 * which also closes the gaps. The hash is SipHash-1-3 with a seed per map.
 */
#include "lib/base/map.h"

#include <sys/random.h>

static uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0], v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1], v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2], v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	/* the initial words of the SipHash paper; the second key half is derived from the first */
	uint64_t k1 = seed * UINT64_C(0x9E3779B97F4A7C15);
	uint64_t v[4] = { seed ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
		seed ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) };
	const char *at = p;
	uint64_t word, last = (uint64_t)n << 56;
	for (; n >= 8; at += 8, n -= 8) {
		memcpy(&word, at, 8);
		sip_word(v, word);
	}
	word = 0;
	if (n)
		memcpy(&word, at, n);
	sip_word(v, last | word);
	v[2] ^= 0xFF;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
	/* without entropy (early boot) the address still differs from process to process */
	if (getrandom(&m->seed, sizeof(m->seed), GRND_NONBLOCK) != sizeof(m->seed))
		m->seed = (uint64_t)(uintptr_t)m;
}

void map_release(struct map *m)
{
	free(m->entries);
	free(m->slots);
	uint64_t seed = m->seed;
	*m = (struct map){ .seed = seed };
}

/* The slot of the key, or the free slot where it would go. n_slots is not 0. */
static size_t find(const struct map *m, slice key)
{
	size_t mask = m->n_slots - 1;
	for (size_t i = hash_bytes(key.p, key.len, m->seed) & mask;; i = (i + 1) & mask) {
		if (!m->slots[i])
			return i;
		const struct map_entry *e = &m->entries[m->slots[i] - 1];
		if (e->value && slice_eq(e->key, key))
			return i;
	}
}

void *map_get(const struct map *m, slice key)
{
	if (!m->n_slots)
		return NULL;
	uint32_t index = m->slots[find(m, key)];
	return index ? m->entries[index - 1].value : NULL;
}

/* Room for one more: at most half of the slots are taken. */
static void rebuild(struct map *m)
{
	size_t live = 0;
	for (size_t i = 0; i < m->n; i++)
		if (m->entries[i].value)
			m->entries[live++] = m->entries[i];
	m->n = live;
	size_t n_slots = 16;
	while (n_slots < (live + 1) * 4)
		n_slots *= 2;
	if (n_slots > UINT32_MAX)
		abort();
	free(m->slots);
	m->slots = calloc(n_slots, sizeof(*m->slots));
	m->cap = n_slots / 2;
	m->n_slots = n_slots;
	m->entries = realloc(m->entries, m->cap * sizeof(*m->entries));
	if (!m->slots || !m->entries)
		abort();
	for (size_t i = 0; i < live; i++)
		m->slots[find(m, m->entries[i].key)] = (uint32_t)i + 1;
}

void *map_put(struct map *m, slice key, void *value)
{
	if (m->n == m->cap)
		rebuild(m);
	size_t slot = find(m, key);
	if (m->slots[slot]) {
		struct map_entry *e = &m->entries[m->slots[slot] - 1];
		void *was = e->value;
		*e = (struct map_entry){ key, value };
		return was;
	}
	m->entries[m->n++] = (struct map_entry){ key, value };
	m->slots[slot] = (uint32_t)m->n;
	return NULL;
}

void *map_del(struct map *m, slice key)
{
	uint32_t index = m->n_slots ? m->slots[find(m, key)] : 0;
	if (!index)
		return NULL;
	struct map_entry *e = &m->entries[index - 1];
	void *was = e->value;
	*e = (struct map_entry){ 0 };
	return was;
}
