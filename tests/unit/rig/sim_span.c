/* sim_span.c - requests whose items have numbers: a span id is the number of its span (see sim.h).
 *
 * What an item looks like follows from its number, so that one which arrives changed is known by its sum. */
#include "lib/base/crc32c.h"
#include "lib/base/strbuf.h"
#include "lib/otlp/wire.h"
#include "tests/unit/rig/sim.h"

enum { MAX_BODY = 1 << 20 };

static void put_len(struct strbuf *b, uint32_t field, slice content)
{
	char head[16];
	uint8_t *p = (uint8_t *)head;
	uint32_t v[] = { TAG(field, WIRE_LEN), (uint32_t)content.len };
	for (size_t i = 0; i < COUNTOF(v); i++)
		for (;; v[i] >>= 7) {
			*p++ = (uint8_t)((v[i] & 0x7f) | (v[i] > 0x7f ? 0x80 : 0));
			if (v[i] <= 0x7f)
				break;
		}
	strbuf_add(b, (slice){ head, (size_t)((char *)p - head) });
	strbuf_add(b, content);
}

static void put_item(struct strbuf *out, struct strbuf *pad, enum signal signal, uint32_t id, size_t padding)
{
	static const char trace_id[] = "0123456789abcdef";
	uint8_t span_id[8] = { 1, 0, 0, 0, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };
	slice sid = { (char *)span_id, 8 };
	strbuf_clear(out);
	strbuf_clear(pad);
	memset(strbuf_room(pad, padding + 1), 'a' + (int)(id % 26), padding + 1);
	pad->len += padding + 1;
	if (signal == TRACES) {
		put_len(out, 1, (slice){ trace_id, 16 });
		put_len(out, 2, sid);
		put_len(out, 5, strbuf_slice(pad));
		return;
	}
	put_len(out, 3, strbuf_slice(pad)); /* severity_text */
	put_len(out, 9, (slice){ trace_id, 16 });
	put_len(out, 10, sid);
}

struct buf *sim_body(struct sim *s, struct sim_request *r, size_t padding)
{
	struct strbuf item, pad, scope, resource;
	strbuf_init(&item, MAX_BODY);
	strbuf_init(&pad, MAX_BODY);
	strbuf_init(&scope, MAX_BODY);
	strbuf_init(&resource, MAX_BODY);
	for (uint32_t i = 0; i < r->n; i++) {
		put_item(&item, &pad, r->signal, r->first + i, padding);
		s->sums[r->first + i] = crc32c(0, item.p, item.len);
		put_len(&scope, 2, strbuf_slice(&item));
	}
	put_len(&resource, 2, strbuf_slice(&scope));
	strbuf_clear(&scope);
	put_len(&scope, 1, strbuf_slice(&resource));
	struct buf *b = buf_copy(core_pool(s->core), strbuf_slice(&scope));
	strbuf_release(&item);
	strbuf_release(&pad);
	strbuf_release(&scope);
	strbuf_release(&resource);
	return b;
}

/* The next field of [p, end) that is `field`, which is length-delimited; NULL: there is none. */
static const uint8_t *find(const uint8_t *p, const uint8_t *end, uint32_t field, slice *out)
{
	while (p && p < end) {
		uint32_t tag, n;
		p = wire_tag(p, end, &tag);
		if (p && tag == TAG(field, WIRE_LEN)) {
			p = wire_len(p, end, &n);
			if (!p)
				return NULL;
			*out = (slice){ (const char *)p, n };
			return p + n;
		}
		p = p ? wire_skip(p, end, tag) : NULL;
	}
	return NULL;
}

static const uint8_t *start(slice s)
{
	return (const uint8_t *)s.p;
}

static bool item_of(enum signal signal, slice item, uint32_t *id)
{
	slice sid;
	if (!find(start(item), start(item) + item.len, signal == TRACES ? 2 : 10, &sid) || sid.len != 8)
		return false;
	const uint8_t *b = start(sid);
	*id = (uint32_t)b[4] << 24 | (uint32_t)b[5] << 16 | (uint32_t)b[6] << 8 | b[7];
	return b[0] == 1;
}

bool sim_items(enum signal signal, slice body, void (*each)(void *ctx, uint32_t id, uint32_t sum), void *ctx)
{
	slice resource, scope, item;
	uint32_t id;
	for (const uint8_t *p = start(body); (p = find(p, start(body) + body.len, 1, &resource));)
		for (const uint8_t *q = start(resource); (q = find(q, start(resource) + resource.len, 2, &scope));)
			for (const uint8_t *t = start(scope); (t = find(t, start(scope) + scope.len, 2, &item));) {
				if (!item_of(signal, item, &id))
					return false;
				each(ctx, id, crc32c(0, item.p, item.len));
			}
	return true;
}
