/* test_http_server_tls.c - the server behind TLS: the same requests through any cut of the ciphertext, deadlines,
 * endings.
 *
 * The client is OpenSSL on memory BIOs, so that the test decides when which byte travels.
 */
#include "tests/unit/lib/net/http_rig.h"

#include <openssl/ssl.h>

#include "lib/net/http_server_internal.h"
#include "tests/unit/rig/certs.h"

#define POST3 "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"

struct peer {
	struct client *raw;
	SSL *ssl;
	BIO *in, *out;
	char got[64 << 10];
	size_t n, fed;
};

struct world {
	struct rig *r;
	struct tls_context *server;
	SSL_CTX *ctx;
	struct cert cert;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct tls_settings s = { .include_system_ca_certs_pool = false };
	struct err e = { .text = "" };
	w->r = rig_new();
	w->cert = cert_make(NULL, "localhost", "DNS:localhost");
	s.cert_pem = slice_of(w->cert.cert_pem);
	s.key_pem = slice_of(w->cert.key_pem);
	w->server = tls_server_new(&s, &e);
	if (!w->server)
		fail_msg("%s", e.text);
	w->r->site.tls = w->server;
	w->ctx = SSL_CTX_new(TLS_client_method());
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	rig_free(w->r);
	tls_unref(w->server);
	SSL_CTX_free(w->ctx);
	cert_free(&w->cert);
	free(w);
	return 0;
}

static struct peer *peer_new(struct world *w)
{
	struct peer *p = calloc(1, sizeof(*p));
	p->raw = client_new(w->r);
	p->ssl = SSL_new(w->ctx);
	p->in = BIO_new(BIO_s_mem());
	p->out = BIO_new(BIO_s_mem());
	SSL_set_bio(p->ssl, p->in, p->out);
	SSL_set_connect_state(p->ssl);
	return p;
}

static void peer_free(struct peer *p)
{
	SSL_free(p->ssl);
	client_free(p->raw);
	free(p);
}

/* Moves ciphertext both ways, `step` bytes at a time towards the server, until nothing moves. */
static void move(struct world *w, struct peer *p, size_t step)
{
	for (int quiet = 0; quiet < 3; quiet++) {
		static char wire[READ_MAX];
		int n, got;
		if (!SSL_is_init_finished(p->ssl))
			SSL_do_handshake(p->ssl);
		while ((n = BIO_read(p->out, wire, step < sizeof(wire) ? (int)step : (int)sizeof(wire))) > 0) {
			say_n(w->r, p->raw, wire, (size_t)n);
			settle(w->r, p->raw);
			quiet = 0;
		}
		settle(w->r, p->raw);
		BIO_write(p->in, p->raw->got + p->fed, (int)(p->raw->n - p->fed));
		p->fed = p->raw->n;
		while ((got = SSL_read(p->ssl, p->got + p->n, (int)(sizeof(p->got) - 1 - p->n))) > 0) {
			p->n += (size_t)got;
			quiet = 0;
		}
	}
}

static unsigned answers(const struct peer *p)
{
	unsigned n = 0;
	for (const char *at = p->got; (at = strstr(at, "HTTP/1.1 200 OK")) != NULL; at++)
		n++;
	return n;
}

static void test_requests_in_any_cut(void **state)
{
	static const size_t steps[] = { 1, 2, 7, 100, 65536 };
	struct world *w = *state;
	for (size_t i = 0; i < COUNTOF(steps); i++) {
		struct peer *p = peer_new(w);
		unsigned before = w->r->n_requests;
		move(w, p, steps[i]);
		assert_true(SSL_is_init_finished(p->ssl));
		SSL_write(p->ssl, POST3, sizeof(POST3) - 1);
		move(w, p, steps[i]);
		SSL_write(p->ssl, POST3 POST3, 2 * (sizeof(POST3) - 1));
		SSL_write(p->ssl, POST3, 10);
		SSL_write(p->ssl, &POST3[10], sizeof(POST3) - 11);
		move(w, p, steps[i]);
		assert_int_equal(w->r->n_requests - before, 4);
		assert_int_equal(answers(p), 4);
		SSL_shutdown(p->ssl); /* close_notify ends it */
		move(w, p, steps[i]);
		assert_true(p->raw->eof);
		peer_free(p);
	}
}

static void test_bodies(void **state)
{
	static char body[300000];
	struct world *w = *state;
	struct peer *p = peer_new(w);
	char head[128];
	memset(body, 'b', sizeof(body));
	w->r->answer_len = 20000; /* more than one record */
	move(w, p, 65536);
	snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", sizeof(body));
	SSL_write(p->ssl, head, (int)strlen(head));
	SSL_write(p->ssl, body, sizeof(body));
	move(w, p, 10000);
	assert_int_equal(w->r->n_body, sizeof(body));
	snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
	        sizeof(body));
	SSL_write(p->ssl, head, (int)strlen(head));
	SSL_write(p->ssl, body, sizeof(body));
	SSL_write(p->ssl, "\r\n0\r\n\r\n", 7);
	move(w, p, 65536);
	assert_int_equal(w->r->n_body, 2 * sizeof(body));
	assert_int_equal(answers(p), 2);
	assert_true(p->n > 40000);
	peer_free(p);
}

/* While one is in work the next waits inside the session. */
static void test_later_answers(void **state)
{
	struct world *w = *state;
	struct peer *p = peer_new(w);
	w->r->later = true;
	move(w, p, 65536);
	for (unsigned i = 0; i < 20; i++)
		SSL_write(p->ssl, POST3, sizeof(POST3) - 1);
	move(w, p, 500);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(w->r->n_ids, i + 1);
		rig_answer(w->r, http_server_find(w->r->server, w->r->ids[i]), 200);
		move(w, p, 500);
	}
	assert_int_equal(answers(p), 20);
	peer_free(p);
}

static void test_faults_are_readable(void **state)
{
	struct world *w = *state;
	struct peer *p = peer_new(w);
	move(w, p, 65536);
	SSL_write(p->ssl, "BREW\r\n", 6);
	move(w, p, 65536);
	assert_non_null(strstr(p->got, "HTTP/1.1 400 Bad Request"));
	assert_true(SSL_get_shutdown(p->ssl) & SSL_RECEIVED_SHUTDOWN); /* not a truncation */
	assert_true(p->raw->eof);
	peer_free(p);
}

static void test_handshake_deadline_and_junk(void **state)
{
	struct world *w = *state;
	struct peer *p = peer_new(w);
	struct client *c;
	char hello[100];
	const char junk[] = "\x17\x03\x03\x00\x20 this was never encrypted at all";
	SSL_do_handshake(p->ssl);
	say_n(w->r, p->raw, hello, (size_t)BIO_read(p->out, hello, sizeof(hello))); /* half a ClientHello */
	pass(w->r, p->raw, 9 * NS_PER_S);
	assert_false(p->raw->eof);
	pass(w->r, p->raw, NS_PER_S + TICK_NS);
	assert_true(p->raw->eof);
	peer_free(p);
	c = client_new(w->r); /* plaintext */
	say(w->r, c, POST3);
	assert_true(c->eof || c->reset);
	client_free(c);
	p = peer_new(w); /* junk inside the session */
	move(w, p, 65536);
	say_n(w->r, p->raw, junk, sizeof(junk) - 1);
	settle(w->r, p->raw);
	assert_true(p->raw->eof || p->raw->reset);
	assert_int_equal(http_server_connections(w->r->server), 0);
	assert_int_equal(w->r->n_requests + w->r->n_faults, 0);
	peer_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests_in_any_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faults_are_readable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handshake_deadline_and_junk, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
