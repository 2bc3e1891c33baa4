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

static const struct find_row {
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
	{ "\"enprompta.prompt_id\":\"B\"", "a", "", "", -1 }, /* row 0 is told to be another; 1 or 2? */
	{ "\"enprompta.prompt_id\":\"B\"", "a", "2", "", 2 },
	{ "\"promptlayer.prompt.id\":12", "", "", "", 2 },
	{ "\"promptlayer.prompt.id\":12.0", "", "", "", 2 },
	{ "\"promptlayer.prompt.id\":12.5", "", "", "", -1 },
	{ "\"promptlayer.prompt.id\":13", "", "", "", -1 }, /* version 4 or 5? */
	{ "\"promptlayer.prompt.id\":13,\"promptlayer.prompt.version\":\"5\"", "", "", "", 5 },
	{ "\"promptlayer.prompt.id\":13,\"promptlayer.prompt.version\":6", "", "", "", -1 },
	{ "\"promptlayer.prompt.version\":4", "", "", "", -1 },
	{ "\"promptlayer.prompt.id\":true", "", "", "", -1 },
};

/* Every vendor counts its own versions. */
#define VERSIONS                                                                                                  \
	"prompts:\n"                                                                                              \
	"- {name: g, version: 2, links: {enprompta: {prompt_id: E, prompt_version_id: V2}, promptlayer: {id: 7, " \
	"version: 3}, langfuse: {name: l, version: 9}}}\n"                                                        \
	"- {name: g, version: 3, links: {enprompta: {prompt_id: E, prompt_version_id: V3}, promptlayer: {id: 7, " \
	"version: 4}, langfuse: {name: l, version: 2}}}\n"                                                        \
	"- {name: g, links: {enprompta: {prompt_id: E}}}\n"                                                       \
	"- {name: same, version: 1, links: {langfuse: {name: same, version: 8}}}\n"                               \
	"- {name: open, version: 1, links: {langfuse: {name: lo}, enprompta: {prompt_id: EO}}}\n"                 \
	"- {name: two, version: 1, links: {langfuse: {name: lt}}}\n"                                              \
	"- {name: two, version: 2, links: {langfuse: {name: lt}}}\n"                                              \
	"- {name: twice, fingerprint: f1, links: {promptlayer: {id: 20}}}\n"                                      \
	"- {name: twice, fingerprint: f2, links: {promptlayer: {id: 20}}}\n"                                      \
	"- {name: lo, version: 5, links: {promptlayer: {id: 21}}}\n"
#define LANGFUSE(n, v) "\"langfuse.observation.prompt.name\":\"" n "\",\"langfuse.observation.prompt.version\":" v
#define LAYER(n, v) "\"promptlayer.prompt.id\":" n ",\"promptlayer.prompt.version\":" v

static const struct find_row version_rows[] = {
	{ LANGFUSE("l", "9"), "l", "9", "", 0 }, { LANGFUSE("l", "2"), "l", "2", "", 1 },
	{ LANGFUSE("l", "2"), "g", "3", "", 1 }, /* the canonical name and the row's version, as after a first run */
	{ LANGFUSE("l", "2"), "g", "2", "", 1 },
	{ LANGFUSE("l", "9"), "g", "3", "", 2 }, /* they contradict each other: what holds for every version */
	{ LANGFUSE("l", "1"), "l", "1", "", -1 }, { LANGFUSE("x", "9"), "x", "9", "", -1 },
	{ LAYER("7", "3"), "", "3", "", 0 }, { LAYER("7", "\"4\""), "", "4", "", 1 },
	{ LAYER("7", "4"), "g", "3", "", 1 }, { LAYER("7", "5"), "", "5", "", -1 },
	{ LAYER("7", "4") "," LANGFUSE("l", "2"), "l", "4", "", 1 },
	{ LAYER("7", "4") "," LANGFUSE("l", "9"), "l", "4", "", -1 },
	{ LAYER("8", "3") ",\"enprompta.prompt_id\":\"EO\"", "", "3", "", 4 },
	{ "\"promptlayer.prompt.id\":7", "", "", "", -1 }, /* 2 or 3? */
	{ "\"promptlayer.prompt.id\":7", "", "2", "", 0 },
	{ "\"promptlayer.prompt.name\":\"g\",\"promptlayer.prompt.version\":4", "g", "4", "", 1 },
	{ "\"enprompta.prompt_id\":\"E\",\"enprompta.prompt_version_id\":\"V3\"", "", "", "", 1 },
	{ "\"enprompta.prompt_id\":\"E\",\"enprompta.prompt_version_id\":\"V3\"", "g", "3", "", 1 },
	{ "\"enprompta.prompt_id\":\"E\",\"enprompta.prompt_version_id\":\"V4\"", "", "", "", 2 },
	{ "\"enprompta.prompt_id\":\"E\"", "", "", "", 2 }, { "\"enprompta.prompt_id\":\"E\"", "", "2", "", 0 },
	{ "\"enprompta.prompt_id\":\"E\"", "g", "7", "", 2 }, { "\"enprompta.prompt_id\":\"EO\"", "open", "2", "", -1 },
	{ LANGFUSE("same", "8"), "same", "8", "", 3 }, { LANGFUSE("same", "1"), "same", "1", "", -1 },
	{ "", "same", "1", "", 3 }, { "", "same", "8", "", -1 }, { LANGFUSE("lo", "6"), "lo", "6", "", 4 },
	{ LANGFUSE("lo", "5"), "lo", "5", "", 4 }, /* its name at Langfuse, not row 9's own */
	{ LANGFUSE("lo", "5") ",\"promptlayer.prompt.id\":21", "lo", "5", "", 9 }, { "", "lo", "5", "", 9 },
	{ "", "two", "", "", -1 }, { "", "two", "2", "", 6 }, { "", "two", "3", "", -1 },
	{ LANGFUSE("lt", "6"), "lt", "6", "", -1 }, { LANGFUSE("lt", "2"), "lt", "2", "", 6 },
	{ "\"promptlayer.prompt.id\":20", "", "", "", 8 }, /* two rows, but one prompt */
};

static void find_rows(const char *yaml, const struct find_row *row, size_t n)
{
	struct table t;
	load(&t, yaml);
	const struct prompt_conf *first = t.conf.prompts.v;
	for (size_t i = 0; i < n; i++, row++) {
		struct spans s;
		char text[256];
		snprintf(text, sizeof(text), "[{\"attributes\":{%s}},{}]", row->attributes);
		spans_load(&s, text);
		const struct attrs *told = &spans_nth(&s, 0)->attrs, *none = &spans_nth(&s, 1)->attrs;
		struct prompt_named named = { slice_of(row->name), slice_of(row->version), slice_of(row->fingerprint) };
		struct prompt_places inner = { { told, NULL, NULL } }, outer = { { none, NULL, told } };
		const struct prompt_conf *want = row->row < 0 ? NULL : &first[row->row];
		const struct prompt_conf *is = prompt_find(&t.conf.prompts, &inner, &named);
		if (is != want)
			fail_msg("row %zu: %td", i, is ? is - first : -1);
		if (prompt_find(&t.conf.prompts, &outer, &named) != want)
			fail_msg("row %zu, on the resource", i);
		spans_release(&s);
	}
	release(&t);
}

static void finds(void **unused UNUSED)
{
	find_rows(ROWS, rows, COUNTOF(rows));
}

static void finds_versions(void **unused UNUSED)
{
	find_rows(VERSIONS, version_rows, COUNTOF(version_rows));
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
		bool adds = strcmp(added[i].before, added[i].after);
		assert_int_equal(prompt_add_links(&s.t, span, t.conf.prompts.v), adds);
		assert_false(prompt_add_links(&s.t, span, t.conf.prompts.v));
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

/* Vendors' links alone, as they are, and none over the span's own. */
static void inherits(void **unused UNUSED)
{
	struct spans s;
	spans_load(&s,
	        "[{\"attributes\":{\"langfuse.observation.prompt.name\":\"l\",\"langfuse.observation.prompt.version\":"
	        "9,"
	        "\"promptlayer.prompt.name\":\"n\",\"promptlayer.prompt.version\":[1],\"gen_ai.prompt.name\":\"l\","
	        "\"user.id\":\"u\"}},{\"attributes\":{\"langfuse.observation.prompt.version\":\"8\"}}]");
	prompt_inherit_links(&s.t, spans_nth(&s, 1), &spans_nth(&s, 0)->attrs);
	json_t *got = spans_read(&spans_nth(&s, 1)->attrs);
	json_t *want = json_pack("{s:s,s:s,s:s}", "langfuse.observation.prompt.name", "l",
	        "langfuse.observation.prompt.version", "8", "promptlayer.prompt.name", "n");
	assert_true(json_equal(got, want));
	json_decref(got);
	json_decref(want);
	spans_release(&s);
}

static void whose_version(void **unused UNUSED)
{
	struct spans s;
	spans_load(&s, "[{\"attributes\":{" LAYER("7", "4") "," LANGFUSE("l", "\"x\"") "}}]");
	struct prompt_places places = { { &spans_nth(&s, 0)->attrs } };
	assert_true(prompt_version_is_vendors(&places, SLICE("4")));
	assert_true(prompt_version_is_vendors(&places, SLICE("x")));
	assert_false(prompt_version_is_vendors(&places, SLICE("7")));
	spans_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
		cmocka_unit_test(finds_versions),
		cmocka_unit_test(adds),
		cmocka_unit_test(inherits),
		cmocka_unit_test(whose_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
