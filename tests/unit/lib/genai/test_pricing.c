/* test_pricing.c - what names mean and what tokens cost, on a small table of its own; tests/mutation/prices breaks the code under it.
 *
 * Amounts are worked out by hand in pico-USD: 1 USD per million tokens is 1000000 per token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/genai/pricing.h"

#define M INT64_C(1000000)
#define DAY INT64_C(86400)
#define NS INT64_C(1000000000)
#define JUNE_10 (INT64_C(20249) * DAY) /* 2025-06-10 */

static const char facts[] =
        "weir-prices\t1\n"
        "# a comment\n"
        "date\t2026-01-02\n"
        "provider\tresell\tacme other\n"
        "provider\tacme\n"
        "provider\tother\n"
        "provider\taws\n"
        "alias\tacme\tacme.ai *acme-cloud*\n"
        "alias\taws\taws.bedrock\n"
        "infer\taws\teu.*\n"
        "infer\tacme\tzed-*!-tts plain\n"
        "model\tacme\tplain\t= plain-####-##-## ft:plain* ft:plain-x*\tin=2.5 read=1.25 write=3 write1h=5 out=10\n"
        "model\tacme\ttiered\t=\tin=1>200000:2 read=0.1>200000:0.2 write=2>200000:4 out=4>200000:8>400000:16\n"
        "model\tacme\tbare\t= *-bare *mid-bare*\tin=1 out=2\n"
        "model\tacme\tdated\t=\tin=10 out=40\tfrom=2025-06-10 in=2 out=8\n"
        "model\tacme\thourly\t=\tin=1 out=1\tutc=16:30-00:30 in=0.5 out=0.5\tutc=17:00-17:01 in=7 out=7\n"
        "model\tacme\tasked\t=\tin=1 out=1 request=12\n"
        "model\tacme\tthinker\t=\tin=2 out=8 reasoning=3\n"
        "model\tacme\tvoice\t=\tin=1 read=0.5 out=2 audio_in=10 audio_out=20 audio_read=4\n"
        "model\tacme\tvoice2\t=\tin=1 read=0.5 out=2 audio_in=10\n"
        "model\tacme\tembed\t=\tin=0.02\n"
        "model\tacme\tgift\t=\tfree\n"
        "model\tacme\tpages\t=\tunit=input_pages\n"
        "model\tacme\tZed-1\tzed-1 zed-1*!-tts\tin=1 out=1\n"
        "model\tother\town\t=\tin=3 out=3\n"
        "model\tresell\tresold\t=\tin=4 out=4\n"
        "model\taws\tregional.claude\tanthropic.claude-v1:0\tin=5 out=5\n"
        "model\tacme\taccounts/acme/models/deep\t=\tin=6 out=6\n"
        "model\topenrouter\tacme/plain\t=\tin=7 out=7\n"
        "model\tdashscope\tq\t=\tin=8 out=8\n"
        "model\tzai\tglm\t=\tin=9 out=9\n"
        "model\tzhipu\tglm\t=\tin=10 out=10\n"
        "model\thuggingface_groq\tl\t=\tin=11 out=11\n"
        "model\thuggingface_nscale\tl\t=\tin=12 out=12\n";

static struct price_table *table;

static int set_up(void **state UNUSED)
{
	struct err e;
	table = prices_new_of_texts(&(struct price_text){ "facts", slice_of(facts), 0 }, 1, false, 1, NULL, &e);
	if (!table)
		print_message("%s\n", e.text);
	return table ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
	prices_free(table);
	return 0;
}

static enum price_status resolve(const char *provider, const char *model, struct price_match *m)
{
	return prices_resolve(
	        table, NULL, &(struct price_query){ slice_of(provider), slice_of(model), { 0 }, { 0 } }, m);
}

/* "acme/plain how,via" or the status. */
static const char *say(enum price_status s, const struct price_match *m)
{
	static char text[PRICE_LABEL_MAX + PRICE_HOW_MAX];
	char how[PRICE_HOW_MAX];
	if (s != PRICE_OK)
		return price_status_name(s);
	prices_how(m, how);
	snprintf(text, sizeof(text), "%.*s/%.*s %s", SLICE_ARG(m->provider), SLICE_ARG(m->model), how);
	return text;
}

static const struct {
	const char *provider, *model, *want;
} name_rows[] = {
	{ "acme", "plain", "acme/plain exact" },
	{ " ACME ", " Plain\t", "acme/plain exact" },
	{ "acme.ai", "plain", "acme/plain exact" },
	{ "my-acme-cloud-eu", "plain", "acme/plain exact" },
	{ "acme", "zed-1", "acme/Zed-1 exact" },
	{ "acme", "zed-1-turbo", "acme/Zed-1 prefix" },
	{ "acme", "zed-1-tts-x", "unknown_model" },
	{ "acme", "plain-2024-08-06", "acme/plain dated" },
	{ "acme", "plain-20240806", "acme/plain dated, date spelling" },
	{ "acme", "plain-20240806x", "unknown_model" },
	{ "acme", "plain-20241306", "unknown_model" },
	{ "acme", "ft:plain-2024:org::id", "acme/plain prefix" },
	{ "acme", "x-bare", "acme/bare suffix" },
	{ "acme", "a-mid-bare-b", "acme/bare substring" },
	{ "acme", "acme/bare", "acme/bare exact, path stripped" },
	{ "acme", "litellm/acme/bare", "acme/bare exact, path stripped" },
	{ "acme", "models/bare", "acme/bare exact, path stripped" },
	{ "acme", "projects/p/locations/l/publishers/acme/models/bare", "acme/bare exact, path stripped" },
	{ "acme", "nobody/bare", "unknown_model" },
	{ "acme", "bare-2024-08-06", "acme/bare exact, date stripped" },
	{ "acme", "bare@20240806", "acme/bare exact, date stripped" },
	{ "acme", "bare-latest", "unknown_model" },
	{ "acme", "bare:free", "unknown_model" },
	{ "acme", "own", "unknown_model" },
	{ "resell", "resold", "resell/resold exact" },
	{ "resell", "own", "other/own exact, fallback provider" },
	{ "resell", "plain-2024-08-06", "acme/plain dated, fallback provider" },
	{ "aws.bedrock", "anthropic.claude-v1:0", "aws/regional.claude exact" },
	{ "aws.bedrock", "eu.anthropic.claude-v1:0", "aws/regional.claude exact, region stripped" },
	{ "aws.bedrock", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v1:0",
	        "aws/regional.claude exact, path stripped" },
	{ "aws.bedrock", "bedrock/us-east-1/anthropic.claude-v1:0", "aws/regional.claude exact, path stripped" },
	{ "", "eu.anthropic.claude-v1:0", "aws/regional.claude exact, inferred provider, region stripped" },
	{ "", "zed-1", "acme/Zed-1 exact, inferred provider" },
	{ "", "acme/bare", "acme/bare exact, inferred provider, path stripped" },
	{ "", "zed-2", "unknown_model" },
	{ "", "bare", "unknown_provider" },
	{ "", "", "unknown_provider" },
	{ "ollama", "plain", "unknown_provider" },
	/* one head after the other, the least taken off first */
	{ "", "openrouter/acme/plain", "openrouter/acme/plain exact, inferred provider, path stripped" },
	{ "", "litellm/openrouter/acme/plain", "openrouter/acme/plain exact, inferred provider, path stripped" },
	{ "openrouter", "openrouter/acme/plain", "openrouter/acme/plain exact, path stripped" },
	{ "openrouter", "acme/plain-2024-08-06", "openrouter/acme/plain exact, date stripped" },
	{ "", "openrouter/acme/bare", "acme/bare exact, inferred provider, path stripped" },
	{ "", "openrouter/acme/zed-1-x", "acme/Zed-1 prefix, inferred provider, path stripped" },
	{ "", "openrouter/nobody/bare", "unknown_model" },
	{ "", "acme/other/own", "unknown_model" },
	{ "openrouter", "openrouter/acme/bare", "acme/bare exact, inferred provider, path stripped" },
	{ "openrouter", "litellm/openrouter/acme/bare", "acme/bare exact, inferred provider, path stripped" },
	{ "openrouter", "openrouter/nobody/bare", "unknown_model" },
	{ "openrouter", "acme/bare", "unknown_model" },
	{ "acme", "openrouter/other/own", "unknown_model" },
	{ "resell", "openrouter/acme/regional.claude", "unknown_model" },
	{ "", "litellm/zed-1", "acme/Zed-1 exact, inferred provider, path stripped" },
	{ "", "litellm/bare", "unknown_provider" },
	{ "", "kong/truefoundry/zed-1", "acme/Zed-1 exact, inferred provider, path stripped" },
	{ "", "langchain/zed-1", "acme/Zed-1 exact, inferred provider, path stripped" },
	{ "", "gate/zed-1", "unknown_provider" },
	{ "acme", "acme/accounts/acme/models/deep", "acme/accounts/acme/models/deep exact, path stripped" },
	{ "acme", "acme/accounts/acme/models/bare", "acme/bare exact, path stripped" },
	{ "acme", "acme/acme/acme/acme/bare", "acme/bare exact, path stripped" },
	{ "acme", "acme/acme/acme/acme/acme/bare", "unknown_model" },
	{ "aws", "aws/eu.anthropic.claude-v1:0", "aws/regional.claude exact, path stripped, region stripped" },
	/* the names that a normaliser writes */
	{ "alibaba", "q", "dashscope/q exact" },
	{ "Qwen", "q", "dashscope/q exact" },
	{ "tongyi.chat", "q", "dashscope/q exact" },
	{ "zhipu_ai", "glm", "zhipu/glm exact" },
	{ "zai", "glm", "zai/glm exact" },
	{ "z.ai", "glm", "zhipu/glm exact" },
	{ "huggingface", "l", "unknown_provider" },
	{ "huggingface_novita", "l", "unknown_provider" },
	{ "huggingface_nscale", "l", "huggingface_nscale/l exact" },
	{ "acme", "", "unknown_model" },
};

static void names(void **state UNUSED)
{
	struct price_match m;
	for (size_t i = 0; i < COUNTOF(name_rows); i++)
		assert_string_equal(say(resolve(name_rows[i].provider, name_rows[i].model, &m), &m), name_rows[i].want);
}

static void response_model_first(void **state UNUSED)
{
	struct price_match m;
	struct price_query q = { SLICE("acme"), SLICE("plain"), SLICE("bare"), { 0 } };
	assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), "acme/plain exact");
	q.response_model = SLICE("my-deployment");
	assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), "acme/bare exact, request model");
	q.response_model = (slice){ 0 };
	assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), "acme/bare exact");
	q.request_model = SLICE("nothing");
	assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), "unknown_model");
}

static void member_first(void **state UNUSED)
{
	struct price_match m;
	struct price_query q = { SLICE("zhipu_ai"), SLICE("glm"), { 0 }, SLICE("zai") };
	assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), "zai/glm exact");
	q = (struct price_query){ SLICE("zhipu_ai"), SLICE("x"), SLICE("glm"), SLICE("zai") };
	assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), "zai/glm exact, request model");
	q = (struct price_query){ SLICE("acme"), SLICE("bare"), { 0 }, SLICE("zai") };
	assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), "acme/bare exact");
	q = (struct price_query){ SLICE("acme"), SLICE("x"), { 0 }, SLICE("nobody") };
	assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), "unknown_model");
}

/* Local providers cost nothing and gateways are not asked, whatever the table says, and what is remembered is the same. */
static void names_before_the_table(void **state UNUSED)
{
	static const struct {
		const char *provider, *member, *model, *with, *without;
	} rows[] = {
		{ "Acme", "", "bare", "free", "acme/bare exact" },
		{ "acme", "zai", "glm", "free", "zai/glm exact" },
		{ "ZAI", "", "glm", "unknown_provider", "zai/glm exact" },
		{ "kong", "zai", "glm", "unknown_provider", "zai/glm exact" },
		{ "kong", "", "zed-1", "acme/Zed-1 exact, inferred provider", "unknown_provider" },
		{ "zhipu_ai", "zai", "glm", "zai/glm exact", "zai/glm exact" },
	};
	slice local = SLICE("acme"), gateways[] = { SLICE("zai"), SLICE("kong") };
	const struct conf_strs lists[] = { { &local, 1 }, { gateways, 2 } };
	const struct price_names before = { &lists[0], &lists[1] };
	struct price_cache *cache = prices_cache_new(&before);
	for (size_t i = 0; i < 2 * COUNTOF(rows); i++) {
		size_t at = i % COUNTOF(rows);
		struct price_match m;
		struct price_query q = { slice_of(rows[at].provider), slice_of(rows[at].model), { 0 },
			slice_of(rows[at].member) };
		assert_string_equal(say(prices_resolve(table, cache, &q, &m), &m), rows[at].with);
		assert_string_equal(say(prices_resolve(table, NULL, &q, &m), &m), rows[at].without);
	}
	prices_cache_free(cache);
}

static void long_names(void **state UNUSED)
{
	char text[PRICE_NAME_MAX + 2];
	struct price_match m;
	memset(text, 'a', sizeof(text));
	memcpy(text, "ft:plain", 8);
	struct price_query q = { SLICE("acme"), { text, PRICE_NAME_MAX }, { 0 }, { 0 } };
	assert_int_equal(prices_resolve(table, NULL, &q, &m), PRICE_OK);
	q.response_model.len++;
	assert_int_equal(prices_resolve(table, NULL, &q, &m), PRICE_UNKNOWN_MODEL);
	q.provider = q.response_model;
	assert_int_equal(prices_resolve(table, NULL, &q, &m), PRICE_UNKNOWN_PROVIDER);
	/* a name of full length whose rewritten date would not fit */
	memcpy(text + PRICE_NAME_MAX - 9, "-20240806", 9);
	q = (struct price_query){ SLICE("acme"), { text, PRICE_NAME_MAX }, { 0 }, { 0 } };
	assert_int_equal(prices_resolve(table, NULL, &q, &m), PRICE_OK);
}

struct sum {
	const char *model;
	struct price_usage usage;
	int64_t at_s;
	enum price_status status;
	int64_t prompt, completion, total;
	bool input_adjusted, output_adjusted;
};

static void costs(const char *provider, const struct sum *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct sum *r = &rows[i];
		struct price_match m;
		struct price_cost c;
		int64_t lines = 0;
		assert_int_equal(resolve(provider, r->model, &m), PRICE_OK);
		prices_cost(&m, &r->usage, r->at_s * NS, &c);
		if (c.total_pico != r->total)
			print_message("row %zu (%s)\n", i, r->model);
		assert_string_equal(price_status_name(c.status), price_status_name(r->status));
		assert_int_equal(c.prompt_pico, r->prompt);
		assert_int_equal(c.completion_pico, r->completion);
		assert_int_equal(c.total_pico, r->total);
		assert_int_equal(c.input_adjusted, r->input_adjusted);
		assert_int_equal(c.output_adjusted, r->output_adjusted);
		for (size_t k = 0; k < c.n_lines; k++)
			lines += c.lines[k].tokens * c.lines[k].unit;
		assert_int_equal(lines, r->total);
		assert_true(c.total == (double)r->total / 1e12);
	}
}

#define U(...)              \
	{                   \
		__VA_ARGS__ \
	}

static void arithmetic(void **state UNUSED)
{
	static const struct sum rows[] = {
		{ "plain", U(.input = 1000, .output = 100), 0, PRICE_OK, 2500 * M, 1000 * M, 3500 * M, false, false },
		/* cached tokens are part of the input */
		{ "plain", U(.input = 1000, .cache_read = 400), 0, PRICE_OK, 600 * 2500000 + 400 * 1250000, 0, 2000 * M,
		        false, false },
		{ "plain", U(.input = 1000, .cache_write = 400), 0, PRICE_OK, 2700 * M, 0, 2700 * M, false, false },
		{ "plain", U(.input = 1000, .cache_write = 400, .cache_write_1h = 100), 0, PRICE_OK, 2900 * M, 0,
		        2900 * M, false, false },
		{ "plain", U(.input = 1000, .cache_write = -1, .cache_write_1h = 100), 0, PRICE_OK, 2750 * M, 0,
		        2750 * M, false, false },
		{ "plain", U(.input = 1000, .cache_write = 50, .cache_write_1h = 100), 0, PRICE_INCONSISTENT_USAGE, 0,
		        0, 0, false, false },
		/* without a price of their own they cost what input costs */
		{ "bare", U(.input = 1000, .output = 10, .cache_read = 400, .cache_write = 100), 0, PRICE_OK, 1000 * M,
		        20 * M, 1020 * M, false, false },
		/* more cached than input: the input did not include them */
		{ "plain", U(.input = 100, .cache_read = 400, .cache_write = 100), 0, PRICE_OK,
		        250 * M + 500 * M + 300 * M, 0, 1050 * M, true, false },
		{ "plain", U(.input = -1, .output = -1, .cache_read = 400), 0, PRICE_OK, 500 * M, 0, 500 * M, true,
		        false },
		{ "plain", U(.input = 500, .cache_read = 400, .cache_write = 100), 0, PRICE_OK, 800 * M, 0, 800 * M,
		        false, false },
		/* reasoning is part of the output, unless there is more of it */
		{ "thinker", U(.input = 0, .output = 100, .reasoning = 40), 0, PRICE_OK, 0, 60 * 8 * M + 40 * 3 * M,
		        600 * M, false, false },
		{ "bare", U(.input = 0, .output = 100, .reasoning = 40), 0, PRICE_OK, 0, 200 * M, 200 * M, false,
		        false },
		{ "bare", U(.input = 0, .output = 10, .reasoning = 40), 0, PRICE_OK, 0, 100 * M, 100 * M, false, true },
		/* audio, cached audio */
		{ "voice", U(.input = 100, .output = 30, .audio_in = 40, .audio_out = 10), 0, PRICE_OK,
		        60 * M + 400 * M, 40 * M + 200 * M, 700 * M, false, false },
		{ "voice", U(.input = 100, .cache_read = 30, .audio_in = 40, .cache_audio_read = 10), 0, PRICE_OK,
		        40 * M + 10 * M + 300 * M + 40 * M, 0, 390 * M, false, false },
		{ "voice2", U(.input = 100, .cache_read = 30, .audio_in = 40, .cache_audio_read = 10), 0, PRICE_OK,
		        40 * M + 15 * M + 300 * M, 0, 355 * M, false, false },
		{ "voice", U(.input = 10, .audio_in = 40), 0, PRICE_INCONSISTENT_USAGE, 0, 0, 0, false, false },
		{ "bare", U(.input = 10, .audio_in = 40), 0, PRICE_OK, 10 * M, 0, 10 * M, false, false },
		/* the fee is in the total only */
		{ "asked", U(.input = 10, .output = 1), 0, PRICE_OK, 10 * M, 1 * M, 11 * M + 12000 * M, false, false },
		{ "embed", U(.input = 1000, .output = 7), 0, PRICE_OK, 20 * M, 0, 20 * M, false, false },
		{ "embed", U(.input = 1000, .output = -1), 0, PRICE_OK, 20 * M, 0, 20 * M, false, false },
		{ "gift", U(.input = 1000), 0, PRICE_FREE, 0, 0, 0, false, false },
		{ "pages", U(.input = 1000), 0, PRICE_UNPRICED_UNIT, 0, 0, 0, false, false },
		{ "plain", U(.input = -1, .output = -1, .reasoning = 3), 0, PRICE_NO_USAGE, 0, 0, 0, false, false },
		{ "plain", U(.input = 0), 0, PRICE_OK, 0, 0, 0, false, false },
		{ "plain", U(.input = INT64_MAX), 0, PRICE_INCONSISTENT_USAGE, 0, 0, 0, false, false },
		{ "plain", U(.input = INT64_C(1000000000000000)), 0, PRICE_INCONSISTENT_USAGE, 0, 0, 0, false, false },
	};
	costs("acme", rows, COUNTOF(rows));
}

static void tiers(void **state UNUSED)
{
	static const struct sum rows[] = {
		{ "tiered", U(.input = 200000, .output = 1), 0, PRICE_OK, 200000 * M, 4 * M, 200004 * M, false, false },
		/* one token more, and everything costs more, output included */
		{ "tiered", U(.input = 200001, .output = 1), 0, PRICE_OK, 400002 * M, 8 * M, 400010 * M, false, false },
		/* cached tokens count for the threshold */
		{ "tiered", U(.input = 200001, .output = 1, .cache_read = 200000), 0, PRICE_OK, 2 * M + 40000 * M,
		        8 * M, 40010 * M, false, false },
		{ "tiered", U(.input = 200001, .output = 1, .cache_write = 200000), 0, PRICE_OK, 2 * M + 800000 * M,
		        8 * M, 800010 * M, false, false },
		/* the second threshold is the output's alone */
		{ "tiered", U(.input = 400001, .output = 1), 0, PRICE_OK, 800002 * M, 16 * M, 800018 * M, false,
		        false },
		{ "tiered", U(.input = 1, .output = 300000), 0, PRICE_OK, 1 * M, 1200000 * M, 1200001 * M, false,
		        false },
		/* what the adjustment makes of the input counts */
		{ "tiered", U(.input = 1, .output = 1, .cache_read = 200000), 0, PRICE_OK, 2 * M + 40000 * M, 8 * M,
		        40010 * M, true, false },
	};
	costs("acme", rows, COUNTOF(rows));
}

static void times(void **state UNUSED)
{
	static const struct price_usage one = U(.input = 1);
	static const struct {
		const char *model;
		int64_t at_ns, unit;
	} rows[] = {
		{ "dated", JUNE_10 * NS - 1, 10 * M },
		{ "dated", JUNE_10 * NS, 2 * M },
		{ "dated", -1, 10 * M },
		{ "hourly", JUNE_10 * NS + (16 * 3600 + 1800) * NS - 1, M },
		{ "hourly", JUNE_10 * NS + (16 * 3600 + 1800) * NS, M / 2 },
		{ "hourly", JUNE_10 * NS + 86399 * NS, M / 2 },
		{ "hourly", JUNE_10 * NS, M / 2 },
		{ "hourly", JUNE_10 * NS + 1799 * NS, M / 2 },
		{ "hourly", JUNE_10 * NS + 1800 * NS, M },
		{ "hourly", -1, M / 2 },
		{ "hourly", JUNE_10 * NS + 17 * 3600 * NS, 7 * M }, /* of two that hold the later line counts */
		{ "hourly", JUNE_10 * NS + (17 * 3600 + 60) * NS, M / 2 },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct price_match m;
		struct price_cost c;
		assert_int_equal(resolve("acme", rows[i].model, &m), PRICE_OK);
		prices_cost(&m, &one, rows[i].at_ns, &c);
		assert_int_equal(c.total_pico, rows[i].unit);
	}
}

/* The double nearest to n / 10^12: its error, computed in extended precision, is not larger than its neighbours'. */
static void nearest_double(void **state UNUSED)
{
	unsigned seed = (unsigned)rand();
	static const int64_t some[] = { 0, 1, 3, 999999999999, 1000000000001, (INT64_C(1) << 53) - 1, INT64_C(1) << 53,
		(INT64_C(1) << 53) + 1, INT64_MAX, INT64_MAX - 1, INT64_C(1234567890123456789), -1, -INT64_MAX };
	print_message("seed %u\n", seed);
	for (int i = 0; i < 20000; i++) {
		int64_t n = i < (int)COUNTOF(some)
		        ? some[i]
		        : ((int64_t)rand_r(&seed) << 32 | rand_r(&seed)) >> rand_r(&seed) % 62;
		char text[64], *end;
		uint64_t mag = n < 0 ? -(uint64_t)n : (uint64_t)n;
		snprintf(text, sizeof(text), "%s%llu.%012llu", n < 0 ? "-" : "",
		        (unsigned long long)(mag / 1000000000000u), (unsigned long long)(mag % 1000000000000u));
		double want = strtod(text, &end); /* the C library rounds decimal text correctly */
		assert_true(prices_usd(n) == want);
	}
}

static void label(void **state UNUSED)
{
	struct price_match m;
	char text[PRICE_LABEL_MAX];
	assert_int_equal(resolve("resell", "own", &m), PRICE_OK);
	prices_label(&m, text);
	assert_string_equal(text, "other/own@2026-01-02");
	assert_int_equal(prices_date(table), INT64_C(20455) * DAY);
	assert_int_equal(prices_count(table), 23);
}

int main(void)
{
	srand((unsigned)getpid());
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(response_model_first),
		cmocka_unit_test(member_first),
		cmocka_unit_test(names_before_the_table),
		cmocka_unit_test(long_names),
		cmocka_unit_test(arithmetic),
		cmocka_unit_test(tiers),
		cmocka_unit_test(times),
		cmocka_unit_test(nearest_double),
		cmocka_unit_test(label),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
