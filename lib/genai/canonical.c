/* canonical.c - is a document already what the converter would write? See messages_are_canonical in messages.h.
 *
 * Most input is: it comes from OpenTelemetry's own instrumentations. One walk over the nodes, no output; members that nobody knows are
 * allowed, those that the converter would turn into something else are not. When in doubt the answer is no, and conversion decides.
 */
#include "lib/genai/message_parts.h"
#include "lib/genai/tables.h"

static bool is_string(const struct json *n)
{
	return n && n->type == JSON_STRING;
}

static bool is_key(const struct json *key, slice name)
{
	return slice_eq(key->text, name);
}

/* Absent, null or a string. */
static bool may_be_string(const struct json *n)
{
	return !n || n->type == JSON_NULL || n->type == JSON_STRING;
}

/* A string that is no JSON in disguise. */
static bool is_plain(const struct json *n)
{
	slice text = slice_trim(n->text);
	return n->type != JSON_STRING || text.len == 0 || !strchr("{[\"\\", *text.p);
}

static bool is_canonical_media(const struct json *part, slice type)
{
	const char *member = slice_is(type, "blob") ? "content" : slice_is(type, "uri") ? "uri" : "file_id";
	const struct json *modality = json_get(part, "modality");
	return is_string(json_get(part, member)) && is_string(modality) && modality->text.len &&
	        may_be_string(json_get(part, "mime_type"));
}

static bool is_canonical_call(const struct json *part)
{
	const struct json *name = json_get(part, "name"), *id = json_get(part, "id"),
	                  *args = json_get(part, "arguments");
	if (!is_string(name) || !may_be_string(id))
		return false;
	if (args ? !is_plain(args) : json_get(part, "args") || json_get(part, "input") || json_get(part, "parameters"))
		return false;
	return is_string(id) || !tool_call_id(part);
}

static bool is_canonical_response(const struct json *part)
{
	const struct json *id = json_get(part, "id");
	return json_get(part, "response") && may_be_string(id) && (is_string(id) || !tool_call_id(part));
}

static bool is_canonical_part(const struct json *part, const struct part_type *type)
{
	switch (type->kind) {
	case PART_TEXT:
	case PART_REASONING:
	case PART_REFUSAL:
		return is_string(json_get(part, "content"));
	case PART_TOOL_CALL:
		return is_canonical_call(part);
	case PART_TOOL_RESPONSE:
		return is_canonical_response(part);
	case PART_MEDIA:
		return is_canonical_media(part, type->name);
	default:
		return true;
	}
}

/* *tool: the message's role. Responses stand alone in messages of role tool, at their beginning. */
static bool are_canonical_parts(const struct json *parts, bool tool)
{
	for (const struct json *v = json_first(parts, NULL); v; v = json_next(parts, v, NULL)) {
		const struct json *name = v->type == JSON_OBJECT ? json_get(v, "type") : NULL;
		const struct part_type *type = part_type_of(name);
		if (!is_string(name) || (type && (!type->canonical || !is_canonical_part(v, type))))
			return false;
		if (tool && type && type->kind == PART_TEXT)
			return false;
		if (type && type->kind == PART_TOOL_RESPONSE && (!tool || v != parts + 1))
			return false;
	}
	return true;
}

static bool is_canonical_word(const struct json *n, slice (*canonical)(slice))
{
	return n->type == JSON_STRING && n->text.len && slice_eq(canonical(n->text), n->text);
}

/* Members of a message that the converter makes parts of. */
static bool is_foreign(const struct json *key)
{
	static const slice names[] = { NAME("tool_calls"), NAME("toolCalls"), NAME("function_call"),
		NAME("reasoning_content"), NAME("reasoning"), NAME("refusal"), NAME("finishReason"),
		NAME("stop_reason"), NAME("stopReason") };
	for (size_t i = 0; i < COUNTOF(names); i++)
		if (is_key(key, names[i]))
			return true;
	return key->escaped;
}

static bool is_canonical_message(const struct json *n)
{
	const struct json *key, *v, *parts = NULL, *role = NULL;
	for (v = json_first(n, &key); v; v = json_next(n, v, &key)) {
		if (is_key(key, SLICE("role"))) {
			if (!is_canonical_word(v, canonical_role) || json_is(v, "unknown"))
				return false;
			role = v;
		} else if (is_key(key, SLICE("parts"))) {
			parts = v;
		} else if (is_key(key, SLICE("name"))) {
			if (!may_be_string(v))
				return false;
		} else if (is_key(key, SLICE("finish_reason"))) {
			if (v->type != JSON_NULL && !is_canonical_word(v, canonical_finish))
				return false;
		} else if (is_foreign(key) && v->type != JSON_NULL) {
			return false;
		}
	}
	return role && parts && parts->type == JSON_ARRAY && are_canonical_parts(parts, json_is(role, "tool"));
}

bool messages_are_canonical(const struct json *n)
{
	if (n->type != JSON_ARRAY)
		return false;
	for (const struct json *v = json_first(n, NULL); v; v = json_next(n, v, NULL))
		if (v->type != JSON_OBJECT || !is_canonical_message(v))
			return false;
	return n->n > 0;
}
