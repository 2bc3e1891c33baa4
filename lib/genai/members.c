/* members.c - members of JSON objects, and JSON written compactly; see members.h.
 *
 * Values are copied as text, strings with the escapes they came with and numbers digit by digit, so that nothing changes its meaning
 * on the way. Every loop is linear in the text.
 */
#include "lib/genai/members.h"

#include "lib/otlp/json_scan.h"

/* A canonical document may nest a value in array, message, parts and part, and must stay within JSON_DEPTH. */
enum { VALUE_DEPTH = JSON_DEPTH - 16 };

const struct json *members_get(const struct members *f, slice name)
{
	return json_member(f->object, name);
}

void members_use(struct members *f, const struct json *value)
{
	if (value && f->n_used < MEMBERS_MAX)
		f->used[f->n_used++] = value;
}

const struct json *members_take(struct members *f, slice name)
{
	const struct json *v = members_get(f, name);
	members_use(f, v);
	return v;
}

const struct json *members_take_any(struct members *f, const slice *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct json *v = members_get(f, names[i]);
		if (!json_empty(v)) {
			members_use(f, v);
			return v;
		}
	}
	return NULL;
}

static bool is_used(const struct members *f, const struct json *v)
{
	for (uint32_t i = 0; i < f->n_used; i++)
		if (f->used[i] == v)
			return true;
	return false;
}

bool members_left(const struct members *f)
{
	for (const struct json *v = json_first(f->object, NULL); v; v = json_next(f->object, v, NULL))
		if (!json_empty(v) && !is_used(f, v))
			return true;
	return false;
}

static bool is_reserved(const char *reserved, const struct json *key)
{
	char name[24];
	if (key->escaped) /* may be any name; escaped names are not written by anyone sane */
		return true;
	if (key->text.len > sizeof(name) - 3)
		return false;
	name[0] = ' ';
	memcpy(name + 1, key->text.p, key->text.len);
	memcpy(name + 1 + key->text.len, " ", 2);
	return strstr(reserved, name) != NULL;
}

/* Two objects are written into one: the outer one's name stays, the inner one's is lost. */
static bool is_in(const struct members *outer, const struct json *key)
{
	return outer && (key->escaped || outer->object->n > 16 || members_get(outer, key->text));
}

void members_rest(const struct members *f, struct strbuf *out, const char *reserved, bool *lossy)
{
	const struct json *key, *v;
	if (!f->object || f->object->n == f->n_used)
		return;
	for (v = json_first(f->object, &key); v; v = json_next(f->object, v, &key)) {
		if (json_empty(v) || is_used(f, v))
			continue;
		if (is_reserved(reserved, key) || is_in(f->outer, key)) {
			*lossy = true;
			continue;
		}
		strbuf_addc(out, ',');
		strbuf_add(out, json_raw(key));
		strbuf_addc(out, ':');
		put_json(out, v);
	}
}

/* Copies the string that begins at p (a quote) and returns its end. */
static const char *copy_string(const char *p, const char *end, char **to)
{
	const char *from = p++;
	bool high = false;
	for (p = scan_text(p, end, &high); *p != '"'; p = scan_text(p + 2, end, &high))
		;
	p++;
	memcpy(*to, from, (size_t)(p - from));
	*to += p - from;
	return p;
}

/* Sound JSON without its blanks; false when it nests too deeply. `to` has room for all of it. */
static bool compact(slice json, char **to)
{
	int depth = 0;
	for (const char *p = json.p, *end = p + json.len; p < end;) {
		char c = *p;
		if (c == '"') {
			p = copy_string(p, end, to);
			continue;
		}
		p++;
		if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
			continue;
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		if (depth > VALUE_DEPTH)
			return false;
		*(*to)++ = c;
	}
	return true;
}

/* False: nothing was added, because it nests too deeply. */
static bool put_compact(struct strbuf *out, slice json)
{
	char *room = strbuf_room(out, json.len), *to = room;
	if (!room)
		return true;
	if (!compact(json, &to)) {
		*room = 0;
		return false;
	}
	out->len += (size_t)(to - room);
	*to = 0;
	return true;
}

void put_text(struct strbuf *out, slice text)
{
	strbuf_addc(out, '"');
	strbuf_add_json(out, text);
	strbuf_addc(out, '"');
}

void put_json(struct strbuf *out, const struct json *n)
{
	slice raw = json_raw(n);
	if (n->type < JSON_ARRAY)
		strbuf_add(out, raw);
	else if (!put_compact(out, raw))
		put_text(out, raw);
}

void put_string(struct strbuf *out, const struct json *n)
{
	if (n->type == JSON_STRING)
		strbuf_add(out, json_raw(n));
	else
		put_text(out, n->text);
}

static bool begins_json(slice text)
{
	text = slice_trim(text);
	return text.len > 1 && (*text.p == '{' || *text.p == '[' || *text.p == '"');
}

/* True when `text` was an object or array, once more encoded at most, and has been written. */
static bool put_inner(struct strbuf *out, slice text, struct arena *a)
{
	for (int i = 0; i < 2 && begins_json(text); i++) {
		const struct json *n = json_parse(a, text, NULL);
		if (!n)
			return false;
		if (n->type >= JSON_ARRAY)
			return put_compact(out, n->text);
		text = json_text_of(n, a);
	}
	return false;
}

void put_unquoted_text(struct strbuf *out, slice text, struct arena *a)
{
	if (!put_inner(out, text, a))
		put_text(out, text);
}

void put_unquoted(struct strbuf *out, const struct json *n, struct arena *a)
{
	if (n->type == JSON_STRING && put_inner(out, json_text_of(n, a), a))
		return;
	put_json(out, n);
}
