/* prices_genai.c - the data.json (v2) of pydantic/genai-prices, as a user's price file.
 *
 * An array of providers with models; a model's `match` is a tree of equals, starts_with, ends_with, contains, regex, or, and. Each leaf
 * becomes a name or a pattern of ours. Of regular expressions only the shapes that occur there are understood (a date of 8 digits or
 * YYYY-MM-DD, one digit, "[fast=..]" behind a literal, and the refusal of "-tts"); a model with another one is known by its other
 * names and counted as skipped. Providers that the table has already keep its aliases.
 */
#include <stdio.h>

#include "lib/genai/json.h"
#include "lib/genai/prices_table.h"

/* Where the leaves of a match go. */
struct target {
	struct price_loader *l;
	uint32_t provider, entry; /* entry NO_ENTRY: names of the provider, or of its models when `infer` */
	bool infer;
	const char *unless; /* condition behind every pattern; NULL: none */
};

static void add_pattern(const struct target *to, slice text)
{
	struct price_table *t = to->l->table;
	slice kept = arena_dup(&t->arena, text);
	if (to->entry == NO_ENTRY && to->infer)
		table_infer(t, to->provider, kept);
	else if (to->entry == NO_ENTRY)
		table_alias(t, to->provider, kept);
	else if (!table_pattern(t, to->provider, to->entry, kept))
		loader_note(to->l, &to->l->report->duplicates, "%.*s is given twice, the later one counts",
		        SLICE_ARG(text));
}

/* head + literal + tail, with the target's condition. */
static void add_leaf(const struct target *to, const char *head, slice literal, const char *tail)
{
	char text[PRICE_NAME_MAX + 32];
	if (!literal.len || literal.len > PRICE_NAME_MAX || pattern_is(literal)) {
		loader_note(to->l, &to->l->report->skipped, "a name that is empty, too long or has one of * # !");
		return;
	}
	int n = snprintf(
	        text, sizeof(text), "%s%.*s%s%s", head, SLICE_ARG(literal), tail, to->unless ? to->unless : "");
	add_pattern(to, (slice){ text, (size_t)n });
}

static bool ends(slice *s, const char *tail)
{
	size_t n = strlen(tail);
	if (s->len < n || memcmp(s->p + s->len - n, tail, n) != 0)
		return false;
	s->len -= n;
	return true;
}

/* A regular expression that is a literal: only '\' escapes punctuation. */
static bool unescape(slice re, char out[PRICE_NAME_MAX], slice *literal)
{
	size_t n = 0;
	for (size_t i = 0; i < re.len; i++) {
		bool escape = re.p[i] == '\\' && i + 1 < re.len && strchr(".[]-/", re.p[i + 1]);
		if (n == PRICE_NAME_MAX || (!escape && strchr("\\.[]()*+?{}|^$", re.p[i])))
			return false;
		out[n++] = re.p[i += escape];
	}
	*literal = (slice){ out, n };
	return n > 0;
}

static void add_regex(const struct target *to, slice re)
{
	char text[PRICE_NAME_MAX];
	slice body = re, literal;
	const char *tail = NULL;
	if (body.len && body.p[0] == '^')
		body = (slice){ body.p + 1, body.len - 1 };
	if (ends(&body, "-\\d{4}-\\d{2}-\\d{2}$"))
		tail = "-####-##-##";
	else if (ends(&body, "-\\d{8}$"))
		tail = "-########";
	else if (ends(&body, "-\\d"))
		tail = "-#*";
	else if (ends(&body, "$"))
		tail = "";
	if (tail && re.p[0] == '^' && unescape(body, text, &literal)) {
		add_leaf(to, "", literal, tail);
		return;
	}
	loader_note(to->l, &to->l->report->skipped, "a regular expression that is not understood: %.*s",
	        (int)(re.len < 100 ? re.len : 100), re.p);
}

static bool is_no_tts(const struct json *clause, struct arena *scratch)
{
	const struct json *re = json_get(clause, "regex");
	if (!re || re->type != JSON_STRING)
		return false;
	slice s = json_text_of(re, scratch);
	return slice_is(s, "^(?!.*-[tT][tT][sS](?:$|-))") || slice_is(s, "^(?!.*-tts(?:$|-))");
}

static void add_match(const struct target *to, const struct json *match);

/* One clause and "no -tts", or two words that both occur. */
static void add_and(const struct target *to, const struct json *clauses)
{
	struct arena *a = to->l->scratch;
	const struct json *first = json_first(clauses, NULL), *second = first ? json_next(clauses, first, NULL) : NULL;
	if (!second || clauses->n != 2) {
		loader_note(to->l, &to->l->report->skipped, "an \"and\" that is not understood");
	} else if (is_no_tts(first, a) || is_no_tts(second, a)) {
		struct target narrow = *to;
		narrow.unless = "!-tts";
		add_match(&narrow, is_no_tts(first, a) ? second : first);
	} else {
		const struct json *x = json_get(first, "contains"), *y = json_get(second, "contains");
		char both[2 * PRICE_NAME_MAX + 2];
		slice p = x ? json_text_of(x, a) : (slice){ 0 }, q = y ? json_text_of(y, a) : (slice){ 0 };
		if (!p.len || !q.len || p.len + q.len + 1 > PRICE_NAME_MAX || pattern_is(p) || pattern_is(q)) {
			loader_note(to->l, &to->l->report->skipped, "an \"and\" that is not understood");
			return;
		}
		snprintf(both, sizeof(both), "*%.*s*%.*s*", SLICE_ARG(p), SLICE_ARG(q));
		add_pattern(to, slice_of(both));
	}
}

/* Recursion is bounded by the depth of the document (JSON_DEPTH). */
static void add_match(const struct target *to, const struct json *match)
{
	const struct json *key = NULL, *v = match && match->type == JSON_OBJECT ? json_first(match, &key) : NULL;
	if (!v || (v->type != JSON_STRING && v->type != JSON_ARRAY)) {
		loader_note(to->l, &to->l->report->skipped, "a match that is not understood");
		return;
	}
	slice text = v->type == JSON_STRING ? json_text_of(v, to->l->scratch) : (slice){ 0 };
	if (json_is(key, "equals"))
		add_leaf(to, "", text, "");
	else if (json_is(key, "starts_with"))
		add_leaf(to, "", text, "*");
	else if (json_is(key, "ends_with"))
		add_leaf(to, "*", text, "");
	else if (json_is(key, "contains"))
		add_leaf(to, "*", text, "*");
	else if (json_is(key, "regex"))
		add_regex(to, text);
	else if (json_is(key, "and"))
		add_and(to, v);
	else if (json_is(key, "or"))
		for (const struct json *c = json_first(v, NULL); c; c = json_next(v, c, NULL))
			add_match(to, c);
	else
		loader_note(to->l, &to->l->report->skipped, "a match that is not understood");
}

static const struct {
	const char *key;
	enum price_class class;
	int64_t scale;
} prices[] = {
	{ "input_mtok", BILL_INPUT, PICO_PER_MTOK },
	{ "output_mtok", BILL_OUTPUT, PICO_PER_MTOK },
	{ "cache_read_mtok", BILL_CACHE_READ, PICO_PER_MTOK },
	{ "cache_write_mtok", BILL_CACHE_WRITE, PICO_PER_MTOK },
	{ "cache_write_1h_mtok", BILL_CACHE_WRITE_1H, PICO_PER_MTOK },
	{ "input_audio_mtok", BILL_AUDIO_IN, PICO_PER_MTOK },
	{ "cache_audio_read_mtok", BILL_CACHE_AUDIO_READ, PICO_PER_MTOK },
	{ "output_audio_mtok", BILL_AUDIO_OUT, PICO_PER_MTOK },
	{ "output_reasoning_mtok", BILL_REASONING, PICO_PER_MTOK },
	{ "requests_kcount", BILL_REQUEST, PICO_PER_K },
};

/* A number, or {base, tiers: [{start, price}]}. */
static bool put_price(struct tier_set *set, size_t k, const struct json *v)
{
	int64_t unit, start;
	const struct json *base = v->type == JSON_OBJECT ? json_get(v, "base") : v;
	if (!base || price_number(base->text, prices[k].scale, &unit) || tiers_put(set, prices[k].class, -1, unit))
		return false;
	const struct json *tiers = json_get(v, "tiers");
	if (!tiers)
		return true;
	for (const struct json *t = json_first(tiers, NULL); t; t = json_next(tiers, t, NULL)) {
		const struct json *from = json_get(t, "start"), *price = json_get(t, "price");
		if (!from || !price || !json_int(from, &start) || start < 0 ||
		        price_number(price->text, prices[k].scale, &unit) ||
		        tiers_put(set, prices[k].class, start, unit))
			return false;
	}
	return true;
}

static bool add_prices(struct price_table *t, struct price_row *row, const struct json *object)
{
	const struct json *key;
	struct tier_set set;
	set.n = 0;
	if (!object || object->type != JSON_OBJECT)
		return false;
	for (const struct json *v = json_first(object, &key); v; v = json_next(object, v, &key)) {
		size_t k = 0;
		while (k < COUNTOF(prices) && !json_is(key, prices[k].key))
			k++;
		if (k < COUNTOF(prices) && v->type != JSON_NULL && !put_price(&set, k, v))
			return false;
	}
	row->unpriced = !set.n && object->n > 0;
	tiers_store(t, row, &set);
	return true;
}

/* "00:30:00Z", also with an offset of zero left out. */
static bool time_of_day(const struct json *v, int64_t *seconds)
{
	int64_t h, m, s;
	const char *p = v && v->type == JSON_STRING ? v->text.p : NULL;
	size_t n = p ? v->text.len : 0;
	if (n < 8 || n > 9 || (n == 9 && p[8] != 'Z') || p[2] != ':' || p[5] != ':' ||
	        price_number((slice){ p, 2 }, 1, &h) || price_number((slice){ p + 3, 2 }, 1, &m) ||
	        price_number((slice){ p + 6, 2 }, 1, &s))
		return false;
	*seconds = h * 3600 + m * 60 + s;
	return h < 24 && m < 60 && s < 60;
}

static bool set_when(struct price_row *row, const struct json *constraint)
{
	const struct json *date = json_get(constraint, "start_date");
	if (!constraint || constraint->type == JSON_NULL)
		return true;
	row->when = date ? ROW_FROM : ROW_DAILY;
	if (date)
		return price_date(date->text, &row->begin) == 0;
	return time_of_day(json_get(constraint, "start_time"), &row->begin) &&
	        time_of_day(json_get(constraint, "end_time"), &row->end);
}

/* `prices` is an object of prices or a list of {constraint, prices}. */
static bool add_rows(struct price_table *t, uint32_t entry, const struct json *list)
{
	if (!list || list->type != JSON_ARRAY)
		return add_prices(t, table_row(t, entry), list);
	for (const struct json *c = json_first(list, NULL); c; c = json_next(list, c, NULL)) {
		struct price_row *row = table_row(t, entry);
		if (!set_when(row, json_get(c, "constraint")) || !add_prices(t, row, json_get(c, "prices")))
			return false;
	}
	return list->n > 0;
}

static slice text_of(struct price_loader *l, const struct json *v)
{
	slice s = v && v->type == JSON_STRING ? json_text_of(v, l->scratch) : (slice){ 0 };
	return s.len > PRICE_NAME_MAX ? (slice){ 0 } : arena_dup(&l->table->arena, s);
}

static void add_model(struct price_loader *l, uint32_t provider, const struct json *m)
{
	struct price_table *t = l->table;
	slice id = text_of(l, json_get(m, "id"));
	uint32_t entry = id.len ? table_entry(t, provider, id) : NO_ENTRY;
	if (entry == NO_ENTRY || !add_rows(t, entry, json_get(m, "prices"))) {
		loader_note(l, &l->report->skipped, "model \"%.*s\": its prices are not understood", SLICE_ARG(id));
		return;
	}
	add_match(&(struct target){ .l = l, .provider = provider, .entry = entry }, json_get(m, "match"));
	l->report->models++;
}

static uint32_t add_provider(struct price_loader *l, const struct json *p)
{
	struct price_table *t = l->table;
	slice id = table_lower(t, slice_trim(text_of(l, json_get(p, "id"))));
	uint32_t known = id.len ? table_named(t, id) : NO_PROVIDER;
	if (known != NO_PROVIDER || !id.len)
		return known;
	uint32_t provider = table_provider(t, id);
	struct target to = { .l = l, .provider = provider, .entry = NO_ENTRY };
	const struct json *names = json_get(p, "provider_match"), *models = json_get(p, "model_match"),
	                  *fallbacks = json_get(p, "fallback_model_providers");
	if (names && names->type == JSON_OBJECT)
		add_match(&to, names);
	to.infer = true;
	if (models && models->type == JSON_OBJECT)
		add_match(&to, models);
	if (!fallbacks || fallbacks->type != JSON_ARRAY)
		return provider;
	for (const struct json *f = json_first(fallbacks, NULL); f; f = json_next(fallbacks, f, NULL)) {
		uint32_t other = table_provider(t, text_of(l, f));
		struct price_provider *me = &t->providers.v[provider];
		if (other != NO_PROVIDER && me->n_fallback < TABLE_FALLBACKS)
			me->fallback[me->n_fallback++] = other;
	}
	return provider;
}

void load_genai_prices(struct price_loader *l, const struct json *root)
{
	for (const struct json *p = json_first(root, NULL); p; p = json_next(root, p, NULL)) {
		uint32_t provider = p->type == JSON_OBJECT ? add_provider(l, p) : NO_PROVIDER;
		const struct json *models = json_get(p, "models");
		if (provider == NO_PROVIDER || !models || models->type != JSON_ARRAY) {
			loader_note(l, &l->report->skipped, "a provider without id or models");
			continue;
		}
		for (const struct json *m = json_first(models, NULL); m; m = json_next(models, m, NULL))
			add_model(l, provider, m);
	}
}
