/* http_server_internal.h - what the three files of the server share: http_server.c (the set of connections),
 *
 * http_conn.c (bytes of one connection in and out, TLS), http_request.c (its requests, in order).
 *
 * A connection is one state. Its struct lives until libuv's close callback, so a callee may close it at any time and
 * the caller only looks at the state afterwards. `in` is input that nobody took yet: in the server's read buffer
 * while a read callback runs, in `ahead` between callbacks.
 */
#pragma once
#include "lib/net/http1.h"
#include "lib/net/http_date.h"

enum {
	READ_HEAD = 16 << 10, /* one read while a head is expected: what is behind it is copied, so not too much */
	READ_MAX = 64 << 10,
	LINGER_MAX = 64 << 10, /* bytes thrown away after an early answer */
	COPY_BODY_MAX = 8 << 10, /* an answer's body up to this is put behind its head: one buffer, one TLS record */
	MAX_WRITES = 16, /* waiting at once; only TLS can have more than one */
	DEFAULT_MAX_BODY = 20 << 20,
	BODY_MIN_RATE = 1 << 10, /* bytes a second, after */
};
#define BODY_GRACE_NS (5 * NS_PER_S)
#define LINGER_NS NS_PER_S
#define TICK_NS (200 * NS_PER_MS)

enum conn_state {
	CONN_HANDSHAKE,
	CONN_IDLE, /* nothing of a request has arrived */
	CONN_HEAD, /* a part of a head has */
	CONN_BODY, /* known length; plaintext is read straight into the body */
	CONN_CHUNKED,
	CONN_WORK, /* the handler has it */
	CONN_WRITE, /* answered; the answer is on its way */
	CONN_SKIP, /* answered early; the rest of a small body is passed over */
	CONN_LINGER, /* our side is shut; the peer gets time to read */
	CONN_CLOSED,
};

struct exchange {
	struct http1_request *request; /* NULL: the head never was complete */
	const struct http_head *head; /* the request's, or the server's empty one */
	struct buf *body;
	uint32_t slot, generation;
	bool live;
};

/* A head that did not arrive in one piece. */
struct partial_head {
	struct http_guard guard;
	struct strbuf raw;
};

struct conn {
	uv_tcp_t uv; /* also for unix sockets: libuv treats the fd alike */
	struct http_server *server;
	struct http_site *site;
	struct conn *next, *prev;
	struct conn *next_ready;
	struct tls_conn *tls;
	enum conn_state state;
	bool reading, eof, ready;
	bool last; /* close after the present answer */
	bool retired; /* its site goes away: every answer is the last */
	bool broken; /* on_fault was called */
	bool unread; /* the present request's body is not complete */
	bool late; /* its deadline has passed once, with input still unread */
	unsigned n_writes;
	int64_t deadline; /* loop_now; 0: none */
	int64_t body_began; /* loop_now at the end of the head */
	slice in;
	char *ahead; /* owns `in` between callbacks */
	struct partial_head *partial;
	uint64_t left; /* bytes of body to read, to skip or to discard */
	size_t max_body;
	struct http_chunks chunks;
	struct exchange x;
	char peer[64];
};

struct slot {
	struct conn *conn;
	uint32_t generation, next_free; /* index + 1 */
};

struct http_server {
	struct loop *loop;
	struct pool *pool;
	size_t max_connections, n_connections, n_handles;
	struct conn *conns;
	struct conn *current; /* whose input is being worked on */
	struct conn *first_ready, *last_ready;
	struct slot *slots;
	uint32_t n_slots, free_slot;
	struct timer tick;
	bool ticking, draining, closing;
	void (*on_closed)(void *ctx);
	void *closed_ctx;
	struct strbuf out, cipher; /* of the answer being written */
	struct http_head
	        no_head; /* of an exchange that broke before its head was complete; valid while on_fault runs */
	struct http_header no_head_type; /* its only header, if any */
	int64_t date_s;
	char date[HTTP_DATE_LEN + 1];
	char *plain; /* READ_HEAD bytes of decrypted input; made with the first TLS connection */
	char read[READ_MAX];
};

/* http_server.c */
void server_forget(struct conn *c); /* its slot, its place in the list */
void server_handle_closed(struct http_server *s);

/* http_conn.c */
void conn_open(struct conn *c, int fd); /* takes the fd */
void conn_close(struct conn *c);
/* Works on input and state until nothing moves. When another connection is being worked on, this one comes after it: an
 * answer given inside a handler never nests. */
void conn_run(struct conn *c);
/* Sends both slices; what the kernel does not take now is copied. Closes the connection on failure. */
void conn_send(struct conn *c, slice head, slice body);
void conn_say_goodbye(struct conn *c); /* TLS close_notify, if TLS */
void conn_set_deadline(struct conn *c, int64_t ns); /* from now; 0: none */
void conn_expire(struct conn *c);
int64_t conn_body_deadline(const struct conn *c); /* while a body comes in, where it has a limit of time */
static inline bool conn_wants_input(const struct conn *c)
{
	return c->state != CONN_WORK && c->state != CONN_WRITE && c->state != CONN_CLOSED;
}
static inline void conn_take(struct conn *c, size_t n)
{
	c->in.p += n;
	c->in.len -= n;
}

/* http_request.c */
bool request_step(struct conn *c); /* one move forward; false when more input or an answer is needed */
void request_fault(struct conn *c, int status, const char *text);
void request_eof(struct conn *c);
void request_end(struct conn *c); /* frees what the exchange holds */
