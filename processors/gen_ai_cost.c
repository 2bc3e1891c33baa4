/* gen_ai_cost.c - what each model call costs, from a table of prices; reported costs are kept.
 *
 * Prices countable model calls only: agents, workflows and duplicates repeat the usage of others. Writes llm.cost.prompt,
 * llm.cost.completion, llm.cost.total (USD) and how they came about (weir.cost.*). What is unknown gets a status and no amount, never 0.
 * The price table is the source's (lib/genai/price_source.h), shared by the workers of one id; cache and working memory are the stage's.
 */
#include <math.h>

#include "lib/base/glob.h"
#include "lib/genai/kind.h"
#include "lib/genai/price_source.h"
#include "lib/genai/usage.h"
#include "lib/genai/view.h"
#include "lib/otlp/edit.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"
#include "lib/pipe/meter.h"

enum { KEEP, REPLACE };
static const char *const existing[] = { "keep", "replace", NULL };
enum { WRITE_LLM = 1, WRITE_USAGE = 2, WRITE_OPERATION = 4 };

struct override_conf {
	slice provider, model;
	double input_per_mtok, output_per_mtok, cache_read_per_mtok, cache_write_per_mtok, multiplier;
};
struct cost_conf {
	struct conf_strs price_files;
	struct conf_list overrides; /* override_conf */
	int on_existing;
	struct conf_strs treat_zero_as_missing, local_providers, gateways, write;
};

#define AMOUNT(m, h) \
	CONF_F64(override_conf, m, "-1", h " in USD per million tokens; -1: not given.", .min = -1, .max = 1e6)
static const struct conf_field override_fields[] = {
	CONF_STR(override_conf, provider, "", "Provider, in any spelling; without it every provider is meant."),
	CONF_STR(override_conf, model, "", "Model or pattern (*, ?); without it every model of the provider is meant."),
	AMOUNT(input_per_mtok, "Input"),
	AMOUNT(output_per_mtok, "Output"),
	AMOUNT(cache_read_per_mtok, "Input read from a cache"),
	AMOUNT(cache_write_per_mtok, "Input written to a cache"),
	CONF_F64(override_conf, multiplier, "1", "Factor on the whole amount: a discount or a margin.", .min = 0,
	        .max = 1000),
	CONF_END,
};
static const struct conf_field fields[] = {
	CONF_STRS(cost_conf, price_files, "",
	        "Price files (weir's TSV, LiteLLM's or genai-prices' JSON); later ones win, all win over the built-in "
	        "table."),
	CONF_LIST(cost_conf, overrides, override_conf, override_fields,
	        "Prices that win over every table; later ones win."),
	CONF_ENUM(cost_conf, on_existing, "keep", existing,
	        "A cost that the span brings: keep it, or replace it by ours."),
	CONF_STRS(cost_conf, treat_zero_as_missing, "openlit*,pydantic-ai*,pydantic_ai*",
	        "Scopes (globs) that report 0 when they know no price: such a cost is computed."),
	CONF_STRS(cost_conf, local_providers, "ollama,vllm,llama.cpp,lmstudio", "Providers whose calls are free."),
	CONF_STRS(cost_conf, gateways, "litellm,litellm_proxy,portkey,helicone,bifrost,kong,truefoundry,vercel,gateway",
	        "Provider names that mean a gateway: the provider is told by the model."),
	CONF_STRS(cost_conf, write, "llm.cost", "Attributes to write: llm.cost, gen_ai.usage.cost, operation.cost."),
	CONF_END,
};

struct cost_shared {
	struct price_source *source;
	struct price_override *overrides;
	unsigned write; /* WRITE_.. */
};

static const char *const statuses[] = { "ok", "free", "reported", "unknown_provider", "unknown_model", "no_usage",
	"unpriced_unit", "inconsistent_usage" };
static const char *const token_types[] = { "input", "output", "cache_read", "cache_write" };
enum { REPORTED = 2, N_STATUSES = COUNTOF(statuses), N_TYPES = COUNTOF(token_types), N_SLOTS = 256 };

/* Cells of a table entry met lately. */
struct slot {
	const char *model; /* address of the id in the table; NULL: empty */
	struct meter_cell *usd, *tokens[N_TYPES];
};

struct cost_state {
	struct view view;
	struct price_ref *prices;
	struct price_cache *cache;
	struct meter *usd, *tokens;
	struct meter_cell *by_status[N_STATUSES], *age;
	struct slot slots[N_SLOTS];
	const struct scope *scope; /* the one that emitter and zero_is_missing are of */
	struct emitter emitter;
	bool zero_is_missing;
};
struct cost_stage {
	struct cost_state *own;
};

/* One span being priced. */
struct pricing {
	struct traces *traces;
	struct span *span;
	struct usage usage;
	enum usage_basis basis;
	bool adjusted;
	enum price_status found; /* of the match */
	struct price_match match;
	struct price_cost cost;
	double total, prompt, completion; /* NAN: not known */
	unsigned status; /* index in statuses */
};

static unsigned parse_write(const struct conf_strs *w, struct conf_report *r)
{
	unsigned mask = 0;
	for (size_t i = 0; i < w->n; i++) {
		unsigned bit = slice_is(w->v[i], "llm.cost")     ? WRITE_LLM
		        : slice_is(w->v[i], "gen_ai.usage.cost") ? WRITE_USAGE
		        : slice_is(w->v[i], "operation.cost")    ? WRITE_OPERATION
		                                                 : 0;
		if (!bit && r)
			conf_fail(r, w,
			        "'write' must be a list of llm.cost, gen_ai.usage.cost, operation.cost, got \"%.*s\"",
			        SLICE_ARG(w->v[i]));
		mask |= bit;
	}
	return mask;
}

static bool is_given(double amount)
{
	return amount >= 0;
}

static void check_override(const struct override_conf *o, struct conf_report *r)
{
	const double *amounts[] = { &o->input_per_mtok, &o->output_per_mtok, &o->cache_read_per_mtok,
		&o->cache_write_per_mtok };
	bool any = false;
	for (size_t i = 0; i < COUNTOF(amounts); i++) {
		if (*amounts[i] < 0 && conf_is_set(r, amounts[i]))
			conf_fail(r, amounts[i], "a price cannot be negative");
		any = any || is_given(*amounts[i]);
	}
	if (!any && !conf_is_set(r, &o->multiplier))
		conf_missing(r, o, "an override needs a price or a multiplier");
}

static void check(const void *conf, struct conf_report *r)
{
	const struct cost_conf *c = conf;
	const struct override_conf *o = c->overrides.v;
	parse_write(&c->write, r);
	for (size_t i = 0; i < c->overrides.n; i++)
		check_override(&o[i], r);
}

static struct price_override *copy_overrides(const struct conf_list *list)
{
	const struct override_conf *o = list->v;
	struct price_override *out = calloc(list->n + 1, sizeof *out);
	if (!out)
		abort();
	for (size_t i = 0; i < list->n; i++)
		out[i] = (struct price_override){ o[i].provider, o[i].model, o[i].input_per_mtok, o[i].output_per_mtok,
			o[i].cache_read_per_mtok, o[i].cache_write_per_mtok, o[i].multiplier };
	return out;
}

static void close_shared(void *shared)
{
	struct cost_shared *s = shared;
	price_source_close(s->source);
	free(s->overrides);
}

static int open_shared(void *shared, const void *conf, void *prev UNUSED, struct err *e)
{
	const struct cost_conf *c = conf;
	struct cost_shared *s = shared;
	s->write = parse_write(&c->write, NULL);
	s->overrides = copy_overrides(&c->overrides);
	struct price_sources sources = { c->price_files.v, c->price_files.n, s->overrides, c->overrides.n };
	s->source = price_source_open(&sources, e);
	if (!s->source) {
		free(s->overrides);
		return -1;
	}
	return 0;
}

static bool is_one_of(const struct conf_strs *names, slice name)
{
	for (size_t i = 0; i < names->n; i++)
		if (slice_ieq(names->v[i], name))
			return true;
	return false;
}

static void enter_scope(struct cost_state *st, const struct cost_conf *c, const struct scope *scope)
{
	if (st->scope == scope)
		return;
	st->scope = scope;
	st->emitter = emitter_of_scope(scope);
	st->zero_is_missing = false;
	for (size_t i = 0; i < c->treat_zero_as_missing.n && !st->zero_is_missing; i++)
		st->zero_is_missing = glob_match(c->treat_zero_as_missing.v[i], scope->name);
}

static void read_usage(struct cost_state *st, struct pricing *p)
{
	static const enum concept concepts[] = { C_INPUT_TOKENS, C_OUTPUT_TOKENS, C_TOTAL_TOKENS, C_CACHE_READ,
		C_CACHE_WRITE, C_REASONING_TOKENS, C_AUDIO_INPUT, C_AUDIO_OUTPUT };
	struct usage *u = &p->usage;
	int64_t *const members[] = { &u->input, &u->output, &u->total, &u->cache_read, &u->cache_write, &u->reasoning,
		&u->audio_input, &u->audio_output };
	usage_clear(u);
	for (size_t i = 0; i < COUNTOF(concepts); i++)
		view_tokens(&st->view, concepts[i], members[i], NULL);
	const struct attr *mark = attrs_find_id(&p->span->attrs, KEY_WEIR_USAGE_ADJUSTED);
	bool settled = mark && mark->value.type == V_BOOL && mark->value.b;
	struct emitter emitter = emitter_of_span(st->emitter, p->span);
	p->basis = usage_settle(u, emitter.flags, settled, &p->adjusted);
	if (settled) {
		p->basis = emitter.flags & EMIT_EXCLUSIVE ? BASIS_EXCLUSIVE_RULE : BASIS_EXCLUSIVE_INFERRED;
		p->adjusted = true;
	}
}

/* A cost that the span brings. False: none that counts. */
static bool read_reported(struct cost_state *st, struct pricing *p)
{
	double total, part;
	if (!view_double(&st->view, C_COST_TOTAL, &total, NULL) || total < 0 || (total == 0 && st->zero_is_missing))
		return false;
	p->total = total;
	if (view_double(&st->view, C_COST_INPUT, &part, NULL) && part >= 0)
		p->prompt = part;
	if (view_double(&st->view, C_COST_OUTPUT, &part, NULL) && part >= 0)
		p->completion = part;
	return true;
}

/* True: the provider's calls are free. Fills p->match and p->found otherwise. */
static bool resolve(struct cost_state *st, const struct cost_conf *c, struct pricing *p)
{
	struct price_query q = { 0 };
	view_text(&st->view, C_PROVIDER, &q.provider, NULL);
	view_text(&st->view, C_RESPONSE_MODEL, &q.response_model, NULL);
	view_text(&st->view, C_REQUEST_MODEL, &q.request_model, NULL);
	p->found = PRICE_UNKNOWN_PROVIDER;
	if (is_one_of(&c->local_providers, q.provider))
		return true;
	if (is_one_of(&c->gateways, q.provider))
		q.provider = (slice){ 0 };
	p->found = prices_resolve(st->prices->table, st->cache, &q, &p->match);
	return false;
}

static unsigned status_of(enum price_status s)
{
	for (unsigned i = 0; i < N_STATUSES; i++)
		if (!strcmp(statuses[i], price_status_name(s)))
			return i;
	return N_STATUSES - 1;
}

static void compute(struct pricing *p, bool is_free)
{
	const struct usage *u = &p->usage;
	struct price_usage pu;
	if (is_free || p->found != PRICE_OK) {
		p->status = is_free ? status_of(PRICE_FREE) : status_of(p->found);
		p->total = p->prompt = p->completion = is_free ? 0 : (double)NAN;
		return;
	}
	price_usage_clear(&pu);
	pu.input = u->input;
	pu.output = u->output;
	pu.cache_read = u->cache_read;
	pu.cache_write = u->cache_write;
	pu.reasoning = u->reasoning;
	pu.audio_in = u->audio_input;
	pu.audio_out = u->audio_output;
	prices_cost(&p->match, &pu, (int64_t)p->span->start_ns, &p->cost);
	p->status = status_of(p->cost.status);
	bool known = p->cost.status == PRICE_OK || p->cost.status == PRICE_FREE;
	p->total = known ? p->cost.total : (double)NAN;
	p->prompt = known ? p->cost.prompt : (double)NAN;
	p->completion = known ? p->cost.completion : (double)NAN;
}

static void write_number(struct pricing *p, slice name, double d)
{
	const struct attr *a = isnan(d) ? NULL : attrs_find(&p->span->attrs, name);
	if (!isnan(d) && !(a && a->value.type == V_DOUBLE && a->value.d == d))
		attr_set_double(p->traces, &p->span->attrs, name, d);
}

static void write_text(struct pricing *p, slice name, slice text)
{
	const struct attr *a = attrs_find(&p->span->attrs, name);
	if (!a || a->value.type != V_STRING || !slice_eq(a->value.s, text))
		attr_set_str(p->traces, &p->span->attrs, name, text);
}

static void write_result(const struct cost_shared *s, struct pricing *p, bool computed)
{
	char label[PRICE_LABEL_MAX];
	if (s->write & WRITE_LLM) {
		write_number(p, SLICE("llm.cost.prompt"), p->prompt);
		write_number(p, SLICE("llm.cost.completion"), p->completion);
		write_number(p, SLICE("llm.cost.total"), p->total);
	}
	if (s->write & WRITE_USAGE)
		write_number(p, SLICE("gen_ai.usage.cost"), p->total);
	if (s->write & WRITE_OPERATION)
		write_number(p, SLICE("operation.cost"), p->total);
	write_text(p, SLICE("weir.cost.status"), slice_of(statuses[p->status]));
	if (!computed || isnan(p->total) || p->found != PRICE_OK)
		return;
	prices_label(&p->match, label);
	write_text(p, SLICE("weir.cost.price"), slice_of(label));
	if (p->cost.input_adjusted && p->basis == BASIS_INCLUSIVE)
		p->basis = BASIS_EXCLUSIVE_INFERRED;
	if (p->adjusted || p->cost.input_adjusted || p->cost.output_adjusted)
		write_text(p, SLICE("weir.cost.basis"), slice_of(usage_basis_name(p->basis)));
}

static struct slot *slot_of(struct cost_state *st, const struct stage *stage, const struct pricing *p)
{
	slice model = p->found == PRICE_OK ? p->match.model : SLICE("other");
	struct slot *s = &st->slots[((uintptr_t)model.p ^ (uintptr_t)model.p >> 8) % N_SLOTS];
	if (s->model == model.p)
		return s;
	s->model = model.p;
	s->usd = meter_cell(st->usd, stage->worker, model, (slice){ 0 });
	for (unsigned i = 0; i < N_TYPES; i++)
		s->tokens[i] = meter_cell(st->tokens, stage->worker, model, slice_of(token_types[i]));
	return s;
}

static void count(struct cost_state *st, const struct stage *stage, const struct pricing *p)
{
	const int64_t tokens[] = { p->usage.input, p->usage.output, p->usage.cache_read, p->usage.cache_write };
	struct slot *s = slot_of(st, stage, p);
	meter_add(st->by_status[p->status], 1);
	if (!isnan(p->total))
		meter_add(s->usd, p->total);
	for (unsigned i = 0; i < N_TYPES; i++)
		if (tokens[i] > 0)
			meter_add(s->tokens[i], (double)tokens[i]);
}

/* What an earlier weir wrote is not "reported": it is ours and is left alone. */
static bool is_ours(struct pricing *p)
{
	const struct attr *a = attrs_find_id(&p->span->attrs, KEY_WEIR_COST_STATUS);
	if (!a || a->value.type != V_STRING)
		return false;
	for (unsigned i = 0; i < N_STATUSES; i++)
		if (slice_is(a->value.s, statuses[i])) {
			p->status = i;
			return true;
		}
	return false;
}

static void price_span(struct stage *stage, struct cost_state *st, struct traces *t, struct span *s)
{
	const struct cost_conf *c = stage->conf;
	struct pricing p = { .traces = t, .span = s, .total = NAN, .prompt = NAN, .completion = NAN };
	enter_scope(st, c, s->scope);
	view_load(&st->view, t, &s->attrs, st->emitter, GROUP_CALL | GROUP_USAGE | GROUP_COST, OTEL_FIRST);
	st->view.kind = kind_of_span(s);
	read_usage(st, &p);
	bool is_free = resolve(st, c, &p), ours = is_ours(&p), reported = read_reported(st, &p);
	if (c->on_existing == REPLACE || !(ours || reported)) {
		struct pricing computed = p;
		compute(&computed, is_free);
		bool better = !reported || !isnan(computed.total);
		p = better ? computed : p;
		p.status = better ? p.status : REPORTED;
		write_result(stage->shared, &p, better);
	} else if (!ours) {
		p.status = REPORTED;
		write_result(stage->shared, &p, false);
	}
	count(st, stage, &p);
}

/* A newer table: its ids are other addresses, so what was remembered of the old one goes. */
static void use_newest_prices(struct stage *stage, struct cost_state *st)
{
	const struct cost_shared *s = stage->shared;
	if (st->prices && !price_source_is_newer(s->source, st->prices))
		return;
	price_ref_free(st->prices);
	st->prices = price_source_get(s->source);
	memset(st->slots, 0, sizeof st->slots);
	if (stage->worker == 0)
		meter_set(st->age, (double)prices_date(st->prices->table));
}

static void push(struct stage *stage, struct batch *b)
{
	struct cost_state *st = ((struct cost_stage *)stage->state)->own;
	st->scope = NULL;
	use_newest_prices(stage, st);
	for (struct span *s = traces_first_span(b->traces); s; s = traces_next_span(b->traces, s))
		if (kind_is_model_call(kind_of_span(s)) && span_is_countable(s))
			price_span(stage, st, b->traces, s);
	stage_push(stage->next, b);
}

static int start(struct stage *stage, struct err *e UNUSED)
{
	static const struct meter_info spans = { "weir_cost_spans", "Model calls by how their cost came about.",
		{ "status" }, METER_COUNTER };
	static const struct meter_info usd = { "weir_cost_usd", "Cost of model calls, by model of the price table.",
		{ "model" }, METER_COUNTER };
	static const struct meter_info tokens = { "weir_tokens",
		"Tokens of model calls; input includes cache_read and cache_write.", { "model", "type" },
		METER_COUNTER };
	static const struct meter_info age = { "weir_price_table_age_seconds", "Age of the newest price source in use.",
		{ NULL }, METER_SINCE };
	const struct cost_shared *shared = stage->shared;
	struct cost_state *st = calloc(1, sizeof *st);
	if (!st)
		abort();
	((struct cost_stage *)stage->state)->own = st;
	view_init(&st->view);
	st->cache = prices_cache_new();
	struct meter *by_status = core_meter(stage->core, &spans);
	for (unsigned i = 0; i < N_STATUSES; i++)
		st->by_status[i] = meter_cell(by_status, stage->worker, slice_of(statuses[i]), (slice){ 0 });
	st->usd = core_meter(stage->core, &usd);
	st->tokens = core_meter(stage->core, &tokens);
	st->age = meter_cell(core_meter(stage->core, &age), 0, (slice){ 0 }, (slice){ 0 });
	use_newest_prices(stage, st);
	price_source_watch(shared->source, stage->log, stage->id);
	return 0;
}

static void stop(struct stage *stage)
{
	struct cost_state *st = ((struct cost_stage *)stage->state)->own;
	view_release(&st->view);
	prices_cache_free(st->cache);
	price_ref_free(st->prices);
	free(st);
}

const struct component processor_gen_ai_cost = {
	.name = "gen_ai_cost",
	.summary = "Prices model calls and keeps the costs that spans bring.",
	.kind = PROCESSOR,
	.signals = TRACES,
	.flags = MUTATES | BARE,
	.fields = fields,
	.conf_size = sizeof(struct cost_conf),
	.shared_size = sizeof(struct cost_shared),
	.state_size = sizeof(struct cost_stage),
	.check = check,
	.open = open_shared,
	.close = close_shared,
	.start = start,
	.push = push,
	.stop = stop,
};
