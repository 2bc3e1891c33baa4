/* test_gen_ai_link_prompts.c - the table of prompts in gen_ai_link: what a span of one vendor's prompt gets, with and without the
 * normaliser before it (finding the row: test_prompt_links.c).
 *
 * Every result must be the same after a second run.
 */
#include "tests/unit/processors/gen_ai.h"

extern const struct component processor_gen_ai_link, processor_gen_ai_normalizer;

struct row {
	const char *name, *options, *span, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct rig r;
		print_message("%s\n", rows[i].name);
		rig_init(&r, &processor_gen_ai_link, rows[i].options);
		gen_ai_expect(&r, rows[i].span, rows[i].want);
		rig_release(&r);
	}
}

#define SPAN(a) "{\"attributes\":{" a "}}"
#define RESOURCE(r, a) "{\"resource\":{" r "},\"attributes\":{" a "}}"

#define TABLE                                                                                                       \
	"prompts:\n"                                                                                                \
	"- {name: greet, links: {enprompta: {prompt_id: E0}}}\n"                                                    \
	"- {name: greet, version: 2, links: {enprompta: {prompt_id: E2, prompt_version_id: V2}, promptlayer: {id: " \
	"72, version: 2, label: prod}, langfuse: {name: lf-greet, version: 2}}}\n"                                  \
	"- {name: sum, version: a, fingerprint: fp1, links: {promptlayer: {id: abc, version: x}, langfuse: {name: " \
	"sum, version: 1}}}\n"                                                                                      \
	"- {fingerprint: 66a045b452102c59d840ec097d59d946, name: hello}\n"
#define GREET2                                                                                                \
	"\"enprompta.prompt_id\":\"E2\",\"enprompta.prompt_version_id\":\"V2\",\"promptlayer.prompt.id\":72," \
	"\"promptlayer.prompt.version\":2,\"promptlayer.prompt.label\":\"prod\","                             \
	"\"langfuse.observation.prompt.name\":\"lf-greet\",\"langfuse.observation.prompt.version\":2"

static const struct row prompt_rows[] = {
	{ "by name and version", TABLE, SPAN("\"gen_ai.prompt.name\":\"greet\",\"gen_ai.prompt.version\":\"2\""),
	        "{" GREET2 "}" },
	{ "by name and a number", TABLE, SPAN("\"gen_ai.prompt.name\":\"greet\",\"gen_ai.prompt.version\":2"),
	        "{" GREET2 "}" },
	{ "by name, version open", TABLE, SPAN("\"gen_ai.prompt.name\":\"greet\""),
	        "{\"enprompta.prompt_id\":\"E0\",\"gen_ai.prompt.version\":null,\"promptlayer.prompt.id\":null}" },
	{ "another version", TABLE, SPAN("\"gen_ai.prompt.name\":\"greet\",\"gen_ai.prompt.version\":\"3\""),
	        "{\"enprompta.prompt_id\":\"E0\",\"gen_ai.prompt.version\":\"3\"}" },
	{ "another name", TABLE, SPAN("\"gen_ai.prompt.name\":\"bye\""), "{\"enprompta.prompt_id\":null}" },
	{ "by Enprompta's id", TABLE, SPAN("\"enprompta.prompt_id\":\"E2\""),
	        "{" GREET2 ",\"gen_ai.prompt.name\":\"greet\",\"gen_ai.prompt.version\":\"2\"}" },
	{ "by Enprompta's version id", TABLE, SPAN("\"enprompta.prompt_version_id\":\"V2\""),
	        "{" GREET2 ",\"gen_ai.prompt.name\":\"greet\"}" },
	{ "by PromptLayer's id", TABLE, SPAN("\"promptlayer.prompt.id\":72"),
	        "{" GREET2 ",\"gen_ai.prompt.name\":\"greet\"}" },
	{ "by PromptLayer's id in a string", TABLE, SPAN("\"promptlayer.prompt.id\":\"72\""),
	        "{\"enprompta.prompt_id\":\"E2\",\"promptlayer.prompt.id\":\"72\"}" },
	{ "by Langfuse's name", TABLE, SPAN("\"langfuse.observation.prompt.name\":\"lf-greet\""),
	        "{" GREET2 ",\"gen_ai.prompt.name\":\"lf-greet\"}" },
	{ "a label or version alone is nobody's", TABLE,
	        SPAN("\"promptlayer.prompt.label\":\"prod\",\"langfuse.observation.prompt.version\":2"),
	        "{\"enprompta.prompt_id\":null}" },
	{ "a link that differs", TABLE, SPAN("\"enprompta.prompt_id\":\"E2\",\"promptlayer.prompt.id\":73"),
	        "{\"langfuse.observation.prompt.name\":null,\"promptlayer.prompt.id\":73}" },
	{ "on the resource", TABLE, RESOURCE("\"enprompta.prompt_id\":\"E2\"", ""),
	        "{\"promptlayer.prompt.id\":72,\"weir.prompt.id\":\"E2\",\"gen_ai.prompt.name\":\"greet\"}" },
	{ "not on the resource", TABLE "resource_inheritance: false", RESOURCE("\"enprompta.prompt_id\":\"E2\"", ""),
	        "{\"promptlayer.prompt.id\":null,\"gen_ai.prompt.name\":null}" },
	{ "PromptLayer takes a name or an id", TABLE,
	        SPAN("\"promptlayer.prompt.name\":\"greet\",\"promptlayer.prompt.version\":2"),
	        "{\"promptlayer.prompt.id\":null,\"promptlayer.prompt.name\":\"greet\",\"enprompta.prompt_id\":"
	        "\"E2\"}" },
	{ "a version for a span that tells none", TABLE, SPAN("\"gen_ai.prompt.name\":\"sum\""),
	        "{\"gen_ai.prompt.version\":\"a\",\"promptlayer.prompt.id\":\"abc\",\"promptlayer.prompt.version\":"
	        "\"x\","
	        "\"langfuse.observation.prompt.version\":1}" },
	{ "by fingerprint", TABLE,
	        SPAN("\"weir.span.kind\":\"llm\",\"gen_ai.system_instructions\":\"[{\\\"type\\\":\\\"text\\\","
	             "\\\"content\\\":\\\"Hello\\\"}]\""),
	        "{\"gen_ai.prompt.name\":\"hello\",\"weir.prompt.fingerprint\":\"66a045b452102c59d840ec097d59d946\"}" },
};

/* Every vendor counts its own versions. */
#define VERSIONS                                                                                                       \
	"prompts:\n"                                                                                                   \
	"- {name: greet, version: 2, links: {enprompta: {prompt_id: E1}, promptlayer: {id: 7, version: 3}, langfuse: " \
	"{name: lfg, version: 9}}}\n"                                                                                  \
	"- {name: greet, version: 3, links: {promptlayer: {id: 7, version: 2}, langfuse: {name: lfg, version: 10}}}\n" \
	"- {name: same, version: 2, links: {enprompta: {prompt_id: E2}, langfuse: {name: same, version: 9}}}\n"        \
	"- {name: first, links: {promptlayer: {id: 50}}}\n"                                                            \
	"- {version: 1, links: {promptlayer: {id: 50}, langfuse: {name: second}}}\n"
#define LANGFUSE(n, v) "\"langfuse.observation.prompt.name\":\"" n "\",\"langfuse.observation.prompt.version\":" v
#define LAYER(n, v) "\"promptlayer.prompt.id\":" n ",\"promptlayer.prompt.version\":" v
#define PROMPT(n, v) "\"gen_ai.prompt.name\":" n ",\"gen_ai.prompt.version\":" v

static const struct row version_rows[] = {
	{ "Langfuse's name and version", VERSIONS, SPAN(LANGFUSE("lfg", "9")),
	        "{" LAYER("7", "3") ",\"enprompta.prompt_id\":\"E1\"," PROMPT("\"lfg\"", "\"9\"") "}" },
	{ "another version of it", VERSIONS, SPAN(LANGFUSE("lfg", "10")),
	        "{" LAYER("7", "2") ",\"enprompta.prompt_id\":null," PROMPT("\"lfg\"", "\"10\"") "}" },
	{ "a version that the table has not", VERSIONS, SPAN(LANGFUSE("lfg", "2")),
	        "{\"promptlayer.prompt.id\":null," PROMPT("\"lfg\"", "\"2\"") "}" },
	{ "one of several", VERSIONS, SPAN("\"langfuse.observation.prompt.name\":\"lfg\""),
	        "{\"promptlayer.prompt.id\":null," PROMPT("\"lfg\"", "null") "}" },
	{ "PromptLayer's id and version: the row's name comes with its version", VERSIONS, SPAN(LAYER("7", "3")),
	        "{" LANGFUSE("lfg", "9") ",\"enprompta.prompt_id\":\"E1\"," PROMPT("\"greet\"", "\"2\"") "}" },
	{ "PromptLayer's version is another row's", VERSIONS, SPAN(LAYER("7", "2")),
	        "{" LANGFUSE("lfg", "10") "," PROMPT("\"greet\"", "\"3\"") "}" },
	{ "Enprompta's id", VERSIONS, SPAN("\"enprompta.prompt_id\":\"E1\""),
	        "{" LANGFUSE("lfg", "9") "," LAYER("7", "3") "," PROMPT("\"greet\"", "\"2\"") "}" },
	{ "name and version", VERSIONS, SPAN(PROMPT("\"greet\"", "\"3\"")),
	        "{" LANGFUSE("lfg", "10") "," LAYER("7", "2") "," PROMPT("\"greet\"", "\"3\"") "}" },
	{ "one name here and there", VERSIONS, SPAN(LANGFUSE("same", "9")),
	        "{\"enprompta.prompt_id\":\"E2\"," PROMPT("\"same\"", "\"9\"") "}" },
	{ "Langfuse's version is not the row's", VERSIONS, SPAN(LANGFUSE("same", "2")),
	        "{\"enprompta.prompt_id\":null," PROMPT("\"same\"", "\"2\"") "}" },
	{ "a name of Langfuse gets Langfuse's version",
	        "prompts: [{name: greet, version: 2, links: {promptlayer: {id: 7, version: 3}, langfuse: {name: lfg, "
	        "version: 9}}}]",
	        SPAN("\"langfuse.observation.prompt.name\":\"lfg\""), "{" PROMPT("\"lfg\"", "\"9\"") "}" },
	{ "a row's only name is Langfuse's",
	        "prompts: [{links: {promptlayer: {id: 7, version: 3}, langfuse: {name: lfg, version: 9}}}]",
	        SPAN(LAYER("7", "3")), "{" PROMPT("\"lfg\"", "\"9\"") "}" },
	{ "a version of its own stays", "prompts: [{name: greet, links: {promptlayer: {id: 7}}}]",
	        SPAN("\"promptlayer.prompt.id\":7,\"gen_ai.prompt.version\":\"5\""),
	        "{" PROMPT("\"greet\"", "\"5\"") "}" },
	{ "what one row adds may name another one", VERSIONS, SPAN(PROMPT("\"first\"", "\"1\"")),
	        "{\"promptlayer.prompt.id\":50,\"langfuse.observation.prompt.name\":\"second\"}" },
};

static void versions(void **unused UNUSED)
{
	check_rows(version_rows, COUNTOF(version_rows));
}

/* As the normaliser leaves them: it has read vendors' names and versions before. */
static void versions_normalised(void **unused UNUSED)
{
	for (size_t i = 0; i < COUNTOF(version_rows); i++) {
		const struct row *row = &version_rows[i];
		struct rig normalizer, r;
		struct spans s, again;
		print_message("%s\n", row->name);
		rig_init(&normalizer, &processor_gen_ai_normalizer, "");
		rig_init(&r, &processor_gen_ai_link, row->options);
		gen_ai_load(&s, row->span);
		gen_ai_push(&normalizer, &s);
		spans_scan(&again, traces_encode(&s.t, NULL));
		json_t *span = json_object(), *attributes = spans_read(&spans_nth(&again, 0)->attrs);
		assert_non_null(json_object_get(attributes, "weir.convention"));
		json_object_set_new(span, "attributes", attributes);
		char *text = json_dumps(span, 0);
		gen_ai_expect(&r, text, row->want);
		free(text);
		json_decref(span);
		spans_release(&again);
		spans_release(&s);
		rig_release(&r);
		rig_release(&normalizer);
	}
}

static void prompts(void **unused UNUSED)
{
	check_rows(prompt_rows, COUNTOF(prompt_rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prompts),
		cmocka_unit_test(versions),
		cmocka_unit_test(versions_normalised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
