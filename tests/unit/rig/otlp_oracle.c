/* otlp_oracle.c - see otlp_oracle.h. */
#include "tests/unit/rig/otlp_oracle.h"

#include "lib/base/utf8.h"
#include "lib/otlp/wire.h"

/* --- traits: a parser of its own */

struct inspect {
	struct arena *a;
	unsigned traits;
};

static uint64_t varint(struct inspect *in, slice *at, unsigned max, unsigned bits, unsigned trait)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < max; i++) {
		if (!at->len)
			break;
		uint64_t b = (unsigned char)*at->p++;
		at->len--;
		if (i * 7 + 7 > bits && (b & 0x7f) >> (bits - i * 7))
			in->traits |= trait;
		v |= (b & 0x7f) << i * 7;
		if (b < 0x80)
			return v;
	}
	in->traits |= T_BROKEN;
	return 0;
}

static void skip(struct inspect *in, slice *at, uint64_t n)
{
	if (n > at->len) {
		in->traits |= T_BROKEN;
		n = at->len;
	}
	at->p += n;
	at->len -= n;
}

/* Behind a start tag of `field`: to behind its end tag. */
static void skip_group(struct inspect *in, slice *at, uint64_t field, unsigned depth)
{
	in->traits |= T_GROUPS | (depth > 64 ? T_GROUP : 0U);
	while (at->len && !(in->traits & (T_BROKEN | T_GROUP))) {
		uint64_t tag = varint(in, at, 5, 32, T_TAG);
		if (tag >> 3 == 0)
			in->traits |= T_TAG;
		switch (tag & 7) {
		case 0:
			varint(in, at, 10, 64, T_VARINT);
			break;
		case 1:
			skip(in, at, 8);
			break;
		case 2:
			skip(in, at, varint(in, at, 5, 32, T_BROKEN));
			break;
		case 3:
			skip_group(in, at, tag >> 3, depth + 1);
			break;
		case 4:
			if (tag >> 3 != field)
				in->traits |= T_GROUP;
			return;
		case 5:
			skip(in, at, 4);
			break;
		default:
			in->traits |= T_BROKEN;
		}
	}
	in->traits |= T_GROUP;
}

static unsigned wire_type(ProtobufCType t)
{
	switch ((int)t) {
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 1;
	case PROTOBUF_C_TYPE_FIXED32:
		return 5;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return 2;
	default:
		return 0;
	}
}

static void append(slice *out, char *base, slice s)
{
	memcpy(base + out->len, s.p, s.len);
	out->len += s.len;
}

static void append_varint(slice *out, char *base, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		base[out->len++] = (char)(v | 0x80);
	base[out->len++] = (char)v;
}

static slice inspect(struct inspect *in, const ProtobufCMessageDescriptor *d, slice body, unsigned level);

static void inspect_packed(struct inspect *in, unsigned type, slice s)
{
	if (type == 1 && s.len % 8)
		in->traits |= T_BROKEN;
	while (type == 0 && s.len)
		varint(in, &s, 10, 64, T_VARINT);
}

/* A field whose tag is read; appends it to `out` unless it is a group. */
static void inspect_field(struct inspect *in, const ProtobufCFieldDescriptor *f, uint64_t tag, slice *at, slice *out,
        char *base, unsigned level)
{
	const char *start = at->p;
	bool packed = f && f->label == PROTOBUF_C_LABEL_REPEATED && (tag & 7) == 2 && wire_type(f->type) != 2;
	if (f && wire_type(f->type) != (tag & 7) && !packed)
		in->traits |= T_TYPE;
	switch (tag & 7) {
	case 0:
		varint(in, at, 10, 64, T_VARINT);
		break;
	case 1:
		skip(in, at, 8);
		break;
	case 2: {
		uint64_t n = varint(in, at, 5, 32, T_BROKEN);
		slice content = { at->p, n > at->len ? at->len : n };
		skip(in, at, n);
		if (packed)
			inspect_packed(in, wire_type(f->type), content);
		if (f && f->type == PROTOBUF_C_TYPE_STRING && memchr(content.p, 0, content.len))
			in->traits |= T_NUL;
		if (!f || f->type != PROTOBUF_C_TYPE_MESSAGE)
			break; /* as it is: protobuf-c keeps even the padding of unknown lengths */
		content = inspect(in, f->descriptor, content, level);
		append_varint(out, base, tag);
		append_varint(out, base, content.len);
		append(out, base, content);
		return;
	}
	case 3:
		skip_group(in, at, tag >> 3, 1);
		return;
	case 5:
		skip(in, at, 4);
		break;
	default:
		in->traits |= (tag & 7) == 4 ? T_GROUP : T_BROKEN;
	}
	append_varint(out, base, tag);
	append(out, base, (slice){ start, (size_t)(at->p - start) });
}

static slice inspect(struct inspect *in, const ProtobufCMessageDescriptor *d, slice body, unsigned level)
{
	if (d == &opentelemetry__proto__common__v1__any_value__descriptor && ++level > OTLP_ANYVALUE_DEPTH) {
		in->traits |= T_DEEP;
		return body;
	}
	char *base = arena_alloc(in->a, body.len + 16);
	slice out = { base, 0 }, at = body;
	uint64_t seen = 0;
	while (at.len && !(in->traits & (T_BROKEN | T_GROUP))) {
		uint64_t tag = varint(in, &at, 5, 32, T_TAG);
		if (tag >> 3 == 0)
			in->traits |= T_TAG;
		const ProtobufCFieldDescriptor *f =
		        tag >> 3 < 2000 ? protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3)) : NULL;
		if (f && f->label != PROTOBUF_C_LABEL_REPEATED && f->id < 64) {
			bool one_of = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
			uint64_t bit = UINT64_C(1) << (one_of ? 0 : f->id);
			bool merges = one_of || f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_BYTES;
			in->traits |= seen & bit && merges ? T_SPLIT : 0U;
			seen |= bit;
		}
		inspect_field(in, f, tag, &at, &out, base, level);
	}
	return out;
}

unsigned otlp_traits(const ProtobufCMessageDescriptor *d, slice body, struct arena *a, slice *bare)
{
	struct inspect in = { a, 0 };
	*bare = inspect(&in, d, body, 0);
	return in.traits;
}

/* --- protobuf-c */

static void *alloc(void *ctx, size_t n)
{
	return arena_alloc(ctx, n);
}

static void no_free(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

ProtobufCAllocator pb_allocator(struct arena *a)
{
	return (ProtobufCAllocator){ alloc, no_free, a };
}

pb_request *pb_unpack(struct arena *a, slice body)
{
	ProtobufCAllocator al = pb_allocator(a);
	return opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack(
	        &al, body.len, (const uint8_t *)body.p);
}

static int by_bytes(const void *x, const void *y)
{
	const ProtobufCMessageUnknownField *a = x, *b = y;
	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	size_t n = a->len < b->len ? a->len : b->len;
	int c = n ? memcmp(a->data, b->data, n) : 0;
	return c ? c : a->len < b->len ? -1 : a->len > b->len;
}

static void normalise(struct arena *a, ProtobufCMessage *m, bool repair);

static void normalise_one(struct arena *a, const ProtobufCFieldDescriptor *f, void *slot, bool repair)
{
	if (f->type == PROTOBUF_C_TYPE_MESSAGE && *(ProtobufCMessage **)slot)
		normalise(a, *(ProtobufCMessage **)slot, repair);
	if (f->type == PROTOBUF_C_TYPE_STRING && repair) {
		slice s = slice_of(*(char **)slot);
		char *fixed = arena_zalloc(a, s.len * 3 + 1);
		utf8_repair(s, fixed, NULL);
		*(char **)slot = fixed;
	}
}

static void normalise(struct arena *a, ProtobufCMessage *m, bool repair)
{
	if (m->n_unknown_fields)
		qsort(m->unknown_fields, m->n_unknown_fields, sizeof(*m->unknown_fields), by_bytes);
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		char *slot = (char *)m + f->offset;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t n = *(size_t *)(void *)((char *)m + f->quantifier_offset);
			for (size_t k = 0; k < n; k++) /* all repeated fields here are pointers */
				normalise_one(a, f, *(char **)(void *)slot + k * sizeof(void *), repair);
		} else if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
		        *(uint32_t *)(void *)((char *)m + f->quantifier_offset) == f->id) {
			normalise_one(a, f, slot, repair);
		}
	}
}

slice pb_canonical(struct arena *a, ProtobufCMessage *m, bool repair)
{
	normalise(a, m, repair);
	char *p = arena_alloc(a, protobuf_c_message_get_packed_size(m));
	return (slice){ p, protobuf_c_message_pack(m, (uint8_t *)p) };
}

static unsigned depth_of(const pb_any *v);

static unsigned deepest(pb_kv *const *kv, size_t n)
{
	unsigned max = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned d = kv[i]->value ? depth_of(kv[i]->value) : 0;
		max = d > max ? d : max;
	}
	return max;
}

static unsigned depth_of(const pb_any *v)
{
	unsigned max = 0;
	if (v->value_case == OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_KVLIST_VALUE)
		max = deepest(v->kvlist_value->values, v->kvlist_value->n_values);
	if (v->value_case == OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_ARRAY_VALUE) {
		for (size_t i = 0; i < v->array_value->n_values; i++) {
			unsigned d = depth_of(v->array_value->values[i]);
			max = d > max ? d : max;
		}
	}
	return max + 1;
}

bool pb_too_deep(pb_kv *const *kv, size_t n)
{
	return deepest(kv, n) > OTLP_ANYVALUE_DEPTH;
}

static bool zero(ProtobufCBinaryData b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i])
			return false;
	return true;
}

static bool wrong(ProtobufCBinaryData b, size_t want)
{
	return b.len != 0 && b.len != want;
}

const char *pb_refused(const pb_span *s)
{
	if (wrong(s->trace_id, 16) || zero(s->trace_id) || wrong(s->span_id, 8) || zero(s->span_id) ||
	        wrong(s->parent_span_id, 8))
		return "id";
	bool deep = pb_too_deep(s->attributes, s->n_attributes);
	for (size_t i = 0; i < s->n_events; i++)
		deep |= pb_too_deep(s->events[i]->attributes, s->events[i]->n_attributes);
	for (size_t i = 0; i < s->n_links; i++) {
		const pb_link *l = s->links[i];
		if (wrong(l->trace_id, 16) || wrong(l->span_id, 8))
			return "id of a link";
		deep |= pb_too_deep(l->attributes, l->n_attributes);
	}
	return deep ? "depth" : NULL;
}

bool pb_bad_ids(ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		char *slot = (char *)m + f->offset;
		size_t n = 1;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			n = *(size_t *)(void *)((char *)m + f->quantifier_offset);
			slot = *(char **)(void *)slot;
		} else if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
		        *(uint32_t *)(void *)((char *)m + f->quantifier_offset) != f->id) {
			continue;
		}
		if (f->type == PROTOBUF_C_TYPE_BYTES &&
		        ((strstr(f->name, "trace_id") && wrong(*(ProtobufCBinaryData *)(void *)slot, 16)) ||
		                (strstr(f->name, "span_id") && wrong(*(ProtobufCBinaryData *)(void *)slot, 8))))
			return true;
		for (size_t k = 0; f->type == PROTOBUF_C_TYPE_MESSAGE && k < n; k++) {
			ProtobufCMessage *sub = ((ProtobufCMessage **)(void *)slot)[k];
			if (sub && pb_bad_ids(sub))
				return true;
		}
	}
	return false;
}

/* --- random messages of any type */

static slice random_scalar(struct rng *r, struct arena *a, const ProtobufCFieldDescriptor *f)
{
	char *p = arena_alloc(a, 16);
	uint64_t v = rng_next(r) >> rng_below(r, 64);
	if (wire_type(f->type) == 0)
		return (slice){ p, (size_t)(wire_put_varint(p, v) - p) };
	wire_put_fix64(p, v);
	return (slice){ p, wire_type(f->type) == 1 ? 8 : 4 };
}

static slice random_content(struct rng *r, struct arena *a, const ProtobufCFieldDescriptor *f, unsigned depth)
{
	static const char id[] = "0123456789abcdef";
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return pb_random(r, a, f->descriptor, depth + 1);
	if (f->type == PROTOBUF_C_TYPE_BYTES && strstr(f->name, "_id"))
		return (slice){ id, rng_one_in(r, 3) ? 0 : strstr(f->name, "trace_id") ? 16 : 8 };
	slice s = { "", 0 }; /* a packed list, or text and bytes */
	if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES)
		return random_text(r, a);
	for (unsigned n = rng_below(r, 4); n; n--) {
		slice one = random_scalar(r, a, f);
		char *p = arena_alloc(a, s.len + one.len);
		wire_put_bytes(wire_put_bytes(p, s), one);
		s = (slice){ p, s.len + one.len };
	}
	return s;
}

slice pb_random(struct rng *r, struct arena *a, const ProtobufCMessageDescriptor *d, unsigned depth)
{
	slice out = { "", 0 };
	uint64_t one_ofs = 0; /* quantifier offsets of oneofs that have a member */
	for (unsigned i = 0; i < d->n_fields && depth < 12; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
		if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
			uint64_t bit = UINT64_C(1) << (f->quantifier_offset / 4 % 64);
			if (one_ofs & bit || rng_one_in(r, 2))
				continue;
			one_ofs |= bit;
		}
		for (unsigned n = rng_below(r, repeated ? 4 : 2); n; n--) {
			bool len = wire_type(f->type) == 2 || (repeated && rng_one_in(r, 2));
			slice s = len ? random_content(r, a, f, depth) : random_scalar(r, a, f);
			char *p = arena_alloc(a, out.len + s.len + 16), *o = wire_put_bytes(p, out);
			if (len)
				o = wire_put_field(o, TAG(f->id, WIRE_LEN), s);
			else
				o = wire_put_bytes(wire_put_varint(o, f->id << 3 | wire_type(f->type)), s);
			out = (slice){ p, (size_t)(o - p) };
		}
	}
	return out;
}

/* --- the index against the tree */

static bool same_text(slice s, const char *pb)
{
	size_t n = strlen(pb); /* protobuf-c's strings end at a NUL */
	return s.len >= n && memcmp(s.len ? s.p : "", pb, n) == 0 && (s.len == n || s.p[n] == 0);
}

static bool same_bytes(slice s, ProtobufCBinaryData pb)
{
	return s.len == pb.len && (s.len == 0 || memcmp(s.p, pb.data, s.len) == 0);
}

static bool same_value(const struct value *v, const pb_any *pb);

static bool same_array(slice s, const Opentelemetry__Proto__Common__V1__ArrayValue *pb)
{
	slice key;
	struct value v;
	size_t i = 0;
	for (; value_next(&s, V_ARRAY, &key, &v); i++)
		if (i >= pb->n_values || key.len || !same_value(&v, pb->values[i]))
			return false;
	return i == pb->n_values;
}

static bool same_kvlist(slice s, const Opentelemetry__Proto__Common__V1__KeyValueList *pb)
{
	slice key;
	struct value v;
	size_t i = 0;
	for (; value_next(&s, V_KVLIST, &key, &v); i++)
		if (i >= pb->n_values || !same_text(key, pb->values[i]->key) || !same_value(&v, pb->values[i]->value))
			return false;
	return i == pb->n_values;
}

static bool same_value(const struct value *v, const pb_any *pb)
{
	switch (pb ? (int)pb->value_case : 0) {
	case 1:
		return v->type == V_STRING && same_text(v->s, pb->string_value);
	case 2:
		return v->type == V_BOOL && v->b == (bool)pb->bool_value;
	case 3:
		return v->type == V_INT && v->i == pb->int_value;
	case 4:
		return v->type == V_DOUBLE && memcmp(&v->d, &pb->double_value, sizeof(v->d)) == 0;
	case 5:
		return v->type == V_ARRAY && same_array(v->s, pb->array_value);
	case 6:
		return v->type == V_KVLIST && same_kvlist(v->s, pb->kvlist_value);
	case 7:
		return v->type == V_BYTES && same_bytes(v->s, pb->bytes_value);
	default:
		return v->type == V_EMPTY;
	}
}

static bool same_attrs(const struct traces *t, const struct attrs *as, pb_kv *const *kv, size_t n)
{
	const struct attr *a = attrs_first(as);
	if (as->n != n)
		return false;
	for (size_t i = 0; i < n; i++, a = attrs_next(a)) {
		if (!a || !same_text(a->key, kv[i]->key) || !same_value(&a->value, kv[i]->value))
			return false;
		if (t->keys && a->key_id != key_table_id(t->keys, a->key))
			return false;
	}
	return a == NULL;
}

static const char *span_differs(const struct traces *t, const struct span *s, const pb_span *pb)
{
	if (!same_bytes(s->trace_id, pb->trace_id) || !same_bytes(s->span_id, pb->span_id) ||
	        !same_bytes(s->parent_id, pb->parent_span_id))
		return "span ids";
	if (!same_text(s->name, pb->name) || !same_text(s->trace_state, pb->trace_state))
		return "span texts";
	if (s->start_ns != pb->start_time_unix_nano || s->end_ns != pb->end_time_unix_nano ||
	        s->kind != (uint32_t)pb->kind || s->flags != pb->flags)
		return "span numbers";
	if (s->status_code != (pb->status ? (uint32_t)pb->status->code : 0) ||
	        !same_text(s->status_message, pb->status ? pb->status->message : ""))
		return "status";
	if (!same_attrs(t, &s->attrs, pb->attributes, pb->n_attributes))
		return "span attributes";
	const struct event *ev = s->first_event;
	for (size_t i = 0; i < pb->n_events; i++, ev = ev->next)
		if (!ev || ev->span != s || ev->time_ns != pb->events[i]->time_unix_nano ||
		        !same_text(ev->name, pb->events[i]->name) ||
		        !same_attrs(t, &ev->attrs, pb->events[i]->attributes, pb->events[i]->n_attributes))
			return "events";
	const struct link *l = s->first_link;
	for (size_t i = 0; i < pb->n_links; i++, l = l->next)
		if (!l || l->span != s || !same_bytes(l->trace_id, pb->links[i]->trace_id) ||
		        !same_bytes(l->span_id, pb->links[i]->span_id) || l->flags != pb->links[i]->flags ||
		        !same_text(l->trace_state, pb->links[i]->trace_state) ||
		        !same_attrs(t, &l->attrs, pb->links[i]->attributes, pb->links[i]->n_attributes))
			return "links";
	return ev || l ? "number of events or links" : NULL;
}

static const char *scope_differs(const struct traces *t, const struct scope *sc, const pb_scope_spans *pb)
{
	const Opentelemetry__Proto__Common__V1__InstrumentationScope *scope = pb->scope;
	if (sc->n_spans != pb->n_spans || !same_text(sc->schema_url, pb->schema_url) ||
	        !same_text(sc->name, scope ? scope->name : "") ||
	        !same_text(sc->version, scope ? scope->version : "") ||
	        !same_attrs(t, &sc->attrs, scope ? scope->attributes : NULL, scope ? scope->n_attributes : 0))
		return "scope";
	const struct span *s = sc->first;
	for (size_t i = 0; i < pb->n_spans; i++, s = s->next) {
		if (!s || s->scope != sc)
			return "links of spans";
		const char *why = span_differs(t, s, pb->spans[i]);
		if (why)
			return why;
	}
	return NULL;
}

const char *pb_differs(struct traces *t, const pb_request *r)
{
	if (t->n_resources != r->n_resource_spans)
		return "number of resources";
	for (size_t i = 0; i < r->n_resource_spans; i++) {
		const struct resource *res = &t->resources[i];
		const pb_resource_spans *pb = r->resource_spans[i];
		if (res->n_scopes != pb->n_scope_spans || !same_text(res->schema_url, pb->schema_url) ||
		        !same_attrs(t, &res->attrs, pb->resource ? pb->resource->attributes : NULL,
		                pb->resource ? pb->resource->n_attributes : 0))
			return "resource";
		for (size_t k = 0; k < pb->n_scope_spans; k++) {
			const struct scope *sc = &t->scopes[res->first_scope + k];
			const char *why =
			        sc->resource == res ? scope_differs(t, sc, pb->scope_spans[k]) : "scope links";
			if (why)
				return why;
		}
	}
	return NULL;
}
