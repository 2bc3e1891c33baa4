/* health_check.c - is it up, is it ready, how is each exporter: for load balancers and orchestrators.
 *
 * The Collector's option names; `/` (or `path`) and `/ready` answer 200 when serving and 503 while starting or draining,
 * `/live` 200 while the process runs. The body is JSON with each exporter's state. Runs on the main
 * loop. */
#include "lib/base/strbuf.h"
#include "lib/net/http_server.h"
#include "lib/pipe/component.h"
#include "lib/pipe/core.h"
#include "lib/pipe/groups.h"

#include <time.h>

enum { MAX_BODY = 1 << 20 };

struct body_conf {
	bool enabled;
	slice healthy, unhealthy;
};

struct health_conf {
	struct http_server_conf server;
	slice path;
	struct body_conf response_body;
};

static const struct conf_field body_fields[] = {
	CONF_STR(body_conf, healthy, "", "Body of a 200."),
	CONF_STR(body_conf, unhealthy, "", "Body of a 503."),
	CONF_END,
};

static const struct conf_field fields[] = {
	CONF_INLINE(health_conf, server, http_server_conf, http_server_fields, "The HTTP server.",
	        .def = "endpoint=localhost:13133"),
	CONF_STR(health_conf, path, "/", "Path that answers ready or not, beside /ready and /live."),
	CONF_OPTION(health_conf, response_body, body_conf, body_fields, "Fixed bodies instead of the JSON report."),
	CONF_IGNORED("check_collector_pipeline",
	        "The Collector documents it as not working; weir reports each exporter instead."),
	CONF_END,
};

static void check(const void *conf, struct conf_report *r)
{
	const struct health_conf *c = conf;
	if (!c->path.len || c->path.p[0] != '/')
		conf_fail(r, &c->path, "path must start with /");
	http_server_check(&c->server, r);
}

static int on_head(void *ctx, struct exchange *x, size_t *max_body)
{
	(void)ctx;
	(void)x;
	*max_body = 64 * 1024; /* whatever a prober sends along */
	return 0;
}

static void format_time(int64_t wall_ns, char out[32])
{
	time_t t = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void report(struct stage *s, bool serving, struct strbuf *b)
{
	struct exporter *const *v;
	size_t n = core_exporters(s->core, &v);
	char since[32];
	int64_t started = core_started_wall_ns(s->core);
	format_time(started, since);
	strbuf_addf(b, "{\"status\":\"%s\",\"upSince\":\"%s\",\"uptime\":\"%llds\",\"exporters\":{",
	        serving ? "Server available" : "Server not available", since,
	        (long long)((clock_wall(s->loop->clock) - started) / NS_PER_S));
	for (size_t i = 0; i < n; i++) {
		struct exporter_view view = exporter_view(v[i]);
		strbuf_adds(b, i ? ",\"" : "\"");
		strbuf_add_json(b, slice_of(exporter_id(v[i])));
		strbuf_addf(b, "\":{\"state\":\"%s\",\"queueSize\":%llu,\"queueCapacity\":%llu}",
		        exporter_state_name(exporter_state(v[i])), (unsigned long long)view.queue_size,
		        (unsigned long long)view.queue_capacity);
	}
	strbuf_adds(b, "}}\n");
}

static void answer(struct exchange *x, int status, slice type, slice body)
{
	struct http_answer a = { .status = status, .content_type = type, .body = body };
	exchange_answer(x, &a);
}

static void on_request(void *ctx, struct exchange *x)
{
	struct stage *s = ctx;
	const struct health_conf *c = s->conf;
	const struct http_head *h = exchange_head(x);
	bool serving = core_phase(s->core) == CORE_SERVING, live = slice_is(h->path, "/live");
	struct strbuf b;
	if (!live && !slice_is(h->path, "/ready") && !slice_eq(h->path, c->path)) {
		answer(x, 404, SLICE("text/plain; charset=utf-8"), SLICE("not found\n"));
		return;
	}
	int status = serving || live ? 200 : 503;
	slice fixed = status == 200 ? c->response_body.healthy : c->response_body.unhealthy;
	if (fixed.len) {
		answer(x, status, SLICE("text/plain; charset=utf-8"), fixed);
		return;
	}
	strbuf_init(&b, MAX_BODY);
	report(s, serving, &b);
	answer(x, status, SLICE("application/json"), strbuf_slice(&b));
	strbuf_release(&b);
}

static void on_fault(void *ctx, struct exchange *x, int status, const char *text)
{
	(void)ctx;
	struct http_answer a = {
		.status = status, .content_type = SLICE("text/plain"), .body = slice_of(text), .close = true
	};
	exchange_answer(x, &a);
}

static const struct http_handler handler = { on_head, on_request, on_fault };

static int start(struct stage *s, struct err *e)
{
	const struct health_conf *c = s->conf;
	return stage_listen(s, &c->server, &handler, s, e);
}

const struct component extension_health_check = {
	.name = "health_check",
	.summary = "Answers whether the process is live and ready, with each exporter's state.",
	.kind = EXTENSION,
	.fields = fields,
	.conf_size = sizeof(struct health_conf),
	.check = check,
	.start = start,
};
