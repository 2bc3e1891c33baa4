/* utf8.h - validation and repair of UTF-8 (RFC 3629: no surrogates, no overlong, at most U+10FFFF). */
#pragma once
#include "lib/base/base.h"

/* True when all of `s` is well-formed. ASCII runs are skipped 16 bytes at a time. */
bool utf8_valid(slice s);
/* Writes `s` to `out` with one U+FFFD for each maximal bad subsequence (Unicode 3.9, W3C practice).
 * `out` needs 3 * s.len bytes. Returns the length; *n_bad (may be NULL) counts replacements. */
size_t utf8_repair(slice s, char *out, size_t *n_bad);
/* The largest n <= max such that s[0..n) does not cut a character. */
size_t utf8_cut(slice s, size_t max);
/* The length of the first character of `s` (not empty), *ok true; or of its maximal bad subsequence, *ok false. */
size_t utf8_step(slice s, bool *ok);
/* Encodes cp into out (at most 4 bytes), returns the count. */
size_t utf8_put(uint32_t cp, char out[4]);
