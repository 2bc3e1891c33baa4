/* groups.h - option groups that several components embed: declared once, with the Collector's keys and defaults
 *. A component embeds the struct and names the rows in a CONF_GROUP row. */
#pragma once
#include "lib/conf/conf.h"
#include "lib/net/http_client.h"
#include "lib/net/http_server.h"
#include "lib/net/tls.h"

struct tls_server_conf {
	bool enabled; /* section present */
	slice cert_file, cert_pem, key_file, key_pem, ca_file, ca_pem, client_ca_file, min_version, max_version;
	bool include_system_ca_certs_pool;
};
extern const struct conf_field tls_server_fields[];
void tls_server_check(const struct tls_server_conf *c, struct conf_report *r);
struct tls_settings tls_server_settings(const struct tls_server_conf *c);

struct tls_client_conf {
	slice cert_file, cert_pem, key_file, key_pem, ca_file, ca_pem, min_version, max_version, server_name_override;
	bool include_system_ca_certs_pool, insecure, insecure_skip_verify;
};
extern const struct conf_field tls_client_fields[];
void tls_client_check(const struct tls_client_conf *c, struct conf_report *r);
struct tls_settings tls_client_settings(const struct tls_client_conf *c);

struct retry_conf { /* retry_on_failure */
	bool enabled;
	duration initial_interval, max_interval, max_elapsed_time;
	double randomization_factor, multiplier;
};
extern const struct conf_field retry_fields[];
void retry_check(const struct retry_conf *c, struct conf_report *r);

enum sizer { SIZER_REQUESTS, SIZER_ITEMS, SIZER_BYTES, SIZER_AUTO };
struct queue_batch_conf {
	bool enabled;
	duration flush_timeout;
	int64_t min_size, max_size;
	int sizer; /* as written, may be SIZER_AUTO: use queue_batch_sizer */
};
struct queue_conf { /* sending_queue */
	bool enabled;
	uint32_t num_consumers;
	uint64_t queue_size;
	int sizer;
	bool block_on_overflow, wait_for_result;
	bytes max_lag_bytes; /* 0: no limit */
	slice storage; /* id of an extension; empty: in memory */
	struct queue_batch_conf batch;
};
extern const struct conf_field queue_fields[];
void queue_check(const struct queue_conf *c, struct conf_report *r);
/* SIZER_ITEMS or SIZER_BYTES: a batch without its own sizer has the queue's, and items when that counts requests. */
enum sizer queue_batch_sizer(const struct queue_conf *c);

struct auth_conf {
	bool enabled;
	slice authenticator; /* id of an extension */
};
extern const struct conf_field auth_fields[];

struct cors_conf {
	bool enabled;
	struct conf_strs allowed_origins, allowed_headers, exposed_headers;
	uint32_t max_age; /* seconds */
};
extern const struct conf_field cors_fields[];

/* The Collector's confighttp server keys (inline in receivers and extensions). */
struct http_server_conf {
	slice endpoint, transport;
	struct tls_server_conf tls;
	struct auth_conf auth;
	struct cors_conf cors;
	bytes max_request_body_size, max_inflated_body_size;
	bool include_metadata, keep_alives_enabled;
	duration read_header_timeout, read_timeout, write_timeout, idle_timeout;
	struct conf_strs compression_algorithms;
	struct conf_map response_headers;
};
extern const struct conf_field http_server_fields[];
/* All rules of the group, those of tls and cors included. */
void http_server_check(const struct http_server_conf *c, struct conf_report *r);

/* The Collector's confighttp client keys (inline in exporters). */
struct http_client_conf {
	duration timeout, idle_conn_timeout;
	struct conf_map headers;
	int compression; /* enum client_compression */
	int64_t compression_level;
	slice proxy_url;
	struct tls_client_conf tls;
	struct auth_conf auth;
	uint32_t max_idle_conns, max_idle_conns_per_host, max_conns_per_host;
	bool disable_keep_alives, force_attempt_http2;
};
enum client_compression { COMPRESS_GZIP, COMPRESS_NONE, COMPRESS_ZSTD, COMPRESS_DEFLATE };
extern const struct conf_field http_client_fields[];
/* All rules of the group, those of tls included. */
void http_client_check(const struct http_client_conf *c, struct conf_report *r);

/* What the core needs of every exporter: embedded as the FIRST member of its conf. */
struct exporter_conf {
	struct retry_conf retry_on_failure;
	struct queue_conf sending_queue;
	int required; /* enum tristate: unset, false, true */
	int overflow; /* enum overflow */
};
enum tristate { TRI_AUTO, TRI_FALSE, TRI_TRUE };
enum overflow { OVERFLOW_AUTO, OVERFLOW_REJECT, OVERFLOW_DROP_OLDEST, OVERFLOW_DROP_NEWEST };
/* Use CONF_INLINE(x_conf, exporter, exporter_conf, exporter_fields, ..). */
extern const struct conf_field exporter_fields[];
/* All rules of the group: retry_check and queue_check. */
void exporter_check(const struct exporter_conf *c, struct conf_report *r);
