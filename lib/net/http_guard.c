/* http_guard.c - where a message ends: the head by lines, the chunked body by bytes.
 *
 * The head is scanned for the first control byte; only CRLF may be one. A finished line is checked at once, so that
 * a fault in line 2 wins over a limit broken at line 9 in every cut of the input. Limits are byte positions for the
 * same reason. Rules: RFC 9112 2.2, 3, 5, 6, 7.1 with every MAY of leniency declined, except one empty line in front
 * of a request.
 */
#include "lib/net/http_guard.h"

/* What a byte may be part of: a token (RFC 9110 5.6.2), a field value (HT, SP, VCHAR, obs-text), a Host
 * (RFC 3986 3.2: no userinfo, no comma), a request target (VCHAR without '#'). */
enum { TOKEN = 1, TEXT = 2, HOST = 4, TARGET = 8 };

/* clang-format off */
static const uint8_t byte_class[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, /* 00 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 10 */
	2, 15, 10, 3, 15, 15, 15, 15, 14, 14, 15, 15, 10, 15, 15, 10, /* 20 */
	15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 14, 10, 14, 10, 10, /* 30 */
	10, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 40 */
	15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 10, 14, 11, 15, /* 50 */
	11, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 60 */
	15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 10, 11, 10, 15, 0, /* 70 */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 80 */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 90 */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* a0 */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* b0 */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* c0 */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* d0 */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* e0 */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* f0 */
};
/* clang-format on */

static bool is(char c, uint8_t class)
{
	return byte_class[(unsigned char)c] & class;
}

static bool all(slice s, uint8_t class)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is(s.p[i], class))
			return false;
	return true;
}

static int refuse(struct http_guard *g, int status, const char *text)
{
	g->status = status;
	g->text = text;
	return -1;
}

void http_guard_init(struct http_guard *g, size_t max_bytes, size_t max_fields)
{
	memset(g, 0, sizeof(*g));
	g->max_bytes = max_bytes;
	g->max_fields = max_fields;
	g->content_length = -1;
}

static int check_target(struct http_guard *g, slice method, slice t)
{
	static const slice schemes[] = { { "http://", 7 }, { "https://", 8 } };
	if (t.len > GUARD_MAX_TARGET)
		return refuse(g, 414, "the request target is longer than 4096 bytes");
	if (!all(t, TARGET))
		return refuse(g, 400, "the request target has a byte that must be escaped");
	if (slice_is(method, "CONNECT"))
		return refuse(g, 400, "CONNECT is not served here");
	if (t.p[0] == '/' || (slice_is(t, "*") && slice_is(method, "OPTIONS")))
		return 0;
	for (size_t i = 0; i < COUNTOF(schemes); i++) {
		size_t n = schemes[i].len;
		/* RFC 9110 4.2.1: an empty host is invalid */
		if (t.len > n && slice_ieq((slice){ t.p, n }, schemes[i]) && t.p[n] != '/' && t.p[n] != '?')
			return 0;
	}
	return refuse(g, 400, "the request target is neither a path nor an http URL");
}

static int request_line(struct http_guard *g, slice line, size_t at)
{
	const char *sp = memchr(line.p, ' ', line.len);
	slice method = { line.p, sp ? (size_t)(sp - line.p) : line.len };
	slice rest = sp ? (slice){ sp + 1, line.len - method.len - 1 } : (slice){ line.p + line.len, 0 };
	const char *sp2 = memchr(rest.p, ' ', rest.len);
	slice target = { rest.p, sp2 ? (size_t)(sp2 - rest.p) : rest.len };
	slice version = sp2 ? (slice){ sp2 + 1, rest.len - target.len - 1 } : (slice){ NULL, 0 };
	if (!method.len || !all(method, TOKEN) || !target.len || !version.len)
		return refuse(g, 400, "the request line is not 'METHOD TARGET VERSION' with single spaces");
	if (!slice_is(version, "HTTP/1.1") && !slice_is(version, "HTTP/1.0"))
		return refuse(g, 400, "the version is neither HTTP/1.1 nor HTTP/1.0");
	if (check_target(g, method, target))
		return -1;
	g->method_at = at;
	g->method_len = method.len;
	g->target_at = at + (size_t)(target.p - line.p);
	g->target_len = target.len;
	g->minor = version.p[7] - '0';
	g->in_fields = true;
	return 0;
}

static int length_field(struct http_guard *g, slice v)
{
	uint64_t n = 0;
	if (g->content_length >= 0 || g->chunked)
		return refuse(g, 400, "the length of the body is given twice");
	if (!v.len || v.len > 19)
		return refuse(g, 400, "Content-Length is not 1 to 19 digits");
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return refuse(g, 400, "Content-Length is not 1 to 19 digits");
		n = n * 10 + (uint64_t)(v.p[i] - '0'); /* 19 digits fit */
	}
	if (n > INT64_MAX)
		return refuse(g, 400, "Content-Length is out of range");
	g->content_length = (int64_t)n;
	return 0;
}

static int coding_field(struct http_guard *g, slice v)
{
	if (g->content_length >= 0 || g->chunked)
		return refuse(g, 400, "the length of the body is given twice");
	if (g->minor == 0)
		return refuse(g, 400, "Transfer-Encoding in an HTTP/1.0 request");
	if (!slice_ieq(v, SLICE("chunked")))
		return refuse(g, 400, "Transfer-Encoding is not 'chunked'");
	g->chunked = true;
	return 0;
}

static int host_field(struct http_guard *g, slice v)
{
	if (g->has_host)
		return refuse(g, 400, "two Host fields");
	if (!all(v, HOST))
		return refuse(g, 400, "Host is not a name or address");
	g->has_host = true;
	return 0;
}

static int field_line(struct http_guard *g, slice line)
{
	const char *colon = memchr(line.p, ':', line.len);
	slice name = { line.p, colon ? (size_t)(colon - line.p) : 0 };
	slice value;
	if (!name.len || !all(name, TOKEN))
		return refuse(g, 400, "a header line is not 'Name: value'");
	if (++g->n_fields > g->max_fields)
		return refuse(g, 431, "too many header fields");
	value = slice_trim((slice){ colon + 1, line.len - name.len - 1 });
	if (slice_ieq(name, SLICE("Content-Length")))
		return length_field(g, value);
	if (slice_ieq(name, SLICE("Transfer-Encoding")))
		return coding_field(g, value);
	if (slice_ieq(name, SLICE("Host")))
		return host_field(g, value);
	return 0;
}

/* The empty line: 1 the head is complete, 0 go on, -1. */
static int blank_line(struct http_guard *g, size_t at)
{
	if (!g->in_fields)
		return at == 0 ? 0 : refuse(g, 400, "empty lines in place of a request");
	if (g->minor == 1 && !g->has_host)
		return refuse(g, 400, "an HTTP/1.1 request without Host");
	return 1;
}

static int overrun(struct http_guard *g, size_t limit)
{
	if (limit == g->max_bytes)
		return refuse(g, 431, "the header section is too large");
	return refuse(g, 414, "the request line is too long");
}

/* The next CRLF-ended line: 1 with *line, 0 when it is not complete, -1. */
static int next_line(struct http_guard *g, slice data, slice *line)
{
	size_t limit = g->max_bytes;
	size_t i = g->seen, end;
	if (!g->in_fields && g->line + GUARD_MAX_REQUEST_LINE < limit)
		limit = g->line + GUARD_MAX_REQUEST_LINE;
	end = data.len < limit ? data.len : limit;
	if (!g->in_fields && g->line < end && data.p[g->line] != '\r' &&
	        !(data.p[g->line] >= 'A' && data.p[g->line] <= 'Z'))
		return refuse(g, 400, "this is not an HTTP/1 request");
	while (i < end && is(data.p[i], TEXT))
		i++;
	g->seen = i;
	if (i < end && data.p[i] != '\r')
		return refuse(g, 400, "a control byte, or a line that does not end in CRLF");
	if (i + 1 >= end)
		return data.len > limit ? overrun(g, limit) : 0;
	if (data.p[i + 1] != '\n')
		return refuse(g, 400, "a control byte, or a line that does not end in CRLF");
	*line = (slice){ data.p + g->line, i - g->line };
	g->seen = i + 2;
	return 1;
}

enum guard_step http_guard_head(struct http_guard *g, slice data)
{
	slice line = { NULL, 0 };
	int r;
	while ((r = next_line(g, data, &line)) == 1) {
		size_t at = g->line;
		int done = 0;
		g->line = g->seen;
		if (!line.len)
			done = blank_line(g, at);
		else if (!g->in_fields)
			done = request_line(g, line, at);
		else
			done = field_line(g, line);
		if (done)
			return done > 0 ? GUARD_DONE : GUARD_FAULT;
	}
	return r < 0 ? GUARD_FAULT : GUARD_MORE;
}

enum {
	SIZE,
	SIZE_LF,
	EXTENSION,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	END
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int spoil(struct http_chunks *c, int status, const char *text)
{
	c->status = status;
	c->text = text;
	return -1;
}

static int size_byte(struct http_chunks *c, char b)
{
	int digit = hex_digit(b);
	if (digit >= 0) {
		if (++c->n_digits > 16 || c->left >> 60)
			return spoil(c, 400, "a chunk size is out of range");
		c->left = c->left << 4 | (uint64_t)digit;
		return 0;
	}
	if (!c->n_digits || (b != '\r' && b != ';'))
		return spoil(c, 400, "a chunk size is not hex digits");
	c->state = b == ';' ? EXTENSION : SIZE_LF;
	c->extension = 0;
	return 0;
}

static int extension_byte(struct http_chunks *c, char b)
{
	if (b == '\r') {
		c->state = SIZE_LF;
		return 0;
	}
	if (!is(b, TEXT))
		return spoil(c, 400, "a control byte in a chunk extension");
	if (++c->extension > GUARD_MAX_EXTENSION || ++c->extensions > GUARD_MAX_EXTENSIONS)
		return spoil(c, 400, "chunk extensions are too long");
	return 0;
}

static int size_done(struct http_chunks *c)
{
	if (c->left > INT64_MAX / 4 || c->data + c->left > INT64_MAX / 4)
		return spoil(c, 400, "a chunk size is out of range");
	c->data += c->left;
	c->n_digits = 0;
	c->state = c->left ? DATA : TRAILER;
	return 0;
}

/* The bytes of the trailer section: "" | name ':' value. */
static int trailer_byte(struct http_chunks *c, char b)
{
	switch (c->state) {
	case TRAILER:
		if (b != '\r' && !is(b, TOKEN))
			break;
		c->state = b == '\r' ? LAST_LF : TRAILER_NAME;
		return 0;
	case TRAILER_NAME:
		if (b != ':' && !is(b, TOKEN))
			break;
		if (b == ':')
			c->state = TRAILER_VALUE;
		return 0;
	default:
		if (b != '\r' && !is(b, TEXT))
			break;
		if (b == '\r')
			c->state = TRAILER_LF;
		return 0;
	}
	return spoil(c, 400, "a trailer line is not 'Name: value'");
}

static int want(struct http_chunks *c, char b, char expected, uint8_t next)
{
	if (b != expected)
		return spoil(c, 400, "a line of the chunk framing does not end in CRLF");
	c->state = next;
	return 0;
}

static int framing_byte(struct http_chunks *c, char b)
{
	/* Checked per byte: 1-byte chunks cost more than they carry, and someone must pay for reading them. */
	if (++c->overhead > GUARD_FREE_OVERHEAD + 2 * c->data)
		return spoil(c, 400, "too much chunk framing for so little data");
	if (c->state >= TRAILER && ++c->trailers > GUARD_MAX_TRAILERS)
		return spoil(c, 431, "the trailer section is too large");
	switch (c->state) {
	case SIZE:
		return size_byte(c, b);
	case EXTENSION:
		return extension_byte(c, b);
	case SIZE_LF:
		return want(c, b, '\n', SIZE) ? -1 : size_done(c);
	case DATA_CR:
		return want(c, b, '\r', DATA_LF);
	case DATA_LF:
		return want(c, b, '\n', SIZE);
	case TRAILER_LF:
		return want(c, b, '\n', TRAILER);
	case LAST_LF:
		return want(c, b, '\n', END);
	default:
		return trailer_byte(c, b);
	}
}

enum guard_step http_chunks_next(struct http_chunks *c, slice *in, slice *data)
{
	*data = (slice){ NULL, 0 };
	while (c->state != END && in->len) {
		if (c->state == DATA) {
			size_t n = in->len < c->left ? in->len : (size_t)c->left;
			*data = (slice){ in->p, n };
			c->left -= n;
			if (!c->left)
				c->state = DATA_CR;
			*in = (slice){ in->p + n, in->len - n };
			return GUARD_MORE;
		}
		if (framing_byte(c, in->p[0]))
			return GUARD_FAULT;
		*in = (slice){ in->p + 1, in->len - 1 };
	}
	return c->state == END ? GUARD_DONE : GUARD_MORE;
}
