/* schema.c - `weir schema`: the JSON Schema (draft 2020-12) of the whole config, from the option tables.
 *
 * For editors: it completes and marks while one types. What weir says itself (`weir validate`) is the authority: rules
 * across options and references between ids are not in the schema.
 */
#include "cmd/weir/commands.h"
#include "config/registry.h"
#include "config/service_conf.h"
#include "lib/conf/conf_doc.h"

#define OUT_MAX (4u << 20)

static const char help[] = "weir schema\n"
                           "\n"
                           "Prints the JSON Schema of the config. With the YAML language server:\n"
                           "  # yaml-language-server: $schema=config.schema.json\n";

/* "^(otlp_http|otlphttp)(/.+)?$" */
static void add_pattern(struct strbuf *out, const struct component *c)
{
	strbuf_addf(out, "\"^(%s", c->name);
	for (const char *w = c->aliases; w && *w;) {
		size_t n = strcspn(w, " ");
		strbuf_addf(out, "|%.*s", (int)n, w);
		w += n + (w[n] == ' ');
	}
	strbuf_adds(out, ")(/.+)?$\"");
}

static void add_component(struct strbuf *out, const struct component *c)
{
	add_pattern(out, c);
	strbuf_adds(out, ":{\"description\":\"");
	strbuf_add_json(out, slice_of(c->summary));
	strbuf_adds(out, "\",\"allOf\":[");
	conf_doc_schema(c->fields, out);
	strbuf_adds(out, "]}");
}

/* A key of the root: ids of components of one kind. */
static void add_section(struct strbuf *out, enum kind kind)
{
	bool first = true;
	strbuf_addf(out,
	        "\"%s\":{\"type\":[\"object\",\"string\",\"null\"],\"pattern\":\"\\\\$\\\\{\",\"patternProperties\":{",
	        kind_section(kind));
	for (const struct component *const *c = registry_all(); *c; c++) {
		if ((*c)->kind != kind)
			continue;
		strbuf_adds(out, first ? "" : ",");
		first = false;
		add_component(out, *c);
	}
	/* accepted with a warning: they do nothing in weir */
	if (kind == EXTENSION)
		strbuf_addf(out, "%s\"^(pprof|zpages)(/.+)?$\":{\"deprecated\":true}", first ? "" : ",");
	strbuf_adds(out, "},\"additionalProperties\":false},");
}

static void add_root(struct strbuf *out)
{
	strbuf_adds(out,
	        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"weir\","
	        "\"description\":\"The config of weir: the OpenTelemetry Collector's YAML.\",\"type\":\"object\","
	        "\"properties\":{");
	for (enum kind k = RECEIVER; k < CONNECTOR; k++)
		add_section(out, k);
	strbuf_adds(out, "\"service\":");
	conf_doc_schema(service_fields, out);
	/* keys may be joined: exporters::debug::verbosity */
	strbuf_adds(out, "},\"patternProperties\":{\"::\":{}},\"additionalProperties\":false}\n");
}

int cmd_schema(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return EXIT_OK;
	}
	if (argc > 1) {
		fprintf(stderr, "schema: unexpected \"%s\"; see `weir schema --help`\n", argv[1]);
		return EXIT_USAGE;
	}
	struct strbuf out;
	strbuf_init(&out, OUT_MAX);
	add_root(&out);
	bool failed = out.failed || fwrite(out.p, 1, out.len, stdout) != out.len || fflush(stdout) != 0;
	strbuf_release(&out);
	if (failed)
		fprintf(stderr, "schema: the output could not be written\n");
	return failed ? EXIT_USAGE : EXIT_OK;
}
