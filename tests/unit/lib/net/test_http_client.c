/* test_http_client.c - the client against a scripted server on loopback; the only waiting is a timeout under test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "tests/unit/rig/client_world.h"

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

static struct peer_answer script_fixed(void *ctx, const struct peer_request *r)
{
	(void)r;
	return *(const struct peer_answer *)ctx;
}

static const struct {
	const char *name;
	struct peer_answer answer;
	int status;
	enum http_fault fault;
	const char *body, *retry_after, *date;
} answer_rows[] = {
	{ "429",
	        { .text = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nDate: Sun, 06 Nov 1994 "
	                  "08:49:37 GMT\r\nContent-Length: 0\r\n\r\n" },
	        429, HTTP_FAULT_NONE, "", "7", "Sun, 06 Nov 1994 08:49:37 GMT" },
	{ "two answers to one question",
	        { .text = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nretry-after: 9\r\nContent-Length: 0\r\n\r\n" },
	        429, HTTP_FAULT_NONE, "", "7, twice", NULL },
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
	{ "reset in head", { .text = "HTTP/1.1 200 OK\r\nContent-", .then = PEER_RESET }, 0, HTTP_FAULT_RESET, NULL,
	        NULL, NULL },
	{ "close in body", { .text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .then = PEER_CLOSE }, 0,
	        HTTP_FAULT_RESET, NULL, NULL, NULL },
	{ "reset in body", { .text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .then = PEER_RESET }, 0,
	        HTTP_FAULT_RESET, NULL, NULL, NULL },
	{ "not HTTP", { .text = "SSH-2.0-OpenSSH\r\n\r\n", .then = PEER_CLOSE }, 0, HTTP_FAULT_LOCAL, NULL, NULL,
	        NULL },
	{ "large by length", { .text = "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", .then = PEER_CLOSE }, 200,
	        HTTP_FAULT_TOO_LARGE, NULL, "", "" },
	{ "large by chunks",
	        { .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	                .repeat = 1000000,
	                .filler = "8\r\nabcdefgh\r\n",
	                .then = PEER_HANG },
	        200, HTTP_FAULT_TOO_LARGE, NULL, "", "" },
	{ "large head",
	        { .text = "HTTP/1.1 200 OK\r\n",
	                .repeat = 10000,
	                .filler = "X-Filler: abcdefgh\r\n",
	                .then = PEER_HANG },
	        200, HTTP_FAULT_TOO_LARGE, NULL, "", "" },
};

static void test_answers(void **state)
{
	(void)state;

	for (size_t i = 0; i < COUNTOF(answer_rows); i++) {
		struct peer_answer a = answer_rows[i].answer;
		struct world w = { .peer = { .script = script_fixed, .ctx = &a } };

		world_open(&w, (struct http_client_settings){ .max_response = 1 << 20 });
		struct outcome o = exchange(&w);

		if (o.fault != answer_rows[i].fault || o.status != answer_rows[i].status)
			fail_msg("%s: status %d, fault %d, %s", answer_rows[i].name, o.status, o.fault, o.text);
		if (answer_rows[i].body)
			assert_string_equal(o.body, answer_rows[i].body);
		if (answer_rows[i].retry_after)
			assert_string_equal(o.retry_after, answer_rows[i].retry_after);
		if (answer_rows[i].date)
			assert_string_equal(o.date, answer_rows[i].date);
		if (o.fault != HTTP_FAULT_NONE) {
			char where[32];

			snprintf(where, sizeof(where), "127.0.0.1:%u", w.peer.port);
			if (!strstr(o.text, where))
				fail_msg("%s: %s", answer_rows[i].name, o.text);
		}
		assert_int_equal(atomic_load(&w.peer.n_requests), 1); /* no redirect followed, nothing sent twice */
		world_close(&w);
	}
}

static void test_limit_of_answer(void **state)
{
	struct peer_answer a = {
		.text = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", .filler = "x", .then = PEER_CLOSE
	};
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
		struct http_post p = { .url = w.peer.url, .headers = lines, .on_done = world_on_done, .ctx = &o };
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
	if (r->number % 2 == 1)
		return (struct peer_answer){ .then = PEER_CLOSE };
	return script_ok(ctx, r);
}

/* The server closes as the request arrives: it is sent again on a new connection, body and all, and reported once, however often that
 * happens. */
static void test_keep_alive_race(void **state)
{
	enum { N = 200000, RACES = 12 };
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
		for (unsigned i = 1; i <= RACES; i++) {
			struct outcome o = exchange_with(&w, w.peer.url, parts, 2, 10 * NS_PER_S);

			if (o.fault != HTTP_FAULT_NONE)
				fail_msg("race %u: %s", i, o.text);
			assert_int_equal(w.last_body.len, parts[0].len + parts[1].len);
			assert_memory_equal(w.last_body.p, body, w.last_body.len);
			assert_int_equal(atomic_load(&w.peer.n_requests), 1 + 2 * i);
		}
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
	struct http_post p = { .url = w->peer.url, .headers = world_headers, .on_done = on_done_post_again, .ctx = o };
	struct err e;

	assert_int_equal(r->status, 200);
	if (++o->n == 5)
		http_client_close(w->client, world_on_closed, w); /* from inside on_done */
	else
		assert_int_equal(http_client_post(w->client, &p, &e), 0);
}

static void test_calls_from_on_done(void **state)
{
	struct world w = { 0 };
	struct outcome o = { .again = &w };
	struct http_post p = { .headers = world_headers, .on_done = on_done_post_again, .ctx = &o };
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
		http_client_close(w.client, world_on_closed, &w);
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

/* First of all tests: a client that never posts must not cost what libcurl costs. */
static void test_unused_is_small(void **state)
{
	struct world w = { 0 };
	char line[512];
	FILE *maps;
	(void)state;

	world_open(&w, (struct http_client_settings){ 0 });
	maps = fopen("/proc/self/maps", "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		assert_null(strstr(line, "libcurl"));
	fclose(maps);
	world_close(&w);
	assert_true(w.closed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unused_is_small),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
