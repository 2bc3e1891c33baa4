/* gen_ai_cost.c - what each model call costs, from a table of prices; reported costs are kept.
 *
 * Prices countable model calls only: agents, workflows and duplicates repeat the usage of others. Writes llm.cost.prompt,
 * llm.cost.completion, llm.cost.total (USD) and how they came about (weir.cost.*). What is unknown gets a status and no amount, never 0.
 * An amount that an earlier weir wrote stays; a call that it could not price is tried again, with this one's prices.
 * The price table is the source's (lib/genai/price_source.h), shared by the workers of one id; cache and working memory are the stage's.
 */
#include <math.h>

#include "lib/base/glob.h"
#include "lib/genai/cost_facts.h"
#include "lib/genai/price_source.h"
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

#define AMOUNT(m, h)                                                                                               \
	CONF_F64(override_conf, m, "-1", h " in USD per million tokens; the default means: not given.", .min = -1, \
	        .max = 1e6)
static const struct conf_field override_fields[] = {
	CONF_STR(override_conf, provider, "", "Provider, in any spelling; without it every provider is meant."),
	CONF_STR(override_conf, model, "", "Model or pattern (*, ?); without it every model of the provider is meant."),
	AMOUNT(input_per_mtok, "Input"),
	AMOUNT(output_per_mtok, "Output"),
	AMOUNT(cache_read_per_mtok, "Input read from a cache"),
	AMOUNT(cache_write_per_mtok, "Input written to a cache"),
	CONF_F64(override_conf, multiplier, "1", "Factor on the whole amount: a discount or a margin.", .min = 1e-6,
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
	        "A cost that the span brings: keep it, or replace it by ours where that is known."),
	CONF_STRS(cost_conf, treat_zero_as_missing, "openlit*,pydantic-ai*,pydantic_ai*",
	        "Scopes (globs) that report 0 when they know no price: such a cost is computed."),
	CONF_STRS(cost_conf, local_providers, PRICE_LOCAL_PROVIDERS, "Providers whose calls are free."),
	CONF_STRS(cost_conf, gateways, PRICE_GATEWAYS,
	        "Provider names that mean a gateway: the provider is told by the model."),
	CONF_STRS(cost_conf, write, "llm.cost", "Attributes to write: llm.cost, gen_ai.usage.cost, operation.cost."),
	CONF_END,
};

struct cost_shared {
	struct price_source *source;
	struct price_override *overrides;
	unsigned write; /* WRITE_.. */
};

#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}
static const slice statuses[] = { TEXT("ok"), TEXT("free"), TEXT("reported"), TEXT("unknown_provider"),
	TEXT("unknown_model"), TEXT("no_usage"), TEXT("unpriced_unit"), TEXT("inconsistent_usage") };
static const char *const token_types[] = { "input", "output", "cache_read", "cache_write" };
enum {
	REPORTED = 2,
	N_STATUSES = COUNTOF(statuses),
	N_TYPES = COUNTOF(token_types),
	N_SLOTS = 256,
	N_BESIDE = 3,
	LABEL_KEPT = 96
};

/* Beyond it a count of tokens is a mistake, or meant to spoil the counter. */
static const int64_t tokens_max = 1000000000;

/* What is needed again and again of a table entry met lately. */
struct slot {
	const char *provider, *model; /* addresses of the ids in the table; NULL: empty */
	struct meter_cell *usd, *tokens[N_TYPES];
	size_t label_len; /* 0: not made yet, or longer than there is room for */
	char label[LABEL_KEPT]; /* weir.cost.price */
};

struct cost_state {
	struct cost_reader reader;
	struct price_ref *prices;
	struct price_names names; /* in the config */
	struct price_cache *cache;
	struct meter *usd, *tokens;
	struct meter_cell *by_status[N_STATUSES], *age;
	unsigned status_of[PRICE_INCONSISTENT_USAGE + 1]; /* price_status to index in statuses */
	struct slot slots[N_SLOTS + N_BESIDE];
	const struct scope *scope; /* the one that emitter and zero_is_missing are of */
	struct emitter emitter;
	bool zero_is_missing;
};
struct cost_stage {
	struct cost_state *own;
};

static const struct amounts unknown = { (double)NAN, (double)NAN, (double)NAN };

/* One span being priced. */
struct pricing {
	struct cost_facts facts;
	bool ours, reported; /* an earlier weir was here; the span brings a cost that counts */
	bool zero_reported; /* a cost of 0 that means "not known" */
	enum price_status found; /* of the match */
	struct price_match match;
	struct amounts amounts;
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

static void check_override(const struct override_conf *o, struct conf_report *r)
{
	const double *amounts[] = { &o->input_per_mtok, &o->output_per_mtok, &o->cache_read_per_mtok,
		&o->cache_write_per_mtok };
	bool any = false;
	for (size_t i = 0; i < COUNTOF(amounts); i++) {
		if (*amounts[i] < 0 && conf_is_set(r, amounts[i]))
			conf_fail(r, amounts[i], "a price cannot be negative");
		any = any || conf_is_set(r, amounts[i]);
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

static void enter_scope(struct cost_state *st, const struct cost_conf *c, struct scope *scope)
{
	if (st->scope == scope)
		return;
	st->scope = scope;
	st->emitter = emitter_of_scope(scope);
	st->zero_is_missing = false;
	for (size_t i = 0; i < c->treat_zero_as_missing.n && !st->zero_is_missing; i++)
		st->zero_is_missing = glob_match(c->treat_zero_as_missing.v[i], scope->name);
}

static void resolve(struct cost_state *st, struct pricing *p)
{
	const struct cost_facts *f = &p->facts;
	const struct price_query q = { f->provider, f->response_model, f->request_model, f->member };
	p->found = prices_resolve(st->prices->table, st->cache, &q, &p->match);
}

static struct amounts compute(const struct cost_state *st, struct pricing *p)
{
	struct cost_facts *f = &p->facts;
	const struct usage *u = &f->usage;
	struct price_usage pu;
	struct price_cost cost;
	p->status = st->status_of[p->found];
	if (p->found != PRICE_OK)
		return p->found == PRICE_FREE ? (struct amounts){ 0, 0, 0 } : unknown;
	cost_usage(u, &pu);
	prices_cost(&p->match, &pu, (int64_t)f->span->start_ns, &cost);
	p->status = st->status_of[cost.status];
	if (cost.status != PRICE_OK && cost.status != PRICE_FREE)
		return unknown;
	if (cost.input_adjusted && f->basis == BASIS_INCLUSIVE)
		f->basis = BASIS_EXCLUSIVE_INFERRED;
	f->adjusted = f->adjusted || cost.input_adjusted || cost.output_adjusted;
	return (struct amounts){ cost.total, cost.prompt, cost.completion };
}

static void write_amounts(unsigned write, struct pricing *p)
{
	const struct amounts *a = &p->amounts;
	if (write & WRITE_LLM) {
		cost_write_number(&p->facts, AT_COST_PROMPT, a->prompt);
		cost_write_number(&p->facts, AT_COST_COMPLETION, a->completion);
		cost_write_number(&p->facts, AT_COST_TOTAL, a->total);
	}
	if (write & WRITE_USAGE)
		cost_write_number(&p->facts, AT_USAGE_COST, a->total);
	if (write & WRITE_OPERATION)
		cost_write_number(&p->facts, AT_OPERATION_COST, a->total);
	cost_write_text(&p->facts, AT_STATUS, statuses[p->status]);
}

static bool is_of(const struct slot *s, slice provider, slice model)
{
	return s->model == model.p && s->provider == provider.p;
}

/* Models whose addresses fall on one slot go side by side; where all of these are taken the first gives way. */
static struct slot *slot_of(struct cost_state *st, const struct stage *stage, const struct pricing *p)
{
	static const char other[] = "other";
	bool known = p->found == PRICE_OK;
	slice provider = known ? p->match.provider : (slice){ other, 0 };
	slice model = known ? p->match.model : (slice){ other, sizeof(other) - 1 };
	struct slot *first = &st->slots[((uintptr_t)model.p ^ (uintptr_t)model.p >> 8) % N_SLOTS], *s = first;
	while (s->model && !is_of(s, provider, model) && s < first + N_BESIDE)
		s++;
	if (is_of(s, provider, model))
		return s;
	s = s->model ? first : s;
	*s = (struct slot){ .provider = provider.p, .model = model.p };
	s->usd = meter_cell(st->usd, stage->worker, model, (slice){ 0 });
	for (unsigned i = 0; i < N_TYPES; i++)
		s->tokens[i] = meter_cell(st->tokens, stage->worker, model, slice_of(token_types[i]));
	return s;
}

/* How the amounts came about. */
static void write_origin(struct pricing *p, struct slot *slot)
{
	char made[PRICE_LABEL_MAX];
	slice label = { slot->label, slot->label_len };
	if (!label.len) {
		prices_label(&p->match, made);
		label = slice_of(made);
		if (label.len <= sizeof slot->label) {
			memcpy(slot->label, made, label.len);
			slot->label_len = label.len;
		}
	}
	cost_write_text(&p->facts, AT_PRICE, arena_dup(&p->facts.traces->arena, label));
	if (p->facts.adjusted)
		cost_write_text(&p->facts, AT_BASIS, slice_of(usage_basis_name(p->facts.basis)));
}

static void count(struct cost_state *st, const struct pricing *p, const struct slot *s)
{
	const struct usage *u = &p->facts.usage;
	const int64_t tokens[] = { u->input, u->output, u->cache_read, u->cache_write };
	meter_add(st->by_status[p->status], 1);
	if (!isnan(p->amounts.total))
		meter_add(s->usd, p->amounts.total);
	for (unsigned i = 0; i < N_TYPES; i++)
		if (tokens[i] > 0 && tokens[i] <= tokens_max)
			meter_add(s->tokens[i], (double)tokens[i]);
}

/* What an earlier weir wrote is not "reported": it is ours and keeps its status. */
static bool is_ours(struct pricing *p)
{
	for (unsigned i = 0; p->facts.status.len && i < N_STATUSES; i++)
		if (slice_eq(p->facts.status, statuses[i])) {
			p->status = i;
			return true;
		}
	return false;
}

static void judge_reported(const struct cost_state *st, struct pricing *p)
{
	const struct cost_facts *f = &p->facts;
	/* Langfuse's JavaScript SDK writes zeros on calls that failed */
	bool failed = f->emitter.ecosystem == ECO_LANGFUSE && f->span->status_code == 2;
	p->amounts = f->reported;
	p->ours = is_ours(p);
	p->zero_reported = f->reported.total == 0 && !p->ours && (st->zero_is_missing || failed);
	p->reported = !isnan(f->reported.total) && !p->zero_reported;
}

/* Computes the cost and writes it; a reported one gives way only to one that is known. */
static void price(struct stage *stage, struct cost_state *st, struct pricing *p, struct slot *slot)
{
	const struct cost_shared *shared = stage->shared;
	unsigned before = p->ours ? p->status : REPORTED;
	struct amounts computed = compute(st, p);
	if (isnan(computed.total) && p->reported) {
		p->status = before;
		write_amounts(shared->write, p);
		return;
	}
	p->amounts = computed;
	if (p->reported || p->zero_reported)
		cost_supersede(&st->reader, &p->facts, &computed);
	write_amounts(shared->write, p);
	if (!isnan(computed.total) && p->found == PRICE_OK)
		write_origin(p, slot);
}

static void cost_span(struct stage *stage, struct cost_state *st, struct traces *t, struct span *s)
{
	const struct cost_conf *c = stage->conf;
	const struct cost_shared *shared = stage->shared;
	struct pricing p;
	enter_scope(st, c, s->scope);
	if (!cost_read(&st->reader, t, s, st->emitter, &p.facts))
		return;
	judge_reported(st, &p);
	resolve(st, &p);
	struct slot *slot = slot_of(st, stage, &p);
	if (!p.reported || c->on_existing == REPLACE) {
		price(stage, st, &p, slot);
	} else if (!p.ours) {
		p.status = REPORTED;
		write_amounts(shared->write, &p);
	}
	count(st, &p, slot);
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
		cost_span(stage, st, b->traces, s);
	stage_push(stage->next, b);
}

static unsigned index_of(slice status)
{
	unsigned i = 0;
	while (i < N_STATUSES - 1 && !slice_eq(statuses[i], status))
		i++;
	return i;
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
	const struct cost_conf *c = stage->conf;
	struct cost_state *st = calloc(1, sizeof *st);
	if (!st)
		abort();
	((struct cost_stage *)stage->state)->own = st;
	cost_reader_init(&st->reader);
	st->names = (struct price_names){ &c->local_providers, &c->gateways };
	st->cache = prices_cache_new(&st->names);
	struct meter *by_status = core_meter(stage->core, &spans);
	for (unsigned i = 0; i < N_STATUSES; i++)
		st->by_status[i] = meter_cell(by_status, stage->worker, statuses[i], (slice){ 0 });
	for (unsigned i = 0; i < COUNTOF(st->status_of); i++)
		st->status_of[i] = index_of(slice_of(price_status_name((enum price_status)i)));
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
	cost_reader_release(&st->reader);
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
