/* test_sidecar.c - what a record remembers of filtered spans.
 *
 * The request is made by the rig's builder; refused and kept spans must not be in the sidecar, order is that of the request. */
#include "lib/pipe/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/otlp/edit.h"
#include "tests/unit/rig/core_rig.h"

#define SPAN(id, parent)                                                                                           \
	"{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"" id "\",\"parentSpanId\":\"" parent "\"," \
	"\"flags\":257,\"name\":\"s\"}"

static const char request[] = "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[" SPAN("0000000000000001", "") "," SPAN(
        "0000000000000002", "0000000000000001") "]},{\"spans\":[" SPAN("0000000000000003", "0000000000000002") "]}]}]}";

static void scan(struct core_rig *r, struct traces *t)
{
	struct scan_report report;
	struct err e;
	struct buf *b = buf_copy(NULL, core_rig_to_proto(r, TRACES, request));
	assert_int_equal(traces_scan(t, b, NULL, NULL, &report, &e), 0);
	buf_unref(b);
}

static void remembers_filtered_spans(void **state UNUSED)
{
	struct core_rig r = { 0 };
	struct traces t;
	struct buf *b = NULL;
	struct pool small;
	arena_init(&r.arena);
	scan(&r, &t);
	assert_int_equal(sidecar_new(&t, NULL, &b), 0);
	assert_null(b);
	span_filter(&t, t.scopes[0].first, 7);
	span_filter(&t, t.scopes[1].first, 9);
	assert_int_equal(sidecar_new(&t, NULL, &b), 0);
	assert_int_equal(b->len, 2 * sizeof(struct filtered_span));
	struct filtered_span f[2];
	memcpy(f, b->data, sizeof f);
	assert_int_equal(f[0].span_id[7], 1);
	assert_int_equal(f[0].parent_id[7], 0);
	assert_int_equal(f[0].rule, 7);
	assert_int_equal(f[0].trace_id[0], 0x5b);
	assert_int_equal(f[1].span_id[7], 3);
	assert_int_equal(f[1].parent_id[7], 2);
	assert_int_equal(f[1].rule, 9);
	assert_int_equal(f[1].flags, 257);
	buf_unref(b);
	pool_init(&small, 8);
	assert_int_equal(sidecar_new(&t, &small, &b), -1);
	traces_release(&t);
	arena_release(&r.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(remembers_filtered_spans) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
