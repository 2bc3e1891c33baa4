/* test_events.c - messages as span events: all three generations, every emitter's spelling, what is carried and what stays. */
#include "tests/unit/lib/genai/fold_rig.h"

#define TEXT(role, t) "{\"role\":\"" role "\",\"parts\":[{\"type\":\"text\",\"content\":\"" t "\"}]}"
#define WEATHER "{\"type\":\"tool_call\",\"id\":\"call_1\",\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}}"
#define CALLS                                                                                                \
	"[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":\"{" \
	"\\\"city\\\":\\\"Paris\\\"}\"}}]"

/* inside of a JSON string */
#define LIVEKIT_CALL                                                                                            \
	"{\\\"id\\\":\\\"call_1\\\",\\\"function\\\":{\\\"name\\\":\\\"get_weather\\\",\\\"arguments\\\":\\\"{" \
	"\\\\\\\"city\\\\\\\":\\\\\\\"Paris\\\\\\\"}\\\"}}"

static const struct fold_case cases[] = {
	{ .name = "to 1.27: JSON and text",
	        .span = "@gen_ai.content.prompt\n"
	                "gen_ai.prompt: [{\"role\":\"user\",\"content\":\"hi\"}]\n"
	                "@gen_ai.content.completion\n"
	                "gen_ai.completion: hello there\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .output = "[" TEXT("assistant", "hello there") "]" },
	{ .name = "to 1.27: a provider's body tells the finish reason",
	        .span = "@gen_ai.content.completion\n"
	                "gen_ai.completion: "
	                "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},"
	                "\"finish_reason\":\"stop\"}]}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hello\"}],"
	                  "\"finish_reason\":\"stop\"}]",
	        .finish = "stop" },
	{ .name = "OpenLIT's lines of roles",
	        .span = "@gen_ai.content.prompt\n"
	                "gen_ai.prompt:= " STR("user: hi\\nthere\\nassistant: hello\\nuser: bye") "\n",
	        .ecosystem = ECO_OPENLIT,
	        .input = "[" TEXT("user", "hi\\nthere") "," TEXT("assistant", "hello") "," TEXT("user", "bye") "]" },
	{ .name = "lines of roles of anyone else are text",
	        .span = "@gen_ai.content.prompt\n"
	                "gen_ai.prompt: user: hi\n",
	        .input = "[" TEXT("user", "user: hi") "]" },
	{ .name = "1.28: one event per message, sorted by time",
	        .span = "@gen_ai.choice 400\n"
	                "index:= " INT("0") "\n"
	                                    "finish_reason: tool_calls\n"
	                                    "message: {\"role\":\"assistant\",\"tool_calls\":" CALLS "}\n"
	                                    "@gen_ai.system.message 100\n"
	                                    "gen_ai.system: openai\n"
	                                    "content: You're a helpful assistant.\n"
	                                    "@gen_ai.tool.message 350\n"
	                                    "id: call_0\n"
	                                    "content: 18C\n"
	                                    "@gen_ai.user.message 200\n"
	                                    "content: What's the weather in Paris?\n"
	                                    "@exception 500\n"
	                                    "exception.message: no\n",
	        .input = "[" TEXT("system", "You're a helpful assistant.") "," TEXT(
	                "user", "What's the weather in Paris?") ","
	                                                        "{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_call_"
	                                                        "response\",\"id\":\"call_0\",\"response\":\"18C\"}]}]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[" WEATHER "],\"finish_reason\":\"tool_call\"}]",
	        .finish = "tool_calls",
	        .stays = "@exception" },
	{ .name = "choices by index",
	        .span = "@gen_ai.choice\n"
	                "index:= " INT("1") "\n"
	                                    "finish_reason: length\n"
	                                    "message: {\"content\":\"b\"}\n"
	                                    "@gen_ai.choice\n"
	                                    "index:= " INT("0") "\n"
	                                                        "finish_reason: stop\n"
	                                                        "message: {\"content\":\"a\"}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"a\"}],\"finish_"
	                  "reason\":\"stop\"},"
	                  "{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"b\"}],\"finish_"
	                  "reason\":\"length\"}]",
	        .finish = "stop length" },
	{ .name = "content switched off: only the finish reason is known",
	        .span = "@gen_ai.user.message\n"
	                "gen_ai.system: openai\n"
	                "@gen_ai.choice\n"
	                "index:= " INT("0") "\n"
	                                    "finish_reason: stop\n",
	        .finish = "stop",
	        .stays = "*" },
	{ .name = "PromptLayer: the event's name in the key",
	        .span = "@gen_ai.user.message\n"
	                "gen_ai.user.message.content: hi\n"
	                "@gen_ai.choice\n"
	                "gen_ai.choice.message.content: hello\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .output = "[" TEXT("assistant", "hello") "]" },
	{ .name = "PromptKit: no choice, the last assistant message is the answer",
	        .span = "@gen_ai.user.message\n"
	                "gen_ai.message.content: What's the weather in Paris?\n"
	                "@gen_ai.assistant.message\n"
	                "gen_ai.message.content: \n"
	                "gen_ai.tool_calls: "
	                "[{\"id\":\"call_1\",\"name\":\"get_weather\",\"args\":\"{\\\"city\\\":\\\"Paris\\\"}"
	                "\"}]\n",
	        .input = "[" TEXT("user", "What's the weather in Paris?") "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[" WEATHER "]}]" },
	{ .name = "PromptKit: a tool's result",
	        .span = "@gen_ai.assistant.message\n"
	                "gen_ai.tool_calls: "
	                "[{\"id\":\"call_1\",\"name\":\"get_weather\",\"args\":\"{\\\"city\\\":\\\"Paris\\\"}"
	                "\"}]\n"
	                "@gen_ai.tool.message\n"
	                "gen_ai.tool_result: "
	                "{\"id\":\"call_1\",\"name\":\"get_weather\",\"parts\":[{\"type\":\"text\",\"text\":"
	                "\"18C\"}]}\n"
	                "@gen_ai.assistant.message\n"
	                "gen_ai.message.content: It is 18C\n",
	        .input = "[{\"role\":\"assistant\",\"parts\":[" WEATHER "]},"
	                 "{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_call_response\",\"id\":\"call_1\","
	                 "\"name\":\"get_weather\",\"response\":\"18C\"}]}]",
	        .output = "[" TEXT("assistant", "It is 18C") "]" },
	{ .name = "PromptKit: on the session, which is no model call, all of it is input",
	        .kind = KIND_AGENT,
	        .span = "@gen_ai.user.message\n"
	                "gen_ai.message.content: hi\n"
	                "@gen_ai.assistant.message\n"
	                "gen_ai.message.content: hello\n",
	        .input = "[" TEXT("user", "hi") "," TEXT("assistant", "hello") "]" },
	{ .name = "LiveKit: tool calls are JSON in an array of strings, choice has no index",
	        .span = "@gen_ai.system.message\n"
	                "content: be kind\n"
	                "role: developer\n"
	                "@gen_ai.choice\n"
	                "role: assistant\n"
	                "content: hm\n"
	                "tool_calls:= " LIST(STR(LIVEKIT_CALL)) "\n",
	        .input = "[" TEXT("system", "be kind") "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hm\"}," WEATHER "]}]" },
	{ .name = "Strands: Bedrock blocks",
	        .span = "@gen_ai.user.message\n"
	                "content: [{\"text\":\"What's the weather in Paris?\"}]\n"
	                "@gen_ai.assistant.message\n"
	                "content: "
	                "[{\"toolUse\":{\"toolUseId\":\"call_1\",\"name\":\"get_weather\",\"input\":{\"city\":"
	                "\"Paris\"}}}]\n"
	                "@gen_ai.tool.message\n"
	                "content: "
	                "[{\"toolResult\":{\"toolUseId\":\"call_1\",\"status\":\"success\",\"content\":[{"
	                "\"text\":\"18C\"}]}}]\n"
	                "@gen_ai.choice\n"
	                "finish_reason: end_turn\n"
	                "message: [{\"text\":\"It is 18C\"}]\n",
	        .input = "[" TEXT(
	                "user", "What's the weather in Paris?") ",{\"role\":\"assistant\",\"parts\":[" WEATHER "]},"
	                                                        "{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_call_"
	                                                        "response\",\"id\":\"call_1\",\"response\":\"18C\","
	                                                        "\"status\":\"success\"}]}]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"It is "
	                  "18C\"}],\"finish_reason\":\"stop\"}]",
	        .finish = "end_turn" },
	{ .name = "Strands on a tool's span: arguments and result are no messages",
	        .kind = KIND_TOOL,
	        .span = "@gen_ai.tool.message\n"
	                "role: tool\n"
	                "content: {\"city\":\"Paris\"}\n"
	                "@gen_ai.choice\n"
	                "message: [{\"text\":\"18C\"}]\n",
	        .stays = "*" },
	{ .name = "Azure: the body in gen_ai.event.content",
	        .span = "@gen_ai.user.message\n"
	                "gen_ai.system: az.ai.inference\n"
	                "gen_ai.event.content: {\"role\": \"user\", \"content\": \"hi\"}\n"
	                "@gen_ai.choice\n"
	                "gen_ai.event.content: {\"message\": {\"content\": \"hello\"}, \"finish_reason\": "
	                "\"stop\", \"index\": 0}\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hello\"}],"
	                  "\"finish_reason\":\"stop\"}]",
	        .finish = "stop" },
	{ .name = "LangSmith: flattened in the choice",
	        .span = "@gen_ai.choice\n"
	                "message.role: assistant\n"
	                "message.content: hm\n"
	                "tool_calls.0.id: call_1\n"
	                "tool_calls.0.type: function\n"
	                "tool_calls.0.function.name: get_weather\n"
	                "tool_calls.0.function.arguments: {\"city\":\"Paris\"}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hm\"}," WEATHER "]}]" },
	{ .name = "flattened in the choice: what is not understood stays",
	        .span = "@gen_ai.choice\n"
	                "message.content: hm\n"
	                "gen_ai.tool_calls.0.id: call_1\n"
	                "gen_ai.tool_calls.0.function.name: get_weather\n"
	                "gen_ai.tool_calls.0.function.arguments: {\"city\":\"Paris\"}\n"
	                "tool_calls.1.function.arguments: {}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hm\"}," WEATHER "]}]",
	        .stays = "*" },
	{ .name = "1.37: several events merge, the longest of one attribute wins",
	        .span = "gen_ai.usage.input_tokens:= {\"intValue\":\"82\"}\n"
	                "@gen_ai.client.inference.operation.details\n"
	                "gen_ai.input.messages: [" TEXT(
	                        "user", "hi") "]\n"
	                                      "@gen_ai.client.inference.operation.details\n"
	                                      "gen_ai.output.messages: "
	                                      "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\","
	                                      "\"content\":\"hello\"}],\"finish_reason\":\"stop\"}]\n"
	                                      "@gen_ai.client.inference.operation.details\n"
	                                      "gen_ai.system_instructions: "
	                                      "[{\"type\":\"text\",\"content\":\"be kind\"}]\n"
	                                      "gen_ai.usage.input_tokens:= {\"intValue\":\"82\"}\n"
	                                      "@gen_ai.client.inference.operation.details\n"
	                                      "gen_ai.input.messages: []\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hello\"}],"
	                  "\"finish_reason\":\"stop\"}]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]",
	        .finish = "stop",
	        .stays = "gen_ai.usage.input_tokens @gen_ai.client.inference.operation.details" },
	{ .name = "1.37: events that say the same go together, one that says less stays",
	        .span = "@gen_ai.client.inference.operation.details\n"
	                "gen_ai.system_instructions: [{\"type\":\"text\",\"content\":\"be\"}]\n"
	                "@gen_ai.client.inference.operation.details\n"
	                "gen_ai.tool.definitions:= " LIST(
	                        STR("?")) "\n"
	                                  "@gen_ai.client.inference.operation.details\n"
	                                  "gen_ai.tool.definitions:= " LIST(
	                                          STR("?")) "\n"
	                                                    "@gen_ai.client.inference.operation.details\n"
	                                                    "gen_ai.system_instructions: "
	                                                    "[{\"type\":\"text\",\"content\":\"be kind\"}]\n",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]",
	        .tools = "[{\"type\":\"function\",\"name\":\"?\"}]",
	        .stays = "@gen_ai.client.inference.operation.details" },
	{ .name = "1.37: structured values; what only the event knows keeps it",
	        .span = "@gen_ai.client.inference.operation.details\n"
	                "gen_ai.request.model: gpt-4o\n"
	                "gen_ai.input.messages:= " USER_HI "\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .stays = "*" },
	{ .name = "attributes beat events; equal ones go",
	        .span = "gen_ai.input.messages: [" TEXT(
	                "user", "hi") "]\n"
	                              "gen_ai.output.messages: [" TEXT(
	                                      "assistant", "hello") "]\n"
	                                                            "@gen_ai.user.message\n"
	                                                            "content: hi\n"
	                                                            "@gen_ai.choice\n"
	                                                            "message: {\"content\":\"other\"}\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .output = "[" TEXT("assistant", "hello") "]",
	        .stays = "@gen_ai.choice" },
	{ .name = "events beat an attribute that was cut",
	        .span = "gen_ai.input.messages: "
	                "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"What's the wea\n"
	                "@gen_ai.user.message\n"
	                "content: What's the weather in Paris?\n",
	        .input = "[" TEXT("user", "What's the weather in Paris?") "]" },
	{ .name = "an attribute that was cut is all there is",
	        .span = "gen_ai.input.messages: "
	                "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"What's the wea\n",
	        .input = "[" TEXT("user", "What's the wea") "]",
	        .truncated = true },
	{ .name = "PydanticAI 1: events in an attribute",
	        .ecosystem = ECO_PYDANTIC_AI,
	        .span = "events: [{\"event.name\":\"gen_ai.system.message\",\"content\":\"be "
	                "kind\",\"role\":\"system\",\"gen_ai.message.index\":0},"
	                "{\"event.name\":\"gen_ai.user.message\",\"content\":\"hi\",\"role\":\"user\",\"gen_ai."
	                "message.index\":0},"
	                "{\"event.name\":\"gen_ai.assistant.message\",\"role\":\"assistant\",\"tool_"
	                "calls\":" CALLS "},"
	                "{\"event.name\":\"gen_ai.tool.message\",\"role\":\"tool\",\"id\":\"call_1\",\"name\":"
	                "\"get_weather\",\"content\":\"18C\"},"
	                "{\"event.name\":\"gen_ai.choice\",\"index\":0,\"message\":{\"role\":\"assistant\","
	                "\"content\":\"It is 18C\"},\"finish_reason\":\"stop\"}]\n",
	        .input = "[" TEXT("system", "be kind") "," TEXT(
	                "user", "hi") ",{\"role\":\"assistant\",\"parts\":[" WEATHER "]},"
	                              "{\"role\":\"tool\",\"name\":\"get_weather\",\"parts\":[{\"type\":\"tool_"
	                              "call_response\",\"id\":\"call_1\",\"response\":\"18C\"}]}]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"It is "
	                  "18C\"}],\"finish_reason\":\"stop\"}]",
	        .finish = "stop" },
	{ .name = "names that are near but are none",
	        .span = "@gen_ai.a.b.message\n"
	                "content: hi\n"
	                "@gen_ai..message\n"
	                "content: hi\n"
	                "@gen_ai.message\n"
	                "content: hi\n",
	        .stays = "*" },
};

static void test_cases(void **state)
{
	(void)state;
	fold_check_all(cases, COUNTOF(cases));
}

static void test_kept_when_asked(void **state)
{
	struct fold_rig r;
	(void)state;
	fold_rig_init(&r, "@gen_ai.user.message\ncontent: hi\n");
	struct span *s = traces_first_span(&r.t);
	view_load(&r.v, &r.t, &s->attrs, (struct emitter){ 0 }, GROUP_CONTENT, OTEL_FIRST);
	r.v.kind = KIND_LLM;
	fold_span(&r.f, &r.v, false, &r.out);
	fold_events(&r.f, &r.v, &r.out);
	assert_int_equal(r.out.input.text.len, 0);
	assert_int_equal(r.out.n_carried_events, 0);
	fold_rig_release(&r);
}

/* So many details events with the same messages, the first with what only it says, as far as there is some. */
static bool check_details(
        const char *name, int n, const char *before, const char *first, const char *output, const char *stays)
{
	struct fold_case c = { .name = name, .input = "[" TEXT("user", "hi") "]", .output = output, .stays = stays };
	struct strbuf b;
	strbuf_init(&b, 1 << 20);
	strbuf_adds(&b, before);
	for (int i = 0; i < n; i++) {
		strbuf_adds(&b,
		        "@gen_ai.client.inference.operation.details\n"
		        "gen_ai.input.messages: [" TEXT("user", "hi") "]\n");
		strbuf_adds(&b, i ? "" : first);
	}
	strbuf_addc(&b, 0);
	c.span = b.p;
	c.finish = output ? "stop" : NULL;
	bool ok = fold_check(&c);
	strbuf_release(&b);
	return ok;
}

static void test_many_details(void **state)
{
	static const char output[] = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hello\"}],"
	                             "\"finish_reason\":\"stop\"}]";
	static const char told[] = "gen_ai.output.messages: [{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\","
	                           "\"content\":\"hello\"}],\"finish_reason\":\"stop\"}]\n";
	static const char on_span[] = "gen_ai.input.messages: [" TEXT("user", "hi") "]\n";
	(void)state;
	bool ok = check_details("16 details events", 16, "", told, output, NULL);
	ok &= check_details("17 details events: what they say is read, they stay", 17, "", told, output, "*");
	ok &= check_details("17 details events, no output", 17, "", "", NULL, "*");
	ok &= check_details(
	        "17 details events: also the one whose attributes are on the span", 17, on_span, told, output, "*");
	assert_true(ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_kept_when_asked),
		cmocka_unit_test(test_many_details),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
