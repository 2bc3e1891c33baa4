/* normalize.c - the order of work on a span and on a request; see normalize.h.
 *
 * One pass over the kept spans, one view each, loaded after the user's mappings. What the parts write goes straight into the
 * index; they read through the view, which keeps the attributes as they came. Nothing is allocated per span but what is
 * written.
 */
#include "lib/genai/normalize.h"

#include "lib/genai/normalize_internal.h"
#include "lib/otlp/value_text.h"

enum { CALLS_MAX = 1 << 16, CALLS_KEPT = 4096, TEXT_MAX = 64 << 20, TEXT_KEPT = 1 << 20 };

void normalizer_init(struct normalizer *n)
{
	size_t rows;
	memset(n, 0, sizeof(*n));
	view_init(&n->view);
	fold_init(&n->fold);
	strbuf_init(&n->text, TEXT_MAX);
	span_tree_init(&n->tree);
	for (uint16_t key = 1; key < N_KEYS; key++) {
		const struct alias *a = aliases_of(key, &rows);
		for (size_t i = 0; i < rows; i++)
			n->stays[key] |= a[i].flags & ALIAS_KEEP ? 1 : 0;
	}
	for (unsigned c = 0; c < N_CONCEPTS; c++)
		if (concept_info(c)->key != KEY_NONE)
			n->stays[concept_info(c)->key] = 2;
	normalize_scalars_init(n);
	n->stays[KEY_GENAI_USAGE_CACHECREATION_INPUTTOKENS] = 1; /* older backends read it */
}

void normalizer_release(struct normalizer *n)
{
	view_release(&n->view);
	fold_release(&n->fold);
	strbuf_release(&n->text);
	VEC_RELEASE(&n->calls);
	VEC_RELEASE(&n->slots);
	span_tree_release(&n->tree);
}

static bool convert(struct norm *x, const struct value *from, enum mapping_type type, struct value *to)
{
	struct arena *a = &x->t->arena;
	switch (type) {
	case MAPPING_AS_IS:
		*to = *from;
		return true;
	case MAPPING_STRING:
		to->type = V_STRING;
		return coerce_text(from, READ_PLAIN, a, &to->s);
	case MAPPING_INT:
		to->type = V_INT;
		return coerce_int(from, &to->i);
	case MAPPING_DOUBLE:
		to->type = V_DOUBLE;
		return coerce_double(from, &to->d);
	case MAPPING_BOOL:
		to->type = V_BOOL;
		return coerce_bool(from, &to->b);
	case MAPPING_JSON:
		break;
	}
	*to = *from;
	if (from->type == V_STRING)
		return true;
	strbuf_clear(&x->n->text);
	value_text(&x->n->text, from);
	to->type = V_STRING;
	to->s = arena_dup(a, strbuf_slice(&x->n->text));
	return !x->n->text.failed;
}

void normalize_mappings(struct norm *x)
{
	for (size_t i = 0; i < x->o->n_mappings; i++) {
		const struct mapping *m = &x->o->mappings[i];
		struct attr *from = attrs_find(x->attrs, m->from);
		struct value v = { 0 };
		if (!from || !convert(x, &from->value, m->type, &v))
			continue;
		if (slice_eq(m->from, m->to) || x->o->originals == ORIGINALS_KEEP) {
			struct attr *there = attrs_find(x->attrs, m->to);
			if (!there || !norm_same_value(&there->value, &v))
				attr_set_borrowed(x->t, x->attrs, m->to, &v);
			continue;
		}
		if (norm_same_value(&from->value, &v)) {
			attr_rename(x->t, x->attrs, from, m->to);
			continue;
		}
		attr_delete(x->t, x->attrs, from);
		attr_set_borrowed(x->t, x->attrs, m->to, &v);
	}
}

/* An ecosystem that an earlier run found out. */
static enum ecosystem ecosystem_named(slice name)
{
	for (unsigned e = 0; e < N_ECOSYSTEMS; e++)
		if (slice_is(name, ecosystem_name(e)))
			return e;
	return ECO_NONE;
}

static void mark_convention(struct norm *x, enum ecosystem *e)
{
	struct attr *told = attrs_find_id(x->attrs, KEY_WEIR_CONVENTION);
	x->settled = told && told->value.type == V_STRING && told->value.s.len;
	if (x->settled) {
		*e = ecosystem_named(told->value.s);
		return;
	}
	struct value v = { .type = V_STRING, .s = slice_of(ecosystem_name(*e)) };
	attr_set_known(x->t, x->attrs, KEY_WEIR_CONVENTION, &v);
}

static void put_content(struct norm *x, enum concept c, const struct folded_text *text)
{
	if (!text->text.len)
		return;
	/* what was said is most of a record */
	x->n_facts = (uint16_t)(x->n_facts + (c == C_INPUT_MESSAGES || c == C_OUTPUT_MESSAGES ? 4 : 1));
	if (text->as_is)
		return;
	struct value v = { .type = V_STRING, .s = text->text };
	norm_put_alone(x, c, &v);
	if (x->o->originals != ORIGINALS_DROP_ALL)
		return;
	norm_drop_sources(x, c);
	for (size_t i = 0; i < x->v->flat.n; i++) {
		const struct flat_attr *f = &x->v->flat.v[i];
		if (f->alias->concept == c && norm_may_drop(x, f->attr, f->alias))
			norm_drop(x, f->attr);
	}
}

static bool has_content(const struct norm *x)
{
	const struct view *v = x->v;
	return v->flat.n || v->head[C_INPUT_MESSAGES] || v->head[C_OUTPUT_MESSAGES] || v->head[C_SYSTEM] ||
	        v->head[C_TOOL_DEFINITIONS] || x->span->first_event;
}

void normalize_content(struct norm *x, struct folded *f)
{
	memset(f, 0, sizeof(*f));
	if (!has_content(x))
		return;
	x->n->fold.fresh = !x->settled;
	fold_span(&x->n->fold, x->v, x->o->fold_events, f);
	put_content(x, C_INPUT_MESSAGES, &f->input);
	put_content(x, C_OUTPUT_MESSAGES, &f->output);
	put_content(x, C_SYSTEM, &f->system);
	put_content(x, C_TOOL_DEFINITIONS, &f->tools);
	if (f->truncated)
		norm_put_mark(x, KEY_WEIR_TRUNCATED, &(struct value){ .type = V_BOOL, .b = true });
	for (size_t i = 0; i < f->n_carried; i++)
		if (norm_may_drop(x, f->carried[i], NULL))
			norm_drop(x, f->carried[i]);
}

static void drop_events(struct norm *x, struct folded *f)
{
	if (x->o->originals == ORIGINALS_KEEP || x->v->n_ignored || !has_content(x))
		return;
	fold_events(&x->n->fold, x->v, f);
	for (size_t i = 0; i < f->n_carried_events; i++)
		event_delete(x->t, f->carried_events[i]);
}

/* Logfire writes what a streamed call was into a log span behind it. */
static uint64_t call_start(const struct norm *x)
{
	int64_t ms; /* as the canonical attribute has it: whole */
	const struct span *s = x->span;
	if (x->v->emitter.ecosystem != ECO_LOGFIRE || s->end_ns - s->start_ns > 1000000 ||
	        !view_int(x->v, C_LATENCY_MS, &ms, NULL) || ms <= 0 || ms >= INT64_C(1000000000000))
		return s->start_ns;
	uint64_t ns = (uint64_t)ms * 1000000;
	return ns < s->end_ns ? s->end_ns - ns : 0;
}

static void remember_call(struct norm *x, const struct usage *u, bool countable)
{
	if (x->n->calls.n >= CALLS_MAX)
		return;
	struct model_call *c = VEC_ADD(&x->n->calls);
	*c = (struct model_call){ .span = x->span,
		.start_ns = call_start(x),
		.response_id = x->response_id,
		.models = { x->request_model, x->response_model },
		.input = u->input,
		.output = u->output,
		.n_facts = x->n_facts,
		.countable = countable };
}

static enum ecosystem normalize_span(struct norm *x, struct emitter emitter)
{
	struct usage u;
	struct folded content;
	usage_clear(&u);
	if (x->o->n_mappings)
		normalize_mappings(x);
	emitter = emitter_of_span(emitter, x->span);
	mark_convention(x, &emitter.ecosystem);
	/* what an earlier run decided stands: canonical names have the best rank */
	view_load(x->v, x->t, x->attrs, emitter, ~0u, x->settled ? OTEL_FIRST : x->o->precedence);
	if (x->settled && x->v->n_ignored) /* with what that run wrote there is more than can be read */
		return emitter.ecosystem;
	normalize_kind(x);
	normalize_kind_put(x);
	if (is_model_call(x->kind))
		normalize_usage(x, &u);
	bool countable = normalize_countable(x);
	normalize_models(x);
	normalize_provider(x);
	normalize_content(x, &content);
	normalize_finish(x, &content);
	normalize_error(x);
	normalize_outputs(x);
	normalize_scalars(x);
	normalize_links(x);
	normalize_tags(x);
	normalize_families(x);
	drop_events(x, &content);
	if (is_model_call(x->kind))
		remember_call(x, &u, countable);
	return emitter.ecosystem;
}

void normalize_traces(
        struct normalizer *n, const struct normalize_options *o, struct traces *t, uint32_t seen[N_ECOSYSTEMS])
{
	struct scope *scope = NULL;
	struct emitter emitter = { 0 };
	n->calls.n = 0;
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s)) {
		if (s->scope != scope)
			emitter = emitter_of_scope(scope = s->scope);
		struct norm x = { .n = n, .o = o, .t = t, .span = s, .attrs = &s->attrs, .v = &n->view };
		enum ecosystem e = normalize_span(&x, emitter);
		if (seen)
			seen[e]++;
	}
	normalize_duplicates(n, t);
	if (n->calls.cap > CALLS_KEPT)
		VEC_RELEASE(&n->calls);
	if (n->slots.cap > 4 * CALLS_KEPT)
		VEC_RELEASE(&n->slots);
	if (n->text.cap > TEXT_KEPT)
		strbuf_release(&n->text);
}
