/* test_console.c - what local mode shows: lines, hints once, totals at the end, nothing that steers the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/pipe/core_internal.h"
#include "tests/unit/rig/rig.h"

extern const struct component exporter_console;

/* The rig's core stands in for the real one, which would bring its own ends of deliveries. */
const struct key_table *core_keys(const struct core *c)
{
	return c->o.keys;
}

#define STR(k, v) "{\"key\":\"" k "\",\"value\":{\"stringValue\":\"" v "\"}}"
#define INT(k, v) "{\"key\":\"" k "\",\"value\":{\"intValue\":\"" #v "\"}}"
#define NUM(k, v) "{\"key\":\"" k "\",\"value\":{\"doubleValue\":" #v "}}"
#define SPAN(a)                                                                                                    \
	"{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\",\"startTimeUnixNano\":" \
	"\"1795244400000000000\",\"endTimeUnixNano\":\"1795244401240000000\",\"attributes\":[" a "]}"
#define BODY(spans)                                                        \
	"{\"resourceSpans\":[{\"resource\":{\"attributes\":[" STR(         \
	        "service.name", "bot") "]},\"scopeSpans\":[{\"scope\":{}," \
	                               "\"spans\":[" spans "]}]}]}"
#define CALL(m, i, o)                                                                        \
	STR("weir.span.kind", "llm")                                                         \
	"," STR("gen_ai.operation.name", "chat") "," STR("gen_ai.request.model", m) "," INT( \
	        "gen_ai.usage.input_tokens", i) "," INT("gen_ai.usage.output_tokens", o)
#define SESSION STR("gen_ai.conversation.id", "c")
#define COST(d) NUM("llm.cost.total", d)

/* stdout as a file while an exporter lives. */
struct screen {
	struct rig r;
	int saved, file;
	char text[1 << 16];
};

static void begin(struct screen *s, const char *options)
{
	char path[] = "/tmp/weir-test-console-XXXXXX";
	fflush(stdout);
	s->file = mkostemp(path, O_CLOEXEC);
	assert_true(s->file >= 0);
	unlink(path);
	s->saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	dup2(s->file, STDOUT_FILENO);
	rig_init(&s->r, &exporter_console, options);
}

static void show(struct screen *s, const char *body)
{
	rig_send(&s->r, TRACES, 1, (const char *const[]){ body, NULL });
	assert_int_equal(s->r.verdict.kind, DELIVERED);
}

static const char *end(struct screen *s)
{
	rig_release(&s->r);
	dup2(s->saved, STDOUT_FILENO);
	close(s->saved);
	ssize_t n = pread(s->file, s->text, sizeof(s->text) - 1, 0);
	assert_true(n >= 0);
	s->text[n] = 0;
	close(s->file);
	return s->text;
}

static void lines_and_totals(void **unused UNUSED)
{
	static struct screen s;
	begin(&s, "colour: never");
	show(&s, BODY(SPAN(CALL("small", 10, 20) "," SESSION "," COST(0.001)) "," SPAN(STR("weir.span.kind", "tool"))));
	show(&s, BODY(SPAN(CALL("large-model", 1000, 2000) "," SESSION "," COST(0.5))));
	show(&s, BODY(SPAN(CALL("small", 5, 5) "," SESSION "," COST(0.001))));
	show(&s, BODY(SPAN(CALL("nobodys", 1, 1) "," SESSION)));
	show(&s, BODY(SPAN(CALL("small", 5, 5) ",{\"key\":\"weir.usage.countable\",\"value\":{\"boolValue\":false}}")));
	assert_string_equal(strchr(end(&s), ' '),
	        "  bot           chat small                1.24 s    10 in, 20 out           $0.001      -       -\n"
	        "07:00:01  bot           chat large-model          1.24 s    1,000 in, 2,000 out     $0.50       -     "
	        "  -\n"
	        "07:00:01  bot           chat small                1.24 s    5 in, 5 out             $0.001      -     "
	        "  -\n"
	        "07:00:01  bot           chat nobodys              1.24 s    1 in, 1 out             -           -     "
	        "  -\n"
	        "\n"
	        "total              4 calls        1,016 tokens in        2,026 out  $0.502 and 1 without a cost\n"
	        "  large-model      1 call         1,000 tokens in        2,000 out  $0.50\n"
	        "  small            2 calls           15 tokens in           25 out  $0.002\n"
	        "  nobodys          1 call             1 tokens in            1 out  1 without a cost\n");
}

static unsigned times(const char *text, const char *what)
{
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void hints_once(void **unused UNUSED)
{
	static struct screen s;
	begin(&s, "colour: never");
	for (int i = 0; i < 3; i++) {
		show(&s, BODY(SPAN(CALL("m1", 1, 1) "," STR("weir.cost.status", "unknown_model"))));
		show(&s, BODY(SPAN(STR("weir.span.kind", "llm") "," SESSION)));
	}
	const char *text = end(&s);
	assert_int_equal(times(text, "hint: no session id"), 1);
	assert_int_equal(times(text, "hint: no token counts"), 1);
	assert_int_equal(times(text, "hint: m1 has no price"), 1);
	assert_int_equal(times(text, "hint:"), 3);
}

/* A call that failed, or that has it all, needs no hint. */
static void no_hints(void **unused UNUSED)
{
	static struct screen s;
	begin(&s, "colour: never");
	show(&s, BODY(SPAN(CALL("m1", 1, 1) "," SESSION "," COST(1))));
	show(&s,
	        BODY("{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\",\"status\":{"
	             "\"code\":2,"
	             "\"message\":\"timed out\"},\"attributes\":[" STR("weir.span.kind", "llm") "," SESSION "]}"));
	const char *text = end(&s);
	assert_int_equal(times(text, "hint:"), 0);
	assert_int_equal(times(text, "error timed out"), 1);
}

static void colours(void **unused UNUSED)
{
	static const struct {
		const char *options, *no_colour;
		bool coloured;
	} rows[] = {
		{ "", NULL, false }, /* stdout is no terminal */
		{ "colour: always", NULL, true },
		{ "colour: always", "1", true },
		{ "colour: never", NULL, false },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		static struct screen s;
		if (rows[i].no_colour)
			setenv("NO_COLOR", rows[i].no_colour, 1);
		else
			unsetenv("NO_COLOR");
		begin(&s, rows[i].options);
		show(&s, BODY(SPAN(CALL("m", 1, 1))));
		assert_int_equal(times(end(&s), "\033[") > 0, rows[i].coloured);
	}
	unsetenv("NO_COLOR");
	rig_refuses(&exporter_console, "colour: sometimes", "1:9", "colour");
}

static void hostile_text(void **unused UNUSED)
{
	static struct screen s;
	begin(&s, "colour: never");
	show(&s,
	        BODY(SPAN(CALL("\\u001b[2Jx\\ny", 1, 1) "," STR("weir.cost.status", "unknown_model") "," STR(
	                "weir.convention", "\\u0007"))));
	const char *text = end(&s);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\a'));
	assert_non_null(strstr(text, "chat ?[2Jx?y"));
	assert_non_null(strstr(text, "hint: ?[2Jx?y has no price"));
	assert_non_null(strstr(text, "  ?[2Jx?y "));
}

/* However many models and calls there are: few totals, nothing lost on the way to stdout. */
static void many(void **unused UNUSED)
{
	static struct screen s;
	begin(&s, "colour: never");
	for (int i = 0; i < 200; i++) {
		char body[2048];
		snprintf(body, sizeof(body),
		        BODY(SPAN(STR("weir.span.kind", "llm") "," STR("gen_ai.request.model", "model-%d")) "," SPAN(
		                STR("weir.span.kind", "llm") "," STR("gen_ai.request.model", "model-%d"))),
		        i, i);
		show(&s, body);
	}
	const char *text = end(&s);
	assert_int_equal(times(text, "1.24 s"), 400);
	assert_non_null(strstr(text, "\ntotal "));
	assert_non_null(strstr(text, "\n  other "));
	assert_non_null(strstr(text, " 274 calls"));
	assert_int_equal(times(strstr(text, "\ntotal"), "\n"), 2 + 64);
}

/* Nobody reads stdout any more: everything still counts as delivered. Logs and metrics are taken and not shown. */
static void nobody_reads(void **unused UNUSED)
{
	static struct screen s;
	int pipe_ends[2];
	begin(&s, "colour: never");
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	close(pipe_ends[0]);
	dup2(pipe_ends[1], STDOUT_FILENO);
	close(pipe_ends[1]);
	show(&s, BODY(SPAN(CALL("m", 1, 1))));
	rig_send(&s.r, LOGS, 1, (const char *const[]){ "{\"resourceLogs\":[]}", NULL });
	assert_int_equal(s.r.verdict.kind, DELIVERED);
	assert_string_equal(end(&s), "");
}

static void nothing_sent(void **unused UNUSED)
{
	static struct screen s;
	begin(&s, "");
	assert_string_equal(end(&s), "");
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_and_totals),
		cmocka_unit_test(hints_once),
		cmocka_unit_test(no_hints),
		cmocka_unit_test(colours),
		cmocka_unit_test(hostile_text),
		cmocka_unit_test(many),
		cmocka_unit_test(nobody_reads),
		cmocka_unit_test(nothing_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
