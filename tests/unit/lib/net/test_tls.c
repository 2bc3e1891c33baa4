/* test_tls.c - tls_conn against an OpenSSL client, both over memory: nothing here waits or opens a port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "lib/net/tls.h"
#include "tests/unit/rig/certs.h"

static struct {
	char dir[64];
	struct cert ca, other_ca, server, client, stranger;
	char *cert, *key, *other_key, *ca_file, *junk;
} rig;

static int set_up(void **state)
{
	(void)state;
	snprintf(rig.dir, sizeof(rig.dir), "/tmp/weir-tls-XXXXXX");
	if (!mkdtemp(rig.dir))
		return -1;
	rig.ca = cert_make(NULL, "test CA", NULL);
	rig.other_ca = cert_make(NULL, "other CA", NULL);
	rig.server = cert_make(&rig.ca, "server", "DNS:localhost,IP:127.0.0.1");
	rig.client = cert_make(&rig.ca, "client", NULL);
	rig.stranger = cert_make(&rig.other_ca, "stranger", NULL);
	rig.cert = file_make(rig.dir, "cert.pem", rig.server.cert_pem);
	rig.key = file_make(rig.dir, "key.pem", rig.server.key_pem);
	rig.other_key = file_make(rig.dir, "other.pem", rig.client.key_pem);
	rig.ca_file = file_make(rig.dir, "ca.pem", rig.ca.cert_pem);
	rig.junk = file_make(rig.dir, "junk.pem", "-----BEGIN CERTIFICATE-----\nnot base64!\n");
	return 0;
}

static int tear_down(void **state)
{
	char **files[] = { &rig.cert, &rig.key, &rig.other_key, &rig.ca_file, &rig.junk };
	struct cert *certs[] = { &rig.ca, &rig.other_ca, &rig.server, &rig.client, &rig.stranger };
	(void)state;

	for (size_t i = 0; i < COUNTOF(files); i++) {
		unlink(*files[i]);
		free(*files[i]);
	}
	for (size_t i = 0; i < COUNTOF(certs); i++)
		cert_free(certs[i]);
	return rmdir(rig.dir);
}

static struct tls_settings good(void)
{
	return (struct tls_settings){ .cert_file = slice_of(rig.cert), .key_file = slice_of(rig.key) };
}

static struct tls_context *context(struct tls_settings s)
{
	struct err e = { 0 };
	struct tls_context *c = tls_server_new(&s, &e);

	if (!c)
		fail_msg("%s", e.text);
	return c;
}

/* Both ends of one connection; bytes move when pump is called, `step` at a time. */
struct pair {
	SSL_CTX *ctx;
	SSL *client;
	BIO *in, *out;
	struct tls_conn *server;
	struct strbuf from_server;
};

static void pair_open(struct pair *p, struct tls_context *c)
{
	p->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(p->ctx), rig.ca.x509);
	p->client = SSL_new(p->ctx);
	p->in = BIO_new(BIO_s_mem());
	p->out = BIO_new(BIO_s_mem());
	SSL_set_bio(p->client, p->in, p->out);
	SSL_set_connect_state(p->client);
	SSL_set1_host(p->client, "localhost");
	p->server = tls_conn_new(c);
	strbuf_init(&p->from_server, 64 << 20);
}

static void pair_close(struct pair *p)
{
	tls_conn_free(p->server);
	SSL_free(p->client);
	SSL_CTX_free(p->ctx);
	strbuf_release(&p->from_server);
	ERR_clear_error();
}

static void to_client(struct pair *p)
{
	assert_int_equal(tls_conn_take_output(p->server, &p->from_server), 0);
	if (p->from_server.len > 0)
		BIO_write(p->in, p->from_server.p, (int)p->from_server.len);
	strbuf_clear(&p->from_server);
}

static enum tls_state to_server(struct pair *p, size_t step)
{
	char chunk[65536];
	int n;

	while ((n = BIO_read(p->out, chunk, (int)(step < sizeof(chunk) ? step : sizeof(chunk)))) > 0)
		tls_conn_feed(p->server, (slice){ chunk, (size_t)n });
	return tls_conn_state(p->server);
}

/* Until the client is done or can go no further. Returns what SSL_do_handshake says at the end. */
static int shake(struct pair *p, size_t step)
{
	int r = 0;

	for (int i = 0; i < 6; i++) {
		r = SSL_do_handshake(p->client);
		to_server(p, step);
		to_client(p);
	}
	return r;
}

static slice read_server(struct pair *p, char *buf, size_t n)
{
	size_t got = 0, more;

	while ((more = tls_conn_read(p->server, buf + got, n - got)) > 0)
		got += more;
	return (slice){ buf, got };
}

static void test_exchange(void **state)
{
	static const size_t steps[] = { 1, 3, 65536 };
	static const char *const versions[] = { "1.2", "1.3" };
	(void)state;

	for (size_t i = 0; i < COUNTOF(steps) * COUNTOF(versions); i++) {
		struct tls_settings s = good();
		struct pair p;
		char buf[64];

		s.min_version = s.max_version = slice_of(versions[i % 2]);
		struct tls_context *c = context(s);

		pair_open(&p, c);
		tls_unref(c); /* the connection has its own reference */
		assert_int_equal(shake(&p, steps[i / 2]), 1);
		assert_int_equal(tls_conn_state(p.server), TLS_OPEN);
		assert_string_equal(SSL_get_version(p.client), i % 2 ? "TLSv1.3" : "TLSv1.2");
		assert_int_equal(SSL_write(p.client, "ping", 4), 4);
		assert_int_equal(to_server(&p, steps[i / 2]), TLS_OPEN);
		assert_true(slice_is(read_server(&p, buf, sizeof(buf)), "ping"));
		assert_int_equal(tls_conn_write(p.server, SLICE("pong")), 0);
		to_client(&p);
		assert_int_equal(SSL_read(p.client, buf, sizeof(buf)), 4);
		assert_memory_equal(buf, "pong", 4);
		tls_conn_shutdown(p.server);
		to_client(&p);
		assert_int_equal(SSL_read(p.client, buf, sizeof(buf)), 0);
		assert_int_equal(SSL_get_shutdown(p.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
		SSL_shutdown(p.client);
		to_server(&p, 65536);
		assert_int_equal(tls_conn_read(p.server, buf, sizeof(buf)), 0);
		assert_int_equal(tls_conn_state(p.server), TLS_CLOSED);
		assert_int_equal(tls_conn_write(p.server, SLICE("late")), -1);
		pair_close(&p);
	}
}

static void test_large_both_ways(void **state)
{
	enum { N = 5 << 20 };
	struct tls_context *c = context(good());
	struct pair p;
	char *sent = malloc(N), *got = malloc(N);
	size_t at = 0;
	(void)state;

	for (size_t i = 0; i < N; i++)
		sent[i] = (char)(i * 31 >> 3);
	pair_open(&p, c);
	assert_int_equal(shake(&p, 65536), 1);
	assert_int_equal(tls_conn_write(p.server, (slice){ sent, N }), 0);
	to_client(&p);
	for (int n; at < N && (n = SSL_read(p.client, got + at, (int)(N - at))) > 0; at += (size_t)n)
		;
	assert_int_equal(at, N);
	assert_memory_equal(got, sent, N);
	memset(got, 0, N);
	for (size_t i = 0, have = 0; i < N; i += N / 20) {
		assert_int_equal(SSL_write(p.client, sent + i, N / 20), N / 20);
		to_server(&p, 60000);
		have += read_server(&p, got + have, N - have).len;
		assert_int_equal(have, i + N / 20);
	}
	assert_memory_equal(got, sent, N);
	pair_close(&p);
	tls_unref(c);
	free(sent);
	free(got);
}

static void test_client_certificates(void **state)
{
	static const struct {
		const char *name, *version;
		const struct cert *cert;
		enum tls_state want;
	} rows[] = {
		{ "right CA", "1.2", &rig.client, TLS_OPEN },
		{ "right CA", "1.3", &rig.client, TLS_OPEN },
		{ "none", "1.2", NULL, TLS_FAILED },
		{ "none", "1.3", NULL, TLS_FAILED },
		{ "wrong CA", "1.2", &rig.stranger, TLS_FAILED },
		{ "wrong CA", "1.3", &rig.stranger, TLS_FAILED },
	};
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct tls_settings s = good();
		struct pair p;
		char buf[16];

		s.client_ca_file = slice_of(rig.ca_file);
		s.max_version = slice_of(rows[i].version);
		struct tls_context *c = context(s);

		pair_open(&p, c);
		if (rows[i].cert) {
			assert_int_equal(SSL_use_certificate(p.client, rows[i].cert->x509), 1);
			assert_int_equal(SSL_use_PrivateKey(p.client, rows[i].cert->key), 1);
		}
		shake(&p, 65536);
		if (tls_conn_state(p.server) != rows[i].want)
			fail_msg("%s %s: state %d, %s", rows[i].name, rows[i].version, tls_conn_state(p.server),
			        tls_conn_error(p.server));
		if (rows[i].want == TLS_FAILED) {
			assert_true(strlen(tls_conn_error(p.server)) > 5);
			assert_true(SSL_read(p.client, buf, sizeof(buf)) <= 0); /* the alert arrived */
			assert_int_equal(SSL_get_error(p.client, -1), SSL_ERROR_SSL);
		}
		pair_close(&p);
		tls_unref(c);
	}
}

static void test_resumption_with_client_certificates(void **state)
{
	struct tls_settings s = good();
	(void)state;

	s.client_ca_file = slice_of(rig.ca_file);
	struct tls_context *c = context(s);
	SSL_SESSION *session = NULL;

	for (int round = 0; round < 2; round++) {
		struct pair p;
		char buf[4];

		pair_open(&p, c);
		SSL_use_certificate(p.client, rig.client.x509);
		SSL_use_PrivateKey(p.client, rig.client.key);
		if (session)
			SSL_set_session(p.client, session);
		assert_int_equal(shake(&p, 65536), 1);
		assert_int_equal(tls_conn_state(p.server), TLS_OPEN);
		SSL_read(p.client, buf, sizeof(buf)); /* the ticket */
		assert_int_equal(SSL_session_reused(p.client), round);
		SSL_SESSION_free(session);
		session = SSL_get1_session(p.client);
		SSL_set_shutdown(p.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else it is not resumable */
		pair_close(&p);
	}
	SSL_SESSION_free(session);
	tls_unref(c);
}

static void test_versions_and_alpn(void **state)
{
	static const struct {
		int client_max;
		const char *min, *alpn;
		enum tls_state want;
	} rows[] = {
		{ TLS1_1_VERSION, NULL, NULL, TLS_FAILED },
		{ TLS1_1_VERSION, "1.0", NULL, TLS_OPEN },
		{ TLS1_2_VERSION, NULL, NULL, TLS_OPEN },
		{ TLS1_2_VERSION, "1.3", NULL, TLS_FAILED },
		{ TLS1_3_VERSION, NULL, "\x08http/1.1", TLS_OPEN },
		{ TLS1_3_VERSION, NULL, "\x02h2\x08http/1.1", TLS_OPEN },
		{ TLS1_3_VERSION, NULL, "\x02h2", TLS_FAILED },
	};
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct tls_settings s = good();
		struct pair p;
		const unsigned char *chosen;
		unsigned n;

		s.min_version = slice_of(rows[i].min);
		struct tls_context *c = context(s);

		pair_open(&p, c);
		SSL_set_cipher_list(p.client, "DEFAULT:@SECLEVEL=0");
		SSL_set_min_proto_version(p.client, TLS1_VERSION);
		SSL_set_max_proto_version(p.client, rows[i].client_max);
		if (rows[i].alpn)
			SSL_set_alpn_protos(
			        p.client, (const unsigned char *)rows[i].alpn, (unsigned)strlen(rows[i].alpn));
		shake(&p, 65536);
		if (tls_conn_state(p.server) != rows[i].want)
			fail_msg("row %zu: %s", i, tls_conn_error(p.server));
		SSL_get0_alpn_selected(p.client, &chosen, &n);
		if (rows[i].want == TLS_OPEN && rows[i].alpn)
			assert_true(slice_is((slice){ (const char *)chosen, n }, "http/1.1"));
		pair_close(&p);
		tls_unref(c);
	}
}

static void test_garbage(void **state)
{
	struct tls_context *c = context(good());
	static const char *const inputs[] = { "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff\x01\x01\x01\x01",
		"\x80\x05\x01\x03\x01\x01\x01", "\x15\x03\x03\xff\x02\x01",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" };
	char *much = calloc(1, 2 << 20);
	struct strbuf out;
	(void)state;

	strbuf_init(&out, 65536);
	for (size_t i = 0; i < COUNTOF(inputs); i++) {
		struct tls_conn *t = tls_conn_new(c);
		enum tls_state s = tls_conn_feed(t, slice_of(inputs[i]));

		if (s != TLS_FAILED)
			fail_msg("row %zu: state %d", i, s);
		assert_true(strlen(tls_conn_error(t)) > 5);
		assert_int_equal(tls_conn_feed(t, SLICE("more")), TLS_FAILED);
		assert_int_equal(tls_conn_write(t, SLICE("x")), -1);
		assert_int_equal(tls_conn_take_output(t, &out), 0);
		tls_conn_shutdown(t);
		tls_conn_free(t);
	}
	struct tls_conn *t = tls_conn_new(c); /* half a hello, then more than is ever read */

	assert_int_equal(tls_conn_feed(t, (slice){ "\x16\x03\x01\x01\x00\x01", 6 }), TLS_HANDSHAKE);
	assert_int_equal(tls_conn_write(t, SLICE("x")), -1);
	assert_int_equal(tls_conn_feed(t, (slice){ much, 2 << 20 }), TLS_FAILED);
	tls_conn_free(t);
	tls_conn_free(NULL);
	strbuf_release(&out);
	free(much);
	tls_unref(c);
	tls_unref(NULL);
}

/* Every byte of a good hello damaged in turn: the server fails or asks for more, and never opens. */
static void test_damaged_hello(void **state)
{
	struct tls_context *c = context(good());
	struct pair p;
	char hello[4096];
	(void)state;

	pair_open(&p, c);
	SSL_do_handshake(p.client);
	int n = BIO_read(p.out, hello, sizeof(hello));

	assert_true(n > 100);
	for (int i = 0; i < n; i++) {
		struct tls_conn *t = tls_conn_new(c);

		hello[i] ^= 0x40;
		assert_int_not_equal(tls_conn_feed(t, (slice){ hello, (size_t)n }), TLS_OPEN);
		hello[i] ^= 0x40;
		tls_conn_free(t);
	}
	pair_close(&p);
	tls_unref(c);
}

static void test_renegotiation_refused(void **state)
{
	struct tls_settings s = good();
	struct pair p;
	char buf[16];
	(void)state;

	s.max_version = SLICE("1.2");
	struct tls_context *c = context(s);

	pair_open(&p, c);
	assert_int_equal(shake(&p, 65536), 1);
	assert_int_equal(SSL_renegotiate(p.client), 1);
	SSL_do_handshake(p.client);
	to_server(&p, 65536);
	assert_int_equal(tls_conn_read(p.server, buf, sizeof(buf)), 0);
	to_client(&p);
	assert_int_not_equal(SSL_do_handshake(p.client), 1);
	pair_close(&p);
	tls_unref(c);
}

static void test_bad_settings(void **state)
{
	slice cert = slice_of(rig.cert), key = slice_of(rig.key), none = { NULL, 0 };
	const struct {
		struct tls_settings s;
		const char *want, *file;
	} rows[] = {
		{ { .cert_file = cert }, "must include both certificate and key", NULL },
		{ { .key_file = key }, "must include both certificate and key", NULL },
		{ { .cert_file = none }, "must include both certificate and key", NULL },
		{ { .cert_file = cert, .key_file = slice_of(rig.other_key) }, "does not belong to", rig.other_key },
		{ { .cert_file = SLICE("/nowhere/c.pem"), .key_file = key }, "No such file", "/nowhere/c.pem" },
		{ { .cert_file = cert, .key_file = SLICE("/nowhere/k.pem") }, "No such file", "/nowhere/k.pem" },
		{ { .cert_file = slice_of(rig.junk), .key_file = key }, "no PEM certificate", rig.junk },
		{ { .cert_file = cert, .key_file = cert }, "no usable PEM private key", rig.cert },
		{ { .cert_file = cert, .cert_pem = SLICE("x"), .key_file = key }, "not both", NULL },
		{ { .cert_file = cert, .key_file = key, .client_ca_file = slice_of(rig.key) }, "no PEM certificate",
		        rig.key },
		{ { .cert_file = cert, .key_file = key, .client_ca_file = SLICE("/nowhere") }, "No such file",
		        "/nowhere" },
		{ { .cert_file = cert, .key_file = key, .min_version = SLICE("1.4") },
		        "invalid TLS min_version: unsupported TLS version: \"1.4\"", NULL },
		{ { .cert_file = cert, .key_file = key, .max_version = SLICE("TLS1.2") }, "invalid TLS max_version",
		        NULL },
		{ { .cert_file = cert, .key_file = key, .min_version = SLICE("1.3"), .max_version = SLICE("1.2") },
		        "above", NULL },
	};
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct err e = { 0 };

		assert_null(tls_server_new(&rows[i].s, &e));
		if (!strstr(e.text, rows[i].want) || (rows[i].file && !strstr(e.text, rows[i].file)))
			fail_msg("row %zu: %s", i, e.text);
	}
}

static void test_inline_pem(void **state)
{
	struct tls_settings s = { .cert_pem = slice_of(rig.server.cert_pem), .key_pem = slice_of(rig.server.key_pem) };
	struct tls_context *c = context(s);
	struct pair p;
	(void)state;

	pair_open(&p, c);
	assert_int_equal(shake(&p, 65536), 1);
	pair_close(&p);
	tls_unref(c);
}

static void test_client_verify(void **state)
{
	const struct {
		struct tls_settings s;
		const char *want; /* NULL: fine */
	} rows[] = {
		{ { .insecure = true }, NULL },
		{ { .ca_file = slice_of(rig.ca_file) }, NULL },
		{ { .ca_pem = slice_of(rig.ca.cert_pem),
		          .cert_file = slice_of(rig.cert),
		          .key_file = slice_of(rig.key) },
		        NULL },
		{ { .cert_file = slice_of(rig.cert) }, "certificate is given without its key" },
		{ { .key_pem = SLICE("x") }, "key is given without its certificate" },
		{ { .ca_file = slice_of(rig.ca_file), .ca_pem = SLICE("x") }, "not both" },
		{ { .ca_file = slice_of(rig.junk) }, "no PEM certificate" },
		{ { .ca_pem = SLICE("x") }, "inline CA" },
		{ { .min_version = SLICE("1.3") }, NULL },
		{ { .min_version = SLICE("2") }, "invalid TLS min_version" },
	};
	(void)state;

	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct err e = { 0 };
		int r = tls_client_verify(&rows[i].s, &e);

		if ((r == 0) != !rows[i].want || (rows[i].want && !strstr(e.text, rows[i].want)))
			fail_msg("row %zu: %d %s", i, r, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_large_both_ways),
		cmocka_unit_test(test_client_certificates),
		cmocka_unit_test(test_resumption_with_client_certificates),
		cmocka_unit_test(test_versions_and_alpn),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_damaged_hello),
		cmocka_unit_test(test_renegotiation_refused),
		cmocka_unit_test(test_bad_settings),
		cmocka_unit_test(test_inline_pem),
		cmocka_unit_test(test_client_verify),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
