/* http_server.h - requests arriving on one loop: one exchange each, whatever the codec (http1 now, h2 later).
 *
 * A server belongs to one loop. Connections come as fds from the acceptor with a `site`: the handler and the
 * limits of one listener on this worker. The head is parsed behind the strict guard (http_guard.h); the body is
 * collected in one pooled buf whose tokens are taken before bytes are read. Answers may come later, from the same
 * thread; an exchange is then named by exchange_id, never by pointer. Requests of one connection are answered in
 * order; one is in work at a time (pipelined ones wait in the kernel or in at most 64 KiB).
 */
#pragma once
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

struct exchange;
struct http_server;

struct http_header {
	slice name, value;
};

struct http_head {
	slice method, path, query; /* path as sent, up to '?' */
	const struct http_header *headers;
	size_t n_headers;
	int64_t content_length; /* -1: chunked; 0: no body */
	bool keep_alive;
	slice peer; /* "127.0.0.1:5123" */
	bool tls;
};

/* First value of a header, case-insensitive; empty slice (p NULL) when absent. */
slice http_head_get(const struct http_head *h, const char *name);

struct http_answer {
	int status;
	slice content_type; /* empty: none */
	slice body; /* copied before exchange_answer returns */
	const struct http_header *headers; /* further ones: Retry-After, Allow, WWW-Authenticate, CORS ... */
	size_t n_headers;
	bool close; /* answer with Connection: close */
};

struct http_handler {
	/* The head is complete and sound. Return 0 to receive the body, of which at most *max_body bytes (20 MiB
	 * unless set) are taken (more is on_fault 413), or answer at once with exchange_answer and return 1 (the
	 * body is then discarded: lingering close or, when small, skipped). Also called before 100-continue is
	 * sent. */
	int (*on_head)(void *ctx, struct exchange *x, size_t *max_body);
	/* The body is complete: exchange_body. Must lead to exactly one exchange_answer, now or later. */
	void (*on_request)(void *ctx, struct exchange *x);
	/* The protocol failed: status is 400, 408, 413, 414, 417, 431, 503 (no pool tokens); answer with it, now
	 * (the connection closes after; a bare answer is sent when none was given). When the head is incomplete or
	 * not sound, exchange_head(x) has nothing but a Content-Type that was seen in it (for the language of the
	 * answer). The body, if any was read, is gone. */
	void (*on_fault)(void *ctx, struct exchange *x, int status, const char *text);
};

struct http_limits {
	size_t max_header_bytes, max_headers; /* of a request's head: 64 KiB, 100 */
	/* From the first byte of a head (with TLS also for the handshake); from the end of the head (a body must also
	 * come at 1 KiB/s on average once 5 s have passed); between requests; for an answer. 0: none (also of that rate).
	 * Looked at five times a second. */
	int64_t header_ns, body_ns, idle_ns, write_ns;
	bool keep_alive;
};

/* One listener as one worker sees it. Kept by the owner until no connection uses it (http_site_busy);
 * handler, ctx, limits and tls may be replaced between events (reload): each request takes what is there. */
struct http_site {
	const struct http_handler *handler;
	void *ctx;
	struct http_limits limits;
	struct tls_context *tls; /* NULL: plaintext */
	size_t n_connections;
};

struct http_server *http_server_new(struct loop *l, struct pool *pool, size_t max_connections) MUST_USE;
/* Takes the connected, non-blocking fd. */
void http_server_adopt(struct http_server *s, int fd, struct http_site *site);
/* From now on: answers carry Connection: close, new connections are refused. Idle ones stay until http_server_close, so
 * that a request on them is answered (503 by the receiver) and not met by a closed connection. */
void http_server_drain(struct http_server *s);
/* Connections with a request in work or partly read. */
size_t http_server_busy(const struct http_server *s);
/* Closes the connections of one site after their present exchange (a listener removed by reload). */
void http_server_close_site(struct http_server *s, struct http_site *site);
size_t http_server_connections(const struct http_server *s);
/* Closes everything now, then on_closed from the loop; the server is freed. */
void http_server_close(struct http_server *s, void (*on_closed)(void *ctx), void *ctx);

/* Its slices stay until the exchange is answered (for a fault without a head: until on_fault returns). */
const struct http_head *exchange_head(const struct exchange *x);
/* The whole body; the exchange keeps its reference until answered. NULL when there was none. */
struct buf *exchange_body(struct exchange *x);
/* Once per exchange; the exchange is gone after it returns. */
void exchange_answer(struct exchange *x, const struct http_answer *a);

struct exchange_id {
	uint32_t slot, generation;
};
struct exchange_id exchange_id(const struct exchange *x);
/* NULL when its connection has gone. */
struct exchange *http_server_find(struct http_server *s, struct exchange_id id);
