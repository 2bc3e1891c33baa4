/* explain_cost.c - the arithmetic behind the cost of a span, told from what gen_ai_cost wrote and what it saw.
 *
 * The processor's own answer is on the span (weir.cost.*). Here its sources are read again and the same question is asked of
 * them; the arithmetic is shown only when it leads to the amount on the span, so what is printed is never another sum.
 */
#include "cmd/weir/explain.h"

#include "cmd/weir/price_text.h"
#include "lib/genai/call.h"
#include "lib/genai/cost_facts.h"
#include "lib/otlp/value_text.h"

struct explain_prices {
	struct price_table *table;
	struct price_override *overrides;
	const struct conf_strs *gateways, *local_providers;
	struct view *view;
};

static const struct conf_field *field_of(const struct conf_field *rows, const char *key)
{
	while (rows && rows->key && strcmp(rows->key, key) != 0)
		rows++;
	return rows && rows->key ? rows : NULL;
}

const void *explain_option(const struct plan_component *c, const char *key)
{
	const struct conf_field *f = field_of(c->type->fields, key);
	return f ? (const char *)c->conf + f->offset : NULL;
}

static void read_override(const struct conf_field *rows, const char *element, struct price_override *o)
{
	const struct {
		const char *key;
		slice *text;
		double *amount;
	} members[] = { { "provider", &o->provider, NULL }, { "model", &o->model, NULL },
		{ "input_per_mtok", NULL, &o->input_per_mtok }, { "output_per_mtok", NULL, &o->output_per_mtok },
		{ "cache_read_per_mtok", NULL, &o->cache_read_per_mtok },
		{ "cache_write_per_mtok", NULL, &o->cache_write_per_mtok }, { "multiplier", NULL, &o->multiplier } };
	for (size_t i = 0; i < COUNTOF(members); i++) {
		const struct conf_field *f = field_of(rows, members[i].key);
		if (f && members[i].text)
			memcpy(members[i].text, element + f->offset, sizeof(slice));
		else if (f)
			memcpy(members[i].amount, element + f->offset, sizeof(double));
	}
}

static struct price_override *read_overrides(const struct plan_component *cost, size_t *n)
{
	const struct conf_field *f = field_of(cost->type->fields, "overrides");
	const struct conf_list *list = explain_option(cost, "overrides");
	*n = list ? list->n : 0;
	struct price_override *out = calloc(*n + 1, sizeof *out);
	if (!out)
		abort();
	for (size_t i = 0; i < *n; i++)
		read_override(f->rows, (const char *)list->v + i * f->size, &out[i]);
	return out;
}

struct explain_prices *explain_prices_new(const struct plan_component *cost, struct err *e)
{
	const struct conf_strs *files = explain_option(cost, "price_files");
	struct explain_prices *p = calloc(1, sizeof *p);
	struct price_sources sources = { 0 };
	if (!p || !(p->view = malloc(sizeof *p->view)))
		abort();
	view_init(p->view);
	p->gateways = explain_option(cost, "gateways");
	p->local_providers = explain_option(cost, "local_providers");
	p->overrides = read_overrides(cost, &sources.n_overrides);
	sources.overrides = p->overrides;
	if (files) {
		sources.files = files->v;
		sources.n_files = files->n;
	}
	p->table = prices_new(&sources, 1, NULL, e);
	if (p->table)
		return p;
	explain_prices_free(p);
	return NULL;
}

void explain_prices_free(struct explain_prices *p)
{
	if (!p)
		return;
	view_release(p->view);
	free(p->view);
	prices_free(p->table);
	free(p->overrides);
	free(p);
}

static bool is_one_of(const struct conf_strs *names, slice name)
{
	for (size_t i = 0; names && name.len && i < names->n; i++)
		if (slice_ieq(names->v[i], name))
			return true;
	return false;
}

static slice text_of(const struct span *s, slice key)
{
	const struct attr *a = attrs_find(&s->attrs, key);
	return a && a->value.type == V_STRING ? a->value.s : (slice){ 0 };
}

/* Usage and names as gen_ai_cost reads them off the span that it saw. */
static void read_span(
        const struct explain_prices *p, struct traces *t, const struct span *s, struct usage *u, struct price_query *q)
{
	static const enum concept concepts[] = { C_INPUT_TOKENS, C_OUTPUT_TOKENS, C_TOTAL_TOKENS, C_CACHE_READ,
		C_CACHE_WRITE, C_REASONING_TOKENS, C_AUDIO_INPUT, C_AUDIO_OUTPUT };
	int64_t *const members[] = { &u->input, &u->output, &u->total, &u->cache_read, &u->cache_write, &u->reasoning,
		&u->audio_input, &u->audio_output };
	struct emitter emitter = emitter_of_scope(s->scope);
	const struct attr *mark = attrs_find_id(&s->attrs, KEY_WEIR_USAGE_ADJUSTED);
	bool adjusted;
	struct attrs *attrs = (struct attrs *)(uintptr_t)&s->attrs; /* a view can edit, here it only reads */
	usage_clear(u);
	*q = (struct price_query){ 0 };
	view_load(p->view, t, attrs, emitter, GROUP_CALL | GROUP_USAGE | GROUP_COST, OTEL_FIRST);
	p->view->kind = kind_of_span(s);
	for (size_t i = 0; i < COUNTOF(concepts); i++)
		view_tokens(p->view, concepts[i], members[i], NULL);
	usage_settle(
	        u, emitter_of_span(emitter, s).flags, mark && mark->value.type == V_BOOL && mark->value.b, &adjusted);
	view_text(p->view, C_PROVIDER, &q->provider, NULL);
	view_text(p->view, C_RESPONSE_MODEL, &q->response_model, NULL);
	view_text(p->view, C_REQUEST_MODEL, &q->request_model, NULL);
	q->member = text_of(s, SLICE("weir.provider.raw"));
}

/* The sum, when it is the one that the span has. */
static void add_sum(
        struct strbuf *out, const struct price_match *m, const struct usage *u, const struct span *after, slice label)
{
	const struct attr *total = attrs_find(&after->attrs, SLICE("llm.cost.total"));
	char ours[PRICE_LABEL_MAX], how[PRICE_HOW_MAX];
	struct price_usage pu;
	struct price_cost c;
	cost_usage(u, &pu);
	prices_cost(m, &pu, (int64_t)after->start_ns, &c);
	prices_label(m, ours);
	prices_how(m, how);
	if (!slice_is(label, ours) || (total && (total->value.type != V_DOUBLE || total->value.d != c.total)))
		return;
	strbuf_addf(out, "    %s (%s)\n", ours, how);
	price_text(out, "      ", m, &c);
}

static void add_absent(struct strbuf *out, const struct price_query *q, slice status)
{
	strbuf_adds(out, "    no cost: ");
	call_print_text(out, status, 40);
	if (slice_is(status, "no_usage")) {
		strbuf_adds(out, ", the span has no token counts\n");
		return;
	}
	strbuf_adds(out, ", provider \"");
	call_print_text(out, q->provider, 80);
	strbuf_adds(out, "\", model \"");
	call_print_text(out, q->response_model.len ? q->response_model : q->request_model, 80);
	strbuf_adds(out, "\"\n");
}

void explain_cost(struct strbuf *out, const struct explain_prices *p, struct traces *t, const struct span *before,
        const struct span *after)
{
	slice status = text_of(after, SLICE("weir.cost.status")), label = text_of(after, SLICE("weir.cost.price"));
	struct price_match m;
	struct price_query q;
	struct usage u;
	if (!status.len)
		return;
	read_span(p, t, before, &u, &q);
	if (slice_is(status, "reported")) {
		strbuf_adds(out, "    the span reports its cost, which is kept\n");
		return;
	}
	if (is_one_of(p->local_providers, q.provider)) {
		strbuf_adds(out, "    free: ");
		call_print_text(out, q.provider, 80);
		strbuf_adds(out, " is one of local_providers\n");
		return;
	}
	if (!slice_is(status, "ok") && !slice_is(status, "free")) {
		add_absent(out, &q, status);
		return;
	}
	if (is_one_of(p->gateways, q.provider)) {
		strbuf_adds(out, "    ");
		call_print_text(out, q.provider, 80);
		strbuf_adds(out, " is one of gateways: the model tells the provider\n");
		q.provider = q.member = (slice){ 0 };
	}
	if (prices_resolve(p->table, NULL, &q, &m) == PRICE_OK)
		add_sum(out, &m, &u, after, label);
}
