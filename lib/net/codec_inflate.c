/* codec_inflate.c - content codings in: whole members decoded straight into the output buf.
 *
 * libdeflate and libzstd decode one member (gzip member, zlib or raw stream, zstd frame) in one pass, with the
 * output itself as window: no other memory is taken, whatever window the peer declares. The size of the output
 * is guessed first and, where the guess was short, the member is decoded again into four times the room, never
 * above max_out: each byte of tokens is backed by what the input did produce, and the work is at most 4/3 of
 * the last pass. The peer's own claim of its size is believed only up to TRUST times its input.
 */
#include <zstd_errors.h>

#include "lib/net/codec.h"

enum {
	MAX_MEMBERS = 64,
	TRUST = 16, /* above every honest trace seen (GenAI JSON by zstd: 8) */
	MIN_ROOM = 4096,
	MAX_WINDOW_LOG = 23, /* RFC 9659 */
};

enum step { STEP_OK, STEP_SHORT, STEP_BAD, STEP_MEMORY };

/* Decodes the member at the start of `in` into out[0..cap); says how much of both was used. */
typedef enum step decode_fn(struct codec *c, slice in, char *out, size_t cap, size_t *used, size_t *made);

static uint32_t le32(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static enum step from_libdeflate(enum libdeflate_result r)
{
	switch (r) {
	case LIBDEFLATE_SUCCESS:
		return STEP_OK;
	case LIBDEFLATE_INSUFFICIENT_SPACE:
		return STEP_SHORT;
	case LIBDEFLATE_BAD_DATA:
	case LIBDEFLATE_SHORT_OUTPUT:
		break;
	}
	return STEP_BAD;
}

static bool have_inflater(struct codec *c)
{
	if (!c->inflater)
		c->inflater = libdeflate_alloc_decompressor();
	return c->inflater;
}

static enum step gzip_member(struct codec *c, slice in, char *out, size_t cap, size_t *used, size_t *made)
{
	if (!have_inflater(c))
		return STEP_MEMORY;
	return from_libdeflate(libdeflate_gzip_decompress_ex(c->inflater, in.p, in.len, out, cap, used, made));
}

static enum step zlib_stream(struct codec *c, slice in, char *out, size_t cap, size_t *used, size_t *made)
{
	if (!have_inflater(c))
		return STEP_MEMORY;
	return from_libdeflate(libdeflate_zlib_decompress_ex(c->inflater, in.p, in.len, out, cap, used, made));
}

static enum step raw_stream(struct codec *c, slice in, char *out, size_t cap, size_t *used, size_t *made)
{
	if (!have_inflater(c))
		return STEP_MEMORY;
	return from_libdeflate(libdeflate_deflate_decompress_ex(c->inflater, in.p, in.len, out, cap, used, made));
}

static enum step zstd_frame(struct codec *c, slice in, char *out, size_t cap, size_t *used, size_t *made)
{
	if (!c->zstd_in)
		c->zstd_in = ZSTD_createDCtx();
	if (!c->zstd_in)
		return STEP_MEMORY;
	*used = ZSTD_findFrameCompressedSize(in.p, in.len);
	if (ZSTD_isError(*used))
		return STEP_BAD;
	*made = ZSTD_decompressDCtx(c->zstd_in, out, cap, in.p, *used);
	if (!ZSTD_isError(*made))
		return STEP_OK;
	return ZSTD_getErrorCode(*made) == ZSTD_error_dstSize_tooSmall ? STEP_SHORT : STEP_BAD;
}

/* RFC 1950 2.2. A raw stream never looks like this: 8 in the low bits is a stored block with dirty padding. */
static bool is_zlib(slice in)
{
	if (in.len < 2)
		return false;
	unsigned cmf = (unsigned char)in.p[0], flg = (unsigned char)in.p[1];

	return (cmf & 15) == 8 && cmf >> 4 <= 7 && (cmf << 8 | flg) % 31 == 0;
}

/* Only today's format: the library may know older ones too, which nobody sends and few have tested. RFC 8878 3.1.1:
 * without the single-segment flag the byte after the descriptor gives the window. */
static bool zstd_allowed(slice in)
{
	if (in.len < 6)
		return false;
	uint32_t magic = le32(in.p);

	if ((magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START)
		return true;
	unsigned window = (unsigned char)in.p[5], largest = (MAX_WINDOW_LOG - 10) << 3;

	return magic == ZSTD_MAGICNUMBER && ((in.p[4] & 0x20) || window <= largest);
}

/* What the peer says one member will become; 0: it does not say. */
static uint64_t claimed(enum coding coding, slice in)
{
	if (coding == CODING_GZIP && in.len >= 18) /* true when this is the last member; else only a bad guess */
		return le32(in.p + in.len - 4);
	if (coding == CODING_ZSTD) {
		unsigned long long n = ZSTD_getFrameContentSize(in.p, in.len);

		return n == ZSTD_CONTENTSIZE_UNKNOWN || n == ZSTD_CONTENTSIZE_ERROR ? 0 : n;
	}
	return 0;
}

static size_t first_room(enum coding coding, slice in)
{
	uint64_t claim = claimed(coding, in), most = (uint64_t)in.len * TRUST + MIN_ROOM;

	if (claim == 0)
		claim = (uint64_t)in.len * 4 + MIN_ROOM;
	return (size_t)(claim < most ? claim : most);
}

/* One member, appended to *out, in as many attempts as its size takes. */
static int member(struct codec *c, decode_fn *decode, enum coding coding, slice *in, size_t max_out, struct buf **out)
{
	size_t used = 0, made = 0, left = max_out - (*out)->len, room = first_room(coding, *in);

	for (;;) {
		if (room > left)
			room = left;
		if (buf_reserve(out, (*out)->len + room) != 0)
			return INFLATE_MEMORY;
		room = (*out)->cap - (*out)->len < left ? (*out)->cap - (*out)->len : left;
		switch (decode(c, *in, (*out)->data + (*out)->len, room, &used, &made)) {
		case STEP_OK:
			(*out)->len += made;
			*in = (slice){ in->p + used, in->len - used };
			return INFLATE_OK;
		case STEP_SHORT:
			if (room == left)
				return INFLATE_TOO_LARGE;
			room = room < left / 4 ? room * 4 + MIN_ROOM : left;
			break;
		case STEP_BAD:
			return INFLATE_BAD;
		case STEP_MEMORY:
			return INFLATE_MEMORY;
		}
	}
}

static int all_members(struct codec *c, enum coding coding, slice in, size_t max_out, struct buf **out, struct err *e)
{
	decode_fn *decode = is_zlib(in) ? zlib_stream : raw_stream;
	const char *name = coding_name(coding);

	if (coding == CODING_GZIP)
		decode = gzip_member;
	if (coding == CODING_ZSTD)
		decode = zstd_frame;
	if (in.len == 0)
		return err_set(e, "empty body is not %s", name), INFLATE_BAD;
	for (unsigned n = 0; in.len > 0; n++) {
		if (n > 0 && coding == CODING_DEFLATE)
			return err_set(e, "%zu bytes after the end of the deflate data", in.len), INFLATE_BAD;
		if (n == MAX_MEMBERS)
			return err_set(e, "more than %d %s members", MAX_MEMBERS, name), INFLATE_BAD;
		if (coding == CODING_ZSTD && !zstd_allowed(in))
			return err_set(e, "not a zstd frame with a window of at most 8 MiB"), INFLATE_BAD;
		size_t left = in.len;
		int r = member(c, decode, coding, &in, max_out, out);

		if (r == INFLATE_TOO_LARGE)
			return err_set(e, "more than %zu bytes after %s decoding", max_out, name), r;
		if (r == INFLATE_MEMORY)
			return err_set(e, "no memory to decode %s", name), r;
		if (r == INFLATE_BAD && n > 0)
			return err_set(e, "junk or damage after %u %s members, %zu bytes before the end", n, name,
			               left),
			       r;
		if (r == INFLATE_BAD)
			return err_set(e, "damaged or truncated %s data", name), r;
	}
	return INFLATE_OK;
}

int codec_inflate(struct codec *c, enum coding coding, slice in, size_t max_out, struct pool *pool, struct buf **out,
        struct err *e)
{
	if (coding == CODING_UNKNOWN)
		return err_set(e, "unknown content coding"), INFLATE_BAD;
	if (coding == CODING_IDENTITY && in.len > max_out)
		return err_set(e, "more than %zu bytes", max_out), INFLATE_TOO_LARGE;
	struct buf *b = coding == CODING_IDENTITY ? buf_copy(pool, in) : buf_new(pool, 0);

	if (!b)
		return err_set(e, "no memory to decode %s", coding_name(coding)), INFLATE_MEMORY;
	/* what cannot fit into an empty pool is too large: sending it again would not help */
	uint64_t fits = pool ? atomic_load_explicit(&pool->limit, memory_order_relaxed) : UINT64_MAX;
	fits = fits > in.len ? fits - in.len : 0;
	max_out = max_out < fits ? max_out : (size_t)fits;
	int r = coding == CODING_IDENTITY ? INFLATE_OK : all_members(c, coding, in, max_out, &b, e);

	if (r != INFLATE_OK) {
		buf_unref(b);
		return r;
	}
	buf_trim(&b);
	*out = b;
	return INFLATE_OK;
}
