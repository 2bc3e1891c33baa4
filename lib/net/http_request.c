/* http_request.c - the requests of one connection, in order, one in work at a time.
 *
 * request_step moves a connection one state forward; it never loops over input by itself and handlers are only
 * called from here. After a handler returned, the exchange may be answered and the connection closed: both are
 * looked at, nothing is assumed. Every fault goes to the handler once, and the connection ends after its answer.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/net/http_server_internal.h"

static struct conn *conn_of(struct exchange *x)
{
	return CONTAINER_OF(x, struct conn, x);
}

static void open_exchange(struct conn *c)
{
	struct slot *slot = &c->server->slots[c->x.slot];
	c->x.generation = ++slot->generation;
	c->server->no_head = (struct http_head){ .peer = slice_of(c->peer), .tls = c->tls != NULL };
	c->x.head = &c->server->no_head;
	c->x.live = true;
	c->last = c->unread = false;
}

static void drop_partial(struct conn *c)
{
	if (!c->partial)
		return;
	strbuf_release(&c->partial->raw);
	free(c->partial);
	c->partial = NULL;
}

void request_end(struct conn *c)
{
	free(c->x.request);
	c->x.request = NULL;
	buf_unref(c->x.body);
	c->x.body = NULL;
	c->x.live = false;
	drop_partial(c);
}

/* The Content-Type in a head that is not sound or not complete: never trusted, but a client that named it reads that
 * language. Empty when there is none before the end of the head. */
static slice type_in(slice raw)
{
	const slice line = SLICE("\r\nContent-Type:");
	const char *p = raw.p, *end = raw.p + raw.len;
	while (p && (p = memchr(p, '\r', (size_t)(end - p)))) {
		slice rest = { p, (size_t)(end - p) };
		if (slice_starts(rest, SLICE("\r\n\r\n")))
			break;
		if (rest.len >= line.len && slice_ieq((slice){ p, line.len }, line)) {
			p += line.len;
			const char *stop = memchr(p, '\r', (size_t)(end - p));
			return stop ? slice_trim((slice){ p, (size_t)(stop - p) }) : (slice){ 0 };
		}
		p++;
	}
	return (slice){ 0 };
}

/* What can be said of a request without a head. Reads c->partial or c->in, which must live while it is used. */
static void describe(struct conn *c)
{
	struct http_server *s = c->server;
	slice type = c->x.request ? (slice){ 0 } : type_in(c->partial ? strbuf_slice(&c->partial->raw) : c->in);
	s->no_head_type = (struct http_header){ SLICE("Content-Type"), type };
	s->no_head.headers = &s->no_head_type;
	s->no_head.n_headers = type.len > 0;
}

void request_fault(struct conn *c, int status, const char *text)
{
	struct http_answer bare = { .status = status, .close = true };
	if (!c->x.live)
		open_exchange(c);
	describe(c);
	buf_unref(c->x.body); /* its tokens may help others now */
	c->x.body = NULL;
	c->in.len = 0;
	c->state = CONN_WORK;
	c->broken = true;
	c->site->handler->on_fault(c->site->ctx, &c->x, status, text);
	if (c->x.live)
		exchange_answer(&c->x, &bare);
	drop_partial(c);
}

void request_eof(struct conn *c)
{
	if (c->state == CONN_HEAD || c->state == CONN_BODY || c->state == CONN_CHUNKED)
		request_fault(c, 400, "the connection ended before the request did");
	else
		conn_close(c);
}

static void dispatch(struct conn *c)
{
	c->unread = false;
	c->state = CONN_WORK;
	c->deadline = 0;
	c->site->handler->on_request(c->site->ctx, &c->x);
}

static void start_body(struct conn *c)
{
	const struct http1_request *r = c->x.request;
	bool chunked = r->head.content_length < 0;
	size_t cap = chunked ? READ_MAX : (size_t)r->head.content_length;
	if (chunked && cap > c->max_body)
		cap = c->max_body;
	c->x.body = buf_new(c->server->pool, cap);
	if (!c->x.body) {
		request_fault(c, 503, "no memory for the body");
		return;
	}
	c->state = chunked ? CONN_CHUNKED : CONN_BODY;
	memset(&c->chunks, 0, sizeof(c->chunks));
	c->body_began = loop_now(c->server->loop);
	if (c->site->limits.body_ns > 0 && (chunked || c->in.len < c->left))
		c->deadline = conn_body_deadline(c);
	c->late = false;
	if (r->expect == EXPECT_CONTINUE && !c->in.len)
		conn_send(c, SLICE("HTTP/1.1 100 Continue\r\n\r\n"), (slice){ NULL, 0 });
}

static void begin(struct conn *c, struct http1_request *r)
{
	uint32_t generation;
	int refused;
	r->head.peer = slice_of(c->peer);
	r->head.tls = c->tls != NULL;
	c->x.request = r;
	c->x.head = &r->head;
	c->unread = r->head.content_length != 0;
	c->left = r->head.content_length > 0 ? (uint64_t)r->head.content_length : 0;
	c->max_body = DEFAULT_MAX_BODY;
	c->state = CONN_WORK;
	c->deadline = 0;
	if (r->expect == EXPECT_UNKNOWN) {
		request_fault(c, 417, "the only expectation served is 100-continue");
		return;
	}
	generation = c->x.generation;
	refused = c->site->handler->on_head(c->site->ctx, &c->x, &c->max_body);
	if (refused || !c->x.live || c->x.generation != generation)
		return;
	if (c->left > c->max_body)
		request_fault(c, 413, "the body is larger than allowed");
	else if (c->unread)
		start_body(c);
	else
		dispatch(c);
}

/* The head at `raw` is complete; `taken` bytes of it are still in c->in. */
static void head_done(struct conn *c, const struct http_guard *g, const char *raw, size_t taken)
{
	const char *why;
	struct http1_request *r = http1_request_new(g, raw, &why);
	conn_take(c, taken);
	drop_partial(c);
	open_exchange(c);
	if (r)
		begin(c, r);
	else if (why)
		request_fault(c, 400, why);
	else
		request_fault(c, 503, "no memory for the head");
}

static void begin_partial(struct conn *c, const struct http_guard *g)
{
	c->partial = malloc(sizeof(*c->partial));
	if (!c->partial) {
		conn_close(c);
		return;
	}
	c->partial->guard = *g;
	strbuf_init(
	        &c->partial->raw, g->max_bytes + 2); /* one byte over the limit shows that it is broken; and a NUL */
	if (strbuf_add(&c->partial->raw, c->in)) {
		conn_close(c);
		return;
	}
	conn_take(c, c->in.len);
	c->state = CONN_HEAD;
	conn_set_deadline(c, c->site->limits.header_ns);
}

static void first_bytes(struct conn *c)
{
	struct http_guard g;
	enum guard_step r;
	http_guard_init(&g, c->site->limits.max_header_bytes, c->site->limits.max_headers);
	r = http_guard_head(&g, c->in);
	if (r == GUARD_DONE)
		head_done(c, &g, c->in.p, g.line);
	else if (r == GUARD_FAULT)
		request_fault(c, g.status, g.text);
	else
		begin_partial(c, &g);
}

static void more_bytes(struct conn *c)
{
	struct partial_head *p = c->partial;
	size_t had = p->raw.len, room = p->guard.max_bytes + 1 - had;
	slice add = { c->in.p, c->in.len < room ? c->in.len : room };
	enum guard_step r;
	if (strbuf_add(&p->raw, add)) {
		conn_close(c);
		return;
	}
	r = http_guard_head(&p->guard, strbuf_slice(&p->raw));
	if (r == GUARD_DONE)
		head_done(c, &p->guard, p->raw.p, p->guard.line - had);
	else if (r == GUARD_FAULT)
		request_fault(c, p->guard.status, p->guard.text);
	else
		conn_take(c, add.len);
}

static bool take_head(struct conn *c)
{
	if (!c->in.len)
		return false;
	if (c->partial)
		more_bytes(c);
	else
		first_bytes(c);
	return true;
}

static bool take_body(struct conn *c)
{
	struct buf *b = c->x.body;
	size_t n = c->in.len < c->left ? c->in.len : (size_t)c->left;
	if (n) {
		memcpy(b->data + b->len, c->in.p, n);
		b->len += n;
		c->left -= n;
		conn_take(c, n);
	}
	if (c->left)
		return false;
	dispatch(c);
	return true;
}

/* Grows by a quarter in steps of 64 KiB: few copies of a long body, little waste on a short one. */
static int add_chunk(struct conn *c, slice data)
{
	size_t need = c->x.body->len + data.len;
	size_t cap = (need + need / 4 + READ_MAX - 1) / READ_MAX * READ_MAX;
	if (cap > c->max_body)
		cap = c->max_body;
	if (need > c->x.body->cap && buf_reserve(&c->x.body, cap))
		return -1;
	memcpy(c->x.body->data + c->x.body->len, data.p, data.len);
	c->x.body->len = need;
	return 0;
}

static void chunked_done(struct conn *c)
{
	if (c->x.body->len) {
		buf_trim(&c->x.body);
	} else {
		buf_unref(c->x.body);
		c->x.body = NULL;
	}
	dispatch(c);
}

static bool take_chunks(struct conn *c)
{
	slice data;
	enum guard_step r;
	if (!c->in.len)
		return false;
	r = http_chunks_next(&c->chunks, &c->in, &data);
	if (r == GUARD_FAULT)
		request_fault(c, c->chunks.status, c->chunks.text);
	else if (c->chunks.data > c->max_body)
		request_fault(c, 413, "the body is larger than allowed");
	else if (data.len && add_chunk(c, data))
		request_fault(c, 503, "no memory for the body");
	else if (r == GUARD_DONE)
		chunked_done(c);
	return true;
}

static void linger(struct conn *c)
{
	int fd;
	if (c->eof || uv_fileno((uv_handle_t *)&c->uv, &fd) || shutdown(fd, SHUT_WR)) {
		conn_close(c);
		return;
	}
	c->state = CONN_LINGER;
	c->left = LINGER_MAX;
	conn_set_deadline(c, LINGER_NS);
}

static void idle(struct conn *c)
{
	c->state = CONN_IDLE;
	if (c->in.len)
		return;
	if (c->retired || c->server->draining)
		conn_close(c);
	else
		conn_set_deadline(c, c->site->limits.idle_ns);
}

/* The answer has left. */
static bool answered(struct conn *c)
{
	if (c->n_writes)
		return false;
	c->deadline = 0;
	if (c->last) {
		linger(c);
	} else if (c->unread) {
		c->state = CONN_SKIP;
		conn_set_deadline(c, c->site->limits.body_ns);
	} else {
		idle(c);
	}
	return true;
}

static bool pass_over(struct conn *c)
{
	size_t n = c->in.len < c->left ? c->in.len : (size_t)c->left;
	conn_take(c, n);
	c->left -= n;
	if (!c->left && c->state == CONN_SKIP)
		idle(c);
	else if (!c->left)
		conn_close(c);
	return n > 0;
}

bool request_step(struct conn *c)
{
	switch (c->state) {
	case CONN_IDLE:
	case CONN_HEAD:
		return take_head(c);
	case CONN_BODY:
		return take_body(c);
	case CONN_CHUNKED:
		return take_chunks(c);
	case CONN_WRITE:
		return answered(c);
	case CONN_SKIP:
	case CONN_LINGER:
		return pass_over(c);
	case CONN_HANDSHAKE:
	case CONN_WORK:
	case CONN_CLOSED:
		break;
	}
	return false;
}

const struct http_head *exchange_head(const struct exchange *x)
{
	return x->head;
}

struct buf *exchange_body(struct exchange *x)
{
	return x->body;
}

static slice date_now(struct http_server *s)
{
	int64_t now = clock_wall(s->loop->clock) / NS_PER_S;
	if (now != s->date_s) {
		http_date_format(now, s->date);
		s->date_s = now;
	}
	return (slice){ s->date, HTTP_DATE_LEN };
}

/* A body that was not read must be small and sure to come, or the connection cannot go on. */
static bool can_skip(const struct conn *c)
{
	const struct http1_request *r = c->x.request;
	return !c->unread || (r->head.content_length > 0 && c->left <= LINGER_MAX && r->expect == EXPECT_NOTHING);
}

static bool is_last(const struct conn *c, const struct http_answer *a)
{
	const struct http1_request *r = c->x.request;
	if (!r || c->broken || a->close || c->retired || c->server->draining)
		return true;
	return !c->site->limits.keep_alive || !r->head.keep_alive || !can_skip(c);
}

void exchange_answer(struct exchange *x, const struct http_answer *a)
{
	struct conn *c = conn_of(x);
	struct http_server *s = c->server;
	struct strbuf *out = &s->out;
	struct http1_style style = { .date = date_now(s), .minor = 1 };
	slice body = a->body;
	if (!x->live)
		return;
	c->last = style.close = is_last(c, a);
	if (x->request) {
		style.minor = x->request->minor;
		style.to_head = slice_is(x->request->head.method, "HEAD");
	}
	strbuf_clear(out);
	http1_answer_head(out, a, &style);
	if (!http1_answer_has_body(a, &style))
		body.len = 0;
	if (body.len <= COPY_BODY_MAX) {
		strbuf_add(out, body);
		body.len = 0;
	}
	c->state = CONN_WRITE;
	if (out->failed)
		conn_close(c);
	else
		conn_send(c, strbuf_slice(out), body);
	if (c->last)
		conn_say_goodbye(c);
	if (c->state == CONN_CLOSED)
		return;
	request_end(c);
	if (c->n_writes)
		conn_set_deadline(c, c->site->limits.write_ns);
	conn_run(c);
}
