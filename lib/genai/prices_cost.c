/* prices_cost.c - tokens times prices, in integers; see pricing.h for the conventions.
 *
 * Every class of tokens is a part of another: cached and audio tokens of the input, the 1 h writes of the writes, reasoning and audio of the
 * output. A class with a price takes its tokens out of what contains it; one without leaves them there. A part larger than its
 * whole is an inconsistency when it is priced, except where the numbers say that an emitter does not include it (see adjust).
 */
#include <math.h>

#include "lib/genai/prices_table.h"

/* Times PRICE_MAX and ten classes it still fits 127 bits. */
_Static_assert(PRICE_TOKENS_MAX <= INT64_C(1000000000000000), "sums must fit u128");

static const char *const statuses[] = { "ok", "free", "unknown_provider", "unknown_model", "no_usage", "unpriced_unit",
	"inconsistent_usage" };
static const char *const classes[] = { "input", "cache read", "cache write", "cache write 1h", "audio input",
	"cached audio", "output", "reasoning", "audio output", "request fee" };

const char *price_status_name(enum price_status s)
{
	return statuses[s];
}

const char *price_class_name(enum price_class c)
{
	return classes[c];
}

void price_usage_clear(struct price_usage *u)
{
	*u = (struct price_usage){ -1, -1, -1, -1, -1, -1, -1, -1, -1 };
}

double prices_usd(int64_t pico)
{
	/* Two doubles that are exact have a correctly rounded quotient. */
	if (pico > -(INT64_C(1) << 53) && pico < INT64_C(1) << 53)
		return (double)pico / 1e12;
	/* The quotient keeps at least 80 bits and a sticky one for the rest, so that the conversion rounds the exact value, once. */
	uint64_t v = pico < 0 ? -(uint64_t)pico : (uint64_t)pico;
	int shift = __builtin_clzll(v) + 63;
	u128 wide = (u128)v << shift, one = UINT64_C(1000000000000);
	u128 q = wide / one | (wide % one != 0);
	double d = ldexp((double)q, -shift);
	return pico < 0 ? -d : d;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool row_holds(const struct price_row *r, int64_t at_s)
{
	int64_t of_day = at_s - floor_div(at_s, 86400) * 86400;
	switch (r->when) {
	case ROW_FROM:
		return at_s >= r->begin;
	case ROW_DAILY:
		return r->end < r->begin ? of_day >= r->begin || of_day < r->end
		                         : of_day >= r->begin && of_day < r->end;
	case ROW_ALWAYS:
	default:
		return true;
	}
}

/* The last row that holds at that time, else the first. */
static const struct price_row *row_at(const struct price_table *t, const struct price_entry *e, int64_t at_ns)
{
	const struct price_row *rows = &t->rows.v[e->first_row];
	int64_t at_s = floor_div(at_ns, INT64_C(1000000000));
	for (size_t i = e->n_rows; i-- > 0;)
		if (row_holds(&rows[i], at_s))
			return &rows[i];
	return rows;
}

static int64_t at_least_0(int64_t n)
{
	return n < 0 ? 0 : n;
}

/* Fills in what is absent and makes `u` inclusive where it cannot have been. */
static void adjust(struct price_usage *u, struct price_cost *c)
{
	u->cache_write_1h = at_least_0(u->cache_write_1h);
	u->cache_write = u->cache_write < 0 ? u->cache_write_1h : u->cache_write;
	u->cache_read = at_least_0(u->cache_read);
	u->reasoning = at_least_0(u->reasoning);
	u->audio_in = at_least_0(u->audio_in);
	u->audio_out = at_least_0(u->audio_out);
	u->cache_audio_read = at_least_0(u->cache_audio_read);
	u->input = at_least_0(u->input);
	u->output = at_least_0(u->output);
	if (u->cache_read + u->cache_write > u->input) {
		u->input += u->cache_read + u->cache_write;
		c->input_adjusted = true;
	}
	if (u->reasoning > u->output) {
		u->output += u->reasoning;
		c->output_adjusted = true;
	}
	c->input = u->input;
	c->output = u->output;
}

static bool beyond_reason(const struct price_usage *u)
{
	const int64_t counts[] = { u->input, u->output, u->cache_read, u->cache_write, u->cache_write_1h, u->reasoning,
		u->audio_in, u->audio_out, u->cache_audio_read };
	for (size_t i = 0; i < COUNTOF(counts); i++)
		if (counts[i] > PRICE_TOKENS_MAX)
			return true;
	return false;
}

/* The tokens billed in each class; false when a part is larger than its whole. */
static bool split(const struct price_usage *u, const int64_t *unit, int64_t *n)
{
	bool read = unit[BILL_CACHE_READ] >= 0, audio = unit[BILL_AUDIO_IN] >= 0;
	bool audio_read = unit[BILL_CACHE_AUDIO_READ] >= 0;
	memset(n, 0, N_BILL_CLASSES * sizeof(*n));
	n[BILL_CACHE_AUDIO_READ] = audio_read ? u->cache_audio_read : 0;
	n[BILL_CACHE_READ] = read ? u->cache_read - n[BILL_CACHE_AUDIO_READ] : 0;
	/* cached audio without a price of its own is billed as cached, not twice */
	n[BILL_AUDIO_IN] = audio ? u->audio_in - (audio_read || read ? u->cache_audio_read : 0) : 0;
	n[BILL_CACHE_WRITE_1H] = unit[BILL_CACHE_WRITE_1H] >= 0 ? u->cache_write_1h : 0;
	n[BILL_CACHE_WRITE] = unit[BILL_CACHE_WRITE] >= 0 ? u->cache_write - n[BILL_CACHE_WRITE_1H] : 0;
	n[BILL_INPUT] = u->input - n[BILL_CACHE_READ] - n[BILL_CACHE_AUDIO_READ] - n[BILL_AUDIO_IN] -
	        n[BILL_CACHE_WRITE] - n[BILL_CACHE_WRITE_1H];
	n[BILL_REASONING] = unit[BILL_REASONING] >= 0 ? u->reasoning : 0;
	n[BILL_AUDIO_OUT] = unit[BILL_AUDIO_OUT] >= 0 ? u->audio_out : 0;
	n[BILL_OUTPUT] = u->output - n[BILL_REASONING] - n[BILL_AUDIO_OUT];
	n[BILL_REQUEST] = 1;
	for (size_t i = 0; i < N_BILL_CLASSES; i++)
		if (n[i] < 0)
			return false;
	return true;
}

static bool is_completion(enum price_class c)
{
	return c == BILL_OUTPUT || c == BILL_REASONING || c == BILL_AUDIO_OUT;
}

static u128 scaled(u128 sum, int64_t ppm)
{
	return ppm == PPM ? sum : (sum * (u128)(uint64_t)ppm + (u128)(PPM / 2)) / (u128)PPM;
}

static void bill(const struct price_tier *tier, const int64_t *n, int64_t ppm, struct price_cost *c)
{
	u128 prompt = 0, completion = 0, fee = 0;
	for (size_t i = 0; i < N_BILL_CLASSES; i++) {
		if (tier->unit[i] < 0 || !n[i])
			continue;
		u128 amount = (u128)(uint64_t)n[i] * (u128)(uint64_t)tier->unit[i];
		c->lines[c->n_lines++] = (struct price_line){ (enum price_class)i, n[i], tier->unit[i] };
		if (i == BILL_REQUEST)
			fee += amount;
		else if (is_completion((enum price_class)i))
			completion += amount;
		else
			prompt += amount;
	}
	bool too_much = prompt + completion + fee > (u128)INT64_MAX;
	prompt = too_much ? 0 : scaled(prompt, ppm);
	completion = too_much ? 0 : scaled(completion, ppm);
	u128 total = prompt + completion + scaled(too_much ? 0 : fee, ppm);
	if (too_much || total > (u128)INT64_MAX) {
		c->status = PRICE_INCONSISTENT_USAGE;
		c->n_lines = 0;
		return;
	}
	c->prompt_pico = (int64_t)prompt;
	c->completion_pico = (int64_t)completion;
	c->total_pico = (int64_t)total;
	c->prompt = prices_usd(c->prompt_pico);
	c->completion = prices_usd(c->completion_pico);
	c->total = prices_usd(c->total_pico);
}

static bool is_free(const struct price_tier *tiers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t c = 0; c < N_BILL_CLASSES; c++)
			if (tiers[i].unit[c] > 0)
				return false;
	return true;
}

void prices_cost(const struct price_match *m, const struct price_usage *usage, int64_t at_ns, struct price_cost *c)
{
	const struct price_table *t = m->table;
	const struct price_row *row = row_at(t, &t->entries.v[m->entry], at_ns);
	const struct price_tier *tiers = row->n_tiers ? &t->tiers.v[row->first_tier] : NULL, *tier = tiers;
	struct price_usage u = *usage;
	int64_t n[N_BILL_CLASSES];
	memset(c, 0, offsetof(struct price_cost, lines)); /* these are set as they come */
	c->above = -1;
	if (row->unpriced || is_free(tiers, row->n_tiers)) {
		c->status = row->unpriced ? PRICE_UNPRICED_UNIT : PRICE_FREE;
		return;
	}
	if (u.input < 0 && u.output < 0 && u.cache_read <= 0 && u.cache_write <= 0) {
		c->status = PRICE_NO_USAGE;
		return;
	}
	if (beyond_reason(&u)) {
		c->status = PRICE_INCONSISTENT_USAGE;
		return;
	}
	adjust(&u, c);
	for (size_t i = 1; i < row->n_tiers && u.input > tiers[i].above; i++)
		tier = &tiers[i];
	c->above = tier->above;
	if (!split(&u, tier->unit, n)) {
		c->status = PRICE_INCONSISTENT_USAGE;
		return;
	}
	bill(tier, n, m->multiplier_ppm, c);
}
