/* arena.h - memory that dies together: one request, one config.
 *
 * A chain of chunks, allocation is a bump, release is one walk. Nothing is freed alone.
 * arena_alloc aborts when malloc fails: use it for sizes the program decides. Sizes that come from
 * the network go through arena_try.
 */
#pragma once
#include "lib/base/base.h"

struct arena_chunk;
struct arena {
	char *at, *end;
	struct arena_chunk *chunks; /* newest first */
	size_t used; /* bytes handed out since init or reset */
};

void arena_init(struct arena *a);
/* The first `n` bytes come from `space`, aligned to 16, which must live as long as the arena and is not freed: what is small
 * needs no memory. */
void arena_init_with(struct arena *a, void *space, size_t n);
/* Frees all chunks; the arena may be used again. */
void arena_release(struct arena *a);
/* Forgets all content but keeps the largest chunk for the next use, if it is at most `keep` bytes. */
void arena_reset(struct arena *a, size_t keep);

/* Aligned to 16, not zeroed. Never NULL. */
void *arena_alloc(struct arena *a, size_t n) MUST_USE;
/* Zeroed. Never NULL. */
void *arena_zalloc(struct arena *a, size_t n) MUST_USE;
/* Aligned to 16, not zeroed; NULL when memory is out. */
void *arena_try(struct arena *a, size_t n) MUST_USE;
/* Copies with a NUL after the end (not counted). */
slice arena_dup(struct arena *a, slice s);
char *arena_cstr(struct arena *a, slice s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
