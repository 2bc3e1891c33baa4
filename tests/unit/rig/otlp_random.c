/* otlp_random.c - see otlp_random.h.
 *
 * A message under construction is a list of fields, each in both encodings. Fields of the same number stay in
 * order when a message is shuffled, as protobuf demands; everything else may move.
 */
#include "tests/unit/rig/otlp_random.h"

#include "lib/otlp/wire.h"

uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9E3779B97F4A7C15;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return z ^ z >> 31;
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(rng_next(r) % n);
}

bool rng_one_in(struct rng *r, uint32_t n)
{
	return rng_below(r, n) == 0;
}

enum { MAX_FIELDS = 64 };

struct gen {
	struct rng *r;
	struct arena *a;
	unsigned flags;
	bool odd; /* this request uses odd encodings at all */
};

struct field {
	uint32_t number;
	struct twin bytes;
};

struct msg {
	struct gen *g;
	struct field f[MAX_FIELDS];
	size_t n;
};

static slice join(struct gen *g, slice a, slice b)
{
	char *p = arena_alloc(g->a, a.len + b.len);
	wire_put_bytes(wire_put_bytes(p, a), b);
	return (slice){ p, a.len + b.len };
}

static bool oddly(struct gen *g, uint32_t n)
{
	return g->odd && rng_one_in(g->r, n);
}

/* A varint of at most `max` bytes, longer than needed when `pad`. */
static char *put_padded(char *o, uint64_t v, size_t size)
{
	for (; size > 1; size--, v >>= 7)
		*o++ = (char)(v | 0x80);
	*o++ = (char)(v & 0x7f);
	return o;
}

static slice varint(struct gen *g, uint64_t v, size_t max, bool odd)
{
	char *p = arena_alloc(g->a, 16);
	size_t size = wire_varint_size(v);
	if (odd && oddly(g, 12))
		size += rng_below(g->r, (uint32_t)(max - size + 1));
	return (slice){ p, (size_t)(put_padded(p, v, size) - p) };
}

static void add(struct msg *m, uint32_t number, slice plain, slice odd)
{
	if (m->n < MAX_FIELDS)
		m->f[m->n++] = (struct field){ number, { plain, odd } };
}

static slice tagged(struct gen *g, uint32_t tag, slice content, bool odd)
{
	slice head = varint(g, tag, 5, odd);
	if ((tag & 7) == WIRE_LEN)
		head = join(g, head, varint(g, content.len, 5, odd));
	return join(g, head, content);
}

static struct twin twin_field(struct gen *g, uint32_t tag, struct twin content)
{
	return (struct twin){ tagged(g, tag, content.plain, false), tagged(g, tag, content.odd, true) };
}

static slice scalar(struct gen *g, uint32_t type, uint64_t v, bool odd)
{
	char *p = arena_alloc(g->a, 16);
	if (type == WIRE_VARINT)
		return varint(g, v, 10, odd);
	wire_put_fix64(p, v);
	return (slice){ p, type == WIRE_64 ? 8 : 4 };
}

/* A singular scalar or string; oddly an earlier value that loses comes before it. */
static void add_last_wins(struct msg *m, uint32_t tag, slice plain, slice odd, slice loser)
{
	struct gen *g = m->g;
	struct twin t = { tagged(g, tag, plain, false), tagged(g, tag, odd, true) };
	if (oddly(g, 10))
		t.odd = join(g, tagged(g, tag, loser, true), t.odd);
	add(m, tag >> 3, t.plain, t.odd);
}

static void add_number(struct msg *m, uint32_t field, uint32_t type, uint64_t v)
{
	struct gen *g = m->g;
	if (type == WIRE_32)
		v &= UINT32_MAX;
	add_last_wins(m, TAG(field, type), scalar(g, type, v, false), scalar(g, type, v, true),
	        scalar(g, type, rng_next(g->r), true));
}

slice random_text(struct rng *r, struct arena *a)
{
	static const char *const words[] = { "a", "gpt", "\xC3\xA9", "\xE2\x80\x9C", "\xF0\x9F\x98\x80", " ", "token",
		"\xEF\xBF\xBD", "0123456789", "x\ty" };
	uint32_t n = rng_one_in(r, 30) ? rng_below(r, 400) : rng_below(r, 6);
	char *p = arena_alloc(a, (size_t)n * 10 + 1), *o = p;
	for (uint32_t i = 0; i < n; i++)
		o = wire_put_bytes(o, slice_of(words[rng_below(r, COUNTOF(words))]));
	return (slice){ p, (size_t)(o - p) };
}

slice random_key(struct rng *r)
{
	static const char *const keys[] = { "gen_ai.system", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
		"k", "", "http.method", "\xC3\xA9t\xC3\xA9",
		"a.long.attribute.key.that.is.not.well.known.at.all.but.long", "user.id" };
	return slice_of(keys[rng_below(r, COUNTOF(keys))]);
}

static void add_text(struct msg *m, uint32_t field, slice s)
{
	add_last_wins(m, TAG(field, WIRE_LEN), s, s, random_text(m->g->r, m->g->a));
}

static slice random_bytes(struct gen *g, size_t n)
{
	char *p = arena_alloc(g->a, n);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)rng_next(g->r);
	return (slice){ p, n };
}

/* A group with fields and groups inside. */
static slice random_group(struct gen *g, uint32_t field, unsigned depth)
{
	slice s = { 0 };
	for (uint32_t i = rng_below(g->r, 3); i; i--) {
		if (depth && rng_one_in(g->r, 2))
			s = join(g, s, random_group(g, 1 + rng_below(g->r, 40), depth - 1));
		else
			s = join(
			        g, s, tagged(g, TAG(1 + rng_below(g->r, 30), WIRE_LEN), random_text(g->r, g->a), true));
	}
	s = join(g, varint(g, TAG(field, WIRE_GROUP), 5, true), s);
	return join(g, s, varint(g, TAG(field, WIRE_END_GROUP), 5, true));
}

/* Unknown fields are in both encodings, groups in the odd one only. */
static void add_unknown(struct msg *m)
{
	struct gen *g = m->g;
	if (!rng_one_in(g->r, 12))
		return;
	static const uint32_t types[] = { WIRE_VARINT, WIRE_64, WIRE_LEN, WIRE_32 };
	uint32_t field = rng_one_in(g->r, 4) ? 1000 : 100 + rng_below(g->r, 3000);
	uint32_t type = types[rng_below(g->r, COUNTOF(types))];
	slice content =
	        type == WIRE_LEN ? random_bytes(g, rng_below(g->r, 20)) : scalar(g, type, rng_next(g->r), false);
	slice raw = tagged(g, TAG(field, type), content, false);
	add(m, field, raw, raw);
	if (oddly(g, 2))
		add(m, 4000 + rng_below(g->r, 50), (slice){ 0 }, random_group(g, 4000, 3));
}

/* `order` 0 ascending, 1 descending, 2 shuffled; fields of one number stay in order. */
static void arrange(struct msg *m, unsigned order)
{
	uint64_t key[MAX_FIELDS], salt = rng_next(m->g->r);
	for (size_t i = 0; i < m->n; i++) {
		struct rng h = { salt ^ m->f[i].number * 0x10001 };
		key[i] = order == 2 ? rng_next(&h) : order == 1 ? UINT32_MAX - m->f[i].number : m->f[i].number;
	}
	for (size_t i = 1; i < m->n; i++) {
		for (size_t j = i; j && key[j - 1] > key[j]; j--) {
			struct field f = m->f[j];
			uint64_t k = key[j];
			m->f[j] = m->f[j - 1], key[j] = key[j - 1];
			m->f[j - 1] = f, key[j - 1] = k;
		}
	}
}

static slice concat(struct msg *m, size_t from, size_t to, bool odd)
{
	slice s = { 0 };
	for (size_t i = from; i < to; i++)
		s = join(m->g, s, odd ? m->f[i].bytes.odd : m->f[i].bytes.plain);
	return s;
}

static struct twin whole(struct msg *m)
{
	struct twin t;
	add_unknown(m);
	arrange(m, 0);
	t.plain = concat(m, 0, m->n, false);
	arrange(m, m->g->odd ? rng_below(m->g->r, 3) : 0);
	t.odd = concat(m, 0, m->n, true);
	return t;
}

/* A singular message of `out`, oddly in two parts that protobuf merges. */
static void add_singular(struct msg *out, uint32_t field, struct msg *m)
{
	struct gen *g = m->g;
	uint32_t tag = TAG(field, WIRE_LEN);
	struct twin t = whole(m);
	slice plain = tagged(g, tag, t.plain, false);
	if (!oddly(g, 8)) {
		add(out, field, plain, tagged(g, tag, t.odd, true));
		return;
	}
	size_t cut = rng_below(g->r, (uint32_t)m->n + 1);
	add(out, field, plain, tagged(g, tag, concat(m, 0, cut, true), true));
	add(out, field, (slice){ 0 }, tagged(g, tag, concat(m, cut, m->n, true), true));
}

static struct twin any(struct gen *g, unsigned depth);

static struct twin key_value(struct gen *g, unsigned depth)
{
	struct msg m = { .g = g };
	add_text(&m, 1, random_key(g->r));
	if (rng_one_in(g->r, 100))
		add_number(&m, 3, WIRE_VARINT, rng_below(g->r, 5));
	if (!rng_one_in(g->r, 20)) {
		struct twin t = any(g, depth);
		struct twin f = twin_field(g, TAG(2, WIRE_LEN), t);
		if (oddly(g, 15)) /* an earlier value of another type loses */
			f.odd = join(g, tagged(g, TAG(2, WIRE_LEN), SLICE("\x3a\x01z"), true), f.odd);
		if (t.plain.len == 0)
			f.odd = f.plain;
		add(&m, 2, f.plain, f.odd);
	}
	return whole(&m);
}

/* The elements of an array or kvlist; oddly the list comes in two fields that merge. */
static struct twin list(struct gen *g, uint32_t tag, unsigned depth)
{
	struct twin part[2] = { 0 };
	uint32_t n = rng_below(g->r, 4), cut = oddly(g, 6) ? rng_below(g->r, n + 1) : n;
	for (uint32_t i = 0; i < n; i++) {
		struct twin e = tag == TAG(5, WIRE_LEN) ? any(g, depth + 1) : key_value(g, depth + 1);
		e = twin_field(g, TAG(1, WIRE_LEN), e);
		part[0].plain = join(g, part[0].plain, e.plain);
		part[i >= cut].odd = join(g, part[i >= cut].odd, e.odd);
	}
	struct twin t = twin_field(g, tag, part[0]);
	if (cut < n)
		t.odd = join(g, t.odd, tagged(g, tag, part[1].odd, true));
	return t;
}

/* `levels` arrays around a string. */
static struct twin deep(struct gen *g, unsigned levels)
{
	slice s = tagged(g, TAG(1, WIRE_LEN), SLICE("x"), false);
	for (; levels; levels--)
		s = tagged(g, TAG(5, WIRE_LEN), tagged(g, TAG(1, WIRE_LEN), s, false), false);
	return (struct twin){ s, s };
}

/* An AnyValue; `depth` is its level. */
static struct twin any(struct gen *g, unsigned depth)
{
	static const uint32_t tags[] = { TAG(1, WIRE_LEN), TAG(1, WIRE_LEN), TAG(1, WIRE_LEN), TAG(2, WIRE_VARINT),
		TAG(3, WIRE_VARINT), TAG(4, WIRE_64), TAG(5, WIRE_LEN), TAG(6, WIRE_LEN), TAG(7, WIRE_LEN),
		TAG(8, WIRE_VARINT), 0 };
	uint32_t tag = tags[rng_below(g->r, COUNTOF(tags))];
	struct twin t = { 0 };
	if (depth == 1 && rng_one_in(g->r, 300)) /* 64 levels are allowed */
		return deep(g, g->flags & RANDOM_DEEP ? 62 + rng_below(g->r, 4) : 63);
	if (!tag || (depth > 4 && (tag == TAG(5, WIRE_LEN) || tag == TAG(6, WIRE_LEN))))
		return t;
	if (tag == TAG(5, WIRE_LEN) || tag == TAG(6, WIRE_LEN)) {
		t = list(g, tag, depth);
	} else {
		uint64_t v = tag == TAG(2, WIRE_VARINT) ? rng_below(g->r, 2) : rng_next(g->r) >> rng_below(g->r, 64);
		slice s = tag == TAG(1, WIRE_LEN) ? random_text(g->r, g->a) : random_bytes(g, rng_below(g->r, 9));
		bool text = (tag & 7) == WIRE_LEN;
		t.plain = tagged(g, tag, text ? s : scalar(g, tag & 7, v, false), false);
		t.odd = tagged(g, tag, text ? s : scalar(g, tag & 7, v, true), true);
	}
	if (oddly(g, 15)) /* another member before: loses */
		t.odd = join(g, tag == TAG(2, WIRE_VARINT) ? SLICE("\x2a\x00") : SLICE("\x10\x01"), t.odd);
	return t;
}

static void add_attrs(struct msg *m, uint32_t field, uint32_t max)
{
	for (uint32_t n = rng_below(m->g->r, max + 1); n; n--) {
		struct twin t = twin_field(m->g, TAG(field, WIRE_LEN), key_value(m->g, 1));
		add(m, field, t.plain, t.odd);
	}
}

/* A dropped_..._count. */
static void add_count(struct msg *m, uint32_t field)
{
	if (rng_one_in(m->g->r, 6))
		add_number(m, field, WIRE_VARINT, rng_next(m->g->r) & UINT32_MAX);
}

static slice id(struct gen *g, size_t n)
{
	if (!(g->flags & RANDOM_BAD_IDS) || !rng_one_in(g->r, 20))
		return random_bytes(g, n);
	uint32_t what = rng_below(g->r, 3);
	char *zero = arena_zalloc(g->a, n);
	return what == 0 ? (slice){ zero, n } : random_bytes(g, what == 1 ? 0 : rng_below(g->r, 20));
}

static void add_id(struct msg *m, uint32_t field, slice s)
{
	struct twin t = twin_field(m->g, TAG(field, WIRE_LEN), (struct twin){ s, s });
	if (s.len)
		add(m, field, t.plain, t.odd);
}

static struct twin event(struct gen *g)
{
	struct msg m = { .g = g };
	add_number(&m, 1, WIRE_64, rng_next(g->r));
	add_text(&m, 2, random_text(g->r, g->a));
	add_attrs(&m, 3, 3);
	add_count(&m, 4);
	return whole(&m);
}

static struct twin link(struct gen *g)
{
	struct msg m = { .g = g };
	add_id(&m, 1, rng_one_in(g->r, 9) ? (slice){ 0 } : id(g, 16));
	add_id(&m, 2, id(g, 8));
	add_text(&m, 3, random_text(g->r, g->a));
	add_attrs(&m, 4, 3);
	add_count(&m, 5);
	add_number(&m, 6, WIRE_32, rng_below(g->r, 1000));
	return whole(&m);
}

static void add_status(struct msg *span)
{
	struct msg m = { .g = span->g };
	if (rng_one_in(m.g->r, 2))
		add_text(&m, 2, random_text(m.g->r, m.g->a));
	if (rng_one_in(m.g->r, 2))
		add_number(&m, 3, WIRE_VARINT, rng_below(m.g->r, 3));
	add_singular(span, 15, &m);
}

static void add_children(struct msg *m, uint32_t field, struct twin (*make)(struct gen *g), uint32_t max)
{
	for (uint32_t n = rng_below(m->g->r, max + 1); n; n--) {
		struct twin t = twin_field(m->g, TAG(field, WIRE_LEN), make(m->g));
		add(m, field, t.plain, t.odd);
	}
}

static struct twin span(struct gen *g)
{
	struct msg m = { .g = g };
	add_id(&m, 1, id(g, 16));
	add_id(&m, 2, id(g, 8));
	if (rng_one_in(g->r, 3))
		add_text(&m, 3, random_text(g->r, g->a));
	if (rng_one_in(g->r, 2))
		add_id(&m, 4, id(g, 8));
	add_text(&m, 5, random_text(g->r, g->a));
	add_number(&m, 6, WIRE_VARINT, rng_below(g->r, 6));
	add_number(&m, 7, WIRE_64, rng_next(g->r));
	add_number(&m, 8, WIRE_64, rng_next(g->r));
	add_attrs(&m, 9, 6);
	add_count(&m, 10);
	if (rng_one_in(g->r, 2))
		add_children(&m, 11, event, 2);
	add_count(&m, 12);
	if (rng_one_in(g->r, 3))
		add_children(&m, 13, link, 2);
	add_count(&m, 14);
	if (rng_one_in(g->r, 2))
		add_status(&m);
	if (rng_one_in(g->r, 2))
		add_number(&m, 16, WIRE_32, rng_below(g->r, 1024));
	return whole(&m);
}

static struct twin scope_spans(struct gen *g)
{
	struct msg m = { .g = g }, scope = { .g = g };
	add_text(&scope, 1, random_text(g->r, g->a));
	add_text(&scope, 2, random_text(g->r, g->a));
	add_attrs(&scope, 3, 2);
	add_count(&scope, 4);
	if (!rng_one_in(g->r, 8))
		add_singular(&m, 1, &scope);
	add_children(&m, 2, span, 3);
	if (rng_one_in(g->r, 2))
		add_text(&m, 3, random_text(g->r, g->a));
	return whole(&m);
}

static struct twin entity(struct gen *g)
{
	struct msg m = { .g = g };
	for (uint32_t field = 1; field <= 2; field++)
		add_text(&m, field, random_text(g->r, g->a));
	for (uint32_t field = 3; field <= 4; field++) {
		slice s = random_text(g->r, g->a);
		struct twin t = twin_field(g, TAG(field, WIRE_LEN), (struct twin){ s, s });
		add(&m, field, t.plain, t.odd);
	}
	return whole(&m);
}

static struct twin resource_spans(struct gen *g)
{
	struct msg m = { .g = g }, resource = { .g = g };
	add_attrs(&resource, 1, 4);
	add_count(&resource, 2);
	if (rng_one_in(g->r, 4))
		add_children(&resource, 3, entity, 2);
	if (!rng_one_in(g->r, 8))
		add_singular(&m, 1, &resource);
	add_children(&m, 2, scope_spans, 3);
	if (rng_one_in(g->r, 2))
		add_text(&m, 3, random_text(g->r, g->a));
	return whole(&m);
}

struct twin random_request(struct rng *r, struct arena *a, unsigned flags)
{
	struct gen g = { r, a, flags, .odd = !rng_one_in(r, 4) };
	struct msg m = { .g = &g };
	add_children(&m, 1, resource_spans, 2);
	return whole(&m);
}

slice random_copy(struct arena *a, slice s, size_t slack)
{
	char *p = arena_zalloc(a, s.len + slack + 1);
	wire_put_bytes(p, s);
	return (slice){ p, s.len };
}

slice random_damage(struct rng *r, struct arena *a, slice s, size_t slack)
{
	slice out = random_copy(a, s, slack);
	char *p = arena_zalloc(a, s.len + slack + 1);
	wire_put_bytes(p, s);
	out.p = p;
	for (uint32_t n = 1 + rng_below(r, 3); n && out.len; n--) {
		size_t at = rng_below(r, (uint32_t)out.len), len = rng_below(r, 8);
		len = len > out.len - at ? out.len - at : len;
		switch (rng_below(r, 6)) {
		case 0:
			p[at] = (char)((unsigned char)p[at] ^ 1U << rng_below(r, 8));
			break;
		case 1: /* a length or a small number a little off */
			p[at] = (char)(p[at] + (rng_one_in(r, 2) ? 1 : -1));
			break;
		case 2:
			p[at] = (char)rng_next(r);
			break;
		case 3: /* cut off */
			if (rng_one_in(r, 3))
				out.len = at;
			break;
		case 4: /* a range is gone */
			memmove(p + at, p + at + len, out.len - at - len);
			out.len -= len;
			break;
		default: /* a range is overwritten by another */
			memmove(p + at, p + rng_below(r, (uint32_t)(out.len - len + 1)), len);
		}
	}
	memset(p + out.len, 0, slack);
	return out;
}
