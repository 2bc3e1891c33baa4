/* http_client.h - POSTs of one exporter, by libcurl's multi interface on the exporter's own loop.
 *
 * Hides libcurl, which is loaded (dlopen) with the first post so that a process that sends nothing stays small.
 * Own connection cache and DNS cache per client, names resolved off the loop, TLS verification on, redirects
 * never followed, no proxy from the environment unless asked, cookies and netrc off, response head and body
 * limited. All calls on the loop's thread. Async rule: post returns 0 and on_done comes later exactly once, or
 * -1 and on_done never comes.
 */
#pragma once
#include "lib/base/err.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

struct http_client_settings {
	struct tls_settings tls;
	/* Empty: HTTP_PROXY, HTTPS_PROXY, NO_PROXY of the environment (never for loopback, as Go); "none": no proxy. */
	slice proxy_url;
	int64_t connect_timeout_ns; /* 0: 5 s */
	int64_t idle_timeout_ns; /* idle connections are closed after it; 0: 90 s */
	size_t max_idle_conns, max_conns_per_host; /* 0: no limit of ours */
	size_t max_response; /* bytes of body; 0: 4 MiB */
	bool disable_keep_alives;
	bool http2; /* offer h2 by ALPN on https */
};

enum http_fault {
	HTTP_FAULT_NONE, /* an answer arrived, whatever its status */
	HTTP_FAULT_RESOLVE,
	HTTP_FAULT_CONNECT,
	HTTP_FAULT_TIMEOUT,
	HTTP_FAULT_RESET,
	HTTP_FAULT_TLS, /* handshake failed */
	HTTP_FAULT_TRUST, /* the peer's certificate is not trusted */
	HTTP_FAULT_TOO_LARGE, /* the response is over the limit */
	HTTP_FAULT_LOCAL, /* bad URL, out of memory */
	HTTP_FAULT_CANCELLED,
};

/* Valid during on_done only. */
struct http_reply {
	int status; /* 0 when fault is not NONE; but TOO_LARGE keeps it: a 200 with a 1 GB body took the data */
	enum http_fault fault;
	const char *text; /* of the fault, in words with host and port */
	slice body, content_type, retry_after, date;
};

struct http_post {
	const char *url; /* http or https; copied, as are the headers */
	const char *const *headers; /* "Name: value", NULL-terminated; includes Content-Type and Content-Encoding */
	const slice *parts; /* body in pieces; must stay until on_done */
	size_t n_parts;
	int64_t timeout_ns; /* whole exchange; 0: none */
	void (*on_done)(void *ctx, const struct http_reply *r);
	void *ctx;
};

struct http_client;
/* Checks certificate files and that libcurl is there. NULL with e. */
struct http_client *http_client_new(struct loop *l, const struct http_client_settings *s, struct err *e) MUST_USE;
/* -1: bad URL or header, no libcurl, closing; nothing was sent. */
int http_client_post(struct http_client *c, const struct http_post *p, struct err *e) MUST_USE;
/* Cancels what is under way (on_done with CANCELLED for each, from the loop), closes connections, then on_closed. */
void http_client_close(struct http_client *c, void (*on_closed)(void *ctx), void *ctx);
