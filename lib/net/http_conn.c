/* http_conn.c - bytes of one connection: reading, TLS, writing, deadlines, closing.
 *
 * Reading is stopped late: while a request is in work the socket stays watched, and only when something arrives is
 * it kept in `ahead` (one read at most) and reading stopped. So a client that waits for its answer costs no epoll
 * calls. The shared read buffers may be overwritten by the next connection: what is left in them is copied before
 * the callback ends.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "lib/net/http_server_internal.h"

struct pending {
	uv_write_t uv;
	struct conn *conn;
	char data[];
};

void conn_set_deadline(struct conn *c, int64_t ns)
{
	c->deadline = ns > 0 ? loop_now(c->server->loop) + ns : 0;
	c->late = false;
}

static void on_closed(uv_handle_t *h)
{
	struct conn *c = CONTAINER_OF(h, struct conn, uv);
	struct http_server *s = c->server;
	if (c->tls)
		tls_conn_free(c->tls);
	free(c->ahead);
	free(c);
	server_handle_closed(s);
}

void conn_close(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	c->deadline = 0;
	request_end(c);
	server_forget(c);
	uv_close((uv_handle_t *)&c->uv, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
	struct pending *p = CONTAINER_OF(w, struct pending, uv);
	struct conn *c = p->conn;
	free(p);
	c->n_writes--;
	if (c->state == CONN_CLOSED)
		return;
	if (status < 0)
		conn_close(c);
	else if (!c->n_writes)
		conn_run(c);
}

/* Queues what is left of both after the first `sent` bytes. */
static int queue_rest(struct conn *c, const uv_buf_t b[2], size_t sent)
{
	size_t skip = sent < b[0].len ? sent : b[0].len;
	size_t n0 = b[0].len - skip, skip1 = sent - skip, n1 = b[1].len - skip1;
	struct pending *p = c->n_writes < MAX_WRITES ? malloc(sizeof(*p) + n0 + n1) : NULL;
	uv_buf_t rest;
	if (!p)
		return -1;
	p->conn = c;
	if (n0)
		memcpy(p->data, b[0].base + skip, n0);
	if (n1)
		memcpy(p->data + n0, b[1].base + skip1, n1);
	rest = (uv_buf_t){ .base = p->data, .len = n0 + n1 };
	if (uv_write(&p->uv, (uv_stream_t *)&c->uv, &rest, 1, on_written)) {
		free(p);
		return -1;
	}
	c->n_writes++;
	return 0;
}

static uv_buf_t as_buf(slice s)
{
	uv_buf_t b = { .len = s.len };
	memcpy(&b.base, &s.p, sizeof(b.base)); /* libuv only reads it, but its type is not const */
	return b;
}

static void send_raw(struct conn *c, slice first, slice second)
{
	uv_buf_t b[2] = { as_buf(first), as_buf(second) };
	int r = 0;
	if (!c->n_writes)
		r = uv_try_write((uv_stream_t *)&c->uv, b, second.len ? 2 : 1);
	if (r == UV_EAGAIN)
		r = 0;
	if (r < 0 || ((size_t)r < first.len + second.len && queue_rest(c, b, (size_t)r)))
		conn_close(c);
}

static void send_cipher(struct conn *c)
{
	struct strbuf *out = &c->server->cipher;
	strbuf_clear(out);
	if (tls_conn_take_output(c->tls, out) || out->failed)
		conn_close(c);
	else if (out->len)
		send_raw(c, strbuf_slice(out), (slice){ NULL, 0 });
}

void conn_send(struct conn *c, slice head, slice body)
{
	if (!c->tls)
		send_raw(c, head, body);
	else if (tls_conn_write(c->tls, head) || (body.len && tls_conn_write(c->tls, body)))
		conn_close(c);
	else
		send_cipher(c);
}

void conn_say_goodbye(struct conn *c)
{
	if (!c->tls || c->state == CONN_CLOSED)
		return;
	tls_conn_shutdown(c->tls);
	send_cipher(c);
}

static void on_alloc(uv_handle_t *h, size_t hint UNUSED, uv_buf_t *b)
{
	struct conn *c = CONTAINER_OF(h, struct conn, uv);
	bool bulk = c->tls || c->state == CONN_CHUNKED || c->state == CONN_SKIP || c->state == CONN_LINGER;
	if (c->state == CONN_BODY && !c->tls)
		*b = (uv_buf_t){ .base = c->x.body->data + c->x.body->len, .len = (size_t)c->left };
	else
		*b = (uv_buf_t){ .base = c->server->read, .len = bulk ? READ_MAX : READ_HEAD };
}

static void feed_tls(struct conn *c, slice in)
{
	enum tls_state state = tls_conn_feed(c->tls, in);
	send_cipher(c);
	if (c->state == CONN_CLOSED)
		return;
	if (state == TLS_FAILED) {
		conn_close(c);
		return;
	}
	if (state == TLS_CLOSED)
		c->eof = true;
	if (state == TLS_OPEN && c->state == CONN_HANDSHAKE) {
		c->state = CONN_IDLE;
		conn_set_deadline(c, c->site->limits.idle_ns);
	}
}

static void stop_reading(struct conn *c)
{
	if (c->reading)
		uv_read_stop((uv_stream_t *)&c->uv);
	c->reading = false;
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = CONTAINER_OF(h, struct conn, uv);
	if (n == 0 || c->state == CONN_CLOSED)
		return;
	if (n < 0 && n != UV_EOF) {
		conn_close(c);
		return;
	}
	if (n == UV_EOF) {
		c->eof = true;
	} else if (c->tls) {
		feed_tls(c, (slice){ b->base, (size_t)n });
		if (!conn_wants_input(c)) /* kept inside the TLS session */
			stop_reading(c);
	} else if (c->state == CONN_BODY) {
		c->x.body->len += (size_t)n;
		c->left -= (uint64_t)n;
	} else {
		c->in = (slice){ b->base, (size_t)n };
	}
	conn_run(c);
}

static void adjust_reading(struct conn *c)
{
	bool full = !conn_wants_input(c) && c->in.len;
	if (c->eof || full) {
		stop_reading(c);
	} else if (conn_wants_input(c) && !c->reading) {
		if (uv_read_start((uv_stream_t *)&c->uv, on_alloc, on_read))
			conn_close(c);
		c->reading = true;
	}
}

static void drop_ahead(struct conn *c)
{
	free(c->ahead);
	c->ahead = NULL;
	c->in = (slice){ NULL, 0 };
}

/* Nothing more can be decrypted now: perhaps because the session ended, and OpenSSL may have something to say about
 * it. */
static void plain_ended(struct conn *c)
{
	enum tls_state state = tls_conn_state(c->tls);
	send_cipher(c);
	if (state == TLS_FAILED)
		conn_close(c);
	else if (state == TLS_CLOSED)
		c->eof = true;
}

/* Brings decrypted bytes to where they are wanted; true when there were any. */
static bool refill(struct conn *c)
{
	size_t n;
	if (!c->tls || c->state == CONN_HANDSHAKE || !conn_wants_input(c) || c->in.len)
		return false;
	drop_ahead(c);
	if (c->state == CONN_BODY) {
		n = tls_conn_read(c->tls, c->x.body->data + c->x.body->len, (size_t)c->left);
		c->x.body->len += n;
		c->left -= n;
	} else {
		n = tls_conn_read(c->tls, c->server->plain, READ_HEAD);
		c->in = (slice){ c->server->plain, n };
	}
	if (!n)
		plain_ended(c);
	return n > 0;
}

/* `in` must not stay in a shared buffer. */
static void keep_ahead(struct conn *c)
{
	char *copy;
	if (!c->in.len) {
		drop_ahead(c);
		return;
	}
	if (c->ahead)
		return;
	copy = malloc(c->in.len);
	if (!copy) {
		conn_close(c);
		return;
	}
	memcpy(copy, c->in.p, c->in.len);
	c->ahead = copy;
	c->in.p = copy;
}

static void work(struct conn *c)
{
	while (request_step(c) || refill(c)) {
	}
	if (c->state != CONN_CLOSED && c->eof && !c->in.len && conn_wants_input(c)) {
		request_eof(c);
		while (request_step(c)) {
		}
	}
	if (c->state != CONN_CLOSED)
		keep_ahead(c);
	if (c->state != CONN_CLOSED)
		adjust_reading(c);
}

void conn_run(struct conn *c)
{
	struct http_server *s = c->server;
	if (s->current == c || c->state == CONN_CLOSED)
		return;
	if (s->current) {
		if (!c->ready) {
			*(s->first_ready ? &s->last_ready->next_ready : &s->first_ready) = c;
			s->last_ready = c;
			c->next_ready = NULL;
			c->ready = true;
		}
		return;
	}
	while (c) {
		s->current = c;
		work(c);
		c = s->first_ready;
		if (c) {
			s->first_ready = c->next_ready;
			c->ready = false;
		}
	}
	s->current = NULL;
}

/* A body may take body_ns, but what has come of it earns only so much of that: bytes at 1 KiB/s and BODY_GRACE_NS. */
int64_t conn_body_deadline(const struct conn *c)
{
	int64_t most = c->site->limits.body_ns;
	int64_t earned = BODY_GRACE_NS + (int64_t)(c->x.body->len / BODY_MIN_RATE) * NS_PER_S;
	return c->body_began + (earned < most ? earned : most);
}

/* After a stall of this process (a stopped VM, no CPU) the clock is ahead of what the kernel has for us: input that came in
 * time is read before the deadline is looked at again, once. */
static bool has_unread_input(const struct conn *c)
{
	int fd, n = 0;
	if (!conn_wants_input(c) || c->state == CONN_SKIP || c->state == CONN_LINGER)
		return false;
	return uv_fileno((const uv_handle_t *)&c->uv, &fd) == 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

void conn_expire(struct conn *c)
{
	bool in_body = c->state == CONN_BODY || c->state == CONN_CHUNKED;
	int64_t now = loop_now(c->server->loop);
	if (!c->late && has_unread_input(c)) {
		c->late = true;
		return;
	}
	c->deadline = 0;
	c->late = false;
	if (in_body && now < conn_body_deadline(c))
		c->deadline = conn_body_deadline(c);
	else if (c->state == CONN_HEAD)
		request_fault(c, 408, "the header section took too long");
	else if (in_body && now - c->body_began < c->site->limits.body_ns)
		request_fault(c, 408, "the body came at less than 1 KiB a second");
	else if (in_body)
		request_fault(c, 408, "the body took too long");
	else
		conn_close(c);
}

static void name_peer(struct conn *c)
{
	struct sockaddr_storage a;
	int len = sizeof(a);
	char host[INET6_ADDRSTRLEN] = "";
	memset(&a, 0, sizeof(a));
	if (uv_tcp_getpeername(&c->uv, (struct sockaddr *)&a, &len) == 0 && a.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&a;
		uv_ip4_name(in, host, sizeof(host));
		snprintf(c->peer, sizeof(c->peer), "%s:%u", host, ntohs(in->sin_port));
	} else if (a.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&a;
		uv_ip6_name(in, host, sizeof(host));
		snprintf(c->peer, sizeof(c->peer), "[%s]:%u", host, ntohs(in->sin6_port));
	} else {
		snprintf(c->peer, sizeof(c->peer), "unix");
	}
}

static int start_tls(struct conn *c)
{
	struct http_server *s = c->server;
	if (!s->plain)
		s->plain = malloc(READ_HEAD);
	c->tls = s->plain ? tls_conn_new(c->site->tls) : NULL;
	return c->tls ? 0 : -1;
}

void conn_open(struct conn *c, int fd)
{
	struct http_server *s = c->server;
	const struct http_limits *lim = &c->site->limits;
	bool open;
	c->state = c->site->tls ? CONN_HANDSHAKE : CONN_IDLE;
	s->n_handles++;
	uv_tcp_init(&s->loop->uv, &c->uv); /* without a socket it cannot fail */
	open = uv_tcp_open(&c->uv, fd) == 0;
	if (!open)
		close(fd);
	if (!open || (c->site->tls && start_tls(c))) {
		conn_close(c);
		return;
	}
	name_peer(c);
	conn_set_deadline(c, c->tls ? lim->header_ns : lim->idle_ns);
	conn_run(c);
}
