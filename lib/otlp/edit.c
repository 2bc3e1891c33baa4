/* edit.c - recording edits in the index; see edit.h. encode.c turns them into bytes.
 *
 * An edit changes the element (so that reads see it) and leaves a mark on it and on everything that encloses it, so
 * that encode.c looks only where something changed. Values are copied into the arena, names of well-known keys
 * are borrowed from the key table.
 */
#include "lib/otlp/edit.h"

#include "lib/otlp/value.h"
#include "lib/otlp/wire.h"

enum { EVENTS = 1 << 11, LINKS = 1 << 13 };
enum { ADDED_BLOCK = 32 };

static void mark_scope(struct traces *t, struct scope *sc)
{
	sc->dirty = sc->resource->dirty = t->dirty = true;
}

static void mark_span(struct traces *t, struct span *s, uint32_t fields)
{
	s->edited |= fields;
	mark_scope(t, s->scope);
}

/* Apart from mark_attrs, which as good as always finds the mark. */
__attribute__((noinline)) static void mark_owner(struct traces *t, struct attrs *as)
{
	as->dirty = true;
	switch (as->kind) {
	case OWN_RESOURCE:
		CONTAINER_OF(as, struct resource, attrs)->dirty = t->dirty = true;
		break;
	case OWN_SCOPE:
		mark_scope(t, CONTAINER_OF(as, struct scope, attrs));
		break;
	case OWN_SPAN:
		mark_span(t, CONTAINER_OF(as, struct span, attrs), 0);
		break;
	case OWN_EVENT:
		mark_span(t, CONTAINER_OF(as, struct event, attrs)->span, EVENTS);
		break;
	case OWN_LINK:
		mark_span(t, CONTAINER_OF(as, struct link, attrs)->span, LINKS);
		break;
	}
}

static void mark_attrs(struct traces *t, struct attrs *as)
{
	if (!as->dirty) /* else what encloses it was marked with it */
		mark_owner(t, as);
}

static slice own(struct traces *t, slice s)
{
	return s.len ? arena_dup(&t->arena, s) : (slice){ 0 };
}

static struct value own_value(struct traces *t, const struct value *v)
{
	struct value copy = *v;
	if (v->type == V_STRING || v->type == V_BYTES || v->type == V_ARRAY || v->type == V_KVLIST)
		copy.s = own(t, v->s);
	return copy;
}

/* The key as the attribute keeps it. */
static slice key_of(struct traces *t, struct attrs *as, slice key, uint16_t id)
{
	if (!id)
		return own(t, key);
	as->known[id >> 6 & 3] |= UINT64_C(1) << (id & 63);
	return key_table_name(t->keys, id);
}

static uint16_t id_of(const struct traces *t, slice key)
{
	return t->keys ? key_table_id(t->keys, key) : 0;
}

static void take_out(struct attrs *as, struct attr *a)
{
	as->n -= !a->deleted;
	a->deleted = true;
}

/* The first live attribute of that key; deletes the others, except `keep`. */
static struct attr *only(struct attrs *as, slice key, uint16_t id, const struct attr *keep)
{
	struct attr *found = NULL;
	for (struct attr *a = as->first; a; a = a->next) {
		if (a->key_id != id || a->deleted || a == keep || (id == 0 && !slice_eq(a->key, key)))
			continue;
		if (found || keep)
			take_out(as, a);
		else
			found = a;
	}
	return found;
}

__attribute__((noinline)) static void make_spare(struct traces *t)
{
	t->spare = arena_alloc(&t->arena, ADDED_BLOCK * sizeof(*t->spare));
	t->spare_end = t->spare + ADDED_BLOCK;
}

/* A new one at the end of the list. Room comes from what the scan left, then in blocks. */
static void append(struct traces *t, struct attrs *as, slice key, uint16_t id, const struct value *v)
{
	if (UNLIKELY(t->spare == t->spare_end))
		make_spare(t);
	struct attr *a = t->spare++;
	*a = (struct attr){ .key = key, .value = *v, .key_id = id, .edit = ATTR_SET };
	*(as->last ? &as->last->next : &as->first) = a;
	as->last = a;
	as->n++;
	mark_attrs(t, as);
}

void attr_replace_borrowed(struct traces *t, struct attrs *as, struct attr *a, const struct value *v)
{
	a->value = *v;
	a->edit = ATTR_SET;
	mark_attrs(t, as);
}

void attr_replace(struct traces *t, struct attrs *as, struct attr *a, const struct value *v)
{
	struct value copy = own_value(t, v);
	attr_replace_borrowed(t, as, a, &copy);
}

/* Apart from attr_set_known, which mostly adds. */
__attribute__((noinline)) static void set_again(
        struct traces *t, struct attrs *as, slice key, uint16_t id, const struct value *v)
{
	struct attr *a = only(as, key, id, NULL);
	if (a)
		attr_replace_borrowed(t, as, a, v);
	else
		append(t, as, key_of(t, as, key, id), id, v);
}

/* Nothing that *v may be part of is written before it is read. */
void attr_set_known(struct traces *t, struct attrs *as, uint16_t key_id, const struct value *v)
{
	if (attrs_may_have(as, key_id))
		set_again(t, as, (slice){ 0 }, key_id, v);
	else
		append(t, as, key_of(t, as, (slice){ 0 }, key_id), key_id, v);
}

void attr_set_borrowed(struct traces *t, struct attrs *as, slice key, const struct value *v)
{
	uint16_t id = id_of(t, key);
	if (id)
		attr_set_known(t, as, id, v);
	else
		set_again(t, as, key, 0, v);
}

void attr_set(struct traces *t, struct attrs *as, slice key, const struct value *v)
{
	struct value copy = own_value(t, v);
	attr_set_borrowed(t, as, key, &copy);
}

void attr_set_str(struct traces *t, struct attrs *as, slice key, slice s)
{
	attr_set(t, as, key, &(struct value){ .type = V_STRING, .s = s });
}

void attr_set_int(struct traces *t, struct attrs *as, slice key, int64_t i)
{
	attr_set(t, as, key, &(struct value){ .type = V_INT, .i = i });
}

void attr_set_double(struct traces *t, struct attrs *as, slice key, double d)
{
	attr_set(t, as, key, &(struct value){ .type = V_DOUBLE, .d = d });
}

void attr_set_bool(struct traces *t, struct attrs *as, slice key, bool b)
{
	attr_set(t, as, key, &(struct value){ .type = V_BOOL, .b = b });
}

void attr_delete(struct traces *t, struct attrs *as, struct attr *a)
{
	take_out(as, a);
	mark_attrs(t, as);
}

void attr_rename(struct traces *t, struct attrs *as, struct attr *a, slice key)
{
	uint16_t id = id_of(t, key);
	only(as, key, id, a);
	a->key = key_of(t, as, key, id);
	a->key_id = id;
	a->edit = a->edit == ATTR_SET ? ATTR_SET : ATTR_RENAMED;
	mark_attrs(t, as);
}

struct value value_array(struct traces *t, const struct value *items, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i++)
		size += wire_field_size(TAG(1, WIRE_LEN), value_size(&items[i]));
	char *start = arena_alloc(&t->arena, size), *o = start;
	for (size_t i = 0; i < n; i++) {
		*o++ = (char)TAG(1, WIRE_LEN);
		o = value_put(wire_put_varint(o, value_size(&items[i])), &items[i]);
	}
	return (struct value){ .type = V_ARRAY, .s = { start, size } };
}

struct value value_kvlist(struct traces *t, const slice *keys, const struct value *values, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i++)
		size += kv_field_size(keys[i], &values[i]);
	char *start = arena_alloc(&t->arena, size), *o = start;
	for (size_t i = 0; i < n; i++)
		o = kv_put_field(o, TAG(1, WIRE_LEN), keys[i], &values[i]);
	return (struct value){ .type = V_KVLIST, .s = { start, size } };
}

void span_set_name(struct traces *t, struct span *s, slice name)
{
	s->name = own(t, name);
	mark_span(t, s, 1 << 5);
}

void span_set_kind(struct traces *t, struct span *s, uint32_t kind)
{
	s->kind = kind;
	mark_span(t, s, 1 << 6);
}

void span_set_times(struct traces *t, struct span *s, uint64_t start_ns, uint64_t end_ns)
{
	s->start_ns = start_ns;
	s->end_ns = end_ns;
	mark_span(t, s, 1 << 7 | 1 << 8);
}

void span_set_parent(struct traces *t, struct span *s, slice parent_id)
{
	s->parent_id = own(t, parent_id);
	mark_span(t, s, 1 << 4);
}

void span_set_trace_state(struct traces *t, struct span *s, slice state)
{
	s->trace_state = own(t, state);
	mark_span(t, s, 1 << 3);
}

void span_set_status(struct traces *t, struct span *s, uint32_t code, slice message)
{
	s->status_code = code;
	s->status_message = own(t, message);
	mark_span(t, s, 1 << 15);
}

void scope_set_name(struct traces *t, struct scope *s, slice name, slice version)
{
	s->name = own(t, name);
	s->version = own(t, version);
	s->edited |= 1 << 1 | 1 << 2;
	s->note = 0;
	mark_scope(t, s);
}

void event_set_name(struct traces *t, struct event *ev, slice name)
{
	ev->name = own(t, name);
	ev->renamed = true;
	mark_span(t, ev->span, EVENTS);
}

void event_delete(struct traces *t, struct event *ev)
{
	ev->deleted = true;
	mark_span(t, ev->span, EVENTS);
}

void link_delete(struct traces *t, struct link *l)
{
	l->deleted = true;
	mark_span(t, l->span, LINKS);
}

struct event *event_add(struct traces *t, struct span *s, uint64_t time_ns, slice name)
{
	struct event *ev = arena_zalloc(&t->arena, sizeof(*ev));
	ev->attrs.kind = OWN_EVENT;
	ev->time_ns = time_ns;
	ev->name = own(t, name);
	ev->span = s;
	*(s->last_event ? &s->last_event->next : &s->first_event) = ev;
	s->last_event = ev;
	mark_span(t, s, EVENTS);
	return ev;
}

struct link *link_add(struct traces *t, struct span *s, slice trace_id, slice span_id)
{
	struct link *l = arena_zalloc(&t->arena, sizeof(*l));
	l->attrs.kind = OWN_LINK;
	l->trace_id = own(t, trace_id);
	l->span_id = own(t, span_id);
	l->span = s;
	*(s->last_link ? &s->last_link->next : &s->first_link) = l;
	s->last_link = l;
	mark_span(t, s, LINKS);
	return l;
}

struct span *span_add(struct traces *t, struct scope *scope, slice trace_id, slice span_id, slice parent_id, slice name)
{
	struct span *s = arena_zalloc(&t->arena, sizeof(*s));
	s->attrs.kind = OWN_SPAN;
	s->trace_id = own(t, trace_id);
	s->span_id = own(t, span_id);
	s->parent_id = own(t, parent_id);
	s->name = own(t, name);
	s->scope = scope;
	*(scope->last ? &scope->last->next : &scope->first) = s;
	scope->last = s;
	s->refused = scope->refused || scope->resource->refused; /* what it would be in is never encoded */
	t->n_kept += !s->refused;
	mark_span(t, s, 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5);
	return s;
}

void span_filter(struct traces *t, struct span *s, uint16_t rule)
{
	if (!s->refused && !s->rule)
		t->n_kept--;
	s->rule = rule;
	mark_span(t, s, 0);
}
