/* reader_text.c - strings of JSON to wire bytes: UTF-8, hex ids, base64 (json_reader.h).
 *
 * The common string has neither escapes nor bad bytes: it is found by 16-byte steps and copied once. What
 * is repaired (unpaired surrogates, bytes that are not UTF-8) is counted in n_utf8. Decoded text that is
 * not a string field waits in the free room of the output, so no second buffer exists.
 */
#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/otlp/json_reader.h"
#include "lib/otlp/json_scan.h"

enum { ID_MAX = 64, TEXT_GAP = 32 };

size_t reader_close_moved(struct reader *r, size_t content, size_t width)
{
	size_t len = (size_t)(r->w - r->out->data) - content, need = wire_varint_size(len);
	if (need != width) {
		if (!reader_room(r, need))
			return 0;
		char *from = r->out->data + content;
		memmove(from + need - width, from, len);
		r->w += (ptrdiff_t)(need - width);
		content += need - width;
	}
	wire_put_varint(r->out->data + content - need, len);
	return need;
}

/* Copies n bytes by 16 where reading and writing a little too much is harmless; room for n + 16 is granted. */
static inline void copy_text(struct reader *r, const char *s, size_t n)
{
	if (LIKELY((size_t)(r->end - s) >= n + 16))
		for (size_t i = 0; i < n; i += 16)
			memcpy(r->w + i, s + i, 16);
	else if (n)
		memcpy(r->w, s, n);
	r->w += n;
}

/* A run of the input without quotes, escapes or control characters. */
static bool append_run(struct reader *r, const char *s, size_t n, bool high)
{
	if (LIKELY(!high || utf8_valid((slice){ s, n }))) {
		if (!reader_room(r, n + 16))
			return false;
		copy_text(r, s, n);
		return true;
	}
	size_t n_bad;
	if (!reader_room(r, 3 * n + 16))
		return false;
	r->w += utf8_repair((slice){ s, n }, r->w, &n_bad);
	r->n_utf8 += n_bad;
	return true;
}

static bool hex4(const char *p, const char *end, uint32_t *v)
{
	*v = 0;
	if (end - p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int h = hex_value(p[i]);
		if (h < 0)
			return false;
		*v = *v << 4 | (uint32_t)h;
	}
	return true;
}

/* \uXXXX, `at` behind the u. Pairs of surrogates are one character, half a pair is none. */
static bool unicode(struct reader *r, uint32_t *cp)
{
	uint32_t low;
	if (!hex4(r->at, r->end, cp))
		return reader_fail(r, "four hex digits expected behind \\u");
	r->at += 4;
	if (*cp < 0xd800 || *cp > 0xdfff)
		return true;
	if (*cp < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' &&
	        hex4(r->at + 2, r->end, &low) && low >= 0xdc00 && low <= 0xdfff) {
		*cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
		r->at += 6;
		return true;
	}
	*cp = 0xfffd;
	r->n_utf8++;
	return true;
}

/* `at` is behind the backslash. *cp is what it stands for. */
static bool escape(struct reader *r, uint32_t *cp)
{
	static const char plain[128] = { ['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t' };
	unsigned char c = r->at < r->end ? (unsigned char)*r->at : 0;
	if (c == 'u') {
		r->at++;
		return unicode(r, cp);
	}
	if (c >= sizeof(plain) || !plain[c])
		return reader_fail(r, "unknown escape in a string");
	r->at++;
	*cp = (uint32_t)plain[c];
	return true;
}

static bool bad_end(struct reader *r)
{
	return reader_fail(r, r->at < r->end ? "control character in a string" : "string without end");
}

/* Appends the decoded string to the output. */
static bool decode(struct reader *r)
{
	for (;;) {
		bool high = false;
		const char *from = r->at;
		uint32_t cp;
		r->at = scan_text(from, r->end, &high);
		if (!append_run(r, from, (size_t)(r->at - from), high))
			return false;
		if (r->at == r->end || (*r->at != '"' && *r->at != '\\'))
			return bad_end(r);
		if (*r->at++ == '"')
			return true;
		if (!escape(r, &cp) || !reader_room(r, 16))
			return false;
		r->w += utf8_put(cp, r->w);
	}
}

bool reader_string(struct reader *r, const struct json_field *f, bool always)
{
	bool high = false;
	const char *from = r->at, *q = scan_text(from, r->end, &high);
	size_t n = (size_t)(q - from);

	if (LIKELY(q < r->end && *q == '"' && (!high || utf8_valid((slice){ from, n })))) {
		r->at = q + 1;
		if (n == 0 && !always)
			return true;
		if (!reader_room(r, n + 32))
			return false;
		reader_tag(r, f);
		r->w = wire_put_varint(r->w, n);
		copy_text(r, from, n);
		return true;
	}
	if (!reader_room(r, 16))
		return false;
	reader_tag(r, f);
	size_t width = n < 128 ? 1 : 2, content = reader_open(r, width);
	return decode(r) && reader_close(r, content, width);
}

bool reader_text(struct reader *r, slice *s)
{
	bool high = false;
	const char *from = r->at, *q = scan_text(from, r->end, &high);
	if (LIKELY(q < r->end && *q == '"' && !high)) {
		r->at = q + 1;
		*s = (slice){ from, (size_t)(q - from) };
		return true;
	}
	if (!reader_room(r, 2 * TEXT_GAP))
		return false;
	size_t start = (size_t)(r->w - r->out->data);
	r->w += TEXT_GAP;
	bool ok = decode(r);
	const char *text = r->out->data + start + TEXT_GAP;
	*s = (slice){ text, (size_t)(r->w - text) };
	r->w = r->out->data + start;
	return ok;
}

bool reader_skip_string(struct reader *r)
{
	for (;;) {
		bool high = false;
		uint32_t cp;
		uint64_t n_utf8 = r->n_utf8;
		r->at = scan_text(r->at, r->end, &high);
		if (r->at == r->end || (*r->at != '"' && *r->at != '\\'))
			return bad_end(r);
		if (*r->at++ == '"')
			return true;
		if (!escape(r, &cp))
			return false;
		r->n_utf8 = n_utf8; /* nothing was replaced in what leaves */
	}
}

static bool put_id(struct reader *r, const struct json_field *f, const char *id, size_t n, bool always)
{
	if (n == 0 && !always)
		return true;
	if (!reader_room(r, ID_MAX + 16))
		return false;
	reader_tag(r, f);
	*r->w++ = (char)n;
	if (n)
		memcpy(r->w, id, n);
	r->w += n;
	return true;
}

/* An id that is not what it should be: the scan refuses its span, by the wrong length or because the id is
 * missing. Ids that may be missing (a parent's) need the wrong length: one byte. */
static bool odd_id(struct reader *r, const struct json_field *f, bool always)
{
	char id[ID_MAX] = { 0 };
	slice s;
	if (!reader_text(r, &s))
		return false;
	size_t n = s.len / 2 < ID_MAX ? s.len / 2 : ID_MAX;
	bool hex = s.len % 2 == 0;
	for (size_t i = 0; i < n && hex; i++) {
		int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
		hex = high >= 0 && low >= 0;
		id[i] = (char)(high * 16 + low);
	}
	for (size_t i = 2 * n; i < s.len && hex; i++)
		hex = hex_value(s.p[i]) >= 0;
	if (r->strict_ids && s.len && (!hex || n != f->id_len))
		return reader_fail(r, "an id is hex of 32 (trace) or 16 (span) digits");
	if (!hex) {
		id[0] = 0;
		n = 1;
	}
	return put_id(r, f, id, n, always);
}

bool reader_id(struct reader *r, const struct json_field *f, bool always)
{
	char id[16];
	size_t digits = 2 * (size_t)f->id_len;
	if (LIKELY((size_t)(r->end - r->at) > digits && r->at[digits] == '"' && scan_hex(r->at, f->id_len, id))) {
		r->at += digits + 1;
		return put_id(r, f, id, f->id_len, always);
	}
	return odd_id(r, f, always);
}

/* Both alphabets. -1: neither. */
static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool reader_bytes(struct reader *r, const struct json_field *f, bool always)
{
	slice s;
	const char *place = r->at;
	if (!reader_text(r, &s))
		return false;
	size_t padding = 0;
	while (padding < 2 && s.len && s.p[s.len - 1] == '=' && (s.len + padding) % 4 == 0) {
		s.len--;
		padding++;
	}
	size_t n = s.len / 4 * 3 + (s.len % 4 ? s.len % 4 - 1 : 0);
	if (s.len % 4 == 1)
		goto bad;
	if (n == 0 && !always)
		return true;
	/* text that was decoded lies behind the gap and has its room already: this does not move it */
	if (!reader_room(r, n + 16))
		return false;
	reader_tag(r, f);
	r->w = wire_put_varint(r->w, n);
	uint32_t bits = 0;
	for (size_t i = 0; i < s.len; i++) {
		int v = base64_value(s.p[i]);
		if (v < 0)
			goto bad;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4)
			*r->w++ = (char)(bits >> (6 - 2 * (i % 4)));
	}
	return true;
bad:
	r->at = place;
	return reader_fail(r, "bytes that are not base64");
}
