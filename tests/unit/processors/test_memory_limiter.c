/* test_memory_limiter.c - what the limits become in the settings of the pipeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "tests/unit/rig/rig.h"

extern const struct component processor_memory_limiter;

static struct pipeline_settings lowered(struct rig *r, const struct component *type, const char *yaml)
{
	struct pipeline_settings p = { 0 };
	print_message("%s\n", yaml);
	rig_init(r, type, yaml);
	findings_print(&r->findings, stderr);
	assert_true(r->loaded);
	type->lower(r->conf, &p);
	return p;
}

static void memory_settings(void **state UNUSED)
{
	uint64_t mib = 1 << 20, percent = memory_total() / 100;
	const struct {
		const char *yaml;
		uint64_t limit;
	} table[] = {
		{ "{check_interval: 1s, limit_mib: 100}", 80 * mib },
		{ "{check_interval: 1s, limit_mib: 100, spike_limit_mib: 30}", 70 * mib },
		{ "{check_interval: 1s, limit_percentage: 80, spike_limit_percentage: 20}", 60 * percent },
		{ "{check_interval: 1s, limit_percentage: 50}", 40 * percent },
		{ "{check_interval: 1s, limit_mib: 10, limit_percentage: 50}", 8 * mib },
	};
	for (size_t i = 0; i < COUNTOF(table); i++) {
		struct rig r;
		struct pipeline_settings p = lowered(&r, &processor_memory_limiter, table[i].yaml);
		assert_int_equal(p.memory_limit, table[i].limit);
		assert_false(p.has_batch);
		rig_release(&r);
	}
}

static void refused(void **state UNUSED)
{
	static const struct {
		const char *yaml, *place, *text;
	} table[] = {
		{ "limit_mib: 5", "1:1", "'check_interval' must be greater than zero" },
		{ "{check_interval: 0s, limit_mib: 5}", "1:18", "'check_interval' must be" },
		{ "check_interval: 1s", "1:1", "'limit_mib' or 'limit_percentage' must be" },
		{ "{check_interval: 1s, limit_mib: 0}", "1:33", "'limit_mib' or 'limit_percentage' must be" },
		{ "{check_interval: 1s, limit_percentage: 101}", "1:40", "less than or equal to hundred" },
		{ "{check_interval: 1s, limit_mib: 5, spike_limit_mib: 5}", "1:53",
		        "'spike_limit_mib' must be smaller than 'limit_mib'" },
		{ "{check_interval: 1s, limit_percentage: 5, spike_limit_percentage: 9}", "1:67",
		        "'spike_limit_percentage' must be smaller than 'limit_percentage'" },
	};
	for (size_t i = 0; i < COUNTOF(table); i++)
		rig_refuses(&processor_memory_limiter, table[i].yaml, table[i].place, table[i].text);
}

static void ignored_with_a_warning(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, &processor_memory_limiter,
	        "{check_interval: 1s, limit_mib: 5, min_gc_interval_when_soft_limited: 10s}");
	assert_true(r.loaded);
	assert_int_equal(r.findings.n, 1);
	assert_int_equal(r.findings.v[0].severity, FINDING_WARNING);
	assert_non_null(strstr(r.findings.v[0].text, "min_gc_interval_when_soft_limited"));
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_settings),
		cmocka_unit_test(refused),
		cmocka_unit_test(ignored_with_a_warning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
