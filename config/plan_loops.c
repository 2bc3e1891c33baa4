/* plan_loops.c - an exporter whose endpoint is a listener of the same config: its data would come back without end.
 *
 * One pipeline may well send to the receiver of another; what is an error is a pipeline that sends to a receiver of its own.
 * Only what the text tells is judged: the same port, and the same host or two names of this machine. No name is resolved and no interface
 * asked: what the text does not tell is stopped by the count of hops that requests carry (lib/pipe/record.h). Listeners are found by the
 * rows of the HTTP server among a receiver's options, so that defaults count, too; URLs by the keys of otlp_http.
 */
#include "config/plan_internal.h"
#include "lib/base/parse.h"
#include "lib/pipe/endpoints.h"
#include "lib/pipe/groups.h"

#include <arpa/inet.h>

struct address {
	slice host; /* without brackets */
	uint64_t port;
};

/* HOST:PORT, or HOST alone when there is a usual port. */
static bool read_address(slice text, uint64_t usual_port, struct address *out)
{
	const char *bracket = text.len ? memrchr(text.p, ']', text.len) : NULL;
	size_t from = bracket ? (size_t)(bracket - text.p) : 0;
	const char *colon = text.len ? memrchr(text.p + from, ':', text.len - from) : NULL;
	slice host = { text.p, colon ? (size_t)(colon - text.p) : text.len };
	out->port = usual_port;
	if (colon && parse_u64((slice){ colon + 1, text.len - host.len - 1 }, &out->port))
		return false;
	if (host.len >= 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = (slice){ host.p + 1, host.len - 2 };
	out->host = host;
	return out->port > 0;
}

static bool read_url(slice url, struct address *out)
{
	bool tls = slice_starts(url, SLICE("https://"));
	size_t scheme = tls ? 8 : 7, n = 0;
	if (!tls && !slice_starts(url, SLICE("http://")))
		return false;
	slice s = { url.p + scheme, url.len - scheme };
	while (n < s.len && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
		n++;
	const char *at = n ? memrchr(s.p, '@', n) : NULL;
	size_t user = at ? (size_t)(at - s.p) + 1 : 0;
	return read_address((slice){ s.p + user, n - user }, tls ? 443 : 80, out);
}

/* All addresses of the machine; as a destination: this machine. */
static bool is_any(slice host)
{
	return !host.len || slice_is(host, "0.0.0.0") || slice_is(host, "::") || slice_is(host, "*");
}

static bool is_localhost(slice host)
{
	return slice_ieq(host, SLICE("localhost"));
}

static bool is_local(slice host)
{
	char text[INET_ADDRSTRLEN] = "";
	struct in_addr a;
	if (host.len && host.len < sizeof(text))
		memcpy(text, host.p, host.len);
	return is_any(host) || is_localhost(host) || slice_is(host, "::1") ||
	        (inet_pton(AF_INET, text, &a) == 1 && ntohl(a.s_addr) >> 24 == 127);
}

/* What the name localhost may stand for. */
static bool is_of_localhost(slice host)
{
	return slice_is(host, "127.0.0.1") || slice_is(host, "::1");
}

static bool leads_to(const struct address *to, const struct address *at)
{
	if (to->port != at->port)
		return false;
	if (is_any(to->host) || is_any(at->host))
		return is_local(to->host) && is_local(at->host);
	return slice_ieq(to->host, at->host) || (is_localhost(to->host) && is_of_localhost(at->host)) ||
	        (is_localhost(at->host) && is_of_localhost(to->host));
}

/* Is it this URL that data of the signal goes to? */
static bool is_used(const struct plan_component *exporter, const char *key, enum signal signal)
{
	const char *own = endpoint_key(signal);
	return !strcmp(key, own) || (!strcmp(key, "endpoint") && !node_get(exporter->node, own));
}

/* Does what comes in at the receiver go out to this URL of the exporter? */
static bool feeds(const struct plan *p, const struct plan_component *receiver, const struct plan_component *exporter,
        const char *key)
{
	for (size_t i = 0; i < p->n_pipelines; i++) {
		const struct plan_pipeline *l = &p->pipelines[i];
		if (list_has(l->receivers, l->n_receivers, receiver) &&
		        list_has(l->exporters, l->n_exporters, exporter) && is_used(exporter, key, l->signal))
			return true;
	}
	return false;
}

/* One listener, and who sends to it of what came in there. */
static void check_listener(struct builder *b, const struct plan_component *receiver,
        const struct http_server_conf *server, const struct node *n)
{
	const char *const keys[] = { "endpoint", endpoint_key(TRACES), endpoint_key(METRICS), endpoint_key(LOGS) };
	const struct node *written = node_get(n, "endpoint");
	struct pos pos = written ? written->pos : receiver->pos;
	struct address at, to;
	if (slice_is(server->transport, "unix") || !read_address(server->endpoint, 0, &at))
		return;
	for (size_t i = 0; i < b->plan->n_components * COUNTOF(keys); i++) {
		const struct plan_component *c = &b->plan->components[i / COUNTOF(keys)];
		const char *key = keys[i % COUNTOF(keys)];
		if (c->type->kind != EXPORTER || strcmp(c->type->name, "otlp_http") != 0 ||
		        !feeds(b->plan, receiver, c, key))
			continue;
		const struct node *url = node_get(c->node, key);
		if (!url || url->kind != NODE_SCALAR || !read_url(url->text, &to) || !leads_to(&to, &at))
			continue;
		findings_add(b->findings, FINDING_ERROR, url->pos,
		        "exporters::%s: '%s' is where receivers::%s listens (%.*s, at %s:%u:%u): what is sent there "
		        "would come back without end",
		        c->id, key, receiver->id, SLICE_ARG(server->endpoint), pos.file, pos.line, pos.col);
	}
}

/* The servers among the options of `conf`. `listed`: options that are not there are off; else they are on. */
static void check_rows(struct builder *b, const struct plan_component *receiver, const struct conf_field *rows,
        const char *conf, const struct node *n, bool listed)
{
	for (const struct conf_field *f = rows; f && f->key; f++) {
		const void *at = conf + f->offset;
		if (f->rows == http_server_fields) {
			check_listener(b, receiver, at, n);
		} else if (f->type == T_OPTION) {
			bool on = *(const bool *)at;
			if (on || !listed)
				check_rows(b, receiver, f->rows, at, node_get(n, f->key), on);
		}
	}
}

void check_loops(struct builder *b)
{
	for (size_t i = 0; i < b->plan->n_components; i++) {
		const struct plan_component *c = &b->plan->components[i];
		if (c->type->kind == RECEIVER && c->used && c->conf)
			check_rows(b, c, c->type->fields, c->conf, c->node, false);
	}
}
