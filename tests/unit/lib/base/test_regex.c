/* test_regex.c - patterns as Go's RE2 means them, and patterns that would never end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lib/base/regex.h"

static const struct {
	const char *pattern, *text, *group1; /* group1 NULL: no match */
} cases[] = {
	{ "a(b*)c", "xabbc", "bb" },
	{ "^(\\w+)$", "word", "word" },
	{ "^(\\w+)$", "word\n", NULL }, /* $ is the end of the text, not before a newline */
	{ "(?m)^(\\w+)$", "a b\nword\nc d", "word" },
	{ "(a)|b", "b", "" },
	{ "(?i)(ABC)", "xabcx", "abc" },
	{ "(\\d+)", "\xD9\xA3", NULL }, /* an Arabic digit is not \d */
	{ "(\\p{Greek}+)", "x\xCE\xB1\xCE\xB2y", "\xCE\xB1\xCE\xB2" },
	{ "^.(.)$", "\xC3\xBC\xC3\x9F", "\xC3\x9F" },
	{ "()", "", "" },
	{ "(?s)a(.)b", "a\nb", "\n" },
	{ "a(.)b", "a\nb", NULL },
};

static void matches(void **state UNUSED)
{
	struct regex_scratch scratch = { 0 };
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct err e;
		print_message("%s\n", cases[i].pattern);
		struct regex *re = regex_new(slice_of(cases[i].pattern), &e);
		assert_non_null(re);
		slice text = slice_of(cases[i].text);
		enum regex_result got = regex_match(re, &scratch, text);
		assert_int_equal(got, cases[i].group1 ? REGEX_MATCH : REGEX_NO_MATCH);
		if (cases[i].group1)
			assert_true(slice_is(regex_group(&scratch, 1, text), cases[i].group1));
		regex_free(re);
	}
	regex_scratch_release(&scratch);
}

static void names(void **state UNUSED)
{
	struct err e;
	struct regex *re = regex_new(SLICE("(?P<zz>a)(b)(?P<aa>c)"), &e);
	assert_int_equal(regex_n_groups(re), 3);
	assert_true(slice_is(regex_group_name(re, 1), "zz"));
	assert_int_equal(regex_group_name(re, 2).len, 0);
	assert_true(slice_is(regex_group_name(re, 3), "aa"));
	regex_free(re);
}

static void bad_patterns(void **state UNUSED)
{
	static const char *const bad[] = { "(", "a**b[", "(?P<x>a)(?P<x>b)", "\\C", "[z-a]" };
	for (size_t i = 0; i < COUNTOF(bad); i++) {
		struct err e = { 0 };
		assert_null(regex_new(slice_of(bad[i]), &e));
		assert_non_null(strstr(e.text, "at byte"));
	}
}

/* The same match at every place around the borders of the windows, between two-byte characters. */
static void long_texts(void **state UNUSED)
{
	struct err e;
	struct regex_scratch scratch = { 0 };
	struct regex *re = regex_new(SLICE("k=(\\d+)"), &e);
	for (size_t at = 500; at < 1100; at += 2) {
		char text[2000];
		for (size_t i = 0; i < sizeof(text); i += 2)
			memcpy(text + i, "\xC3\xBC", 2);
		memcpy(text + at, "k=42", 4);
		slice s = { text, sizeof(text) };
		assert_int_equal(regex_match(re, &scratch, s), REGEX_MATCH);
		assert_true(slice_is(regex_group(&scratch, 1, s), "42"));
	}
	regex_free(re);
	regex_scratch_release(&scratch);
}

static void gives_up(void **state UNUSED)
{
	static const char *const patterns[] = { "(a+)+$", "^(a+)+$", "(a|aa)+$", "(?:a?){40}a{40}b" };
	struct err e;
	struct regex_scratch scratch = { 0 };
	size_t n = 1 << 20;
	char *text = malloc(n);
	memset(text, 'a', n);
	text[n - 1] = 'x';
	for (size_t i = 0; i < COUNTOF(patterns); i++) {
		struct regex *re = regex_new(slice_of(patterns[i]), &e);
		/* a match would be wrong; not ending within the run of the test, too */
		assert_int_not_equal(regex_match(re, &scratch, (slice){ text, n }), REGEX_MATCH);
		regex_free(re);
	}
	struct regex *re = regex_new(SLICE("(?s)^.*(b)"), &e);
	text[10] = 'b'; /* a long way back is not too far */
	assert_int_equal(regex_match(re, &scratch, (slice){ text, n }), REGEX_MATCH);
	regex_free(re);
	free(text);
	regex_scratch_release(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(names),
		cmocka_unit_test(bad_patterns),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(gives_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
