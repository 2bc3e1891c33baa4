/* tool_parts.c - tool calls and tools' responses, the parts that every vendor spells differently; see message_parts.h.
 *
 * OpenAI and others keep name and arguments in an inner object (function, functionCall, toolUse ..): both objects' unknown members
 * are kept. Arguments that are JSON in a string are embedded; responses stay what they are, except for the wrappers of a single text.
 */
#include "lib/genai/message_parts.h"

static const slice call_wrappers[] = { NAME("function"), NAME("functionCall"), NAME("function_call"), NAME("toolUse"),
	NAME("toolRequest"), NAME("tool_call") };
static const slice response_wrappers[] = { NAME("functionResponse"), NAME("function_response"), NAME("toolResult"),
	NAME("toolResponse"), NAME("tool_call_result") };
static const slice ids[] = { NAME("call_id"), NAME("tool_call_id"), NAME("toolCallId"), NAME("tool_use_id"),
	NAME("toolUseId"), NAME("tool_call.id"), NAME("id"), NAME("ref") };
static const slice call_names[] = { NAME("name"), NAME("toolName"), NAME("tool_name"),
	NAME("tool_call.function.name") };
static const slice arguments[] = { NAME("arguments"), NAME("args"), NAME("input"), NAME("parameters"),
	NAME("tool_call.function.arguments") };
static const slice responses[] = { NAME("result"), NAME("output"), NAME("content"), NAME("response"), NAME("parts") };

const struct json *tool_call_id(const struct json *call)
{
	struct members f = members_of(call);
	return members_take_any(&f, ids, COUNTOF(ids));
}

static const struct json *pick(struct members *outer, struct members *inner, slice own, const slice *names, size_t n)
{
	const struct json *v = own.len ? members_take_any(outer, &own, 1) : NULL;
	v = v ? v : members_take_any(outer, names, n);
	return v || !inner->object ? v : members_take_any(inner, names, n);
}

/* The first that is there and neither null nor "": an empty object is a value. */
static const struct json *value_of(struct members *f, const slice *names, size_t n)
{
	for (size_t i = 0; i < n && f->object; i++) {
		const struct json *v = members_get(f, names[i]);
		if (v && v->type != JSON_NULL && !(v->type == JSON_STRING && v->text.len == 0)) {
			members_use(f, v);
			return v;
		}
	}
	return NULL;
}

/* The outer object's members, and the inner one's when there is one. Canonical parts have none. */
static void open_members(struct members *outer, struct members *inner, const struct json *part, bool canonical,
        const slice *wrappers, size_t n)
{
	*outer = members_of(part);
	*inner = members_of(NULL);
	inner->outer = outer;
	part_take_type(outer);
	for (size_t i = 0; i < n && !canonical && !inner->object; i++) {
		const struct json *v = members_get(outer, wrappers[i]);
		if (!v || v->type != JSON_OBJECT)
			continue;
		members_use(outer, v);
		inner->object = v;
	}
}

static void put_rest(struct message_out *m, const struct members *outer, const struct members *inner, const char *names)
{
	members_rest(outer, m->out, names, &m->lossy);
	if (inner->object)
		members_rest(inner, m->out, names, &m->lossy);
}

static void call_part(struct message_out *m, const struct json *part, bool canonical)
{
	struct members outer, inner;
	const struct json *wrapped = json_get(part, "tool_call"); /* OpenInference: {tool_call:{id, function:{..}}} */
	if (wrapped && part->n == 1 && wrapped->type == JSON_OBJECT)
		part = wrapped;
	open_members(&outer, &inner, part, canonical, call_wrappers, COUNTOF(call_wrappers));
	const struct json *id = pick(&outer, &inner, canonical ? SLICE("id") : SLICE(""), ids, COUNTOF(ids));
	const struct json *name = pick(&outer, &inner, SLICE(""), call_names, COUNTOF(call_names));
	const struct json *args = canonical ? members_take(&outer, SLICE("arguments")) : NULL;
	args = args ? args : value_of(&outer, arguments, COUNTOF(arguments));
	args = args ? args : value_of(&inner, arguments, COUNTOF(arguments));
	part_open(m, false);
	strbuf_add(m->out, SLICE("{\"type\":\"tool_call\""));
	m->shape.n_tools++;
	m->shape.n_without_id += !id;
	if (id) {
		strbuf_add(m->out, SLICE(",\"id\":"));
		put_string(m->out, id);
	}
	strbuf_add(m->out, SLICE(",\"name\":"));
	if (name)
		put_string(m->out, name);
	else
		strbuf_add(m->out, SLICE("\"\""));
	if (args) {
		strbuf_add(m->out, SLICE(",\"arguments\":"));
		put_unquoted(m->out, args, m->arena);
	}
	put_rest(m, &outer, &inner, " type id name arguments ");
	part_close(m, false);
}

static bool is_text_block(const struct json *v)
{
	const struct json *type = json_get(v, "type");
	return v->type == JSON_OBJECT && json_get(v, "text") && v->n == (type ? 2 : 1) &&
	        (!type || json_is(type, "text") || json_is(type, "input_text") || json_is(type, "output_text"));
}

static bool is_output_type(const struct json *type)
{
	return json_is(type, "text") || json_is(type, "json") || json_is(type, "content") ||
	        json_is(type, "error-text") || json_is(type, "error-json");
}

/* What a response says without the wrappers of a single value: [{text}], [{json}], {type:"text",value}. */
static const struct json *unwrap(const struct json *v, bool *error)
{
	const struct json *type = json_get(v, "type"), *value = json_get(v, "value");
	if (value && v->n == 2 && is_output_type(type)) { /* AI SDK */
		*error = slice_starts(type->text, SLICE("error"));
		v = value;
	}
	if (v->type == JSON_ARRAY && v->n == 1) {
		const struct json *only = json_first(v, NULL);
		if (is_text_block(only))
			return json_get(only, "text");
		if (only->type == JSON_OBJECT && only->n == 1 && json_get(only, "json"))
			return json_get(only, "json");
	}
	return v;
}

static void put_response(struct message_out *m, const struct json *id, const struct json *name, const struct json *v)
{
	strbuf_add(m->out, SLICE("{\"type\":\"tool_call_response\""));
	m->shape.n_tools++;
	m->shape.n_without_id += json_empty(id);
	if (!json_empty(id)) {
		strbuf_add(m->out, SLICE(",\"id\":"));
		put_string(m->out, id);
	}
	if (name) {
		strbuf_add(m->out, SLICE(",\"name\":"));
		put_string(m->out, name);
	}
	strbuf_add(m->out, SLICE(",\"response\":"));
	if (v)
		put_json(m->out, v);
	else
		strbuf_add(m->out, SLICE("\"\""));
}

/* Haystack repeats the call in its response. */
static const struct json *origin_id(const struct members *outer, const struct members *inner)
{
	const struct json *origin = json_get(inner->object ? inner->object : outer->object, "origin");
	return origin ? tool_call_id(origin) : NULL;
}

static void response_part(struct message_out *m, const struct json *part, bool canonical)
{
	struct members outer, inner;
	bool error = false;
	open_members(&outer, &inner, part, canonical, response_wrappers, COUNTOF(response_wrappers));
	const struct json *id = pick(&outer, &inner, canonical ? SLICE("id") : SLICE(""), ids, COUNTOF(ids));
	id = id ? id : origin_id(&outer, &inner);
	const struct json *name = pick(&outer, &inner, SLICE(""), call_names, COUNTOF(call_names));
	const struct json *v = canonical ? members_take(&outer, SLICE("response")) : NULL;
	if (!v) {
		v = value_of(&outer, responses, COUNTOF(responses));
		v = v ? v : value_of(&inner, responses, COUNTOF(responses));
		v = v ? unwrap(v, &error) : NULL;
	}
	part_open(m, true);
	put_response(m, id, name, v);
	if (error && !members_get(&outer, SLICE("is_error")))
		strbuf_add(m->out, SLICE(",\"is_error\":true"));
	put_rest(m, &outer, &inner, " type id name response ");
	part_close(m, true);
}

void part_tool_from(struct message_out *m, const struct json *part, const struct part_type *type, bool response)
{
	if (response)
		response_part(m, part, type && type->canonical);
	else
		call_part(m, part, type && type->canonical);
}

void tool_call_from(struct message_out *m, const struct json *call)
{
	const struct part_type *type;
	const struct json *parsed;
	if (call->type == JSON_STRING && (parsed = json_parse(m->arena, json_text_of(call, m->arena), NULL)) != NULL)
		call = parsed;
	if (call->type == JSON_STRING)
		part_text_of(m, call);
	else if (call->type != JSON_OBJECT || call->n == 0)
		part_raw(m, call);
	else if (part_kind_of(call, &type) == PART_TOOL_CALL)
		call_part(m, call, type && type->canonical);
	else
		call_part(m, call, false);
}

void tool_response_from(struct message_out *m, const struct json *id, const struct json *content)
{
	bool error = false;
	part_open(m, true);
	put_response(m, id, NULL, json_empty(content) ? NULL : unwrap(content, &error));
	part_close(m, true);
}
