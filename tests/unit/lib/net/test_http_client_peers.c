/* test_http_client_peers.c - whom the client talks to: proxies named and unnamed, certificates trusted and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#include "tests/unit/rig/certs.h"
#include "tests/unit/rig/client_world.h"

#define BY_NAME "http://" LONG_LABEL ".test/x"

static const struct {
	const char *name, *env, *no_proxy, *setting;
	const char *url; /* NULL: the peer's own */
	const char *line; /* what the peer sees; NULL: nothing, because the name was looked up */
} proxy_rows[] = {
	{ "environment", "http_proxy", NULL, "", BY_NAME, "POST " BY_NAME " HTTP/1.1" },
	{ "upper case", "HTTP_PROXY", NULL, "", BY_NAME, "POST " BY_NAME " HTTP/1.1" },
	{ "NO_PROXY", "http_proxy", ".test", "", BY_NAME, NULL },
	{ "NO_PROXY of another", "http_proxy", ".example", "", BY_NAME, "POST " BY_NAME " HTTP/1.1" },
	{ "NO_PROXY all", "http_proxy", "*", "", BY_NAME, NULL },
	{ "loopback", "http_proxy", NULL, "", NULL, "POST /v1/traces HTTP/1.1" },
	{ "ignored", "http_proxy", NULL, "none", BY_NAME, NULL },
	{ "other scheme", "HTTPS_PROXY", NULL, "", BY_NAME, NULL },
	{ "configured", NULL, "*", "peer", BY_NAME, "POST " BY_NAME " HTTP/1.1" },
	{ "configured, loopback", NULL, NULL, "peer", NULL, "POST http://127.0.0.1:" },
};

/* A proxy gets the whole URL; a request that passes it by must fail, for its name does not resolve. */
static void test_proxy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNTOF(proxy_rows); i++) {
		struct world w = { 0 };
		char proxy[64];
		slice body = SLICE("hello");
		const char *setting = proxy_rows[i].setting;

		world_listen(&w);
		snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", w.peer.port);
		if (proxy_rows[i].env)
			setenv(proxy_rows[i].env, proxy, 1);
		if (proxy_rows[i].no_proxy)
			setenv("NO_PROXY", proxy_rows[i].no_proxy, 1);
		world_client(&w,
		        (struct http_client_settings){
		                .proxy_url = slice_of(strcmp(setting, "peer") == 0 ? proxy : setting) });
		const char *url = proxy_rows[i].url ? proxy_rows[i].url : w.peer.url;
		struct outcome o = exchange_with(&w, url, &body, 1, 10 * NS_PER_S);

		if (o.status != (proxy_rows[i].line ? 200 : 0) ||
		        (proxy_rows[i].line && !strstr(w.last_head, proxy_rows[i].line)))
			fail_msg("%s: %d %s %s", proxy_rows[i].name, o.status, o.text, w.last_head);
		assert_int_equal(o.fault, proxy_rows[i].line ? HTTP_FAULT_NONE : HTTP_FAULT_RESOLVE);
		world_close(&w);
	}
}

static struct {
	struct cert ca, other_ca, server, elsewhere, client, stranger;
} rig;

static SSL_CTX *tls_server(const struct cert *c, bool want_client)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate(ctx, c->x509), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, c->key), 1);
	if (want_client) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), rig.ca.x509);
	}
	return ctx;
}

enum role { NOBODY, CA, OTHER_CA, SERVER, ELSEWHERE, CLIENT, STRANGER };

static const struct {
	const char *name;
	enum role ca, client, server;
	enum http_fault fault;
	bool want_client, system_too, unverified;
	const char *override, *max_version;
} tls_rows[] = {
	{ "trusted", CA, NOBODY, SERVER, .fault = HTTP_FAULT_NONE },
	{ "trusted and system", CA, NOBODY, SERVER, .fault = HTTP_FAULT_NONE, .system_too = true },
	{ "system only", NOBODY, CLIENT, SERVER, .fault = HTTP_FAULT_TRUST },
	{ "other CA", OTHER_CA, NOBODY, SERVER, .fault = HTTP_FAULT_TRUST },
	{ "wrong host", CA, NOBODY, ELSEWHERE, .fault = HTTP_FAULT_TRUST },
	{ "override", CA, NOBODY, ELSEWHERE, .fault = HTTP_FAULT_NONE, .override = "elsewhere.test" },
	{ "bad override", CA, NOBODY, ELSEWHERE, .fault = HTTP_FAULT_TRUST, .override = "x.test" },
	{ "unverified", NOBODY, NOBODY, ELSEWHERE, .fault = HTTP_FAULT_NONE, .unverified = true },
	{ "mTLS", CA, CLIENT, SERVER, .fault = HTTP_FAULT_NONE, .want_client = true },
	{ "mTLS without", CA, NOBODY, SERVER, .fault = HTTP_FAULT_TLS, .want_client = true },
	{ "mTLS without, 1.2", CA, NOBODY, SERVER, .fault = HTTP_FAULT_TLS, .want_client = true, .max_version = "1.2" },
	{ "mTLS stranger", CA, STRANGER, SERVER, .fault = HTTP_FAULT_TLS, .want_client = true },
};

static const struct cert *actor(enum role r)
{
	const struct cert *const actors[] = { NULL, &rig.ca, &rig.other_ca, &rig.server, &rig.elsewhere, &rig.client,
		&rig.stranger };

	return actors[r];
}

static struct tls_settings tls_row_settings(size_t i)
{
	struct tls_settings s = {
		.server_name_override = slice_of(tls_rows[i].override),
		.max_version = slice_of(tls_rows[i].max_version),
		.include_system_ca_certs_pool = tls_rows[i].system_too,
		.insecure_skip_verify = tls_rows[i].unverified,
	};

	if (tls_rows[i].ca)
		s.ca_pem = slice_of(actor(tls_rows[i].ca)->cert_pem);
	if (tls_rows[i].client) {
		s.cert_pem = slice_of(actor(tls_rows[i].client)->cert_pem);
		s.key_pem = slice_of(actor(tls_rows[i].client)->key_pem);
	}
	return s;
}

static void test_tls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNTOF(tls_rows); i++) {
		struct world w = { .peer = { .tls = tls_server(actor(tls_rows[i].server), tls_rows[i].want_client) } };

		world_open(&w, (struct http_client_settings){ .tls = tls_row_settings(i) });
		for (int twice = 0; twice < 2; twice++) {
			struct outcome o = exchange(&w);

			if (o.fault != tls_rows[i].fault)
				fail_msg("%s: fault %d, %s", tls_rows[i].name, o.fault, o.text);
			if (o.fault == HTTP_FAULT_NONE)
				assert_int_equal(o.status, 200);
			else
				assert_non_null(strstr(o.text, "127.0.0.1:"));
		}
		if (tls_rows[i].fault == HTTP_FAULT_NONE) {
			char host[64];

			snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", w.peer.port);
			assert_non_null(strstr(w.last_head, host)); /* also when the name is overridden */
			assert_int_equal(atomic_load(&w.peer.n_connections), 1);
		} else {
			assert_int_equal(atomic_load(&w.peer.n_requests), 0);
		}
		world_close(&w);
	}
}

static unsigned n_wiped; /* copies of the client's key */

/* The C library's, seen; the length says which: the certificate has another. */
void explicit_bzero(void *p, size_t n)
{
	n_wiped += n == strlen(rig.client.key_pem);
	memset(p, 0, n);
}

static void test_tls_files(void **state)
{
	char dir[] = "/tmp/weir-client-XXXXXX";
	(void)state;

	assert_non_null(mkdtemp(dir));
	char *ca = file_make(dir, "ca.pem", rig.ca.cert_pem), *cert = file_make(dir, "c.pem", rig.client.cert_pem);
	char *key = file_make(dir, "k.pem", rig.client.key_pem);
	struct http_client_settings s = { .tls = { .ca_file = slice_of(ca),
		                                  .cert_file = slice_of(cert),
		                                  .key_file = slice_of(key),
		                                  .include_system_ca_certs_pool = true } };
	struct world w = { .peer = { .tls = tls_server(&rig.server, true) } };

	n_wiped = 0;
	world_open(&w, s);
	assert_int_equal(n_wiped, 1); /* what was read; the other one is used */
	struct outcome o = exchange(&w);

	if (o.status != 200)
		fail_msg("%s", o.text);
	struct err e = { 0 };

	s.tls.ca_file = SLICE("/nowhere/ca.pem");
	assert_null(http_client_new(&w.loop, &s, &e));
	assert_non_null(strstr(e.text, "/nowhere/ca.pem"));
	assert_int_equal(n_wiped, 1);
	world_close(&w);
	assert_int_equal(n_wiped, 2);
	unlink(ca), unlink(cert), unlink(key), rmdir(dir);
	free(ca), free(cert), free(key);
}

/* Plaintext where TLS was asked for, and the other way round. */
static void test_mixed_up_schemes(void **state)
{
	struct world w = { 0 };
	char url[64];
	slice body = SLICE("x");
	(void)state;

	world_open(&w, (struct http_client_settings){ .tls = { .insecure = true } });
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", w.peer.port);
	struct outcome o = exchange_with(&w, url, &body, 1, 300 * NS_PER_MS);

	assert_true(o.fault == HTTP_FAULT_TLS || o.fault == HTTP_FAULT_TIMEOUT); /* the peer waits for a blank line */
	assert_int_equal(atomic_load(&w.peer.n_requests), 0);
	world_close(&w);
}

static int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN); /* OpenSSL's own write, in the peer */
	rig.ca = cert_make(NULL, "test CA", NULL);
	rig.other_ca = cert_make(NULL, "other CA", NULL);
	rig.server = cert_make(&rig.ca, "server", "IP:127.0.0.1");
	rig.elsewhere = cert_make(&rig.ca, "elsewhere", "DNS:elsewhere.test");
	rig.client = cert_make(&rig.ca, "client", NULL);
	rig.stranger = cert_make(&rig.other_ca, "stranger", NULL);
	return 0;
}

static int tear_down(void **state)
{
	struct cert *certs[] = { &rig.ca, &rig.other_ca, &rig.server, &rig.elsewhere, &rig.client, &rig.stranger };
	(void)state;

	for (size_t i = 0; i < COUNTOF(certs); i++)
		cert_free(certs[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_tls_files),
		cmocka_unit_test(test_mixed_up_schemes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
