/* test_compress.c - codings against zlib and libzstd as oracles, and against damage, junk and bombs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "lib/net/compress.h"

enum { MAX_OUT = 1 << 20, MIB = 1 << 20 };
enum wrap { WRAP_GZIP = 31, WRAP_ZLIB = 15, WRAP_RAW = -15 }; /* windowBits of zlib */

/* Something like a trace: repetitive with random parts. Deterministic. */
static char *sample(size_t n, uint32_t seed)
{
	static const char *const words[] = { "gen_ai.usage.input_tokens", "http.method", "\n\x0a\x12", "gpt-4o",
		"GET" };
	char *p = malloc(n + 1);
	size_t at = 0;

	assert_non_null(p);
	while (at < n) {
		seed = seed * 1664525 + 1013904223;
		slice w = slice_of(words[(seed >> 24) % COUNTOF(words)]);

		for (size_t i = 0; i < w.len && at < n; i++)
			p[at++] = w.p[i];
		for (unsigned i = 0; i < (seed >> 16) % 8 && at < n; i++)
			p[at++] = (char)(seed >> (i + 4));
	}
	return p;
}

static slice by_zlib(enum wrap wrap, slice in)
{
	z_stream z = { 0 };
	size_t cap = in.len + in.len / 8 + 256;
	char *out = malloc(cap);

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, wrap, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (uInt)in.len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return (slice){ out, z.total_out };
}

static slice by_zstd(slice in)
{
	size_t cap = ZSTD_compressBound(in.len);
	char *out = malloc(cap);
	ZSTD_CCtx *z = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1); /* so that every flipped bit is noticed */
	size_t n = ZSTD_compress2(z, out, cap, in.p, in.len);

	assert_false(ZSTD_isError(n));
	ZSTD_freeCCtx(z);
	return (slice){ out, n };
}

/* As streaming clients send it: no content size in the frame. */
static slice by_zstd_stream(slice in, int window_log)
{
	size_t cap = ZSTD_compressBound(in.len) + 64;
	char *out = malloc(cap);
	ZSTD_CCtx *z = ZSTD_createCCtx();
	ZSTD_inBuffer i = { in.p, in.len / 2, 0 };
	ZSTD_outBuffer o = { out, cap, 0 };

	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	if (window_log)
		ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log);
	assert_int_equal(ZSTD_compressStream2(z, &o, &i, ZSTD_e_flush), 0);
	i.size = in.len;
	assert_int_equal(ZSTD_compressStream2(z, &o, &i, ZSTD_e_end), 0);
	ZSTD_freeCCtx(z);
	return (slice){ out, o.pos };
}

static const struct {
	const char *name;
	enum coding coding;
	enum wrap wrap; /* 0: zstd */
	bool stream;
} forms[] = {
	{ "gzip", CODING_GZIP, WRAP_GZIP, false },
	{ "zlib", CODING_DEFLATE, WRAP_ZLIB, false },
	{ "raw", CODING_DEFLATE, WRAP_RAW, false },
	{ "zstd", CODING_ZSTD, 0, false },
	{ "zstd stream", CODING_ZSTD, 0, true },
};

static slice oracle(size_t form, slice in)
{
	if (forms[form].wrap)
		return by_zlib(forms[form].wrap, in);
	return forms[form].stream ? by_zstd_stream(in, 0) : by_zstd(in);
}

static int inflate_once(enum coding coding, slice in, size_t max_out, struct pool *pool, struct buf **out)
{
	struct codec *c = codec_new();
	struct err e = { 0 };
	int r = codec_inflate(c, coding, in, max_out, pool, out, &e);

	if (r != INFLATE_OK)
		assert_int_not_equal(e.text[0], 0);
	codec_free(c);
	return r;
}

static slice join(slice a, slice b)
{
	char *p = malloc(a.len + b.len + 1);

	memcpy(p, a.p, a.len);
	if (b.len)
		memcpy(p + a.len, b.p, b.len);
	return (slice){ p, a.len + b.len };
}

static void drop(slice s)
{
	free((void *)(uintptr_t)s.p);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		enum coding coding;
	} rows[] = { { "", CODING_IDENTITY }, { "identity", CODING_IDENTITY }, { "gzip", CODING_GZIP },
		{ "GZip", CODING_GZIP }, { " x-gzip ", CODING_GZIP }, { "deflate", CODING_DEFLATE },
		{ "zlib", CODING_DEFLATE }, { "zstd", CODING_ZSTD }, { "gzip, gzip", CODING_UNKNOWN },
		{ "br", CODING_UNKNOWN }, { "gzi", CODING_UNKNOWN } };
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++)
		assert_int_equal(coding_parse(slice_of(rows[i].name)), rows[i].coding);
	assert_string_equal(coding_name(CODING_GZIP), "gzip");
	assert_string_equal(coding_name(CODING_DEFLATE), "deflate");
	assert_string_equal(coding_name(CODING_UNKNOWN), "unknown");
}

/* What the libraries wrote is read, into tokens of exactly its size or a little more, all given back. */
static void test_reads_oracles(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 4096, 65536, 300000, MAX_OUT };
	(void)state;

	for (size_t f = 0; f < COUNTOF(forms); f++)
		for (size_t i = 0; i < COUNTOF(sizes); i++) {
			char *text = sample(sizes[i], 7);
			slice z = oracle(f, (slice){ text, sizes[i] });
			struct pool pool;
			struct buf *out = NULL;

			pool_init(&pool, 4 * MAX_OUT);
			assert_int_equal(inflate_once(forms[f].coding, z, MAX_OUT, &pool, &out), INFLATE_OK);
			assert_int_equal(out->len, sizes[i]);
			assert_memory_equal(out->data, text, sizes[i]);
			for (size_t k = 0; k < BUF_SLACK; k++)
				assert_int_equal(out->data[out->len + k], 0);
			assert_true(pool_used(&pool) >= out->len);
			assert_true(pool_used(&pool) <= out->len + out->len / 3 + 64);
			buf_unref(out);
			assert_int_equal(pool_used(&pool), 0);
			drop(z);
			free(text);
		}
}

/* limit-1, limit, limit+1 */
static void test_limit(void **state)
{
	(void)state;
	for (size_t f = 0; f < COUNTOF(forms); f++)
		for (size_t n = 9999; n <= 10001; n++) {
			char *text = sample(n, 3);
			slice z = oracle(f, (slice){ text, n });
			struct buf *out = NULL;
			int r = inflate_once(forms[f].coding, z, 10000, NULL, &out);

			assert_int_equal(r, n <= 10000 ? INFLATE_OK : INFLATE_TOO_LARGE);
			if (r == INFLATE_OK)
				buf_unref(out);
			drop(z);
			free(text);
		}
	struct buf *out = NULL;

	assert_int_equal(inflate_once(CODING_IDENTITY, SLICE("abc"), 2, NULL, &out), INFLATE_TOO_LARGE);
	assert_int_equal(inflate_once(CODING_IDENTITY, SLICE("abc"), 3, NULL, &out), INFLATE_OK);
	assert_true(slice_is(buf_slice(out), "abc"));
	buf_unref(out);
}

static void test_truncated(void **state)
{
	char *text = sample(1500, 5);
	(void)state;

	for (size_t f = 0; f < COUNTOF(forms); f++) {
		slice z = oracle(f, (slice){ text, 1500 });

		for (size_t n = 0; n < z.len; n++) {
			char *cut = malloc(n + 1); /* exact size, so that ASan sees a read behind it */
			struct buf *out = NULL;

			cut = realloc(cut, n ? n : 1);
			memcpy(cut, z.p, n);
			if (inflate_once(forms[f].coding, (slice){ cut, n }, MAX_OUT, NULL, &out) != INFLATE_BAD)
				fail_msg("%s cut at %zu of %zu", forms[f].name, n, z.len);
			free(cut);
		}
		drop(z);
	}
	free(text);
}

/* A flipped bit is refused, or (in unprotected header fields, or in raw deflate) harmless: never other text where
 * there is a checksum. */
static void test_flipped(void **state)
{
	char *text = sample(600, 9);
	(void)state;

	for (size_t f = 0; f < COUNTOF(forms); f++) {
		slice z = oracle(f, (slice){ text, 600 });

		for (size_t bit = 0; bit < z.len * 8; bit++) {
			slice bad = join(z, (slice){ NULL, 0 });
			struct buf *out = NULL;

			((char *)(uintptr_t)bad.p)[bit / 8] ^= (char)(1 << bit % 8);
			int r = inflate_once(forms[f].coding, bad, MAX_OUT, NULL, &out);

			if (r == INFLATE_OK && forms[f].wrap != WRAP_RAW && !(f == 1 && bit < 16)) {
				assert_int_equal(out->len, 600);
				assert_memory_equal(out->data, text, 600);
			}
			if (r == INFLATE_OK)
				buf_unref(out);
			drop(bad);
		}
		drop(z);
	}
	free(text);
}

static void test_trailing_junk(void **state)
{
	static const char *const junk[] = { "x", "\x1f", "\x1f\x8b", "trailing junk of some length",
		"\0\0\0\0\0\0\0\0" };
	char *text = sample(300, 2);
	(void)state;

	for (size_t f = 0; f < COUNTOF(forms); f++)
		for (size_t i = 0; i < COUNTOF(junk); i++) {
			slice z = oracle(f, (slice){ text, 300 });
			slice j = { junk[i], i == 4 ? 8 : strlen(junk[i]) };
			slice both = join(z, j);
			struct buf *out = NULL;

			assert_int_equal(inflate_once(forms[f].coding, both, MAX_OUT, NULL, &out), INFLATE_BAD);
			drop(both);
			drop(z);
		}
	free(text);
}

static void test_members(void **state)
{
	static const unsigned counts[] = { 2, 64, 65 };
	(void)state;

	for (size_t f = 0; f < COUNTOF(forms); f++)
		for (size_t i = 0; i < COUNTOF(counts); i++) {
			slice z = oracle(f, SLICE("0123456789")), all = { NULL, 0 };
			struct buf *out = NULL;

			for (unsigned n = 0; n < counts[i]; n++) {
				slice more = join(z, all);

				drop(all);
				all = more;
			}
			int r = inflate_once(forms[f].coding, all, MAX_OUT, NULL, &out);

			assert_int_equal(
			        r, forms[f].coding == CODING_DEFLATE || counts[i] > 64 ? INFLATE_BAD : INFLATE_OK);
			if (r == INFLATE_OK) {
				assert_int_equal(out->len, counts[i] * 10);
				for (unsigned n = 0; n < counts[i]; n++)
					assert_memory_equal(out->data + n * 10, "0123456789", 10);
				buf_unref(out);
			}
			drop(all);
			drop(z);
		}
}

static void test_gzip_fields(void **state)
{
	z_stream z = { 0 };
	Bytef out[512], extra[64] = { 1, 2, 3 }, name[] = "traces.pb", comment[] = "made by a test";
	gz_header head = { .text = 1,
		.time = 5,
		.os = 3,
		.extra = extra,
		.extra_len = sizeof(extra),
		.name = name,
		.comment = comment,
		.hcrc = 1 };
	struct buf *b = NULL;
	(void)state;

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, WRAP_GZIP, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflateSetHeader(&z, &head), Z_OK);
	z.next_in = (Bytef *)(uintptr_t) "payload";
	z.avail_in = 7;
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	slice whole = { (char *)out, z.total_out };

	assert_int_equal(inflate_once(CODING_GZIP, whole, 7, NULL, &b), INFLATE_OK);
	assert_true(slice_is(buf_slice(b), "payload"));
	buf_unref(b);
	for (size_t n = 0; n < whole.len; n++)
		assert_int_equal(inflate_once(CODING_GZIP, (slice){ whole.p, n }, 7, NULL, &b), INFLATE_BAD);
	out[3] |= 0x20; /* reserved flag: RFC 1952 2.3.1.2 */
	assert_int_equal(inflate_once(CODING_GZIP, whole, 7, NULL, &b), INFLATE_BAD);
}

static void test_zstd_window(void **state)
{
	char *text = sample(100000, 4);
	(void)state;

	for (int log = 22; log <= 24; log++) {
		slice z = by_zstd_stream((slice){ text, 100000 }, log);
		struct buf *out = NULL;
		int r = inflate_once(CODING_ZSTD, z, MAX_OUT, NULL, &out);

		assert_int_equal(r, log <= 23 ? INFLATE_OK : INFLATE_BAD);
		if (r == INFLATE_OK)
			buf_unref(out);
		drop(z);
	}
	free(text);
}

static slice gzip_bomb(void)
{
	static char zeros[MIB];
	z_stream z = { 0 };
	size_t cap = 2 * MIB;
	char *out = malloc(cap);

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, WRAP_GZIP, 9, Z_RLE), Z_OK);
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	for (int i = 0; i < 1024; i++) {
		z.next_in = (Bytef *)zeros;
		z.avail_in = MIB;
		assert_int_equal(deflate(&z, i == 1023 ? Z_FINISH : Z_NO_FLUSH), i == 1023 ? Z_STREAM_END : Z_OK);
	}
	cap = z.total_out; /* total_in is 2^30 */
	deflateEnd(&z);
	return (slice){ out, cap };
}

static slice zstd_bomb(void)
{
	static char zeros[MIB];
	ZSTD_CCtx *z = ZSTD_createCCtx();
	ZSTD_outBuffer o = { malloc(MIB), MIB, 0 };

	for (int i = 0; i < 1024; i++) {
		ZSTD_inBuffer in = { zeros, MIB, 0 };

		assert_int_equal(
		        ZSTD_isError(ZSTD_compressStream2(z, &o, &in, i == 1023 ? ZSTD_e_end : ZSTD_e_continue)), 0);
	}
	ZSTD_freeCCtx(z);
	return (slice){ o.dst, o.pos };
}

static void test_bombs(void **state)
{
	const struct {
		enum coding coding;
		slice in;
	} rows[] = { { CODING_GZIP, gzip_bomb() }, { CODING_ZSTD, zstd_bomb() } };
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct pool pool;
		struct buf *out = NULL;

		pool_init(&pool, 1024 * MIB);
		assert_true(rows[i].in.len < 6 * MIB);
		assert_int_equal(inflate_once(rows[i].coding, rows[i].in, 64 * MIB, &pool, &out), INFLATE_TOO_LARGE);
		assert_true(atomic_load(&pool.peak) <= 64 * MIB);
		assert_int_equal(pool_used(&pool), 0);
		pool_init(&pool, MIB); /* would not fit into the pool when that is empty either */
		assert_int_equal(inflate_once(rows[i].coding, rows[i].in, 64 * MIB, &pool, &out), INFLATE_TOO_LARGE);
		assert_int_equal(pool_used(&pool), 0);
		pool_init(&pool, 128 * MIB);
		assert_true(pool_take(&pool, 127 * MIB)); /* by others, for now */
		assert_int_equal(inflate_once(rows[i].coding, rows[i].in, 64 * MIB, &pool, &out), INFLATE_MEMORY);
		assert_int_equal(pool_used(&pool), 127 * MIB);
		drop(rows[i].in);
	}
}

/* A few bytes that claim much must not take much. */
static void test_lying_size(void **state)
{
	char *text = sample(100, 1);
	slice z = by_zlib(WRAP_GZIP, (slice){ text, 100 });
	struct pool pool;
	struct buf *out = NULL;
	(void)state;

	memset((char *)(uintptr_t)z.p + z.len - 4, 0x7f, 4);
	pool_init(&pool, 64 * MIB);
	assert_int_equal(inflate_once(CODING_GZIP, z, 64 * MIB, &pool, &out), INFLATE_BAD);
	assert_true(atomic_load(&pool.peak) <= 16 * 1024);
	drop(z);
	free(text);
}

static slice zlib_decoded(enum wrap wrap, slice in, size_t n)
{
	z_stream z = { 0 };
	char *out = malloc(n + 1);

	assert_int_equal(inflateInit2(&z, wrap), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (uInt)in.len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)(n + 1);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
	return (slice){ out, z.total_out };
}

static slice decoded(enum coding coding, slice in, size_t n)
{
	if (coding == CODING_GZIP || coding == CODING_DEFLATE)
		return zlib_decoded(coding == CODING_GZIP ? WRAP_GZIP : WRAP_ZLIB, in, n);
	char *out = malloc(n + 1);

	if (coding == CODING_ZSTD) {
		size_t r = ZSTD_decompress(out, n + 1, in.p, in.len);

		assert_int_equal(r, n);
	} else {
		assert_int_equal(in.len, n);
		memcpy(out, in.p, n);
	}
	return (slice){ out, n };
}

/* What we write the libraries read, however the input is cut into parts, at every kind of level. */
static void test_writes(void **state)
{
	static const size_t sizes[] = { 0, 1, 3000, 65537, 700000 };
	static const int levels[] = { -1, 0, 1, 2, 3, 4, 9, 30 };
	struct codec *c = codec_new();
	(void)state;

	for (enum coding k = CODING_IDENTITY; k < CODING_UNKNOWN; k++)
		for (size_t i = 0; i < COUNTOF(sizes) * COUNTOF(levels); i++) {
			size_t n = sizes[i % COUNTOF(sizes)], a = n / 3, b = n / 2;
			char *text = sample(n, 11);
			slice parts[] = { { text, a }, { text + a, 0 }, { text + a, b - a }, { text + b, n - b } };
			slice one = { text, n };
			struct pool pool;

			pool_init(&pool, 4 * MIB);
			for (int split = 0; split < 2; split++) {
				struct buf *out = NULL;

				assert_int_equal(codec_deflate(c, k, levels[i / COUNTOF(sizes)], split ? parts : &one,
				                         split ? 4 : 1, &pool, &out),
				        0);
				slice back = decoded(k, buf_slice(out), n);

				assert_int_equal(back.len, n);
				assert_memory_equal(back.p, text, n);
				assert_true(pool_used(&pool) <= out->cap);
				drop(back);
				buf_unref(out);
			}
			assert_int_equal(pool_used(&pool), 0);
			free(text);
		}
	codec_free(c);
}

static void test_deflate_refusals(void **state)
{
	struct codec *c = codec_new();
	char *text = malloc(MIB);
	slice s = { text, MIB };
	uint32_t seed = 1;
	struct buf *out = NULL;
	(void)state;

	for (size_t i = 0; i < MIB; i++) /* cannot be compressed, so that output must grow */
		text[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
	for (enum coding k = CODING_IDENTITY; k < CODING_UNKNOWN; k++)
		for (size_t limit = 0; limit < MIB; limit += MIB / 4)
			for (int level = 1; level < 6; level += 4) {
				struct pool pool;

				pool_init(&pool, limit);
				assert_int_equal(codec_deflate(c, k, level, &s, 1, &pool, &out), -1);
				assert_int_equal(pool_used(&pool), 0);
			}
	assert_int_equal(codec_deflate(c, CODING_UNKNOWN, 1, &s, 1, NULL, &out), -1);
	assert_int_equal(codec_deflate(c, CODING_GZIP, 1, NULL, 0, NULL, &out), 0);
	slice back = decoded(CODING_GZIP, buf_slice(out), 0);

	assert_int_equal(back.len, 0);
	drop(back);
	buf_unref(out);
	free(text);
	codec_free(c);
}

/* One codec used for everything in turn behaves as a new one: no state leaks from a failure. */
static void test_reuse(void **state)
{
	struct codec *c = codec_new();
	char *text = sample(5000, 6);
	struct err e;
	(void)state;

	for (int round = 0; round < 3; round++)
		for (size_t f = 0; f < COUNTOF(forms); f++) {
			slice z = oracle(f, (slice){ text, 5000 });
			struct buf *out = NULL;

			assert_int_equal(
			        codec_inflate(c, forms[f].coding, (slice){ z.p, z.len - 3 }, MAX_OUT, NULL, &out, &e),
			        INFLATE_BAD);
			assert_int_equal(codec_inflate(c, forms[f].coding, z, MAX_OUT, NULL, &out, &e), INFLATE_OK);
			assert_int_equal(out->len, 5000);
			assert_memory_equal(out->data, text, 5000);
			buf_unref(out);
			drop(z);
		}
	struct buf *out = NULL;

	assert_int_equal(codec_inflate(c, CODING_UNKNOWN, SLICE("x"), MAX_OUT, NULL, &out, &e), INFLATE_BAD);
	codec_free(c);
	codec_free(NULL);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_reads_oracles),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_trailing_junk),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_gzip_fields),
		cmocka_unit_test(test_zstd_window),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_lying_size),
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_deflate_refusals),
		cmocka_unit_test(test_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
