/* err.c - filling struct err; see err.h.
 *
 * The text is cut at the size of the field, never at the cost of the NUL. A cut may fall inside a
 * UTF-8 character, so the tail is stepped back to a boundary.
 */
#include "lib/base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/base/utf8.h"

static void PRINTF(2, 0) format(struct err *e, const char *fmt, va_list ap)
{
	int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	if (n < 0)
		e->text[0] = 0;
	if (n >= (int)sizeof(e->text)) {
		/* the byte that was cut off is gone: judge by the bytes that stayed */
		size_t end = sizeof(e->text) - 1, lead = end;
		while (lead && end - lead < 4 && ((unsigned char)e->text[lead - 1] & 0xC0) == 0x80)
			lead--;
		if (lead && !utf8_valid((slice){ e->text + lead - 1, end - lead + 1 }))
			e->text[lead - 1] = 0;
	}
}

int err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	e->pos = (struct pos){ 0 };
	format(e, fmt, ap);
	va_end(ap);
	return -1;
}

int err_at(struct err *e, struct pos pos, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	e->pos = pos;
	format(e, fmt, ap);
	va_end(ap);
	return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	struct err was = *e;
	va_list ap;
	va_start(ap, fmt);
	format(e, fmt, ap);
	va_end(ap);
	size_t n = strlen(e->text), room = sizeof(e->text) - 1 - n;
	size_t sep = room < 2 ? room : 2;
	memcpy(e->text + n, ": ", sep);
	size_t rest = utf8_cut(slice_of(was.text), room - sep);
	memcpy(e->text + n + sep, was.text, rest);
	e->text[n + sep + rest] = 0;
	return -1;
}
