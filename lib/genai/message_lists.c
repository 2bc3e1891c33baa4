/* message_lists.c - lists of messages, of parts and of texts, and any text at all; see messages.h.
 *
 * A list is taken element by element: messages as they are, parts collected into messages of whoever says such a thing, strings as
 * messages. Unwrapping is limited to LEVELS. messages_from_json makes it all or nothing, and bounds what is written: an output
 * that outgrows its source by far is given up for one text part, which grows by escapes only.
 */
#include "lib/genai/message_parts.h"
#include "lib/genai/tables.h"

static const struct json *json_in(const struct json *string, struct message_out *m)
{
	slice text = json_text_of(string, m->arena);
	slice start = slice_trim(text);
	if (is_python_object(start))
		return json_parse(m->arena, json_of_python(m->arena, start), NULL);
	return start.len && *start.p == '{' ? json_parse(m->arena, text, NULL) : NULL;
}

/* ["human", "hello"]: LangChain's short form of a message. */
static bool is_pair(const struct json *array)
{
	const struct json *role = json_first(array, NULL);
	slice canonical;
	if (array->n != 2 || role->type != JSON_STRING || !value_map(MAP_ROLE, role->text, &canonical))
		return false;
	return json_next(array, role, NULL)->type == JSON_STRING;
}

/* What one element can be in a list. */
static bool is_element(const struct json *n)
{
	enum part_kind kind = n->type == JSON_OBJECT ? part_kind_of(n, NULL) : PART_NONE;
	if (n->type == JSON_STRING || n->type == JSON_ARRAY)
		return true;
	return is_message(n) || (kind != PART_NONE && kind != PART_AS_IS);
}

/* Parts that stand in a list without a message: the model's or the user's. */
static void loose_part(struct message_out *m, const struct json *part)
{
	enum part_kind kind = part->type == JSON_OBJECT ? part_kind_of(part, NULL) : PART_TEXT;
	bool model = m->direction == OUTPUT || kind == PART_TOOL_CALL || kind == PART_REASONING ||
	        kind == PART_SERVER_CALL || kind == PART_SERVER_RESPONSE;
	slice role = model ? SLICE("assistant") : SLICE("user");
	if (!m->open || (kind != PART_TOOL_RESPONSE && !slice_eq(m->role, role)))
		message_begin(m, role, (slice){ 0 });
	parts_from_json(m, part);
}

static int element(struct message_out *m, const struct json *n, int level)
{
	const struct json *inner;
	if (n->type == JSON_STRING && (inner = json_in(n, m)) && any_from_json(m, inner, level + 1) == 0)
		return 0;
	if (n->type == JSON_STRING) {
		const struct json *finish = m->finish;
		m->finish = NULL;
		message_begin(m, (slice){ 0 }, (slice){ 0 });
		part_text_of(m, n);
		message_end(m, text_of(finish, m->arena));
	} else if (n->type == JSON_ARRAY && n->n && !is_pair(n)) {
		return list_from_json(m, n, level + 1);
	} else if (n->type == JSON_ARRAY && n->n) {
		const struct json *role = json_first(n, NULL);
		message_begin(m, role->text, (slice){ 0 });
		part_text_of(m, json_next(n, role, NULL));
		message_end(m, (slice){ 0 });
	} else if (is_message(n)) {
		message_from_json(m, n);
	} else {
		loose_part(m, n);
	}
	return 0;
}

int list_from_json(struct message_out *m, const struct json *array, int level)
{
	const struct json *first = json_first(array, NULL);
	if (!first || level > LEVELS || !is_element(first))
		return -1;
	for (const struct json *v = first; v; v = json_next(array, v, NULL)) {
		const struct json *last = join_chunks(m, array, v);
		if (last) {
			v = last;
		} else if (element(m, v, level) != 0) {
			if (v == first)
				return -1;
			loose_part(m, v);
		}
	}
	if (m->open)
		message_end(m, (slice){ 0 });
	return 0;
}

static int object_from_json(struct message_out *m, const struct json *n, int level)
{
	const struct part_type *type;
	enum part_kind kind = part_kind_of(n, &type);
	const struct json *role = json_get(n, "role");
	if (role && role->type == JSON_STRING) {
		message_from_json(m, n);
		return 0;
	}
	if (!type && body_from_json(m, n, level) == 0)
		return 0;
	if (is_message(n)) {
		message_from_json(m, n);
		return 0;
	}
	if (kind == PART_NONE || kind == PART_AS_IS)
		return -1;
	loose_part(m, n);
	message_end(m, (slice){ 0 });
	return 0;
}

int any_from_json(struct message_out *m, const struct json *n, int level)
{
	if (level > LEVELS || json_empty(n))
		return -1;
	if (n->type == JSON_ARRAY)
		return is_pair(n) ? element(m, n, level) : list_from_json(m, n, level);
	if (n->type == JSON_STRING)
		return element(m, n, level);
	return n->type == JSON_OBJECT ? object_from_json(m, n, level) : -1;
}

/* Back to what was there, as if nothing had been tried. */
static void undo(struct message_out *m, const struct message_out *before, size_t len, size_t max)
{
	*m = *before;
	m->out->len = len;
	m->out->max = max;
	m->out->failed = false;
}

int messages_from_json(struct message_out *m, const struct json *n)
{
	if (m->open)
		message_end(m, (slice){ 0 });
	struct message_out before = *m;
	size_t len = m->out->len, max = m->out->max, most = GROWTH * n->text.len + SLACK - 8;
	if (m->out->failed)
		return 0;
	if (n->type == JSON_STRING)
		return -1;
	m->out->max = most < max - len ? len + most : max;
	int rc = any_from_json(m, n, 0);
	m->out->max = max;
	bool failed = m->out->failed;
	if (rc != 0 || failed || (m->n_messages == before.n_messages && m->n_parts == before.n_parts))
		undo(m, &before, len, max);
	else
		return 0;
	if (!failed || rc != 0)
		return -1;
	message_begin(m, (slice){ 0 }, (slice){ 0 });
	part_raw(m, n);
	message_end(m, (slice){ 0 });
	return 0;
}

void messages_from_text(struct message_out *m, slice text)
{
	slice at = slice_trim(text);
	for (int i = 0; i < 3 && at.len && strchr("{[\"", *at.p) && *at.p; i++) {
		bool cut, had_cut = m->cut;
		const struct json *n = json_parse_cut(m->arena, at, &cut);
		if (!n)
			break;
		if (json_empty(n) && !cut) /* "{}" is what some write for nothing */
			return;
		m->cut |= cut;
		if (n->type != JSON_STRING && messages_from_json(m, n) == 0) {
			m->lossy |= cut;
			return;
		}
		m->cut = had_cut;
		if (n->type != JSON_STRING || cut)
			break;
		text = json_text_of(n, m->arena); /* a document in a string */
		at = slice_trim(text);
	}
	if (text.len == 0)
		return;
	message_begin(m, (slice){ 0 }, (slice){ 0 });
	part_text(m, text);
	message_end(m, (slice){ 0 });
}
