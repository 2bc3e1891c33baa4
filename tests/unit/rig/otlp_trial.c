/* otlp_trial.c - see otlp_trial.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/rig/otlp_trial.h"

void trial_fail(const struct trial *c, const char *what)
{
	fail_msg("seed %llu: %s", (unsigned long long)c->seed, what);
	abort();
}

static void *get(struct trial *c, size_t n)
{
	return arena_zalloc(&c->arena, n);
}

static char *text(struct trial *c, slice s)
{
	return arena_cstr(&c->arena, s);
}

static ProtobufCBinaryData binary(struct trial *c, slice s)
{
	return (ProtobufCBinaryData){ s.len, (uint8_t *)arena_cstr(&c->arena, s) };
}

/* --- the same edits on the tree */

struct pb_attrs {
	pb_kv ***kv;
	size_t *n;
};

static void tree_append(struct trial *c, void *list, size_t *n, void *item)
{
	void ***items = list, **more = get(c, (*n + 1) * sizeof(*more));
	if (*n)
		memcpy(more, *items, *n * sizeof(*more));
	more[(*n)++] = item;
	*items = more;
}

static void tree_remove(void *list, size_t *n, size_t i)
{
	void **items = *(void ***)list;
	memmove(items + i, items + i + 1, (*n - i - 1) * sizeof(*items));
	(*n)--;
}

static size_t tree_find(struct pb_attrs as, const char *key)
{
	size_t i = 0;
	while (i < *as.n && strcmp((*as.kv)[i]->key, key) != 0)
		i++;
	return i;
}

static void tree_set(struct trial *c, struct pb_attrs as, slice key, pb_any *v)
{
	pb_kv *kv = get(c, sizeof(*kv));
	opentelemetry__proto__common__v1__key_value__init(kv);
	kv->key = text(c, key);
	kv->value = v;
	size_t i = tree_find(as, kv->key);
	if (i == *as.n) {
		tree_append(c, as.kv, as.n, kv);
		return;
	}
	(*as.kv)[i] = kv;
	for (size_t k = *as.n - 1; k > i; k--)
		if (strcmp((*as.kv)[k]->key, kv->key) == 0)
			tree_remove(as.kv, as.n, k);
}

static void tree_rename(struct trial *c, struct pb_attrs as, size_t i, slice key)
{
	pb_kv *kv = (*as.kv)[i];
	kv->key = text(c, key);
	for (size_t k = *as.n; k-- > 0;)
		if ((*as.kv)[k] != kv && strcmp((*as.kv)[k]->key, kv->key) == 0)
			tree_remove(as.kv, as.n, k);
}

/* --- random values in both worlds */

static struct value scalar_value(struct trial *c, pb_any *pb)
{
	struct rng *r = &c->rng;
	struct value v = { 0 };
	opentelemetry__proto__common__v1__any_value__init(pb);
	switch (rng_below(r, 6)) {
	case 0:
		v = (struct value){ .type = V_STRING, .s = random_text(r, &c->arena) };
		pb->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
		pb->string_value = text(c, v.s);
		break;
	case 1:
		v = (struct value){ .type = V_INT, .i = (int64_t)(rng_next(r) >> rng_below(r, 64)) };
		pb->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE;
		pb->int_value = v.i;
		break;
	case 2:
		v = (struct value){ .type = V_BOOL, .b = rng_one_in(r, 2) };
		pb->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE;
		pb->bool_value = v.b;
		break;
	case 3:
		v = (struct value){ .type = V_DOUBLE, .d = (double)rng_below(r, 1000) / 8 };
		pb->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_DOUBLE_VALUE;
		pb->double_value = v.d;
		break;
	case 4:
		v = (struct value){ .type = V_BYTES, .s = random_text(r, &c->arena) };
		pb->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BYTES_VALUE;
		pb->bytes_value = binary(c, v.s);
		break;
	default:
		break;
	}
	return v;
}

static struct value list_value(struct trial *c, pb_any *pb)
{
	struct value v[3];
	slice keys[3];
	size_t n = rng_below(&c->rng, 4);
	bool keyed = rng_one_in(&c->rng, 2);
	Opentelemetry__Proto__Common__V1__ArrayValue *array = get(c, sizeof(*array));
	Opentelemetry__Proto__Common__V1__KeyValueList *list = get(c, sizeof(*list));
	opentelemetry__proto__common__v1__array_value__init(array);
	opentelemetry__proto__common__v1__key_value_list__init(list);
	opentelemetry__proto__common__v1__any_value__init(pb);
	for (size_t i = 0; i < n; i++) {
		pb_any *item = get(c, sizeof(*item));
		pb_kv *kv = get(c, sizeof(*kv));
		v[i] = scalar_value(c, item);
		keys[i] = random_key(&c->rng);
		opentelemetry__proto__common__v1__key_value__init(kv);
		kv->key = text(c, keys[i]);
		kv->value = item;
		tree_append(c, &array->values, &array->n_values, item);
		tree_append(c, &list->values, &list->n_values, kv);
	}
	if (keyed) {
		pb->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_KVLIST_VALUE;
		pb->kvlist_value = list;
		return value_kvlist(&c->t, keys, v, n);
	}
	pb->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_ARRAY_VALUE;
	pb->array_value = array;
	return value_array(&c->t, v, n);
}

static void edit_attrs(struct trial *c, struct attrs *as, struct pb_attrs pb)
{
	struct rng *r = &c->rng;
	slice key = random_key(r);
	pb_any *item = get(c, sizeof(*item));
	struct value v;
	struct attr *a = attrs_find(as, key);
	size_t i = tree_find(pb, text(c, key));
	switch (rng_below(r, 4)) {
	case 0:
		if (!a != (i == *pb.n))
			trial_fail(c, "attrs_find differs");
		if (!a)
			return;
		attr_delete(&c->t, as, a);
		tree_remove(pb.kv, pb.n, i);
		return;
	case 1:
		if (!a)
			return;
		key = random_key(r);
		attr_rename(&c->t, as, a, key);
		tree_rename(c, pb, i, key);
		return;
	default:
		v = rng_one_in(r, 4) ? list_value(c, item) : scalar_value(c, item);
		attr_set(&c->t, as, key, &v);
		tree_set(c, pb, key, item);
	}
}

/* --- edits of one element; each takes the element in both worlds */

static void edit_event(struct trial *c, struct event *ev, pb_event *pb)
{
	if (rng_one_in(&c->rng, 4)) {
		slice s = random_text(&c->rng, &c->arena);
		event_set_name(&c->t, ev, s);
		pb->name = text(c, s);
	} else {
		edit_attrs(c, &ev->attrs, (struct pb_attrs){ &pb->attributes, &pb->n_attributes });
	}
}

static void edit_events(struct trial *c, struct span *s, pb_span *pb)
{
	struct event *ev = s->first_event;
	size_t i = 0;
	for (; ev && (ev->deleted || rng_one_in(&c->rng, 2)); ev = ev->next)
		i += !ev->deleted;
	if (!ev) {
		pb_event *e = get(c, sizeof(*e));
		slice name = random_text(&c->rng, &c->arena);
		opentelemetry__proto__trace__v1__span__event__init(e);
		e->time_unix_nano = rng_below(&c->rng, 3);
		e->name = text(c, name);
		ev = event_add(&c->t, s, e->time_unix_nano, name);
		tree_append(c, &pb->events, &pb->n_events, e);
		edit_event(c, ev, e);
	} else if (rng_one_in(&c->rng, 3)) {
		event_delete(&c->t, ev);
		tree_remove(&pb->events, &pb->n_events, i);
	} else {
		edit_event(c, ev, pb->events[i]);
	}
}

static void edit_links(struct trial *c, struct span *s, pb_span *pb)
{
	struct link *l = s->first_link;
	size_t i = 0;
	for (; l && (l->deleted || rng_one_in(&c->rng, 2)); l = l->next)
		i += !l->deleted;
	pb_link *p = l ? pb->links[i] : get(c, sizeof(*p));
	if (!l) {
		opentelemetry__proto__trace__v1__span__link__init(p);
		p->trace_id = binary(c, SLICE("0123456789abcdef"));
		p->span_id = binary(c, SLICE("01234567"));
		l = link_add(&c->t, s, SLICE("0123456789abcdef"), SLICE("01234567"));
		tree_append(c, &pb->links, &pb->n_links, p);
	} else if (rng_one_in(&c->rng, 3)) {
		link_delete(&c->t, l);
		tree_remove(&pb->links, &pb->n_links, i);
		return;
	}
	edit_attrs(c, &l->attrs, (struct pb_attrs){ &p->attributes, &p->n_attributes });
}

static void edit_status(struct trial *c, struct span *s, pb_span *pb)
{
	slice message = random_text(&c->rng, &c->arena);
	uint32_t code = rng_below(&c->rng, 3);
	span_set_status(&c->t, s, code, message);
	if (!pb->status) {
		pb->status = get(c, sizeof(*pb->status));
		opentelemetry__proto__trace__v1__status__init(pb->status);
	}
	pb->status->code = (Opentelemetry__Proto__Trace__V1__Status__StatusCode)code;
	pb->status->message = text(c, message);
	if (code == 0 && !message.len && !pb->status->base.n_unknown_fields)
		pb->status = NULL;
}

static void edit_scalar(struct trial *c, struct span *s, pb_span *pb)
{
	struct rng *r = &c->rng;
	slice t = random_text(r, &c->arena);
	switch (rng_below(r, 6)) {
	case 0:
		span_set_name(&c->t, s, t);
		pb->name = text(c, t);
		return;
	case 1:
		pb->kind = (Opentelemetry__Proto__Trace__V1__Span__SpanKind)rng_below(r, 6);
		span_set_kind(&c->t, s, (uint32_t)pb->kind);
		return;
	case 2:
		pb->start_time_unix_nano = rng_below(r, 2) ? rng_next(r) : 0;
		pb->end_time_unix_nano = rng_next(r);
		span_set_times(&c->t, s, pb->start_time_unix_nano, pb->end_time_unix_nano);
		return;
	case 3:
		t = rng_one_in(r, 2) ? SLICE("parentid") : (slice){ 0 };
		span_set_parent(&c->t, s, t);
		pb->parent_span_id = binary(c, t);
		return;
	case 4:
		span_set_trace_state(&c->t, s, t);
		pb->trace_state = text(c, t);
		return;
	default:
		edit_status(c, s, pb);
	}
}

static void edit_span(struct trial *c, struct span *s, pb_span *pb)
{
	switch (rng_below(&c->rng, 8)) {
	case 0:
		edit_scalar(c, s, pb);
		break;
	case 1:
		edit_events(c, s, pb);
		break;
	case 2:
		edit_links(c, s, pb);
		break;
	case 3:
		span_filter(&c->t, s, 7);
		if (c->n_gone == COUNTOF(c->gone))
			trial_fail(c, "too many spans");
		c->gone[c->n_gone++] = pb;
		break;
	default:
		edit_attrs(c, &s->attrs, (struct pb_attrs){ &pb->attributes, &pb->n_attributes });
	}
}

static void add_span(struct trial *c, struct scope *sc, pb_scope_spans *pb)
{
	slice trace = SLICE("fedcba9876543210"), id = SLICE("76543210"), parent = SLICE("01234567");
	slice name = random_text(&c->rng, &c->arena);
	pb_span *p = get(c, sizeof(*p));
	opentelemetry__proto__trace__v1__span__init(p);
	p->trace_id = binary(c, trace);
	p->span_id = binary(c, id);
	if (rng_one_in(&c->rng, 2))
		parent = (slice){ 0 };
	p->parent_span_id = binary(c, parent);
	p->name = text(c, name);
	struct span *s = span_add(&c->t, sc, trace, id, parent, name);
	tree_append(c, &pb->spans, &pb->n_spans, p);
	for (uint32_t n = rng_below(&c->rng, 4); n; n--)
		edit_span(c, s, p);
}

static void edit_scope(struct trial *c, struct scope *sc, pb_scope_spans *pb)
{
	if (rng_one_in(&c->rng, 3)) {
		add_span(c, sc, pb);
		return;
	}
	if (!pb->scope) {
		pb->scope = get(c, sizeof(*pb->scope));
		opentelemetry__proto__common__v1__instrumentation_scope__init(pb->scope);
		attr_set_int(&c->t, &sc->attrs, SLICE("new"), 1);
		pb_any *v = get(c, sizeof(*v));
		opentelemetry__proto__common__v1__any_value__init(v);
		v->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE;
		v->int_value = 1;
		tree_set(c, (struct pb_attrs){ &pb->scope->attributes, &pb->scope->n_attributes }, SLICE("new"), v);
	} else if (rng_one_in(&c->rng, 2)) {
		slice name = random_text(&c->rng, &c->arena), version = random_text(&c->rng, &c->arena);
		scope_set_name(&c->t, sc, name, version);
		pb->scope->name = text(c, name);
		pb->scope->version = text(c, version);
	} else {
		edit_attrs(c, &sc->attrs, (struct pb_attrs){ &pb->scope->attributes, &pb->scope->n_attributes });
	}
}

static void edit_resource(struct trial *c, struct resource *res, pb_resource_spans *pb)
{
	if (!pb->resource)
		return;
	edit_attrs(c, &res->attrs, (struct pb_attrs){ &pb->resource->attributes, &pb->resource->n_attributes });
}

void trial_edit(struct trial *c)
{
	for (uint32_t n = rng_below(&c->rng, 12); n && c->t.n_scopes; n--) {
		uint32_t i = rng_below(&c->rng, c->t.n_scopes);
		struct scope *sc = &c->t.scopes[i];
		size_t at_res = (size_t)(sc->resource - c->t.resources);
		pb_resource_spans *pb_res = c->pb->resource_spans[at_res];
		pb_scope_spans *pb = pb_res->scope_spans[i - sc->resource->first_scope];
		c->n_edits++;
		if (rng_one_in(&c->rng, 8)) {
			edit_resource(c, sc->resource, pb_res);
		} else if (rng_one_in(&c->rng, 8) || !sc->n_spans) {
			edit_scope(c, sc, pb);
		} else {
			uint32_t k = rng_below(&c->rng, sc->n_spans);
			struct span *s = sc->first;
			for (uint32_t skip = k; skip; skip--)
				s = s->next;
			edit_span(c, s, pb->spans[k]);
		}
	}
}
