/* test_http1.c - heads to struct http_head with llhttp as second reader, answers to bytes, dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/net/http1.h"
#include "lib/net/http_date.h"

#define HOST "Host: a\r\n"

static struct http1_request *parse(const char *raw, const char **why)
{
	struct http_guard g;
	http_guard_init(&g, 65536, 100);
	assert_int_equal(http_guard_head(&g, slice_of(raw)), GUARD_DONE);
	return http1_request_new(&g, raw, why);
}

static void assert_text(slice s, const char *want)
{
	if (!slice_is(s, want))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(s), want);
}

static const struct {
	const char *raw, *method, *path, *query;
	int64_t length;
	bool keep_alive;
	enum http1_expect expect;
} heads[] = {
	{ "GET / HTTP/1.1\r\n" HOST "\r\n", "GET", "/", "", 0, true, EXPECT_NOTHING },
	{ "\r\nPOST /v1/traces?a=b?c HTTP/1.1\r\n" HOST "Content-Length: 17\r\n\r\nxx", "POST", "/v1/traces", "a=b?c",
	        17, true, EXPECT_NOTHING },
	{ "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\nConnection: Close\r\n\r\n", "POST", "/a", "", -1,
	        false, EXPECT_NOTHING },
	{ "POST /a HTTP/1.0\r\nContent-Length: 1\r\nExpect: x\r\n\r\n", "POST", "/a", "", 1, false, EXPECT_NOTHING },
	{ "POST /a HTTP/1.0\r\nConnection: x, keep-alive\r\n\r\n", "POST", "/a", "", 0, true, EXPECT_NOTHING },
	{ "POST /a HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n", "POST", "/a", "", 5, true,
	        EXPECT_CONTINUE },
	{ "POST /a HTTP/1.1\r\n" HOST "Expect: 100-continue, x\r\n\r\n", "POST", "/a", "", 0, true, EXPECT_UNKNOWN },
	{ "GET http://h:1 HTTP/1.1\r\n" HOST "\r\n", "GET", "/", "", 0, true, EXPECT_NOTHING },
	{ "GET HTTPS://h?q HTTP/1.1\r\n" HOST "\r\n", "GET", "/", "q", 0, true, EXPECT_NOTHING },
	{ "GET http://h/p/q?r HTTP/1.1\r\n" HOST "\r\n", "GET", "/p/q", "r", 0, true, EXPECT_NOTHING },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS", "*", "", 0, true, EXPECT_NOTHING },
	{ "POST / HTTP/1.1\r\n" HOST "Connection: upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n", "POST",
	        "/", "", 2, false, EXPECT_NOTHING },
};

static void test_heads(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(heads); i++) {
		const char *why;
		struct http1_request *r = parse(heads[i].raw, &why);
		if (!r)
			fail_msg("%s: %s", heads[i].raw, why);
		assert_text(r->head.method, heads[i].method);
		assert_text(r->head.path, heads[i].path);
		assert_text(r->head.query, heads[i].query);
		assert_int_equal(r->head.content_length, heads[i].length);
		assert_int_equal(r->head.keep_alive, heads[i].keep_alive);
		assert_int_equal(r->expect, heads[i].expect);
		free(r);
	}
}

static void test_fields(void **state UNUSED)
{
	const char *why;
	char *raw = strdup(
	        "GET / HTTP/1.1\r\nhOst: \t a:1 \t\r\nX-Empty:\r\nX-B:b  c\r\nX-B: second\r\nX-Blank:  \t \r\n\r\n");
	struct http1_request *r = parse(raw, &why);
	memset(raw, '#', strlen(raw)); /* the request has its own copy */
	free(raw);
	assert_non_null(r);
	assert_int_equal(r->head.n_headers, 5);
	assert_text(http_head_get(&r->head, "HOST"), "a:1");
	assert_text(http_head_get(&r->head, "x-b"), "b  c");
	assert_text(r->head.headers[3].value, "second");
	assert_non_null(http_head_get(&r->head, "X-Empty").p);
	assert_int_equal(http_head_get(&r->head, "X-Empty").len, 0);
	assert_int_equal(http_head_get(&r->head, "X-Blank").len, 0);
	assert_null(http_head_get(&r->head, "X").p);
	free(r);
}

/* What passes the guard and not llhttp, and a guard that was wrong: nothing comes out. */
static void test_two_readers_must_agree(void **state UNUSED)
{
	const char *raw = "POST /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", *why;
	struct http_guard g, wrong;
	assert_null(parse("BREW / HTTP/1.1\r\n" HOST "\r\n", &why));
	assert_string_equal(why, "the method is not known");
	http_guard_init(&g, 65536, 100);
	assert_int_equal(http_guard_head(&g, slice_of(raw)), GUARD_DONE);
	for (int i = 0; i < 6; i++) {
		wrong = g;
		wrong.content_length += i == 0;
		wrong.content_length = i == 1 ? -1 : wrong.content_length;
		wrong.chunked = i == 2;
		wrong.n_fields += (i == 3) - (size_t)(i == 4);
		wrong.target_len -= i == 5;
		assert_null(http1_request_new(&wrong, raw, &why));
		assert_non_null(why);
	}
}

static void test_answers(void **state UNUSED)
{
	struct strbuf out;
	struct http_header extra[] = { { SLICE("Retry-After"), SLICE("5") },
		{ SLICE("X"), SLICE("a\r\nSet-Cookie: b") }, { SLICE("A\nB"), SLICE("c") }, { SLICE(""), SLICE("d") },
		{ SLICE("Tab"), SLICE("a\tb") } };
	struct http_answer a = { .status = 503,
		.content_type = SLICE("application/json"),
		.body = SLICE("{}"),
		.headers = extra,
		.n_headers = COUNTOF(extra) };
	struct http1_style style = { .date = SLICE("D"), .minor = 1, .close = true };
	strbuf_init(&out, 4096);
	http1_answer_head(&out, &a, &style);
	assert_string_equal(out.p,
	        "HTTP/1.1 503 Service Unavailable\r\nDate: D\r\nContent-Type: application/json\r\n"
	        "Content-Length: 2\r\nRetry-After: 5\r\nTab: a\tb\r\nConnection: close\r\n\r\n");
	assert_true(http1_answer_has_body(&a, &style));
	strbuf_clear(&out);
	a = (struct http_answer){ .status = 204 };
	style = (struct http1_style){ .date = SLICE("D"), .minor = 0 };
	http1_answer_head(&out, &a, &style);
	assert_string_equal(out.p, "HTTP/1.1 204 No Content\r\nDate: D\r\nConnection: keep-alive\r\n\r\n");
	assert_false(http1_answer_has_body(&a, &style));
	a.status = 200;
	style.to_head = true;
	assert_false(http1_answer_has_body(&a, &style));
	strbuf_release(&out);
	strbuf_init(&out, 20);
	http1_answer_head(&out, &a, &style);
	assert_true(out.failed);
	strbuf_release(&out);
	assert_string_equal(http1_reason(418), "Status");
}

static void test_dates(void **state UNUSED)
{
	static const int64_t fixed[] = { 0, 784111777, 951782400, 951868799, 951868800, 1709164800, 4102444799,
		253402300799 };
	char got[HTTP_DATE_LEN + 1], want[64];
	uint64_t seed = 88172645463325252u;
	http_date_format(784111777, got);
	assert_string_equal(got, "Sun, 06 Nov 1994 08:49:37 GMT");
	for (size_t i = 0; i < 20000; i++) {
		int64_t t = i < COUNTOF(fixed) ? fixed[i] : (int64_t)(seed % 253402300800u);
		time_t tt = (time_t)t;
		struct tm tm;
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&tt, &tm));
		http_date_format(t, got);
		assert_string_equal(got, want);
	}
	http_date_format(-5, got);
	assert_string_equal(got, "Thu, 01 Jan 1970 00:00:00 GMT");
	http_date_format(INT64_MAX, got);
	assert_string_equal(got, "Fri, 31 Dec 9999 23:59:59 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_two_readers_must_agree),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
