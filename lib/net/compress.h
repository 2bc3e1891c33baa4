/* compress.h - content codings in and out, with absolute limits (RFC 9110 8.4; reliability.md 71, 72).
 *
 * Input: gzip and zstd (up to 64 members or frames; zstd window at most 2^23), deflate (zlib and raw), identity. Output
 * grows in the byte pool in steps as it is produced, never above `max_out`; there is no ratio check.
 */
#pragma once
#include "lib/base/buf.h"
#include "lib/base/err.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_DEFLATE, CODING_ZSTD, CODING_UNKNOWN };
enum inflate_result { INFLATE_OK = 0, INFLATE_BAD = -1, INFLATE_MEMORY = -2, INFLATE_TOO_LARGE = -3 };

/* By Content-Encoding value: case-insensitive, "" and "identity" are IDENTITY, "x-gzip" is GZIP, "zlib" is DEFLATE;
 * lists ("gzip, gzip") are UNKNOWN. */
enum coding coding_parse(slice name);
const char *coding_name(enum coding c);

/* Keeps the libraries' states, made at first use (no windows: whole buffers in and out); one per thread. */
struct codec;
struct codec *codec_new(void);
void codec_free(struct codec *c);

/* On INFLATE_OK *out is a new buf (caller owns). INFLATE_BAD (with e): damaged, truncated, trailing junk. */
int codec_inflate(struct codec *c, enum coding coding, slice in, size_t max_out, struct pool *pool, struct buf **out,
        struct err *e) MUST_USE;
/* level 0 is the coding's default (gzip, deflate 1; zstd 1). 0 or -1 (pool, memory). Input is the `parts` in a row. */
int codec_deflate(struct codec *c, enum coding coding, int level, const slice *parts, size_t n, struct pool *pool,
        struct buf **out) MUST_USE;
