/* fold.c - a span's kind, its emitter, then attributes (a byte for the name, text, 0xff): the result is JSON, in bounds, and settled. */
#include "lib/genai/fold.h"
#include "lib/base/utf8.h"
#include "lib/otlp/edit.h"
#define REQUIRE(x) ((x) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char names[] = /* '@': an event begins */
        "gen_ai.input.messages gen_ai.output.messages gen_ai.system_instructions gen_ai.tool.definitions gen_ai.prompt "
        "gen_ai.completion input.value output.value ai.prompt ai.prompt.tools ai.response.text ai.response.toolCalls "
        "ai.values events gen_ai.content.reasoning mlflow.spanInputs lk.chat_ctx llm.tools.0.tool.json_schema "
        "llm.request.functions.1.name gen_ai.prompt.10.content gen_ai.prompt.10.role gen_ai.prompt.2.content "
        "gen_ai.prompt.2.tool_calls.0.arguments gen_ai.completion.0.function_call.name "
        "gen_ai.completion.0.finish_reason "
        "llm.output_messages.1.message.contents.0.message_content.text content role message tool_calls "
        "gen_ai.tool_result "
        "finish_reason gen_ai.event.content @gen_ai.user.message @gen_ai.assistant.message @gen_ai.tool.message "
        "@gen_ai.choice @gen_ai.content.prompt @gen_ai.client.inference.operation.details ";

static void build(struct traces *t, struct span *s, const uint8_t *p, const uint8_t *end)
{
	for (struct attrs *as = &s->attrs; p < end;) {
		const uint8_t *stop = memchr(p, 0xff, (size_t)(end - p));
		stop = stop ? stop : end;
		slice name = { names, 0 }, text = { (const char *)p + 1, stop > p ? (size_t)(stop - p) - 1 : 0 };
		for (unsigned i = *p % 39; i--;)
			name.p = strchr(name.p, ' ') + 1;
		name.len = (size_t)(strchr(name.p, ' ') - name.p);
		if (*name.p == '@')
			as = &event_add(t, s, *p, (slice){ name.p + 1, name.len - 1 })->attrs;
		else if (utf8_valid(text))
			attr_set_str(t, as, name, text);
		p = stop + 1;
	}
}

static void settle(struct traces *t, struct span *s, struct view *v, struct fold *f, size_t size, bool again)
{
	struct folded out;
	f->fresh = !again;
	fold_span(f, v, true, &out);
	fold_events(f, v, &out);
	const struct folded_text all[] = { out.input, out.output, out.system, out.tools };
	for (size_t i = 0; i < out.n_carried; i++)
		attr_delete(t, &s->attrs, out.carried[i]);
	for (size_t i = 0; i < out.n_carried_events; i++)
		event_delete(t, out.carried_events[i]);
	for (unsigned i = 0; i < COUNTOF(all); i++) {
		if (!all[i].text.len)
			continue;
		const struct json *n = json_parse(&t->arena, all[i].text, NULL);
		REQUIRE(n && n->type == JSON_ARRAY && n->n && n->text.len <= 8 * size + 4096);
		REQUIRE(!again || all[i].as_is);
		if (!all[i].as_is)
			attr_set_str(t, &s->attrs, concept_info(C_INPUT_MESSAGES + i)->attribute, all[i].text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const slice ids = { "\n\x20\x12\x1e\x12\x1c\n\x10"
		                   "0123456789abcdef\x12\x08"
		                   "01234567",
		34 };
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
	struct buf *body = buf_copy(NULL, ids);
	REQUIRE(traces_scan(&t, body, keys, NULL, &r, &e) == 0 && r.n_spans == 1 && r.n_refused == 0);
	buf_unref(body);
	struct span *s = traces_first_span(&t);
	if (size >= 2)
		build(&t, s, data + 2, data + size);
	for (int i = 0; i < 2 && size >= 2; i++) {
		struct emitter emitter = { data[1] % N_ECOSYSTEMS, 0 };
		/* as the normaliser does, which lets what an earlier run wrote stand */
		view_load(&v, &t, &s->attrs, emitter, GROUP_CONTENT, i ? OTEL_FIRST : data[1] / 64 % 3);
		v.kind = data[0] % N_KINDS;
		settle(&t, s, &v, &f, size, i > 0);
	}
	traces_release(&t);
	return 0;
}
