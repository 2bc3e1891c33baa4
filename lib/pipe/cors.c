/* cors.c - origin matching and the headers of simple and preflight answers (see cors.h).
 *
 * Lists of the config are joined once per answer that needs them, never per request without Origin. */
#include "lib/pipe/cors.h"

/* Glob with '*' only; iterative, so a hostile origin costs O(n * m) at most. */
static bool glob(slice pattern, slice s)
{
	size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;
	while (i < s.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			mark = i;
		} else if (p < pattern.len && pattern.p[p] == s.p[i]) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

static bool allowed(const struct cors_conf *c, slice origin)
{
	for (size_t i = 0; i < c->allowed_origins.n; i++)
		if (glob(c->allowed_origins.v[i], origin))
			return true;
	return false;
}

bool cors_is_preflight(const struct cors_conf *c, const struct http_head *h)
{
	return c->enabled && c->allowed_origins.n && slice_is(h->method, "OPTIONS") &&
	        http_head_get(h, "Access-Control-Request-Method").p;
}

/* Every header the browser asks for must be allowed, by name or by "*"; simple ones always are. */
static bool headers_allowed(const struct cors_conf *c, slice asked)
{
	static const char *const simple[] = { "accept", "accept-language", "content-language", "content-type",
		"origin" };
	while (asked.len) {
		const char *comma = memchr(asked.p, ',', asked.len);
		size_t n = comma ? (size_t)(comma - asked.p) : asked.len;
		slice name = slice_trim((slice){ asked.p, n });
		bool ok = name.len == 0;
		for (size_t i = 0; i < COUNTOF(simple); i++)
			ok |= slice_ieq(name, slice_of(simple[i]));
		for (size_t i = 0; i < c->allowed_headers.n; i++)
			ok |= slice_is(c->allowed_headers.v[i], "*") || slice_ieq(name, c->allowed_headers.v[i]);
		if (!ok)
			return false;
		n += comma != NULL;
		asked = (slice){ asked.p + n, asked.len - n };
	}
	return true;
}

size_t cors_headers(
        const struct cors_conf *c, const struct http_head *h, char scratch[32], struct http_header out[CORS_HEADERS])
{
	slice origin = http_head_get(h, "Origin");
	size_t n = 0;
	if (!c->enabled || !origin.p || !allowed(c, origin))
		return 0;
	if (cors_is_preflight(c, h)) {
		slice asked = http_head_get(h, "Access-Control-Request-Headers");
		if (!headers_allowed(c, asked))
			return 0;
		out[n++] = (struct http_header){ SLICE("Access-Control-Allow-Methods"), SLICE("POST") };
		if (asked.len)
			out[n++] = (struct http_header){ SLICE("Access-Control-Allow-Headers"), asked };
		if (c->max_age) {
			snprintf(scratch, 32, "%u", c->max_age);
			out[n++] = (struct http_header){ SLICE("Access-Control-Max-Age"), slice_of(scratch) };
		}
	} else if (c->exposed_headers.n == 1) {
		out[n++] = (struct http_header){ SLICE("Access-Control-Expose-Headers"), c->exposed_headers.v[0] };
	}
	out[n++] = (struct http_header){ SLICE("Access-Control-Allow-Origin"), origin };
	out[n++] = (struct http_header){ SLICE("Access-Control-Allow-Credentials"), SLICE("true") };
	out[n++] = (struct http_header){ SLICE("Vary"), SLICE("Origin") };
	return n;
}
