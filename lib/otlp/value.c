/* value.c - values to wire bytes, and back for lists; see value.h and traces.h.
 *
 * A value is always written with its member present, so that false, 0 and "" stay what they are (oneof).
 */
#include "lib/otlp/value.h"

#include "lib/otlp/scan.h"

/* Field of AnyValue by type. */
static const uint32_t tags[] = { [V_STRING] = TAG(1, WIRE_LEN),
	[V_BOOL] = TAG(2, WIRE_VARINT),
	[V_INT] = TAG(3, WIRE_VARINT),
	[V_DOUBLE] = TAG(4, WIRE_64),
	[V_ARRAY] = TAG(5, WIRE_LEN),
	[V_KVLIST] = TAG(6, WIRE_LEN),
	[V_BYTES] = TAG(7, WIRE_LEN) };

size_t value_size(const struct value *v)
{
	switch (v->type) {
	case V_EMPTY:
		return 0;
	case V_BOOL:
		return 2;
	case V_INT:
		return 1 + wire_varint_size((uint64_t)v->i);
	case V_DOUBLE:
		return 9;
	case V_STRING:
	case V_BYTES:
	case V_ARRAY:
	case V_KVLIST:
		break;
	}
	return wire_field_size(tags[v->type], v->s.len);
}

char *value_put(char *o, const struct value *v)
{
	uint64_t bits;
	switch (v->type) {
	case V_EMPTY:
		return o;
	case V_BOOL:
		*o++ = (char)tags[V_BOOL];
		*o++ = v->b;
		return o;
	case V_INT:
		*o++ = (char)tags[V_INT];
		return wire_put_varint(o, (uint64_t)v->i);
	case V_DOUBLE:
		*o++ = (char)tags[V_DOUBLE];
		memcpy(&bits, &v->d, sizeof(bits));
		return wire_put_fix64(o, bits);
	case V_STRING:
	case V_BYTES:
	case V_ARRAY:
	case V_KVLIST:
		break;
	}
	return wire_put_field(o, tags[v->type], v->s);
}

size_t kv_size(slice key, const struct value *v)
{
	size_t n = key.len ? wire_field_size(TAG(1, WIRE_LEN), key.len) : 0;
	return n + wire_field_size(TAG(2, WIRE_LEN), value_size(v));
}

char *kv_put(char *o, slice key, const struct value *v)
{
	if (key.len)
		o = wire_put_field(o, TAG(1, WIRE_LEN), key);
	*o++ = (char)TAG(2, WIRE_LEN);
	return value_put(wire_put_varint(o, value_size(v)), v);
}

/* An AnyValue of one short string, an int or a bool and nothing else: nearly all that are inside lists. It was validated when it was
 * scanned. */
static bool plain_any(const uint8_t *p, const uint8_t *end, struct value *v)
{
	if (end - p < 2)
		return false;
	if (p[0] == TAG(1, WIRE_LEN) && p[1] == end - p - 2 && p[1] < 128) {
		*v = (struct value){ .type = V_STRING, .s = wire_slice(p + 2, p[1]) };
		return true;
	}
	if (end - p != 2 || p[1] >= 128)
		return false;
	if (p[0] == TAG(2, WIRE_VARINT))
		*v = (struct value){ .type = V_BOOL, .b = p[1] != 0 };
	else if (p[0] == TAG(3, WIRE_VARINT))
		*v = (struct value){ .type = V_INT, .i = p[1] };
	else
		return false;
	return true;
}

/* A KeyValue of a short key and a plain value, in this order. */
static bool plain_kv(const uint8_t *p, const uint8_t *end, slice *key, struct value *v)
{
	if (end - p < 4 || p[0] != TAG(1, WIRE_LEN) || p[1] >= 128 || end - p < p[1] + 4)
		return false;
	const uint8_t *second = p + 2 + p[1];
	if (second[0] != TAG(2, WIRE_LEN) || second[1] >= 128 || second[1] != end - second - 2 ||
	        !plain_any(second + 2, end, v))
		return false;
	*key = wire_slice(p + 2, p[1]);
	return true;
}

bool value_next(slice *at, enum value_type of, slice *key, struct value *v)
{
	struct wire_field f;
	*key = (slice){ 0 };
	*v = (struct value){ 0 };
	while (at->len && wire_next(at, &f)) {
		if (f.tag != TAG(1, WIRE_LEN))
			continue;
		const uint8_t *p = wire_start(f.content), *end = wire_end(f.content);
		if (of == V_KVLIST ? plain_kv(p, end, key, v) : plain_any(p, end, v))
			return true;
		/* as if this were the last level: lists inside are not looked into */
		struct scan_report unused = { 0 };
		struct scan s = { .r = &unused };
		return of == V_KVLIST ? scan_kv(&s, p, end, OTLP_ANYVALUE_DEPTH, key, v)
		                      : scan_any(&s, p, end, OTLP_ANYVALUE_DEPTH, v);
	}
	return false;
}
