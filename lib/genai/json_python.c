/* json_python.c - Python's repr() of data to JSON text; see json.h.
 *
 * Some SDKs put str(dict) where others put JSON. One pass copies what both languages write alike and translates quotes, escapes, tuples
 * and the three words. Each byte becomes two at most, so the room is taken at once.
 */
#include "lib/genai/json.h"

struct translator {
	const char *p, *end;
	char *to;
};

static void put(struct translator *t, const char *s, size_t n)
{
	memcpy(t->to, s, n);
	t->to += n;
}

/* `p` is at the backslash. */
static bool escape(struct translator *t)
{
	size_t left = (size_t)(t->end - t->p);
	if (left < 2)
		return false;
	char c = t->p[1];
	if (c == 'x' && left >= 4) {
		put(t, "\\u00", 4);
		put(t, t->p + 2, 2);
		t->p += 4;
		return true;
	}
	if (c == '\'')
		*t->to++ = c;
	else if (c && strchr("\\\"nrtu", c))
		put(t, t->p, 2);
	else
		return false;
	t->p += 2;
	return true;
}

/* A string in either quotes; b'..' is taken for text. */
static bool string(struct translator *t)
{
	char quote = *t->p++;
	*t->to++ = '"';
	while (t->p < t->end && *t->p != quote) {
		if (*t->p == '\\') {
			if (!escape(t))
				return false;
			continue;
		}
		if (*t->p == '"')
			*t->to++ = '\\';
		*t->to++ = *t->p++;
	}
	*t->to++ = '"';
	return t->p++ < t->end;
}

static bool word(struct translator *t)
{
	static const struct {
		slice python, json;
	} words[] = { { { "None", 4 }, { "null", 4 } }, { { "True", 4 }, { "true", 4 } },
		{ { "False", 5 }, { "false", 5 } } };
	for (size_t i = 0; i < COUNTOF(words); i++) {
		slice w = words[i].python;
		if ((size_t)(t->end - t->p) < w.len || memcmp(t->p, w.p, w.len) != 0)
			continue;
		put(t, words[i].json.p, words[i].json.len);
		t->p += w.len;
		return true;
	}
	return false;
}

/* Brackets; a comma before the end of a tuple goes. */
static void mark(struct translator *t)
{
	char c = *t->p++;
	if ((c == ')' || c == ']' || c == '}') && t->to[-1] == ',')
		t->to--;
	*t->to++ = c == '(' ? '[' : c == ')' ? ']' : c;
}

static bool one(struct translator *t)
{
	char c = *t->p;
	if (c == ' ' || c == '\n' || c == '\t' || c == '\r')
		t->p++;
	else if (c && strchr("{}[](),:", c))
		mark(t);
	else if (c == '\'' || c == '"')
		return string(t);
	else if (c == 'b' && t->end - t->p > 1 && (t->p[1] == '\'' || t->p[1] == '"'))
		t->p++;
	else if ((c >= '0' && c <= '9') || (c && strchr("+-.eE", c)))
		*t->to++ = *t->p++;
	else
		return word(t);
	return true;
}

slice json_of_python(struct arena *a, slice text)
{
	char *room = text.len < SIZE_MAX / 4 ? arena_try(a, text.len * 2 + 4) : NULL;
	struct translator t = { text.p, text.p + text.len, room + 1 };
	if (!room)
		return (slice){ 0 };
	*room = ' '; /* so that there is a byte before the first */
	while (t.p < t.end)
		if (!one(&t))
			return (slice){ 0 };
	return (slice){ room + 1, (size_t)(t.to - room) - 1 };
}
