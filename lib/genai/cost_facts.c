/* cost_facts.c - reading and writing the facts that a cost is made of (see cost_facts.h). */
#include "lib/genai/cost_facts.h"

#include <math.h>

#include "lib/otlp/edit.h"

static const struct {
	enum cost_role role;
	enum genai_key key;
} roles[] = {
	{ AT_INPUT, KEY_GENAI_USAGE_INPUTTOKENS },
	{ AT_OUTPUT, KEY_GENAI_USAGE_OUTPUTTOKENS },
	{ AT_TOTAL, KEY_GENAI_USAGE_TOTALTOKENS },
	{ AT_CACHE_READ, KEY_GENAI_USAGE_CACHEREAD_INPUTTOKENS },
	{ AT_CACHE_WRITE, KEY_GENAI_USAGE_CACHEWRITE_INPUTTOKENS },
	{ AT_REASONING, KEY_GENAI_USAGE_REASONING_OUTPUTTOKENS },
	{ AT_AUDIO_INPUT, KEY_GENAI_USAGE_AUDIO_INPUTTOKENS },
	{ AT_AUDIO_OUTPUT, KEY_GENAI_USAGE_AUDIO_OUTPUTTOKENS },
	{ AT_PROVIDER, KEY_GENAI_PROVIDER_NAME },
	{ AT_MEMBER, KEY_WEIR_PROVIDER_RAW },
	{ AT_RESPONSE_MODEL, KEY_GENAI_RESPONSE_MODEL },
	{ AT_REQUEST_MODEL, KEY_GENAI_REQUEST_MODEL },
	{ AT_KIND, KEY_WEIR_SPAN_KIND },
	{ AT_OPERATION, KEY_GENAI_OPERATION_NAME },
	{ AT_COUNTABLE, KEY_WEIR_USAGE_COUNTABLE },
	{ AT_CONVENTION, KEY_WEIR_CONVENTION },
	{ AT_ADJUSTED, KEY_WEIR_USAGE_ADJUSTED },
	{ AT_STATUS, KEY_WEIR_COST_STATUS },
	{ AT_PRICE, KEY_WEIR_COST_PRICE },
	{ AT_BASIS, KEY_WEIR_COST_BASIS },
	{ AT_COST_PROMPT, KEY_LLM_COST_PROMPT },
	{ AT_COST_COMPLETION, KEY_LLM_COST_COMPLETION },
	{ AT_COST_TOTAL, KEY_LLM_COST_TOTAL },
	{ AT_USAGE_COST, KEY_GENAI_USAGE_COST },
	{ AT_OPERATION_COST, KEY_OPERATION_COST },
};
_Static_assert(COUNTOF(roles) == AT_OTHER_COST - 1, "a row for each role that is one attribute, in order");

/* Beyond it a number is a mistake, or meant to spoil a counter. */
static const double usd_max = 1e6;

void cost_reader_init(struct cost_reader *r)
{
	size_t n;
	*r = (struct cost_reader){ 0 };
	view_init(&r->view);
	for (uint16_t key = 1; key < N_KEYS; key++) {
		const struct alias *rows = aliases_of(key, &n);
		for (size_t i = 0; i < n; i++)
			if (concept_info(rows[i].concept)->group == GROUP_COST)
				r->gather.role[key] = AT_OTHER_COST;
	}
	for (size_t i = 0; i < COUNTOF(roles); i++)
		r->gather.role[roles[i].key] = (uint8_t)roles[i].role;
}

void cost_reader_release(struct cost_reader *r)
{
	view_release(&r->view);
}

/* Why a normaliser before this stage adjusted the usage: it leaves the fact and not the reason. */
static enum usage_basis basis_settled(const struct cost_facts *f)
{
	bool cached = f->usage.cache_read > 0 || f->usage.cache_write > 0;
	if (!cached || (f->usage.reasoning > 0 && f->emitter.flags & EMIT_REASONING_APART))
		return BASIS_INCLUSIVE;
	return f->emitter.flags & EMIT_EXCLUSIVE ? BASIS_EXCLUSIVE_RULE : BASIS_EXCLUSIVE_INFERRED;
}

static void read_usage(struct cost_reader *r, struct cost_facts *f)
{
	static const enum concept concepts[] = { C_INPUT_TOKENS, C_OUTPUT_TOKENS, C_TOTAL_TOKENS, C_CACHE_READ,
		C_CACHE_WRITE, C_REASONING_TOKENS, C_AUDIO_INPUT, C_AUDIO_OUTPUT };
	struct usage *u = &f->usage;
	int64_t *const members[] = { &u->input, &u->output, &u->total, &u->cache_read, &u->cache_write, &u->reasoning,
		&u->audio_input, &u->audio_output };
	usage_clear(u);
	for (size_t i = 0; i < COUNTOF(concepts); i++) {
		const struct attr *a = f->has[AT_INPUT + i];
		if (!f->settled)
			view_tokens(&r->view, concepts[i], members[i], NULL);
		else if (a)
			coerce_tokens(&a->value, members[i]);
	}
	unsigned flags = f->settled ? f->emitter.flags : usage_flags(&r->view, u);
	f->basis = usage_settle(u, flags, f->settled, &f->adjusted);
	const struct attr *mark = f->has[AT_ADJUSTED];
	if (mark && mark->value.type == V_BOOL && mark->value.b) {
		f->adjusted = true;
		f->basis = basis_settled(f);
	}
}

static slice read_text(struct cost_reader *r, struct cost_facts *f, enum concept which, enum cost_role role)
{
	slice text = { 0 };
	if (!f->settled)
		view_text(&r->view, which, &text, NULL);
	else if (f->has[role])
		coerce_text(&f->has[role]->value, READ_PLAIN, &f->traces->arena, &text);
	return text;
}

/* The only convention that names a currency. */
static bool is_foreign(struct view *v, const struct candidate *c)
{
	const struct attr *a = c->alias->key == KEY_GENAI_USAGE_COST_AMOUNT
	        ? attrs_find(v->attrs, SLICE("gen_ai.usage.cost.currency"))
	        : NULL;
	return a && (a->value.type != V_STRING || !slice_ieq(slice_trim(a->value.s), SLICE("USD")));
}

static double read_amount(struct cost_reader *r, enum concept which)
{
	double d;
	for (struct candidate *c = view_first(&r->view, which); c; c = view_next(&r->view, c))
		if (!is_foreign(&r->view, c) && candidate_double(&r->view, c, &d))
			return d >= 0 && d <= usd_max ? d : (double)NAN;
	return (double)NAN;
}

static void read_reported(struct cost_reader *r, struct amounts *a)
{
	*a = (struct amounts){ read_amount(r, C_COST_TOTAL), read_amount(r, C_COST_INPUT),
		read_amount(r, C_COST_OUTPUT) };
	if (isnan(a->total) && !(isnan(a->prompt) && isnan(a->completion)))
		a->total = (isnan(a->prompt) ? 0 : a->prompt) + (isnan(a->completion) ? 0 : a->completion);
}

static bool is_call(const struct span *s, struct cost_facts *f, uint32_t found)
{
	const struct call_attrs has = { f->has[AT_KIND], f->has[AT_OPERATION], f->has[AT_COUNTABLE] };
	return found & GATHER_REPEATED ? is_counted_call(s, &f->kind) : is_counted_call_by(s, &has, &f->kind);
}

static slice string_of(const struct attr *a)
{
	return a && a->value.type == V_STRING ? a->value.s : (slice){ 0 };
}

bool cost_read(struct cost_reader *r, struct traces *t, struct span *s, struct emitter of_scope, struct cost_facts *f)
{
	*f = (struct cost_facts){ .traces = t, .span = s, .reported = { (double)NAN, (double)NAN, (double)NAN } };
	uint32_t found = gather_attrs(&r->gather, &s->attrs, f->has);
	if (!is_call(s, f, found))
		return false;
	f->emitter = emitter_of_span(of_scope, s);
	f->settled = f->has[AT_CONVENTION] || f->has[AT_ADJUSTED];
	bool cost = found >> AT_COST_PROMPT;
	if (!f->settled || cost) {
		unsigned groups = GROUP_COST | (f->settled ? 0 : GROUP_CALL | GROUP_USAGE);
		view_load(&r->view, t, &s->attrs, f->emitter, groups, OTEL_FIRST);
		r->view.kind = f->kind;
	}
	read_usage(r, f);
	f->provider = read_text(r, f, C_PROVIDER, AT_PROVIDER);
	f->response_model = read_text(r, f, C_RESPONSE_MODEL, AT_RESPONSE_MODEL);
	f->request_model = read_text(r, f, C_REQUEST_MODEL, AT_REQUEST_MODEL);
	f->member = string_of(f->has[AT_MEMBER]);
	f->status = string_of(f->has[AT_STATUS]);
	if (cost)
		read_reported(r, &f->reported);
	return true;
}

static bool same(const struct value *a, const struct value *b)
{
	return a->type == b->type && (a->type == V_DOUBLE ? a->d == b->d : slice_eq(a->s, b->s));
}

static void write_value(struct cost_facts *f, enum cost_role role, const struct value *v)
{
	struct attr *a = f->has[role];
	if (!a || a->deleted)
		attr_set_known(f->traces, &f->span->attrs, (uint16_t)roles[role - 1].key, v);
	else if (!same(&a->value, v))
		attr_replace(f->traces, &f->span->attrs, a, v);
}

void cost_usage(const struct usage *u, struct price_usage *out)
{
	price_usage_clear(out);
	out->input = u->input;
	out->output = u->output;
	out->cache_read = u->cache_read;
	out->cache_write = u->cache_write;
	out->reasoning = u->reasoning;
	out->audio_in = u->audio_input;
	out->audio_out = u->audio_output;
}

void cost_write_number(struct cost_facts *f, enum cost_role role, double d)
{
	if (!isnan(d))
		write_value(f, role, &(struct value){ .type = V_DOUBLE, .d = d });
}

void cost_write_text(struct cost_facts *f, enum cost_role role, slice text)
{
	write_value(f, role, &(struct value){ .type = V_STRING, .s = text });
}

void cost_supersede(struct cost_reader *r, struct cost_facts *f, const struct amounts *now)
{
	static const enum concept concepts[] = { C_COST_TOTAL, C_COST_INPUT, C_COST_OUTPUT };
	const double amounts[] = { now->total, now->prompt, now->completion };
	struct attrs *as = &f->span->attrs;
	for (size_t i = 0; i < COUNTOF(concepts); i++)
		for (struct candidate *c = view_first(&r->view, concepts[i]); c; c = view_next(&r->view, c)) {
			struct value v = { .type = V_DOUBLE, .d = amounts[i] };
			if (c->alias->path || isnan(amounts[i]))
				attr_delete(f->traces, as, c->attr);
			else if (!same(&c->attr->value, &v))
				attr_replace(f->traces, as, c->attr, &v);
		}
}
