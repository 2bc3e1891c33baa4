/* tools.c - tool definitions and system instructions; see messages.h.
 *
 * A definition is {type, name, description, parameters} and whatever else the vendor says. Lists may be nested in objects (Gemini's
 * functionDeclarations, Bedrock's toolSpec, a body's tools) and elements may be JSON in strings (AI SDK) or names only (Strands).
 * Tools that the provider brings itself keep their type and members.
 */
#include "lib/genai/message_parts.h"

static const slice lists[] = { NAME("functionDeclarations"), NAME("function_declarations"), NAME("tools"),
	NAME("function_tools") };
static const slice wrappers[] = { NAME("function"), NAME("toolSpec"), NAME("tool_spec") };
static const slice names[] = { NAME("name"), NAME("title") };
static const slice descriptions[] = { NAME("description") };
static const slice schemas[] = { NAME("parameters"), NAME("input_schema"), NAME("inputSchema"),
	NAME("parameters_json_schema"), NAME("parametersJsonSchema"), NAME("jsonSchema"), NAME("schema") };

static const char reserved[] = " type name description parameters function toolSpec tool_spec ";

struct tools {
	struct strbuf *out;
	struct arena *arena;
	bool *lossy;
};

static void tools_of(struct tools *t, const struct json *n, int level);

static void begin_tool(struct tools *t)
{
	if (t->out->len && t->out->p[t->out->len - 1] != '[')
		strbuf_addc(t->out, ',');
}

static void put_member(struct strbuf *out, slice before, const struct json *v)
{
	if (!v)
		return;
	strbuf_add(out, before);
	put_string(out, v);
}

static const struct json *take(struct members *f, struct members *inner, const slice *list, size_t n)
{
	const struct json *v = inner->object ? members_take_any(inner, list, n) : NULL;
	return v ? v : members_take_any(f, list, n);
}

/* The schema; a vendor's without the {json: ..} or {jsonSchema: ..} around it. */
static const struct json *schema_of(struct members *f, struct members *inner)
{
	struct members *own = inner->object && members_get(inner, schemas[0]) ? inner : f;
	const struct json *parameters = members_get(own, schemas[0]);
	if (parameters && parameters->type != JSON_NULL) {
		members_use(own, parameters);
		return parameters;
	}
	const struct json *v = take(f, inner, schemas, COUNTOF(schemas)), *json = json_get(v, "json");
	json = json ? json : json_get(v, "jsonSchema");
	return json && v->n == 1 ? json : v;
}

static void put_type(struct tools *t, struct members *f, bool named)
{
	const struct json *type = members_take(f, SLICE("type")), *key = NULL;
	*t->lossy |= !json_empty(type) && type->type != JSON_STRING;
	strbuf_add(t->out, SLICE("{\"type\":"));
	if (type && type->type == JSON_STRING && type->text.len && !json_is(type, "custom")) {
		strbuf_add(t->out, json_raw(type));
	} else if (named) {
		strbuf_add(t->out, SLICE("\"function\""));
	} else { /* {googleSearch: {}} */
		json_first(f->object, &key);
		bool usable = key->text.len && !json_is(key, "custom");
		strbuf_add(t->out, usable ? json_raw(key) : SLICE("\"function\""));
	}
}

static void one_tool(struct tools *t, const struct json *n)
{
	struct members f = members_of(n), inner = members_of(NULL);
	for (size_t i = 0; i < COUNTOF(wrappers) && !inner.object; i++) {
		const struct json *v = members_get(&f, wrappers[i]);
		if (!v || v->type != JSON_OBJECT)
			continue;
		members_use(&f, v);
		inner = (struct members){ .object = v, .outer = &f };
	}
	const struct json *name = take(&f, &inner, names, COUNTOF(names));
	const struct json *description = take(&f, &inner, descriptions, COUNTOF(descriptions));
	const struct json *schema = schema_of(&f, &inner);
	begin_tool(t);
	put_type(t, &f, name != NULL);
	put_member(t->out, SLICE(",\"name\":"), name);
	put_member(t->out, SLICE(",\"description\":"), description);
	if (schema) {
		strbuf_add(t->out, SLICE(",\"parameters\":"));
		put_unquoted(t->out, schema, t->arena);
	}
	members_rest(&f, t->out, reserved, t->lossy);
	if (inner.object)
		members_rest(&inner, t->out, reserved, t->lossy);
	strbuf_addc(t->out, '}');
}

static void named_tool(struct tools *t, const struct json *name)
{
	begin_tool(t);
	strbuf_add(t->out, SLICE("{\"type\":\"function\",\"name\":"));
	put_string(t->out, name);
	strbuf_addc(t->out, '}');
}

static void object_tools(struct tools *t, const struct json *n, int level)
{
	for (size_t i = 0; i < COUNTOF(lists); i++) {
		struct members f = members_of(n);
		const struct json *v = members_take(&f, lists[i]);
		if (!v || v->type != JSON_ARRAY)
			continue;
		*t->lossy |= members_left(&f);
		tools_of(t, v, level + 1);
		return;
	}
	if (n->n)
		one_tool(t, n);
}

static void string_tool(struct tools *t, const struct json *n, int level)
{
	slice text = slice_trim(json_text_of(n, t->arena));
	if (text.len == 0)
		return;
	const struct json *inner = *text.p == '{' || *text.p == '[' ? json_parse(t->arena, text, NULL) : NULL;
	if (inner && inner->n)
		tools_of(t, inner, level + 1);
	else
		named_tool(t, n);
}

static void tools_of(struct tools *t, const struct json *n, int level)
{
	if (level > LEVELS)
		*t->lossy = true;
	else if (n->type == JSON_STRING)
		string_tool(t, n, level);
	else if (n->type == JSON_OBJECT)
		object_tools(t, n, level);
	else if (n->type == JSON_ARRAY)
		for (const struct json *v = json_first(n, NULL); v; v = json_next(n, v, NULL))
			tools_of(t, v, level + 1);
	else
		*t->lossy |= n->type != JSON_NULL;
}

void tools_from_json(struct strbuf *out, struct arena *a, const struct json *n, bool *lossy)
{
	struct tools t = { .out = out, .arena = a, .lossy = lossy };
	if (out->len == 0)
		strbuf_addc(out, '[');
	tools_of(&t, n, 0);
}

/* A message has no type, or that of OpenAI's items; everything else with a type is a part, whatever else it says. */
static void system_part(struct message_out *m, const struct json *n)
{
	const struct json *type = json_get(n, "type");
	if (is_message(n) &&
	        (!type || type->type != JSON_STRING || json_is(type, "message") || json_is(type, "constructor")))
		message_from_json(m, n);
	else
		parts_from_json(m, n);
}

/* Messages, one or a list of them, or parts. */
static void system_parts(struct message_out *m, const struct json *n)
{
	if (n->type != JSON_ARRAY)
		system_part(m, n);
	for (const struct json *v = n->type == JSON_ARRAY ? json_first(n, NULL) : NULL; v; v = json_next(n, v, NULL))
		system_part(m, v);
}

/* False: the parts would be much longer than the text, as those of a list of numbers are. */
static bool system_from_json(struct message_out *m, const struct json *n, struct strbuf *out, struct arena *a)
{
	messages_begin(m, out, a, INPUT);
	m->bare = true;
	size_t max = out->max, most = out->len + GROWTH * n->text.len + SLACK - 8;
	out->max = most < max ? most : max;
	system_parts(m, n);
	out->max = max;
	return !out->failed;
}

bool system_from_text(struct strbuf *out, struct arena *a, slice text, bool *lossy)
{
	struct message_out m;
	slice at = slice_trim(text);
	bool cut = false;
	const struct json *n =
	        at.len && (*at.p == '{' || *at.p == '[' || *at.p == '"') ? json_parse_cut(a, at, &cut) : NULL;
	if (n && system_from_json(&m, n, out, a)) {
		*lossy |= m.lossy || cut;
		return messages_end(&m);
	}
	strbuf_clear(out);
	if (!text.len)
		return false;
	strbuf_add(out, SLICE("[{\"type\":\"text\",\"content\":\""));
	strbuf_add_json(out, text);
	strbuf_add(out, SLICE("\"}]"));
	return true;
}
