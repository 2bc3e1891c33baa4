/* value.c - the elements of lists, one after the other; see traces.h.
 *
 * The bytes were validated when they were scanned. What usual elements look like is read here, the rest by the general
 * reader of the scan, to which every list is one of the last level: lists inside are not looked into.
 */
#include "lib/otlp/scan.h"

/* A length and as many bytes, behind which the message ends. */
static bool plain_rest(const uint8_t *p, const uint8_t *end, slice *out)
{
	uint32_t n;
	p = wire_len(p, end, &n);
	if (!p || n != (size_t)(end - p))
		return false;
	*out = wire_slice(p, n);
	return true;
}

/* An AnyValue of one string, list, bool or small int and nothing else: nearly all that are inside lists. */
static bool plain_any(const uint8_t *p, const uint8_t *end, struct value *v)
{
	static const uint8_t types[] = {
		[TAG(1, WIRE_LEN)] = V_STRING, [TAG(5, WIRE_LEN)] = V_ARRAY, [TAG(6, WIRE_LEN)] = V_KVLIST
	};
	slice rest;
	if (end - p == 2 && p[1] < 0x80 && (p[0] == TAG(2, WIRE_VARINT) || p[0] == TAG(3, WIRE_VARINT))) {
		if (p[0] == TAG(2, WIRE_VARINT))
			*v = (struct value){ .type = V_BOOL, .b = p[1] != 0 };
		else
			*v = (struct value){ .type = V_INT, .i = p[1] };
		return true;
	}
	if (p == end || p[0] >= COUNTOF(types) || !types[p[0]] || !plain_rest(p + 1, end, &rest))
		return false;
	*v = (struct value){ .type = types[p[0]], .s = rest };
	return true;
}

/* A KeyValue of a key and a plain value, in this order. */
static bool plain_kv(const uint8_t *p, const uint8_t *end, slice *key, struct value *v)
{
	uint32_t n;
	slice any;
	if (p == end || *p != TAG(1, WIRE_LEN))
		return false;
	p = wire_len(p + 1, end, &n);
	if (!p || n == (size_t)(end - p) || p[n] != TAG(2, WIRE_LEN) || !plain_rest(p + n + 1, end, &any) ||
	        !plain_any(wire_start(any), wire_end(any), v))
		return false;
	*key = wire_slice(p, n);
	return true;
}

/* The message of the next element; false at the end. */
static bool next_element(slice *at, slice *element)
{
	const uint8_t *p = wire_start(*at), *end = wire_end(*at);
	struct wire_field f;
	uint32_t n;
	if (at->len && *p == TAG(1, WIRE_LEN)) {
		p = wire_len(p + 1, end, &n);
		if (!p)
			return false;
		*element = wire_slice(p, n);
		*at = wire_slice(p + n, (size_t)(end - p) - n);
		return true;
	}
	while (at->len && wire_next(at, &f)) {
		*element = f.content;
		if (f.tag == TAG(1, WIRE_LEN))
			return true;
	}
	return false;
}

bool value_next(slice *at, enum value_type of, slice *key, struct value *v)
{
	slice element;
	*key = (slice){ 0 };
	*v = (struct value){ 0 };
	if (!next_element(at, &element))
		return false;
	const uint8_t *p = wire_start(element), *end = wire_end(element);
	if (of == V_KVLIST ? plain_kv(p, end, key, v) : plain_any(p, end, v))
		return true;
	struct scan_report unused = { 0 };
	struct scan s = { .r = &unused };
	return of == V_KVLIST ? scan_kv(&s, p, end, OTLP_ANYVALUE_DEPTH, key, v)
	                      : scan_any(&s, p, end, OTLP_ANYVALUE_DEPTH, v);
}
