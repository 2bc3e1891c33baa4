/* parse.h - text to numbers, times, sizes, ids; strict: the whole text or nothing.
 *
 * All return 0, or -1 when the text is not exactly of the form; *out is then unchanged. */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/base.h"

int parse_u64(slice s, uint64_t *out) MUST_USE; /* decimal digits */
int parse_i64(slice s, int64_t *out) MUST_USE; /* optional '-' or '+' */
int parse_f64(slice s, double *out) MUST_USE; /* finite decimal or exponent form, "C" locale */
int parse_bool(slice s, bool *out) MUST_USE; /* true | false */
/* Go's time.ParseDuration: "200ms", "1m30s", "1.5h", "-2s", "0"; units ns us µs ms s m h. */
int parse_duration(slice s, duration *out) MUST_USE;
/* "1048576", "64KiB", "20MiB", "1 GiB", "500MB" (decimal units are powers of 1000). */
int parse_bytes(slice s, bytes *out) MUST_USE;
/* Exactly 2 * n hex digits, any case. */
int parse_hex(slice s, void *out, size_t n) MUST_USE;
/* Standard or URL alphabet, padding optional; the decoded bytes are in `a`. */
int parse_base64(slice s, struct arena *a, slice *out) MUST_USE;
/* The three date forms of RFC 9110 5.6.7; seconds since 1970. */
int parse_http_date(slice s, int64_t *unix_s) MUST_USE;

/* out needs 2 * n + 1 bytes. */
void format_hex(const void *p, size_t n, char *out);
/* As Go prints: "1m30s", "200ms", "0s". out needs 32 bytes. */
void format_duration(duration d, char out[32]);
/* Padded standard alphabet. */
char *format_base64(struct arena *a, slice s);
