/* tls.h - TLS for accepted connections (OpenSSL), and the settings both sides share.
 *
 * tls_context is immutable and shared by workers; tls_conn is one connection on one loop, moved by memory
 * BIOs: the caller feeds received bytes and sends what comes out. The client side is libcurl's; it only takes
 * struct tls_settings from here.
 */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/strbuf.h"

/* Plain values; filled from the option rows in lib/pipe/groups.c. Empty slice: not given. */
struct tls_settings {
	slice cert_file, cert_pem, key_file, key_pem, ca_file, ca_pem;
	slice client_ca_file; /* server: set means client certificates are required and verified */
	slice min_version, max_version; /* "1.0" .. "1.3"; default 1.2 and the library's newest */
	slice server_name_override; /* client */
	bool include_system_ca_certs_pool;
	bool insecure; /* client: plaintext where the scheme does not decide */
	bool insecure_skip_verify; /* client */
};

struct tls_context;
/* Reads and checks certificate, key and CAs. NULL with e (names the file and the reason). */
struct tls_context *tls_server_new(const struct tls_settings *s, struct err *e) MUST_USE;
/* Reads and checks the client side of `s` the same way, for errors at start instead of at the first connection.
 * Keeps nothing. 0, or -1 with e. */
int tls_client_verify(const struct tls_settings *s, struct err *e) MUST_USE;
struct tls_context *tls_ref(struct tls_context *c);
void tls_unref(struct tls_context *c);

enum tls_state { TLS_HANDSHAKE, TLS_OPEN, TLS_CLOSED, TLS_FAILED };
struct tls_conn;
struct tls_conn *tls_conn_new(struct tls_context *c);
void tls_conn_free(struct tls_conn *t);
/* Feeds ciphertext that arrived; the state after it. Read until 0 before the next feed: more than 1 MiB unread is
 * TLS_FAILED. In states CLOSED and FAILED output may still be waiting (the alert). */
enum tls_state tls_conn_feed(struct tls_conn *t, slice in);
/* Reads decrypted bytes: count, 0 when there are none now (or ever: see tls_conn_state). */
size_t tls_conn_read(struct tls_conn *t, void *out, size_t n);
/* Reading tells that the peer has closed (CLOSED) or broke the protocol (FAILED). */
enum tls_state tls_conn_state(const struct tls_conn *t);
/* Encrypts all of `s` (state OPEN). 0 or -1. */
int tls_conn_write(struct tls_conn *t, slice s);
void tls_conn_shutdown(struct tls_conn *t); /* queues close_notify */
/* Moves what must be sent to the peer to `out`; call after feed, read, write and shutdown. 0, or -1 when `out` is full:
 * then nothing was moved. */
int tls_conn_take_output(struct tls_conn *t, struct strbuf *out);
const char *tls_conn_error(const struct tls_conn *t); /* state FAILED: why */
