/* test_view.c - attributes filed under concepts: rank, precedence, gates, paths, units, flattened attributes, limits. */
#include "tests/unit/lib/genai/spans.h"

#include "lib/genai/view.h"

struct world {
	struct spans s;
	struct view v;
};

static void load(struct world *w, const char *attributes, enum ecosystem e, enum precedence p)
{
	char *json = NULL;
	assert_true(asprintf(&json, "[{\"attributes\":%s,\"end\":10000}]", attributes) > 0);
	spans_load(&w->s, json);
	free(json);
	view_init(&w->v);
	struct emitter emitter = { e, e == ECO_STRANDS ? EMIT_TTFT_MS : 0 };
	view_load(&w->v, &w->s.t, &traces_first_span(&w->s.t)->attrs, emitter, ~0u, p);
}

static void release(struct world *w)
{
	view_release(&w->v);
	spans_release(&w->s);
}

/* Every concept's own attribute outranks its aliases: a normalised span reads as what was written. */
static void canonical_is_best(void **unused)
{
	(void)unused;
	for (unsigned c = 0; c < N_CONCEPTS; c++) {
		const struct concept_info *info = concept_info(c);
		size_t n;
		if (info->key == KEY_NONE || info->group == GROUP_COST || info->group == GROUP_LATENCY)
			continue;
		const struct alias *rows = aliases_of(info->key, &n);
		for (size_t i = 0; i < n; i++)
			if (rows[i].concept == c && !rows[i].path && rows[i].rank > 1)
				fail_msg("%.*s has rank %u", SLICE_ARG(info->attribute), rows[i].rank);
		char *json = NULL;
		struct world w;
		struct value value;
		assert_true(asprintf(&json, "{\"%.*s\":\"x\"}", SLICE_ARG(info->attribute)) > 0);
		load(&w, json, ECO_NONE, OTEL_FIRST);
		struct candidate *own = view_first(&w.v, c);
		if (!own || own->alias->key != info->key || !candidate_value(&w.v, own, &value))
			fail_msg("%s is no candidate of its concept", json);
		release(&w);
		free(json);
	}
}

static const struct {
	const char *attributes;
	enum precedence precedence;
	const char *model;
} texts[] = {
	{ "{\"llm.model\":\"b\",\"gen_ai.request.model\":\"a\"}", OTEL_FIRST, "a" },
	{ "{\"llm.model\":\"b\",\"gen_ai.request.model\":\"a\"}", LLM_FIRST, "b" },
	{ "{\"mlflow.llm.model\":\"\\\"c\\\"\",\"gen_ai.request.model\":\"a\"}", VENDOR_FIRST, "c" },
	{ "{\"llm.model\":\"b\",\"gen_ai.request.model\":\"None\"}", OTEL_FIRST, "b" },
	{ "{\"llm.model\":\"b\",\"gen_ai.request.model\":[]}", OTEL_FIRST, "b" },
	{ "{\"llm.invocation_parameters\":\"{\\\"model\\\":\\\"d\\\\u00e9\\\"}\"}", OTEL_FIRST, "d\u00e9" },
	{ "{\"llm.invocation_parameters\":{\"model\":\"d\"}}", OTEL_FIRST, "d" },
	{ "{\"llm.invocation_parameters\":\"\\\"{\\\\\\\"model\\\\\\\":\\\\\\\"d\\\\\\\"}\\\"\"}", OTEL_FIRST, "d" },
	{ "{\"llm.invocation_parameters\":\"{\\\"model\\\":null}\"}", OTEL_FIRST, NULL },
	{ "{\"llm.invocation_parameters\":\"not JSON\"}", OTEL_FIRST, NULL },
	{ "{\"unknown\":\"x\"}", OTEL_FIRST, NULL },
};

static void best_text_wins(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNTOF(texts); i++) {
		struct world w;
		slice got = { 0 };
		struct candidate *from = NULL;
		print_message("%s\n", texts[i].attributes);
		load(&w, texts[i].attributes, ECO_NONE, texts[i].precedence);
		bool found = view_text(&w.v, C_REQUEST_MODEL, &got, &from);
		assert_int_equal(found, texts[i].model != NULL);
		if (found) {
			assert_true(slice_is(got, texts[i].model));
			assert_true(from->read);
		}
		release(&w);
	}
}

static const struct {
	const char *attributes;
	enum ecosystem ecosystem;
	double seconds; /* negative: none */
} chunks[] = {
	{ "{\"gen_ai.response.time_to_first_chunk\":1.5}", ECO_NONE, 1.5 },
	{ "{\"ai.response.msToFirstChunk\":312.5}", ECO_VERCEL, 0.3125 },
	{ "{\"gen_ai.server.time_to_first_token\":1.31}", ECO_OPENLIT, 1.31 },
	{ "{\"gen_ai.server.time_to_first_token\":412}", ECO_STRANDS, 0.412 },
	{ "{\"gen_ai.server.time_to_first_token\":412}", ECO_NONE, 0.412 }, /* the span took 10 s */
	{ "{\"gen_ai.server.time_to_first_token\":\"NaN\"}", ECO_NONE, -1 },
	{ "{\"langfuse.observation.completion_start_time\":\"\\\"1970-01-01T00:00:03Z\\\"\"}", ECO_LANGFUSE, 2 },
	{ "{\"langfuse.observation.completion_start_time\":\"1969-01-01T00:00:03Z\"}", ECO_LANGFUSE, -1 },
};

static void units(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNTOF(chunks); i++) {
		struct world w;
		double got = -1;
		print_message("%s\n", chunks[i].attributes);
		load(&w, chunks[i].attributes, chunks[i].ecosystem, OTEL_FIRST);
		assert_int_equal(view_double(&w.v, C_FIRST_CHUNK, &got, NULL), chunks[i].seconds >= 0);
		if (chunks[i].seconds >= 0)
			assert_true(got > chunks[i].seconds - 1e-9 && got < chunks[i].seconds + 1e-9);
		release(&w);
	}
}

static void gates(void **unused)
{
	(void)unused;
	struct world w;
	slice text;
	int64_t n;
	/* a bare key counts only where its ecosystem is known */
	load(&w, "{\"input_tokens\":7}", ECO_NONE, OTEL_FIRST);
	assert_false(view_tokens(&w.v, C_INPUT_TOKENS, &n, NULL));
	release(&w);
	load(&w, "{\"input_tokens\":7}", ECO_CLAUDE_CODE, OTEL_FIRST);
	assert_true(view_tokens(&w.v, C_INPUT_TOKENS, &n, NULL));
	assert_int_equal(n, 7);
	release(&w);
	/* gates on the kind are read when it is known */
	load(&w, "{\"input.value\":\"{}x\"}", ECO_OPENINFERENCE, OTEL_FIRST);
	w.v.kind = KIND_LLM;
	assert_false(view_text(&w.v, C_TOOL_ARGUMENTS, &text, NULL));
	w.v.kind = KIND_TOOL;
	assert_true(view_text(&w.v, C_TOOL_ARGUMENTS, &text, NULL));
	release(&w);
	/* sums of other spans are never of this one */
	load(&w, "{\"gen_ai.aggregated_usage.input_tokens\":7}", ECO_PYDANTIC_AI, OTEL_FIRST);
	assert_false(view_tokens(&w.v, C_INPUT_TOKENS, &n, NULL));
	assert_int_not_equal(w.v.head[C_INPUT_TOKENS], 0);
	release(&w);
}

static void flattened(void **unused)
{
	(void)unused;
	struct world w;
	load(&w,
	        "{\"gen_ai.prompt.10.content\":\"k\",\"gen_ai.prompt.0.role\":\"user\",\"gen_ai.prompt.name\":\"n\","
	        "\"gen_ai.prompt.99999999.content\":\"no\",\"gen_ai.prompt.1x.content\":\"no\",\"gen_ai.prompt.3\":"
	        "\"bare\"}",
	        ECO_NONE, OTEL_FIRST);
	assert_int_equal(w.v.flat.n, 3);
	assert_int_equal(w.v.flat.v[0].index, 10);
	assert_true(slice_is(w.v.flat.v[0].rest, "content"));
	assert_int_equal(w.v.flat.v[1].index, 0);
	assert_int_equal(w.v.flat.v[2].index, 3);
	assert_int_equal(w.v.flat.v[2].rest.len, 0);
	slice name;
	assert_true(view_text(&w.v, C_PROMPT_NAME, &name, NULL));
	assert_true(slice_is(name, "n"));
	release(&w);
}

static void families(void **unused)
{
	(void)unused;
	struct world w;
	load(&w, "{\"langsmith.metadata.team\":\"red\",\"langsmith.metadata.\":1}", ECO_LANGSMITH, OTEL_FIRST);
	struct candidate *c = view_first(&w.v, C_METADATA);
	assert_non_null(c);
	assert_true(slice_is(c->rest, "team"));
	assert_null(view_next(&w.v, c));
	release(&w);
}

static void groups_and_limits(void **unused)
{
	(void)unused;
	struct world w;
	int64_t n;
	json_t *many = json_object();
	char key[64];
	for (int i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "langsmith.metadata.k%d", i);
		json_object_set_new(many, key, json_integer(i));
	}
	for (int i = 0; i < 12000; i++) {
		snprintf(key, sizeof(key), "gen_ai.prompt.%d.content", i);
		json_object_set_new(many, key, json_integer(i));
	}
	char *json = json_dumps(many, 0);
	load(&w, json, ECO_LANGSMITH, OTEL_FIRST);
	assert_int_equal(w.v.n, VIEW_MAX);
	assert_int_equal(w.v.flat.n, 10000);
	assert_int_equal(w.v.n_ignored, 400 - VIEW_MAX + 2000);
	release(&w);
	free(json);
	json_decref(many);
	load(&w, "{\"gen_ai.usage.input_tokens\":7}", ECO_NONE, OTEL_FIRST);
	view_load(&w.v, &w.s.t, &traces_first_span(&w.s.t)->attrs, (struct emitter){ 0 }, GROUP_LINK, OTEL_FIRST);
	assert_false(view_tokens(&w.v, C_INPUT_TOKENS, &n, NULL));
	release(&w);
}

/* Paths into several attributes by turns: each is parsed once. */
static void documents_are_parsed_once(void **unused)
{
	(void)unused;
	struct world w;
	slice model, id;
	load(&w,
	        "{\"output.value\":\"{\\\"model\\\":\\\"m\\\",\\\"id\\\":\\\"i\\\"}\","
	        "\"llm.invocation_parameters\":\"{\\\"model\\\":\\\"r\\\"}\"}",
	        ECO_OPENINFERENCE, OTEL_FIRST);
	w.v.kind = KIND_LLM;
	assert_true(view_text(&w.v, C_RESPONSE_MODEL, &model, NULL) && slice_is(model, "m"));
	assert_true(view_text(&w.v, C_REQUEST_MODEL, &model, NULL) && slice_is(model, "r"));
	size_t used = w.v.nodes.used;
	assert_true(view_text(&w.v, C_RESPONSE_ID, &id, NULL) && slice_is(id, "i"));
	assert_true(view_text(&w.v, C_REQUEST_MODEL, &model, NULL));
	assert_true(used > 0 && w.v.nodes.used == used);
	release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_is_best),
		cmocka_unit_test(best_text_wins),
		cmocka_unit_test(units),
		cmocka_unit_test(gates),
		cmocka_unit_test(flattened),
		cmocka_unit_test(families),
		cmocka_unit_test(groups_and_limits),
		cmocka_unit_test(documents_are_parsed_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
