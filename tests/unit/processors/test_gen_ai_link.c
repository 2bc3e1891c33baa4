/* test_gen_ai_link.c - session, user, environment, project and prompt links of every vendor, inheritance, headers (the table of prompts: test_gen_ai_link_prompts.c). */
#include "tests/unit/processors/gen_ai.h"

#include "lib/otlp/edit.h"

extern const struct component processor_gen_ai_link;

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

#define SESSION(s) "\"gen_ai.conversation.id\":\"" s "\",\"session.id\":\"" s "\""
#define ENV "\"deployment.environment.name\""
#define SPAN(a) "{\"attributes\":{" a "}}"
#define RESOURCE(r, a) "{\"resource\":{" r "},\"attributes\":{" a "}}"

/* Vendors' keys, each of which works on the span and on the resource. */
static const struct key {
	const char *key, *scope, *canonical;
} keys[] = {
	{ "gen_ai.conversation.id", "", "gen_ai.conversation.id" },
	{ "gen_ai.conversation.id", "", "session.id" },
	{ "session.id", "", "gen_ai.conversation.id" },
	{ "session.id", "", "session.id" },
	{ "enprompta.session_id", "", "session.id" },
	{ "langfuse.session.id", "", "session.id" },
	{ "respan.threads.thread_identifier", "", "session.id" },
	{ "respan.metadata.session_id", "", "session.id" },
	{ "promptlayer.metadata.session_id", "", "session.id" },
	{ "ingate.session_id", "", "session.id" },
	{ "langsmith.metadata.session_id", "", "gen_ai.conversation.id" },
	{ "langsmith.metadata.thread_id", "", "session.id" },
	{ "traceloop.association.properties.session_id", "", "session.id" },
	{ "traceloop.association.properties.conversation_id", "", "session.id" },
	{ "ai.telemetry.metadata.sessionId", "", "session.id" },
	{ "ai.telemetry.metadata.chatId", "", "session.id" },
	{ "gcp.vertex.agent.session_id", "", "session.id" },
	{ "session_id", "com.anthropic.claude_code", "session.id" },
	{ "user.id", "", "user.id" },
	{ "enduser.id", "", "user.id" },
	{ "enprompta.user_id", "", "user.id" },
	{ "langfuse.user.id", "", "user.id" },
	{ "respan.customer_params.customer_identifier", "", "user.id" },
	{ "promptlayer.metadata.user_id", "", "user.id" },
	{ "traceloop.association.properties.user_id", "", "user.id" },
	{ "ai.telemetry.metadata.userId", "", "user.id" },
	{ "langsmith.metadata.user_id", "", "user.id" },
	{ "gen_ai.request.user", "", "user.id" },
	{ "llm.user", "", "user.id" },
	{ "deployment.environment.name", "", "deployment.environment.name" },
	{ "deployment.environment", "", "deployment.environment.name" },
	{ "enprompta.environment", "", "deployment.environment.name" },
	{ "langfuse.environment", "", "deployment.environment.name" },
	{ "respan.environment", "", "deployment.environment.name" },
	{ "ingate.environment", "", "deployment.environment.name" },
	{ "promptlayer.metadata.environment", "", "deployment.environment.name" },
	{ "traceloop.association.properties.environment", "", "deployment.environment.name" },
	{ "enprompta.project_id", "", "weir.project" },
	{ "ingate.project_id", "", "weir.project" },
	{ "langsmith.trace.session_name", "", "weir.project" },
	{ "langfuse.project.id", "", "weir.project" },
	{ "openinference.project.name", "", "weir.project" },
	{ "service.name", "", "weir.project" },
	{ "weir.project", "", "weir.project" },
	{ "gen_ai.prompt.name", "", "gen_ai.prompt.name" },
	{ "llm.prompt_template.name", "", "gen_ai.prompt.name" },
	{ "traceloop.prompt.key", "", "gen_ai.prompt.name" },
	{ "promptlayer.prompt.name", "", "gen_ai.prompt.name" },
	{ "langfuse.observation.prompt.name", "", "gen_ai.prompt.name" },
	{ "gen_ai.prompt.version", "", "gen_ai.prompt.version" },
	{ "llm.prompt_template.version", "", "gen_ai.prompt.version" },
	{ "traceloop.prompt.version", "", "gen_ai.prompt.version" },
	{ "promptlayer.prompt.version", "", "gen_ai.prompt.version" },
	{ "langfuse.observation.prompt.version", "", "gen_ai.prompt.version" },
	{ "enprompta.prompt_id", "", "weir.prompt.id" },
	{ "promptlayer.prompt.id", "", "weir.prompt.id" },
	{ "enprompta.prompt_version_id", "", "weir.prompt.version_id" },
	{ "promptlayer.prompt.label", "", "weir.prompt.label" },
};

static void every_key(void **unused UNUSED)
{
	static const char *const places[][2] = {
		{ "\"attributes\":{\"", "\":\"v1\"}}" },
		{ "\"resource\":{\"", "\":\"v1\"}}" },
		{ "\"scope_attributes\":{\"", "\":\"v1\"}}" },
		{ "\"resource\":{\"user.id\":\"v2\",\"session.id\":\"v2\",\"deployment.environment.name\":\"v2\","
		  "\"weir.project\":\"v2\",\"gen_ai.prompt.version\":\"v2\",\"weir.prompt.version_id\":\"v2\","
		  "\"weir.prompt.label\":\"v2\"},\"attributes\":{\"",
		        "\":\"v1\"}}" },
	};
	struct rig r;
	rig_init(&r, &processor_gen_ai_link, "");
	for (size_t i = 0; i < COUNTOF(keys); i++)
		for (size_t k = 0; k < COUNTOF(places); k++) {
			char span[512], want[128];
			if (k == 3 && !strcmp(keys[i].key, "service.name"))
				continue;
			print_message("%s %zu\n", keys[i].key, k);
			snprintf(span, sizeof(span), "{\"scope\":\"%s\",%s%s%s", keys[i].scope, places[k][0],
			        keys[i].key, places[k][1]);
			snprintf(want, sizeof(want), "{\"%s\":\"v1\"}", keys[i].canonical);
			gen_ai_expect(&r, span, want);
		}
	rig_release(&r);
}

static const struct row place_rows[] = {
	{ "nothing said, nothing written", "", SPAN(""),
	        "{\"session.id\":null,\"user.id\":null," ENV
	        ":null,\"weir.project\":null,\"weir.prompt.fingerprint\":null}" },
	{ "conversation and session differ: both stay", "",
	        SPAN("\"gen_ai.conversation.id\":\"c\",\"session.id\":\"s\""),
	        "{\"gen_ai.conversation.id\":\"c\",\"session.id\":\"s\"}" },
	{ "the span's vendor key beats the resource's session", "",
	        RESOURCE("\"session.id\":\"r\"", "\"enprompta.session_id\":\"s\""), "{" SESSION("s") "}" },
	{ "an empty one is none", "",
	        RESOURCE("\"session.id\":\"r\",\"user.id\":\"u\"", "\"session.id\":\"\",\"user.id\":\"None\""),
	        "{" SESSION("r") ",\"user.id\":\"u\"}" },
	{ "a withheld one is none", "", RESOURCE("\"user.id\":\"u\"", "\"langfuse.user.id\":\"[REDACTED]\""),
	        "{\"user.id\":\"u\"}" },
	{ "ids are strings", "", SPAN("\"user.id\":42,\"session.id\":7.0,\"gen_ai.prompt.version\":3"),
	        "{\"user.id\":\"42\"," SESSION("7") ",\"gen_ai.prompt.version\":\"3\"}" },
	{ "canonical beats vendors", "", SPAN("\"langfuse.user.id\":\"v\",\"user.id\":\"u\""),
	        "{\"user.id\":\"u\",\"langfuse.user.id\":\"v\"}" },
	{ "scope between span and resource", "",
	        "{\"resource\":{\"user.id\":\"r\"},\"scope_attributes\":{\"user.id\":\"s\"},\"attributes\":{}}",
	        "{\"user.id\":\"s\"}" },
	{ "no inheritance", "resource_inheritance: false",
	        "{\"resource\":{\"user.id\":\"r\",\"service.name\":\"x\",\"deployment.environment.name\":\"e\"},"
	        "\"scope_attributes\":{\"session.id\":\"s\"},\"attributes\":{\"langfuse.environment\":\"l\"}}",
	        "{\"user.id\":null,\"session.id\":null,\"weir.project\":null," ENV ":\"l\"}" },
	{ "service.name is the last resort", "",
	        RESOURCE("\"service.name\":\"svc\",\"openinference.project.name\":\"p\"", "\"service.name\":\"svc\""),
	        "{\"weir.project\":\"p\"}" },
	{ "service.name", "", RESOURCE("\"service.name\":\"svc\"", ""), "{\"weir.project\":\"svc\"}" },
	{ "environment of the old resource attribute before vendors'", "",
	        RESOURCE("\"deployment.environment\":\"o\",\"langfuse.environment\":\"l\"", ""), "{" ENV ":\"o\"}" },
	{ "but the span's vendor key before both", "",
	        RESOURCE("\"deployment.environment.name\":\"n\",\"deployment.environment\":\"o\"",
	                "\"langfuse.environment\":\"l\""),
	        "{" ENV ":\"l\"}" },
	{ "default environment", "default_environment: production", SPAN(""), "{" ENV ":\"production\"}" },
	{ "default environment, empty attribute", "default_environment: production",
	        SPAN("\"deployment.environment.name\":\"\""), "{" ENV ":\"production\"}" },
	{ "default environment, not needed", "default_environment: production",
	        RESOURCE("\"enprompta.environment\":\"dev\"", ""), "{" ENV ":\"dev\"}" },
	{ "default environment, not inherited", "{default_environment: production, resource_inheritance: false}",
	        RESOURCE("\"enprompta.environment\":\"dev\"", ""), "{" ENV ":\"production\"}" },
	{ "a prompt's facts are not mixed", "",
	        RESOURCE("\"enprompta.prompt_id\":\"P1\",\"enprompta.prompt_version_id\":\"V1\"",
	                "\"enprompta.prompt_id\":\"P2\""),
	        "{\"weir.prompt.id\":\"P2\",\"weir.prompt.version_id\":null}" },
	{ "a version of the resource's prompt", "",
	        RESOURCE("\"enprompta.prompt_id\":\"P1\",\"enprompta.prompt_version_id\":\"V1\"",
	                "\"enprompta.prompt_version_id\":\"V2\""),
	        "{\"weir.prompt.id\":\"P1\",\"weir.prompt.version_id\":\"V2\"}" },
};

static void places(void **unused UNUSED)
{
	check_rows(place_rows, COUNTOF(place_rows));
}

#define SYSTEM "\"gen_ai.system_instructions\":\"[{\\\"type\\\":\\\"text\\\",\\\"content\\\":\\\"Be brief.\\\"}]\""
#define TOOLS "\"gen_ai.tool.definitions\":\"[{\\\"name\\\":\\\"f\\\"}]\""
#define LLM "\"weir.span.kind\":\"llm\""
#define PRINT(p) "{\"weir.prompt.fingerprint\":" p "}"

/* echo "Be brief." | sha256sum | head -c 32; printf 'Be brief.\n\0[{"name":"f"}]' | .. */
#define BRIEF "\"96fb1c7f068c5ce63e2b45fc4aea602d\""
#define BRIEF_TOOLS "\"ce347f0a9b2c8169bcf31d73ff23b57a\""

static const struct row print_rows[] = {
	{ "instructions", "", SPAN(LLM "," SYSTEM), PRINT(BRIEF) },
	{ "instructions and tools", "", SPAN(LLM "," SYSTEM "," TOOLS), PRINT(BRIEF_TOOLS) },
	{ "a system message", "",
	        SPAN(LLM ",\"gen_ai.input.messages\":\"[{\\\"role\\\":\\\"system\\\",\\\"parts\\\":[{\\\"type\\\":"
	                 "\\\"text\\\",\\\"content\\\":\\\"Be "
	                 "brief.\\\"}]},{\\\"role\\\":\\\"user\\\",\\\"parts\\\":[]}]\""),
	        PRINT(BRIEF) },
	{ "plain text", "", SPAN(LLM ",\"gen_ai.system_instructions\":\"Be brief.\""), PRINT(BRIEF) },
	{ "no instructions", "",
	        SPAN(LLM ",\"gen_ai.input.messages\":\"[{\\\"role\\\":\\\"user\\\",\\\"parts\\\":[]}]\""),
	        PRINT("null") },
	{ "withheld", "", SPAN(LLM ",\"gen_ai.system_instructions\":\"[REDACTED]\""), PRINT("null") },
	{ "a prompt is named", "", SPAN(LLM "," SYSTEM ",\"gen_ai.prompt.name\":\"p\""), PRINT("null") },
	{ "a prompt has an id", "", SPAN(LLM "," SYSTEM ",\"enprompta.prompt_id\":\"p\""), PRINT("null") },
	{ "a prompt is named on the resource", "", RESOURCE("\"gen_ai.prompt.name\":\"p\"", LLM "," SYSTEM),
	        PRINT("null") },
	{ "agents have none", "", SPAN("\"weir.span.kind\":\"agent\"," SYSTEM), PRINT("null") },
};

static void fingerprints(void **unused UNUSED)
{
	check_rows(print_rows, COUNTOF(print_rows));
}

static const struct client_pair sent[] = { { { "x-user", 6 }, { "u1", 2 } }, { { "x-user", 6 }, { "u2", 2 } },
	{ { "x-bad", 5 }, { "a\xFFz", 3 } }, { { "x-empty", 7 }, { "", 0 } } };
static const struct client client = { .metadata = sent, .n_metadata = COUNTOF(sent) };

static void headers(void **unused UNUSED)
{
	static const char options[] =
	        "metadata_from_headers: {X-User: user.id, x-bad: bad, x-empty: empty, x-none: none}";
	struct rig r;
	rig_init(&r, &processor_gen_ai_link, options);
	gen_ai_expect(&r, SPAN(""), "{\"user.id\":null,\"bad\":null}");
	r.client = &client;
	gen_ai_expect(&r, SPAN(""), "{\"user.id\":\"u1\",\"bad\":\"a\xEF\xBF\xBDz\",\"empty\":null,\"none\":null}");
	gen_ai_expect(&r, SPAN("\"user.id\":\"mine\",\"bad\":1"), "{\"user.id\":\"mine\",\"bad\":1}");
	r.client = NULL;
	rig_release(&r);
}

/* What headers say is read as what spans say, but last. */
static void headers_link(void **unused UNUSED)
{
	static const struct client_pair pairs[] = { { { "x-s", 3 }, { "h", 1 } }, { { "x-none", 6 }, { "None", 4 } },
		{ { "x-p", 3 }, { "E", 1 } }, { { "x-env", 5 }, { "staging", 7 } } };
	static const struct client sender = { .metadata = pairs, .n_metadata = COUNTOF(pairs) };
	static const struct row rows[] = {
		{ "a session", "metadata_from_headers: {x-s: session.id}", SPAN(""), "{" SESSION("h") "}" },
		{ "a conversation", "metadata_from_headers: {x-s: gen_ai.conversation.id}", SPAN(""),
		        "{" SESSION("h") "}" },
		{ "a vendor's session", "metadata_from_headers: {x-s: langfuse.session.id}", SPAN(""),
		        "{" SESSION("h") ",\"langfuse.session.id\":\"h\"}" },
		{ "of a normalised span", "metadata_from_headers: {x-s: langfuse.session.id}",
		        SPAN("\"weir.convention\":\"otel\""), "{" SESSION("h") "}" },
		{ "the span's own", "metadata_from_headers: {x-s: session.id}",
		        SPAN("\"gen_ai.conversation.id\":\"c\""), "{" SESSION("c") "}" },
		{ "the resource's", "metadata_from_headers: {x-s: session.id}", RESOURCE("\"session.id\":\"r\"", ""),
		        "{" SESSION("r") "}" },
		{ "not inherited", "{metadata_from_headers: {x-s: session.id}, resource_inheritance: false}",
		        RESOURCE("\"session.id\":\"r\"", ""), "{" SESSION("h") "}" },
		{ "an empty attribute is none", "metadata_from_headers: {x-s: user.id}", SPAN("\"user.id\":\"\""),
		        "{\"user.id\":\"h\"}" },
		{ "words for nothing", "metadata_from_headers: {x-none: user.id}", SPAN(""), "{\"user.id\":null}" },
		{ "a project before the service", "metadata_from_headers: {x-s: weir.project}",
		        RESOURCE("\"service.name\":\"svc\"", ""), "{\"weir.project\":\"h\"}" },
		{ "an environment before the default",
		        "{metadata_from_headers: {x-env: deployment.environment.name}, default_environment: "
		        "production}",
		        SPAN(""), "{" ENV ":\"staging\"}" },
		{ "a prompt",
		        "{metadata_from_headers: {x-p: enprompta.prompt_id}, "
		        "prompts: [{name: p, links: {enprompta: {prompt_id: E}, promptlayer: {id: 5}}}]}",
		        SPAN(""),
		        "{\"gen_ai.prompt.name\":\"p\",\"weir.prompt.id\":\"E\",\"promptlayer.prompt.id\":5}" },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct rig r;
		struct spans s, again;
		print_message("%s\n", rows[i].name);
		rig_init(&r, &processor_gen_ai_link, rows[i].options);
		r.client = &sender;
		gen_ai_expect(&r, rows[i].span, rows[i].want);
		gen_ai_load(&s, rows[i].span);
		gen_ai_push(&r, &s);
		spans_scan(&again, traces_encode(&s.t, NULL));
		r.client = NULL;
		gen_ai_push(&r, &again);
		assert_false(again.t.dirty);
		spans_release(&again);
		spans_release(&s);
		rig_release(&r);
	}
}

static void refusals(void **unused UNUSED)
{
	static const struct {
		const char *yaml, *place, *text;
	} rows[] = {
		{ "prompts: [{version: 1}]", "1:12", "a prompt needs a name" },
		{ "prompts: [{links: {promptlayer: {version: 1, label: x}, langfuse: {version: 3}}}]", "1:12",
		        "a prompt needs a name" },
		{ "prompts: [{name: a, links: {promptly: {id: 1}}}]", "1:29", "promptly" },
		{ "metadata_from_headers: {x-a: }", "1:24", "metadata_from_headers" },
		{ "metadata_from_headers: {'': b}", "1:24", "metadata_from_headers" },
		{ "resource_inheritance: maybe", "1:23", "resource_inheritance" },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		rig_refuses(&processor_gen_ai_link, rows[i].yaml, rows[i].place, rows[i].text);
}

/* A large value that many spans share stays where it is; one of the span's own is linked. */
static void large_values(void **unused UNUSED)
{
	enum { LARGE = 1 << 20 };
	struct rig r;
	char *text = malloc(LARGE + 100), *id = malloc(LARGE + 1);
	rig_init(&r, &processor_gen_ai_link, "");
	memset(id, 'i', LARGE);
	id[LARGE] = 0;
	snprintf(text, LARGE + 100, "{\"resource\":{\"user.id\":\"%s\"},\"attributes\":{}}", id);
	gen_ai_expect(&r, text, "{\"user.id\":null}");
	id[1024] = 0;
	snprintf(text, LARGE + 100, "{\"resource\":{\"user.id\":\"%s\"},\"attributes\":{}}", id);
	json_t *out = gen_ai_run(&r, text);
	assert_string_equal(json_string_value(json_object_get(out, "user.id")), id);
	json_decref(out);
	id[1024] = 'i';
	snprintf(text, LARGE + 100, "{\"attributes\":{\"langfuse.user.id\":\"%s\"}}", id);
	out = gen_ai_run(&r, text);
	assert_string_equal(json_string_value(json_object_get(out, "user.id")), id);
	json_decref(out);
	rig_release(&r);
	free(text);
	free(id);
}

/* Two resources and scopes in one request: nothing of one is seen in the other. */
static void neighbours(void **unused UNUSED)
{
#define STR(k, v) "{\"key\":\"" k "\",\"value\":{\"stringValue\":\"" v "\"}}"
#define IDS "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\""
	struct rig r;
	rig_init(&r, &processor_gen_ai_link, "");
	rig_expect(&r,
	        "{\"resourceSpans\":["
	        "{\"resource\":{\"attributes\":[" STR("user.id",
	                "a") "]},\"scopeSpans\":["
	                     "{\"scope\":{\"attributes\":[" STR("session.id",
	                             "s") "]},\"spans\":[{" IDS "}]},"
	                                  "{\"scope\":{\"name\":\"promptkit-telemetry\"},\"spans\":[{" IDS "},{" IDS
	                                  ",\"attributes\":[" STR("user.id", "own") "]}]}]},"
	                                                                            "{\"resource\":{},\"scopeSpans\":[{"
	                                                                            "\"scope\":{},\"spans\":[{" IDS
	                                                                            "}]}]}]}",
	        "{\"resourceSpans\":["
	        "{\"resource\":{\"attributes\":[" STR("user.id",
	                "a") "]},\"scopeSpans\":["
	                     "{\"scope\":{\"attributes\":[" STR("session.id",
	                             "s") "]},\"spans\":[{" IDS ",\"attributes\":[" STR("gen_ai.conversation.id",
	                             "s") "," STR("session.id", "s") "," STR("user.id",
	                             "a") "]}]},"
	                                  "{\"scope\":{\"name\":\"promptkit-telemetry\"},\"spans\":[{" IDS
	                                  ",\"attributes\":[" STR("user.id",
	                                          "a") "]},"
	                                               "{" IDS ",\"attributes\":[" STR("user.id",
	                                                       "own") "]}]}]},"
	                                                              "{\"resource\":{},\"scopeSpans\":[{\"scope\":{},"
	                                                              "\"spans\":[{" IDS "}]}]}]}");
	rig_release(&r);
}

/* Spans of one request, each with its own resource: members as in gen_ai.h and spans.h, and "filtered", "want". */
static const struct {
	const char *name, *options, *spans;
} inherited[] = {
	{ "from the parent, from above it, and below a filtered one", "",
	        "[{'id':1,'attributes':{'session.id':'s','user.id':'u','deployment.environment.name':'e','weir.project'"
	        ":'p'}},"
	        "{'id':2,'parent':1,'filtered':true,'attributes':{'http.method':'GET'}},"
	        "{'id':3,'parent':2,'want':{'session.id':'s','gen_ai.conversation.id':'s','user.id':'u',"
	        "'deployment.environment.name':'e','weir.project':'p'}}]" },
	{ "children first", "",
	        "[{'id':3,'parent':2,'want':{'user.id':'u'}},{'id':2,'parent':1,'want':{'user.id':'u'}},"
	        "{'id':1,'attributes':{'user.id':'u'}}]" },
	{ "a filtered ancestor's vendor keys", "",
	        "[{'id':1,'scope':'x','filtered':true,'attributes':{'langfuse.session.id':'s','langfuse.user.id':'u'}},"
	        "{'id':2,'parent':1,'want':{'session.id':'s','user.id':'u','langfuse.user.id':null}}]" },
	{ "the nearest one", "",
	        "[{'id':1,'attributes':{'user.id':'far'}},{'id':2,'parent':1,'attributes':{'user.id':'near'}},"
	        "{'id':3,'parent':2,'want':{'user.id':'near'}}]" },
	{ "its own before an ancestor's", "",
	        "[{'id':1,'attributes':{'user.id':'far','session.id':'far'}},"
	        "{'id':2,'parent':1,'attributes':{'enduser.id':'own','gen_ai.conversation.id':'own'},"
	        "'want':{'user.id':'own','session.id':'own','gen_ai.conversation.id':'own'}}]" },
	{ "an ancestor's before the resource's and the scope's", "",
	        "[{'id':1,'attributes':{'user.id':'u','session.id':'s','deployment.environment.name':'e'}},"
	        "{'id':2,'parent':1,'resource':{'user.id':'r','session.id':'r','deployment.environment':'r'},"
	        "'scope_attributes':{'user.id':'c'},'want':{'user.id':'u','session.id':'s','deployment.environment."
	        "name':'e'}}]" },
	{ "the own resource's before an ancestor's resource's, and that before nothing", "",
	        "[{'id':1,'resource':{'user.id':'r1','session.id':'r1','service.name':'one'},'want':{'user.id':'r1'}},"
	        "{'id':2,'parent':1,'resource':{'user.id':'r2','service.name':'two'},"
	        "'want':{'user.id':'r2','session.id':'r1','weir.project':'two'}},"
	        "{'id':3,'parent':2,'want':{'user.id':'r2','session.id':'r1'}}]" },
	{ "a service's name is that of the span's service alone", "",
	        "[{'id':1,'resource':{'service.name':'one'},'want':{'weir.project':'one'}},"
	        "{'id':2,'parent':1,'attributes':{'service.name':'two'},'want':{'weir.project':'two'}},"
	        "{'id':3,'parent':2,'want':{'weir.project':'two'}},"
	        "{'id':4,'parent':3,'attributes':{'service.name':'four'},'want':{'weir.project':'four'}},"
	        "{'id':5,'parent':3,'attributes':{'service.name':'five','weir.project':'p'},'want':{'weir.project':'p'}"
	        "},"
	        "{'id':6,'parent':5,'attributes':{'service.name':'six'},'want':{'weir.project':'p'}},"
	        "{'id':7,'parent':3,'attributes':{'service.name':'seven','weir.project':'seven','weir.convention':'"
	        "none'},"
	        "'want':{'weir.project':'seven'}}]" },
	{ "another trace is another matter", "",
	        "[{'id':1,'attributes':{'user.id':'u'}},{'id':2,'parent':1,'trace':2,'want':{'user.id':null}}]" },
	{ "siblings and parents inherit nothing", "",
	        "[{'id':1,'want':{'user.id':null}},{'id':2,'parent':1,'attributes':{'user.id':'u'}},"
	        "{'id':3,'parent':1,'want':{'user.id':null}}]" },
	{ "conversation and session are one", "",
	        "[{'id':1,'attributes':{'session.id':'s','gen_ai.conversation.id':'c'}},"
	        "{'id':2,'parent':1,'want':{'session.id':'s','gen_ai.conversation.id':'c'}},"
	        "{'id':3,'parent':2,'attributes':{'session.id':'t'},'want':{'session.id':'t','gen_ai.conversation.id':'"
	        "t'}},"
	        "{'id':4,'parent':3,'want':{'session.id':'t','gen_ai.conversation.id':'t'}}]" },
	{ "names of workflow and agent", "",
	        "[{'id':1,'attributes':{'gen_ai.workflow.name':'w','weir.span.kind':'workflow'}},"
	        "{'id':2,'parent':1,'attributes':{'gen_ai.agent.name':'a','weir.span.kind':'agent'},'want':{'gen_ai."
	        "workflow.name':'w'}},"
	        "{'id':3,'parent':2,'attributes':{'weir.span.kind':'llm'},'want':{'gen_ai.workflow.name':'w','gen_ai."
	        "agent.name':'a'}},"
	        "{'id':4,'parent':2,'attributes':{'weir.span.kind':'agent'},'want':{'gen_ai.workflow.name':'w','gen_ai."
	        "agent.name':null}},"
	        "{'id':5,'parent':4,'attributes':{'weir.span.kind':'llm'},'want':{'gen_ai.workflow.name':'w','gen_ai."
	        "agent.name':null}},"
	        "{'id':6,'parent':1,'attributes':{'weir.span.kind':'workflow'},'want':{'gen_ai.workflow.name':null}}"
	        "]" },
	{ "an agent's name on the resource is nobody's", "",
	        "[{'id':1,'resource':{'gen_ai.agent.name':'a'},'want':{'gen_ai.agent.name':null}}]" },
	{ "usage, cost, messages and tags stay", "",
	        "[{'id':1,'attributes':{'user.id':'u','gen_ai.usage.input_tokens':5,'llm.cost.total':1.0,'weir.tags':['"
	        "t'],"
	        "'gen_ai.input.messages':'[]'}},{'id':2,'parent':1,'want':{'user.id':'u','gen_ai.usage.input_tokens':"
	        "null,"
	        "'llm.cost.total':null,'weir.tags':null,'gen_ai.input.messages':null}}]" },
	{ "a prompt's facts together", "",
	        "[{'id':1,'attributes':{'gen_ai.prompt.name':'far','gen_ai.prompt.version':'1','weir.prompt.label':'l'}"
	        "},"
	        "{'id':2,'parent':1,'attributes':{'gen_ai.prompt.name':'own'},"
	        "'want':{'gen_ai.prompt.name':'own','gen_ai.prompt.version':null,'weir.prompt.label':null}},"
	        "{'id':3,'parent':2,'want':{'gen_ai.prompt.name':'own','gen_ai.prompt.version':null}},"
	        "{'id':4,'parent':1,'attributes':{'gen_ai.prompt.version':'2'},"
	        "'want':{'gen_ai.prompt.name':'far','gen_ai.prompt.version':'2','weir.prompt.label':'l'}}]" },
	{ "no fingerprint below a named prompt", "",
	        "[{'id':1,'attributes':{'gen_ai.prompt.name':'p'}},{'id':2,'parent':1,'attributes':{'weir.span.kind':'"
	        "llm',"
	        "'gen_ai.system_instructions':'Be "
	        "brief.'},'want':{'weir.prompt.fingerprint':null,'gen_ai.prompt.name':'p'}}]" },
	{ "the table of prompts finds an ancestor's",
	        "prompts: [{links: {enprompta: {prompt_id: E}, promptlayer: {id: 5}}}]",
	        "[{'id':1,'filtered':true,'attributes':{'enprompta.prompt_id':'E'}},"
	        "{'id':2,'parent':1,'want':{'weir.prompt.id':'E','promptlayer.prompt.id':5}}]" },
	{ "an inherited prompt is as linked as it was above",
	        "prompts: [{name: greet, version: 2, links: {langfuse: {name: greet, version: 9}, enprompta: "
	        "{prompt_id: E}}}]",
	        "[{'id':1,'attributes':{'langfuse.observation.prompt.name':'greet','langfuse.observation.prompt."
	        "version':"
	        "2}},"
	        "{'id':2,'parent':1,'want':{'enprompta.prompt_id':null,'gen_ai.prompt.version':'2','langfuse."
	        "observation.prompt.version':2}},"
	        "{'id':3,'filtered':true,'attributes':{'langfuse.observation.prompt.name':'greet','langfuse."
	        "observation."
	        "prompt.version':9}},"
	        "{'id':4,'parent':3,'want':{'enprompta.prompt_id':'E','gen_ai.prompt.version':'9'}}]" },
	{ "what the table adds is handed down",
	        "prompts: [{fingerprint: 96fb1c7f068c5ce63e2b45fc4aea602d, name: hello}]",
	        "[{'id':1,'attributes':{'weir.span.kind':'llm','gen_ai.system_instructions':'Be brief.'},"
	        "'want':{'gen_ai.prompt.name':'hello'}},{'id':2,'parent':1,'want':{'gen_ai.prompt.name':'hello'}}]" },
	{ "cycles end", "",
	        "[{'id':1,'parent':3},{'id':2,'parent':1,'attributes':{'user.id':'u'},'want':{'user.id':'u'}},"
	        "{'id':3,'parent':2,'want':{'user.id':'u'}},{'id':4,'parent':4,'attributes':{'user.id':'v'},'want':{'"
	        "user.id':'v'}}]" },
	{ "normalised and not", "",
	        "[{'id':1,'scope':'ai','attributes':{'ai.operationId':'ai.generateText','ai.telemetry.metadata.userId':"
	        "'u'}},"
	        "{'id':2,'parent':1,'attributes':{'weir.convention':'vercel','weir.span.kind':'llm'},'want':{'user.id':"
	        "'u'}}]" },
	{ "Vercel 7: the context of the agent", "",
	        "[{'id':1,'scope':'gen_ai','attributes':{'ai.settings.context.sessionId':'s','ai.settings.context."
	        "userId':'u'}},"
	        "{'id':2,'scope':'gen_ai','parent':1,'want':{'session.id':'s','user.id':'u'}}]" },
	{ "not with the option off", "resource_inheritance: false",
	        "[{'id':1,'attributes':{'user.id':'u'}},{'id':2,'parent':1,'want':{'user.id':null}}]" },
};

static char *json_quoted(const char *text)
{
	char *json = strdup(text);
	for (char *at = json; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	return json;
}

static void load_family(struct spans *s, json_t *in)
{
	json_t *span, *resources = json_array();
	size_t i;
	json_array_foreach(in, i, span) json_array_append_new(resources,
	        json_pack("{s:{s:o},s:[{s:{s:s,s:o},s:[o]}]}", "resource", "attributes",
	                spans_attributes(json_object_get(span, "resource")), "scopeSpans", "scope", "name",
	                spans_text(span, "scope"), "attributes",
	                spans_attributes(json_object_get(span, "scope_attributes")), "spans",
	                spans_span(span, (json_int_t)i + 1)));
	json_t *request = json_pack("{s:o}", "resourceSpans", resources);
	char *text = json_dumps(request, 0);
	spans_scan(s, rig_wire(TRACES, text));
	free(text);
	json_decref(request);
	for (i = 0; i < s->t.n_scopes; i++)
		if (json_object_get(json_array_get(in, i), "filtered"))
			span_filter(&s->t, s->t.scopes[i].first, 1);
}

static void expect_family(struct spans *s, json_t *in)
{
	json_t *span, *v;
	const char *key;
	size_t i;
	json_array_foreach(in, i, span)
	{
		json_t *got = spans_read(&s->t.scopes[i].first->attrs);
		json_object_foreach(json_object_get(span, "want"), key, v)
		{
			json_t *is = json_object_get(got, key);
			if (json_is_null(v) ? !is : is && json_equal(is, v))
				continue;
			char *text = json_dumps(got, JSON_SORT_KEYS);
			fail_msg("span %zu: %s of\n%s", i + 1, key, text);
		}
		json_decref(got);
	}
}

/* Filtered spans are gone the second time. */
static void ancestors(void **unused UNUSED)
{
	for (size_t i = 0; i < COUNTOF(inherited); i++) {
		struct rig r;
		struct spans s, again;
		char *text = json_quoted(inherited[i].spans);
		json_t *in = gen_ai_parse(text);
		print_message("%s\n", inherited[i].name);
		rig_init(&r, &processor_gen_ai_link, inherited[i].options);
		load_family(&s, in);
		gen_ai_push(&r, &s);
		expect_family(&s, in);
		spans_scan(&again, traces_encode(&s.t, NULL));
		gen_ai_push(&r, &again);
		assert_false(again.t.dirty);
		spans_release(&again);
		spans_release(&s);
		rig_release(&r);
		json_decref(in);
		free(text);
	}
}

/* A chain as long as a request: linear, and the last one has what the first one says. */
static void long_chain(void **unused UNUSED)
{
	enum { LENGTH = 20000 };
	struct rig r;
	struct spans s;
	rig_init(&r, &processor_gen_ai_link, "");
	spans_load(&s, "[{\"id\":1,\"attributes\":{\"user.id\":\"u\"}}]");
	struct span *first = spans_nth(&s, 0), *above = first;
	for (unsigned i = 2; i <= LENGTH; i++) {
		char id[8] = { 'c', (char)(i >> 8), (char)i };
		above = span_add(&s.t, first->scope, first->trace_id, (slice){ id, 8 }, above->span_id, SLICE("n"));
	}
	gen_ai_push(&r, &s);
	assert_true(slice_is(attrs_find(&above->attrs, SLICE("user.id"))->value.s, "u"));
	spans_release(&s);
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key),
		cmocka_unit_test(places),
		cmocka_unit_test(fingerprints),
		cmocka_unit_test(headers),
		cmocka_unit_test(headers_link),
		cmocka_unit_test(refusals),
		cmocka_unit_test(large_values),
		cmocka_unit_test(neighbours),
		cmocka_unit_test(ancestors),
		cmocka_unit_test(long_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
