/* http_transfer.h - inside of http_client.h: one exchange, from post to reply. */
#pragma once
#include "lib/net/http_client_impl.h"

struct transfer *transfer_new(struct http_client *c); /* NULL: libcurl has no memory */
void transfer_free(struct transfer *t);
/* Takes URL, headers and body of a post. 0 or -1 with e. */
int transfer_load(struct transfer *t, const struct http_post *p, struct err *e) MUST_USE;
/* Fills r (views into t and text) from what libcurl says. */
void transfer_reply(struct transfer *t, CURLcode code, bool cancelled, struct http_reply *r, char *text, size_t n);
/* Before the connection between `local` and `remote` is closed: a server may answer (413, 401) and close before it has read the body. When both reach
 * us between libcurl's look at the socket and its write, it finds the pipe broken and gives up with the answer unread,
 * which is kept for transfer_reply here. Not seen behind TLS: there the exchange is a broken one. */
void client_hear_out(struct http_client *c, curl_socket_t fd, const struct end *local, const struct end *remote);
/* Forgets the exchange, keeps what the next one can use. */
void transfer_clear(struct transfer *t);
