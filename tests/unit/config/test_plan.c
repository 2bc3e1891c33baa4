/* From config text to a plan: what is accepted and declared on the way, and every finding with its place. */
#include "tests/unit/config/expect.h"

#include "lib/base/log.h"
#include "lib/base/strbuf.h"

#define OUT "exporters: {otlp_http: {endpoint: 'http://localhost:1'}}\n"
#define PIPELINE "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}\n"
#define IN "receivers: {otlp: }\n"

struct row {
	const char *yaml;
	const char *findings[MAX_EXPECTED];
};

static void check_rows(const struct row *rows, size_t n, bool loads)
{
	for (size_t i = 0; i < n; i++) {
		struct plan *p = load_text(rows[i].yaml, rows[i].findings);
		if (loads != (p != NULL))
			fail_msg("%s: %s", rows[i].yaml, p ? "loads" : "does not load");
		plan_free(p);
	}
}

static void accepted(void **state UNUSED)
{
	static const struct row rows[] = {
		{ IN OUT PIPELINE, { NULL } },
		{ OUT PIPELINE, { "2:44: notice: receiver \"otlp\" is not declared under receivers" } },
		{ "service: {pipelines: {traces: {exporters: [debug]}}}\n",
		        { "1:23: notice: service::pipelines::traces: has no receivers: \"otlp\" is used",
		                "1:44: notice: exporter \"debug\" is not declared under exporters" } },
		{ IN "exporters: {otlphttp/a: {endpoint: 'http://x'}}\n"
		     "service: {pipelines: {traces/x: {receivers: otlp, exporters: otlphttp/a}}}\n",
		        { "2:13: notice: \"otlphttp\" alias is deprecated; use \"otlp_http\" instead" } },
		{ IN "exporters: {otlp_http/ a : {endpoint: 'http://x'}}\n"
		     "service: {pipelines: {logs: {receivers: [otlp], exporters: [otlphttp/a]}}}\n",
		        { NULL } },
		{ IN "extensions: {pprof: {endpoint: x}, zpages: }\n" OUT
		     "service: {extensions: [pprof, zpages], pipelines: {traces: {receivers: [otlp], exporters: "
		     "[otlp_http]}}}\n",
		        { "2:14: warning: \"pprof\" is accepted but does nothing", "2:36: warning: \"zpages\"" } },
		{ "receivers: {otlp: {protocols: {http: {endpoint: '0.0.0.0:4318'}}}}\n" OUT PIPELINE,
		        { "1:49: warning: receivers::otlp: \"0.0.0.0:4318\" listens on all interfaces without "
		          "authentication" } },
		{ "receivers: {otlp: {protocols: {http: {endpoint: ':4318'}}}}\n" OUT PIPELINE,
		        { "1:49: warning: listens on all interfaces" } },
		{ "receivers: {otlp: {protocols: {http: {endpoint: '[::]:4318'}}}}\n" OUT PIPELINE,
		        { "1:49: warning: listens on all interfaces" } },
		{ "receivers: {otlp: {protocols: {http: {endpoint: '0.0.0.0:2', tls: {cert_file: c, key_file: k, "
		  "client_ca_file: a}}}}}\n" OUT PIPELINE,
		        { NULL } },
		{ IN OUT "service: {pipelines: {traces: {receivers: [otlp, otlp], exporters: [otlp_http]}}}\n",
		        { "3:50: warning: references receiver \"otlp\" multiple times" } },
		{ IN OUT PIPELINE "processors: {batch: , batch/2: {timeout: 1s}}\n", { NULL } },
	};
	check_rows(rows, COUNTOF(rows), true);
}

static void bad_components(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "a: b\n",
		        { "1:1: error: unknown key \"a\"", "1:1: error: no exporter configuration specified in config",
		                "1:1: error: service::pipelines: service must have at least one pipeline" } },
		{ IN OUT "service: {pipelines: }\n", { "3:1: error: service must have at least one pipeline" } },
		{ IN OUT "service: {pipelines: [traces]}\n", { "3:22: error: must be a map of pipeline ids" } },
		{ "receivers: [otlp]\n" OUT PIPELINE,
		        { "1:12: error: 'receivers' must be a map", "3:44: notice: declared with its defaults" } },
		{ IN "exporters: {foo: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [foo]}}}\n",
		        { "2:13: error: 'exporters' unknown type: \"foo\" for id: \"foo\" (valid values: [" } },
		{ IN "exporters: {otlp_htp/a: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: "
		     "[otlp_htp/a]}}}\n",
		        { "2:13: error: did you mean \"otlp_http\"?" } },
		{ IN "exporters: {logging: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: "
		     "[logging]}}}\n",
		        { "2:13: error: the logging exporter has been deprecated, use the debug exporter instead" } },
		{ IN OUT PIPELINE "processors: {transform/x: {trace_statements: []}}\n",
		        { "4:14: error: the processor \"transform\" of the Collector is not part of weir" } },
		{ IN OUT PIPELINE "processors: {tail_sampling: }\n",
		        { "4:14: error: the processor \"tail_sampling\" is not built in yet" } },
		{ IN OUT "connectors: {routing: , x: }\n"
		         "service: {pipelines: {traces: {receivers: [otlp], exporters: [routing]}}}\n",
		        { "3:14: error: connectors are not part of weir (yet)",
		                "3:25: error: connectors are not part of weir" } },
		{ IN "exporters:\n  otlp_http/a: {endpoint: 'http://x'}\n  otlphttp/a: {endpoint: 'http://x'}\n"
		     "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_http/a]}}}\n",
		        { "4:3: error: duplicate name \"otlp_http/a\", first at yaml::3:3" } },
		{ IN "exporters: {'otlp_http/': {}, '/x': }\nservice: {pipelines: {traces: {receivers: [otlp], "
		     "exporters: ['/x']}}}\n",
		        { "2:13: error: in \"otlp_http/\" id: the part after / should not be empty",
		                "2:31: error: in \"/x\" id: the part before / should not be empty" } },
	};
	check_rows(rows, COUNTOF(rows), false);
}

static void bad_graphs(void **state UNUSED)
{
	static const struct row rows[] = {
		{ IN OUT "service: {pipelines: {traces: {receivers: [otlp/x], exporters: [otlp_http/y, '']}}}\n",
		        { "3:44: error: references receiver \"otlp/x\" which is not configured, did you mean \"otlp\"?",
		                "3:65: error: references exporter \"otlp_http/y\" which is not configured, did you "
		                "mean \"otlp_http\"?",
		                "3:78: error: id must not be empty" } },
		{ IN OUT "service: {extensions: [health_check], pipelines: {traces: {receivers: [otlp], exporters: "
		         "[otlp_http]}}}\n",
		        { "3:24: error: service::extensions: references extension \"health_check\" which is not "
		          "configured" } },
		{ IN OUT "service: {pipelines: {trace: {}, profiles: {}, /x: {}}}\n",
		        { "3:23: error: unknown signal \"trace\" in id \"trace\" (valid values: [logs metrics "
		          "traces]), did you mean "
		          "\"traces\"?",
		                "3:34: error: weir does not take profiles",
		                "3:48: error: the part before / should not be empty" } },
		{ IN OUT "service: {pipelines: {traces: {receivers: [otlp], exporters: []}, logs: {receivers: "
		         "[otlp]}}}\n",
		        { "3:23: error: service::pipelines::traces: must have at least one exporter",
		                "3:67: error: service::pipelines::logs: must have at least one exporter" } },
		{ IN OUT "service: {pipelines: {traces: {receivers: [otlp], exportrs: [otlp_http]}}}\n",
		        { "3:51: error: service::pipelines::traces: unknown key \"exportrs\", did you mean "
		          "\"exporters\"?" } },
		{ IN OUT "service: {pipelines: {traces: {receivers: {otlp: }, exporters: [[otlp_http]]}}}\n",
		        { "3:43: error: must be a list of ids", "3:65: error: must be an id" } },
		{ IN OUT "processors: {batch: }\nservice: {pipelines: {traces: {receivers: [otlp], processors: "
		         "[batch, batch], exporters: [otlp_http]}}}\n",
		        { "4:71: error: service::pipelines::traces: references processor \"batch\" multiple times" } },
		{ IN OUT "processors: {attributes: {actions: [{key: a, value: b, action: insert}]}}\n"
		         "service: {pipelines: {logs: {receivers: [otlp], processors: [attributes], exporters: "
		         "[otlp_http]}}}\n",
		        { "4:62: error: processor \"attributes\" cannot be used for logs: telemetry type is not "
		          "supported" } },
		{ IN OUT PIPELINE "processors: {batch/unused: {timeot: 1s}}\n",
		        { "4:29: error: processors::batch/unused: unknown key \"timeot\", did you mean "
		          "\"timeout\"?" } },
		{ "receivers: {otlp: {protocols: {http: {auth: {authenticator: basicauth/x}}}}}\n" OUT PIPELINE,
		        { "1:61: error: receivers::otlp: references extension \"basicauth/x\" which is not "
		          "configured" } },
		{ IN "receivrs: {}\n" OUT PIPELINE,
		        { "2:1: error: unknown key \"receivrs\", did you mean \"receivers\"?" } },
		{ "receivers: {otlp/x: }\nexporter: {debug/x: }\nservice: {pipelines: {traces: {receivers: [otlp/x], "
		  "exporters: "
		  "[debug/x]}}}\n",
		        { "2:1: error: unknown key \"exporter\", did you mean \"exporters\"?" } },
		{ IN "exporters: {otlp_http: {endpoint: 'http://x', sending_queue: {sizer: bytes, queue_size: "
		     "80000000}}}\n"
		     "processors: {memory_limiter: {check_interval: 1s, limit_mib: 100}}\n"
		     "service: {pipelines: {traces: {receivers: [otlp], processors: [memory_limiter], exporters: "
		     "[otlp_http]}}}\n",
		        { "2:89: error: more than 3/4 of the 83886080 bytes that memory_limiter allows" } },
	};
	check_rows(rows, COUNTOF(rows), false);
}

static void ten_mistakes(void **state UNUSED)
{
	static const struct row row = {
		"receivers:\n"
		"  otlp:\n"
		"    protocols:\n"
		"      http: {endpoint: localhost:4318, include_metadta: true}\n"
		"proccessors: {}\n"
		"processors:\n"
		"  batch: {timeout: fast}\n"
		"  filter: {}\n"
		"exporters:\n"
		"  otlp_http/a: {endpoint: \"http://ä\", timout: 5s}\n"
		"  otlp_http/b: {endpoint: \"http://b\", compression: gzipp}\n"
		"  otlp_http/none: {}\n"
		"service:\n"
		"  pipelines:\n"
		"    traces:\n"
		"      receivers: [otlp, otlp/two]\n"
		"      processors: [batch, batch]\n"
		"      exporters: [otlp_http/a, otlp_http/zzzz]\n",
		{ "4:40: error: unknown key \"include_metadta\", did you mean \"include_metadata\"?",
		        "5:1: error: unknown key \"proccessors\", did you mean \"processors\"?",
		        "7:20: error: 'timeout'",
		        "8:3: error: the processor \"filter\" of the Collector is not part of weir",
		        "10:39: error: unknown key \"timout\", did you mean \"timeout\"?",
		        "11:52: error: did you mean \"gzip\"?", "12:3: error: at least one endpoint must be specified",
		        "16:25: error: references receiver \"otlp/two\" which is not configured",
		        "17:27: error: references processor \"batch\" multiple times",
		        "18:32: error: references exporter \"otlp_http/zzzz\" which is not configured" },
	};
	check_rows(&row, 1, false);
}

/* The seed documents' configs, as printed. */
static void seeds(void **state UNUSED)
{
	static const struct row loads[] = {
		{ "exporters:\n  otlphttp/promptlayer:\n    endpoint: \"https://api.promptlayer.com\"\n    headers:\n"
		  "      X-API-Key: \"${PROMPTLAYER_API_KEY}\"\n\nservice:\n  pipelines:\n    traces:\n"
		  "      exporters: [otlphttp/promptlayer]\n",
		        { "2:3: notice: \"otlphttp\" alias is deprecated",
		                "5:18: warning: \"PROMPTLAYER_API_KEY\" is not set",
		                "9:5: notice: has no receivers" } },
		{ "# otel-collector-config.yaml\nexporters:\n  otlphttp/respan:\n    endpoint: "
		  "\"https://api.respan.ai/api\"\n"
		  "    headers:\n      Authorization: \"Bearer YOUR_RESPAN_API_KEY\"\n\nservice:\n  pipelines:\n    "
		  "traces:\n"
		  "      receivers: [otlp]\n      processors: [batch]\n      exporters: [otlphttp/respan]\n",
		        { "3:3: notice: \"otlphttp\" alias is deprecated",
		                "11:19: notice: receiver \"otlp\" is not declared",
		                "12:20: notice: processor \"batch\" is not declared" } },
	};
	static const struct row later[] = {
		{ "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: \"0.0.0.0:4318\"\n\nexporters:\n"
		  "  otlp/jaeger:\n    endpoint: \"jaeger:4317\"\n    tls:\n      insecure: true\n  otlp/tempo:\n"
		  "    endpoint: \"tempo:4317\"\n    tls:\n      insecure: true\n\nservice:\n  pipelines:\n    "
		  "traces:\n"
		  "      receivers: [otlp]\n      exporters: [otlp/jaeger, otlp/tempo]\n",
		        { "5:19: warning: listens on all interfaces",
		                "8:3: error: otlp_grpc (otlp) is not built in yet: use otlp_http",
		                "12:3: error: otlp_grpc (otlp) is not built in yet: use otlp_http" } },
	};
	unsetenv("PROMPTLAYER_API_KEY");
	check_rows(loads, COUNTOF(loads), true);
	check_rows(later, COUNTOF(later), false);
}

/* An exporter that sends to a receiver of its own config. */
static const struct {
	const char *listens, *sends;
	bool loop;
} loop_rows[] = {
	{ "localhost:4318", "http://localhost:4318", true },
	{ "localhost:4318", "http://LOCALHOST:4318/", true },
	{ "localhost:4318", "http://127.0.0.1:4318", true },
	{ "localhost:4318", "http://[::1]:4318/v1", true },
	{ "localhost:4318", "http://localhost:4319", false },
	{ "localhost:4318", "http://localhost", false },
	{ "localhost:4318", "http://127.0.0.2:4318", false },
	{ "localhost:4318", "http://localhost.example:4318", false },
	{ "localhost:4318", "http://localhost:1@gateway.example:4318", false },
	{ "localhost:4318", "http://user:password@localhost:4318?x=@b:1", true },
	{ "localhost:80", "http://localhost/v1/traces", true },
	{ "localhost:80", "https://localhost", false },
	{ "127.0.0.1:443", "https://localhost/", true },
	{ "127.0.0.1:4318", "http://127.0.0.1:04318", true },
	{ "127.0.0.1:4318", "http://127.0.0.2:4318", false },
	{ "127.0.0.1:4318", "http://[::1]:4318", false },
	{ "127.0.0.1:4318", "http://0.0.0.0:4318", true },
	{ "[::1]:4318", "http://[::1]:4318", true },
	{ "[::1]:4318", "http://localhost:4318", true },
	{ "[::1]:443", "https://[::1]", true },
	{ "10.0.0.7:4318", "http://10.0.0.7:4318", true },
	{ "10.0.0.7:4318", "http://localhost:4318", false },
	{ "10.0.0.7:4318", "http://10.0.0.70:4318", false },
	{ "gateway.example:4318", "http://Gateway.Example:4318", true },
	{ "gateway.example:4318", "http://gateway.example:4319", false },
	{ "0.0.0.0:4318", "http://localhost:4318", true },
	{ "0.0.0.0:4318", "http://127.8.8.8:4318", true },
	{ "0.0.0.0:4318", "http://127.example:4318", false },
	{ "0.0.0.0:4318", "http://gateway.example:4318", false },
	{ "0.0.0.0:4318", "http://10.0.0.7:4318", false },
	{ ":4318", "http://[::1]:4318", true },
	{ "[::]:4318", "http://127.0.0.1:4318", true },
	{ "[::]:4318", "http://[::]:4318", true },
	{ "/run/weir:4318', transport: 'unix", "http://localhost:4318", false },
};

static void loops(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(loop_rows); i++) {
		char word[512];
		snprintf(word, sizeof(word),
		        "yaml:receivers: {otlp: {protocols: {http: {endpoint: '%s'}}}}\nexporters: "
		        "{otlp_http: {endpoint: '%s'}}\n" PIPELINE,
		        loop_rows[i].listens, loop_rows[i].sends);
		const char *const configs[] = { word };
		struct plan_sources src = { .configs = configs, .n_configs = 1 };
		struct findings f;
		findings_init(&f);
		struct plan *p = plan_load(&src, &f);
		char *text = printed(&f);
		bool said = strstr(text,
		                    "yaml::2:35: error: exporters::otlp_http: 'endpoint' is where receivers::otlp "
		                    "listens (") &&
		        strstr(text, ", at yaml::1:49): what is sent there would come back");
		if (said != loop_rows[i].loop || f.n_errors != loop_rows[i].loop || strstr(text, "password"))
			fail_msg("%s to %s: %s", loop_rows[i].sends, loop_rows[i].listens, text);
		free(text);
		findings_release(&f);
		plan_free(p);
	}
}

/* Defaults count, what does not run does not, and each URL of an exporter is looked at. */
static void loops_in_all_places(void **state UNUSED)
{
#define SELF "exporters: {otlp_http: {endpoint: 'http://localhost:4318'}}\n"
	static const struct row bad[] = {
		{ IN SELF PIPELINE, { "2:35: error: receivers::otlp listens (localhost:4318, at yaml::1:13)" } },
		{ "receivers: {otlp: {protocols: {http: }}}\n" SELF PIPELINE, { "2:35: error: at yaml::1:13)" } },
		{ SELF PIPELINE,
		        { "1:35: error: receivers::otlp listens (localhost:4318, at yaml::2:44)",
		                "2:44: notice: receiver \"otlp\" is not declared" } },
		{ IN "exporters:\n  otlphttp/a: {endpoint: 'http://far', logs_endpoint: 'http://localhost:4318/x'}\n"
		     "service: {pipelines: {logs: {receivers: [otlp], exporters: [otlphttp/a]}}}\n",
		        { "3:3: notice: alias", "3:55: error: exporters::otlp_http/a: 'logs_endpoint' is where" } },
		{ "receivers: {otlp/a: {protocols: {http: {endpoint: 'localhost:1'}}}, otlp/b: {protocols: {http: "
		  "{endpoint: 'localhost:2'}}}}\n"
		  "exporters: {otlp_http: {traces_endpoint: 'http://localhost:1', metrics_endpoint: "
		  "'http://localhost:2'}}\n"
		  "service: {pipelines: {traces: {receivers: [otlp/a], exporters: [otlp_http]}, metrics: {receivers: "
		  "[otlp/b], exporters: [otlp_http]}}}\n",
		        { "2:42: error: 'traces_endpoint' is where receivers::otlp/a listens (localhost:1, at "
		          "yaml::1:51)",
		                "2:82: error: 'metrics_endpoint' is where receivers::otlp/b listens" } },
	};
	static const struct row good[] = {
		{ IN "exporters: {otlp_http: {endpoint: 'http://localhost:4318'}, nop: }\n"
		     "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n",
		        { NULL } },
		{ "receivers: {otlp: , otlp/b: {protocols: {http: {endpoint: 'localhost:1'}}}}\n" SELF
		  "service: {pipelines: {traces: {receivers: [otlp/b], exporters: [otlp_http]}}}\n",
		        { NULL } },
		{ "receivers: {otlp: , otlp/b: {protocols: {http: {endpoint: 'localhost:1'}}}}\n"
		  "exporters: {otlp_http: {endpoint: 'http://localhost:4318'}, nop: }\n"
		  "service: {pipelines: {traces: {receivers: [otlp/b], exporters: [otlp_http]}, traces/2: {receivers: "
		  "[otlp], exporters: [nop]}}}\n",
		        { NULL } }, /* a chain */
		{ IN "exporters: {otlp_http: {endpoint: 'http://localhost:4318', traces_endpoint: "
		     "'http://far'}}\n" PIPELINE,
		        { NULL } }, /* nothing goes to the first */
	};
	check_rows(bad, COUNTOF(bad), false);
	check_rows(good, COUNTOF(good), true);
}

/* Who ends up where. */
static void contents(void **state UNUSED)
{
	static const char *const findings[] = { "3:13: notice: alias", NULL };
	struct plan *p = load_text(
	        "receivers: {otlp: , otlp/b: }\nprocessors: {batch: , attributes/x: {actions: [{key: a, value: b, "
	        "action: insert}]}}\nexporters: {otlphttp/a: {endpoint: 'http://a'}, debug: , nop: }\n"
	        "extensions: {health_check: }\nservice:\n  extensions: [health_check]\n  pipelines:\n"
	        "    traces/in: {receivers: [otlp, otlp/b], processors: [attributes/x, batch], exporters: [otlphttp/a, "
	        "debug]}\n    logs: {receivers: [otlp], exporters: [otlp_http/a]}\n",
	        findings);
	assert_non_null(p);
	assert_int_equal(p->n_pipelines, 2);
	const struct plan_pipeline *traces = &p->pipelines[0], *logs = &p->pipelines[1];
	assert_string_equal(traces->id, "traces/in");
	assert_int_equal(traces->signal, TRACES);
	assert_int_equal(logs->signal, LOGS);
	assert_int_equal(traces->n_receivers, 2);
	assert_int_equal(traces->n_processors, 2);
	assert_string_equal(traces->processors[0]->id, "attributes/x");
	assert_string_equal(traces->processors[1]->id, "batch");
	assert_string_equal(traces->exporters[0]->id, "otlp_http/a");
	assert_ptr_equal(traces->exporters[0], logs->exporters[0]);
	assert_ptr_equal(traces->exporters[0], plan_find(p, EXPORTER, "otlp_http/a"));
	assert_null(plan_find(p, RECEIVER, "otlp_http/a"));
	assert_false(plan_find(p, EXPORTER, "nop")->used);
	assert_true(plan_find(p, EXPORTER, "debug")->used);
	assert_int_equal(p->n_extensions, 1);
	assert_string_equal(p->extensions[0]->id, "health_check");
	plan_free(p);
}

#define WITH_SERVICE(text) IN OUT "service:\n  pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}\n" text

static void service_defaults(void **state UNUSED)
{
	static const char *const none[] = { NULL };
	struct plan *p = load_text(WITH_SERVICE(""), none);
	assert_non_null(p);
	assert_int_equal(p->service.drain_timeout.ns, 25000000000);
	assert_int_equal(p->service.workers, 0);
	assert_int_equal(p->service.logs.level, LOG_INFO);
	assert_int_equal(p->service.logs.encoding, -1);
	assert_true(p->service.logs.sampling);
	assert_int_equal(p->service.logs.output_paths.n, 1);
	assert_true(slice_is(p->service.logs.output_paths.v[0], "stderr"));
	assert_int_equal(p->service.metrics.level, METRICS_NORMAL);
	assert_true(slice_is(p->service.metrics.host, "localhost"));
	assert_int_equal(p->service.metrics.port, 8888);
	plan_free(p);
}

static void service_options(void **state UNUSED)
{
	static const char *const none[] = { NULL };
	struct plan *p = load_text(
	        WITH_SERVICE("  drain_timeout: 3s\n  workers: 2\n  telemetry:\n"
	                     "    logs: {level: WARN, encoding: console, output_paths: [stdout, /tmp/x]}\n"
	                     "    metrics:\n      level: detailed\n"
	                     "      readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 9999}}}}]\n"),
	        none);
	assert_non_null(p);
	assert_int_equal(p->service.drain_timeout.ns, 3000000000);
	assert_int_equal(p->service.workers, 2);
	assert_int_equal(p->service.logs.level, LOG_WARN);
	assert_int_equal(p->service.logs.encoding, LOG_TEXT);
	assert_int_equal(p->service.logs.output_paths.n, 2);
	assert_int_equal(p->service.metrics.level, METRICS_DETAILED);
	assert_true(slice_is(p->service.metrics.host, "0.0.0.0"));
	assert_int_equal(p->service.metrics.port, 9999);
	plan_free(p);
}

static void metrics_readers(void **state UNUSED)
{
	static const struct {
		const char *telemetry;
		const char *host;
		unsigned port;
		const char *findings[4];
	} rows[] = {
		{ "metrics: {level: none}", "", 0, { NULL } },
		{ "metrics: {level: none, readers: []}", "", 0, { NULL } },
		{ "metrics: {address: '0.0.0.0:7777'}", "0.0.0.0", 7777,
		        { "5:34: warning: \"address\" is deprecated" } },
		{ "metrics: {readers: [{periodic: {exporter: {otlp: {}}}}]}", "", 0,
		        { "5:36: warning: \"periodic\"" } },
		{ "metrics: {readers: [{periodic: {}}, {pull: {exporter: {prometheus: }}}]}", "localhost", 8888,
		        { "5:36: warning: \"periodic\"" } },
		{ "logs: {encoding: json, sampling: {enabled: false, initial: 5}, development: true}", "localhost",
		        8888, { "5:65: warning: \"initial\"", "5:78: warning: \"development\"" } },
		{ "resource: {service.name: x}, traces: {level: none}", "localhost", 8888,
		        { "5:15: warning: \"resource\"", "5:44: warning: \"traces\"" } },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		char yaml[512];
		snprintf(yaml, sizeof(yaml), WITH_SERVICE("  telemetry: {%s}\n"), rows[i].telemetry);
		struct plan *p = load_text(yaml, rows[i].findings);
		assert_non_null(p);
		assert_true(slice_is(p->service.metrics.host, rows[i].host));
		assert_int_equal(p->service.metrics.port, rows[i].port);
		plan_free(p);
	}
}

static void service_faults(void **state UNUSED)
{
	static const struct row rows[] = {
		{ WITH_SERVICE("  telemetry: {logs: {level: loud}}\n"), { "5:29: error: 'level' must be" } },
		{ WITH_SERVICE("  telemetry: {metrics: {readers: []}}\n"),
		        { "5:34: error: a metrics reader should exist" } },
		{ WITH_SERVICE("  telemetry: {metrics: {address: nowhere}}\n"),
		        { "5:34: warning: \"address\" is deprecated", "5:34: error: must be HOST:PORT" } },
		{ WITH_SERVICE(
		          "  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {port: 70000}}}}]}}\n"),
		        { "5:73: error: 'port'" } },
		{ WITH_SERVICE("  workers: -1\n  drain_timout: 3s\n"),
		        { "5:12: error: 'workers'",
		                "6:3: error: unknown key \"drain_timout\", did you mean \"drain_timeout\"?" } },
	};
	check_rows(rows, COUNTOF(rows), false);
}

/* The whole value of a secret option and of each header is hidden; what is merged and expanded is shown. */
static void printing(void **state UNUSED)
{
	static const char *const none[] = { NULL };
	setenv("WEIR_TEST_KEY", "canary-7f3a", 1);
	struct plan *p =
	        load_text("receivers: {otlp: }\nexporters: {otlp_http: {endpoint: 'http://localhost:1', headers: {a: "
	                  "'Bearer ${env:WEIR_TEST_KEY}'}}}\n" PIPELINE,
	                none);
	assert_non_null(p);
	struct strbuf b;
	strbuf_init(&b, 1 << 16);
	assert_int_equal(plan_print(p, false, &b), 0);
	assert_null(strstr(b.p, "canary"));
	assert_non_null(strstr(b.p, "a: \"[REDACTED]\""));
	strbuf_clear(&b);
	assert_int_equal(plan_print(p, true, &b), 0);
	assert_non_null(strstr(b.p, "a: \"Bearer canary-7f3a\""));
	strbuf_release(&b);
	plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(bad_components),
		cmocka_unit_test(bad_graphs),
		cmocka_unit_test(ten_mistakes),
		cmocka_unit_test(seeds),
		cmocka_unit_test(loops),
		cmocka_unit_test(loops_in_all_places),
		cmocka_unit_test(contents),
		cmocka_unit_test(service_defaults),
		cmocka_unit_test(service_options),
		cmocka_unit_test(metrics_readers),
		cmocka_unit_test(service_faults),
		cmocka_unit_test(printing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
