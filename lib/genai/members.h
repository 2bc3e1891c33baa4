/* members.h - reading the members of a JSON object by name, and keeping what nobody asked for (lib/genai only).
 *
 * A converter takes the members that it understands. What is left is either written behind the canonical members (members_rest), so
 * that a vendor's own data survives, or makes the conversion lossy. Names are tried in the order of a list, because one object may
 * carry two spellings: the first that says something wins.
 */
#pragma once
#include "lib/genai/messages.h"

enum { MEMBERS_MAX = 20 };

struct members {
	const struct json *object;
	const struct json *used[MEMBERS_MAX];
	uint32_t n_used;
	const struct members *outer; /* the object around this one; both rests are written into one part */
};

/* A list of names as data: NAMES("a", "b") where a function wants names. */
struct names {
	size_t n;
	const slice *v;
};
#define NAME(lit)                    \
	{                            \
		lit, sizeof(lit) - 1 \
	}

static inline struct members members_of(const struct json *object)
{
	return (struct members){ .object = object };
}

/* The first member of that name whatever its value, or NULL. */
const struct json *members_get(const struct members *f, slice name);
/* As members_get; the member then counts as used. */
const struct json *members_take(struct members *f, slice name);
/* The first of the names that is not empty (json_empty). */
const struct json *members_take_any(struct members *f, const slice *names, size_t n);
/* Uses a member that members_get returned. */
void members_use(struct members *f, const struct json *value);
/* True when a member that says something was not used. */
bool members_left(const struct members *f);
/* Writes `,"name":value` for each unused member that says something. `reserved` are the names that the writer itself writes, each
 * between blanks (" type content "): a member of such a name cannot be kept and makes *lossy. */
void members_rest(const struct members *f, struct strbuf *out, const char *reserved, bool *lossy);

/* null, "", [] and {} say nothing. */
static inline bool json_empty(const struct json *n)
{
	return !n || n->type == JSON_NULL || (n->type == JSON_STRING && n->text.len == 0) ||
	        (n->type >= JSON_ARRAY && n->n == 0);
}

/* The value without blanks around its tokens. What nests deeper than an attribute's reader would follow becomes a string. */
void put_json(struct strbuf *out, const struct json *n);
/* A string: itself; other values: their text in a string. */
void put_string(struct strbuf *out, const struct json *n);
/* `text` as a string. */
void put_text(struct strbuf *out, slice text);
/* What is JSON in a string (of objects and arrays only, at most twice encoded) becomes that JSON; anything else itself. */
void put_unquoted(struct strbuf *out, const struct json *n, struct arena *a);
void put_unquoted_text(struct strbuf *out, slice text, struct arena *a);
