/* test_canonical_scan.c - what the quick scan is sure of, what it leaves to the tape parser, and that a yes is never wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/genai/messages.h"

#define USER(parts) "[{\"role\":\"user\",\"parts\":[" parts "]}]"
#define TEXT(t) "{\"type\":\"text\",\"content\":\"" t "\"}"
#define CALL(args) "{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":\"f\",\"arguments\":" args "}"
#define TOOL(parts) "[{\"role\":\"tool\",\"parts\":[" parts "]}]"
#define RESPONSE "{\"type\":\"tool_call_response\",\"id\":\"c1\",\"response\":{\"deg\":[21]}}"

static const struct {
	const char *text;
	bool sure;
	unsigned n_finish;
} cases[] = {
	{ USER(TEXT("hi")), true, 0 },
	{ USER(""), true, 0 },
	{ USER(TEXT("a \\\"quote\\\" \\u00e4 \\n and 32 bytes of more text")), true, 0 },
	{ " [ { \"role\" : \"user\" , \"parts\" : [ " TEXT("x") " , " TEXT("y") " ] , \"name\":\"ann\" } ] ", true, 0 },
	{ USER("{\"type\": \"text\", \"content\": \"x\"}, {\"type\": \"text\", \"content\": \"y\" }"), true, 0 },
	{ USER("{\"content\":\"x\",\"type\":\"text\"}"), true, 0 },
	{ USER(CALL("{\"a\":[1,-2.5e+3,true,false,null,{}],\"b\":[]}")), true, 0 },
	{ USER("{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":\"f\"}"), true, 0 },
	{ TOOL(RESPONSE), true, 0 },
	{ "[{\"role\":\"assistant\",\"parts\":[],\"finish_reason\":\"stop\"},{\"role\":\"assistant\",\"parts\":[],"
	  "\"finish_reason\":\"tool_call\"}]",
	        true, 2 },
	/* what another look must decide */
	{ "", false, 0 },
	{ "[]", false, 0 },
	{ USER(TEXT("hi")) "x", false, 0 },
	{ "[{\"role\":\"human\",\"parts\":[]}]", false, 0 },
	{ "[{\"role\":\"user\",\"content\":\"hi\"}]", false, 0 },
	{ "[{\"role\":\"user\"}]", false, 0 },
	{ "[{\"parts\":[],\"role\":\"user\"}]", false, 0 },
	{ "[{\"role\":\"user\",\"parts\":[],\"parts\":[]}]", false, 0 },
	{ "[{\"role\":\"assistant\",\"parts\":[],\"finish_reason\":\"tool_calls\"}]", false, 0 },
	{ USER("{\"type\":\"text\",\"text\":\"hi\"}"), false, 0 },
	{ USER("{\"type\":\"text\"}"), false, 0 },
	{ USER("{\"type\":\"text\",\"content\":7}"), false, 0 },
	{ USER("{\"type\":\"text\",\"content\":\"x\",\"id\":\"c1\"}"), false, 0 },
	{ USER("{\"type\":\"text\",\"content\":\"x\",\"content\":\"y\"}"), false, 0 },
	{ TOOL(TEXT("x")), false, 0 },
	{ USER("{\"type\":\"image\",\"content\":\"hi\"}"), false, 0 },
	{ USER(TEXT("bad \\x escape")), false, 0 },
	{ USER(TEXT("bad \\u12g4")), false, 0 },
	{ USER(TEXT("control \x01")), false, 0 },
	{ USER(CALL("\"{\\\"a\\\":1}\"")), false, 0 },
	{ USER(CALL("{\"a\":01}")), false, 0 },
	{ USER(CALL("{\"a\" 1}")), false, 0 },
	{ USER(CALL("{\"a\":1,}")), false, 0 },
	{ USER(CALL("[1.]")), false, 0 },
	{ USER(CALL("[1e]")), false, 0 },
	{ USER(CALL("[tru]")), false, 0 },
	{ USER(RESPONSE), false, 0 },
	{ TOOL(TEXT("x") "," RESPONSE), false, 0 },
	{ "[{\"role\":\"user\",\"parts\":[" TEXT("cut"), false, 0 },
	{ "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":", false, 0 },
};

static void is_sure(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		slice finish[4];
		size_t n = 0;
		bool parts = false;
		struct arena a;
		print_message("%s\n", cases[i].text);
		bool sure = messages_scan_canonical(slice_of(cases[i].text), finish, COUNTOF(finish), &n, &parts);
		assert_int_equal(sure, cases[i].sure);
		if (!sure)
			continue;
		arena_init(&a);
		const struct json *doc = json_parse(&a, slice_of(cases[i].text), NULL);
		assert_non_null(doc);
		assert_true(messages_are_canonical(doc));
		assert_int_equal(n, cases[i].n_finish);
		assert_int_equal(parts, strstr(cases[i].text, "\"type\"") != NULL);
		if (n == 2)
			assert_true(slice_is(finish[1], "tool_call"));
		arena_release(&a);
	}
}

static void is_bounded(void **state)
{
	(void)state;
	slice finish[1];
	size_t n;
	bool parts;
	struct strbuf b;
	strbuf_init(&b, 1 << 20);
	strbuf_adds(&b,
	        "[{\"role\":\"user\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\",\"arguments\":");
	for (int i = 0; i < 1000; i++)
		strbuf_addc(&b, '[');
	for (int i = 0; i < 1000; i++)
		strbuf_addc(&b, ']');
	strbuf_adds(&b, "}]}]");
	assert_false(messages_scan_canonical(strbuf_slice(&b), finish, 1, &n, &parts));
	assert_false(messages_scan_canonical(SLICE("[{\"role\":\"user\",\"parts\":[],\"finish_reason\":\"stop\"},"
	                                           "{\"role\":\"user\",\"parts\":[],\"finish_reason\":\"stop\"}]"),
	        finish, 1, &n, &parts));
	strbuf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(is_sure), cmocka_unit_test(is_bounded) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
