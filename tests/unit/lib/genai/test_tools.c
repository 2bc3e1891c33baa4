/* test_tools.c - tool definitions and system instructions of every vendor, by table; each result becomes itself again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lib/genai/messages.h"
#include "tests/unit/lib/genai/quotes.h"

/* clang-format off */
static const struct {
	const char *in, *out;
} tools[] = {
{ "[{'type':'function','function':{'name':'f','description':'d','parameters':{'type':'object'},'strict':true}},{'name':'g','description':'d','input_schema':{'type':'object'}},{'type':'function','name':'h','inputSchema':{'x':1}},'{\\'type\\':\\'function\\',\\'name\\':\\'k\\',\\'inputSchema\\':{}}','nameonly']",
 "[{'type':'function','name':'f','description':'d','parameters':{'type':'object'},'strict':true},{'type':'function','name':'g','description':'d','parameters':{'type':'object'}},{'type':'function','name':'h','parameters':{'x':1}},{'type':'function','name':'k'},{'type':'function','name':'nameonly'}]" },
{ "[{'functionDeclarations':[{'name':'f','parameters':{'a':1}}]},{'googleSearch':{}}]",
 "[{'type':'function','name':'f','parameters':{'a':1}},{'type':'googleSearch'}]" },
{ "{'tools':[{'toolSpec':{'name':'f','description':'d','inputSchema':{'json':{'type':'object'}}}}]}",
 "[{'type':'function','name':'f','description':'d','parameters':{'type':'object'}}]" },
{ "[{'type':'web_search_20250305','name':'web_search','max_uses':5}]",
 "[{'type':'web_search_20250305','name':'web_search','max_uses':5}]" },
{ "[{'type':'custom','name':'f','input_schema':{'a':1}}]", "[{'type':'function','name':'f','parameters':{'a':1}}]" },
{ "[{'name':'f','description':'d','parameters_json_schema':{'a':1},'strict':null}]", "[{'type':'function','name':'f','description':'d','parameters':{'a':1}}]" },
{ "[{'type':'function','function':{'name':'f','parameters':'{\\'a\\': 1}'}}]", "[{'type':'function','name':'f','parameters':{'a':1}}]" },
{ "{'name':'f','parameters':{}}", "[{'type':'function','name':'f','parameters':{}}]" },
{ "[]", "[]" },
{ "'[{\\'name\\':\\'f\\'}]'", "[{'type':'function','name':'f'}]" },
}, systems[] = {
{ "'You are'",
 "[{'type':'text','content':'You are'}]" },
{ "You are",
 "[{'type':'text','content':'You are'}]" },
{ "[{'type':'text','content':'a'}]",
 "[{'type':'text','content':'a'}]" },
{ "[{'role':'system','content':'a'},{'role':'system','parts':[{'type':'text','content':'b'}]}]",
 "[{'type':'text','content':'a'},{'type':'text','content':'b'}]" },
{ "{'parts':[{'text':'a'}],'role':'user'}",
 "[{'type':'text','content':'a'}]" },
{ "[{'type':'text','text':'a','cache_control':{'type':'ephemeral'}},'b']",
 "[{'type':'text','content':'a','cache_control':{'type':'ephemeral'}},{'type':'text','content':'b'}]" },
{ "", NULL }, { "[]", NULL }, { "{}", NULL },
{ "{'role':'system','content':[{'type':'text','text':'a'}]}", "[{'type':'text','content':'a'}]" },
{ "[not json", "[{'type':'text','content':'[not json'}]" },
};
/* clang-format on */

static void must_be(const char *what, slice s, slice wanted)
{
	if (!slice_eq(s, wanted))
		fail_msg("%s\n gives %.*s\n  not  %.*s", what, SLICE_ARG(s), SLICE_ARG(wanted));
}

static slice tools_of(struct arena *a, slice text, bool *lossy)
{
	struct strbuf out;
	const struct json *n = json_parse(a, text, NULL);
	assert_non_null(n);
	strbuf_init(&out, 1 << 20);
	tools_from_json(&out, a, n, lossy);
	strbuf_addc(&out, ']');
	assert_false(out.failed);
	slice s = arena_dup(a, strbuf_slice(&out));
	strbuf_release(&out);
	return s;
}

static void tools_of_every_vendor(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(tools); i++) {
		struct arena a;
		bool lossy = false;
		arena_init(&a);
		slice wanted = quotes(&a, tools[i].out), s = tools_of(&a, quotes(&a, tools[i].in), &lossy);
		must_be(tools[i].in, s, wanted);
		assert_false(lossy);
		must_be("again", tools_of(&a, s, &lossy), wanted);
		assert_false(lossy);
		arena_release(&a);
	}
}

static void several_lists_make_one(void **state UNUSED)
{
	struct arena a;
	struct strbuf out;
	bool lossy = false;
	arena_init(&a);
	strbuf_init(&out, 4096);
	tools_from_json(&out, &a, json_parse(&a, quotes(&a, "{'name':'f'}"), NULL), &lossy);
	tools_from_json(&out, &a, json_parse(&a, quotes(&a, "[]"), NULL), &lossy);
	tools_from_json(&out, &a, json_parse(&a, quotes(&a, "['g']"), NULL), &lossy);
	must_be("several", strbuf_slice(&out),
	        quotes(&a, "[{'type':'function','name':'f'},{'type':'function','name':'g'}"));
	tools_from_json(&out, &a, json_parse(&a, quotes(&a, "[17]"), NULL), &lossy);
	assert_true(lossy);
	strbuf_release(&out);
	arena_release(&a);
}

static void systems_of_every_vendor(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(systems); i++) {
		struct arena a;
		struct strbuf out;
		bool lossy = false;
		arena_init(&a);
		strbuf_init(&out, 4096);
		slice in = quotes(&a, systems[i].in),
		      wanted = systems[i].out ? quotes(&a, systems[i].out) : (slice){ 0 };
		assert_int_equal(system_from_text(&out, &a, in, &lossy), systems[i].out != NULL);
		must_be(systems[i].in, strbuf_slice(&out), wanted);
		slice once = arena_dup(&a, strbuf_slice(&out));
		assert_int_equal(system_from_text(&out, &a, once, &lossy), systems[i].out != NULL);
		must_be("again", strbuf_slice(&out), wanted);
		strbuf_release(&out);
		arena_release(&a);
	}
}

static void what_has_no_place_makes_it_lossy(void **state UNUSED)
{
	static const struct {
		bool lossy;
		const char *text;
	} table[] = { { true, "[{'role':'assistant','content':'a'}]" },
		{ true, "[{'role':'system','content':'a','name':'b'}]" },
		{ true, "[{'role':'system','content':'a','id':'b'}]" }, { true, "[{'type':'text','content':'a" },
		{ false, "[{'role':'system','content':'a'}]" } };
	for (size_t i = 0; i < COUNTOF(table); i++) {
		struct arena a;
		struct strbuf out;
		bool lossy = false;
		arena_init(&a);
		strbuf_init(&out, 4096);
		assert_true(system_from_text(&out, &a, quotes(&a, table[i].text), &lossy));
		if (lossy != table[i].lossy)
			fail_msg("%s", table[i].text);
		must_be(table[i].text, strbuf_slice(&out), quotes(&a, "[{'type':'text','content':'a'}]"));
		strbuf_release(&out);
		arena_release(&a);
	}
}

/* A list of small numbers would become parts twenty times as long: it stays the text that it is. */
static void growth_is_bounded(void **state)
{
	(void)state;
	struct arena a;
	struct strbuf in, out;
	bool lossy = false;
	arena_init(&a);
	strbuf_init(&in, 1 << 20);
	strbuf_init(&out, 1 << 24);
	for (int i = 0; i < 3000; i++)
		strbuf_adds(&in, i ? ",7" : "[7");
	strbuf_addc(&in, ']');
	assert_true(system_from_text(&out, &a, strbuf_slice(&in), &lossy));
	assert_false(lossy);
	assert_true(out.len < in.len + 100);
	assert_non_null(strstr(out.p, "\"content\":\"[7,7,7"));
	strbuf_release(&in);
	strbuf_release(&out);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tools_of_every_vendor),
		cmocka_unit_test(several_lists_make_one),
		cmocka_unit_test(systems_of_every_vendor),
		cmocka_unit_test(what_has_no_place_makes_it_lossy),
		cmocka_unit_test(growth_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
