/* test_findings.c - order of printing, and what is near enough for "did you mean". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/conf/findings.h"

static char *printed(struct findings *f)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	findings_print(f, to);
	fclose(to);
	return text;
}

static void add_all(struct findings *f)
{
	findings_add(f, FINDING_WARNING, (struct pos){ 0 }, "no place %d", 1);
	findings_add(f, FINDING_ERROR, (struct pos){ "b.yaml", 2, 9 }, "b29");
	findings_add(f, FINDING_ERROR, (struct pos){ "c.yaml", 1, 1 }, "c11");
	findings_add(f, FINDING_NOTICE, (struct pos){ "a.yaml", 10, 1 }, "a10");
	findings_add(f, FINDING_ERROR, (struct pos){ "a.yaml", 9, 3 }, "a9 first");
	findings_add(f, FINDING_WARNING, (struct pos){ "a.yaml", 9, 3 }, "a9 second");
	findings_add(f, FINDING_ERROR, (struct pos){ "b.yaml", 2, 3 }, "b23");
}

static void test_order(void **state)
{
	(void)state;
	static const char *const files[] = { "a.yaml", "b.yaml" };
	struct findings f;
	findings_init(&f);
	f.files = files;
	f.n_files = COUNTOF(files);
	add_all(&f);
	assert_int_equal(f.n_errors, 4);
	char *text = printed(&f);
	assert_string_equal(text,
	        "a.yaml:9:3: error: a9 first\n"
	        "a.yaml:9:3: warning: a9 second\n"
	        "a.yaml:10:1: notice: a10\n"
	        "b.yaml:2:3: error: b23\n"
	        "b.yaml:2:9: error: b29\n"
	        "c.yaml:1:1: error: c11\n"
	        "warning: no place 1\n");
	free(text);
	findings_release(&f);
}

static void test_order_of_unnamed_files(void **state)
{
	(void)state;
	struct findings f;
	findings_init(&f);
	add_all(&f);
	char *text = printed(&f);
	assert_string_equal(text,
	        "b.yaml:2:3: error: b23\n"
	        "b.yaml:2:9: error: b29\n"
	        "c.yaml:1:1: error: c11\n"
	        "a.yaml:9:3: error: a9 first\n"
	        "a.yaml:9:3: warning: a9 second\n"
	        "a.yaml:10:1: notice: a10\n"
	        "warning: no place 1\n");
	free(text);
	findings_release(&f);
}

static void test_long_text_is_cut(void **state)
{
	(void)state;
	char long_name[5000];
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	struct findings f;
	findings_init(&f);
	findings_add(&f, FINDING_ERROR, (struct pos){ "a", 1, 1 }, "%s", long_name);
	assert_in_range(strlen(f.v[0].text), 1000, 4000);
	findings_release(&f);
}

static void test_nearest(void **state)
{
	(void)state;
	static const char *const names[] = { "endpoint", "timeout", "tls", "max_interval", "min_interval", NULL };
	static const struct {
		const char *name, *near;
	} cases[] = {
		{ "endpont", "endpoint" },
		{ "endpointt", "endpoint" },
		{ "enpdoint", "endpoint" },
		{ "timeuot", "timeout" },
		{ "max_intervl", "max_interval" },
		{ "mxn_interval", "min_interval" },
		{ "tlss", "tls" },
		{ "tl", "tls" },
		{ "ab", NULL },
		{ "", NULL },
		{ "endpo", NULL },
		{ "completely", NULL },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		const char *near = findings_nearest(slice_of(cases[i].name), names);
		if (cases[i].near)
			assert_string_equal(near, cases[i].near);
		else
			assert_null(near);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_of_unnamed_files),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
