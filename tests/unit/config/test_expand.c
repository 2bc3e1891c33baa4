/* ${..} in values: every rule, row by row. */
#include <unistd.h>

#include "tests/unit/config/expect.h"

#include "config/expand.h"
#include "config/yaml.h"

struct row {
	const char *value; /* behind "v: " */
	const char *text; /* expected; NULL: null */
	const char *raw; /* when the value was one whole reference */
	const char *finding;
};

static struct node *expand_text(struct arena *a, const char *value, struct findings *f)
{
	const char *yaml = arena_printf(a, "v: %s\n", value);
	struct node *root = yaml_parse(a, slice_of(yaml), "t.yaml", f);
	assert_non_null(root);
	expand_node(a, root, f);
	return node_get(root, "v");
}

static void check_row(const struct row *r)
{
	const char *const expected[] = { r->finding, NULL };
	struct arena a;
	struct findings f;
	arena_init(&a);
	findings_init(&f);
	struct node *n = expand_text(&a, r->value, &f);
	expect_findings(&f, "t.yaml", expected, r->value);
	const char *text = n->kind == NODE_SCALAR ? arena_cstr(&a, n->text) : NULL;
	if ((text == NULL) != (r->text == NULL) || (text && strcmp(text, r->text) != 0))
		fail_msg("%s: text is %s, not %s", r->value, text ? text : "null", r->text ? r->text : "null");
	if (n->expanded != (r->raw != NULL) || (r->raw && !slice_is(n->raw, r->raw)))
		fail_msg("%s: raw is %s", r->value, n->expanded ? arena_cstr(&a, n->raw) : "not kept");
	assert_int_equal(n->pos.line, 1);
	assert_int_equal(n->pos.col, 4);
	findings_release(&f);
	arena_release(&a);
}

static void set_environment(void)
{
	setenv("H", "example.com", 1);
	setenv("N", "0123", 1);
	setenv("Q", "\"0123\"", 1);
	setenv("B", "true", 1);
	setenv("EMPTY", "", 1);
	setenv("NAME_OF", "H", 1);
	setenv("AGAIN", "${env:H}", 1);
	setenv("PART", "http://${env:H}:1", 1);
	setenv("DOLLARS", "a$$b", 1);
	setenv("ESCAPED", "$${env:H}", 1);
	setenv("LOOP", "${env:LOOP}", 1);
	setenv("GROW", "${env:GROW}${env:GROW}", 1);
	setenv("NOYAML", "a: b: c", 1);
	setenv("LIST", "[1, '${env:H}']", 1);
	setenv("MAP", "{k: '$${x}', n: '${env:B}'}", 1);
	setenv("BRACKET", "[1", 1);
	unsetenv("NONE");
}

static void texts(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "plain", "plain", NULL, NULL },
		{ "${env:H}", "example.com", "example.com", NULL },
		{ "${H}", "example.com", "example.com", NULL },
		{ "'${H}'", "example.com", "example.com", NULL },
		{ "http://${env:H}:4318", "http://example.com:4318", NULL, NULL },
		{ "${H}${N}", "example.com0123", NULL, NULL },
		{ "${env:N}", "83", "0123", NULL },
		{ "${env:Q}", "0123", "\"0123\"", NULL },
		{ "${env:B}", "true", "true", NULL },
		{ "x${env:Q}", "x\"0123\"", NULL, NULL },
		{ "${env:NONE:-text}", "text", "text", NULL },
		{ "${NONE:-text}", "text", "text", NULL },
		{ "${env:NONE:-http://a:1}", "http://a:1", "http://a:1", NULL },
		{ "${env:EMPTY:-text}", NULL, "", NULL },
		{ "a${env:EMPTY:-text}b", "ab", NULL, NULL },
		{ "${env:NONE:-}", NULL, "", NULL },
		{ "${env:NONE:-${env:H}}", "example.com", "example.com", NULL },
		{ "${env:${env:NAME_OF}}", "example.com", "example.com", NULL },
		{ "${env:AGAIN}", "example.com", "example.com", NULL },
		{ "${env:PART}", "http://example.com:1", "http://example.com:1", NULL },
		{ "${env:NOYAML}", "a: b: c", "a: b: c", NULL },
		{ "${env:BRACKET}", "[1", "[1", NULL },
		{ "${yaml:5}", "5", "5", NULL },
		{ "$H", "$H", NULL, NULL },
		{ "a$", "a$", NULL, NULL },
		{ "$$", "$", NULL, NULL },
		{ "$$$$", "$$", NULL, NULL },
		{ "$${env:H}", "${env:H}", NULL, NULL },
		{ "$$${env:H}", "$example.com", NULL, NULL },
		{ "$$$${env:H}", "$${env:H}", NULL, NULL },
		{ "$1 and $$1", "$1 and $1", NULL, NULL },
		{ "${env:DOLLARS}", "a$b", "a$b", NULL },
		{ "x${env:DOLLARS}", "xa$b", NULL, NULL },
		{ "${env:ESCAPED}", "${env:H}", "${env:H}", NULL },
		{ "\"${1:x} ${a b:c}\"", "${1:x} ${a b:c}", NULL, NULL },
		{ "\"} ${env:H} }\"", "} example.com }", NULL, NULL },
		{ "\"${env:H\"", "${env:H", NULL, NULL },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		check_row(&rows[i]);
}

static void faults(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "${env:NONE}", NULL, NULL, "1:4: warning: \"NONE\" is not set" },
		{ "a${NONE}b", "ab", NULL, "1:4: warning: \"NONE\" is not set" },
		{ "${env:1x}", NULL, NULL,
		        "1:4: error: environment variable \"1x\" has invalid name: must match regex" },
		{ "${env:a-b}", NULL, NULL, "1:4: error: \"a-b\" has invalid name" },
		{ "\"${}\"", NULL, NULL, "1:4: error: \"\" has invalid name" },
		{ "${vault:x}", NULL, NULL, "1:4: error: scheme \"vault\" is not supported for uri \"vault:x\"" },
		{ "${https://x/y}", NULL, NULL, "1:4: error: weir does not fetch configs" },
		{ "${file:/nonexistent/x}", NULL, NULL, "1:4: error: cannot read \"/nonexistent/x\": No such file" },
		{ "${env:A$B}", NULL, NULL, "1:4: error: the uri \"env:A$B\" contains unsupported characters ('$')" },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		check_row(&rows[i]);
}

/* Variables that name themselves end in one error. */
static void loops(void **state UNUSED)
{
	static const char *const values[] = { "${env:LOOP}", "${env:GROW}", "x${env:GROW}" };
	static const char *const expected[] = { "1:4: error: too many recursive expansions", NULL };
	for (size_t i = 0; i < COUNTOF(values); i++) {
		struct arena a;
		struct findings f;
		arena_init(&a);
		findings_init(&f);
		(void)expand_text(&a, values[i], &f);
		expect_findings(&f, "t.yaml", expected, values[i]);
		findings_release(&f);
		arena_release(&a);
	}
}

/* Whole subtrees come out of variables, and are expanded themselves; keys never are. */
static void trees(void **state UNUSED)
{
	struct arena a;
	struct findings f;
	arena_init(&a);
	findings_init(&f);
	struct node *list = expand_text(&a, "${env:LIST}", &f);
	assert_int_equal(list->kind, NODE_LIST);
	assert_true(slice_is(list->items[1]->text, "example.com"));
	assert_true(slice_is(list->raw, "[1, 'example.com']"));
	struct node *map = expand_text(&a, "${env:MAP}", &f);
	assert_true(slice_is(node_get(map, "k")->text, "${x}"));
	assert_true(slice_is(node_get(map, "n")->text, "true"));
	struct node *keys = expand_text(&a, "{\"${env:H}\": '${env:H}'}", &f);
	assert_true(slice_is(keys->entries[0].key, "${env:H}"));
	assert_true(slice_is(keys->entries[0].value->text, "example.com"));
	assert_int_equal(f.n, 0);
	findings_release(&f);
	arena_release(&a);
}

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

/* A file is a subtree or a string without its last line break; one that includes itself ends in an error. */
static void files(void **state UNUSED)
{
	char path[] = "/tmp/weir-test-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	struct arena a;
	struct findings f;
	arena_init(&a);
	findings_init(&f);
	const char *whole = arena_printf(&a, "${file:%s}", path);
	write_file(path, "token\n");
	assert_true(slice_is(expand_text(&a, whole, &f)->raw, "token"));
	assert_true(slice_is(expand_text(&a, arena_printf(&a, "Bearer ${file:%s}", path), &f)->text, "Bearer token"));
	write_file(path, "a: {b: '${H}'}\n");
	assert_true(slice_is(node_get(node_get(expand_text(&a, whole, &f), "a"), "b")->text, "example.com"));
	assert_int_equal(f.n, 0);
	write_file(path, arena_printf(&a, "a: %s\nb: %s\n", whole, whole));
	(void)expand_text(&a, whole, &f);
	assert_int_equal(f.n, 1);
	assert_non_null(strstr(f.v[0].text, "too many recursive expansions"));
	findings_release(&f);
	arena_release(&a);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(faults),
		cmocka_unit_test(loops),
		cmocka_unit_test(trees),
		cmocka_unit_test(files),
	};
	set_environment();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
