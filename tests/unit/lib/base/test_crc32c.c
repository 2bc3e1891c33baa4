/* test_crc32c.c - known sums, and the instruction against the tables on random pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/crc32c.h"

/* RFC 3720 appendix B.4, and the check value of the catalogue of parametrised CRCs. */
static void known_sums(void **state UNUSED)
{
	unsigned char zeros[32] = { 0 }, ones[32], up[32], down[32];
	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < 32; i++)
		up[i] = (unsigned char)i, down[i] = (unsigned char)(31 - i);
	const unsigned char read_pdu[48] = { 0x01,
		0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02 };
	const struct {
		const void *p;
		size_t n;
		uint32_t want;
	} rows[] = {
		{ "", 0, 0 },
		{ "a", 1, 0xc1d04330 },
		{ "123456789", 9, 0xe3069283 },
		{ zeros, 32, 0x8a9136aa },
		{ ones, 32, 0x62a8ab43 },
		{ up, 32, 0x46dd794e },
		{ down, 32, 0x113fdb5c },
		{ read_pdu, 48, 0xd9963a56 },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		assert_int_equal(crc32c(0, rows[i].p, rows[i].n), rows[i].want);
		assert_int_equal(crc32c_portable(0, rows[i].p, rows[i].n), rows[i].want);
	}
}

/* The definition, a bit at a time: neither way may agree with the other in an error. */
static uint32_t bit_by_bit(const unsigned char *p, size_t n)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void every_byte_at_every_place(void **state UNUSED)
{
	for (unsigned value = 0; value < 256; value++)
		for (size_t at = 0; at < 17; at++) {
			unsigned char p[17] = { 0 };
			p[at] = (unsigned char)value;
			uint32_t want = bit_by_bit(p, sizeof(p));
			assert_int_equal(crc32c(0, p, sizeof(p)), want);
			assert_int_equal(crc32c_portable(0, p, sizeof(p)), want);
		}
}

static void pieces_agree(void **state UNUSED)
{
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	static unsigned char p[5000];
	for (size_t i = 0; i < sizeof(p); i++)
		p[i] = (unsigned char)rand_r(&seed);
	for (int round = 0; round < 3000; round++) {
		size_t at = (size_t)rand_r(&seed) % 64, n = (size_t)rand_r(&seed) % (round % 2 ? 100 : sizeof(p) - 64);
		uint32_t want = bit_by_bit(p + at, n), by_parts = 0, portable = 0;
		assert_int_equal(crc32c(0, p + at, n), want);
		assert_int_equal(crc32c_portable(0, p + at, n), want);
		for (size_t done = 0; done < n;) {
			size_t take = 1 + (size_t)rand_r(&seed) % (n - done);
			by_parts = crc32c(by_parts, p + at + done, take);
			portable = crc32c_portable(portable, p + at + done, take);
			done += take;
		}
		assert_int_equal(by_parts, want);
		assert_int_equal(portable, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sums),
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(pieces_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
