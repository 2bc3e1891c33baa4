/* test_kind.c - the kind of a span with and without a normaliser before, and what may be counted. */
#include "lib/genai/kind.h"

#include "tests/unit/lib/genai/spans.h"

static const struct {
	const char *attributes, *kind;
} rows[] = {
	{ "\"weir.span.kind\":\"llm\"", "llm" },
	{ "\"weir.span.kind\":\"tool\",\"gen_ai.operation.name\":\"chat\"", "tool" },
	{ "\"weir.span.kind\":\"other\",\"gen_ai.operation.name\":\"chat\"", "other" },
	{ "\"weir.span.kind\":\"planet\",\"gen_ai.operation.name\":\"chat\"", "llm" },
	{ "\"weir.span.kind\":7,\"gen_ai.operation.name\":\"embeddings\"", "embedding" },
	{ "\"gen_ai.operation.name\":\"chat\"", "llm" },
	{ "\"gen_ai.operation.name\":\"generate_content\"", "llm" },
	{ "\"gen_ai.operation.name\":\"text_completion\"", "llm" },
	{ "\"gen_ai.operation.name\":\"execute_tool\"", "tool" },
	{ "\"gen_ai.operation.name\":\"invoke_agent\",\"openinference.span.kind\":\"LLM\"", "agent" },
	{ "\"gen_ai.operation.name\":\"sing\",\"openinference.span.kind\":\"LLM\"", "llm" },
	{ "\"openinference.span.kind\":\"EMBEDDING\"", "embedding" },
	{ "\"openinference.span.kind\":\"RERANKER\"", "rerank" },
	{ "\"openinference.span.kind\":\"CHAIN\"", "workflow" },
	{ "\"traceloop.span.kind\":\"tool\"", "tool" },
	{ "\"llm.request.type\":\"chat\"", "llm" },
	{ "\"langfuse.observation.type\":\"generation\"", "llm" },
	{ "\"ai.operationId\":\"ai.streamText.doStream\"", "llm" },
	{ "\"ai.operationId\":\"ai.toolCall\"", "tool" },
	{ "\"gen_ai.request.model\":\"m\",\"gen_ai.usage.input_tokens\":1", "llm" },
	{ "\"llm.model_name\":\"m\",\"llm.token_count.completion\":1", "llm" },
	{ "\"gen_ai.request.model\":\"m\"", "other" },
	{ "\"gen_ai.usage.input_tokens\":1", "other" },
	{ "\"http.method\":\"GET\"", "other" },
	{ "", "other" },
};

static void kinds(void **unused UNUSED)
{
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct spans s;
		char text[256];
		snprintf(text, sizeof(text), "[{\"attributes\":{%s}}]", rows[i].attributes);
		spans_load(&s, text);
		enum genai_kind k = kind_of_span(spans_nth(&s, 0));
		if (strcmp(kind_name(k), rows[i].kind))
			fail_msg("%s: %s, not %s", rows[i].attributes, kind_name(k), rows[i].kind);
		spans_release(&s);
	}
}

static void model_calls(void **unused UNUSED)
{
	for (unsigned k = 0; k < N_KINDS; k++)
		assert_int_equal(kind_is_model_call(k), k == KIND_LLM || k == KIND_EMBEDDING || k == KIND_RERANK);
}

static const struct {
	const char *attributes;
	bool counted;
} counted_rows[] = {
	{ "\"weir.span.kind\":\"llm\"", true },
	{ "\"gen_ai.operation.name\":\"embeddings\"", true },
	{ "\"weir.span.kind\":\"llm\",\"weir.usage.countable\":false", false },
	{ "\"weir.usage.countable\":false,\"gen_ai.operation.name\":\"chat\"", false },
	{ "\"weir.span.kind\":\"rerank\",\"weir.usage.countable\":true", true },
	{ "\"weir.span.kind\":\"llm\",\"weir.usage.countable\":\"false\"", true },
	{ "\"weir.span.kind\":\"agent\",\"weir.usage.countable\":true", false },
	{ "\"weir.span.kind\":5,\"gen_ai.operation.name\":\"chat\"", true },
	{ "\"weir.span.kind\":\"llm\",\"gen_ai.operation.name\":\"fetch_response\"", false },
	{ "", false },
};

static void counted(void **unused UNUSED)
{
	for (size_t i = 0; i < COUNTOF(counted_rows); i++) {
		struct spans s;
		enum genai_kind k = N_KINDS;
		char text[256];
		snprintf(text, sizeof(text), "[{\"attributes\":{%s}}]", counted_rows[i].attributes);
		spans_load(&s, text);
		if (is_counted_call(spans_nth(&s, 0), &k) != counted_rows[i].counted)
			fail_msg("%s", counted_rows[i].attributes);
		if (counted_rows[i].counted)
			assert_int_equal(k, kind_of_span(spans_nth(&s, 0)));
		spans_release(&s);
	}
}

/* Of several operations any poll counts, of several kinds and marks the first. */
static void repeated(void **unused UNUSED)
{
	static const struct {
		uint16_t key;
		const char *text; /* NULL: false */
	} attributes[] = {
		{ KEY_WEIR_SPAN_KIND, "llm" },
		{ KEY_WEIR_SPAN_KIND, "tool" },
		{ KEY_GENAI_OPERATION_NAME, "chat" },
		{ KEY_GENAI_OPERATION_NAME, "fetch_response" },
		{ KEY_GENAI_OPERATION_NAME, "chat" },
		{ KEY_WEIR_USAGE_COUNTABLE, "true" },
		{ KEY_WEIR_USAGE_COUNTABLE, NULL },
	};
	for (size_t left_out = 2; left_out <= COUNTOF(attributes); left_out++) {
		struct span s = { .attrs = { .kind = OWN_SPAN } };
		struct attr list[COUNTOF(attributes)] = { 0 }, **end = &s.attrs.first;
		enum genai_kind k;
		for (size_t i = 0; i < COUNTOF(attributes); i++) {
			const char *text = attributes[i].text;
			list[i].key_id = attributes[i].key;
			list[i].value.type = text ? V_STRING : V_BOOL;
			if (text)
				list[i].value.s = slice_of(text);
			list[i].deleted = i == left_out;
			*end = &list[i];
			end = &list[i].next;
		}
		bool counts = left_out == 3; /* the poll */
		assert_int_equal(is_counted_call(&s, &k), counts);
		if (counts)
			assert_int_equal(k, KIND_LLM);
		assert_int_equal(kind_of_attr(&s, &list[1]), KIND_TOOL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(model_calls),
		cmocka_unit_test(counted),
		cmocka_unit_test(repeated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
