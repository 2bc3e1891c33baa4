/* fold.c - bytes 0 and 1 are a span's kind and emitter, then come attributes (a byte for the name, text, 0xff): JSON in bounds, settled. */
#include "lib/genai/fold.h"
#include "lib/base/utf8.h"
#include "lib/otlp/edit.h"
#define REQUIRE(x) ((x) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char names[] = /* '@': an event begins */
        "gen_ai.input.messages gen_ai.output.messages gen_ai.system_instructions gen_ai.tool.definitions gen_ai.prompt "
        "gen_ai.completion input.value output.value ai.prompt ai.prompt.messages ai.prompt.tools ai.response.text "
        "ai.response.toolCalls ai.values events gen_ai.content.reasoning mlflow.spanInputs lk.chat_ctx "
        "lk.response.text "
        "llm.function_call gcp.vertex.agent.llm_request llm.tools.0.tool.json_schema llm.request.functions.1.name "
        "gen_ai.prompt.10.content gen_ai.prompt.10.role gen_ai.prompt.2.content gen_ai.prompt.2.tool_calls.0.arguments "
        "gen_ai.completion.0.function_call.name gen_ai.completion.1.function_call.name "
        "gen_ai.completion.0.finish_reason "
        "llm.input_messages.1.message.contents.0.message_content.text llm.output_messages.0.message.content content "
        "role "
        "message tool_calls gen_ai.tool_result finish_reason gen_ai.event.content @gen_ai.user.message "
        "@gen_ai.assistant.message @gen_ai.tool.message @gen_ai.choice @gen_ai.content.prompt "
        "@gen_ai.content.completion "
        "@gen_ai.client.inference.operation.details ";

static void build(struct traces *t, struct span *s, const uint8_t *p, const uint8_t *end)
{
	for (struct attrs *as = &s->attrs; p < end;) {
		const uint8_t *stop = memchr(p, 0xff, (size_t)(end - p));
		stop = stop ? stop : end;
		slice name = { names, 0 }, text = { (const char *)p + 1, stop > p ? (size_t)(stop - p) - 1 : 0 };
		for (unsigned i = *p % 46; i--;)
			name.p = strchr(name.p, ' ') + 1;
		name.len = (size_t)(strchr(name.p, ' ') - name.p);
		if (*name.p == '@')
			as = &event_add(t, s, *p, (slice){ name.p + 1, name.len - 1 })->attrs;
		else if (utf8_valid(text))
			attr_set_str(t, as, name, text);
		p = stop + 1;
	}
}

static void settle(struct traces *t, struct span *s, enum concept c, struct folded_text is, size_t size, bool again)
{
	struct arena a;
	arena_init(&a);
	const struct json *n = is.text.len ? json_parse(&a, is.text, NULL) : NULL;
	REQUIRE(!is.text.len || (n && n->type == JSON_ARRAY && n->n && is.text.len <= 8 * size + 4096));
	REQUIRE(!is.text.len || !again || is.as_is);
	arena_release(&a);
	if (is.text.len && !is.as_is)
		attr_set_str(t, &s->attrs, concept_info(c)->attribute, is.text);
}

static void fold(struct traces *t, struct view *v, struct fold *f, const uint8_t *data, size_t size, bool again)
{
	struct span *s = traces_first_span(t);
	struct folded out;
	view_load(v, t, &s->attrs, (struct emitter){ data[1] % N_ECOSYSTEMS, 0 }, GROUP_CONTENT, data[1] / 64 % 3);
	v->kind = data[0] % N_KINDS;
	fold_span(f, v, true, &out);
	for (size_t i = 0; i < out.n_carried; i++)
		attr_delete(t, &s->attrs, out.carried[i]);
	for (size_t i = 0; i < out.n_carried_events; i++)
		event_delete(t, out.carried_events[i]);
	settle(t, s, C_INPUT_MESSAGES, out.input, size, again);
	settle(t, s, C_OUTPUT_MESSAGES, out.output, size, again);
	settle(t, s, C_SYSTEM, out.system, size, again);
	settle(t, s, C_TOOL_DEFINITIONS, out.tools, size, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char ids[] = "\n\x20\x12\x1e\x12\x1c\n\x10"
	                          "0123456789abcdef\x12\x08"
	                          "01234567";
	static struct key_table *keys;
	static struct view v;
	static struct fold f;
	struct traces t;
	struct scan_report r;
	struct err e;
	if (!keys) {
		keys = genai_keys_new();
		view_init(&v);
		fold_init(&f);
	}
	struct buf *body = buf_copy(NULL, (slice){ ids, sizeof(ids) - 1 });
	REQUIRE(traces_scan(&t, body, keys, NULL, &r, &e) == 0 && r.n_spans == 1 && r.n_refused == 0);
	buf_unref(body);
	if (size >= 2) {
		build(&t, traces_first_span(&t), data + 2, data + size);
		fold(&t, &v, &f, data, size, false);
		fold(&t, &v, &f, data, size, true);
	}
	traces_release(&t);
	return 0;
}
