/* test_call.c - a call read off its span and written as a line: columns, amounts, hostile text. */
#include "lib/genai/call.h"

#include <math.h>

#include "lib/otlp/edit.h"
#include "tests/unit/lib/genai/spans.h"

static const char full[] =
        "[{\"scope\":\"s\",\"end\":1240,\"attributes\":{\"weir.span.kind\":\"llm\",\"weir.convention\":\"otel\","
        "\"gen_ai.operation.name\":\"chat\",\"gen_ai.provider.name\":\"openai\",\"gen_ai.request.model\":\"asked\","
        "\"gen_ai.response.model\":\"gpt-4o\",\"gen_ai.response.finish_reasons\":[\"stop\",\"length\"],"
        "\"gen_ai.conversation.id\":\"c1\",\"gen_ai.usage.input_tokens\":1204,\"gen_ai.usage.output_tokens\":87,"
        "\"gen_ai.usage.cache_read.input_tokens\":1024,\"gen_ai.response.time_to_first_chunk\":0.4,"
        "\"llm.cost.total\":0.000156,\"weir.cost.status\":\"ok\",\"service.name\":\"of the span\"}}]";

static void reads_a_call(void **unused UNUSED)
{
	struct spans s;
	struct call c;
	spans_load(&s, full);
	assert_true(call_of_span(spans_nth(&s, 0), &c));
	assert_true(slice_is(c.operation, "chat") && slice_is(c.provider, "openai") && slice_is(c.model, "gpt-4o"));
	assert_true(slice_is(c.finish, "stop") && slice_is(c.convention, "otel") && slice_is(c.session, "c1"));
	assert_true(slice_is(c.cost_status, "ok") && c.service.len == 0 && c.error.len == 0 && !c.failed);
	assert_true(c.input == 1204 && c.output == 87 && c.cached == 1024);
	assert_true(
	        c.seconds == 1.24 && c.first_chunk == 0.4 && c.cost == 0.000156 && c.end_ns == UINT64_C(2240000000));
	spans_release(&s);
}

static void reads_little(void **unused UNUSED)
{
	struct spans s;
	struct call c;
	spans_load(&s,
	        "[{\"error\":true,\"attributes\":{\"weir.span.kind\":\"llm\",\"gen_ai.request.model\":\"m\",\"error."
	        "type\":\"429\"}},"
	        "{\"attributes\":{\"weir.span.kind\":\"embedding\",\"gen_ai.usage.input_tokens\":-1,\"llm.cost.total\":"
	        "\"NaN\","
	        "\"gen_ai.response.finish_reasons\":\"stop\"}},"
	        "{\"attributes\":{\"weir.span.kind\":\"llm\",\"weir.usage.countable\":false}},"
	        "{\"attributes\":{\"weir.span.kind\":\"tool\"}},{}]");
	assert_true(call_of_span(spans_nth(&s, 0), &c));
	assert_true(slice_is(c.model, "m") && slice_is(c.error, "429") && c.failed);
	assert_true(c.input == -1 && c.output == -1 && c.cached == -1 && isnan(c.cost) && isnan(c.first_chunk));
	span_set_status(&s.t, spans_nth(&s, 0), 2, SLICE("too many requests"));
	assert_true(call_of_span(spans_nth(&s, 0), &c) && slice_is(c.error, "429"));
	attr_set_str(&s.t, &spans_nth(&s, 0)->attrs, SLICE("error.type"), SLICE("_OTHER"));
	assert_true(call_of_span(spans_nth(&s, 0), &c) && slice_is(c.error, "too many requests"));
	assert_true(call_of_span(spans_nth(&s, 1), &c));
	assert_true(c.input == -1 && isnan(c.cost) && c.finish.len == 0 && c.model.len == 0);
	for (unsigned i = 2; i < 5; i++)
		assert_false(call_of_span(spans_nth(&s, i), &c));
	spans_release(&s);
}

static const struct {
	double usd;
	const char *text;
} amounts[] = {
	{ 0, "$0.00" },
	{ 1, "$1.00" },
	{ 0.5, "$0.50" },
	{ 0.000156, "$0.000156" },
	{ 0.00371, "$0.00371" },
	{ 0.0000632, "$0.0000632" },
	{ 0.0123456, "$0.01235" },
	{ 1.23456, "$1.235" },
	{ 12.3456, "$12.35" },
	{ 1234.5, "$1234.50" },
	{ 0.09999999, "$0.10" },
	{ 1e-12, "$0.000000000001" },
	{ 1e-300, "$0.00" },
	{ 1e300, "$1e15+" },
	{ -1e300, "-$1e15+" },
	{ (double)INFINITY, "$1e15+" },
};
static const struct {
	int64_t n;
	const char *text;
} counts[] = { { 0, "0" }, { 7, "7" }, { 999, "999" }, { 1000, "1,000" }, { 1234567, "1,234,567" }, { -123, "-123" },
	{ -1234, "-1,234" }, { INT64_MAX, "9,223,372,036,854,775,807" } };

static void writes_numbers(void **unused UNUSED)
{
	struct strbuf b;
	strbuf_init(&b, 1024);
	for (size_t i = 0; i < COUNTOF(amounts); i++) {
		strbuf_clear(&b);
		call_print_usd(&b, amounts[i].usd);
		assert_string_equal(b.p, amounts[i].text);
	}
	for (size_t i = 0; i < COUNTOF(counts); i++) {
		strbuf_clear(&b);
		call_print_count(&b, counts[i].n);
		assert_string_equal(b.p, counts[i].text);
	}
	strbuf_release(&b);
}

static const struct {
	const char *text;
	size_t max;
	const char *want;
} texts[] = {
	{ "plain", 80, "plain" },
	{ "plain", 3, "pla" },
	{ "", 80, "" },
	{ "\033[31mred\033[0m", 80, "?[31mred?[0m" },
	{ "a\nb\rc\td\x7f", 80, "a?b?c?d?" },
	{ "gr\xC3\xBC\xC3\x9F", 80, "gr\xC3\xBC\xC3\x9F" },
	{ "gr\xC3\xBC\xC3\x9F", 5, "gr\xC3\xBC" },
	{ "\xC2\x9B"
	  "31m",
	        80, "?31m" }, /* CSI as one character */
	{ "\xE2\x80\xAE"
	  "evil\xE2\x80\xA8\xE2\x81\xA6",
	        80, "?evil??" }, /* right to left, line separator, isolate */
	{ "\xE2\x80\x99\xE2\x82\xAC", 80, "\xE2\x80\x99\xE2\x82\xAC" }, /* an apostrophe and a euro sign */
	{ "\xFF\xC3", 80, "??" },
};

static void writes_text(void **unused UNUSED)
{
	struct strbuf b;
	strbuf_init(&b, 1024);
	for (size_t i = 0; i < COUNTOF(texts); i++) {
		strbuf_clear(&b);
		strbuf_adds(&b, "");
		call_print_text(&b, slice_of(texts[i].text), texts[i].max);
		assert_string_equal(b.p ? b.p : "", texts[i].want);
	}
	strbuf_release(&b);
}

static struct call sample(void)
{
	return (struct call){ .service = SLICE("bot"),
		.operation = SLICE("chat"),
		.model = SLICE("gpt-4o"),
		.finish = SLICE("stop"),
		.convention = SLICE("otel"),
		.cost_status = SLICE("ok"),
		.input = 1204,
		.cached = -1,
		.output = 87,
		.seconds = 1.24,
		.first_chunk = (double)NAN,
		.cost = 0.000156,
		.end_ns = 0 };
}

#define HEAD "--:--:--  bot           chat gpt-4o               "
#define TAIL "  stop    otel\n"

static void writes_lines(void **unused UNUSED)
{
	struct strbuf b;
	strbuf_init(&b, 1 << 16);
	for (int i = 0; i < 10; i++) {
		static const char *const want[] = {
			(HEAD "1.24 s    1,204 in, 87 out        $0.000156 " TAIL),
			(HEAD "1.24 s    first 400 ms  1,204 in, 87 out        $0.000156 " TAIL),
			(HEAD "1.24 s    1,204 in (1,024 cached), 87 out  $0.000156 " TAIL),
			(HEAD "1.24 s    no tokens               no price  " TAIL),
			(HEAD "1.24 s    1,204 in                $0.000156 " TAIL),
			(HEAD "1.24 s    87 out                  -         " TAIL),
			(HEAD "1.24 s    1,204 in, 87 out        $0.000156   error 429  otel\n"),
			(HEAD "1.24 s    1,204 in, 87 out        bad usage   error   otel\n"),
			"--:--:--  -             ? ?                       0 ms      1,204 in, 87 out        $0.000156 "
			"  -       -\n",
			(HEAD "1.24 s    1,204 in, 87 out        free      " TAIL),
		};
		struct call c = sample();
		struct call_columns columns = { 0 };
		c.first_chunk = i == 1 ? 0.4 : c.first_chunk;
		c.cached = i == 2 ? 1024 : -1;
		c.input = i == 3 || i == 5 ? -1 : c.input;
		c.output = i == 3 || i == 4 ? -1 : c.output;
		c.cost = i == 3 || i == 5 || i == 7 ? (double)NAN : c.cost;
		c.cost_status = i == 3 ? SLICE("unknown_model")
		        : i == 5       ? SLICE("no_usage")
		        : i == 7       ? SLICE("inconsistent_usage")
		                       : c.cost_status;
		c.failed = i == 6 || i == 7;
		c.error = i == 6 ? SLICE("429") : (slice){ 0 };
		if (i == 9) {
			c.cost = 0;
			c.cost_status = SLICE("free");
		}
		if (i == 8) {
			c.service = c.operation = c.model = c.finish = c.convention = (slice){ 0 };
			c.seconds = 0;
		}
		strbuf_clear(&b);
		call_print(&b, &c, &columns, false);
		assert_string_equal(b.p, want[i]);
	}
	strbuf_release(&b);
}

/* The end of the line is in the same column once a wider line was seen, with colour and without. */
static void columns_stand_still(void **unused UNUSED)
{
	for (int colour = 0; colour < 2; colour++) {
		struct strbuf b;
		struct call_columns columns = { 0 };
		size_t ends[3];
		strbuf_init(&b, 1 << 16);
		for (int i = 0; i < 3; i++) {
			struct call c = sample();
			c.service = i == 0 ? SLICE("gr\xC3\xBC\xC3\x9F"
			                           "e-und-mehr")
			                   : c.service;
			c.model = i == 0 ? SLICE("a-model-with-a-rather-long-name") : c.model;
			c.first_chunk = i == 0 ? 12.5 : c.first_chunk;
			strbuf_clear(&b);
			call_print(&b, &c, &columns, colour);
			const char *end = strstr(b.p, colour ? "\033[2motel" : "otel");
			assert_non_null(end);
			b.len = (size_t)(end - b.p);
			ends[i] = call_print_width(&b, 0);
		}
		assert_int_equal(ends[0], ends[1]);
		assert_int_equal(ends[1], ends[2]);
		strbuf_release(&b);
	}
}

/* Whatever the input, a line is one line of bounded length, and its only escapes are our own. */
static void hostile(void **unused UNUSED)
{
	enum { LONG = 1 << 20 };
	struct strbuf b;
	struct call_columns columns = { 0 };
	char *evil = malloc(LONG);
	for (size_t i = 0; i < LONG; i++)
		evil[i] = "\033\n\x9b\xc2\x85x"[i % 6];
	slice s = { evil, LONG };
	struct call c = { .service = s,
		.operation = s,
		.provider = s,
		.model = s,
		.finish = s,
		.error = s,
		.convention = s,
		.session = s,
		.cost_status = s,
		.input = INT64_MAX,
		.cached = INT64_MAX,
		.output = INT64_MAX,
		.seconds = 1e300,
		.first_chunk = 1e300,
		.cost = 1e300,
		.end_ns = UINT64_MAX };
	strbuf_init(&b, 1 << 16);
	for (int failed = 0; failed < 2; failed++) {
		c.failed = failed;
		strbuf_clear(&b);
		call_print(&b, &c, &columns, false);
		assert_true(b.len < 1024);
		assert_ptr_equal(strchr(b.p, '\n'), b.p + b.len - 1);
		assert_null(strchr(b.p, '\033'));
	}
	strbuf_release(&b);
	free(evil);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_call),
		cmocka_unit_test(reads_little),
		cmocka_unit_test(writes_numbers),
		cmocka_unit_test(writes_text),
		cmocka_unit_test(writes_lines),
		cmocka_unit_test(columns_stand_still),
		cmocka_unit_test(hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
