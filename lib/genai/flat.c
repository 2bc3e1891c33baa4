/* flat.c - flattened attributes back to messages; see flat.h.
 *
 * A key's rest is section, index and field: ("", 0, "role"), (contents, 2, "text"), (tool_calls, 0, "arguments"). Sorting by that
 * triple puts what belongs together side by side, so reading is one walk. An attribute that was taken is marked; what nobody knows
 * stays on the span.
 */
#include "lib/genai/flat.h"

enum section { FIELDS, CONTENTS, TOOL_CALLS };
struct flat_item {
	const struct flat_attr *flat;
	slice field;
	uint32_t sub; /* index in the section */
	uint8_t section;
	bool used;
};
struct items {
	struct flat_item *v;
	size_t n;
};

static bool strip(slice *s, const char *prefix)
{
	slice p = slice_of(prefix);
	if (!slice_starts(*s, p))
		return false;
	*s = (slice){ s->p + p.len, s->len - p.len };
	return true;
}

static bool strip_index(slice *s, uint32_t *index)
{
	uint32_t n = 0;
	size_t i = 0;
	for (; i < s->len && i < 5 && s->p[i] >= '0' && s->p[i] <= '9'; i++)
		n = n * 10 + (uint32_t)(s->p[i] - '0');
	if (i == 0 || i + 1 >= s->len || s->p[i] != '.')
		return false;
	*s = (slice){ s->p + i + 1, s->len - i - 1 };
	*index = n;
	return true;
}

static void parse_rest(struct flat_item *item)
{
	slice field = item->flat->rest, inner;
	if (!strip(&field, "message.") && !strip(&field, "prompt.") && !strip(&field, "completion."))
		(void)strip(&field, "tool.");
	inner = field;
	if (strip(&inner, "tool_calls.") && strip_index(&inner, &item->sub)) {
		item->section = TOOL_CALLS;
		(void)strip(&inner, "tool_call.");
		(void)strip(&inner, "function.");
		field = inner;
	}
	inner = field;
	if (item->section == FIELDS && strip(&inner, "contents.") && strip_index(&inner, &item->sub)) {
		item->section = CONTENTS;
		(void)strip(&inner, "message_content.");
		field = inner;
	}
	item->field = field;
}

static bool is_open(const struct view *v, const struct alias *a)
{
	return (!a->ecosystems || a->ecosystems >> v->emitter.ecosystem & 1) && (!a->kinds || a->kinds >> v->kind & 1);
}

static size_t family_of(struct families *f, struct view *v, const struct alias *a)
{
	size_t i = 0;
	while (i < f->n && f->v[i].alias != a)
		i++;
	if (i == f->n && f->n < FAMILIES_MAX && is_open(v, a))
		f->v[f->n++] = (struct family){ .alias = a };
	return i;
}

void families_find(struct families *f, struct view *v, struct arena *a)
{
	size_t n = 0;
	f->n = 0;
	if (!v->flat.n)
		return;
	struct flat_item *items = arena_alloc(a, v->flat.n * 2 * sizeof(*items));
	struct sortable *order = arena_alloc(a, v->flat.n * sizeof(*order));
	for (size_t i = 0; i < v->flat.n; i++) {
		size_t family = family_of(f, v, v->flat.v[i].alias);
		if (family >= f->n)
			continue;
		struct flat_item *item = &items[n];
		*item = (struct flat_item){ .flat = &v->flat.v[i] };
		parse_rest(item);
		order[n++] = (struct sortable){ (uint64_t)family << 40 | (uint64_t)item->flat->index << 20 |
			        (uint64_t)item->section << 17 | item->sub,
			item };
	}
	sort_by_key(order, n, a);
	struct flat_item *sorted = items + v->flat.n;
	for (size_t i = 0; i < n; i++) {
		struct family *family = &f->v[order[i].key >> 40];
		sorted[i] = *(struct flat_item *)order[i].item;
		if (!family->n++)
			family->items = &sorted[i];
	}
}

/* The items from `at` that have its index (and, within a section, its sub index). */
static struct items same_index(struct items all, size_t at)
{
	struct items r = { all.v + at, 1 };
	while (at + r.n < all.n && r.v[r.n].flat->index == r.v->flat->index)
		r.n++;
	return r;
}

static struct items same_sub(struct items all, size_t at)
{
	struct items r = { all.v + at, 1 };
	while (at + r.n < all.n && r.v[r.n].section == r.v->section && r.v[r.n].sub == r.v->sub)
		r.n++;
	return r;
}

static struct items of_section(struct items all, enum section section)
{
	struct items r = { all.v, 0 };
	while (all.n && all.v->section != section)
		all.v++, all.n--;
	r.v = all.v;
	while (r.n < all.n && all.v[r.n].section == section)
		r.n++;
	return r;
}

/* The first field of that name, as text; it counts as used. Empty when there is none. */
static slice take(struct source *s, struct items in, const char *field)
{
	slice name = slice_of(field);
	for (size_t i = 0; i < in.n; i++) {
		if (!slice_eq(in.v[i].field, name))
			continue;
		in.v[i].used = true;
		const struct value *v = &in.v[i].flat->attr->value;
		return v->type == V_STRING ? v->s : source_text(s, v);
	}
	return (slice){ 0 };
}

static slice take_either(struct source *s, struct items in, const char *field, const char *other)
{
	slice text = take(s, in, field);
	return text.len ? text : take(s, in, other);
}

static bool has(struct items in, const char *field)
{
	for (size_t i = 0; i < in.n; i++)
		if (slice_is(in.v[i].field, field))
			return true;
	return false;
}

/* Whether anything but role, name and finish reason is there: spans of a capture that is switched off have only those. */
static bool has_content(struct items in)
{
	static const char *const skeleton[] = { "role", "name", "finish_reason", "tool_call_id", "type", "id" };
	for (size_t i = 0; i < in.n; i++) {
		const struct value *v = &in.v[i].flat->attr->value;
		bool bare = v->type == V_EMPTY || (v->type == V_STRING && (!v->s.len || is_redacted(v->s)));
		for (size_t k = 0; k < COUNTOF(skeleton) && !bare; k++)
			bare = in.v[i].section == FIELDS && slice_is(in.v[i].field, skeleton[k]);
		if (!bare)
			return true;
	}
	return false;
}

/* Whether a field says this: of OpenInference's contents and what stands beside them one repeats the other. */
static bool is_repeated(struct items in, const char *field, slice text)
{
	for (size_t i = 0; i < in.n; i++) {
		const struct value *v = &in.v[i].flat->attr->value;
		if (slice_is(in.v[i].field, field) && v->type == V_STRING && slice_eq(v->s, text))
			return true;
	}
	return false;
}

/* A part of a message in OpenInference's spelling. */
static void add_contents(struct source *s, struct message_out *m, struct items in, struct items calls)
{
	slice type = take(s, in, "type");
	slice image = take_either(s, in, "image.image.url", "image.url");
	slice audio = take_either(s, in, "audio.audio.url", "audio.url");
	slice mime = take(s, in, "audio.audio.mime_type");
	slice text = take(s, in, "text");
	if (slice_is(type, "reasoning") || slice_is(type, "thinking"))
		part_reasoning(m, text);
	else
		part_text(m, text);
	if (image.len)
		part_media(m, SLICE("image"), (slice){ 0 }, image);
	if (audio.len)
		part_media(m, SLICE("audio"), mime, audio);
	if (!has(in, "tool_call.function.name"))
		return;
	slice id = take(s, in, "tool_call.id"), name = take(s, in, "tool_call.function.name");
	slice arguments = take(s, in, "tool_call.function.arguments");
	if (!is_repeated(calls, id.len ? "id" : "arguments", id.len ? id : arguments))
		part_tool_call(m, id, name, arguments);
}

static void add_tool_calls(struct source *s, struct message_out *m, struct items in)
{
	for (size_t at = 0; at < in.n;) {
		struct items call = same_sub(in, at);
		slice name = take(s, call, "name"), id = take(s, call, "id");
		slice arguments = take(s, call, "arguments");
		if (s->view->emitter.ecosystem == ECO_OPENINFERENCE && name.len && !has(call, "arguments"))
			arguments = SLICE("{}"); /* it leaves them out when there are none */
		if (slice_is(take(s, call, "type"), "function") || name.len || arguments.len)
			part_tool_call(m, id, name, arguments);
		at += call.n;
	}
}

static void add_function_call(struct source *s, struct message_out *m, struct items in)
{
	slice name = take_either(s, in, "function_call.name", "function_call_name");
	slice arguments = take_either(s, in, "function_call.arguments", "function_call_arguments_json");
	if (name.len || arguments.len)
		part_tool_call(m, take(s, in, "function_call.id"), name, arguments);
}

static void add_refusal(struct source *s, struct message_out *m, slice text)
{
	strbuf_clear(&s->tmp);
	strbuf_adds(&s->tmp, "{\"type\":\"refusal\",\"refusal\":\"");
	strbuf_add_json(&s->tmp, text);
	strbuf_adds(&s->tmp, "\"}");
	const struct json *n = source_made(s);
	if (n)
		parts_from_json(m, n);
	else
		m->lossy = true;
}

/* The role, also where it became a key: {"user": "hi"} flattened. */
static slice role_of(struct source *s, struct items fields, slice *content)
{
	static const char *const roles[] = { "user", "system", "assistant", "tool", "developer" };
	slice role = take(s, fields, "role");
	*content = take_either(s, fields, "content", "text");
	for (size_t i = 0; i < COUNTOF(roles) && !content->len && !role.len; i++) {
		*content = take(s, fields, roles[i]);
		if (content->len)
			role = slice_of(roles[i]);
	}
	return role;
}

static bool only_function_call(struct items in)
{
	for (size_t i = 0; i < in.n; i++)
		if (!slice_starts(in.v[i].field, SLICE("function_call.")))
			return false;
	return true;
}

static void add_parts(struct source *s, struct message_out *m, struct items in, slice role, slice content)
{
	struct items fields = of_section(in, FIELDS), contents = of_section(in, CONTENTS);
	struct items calls = of_section(in, TOOL_CALLS);
	slice id = take_either(s, fields, "tool_call_id", "id");
	if (slice_is(role, "tool") && !content.len && has(contents, "text") &&
	        same_sub(contents, 0).n == contents.n) { /* its only part */
		content = take(s, contents, "text");
		(void)take(s, contents, "type");
		contents.n = 0;
	}
	part_reasoning(m, take_either(s, fields, "reasoning_content", "reasoning"));
	if (content.len && !is_repeated(contents, "text", content))
		source_content(s, m, role, id, content);
	for (size_t at = 0; at < contents.n;) {
		struct items part = same_sub(contents, at);
		add_contents(s, m, part, calls);
		at += part.n;
	}
	slice refusal = take(s, fields, "refusal");
	if (refusal.len)
		add_refusal(s, m, refusal);
	add_tool_calls(s, m, calls);
	add_function_call(s, m, fields);
}

/* One message. `finish` is held back: LiteLLM gives the tool calls of one message an index each, which join the message before. */
static void add_message(struct source *s, struct message_out *m, struct items in, slice *finish)
{
	struct items fields = of_section(in, FIELDS);
	slice content, role = role_of(s, fields, &content);
	if (slice_is(role, "user") && has(fields, "tool_call_id")) /* as Anthropic has it */
		role = SLICE("tool");
	slice reason = take(s, fields, "finish_reason");
	if (reason.len)
		*VEC_ADD(&s->finish) = reason;
	if (!role.len && !has_content(in))
		return;
	if (!(m->open && m->direction == OUTPUT && only_function_call(in))) {
		if (m->open)
			message_end(m, *finish);
		message_begin(m, role, take(s, fields, "name"));
	}
	if (reason.len)
		*finish = reason;
	else if (!only_function_call(in))
		*finish = (slice){ 0 };
	add_parts(s, m, in, role, content);
}

static void use_items(struct source *s, const struct family *f, bool done)
{
	for (size_t i = 0; i < f->n; i++)
		if (done && f->items[i].used)
			source_use(s, f->items[i].flat->attr);
}

bool family_messages(struct source *s, const struct family *f)
{
	struct items all = { f->items, f->n };
	struct message_out m;
	slice finish = { 0 };
	bool done = false;
	messages_begin(&m, &s->out, s->arena, s->concept == C_OUTPUT_MESSAGES ? OUTPUT : INPUT);
	if (!has_content(all)) {
		for (size_t at = 0; at < all.n; at++)
			if (slice_is(all.v[at].field, "finish_reason"))
				*VEC_ADD(&s->finish) = source_text(s, &all.v[at].flat->attr->value);
	} else
		for (size_t at = 0; at < all.n;) {
			struct items message = same_index(all, at);
			add_message(s, &m, message, &finish);
			at += message.n;
		}
	if (m.open)
		message_end(&m, finish);
	done = source_end(s, &m);
	use_items(s, f, done);
	return done;
}

static void add_member(struct strbuf *b, const char *name, slice text, bool json)
{
	if (!text.len)
		return;
	strbuf_addf(b, ",\"%s\":", name);
	if (json) {
		strbuf_add(b, text);
		return;
	}
	strbuf_addc(b, '"');
	strbuf_add_json(b, text);
	strbuf_addc(b, '"');
}

static const struct json *made_tool(struct source *s, struct items in)
{
	slice schema = take(s, in, "json_schema");
	if (schema.len)
		return json_parse(s->arena, schema, NULL);
	slice name = take_either(s, in, "name", "function.name");
	slice description = take_either(s, in, "description", "function.description");
	slice parameters = take_either(s, in, "parameters", "function.parameters");
	if (!name.len)
		return NULL;
	strbuf_clear(&s->tmp);
	strbuf_adds(&s->tmp, "{\"type\":\"function\"");
	add_member(&s->tmp, "name", name, false);
	add_member(&s->tmp, "description", description, false);
	add_member(&s->tmp, "parameters", parameters, parameters.len && json_parse(s->arena, parameters, NULL));
	strbuf_addc(&s->tmp, '}');
	return source_made(s);
}

bool family_tools(struct source *s, const struct family *f)
{
	struct items all = { f->items, f->n };
	for (size_t at = 0; at < all.n;) {
		struct items tool = same_index(all, at);
		const struct json *n = made_tool(s, tool);
		if (n)
			tools_from_json(&s->out, s->arena, n, &s->lossy);
		else
			s->lossy = true;
		at += tool.n;
	}
	if (s->out.len <= 1)
		return false;
	strbuf_addc(&s->out, ']');
	use_items(s, f, true);
	return true;
}
