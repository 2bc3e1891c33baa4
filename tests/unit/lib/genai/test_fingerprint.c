/* test_fingerprint.c - the hash of a prompt: its definition, its equal forms, its memory, hostile texts. */
#include "lib/genai/fingerprint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(s) "{\"type\":\"text\",\"content\":\"" s "\"}"
#define MESSAGE(r, p) "{\"role\":\"" r "\",\"parts\":[" p "]}"

/* each by `printf '..' | sha256sum | head -c 32` */
#define HELLO "66a045b452102c59d840ec097d59d946" /* Hello\n */
#define BRIEF_TOOLS "ce347f0a9b2c8169bcf31d73ff23b57a" /* Be brief.\n\0[{"name":"f"}] */

static const struct {
	const char *system, *tools, *want; /* NULL: as the row before */
} rows[] = {
	{ "[" TEXT("Hello") "]", "", HELLO },
	{ "Hello", "", NULL },
	{ "[ {\"content\": \"Hello\", \"type\": \"text\"} ]", "", NULL },
	{ "[" TEXT("H\\u0065llo") "]", "", NULL },
	{ "[\"Hello\"]", "", NULL },
	{ MESSAGE("system", TEXT("Hello")), "", NULL },
	{ "[" MESSAGE("system", TEXT("Hello")) "]", "", NULL },
	{ "[" TEXT("Be brief.") "]", "[{\"name\":\"f\"}]", BRIEF_TOOLS },
	{ "[" TEXT("a") "," TEXT("b") "]", "", "911169ddaaf146aff539f58c26c489af" },
	{ MESSAGE("system", TEXT("a")) "," MESSAGE("system", TEXT("b")), "", NULL },
	{ MESSAGE("system", TEXT("a") "," TEXT("b")), "", NULL },
	{ "a\nb", "", NULL },
};

static void equal_forms(void **unused UNUSED)
{
	struct fingerprints f = { 0 };
	struct arena a;
	char before[FINGERPRINT_LEN] = "";
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		slice got = fingerprint_of(&f, slice_of(rows[i].system), slice_of(rows[i].tools), &a);
		assert_int_equal(got.len, FINGERPRINT_LEN);
		assert_memory_equal(got.p, rows[i].want ? rows[i].want : before, FINGERPRINT_LEN);
		memcpy(before, got.p, FINGERPRINT_LEN);
	}
	arena_release(&a);
	fingerprints_release(&f);
}

static const struct {
	const char *messages, *want;
} leading_rows[] = {
	{ "", "" },
	{ "[", "" },
	{ "[]", "" },
	{ "{}", "" },
	{ "[" MESSAGE("user", TEXT("x")) "]", "" },
	{ "[" MESSAGE("system", TEXT("x")) "]", MESSAGE("system", TEXT("x")) },
	{ "[" MESSAGE("developer", TEXT("x")) "]", MESSAGE("developer", TEXT("x")) },
	{ " [ " MESSAGE("system", TEXT("]}\\\"")) " , " MESSAGE("system", TEXT("y")) "," MESSAGE("user", "") "]",
	        MESSAGE("system", TEXT("]}\\\"")) " , " MESSAGE("system", TEXT("y")) },
	{ "[" MESSAGE("system", "") "," MESSAGE("user", "") "," MESSAGE("system", "") "]", MESSAGE("system", "") },
	{ "[{\"parts\":[{\"role\":\"user\"}],\"role\" : \"system\" }]",
	        "{\"parts\":[{\"role\":\"user\"}],\"role\" : \"system\" }" },
	{ "[{\"parts\":[{\"role\":\"system\"}],\"role\":\"user\"}]", "" },
	{ "[{\"role\":\"system\"", "" },
	{ "[{\"role\":\"system", "" },
	{ "[{\"role\"", "" },
	{ "[{\"role\":7}]", "" },
	{ "[{\"a\\", "" },
	{ "[\"system\"]", "" },
};

static void leading(void **unused UNUSED)
{
	for (size_t i = 0; i < COUNTOF(leading_rows); i++) {
		/* in memory of exactly its size, for the sanitizer */
		size_t n = strlen(leading_rows[i].messages);
		char *text = malloc(n + !n);
		if (n)
			memcpy(text, leading_rows[i].messages, n);
		slice got = fingerprint_leading((slice){ text, n });
		if (!slice_is(got, leading_rows[i].want))
			fail_msg("%s: got %.*s", leading_rows[i].messages, SLICE_ARG(got));
		free(text);
	}
}

/* The memory never changes a result, whatever comes in between. */
static void memory(void **unused UNUSED)
{
	enum { N = 200, LONG = 1 << 20 };
	struct fingerprints f = { 0 };
	struct arena a;
	char first[N][FINGERPRINT_LEN];
	char *big = malloc(LONG);
	memset(big, '[', LONG);
	arena_init(&a);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < N; i++) {
			char text[32];
			snprintf(text, sizeof(text), "prompt %d", i);
			slice got = fingerprint_of(&f, slice_of(text), i % 3 ? slice_of("tools") : (slice){ 0 }, &a);
			if (round)
				assert_memory_equal(got.p, first[i], FINGERPRINT_LEN);
			memcpy(first[i], got.p, FINGERPRINT_LEN);
			assert_true(i == 0 || memcmp(first[i], first[i - 1], FINGERPRINT_LEN) != 0);
			if (i == 100)
				fingerprint_of(&f, (slice){ big, LONG }, (slice){ 0 }, &a);
		}
	/* the same bytes, cut elsewhere */
	char other[FINGERPRINT_LEN];
	memcpy(other, fingerprint_of(&f, slice_of("xxxxxxxxx"), slice_of("y"), &a).p, FINGERPRINT_LEN);
	assert_memory_not_equal(fingerprint_of(&f, slice_of("x"), slice_of("xxxxxxxxy"), &a).p, other, FINGERPRINT_LEN);
	arena_release(&a);
	fingerprints_release(&f);
	free(big);
}

/* Texts of one length that differ in one byte, anywhere, are different prompts to the memory too. */
static void one_byte(void **unused UNUSED)
{
	enum { LEN = 1100 }; /* more than two blocks of the memory's hash */
	struct fingerprints f = { 0 };
	struct arena a;
	char text[2 * LEN], whole[FINGERPRINT_LEN];
	memset(text, 'x', sizeof text);
	arena_init(&a);
	for (size_t i = 0; i < sizeof text; i++) {
		slice system = { text, LEN }, tools = { text + LEN, LEN };
		memcpy(whole, fingerprint_of(&f, system, tools, &a).p, FINGERPRINT_LEN);
		text[i] = 'y';
		assert_memory_not_equal(fingerprint_of(&f, system, tools, &a).p, whole, FINGERPRINT_LEN);
		text[i] = 'x';
		assert_memory_equal(fingerprint_of(&f, system, tools, &a).p, whole, FINGERPRINT_LEN);
	}
	arena_release(&a);
	fingerprints_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_forms),
		cmocka_unit_test(leading),
		cmocka_unit_test(memory),
		cmocka_unit_test(one_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
