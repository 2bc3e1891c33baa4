/* check.c - validation of logs and metrics by the tables of shape.h; see encode.h.
 *
 * The same rules as for traces, except that nothing is refused alone: an id of the wrong length or an AnyValue
 * that is too deep makes the request malformed. Attributes go through the same readers as those of spans.
 */
#include "lib/otlp/rewrite.h"
#include "lib/otlp/scan_read.h"
#include "lib/otlp/shape.h"

struct check {
	struct scan scan;
	uint32_t n_items;
};

static bool packed(const uint8_t *p, const uint8_t *end, enum shape_kind kind)
{
	uint64_t v;
	if (kind == F_FIX64)
		return (end - p) % 8 == 0;
	while (p && p < end)
		p = wire_varint(p, end, &v);
	return p;
}

static const uint8_t *check_scalar(const uint8_t *p, const uint8_t *end, uint32_t type, struct shape_field sf)
{
	uint32_t want = sf.kind == F_VARINT ? WIRE_VARINT : sf.kind == F_FIX64 ? WIRE_64 : WIRE_32;
	slice s;
	if (type == want)
		return wire_skip(p, end, type);
	if (!sf.repeated || type != WIRE_LEN)
		return NULL;
	p = take_bytes(p, end, &s);
	return p && packed(wire_start(s), wire_end(s), sf.kind) ? p : NULL;
}

static bool check_message(struct check *c, const uint8_t *p, const uint8_t *end, const struct shape *m);

static const uint8_t *check_bytes(struct check *c, const uint8_t *p, const uint8_t *end, struct shape_field sf)
{
	slice s, key;
	struct value v = { 0 };
	bool ok = true;
	p = take_bytes(p, end, &s);
	if (!p)
		return NULL;
	if (sf.kind == F_TEXT)
		text(&c->scan, wire_start(s), s.len);
	else if (sf.kind == F_ID16 || sf.kind == F_ID8)
		ok = s.len == 0 || s.len == (sf.kind == F_ID16 ? 16 : 8);
	else if (sf.msg == &shape_kv)
		ok = read_kv(&c->scan, wire_start(s), p, &key, &v);
	else if (sf.kind == F_MSG && sf.msg->any)
		ok = scan_any(&c->scan, wire_start(s), p, 1, &v);
	else if (sf.kind == F_MSG)
		ok = check_message(c, wire_start(s), p, sf.msg);
	return ok && !c->scan.refuse ? p : NULL;
}

static bool check_message(struct check *c, const uint8_t *p, const uint8_t *end, const struct shape *m)
{
	c->n_items += m->item;
	while (p < end) {
		const uint8_t *start = p;
		uint32_t tag;
		p = wire_tag(p, end, &tag);
		if (!p)
			return scan_bad(&c->scan, start, "a tag is not valid");
		struct shape_field sf = shape_field(m, tag >> 3);
		if (sf.kind == F_NONE)
			p = wire_skip(p, end, tag);
		else if (sf.kind == F_VARINT || sf.kind == F_FIX64 || sf.kind == F_FIX32)
			p = check_scalar(p, end, tag & 7, sf);
		else
			p = (tag & 7) == WIRE_LEN ? check_bytes(c, p, end, sf) : NULL;
		if (!p)
			return scan_bad(&c->scan, start, c->scan.refuse ? c->scan.refuse : "a field is not valid");
	}
	return true;
}

/* Counts again: of the data of a metric that is there twice only the last is left. */
static int repair(enum signal signal, slice body, struct pool *pool, uint32_t *n_items, struct buf **repaired)
{
	struct scan_report r = { 0 };
	struct check c = { .scan = { .r = &r } };
	int rc = otlp_rewrite(signal, body, pool, repaired);
	if (rc)
		return rc;
	body = buf_slice(*repaired);
	(void)check_message(&c, wire_start(body), wire_end(body), shape_request(signal)); /* sound, as it was */
	*n_items = c.n_items;
	return 0;
}

int otlp_check(enum signal signal, slice body, struct pool *pool, uint32_t *n_items, uint64_t *n_utf8,
        struct buf **repaired, struct err *e)
{
	struct scan_report r = { 0 };
	struct check c = { .scan = { .r = &r } };
	*repaired = NULL;
	*n_items = 0;
	*n_utf8 = 0;
	if (body.len > INT32_MAX)
		return err_set(e, "not a valid OTLP request: it is larger than 2 GiB");
	if (!check_message(&c, wire_start(body), wire_end(body), shape_request(signal)))
		return err_set(e, "not a valid OTLP request: %s (byte %zu)", c.scan.why,
		        (size_t)(c.scan.at - wire_start(body)));
	*n_items = c.n_items;
	*n_utf8 = r.n_utf8;
	return r.n_utf8 ? repair(signal, body, pool, n_items, repaired) : 0;
}
