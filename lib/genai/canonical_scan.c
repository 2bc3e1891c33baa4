/* canonical_scan.c - the quick answer to "is this text already canonical?", for the usual case. See messages_scan_canonical.
 *
 * Reads the bytes once, without nodes, and says yes only to what needs no second thought: the four roles, parts of text, reasoning, tool
 * calls and responses with the members that we would write. Anything else, though it may be canonical, is "not sure", and the
 * tape parser decides. Nothing is stored but the finish reasons, which point into the text.
 */
#include "lib/base/json_scan.h"
#include "lib/genai/messages.h"

enum { NESTED_MAX = 32 };

struct reader {
	const char *p, *end;
	slice *finish;
	size_t n_finish, max_finish;
	bool has_parts;
};

static void skip_blanks(struct reader *r)
{
	const char *p = r->p, *end = r->end;
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	r->p = p;
}

static inline bool take(struct reader *r, char c)
{
	if (r->p < r->end && (unsigned char)*r->p <= ' ')
		skip_blanks(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool take_escape(struct reader *r)
{
	if (r->end - r->p < 2)
		return false;
	char c = r->p[1];
	if (c == 'u') {
		if (r->end - r->p < 6 || !is_hex(r->p[2]) || !is_hex(r->p[3]) || !is_hex(r->p[4]) || !is_hex(r->p[5]))
			return false;
		r->p += 6;
		return true;
	}
	r->p += 2;
	return c == '"' || c == '\\' || c == '/' || c == 'n' || c == 't' || c == 'r' || c == 'b' || c == 'f';
}

static bool take_string(struct reader *r)
{
	bool high = false;
	if (!take(r, '"'))
		return false;
	for (;;) {
		r->p = scan_text(r->p, r->end, &high);
		if (r->p == r->end || (unsigned char)*r->p < 0x20)
			return false;
		if (*r->p == '"')
			break;
		if (!take_escape(r))
			return false;
	}
	r->p++;
	return true;
}

static bool take_word(struct reader *r, slice word)
{
	if ((size_t)(r->end - r->p) < word.len || memcmp(r->p, word.p, word.len) != 0)
		return false;
	r->p += word.len;
	return true;
}

static bool take_digits(struct reader *r)
{
	const char *start = r->p;
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > start;
}

static bool take_number(struct reader *r)
{
	r->p += *r->p == '-';
	if (r->p < r->end && *r->p == '0')
		r->p++;
	else if (!take_digits(r))
		return false;
	if (r->p < r->end && *r->p == '.' && (r->p++, !take_digits(r)))
		return false;
	if (r->p < r->end && (*r->p | 0x20) == 'e') {
		r->p++;
		r->p += r->p < r->end && (*r->p == '+' || *r->p == '-');
		return take_digits(r);
	}
	return true;
}

static bool take_scalar(struct reader *r)
{
	if (r->p == r->end)
		return false;
	switch (*r->p) {
	case '"':
		return take_string(r);
	case 't':
		return take_word(r, SLICE("true"));
	case 'f':
		return take_word(r, SLICE("false"));
	case 'n':
		return take_word(r, SLICE("null"));
	default:
		return take_number(r);
	}
}

/* Any value; containers without recursion: the open brackets are on a small stack. */
static bool take_value(struct reader *r)
{
	char open[NESTED_MAX];
	unsigned depth = 0;
	for (;;) {
		skip_blanks(r);
		char c = r->p < r->end ? *r->p : '\0';
		bool empty = false;
		if (c == '{' || c == '[') {
			if (depth == NESTED_MAX)
				return false;
			r->p++;
			open[depth++] = c == '{' ? '}' : ']';
			empty = take(r, open[depth - 1]);
			if (!empty && c == '{' && !(take_string(r) && take(r, ':')))
				return false;
			if (!empty)
				continue;
			depth--;
		} else if (!take_scalar(r)) {
			return false;
		}
		while (depth && take(r, open[depth - 1]))
			depth--;
		if (!depth)
			return true;
		if (!take(r, ',') || (open[depth - 1] == '}' && !(take_string(r) && take(r, ':'))))
			return false;
	}
}

/* One of these words, in quotes: its index. n: none. */
static inline size_t take_one_of(struct reader *r, const slice *words, size_t n)
{
	if (!take(r, '"'))
		return n;
	size_t left = (size_t)(r->end - r->p);
	for (size_t i = 0; i < n; i++) {
		slice word = words[i];
		if (left > word.len && r->p[word.len] == '"' && memcmp(r->p, word.p, word.len) == 0) {
			r->p += word.len + 1;
			return i;
		}
	}
	return n;
}

enum member { TYPE = 1, CONTENT = 2, ID = 4, NAME = 8, ARGUMENTS = 16, RESPONSE = 32 };
static const slice member_names[] = { { "type", 4 }, { "content", 7 }, { "id", 2 }, { "name", 4 }, { "arguments", 9 },
	{ "response", 8 } };

/* Arguments in a string may be JSON in disguise: not sure. */
static bool take_arguments(struct reader *r)
{
	skip_blanks(r);
	return r->p < r->end && *r->p != '"' && take_value(r);
}

/* What parts of that type have; 0: another type. */
static unsigned take_type(struct reader *r)
{
	static const slice types[] = { { "text", 4 }, { "reasoning", 9 }, { "tool_call", 9 },
		{ "tool_call_response", 18 } };
	static const unsigned members[COUNTOF(types) + 1] = { TYPE | CONTENT, TYPE | CONTENT,
		TYPE | ID | NAME | ARGUMENTS, TYPE | ID | RESPONSE, 0 };
	return members[take_one_of(r, types, COUNTOF(types))];
}

/* How most parts begin, as the two usual kinds of writers put it. */
static bool take_text_head(struct reader *r)
{
	return take_word(r, SLICE("{\"type\": \"text\", \"content\": ")) ||
	        take_word(r, SLICE("{\"type\":\"text\",\"content\":"));
}

static bool take_part(struct reader *r, bool tool, bool first)
{
	unsigned seen = 0, all = 0;
	if (!tool && take_text_head(r))
		return take_string(r) && take(r, '}');
	if (!take(r, '{'))
		return false;
	do {
		unsigned member = 1u << take_one_of(r, member_names, COUNTOF(member_names));
		if (member > RESPONSE || seen & member || !take(r, ':'))
			return false;
		seen |= member;
		bool ok = member == TYPE      ? (all = take_type(r)) != 0
		        : member == ARGUMENTS ? take_arguments(r)
		        : member == RESPONSE  ? take_value(r)
		                              : take_string(r);
		if (!ok || (member == CONTENT && tool))
			return false;
	} while (take(r, ','));
	bool alone = seen & RESPONSE ? tool && first : true;
	return take(r, '}') && all && (seen == all || seen == (all & ~(unsigned)ARGUMENTS)) && alone;
}

static bool take_parts(struct reader *r, bool tool)
{
	bool first = true;
	if (!take(r, '['))
		return false;
	if (take(r, ']'))
		return true;
	r->has_parts = true;
	do {
		if (!take_part(r, tool, first))
			return false;
		first = false;
	} while (take(r, ','));
	return take(r, ']');
}

enum role { ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM, ROLE_TOOL, NO_ROLE };
static const slice roles[] = { { "user", 4 }, { "assistant", 9 }, { "system", 6 }, { "tool", 4 } };

static bool take_finish(struct reader *r)
{
	static const slice reasons[] = { { "stop", 4 }, { "tool_call", 9 }, { "length", 6 }, { "content_filter", 14 },
		{ "error", 5 } };
	size_t reason = take_one_of(r, reasons, COUNTOF(reasons));
	if (reason == COUNTOF(reasons) || r->n_finish == r->max_finish)
		return false;
	r->finish[r->n_finish++] = (slice){ r->p - 1 - reasons[reason].len, reasons[reason].len };
	return true;
}

enum field { FIELD_ROLE, FIELD_PARTS, FIELD_FINISH, FIELD_NAME, NO_FIELD };
static const slice field_names[] = { { "role", 4 }, { "parts", 5 }, { "finish_reason", 13 }, { "name", 4 } };

/* The role must come before the parts, as everybody writes it. */
static bool take_message(struct reader *r)
{
	unsigned seen = 0;
	size_t role = NO_ROLE;
	if (!take(r, '{'))
		return false;
	do {
		size_t field = take_one_of(r, field_names, NO_FIELD);
		if (field == NO_FIELD || seen >> field & 1 || !take(r, ':'))
			return false;
		seen |= 1u << field;
		bool ok = field == FIELD_ROLE  ? (role = take_one_of(r, roles, NO_ROLE)) != NO_ROLE
		        : field == FIELD_PARTS ? role != NO_ROLE && take_parts(r, role == ROLE_TOOL)
		        : field == FIELD_NAME  ? take_string(r)
		                               : take_finish(r);
		if (!ok)
			return false;
	} while (take(r, ','));
	return take(r, '}') && seen >> FIELD_PARTS & 1;
}

bool messages_scan_canonical(slice text, slice *finish, size_t max, size_t *n, bool *has_parts)
{
	struct reader r = { text.p, text.p + text.len, finish, 0, max, false };
	if (!take(&r, '['))
		return false;
	do {
		if (!take_message(&r))
			return false;
	} while (take(&r, ','));
	if (!take(&r, ']'))
		return false;
	skip_blanks(&r);
	*n = r.n_finish;
	*has_parts = r.has_parts;
	return r.p == r.end;
}
