/* YAML text to nodes: shapes, places, what is refused and where. */
#include "tests/unit/config/expect.h"

#include "config/scalar.h"
#include "config/yaml.h"
#include "lib/base/strbuf.h"

/* A tree on one line: {k: v}, [a], null, "quoted", plain; with places as @LINE:COL before values and keys. */
static void show(struct strbuf *b, const struct node *n, bool places)
{
	if (places)
		strbuf_addf(b, "@%u:%u ", n->pos.line, n->pos.col);
	if (n->kind == NODE_NULL)
		strbuf_adds(b, "null");
	if (n->kind == NODE_SCALAR)
		strbuf_addf(b, n->quoted ? "\"%.*s\"" : "%.*s", SLICE_ARG(n->text));
	for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
		strbuf_adds(b, i ? ", " : "[");
		show(b, n->items[i], places);
	}
	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
		const struct node_entry *e = &n->entries[i];
		strbuf_adds(b, i ? ", " : "{");
		if (places)
			strbuf_addf(b, "@%u:%u ", e->key_pos.line, e->key_pos.col);
		strbuf_addf(b, "%.*s: ", SLICE_ARG(e->key));
		show(b, e->value, places);
	}
	if (n->kind == NODE_LIST)
		strbuf_adds(b, n->n ? "]" : "[]");
	if (n->kind == NODE_MAP)
		strbuf_adds(b, n->n ? "}" : "{}");
}

static void expect_tree(const char *yaml, const char *expected, bool places)
{
	static const char *const nothing[] = { NULL };
	struct arena a;
	struct findings f;
	struct strbuf b;
	arena_init(&a);
	findings_init(&f);
	strbuf_init(&b, 1 << 20);
	struct node *n = yaml_parse(&a, slice_of(yaml), "t.yaml", &f);
	expect_findings(&f, "t.yaml", nothing, yaml);
	assert_non_null(n);
	show(&b, n, places);
	assert_string_equal(b.p, expected);
	strbuf_release(&b);
	findings_release(&f);
	arena_release(&a);
}

static void shapes(void **state UNUSED)
{
	static const struct {
		const char *yaml, *tree;
	} rows[] = {
		{ "", "null" },
		{ "# only a comment\n", "null" },
		{ "---\n", "null" },
		{ "a: 1\nb: [x, 'y', \"z\"]\nc:\n", "{a: 1, b: [x, \"y\", \"z\"], c: null}" },
		{ "a: {}\nb: []\n", "{a: {}, b: []}" },
		{ "a: |\n  two\n  lines\n", "{a: \"two\nlines\n\"}" },
		{ "a: ~\nb: null\nc: Null\nd: 'null'\n", "{a: null, b: null, c: null, d: \"null\"}" },
		{ "a: True\nb: FALSE\nc: yes\nd: off\n", "{a: true, b: false, c: yes, d: off}" },
		{ "a: 0x1F\nb: 0o17\nc: 017\nd: 1_000\ne: +5\nf: -0b101\n",
		        "{a: 31, b: 15, c: 15, d: 1000, e: 5, f: -5}" },
		{ "a: 1.5e3\nb: .inf\nc: 089\nd: 1.2.3\n", "{a: 1.5e3, b: .inf, c: 089, d: 1.2.3}" },
		{ "a: 2024-01-02\nb: 12:30\n", "{a: 2024-01-02, b: 12:30}" },
		{ "a: !!str 5\nb: !!int 7\nc: !!float 3\nd: ! x\n", "{a: \"5\", b: 7, c: 3, d: \"x\"}" },
		{ "a: &x {p: 1}\nb: *x\n", "{a: {p: 1}, b: {p: 1}}" },
		{ "a: &k key\n*k : 1\n", "{a: key, key: 1}" },
		{ "d: &d {x: 1, y: 2}\ne:\n  <<: *d\n  y: 3\n", "{d: {x: 1, y: 2}, e: {y: 3, x: 1}}" },
		{ "e:\n  <<: [{x: 1}, {x: 2, y: 2}]\n  z: 3\n", "{e: {z: 3, x: 1, y: 2}}" },
		{ "e: {'<<': {x: 1}}\n", "{e: {<<: {x: 1}}}" },
		{ "\xEF\xBB\xBF"
		  "a: 1\n",
		        "{a: 1}" },
		{ "a: 18446744073709551616\nb: 9223372036854775808\n",
		        "{a: 18446744073709551616, b: 9223372036854775808}" },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		expect_tree(rows[i].yaml, rows[i].tree, false);
}

/* Columns count characters, also after a byte order mark. */
static void places(void **state UNUSED)
{
	expect_tree("a: 1\nb:\n  - x\n  - {äöü: ü, k: v}\n",
	        "@1:1 {@1:1 a: @1:4 1, @2:1 b: @3:3 [@3:5 x, @4:5 {@4:6 äöü: @4:11 ü, @4:14 k: @4:17 v}]}", true);
	expect_tree("\xEF\xBB\xBF"
	            "a: 1\r\nb: 2\r\n",
	        "@1:1 {@1:1 a: @1:4 1, @2:1 b: @2:4 2}", true);
}

static void faults(void **state UNUSED)
{
	static const struct {
		const char *yaml;
		const char *findings[4];
	} rows[] = {
		{ "a: [1, 2\nb: 3\n", { "2:2: error: not YAML: did not find expected" } },
		{ "a: 1\n b: 2\n", { "2:3: error: not YAML: mapping values are not allowed" } },
		{ "a:\n\tb: 1\n", { "2:1: error: indented by spaces, not by tabs" } },
		{ "ä:\n\tb: 1\n", { "2:1: error: indented by spaces, not by tabs" } },
		{ "a: 'x\n",
		        { "2:1: error: found unexpected end of stream, while scanning a quoted scalar that began at "
		          "line 1" } },
		{ "ä: \xFF\n", { "1:4: error: not YAML: invalid" } },
		{ "a: \x01\n", { "1:4: error: not YAML: control characters are not allowed" } },
		{ "a: 1\nb: 2\na: 3\n", { "3:1: error: the key \"a\" is given twice, first at line 1" } },
		{ "x: {a: 1, a: 2, a: 3}\n", { "1:11: error: twice", "1:17: error: twice, first at line 1" } },
		{ "a: 1\n---\nb: 2\n", { "2:1: error: a second YAML document" } },
		{ "a: *nowhere\n", { "1:4: error: unknown anchor \"nowhere\"" } },
		{ "a: &a [*a]\n", { "1:8: error: unknown anchor \"a\"" } },
		{ "a: !mine 5\n", { "1:4: error: the tag \"!mine\" is not supported" } },
		{ "a: !!binary aGk=\n", { "1:4: error: is not supported" } },
		{ "a: !!int x\n", { "1:4: error: does not fit its tag" } },
		{ "a: !!set {x}\n", { "1:4: error: is not supported" } },
		{ "{[a]: 1}\n", { "1:2: error: a key must be text" } },
		{ "a: {<<: 5}\n", { "1:9: error: the merge key << needs a map" } },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct arena a;
		struct findings f;
		arena_init(&a);
		findings_init(&f);
		(void)!yaml_parse(&a, slice_of(rows[i].yaml), "t.yaml", &f);
		expect_findings(&f, "t.yaml", rows[i].findings, rows[i].yaml);
		findings_release(&f);
		arena_release(&a);
	}
}

static void expect_fault(slice yaml, const char *finding)
{
	const char *const expected[] = { finding, NULL };
	struct arena a;
	struct findings f;
	arena_init(&a);
	findings_init(&f);
	assert_null(yaml_parse(&a, yaml, "t.yaml", &f));
	expect_findings(&f, "t.yaml", expected, "generated text");
	findings_release(&f);
	arena_release(&a);
}

/* What would take libyaml or us minutes is refused at once. */
static void bounds(void **state UNUSED)
{
	static char brackets[200000];
	memset(brackets, '[', sizeof(brackets));
	expect_fault((slice){ brackets, sizeof(brackets) }, "1:65: error: nested deeper than 64 levels");

	static char large[YAML_MAX_BYTES + 1];
	memset(large, ' ', sizeof(large));
	expect_fault((slice){ large, sizeof(large) }, "1:1: error: larger than 1048576 bytes");

	expect_fault(SLICE("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
	                   "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
	                   "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"),
	        "6:8: error: the aliases expand to more than 100000 nodes");
}

/* Many keys are no reason for quadratic time, and the last one is still checked. */
static void many_keys(void **state UNUSED)
{
	struct strbuf b;
	strbuf_init(&b, YAML_MAX_BYTES);
	for (unsigned i = 0; i < 90000; i++)
		strbuf_addf(&b, "k%u: 1\n", i);
	strbuf_adds(&b, "k0: 2\n");
	assert_false(b.failed);
	static const char *const expected[] = { "90001:1: error: the key \"k0\" is given twice, first at line 1",
		NULL };
	struct arena a;
	struct findings f;
	arena_init(&a);
	findings_init(&f);
	struct node *n = yaml_parse(&a, strbuf_slice(&b), "t.yaml", &f);
	assert_int_equal(n->n, 90000);
	expect_findings(&f, "t.yaml", expected, "90000 keys");
	findings_release(&f);
	arena_release(&a);
	strbuf_release(&b);
}

static void values(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	struct pos at = { "x", 3, 7 };
	struct node *n = yaml_parse_value(&a, SLICE("[1, {a: b}]"), at, NULL);
	assert_non_null(n);
	assert_int_equal(n->items[1]->entries[0].value->pos.line, 3);
	assert_int_equal(n->items[1]->entries[0].value->pos.col, 7);
	assert_null(yaml_parse_value(&a, SLICE("[1"), at, NULL));
	assert_null(yaml_parse_value(&a, SLICE("{a: 1, a: 2}"), at, NULL));
	assert_int_equal(yaml_parse_value(&a, (slice){ 0 }, at, NULL)->kind, NODE_NULL);
	arena_release(&a);
}

static void scalars(void **state UNUSED)
{
	static const struct {
		const char *text;
		enum scalar_type type;
	} rows[] = {
		{ "", SCALAR_NULL },
		{ "~", SCALAR_NULL },
		{ "nULL", SCALAR_TEXT },
		{ "true", SCALAR_BOOL },
		{ "tRUE", SCALAR_TEXT },
		{ "on", SCALAR_TEXT },
		{ "0", SCALAR_INT },
		{ "-1", SCALAR_INT },
		{ "-", SCALAR_TEXT },
		{ "0x", SCALAR_TEXT },
		{ "0xFg", SCALAR_TEXT },
		{ "0o8", SCALAR_TEXT },
		{ "08", SCALAR_FLOAT },
		{ "1__0", SCALAR_INT },
		{ "_1", SCALAR_TEXT },
		{ "1_", SCALAR_TEXT },
		{ "18446744073709551615", SCALAR_INT },
		{ "18446744073709551616", SCALAR_FLOAT },
		{ "-9223372036854775808", SCALAR_INT },
		{ "-9223372036854775809", SCALAR_FLOAT },
		{ "1.", SCALAR_FLOAT },
		{ "1e5", SCALAR_FLOAT },
		{ ".nan", SCALAR_FLOAT },
		{ "nan", SCALAR_TEXT },
		{ "inf", SCALAR_TEXT },
		{ "1s", SCALAR_TEXT },
		{ "1.2.3", SCALAR_TEXT },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		if (scalar_type(slice_of(rows[i].text)) != rows[i].type)
			fail_msg("\"%s\" is taken as %d", rows[i].text, (int)scalar_type(slice_of(rows[i].text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes),
		cmocka_unit_test(places),
		cmocka_unit_test(faults),
		cmocka_unit_test(bounds),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(values),
		cmocka_unit_test(scalars),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
