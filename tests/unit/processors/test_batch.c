/* test_batch.c - the batch processor: what its options become in the settings of the pipeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/rig/rig.h"

extern const struct component processor_batch;

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

static void batch_settings(void **state UNUSED)
{
	static const struct {
		const char *yaml;
		int64_t timeout_ns;
		uint32_t min, max;
		size_t n_keys;
	} table[] = {
		{ "", 200 * NS_PER_MS, 8192, 0, 0 },
		{ "{timeout: 1s, send_batch_size: 10, send_batch_max_size: 20, metadata_keys: [a, b]}", NS_PER_S, 10,
		        20, 2 },
		{ "timeout: 0", 0, 0, 0, 0 },
		{ "send_batch_size: 0", 200 * NS_PER_MS, 0, 0, 0 },
	};
	for (size_t i = 0; i < COUNTOF(table); i++) {
		struct rig r;
		struct pipeline_settings p = lowered(&r, &processor_batch, table[i].yaml);
		assert_true(p.has_batch);
		assert_int_equal(p.batch_timeout.ns, table[i].timeout_ns);
		assert_int_equal(p.batch_min_items, table[i].min);
		assert_int_equal(p.batch_max_items, table[i].max);
		assert_int_equal(p.batch_metadata_keys->n, table[i].n_keys);
		assert_int_equal(p.memory_limit, 0);
		rig_release(&r);
	}
}

static void refused(void **state UNUSED)
{
	static const struct {
		const char *yaml, *place, *text;
	} table[] = {
		{ "timeout: -1s", "1:10", "timeout must be greater or equal to 0" },
		{ "{send_batch_size: 10, send_batch_max_size: 5}", "1:44",
		        "send_batch_max_size must be greater or equal to send_batch_size" },
		{ "send_batch_max_size: 5", "1:22", "must be greater or equal to send_batch_size" },
		{ "metadata_keys: [a, A]", "1:16", "duplicate entry in metadata_keys: \"A\"" },
	};
	for (size_t i = 0; i < COUNTOF(table); i++)
		rig_refuses(&processor_batch, table[i].yaml, table[i].place, table[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batch_settings),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
