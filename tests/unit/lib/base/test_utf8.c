/* test_utf8.c - known cases by table; all gears against a decoder written for this test on random bytes.
 *
 * The oracle decodes to a code point and checks the number, which shares nothing with the tables in
 * lib/base/utf8.c. Texts are copied to exact-size heap blocks, so ASan sees any read past the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "lib/base/utf8.h"
#include "lib/base/utf8_simd.h"

static bool oracle(slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	for (size_t i = 0; i < s.len;) {
		unsigned n = p[i] < 0x80 ? 1 : p[i] >> 5 == 6 ? 2 : p[i] >> 4 == 14 ? 3 : p[i] >> 3 == 30 ? 4 : 0;
		if (n == 0 || i + n > s.len)
			return false;
		uint32_t cp = n == 1 ? p[i] : p[i] & (0x7Fu >> n);
		for (unsigned k = 1; k < n; k++) {
			if (p[i + k] >> 6 != 2)
				return false;
			cp = cp << 6 | (p[i + k] & 63);
		}
		static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
		if (cp < least[n] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
			return false;
		i += n;
	}
	return true;
}

static bool valid_on_heap(slice s)
{
	char *p = malloc(s.len + 1);
	memcpy(p + 1, s.p, s.len); /* odd address */
	bool ok = utf8_valid((slice){ p + 1, s.len });
	if (utf8_has_simd())
		assert_int_equal(utf8_valid_simd(p + 1, s.len), ok);
	free(p);
	return ok;
}

static const struct {
	const char *text;
	bool ok;
	const char *repaired;
	size_t n_bad;
} table[] = {
	{ "", true, "", 0 },
	{ "plain", true, "plain", 0 },
	{ "gr\xC3\xBC\xC3\x9F", true, "gr\xC3\xBC\xC3\x9F", 0 },
	{ "\xF0\x9F\x98\x80", true, "\xF0\x9F\x98\x80", 0 },
	{ "\xF4\x8F\xBF\xBF", true, "\xF4\x8F\xBF\xBF", 0 },
	{ "\xED\x9F\xBF", true, "\xED\x9F\xBF", 0 },
	{ "\xC0\x80", false, "\xEF\xBF\xBD\xEF\xBF\xBD", 2 },
	{ "\xE0\x9F\xBF", false, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 3 },
	{ "\xED\xA0\x80", false, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 3 },
	{ "\xF4\x90\x80\x80", false, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 4 },
	{ "\xF5\x80", false, "\xEF\xBF\xBD\xEF\xBF\xBD", 2 },
	{ "a\x80z", false, "a\xEF\xBF\xBDz", 1 },
	/* the maximal subsequence counts once: Unicode 3.9, table 3-8 */
	{ "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", false, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\x41", 4 },
	{ "\xE2\x82", false, "\xEF\xBF\xBD", 1 },
};

static void known_cases(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(table); i++) {
		char out[64];
		size_t bad = 77;
		slice s = slice_of(table[i].text);
		assert_int_equal(valid_on_heap(s), table[i].ok);
		assert_int_equal(oracle(s), table[i].ok);
		size_t n = utf8_repair(s, out, &bad);
		assert_true(slice_eq((slice){ out, n }, slice_of(table[i].repaired)));
		assert_int_equal(bad, table[i].n_bad);
	}
}

/* Every case at every place of long ASCII and of long Greek: block borders are where SIMD goes wrong. */
static void all_offsets(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(table); i++) {
		slice s = slice_of(table[i].text);
		for (size_t at = 0; at < 130; at++) {
			char text[300];
			memset(text, 'x', sizeof(text));
			memcpy(text + at, s.p, s.len);
			assert_int_equal(valid_on_heap((slice){ text, at + s.len }), table[i].ok);
			assert_int_equal(valid_on_heap((slice){ text, 200 }), table[i].ok);
			for (size_t j = 0; j + 1 < sizeof(text); j += 2)
				memcpy(text + j, "\xCE\xB1", 2);
			memcpy(text + (at & ~(size_t)1), s.p, s.len);
			slice got = { text, (at & ~(size_t)1) + s.len };
			assert_int_equal(valid_on_heap(got), oracle(got));
		}
	}
}

/* Mostly sound text with a few broken bytes; pure noise would be refused at once by everybody. */
static size_t random_text(unsigned *seed, char *out, size_t max)
{
	size_t n = 0, want = (size_t)rand_r(seed) % max;
	while (n + 4 <= want) {
		unsigned r = (unsigned)rand_r(seed) % 8;
		uint32_t cp = (uint32_t)rand_r(seed);
		cp %= r < 4 ? 0x80u : r < 5 ? 0x800u : r < 7 ? 0x10000u : 0x110000u;
		if (cp >= 0xD800 && cp <= 0xDFFF)
			cp = 0x20AC;
		n += utf8_put(cp, out + n);
	}
	if (n && rand_r(seed) % 2)
		for (int k = rand_r(seed) % 3; k >= 0; k--)
			out[(size_t)rand_r(seed) % n] = (char)rand_r(seed);
	if (n && rand_r(seed) % 4 == 0)
		n--;
	return n;
}

static void random_differential(void **state UNUSED)
{
	unsigned seed = (unsigned)time(NULL), n_ok = 0, n_bad = 0;
	print_message("seed %u\n", seed);
	for (unsigned i = 0; i < 60000; i++) {
		char text[300], out[900], again[900];
		slice s = { text, random_text(&seed, text, sizeof(text)) };
		bool want = oracle(s);
		want ? n_ok++ : n_bad++;
		assert_int_equal(valid_on_heap(s), want);
		size_t bad, n = utf8_repair(s, out, &bad);
		assert_true(oracle((slice){ out, n }));
		assert_int_equal(bad == 0, want);
		assert_int_equal(utf8_repair((slice){ out, n }, again, NULL), n);
		assert_memory_equal(out, again, n);
	}
	assert_true(n_ok > 1000 && n_bad > 1000);
}

/* Each pair of bytes and each lead with all second bytes, inside a block. */
static void all_quads(void **state UNUSED)
{
	static const unsigned char third[] = { 0x00, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC2, 0xE0, 0xF4, 0xFF };
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			for (size_t c = 0; c < COUNTOF(third) * COUNTOF(third); c++) {
				char text[80];
				memset(text, 'x', sizeof(text));
				text[30] = (char)a, text[31] = (char)b;
				text[32] = (char)third[c / COUNTOF(third)], text[33] = (char)third[c % COUNTOF(third)];
				slice s = { text, sizeof(text) };
				if (utf8_valid(s) != oracle(s))
					fail_msg("%02x %02x case %zu", a, b, c);
			}
		}
	}
}

static void cut(void **state UNUSED)
{
	slice s = SLICE("a\xC3\xBC\xF0\x9F\x98\x80z"); /* 1 + 2 + 4 + 1 */
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 3, 7, 8, 8 };
	for (size_t max = 0; max < COUNTOF(want); max++)
		assert_int_equal(utf8_cut(s, max), want[max]);
	assert_int_equal(utf8_cut(SLICE("\x80\x80\x80\x80\x80\x80"), 5), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_cases),
		cmocka_unit_test(all_offsets),
		cmocka_unit_test(random_differential),
		cmocka_unit_test(all_quads),
		cmocka_unit_test(cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
