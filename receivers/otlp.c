/* otlp.c - the OTLP door: Export requests over HTTP, each answered on its own.
 *
 * on_head decides what can be decided before the body (path, method, type, coding, draining), on_request inflates,
 * transcodes JSON, and hands protobuf to the intake. Every answer that is not a success is a google.rpc.Status in
 * the request's own encoding, JSON where that is unknown. The stage keeps no state: what a request needs is
 * read again from its head. */
#include "lib/base/clock.h"
#include "lib/base/parse.h"
#include "lib/net/compress.h"
#include "lib/net/http_server.h"
#include "lib/otlp/json.h"
#include "lib/otlp/status.h"
#include "lib/pipe/component.h"
#include "lib/pipe/core.h"
#include "lib/pipe/cors.h"
#include "lib/pipe/groups.h"
#include "lib/pipe/intake.h"

struct otlp_http_conf {
	bool enabled;
	struct http_server_conf server;
	slice traces_url_path, metrics_url_path, logs_url_path;
	struct conf_strs extra_traces_url_paths;
};

struct otlp_protocols_conf {
	bool enabled;
	struct otlp_http_conf http;
};

struct otlp_conf {
	int ack; /* enum ack_level */
	duration ack_timeout;
	struct otlp_protocols_conf protocols; /* not first: findings tell it from the component by its address */
};

static const struct conf_field http_fields[] = {
	CONF_INLINE(otlp_http_conf, server, http_server_conf, http_server_fields, "The HTTP server.",
	        .def = "endpoint=localhost:4318"),
	CONF_STR(otlp_http_conf, traces_url_path, "/v1/traces", "Path that takes traces."),
	CONF_STR(otlp_http_conf, metrics_url_path, "/v1/metrics", "Path that takes metrics."),
	CONF_STR(otlp_http_conf, logs_url_path, "/v1/logs", "Path that takes logs."),
	CONF_STRS(otlp_http_conf, extra_traces_url_paths, "",
	        "Further paths that take traces, so that a client set up for a vendor's path can be pointed here "
	        "unchanged."),
	CONF_END,
};

static const struct conf_field protocols_fields[] = {
	CONF_OPTION(otlp_protocols_conf, http, otlp_http_conf, http_fields, "OTLP over HTTP, protobuf and JSON."),
	CONF_IGNORED("grpc", "OTLP over gRPC is not built in yet; nothing listens on it."),
	CONF_END,
};

static const char *const ack_names[] = { "auto", "queued", "durable", "delivered", NULL };

static const struct conf_field fields[] = {
	CONF_OPTION(otlp_conf, protocols, otlp_protocols_conf, protocols_fields,
	        "What is opened: only what is listed here; without the section everything."),
	CONF_ENUM(otlp_conf, ack, "auto", ack_names,
	        "What a 200 promises: queued, every exporter's queue has the data; durable, it is on disk, for which "
	        "every required exporter needs a storage; delivered, every required exporter has resolved it. auto is "
	        "durable where an exporter has a storage, else queued; an exporter without one has the data in "
	        "memory."),
	CONF_DURATION(otlp_conf, ack_timeout, "10s",
	        "With durable and delivered: a request that is not acknowledged by then is answered 503.", .min = 0,
	        .max = 3600),
	CONF_END,
};

static bool http_is_on(const struct otlp_conf *c)
{
	return !c->protocols.enabled || c->protocols.http.enabled;
}

static void check_path(struct conf_report *r, const slice *path)
{
	if (!path->len || path->p[0] != '/')
		conf_fail(r, path, "a path starts with '/'");
}

static void check(const void *conf, struct conf_report *r)
{
	const struct otlp_conf *c = conf;
	const struct otlp_http_conf *h = &c->protocols.http;
	if (!http_is_on(c)) {
		conf_missing(r, &c->protocols,
		        "must specify at least one protocol when using the OTLP receiver (weir has http so far)");
		return;
	}
	check_path(r, &h->traces_url_path);
	check_path(r, &h->metrics_url_path);
	check_path(r, &h->logs_url_path);
	for (size_t i = 0; i < h->extra_traces_url_paths.n; i++)
		if (!h->extra_traces_url_paths.v[i].len || h->extra_traces_url_paths.v[i].p[0] != '/')
			conf_fail(r, &h->extra_traces_url_paths.v[i], "a path starts with '/'");
	http_server_check(&h->server, r);
}

enum media { MEDIA_PROTO, MEDIA_JSON, MEDIA_OTHER };

/* What the head of a request asks for. */
struct target {
	enum signal signal; /* 0: unknown path */
	enum media media;
	enum coding coding;
};

static enum media parse_media(slice value)
{
	const char *semicolon = value.len ? memchr(value.p, ';', value.len) : NULL;
	slice type = slice_trim((slice){ value.p, semicolon ? (size_t)(semicolon - value.p) : value.len });
	if (slice_ieq(type, SLICE("application/x-protobuf")))
		return MEDIA_PROTO;
	return slice_ieq(type, SLICE("application/json")) ? MEDIA_JSON : MEDIA_OTHER;
}

static enum signal signal_of(const struct otlp_http_conf *c, slice path)
{
	if (slice_eq(path, c->traces_url_path))
		return TRACES;
	if (slice_eq(path, c->metrics_url_path))
		return METRICS;
	if (slice_eq(path, c->logs_url_path))
		return LOGS;
	for (size_t i = 0; i < c->extra_traces_url_paths.n; i++)
		if (slice_eq(path, c->extra_traces_url_paths.v[i]))
			return TRACES;
	return (enum signal)0;
}

/* The operator may narrow the codings down (compression_algorithms); "" stands for identity. */
static bool coding_allowed(const struct conf_strs *list, enum coding coding)
{
	for (size_t i = 0; i < list->n; i++)
		if (coding_parse(list->v[i]) == coding)
			return true;
	return !list->n;
}

static const struct otlp_http_conf *http_of(const struct stage *s)
{
	return &((const struct otlp_conf *)s->conf)->protocols.http;
}

static struct target target_of(const struct stage *s, const struct http_head *h)
{
	const struct otlp_http_conf *c = http_of(s);
	struct target t = {
		.signal = signal_of(c, h->path),
		.media = parse_media(http_head_get(h, "Content-Type")),
		.coding = coding_parse(http_head_get(h, "Content-Encoding")),
	};
	if (t.coding != CODING_UNKNOWN && !coding_allowed(&c->server.compression_algorithms, t.coding))
		t.coding = CODING_UNKNOWN;
	return t;
}

/* An answer with what every answer carries: response_headers of the config, CORS, and `extra` when it has a name. */
static void answer(
        struct stage *s, struct exchange *x, int status, slice type, slice body, struct http_header extra, bool close)
{
	const struct http_server_conf *c = &http_of(s)->server;
	const struct http_head *h = exchange_head(x);
	struct http_header list[CORS_HEADERS + 1 + 32];
	char scratch[32];
	size_t n = cors_headers(&c->cors, h, scratch, list);
	if (extra.name.len)
		list[n++] = extra;
	for (size_t i = 0; i < c->response_headers.n && n < COUNTOF(list); i++)
		list[n++] = (struct http_header){ c->response_headers.v[i].key, c->response_headers.v[i].value };
	struct http_answer a = {
		.status = status,
		.content_type = type,
		.body = body,
		.headers = list,
		.n_headers = n,
		.close = close,
	};
	exchange_answer(x, &a);
}

static slice media_name(enum media m)
{
	return m == MEDIA_PROTO ? SLICE("application/x-protobuf") : SLICE("application/json");
}

/* google.rpc codes of the answer table. */
static int rpc_code(int status)
{
	switch (status) {
	case 413:
		return 8;
	case 404:
	case 405:
		return 12;
	case 408:
		return 4;
	case 503:
		return 14;
	default:
		return 3;
	}
}

static void answer_error(struct stage *s, struct exchange *x, int status, const char *text, bool close)
{
	enum media media = parse_media(http_head_get(exchange_head(x), "Content-Type"));
	struct http_header extra = { 0 };
	struct arena a;
	struct answer_space space;
	char seconds[8];
	if (status == 405)
		extra = (struct http_header){ SLICE("Allow"), SLICE("POST") };
	if (status == 503) {
		/* 1 to 4 s, spread, so that refused clients do not come back together */
		snprintf(seconds, sizeof seconds, "%d", (int)(1 + loop_now(s->loop) / 1000 % 4));
		extra = (struct http_header){ SLICE("Retry-After"), slice_of(seconds) };
	}
	arena_init_with(&a, &space, sizeof space);
	slice body = rpc_status(&a, media == MEDIA_PROTO ? OTLP_PROTO : OTLP_JSON, rpc_code(status), slice_of(text));
	answer(s, x, status, media_name(media), body, extra, close);
	arena_release(&a);
}

static int refuse(struct stage *s, struct exchange *x, enum request_outcome outcome, int status, const char *text)
{
	intake_count(s, outcome);
	answer_error(s, x, status, text, false);
	return 1;
}

static int refuse_path(struct stage *s, struct exchange *x)
{
	return refuse(
	        s, x, REQUEST_UNSUPPORTED, 404, "unknown path: OTLP is taken at /v1/traces, /v1/metrics and /v1/logs");
}

/* Of the header that relays count in; what is no number is somebody else's header, and one that is too large for a number is too many. */
static uint64_t hops_of(const struct http_head *h)
{
	slice text = http_head_get(h, HOPS_HEADER);
	uint64_t n;
	if (parse_u64(text, &n) == 0)
		return n;
	size_t digits = 0;
	while (digits < text.len && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	return text.len && digits == text.len ? UINT64_MAX : 0;
}

/* It would come back until the end of time: the sender is told where to look, in words that its log shows. With the body and not before, so
 * that they are read: who is answered while it still sends may see a broken connection instead, and would try again. */
static int refuse_hops(struct stage *s, struct exchange *x, uint64_t hops)
{
	char text[128];
	snprintf(text, sizeof text, "relayed %llu times%s: an exporter's endpoint leads back to this receiver",
	        (unsigned long long)hops, hops == UINT64_MAX ? " or more" : "");
	return refuse(s, x, REQUEST_REFUSED, 400, text);
}

static int on_head(void *ctx, struct exchange *x, size_t *max_body)
{
	struct stage *s = ctx;
	const struct http_server_conf *c = &http_of(s)->server;
	const struct http_head *h = exchange_head(x);
	struct target t = target_of(s, h);
	*max_body = c->max_request_body_size.n;
	if (cors_is_preflight(&c->cors, h)) {
		answer(s, x, 204, (slice){ 0 }, (slice){ 0 }, (struct http_header){ 0 }, false);
		return 1;
	}
	if (core_phase(s->core) == CORE_DRAINING)
		return refuse(s, x, REQUEST_REFUSED, 503, "shutting down");
	if (!t.signal)
		return refuse_path(s, x);
	if (!slice_is(h->method, "POST"))
		return refuse(s, x, REQUEST_UNSUPPORTED, 405, "method not allowed, supported: [POST]");
	if (!intake_takes(s, t.signal))
		return refuse(s, x, REQUEST_UNSUPPORTED, 404, "no pipeline of this receiver takes this signal");
	if (t.media == MEDIA_OTHER)
		return refuse(s, x, REQUEST_UNSUPPORTED, 415,
		        "unsupported media type, supported: [application/json, application/x-protobuf]");
	if (t.coding == CODING_UNKNOWN)
		return refuse(s, x, REQUEST_UNSUPPORTED, 415,
		        "unsupported Content-Encoding, supported: [gzip, deflate, zstd, identity]");
	return 0;
}

/* Status of a body that could not be made ready, or 0 with *body replaced. Takes and gives one reference of *body. */
static int inflate(struct stage *s, const struct target *t, struct buf **body, struct err *e)
{
	struct buf *out = NULL;
	if (t->coding == CODING_IDENTITY)
		return 0;
	int rc = codec_inflate(stage_codec(s), t->coding, buf_slice(*body), http_of(s)->server.max_inflated_body_size.n,
	        core_pool(s->core), &out, e);
	buf_unref(*body);
	*body = out;
	switch ((enum inflate_result)rc) {
	case INFLATE_OK:
		return 0;
	case INFLATE_BAD:
		return 400;
	case INFLATE_MEMORY:
		err_set(e, "data refused due to high memory usage");
		return 503;
	case INFLATE_TOO_LARGE:
		err_set(e, "inflated body larger than max_inflated_body_size, or than all the memory there is");
		return 413;
	}
	return 400;
}

static int transcode(struct stage *s, const struct target *t, struct buf **body, struct err *e)
{
	struct buf *out = NULL;
	uint64_t n_utf8 = 0;
	if (t->media != MEDIA_JSON)
		return 0;
	int rc = json_to_otlp(t->signal, buf_slice(*body), core_pool(s->core), &out, &n_utf8, e);
	buf_unref(*body);
	*body = out;
	intake_count_utf8(s, n_utf8);
	if (rc == -2)
		err_set(e, "data refused due to high memory usage");
	return rc == 0 ? 0 : rc == -2 ? 503 : 400;
}

static enum request_outcome outcome_of(int status)
{
	return status == 413 ? REQUEST_TOO_LARGE : status == 503 ? REQUEST_REFUSED : REQUEST_MALFORMED;
}

static void answer_result(struct stage *s, struct exchange *x, const struct target *t, const struct intake_result *r)
{
	struct arena a;
	struct answer_space space;
	enum otlp_encoding enc = t->media == MEDIA_PROTO ? OTLP_PROTO : OTLP_JSON;
	switch (r->outcome) {
	case REQUEST_OK:
		answer(s, x, 200, media_name(t->media), enc == OTLP_PROTO ? (slice){ 0 } : SLICE("{}"),
		        (struct http_header){ 0 }, false);
		break;
	case REQUEST_PARTIAL:
		arena_init_with(&a, &space, sizeof space);
		answer(s, x, 200, media_name(t->media),
		        export_response(&a, t->signal, enc, r->n_refused, slice_of(r->text)), (struct http_header){ 0 },
		        false);
		arena_release(&a);
		break;
	case REQUEST_REFUSED:
		answer_error(s, x, 503, r->text, false);
		break;
	case REQUEST_TOO_LARGE:
		answer_error(s, x, 413, r->text, false);
		break;
	case REQUEST_UNSUPPORTED: /* a reload took the last pipeline away while the body came in */
		answer_error(s, x, 404, "no pipeline of this receiver takes this signal", false);
		break;
	case REQUEST_MALFORMED:
	case REQUEST_PROTOCOL:
	case N_REQUEST_OUTCOMES:
		answer_error(s, x, 400, r->text, false);
		break;
	}
}

static slice lower_case(struct arena *a, slice s)
{
	char *p = arena_cstr(a, s);
	for (size_t i = 0; i < s.len; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + 'a' - 'A');
	return (slice){ p, s.len };
}

/* The IP address alone: "[::1]:4318" is ::1. */
static slice without_port(slice peer)
{
	size_t n = peer.len;
	while (n > 0 && peer.p[n - 1] != ':')
		n--;
	if (!n)
		return peer; /* a unix socket */
	if (n > 3 && peer.p[0] == '[')
		return (slice){ peer.p + 1, n - 3 };
	return (slice){ peer.p, n - 1 };
}

static void describe_client(struct arena *a, bool metadata, const struct http_head *h, struct client *out)
{
	struct client_pair *v = NULL;
	if (metadata) {
		v = arena_alloc(a, (h->n_headers + 1) * sizeof *v);
		for (size_t i = 0; i < h->n_headers; i++)
			v[i] = (struct client_pair){ lower_case(a, h->headers[i].name), h->headers[i].value };
	}
	*out = (struct client){
		.address = without_port(h->peer),
		.metadata = v,
		.n_metadata = metadata ? h->n_headers : 0,
	};
}

static void answer_later(struct stage *s, struct exchange *x, const struct intake_result *r)
{
	struct target t = target_of(s, exchange_head(x));
	answer_result(s, x, &t, r);
}

static void on_request(void *ctx, struct exchange *x)
{
	struct stage *s = ctx;
	const struct http_head *h = exchange_head(x);
	struct target t = target_of(s, h);
	struct intake_result r;
	struct client client;
	struct arena a;
	struct answer_space space;
	struct err e = { .text = "" };
	if (!t.signal) { /* a reload took the path away while the body came in */
		refuse_path(s, x);
		return;
	}
	uint64_t hops = hops_of(h);
	if (hops > HOPS_MAX) {
		refuse_hops(s, x, hops);
		return;
	}
	struct buf *body = exchange_body(x);
	body = body ? buf_ref(body) : buf_new(NULL, 0);
	int status = body ? inflate(s, &t, &body, &e) : 503;
	if (!status)
		status = transcode(s, &t, &body, &e);
	if (status) {
		buf_unref(body);
		intake_count(s, outcome_of(status));
		answer_error(s, x, status, e.text, false);
		return;
	}
	arena_init_with(&a, &space, sizeof space);
	describe_client(&a, http_of(s)->server.include_metadata, h, &client);
	const struct otlp_conf *c = s->conf;
	const struct intake_later later = { (enum ack_level)c->ack, c->ack_timeout.ns, exchange_id(x), answer_later };
	intake_push(s, t.signal, body, (uint8_t)hops, &client, &later, &r);
	if (!r.pending)
		answer_result(s, x, &t, &r);
	arena_release(&a);
}

static void on_fault(void *ctx, struct exchange *x, int status, const char *text)
{
	struct stage *s = ctx;
	intake_count(s, status == 413 ? REQUEST_TOO_LARGE : status == 503 ? REQUEST_REFUSED : REQUEST_PROTOCOL);
	answer_error(s, x, status, text, true);
}

static const struct http_handler handler = { on_head, on_request, on_fault };

static int start(struct stage *s, struct err *e)
{
	const struct otlp_conf *c = s->conf;
	json_prepare();
	return http_is_on(c) ? stage_listen(s, &c->protocols.http.server, &handler, s, e) : 0;
}

const struct component receiver_otlp = {
	.name = "otlp",
	.summary = "Takes OTLP over HTTP, protobuf and JSON, traces, logs and metrics.",
	.kind = RECEIVER,
	.signals = TRACES | LOGS | METRICS,
	.flags = BARE,
	.fields = fields,
	.conf_size = sizeof(struct otlp_conf),
	.check = check,
	.start = start,
};
