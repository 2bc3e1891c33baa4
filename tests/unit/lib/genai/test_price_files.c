/* test_price_files.c - price files of three formats, layers, overrides, mistakes; the built-in facts; the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/genai/pricing.h"

#define M INT64_C(1000000)

/* Written for this test; amounts are invented. */
static const char litellm[] =
        "{\"sample_spec\": {\"litellm_provider\": \"one of\", \"input_cost_per_token\": 0},\n"
        "\"gpt-4o\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06,\n"
        "  \"output_cost_per_token\": \"2e-06\", \"cache_read_input_token_cost\": 5E-07,\n"
        "  \"input_cost_per_token_flex\": 9, \"input_cost_per_token_above_128k_tokens\": 3e-6},\n"
        "\"xai/edge\": {\"litellm_provider\": \"xai\", \"input_cost_per_token\": 1e-6,\n"
        "  \"input_cost_per_token_above_128k_tokens\": 3e-6},\n"
        "\"newcomer/m-1\": {\"litellm_provider\": \"newcomer\", \"input_cost_per_token\": 4e-6},\n"
        "\"newcomer/m-2\": {\"litellm_provider\": \"newcomer\", \"input_cost_per_token\": 5e-6},\n"
        "\"m-2\": {\"litellm_provider\": \"newcomer\", \"input_cost_per_token\": 6e-6},\n"
        "\"ranged\": {\"litellm_provider\": \"newcomer\", \"tiered_pricing\": [\n"
        "  {\"input_cost_per_token\": 1e-6, \"range\": [0, 1000.0]},\n"
        "  {\"input_cost_per_token\": 2e-6, \"range\": [1000.0, 1e6]}]},\n"
        "\"picture\": {\"litellm_provider\": \"newcomer\", \"output_cost_per_image\": 0.04},\n"
        "\"nothing\": {\"litellm_provider\": \"newcomer\", \"input_cost_per_token\": 0, \"output_cost_per_token\": "
        "0.0},\n"
        "\"broken\": {\"litellm_provider\": \"newcomer\", \"input_cost_per_token\": \"a lot\"},\n"
        "\"stray\": {\"input_cost_per_token\": 1}}\n";

static const char genai[] = "[{\"id\": \"newcomer\", \"name\": \"New\", \"provider_match\": {\"and\": [{\"contains\": "
                            "\"new\"}, {\"contains\": \"comer\"}]},\n"
                            "\"model_match\": {\"regex\": \"^nc-\\\\d\"}, \"fallback_model_providers\": [\"openai\"],\n"
                            "\"models\": [\n"
                            "{\"id\": \"a\", \"match\": {\"or\": [{\"equals\": \"A\"}, {\"regex\": \"^a-\\\\d{8}$\"}, "
                            "{\"starts_with\": \"a.1\"},\n"
                            "  {\"ends_with\": \"-a\"}, {\"contains\": \"-a-\"}, {\"regex\": \"^(a|b)+$\"}]},\n"
                            " \"prices\": {\"input_mtok\": {\"base\": 1.5, \"tiers\": [{\"start\": 999, \"price\": "
                            "3}]}, \"output_mtok\": 2}},\n"
                            "{\"id\": \"b\", \"match\": {\"and\": [{\"starts_with\": \"b\"}, {\"regex\": "
                            "\"^(?!.*-[tT][tT][sS](?:$|-))\"}]},\n"
                            " \"prices\": [{\"prices\": {\"input_mtok\": 1}}, {\"constraint\": {\"start_time\": "
                            "\"22:00:00Z\", \"end_time\": \"02:00:00Z\",\n"
                            "  \"type\": \"time_of_date\"}, \"prices\": {\"input_mtok\": 2}},\n"
                            "  {\"constraint\": {\"start_date\": \"2026-01-01\"}, \"prices\": {\"input_mtok\": 3}}]},\n"
                            "{\"id\": \"c\", \"match\": {\"equals\": \"c\"}, \"prices\": {}},\n"
                            "{\"id\": \"d\", \"match\": {\"equals\": \"d\"}, \"prices\": {\"audio_hours\": 1}},\n"
                            "{\"id\": \"e\", \"match\": {\"equals\": \"e\"}, \"prices\": {\"input_mtok\": -1}}]}]\n";

static struct price_table *make(const char *const *texts, size_t n, bool builtin, struct price_report *r)
{
	struct price_text sources[4];
	struct err e;
	for (size_t i = 0; i < n; i++)
		sources[i] = (struct price_text){ "file", slice_of(texts[i]), INT64_C(1767225600) };
	struct price_table *t = prices_new_of_texts(sources, n, builtin, 1, r, &e);
	if (!t)
		print_message("%s\n", e.text);
	return t;
}

/* Pico-USD of 1000 input and 0 output tokens, or minus the status. */
static int64_t thousand(const struct price_table *t, const char *provider, const char *model, int64_t at_s)
{
	struct price_match m;
	struct price_cost c;
	struct price_query q = { slice_of(provider), slice_of(model), { 0 }, { 0 } };
	enum price_status s = prices_resolve(t, NULL, &q, &m);
	if (s != PRICE_OK)
		return -(int64_t)s;
	prices_cost(&m, &(struct price_usage){ .input = 1000 }, at_s * 1000000000, &c);
	return c.status == PRICE_OK ? c.total_pico / 1000 : -(int64_t)c.status;
}

static int64_t tokens(const struct price_table *t, const char *provider, const char *model, struct price_usage u)
{
	struct price_match m;
	struct price_cost c;
	struct price_query q = { slice_of(provider), slice_of(model), { 0 }, { 0 } };
	assert_int_equal(prices_resolve(t, NULL, &q, &m), PRICE_OK);
	prices_cost(&m, &u, 0, &c);
	return c.total_pico;
}

static void reads_litellm(void **state UNUSED)
{
	struct price_report r;
	struct price_table *t = make((const char *[]){ litellm }, 1, true, &r);
	assert_non_null(t);
	assert_int_equal(r.models, 8);
	assert_int_equal(r.skipped, 2);
	assert_string_equal(r.note, "file: \"broken\": a cost is not a number");
	/* the file wins against the built-in facts, whole: it has no price for cache writes */
	assert_int_equal(thousand(t, "openai", "gpt-4o", 0), 1 * M);
	assert_int_equal(
	        tokens(t, "openai", "gpt-4o", (struct price_usage){ .input = 10, .output = 10, .cache_read = 4 }),
	        6 * M + 4 * M / 2 + 20 * M);
	assert_int_equal(tokens(t, "openai", "gpt-4o", (struct price_usage){ .input = 128000 }), 128000 * M);
	assert_int_equal(tokens(t, "openai", "gpt-4o", (struct price_usage){ .input = 128001 }), 3 * 128001 * M);
	assert_int_equal(tokens(t, "x_ai", "edge", (struct price_usage){ .input = 127999 }), 127999 * M);
	assert_int_equal(tokens(t, "x_ai", "edge", (struct price_usage){ .input = 128000 }), 3 * 128000 * M);
	assert_int_equal(thousand(t, "newcomer", "newcomer/m-1", 0), 4 * M);
	assert_int_equal(thousand(t, "newcomer", "m-1", 0), 4 * M);
	assert_int_equal(thousand(t, "newcomer", "m-2", 0), 6 * M); /* its own name wins against the stripped one */
	assert_int_equal(thousand(t, "newcomer", "newcomer/m-2", 0), 5 * M);
	assert_int_equal(tokens(t, "newcomer", "ranged", (struct price_usage){ .input = 1000 }), 1000 * M);
	assert_int_equal(tokens(t, "newcomer", "ranged", (struct price_usage){ .input = 1001 }), 2002 * M);
	assert_int_equal(thousand(t, "newcomer", "picture", 0), -PRICE_UNPRICED_UNIT);
	assert_int_equal(thousand(t, "newcomer", "nothing", 0), -PRICE_FREE);
	assert_int_equal(thousand(t, "newcomer", "broken", 0), -PRICE_UNKNOWN_MODEL);
	/* what the file does not know is still known */
	assert_true(thousand(t, "openai", "gpt-4o-mini", 0) > 0);
	prices_free(t);
}

/* Labels that are one provider of the table stay apart where they price one model differently. */
static void labels_of_litellm(void **state UNUSED)
{
	static const char text[] =
	        "{\"gemini/g\": {\"litellm_provider\": \"gemini\", \"input_cost_per_token\": 1e-6},\n"
	        "\"g\": {\"litellm_provider\": \"vertex_ai-language-models\", \"input_cost_per_token\": 2e-6},\n"
	        "\"gemini/only\": {\"litellm_provider\": \"gemini\", \"input_cost_per_token\": 3e-6},\n"
	        "\"azure/a\": {\"litellm_provider\": \"azure\", \"input_cost_per_token\": 4e-6},\n"
	        "\"azure_ai/a\": {\"litellm_provider\": \"azure_ai\", \"input_cost_per_token\": 5e-6},\n"
	        "\"b\": {\"litellm_provider\": \"bedrock_converse\", \"input_cost_per_token\": 6e-6},\n"
	        "\"bedrock_mantle/b\": {\"litellm_provider\": \"bedrock_mantle\", \"input_cost_per_token\": 7e-6},\n"
	        "\"oci/o\": {\"litellm_provider\": \"oci\", \"input_cost_per_token\": 8e-6}}\n";
	static const char newer[] = "weir-prices\t1\nmodel\tgemini\tg\t=\tin=9\nmodel\tibm\ti\t=\tin=1\n"
	                            "provider\twatsonx\nmodel\twatsonx\tw\t=\tin=2\n";
	static const struct {
		const char *provider, *model;
		int64_t first, both;
	} rows[] = { { "gemini", "g", 1 * M, 9 * M }, { "gcp.gemini", "g", 1 * M, 9 * M },
		{ "google_genai", "g", 1 * M, 9 * M }, { "vertex_ai", "g", 2 * M, 9 * M },
		{ "gcp.vertex_ai", "g", 2 * M, 9 * M }, { "google", "g", 2 * M, 9 * M },
		{ "google", "gemini/g", 1 * M, 9 * M }, { "", "gemini/g", 1 * M, 9 * M },
		{ "", "litellm/gemini/g", 1 * M, 9 * M }, { "gcp.vertex_ai", "only", 3 * M, 3 * M },
		{ "azure", "a", 4 * M, 4 * M }, { "azure.ai.openai", "a", 4 * M, 4 * M },
		{ "azure.ai.inference", "a", 5 * M, 5 * M }, { "azure_ai", "azure_ai/a", 5 * M, 5 * M },
		{ "aws.bedrock", "b", 6 * M, 6 * M }, { "bedrock_mantle", "b", 7 * M, 7 * M },
		{ "", "bedrock_mantle/b", 7 * M, 7 * M }, { "bedrock", "bedrock_mantle/b", 7 * M, 7 * M },
		{ "oci.gen_ai", "o", 8 * M, 8 * M }, { "ibm.watsonx.ai", "i", -PRICE_UNKNOWN_PROVIDER, 1 * M },
		{ "ibm.watsonx.ai", "w", -PRICE_UNKNOWN_PROVIDER, 2 * M },
		{ "watsonx", "i", -PRICE_UNKNOWN_PROVIDER, 1 * M } };
	struct price_report r;
	struct price_table *t[2] = { make((const char *[]){ text }, 1, true, &r),
		make((const char *[]){ text, newer }, 2, true, &r) };
	assert_true(t[0] && t[1]);
	assert_int_equal(r.duplicates, 0);
	for (size_t i = 0; i < COUNTOF(rows) * 2; i++) {
		int64_t want = i % 2 ? rows[i / 2].both : rows[i / 2].first;
		int64_t got = thousand(t[i % 2], rows[i / 2].provider, rows[i / 2].model, 0);
		if (got != want)
			fail_msg("%s %s: %lld", rows[i / 2].provider, rows[i / 2].model, (long long)got);
	}
	prices_free(t[0]);
	prices_free(t[1]);
}

/* The first skipped and the first given twice, each with its place. */
static void notes_of_both(void **state UNUSED)
{
	static const char text[] = "{\"a\": {\"litellm_provider\": \"x\", \"input_cost_per_token\": \"much\"},\n"
	                           "\"b\": {\"input_cost_per_token\": 1},\n"
	                           "\"c\": {\"litellm_provider\": \"x\", \"input_cost_per_token\": 1e-6},\n"
	                           "\"C\": {\"litellm_provider\": \"x\", \"input_cost_per_token\": 2e-6}}\n";
	struct price_report r;
	struct price_table *t = make((const char *[]){ text }, 1, false, &r);
	assert_non_null(t);
	assert_int_equal(r.skipped, 2);
	assert_int_equal(r.duplicates, 1);
	assert_string_equal(
	        r.note, "file: \"a\": a cost is not a number; file: C is given twice, the later one counts");
	prices_free(t);
}

/* An entry whose provider is blank or too long is left out with a note, and the others stay. */
static void providers_without_a_name(void **state UNUSED)
{
	static const char fine[] = "\"m\": {\"litellm_provider\": \" acme \", \"input_cost_per_token\": 1e-6}";
	static const char model[] =
	        "\"fallback_model_providers\": [\" \", \"acme\"], \"provider_match\": {\"contains\": "
	        "\"e\"}, \"models\": [{\"id\": \"m\", \"match\": {\"equals\": \"m\"}, "
	        "\"prices\": {\"input_mtok\": 1}}]";
	static const char *const blank[] = { "", " ", "   ", "\\t" };
	char text[2][2048];
	for (size_t i = 0; i <= COUNTOF(blank); i++) {
		char id[PRICE_NAME_MAX + 2] = "";
		memset(id, 'x', sizeof(id) - 1);
		if (i < COUNTOF(blank))
			snprintf(id, sizeof(id), "%s", blank[i]);
		snprintf(text[0], sizeof(text[0]),
		        "{\"b\": {\"litellm_provider\": \"%s\", \"input_cost_per_token\": 2e-6}, %s}", id, fine);
		snprintf(
		        text[1], sizeof(text[1]), "[{\"id\": \"%s\", %s}, {\"id\": \" acme \", %s}]", id, model, model);
		for (size_t k = 0; k < 2; k++) {
			struct price_report r;
			struct price_table *t = make((const char *[]){ text[k] }, 1, false, &r);
			assert_non_null(t);
			assert_int_equal(r.skipped, 1);
			assert_int_equal(r.models, 1);
			assert_string_equal(r.note,
			        k ? "file: a provider without id or models" : "file: \"b\" has no litellm_provider");
			assert_int_equal(thousand(t, "acme", "m", 0), 1 * M);
			prices_free(t);
		}
	}
}

/* A member that only a pattern knows keeps its list when there is one of the group's name. */
static void members_before_their_group(void **state UNUSED)
{
	static const char text[] = "weir-prices\t1\nprovider\thuggingface_groq\nalias\tgroq\tgroq *groq*\n"
	                           "alias\thuggingface_groq\t*huggingface*groq*\n"
	                           "model\tgroq\tm\t=\tin=1\nmodel\thuggingface_groq\tm\t=\tin=2\n";
	static const char user[] = "weir-prices\t1\nmodel\thuggingface\tm\t=\tin=3\n";
	static const struct {
		const char *provider;
		int64_t alone, both;
	} rows[] = { { "huggingface_groq", 2 * M, 2 * M }, { "huggingface_groqcloud", 2 * M, 2 * M },
		{ "huggingface", -PRICE_UNKNOWN_PROVIDER, 3 * M },
		{ "huggingface_unheard", -PRICE_UNKNOWN_PROVIDER, 3 * M }, { "my-groq", 1 * M, 1 * M } };
	struct price_table *t[2] = { make((const char *[]){ text }, 1, false, NULL),
		make((const char *[]){ text, user }, 2, false, NULL) };
	assert_true(t[0] && t[1]);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		assert_int_equal(thousand(t[0], rows[i].provider, "m", 0), rows[i].alone);
		assert_int_equal(thousand(t[1], rows[i].provider, "m", 0), rows[i].both);
	}
	prices_free(t[0]);
	prices_free(t[1]);
}

static void reads_genai_prices(void **state UNUSED)
{
	struct price_report r;
	struct price_table *t = make((const char *[]){ genai }, 1, true, &r);
	assert_non_null(t);
	assert_int_equal(r.models, 4);
	assert_int_equal(r.skipped, 2);
	assert_string_equal(r.note, "file: a regular expression that is not understood: ^(a|b)+$");
	static const char *const names[] = { "A", "a", "a-20250101", "a.1x", "x-a", "x-a-y" };
	for (size_t i = 0; i < COUNTOF(names); i++)
		assert_int_equal(thousand(t, "newcomer", names[i], 0), 3 * M);
	assert_int_equal(tokens(t, "the-new-comers", "a", (struct price_usage){ .input = 999, .output = 1 }),
	        999 * M * 3 / 2 + 2 * M);
	assert_int_equal(thousand(t, "newcomer", "ax", 0), -PRICE_UNKNOWN_MODEL);
	assert_int_equal(thousand(t, "newcomer", "b-tts", 0), -PRICE_UNKNOWN_MODEL);
	assert_int_equal(thousand(t, "newcomer", "bx", 43200), 1 * M);
	assert_int_equal(thousand(t, "newcomer", "bx", 79200), 2 * M);
	assert_int_equal(thousand(t, "newcomer", "bx", 7199), 2 * M);
	assert_int_equal(thousand(t, "newcomer", "bx", 7200), 1 * M);
	assert_int_equal(thousand(t, "newcomer", "bx", INT64_C(1767225599)), 2 * M);
	assert_int_equal(thousand(t, "newcomer", "bx", INT64_C(1767225600)), 3 * M);
	assert_int_equal(thousand(t, "newcomer", "c", 0), -PRICE_FREE);
	assert_int_equal(thousand(t, "newcomer", "d", 0), -PRICE_UNPRICED_UNIT);
	assert_int_equal(thousand(t, "newcomer", "e", 0), -PRICE_UNKNOWN_MODEL);
	assert_true(thousand(t, "newcomer", "gpt-4o", 0) > 0); /* by its fallback */
	assert_int_equal(thousand(t, "", "nc-1", 0), -PRICE_UNKNOWN_MODEL); /* inferred */
	prices_free(t);
}

/* For one (provider, model) the last source counts; a pattern of a later one beats a name of an earlier one. */
static void layers(void **state UNUSED)
{
	static const char first[] =
	        "weir-prices\t1\ndate\t2026-02-01\nmodel\tacme\tm\t= n\tin=1 out=9\nmodel\tacme\tk-1\t=\tin=1\n";
	static const char second[] =
	        "weir-prices\t1\nmodel\tacme\tm\t=\tin=2\nmodel\tacme\tk\tk*\tin=3\nmodel\tacme\tk-2\t=\tin=4\n"
	        "model\tacme\tk-2\t=\tin=5\r\n";
	struct price_report r;
	struct price_table *t = make((const char *[]){ first, second }, 2, false, &r);
	assert_non_null(t);
	assert_int_equal(r.duplicates, 1);
	assert_string_equal(r.note, "file: line 5: k-2 is given twice, the later one counts");
	assert_int_equal(thousand(t, "acme", "m", 0), 2 * M);
	assert_int_equal(tokens(t, "acme", "m", (struct price_usage){ .input = 1, .output = 1 }),
	        2 * M); /* no output price is borrowed */
	assert_int_equal(thousand(t, "acme", "n", 0), 1 * M);
	assert_int_equal(thousand(t, "acme", "k-1", 0), 3 * M);
	assert_int_equal(thousand(t, "acme", "k-2", 0), 5 * M);
	struct price_match m;
	char label[PRICE_LABEL_MAX];
	assert_int_equal(prices_resolve(t, NULL, &(struct price_query){ SLICE("acme"), SLICE("n"), { 0 }, { 0 } }, &m),
	        PRICE_OK);
	prices_label(&m, label);
	assert_string_equal(label, "acme/m@2026-02-01");
	assert_int_equal(
	        prices_resolve(t, NULL, &(struct price_query){ SLICE("acme"), SLICE("k-7"), { 0 }, { 0 } }, &m),
	        PRICE_OK);
	prices_label(&m, label);
	assert_string_equal(label, "acme/k@2026-01-01"); /* the date of a file that does not say one */
	prices_free(t);
}

static struct price_override override(const char *provider, const char *model, double in, double out, double multiplier)
{
	return (struct price_override){ slice_of(provider), slice_of(model), in, out, -1, -1, multiplier };
}

static void overrides(void **state UNUSED)
{
	struct err e;
	const struct price_override list[] = {
		override("azure.ai.openai", "gpt-4o*", 7, 8, -1),
		override("", "house-model", 0.1, 0.2, -1),
		override("", "half", 3, 0, 0.5),
		override("anthropic", "", -1, -1, 0.9),
		override("unheard-of", "m", 1, 1, -1),
	};
	struct price_table *base = prices_new(&(struct price_sources){ 0 }, 1, NULL, &e);
	struct price_table *t =
	        prices_new(&(struct price_sources){ .overrides = list, .n_overrides = COUNTOF(list) }, 2, NULL, &e);
	assert_non_null(base);
	assert_non_null(t);
	assert_int_equal(thousand(t, "azure", "GPT-4o-2024-08-06", 0), 7 * M);
	assert_int_equal(thousand(t, "openai", "gpt-4o", 0), thousand(base, "openai", "gpt-4o", 0));
	assert_int_equal(thousand(t, "who-knows", "house-model", 0), M / 10);
	assert_int_equal(thousand(t, "", "house-model", 0), M / 10);
	assert_int_equal(thousand(t, "openai", "half", 0), 3 * M / 2);
	assert_int_equal(thousand(t, "unheard-of", "m", 0), 1 * M);
	int64_t full = thousand(base, "anthropic", "claude-3-haiku-20240307", 0);
	assert_true(full > 0);
	assert_int_equal(thousand(t, "anthropic", "claude-3-haiku-20240307", 0), full / 10 * 9);
	assert_int_equal(thousand(t, "aws", "anthropic.claude-3-haiku-20240307-v1:0", 0),
	        thousand(base, "aws", "anthropic.claude-3-haiku-20240307-v1:0", 0));
	struct price_match m;
	char label[PRICE_LABEL_MAX];
	assert_int_equal(
	        prices_resolve(t, NULL, &(struct price_query){ SLICE("azure"), SLICE("gpt-4o"), { 0 }, { 0 } }, &m),
	        PRICE_OK);
	prices_label(&m, label);
	assert_string_equal(label, "azure/gpt-4o*@override");
	prices_free(t);
	prices_free(base);
	const struct price_override bad[] = { override("a", "b", NAN, 1, 1), override("a", "b", 1e10, 1, 1),
		override("a", "b", 1, 1, 1001) };
	for (size_t i = 0; i < COUNTOF(bad); i++)
		assert_null(prices_new(&(struct price_sources){ .overrides = &bad[i], .n_overrides = 1 }, 2, NULL, &e));
}

/* Any spelling on both sides; a member's own price list first, its group's overrides over it. */
static void overrides_by_any_name(void **state UNUSED)
{
	const struct price_override list[] = {
		override("oracle", "ov", 1, 1, -1),
		override("dashscope", "ov", 2, 2, -1),
		override("alibaba", "ov2", 3, 3, -1),
		override("zai", "ov", 4, 4, -1),
		override("zhipu_ai", "glm-5.2", 5, 5, -1),
		override("huggingface_groq", "ov", 6, 6, -1),
		override("huggingface", "house", 7, 7, -1),
		override("huggingface", "", -1, -1, 2),
		override("huggingface_new", "ov", 8, 8, -1),
		override("github-copilot", "ov", 9, 9, -1),
	};
	static const struct {
		const char *provider, *member, *model;
		int64_t want;
	} rows[] = { { "oci.gen_ai", "", "ov", 1 * M }, { "oci", "", "ov", 1 * M }, { "alibaba", "", "ov", 2 * M },
		{ "qwen", "", "ov2", 3 * M }, { "zhipu_ai", "zai", "ov", 4 * M },
		{ "zhipu_ai", "", "ov", -PRICE_UNKNOWN_MODEL }, { "zhipu_ai", "", "glm-5.2", 5 * M },
		{ "zhipu_ai", "zai", "glm-5.2", 5 * M }, { "huggingface", "huggingface_groq", "ov", 2 * 6 * M },
		{ "huggingface", "huggingface_groq", "house", 2 * 7 * M },
		{ "huggingface", "huggingface_unheard", "house", 2 * 7 * M }, { "huggingface", "", "house", 2 * 7 * M },
		{ "huggingface", "", "ov", -PRICE_UNKNOWN_MODEL },
		{ "huggingface", "huggingface_new", "ov", 2 * 8 * M }, { "github_copilot", "", "ov", 9 * M } };
	struct err e;
	struct price_table *t =
	        prices_new(&(struct price_sources){ .overrides = list, .n_overrides = COUNTOF(list) }, 1, NULL, &e);
	assert_non_null(t);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct price_match m;
		struct price_cost c = { .total_pico = 0 };
		struct price_query q = { slice_of(rows[i].provider), slice_of(rows[i].model), { 0 },
			slice_of(rows[i].member) };
		enum price_status s = prices_resolve(t, NULL, &q, &m);
		if (s == PRICE_OK)
			prices_cost(&m, &(struct price_usage){ .input = 1 }, 0, &c);
		if ((s == PRICE_OK ? c.total_pico : -(int64_t)s) != rows[i].want)
			fail_msg("row %zu: %s %lld", i, price_status_name(s), (long long)c.total_pico);
	}
	prices_free(t);
}

static void mistakes(void **state UNUSED)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "f: not a price file: neither \"weir-prices<TAB>1\" nor JSON" },
		{ "model\ta\tb\t=\tin=1\n", "f: not a price file: neither \"weir-prices<TAB>1\" nor JSON" },
		{ "weir-prices\t2\n", "f:1: the first line is not \"weir-prices<TAB>1\"" },
		{ "weir-prices\t1\nmodle\ta\n", "f:2: unknown line \"modle\"" },
		{ "weir-prices\t1\n\nmodel\ta\tb\t=\n", "f:3: a model has the columns provider, id, names, prices" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tin=x\n", "f:2: not a price: x" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tin=-1\n", "f:2: not a price: -1" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tin=1e13\n", "f:2: not a price: 1e13" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tin=nan\n", "f:2: not a price: nan" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tinn=1\n", "f:2: unknown price \"inn\"" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tin=1>5:2>5:3\n", "f:2: not a tier (>TOKENS:PRICE, ascending): 5" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tfree in=1\n",
		        "f:2: a column of prices has prices, or free, or unit=" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tfrom=2026-02-30 in=1\n", "f:2: not a date: 2026-02-30" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tutc=24:00-01:00 in=1\n",
		        "f:2: not a window of the day (HH:MM-HH:MM)" },
		{ "weir-prices\t1\nmodel\ta\tb\t=\tutc=23:00-01:00 from=2026-01-01 in=1\n",
		        "f:2: one of from= and utc= a column" },
		{ "weir-prices\t1\ndate\tyesterday\n", "f:2: not a date: yesterday" },
		{ "weir-prices\t1\nprovider\t\n", "f:2: a provider needs an id of at most 256 bytes" },
		{ "[1, 2]", "f: no prices in it: f: a provider without id or models" },
		{ "{\"a\": 1}", "f: no prices in it" },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct err e;
		assert_null(prices_new_of_texts(
		        &(struct price_text){ "f", slice_of(rows[i].text), 0 }, 1, false, 1, NULL, &e));
		assert_string_equal(e.text, rows[i].want);
	}
	struct err e;
	assert_null(prices_new_of_texts(&(struct price_text){ "f", SLICE("{\"a\": "), 0 }, 1, false, 1, NULL, &e));
	assert_memory_equal(e.text, "f: ", 3);
}

/* 1e-12 is the unit; what is finer is rounded half to even. */
static void exact_numbers(void **state UNUSED)
{
	static const struct {
		const char *in;
		int64_t pico;
	} rows[] = { { "0.1", 100000 }, { "0.09999999999999999", 100000 }, { "0.0000005", 0 }, { "0.0000015", 2 },
		{ "0.0000025", 2 }, { "0.00000250000000000000000000000000000000001", 3 }, { "0.0000004999", 0 },
		{ "1e-6", 1 }, { "1E+2", 100000000 }, { "600", 600000000 }, { "0.08333333333333334", 83333 },
		{ "00012", 12000000 }, { "0", 0 }, { "1e-900", 0 },
		{ "0.000000000000000000000000000000000000000000", 0 } };
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		char text[256];
		snprintf(text, sizeof(text), "weir-prices\t1\nmodel\ta\tb\t=\tin=%s out=5\n", rows[i].in);
		struct price_table *t = make((const char *[]){ text }, 1, false, NULL);
		assert_non_null(t);
		assert_int_equal(tokens(t, "a", "b", (struct price_usage){ .input = 1 }), rows[i].pico);
		prices_free(t);
	}
}

static void files_on_disk(void **state UNUSED)
{
	char dir[] = "/tmp/weir-prices-XXXXXX", path[64];
	struct err e;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/p.tsv", dir);
	slice name = slice_of(path);
	struct price_sources s = { .files = &name, .n_files = 1 };
	uint64_t absent = prices_stamp(&s);
	assert_null(prices_new(&s, 1, NULL, &e));
	FILE *f = fopen(path, "w");
	fputs("weir-prices\t1\nmodel\tacme\tm\t=\tin=1\n", f);
	fclose(f);
	uint64_t there = prices_stamp(&s);
	assert_true(there != absent);
	assert_true(there == prices_stamp(&s));
	struct price_table *t = prices_new(&s, 1, NULL, &e);
	assert_non_null(t);
	assert_int_equal(thousand(t, "acme", "m", 0), 1 * M);
	assert_true(thousand(t, "openai", "gpt-4o", 0) > 0);
	prices_free(t);
	f = fopen(path, "a");
	fputs("model\tacme\tn\t=\tin=1\n", f);
	fclose(f);
	assert_true(there != prices_stamp(&s));
	assert_int_equal(truncate(path, PRICE_FILE_MAX + 1), 0);
	assert_null(prices_new(&s, 1, NULL, &e));
	unlink(path);
	name = slice_of(dir);
	assert_null(prices_new(&s, 1, NULL, &e));
	rmdir(dir);
}

/* Facts that do not change when prices do: every provider is reached, the table is small, its text is what is loaded. */
static void built_in(void **state UNUSED)
{
	static const struct {
		const char *named, *model, *entry_of;
	} rows[] = { { "openai", "gpt-4o", "openai" }, { "azure.ai.openai", "gpt-4o", "openai" },
		{ "azure.ai.inference", "gpt-4o", "openai" },
		{ "aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0", "aws" },
		{ "gcp.vertex_ai", "gemini-2.5-pro", "google" }, { "gcp.gemini", "models/gemini-2.5-pro", "google" },
		{ "gcp.gen_ai", "gemini-2.5-pro", "google" }, { "x_ai", "grok-4.3", "x-ai" },
		{ "moonshot_ai", "kimi-k2-0905-preview", "moonshotai" },
		{ "mistral_ai", "mistral-large-latest", "mistral" }, { "perplexity", "sonar", "perplexity" },
		{ "groq", "llama-3.3-70b-versatile", "groq" }, { "", "gpt-4o", "openai" },
		{ "", "claude-3-haiku-20240307", "anthropic" }, { "", "openai/gpt-4o", "openai" },
		{ "", "text-embedding-3-small", "openai" }, { "", "us.anthropic.claude-3-haiku-20240307-v1:0", "aws" },
		{ "myresource.openai.azure.com", "gpt-4o", "openai" },
		{ "vertex_ai-anthropic_models", "claude-3-haiku@20240307", "google" },
		{ "openrouter", "openrouter/openai/text-embedding-3-small", "openai" } };
	struct err e;
	struct price_table *t = prices_new(&(struct price_sources){ 0 }, 1, NULL, &e);
	assert_non_null(t);
	assert_true(prices_count(t) > 1000);
	assert_in_range(prices_memory(t), 1, 1000000);
	assert_true(prices_date(t) > INT64_C(1767225600));
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct price_match m;
		struct price_query q = { slice_of(rows[i].named), slice_of(rows[i].model), { 0 }, { 0 } };
		if (prices_resolve(t, NULL, &q, &m) != PRICE_OK)
			fail_msg("%s %s is not known", rows[i].named, rows[i].model);
		assert_string_equal(m.provider.p ? rows[i].entry_of : "", rows[i].entry_of);
		assert_true(slice_is(m.provider, rows[i].entry_of));
	}
	prices_free(t);
}

/* With a cache and without, and across tables, the answers are the same; it cannot grow. */
static void cache_changes_nothing(void **state UNUSED)
{
	struct err e;
	unsigned seed = (unsigned)getpid();
	print_message("seed %u\n", seed);
	static const char *const providers[] = { "openai", "aws", "nobody", "", "azure.ai.openai" };
	static const char *const stems[] = { "gpt-4o", "claude-3-haiku-20240307", "m",
		"a-rather-long-name-of-a-model-that-nobody-has-heard-of-and-that-is-longer-than-a-slot-can-hold-on" };
	static const char one[] = "weir-prices\t1\nmodel\topenai\tm\tm*\tin=1\n";
	struct price_table *t[2] = { prices_new(&(struct price_sources){ 0 }, 1, NULL, &e),
		prices_new_of_texts(&(struct price_text){ "f", slice_of(one), 0 }, 1, false, 2, NULL, &e) };
	struct price_cache *cache = prices_cache_new(NULL);
	for (int i = 0; i < 50000; i++) {
		char name[160];
		const char *stem = stems[rand_r(&seed) % COUNTOF(stems)];
		snprintf(name, sizeof(name), rand_r(&seed) % 2 ? "%s" : "%s%d", stem, rand_r(&seed) % 2000);
		struct price_query q = { slice_of(providers[rand_r(&seed) % COUNTOF(providers)]), slice_of(name),
			slice_of(rand_r(&seed) % 2 ? stems[rand_r(&seed) % COUNTOF(stems)] : ""),
			slice_of(rand_r(&seed) % 2 ? providers[rand_r(&seed) % COUNTOF(providers)] : "") };
		if (rand_r(&seed) % 4 == 0)
			q.response_model = (slice){ 0 };
		const struct price_table *table = t[rand_r(&seed) % 2];
		struct price_match a, b;
		enum price_status sa = prices_resolve(table, cache, &q, &a), sb = prices_resolve(table, NULL, &q, &b);
		assert_int_equal(sa, sb);
		if (sa == PRICE_OK)
			assert_true(a.table == b.table && a.entry == b.entry && a.how == b.how && a.via == b.via &&
			        a.multiplier_ppm == b.multiplier_ppm && slice_eq(a.model, b.model));
	}
	prices_cache_free(cache);
	prices_free(t[0]);
	prices_free(t[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_litellm),
		cmocka_unit_test(labels_of_litellm),
		cmocka_unit_test(notes_of_both),
		cmocka_unit_test(providers_without_a_name),
		cmocka_unit_test(members_before_their_group),
		cmocka_unit_test(reads_genai_prices),
		cmocka_unit_test(layers),
		cmocka_unit_test(overrides),
		cmocka_unit_test(overrides_by_any_name),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(exact_numbers),
		cmocka_unit_test(files_on_disk),
		cmocka_unit_test(built_in),
		cmocka_unit_test(cache_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
