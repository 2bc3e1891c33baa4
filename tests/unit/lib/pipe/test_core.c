/* test_core.c - the core as a whole: pipelines, reloads, draining. Every test ends with the equation (core_rig_stop). */
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVER "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"
/* Fast retries; the queue and the rest as the test says. */
#define FAST "retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}"

static const char *format(struct core_rig *r, const char *fmt, ...) PRINTF(2, 3);
static const char *format(struct core_rig *r, const char *fmt, ...)
{
	va_list ap;
	char *text;
	(void)r;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	return text;
}

static void takes_all_signals_to_one_destination(void **state UNUSED)
{
	struct core_rig r;
	core_rig_start(&r, RECEIVER "exporters: {nop: }\n"
		"service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n");
	core_rig_take(&r, 3, 200);
	UNTIL(&r, core_rig_get(&r, "nop", delivered) == 3);
	core_rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_all_signals_to_one_destination),
	};
	(void)format;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
