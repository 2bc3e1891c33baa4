/* prices_tsv.c - the native price file; prices/README.md describes the lines and columns.
 *
 * The built-in facts and a user's file come through here alike. A line that is not understood refuses the whole file, with its number:
 * the file is written for weir, so a mistake in it is a mistake and not another dialect.
 */
#include <stdarg.h>
#include <stdio.h>

#include "lib/base/parse.h"
#include "lib/genai/prices_table.h"

struct reader {
	struct price_loader *l;
	struct err *e;
	slice rest; /* of the text */
	uint32_t line;
	bool has_layer;
	slice date;
	int64_t date_s;
};

/* The text up to `sep` or the end, which is taken off *s together with the separator. */
static slice take(slice *s, char sep)
{
	const char *end = s->len ? memchr(s->p, sep, s->len) : NULL;
	slice head = { s->p, end ? (size_t)(end - s->p) : s->len };
	size_t used = head.len + (end != NULL);
	*s = (slice){ s->p + used, s->len - used };
	return head;
}

static slice take_word(slice *s)
{
	slice word = { 0 };
	while (s->len && !word.len)
		word = take(s, ' ');
	return word;
}

/* The name goes into the text: the place of an err must outlive it, and the name dies with the table that was not made. */
static int PRINTF(2, 3) fail(struct reader *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(r->e, "%s:%u: %s", r->l->name, r->line, text);
}

static uint32_t provider_of(struct reader *r, slice name)
{
	struct price_table *t = r->l->table;
	slice lower = table_lower(t, slice_trim(name));
	uint32_t p = fold_provider(t, lower);
	return p != NO_PROVIDER ? p : table_provider(t, lower);
}

static int read_provider(struct reader *r, slice rest)
{
	struct price_table *t = r->l->table;
	slice id = take(&rest, '\t'), fallbacks = take(&rest, '\t');
	uint32_t known = table_named(t, table_lower(t, slice_trim(id)));
	uint32_t p = known != NO_PROVIDER ? known : table_provider(t, id);
	if (p == NO_PROVIDER)
		return fail(r, "a provider needs an id of at most %d bytes", PRICE_NAME_MAX);
	for (slice word; (word = take_word(&fallbacks)).len;) {
		uint32_t f = table_provider(t, word);
		struct price_provider *provider = &t->providers.v[p];
		if (f == NO_PROVIDER || provider->n_fallback == TABLE_FALLBACKS)
			return fail(r, "at most %d fallbacks", TABLE_FALLBACKS);
		provider->fallback[provider->n_fallback++] = f;
	}
	return 0;
}

static int read_names(struct reader *r, slice rest, void (*add)(struct price_table *, uint32_t, slice))
{
	slice id = take(&rest, '\t'), words = take(&rest, '\t');
	uint32_t p = provider_of(r, id);
	if (p == NO_PROVIDER)
		return fail(r, "a provider is missing");
	for (slice word; (word = take_word(&words)).len;) {
		if (word.len > PRICE_NAME_MAX)
			return fail(r, "a name longer than %d bytes", PRICE_NAME_MAX);
		add(r->l->table, p, word);
	}
	return 0;
}

/* "00:30" */
static int read_minutes(slice s, int64_t *seconds)
{
	uint64_t h, m;
	if (s.len != 5 || s.p[2] != ':' || parse_u64((slice){ s.p, 2 }, &h) || parse_u64((slice){ s.p + 3, 2 }, &m) ||
	        h > 23 || m > 59)
		return -1;
	*seconds = (int64_t)(h * 3600 + m * 60);
	return 0;
}

static int read_when(struct reader *r, slice key, slice value, struct price_row *row)
{
	if (row->when != ROW_ALWAYS)
		return fail(r, "one of from= and utc= a column");
	if (slice_is(key, "from")) {
		row->when = ROW_FROM;
		return price_date(value, &row->begin) ? fail(r, "not a date: %.*s", SLICE_ARG(value)) : 0;
	}
	row->when = ROW_DAILY;
	slice begin = take(&value, '-');
	if (read_minutes(begin, &row->begin) || read_minutes(value, &row->end))
		return fail(r, "not a window of the day (HH:MM-HH:MM)");
	return 0;
}

static const struct {
	const char *key;
	enum price_class class;
	int64_t scale;
} keys[] = {
	{ "in", BILL_INPUT, PICO_PER_MTOK },
	{ "out", BILL_OUTPUT, PICO_PER_MTOK },
	{ "read", BILL_CACHE_READ, PICO_PER_MTOK },
	{ "write", BILL_CACHE_WRITE, PICO_PER_MTOK },
	{ "write1h", BILL_CACHE_WRITE_1H, PICO_PER_MTOK },
	{ "reasoning", BILL_REASONING, PICO_PER_MTOK },
	{ "audio_in", BILL_AUDIO_IN, PICO_PER_MTOK },
	{ "audio_out", BILL_AUDIO_OUT, PICO_PER_MTOK },
	{ "audio_read", BILL_CACHE_AUDIO_READ, PICO_PER_MTOK },
	{ "request", BILL_REQUEST, PICO_PER_K },
};

/* "2.5>200000:5" into every tier of the row; new thresholds have to come in ascending order. */
static int read_price(struct reader *r, slice key, slice value, struct tier_set *set)
{
	size_t k = 0;
	while (k < COUNTOF(keys) && !slice_is(key, keys[k].key))
		k++;
	if (k == COUNTOF(keys))
		return fail(r, "unknown price \"%.*s\"", SLICE_ARG(key));
	slice base = take(&value, '>');
	int64_t unit, above = -1;
	if (price_number(base, keys[k].scale, &unit))
		return fail(r, "not a price: %.*s", SLICE_ARG(base));
	tiers_put(set, keys[k].class, above, unit);
	while (value.len) {
		slice tier = take(&value, '>'), start = take(&tier, ':');
		int64_t last = above;
		if (parse_i64(start, &above) || above <= last || price_number(tier, keys[k].scale, &unit))
			return fail(r, "not a tier (>TOKENS:PRICE, ascending): %.*s", SLICE_ARG(start));
		if (tiers_put(set, keys[k].class, above, unit))
			return fail(r, "more than %d tiers", TIERS_MAX);
	}
	return 0;
}

static int read_row(struct reader *r, slice column, uint32_t entry)
{
	struct price_table *t = r->l->table;
	struct price_row *row = table_row(t, entry);
	struct tier_set set;
	set.n = 0;
	bool free_of_charge = false, any = false;
	for (slice word; (word = take_word(&column)).len; any = true) {
		slice value = word, key = take(&value, '=');
		int rc = 0;
		if (slice_is(key, "free"))
			free_of_charge = true;
		else if (slice_is(key, "unit"))
			row->unpriced = true;
		else if (slice_is(key, "from") || slice_is(key, "utc"))
			rc = read_when(r, key, value, row);
		else
			rc = read_price(r, key, value, &set);
		if (rc)
			return rc;
	}
	if (!any || free_of_charge + row->unpriced + (set.n > 0) != 1)
		return fail(r, "a column of prices has prices, or free, or unit=");
	tiers_store(t, row, &set);
	return 0;
}

static void begin_models(struct reader *r)
{
	if (r->has_layer)
		return;
	char date[16];
	if (!r->date.len) {
		r->date_s = r->l->date_s;
		price_format_date(r->date_s, date);
		r->date = slice_of(date);
	}
	table_layer(r->l->table, r->date, r->date_s);
	r->date = (slice){ 0 };
	r->has_layer = true;
}

static int read_model(struct reader *r, slice rest)
{
	struct price_table *t = r->l->table;
	slice provider = take(&rest, '\t'), model = take(&rest, '\t'), names = take(&rest, '\t');
	begin_models(r);
	uint32_t p = provider_of(r, provider);
	if (p == NO_PROVIDER || !model.len || model.len > PRICE_NAME_MAX || !names.len || !rest.len)
		return fail(r, "a model has the columns provider, id, names, prices");
	uint32_t entry = table_entry(t, p, model);
	for (slice word; (word = take_word(&names)).len;) {
		if (word.len > PRICE_NAME_MAX)
			return fail(r, "a name longer than %d bytes", PRICE_NAME_MAX);
		bool itself = slice_is(word, "=");
		if (!(itself ? table_name(t, p, entry, model, NAME_OWN) : table_pattern(t, p, entry, word)))
			loader_note(r->l, &r->l->report->duplicates,
			        "line %u: %.*s is given twice, the later one counts", r->line,
			        SLICE_ARG(itself ? model : word));
	}
	while (rest.len)
		if (read_row(r, take(&rest, '\t'), entry))
			return -1;
	r->l->report->models++;
	return 0;
}

static int read_line(struct reader *r, slice line)
{
	slice rest = line, word = take(&rest, '\t');
	if (slice_is(word, "model"))
		return read_model(r, rest);
	if (slice_is(word, "alias"))
		return read_names(r, rest, table_alias);
	if (slice_is(word, "infer"))
		return read_names(r, rest, table_infer);
	if (slice_is(word, "provider"))
		return read_provider(r, rest);
	if (slice_is(word, "source"))
		return 0;
	if (slice_is(word, "date")) {
		r->date = rest;
		return price_date(rest, &r->date_s) ? fail(r, "not a date: %.*s", SLICE_ARG(rest)) : 0;
	}
	return fail(r, "unknown line \"%.*s\"", SLICE_ARG(word));
}

int load_tsv(struct price_loader *l, struct err *e)
{
	struct reader r = { .l = l, .e = e, .rest = l->text };
	while (r.rest.len) {
		slice line = take(&r.rest, '\n');
		r.line++;
		if (line.len && line.p[line.len - 1] == '\r')
			line.len--;
		if (r.line == 1) {
			if (!slice_is(line, "weir-prices\t1"))
				return fail(&r, "the first line is not \"weir-prices<TAB>1\"");
		} else if (line.len && line.p[0] != '#' && read_line(&r, line)) {
			return -1;
		}
	}
	begin_models(&r);
	return 0;
}
