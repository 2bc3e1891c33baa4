/* source.c - from the text of an attribute to messages; see source.h.
 *
 * Shapes of messages are known to messages.c; here is what comes before: JSON or text, JSON inside strings, text that ends early,
 * wrappers of one vendor, contents that are arrays of parts in a string, tool calls that stand alone.
 */
#include "lib/genai/source.h"

#include <stdlib.h>

#include "lib/genai/message_parts.h"
#include "lib/otlp/value_text.h"

void source_init(struct source *s)
{
	*s = (struct source){ 0 };
	strbuf_init(&s->out, SOURCE_MAX);
	strbuf_init(&s->tmp, SOURCE_MAX);
}

void source_release(struct source *s)
{
	strbuf_release(&s->out);
	strbuf_release(&s->tmp);
	VEC_RELEASE(&s->used);
	VEC_RELEASE(&s->events);
	VEC_RELEASE(&s->finish);
}

void source_begin(struct source *s, struct view *v, struct arena *a, enum concept c)
{
	strbuf_clear(&s->out);
	s->view = v;
	s->arena = a;
	s->concept = c;
	s->lossy = s->cut = false;
	s->shape = (struct message_shape){ 0 };
	s->used.n = s->events.n = s->finish.n = 0;
	s->document = s->partly = NULL;
	s->root = NULL;
}

bool source_end(struct source *s, struct message_out *m)
{
	bool any = messages_end(m);
	/* reasons that only the reading of messages finds: the next run will find them in what is written */
	bool more = m->direction == OUTPUT && !s->finish.n;
	for (uint32_t i = 0; more && i < m->n_finish_reasons; i++)
		*VEC_ADD(&s->finish) = m->finish_reasons[i];
	s->lossy |= m->lossy;
	s->shape = m->shape;
	return any;
}

void source_use(struct source *s, struct attr *a)
{
	if (a)
		*VEC_ADD(&s->used) = a;
}

slice source_keep(struct source *s)
{
	char *p = s->tmp.failed || !s->tmp.len ? NULL : arena_try(s->arena, s->tmp.len);
	if (!p)
		return (slice){ 0 };
	memcpy(p, s->tmp.p, s->tmp.len);
	return (slice){ p, s->tmp.len };
}

const struct json *source_made(struct source *s)
{
	slice text = source_keep(s);
	return text.len ? json_parse(s->arena, text, NULL) : NULL;
}

slice source_text(struct source *s, const struct value *v)
{
	if (v->type == V_STRING)
		return v->s;
	if (v->type == V_EMPTY || v->type == V_BYTES)
		return (slice){ 0 };
	strbuf_clear(&s->tmp);
	value_text(&s->tmp, v);
	return source_keep(s);
}

bool text_is_absent(slice text)
{
	static const char *const absent[] = { "null", "None", "{}", "[]", "\"\"", "N/A", "undefined" };
	if (!text.len)
		return true;
	if (text.len > 16)
		return false;
	for (size_t i = 0; i < COUNTOF(absent); i++)
		if (slice_is(text, absent[i]))
			return true;
	return is_redacted(text);
}

static bool may_be_json(slice text)
{
	return text.len >= 2 && (*text.p == '{' || *text.p == '[' || *text.p == '"');
}

const struct json *source_json(struct source *s, slice text, enum alias_read read, bool *cut)
{
	const struct json *n = NULL;
	*cut = false;
	for (int i = 0; i < 3; i++) {
		text = slice_trim(text);
		if (is_python(text)) {
			slice json = json_of_python(s->arena, text);
			const struct json *made = json.len ? json_parse(s->arena, json, NULL) : NULL;
			if (made)
				return made;
		}
		if (!may_be_json(text))
			break;
		const struct json *inner = json_parse(s->arena, text, NULL);
		if (!inner && *text.p != '"')
			inner = json_parse_cut(s->arena, text, cut);
		if (!inner)
			break;
		n = inner;
		if (n->type != JSON_STRING)
			return n;
		text = json_text_of(n, s->arena);
	}
	return n && n->type == JSON_STRING && read == READ_QUOTED ? n : NULL;
}

static void finish_in(struct source *s, const struct json *object)
{
	static const char *const names[] = { "finish_reason", "finishReason" };
	for (size_t i = 0; i < COUNTOF(names); i++) {
		const struct json *n = json_get(object, names[i]);
		if (n && n->type == JSON_STRING && n->text.len) {
			*VEC_ADD(&s->finish) = json_text_of(n, s->arena);
			return;
		}
	}
}

void source_finish(struct source *s, const struct json *root)
{
	const struct json *list = root;
	if (root->type == JSON_OBJECT) {
		list = json_get(root, "choices");
		if (!list)
			list = json_get(root, "candidates");
		if (!list) {
			const struct json *first = body_finish_reason(root);
			if (first && first->type == JSON_STRING && first->text.len)
				*VEC_ADD(&s->finish) = json_text_of(first, s->arena);
			return;
		}
	}
	if (list->type == JSON_ARRAY)
		for (const struct json *n = json_first(list, NULL); n; n = json_next(list, n, NULL))
			finish_in(s, n);
}

/* "user: hi\nassistant: hello", which OpenLIT once wrote: lines that begin with a role and a colon begin a message. */
static slice role_at(slice text)
{
	static const char *const roles[] = { "system", "user", "assistant", "tool", "developer" };
	for (size_t i = 0; i < COUNTOF(roles); i++) {
		slice role = slice_of(roles[i]);
		if (slice_starts(text, role) && text.len > role.len + 1 && text.p[role.len] == ':' &&
		        text.p[role.len + 1] == ' ')
			return role;
	}
	return (slice){ 0 };
}

static bool role_lines(struct message_out *m, slice text)
{
	slice role = role_at(text);
	if (!role.len)
		return false;
	while (role.len) {
		text = (slice){ text.p + role.len + 2, text.len - role.len - 2 };
		slice next = { 0 };
		size_t end = 0;
		for (;;) {
			const char *nl = memchr(text.p + end, '\n', text.len - end);
			end = nl ? (size_t)(nl - text.p) : text.len;
			if (!nl)
				break;
			next = role_at((slice){ nl + 1, text.len - end - 1 });
			if (next.len)
				break;
			end++;
		}
		message_begin(m, role, (slice){ 0 });
		part_text(m, (slice){ text.p, end });
		message_end(m, (slice){ 0 });
		if (next.len)
			text = (slice){ text.p + end + 1, text.len - end - 1 };
		role = next;
	}
	return true;
}

static void text_message(struct message_out *m, slice text)
{
	message_begin(m, (slice){ 0 }, (slice){ 0 });
	part_text(m, text);
	message_end(m, (slice){ 0 });
}

/* LiveKit's chat context. */
static bool from_items(struct message_out *m, const struct json *n)
{
	const struct json *items = json_get(n, "items");
	return items && items->type == JSON_ARRAY && messages_from_json(m, items) == 0;
}

bool source_messages(
        struct source *s, struct message_out *m, struct attr *a, slice text, enum alias_read read, unsigned loose)
{
	bool cut;
	if (text_is_absent(slice_trim(text)))
		return false;
	const struct json *n = source_json(s, text, read, &cut);
	if (n && n->type == JSON_STRING)
		text = json_text_of(n, s->arena);
	else if (n) {
		if (messages_from_json(m, n) == 0 || from_items(m, n)) {
			s->cut |= cut;
			if (m->direction == OUTPUT)
				source_finish(s, n);
			if (n->type == JSON_OBJECT) {
				s->document = a;
				s->root = n;
			}
			return true;
		}
		if (!(loose & LOOSE_JSON))
			return false;
	}
	if (!n && !(loose & LOOSE_TEXT))
		return false;
	if (!n && s->view->emitter.ecosystem == ECO_OPENLIT && m->direction == INPUT && role_lines(m, text))
		return true;
	text_message(m, text);
	return true;
}

/* Whether the elements of an array are parts of a message and not just any JSON: they have a type that is known, or are Bedrock's. For
 * tools only results are: the rest is the tool's own output. */
static bool is_part(const struct json *n, bool tool)
{
	static const char *const members[] = { "toolResult", "toolUse", "text", "image", "document",
		"reasoningContent" };
	const struct part_type *type = part_type_of(json_get(n, "type"));
	if (type)
		return !tool || type->kind == PART_TOOL_RESPONSE;
	for (size_t i = 0; i < (tool ? 1 : COUNTOF(members)); i++)
		if (json_get(n, members[i]))
			return !json_get(n, "type");
	return false;
}

static bool are_parts(const struct json *list, bool tool)
{
	if (!list || list->type != JSON_ARRAY || !list->n)
		return false;
	unsigned seen = 0;
	for (const struct json *n = json_first(list, NULL); n && seen < 8; n = json_next(list, n, NULL), seen++)
		if (!is_part(n, tool))
			return false;
	return true;
}

void source_content(struct source *s, struct message_out *m, slice role, slice id, slice text)
{
	bool tool = slice_is(role, "tool") || slice_is(role, "function"), cut = false;
	const struct json *n = NULL;
	if (text.len >= 2 && *text.p == '[') {
		n = json_parse(s->arena, text, NULL);
		if (!n)
			n = json_parse_cut(s->arena, text, &cut);
	}
	if (are_parts(n, tool)) {
		s->cut |= cut;
		parts_from_json(m, n);
	} else if (tool)
		part_tool_response(m, id, text);
	else
		part_text(m, text);
}

/* One call: an object, or a string that holds one. False: neither. */
static bool add_tool_call(struct source *s, struct message_out *m, const struct json *n)
{
	if (n->type == JSON_STRING)
		n = json_parse(s->arena, json_text_of(n, s->arena), NULL);
	if (!n || n->type != JSON_OBJECT)
		return false;
	const struct json *name = json_get(n, "name");
	if (part_kind_of(n, NULL) == PART_TOOL_CALL)
		parts_from_json(m, n);
	else if (name && name->type == JSON_STRING) {
		part_tool_call(m, text_of(json_get(n, "id"), s->arena), json_text_of(name, s->arena), (slice){ 0 });
		m->lossy |= n->n > 2;
	} else
		return false;
	return true;
}

bool source_tool_calls(struct source *s, struct message_out *m, slice text)
{
	bool cut, any = false;
	const struct json *list = source_json(s, text, READ_PLAIN, &cut);
	if (!list)
		return false;
	s->cut |= cut;
	bool array = list->type == JSON_ARRAY;
	for (const struct json *n = array ? json_first(list, NULL) : list; n;
	        n = array ? json_next(list, n, NULL) : NULL) {
		bool added = add_tool_call(s, m, n);
		m->lossy |= !added;
		any |= added;
	}
	return any;
}

static void merge(struct sortable *to, struct sortable *a, size_t na, struct sortable *b, size_t nb)
{
	while (na && nb) {
		if (a->key <= b->key)
			*to++ = *a++, na--;
		else
			*to++ = *b++, nb--;
	}
	memcpy(to, na ? a : b, (na + nb) * sizeof(*to));
}

void sort_by_key(struct sortable *v, size_t n, struct arena *a)
{
	size_t sorted = 1;
	while (sorted < n && v[sorted - 1].key <= v[sorted].key)
		sorted++;
	if (sorted >= n)
		return;
	struct sortable *from = v, *to = arena_alloc(a, n * sizeof(*to));
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t i = 0; i < n; i += 2 * width) {
			size_t na = width < n - i ? width : n - i;
			size_t nb = width < n - i - na ? width : n - i - na;
			merge(to + i, from + i, na, from + i + na, nb);
		}
		struct sortable *other = from;
		from = to;
		to = other;
	}
	if (from != v)
		memcpy(v, from, n * sizeof(*v));
}
