/* test_http_server.c - requests, bodies, limits and closing of a real server on a pumped loop (reliability.md 59 to
 * 70).
 */
#include "tests/unit/lib/net/http_rig.h"

#include "lib/net/http_server_internal.h"

#define HOST "Host: a\r\n"
#define POST "POST /v1/traces HTTP/1.1\r\n" HOST
#define POST3 POST "Content-Length: 3\r\n\r\nabc"

static void test_keep_alive(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	for (int i = 0; i < 100; i++)
		say(r, c, POST3);
	assert_int_equal(r->n_requests, 100);
	assert_int_equal(r->n_body, 300);
	assert_int_equal(
	        count(c,
	                "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
	                "Content-Length: 3\r\n\r\nabc"),
	        100);
	assert_false(c->eof);
	assert_int_equal(http_server_connections(r->server), 1);
	assert_int_equal(pool_used(&r->pool), 0);
	assert_true(sizeof(struct conn) <= 4096);
	client_free(c);
	settle(r, NULL);
	assert_int_equal(http_server_connections(r->server), 0);
	rig_free(r);
}

/* What must happen however the bytes arrive: requests dispatched, the last status, closed or not. */
static const struct {
	const char *name, *in;
	size_t len;
	unsigned n_requests;
	int fault;
} rows[] = {
	{ "two requests", POST3 "GET / HTTP/1.1\r\n" HOST "\r\n", 0, 2, 0 },
	{ "chunked then another", POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n" POST3, 0, 2,
	        0 },
	{ "CL.0", POST "Content-Length: 0\r\n\r\n" POST3, 0, 2, 0 },
	{ "bytes after Connection: close", POST "Connection: close\r\nContent-Length: 3\r\n\r\nabc" POST3, 0, 1, 0 },
	{ "HTTP/1.0 closes", "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc" POST3, 0, 1, 0 },
	{ "h2c upgrade with a body", POST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc" POST3,
	        0, 2, 0 },
	{ "CL.TE", POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "TE.CL", POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "TE.TE", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "obs-fold TE", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "leading space CL", POST " Content-Length: 3\r\n\r\nabc" POST3, 0, 0, 400 },
	{ "CR hides TE", POST "X-A:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "CR X", POST "Content-Length: 3\r\n\rXabc" POST3, 0, 0, 400 },
	{ "bare LF", POST "Content-Length: 3\n\r\nabc" POST3, 0, 0, 400 },
	{ "NUL", POST "X: \0\r\n\r\n" POST3, sizeof(POST "X: \0\r\n\r\n" POST3) - 1, 0, 400 },
	{ "CL in trailers is dropped", POST "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 30\r\n\r\n" POST3,
	        0, 2, 0 },
	{ "body too long for CL", POST "Content-Length: 2\r\n\r\nabc" POST3, 0, 1, 400 },
	{ "chunk size with a sign", POST "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "chunk size with a space", POST "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "chunk size overflow", POST "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n" POST3,
	        0, 0, 400 },
	{ "chunk longer than said", POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "chunk ended by LF", POST "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n" POST3, 0, 0, 400 },
	{ "second request broken", POST3 "GET / HTTP/1.1\r\n\r\n", 0, 1, 400 },
	{ "HTTP/0.9", "GET /\r\n" POST3, 0, 0, 400 },
	{ "two Hosts", POST HOST "\r\n" POST3, 0, 0, 400 },
	{ "an unknown method", "BREW / HTTP/1.1\r\n" HOST "\r\n" POST3, 0, 0, 400 },
	{ "expectation", POST "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc" POST3, 0, 0, 417 },
	{ "too large", POST "Content-Length: 1048577\r\n\r\nabc" POST3, 0, 0, 413 },
	{ "too large by chunk", POST "Transfer-Encoding: chunked\r\n\r\n100001\r\nabc", 0, 0, 413 },
};

static void check_row(struct rig *r, size_t i, size_t cut, size_t step, slice in)
{
	struct client *c = client_new(r);
	bool closes = rows[i].fault || strstr(rows[i].name, "close");
	r->n_requests = r->n_faults = 0;
	r->fault = 0;
	for (size_t at = 0, n = cut; at < in.len; at += n, n = step) {
		n = n < in.len - at ? n : in.len - at;
		say_n(r, c, in.p + at, n);
		settle(r, c);
	}
	if (r->n_requests != rows[i].n_requests || r->fault != rows[i].fault || r->n_faults != (rows[i].fault != 0) ||
	        c->eof != closes || count(c, "\r\nDate: ") != r->n_requests + r->n_faults)
		fail_msg("%s, cut at %zu: %u requests, fault %d, eof %d: %s", rows[i].name, cut, r->n_requests,
		        r->fault, c->eof, c->got);
	client_free(c);
	settle(r, NULL);
	assert_int_equal(pool_used(&r->pool), 0);
}

static void test_smuggling_at_every_cut(void **state UNUSED)
{
	struct rig *r = rig_new();
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		slice in = { rows[i].in, rows[i].len ? rows[i].len : strlen(rows[i].in) };
		check_row(r, i, in.len, in.len, in);
		check_row(r, i, 1, 1, in);
		for (size_t cut = 1; cut < in.len; cut++)
			check_row(r, i, cut, in.len, in);
	}
	rig_free(r);
}

static void test_bodies(void **state UNUSED)
{
	static const size_t sizes[] = { 1, 16000, 16384, 65535, 65536, 65537, 122000, 1 << 20 };
	static char body[1 << 20];
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	memset(body, 'b', sizeof(body));
	r->answer_len = 2;
	for (size_t i = 0; i < COUNTOF(sizes); i++) {
		char head[128];
		uint64_t before = r->n_body;
		snprintf(head, sizeof(head), POST "Content-Length: %zu\r\n\r\n", sizes[i]);
		say_n(r, c, head, strlen(head));
		say_n(r, c, body, sizes[i]);
		say(r, c, "");
		assert_int_equal(r->n_body - before, sizes[i]);
		before = r->n_body;
		say(r, c, POST "Transfer-Encoding: chunked\r\n\r\n");
		for (size_t at = 0, n; at < sizes[i]; at += n) {
			n = sizes[i] - at < 50000 ? sizes[i] - at : 50000;
			snprintf(head, sizeof(head), "%zx\r\n", n);
			say_n(r, c, head, strlen(head));
			say_n(r, c, body, n);
			say_n(r, c, "\r\n", 2);
		}
		say(r, c, "0\r\n\r\n");
		assert_int_equal(r->n_body - before, sizes[i]);
	}
	assert_int_equal(r->n_requests, 2 * COUNTOF(sizes));
	assert_int_equal(r->n_faults, 0);
	client_free(c);
	rig_free(r);
}

/* 1,000 requests in one go; answers keep their order, whether given at once or later. */
static void test_pipelining(void **state UNUSED)
{
	for (int later = 0; later <= 1; later++) {
		static char all[200000];
		struct rig *r = rig_new();
		struct client *c = client_new(r);
		const char *at = c->got;
		size_t len = 0;
		r->later = later;
		for (int i = 0; i < 1000; i++)
			len += (size_t)snprintf(all + len, sizeof(all) - len, POST "Content-Length: 4\r\n\r\n%04d", i);
		for (size_t sent = 0; sent < len;) {
			ssize_t n = send(c->fd, all + sent, len - sent, MSG_NOSIGNAL);
			sent += n > 0 ? (size_t)n : 0;
			settle(r, c);
			assert_true(r->n_ids <= 1 + count(c, "200 OK")); /* one in work */
			if (later && r->n_ids > count(c, "200 OK"))
				rig_answer(r, http_server_find(r->server, r->ids[r->n_ids - 1]), 200);
		}
		while (later && r->n_ids > count(c, "200 OK")) {
			struct exchange *x = http_server_find(r->server, r->ids[r->n_ids - 1]);
			assert_non_null(x);
			rig_answer(r, x, 200);
			settle(r, c);
		}
		assert_int_equal(r->n_requests, 1000);
		for (int i = 0; i < 1000; i++) {
			char want[16];
			snprintf(want, sizeof(want), "\n%04d", i);
			at = strstr(at, want);
			assert_non_null(at);
		}
		client_free(c);
		rig_free(r);
	}
}

static void test_expect(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	say(r, c, POST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
	assert_string_equal(c->got, "HTTP/1.1 100 Continue\r\n\r\n");
	say(r, c, "abc");
	assert_got(c, "HTTP/1.1 200 OK");
	say(r, c, POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"); /* did not wait */
	assert_int_equal(count(c, "100 Continue"), 1);
	assert_int_equal(r->n_requests, 2);
	say(r, c, POST "Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n");
	assert_int_equal(count(c, "100 Continue"), 1);
	assert_got(c, "HTTP/1.1 413 ");
	assert_true(c->eof);
	client_free(c);
	c = client_new(r);
	r->refuse = 401;
	say(r, c, POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(count(c, "100 Continue"), 0);
	assert_got(c, "HTTP/1.1 401 ");
	assert_got(c, "Connection: close\r\n"); /* the body may come or not */
	client_free(c);
	c = client_new(r);
	r->refuse = 0;
	say(r, c, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(c->n, 0);
	say(r, c, "abc");
	assert_got(c, "HTTP/1.1 200 OK");
	client_free(c);
	rig_free(r);
}

static void test_refused_at_the_head(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	r->refuse = 401;
	for (int i = 0; i < 3; i++) { /* a small body is passed over, in pieces too */
		say(r, c, POST "Content-Length: 60000\r\n\r\n");
		for (int k = 0; k < 60; k++) {
			char part[1000];
			memset(part, 'P', sizeof(part));
			say_n(r, c, part, sizeof(part));
		}
		say(r, c, POST3);
	}
	assert_int_equal(count(c, "HTTP/1.1 401 "), 6);
	assert_int_equal(r->n_heads, 6);
	assert_int_equal(r->n_requests, 0);
	assert_false(c->eof);
	say(r, c, POST "Content-Length: 70000\r\n\r\n"); /* a large one is not */
	assert_true(c->eof);
	client_free(c);
	c = client_new(r);
	say(r, c, POST "Transfer-Encoding: chunked\r\n\r\n");
	assert_true(c->eof);
	client_free(c);
	c = client_new(r); /* the rest that never comes */
	say(r, c, POST "Content-Length: 5\r\n\r\nab");
	assert_false(c->eof);
	pass(r, c, 31 * NS_PER_S);
	assert_true(c->eof);
	client_free(c);
	c = client_new(r);
	r->refuse_close = true;
	say(r, c, POST3 POST3);
	assert_int_equal(count(c, "HTTP/1.1 401 "), 1);
	assert_true(c->eof);
	client_free(c);
	c = client_new(r); /* a handler that does not answer a fault */
	r->silent_fault = true;
	say(r, c, "\x16\x03\x01");
	assert_got(c, "HTTP/1.1 400 Bad Request\r\n");
	assert_got(c, "Content-Length: 0\r\nConnection: close\r\n\r\n");
	client_free(c);
	rig_free(r);
}

static void test_versions_and_head(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	r->answer_len = 5;
	say(r, c, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_got(c, "Content-Length: 5\r\nConnection: keep-alive\r\n\r\nzzzzz");
	assert_false(c->eof);
	c->n = 0;
	say(r, c, "HEAD /b?q=1 HTTP/1.1\r\n" HOST "\r\n");
	assert_got(c, "Content-Length: 5\r\n\r\n");
	assert_int_equal(count(c, "z"), 0);
	assert_string_equal(r->path, "/b");
	c->n = 0;
	say(r, c, "GET http://a:4318/v1/x HTTP/1.1\r\n" HOST "\r\n");
	assert_string_equal(r->path, "/v1/x");
	say(r, c, "GET //v1/%2e%2e/x HTTP/1.1\r\n" HOST "\r\n");
	assert_string_equal(r->path, "//v1/%2e%2e/x");
	say(r, c, "GET /c HTTP/1.0\r\n\r\n");
	assert_true(c->eof);
	client_free(c);
	r->site.limits.keep_alive = false;
	c = client_new(r);
	say(r, c, POST3);
	assert_got(c, "Connection: close\r\n");
	assert_true(c->eof);
	client_free(c);
	rig_free(r);
}

/* Each request answers the one before it, from another connection: no nesting, whatever the depth. */
static void answer_previous(struct rig *r, struct exchange *x)
{
	struct exchange *before = r->n_ids ? http_server_find(r->server, r->ids[r->n_ids - 1]) : NULL;
	r->ids[r->n_ids++ % COUNTOF(r->ids)] = exchange_id(x);
	if (before)
		rig_answer(r, before, 200);
}

static void test_answers_do_not_nest(void **state UNUSED)
{
	static char all[200 * sizeof(POST3)];
	struct rig *r = rig_new();
	struct client *a = client_new(r), *b = client_new(r);
	size_t len = 0;
	r->on_request = answer_previous;
	for (int i = 0; i < 200; i++, len += sizeof(POST3) - 1)
		memcpy(all + len, POST3, sizeof(POST3) - 1);
	say_n(r, a, all, len);
	say_n(r, b, all, len);
	for (int i = 0; i < 20; i++) {
		settle(r, a);
		settle(r, b);
	}
	assert_int_equal(r->n_requests, 400);
	assert_true(count(a, "200 OK") >= 199);
	assert_true(count(b, "200 OK") >= 199);
	client_free(a);
	client_free(b);
	rig_free(r);
}

/* A handler may close the whole server from inside. */
static void close_all(struct rig *r, struct exchange *x UNUSED)
{
	http_server_close(r->server, rig_closed, r);
}

static void test_closing_inside_a_handler(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	r->on_request = close_all;
	say(r, c, POST3 POST3);
	assert_true(c->eof && r->closed);
	assert_int_equal(r->n_requests, 1);
	client_free(c);
	assert_int_equal(pool_used(&r->pool), 0);
	loop_release(&r->loop);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_smuggling_at_every_cut),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_refused_at_the_head),
		cmocka_unit_test(test_versions_and_head),
		cmocka_unit_test(test_answers_do_not_nest),
		cmocka_unit_test(test_closing_inside_a_handler),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
