/* json.h - a JSON text as an array of nodes over its bytes, for the documents inside attributes and for price files.
 *
 * One pass, no copies: strings stay escaped in the text until asked for. Nodes are in document order; a container's node is followed
 * by its children, `skip` leads past them. Members of objects are their key's node followed by the value's. Everything lives in the
 * arena given; nothing is freed one by one. Duplicate keys: the first wins. Texts are UTF-8 by promise, which is not checked.
 */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/err.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum { JSON_DEPTH = 128 };
/* What the documents in one arena may take, and one of them: what is larger is refused as if memory was out. */
enum { JSON_ARENA_MAX = 128 << 20, JSON_NODES_MAX = 2 << 20 };

struct json {
	slice text; /* strings: between the quotes, escapes unresolved; else the whole text of the value */
	uint32_t skip; /* nodes up to the next sibling, this one included; never 0 */
	uint32_t n; /* elements or members of a container */
	uint8_t type;
	bool escaped; /* strings: has backslashes */
};

/* NULL when `text` is not exactly one JSON value (RFC 8259, blanks around allowed), nests deeper than JSON_DEPTH, or memory is out;
 * e (may be NULL) says which, with the offset. */
const struct json *json_parse(struct arena *a, slice text, struct err *e);
/* What Python's repr() writes of data, as JSON text in the arena: {'a': None, "it's": (1, True)}, Message(role=<Role.USER: 'user'>). It is not
 * judged: json_parse does. Empty when it cannot be repr() of data, or memory is out. */
slice json_of_python(struct arena *a, slice text);
/* Whether a text begins as such a dict or list of them does, and JSON does not. */
static inline bool is_python(slice text)
{
	size_t i = text.len && (*text.p == '[' || *text.p == '(') ? 1 : 0;
	return text.len >= i + 2 && text.p[i] == '{' && text.p[i + 1] == '\'';
}
/* Whether it may be an object's: a class name, a bracket, a keyword, and a bracket at the end. */
bool is_python_object(slice text);
/* As json_parse, but a text that ends early is closed where it ends: *cut tells. For values that an SDK's length limit truncated. */
const struct json *json_parse_cut(struct arena *a, slice text, bool *cut);

/* Children of an array or values of an object, in order; NULL at the end. For objects *key is the key's node. */
static inline const struct json *json_first(const struct json *container, const struct json **key)
{
	if (key)
		*key = NULL;
	if (!container || container->n == 0 || container->type < JSON_ARRAY)
		return NULL;
	if (container->type == JSON_ARRAY)
		return container + 1;
	if (key)
		*key = container + 1;
	return container + 2;
}
static inline const struct json *json_next(
        const struct json *container, const struct json *child, const struct json **key)
{
	const struct json *next = child + child->skip;
	if (next == container + container->skip)
		return NULL;
	if (container->type == JSON_ARRAY)
		return next;
	if (key)
		*key = next;
	return next + 1;
}
/* The member of that (plain ASCII) name, or NULL; NULL object or other types give NULL, so calls can be chained. */
const struct json *json_member(const struct json *object, slice name);
static inline const struct json *json_get(const struct json *object, const char *name)
{
	return json_member(object, slice_of(name));
}
/* "a.b.0.c": members and array indexes; a member whose name contains dots is found when it is the whole rest. */
const struct json *json_path(const struct json *root, const char *path);

bool json_is(const struct json *string, const char *text); /* a string of that content (unescaped ASCII) */
/* The content of a string, decoded into the arena when escaped; lone surrogates become U+FFFD. Of other types: their text. */
slice json_text_of(const struct json *n, struct arena *a);
bool json_int(const struct json *n, int64_t *out); /* integral numbers in range */
bool json_double(const struct json *n, double *out);
/* The value's own text, quotes included. */
slice json_raw(const struct json *n);
