/* fold.c - records of a key (1 byte: a name, or "new event") and a text, ended by 0xff, become a span; byte 0 is its kind, byte 1 its emitter.
 * What is folded is JSON in bounds, and folding the span that has it changes nothing. */
#include "lib/genai/fold.h"
#include "lib/otlp/edit.h"
#define REQUIRE(x) ((x) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = { "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions",
	"gen_ai.tool.definitions", "gen_ai.prompt", "gen_ai.completion", "input.value", "output.value", "ai.prompt",
	"ai.prompt.messages", "ai.prompt.tools", "ai.response.text", "ai.response.toolCalls", "ai.response.files",
	"ai.values", "events", "gen_ai.content.reasoning", "mlflow.spanInputs", "lk.chat_ctx", "lk.response.text",
	"lk.response.function_calls", "llm.function_call", "gcp.vertex.agent.llm_request", "llm.tools.0.tool.json_schema",
	"llm.request.functions.1.name", "llm.request.functions.1.parameters", "gen_ai.prompt.10.content",
	"gen_ai.prompt.10.role", "gen_ai.prompt.2.content", "gen_ai.prompt.2.tool_calls.0.arguments",
	"gen_ai.completion.0.function_call.name", "gen_ai.completion.1.function_call.arguments",
	"gen_ai.completion.0.finish_reason", "llm.input_messages.1.message.contents.0.message_content.text",
	"llm.output_messages.0.message.tool_calls.3.tool_call.function.name", "content", "role", "message", "tool_calls",
	"gen_ai.tool_result", "finish_reason", "gen_ai.event.content" };
static const char *const events[] = { "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message",
	"gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.client.inference.operation.details" };

static void build(struct traces *t, struct span *s, const uint8_t *p, const uint8_t *end)
{
	struct attrs *as = &s->attrs;
	while (p < end) {
		const uint8_t *stop = memchr(p, 0xff, (size_t)(end - p));
		stop = stop ? stop : end;
		if (*p % 64 >= COUNTOF(keys))
			as = &event_add(t, s, *p, slice_of(events[*p % COUNTOF(events)]))->attrs;
		else if (p < stop)
			attr_set_str(t, as, slice_of(keys[*p % 64]), (slice){ (const char *)p + 1, (size_t)(stop - p) - 1 });
		p = stop + 1;
	}
}

static void settle(struct traces *t, struct span *s, enum concept c, const struct folded_text *is, size_t size, bool again)
{
	struct arena a;
	arena_init(&a);
	const struct json *n = is->text.len ? json_parse(&a, is->text, NULL) : NULL;
	REQUIRE(!is->text.len || (n && n->type == JSON_ARRAY && n->n && is->text.len <= 8 * size + 4096));
	arena_release(&a);
	REQUIRE(!again || !is->text.len || is->as_is);
	if (is->text.len && !is->as_is)
		attr_set_str(t, &s->attrs, concept_info(c)->attribute, is->text);
}

static void fold(struct traces *t, struct span *s, struct view *v, struct fold *f, const uint8_t *data, size_t size, bool again)
{
	struct folded out;
	view_load(v, t, &s->attrs, (struct emitter){ .ecosystem = data[1] % N_ECOSYSTEMS }, GROUP_CONTENT, data[1] / 64 % 3);
	v->kind = data[0] % N_KINDS;
	fold_span(f, v, true, &out);
	for (size_t i = 0; i < out.n_carried; i++)
		attr_delete(t, &s->attrs, out.carried[i]);
	for (size_t i = 0; i < out.n_carried_events; i++)
		event_delete(t, out.carried_events[i]);
	settle(t, s, C_INPUT_MESSAGES, &out.input, size, again);
	settle(t, s, C_OUTPUT_MESSAGES, &out.output, size, again);
	settle(t, s, C_SYSTEM, &out.system, size, again);
	settle(t, s, C_TOOL_DEFINITIONS, &out.tools, size, again);
}
