/* test_http_guard.c - the smuggling set of reliability.md 2.4 and case 59, and limits at n-1, n, n+1.
 *
 * Every input is also fed byte by byte and in two pieces cut at every byte; the verdict must come at the same byte
 * and be the same. Expected statuses: 0 a sound head or body, else the fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lib/net/http_guard.h"

struct verdict {
	enum guard_step step;
	int status;
	size_t used; /* bytes of the input seen when it was given */
	uint64_t n_data, hash;
};

#define HOST "Host: a\r\n"
#define POST "POST /v1/traces HTTP/1.1\r\n" HOST

static const struct {
	const char *name, *head;
	size_t len; /* 0: strlen */
	int status;
} heads[] = {
	{ "plain", POST "Content-Length: 3\r\n\r\n", 0, 0 },
	{ "get", "GET / HTTP/1.1\r\nHost: [::1]:4318\r\n\r\n", 0, 0 },
	{ "1.0 without Host", "POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 0, 0 },
	{ "chunked", POST "Transfer-Encoding: chunked\r\n\r\n", 0, 0 },
	{ "Chunked", POST "transfer-encoding:\t ChunKed \t\r\n\r\n", 0, 0 },
	{ "an empty line first", "\r\n" POST "\r\n", 0, 0 },
	{ "absolute form", "POST http://a:1/v1/traces HTTP/1.1\r\n" HOST "\r\n", 0, 0 },
	{ "absolute form without a host", "POST http:///v1/traces HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "absolute form, a query for a host", "POST https://?/v1/traces HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "asterisk form", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, 0 },
	{ "empty value", POST "X-A:\r\n\r\n", 0, 0 },
	{ "obs-text and tabs in a value", POST "X-A: \xc3\xa4\tb\r\n\r\n", 0, 0 },
	{ "empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, 0 },
	{ "CL of 19 digits", POST "Content-Length: 0000000000000000003\r\n\r\n", 0, 0 },
	{ "upgrade", POST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n", 0, 0 },

	{ "obs-fold of TE", POST "Transfer-Encoding:\r\n chunked\r\n\r\n", 0, 400 },
	{ "obs-fold by tab", POST "X-A: b\r\n\tc\r\n\r\n", 0, 400 },
	{ "space before CL", POST " Content-Length: 3\r\n\r\n", 0, 400 },
	{ "space before the first field", "POST / HTTP/1.1\r\n Host: a\r\n\r\n", 0, 400 },
	{ "CR for CRLF", POST "X-A:\rTransfer-Encoding: chunked\r\n\r\n", 0, 400 },
	{ "CR in a value", POST "X-A: b\rc\r\n\r\n", 0, 400 },
	{ "CR CR LF", POST "X-A: b\r\r\n\r\n", 0, 400 },
	{ "CR at the end of headers", POST "Content-Length: 3\r\n\rX", 0, 400 },
	{ "LF for CRLF", POST "X-A: b\nContent-Length: 3\r\n\r\n", 0, 400 },
	{ "LF for the empty line", POST "\n", 0, 400 },
	{ "LF after the request line", "POST / HTTP/1.1\n" HOST "\r\n", 0, 400 },
	{ "LF LF", "GET / HTTP/1.1\nHost: a\n\n", 0, 400 },
	{ "NUL in a value", POST "X-A: b\0c\r\n\r\n", sizeof(POST "X-A: b\0c\r\n\r\n") - 1, 400 },
	{ "NUL in a name", POST "X\0A: b\r\n\r\n", sizeof(POST "X\0A: b\r\n\r\n") - 1, 400 },
	{ "NUL in the target", "GET /\0 HTTP/1.1\r\n\r\n", sizeof("GET /\0 HTTP/1.1\r\n\r\n") - 1, 400 },
	{ "DEL", POST "X-A: \x7f\r\n\r\n", 0, 400 },
	{ "VT", POST "Transfer-Encoding: \vchunked\r\n\r\n", 0, 400 },
	{ "space before colon", POST "Content-Length : 3\r\n\r\n", 0, 400 },
	{ "tab before colon", POST "Transfer-Encoding\t: chunked\r\n\r\n", 0, 400 },
	{ "no colon", POST "Content-Length 3\r\n\r\n", 0, 400 },
	{ "empty name", POST ": 3\r\n\r\n", 0, 400 },
	{ "high byte in a name", POST "X-\xc3\xa4: 3\r\n\r\n", 0, 400 },
	{ "CL then TE", POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400 },
	{ "TE then CL", POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 0, 400 },
	{ "TE twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400 },
	{ "CL twice", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 0, 400 },
	{ "CL twice, other case", POST "Content-Length: 3\r\ncontent-length: 4\r\n\r\n", 0, 400 },
	{ "CL list", POST "Content-Length: 3, 3\r\n\r\n", 0, 400 },
	{ "CL +3", POST "Content-Length: +3\r\n\r\n", 0, 400 },
	{ "CL -1", POST "Content-Length: -1\r\n\r\n", 0, 400 },
	{ "CL 0x3", POST "Content-Length: 0x3\r\n\r\n", 0, 400 },
	{ "CL 3 3", POST "Content-Length: 3 3\r\n\r\n", 0, 400 },
	{ "CL empty", POST "Content-Length:\r\n\r\n", 0, 400 },
	{ "CL out of range", POST "Content-Length: 9999999999999999999\r\n\r\n", 0, 400 },
	{ "CL of 20 digits", POST "Content-Length: 00000000000000000003\r\n\r\n", 0, 400 },
	{ "xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", 0, 400 },
	{ "chunked, identity", POST "Transfer-Encoding: chunked, identity\r\n\r\n", 0, 400 },
	{ "identity", POST "Transfer-Encoding: identity\r\n\r\n", 0, 400 },
	{ "gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, 400 },
	{ "chunked;foo", POST "Transfer-Encoding: chunked;foo\r\n\r\n", 0, 400 },
	{ "quoted chunked", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 0, 400 },
	{ "TE empty", POST "Transfer-Encoding:\r\n\r\n", 0, 400 },
	{ "TE in HTTP/1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 0, 400 },
	{ "HTTP/0.9", "GET /\r\n\r\n", 0, 400 },
	{ "HTTP/0.9 with version", "GET / HTTP/0.9\r\n" HOST "\r\n", 0, 400 },
	{ "HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 0, 400 },
	{ "HTTP/01.1", "GET / HTTP/01.1\r\n" HOST "\r\n", 0, 400 },
	{ "http/1.1", "GET / http/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 400 },
	{ "a TLS hello", "\x16\x03\x01\x02", 0, 400 },
	{ "two Hosts", POST HOST "\r\n", 0, 400 },
	{ "no Host", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 0, 400 },
	{ "Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0, 400 },
	{ "Host with userinfo", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 0, 400 },
	{ "Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 0, 400 },
	{ "double space before the target", "GET  / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "double space after the target", "GET /  HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "tab in the request line", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "space after the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", 0, 400 },
	{ "space before the method", " GET / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "two empty lines first", "\r\n\r\n" POST "\r\n", 0, 400 },
	{ "a method in small letters", "get / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "a method with a colon", "GET: / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "CONNECT", "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "authority form", "GET a:443 HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "* for POST", "POST * HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "another scheme", "POST ftp://a/ HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "a fragment", "GET /#a HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "raw UTF-8 in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
};

static slice text(const char *s, size_t len)
{
	return (slice){ s, len ? len : strlen(s) };
}

/* Feeds the prefixes that end at `cut` and at every `step` bytes from there on. A copy of exact size lets ASan see
 * a read past what has arrived. */
static struct verdict feed_head(slice in, size_t cut, size_t step, size_t max_bytes, size_t max_fields)
{
	struct verdict v = { .step = GUARD_MORE };
	struct http_guard g;
	http_guard_init(&g, max_bytes, max_fields);
	for (size_t n = cut < in.len ? cut : in.len;; n = n + step < in.len ? n + step : in.len) {
		char *copy = malloc(n ? n : 1);
		memcpy(copy, in.p, n);
		v.step = http_guard_head(&g, (slice){ copy, n });
		free(copy);
		v.status = g.status;
		v.used = v.step == GUARD_DONE ? g.line : 0;
		v.n_data = (uint64_t)g.content_length + g.chunked + g.n_fields * 100;
		if (v.step != GUARD_MORE || n == in.len)
			return v;
	}
}

static void assert_same(const char *name, struct verdict a, struct verdict b)
{
	if (a.step != b.step || a.status != b.status || a.used != b.used || a.n_data != b.n_data || a.hash != b.hash)
		fail_msg("%s: cut changes the verdict: %d/%d at %zu, %d/%d at %zu", name, a.step, a.status, a.used,
		        b.step, b.status, b.used);
}

static struct verdict check_head(const char *name, slice in, size_t max_bytes, size_t max_fields)
{
	struct verdict whole = feed_head(in, in.len, 1, max_bytes, max_fields);
	size_t stride = in.len > 4000 ? 997 : 1;
	assert_same(name, whole, feed_head(in, 0, in.len > 4000 ? 7 : 1, max_bytes, max_fields));
	for (size_t cut = 1; cut < in.len; cut += stride)
		assert_same(name, whole, feed_head(in, cut, in.len, max_bytes, max_fields));
	return whole;
}

static void test_heads(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(heads); i++) {
		struct verdict v = check_head(heads[i].name, text(heads[i].head, heads[i].len), 65536, 100);
		if (v.step != (heads[i].status ? GUARD_FAULT : GUARD_DONE) || v.status != heads[i].status)
			fail_msg("%s: step %d status %d", heads[i].name, v.step, v.status);
	}
}

static void test_every_control_byte_is_refused(void **state UNUSED)
{
	const char base[] = "GET / HTTP/1.1\r\nHost: a\r\nX-A: bcd\r\n\r\n";
	for (int b = 0; b < 32; b++) {
		for (size_t at = 0; at + 4 < sizeof(base) - 1; at++) {
			char in[sizeof(base)];
			struct verdict v;
			bool in_value = at >= 21 && at != 23 && at != 24;
			memcpy(in, base, sizeof(base));
			if (in[at] == b || (b == '\t' && in_value && (at < 25 || at > 27)))
				continue;
			in[at] = (char)b;
			v = check_head("control", (slice){ in, sizeof(base) - 1 }, 65536, 100);
			if (v.step != GUARD_FAULT)
				fail_msg("byte %d at %zu passed", b, at);
		}
	}
}

static slice head_of(char *out, size_t len)
{
	const char start[] = POST "X: ";
	memcpy(out, start, sizeof(start) - 1);
	memset(out + sizeof(start) - 1, 'x', len - sizeof(start) + 1 - 4);
	memcpy(out + len - 4, "\r\n\r\n", 4);
	return (slice){ out, len };
}

static void test_header_limits(void **state UNUSED)
{
	static char in[70000];
	static const size_t limits[] = { 200, 4200, 65536 };
	for (size_t i = 0; i < COUNTOF(limits); i++) {
		size_t n = limits[i];
		assert_int_equal(check_head("n-1", head_of(in, n - 1), n, 100).step, GUARD_DONE);
		assert_int_equal(check_head("n", head_of(in, n), n, 100).step, GUARD_DONE);
		assert_int_equal(check_head("n+1", head_of(in, n + 1), n, 100).status, 431);
		assert_int_equal(check_head("no end", (slice){ head_of(in, n + 1).p, n }, n, 100).step, GUARD_MORE);
	}
	for (size_t n = 98; n <= 101; n++) {
		size_t len = sizeof(POST) - 1;
		memcpy(in, POST, len);
		for (size_t f = 1; f < n; f++, len += 6)
			memcpy(in + len, "A: b\r\n", 6);
		memcpy(in + len, "\r\n", 2);
		assert_int_equal(check_head("fields", (slice){ in, len + 2 }, 65536, 100).status, n > 100 ? 431 : 0);
	}
}

static void test_target_limits(void **state UNUSED)
{
	static char in[70000];
	static const size_t lens[] = { 4095, 4096, 4097, 4150, 4160, 60000 };
	for (size_t i = 0; i < COUNTOF(lens); i++) {
		struct verdict v;
		size_t n = lens[i];
		memcpy(in, "GET /", 5);
		memset(in + 5, 'a', n - 1);
		memcpy(in + 4 + n, " HTTP/1.1\r\nHost: a\r\n\r\n", 22);
		v = check_head("target", (slice){ in, n + 26 }, 65536, 100);
		assert_int_equal(v.status, n > 4096 ? 414 : 0);
		/* a smaller limit of the whole head is met first */
		assert_int_equal(check_head("target", (slice){ in, n + 26 }, 300, 100).status, 431);
	}
}

static const struct {
	const char *name, *body;
	size_t len;
	int status; /* 0 complete, 1 incomplete */
	const char *data;
} bodies[] = {
	{ "one chunk", "3\r\nabc\r\n0\r\n\r\n", 0, 0, "abc" },
	{ "empty", "0\r\n\r\n", 0, 0, "" },
	{ "two chunks, hex", "A\r\n0123456789\r\n00b\r\n0123456789a\r\n000\r\n\r\n", 0, 0, "01234567890123456789a" },
	{ "16 digits", "0000000000000001\r\na\r\n0\r\n\r\n", 0, 0, "a" },
	{ "extension", "1;a=b;c=\"d e\"\r\na\r\n0;x\r\n\r\n", 0, 0, "a" },
	{ "trailers", "1\r\na\r\n0\r\nContent-Length: 7\r\nX-A:\tb\r\n\r\n", 0, 0, "a" },
	{ "cut", "3\r\nab", 0, 1, "ab" },
	{ "no last chunk", "3\r\nabc\r\n", 0, 1, "abc" },
	{ "no size", "\r\nabc", 0, 400, "" },
	{ "space before size", " 3\r\nabc\r\n", 0, 400, "" },
	{ "space after size", "3 \r\nabc\r\n", 0, 400, "" },
	{ "plus", "+3\r\nabc\r\n", 0, 400, "" },
	{ "minus", "-3\r\nabc\r\n", 0, 400, "" },
	{ "0x", "0x3\r\nabc\r\n", 0, 400, "" },
	{ "17 digits", "00000000000000003\r\nabc\r\n", 0, 400, "" },
	{ "overflow", "ffffffffffffffff\r\nabc\r\n", 0, 400, "" },
	{ "overflow by sum", "1\r\na\r\n1fffffffffffffff\r\na", 0, 400, "a" },
	{ "not hex", "3g\r\nabc\r\n", 0, 400, "" },
	{ "LF after size", "3\nabc\r\n0\r\n\r\n", 0, 400, "" },
	{ "CR after size", "3\rabc\r\n0\r\n\r\n", 0, 400, "" },
	{ "LF in extension", "3;a\nabc\r\n0\r\n\r\n", 0, 400, "" },
	{ "NUL in extension", "3;\0\r\nabc", 9, 400, "" },
	{ "data too long", "3\r\nabcd\r\n0\r\n\r\n", 0, 400, "abc" },
	{ "LF after data", "3\r\nabc\n0\r\n\r\n", 0, 400, "abc" },
	{ "CR after data", "3\r\nabc\r0\r\n\r\n", 0, 400, "abc" },
	{ "folded trailer", "0\r\nA: b\r\n c\r\n\r\n", 0, 400, "" },
	{ "trailer without colon", "0\r\nabc\r\n\r\n", 0, 400, "" },
	{ "trailer with a space before colon", "0\r\nA : b\r\n\r\n", 0, 400, "" },
	{ "bare LF ends trailers", "0\r\n\n", 0, 400, "" },
	{ "bare LF in a trailer", "0\r\nA: b\n\r\n", 0, 400, "" },
	{ "CR in a trailer", "0\r\nA: b\rc\r\n\r\n", 0, 400, "" },
	{ "CR X ends trailers", "0\r\n\rX", 0, 400, "" },
};

static struct verdict feed_body(slice in, size_t cut, size_t step, char *out)
{
	struct verdict v = { .step = GUARD_MORE };
	struct http_chunks c = { .left = 0 };
	size_t at = 0, n = cut;
	while (v.step == GUARD_MORE && at < in.len) {
		size_t len = n < in.len - at ? n : in.len - at;
		char *copy = malloc(len ? len : 1);
		slice piece = { copy, len }, data;
		memcpy(copy, in.p + at, len);
		do {
			v.step = http_chunks_next(&c, &piece, &data);
			if (data.len && out)
				memcpy(out + v.n_data, data.p, data.len);
			v.n_data += data.len;
			for (size_t i = 0; i < data.len; i++)
				v.hash = v.hash * 31 + (unsigned char)data.p[i];
		} while (v.step == GUARD_MORE && piece.len);
		free(copy);
		at += len;
		v.used = at - piece.len;
		n = step;
	}
	v.status = c.status;
	return v;
}

static struct verdict check_body(const char *name, slice in, char *out)
{
	struct verdict whole = feed_body(in, in.len, in.len, out);
	assert_same(name, whole, feed_body(in, 1, 1, NULL));
	for (size_t cut = 1; cut<in.len; cut += in.len> 4000 ? 997 : 1)
		assert_same(name, whole, feed_body(in, cut, in.len, NULL));
	return whole;
}

static void test_chunked_bodies(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(bodies); i++) {
		char out[256] = "";
		slice in = text(bodies[i].body, bodies[i].len);
		struct verdict v = check_body(bodies[i].name, in, out);
		int status = v.step == GUARD_MORE ? 1 : v.status;
		if (status != bodies[i].status || strcmp(out, bodies[i].data) != 0)
			fail_msg("%s: %d, data \"%s\"", bodies[i].name, status, out);
		if (v.step == GUARD_DONE)
			assert_int_equal(v.used, in.len);
	}
}

static void test_chunk_limits(void **state UNUSED)
{
	static char in[400000];
	for (size_t ext = 63; ext <= 66; ext++) { /* after the ';' */
		int n = snprintf(in, sizeof(in), "1;%0*d\r\na\r\n0\r\n\r\n", (int)ext, 0);
		assert_int_equal(check_body("extension", (slice){ in, (size_t)n }, NULL).status, ext > 64 ? 400 : 0);
	}
	for (size_t n = 256; n <= 257; n++) { /* 64 bytes each: 16 KiB in all */
		size_t len = 0;
		for (size_t i = 0; i < n; i++)
			len += (size_t)snprintf(in + len, sizeof(in) - len, "40;%064d\r\n%064d\r\n", 0, 0);
		memcpy(in + len, "0\r\n\r\n", 5);
		assert_int_equal(check_body("extensions", (slice){ in, len + 5 }, NULL).status, n > 256 ? 400 : 0);
	}
	for (int extra = 0; extra <= 1; extra++) { /* the section is 8192 bytes with its last CRLF */
		int n = snprintf(in, sizeof(in), "0\r\nA:%0*d\r\n\r\n", 8192 - 6 + extra, 0);
		assert_int_equal(check_body("trailers", (slice){ in, (size_t)n }, NULL).status, extra ? 431 : 0);
	}
}

/* Case 67: 1-byte chunks are refused once their framing costs more than 64 KiB and twice the data. */
static void test_chunk_overhead(void **state UNUSED)
{
	struct http_chunks c = { .left = 0 };
	enum guard_step r = GUARD_MORE;
	size_t n = 0;
	for (; r == GUARD_MORE && n < 1000000; n++) {
		slice in = SLICE("1\r\na\r\n"), data;
		do {
			r = http_chunks_next(&c, &in, &data);
		} while (r == GUARD_MORE && in.len);
	}
	assert_int_equal(r, GUARD_FAULT);
	assert_int_equal(c.status, 400);
	assert_in_range(n, 20000, 25000);
	c = (struct http_chunks){ .left = 0 };
	for (n = 0, r = GUARD_MORE; r == GUARD_MORE && n < 1000000; n++) { /* 4-byte chunks are fine for ever */
		slice in = SLICE("4\r\nabcd\r\n"), data;
		do {
			r = http_chunks_next(&c, &in, &data);
		} while (r == GUARD_MORE && in.len);
	}
	assert_int_equal(r, GUARD_MORE);
	assert_int_equal(c.data, 4000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_every_control_byte_is_refused),
		cmocka_unit_test(test_header_limits),
		cmocka_unit_test(test_target_limits),
		cmocka_unit_test(test_chunked_bodies),
		cmocka_unit_test(test_chunk_limits),
		cmocka_unit_test(test_chunk_overhead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
