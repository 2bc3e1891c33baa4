/* gen_ai_link.c - who and what a call belongs to: session, user, environment, project, prompt.
 *
 * Every convention's keys for these are read from the span, else from its scope, else from its resource, and written on the span
 * under one name each. A span that names no prompt gets a fingerprint of its instructions and tools. The table `prompts` translates
 * a prompt's name at one vendor into its names at others. What a span already says under the canonical name stays.
 */
#include <openssl/sha.h>

#include "lib/genai/json.h"
#include "lib/genai/kind.h"
#include "lib/genai/prompt_links.h"
#include "lib/genai/view.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"

struct link_conf {
	bool resource_inheritance;
	slice default_environment;
	struct conf_list prompts; /* prompt_conf */
	struct conf_map metadata_from_headers;
};

static const struct conf_field fields[] = {
	CONF_BOOL(link_conf, resource_inheritance, "true",
	        "Links of the resource (and of the scope) count for every span below that has none of its own."),
	CONF_STR(link_conf, default_environment, "", "deployment.environment.name of spans that nothing gives one."),
	CONF_LIST(link_conf, prompts, prompt_conf, prompt_fields,
	        "Prompts and their names at vendors: a span with one of them gets the others."),
	CONF_MAP(link_conf, metadata_from_headers,
	        "Request header to attribute: its value is set on spans that lack the attribute; the receiver needs "
	        "include_metadata."),
	CONF_END,
};

/* Where a link is looked for, in order. */
enum { SPAN, SCOPE, RESOURCE, N_PLACES };

struct link_state {
	struct view *views[N_PLACES];
	const struct scope *scope; /* what views[SCOPE] and [RESOURCE] hold */
	const struct resource *resource;
	struct emitter emitter; /* of the scope */
};

/* Concepts that are copied as they are found. Sessions have a rule of their own. */
static const enum concept linked[] = { C_USER, C_ENVIRONMENT, C_PROJECT, C_PROMPT_NAME, C_PROMPT_VERSION, C_PROMPT_ID,
	C_PROMPT_VERSION_ID, C_PROMPT_LABEL };

static void check(const void *conf, struct conf_report *r)
{
	const struct link_conf *c = conf;
	const struct prompt_conf *p = c->prompts.v;
	for (size_t i = 0; i < c->prompts.n; i++) {
		const struct links_conf *l = &p[i].links;
		if (!p[i].name.len && !p[i].fingerprint.len && !l->enprompta.prompt_id.len &&
		        !l->enprompta.prompt_version_id.len && !l->promptlayer.id.len && !l->langfuse.name.len)
			conf_missing(r, &p[i], "a prompt needs a name, a fingerprint or a vendor's link");
	}
}

static void view_place(struct link_state *st, unsigned place, struct traces *t, struct attrs *as)
{
	view_load(st->views[place], t, as, st->emitter, GROUP_LINK, OTEL_FIRST);
}

static void enter_span(struct link_state *st, const struct link_conf *c, struct traces *t, struct span *s)
{
	if (s->scope != st->scope) {
		st->scope = s->scope;
		st->emitter = emitter_of_scope(s->scope);
		if (c->resource_inheritance)
			view_place(st, SCOPE, t, &s->scope->attrs);
	}
	if (c->resource_inheritance && s->scope->resource != st->resource) {
		st->resource = s->scope->resource;
		view_place(st, RESOURCE, t, &s->scope->resource->attrs);
	}
	view_place(st, SPAN, t, &s->attrs);
	st->views[SPAN]->kind = kind_of_span(s);
}

static bool find(struct link_state *st, const struct link_conf *c, enum concept what, slice *text)
{
	unsigned n = c->resource_inheritance ? N_PLACES : SPAN + 1;
	for (unsigned i = 0; i < n; i++)
		if (view_text(st->views[i], what, text, NULL))
			return true;
	return false;
}

static void set_text(struct traces *t, struct span *s, slice name, slice text)
{
	const struct attr *a = attrs_find(&s->attrs, name);
	if (!a || a->value.type != V_STRING || !slice_eq(a->value.s, text))
		attr_set_str(t, &s->attrs, name, text);
}

static slice link_concept(
        struct link_state *st, const struct link_conf *c, struct traces *t, struct span *s, enum concept what)
{
	slice text = { 0 };
	if (find(st, c, what, &text))
		set_text(t, s, concept_info(what)->attribute, text);
	return text;
}

/* Conversation and session are two attributes of OpenTelemetry that vendors take for one: each stands in for the other,
 * and where both are said both stay. */
static void link_session(struct link_state *st, const struct link_conf *c, struct traces *t, struct span *s)
{
	slice conversation = { 0 }, session = { 0 };
	bool has_session = find(st, c, C_SESSION, &session);
	if (!find(st, c, C_CONVERSATION, &conversation))
		conversation = session;
	if (!has_session)
		session = conversation;
	if (conversation.len)
		set_text(t, s, concept_info(C_CONVERSATION)->attribute, conversation);
	if (session.len)
		set_text(t, s, concept_info(C_SESSION)->attribute, session);
}

static slice string_attr(const struct span *s, enum genai_key key)
{
	const struct attr *a = attrs_find_id(&s->attrs, (uint16_t)key);
	return a && a->value.type == V_STRING ? a->value.s : (slice){ 0 };
}

/* Instructions that the API takes as the first messages: the text of their parts. */
static slice leading_system_messages(struct traces *t, const struct span *s)
{
	slice messages = string_attr(s, KEY_GENAI_INPUT_MESSAGES);
	if (!slice_starts(messages, SLICE("[{\"role\":\"system\"")))
		return (slice){ 0 };
	const struct json *list = json_parse(&t->arena, messages, NULL), *last = NULL;
	const struct json *first = list ? json_first(list, NULL) : NULL;
	for (const struct json *m = first; m && json_is(json_get(m, "role"), "system"); m = json_next(list, m, NULL))
		last = m;
	if (!last)
		return (slice){ 0 };
	slice a = json_raw(first), b = json_raw(last);
	return (slice){ a.p, (size_t)(b.p + b.len - a.p) };
}

/* Hex of the first 16 bytes of SHA-256 over instructions, a zero byte, tool definitions. Empty when there are neither. */
static slice fingerprint(struct traces *t, struct span *s, char hex[33])
{
	slice system = string_attr(s, KEY_GENAI_SYSTEMINSTRUCTIONS), tools = string_attr(s, KEY_GENAI_TOOL_DEFINITIONS);
	if (!system.len)
		system = leading_system_messages(t, s);
	if (!system.len && !tools.len)
		return (slice){ 0 };
	char *text = arena_alloc(&t->arena, system.len + 1 + tools.len);
	if (system.len)
		memcpy(text, system.p, system.len);
	text[system.len] = '\0';
	if (tools.len)
		memcpy(text + system.len + 1, tools.p, tools.len);
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)text, system.len + 1 + tools.len, digest);
	for (unsigned i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return (slice){ hex, 32 };
}

static void link_prompt(struct link_state *st, const struct link_conf *c, struct traces *t, struct span *s)
{
	slice ids[COUNTOF(linked)];
	struct prompt_named named = { 0 };
	bool is_named = false;
	char hex[33];
	for (size_t i = 0; i < COUNTOF(linked); i++)
		ids[i] = link_concept(st, c, t, s, linked[i]);
	for (size_t i = 0; i < COUNTOF(linked); i++) {
		named.name = linked[i] == C_PROMPT_NAME ? ids[i] : named.name;
		named.version = linked[i] == C_PROMPT_VERSION ? ids[i] : named.version;
		is_named = is_named || ((linked[i] == C_PROMPT_NAME || linked[i] == C_PROMPT_ID) && ids[i].len);
	}
	if (!is_named && kind_is_model_call(st->views[SPAN]->kind))
		named.fingerprint = fingerprint(t, s, hex);
	if (named.fingerprint.len)
		set_text(t, s, SLICE("weir.prompt.fingerprint"), named.fingerprint);
	const struct prompt_conf *p = c->prompts.n ? prompt_find(&c->prompts, s, &named) : NULL;
	if (!p)
		return;
	if (!named.name.len && p->name.len)
		set_text(t, s, concept_info(C_PROMPT_NAME)->attribute, p->name);
	if (!named.version.len && p->version.len)
		set_text(t, s, concept_info(C_PROMPT_VERSION)->attribute, p->version);
	prompt_add_links(t, s, p);
}

static void link_headers(const struct link_conf *c, const struct client *client, struct traces *t, struct span *s)
{
	for (size_t i = 0; i < c->metadata_from_headers.n; i++) {
		const struct conf_pair *want = &c->metadata_from_headers.v[i];
		for (size_t k = 0; client && k < client->n_metadata; k++)
			if (slice_ieq(client->metadata[k].name, want->key) && !attrs_find(&s->attrs, want->value))
				attr_set_str(t, &s->attrs, want->value, client->metadata[k].value);
	}
}

static void push(struct stage *stage, struct batch *b)
{
	const struct link_conf *c = stage->conf;
	struct link_state *st = stage->state;
	struct traces *t = b->traces;
	st->scope = NULL;
	st->resource = NULL;
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s)) {
		enter_span(st, c, t, s);
		link_session(st, c, t, s);
		link_prompt(st, c, t, s);
		if (c->default_environment.len && !attrs_find_id(&s->attrs, KEY_DEPLOYMENT_ENVIRONMENT_NAME))
			attr_set_str(t, &s->attrs, concept_info(C_ENVIRONMENT)->attribute, c->default_environment);
		link_headers(c, b->client, t, s);
	}
	stage_push(stage->next, b);
}

static int start(struct stage *stage, struct err *e UNUSED)
{
	struct link_state *st = stage->state;
	for (unsigned i = 0; i < N_PLACES; i++) {
		st->views[i] = calloc(1, sizeof *st->views[i]);
		if (!st->views[i])
			abort();
		view_init(st->views[i]);
	}
	return 0;
}

static void stop(struct stage *stage)
{
	struct link_state *st = stage->state;
	for (unsigned i = 0; i < N_PLACES; i++) {
		view_release(st->views[i]);
		free(st->views[i]);
	}
}

const struct component processor_gen_ai_link = {
	.name = "gen_ai_link",
	.summary = "Links GenAI spans to session, user, environment, project and prompt.",
	.kind = PROCESSOR,
	.signals = TRACES,
	.flags = MUTATES | BARE,
	.fields = fields,
	.conf_size = sizeof(struct link_conf),
	.state_size = sizeof(struct link_state),
	.check = check,
	.start = start,
	.push = push,
	.stop = stop,
};
