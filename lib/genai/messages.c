/* messages.c - one message of any vendor, and what wraps a message; see messages.h and message_parts.h.
 *
 * A message is an object with a role, or with content and some sign of who speaks (a type, a class name, an event's name). Wrappers
 * are taken off first: {finish_reason, message} (OpenAI), {content: {parts}} (Gemini), {lc, id, kwargs} (LangChain). Parts come in one
 * order: reasoning, content, refusal, tool calls. Unknown members of a message stay; those of wrappers and dumps make it lossy.
 */
#include "lib/genai/message_parts.h"
#include "lib/genai/tables.h"

static const slice contents[] = { NAME("content"), NAME("message.content"), NAME("contents"), NAME("message.contents"),
	NAME("text"), NAME("message"), NAME("value") };
static const slice call_lists[] = { NAME("tool_calls"), NAME("toolCalls"), NAME("message.tool_calls") };
static const slice response_ids[] = { NAME("tool_call_id"), NAME("toolCallId"), NAME("tool_use_id"), NAME("call_id"),
	NAME("message.tool_call_id"), NAME("id") };

static bool is_object(const struct json *n)
{
	return n && n->type == JSON_OBJECT && n->n;
}

static bool is_text(const struct json *n)
{
	return n && n->type == JSON_STRING && n->text.len;
}

static bool is_constructor(const struct json *object)
{
	return json_get(object, "lc") && is_object(json_get(object, "kwargs"));
}

/* Whether `type` says who speaks ("human", "ai", "tool") and not what a part is. */
static bool is_speaker(const struct json *object, const struct json *type)
{
	slice canonical;
	if (!type || type->type != JSON_STRING || !json_get(object, "content"))
		return false;
	if (part_type_of(type) && (!json_is(type, "function") || json_get(object, "function")))
		return false;
	return value_map(MAP_ROLE, type->text, &canonical);
}

/* The object that is the message proper, or NULL. */
static const struct json *wrapped(const struct json *object)
{
	static const char *const names[] = { "message", "delta", "content" };
	if (json_get(object, "role"))
		return NULL;
	if (is_constructor(object))
		return json_get(object, "kwargs");
	for (size_t i = 0; i < COUNTOF(names); i++) {
		const struct json *v = json_get(object, names[i]);
		if (is_object(v) && (i < 2 || json_get(v, "parts") || json_get(v, "role")))
			return v;
	}
	return NULL;
}

bool is_message(const struct json *object)
{
	const struct json *type = json_get(object, "type");
	if (!is_object(object))
		return false;
	if (is_text(json_get(object, "role")) || json_is(type, "message") || wrapped(object))
		return true;
	if (is_speaker(object, type))
		return true;
	if (type)
		return false;
	const struct json *parts = json_get(object, "parts");
	if (parts && parts->type == JSON_ARRAY && !tool_call_id(object))
		return true;
	if (is_text(json_get(object, "text")) &&
	        (json_get(object, "finish_reason") || json_get(object, "generation_info")))
		return true;
	return json_get(object, "message.role") || json_get(object, "event.name") || json_get(object, "tool_calls") ||
	        (json_get(object, "toolCalls") && json_get(object, "text")) ||
	        (json_get(object, "content") && part_kind_of(object, NULL) <= PART_TEXT);
}

const struct json *finish_of(struct members *f)
{
	static const slice names[] = { NAME("finish_reason"), NAME("finishReason"), NAME("stop_reason"),
		NAME("stopReason"), NAME("done_reason"), NAME("generation_info"), NAME("response_metadata") };
	/* a message in our own form says it itself */
	size_t n = members_get(f, SLICE("parts")) ? 4 : COUNTOF(names);
	for (size_t i = 0; i < n; i++) {
		const struct json *v = members_get(f, names[i]), *reason = v;
		if (is_object(v)) { /* AI SDK 6, LangChain */
			struct members inner = members_of(v);
			reason = members_take_any(&inner, names, 4);
			reason = reason ? reason : json_get(v, "unified");
		}
		if (!is_text(reason))
			continue;
		if (reason == v)
			members_use(f, v);
		return reason;
	}
	return NULL;
}

/* "HumanMessage", "AIMessageChunk": the last of a constructor's id. A ChatMessage has a role. */
static slice class_role(const struct json *constructor)
{
	const struct json *id = json_get(constructor, "id"), *last = NULL;
	for (const struct json *v = json_first(id, NULL); v; v = json_next(id, v, NULL))
		last = v;
	bool none = !is_text(last) || json_is(last, "ChatMessage") || json_is(last, "ChatMessageChunk");
	return none ? (slice){ 0 } : last->text;
}

static slice event_role(const struct json *event)
{
	slice name = event->text, before = SLICE("gen_ai."), after = SLICE(".message");
	if (!slice_starts(name, before) || name.len <= before.len + after.len ||
	        memcmp(name.p + name.len - after.len, after.p, after.len) != 0)
		return (slice){ 0 };
	return (slice){ name.p + before.len, name.len - before.len - after.len };
}

static slice role_of(struct members *f, struct arena *a, slice by_class)
{
	static const slice names[] = { NAME("role"), NAME("message.role") };
	const struct json *role = members_get(f, names[0]), *v;
	role = is_text(role) ? role : members_get(f, names[1]);
	if (is_text(role)) {
		members_use(f, role);
		return json_text_of(role, a);
	}
	if ((v = members_get(f, SLICE("type"))) && is_speaker(f->object, v)) {
		members_use(f, v);
		return by_class.len ? by_class : v->text;
	}
	if (by_class.len)
		return by_class;
	if ((v = members_get(f, SLICE("event.name"))) && v->type == JSON_STRING)
		return event_role(v);
	bool response = json_is(v = members_get(f, SLICE("kind")), "response"); /* PydanticAI */
	if (response || json_is(v, "request"))
		members_use(f, v);
	if (response || json_get(f->object, "tool_calls"))
		return SLICE("assistant");
	return json_get(f->object, "tool_call_id") ? SLICE("tool") : (slice){ 0 };
}

enum { REPEATED_MAX = 64 };

/* The ids of the tool calls among a content's parts, of the first parts only. */
static size_t ids_of_calls(const struct json *content, const struct json *ids[REPEATED_MAX])
{
	size_t n = 0;
	int left = REPEATED_MAX;
	if (!content || content->type != JSON_ARRAY)
		return 0;
	for (const struct json *v = json_first(content, NULL); v && left; v = json_next(content, v, NULL), left--) {
		const struct json *id = v->type == JSON_OBJECT ? tool_call_id(v) : NULL;
		if (id && part_kind_of(v, NULL) == PART_TOOL_CALL)
			ids[n++] = id;
	}
	return n;
}

static bool stands_in(const struct json *const *ids, size_t n, const struct json *call)
{
	const struct json *id = n && call->type == JSON_OBJECT ? tool_call_id(call) : NULL;
	for (size_t i = 0; id && i < n; i++)
		if (slice_eq(ids[i]->text, id->text))
			return true;
	return false;
}

static void add_tool_calls(struct message_out *m, struct members *f, const struct json *content)
{
	const struct json *list = members_take_any(f, call_lists, COUNTOF(call_lists));
	if (list && list->type == JSON_ARRAY) {
		/* LangChain's content of Anthropic messages holds the calls that tool_calls repeats */
		const struct json *ids[REPEATED_MAX];
		size_t n = ids_of_calls(content, ids);
		for (const struct json *v = json_first(list, NULL); v; v = json_next(list, v, NULL))
			if (stands_in(ids, n, v))
				m->lossy = true;
			else if (!json_empty(v))
				tool_call_from(m, v);
	} else if (list) {
		tool_call_from(m, list);
	}
	const struct json *call = members_get(f, SLICE("function_call")); /* OpenAI until 2023 */
	if (is_object(call)) {
		members_use(f, call);
		tool_call_from(m, call);
	}
}

static bool has_responses(const struct json *content)
{
	const struct json *first = content && content->type == JSON_ARRAY ? json_first(content, NULL) : content;
	return is_object(first) && part_kind_of(first, NULL) == PART_TOOL_RESPONSE;
}

static void add_content(struct message_out *m, struct members *f, const struct json *parts, const struct json *content)
{
	static const slice reasonings[] = { NAME("reasoning_content"), NAME("reasoning") };
	const struct json *v = members_take_any(f, reasonings, COUNTOF(reasonings));
	if (v && v->type == JSON_STRING) {
		part_open(m, false);
		strbuf_add(m->out, SLICE("{\"type\":\"reasoning\",\"content\":"));
		put_string(m->out, v);
		part_close(m, false);
	} else {
		m->lossy |= v != NULL;
	}
	if (parts)
		parts_from_json(m, parts);
	else if (slice_is(m->role, "tool") && !has_responses(content))
		tool_response_from(m, members_take_any(f, response_ids, COUNTOF(response_ids)), content);
	else if (content)
		parts_from_json(m, content);
	v = members_get(f, SLICE("refusal"));
	if (is_text(v)) {
		members_use(f, v);
		part_open(m, false);
		strbuf_add(m->out, SLICE("{\"type\":\"refusal\",\"content\":"));
		put_string(m->out, v);
		part_close(m, false);
	}
	add_tool_calls(m, f, content);
}

/* LangChain keeps what OpenAI sent in additional_kwargs, also when it has its own form of it. */
static void add_kwargs(struct message_out *m, struct members *f)
{
	struct members more = members_of(json_get(f->object, "additional_kwargs"));
	const struct json *calls = json_get(f->object, "tool_calls");
	if (!is_object(more.object) || !json_empty(calls))
		return;
	add_content(m, &more, NULL, NULL);
}

/* A text part that is all of a message and holds messages: these are what was said. */
static bool unwrapped(
        struct message_out *m, const struct members *f, const struct json *parts, const struct json *finish)
{
	const struct json *only = parts && parts->n == 1 ? json_first(parts, NULL) : NULL;
	if (!only || only->type != JSON_OBJECT || !json_is(json_get(only, "type"), "text"))
		return false;
	const struct json *n = unwrap_text(json_get(only, "content"), m->arena);
	if (!are_wrapped_messages(n))
		return false;
	m->lossy |= members_left(f) || only->n > 2;
	for (const struct json *v = n->type == JSON_ARRAY ? json_first(n, NULL) : n; v;
	        v = n->type == JSON_ARRAY ? json_next(n, v, NULL) : NULL) {
		m->finish = finish;
		if (any_from_json(m, v, 1) != 0)
			m->lossy = true;
	}
	return true;
}

/* The only part of a message of role tool is the tool's response, be it called text; a text that repeats the response is left out. */
static const struct json *tool_answer(const struct json *parts)
{
	const struct json *first = json_first(parts, NULL), *second = first ? json_next(parts, first, NULL) : NULL;
	if (!first || !json_is(json_get(first, "type"), "text") || parts->n > 2)
		return NULL;
	const struct json *said = json_get(first, "content");
	if (!said || said->type != JSON_STRING || first->n != 2 || !second)
		return said && said->type == JSON_STRING && first->n == 2 ? first : NULL;
	const struct json *response = json_get(second, "response");
	response = response ? response : json_get(second, "result");
	return response && response->type == JSON_STRING && slice_eq(response->text, said->text) ? second : NULL;
}

static void add_answer(struct message_out *m, struct members *f, const struct json *answer)
{
	if (json_is(json_get(answer, "type"), "text"))
		tool_response_from(
		        m, members_take_any(f, response_ids, COUNTOF(response_ids)), json_get(answer, "content"));
	else
		parts_from_json(m, answer);
}

/* The message itself, all wrappers being off. `dump`: other members are not kept. */
static void plain(
        struct message_out *m, const struct json *object, slice by_class, const struct json *finish, bool dump)
{
	struct members f = members_of(object);
	slice role = role_of(&f, m->arena, by_class), name = { 0 };
	const struct json *type = members_get(&f, SLICE("type")), *v = members_get(&f, SLICE("name"));
	const struct json *parts = members_get(&f, SLICE("parts"));
	if (json_is(type, "message"))
		members_use(&f, type);
	if (is_text(v)) {
		members_use(&f, v);
		name = json_text_of(v, m->arena);
	}
	const struct json *own = finish_of(&f), *event = members_get(&f, SLICE("event.name"));
	m->lossy |= own && finish && !slice_eq(own->text, finish->text);
	finish = own ? own : finish;
	if (event && event->type == JSON_STRING && event_role(event).len)
		members_use(&f, event);
	if (parts && (parts->type == JSON_ARRAY || !json_empty(parts)))
		members_use(&f, parts);
	else
		parts = NULL;
	if (m->unwraps && !m->bare && unwrapped(m, &f, parts, finish))
		return;
	v = parts ? NULL : members_take_any(&f, contents, COUNTOF(contents));
	const struct json *answer =
	        parts && json_is(members_get(&f, SLICE("role")), "tool") ? tool_answer(parts) : NULL;
	message_begin_members(m, role, name, dump ? NULL : &f);
	if (answer)
		add_answer(m, &f, answer);
	else
		add_content(m, &f, parts, v);
	if (dump)
		add_kwargs(m, &f);
	m->lossy |= dump && members_left(&f);
	message_end(m, text_of(finish, m->arena));
}

static bool is_dump(const struct json *object)
{
	if (json_get(object, "parts") && json_get(object, "role"))
		return false;
	return !json_empty(json_get(object, "usage")) || !json_empty(json_get(object, "usage_metadata"));
}

void message_from_json(struct message_out *m, const struct json *object)
{
	const struct json *finish = m->finish, *inner;
	slice by_class = { 0 };
	bool dump = false;
	m->finish = NULL;
	for (int i = 0; i < 4 && (inner = wrapped(object)); i++) {
		struct members f = members_of(object);
		const struct json *told = finish_of(&f);
		m->lossy |= told && finish && !slice_eq(told->text, finish->text);
		finish = told ? told : finish;
		if (is_constructor(object)) {
			by_class = class_role(object);
			members_take(&f, SLICE("lc"));
			members_take(&f, SLICE("type"));
			members_take(&f, SLICE("id"));
			dump = true;
		}
		const struct json *index = members_get(&f, SLICE("index")),
		                  *event = members_get(&f, SLICE("event.name"));
		if (index && index->type == JSON_NUMBER)
			members_use(&f, index);
		if (json_is(event, "gen_ai.choice"))
			members_use(&f, event);
		members_use(&f, inner);
		m->lossy |= members_left(&f);
		object = inner;
	}
	plain(m, object, by_class, finish, dump || is_dump(object));
}
