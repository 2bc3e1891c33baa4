/* test_glob.c - patterns against texts by table, against a naive recursive matcher at random, and long ones in bounded time. */
#include "lib/base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *pattern, *text;
	bool matches;
} cases[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "anything", true },
	{ "**", "", true },
	{ "?", "", false },
	{ "?", "a", true },
	{ "?", "ab", false },
	{ "?", "\xc3\xa9", true }, /* one character of two bytes */
	{ "??", "\xc3\xa9", false },
	{ "a?c",
	        "a\xf0\x9f\x98\x80"
	        "c",
	        true },
	{ "chat *", "chat gpt-4o", true },
	{ "chat *", "chat", false },
	{ "*.openai.azure.com", "x.openai.azure.com", true },
	{ "*.openai.azure.com", "openai.azure.com", false },
	{ "*.openai.azure.com", "x.openai.azure.com.evil", false },
	{ "a*b*c", "a__b__b_c", true },
	{ "a*b*c", "a__b__b_", false },
	{ "*ab", "aab", true },
	{ "*aab", "aaaab", true },
	{ "a.c", "abc", false },
	{ "[a]", "a", false },
	{ "Chat", "chat", false },
	{ "*?", "", false },
	{ "*?", "a", true },
	{ "?*?", "a", false },
};

static void cases_match(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(cases); i++)
		if (glob_match(slice_of(cases[i].pattern), slice_of(cases[i].text)) != cases[i].matches)
			fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].text);
}

static bool naive(const char *p, const char *t)
{
	if (!*p)
		return !*t;
	if (*p == '*')
		return naive(p + 1, t) || (*t && naive(p, t + 1));
	return *t && (*p == '?' || *p == *t) && naive(p + 1, t + 1);
}

static void random_ones_agree(void **state UNUSED)
{
	unsigned seed = (unsigned)getpid(), matched = 0;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int i = 0; i < 100000; i++) {
		char p[9] = { 0 }, t[9] = { 0 };
		for (long n = random() % 8, k = 0; k < n; k++)
			p[k] = "ab*?"[random() % 4];
		for (long n = random() % 8, k = 0; k < n; k++)
			t[k] = "ab"[random() % 2];
		bool want = naive(p, t);
		matched += want;
		if (glob_match(slice_of(p), slice_of(t)) != want)
			fail_msg("\"%s\" on \"%s\"", p, t);
	}
	assert_true(matched > 1000);
}

/* A matcher that goes back to every star would need longer than the universe has. */
static void many_stars_are_no_trap(void **state UNUSED)
{
	char pattern[201], text[10001];
	for (int i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[199] = 'b';
	pattern[200] = 0;
	memset(text, 'a', 10000);
	text[10000] = 0;
	assert_false(glob_match(slice_of(pattern), slice_of(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_match),
		cmocka_unit_test(random_ones_agree),
		cmocka_unit_test(many_stars_are_no_trap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
