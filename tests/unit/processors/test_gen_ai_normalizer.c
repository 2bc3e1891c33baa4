/* test_gen_ai_normalizer.c - the normalising processor: its options, what it counts, and that it hands on what it got. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/rig/rig.h"

extern const struct component processor_gen_ai_normalizer;

#define STR(k, v) "{\"key\":\"" k "\",\"value\":{\"stringValue\":\"" v "\"}}"
#define INT(k, v) "{\"key\":\"" k "\",\"value\":{\"intValue\":\"" v "\"}}"
#define BOOL(k, v) "{\"key\":\"" k "\",\"value\":{\"boolValue\":" v "}}"
#define LIST(k, v) "{\"key\":\"" k "\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"" v "\"}]}}}"
#define CONVENTION(e) STR("weir.convention", e)
#define CHAT STR("gen_ai.operation.name", "chat")
#define KIND STR("weir.span.kind", "llm")

static const struct {
	const char *options, *before, *after;
} cases[] = {
	/* originals */
	{ "{}", CHAT "," INT("gen_ai.usage.prompt_tokens", "7"),
	        CHAT "," INT("gen_ai.usage.input_tokens", "7") "," CONVENTION("otel") "," KIND },
	{ "originals: keep", CHAT "," BOOL("gen_ai.is_streaming", "true"),
	        CHAT "," BOOL("gen_ai.is_streaming", "true") "," CONVENTION("openllmetry") "," KIND "," BOOL(
	                "gen_ai.request.stream", "true") },
	{ "originals: drop_known", CHAT "," STR("gen_ai.request.model", "a") "," STR("llm.model", "b"),
	        CHAT
	        "," STR("gen_ai.request.model", "a") "," STR("llm.model", "b") "," CONVENTION("enprompta") "," KIND },
	{ "originals: drop_all", CHAT "," STR("gen_ai.request.model", "a") "," STR("llm.model", "b"),
	        CHAT "," STR("gen_ai.request.model", "a") "," CONVENTION("enprompta") "," KIND },
	/* precedence */
	{ "precedence: llm_first", CHAT "," STR("gen_ai.request.model", "a") "," STR("llm.model", "b"),
	        CHAT "," STR("gen_ai.request.model", "b") "," CONVENTION("enprompta") "," KIND },
	/* finish reasons */
	{ "{}", CHAT "," LIST("gen_ai.response.finish_reasons", "end_turn"),
	        CHAT "," LIST("gen_ai.response.finish_reasons", "stop") "," CONVENTION("otel") "," KIND "," LIST(
	                "weir.finish_reason.raw", "end_turn") },
	{ "finish_reasons: raw", CHAT "," LIST("gen_ai.response.finish_reasons", "end_turn"),
	        CHAT "," LIST("gen_ai.response.finish_reasons", "end_turn") "," CONVENTION("otel") "," KIND },
	/* mappings come first */
	{ "mappings: [{from: my.n, to: gen_ai.usage.prompt_tokens, type: int}]", CHAT "," STR("my.n", "7"),
	        CHAT "," INT("gen_ai.usage.input_tokens", "7") "," CONVENTION("otel") "," KIND },
	{ "mappings: [{from: my.n, to: n, type: int}]", CHAT "," STR("my.n", "x"),
	        CHAT "," STR("my.n", "x") "," CONVENTION("otel") "," KIND },
	{ "mappings: [{from: my.n, to: n}]", CHAT "," STR("my.n", "x"),
	        CHAT "," STR("n", "x") "," CONVENTION("otel") "," KIND },
};

static void options(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct rig r;
		print_message("%s\n", cases[i].options);
		rig_init(&r, &processor_gen_ai_normalizer, cases[i].options);
		rig_expect(&r, rig_span(&r, cases[i].before), rig_span(&r, cases[i].after));
		rig_release(&r);
	}
}

#define EVENT_SPAN                                                                    \
	"{\"resourceSpans\":[{\"scopeSpans\":[{\"scope\":{},\"spans\":[{\"traceId\":" \
	"\"0102030405060708090a0b0c0d0e0f10\","                                       \
	"\"spanId\":\"0102030405060708\",\"name\":\"s\",\"attributes\":[" CHAT        \
	"],\"events\":[{\"name\":\"gen_ai.user.message\",\"attributes\":[" STR("content", "Hi") "]}]}]}]}]}"

static void message_events(void **unused)
{
	(void)unused;
	struct rig fold, keep;
	rig_init(&fold, &processor_gen_ai_normalizer, "{}");
	assert_non_null(strstr(rig_push(&fold, EVENT_SPAN), "gen_ai.input.messages"));
	assert_null(strstr(fold.out, "gen_ai.user.message"));
	rig_release(&fold);
	rig_init(&keep, &processor_gen_ai_normalizer, "message_events: keep");
	assert_null(strstr(rig_push(&keep, EVENT_SPAN), "gen_ai.input.messages"));
	assert_non_null(strstr(keep.out, "gen_ai.user.message"));
	rig_release(&keep);
}

static void counts(void **unused)
{
	(void)unused;
	struct rig r;
	rig_init(&r, &processor_gen_ai_normalizer, "{}");
	rig_push(&r, rig_span(&r, STR("openinference.span.kind", "LLM")));
	rig_push(&r, rig_span(&r, STR("openinference.span.kind", "TOOL")));
	rig_push(&r, rig_span(&r, STR("a", "b")));
	assert_true(rig_meter(&r, "weir_normalizer_spans", "openinference", "") == 2);
	assert_true(rig_meter(&r, "weir_normalizer_spans", "none", "") == 1);
	rig_release(&r);
}

static void refuses(void **unused)
{
	(void)unused;
	rig_refuses(&processor_gen_ai_normalizer, "originals: drop", "1:12", "drop_known");
	rig_refuses(&processor_gen_ai_normalizer, "mappings: [{from: a}]", "1:13", "to");
	rig_refuses(&processor_gen_ai_normalizer, "mappings: [{from: '', to: b}]", "1:19", "empty");
	rig_refuses(&processor_gen_ai_normalizer, "mappings: [{from: a, to: b, type: number}]", "1:35", "int");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(message_events),
		cmocka_unit_test(counts),
		cmocka_unit_test(refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
