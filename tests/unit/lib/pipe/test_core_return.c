/* test_core_return.c - an exporter that a reload removes and another one brings back before it has ended: one exporter, one cursor.
 *
 * On real threads; the simulation (test_sim.c) finds more ways into it. */
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#define AT(address)                                                           \
	"receivers: {otlp: {protocols: {http: {endpoint: '" address "'}}}}\n" \
	"extensions: {file_storage: {directory: '%s', max_size: 16MiB}}\n"
#define COMMON AT("127.0.0.1:0")
#define WITH COMMON WITH_EXPORTER
#define WITH_EXPORTER                                                               \
	"exporters: {otlp_http: {endpoint: '%s', compression: none, timeout: %s,\n" \
	"  sending_queue: {storage: file_storage, num_consumers: 1},\n"             \
	"  retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}}}\n"      \
	"service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}\n"
#define WITHOUT                                                                                              \
	COMMON                                                                                               \
	"exporters: {nop: }\nservice: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], " \
	"exporters: [nop]}}}\n"

#define WITHOUT_BOTH                                                          \
	"receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n" \
	"exporters: {nop: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n"

/* Until the exporter's timeout: long enough for two reloads on a machine that is busy. */
static const struct peer_answer hang_once[] = {
	{ .then = PEER_HANG },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP },
};
static char directory[64];

static int make_directory(void **state UNUSED)
{
	snprintf(directory, sizeof directory, "/tmp/weir-return-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *f UNUSED)
{
	return remove(path);
}

static int remove_directory(void **state UNUSED)
{
	return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void expect_all_delivered(struct core_rig *r, uint64_t n)
{
	UNTIL(r, core_rig_get(r, "otlp_http", delivered) == n);
	core_rig_check_equation(r);
	assert_int_equal(core_rig_get(r, "otlp_http", accepted), n);
	assert_int_equal(core_rig_get(r, "otlp_http", queued), 0);
}

/* It drains, one delivery hangs and the rest waits in the storage: it goes on, and sends nothing twice but what hung. */
static void test_while_it_drains(void **state UNUSED)
{
	struct core_rig r;
	static struct backend b;
	char base[32];
	backend_start(&b, hang_once, COUNTOF(hang_once), base);
	core_rig_start(&r, WITH, directory, base, "1s");
	core_rig_take(&r, 3, 200);
	core_rig_take(&r, 4, 200);
	UNTIL(&r, backend_count(&b) == 1);
	struct exporter *before = core_rig_exporter(&r, "otlp_http");
	core_rig_reload(&r, WITHOUT, directory);
	core_rig_reload(&r, WITH, directory, base, "1s");
	assert_ptr_equal(core_rig_exporter(&r, "otlp_http"), before);
	core_rig_take(&r, 5, 200);
	expect_all_delivered(&r, 12);
	assert_int_equal(backend_all_spans(&b), 12 + 3);
	core_rig_stop(&r);
	backend_stop(&b);
}

/* Its destination is dead, so it gave up at once: what it left in the storage is the new one's. */
static void test_after_it_gave_up(void **state UNUSED)
{
	struct core_rig r;
	static struct backend b;
	char base[32], dead[32];
	int fd = backend_dead(dead);
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r, WITH, directory, dead, "1s");
	core_rig_take(&r, 3, 200);
	core_rig_take(&r, 4, 200);
	UNTIL(&r, exporter_state(core_rig_exporter(&r, "otlp_http")) == EXPORTER_RETRYING);
	core_rig_reload(&r, WITHOUT, directory);
	core_rig_reload(&r, WITH, directory, base, "1s");
	expect_all_delivered(&r, 7);
	core_rig_stop(&r);
	backend_stop(&b);
	close(fd);
}

/* A reload that fails leaves it draining. */
static void test_reload_fails(void **state UNUSED)
{
	struct core_rig r;
	static struct backend b;
	char base[32];
	struct err e = { .text = "" };
	backend_start(&b, hang_once, COUNTOF(hang_once), base);
	core_rig_start(&r, WITH, directory, base, "1s");
	core_rig_take(&r, 3, 200);
	UNTIL(&r, backend_count(&b) == 1);
	core_rig_reload(&r, WITHOUT, directory);
	assert_int_equal(core_rig_try_reload(&r, &e, AT("203.0.113.1:4318") WITH_EXPORTER, directory, base, "1s"), -1);
	UNTIL(&r, r.core->orphans.n == 0);
	core_rig_reload(&r, WITH, directory, base, "1s");
	expect_all_delivered(&r, 3);
	core_rig_stop(&r);
	backend_stop(&b);
}

/* Its storage was removed with it, and comes back with it: the one that is still open. */
static void test_with_its_storage(void **state UNUSED)
{
	struct core_rig r;
	static struct backend b;
	char base[32];
	backend_start(&b, hang_once, COUNTOF(hang_once), base);
	core_rig_start(&r, WITH, directory, base, "1s");
	core_rig_take(&r, 3, 200);
	core_rig_take(&r, 4, 200);
	UNTIL(&r, backend_count(&b) == 1);
	core_rig_reload(&r, WITHOUT_BOTH);
	core_rig_reload(&r, WITH, directory, base, "1s");
	core_rig_take(&r, 5, 200);
	expect_all_delivered(&r, 12);
	core_rig_stop(&r);
	backend_stop(&b);
}

/* The same, with a destination that is dead: the exporter gives up, and takes its storage with it. */
static void test_with_its_storage_after_it_gave_up(void **state UNUSED)
{
	struct core_rig r;
	static struct backend b;
	char base[32], dead[32];
	int fd = backend_dead(dead);
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r, WITH, directory, dead, "1s");
	core_rig_take(&r, 3, 200);
	UNTIL(&r, exporter_state(core_rig_exporter(&r, "otlp_http")) == EXPORTER_RETRYING);
	core_rig_reload(&r, WITHOUT_BOTH);
	core_rig_reload(&r, WITH, directory, base, "1s");
	expect_all_delivered(&r, 3);
	core_rig_stop(&r);
	backend_stop(&b);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_while_it_drains, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_after_it_gave_up, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_reload_fails, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_with_its_storage, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
		        test_with_its_storage_after_it_gave_up, make_directory, remove_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
