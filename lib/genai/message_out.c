/* message_out.c - the writer of message lists; see messages.h.
 *
 * The head of a message is written with its first part, because a tool's response leaves the message it stands in: the message is
 * closed, the response becomes a message of role tool, and what follows opens the message again. Members that are kept and the
 * finish reason end the first and the last of the pieces. Order of members: role, name, parts, finish_reason, the rest.
 */
#include "lib/genai/message_parts.h"
#include "lib/genai/tables.h"

const char message_reserved[] = " type kind event.name role name parts finish_reason finishReason stop_reason "
                                "stopReason tool_calls function_call"
                                " reasoning_content reasoning refusal toolCalls message.tool_calls ";

slice canonical_role(slice role)
{
	slice known;
	if (slice_is(role, "user") || slice_is(role, "assistant") || slice_is(role, "tool") || slice_is(role, "system"))
		return role;
	return value_map(MAP_ROLE, role, &known) ? known : role;
}

slice canonical_finish(slice reason)
{
	slice known;
	if (slice_is(reason, "stop") || slice_is(reason, "tool_call"))
		return reason;
	return value_map(MAP_FINISH, reason, &known) ? known : reason;
}

slice text_of(const struct json *n, struct arena *a)
{
	return n && n->type == JSON_STRING ? json_text_of(n, a) : (slice){ 0 };
}

void messages_begin(struct message_out *m, struct strbuf *out, struct arena *a, enum direction d)
{
	*m = (struct message_out){ .out = out, .arena = a, .direction = d };
	strbuf_clear(out);
	strbuf_addc(out, '[');
}

bool messages_end(struct message_out *m)
{
	if (m->open)
		message_end(m, (slice){ 0 });
	if (m->bare ? m->n_parts == 0 : m->n_messages == 0) {
		strbuf_clear(m->out);
		return false;
	}
	strbuf_addc(m->out, ']');
	return true;
}

void message_begin_members(struct message_out *m, slice role, slice name, const struct members *extras)
{
	if (m->open)
		message_end(m, (slice){ 0 });
	if (m->bare) { /* there is no place for these; Gemini calls the author of its system instruction a user */
		slice who = canonical_role(role);
		m->lossy |= name.len || (role.len && !slice_is(who, "system") && !slice_is(who, "user"));
	}
	/* OpenLLMetry calls the author of a streamed answer so */
	if (role.len == 0 || (m->direction == OUTPUT && slice_is(role, "unknown")))
		role = m->direction == INPUT ? SLICE("user") : SLICE("assistant");
	m->role = canonical_role(role);
	m->name = name;
	m->extras = extras;
	m->open = true;
	m->written = false;
	m->n_parts = m->bare ? m->n_parts : 0;
}

void message_begin(struct message_out *m, slice role, slice name)
{
	message_begin_members(m, role, name, NULL);
}

static void put_head(struct message_out *m, slice role, slice name)
{
	m->shape.roles = m->shape.roles * 31 + (role.len ? (unsigned char)*role.p + role.len : 0);
	strbuf_add(m->out, m->n_messages++ ? SLICE(",{\"role\":") : SLICE("{\"role\":"));
	put_text(m->out, role);
	if (name.len) {
		strbuf_add(m->out, SLICE(",\"name\":"));
		put_text(m->out, name);
	}
	strbuf_add(m->out, SLICE(",\"parts\":["));
	m->written = true;
	m->n_parts = 0;
}

static void put_tail(struct message_out *m, slice finish_reason)
{
	strbuf_addc(m->out, ']');
	if (finish_reason.len) {
		if (m->n_finish_reasons < MESSAGES_FINISH_MAX)
			m->finish_reasons[m->n_finish_reasons++] = finish_reason;
		strbuf_add(m->out, SLICE(",\"finish_reason\":"));
		put_text(m->out, canonical_finish(finish_reason));
	}
	if (m->extras)
		members_rest(m->extras, m->out, message_reserved, &m->lossy);
	m->extras = NULL;
	strbuf_addc(m->out, '}');
	m->written = false;
}

void part_open(struct message_out *m, bool response)
{
	m->shape.n_parts++;
	if (!m->open)
		message_begin(m, (slice){ 0 }, (slice){ 0 });
	if (m->bare) {
		strbuf_add(m->out, m->n_parts++ ? SLICE(",") : SLICE(""));
		return;
	}
	bool tool = slice_is(m->role, "tool");
	if (response && m->written && (!tool || m->n_parts > 0))
		put_tail(m, (slice){ 0 });
	if (!m->written)
		put_head(m, response ? SLICE("tool") : m->role, response && !tool ? (slice){ 0 } : m->name);
	if (m->n_parts++)
		strbuf_addc(m->out, ',');
}

void part_close(struct message_out *m, bool response)
{
	strbuf_addc(m->out, '}');
	if (response && !m->bare && !slice_is(m->role, "tool")) {
		put_tail(m, (slice){ 0 });
		m->split = true;
	}
}

void message_end(struct message_out *m, slice finish_reason)
{
	if (!m->open)
		return;
	m->open = false;
	if (m->bare) {
		m->lossy |= finish_reason.len || (m->extras && members_left(m->extras));
		return;
	}
	/* pieces were written already and nothing is left to say */
	bool said = m->split && finish_reason.len == 0 && !m->extras;
	if (!m->written && !said)
		put_head(m, m->role, m->name);
	if (m->written)
		put_tail(m, finish_reason);
	m->split = false;
}

static void put_member(struct message_out *m, slice before, slice text)
{
	strbuf_add(m->out, before);
	put_text(m->out, text);
}

/* What is said in a message of a tool is its answer. */
bool answers(const struct message_out *m)
{
	return m->open && !m->bare && slice_is(m->role, "tool");
}

void part_text(struct message_out *m, slice text)
{
	if (text.len == 0)
		return;
	if (answers(m)) {
		part_tool_response(m, (slice){ 0 }, text);
		return;
	}
	part_open(m, false);
	put_member(m, SLICE("{\"type\":\"text\",\"content\":"), text);
	part_close(m, false);
}

void part_text_of(struct message_out *m, const struct json *string)
{
	if (string->text.len == 0)
		return;
	if (answers(m)) {
		tool_response_from(m, NULL, string);
		return;
	}
	part_open(m, false);
	strbuf_add(m->out, SLICE("{\"type\":\"text\",\"content\":"));
	put_string(m->out, string);
	part_close(m, false);
}

void part_reasoning(struct message_out *m, slice text)
{
	if (text.len == 0)
		return;
	part_open(m, false);
	put_member(m, SLICE("{\"type\":\"reasoning\",\"content\":"), text);
	part_close(m, false);
}

void part_raw(struct message_out *m, const struct json *n)
{
	part_text(m, n->text);
}

void part_tool_call(struct message_out *m, slice id, slice name, slice arguments)
{
	part_open(m, false);
	strbuf_add(m->out, SLICE("{\"type\":\"tool_call\""));
	m->shape.n_tools++;
	m->shape.n_without_id += !id.len;
	if (id.len)
		put_member(m, SLICE(",\"id\":"), id);
	put_member(m, SLICE(",\"name\":"), name);
	if (arguments.len) {
		strbuf_add(m->out, SLICE(",\"arguments\":"));
		put_unquoted_text(m->out, arguments, m->arena);
	}
	part_close(m, false);
}

void part_tool_response(struct message_out *m, slice id, slice response)
{
	part_open(m, true);
	strbuf_add(m->out, SLICE("{\"type\":\"tool_call_response\""));
	m->shape.n_tools++;
	m->shape.n_without_id += !id.len;
	if (id.len)
		put_member(m, SLICE(",\"id\":"), id);
	put_member(m, SLICE(",\"response\":"), response);
	part_close(m, true);
}
