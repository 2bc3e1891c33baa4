/* strbuf.c - a growing byte string with a maximum; see strbuf.h.
 *
 * Invariants: len <= max, and when p is set then len < cap and p[len] is NUL. A failed append adds
 * nothing, so what is there is always a prefix of what was wanted.
 */
#include "lib/base/strbuf.h"

#include <stdio.h>

#include "lib/base/json_scan.h"
#include "lib/base/utf8.h"

void strbuf_init(struct strbuf *b, size_t max)
{
	*b = (struct strbuf){ .max = max };
}

void strbuf_release(struct strbuf *b)
{
	free(b->p);
	strbuf_init(b, b->max);
}

void strbuf_clear(struct strbuf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = 0;
}

static int fail(struct strbuf *b)
{
	b->failed = true;
	return -1;
}

char *strbuf_room(struct strbuf *b, size_t n)
{
	if (b->failed || n > b->max - b->len || n > SIZE_MAX / 4) {
		fail(b);
		return NULL;
	}
	size_t need = b->len + n + 1;
	if (need > b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 64;
		cap = cap < need ? need : cap;
		cap = cap > b->max && need <= b->max ? b->max : cap;
		char *p = realloc(b->p, cap);
		if (!p) {
			fail(b);
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	b->p[b->len + n] = 0; /* a caller that adds n to len leaves a terminated string */
	return b->p + b->len;
}

int strbuf_add(struct strbuf *b, slice s)
{
	char *to = strbuf_room(b, s.len);
	if (!to)
		return -1;
	if (s.len)
		memcpy(to, s.p, s.len);
	b->len += s.len;
	return 0;
}

int strbuf_addc(struct strbuf *b, char c)
{
	return strbuf_add(b, (slice){ &c, 1 });
}

int strbuf_adds(struct strbuf *b, const char *s)
{
	return strbuf_add(b, slice_of(s));
}

int strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	char *to = n < 0 ? NULL : strbuf_room(b, (size_t)n);
	if (to) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return to ? 0 : fail(b);
}

int strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = strbuf_vaddf(b, fmt, ap);
	va_end(ap);
	return rc;
}

static bool is_json_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

static int add_escape(struct strbuf *b, char c)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	for (size_t i = 0; i < sizeof(letters) - 1; i += 2)
		if (letters[i] == c)
			return strbuf_add(b, (slice){ (char[]){ '\\', letters[i + 1] }, 2 });
	return strbuf_addf(b, "\\u%04x", (unsigned char)c);
}

/* Text with bad UTF-8 in it: rare, byte by byte. */
static void add_repaired(struct strbuf *b, slice s)
{
	size_t at = 0;
	while (at < s.len && !b->failed) {
		size_t end = at;
		bool ok = true;
		/* a run of bytes that stand for themselves */
		while (end < s.len && ok) {
			size_t n = 1;
			if ((unsigned char)s.p[end] >= 0x80)
				n = utf8_step((slice){ s.p + end, s.len - end }, &ok);
			else
				ok = is_json_plain(s.p[end]);
			end += ok ? n : 0;
		}
		strbuf_add(b, (slice){ s.p + at, end - at });
		at = end;
		if (at == s.len)
			break;
		if ((unsigned char)s.p[at] < 0x80) {
			add_escape(b, s.p[at++]);
		} else {
			at += utf8_step((slice){ s.p + at, s.len - at }, &ok);
			strbuf_add(b, SLICE("\xEF\xBF\xBD"));
		}
	}
}

int strbuf_add_json(struct strbuf *b, slice s)
{
	if (!s.len) /* its pointer may be NULL */
		return b->failed ? -1 : 0;
	const char *p = s.p, *end = s.p + s.len;
	bool high = false;
	if (!utf8_valid(s)) {
		add_repaired(b, s);
		return b->failed ? -1 : 0;
	}
	while (p < end && !b->failed) {
		const char *stop = scan_text(p, end, &high);
		strbuf_add(b, (slice){ p, (size_t)(stop - p) });
		if (stop < end)
			add_escape(b, *stop++);
		p = stop;
	}
	return b->failed ? -1 : 0;
}
