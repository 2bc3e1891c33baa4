/* client_world.h - a loop, an http_client and a scripted peer, and exchanges between them that run to their end. */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/net/http_client.h"
#include "tests/unit/rig/http_peer.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 2\r\n\r\nok"
#define LONG_LABEL "a23456789b123456789c123456789d123456789e123456789f123456789g123456789" /* > 63: never a name */

struct outcome {
	unsigned n; /* on_done calls */
	int status;
	enum http_fault fault;
	char text[1024], body[256], content_type[64], retry_after[64], date[64];
	size_t body_len;
	struct loop *stop; /* when it is done */
	struct world *again; /* posts once more from on_done */
};

struct world {
	struct fake_clock fake;
	struct loop loop;
	struct peer peer;
	struct http_client *client;
	bool closed;
	char last_head[8192];
	struct strbuf last_body;
};

/* The answer to every request unless w->peer.script was set: OK_ANSWER, head and body kept in w. */
struct peer_answer script_ok(void *world, const struct peer_request *r);
extern const char *const world_headers[];

/* Makes the loop (with the fake clock), starts the peer, removes proxies from the environment. */
void world_listen(struct world *w);
/* Adds a client with these settings. */
void world_client(struct world *w, struct http_client_settings s);
/* Both. */
void world_open(struct world *w, struct http_client_settings s);
/* Closes the client, if there is one, and everything else. */
void world_close(struct world *w);
void world_on_done(void *outcome, const struct http_reply *r);
void world_on_closed(void *world);
int post_to(struct world *w, const char *url, const slice *parts, size_t n, int64_t timeout_ns, struct outcome *o,
        struct err *e);
/* Posts and runs the loop until the answer. */
struct outcome exchange_with(struct world *w, const char *url, const slice *parts, size_t n, int64_t timeout_ns);
/* The same: "hello" to the peer. */
struct outcome exchange(struct world *w);
