/* test_attributes.c - the attributes processor: every action on every kind of value, selection, refused options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/rig/rig.h"

extern const struct component processor_attributes;

static void expect(const char *action, const char *before, const char *after)
{
	static const struct client_pair headers[] = {
		{ { "x-tenant", 8 }, { "acme", 4 } },
		{ { "x-many", 6 }, { "a", 1 } },
		{ { "x-many", 6 }, { "b", 1 } },
	};
	static const struct client client = { { "10.0.0.9", 8 }, headers, COUNTOF(headers), { "ann", 3 } };
	struct rig r;
	print_message("%s\n", action);
	rig_init(&r, &processor_attributes, action);
	findings_print(&r.findings, stderr);
	r.client = &client;
	rig_expect(&r, rig_span(&r, before), rig_span(&r, after));
	rig_release(&r);
}

#define STR(k, v) "{\"key\":\"" k "\",\"value\":{\"stringValue\":\"" v "\"}}"
#define INT(k, v) "{\"key\":\"" k "\",\"value\":{\"intValue\":\"" v "\"}}"
#define DOUBLE(k, v) "{\"key\":\"" k "\",\"value\":{\"doubleValue\":" v "}}"
#define BOOL(k, v) "{\"key\":\"" k "\",\"value\":{\"boolValue\":" v "}}"
#define LIST(k, v) "{\"key\":\"" k "\",\"value\":{\"arrayValue\":{\"values\":[" v "]}}}"
#define MAP(k, v) "{\"key\":\"" k "\",\"value\":{\"kvlistValue\":{\"values\":[" v "]}}}"
#define ACTION(a) "actions: [{" a "}]"

static const struct {
	const char *action, *before, *after;
} cases[] = {
	/* insert, update, upsert */
	{ ACTION("key: a, value: x, action: insert"), "", STR("a", "x") },
	{ ACTION("key: a, value: x, action: insert"), STR("a", "old"), STR("a", "old") },
	{ ACTION("key: a, value: x, action: update"), STR("a", "old"), STR("a", "x") },
	{ ACTION("key: a, value: x, action: update"), STR("b", "old"), STR("b", "old") },
	{ ACTION("key: a, value: x, action: upsert"), STR("b", "1"), STR("b", "1") "," STR("a", "x") },
	{ ACTION("key: a, value: x, action: UPSERT"), INT("a", "1"), STR("a", "x") },
	/* types of values */
	{ ACTION("key: a, value: 42, action: insert"), "", INT("a", "42") },
	{ ACTION("key: a, value: '42', action: insert"), "", STR("a", "42") },
	{ ACTION("key: a, value: 1.5, action: insert"), "", DOUBLE("a", "1.5") },
	{ ACTION("key: a, value: true, action: insert"), "", BOOL("a", "true") },
	{ ACTION("key: a, value: 0x10, action: insert"), "", INT("a", "16") },
	{ ACTION("key: a, value: [1, x], action: insert"), "",
	        LIST("a", "{\"intValue\":\"1\"},{\"stringValue\":\"x\"}") },
	{ ACTION("key: a, value: {k: [true]}, action: insert"), "", MAP("a", LIST("k", "{\"boolValue\":true}")) },
	/* sources */
	{ ACTION("key: a, from_attribute: b, action: insert"), INT("b", "7"), INT("b", "7") "," INT("a", "7") },
	{ ACTION("key: a, from_attribute: b, action: upsert"), STR("a", "1"), STR("a", "1") },
	{ ACTION("key: a, from_attribute: b, action: upsert"), LIST("b", "{\"intValue\":\"1\"}"),
	        LIST("b", "{\"intValue\":\"1\"}") "," LIST("a", "{\"intValue\":\"1\"}") },
	{ ACTION("key: a, from_context: metadata.X-Tenant, action: insert"), "", STR("a", "acme") },
	{ ACTION("key: a, from_context: x-tenant, action: insert"), "", STR("a", "acme") },
	{ ACTION("key: a, from_context: metadata.x-many, action: insert"), "", STR("a", "a;b") },
	{ ACTION("key: a, from_context: metadata.none, action: insert"), "", "" },
	{ ACTION("key: a, from_context: client.address, action: insert"), "", STR("a", "10.0.0.9") },
	{ ACTION("key: a, from_context: auth.subject, action: insert"), "", STR("a", "ann") },
	{ ACTION("key: a, from_context: auth.other, action: insert"), "", "" },
	{ ACTION("key: a, from_attribute: b, default_value: 5, action: insert"), "", INT("a", "5") },
	{ ACTION("key: a, from_context: metadata.none, default_value: d, action: upsert"), STR("a", "x"),
	        STR("a", "d") },
	{ ACTION("key: a, default_value: d, action: update"), STR("b", "x"), STR("b", "x") },
	/* delete: every duplicate goes, and keys are matched anywhere */
	{ ACTION("key: a, action: delete"), STR("a", "1") "," STR("b", "2") "," STR("a", "3"), STR("b", "2") },
	{ ACTION("key: a, action: delete"), STR("b", "2"), STR("b", "2") },
	{ ACTION("pattern: ss, action: delete"), STR("pass", "1") "," STR("b", "2") "," STR("ssn", "3"),
	        STR("b", "2") },
	{ ACTION("key: b, pattern: '^a', action: delete"), STR("ab", "1") "," STR("b", "2") "," STR("ca", "3"),
	        STR("ca", "3") },
	/* hash: SHA-256 of the text or of the bytes of the number */
	{ ACTION("key: a, action: hash"), STR("a", "abc"),
	        STR("a", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") },
	{ ACTION("key: a, action: hash"), INT("a", "1"),
	        STR("a", "7c9fa136d4413fa6173637e883b6998d32e1d675f88cddff9dcbcf331820f4b8") },
	{ ACTION("key: a, action: hash"), BOOL("a", "true"),
	        STR("a", "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a") },
	{ ACTION("key: a, action: hash"), DOUBLE("a", "1"),
	        STR("a", "6c3c396ed6b5c36dcae172271f462051b1266b851e92df3deea8ac65478fd712") },
	{ ACTION("key: a, action: hash"), STR("a", ""), STR("a", "") },
	{ ACTION("key: a, action: hash"), LIST("a", "{\"intValue\":\"1\"}"), STR("a", "") },
	{ ACTION("pattern: '^a', action: hash"), STR("ab", "abc") "," STR("b", "abc"),
	        STR("ab", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") "," STR("b", "abc") },
	/* extract */
	{ ACTION("key: u, pattern: '^(?P<scheme>\\w+)://(?P<host>[^/]+)', action: extract"),
	        STR("u", "http://h.x/p") "," STR("host", "old"),
	        STR("u", "http://h.x/p") "," STR("host", "h.x") "," STR("scheme", "http") },
	{ ACTION("key: u, pattern: '(?P<x>a)|(?P<y>b)', action: extract"), STR("u", "b"),
	        STR("u", "b") "," STR("x", "") "," STR("y", "b") },
	{ ACTION("key: u, pattern: '(?P<x>z)', action: extract"), STR("u", "b"), STR("u", "b") },
	{ ACTION("key: u, pattern: '(?P<x>1)', action: extract"), INT("u", "1"), INT("u", "1") },
	{ ACTION("key: u, pattern: '(?P<u>b+)(?P<v>c)', action: extract"), STR("u", "abbc"),
	        STR("u", "bb") "," STR("v", "c") },
	/* convert */
	{ ACTION("key: a, action: convert, converted_type: int"), STR("a", "-12"), INT("a", "-12") },
	{ ACTION("key: a, action: convert, converted_type: int"), STR("a", "1.5"), STR("a", "1.5") },
	{ ACTION("key: a, action: convert, converted_type: int"), DOUBLE("a", "-1.9"), INT("a", "-1") },
	{ ACTION("key: a, action: convert, converted_type: int"), DOUBLE("a", "1e300"), DOUBLE("a", "1e300") },
	{ ACTION("key: a, action: convert, converted_type: int"), BOOL("a", "true"), INT("a", "1") },
	{ ACTION("key: a, action: convert, converted_type: int"), LIST("a", ""), LIST("a", "") },
	{ ACTION("key: a, action: convert, converted_type: double"), STR("a", "1e2"), DOUBLE("a", "100.0") },
	{ ACTION("key: a, action: convert, converted_type: double"), INT("a", "3"), DOUBLE("a", "3.0") },
	{ ACTION("key: a, action: convert, converted_type: double"), BOOL("a", "false"), DOUBLE("a", "0.0") },
	{ ACTION("key: a, action: convert, converted_type: double"), STR("a", "x"), STR("a", "x") },
	{ ACTION("key: a, action: convert, converted_type: string"), INT("a", "-3"), STR("a", "-3") },
	{ ACTION("key: a, action: convert, converted_type: string"), DOUBLE("a", "0.1"), STR("a", "0.1") },
	{ ACTION("key: a, action: convert, converted_type: string"), BOOL("a", "true"), STR("a", "true") },
	{ ACTION("key: a, action: convert, converted_type: string"),
	        LIST("a", "{\"intValue\":\"1\"},{\"stringValue\":\"x\"},{}"), STR("a", "[1,\\\"x\\\",null]") },
	{ ACTION("key: a, action: convert, converted_type: string"), MAP("a", BOOL("k", "true")),
	        STR("a", "{\\\"k\\\":true}") },
	{ ACTION("key: a, action: convert, converted_type: string"),
	        "{\"key\":\"a\",\"value\":{\"bytesValue\":\"AQI=\"}}", STR("a", "AQI=") },
	{ ACTION("key: a, action: convert, converted_type: int"), "", "" },
	/* in order: later actions see earlier ones */
	{ "actions: [{key: a, value: 1, action: insert}, {key: b, from_attribute: a, action: insert}, "
	  "{key: a, action: delete}]",
	        "", INT("b", "1") },
};

static void actions(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(cases); i++)
		expect(cases[i].action, cases[i].before, cases[i].after);
}

/* Two services, two scopes; spans a (client), b (server, attribute k=1), c (internal, k="on"). */
static const char selection[] =
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[" STR("service.name", "one") "," INT(
                "n", "5") "]},\"scopeSpans\":["
                          "{\"scope\":{\"name\":\"lib\",\"version\":\"1.2\"},\"spans\":["
                          "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060701\",\"name\":"
                          "\"a\",\"kind\":3},"
                          "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060702\",\"name\":"
                          "\"b\",\"kind\":2,"
                          "\"attributes\":[" INT("k",
                                  "1") "]}]}]},"
                                       "{\"resource\":{},\"scopeSpans\":[{\"scope\":{\"name\":\"other\"},\"spans\":["
                                       "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":"
                                       "\"0102030405060703\",\"name\":\"c\",\"kind\":1,"
                                       "\"attributes\":[" STR("k", "on") "]}]}]}]}";

static void select_by(const char *rules, const char *want)
{
	struct rig r;
	char got[4] = "", *end = got;
	print_message("%s\n", rules);
	struct arena a;
	arena_init(&a);
	rig_init(&r, &processor_attributes,
	        arena_printf(&a, "actions: [{key: hit, value: 1, action: insert}]\n%s\n", rules));
	findings_print(&r.findings, stderr);
	/* each span object ends before the next span id: look for the mark in between */
	const char *out = rig_push(&r, selection);
	for (char id = '1'; id <= '3'; id++) {
		char text[] = "0102030405060700";
		text[15] = id;
		const char *at = strstr(out, text), *next = strstr(at + 1, "spanId"), *hit = strstr(at, "\"hit\"");
		if (hit && (!next || hit < next))
			*end++ = (char)('a' + id - '1');
	}
	assert_string_equal(got, want);
	rig_release(&r);
	arena_release(&a);
}

static void selections(void **state UNUSED)
{
	static const struct {
		const char *rules, *want;
	} table[] = {
		{ "", "abc" },
		{ "include: {match_type: strict, span_names: [a, c]}", "ac" },
		{ "exclude: {match_type: strict, span_names: [a, c]}", "b" },
		{ "include: {match_type: strict, span_names: [a, b]}\nexclude: {match_type: strict, span_names: [b]}",
		        "a" },
		{ "include: {match_type: strict, services: [one]}", "ab" },
		{ "include: {match_type: strict, services: [on]}", "" },
		{ "include: {match_type: regexp, services: [on]}", "ab" },
		{ "include: {match_type: regexp, services: ['^<nil-service-name>$']}", "c" },
		{ "include: {match_type: strict, span_kinds: [SPAN_KIND_SERVER, SPAN_KIND_INTERNAL]}", "bc" },
		{ "include: {match_type: regexp, span_kinds: ['CLIENT|SERVER']}", "ab" },
		{ "include: {match_type: strict, attributes: [{key: k}]}", "bc" },
		{ "include: {match_type: strict, attributes: [{key: k, value: 1}]}", "b" },
		{ "include: {match_type: strict, attributes: [{key: k, value: '1'}]}", "" },
		{ "include: {match_type: regexp, attributes: [{key: k, value: '^(1|on)$'}]}", "bc" },
		{ "include: {match_type: strict, attributes: [{key: k}, {key: z}]}", "" },
		{ "include: {match_type: strict, resources: [{key: n, value: 5}]}", "ab" },
		{ "include: {match_type: strict, resources: [{key: n, value: 5.0}]}", "" },
		{ "include: {match_type: strict, libraries: [{name: lib}]}", "ab" },
		{ "include: {match_type: strict, libraries: [{name: lib, version: '1.2'}]}", "ab" },
		{ "include: {match_type: strict, libraries: [{name: lib, version: ''}]}", "" },
		{ "include: {match_type: strict, libraries: [{name: other, version: ''}]}", "c" },
		{ "include: {match_type: regexp, libraries: [{name: '.', version: '^1'}]}", "ab" },
		/* all given properties must match */
		{ "include: {match_type: strict, services: [one], span_kinds: [SPAN_KIND_CLIENT]}", "a" },
	};
	for (size_t i = 0; i < COUNTOF(table); i++)
		select_by(table[i].rules, table[i].want);
}

static void refused(void **state UNUSED)
{
	static const struct {
		const char *yaml, *place, *text;
	} table[] = {
		{ "", "1:1", "missing required field \"actions\"" },
		{ "actions: []", "1:1", "missing required field \"actions\"" },
		{ ACTION("action: insert, value: 1"), "1:12", "missing required field \"key\"" },
		{ ACTION("key: a, value: 1"), "1:12", "action" },
		{ ACTION("key: a, action: inset, value: 1"), "1:28", "did you mean \"insert\"" },
		{ ACTION("action: delete"), "1:12", "at least one of \"key\" and \"pattern\"" },
		{ ACTION("action: hash"), "1:12", "at least one of \"key\" and \"pattern\"" },
		{ ACTION("key: a, action: insert"), "1:12", "\"value\", \"from_attribute\" or \"from_context\"" },
		{ ACTION("key: a, action: insert, value: null"), "1:12", "\"from_attribute\" or \"from_context\"" },
		{ ACTION("key: a, action: insert, value: 1, from_attribute: b"), "1:62", "multiple value sources" },
		{ ACTION("key: a, action: insert, from_context: c, value: 1"), "1:60", "multiple value sources" },
		{ ACTION("key: a, action: insert, value: 1, pattern: b"), "1:55", "does not use the \"pattern\"" },
		{ ACTION("key: a, action: insert, value: 1, converted_type: int"), "1:62", "\"converted_type\"" },
		{ ACTION("key: a, action: delete, value: 1"), "1:43", "does not use the \"value\"" },
		{ ACTION("key: a, action: hash, from_attribute: b"), "1:50", "does not use the \"from_attribute\"" },
		{ ACTION("key: a, action: extract"), "1:12", "missing required field \"pattern\"" },
		{ ACTION("key: a, action: extract, pattern: '('"), "1:46", "invalid pattern: \"(\": missing closing" },
		{ ACTION("key: a, action: extract, pattern: a"), "1:46", "no named matcher groups" },
		{ ACTION("key: a, action: extract, pattern: '(?P<x>a)(b)'"), "1:46", "unnamed matcher group" },
		{ ACTION("key: a, action: convert"), "1:12", "missing required field \"converted_type\"" },
		{ ACTION("key: a, action: convert, converted_type: bool"), "1:53",
		        "\"int\", \"double\" or \"string\"" },
		{ ACTION("key: a, action: convert, converted_type: int, value: 1"), "1:65",
		        "does not use the \"value\"" },
	};
	for (size_t i = 0; i < COUNTOF(table); i++)
		rig_refuses(&processor_attributes, table[i].yaml, table[i].place, table[i].text);
}

static void refused_selections(void **state UNUSED)
{
	static const struct {
		const char *section, *place, *text;
	} table[] = {
		{ "{match_type: strict}", "1:1", "at least one of" },
		{ "{span_names: [a]}", "1:1", "match_type" },
		{ "{match_type: strict, span_kinds: [client]}", "2:43", "standard span kinds" },
		{ "{match_type: regexp, services: [a, '(']}", "2:45", "invalid pattern" },
		{ "{match_type: strict, attributes: [{value: 1}]}", "2:45", "key" },
		{ "{match_type: strict, attributes: [{key: ''}]}", "2:50", "empty key" },
		{ "{match_type: regexp, attributes: [{key: a, value: 1}]}", "2:60", "only supports strings" },
		{ "{match_type: strict, attributes: [{key: a, value: [1]}]}", "2:60", "can be compared" },
		{ "{match_type: strict, services: [a], log_bodies: [b]}", "2:46", "log_bodies" },
		{ "{match_type: strict, services: [a], log_severity_number: {min: 1}}", "2:46", "log_severity_number" },
	};
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(table); i++)
		rig_refuses(&processor_attributes,
		        arena_printf(&a, ACTION("key: a, action: delete") "\ninclude: %s", table[i].section),
		        table[i].place, table[i].text);
	arena_release(&a);
}

/* A pattern that runs away is reported without the text, and changes nothing. */
static void gives_up(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, &processor_attributes, ACTION("key: a, action: extract, pattern: '(?P<x>(?:a+)+)$'"));
	char *text = arena_alloc(&r.arena, 4000);
	memset(text, 'a', 3999);
	text[3998] = '!';
	text[3999] = 0;
	const char *span = rig_span(&r, arena_printf(&r.arena, STR("a", "%s"), text));
	rig_expect(&r, span, span);
	const char *logged = rig_logged(&r);
	assert_non_null(strstr(logged, "takes too long"));
	assert_null(strstr(logged, "aaaa"));
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions),
		cmocka_unit_test(selections),
		cmocka_unit_test(refused),
		cmocka_unit_test(refused_selections),
		cmocka_unit_test(gives_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
