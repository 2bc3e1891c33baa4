/* map.h - byte-string keys to pointers, insertion order kept for walking.
 *
 * Open addressing, grows, keys are borrowed slices (they must outlive the map). Seeded hash, so that
 * names from outside cannot choose their bucket. Not thread-safe. */
#pragma once
#include "lib/base/base.h"

struct map_entry {
	slice key;
	void *value; /* NULL after map_del */
};

struct map {
	struct map_entry *entries; /* in order of insertion; walk 0..n and skip value NULL */
	size_t n, cap;
	uint32_t *slots;
	size_t n_slots;
	uint64_t seed;
};

void map_init(struct map *m);
void map_release(struct map *m);
void *map_get(const struct map *m, slice key); /* NULL when absent */
/* Adds or replaces; returns the previous value or NULL. `value` must not be NULL. */
void *map_put(struct map *m, slice key, void *value);
void *map_del(struct map *m, slice key); /* returns what was there or NULL */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
