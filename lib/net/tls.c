/* tls.c - the server's contexts: what a listener offers, immutable once made.
 *
 * A reload makes a new context; connections keep theirs by reference. Tickets are on (their keys live and die
 * with the context), the session cache is off: nothing grows with the number of clients.
 */
#include "lib/net/tls.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "lib/net/tls_conn.h"
#include "lib/net/tls_settings.h"

/* RFC 7301 3.2: a client that offers protocols without ours is told so, instead of being misunderstood later. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
        unsigned in_len, void *arg)
{
	static const unsigned char http1[] = "\x08http/1.1";

	(void)ssl, (void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, http1, sizeof(http1) - 1, in, in_len) ==
	        OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_OK;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void harden(SSL_CTX *ctx)
{
	static const unsigned char id[] = "weir"; /* needed for tickets with client certificates */

	SSL_CTX_set_options(ctx,
	        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_SSLv3);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* idle connections stay small */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
}

static int fill(SSL_CTX *ctx, const struct tls_settings *s, struct err *e)
{
	if (s->cert_file.len + s->cert_pem.len == 0 || s->key_file.len + s->key_pem.len == 0)
		return err_set(e, "TLS configuration must include both certificate and key for server connections");
	harden(ctx);
	if (tls_apply(ctx, s, e) != 0)
		return -1;
	if (s->client_ca_file.len == 0)
		return 0;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_verify_depth(ctx, 8);
	return tls_apply_roots(ctx, s->client_ca_file, (slice){ NULL, 0 }, e);
}

struct tls_context *tls_server_new(const struct tls_settings *s, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx) {
		err_set(e, "cannot set up OpenSSL: %s", tls_reason());
		return NULL;
	}
	if (fill(ctx, s, e) != 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	struct tls_context *c = malloc(sizeof(*c));

	if (!c)
		abort();
	atomic_init(&c->refs, 1);
	c->ssl_ctx = ctx;
	return c;
}

int tls_client_verify(const struct tls_settings *s, struct err *e)
{
	int min, max;

	if (s->cert_file.len + s->cert_pem.len + s->key_file.len + s->key_pem.len + s->ca_file.len + s->ca_pem.len == 0)
		return tls_versions(s, &min, &max, e); /* waking OpenSSL up costs 3 MB */
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		return err_set(e, "cannot set up OpenSSL: %s", tls_reason());
	int r = tls_apply(ctx, s, e);

	if (r == 0 && s->ca_file.len + s->ca_pem.len > 0)
		r = tls_apply_roots(ctx, s->ca_file, s->ca_pem, e);
	SSL_CTX_free(ctx);
	return r;
}

struct tls_context *tls_ref(struct tls_context *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void tls_unref(struct tls_context *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(c->ssl_ctx);
	free(c);
}
