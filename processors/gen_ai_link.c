/* gen_ai_link.c - who and what a call belongs to: session, user, environment, project, prompt.
 *
 * Every convention's keys for these are read from the span, else from its scope, else from its resource, and written on the span
 * under one name each. A span that names no prompt gets a fingerprint of its instructions and tools. The table `prompts` translates
 * a prompt's name at one vendor into its names at others. What a span already says under the canonical name stays.
 * Nothing longer than INHERITED_MAX is repeated on the spans of a request: a large value once on its resource stays one.
 */
#include "lib/base/utf8.h"
#include "lib/genai/fingerprint.h"
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

enum { INHERITED_MAX = 4096 };
/* Where a link is looked for, in order. */
enum { SPAN, SCOPE, RESOURCE, N_PLACES };

struct link_state {
	struct view *views[N_PLACES];
	unsigned n_places; /* 1 without resource_inheritance */
	const struct scope *scope; /* what views[SCOPE] and [RESOURCE] hold */
	const struct resource *resource;
	struct emitter emitter; /* of the scope */
	struct fingerprints fingerprints;
	const slice *headers; /* of this request: the values of metadata_from_headers, in its order; NULL: none */
};

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
	for (size_t i = 0; i < c->metadata_from_headers.n; i++)
		if (!c->metadata_from_headers.v[i].key.len || !c->metadata_from_headers.v[i].value.len)
			conf_fail(r, &c->metadata_from_headers,
			        "'metadata_from_headers' must be names of headers and of attributes, got an empty one");
}

static void view_place(struct link_state *st, unsigned place, struct traces *t, struct attrs *as, struct emitter emitter)
{
	view_load(st->views[place], t, as, emitter, GROUP_LINK, OTEL_FIRST);
}

static void enter_span(struct link_state *st, struct traces *t, struct span *s)
{
	if (s->scope != st->scope) {
		struct emitter emitter = emitter_of_scope(s->scope);
		bool same = s->scope->resource == st->resource && emitter.ecosystem == st->emitter.ecosystem;
		st->scope = s->scope;
		st->resource = s->scope->resource;
		st->emitter = emitter;
		if (st->n_places > SCOPE)
			view_place(st, SCOPE, t, &s->scope->attrs, emitter);
		if (st->n_places > RESOURCE && !same)
			view_place(st, RESOURCE, t, &s->scope->resource->attrs, emitter);
	}
	view_place(st, SPAN, t, &s->attrs, emitter_of_span(st->emitter, s));
	st->views[SPAN]->kind = kind_of_span(s);
}

/* What a place says; its candidates of the key `but` do not count. */
static bool told(struct link_state *st, unsigned place, enum concept what, uint16_t but, slice *text)
{
	struct view *v = st->views[place];
	struct value value;
	slice s;
	for (struct candidate *c = view_first(v, what); c; c = view_next(v, c)) {
		if (c->alias->key == but || !candidate_value(v, c, &value) ||
		        !coerce_text(&value, (enum alias_read)c->alias->read, &v->traces->arena, &s))
			continue;
		if (is_redacted(s) || (place != SPAN && s.len > INHERITED_MAX))
			continue;
		*text = s;
		return true;
	}
	return false;
}

static bool find(struct link_state *st, unsigned n_places, enum concept what, uint16_t but, slice *text)
{
	for (unsigned i = 0; i < n_places; i++)
		if (told(st, i, what, but, text))
			return true;
	return false;
}

/* `text` lives as long as the request. */
static void set_text(struct traces *t, struct span *s, slice name, slice text)
{
	const struct attr *a = attrs_find(&s->attrs, name);
	if (!a || a->value.type != V_STRING || !slice_eq(a->value.s, text))
		attr_set_borrowed(t, &s->attrs, name, &(struct value){ .type = V_STRING, .s = text });
}

static void set_concept(struct traces *t, struct span *s, enum concept what, slice text)
{
	if (text.len)
		set_text(t, s, concept_info(what)->attribute, text);
}

/* Conversation and session are two attributes of OpenTelemetry that vendors take for one: each stands in for the other, and where
 * both are said both stay. The innermost place that says either of them decides both. */
static void link_session(struct link_state *st, struct traces *t, struct span *s)
{
	slice conversation = { 0 }, session = { 0 };
	for (unsigned i = 0; i < st->n_places && !conversation.len && !session.len; i++) {
		told(st, i, C_CONVERSATION, KEY_NONE, &conversation);
		told(st, i, C_SESSION, KEY_NONE, &session);
	}
	set_concept(t, s, C_CONVERSATION, conversation.len ? conversation : session);
	set_concept(t, s, C_SESSION, session.len ? session : conversation);
}

/* OpenTelemetry's old name for the environment is one on resources only, where it comes before the vendors' names. */
static bool is_deployed_to(struct link_state *st, slice *text)
{
	struct value value;
	for (struct candidate *c = view_first(st->views[RESOURCE], C_ENVIRONMENT); c;
	        c = view_next(st->views[RESOURCE], c))
		if ((c->alias->key == KEY_DEPLOYMENT_ENVIRONMENT || c->alias->key == KEY_DEPLOYMENT_ENVIRONMENT_NAME) &&
		        candidate_value(st->views[RESOURCE], c, &value) && value.type == V_STRING && value.s.len &&
		        value.s.len <= INHERITED_MAX) {
			*text = value.s;
			return true;
		}
	return false;
}

static void link_place(struct link_state *st, const struct link_conf *c, struct traces *t, struct span *s)
{
	slice user = { 0 }, project = { 0 }, environment = { 0 };
	unsigned n = st->n_places;
	if (find(st, n, C_USER, KEY_NONE, &user))
		set_concept(t, s, C_USER, user);
	/* a service's name anywhere is less than a project's name on the resource */
	if (find(st, n, C_PROJECT, KEY_SERVICE_NAME, &project) || find(st, n, C_PROJECT, KEY_NONE, &project))
		set_concept(t, s, C_PROJECT, project);
	if (!find(st, n < RESOURCE ? n : RESOURCE, C_ENVIRONMENT, KEY_NONE, &environment) &&
	        !(n > RESOURCE && (is_deployed_to(st, &environment) ||
	                                  told(st, RESOURCE, C_ENVIRONMENT, KEY_NONE, &environment))))
		environment = c->default_environment;
	set_concept(t, s, C_ENVIRONMENT, environment);
}

static slice string_attr(const struct span *s, enum genai_key key)
{
	const struct attr *a = attrs_find_id(&s->attrs, (uint16_t)key);
	return a && a->value.type == V_STRING && !is_redacted(a->value.s) ? a->value.s : (slice){ 0 };
}

static slice fingerprint(struct link_state *st, struct traces *t, const struct span *s)
{
	slice system = string_attr(s, KEY_GENAI_SYSTEMINSTRUCTIONS), tools = string_attr(s, KEY_GENAI_TOOL_DEFINITIONS);
	if (!system.len)
		system = fingerprint_leading(string_attr(s, KEY_GENAI_INPUT_MESSAGES));
	if (!system.len && !tools.len)
		return (slice){ 0 };
	return arena_dup(&t->arena, fingerprint_of(&st->fingerprints, system, tools, &t->arena));
}

/* Facts about a prompt belong together: outside the place that names it nothing more is looked for. */
static unsigned places_of_prompt(struct link_state *st)
{
	slice name;
	for (unsigned i = 0; i < st->n_places; i++)
		if (told(st, i, C_PROMPT_NAME, KEY_NONE, &name) || told(st, i, C_PROMPT_ID, KEY_NONE, &name))
			return i + 1;
	return st->n_places;
}

enum { NAME, VERSION, ID, VERSION_ID, LABEL, N_FACTS };
static void link_facts(struct link_state *st, unsigned n_places, struct traces *t, struct span *s, slice told_so[N_FACTS])
{
	static const enum concept concepts[N_FACTS] = { C_PROMPT_NAME, C_PROMPT_VERSION, C_PROMPT_ID,
		C_PROMPT_VERSION_ID, C_PROMPT_LABEL };
	for (unsigned i = 0; i < N_FACTS; i++) {
		told_so[i] = (slice){ 0 };
		find(st, n_places, concepts[i], KEY_NONE, &told_so[i]);
		set_concept(t, s, concepts[i], told_so[i]);
	}
}

static void link_prompt(struct link_state *st, const struct link_conf *c, struct traces *t, struct span *s)
{
	slice told_so[N_FACTS];
	unsigned n = places_of_prompt(st);
	link_facts(st, n, t, s, told_so);
	struct prompt_named named = { told_so[NAME], told_so[VERSION], { 0 } };
	if (!named.name.len && !told_so[ID].len && kind_is_model_call(st->views[SPAN]->kind))
		named.fingerprint = fingerprint(st, t, s);
	if (named.fingerprint.len)
		set_text(t, s, genai_key_name(KEY_WEIR_PROMPT_FINGERPRINT), named.fingerprint);
	if (!c->prompts.n)
		return;
	struct prompt_places places = { { &s->attrs, n > SCOPE ? &s->scope->attrs : NULL,
		n > RESOURCE ? &s->scope->resource->attrs : NULL } };
	const struct prompt_conf *p = prompt_find(&c->prompts, &places, &named);
	if (!p)
		return;
	set_concept(t, s, C_PROMPT_NAME, named.name.len ? named.name : p->name);
	set_concept(t, s, C_PROMPT_VERSION, named.version.len ? named.version : p->version);
	prompt_add_links(t, s, p);
	/* what was added is read as if it had come with the span */
	view_place(st, SPAN, t, &s->attrs, st->views[SPAN]->emitter);
	link_facts(st, 1, t, s, told_so);
}

static slice header_value(const struct client *client, slice name)
{
	for (size_t k = 0; k < client->n_metadata; k++)
		if (slice_ieq(client->metadata[k].name, name))
			return client->metadata[k].value;
	return (slice){ 0 };
}

/* Bytes of headers may be anything; attributes are UTF-8. */
static slice clean(struct arena *a, slice s)
{
	s.len = utf8_cut(s, INHERITED_MAX);
	if (utf8_valid(s))
		return s;
	char *text = arena_alloc(a, 3 * s.len);
	return (slice){ text, utf8_repair(s, text, NULL) };
}

static void read_headers(struct link_state *st, const struct link_conf *c, const struct client *client, struct traces *t)
{
	size_t n = c->metadata_from_headers.n;
	st->headers = NULL;
	if (!client || !client->n_metadata || !n)
		return;
	slice *values = arena_zalloc(&t->arena, n * sizeof *values);
	for (size_t i = 0; i < n; i++)
		values[i] = clean(&t->arena, header_value(client, c->metadata_from_headers.v[i].key));
	st->headers = values;
}

static void link_headers(struct link_state *st, const struct link_conf *c, struct traces *t, struct span *s)
{
	for (size_t i = 0; st->headers && i < c->metadata_from_headers.n; i++) {
		slice name = c->metadata_from_headers.v[i].value;
		if (st->headers[i].len && !attrs_find(&s->attrs, name))
			set_text(t, s, name, st->headers[i]);
	}
}

static void push(struct stage *stage, struct batch *b)
{
	const struct link_conf *c = stage->conf;
	struct link_state *st = stage->state;
	struct traces *t = b->traces;
	st->scope = NULL;
	st->resource = NULL;
	st->n_places = c->resource_inheritance ? N_PLACES : SPAN + 1;
	read_headers(st, c, b->client, t);
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s)) {
		enter_span(st, t, s);
		link_session(st, t, s);
		link_place(st, c, t, s);
		link_prompt(st, c, t, s);
		link_headers(st, c, t, s);
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
	fingerprints_release(&st->fingerprints);
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
