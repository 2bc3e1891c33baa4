/* http_peer.h - a small HTTP/1.1 server on its own threads, for tests of clients: it does what the script says.
 *
 * One blocking thread per connection. Requests are numbered in order of arrival; `script` decides about each one.
 */
#pragma once
#include <openssl/ssl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "lib/base/base.h"

enum peer_then {
	PEER_KEEP, /* next request */
	PEER_CLOSE, /* close properly */
	PEER_RESET, /* RST */
	PEER_HANG, /* answer nothing more, wait for the client to go away */
};

struct peer_request {
	unsigned number, connection; /* from 0 */
	char head[8192]; /* NUL-terminated */
	char *body;
	size_t body_len;
};

struct peer_answer {
	const char *text; /* sent as it is; NULL: nothing */
	size_t repeat; /* then this many more times `filler` */
	const char *filler;
	enum peer_then then;
};

struct peer {
	int fd;
	unsigned port;
	char url[64]; /* http://127.0.0.1:PORT/v1/traces */
	SSL_CTX *tls; /* NULL: plaintext */
	struct peer_answer (*script)(void *ctx, const struct peer_request *r);
	void *ctx;
	bool answer_early; /* script runs, and its answer is sent, before the body is read */
	_Atomic unsigned n_requests, n_connections;
	sem_t gone; /* posted for each connection that ended */
	unsigned n_awaited;
	pthread_mutex_t lock; /* held while script runs */
	pthread_t thread;
};

void peer_start(struct peer *p);
/* What the script wrote until now is seen by the caller, and the other way round. */
void peer_sync(struct peer *p);
/* Waits until one more connection has ended on the peer's side. */
void peer_await_end(struct peer *p);
/* Stops listening and waits for all connections to end: close clients first. */
void peer_stop(struct peer *p);
