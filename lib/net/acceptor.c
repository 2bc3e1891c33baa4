/* acceptor.c - bind, listen, and hand out accepted sockets; see acceptor.h.
 *
 * A name is resolved once, and of its addresses an IPv4 one is preferred, as Go does, so that "localhost" is
 * 127.0.0.1. Accepting is in bursts of at most 64, so that connections already there get their turn. When fds run
 * out polling stops for 100 ms: the clients wait in the backlog and the loop does not spin.
 */
#include "lib/net/acceptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/parse.h"
#include "lib/net/port_owner.h"

enum { BACKLOG = 1024, BURST = 64, MAX_ADDRESS = 300 };
#define PAUSE_NS (100 * NS_PER_MS)

struct place {
	struct sockaddr_storage addr;
	socklen_t len;
	bool v6only;
};

struct acceptor {
	uv_poll_t poll;
	struct timer pause;
	int fd;
	bool paused, resting;
	unsigned n_handles;
	void (*on_accept)(void *ctx, int fd);
	void *ctx;
	char address[MAX_ADDRESS];
	char unlink_path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
};

/* "HOST:PORT", ":PORT", "[v6]:PORT". */
static int split(slice address, char *host, uint16_t *port, struct err *e)
{
	const char *colon = address.len ? memrchr(address.p, ':', address.len) : NULL;
	slice h = { address.p, colon ? (size_t)(colon - address.p) : 0 };
	uint64_t n;
	if (!colon)
		return err_set(e, "\"%.*s\" is not HOST:PORT", SLICE_ARG(address));
	if (parse_u64((slice){ colon + 1, address.len - h.len - 1 }, &n) || n > 65535)
		return err_set(e, "\"%.*s\": the port is not a number from 0 to 65535", SLICE_ARG(address));
	if (h.len >= 2 && h.p[0] == '[' && h.p[h.len - 1] == ']')
		h = (slice){ h.p + 1, h.len - 2 };
	else if (h.len && memchr(h.p, ':', h.len))
		return err_set(e, "\"%.*s\": an IPv6 address is written in brackets", SLICE_ARG(address));
	if (h.len >= MAX_ADDRESS || (h.len && memchr(h.p, 0, h.len)))
		return err_set(e, "\"%.*s\": the host is too long", SLICE_ARG(address));
	if (h.len)
		memcpy(host, h.p, h.len);
	host[h.len] = 0;
	*port = (uint16_t)n;
	return 0;
}

static bool have_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* ":PORT" listens on all addresses, on both protocols where the host has both. */
static void any_address(struct place *p, uint16_t port, slice transport)
{
	memset(p, 0, sizeof(*p));
	if (!slice_is(transport, "tcp4") && have_ipv6()) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&p->addr;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		p->len = sizeof(*in6);
		p->v6only = slice_is(transport, "tcp6");
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)&p->addr;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		p->len = sizeof(*in);
	}
}

static void set_port(struct place *p, uint16_t port)
{
	if (p->addr.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&p->addr)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)&p->addr)->sin_port = htons(port);
}

static int resolve(struct place *p, slice address, slice transport, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *all = NULL, *best;
	char host[MAX_ADDRESS];
	uint16_t port = 0;
	int rc;
	if (split(address, host, &port, e))
		return -1;
	if (!host[0]) {
		any_address(p, port, transport);
		return 0;
	}
	hints.ai_family = slice_is(transport, "tcp4") ? AF_INET : slice_is(transport, "tcp6") ? AF_INET6 : AF_UNSPEC;
	rc = getaddrinfo(host, NULL, &hints, &all);
	if (rc)
		return err_set(e, "%s: %s", host, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	best = all;
	for (struct addrinfo *a = all; a && best->ai_family != AF_INET; a = a->ai_next)
		if (a->ai_family == AF_INET)
			best = a;
	memset(p, 0, sizeof(*p));
	memcpy(&p->addr, best->ai_addr, best->ai_addrlen);
	p->len = best->ai_addrlen;
	p->v6only = slice_is(transport, "tcp6");
	freeaddrinfo(all);
	set_port(p, port);
	return 0;
}

static int failed(struct err *e, slice address, const struct place *p)
{
	int why = errno;
	struct port_owner owner;
	uint16_t port = p->addr.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&p->addr)->sin6_port)
	                                              : ntohs(((const struct sockaddr_in *)&p->addr)->sin_port);
	if (why == EADDRINUSE && p->addr.ss_family != AF_UNIX && port_owner_find(port, &owner))
		return err_set(e, "listen %.*s: the address is in use by process %ld (%s)", SLICE_ARG(address),
		        owner.pid, owner.name[0] ? owner.name : "?");
	return err_set(e, "listen %.*s: %s", SLICE_ARG(address), strerror(why));
}

static int open_socket(const struct place *p, slice address, struct err *e)
{
	int on = 1, off = p->v6only;
	int fd = socket(p->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(e, address, p);
	if (p->addr.ss_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (p->addr.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (const struct sockaddr *)&p->addr, p->len) || listen(fd, BACKLOG)) {
		failed(e, address, p);
		close(fd);
		return -1;
	}
	return fd;
}

/* A socket file that nobody listens on is what a killed process left behind. */
static void remove_stale(const struct place *p, const char *path)
{
	struct stat st;
	int fd;
	if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&p->addr, p->len) && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

static int unix_place(struct place *p, slice path, char *unlink_path, struct err *e)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&p->addr;
	if (!path.len || path.len >= sizeof(un->sun_path))
		return err_set(
		        e, "\"%.*s\": a socket path has 1 to %zu bytes", SLICE_ARG(path), sizeof(un->sun_path) - 1);
	memset(p, 0, sizeof(*p));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.p, path.len);
	p->len = sizeof(*un);
	memcpy(unlink_path, path.p, path.len);
	unlink_path[path.len] = 0;
	remove_stale(p, unlink_path);
	return 0;
}

static int bind_tcp(struct acceptor *a, slice address, slice transport, struct err *e)
{
	struct place p;
	char host[INET6_ADDRSTRLEN] = "";
	if (resolve(&p, address, transport, e))
		return -1;
	a->fd = open_socket(&p, address, e);
	if (a->fd < 0)
		return -1;
	p.len = sizeof(p.addr);
	getsockname(a->fd, (struct sockaddr *)&p.addr, &p.len);
	if (p.addr.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&p.addr;
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(a->address, sizeof(a->address), "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&p.addr;
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(a->address, sizeof(a->address), "%s:%u", host, ntohs(in->sin_port));
	}
	return 0;
}

static int bind_unix(struct acceptor *a, slice path, struct err *e)
{
	struct place p;
	if (unix_place(&p, path, a->unlink_path, e))
		return -1;
	a->fd = open_socket(&p, path, e);
	if (a->fd < 0)
		return -1;
	snprintf(a->address, sizeof(a->address), "%s", a->unlink_path);
	return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void poll_again(struct acceptor *a)
{
	if (a->on_accept && !a->paused && !a->resting)
		uv_poll_start(&a->poll, UV_READABLE, on_ready);
	else
		uv_poll_stop(&a->poll);
}

static void on_rested(struct timer *t)
{
	struct acceptor *a = CONTAINER_OF(t, struct acceptor, pause);
	a->resting = false;
	poll_again(a);
}

static void rest(struct acceptor *a)
{
	a->resting = true;
	timer_start(&a->pause, PAUSE_NS);
	poll_again(a);
}

static void on_ready(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
	struct acceptor *a = CONTAINER_OF(poll, struct acceptor, poll);
	int on = 1;
	/* The callback may pause or close this acceptor. */
	for (int i = 0; i < BURST && !a->paused && !uv_is_closing((uv_handle_t *)poll); i++) {
		int fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			rest(a);
			return;
		}
		if (fd < 0) /* this client has gone (RFC: ECONNABORTED, and the network errors accept(2) passes on) */
			continue;
		if (!a->unlink_path[0])
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		a->on_accept(a->ctx, fd);
	}
}

struct acceptor *acceptor_new(struct loop *l, slice address, slice transport, struct err *e)
{
	struct acceptor *a = calloc(1, sizeof(*a));
	bool is_unix = slice_is(transport, "unix");
	if (!a) {
		err_set(e, "out of memory");
		return NULL;
	}
	if (is_unix ? bind_unix(a, address, e) : bind_tcp(a, address, transport, e)) {
		free(a);
		return NULL;
	}
	if (uv_poll_init(&l->uv, &a->poll, a->fd)) {
		err_set(e, "listen %.*s: the socket cannot be polled", SLICE_ARG(address));
		close(a->fd);
		free(a);
		return NULL;
	}
	timer_init(l, &a->pause, on_rested);
	a->n_handles = 2;
	return a;
}

const char *acceptor_address(const struct acceptor *a)
{
	return a->address;
}

void acceptor_start(struct acceptor *a, void (*on_accept)(void *ctx, int fd), void *ctx)
{
	a->on_accept = on_accept;
	a->ctx = ctx;
	poll_again(a);
}

void acceptor_pause(struct acceptor *a)
{
	a->paused = true;
	poll_again(a);
}

void acceptor_resume(struct acceptor *a)
{
	a->paused = false;
	poll_again(a);
}

static void handle_closed(struct acceptor *a)
{
	if (--a->n_handles == 0)
		free(a);
}

static void on_poll_closed(uv_handle_t *h)
{
	handle_closed(CONTAINER_OF(h, struct acceptor, poll));
}

static void on_pause_closed(struct timer *t)
{
	handle_closed(CONTAINER_OF(t, struct acceptor, pause));
}

void acceptor_close(struct acceptor *a)
{
	uv_close((uv_handle_t *)&a->poll, on_poll_closed); /* stops polling at once, so the fd may go */
	close(a->fd);
	if (a->unlink_path[0])
		unlink(a->unlink_path);
	timer_close(&a->pause, on_pause_closed);
}
