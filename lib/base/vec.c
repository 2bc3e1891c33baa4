/* vec.c - doubling of plain arrays; see vec.h.
 *
 * Aborts when memory is out or the size overflows: the number of elements is bounded by the caller.
 */
#include "lib/base/vec.h"

void *vec_grow(void *v, size_t *cap, size_t n, size_t size)
{
	if (n < *cap)
		return v;
	size_t want = *cap ? *cap * 2 : 8, total;
	want = want <= n ? n + 1 : want;
	if (__builtin_mul_overflow(want, size, &total))
		abort();
	v = realloc(v, total);
	if (!v)
		abort();
	*cap = want;
	return v;
}
