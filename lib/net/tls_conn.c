/* tls_conn.c - one server connection between two memory BIOs.
 *
 * OpenSSL never sees the socket: ciphertext goes in by feed, plaintext comes out by read, what must be sent
 * waits in the output BIO until it is taken. The state only moves forward: HANDSHAKE, OPEN, then CLOSED (the peer said
 * so) or FAILED.
 */
#include "lib/net/tls_conn.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "lib/net/tls_settings.h"

enum { MAX_UNREAD = 1 << 20 };

struct tls_conn {
	struct tls_context *context;
	SSL *ssl;
	BIO *in, *out; /* owned by ssl */
	enum tls_state state;
	char error[160];
};

struct tls_conn *tls_conn_new(struct tls_context *c)
{
	struct tls_conn *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->context = tls_ref(c);
	t->ssl = SSL_new(c->ssl_ctx);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (!t->ssl || !t->in || !t->out)
		abort();
	BIO_set_mem_eof_return(t->in, -1); /* empty means "later", not "the end" */
	SSL_set_bio(t->ssl, t->in, t->out);
	SSL_set_accept_state(t->ssl);
	return t;
}

void tls_conn_free(struct tls_conn *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	tls_unref(t->context);
	free(t);
}

static void fail(struct tls_conn *t, const char *why)
{
	t->state = TLS_FAILED;
	snprintf(t->error, sizeof(t->error), "%s", why);
}

/* What a call of OpenSSL that returned `r` <= 0 means for the connection. */
static void settle(struct tls_conn *t, int r)
{
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		break;
	case SSL_ERROR_ZERO_RETURN:
		t->state = TLS_CLOSED;
		break;
	default:
		fail(t, tls_reason());
	}
}

enum tls_state tls_conn_feed(struct tls_conn *t, slice in)
{
	if (t->state == TLS_CLOSED || t->state == TLS_FAILED || in.len == 0)
		return t->state;
	ERR_clear_error();
	if (in.len > MAX_UNREAD || (size_t)BIO_pending(t->in) > MAX_UNREAD - in.len)
		fail(t, "more was received than was read");
	else if (BIO_write(t->in, in.p, (int)in.len) != (int)in.len)
		fail(t, "out of memory");
	if (t->state != TLS_HANDSHAKE)
		return t->state;
	int r = SSL_do_handshake(t->ssl);

	if (r == 1)
		t->state = TLS_OPEN;
	else
		settle(t, r);
	return t->state;
}

size_t tls_conn_read(struct tls_conn *t, void *out, size_t n)
{
	size_t got = 0;

	if (t->state != TLS_OPEN || n == 0)
		return 0;
	ERR_clear_error();
	int r = SSL_read_ex(t->ssl, out, n, &got);

	if (r == 1)
		return got;
	settle(t, r);
	return 0;
}

enum tls_state tls_conn_state(const struct tls_conn *t)
{
	return t->state;
}

int tls_conn_write(struct tls_conn *t, slice s)
{
	if (t->state != TLS_OPEN)
		return -1;
	ERR_clear_error();
	while (s.len > 0) {
		size_t done = 0;
		int r = SSL_write_ex(t->ssl, s.p, s.len, &done);

		if (r != 1) { /* a memory BIO is never full: this is the end of the connection or of memory */
			fail(t, tls_reason());
			return -1;
		}
		s = (slice){ s.p + done, s.len - done };
	}
	return 0;
}

void tls_conn_shutdown(struct tls_conn *t)
{
	if (t->state != TLS_OPEN && t->state != TLS_CLOSED)
		return;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}

int tls_conn_take_output(struct tls_conn *t, struct strbuf *out)
{
	char *p = NULL;
	long n = BIO_get_mem_data(t->out, &p);

	if (n <= 0)
		return 0;
	if (strbuf_add(out, (slice){ p, (size_t)n }) != 0)
		return -1;
	(void)BIO_reset(t->out);
	return 0;
}

const char *tls_conn_error(const struct tls_conn *t)
{
	return t->error;
}
