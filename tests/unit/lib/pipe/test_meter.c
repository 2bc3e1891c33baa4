/* test_meter.c - meters: cells by label, sums over workers, the bound on cells, the page.
 *
 * A core with two workers is made by the rig; the cells are used from the test's thread as if it were a worker. */
#include "lib/pipe/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/strbuf.h"
#include "tests/unit/rig/core_rig.h"

static const char yaml[] = "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"
                           "exporters: {nop: }\n"
                           "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n";

static const struct meter_info spans = { "weir_test_spans", "Spans.", { "rule" }, METER_COUNTER };
static const struct meter_info tokens = { "weir_test_tokens", "Tokens.", { "model", "type" }, METER_COUNTER };
static const struct meter_info age = { "weir_test_age", "Age.", { NULL }, METER_SINCE };

static const char *page(struct core_rig *r, struct strbuf *b)
{
	strbuf_clear(b);
	meters_print(r->core, 1000, b);
	strbuf_addc(b, '\0');
	return b->p;
}

static void sums_over_workers(void **state UNUSED)
{
	struct core_rig r;
	struct strbuf b;
	core_rig_start(&r, "%s", yaml);
	strbuf_init(&b, 1 << 20);
	struct meter *m = core_meter(r.core, &spans), *t = core_meter(r.core, &tokens), *a = core_meter(r.core, &age);
	assert_ptr_equal(core_meter(r.core, &spans), m);
	meter_add(meter_cell(m, 0, SLICE("r1"), (slice){ 0 }), 3);
	meter_add(meter_cell(m, 1, SLICE("r1"), (slice){ 0 }), 4);
	meter_add(meter_cell(m, 1, SLICE("none"), (slice){ 0 }), 1);
	meter_add(meter_cell(t, 0, SLICE("openai/\"x\""), SLICE("input")), 0.5);
	meter_set(meter_cell(a, 0, (slice){ 0 }, (slice){ 0 }), 400);
	assert_string_equal(page(&r, &b),
	        "# HELP weir_test_spans Spans.\n# TYPE weir_test_spans counter\n"
	        "weir_test_spans{rule=\"r1\"} 7\nweir_test_spans{rule=\"none\"} 1\n"
	        "# HELP weir_test_tokens Tokens.\n# TYPE weir_test_tokens counter\n"
	        "weir_test_tokens{model=\"openai/\\\"x\\\"\",type=\"input\"} 0.5\n"
	        "# HELP weir_test_age Age.\n# TYPE weir_test_age gauge\nweir_test_age 600\n");
	strbuf_release(&b);
	core_rig_stop(&r);
}

static void labels_are_bounded(void **state UNUSED)
{
	struct core_rig r;
	struct strbuf b;
	core_rig_start(&r, "%s", yaml);
	strbuf_init(&b, 1 << 20);
	struct meter *t = core_meter(r.core, &tokens);
	struct meter_cell *first = NULL;
	for (int i = 0; i < METER_MAX_CELLS + 1000; i++) {
		char name[32];
		snprintf(name, sizeof name, "m%d", i);
		struct meter_cell *c = meter_cell(t, 0, slice_of(name), SLICE("input"));
		first = first ? first : c;
		meter_add(c, 1);
	}
	assert_ptr_equal(meter_cell(t, 0, SLICE("m0"), SLICE("input")), first);
	assert_non_null(strstr(page(&r, &b), "weir_test_tokens{model=\"other\",type=\"other\"} 1000\n"));
	assert_null(strstr(b.p, "m4096\""));
	strbuf_release(&b);
	core_rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_over_workers),
		cmocka_unit_test(labels_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
