/* sink.c - the backend of the benchmarks: answers every POST with 200 and an empty body, as fast as one thread can.
 *
 *     build/bench/sink PORT          (127.0.0.1 only)
 *
 * GET /stats answers "REQUESTS BYTES" so far. It believes Content-Length and nothing else: what is measured speaks
 * well-formed HTTP. Each connection keeps what it has read of a head; bodies are counted and thrown away.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { HEAD = 16384, READ = 1 << 18, EVENTS = 64, MAX_FD = 4096 };

struct conn {
	char head[HEAD];
	size_t n_head;
	uint64_t body; /* bytes of the present body still to come */
	bool in_body, is_get;
};

struct sink {
	int epoll, listener;
	uint64_t requests, bytes;
	struct conn *conns[MAX_FD];
	char buffer[READ];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(struct sink *s, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll_ctl");
}

static void drop(struct sink *s, int fd)
{
	free(s->conns[fd]);
	s->conns[fd] = NULL;
	close(fd);
}

static int answer(struct sink *s, int fd, const struct conn *c)
{
	char out[256];
	char stats[64] = "";
	if (c->is_get)
		snprintf(stats, sizeof stats, "%llu %llu", (unsigned long long)s->requests,
		        (unsigned long long)s->bytes);
	else
		s->requests++;
	int n = snprintf(out, sizeof out,
	        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: %zu\r\n\r\n%s",
	        strlen(stats), stats);
	return send(fd, out, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -1;
}

/* Length of the head in c->head, 0 when it is not complete. */
static size_t head_length(const struct conn *c)
{
	char *end = memmem(c->head, c->n_head, "\r\n\r\n", 4);
	return end ? (size_t)(end - c->head) + 4 : 0;
}

static uint64_t content_length(const char *head, size_t n)
{
	static const char name[] = "\ncontent-length:";
	for (size_t i = 0; i + sizeof name - 1 < n; i++)
		if (head[i] == '\n' && strncasecmp(head + i, name, sizeof name - 1) == 0)
			return strtoull(head + i + sizeof name - 1, NULL, 10);
	return 0;
}

/* Takes n read bytes; several requests may be in them. -1: the connection is over. */
static int take(struct sink *s, int fd, struct conn *c, const char *p, size_t n)
{
	while (n > 0 || (c->in_body && c->body == 0)) {
		if (c->in_body) {
			uint64_t part = n < c->body ? n : c->body;
			c->body -= part;
			p += part;
			n -= part;
			if (c->body > 0)
				return 0;
			c->in_body = false;
			if (answer(s, fd, c) < 0)
				return -1;
			continue;
		}
		size_t before = c->n_head, part = n < HEAD - before ? n : HEAD - before;
		if (part == 0)
			return -1;
		memcpy(c->head + before, p, part);
		c->n_head += part;
		size_t length = head_length(c);
		if (length == 0) {
			p += part;
			n -= part;
			continue;
		}
		p += length - before;
		n -= length - before;
		c->body = content_length(c->head, length);
		c->is_get = c->head[0] == 'G';
		c->in_body = true;
		c->n_head = 0;
	}
	return 0;
}

static void readable(struct sink *s, int fd)
{
	ssize_t n = read(fd, s->buffer, READ);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(s, fd);
		return;
	}
	if (!s->conns[fd]->is_get)
		s->bytes += (uint64_t)n;
	if (take(s, fd, s->conns[fd], s->buffer, (size_t)n) < 0)
		drop(s, fd);
}

static void accept_all(struct sink *s)
{
	int fd;
	while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		int one = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		struct conn *c = fd < MAX_FD ? calloc(1, sizeof *c) : NULL;
		if (!c)
			die("too many connections");
		s->conns[fd] = c;
		watch(s, fd);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: sink PORT\n");
		return 1;
	}
	struct sink *s = calloc(1, sizeof *s);
	if (!s)
		die("calloc");
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)) };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int one = 1;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s->listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(s->listener, 512) < 0)
		die("listen");
	watch(s, s->listener);
	for (;;) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(s->epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == s->listener)
				accept_all(s);
			else if (s->conns[fd])
				readable(s, fd);
		}
	}
}
