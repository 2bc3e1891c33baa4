/* place.c - which places there are, and reading one; see place.h.
 *
 * What a key is besides its rank is in two tables by key id: traits (a dump, believed last, never messages) and pieces (attributes that
 * together are one message). Kinds of spans decide how much may be guessed.
 */
#include "lib/genai/place.h"

/* Where places go that have no rank: behind all attributes come events, then what is believed last, then the rest of a body. */
enum {
	ORDER_DOCUMENT = 1 << 20,
	ORDER_DETAILS, /* the longest first */
	ORDER_EVENTS = ORDER_DETAILS + (1 << 19),
	ORDER_LAST = 2 << 20,
	ORDER_BODY = 3 << 20,
	NOT_FAVOURED = 1 << 12
};

enum trait {
	DUMP = 1, /* arguments or result of whatever the span did: messages only if that was a model call */
	LAST = 2, /* events know better */
	NEVER = 4, /* vectors, the trace's input: not this span's messages */
};
static const uint8_t traits[N_KEYS] = {
	[KEY_INPUT_VALUE] = DUMP | LAST,
	[KEY_OUTPUT_VALUE] = DUMP | LAST,
	[KEY_INPUT] = DUMP | LAST,
	[KEY_OUTPUT] = DUMP | LAST,
	[KEY_PROMPT] = DUMP | LAST,
	[KEY_TRACELOOP_ENTITY_INPUT] = DUMP | LAST,
	[KEY_TRACELOOP_ENTITY_OUTPUT] = DUMP | LAST,
	[KEY_LMNR_SPAN_INPUT] = DUMP | LAST,
	[KEY_LMNR_SPAN_OUTPUT] = DUMP | LAST,
	[KEY_LANGFUSE_OBSERVATION_INPUT] = DUMP,
	[KEY_LANGFUSE_OBSERVATION_OUTPUT] = DUMP,
	[KEY_MLFLOW_SPANINPUTS] = DUMP,
	[KEY_MLFLOW_SPANOUTPUTS] = DUMP,
	[KEY_GENKIT_INPUT] = DUMP,
	[KEY_GENKIT_OUTPUT] = DUMP,
	[KEY_BRAINTRUST_INPUTJSON] = DUMP,
	[KEY_BRAINTRUST_INPUT] = DUMP,
	[KEY_BRAINTRUST_OUTPUTJSON] = DUMP,
	[KEY_WEAVE_INPUT] = DUMP,
	[KEY_WEAVE_OUTPUT] = DUMP,
	[KEY_GCP_VERTEX_AGENT_DATA] = DUMP,
	[KEY_LANGFUSE_TRACE_INPUT] = NEVER,
	[KEY_LANGFUSE_TRACE_OUTPUT] = NEVER,
	[KEY_AI_EMBEDDING] = NEVER,
	[KEY_AI_EMBEDDINGS] = NEVER,
	[KEY_GENAI_CONTENT_REASONING] = NEVER,
};

enum piece_group { ALONE, AI_RESPONSE, AI_RESULT, GENAI_RESPONSE, LIVEKIT, LIVEKIT_PII, FUNCTION_CALL };
enum piece_type { PIECE_REASONING, PIECE_TEXT, PIECE_TEXTS, PIECE_FILES, PIECE_CALLS, N_PIECES };
static const struct {
	uint8_t group, type;
} pieces[N_KEYS] = {
	[KEY_AI_RESPONSE_REASONING] = { AI_RESPONSE, PIECE_REASONING },
	[KEY_AI_RESPONSE_TEXT] = { AI_RESPONSE, PIECE_TEXT },
	[KEY_AI_RESPONSE_OBJECT] = { AI_RESPONSE, PIECE_TEXT },
	[KEY_AI_RESPONSE_FILES] = { AI_RESPONSE, PIECE_FILES },
	[KEY_AI_RESPONSE_TOOLCALLS] = { AI_RESPONSE, PIECE_CALLS },
	[KEY_AI_RESULT_TEXT] = { AI_RESULT, PIECE_TEXT },
	[KEY_AI_RESULT_OBJECT] = { AI_RESULT, PIECE_TEXT },
	[KEY_AI_RESULT_TOOLCALLS] = { AI_RESULT, PIECE_CALLS },
	[KEY_GENAI_RESPONSE_TEXT] = { GENAI_RESPONSE, PIECE_TEXTS },
	[KEY_GENAI_RESPONSE_TOOLCALLS] = { GENAI_RESPONSE, PIECE_CALLS },
	[KEY_LK_RESPONSE_TEXT] = { LIVEKIT, PIECE_TEXT },
	[KEY_LK_RESPONSE_FUNCTIONCALLS] = { LIVEKIT, PIECE_CALLS },
	[KEY_LK_PII_RESPONSE_TEXT] = { LIVEKIT_PII, PIECE_TEXT },
	[KEY_LK_PII_RESPONSE_FUNCTIONCALLS] = { LIVEKIT_PII, PIECE_CALLS },
	[KEY_LLM_FUNCTIONCALL] = { FUNCTION_CALL, PIECE_CALLS },
};

bool place_is_dump(const struct candidate *c)
{
	return c->alias->path && (traits[c->alias->key] & DUMP || c->alias->key == KEY_LLM_INVOCATIONPARAMETERS);
}

static bool is_messages(enum concept c)
{
	return c == C_INPUT_MESSAGES || c == C_OUTPUT_MESSAGES;
}

static bool is_canonical(const struct candidate *c, enum concept concept)
{
	return c->alias->key == concept_info(concept)->key && !c->alias->path;
}

static void put(struct places *p, uint32_t order, struct place place)
{
	if (p->n == COUNTOF(p->v))
		return;
	size_t i = p->n++;
	for (; i && p->v[i - 1].order > order; i--)
		p->v[i] = p->v[i - 1];
	place.order = order;
	p->v[i] = place;
}

/* Families have ranks among the candidates. */
static uint32_t family_order(const struct view *v, const struct alias *a)
{
	return a->rank + (a->class == v->favoured ? 0u : NOT_FAVOURED);
}

static void put_candidate(struct places *p, struct candidate *c, unsigned *groups)
{
	struct place place = { .type = PLACE_ATTR, .candidate = c };
	uint8_t of = traits[c->alias->key], group = pieces[c->alias->key].group;
	if (of & NEVER || c->rest.len)
		return;
	if (group) {
		if (*groups & 1u << group)
			return;
		*groups |= 1u << group;
		place.type = PLACE_PIECES;
	}
	put(p, c->order + (of & LAST ? ORDER_LAST : 0u), place);
}

static size_t details_size(const struct attr *a)
{
	return a->value.type == V_STRING || a->value.type >= V_ARRAY ? a->value.s.len : 0;
}

static void put_details(struct places *p, const struct message_events *events, enum concept concept)
{
	const uint32_t longest = ORDER_EVENTS - ORDER_DETAILS - 1;
	struct place found[DETAILS_MAX];
	size_t n = 0, n_details = 0;
	for (size_t i = 0; i < events->n; i++)
		n_details += events->v[i].type == EVENT_DETAILS;
	bool many = n_details > DETAILS_MAX;
	for (size_t i = 0; i < events->n; i++) {
		struct event *e = events->v[i].event;
		struct attr *a = attrs_find_id(&e->attrs, concept_info(concept)->key);
		if (events->v[i].type != EVENT_DETAILS || !a)
			continue;
		struct place place = { .type = PLACE_DETAILS, .event = e, .attr = a, .stays = many };
		if (!many || !n)
			found[n++] = place;
		else if (details_size(a) > details_size(found[0].attr))
			found[0] = place;
	}
	for (size_t i = 0; i < n; i++) {
		size_t len = details_size(found[i].attr);
		put(p, ORDER_DETAILS + longest - (len < longest ? (uint32_t)len : longest), found[i]);
	}
}

void places_find(struct places *p, struct view *v, enum concept concept, const struct families *families,
        const struct message_events *events, const struct json *body)
{
	unsigned groups = 0;
	p->n = 0;
	for (struct candidate *c = view_first(v, concept); c; c = view_next(v, c))
		put_candidate(p, c, &groups);
	for (size_t i = 0; i < families->n; i++)
		if (families->v[i].alias->concept == concept)
			put(p, family_order(v, families->v[i].alias),
			        (struct place){ .type = PLACE_FAMILY, .family = &families->v[i] });
	for (struct candidate *c = concept == C_OUTPUT_MESSAGES ? view_first(v, C_INPUT_MESSAGES) : NULL; c;
	        c = view_next(v, c))
		if (c->alias->key == KEY_EVENTS)
			put(p, ORDER_DOCUMENT, (struct place){ .type = PLACE_DOCUMENT, .candidate = c });
	if (events && events->n && v->kind != KIND_TOOL) {
		put_details(p, events, concept);
		if (is_messages(concept))
			put(p, ORDER_EVENTS, (struct place){ .type = PLACE_EVENTS });
	}
	if (body)
		put(p, ORDER_BODY, (struct place){ .type = PLACE_BODY, .body = body });
}

size_t place_size(const struct place *p)
{
	const struct attr *a = p->candidate ? p->candidate->attr : p->attr;
	return a ? a->value.s.len : 0;
}

/* How much may be guessed about a value that is not plainly messages. False: the attribute is no place for messages at all. */
static bool may_hold_messages(const struct source *s, const struct candidate *c, unsigned *loose)
{
	enum ecosystem e = s->view->emitter.ecosystem;
	uint16_t key = c->alias->key;
	bool dump =
	        traits[key] & DUMP || (e == ECO_LANGSMITH && (key == KEY_GENAI_PROMPT || key == KEY_GENAI_COMPLETION));
	*loose = STRICT;
	switch (s->view->kind) {
	case KIND_LLM:
		*loose = LOOSE_TEXT | LOOSE_JSON;
		return true;
	case KIND_EMBEDDING:
	case KIND_RERANK:
		if (s->concept == C_INPUT_MESSAGES)
			*loose = LOOSE_TEXT | LOOSE_JSON;
		return true;
	case KIND_AGENT:
	case KIND_WORKFLOW:
	case KIND_STEP:
		*loose = LOOSE_TEXT;
		return !dump;
	case KIND_OTHER:
		*loose = dump ? STRICT : LOOSE_TEXT;
		return true;
	case KIND_RETRIEVER:
	case KIND_TOOL:
	case KIND_GUARDRAIL:
	case KIND_EVALUATOR:
	case KIND_PROMPT:
	case KIND_MEMORY:
	case N_KINDS:
		break;
	}
	return is_canonical(c, s->concept);
}

/* The AI SDK's {"system" or "instructions", "prompt", "messages"}. The system prompt is another concept's. */
static bool from_ai_prompt(struct source *s, struct message_out *m, struct attr *a, const struct json *root)
{
	const struct json *messages = json_get(root, "messages"), *prompt = json_get(root, "prompt"), *key = NULL;
	bool apart = false;
	for (const struct json *n = json_first(root, &key); n; n = json_next(root, n, &key)) {
		bool system = slice_is(key->text, "system") || slice_is(key->text, "instructions");
		apart |= system && n->type != JSON_NULL;
		m->lossy |= !system && n != messages && n != prompt && n->type != JSON_NULL;
	}
	if (messages && messages->type != JSON_NULL && messages_from_json(m, messages))
		return false;
	if (prompt && prompt->type == JSON_STRING) {
		message_begin(m, (slice){ 0 }, (slice){ 0 });
		part_text(m, json_text_of(prompt, s->arena));
		message_end(m, (slice){ 0 });
	} else if (prompt && prompt->type != JSON_NULL && messages_from_json(m, prompt))
		return false;
	s->document = a;
	if (apart)
		s->partly = a;
	return true;
}

/* Texts that were embedded together: JSON strings in an array, often quoted twice. */
static bool from_values(struct source *s, struct message_out *m, const struct json *root)
{
	bool any = false;
	if (root->type != JSON_ARRAY)
		return false;
	message_begin(m, (slice){ 0 }, (slice){ 0 });
	for (const struct json *n = json_first(root, NULL); n; n = json_next(root, n, NULL)) {
		slice text = n->type == JSON_STRING ? json_text_of(n, s->arena) : json_raw(n);
		const struct json *inner = json_parse(s->arena, text, NULL);
		part_text(m, inner && inner->type == JSON_STRING ? json_text_of(inner, s->arena) : text);
		any |= text.len > 0;
	}
	message_end(m, (slice){ 0 });
	return any;
}

static bool from_special(struct source *s, struct message_out *m, struct attr *a, uint16_t key, slice text)
{
	bool cut;
	if (key != KEY_EVENTS && key != KEY_ALLMESSAGESEVENTS && key != KEY_AI_PROMPT && key != KEY_AI_VALUES)
		return false;
	const struct json *n = source_json(s, text, READ_PLAIN, &cut);
	if (!n)
		return false;
	s->cut |= cut;
	if (key == KEY_AI_PROMPT)
		return n->type == JSON_OBJECT && from_ai_prompt(s, m, a, n);
	if (key == KEY_AI_VALUES)
		return from_values(s, m, n);
	bool more = false, any = events_document(s, m, n, key == KEY_ALLMESSAGESEVENTS, &more);
	if (more)
		s->partly = a;
	return any;
}

static bool has_parts(const struct json *messages)
{
	for (const struct json *m = json_first(messages, NULL); m; m = json_next(messages, m, NULL)) {
		const struct json *parts = json_get(m, "parts");
		if (parts && parts->n)
			return true;
	}
	return false;
}

/* The canonical attribute when it already is what would be written. Of its shape only whether there are parts is told. */
static bool is_verbatim(struct source *s, slice text)
{
	slice finish[16];
	size_t n_finish;
	bool parts;
	if (text.len < 2 || *text.p != '[')
		return false;
	/* a text that may hold JSON; openai-agents' may hold Python */
	if (s->unwraps && (s->view->emitter.ecosystem == ECO_OPENAI_AGENTS || memmem(text.p, text.len, "\"[{\\\"", 5)))
		return false;
	enum direction d = s->concept == C_OUTPUT_MESSAGES ? OUTPUT : INPUT;
	if (messages_scan_canonical(text, finish, COUNTOF(finish), &n_finish, &parts)) {
		s->shape.n_parts = parts;
		for (size_t i = 0; d == OUTPUT && i < n_finish; i++)
			*VEC_ADD(&s->finish) = finish[i];
		return true;
	}
	const struct json *n = json_parse(s->arena, text, NULL);
	if (!n || !n->n || !messages_are_canonical(n))
		return false;
	s->shape.n_parts = has_parts(n);
	if (d == OUTPUT)
		source_finish(s, n);
	return true;
}

static bool read_messages(struct source *s, const struct candidate *c, slice text, slice *verbatim)
{
	struct message_out m;
	unsigned loose;
	if (!may_hold_messages(s, c, &loose))
		return false;
	if (is_canonical(c, s->concept) && c->attr->value.type == V_STRING && is_verbatim(s, text)) {
		*verbatim = text;
		return true;
	}
	messages_begin(&m, &s->out, s->arena, s->concept == C_OUTPUT_MESSAGES ? OUTPUT : INPUT);
	m.unwraps = s->unwraps;
	m.chunks = m.direction == OUTPUT && s->view->emitter.ecosystem == ECO_GOOGLE_ADK;
	if (!from_special(s, &m, c->attr, c->alias->key, text))
		(void)source_messages(s, &m, c->attr, text, (enum alias_read)c->alias->read, loose);
	bool done = source_end(s, &m);
	if (!s->partly && !c->alias->path)
		source_use(s, c->attr);
	return done;
}

/* Tools in an array, also as strings that hold JSON. */
static bool read_tools(struct source *s, const struct json *n)
{
	const struct json *at = n->type == JSON_ARRAY ? json_first(n, NULL) : NULL;
	bool strings = at && at->type == JSON_STRING && slice_starts(slice_trim(at->text), SLICE("{"));
	if (!strings)
		tools_from_json(&s->out, s->arena, n, &s->lossy);
	for (; strings && at; at = json_next(n, at, NULL)) {
		const struct json *tool = json_parse(s->arena, json_text_of(at, s->arena), NULL);
		if (tool)
			tools_from_json(&s->out, s->arena, tool, &s->lossy);
		else
			s->lossy = true;
	}
	if (s->out.len <= 1)
		return false;
	strbuf_addc(&s->out, ']');
	return s->out.len > 2;
}

static bool read_text(struct source *s, slice text, enum alias_read read)
{
	bool cut;
	if (s->concept == C_SYSTEM)
		return system_from_text(&s->out, s->arena, text, &s->lossy);
	const struct json *n = source_json(s, text, read, &cut);
	if (!n)
		return false;
	s->cut |= cut;
	return read_tools(s, n);
}

/* Tool definitions that came before are what they became then. */
static bool read_tool_attr(struct source *s, const struct candidate *c, const struct value *value)
{
	const struct tool_memo_slot *known = tool_memo_find(s->memo, value);
	slice text = known ? (slice){ 0 } : source_text(s, value);
	if (!known && text_is_absent(slice_trim(text)))
		return false;
	source_use(s, c->attr);
	if (known) {
		strbuf_add(&s->out, known->out);
		s->lossy |= known->lossy;
		return !s->out.failed;
	}
	if (!read_text(s, text, (enum alias_read)c->alias->read))
		return false;
	if (!s->cut && !s->out.failed)
		tool_memo_keep(s->memo, value, strbuf_slice(&s->out), s->lossy);
	return true;
}

static bool read_attr(struct source *s, struct view *v, const struct candidate *c, slice *verbatim)
{
	struct value value;
	if (!candidate_value(v, c, &value) ||
	        (value.type != V_STRING && value.type != V_ARRAY && value.type != V_KVLIST))
		return false;
	if (s->concept == C_TOOL_DEFINITIONS && !c->alias->path && c->alias->read == READ_PLAIN)
		return read_tool_attr(s, c, &value);
	slice text = source_text(s, &value);
	if (text_is_absent(slice_trim(text)))
		return false;
	if (is_messages(s->concept))
		return read_messages(s, c, text, verbatim);
	if (c->alias->path)
		s->document = c->attr;
	else
		source_use(s, c->attr);
	return read_text(s, text, (enum alias_read)c->alias->read);
}

static void add_list(struct source *s, struct message_out *m, enum piece_type type, slice text)
{
	bool cut;
	const struct json *n = source_json(s, text, READ_PLAIN, &cut);
	if (type == PIECE_FILES && n) {
		s->cut |= cut;
		parts_from_json(m, n);
		return;
	}
	bool strings = type == PIECE_TEXTS && n && n->type == JSON_ARRAY;
	for (const struct json *at = strings ? json_first(n, NULL) : NULL; at; at = json_next(n, at, NULL))
		strings &= at->type == JSON_STRING;
	for (const struct json *at = strings ? json_first(n, NULL) : NULL; at; at = json_next(n, at, NULL))
		part_text(m, json_text_of(at, s->arena));
	if (!strings)
		part_text(m, text);
}

static void add_piece(struct source *s, struct message_out *m, struct candidate *c, slice text)
{
	enum piece_type type = pieces[c->alias->key].type;
	if (type == PIECE_REASONING)
		part_reasoning(m, text);
	else if (type == PIECE_TEXT)
		part_text(m, text);
	else if (type != PIECE_CALLS)
		add_list(s, m, type, text);
	else if (!source_tool_calls(s, m, text))
		return; /* OpenLIT's Python repr: stays where it is */
	source_use(s, c->attr);
}

static bool read_pieces(struct source *s, struct view *v, const struct place *p)
{
	uint8_t group = pieces[p->candidate->alias->key].group;
	struct message_out m;
	messages_begin(&m, &s->out, s->arena, OUTPUT);
	message_begin(&m, SLICE("assistant"), (slice){ 0 });
	for (unsigned type = 0; type < N_PIECES; type++)
		for (struct candidate *c = view_first(v, s->concept); c; c = view_next(v, c)) {
			if (pieces[c->alias->key].group != group || pieces[c->alias->key].type != type)
				continue;
			slice text = source_text(s, &c->attr->value);
			bool absent =
			        type <= PIECE_TEXT ? !text.len || is_redacted(text) : text_is_absent(slice_trim(text));
			if (!absent)
				add_piece(s, &m, c, text);
		}
	bool any = m.n_parts > 0;
	message_end(&m, (slice){ 0 });
	return source_end(s, &m) && any;
}

static bool read_document(struct source *s, const struct candidate *c)
{
	struct message_out m;
	bool cut, more = false;
	const struct json *n = source_json(s, source_text(s, &c->attr->value), READ_PLAIN, &cut);
	if (!n)
		return false;
	messages_begin(&m, &s->out, s->arena, OUTPUT);
	(void)events_document(s, &m, n, false, &more);
	s->document = c->attr;
	s->cut |= cut;
	return source_end(s, &m);
}

static bool read_details(struct source *s, const struct place *p)
{
	struct message_out m;
	slice text = source_text(s, &p->attr->value);
	if (text_is_absent(slice_trim(text)))
		return false;
	source_use(s, p->attr);
	*VEC_ADD(&s->events) = p->event;
	if (!is_messages(s->concept))
		return read_text(s, text, READ_PLAIN);
	messages_begin(&m, &s->out, s->arena, s->concept == C_OUTPUT_MESSAGES ? OUTPUT : INPUT);
	(void)source_messages(s, &m, NULL, text, READ_PLAIN, LOOSE_TEXT);
	return source_end(s, &m);
}

static bool read_body(struct source *s, const struct json *body)
{
	const struct json *n = s->concept == C_SYSTEM ? body_system(body) : body_tools(body);
	if (!n || n->type == JSON_NULL)
		return false;
	if (s->concept != C_SYSTEM)
		return read_tools(s, n);
	slice text = n->type == JSON_STRING ? json_text_of(n, s->arena) : json_raw(n);
	return system_from_text(&s->out, s->arena, text, &s->lossy);
}

bool place_read(
        struct source *s, const struct place *p, struct view *v, const struct message_events *events, slice *verbatim)
{
	bool done = false;
	switch (p->type) {
	case PLACE_ATTR:
		done = read_attr(s, v, p->candidate, verbatim);
		break;
	case PLACE_PIECES:
		done = read_pieces(s, v, p);
		break;
	case PLACE_FAMILY:
		done = is_messages(s->concept) ? family_messages(s, p->family) : family_tools(s, p->family);
		break;
	case PLACE_DOCUMENT:
		done = read_document(s, p->candidate);
		break;
	case PLACE_DETAILS:
		done = read_details(s, p);
		break;
	case PLACE_EVENTS:
		done = events_messages(s, events);
		break;
	case PLACE_BODY:
		done = read_body(s, p->body);
		break;
	}
	return done && !s->out.failed;
}
