/* test_endpoints.c - a signal's key, its member, its path and its URL belong together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "lib/pipe/endpoints.h"

static const struct {
	enum signal signal;
	const char *key, *path;
} rows[] = {
	{ TRACES, "traces_endpoint", "v1/traces" },
	{ METRICS, "metrics_endpoint", "v1/metrics" },
	{ LOGS, "logs_endpoint", "v1/logs" },
};

static slice *member(struct endpoints_conf *c, const char *key)
{
	for (const struct conf_field *f = endpoints_fields; f->key; f++)
		if (!strcmp(f->key, key))
			return (void *)((char *)c + f->offset);
	fail_msg("no option %s", key);
	return NULL;
}

static void expect_url(const struct endpoints_conf *c, enum signal signal, const char *url)
{
	struct arena a;
	arena_init(&a);
	const char *got = endpoint_url(c, signal, &a);
	if (!url)
		assert_null(got);
	else
		assert_string_equal(got, url);
	arena_release(&a);
}

static void test_own_url(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct endpoints_conf c = { 0 };
		assert_string_equal(endpoint_key(rows[i].signal), rows[i].key);
		assert_string_equal(endpoint_path(rows[i].signal), rows[i].path);
		assert_false(endpoints_any(&c));
		expect_url(&c, rows[i].signal, NULL);
		*member(&c, rows[i].key) = SLICE("http://own/?x");
		assert_true(endpoints_any(&c));
		for (size_t k = 0; k < COUNTOF(rows); k++)
			expect_url(&c, rows[k].signal, k == i ? "http://own/?x" : NULL);
		*member(&c, "endpoint") = SLICE("http://base");
		expect_url(&c, rows[i].signal, "http://own/?x");
	}
}

static void test_base_url(void **state)
{
	static const char *const bases[][2] = { { "http://h", "http://h/" }, { "http://h/", "http://h/" },
		{ "https://h:1/a", "https://h:1/a/" }, { "https://h:1/a/", "https://h:1/a/" } };
	(void)state;
	for (size_t i = 0; i < COUNTOF(bases) * COUNTOF(rows); i++) {
		const char *const *base = bases[i / COUNTOF(rows)];
		struct endpoints_conf c = { .endpoint = slice_of(base[0]) };
		char url[64];
		snprintf(url, sizeof url, "%s%s", base[1], rows[i % COUNTOF(rows)].path);
		assert_true(endpoints_any(&c));
		expect_url(&c, rows[i % COUNTOF(rows)].signal, url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_url),
		cmocka_unit_test(test_base_url),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
