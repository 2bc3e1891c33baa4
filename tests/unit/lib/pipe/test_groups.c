/* test_groups.c - the shared option groups: the Collector's defaults, its error phrases, what weir refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/yaml.h"
#include "lib/pipe/groups.h"

struct client {
	struct exporter_conf exporter;
	struct http_client_conf http;
};
static const struct conf_field client_fields[] = {
	CONF_INLINE(client, exporter, exporter_conf, exporter_fields, "Queue and retry."),
	CONF_INLINE(client, http, http_client_conf, http_client_fields, "HTTP."),
	CONF_END,
};
static void client_check(const void *conf, struct conf_report *r)
{
	const struct client *c = conf;
	exporter_check(&c->exporter, r);
	http_client_check(&c->http, r);
}

struct server {
	struct http_server_conf http;
};
static const struct conf_field server_fields[] = {
	CONF_INLINE(server, http, http_server_conf, http_server_fields, "HTTP.", .def = "endpoint=localhost:4318"),
	CONF_END,
};
static void server_check(const void *conf, struct conf_report *r)
{
	http_server_check(&((const struct server *)conf)->http, r);
}

struct rig {
	struct arena arena;
	struct findings findings;
	struct client client;
	struct server server;
	char *out;
};

static void load(struct rig *t, bool server, const char *yaml)
{
	*t = (struct rig){ 0 };
	arena_init(&t->arena);
	findings_init(&t->findings);
	struct node *n = yaml_parse(&t->arena, slice_of(yaml), "f", &t->findings);
	struct pos pos = { "f", 1, 1 };
	int rc = server
	        ? conf_load(server_fields, n, SLICE("s"), pos, &t->server, server_check, &t->arena, &t->findings)
	        : conf_load(client_fields, n, SLICE("c"), pos, &t->client, client_check, &t->arena, &t->findings);
	size_t size;
	FILE *to = open_memstream(&t->out, &size);
	findings_print(&t->findings, to);
	fclose(to);
	assert_int_equal(rc, t->findings.n_errors ? -1 : 0);
}

static void done(struct rig *t)
{
	free(t->out);
	findings_release(&t->findings);
	arena_release(&t->arena);
}

static void test_client_defaults(void **state)
{
	(void)state;
	struct rig t;
	load(&t, false, "");
	assert_string_equal(t.out, "");
	const struct retry_conf *r = &t.client.exporter.retry_on_failure;
	assert_true(r->enabled);
	assert_int_equal(r->initial_interval.ns, 5000000000);
	assert_true(r->randomization_factor == 0.5 && r->multiplier == 1.5);
	assert_int_equal(r->max_interval.ns, 30000000000);
	assert_int_equal(r->max_elapsed_time.ns, 300000000000);
	const struct queue_conf *q = &t.client.exporter.sending_queue;
	assert_true(q->enabled);
	assert_int_equal(q->num_consumers, 10);
	assert_int_equal(q->queue_size, 1000);
	assert_int_equal(q->sizer, SIZER_REQUESTS);
	assert_false(q->block_on_overflow || q->wait_for_result || q->batch.enabled);
	assert_int_equal(q->batch.flush_timeout.ns, 200000000);
	assert_int_equal(q->batch.min_size, 8192);
	assert_int_equal(q->batch.max_size, 0);
	assert_int_equal(t.client.exporter.required, TRI_AUTO);
	assert_int_equal(t.client.exporter.overflow, OVERFLOW_AUTO);
	const struct http_client_conf *h = &t.client.http;
	assert_int_equal(h->timeout.ns, 30000000000);
	assert_int_equal(h->idle_conn_timeout.ns, 90000000000);
	assert_int_equal(h->compression, COMPRESS_GZIP);
	assert_int_equal(h->compression_level, 0);
	assert_int_equal(h->max_idle_conns, 100);
	assert_int_equal(h->max_idle_conns_per_host, 0);
	assert_true(h->force_attempt_http2);
	assert_false(h->auth.enabled || h->tls.insecure || h->disable_keep_alives);
	done(&t);
}

static void test_server_defaults(void **state)
{
	(void)state;
	struct rig t;
	load(&t, true, "");
	assert_string_equal(t.out, "");
	const struct http_server_conf *h = &t.server.http;
	assert_true(slice_is(h->endpoint, "localhost:4318"));
	assert_true(slice_is(h->transport, "tcp"));
	assert_int_equal(h->max_request_body_size.n, 20 << 20);
	assert_int_equal(h->max_inflated_body_size.n, 64 << 20);
	assert_int_equal(h->read_header_timeout.ns, 10000000000);
	assert_int_equal(h->read_timeout.ns, 30000000000);
	assert_int_equal(h->idle_timeout.ns, 60000000000);
	assert_true(h->keep_alives_enabled);
	assert_false(h->tls.enabled || h->auth.enabled || h->cors.enabled || h->include_metadata);
	assert_int_equal(h->compression_algorithms.n, 5);
	done(&t);
}

static const struct {
	const char *yaml, *findings;
} client_cases[] = {
	{ "retry_on_failure: {max_elapsed_time: 0}", "" },
	{ "retry_on_failure: {enabled: false}\nsending_queue: {enabled: false}", "" },
	{ "retry_on_failure: {max_elapsed_time: 10s}",
	        "f:1:38: error: c::retry_on_failure: 'max_elapsed_time' must not be less than "
	        "'max_interval'\n" },
	{ "retry_on_failure:\n  max_elapsed_time: 50s\n  initial_interval: 1m",
	        "f:3:21: error: c::retry_on_failure: 'max_elapsed_time' must not be less than "
	        "'initial_interval'\n" },
	{ "retry_on_failure: {initial_interval: -1s}",
	        "f:1:38: error: c::retry_on_failure: 'initial_interval' must be non-negative, got \"-1s\"\n" },
	{ "retry_on_failure: {randomization_factor: 1.5}",
	        "f:1:42: error: c::retry_on_failure: 'randomization_factor' must be within [0, 1], got "
	        "\"1.5\"\n" },
	{ "sending_queue: {num_consumers: 0, queue_size: 0}",
	        "f:1:32: error: c::sending_queue: `num_consumers` must be positive\n"
	        "f:1:47: error: c::sending_queue: `queue_size` must be positive\n" },
	{ "sending_queue: {enabled: false, num_consumers: 0}", "" },
	{ "sending_queue: {block_on_overflow: false, wait_for_result: false}", "" },
	{ "sending_queue: {block_on_overflow: true}",
	        "f:1:36: error: c::sending_queue: `block_on_overflow` is not supported: nothing waits in front "
	        "of a full "
	        "queue, the sender gets 503 with Retry-After\n" },
	{ "sending_queue: {wait_for_result: true}",
	        "f:1:34: error: c::sending_queue: `wait_for_result` is not supported: `ack: delivered` of the "
	        "receiver waits "
	        "for the outcome\n" },
	{ "sending_queue: {storage: file_storage, max_lag_bytes: 1MiB}", "" },
	{ "sending_queue: {batch: }", "" }, /* requests and items are not compared */
	{ "sending_queue: {batch: {sizer: bytes}}", "" },
	{ "sending_queue: {sizer: items, batch: {enabled: false}}", "" },
	{ "sending_queue: {sizer: items, batch: {}}",
	        "f:1:1: error: c::sending_queue::batch: `min_size` must be less than or equal to `queue_size`: "
	        "min_size is "
	        "8192, queue_size 1000\n" },
	{ "sending_queue: {sizer: bytes, queue_size: 268435456, batch: {flush_timeout: 1s, min_size: 1048576, "
	  "max_size: "
	  "4194304}}",
	        "" },
	{ "sending_queue: {sizer: requests, batch: {}}",
	        "f:1:34: error: c::sending_queue: `batch` supports only `items` or `bytes` sizer, found "
	        "\"requests\": give "
	        "the batch a sizer of its own\n" },
	{ "sending_queue: {batch: {sizer: requests}}",
	        "f:1:32: error: c::sending_queue::batch: `batch` supports only `items` or `bytes` sizer, found "
	        "\"requests\"\n" },
	{ "sending_queue: {batch: {flush_timeout: 0s, min_size: -1, max_size: -2}}",
	        "f:1:40: error: c::sending_queue::batch: `flush_timeout` must be positive, found 0\n"
	        "f:1:54: error: c::sending_queue::batch: `min_size` must be non-negative, found -1\n"
	        "f:1:68: error: c::sending_queue::batch: `max_size` must be non-negative, found -2\n" },
	{ "sending_queue: {batch: {max_size: 100}}",
	        "f:1:35: error: c::sending_queue::batch: `max_size` (100) must be greater or equal to "
	        "`min_size` (8192)\n" },
	{ "required: true\noverflow: reject", "" },
	{ "required: false\noverflow: drop_oldest", "" },
	{ "required: maybe", "f:1:11: error: c: 'required' must be \"auto\", \"false\" or \"true\", got \"maybe\"\n" },
	{ "overflow: drop_oldest\nrequired: true",
	        "f:2:11: error: c: `overflow: drop_oldest` loses accepted data, which `required: true` rules "
	        "out\n" },
	{ "overflow: drop_newest", "" },
	{ "overflow: drop_newest\nrequired: true",
	        "f:2:11: error: c: `overflow: drop_newest` loses accepted data, which `required: true` rules "
	        "out\n" },
	{ "compression: snappy",
	        "f:1:14: error: c: 'compression' must be \"gzip\", \"none\", \"zstd\" or \"deflate\", got "
	        "\"snappy\"\n" },
	{ "compression: ''", "" },
	{ "compression: zstd\ncompression_params: {level: 22}", "" },
	{ "compression: gzip\ncompression_params: {level: 22}",
	        "f:2:29: error: c::compression_params: unsupported parameters {Level:22} for compression type "
	        "\"gzip\"\n" },
	{ "cookies: {enabled: true}",
	        "f:1:1: error: c: \"cookies\" is an option of the Collector that weir does not have: Weir "
	        "keeps no "
	        "cookies.\n" },
	{ "read_buffer_size: 1",
	        "f:1:1: warning: c: \"read_buffer_size\" is accepted and has no effect: It tunes a library of "
	        "the "
	        "Collector.\n" },
	{ "headers: {k: v, \"a b\": c}", "f:1:17: error: c: \"a b\" is not a name of a header\n" },
	{ "headers: {a: \"sk-1\\nX: y\"}",
	        "f:1:14: error: c: the value of header \"a\" holds a line break or another control "
	        "character\n" },
	{ "headers: [{name: a, value: b}, {name: \"a b\", value: c}]",
	        "f:1:39: error: c: \"a b\" is not a name of a header\n" },
	{ "headers:\n  - Authorization: x",
	        "f:2:5: error: c: 'headers': an element of a list is {name: .., value: ..}; or write name: value "
	        "without the dash\n" },
	{ "auth: {authenticator: basicauth/a}", "" },
	{ "auth: {}", "f:1:1: error: c::auth: missing option \"authenticator\": it is required\n" },
	{ "tls: {enabled: true}", "f:1:7: error: c::tls: unknown key \"enabled\" (has invalid keys: enabled)\n" },
	{ "tls: {insecure: true, min_version: '1.3'}", "" },
	{ "tls: {min_version: '1.4'}",
	        "f:1:20: error: c::tls: invalid TLS min_version: unsupported TLS version: \"1.4\"\n" },
	{ "tls: {max_version: '1.1'}",
	        "f:1:20: error: c::tls: invalid TLS configuration: min_version cannot be greater than "
	        "max_version\n" },
	{ "tls: {cert_file: a}",
	        "f:1:1: error: c::tls: for auth via TLS, provide both certificate and key, or neither\n" },
	{ "tls: {ca_file: a, ca_pem: b}",
	        "f:1:27: error: c::tls: provide either a CA file or the PEM-encoded string, but not both\n" },
	{ "tls: {reload_interval: 1h}",
	        "f:1:7: error: c::tls: \"reload_interval\" is an option of the Collector that weir does not "
	        "have: "
	        "Certificates are read again on SIGHUP.\n" },
};

static void test_client_findings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNTOF(client_cases); i++) {
		struct rig t;
		load(&t, false, client_cases[i].yaml);
		assert_string_equal(t.out, client_cases[i].findings);
		done(&t);
	}
}

static void test_server_findings(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *findings;
	} cases[] = {
		{ "endpoint: 0.0.0.0:4318", "" },
		{ "endpoint: \"[::1]:4318\"", "" },
		{ "endpoint: localhost",
		        "f:1:11: error: s: 'endpoint' must be host:port with a port of 0 to 65535, got "
		        "\"localhost\"\n" },
		{ "endpoint: localhost:70000",
		        "f:1:11: error: s: 'endpoint' must be host:port with a port of 0 to 65535, got "
		        "\"localhost:70000\"\n" },
		{ "endpoint: http://localhost:4318",
		        "f:1:11: error: s: 'endpoint' must be host:port without a scheme, got "
		        "\"http://localhost:4318\"\n" },
		{ "endpoint: ::1:4318",
		        "f:1:11: error: s: 'endpoint' must be host:port with an IPv6 address in brackets, got "
		        "\"::1:4318\"\n" },
		{ "endpoint: ''", "f:1:11: error: s: 'endpoint' must not be empty\n" },
		{ "endpoint: /run/weir.sock\ntransport: unix", "" },
		{ "transport: udp",
		        "f:1:12: error: s: invalid transport type \"udp\": weir has tcp, tcp4, tcp6 and unix\n" },
		{ "max_request_body_size: 0", "" },
		{ "cors: {allowed_origins: [\"https://*.example.com\"]}", "" },
		{ "cors: {allowed_headers: x-a}",
		        "f:1:25: warning: s::cors: allowed_headers has no effect without allowed_origins\n" },
		{ "compression_algorithms: ['', gzip]", "" },
		{ "compression_algorithms: [gzip, snappy]",
		        "f:1:25: error: s: unsupported compression algorithm \"snappy\": weir has gzip, zstd, zlib, "
		        "deflate and "
		        "identity\n" },
		{ "tls:",
		        "f:1:1: error: s::tls: TLS configuration must include both certificate and key for server "
		        "connections\n" },
		{ "tls: {enabled: false}", "" },
		{ "tls: {cert_file: a, key_file: b, client_ca_file: c}", "" },
		{ "middlewares: []",
		        "f:1:1: error: s: \"middlewares\" is an option of the Collector that weir does not have: "
		        "Weir has no middleware extensions.\n" },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct rig t;
		load(&t, true, cases[i].yaml);
		assert_string_equal(t.out, cases[i].findings);
		done(&t);
	}
}

static void test_conversions(void **state)
{
	(void)state;
	struct rig t;
	load(&t, true,
	        "max_request_body_size: -1\ntls: {cert_pem: a, key_pem: b, client_ca_file: c, max_version: '1.3'}");
	assert_string_equal(t.out, "");
	assert_int_equal(t.server.http.max_request_body_size.n, 20 << 20);
	struct tls_settings s = tls_server_settings(&t.server.http.tls);
	assert_true(slice_is(s.cert_pem, "a") && slice_is(s.key_pem, "b") && slice_is(s.client_ca_file, "c"));
	assert_true(slice_is(s.min_version, "1.2") && slice_is(s.max_version, "1.3"));
	done(&t);
	load(&t, false,
	        "compression: zlib\ncompression_params: {level: 9}\nrequired: false\n"
	        "tls: {insecure_skip_verify: true, server_name_override: n, ca_file: f, include_system_ca_certs_pool: "
	        "true}\n"
	        "sending_queue: {sizer: bytes, queue_size: 9000, batch: {}}");
	assert_string_equal(t.out, "");
	s = tls_client_settings(&t.client.http.tls);
	assert_true(s.insecure_skip_verify && s.include_system_ca_certs_pool && !s.insecure);
	assert_true(slice_is(s.server_name_override, "n") && slice_is(s.ca_file, "f"));
	assert_int_equal(t.client.http.compression, COMPRESS_DEFLATE);
	assert_int_equal(t.client.http.compression_level, 9);
	assert_int_equal(t.client.exporter.required, TRI_FALSE);
	assert_int_equal(queue_batch_sizer(&t.client.exporter.sending_queue), SIZER_BYTES);
	done(&t);
	load(&t, false, "sending_queue: {batch: {}}");
	assert_int_equal(queue_batch_sizer(&t.client.exporter.sending_queue), SIZER_ITEMS);
	done(&t);
	load(&t, false, "sending_queue: {sizer: bytes, batch: {sizer: items}}");
	assert_int_equal(queue_batch_sizer(&t.client.exporter.sending_queue), SIZER_ITEMS);
	done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_defaults),
		cmocka_unit_test(test_server_defaults),
		cmocka_unit_test(test_client_findings),
		cmocka_unit_test(test_server_findings),
		cmocka_unit_test(test_conversions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
