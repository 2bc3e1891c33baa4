/* http_peer.c - see http_peer.h. Aborts on what the test machine must be able to do. */
#include "tests/unit/rig/http_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct line { /* one connection */
	struct peer *peer;
	int fd;
	SSL *ssl;
	unsigned number;
	char buf[65536];
	size_t have;
};

static void must(int ok)
{
	if (!ok) {
		perror("http_peer");
		abort();
	}
}

static ssize_t get(struct line *l, void *p, size_t n)
{
	return l->ssl ? SSL_read(l->ssl, p, (int)n) : recv(l->fd, p, n, 0);
}

static bool put(struct line *l, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = l->ssl ? SSL_write(l->ssl, p, (int)n) : send(l->fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static bool read_head(struct line *l, struct peer_request *r)
{
	for (;;) {
		char *end = memmem(l->buf, l->have, "\r\n\r\n", 4);

		if (end) {
			size_t n = (size_t)(end + 4 - l->buf);

			must(n < sizeof(r->head));
			memcpy(r->head, l->buf, n);
			r->head[n] = 0;
			l->have -= n;
			memmove(l->buf, l->buf + n, l->have);
			return true;
		}
		ssize_t k = get(l, l->buf + l->have, sizeof(l->buf) - l->have);

		if (k <= 0)
			return false;
		l->have += (size_t)k;
	}
}

static bool read_body(struct line *l, struct peer_request *r)
{
	const char *field = strcasestr(r->head, "\r\ncontent-length:");

	r->body_len = field ? strtoul(field + 17, NULL, 10) : 0;
	r->body = malloc(r->body_len + 1);
	must(r->body != NULL);
	size_t at = r->body_len < l->have ? r->body_len : l->have;

	memcpy(r->body, l->buf, at);
	l->have -= at;
	memmove(l->buf, l->buf + at, l->have);
	while (at < r->body_len) {
		ssize_t k = get(l, r->body + at, r->body_len - at);

		if (k <= 0)
			return false;
		at += (size_t)k;
	}
	return true;
}

static bool give(struct line *l, const struct peer_answer *a)
{
	bool ok = !a->text || put(l, a->text, strlen(a->text));

	for (size_t i = 0; i < a->repeat && ok; i++)
		ok = put(l, a->filler, strlen(a->filler));
	return ok;
}

static void await_end(struct line *l)
{
	while (get(l, l->buf, sizeof(l->buf)) > 0) {
	}
}

static bool serve(struct line *l)
{
	struct peer_request *r = calloc(1, sizeof(*r));
	struct peer_answer a = { .then = PEER_CLOSE };
	struct peer *p = l->peer;
	bool ok = read_head(l, r);

	if (ok) {
		r->connection = l->number;
		ok = p->answer_early || read_body(l, r);
	}
	if (ok) {
		r->number = atomic_fetch_add(&p->n_requests, 1);
		pthread_mutex_lock(&p->lock);
		a = p->script(p->ctx, r);
		pthread_mutex_unlock(&p->lock);
		ok = give(l, &a);
	}
	free(r->body);
	free(r);
	if (a.then == PEER_HANG)
		await_end(l);
	if (a.then == PEER_RESET)
		setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	return ok && a.then == PEER_KEEP;
}

static void *run_line(void *line)
{
	struct line *l = line;
	struct peer *p = l->peer;

	if (p->tls) {
		l->ssl = SSL_new(p->tls);
		SSL_set_fd(l->ssl, l->fd);
	}
	if (l->ssl &&
	        SSL_accept(l->ssl) != 1) { /* let the alert be read: unread bytes would turn the close into a reset */
		shutdown(l->fd, SHUT_WR);
		while (recv(l->fd, l->buf, sizeof(l->buf), 0) > 0) {
		}
	} else {
		while (serve(l)) {
		}
	}
	SSL_free(l->ssl);
	close(l->fd);
	free(l);
	sem_post(&p->gone);
	return NULL;
}

static void *run(void *peer)
{
	struct peer *p = peer;
	int fd;

	while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
		struct line *l = calloc(1, sizeof(*l));
		pthread_t t;

		must(l != NULL);
		l->peer = p;
		l->fd = fd;
		l->number = atomic_fetch_add(&p->n_connections, 1);
		must(pthread_create(&t, NULL, run_line, l) == 0);
		pthread_detach(t);
	}
	return NULL;
}

void peer_start(struct peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(p->fd >= 0 && bind(p->fd, (struct sockaddr *)&a, n) == 0 && listen(p->fd, 64) == 0);
	must(getsockname(p->fd, (struct sockaddr *)&a, &n) == 0);
	p->port = ntohs(a.sin_port);
	snprintf(p->url, sizeof(p->url), "http%s://127.0.0.1:%u/v1/traces", p->tls ? "s" : "", p->port);
	must(pthread_mutex_init(&p->lock, NULL) == 0);
	must(sem_init(&p->gone, 0, 0) == 0);
	must(pthread_create(&p->thread, NULL, run, p) == 0);
}

void peer_sync(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	pthread_mutex_unlock(&p->lock);
}

void peer_await_end(struct peer *p)
{
	while (sem_wait(&p->gone) != 0 && errno == EINTR) {
	}
	p->n_awaited++;
}

void peer_stop(struct peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->fd);
	while (p->n_awaited < atomic_load(&p->n_connections))
		peer_await_end(p);
	sem_destroy(&p->gone);
	pthread_mutex_destroy(&p->lock);
	SSL_CTX_free(p->tls);
}
