/* plan_checks.c - rules that look at more than one component.
 *
 * An address that is open to the world without authentication is a loud warning, not a refusal. An
 * authenticator that does not run is an error: a door that was meant to be locked must not stand open. The queues that
 * count bytes must leave a quarter of the byte pool to the requests on their way in.
 */
#include "config/plan_internal.h"
#include "lib/pipe/groups.h"

static bool is_one_of(slice s, const char *const *words)
{
	for (; *words; words++) {
		if (slice_is(s, *words))
			return true;
	}
	return false;
}

/* HOST:PORT of every interface; a bare ":PORT" is one too. */
static bool is_open_address(slice endpoint)
{
	static const char *const open_hosts[] = { "", "0.0.0.0", "::", "[::]", "*", NULL };
	const char *colon = endpoint.len ? memrchr(endpoint.p, ':', endpoint.len) : NULL;
	return colon && is_one_of((slice){ endpoint.p, (size_t)(colon - endpoint.p) }, open_hosts);
}

static bool is_given(const struct node *n)
{
	return n && n->kind != NODE_NULL;
}

static bool is_off(const struct node *section)
{
	const struct node *enabled = node_get(section, "enabled");
	return enabled && slice_is(enabled->text, "false");
}

/* `map` holds the endpoint: does auth or a client CA stand beside it? */
static bool is_guarded(const struct node *map)
{
	const struct node *auth = node_get(map, "auth"), *tls = node_get(map, "tls");
	return (is_given(auth) && !is_off(auth)) || (is_given(node_get(tls, "client_ca_file")) && !is_off(tls));
}

static void warn_open_endpoints(struct builder *b, const char *id, const struct node *n)
{
	if (!n || n->kind != NODE_MAP || is_off(n))
		return;
	const struct node *endpoint = node_get(n, "endpoint");
	if (endpoint && endpoint->kind == NODE_SCALAR && is_open_address(endpoint->text) && !is_guarded(n))
		findings_add(b->findings, FINDING_WARNING, endpoint->pos,
		        "receivers::%s: \"%.*s\" listens on all interfaces without authentication: whoever reaches the "
		        "port can "
		        "send; use localhost or set auth or tls.client_ca_file",
		        id, SLICE_ARG(endpoint->text));
	for (size_t i = 0; i < n->n; i++)
		warn_open_endpoints(b, id, n->entries[i].value);
}

/* The authenticator a section names must be an extension that runs. */
static void check_authenticator(struct builder *b, const char *label, const struct node *auth)
{
	const struct node *n = node_get(auth, "authenticator");
	if (!n || n->kind != NODE_SCALAR || is_off(auth))
		return;
	const struct declared *d = find_reference(b, EXTENSION, n->text, n->pos, label);
	if (d && d->component && !d->component->used)
		findings_add(b->findings, FINDING_ERROR, n->pos,
		        "%s: references extension \"%s\" which is not listed in service::extensions", label, d->id);
}

static void check_authenticators(struct builder *b, const char *label, const struct node *n)
{
	for (size_t i = 0; n && n->kind == NODE_MAP && i < n->n; i++) {
		const struct node_entry *e = &n->entries[i];
		if (slice_is(e->key, "auth"))
			check_authenticator(b, label, e->value);
		else
			check_authenticators(b, label, e->value);
	}
}

/* The storage that a queue names must be an extension that runs and is one. */
static void check_storage(struct builder *b, const char *label, const struct node *n)
{
	if (!n || n->kind != NODE_SCALAR || !n->text.len)
		return;
	const struct declared *d = find_reference(b, EXTENSION, n->text, n->pos, label);
	if (!d || !d->component)
		return;
	if (!d->component->type->provides)
		findings_add(b->findings, FINDING_ERROR, n->pos, "%s: extension \"%s\" is not a storage", label, d->id);
	else if (!d->component->used)
		findings_add(b->findings, FINDING_ERROR, n->pos,
		        "%s: references extension \"%s\" which is not listed in service::extensions", label, d->id);
}

/* The smallest pool a memory_limiter in use sets; 0: none does. */
static uint64_t pool_limit(const struct plan *p)
{
	uint64_t limit = 0;
	for (size_t i = 0; i < p->n_components; i++) {
		const struct plan_component *c = &p->components[i];
		struct pipeline_settings s = { 0 };
		if (!c->used || !c->conf || !c->type->lower)
			continue;
		c->type->lower(c->conf, &s);
		if (s.memory_limit && (!limit || s.memory_limit < limit))
			limit = s.memory_limit;
	}
	return limit;
}

/* The bytes an exporter's queue may hold; 0 when it does not count bytes. */
static uint64_t queue_bytes(const struct plan_component *c)
{
	if (c->type->kind != EXPORTER || !c->used || !c->conf || c->type->conf_size < sizeof(struct exporter_conf))
		return 0;
	const struct queue_conf *q = &((const struct exporter_conf *)c->conf)->sending_queue;
	return q->enabled && q->sizer == SIZER_BYTES ? q->queue_size : 0;
}

static void check_queues(struct builder *b)
{
	const struct plan *p = b->plan;
	uint64_t limit = pool_limit(p), sum = 0;
	for (size_t i = 0; limit && i < p->n_components; i++) {
		const struct plan_component *c = &p->components[i];
		uint64_t n = queue_bytes(c), room = limit / 4 * 3;
		bool fitted = sum <= room;
		sum = n > UINT64_MAX - sum ? UINT64_MAX : sum + n;
		if (!fitted || sum <= room)
			continue;
		const struct node *size = node_get(node_get(c->node, "sending_queue"), "queue_size");
		findings_add(b->findings, FINDING_ERROR, size ? size->pos : c->pos,
		        "exporters::%s::sending_queue: with this queue_size the queues together may hold %llu bytes, "
		        "which is more than "
		        "3/4 of the %llu bytes that memory_limiter allows",
		        c->id, (unsigned long long)sum, (unsigned long long)limit);
	}
}

void check_plan(struct builder *b)
{
	for (size_t i = 0; i < b->plan->n_components; i++) {
		const struct plan_component *c = &b->plan->components[i];
		const char *label = arena_printf(b->arena, "%s::%s", kind_section(c->type->kind), c->id);
		check_authenticators(b, label, c->node);
		if (c->type->kind == EXPORTER && c->node)
			check_storage(b, label, node_get(node_get(c->node, "sending_queue"), "storage"));
		if (c->type->kind == RECEIVER && c->conf)
			warn_open_endpoints(b, c->id, c->node);
	}
	check_queues(b);
	check_directories(b);
	check_promises(b);
	check_loops(b);
}
