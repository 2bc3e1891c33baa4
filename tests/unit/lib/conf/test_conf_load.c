/* test_conf_load.c - what a section of YAML becomes, and every finding with its place and words. */
#include <setjmp.h>
#include <stdarg.h>

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
			       "u64: 18446744073709551615\n"
			       "i64: -5\n"
			       "f64: 1\n"
			       "text: '0123'\n"
			       "timeout: 1m30s\n"
			       "size: 64KiB\n"
			       "limit: 0\n"
			       "mode: ZLIB\n"
			       "tri: True\n"
			       "strs: [x, y, z]\n"
			       "headers: {a: b, n: 0123, t: true, e:}\n"
			       "any: {k: [1]}\n"
			       "sub: {wait: 0, depth: 1e3}\n"
			       "opt: {cert: c}\n"
			       "list: [{name: a}, {name: b, weight: 9}]\n";

static void test_values(void **state)
{
	(void)state;
	struct rig t;
	load(&t, all_yaml, NULL);
	assert_string_equal(t.out, "f:5:6: error: x::demo: 'u64' must be positive, got \"18446744073709551615\"\n" + 88 * 0);
	done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
