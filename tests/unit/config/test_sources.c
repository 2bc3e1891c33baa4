/* Where configs come from, how they merge, and what print-config makes of them. */
#include <unistd.h>

#include "tests/unit/config/expect.h"

#include "config/merge.h"
#include "config/sources.h"
#include "config/yaml.h"
#include "lib/base/strbuf.h"

/* The merged tree as YAML; "" when there is none. */
static char *merged(const char *const *configs, const char *const *sets, struct findings *f)
{
	struct plan p = { 0 };
	struct plan_sources src = { .configs = configs, .sets = sets };
	while (configs[src.n_configs])
		src.n_configs++;
	while (sets[src.n_sets])
		src.n_sets++;
	arena_init(&p.arena);
	p.root = sources_load(&p.arena, &src, f);
	struct strbuf b;
	strbuf_init(&b, 1 << 16);
	if (p.root)
		assert_int_equal(plan_print(&p, false, &b), 0);
	char *text = strdup(b.p ? b.p : "");
	strbuf_release(&b);
	arena_release(&p.arena);
	return text;
}

struct row {
	const char *configs[4], *sets[4];
	const char *yaml;
	const char *findings[4]; /* of file `file` */
	const char *file;
};

static void check_row(const struct row *r)
{
	struct findings f;
	findings_init(&f);
	char *text = merged(r->configs, r->sets, &f);
	expect_findings(&f, r->file ? r->file : "?", r->findings, r->configs[0]);
	assert_string_equal(text, r->yaml);
	free(text);
	findings_release(&f);
}

static void merging(void **state UNUSED)
{
	static const struct row rows[] = {
		{ .configs = { "yaml:a: {b: 1, c: 2}", "yaml:a: {c: 3, d: 4}" },
		        .yaml = "a:\n  b: 1\n  c: 3\n  d: 4\n" },
		{ .configs = { "yaml:a: [1, 2]", "yaml:a: [3]" }, .yaml = "a:\n- 3\n" },
		{ .configs = { "yaml:a: {b: 1}", "yaml:a:" }, .yaml = "a: null\n" },
		{ .configs = { "yaml:a:", "yaml:a: {b: 1}" }, .yaml = "a:\n  b: 1\n" },
		{ .configs = { "yaml:a: {b: 1}", "yaml:a: x" }, .yaml = "a: x\n" },
		{ .configs = { "yaml:a: '1'", "yaml:b: 'x'" }, .yaml = "a: \"1\"\nb: \"x\"\n" },
		{ .configs = { "yaml:exporters::debug::verbosity: detailed" },
		        .yaml = "exporters:\n  debug:\n    verbosity: detailed\n" },
		{ .configs = { "yaml:{a::b: 1, a: {c: {d::e: 2}}}" },
		        .yaml = "a:\n  b: 1\n  c:\n    d:\n      e: 2\n" },
		{ .configs = { "yaml:{'::1': 1, 'a::': 2, l: [{x::y: 1}]}" },
		        .yaml = "::1: 1\n'a::': 2\nl:\n- x::y: 1\n" },
		{ .configs = { "yaml:a: {b: 1}" },
		        .sets = { "a.b=2", "a.c=[x]" },
		        .yaml = "a:\n  b: 2\n  c:\n  - x\n" },
		{ .configs = { "yaml:a: {b: 1}" }, .sets = { "a::x.y=2" }, .yaml = "a:\n  b: 1\n  x.y: 2\n" },
		{ .configs = { "yaml:a: 1" }, .sets = { "b=", "c=x=y" }, .yaml = "a: 1\nb: null\nc: x=y\n" },
		{ .configs = { "env:WEIR_TEST_CONFIG" }, .yaml = "a: 1\n" },
	};
	setenv("WEIR_TEST_CONFIG", "a: 1\n", 1);
	for (size_t i = 0; i < COUNTOF(rows); i++)
		check_row(&rows[i]);
}

static void faults(void **state UNUSED)
{
	static const struct row rows[] = {
		{ .configs = { "yaml:" },
		        .yaml = "",
		        .file = "yaml:",
		        .findings = { "1:1: error: empty configuration file" } },
		{ .configs = { "yaml:# x" },
		        .yaml = "",
		        .file = "yaml:",
		        .findings = { "1:1: error: empty configuration" } },
		{ .configs = { "yaml:[a]" },
		        .yaml = "",
		        .file = "yaml:",
		        .findings = { "1:1: error: is a map of sections" } },
		{ .configs = { "yaml:a: [" }, .yaml = "", .file = "yaml:", .findings = { "1:5: error: not YAML" } },
		{ .configs = { "/nonexistent/f" },
		        .yaml = "",
		        .file = "/nonexistent/f",
		        .findings = { "1:1: error: cannot read the configuration file: No such file" } },
		{ .configs = { "file:/nonexistent/f" },
		        .yaml = "",
		        .file = "file:/nonexistent/f",
		        .findings = { "1:1: error: No such file" } },
		{ .configs = { "/dev/zero" },
		        .yaml = "",
		        .file = "/dev/zero",
		        .findings = { "1:1: error: larger than 1 MiB" } },
		{ .configs = { "/tmp" }, .yaml = "", .file = "/tmp", .findings = { "1:1: error: Is a directory" } },
		{ .configs = { "env:WEIR_NOT_SET" },
		        .yaml = "",
		        .file = "env:WEIR_NOT_SET",
		        .findings = { "1:1: error: is not set" } },
		{ .configs = { "https://x/c.yaml" },
		        .yaml = "",
		        .file = "https://x/c.yaml",
		        .findings = { "1:1: error: weir does not fetch configs over the network" } },
		{ .configs = { "s3:x" }, .yaml = "", .file = "s3:x", .findings = { "1:1: error: unsupported scheme" } },
		{ .configs = { "yaml:a: 1" },
		        .sets = { "a.b", "=1", "ab=[" },
		        .yaml = "",
		        .file = "--set",
		        .findings = { "1:1: error: missing equal sign", "2:1: error: missing key",
		                "3:4: error: not YAML" } },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		check_row(&rows[i]);
}

/* Findings come in the order of the command line, whatever the order in which they were found. */
static void order(void **state UNUSED)
{
	const char *const configs[] = { "/nonexistent/z", "yaml:a: [", "/nonexistent/a" };
	const char *const sets[] = { "x" };
	struct plan_sources src = { configs, 3, sets, 1 };
	struct findings f;
	findings_init(&f);
	assert_null(plan_load(&src, &f));
	char *text = printed(&f);
	const char *z = strstr(text, "/nonexistent/z:"), *y = strstr(text, "yaml::1:5:"),
	           *a = strstr(text, "/nonexistent/a:");
	const char *s = strstr(text, "--set:1:1: error:");
	assert_true(z && y && a && s && z < y && y < a && a < s);
	free(text);
	findings_release(&f);
}

static void from_stdin(void **state UNUSED)
{
	int pipe_fds[2], saved = dup(STDIN_FILENO);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], "a: 1\nb: [\n", 10), 10);
	close(pipe_fds[1]);
	dup2(pipe_fds[0], STDIN_FILENO);
	close(pipe_fds[0]);
	check_row(&(struct row){
	        .configs = { "-" }, .yaml = "", .file = "<stdin>", .findings = { "3:1: error: not YAML" } });
	dup2(saved, STDIN_FILENO);
	close(saved);
}

/* Printing what was read and reading it again gives the same tree. */
static void print_round_trip(void **state UNUSED)
{
	static const char yaml[] =
	        "a: {n: 5, s: \"5\", t: 'true', e: '', z: , m: {}, l: [[], [1, {x: \"y\\nz\\u00e4\"}]]}\n"
	        "\"#k\": 'a: b'\n\"\": \"\\u0001\"\nlong: " /* longer than any line width */
	        "aaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccccccccc ddddd\n";
	struct plan p = { 0 };
	struct findings f;
	struct strbuf b;
	arena_init(&p.arena);
	findings_init(&f);
	strbuf_init(&b, 1 << 16);
	p.root = yaml_parse(&p.arena, slice_of(yaml), "t.yaml", &f);
	assert_non_null(p.root);
	assert_int_equal(plan_print(&p, false, &b), 0);
	struct node *again = yaml_parse(&p.arena, strbuf_slice(&b), "again", &f);
	assert_int_equal(f.n, 0);
	assert_true(node_equal(p.root, again));
	node_get(node_get(p.root, "a"), "l")->secret = true;
	strbuf_clear(&b);
	assert_int_equal(plan_print(&p, false, &b), 0);
	assert_non_null(strstr(b.p, "l: \"[REDACTED]\"\n"));
	strbuf_clear(&b);
	assert_int_equal(plan_print(&p, true, &b), 0);
	assert_null(strstr(b.p, "REDACTED"));
	strbuf_release(&b);
	findings_release(&f);
	arena_release(&p.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merging),
		cmocka_unit_test(faults),
		cmocka_unit_test(order),
		cmocka_unit_test(from_stdin),
		cmocka_unit_test(print_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
