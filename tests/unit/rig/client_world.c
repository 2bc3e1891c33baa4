/* client_world.c - see client_world.h. */
#include "tests/unit/rig/client_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>

static void keep(char *out, size_t n, slice s)
{
	snprintf(out, n, "%.*s", s.len < n ? (int)s.len : (int)n - 1, s.p ? s.p : "");
}

void world_on_done(void *ctx, const struct http_reply *r)
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

void world_on_closed(void *ctx)
{
	struct world *w = ctx;

	w->closed = true;
	loop_stop(&w->loop);
}

/* The answer to every request, unless the test says otherwise. */
struct peer_answer script_ok(void *ctx, const struct peer_request *r)
{
	struct world *w = ctx;

	snprintf(w->last_head, sizeof(w->last_head), "%s", r->head);
	strbuf_clear(&w->last_body);
	strbuf_add(&w->last_body, (slice){ r->body, r->body_len });
	return (struct peer_answer){ .text = OK_ANSWER, .then = PEER_KEEP };
}

void world_client(struct world *w, struct http_client_settings s)
{
	struct err e = { 0 };

	w->client = http_client_new(&w->loop, &s, &e);
	if (!w->client)
		fail_msg("%s", e.text);
}

void world_listen(struct world *w)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy",
		"NO_PROXY" };

	for (size_t i = 0; i < COUNTOF(proxies); i++)
		unsetenv(proxies[i]);
	fake_clock_init(&w->fake, 1000 * NS_PER_S, 0);
	assert_int_equal(loop_init(&w->loop, &w->fake.clock), 0);
	strbuf_init(&w->last_body, 64 << 20);
	if (!w->peer.script) {
		w->peer.script = script_ok;
		w->peer.ctx = w;
	}
	peer_start(&w->peer);
}

void world_open(struct world *w, struct http_client_settings s)
{
	world_listen(w);
	world_client(w, s);
}

void world_close(struct world *w)
{
	if (w->client)
		http_client_close(w->client, world_on_closed, w);
	if (w->client)
		loop_run(&w->loop);
	assert_true(w->closed || !w->client);
	loop_release(&w->loop);
	peer_stop(&w->peer);
	strbuf_release(&w->last_body);
}

const char *const world_headers[] = { "Content-Type: application/x-protobuf", "X-Empty:", "X-Key: secret", NULL };

int post_to(struct world *w, const char *url, const slice *parts, size_t n, int64_t timeout_ns, struct outcome *o,
        struct err *e)
{
	struct http_post p = { .url = url,
		.headers = world_headers,
		.parts = parts,
		.n_parts = n,
		.timeout_ns = timeout_ns,
		.on_done = world_on_done,
		.ctx = o };

	return http_client_post(w->client, &p, e);
}

struct outcome exchange_with(struct world *w, const char *url, const slice *parts, size_t n, int64_t timeout_ns)
{
	struct outcome o = { .stop = &w->loop };
	struct err e = { 0 };

	peer_sync(&w->peer);
	if (post_to(w, url, parts, n, timeout_ns, &o, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(o.n, 0); /* never before post returned */
	loop_run(&w->loop);
	assert_int_equal(o.n, 1);
	peer_sync(&w->peer);
	return o;
}

struct outcome exchange(struct world *w)
{
	slice body = SLICE("hello");

	return exchange_with(w, w->peer.url, &body, 1, 10 * NS_PER_S);
}
