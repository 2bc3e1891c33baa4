/* span_tree.c - see span_tree.h. One block of memory holds all arrays; slots are open addressing with the upper half of the
 * hash in them, so that a span is looked at only when it is most likely the right one.
 *
 * The hash is multilinear over the six 32-bit words of trace and span id with random coefficients: two ids that differ share a slot
 * with the probability of chance, whoever chose them. */
#include "lib/genai/span_tree.h"

#include <stdlib.h>

#include "lib/base/map.h"

enum { TREE_KEPT = 1 << 20, MAX_SPANS = 1 << 30, SLOTS_MIN = 16 };

struct span_slot {
	uint32_t number; /* + 1; 0: free */
	uint32_t hash;
};

void span_tree_init(struct span_tree *tree)
{
	struct map m;
	map_init(&m);
	*tree = (struct span_tree){ 0 };
	for (uint64_t i = 0; i < COUNTOF(tree->seeds); i++)
		tree->seeds[i] = hash_bytes(&i, sizeof i, m.seed);
	map_release(&m);
}

void span_tree_release(struct span_tree *tree)
{
	free(tree->memory);
	tree->memory = NULL;
	tree->size = tree->n = 0;
}

void span_tree_trim(struct span_tree *tree)
{
	if (tree->size > TREE_KEPT)
		span_tree_release(tree);
}

static bool make_room(struct span_tree *tree, size_t n)
{
	size_t n_slots = SLOTS_MIN;
	tree->n = 0;
	if (n > MAX_SPANS)
		return false;
	while (n_slots < 2 * n)
		n_slots *= 2;
	size_t size = n * (sizeof *tree->spans + 3 * sizeof(uint32_t)) + n_slots * sizeof *tree->slots;
	if (size > tree->size) {
		span_tree_release(tree);
		tree->memory = malloc(size);
		if (!tree->memory)
			return false;
		tree->size = size;
	}
	tree->slots = (void *)tree->memory;
	tree->spans = (void *)(tree->slots + n_slots);
	tree->parents = (void *)(tree->spans + n);
	tree->order = tree->parents + n;
	tree->nearest = tree->order + n;
	tree->n_slots = n_slots;
	memset(tree->slots, 0, n_slots * sizeof *tree->slots);
	return true;
}

static uint64_t word(const char *p)
{
	uint32_t w;
	memcpy(&w, p, sizeof w);
	return w;
}

/* Ids are 16 and 8 bytes. */
static uint32_t hash_of(const struct span_tree *tree, slice trace_id, slice span_id)
{
	const uint64_t *seed = tree->seeds;
	uint64_t h = seed[6] + seed[4] * word(span_id.p) + seed[5] * word(span_id.p + 4);
	for (size_t i = 0; i < 4; i++)
		h += seed[i] * word(trace_id.p + 4 * i);
	return (uint32_t)(h >> 32);
}

static bool same_bytes(const char *a, const char *b, size_t n)
{
	uint64_t x, y, differs = 0;
	for (size_t i = 0; i < n; i += sizeof x) {
		memcpy(&x, a + i, sizeof x);
		memcpy(&y, b + i, sizeof y);
		differs |= x ^ y;
	}
	return !differs;
}

/* The slot of that span, or the free one where it would go. */
static inline struct span_slot *slot_of(const struct span_tree *tree, slice trace_id, slice span_id, uint32_t hash)
{
	for (size_t at = hash & (tree->n_slots - 1);; at = (at + 1) & (tree->n_slots - 1)) {
		struct span_slot *slot = &tree->slots[at];
		if (!slot->number)
			return slot;
		if (slot->hash != hash)
			continue;
		const struct span *s = tree->spans[slot->number - 1];
		if (same_bytes(s->span_id.p, span_id.p, 8) && same_bytes(s->trace_id.p, trace_id.p, 16))
			return slot;
	}
}

uint32_t span_tree_find(const struct span_tree *tree, slice trace_id, slice span_id)
{
	if (!tree->n || trace_id.len != 16 || span_id.len != 8)
		return SPAN_UNKNOWN;
	const struct span_slot *slot = slot_of(tree, trace_id, span_id, hash_of(tree, trace_id, span_id));
	return slot->number ? slot->number - 1 : SPAN_UNKNOWN;
}

static void plant(struct span_tree *tree, uint32_t number)
{
	const struct span *s = tree->spans[number];
	uint32_t hash = hash_of(tree, s->trace_id, s->span_id);
	struct span_slot *slot = slot_of(tree, s->trace_id, s->span_id, hash);
	if (!slot->number || (tree->spans[slot->number - 1]->rule && !s->rule))
		*slot = (struct span_slot){ number + 1, hash };
}

static void find_parents(struct span_tree *tree)
{
	static const char zero[8];
	for (uint32_t i = 0; i < tree->n; i++) {
		const struct span *s = tree->spans[i];
		bool is_root = !s->parent_id.len || same_bytes(s->parent_id.p, zero, sizeof zero);
		tree->parents[i] = is_root ? SPAN_NONE : span_tree_find(tree, s->trace_id, s->parent_id);
	}
}

/* Each chain of spans that are not in order yet goes there from its upper end down. `nearest` remembers by which chain. */
static void put_in_order(struct span_tree *tree)
{
	uint32_t n = 0;
	tree->cyclic = false;
	memset(tree->nearest, 0, tree->n * sizeof *tree->nearest);
	for (uint32_t i = 0; i < tree->n; i++) {
		uint32_t first = n, at = i, up = tree->parents[i];
		if (!tree->nearest[i] && (up >= tree->n || tree->nearest[up])) { /* as nearly all */
			tree->nearest[i] = i + 1;
			tree->order[n++] = i;
			continue;
		}
		for (; at < tree->n && !tree->nearest[at]; at = tree->parents[at]) {
			tree->nearest[at] = i + 1;
			tree->order[n++] = at;
		}
		tree->cyclic |= n > first && at < tree->n && tree->nearest[at] == i + 1;
		for (uint32_t last = n; first + 1 < last; first++) {
			up = tree->order[--last];
			tree->order[last] = tree->order[first];
			tree->order[first] = up;
		}
	}
}

int span_tree_build(struct span_tree *tree, const struct traces *t)
{
	size_t n = 0;
	for (uint32_t i = 0; i < t->n_scopes; i++)
		for (const struct span *s = t->scopes[i].first; s; s = s->next)
			n += !s->refused;
	if (!make_room(tree, n))
		return -1;
	for (uint32_t i = 0; i < t->n_scopes; i++) {
		for (struct span *s = t->scopes[i].first; s; s = s->next) {
			if (s->refused)
				continue;
			tree->spans[tree->n++] = s;
			plant(tree, (uint32_t)tree->n - 1);
		}
	}
	find_parents(tree);
	put_in_order(tree);
	return 0;
}

void span_tree_climb(struct span_tree *tree, bool (*is)(const void *ctx, uint32_t number),
        bool (*over)(const void *ctx, uint32_t number), const void *ctx)
{
	for (size_t i = 0; i < tree->n; i++)
		tree->nearest[i] = SPAN_UNKNOWN;
	/* again for what a cycle has above its cut */
	for (unsigned pass = 0; pass <= tree->cyclic; pass++) {
		for (size_t i = 0; i < tree->n; i++) {
			uint32_t number = tree->order[i], up = tree->parents[number];
			if (up < tree->n && !is(ctx, up))
				up = !over || over(ctx, up) ? tree->nearest[up] : SPAN_NONE;
			tree->nearest[number] = up;
		}
	}
}
