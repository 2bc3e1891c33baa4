/* test_gen_ai_cost.c - every status, option and counter of gen_ai_cost, on prices of the test's own. */
#include "tests/unit/processors/gen_ai.h"

#include <unistd.h>

#include "lib/base/strbuf.h"
#include "lib/pipe/meter.h"

extern const struct component processor_gen_ai_cost, processor_gen_ai_normalizer;

static const char prices[] = "weir-prices\t1\n"
                             "date\t2026-01-02\n"
                             "provider\tacme\n"
                             "alias\tacme\tacme.ai\n"
                             "infer\tacme\tacme-*\n"
                             "model\tacme\tacme-1\t=\tin=1 read=0.1 write=1.25 out=2\n"
                             "model\tacme\tacme-cliff\t=\tin=1>1000:10 out=2>1000:20\n"
                             "model\tacme\tacme-free\t=\tfree\n"
                             "model\tacme\tacme-pages\t=\tunit=pages\n"
                             "model\tacme\tacme-audio\t=\tin=1 audio_in=10 out=2\n"
                             "model\tacme\tacme-think\t=\tin=1 out=2 reasoning=4\n"
                             "model\tacme\tacme-dated\t=\tin=1 out=1\tfrom=1970-01-02 in=2 out=2\n";

static const char *price_file(void)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/weir-test-cost-%d.tsv", (int)getpid());
	return path;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void init(struct rig *r, const char *options)
{
	char yaml[2048];
	write_file(price_file(), prices);
	snprintf(yaml, sizeof(yaml), "price_files: [%s]\n%s", price_file(), options);
	rig_init(r, &processor_gen_ai_cost, yaml);
	assert_true(r->loaded);
}

#define LLM "\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"acme\""
#define MODEL(m) "\"gen_ai.request.model\":\"" m "\""
#define TOKENS(i, o) "\"gen_ai.usage.input_tokens\":" #i ",\"gen_ai.usage.output_tokens\":" #o
#define SPAN(a) "{\"attributes\":{" a "}}"
#define SCOPE(s, a) "{\"scope\":\"" s "\",\"attributes\":{" a "}}"
#define NOTHING "\"llm.cost.total\":null,\"llm.cost.prompt\":null,\"llm.cost.completion\":null,\"weir.cost.price\":null"
#define STATUS(s) "\"weir.cost.status\":\"" s "\""
#define COST(p, c, t) "\"llm.cost.prompt\":" #p ",\"llm.cost.completion\":" #c ",\"llm.cost.total\":" #t

struct row {
	const char *name, *options, *span, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct rig r;
		print_message("%s\n", rows[i].name);
		init(&r, rows[i].options);
		gen_ai_expect(&r, rows[i].span, rows[i].want);
		rig_release(&r);
	}
}

static const struct row status_rows[] = {
	{ "ok", "", SPAN(LLM "," MODEL("acme-1") "," TOKENS(1000, 500)),
	        "{" STATUS("ok") "," COST(0.001, 0.001, 0.002) ",\"weir.cost.price\":\"acme/acme-1@2026-01-02\","
	                                                       "\"weir.cost.basis\":null}" },
	{ "no output", "", SPAN(LLM "," MODEL("acme-1") ",\"gen_ai.usage.input_tokens\":1000"),
	        "{" STATUS("ok") "," COST(0.001, 0.0, 0.001) "}" },
	{ "tokens in strings and doubles", "",
	        SPAN(LLM "," MODEL(
	                "acme-1") ",\"gen_ai.usage.input_tokens\":\"1000\",\"gen_ai.usage.output_tokens\":500.0"),
	        "{" STATUS("ok") "," COST(0.001, 0.001, 0.002) "}" },
	{ "free in the table", "", SPAN(LLM "," MODEL("acme-free") "," TOKENS(1000, 500)),
	        "{" STATUS("free") "," COST(0.0, 0.0, 0.0) ",\"weir.cost.price\":\"acme/acme-free@2026-01-02\"}" },
	{ "reported", "", SPAN(LLM "," MODEL("acme-1") "," TOKENS(1000, 500) ",\"gen_ai.usage.cost\":0.5"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.5,\"llm.cost.prompt\":null,\"gen_ai.usage.cost\":0.5,"
	                               "\"weir.cost.price\":null}" },
	{ "unknown provider", "",
	        SPAN("\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"nobody\"," MODEL("acme-1") "," TOKENS(
	                1, 1)),
	        "{" STATUS("unknown_provider") "," NOTHING "}" },
	{ "unknown model", "", SPAN(LLM "," MODEL("acme-9") "," TOKENS(1, 1)),
	        "{" STATUS("unknown_model") "," NOTHING "}" },
	{ "no model", "", SPAN(LLM "," TOKENS(1, 1)), "{" STATUS("unknown_model") "," NOTHING "}" },
	{ "no provider and no model", "", SPAN("\"weir.span.kind\":\"llm\"," TOKENS(1, 1)),
	        "{" STATUS("unknown_provider") "," NOTHING "}" },
	{ "no usage", "", SPAN(LLM "," MODEL("acme-1")), "{" STATUS("no_usage") "," NOTHING "}" },
	{ "negative tokens are no usage", "", SPAN(LLM "," MODEL("acme-1") "," TOKENS(-5, -1)),
	        "{" STATUS("no_usage") "," NOTHING "}" },
	{ "tokens that are no numbers are no usage", "",
	        SPAN(LLM "," MODEL(
	                "acme-1") ",\"gen_ai.usage.input_tokens\":\"NaN\",\"gen_ai.usage.output_tokens\":true"),
	        "{" STATUS("no_usage") "," NOTHING "}" },
	{ "unpriced unit", "", SPAN(LLM "," MODEL("acme-pages") "," TOKENS(1, 1)),
	        "{" STATUS("unpriced_unit") "," NOTHING "}" },
	{ "inconsistent usage", "",
	        SPAN(LLM "," MODEL("acme-audio") "," TOKENS(10, 1) ",\"gen_ai.usage.audio.input_tokens\":11"),
	        "{" STATUS("inconsistent_usage") "," NOTHING "}" },
	{ "numbers beyond reason", "", SPAN(LLM "," MODEL("acme-1") "," TOKENS(9007199254740992, 1)),
	        "{" STATUS("inconsistent_usage") "," NOTHING "}" },
	{ "2^62 tokens are none", "", SPAN(LLM "," MODEL("acme-1") "," TOKENS(4611686018427387904, 10)),
	        "{" STATUS("ok") "," COST(0.0, 2e-05, 2e-05) "}" },
};

static void statuses(void **unused UNUSED)
{
	check_rows(status_rows, COUNTOF(status_rows));
}

static const struct row rule_rows[] = {
	{ "response model first", "",
	        SPAN(LLM "," MODEL("acme-free") ",\"gen_ai.response.model\":\"acme-1\"," TOKENS(1000, 0)),
	        "{" STATUS("ok") ",\"weir.cost.price\":\"acme/acme-1@2026-01-02\"}" },
	{ "request model where the response's is unknown", "",
	        SPAN(LLM "," MODEL("acme-1") ",\"gen_ai.response.model\":\"alias\"," TOKENS(1000, 0)),
	        "{" STATUS("ok") ",\"weir.cost.price\":\"acme/acme-1@2026-01-02\"}" },
	{ "a tier is a cliff", "", SPAN(LLM "," MODEL("acme-cliff") "," TOKENS(1001, 100)),
	        "{" COST(0.01001, 0.002, 0.01201) "}" },
	{ "at the threshold the base price holds", "", SPAN(LLM "," MODEL("acme-cliff") "," TOKENS(1000, 100)),
	        "{" COST(0.001, 0.0002, 0.0012) "}" },
	{ "cached tokens are part of the input", "",
	        SPAN(LLM "," MODEL("acme-1") "," TOKENS(1000, 0) ",\"gen_ai.usage.cache_read.input_tokens\":400,"
	                                                         "\"gen_ai.usage.cache_write.input_tokens\":100"),
	        "{" COST(0.000665, 0.0, 0.000665) ",\"weir.cost.basis\":null}" },
	{ "more cached than input: exclusive", "",
	        SPAN(LLM "," MODEL("acme-1") "," TOKENS(100, 0) ",\"gen_ai.usage.cache_read.input_tokens\":1000"),
	        "{" COST(0.0002, 0.0, 0.0002) ",\"weir.cost.basis\":\"exclusive_inferred\"}" },
	{ "a scope that excludes", "",
	        SCOPE("openlit.instrumentation.anthropic",
	                LLM "," MODEL("acme-1") "," TOKENS(1000, 0) ",\"gen_ai.usage.cache_read.input_tokens\":100"),
	        "{" COST(0.00101, 0.0, 0.00101) ",\"weir.cost.basis\":\"exclusive_rule\"}" },
	{ "settled by the normaliser, adjusted", "",
	        SCOPE("openlit.instrumentation.anthropic",
	                LLM "," MODEL("acme-1") "," TOKENS(
	                        1100, 0) ",\"gen_ai.usage.cache_read.input_tokens\":100,"
	                                 "\"weir.convention\":\"openlit\",\"weir.usage.adjusted\":true"),
	        "{" COST(0.00101, 0.0, 0.00101) ",\"weir.cost.basis\":\"exclusive_rule\"}" },
	{ "settled by the normaliser, as it was", "",
	        SCOPE("openlit.instrumentation.anthropic",
	                LLM "," MODEL("acme-1") "," TOKENS(1100, 0) ",\"gen_ai.usage.cache_read.input_tokens\":100,"
	                                                            "\"weir.convention\":\"openlit\""),
	        "{" COST(0.00101, 0.0, 0.00101) ",\"weir.cost.basis\":null}" },
	{ "reasoning beside the output", "",
	        SPAN(LLM "," MODEL("acme-think") "," TOKENS(0, 100) ",\"gen_ai.usage.reasoning.output_tokens\":1000"),
	        "{" COST(0.0, 0.0042, 0.0042) ",\"weir.cost.basis\":\"inclusive\"}" },
	{ "only the total", "",
	        SPAN(LLM "," MODEL("acme-1") ",\"gen_ai.usage.input_tokens\":1000,\"gen_ai.usage.total_tokens\":1500"),
	        "{" COST(0.001, 0.001, 0.002) "}" },
	{ "priced at the span's start", "",
	        "{\"start\":90000000,\"attributes\":{" LLM "," MODEL("acme-dated") "," TOKENS(1000, 0) "}}",
	        "{" COST(0.002, 0.0, 0.002) "}" },
	{ "the day before", "",
	        "{\"start\":80000000,\"end\":90000000,\"attributes\":{" LLM
	        "," MODEL("acme-dated") "," TOKENS(1000, 0) "}}",
	        "{" COST(0.001, 0.0, 0.001) "}" },
	{ "embeddings", "",
	        SPAN("\"weir.span.kind\":\"embedding\",\"gen_ai.provider.name\":\"acme.ai\"," MODEL(
	                "ACME-1") "," TOKENS(1000, 0)),
	        "{" STATUS("ok") "}" },
	{ "rerank", "",
	        SPAN("\"weir.span.kind\":\"rerank\",\"gen_ai.provider.name\":\"acme\"," MODEL("acme-1") "," TOKENS(
	                1000, 0)),
	        "{" STATUS("ok") "}" },
	{ "the built-in table", "",
	        SPAN("\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"openai\"," MODEL("gpt-4o-mini") "," TOKENS(
	                1000, 0)),
	        "{" STATUS("ok") "}" },
	/* what is not priced */
	{ "agents", "",
	        SPAN("\"weir.span.kind\":\"agent\",\"gen_ai.provider.name\":\"acme\"," MODEL("acme-1") "," TOKENS(
	                1000, 0)),
	        "{\"weir.cost.status\":null," NOTHING "}" },
	{ "tools", "", SPAN("\"weir.span.kind\":\"tool\"," MODEL("acme-1") "," TOKENS(1000, 0)),
	        "{\"weir.cost.status\":null," NOTHING "}" },
	{ "duplicates", "", SPAN(LLM "," MODEL("acme-1") "," TOKENS(1000, 0) ",\"weir.usage.countable\":false"),
	        "{\"weir.cost.status\":null," NOTHING "}" },
	{ "countable", "", SPAN(LLM "," MODEL("acme-1") "," TOKENS(1000, 0) ",\"weir.usage.countable\":true"),
	        "{" STATUS("ok") "}" },
	{ "duplicates keep what they bring", "",
	        SPAN(LLM "," MODEL("acme-1") ",\"weir.usage.countable\":false,\"llm.cost.total\":7"),
	        "{\"weir.cost.status\":null,\"llm.cost.total\":7}" },
	/* without the normaliser */
	{ "older names", "",
	        SPAN("\"gen_ai.system\":\"acme\",\"gen_ai.operation.name\":\"chat\"," MODEL(
	                "acme-1") ",\"gen_ai.usage.prompt_tokens\":1000,\"gen_ai.usage.completion_tokens\":500"),
	        "{" COST(0.001, 0.001, 0.002) "}" },
	{ "OpenInference", "",
	        SPAN("\"openinference.span.kind\":\"LLM\",\"llm.provider\":\"acme\",\"llm.model_name\":\"acme-1\","
	             "\"llm.token_count.prompt\":1000,\"llm.token_count.completion\":500"),
	        "{" COST(0.001, 0.001, 0.002) "}" },
	{ "a model and tokens are a call", "",
	        SPAN("\"gen_ai.system\":\"acme\"," MODEL("acme-1") ",\"gen_ai.usage.prompt_tokens\":1000"),
	        "{" STATUS("ok") "}" },
	{ "a key of one ecosystem", "",
	        SCOPE("promptkit-telemetry", LLM "," MODEL("acme-1") "," TOKENS(1000, 0) ",\"provider.cost\":0.25"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25}" },
	{ "the same key elsewhere", "", SPAN(LLM "," MODEL("acme-1") "," TOKENS(1000, 0) ",\"provider.cost\":0.25"),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.001}" },
};

static void rules(void **unused UNUSED)
{
	check_rows(rule_rows, COUNTOF(rule_rows));
}

#define CALL LLM "," MODEL("acme-1") "," TOKENS(1000, 500)
#define COST_DETAILS(t) \
	"\"langfuse.observation.cost_details\":\"{\\\"input\\\":" t ",\\\"output\\\":" t ",\\\"total\\\":" t "}\""

static const struct row reported_rows[] = {
	{ "parts are kept", "", SPAN(CALL ",\"llm.cost.total\":3,\"llm.cost.prompt\":1,\"llm.cost.completion\":\"2\""),
	        "{" STATUS("reported") "," COST(1.0, 2.0, 3.0) ",\"weir.cost.basis\":null}" },
	{ "the total of parts", "", SPAN(CALL ",\"gen_ai.usage.input_cost\":1,\"gen_ai.usage.output_cost\":0.5"),
	        "{" STATUS("reported") "," COST(1.0, 0.5, 1.5) "}" },
	{ "Langfuse's details", "", SPAN(CALL "," COST_DETAILS("0.25")),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25}" },
	{ "details without a total", "", SPAN(CALL ",\"langfuse.observation.cost_details\":\"{\\\"input\\\":0.25}\""),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25,\"llm.cost.prompt\":0.25}" },
	{ "PydanticAI's", "", SPAN(CALL ",\"operation.cost\":0.25"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25}" },
	{ "in a string", "", SPAN(CALL ",\"gen_ai.usage.cost\":\"2.5e-1\""),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25}" },
	{ "the first name wins", "", SPAN(CALL ",\"operation.cost\":0.25,\"llm.cost.total\":1"),
	        "{" STATUS("reported") ",\"llm.cost.total\":1.0,\"operation.cost\":0.25}" },
	{ "draft, in USD", "", SPAN(CALL ",\"gen_ai.usage.cost.amount\":0.25,\"gen_ai.usage.cost.currency\":\"USD\""),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25}" },
	{ "draft, in another currency", "",
	        SPAN(LLM "," MODEL("acme-1") "," TOKENS(
	                1000, 500) ",\"gen_ai.usage.cost.amount\":0.25,\"gen_ai.usage.cost.currency\":\"EUR\""),
	        "{" STATUS("ok") "}" },
	{ "cost_usd", "", SPAN(CALL ",\"gen_ai.usage.cost_usd\":0.25"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25}" },
	{ "total_cost", "", SPAN(CALL ",\"llm.usage.total_cost\":\"0.25\""),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25}" },
	{ "Sentry's old name", "", SPAN(CALL ",\"ai.total_cost\":0.25"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.25}" },
	{ "0 counts", "", SPAN(CALL ",\"gen_ai.usage.cost\":0"), "{" STATUS("reported") ",\"llm.cost.total\":0.0}" },
	{ "sums of other spans do not", "", SPAN(CALL ",\"promptkit.pipeline.cost\":5"), "{" STATUS("ok") "}" },
	{ "negative", "", SPAN(CALL ",\"gen_ai.usage.cost\":-1"), "{" STATUS("ok") ",\"llm.cost.total\":0.002}" },
	{ "not a number", "", SPAN(CALL ",\"gen_ai.usage.cost\":\"NaN\""),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002}" },
	{ "not a cost", "", SPAN(CALL ",\"gen_ai.usage.cost\":1e300"), "{" STATUS("ok") ",\"llm.cost.total\":0.002}" },
	{ "normalised, reported", "", SPAN(CALL ",\"weir.convention\":\"langfuse\"," COST_DETAILS("0.25")),
	        "{" STATUS("reported") "," COST(0.25, 0.25, 0.25) "}" },
	{ "normalised, replaced", "on_existing: replace", SPAN(CALL ",\"weir.convention\":\"x\",\"llm.cost\":3"),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002,\"llm.cost\":0.002}" },
	{ "without a price", "", SPAN(LLM "," MODEL("acme-9") ",\"gen_ai.usage.cost\":0.5"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.5}" },
	/* replaced */
	{ "replaced", "on_existing: replace",
	        SPAN(CALL ",\"llm.cost.total\":3,\"llm.cost.prompt\":1,\"gen_ai.usage.cost\":3.0,\"operation.cost\":"
	                  "\"3\""),
	        "{" STATUS("ok") "," COST(
	                0.001, 0.001, 0.002) ",\"gen_ai.usage.cost\":0.002,\"operation.cost\":0.002}" },
	{ "replaced, JSON goes", "on_existing: replace", SPAN(CALL "," COST_DETAILS("0.25")),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002,\"langfuse.observation.cost_details\":null}" },
	{ "not replaced by nothing", "on_existing: replace", SPAN(LLM "," MODEL("acme-9") ",\"gen_ai.usage.cost\":0.5"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.5,\"gen_ai.usage.cost\":0.5}" },
	{ "an earlier weir's is not reported", "", SPAN(CALL "," STATUS("ok") ",\"llm.cost.total\":9.5"),
	        "{" STATUS("ok") ",\"llm.cost.total\":9.5}" },
	{ "replaced too", "on_existing: replace", SPAN(CALL "," STATUS("ok") ",\"llm.cost.total\":9.5"),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002}" },
	{ "replaced by nothing, it stays", "on_existing: replace",
	        SPAN(LLM "," MODEL("acme-9") "," STATUS("ok") ",\"llm.cost.total\":9.5"),
	        "{" STATUS("ok") ",\"llm.cost.total\":9.5}" },
	{ "what an earlier weir could not price is tried again", "", SPAN(CALL "," STATUS("unknown_model")),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002}" },
	{ "a status that is nobody's", "", SPAN(CALL ",\"weir.cost.status\":\"paid\",\"llm.cost.total\":1.5"),
	        "{" STATUS("reported") ",\"llm.cost.total\":1.5}" },
	/* zero that means missing */
	{ "OpenLIT", "", SCOPE("openlit.instrumentation.openai", CALL ",\"gen_ai.usage.cost\":0"),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002,\"gen_ai.usage.cost\":0.002}" },
	{ "OpenLIT, no price", "", SCOPE("openlit", LLM "," MODEL("acme-9") ",\"gen_ai.usage.cost\":0"),
	        "{" STATUS("unknown_model") "," NOTHING ",\"gen_ai.usage.cost\":null}" },
	{ "OpenLIT, a cost", "", SCOPE("openlit", CALL ",\"gen_ai.usage.cost\":0.5"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.5}" },
	{ "old PydanticAI", "", SCOPE("pydantic-ai", CALL ",\"operation.cost\":0.0"),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002,\"operation.cost\":0.002}" },
	{ "its other name", "", SCOPE("pydantic_ai.models", CALL ",\"operation.cost\":0.0"), "{" STATUS("ok") "}" },
	{ "an earlier weir's 0 counts", "",
	        SCOPE("openlit", LLM "," MODEL("acme-9") "," STATUS("free") "," COST(0.0, 0.0, 0.0)),
	        "{" STATUS("free") ",\"llm.cost.total\":0.0}" },
	{ "scopes of the user", "treat_zero_as_missing: ['my.*']", SCOPE("my.app", CALL ",\"llm.cost\":0"),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002}" },
	{ "then not the default ones", "treat_zero_as_missing: ['my.*']",
	        SCOPE("openlit", CALL ",\"gen_ai.usage.cost\":0"), "{" STATUS("reported") ",\"llm.cost.total\":0.0}" },
	{ "none", "treat_zero_as_missing: []", SCOPE("openlit", CALL ",\"gen_ai.usage.cost\":0"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.0}" },
	{ "Langfuse, failed", "",
	        "{\"scope\":\"langfuse-sdk\",\"error\":true,\"attributes\":{" LLM
	        "," MODEL("acme-1") "," COST_DETAILS("0") "}}",
	        "{" STATUS("no_usage") "," NOTHING "}" },
	{ "Langfuse, not failed", "", SCOPE("langfuse-sdk", CALL "," COST_DETAILS("0")),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.0}" },
};

static void reported(void **unused UNUSED)
{
	check_rows(reported_rows, COUNTOF(reported_rows));
}

#define OF(p) "\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"" p "\"," MODEL("acme-1") "," TOKENS(1000, 500)

static const struct row option_rows[] = {
	{ "local: ollama", "", SPAN(OF("ollama")),
	        "{" STATUS("free") "," COST(0.0, 0.0, 0.0) ",\"weir.cost.price\":null}" },
	{ "local: vllm", "", SPAN(OF("vllm")), "{" STATUS("free") "}" },
	{ "local: llama.cpp", "", SPAN(OF("llama.cpp")), "{" STATUS("free") "}" },
	{ "local: LMStudio", "", SPAN(OF("LMStudio")), "{" STATUS("free") "}" },
	{ "local, without usage", "", SPAN("\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"ollama\""),
	        "{" STATUS("free") "}" },
	{ "local providers of the user", "local_providers: [acme]", SPAN(OF("acme")), "{" STATUS("free") "}" },
	{ "then ollama is not", "local_providers: [acme]", SPAN(OF("ollama")), "{" STATUS("unknown_provider") "}" },
	{ "local, reported", "", SPAN(OF("ollama") ",\"llm.cost.total\":0.5"),
	        "{" STATUS("reported") ",\"llm.cost.total\":0.5}" },
	{ "a gateway", "", SPAN(OF("litellm")), "{" STATUS("ok") ",\"weir.cost.price\":\"acme/acme-1@2026-01-02\"}" },
	{ "a gateway with a path", "",
	        SPAN("\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"portkey\"," MODEL("acme/acme-1") "," TOKENS(
	                1000, 500)),
	        "{" STATUS("ok") "}" },
	{ "gateways of the user", "gateways: [mygate]", SPAN(OF("MyGate")), "{" STATUS("ok") "}" },
	{ "then litellm is not", "gateways: [mygate]", SPAN(OF("litellm")), "{" STATUS("unknown_provider") "}" },
	{ "no provider", "", SPAN("\"weir.span.kind\":\"llm\"," MODEL("acme-1") "," TOKENS(1000, 500)),
	        "{" STATUS("ok") "}" },
	{ "write all", "write: [llm.cost, gen_ai.usage.cost, operation.cost]", SPAN(CALL),
	        "{" COST(0.001, 0.001, 0.002) ",\"gen_ai.usage.cost\":0.002,\"operation.cost\":0.002}" },
	{ "write one", "write: gen_ai.usage.cost", SPAN(CALL),
	        "{" STATUS("ok") ",\"gen_ai.usage.cost\":0.002,\"llm.cost.total\":null,\"operation.cost\":null}" },
	{ "write reported", "write: [operation.cost]", SPAN(CALL ",\"llm.cost\":3"),
	        "{" STATUS("reported") ",\"operation.cost\":3.0,\"llm.cost.total\":null}" },
	{ "write nothing", "write: []", SPAN(CALL),
	        "{" STATUS("ok") ",\"llm.cost.total\":null,\"weir.cost.price\":\"acme/acme-1@2026-01-02\"}" },
	{ "override", "overrides: [{provider: acme, model: acme-1, input_per_mtok: 10, output_per_mtok: 0}]",
	        SPAN(CALL),
	        "{" STATUS("ok") "," COST(0.01, 0.0, 0.01) ",\"weir.cost.price\":\"acme/acme-1@override\"}" },
	{ "override of cached",
	        "overrides: [{model: 'acme-*', input_per_mtok: 10, output_per_mtok: 1, cache_read_per_mtok: 1, "
	        "cache_write_per_mtok: 20}]",
	        SPAN(CALL
	                ",\"gen_ai.usage.cache_read.input_tokens\":100,\"gen_ai.usage.cache_write.input_tokens\":100"),
	        "{" COST(0.0101, 0.0005, 0.0106) "}" },
	{ "given 0 is free", "overrides: [{model: acme-1, input_per_mtok: 0, output_per_mtok: 0}]", SPAN(CALL),
	        "{" STATUS("free") "," COST(0.0, 0.0, 0.0) "}" },
	{ "multiplier only", "overrides: [{provider: acme, multiplier: 0.5}]", SPAN(CALL),
	        "{" STATUS("ok") "," COST(0.0005, 0.0005, 0.001) ",\"weir.cost.price\":\"acme/acme-1@2026-01-02\"}" },
	{ "multiplier and price", "overrides: [{model: acme-1, input_per_mtok: 2, multiplier: 3}]", SPAN(CALL),
	        "{" COST(0.006, 0.0, 0.006) "}" },
	{ "the later wins", "overrides: [{model: acme-1, input_per_mtok: 2}, {model: acme-1, input_per_mtok: 4}]",
	        SPAN(CALL), "{" COST(0.004, 0.0, 0.004) "}" },
	{ "a provider that the table has not", "overrides: [{provider: mine, model: m, input_per_mtok: 5}]",
	        SPAN("\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"mine\"," MODEL("m") "," TOKENS(1000, 0)),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.005,\"weir.cost.price\":\"mine/m@override\"}" },
	{ "the price list of a member", "overrides: [{provider: zai, model: acme-1, input_per_mtok: 5}]",
	        SPAN(OF("zhipu_ai") ",\"weir.provider.raw\":\"zai\""),
	        "{\"weir.cost.price\":\"zai/acme-1@override\"}" },
	{ "a gateway has no members", "", SPAN(OF("litellm") ",\"weir.provider.raw\":\"openai\""),
	        "{" STATUS("ok") ",\"weir.cost.price\":\"acme/acme-1@2026-01-02\"}" },
	{ "two providers, any model", "overrides: [{provider: a, input_per_mtok: 1}, {provider: b, input_per_mtok: 2}]",
	        SPAN("\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"b\"," MODEL("m") "," TOKENS(1000, 0)),
	        "{" STATUS("ok") ",\"llm.cost.total\":0.002,\"weir.cost.price\":\"b/*@override\"}" },
};

static void options(void **unused UNUSED)
{
	check_rows(option_rows, COUNTOF(option_rows));
}

/* What is remembered of a table entry is of that entry: both are "*" in the table. */
static void entries_of_one_name(void **unused UNUSED)
{
	static const char *const want[] = { "a/*@override", "b/*@override" };
	struct rig r;
	init(&r, "overrides: [{provider: a, input_per_mtok: 1}, {provider: b, input_per_mtok: 2}]");
	for (int i = 0; i < 6; i++) {
		char text[256];
		snprintf(text, sizeof(text),
		        SPAN("\"weir.span.kind\":\"llm\",\"gen_ai.provider.name\":\"%s\"," MODEL("m") "," TOKENS(
		                1000, 0)),
		        i % 2 ? "b" : "a");
		json_t *out = gen_ai_once(&r, text);
		assert_string_equal(json_string_value(json_object_get(out, "weir.cost.price")), want[i % 2]);
		json_decref(out);
	}
	rig_release(&r);
}

static void refusals(void **unused UNUSED)
{
	static const struct {
		const char *yaml, *place, *text;
	} rows[] = {
		{ "overrides: [{model: a, input_per_mtok: -1}]", "1:40", "negative" },
		{ "overrides: [{model: a, output_per_mtok: -0.5}]", "1:41", "negative" },
		{ "overrides: [{model: a, cache_read_per_mtok: -2}]", "1:45", "cache_read_per_mtok" },
		{ "overrides: [{model: a, input_per_mtok: 1e9}]", "1:40", "input_per_mtok" },
		{ "overrides: [{model: a, input_per_mtok: .nan}]", "1:40", "input_per_mtok" },
		{ "overrides: [{model: a, multiplier: 0}]", "1:36", "multiplier" },
		{ "overrides: [{model: a, multiplier: 1001}]", "1:36", "multiplier" },
		{ "overrides: [{provider: p, model: a}]", "1:14", "needs a price or a multiplier" },
		{ "overrides: [{}]", "1:13", "needs a price or a multiplier" },
		{ "write: [llm.cost, cost]", "1:8", "'write' must be a list of" },
		{ "on_existing: drop", "1:14", "on_existing" },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		rig_refuses(&processor_gen_ai_cost, rows[i].yaml, rows[i].place, rows[i].text);
}

/* A file that cannot be used keeps the whole component from opening. */
static void bad_files(void **unused UNUSED)
{
	static const struct {
		const char *text, *why;
	} rows[] = { { "model\tacme\n", "not a price file" }, { "weir-prices\t1\nmodel\n", ":2" }, { "{", "" },
		{ NULL, "No such file" } };
	struct rig r;
	rig_init(&r, &processor_gen_ai_cost, "");
	void *shared = calloc(1, processor_gen_ai_cost.shared_size);
	/* the options as the loader leaves them; price_files is their first member */
	struct conf_strs *conf = malloc(processor_gen_ai_cost.conf_size);
	slice file = slice_of(price_file());
	memcpy(conf, r.conf, processor_gen_ai_cost.conf_size);
	*conf = (struct conf_strs){ &file, 1 };
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct err e = { 0 };
		if (rows[i].text)
			write_file(price_file(), rows[i].text);
		else
			unlink(price_file());
		assert_int_equal(processor_gen_ai_cost.open(shared, conf, NULL, &e), -1);
		print_message("%s\n", e.text);
		assert_non_null(strstr(e.text, price_file()));
		assert_non_null(strstr(e.text, rows[i].why));
	}
	free(conf);
	free(shared);
	rig_release(&r);
}

static double tokens(struct rig *r, const char *model, const char *type)
{
	return rig_meter(r, "weir_tokens", model, type);
}

static void counts(struct rig *r, const char *span)
{
	json_decref(gen_ai_once(r, span));
}

static void counters(void **unused UNUSED)
{
	struct rig r;
	init(&r, "");
	for (int i = 0; i < 3; i++)
		counts(&r,
		        SPAN(CALL ",\"gen_ai.usage.cache_read.input_tokens\":100,\"gen_ai.usage.cache_write.input_"
		                  "tokens\":10"));
	counts(&r, SPAN(LLM "," MODEL("acme-9") "," TOKENS(7, 8)));
	counts(&r, SPAN(LLM "," MODEL("acme-8") "," TOKENS(1, 1)));
	counts(&r, SPAN(CALL ",\"llm.cost.total\":0.25"));
	counts(&r, SPAN(OF("ollama")));
	counts(&r, SPAN(CALL ",\"weir.usage.countable\":false"));
	counts(&r, SPAN("\"weir.span.kind\":\"agent\"," MODEL("acme-1") "," TOKENS(5, 5)));
	static const char *const names[] = { "ok", "free", "reported", "unknown_provider", "unknown_model", "no_usage",
		"unpriced_unit", "inconsistent_usage" };
	static const double want[] = { 3, 1, 1, 0, 2, 0, 0, 0 };
	for (size_t i = 0; i < COUNTOF(names); i++)
		assert_true(rig_meter(&r, "weir_cost_spans", names[i], "") == want[i]);
	assert_true(tokens(&r, "acme-1", "input") == 4000);
	assert_true(tokens(&r, "acme-1", "output") == 2000);
	assert_true(tokens(&r, "acme-1", "cache_read") == 300);
	assert_true(tokens(&r, "acme-1", "cache_write") == 30);
	assert_true(tokens(&r, "other", "input") == 1008);
	assert_true(tokens(&r, "other", "output") == 509);
	double usd = rig_meter(&r, "weir_cost_usd", "acme-1", "");
	assert_true(usd > 0.25 + 3 * 0.0018 && usd < 0.25 + 3 * 0.002);
	assert_true(rig_meter(&r, "weir_cost_usd", "other", "") == 0);
	rig_release(&r);
}

/* The youngest source is the test's own file: 2026-01-02, unless the built-in table is younger. */
static void table_age(void **unused UNUSED)
{
	struct rig r;
	init(&r, "");
	double since = rig_meter(&r, "weir_price_table_age_seconds", "", "");
	assert_true(since >= 1767312000 && since < 4e9);
	assert_true((int64_t)since % 86400 == 0);
	rig_release(&r);
}

/* Hostile numbers never spoil a counter, and names never make a new label. */
static void hostile(void **unused UNUSED)
{
	struct rig r;
	char *name = malloc((1 << 20) + 256), text[512];
	init(&r, "");
	memset(name, 'x', (1 << 20) + 255);
	memcpy(name, "{\"attributes\":{" LLM ",", strlen("{\"attributes\":{" LLM ","));
	char *at = name + strlen("{\"attributes\":{" LLM ",");
	static const char head[] = "\"gen_ai.usage.input_tokens\":1,\"gen_ai.request.model\":\"";
	memcpy(at, head, strlen(head));
	memcpy(name + (1 << 20), "\"}}", 4);
	gen_ai_expect(&r, name, "{" STATUS("unknown_model") "," NOTHING "}");
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), SPAN(LLM "," MODEL("evil-%d") "," TOKENS(1, 1)), i);
		counts(&r, text);
	}
	counts(&r, SPAN(CALL ",\"llm.cost.total\":1e308"));
	counts(&r, SPAN(LLM "," MODEL("acme-1") "," TOKENS(9007199254740992, 9007199254740992)));
	counts(&r, SPAN(LLM "," MODEL("acme-1") "," TOKENS(-9223372036854775807, 4611686018427387904)));
	counts(&r,
	        SPAN(LLM "," MODEL("acme-1") "," TOKENS(
	                1, 1) ",\"gen_ai.usage.cache_read.input_tokens\":9007199254740992,"
	                      "\"gen_ai.usage.reasoning.output_tokens\":9007199254740992"));
	assert_true(rig_meter(&r, "weir_cost_usd", "acme-1", "") < 1);
	assert_true(tokens(&r, "acme-1", "input") == 1000);
	assert_true(tokens(&r, "other", "input") == 3002);
	struct strbuf page;
	strbuf_init(&page, 1 << 20);
	meters_print(r.core, 0, &page);
	assert_null(strstr(page.p, "evil"));
	assert_null(strstr(page.p, "xxx"));
	strbuf_release(&page);
	rig_release(&r);
	free(name);
}

/* The same usage, told exclusively, with and without a normaliser before. */
static void normaliser_before(void **unused UNUSED)
{
	static const struct {
		const char *scope, *attributes;
		double total;
	} rows[] = {
		{ "openlit.instrumentation.anthropic",
		        "\"gen_ai.system\":\"acme\",\"gen_ai.operation.name\":\"chat\"," MODEL("acme-1") "," TOKENS(
		                12, 50) ",\"gen_ai.usage.cache_read.input_tokens\":1000,\"gen_ai.usage.cache_creation."
		                        "input_tokens\":200",
		        0.000462 },
		{ "openinference.instrumentation.openai",
		        "\"openinference.span.kind\":\"LLM\",\"llm.provider\":\"acme\",\"llm.model_name\":\"acme-1\","
		        "\"llm.token_count.prompt\":1212,"
		        "\"llm.token_count.completion\":50,\"llm.token_count.prompt_details.cache_read\":1000,"
		        "\"llm.token_count.prompt_details.cache_write\":200",
		        0.000462 },
		{ "gcp.vertex.agent",
		        "\"gen_ai.system\":\"acme\",\"gen_ai.operation.name\":\"chat\"," MODEL("acme-1") "," TOKENS(
		                12, 50) ",\"gen_ai.usage.reasoning.output_tokens\":100",
		        0.000312 },
	};
	for (size_t i = 0; i < COUNTOF(rows) * 2; i++) {
		struct rig cost, first;
		struct spans s;
		char text[1024];
		const char *scope = rows[i / 2].scope;
		snprintf(text, sizeof(text), "{\"scope\":\"%s\",\"attributes\":{%s}}", scope, rows[i / 2].attributes);
		print_message("%s%s\n", scope, i % 2 ? ", normalised" : "");
		init(&cost, "");
		rig_init(&first, &processor_gen_ai_normalizer, "");
		gen_ai_load(&s, text);
		if (i % 2)
			gen_ai_push(&first, &s);
		gen_ai_push(&cost, &s);
		const struct attr *a = attrs_find(&spans_nth(&s, 0)->attrs, SLICE("llm.cost.total"));
		assert_non_null(a);
		assert_true(a->value.d == rows[i / 2].total);
		spans_release(&s);
		rig_release(&first);
		rig_release(&cost);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses),
		cmocka_unit_test(rules),
		cmocka_unit_test(reported),
		cmocka_unit_test(options),
		cmocka_unit_test(entries_of_one_name),
		cmocka_unit_test(refusals),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(counters),
		cmocka_unit_test(table_age),
		cmocka_unit_test(hostile),
		cmocka_unit_test(normaliser_before),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(price_file());
	return rc;
}
