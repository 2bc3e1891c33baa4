/* test_latency.c - the length of a span and where its first chunk is told (the conventions are in test_gen_ai_latency.c). */
#include "lib/genai/latency.h"

#include "lib/otlp/edit.h"
#include "tests/unit/lib/genai/spans.h"

static void lengths(void **unused UNUSED)
{
	static const struct {
		uint64_t start, end;
		double seconds;
	} rows[] = {
		{ 1, 1000000001, 1 },
		{ 1, 2, 1e-9 },
		{ 5, 5, 0 },
		{ 5, 4, 0 },
		{ 0, 1000000000, 0 },
		{ 1, 0, 0 },
		{ 1, UINT64_MAX, 18446744073.709551614 },
	};
	struct spans s;
	spans_load(&s, "[{}]");
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		span_set_times(&s.t, spans_nth(&s, 0), rows[i].start, rows[i].end);
		assert_true(latency_of_span(spans_nth(&s, 0)) == rows[i].seconds);
	}
	spans_release(&s);
}

static const struct {
	const char *span;
	double seconds; /* -1: none */
	const char *from; /* NULL: an event */
} rows[] = {
	{ "{\"attributes\":{\"lk.response.ttft\":0.5}}", 0.5, "lk.response.ttft" },
	{ "{\"attributes\":{\"lk.response.ttft\":0.5,\"gen_ai.response.time_to_first_chunk\":0.25}}", 0.25,
	        "gen_ai.response.time_to_first_chunk" },
	{ "{\"attributes\":{\"lk.response.ttft\":0.5,\"gen_ai.response.time_to_first_chunk\":-1}}", 0.5,
	        "lk.response.ttft" },
	{ "{\"events\":[{\"name\":\"First Token Stream Event\",\"time\":100},{\"name\":\"First Token Stream "
	  "Event\",\"time\":200}]}",
	        0.1, NULL },
	{ "{\"events\":[{\"name\":\"first token\",\"time\":100}]}", -1, NULL },
	{ "{}", -1, NULL },
};

static void first_chunks(void **unused UNUSED)
{
	struct view *v = malloc(sizeof(*v));
	view_init(v);
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct spans s;
		struct candidate *from = NULL;
		double seconds = -1;
		char text[256];
		snprintf(text, sizeof(text), "[%s]", rows[i].span);
		spans_load(&s, text);
		view_load(
		        v, &s.t, &spans_nth(&s, 0)->attrs, (struct emitter){ ECO_NONE, 0 }, GROUP_LATENCY, OTEL_FIRST);
		v->kind = KIND_LLM;
		assert_int_equal(latency_first_chunk(v, &seconds, &from), rows[i].seconds >= 0);
		assert_true(seconds == rows[i].seconds);
		assert_int_equal(from != NULL, rows[i].from != NULL);
		if (from)
			assert_true(slice_is(from->attr->key, rows[i].from));
		assert_int_equal(latency_first_chunk(v, &seconds, NULL), rows[i].seconds >= 0);
		spans_release(&s);
	}
	view_release(v);
	free(v);
}

/* An event that an edit took out says nothing. */
static void deleted_event(void **unused UNUSED)
{
	struct spans s;
	struct view *v = malloc(sizeof(*v));
	double seconds;
	view_init(v);
	spans_load(&s, "[{\"events\":[{\"name\":\"First Token Stream Event\",\"time\":100}]}]");
	struct span *span = spans_nth(&s, 0);
	event_delete(&s.t, span->first_event);
	view_load(v, &s.t, &span->attrs, (struct emitter){ ECO_NONE, 0 }, GROUP_LATENCY, OTEL_FIRST);
	assert_false(latency_first_chunk(v, &seconds, NULL));
	spans_release(&s);
	view_release(v);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(first_chunks),
		cmocka_unit_test(deleted_event),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
