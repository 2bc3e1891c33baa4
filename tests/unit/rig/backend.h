/* backend.h - an OTLP/HTTP destination for tests of exporters: answers by script, remembers what it got.
 *
 * On top of http_peer.h. Each request takes the next answer of `script`; the last one stays. Requests are kept in order of
 * arrival and read by the test's thread under the peer's lock.
 */
#pragma once
#include "lib/otlp/encode.h"
#include "tests/unit/rig/http_peer.h"

enum { BACKEND_MAX = 4096 };

struct backend_request {
	char *head, *body; /* NUL-terminated copies; BUF_SLACK bytes behind the body */
	size_t len;
	unsigned connection;
};

struct backend {
	struct peer peer;
	const struct peer_answer *script;
	size_t n_script;
	_Atomic unsigned n; /* requests kept */
	unsigned n_turns; /* requests since the script was set */
	struct backend_request v[BACKEND_MAX];
};

extern const struct peer_answer backend_ok; /* 200, empty */
/* Starts on a port of the kernel's choice; "http://127.0.0.1:PORT" is in *base (32 bytes). NULL script: backend_ok. */
void backend_start(struct backend *b, const struct peer_answer *script, size_t n, char base[32]);
/* From now on these answers. */
void backend_set(struct backend *b, const struct peer_answer *script, size_t n);
/* After the clients have closed. */
void backend_stop(struct backend *b);
unsigned backend_count(struct backend *b);
/* The nth request; its contents do not change any more. */
const struct backend_request *backend_get(struct backend *b, unsigned nth);
/* Value of a header of the request, in `out`; "" when absent. */
const char *backend_header(const struct backend_request *q, const char *name, char out[256]);
/* Spans in it, decompressed and decoded as its headers say; fails the test when it does not decode. */
unsigned backend_spans(const struct backend_request *q);
/* Spans in all requests. */
unsigned backend_all_spans(struct backend *b);
/* The base URL of a port that nobody listens on; it stays so until the fd is closed. */
int backend_dead(char base[32]);
