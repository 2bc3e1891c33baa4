/* groups_http.c - the option groups of the network: TLS on both sides, CORS, HTTP server and client keys.
 *
 * Keys and defaults are the Collector's confighttp and configtls. Files are named here and
 * opened by lib/net, so that `weir validate` touches nothing. Security settings weir does not have are refused,
 * never ignored.
 */
#include "lib/base/parse.h"
#include "lib/net/compress.h"
#include "lib/pipe/groups.h"

#define SECONDS_MAX 9e9 /* what int64 nanoseconds hold */

/* clang-format off */
#define TLS_ROWS(S) \
	CONF_STR(S, cert_file, "", "File with the certificate chain (PEM).", .flags = CONF_FILE), \
	CONF_STR(S, cert_pem, "", "The certificate chain itself, in place of cert_file.", .flags = CONF_SECRET), \
	CONF_STR(S, key_file, "", "File with the private key (PEM, not encrypted).", .flags = CONF_FILE), \
	CONF_STR(S, key_pem, "", "The private key itself, in place of key_file.", .flags = CONF_SECRET), \
	CONF_STR(S, ca_file, "", "File with the CA certificates to trust (PEM).", .flags = CONF_FILE), \
	CONF_STR(S, ca_pem, "", "The CA certificates themselves, in place of ca_file.", .flags = CONF_SECRET), \
	CONF_BOOL(S, include_system_ca_certs_pool, "false", "Trust the system's CAs beside ca_file."), \
	CONF_STR(S, min_version, "1.2", "Oldest TLS version that is accepted: 1.0, 1.1, 1.2 or 1.3."), \
	CONF_STR(S, max_version, "", "Newest TLS version; empty is the newest the library has."), \
	CONF_REFUSED("cipher_suites", "The suites are those of OpenSSL with forward secrecy."), \
	CONF_REFUSED("curve_preferences", "The curves are OpenSSL's."), \
	CONF_REFUSED("reload_interval", "Certificates are read again on SIGHUP."), \
	CONF_REFUSED("tpm", "Keys in a TPM are not supported.")
/* clang-format on */

const struct conf_field tls_server_fields[] = {
	TLS_ROWS(tls_server_conf),
	CONF_STR(tls_server_conf, client_ca_file, "",
	        "File with CAs: clients must show a certificate signed by one of them."),
	CONF_REFUSED("client_ca_file_reload", "The file is read again on SIGHUP."),
	CONF_END,
};

const struct conf_field tls_client_fields[] = {
	TLS_ROWS(tls_client_conf),
	CONF_BOOL(tls_client_conf, insecure, "false", "Plaintext, where the scheme of the endpoint does not decide."),
	CONF_BOOL(tls_client_conf, insecure_skip_verify, "false",
	        "Do not verify the peer's certificate: for tests only."),
	CONF_STR(tls_client_conf, server_name_override, "",
	        "Name to ask for and to verify, in place of the endpoint's."),
	CONF_END,
};

struct tls_settings tls_server_settings(const struct tls_server_conf *c)
{
	return (struct tls_settings){
		.cert_file = c->cert_file,
		.cert_pem = c->cert_pem,
		.key_file = c->key_file,
		.key_pem = c->key_pem,
		.ca_file = c->ca_file,
		.ca_pem = c->ca_pem,
		.client_ca_file = c->client_ca_file,
		.min_version = c->min_version,
		.max_version = c->max_version,
		.include_system_ca_certs_pool = c->include_system_ca_certs_pool,
	};
}

struct tls_settings tls_client_settings(const struct tls_client_conf *c)
{
	return (struct tls_settings){
		.cert_file = c->cert_file,
		.cert_pem = c->cert_pem,
		.key_file = c->key_file,
		.key_pem = c->key_pem,
		.ca_file = c->ca_file,
		.ca_pem = c->ca_pem,
		.min_version = c->min_version,
		.max_version = c->max_version,
		.server_name_override = c->server_name_override,
		.include_system_ca_certs_pool = c->include_system_ca_certs_pool,
		.insecure = c->insecure,
		.insecure_skip_verify = c->insecure_skip_verify,
	};
}

static void either(struct conf_report *r, const slice *file, const slice *pem, const char *what)
{
	if (file->len && pem->len)
		conf_clash(r, file, pem, "provide either %s file or the PEM-encoded string, but not both", what);
}

static bool is_tls_version(slice v)
{
	return v.len == 3 && v.p[0] == '1' && v.p[1] == '.' && v.p[2] >= '0' && v.p[2] <= '3';
}

static void check_versions(struct conf_report *r, const slice *min, const slice *max)
{
	bool min_ok = !min->len || is_tls_version(*min), max_ok = !max->len || is_tls_version(*max);
	if (!min_ok)
		conf_fail(r, min, "invalid TLS min_version: unsupported TLS version: \"%.*s\"", SLICE_ARG(*min));
	if (!max_ok)
		conf_fail(r, max, "invalid TLS max_version: unsupported TLS version: \"%.*s\"", SLICE_ARG(*max));
	if (min_ok && max_ok && max->len && (min->len ? min->p[2] : '2') > max->p[2])
		conf_clash(r, min, max, "invalid TLS configuration: min_version cannot be greater than max_version");
}

void tls_server_check(const struct tls_server_conf *c, struct conf_report *r)
{
	if (!c->enabled)
		return;
	if (!(c->cert_file.len || c->cert_pem.len) || !(c->key_file.len || c->key_pem.len))
		conf_missing(r, c, "TLS configuration must include both certificate and key for server connections");
	either(r, &c->cert_file, &c->cert_pem, "a certificate");
	either(r, &c->key_file, &c->key_pem, "a key");
	either(r, &c->ca_file, &c->ca_pem, "a CA");
	check_versions(r, &c->min_version, &c->max_version);
}

void tls_client_check(const struct tls_client_conf *c, struct conf_report *r)
{
	bool cert = c->cert_file.len || c->cert_pem.len, key = c->key_file.len || c->key_pem.len;
	if (cert != key)
		conf_missing(r, c, "for auth via TLS, provide both certificate and key, or neither");
	either(r, &c->cert_file, &c->cert_pem, "a certificate");
	either(r, &c->key_file, &c->key_pem, "a key");
	either(r, &c->ca_file, &c->ca_pem, "a CA");
	check_versions(r, &c->min_version, &c->max_version);
}

const struct conf_field cors_fields[] = {
	CONF_STRS(cors_conf, allowed_origins, "", "Origins of pages that may send; * stands for any text."),
	CONF_STRS(cors_conf, allowed_headers, "", "Request headers allowed beside the simple ones."),
	CONF_STRS(cors_conf, exposed_headers, "", "Response headers a page may read."),
	CONF_U32(cors_conf, max_age, "0",
	        "Seconds a browser may keep the answer to its preflight; 0 leaves it to the browser."),
	CONF_END,
};

const struct conf_field http_server_fields[] = {
	CONF_STR(http_server_conf, endpoint, NULL, "Address to listen on, as host:port."),
	CONF_STR(http_server_conf, transport, "tcp",
	        "Kind of socket: tcp, tcp4, tcp6 or unix (endpoint is then a path)."),
	CONF_OPTION(http_server_conf, tls, tls_server_conf, tls_server_fields,
	        "TLS on this listener; absent means plaintext."),
	CONF_OPTION(http_server_conf, auth, auth_conf, auth_fields, "Who may send."),
	CONF_OPTION(http_server_conf, cors, cors_conf, cors_fields, "Requests from pages in a browser."),
	CONF_BYTES(http_server_conf, max_request_body_size, "20MiB",
	        "A larger body is refused with 413, as it is on the wire.", .flags = CONF_ZERO_DEFAULT),
	CONF_BYTES(http_server_conf, max_inflated_body_size, "64MiB",
	        "A body that is larger when inflated is refused with 413.", .flags = CONF_ZERO_DEFAULT),
	CONF_BOOL(http_server_conf, include_metadata, "false",
	        "Keep the request's headers for components that read them."),
	CONF_BOOL(http_server_conf, keep_alives_enabled, "true", "Take further requests on the same connection."),
	CONF_DURATION(http_server_conf, read_header_timeout, "10s",
	        "Time for the whole head of a request; 0 means no limit.", .min = 0, .max = SECONDS_MAX),
	CONF_DURATION(http_server_conf, read_timeout, "30s", "Time for the body of a request; 0 means no limit.",
	        .min = 0, .max = SECONDS_MAX),
	CONF_DURATION(http_server_conf, write_timeout, "30s",
	        "Time for the client to take the answer; 0 means no limit.", .min = 0, .max = SECONDS_MAX),
	CONF_DURATION(http_server_conf, idle_timeout, "1m", "An idle connection is closed after it; 0 means never.",
	        .min = 0, .max = SECONDS_MAX),
	CONF_STRS(http_server_conf, compression_algorithms, "identity,gzip,zstd,zlib,deflate",
	        "Content encodings that are accepted."),
	CONF_MAP(http_server_conf, response_headers, "Headers added to each answer.", .flags = CONF_SECRET),
	CONF_REFUSED("middlewares", "Weir has no middleware extensions."),
	CONF_END,
};

/* What is wrong with host:port, or NULL. */
static const char *address_fault(slice endpoint)
{
	const char *colon = endpoint.len ? memrchr(endpoint.p, ':', endpoint.len) : NULL;
	slice host = { endpoint.p, colon ? (size_t)(colon - endpoint.p) : 0 };
	uint64_t port;
	if (endpoint.len && memmem(endpoint.p, endpoint.len, "://", 3))
		return "host:port without a scheme";
	if (!colon || parse_u64((slice){ colon + 1, endpoint.len - host.len - 1 }, &port) || port > 65535)
		return "host:port with a port of 0 to 65535";
	if (host.len && host.p[0] != '[' && memchr(host.p, ':', host.len))
		return "host:port with an IPv6 address in brackets";
	return NULL;
}

static void check_listener(const struct http_server_conf *c, struct conf_report *r)
{
	static const char *const transports[] = { "tcp", "tcp4", "tcp6", "unix", NULL };
	size_t i = 0;
	while (transports[i] && !slice_is(c->transport, transports[i]))
		i++;
	if (!transports[i])
		conf_fail(r, &c->transport, "invalid transport type \"%.*s\": weir has tcp, tcp4, tcp6 and unix",
		        SLICE_ARG(c->transport));
	else if (!c->endpoint.len)
		conf_fail(r, &c->endpoint, "'endpoint' must not be empty");
	else if (!slice_is(c->transport, "unix") && address_fault(c->endpoint))
		conf_fail(r, &c->endpoint, "'endpoint' must be %s, got \"%.*s\"", address_fault(c->endpoint),
		        SLICE_ARG(c->endpoint));
}

static bool is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 127;
}

static bool is_header_name(slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_control(s.p[i]) || s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == ':')
			return false;
	}
	return s.len > 0;
}

/* A line break in a value would be a header of someone else's choice. */
static bool is_header_value(slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_control(s.p[i]))
			return false;
	}
	return true;
}

static void check_headers(const struct conf_map *m, struct conf_report *r)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!is_header_name(m->v[i].key))
			conf_fail(r, &m->v[i].key, "\"%.*s\" is not a name of a header", SLICE_ARG(m->v[i].key));
		else if (!is_header_value(m->v[i].value))
			conf_fail(r, &m->v[i].value,
			        "the value of header \"%.*s\" holds a line break or another control character",
			        SLICE_ARG(m->v[i].key));
	}
}

void http_server_check(const struct http_server_conf *c, struct conf_report *r)
{
	check_listener(c, r);
	tls_server_check(&c->tls, r);
	if (c->cors.enabled && c->cors.allowed_headers.n && !c->cors.allowed_origins.n)
		conf_warn(r, &c->cors.allowed_headers, "allowed_headers has no effect without allowed_origins");
	for (size_t i = 0; i < c->compression_algorithms.n; i++) {
		slice name = c->compression_algorithms.v[i];
		if (coding_parse(name) == CODING_UNKNOWN)
			conf_fail(r, &c->compression_algorithms,
			        "unsupported compression algorithm \"%.*s\": weir has gzip, zstd, zlib, deflate and "
			        "identity",
			        SLICE_ARG(name));
	}
	check_headers(&c->response_headers, r);
}

static const char *const compression_names[] = {
	[COMPRESS_GZIP] = "gzip",
	[COMPRESS_NONE] = "none|",
	[COMPRESS_ZSTD] = "zstd",
	[COMPRESS_DEFLATE] = "deflate|zlib",
	NULL,
};

static const struct conf_field compression_params_fields[] = {
	{ .key = "level",
	        .type = T_I64,
	        .def = "0",
	        .help = "Higher is smaller and slower; 0 is the default of weir, which is fast.",
	        .min = -2,
	        .max = 22 },
	CONF_END,
};

const struct conf_field http_client_fields[] = {
	CONF_DURATION(http_client_conf, timeout, "30s", "Time for one attempt, answer included; 0 means no limit.",
	        .min = 0, .max = SECONDS_MAX),
	CONF_MAP(http_client_conf, headers, "Headers of each request; they replace those of weir.",
	        .flags = CONF_SECRET),
	CONF_ENUM(http_client_conf, compression, "gzip", compression_names, "Content encoding of the body."),
	{ .key = "compression_params",
	        .type = T_GROUP,
	        .offset = CONF_AT(http_client_conf, compression_level, int64_t),
	        .rows = compression_params_fields,
	        .size = sizeof(int64_t),
	        .help = "How much to compress." },
	CONF_STR(http_client_conf, proxy_url, "",
	        "Proxy; empty means HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment."),
	CONF_GROUP(http_client_conf, tls, tls_client_conf, tls_client_fields, "TLS towards the destination."),
	CONF_OPTION(http_client_conf, auth, auth_conf, auth_fields, "Credentials from an extension."),
	CONF_U32(http_client_conf, max_idle_conns, "100", "Idle connections that are kept; 0 means no limit."),
	CONF_U32(http_client_conf, max_idle_conns_per_host, "0", "The same for one host; 0 means max_idle_conns."),
	CONF_U32(http_client_conf, max_conns_per_host, "0",
	        "Connections to one host, busy ones included; 0 means no limit."),
	CONF_DURATION(http_client_conf, idle_conn_timeout, "90s", "An idle connection is closed after it.", .min = 0,
	        .max = SECONDS_MAX),
	CONF_BOOL(http_client_conf, disable_keep_alives, "false", "A new connection for every request."),
	CONF_BOOL(http_client_conf, force_attempt_http2, "true", "Offer HTTP/2 where the endpoint is https."),
	CONF_REFUSED("cookies", "Weir keeps no cookies."),
	CONF_REFUSED("middlewares", "Weir has no middleware extensions."),
	CONF_IGNORED("read_buffer_size", "It tunes a library of the Collector."),
	CONF_IGNORED("write_buffer_size", "It tunes a library of the Collector."),
	CONF_IGNORED("http2_read_idle_timeout", "It tunes a library of the Collector."),
	CONF_IGNORED("http2_ping_timeout", "It tunes a library of the Collector."),
	CONF_END,
};

static void check_level(const struct http_client_conf *c, struct conf_report *r)
{
	bool zlib = c->compression == COMPRESS_GZIP || c->compression == COMPRESS_DEFLATE;
	int64_t level = c->compression_level;
	if ((zlib && (level < -1 || level > 9)) || (c->compression == COMPRESS_NONE && level != 0))
		conf_clash(r, &c->compression, &c->compression_level,
		        "unsupported parameters {Level:%lld} for compression type \"%.*s\"", (long long)level,
		        (int)strcspn(compression_names[c->compression], "|"), compression_names[c->compression]);
}

void http_client_check(const struct http_client_conf *c, struct conf_report *r)
{
	tls_client_check(&c->tls, r);
	check_headers(&c->headers, r);
	check_level(c, r);
}
