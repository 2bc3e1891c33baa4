/* codec_deflate.c - content codings out.
 *
 * gzip and deflate (which is the zlib format, RFC 9110 8.4.1.2) up to level 3 are ISA-L's, which takes the parts as
 * they are and is four times as fast as zlib at about the same ratio; higher levels are libdeflate's, which wants one
 * piece of input, so the parts are joined first. zstd takes parts. Output starts at a third of the input, which
 * traces rarely exceed, and grows by half; its tokens are the caller's pool.
 */
#include <stdlib.h>

#include "lib/net/codec.h"

enum {
	FAST_LEVELS = ISAL_DEF_MAX_LEVEL,
	FAST_BUF = ISAL_DEF_LVL3_DEFAULT, /* the largest of the three */
	DENSE_LEVELS = 12,
	ZSTD_LEVELS = 19, /* above, windows exceed the 8 MiB that receivers must take (RFC 9659) */
	PIECE = 1 << 30, /* ISA-L counts in 32 bits */
	HEADROOM = 1024,
};

static size_t sum(const slice *parts, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += parts[i].len;
	return total;
}

/* Room for at least one more byte at the end. */
static int grow(struct buf **out)
{
	if ((*out)->len < (*out)->cap)
		return 0;
	return buf_reserve(out, (*out)->cap + (*out)->cap / 2 + HEADROOM);
}

static bool have_fast(struct codec *c)
{
	if (!c->fast)
		c->fast = malloc(sizeof(*c->fast));
	if (!c->fast_buf)
		c->fast_buf = malloc(FAST_BUF);
	return c->fast && c->fast_buf;
}

/* Feeds one piece; the last one also ends the stream. */
static int fast_piece(struct isal_zstream *z, slice piece, bool last, struct buf **out)
{
	z->next_in = (uint8_t *)(uintptr_t)piece.p; /* only read */
	z->avail_in = (uint32_t)piece.len;
	z->end_of_stream = last;
	do {
		if (grow(out) != 0)
			return -1;
		size_t room = (*out)->cap - (*out)->len;

		z->next_out = (uint8_t *)(*out)->data + (*out)->len;
		z->avail_out = room < PIECE ? (uint32_t)room : PIECE;
		if (isal_deflate(z) != COMP_OK)
			return -1;
		(*out)->len = (size_t)((char *)z->next_out - (*out)->data);
	} while (z->avail_in > 0 || z->avail_out == 0 || (last && z->internal_state.state != ZSTATE_END));
	return 0;
}

static int fast(struct codec *c, enum coding coding, int level, const slice *parts, size_t n, struct buf **out)
{
	if (!have_fast(c))
		return -1;
	isal_deflate_init(c->fast);
	c->fast->level = (uint32_t)level;
	c->fast->level_buf = c->fast_buf;
	c->fast->level_buf_size = FAST_BUF;
	c->fast->gzip_flag = coding == CODING_GZIP ? IGZIP_GZIP : IGZIP_ZLIB;
	for (size_t i = 0; i < n; i++) {
		slice s = parts[i];

		for (; s.len > PIECE; s.p += PIECE, s.len -= PIECE)
			if (fast_piece(c->fast, (slice){ s.p, PIECE }, false, out) != 0)
				return -1;
		if (fast_piece(c->fast, s, i + 1 == n, out) != 0)
			return -1;
	}
	return n ? 0 : fast_piece(c->fast, (slice){ NULL, 0 }, true, out);
}

static bool have_dense(struct codec *c, int level)
{
	if (c->dense && c->dense_level != level) {
		libdeflate_free_compressor(c->dense);
		c->dense = NULL;
	}
	if (!c->dense)
		c->dense = libdeflate_alloc_compressor(level);
	c->dense_level = level;
	return c->dense;
}

static int dense_one(struct codec *c, enum coding coding, slice in, struct buf **out)
{
	bool gzip = coding == CODING_GZIP;
	size_t bound = gzip ? libdeflate_gzip_compress_bound(c->dense, in.len)
	                    : libdeflate_zlib_compress_bound(c->dense, in.len);

	if (buf_reserve(out, bound) != 0)
		return -1;
	(*out)->len = gzip ? libdeflate_gzip_compress(c->dense, in.p, in.len, (*out)->data, (*out)->cap)
	                   : libdeflate_zlib_compress(c->dense, in.p, in.len, (*out)->data, (*out)->cap);
	return (*out)->len > 0 ? 0 : -1;
}

static int dense(struct codec *c, enum coding coding, int level, const slice *parts, size_t n, struct buf **out)
{
	if (!have_dense(c, level))
		return -1;
	if (n == 1)
		return dense_one(c, coding, parts[0], out);
	struct buf *whole = buf_new((*out)->pool, sum(parts, n));

	if (!whole)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].len > 0)
			memcpy(whole->data + whole->len, parts[i].p, parts[i].len);
		whole->len += parts[i].len;
	}
	int r = dense_one(c, coding, buf_slice(whole), out);

	buf_unref(whole);
	return r;
}

static int zstd_piece(ZSTD_CCtx *z, slice piece, bool last, struct buf **out)
{
	ZSTD_inBuffer in = { piece.p, piece.len, 0 };
	size_t more;

	do {
		if (grow(out) != 0)
			return -1;
		ZSTD_outBuffer o = { (*out)->data, (*out)->cap, (*out)->len };

		more = ZSTD_compressStream2(z, &o, &in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(more))
			return -1;
		(*out)->len = o.pos;
	} while (in.pos < in.size || (last && more > 0));
	return 0;
}

static int zstd(struct codec *c, int level, const slice *parts, size_t n, struct buf **out)
{
	if (!c->zstd_out)
		c->zstd_out = ZSTD_createCCtx();
	if (!c->zstd_out)
		return -1;
	if (ZSTD_isError(ZSTD_CCtx_reset(c->zstd_out, ZSTD_reset_session_and_parameters)) ||
	        ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd_out, ZSTD_c_compressionLevel, level)) ||
	        ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(c->zstd_out, sum(parts, n))))
		return -1;
	for (size_t i = 0; i + 1 < n; i++)
		if (zstd_piece(c->zstd_out, parts[i], false, out) != 0)
			return -1;
	return zstd_piece(c->zstd_out, n ? parts[n - 1] : (slice){ NULL, 0 }, true, out);
}

static int identity(const slice *parts, size_t n, struct buf **out)
{
	if (buf_reserve(out, sum(parts, n)) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].len > 0)
			memcpy((*out)->data + (*out)->len, parts[i].p, parts[i].len);
		(*out)->len += parts[i].len;
	}
	return 0;
}

static int encode(struct codec *c, enum coding coding, int level, const slice *parts, size_t n, struct buf **out)
{
	switch (coding) {
	case CODING_IDENTITY:
		return identity(parts, n, out);
	case CODING_GZIP:
	case CODING_DEFLATE:
		if (level <= FAST_LEVELS)
			return fast(c, coding, level < 1 ? 1 : level, parts, n, out);
		return dense(c, coding, level < DENSE_LEVELS ? level : DENSE_LEVELS, parts, n, out);
	case CODING_ZSTD:
		return zstd(c, level == 0 ? 1 : level < ZSTD_LEVELS ? level : ZSTD_LEVELS, parts, n, out);
	case CODING_UNKNOWN:
		break;
	}
	return -1;
}

int codec_deflate(struct codec *c, enum coding coding, int level, const slice *parts, size_t n, struct pool *pool,
        struct buf **out)
{
	struct buf *b = buf_new(pool, coding == CODING_IDENTITY ? 0 : sum(parts, n) / 3 + HEADROOM);

	if (!b)
		return -1;
	if (encode(c, coding, level, parts, n, &b) != 0) {
		buf_unref(b);
		return -1;
	}
	buf_trim(&b);
	*out = b;
	return 0;
}
