/* test_health_check.c - what probers are told: paths, bodies, and the way from serving to draining. */
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>
#include <jansson.h>
#include <unistd.h>

#define CONFIG                                                                                                       \
	"receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"                                        \
	"extensions: {health_check: {endpoint: '127.0.0.2:0'%s}}\n"                                                  \
	"exporters: {otlp_http: {endpoint: '%s', retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}}}\n" \
	"service: {extensions: [health_check], pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}\n"

static const struct peer_answer busy = { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP };
static const struct peer_answer denied = { "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP };

static struct answer get(struct core_rig *r, const char *path)
{
	return core_rig_ask(r, core_rig_main_address(r), "GET", path, "", (slice){ 0 });
}

struct expected {
	const char *path;
	int serving, draining;
	const char *body_serving, *body_draining; /* NULL: the JSON report */
};

struct setting {
	const char *options;
	struct expected v[6];
};

static const struct setting settings[] = {
	{ "",
	        { { "/", 200, 503, NULL, NULL }, { "/ready", 200, 503, NULL, NULL }, { "/live", 200, 200, NULL, NULL },
	                { "/?a=b", 200, 503, NULL, NULL }, { "/nothing", 404, 404, "not found\n", "not found\n" } } },
	{ ", path: /health/status",
	        { { "/health/status", 200, 503, NULL, NULL }, { "/", 404, 404, "not found\n", "not found\n" },
	                { "/ready", 200, 503, NULL, NULL }, { "/live", 200, 200, NULL, NULL } } },
	{ ", response_body: {healthy: fine, unhealthy: leaving}",
	        { { "/", 200, 503, "fine", "leaving" }, { "/live", 200, 200, "fine", "fine" },
	                { "/nothing", 404, 404, "not found\n", "not found\n" } } },
	{ ", response_body: {healthy: fine}", { { "/", 200, 503, "fine", NULL } } },
};

static void check_answer(struct core_rig *r, const struct expected *x, bool draining)
{
	struct answer a = get(r, x->path);
	const char *body = draining ? x->body_draining : x->body_serving;
	int status = draining ? x->draining : x->serving;
	if (a.status != status)
		fail_msg("%s: %d, not %d", x->path, a.status, status);
	if (body) {
		assert_int_equal(a.body.len, strlen(body));
		assert_memory_equal(a.body.p, body, a.body.len);
		assert_string_equal(answer_header(r, &a, "Content-Type"), "text/plain; charset=utf-8");
		return;
	}
	json_t *report = json_loadb(a.body.p, a.body.len, 0, NULL);
	assert_non_null(report);
	assert_string_equal(answer_header(r, &a, "Content-Type"), "application/json");
	assert_string_equal(json_string_value(json_object_get(report, "status")),
	        draining ? "Server not available" : "Server available");
	json_decref(report);
}

static void paths_and_bodies(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(settings); i++) {
		struct backend b;
		struct core_rig r;
		char base[32];
		backend_start(&b, &busy, 1, base);
		core_rig_start(&r, CONFIG, settings[i].options, base);
		for (size_t k = 0; settings[i].v[k].path; k++)
			check_answer(&r, &settings[i].v[k], false);
		core_rig_take(&r, 1, 200); /* keeps the drain from ending */
		core_rig_drain(&r, 60 * NS_PER_S);
		for (size_t k = 0; settings[i].v[k].path; k++)
			check_answer(&r, &settings[i].v[k], true);
		assert_false(r.drained);
		core_hurry(r.core);
		core_rig_stop(&r);
		backend_stop(&b);
	}
}

static const char *state_of(struct core_rig *r, unsigned *queue_size)
{
	struct answer a = get(r, "/");
	json_t *report = json_loadb(a.body.p, a.body.len, 0, NULL);
	json_t *x = json_object_get(json_object_get(report, "exporters"), "otlp_http");
	assert_non_null(x);
	*queue_size = (unsigned)json_integer_value(json_object_get(x, "queueSize"));
	assert_int_equal(json_integer_value(json_object_get(x, "queueCapacity")), 1000);
	const char *state = arena_printf(&r->arena, "%s", json_string_value(json_object_get(x, "state")));
	json_decref(report);
	return state;
}

static void report_tells_each_exporters_state(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	unsigned n;
	backend_start(&b, &busy, 1, base);
	core_rig_start(&r, CONFIG, "", base);
	assert_string_equal(state_of(&r, &n), "ok");
	assert_int_equal(n, 0);
	core_rig_take(&r, 1, 200);
	UNTIL(&r, exporter_state(core_rig_exporter(&r, "otlp_http")) == EXPORTER_RETRYING);
	assert_string_equal(state_of(&r, &n), "retrying");
	assert_int_equal(n, 1);
	backend_set(&b, &denied, 1);
	UNTIL(&r, exporter_state(core_rig_exporter(&r, "otlp_http")) == EXPORTER_HELD);
	assert_string_equal(state_of(&r, &n), "held");
	backend_set(&b, NULL, 0);
	core_rig_reload(&r, CONFIG, "", base);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 1);
	assert_string_equal(state_of(&r, &n), "ok");
	assert_int_equal(n, 0);
	core_rig_stop(&r);
	backend_stop(&b);
}

/* A connection that a prober keeps is served by the new options after a reload. */
static void reload_changes_the_options_under_a_connection(void **state UNUSED)
{
	struct backend b;
	struct core_rig r;
	char base[32];
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r, CONFIG, "", base);
	int fd = core_rig_connect(&r, core_rig_main_address(&r));
	core_rig_write(&r, fd, SLICE("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(core_rig_read(&r, fd).status, 404);
	core_rig_reload(&r, CONFIG, ", path: /x", base);
	core_rig_write(&r, fd, SLICE("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(core_rig_read(&r, fd).status, 200);
	core_rig_stop(&r);
	close(fd);
	backend_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_and_bodies),
		cmocka_unit_test(report_tells_each_exporters_state),
		cmocka_unit_test(reload_changes_the_options_under_a_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
