/* http_client_io.c - libcurl's sockets and its one timer on the loop.
 *
 * Arming a uv_poll costs two system calls each time, so a watch stays armed for reading while libcurl does not
 * want it (between two requests on one connection) and is disarmed only when the kernel reports something
 * unwanted: a request on a warm connection arms nothing. This is sound because connections are opened and closed
 * through us, so that no watch outlives its fd. What libcurl closes without a word (its resolver's wake-up, and, in
 * 7.88, attempts to connect that came to nothing) is watched only while it is wanted. A connection that is
 * closed by the peer while idle is found dead by libcurl at its next use.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/http_client_impl.h"
#include "lib/net/http_transfer.h"

enum { USER_TIMEOUT_MS = 20000 };

static void on_poll(uv_poll_t *p, int status, int events);

static struct watch *find(struct http_client *c, curl_socket_t fd)
{
	struct watch *w = c->watches;

	while (w && w->fd != fd)
		w = w->next;
	return w;
}

static struct watch *watch_new(struct http_client *c, curl_socket_t fd, bool connection)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	if (uv_poll_init_socket(&c->loop->uv, &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->client = c;
	w->fd = fd;
	w->connection = connection;
	w->next = c->watches;
	if (w->next)
		w->next->prev = w;
	c->watches = w;
	c->n_handles++;
	return w;
}

static void on_watch_closed(uv_handle_t *h)
{
	struct watch *w = CONTAINER_OF(h, struct watch, poll);
	struct http_client *c = w->client;

	free(w);
	client_handle_closed(c);
}

static void watch_close(struct watch *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		w->client->watches = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->wanted = 0;
	uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static void arm(struct watch *w, int events)
{
	if (w->armed == events)
		return;
	w->armed = events;
	if (events)
		uv_poll_start(&w->poll, events, on_poll);
	else
		uv_poll_stop(&w->poll);
}

/* libcurl 7.88 prepares the attempt at the next address when one has failed, but begins it with its next timer, which may be seconds
 * away or the deadline. */
static void act(struct http_client *c, curl_socket_t fd, int flags)
{
	int running;

	c->curl->multi_socket_action(c->multi, fd, flags, &running);
	while (c->abandoned) {
		c->abandoned = false;
		c->curl->multi_socket_all(c->multi, &running);
	}
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct watch *w = CONTAINER_OF(p, struct watch, poll);
	struct http_client *c = w->client;
	int flags = 0;

	if (status < 0) { /* an error is pending on the socket, and libuv has stopped watching it */
		w->armed = 0;
		events = UV_READABLE | UV_WRITABLE;
		flags = CURL_CSELECT_ERR;
	}
	events &= w->wanted;
	if (events == 0) {
		arm(w, w->wanted);
		return;
	}
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	act(c, w->fd, flags);
	if (!uv_is_closing((uv_handle_t *)p) && w->armed == 0)
		arm(w, w->wanted);
	client_collect(c);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *client, void *unused)
{
	struct http_client *c = client;
	struct watch *w = find(c, fd);

	(void)easy, (void)unused;
	if (!w && what != CURL_POLL_REMOVE)
		w = watch_new(c, fd, false);
	if (!w)
		return what == CURL_POLL_REMOVE ? 0 : -1;
	w->wanted = what == CURL_POLL_REMOVE
	        ? 0
	        : (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	w->lasting |= w->connection && (w->wanted & UV_READABLE); /* it came as far as waiting for an answer */
	if (what == CURL_POLL_REMOVE && !w->lasting) {
		c->abandoned |= w->connection;
		watch_close(w);
	} else if ((w->wanted & ~w->armed) || (w->armed & ~w->wanted & UV_WRITABLE))
		arm(w, w->wanted);
	return 0;
}

static struct end end_of(const struct sockaddr *a)
{
	bool v6 = a->sa_family == AF_INET6;
	const struct sockaddr_in6 *in6 = (const void *)a;
	const struct sockaddr_in *in = (const void *)a;
	struct end end = { .port = ntohs(v6 ? in6->sin6_port : in->sin_port) };

	inet_ntop(a->sa_family, v6 ? (const void *)&in6->sin6_addr : &in->sin_addr, end.ip, sizeof(end.ip));
	return end;
}

static struct opened **find_opened(struct http_client *c, curl_socket_t fd)
{
	struct opened **at = &c->opened;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	return at;
}

static void remember(struct http_client *c, curl_socket_t fd, const struct sockaddr *remote)
{
	struct opened **at = find_opened(c, fd);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			abort();
		(*at)->fd = fd;
	}
	(*at)->remote = end_of(remote);
}

/* A broken connection does not tell its remote end any more, but still the local one. */
static void hear_out(struct http_client *c, curl_socket_t fd)
{
	struct opened **at = find_opened(c, fd), *o = *at;
	union {
		struct sockaddr any;
		struct sockaddr_in6 v6;
	} local = { .any = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(local);

	if (!o)
		return;
	if (getsockname(fd, &local.any, &len) == 0) {
		struct end end = end_of(&local.any);

		client_hear_out(c, fd, &end, &o->remote);
	}
	*at = o->next;
	free(o);
}

static curl_socket_t on_open(void *client, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct http_client *c = client;
	unsigned user_timeout = USER_TIMEOUT_MS;
	int fd = socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);

	(void)purpose;
	if (fd < 0)
		return CURL_SOCKET_BAD;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
	struct watch *w, *stale = find(c, fd);
	int wanted = stale ? stale->wanted : 0;

	if (stale)
		watch_close(stale);
	w = watch_new(c, fd, true);
	if (!w) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	remember(c, fd, &a->addr);
	/* libcurl closed its last attempt unseen and got the same number: it believes it has said what it wants. */
	w->wanted = wanted;
	arm(w, wanted);
	return fd;
}

static int on_close(void *client, curl_socket_t fd)
{
	struct watch *w = find(client, fd);

	hear_out(client, fd);
	if (w)
		watch_close(w);
	return close(fd);
}

static void on_time(uv_timer_t *timer)
{
	struct http_client *c = CONTAINER_OF(timer, struct http_client, timer);

	if (c->multi)
		act(c, CURL_SOCKET_TIMEOUT, 0);
	client_collect(c);
}

static int on_timer(CURLM *multi, long ms, void *client)
{
	struct http_client *c = client;

	(void)multi;
	if (uv_is_closing((uv_handle_t *)&c->timer))
		return 0;
	if (ms < 0)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, on_time, (uint64_t)ms, 0);
	return 0;
}

void client_unwatch_all(struct http_client *c)
{
	while (c->watches)
		watch_close(c->watches);
	for (struct opened *o = c->opened, *next; o; o = next) {
		next = o->next;
		free(o);
	}
	c->opened = NULL;
}

void client_watch_multi(struct http_client *c)
{
	c->curl->multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	c->curl->multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	c->curl->multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	c->curl->multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
}

void transfer_watch(struct transfer *t)
{
	const struct curl_api *curl = t->client->curl;

	curl->easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl->easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t->client);
	curl->easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl->easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, t->client);
}
