/* gen_ai_link.c - who and what a call belongs to: session, user, environment, project, prompt.
 *
 * Every convention's keys for these are read from the span, else from its nearest ancestor in the request (a filtered one
 * too), else from its scope, else from its resource, and written on the span under one name each. Ancestors are done first;
 * what a span has only from its scope or resource is the last resort for spans below. Names of workflow and agent come from
 * ancestors alone. Where all spans say the same facts there is nothing to be had from ancestors, and none is looked for.
 * A span that names no prompt gets a fingerprint of its instructions and tools.
 * The table `prompts` translates a prompt's name at one vendor into its names at others. What a span already says under the
 * canonical name stays. Nothing longer than INHERITED_MAX is repeated on other spans: a large value once on a resource stays.
 */
#include "lib/base/utf8.h"
#include "lib/genai/fingerprint.h"
#include "lib/genai/gather.h"
#include "lib/genai/kind.h"
#include "lib/genai/link_facts.h"
#include "lib/genai/prompt_links.h"
#include "lib/genai/span_tree.h"
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
	        "Prompts and their names at vendors: a span with one of them gets the others, if one row fits best. "
	        "Every vendor counts its own versions."),
	CONF_MAP(link_conf, metadata_from_headers,
	        "Request header to attribute: its value is set on spans that lack the attribute, and links them where "
	        "nothing else does; the receiver needs include_metadata."),
	CONF_END,
};

enum { INHERITED_MAX = 1024 };

/* What a span hands down; NULL: nothing. */
struct lineage {
	const struct facts *own; /* its own facts and those of its ancestors */
	const struct facts *all; /* those of scopes and resources too */
	bool wanted; /* a span below may need it */
};

/* Of a scope and its resource. */
struct outer {
	struct facts facts;
	struct facts sent; /* what headers say; set when there are any */
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
	AT_KIND,
	N_ROLES
};

struct link_work {
	struct gather gather;
	struct facts_reader reader;
	struct span_tree tree;
	struct lineage *lineage; /* of this request, by the span's number; NULL: nothing to inherit from spans */
	struct linking *alone; /* of this request: all its kept spans, read; NULL: not read yet */
	const struct outer **outers; /* of this request, by scope; NULL: not read yet */
	struct fingerprints fingerprints;
	struct attrs sent; /* of this request: what metadata_from_headers makes of its headers */
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
	struct linking *next; /* of those that read_alone has read */
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

/* OpenTelemetry's old name for the environment comes before the vendors' names on resources, where it was defined. */
static void prefer_old_name(const struct resource *r, struct arena *a, struct facts *f)
{
	const struct attr *now = attrs_find_id(&r->attrs, KEY_DEPLOYMENT_ENVIRONMENT_NAME);
	slice old = fact_text(attrs_find_id(&r->attrs, KEY_DEPLOYMENT_ENVIRONMENT), a);
	if (old.len && old.len <= INHERITED_MAX && !fact_text(now, a).len)
		fact_say(f, FACT_ENVIRONMENT, old);
}

/* Out of memory everything tells nothing. */
static const struct outer *outer_of(struct link_work *w, struct traces *t, struct scope *scope)
{
	static const struct outer nothing = { .facts.is_service = true, .sent.is_service = true };
	struct facts resource;
	const struct outer **known = w->outers ? &w->outers[scope - t->scopes] : NULL;
	if (known && *known)
		return *known;
	struct outer *o = known ? arena_try(&t->arena, sizeof *o) : NULL;
	if (!o)
		return &nothing;
	o->emitter = emitter_of_scope(scope);
	facts_of_place(&w->reader, t, &scope->attrs, o->emitter, INHERITED_MAX, &o->facts);
	facts_of_place(&w->reader, t, &scope->resource->attrs, o->emitter, INHERITED_MAX, &resource);
	prefer_old_name(scope->resource, &t->arena, &resource);
	facts_inherit(&o->facts, &resource, N_FACTS);
	if (w->sent.n)
		facts_of_place(&w->reader, t, &w->sent, o->emitter, INHERITED_MAX, &o->sent);
	*known = o;
	return o;
}

/* A normalised span says all under canonical names. A project that is but the span's service.name was no more before. */
static void read_span(struct link_work *w, struct linking *l)
{
	struct facts *f = &l->facts;
	struct arena *a = &l->traces->arena;
	uint32_t found = gather_attrs(&w->gather, &l->span->attrs, l->has) >> AT_FACT & ((1u << N_FACTS) - 1);
	slice service = fact_text(l->has[AT_SERVICE], a);
	f->is_service = true;
	if (!l->has[AT_CONVENTION]) {
		struct emitter emitter = l->outer->emitter;
		if (facts_may_be_in(&w->reader, &l->span->attrs))
			facts_of_span(&w->reader, l->traces, l->span, emitter_of_span(emitter, l->span),
			        GROUP_LINK | GROUP_STRUCTURE, f);
		f->is_service = f->is_service || slice_eq(f->text[FACT_PROJECT], service);
		return;
	}
	for (unsigned i = 0; found; i++, found >>= 1)
		if (found & 1)
			fact_say(f, (enum link_fact)i, fact_text(l->has[AT_FACT + i], a));
	f->is_service = !f->text[FACT_PROJECT].len || slice_eq(f->text[FACT_PROJECT], service);
	if (f->is_service)
		fact_say(f, FACT_PROJECT, service);
	f->prompt = f->text[FACT_NAME].len || f->text[FACT_ID].len ? &l->span->attrs : NULL;
}

static enum genai_kind kind_of(const struct linking *l)
{
	return kind_of_attr(l->span, l->has[AT_KIND]);
}

/* A nameless agent is not the one around it, and a nameless workflow neither. */
static enum link_fact not_inherited(const struct linking *l)
{
	uint32_t missing = l->up.own->said & ~l->facts.said & (1u << FACT_AGENT | 1u << FACT_WORKFLOW);
	if (!missing)
		return N_FACTS;
	enum genai_kind k = kind_of(l);
	const slice *mine = l->facts.text;
	return k == KIND_AGENT && !mine[FACT_AGENT].len          ? FACT_AGENT
	        : k == KIND_WORKFLOW && !mine[FACT_WORKFLOW].len ? FACT_WORKFLOW
	                                                         : N_FACTS;
}

/* Is the project a service's name that an earlier run took over from around the span? */
static bool is_service_around(const struct linking *l, slice project)
{
	const struct facts *up = l->up.all, *outer = &l->outer->facts;
	return (up && up->is_service && slice_eq(up->text[FACT_PROJECT], project)) ||
	        (outer->is_service && slice_eq(outer->text[FACT_PROJECT], project));
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
			fact_say(down, (enum link_fact)i, (slice){ 0 });
	return down;
}

/* `text` lives as long as the request. */
static void set_role(struct linking *l, enum role role, uint16_t key, slice text)
{
	const struct attr *a = l->has[role];
	if (text.len && !(a && a->value.type == V_STRING && slice_eq(a->value.s, text)))
		attr_set_known(l->traces, &l->span->attrs, key, &(struct value){ .type = V_STRING, .s = text });
}

static void write_facts(const struct link_work *w, struct linking *l)
{
	uint32_t said = l->facts.said;
	for (unsigned i = 0; said; i++, said >>= 1)
		if (said & 1)
			set_role(l, AT_FACT + i, w->reader.keys[i], l->facts.text[i]);
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

/* A name that the row gives comes with that name's version: its own, or Langfuse's where that is the only name. */
static void name_prompt(struct facts *f, const struct prompt_places *places, const struct prompt_conf *p)
{
	const struct langfuse_conf *l = &p->links.langfuse;
	const slice version = f->text[FACT_VERSION];
	bool unnamed = !f->text[FACT_NAME].len;
	if (unnamed)
		fact_say(f, FACT_NAME, p->name.len ? p->name : l->name);
	slice name = f->text[FACT_NAME];
	bool at_langfuse = l->version.len && slice_eq(name, l->name) && !slice_eq(name, p->name);
	slice given = at_langfuse ? l->version : p->version;
	if (!version.len || (unnamed && name.len && given.len && prompt_version_is_vendors(places, version)))
		fact_say(f, FACT_VERSION, given);
}

/* A link that is added is read as if it had come with the span. False: the row tells nothing new. */
static bool add_links(
        struct link_work *w, struct linking *l, const struct prompt_places *places, const struct prompt_conf *p)
{
	struct facts now, *f = &l->facts;
	const uint32_t said = f->said;
	name_prompt(f, places, p);
	if (!prompt_add_links(l->traces, l->span, p))
		return f->said != said;
	facts_of_span(&w->reader, l->traces, l->span, l->outer->emitter, GROUP_LINK, &now);
	for (unsigned i = FACT_NAME; i < N_FACTS; i++)
		if (!f->text[i].len)
			fact_say(f, (enum link_fact)i, now.text[i]);
	return true;
}

/* Of an inherited prompt the span gets the vendors' links too, or it could not be found in the table again. */
static struct prompt_places places_of(const struct link_conf *c, struct linking *l)
{
	struct span *s = l->span;
	struct prompt_places places = { { &s->attrs } };
	const struct attrs *from = l->facts.prompt, *scope = &s->scope->attrs, *resource = &s->scope->resource->attrs;
	if (from && from != &s->attrs && from != scope && from != resource)
		prompt_inherit_links(l->traces, s, from);
	if (c->resource_inheritance) {
		places.at[1] = scope;
		places.at[2] = resource;
	}
	return places;
}

/* True when a row of the table told more. What it told may name another row. */
static bool link_prompt(struct link_work *w, const struct link_conf *c, struct linking *l)
{
	const slice *f = l->facts.text;
	slice print = { 0 };
	bool told = false;
	if (!f[FACT_NAME].len && !f[FACT_ID].len && kind_is_model_call(kind_of(l)))
		print = fingerprint(w, l);
	set_role(l, AT_FINGERPRINT, KEY_WEIR_PROMPT_FINGERPRINT, print);
	if (!c->prompts.n)
		return false;
	const struct prompt_places places = places_of(c, l);
	for (;;) {
		bool unnamed = !f[FACT_NAME].len && !f[FACT_ID].len;
		struct prompt_named named = { f[FACT_NAME], f[FACT_VERSION], unnamed ? print : (slice){ 0 } };
		const struct prompt_conf *p = prompt_find(&c->prompts, &places, &named);
		if (!p || !add_links(w, l, &places, p))
			return told;
		told = true;
	}
}

/* What vendors take for one, and what nothing said. */
static void complete(struct facts *f, const struct link_conf *c)
{
	/* conversation and session are two attributes of OpenTelemetry */
	if (!f->text[FACT_SESSION].len)
		fact_say(f, FACT_SESSION, f->text[FACT_CONVERSATION]);
	if (!f->text[FACT_CONVERSATION].len)
		fact_say(f, FACT_CONVERSATION, f->text[FACT_SESSION]);
	if (!f->text[FACT_ENVIRONMENT].len)
		fact_say(f, FACT_ENVIRONMENT, c->default_environment);
}

/* What nothing else says, one by one: headers are set wherever the span has no such attribute. Facts are written over them. */
static void take_sent(const struct link_work *w, struct linking *l)
{
	struct facts *f = &l->facts;
	const struct facts *sent = &l->outer->sent;
	const uint32_t session = 1u << FACT_CONVERSATION | 1u << FACT_SESSION;
	uint32_t missing = sent->said & ~f->said & ~(f->said & session ? session : 0);
	if (f->is_service && !sent->is_service)
		missing |= 1u << FACT_PROJECT;
	for (unsigned i = 0; missing; i++, missing >>= 1)
		if (missing & 1)
			fact_say(f, (enum link_fact)i, sent->text[i]);
	f->is_service = f->is_service && sent->is_service;
	for (const struct attr *a = w->sent.first; a; a = a->next)
		if (!attrs_find(&l->span->attrs, a->key))
			attr_set_borrowed(l->traces, &l->span->attrs, a->key, &a->value);
}

/* Of a span that was read. Filtered spans only hand down what they say. `down` is NULL where nothing is below. */
static void link_span(struct link_work *w, const struct link_conf *c, struct linking *l, struct lineage *down)
{
	struct traces *t = l->traces;
	struct facts *f = &l->facts, copy, *own = NULL;
	enum link_fact except = N_FACTS;
	bool silent = !f->said;
	if (l->up.own) {
		except = not_inherited(l);
		facts_inherit(f, l->up.own, except);
	}
	if (down) {
		copy = *f;
		own = &copy;
	}
	if (!l->span->rule) {
		if (c->resource_inheritance)
			facts_inherit(f, &l->outer->facts, N_FACTS);
		if (l->up.all)
			facts_inherit(f, l->up.all, except);
		if (w->sent.n)
			take_sent(w, l);
		complete(f, c);
		if (link_prompt(w, c, l) && own) {
			for (unsigned i = FACT_NAME; i < N_FACTS; i++)
				fact_say(own, (enum link_fact)i, f->text[i]);
			own->prompt = &l->span->attrs;
			silent = false;
		}
		write_facts(w, l);
	}
	silent = silent && except == N_FACTS;
	if (!own)
		return;
	f->is_service = f->is_service || is_service_around(l, f->text[FACT_PROJECT]);
	own->is_service = own->is_service || f->is_service;
	if (own->is_service) /* is that of the span's service alone */
		fact_say(own, FACT_PROJECT, (slice){ 0 });
	down->own = silent ? l->up.own : hand_down(t, own);
	down->all = l->span->rule || (silent && l->shares) ? l->up.all : hand_down(t, f);
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

/* A header that says "none" or nothing is no header. */
static void read_headers(struct link_work *w, const struct link_conf *c, const struct client *client, struct traces *t)
{
	size_t n = client && client->n_metadata ? c->metadata_from_headers.n : 0;
	struct attr *list = n ? arena_zalloc(&t->arena, n * sizeof *list) : NULL, **end = &w->sent.first;
	w->sent = (struct attrs){ .kind = OWN_SCOPE };
	for (size_t i = 0; i < n; i++) {
		slice name = c->metadata_from_headers.v[i].value;
		slice text = clean(&t->arena, header_value(client, c->metadata_from_headers.v[i].key));
		struct attr *a = &list[i];
		*a = (struct attr){ .key = name, .value = { .type = V_STRING, .s = text } };
		if (!fact_text(a, &t->arena).len)
			continue;
		a->key_id = t->keys ? key_table_id(t->keys, name) : 0;
		*end = w->sent.last = a;
		end = &a->next;
		w->sent.n++;
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
			facts = facts || (!s->refused && facts_may_be_in(&w->reader, &s->attrs));
			if (parents && facts)
				return true;
		}
	}
	return false;
}

/* What a place says, a project that is more than a service's name apart. */
static uint32_t facts_said(const struct facts *f)
{
	return f->said | (uint32_t)!f->is_service << N_FACTS;
}

/* Reads the kept spans as long as all say the same facts, alone and with what is around them: then no span can inherit from another.
 * NULL: some may (most requests end at the second span, and it is read again), or memory is out. */
static struct linking *read_alone(struct link_work *w, const struct link_conf *c, struct traces *t)
{
	struct linking *first = NULL, **end = &first;
	if (c->prompts.n || w->sent.n)
		return NULL;
	for (uint32_t i = 0; i < t->n_scopes; i++) {
		const struct outer *outer = NULL;
		for (struct span *s = t->scopes[i].first; s; s = s->next) {
			if (s->refused || (s->rule && !facts_may_be_in(&w->reader, &s->attrs)))
				continue;
			struct linking *l = s->rule ? NULL : arena_try(&t->arena, sizeof *l);
			if (!l)
				return NULL;
			outer = outer ? outer : outer_of(w, t, s->scope);
			*l = (struct linking){ .traces = t, .span = s, .outer = outer };
			read_span(w, l);
			*end = l;
			end = &l->next;
			uint32_t own = facts_said(&l->facts), own_first = facts_said(&first->facts);
			if (own != own_first ||
			        (own | facts_said(&outer->facts)) != (own_first | facts_said(&first->outer->facts)))
				return NULL;
		}
	}
	return first;
}

static void begin(struct link_work *w, const struct link_conf *c, struct traces *t)
{
	w->lineage = NULL;
	w->alone = NULL;
	w->outers = arena_try(&t->arena, t->n_scopes * sizeof *w->outers);
	if (w->outers)
		memset(w->outers, 0, t->n_scopes * sizeof *w->outers);
	if (!c->resource_inheritance || t->n_kept == 0 || !may_inherit(w, c, t))
		return;
	w->alone = read_alone(w, c, t);
	if (w->alone || span_tree_build(&w->tree, t))
		return;
	w->lineage = arena_try(&t->arena, w->tree.n * sizeof *w->lineage);
	if (!w->lineage)
		return;
	memset(w->lineage, 0, w->tree.n * sizeof *w->lineage);
	for (size_t i = 0; i < w->tree.n; i++)
		if (w->tree.parents[i] < w->tree.n)
			w->lineage[w->tree.parents[i]].wanted = true;
}

/* Filtered spans that say nothing are most of many requests: what they were handed goes on. */
static bool passes_on(const struct link_work *w, const struct span *s, const struct lineage *up)
{
	const uint32_t of_kinds = 1u << FACT_AGENT | 1u << FACT_WORKFLOW; /* see not_inherited */
	return s->rule && !(up->own && up->own->said & of_kinds) && !facts_may_be_in(&w->reader, &s->attrs);
}

/* Parents first; the one link that is cut in a cycle hands nothing down. */
static void link_tree(struct link_work *w, const struct link_conf *c, struct traces *t)
{
	const struct span_tree *tree = &w->tree;
	for (size_t i = 0; i < tree->n; i++) {
		uint32_t number = tree->order[i], parent = tree->parents[number];
		struct span *s = tree->spans[number];
		struct lineage *down = &w->lineage[number], up = { 0 };
		if (s->rule && !down->wanted)
			continue;
		if (parent < tree->n)
			up = w->lineage[parent];
		if (passes_on(w, s, &up)) {
			down->own = up.own;
			down->all = up.all;
			continue;
		}
		struct linking l = { .traces = t, .span = s, .outer = outer_of(w, t, s->scope), .up = up };
		l.shares = parent < tree->n && !tree->spans[parent]->rule && tree->spans[parent]->scope == s->scope;
		read_span(w, &l);
		link_span(w, c, &l, down->wanted ? down : NULL);
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
	for (struct linking *l = w->alone; l; l = l->next)
		link_span(w, c, l, NULL);
	for (struct span *s = w->lineage || w->alone ? NULL : traces_first_span(t); s; s = traces_next_span(t, s)) {
		struct linking l = { .traces = t, .span = s, .outer = outer_of(w, t, s->scope) };
		read_span(w, &l);
		link_span(w, c, &l, NULL);
	}
	stage_push(stage->next, b);
}

static void gather_init(struct gather *g, const struct facts_reader *r)
{
	static const enum genai_key others[] = { KEY_SERVICE_NAME, KEY_WEIR_CONVENTION, KEY_GENAI_SYSTEMINSTRUCTIONS,
		KEY_GENAI_TOOL_DEFINITIONS, KEY_GENAI_INPUT_MESSAGES, KEY_WEIR_PROMPT_FINGERPRINT, KEY_WEIR_SPAN_KIND };
	_Static_assert(COUNTOF(others) == N_ROLES - AT_SERVICE, "a key for each role");
	for (unsigned i = 0; i < N_FACTS; i++)
		g->role[r->keys[i]] = (uint8_t)(AT_FACT + i);
	for (unsigned i = 0; i < COUNTOF(others); i++)
		g->role[others[i]] = (uint8_t)(AT_SERVICE + i);
}

static int start(struct stage *stage, struct err *e UNUSED)
{
	struct link_work *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	((struct link_state *)stage->state)->work = w;
	facts_reader_init(&w->reader);
	span_tree_init(&w->tree);
	gather_init(&w->gather, &w->reader);
	return 0;
}

static void stop(struct stage *stage)
{
	struct link_work *w = ((struct link_state *)stage->state)->work;
	facts_reader_release(&w->reader);
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
