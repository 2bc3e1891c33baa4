/* value.h - values and attributes to wire bytes (lib/otlp only). Writers assume room of the size given.
 *
 * Inline, as each attribute that is added to a request goes through all of it: once for its size, once to be written.
 * A value is always written with its member present, so that false, 0 and "" stay what they are (oneof).
 */
#pragma once
#include "lib/otlp/traces.h"
#include "lib/otlp/wire.h"

/* Number of the field of AnyValue by type; below 16, so that a tag is one byte. */
static inline uint32_t value_tag(enum value_type type)
{
	static const uint8_t tags[] = { [V_STRING] = TAG(1, WIRE_LEN),
		[V_BOOL] = TAG(2, WIRE_VARINT),
		[V_INT] = TAG(3, WIRE_VARINT),
		[V_DOUBLE] = TAG(4, WIRE_64),
		[V_ARRAY] = TAG(5, WIRE_LEN),
		[V_KVLIST] = TAG(6, WIRE_LEN),
		[V_BYTES] = TAG(7, WIRE_LEN) };
	return tags[type];
}

/* Length and `n` bytes. */
static inline size_t sized(size_t n)
{
	return (n < 0x80 ? 1 : wire_varint_size(n)) + n;
}

/* Of an AnyValue message. */
static inline size_t value_size(const struct value *v)
{
	if (LIKELY(v->type == V_STRING))
		return 1 + sized(v->s.len);
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
	return 1 + sized(v->s.len);
}

static inline char *value_put(char *o, const struct value *v)
{
	uint64_t bits;
	if (v->type == V_EMPTY)
		return o;
	*o++ = (char)value_tag(v->type);
	switch (v->type) {
	case V_BOOL:
		*o++ = v->b;
		return o;
	case V_INT:
		return wire_put_varint(o, (uint64_t)v->i);
	case V_DOUBLE:
		memcpy(&bits, &v->d, sizeof(bits));
		return wire_put_fix64(o, bits);
	case V_EMPTY:
	case V_STRING:
	case V_BYTES:
	case V_ARRAY:
	case V_KVLIST:
		break;
	}
	return wire_put_bytes(wire_put_varint(o, v->s.len), v->s);
}

/* Of a KeyValue message whose AnyValue has `any` bytes: the key (when not empty) and the value. */
static inline size_t kv_size_of(slice key, size_t any)
{
	return (key.len ? 1 + sized(key.len) : 0) + 1 + sized(any);
}

/* Of the field of one byte of tag that holds the KeyValue. */
static inline size_t kv_field_size(slice key, const struct value *v)
{
	return 1 + sized(kv_size_of(key, value_size(v)));
}

static inline char *kv_put_field(char *o, uint32_t tag, slice key, const struct value *v)
{
	size_t any = value_size(v);
	*o++ = (char)tag;
	o = wire_put_varint(o, kv_size_of(key, any));
	if (key.len)
		o = wire_put_field(o, TAG(1, WIRE_LEN), key);
	*o++ = (char)TAG(2, WIRE_LEN);
	return value_put(wire_put_varint(o, any), v);
}
