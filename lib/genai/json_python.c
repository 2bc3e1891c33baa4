/* json_python.c - Python's repr() of data to JSON text; see json.h.
 *
 * Some SDKs put str(dict) or the repr() of an object where others put JSON. One pass copies what both languages write alike and translates
 * quotes, escapes, tuples, the three words, enums (<Role.USER: 'user'>) and objects: Name(_a=1) is {"a":1}, without keywords it is
 * a list. Each byte becomes three at most (a word of one letter), so the room is taken at once.
 */
#include "lib/genai/json.h"

struct translator {
	const char *start, *p, *end;
	char *to;
	unsigned depth;
	char close[JSON_DEPTH]; /* of open brackets */
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

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static slice name_at(const struct translator *t)
{
	size_t n = 0;
	while (t->p + n < t->end && is_name(t->p[n]))
		n++;
	return (slice){ t->p, n };
}

static bool open_bracket(struct translator *t, char c, char close)
{
	if (t->depth == JSON_DEPTH)
		return false;
	t->close[t->depth++] = close;
	*t->to++ = c;
	return true;
}

/* Behind "Name(": members when the first argument is a keyword's. */
static bool open_object(struct translator *t)
{
	t->p++;
	slice name = name_at(t);
	bool members = name.len && name.p + name.len < t->end && name.p[name.len] == '=';
	members |= t->p < t->end && *t->p == ')';
	return open_bracket(t, members ? '{' : '[', members ? '}' : ']');
}

static bool word(struct translator *t)
{
	static const struct {
		slice python, json;
	} words[] = { { { "None", 4 }, { "null", 4 } }, { { "True", 4 }, { "true", 4 } },
		{ { "False", 5 }, { "false", 5 } } };
	slice name = name_at(t);
	if (!name.len)
		return false;
	t->p += name.len;
	char next = t->p < t->end ? *t->p : '\0';
	if (next == '(')
		return open_object(t);
	for (size_t i = 0; i < COUNTOF(words) && next != '='; i++)
		if (slice_eq(name, words[i].python)) {
			put(t, words[i].json.p, words[i].json.len);
			return true;
		}
	bool hidden = next == '=' && *name.p == '_' && name.len > 1; /* a private member by its public name */
	*t->to++ = '"';
	put(t, name.p + hidden, name.len - hidden);
	*t->to++ = '"';
	if (next == '=')
		*t->to++ = ':', t->p++;
	return true;
}

/* An enum's value stands behind a colon; of other things there is nothing to tell. */
static bool angle(struct translator *t)
{
	for (; t->p < t->end; t->p++) {
		if (*t->p == '>') {
			put(t, "null", 4);
			t->p++;
			return true;
		}
		if (*t->p == ':' && t->end - t->p > 1 && t->p[1] == ' ') {
			t->p += 2;
			return true;
		}
	}
	return false;
}

/* Brackets and commas; a comma before the end of a tuple goes. */
static bool mark(struct translator *t)
{
	char c = *t->p++;
	if (c == '(' || c == '[')
		return open_bracket(t, '[', ']');
	if (c == '{')
		return open_bracket(t, '{', '}');
	if (c == ')' || c == ']' || c == '}') {
		if (!t->depth)
			return false;
		if (t->to[-1] == ',')
			t->to--;
		c = t->close[--t->depth];
	}
	*t->to++ = c;
	return true;
}

static bool one(struct translator *t)
{
	char c = *t->p, next = t->end - t->p > 1 ? t->p[1] : '\0';
	if (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '>') {
		t->p++;
		return true;
	}
	if (c && strchr("{}[](),:", c))
		return mark(t);
	if (c == '\'' || c == '"')
		return string(t);
	if (c == 'b' && (next == '\'' || next == '"')) {
		t->p++;
		return true;
	}
	if (c == '<')
		return angle(t);
	if ((c >= '0' && c <= '9') || c == '-' || c == '+' || (c == '.' && t->p > t->start) ||
	        ((c == 'e' || c == 'E') && t->p > t->start && t->p[-1] >= '0' && t->p[-1] <= '9')) {
		*t->to++ = *t->p++;
		return true;
	}
	return word(t);
}

slice json_of_python(struct arena *a, slice text)
{
	char *room = text.len < SIZE_MAX / 4 ? arena_try(a, text.len * 3 + 1) : NULL;
	if (!room)
		return (slice){ 0 };
	struct translator t = { .start = text.p, .p = text.p, .end = text.p + text.len, .to = room + 1 };
	*room = ' '; /* so that there is a byte before the first */
	while (t.p < t.end)
		if (!one(&t))
			return (slice){ 0 };
	return (slice){ room + 1, (size_t)(t.to - room) - 1 };
}

bool is_python_object(slice text)
{
	size_t n = 0;
	if (!text.len || *text.p < 'A' || *text.p > 'Z')
		return false;
	while (n < text.len && n < 64 && is_name(text.p[n]))
		n++;
	return n + 2 < text.len && text.p[n] == '(' && is_name(text.p[n + 1]) && text.p[text.len - 1] == ')';
}
