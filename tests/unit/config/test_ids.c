/* The grammar of component ids. */
#include "tests/unit/config/expect.h"

#include "config/ids.h"

static void grammar(void **state UNUSED)
{
	static const struct {
		const char *text, *type, *name, *error;
	} rows[] = {
		{ "otlp", "otlp", "", NULL },
		{ "otlp/a", "otlp", "a", NULL },
		{ " otlp / a ", "otlp", "a", NULL },
		{ "otlp/a/b", "otlp", "a/b", NULL },
		{ "otlp/2.x-y_z:@!", "otlp", "2.x-y_z:@!", NULL },
		{ "otlp/größe", "otlp", "größe", NULL },
		{ "", NULL, NULL, "id must not be empty" },
		{ "  ", NULL, NULL, "id must not be empty" },
		{ "/x", NULL, NULL, "in \"/x\" id: the part before / should not be empty" },
		{ "x/", NULL, NULL, "in \"x/\" id: the part after / should not be empty" },
		{ "1otlp", NULL, NULL, "invalid character(s) in type \"1otlp\"" },
		{ "ot-lp/a", NULL, NULL, "invalid character(s) in type \"ot-lp\"" },
		{ "otlp/a b", NULL, NULL, "invalid character(s) in name \"a b\"" },
		{ "otlp/a\tb", NULL, NULL, "invalid character(s) in name" },
		{ "otlp/a$b", NULL, NULL, "invalid character(s) in name \"a$b\"" },
		{ "otlp/a\u00A0b", NULL, NULL, "invalid character(s) in name" },
		{ "otlp/a\u200Bb", NULL, NULL, "invalid character(s) in name" },
		{ "otlp/a\xFF", NULL, NULL, "invalid character(s) in name" },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct id id;
		struct err e;
		int rc = id_parse(slice_of(rows[i].text), &id, &e);
		assert_int_equal(rc, rows[i].error ? -1 : 0);
		if (rows[i].error)
			assert_non_null(strstr(e.text, rows[i].error));
		else
			assert_true(slice_is(id.type, rows[i].type) && slice_is(id.name, rows[i].name));
	}
}

static void lengths(void **state UNUSED)
{
	char text[1200];
	struct id id;
	struct err e;
	memset(text, 'a', sizeof(text));
	assert_int_equal(id_parse((slice){ text, 63 }, &id, &e), 0);
	assert_int_equal(id_parse((slice){ text, 64 }, &id, &e), -1);
	text[1] = '/';
	assert_int_equal(id_parse((slice){ text, 2 + 1024 }, &id, &e), 0);
	assert_int_equal(id_parse((slice){ text, 2 + 1025 }, &id, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grammar),
		cmocka_unit_test(lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
