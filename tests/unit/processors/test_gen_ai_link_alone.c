/* test_gen_ai_link_alone.c - requests whose spans have nothing to inherit from each other are linked without a look at who is whose parent.
 *
 * Random families, many of which say the same facts everywhere, go through two stages: a table of prompts, of which none is meant, makes the
 * second one follow the parents always. Both must write the same bytes.
 */
#include "tests/unit/processors/gen_ai.h"

#include <time.h>

#include "lib/otlp/edit.h"

extern const struct component processor_gen_ai_link;

static const char *const keys[] = { "user.id", "session.id", "gen_ai.conversation.id", "weir.project",
	"deployment.environment.name", "service.name", "gen_ai.agent.name", "gen_ai.workflow.name", "langfuse.user.id",
	"weir.convention", "weir.prompt.label" };
static const char *const values[] = { "a", "b", "none", "" };
static const char *const kinds[] = { "agent", "workflow", "llm" };

static const char *any(const char *const *of, size_t n)
{
	return of[(size_t)random() % n];
}

/* `usual`: the keys of most places of that sort in this request. */
static json_t *place(unsigned usual)
{
	json_t *out = json_object();
	for (size_t i = 0; i < COUNTOF(keys); i++)
		if ((usual >> i & 1) != (random() % 40 == 0))
			json_object_set_new(out, keys[i],
			        json_string(random() % 8 ? any(values, 2) : any(values, COUNTOF(values))));
	if (random() % 4 == 0)
		json_object_set_new(out, "weir.span.kind", json_string(any(kinds, COUNTOF(kinds))));
	return out;
}

static json_t *otlp_place(unsigned usual)
{
	json_t *in = place(usual), *out = spans_attributes(in);
	json_decref(in);
	return out;
}

static unsigned some_keys(void)
{
	return (unsigned)(random() & random() & ((1 << COUNTOF(keys)) - 1));
}

/* Each span has a scope of its own; two share a resource. */
static json_t *family(void)
{
	enum { SPANS = 8 };
	unsigned usual[3] = { some_keys(), random() % 2 ? 0 : some_keys(), random() % 2 ? 0 : some_keys() };
	json_t *resources = json_array();
	for (json_int_t i = 1, n = 2 + random() % SPANS; i <= n; i += 2) {
		json_t *scopes = json_array();
		for (json_int_t k = i; k < i + 2; k++) {
			json_t *span = json_pack(
			        "{s:o,s:I}", "attributes", place(usual[0]), "parent", (json_int_t)(random() % (n + 1)));
			json_array_append_new(scopes,
			        json_pack("{s:{s:s,s:o},s:[o]}", "scope", "name", random() % 9 ? "" : "langfuse-sdk",
			                "attributes", otlp_place(usual[1]), "spans", spans_span(span, k)));
			json_decref(span);
		}
		json_array_append_new(resources,
		        json_pack(
		                "{s:{s:o},s:o}", "resource", "attributes", otlp_place(usual[2]), "scopeSpans", scopes));
	}
	return json_pack("{s:o}", "resourceSpans", resources);
}

static struct buf *linked(struct rig *r, const char *text, unsigned filtered)
{
	struct spans s;
	spans_scan(&s, rig_wire(TRACES, text));
	for (unsigned i = 0; i < s.t.n_scopes; i++)
		if (filtered >> i & 1)
			span_filter(&s.t, s.t.scopes[i].first, 1);
	gen_ai_push(r, &s);
	struct buf *out = traces_encode(&s.t, NULL);
	spans_release(&s);
	return out;
}

static void same_as_with_parents(void **unused UNUSED)
{
	struct rig alone, always;
	unsigned seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	srandom(seed);
	rig_init(&alone, &processor_gen_ai_link, "");
	rig_init(&always, &processor_gen_ai_link, "prompts: [{name: of nobody}]");
	for (int round = 0; round < 4000; round++) {
		json_t *in = family();
		char *text = json_dumps(in, 0);
		unsigned filtered = random() % 2 ? 0 : (unsigned)(random() & random());
		struct buf *a = linked(&alone, text, filtered), *b = linked(&always, text, filtered);
		if (!a || !b || !slice_eq(buf_slice(a), buf_slice(b)))
			fail_msg("round %d, filtered %x: %s", round, filtered, text);
		buf_unref(a);
		buf_unref(b);
		free(text);
		json_decref(in);
	}
	rig_release(&always);
	rig_release(&alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_as_with_parents) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
