/* test_flat.c - flattened attributes of every family: order of indexes, gaps, limits, parts, tool calls, tools. */
#include "tests/unit/lib/genai/fold_rig.h"

#define USER(t) "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"" t "\"}]}"
#define SYSTEM(t) "{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"content\":\"" t "\"}]}"
#define ANSWER(t) "{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"" t "\"}]}"
#define WEATHER "{\"type\":\"tool_call\",\"id\":\"call_1\",\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}}"

static const struct fold_case cases[] = {
	{ .name = "numeric order, a gap, a name that is no index, an index of six digits",
	        .span = "gen_ai.prompt.10.role: user\n"
	                "gen_ai.prompt.10.content: last\n"
	                "gen_ai.prompt.0.role: system\n"
	                "gen_ai.prompt.0.content: first\n"
	                "gen_ai.prompt.2.role: user\n"
	                "gen_ai.prompt.2.content: middle\n"
	                "gen_ai.prompt.name: greeting\n"
	                "gen_ai.prompt.version: 3\n"
	                "gen_ai.prompt.variable.city: Paris\n"
	                "gen_ai.prompt.999999.content: far\n",
	        .input = "[" SYSTEM("first") "," USER("middle") "," USER("last") "]",
	        .stays = "gen_ai.prompt.name gen_ai.prompt.version gen_ai.prompt.variable.city "
	                 "gen_ai.prompt.999999.content" },
	{ .name = "OpenLLMetry, not migrated: finish reason, no content",
	        .span = "gen_ai.prompt.0.role: user\n"
	                "gen_ai.prompt.0.content: What's the weather in Paris?\n"
	                "gen_ai.completion.0.finish_reason: tool_calls\n"
	                "gen_ai.completion.0.role: assistant\n",
	        .input = "[" USER("What's the weather in Paris?") "]",
	        .finish = "tool_calls",
	        .stays = "gen_ai.completion.0.finish_reason gen_ai.completion.0.role" },
	{ .name = "OpenLLMetry: tool calls, tool result, parts in a JSON string",
	        .span = "gen_ai.prompt.0.role: user\n"
	                "gen_ai.prompt.0.content: "
	                "[{\"type\":\"text\",\"text\":\"hi\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://"
	                "x/y.png\"}}]\n"
	                "gen_ai.prompt.1.role: assistant\n"
	                "gen_ai.prompt.1.tool_calls.0.id: call_1\n"
	                "gen_ai.prompt.1.tool_calls.0.name: get_weather\n"
	                "gen_ai.prompt.1.tool_calls.0.arguments: {\"city\":\"Paris\"}\n"
	                "gen_ai.prompt.2.role: tool\n"
	                "gen_ai.prompt.2.content: 18C\n"
	                "gen_ai.prompt.2.tool_call_id: call_1\n"
	                "gen_ai.completion.0.role: assistant\n"
	                "gen_ai.completion.0.content: It is 18C\n"
	                "gen_ai.completion.0.finish_reason: stop\n",
	        .input = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"},{\"type\":\"uri\","
	                 "\"modality\":\"image\",\"uri\":\"https://x/y.png\"}]},"
	                 "{\"role\":\"assistant\",\"parts\":[" WEATHER "]},"
	                 "{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_call_response\",\"id\":\"call_1\","
	                 "\"response\":\"18C\"}]}]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"It is "
	                  "18C\"}],\"finish_reason\":\"stop\"}]",
	        .finish = "stop" },
	{ .name = "text that is JSON but no parts stays text",
	        .span = "gen_ai.prompt.0.role: user\n"
	                "gen_ai.prompt.0.content: [{\"type\":\"Feature\"}]\n",
	        .input = "[" USER("[{\\\"type\\\":\\\"Feature\\\"}]") "]" },
	{ .name = "OpenInference: contents repeat calls and content",
	        .ecosystem = ECO_OPENINFERENCE,
	        .span = "llm.output_messages.0.message.role: assistant\n"
	                "llm.output_messages.0.message.content: It is 18C\n"
	                "llm.output_messages.0.message.contents.0.message_content.type: text\n"
	                "llm.output_messages.0.message.contents.0.message_content.text: It is 18C\n"
	                "llm.output_messages.0.message.contents.1.message_content.type: tool_use\n"
	                "llm.output_messages.0.message.contents.1.tool_call.id: call_1\n"
	                "llm.output_messages.0.message.contents.1.tool_call.function.name: get_weather\n"
	                "llm.output_messages.0.message.contents.1.tool_call.function.arguments: {\"city\":\"Paris\"}\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.id: call_1\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name: get_weather\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments: "
	                "{\"city\":\"Paris\"}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"It is 18C\"}," WEATHER
	                  "]}]" },
	{ .name = "OpenInference: no arguments are left out, a result of the user's is the tool's",
	        .ecosystem = ECO_OPENINFERENCE,
	        .span = "llm.input_messages.0.message.role: assistant\n"
	                "llm.input_messages.0.message.tool_calls.0.tool_call.id: call_1\n"
	                "llm.input_messages.0.message.tool_calls.0.tool_call.function.name: now\n"
	                "llm.input_messages.1.message.role: user\n"
	                "llm.input_messages.1.message.tool_call_id: call_1\n"
	                "llm.input_messages.1.message.content: noon\n"
	                "llm.input_messages.2.message.role: tool\n"
	                "llm.input_messages.2.message.tool_call_id: call_1\n"
	                "llm.input_messages.2.message.contents.0.message_content.type: text\n"
	                "llm.input_messages.2.message.contents.0.message_content.text: still noon\n",
	        .input = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"call_1\",\"name\":"
	                 "\"now\","
	                 "\"arguments\":{}}]},"
	                 "{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_call_response\",\"id\":\"call_1\","
	                 "\"response\":\"noon\"}]},"
	                 "{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_call_response\",\"id\":\"call_1\","
	                 "\"response\":\"still "
	                 "noon\"}]}]" },
	{ .name = "role as key", .span = "gen_ai.prompt.0.user: hello\n", .input = "[" USER("hello") "]" },
	{ .name = "LangSmith's message.role and message.content",
	        .span = "gen_ai.prompt.0.message.role: human\n"
	                "gen_ai.prompt.0.message.content: hello\n"
	                "gen_ai.completion.0.message.role: ai\n"
	                "gen_ai.completion.0.message.content: hi\n",
	        .input = "[" USER("hello") "]",
	        .output = "[" ANSWER("hi") "]" },
	{ .name = "LiteLLM: N of function_call is the tool call's index",
	        .span = "gen_ai.completion.0.finish_reason: tool_calls\n"
	                "gen_ai.completion.0.role: assistant\n"
	                "gen_ai.completion.0.function_call.name: get_weather\n"
	                "gen_ai.completion.0.function_call.arguments: {\"city\":\"Paris\"}\n"
	                "gen_ai.completion.1.function_call.name: get_time\n"
	                "gen_ai.completion.1.function_call.arguments: {}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":["
	                  "{\"type\":\"tool_call\",\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}},"
	                  "{\"type\":\"tool_call\",\"name\":\"get_time\",\"arguments\":{}}],\"finish_reason\":\"tool_"
	                  "call\"}]",
	        .finish = "tool_calls" },
	{ .name = "OpenInference: chat with tool calls and tools",
	        .span = "llm.input_messages.0.message.role: system\n"
	                "llm.input_messages.0.message.content: You're a helpful assistant.\n"
	                "llm.input_messages.1.message.role: user\n"
	                "llm.input_messages.1.message.content: What's the weather in Paris?\n"
	                "llm.output_messages.0.message.role: assistant\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.id: call_1\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name: get_weather\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments: "
	                "{\"city\":\"Paris\"}\n"
	                "llm.tools.0.tool.json_schema: "
	                "{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"d\","
	                "\"parameters\":{\"type\":\"object\"}}}\n",
	        .input = "[" SYSTEM("You're a helpful assistant.") "," USER("What's the weather in Paris?") "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[" WEATHER "]}]",
	        .tools = "[{\"type\":\"function\",\"name\":\"get_weather\",\"description\":\"d\",\"parameters\":{"
	                 "\"type\":\"object\"}}]" },
	{ .name = "OpenInference: contents of all types, in the order of their indexes",
	        .span = "llm.input_messages.0.message.role: user\n"
	                "llm.input_messages.0.message.contents.1.message_content.type: image\n"
	                "llm.input_messages.0.message.contents.1.message_content.image.image.url: https://x/y.png\n"
	                "llm.input_messages.0.message.contents.0.message_content.type: text\n"
	                "llm.input_messages.0.message.contents.0.message_content.text: look\n"
	                "llm.output_messages.0.message.contents.0.message_content.type: reasoning\n"
	                "llm.output_messages.0.message.contents.0.message_content.text: hm\n"
	                "llm.output_messages.0.message.contents.0.message_content.signature: c2ln\n"
	                "llm.output_messages.0.message.contents.1.message_content.type: text\n"
	                "llm.output_messages.0.message.contents.1.message_content.text: a cat\n"
	                "llm.output_messages.0.message.contents.2.tool_call.function.name: save\n",
	        .input = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"look\"},"
	                 "{\"type\":\"uri\",\"modality\":\"image\",\"uri\":\"https://x/y.png\"}]}]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"hm\"},{\"type\":"
	                  "\"text\",\"content\":\"a cat\"},"
	                  "{\"type\":\"tool_call\",\"name\":\"save\"}]}]",
	        .stays = "llm.output_messages.0.message.contents.0.message_content.signature" },
	{ .name = "OpenInference: tool message, deprecated function call",
	        .span = "llm.input_messages.0.message.role: assistant\n"
	                "llm.input_messages.0.message.function_call_name: get_weather\n"
	                "llm.input_messages.0.message.function_call_arguments_json: {\"city\":\"Paris\"}\n"
	                "llm.input_messages.1.message.role: tool\n"
	                "llm.input_messages.1.message.tool_call_id: call_1\n"
	                "llm.input_messages.1.message.name: get_weather\n"
	                "llm.input_messages.1.message.content: 18C\n",
	        .input = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"get_weather\","
	                 "\"arguments\":{\"city\":\"Paris\"}}]},"
	                 "{\"role\":\"tool\",\"name\":\"get_weather\",\"parts\":[{\"type\":\"tool_call_response\","
	                 "\"id\":\"call_1\",\"response\":\"18C\"}]}]" },
	{ .name = "OpenInference completions",
	        .span = "llm.prompts.0.prompt.text: Once upon\n"
	                "llm.choices.0.completion.text: a time\n",
	        .input = "[" USER("Once upon") "]",
	        .output = "[" ANSWER("a time") "]" },
	{ .name = "no role, and a message with a role only",
	        .span = "llm.input_messages.0.message.content: hi\n"
	                "llm.input_messages.1.message.role: assistant\n"
	                "llm.input_messages.2.message.role: user\n"
	                "llm.input_messages.2.message.content: again\n",
	        .input = "[" USER("hi") ",{\"role\":\"assistant\",\"parts\":[]}," USER("again") "]" },
	{ .name = "capture switched off",
	        .span = "llm.input_messages.0.message.role: user\n"
	                "llm.input_messages.0.message.content: __REDACTED__\n",
	        .stays = "*" },
	{ .name = "what nobody knows stays, the rest goes",
	        .span = "gen_ai.prompt.0.role: user\n"
	                "gen_ai.prompt.0.content: hi\n"
	                "gen_ai.prompt.0.mood: good\n",
	        .input = "[" USER("hi") "]",
	        .stays = "gen_ai.prompt.0.mood" },
	{ .name = "structured content",
	        .span = "gen_ai.prompt.0.role: user\n"
	                "gen_ai.prompt.0.content:= " LIST(TEXT_PART) "\n",
	        .input = "[" USER("hi") "]" },
	{ .name = "functions of OpenLLMetry",
	        .span = "llm.request.functions.1.name: b\n"
	                "llm.request.functions.0.name: get_weather\n"
	                "llm.request.functions.0.description: d\n"
	                "llm.request.functions.0.parameters: {\"type\":\"object\"}\n",
	        .tools = "[{\"type\":\"function\",\"name\":\"get_weather\",\"description\":\"d\",\"parameters\":{"
	                 "\"type\":\"object\"}},"
	                 "{\"type\":\"function\",\"name\":\"b\"}]" },
	{ .name = "LiteLLM v2's definitions beside the tool that was executed",
	        .span = "gen_ai.tool.0.name: get_weather\n"
	                "gen_ai.tool.0.description: d\n"
	                "gen_ai.tool.0.parameters: {\"type\":\"object\"}\n"
	                "gen_ai.tool.name: get_weather\n",
	        .tools = "[{\"type\":\"function\",\"name\":\"get_weather\",\"description\":\"d\",\"parameters\":{"
	                 "\"type\":\"object\"}}]",
	        .stays = "gen_ai.tool.name" },
	{ .name = "names only",
	        .span = "gen_ai.request.tools.0.name: a\n"
	                "gen_ai.request.tools.1.name: b\n",
	        .tools = "[{\"type\":\"function\",\"name\":\"a\"},{\"type\":\"function\",\"name\":\"b\"}]" },
	{ .name = "a schema that is no JSON stays",
	        .span = "llm.tools.0.tool.json_schema: {broken\n"
	                "llm.tools.1.tool.json_schema: {\"name\":\"a\"}\n",
	        .tools = "[{\"type\":\"function\",\"name\":\"a\"}]",
	        .stays = "*" },
	{ .name = "the better ranked family wins, the equal one is carried",
	        .span = "llm.input_messages.0.message.role: user\n"
	                "llm.input_messages.0.message.content: hi\n"
	                "gen_ai.prompt.0.role: user\n"
	                "gen_ai.prompt.0.content: hi\n",
	        .input = "[" USER("hi") "]" },
	{ .name = "a family that says something else stays",
	        .span = "gen_ai.prompt.0.role: user\n"
	                "gen_ai.prompt.0.content: other\n"
	                "llm.input_messages.0.message.role: user\n"
	                "llm.input_messages.0.message.content: hi\n",
	        .input = "[" USER("hi") "]",
	        .stays = "gen_ai.prompt.0.role gen_ai.prompt.0.content" },
	{ .name = "a family beats what has a lower rank, and loses against what has a higher one",
	        .span = "llm.output_messages.0.message.content: other\n"
	                "gen_ai.output.messages: [" ANSWER("hi") "]\n"
	                                                         "gen_ai.prompt: a\n"
	                                                         "gen_ai.prompt.0.content: b\n",
	        .input = "[" USER("b") "]",
	        .output = "[" ANSWER("hi") "]",
	        .stays = "llm.output_messages.0.message.content gen_ai.prompt" },
	{ .name = "precedence: llm first",
	        .span = "gen_ai.input.messages: [" USER("hi") "]\n"
	                                                      "llm.input_messages.0.message.content: other\n"
	                                                      "llm.tools: [{\"name\":\"a\"}]\n",
	        .precedence = LLM_FIRST,
	        .input = "[" USER("other") "]",
	        .tools = "[{\"type\":\"function\",\"name\":\"a\"}]" },
};

static void test_cases(void **state)
{
	(void)state;
	fold_check_all(cases, COUNTOF(cases));
}

/* 20,000 indexes in reverse: the first 10,000 that arrive are read, in numeric order. */
static void test_many(void **state)
{
	struct strbuf b;
	struct fold_case c = { .name = "many indexes" };
	struct fold_rig r;
	(void)state;
	strbuf_init(&b, 1 << 22);
	for (int i = 20000; i > 0; i--)
		strbuf_addf(&b, "gen_ai.prompt.%d.content: m%d\n", i, i);
	fold_rig_init(&r, b.p);
	fold_run(&r, &c);
	slice text = r.out.input.text, first = SLICE("[" USER("m10001") "," USER("m10002"));
	assert_true(slice_starts(text, first));
	assert_true(memmem(text.p, text.len, "m20000", 6));
	assert_int_equal(r.out.n_carried, 10000);
	fold_rig_release(&r);
	strbuf_release(&b);
}

/* 10,000 attributes of one index: fields are looked for in all of them. */
static void test_wide(void **state)
{
	struct strbuf b;
	struct fold_case c = { .name = "one wide message" };
	struct fold_rig r;
	(void)state;
	strbuf_init(&b, 1 << 22);
	for (int i = 0; i < 9990; i++)
		strbuf_addf(&b, "gen_ai.completion.0.tool_calls.%d.name: f%d\n", 9990 - i, 9990 - i);
	fold_rig_init(&r, b.p);
	fold_run(&r, &c);
	slice first = SLICE("[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"f1\"},"
	                    "{\"type\":\"tool_call\",\"name\":\"f2\"}");
	assert_true(slice_starts(r.out.output.text, first));
	assert_int_equal(r.out.n_carried, 9990);
	fold_rig_release(&r);
	strbuf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_wide),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
