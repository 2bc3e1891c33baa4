/* wrapped.c - what some SDKs put into a text that is no text, and streams that came as one message a chunk; see message_parts.h.
 *
 * A text part may hold the JSON or Python's repr() of parts or whole messages. Only what cannot be anything else is unwrapped: parts of known
 * types of which one is no text, objects with a role and what messages have. The first bytes tell that a text is none of these, so
 * that plain text costs one look. Chunks are joined by copying their texts as they are, escapes and all.
 */
#include "lib/genai/message_parts.h"

bool may_wrap(const struct json *string)
{
	static const slice start = NAME("[{\\\"");
	return string && string->type == JSON_STRING &&
	        (slice_starts(string->text, start) || is_python(string->text) || is_python_object(string->text));
}

const struct json *unwrap_text(const struct json *string, struct arena *a)
{
	if (!may_wrap(string))
		return NULL;
	slice text = json_text_of(string, a);
	bool python = is_python(text) || is_python_object(text);
	const struct json *n = json_parse(a, python ? json_of_python(a, text) : text, NULL);
	return n && n->type >= JSON_ARRAY && n->n ? n : NULL;
}

bool are_wrapped_parts(const struct json *n)
{
	bool more = false, list = n && n->type == JSON_ARRAY;
	const struct part_type *type;
	for (const struct json *v = list ? json_first(n, NULL) : n; v; v = list ? json_next(n, v, NULL) : NULL) {
		enum part_kind kind = v->type == JSON_OBJECT ? part_kind_of(v, &type) : PART_NONE;
		if (kind == PART_NONE || kind == PART_AS_IS || !type || json_get(v, "role"))
			return false;
		more |= kind == PART_TOOL_CALL || kind == PART_TOOL_RESPONSE || kind == PART_REASONING;
	}
	return more;
}

static bool is_wrapped_message(const struct json *n)
{
	const struct json *role = json_get(n, "role");
	if (json_is(json_get(n, "object"), "response") && json_get(n, "output")) /* a body of OpenAI's */
		return true;
	return role && role->type == JSON_STRING && role->text.len &&
	        (json_get(n, "content") || json_get(n, "tool_calls") || json_get(n, "parts"));
}

bool are_wrapped_messages(const struct json *n)
{
	if (n && n->type == JSON_OBJECT)
		return is_wrapped_message(n);
	for (const struct json *v = json_first(n, NULL); v; v = json_next(n, v, NULL))
		if (!is_wrapped_message(v))
			return false;
	return n != NULL;
}

/* Texts and thoughts of the assistant, and nothing else. */
static bool is_chunk(const struct json *message)
{
	const struct json *parts = json_get(message, "parts"), *role = json_get(message, "role");
	if (!parts || parts->type != JSON_ARRAY || !(json_is(role, "assistant") || json_is(role, "model")))
		return false;
	for (const struct json *p = json_first(parts, NULL); p; p = json_next(parts, p, NULL)) {
		const struct json *type = json_get(p, "type"), *content = json_get(p, "content");
		if (!(json_is(type, "text") || json_is(type, "reasoning")) || !content ||
		        content->type != JSON_STRING || p->n != 2)
			return false;
	}
	return true;
}

static bool has_ended(const struct json *message)
{
	const struct json *finish = json_get(message, "finish_reason");
	return !finish || finish->type != JSON_STRING || finish->text.len;
}

static void add_chunk(struct message_out *m, const struct json *message, slice *type)
{
	const struct json *parts = json_get(message, "parts");
	for (const struct json *p = json_first(parts, NULL); p; p = json_next(parts, p, NULL)) {
		slice own = json_get(p, "type")->text;
		if (!slice_eq(own, *type)) {
			if (type->len)
				strbuf_addc(m->out, '"'), part_close(m, false);
			part_open(m, false);
			strbuf_addf(m->out, "{\"type\":\"%.*s\",\"content\":\"", SLICE_ARG(own));
			*type = own;
		}
		strbuf_add(m->out, json_get(p, "content")->text);
	}
}

const struct json *join_chunks(struct message_out *m, const struct json *array, const struct json *first)
{
	const struct json *last = first, *next;
	slice type = { 0 };
	if (!m->chunks || !is_chunk(first) || has_ended(first))
		return NULL;
	while (!has_ended(last) && (next = json_next(array, last, NULL)) && is_chunk(next))
		last = next;
	if (last == first)
		return NULL;
	message_begin(m, SLICE("assistant"), (slice){ 0 });
	for (const struct json *v = first; v; v = v == last ? NULL : json_next(array, v, NULL))
		add_chunk(m, v, &type);
	if (type.len)
		strbuf_addc(m->out, '"'), part_close(m, false);
	message_end(m, text_of(json_get(last, "finish_reason"), m->arena));
	return last;
}
