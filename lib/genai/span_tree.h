/* span_tree.h - who is whose parent among the spans of one request, however they are ordered.
 *
 * Every span that is not refused has a number, in wire order, filtered and added ones included. A parent is found by trace
 * and span id; of spans with the same ids a kept one counts, else the first. Building is linear in the spans (the hash is
 * seeded and universal, so that ids cannot be chosen to collide), and so is whatever goes over `order`, in which parents come
 * before their children. A cycle of parents is cut at one link: there, and only there, a span comes before its parent. The
 * tree is as of the time it was built; it belongs to one worker, borrows the request, and its memory is reused.
 */
#pragma once
#include "lib/otlp/traces.h"

enum { SPAN_NONE = INT32_MAX - 1 /* a root */, SPAN_UNKNOWN = INT32_MAX /* not in this request */ };

struct span_tree {
	uint64_t seeds[7];
	size_t n; /* spans */
	struct span **spans; /* by number */
	uint32_t *parents; /* by number: the parent's number, SPAN_NONE or SPAN_UNKNOWN */
	uint32_t *order; /* all numbers, parents first */
	uint32_t *nearest; /* by number: what span_tree_climb found */
	bool cyclic;
	struct span_slot *slots; /* lib/genai/span_tree.c only, as all below */
	size_t n_slots;
	char *memory; /* of all arrays */
	size_t size;
};

void span_tree_init(struct span_tree *tree);
void span_tree_release(struct span_tree *tree);
/* 0, or -1 when memory is out (or spans are more than 2^30): then n is 0. */
int span_tree_build(struct span_tree *tree, const struct traces *t) MUST_USE;
/* To be called when a request is done: gives memory back that only a large one needs. */
void span_tree_trim(struct span_tree *tree);
/* The number of that span, or SPAN_UNKNOWN. */
uint32_t span_tree_find(const struct span_tree *tree, slice trace_id, slice span_id);
/* Sets `nearest` of every span to its nearest ancestor for which `is`; ancestors that are not are climbed over when `over`
 * says so (NULL: always), else the result is SPAN_NONE. SPAN_NONE also where the climb ends at a root, SPAN_UNKNOWN where it
 * leads out of the request or around in a cycle. Linear. */
void span_tree_climb(struct span_tree *tree, bool (*is)(const void *ctx, uint32_t number),
        bool (*over)(const void *ctx, uint32_t number), const void *ctx);
