/* test_fold.c - the four content texts of whole spans: an example of each ecosystem, what wins, what is carried, what stays. */
#include "tests/unit/lib/genai/fold_rig.h"

#define TEXT(role, t) "{\"role\":\"" role "\",\"parts\":[{\"type\":\"text\",\"content\":\"" t "\"}]}"
#define PARIS TEXT("user", "What's the weather in Paris?")
#define HELPFUL TEXT("system", "You're a helpful assistant.")
#define CALL "{\"type\":\"tool_call\",\"id\":\"call_1\",\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}}"
#define CALLED "{\"role\":\"assistant\",\"parts\":[" CALL "]}"
#define CALLED_TOOL_CALL "{\"role\":\"assistant\",\"parts\":[" CALL "],\"finish_reason\":\"tool_call\"}"
#define CALLED_RAW "{\"role\":\"assistant\",\"parts\":[" CALL "],\"finish_reason\":\"tool_calls\"}"
#define CALLED_STOP "{\"role\":\"assistant\",\"parts\":[" CALL "],\"finish_reason\":\"stop\"}"
#define CALLED_OTHERWISE                                                                                           \
	"{\"role\":\"assistant\",\"parts\":[{\"name\":\"get_weather\",\"type\":\"tool_call\",\"id\":\"call_1\"}]," \
	"\"finish_reason\":\"tool_call\"}"
#define TOOL \
	"{\"type\":\"function\",\"name\":\"get_weather\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}"
#define OPENAI_CALLS                                                                                         \
	"[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":\"{" \
	"\\\"city\\\":\\\"Paris\\\"}\"}}]"
#define OPENAI_TOOL                                                                                            \
	"{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"d\",\"parameters\":{" \
	"\"type\":\"object\"}}}"

#define PNG "{\"type\":\"blob\",\"mime_type\":\"image/png\",\"modality\":\"image\",\"content\":\"iVBORw0KGgo=\"}"
/* inside of a JSON string */
#define AI_TOOL                                                                                          \
	"{\\\"type\\\":\\\"function\\\",\\\"name\\\":\\\"get_weather\\\",\\\"description\\\":\\\"d\\\"," \
	"\\\"inputSchema\\\":{\\\"type\\\":\\\"object\\\"}}"
#define LIVEKIT_CALL                                                                                               \
	"{\\\"id\\\":\\\"call_1\\\",\\\"name\\\":\\\"get_weather\\\",\\\"arguments\\\":\\\"{\\\\\\\"city\\\\\\\":" \
	"\\\\\\\"Paris\\\\\\\"}\\\"}"

static const struct fold_case cases[] = {
	{ .name = "OpenTelemetry, latest: already canonical",
	        .span = "gen_ai.input.messages: [" HELPFUL "," PARIS "]\n"
	                "gen_ai.output.messages: [" CALLED_TOOL_CALL "]\n"
	                "gen_ai.tool.definitions: [" TOOL "]\n"
	                "gen_ai.system_instructions: [{\"type\":\"text\",\"content\":\"be "
	                "kind\"}]\n"
	                "gen_ai.request.model: gpt-4o-mini\n",
	        .input = "[" HELPFUL "," PARIS "]",
	        .output = "[" CALLED_TOOL_CALL "]",
	        .tools = "[" TOOL "]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]",
	        .finish = "tool_call",
	        .stays = "*" },
	{ .name = "OpenTelemetry: blanks may stay, a raw finish reason is made canonical, an equal twin goes",
	        .span = "gen_ai.input.messages: [ " PARIS " ]\n"
	                "gen_ai.prompt: What's the weather in Paris?\n"
	                "gen_ai.output.messages: [" CALLED_RAW "]\n",
	        .input = "[ " PARIS " ]",
	        .output = "[" CALLED_TOOL_CALL "]",
	        .finish = "tool_calls" },
	{ .name = "OpenTelemetry, structured attributes",
	        .span = "gen_ai.input.messages:= " USER_HI "\n",
	        .input = "[" TEXT("user", "hi") "]" },
	{ .name = "OpenInference: flattened beats the dumps, which say more",
	        .ecosystem = ECO_OPENINFERENCE,
	        .span = "input.value: {\"messages\":[{\"role\":\"user\",\"content\":\"What's the weather in "
	                "Paris?\"}],\"model\":\"gpt-4o-mini\"}\n"
	                "input.mime_type: application/json\n"
	                "llm.input_messages.0.message.role: user\n"
	                "llm.input_messages.0.message.content: What's the weather in Paris?\n"
	                "output.value: "
	                "{\"id\":\"chatcmpl-9abc\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
	                "\"assistant\",\"tool_calls\":" OPENAI_CALLS "},\"finish_reason\":\"tool_calls\"}]}\n"
	                "llm.output_messages.0.message.role: assistant\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.id: call_1\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name: get_weather\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments: "
	                "{\"city\":\"Paris\"}\n",
	        .input = "[" PARIS "]",
	        .output = "[" CALLED "]",
	        .finish = "tool_calls",
	        .stays = "input.value input.mime_type output.value" },
	{ .name = "OpenInference: only the dumps; system and tools of the body",
	        .ecosystem = ECO_OPENINFERENCE,
	        .span = "input.value: {\"system\":\"be "
	                "kind\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"model\":\"claude\","
	                "\"tools\":[{\"name\":\"get_weather\",\"description\":\"d\",\"input_schema\":{\"type\":"
	                "\"object\"}}]}\n"
	                "output.value: hello\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .output = "[" TEXT("assistant", "hello") "]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]",
	        .tools = "[" TOOL "]",
	        .stays = "input.value" },
	{ .name = "dumps of other spans are no messages",
	        .kind = KIND_WORKFLOW,
	        .span = "input.value: {\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\n"
	                "output.value: hello\n"
	                "traceloop.entity.input: {\"args\":[\"hi\"],\"kwargs\":{}}\n"
	                "langfuse.observation.input: [{\"role\":\"user\",\"content\":\"hi\"}]\n",
	        .stays = "*" },
	{ .name = "nor of tools",
	        .kind = KIND_TOOL,
	        .span = "input.value: {\"city\":\"Paris\"}\n"
	                "output.value: 18C\n"
	                "gen_ai.prompt: {\"input\":\"Paris\"}\n",
	        .stays = "*" },
	{ .name = "of a span of unknown kind only plain messages are",
	        .kind = KIND_MEMORY,
	        .span = "input.value: {\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\n"
	                "output.value: hello\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .stays = "output.value" },
	{ .name = "OpenLLMetry, migrated: another order of members is canonical, too",
	        .ecosystem = ECO_OPENLLMETRY,
	        .span = "gen_ai.tool.definitions: [" TOOL "]\n"
	                "gen_ai.input.messages: [" PARIS "]\n"
	                "gen_ai.output.messages: [" CALLED_OTHERWISE "]\n",
	        .input = "[" PARIS "]",
	        .output = "[" CALLED_OTHERWISE "]",
	        .tools = "[" TOOL "]",
	        .finish = "tool_call" },
	{ .name = "OpenLIT: reasoning goes in front of the answer",
	        .ecosystem = ECO_OPENLIT,
	        .span = "gen_ai.output.messages: [" TEXT("assistant", "18C") "]\n"
	                                                                     "gen_ai.content.reasoning: hm\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"hm\"},{"
	                  "\"type\":\"text\",\"content\":\"18C\"}]}]" },
	{ .name = "OpenLIT: nothing but reasoning",
	        .ecosystem = ECO_OPENLIT,
	        .span = "gen_ai.content.reasoning: hm\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"hm\"}]}]" },
	{ .name = "OpenLIT: tool calls as Python writes them stay",
	        .ecosystem = ECO_OPENLIT,
	        .span = "gen_ai.response.tool_calls: [{'id': 'call_1'}]\n",
	        .stays = "*" },
	{ .name = "AI SDK, model call: text, reasoning, tool calls and files are one message",
	        .ecosystem = ECO_VERCEL,
	        .span = "ai.prompt.messages: [{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"What's the "
	                "weather in Paris?\"}]}]\n"
	                "ai.prompt.tools:= " LIST(STR(AI_TOOL)) "\n"
	                                                        "ai.response.text: \n"
	                                                        "ai.response.reasoning: hm\n"
	                                                        "ai.response.toolCalls: "
	                                                        "[{\"toolCallId\":\"call_1\",\"toolName\":\"get_"
	                                                        "weather\",\"input\":{\"city\":\"Paris\"}}]\n"
	                                                        "ai.response.files: "
	                                                        "[{\"type\":\"file\",\"mediaType\":\"image/"
	                                                        "png\",\"data\":\"iVBORw0KGgo=\"}]\n",
	        .input = "[" PARIS "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"hm\"}," PNG
	                  "," CALL "]}]",
	        .tools = "[" TOOL "]",
	        .stays = "ai.response.text" },
	{ .name = "AI SDK 4: toolCalls with args",
	        .ecosystem = ECO_VERCEL,
	        .span = "ai.response.text: hm\n"
	                "ai.response.toolCalls: "
	                "[{\"type\":\"function\",\"toolCallId\":\"call_1\",\"toolName\":\"get_weather\","
	                "\"args\":\"{\\\"city\\\":\\\"Paris\\\"}\"}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hm\"}," CALL "]}]" },
	{ .name = "AI SDK, outer span: prompt and system",
	        .ecosystem = ECO_VERCEL,
	        .kind = KIND_AGENT,
	        .span = "ai.prompt: {\"system\":\"be kind\",\"prompt\":\"hi\"}\n"
	                "ai.response.text: hello\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .output = "[" TEXT("assistant", "hello") "]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]" },
	{ .name = "AI SDK, outer span: messages",
	        .ecosystem = ECO_VERCEL,
	        .kind = KIND_AGENT,
	        .span = "ai.prompt: {\"messages\":[{\"role\":\"user\",\"content\":\"What's the weather in "
	                "Paris?\"}]}\n"
	                "ai.response.object: {\"t\":18}\n",
	        .input = "[" PARIS "]",
	        .output = "[" TEXT("assistant", "{\\\"t\\\":18}") "]" },
	{ .name = "AI SDK: texts that were embedded, vectors",
	        .ecosystem = ECO_VERCEL,
	        .kind = KIND_EMBEDDING,
	        .span = "ai.values:= " LIST(
	                STR("\\\"sunny\\\"") "," STR("\\\"rainy\\\"")) "\n"
	                                                               "ai.embeddings:= " LIST(STR("[0.1,0.2]")) "\n",
	        .input = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"sunny\"},{\"type\":\"text\","
	                 "\"content\":\"rainy\"}]}]",
	        .stays = "ai.embeddings" },
	{ .name = "Sentry",
	        .ecosystem = ECO_SENTRY,
	        .span = "gen_ai.request.messages: [{\"role\":\"user\",\"content\":\"What's the weather in "
	                "Paris?\"}]\n"
	                "gen_ai.response.text: [\"hm\"]\n"
	                "gen_ai.response.tool_calls: " OPENAI_CALLS "\n"
	                "gen_ai.request.available_tools: [" OPENAI_TOOL "]\n",
	        .input = "[" PARIS "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hm\"}," CALL "]}]",
	        .tools = "[" TOOL "]" },
	{ .name = "PydanticAI: results in messages of role user, system apart",
	        .ecosystem = ECO_PYDANTIC_AI,
	        .span = "gen_ai.input.messages: "
	                "[{\"role\":\"user\",\"parts\":[{\"type\":\"tool_call_response\",\"id\":\"call_1\","
	                "\"name\":\"get_weather\",\"result\":\"18C\"}]}]\n"
	                "gen_ai.system_instructions: [{\"type\":\"text\",\"content\":\"be kind\"}]\n",
	        .input = "[{\"role\":\"tool\",\"parts\":[{\"type\":\"tool_call_response\",\"id\":\"call_1\","
	                 "\"name\":\"get_weather\",\"response\":\"18C\"}]}]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]" },
	{ .name = "PydanticAI's agent: the whole history, the result as text",
	        .ecosystem = ECO_PYDANTIC_AI,
	        .kind = KIND_AGENT,
	        .span = "pydantic_ai.all_messages: [" PARIS "," CALLED "]\n"
	                "final_result: It is 18C\n",
	        .input = "[" PARIS "," CALLED "]",
	        .output = "[" TEXT("assistant", "It is 18C") "]" },
	{ .name = "LiteLLM: tool calls beside the parts, null content",
	        .ecosystem = ECO_LITELLM,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":null}],\"tool_"
	                "calls\":" OPENAI_CALLS ",\"finish_reason\":\"tool_calls\"}]\n"
	                "gen_ai.completion.0.function_call.name: get_weather\n"
	                "gen_ai.completion.0.function_call.arguments: {\"city\":\"Paris\"}\n",
	        .output = "[" CALLED_TOOL_CALL "]",
	        .finish = "tool_calls",
	        .stays = "*" },
	{ .name = "Enprompta: text, and its own keys of JSON",
	        .ecosystem = ECO_ENPROMPTA,
	        .span = "gen_ai.prompt: What's the weather in Paris?\n"
	                "gen_ai.completion: It is 18C\n"
	                "llm.output.messages: [{\"role\":\"assistant\",\"content\":\"It is 18C\"}]\n",
	        .input = "[" PARIS "]",
	        .output = "[" TEXT("assistant", "It is 18C") "]" },
	{ .name = "LangSmith: run inputs and outputs",
	        .ecosystem = ECO_LANGSMITH,
	        .span = "gen_ai.prompt: "
	                "{\"messages\":[[{\"lc\":1,\"type\":\"constructor\",\"id\":[\"langchain\",\"schema\","
	                "\"messages\",\"HumanMessage\"],\"kwargs\":{\"content\":\"What's the weather in "
	                "Paris?\"}}]]}\n"
	                "gen_ai.completion: "
	                "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"It is "
	                "18C\"},\"finish_reason\":\"stop\"}]}\n",
	        .input = "[" PARIS "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"It is "
	                  "18C\"}],\"finish_reason\":\"stop\"}]",
	        .finish = "stop" },
	{ .name = "LangSmith: a chain's inputs are no messages",
	        .ecosystem = ECO_LANGSMITH,
	        .kind = KIND_WORKFLOW,
	        .span = "gen_ai.prompt: {\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\n"
	                "gen_ai.completion: {\"output\":\"hello\"}\n",
	        .stays = "*" },
	{ .name = "MLflow: documents in strings, quoted text",
	        .ecosystem = ECO_MLFLOW,
	        .span = "mlflow.spanInputs: {\"messages\": [{\"role\": \"user\", \"content\": \"What's the "
	                "weather in Paris?\"}]}\n"
	                "mlflow.spanOutputs: \"It is 18C\"\n",
	        .input = "[" PARIS "]",
	        .output = "[" TEXT("assistant", "It is 18C") "]" },
	{ .name = "Google ADK: Gemini's request and response; placeholders say nothing",
	        .ecosystem = ECO_GOOGLE_ADK,
	        .span = "gcp.vertex.agent.llm_request: "
	                "{\"model\":\"gemini-2.5-flash\",\"config\":{\"system_instruction\":\"be "
	                "kind\",\"tools\":[{\"function_declarations\":[{\"name\":\"get_weather\","
	                "\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}]}]},\"contents\":[{"
	                "\"role\":\"user\",\"parts\":[{\"text\":\"What's the weather in Paris?\"}]}]}\n"
	                "gcp.vertex.agent.llm_response: "
	                "{\"content\":{\"role\":\"model\",\"parts\":[{\"function_call\":{\"id\":\"call_1\","
	                "\"name\":\"get_weather\",\"args\":{\"city\":\"Paris\"}}}]},\"finish_reason\":\"STOP\"}"
	                "\n",
	        .input = "[" PARIS "]",
	        .output = "[" CALLED_STOP "]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]",
	        .tools = "[" TOOL "]",
	        .finish = "STOP",
	        .stays = "gcp.vertex.agent.llm_request" },
	{ .name = "placeholders",
	        .ecosystem = ECO_GOOGLE_ADK,
	        .span = "gcp.vertex.agent.llm_request: {}\n"
	                "gcp.vertex.agent.llm_response: {}\n"
	                "gen_ai.prompt: None\n"
	                "gen_ai.completion: <REDACTED>\n",
	        .stays = "*" },
	{ .name = "LiveKit: chat context, instructions, answer and calls",
	        .ecosystem = ECO_LIVEKIT,
	        .span = "lk.chat_ctx: {\"items\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[\"What's the "
	                "weather in Paris?\"]}]}\n"
	                "lk.instructions: be kind\n"
	                "lk.response.text: hm\n"
	                "lk.response.function_calls:= " LIST(STR(LIVEKIT_CALL)) "\n",
	        .input = "[" PARIS "]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"hm\"}," CALL "]}]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]" },
	{ .name = "OpenInference LangChain's function call",
	        .ecosystem = ECO_OPENINFERENCE,
	        .span = "llm.function_call: "
	                "{\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\":\\\"Paris\\\"}\"}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"get_"
	                  "weather\",\"arguments\":{\"city\":\"Paris\"}}]}]" },
	{ .name = "Claude Code",
	        .ecosystem = ECO_CLAUDE_CODE,
	        .span = "new_context: hi\n"
	                "response.model_output: hello\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .output = "[" TEXT("assistant", "hello") "]" },
	{ .name = "Langfuse",
	        .ecosystem = ECO_LANGFUSE,
	        .span = "langfuse.observation.input: [{\"role\":\"user\",\"content\":\"What's the weather in "
	                "Paris?\"}]\n"
	                "langfuse.observation.output: {\"role\":\"assistant\",\"content\":\"It is 18C\"}\n"
	                "langfuse.trace.input: the whole trace's\n",
	        .input = "[" PARIS "]",
	        .output = "[" TEXT("assistant", "It is 18C") "]",
	        .stays = "langfuse.trace.input" },
	{ .name = "text that only looks like JSON",
	        .span = "gen_ai.prompt: [WARN] disk\n"
	                "gen_ai.completion: {not json}\n",
	        .input = "[" TEXT("user", "[WARN] disk") "]",
	        .output = "[" TEXT("assistant", "{not json}") "]" },
	{ .name = "JSON of unknown shape is text on a model call",
	        .span = "gen_ai.completion: {\"city\":\"Paris\"}\n",
	        .output = "[" TEXT("assistant", "{\\\"city\\\":\\\"Paris\\\"}") "]" },
	{ .name = "JSON in a JSON string",
	        .span = "gen_ai.prompt: \"[{\\\"role\\\":\\\"user\\\",\\\"content\\\":\\\"hi\\\"}]\"\n",
	        .input = "[" TEXT("user", "hi") "]" },
	{ .name = "events beat a dump",
	        .span = "input.value: something else\n"
	                "@gen_ai.user.message\n"
	                "content: hi\n",
	        .input = "[" TEXT("user", "hi") "]",
	        .stays = "input.value" },
	{ .name = "precedence: llm first, the canonical attribute is overwritten",
	        .precedence = LLM_FIRST,
	        .span = "gen_ai.input.messages: [" TEXT(
	                "user", "b") "]\n"
	                             "llm.input.messages: [{\"role\":\"user\",\"content\":\"a\"}]\n",
	        .input = "[" TEXT("user", "a") "]" },
	{ .name = "not of any type that holds text",
	        .span = "gen_ai.prompt:= {\"intValue\":\"7\"}\n"
	                "gen_ai.completion:= {\"boolValue\":true}\n",
	        .stays = "*" },
	{ .name = "a span without content", .span = "gen_ai.request.model: gpt-4o\n", .stays = "*" },
	{ .name = "openai-agents: a message as repr() of a dict",
	        .ecosystem = ECO_OPENAI_AGENTS,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{'content': None, "
	                "'role': 'assistant', 'tool_calls': [{'id': 'c1', 'function': {'arguments': '{\\\"a\\\": 1}', "
	                "'name': 'f'}, 'type': 'function'}]}\"}]}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":\"f\","
	                  "\"arguments\":{\"a\":1}}]}]" },
	{ .name = "openai-agents: a part as repr() of an object",
	        .ecosystem = ECO_OPENAI_AGENTS,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"ResponseFunctionToolCall("
	                "arguments='{}', call_id='c1', name='f', type='function_call')\"}]}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":\"f\","
	                  "\"arguments\":{}}]}]" },
	{ .name = "openai-agents: a body as repr() of a dict",
	        .ecosystem = ECO_OPENAI_AGENTS,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{'object': 'response', "
	                "'output': [{'content': [{'text': 'a', 'type': 'output_text'}], 'role': 'assistant', 'type': "
	                "'message'}]}\"}]}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"a\"}]}]" },
	{ .name = "openai-agents: text that only looks like it",
	        .ecosystem = ECO_OPENAI_AGENTS,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{'a': 1}\"}]}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"{'a': 1}\"}]}]" },
	{ .name = "OpenLLMetry for JavaScript: parts and messages as JSON in text",
	        .ecosystem = ECO_OPENLLMETRY,
	        .span = "gen_ai.input.messages: "
	                "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"[{\\\"type\\\":"
	                "\\\"message\\\",\\\"role\\\":\\\"user\\\",\\\"content\\\":\\\"hi\\\"}]\"}]},{\"role\":"
	                "\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"[{\\\"type\\\":\\\"tool_use\\\","
	                "\\\"id\\\":\\\"t1\\\",\\\"name\\\":\\\"f\\\",\\\"input\\\":{\\\"a\\\":1}}]\"}]},{\"role\":"
	                "\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"[{\\\"a\\\":1}]\"}]}]\n",
	        .input = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]},{\"role\":"
	                 "\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"t1\",\"name\":\"f\",\"arguments\":{"
	                 "\"a\":1}}]},{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"[{\\\"a\\\":1}]\"}"
	                 "]}]" },
	{ .name = "OpenLLMetry: reasoning as JSON of summaries",
	        .ecosystem = ECO_OPENLLMETRY,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"[{\\\"text\\\":"
	                "\\\"hm\\\",\\\"type\\\":\\\"summary_text\\\"}]\"}]}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"hm\"}]}]" },
	{ .name = "other emitters: text is text",
	        .ecosystem = ECO_OTEL,
	        .span = "gen_ai.input.messages: "
	                "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"[{\\\"type\\\":\\\"tool_"
	                "use\\\",\\\"id\\\":\\\"t1\\\",\\\"name\\\":\\\"f\\\",\\\"input\\\":{\\\"a\\\":1}}]\"}]}]\n",
	        .input = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"[{\\\"type\\\":\\\"tool_"
	                 "use\\\",\\\"id\\\":\\\"t1\\\",\\\"name\\\":\\\"f\\\",\\\"input\\\":{\\\"a\\\":1}}]\"}]}]" },
	{ .name = "ADK: a stream is one message a chunk",
	        .ecosystem = ECO_GOOGLE_ADK,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"h\"}],\"finish_"
	                "reason\":\"\"},{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"m\"},{"
	                "\"type\":\"text\",\"content\":\"A\"}],\"finish_reason\":\"\"},{\"role\":\"assistant\","
	                "\"parts\":[{\"type\":\"text\",\"content\":\" "
	                "b\"}],\"finish_reason\":\"stop\"},{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\","
	                "\"content\":\"c\"}],\"finish_reason\":\"stop\"}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"reasoning\",\"content\":\"hm\"},{\"type\":"
	                  "\"text\",\"content\":\"A "
	                  "b\"}],\"finish_reason\":\"stop\"},{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\","
	                  "\"content\":\"c\"}],\"finish_reason\":\"stop\"}]",
	        .finish = "stop stop" },
	{ .name = "two choices with empty finish reasons stay two",
	        .ecosystem = ECO_OPENLLMETRY,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"a\"}],\"finish_reason\":"
	                "\"\"},{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"b\"}],\"finish_"
	                "reason\":\"\"}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"a\"}]},{\"role\":"
	                  "\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"b\"}]}]" },
	{ .name = "LiteLLM: an answer without parts and its call beside it",
	        .ecosystem = ECO_LITELLM,
	        .span = "gen_ai.output.messages: "
	                "[{\"role\":\"assistant\",\"parts\":[],\"finish_reason\":\"tool_calls\"}]\n"
	                "gen_ai.completion.0.function_call.name: f\n"
	                "gen_ai.completion.0.function_call.arguments: {\"a\":1}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"name\":\"f\",\"arguments\":{"
	                  "\"a\":1}}]}]",
	        .finish = "tool_calls" },
	{ .name = "an answer without parts is better than none",
	        .ecosystem = ECO_LITELLM,
	        .span = "gen_ai.output.messages: [{\"role\":\"assistant\",\"parts\":[],\"finish_reason\":\"stop\"}]\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[],\"finish_reason\":\"stop\"}]",
	        .finish = "stop" },
	{ .name = "OpenInference: the dump has the calls that the flattened messages lack, and the system prompt",
	        .ecosystem = ECO_OPENINFERENCE,
	        .span = "input.value: "
	                "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{"
	                "\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}]}],\"system\":\"be "
	                "kind\",\"model\":\"m\"}\n"
	                "llm.input_messages.0.message.role: user\n"
	                "llm.input_messages.0.message.content: hi\n"
	                "llm.input_messages.1.message.role: assistant\n"
	                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name: f\n"
	                "llm.output_messages.0.message.role: assistant\n"
	                "output.value: "
	                "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"function_call\":{\"id\":"
	                "\"c1\",\"name\":\"f\",\"args\":{}}}]}}]}\n",
	        .input = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]},{\"role\":"
	                 "\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"t1\",\"name\":\"f\",\"arguments\":{"
	                 "}}]}]",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":\"f\","
	                  "\"arguments\":{}}]}]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]",
	        .stays = "input.value" },
	{ .name = "OpenInference: a dump with other roles is another conversation; a system message needs no second",
	        .ecosystem = ECO_OPENINFERENCE,
	        .span = "input.value: "
	                "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{"
	                "\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}]}],\"system\":\"be "
	                "kind\",\"model\":\"m\"}\n"
	                "llm.input_messages.0.message.role: system\n"
	                "llm.input_messages.0.message.content: be kind\n"
	                "llm.input_messages.1.message.role: user\n"
	                "llm.input_messages.1.message.content: hi\n",
	        .input = "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"content\":\"be "
	                 "kind\"}]},{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]",
	        .stays = "input.value" },
	{ .name = "OpenInference Haystack: replies as repr()",
	        .ecosystem = ECO_OPENINFERENCE,
	        .span = "output.value: {\"replies\":[\"ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, "
	                "_content=[ToolCall(tool_name='f', arguments={'a': 1}, id='c1', extra=None)], _name=None, "
	                "_meta={})\"]}\n",
	        .output = "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":\"f\","
	                  "\"arguments\":{\"a\":1}}]}]" },
	{ .name = "Langfuse: instructions beside the input",
	        .ecosystem = ECO_LANGFUSE,
	        .span = "langfuse.observation.metadata.instructions: be kind\n"
	                "langfuse.observation.input: hi\n",
	        .input = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]",
	        .system = "[{\"type\":\"text\",\"content\":\"be kind\"}]" },
};

static void test_cases(void **state)
{
	(void)state;
	fold_check_all(cases, COUNTOF(cases));
}

/* Working memory is used again: what one span left must not show in the next. */
static void test_reuse(void **state)
{
	struct fold_rig r;
	struct fold f;
	(void)state;
	fold_init(&f);
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		fold_rig_init(&r, cases[i].span);
		fold_release(&r.f);
		r.f = f;
		fold_run(&r, &cases[i]);
		assert_true(same_texts(&r, &cases[i]));
		f = r.f;
		fold_init(&r.f);
		fold_rig_release(&r);
	}
	fold_release(&f);
}

/* A text of a megabyte, its equal twin: too large to be compared, so the twin stays. */
static void test_large(void **state)
{
	struct strbuf b;
	struct fold_case c = { .name = "large" };
	struct fold_rig r;
	(void)state;
	strbuf_init(&b, 8 << 20);
	strbuf_adds(&b, "gen_ai.input.messages: [" TEXT("user", "x") "]\ngen_ai.completion: ");
	char *p = strbuf_room(&b, 1 << 20);
	memset(p, 'a', 1 << 20);
	b.len += 1 << 20;
	strbuf_adds(&b, "\noutput.value: ");
	p = strbuf_room(&b, 1 << 20);
	memset(p, 'a', 1 << 20);
	b.len += 1 << 20;
	strbuf_addc(&b, '\n');
	fold_rig_init(&r, b.p);
	fold_run(&r, &c);
	slice head = SLICE("[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"");
	assert_int_equal(r.out.output.text.len, head.len + (1 << 20) + strlen("\"}]}]"));
	assert_string_equal(what_stays(&r, traces_first_span(&r.t)), "output.value");
	fold_rig_release(&r);
	strbuf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
