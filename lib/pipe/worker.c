/* worker.c - one intake thread: its loop, HTTP server, codec and the graph it uses (see core_internal.h).
 *
 * The main thread has a worker too (index n_workers), which shares the main loop and serves extensions and the
 * metrics page; calls to it run directly. */
#include "lib/pipe/ack.h"
#include "lib/pipe/call.h"
#include "lib/pipe/core_internal.h"

enum { STACK = 512 * 1024 };

static bool is_main(const struct worker *w)
{
	return w->index == w->core->n_workers;
}

static void run_on(struct worker *w, void (*run)(void *arg), void *arg)
{
	if (is_main(w))
		run(arg);
	else
		call_on(w->loop, run, arg);
}

static void on_check(uv_check_t *h)
{
	struct worker *w = h->data;
	atomic_store_explicit(&w->n_connections, http_server_connections(w->server), memory_order_relaxed);
}

static void run_thread(void *arg)
{
	struct worker *w = arg;
	loop_run(w->loop);
}

void worker_start(struct worker *w, struct core *c, unsigned index)
{
	w->core = c;
	w->index = index;
	w->loop = index == c->n_workers ? c->loop : &w->own_loop;
	if (!is_main(w) && loop_init(w->loop, c->loop->clock))
		abort();
	w->loop->pumped = c->loop->pumped;
	w->server = http_server_new(w->loop, &c->pool, c->o.max_connections);
	if (!w->server)
		abort();
	w->codec = codec_new();
	uv_check_init(&w->loop->uv, &w->check);
	w->check.data = w;
	uv_check_start(&w->check, on_check);
	uv_unref((uv_handle_t *)&w->check);
	if (!is_main(w))
		loop_spawn(w->loop, STACK, run_thread, w);
}

struct adopt {
	struct worker *worker;
	struct graph *graph;
};

/* Copies what the new graph wants of a listener; connections pick it up with their next request. */
static void update_site(struct http_site *site, const struct http_site *from)
{
	struct tls_context *old = site->tls;
	site->handler = from->handler;
	site->ctx = from->ctx;
	site->limits = from->limits;
	site->tls = from->tls ? tls_ref(from->tls) : NULL;
	if (old)
		tls_unref(old);
}

static void run_adopt(void *arg)
{
	struct adopt *a = arg;
	struct worker *w = a->worker;
	struct graph *old = w->graph;
	w->graph = a->graph;
	for (size_t i = 0; i < a->graph->points.n; i++) {
		struct listen_point *p = &a->graph->points.v[i];
		if (p->sites[w->index].handler)
			update_site(&p->listener->sites[w->index], &p->sites[w->index]);
	}
	for (size_t i = 0; old && i < old->points.n; i++) {
		struct listener *l = old->points.v[i].listener;
		struct http_site *site = &l->sites[w->index];
		if (graph_point(a->graph, l))
			continue;
		site->handler =
		        &listener_gone; /* a request may be half way in; its stage is freed with the old graph */
		site->ctx = NULL;
		http_server_close_site(w->server, site);
	}
}

void worker_adopt(struct worker *w, struct graph *g)
{
	struct adopt a = { w, g };
	run_on(w, run_adopt, &a);
}

static void run_drain(void *arg)
{
	struct worker *w = arg;
	http_server_drain(w->server);
}

void worker_drain(struct worker *w)
{
	run_on(w, run_drain, w);
}

struct busy {
	struct worker *worker;
	size_t n;
};

static void run_count(void *arg)
{
	struct busy *b = arg;
	b->n = http_server_busy(b->worker->server);
}

bool worker_idle(struct worker *w)
{
	struct busy b = { w, 0 };
	if (atomic_load(&w->n_posted))
		return false;
	run_on(w, run_count, &b);
	return b.n == 0;
}

static void on_check_closed(uv_handle_t *h)
{
	struct worker *w = h->data;
	w->stopped = true;
	if (!is_main(w))
		loop_stop(w->loop);
}

static void on_server_closed(void *ctx)
{
	struct worker *w = ctx;
	uv_close((uv_handle_t *)&w->check, on_check_closed);
}

static void run_stop(void *arg)
{
	struct worker *w = arg;
	worker_acks_stop(w);
	http_server_close(w->server, on_server_closed, w);
}

void worker_stop(struct worker *w)
{
	run_on(w, run_stop, w);
	if (!is_main(w)) {
		loop_join(w->loop);
		loop_release(w->loop);
	}
	codec_free(w->codec);
}
