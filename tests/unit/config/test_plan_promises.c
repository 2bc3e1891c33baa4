/* test_plan_promises.c - what a config promises and cannot keep is a finding, with its place and what to do (config/plan_promises.c). */
#include "tests/unit/config/expect.h"

#define STORE "extensions: {file_storage: {directory: /tmp}}\n"
#define SERVICE(exporters)                                                                                            \
	"service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: [" exporters "]}}}" \
	"\n"
#define STORED "sending_queue: {storage: file_storage}"
#define FAR "endpoint: 'http://far'"
#define CANNOT_KEEP "receivers::otlp: ack: durable promises what pipeline \"traces\" cannot keep: "
#define IN_MEMORY(id) CANNOT_KEEP "exporter \"" id "\" is required and its queue is in memory; give it a sending_queue"
#define NO_STORAGE CANNOT_KEEP "none of its exporters has a sending_queue::storage"
#define NOTHING \
	"receivers::otlp: ack: delivered promises nothing for pipeline \"traces\": none of its exporters is required"

struct row {
	const char *ack, *a, *b; /* otlp_http/a, otlp_http/b; NULL: not there */
	const char *findings[4];
};

static void check(const struct row *row)
{
	char yaml[1024], b[200] = "";
	if (row->b)
		snprintf(b, sizeof b, "  otlp_http/b: {" FAR "%s%s}\n", *row->b ? ", " : "", row->b);
	snprintf(yaml, sizeof yaml,
	        "receivers: {otlp: {ack: %s}}\nexporters:\n  otlp_http/a: {" FAR "%s%s}\n%s" STORE "%s", row->ack,
	        *row->a ? ", " : "", row->a, b, row->b ? SERVICE("otlp_http/a, otlp_http/b") : SERVICE("otlp_http/a"));
	plan_free(load_text(yaml, row->findings));
}

static void durable(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "durable", STORED, NULL, { NULL } },
		{ "durable", "", NULL, { "1:25: error: " NO_STORAGE } },
		{ "durable", "", "", { "1:25: error: " NO_STORAGE } },
		{ "durable", "required: true", STORED, { "1:25: error: " IN_MEMORY("otlp_http/a") } },
		{ "durable", STORED, "required: true", { "1:25: error: " IN_MEMORY("otlp_http/b") } },
		{ "durable", "required: true, " STORED, "required: true, " STORED, { NULL } },
		{ "durable", "required: true, " STORED, "required: false", { NULL } },
		{ "durable", STORED, "", { NULL } }, /* not required by default */
		{ "durable", STORED, "overflow: drop_newest", { NULL } },
		{ "'durable'", "required: true", STORED, { "1:25: error: " IN_MEMORY("otlp_http/a") } },
		/* who asks for nothing has what there is */
		{ "auto", "required: true", STORED, { NULL } },
		{ "queued", "required: true", STORED, { NULL } },
		{ "delivered", "required: true", STORED, { NULL } },
		/* a faulty exporter has its own finding, and no second one */
		{ "durable", "required: perhaps", STORED, { "3:51: error: 'required' must be" } },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		check(&rows[i]);
}

/* Alone in one of its pipelines is not alone; each pipeline is looked at. */
static void durable_in_each_pipeline(void **state UNUSED)
{
	static const char *const both[] = { "1:25: error: pipeline \"logs\" cannot keep: exporter \"otlp_http/a\"",
		"1:25: error: pipeline \"traces\" cannot keep: exporter \"otlp_http/a\"", NULL };
	static const char *const none[] = { "1:25: error: pipeline \"logs\" cannot keep: none of its exporters", NULL };
	static const char *const fine[] = { NULL };
	static const char head[] = "receivers: {otlp: {ack: durable}, otlp/b: }\n" STORE
	                           "exporters: {otlp_http/a: {" FAR "%s}, otlp_http/b: {" FAR ", " STORED "}}\n"
	                           "service: {extensions: [file_storage], pipelines: {\n"
	                           "  logs: {receivers: [%s], exporters: [otlp_http/a%s]},\n"
	                           "  traces: {receivers: [otlp], exporters: [otlp_http/a, otlp_http/b]}}}\n";
	static const struct {
		const char *option, *receiver, *more;
		const char *const *findings;
	} rows[] = {
		{ ", required: true", "otlp", ", otlp_http/b", both },
		{ "", "otlp", ", otlp_http/b", fine },
		{ "", "otlp", "", none },
		{ "", "otlp/b", "", fine },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		char yaml[1024];
		snprintf(yaml, sizeof yaml, head, rows[i].option, rows[i].receiver, rows[i].more);
		plan_free(load_text(yaml, rows[i].findings));
	}
}

static void delivered(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "delivered", "", NULL, { NULL } }, /* alone, so required */
		{ "delivered", "", "", { "1:25: warning: " NOTHING } },
		{ "delivered", "required: false", NULL, { "1:25: warning: " NOTHING } },
		{ "delivered", "overflow: drop_newest", NULL, { "1:25: warning: " NOTHING } },
		{ "delivered", "overflow: drop_oldest", NULL, { NULL } },
		{ "delivered", "", "required: true", { NULL } },
		{ "delivered", STORED, STORED, { "1:25: warning: " NOTHING } },
		{ "queued", "", "", { NULL } },
		{ "delivered", "required: perhaps", "", { "3:51: error: 'required' must be" } },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		check(&rows[i]);
}

static void overflow_reject(void **state UNUSED)
{
#define NEVER "overflow: reject refuses nothing here: an exporter that is not required "
	static const struct row rows[] = {
		{ "auto", "overflow: reject", NULL, { NULL } },
		{ "auto", "overflow: reject", "", { "3:51: warning: exporters::otlp_http/a: " NEVER "(by default" } },
		{ "auto", "overflow: reject", "overflow: reject",
		        { "3:51: warning: exporters::otlp_http/a: " NEVER,
		                "4:51: warning: exporters::otlp_http/b: " NEVER } },
		{ "auto", "overflow: reject, required: true", "", { NULL } },
		{ "auto", "overflow: reject, required: false", NULL,
		        { "3:69: warning: exporters::otlp_http/a: " NEVER "(required: false)" } },
		{ "auto", "required: false, overflow: reject", NULL,
		        { "3:68: warning: exporters::otlp_http/a: " NEVER "(required: false)" } },
		{ "auto", "required: auto, overflow: reject", "", { "3:67: warning: " NEVER "(by default" } },
		{ "auto", "overflow: auto", "overflow: drop_newest", { NULL } },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		check(&rows[i]);
}

/* Each bad element of a list is told where it stands. */
static void elements_of_lists(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "auto", "retry_on_status: [\"200\", 404, \"5xx\"]", NULL,
		        { "3:59: error: takes HTTP status codes from 400 to 599, got \"200\"",
		                "3:71: error: takes HTTP status codes from 400 to 599, got \"5xx\"" } },
		{ "auto", "retry_on_status: '404, 1'", NULL, { "3:58: error: got \"1\"" } },
		{ "{}, protocols: {http: {extra_traces_url_paths: [/a, b, 'c']}}", "", NULL,
		        { "1:25: error: 'ack'", "1:77: error: a path starts with '/'",
		                "1:80: error: a path starts with '/'" } },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++)
		check(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durable),
		cmocka_unit_test(durable_in_each_pipeline),
		cmocka_unit_test(delivered),
		cmocka_unit_test(overflow_reject),
		cmocka_unit_test(elements_of_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
