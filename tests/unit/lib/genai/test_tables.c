/* test_tables.c - the generated tables agree with themselves, prefixes and rules of keys, and the value maps row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lib/genai/tables.h"
#include "tests/unit/lib/genai/csv.h"

static void keys_have_their_ids(void **state UNUSED)
{
	struct key_table *keys = genai_keys_new();
	for (unsigned k = 1; k < N_KEYS; k++) {
		slice name = genai_key_name((enum genai_key)k);
		if (key_table_id(keys, name) != k)
			fail_msg("%.*s has id %u, not %u", SLICE_ARG(name), key_table_id(keys, name), k);
	}
	assert_int_equal(key_table_id(keys, SLICE("gen_ai.usage.input_token")), 0);
	key_table_free(keys);
}

static void aliases_are_of_their_key(void **state UNUSED)
{
	unsigned total = 0;
	for (unsigned k = 1; k < N_KEYS; k++) {
		size_t n;
		const struct alias *a = aliases_of((uint16_t)k, &n);
		for (size_t i = 0; i < n; i++, total++) {
			assert_int_equal(a[i].key, k);
			assert_true(a[i].concept < N_CONCEPTS);
			assert_true(!a[i].path || *a[i].path);
			assert_int_equal(a[i].group, concept_info((enum concept)a[i].concept)->group);
			assert_int_equal((a[i].flags & ALIAS_GATED) != 0, a[i].ecosystems || a[i].kinds);
		}
	}
	assert_true(total > 600);
}

/* Rank 0 is the canonical attribute that the table has no row for. "otel first": nothing is ranked before the canonical attribute, and no two aliases have one rank. */
static void canonical_comes_first(void **state UNUSED)
{
	static bool taken[N_CONCEPTS][256];
	memset(taken, 0, sizeof(taken));
	for (unsigned k = 1; k < N_KEYS; k++) {
		size_t n;
		const struct alias *a = aliases_of((uint16_t)k, &n);
		for (size_t i = 0; i < n; i++) {
			const struct concept_info *info = concept_info((enum concept)a[i].concept);
			assert_true(a[i].rank < 256 && !taken[a[i].concept][a[i].rank]);
			taken[a[i].concept][a[i].rank] = true;
			if (info->key == k && !a[i].path && a[i].rank > 1)
				fail_msg("%.*s has rank %u", SLICE_ARG(info->attribute), a[i].rank);
		}
	}
}

static const struct {
	const char *key, *concept_attribute, *rest;
	bool flat;
} prefixes[] = {
	{ "gen_ai.prompt.0.role", "gen_ai.input.messages", "0.role", true },
	{ "gen_ai.prompt.12345.content", "gen_ai.input.messages", "12345.content", true },
	{ "gen_ai.prompt.123456.content", NULL, NULL, false },
	{ "gen_ai.prompt.name2", NULL, NULL, false },
	{ "gen_ai.prompt.", NULL, NULL, false },
	{ "gen_ai.prompt.1x", NULL, NULL, false },
	{ "gen_ai.prompt.7", "gen_ai.input.messages", "7", true },
	{ "gen_ai.completion.0.finish_reason", "gen_ai.output.messages", "0.finish_reason", true },
	{ "llm.input_messages.10.message.role", "gen_ai.input.messages", "10.message.role", true },
	{ "llm.output_messages.0.message.content", "gen_ai.output.messages", "0.message.content", true },
	{ "llm.tools.0.tool.json_schema", "gen_ai.tool.definitions", "0.tool.json_schema", true },
	{ "llm.request.functions.1.name", "gen_ai.tool.definitions", "1.name", true },
	{ "gen_ai.tool.0.name", "gen_ai.tool.definitions", "0.name", true },
	{ "retrieval.documents.3.document.id", "gen_ai.retrieval.documents", "3.document.id", true },
	{ "langfuse.trace.metadata.team", "weir.metadata.<k>", "team", false },
	{ "langsmith.metadata.", NULL, NULL, false },
	{ "traceloop.association.properties.team", "weir.metadata.<k>", "team", false },
	{ "gen_ai.prompt.variable.city", "gen_ai.prompt.variable.<k>", "city", false },
	{ "promptkit.label.x.y", "weir.metadata.<k>", "x.y", false },
	{ "http.route", NULL, NULL, false },
};

struct hit {
	unsigned n;
	const struct alias *alias;
	slice rest;
};

static void on_hit(void *ctx, const struct alias *a, slice rest)
{
	struct hit *h = ctx;
	if (!h->n++)
		*h = (struct hit){ 1, a, rest };
}

static void prefixes_are_found(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(prefixes); i++) {
		struct hit h = { 0 };
		print_message("%s\n", prefixes[i].key);
		aliases_of_prefix(slice_of(prefixes[i].key), on_hit, &h);
		assert_int_equal(h.n, prefixes[i].concept_attribute != NULL);
		if (!h.n)
			continue;
		slice attribute = concept_info((enum concept)h.alias->concept)->attribute;
		assert_true(slice_is(attribute, prefixes[i].concept_attribute));
		assert_true(slice_is(h.rest, prefixes[i].rest));
		assert_int_equal((h.alias->flags & ALIAS_FLAT) != 0, prefixes[i].flat);
	}
}

static const struct {
	const char *key;
	enum key_rule rule;
} rules[] = {
	{ "gen_ai.operation.name", RULE_R1 },
	{ "openinference.span.kind", RULE_R1 },
	{ "traceloop.span.kind", RULE_R1 },
	{ "haystack.agent.input", RULE_R1 },
	{ "gen_ai.usage.input_tokens", RULE_R3 },
	{ "gen_ai.usage.some_new_tokens", RULE_R3 },
	{ "llm.token_count.prompt", RULE_R3 },
	{ "llm.token_count.prompt_details.new", RULE_R3 },
	{ "llm.usage.total_tokens", RULE_R3 },
	{ "gen_ai.prompt.0.role", RULE_R3 },
	{ "gen_ai.completion.12.content", RULE_R3 },
	{ "llm.input_messages.0.message.role", RULE_R3 },
	{ "gen_ai.prompt", RULE_R3 },
	{ "gen_ai.prompt.name", RULE_NONE },
	{ "gen_ai.prompt.variable.x", RULE_NONE },
	{ "gen_ai.request.model", RULE_R4_MODEL },
	{ "llm.system", RULE_R4_PROVIDER },
	{ "gen_ai.tool.name", RULE_R5 },
	{ "gen_ai.agent.name", RULE_R5_COPIED },
	{ "traceloop.association.properties.anything", RULE_COPIED },
	{ "traceloop.association.properties.session_id", RULE_COPIED },
	{ "http.request.method", RULE_NEG },
	{ "db.system.name", RULE_NEG },
	{ "session.id", RULE_NONE },
	{ "user.id", RULE_NONE },
	{ "llm.openai.messages", RULE_NONE },
	{ "llm.latency", RULE_NONE },
	{ "input", RULE_NONE },
	{ "model", RULE_NONE },
	{ "tool.name", RULE_NONE },
	{ "", RULE_NONE },
};

static void keys_have_their_rules(void **state UNUSED)
{
	struct key_table *keys = genai_keys_new();
	for (size_t i = 0; i < COUNTOF(rules); i++) {
		slice key = slice_of(rules[i].key);
		print_message("%s\n", rules[i].key);
		assert_int_equal(key_rule(key_table_id(keys, key), key), rules[i].rule);
	}
	key_table_free(keys);
}

static const struct {
	enum value_map map;
	enum ecosystem ecosystem;
	const char *raw; /* alternatives: a|b */
	const char *canonical; /* NULL: none */
} values[] = {
	{ MAP_OPERATION, ECO_NONE,
	        "chat|Chat| CHAT |acompletion|responses|aresponses|completion_with_retries|anthropic_messages",
	        "chat" },
	{ MAP_OPERATION, ECO_LITELLM, "completion", "chat" },
	{ MAP_OPERATION, ECO_OPENLLMETRY, "completion", "text_completion" },
	{ MAP_OPERATION, ECO_NONE, "completion|text_completion|atext_completion", "text_completion" },
	{ MAP_OPERATION, ECO_NONE,
	        "embedding|aembedding|embed|EMBEDDING|embeddings|ai.embed|ai.embed.doEmbed|ai.embedMany|ai.embedMany."
	        "doEmbed",
	        "embeddings" },
	{ MAP_OPERATION, ECO_NONE, "rerank|ai.rerank|ai.rerank.doRerank|RERANKER", "rerank" },
	{ MAP_OPERATION, ECO_NONE,
	        "llm_call|llm_request|model_request|CHAT_MODEL|LLM|llm|generation|model|chat_completions|chat."
	        "completions|"
	        "message|messages|LLM_CALL|response|OpenInferenceSpanKindValues.LLM",
	        "chat" },
	{ MAP_OPERATION, ECO_NONE,
	        "ai.generateText.doGenerate|ai.streamText.doStream|ai.generateObject.doGenerate|ai.streamObject."
	        "doStream",
	        "chat" },
	{ MAP_OPERATION, ECO_NONE, "ai.generateText|ai.streamText|ai.generateObject|ai.streamObject", "invoke_agent" },
	{ MAP_OPERATION, ECO_NONE, "agent_step", "agent_step" },
	{ MAP_OPERATION, ECO_NONE, "tool_call|TOOL|tool|ai.toolCall|running tool|FUNCTION|TraceloopSpanKindValues.TOOL",
	        "execute_tool" },
	{ MAP_OPERATION, ECO_NONE, "agent_call|AGENT|agent|agent run|TraceloopSpanKindValues.AGENT", "invoke_agent" },
	{ MAP_OPERATION, ECO_NONE, "workflow|CHAIN|chain|flow|workflow.run", "invoke_workflow" },
	{ MAP_OPERATION, ECO_NONE, "task|TraceloopSpanKindValues.TASK", "task" },
	{ MAP_OPERATION, ECO_NONE,
	        "retrieve|RETRIEVER|retriever|vectordb|vector_db_retrieve|vector_store_search|query|retrieval",
	        "retrieval" },
	{ MAP_OPERATION, ECO_NONE, "image|image_generation|aimage_generation|text_to_speech|audio|speech|aspeech",
	        "generate_content" },
	{ MAP_OPERATION, ECO_NONE, "speech_generation|speech_to_text|transcription|atranscription|translate|ocr",
	        "generate_content" },
	{ MAP_OPERATION, ECO_NONE, "guardrail_check|guardrail", "guardrail" },
	{ MAP_OPERATION, ECO_NONE, "agent_handoff|handoff", "handoff" },
	{ MAP_OPERATION, ECO_NONE, "litellm.moderation|moderation", "moderation" },
	{ MAP_OPERATION, ECO_NONE, "unknown||anything else|function_tool_x|agent_turn", NULL },
	{ MAP_OPERATION, ECO_LIVEKIT, "agent_turn", "invoke_agent" },
	{ MAP_OPERATION, ECO_MASTRA, "model.step|model.chunk", "step" },
	{ MAP_OPERATION_KIND, ECO_NONE, "chat|generate_content|text_completion|fetch_response", "llm" },
	{ MAP_OPERATION_KIND, ECO_NONE, "embeddings", "embedding" },
	{ MAP_OPERATION_KIND, ECO_NONE, "rerank", "rerank" },
	{ MAP_OPERATION_KIND, ECO_NONE, "retrieval", "retriever" },
	{ MAP_OPERATION_KIND, ECO_NONE, "execute_tool", "tool" },
	{ MAP_OPERATION_KIND, ECO_NONE, "invoke_agent|create_agent|plan", "agent" },
	{ MAP_OPERATION_KIND, ECO_NONE, "invoke_workflow", "workflow" },
	{ MAP_OPERATION_KIND, ECO_NONE, "agent_step|step|task|handoff", "step" },
	{ MAP_OPERATION_KIND, ECO_NONE, "guardrail|moderation", "guardrail" },
	{ MAP_OPERATION_KIND, ECO_NONE, "search_memory|create_memory|update_memory|upsert_memory|delete_memory",
	        "memory" },
	{ MAP_OPERATION_KIND, ECO_NONE, "create_memory_store|delete_memory_store", "memory" },
	{ MAP_OPERATION_KIND, ECO_NONE, "litellm.key_management", NULL },
	{ MAP_KIND, ECO_NONE, "LLM|generation|llm|CHAT_MODEL|LLM_CALL|chat|completion|OpenInferenceSpanKindValues.LLM",
	        "llm" },
	{ MAP_KIND, ECO_NONE, "EMBEDDING|embedding", "embedding" },
	{ MAP_KIND, ECO_NONE, "RERANKER", "rerank" },
	{ MAP_KIND, ECO_NONE, "RETRIEVER|retriever|retrieval", "retriever" },
	{ MAP_KIND, ECO_NONE, "TOOL|tool|TraceloopSpanKindValues.TOOL", "tool" },
	{ MAP_KIND, ECO_NONE, "AGENT|agent", "agent" },
	{ MAP_KIND, ECO_NONE, "CHAIN|chain|workflow|WORKFLOW|PIPELINE", "workflow" },
	{ MAP_KIND, ECO_NONE, "task|TASK|EXECUTOR", "step" },
	{ MAP_KIND, ECO_NONE, "GUARDRAIL|guardrail", "guardrail" },
	{ MAP_KIND, ECO_NONE, "EVALUATOR|evaluator|EVAL", "evaluator" },
	{ MAP_KIND, ECO_NONE, "PROMPT|prompt|PROMPT_TEMPLATE", "prompt" },
	{ MAP_KIND, ECO_NONE, "MEMORY", "memory" },
	{ MAP_KIND, ECO_NONE, "UNKNOWN|unknown|span|parser|DEFAULT|event", "other" },
	{ MAP_KIND, ECO_HAYSTACK, "OpenAIChatGenerator|AnthropicChatGenerator", "llm" },
	{ MAP_KIND, ECO_HAYSTACK, "OpenAITextEmbedder", "embedding" },
	{ MAP_KIND, ECO_HAYSTACK, "ChatPromptBuilder", "prompt" },
	{ MAP_KIND, ECO_HAYSTACK, "Agent", "agent" },
	{ MAP_KIND, ECO_HAYSTACK, "DocumentCleaner", "step" },
	{ MAP_KIND, ECO_NONE, "OpenAIChatGenerator", NULL },
	{ MAP_KIND_OPERATION, ECO_NONE, "llm", "chat" },
	{ MAP_KIND_OPERATION, ECO_NONE, "tool", "execute_tool" },
	{ MAP_KIND_OPERATION, ECO_NONE, "workflow", "invoke_workflow" },
	{ MAP_KIND_OPERATION, ECO_NONE, "retriever", "retrieval" },
	{ MAP_FINISH, ECO_NONE,
	        "stop|end_turn|stop_sequence|STOP|COMPLETE|complete|eos|eos_token|finished|FinishReason.STOP|done|end",
	        "stop" },
	{ MAP_FINISH, ECO_NONE,
	        "length|max_tokens|MAX_TOKENS|max_output_tokens|incomplete|ERROR_LIMIT|FinishReason.MAX_TOKENS",
	        "length" },
	{ MAP_FINISH, ECO_NONE, "tool_call|tool_calls|tool-calls|tool_use|function_call|TOOL_CALL|TOOL_USE",
	        "tool_call" },
	{ MAP_FINISH, ECO_NONE,
	        "content_filter|content-filter|content_filtered|SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|"
	        "guardrail_intervened|refusal|ERROR_TOXIC",
	        "content_filter" },
	{ MAP_FINISH, ECO_NONE, "error|ERROR|OTHER|MALFORMED_FUNCTION_CALL|failed|cancelled", "error" },
	{ MAP_FINISH, ECO_NONE, "compaction", "compaction" },
	{ MAP_FINISH, ECO_NONE, "unknown||other|Other", NULL },
	{ MAP_OUTPUT_TYPE, ECO_NONE, "json_object|json_schema|json|JSON", "json" },
	{ MAP_OUTPUT_TYPE, ECO_NONE, "text", "text" },
	{ MAP_OUTPUT_TYPE, ECO_NONE, "image", "image" },
	{ MAP_OUTPUT_TYPE, ECO_NONE, "speech|audio", "speech" },
	{ MAP_ROLE, ECO_NONE, "user|human|HumanMessage", "user" },
	{ MAP_ROLE, ECO_NONE, "assistant|ai|model|bot|AIMessage", "assistant" },
	{ MAP_ROLE, ECO_NONE, "system|developer|SystemMessage", "system" },
	{ MAP_ROLE, ECO_NONE, "tool|function|ipython|ToolMessage", "tool" },
	{ MAP_ROLE, ECO_NONE, "critic", NULL },
};

static void values_are_mapped(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(values); i++) {
		slice at = slice_of(values[i].raw), canonical, raw;
		do {
			const char *bar = memchr(at.p, '|', at.len);
			raw = (slice){ at.p, bar ? (size_t)(bar - at.p) : at.len };
			at.p += raw.len, at.len -= raw.len;
			bool found = value_map_of(values[i].map, values[i].ecosystem, raw, &canonical);
			if (found != (values[i].canonical != NULL) ||
			        (found && !slice_is(canonical, values[i].canonical)))
				fail_msg("\"%.*s\" became \"%.*s\"", SLICE_ARG(raw), found ? (int)canonical.len : 4,
				        found ? canonical.p : "none");
			at.p += bar != NULL, at.len -= bar != NULL;
		} while (at.len);
	}
}

/* In each ecosystem of the list "a|b"; how many there were. */
static unsigned found_in_ecosystems(enum value_map map, slice list, slice value, slice want)
{
	unsigned n = 0;
	for (unsigned e = 1; e < N_ECOSYSTEMS; e++) {
		slice name = slice_of(ecosystem_name((enum ecosystem)e)), canonical;
		const char *at = memmem(list.p, list.len, name.p, name.len);
		if (!at || (at != list.p && at[-1] != '|') ||
		        (at + name.len != list.p + list.len && at[name.len] != '|'))
			continue;
		if (!value_map_of(map, (enum ecosystem)e, value, &canonical) || !slice_eq(canonical, want))
			fail_msg("%.*s of %.*s", SLICE_ARG(value), SLICE_ARG(name));
		n++;
	}
	return n;
}

/* Whatever is in values.csv is found: scripts/gen-genai hashes as word_find. Canonical words map to themselves where they are read again. */
static void every_row_is_found(void **state UNUSED)
{
	static const char *const maps[N_VALUE_MAPS] = { "operation", "operation_kind", "kind", "kind_operation",
		"finish", "output_type", "role" };
	struct csv csv;
	slice f[CSV_FIELDS], canonical, again;
	unsigned n = 0;
	csv_open(&csv, "lib/genai/values.csv");
	while (csv_row(&csv, f)) {
		unsigned map = 0;
		while (map < N_VALUE_MAPS && !slice_is(f[0], maps[map]))
			map++;
		assert_true(map < N_VALUE_MAPS);
		if (memchr(f[1].p, '*', f[1].len))
			continue;
		if (f[3].len) {
			assert_true(found_in_ecosystems((enum value_map)map, f[3], f[1], f[2]) > 0);
			continue;
		}
		if (!value_map((enum value_map)map, f[1], &canonical) || !slice_eq(canonical, f[2]))
			fail_msg("%.*s: %.*s", SLICE_ARG(f[0]), SLICE_ARG(f[1]));
		if (map != MAP_OPERATION_KIND && map != MAP_KIND_OPERATION)
			assert_true(value_map((enum value_map)map, f[2], &again) && slice_eq(again, f[2]));
		n++;
	}
	assert_true(n > 300);
	csv_close(&csv);
}

static void kinds_have_names(void **state UNUSED)
{
	for (unsigned k = 0; k < N_KINDS; k++) {
		enum genai_kind back;
		slice operation, kind;
		assert_true(kind_of_name(slice_of(kind_name((enum genai_kind)k)), &back) && back == k);
		assert_true(value_map(MAP_KIND_OPERATION, slice_of(kind_name((enum genai_kind)k)), &operation));
		assert_true(value_map(MAP_OPERATION_KIND, operation, &kind));
		assert_true(slice_is(kind, kind_name((enum genai_kind)k)));
	}
	enum genai_kind none;
	assert_false(kind_of_name(SLICE("LLM"), &none));
	assert_string_equal(ecosystem_name(ECO_NONE), "none");
	assert_string_equal(ecosystem_name(ECO_CLAUDE_CODE), "claude_code");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_their_ids),
		cmocka_unit_test(aliases_are_of_their_key),
		cmocka_unit_test(canonical_comes_first),
		cmocka_unit_test(prefixes_are_found),
		cmocka_unit_test(keys_have_their_rules),
		cmocka_unit_test(values_are_mapped),
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(kinds_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
