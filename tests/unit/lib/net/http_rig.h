/* http_rig.h - a real http_server on a pumped loop with a fake clock, and raw clients on socket pairs or loopback TCP.
 *
 * Nothing waits: `settle` pumps until neither side moves. The handler is told by `struct rig` what to do.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/http_server.h"

struct client {
	int fd;
	bool eof, reset;
	char got[256 << 10];
	size_t n;
};

struct rig {
	struct fake_clock clock;
	struct loop loop;
	struct pool pool;
	struct http_server *server;
	struct http_site site;
	/* what the handler does */
	bool later; /* keep exchanges in ids[] and answer by hand */
	int refuse; /* on_head answers with this status */
	bool refuse_close;
	size_t max_body;
	size_t answer_len; /* body of the answer; 0: echo the request's */
	bool silent_fault;
	void (*on_request)(struct rig *r, struct exchange *x);
	/* what it saw */
	unsigned n_heads, n_requests, n_faults;
	int fault;
	uint64_t n_body;
	char path[64];
	struct exchange_id ids[4096];
	unsigned n_ids;
	bool closed;
};

static inline void rig_answer(struct rig *r, struct exchange *x, int status)
{
	static char big[1 << 20];
	struct buf *b = exchange_body(x);
	struct http_answer a = { .status = status, .content_type = SLICE("text/plain") };
	if (r->answer_len) {
		memset(big, 'z', r->answer_len);
		a.body = (slice){ big, r->answer_len };
	} else if (b) {
		a.body = buf_slice(b);
	}
	a.close = r->refuse && r->refuse_close;
	exchange_answer(x, &a);
}

static inline int rig_on_head(void *ctx, struct exchange *x, size_t *max_body)
{
	struct rig *r = ctx;
	const struct http_head *h = exchange_head(x);
	r->n_heads++;
	*max_body = r->max_body;
	snprintf(r->path, sizeof(r->path), "%.*s", SLICE_ARG(h->path));
	if (!r->refuse)
		return 0;
	rig_answer(r, x, r->refuse);
	return 1;
}

static inline void rig_on_request(void *ctx, struct exchange *x)
{
	struct rig *r = ctx;
	r->n_requests++;
	r->n_body += exchange_body(x) ? exchange_body(x)->len : 0;
	if (r->on_request)
		r->on_request(r, x);
	else if (r->later)
		r->ids[r->n_ids++ % COUNTOF(r->ids)] = exchange_id(x);
	else
		rig_answer(r, x, 200);
}

static inline void rig_on_fault(void *ctx, struct exchange *x, int status, const char *text)
{
	struct rig *r = ctx;
	struct http_answer a = { .status = status, .body = slice_of(text), .content_type = SLICE("text/plain") };
	r->n_faults++;
	r->fault = status;
	assert_null(exchange_body(x));
	assert_non_null(exchange_head(x)->peer.p);
	if (!r->silent_fault)
		exchange_answer(x, &a);
}

static const struct http_handler rig_handler = { rig_on_head, rig_on_request, rig_on_fault };

static inline struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	fake_clock_init(&r->clock, 1000 * NS_PER_S, INT64_C(784111777) * NS_PER_S);
	assert_int_equal(loop_init(&r->loop, &r->clock.clock), 0);
	pool_init(&r->pool, 64 << 20);
	r->max_body = 1 << 20;
	r->site = (struct http_site){ .handler = &rig_handler,
		.ctx = r,
		.limits = { 65536, 100, 10 * NS_PER_S, 30 * NS_PER_S, 60 * NS_PER_S, 10 * NS_PER_S, true } };
	r->server = http_server_new(&r->loop, &r->pool, 1000);
	return r;
}

static inline void rig_closed(void *ctx)
{
	((struct rig *)ctx)->closed = true;
}

/* Whatever happened, every token is back and every handle closed. */
static inline void rig_free(struct rig *r)
{
	http_server_close(r->server, rig_closed, r);
	for (int i = 0; i < 5 && !r->closed; i++)
		loop_pump(&r->loop);
	assert_true(r->closed);
	assert_int_equal(r->site.n_connections, 0);
	assert_int_equal(pool_used(&r->pool), 0);
	loop_release(&r->loop);
	free(r);
}

static inline struct client *client_on(struct rig *r, int ours, int theirs)
{
	struct client *c = calloc(1, sizeof(*c));
	c->fd = ours;
	fcntl(ours, F_SETFL, O_NONBLOCK);
	fcntl(theirs, F_SETFL, O_NONBLOCK);
	http_server_adopt(r->server, theirs, &r->site);
	return c;
}

static inline struct client *client_new(struct rig *r)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	return client_on(r, fds[0], fds[1]);
}

/* TCP, where closing with unread input is a reset. */
static inline struct client *client_new_tcp(struct rig *r)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int theirs;
	assert_int_equal(bind(door, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(door, 1), 0);
	assert_int_equal(getsockname(door, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(connect(ours, (struct sockaddr *)&a, sizeof(a)), 0);
	theirs = accept(door, NULL, NULL);
	assert_true(theirs >= 0);
	close(door);
	return client_on(r, ours, theirs);
}

static inline void client_free(struct client *c)
{
	close(c->fd);
	free(c);
}

static inline bool client_read(struct client *c)
{
	ssize_t n = 0;
	bool any = false;
	while (!c->eof && !c->reset && c->n < sizeof(c->got) - 1 &&
	        (n = read(c->fd, c->got + c->n, sizeof(c->got) - 1 - c->n)) > 0) {
		c->n += (size_t)n;
		any = true;
	}
	c->got[c->n] = 0;
	if (!c->eof && n == 0 && c->n < sizeof(c->got) - 1)
		c->eof = any = true;
	if (n < 0 && errno != EAGAIN)
		c->reset = any = true;
	return any;
}

static inline void settle(struct rig *r, struct client *c)
{
	for (int quiet = 0; quiet < 3; quiet++) {
		loop_pump(&r->loop);
		if (c && client_read(c))
			quiet = 0;
	}
}

static inline void pass(struct rig *r, struct client *c, int64_t ns)
{
	settle(r, c);
	fake_clock_advance(&r->clock, ns);
	settle(r, c);
}

/* Sends everything, pumping while the socket is full. Stops when the server has closed. */
static inline void say_n(struct rig *r, struct client *c, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
		if (k < 0 && errno != EAGAIN)
			return;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
		if (n)
			settle(r, c);
	}
}

static inline void say(struct rig *r, struct client *c, const char *s)
{
	say_n(r, c, s, strlen(s));
	settle(r, c);
}

static inline unsigned count(const struct client *c, const char *what)
{
	unsigned n = 0;
	for (const char *p = c->got; (p = strstr(p, what)) != NULL; p += strlen(what))
		n++;
	return n;
}

static inline void assert_got(const struct client *c, const char *what)
{
	if (!strstr(c->got, what))
		fail_msg("no \"%s\" in \"%.600s\"", what, c->got);
}
