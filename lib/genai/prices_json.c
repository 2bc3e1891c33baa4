/* prices_json.c - LiteLLM's price list; and which of the two JSON formats a document is.
 *
 * LiteLLM: one object, NAME: {litellm_provider, .._cost_per_token ..}, amounts in USD per token, as numbers or strings. Names are exact;
 * "groq/x" is also known as "x" unless another entry has that name itself. Entries in dialects that we do not price (images, seconds)
 * are kept as unpriced, so that they are told from unknown ones. Prices of service tiers (flex, priority, batch) are left out.
 */
#include "lib/base/parse.h"
#include "lib/genai/json.h"
#include "lib/genai/prices_table.h"

#define PICO INT64_C(1000000000000)

static const struct {
	const char *key;
	enum price_class class;
} costs[] = {
	{ "input_cost_per_token", BILL_INPUT },
	{ "output_cost_per_token", BILL_OUTPUT },
	{ "cache_read_input_token_cost", BILL_CACHE_READ },
	{ "input_cost_per_token_cache_hit", BILL_CACHE_READ },
	{ "cache_creation_input_token_cost", BILL_CACHE_WRITE },
	{ "cache_creation_input_token_cost_above_1hr", BILL_CACHE_WRITE_1H },
	{ "input_cost_per_audio_token", BILL_AUDIO_IN },
	{ "cache_read_input_audio_token_cost", BILL_CACHE_AUDIO_READ },
	{ "output_cost_per_audio_token", BILL_AUDIO_OUT },
	{ "output_cost_per_reasoning_token", BILL_REASONING },
	{ "input_cost_per_request", BILL_REQUEST },
};

static int class_of(slice key)
{
	for (size_t i = 0; i < COUNTOF(costs); i++)
		if (slice_is(key, costs[i].key))
			return (int)costs[i].class;
	return -1;
}

/* Takes "_above_200k_tokens" off the end of *key; the threshold, or -1 when there is none. */
static int64_t take_threshold(slice *key)
{
	static const char mark[] = "_above_", unit[] = "k_tokens";
	size_t n = sizeof(unit) - 1, m = sizeof(mark) - 1, i;
	if (key->len < n || memcmp(key->p + key->len - n, unit, n) != 0)
		return -1;
	for (i = key->len - n; i > 0 && key->p[i - 1] >= '0' && key->p[i - 1] <= '9';)
		i--;
	uint64_t k;
	if (i < m || memcmp(key->p + i - m, mark, m) != 0 || parse_u64((slice){ key->p + i, key->len - n - i }, &k) ||
	        k > 1000000000)
		return -1;
	key->len = i - m;
	return (int64_t)k * 1000;
}

/* The amount of a number or of a string that holds one. */
static bool amount(const struct json *v, int64_t *unit)
{
	return (v->type == JSON_NUMBER || v->type == JSON_STRING) && price_number(v->text, PICO, unit) == 0;
}

/* Members of one object of costs that apply above `base` tokens (-1: always). */
struct collected {
	struct tier_set set;
	bool failed, other; /* too much, or not a number; something else than tokens has a price */
};

static void collect(const struct json *object, int64_t base, bool inclusive, struct collected *c)
{
	const struct json *key;
	for (const struct json *v = json_first(object, &key); v; v = json_next(object, v, &key)) {
		slice name = key->text;
		int64_t unit, above = take_threshold(&name);
		int class = class_of(name);
		if (class < 0) {
			c->other |= memmem(name.p, name.len, "cost", 4) && amount(v, &unit) && unit > 0;
			continue;
		}
		if (v->type == JSON_NULL)
			continue;
		above = above < 0 ? base : above - inclusive;
		if (!amount(v, &unit) || tiers_put(&c->set, (enum price_class) class, above, unit))
			c->failed = true;
	}
}

/* tiered_pricing: [{range: [from, to], costs ..}], from < tokens <= to; the lowest is the base. */
static void collect_ranges(const struct json *ranges, struct collected *c)
{
	for (const struct json *v = json_first(ranges, NULL); v; v = json_next(ranges, v, NULL)) {
		double from;
		if (v->type != JSON_OBJECT || !json_double(json_path(v, "range.0"), &from) ||
		        !(from >= 0 && from < 1e12))
			c->failed = true;
		else
			collect(v, from > 0 ? (int64_t)from : -1, false, c);
	}
}

static uint32_t provider_of(struct price_table *t, slice label)
{
	slice lower = table_lower(t, label);
	uint32_t p = fold_provider(t, lower);
	return p != NO_PROVIDER ? p : table_provider(t, arena_dup(&t->arena, lower));
}

/* The name, and for "groq/x" also x. Labels that fold into one provider (gemini and vertex_ai-.. into google) may price one model
 * differently: each has its own names too, and the provider's are those of the label that is its id, if it has them. */
static void add_names(struct price_loader *l, uint32_t p, uint32_t entry, slice name, slice label)
{
	struct price_table *t = l->table;
	uint32_t own = table_label(t, p, table_lower(t, label));
	bool foreign = own != p;
	if (!table_name(t, own, entry, name, NAME_OWN))
		loader_note(l, &l->report->duplicates, "%.*s is given twice, the later one counts", SLICE_ARG(name));
	if (foreign)
		table_name(t, p, entry, name, NAME_FOREIGN);
	const char *slash = memchr(name.p, '/', name.len);
	if (!slash)
		return;
	slice head = { name.p, (size_t)(slash - name.p) }, bare = { slash + 1, name.len - head.len - 1 };
	if (!slice_ieq(head, label) && !map_get(&t->alias_names, table_lower(t, head)))
		return;
	table_name(t, own, entry, bare, NAME_OWN_STRIPPED);
	if (foreign)
		table_name(t, p, entry, bare, NAME_FOREIGN_STRIPPED);
}

static void add_entry(struct price_loader *l, slice name, const struct json *v)
{
	struct price_table *t = l->table;
	const struct json *label = json_get(v, "litellm_provider"), *ranges = json_get(v, "tiered_pricing");
	slice who = label && label->type == JSON_STRING && !label->escaped ? slice_trim(label->text) : (slice){ 0 };
	struct collected c;
	c.set.n = 0;
	c.failed = c.other = false;
	if (!who.len || who.len > PRICE_NAME_MAX || !name.len || name.len > PRICE_NAME_MAX) {
		loader_note(l, &l->report->skipped, "\"%.*s\" has no litellm_provider",
		        (int)(name.len < 80 ? name.len : 80), name.p);
		return;
	}
	collect(v, -1, slice_is(who, "xai"), &c);
	if (ranges && ranges->type == JSON_ARRAY)
		collect_ranges(ranges, &c);
	if (c.failed) {
		loader_note(l, &l->report->skipped, "\"%.*s\": a cost is not a number", SLICE_ARG(name));
		return;
	}
	bool priced = false;
	for (size_t i = 0; i < c.set.n; i++)
		priced |= c.set.v[i].unit > 0;
	uint32_t p = provider_of(t, who), entry = table_entry(t, p, arena_dup(&t->arena, name));
	struct price_row *row = table_row(t, entry);
	row->unpriced = !priced && (c.other || !c.set.n);
	if (!row->unpriced)
		tiers_store(t, row, &c.set);
	add_names(l, p, entry, t->entries.v[entry].model, who);
	l->report->models++;
}

static void load_litellm(struct price_loader *l, const struct json *root)
{
	const struct json *key;
	for (const struct json *v = json_first(root, &key); v; v = json_next(root, v, &key)) {
		if (v->type == JSON_OBJECT && !json_is(key, "sample_spec"))
			add_entry(l, json_text_of(key, l->scratch), v);
	}
}

int load_json(struct price_loader *l, struct err *e)
{
	struct arena scratch;
	char date[16];
	arena_init(&scratch);
	const struct json *root = json_parse(&scratch, l->text, e);
	int rc = root ? 0 : err_prefix(e, "%s", l->name);
	if (root && root->type != JSON_OBJECT && root->type != JSON_ARRAY)
		rc = err_set(e, "%s: not a price file", l->name);
	if (!rc) {
		l->scratch = &scratch;
		price_format_date(l->date_s, date);
		table_layer(l->table, slice_of(date), l->date_s);
		if (root->type == JSON_OBJECT)
			load_litellm(l, root);
		else
			load_genai_prices(l, root);
		if (!l->report->models)
			rc = err_set(
			        e, "%s: no prices in it%s%s", l->name, l->report->note[0] ? ": " : "", l->report->note);
	}
	arena_release(&scratch);
	return rc;
}
