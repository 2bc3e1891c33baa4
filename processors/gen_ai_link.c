/* gen_ai_link.c - who and what a call belongs to: session, user, environment, project, prompt.
 *
 * Every convention's keys for these are read from the span, else from its nearest ancestor in the request (a filtered one
 * too), else from its scope, else from its resource, and written on the span under one name each. Ancestors are done first, so
 * that each span is read once; what a span has only from its scope or resource is the last resort for spans below. Names of
 * workflow and agent come from ancestors alone. A span that names no prompt gets a fingerprint of its instructions and tools.
 * The table `prompts` translates a prompt's name at one vendor into its names at others. What a span already says under the
 * canonical name stays. Nothing longer than INHERITED_MAX is repeated on other spans: a large value once on a resource stays.
 */
#include "lib/base/utf8.h"
#include "lib/genai/fingerprint.h"
#include "lib/genai/gather.h"
#include "lib/genai/kind.h"
#include "lib/genai/prompt_links.h"
#include "lib/genai/span_tree.h"
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
	        "Links of the resource, of the scope and of spans above in the same request count for every span below "
	        "that has "
	        "none of its own; the nearest counts."),
	CONF_STR(link_conf, default_environment, "", "deployment.environment.name of spans that nothing gives one."),
	CONF_LIST(link_conf, prompts, prompt_conf, prompt_fields,
	        "Prompts and their names at vendors: a span with one of them gets the others."),
	CONF_MAP(link_conf, metadata_from_headers,
	        "Request header to attribute: its value is set on spans that lack the attribute; the receiver needs "
	        "include_metadata."),
	CONF_END,
};

enum { INHERITED_MAX = 1024 };

/* What a place says. Facts about a prompt are the last ones. */
enum fact {
	CONVERSATION,
	SESSION,
	USER,
	ENVIRONMENT,
	PROJECT,
	WORKFLOW,
	AGENT,
	NAME,
	VERSION,
	ID,
	VERSION_ID,
	LABEL,
	N_FACTS
};
static const enum concept concepts[N_FACTS] = { C_CONVERSATION, C_SESSION, C_USER, C_ENVIRONMENT, C_PROJECT,
	C_WORKFLOW_NAME, C_AGENT_NAME, C_PROMPT_NAME, C_PROMPT_VERSION, C_PROMPT_ID, C_PROMPT_VERSION_ID,
	C_PROMPT_LABEL };
struct facts {
	slice text[N_FACTS]; /* empty: not said; lives as long as the request */
	const struct attrs *prompt; /* of the place that names the prompt; NULL: none does */
	bool is_service; /* the project is a service's name: less than a project's anywhere */
};

/* What a span hands down; NULL: nothing. */
struct lineage {
	const struct facts *own; /* its own facts and those of its ancestors */
	const struct facts *all; /* those of scopes and resources too */
};

/* Of a scope and its resource. */
struct outer {
	struct facts facts;
	struct emitter emitter;
};

/* Attributes of the span that matter here: role 1 + fact, and these. */
enum role {
	AT_FACT = 1,
	AT_SERVICE = AT_FACT + N_FACTS,
	AT_CONVENTION,
	AT_SYSTEM,
	AT_TOOLS,
	AT_MESSAGES,
	AT_FINGERPRINT,
	N_ROLES
};

struct link_work {
	struct gather gather;
	struct view view;
	bool tells[N_KEYS]; /* keys that may tell a fact */
	struct span_tree tree;
	struct lineage *lineage; /* of this request, by the span's number; NULL: nothing to inherit from spans */
	const struct outer **outers; /* of this request, by scope; NULL: not read yet */
	struct fingerprints fingerprints;
	const slice *headers; /* of this request: the values of metadata_from_headers, in its order; NULL: none */
};
struct link_state {
	struct link_work *work;
};

/* One span at work. */
struct linking {
	struct traces *traces;
	struct span *span;
	const struct outer *outer;
	struct lineage up; /* the parent's */
	bool shares; /* the parent's scope and resource */
	struct attr *has[N_ROLES];
	struct facts facts;
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

/* The best candidate of a concept, those of the key `but` left out. */
static slice told(struct view *v, enum concept what, uint16_t but, size_t max)
{
	struct value value;
	slice s;
	for (struct candidate *c = view_first(v, what); c; c = view_next(v, c)) {
		if (c->alias->key == but || !candidate_value(v, c, &value) ||
		        !coerce_text(&value, (enum alias_read)c->alias->read, &v->traces->arena, &s))
			continue;
		if (!is_redacted(s) && s.len <= max)
			return s;
	}
	return (slice){ 0 };
}

/* What attributes in any convention say. */
static void read_facts(struct view *v, size_t max, struct facts *f)
{
	for (unsigned i = 0; i < N_FACTS; i++)
		f->text[i] = told(v, concepts[i], KEY_SERVICE_NAME, max);
	f->is_service = !f->text[PROJECT].len;
	if (f->is_service)
		f->text[PROJECT] = told(v, C_PROJECT, KEY_NONE, max);
	f->prompt = f->text[NAME].len || f->text[ID].len ? v->attrs : NULL;
}

static slice text_of(const struct attr *a, struct arena *arena)
{
	slice s;
	return a && coerce_text(&a->value, READ_PLAIN, arena, &s) && !is_redacted(s) ? s : (slice){ 0 };
}

/* OpenTelemetry's old name for the environment comes before the vendors' names on resources, where it was defined. */
static void prefer_old_name(const struct resource *r, struct arena *a, struct facts *f)
{
	const struct attr *now = attrs_find_id(&r->attrs, KEY_DEPLOYMENT_ENVIRONMENT_NAME);
	slice old = text_of(attrs_find_id(&r->attrs, KEY_DEPLOYMENT_ENVIRONMENT), a);
	if (old.len && old.len <= INHERITED_MAX && !text_of(now, a).len)
		f->text[ENVIRONMENT] = old;
}

/* Adds what only the outer place says, but for the fact `except`. A session and a prompt are one thing each: the innermost
 * place that says either of conversation and session decides both, and a place that names a prompt says all about it. */
static void inherit(struct facts *f, const struct facts *outer, enum fact except)
{
	bool has_session = f->text[CONVERSATION].len || f->text[SESSION].len;
	bool weak = f->is_service && !outer->is_service;
	for (unsigned i = 0; i < N_FACTS; i++) {
		bool kept = i == except || (i <= SESSION ? has_session : i >= NAME && f->prompt);
		if (!kept && (!f->text[i].len || (i == PROJECT && weak)))
			f->text[i] = outer->text[i];
	}
	f->is_service = f->is_service && outer->is_service;
	f->prompt = f->prompt ? f->prompt : outer->prompt;
}

static bool tells(const struct link_work *w, const struct attrs *as)
{
	for (const struct attr *a = as->first; a; a = a->next)
		if (w->tells[a->key_id] && !a->deleted)
			return true;
	return false;
}

static void read_place(struct link_work *w, struct traces *t, struct attrs *as, struct emitter emitter, struct facts *f)
{
	*f = (struct facts){ .is_service = true };
	if (!tells(w, as))
		return;
	view_load(&w->view, t, as, emitter, GROUP_LINK, OTEL_FIRST);
	read_facts(&w->view, INHERITED_MAX, f);
}

/* Out of memory everything tells nothing. */
static const struct outer *outer_of(struct link_work *w, struct traces *t, struct scope *scope)
{
	static const struct outer nothing = { .facts.is_service = true };
	struct facts resource;
	const struct outer **known = w->outers ? &w->outers[scope - t->scopes] : NULL;
	if (known && *known)
		return *known;
	struct outer *o = known ? arena_try(&t->arena, sizeof *o) : NULL;
	if (!o)
		return &nothing;
	o->emitter = emitter_of_scope(scope);
	read_place(w, t, &scope->attrs, o->emitter, &o->facts);
	read_place(w, t, &scope->resource->attrs, o->emitter, &resource);
	prefer_old_name(scope->resource, &t->arena, &resource);
	inherit(&o->facts, &resource, N_FACTS);
	*known = o;
	return o;
}

/* A normalised span says all under canonical names. A project that is but the span's service.name was no more before. */
static void read_span(struct link_work *w, struct linking *l)
{
	struct facts *f = &l->facts;
	f->is_service = true;
	if (!l->has[AT_CONVENTION]) {
		if (!tells(w, &l->span->attrs))
			return;
		struct emitter emitter = emitter_of_span(l->outer->emitter, l->span);
		view_load(&w->view, l->traces, &l->span->attrs, emitter, GROUP_LINK | GROUP_STRUCTURE, OTEL_FIRST);
		w->view.kind = kind_of_span(l->span);
		read_facts(&w->view, SIZE_MAX, f);
		return;
	}
	for (unsigned i = 0; i < N_FACTS; i++)
		if (l->has[AT_FACT + i])
			f->text[i] = text_of(l->has[AT_FACT + i], &l->traces->arena);
	slice service = text_of(l->has[AT_SERVICE], &l->traces->arena);
	f->is_service = !f->text[PROJECT].len || slice_eq(f->text[PROJECT], service);
	if (f->is_service)
		f->text[PROJECT] = service;
	f->prompt = f->text[NAME].len || f->text[ID].len ? &l->span->attrs : NULL;
}

static bool says_nothing(const struct facts *f)
{
	size_t n = 0;
	for (unsigned i = 0; i < N_FACTS; i++)
		n |= f->text[i].len;
	return !n;
}

/* A nameless agent is not the one around it, and a nameless workflow neither. */
static enum fact not_inherited(const struct linking *l)
{
	const slice *mine = l->facts.text, *theirs = l->up.own->text;
	if ((mine[AGENT].len || !theirs[AGENT].len) && (mine[WORKFLOW].len || !theirs[WORKFLOW].len))
		return N_FACTS;
	enum genai_kind k = kind_of_span(l->span);
	return k == KIND_AGENT && !mine[AGENT].len          ? AGENT
	        : k == KIND_WORKFLOW && !mine[WORKFLOW].len ? WORKFLOW
	                                                    : N_FACTS;
}

/* What is too large to be repeated is not handed down. NULL: memory is out. */
static const struct facts *hand_down(struct traces *t, const struct facts *f)
{
	struct facts *down = arena_try(&t->arena, sizeof *down);
	if (!down)
		return NULL;
	*down = *f;
	for (unsigned i = 0; i < N_FACTS; i++)
		if (f->text[i].len > INHERITED_MAX)
			down->text[i] = (slice){ 0 };
	return down;
}

/* `text` lives as long as the request. */
static void set_role(struct linking *l, enum role role, uint16_t key, slice text)
{
	const struct attr *a = l->has[role];
	if (text.len && !(a && a->value.type == V_STRING && slice_eq(a->value.s, text)))
		attr_set_known(l->traces, &l->span->attrs, key, &(struct value){ .type = V_STRING, .s = text });
}

static void write_facts(struct linking *l)
{
	for (unsigned i = 0; i < N_FACTS; i++)
		set_role(l, AT_FACT + i, concept_info(concepts[i])->key, l->facts.text[i]);
}

static slice content(const struct linking *l, enum role role)
{
	const struct attr *a = l->has[role];
	return a && a->value.type == V_STRING && !is_redacted(a->value.s) ? a->value.s : (slice){ 0 };
}

static slice fingerprint(struct link_work *w, struct linking *l)
{
	struct arena *a = &l->traces->arena;
	slice system = content(l, AT_SYSTEM), tools = content(l, AT_TOOLS);
	if (!system.len)
		system = fingerprint_leading(content(l, AT_MESSAGES));
	if (!system.len && !tools.len)
		return (slice){ 0 };
	return arena_dup(a, fingerprint_of(&w->fingerprints, system, tools, a));
}

/* A link that is added is read as if it had come with the span. */
static void add_links(struct link_work *w, struct linking *l, const struct prompt_conf *p)
{
	struct facts now;
	slice *text = l->facts.text;
	text[NAME] = text[NAME].len ? text[NAME] : p->name;
	text[VERSION] = text[VERSION].len ? text[VERSION] : p->version;
	prompt_add_links(l->traces, l->span, p);
	view_load(&w->view, l->traces, &l->span->attrs, l->outer->emitter, GROUP_LINK, OTEL_FIRST);
	read_facts(&w->view, SIZE_MAX, &now);
	for (unsigned i = NAME; i < N_FACTS; i++)
		text[i] = text[i].len ? text[i] : now.text[i];
}

/* True when a row of the table told more. */
static bool link_prompt(struct link_work *w, const struct link_conf *c, struct linking *l)
{
	const struct span *s = l->span;
	struct prompt_named named = { l->facts.text[NAME], l->facts.text[VERSION], { 0 } };
	if (!named.name.len && !l->facts.text[ID].len && kind_is_model_call(kind_of_span(s)))
		named.fingerprint = fingerprint(w, l);
	set_role(l, AT_FINGERPRINT, KEY_WEIR_PROMPT_FINGERPRINT, named.fingerprint);
	if (!c->prompts.n)
		return false;
	struct prompt_places places = { { &s->attrs, l->facts.prompt } };
	if (c->resource_inheritance) {
		places.at[2] = &s->scope->attrs;
		places.at[3] = &s->scope->resource->attrs;
	}
	const struct prompt_conf *p = prompt_find(&c->prompts, &places, &named);
	if (p)
		add_links(w, l, p);
	return p;
}

/* Filtered spans only hand down what they say. */
static void link_span(struct link_work *w, const struct link_conf *c, struct linking *l, struct lineage *down)
{
	struct traces *t = l->traces;
	slice *text = l->facts.text;
	enum fact except = N_FACTS;
	gather_attrs(&w->gather, &l->span->attrs, l->has);
	read_span(w, l);
	bool silent = says_nothing(&l->facts);
	if (l->up.own) {
		except = not_inherited(l);
		inherit(&l->facts, l->up.own, except);
	}
	struct facts own = l->facts;
	if (!l->span->rule) {
		if (c->resource_inheritance)
			inherit(&l->facts, &l->outer->facts, N_FACTS);
		if (l->up.all)
			inherit(&l->facts, l->up.all, except);
		/* conversation and session are two attributes of OpenTelemetry that vendors take for one */
		text[SESSION] = text[SESSION].len ? text[SESSION] : text[CONVERSATION];
		text[CONVERSATION] = text[CONVERSATION].len ? text[CONVERSATION] : text[SESSION];
		text[ENVIRONMENT] = text[ENVIRONMENT].len ? text[ENVIRONMENT] : c->default_environment;
		if (link_prompt(w, c, l)) {
			memcpy(&own.text[NAME], &text[NAME], (N_FACTS - NAME) * sizeof *text);
			own.prompt = &l->span->attrs;
			silent = false;
		}
		write_facts(l);
	}
	silent = silent && except == N_FACTS;
	if (!down)
		return;
	if (own.is_service) /* is that of the span's service alone */
		own.text[PROJECT] = (slice){ 0 };
	down->own = silent ? l->up.own : hand_down(t, &own);
	down->all = l->span->rule || (silent && l->shares) ? l->up.all : hand_down(t, &l->facts);
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

static void read_headers(struct link_work *w, const struct link_conf *c, const struct client *client, struct traces *t)
{
	size_t n = c->metadata_from_headers.n;
	w->headers = NULL;
	if (!client || !client->n_metadata || !n)
		return;
	slice *values = arena_zalloc(&t->arena, n * sizeof *values);
	for (size_t i = 0; i < n; i++)
		values[i] = clean(&t->arena, header_value(client, c->metadata_from_headers.v[i].key));
	w->headers = values;
}

static void link_headers(struct link_work *w, const struct link_conf *c, struct linking *l)
{
	for (size_t i = 0; w->headers && i < c->metadata_from_headers.n; i++) {
		slice name = c->metadata_from_headers.v[i].value;
		if (w->headers[i].len && !attrs_find(&l->span->attrs, name))
			attr_set_borrowed(l->traces, &l->span->attrs, name,
			        &(struct value){ .type = V_STRING, .s = w->headers[i] });
	}
}

/* Is there a span with a parent, and anything to hand down? Only what a span says itself, where all have one resource. */
static bool may_inherit(const struct link_work *w, const struct link_conf *c, const struct traces *t)
{
	bool parents = false, facts = t->n_resources > 1 || c->prompts.n;
	for (uint32_t i = 0; i < t->n_scopes; i++) {
		facts = facts || t->scopes[i].attrs.n;
		for (const struct span *s = t->scopes[i].first; s; s = s->next) {
			parents = parents || (!s->refused && s->parent_id.len);
			facts = facts || (!s->refused && tells(w, &s->attrs));
			if (parents && facts)
				return true;
		}
	}
	return false;
}

static void begin(struct link_work *w, const struct link_conf *c, struct traces *t)
{
	w->lineage = NULL;
	w->outers = arena_try(&t->arena, t->n_scopes * sizeof *w->outers);
	if (w->outers)
		memset(w->outers, 0, t->n_scopes * sizeof *w->outers);
	if (!c->resource_inheritance || t->n_kept == 0 || !may_inherit(w, c, t) || span_tree_build(&w->tree, t))
		return;
	w->lineage = arena_try(&t->arena, w->tree.n * sizeof *w->lineage);
	if (w->lineage)
		memset(w->lineage, 0, w->tree.n * sizeof *w->lineage);
}

/* Parents first; the one link that is cut in a cycle hands nothing down. */
static void link_tree(struct link_work *w, const struct link_conf *c, struct traces *t)
{
	const struct span_tree *tree = &w->tree;
	for (size_t i = 0; i < tree->n; i++) {
		uint32_t number = tree->order[i], parent = tree->parents[number];
		struct linking l = { .traces = t, .span = tree->spans[number] };
		l.outer = outer_of(w, t, l.span->scope);
		if (parent < tree->n) {
			const struct span *p = tree->spans[parent];
			l.up = w->lineage[parent];
			l.shares = !p->rule && p->scope == l.span->scope;
		}
		link_span(w, c, &l, &w->lineage[number]);
		if (!l.span->rule)
			link_headers(w, c, &l);
	}
	span_tree_trim(&w->tree);
}

static void push(struct stage *stage, struct batch *b)
{
	const struct link_conf *c = stage->conf;
	struct link_work *w = ((struct link_state *)stage->state)->work;
	struct traces *t = b->traces;
	read_headers(w, c, b->client, t);
	begin(w, c, t);
	if (w->lineage)
		link_tree(w, c, t);
	for (struct span *s = w->lineage ? NULL : traces_first_span(t); s; s = traces_next_span(t, s)) {
		struct linking l = { .traces = t, .span = s, .outer = outer_of(w, t, s->scope) };
		link_span(w, c, &l, NULL);
		link_headers(w, c, &l);
	}
	stage_push(stage->next, b);
}

static void tells_init(struct link_work *w)
{
	for (uint16_t key = 1; key < N_KEYS; key++) {
		size_t n;
		const struct alias *rows = aliases_of(key, &n);
		for (size_t i = 0; i < n; i++)
			for (unsigned f = 0; f < N_FACTS; f++)
		w->tells[key] |= rows[i].concept == concepts[f];
	}
	for (unsigned f = 0; f < N_FACTS; f++)
		w->tells[concept_info(concepts[f])->key] = true;
}

static void gather_init(struct gather *g)
{
	static const enum genai_key others[] = { KEY_SERVICE_NAME, KEY_WEIR_CONVENTION, KEY_GENAI_SYSTEMINSTRUCTIONS,
		KEY_GENAI_TOOL_DEFINITIONS, KEY_GENAI_INPUT_MESSAGES, KEY_WEIR_PROMPT_FINGERPRINT };
	_Static_assert(COUNTOF(others) == N_ROLES - AT_SERVICE, "a key for each role");
	for (unsigned i = 0; i < N_FACTS; i++)
		g->role[concept_info(concepts[i])->key] = (uint8_t)(AT_FACT + i);
	for (unsigned i = 0; i < COUNTOF(others); i++)
		g->role[others[i]] = (uint8_t)(AT_SERVICE + i);
}

static int start(struct stage *stage, struct err *e UNUSED)
{
	struct link_work *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	((struct link_state *)stage->state)->work = w;
	view_init(&w->view);
	span_tree_init(&w->tree);
	gather_init(&w->gather);
	tells_init(w);
	return 0;
}

static void stop(struct stage *stage)
{
	struct link_work *w = ((struct link_state *)stage->state)->work;
	view_release(&w->view);
	span_tree_release(&w->tree);
	fingerprints_release(&w->fingerprints);
	free(w);
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
