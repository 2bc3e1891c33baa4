/* wire.c - the general cases of reading protobuf; see wire.h.
 *
 * The one place that knows how groups are skipped: without recursion, with a stack of field numbers.
 */
#include "lib/otlp/wire.h"

const uint8_t *wire_varint_long(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	uint64_t x = 0;
	for (unsigned shift = 0; p < end; shift += 7) {
		uint64_t b = *p++;
		if (shift == 63 && b > 1)
			return NULL;
		x |= (b & 0x7f) << shift;
		if (b < 0x80) {
			*v = x;
			return p;
		}
	}
	return NULL;
}

const uint8_t *wire_u32_long(const uint8_t *p, const uint8_t *end, uint32_t *v)
{
	uint32_t x = 0;
	for (unsigned shift = 0; p < end; shift += 7) {
		uint32_t b = *p++;
		if (shift == 28 && b > 15)
			return NULL;
		x |= (b & 0x7f) << shift;
		if (b < 0x80) {
			*v = x;
			return p;
		}
	}
	return NULL;
}

static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end, uint32_t type)
{
	uint64_t v;
	uint32_t n;
	switch (type) {
	case WIRE_VARINT:
		return wire_varint(p, end, &v);
	case WIRE_64:
		return end - p >= 8 ? p + 8 : NULL;
	case WIRE_32:
		return end - p >= 4 ? p + 4 : NULL;
	case WIRE_LEN:
		p = wire_len(p, end, &n);
		return p ? p + n : NULL;
	default:
		return NULL;
	}
}

static const uint8_t *skip_group(const uint8_t *p, const uint8_t *end, uint32_t field)
{
	uint32_t open[WIRE_GROUP_DEPTH], tag;
	unsigned n = 0;
	open[n++] = field;
	while (n) {
		p = wire_tag(p, end, &tag);
		if (!p)
			return NULL;
		if ((tag & 7) == WIRE_GROUP) {
			if (n == WIRE_GROUP_DEPTH)
				return NULL;
			open[n++] = tag >> 3;
		} else if ((tag & 7) == WIRE_END_GROUP) {
			if (open[--n] != tag >> 3)
				return NULL;
		} else {
			p = skip_plain(p, end, tag & 7);
			if (!p)
				return NULL;
		}
	}
	return p;
}

const uint8_t *wire_skip(const uint8_t *p, const uint8_t *end, uint32_t tag)
{
	return (tag & 7) == WIRE_GROUP ? skip_group(p, end, tag >> 3) : skip_plain(p, end, tag & 7);
}

bool wire_next(slice *at, struct wire_field *f)
{
	const uint8_t *start = wire_start(*at), *end = wire_end(*at);
	const uint8_t *p = wire_tag(start, end, &f->tag);
	if (!p)
		return false;
	const uint8_t *value = p;
	p = wire_skip(p, end, f->tag);
	if (!p)
		return false;
	f->content = (slice){ 0 };
	if ((f->tag & 7) == WIRE_LEN) {
		uint32_t n = 0;
		value = wire_len(value, end, &n);
		f->content = wire_slice(value, n);
	}
	f->raw = wire_slice(start, (size_t)(p - start));
	*at = wire_slice(p, (size_t)(end - p));
	return true;
}
