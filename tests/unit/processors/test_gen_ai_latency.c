/* test_gen_ai_latency.c - latency, time to first chunk of every convention with its unit, output speed. */
#include "tests/unit/processors/gen_ai.h"

extern const struct component processor_gen_ai_latency, processor_gen_ai_normalizer;

#define LLM "\"weir.span.kind\":\"llm\""
#define NO_FIRST "\"gen_ai.response.time_to_first_chunk\":null"
#define FIRST(s) "\"gen_ai.response.time_to_first_chunk\":" #s

static const struct row {
	const char *name, *span, *want;
} rows[] = {
	/* latency: spans begin at 1 s */
	{ "model call", "{\"end\":1234,\"attributes\":{" LLM "}}",
	        "{\"llm.latency_ms\":1234," NO_FIRST ",\"weir.output_tokens_per_second\":null}" },
	{ "embedding", "{\"attributes\":{\"weir.span.kind\":\"embedding\"}}", "{\"llm.latency_ms\":1000}" },
	{ "rerank", "{\"attributes\":{\"weir.span.kind\":\"rerank\"}}", "{\"llm.latency_ms\":1000}" },
	{ "tool", "{\"attributes\":{\"weir.span.kind\":\"tool\"}}", "{\"llm.latency_ms\":1000}" },
	{ "agent", "{\"attributes\":{\"weir.span.kind\":\"agent\"}}", "{\"llm.latency_ms\":1000}" },
	{ "workflow", "{\"attributes\":{\"weir.span.kind\":\"workflow\"}}", "{\"llm.latency_ms\":null}" },
	{ "retriever", "{\"attributes\":{\"weir.span.kind\":\"retriever\"}}", "{\"llm.latency_ms\":null}" },
	{ "nobody", "{\"attributes\":{}}", "{\"llm.latency_ms\":null}" },
	{ "by the operation", "{\"attributes\":{\"gen_ai.operation.name\":\"execute_tool\"}}",
	        "{\"llm.latency_ms\":1000}" },
	{ "no time at all", "{\"start\":5,\"end\":5,\"attributes\":{" LLM "}}", "{\"llm.latency_ms\":0}" },
	{ "the wrong way round", "{\"start\":5,\"end\":4,\"attributes\":{" LLM "}}", "{\"llm.latency_ms\":null}" },
	{ "no start", "{\"start\":-1000,\"end\":4,\"attributes\":{" LLM "}}", "{\"llm.latency_ms\":null}" },
	{ "no end", "{\"end\":-1000,\"attributes\":{" LLM "}}", "{\"llm.latency_ms\":null}" },
	{ "present", "{\"attributes\":{" LLM ",\"llm.latency_ms\":7}}", "{\"llm.latency_ms\":7}" },
	{ "present as 0", "{\"attributes\":{" LLM ",\"llm.latency_ms\":0}}", "{\"llm.latency_ms\":0}" },
	{ "present as a double", "{\"attributes\":{" LLM ",\"llm.latency_ms\":7.5}}", "{\"llm.latency_ms\":8}" },
	{ "present as a string", "{\"attributes\":{" LLM ",\"llm.latency_ms\":\"12\"}}", "{\"llm.latency_ms\":12}" },
	{ "present as nonsense", "{\"attributes\":{" LLM ",\"llm.latency_ms\":\"fast\"}}",
	        "{\"llm.latency_ms\":1000}" },
	{ "present as negative", "{\"attributes\":{" LLM ",\"llm.latency_ms\":-3}}", "{\"llm.latency_ms\":1000}" },
	{ "present as too much", "{\"attributes\":{" LLM ",\"llm.latency_ms\":1e300}}", "{\"llm.latency_ms\":1e300}" },
	/* the first chunk: attributes, in their units */
	{ "canonical", "{\"attributes\":{" LLM "," FIRST(0.25) "}}", "{" FIRST(0.25) "}" },
	{ "canonical, int", "{\"end\":5000,\"attributes\":{" LLM "," FIRST(2) "}}", "{" FIRST(2.0) "}" },
	{ "canonical, string", "{\"attributes\":{" LLM "," FIRST("0.25") "}}", "{" FIRST(0.25) "}" },
	{ "canonical, after the end", "{\"attributes\":{" LLM "," FIRST(250) "}}", "{" FIRST(250.0) "}" },
	{ "canonical, a little late", "{\"attributes\":{" LLM "," FIRST(1.001) "}}", "{" FIRST(1.001) "}" },
	{ "another's in ms", "{\"attributes\":{" LLM ",\"gen_ai.server.ttft\":250}}", "{" FIRST(0.25) "}" },
	{ "another's, no times to compare with", "{\"end\":-1000,\"attributes\":{" LLM ",\"gen_ai.server.ttft\":250}}",
	        "{" FIRST(250.0) "}" },
	{ "AI SDK",
	        "{\"scope\":\"ai\",\"attributes\":{" LLM
	        ",\"ai.operationId\":\"ai.streamText.doStream\",\"ai.response.msToFirstChunk\":250.5}}",
	        "{" FIRST(0.2505) "}" },
	{ "AI SDK 6", "{\"attributes\":{" LLM ",\"ai.response.timeToFirstOutputMs\":250}}", "{" FIRST(0.25) "}" },
	{ "AI SDK 7", "{\"attributes\":{" LLM ",\"gen_ai.client.operation.time_to_first_chunk\":0.25}}",
	        "{" FIRST(0.25) "}" },
	{ "OpenLIT", "{\"scope\":\"openlit\",\"attributes\":{" LLM ",\"gen_ai.server.time_to_first_token\":0.25}}",
	        "{" FIRST(0.25) "}" },
	{ "Strands",
	        "{\"scope\":\"strands.telemetry.tracer\",\"attributes\":{" LLM
	        ",\"gen_ai.server.time_to_first_token\":250}}",
	        "{" FIRST(0.25) "}" },
	{ "Strands, a value that looks like seconds",
	        "{\"end\":9000,\"scope\":\"strands.telemetry.tracer\",\"attributes\":{" LLM
	        ",\"gen_ai.server.time_to_first_token\":8}}",
	        "{" FIRST(0.008) "}" },
	{ "Strands, longer than the span",
	        "{\"scope\":\"strands.telemetry.tracer\",\"attributes\":{" LLM
	        ",\"gen_ai.server.time_to_first_token\":1002}}",
	        "{" FIRST(1.002) "}" },
	{ "LiveKit", "{\"scope\":\"livekit-agents\",\"attributes\":{" LLM ",\"lk.response.ttft\":0.25}}",
	        "{" FIRST(0.25) "}" },
	{ "vLLM", "{\"attributes\":{" LLM ",\"gen_ai.latency.time_to_first_token\":0.25}}", "{" FIRST(0.25) "}" },
	{ "Claude Code", "{\"scope\":\"com.anthropic.claude_code\",\"attributes\":{" LLM ",\"ttft_ms\":250}}",
	        "{" FIRST(0.25) "}" },
	{ "ttft_ms of others", "{\"attributes\":{" LLM ",\"ttft_ms\":250}}", "{" NO_FIRST "}" },
	{ "Langfuse",
	        "{\"attributes\":{" LLM
	        ",\"langfuse.observation.completion_start_time\":\"\\\"1970-01-01T00:00:01.250Z\\\"\"}}",
	        "{" FIRST(0.25) "}" },
	{ "Langfuse, not quoted",
	        "{\"attributes\":{" LLM
	        ",\"langfuse.observation.completion_start_time\":\"1970-01-01T00:00:01.250000+00:00\"}}",
	        "{" FIRST(0.25) "}" },
	{ "Langfuse, before the start",
	        "{\"attributes\":{" LLM ",\"langfuse.observation.completion_start_time\":\"1970-01-01T00:00:00Z\"}}",
	        "{" NO_FIRST "}" },
	{ "-1 is none, the next counts", "{\"attributes\":{" LLM "," FIRST(-1) ",\"lk.response.ttft\":0.25}}",
	        "{" FIRST(0.25) "}" },
	{ "NaN is none", "{\"attributes\":{" LLM ",\"ai.response.msToFirstChunk\":\"NaN\"}}", "{" NO_FIRST "}" },
	{ "the canonical one wins", "{\"attributes\":{" LLM "," FIRST(0.5) ",\"lk.response.ttft\":0.25}}",
	        "{" FIRST(0.5) "}" },
	/* events */
	{ "OpenInference's event",
	        "{\"events\":[{\"name\":\"other\",\"time\":1},{\"name\":\"First Token Stream "
	        "Event\",\"time\":250}],\"attributes\":{" LLM "}}",
	        "{" FIRST(0.25) "}" },
	{ "the AI SDK's event",
	        "{\"events\":[{\"name\":\"ai.stream.firstChunk\",\"time\":250}],\"attributes\":{" LLM "}}",
	        "{" FIRST(0.25) "}" },
	{ "attributes beat events",
	        "{\"events\":[{\"name\":\"ai.stream.firstChunk\",\"time\":250}],\"attributes\":{" LLM
	        "," FIRST(0.5) "}}",
	        "{" FIRST(0.5) "}" },
	{ "an event before the start",
	        "{\"start\":10,\"events\":[{\"name\":\"ai.stream.firstChunk\",\"time\":9}],\"attributes\":{" LLM "}}",
	        "{" NO_FIRST "}" },
	{ "tools have no first chunk", "{\"attributes\":{\"weir.span.kind\":\"tool\",\"lk.response.ttft\":0.25}}",
	        "{" NO_FIRST "}" },
	{ "an event after the end",
	        "{\"end\":10,\"events\":[{\"name\":\"ai.stream.firstChunk\",\"time\":250}],\"attributes\":{" LLM "}}",
	        "{" FIRST(0.25) "}" },
	/* speed */
	{ "speed", "{\"end\":2000,\"attributes\":{" LLM ",\"gen_ai.usage.output_tokens\":50}}",
	        "{\"weir.output_tokens_per_second\":25.0}" },
	{ "speed by an older name", "{\"end\":2000,\"attributes\":{" LLM ",\"gen_ai.usage.completion_tokens\":\"50\"}}",
	        "{\"weir.output_tokens_per_second\":25.0}" },
	{ "no output, no speed", "{\"attributes\":{" LLM ",\"gen_ai.usage.output_tokens\":0}}",
	        "{\"weir.output_tokens_per_second\":null}" },
	{ "no time, no speed", "{\"end\":0,\"attributes\":{" LLM ",\"gen_ai.usage.output_tokens\":5}}",
	        "{\"weir.output_tokens_per_second\":null}" },
	{ "speed present",
	        "{\"attributes\":{" LLM ",\"gen_ai.usage.output_tokens\":5,\"weir.output_tokens_per_second\":1}}",
	        "{\"weir.output_tokens_per_second\":1.0}" },
	{ "tools have no speed", "{\"attributes\":{\"weir.span.kind\":\"agent\",\"gen_ai.usage.output_tokens\":5}}",
	        "{\"weir.output_tokens_per_second\":null}" },
};

static void table(void **unused UNUSED)
{
	struct rig r;
	rig_init(&r, &processor_gen_ai_latency, "");
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		print_message("%s\n", rows[i].name);
		gen_ai_expect(&r, rows[i].span, rows[i].want);
	}
	rig_release(&r);
}

/* The same values when a normaliser was there before: nothing is divided twice. */
static void normaliser_before(void **unused UNUSED)
{
	struct rig r, first;
	unsigned n = 0;
	rig_init(&r, &processor_gen_ai_latency, "");
	rig_init(&first, &processor_gen_ai_normalizer, "");
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct spans s;
		double want, got = -1;
		const char *w = strstr(rows[i].want, "chunk\":");
		if (!w || sscanf(w, "chunk\":%lf", &want) != 1)
			continue;
		gen_ai_load(&s, rows[i].span);
		gen_ai_push(&first, &s);
		gen_ai_push(&r, &s);
		const struct attr *a =
		        attrs_find(&spans_nth(&s, 0)->attrs, SLICE("gen_ai.response.time_to_first_chunk"));
		if (a && a->value.type == V_DOUBLE)
			got = a->value.d;
		if (got != want)
			fail_msg("%s: %g, not %g", rows[i].name, got, want);
		spans_release(&s);
		n++;
	}
	assert_true(n > 20);
	rig_release(&first);
	rig_release(&r);
}

static void rounding(void **unused UNUSED)
{
	static const struct {
		uint64_t start, end;
		int64_t ms;
	} times[] = {
		{ 1, 1, 0 },
		{ 1, 500000, 0 },
		{ 1, 500001, 1 },
		{ 1, 1500000, 1 },
		{ 1, 1500001, 2 },
		{ 1, UINT64_MAX, 18446744073710 },
	};
	struct rig r;
	rig_init(&r, &processor_gen_ai_latency, "");
	for (size_t i = 0; i < COUNTOF(times); i++) {
		struct spans s;
		gen_ai_load(&s, "{\"attributes\":{" LLM ",\"gen_ai.usage.output_tokens\":9007199254740992}}");
		span_set_times(&s.t, spans_nth(&s, 0), times[i].start, times[i].end);
		gen_ai_push(&r, &s);
		const struct attrs *as = &spans_nth(&s, 0)->attrs;
		assert_int_equal(attrs_find(as, SLICE("llm.latency_ms"))->value.i, times[i].ms);
		const struct attr *speed = attrs_find(as, SLICE("weir.output_tokens_per_second"));
		assert_true(times[i].start == times[i].end ? !speed : speed->value.d > 0 && speed->value.d < 1e26);
		spans_release(&s);
	}
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(normaliser_before),
		cmocka_unit_test(rounding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
