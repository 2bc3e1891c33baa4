/* arena.c - chained chunks with a bump pointer; see arena.h.
 *
 * Chunks double from 4 KiB to 256 KiB; a larger wish gets a chunk of its own size. The newest chunk
 * is the one that is bumped: what an older one had left is given up, which costs at most half.
 */
#include "lib/base/arena.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_CHUNK = 4096, LARGEST_CHUNK = 256 * 1024, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of the data that follows */
};
_Static_assert(sizeof(struct arena_chunk) % ALIGN == 0, "data after the header must stay aligned");

static char *chunk_data(struct arena_chunk *c)
{
	return (char *)(c + 1);
}

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_init_with(struct arena *a, void *space, size_t n)
{
	*a = (struct arena){ .at = space, .end = (char *)space + n };
}

void arena_release(struct arena *a)
{
	for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(a);
}

void arena_reset(struct arena *a, size_t keep)
{
	struct arena_chunk *best = NULL;
	for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		if (c->size <= keep && (!best || c->size > best->size)) {
			free(best);
			best = c;
		} else {
			free(c);
		}
	}
	arena_init(a);
	if (best) {
		best->next = NULL;
		a->chunks = best;
		a->at = chunk_data(best);
		a->end = a->at + best->size;
	}
}

static bool add_chunk(struct arena *a, size_t n)
{
	size_t size = FIRST_CHUNK;
	if (a->chunks) {
		size = a->chunks->size * 2;
		size = size > LARGEST_CHUNK ? LARGEST_CHUNK : size;
	}
	size = size < n ? n : size;
	struct arena_chunk *c = malloc(sizeof(*c) + size);
	if (!c)
		return false;
	*c = (struct arena_chunk){ a->chunks, size };
	a->chunks = c;
	a->at = chunk_data(c);
	a->end = a->at + size;
	return true;
}

void *arena_try(struct arena *a, size_t n)
{
	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	n = n ? n : ALIGN;
	if ((size_t)(a->end - a->at) < n && !add_chunk(a, n))
		return NULL;
	void *p = a->at;
	a->at += n;
	a->used += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = arena_try(a, n);
	if (!p)
		abort();
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

char *arena_cstr(struct arena *a, slice s)
{
	char *p = arena_alloc(a, s.len + 1);
	if (s.len)
		memcpy(p, s.p, s.len);
	p[s.len] = 0;
	return p;
}

slice arena_dup(struct arena *a, slice s)
{
	return (slice){ arena_cstr(a, s), s.len };
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char small[256];
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	char *p = arena_alloc(a, (size_t)n + 1);
	if ((size_t)n < sizeof(small))
		memcpy(p, small, (size_t)n + 1);
	else
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}
