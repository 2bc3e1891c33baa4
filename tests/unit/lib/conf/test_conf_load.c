/* test_conf_load.c - what a section of YAML becomes, and every finding with its place and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/yaml.h"
#include "lib/conf/conf.h"

struct inner {
	slice name;
	uint32_t weight;
};
struct sub {
	duration wait;
	int64_t depth;
};
struct opt {
	bool enabled;
	slice cert;
	uint32_t level;
};
struct first {
	uint32_t retries;
	slice token;
};
struct demo {
	struct first first;
	bool on;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;
	double f64;
	slice text, must;
	duration timeout;
	bytes size, limit;
	int mode, tri;
	struct conf_strs strs;
	struct conf_map headers;
	struct node *any;
	struct sub sub;
	struct opt opt;
	struct conf_list list;
};

static const char *const modes[] = { "gzip", "none|", "deflate|zlib", NULL };
static const char *const tris[] = { "auto", "false", "true", NULL };

static const struct conf_field inner_fields[] = {
	CONF_STR(inner, name, NULL, "Name."),
	CONF_U32(inner, weight, "3", "Weight."),
	CONF_END,
};
static const struct conf_field sub_fields[] = {
	CONF_DURATION(sub, wait, "1s", "Wait.", .min = 0, .max = 9e9),
	CONF_I64(sub, depth, "-1", "Depth."),
	CONF_END,
};
static const struct conf_field opt_fields[] = {
	CONF_STR(opt, cert, NULL, "Certificate."),
	CONF_U32(opt, level, "1", "Level.", .min = 1, .max = 9),
	CONF_END,
};
static const struct conf_field first_fields[] = {
	CONF_U32(first, retries, "4", "Retries."),
	CONF_STR(first, token, "", "Token.", .flags = CONF_SECRET),
	CONF_END,
};
static const struct conf_field fields[] = {
	CONF_INLINE(demo, first, first, first_fields, "First.", .def = "retries=7"),
	CONF_BOOL(demo, on, "true", "On."),
	CONF_U32(demo, u32, "1", "U32.", .aliases = "old_u32 older_u32"),
	CONF_U64(demo, u64, "1", "U64.", .min = 1, .max = 9e15),
	CONF_I64(demo, i64, "1", "I64."),
	CONF_F64(demo, f64, "0.5", "F64.", .min = 0, .max = 1),
	CONF_STR(demo, text, "23", "Text."),
	CONF_STR(demo, must, NULL, "Must."),
	CONF_DURATION(demo, timeout, "30s", "Timeout.", .min = 0, .max = 3600),
	CONF_BYTES(demo, size, "20MiB", "Size.", .min = 1024, .max = 1073741824),
	CONF_BYTES(demo, limit, "5MiB", "Limit.", .flags = CONF_ZERO_DEFAULT),
	CONF_ENUM(demo, mode, "gzip", modes, "Mode."),
	CONF_ENUM(demo, tri, "auto", tris, "Tri."),
	CONF_STRS(demo, strs, "a,b", "Strs."),
	CONF_MAP(demo, headers, "Headers.", .flags = CONF_SECRET),
	CONF_NODE(demo, any, "Any."),
	CONF_GROUP(demo, sub, sub, sub_fields, "Sub.", .def = "wait=2s"),
	CONF_OPTION(demo, opt, opt, opt_fields, "Opt.", .def = "level=5"),
	CONF_LIST(demo, list, inner, inner_fields, "List."),
	CONF_REFUSED("cookies", "Weir keeps none."),
	CONF_IGNORED("buffer", "It tunes nothing here."),
	CONF_END,
};

struct rig {
	struct arena arena;
	struct findings findings;
	struct demo demo;
	char *out;
	int rc;
};

static struct pos id_pos = { "f", 1, 1 };

static void load_node(struct rig *t, struct node *n, void (*check)(const void *conf, struct conf_report *r))
{
	t->demo = (struct demo){ 0 };
	t->rc = conf_load(fields, n, SLICE("x::demo"), id_pos, &t->demo, check, &t->arena, &t->findings);
	size_t size;
	FILE *to = open_memstream(&t->out, &size);
	findings_print(&t->findings, to);
	fclose(to);
}

static void open_rig(struct rig *t)
{
	*t = (struct rig){ 0 };
	arena_init(&t->arena);
	findings_init(&t->findings);
}

static void load(struct rig *t, const char *yaml, void (*check)(const void *conf, struct conf_report *r))
{
	open_rig(t);
	struct node *n = yaml_parse(&t->arena, slice_of(yaml), "f", &t->findings);
	load_node(t, n, check);
}

static void done(struct rig *t)
{
	free(t->out);
	findings_release(&t->findings);
	arena_release(&t->arena);
}

static void test_defaults(void **state)
{
	(void)state;
	struct rig t;
	load(&t, "must: x", NULL);
	assert_string_equal(t.out, "");
	assert_int_equal(t.rc, 0);
	struct demo *d = &t.demo;
	assert_int_equal(d->first.retries, 7); /* overridden by the T_INLINE row */
	assert_true(d->on);
	assert_int_equal(d->u32, 1);
	assert_true(d->f64 == 0.5);
	assert_true(slice_is(d->text, "23")); /* a default is taken as text */
	assert_int_equal(d->timeout.ns, 30000000000);
	assert_int_equal(d->size.n, 20 << 20);
	assert_int_equal(d->mode, 0);
	assert_int_equal(d->strs.n, 2);
	assert_true(slice_is(d->strs.v[1], "b"));
	assert_int_equal(d->headers.n, 0);
	assert_null(d->any);
	assert_int_equal(d->sub.wait.ns, 2000000000);
	assert_int_equal(d->sub.depth, -1);
	assert_false(d->opt.enabled);
	assert_int_equal(d->opt.level, 5);
	assert_int_equal(d->list.n, 0);
	done(&t);
}

static const char all_yaml[] = "must: x\n"
                               "retries: 1\n"
                               "on: false\n"
                               "u32: 4294967295\n"
                               "u64: 0x1F\n"
                               "i64: -5\n"
                               "f64: 1\n"
                               "text: '0123'\n"
                               "timeout: 1m30s\n"
                               "size: 64KiB\n"
                               "limit: 0\n"
                               "mode: ZLIB\n"
                               "tri: True\n"
                               "strs: [x, y, z]\n"
                               "headers: {a: b, n: 0123, t: true, e: }\n"
                               "any: {k: [1]}\n"
                               "sub: {wait: 0, depth: 1e3}\n"
                               "opt: {cert: c}\n"
                               "list: [{name: a}, {name: b, weight: 9}]\n";

static void test_values(void **state)
{
	(void)state;
	struct rig t;
	load(&t, all_yaml, NULL);
	assert_string_equal(t.out, "");
	assert_int_equal(t.rc, 0);
	struct demo *d = &t.demo;
	assert_int_equal(d->first.retries, 1);
	assert_false(d->on);
	assert_int_equal(d->u32, UINT32_MAX);
	assert_int_equal(d->u64, 31);
	assert_int_equal(d->i64, -5);
	assert_true(d->f64 == 1);
	assert_true(slice_is(d->text, "0123"));
	assert_int_equal(d->timeout.ns, 90000000000);
	assert_int_equal(d->size.n, 65536);
	assert_int_equal(d->limit.n, 5 << 20);
	assert_int_equal(d->mode, 2);
	assert_int_equal(d->tri, 2);
	assert_int_equal(d->strs.n, 3);
	assert_int_equal(d->headers.n, 4);
	assert_true(slice_is(d->headers.v[1].key, "n") && slice_is(d->headers.v[1].value, "0123"));
	assert_true(slice_is(d->headers.v[2].value, "true"));
	assert_int_equal(d->headers.v[3].value.len, 0);
	assert_non_null(node_get(d->any, "k"));
	assert_int_equal(d->sub.wait.ns, 0);
	assert_int_equal(d->sub.depth, 1000);
	assert_true(d->opt.enabled);
	assert_int_equal(d->list.n, 2);
	const struct inner *e = d->list.v;
	assert_int_equal(e[0].weight, 3);
	assert_true(slice_is(e[1].name, "b"));
	assert_int_equal(e[1].weight, 9);
	done(&t);
}

#define E(place, text) "f:" place ": error: x::demo" text "\n"
#define W(place, text) "f:" place ": warning: x::demo" text "\n"

static const struct {
	const char *yaml, *findings;
} bad_sections[] = {
	/* keys */
	{ "must: x\ntimeuot: 1s",
	        E("2:1", ": unknown key \"timeuot\", did you mean \"timeout\"? (has invalid keys: timeuot)") },
	{ "must: x\nsub:\n  zzz: 1", E("3:3", "::sub: unknown key \"zzz\" (has invalid keys: zzz)") },
	{ "must: x\nTimeout: 1s",
	        E("2:1", ": unknown key \"Timeout\", did you mean \"timeout\"? (has invalid keys: Timeout)") },
	{ "must: x\nretrys: 1",
	        E("2:1", ": unknown key \"retrys\", did you mean \"retries\"? (has invalid keys: retrys)") },
	{ "mast: x", E("1:1", ": unknown key \"mast\", did you mean \"must\"? (has invalid keys: mast)") },
	{ "must: x\ncookies: {}",
	        E("2:1",
	                ": \"cookies\" is an option of the Collector that weir does not have: Weir keeps "
	                "none.") },
	{ "must: x\nbuffer: 1", W("2:1", ": \"buffer\" is accepted and has no effect: It tunes nothing here.") },
	{ "must: x\nolder_u32: 5", W("2:1", ": \"older_u32\" alias is deprecated; use \"u32\" instead") },
	{ "must: x\nu32: 5\nold_u32: 6", E("3:1", ": key \"old_u32\" already defined at line 2 as u32") },
	{ "must: x\nopt: {enabled: false, enabld: 1}",
	        E("2:23",
	                "::opt: unknown key \"enabld\", did you mean \"enabled\"? (has invalid keys: "
	                "enabld)") },
	/* missing */
	{ "", E("1:1", ": missing option \"must\": it is required") },
	{ "must:", E("1:1", ": missing option \"must\": it is required") },
	{ "must: x\nopt:", E("1:1", "::opt: missing option \"cert\": it is required") },
	{ "must: x\nopt: {enabled: false}", "" },
	{ "must: x\nlist:\n- weight: 1\n- name: a", E("3:3", "::list::0: missing option \"name\": it is required") },
	{ "must: x\nlist: [{}]", E("2:8", "::list::0: missing option \"name\": it is required") },
	/* types: nothing is converted */
	{ "must: 23",
	        E("1:7",
	                ": 'must' expected type 'string', got unconvertible type 'int' (\"23\"): put it in "
	                "quotes") },
	{ "must: true",
	        E("1:7",
	                ": 'must' expected type 'string', got unconvertible type 'bool' (\"true\"): put it in "
	                "quotes") },
	{ "must: [a]", E("1:7", ": 'must' expected type 'string', got unconvertible type 'list' (a list)") },
	{ "must: x\non: 'true'",
	        E("2:5",
	                ": 'on' expected type 'bool', got unconvertible type 'string' (\"true\"): write true "
	                "or false, without quotes") },
	{ "must: x\non: yes",
	        E("2:5",
	                ": 'on' expected type 'bool', got unconvertible type 'string' (\"yes\"): write true or "
	                "false, without quotes") },
	{ "must: x\non: 1",
	        E("2:5",
	                ": 'on' expected type 'bool', got unconvertible type 'int' (\"1\"): write true or "
	                "false, without quotes") },
	{ "must: x\nu32: '5'",
	        E("2:6",
	                ": 'u32' expected type 'int', got unconvertible type 'string' (\"5\"): write a whole "
	                "number, without quotes") },
	{ "must: x\nu32: 1.5", E("2:6", ": 'u32' expected type 'int', got unconvertible type 'float64' (\"1.5\")") },
	{ "must: x\nf64: a",
	        E("2:6",
	                ": 'f64' expected type 'float64', got unconvertible type 'string' (\"a\"): write a "
	                "number, without quotes") },
	{ "must: x\nsub: 5", E("2:6", ": 'sub' expected a map, got 'int'") },
	{ "must: x\nopt: yes", E("2:6", ": 'opt' expected a map, got 'string'") },
	{ "must: x\nlist: {a: b}", E("2:7", ": 'list' expected a list, got 'map'") },
	{ "must: x\nlist: [a]", E("2:8", ": 'list::0' expected a map, got 'string'") },
	{ "must: x\nstrs: [a, 5]",
	        E("2:11",
	                ": 'strs' expected type 'string', got unconvertible type 'int' (\"5\"): put it in "
	                "quotes") },
	{ "must: x\nheaders: {a: [sk-1]}",
	        E("2:14", ": 'a' expected type 'string', got unconvertible type 'list' (a list)") },
	{ "must: x\ntoken: 77",
	        E("2:8",
	                ": 'token' expected type 'string', got unconvertible type 'int' ([REDACTED]): put it "
	                "in quotes") },
	{ "[a]", E("1:1", ": '' expected a map, got 'list'") },
	{ "must: \"a\\0b\"", E("1:7", ": 'must' holds a NUL character") },
	/* ranges */
	{ "must: x\nu32: -1", E("2:6", ": 'u32' must be non-negative, got \"-1\"") },
	{ "must: x\nu32: 4294967296", E("2:6", ": 'u32' is too large, got \"4294967296\"") },
	{ "must: x\nu64: 0", E("2:6", ": 'u64' must be positive, got \"0\"") },
	{ "must: x\nu64: -3", E("2:6", ": 'u64' must be positive, got \"-3\"") },
	{ "must: x\nu64: 18446744073709551615", E("2:6", ": 'u64' is too large, got \"18446744073709551615\"") },
	{ "must: x\ni64: 9223372036854775808", E("2:6", ": 'i64' is too large, got \"9223372036854775808\"") },
	{ "must: x\nf64: 1.5", E("2:6", ": 'f64' must be within [0, 1], got \"1.5\"") },
	{ "must: x\ntimeout: 2h", E("2:10", ": 'timeout' must be within [0s, 1h0m0s], got \"2h\"") },
	{ "must: x\nsub: {wait: -1s}", E("2:13", "::sub: 'wait' must be non-negative, got \"-1s\"") },
	{ "must: x\nsize: 1", E("2:7", ": 'size' must be within [1KiB, 1GiB], got \"1\"") },
	/* forms */
	{ "must: x\ntimeout: 5",
	        W("2:10",
	                ": 'timeout' has no unit: 5 is taken as nanoseconds, as in the Collector; for seconds "
	                "write \"5s\"") },
	{ "must: x\ntimeout: '5'", E("2:10", ": 'timeout': time: missing unit in duration \"5\"") },
	{ "must: x\ntimeout: 5sec",
	        E("2:10",
	                ": 'timeout': time: invalid duration \"5sec\", expected one like \"200ms\", \"1m30s\" "
	                "or \"1h\"") },
	{ "must: x\ntimeout: 1.5",
	        E("2:10",
	                ": 'timeout' expected type 'time.Duration', got unconvertible type 'float64' "
	                "(\"1.5\"): write it as \"200ms\", \"1m30s\" or \"1h\"") },
	{ "must: x\nsize: 10 parsecs",
	        E("2:7",
	                ": 'size' expected a number of bytes or a size such as 64KiB, 20MiB or 1GiB, got \"10 "
	                "parsecs\"") },
	{ "must: x\nsize: '2048'",
	        E("2:7",
	                ": 'size' expected type 'int', got unconvertible type 'string' (\"2048\"): write a "
	                "number of bytes or a size such as 20MiB") },
	{ "must: x\nsize: -1", E("2:7", ": 'size' must be non-negative, got \"-1\"") },
	{ "must: x\nlimit: -1", "" },
	{ "must: x\nmode: snappy", E("2:7", ": 'mode' must be \"gzip\", \"none\" or \"deflate\", got \"snappy\"") },
	{ "must: x\nmode: defalte",
	        E("2:7",
	                ": 'mode' must be \"gzip\", \"none\" or \"deflate\", got \"defalte\", did you mean "
	                "\"deflate\"?") },
	/* null keeps the default */
	{ "must: x\ntimeout:\nlist:\nsub:\nstrs: ~\nheaders: null", "" },
};

static void test_findings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNTOF(bad_sections); i++) {
		struct rig t;
		load(&t, bad_sections[i].yaml, NULL);
		assert_string_equal(t.out, bad_sections[i].findings);
		assert_int_equal(t.rc, strstr(bad_sections[i].findings, "error") ? -1 : 0);
		done(&t);
	}
}

/* Ten mistakes are ten findings. */
static void test_all_at_once(void **state)
{
	(void)state;
	struct rig t;
	load(&t,
	        "on: 1\nu32: x\nf64: 2\ntext: 5\nmust: [\n]\ntimeout: abc\nmode: x\nsub: {wit: 1s}\nopt: {level: 10, "
	        "cert: c}\nlist: [{}]\n",
	        NULL);
	assert_int_equal(t.findings.n, 10);
	assert_int_equal(t.findings.n_errors, 10);
	done(&t);
}

static struct node *expanded(struct rig *t, const char *raw)
{
	struct node *n = yaml_parse_value(&t->arena, slice_of(raw), id_pos, NULL);
	n->expanded = true;
	n->raw = slice_of(raw);
	return n;
}

/* A value that is one whole ${..} is YAML for everything but strings, which take its text. */
static void test_expanded(void **state)
{
	(void)state;
	static const struct {
		const char *key, *raw, *findings, *text;
	} cases[] = {
		{ "must", "23", "", "23" },
		{ "must", "0123", "", "0123" },
		{ "must", "\"0123\"", "", "\"0123\"" },
		{ "must", "true", "", "true" },
		{ "must", "[a]", "", "[a]" },
		{ "must", "", "", "" },
		{ "on", "false", "", NULL },
		{ "on", "1",
		        "f:1:1: error: x::demo: 'on' expected type 'bool', got unconvertible type 'int' (\"1\"): write "
		        "true or false, without quotes\n",
		        NULL },
		{ "u32", "7", "", NULL },
		{ "u32", "\"7\"",
		        "f:1:1: error: x::demo: 'u32' expected type 'int', got unconvertible type 'string' (\"7\"): "
		        "write a whole number, without quotes\n",
		        NULL },
		{ "u32", "", "", NULL },
		{ "timeout", "3s", "", NULL },
		{ "strs", "a,b", "", NULL },
		{ "strs", "[a, b, c]", "", NULL },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct rig t;
		open_rig(&t);
		struct node *n = node_new(&t.arena, NODE_MAP, id_pos);
		node_set(&t.arena, n, SLICE("must"), id_pos, node_scalar(&t.arena, SLICE("m"), id_pos));
		node_set(&t.arena, n, slice_of(cases[i].key), id_pos, expanded(&t, cases[i].raw));
		load_node(&t, n, NULL);
		assert_string_equal(t.out, cases[i].findings);
		if (cases[i].text)
			assert_true(slice_is(t.demo.must, cases[i].text));
		done(&t);
	}
}

static void test_secrets_are_marked(void **state)
{
	(void)state;
	struct rig t;
	open_rig(&t);
	struct node *n = yaml_parse(&t.arena, SLICE("must: x\ntoken: s\nheaders: {a: b}\ntext: t"), "f", &t.findings);
	load_node(&t, n, NULL);
	assert_true(node_get(n, "token")->secret);
	assert_true(node_get(node_get(n, "headers"), "a")->secret);
	assert_false(node_get(n, "text")->secret);
	assert_false(node_get(n, "must")->secret);
	done(&t);
}

/* Headers as the newer Collector also writes them. */
static void test_pair_list(void **state)
{
	(void)state;
	struct rig t;
	load(&t, "must: x\nheaders: [{name: a, value: b}, {name: c, value: 5}]", NULL);
	assert_string_equal(t.out, "");
	assert_int_equal(t.demo.headers.n, 2);
	assert_true(slice_is(t.demo.headers.v[1].key, "c") && slice_is(t.demo.headers.v[1].value, "5"));
	done(&t);
	load(&t, "must: x\nheaders: [{name: a}]", NULL);
	assert_string_equal(t.out,
	        E("2:11",
	                ": 'headers': an element of a list is {name: .., value: ..}; or write name: value without the "
	                "dash"));
	done(&t);
}

static void check_rules(const void *conf, struct conf_report *r)
{
	const struct demo *d = conf;
	conf_clash(r, &d->u32, &d->u64, "later");
	conf_fail(r, &d->sub.wait, "wait");
	conf_fail(r, &d->f64, "f64");
	conf_warn(r, &d->text, "text");
	conf_missing(r, d, "an endpoint");
	conf_missing(r, &d->opt, "a key");
	const struct inner *e = d->list.v;
	for (size_t i = 0; i < d->list.n; i++) {
		conf_fail(r, &e[i].weight, "weight");
		conf_missing(r, &e[i], "element");
	}
	assert_int_equal(conf_is_set(r, &d->u32), slice_is(d->must, "set"));
	assert_false(conf_is_set(r, &d->i64));
}

static void test_check_places(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *findings;
	} cases[] = {
		{ "must: set\nu64: 2\nu32: 3\nsub: {wait: 1s}\nlist:\n  - name: a\n    weight: 1\n  - name: b",
		        E("1:1", ": f64") W("1:1", ": text") E("1:1", ": an endpoint") E("1:1", "::opt: a key")
		                E("3:6", ": later") E("4:13", "::sub: wait") E("6:5", "::list::0: element")
		                        E("7:13", "::list::0: weight") E("8:5", "::list::1: weight")
		                                E("8:5", "::list::1: element") },
		{ "must: x\nu64: 2",
		        E("1:1", "::sub: wait") E("1:1", ": f64") W("1:1", ": text") E("1:1", ": an endpoint")
		                E("1:1", "::opt: a key") E("2:6", ": later") },
		/* a refused value is not judged again; what is missing beside it is another mistake */
		{ "must: x\nu64: a\nf64: a\nsub: {wait: a}\ntext: 1",
		        E("1:1", ": an endpoint") E("1:1", "::opt: a key") E("2:6",
		                ": 'u64' expected type 'int', got unconvertible type 'string' (\"a\"): write a whole "
		                "number, without quotes") E("3:6",
		                ": 'f64' expected type 'float64', got unconvertible type 'string' (\"a\"): write a "
		                "number, without quotes") E("4:13",
		                "::sub: 'wait': time: invalid duration \"a\", expected one like \"200ms\", \"1m30s\" "
		                "or \"1h\"") E("5:7",
		                ": 'text' expected type 'string', got unconvertible type 'int' (\"1\"): put it in "
		                "quotes") },
		/* unless it is an option without a default that was refused: that may be what is missed */
		{ "must: 1\nsub: {wait: a}\nf64: a",
		        E("1:1", ": later") W("1:1", ": text") E("1:1", "::opt: a key") E("1:7",
		                ": 'must' expected type 'string', got unconvertible type 'int' (\"1\"): put it in "
		                "quotes") E("2:13",
		                "::sub: 'wait': time: invalid duration \"a\", expected one like \"200ms\", \"1m30s\" "
		                "or \"1h\"") E("3:6",
		                ": 'f64' expected type 'float64', got unconvertible type 'string' (\"a\"): write a "
		                "number, without quotes") },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct rig t;
		load(&t, cases[i].yaml, check_rules);
		assert_string_equal(t.out, cases[i].findings);
		done(&t);
	}
}

static void test_equal(void **state)
{
	(void)state;
	static const char *const others[] = { "retries: 2", "on: true", "u32: 1", "u64: 2", "i64: 1", "f64: 0",
		"text: a", "timeout: 1s", "size: 2KiB", "mode: gzip", "strs: [x, y]", "strs: [x, y, zz]",
		"headers: {a: c}", "any: {k: [2]}", "sub: {wait: 1s, depth: 1e3}", "opt: {cert: d}",
		"opt: {cert: c, enabled: false}", "list: [{name: a}, {name: b, weight: 8}]", "list: [{name: a}]" };
	struct rig a, b;
	load(&a, all_yaml, NULL);
	load(&b, all_yaml, NULL);
	assert_true(conf_equal(fields, &a.demo, &b.demo));
	for (size_t i = 0; i < COUNTOF(others); i++) {
		struct rig c;
		char yaml[1024] = "";
		slice key = { others[i], strcspn(others[i], ":") + 1 };
		for (const char *line = all_yaml; *line; line += strcspn(line, "\n") + 1) {
			int n = (int)strcspn(line, "\n");
			bool replaced = slice_starts((slice){ line, (size_t)n }, key);
			size_t at = strlen(yaml);
			if (!replaced)
				snprintf(yaml + at, sizeof(yaml) - at, "%.*s\n", n, line);
		}
		size_t at = strlen(yaml);
		snprintf(yaml + at, sizeof(yaml) - at, "%s\n", others[i]);
		load(&c, yaml, NULL);
		assert_string_equal(c.out, "");
		assert_false(conf_equal(fields, &a.demo, &c.demo));
		done(&c);
	}
	done(&a);
	done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_expanded),
		cmocka_unit_test(test_secrets_are_marked),
		cmocka_unit_test(test_pair_list),
		cmocka_unit_test(test_check_places),
		cmocka_unit_test(test_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
