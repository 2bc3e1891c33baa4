/* http_client_impl.h - inside of http_client.h: a client and its transfers.
 *
 * client owns: the multi handle (connections, DNS cache), the watches (one uv_poll per socket), the transfers, and
 * the only copy of the private key that is in its reach. A
 * transfer is one easy handle with its options set once; it is either active (in the multi) or idle (kept for
 * the next post, because making one costs more than a small request). Everything on the loop's thread.
 */
#pragma once
#include <netinet/in.h>

#include "lib/base/strbuf.h"
#include "lib/net/curl_api.h"
#include "lib/net/http_client.h"

/* Of a configured client, as libcurl wants them. All in client->arena. */
struct client_strings {
	const char *server_name;
	const char *http_proxy, *https_proxy, *no_proxy; /* "" for none */
	struct curl_blob cert_pem, key_pem, ca_pem; /* used by every transfer until it is freed */
	long ssl_version;
};

struct watch {
	uv_poll_t poll;
	struct http_client *client;
	struct watch *next, *prev;
	curl_socket_t fd;
	int wanted, armed; /* UV_READABLE, UV_WRITABLE: by libcurl, at the kernel */
	bool connection; /* opened by on_open */
	bool lasting; /* and connected, so that it is closed through on_close */
};

/* One end of a connection, in libcurl's spelling. */
struct end {
	char ip[INET6_ADDRSTRLEN];
	long port;
};

/* Where a socket was sent to. Stays when libcurl closes it without a word, until its number comes back. */
struct opened {
	struct opened *next;
	curl_socket_t fd;
	struct end remote;
};

enum { HEAD_CONTENT_TYPE, HEAD_RETRY_AFTER, HEAD_DATE, N_HEADS };

struct transfer {
	struct http_client *client;
	struct transfer *next, *prev;
	CURL *easy;
	char *url; /* last one set: url, proxy and connect_to are good for it */
	char *peer; /* "host:port" of it, for texts */
	char *host_header; /* "Host: ..", when server_name_override hides it; else NULL */
	struct curl_slist connect_to;
	char *connect_to_text;
	struct arena lines; /* header lines of this post, with their list */
	struct strbuf small; /* body joined from parts */
	const slice *parts;
	size_t n_parts, part, at; /* where reading is */
	struct strbuf body, heads[N_HEADS];
	size_t head_bytes;
	bool head_ended; /* the empty line after the head of the final answer was seen */
	bool too_large;
	unsigned n_attempts; /* of this exchange; more than one: kept connections turned out dead */
	long last_status; /* of an answer that libcurl left unread (client_hear_out); 0: none */
	int64_t timeout_ns;
	void (*on_done)(void *ctx, const struct http_reply *r);
	void *ctx;
	char error[CURL_ERROR_SIZE];
};

struct http_client {
	struct loop *loop;
	struct http_client_settings settings; /* its slices are the caller's: only client_prepare reads them */
	struct client_strings strings;
	struct arena arena;
	const struct curl_api *curl; /* NULL until the first post */
	CURLM *multi; /* NULL when nothing was sent for a while */
	struct transfer *active, *idle;
	size_t n_active, n_idle;
	struct watch *watches;
	struct opened *opened;
	uv_timer_t timer; /* libcurl's */
	uv_timer_t closer;
	struct timer idler;
	int64_t last_used_ns;
	int64_t timed_out_ns; /* when a transfer did last; 0: none */
	bool abandoned; /* an attempt to connect: libcurl looks at the next address only when asked */
	size_t n_handles; /* uv handles not closed yet */
	bool closing;
	void (*on_closed)(void *ctx);
	void *ctx;
};

/* http_client_setup.c: what does not change between the posts of a client. */
/* Strings, from settings. After a failure, too, client_forget_key is due. */
int client_prepare(struct http_client *c, struct err *e) MUST_USE;
void client_forget_key(struct http_client *c); /* overwrites it; when no transfer is left */
void transfer_setup(struct transfer *t); /* options of a new easy handle */
/* Makes `url` the target of t: URL, proxy, server name. 0 or -1 with e. */
int transfer_aim(struct transfer *t, const char *url, struct err *e) MUST_USE;
void transfer_forget_aim(struct transfer *t);

/* http_client_io.c: libcurl's sockets and timer on the loop. */
void client_watch_multi(struct http_client *c); /* sets the callbacks of c->multi */
void transfer_watch(struct transfer *t); /* sets the socket callbacks of t->easy */
void client_unwatch_all(struct http_client *c); /* after the multi is gone */
void client_handle_closed(struct http_client *c); /* counts n_handles down; the last one ends the client */
void client_collect(struct http_client *c); /* http_client.c: finishes what libcurl says is done */

/* http_client_fault.c: the class of a failed transfer; its words (what, where, why) go to `text`. */
enum http_fault transfer_fault(const struct transfer *t, CURLcode code, char *text, size_t n);
