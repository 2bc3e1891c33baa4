/* encode.c - an edited index back to bytes; see encode.h.
 *
 * In two steps. First every dirty message gets a plan: the list of its cuts, a cut being a range of the old bytes
 * and what takes its place (nothing, bytes, an attribute, a message with a plan of its own), in order, and the new
 * length. So lengths are known bottom-up before a byte is written. Then the plans are written, all that lies
 * between cuts in one memcpy each. What has no plan is copied with what surrounds it.
 */
#include "lib/otlp/encode.h"

#include "lib/otlp/value.h"
#include "lib/otlp/wire.h"

enum cut_kind { CUT_DROP, CUT_BYTES, CUT_ATTR, CUT_ADDED, CUT_MSG };

struct cut {
	const char *at;
	size_t len; /* of the old bytes; 0: pure insertion */
	size_t new_len;
	enum cut_kind kind;
	uint32_t tag; /* ATTR, ADDED, MSG */
	union {
		const char *bytes;
		const struct attr *attr; /* ADDED: the first; those behind it in its list were added, too */
		const struct plan *plan;
	};
};

struct plan {
	slice body; /* the message as it was */
	const struct cut *cuts;
	size_t n;
	size_t new_len;
};

/* Plans are made depth first: `v` is a stack of the cuts of the messages in hand. */
struct planner {
	struct traces *t;
	struct cut *v;
	size_t n, cap;
	bool failed; /* out of memory */
};

static void push(struct planner *g, struct cut c)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 64;
		struct cut *v = realloc(g->v, cap * sizeof(*v));
		if (!v) {
			g->failed = true;
			return;
		}
		g->v = v;
		g->cap = cap;
	}
	g->v[g->n++] = c;
}

/* Ranges that touch become one cut. Never one of an enclosing message, as there is a tag between. */
static void drop(struct planner *g, slice range)
{
	struct cut *last = g->n ? &g->v[g->n - 1] : NULL;
	if (last && last->kind == CUT_DROP && last->at + last->len == range.p)
		last->len += range.len;
	else
		push(g, (struct cut){ .at = range.p, .len = range.len, .kind = CUT_DROP });
}

static void insert(struct planner *g, const char *at, const char *new, size_t n)
{
	if (n)
		push(g, (struct cut){ .at = at, .new_len = n, .kind = CUT_BYTES, .bytes = new });
}

/* `range` empty: at the end of the enclosing message, which is `end`. */
static void replace(struct planner *g, slice range, const char *end, uint32_t tag, const struct plan *plan)
{
	if (plan)
		push(g,
		        (struct cut){ .at = range.len ? range.p : end,
		                .len = range.len,
		                .new_len = wire_field_size(tag, plan->new_len),
		                .kind = CUT_MSG,
		                .tag = tag,
		                .plan = plan });
}

/* Stable: insertions at the end stay in their order. */
static void sort_cuts(struct cut *v, size_t n, struct cut *scratch)
{
	if (n < 2)
		return;
	size_t half = n / 2, a = 0, b = half, o = 0;
	sort_cuts(v, half, scratch);
	sort_cuts(v + half, n - half, scratch);
	while (a < half && b < n)
		scratch[o++] = (uintptr_t)v[b].at < (uintptr_t)v[a].at ? v[b++] : v[a++];
	while (a < half)
		scratch[o++] = v[a++];
	memcpy(v, scratch, o * sizeof(*v)); /* what is left of the second half is in place */
}

/* Takes the cuts from `base` on off the stack. NULL: out of memory. */
static const struct plan *close_plan(struct planner *g, size_t base, slice body)
{
	size_t n = g->n - base;
	g->n = base;
	struct plan *p = arena_try(&g->t->arena, sizeof(*p));
	struct cut *cuts = p ? arena_try(&g->t->arena, n * sizeof(*cuts)) : NULL;
	if (!cuts) {
		g->failed = true;
		return NULL;
	}
	bool sorted = true;
	*p = (struct plan){ .body = body, .cuts = cuts, .n = n, .new_len = body.len };
	for (size_t i = 0; i < n; i++) {
		const struct cut *c = &g->v[base + i];
		cuts[i] = *c;
		p->new_len = p->new_len - c->len + c->new_len;
		sorted &= i == 0 || (uintptr_t)c[-1].at <= (uintptr_t)c->at;
	}
	if (!sorted)
		sort_cuts(cuts, n, g->v + base); /* the stack has room for n there */
	return p;
}

/* What is inside a length-delimited field; for a field that does not exist empty, but never NULL. */
static slice content(slice raw)
{
	uint32_t tag, n;
	const uint8_t *p = wire_tag(wire_start(raw), wire_end(raw), &tag);
	p = p ? wire_len(p, wire_end(raw), &n) : NULL;
	return p ? wire_slice(p, n) : SLICE("");
}

static const char *end_of(slice s)
{
	return s.p + s.len;
}

/* Drops every occurrence of the fields in `mask` (bit N: field N). */
static void drop_fields(struct planner *g, slice body, uint32_t mask)
{
	struct wire_field f;
	while (body.len && wire_next(&body, &f))
		if (f.tag >> 3 < 32 && (mask >> (f.tag >> 3) & 1))
			drop(g, f.raw);
}

/* A KeyValue with another key: the rest of it stays as it came. */
static const struct plan *plan_rename(struct planner *g, const struct attr *a)
{
	size_t base = g->n, n = wire_field_size(TAG(1, WIRE_LEN), a->key.len);
	slice body = content((slice){ a->raw, a->raw_len });
	drop_fields(g, body, 1 << 1);
	char *key = arena_try(&g->t->arena, n);
	if (key && a->key.len) {
		wire_put_field(key, TAG(1, WIRE_LEN), a->key);
		insert(g, end_of(body), key, n);
	}
	g->failed |= !key;
	return close_plan(g, base, body);
}

/* All attributes that were added, which are the last of their list, in one cut. */
static void cut_added(struct planner *g, const struct attr *first, uint32_t tag, const char *end)
{
	size_t n = 0;
	for (const struct attr *a = first; a; a = a->next)
		n += a->deleted ? 0 : kv_field_size(a->key, &a->value);
	push(g, (struct cut){ .at = end, .new_len = n, .kind = CUT_ADDED, .tag = tag, .attr = first });
}

static void cut_attrs(struct planner *g, const struct attrs *as, uint32_t field, const char *end)
{
	uint32_t tag = TAG(field, WIRE_LEN);
	if (!as->dirty)
		return;
	for (const struct attr *a = as->first; a; a = a->next) {
		slice raw = { a->raw, a->raw_len };
		if (a->deleted) {
			if (raw.len)
				drop(g, raw);
		} else if (a->edit == ATTR_RENAMED) {
			replace(g, raw, end, tag, plan_rename(g, a));
		} else if (!raw.len) {
			cut_added(g, a, tag, end);
			break;
		} else if (a->edit == ATTR_SET) {
			push(g,
			        (struct cut){ .at = raw.p,
			                .len = raw.len,
			                .new_len = kv_field_size(a->key, &a->value),
			                .kind = CUT_ATTR,
			                .tag = tag,
			                .attr = a });
		}
	}
}

/* Small fields that were set, in one piece of the arena. */
struct fresh {
	char *start, *o;
};

static struct fresh fresh(struct planner *g, size_t room)
{
	char *p = arena_try(&g->t->arena, room);
	g->failed |= !p;
	return (struct fresh){ p, p };
}

enum { FIELD_MAX = 2 + 10 }; /* tag and length or scalar */

static void put_text(struct fresh *f, uint32_t field, slice s)
{
	if (s.len)
		f->o = wire_put_field(f->o, TAG(field, WIRE_LEN), s);
}

static void put_u32(struct fresh *f, uint32_t field, uint32_t v)
{
	if (v)
		f->o = wire_put_varint(wire_put_varint(f->o, TAG(field, WIRE_VARINT)), v);
}

static void put_time(struct fresh *f, uint32_t field, uint64_t v)
{
	if (v)
		f->o = wire_put_fix64(wire_put_varint(f->o, TAG(field, WIRE_64)), v);
}

static const struct plan *plan_event(struct planner *g, const struct event *ev)
{
	size_t base = g->n;
	slice body = content(ev->raw);
	cut_attrs(g, &ev->attrs, 3, end_of(body));
	if (ev->renamed)
		drop_fields(g, body, 1 << 2);
	if (ev->renamed || !ev->raw.len) {
		struct fresh f = fresh(g, ev->name.len + 2 * FIELD_MAX);
		if (!f.o)
			return NULL;
		if (!ev->raw.len)
			put_time(&f, 1, ev->time_ns);
		put_text(&f, 2, ev->name);
		insert(g, end_of(body), f.start, (size_t)(f.o - f.start));
	}
	return close_plan(g, base, body);
}

static const struct plan *plan_link(struct planner *g, const struct link *l)
{
	size_t base = g->n;
	slice body = content(l->raw);
	cut_attrs(g, &l->attrs, 4, end_of(body));
	if (!l->raw.len) {
		struct fresh f = fresh(g, l->trace_id.len + l->span_id.len + 2 * FIELD_MAX);
		if (!f.o)
			return NULL;
		put_text(&f, 1, l->trace_id);
		put_text(&f, 2, l->span_id);
		insert(g, end_of(body), f.start, (size_t)(f.o - f.start));
	}
	return close_plan(g, base, body);
}

static void cut_events(struct planner *g, const struct span *s, const char *end)
{
	for (const struct event *ev = s->first_event; ev; ev = ev->next) {
		if (ev->deleted && ev->raw.len)
			drop(g, ev->raw);
		else if (!ev->deleted && (ev->attrs.dirty || ev->renamed || !ev->raw.len))
			replace(g, ev->raw, end, TAG(11, WIRE_LEN), plan_event(g, ev));
	}
}

static void cut_links(struct planner *g, const struct span *s, const char *end)
{
	for (const struct link *l = s->first_link; l; l = l->next) {
		if (l->deleted && l->raw.len)
			drop(g, l->raw);
		else if (!l->deleted && (l->attrs.dirty || !l->raw.len))
			replace(g, l->raw, end, TAG(13, WIRE_LEN), plan_link(g, l));
	}
}

/* The scan left at most one Status; its unknown fields stay. One that becomes empty goes. */
static void cut_status(struct planner *g, const struct span *s, slice body)
{
	size_t base = g->n;
	struct wire_field f = { 0 };
	for (slice at = body; at.len && wire_next(&at, &f) && f.tag != TAG(15, WIRE_LEN);)
		f = (struct wire_field){ 0 };
	f.content = f.raw.len ? f.content : SLICE("");
	drop_fields(g, f.content, 1 << 2 | 1 << 3);
	struct fresh out = fresh(g, s->status_message.len + 2 * FIELD_MAX);
	if (!out.o)
		return;
	put_text(&out, 2, s->status_message);
	put_u32(&out, 3, s->status_code);
	insert(g, end_of(f.content), out.start, (size_t)(out.o - out.start));
	const struct plan *plan = close_plan(g, base, f.content);
	if (plan && plan->new_len)
		replace(g, f.raw, end_of(body), TAG(15, WIRE_LEN), plan);
	else if (f.raw.len)
		drop(g, f.raw);
}

enum { SPAN_SCALARS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 };

static void cut_scalars(struct planner *g, const struct span *s, slice body)
{
	uint32_t set = s->edited & SPAN_SCALARS;
	if (!set)
		return;
	drop_fields(g, body, set);
	size_t text = s->trace_id.len + s->span_id.len + s->trace_state.len + s->parent_id.len + s->name.len;
	struct fresh f = fresh(g, text + 8 * FIELD_MAX);
	if (!f.o)
		return;
	if (set & 1 << 1)
		put_text(&f, 1, s->trace_id);
	if (set & 1 << 2)
		put_text(&f, 2, s->span_id);
	if (set & 1 << 3)
		put_text(&f, 3, s->trace_state);
	if (set & 1 << 4)
		put_text(&f, 4, s->parent_id);
	if (set & 1 << 5)
		put_text(&f, 5, s->name);
	if (set & 1 << 6)
		put_u32(&f, 6, s->kind);
	if (set & 1 << 7)
		put_time(&f, 7, s->start_ns);
	if (set & 1 << 8)
		put_time(&f, 8, s->end_ns);
	insert(g, end_of(body), f.start, (size_t)(f.o - f.start));
}

static const struct plan *plan_span(struct planner *g, const struct span *s)
{
	size_t base = g->n;
	slice body = content(s->raw);
	cut_scalars(g, s, body);
	cut_attrs(g, &s->attrs, 9, end_of(body));
	if (s->edited & 1 << 11)
		cut_events(g, s, end_of(body));
	if (s->edited & 1 << 13)
		cut_links(g, s, end_of(body));
	if (s->edited & 1 << 15)
		cut_status(g, s, body);
	return close_plan(g, base, body);
}

static const struct plan *plan_scope_msg(struct planner *g, const struct scope *sc)
{
	size_t base = g->n;
	slice body = content(sc->msg);
	cut_attrs(g, &sc->attrs, 3, end_of(body));
	if (sc->edited) {
		drop_fields(g, body, sc->edited);
		struct fresh f = fresh(g, sc->name.len + sc->version.len + 2 * FIELD_MAX);
		if (!f.o)
			return NULL;
		put_text(&f, 1, sc->name);
		put_text(&f, 2, sc->version);
		insert(g, end_of(body), f.start, (size_t)(f.o - f.start));
	}
	return close_plan(g, base, body);
}

/* Returns how many spans are left. */
static uint32_t cut_spans(struct planner *g, const struct scope *sc, const char *end)
{
	uint32_t n = 0;
	for (const struct span *s = sc->first; s; s = s->next) {
		if (s->refused || s->rule) {
			if (s->raw.len)
				drop(g, s->raw);
			continue;
		}
		n++;
		if (s->attrs.dirty || s->edited)
			replace(g, s->raw, end, TAG(2, WIRE_LEN), plan_span(g, s));
	}
	return n;
}

/* Puts the cut of one ScopeSpans into the plan of its ResourceSpans. Returns how many spans are left. */
static uint32_t cut_scope(struct planner *g, const struct scope *sc)
{
	size_t base = g->n;
	slice body = content(sc->raw);
	if (!sc->dirty && !sc->refused)
		return sc->n_spans;
	if (sc->attrs.dirty || sc->edited)
		replace(g, sc->msg, end_of(body), TAG(1, WIRE_LEN), plan_scope_msg(g, sc));
	uint32_t n = cut_spans(g, sc, end_of(body));
	const struct plan *plan = close_plan(g, base, body);
	if (sc->refused || (n == 0 && sc->n_spans))
		drop(g, sc->raw);
	else
		replace(g, sc->raw, NULL, TAG(2, WIRE_LEN), plan);
	return sc->refused ? 0 : n;
}

static const struct plan *plan_resource_msg(struct planner *g, const struct resource *res)
{
	size_t base = g->n;
	slice body = content(res->msg);
	cut_attrs(g, &res->attrs, 1, end_of(body));
	return close_plan(g, base, body);
}

static void cut_resource(struct planner *g, const struct resource *res)
{
	size_t base = g->n;
	slice body = content(res->raw);
	uint32_t left = 0, came = 0;
	if (res->attrs.dirty)
		replace(g, res->msg, end_of(body), TAG(1, WIRE_LEN), plan_resource_msg(g, res));
	for (uint32_t i = 0; i < res->n_scopes; i++) {
		const struct scope *sc = &g->t->scopes[res->first_scope + i];
		left += cut_scope(g, sc);
		came += sc->n_spans;
	}
	const struct plan *plan = close_plan(g, base, body);
	if (res->refused || (left == 0 && came))
		drop(g, res->raw);
	else
		replace(g, res->raw, NULL, TAG(1, WIRE_LEN), plan);
}

static char *write_plan(char *o, const struct plan *p)
{
	const char *at = p->body.p;
	for (size_t i = 0; i < p->n; i++) {
		const struct cut *c = &p->cuts[i];
		o = wire_put_bytes(o, (slice){ at, (size_t)(c->at - at) });
		at = c->at + c->len;
		switch (c->kind) {
		case CUT_DROP:
			break;
		case CUT_BYTES:
			o = wire_put_bytes(o, (slice){ c->bytes, c->new_len });
			break;
		case CUT_ATTR:
			o = kv_put_field(o, c->tag, c->attr->key, &c->attr->value);
			break;
		case CUT_ADDED:
			for (const struct attr *a = c->attr; a; a = a->next)
				o = a->deleted ? o : kv_put_field(o, c->tag, a->key, &a->value);
			break;
		case CUT_MSG:
			o = wire_put_varint(wire_put_varint(o, c->tag), c->plan->new_len);
			o = write_plan(o, c->plan);
			break;
		}
	}
	return wire_put_bytes(o, (slice){ at, (size_t)(end_of(p->body) - at) });
}

struct buf *traces_encode(struct traces *t, struct pool *pool)
{
	if (!t->dirty)
		return buf_ref(t->body);
	struct planner g = { .t = t };
	for (uint32_t i = 0; i < t->n_resources; i++)
		if (t->resources[i].dirty)
			cut_resource(&g, &t->resources[i]);
	const struct plan *plan = close_plan(&g, 0, buf_slice(t->body));
	struct buf *out = plan && !g.failed ? buf_new(pool, plan->new_len) : NULL;
	if (out) {
		char *end = write_plan(out->data, plan);
		out->len = (size_t)(end - out->data);
	}
	free(g.v);
	return out;
}
