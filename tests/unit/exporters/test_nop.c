/* test_nop.c - the nop exporter takes every signal and says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/pipe/groups.h"
#include "tests/unit/rig/rig.h"

extern const struct component exporter_nop;

static void takes_everything(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, &exporter_nop, "");
	const struct exporter_conf *c = r.conf;
	assert_false(c->sending_queue.enabled);
	for (unsigned s = TRACES; s <= METRICS; s *= 2) {
		r.verdict = (struct verdict){ .kind = RETRY };
		rig_send(&r, (enum signal)s, 1, (const char *const[]){ "{}", "{}", NULL });
		assert_int_equal(r.verdict.kind, DELIVERED);
		assert_int_equal(r.verdict.n_rejected, 0);
	}
	assert_string_equal(rig_logged(&r), "");
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(takes_everything) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
