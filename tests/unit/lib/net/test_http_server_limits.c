/* test_http_server_limits.c - deadlines, sizes, memory, peers that go away, draining: a server that is not treated
 * well.
 *
 * Cases 61 to 64, 67 and 70 of reliability.md 6.4. After every test all tokens are back and all handles closed.
 */
#include "tests/unit/lib/net/http_rig.h"

#include "lib/net/http_server_internal.h"

#define HOST "Host: a\r\n"
#define POST "POST /v1/traces HTTP/1.1\r\n" HOST
#define POST3 POST "Content-Length: 3\r\n\r\nabc"

static void test_deadlines(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	say(r, c, "POST / HT");
	for (int i = 0; i < 9; i++) { /* one byte a second does not help */
		pass(r, c, NS_PER_S);
		say(r, c, "T");
	}
	assert_int_equal(r->n_faults, 0);
	pass(r, c, NS_PER_S + TICK_NS);
	assert_int_equal(r->fault, 408);
	assert_got(c, "HTTP/1.1 408 Request Timeout\r\n");
	assert_got(c, "Connection: close\r\n");
	assert_true(c->eof);
	client_free(c);

	c = client_new(r);
	say(r, c, POST "Content-Length: 10\r\n\r\nabc");
	assert_int_equal(pool_used(&r->pool), 10);
	pass(r, c, BODY_GRACE_NS - NS_PER_S);
	assert_int_equal(r->n_faults, 1);
	pass(r, c, NS_PER_S + TICK_NS);
	assert_int_equal(r->n_faults, 2);
	assert_got(c, "HTTP/1.1 408 ");
	assert_int_equal(pool_used(&r->pool), 0);
	client_free(c);

	c = client_new(r);
	say(r, c, POST3);
	pass(r, c, 59 * NS_PER_S);
	assert_false(c->eof);
	pass(r, c, NS_PER_S + TICK_NS);
	assert_true(c->eof);
	assert_int_equal(r->n_faults, 2);
	client_free(c);

	c = client_new(r); /* never says a word */
	pass(r, c, 60 * NS_PER_S + TICK_NS);
	assert_true(c->eof && c->n == 0);
	client_free(c);
	rig_free(r);
}

/* Sends `rate` bytes of a body each second until it is refused; returns the seconds that took. */
static unsigned trickle(struct rig *r, bool chunked, size_t rate)
{
	struct client *c = client_new(r);
	unsigned before = r->n_faults, seconds = 0;
	char data[4096];
	char size[32];
	memset(data, 'd', sizeof(data));
	say(r, c, chunked ? POST "Transfer-Encoding: chunked\r\n\r\n" : POST "Content-Length: 1000000\r\n\r\n");
	while (r->n_faults == before && seconds < 100) {
		snprintf(size, sizeof(size), "%zx\r\n", rate);
		if (chunked && rate)
			say(r, c, size);
		say_n(r, c, data, rate);
		if (chunked && rate)
			say(r, c, "\r\n");
		pass(r, c, NS_PER_S);
		seconds++;
	}
	assert_int_equal(r->fault, 408);
	assert_int_equal(http_server_connections(r->server), 1); /* lingers */
	assert_int_equal(pool_used(&r->pool), 0);
	pass(r, c, LINGER_NS + TICK_NS);
	client_free(c);
	return seconds;
}

static void test_slow_bodies(void **state UNUSED)
{
	struct rig *r = rig_new();
	for (int chunked = 0; chunked < 2; chunked++) {
		assert_int_equal(trickle(r, chunked, 0), 5);
		assert_int_equal(trickle(r, chunked, 100), 5); /* no whole KiB by then */
		assert_int_equal(trickle(r, chunked, 512), 9); /* a second more for each KiB */
		assert_int_equal(trickle(r, chunked, 1024), 30); /* fast enough; then read_timeout */
		assert_int_equal(trickle(r, chunked, 4096), 30);
	}
	r->site.limits.body_ns = 0; /* the user wants neither limit */
	struct client *c = client_new(r);
	say(r, c, POST "Content-Length: 3\r\n\r\n");
	pass(r, c, 200 * NS_PER_S);
	say(r, c, "abc");
	assert_got(c, "HTTP/1.1 200 ");
	client_free(c);
	r->site.limits.body_ns = 3 * NS_PER_S;
	assert_int_equal(trickle(r, false, 0), 3);
	rig_free(r);
}

/* The process was stopped: what came meanwhile is read first. What only comes later is late. */
static void test_stall(void **state UNUSED)
{
	static const char *const halves[][2] = {
		{ "POST /v1/traces HT", "TP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n" },
		{ POST "Content-Length: 10\r\n\r\n01234", "56789" },
		{ POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "lo\r\n0\r\n\r\n" },
		{ "", POST3 },
	};
	struct rig *r = rig_new();
	for (size_t i = 0; i < COUNTOF(halves); i++) {
		struct client *c = client_new(r);
		say(r, c, halves[i][0]);
		fake_clock_advance(&r->clock, 100 * NS_PER_S);
		assert_true(send(c->fd, halves[i][1], strlen(halves[i][1]), MSG_NOSIGNAL) > 0);
		settle(r, c);
		assert_got(c, "HTTP/1.1 200 ");
		assert_int_equal(r->n_faults, 0);
		client_free(c);
	}
	struct client *c = client_new(r); /* only once: whoever drips is late all the same */
	say(r, c, "POST /");
	fake_clock_advance(&r->clock, 100 * NS_PER_S);
	assert_int_equal(send(c->fd, "x", 1, MSG_NOSIGNAL), 1);
	settle(r, c);
	assert_int_equal(send(c->fd, "x", 1, MSG_NOSIGNAL), 1);
	fake_clock_advance(&r->clock, TICK_NS);
	settle(r, c);
	assert_int_equal(r->fault, 408);
	client_free(c);
	rig_free(r);
}

static void test_write_timeout(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	r->answer_len = 1 << 20;
	say_n(r, c, POST3, sizeof(POST3) - 1);
	for (int i = 0; i < 5; i++)
		loop_pump(&r->loop); /* the client does not read */
	assert_int_equal(http_server_connections(r->server), 1);
	fake_clock_advance(&r->clock, 9 * NS_PER_S);
	loop_pump(&r->loop);
	assert_int_equal(http_server_connections(r->server), 1);
	fake_clock_advance(&r->clock, NS_PER_S + TICK_NS);
	loop_pump(&r->loop);
	assert_int_equal(http_server_connections(r->server), 0);
	client_free(c);
	c = client_new(r); /* one that reads slowly but in time gets it all */
	say_n(r, c, POST3, sizeof(POST3) - 1);
	for (int i = 0; i < 20; i++) {
		settle(r, c);
		c->n = 0;
	}
	assert_int_equal(http_server_connections(r->server), 1);
	client_free(c);
	rig_free(r);
}

/* Refused before it is read: the client writes on, and still reads the answer on TCP. */
static void test_early_answers_are_readable(void **state UNUSED)
{
	static const struct {
		const char *head;
		int status;
	} cases[] = {
		{ POST "Content-Length: 9000000\r\n\r\n", 413 },
		{ POST "X: \x01\r\n\r\n", 400 },
		{ POST "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413 },
	};
	static char junk[40000];
	memset(junk, 'j', sizeof(junk));
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct rig *r = rig_new();
		struct client *c = client_new_tcp(r);
		char want[32];
		assert_int_equal(
		        send(c->fd, cases[i].head, strlen(cases[i].head), MSG_NOSIGNAL), strlen(cases[i].head));
		assert_int_equal(send(c->fd, junk, sizeof(junk), MSG_NOSIGNAL), sizeof(junk));
		for (int k = 0; k < 10; k++)
			loop_pump(&r->loop);
		send(c->fd, junk, 10000, MSG_NOSIGNAL);
		for (int k = 0; k < 10; k++)
			loop_pump(&r->loop);
		settle(r, c);
		snprintf(want, sizeof(want), "HTTP/1.1 %d ", cases[i].status);
		assert_got(c, want);
		assert_true(c->eof && !c->reset);
		assert_int_equal(http_server_connections(r->server), 1); /* lingers */
		pass(r, c, LINGER_NS + TICK_NS);
		assert_int_equal(http_server_connections(r->server), 0);
		client_free(c);
		c = client_new_tcp(r); /* or ends after 64 KiB */
		say_n(r, c, cases[i].head, strlen(cases[i].head));
		for (int k = 0; k < 4; k++)
			say_n(r, c, junk, sizeof(junk));
		settle(r, c);
		assert_int_equal(http_server_connections(r->server), 0);
		client_free(c);
		rig_free(r);
	}
}

static void test_header_flood(void **state UNUSED)
{
	static char junk[70000];
	struct rig *r = rig_new();
	struct client *c = client_new_tcp(r);
	memset(junk, 'x', sizeof(junk));
	say(r, c, POST "X: ");
	say_n(r, c, junk, sizeof(junk));
	settle(r, c);
	assert_int_equal(r->fault, 431);
	assert_got(c, "HTTP/1.1 431 ");
	assert_true(c->eof && !c->reset);
	client_free(c);
	c = client_new_tcp(r);
	say(r, c, POST);
	for (int i = 0; i < 100 && !c->eof; i++)
		say(r, c, "A: b\r\n");
	assert_int_equal(r->n_faults, 2);
	assert_int_equal(r->fault, 431);
	client_free(c);
	c = client_new_tcp(r);
	say(r, c, "GET /");
	say_n(r, c, junk, 5000);
	settle(r, c);
	assert_int_equal(r->fault, 414);
	assert_got(c, "HTTP/1.1 414 ");
	client_free(c);
	rig_free(r);
}

static void test_a_million_chunks(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new(r);
	char many[6 * 1000];
	for (int i = 0; i < 1000; i++)
		memcpy(many + 6 * (size_t)i, "1\r\na\r\n", 6);
	say(r, c, POST "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 1000 && !c->eof; i++)
		say_n(r, c, many, sizeof(many));
	settle(r, c);
	assert_int_equal(r->fault, 400);
	assert_got(c, "too much chunk framing");
	client_free(c);
	rig_free(r);
}

static void test_pool_refusal(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *a = client_new(r), *b = client_new(r), *c = client_new(r);
	pool_set_limit(&r->pool, 100000);
	say(r, a, POST "Content-Length: 60000\r\n\r\n");
	say(r, b, POST "Content-Length: 60000\r\n\r\n");
	assert_got(b, "HTTP/1.1 503 ");
	assert_true(b->eof);
	say(r, c, POST "Transfer-Encoding: chunked\r\n\r\n");
	assert_got(c, "HTTP/1.1 503 ");
	assert_int_equal(pool_used(&r->pool), 60000);
	client_free(a);
	settle(r, NULL);
	assert_int_equal(pool_used(&r->pool), 0);
	a = client_new(r); /* growth that is not granted */
	say(r, a, POST "Transfer-Encoding: chunked\r\n\r\n");
	pool_set_limit(&r->pool, 65536);
	for (int i = 0; i < 3 && !a->eof; i++) {
		char chunk[30003];
		memset(chunk, 'c', sizeof(chunk));
		say(r, a, "7531\r\n"); /* 30001 */
		memcpy(chunk + 30001, "\r\n", 2);
		say_n(r, a, chunk, sizeof(chunk));
		settle(r, a);
	}
	assert_got(a, "HTTP/1.1 503 ");
	assert_int_equal(pool_used(&r->pool), 0);
	assert_int_equal(r->n_requests, 0);
	client_free(a);
	client_free(b);
	client_free(c);
	rig_free(r);
}

static void test_disconnects(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *c = client_new_tcp(r);
	struct linger hard = { .l_onoff = 1 };
	struct exchange *x;
	r->later = true;
	say(r, c, POST "Content-Length: 100\r\n\r\nabc"); /* in the middle of a body */
	client_free(c);
	settle(r, NULL);
	assert_int_equal(r->n_faults, 1);
	assert_int_equal(http_server_connections(r->server), 0);
	assert_int_equal(pool_used(&r->pool), 0);

	c = client_new_tcp(r); /* a reset while in work: the exchange is gone */
	say(r, c, POST3);
	assert_int_equal(r->n_ids, 1);
	assert_non_null(http_server_find(r->server, r->ids[0]));
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	client_free(c);
	settle(r, NULL);
	assert_null(http_server_find(r->server, r->ids[0]));
	assert_int_equal(pool_used(&r->pool), 0);

	c = client_new(r); /* half-closed: it still wants its answer */
	say(r, c, POST3);
	shutdown(c->fd, SHUT_WR);
	settle(r, c);
	assert_null(http_server_find(r->server, r->ids[0])); /* same slot, newer generation */
	x = http_server_find(r->server, r->ids[1]);
	assert_non_null(x);
	rig_answer(r, x, 200);
	settle(r, c);
	assert_got(c, "HTTP/1.1 200 OK");
	assert_true(c->eof);
	assert_int_equal(http_server_connections(r->server), 0);
	client_free(c);

	c = client_new(r); /* closed: the answer has nobody to go to */
	say(r, c, POST3);
	client_free(c);
	x = http_server_find(r->server, r->ids[2]);
	assert_non_null(x);
	rig_answer(r, x, 200);
	settle(r, NULL);
	assert_int_equal(http_server_connections(r->server), 0);
	assert_null(http_server_find(r->server, (struct exchange_id){ 77777, 1 }));
	rig_free(r);
}

static void test_drain(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct client *idle = client_new(r), *busy = client_new(r), *half = client_new(r), *late;
	r->later = true;
	say(r, busy, POST3);
	say(r, half, "POST / HTTP/1.1\r\n");
	assert_int_equal(http_server_busy(r->server), 2);
	http_server_drain(r->server);
	settle(r, idle);
	assert_false(idle->eof); /* it may still ask, and gets an answer */
	settle(r, busy);
	assert_false(busy->eof);
	late = client_new(r);
	settle(r, late);
	assert_true(late->eof);
	rig_answer(r, http_server_find(r->server, r->ids[0]), 200);
	settle(r, busy);
	assert_got(busy, "Connection: close\r\n");
	assert_true(busy->eof);
	say(r, half, HOST "\r\n");
	rig_answer(r, http_server_find(r->server, r->ids[1]), 200);
	settle(r, half);
	assert_got(half, "200 OK");
	assert_true(half->eof);
	assert_int_equal(http_server_busy(r->server), 0);
	say(r, idle, POST3);
	rig_answer(r, http_server_find(r->server, r->ids[2]), 503);
	settle(r, idle);
	assert_got(idle, "Connection: close\r\n");
	assert_true(idle->eof);
	client_free(idle);
	client_free(busy);
	client_free(half);
	client_free(late);
	rig_free(r);
}

static void test_sites_and_cap(void **state UNUSED)
{
	struct rig *r = rig_new();
	struct http_site first = r->site;
	struct client *a = client_new(r), *b, *c;
	http_server_close(r->server, NULL, NULL);
	settle(r, a);
	assert_true(a->eof);
	client_free(a);
	r->site = first;
	r->server = http_server_new(&r->loop, &r->pool, 2);
	r->later = true;
	a = client_new(r);
	b = client_new(r);
	c = client_new(r);
	settle(r, c);
	assert_true(c->eof);
	assert_int_equal(http_server_connections(r->server), 2);
	client_free(c);
	say(r, a, POST3);
	http_server_close_site(r->server, &first); /* another one */
	settle(r, b);
	assert_false(b->eof);
	http_server_close_site(r->server, &r->site);
	settle(r, b);
	assert_true(b->eof);
	assert_int_equal(r->site.n_connections, 1);
	rig_answer(r, http_server_find(r->server, r->ids[0]), 200);
	settle(r, a);
	assert_got(a, "Connection: close\r\n");
	assert_true(a->eof);
	client_free(a);
	client_free(b);
	a = client_new(r); /* closed with an exchange in work and an answer under way */
	say(r, a, POST3);
	b = client_new(r);
	r->later = false;
	r->answer_len = 1 << 20;
	say_n(r, b, POST3, sizeof(POST3) - 1);
	loop_pump(&r->loop);
	rig_free(r);
	client_free(a);
	client_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_slow_bodies),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_write_timeout),
		cmocka_unit_test(test_early_answers_are_readable),
		cmocka_unit_test(test_header_flood),
		cmocka_unit_test(test_a_million_chunks),
		cmocka_unit_test(test_pool_refusal),
		cmocka_unit_test(test_disconnects),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_sites_and_cap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
