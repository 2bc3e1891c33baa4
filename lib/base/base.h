/* base.h - the few words every file of weir speaks.
 *
 * A slice is a view: pointer and length, never owned, never NUL-terminated by promise. Text and
 * wire bytes are both slices. `duration` and `bytes` are one-member structs so that a count, a
 * time and a size cannot be mixed up. This header depends on nothing of the project.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/banned.h"

typedef struct slice {
	const char *p;
	size_t len;
} slice;

typedef struct duration {
	int64_t ns;
} duration;

typedef struct bytes {
	uint64_t n;
} bytes;

#define COUNTOF(a) (sizeof(a) / sizeof(*(a)))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define MUST_USE __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* A slice of a string literal: SLICE("abc"). */
#define SLICE(lit) ((slice){ "" lit, sizeof(lit) - 1 })
/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).len, (s).p

static inline slice slice_of(const char *s)
{
	return (slice){ s, s ? strlen(s) : 0 };
}

static inline bool slice_eq(slice a, slice b)
{
	return a.len == b.len && (a.len == 0 || a.p == b.p || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool slice_is(slice a, const char *s)
{
	return slice_eq(a, slice_of(s));
}

/* ASCII case-insensitive equality (HTTP names and tokens; RFC 9110 5.1). */
bool slice_ieq(slice a, slice b);

bool slice_starts(slice a, slice prefix);

/* `s` without leading and trailing spaces, tabs, CR and LF. */
slice slice_trim(slice s);

/* Edit distance (insert, delete, replace, swap of neighbours), stopping at `limit` + 1.
 * Serves "did you mean"; names longer than 64 bytes are never near. */
unsigned slice_distance(slice a, slice b, unsigned limit);
