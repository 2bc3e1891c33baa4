/* events.c - events of a span to messages; see events.h.
 *
 * All spellings of a message event are brought to one set of fields first (struct fields), from the event's attributes or from a JSON
 * body in one of them; then there is one writer. Keys are compared without what names the event: "gen_ai.user.message.content",
 * "gen_ai.message.content", "message.content" and "content" are one field.
 */
#include "lib/genai/events.h"

#include "lib/genai/message_parts.h"

enum { FLAT_CALLS = 128 };

struct fields {
	slice role, name, id, content, tool_calls, tool_result, finish;
	const struct json *content_node, *id_node; /* when they came in a JSON body, the content as JSON */
	const struct event *flat; /* its tool calls are flattened */
	uint64_t index;
	bool lossy;
};

static bool strip(slice *s, slice prefix)
{
	if (s->len <= prefix.len || !slice_starts(*s, prefix))
		return false;
	*s = (slice){ s->p + prefix.len, s->len - prefix.len };
	return true;
}

static bool type_of(slice name, struct message_event *me)
{
	me->role = (slice){ 0 };
	if (slice_is(name, "gen_ai.choice"))
		me->type = EVENT_CHOICE;
	else if (slice_is(name, "gen_ai.content.prompt") || slice_is(name, "llm.content.prompt"))
		me->type = EVENT_PROMPT;
	else if (slice_is(name, "gen_ai.content.completion") || slice_is(name, "llm.content.completion"))
		me->type = EVENT_COMPLETION;
	else if (slice_is(name, "gen_ai.client.inference.operation.details"))
		me->type = EVENT_DETAILS;
	else {
		const slice end = SLICE(".message");
		if (!strip(&name, SLICE("gen_ai.")) || name.len <= end.len)
			return false;
		name.len -= end.len;
		if (memcmp(name.p + name.len, end.p, end.len) || memchr(name.p, '.', name.len))
			return false;
		me->type = EVENT_MESSAGE;
		me->role = name;
	}
	return true;
}

void events_find(struct message_events *me, const struct span *span, struct arena *a)
{
	struct message_event found;
	size_t n = 0;
	*me = (struct message_events){ 0 };
	for (struct event *e = span ? span->first_event : NULL; e; e = e->next)
		n += !e->deleted && type_of(e->name, &found);
	if (!n || n > EVENTS_MAX)
		return;
	struct sortable *order = arena_alloc(a, n * sizeof(*order));
	me->v = arena_alloc(a, n * sizeof(*me->v));
	for (struct event *e = span->first_event; e; e = e->next)
		if (!e->deleted && type_of(e->name, &found))
			order[me->n++] = (struct sortable){ e->time_ns, e };
	sort_by_key(order, n, a);
	for (size_t i = 0; i < n; i++) {
		me->v[i].event = order[i].item;
		(void)type_of(me->v[i].event->name, &me->v[i]);
		me->n_choices += me->v[i].type == EVENT_CHOICE;
	}
}

bool is_event_envelope(slice key)
{
	static const char *const names[] = { "gen_ai.system", "gen_ai.provider.name", "event.name",
		"gen_ai.message.index", "gen_ai.event.start_time", "gen_ai.event.end_time" };
	for (size_t i = 0; i < COUNTOF(names); i++)
		if (slice_is(key, names[i]))
			return true;
	return false;
}

static slice json_text(struct source *s, const struct json *n)
{
	if (n->type == JSON_NULL)
		return (slice){ 0 };
	return n->type == JSON_STRING ? json_text_of(n, s->arena) : json_raw(n);
}

static slice *slot_of(struct fields *f, slice name)
{
	static const struct {
		const char *name;
		size_t at;
	} slots[] = {
		{ "content", offsetof(struct fields, content) },
		{ "role", offsetof(struct fields, role) },
		{ "name", offsetof(struct fields, name) },
		{ "id", offsetof(struct fields, id) },
		{ "tool_call_id", offsetof(struct fields, id) },
		{ "tool_calls", offsetof(struct fields, tool_calls) },
		{ "tool_result", offsetof(struct fields, tool_result) },
		{ "finish_reason", offsetof(struct fields, finish) },
	};
	for (size_t i = 0; i < COUNTOF(slots); i++)
		if (slice_is(name, slots[i].name))
			return (slice *)(void *)((char *)f + slots[i].at);
	return NULL;
}

/* A body: {"role", "content", "tool_calls"}, or {"message": {..}, "finish_reason", "index"}. */
static void of_body(struct source *s, struct fields *f, const struct json *body, bool nested)
{
	const struct json *key = NULL;
	for (const struct json *n = json_first(body, &key); n; n = json_next(body, n, &key)) {
		slice name = json_text_of(key, s->arena);
		slice *slot = slot_of(f, name);
		int64_t index;
		if (n->type == JSON_NULL || is_event_envelope(name) || (n->type >= JSON_ARRAY && !n->n))
			continue;
		if (slice_is(name, "message") && n->type == JSON_OBJECT && !nested)
			of_body(s, f, n, true);
		else if (slice_is(name, "message") && n->type != JSON_OBJECT)
			f->content = json_text(s, n);
		else if (slice_is(name, "index") && json_int(n, &index))
			f->index = index >= 0 ? (uint64_t)index : 0;
		else if (slot)
			*slot = json_text(s, n);
		else
			f->lossy = true;
		if (slot == &f->content)
			f->content_node = n->type == JSON_STRING ? NULL : n;
		else if (slot == &f->id)
			f->id_node = n;
	}
}

/* What the attribute "message" of a choice says: a body, a list of parts, or text. */
static void of_message(struct source *s, struct fields *f, slice text)
{
	bool cut;
	const struct json *n = source_json(s, text, READ_PLAIN, &cut);
	if (!n || n->type != JSON_OBJECT) {
		f->content = text;
		return;
	}
	s->cut |= cut;
	of_body(s, f, n, false);
}

/* A key without what names the event and the message. */
static slice bare_key(const struct event *e, slice key)
{
	if (strip(&key, e->name))
		(void)strip(&key, SLICE("."));
	(void)strip(&key, SLICE("gen_ai."));
	(void)strip(&key, SLICE("message."));
	return key;
}

/* One attribute of a message event; it counts as used if it is a field of the message. */
static void of_attr(struct source *s, struct fields *f, const struct event *e, struct attr *a)
{
	slice key = bare_key(e, a->key);
	slice *slot = slot_of(f, key);
	if (slot)
		*slot = a->value.type == V_STRING ? a->value.s : source_text(s, &a->value);
	else if (slice_is(key, "message") || slice_is(key, "event.content") || slice_is(key, "body"))
		of_message(s, f, source_text(s, &a->value));
	else if (slice_is(key, "index") && a->value.type == V_INT)
		f->index = a->value.i >= 0 ? (uint64_t)a->value.i : 0;
	else if (slice_starts(key, SLICE("tool_calls.")))
		f->flat = e;
	else
		return;
	source_use(s, a);
}

static void of_event(struct source *s, struct fields *f, const struct message_event *me, uint64_t position)
{
	*f = (struct fields){ .index = position };
	for (struct attr *a = attrs_first(&me->event->attrs); a; a = attrs_next(a))
		of_attr(s, f, me->event, a);
	if (!f->role.len)
		f->role = me->role;
	if (text_is_absent(slice_trim(f->tool_calls)))
		f->tool_calls = (slice){ 0 };
	if (is_redacted(f->content))
		f->content = (slice){ 0 };
	*VEC_ADD(&s->events) = me->event;
}

static bool has_content(const struct fields *f)
{
	return f->content.len || f->content_node || f->tool_calls.len || f->tool_result.len || f->flat;
}

enum call_field { CALL_ID, CALL_NAME, CALL_ARGUMENTS, CALL_OWN_NAME, CALL_OWN_ARGUMENTS, N_CALL_FIELDS };
struct flat_call {
	slice field[N_CALL_FIELDS];
};

/* "tool_calls.0.function.name" as an attribute of the event. False: it is no attribute of a call's that is understood. */
static bool put_flat(struct source *s, struct flat_call calls[FLAT_CALLS], slice key, const struct attr *a)
{
	static const slice names[N_CALL_FIELDS] = { NAME("id"), NAME("function.name"), NAME("function.arguments"),
		NAME("name"), NAME("arguments") };
	size_t index = 0, i = 0;
	for (; i < key.len && i < 4 && key.p[i] >= '0' && key.p[i] <= '9'; i++)
		index = index * 10 + (size_t)(key.p[i] - '0');
	if (!i || index >= FLAT_CALLS || i == key.len || key.p[i] != '.')
		return false;
	key = (slice){ key.p + i + 1, key.len - i - 1 };
	for (size_t k = 0; k < N_CALL_FIELDS; k++) {
		slice *field = &calls[index].field[k];
		if (!slice_eq(key, names[k]))
			continue;
		if (!field->len)
			*field = source_text(s, &a->value);
		return true;
	}
	return slice_is(key, "type");
}

static void add_flat_calls(struct source *s, struct message_out *m, const struct event *e)
{
	struct flat_call calls[FLAT_CALLS] = { 0 };
	for (const struct attr *a = attrs_first(&e->attrs); a; a = attrs_next(a)) {
		slice key = bare_key(e, a->key);
		if (strip(&key, SLICE("tool_calls.")))
			m->lossy |= !put_flat(s, calls, key, a);
	}
	for (size_t i = 0; i < FLAT_CALLS; i++) {
		const slice *f = calls[i].field;
		slice name = f[CALL_NAME].len ? f[CALL_NAME] : f[CALL_OWN_NAME];
		slice arguments = f[CALL_ARGUMENTS].len ? f[CALL_ARGUMENTS] : f[CALL_OWN_ARGUMENTS];
		if (name.len)
			part_tool_call(m, f[CALL_ID], name, arguments);
		else
			m->lossy |= f[CALL_ID].len || arguments.len;
	}
}

/* What a tool answered: PromptKit's {"id", "name", "parts", "error"}, content that was JSON in the body, or text. */
static void add_response(struct source *s, struct message_out *m, const struct fields *f)
{
	const struct json *n = f->tool_result.len ? json_parse(s->arena, f->tool_result, NULL) : NULL;
	if (n && n->type == JSON_OBJECT && part_kind_of(n, NULL) == PART_TOOL_RESPONSE)
		parts_from_json(m, n);
	else if (f->tool_result.len)
		part_tool_response(m, f->id, f->tool_result);
	else if (f->content_node)
		tool_response_from(m, f->id_node, f->content_node);
	else if (f->content.len)
		source_content(s, m, SLICE("tool"), f->id, f->content);
}

static void add_message(struct source *s, struct message_out *m, const struct fields *f)
{
	slice role = f->role;
	bool tool = slice_is(role, "tool");
	message_begin(m, role, f->name);
	if (tool || f->tool_result.len)
		add_response(s, m, f);
	else if (f->content_node)
		parts_from_json(m, f->content_node);
	else if (f->content.len)
		source_content(s, m, role, f->id, f->content);
	if (f->tool_calls.len && !source_tool_calls(s, m, f->tool_calls))
		m->lossy = true;
	if (f->flat)
		add_flat_calls(s, m, f->flat);
	m->lossy |= f->lossy;
	message_end(m, m->direction == OUTPUT ? f->finish : (slice){ 0 });
}

/* The fields of all events of one direction, sorted by their index; *n is 0 when none has content. */
static struct sortable *gather(
        struct source *s, const struct message_event *v, size_t n_events, enum event_type type, size_t *n)
{
	struct sortable *order = arena_alloc(s->arena, (n_events + 1) * sizeof(*order));
	struct fields *f = arena_alloc(s->arena, (n_events + 1) * sizeof(*f));
	bool any = false;
	*n = 0;
	for (size_t i = 0; i < n_events; i++) {
		if (v[i].type != type)
			continue;
		of_event(s, f, &v[i], *n);
		any |= has_content(f);
		order[(*n)++] = (struct sortable){ f->index, f };
		f++;
	}
	if (type == EVENT_CHOICE)
		sort_by_key(order, *n, s->arena);
	for (size_t i = 0; i < *n; i++) {
		const struct fields *sorted = order[i].item;
		if (type == EVENT_CHOICE && sorted->finish.len)
			*VEC_ADD(&s->finish) = sorted->finish;
	}
	if (!any)
		*n = 0;
	return order;
}

/* How many assistant messages at the end are the answer: of emitters that have no gen_ai.choice (PromptKit). */
static size_t trailing_answers(const struct source *s, const struct message_events *me)
{
	size_t n = 0;
	if (me->n_choices || s->view->kind != KIND_LLM)
		return 0;
	for (size_t i = me->n; i-- > 0;) {
		if (me->v[i].type == EVENT_MESSAGE && !slice_is(me->v[i].role, "assistant"))
			break;
		n = me->n - i;
	}
	return n;
}

static bool add_texts(struct source *s, struct message_out *m, const struct message_events *me, enum event_type type)
{
	static const char *const prompt[] = { "gen_ai.prompt", "llm.prompts", "gen_ai.event.content", "content" };
	static const char *const completion[] = { "gen_ai.completion", "llm.completions", "gen_ai.event.content",
		"content" };
	const char *const *names = type == EVENT_PROMPT ? prompt : completion;
	bool any = false;
	for (size_t i = 0; i < me->n; i++) {
		struct attr *a = NULL;
		if (me->v[i].type != type)
			continue;
		for (size_t k = 0; k < COUNTOF(prompt) && !a; k++)
			a = attrs_find(&me->v[i].event->attrs, slice_of(names[k]));
		if (!a || !source_messages(s, m, NULL, source_text(s, &a->value), READ_PLAIN, LOOSE_TEXT | LOOSE_JSON))
			continue;
		any = true;
		source_use(s, a);
		*VEC_ADD(&s->events) = me->v[i].event;
	}
	return any;
}

bool events_messages(struct source *s, const struct message_events *me)
{
	enum direction direction = s->concept == C_OUTPUT_MESSAGES ? OUTPUT : INPUT;
	size_t answers = trailing_answers(s, me), n;
	struct message_out m;
	struct sortable *f;
	if (!me->n)
		return false;
	if (direction == OUTPUT && !answers)
		f = gather(s, me->v, me->n, EVENT_CHOICE, &n);
	else if (direction == OUTPUT)
		f = gather(s, me->v + me->n - answers, answers, EVENT_MESSAGE, &n);
	else
		f = gather(s, me->v, me->n - answers, EVENT_MESSAGE, &n);
	messages_begin(&m, &s->out, s->arena, direction);
	for (size_t i = 0; i < n; i++)
		add_message(s, &m, f[i].item);
	if (!n)
		(void)add_texts(s, &m, me, direction == INPUT ? EVENT_PROMPT : EVENT_COMPLETION);
	bool done = source_end(s, &m);
	return done;
}

void events_finish(struct source *s, const struct message_events *me)
{
	size_t n;
	if (me->n_choices)
		(void)gather(s, me->v, me->n, EVENT_CHOICE, &n);
}

bool events_document(struct source *s, struct message_out *m, const struct json *root, bool whole, bool *more)
{
	const struct json *first = root->type == JSON_ARRAY ? json_first(root, NULL) : NULL;
	if (!first || !json_get(first, "event.name"))
		return false;
	bool any = false;
	for (const struct json *n = first; n; n = json_next(root, n, NULL)) {
		const struct json *name = json_get(n, "event.name");
		struct message_event me = { 0 };
		struct fields f = { 0 };
		if (!name || name->type != JSON_STRING || !type_of(json_text_of(name, s->arena), &me)) {
			m->lossy = true;
			continue;
		}
		bool of_output = me.type == EVENT_CHOICE && !whole;
		*more |= of_output;
		if (of_output != (m->direction == OUTPUT))
			continue;
		of_body(s, &f, n, false);
		if (!f.role.len)
			f.role = me.type == EVENT_CHOICE ? SLICE("assistant") : me.role;
		if (m->direction == OUTPUT && f.finish.len)
			*VEC_ADD(&s->finish) = f.finish;
		if (!has_content(&f))
			continue;
		add_message(s, m, &f);
		any = true;
	}
	return any;
}
