/* demo.c - `weir demo`: sample traces of six conventions, as their SDKs send them, to a running weir.
 *
 * The requests are the files of examples/demo. Before each run ids are made new and times are moved to now, so that a backend behind weir
 * takes them for new traces.
 */
#include <sys/random.h>

#include "cmd/weir/args.h"
#include "cmd/weir/commands.h"
#include "lib/base/clock.h"
#include "lib/net/http_client.h"
#include "lib/otlp/edit.h"
#include "lib/otlp/encode.h"
#include "lib/otlp/json.h"

#define DEMO(name) extern const char demo_##name[], demo_##name##_end[]
DEMO(opentelemetry);
DEMO(openinference);
DEMO(openllmetry);
DEMO(vercel_ai_sdk);
DEMO(pydantic_ai);
DEMO(enprompta);

static const struct sample {
	const char *convention, *begin, *end;
} samples[] = {
	{ "OpenTelemetry GenAI", demo_opentelemetry, demo_opentelemetry_end },
	{ "OpenInference", demo_openinference, demo_openinference_end },
	{ "OpenLLMetry", demo_openllmetry, demo_openllmetry_end },
	{ "Vercel AI SDK", demo_vercel_ai_sdk, demo_vercel_ai_sdk_end },
	{ "PydanticAI", demo_pydantic_ai, demo_pydantic_ai_end },
	{ "Enprompta", demo_enprompta, demo_enprompta_end },
};

static const char help[] =
        "weir demo [--endpoint URL]\n"
        "\n"
        "Sends sample traces of six conventions to a running weir.\n"
        "\n"
        "  --endpoint URL  where it listens (default http://127.0.0.1:4318); /v1/traces is appended\n"
        "\n"
        "For https with a CA of your own, OTEL_EXPORTER_OTLP_CERTIFICATE names its file, as for an SDK.\n";

struct demo {
	struct loop loop;
	struct http_client *client;
	char url[2048];
	struct buf *bodies[COUNTOF(samples)];
	slice parts[COUNTOF(samples)];
	size_t n_done, n_failed;
	uint8_t salt[16]; /* mixed into all ids of this run */
};

static slice salted(struct demo *d, struct traces *t, slice id)
{
	uint8_t *out = arena_alloc(&t->arena, id.len + 1);
	for (size_t i = 0; i < id.len; i++)
		out[i] = (uint8_t)id.p[i] ^ d->salt[i % sizeof d->salt];
	return (slice){ (const char *)out, id.len };
}

static int64_t last_end(struct traces *t)
{
	uint64_t end = 0;
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s))
		end = s->end_ns > end ? s->end_ns : end;
	return (int64_t)end;
}

static void copy_attrs(struct traces *t, struct attrs *to, const struct attrs *from)
{
	for (struct attr *a = attrs_first(from); a; a = attrs_next(a))
		attr_set(t, to, a->key, &a->value);
}

/* Spans cannot change their ids: each is added anew with another one and the old one goes. */
static void renew_span(struct demo *d, struct traces *t, struct span *s, int64_t later)
{
	struct span *n = span_add(
	        t, s->scope, salted(d, t, s->trace_id), salted(d, t, s->span_id), salted(d, t, s->parent_id), s->name);
	span_set_kind(t, n, s->kind);
	span_set_times(t, n, s->start_ns + (uint64_t)later, s->end_ns + (uint64_t)later);
	span_set_status(t, n, s->status_code, s->status_message);
	copy_attrs(t, &n->attrs, &s->attrs);
	for (struct event *e = s->first_event; e; e = e->next)
		copy_attrs(t, &event_add(t, n, e->time_ns + (uint64_t)later, e->name)->attrs, &e->attrs);
	span_filter(t, s, 1);
}

static struct buf *renew(struct demo *d, struct buf *body)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	struct span *old[64];
	size_t n = 0;
	if (traces_scan(&t, body, NULL, NULL, &r, &e))
		return NULL;
	int64_t later = clock_wall(clock_system()) - last_end(&t);
	for (struct span *s = traces_first_span(&t); s && n < COUNTOF(old); s = traces_next_span(&t, s))
		old[n++] = s;
	for (size_t i = 0; i < n; i++)
		renew_span(d, &t, old[i], later);
	struct buf *out = traces_encode(&t, NULL);
	traces_release(&t);
	return out;
}

static struct buf *make_body(struct demo *d, const struct sample *s)
{
	struct buf *wire = NULL;
	uint64_t n_utf8;
	struct err e;
	slice json = { s->begin, (size_t)(s->end - s->begin) };
	if (json_to_otlp(TRACES, json, NULL, &wire, &n_utf8, &e))
		return NULL;
	struct buf *out = renew(d, wire);
	buf_unref(wire);
	return out;
}

static void on_closed(void *ctx)
{
	struct demo *d = ctx;
	loop_stop(&d->loop);
}

static void finish_one(struct demo *d)
{
	if (++d->n_done == COUNTOF(samples))
		http_client_close(d->client, on_closed, d);
}

static void send_next(struct demo *d);

static const char *advice(enum http_fault f)
{
	if (f == HTTP_FAULT_CONNECT)
		return "\nIs weir running? Start it in another terminal: weir";
	if (f == HTTP_FAULT_TRUST)
		return "\nName its CA: OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem weir demo --endpoint ..";
	return "";
}

static void on_reply(void *ctx, const struct http_reply *r)
{
	struct demo *d = ctx;
	const struct sample *s = &samples[d->n_done];
	if (r->fault == HTTP_FAULT_NONE && r->status == 200) {
		printf("sent %s\n", s->convention);
		fflush(stdout);
	} else {
		d->n_failed++;
		if (r->fault != HTTP_FAULT_NONE)
			fprintf(stderr, "weir demo: %s: %s%s\n", d->url, r->text, advice(r->fault));
		else
			fprintf(stderr, "weir demo: %s answered %d; does weir listen there?\n", d->url, r->status);
	}
	bool give_up = d->n_failed > 0;
	if (give_up)
		d->n_done = COUNTOF(samples) - 1;
	finish_one(d);
	if (!give_up && d->n_done < COUNTOF(samples))
		send_next(d);
}

static void send_next(struct demo *d)
{
	static const char *const headers[] = { "Content-Type: application/x-protobuf", NULL };
	size_t i = d->n_done;
	struct err e;
	d->bodies[i] = make_body(d, &samples[i]);
	if (!d->bodies[i])
		abort();
	d->parts[i] = buf_slice(d->bodies[i]);
	struct http_post p = { .url = d->url,
		.headers = headers,
		.parts = &d->parts[i],
		.n_parts = 1,
		.timeout_ns = 10 * NS_PER_S,
		.on_done = on_reply,
		.ctx = d };
	if (http_client_post(d->client, &p, &e) == 0)
		return;
	fprintf(stderr, "weir demo: %s: %s\n", d->url, e.text);
	d->n_failed++;
	http_client_close(d->client, on_closed, d);
}

/* The URL of an SDK's endpoint; also taken: without a scheme, and with the path. */
static int set_url(struct demo *d, const char *endpoint)
{
	static const char path[] = "/v1/traces";
	slice s = slice_of(endpoint), tail = SLICE("/v1/traces");
	while (s.len && s.p[s.len - 1] == '/')
		s.len--;
	if (s.len >= tail.len && !memcmp(s.p + s.len - tail.len, tail.p, tail.len))
		s.len -= tail.len;
	bool known = slice_starts(s, SLICE("http://")) || slice_starts(s, SLICE("https://"));
	if (s.len && (known || !strstr(endpoint, "://"))) {
		int n = snprintf(d->url, sizeof d->url, "%s%.*s%s", known ? "" : "http://", SLICE_ARG(s), path);
		if (n > 0 && (size_t)n < sizeof d->url)
			return 0;
	}
	fprintf(stderr, "weir demo: not an http or https URL: \"%s\"\n", endpoint);
	return -1;
}

static int demo(struct demo *d, const char *endpoint)
{
	const char *ca = getenv("OTEL_EXPORTER_OTLP_CERTIFICATE");
	struct http_client_settings settings = { .proxy_url = SLICE("none"),
		.tls = { .ca_file = slice_of(ca), .include_system_ca_certs_pool = true } };
	struct err e;
	if (set_url(d, endpoint))
		return EXIT_USAGE;
	if (getrandom(d->salt, sizeof d->salt, 0) != (ssize_t)sizeof d->salt || loop_init(&d->loop, clock_system())) {
		fprintf(stderr, "weir demo: no event loop\n");
		return EXIT_START;
	}
	d->client = http_client_new(&d->loop, &settings, &e);
	if (!d->client) {
		fprintf(stderr, "weir demo: %s\n", e.text);
		loop_release(&d->loop);
		return EXIT_START;
	}
	send_next(d);
	loop_run(&d->loop);
	loop_release(&d->loop);
	for (size_t i = 0; i < COUNTOF(samples); i++)
		buf_unref(d->bodies[i]);
	return d->n_failed ? EXIT_START : EXIT_OK;
}

int cmd_demo(int argc, char **argv)
{
	struct demo d = { .n_done = 0 };
	struct args a;
	const char *endpoint = NULL;
	const struct args_option options[] = { { "--endpoint", &endpoint, NULL }, { NULL, NULL, NULL } };
	int code = EXIT_USAGE;
	if (args_parse(&a, argc, argv, options) == 0) {
		code = EXIT_OK;
		if (a.help)
			fputs(help, stdout);
		else
			code = demo(&d, endpoint ? endpoint : "http://127.0.0.1:4318");
	}
	args_release(&a);
	return code;
}
