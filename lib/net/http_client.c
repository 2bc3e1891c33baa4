/* http_client.c - the life of a client and of its transfers; see http_client_impl.h for who owns what.
 *
 * A post becomes a transfer in the multi handle. It ends in finish, from the loop, exactly once: by libcurl's
 * verdict or by close. Transfers are kept for reuse; a client that has sent nothing for idle_timeout drops its
 * connections and transfers altogether, and starts again with the next post.
 */
#include "lib/net/http_client.h"

#include <stdlib.h>

#include "lib/net/http_client_impl.h"
#include "lib/net/http_transfer.h"

enum {
	MAX_IDLE_TRANSFERS = 16,
	UNLIMITED_CONNS = 10000,
	DEFAULT_CONNECT_S = 5,
	DEFAULT_IDLE_S = 90,
	DEFAULT_MAX_RESPONSE = 4 << 20,
};

static void on_idle(struct timer *timer);

static struct http_client_settings with_defaults(struct http_client_settings s)
{
	if (s.connect_timeout_ns <= 0)
		s.connect_timeout_ns = DEFAULT_CONNECT_S * NS_PER_S;
	if (s.idle_timeout_ns <= 0)
		s.idle_timeout_ns = DEFAULT_IDLE_S * NS_PER_S;
	if (s.max_response == 0)
		s.max_response = DEFAULT_MAX_RESPONSE;
	return s;
}

struct http_client *http_client_new(struct loop *l, const struct http_client_settings *s, struct err *e)
{
	if (curl_api_find(e) != 0)
		return NULL;
	struct http_client *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->loop = l;
	c->settings = with_defaults(*s);
	arena_init(&c->arena);
	if (client_prepare(c, e) != 0) {
		client_forget_key(c);
		arena_release(&c->arena);
		free(c);
		return NULL;
	}
	uv_timer_init(&l->uv, &c->timer);
	uv_timer_init(&l->uv, &c->closer);
	timer_init(l, &c->idler, on_idle);
	c->n_handles = 3;
	return c;
}

static int open_multi(struct http_client *c, struct err *e)
{
	const struct http_client_settings *s = &c->settings;
	size_t idle = s->max_idle_conns ? s->max_idle_conns : UNLIMITED_CONNS;

	if (!c->curl)
		c->curl = curl_api_get(e);
	if (!c->curl)
		return -1;
	if (c->multi)
		return 0;
	c->multi = c->curl->multi_init();
	if (!c->multi)
		return err_set(e, "libcurl has no memory");
	c->curl->multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)idle);
	c->curl->multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)s->max_conns_per_host);
	c->curl->multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)(s->http2 ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING));
	client_watch_multi(c);
	timer_start(&c->idler, s->idle_timeout_ns);
	return 0;
}

/* Connections, DNS cache and idle transfers go; nothing may be active. */
static void close_multi(struct http_client *c)
{
	while (c->idle) {
		struct transfer *t = c->idle;

		c->idle = t->next;
		transfer_free(t);
	}
	c->n_idle = 0;
	if (c->multi)
		c->curl->multi_cleanup(c->multi);
	c->multi = NULL;
	client_unwatch_all(c);
	uv_timer_stop(&c->timer);
}

static void on_idle(struct timer *timer)
{
	struct http_client *c = CONTAINER_OF(timer, struct http_client, idler);
	int64_t left = c->last_used_ns + c->settings.idle_timeout_ns - loop_now(c->loop);

	if (c->n_active == 0 && left <= 0)
		close_multi(c);
	else
		timer_start(&c->idler, left > 0 ? left : c->settings.idle_timeout_ns);
}

static void link_active(struct http_client *c, struct transfer *t)
{
	t->prev = NULL;
	t->next = c->active;
	if (t->next)
		t->next->prev = t;
	c->active = t;
	c->n_active++;
}

static void unlink_active(struct http_client *c, struct transfer *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		c->active = t->next;
	if (t->next)
		t->next->prev = t->prev;
	c->n_active--;
}

static struct transfer *take_idle(struct http_client *c)
{
	struct transfer *t = c->idle;

	if (!t)
		return transfer_new(c);
	c->idle = t->next;
	c->n_idle--;
	return t;
}

/* libcurl 7.88 counts the dead connections that a handle met in all its exchanges, and at the sixth it does not try again: a handle that
 * met one goes. */
static void keep_idle(struct http_client *c, struct transfer *t)
{
	transfer_clear(t);
	if (c->n_idle == MAX_IDLE_TRANSFERS || t->n_attempts > 1) {
		transfer_free(t);
		return;
	}
	t->next = c->idle;
	c->idle = t;
	c->n_idle++;
}

/* When one connection has gone silent, those that were idle then may have gone with it: only such as were used since are. */
static void limit_idle(struct http_client *c, struct transfer *t)
{
	int64_t idle = (c->settings.idle_timeout_ns + NS_PER_S - 1) / NS_PER_S;
	int64_t since = c->timed_out_ns ? (loop_now(c->loop) - c->timed_out_ns) / NS_PER_S : idle;

	/* libcurl counts in seconds, and to later versions of it no second is "without limit" */
	c->curl->easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, since == 0 ? 1L : 0L);
	c->curl->easy_setopt(t->easy, CURLOPT_MAXAGE_CONN, (long)(since > 0 && since < idle ? since : idle));
}

int http_client_post(struct http_client *c, const struct http_post *p, struct err *e)
{
	if (c->closing)
		return err_set(e, "the client is closing");
	if (open_multi(c, e) != 0)
		return -1;
	struct transfer *t = take_idle(c);

	if (!t)
		return err_set(e, "libcurl has no memory");
	if (transfer_load(t, p, e) != 0) {
		keep_idle(c, t);
		return -1;
	}
	limit_idle(c, t);
	CURLMcode r = c->curl->multi_add_handle(c->multi, t->easy);

	if (r != CURLM_OK) {
		keep_idle(c, t);
		return err_set(e, "libcurl: %s", c->curl->multi_strerror(r));
	}
	link_active(c, t);
	c->last_used_ns = loop_now(c->loop);
	return 0;
}

/* Out of the multi, to the caller, then to the idle ones (or away, when the client went idle meanwhile). */
static void finish(struct http_client *c, struct transfer *t, CURLcode code, bool cancelled)
{
	struct http_reply r;
	char text[1024];

	transfer_reply(t, code, cancelled, &r, text, sizeof(text));
	c->curl->multi_remove_handle(c->multi, t->easy);
	unlink_active(c, t);
	c->last_used_ns = loop_now(c->loop);
	if (r.fault == HTTP_FAULT_TIMEOUT)
		c->timed_out_ns = c->last_used_ns;
	t->on_done(t->ctx, &r);
	keep_idle(c, t);
}

void client_collect(struct http_client *c)
{
	CURLMsg *m;
	int left;

	while (c->multi && (m = c->curl->multi_info_read(c->multi, &left))) {
		char *private = NULL;
		CURLcode code = m->data.result; /* m dies with its handle */

		if (m->msg != CURLMSG_DONE)
			continue;
		c->curl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		finish(c, (struct transfer *)(void *)private, code, false);
	}
}

void client_handle_closed(struct http_client *c)
{
	if (--c->n_handles > 0)
		return;
	void (*on_closed)(void *ctx) = c->on_closed;
	void *ctx = c->ctx;

	client_forget_key(c);
	arena_release(&c->arena);
	free(c);
	on_closed(ctx);
}

static void on_timer_closed(uv_handle_t *h)
{
	client_handle_closed(h->data);
}

static void on_idler_closed(struct timer *t)
{
	client_handle_closed(CONTAINER_OF(t, struct http_client, idler));
}

static void close_now(uv_timer_t *timer)
{
	struct http_client *c = CONTAINER_OF(timer, struct http_client, closer);

	while (c->active)
		finish(c, c->active, CURLE_OK, true);
	close_multi(c);
	c->timer.data = c->closer.data = c;
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
	uv_close((uv_handle_t *)&c->closer, on_timer_closed);
	timer_close(&c->idler, on_idler_closed);
}

void http_client_close(struct http_client *c, void (*on_closed)(void *ctx), void *ctx)
{
	if (c->closing)
		return;
	c->closing = true;
	c->on_closed = on_closed;
	c->ctx = ctx;
	uv_timer_start(&c->closer, close_now, 0, 0);
}
