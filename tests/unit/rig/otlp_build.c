/* otlp_build.c - see otlp_build.h. */
#include "tests/unit/rig/otlp_build.h"

#include <stdarg.h>

#include "lib/base/buf.h"
#include "lib/otlp/wire.h"

const slice w_end = { NULL, 0 };

static char *room(struct arena *a, size_t n)
{
	return arena_zalloc(a, n + BUF_SLACK);
}

slice w_len(struct arena *a, uint32_t field, slice content)
{
	char *p = room(a, content.len + 16);
	return (slice){ p, (size_t)(wire_put_field(p, TAG(field, WIRE_LEN), content) - p) };
}

slice w_int(struct arena *a, uint32_t field, uint64_t v)
{
	char *p = room(a, 16);
	return (slice){ p, (size_t)(wire_put_varint(wire_put_varint(p, TAG(field, WIRE_VARINT)), v) - p) };
}

slice w_fix64(struct arena *a, uint32_t field, uint64_t v)
{
	char *p = room(a, 16);
	return (slice){ p, (size_t)(wire_put_fix64(wire_put_varint(p, TAG(field, WIRE_64)), v) - p) };
}

slice w_fix32(struct arena *a, uint32_t field, uint32_t v)
{
	char *p = room(a, 16);
	return (slice){ p, (size_t)(wire_put_fix64(wire_put_varint(p, TAG(field, WIRE_32)), v) - p) - 4 };
}

slice w_group(struct arena *a, uint32_t field, slice content)
{
	char *p = room(a, content.len + 16), *o = wire_put_varint(p, TAG(field, WIRE_GROUP));
	o = wire_put_varint(wire_put_bytes(o, content), TAG(field, WIRE_END_GROUP));
	return (slice){ p, (size_t)(o - p) };
}

slice w_cat(struct arena *a, ...)
{
	va_list ap;
	size_t n = 0;
	va_start(ap, a);
	for (slice s = va_arg(ap, slice); s.p; s = va_arg(ap, slice))
		n += s.len;
	va_end(ap);
	char *p = room(a, n), *o = p;
	va_start(ap, a);
	for (slice s = va_arg(ap, slice); s.p; s = va_arg(ap, slice))
		o = wire_put_bytes(o, s);
	va_end(ap);
	return (slice){ p, n };
}

slice w_attr_any(struct arena *a, uint32_t field, const char *key, slice any)
{
	return w_len(a, field, w_cat(a, w_len(a, 1, slice_of(key)), w_len(a, 2, any), w_end));
}

slice w_attr(struct arena *a, uint32_t field, const char *key, const char *value)
{
	return w_attr_any(a, field, key, w_len(a, 1, slice_of(value)));
}

slice w_deep(struct arena *a, unsigned levels)
{
	slice any = w_len(a, 1, SLICE("x"));
	while (--levels)
		any = w_len(a, 5, w_len(a, 1, any));
	return any;
}

slice w_ids(struct arena *a)
{
	return w_cat(a, w_len(a, 1, SLICE("0123456789abcdef")), w_len(a, 2, SLICE("01234567")), w_end);
}

slice w_span(struct arena *a, const char *name, slice more)
{
	return w_len(a, 2, w_cat(a, w_ids(a), w_len(a, 5, slice_of(name)), more.p ? more : SLICE(""), w_end));
}

slice w_request(struct arena *a, slice spans)
{
	slice resource = w_len(a, 1, w_attr(a, 1, "service.name", "svc"));
	slice scope = w_len(a, 1, w_len(a, 1, SLICE("scope")));
	return w_len(a, 1, w_cat(a, resource, w_len(a, 2, w_cat(a, scope, spans, w_end)), w_end));
}

slice w_corpus(struct arena *a, const char *name)
{
	FILE *f = fopen(arena_printf(a, "tests/corpus/%s", name), "rb");
	if (!f) {
		fprintf(stderr, "tests/corpus/%s is missing\n", name);
		abort();
	}
	size_t cap = 1 << 20;
	char *p = room(a, cap);
	slice s = { p, fread(p, 1, cap, f) };
	fclose(f);
	return s;
}
