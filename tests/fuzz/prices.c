/* prices.c - any text as a price file: refused with a reason, or a table whose answers obey the rules.
 * The last bytes are a model name; the same text loads the same table; amounts are finite and add up. */
#include <math.h>

#include "lib/genai/pricing.h"
#define REQUIRE(x) ((x) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void price(const struct price_match *m, int64_t tokens)
{
	struct price_cost c;
	const struct price_usage u = { tokens, tokens / 3, tokens / 5, tokens / 7, tokens / 8, tokens / 4, tokens / 9,
		0, 0 };
	char label[PRICE_LABEL_MAX];
	prices_label(m, label);
	REQUIRE(m->multiplier_ppm == 1000000 && m->model.len <= PRICE_NAME_MAX && m->provider.len <= PRICE_NAME_MAX);
	prices_cost(m, &u, tokens * 1000003, &c);
	REQUIRE(c.total_pico >= 0 && isfinite(c.total) && c.total_pico >= c.prompt_pico &&
	        c.total_pico >= c.completion_pico);
	REQUIRE(c.status == PRICE_OK || (c.total_pico == 0 && c.n_lines == 0));
	int64_t sum = 0;
	for (size_t i = 0; i < c.n_lines; i++)
		sum += c.lines[i].tokens * c.lines[i].unit;
	REQUIRE(sum == c.total_pico);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t tail = size < 8 ? 0 : data[size - 1] % 7 + 1;
	struct price_text text = { "f", { (const char *)data, size - tail }, 0 };
	struct price_table *t[2];
	struct price_report r[2];
	struct err e = { .text = "" };
	for (int i = 0; i < 2; i++)
		t[i] = prices_new_of_texts(&text, 1, false, 1, &r[i], &e);
	REQUIRE(!t[0] == !t[1] && r[0].models == r[1].models && r[0].skipped == r[1].skipped);
	REQUIRE(t[0] || e.text[0]);
	if (!t[0])
		return 0;
	struct price_cache *cache = prices_cache_new(NULL);
	const char *providers[] = { "", "a", "openai", "newcomer" };
	for (size_t i = 0; i < COUNTOF(providers) * 4; i++) { /* each twice, for the cache */
		struct price_query q = { slice_of(providers[i / 4]), { (const char *)data + size - tail, tail },
			SLICE("m"), slice_of(i & 2 ? "zai" : "") };
		struct price_match a, b;
		enum price_status s = prices_resolve(t[0], cache, &q, &a);
		REQUIRE(s == prices_resolve(t[1], NULL, &q, &b));
		if (s != PRICE_OK)
			continue;
		REQUIRE(a.entry == b.entry && a.how == b.how && a.via == b.via && slice_eq(a.model, b.model));
		for (int64_t n = 0; n < INT64_C(1000000000); n = n * 3 + 1)
			price(&a, n);
	}
	prices_cache_free(cache);
	prices_free(t[0]);
	prices_free(t[1]);
	return 0;
}
