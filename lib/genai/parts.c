/* parts.c - one part of a message, of any vendor, as OpenTelemetry's part; see messages.h and message_parts.h.
 *
 * A part is known by its `type` (a table) or, without one, by its members (Gemini, Bedrock, Genkit, PromptKit). Within a part the
 * canonical names win, then vendors' spellings in the order of their lists; members that nobody knows are kept behind. A part whose
 * type is nobody's is copied as it is. So a canonical part gives itself.
 */
#include "lib/genai/message_parts.h"

static const struct part_type types[] = {
	/* OpenTelemetry */
	{ NAME("text"), PART_TEXT, true, NULL },
	{ NAME("tool_call"), PART_TOOL_CALL, true, NULL },
	{ NAME("tool_call_response"), PART_TOOL_RESPONSE, true, NULL },
	{ NAME("reasoning"), PART_REASONING, true, NULL },
	{ NAME("blob"), PART_MEDIA, true, "document" },
	{ NAME("uri"), PART_MEDIA, true, "document" },
	{ NAME("file"), PART_MEDIA, true, "document" },
	/* the rest of the world */
	{ NAME("input_text"), PART_TEXT, false, NULL },
	{ NAME("output_text"), PART_TEXT, false, NULL },
	{ NAME("summary_text"), PART_TEXT, false, NULL },
	{ NAME("user-prompt"), PART_TEXT, false, NULL },
	{ NAME("retry-prompt"), PART_TEXT, false, NULL },
	{ NAME("system-prompt"), PART_SYSTEM, false, NULL },
	{ NAME("thinking"), PART_REASONING, false, NULL },
	{ NAME("redacted_thinking"), PART_REASONING, false, NULL },
	{ NAME("reasoning_text"), PART_REASONING, false, NULL },
	{ NAME("thought"), PART_REASONING, false, NULL },
	{ NAME("tool_use"), PART_TOOL_CALL, false, NULL },
	{ NAME("tool-call"), PART_TOOL_CALL, false, NULL },
	{ NAME("toolCall"), PART_TOOL_CALL, false, NULL },
	{ NAME("function"), PART_TOOL_CALL, false, NULL },
	{ NAME("function_call"), PART_TOOL_CALL, false, NULL },
	{ NAME("custom_tool_call"), PART_TOOL_CALL, false, NULL },
	{ NAME("tool_result"), PART_TOOL_RESPONSE, false, NULL },
	{ NAME("tool-result"), PART_TOOL_RESPONSE, false, NULL },
	{ NAME("tool-return"), PART_TOOL_RESPONSE, false, NULL },
	{ NAME("toolResult"), PART_TOOL_RESPONSE, false, NULL },
	{ NAME("tool_response"), PART_TOOL_RESPONSE, false, NULL },
	{ NAME("function_response"), PART_TOOL_RESPONSE, false, NULL },
	{ NAME("function_call_output"), PART_TOOL_RESPONSE, false, NULL },
	{ NAME("custom_tool_call_output"), PART_TOOL_RESPONSE, false, NULL },
	{ NAME("image"), PART_MEDIA, false, "image" },
	{ NAME("image_url"), PART_MEDIA, false, "image" },
	{ NAME("image-url"), PART_MEDIA, false, "image" },
	{ NAME("image_file"), PART_MEDIA, false, "image" },
	{ NAME("input_image"), PART_MEDIA, false, "image" },
	{ NAME("audio"), PART_MEDIA, false, "audio" },
	{ NAME("audio_url"), PART_MEDIA, false, "audio" },
	{ NAME("audio-url"), PART_MEDIA, false, "audio" },
	{ NAME("input_audio"), PART_MEDIA, false, "audio" },
	{ NAME("video"), PART_MEDIA, false, "video" },
	{ NAME("video_url"), PART_MEDIA, false, "video" },
	{ NAME("video-url"), PART_MEDIA, false, "video" },
	{ NAME("document"), PART_MEDIA, false, "document" },
	{ NAME("document_url"), PART_MEDIA, false, "document" },
	{ NAME("document-url"), PART_MEDIA, false, "document" },
	{ NAME("input_file"), PART_MEDIA, false, "document" },
	{ NAME("file_data"), PART_MEDIA, false, "document" },
	{ NAME("media"), PART_MEDIA, false, "document" },
	{ NAME("binary"), PART_MEDIA, false, "document" },
	{ NAME("server_tool_use"), PART_SERVER_CALL, false, NULL },
	{ NAME("mcp_tool_use"), PART_SERVER_CALL, false, NULL },
	{ NAME("web_search_call"), PART_SERVER_CALL, false, NULL },
	{ NAME("file_search_call"), PART_SERVER_CALL, false, NULL },
	{ NAME("code_interpreter_call"), PART_SERVER_CALL, false, NULL },
	{ NAME("image_generation_call"), PART_SERVER_CALL, false, NULL },
	{ NAME("mcp_call"), PART_SERVER_CALL, false, NULL },
	{ NAME("web_search_tool_result"), PART_SERVER_RESPONSE, false, NULL },
	{ NAME("web_fetch_tool_result"), PART_SERVER_RESPONSE, false, NULL },
	{ NAME("code_execution_tool_result"), PART_SERVER_RESPONSE, false, NULL },
	{ NAME("mcp_tool_result"), PART_SERVER_RESPONSE, false, NULL },
	{ NAME("refusal"), PART_REFUSAL, true, NULL },
};

const struct part_type *part_type_of(const struct json *type)
{
	if (!type || type->type != JSON_STRING)
		return NULL;
	for (size_t i = 0; i < COUNTOF(types); i++)
		if (types[i].name.len == type->text.len && slice_eq(types[i].name, type->text))
			return &types[i];
	return NULL;
}

void part_take_type(struct members *f)
{
	static const slice names[] = { NAME("type"), NAME("part_kind"), NAME("message_content.type") };
	for (size_t i = 0; i < COUNTOF(names); i++) {
		const struct json *v = members_get(f, names[i]);
		if (!v || v->type != JSON_STRING)
			continue;
		if (part_type_of(v))
			members_use(f, v);
		return;
	}
}

/* Parts without a type are known by what they contain: the first of these members that is there. */
static const struct {
	slice member;
	enum part_kind kind;
} shapes[] = {
	{ NAME("message_content.text"), PART_TEXT },
	{ NAME("message_content.image"), PART_MEDIA },
	{ NAME("text"), PART_TEXT }, /* Gemini, Bedrock, Genkit; thought parts are told apart below */
	{ NAME("functionCall"), PART_TOOL_CALL },
	{ NAME("function_call"), PART_TOOL_CALL },
	{ NAME("toolUse"), PART_TOOL_CALL },
	{ NAME("toolRequest"), PART_TOOL_CALL },
	{ NAME("tool_call"), PART_TOOL_CALL },
	{ NAME("tool_call.function.name"), PART_TOOL_CALL },
	{ NAME("function"), PART_TOOL_CALL },
	{ NAME("toolName"), PART_TOOL_CALL },
	{ NAME("functionResponse"), PART_TOOL_RESPONSE },
	{ NAME("function_response"), PART_TOOL_RESPONSE },
	{ NAME("toolResult"), PART_TOOL_RESPONSE },
	{ NAME("toolResponse"), PART_TOOL_RESPONSE },
	{ NAME("tool_call_result"), PART_TOOL_RESPONSE }, /* Haystack */
	{ NAME("reasoningContent"), PART_REASONING },
	{ NAME("reasoning"), PART_REASONING },
	{ NAME("inlineData"), PART_MEDIA },
	{ NAME("inline_data"), PART_MEDIA },
	{ NAME("fileData"), PART_MEDIA },
	{ NAME("file_data"), PART_MEDIA },
	{ NAME("media"), PART_MEDIA },
	{ NAME("image"), PART_MEDIA },
	{ NAME("audio"), PART_MEDIA },
	{ NAME("video"), PART_MEDIA },
	{ NAME("document"), PART_MEDIA },
	{ NAME("image_url"), PART_MEDIA },
};

static bool has(const struct json *object, const char *name)
{
	return !json_empty(json_get(object, name));
}

/* {name, args}: LangChain, PromptKit, legacy OpenAI. {id, parts|result|..}: a response. */
static enum part_kind kind_by_names(const struct json *part)
{
	if (has(part, "name") && (json_get(part, "args") || json_get(part, "arguments") || json_get(part, "input")))
		return PART_TOOL_CALL;
	if (has(part, "tool_name") && json_get(part, "arguments")) /* Haystack's own objects */
		return PART_TOOL_CALL;
	if (json_get(part, "origin") && json_get(part, "result"))
		return PART_TOOL_RESPONSE;
	if (tool_call_id(part) &&
	        (has(part, "parts") || has(part, "result") || has(part, "response") || has(part, "error")))
		return PART_TOOL_RESPONSE;
	if (has(part, "mediaType") || has(part, "mime_type"))
		return PART_MEDIA;
	const struct json *content = json_get(part, "content");
	return content && content->type == JSON_STRING ? PART_TEXT : PART_NONE;
}

enum part_kind part_kind_of(const struct json *part, const struct part_type **type)
{
	const struct json *name = json_get(part, "type");
	const struct part_type *t = part_type_of(name);
	if (!name && (name = json_get(part, "part_kind"))) /* PydanticAI's own messages */
		t = part_type_of(name);
	if (type)
		*type = t;
	if (t)
		return t->kind;
	if (name && name->type == JSON_STRING) {
		/* whole messages are no parts */
		bool message = json_is(name, "message") || json_is(name, "constructor");
		return json_get(part, "type") && !message ? PART_AS_IS : PART_NONE;
	}
	for (size_t i = 0; i < COUNTOF(shapes); i++) {
		const struct json *v = json_get(part, shapes[i].member.p);
		if (json_empty(v))
			continue;
		const struct json *thought = json_get(part, "thought");
		bool thinks = thought && thought->type == JSON_BOOL && *thought->text.p == 't';
		return shapes[i].kind == PART_TEXT && thinks ? PART_REASONING : shapes[i].kind;
	}
	return kind_by_names(part);
}

/* The string in {value} (OpenAI assistants), {text} or {reasoningText:{text}} (Bedrock); *inner is the object it was in. */
static const struct json *inner_text(struct message_out *m, struct members *inner, const struct json *v)
{
	static const slice names[] = { NAME("value"), NAME("text"), NAME("reasoningText") };
	while (v && v->type == JSON_OBJECT) {
		struct members of = members_of(v);
		const struct json *next = members_take_any(&of, names, COUNTOF(names));
		if (!next)
			break;
		m->lossy |= inner->object && members_left(inner);
		*inner = of;
		v = next;
	}
	return v;
}

/* Empty text without company is no part, except where it stands in a canonical one. */
static void put_text_part(struct message_out *m, struct members *of, slice type, const struct json *v, bool keep)
{
	struct members inner = members_of(NULL);
	v = inner_text(m, &inner, v);
	if (json_empty(v) && !keep && !members_left(of))
		return;
	part_open(m, false);
	strbuf_add(m->out, SLICE("{\"type\":\""));
	strbuf_add(m->out, type);
	strbuf_add(m->out, SLICE("\",\"content\":"));
	if (json_empty(v))
		strbuf_add(m->out, SLICE("\"\""));
	else
		put_string(m->out, v);
	members_rest(of, m->out, " type content ", &m->lossy);
	inner.outer = of;
	if (inner.object)
		members_rest(&inner, m->out, " type content ", &m->lossy);
	part_close(m, false);
}

/* The canonical member wins when it is text, be it empty. */
static const struct json *own_text(struct members *f)
{
	const struct json *v = members_get(f, SLICE("content"));
	if (!v || (v->type != JSON_STRING && json_empty(v)))
		return NULL;
	members_use(f, v);
	return v;
}

/* Parts in a text part: what is beside them is lost. */
static bool wrapped_part(struct message_out *m, const struct members *f, const struct json *content)
{
	const struct json *n = unwrap_text(content, m->arena);
	if (!are_wrapped_parts(n))
		return false;
	m->lossy |= members_left(f);
	parts_from_json(m, n);
	return true;
}

static void text_part(struct message_out *m, const struct json *part, slice type)
{
	static const slice names[] = { NAME("text"), NAME("message_content.text"), NAME("refusal") };
	struct members f = members_of(part);
	part_take_type(&f);
	const struct json *own = own_text(&f);
	if (own && m->unwraps && !m->bare && wrapped_part(m, &f, own))
		return;
	const struct json *v = own ? own : members_take_any(&f, names, COUNTOF(names));
	if (answers(m) && slice_eq(type, SLICE("text")) && v && v->type == JSON_STRING && !members_left(&f))
		tool_response_from(m, NULL, v);
	else
		put_text_part(m, &f, type, v, own != NULL);
}

/* OpenAI's reasoning item: one part for each text of its summary; the first carries the item's other members. */
static void summary_parts(struct message_out *m, struct members *f, const struct json *summary)
{
	static const slice names[] = { NAME("text"), NAME("content") };
	struct members none = members_of(NULL);
	bool first = true;
	for (const struct json *v = json_first(summary, NULL); v; v = json_next(summary, v, NULL)) {
		struct members of = members_of(v);
		const struct json *text = v->type == JSON_OBJECT ? members_take_any(&of, names, COUNTOF(names)) : v;
		part_take_type(&of);
		m->lossy |= v->type == JSON_OBJECT && members_left(&of);
		put_text_part(m, first ? f : &none, SLICE("reasoning"), text, false);
		first = false;
	}
}

static bool is_summary(const struct json *n)
{
	if (!n || n->type != JSON_ARRAY)
		return false;
	for (const struct json *v = json_first(n, NULL); v; v = json_next(n, v, NULL))
		if (!json_is(json_get(v, "type"), "summary_text") || !json_get(v, "text"))
			return false;
	return true;
}

static void reasoning_part(struct message_out *m, const struct json *part)
{
	static const slice names[] = { NAME("thinking"), NAME("text"), NAME("reasoning"), NAME("reasoningContent"),
		NAME("message_content.text"), NAME("summary") };
	struct members f = members_of(part);
	part_take_type(&f);
	const struct json *thought = members_get(&f, SLICE("thought"));
	if (thought && thought->type == JSON_BOOL)
		members_use(&f, thought);
	const struct json *own = own_text(&f), *v = own ? own : members_take_any(&f, names, COUNTOF(names));
	const struct json *wrapped = m->unwraps ? unwrap_text(own, m->arena) : NULL;
	if (is_summary(wrapped))
		v = wrapped;
	if (v && v->type == JSON_ARRAY)
		summary_parts(m, &f, v);
	else
		put_text_part(m, &f, SLICE("reasoning"), v, own != NULL);
}

/* A tool that the provider runs itself: OpenTelemetry wants its own members in an object of their own. */
static void server_part(struct message_out *m, const struct json *part, bool response)
{
	static const slice ids[] = { NAME("tool_use_id"), NAME("call_id"), NAME("id") }, names[] = { NAME("name") };
	struct members f = members_of(part);
	const struct json *type = members_take(&f, SLICE("type"));
	const struct json *id = members_take_any(&f, ids, COUNTOF(ids));
	const struct json *name = response ? NULL : members_take_any(&f, names, COUNTOF(names));
	slice key = response ? SLICE("server_tool_call_response") : SLICE("server_tool_call");
	part_open(m, false);
	strbuf_addf(m->out, "{\"type\":\"%.*s\"", SLICE_ARG(key));
	if (id) {
		strbuf_add(m->out, SLICE(",\"id\":"));
		put_string(m->out, id);
	}
	if (!response) {
		strbuf_add(m->out, SLICE(",\"name\":"));
		put_string(m->out, name ? name : type);
	}
	strbuf_addf(m->out, ",\"%.*s\":{\"type\":", SLICE_ARG(key));
	put_string(m->out, type);
	members_rest(&f, m->out, " type ", &m->lossy);
	strbuf_addc(m->out, '}');
	part_close(m, false);
}

/* A part that stays what it is, unless it nests too deeply: then the writer makes a string of it, which is no part. */
static void as_is_part(struct message_out *m, const struct json *part)
{
	size_t before = m->out->len;
	struct message_out saved = *m;
	part_open(m, false);
	size_t at = m->out->len;
	put_json(m->out, part);
	if (m->out->failed || m->out->p[at] == '{') {
		if (m->out->len > at)
			m->out->len--; /* part_close writes it again */
		part_close(m, false);
		return;
	}
	m->out->len = before;
	*m = saved;
	part_raw(m, part);
}

/* Text of role system that stands inside another message becomes a message of its own; the other goes on behind it. */
static void system_part(struct message_out *m, const struct json *part)
{
	slice role = m->role, name = m->name;
	bool open = m->open;
	const struct members *extras = m->written ? NULL : m->extras;
	if (m->bare) {
		text_part(m, part, SLICE("text"));
		return;
	}
	if (m->written)
		message_end(m, (slice){ 0 });
	m->open = false;
	message_begin(m, SLICE("system"), (slice){ 0 });
	text_part(m, part, SLICE("text"));
	message_end(m, (slice){ 0 });
	if (!open)
		return;
	message_begin_members(m, role, name, extras);
	m->split = true;
}

static void object_part(struct message_out *m, const struct json *part)
{
	const struct part_type *type;
	const struct json *inner = json_get(part, "message_content"); /* OpenInference, unflattened */
	if (inner && inner->type == JSON_OBJECT && part->n == 1)
		part = inner;
	enum part_kind kind = part_kind_of(part, &type);
	switch (kind) {
	case PART_TEXT:
		text_part(m, part, SLICE("text"));
		break;
	case PART_SYSTEM:
		system_part(m, part);
		break;
	case PART_REFUSAL:
		text_part(m, part, SLICE("refusal"));
		break;
	case PART_REASONING:
		reasoning_part(m, part);
		break;
	case PART_TOOL_CALL:
	case PART_TOOL_RESPONSE:
		part_tool_from(m, part, type, kind == PART_TOOL_RESPONSE);
		break;
	case PART_MEDIA:
		part_media_from(m, part, type);
		break;
	case PART_SERVER_CALL:
		server_part(m, part, false);
		break;
	case PART_SERVER_RESPONSE:
		server_part(m, part, true);
		break;
	case PART_AS_IS:
		as_is_part(m, part);
		break;
	case PART_NONE:
		part_raw(m, part);
		break;
	}
}

static void one_part(struct message_out *m, const struct json *n)
{
	if (n->type == JSON_OBJECT && n->n)
		object_part(m, n);
	else if (n->type == JSON_STRING)
		part_text_of(m, n);
	else if (!json_empty(n))
		part_raw(m, n);
}

void parts_from_json(struct message_out *m, const struct json *n)
{
	if (n->type != JSON_ARRAY) {
		one_part(m, n);
		return;
	}
	for (const struct json *v = json_first(n, NULL); v; v = json_next(n, v, NULL))
		one_part(m, v);
}
