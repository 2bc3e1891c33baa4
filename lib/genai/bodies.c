/* bodies.c - request and response bodies of providers and frameworks: where in them the messages are, and what else they tell.
 *
 * Found by member names, in the order that suits the direction: OpenAI (messages, input, prompt, choices, output), Anthropic
 * (messages, content), Gemini (contents, candidates), Bedrock (output.message), Ollama (message, response), LangChain and LangSmith
 * (messages, prompts, generations, inputs, outputs), AI SDK (messages, prompt), LiveKit (items).
 */
#include "lib/genai/message_parts.h"

static const slice input_names[] = { NAME("messages"), NAME("contents"), NAME("input"), NAME("prompt"), NAME("prompts"),
	NAME("inputs"), NAME("items"), NAME("request") };
static const slice output_names[] = { NAME("choices"), NAME("candidates"), NAME("generations"), NAME("output"),
	NAME("outputs"), NAME("replies"), NAME("message"), NAME("response"), NAME("completion"), NAME("messages"),
	NAME("items"), NAME("generated_text"), NAME("output_text") };

/* The output list of OpenAI's Responses API: one turn of the model, its reasoning, text and calls being items. */
static bool is_turn(const struct json *list)
{
	bool any = false;
	if (list->type != JSON_ARRAY)
		return false;
	for (const struct json *v = json_first(list, NULL); v; v = json_next(list, v, NULL)) {
		const struct json *type = json_get(v, "type");
		if (!type || type->type != JSON_STRING || json_get(v, "parts") ||
		        (json_get(v, "role") && !json_is(json_get(v, "role"), "assistant")))
			return false;
		enum part_kind kind = part_kind_of(v, NULL);
		bool item = json_is(type, "message") || kind == PART_REASONING || kind == PART_SERVER_CALL ||
		        json_is(type, "function_call") || json_is(type, "custom_tool_call");
		if (!item)
			return false;
		any = true;
	}
	return any;
}

static void add_turn(struct message_out *m, const struct json *list, const struct json *body)
{
	const struct json *reason = json_path(body, "incomplete_details.reason");
	message_begin(m, SLICE("assistant"), (slice){ 0 });
	for (const struct json *v = json_first(list, NULL); v; v = json_next(list, v, NULL)) {
		const struct json *content = json_get(v, "content");
		if (!json_is(json_get(v, "type"), "message")) {
			parts_from_json(m, v);
		} else {
			m->lossy = true; /* its id */
			if (content)
				parts_from_json(m, content);
		}
	}
	message_end(m, text_of(reason, m->arena));
}

static int from_member(struct message_out *m, const struct json *body, const struct json *v, int level)
{
	struct members f = members_of(body);
	if (m->direction == OUTPUT && is_turn(v)) {
		add_turn(m, v, body);
		return 0;
	}
	const struct json *outer = m->finish, *reason = finish_of(&f);
	m->finish = reason ? reason : outer;
	int rc = any_from_json(m, v, level + 1);
	m->finish = outer;
	return rc;
}

static int from_names(struct message_out *m, const struct json *body, const slice *names, size_t n, int level)
{
	for (size_t i = 0; i < n; i++) {
		struct members f = members_of(body);
		const struct json *v = members_take(&f, names[i]);
		if (json_empty(v) || from_member(m, body, v, level) != 0)
			continue;
		const struct json *prompt = members_get(&f, SLICE("prompt")); /* AI SDK: messages and a prompt */
		if (i == 0 && names == input_names && prompt && prompt->type == JSON_STRING && prompt->text.len) {
			members_use(&f, prompt);
			message_begin(m, (slice){ 0 }, (slice){ 0 });
			part_text_of(m, prompt);
			message_end(m, (slice){ 0 });
		}
		m->lossy |= members_left(&f);
		return 0;
	}
	return -1;
}

int body_from_json(struct message_out *m, const struct json *object, int level)
{
	bool in = m->direction == INPUT;
	const slice *first = in ? input_names : output_names, *second = in ? output_names : input_names;
	size_t n_first = in ? COUNTOF(input_names) : COUNTOF(output_names);
	size_t n_second = in ? COUNTOF(output_names) : COUNTOF(input_names);
	if (from_names(m, object, first, n_first, level) == 0)
		return 0;
	return from_names(m, object, second, n_second, level);
}

static const struct json *first_path(const struct json *body, const char *const *paths, size_t n, enum json_type type)
{
	for (size_t i = 0; i < n; i++) {
		const struct json *v = json_path(body, paths[i]);
		if (!json_empty(v) && (v->type == type || type == JSON_NULL))
			return v;
	}
	return NULL;
}

const struct json *body_finish_reason(const struct json *body)
{
	/* Genkit says "stop" of whatever it finds; the provider's body is beside it */
	static const char *const paths[] = { "raw.choices.0.finish_reason", "raw.candidates.0.finishReason",
		"raw.stop_reason", "custom.choices.0.finish_reason", "custom.candidates.0.finishReason",
		"custom.stop_reason", "choices.0.finish_reason", "candidates.0.finishReason",
		"candidates.0.finish_reason", "stop_reason", "stopReason", "finish_reason", "finishReason",
		"done_reason", "incomplete_details.reason", "generations.0.0.generation_info.finish_reason",
		"generations.0.0.message.kwargs.response_metadata.finish_reason",
		"generations.0.0.message.kwargs.response_metadata.stop_reason" };
	return first_path(body, paths, COUNTOF(paths), JSON_STRING);
}

const struct json *body_system(const struct json *body)
{
	static const char *const paths[] = { "system", "instructions", "systemInstruction", "system_instruction",
		"config.systemInstruction", "config.system_instruction" };
	return first_path(body, paths, COUNTOF(paths), JSON_NULL);
}

const struct json *body_tools(const struct json *body)
{
	static const char *const paths[] = { "tools", "config.tools", "toolConfig.tools", "function_tools", "functions",
		"invocation_params.tools", "kwargs.tools" };
	return first_path(body, paths, COUNTOF(paths), JSON_NULL);
}
