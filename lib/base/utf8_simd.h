/* utf8_simd.h - the AVX2 gear of utf8_valid; only utf8.c and its test use it. */
#pragma once
#include "lib/base/base.h"

/* Whether this CPU can run utf8_valid_simd. */
bool utf8_has_simd(void);
/* The same answer as utf8_valid; call only when utf8_has_simd(). */
bool utf8_valid_simd(const char *p, size_t n);
