/* otlp_random.h - random trace requests, each in two encodings that mean the same.
 *
 * `plain` is what a simple encoder writes: ascending fields, minimal lengths, every message whole. `odd` is what
 * protobuf also allows: fields in any order, groups, overridden scalars, singular messages split over several
 * fields, padded tags and lengths. Both carry the same unknown fields; groups are in `odd` only, as protobuf-c
 * cannot read them. Everything comes from a seed.
 */
#pragma once
#include "lib/base/arena.h"

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
/* 0 .. n-1; n must not be 0. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* True once in n. */
bool rng_one_in(struct rng *r, uint32_t n);

struct twin {
	slice plain, odd;
};

enum { RANDOM_VALID = 0, RANDOM_BAD_IDS = 1, RANDOM_DEEP = 2 };

/* A request of a few spans; `flags` allow spans that are invalid alone. In the arena. */
struct twin random_request(struct rng *r, struct arena *a, unsigned flags);
/* A damaged copy of `s`, with some bits, bytes or ranges changed, and `slack` zeroed bytes behind. */
slice random_damage(struct rng *r, struct arena *a, slice s, size_t slack);
/* A copy with `slack` zeroed bytes behind. */
slice random_copy(struct arena *a, slice s, size_t slack);
/* Short text, ASCII or not, never with a NUL; keys come from a small set so that they meet. */
slice random_text(struct rng *r, struct arena *a);
slice random_key(struct rng *r);
