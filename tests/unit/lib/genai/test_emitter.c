/* test_emitter.c - every scope signature, with versions, case and prefixes, and what attributes say where scopes do not. */
#include "lib/genai/emitter.h"

#include "tests/unit/lib/genai/spans.h"

#include "tests/unit/lib/genai/csv.h"

enum { G = EMIT_GENAI, I = EMIT_INCLUSIVE, X = EMIT_EXCLUSIVE };

static const struct {
	const char *scope, *version;
	enum ecosystem ecosystem;
	unsigned flags; /* of G, I, X and these */
} scopes[] = {
	{ "opentelemetry.util.genai.handler", "1.1b0", ECO_OTEL, G | I },
	{ "opentelemetry.instrumentation.openai_v2", "", ECO_OTEL, G | I },
	{ "opentelemetry.instrumentation.google_genai", "1.3b0", ECO_GOOGLE_GENAI, G | I },
	{ "opentelemetry.instrumentation.vertexai", "2.1b0", ECO_OTEL, G | I },
	{ "opentelemetry.instrumentation.vertexai", "0.62.4", ECO_OPENLLMETRY, G | I | EMIT_SHARED },
	{ "opentelemetry.instrumentation.botocore.bedrock-runtime", "", ECO_BOTOCORE, G | X },
	{ "opentelemetry.instrumentation.botocore", "", ECO_BOTOCORE, X },
	{ "opentelemetry.instrumentation.openai_agents", "0.1b0", ECO_OPENAI_AGENTS, G | I },
	{ "opentelemetry.instrumentation.openai_agents", "", ECO_OPENAI_AGENTS, G | I },
	{ "opentelemetry.instrumentation.openai_agents", "0.62.4", ECO_OPENLLMETRY, G | I | EMIT_SHARED },
	{ "opentelemetry.instrumentation.langchain", "2.0b1", ECO_OTEL, G },
	{ "opentelemetry.instrumentation.langchain", "0.62.4", ECO_OPENLLMETRY, G | EMIT_SHARED },
	{ "openinference.instrumentation.openai", "", ECO_OPENINFERENCE, G | I },
	{ "openinference.instrumentation.langchain", "", ECO_OPENINFERENCE, G },
	{ "openinference.instrumentation.smolagents", "", ECO_OPENINFERENCE, G | I },
	{ "@arizeai/openinference-instrumentation-openai", "", ECO_OPENINFERENCE, G | I },
	{ "openinference-vercel", "", ECO_OPENINFERENCE, G | I },
	{ "opentelemetry.instrumentation.openai.v1", "", ECO_OPENLLMETRY, G | I },
	{ "opentelemetry.instrumentation.anthropic", "0.62.4", ECO_OPENLLMETRY, G | I | EMIT_SHARED },
	{ "opentelemetry.instrumentation.bedrock", "", ECO_OPENLLMETRY, G | X },
	{ "opentelemetry.instrumentation.mistralai", "", ECO_OPENLLMETRY, G | I },
	{ "opentelemetry.instrumentation.chromadb", "", ECO_OPENLLMETRY, 0 },
	{ "traceloop.tracer", "", ECO_OPENLLMETRY, G },
	{ "@traceloop/node-server-sdk", "", ECO_OPENLLMETRY, G },
	{ "@traceloop/instrumentation-anthropic", "", ECO_OPENLLMETRY, G | X },
	{ "@traceloop/instrumentation-openai", "", ECO_OPENLLMETRY, G | I | EMIT_ESTIMATES },
	{ "openlit.otel.tracing", "", ECO_OPENLIT, G },
	{ "openlit.instrumentation.anthropic", "", ECO_OPENLIT, G | X },
	{ "ai", "", ECO_VERCEL, EMIT_SHARED },
	{ "gen_ai", "", ECO_VERCEL, G | I },
	{ "langfuse-sdk", "", ECO_LANGFUSE, G },
	{ "langsmith", "", ECO_LANGSMITH, G },
	{ "mlflow.tracing.provider", "", ECO_MLFLOW, G },
	{ "pydantic-ai", "", ECO_PYDANTIC_AI, G | I },
	{ "logfire.openai", "", ECO_LOGFIRE, G | I },
	{ "logfire.anthropic", "", ECO_LOGFIRE, G },
	{ "logfire", "", ECO_LOGFIRE, EMIT_SHARED },
	{ "gcp.vertex.agent", "2.13.0", ECO_GOOGLE_ADK, G | I },
	{ "gcp.vertex.agent", "1.19.0", ECO_GOOGLE_ADK, G | I | EMIT_REASONING_APART },
	{ "strands.telemetry.tracer", "", ECO_STRANDS, G | EMIT_TTFT_MS },
	{ "strands-agents", "", ECO_STRANDS, G | EMIT_TTFT_MS },
	{ "livekit-agents", "", ECO_LIVEKIT, EMIT_NAMED },
	{ "Microsoft.SemanticKernel.Diagnostics", "", ECO_SEMANTIC_KERNEL, G | I },
	{ "Experimental.Microsoft.Extensions.AI", "", ECO_SEMANTIC_KERNEL, G | I },
	{ "agent_framework", "", ECO_SEMANTIC_KERNEL, G | I },
	{ "org.springframework.boot", "", ECO_SPRING_AI, I | EMIT_SHARED },
	{ "dev.langchain4j.observability", "", ECO_LANGCHAIN4J, G },
	{ "io.quarkus.langchain4j", "", ECO_LANGCHAIN4J, G },
	{ "litellm", "", ECO_LITELLM, I | EMIT_NAMED },
	{ "github.com/AltairaLabs/PromptKit", "", ECO_PROMPTKIT, G },
	{ "promptkit-telemetry", "", ECO_PROMPTKIT, G },
	{ "promptlayer", "", ECO_PROMPTLAYER, G },
	{ "respan", "", ECO_RESPAN, G },
	{ "keywordsai_tracing", "", ECO_RESPAN, G },
	{ "genkit-tracer", "", ECO_GENKIT, G },
	{ "com.anthropic.claude_code.tracing", "", ECO_CLAUDE_CODE, G | X },
	{ "com.anthropic.sdk.python", "", ECO_ANTHROPIC_SDK, G | I },
	{ "mistralai_sdk_tracer", "", ECO_MISTRAL_SDK, G | I },
	{ "gemini-cli", "", ECO_GEMINI_CLI, G },
	{ "voltagent", "", ECO_VOLTAGENT, G },
	{ "lmnr.sdk", "", ECO_LAMINAR, G },
	{ "@langtrase/typescript-sdk", "", ECO_LANGTRACE, G },
	{ "sentry.python", "", ECO_SENTRY, EMIT_SHARED },
	{ "vllm.llm_engine", "", ECO_VLLM, G | I | EMIT_DUPLICATE },
	{ "sglang", "", ECO_SGLANG, G | I | EMIT_DUPLICATE },
	{ "opentelemetry.instrumentation.mcp", "", ECO_MCP, 0 },
	{ "azure.ai.inference", "", ECO_AZURE, G | I },
	{ "azure.core.tracing", "", ECO_AZURE, 0 },
	{ "haystack.tracing", "", ECO_HAYSTACK, G },
	{ "crewai.telemetry", "", ECO_CREWAI, 0 },
	/* others */
	{ "ai2", "", ECO_NONE, 0 },
	{ "aiohttp", "", ECO_NONE, 0 },
	{ "gen_ai.mine", "", ECO_NONE, 0 },
	{ "opentelemetry.instrumentation.requests", "", ECO_NONE, 0 },
	{ "opentelemetry.instrumentation.fastapi", "", ECO_NONE, 0 },
	{ "@opentelemetry/instrumentation-http", "", ECO_NONE, 0 },
	{ "GEN_AI", "", ECO_VERCEL, G | I },
	{ "", "", ECO_NONE, 0 },
};

static struct emitter of(const char *name, const char *version)
{
	struct scope s = { .name = slice_of(name), .version = slice_of(version) };
	return emitter_of_scope(&s);
}

static void scopes_are_known(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(scopes); i++) {
		struct emitter e = of(scopes[i].scope, scopes[i].version);
		if (e.ecosystem != scopes[i].ecosystem || e.flags != scopes[i].flags)
			fail_msg("%s %s: %s %x", scopes[i].scope, scopes[i].version, ecosystem_name(e.ecosystem),
			        e.flags);
	}
}

/* Each row of scopes.csv decides for a scope of its own name: none is hidden behind another. */
static void no_row_is_hidden(void **state UNUSED)
{
	struct csv csv;
	slice f[CSV_FIELDS];
	unsigned n = 0;
	csv_open(&csv, "lib/genai/scopes.csv");
	while (csv_row(&csv, f)) {
		char name[160], version[40];
		bool star = f[0].p[f[0].len - 1] == '*';
		snprintf(name, sizeof(name), "%.*s%s", (int)(f[0].len - star), f[0].p, star ? "zz" : "");
		snprintf(version, sizeof(version), "%s",
		        !f[1].len                       ? "3.4.5"
		                : slice_is(f[1], "*b?") ? "1.0b1"
		                : slice_is(f[1], "0.*") ? "0.62.4"
		                                        : "1.2.3");
		struct emitter e = of(name, version);
		if (!slice_is(f[2], ecosystem_name(e.ecosystem)))
			fail_msg("%s is %s, not %.*s", name, ecosystem_name(e.ecosystem), SLICE_ARG(f[2]));
		n++;
	}
	assert_true(n > 100);
	csv_close(&csv);
}

static void long_names_are_cut(void **state UNUSED)
{
	char name[5000];
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(of(name, "").ecosystem, ECO_NONE);
	memcpy(name, "openlit.", 8);
	assert_int_equal(of(name, "").ecosystem, ECO_OPENLIT);
}

static const struct {
	const char *span;
	enum ecosystem ecosystem;
	unsigned has; /* flags that must be set */
} spans[] = {
	{ "{'scope':'mine','attributes':{'gen_ai.system':'openai'}}", ECO_OTEL, 0 },
	{ "{'scope':'mine','attributes':{'http.method':'GET'}}", ECO_NONE, 0 },
	{ "{'scope':'mine','attributes':{'gen_ai.system':'x','openinference.span.kind':'LLM'}}", ECO_OPENINFERENCE, I },
	{ "{'scope':'mine','attributes':{'traceloop.span.kind':'task'}}", ECO_OPENLLMETRY, 0 },
	{ "{'scope':'mine','attributes':{'gen_ai.system':'x','llm.request.type':'chat'}}", ECO_OPENLLMETRY, 0 },
	{ "{'scope':'mine','attributes':{'traceloop.span.kind':'task','respan.entity.log_type':'task'}}", ECO_RESPAN,
	        0 },
	{ "{'scope':'mine','attributes':{'llm.model':'gpt','llm.cost':1}}", ECO_ENPROMPTA, 0 },
	{ "{'scope':'mine','attributes':{'langfuse.observation.type':'span'}}", ECO_LANGFUSE, 0 },
	{ "{'scope':'mine','attributes':{'mlflow.spanType':'LLM'}}", ECO_MLFLOW, 0 },
	{ "{'scope':'mine','attributes':{'litellm.call_id':'1','gen_ai.system':'openai'}}", ECO_LITELLM, I },
	{ "{'scope':'my_application','attributes':{'haystack.component.name':'llm'}}", ECO_HAYSTACK, 0 },
	{ "{'scope':'ai','attributes':{'ai.operationId':'ai.embed'}}", ECO_VERCEL, EMIT_GENAI },
	{ "{'scope':'sentry.python','attributes':{'gen_ai.system':'openai'}}", ECO_SENTRY, 0 },
	{ "{'scope':'logfire','attributes':{'gen_ai.system':'openai'}}", ECO_LOGFIRE, 0 },
	{ "{'scope':'opentelemetry.instrumentation.langchain','attributes':{'gen_ai.system':'openai'}}",
	        ECO_OPENLLMETRY, G },
	{ "{'scope':'openlit.x','attributes':{'openinference.span.kind':'LLM'}}", ECO_OPENLIT, G },
};

static void attributes_tell(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(spans); i++) {
		struct spans s;
		char json[512];
		snprintf(json, sizeof(json), "[%s]", spans[i].span);
		for (char *at = json; *at; at++)
			*at = *at == '\'' ? '"' : *at;
		spans_load(&s, json);
		struct span *span = spans_nth(&s, 0);
		struct emitter e = emitter_of_span(emitter_of_scope(span->scope), span);
		if (e.ecosystem != spans[i].ecosystem || (e.flags & spans[i].has) != spans[i].has)
			fail_msg("%s: %s %x", spans[i].span, ecosystem_name(e.ecosystem), e.flags);
		spans_release(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_are_known),
		cmocka_unit_test(no_row_is_hidden),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(attributes_tell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
