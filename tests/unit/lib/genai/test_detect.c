/* test_detect.c - every signature of every ecosystem is kept, by the rule that should keep it, and every known false positive is not. */
#include "lib/genai/detect.h"

#include "tests/unit/lib/genai/spans.h"

static const struct {
	const char *scope, *name, *attributes; /* attributes: 'k':v, .. */
	enum detect_rule rule;
	const char *why; /* NULL: any */
} cases[] = {
	/* OpenTelemetry */
	{ "x", "chat gpt-4o", "'gen_ai.operation.name':'chat','gen_ai.system':'openai'", DETECT_R1,
	        "gen_ai.operation.name" },
	{ "opentelemetry.instrumentation.openai_v2", "chat", "", DETECT_R2, "opentelemetry.instrumentation.openai_v2" },
	{ "opentelemetry.util.genai.handler", "chat", "", DETECT_R2, NULL },
	{ "opentelemetry.instrumentation.google_genai", "generate_content", "", DETECT_R2, NULL },
	{ "opentelemetry.instrumentation.botocore.bedrock-runtime", "chat",
	        "'rpc.system':'aws-api','gen_ai.system':'aws.bedrock','gen_ai.operation.name':'chat'", DETECT_R1,
	        NULL },
	{ "opentelemetry.instrumentation.botocore", "S3.GetObject", "'rpc.system':'aws-api'", DETECT_NONE, NULL },
	{ "x", "bedrock", "'rpc.system':'aws-api','gen_ai.request.model':'m','gen_ai.system':'aws.bedrock'", DETECT_R4,
	        NULL },
	/* OpenInference, OpenLLMetry, OpenLIT */
	{ "x", "ChatCompletion", "'openinference.span.kind':'LLM'", DETECT_R1, "openinference.span.kind" },
	{ "openinference.instrumentation.crewai", "Crew.kickoff", "", DETECT_R2, NULL },
	{ "@arizeai/openinference-instrumentation-openai", "x", "", DETECT_R2, NULL },
	{ "opentelemetry.instrumentation.mistralai", "mistralai.chat", "'llm.request.type':'chat'", DETECT_R3, NULL },
	{ "opentelemetry.instrumentation.openai.v1", "openai.chat", "", DETECT_R2, NULL },
	{ "traceloop.tracer", "f.workflow", "'traceloop.span.kind':'workflow'", DETECT_R1, "traceloop.span.kind" },
	{ "openlit.otel.tracing", "chat gpt-4o", "", DETECT_R2, NULL },
	/* Vercel AI SDK */
	{ "ai", "ai.generateText", "'ai.operationId':'ai.generateText'", DETECT_R1, "ai.operationId" },
	{ "ai", "x", "'operation.name':'ai.streamText f'", DETECT_R1, "operation.name" },
	{ "ai", "generic", "'http.target':'/'", DETECT_NONE, NULL },
	{ "gen_ai", "step 1", "", DETECT_R2, NULL },
	/* SDKs of platforms */
	{ "langfuse-sdk", "f", "", DETECT_R2, NULL },
	{ "x", "f", "'langfuse.observation.type':'span'", DETECT_R1, NULL },
	{ "langsmith", "run", "'langsmith.span.kind':'llm'", DETECT_R1, NULL },
	{ "langsmith", "run", "", DETECT_R2, NULL },
	{ "mlflow", "f", "'mlflow.spanType':'\\\"CHAT_MODEL\\\"'", DETECT_R1, NULL },
	{ "pydantic-ai", "agent run", "", DETECT_R2, NULL },
	{ "logfire.openai", "Chat Completion", "", DETECT_R2, NULL },
	{ "logfire", "my own span", "", DETECT_NONE, NULL },
	{ "gcp.vertex.agent", "invocation", "", DETECT_R2, NULL },
	{ "x", "call_llm", "'gcp.vertex.agent.llm_request':'{\\\"model\\\":\\\"m\\\"}'", DETECT_R1, NULL },
	{ "x", "tool", "'gcp.vertex.agent.llm_request':'{}'", DETECT_NONE, NULL },
	{ "strands.telemetry.tracer", "execute_event_loop_cycle", "", DETECT_R2, NULL },
	{ "livekit-agents", "llm_request", "'lk.x':1", DETECT_R2, NULL },
	{ "livekit-agents", "llm_node", "", DETECT_R2, NULL },
	{ "livekit-agents", "function_tool", "", DETECT_R2, NULL },
	{ "livekit-agents", "agent_turn", "", DETECT_R2, NULL },
	{ "livekit-agents", "tts_request", "", DETECT_NONE, NULL },
	{ "livekit-agents", "eou_detection", "", DETECT_NONE, NULL },
	{ "Microsoft.SemanticKernel.Connectors", "chat.completions gpt-4o", "", DETECT_R2, NULL },
	{ "Experimental.Microsoft.Extensions.AI", "chat", "", DETECT_R2, NULL },
	{ "agent_framework", "workflow.run", "", DETECT_R2, NULL },
	{ "org.springframework.boot", "chat gpt-4o", "'gen_ai.operation.name':'chat','spring.ai.kind':'chat_client'",
	        DETECT_R1, NULL },
	{ "org.springframework.boot", "http get /", "'uri':'/'", DETECT_NONE, NULL },
	{ "dev.langchain4j", "completion gpt-4o", "", DETECT_R2, NULL },
	{ "litellm", "litellm_request", "'gen_ai.operation.name':'acompletion'", DETECT_R1, NULL },
	{ "litellm", "litellm_request", "", DETECT_R2, NULL },
	{ "litellm", "Received Proxy Server Request", "'http.method':'POST','gen_ai.usage.input_tokens':1", DETECT_R3,
	        NULL },
	{ "promptkit-telemetry", "middleware.x", "", DETECT_R2, NULL },
	{ "promptkit-telemetry", "workflow.transition", "'workflow.from_state':'a'", DETECT_R2, NULL },
	{ "github.com/AltairaLabs/PromptKit", "promptkit.pipeline", "", DETECT_R2, NULL },
	{ "promptlayer", "f", "'node_type':'LLM_CALL'", DETECT_R2, NULL },
	{ "respan", "f", "", DETECT_R2, NULL },
	{ "keywordsai", "f", "", DETECT_R2, NULL },
	{ "genkit-tracer", "flow", "'genkit:metadata:subtype':'flow'", DETECT_R1, NULL },
	{ "genkit-tracer", "generate", "'genkit:type':'util'", DETECT_R2, NULL },
	{ "com.anthropic.claude_code.tracing", "claude_code.hook", "", DETECT_R2, NULL },
	{ "x", "y", "'span.type':'claude_code.llm_request'", DETECT_R1, NULL },
	{ "com.anthropic.sdk.python", "messages", "'http.request.method':'POST','gen_ai.usage.input_tokens':5",
	        DETECT_R3, NULL },
	{ "mistralai_sdk_tracer", "chat", "", DETECT_R2, NULL },
	{ "gemini-cli", "llm_call", "", DETECT_R2, NULL },
	{ "voltagent", "f", "'entity.type':'agent'", DETECT_R2, NULL },
	{ "lmnr", "f", "'lmnr.span.type':'LLM'", DETECT_R1, NULL },
	{ "@langtrase/typescript-sdk", "openai.chat.completion", "", DETECT_R2, NULL },
	{ "sentry.python", "chat o3", "'gen_ai.operation.name':'chat'", DETECT_R1, NULL },
	{ "sentry.python", "http.client", "", DETECT_NONE, NULL },
	{ "vllm.llm_engine", "llm_request", "", DETECT_R2, NULL },
	{ "sglang", "request", "", DETECT_R2, NULL },
	{ "azure.ai.inference", "chat m", "", DETECT_R2, NULL },
	{ "azure.core.tracing.ext", "Blob.get", "'az.namespace':'Microsoft.Storage'", DETECT_NONE, NULL },
	{ "my_application", "haystack.component.run", "'haystack.component.name':'llm'", DETECT_R1, NULL },
	{ "@mastra/otel", "step: 0", "'mastra.span.type':'model_step'", DETECT_R1, NULL },
	/* R3: usage and content */
	{ "x", "y", "'gen_ai.usage.prompt_tokens':3", DETECT_R3, "gen_ai.usage.prompt_tokens" },
	{ "x", "y", "'gen_ai.input.messages':'[]'", DETECT_R3, NULL },
	{ "x", "y", "'gen_ai.prompt':'hi'", DETECT_R3, NULL },
	{ "x", "y", "'gen_ai.completion':'hi'", DETECT_R3, NULL },
	{ "x", "y", "'gen_ai.prompt.0.role':'user'", DETECT_R3, "gen_ai.prompt.0.role" },
	{ "x", "y", "'gen_ai.completion.10.content':'a'", DETECT_R3, NULL },
	{ "x", "y", "'llm.token_count.prompt':3", DETECT_R3, NULL },
	{ "x", "y", "'llm.input_messages.0.message.role':'user'", DETECT_R3, NULL },
	{ "x", "y", "'llm.input.messages':'[]'", DETECT_R3, NULL },
	{ "x", "y", "'llm.output.messages':'[]'", DETECT_R3, NULL },
	{ "x", "y", "'llm.usage.total_tokens':9", DETECT_R3, NULL },
	{ "x", "POST", "'http.request.method':'POST','gen_ai.usage.input_tokens':3", DETECT_R3, NULL },
	/* R4: model and provider */
	{ "x", "y", "'gen_ai.request.model':'m','gen_ai.system':'openai'", DETECT_R4, "gen_ai.request.model" },
	{ "x", "y", "'gen_ai.response.model':'m','gen_ai.provider.name':'openai'", DETECT_R4, NULL },
	{ "x", "y", "'llm.model_name':'m','llm.system':'openai'", DETECT_R4, NULL },
	{ "x", "y", "'llm.model':'m','llm.provider':'openai'", DETECT_R4, NULL },
	{ "x", "y", "'provider.model':'m','gen_ai.system':'openai'", DETECT_R4, NULL },
	/* R5: tools and agents */
	{ "x", "y", "'gen_ai.tool.name':'t'", DETECT_R5, "gen_ai.tool.name" },
	{ "x", "y", "'gen_ai.tool.call.id':'t'", DETECT_R5, NULL },
	{ "x", "y", "'gen_ai.agent.name':'a'", DETECT_R5, "gen_ai.agent.name" },
	{ "x", "y", "'gen_ai.workflow.name':'a'", DETECT_R5, NULL },
	{ "x", "y", "'gen_ai.guardrail.name':'a'", DETECT_R5, NULL },
	{ "x", "y", "'gen_ai.evaluation.name':'a'", DETECT_R5, NULL },
	{ "x", "tools/call add", "'mcp.method.name':'tools/call'", DETECT_R5, "mcp.method.name" },
	{ "x", "prompts/get p", "'mcp.method.name':'prompts/get','rpc.system':'jsonrpc'", DETECT_R5, NULL },
	/* false positives */
	{ "litellm", "redis", "'gen_ai.request.model':'gpt-4o','db.system':'redis','call_type':'x'", DETECT_R_NEG,
	        "db.system" },
	{ "litellm", "postgres",
	        "'gen_ai.request.model':'gpt-4o','gen_ai.system':'openai','db.system.name':'postgresql'", DETECT_R_NEG,
	        NULL },
	{ "litellm", "router", "'gen_ai.request.model':'gpt-4o'", DETECT_NONE, NULL },
	{ "litellm", "k", "'gen_ai.operation.name':'litellm.key_management'", DETECT_NONE, NULL },
	{ "litellm", "raw_gen_ai_request", "'llm.openai.messages':'[]','llm.openai.temperature':1", DETECT_NONE, NULL },
	{ "requests", "GET", "'http.method':'GET','gen_ai.agent.name':'a','traceloop.workflow.name':'w'", DETECT_R_NEG,
	        NULL },
	{ "asyncpg", "SELECT", "'db.system':'postgresql','traceloop.entity.path':'p','gen_ai.agent.name':'a'",
	        DETECT_R_NEG, NULL },
	{ "mine", "compute", "'gen_ai.agent.name':'a','traceloop.workflow.name':'w'", DETECT_NONE, NULL },
	{ "mine", "compute", "'gen_ai.agent.name':'a','traceloop.association.properties.x':'w'", DETECT_NONE, NULL },
	{ "mine", "compute", "'gen_ai.conversation.id':'c','traceloop.association.properties.session_id':'s'",
	        DETECT_NONE, NULL },
	{ "browser", "click", "'session.id':'s','user.id':'u'", DETECT_NONE, NULL },
	{ "mine", "x", "'input':'a','output':'b','model':'c','prompt':'d','metadata':'e','input_tokens':1", DETECT_NONE,
	        NULL },
	{ "mine", "x", "'input.value':'a','output.value':'b'", DETECT_NONE, NULL },
	{ "build", "make", "'tool.name':'gcc','agent.name':'elastic'", DETECT_NONE, NULL },
	{ "dd", "web.request", "'operation.name':'web.request','resource.name':'GET /','span.type':'web'", DETECT_NONE,
	        NULL },
	{ "mine", "x", "'gen_ai.prompt.name':'greeting','gen_ai.prompt.version':'3','gen_ai.prompt.variable.x':'y'",
	        DETECT_NONE, NULL },
	{ "mine", "x", "'gen_ai.prompt.123456.role':'user'", DETECT_NONE, NULL },
	{ "mine", "x", "'llm.latency':5,'llm.version':2", DETECT_NONE, NULL },
	{ "openlit.otel.tracing", "GET chroma", "'gen_ai.operation.name':'vectordb','db.system':'chroma'", DETECT_R_NEG,
	        NULL },
	{ "openlit.otel.tracing", "GET chroma", "'gen_ai.operation.name':'vectordb'", DETECT_NONE, NULL },
	{ "opentelemetry.instrumentation.pinecone", "pinecone.query", "'db.system':'pinecone'", DETECT_R_NEG, NULL },
	{ "opentelemetry.instrumentation.qdrant", "qdrant.search", "'db.vector.query.top_k':3", DETECT_NONE, NULL },
	{ "mcp", "initialize", "'mcp.method.name':'initialize'", DETECT_R_NEG, "mcp.method.name" },
	{ "mcp", "tools/list", "'mcp.method.name':'tools/list'", DETECT_R_NEG, NULL },
	{ "mcp", "n", "'mcp.method.name':'notifications/initialized'", DETECT_R_NEG, NULL },
	{ "mine", "chat with llm", "", DETECT_NONE, NULL },
	{ "kafka", "send", "'messaging.system':'kafka','gen_ai.agent.name':'a'", DETECT_R_NEG, NULL },
	{ "grpc", "call", "'rpc.system':'grpc','gen_ai.tool.name':'t'", DETECT_R_NEG, "rpc.system" },
	{ "langfuse-sdk", "GET /", "'http.method':'GET'", DETECT_R_NEG, NULL }, /* R-neg beats R2 */
	{ "x", "y", "'gen_ai.operation.name':''", DETECT_NONE, NULL },
	{ "x", "y", "'gen_ai.operation.name':'  '", DETECT_NONE, NULL },
	{ "x", "y", "'openinference.span.kind':''", DETECT_NONE, NULL },
	{ "x", "y", "'db.system':'postgresql','gen_ai.operation.name':'chat'", DETECT_R1, NULL }, /* R1 beats R-neg */
	{ "", "", "", DETECT_NONE, NULL },
};

static void load(struct spans *s, const char *scope, const char *name, const char *attributes, const char *event)
{
	char json[1024];
	snprintf(json, sizeof(json), "[{'scope':'%s','name':'%s','attributes':{%s},'events':[%s]}]", scope, name,
	        attributes, event);
	for (char *at = json; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	spans_load(s, json);
}

static enum detect_rule detect(struct spans *s, const struct detect_options *o, slice *why)
{
	struct span *span = spans_nth(s, 0);
	return detect_span(span, emitter_of_scope(span->scope), o, why);
}

static void spans_are_told_apart(void **state UNUSED)
{
	static const struct detect_options none;
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct spans s;
		slice why;
		load(&s, cases[i].scope, cases[i].name, cases[i].attributes, "");
		enum detect_rule rule = detect(&s, &none, &why);
		if (rule != cases[i].rule || (cases[i].why && !slice_is(why, cases[i].why)))
			fail_msg("%s/%s {%s}: %s by %.*s", cases[i].scope, cases[i].name, cases[i].attributes,
			        detect_label(rule), SLICE_ARG(why));
		spans_release(&s);
	}
}

static void message_events_tell(void **state UNUSED)
{
	static const char *const names[] = { "gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt",
		"gen_ai.content.completion", "gen_ai.client.inference.operation.details", "gen_ai.evaluation.result" };
	static const struct detect_options none;
	struct spans s;
	slice why;
	char event[100];
	for (size_t i = 0; i < COUNTOF(names); i++) {
		snprintf(event, sizeof(event), "{'name':'x'},{'name':'%s'}", names[i]);
		load(&s, "mine", "y", "'http.method':'POST'", event);
		assert_int_equal(detect(&s, &none, &why), DETECT_R3);
		assert_true(slice_is(why, names[i]));
		spans_release(&s);
	}
	load(&s, "mine", "y", "", "{'name':'exception'}");
	assert_int_equal(detect(&s, &none, NULL), DETECT_NONE);
	spans_release(&s);
}

static void options_keep_more(void **state UNUSED)
{
	static const struct detect_options retrievers = { .keep_retrievers = true },
	                                   mcp = { .keep_mcp_protocol = true };
	static const struct {
		const char *attributes;
		bool by_retrievers, by_mcp;
	} rows[] = {
		{ "'db.system':'pinecone'", true, false },
		{ "'db.system.name':'qdrant','http.method':'POST'", true, false },
		{ "'db.system':'postgresql','db.vector.query.top_k':3", true, false },
		{ "'gen_ai.operation.name':'vectordb'", true, false },
		{ "'db.system':'postgresql'", false, false },
		{ "'mcp.method.name':'tools/list'", false, true },
		{ "'mcp.method.name':'initialize','http.method':'POST'", false, true },
		{ "'http.method':'POST'", false, false },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct spans s;
		load(&s, "mine", "x", rows[i].attributes, "");
		print_message("%s\n", rows[i].attributes);
		assert_int_equal(detect_keeps(detect(&s, &retrievers, NULL)), rows[i].by_retrievers);
		assert_int_equal(detect_keeps(detect(&s, &mcp, NULL)), rows[i].by_mcp);
		spans_release(&s);
	}
}

static void labels_are_fixed(void **state UNUSED)
{
	assert_string_equal(detect_label(DETECT_NONE), "none");
	assert_string_equal(detect_label(DETECT_R0_KEEP_FALSE), "r0_keep_false");
	assert_string_equal(detect_label(DETECT_R0_EXCLUDE), "r0_exclude");
	assert_string_equal(detect_label(DETECT_R_NEG), "r_neg");
	unsigned dropping = 0;
	for (unsigned i = 0; i < N_DETECT_RULES; i++) {
		assert_non_null(detect_label((enum detect_rule)i));
		dropping += !detect_keeps((enum detect_rule)i);
	}
	assert_int_equal(dropping, 4);
}

/* An attribute that was deleted before says nothing. */
static void edits_are_seen(void **state UNUSED)
{
	static const struct detect_options none;
	struct spans s;
	load(&s, "mine", "x", "'gen_ai.operation.name':'chat','llm.token_count.prompt':1,'gen_ai.prompt.0.role':'user'",
	        "");
	struct span *span = spans_nth(&s, 0);
	while (attrs_first(&span->attrs)) {
		assert_true(detect_keeps(detect(&s, &none, NULL)));
		attr_delete(&s.t, &span->attrs, attrs_first(&span->attrs));
	}
	assert_int_equal(detect(&s, &none, NULL), DETECT_NONE);
	spans_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_told_apart),
		cmocka_unit_test(message_events_tell),
		cmocka_unit_test(options_keep_more),
		cmocka_unit_test(labels_are_fixed),
		cmocka_unit_test(edits_are_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
