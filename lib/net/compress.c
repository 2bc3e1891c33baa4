/* compress.c - names of the codings and the life of a codec; the work is in codec_inflate.c and codec_deflate.c. */
#include "lib/net/compress.h"

#include <stdlib.h>

#include "lib/net/codec.h"

static const struct {
	const char *name;
	enum coding coding;
} codings[] = {
	{ "identity", CODING_IDENTITY },
	{ "gzip", CODING_GZIP },
	{ "deflate", CODING_DEFLATE },
	{ "zstd", CODING_ZSTD },
	{ "x-gzip", CODING_GZIP },
	{ "zlib", CODING_DEFLATE },
};

enum coding coding_parse(slice name)
{
	name = slice_trim(name);
	if (name.len == 0)
		return CODING_IDENTITY;
	for (size_t i = 0; i < COUNTOF(codings); i++)
		if (slice_ieq(name, slice_of(codings[i].name)))
			return codings[i].coding;
	return CODING_UNKNOWN;
}

const char *coding_name(enum coding c)
{
	for (size_t i = 0; i < COUNTOF(codings); i++)
		if (codings[i].coding == c)
			return codings[i].name;
	return "unknown";
}

struct codec *codec_new(void)
{
	struct codec *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	return c;
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	libdeflate_free_decompressor(c->inflater);
	libdeflate_free_compressor(c->dense);
	ZSTD_freeDCtx(c->zstd_in);
	ZSTD_freeCCtx(c->zstd_out);
	free(c->fast);
	free(c->fast_buf);
	free(c);
}
