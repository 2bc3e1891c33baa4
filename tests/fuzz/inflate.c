/* inflate.c - content codings under hostile input. First byte: coding and limit. Output never exceeds the limit, the
 * pool gets all back, more room gives the same bytes, zlib agrees on gzip, and deflate then inflate changes nothing.
 */
#include <stdlib.h>
#include <zlib.h>

#include "lib/net/compress.h"

enum { ROOM = 1 << 20 };
#define CHECK(x) ((x) ? (void)0 : abort())
static void agrees_with_zlib(slice in, slice got)
{
	static Bytef out[ROOM + 1];
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.len };
	uInt made = 0;

	for (int r = Z_STREAM_END; z.avail_in > 0 && r == Z_STREAM_END; inflateEnd(&z)) {
		CHECK(inflateInit2(&z, 31) == Z_OK);
		z.next_out = out + made;
		z.avail_out = ROOM + 1 - made;
		r = inflate(&z, Z_FINISH);
		made += (uInt)z.total_out;
		if (r != Z_STREAM_END)
			z.avail_in = 0, made = (uInt)got.len + 1;
	}
	CHECK(made == got.len + 1 || (made == got.len && (made == 0 || memcmp(out, got.p, made) == 0)));
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned first = size > 0 ? data[0] : 0;
	enum coding coding = first % CODING_UNKNOWN;
	slice in = { (const char *)data + (size > 0), size - (size > 0) };
	size_t limit = (size_t)(first >> 2) * 64;
	struct codec *c = codec_new();
	struct pool pool;
	struct err e = { .text = "" };
	struct buf *small = NULL, *large = NULL, *coded = NULL;

	pool_init(&pool, 3 * ROOM);
	int r = codec_inflate(c, coding, in, limit, &pool, &small, &e);
	int full = codec_inflate(c, coding, in, ROOM, &pool, &large, &e);

	CHECK(r != INFLATE_OK ||
	        (small->len <= limit && full == INFLATE_OK && slice_eq(buf_slice(small), buf_slice(large))));
	CHECK(r != INFLATE_TOO_LARGE || full != INFLATE_OK || large->len > limit);
	if (full == INFLATE_OK && coding == CODING_GZIP)
		agrees_with_zlib(in, buf_slice(large));
	buf_unref(small), buf_unref(full == INFLATE_OK ? large : NULL);
	CHECK(codec_deflate(c, coding, (int)first % 6, &in, 1, &pool, &coded) == 0);
	CHECK(codec_inflate(c, coding, buf_slice(coded), in.len, &pool, &large, &e) == INFLATE_OK);
	CHECK(slice_eq(in, buf_slice(large)));
	buf_unref(coded), buf_unref(large);
	CHECK(pool_used(&pool) == 0);
	codec_free(c);
	return 0;
}
