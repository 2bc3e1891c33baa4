/* test_json_scan.c - scan_text against a loop over single bytes.
 *
 * Every length up to a few blocks with every place for the first byte to stop at, and random texts. Texts are copied to the end of
 * exact-size heap blocks, so ASan sees any read past the end or before the beginning.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "lib/base/json_scan.h"

static size_t oracle(slice s, bool *high)
{
	size_t i = 0;
	for (; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\' || c < 0x20)
			break;
		*high |= c >= 0x80;
	}
	return i;
}

static void check(slice s)
{
	bool high = false, expected = false, kept = true;
	char *p = malloc(s.len ? s.len : 1);
	memcpy(p, s.p, s.len);
	const char *stop = scan_text(p, p + s.len, &high);
	assert_int_equal(stop - p, oracle(s, &expected));
	assert_int_equal(high, expected);
	scan_text(p, p + s.len, &kept);
	assert_true(kept);
	free(p);
}

/* The first byte to stop at, others behind it, and one byte that is not ASCII before, at or behind it. */
static void every_place(void **state UNUSED)
{
	static const char stops[] = { '"', '\\', 0, 0x1f, '\n' };
	char text[150];
	for (size_t len = 0; len <= sizeof(text); len++) {
		for (size_t at = 0; at <= len; at++) {
			memset(text, ' ' + (int)(at % 2), sizeof(text));
			if (at < len)
				memset(text + at, stops[at % COUNTOF(stops)], len - at);
			check((slice){ text, len });
			size_t high = len ? at * 7 % len : 0;
			text[high] = at % 3 ? '\x80' : '\xff';
			check((slice){ text, len });
		}
	}
}

static void plain_bytes_do_not_stop(void **state UNUSED)
{
	char text[64];
	for (int c = 0; c < 256; c++) {
		memset(text, c, sizeof(text));
		check((slice){ text, sizeof(text) });
		check((slice){ text, 20 });
		check((slice){ text, 5 });
	}
}

static uint64_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void random_texts(void **state UNUSED)
{
	uint64_t seed = (uint64_t)time(NULL), r = seed;
	char text[300];
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 20000; round++) {
		size_t len = next(&r) % (sizeof(text) + 1);
		uint64_t odds = 1 + next(&r) % 400;
		for (size_t i = 0; i < len; i++)
			text[i] = (char)(next(&r) % odds ? 'a' + (int)(next(&r) % 26) : (int)(next(&r) % 256));
		check((slice){ text, len });
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place),
		cmocka_unit_test(plain_bytes_do_not_stop),
		cmocka_unit_test(random_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
