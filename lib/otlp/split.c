/* split.c - one request into several at item boundaries; see encode.h.
 *
 * All signals have the same shape: field 1 of the request is a resource group, its field 2 a scope group, that one's
 * field 2 an item. What is not field 2 of a group is its header and goes with every part that has one of its
 * items; unknown fields of the request go with the first part. A group without items travels as an item of
 * no bytes, so that nothing is lost. The list of items is scratch memory of network size: it may be refused.
 */
#include "lib/base/arena.h"
#include "lib/otlp/encode.h"
#include "lib/otlp/wire.h"

enum { HEAD_MAX = 6 }; /* tag and length of a group */

struct item {
	slice raw; /* the whole field; empty: stands for its group */
	const slice *resource, *scope; /* headers; scope may be NULL when raw is empty */
	uint32_t weight;
	struct item *next;
};

struct split {
	enum signal signal;
	struct arena arena;
	struct item *first, **tail;
	slice extra; /* unknown fields of the request */
	struct pool *pool;
	size_t room; /* bytes that the parts may still take: a large header and many small items make a bomb */
};

static bool is_child(const struct wire_field *f, uint32_t number)
{
	return f->tag == TAG(number, WIRE_LEN);
}

/* Everything of a message but its children, in one piece. NULL: no memory. */
static const slice *header_of(struct split *sp, slice body, uint32_t child)
{
	struct wire_field f;
	size_t n = 0;
	for (slice at = body; at.len && wire_next(&at, &f);)
		n += is_child(&f, child) ? 0 : f.raw.len;
	slice *header = arena_try(&sp->arena, sizeof(*header));
	char *o = header ? arena_try(&sp->arena, n) : NULL;
	if (!o)
		return NULL;
	*header = (slice){ o, n };
	for (slice at = body; at.len && wire_next(&at, &f);)
		if (!is_child(&f, child))
			o = wire_put_bytes(o, f.raw);
	return header;
}

static bool add_item(struct split *sp, slice raw, uint32_t weight, const slice *resource, const slice *scope)
{
	struct item *it = arena_try(&sp->arena, sizeof(*it));
	if (!it)
		return false;
	*it = (struct item){ raw, resource, scope, weight, NULL };
	*sp->tail = it;
	sp->tail = &it->next;
	return true;
}

/* Data points of a Metric; everything else weighs one. */
static uint32_t weigh(enum signal signal, slice item)
{
	struct wire_field f, point;
	uint32_t n = 0;
	if (signal != METRICS)
		return 1;
	for (slice at = item; at.len && wire_next(&at, &f);) {
		if (!is_child(&f, 5) && !is_child(&f, 7) && !is_child(&f, 9) && !is_child(&f, 10) && !is_child(&f, 11))
			continue;
		for (slice data = f.content; data.len && wire_next(&data, &point);)
			n += is_child(&point, 1);
	}
	return n;
}

static bool read_scope(struct split *sp, slice body, const slice *resource)
{
	struct wire_field f;
	bool any = false;
	const slice *scope = header_of(sp, body, 2);
	if (!scope)
		return false;
	for (slice at = body; at.len && wire_next(&at, &f);) {
		if (!is_child(&f, 2))
			continue;
		any = true;
		if (!add_item(sp, f.raw, weigh(sp->signal, f.content), resource, scope))
			return false;
	}
	return any || add_item(sp, (slice){ 0 }, 0, resource, scope);
}

static bool read_resource(struct split *sp, slice body)
{
	struct wire_field f;
	bool any = false;
	const slice *resource = header_of(sp, body, 2);
	if (!resource)
		return false;
	for (slice at = body; at.len && wire_next(&at, &f);) {
		if (!is_child(&f, 2))
			continue;
		any = true;
		if (!read_scope(sp, f.content, resource))
			return false;
	}
	return any || add_item(sp, (slice){ 0 }, 0, resource, NULL);
}

static bool read_request(struct split *sp, slice body)
{
	struct wire_field f;
	const slice *extra = header_of(sp, body, 1);
	if (!extra)
		return false;
	sp->extra = *extra;
	for (slice at = body; at.len && wire_next(&at, &f);)
		if (is_child(&f, 1) && !read_resource(sp, f.content))
			return false;
	return true;
}

/* The items from `it` on that share its scope, before `stop`; their bytes with the header. */
static const struct item *scope_run(const struct item *it, const struct item *stop, size_t *len)
{
	const slice *scope = it->scope;
	*len = scope ? scope->len : 0;
	for (; it != stop && it->scope == scope; it = it->next) {
		*len += it->raw.len;
		if (!scope)
			return it->next; /* a resource without scopes is one item */
	}
	return it;
}

static const struct item *resource_run(const struct item *it, const struct item *stop, size_t *len)
{
	const slice *resource = it->resource;
	*len = resource->len;
	while (it != stop && it->resource == resource) {
		bool scoped = it->scope;
		size_t n;
		it = scope_run(it, stop, &n);
		*len += scoped ? wire_field_size(TAG(2, WIRE_LEN), n) : 0;
	}
	return it;
}

static char *write_resource(char *o, const struct item *it, const struct item *stop)
{
	size_t n;
	o = wire_put_bytes(o, *it->resource);
	while (it != stop) {
		const struct item *end = scope_run(it, stop, &n);
		if (it->scope) {
			o = wire_put_varint(wire_put_varint(o, TAG(2, WIRE_LEN)), n);
			o = wire_put_bytes(o, *it->scope);
		}
		for (; it != end; it = it->next)
			o = wire_put_bytes(o, it->raw);
	}
	return o;
}

static struct buf *write_part(struct split *sp, slice extra, const struct item *first, const struct item *stop)
{
	size_t n, total = extra.len;
	for (const struct item *it = first; it != stop;) {
		it = resource_run(it, stop, &n);
		total += wire_field_size(TAG(1, WIRE_LEN), n);
	}
	struct buf *b = total <= sp->room ? buf_new(sp->pool, total) : NULL;
	if (!b)
		return NULL;
	sp->room -= total;
	char *o = wire_put_bytes(b->data, extra);
	for (const struct item *it = first; it != stop;) {
		const struct item *end = resource_run(it, stop, &n);
		o = wire_put_varint(wire_put_varint(o, TAG(1, WIRE_LEN)), n);
		o = write_resource(o, it, end);
		it = end;
	}
	b->len = (size_t)(o - b->data);
	return b;
}

/* What `it` adds to a part whose last item is `last`: an upper bound, as lengths are counted as long as they get. */
static size_t cost(const struct item *it, const struct item *last)
{
	size_t n = it->raw.len;
	if (!last || last->scope != it->scope)
		n += HEAD_MAX + (it->scope ? it->scope->len : 0);
	if (!last || last->resource != it->resource)
		n += HEAD_MAX + it->resource->len;
	return n;
}

int otlp_split(enum signal signal, slice body, uint32_t max_items, size_t max_bytes, struct pool *pool,
        void (*emit)(void *ctx, struct split_part part), void *ctx)
{
	struct split sp = { .signal = signal, .pool = pool, .room = 2 * body.len + SPLIT_ROOM };
	sp.tail = &sp.first;
	arena_init(&sp.arena);
	int rc = read_request(&sp, body) ? 0 : -1;
	const struct item *it = sp.first;
	bool more = rc == 0; /* an empty request is one empty part */
	while (more) {
		const struct item *first = it, *last = NULL;
		size_t size = sp.extra.len;
		struct split_part part = { 0 };
		for (; it; last = it, it = it->next) {
			size += cost(it, last);
			if (last && max_items && part.n_items + (uint64_t)it->weight > max_items)
				break;
			if (last && max_bytes && size > max_bytes)
				break;
			part.n_items += it->weight;
		}
		part.body = write_part(&sp, sp.extra, first, it);
		if (!part.body) {
			rc = -1;
			break;
		}
		sp.extra.len = 0;
		more = it;
		emit(ctx, part);
	}
	arena_release(&sp.arena);
	return rc;
}
