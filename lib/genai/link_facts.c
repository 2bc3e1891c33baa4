/* link_facts.c - reading facts and handing them down (see link_facts.h).
 *
 * Most places say what they say under names that have one meaning each, without conditions: then the attributes are walked
 * once. Others, and two names for one fact, take a view, which ranks them. */
#include "lib/genai/link_facts.h"

#include "lib/genai/kind.h"

static const enum concept concepts[N_FACTS] = { C_CONVERSATION, C_SESSION, C_USER, C_ENVIRONMENT, C_PROJECT,
	C_WORKFLOW_NAME, C_AGENT_NAME, C_PROMPT_NAME, C_PROMPT_VERSION, C_PROMPT_ID, C_PROMPT_VERSION_ID,
	C_PROMPT_LABEL };

/* facts_reader.plain: nothing, 1 + the one fact that the key tells, or these. */
enum { PLAIN_SERVICE = 1 + N_FACTS, NOT_PLAIN, PLAIN_MAX = 64 };

static unsigned fact_of(enum concept c)
{
	unsigned i = 0;
	while (i < N_FACTS && concepts[i] != c)
		i++;
	return i;
}

/* Names of workflow and agent are of another group: places do not tell them. */
static uint8_t plain_of(uint16_t key)
{
	size_t n;
	const struct alias *rows = aliases_of(key, &n);
	uint8_t what = 0;
	for (size_t i = 0; i < n; i++) {
		const struct alias *a = &rows[i];
		unsigned fact = fact_of((enum concept)a->concept);
		if (fact == N_FACTS || concept_info((enum concept)a->concept)->group != GROUP_LINK)
			continue;
		if (what || a->ecosystems || a->kinds || a->path || a->flags & ALIAS_AGGREGATE || a->read != READ_PLAIN)
			return NOT_PLAIN;
		what = (uint8_t)(key == KEY_SERVICE_NAME && fact == FACT_PROJECT ? PLAIN_SERVICE : 1 + fact);
	}
	return what;
}

void facts_reader_init(struct facts_reader *r)
{
	*r = (struct facts_reader){ 0 };
	view_init(&r->view);
	for (uint16_t key = 1; key < N_KEYS; key++) {
		size_t n;
		const struct alias *rows = aliases_of(key, &n);
		for (size_t i = 0; i < n; i++)
			r->tells[key] |= fact_of((enum concept)rows[i].concept) < N_FACTS;
		r->plain[key] = plain_of(key);
	}
	for (unsigned i = 0; i < N_FACTS; i++) {
		r->keys[i] = concept_info(concepts[i])->key;
		r->tells[r->keys[i]] = true;
	}
}

void facts_reader_release(struct facts_reader *r)
{
	view_release(&r->view);
}

slice fact_text(const struct attr *a, struct arena *arena)
{
	slice s;
	return a && coerce_text(&a->value, READ_PLAIN, arena, &s) && !is_redacted(s) ? s : (slice){ 0 };
}

bool facts_may_be_in(const struct facts_reader *r, const struct attrs *as)
{
	for (const struct attr *a = as->first; a; a = a->next)
		if (r->tells[a->key_id] && !a->deleted)
			return true;
	return false;
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

static void settle(struct facts *f, slice service, const struct attrs *as)
{
	f->is_service = !f->text[FACT_PROJECT].len;
	if (f->is_service)
		fact_say(f, FACT_PROJECT, service);
	f->prompt = f->text[FACT_NAME].len || f->text[FACT_ID].len ? as : NULL;
}

static void read_view(struct view *v, size_t max, struct facts *f)
{
	for (unsigned i = 0; i < N_FACTS; i++)
		fact_say(f, (enum link_fact)i, told(v, concepts[i], KEY_SERVICE_NAME, max));
	settle(f, f->text[FACT_PROJECT].len ? (slice){ 0 } : told(v, C_PROJECT, KEY_NONE, max), v->attrs);
}

/* False: it takes a view. What was found so far is then of no use. */
static bool read_plainly(
        const struct facts_reader *r, struct traces *t, const struct attrs *as, size_t max, struct facts *f)
{
	uint16_t by[NOT_PLAIN] = { 0 }; /* the key that tells it */
	slice service = { 0 };
	if (as->n > PLAIN_MAX)
		return false;
	for (const struct attr *a = as->first; a; a = a->next) {
		unsigned what = r->plain[a->key_id];
		if (!what || a->deleted)
			continue;
		if (what == NOT_PLAIN || (by[what] && by[what] != a->key_id))
			return false;
		by[what] = a->key_id;
		slice *known = what == PLAIN_SERVICE ? &service : &f->text[what - 1];
		slice text = known->len ? (slice){ 0 } : fact_text(a, &t->arena);
		if (text.len > max || !text.len)
			continue;
		if (what == PLAIN_SERVICE)
			service = text;
		else
			fact_say(f, (enum link_fact)(what - 1), text);
	}
	settle(f, service, as);
	return true;
}

void facts_of_place(
        struct facts_reader *r, struct traces *t, struct attrs *as, struct emitter emitter, size_t max, struct facts *f)
{
	*f = (struct facts){ .is_service = true };
	if (!as->n || read_plainly(r, t, as, max, f))
		return;
	*f = (struct facts){ .is_service = true };
	view_load(&r->view, t, as, emitter, GROUP_LINK, OTEL_FIRST);
	read_view(&r->view, max, f);
}

void facts_of_span(struct facts_reader *r, struct traces *t, struct span *s, struct emitter emitter, unsigned groups,
        struct facts *f)
{
	*f = (struct facts){ .is_service = true };
	view_load(&r->view, t, &s->attrs, emitter, groups, OTEL_FIRST);
	if (groups & GROUP_STRUCTURE)
		r->view.kind = kind_of_span(s);
	read_view(&r->view, SIZE_MAX, f);
}

void facts_inherit(struct facts *f, const struct facts *outer, enum link_fact except)
{
	const uint32_t session = 1u << FACT_CONVERSATION | 1u << FACT_SESSION,
	               prompt = (1u << N_FACTS) - (1u << FACT_NAME);
	if (f->is_service && !outer->is_service)
		fact_say(f, FACT_PROJECT, (slice){ 0 });
	uint32_t take = outer->said & ~f->said & ~(1u << except);
	if (f->said & session)
		take &= ~session;
	if (f->prompt)
		take &= ~prompt;
	f->said |= take;
	for (unsigned i = 0; take; i++, take >>= 1)
		if (take & 1)
			f->text[i] = outer->text[i];
	f->is_service = f->is_service && outer->is_service;
	f->prompt = f->prompt ? f->prompt : outer->prompt;
}
