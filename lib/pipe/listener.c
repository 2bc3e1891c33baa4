/* listener.c - bound addresses: found again by a reload, handing accepted connections to the least loaded worker.
 *
 * The acceptor is watched by the main loop. A listener that a reload removes stops accepting at once; its sites stay in
 * memory until the core ends, because connections may still finish on them. */
#include "lib/pipe/core_internal.h"

#include <unistd.h>

static char *make_key(const struct http_server_conf *conf)
{
	char *key = NULL;
	if (asprintf(&key, "%.*s|%.*s", SLICE_ARG(conf->endpoint), SLICE_ARG(conf->transport)) < 0)
		abort();
	return key;
}

struct listener *listener_find(struct core *c, const struct http_server_conf *conf)
{
	char *key = make_key(conf);
	struct listener *l = c->listeners;
	while (l && strcmp(l->key, key))
		l = l->next;
	free(key);
	return l;
}

struct listener *listener_open(struct core *c, const struct http_server_conf *conf, bool on_main, struct err *e)
{
	struct acceptor *a = acceptor_new(c->loop, conf->endpoint, conf->transport, e);
	if (!a)
		return NULL;
	struct listener *l = calloc(1, sizeof *l);
	if (!l || !(l->sites = calloc(c->n_workers + 1, sizeof *l->sites)))
		abort();
	l->core = c;
	l->key = make_key(conf);
	l->acceptor = a;
	l->on_main = on_main;
	l->next = c->listeners;
	c->listeners = l;
	return l;
}

struct handover {
	struct mail mail; /* first */
	struct worker *worker;
	struct listener *listener;
	int fd;
};

static void adopt_fd(struct mail *m)
{
	struct handover *h = (struct handover *)m;
	struct worker *w = h->worker;
	http_server_adopt(w->server, h->fd, &h->listener->sites[w->index]);
	atomic_store_explicit(&w->n_connections, http_server_connections(w->server), memory_order_relaxed);
	atomic_fetch_sub(&w->n_posted, 1); /* last: counted twice for a moment, never not at all */
	free(h);
}

static size_t load(const struct worker *w)
{
	return atomic_load_explicit(&w->n_connections, memory_order_relaxed) +
	        atomic_load_explicit(&w->n_posted, memory_order_relaxed);
}

static struct worker *least_loaded(struct core *c)
{
	struct worker *best = &c->workers[0];
	for (unsigned i = 1; i < c->n_workers; i++)
		if (load(&c->workers[i]) < load(best))
			best = &c->workers[i];
	return best;
}

static bool at_cap(const struct core *c)
{
	size_t n = 0;
	for (unsigned i = 0; i < c->n_workers; i++)
		n += load(&c->workers[i]);
	return n >= c->o.max_connections;
}

static void set_accepting(struct core *c, bool on)
{
	for (struct listener *l = c->listeners; l; l = l->next) {
		if (!l->started || l->on_main)
			continue;
		if (on)
			acceptor_resume(l->acceptor);
		else
			acceptor_pause(l->acceptor);
	}
	c->accepting_paused = !on;
}

void listener_check_cap(struct core *c)
{
	if (c->accepting_paused && !at_cap(c))
		set_accepting(c, true);
	if (c->accepting_paused)
		timer_start(&c->timer, 100 * NS_PER_MS);
}

static void on_accept(void *ctx, int fd)
{
	struct listener *l = ctx;
	struct core *c = l->core;
	if (l->on_main) {
		http_server_adopt(c->workers[c->n_workers].server, fd, &l->sites[c->n_workers]);
		return;
	}
	struct handover *h = calloc(1, sizeof *h);
	if (!h) {
		close(fd);
		return;
	}
	h->mail.run = adopt_fd;
	h->worker = least_loaded(c);
	h->listener = l;
	h->fd = fd;
	atomic_fetch_add(&h->worker->n_posted, 1);
	loop_post(h->worker->loop, &h->mail);
	if (at_cap(c) && core_phase(c) == CORE_SERVING) {
		set_accepting(c, false); /* the kernel's backlog holds the rest */
		timer_start(&c->timer, 100 * NS_PER_MS);
	}
}

void listener_start(struct listener *l)
{
	if (l->started)
		return;
	l->started = true;
	acceptor_start(l->acceptor, on_accept, l);
}

void listener_close(struct listener *l)
{
	struct core *c = l->core;
	struct listener **at = &c->listeners;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->next = c->closed_listeners;
	c->closed_listeners = l;
	acceptor_close(l->acceptor);
	l->acceptor = NULL;
}

static void answer_gone(struct exchange *x, int status, const char *text)
{
	struct http_header retry = { SLICE("Retry-After"), SLICE("1") };
	struct http_answer a = {
		.status = status,
		.content_type = SLICE("text/plain; charset=utf-8"),
		.body = slice_of(text),
		.headers = &retry,
		.n_headers = status == 503,
		.close = true,
	};
	exchange_answer(x, &a);
}

static int gone_head(void *ctx, struct exchange *x, size_t *max_body)
{
	(void)ctx;
	(void)max_body;
	answer_gone(x, 503, "this listener is no longer configured\n");
	return 1;
}

static void gone_request(void *ctx, struct exchange *x)
{
	(void)ctx;
	answer_gone(x, 503, "this listener is no longer configured\n");
}

static void gone_fault(void *ctx, struct exchange *x, int status, const char *text)
{
	(void)ctx;
	answer_gone(x, status, text);
}

const struct http_handler listener_gone = { gone_head, gone_request, gone_fault };

void listener_free(struct listener *l)
{
	for (unsigned i = 0; i <= l->core->n_workers; i++)
		if (l->sites[i].tls)
			tls_unref(l->sites[i].tls);
	free(l->sites);
	free(l->key);
	free(l);
}
