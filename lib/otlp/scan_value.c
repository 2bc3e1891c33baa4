/* scan_value.c - the general reader of KeyValue and AnyValue, and other parts of the scan that are seldom reached.
 *
 * The readers of scan_read.h handle what exporters write and come here for everything else: unknown fields, unusual order, padded
 * lengths; and for the elements of arrays and lists, which are tried with the same readers first. Recursion ends at OTLP_ANYVALUE_DEPTH; what is deeper is
 * neither looked at nor kept, as its owner is refused.
 */
#include "lib/base/utf8.h"
#include "lib/otlp/scan_read.h"

const uint8_t *scan_bad(struct scan *s, const uint8_t *at, const char *why)
{
	if (!s->why) {
		s->why = why;
		s->at = at;
	}
	return NULL;
}

const uint8_t *scan_other(struct scan *s, const uint8_t *p, const uint8_t *end, uint32_t tag, uint32_t known)
{
	uint32_t field = tag >> 3;
	if (field < 32 && (known >> field & 1))
		return scan_bad(s, p, "a known field has a wrong wire type");
	const uint8_t *next = wire_skip(p, end, tag);
	return next ? next : scan_bad(s, p, "a field is cut off or not valid");
}

void scan_text(struct scan *s, const uint8_t *p, size_t n)
{
	slice at = wire_slice(p, n);
	if (utf8_valid(at))
		return;
	while (at.len) {
		bool ok;
		size_t step = utf8_step(at, &ok);
		s->r->n_utf8 += !ok;
		at.p += step;
		at.len -= step;
	}
}

static bool usual_element(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, bool keyed)
{
	slice key = wire_slice(p, 0); /* of an array's element: none, but bytes that can be read */
	struct value v;
	if (depth > OTLP_ANYVALUE_DEPTH)
		return false;
	return keyed ? usual_kv(s, p, end, depth, &key, &v) : any_usual(s, p, end, depth, key, &v);
}

bool scan_list(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, bool keyed)
{
	while (p < end) {
		const uint8_t *start = p;
		uint32_t tag, n;
		p = wire_tag(p, end, &tag);
		if (!p)
			return scan_bad(s, start, "a tag is not valid");
		if (tag != TAG(1, WIRE_LEN)) {
			p = scan_other(s, p, end, tag, 1U << 1);
			if (!p)
				return false;
			continue;
		}
		p = wire_len(p, end, &n);
		if (!p)
			return scan_bad(s, start, "a length is not valid");
		slice key;
		struct value v = { 0 };
		/* what is broken inside is not looked at twice on each level */
		if (!usual_element(s, p, p + n, depth, keyed) &&
		        (s->why || !(keyed ? scan_kv(s, p, p + n, depth, &key, &v) : scan_any(s, p, p + n, depth, &v))))
			return false;
		p += n;
	}
	return true;
}

static const uint8_t *any_bytes(
        struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, uint32_t field, struct value *v)
{
	static const enum value_type types[8] = { [1] = V_STRING, [5] = V_ARRAY, [6] = V_KVLIST, [7] = V_BYTES };
	uint32_t n;
	p = wire_len(p, end, &n);
	if (!p)
		return NULL;
	if (types[field] == V_STRING)
		scan_text(s, p, n);
	if (types[field] == V_ARRAY || types[field] == V_KVLIST) {
		s->merge |= v->type == types[field];
		if (!scan_list(s, p, p + n, depth + 1, types[field] == V_KVLIST))
			return NULL;
	}
	*v = (struct value){ .type = types[field], .s = wire_slice(p, n) };
	return p + n;
}

/* Everything that is one of the oneof: the last one wins. */
static const uint8_t *any_field(
        struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, uint32_t tag, struct value *v)
{
	uint64_t x;
	switch (tag) {
	case TAG(1, WIRE_LEN):
	case TAG(5, WIRE_LEN):
	case TAG(6, WIRE_LEN):
	case TAG(7, WIRE_LEN):
		return any_bytes(s, p, end, depth, tag >> 3, v);
	case TAG(2, WIRE_VARINT):
		p = wire_varint(p, end, &x);
		*v = (struct value){ .type = V_BOOL, .b = p && x };
		return p;
	case TAG(3, WIRE_VARINT):
		p = wire_varint(p, end, &x);
		*v = (struct value){ .type = V_INT, .i = p ? (int64_t)x : 0 };
		return p;
	case TAG(4, WIRE_64):
		if (end - p < 8)
			return NULL;
		x = wire_fix64(p);
		*v = (struct value){ .type = V_DOUBLE };
		memcpy(&v->d, &x, sizeof(v->d));
		return p + 8;
	case TAG(8, WIRE_VARINT): /* string_value_strindex: of the profiles signal, means nothing here */
		*v = (struct value){ 0 };
		return wire_varint(p, end, &x);
	default:
		return scan_other(s, p, end, tag, 0x1fe);
	}
}

bool scan_any(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, struct value *v)
{
	if (depth > OTLP_ANYVALUE_DEPTH) {
		if (!s->refuse)
			s->refuse = "an AnyValue nests deeper than 64 levels";
		return true;
	}
	while (p < end) {
		const uint8_t *start = p;
		uint32_t tag;
		p = wire_tag(p, end, &tag);
		if (!p)
			return scan_bad(s, start, "a tag is not valid");
		p = any_field(s, p, end, depth, tag, v);
		if (!p)
			return scan_bad(s, start, "an AnyValue is not valid");
	}
	return true;
}

bool scan_kv(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, slice *key, struct value *v)
{
	bool valued = false;
	*key = (slice){ 0 };
	while (p < end) {
		const uint8_t *start = p;
		uint32_t tag, n;
		uint64_t x;
		p = wire_tag(p, end, &tag);
		if (!p)
			return scan_bad(s, start, "a tag is not valid");
		if (tag == TAG(1, WIRE_LEN) || tag == TAG(2, WIRE_LEN)) {
			p = wire_len(p, end, &n);
			if (!p)
				return scan_bad(s, start, "a length is not valid");
			if (tag == TAG(1, WIRE_LEN)) {
				*key = wire_slice(p, n);
				scan_text(s, p, n);
			} else {
				s->merge |= valued;
				valued = true;
				if (!scan_any(s, p, p + n, depth, v))
					return false;
			}
			p += n;
		} else if (tag == TAG(3, WIRE_VARINT)) {
			p = wire_varint(p, end, &x);
		} else {
			p = scan_other(s, p, end, tag, 0xe);
		}
		if (!p)
			return scan_bad(s, start, "a KeyValue is not valid");
	}
	return true;
}
