/* test_debug.c - the debug exporter: the three forms, hostile text, sampling, outputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "lib/base/disk.h"
#include "lib/pipe/groups.h"
#include "tests/unit/rig/rig.h"

extern const struct component exporter_debug;

#define STR(k, v) "{\"key\":\"" k "\",\"value\":{\"stringValue\":\"" v "\"}}"
static const char request[] = "{\"resourceSpans\":[{\"schemaUrl\":\"http://s/1\",\"resource\":{\"attributes\":[" STR(
        "service.name",
        "chat") "]},"
                "\"scopeSpans\":[{\"scope\":{\"name\":\"lib\",\"version\":\"2\"},\"spans\":["
                "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\",\"name\":"
                "\"chat\\ngpt\",\"kind\":3,"
                "\"startTimeUnixNano\":\"1795244400123456789\",\"endTimeUnixNano\":\"1795244401000000000\","
                "\"status\":{\"code\":2,\"message\":\"bad\"},\"attributes\":[" STR(
                        "a", "x\\u001b[2J") ","
                                            "{\"key\":\"n\",\"value\":{\"intValue\":\"5\"}},{\"key\":\"l\",\"value\":{"
                                            "\"arrayValue\":{\"values\":[{\"boolValue\":true}]"
                                            "}}}],\"events\":[{\"timeUnixNano\":\"1795244400500000000\",\"name\":"
                                            "\"ev\",\"attributes\":[" STR("k",
                                                    "v") "]}],"
                                                         "\"links\":[{\"traceId\":\"1112131415161718191a1b1c1d1e1f10\","
                                                         "\"spanId\":\"1112131415161718\"}]},"
                                                         "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":"
                                                         "\"0102030405060709\",\"parentSpanId\":\"0102030405060708\","
                                                         "\"name\":\"tool\"}]}]}]}";
static const char log_json[] =
        "{\"resourceLogs\":[{\"resource\":{},\"scopeLogs\":[{\"scope\":{},\"logRecords\":[{\"body\":"
        "{\"stringValue\":\"hi\"}}]}]}]}";

#define STAMP "2026-11-21T07:00:00.123Z info  debug: "

static const char *shown(const char *options, enum signal signal, uint32_t n, const char *json, struct rig *r)
{
	rig_init(r, &exporter_debug, options);
	rig_send(r, signal, n, (const char *const[]){ json, NULL });
	assert_int_equal(r->verdict.kind, DELIVERED);
	return rig_logged(r);
}

static const struct {
	const char *options, *json, *want;
	enum signal signal;
	uint32_t n;
} form_table[] = {
	{ "", request, STAMP "Traces resource_spans=1 spans=2\n", TRACES, 2 },
	{ "", log_json, STAMP "Logs resource_logs=1 log_records=1\n", LOGS, 1 },
	{ "", "{}", STAMP "Metrics resource_metrics=0 data_points=7\n", METRICS, 7 },
	{ "verbosity: normal", request,
	        STAMP "Traces resource_spans=1 spans=2\n"
	              "ResourceTraces #0 schema_url=http://s/1 service.name=chat\n"
	              "ScopeTraces #0 lib@2\n"
	              "chat\\ngpt 0102030405060708090a0b0c0d0e0f10 0102030405060708 a=x\\u001b[2J n=5 l=[true]\n"
	              "tool 0102030405060708090a0b0c0d0e0f10 0102030405060709\n",
	        TRACES, 2 },
	{ "verbosity: detailed", request,
	        STAMP "Traces resource_spans=1 spans=2\n"
	              "ResourceSpans #0\n"
	              "Resource SchemaURL: http://s/1\n"
	              "Resource attributes:\n"
	              "     -> service.name: Str(chat)\n"
	              "ScopeSpans #0\n"
	              "ScopeSpans SchemaURL: \n"
	              "InstrumentationScope lib 2\n"
	              "Span #0\n"
	              "    Trace ID       : 0102030405060708090a0b0c0d0e0f10\n"
	              "    Parent ID      : \n"
	              "    ID             : 0102030405060708\n"
	              "    Name           : chat\\ngpt\n"
	              "    Kind           : Client\n"
	              "    Start time     : 2026-11-21 07:00:00.123456789 +0000 UTC\n"
	              "    End time       : 2026-11-21 07:00:01 +0000 UTC\n"
	              "    Status code    : Error\n"
	              "    Status message : bad\n"
	              "Attributes:\n"
	              "     -> a: Str(x\\u001b[2J)\n"
	              "     -> n: Int(5)\n"
	              "     -> l: Slice([true])\n"
	              "Events:\n"
	              "SpanEvent #0\n"
	              "     -> Name: ev\n"
	              "     -> Timestamp: 2026-11-21 07:00:00.5 +0000 UTC\n"
	              "     -> Attributes:\n"
	              "          -> k: Str(v)\n"
	              "Links:\n"
	              "SpanLink #0\n"
	              "     -> Trace ID: 1112131415161718191a1b1c1d1e1f10\n"
	              "     -> ID: 1112131415161718\n"
	              "     -> TraceState: \n"
	              "Span #1\n"
	              "    Trace ID       : 0102030405060708090a0b0c0d0e0f10\n"
	              "    Parent ID      : 0102030405060708\n"
	              "    ID             : 0102030405060709\n"
	              "    Name           : tool\n"
	              "    Kind           : Unspecified\n"
	              "    Start time     : 1970-01-01 00:00:00 +0000 UTC\n"
	              "    End time       : 1970-01-01 00:00:00 +0000 UTC\n"
	              "    Status code    : Unset\n"
	              "    Status message : \n",
	        TRACES, 2 },
	{ "verbosity: normal", log_json,
	        STAMP "Logs resource_logs=1 log_records=1\n"
	              "{\"resourceLogs\":[{\"resource\":{},\"scopeLogs\":[{\"scope\":{},\"logRecords\":[{\"body\":"
	              "{\"stringValue\":\"hi\"}}]}]}]}\n",
	        LOGS, 1 },
};

static void forms(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(form_table); i++) {
		struct rig r;
		assert_string_equal(
		        shown(form_table[i].options, form_table[i].signal, form_table[i].n, form_table[i].json, &r),
		        form_table[i].want);
		rig_release(&r);
	}
}

static unsigned n_shown(struct rig *r, unsigned n)
{
	unsigned lines = 0;
	for (unsigned i = 0; i < n; i++)
		rig_send(r, TRACES, 2, (const char *const[]){ request, NULL });
	for (const char *p = rig_logged(r); *p; p++)
		lines += *p == '\n';
	return lines;
}

static void sampling(void **state UNUSED)
{
	static const struct {
		const char *options;
		unsigned n; /* of 22 in one second */
	} table[] = {
		{ "", 22 },
		{ "sampling_thereafter: 10", 4 },
		{ "{sampling_initial: 5, sampling_thereafter: 0}", 5 },
	};
	for (size_t i = 0; i < COUNTOF(table); i++) {
		struct rig r;
		rig_init(&r, &exporter_debug, table[i].options);
		assert_int_equal(n_shown(&r, 22), table[i].n);
		fake_clock_advance(&r.clock, NS_PER_S);
		assert_int_equal(n_shown(&r, 22), table[i].n);
		assert_int_equal(r.n_done, 44); /* what is not shown is done all the same */
		rig_release(&r);
	}
}

static void own_output(void **state UNUSED)
{
	char path[] = "/tmp/weir-debug-XXXXXX", yaml[128], *text;
	size_t len;
	struct rig r;
	close(mkstemp(path));
	snprintf(yaml, sizeof(yaml), "{use_internal_logger: false, output_paths: [%s]}", path);
	assert_string_equal(shown(yaml, TRACES, 2, request, &r), "");
	rig_release(&r);
	assert_int_equal(disk_slurp(disk_system(), path, 1000, &text, &len), 0);
	assert_string_equal(text, STAMP "Traces resource_spans=1 spans=2\n");
	free(text);
	unlink(path);
}

static void own_output_that_does_not_open(void **state UNUSED)
{
	struct rig r;
	struct err e = { 0 };
	rig_init(&r, &exporter_debug, "{use_internal_logger: false, output_paths: [stdout]}");
	struct conf_strs bad = { (slice[]){ SLICE("stderr"), SLICE("/no/such/dir/x") }, 2 };
	/* the same stage again, with paths that fail: what was opened is closed, nothing leaks */
	exporter_debug.stop(&r.stage);
	memset(r.stage.state, 0, exporter_debug.state_size);
	for (const struct conf_field *f = exporter_debug.fields; f->key || f->type == T_INLINE; f++)
		if (f->key && strcmp(f->key, "output_paths") == 0)
			memcpy((char *)r.conf + f->offset, &bad, sizeof(bad));
	assert_int_equal(exporter_debug.start(&r.stage, &e), -1);
	assert_string_equal(e.text, "cannot open /no/such/dir/x: No such file or directory");
	r.loaded = false; /* start failed: stop is not called */
	rig_release(&r);
}

static void defaults(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, &exporter_debug, "");
	const struct exporter_conf *c = r.conf;
	assert_true(r.loaded);
	assert_false(c->sending_queue.enabled);
	rig_release(&r);
	rig_refuses(&exporter_debug, "verbosity: loud", "1:12", "\"basic\", \"normal\" or \"detailed\"");
	rig_refuses(&exporter_debug, "{use_internal_logger: false, output_paths: []}", "1:44", "must be non-empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(sampling),
		cmocka_unit_test(own_output),
		cmocka_unit_test(own_output_that_does_not_open),
		cmocka_unit_test(defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
