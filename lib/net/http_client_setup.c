/* http_client_setup.c - settings into libcurl's options.
 *
 * Closed by default (reliability.md 2.4): no redirects, only http and https, no cookies, no netrc, no proxy that
 * nobody named, verification on. Trust is ca_file or ca_pem alone, or the system's roots, or both when
 * include_system_ca_certs_pool asks for it: the file as CAINFO, the system as CAPATH. Files are read when the client is made
 * and never again: what is written to them later, maybe in halves, waits for the next client.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "lib/base/disk.h"
#include "lib/net/http_client_impl.h"

#define SYSTEM_ROOTS "/etc/ssl/certs" /* hashed directory, read certificate by certificate as needed */

enum {
	DNS_CACHE_S = 5, /* libcurl keeps an address although nobody answers there any more */
	CA_CACHE_S = 300,
	KEEPALIVE_S = 15,
	UPLOAD_BUFFER = 512 << 10,
	MAX_PEM = 4 << 20,
};

static char *text(struct http_client *c, slice s)
{
	return s.len > 0 ? arena_cstr(&c->arena, s) : NULL;
}

static long tls_version(slice s, bool max)
{
	static const struct {
		const char *name;
		long min, max;
	} rows[] = {
		{ "1.0", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0 },
		{ "1.1", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1 },
		{ "1.2", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2 },
		{ "1.3", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3 },
	};

	for (size_t i = 0; i < COUNTOF(rows); i++)
		if (slice_is(s, rows[i].name))
			return max ? rows[i].max : rows[i].min;
	return max ? (long)CURL_SSLVERSION_MAX_DEFAULT : (long)CURL_SSLVERSION_TLSv1_2;
}

static const char *from_env(struct http_client *c, const char *upper, const char *lower)
{
	const char *s = getenv(upper);

	if (!s || !*s)
		s = getenv(lower);
	return arena_cstr(&c->arena, slice_of(s ? s : ""));
}

static void prepare_proxy(struct http_client *c)
{
	struct client_strings *s = &c->strings;
	slice url = c->settings.proxy_url;

	s->http_proxy = s->https_proxy = s->no_proxy = "";
	if (url.len > 0) {
		if (!slice_is(url, "none"))
			s->http_proxy = s->https_proxy = text(c, url);
		return;
	}
	s->http_proxy = from_env(c, "HTTP_PROXY", "http_proxy");
	s->https_proxy = from_env(c, "HTTPS_PROXY", "https_proxy");
	s->no_proxy = from_env(c, "NO_PROXY", "no_proxy");
	/* As Go does: a proxy cannot reach this machine's loopback, whoever forgot to say so. */
	if (strcmp(s->no_proxy, "*") != 0)
		s->no_proxy =
		        arena_printf(&c->arena, "%s%slocalhost,127.0.0.0/8,::1", s->no_proxy, *s->no_proxy ? "," : "");
}

/* PEM from a file or as given into the arena, once. */
static int take_pem(struct http_client *c, slice *file, slice *pem, struct curl_blob *blob, struct err *e)
{
	char *data = NULL;

	if (file->len > 0) {
		int r = disk_slurp(disk_system(), text(c, *file), MAX_PEM, &data, &pem->len);

		if (r != 0)
			return err_set(e, "cannot read %.*s: %s", SLICE_ARG(*file), strerror(-r));
		pem->p = data;
		*file = (slice){ 0 };
	}
	*blob = (struct curl_blob){ .data = text(c, *pem), .len = pem->len, .flags = CURL_BLOB_NOCOPY };
	pem->p = blob->data;
	if (data)
		explicit_bzero(data, pem->len);
	free(data);
	return 0;
}

/* Verified as files, for words that name them, and as what was read: they may have changed in between. */
static int take_pems(struct http_client *c, struct err *e)
{
	struct tls_settings *tls = &c->settings.tls;
	struct client_strings *s = &c->strings;
	bool from_files = tls->cert_file.len + tls->key_file.len + tls->ca_file.len > 0;

	if (tls_client_verify(tls, e) != 0)
		return -1;
	if (take_pem(c, &tls->cert_file, &tls->cert_pem, &s->cert_pem, e) != 0 ||
	        take_pem(c, &tls->key_file, &tls->key_pem, &s->key_pem, e) != 0 ||
	        take_pem(c, &tls->ca_file, &tls->ca_pem, &s->ca_pem, e) != 0)
		return -1;
	return from_files ? tls_client_verify(tls, e) : 0;
}

int client_prepare(struct http_client *c, struct err *e)
{
	const struct tls_settings *tls = &c->settings.tls;

	if (take_pems(c, e) != 0)
		return -1;
	c->strings.server_name = text(c, tls->server_name_override);
	c->strings.ssl_version = tls_version(tls->min_version, false) | tls_version(tls->max_version, true);
	prepare_proxy(c);
	return 0;
}

void client_forget_key(struct http_client *c)
{
	struct curl_blob *key = &c->strings.key_pem;

	if (key->data)
		explicit_bzero(key->data, key->len);
}

static void set_long(struct transfer *t, CURLoption option, long value)
{
	t->client->curl->easy_setopt(t->easy, option, value);
}

static void set_text(struct transfer *t, CURLoption option, const char *value)
{
	t->client->curl->easy_setopt(t->easy, option, value);
}

static void set_blob(struct transfer *t, CURLoption option, struct curl_blob *b)
{
	if (b->len > 0)
		t->client->curl->easy_setopt(t->easy, option, b);
}

static void setup_tls(struct transfer *t)
{
	const struct tls_settings *tls = &t->client->settings.tls;
	struct client_strings *s = &t->client->strings;

	set_long(t, CURLOPT_SSLVERSION, s->ssl_version);
	set_long(t, CURLOPT_SSL_VERIFYPEER, tls->insecure_skip_verify ? 0 : 1);
	set_long(t, CURLOPT_SSL_VERIFYHOST, tls->insecure_skip_verify ? 0 : 2);
	set_long(t, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S);
	set_blob(t, CURLOPT_SSLCERT_BLOB, &s->cert_pem);
	set_blob(t, CURLOPT_SSLKEY_BLOB, &s->key_pem);
	if (s->ca_pem.len == 0)
		return; /* libcurl's own default is the system's bundle */
	set_text(t, CURLOPT_CAINFO, NULL);
	set_blob(t, CURLOPT_CAINFO_BLOB, &s->ca_pem);
	set_text(t, CURLOPT_CAPATH, tls->include_system_ca_certs_pool ? SYSTEM_ROOTS : NULL);
}

void transfer_setup(struct transfer *t)
{
	const struct http_client_settings *s = &t->client->settings;

	set_long(t, CURLOPT_NOSIGNAL, 1);
	set_long(t, CURLOPT_QUICK_EXIT, 1); /* never wait for a resolver thread that hangs */
	set_text(t, CURLOPT_PROTOCOLS_STR, "http,https");
	set_long(t, CURLOPT_FOLLOWLOCATION, 0);
	set_long(t, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	set_long(t, CURLOPT_POST, 1);
	set_long(t, CURLOPT_HTTP_VERSION, s->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
	set_long(t, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
	set_long(t, CURLOPT_TCP_NODELAY, 1);
	set_long(t, CURLOPT_TCP_KEEPALIVE, 1);
	set_long(t, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
	set_long(t, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S / 3);
	set_long(t, CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S);
	set_long(t, CURLOPT_CONNECTTIMEOUT_MS, (long)((s->connect_timeout_ns + NS_PER_MS - 1) / NS_PER_MS));
	/* Names are looked up again and load spread again every 4 to 6 minutes, not by all exporters at once. */
	set_long(t, CURLOPT_MAXLIFETIME_CONN, 240 + (long)(uv_hrtime() % 120));
	set_long(t, CURLOPT_FORBID_REUSE, s->disable_keep_alives ? 1 : 0);
	set_long(t, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
	setup_tls(t);
}

void transfer_forget_aim(struct transfer *t)
{
	free(t->url);
	free(t->peer);
	free(t->host_header);
	free(t->connect_to_text);
	t->url = t->peer = t->host_header = t->connect_to_text = NULL;
}

static char *printed(const char *fmt, ...) PRINTF(1, 2);
static char *printed(const char *fmt, ...)
{
	char *out = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&out, fmt, ap) < 0)
		abort();
	va_end(ap);
	return out;
}

/* SNI and verification follow the host of the URL, so the name is put there, and the connection is sent to the
 * real host. The Host header stays the real one, as in Go. */
static int override_name(struct transfer *t, CURLU *u, const char *host, const char *port)
{
	const struct curl_api *curl = t->client->curl;

	if (curl->url_set(u, CURLUPART_HOST, t->client->strings.server_name, 0) != CURLUE_OK)
		return -1;
	t->connect_to_text = printed("::%s:%s", host, port);
	t->host_header = strcmp(port, "443") == 0 ? printed("Host: %s", host) : printed("Host: %s:%s", host, port);
	return 0;
}

static int aim(struct transfer *t, CURLU *u, struct err *e)
{
	const struct curl_api *curl = t->client->curl;
	char *scheme = NULL, *host = NULL, *port = NULL, *url = NULL;
	int r = -1;

	if (curl->url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	        curl->url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	        curl->url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
		r = 0;
	bool https = r == 0 && strcmp(scheme, "https") == 0;

	if (r == 0 && !https && strcmp(scheme, "http") != 0)
		r = -1;
	if (r == 0)
		t->peer = printed("%s:%s", host, port);
	if (r == 0 && https && t->client->strings.server_name)
		r = override_name(t, u, host, port);
	if (r == 0 && curl->url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
		r = -1;
	if (r == 0) {
		t->connect_to = (struct curl_slist){ .data = t->connect_to_text, .next = NULL };
		set_text(t, CURLOPT_URL, url);
		set_text(t, CURLOPT_PROXY, https ? t->client->strings.https_proxy : t->client->strings.http_proxy);
		set_text(t, CURLOPT_NOPROXY, t->client->strings.no_proxy);
		curl->easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to_text ? &t->connect_to : NULL);
	} else {
		err_set(e, "not a usable http or https URL");
	}
	curl->free(scheme);
	curl->free(host);
	curl->free(port);
	curl->free(url);
	return r;
}

int transfer_aim(struct transfer *t, const char *url, struct err *e)
{
	const struct curl_api *curl = t->client->curl;

	if (t->url && strcmp(t->url, url) == 0)
		return 0;
	transfer_forget_aim(t);
	CURLU *u = curl->url();

	if (!u)
		abort();
	int r = curl->url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK ? aim(t, u, e)
	                                                             : err_set(e, "not a usable http or https URL");
	curl->url_cleanup(u);
	if (r == 0)
		t->url = printed("%s", url);
	else
		transfer_forget_aim(t);
	return r;
}
