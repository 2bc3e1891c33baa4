/* http1.c - llhttp as the second reader of a head, and the writer of answers; see http1.h.
 *
 * Invariant: what the guard and llhttp both derive (target, number of fields, length, coding) is equal, or there is
 * no request. The parser runs once over a whole head and is stopped at its end, so no state of it outlives the call.
 */
#include "lib/net/http1.h"

#include <llhttp.h>
#include <stdlib.h>

struct reading {
	struct http1_request *r;
	size_t max_fields;
	slice target;
	bool in_value;
};

static struct reading *reading_of(llhttp_t *p)
{
	return p->data;
}

static void extend(slice *s, const char *at, size_t n)
{
	if (!s->len)
		s->p = at;
	s->len += n;
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
	extend(&reading_of(p)->target, at, n);
	return 0;
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
	struct reading *w = reading_of(p);
	struct http_head *h = &w->r->head;
	if (w->in_value || !h->n_headers) {
		if (h->n_headers == w->max_fields)
			return -1;
		w->r->headers[h->n_headers++] = (struct http_header){ { at, 0 }, { at, 0 } };
		w->in_value = false;
	}
	extend(&w->r->headers[h->n_headers - 1].name, at, n);
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	struct reading *w = reading_of(p);
	struct http_head *h = &w->r->head;
	w->in_value = true;
	if (h->n_headers)
		extend(&w->r->headers[h->n_headers - 1].value, at, n);
	return 0;
}

static int on_headers_complete(llhttp_t *p UNUSED)
{
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
};

/* The path of a request target; an http URL loses its scheme and authority (RFC 9112 3.2.2), which the guard has
 * seen. */
static slice without_origin(slice target)
{
	const char *end = target.p + target.len;
	const char *at = target.p;
	if (*at == '/' || *at == '*')
		return target;
	at = (const char *)memchr(at, ':', target.len) + 3;
	while (at < end && *at != '/' && *at != '?')
		at++;
	return (slice){ at, (size_t)(end - at) };
}

static void set_target(struct http_head *h, slice target)
{
	slice t = without_origin(target);
	const char *q = t.len ? memchr(t.p, '?', t.len) : NULL;
	h->path = (slice){ t.p, q ? (size_t)(q - t.p) : t.len };
	if (q)
		h->query = (slice){ q + 1, t.len - h->path.len - 1 };
	if (!h->path.len)
		h->path = SLICE("/");
}

static void set_expect(struct http1_request *r)
{
	slice v = http_head_get(&r->head, "Expect");
	if (!v.p || r->minor == 0) /* RFC 9110 10.1.1: ignored in HTTP/1.0 */
		r->expect = EXPECT_NOTHING;
	else
		r->expect = slice_ieq(v, SLICE("100-continue")) ? EXPECT_CONTINUE : EXPECT_UNKNOWN;
}

static const char *disagreement(const struct http_guard *g, const struct reading *w, const llhttp_t *p)
{
	bool has_length = (p->flags & F_CONTENT_LENGTH) != 0;
	if (w->target.len != g->target_len || w->r->head.n_headers != g->n_fields || p->http_minor != g->minor)
		return "the head can be read in two ways";
	if (has_length != (g->content_length >= 0) || (has_length && p->content_length != (uint64_t)g->content_length))
		return "the length of the body can be read in two ways";
	if (((p->flags & F_CHUNKED) != 0) != g->chunked)
		return "the length of the body can be read in two ways";
	return NULL;
}

static const char *read_head(const struct http_guard *g, struct http1_request *r, slice raw)
{
	struct reading w = { .r = r, .max_fields = g->n_fields };
	struct http_head *h = &r->head;
	const char *why;
	llhttp_t p;
	llhttp_errno_t e;
	llhttp_init(&p, HTTP_REQUEST, &settings);
	p.data = &w;
	e = llhttp_execute(&p, raw.p + g->method_at, raw.len - g->method_at);
	if (e == HPE_INVALID_METHOD)
		return "the method is not known";
	if (e != HPE_PAUSED || llhttp_get_error_pos(&p) != raw.p + raw.len)
		return "the head is malformed";
	why = disagreement(g, &w, &p);
	if (why)
		return why;
	h->method = (slice){ raw.p + g->method_at, g->method_len };
	set_target(h, (slice){ raw.p + g->target_at, g->target_len });
	h->headers = r->headers;
	h->content_length = g->chunked ? -1 : g->content_length < 0 ? 0 : g->content_length;
	h->keep_alive = llhttp_should_keep_alive(&p) != 0;
	r->minor = g->minor;
	for (size_t i = 0; i < h->n_headers; i++)
		r->headers[i].value = slice_trim(r->headers[i].value);
	set_expect(r);
	return NULL;
}

struct http1_request *http1_request_new(const struct http_guard *g, const char *raw, const char **why)
{
	size_t fixed = sizeof(struct http1_request) + g->n_fields * sizeof(struct http_header);
	struct http1_request *r = malloc(fixed + g->line);
	char *copy = (char *)r + fixed;
	*why = NULL;
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	memcpy(copy, raw, g->line);
	*why = read_head(g, r, (slice){ copy, g->line });
	if (!*why)
		return r;
	free(r);
	return NULL;
}

slice http_head_get(const struct http_head *h, const char *name)
{
	slice wanted = slice_of(name);
	for (size_t i = 0; i < h->n_headers; i++)
		if (slice_ieq(h->headers[i].name, wanted))
			return h->headers[i].value;
	return (slice){ NULL, 0 };
}

const char *http1_reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
	};
	for (size_t i = 0; i < COUNTOF(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

static bool clean(slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static void add_field(struct strbuf *out, slice name, slice value)
{
	char *at;
	if (!name.len || !clean(name) || !clean(value))
		return;
	at = strbuf_room(out, name.len + value.len + 4);
	if (!at)
		return;
	memcpy(at, name.p, name.len);
	memcpy(at + name.len, ": ", 2);
	if (value.len)
		memcpy(at + name.len + 2, value.p, value.len);
	memcpy(at + name.len + 2 + value.len, "\r\n", 2);
	out->len += name.len + value.len + 4;
}

bool http1_answer_has_body(const struct http_answer *a, const struct http1_style *style)
{
	return !style->to_head && a->status >= 200 && a->status != 204 && a->status != 304;
}

void http1_answer_head(struct strbuf *out, const struct http_answer *a, const struct http1_style *style)
{
	strbuf_addf(out, "HTTP/1.1 %d %s\r\n", a->status, http1_reason(a->status));
	add_field(out, SLICE("Date"), style->date);
	if (a->content_type.len)
		add_field(out, SLICE("Content-Type"), a->content_type);
	if (a->status != 204 && a->status != 304) /* RFC 9110 8.6 */
		strbuf_addf(out, "Content-Length: %zu\r\n", a->body.len);
	for (size_t i = 0; i < a->n_headers; i++)
		add_field(out, a->headers[i].name, a->headers[i].value);
	if (style->close)
		strbuf_adds(out, "Connection: close\r\n");
	else if (style->minor == 0)
		strbuf_adds(out, "Connection: keep-alive\r\n");
	strbuf_adds(out, "\r\n");
}
