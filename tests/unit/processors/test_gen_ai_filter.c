/* test_gen_ai_filter.c - the filter as a processor: who decides first, selectors, counters, refused options; and the repair of parents
 * by cases and against a naive walk.
 */
#include "lib/genai/orphans.h"

#include <time.h>

#include "tests/unit/lib/genai/spans.h"

extern const struct component processor_gen_ai_filter;

/* Single quotes are for double ones. */
static char *json_of(const char *text)
{
	char *s = strdup(text);
	for (char *at = s; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	return s;
}

static const char *const labels[] = { "r0_keep_false", "r0_exclude", "r_neg", "none" };

/* Pushes one span and tells what dropped it: an index of labels, or -1 when it was kept. */
static int dropped_by(const char *yaml, const char *span)
{
	struct rig r;
	int by = -1;
	double sum = 0;
	rig_init(&r, &processor_gen_ai_filter, yaml);
	findings_print(&r.findings, stderr);
	assert_true(r.loaded);
	char *json = json_of(span);
	const char *out = rig_push(&r, json);
	bool kept = strstr(out, "0102030405060708") != NULL;
	for (int i = 0; i < (int)COUNTOF(labels); i++) {
		double n = rig_meter(&r, "weir_filter_dropped_spans", labels[i], "");
		by = n > 0 ? i : by;
		sum += n;
	}
	assert_true(sum == (kept ? 0 : 1));
	free(json);
	rig_release(&r);
	return by;
}

#define SPAN(scope, name, attributes)                                                                                \
	"{'resourceSpans':[{'scopeSpans':[{'scope':{'name':'" scope "'},'spans':[{'traceId':"                        \
	"'01020304050607080102030405060708','spanId':'0102030405060708','name':'" name "','attributes':[" attributes \
	"]}]}]}]}"
#define STR(k, v) "{'key':'" k "','value':{'stringValue':'" v "'}}"
#define BOOL(k, v) "{'key':'" k "','value':{'boolValue':" v "}}"
#define INT(k, v) "{'key':'" k "','value':{'intValue':'" v "'}}"
#define CHAT STR("gen_ai.operation.name", "chat")
#define HTTP STR("http.method", "GET")

enum { KEPT = -1, KEEP_FALSE, EXCLUDE, NEG, NOTHING };

static const struct {
	const char *yaml, *span;
	int by;
} cases[] = {
	{ "", SPAN("s", "n", CHAT), KEPT },
	{ "", SPAN("s", "n", HTTP), NEG },
	{ "", SPAN("s", "n", ""), NOTHING },
	{ "", SPAN("openlit.x", "n", ""), KEPT },
	/* weir.keep decides first */
	{ "", SPAN("s", "n", HTTP "," BOOL("weir.keep", "true")), KEPT },
	{ "", SPAN("s", "n", CHAT "," BOOL("weir.keep", "false")), KEEP_FALSE },
	{ "", SPAN("s", "n", CHAT "," STR("weir.keep", "False")), KEEP_FALSE },
	{ "", SPAN("s", "n", STR("weir.keep", "perhaps")), NOTHING },
	{ "exclude: [{name: '*'}]", SPAN("s", "n", BOOL("weir.keep", "true")), KEPT },
	{ "include: [{name: '*'}]", SPAN("s", "n", BOOL("weir.keep", "false")), KEEP_FALSE },
	/* exclude beats include beats the rules */
	{ "include: [{name: '*'}]", SPAN("s", "n", HTTP), KEPT },
	{ "exclude: [{name: '*'}]", SPAN("s", "n", CHAT), EXCLUDE },
	{ "{include: [{name: '*'}], exclude: [{name: n}]}", SPAN("s", "n", CHAT), EXCLUDE },
	/* elements are alternatives, fields must all match */
	{ "include: [{name: x}, {scope: 's*'}]", SPAN("scope", "n", ""), KEPT },
	{ "include: [{name: x, scope: 's*'}]", SPAN("scope", "n", ""), NOTHING },
	{ "include: [{name: 'GET ?ello'}]", SPAN("s", "GET hello", ""), KEPT },
	{ "include: [{name: 'GET'}]", SPAN("s", "GET hello", ""), NOTHING },
	/* attributes: present, or with a value, by globs */
	{ "include: [{attribute: app.kind}]", SPAN("s", "n", STR("app.kind", "x")), KEPT },
	{ "include: [{attribute: app.kind}]", SPAN("s", "n", STR("app.kin", "x")), NOTHING },
	{ "include: [{attribute: 'app.*', value: 'ag*'}]", SPAN("s", "n", STR("app.b", "x") "," STR("app.k", "agent")),
	        KEPT },
	{ "include: [{attribute: app.kind, value: agent}]", SPAN("s", "n", STR("app.kind", "agents")), NOTHING },
	{ "include: [{attribute: n, value: '4?'}]", SPAN("s", "n", INT("n", "42")), KEPT },
	{ "include: [{attribute: n, value: 'true'}]", SPAN("s", "n", BOOL("n", "true")), KEPT },
	{ "exclude: [{attribute: gen_ai.operation.name, value: chat}]", SPAN("s", "n", CHAT), EXCLUDE },
	/* switches */
	{ "keep_retrievers: true", SPAN("s", "n", STR("db.system", "pinecone")), KEPT },
	{ "", SPAN("s", "n", STR("db.system", "pinecone")), NEG },
	{ "keep_mcp_protocol: true", SPAN("s", "n", STR("mcp.method.name", "ping")), KEPT },
	{ "", SPAN("s", "n", STR("mcp.method.name", "ping")), NEG },
};

static void the_right_rule_drops(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		print_message("%s %s\n", cases[i].yaml, cases[i].span);
		assert_int_equal(dropped_by(cases[i].yaml, cases[i].span), cases[i].by);
	}
}

static void options_are_checked(void **state UNUSED)
{
	const struct component *f = &processor_gen_ai_filter;
	rig_refuses(f, "include: [{value: x}]", "1:19", "\"value\" needs \"attribute\"");
	rig_refuses(f, "exclude: [{scope: ''}]", "1:12", "at least one of");
	rig_refuses(f, "orphans: adopt", "1:10", "adopt");
	rig_refuses(f, "includes: []", "1:1", "include");
	rig_refuses(f, "keep_retrievers: often", "1:18", "keep_retrievers");
}

/* Spans as "ID PARENT k|d" (kept, dropped); parents that result, in order of the kept ones. */
static const struct {
	const char *name, *spans, *parents;
} trees[] = {
	{ "kept parent", "1 0 k, 2 1 k", "0 1" },
	{ "dropped parent, kept grandparent", "1 0 k, 2 1 d, 3 2 k", "0 1" },
	{ "long chain", "1 0 k, 2 1 d, 3 2 d, 4 3 d, 5 4 k, 6 4 k", "0 1 1" },
	{ "children first", "5 4 k, 4 3 d, 3 2 d, 2 1 d, 1 0 k", "1 0" },
	{ "dropped root", "1 0 d, 2 1 k, 3 1 k", "0 0" },
	{ "dropped chain to the root", "1 0 d, 2 1 d, 3 2 k", "0" },
	{ "unknown parent", "2 9 k, 3 0 d", "9" },
	{ "dropped parent with unknown parent", "2 9 d, 3 2 k", "2" },
	{ "cycle of dropped ones", "1 2 d, 2 1 d, 3 1 k, 4 2 k", "1 2" },
	{ "its own parent", "1 1 d, 2 1 k", "1" },
	{ "cycle through a kept one", "1 2 k, 2 1 d", "2" },
	{ "all dropped", "1 0 d, 2 1 d", "" },
	{ "none dropped", "1 9 k, 2 1 k", "9 1" },
	{ "twins, one kept", "1 0 d, 1 0 k, 2 1 k", "0 1" },
};

static void load_tree(struct spans *s, const char *text)
{
	char json[4096] = "[", kept;
	unsigned id, parent;
	int used;
	for (const char *at = text; sscanf(at, "%u %u %c%n", &id, &parent, &kept, &used) == 3;) {
		size_t n = strlen(json);
		snprintf(json + n, sizeof(json) - n, "%s{\"id\":%u,\"parent\":%u,\"name\":\"%c\"}", n > 1 ? "," : "",
		        id, parent, kept);
		at += used;
		at += *at == ',';
	}
	memcpy(json + strlen(json), "]", 2);
	spans_load(s, json);
	struct span *next;
	for (struct span *span = traces_first_span(&s->t); span; span = next) {
		next = traces_next_span(&s->t, span);
		if (slice_is(span->name, "d"))
			span_filter(&s->t, span, 1);
	}
}

/* The number that the small id of spans.h was made of; 0 for none. */
static unsigned number_of(slice id)
{
	unsigned n = 0;
	for (size_t i = 4; i < id.len; i++)
		n = n << 8 | (unsigned char)id.p[i];
	return n;
}

static void parents_are_repaired(void **state UNUSED)
{
	struct orphans o;
	orphans_init(&o);
	for (size_t i = 0; i < COUNTOF(trees); i++) {
		struct spans s;
		char got[100] = "";
		load_tree(&s, trees[i].spans);
		assert_true(orphans_reparent(&o, &s.t) >= 0);
		for (struct span *span = traces_first_span(&s.t); span; span = traces_next_span(&s.t, span)) {
			size_t n = strlen(got);
			snprintf(got + n, sizeof(got) - n, "%s%u", n ? " " : "", number_of(span->parent_id));
		}
		if (strcmp(got, trees[i].parents) != 0)
			fail_msg("%s: %s, not %s", trees[i].name, got, trees[i].parents);
		assert_int_equal(orphans_reparent(&o, &s.t), 0);
		spans_release(&s);
	}
	orphans_release(&o);
}

enum { RANDOM_SPANS = 60 };

/* Random parents, cycles and unknown ones included, against a walk of at most as many steps as there are spans. */
static void random_trees_agree(void **state UNUSED)
{
	unsigned seed = (unsigned)clock();
	struct orphans o;
	print_message("seed %u\n", seed);
	srandom(seed);
	orphans_init(&o);
	for (int round = 0; round < 300; round++) {
		char text[2000] = "";
		unsigned parent[RANDOM_SPANS + 1], n = 1 + (unsigned)random() % RANDOM_SPANS;
		bool kept[RANDOM_SPANS + 1];
		struct spans s;
		for (unsigned i = 1; i <= n; i++) {
			size_t len = strlen(text);
			parent[i] = (unsigned)random() % (n + 3);
			kept[i] = random() % 3 == 0;
			snprintf(text + len, sizeof(text) - len, "%s%u %u %c", i > 1 ? "," : "", i, parent[i],
			        kept[i] ? 'k' : 'd');
		}
		load_tree(&s, text);
		assert_true(orphans_reparent(&o, &s.t) >= 0);
		for (struct span *span = traces_first_span(&s.t); span; span = traces_next_span(&s.t, span)) {
			unsigned id = number_of(span->span_id), up = parent[id], steps = 0;
			while (up >= 1 && up <= n && !kept[up] && steps++ <= n)
				up = parent[up];
			bool lost = up > n || steps > n || up == id; /* unknown or a cycle: as it was */
			if (number_of(span->parent_id) != (lost ? parent[id] : up))
				fail_msg("%s: span %u", text, id);
		}
		spans_release(&s);
	}
	orphans_release(&o);
}

static void reparent_is_an_option(void **state UNUSED)
{
	static const char tree[] = "{'resourceSpans':[{'scopeSpans':[{'scope':{'name':'s'},'spans':["
	                           "{'traceId':'01020304050607080102030405060708','spanId':'0000000000000001','name':'"
	                           "a','attributes':[" CHAT "]},"
	                           "{'traceId':'01020304050607080102030405060708','spanId':'0000000000000002','"
	                           "parentSpanId':'0000000000000001',"
	                           "'name':'b','attributes':[" HTTP "]},"
	                           "{'traceId':'01020304050607080102030405060708','spanId':'0000000000000003','"
	                           "parentSpanId':'0000000000000002',"
	                           "'name':'c','attributes':[" CHAT "]}]}]}]}";
	static const char *const yaml[] = { "", "orphans: keep", "orphans: reparent" };
	for (size_t i = 0; i < COUNTOF(yaml); i++) {
		struct rig r;
		char *json = json_of(tree);
		rig_init(&r, &processor_gen_ai_filter, yaml[i]);
		const char *out = rig_push(&r, json);
		assert_null(strstr(out, "http.method"));
		assert_int_equal(strstr(out, "\"parentSpanId\":\"0000000000000001\"") != NULL, i == 2);
		assert_int_equal(strstr(out, "\"parentSpanId\":\"0000000000000002\"") != NULL, i != 2);
		free(json);
		rig_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_rule_drops),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(parents_are_repaired),
		cmocka_unit_test(random_trees_agree),
		cmocka_unit_test(reparent_is_an_option),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
