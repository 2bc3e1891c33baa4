/* endpoints.c - see endpoints.h.
 *
 * The table below ties a signal to its key, its member and its path; the option rows are named by the same members. */
#include "lib/pipe/endpoints.h"

#include "lib/pipe/record.h"

const struct conf_field endpoints_fields[] = {
	CONF_STR(endpoints_conf, endpoint, NULL, "Base URL; /v1/traces, /v1/metrics or /v1/logs is appended.",
	        .flags = CONF_OPTIONAL),
	CONF_STR(endpoints_conf, traces_endpoint, NULL, "URL for traces, used verbatim.", .flags = CONF_OPTIONAL),
	CONF_STR(endpoints_conf, metrics_endpoint, NULL, "URL for metrics, used verbatim.", .flags = CONF_OPTIONAL),
	CONF_STR(endpoints_conf, logs_endpoint, NULL, "URL for logs, used verbatim.", .flags = CONF_OPTIONAL),
	CONF_END,
};

/* By signal_index. */
static const struct {
	const char *key, *path;
	size_t at;
} rows[N_SIGNALS] = {
	{ "traces_endpoint", "v1/traces", offsetof(struct endpoints_conf, traces_endpoint) },
	{ "logs_endpoint", "v1/logs", offsetof(struct endpoints_conf, logs_endpoint) },
	{ "metrics_endpoint", "v1/metrics", offsetof(struct endpoints_conf, metrics_endpoint) },
};

static void check_url(struct conf_report *r, const slice *url)
{
	bool http = slice_starts(*url, SLICE("http://")), https = slice_starts(*url, SLICE("https://"));
	if (url->len && !http && !https)
		conf_fail(r, url, "an endpoint is a URL that starts with http:// or https://, as in http://%.*s",
		        SLICE_ARG(*url));
	else if (url->len && url->len <= (http ? 7u : 8u))
		conf_fail(r, url, "the URL has no host");
	for (size_t i = 0; i < url->len; i++)
		if ((unsigned char)url->p[i] <= ' ') {
			conf_fail(r, url, "a URL has no spaces");
			return;
		}
}

void endpoints_check(const struct endpoints_conf *c, struct conf_report *r)
{
	check_url(r, &c->endpoint);
	check_url(r, &c->traces_endpoint);
	check_url(r, &c->metrics_endpoint);
	check_url(r, &c->logs_endpoint);
}

bool endpoints_any(const struct endpoints_conf *c)
{
	return c->endpoint.len || c->traces_endpoint.len || c->metrics_endpoint.len || c->logs_endpoint.len;
}

const char *endpoint_key(enum signal signal)
{
	return rows[signal_index(signal)].key;
}

const char *endpoint_path(enum signal signal)
{
	return rows[signal_index(signal)].path;
}

const char *endpoint_url(const struct endpoints_conf *c, enum signal signal, struct arena *a)
{
	const slice *own = (const void *)((const char *)c + rows[signal_index(signal)].at);
	slice base = c->endpoint;
	if (own->len)
		return arena_cstr(a, *own);
	if (!base.len)
		return NULL;
	bool slash = base.p[base.len - 1] == '/';
	return arena_printf(a, "%.*s%s%s", SLICE_ARG(base), slash ? "" : "/", endpoint_path(signal));
}
