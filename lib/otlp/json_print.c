/* json_print.c - values of the wire as JSON text (json_out.h).
 *
 * 64-bit integers are strings, enums numbers, ids hex, bytes base64: the strict form that every reader of
 * OTLP/JSON takes. Strings are copied by 16-byte steps between the characters that need an escape.
 */
#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/otlp/json_number.h"
#include "lib/otlp/json_out.h"
#include "lib/otlp/json_scan.h"
#include "lib/otlp/wire.h"

bool writer_grow(struct writer *w, size_t n)
{
	size_t used = (size_t)(w->w - w->out->data), need = used + n, more = w->out->cap + w->out->cap / 2;
	w->out->len = used;
	if (w->status != 0 || buf_reserve(&w->out, need > more ? need : more) != 0) {
		w->status = w->status ? w->status : -2;
		return false;
	}
	w->w = w->out->data + used;
	w->lim = w->out->data + w->out->cap;
	return true;
}

/* c is a quote, a backslash or a control character; room for 6 bytes is there. */
static void write_escape(struct writer *w, unsigned char c)
{
	static const char shorthand[128] = {
		['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
	};
	static const char digits[] = "0123456789abcdef";
	*w->w++ = '\\';
	if (shorthand[c]) {
		*w->w++ = shorthand[c];
		return;
	}
	memcpy(w->w, "u00", 3);
	w->w[3] = digits[c >> 4];
	w->w[4] = digits[c & 15];
	w->w += 5;
}

/* Between two escapes. */
static void write_run(struct writer *w, slice s, bool high)
{
	if (LIKELY(!high || utf8_valid(s))) {
		writer_raw(w, s);
		return;
	}
	if (writer_room(w, 3 * s.len))
		w->w += utf8_repair(s, w->w, NULL);
}

void writer_string(struct writer *w, slice s)
{
	const char *p = s.p, *end = s.len ? s.p + s.len : s.p;
	writer_raw(w, SLICE("\""));
	while (p < end) {
		bool high = false;
		const char *q = scan_text(p, end, &high);
		write_run(w, (slice){ p, (size_t)(q - p) }, high);
		p = q;
		if (p < end && writer_room(w, 6))
			write_escape(w, (unsigned char)*p++);
		if (w->status != 0)
			return;
	}
	writer_raw(w, SLICE("\""));
}

static void write_hex(struct writer *w, slice s)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		*w->w++ = digits[c >> 4];
		*w->w++ = digits[c & 15];
	}
}

static void write_base64(struct writer *w, slice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = s.len - i < 3 ? s.len - i : 3;
		uint32_t v = 0;
		for (size_t j = 0; j < 3; j++)
			v = v << 8 | (j < n ? (unsigned char)s.p[i + j] : 0u);
		for (size_t j = 0; j < 4; j++)
			w->w[j] = j <= n ? digits[v >> (18 - 6 * j) & 63] : '=';
		w->w += 4;
	}
}

void writer_bytes(struct writer *w, slice s, bool hex)
{
	if (!writer_room(w, 2 * s.len + 8))
		return;
	*w->w++ = '"';
	if (hex)
		write_hex(w, s);
	else
		write_base64(w, s);
	*w->w++ = '"';
}

static bool read_varint(const struct json_field *f, slice *at, uint64_t *bits)
{
	const uint8_t *end = wire_end(*at), *p = wire_varint(wire_start(*at), end, bits);
	if (!p)
		return false;
	*at = wire_slice(p, (size_t)(end - p));
	if (f->kind == J_BOOL)
		*bits = *bits != 0;
	else if (f->kind == J_UINT32)
		*bits = (uint32_t)*bits;
	else if (f->kind == J_INT32 || f->kind == J_ENUM)
		*bits = (uint64_t)(int64_t)(int32_t)(uint32_t)*bits;
	else if (f->kind == J_SINT32)
		*bits = (uint32_t)*bits;
	if (f->kind == J_SINT32 || f->kind == J_SINT64)
		*bits = *bits >> 1 ^ (0 - (*bits & 1));
	return true;
}

bool json_read_scalar(const struct json_field *f, slice *at, uint64_t *bits)
{
	size_t n = f->wire_type == WIRE_64 ? 8 : 4;
	if (f->wire_type == WIRE_VARINT)
		return read_varint(f, at, bits);
	if (at->len < n)
		return false;
	if (n == 8)
		*bits = wire_fix64(wire_start(*at));
	else
		*bits = wire_fix32(wire_start(*at));
	if (f->kind == J_SFIXED32)
		*bits = (uint64_t)(int64_t)(int32_t)(uint32_t)*bits;
	*at = (slice){ at->p + n, at->len - n };
	return true;
}

static void write_double(struct writer *w, uint64_t bits, bool narrow)
{
	double d;
	memcpy(&d, &bits, sizeof(d));
	if (narrow) {
		uint32_t low = (uint32_t)bits;
		float f;
		memcpy(&f, &low, sizeof(f));
		d = (double)f;
	}
	w->w += number_print(d, w->w);
}

void writer_scalar(struct writer *w, const struct json_field *f, uint64_t bits)
{
	if (!writer_room(w, NUMBER_TEXT_MAX + 4))
		return;
	if (f->kind == J_DOUBLE || f->kind == J_FLOAT) {
		write_double(w, bits, f->kind == J_FLOAT);
		return;
	}
	if (f->kind == J_BOOL) {
		writer_raw(w, bits ? SLICE("true") : SLICE("false"));
		return;
	}
	bool quoted = f->kind >= J_INT64, is_unsigned = f->kind == J_UINT64 || f->kind == J_FIXED64;
	bool negative = !is_unsigned && bits >> 63;
	*w->w = '"';
	w->w += quoted;
	*w->w = '-';
	w->w += negative;
	w->w += number_print_u64(negative ? 0 - bits : bits, w->w);
	*w->w = '"';
	w->w += quoted;
}
