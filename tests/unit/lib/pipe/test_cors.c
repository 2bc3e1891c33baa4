/* test_cors.c - origins, wildcards, preflight and simple answers. */
#include "lib/pipe/cors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static slice origins[] = { { "https://*.example.com", 21 }, { "http://localhost:3000", 21 } };
static slice headers[] = { { "X-Custom", 8 } };

static struct cors_conf conf(void)
{
	return (struct cors_conf){
		.enabled = true,
		.allowed_origins = { origins, 2 },
		.allowed_headers = { headers, 1 },
		.max_age = 600,
	};
}

static const char *find(const struct http_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is(h[i].name, name))
			return h[i].value.p;
	return NULL;
}

static void test_origins(void **state)
{
	static const struct {
		const char *origin;
		bool allowed;
	} rows[] = {
		{ "https://app.example.com", true },
		{ "https://a.b.example.com", true },
		{ "http://localhost:3000", true },
		{ "http://localhost:30001", false },
		{ "https://example.com", false },
		{ "https://evil.com/.example.com.evil", false },
	};
	struct cors_conf c = conf();
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct http_header in = { SLICE("Origin"), slice_of(rows[i].origin) }, out[CORS_HEADERS];
		struct http_head h = { .method = SLICE("POST"), .headers = &in, .n_headers = 1 };
		char scratch[32];
		size_t n = cors_headers(&c, &h, scratch, out);
		assert_int_equal(n > 0, rows[i].allowed);
		if (n)
			assert_string_equal(find(out, n, "Access-Control-Allow-Origin"), rows[i].origin);
	}
}

static void test_preflight(void **state)
{
	struct cors_conf c = conf();
	struct http_header in[] = {
		{ SLICE("Origin"), SLICE("https://a.example.com") },
		{ SLICE("Access-Control-Request-Method"), SLICE("POST") },
		{ SLICE("Access-Control-Request-Headers"), SLICE("content-type, x-custom") },
	};
	struct http_head h = { .method = SLICE("OPTIONS"), .headers = in, .n_headers = 3 };
	struct http_header out[CORS_HEADERS];
	char scratch[32];
	(void)state;
	assert_true(cors_is_preflight(&c, &h));
	size_t n = cors_headers(&c, &h, scratch, out);
	assert_string_equal(find(out, n, "Access-Control-Max-Age"), "600");
	assert_non_null(find(out, n, "Access-Control-Allow-Headers"));
	in[2].value = SLICE("content-type, x-other");
	assert_int_equal(cors_headers(&c, &h, scratch, out), 0);
	c.enabled = false;
	assert_false(cors_is_preflight(&c, &h));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_origins), cmocka_unit_test(test_preflight) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
