/* vec.h - growth of plain arrays: struct { T *v; size_t n, cap; } with VEC_PUSH.
 *
 * Doubling, aborts when memory is out: for counts the program bounds before it pushes. */
#pragma once
#include "lib/base/base.h"

/* Returns `v` with room for at least n + 1 elements of `size` bytes and updates *cap. */
void *vec_grow(void *v, size_t *cap, size_t n, size_t size) MUST_USE;

#define VEC(T)                 \
	struct {               \
		T *v;          \
		size_t n, cap; \
	}
/* Appends one zeroed element and yields its address. */
#define VEC_ADD(x)                                                                                                   \
	((x)->v = vec_grow((x)->v, &(x)->cap, (x)->n, sizeof(*(x)->v)), memset(&(x)->v[(x)->n], 0, sizeof(*(x)->v)), \
	        &(x)->v[(x)->n++])
#define VEC_RELEASE(x) (free((x)->v), (x)->v = NULL, (x)->n = (x)->cap = 0)
