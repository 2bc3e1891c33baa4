/* json_out.c - wire bytes to OTLP/JSON (json.h), the reverse of json_in.c.
 *
 * Fields are written in the order they have on the wire. JSON needs what protobuf does not promise: each field
 * once, the elements of an array together. A first walk over the tags of a message finds out; a message that is
 * not so (fields that come back, oneofs set twice) takes the slow road: field by field, last value or merged
 * messages as protobuf says. Nothing is rendered twice, so hostile nesting costs no more than its size
 * times its depth.
 */
#include "lib/otlp/json_out.h"

#include "lib/otlp/json.h"
#include "lib/otlp/json_read.h"
#include "lib/otlp/wire.h"

/* A level of AnyValue takes up to three messages; the scan lets 64 levels of them pass. */
enum { WRITE_DEPTH = 256 };

/* What is left of a message: a range of bytes, and for a merged one the ranges that follow. */
struct cursor {
	slice at;
	const slice *more, *end;
};

static void render(struct writer *w, const struct json_message *m, struct cursor body);

struct tagged {
	const struct json_field *f; /* NULL: unknown, or not of the type the schema says */
	bool packed;
	slice value; /* what is inside when it has a length, else its bytes */
};

static bool is_scalar(const struct json_field *f)
{
	return f->kind > J_ID;
}

/* The next field; false at the end and when malformed (then status is -1). */
static inline bool next(struct writer *w, const struct json_message *m, struct cursor *c, struct tagged *t)
{
	while (UNLIKELY(!c->at.len) && c->more != c->end)
		c->at = *c->more++;
	const uint8_t *p = wire_start(c->at), *end = wire_end(c->at), *q;
	uint32_t tag, n;
	if (p == end)
		return false;
	p = wire_tag(p, end, &tag);
	if (p && LIKELY((tag & 7) == WIRE_LEN)) {
		p = wire_len(p, end, &n);
		q = p ? p + n : NULL;
	} else {
		q = p ? wire_skip(p, end, tag) : NULL;
	}
	if (!q) {
		w->status = -1;
		return false;
	}
	t->value = wire_slice(p, (size_t)(q - p));
	c->at = wire_slice(q, (size_t)(end - q));
	t->f = json_field_numbered(m, tag >> 3);
	t->packed = t->f && t->f->repeated && is_scalar(t->f) && (tag & 7) == WIRE_LEN;
	if (t->f && t->f->wire_type != (tag & 7) && !t->packed)
		t->f = NULL;
	return true;
}

/* Whether each field is one run, and singular fields and oneofs are there at most once. */
static bool is_plain(struct writer *w, const struct json_message *m, struct cursor body)
{
	uint64_t seen = 0, oneofs = 0;
	const struct json_field *last = NULL;
	struct tagged t;
	while (next(w, m, &body, &t)) {
		if (!t.f || (t.f == last && t.f->repeated))
			continue;
		uint64_t bit = UINT64_C(1) << t.f->index, oneof = t.f->oneof ? UINT64_C(1) << (t.f->oneof & 63) : 0;
		if (seen & bit || oneofs & oneof)
			return false;
		seen |= bit;
		oneofs |= oneof;
		last = t.f;
	}
	return true;
}

static void submessage(struct writer *w, const struct json_message *m, struct cursor body)
{
	if (++w->depth > WRITE_DEPTH)
		w->status = -1;
	else
		render(w, m, body);
	w->depth--;
}

/* One value; `content` is that of a WIRE_LEN field. */
static void value(struct writer *w, const struct json_field *f, slice content)
{
	if (f->kind == J_MESSAGE)
		submessage(w, f->message, (struct cursor){ .at = content });
	else if (f->kind == J_STRING)
		writer_string(w, content);
	else
		writer_bytes(w, content, f->kind == J_ID);
}

static void comma(struct writer *w, bool *first)
{
	if (!*first)
		writer_raw(w, SLICE(","));
	*first = false;
}

/* One field of the wire as one element of a repeated field or, when scalar and packed, as several. */
static void elements(struct writer *w, const struct json_field *f, slice at, bool *first)
{
	if (!is_scalar(f)) {
		comma(w, first);
		value(w, f, at);
		return;
	}
	while (at.len && w->status == 0) {
		uint64_t bits;
		if (!json_read_scalar(f, &at, &bits)) {
			w->status = -1;
			return;
		}
		comma(w, first);
		writer_scalar(w, f, bits);
	}
}

/* `"name":value` of a singular field; defaults are left out where they mean the same as nothing. */
static void single(struct writer *w, const struct json_field *f, slice content, bool *first)
{
	uint64_t bits = 0;
	if (is_scalar(f) && !json_read_scalar(f, &content, &bits)) {
		w->status = -1;
		return;
	}
	bool is_default = is_scalar(f) ? bits == 0 : f->kind != J_MESSAGE && content.len == 0;
	if (is_default && !f->oneof)
		return;
	comma(w, first);
	writer_raw(w, f->key);
	if (is_scalar(f))
		writer_scalar(w, f, bits);
	else
		value(w, f, content);
}

static void render_plain(struct writer *w, const struct json_message *m, struct cursor body)
{
	const struct json_field *open = NULL;
	bool first = true, first_element = true;
	struct tagged t;
	while (w->status == 0 && next(w, m, &body, &t)) {
		if (!t.f)
			continue;
		if (open && t.f != open) {
			writer_raw(w, SLICE("]"));
			open = NULL;
		}
		if (!t.f->repeated) {
			single(w, t.f, t.value, &first);
			continue;
		}
		if (!open) {
			comma(w, &first);
			writer_raw(w, t.f->key);
			writer_raw(w, SLICE("["));
			open = t.f;
			first_element = true;
		}
		elements(w, t.f, t.value, &first_element);
	}
	if (open)
		writer_raw(w, SLICE("]"));
}

static void repeated_slow(
        struct writer *w, const struct json_message *m, const struct json_field *f, struct cursor body, bool *first)
{
	bool first_element = true;
	struct tagged t;
	comma(w, first);
	writer_raw(w, f->key);
	writer_raw(w, SLICE("["));
	while (w->status == 0 && next(w, m, &body, &t))
		if (t.f == f)
			elements(w, f, t.value, &first_element);
	writer_raw(w, SLICE("]"));
}

/* Several occurrences of a singular message merge, which is to read them one after the other: at most `n` that hold
 * something. Only where they are is kept: copies would add up over the levels. */
static void merged(struct writer *w, const struct json_message *m, const struct json_field *f, struct cursor body,
        size_t n, bool *first)
{
	struct buf *b = buf_new(w->out->pool, n * sizeof(slice));
	struct tagged t;
	if (!b) {
		w->status = -2;
		return;
	}
	slice *ranges = (slice *)(void *)b->data;
	n = 0;
	while (next(w, m, &body, &t)) {
		if (t.f == f && t.value.len)
			ranges[n++] = t.value;
		else if (t.f != f && t.f && f->oneof && t.f->oneof == f->oneof)
			n = 0; /* another member in between empties the oneof */
	}
	comma(w, first);
	writer_raw(w, f->key);
	submessage(w, f->message, (struct cursor){ .more = ranges, .end = ranges + n });
	buf_unref(b);
}

/* What to do about one field of a message that is not plain. */
static void render_field(
        struct writer *w, const struct json_message *m, const struct json_field *f, struct cursor body, bool *first)
{
	slice last = { 0 };
	size_t n = 0, most = 0; /* occurrences that count; of them not empty, at any place */
	struct tagged t;
	for (struct cursor c = body; next(w, m, &c, &t);) {
		if (t.f == f) {
			last = t.value;
			n++;
			most += last.len > 0;
		} else if (t.f && f->oneof && t.f->oneof == f->oneof) {
			n = 0;
		}
	}
	if (!n || w->status != 0)
		return;
	if (f->repeated)
		repeated_slow(w, m, f, body, first);
	else if (f->kind == J_MESSAGE && n > 1)
		merged(w, m, f, body, most, first);
	else
		single(w, f, last, first);
}

static void render(struct writer *w, const struct json_message *m, struct cursor body)
{
	writer_raw(w, SLICE("{"));
	if (LIKELY(is_plain(w, m, body))) {
		render_plain(w, m, body);
	} else {
		bool first = true;
		for (unsigned i = 0; i < m->n_fields && w->status == 0; i++)
			render_field(w, m, &m->fields[i], body, &first);
	}
	writer_raw(w, SLICE("}"));
}

int json_write(const struct json_message *root, slice body, struct pool *pool, struct buf **out)
{
	struct writer w = { .out = buf_new(pool, body.len + body.len / 2 + 64) };
	if (!w.out)
		return -2;
	w.w = w.out->data;
	w.lim = w.w + w.out->cap;
	render(&w, root, (struct cursor){ .at = body });
	if (w.status != 0) {
		buf_unref(w.out);
		return w.status;
	}
	w.out->len = (size_t)(w.w - w.out->data);
	buf_trim(&w.out);
	*out = w.out;
	return 0;
}

int otlp_to_json(enum signal signal, slice body, struct pool *pool, struct buf **out)
{
	return json_write(json_request(signal), body, pool, out);
}
