/* test_http_client.c - the client against a scripted server on loopback; the only waiting is a timeout under test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>
#include <unistd.h>

#include "lib/base/strbuf.h"
#include "lib/net/http_client.h"
#include "tests/unit/rig/certs.h"
#include "tests/unit/rig/http_peer.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 2\r\n\r\nok"
#define LONG_LABEL "a23456789b123456789c123456789d123456789e123456789f123456789g123456789" /* > 63: never a name */

struct outcome {
	unsigned n; /* on_done calls */
	int status;
	enum http_fault fault;
	char text[1024], body[256], content_type[64], retry_after[64], date[64];
	size_t body_len;
	struct loop *stop; /* when it is done */
	struct world *again; /* posts once more from on_done */
};

struct world {
	struct fake_clock fake;
	struct loop loop;
	struct peer peer;
	struct http_client *client;
	bool closed;
	char last_head[8192];
	struct strbuf last_body;
};

static void keep(char *out, size_t n, slice s)
{
	snprintf(out, n, "%.*s", s.len < n ? (int)s.len : (int)n - 1, s.p ? s.p : "");
}

static void on_done(void *ctx, const struct http_reply *r)
{
	struct outcome *o = ctx;

	o->n++;
	o->status = r->status;
	o->fault = r->fault;
	o->body_len = r->body.len;
	keep(o->text, sizeof(o->text), slice_of(r->text));
	keep(o->body, sizeof(o->body), r->body);
	keep(o->content_type, sizeof(o->content_type), r->content_type);
	keep(o->retry_after, sizeof(o->retry_after), r->retry_after);
	keep(o->date, sizeof(o->date), r->date);
	if (o->stop)
		loop_stop(o->stop);
}

static void on_closed(void *ctx)
{
	struct world *w = ctx;

	w->closed = true;
	loop_stop(&w->loop);
}

/* The answer to every request, unless the test says otherwise. */
static struct peer_answer script_ok(void *ctx, const struct peer_request *r)
{
	struct world *w = ctx;

	snprintf(w->last_head, sizeof(w->last_head), "%s", r->head);
	strbuf_clear(&w->last_body);
	strbuf_add(&w->last_body, (slice){ r->body, r->body_len });
	return (struct peer_answer){ .text = OK_ANSWER, .then = PEER_KEEP };
}

static void world_client(struct world *w, struct http_client_settings s)
{
	struct err e = { 0 };

	if (s.proxy_url.len == 0)
		s.proxy_url = SLICE("none");
	w->client = http_client_new(&w->loop, &s, &e);
	if (!w->client)
		fail_msg("%s", e.text);
}

static void world_open(struct world *w, struct http_client_settings s)
{
	fake_clock_init(&w->fake, 1000 * NS_PER_S, 0);
	assert_int_equal(loop_init(&w->loop, &w->fake.clock), 0);
	strbuf_init(&w->last_body, 64 << 20);
	if (!w->peer.script) {
		w->peer.script = script_ok;
		w->peer.ctx = w;
	}
	peer_start(&w->peer);
	world_client(w, s);
}

static void world_close(struct world *w)
{
	if (w->client)
		http_client_close(w->client, on_closed, w);
	if (w->client)
		loop_run(&w->loop);
	assert_true(w->closed || !w->client);
	loop_release(&w->loop);
	peer_stop(&w->peer);
	strbuf_release(&w->last_body);
}

static const char *const headers[] = { "Content-Type: application/x-protobuf", "X-Empty:", "X-Key: secret", NULL };

static int post_to(struct world *w, const char *url, const slice *parts, size_t n, int64_t timeout_ns, struct outcome *o,
	struct err *e)
{
	struct http_post p = { .url = url, .headers = headers, .parts = parts, .n_parts = n, .timeout_ns = timeout_ns,
		.on_done = on_done, .ctx = o };

	return http_client_post(w->client, &p, e);
}

static struct outcome exchange_with(struct world *w, const char *url, const slice *parts, size_t n, int64_t timeout_ns)
{
	struct outcome o = { .stop = &w->loop };
	struct err e = { 0 };

	if (post_to(w, url, parts, n, timeout_ns, &o, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(o.n, 0); /* never before post returned */
	loop_run(&w->loop);
	assert_int_equal(o.n, 1);
	return o;
}

static struct outcome exchange(struct world *w)
{
	slice body = SLICE("hello");

	return exchange_with(w, w->peer.url, &body, 1, 10 * NS_PER_S);
}

static void test_request_and_answer(void **state)
{
	struct world w = { 0 };
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	struct outcome o = exchange(&w);

	assert_int_equal(o.fault, HTTP_FAULT_NONE);
	assert_int_equal(o.status, 200);
	assert_string_equal(o.body, "ok");
	assert_string_equal(o.content_type, "application/x-protobuf");
	assert_true(slice_is(strbuf_slice(&w.last_body), "hello"));
	assert_non_null(strstr(w.last_head, "POST /v1/traces HTTP/1.1\r\n"));
	assert_non_null(strstr(w.last_head, "\r\nContent-Type: application/x-protobuf\r\n"));
	assert_non_null(strstr(w.last_head, "\r\nX-Empty:"));
	assert_non_null(strstr(w.last_head, "\r\nX-Key: secret\r\n"));
	assert_non_null(strstr(w.last_head, "\r\nContent-Length: 5\r\n"));
	assert_null(strcasestr(w.last_head, "\r\nexpect:"));
	assert_null(strcasestr(w.last_head, "\r\naccept-encoding:"));
	assert_null(strcasestr(w.last_head, "\r\nuser-agent:")); /* the caller's business */
	assert_null(strcasestr(w.last_head, "\r\ntransfer-encoding:"));
	world_close(&w);
}

/* Bodies of every size and cut arrive as they are, all over one connection. */
static void test_bodies(void **state)
{
	static const size_t sizes[] = { 0, 1, 59999, 60000, 60001, 65536, 300000, 3000000 };
	struct world w = { 0 };
	char *body = malloc(3000000);
	(void)state;

	for (size_t i = 0; i < 3000000; i++)
		body[i] = (char)(i * 7 >> 2);
	world_open(&w, (struct http_client_settings){ 0 });
	for (size_t i = 0; i < COUNTOF(sizes); i++)
		for (size_t cut = 1; cut <= 4; cut++) {
			size_t n = sizes[i], each = n / cut;
			slice parts[] = { { body, each }, { body + each, each }, { body + 2 * each, each },
				{ body + 3 * each, each } };

			parts[cut - 1].len = n - each * (cut - 1);
			struct outcome o = exchange_with(&w, w.peer.url, parts, n ? cut : 0, 10 * NS_PER_S);

			assert_int_equal(o.fault, HTTP_FAULT_NONE);
			assert_int_equal(w.last_body.len, n);
			if (n)
				assert_memory_equal(w.last_body.p, body, n);
		}
	assert_int_equal(atomic_load(&w.peer.n_connections), 1);
	free(body);
	world_close(&w);
}

struct fixed {
	struct peer_answer answer;
};

static struct peer_answer script_fixed(void *ctx, const struct peer_request *r)
{
	(void)r;
	return *(const struct peer_answer *)ctx;
}

static void test_answers(void **state)
{
	static const struct {
		const char *name;
		struct peer_answer answer;
		int status;
		enum http_fault fault;
		const char *body, *retry_after, *date;
	} rows[] = {
		{ "429", { .text = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nretry-after: 9\r\nDate: Sun, 06 Nov 1994 "
				   "08:49:37 GMT\r\nContent-Length: 0\r\n\r\n" },
			429, HTTP_FAULT_NONE, "", "7", "Sun, 06 Nov 1994 08:49:37 GMT" },
		{ "redirect", { .text = "HTTP/1.1 307 R\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n" }, 307,
			HTTP_FAULT_NONE, "", "", "" },
		{ "204", { .text = "HTTP/1.1 204 No Content\r\n\r\n" }, 204, HTTP_FAULT_NONE, "", "", "" },
		{ "interim", { .text = "HTTP/1.1 103 Early Hints\r\nRetry-After: 5\r\n\r\n" OK_ANSWER }, 200, HTTP_FAULT_NONE,
			"ok", "", "" },
		{ "chunked", { .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n" },
			200, HTTP_FAULT_NONE, "abcd", "", "" },
		{ "until close", { .text = "HTTP/1.0 503 Busy\r\nRetry-After: x\r\n\r\nbusy", .then = PEER_CLOSE }, 503,
			HTTP_FAULT_NONE, "busy", "x", "" },
		{ "gzip is not undone", { .text = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n123" },
			200, HTTP_FAULT_NONE, "123", "", "" },
		{ "reset before", { .then = PEER_RESET }, 0, HTTP_FAULT_RESET, NULL, NULL, NULL },
		{ "close before", { .then = PEER_CLOSE }, 0, HTTP_FAULT_RESET, NULL, NULL, NULL },
		{ "reset in head", { .text = "HTTP/1.1 200 OK\r\nContent-", .then = PEER_RESET }, 0, HTTP_FAULT_RESET, NULL, NULL,
			NULL },
		{ "close in body", { .text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .then = PEER_CLOSE }, 0,
			HTTP_FAULT_RESET, NULL, NULL, NULL },
		{ "reset in body", { .text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .then = PEER_RESET }, 0,
			HTTP_FAULT_RESET, NULL, NULL, NULL },
		{ "not HTTP", { .text = "SSH-2.0-OpenSSH\r\n\r\n", .then = PEER_CLOSE }, 0, HTTP_FAULT_LOCAL, NULL, NULL, NULL },
		{ "large by length", { .text = "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", .then = PEER_HANG }, 200,
			HTTP_FAULT_TOO_LARGE, NULL, "", "" },
		{ "large by chunks", { .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .repeat = 1000000,
					     .filler = "8\r\nabcdefgh\r\n", .then = PEER_HANG },
			200, HTTP_FAULT_TOO_LARGE, NULL, "", "" },
		{ "large head", { .text = "HTTP/1.1 200 OK\r\n", .repeat = 10000, .filler = "X-Filler: abcdefgh\r\n",
					.then = PEER_HANG },
			200, HTTP_FAULT_TOO_LARGE, NULL, "", "" },
	};
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct peer_answer a = rows[i].answer;
		struct world w = { .peer = { .script = script_fixed, .ctx = &a } };

		world_open(&w, (struct http_client_settings){ .max_response = 1 << 20 });
		struct outcome o = exchange(&w);

		if (o.fault != rows[i].fault || o.status != rows[i].status)
			fail_msg("%s: status %d, fault %d, %s", rows[i].name, o.status, o.fault, o.text);
		if (rows[i].body)
			assert_string_equal(o.body, rows[i].body);
		if (rows[i].retry_after)
			assert_string_equal(o.retry_after, rows[i].retry_after);
		if (rows[i].date)
			assert_string_equal(o.date, rows[i].date);
		if (o.fault != HTTP_FAULT_NONE) {
			char where[32];

			snprintf(where, sizeof(where), "127.0.0.1:%u", w.peer.port);
			if (!strstr(o.text, where))
				fail_msg("%s: %s", rows[i].name, o.text);
		}
		assert_int_equal(atomic_load(&w.peer.n_requests), 1); /* no redirect followed, nothing sent twice */
		world_close(&w);
	}
}

static void test_limit_of_answer(void **state)
{
	struct peer_answer a = { .text = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", .filler = "x", .then = PEER_CLOSE };
	struct world w = { .peer = { .script = script_fixed, .ctx = &a } };
	(void)state;

	world_open(&w, (struct http_client_settings){ .max_response = 1000 });
	for (a.repeat = 999; a.repeat <= 1001; a.repeat++) {
		struct outcome o = exchange(&w);

		assert_int_equal(o.fault, a.repeat <= 1000 ? HTTP_FAULT_NONE : HTTP_FAULT_TOO_LARGE);
		assert_int_equal(o.body_len, a.repeat <= 1000 ? a.repeat : o.body_len);
	}
	world_close(&w);
}

/* A 413 before the body was read is an answer, not a broken pipe. */
static void test_early_answer(void **state)
{
	struct peer_answer a = { .text = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		.then = PEER_HANG };
	struct world w = { .peer = { .script = script_fixed, .ctx = &a, .answer_early = true } };
	char *body = calloc(1, 20 << 20);
	slice part = { body, 20 << 20 };
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	struct outcome o = exchange_with(&w, w.peer.url, &part, 1, 10 * NS_PER_S);

	assert_int_equal(o.fault, HTTP_FAULT_NONE);
	assert_int_equal(o.status, 413);
	free(body);
	world_close(&w);
}

static void test_timeout(void **state)
{
	struct peer_answer a = { .then = PEER_HANG };
	struct world w = { .peer = { .script = script_fixed, .ctx = &a } };
	slice body = SLICE("x");
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	struct outcome o = exchange_with(&w, w.peer.url, &body, 1, 30 * NS_PER_MS);

	assert_int_equal(o.fault, HTTP_FAULT_TIMEOUT);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.text, "timeout at 127.0.0.1:"));
	world_close(&w);
}

static void test_no_connection(void **state)
{
	struct world w = { 0 };
	char url[64];
	slice body = SLICE("x");
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	snprintf(url, sizeof(url), "http://127.0.0.1:1/x"); /* tcpmux: nobody listens there */
	struct outcome o = exchange_with(&w, url, &body, 1, 10 * NS_PER_S);

	assert_int_equal(o.fault, HTTP_FAULT_CONNECT);
	assert_string_equal(o.text, "cannot connect to 127.0.0.1:1: Connection refused");
	o = exchange_with(&w, "http://user:password@" LONG_LABEL ".test/x", &body, 1, 10 * NS_PER_S);
	assert_int_equal(o.fault, HTTP_FAULT_RESOLVE);
	assert_non_null(strstr(o.text, LONG_LABEL ".test:80"));
	assert_null(strstr(o.text, "password"));
	world_close(&w);
}

/* "localhost" is ::1 first, where nobody listens: the second attempt gets the number of the first one's socket. */
static void test_second_address(void **state)
{
	struct world w = { 0 };
	char url[64];
	slice body = SLICE("x");
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	snprintf(url, sizeof(url), "http://localhost:%u/x", w.peer.port);
	for (int i = 0; i < 3; i++)
		assert_int_equal(exchange_with(&w, url, &body, 1, 3 * NS_PER_S).status, 200);
	world_close(&w);
}

static void test_bad_posts(void **state)
{
	static const char *const urls[] = { "", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://", "http://a b/",
		"http://127.0.0.1:99999/", "127.0.0.1:4318/v1/traces" };
	static const char *const bad_headers[] = { "X: a\r\nY: b", "no colon", ": no name" };
	struct world w = { 0 };
	struct outcome o = { 0 };
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	for (size_t i = 0; i < COUNTOF(urls); i++) {
		struct err e = { 0 };

		if (post_to(&w, urls[i], NULL, 0, 0, &o, &e) != -1)
			fail_msg("%s", urls[i]);
		assert_non_null(strstr(e.text, "URL"));
	}
	for (size_t i = 0; i < COUNTOF(bad_headers); i++) {
		const char *lines[] = { bad_headers[i], NULL };
		struct http_post p = { .url = w.peer.url, .headers = lines, .on_done = on_done, .ctx = &o };
		struct err e = { 0 };

		assert_int_equal(http_client_post(w.client, &p, &e), -1);
		assert_non_null(strstr(e.text, "header"));
	}
	assert_int_equal(exchange(&w).status, 200); /* the client is fine */
	world_close(&w);
	assert_int_equal(o.n, 0);
}

static void test_reuse_counted(void **state)
{
	(void)state;
	for (int off = 0; off < 2; off++) {
		struct world w = { 0 };

		world_open(&w, (struct http_client_settings){ .disable_keep_alives = off });
		for (int i = 0; i < 20; i++)
			assert_int_equal(exchange(&w).status, 200);
		assert_int_equal(atomic_load(&w.peer.n_connections), off ? 20 : 1);
		world_close(&w);
	}
}

static struct peer_answer script_keep_then_close(void *ctx, const struct peer_request *r)
{
	struct world *w = ctx;
	struct peer_answer a = script_ok(w, r);

	if (r->number == 0)
		a.then = PEER_CLOSE; /* though it promised to keep it */
	return a;
}

/* The server closed the idle connection before the next request. */
static void test_closed_while_idle(void **state)
{
	struct world w = { .peer = { .script = script_keep_then_close } };
	(void)state;

	w.peer.ctx = &w;
	world_open(&w, (struct http_client_settings){ 0 });
	assert_int_equal(exchange(&w).status, 200);
	peer_await_end(&w.peer);
	loop_pump(&w.loop); /* the loop hears of it; nothing must come of that */
	struct outcome o = exchange(&w);

	assert_int_equal(o.fault, HTTP_FAULT_NONE);
	assert_int_equal(atomic_load(&w.peer.n_requests), 2);
	assert_int_equal(atomic_load(&w.peer.n_connections), 2);
	world_close(&w);
}

static struct peer_answer script_drop_second(void *ctx, const struct peer_request *r)
{
	if (r->number == 1)
		return (struct peer_answer){ .then = PEER_CLOSE };
	return script_ok(ctx, r);
}

/* The server closes as the request arrives: it is sent again on a new connection, body and all, and reported once. */
static void test_keep_alive_race(void **state)
{
	enum { N = 200000 };
	char *body = malloc(N);
	(void)state;

	for (size_t i = 0; i < N; i++)
		body[i] = (char)(i * 13 >> 3);
	for (int large = 0; large < 2; large++) {
		struct world w = { .peer = { .script = script_drop_second } };
		slice parts[] = { { body, 1000 }, { body + 1000, large ? N - 1000 : 2000 } };

		w.peer.ctx = &w;
		world_open(&w, (struct http_client_settings){ 0 });
		assert_int_equal(exchange(&w).status, 200);
		struct outcome o = exchange_with(&w, w.peer.url, parts, 2, 10 * NS_PER_S);

		if (o.fault != HTTP_FAULT_NONE)
			fail_msg("%s", o.text);
		assert_int_equal(w.last_body.len, parts[0].len + parts[1].len);
		assert_memory_equal(w.last_body.p, body, w.last_body.len);
		assert_int_equal(atomic_load(&w.peer.n_requests), 3);
		world_close(&w);
	}
	free(body);
}

static void test_idle_connections_close(void **state)
{
	struct world w = { 0 };
	(void)state;

	world_open(&w, (struct http_client_settings){ .idle_timeout_ns = 60 * NS_PER_S });
	assert_int_equal(exchange(&w).status, 200);
	fake_clock_advance(&w.fake, 40 * NS_PER_S);
	loop_pump(&w.loop);
	assert_int_equal(exchange(&w).status, 200);
	fake_clock_advance(&w.fake, 59 * NS_PER_S);
	loop_pump(&w.loop);
	assert_int_equal(exchange(&w).status, 200);
	assert_int_equal(atomic_load(&w.peer.n_connections), 1);
	fake_clock_advance(&w.fake, 61 * NS_PER_S);
	loop_pump(&w.loop);
	fake_clock_advance(&w.fake, 61 * NS_PER_S);
	loop_pump(&w.loop);
	peer_await_end(&w.peer); /* hangs when it is still open */
	assert_int_equal(exchange(&w).status, 200);
	assert_int_equal(atomic_load(&w.peer.n_connections), 2);
	world_close(&w);
}

static void test_many_at_once(void **state)
{
	enum { N = 40 };
	(void)state;
	for (size_t limit = 0; limit <= 3; limit += 3) {
		struct world w = { 0 };
		struct outcome o[N] = { 0 };
		slice body = SLICE("hello");
		struct err e;

		world_open(&w, (struct http_client_settings){ .max_conns_per_host = limit });
		for (int i = 0; i < N; i++)
			assert_int_equal(post_to(&w, w.peer.url, &body, 1, 0, &o[i], &e), 0);
		for (bool all = false; !all;) {
			uv_run(&w.loop.uv, UV_RUN_ONCE);
			all = true;
			for (int i = 0; i < N; i++)
				all = all && o[i].n > 0;
		}
		for (int i = 0; i < N; i++) {
			assert_int_equal(o[i].n, 1);
			assert_int_equal(o[i].status, 200);
		}
		assert_true(limit == 0 || atomic_load(&w.peer.n_connections) <= limit);
		assert_int_equal(atomic_load(&w.peer.n_requests), N);
		world_close(&w);
	}
}

static void on_done_post_again(void *ctx, const struct http_reply *r)
{
	struct outcome *o = ctx;
	struct world *w = o->again;
	struct http_post p = { .url = w->peer.url, .headers = headers, .on_done = on_done_post_again, .ctx = o };
	struct err e;

	assert_int_equal(r->status, 200);
	if (++o->n == 5)
		http_client_close(w->client, on_closed, w); /* from inside on_done */
	else
		assert_int_equal(http_client_post(w->client, &p, &e), 0);
}

static void test_calls_from_on_done(void **state)
{
	struct world w = { 0 };
	struct outcome o = { .again = &w };
	struct http_post p = { .headers = headers, .on_done = on_done_post_again, .ctx = &o };
	struct err e;
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	p.url = w.peer.url;
	assert_int_equal(http_client_post(w.client, &p, &e), 0);
	loop_run(&w.loop);
	assert_true(w.closed);
	assert_int_equal(o.n, 5);
	w.client = NULL;
	world_close(&w);
}

static void test_cancel_at_close(void **state)
{
	struct peer_answer a = { .then = PEER_HANG };
	(void)state;

	for (int turns = 0; turns < 4; turns++) {
		struct world w = { .peer = { .script = script_fixed, .ctx = &a } };
		struct outcome o[3] = { 0 };
		slice body = SLICE("x");
		struct err e;

		world_open(&w, (struct http_client_settings){ 0 });
		for (int i = 0; i < 3; i++)
			assert_int_equal(post_to(&w, w.peer.url, &body, 1, 0, &o[i], &e), 0);
		for (int i = 0; i < turns; i++)
			loop_pump(&w.loop);
		http_client_close(w.client, on_closed, &w);
		assert_int_equal(o[0].n, 0); /* from the loop only */
		assert_int_equal(post_to(&w, w.peer.url, &body, 1, 0, &o[0], &e), -1);
		loop_run(&w.loop);
		assert_true(w.closed);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(o[i].n, 1);
			assert_int_equal(o[i].fault, HTTP_FAULT_CANCELLED);
			assert_int_equal(o[i].status, 0);
		}
		w.client = NULL;
		world_close(&w);
	}
}

static void test_close_unused(void **state)
{
	struct world w = { 0 };
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	world_close(&w);
	assert_true(w.closed);
}

/* A proxy gets the whole URL; a request that ignores it must fail to resolve. */
static void test_proxy(void **state)
{
	static const struct {
		const char *name, *env, *no_proxy, *setting;
		bool by_name; /* URL with a name nobody can resolve, else the peer's own */
		int status;
		const char *line;
	} rows[] = {
		{ "environment", "http_proxy", NULL, "", true, 200, "POST http://" LONG_LABEL ".test/x HTTP/1.1" },
		{ "upper case", "HTTP_PROXY", NULL, "", true, 200, "POST http://" LONG_LABEL ".test/x HTTP/1.1" },
		{ "NO_PROXY", "http_proxy", ".test", "", true, 0, NULL },
		{ "NO_PROXY all", "http_proxy", "*", "", true, 0, NULL },
		{ "loopback", "http_proxy", NULL, "", false, 200, "POST /v1/traces HTTP/1.1" },
		{ "ignored", "http_proxy", NULL, "none", true, 0, NULL },
		{ "other scheme", "HTTPS_PROXY", NULL, "", true, 0, NULL },
		{ "configured", NULL, "*", "peer", true, 200, "POST http://" LONG_LABEL ".test/x HTTP/1.1" },
		{ "configured, loopback", NULL, NULL, "peer", false, 200, "POST http://127.0.0.1:" },
	};
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct world w = { 0 };
		char proxy[64];
		slice body = SLICE("hello");

		world_open(&w, (struct http_client_settings){ 0 });
		world_close(&w); /* an own client below */
		w = (struct world){ 0 };
		fake_clock_init(&w.fake, NS_PER_S, 0);
		assert_int_equal(loop_init(&w.loop, &w.fake.clock), 0);
		strbuf_init(&w.last_body, 1024);
		w.peer.script = script_ok;
		w.peer.ctx = &w;
		peer_start(&w.peer);
		snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", w.peer.port);
		if (rows[i].env)
			setenv(rows[i].env, proxy, 1);
		if (rows[i].no_proxy)
			setenv("NO_PROXY", rows[i].no_proxy, 1);
		struct http_client_settings s = { .proxy_url = slice_of(rows[i].setting) };
		struct err e = { 0 };

		if (slice_is(s.proxy_url, "peer"))
			s.proxy_url = slice_of(proxy);
		w.client = http_client_new(&w.loop, &s, &e);
		assert_non_null(w.client);
		struct outcome o = exchange_with(
			&w, rows[i].by_name ? "http://" LONG_LABEL ".test/x" : w.peer.url, &body, 1, 10 * NS_PER_S);

		if (o.status != rows[i].status || (rows[i].line && !strstr(w.last_head, rows[i].line)))
			fail_msg("%s: %d %s %s", rows[i].name, o.status, o.text, w.last_head);
		if (o.status == 0)
			assert_int_equal(o.fault, HTTP_FAULT_RESOLVE);
		world_close(&w);
		if (rows[i].env)
			unsetenv(rows[i].env);
		unsetenv("NO_PROXY");
	}
}

static struct {
	struct cert ca, other_ca, server, elsewhere, client, stranger;
} rig;

static SSL_CTX *tls_server(const struct cert *c, bool want_client)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate(ctx, c->x509), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, c->key), 1);
	if (want_client) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), rig.ca.x509);
	}
	return ctx;
}

static void test_tls(void **state)
{
	slice ca = slice_of(rig.ca.cert_pem), other = slice_of(rig.other_ca.cert_pem);
	slice cert = slice_of(rig.client.cert_pem), key = slice_of(rig.client.key_pem);
	slice bad_cert = slice_of(rig.stranger.cert_pem), bad_key = slice_of(rig.stranger.key_pem);
	const struct {
		const char *name;
		struct tls_settings s;
		const struct cert *server;
		bool want_client;
		enum http_fault fault;
	} rows[] = {
		{ "trusted", { .ca_pem = ca }, &rig.server, false, HTTP_FAULT_NONE },
		{ "trusted and system", { .ca_pem = ca, .include_system_ca_certs_pool = true }, &rig.server, false,
			HTTP_FAULT_NONE },
		{ "system only", { .cert_pem = cert, .key_pem = key }, &rig.server, false, HTTP_FAULT_TRUST },
		{ "other CA", { .ca_pem = other }, &rig.server, false, HTTP_FAULT_TRUST },
		{ "wrong host", { .ca_pem = ca }, &rig.elsewhere, false, HTTP_FAULT_TRUST },
		{ "name override", { .ca_pem = ca, .server_name_override = SLICE("elsewhere.test") }, &rig.elsewhere, false,
			HTTP_FAULT_NONE },
		{ "bad override", { .ca_pem = ca, .server_name_override = SLICE("third.test") }, &rig.elsewhere, false,
			HTTP_FAULT_TRUST },
		{ "unverified", { .insecure_skip_verify = true }, &rig.elsewhere, false, HTTP_FAULT_NONE },
		{ "mTLS", { .ca_pem = ca, .cert_pem = cert, .key_pem = key }, &rig.server, true, HTTP_FAULT_NONE },
		{ "mTLS without", { .ca_pem = ca }, &rig.server, true, HTTP_FAULT_TLS },
		{ "mTLS stranger", { .ca_pem = ca, .cert_pem = bad_cert, .key_pem = bad_key }, &rig.server, true,
			HTTP_FAULT_TLS },
		{ "mTLS without, 1.2", { .ca_pem = ca, .max_version = SLICE("1.2") }, &rig.server, true, HTTP_FAULT_TLS },
	};
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct world w = { .peer = { .tls = tls_server(rows[i].server, rows[i].want_client) } };

		world_open(&w, (struct http_client_settings){ .tls = rows[i].s });
		for (int twice = 0; twice < 2; twice++) {
			struct outcome o = exchange(&w);

			if (o.fault != rows[i].fault)
				fail_msg("%s: fault %d, %s", rows[i].name, o.fault, o.text);
			if (o.fault == HTTP_FAULT_NONE)
				assert_int_equal(o.status, 200);
			else
				assert_non_null(strstr(o.text, "127.0.0.1:"));
		}
		if (rows[i].fault == HTTP_FAULT_NONE) {
			char host[64];

			snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", w.peer.port);
			assert_non_null(strstr(w.last_head, host)); /* also when the name is overridden */
			assert_int_equal(atomic_load(&w.peer.n_connections), 1);
		} else {
			assert_int_equal(atomic_load(&w.peer.n_requests), 0);
		}
		world_close(&w);
	}
}

static void test_tls_files(void **state)
{
	char dir[] = "/tmp/weir-client-XXXXXX";
	(void)state;

	assert_non_null(mkdtemp(dir));
	char *ca = file_make(dir, "ca.pem", rig.ca.cert_pem), *cert = file_make(dir, "c.pem", rig.client.cert_pem);
	char *key = file_make(dir, "k.pem", rig.client.key_pem);
	struct http_client_settings s = { .tls = { .ca_file = slice_of(ca), .cert_file = slice_of(cert),
						  .key_file = slice_of(key), .include_system_ca_certs_pool = true } };
	struct world w = { .peer = { .tls = tls_server(&rig.server, true) } };

	world_open(&w, s);
	struct outcome o = exchange(&w);

	if (o.status != 200)
		fail_msg("%s", o.text);
	struct err e = { 0 };

	s.tls.ca_file = SLICE("/nowhere/ca.pem");
	assert_null(http_client_new(&w.loop, &s, &e));
	assert_non_null(strstr(e.text, "/nowhere/ca.pem"));
	world_close(&w);
	unlink(ca), unlink(cert), unlink(key), rmdir(dir);
	free(ca), free(cert), free(key);
}

/* Plaintext where TLS was asked for, and the other way round. */
static void test_mixed_up_schemes(void **state)
{
	struct world w = { 0 };
	char url[64];
	slice body = SLICE("x");
	(void)state;

	world_open(&w, (struct http_client_settings){ .tls = { .insecure = true } });
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", w.peer.port);
	struct outcome o = exchange_with(&w, url, &body, 1, 300 * NS_PER_MS);

	assert_true(o.fault == HTTP_FAULT_TLS || o.fault == HTTP_FAULT_TIMEOUT); /* the peer waits for a blank line */
	assert_int_equal(atomic_load(&w.peer.n_requests), 0);
	world_close(&w);
}

static int set_up(void **state)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY" };
	(void)state;

	for (size_t i = 0; i < COUNTOF(proxies); i++)
		unsetenv(proxies[i]);
	signal(SIGPIPE, SIG_IGN);
	rig.ca = cert_make(NULL, "test CA", NULL);
	rig.other_ca = cert_make(NULL, "other CA", NULL);
	rig.server = cert_make(&rig.ca, "server", "IP:127.0.0.1");
	rig.elsewhere = cert_make(&rig.ca, "elsewhere", "DNS:elsewhere.test");
	rig.client = cert_make(&rig.ca, "client", NULL);
	rig.stranger = cert_make(&rig.other_ca, "stranger", NULL);
	return 0;
}

static int tear_down(void **state)
{
	struct cert *certs[] = { &rig.ca, &rig.other_ca, &rig.server, &rig.elsewhere, &rig.client, &rig.stranger };
	(void)state;

	for (size_t i = 0; i < COUNTOF(certs); i++)
		cert_free(certs[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_unused),
		cmocka_unit_test(test_request_and_answer),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_limit_of_answer),
		cmocka_unit_test(test_early_answer),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_no_connection),
		cmocka_unit_test(test_second_address),
		cmocka_unit_test(test_bad_posts),
		cmocka_unit_test(test_reuse_counted),
		cmocka_unit_test(test_closed_while_idle),
		cmocka_unit_test(test_keep_alive_race),
		cmocka_unit_test(test_idle_connections_close),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_calls_from_on_done),
		cmocka_unit_test(test_cancel_at_close),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_tls_files),
		cmocka_unit_test(test_mixed_up_schemes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
