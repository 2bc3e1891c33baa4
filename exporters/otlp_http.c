/* otlp_http.c - deliveries as OTLP/HTTP requests, and what the answers mean.
 *
 * The joined records are the protobuf body as they are; JSON and compression are made once, on the first attempt, and
 * kept in delivery->wire, so retries send the same bytes. Redirects are never followed. One HTTP client per exporter. */
#include "lib/base/parse.h"
#include "lib/net/compress.h"
#include "lib/net/http_client.h"
#include "lib/otlp/json.h"
#include "lib/otlp/status.h"
#include "lib/otlp/wire.h"
#include "lib/pipe/component.h"
#include "lib/pipe/core.h"
#include "lib/pipe/delivery.h"
#include "lib/pipe/endpoints.h"
#include "lib/pipe/groups.h"
#include "lib/pipe/record.h"
#include "lib/pipe/retry.h"

struct otlp_http_conf {
	struct exporter_conf exporter; /* first */
	struct http_client_conf client;
	struct endpoints_conf endpoints;
	int encoding;
	struct conf_strs retry_on_status;
};

static const char *const encodings[] = { "proto", "json", NULL };

static const struct conf_field fields[] = {
	CONF_INLINE(otlp_http_conf, exporter, exporter_conf, exporter_fields, "Queue, retry and admission."),
	CONF_INLINE(
	        otlp_http_conf, client, http_client_conf, http_client_fields, "The HTTP client.", .def = "timeout=30s"),
	CONF_INLINE(otlp_http_conf, endpoints, endpoints_conf, endpoints_fields, "Where it sends."),
	CONF_ENUM(otlp_http_conf, encoding, "proto", encodings, "Encoding of the requests."),
	CONF_STRS(otlp_http_conf, retry_on_status, "",
	        "HTTP status codes (400 to 599) that are retried beside 429, 502, 503 and 504.",
	        .flags = CONF_NUMERALS),
	CONF_END,
};

static void check_statuses(struct conf_report *r, const struct conf_strs *list)
{
	uint64_t n;
	for (size_t i = 0; i < list->n; i++)
		if (parse_u64(list->v[i], &n) != 0 || n < 400 || n > 599)
			conf_fail(r, &list->v[i],
			        "'retry_on_status' takes HTTP status codes from 400 to 599, got \"%.*s\"",
			        SLICE_ARG(list->v[i]));
}

static void check(const void *conf, struct conf_report *r)
{
	const struct otlp_http_conf *c = conf;
	if (!endpoints_any(&c->endpoints))
		conf_missing(r, c, "at least one endpoint must be specified");
	endpoints_check(&c->endpoints, r);
	check_statuses(r, &c->retry_on_status);
	exporter_check(&c->exporter, r);
	http_client_check(&c->client, r);
}

struct otlp_http_state {
	struct arena arena; /* URLs and headers, for the life of the stage */
	struct http_client *client;
	struct codec *codec;
	const char *urls[N_SIGNALS]; /* NULL: not configured */
	const char *shown[N_SIGNALS]; /* the same for the log */
	char hops[32]; /* one of the headers, unless the config has it; written for each request */
	const char **headers;
};

/* One POST under way. */
struct post {
	struct stage *stage;
	struct delivery *delivery;
	const char *shown; /* the URL */
	slice parts[];
};

/* User and password are not for the log. */
static const char *without_userinfo(struct arena *a, const char *url)
{
	size_t scheme = url ? strcspn(url, ":") + 3 : 0;
	const char *at = url ? memrchr(url + scheme, '@', strcspn(url + scheme, "/?#")) : NULL;
	return at ? arena_printf(a, "%.*s%s", (int)scheme, url, at + 1) : url;
}

static bool user_has(const struct conf_map *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (slice_ieq(m->v[i].key, slice_of(name)))
			return true;
	return false;
}

static const char *coding_of(const struct otlp_http_conf *c)
{
	switch ((enum client_compression)c->client.compression) {
	case COMPRESS_GZIP:
		return "gzip";
	case COMPRESS_ZSTD:
		return "zstd";
	case COMPRESS_DEFLATE:
		return "deflate";
	case COMPRESS_NONE:
		break;
	}
	return NULL;
}

static void build_headers(struct stage *s, struct otlp_http_state *st)
{
	const struct otlp_http_conf *c = s->conf;
	const struct conf_map *own = &c->client.headers;
	const char **h = arena_zalloc(&st->arena, (own->n + 5) * sizeof *h);
	size_t n = 0;
	if (!user_has(own, "Content-Type"))
		h[n++] = c->encoding == OTLP_JSON ? "Content-Type: application/json"
		                                  : "Content-Type: application/x-protobuf";
	if (!user_has(own, "User-Agent"))
		h[n++] = arena_printf(&st->arena, "User-Agent: weir/%s", core_version(s->core));
	if (!user_has(own, HOPS_HEADER))
		h[n++] = st->hops;
	if (coding_of(c))
		h[n++] = arena_printf(&st->arena, "Content-Encoding: %s", coding_of(c));
	for (size_t i = 0; i < own->n; i++)
		h[n++] = arena_printf(&st->arena, "%.*s: %.*s", SLICE_ARG(own->v[i].key), SLICE_ARG(own->v[i].value));
	st->headers = h;
}

static int start(struct stage *s, struct err *e)
{
	struct otlp_http_state *st = s->state;
	const struct otlp_http_conf *c = s->conf;
	struct http_client_settings settings = {
		.tls = tls_client_settings(&c->client.tls),
		.proxy_url = c->client.proxy_url,
		.idle_timeout_ns = c->client.idle_conn_timeout.ns,
		.max_idle_conns = c->client.max_idle_conns_per_host ? c->client.max_idle_conns_per_host
		                                                    : c->client.max_idle_conns,
		.max_conns_per_host = c->client.max_conns_per_host,
		.disable_keep_alives = c->client.disable_keep_alives,
		.http2 = c->client.force_attempt_http2,
	};
	st->client = http_client_new(s->loop, &settings, e);
	if (!st->client)
		return -1;
	st->codec = codec_new();
	arena_init(&st->arena);
	const enum signal signals[] = { TRACES, METRICS, LOGS };
	for (size_t k = 0; k < COUNTOF(signals); k++) {
		unsigned i = signal_index(signals[k]);
		st->urls[i] = endpoint_url(&c->endpoints, signals[k], &st->arena);
		st->shown[i] = without_userinfo(&st->arena, st->urls[i]);
	}
	build_headers(s, st);
	return 0;
}

static void on_closed(void *ctx)
{
	struct stage *s = ctx;
	struct otlp_http_state *st = s->state;
	codec_free(st->codec);
	arena_release(&st->arena);
	stage_stopped(s);
}

static void stop(struct stage *s)
{
	struct otlp_http_state *st = s->state;
	http_client_close(st->client, on_closed, s);
}

/* The records as one JSON request. NULL when memory is out. */
static struct buf *to_json(const struct delivery *d)
{
	struct buf *whole = d->bodies[0], *out = NULL;
	if (d->n_bodies > 1) {
		whole = buf_new(NULL, delivery_bytes(d));
		if (!whole)
			return NULL;
		for (size_t i = 0; i < d->n_bodies; i++) {
			memcpy(whole->data + whole->len, d->bodies[i]->data, d->bodies[i]->len);
			whole->len += d->bodies[i]->len;
		}
	}
	if (otlp_to_json(d->signal, buf_slice(whole), NULL, &out))
		out = NULL;
	if (whole != d->bodies[0])
		buf_unref(whole);
	return out;
}

/* Makes d->wire when the body is not simply the records. 0 or -1 (memory). Deliveries in flight are few, so their
 * bytes are not counted in the pool: a full pool must not stop what empties it. */
static int make_wire(struct stage *s, struct delivery *d, const slice *parts)
{
	const struct otlp_http_conf *c = s->conf;
	struct otlp_http_state *st = s->state;
	const char *coding = coding_of(c);
	struct buf *json = NULL, *out = NULL;
	if (d->wire || (c->encoding == OTLP_PROTO && !coding))
		return 0;
	if (c->encoding == OTLP_JSON && !(json = to_json(d)))
		return -1;
	if (!coding) {
		d->wire = json;
		return 0;
	}
	slice one = json ? buf_slice(json) : (slice){ 0 };
	int rc = codec_deflate(st->codec, coding_parse(slice_of(coding)), (int)c->client.compression_level,
	        json ? &one : parts, json ? 1 : d->n_bodies, NULL, &out);
	buf_unref(json);
	d->wire = out;
	return rc;
}

static slice at_most(slice s, size_t n)
{
	return (slice){ s.p ? s.p : "", s.len < n ? s.len : n };
}

static void say(struct verdict *v, const char *url, const struct http_reply *r, slice message)
{
	if (r->fault != HTTP_FAULT_NONE)
		snprintf(v->text, sizeof v->text, "request to %s failed: %s", url, r->text);
	else
		snprintf(v->text, sizeof v->text, "request to %s responded with HTTP Status Code %d, Message=%.*s", url,
		        r->status, (int)(message.len > 120 ? 120 : message.len), message.p ? message.p : "");
}

static enum verdict_kind judge_fault(enum http_fault f)
{
	switch (f) {
	case HTTP_FAULT_TRUST:
		return HOLD;
	case HTTP_FAULT_TOO_LARGE: /* a head over the limit; OTLP: a non-retryable failure */
		return REJECTED;
	case HTTP_FAULT_NONE:
	case HTTP_FAULT_RESOLVE:
	case HTTP_FAULT_CONNECT:
	case HTTP_FAULT_TIMEOUT:
	case HTTP_FAULT_RESET:
	case HTTP_FAULT_TLS:
	case HTTP_FAULT_LOCAL:
	case HTTP_FAULT_CANCELLED:
		break;
	}
	return RETRY;
}

static bool retries(const struct otlp_http_conf *c, int status)
{
	uint64_t n;
	for (size_t i = 0; i < c->retry_on_status.n; i++)
		if (parse_u64(c->retry_on_status.v[i], &n) == 0 && n == (uint64_t)status)
			return true;
	return false;
}

static enum verdict_kind judge_status(const struct otlp_http_conf *c, int status)
{
	if (status >= 200 && status < 300)
		return DELIVERED;
	if (retries(c, status))
		return RETRY;
	switch (status) {
	case 429:
	case 502:
	case 503:
	case 504:
		return RETRY;
	case 401:
	case 403:
	case 407: /* of a proxy: the key is wrong, not the data */
		return HOLD;
	case 413:
		return TOO_LARGE;
	case 400:
	case 422:
		return BAD_DATA;
	default:
		return REJECTED;
	}
}

/* JSON when the answer says so; protobuf otherwise (most backends answer in the request's encoding). */
static enum otlp_encoding encoding_of(slice type)
{
	return slice_starts(slice_trim(type), SLICE("application/json")) ? OTLP_JSON : OTLP_PROTO;
}

static bool is_otlp_type(slice type)
{
	return slice_starts(type, SLICE("application/json")) || slice_starts(type, SLICE("application/x-protobuf"));
}

/* rejected_spans (.. log_records, data_points) of a response that was cut inside its long message: field 1 of field 1, which
 * comes before the message. */
static int64_t count_of_cut(slice body)
{
	uint32_t tag = 0, len;
	uint64_t n = 0;
	const uint8_t *p = wire_start(body), *end = wire_end(body);
	if ((p = wire_tag(p, end, &tag)) && tag == TAG(1, WIRE_LEN) && (p = wire_u32(p, end, &len)) &&
	        (p = wire_tag(p, end, &tag)) && tag == TAG(1, WIRE_VARINT) && wire_varint(p, end, &n))
		return (int64_t)n;
	return 0;
}

/* Of an answer that says what was refused. False: this one does not. */
static bool read_partial(
        struct stage *s, const struct post *p, const struct http_reply *r, struct arena *a, struct export_result *out)
{
	enum otlp_encoding enc = encoding_of(r->content_type);
	if (!is_otlp_type(r->content_type))
		return false;
	if (!export_response_parse(a, p->delivery->signal, enc, r->body, out))
		return true;
	*out = (struct export_result){ 0 };
	if (r->fault == HTTP_FAULT_TOO_LARGE && enc == OTLP_PROTO)
		out->n_rejected = count_of_cut(r->body);
	if (r->status < 300 && r->body.len)
		log_warn(s->log, "Answer does not parse; the data counts as delivered", "url", p->shown, NULL);
	return out->n_rejected > 0;
}

static void judge_partial(
        struct stage *s, const struct post *p, const struct export_result *result, struct arena *a, struct verdict *v)
{
	uint32_t all = p->delivery->n_items;
	if (v->kind == DELIVERED && result->n_rejected > 0)
		v->n_rejected = result->n_rejected > all ? all : (uint32_t)result->n_rejected;
	if (v->kind == DELIVERED && (result->n_rejected > 0 || result->message.len))
		log_warn(s->log, "Partial success response", "message",
		        arena_printf(a, "%.*s", (int)at_most(result->message, SAID_MAX).len, result->message.p),
		        "dropped_spans", LOG_U(v->n_rejected), NULL);
	if (v->kind == HOLD && result->n_rejected > 0)
		v->kind = REJECTED; /* a used-up quota, permanent by OTLP */
}

/* The verdict's words are in `a` or in the reply. */
static void judge(struct stage *s, const struct post *p, const struct http_reply *r, struct arena *a, struct verdict *v)
{
	struct export_result result = { 0 };
	slice message = r->body; /* an excerpt of a body that is no Status says more than nothing */
	int code;
	/* an answer whose body is over the limit still has its status: a 2xx took the data */
	bool has_status = r->fault == HTTP_FAULT_NONE || (r->fault == HTTP_FAULT_TOO_LARGE && r->status);
	v->kind = has_status ? judge_status(s->conf, r->status) : judge_fault(r->fault);
	v->status = has_status ? r->status : 0;
	if (v->kind == BAD_DATA && p->delivery->hops >= HOPS_MAX && p->delivery->n_bodies == 1)
		v->kind = REJECTED; /* for its way, most likely: cutting it would not help */
	if ((v->kind == DELIVERED || r->status == 403) && read_partial(s, p, r, a, &result))
		judge_partial(s, p, &result, a, v);
	if (v->kind != DELIVERED && is_otlp_type(r->content_type) &&
	        !rpc_status_parse(a, encoding_of(r->content_type), r->body, &code, &message) && result.message.len)
		message = result.message;
	if (v->kind == RETRY && r->retry_after.len) {
		int64_t wait = retry_after_parse(r->retry_after, r->date, clock_wall(s->loop->clock));
		v->retry_after_ns = wait > 0 ? wait : 0;
	}
	v->said = message;
	say(v, p->shown, r, message);
}

static void on_done(void *ctx, const struct http_reply *r)
{
	struct post *p = ctx;
	struct verdict v = { 0 };
	struct delivery *d = p->delivery;
	struct arena a;
	struct answer_space space;
	arena_init_with(&a, &space, sizeof space);
	judge(p->stage, p, r, &a, &v);
	free(p);
	delivery_done(d, &v);
	arena_release(&a);
}

static void fail(struct delivery *d, struct post *p, enum verdict_kind kind, const char *text)
{
	struct verdict v = { .kind = kind };
	snprintf(v.text, sizeof v.text, "%.*s", (int)sizeof v.text - 1, text);
	free(p);
	delivery_done(d, &v);
}

static void send_delivery(struct stage *s, struct delivery *d)
{
	const struct otlp_http_conf *c = s->conf;
	struct otlp_http_state *st = s->state;
	struct post *p = calloc(1, sizeof *p + d->n_bodies * sizeof(slice));
	struct err e;
	if (!p)
		abort();
	p->stage = s;
	p->delivery = d;
	const char *url = st->urls[signal_index(d->signal)];
	p->shown = st->shown[signal_index(d->signal)];
	if (!url) {
		fail(d, p, REJECTED, "no endpoint is configured for this signal");
		return;
	}
	delivery_slices(d, p->parts);
	if (make_wire(s, d, p->parts)) {
		fail(d, p, RETRY, "no memory to encode the request");
		return;
	}
	if (d->wire)
		p->parts[0] = buf_slice(d->wire);
	snprintf(st->hops, sizeof st->hops, HOPS_HEADER ": %u", d->hops + 1u);
	struct http_post post = {
		.url = url,
		.headers = st->headers,
		.parts = p->parts,
		.n_parts = d->wire ? 1 : d->n_bodies,
		.timeout_ns = c->client.timeout.ns,
		.on_done = on_done,
		.ctx = p,
	};
	if (http_client_post(st->client, &post, &e))
		fail(d, p, RETRY, e.text);
}

const struct component exporter_otlp_http = {
	.name = "otlp_http",
	.aliases = "otlphttp",
	.summary = "Sends OTLP over HTTP, protobuf or JSON, with queue, batching and retry.",
	.kind = EXPORTER,
	.signals = TRACES | LOGS | METRICS,
	.fields = fields,
	.conf_size = sizeof(struct otlp_http_conf),
	.state_size = sizeof(struct otlp_http_state),
	.check = check,
	.start = start,
	.send = send_delivery,
	.stop = stop,
};
