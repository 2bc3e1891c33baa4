/* json_in.c - OTLP/JSON to wire bytes (json.h): one pass over the text, driven by the tables.
 *
 * A message is written where it is met, behind a length whose width is guessed from the last one of its type
 * and corrected by moving the content (reader_close). Scalars equal to their default are left out as canonical
 * protobuf does, unless they are in a oneof or overwrite an earlier value of the same message. Recursion is
 * bounded by OTLP_JSON_DEPTH. What the schema does not know is skipped, with the same strictness about syntax.
 */
#include <stdio.h>

#include "lib/otlp/json.h"
#include "lib/otlp/json_number.h"
#include "lib/otlp/json_read.h"
#include "lib/otlp/json_reader.h"
#include "lib/otlp/json_scan.h"

static bool member(struct reader *r, const struct json_field *f, uint64_t *seen);
static bool skip(struct reader *r);

bool reader_fail(struct reader *r, const char *text)
{
	if (r->status == 0) {
		r->status = -1;
		err_set(r->e, "JSON: %s at byte %zu", text, (size_t)(r->at - r->begin));
	}
	return false;
}

bool reader_grow(struct reader *r, size_t n)
{
	size_t used = (size_t)(r->w - r->out->data), need = used + n, more = r->out->cap + r->out->cap / 2;
	r->out->len = used;
	if (buf_reserve(&r->out, need > more ? need : more) != 0) {
		if (r->status == 0) {
			r->status = -2;
			err_set(r->e, "no memory for the converted request");
		}
		return false;
	}
	r->w = r->out->data + used;
	r->lim = r->out->data + r->out->cap;
	return true;
}

static inline void space(struct reader *r)
{
	while (r->at < r->end && UNLIKELY((unsigned char)*r->at <= ' ') &&
	        (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
		r->at++;
}

static inline char peek(const struct reader *r)
{
	return LIKELY(r->at < r->end) ? *r->at : 0;
}

static inline bool take(struct reader *r, char c)
{
	if (UNLIKELY(r->at == r->end || *r->at != c))
		return false;
	r->at++;
	return true;
}

static bool word(struct reader *r, slice w)
{
	if ((size_t)(r->end - r->at) < w.len || memcmp(r->at, w.p, w.len) != 0)
		return reader_fail(r, "value expected");
	r->at += w.len;
	return true;
}

static bool enter(struct reader *r)
{
	r->at++;
	space(r);
	return ++r->depth <= OTLP_JSON_DEPTH || reader_fail(r, "nested too deeply");
}

/* Behind an element of an array or object that ends with `close`: another one follows (*more) or not. */
static inline bool separator(struct reader *r, char close, bool *more)
{
	space(r);
	*more = take(r, ',');
	if (*more) {
		space(r);
		return true;
	}
	r->depth--;
	return take(r, close) || reader_fail(r, close == '}' ? "',' or '}' expected" : "',' or ']' expected");
}

/* Reads `"name":` and what white space follows. *f is NULL for a name the message does not have. *after is the
 * guess, and is corrected. */
static inline bool name(struct reader *r, const struct json_message *m, uint8_t *after, const struct json_field **f)
{
	slice s;
	*f = &m->fields[*after];
	if (LIKELY(r->end - r->at >= JSON_KEY_MAX && scan_same(r->at, (*f)->key.p, (*f)->key.len))) {
		r->at += (*f)->key.len;
		space(r);
		return true;
	}
	if (!take(r, '"'))
		return reader_fail(r, "a name in quotes expected");
	if (!reader_text(r, &s))
		return false;
	*f = json_field_named(m, s.p, s.len);
	if (*f)
		*after = (*f)->index;
	space(r);
	if (!take(r, ':'))
		return reader_fail(r, "':' expected");
	space(r);
	return true;
}

static bool skip_array(struct reader *r)
{
	bool more = true;
	if (!enter(r))
		return false;
	if (peek(r) == ']')
		return separator(r, ']', &more);
	while (more)
		if (!skip(r) || !separator(r, ']', &more))
			return false;
	return true;
}

static bool skip_object(struct reader *r)
{
	bool more = true;
	if (!enter(r))
		return false;
	if (peek(r) == '}')
		return separator(r, '}', &more);
	while (more) {
		if (!take(r, '"'))
			return reader_fail(r, "a name in quotes expected");
		if (!reader_skip_string(r))
			return false;
		space(r);
		if (!take(r, ':'))
			return reader_fail(r, "':' expected");
		space(r);
		if (!skip(r) || !separator(r, '}', &more))
			return false;
	}
	return true;
}

static bool number(struct reader *r, struct number *n)
{
	const char *p = number_scan(r->at, r->end, n);
	if (!p)
		return reader_fail(r, "value expected");
	r->at = p;
	return true;
}

/* Any value of no interest. */
static bool skip(struct reader *r)
{
	struct number n;
	switch (peek(r)) {
	case '{':
		return skip_object(r);
	case '[':
		return skip_array(r);
	case '"':
		r->at++;
		return reader_skip_string(r);
	case 't':
		return word(r, SLICE("true"));
	case 'f':
		return word(r, SLICE("false"));
	case 'n':
		return word(r, SLICE("null"));
	default:
		return number(r, &n);
	}
}

static bool message(struct reader *r, const struct json_message *m)
{
	uint64_t seen = 0;
	bool more = true;

	if (peek(r) != '{')
		return reader_fail(r, "object expected");
	if (!enter(r))
		return false;
	if (peek(r) == '}')
		return separator(r, '}', &more);
	for (unsigned last = 0; more;) {
		const struct json_field *f;
		if (!name(r, m, &r->after[m->id][last], &f))
			return false;
		last = f ? f->index + 1u : last;
		if (!(f ? member(r, f, &seen) : skip(r)) || !separator(r, '}', &more))
			return false;
	}
	return true;
}

/* A message field with tag and length. */
static bool submessage(struct reader *r, const struct json_field *f)
{
	const struct json_message *m = f->message;
	size_t width = r->width[m->id], content;

	if (!reader_room(r, 16))
		return false;
	if (UNLIKELY(width == 0)) /* half of the rest is a fair guess for the large ones, and others cost little */
		width = wire_varint_size((uint64_t)(r->end - r->at) / 2);
	reader_tag(r, f);
	content = reader_open(r, width);
	if (!message(r, m))
		return false;
	width = reader_close(r, content, width);
	r->width[m->id] = (uint8_t)width;
	return width != 0;
}

/* A number, bare or in a string. False without failure noted when the string holds something else, which is
 * then in *other. */
static bool quoted_number(struct reader *r, struct number *n, slice *other)
{
	*other = (slice){ 0 };
	if (peek(r) != '"')
		return number(r, n);
	r->at++;
	const char *p = number_scan(r->at, r->end, n);
	if (LIKELY(p && p < r->end && *p == '"')) {
		r->at = p + 1;
		return true;
	}
	if (!reader_text(r, other))
		return false;
	p = number_scan(other->p, other->p + other->len, n);
	return p && p == other->p + other->len;
}

static bool integer(struct reader *r, const struct json_field *f, uint64_t *bits)
{
	const char *place = r->at;
	bool is_signed = f->kind == J_INT32 || f->kind == J_SINT32 || f->kind == J_SFIXED32 || f->kind == J_ENUM ||
	        f->kind == J_INT64 || f->kind == J_SINT64 || f->kind == J_SFIXED64;
	unsigned size = f->kind >= J_INT64 ? 64 : 32;
	uint64_t limit = UINT64_MAX >> (64 - size + is_signed), v;
	struct number n;
	slice other;

	if (!quoted_number(r, &n, &other)) {
		r->at = place;
		return reader_fail(r, "integer expected");
	}
	if (!number_integer(&n, &v) || v > limit + (is_signed && n.negative) || (!is_signed && n.negative && v)) {
		r->at = place;
		return reader_fail(r, "integer out of range");
	}
	*bits = n.negative ? 0 - v : v;
	return true;
}

static bool real(struct reader *r, const struct json_field *f, uint64_t *bits)
{
	const char *place = r->at;
	struct number n;
	slice other;
	double d;

	if (!quoted_number(r, &n, &other)) {
		if (slice_is(other, "NaN"))
			d = __builtin_nan("");
		else if (slice_is(other, "Infinity") || slice_is(other, "-Infinity"))
			d = other.p[0] == '-' ? -__builtin_inf() : __builtin_inf();
		else {
			r->at = place;
			return reader_fail(r, "number expected");
		}
	} else if (!number_double(&n, &d) ||
	        (f->kind == J_FLOAT && (d > 3.4028235677973366e38 || d < -3.4028235677973366e38))) {
		r->at = place;
		return reader_fail(r, "number out of range");
	}
	if (f->kind == J_FLOAT) {
		float narrow = (float)d;
		uint32_t v;
		memcpy(&v, &narrow, sizeof(v));
		*bits = v;
		return true;
	}
	memcpy(bits, &d, sizeof(d));
	return true;
}

static bool boolean(struct reader *r, uint64_t *bits)
{
	*bits = peek(r) == 't';
	if (peek(r) != 't' && peek(r) != 'f')
		return reader_fail(r, "true or false expected");
	return word(r, *bits ? SLICE("true") : SLICE("false"));
}

/* A number or the name of the value. */
static bool enumeration(struct reader *r, const struct json_field *f, uint64_t *bits)
{
	const char *place = r->at;
	slice s;
	if (peek(r) != '"')
		return integer(r, f, bits);
	r->at++;
	if (!reader_text(r, &s))
		return false;
	for (unsigned i = 0; i < f->values->n_values; i++)
		if (slice_is(s, f->values->values[i].name)) {
			*bits = (uint64_t)(int64_t)f->values->values[i].value;
			return true;
		}
	r->at = place;
	return reader_fail(r, "unknown name of an enum value");
}

/* The number as the wire has it; room for 10 bytes is there. */
static void put_scalar(struct reader *r, const struct json_field *f, uint64_t bits)
{
	switch ((enum json_kind)f->kind) {
	case J_FIXED32:
	case J_SFIXED32:
	case J_FLOAT: {
		uint32_t v = (uint32_t)bits;
		v = wire_fix32((const uint8_t *)&v);
		memcpy(r->w, &v, sizeof(v));
		r->w += sizeof(v);
		return;
	}
	case J_FIXED64:
	case J_SFIXED64:
	case J_DOUBLE:
		r->w = wire_put_fix64(r->w, bits);
		return;
	case J_SINT32:
	case J_SINT64:
		r->w = wire_put_varint(r->w, bits << 1 ^ (bits >> 63 ? UINT64_MAX : 0));
		return;
	case J_BOOL:
	case J_ENUM:
	case J_INT32:
	case J_INT64:
	case J_UINT32:
	case J_UINT64:
	case J_MESSAGE:
	case J_STRING:
	case J_BYTES:
	case J_ID:
		r->w = wire_put_varint(r->w, bits);
		return;
	}
}

/* A number, bool or enum; `tagged` outside of packed arrays. Defaults are left out unless `always`. */
static bool scalar(struct reader *r, const struct json_field *f, bool tagged, bool always)
{
	uint64_t bits;
	bool ok;
	if (f->kind == J_DOUBLE || f->kind == J_FLOAT)
		ok = real(r, f, &bits);
	else if (f->kind == J_BOOL)
		ok = boolean(r, &bits);
	else
		ok = f->kind == J_ENUM ? enumeration(r, f, &bits) : integer(r, f, &bits);
	if (!ok || !reader_room(r, 16))
		return false;
	if (bits == 0 && !always)
		return true;
	if (tagged)
		reader_tag(r, f);
	put_scalar(r, f, bits);
	return true;
}

static bool single(struct reader *r, const struct json_field *f, bool always)
{
	if (f->kind == J_MESSAGE)
		return submessage(r, f);
	if (f->kind > J_ID)
		return scalar(r, f, !f->packed, always);
	if (!take(r, '"'))
		return reader_fail(r, "string expected");
	if (f->kind == J_STRING)
		return reader_string(r, f, always);
	return f->kind == J_ID ? reader_id(r, f, always) : reader_bytes(r, f, always);
}

/* null among messages is an empty one: dropping it would move its neighbours. */
static bool element(struct reader *r, const struct json_field *f)
{
	if (f->kind != J_MESSAGE || peek(r) != 'n')
		return single(r, f, true);
	if (!word(r, SLICE("null")) || !reader_room(r, 16))
		return false;
	reader_tag(r, f);
	*r->w++ = 0;
	return true;
}

static bool repeated(struct reader *r, const struct json_field *f)
{
	size_t content = 0;
	bool more = true;

	if (peek(r) != '[')
		return reader_fail(r, "array expected");
	if (!enter(r))
		return false;
	if (peek(r) == ']')
		return separator(r, ']', &more);
	if (f->packed) {
		if (!reader_room(r, 16))
			return false;
		reader_tag(r, f);
		content = reader_open(r, 1);
	}
	while (more)
		if (!element(r, f) || !separator(r, ']', &more))
			return false;
	return !f->packed || reader_close(r, content, 1) != 0;
}

/* The value of a known field. `seen`: fields of this message that were written. */
static bool member(struct reader *r, const struct json_field *f, uint64_t *seen)
{
	bool always = f->oneof || (*seen >> f->index & 1);
	if (peek(r) == 'n')
		return word(r, SLICE("null"));
	*seen |= UINT64_C(1) << f->index;
	return f->repeated ? repeated(r, f) : single(r, f, always);
}

static bool document(struct reader *r, const struct json_message *root)
{
	space(r);
	if (!(peek(r) == 'n' ? word(r, SLICE("null")) : message(r, root)))
		return false;
	space(r);
	return r->at == r->end || reader_fail(r, "something follows the document");
}

int json_read(const struct json_message *root, slice json, bool strict_ids, struct pool *pool, struct buf **out,
        uint64_t *n_utf8, struct err *e)
{
	struct reader r = { .at = json.p,
		.begin = json.p,
		.end = json.len ? json.p + json.len : json.p,
		.e = e,
		.strict_ids = strict_ids };

	/* three quarters of the text is what most requests need at most; it grows and shrinks */
	r.out = buf_new(pool, json.len / 4 * 3 + 64);
	if (!r.out) {
		err_set(e, "no memory for the converted request");
		return -2;
	}
	r.w = r.out->data;
	r.lim = r.w + r.out->cap;
	if (!document(&r, root)) {
		buf_unref(r.out);
		return r.status;
	}
	r.out->len = (size_t)(r.w - r.out->data);
	buf_trim(&r.out);
	*n_utf8 = r.n_utf8;
	*out = r.out;
	return 0;
}

int json_to_otlp(enum signal signal, slice json, struct pool *pool, struct buf **out, uint64_t *n_utf8, struct err *e)
{
	return json_read(json_request(signal), json, signal != TRACES, pool, out, n_utf8, e);
}
