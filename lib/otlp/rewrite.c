/* rewrite.c - a schema walk that copies a body with text repaired and split singular messages joined; see rewrite.h.
 *
 * A message is read as a list of byte ranges (a merged message is the concatenation of its occurrences), and
 * written forward: room for the length is left and the content moved in the rare case that it does not fit. Of a
 * oneof only the last member is kept, joined with those of the same kind right before it. Unknown fields and
 * what is too deep is copied as it is.
 */
#include "lib/otlp/rewrite.h"

#include "lib/base/arena.h"
#include "lib/base/utf8.h"
#include "lib/otlp/shape.h"
#include "lib/otlp/traces.h"
#include "lib/otlp/wire.h"

struct segment {
	slice s;
	struct segment *next;
};

struct rewrite {
	struct arena arena; /* segments of split messages */
	size_t budget; /* for it: what an index of the body may take */
	struct buf *out;
	bool failed;
};

/* Room for n more bytes. */
static bool room(struct rewrite *w, size_t n)
{
	size_t need = w->out->len + n;
	if (!w->failed && need > w->out->cap)
		w->failed = buf_reserve(&w->out, need + w->out->cap / 4) != 0;
	return !w->failed;
}

static void put(struct rewrite *w, slice s)
{
	if (s.len && room(w, s.len)) {
		memcpy(w->out->data + w->out->len, s.p, s.len);
		w->out->len += s.len;
	}
}

static void put_varint(struct rewrite *w, uint64_t v)
{
	char tmp[10];
	put(w, (slice){ tmp, (size_t)(wire_put_varint(tmp, v) - tmp) });
}

/* Leaves room for the length of about n bytes; returns where. */
static size_t open_length(struct rewrite *w, uint32_t tag, size_t n)
{
	put_varint(w, tag);
	size_t at = w->out->len;
	put_varint(w, n);
	return at;
}

static void close_length(struct rewrite *w, size_t at, size_t reserved)
{
	if (w->failed)
		return;
	size_t n = w->out->len - at - reserved, size = wire_varint_size(n);
	if (size > reserved && !room(w, size - reserved))
		return;
	char *p = w->out->data + at;
	if (size != reserved)
		memmove(p + size, p + reserved, n);
	wire_put_varint(p, n);
	w->out->len = at + size + n;
}

/* The bytes before the first bad sequence; *bad is the length of that, 0 at the end. */
static size_t good_run(slice s, size_t *bad)
{
	size_t n = 0;
	bool ok = true;
	for (*bad = 0; n < s.len && ok;) {
		*bad = utf8_step((slice){ s.p + n, s.len - n }, &ok);
		n += ok ? *bad : 0;
	}
	*bad = ok ? 0 : *bad;
	return n;
}

static void put_text(struct rewrite *w, uint32_t number, slice s)
{
	size_t at = open_length(w, TAG(number, WIRE_LEN), s.len), reserved = wire_varint_size(s.len);
	/* asked once: it looks at everything, and a text may be bad in every byte */
	for (bool sound = utf8_valid(s); s.len && !w->failed;) {
		size_t bad = 0, good = sound ? s.len : good_run(s, &bad);
		put(w, (slice){ s.p, good });
		if (bad)
			put(w, SLICE("\xEF\xBF\xBD"));
		s = (slice){ s.p + good + bad, s.len - good - bad };
	}
	close_length(w, at, reserved);
}

/* The fields of a message that lies in several ranges. */
struct cursor {
	const struct segment *seg;
	slice at;
};

static bool next_field(struct cursor *c, struct wire_field *f)
{
	while (!c->at.len && c->seg) {
		c->at = c->seg->s;
		c->seg = c->seg->next;
	}
	return c->at.len && wire_next(&c->at, f);
}

static bool append(struct rewrite *w, struct segment ***tail, slice s)
{
	if (!s.len)
		return true;
	struct segment *seg = w->arena.used < w->budget ? arena_try(&w->arena, sizeof(*seg)) : NULL;
	if (!seg) {
		w->failed = true;
		return false;
	}
	*seg = (struct segment){ s, NULL };
	**tail = seg;
	*tail = &seg->next;
	return true;
}

/* All occurrences of a singular message, from the one in hand on; NULL when they are empty. */
static const struct segment *occurrences(struct rewrite *w, struct cursor c, const struct wire_field *first)
{
	struct segment *segs = NULL, **tail = &segs;
	struct wire_field f = *first;
	do {
		if (f.tag == first->tag && !append(w, &tail, f.content))
			return NULL;
	} while (next_field(&c, &f));
	return segs;
}

/* The member of the oneof that counts: its last occurrence, and for a message those that merge with it. */
static const struct segment *chosen(struct rewrite *w, const struct shape *m, struct cursor c,
        const struct wire_field *first, struct wire_field *last)
{
	struct segment *segs = NULL, **tail = &segs;
	struct wire_field f = *first;
	last->tag = 0;
	do {
		struct shape_field sf = shape_field(m, f.tag >> 3);
		if (!sf.oneof)
			continue;
		if (f.tag != last->tag) {
			segs = NULL;
			tail = &segs;
		}
		*last = f;
		if (sf.kind == F_MSG && !append(w, &tail, f.content))
			return NULL;
	} while (next_field(&c, &f));
	return segs;
}

static void rewrite(struct rewrite *w, const struct shape *m, const struct segment *segs, unsigned depth);

static void put_msg(struct rewrite *w, uint32_t tag, const struct shape *m, const struct segment *segs, unsigned depth)
{
	size_t n = 0;
	for (const struct segment *seg = segs; seg; seg = seg->next)
		n += seg->s.len;
	size_t at = open_length(w, tag, n);
	rewrite(w, m, segs, depth);
	close_length(w, at, wire_varint_size(n));
}

static void put_field(struct rewrite *w, const struct wire_field *f, struct shape_field sf, const struct segment *segs,
        unsigned depth)
{
	if (sf.kind == F_MSG)
		put_msg(w, f->tag, sf.msg, segs, depth);
	else if (sf.kind == F_TEXT)
		put_text(w, f->tag >> 3, f->content);
	else
		put(w, f->raw);
}

static void rewrite(struct rewrite *w, const struct shape *m, const struct segment *segs, unsigned depth)
{
	if (m->any && ++depth > OTLP_ANYVALUE_DEPTH) {
		for (; segs; segs = segs->next)
			put(w, segs->s);
		return;
	}
	struct cursor c = { segs, { 0 } };
	struct wire_field f;
	uint32_t done = 0; /* bit N: singular message N is written; bit 0: the oneof */
	while (!w->failed && next_field(&c, &f)) {
		struct shape_field sf = shape_field(m, f.tag >> 3);
		struct segment one = { f.content, NULL };
		const struct segment *all = &one;
		if (sf.oneof || (sf.kind == F_MSG && !sf.repeated)) {
			uint32_t bit = 1U << (sf.oneof ? 0 : f.tag >> 3);
			if (done & bit)
				continue;
			done |= bit;
			all = sf.oneof ? chosen(w, m, c, &f, &f) : occurrences(w, c, &f);
			sf = shape_field(m, f.tag >> 3);
		}
		put_field(w, &f, sf, all, depth);
	}
}

int otlp_rewrite(enum signal signal, slice body, struct pool *pool, struct buf **out)
{
	struct rewrite w = { .out = buf_new(pool, body.len + body.len / 16),
		.budget = body.len * TRACES_INDEX_FACTOR + TRACES_INDEX_CONSTANT };
	struct segment all = { body, NULL };
	if (!w.out)
		return -2;
	arena_init(&w.arena);
	rewrite(&w, shape_request(signal), &all, 0);
	arena_release(&w.arena);
	if (w.failed) {
		buf_unref(w.out);
		return -2;
	}
	buf_trim(&w.out);
	*out = w.out;
	return 0;
}
