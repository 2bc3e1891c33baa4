/* http_server.c - the set of connections of one loop: adopting, finding, draining, closing.
 *
 * Slots give exchanges a name that outlives them: (slot, generation), where the generation of a slot grows with each
 * request, so an old name never finds a newer one. One coarse timer looks at all deadlines while there are
 * connections; an idle server has no timer. The server is freed when its timer and all its connections have closed.
 */
#include "lib/net/http_server.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/net/http_server_internal.h"

static void on_tick(struct timer *t)
{
	struct http_server *s = CONTAINER_OF(t, struct http_server, tick);
	int64_t now = loop_now(s->loop);
	struct conn *next;
	s->ticking = s->conns != NULL && !s->closing;
	if (s->ticking)
		timer_start(&s->tick, TICK_NS);
	/* A closed connection keeps its `next` until libuv's callback: the walk survives handlers that close others. */
	for (struct conn *c = s->conns; c; c = next) {
		next = c->next;
		if (c->deadline && now >= c->deadline)
			conn_expire(c);
	}
}

struct http_server *http_server_new(struct loop *l, struct pool *pool, size_t max_connections)
{
	struct http_server *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->loop = l;
	s->pool = pool;
	s->max_connections = max_connections;
	s->date_s = -1;
	s->n_handles = 1;
	strbuf_init(&s->out, 64 << 20);
	strbuf_init(&s->cipher, 128 << 20);
	timer_init(l, &s->tick, on_tick);
	return s;
}

static int take_slot(struct http_server *s, struct conn *c)
{
	if (!s->free_slot) {
		uint32_t n = s->n_slots ? s->n_slots * 2 : 16;
		struct slot *grown = n > s->n_slots ? realloc(s->slots, n * sizeof(*grown)) : NULL;
		if (!grown)
			return -1;
		for (uint32_t i = s->n_slots; i < n; i++)
			grown[i] = (struct slot){ .next_free = i + 1 < n ? i + 2 : 0 };
		s->free_slot = s->n_slots + 1;
		s->slots = grown;
		s->n_slots = n;
	}
	c->x.slot = s->free_slot - 1;
	s->free_slot = s->slots[c->x.slot].next_free;
	s->slots[c->x.slot].conn = c;
	return 0;
}

static void link_conn(struct http_server *s, struct conn *c)
{
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->n_connections++;
	c->site->n_connections++;
	if (!s->ticking)
		timer_start(&s->tick, TICK_NS);
	s->ticking = true;
}

void http_server_adopt(struct http_server *s, int fd, struct http_site *site)
{
	struct conn *c;
	if (s->draining || s->closing || s->n_connections >= s->max_connections) {
		close(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c || take_slot(s, c)) {
		free(c);
		close(fd);
		return;
	}
	c->server = s;
	c->site = site;
	link_conn(s, c);
	conn_open(c, fd);
}

void server_forget(struct conn *c)
{
	struct http_server *s = c->server;
	struct slot *slot = &s->slots[c->x.slot];
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->n_connections--;
	c->site->n_connections--;
	slot->conn = NULL;
	slot->next_free = s->free_slot;
	s->free_slot = c->x.slot + 1;
}

static bool is_idle(const struct conn *c)
{
	return c->state == CONN_HANDSHAKE || (c->state == CONN_IDLE && !c->in.len);
}

void http_server_drain(struct http_server *s)
{
	s->draining = true;
}

size_t http_server_busy(const struct http_server *s)
{
	size_t n = 0;
	for (const struct conn *c = s->conns; c; c = c->next)
		n += !is_idle(c) && c->state != CONN_LINGER;
	return n;
}

void http_server_close_site(struct http_server *s, struct http_site *site)
{
	struct conn *next;
	for (struct conn *c = s->conns; c; c = next) {
		next = c->next;
		if (c->site != site)
			continue;
		c->retired = true;
		if (is_idle(c))
			conn_close(c);
	}
}

size_t http_server_connections(const struct http_server *s)
{
	return s->n_connections;
}

void server_handle_closed(struct http_server *s)
{
	void (*on_closed)(void *ctx) = s->on_closed;
	void *ctx = s->closed_ctx;
	if (--s->n_handles)
		return;
	strbuf_release(&s->out);
	strbuf_release(&s->cipher);
	free(s->slots);
	free(s->plain);
	free(s);
	if (on_closed)
		on_closed(ctx);
}

static void on_tick_closed(struct timer *t)
{
	server_handle_closed(CONTAINER_OF(t, struct http_server, tick));
}

void http_server_close(struct http_server *s, void (*on_closed)(void *ctx), void *ctx)
{
	if (s->closing)
		return;
	s->closing = true;
	s->on_closed = on_closed;
	s->closed_ctx = ctx;
	while (s->conns)
		conn_close(s->conns);
	timer_close(&s->tick, on_tick_closed);
}

struct exchange_id exchange_id(const struct exchange *x)
{
	return (struct exchange_id){ x->slot, x->generation };
}

struct exchange *http_server_find(struct http_server *s, struct exchange_id id)
{
	struct conn *c = id.slot < s->n_slots ? s->slots[id.slot].conn : NULL;
	return c && c->x.live && c->x.generation == id.generation ? &c->x : NULL;
}
