/* strbuf.h - a growing byte string with a stated maximum (curl's dynbuf rule: no size, no buffer).
 *
 * Appending past the maximum or without memory sets `failed` and keeps what was there; callers check
 * once at the end. Always NUL-terminated once anything was appended. Not for sharing: see buf.h.
 */
#pragma once
#include <stdarg.h>

#include "lib/base/base.h"

struct strbuf {
	char *p;
	size_t len, cap, max;
	bool failed;
};

void strbuf_init(struct strbuf *b, size_t max);
void strbuf_release(struct strbuf *b);
void strbuf_clear(struct strbuf *b); /* len 0, failed false, memory kept */
/* 0, or -1 and b->failed. */
int strbuf_add(struct strbuf *b, slice s);
int strbuf_addc(struct strbuf *b, char c);
int strbuf_adds(struct strbuf *b, const char *s);
int strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF(2, 3);
int strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap) PRINTF(2, 0);
/* Makes room for n more bytes and returns where they go (the caller then adds to len); NULL on failure. */
char *strbuf_room(struct strbuf *b, size_t n) MUST_USE;
/* Appends `s` as the inside of a JSON string (no quotes): RFC 8259 escapes, invalid UTF-8 as U+FFFD. */
int strbuf_add_json(struct strbuf *b, slice s);

static inline slice strbuf_slice(const struct strbuf *b)
{
	return (slice){ b->p, b->len };
}
