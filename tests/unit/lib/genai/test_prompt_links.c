/* test_prompt_links.c - which row of the table a span means, and what is added (the processor's side is in test_gen_ai_link.c). */
#include "lib/genai/prompt_links.h"

#include "config/yaml.h"
#include "tests/unit/lib/genai/spans.h"

struct table_conf {
	struct conf_list prompts;
};
static const struct conf_field fields[] = {
	CONF_LIST(table_conf, prompts, prompt_conf, prompt_fields, "Rows."),
	CONF_END,
};

struct table {
	struct arena arena;
	struct findings findings;
	struct table_conf conf;
};

static void load(struct table *t, const char *yaml)
{
	*t = (struct table){ 0 };
	arena_init(&t->arena);
	findings_init(&t->findings);
	struct node *n = yaml_parse(&t->arena, slice_of(yaml), "t.yaml", &t->findings);
	struct pos pos = { "t.yaml", 1, 1 };
	assert_int_equal(conf_load(fields, n, slice_of("t"), pos, &t->conf, NULL, &t->arena, &t->findings), 0);
}

static void release(struct table *t)
{
	findings_release(&t->findings);
	arena_release(&t->arena);
}

#define ROWS                                                               \
	"prompts:\n"                                                       \
	"- {name: a, links: {enprompta: {prompt_id: A}}}\n"                \
	"- {name: a, version: 1, links: {promptlayer: {id: 11}}}\n"        \
	"- {name: a, version: 2, links: {promptlayer: {id: 12}}}\n"        \
	"- {name: b, version: 9, links: {langfuse: {name: lb}}}\n"         \
	"- {fingerprint: f, links: {promptlayer: {id: 13, version: 4}}}\n" \
	"- {links: {promptlayer: {id: 13, version: 5}}}\n"

static const struct {
	const char *attributes, *name, *version, *fingerprint;
	int row; /* -1: none */
} rows[] = {
	{ "", "", "", "", -1 },
	{ "", "a", "", "", 0 },
	{ "", "a", "1", "", 1 },
	{ "", "a", "2", "", 2 },
	{ "", "a", "3", "", 0 },
	{ "", "A", "", "", -1 },
	{ "", "b", "", "", 3 },
	{ "", "b", "8", "", -1 },
	{ "", "", "", "f", 4 },
	{ "", "", "", "g", -1 },
	{ "\"enprompta.prompt_id\":\"A\"", "", "", "", 0 },
	{ "\"enprompta.prompt_id\":\"B\"", "a", "", "", 1 }, /* row 0 is told to be another */
	{ "\"promptlayer.prompt.id\":12", "", "", "", 2 },
	{ "\"promptlayer.prompt.id\":12.0", "", "", "", 2 },
	{ "\"promptlayer.prompt.id\":12.5", "", "", "", -1 },
	{ "\"promptlayer.prompt.id\":13", "", "", "", 4 },
	{ "\"promptlayer.prompt.id\":13,\"promptlayer.prompt.version\":\"5\"", "", "", "", 5 },
	{ "\"promptlayer.prompt.id\":13,\"promptlayer.prompt.version\":6", "", "", "", -1 },
	{ "\"promptlayer.prompt.version\":4", "", "", "", -1 },
	{ "\"promptlayer.prompt.id\":true", "", "", "", -1 },
};

static void finds(void **unused UNUSED)
{
	struct table t;
	load(&t, ROWS);
	const struct prompt_conf *first = t.conf.prompts.v;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct spans s;
		char text[256];
		snprintf(text, sizeof(text), "[{\"attributes\":{%s}},{}]", rows[i].attributes);
		spans_load(&s, text);
		const struct attrs *told = &spans_nth(&s, 0)->attrs, *none = &spans_nth(&s, 1)->attrs;
		struct prompt_named named = { slice_of(rows[i].name), slice_of(rows[i].version),
			slice_of(rows[i].fingerprint) };
		struct prompt_places inner = { { told, NULL, NULL } }, outer = { { none, NULL, told } };
		const struct prompt_conf *want = rows[i].row < 0 ? NULL : &first[rows[i].row];
		if (prompt_find(&t.conf.prompts, &inner, &named) != want)
			fail_msg("row %zu", i);
		if (prompt_find(&t.conf.prompts, &outer, &named) != want)
			fail_msg("row %zu, on the resource", i);
		spans_release(&s);
	}
	release(&t);
}

static const struct {
	const char *row, *before, *after;
} added[] = {
	{ "{name: a, links: {enprompta: {prompt_id: 7, prompt_version_id: v}, promptlayer: {id: 7, version: 8, label: "
	  "9x}, langfuse: {name: l, version: 10}}}",
	        "{}",
	        "{\"enprompta.prompt_id\":\"7\",\"enprompta.prompt_version_id\":\"v\",\"promptlayer.prompt.id\":7,"
	        "\"promptlayer.prompt.version\":8,\"promptlayer.prompt.label\":\"9x\",\"langfuse.observation.prompt."
	        "name\":\"l\","
	        "\"langfuse.observation.prompt.version\":10}" },
	{ "{name: a, links: {promptlayer: {id: x7, version: v1}, langfuse: {version: '1.5'}}}", "{}",
	        "{\"promptlayer.prompt.id\":\"x7\",\"promptlayer.prompt.version\":\"v1\",\"langfuse.observation.prompt."
	        "version\":\"1.5\"}" },
	{ "{name: a, links: {enprompta: {prompt_id: 7}, promptlayer: {id: 7, label: p}}}",
	        "{\"enprompta.prompt_id\":\"mine\",\"promptlayer.prompt.name\":\"n\"}",
	        "{\"enprompta.prompt_id\":\"mine\",\"promptlayer.prompt.name\":\"n\",\"promptlayer.prompt.label\":"
	        "\"p\"}" },
	{ "{name: a}", "{\"x\":1}", "{\"x\":1}" },
};

static void adds(void **unused UNUSED)
{
	for (size_t i = 0; i < COUNTOF(added); i++) {
		struct table t;
		struct spans s;
		char yaml[512], text[256];
		snprintf(yaml, sizeof(yaml), "prompts: [%s]", added[i].row);
		snprintf(text, sizeof(text), "[{\"attributes\":%s}]", added[i].before);
		load(&t, yaml);
		spans_load(&s, text);
		struct span *span = spans_nth(&s, 0);
		prompt_add_links(&s.t, span, t.conf.prompts.v);
		json_t *got = spans_read(&span->attrs), *want = json_loads(added[i].after, 0, NULL);
		assert_non_null(want);
		if (!json_equal(got, want))
			fail_msg("row %zu: %s", i, json_dumps(got, JSON_SORT_KEYS));
		json_decref(got);
		json_decref(want);
		spans_release(&s);
		release(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
		cmocka_unit_test(adds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
