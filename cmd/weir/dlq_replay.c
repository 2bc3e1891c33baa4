/* dlq_replay.c - dead letters as requests: to a URL, or to the exporter that they were refused to (see dlq.h).
 *
 * The exporter's options are read from the config by its option table: endpoint, headers, encoding, TLS, proxy, timeout. Bodies are sent as they
 * are kept, without compression. One client is kept for as long as the exporter stays the same. The loop runs while something is waited
 * for and no longer.
 */
#include "cmd/weir/dlq.h"

#include <stdio.h>

#include "cmd/weir/explain.h"
#include "cmd/weir/storages.h"
#include "lib/base/clock.h"
#include "lib/net/http_client.h"
#include "lib/otlp/json.h"
#include "lib/otlp/status.h"
#include "lib/pipe/endpoints.h"
#include "lib/pipe/groups.h"

struct replay {
	const struct plan *plan;
	const char *url; /* NULL: to the exporters */
	struct loop loop;
	struct http_client *client;
	const struct plan_component *exporter; /* whom the client is for; NULL: the URL */
	struct arena arena; /* URL and headers of one letter */
	const struct letter_file *letter; /* under way */
	enum replay_result result;
	struct err *why;
};

static bool has_scheme(const char *url)
{
	return slice_starts(slice_of(url), SLICE("http://")) || slice_starts(slice_of(url), SLICE("https://"));
}

struct replay *replay_new(const struct plan *plan, const char *url, struct err *e)
{
	if (url && (!has_scheme(url) || !strstr(url, "://")[3])) {
		err_set(e, "not an http or https URL: \"%s\"", url);
		return NULL;
	}
	struct replay *r = calloc(1, sizeof *r);
	if (!r)
		abort();
	r->plan = plan;
	r->url = url;
	if (loop_init(&r->loop, clock_system())) {
		err_set(e, "no event loop");
		free(r);
		return NULL;
	}
	arena_init(&r->arena);
	return r;
}

static void on_closed(void *ctx)
{
	struct replay *r = ctx;
	loop_stop(&r->loop);
}

static void close_client(struct replay *r)
{
	if (!r->client)
		return;
	http_client_close(r->client, on_closed, r);
	loop_run(&r->loop);
	r->client = NULL;
}

void replay_free(struct replay *r)
{
	close_client(r);
	loop_release(&r->loop);
	arena_release(&r->arena);
	free(r);
}

static const struct http_client_conf *client_of(const struct plan_component *c)
{
	return explain_option(c, "client");
}

static int open_client(struct replay *r, const struct plan_component *exporter, struct err *e)
{
	struct http_client_settings s = { .proxy_url = SLICE("none") };
	if (r->client && r->exporter == exporter)
		return 0;
	close_client(r);
	r->exporter = exporter;
	if (exporter) {
		const struct http_client_conf *c = client_of(exporter);
		s.tls = tls_client_settings(&c->tls);
		s.proxy_url = c->proxy_url;
		s.http2 = c->force_attempt_http2;
	} else {
		s.tls.ca_file = slice_of(getenv("OTEL_EXPORTER_OTLP_CERTIFICATE"));
		s.tls.include_system_ca_certs_pool = true;
	}
	r->client = http_client_new(&r->loop, &s, e);
	return r->client ? 0 : -1;
}

/* The exporter of a letter; NULL with e when it cannot be sent to. */
static const struct plan_component *find_exporter(struct replay *r, slice id, struct err *e)
{
	const struct plan_component *c = NULL;
	for (size_t i = 0; r->plan && !c && i < r->plan->n_components; i++) {
		const struct plan_component *p = &r->plan->components[i];
		if (p->type->kind == EXPORTER && slice_is(id, p->id))
			c = p;
	}
	if (!c)
		err_set(e, "the config has no exporter \"%.*s\": name a URL with --to", SLICE_ARG(id));
	else if (strcmp(c->type->name, "otlp_http") != 0) {
		err_set(e, "\"%.*s\" is not an otlp_http exporter: name a URL with --to", SLICE_ARG(id));
		c = NULL;
	}
	return c;
}

/* Without a path it is the address of an OTLP receiver. */
static const char *url_as_given(struct replay *r, enum signal signal)
{
	const char *host = strstr(r->url, "://") + 3, *slash = strchr(host, '/');
	if (slash && slash[1])
		return r->url;
	return arena_printf(&r->arena, "%s%s%s", r->url, slash ? "" : "/", endpoint_path(signal));
}

static const char **build_headers(struct replay *r, const struct plan_component *c, bool json)
{
	const struct conf_map none = { 0 }, *own = c ? &client_of(c)->headers : &none;
	const char **h = arena_zalloc(&r->arena, (own->n + 3) * sizeof *h);
	size_t n = 0;
	h[n++] = json ? "Content-Type: application/json" : "Content-Type: application/x-protobuf";
	h[n++] = "User-Agent: weir/" WEIR_VERSION;
	for (size_t i = 0; i < own->n; i++) {
		slice key = own->v[i].key;
		bool ours = slice_ieq(key, SLICE("Content-Type")) || slice_ieq(key, SLICE("User-Agent"));
		if (!ours && !slice_ieq(key, SLICE("Content-Encoding")))
			h[n++] = arena_printf(&r->arena, "%.*s: %.*s", SLICE_ARG(key), SLICE_ARG(own->v[i].value));
	}
	return h;
}

static enum otlp_encoding encoding_of(slice type)
{
	return slice_starts(slice_trim(type), SLICE("application/json")) ? OTLP_JSON : OTLP_PROTO;
}

/* What a 2xx took of the letter: all of it, as far as it says. */
static void judge_taken(struct replay *r, const struct http_reply *reply)
{
	const struct store_record *l = &r->letter->record;
	struct export_result part = { 0 };
	r->result = REPLAY_SENT;
	if (export_response_parse(&r->arena, l->signal, encoding_of(reply->content_type), reply->body, &part) ||
	        part.n_rejected <= 0)
		return;
	r->result = REPLAY_REFUSED;
	err_set(r->why, "answered %d and refused %lld of %u items: %.*s", reply->status, (long long)part.n_rejected,
	        l->n_items, (int)(part.message.len < 200 ? part.message.len : 200),
	        part.message.p ? part.message.p : "");
}

static void judge_refused(struct replay *r, const struct http_reply *reply)
{
	slice text = reply->body, message;
	int code, s = reply->status;
	if (!rpc_status_parse(&r->arena, encoding_of(reply->content_type), reply->body, &code, &message) && message.len)
		text = message;
	err_set(r->why, "answered %d: %.*s", s, (int)(text.len < 200 ? text.len : 200), text.p ? text.p : "");
	bool busy = s > 500 || s == 401 || s == 403 || s == 404 || s == 407 || s == 429;
	r->result = busy ? REPLAY_STUCK : REPLAY_REFUSED;
}

static void on_done(void *ctx, const struct http_reply *reply)
{
	struct replay *r = ctx;
	if (reply->fault != HTTP_FAULT_NONE) {
		err_set(r->why, "%s", reply->text);
		r->result = REPLAY_STUCK;
	} else if (reply->status >= 200 && reply->status < 300) {
		judge_taken(r, reply);
	} else {
		judge_refused(r, reply);
	}
	loop_stop(&r->loop);
}

static int post(struct replay *r, const struct plan_component *c, const char *url, slice body, bool json)
{
	struct http_post p = {
		.url = url,
		.headers = build_headers(r, c, json),
		.parts = &body,
		.n_parts = 1,
		.timeout_ns = c ? client_of(c)->timeout.ns : 30 * NS_PER_S,
		.on_done = on_done,
		.ctx = r,
	};
	r->result = REPLAY_STUCK;
	if (open_client(r, c, r->why) || http_client_post(r->client, &p, r->why))
		return -1;
	loop_run(&r->loop);
	return 0;
}

enum replay_result replay_send(struct replay *r, const struct letter_file *l, slice exporter, struct err *e)
{
	const struct plan_component *c = NULL;
	enum signal signal = l->record.signal;
	struct buf *json = NULL;
	arena_reset(&r->arena, 64 << 10);
	r->letter = l;
	r->why = e;
	if (!r->url && !(c = find_exporter(r, exporter, e)))
		return REPLAY_REFUSED;
	const char *url = c ? endpoint_url(explain_option(c, "endpoints"), signal, &r->arena) : url_as_given(r, signal);
	if (!url) {
		err_set(e, "\"%s\" has no endpoint for %s", c->id, show_signal(signal));
		return REPLAY_REFUSED;
	}
	const int *encoding = c ? explain_option(c, "encoding") : NULL;
	bool as_json = encoding && *encoding == OTLP_JSON;
	if (as_json && otlp_to_json(signal, l->record.body, NULL, &json)) {
		err_set(e, "its body is not OTLP that can be written as JSON");
		return REPLAY_REFUSED;
	}
	if (post(r, c, url, json ? buf_slice(json) : l->record.body, as_json))
		r->result = REPLAY_STUCK;
	buf_unref(json);
	return r->result;
}
