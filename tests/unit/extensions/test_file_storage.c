/* test_file_storage.c - a queue in a directory: it outlives the process, belongs to one, and is what a 200 waits for. */
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CONFIG                                                                                           \
	"receivers: {otlp: {ack: %s, ack_timeout: %s, protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"  \
	"extensions: {file_storage: {directory: '%s', max_size: 16MiB}}\n"                               \
	"exporters: {otlp_http: {endpoint: '%s', compression: none, timeout: %s, sending_queue: {%s},\n" \
	"  retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}}}\n"                           \
	"service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}\n"
#define STORED "storage: file_storage"

static char directory[64];

static int make_directory(void **state UNUSED)
{
	snprintf(directory, sizeof directory, "/tmp/weir-storage-XXXXXX");
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

static unsigned mode_of(const char *name)
{
	char path[128];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", directory, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static int post(struct core_rig *r, unsigned n)
{
	return core_rig_post(r, "/v1/traces", CORE_RIG_PROTO, core_rig_spans(r, n)).status;
}

/* What a dead destination left behind is delivered by the next process, which counts on from where the first one stopped. */
static void outlives_the_process(void **state UNUSED)
{
	struct core_rig r;
	static struct backend b;
	char base[32];
	int fd = backend_dead(base);
	core_rig_start(&r, CONFIG, "auto", "10s", directory, base, "1s", STORED);
	assert_int_equal(post(&r, 3), 200);
	assert_int_equal(post(&r, 4), 200);
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 7);
	assert_int_equal(mode_of("seg-0000000000000001.log"), 0600);
	assert_int_equal(mode_of(""), 0700);
	core_rig_drain(&r, 5 * NS_PER_S);
	UNTIL(&r, r.drained);
	assert_int_equal(r.n_lost, 0);
	core_rig_free(&r);
	close(fd);

	backend_start(&b, NULL, 0, base);
	core_rig_start(&r, CONFIG, "durable", "10s", directory, base, "1s", STORED);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 7);
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 7);
	assert_int_equal(post(&r, 1), 200);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 8);
	core_rig_stop(&r);
	assert_int_equal(backend_all_spans(&b), 8);
	backend_stop(&b);
}

static void belongs_to_one(void **state UNUSED)
{
	struct core_rig first, second;
	struct err e = { .text = "" };
	static struct backend b;
	char base[32];
	backend_start(&b, NULL, 0, base);
	core_rig_start(&first, CONFIG, "auto", "10s", directory, base, "1s", STORED);
	assert_int_equal(core_rig_try(&second, &e, CONFIG, "auto", "10s", directory, base, "1s", STORED), -1);
	assert_non_null(strstr(e.text, directory));
	core_rig_free(&second);
	assert_int_equal(post(&first, 2), 200);
	core_rig_stop(&first);
	backend_stop(&b);
}

/* The storage stays open, the exporter keeps its place, whatever else changes. */
static void stays_through_reloads(void **state UNUSED)
{
	struct core_rig r;
	static struct backend b;
	char base[32], dead[32];
	int fd = backend_dead(dead);
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r, CONFIG, "auto", "10s", directory, dead, "1s", STORED);
	assert_int_equal(post(&r, 5), 200);
	for (int i = 0; i < 3; i++)
		core_rig_reload(&r, CONFIG, "auto", "10s", directory, dead, i & 1 ? "1s" : "2s", STORED);
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 5);
	core_rig_reload(&r, CONFIG, "auto", "10s", directory, base, "1s", STORED);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 5);
	core_rig_stop(&r);
	assert_int_equal(backend_all_spans(&b), 5);
	backend_stop(&b);
	close(fd);
}

static void delivered_waits(void **state UNUSED)
{
	static const char *const queues[] = { "queue_size: 100", STORED };
	for (size_t i = 0; i < COUNTOF(queues); i++) {
		struct core_rig r;
		static struct backend b;
		char base[32], dead[32];
		int fd = backend_dead(dead);
		backend_start(&b, NULL, 0, base);
		core_rig_start(&r, CONFIG, "delivered", "10s", directory, base, "1s", queues[i]);
		assert_int_equal(post(&r, 5), 200);
		assert_true(core_rig_get(&r, "otlp_http", delivered) >= 5);
		core_rig_reload(&r, CONFIG, "delivered", "50ms", directory, dead, "1s", queues[i]);
		struct answer a = core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, core_rig_spans(&r, 1));
		assert_int_equal(a.status, 503);
		assert_true(*answer_header(&r, &a, "Retry-After"));
		core_rig_reload(&r, CONFIG, "delivered", "10s", directory, base, "1s", queues[i]);
		UNTIL(&r, core_rig_get(&r, "otlp_http", queued) == 0);
		core_rig_stop(&r);
		backend_stop(&b);
		close(fd);
	}
}

/* A reload with another spelling of the directory finds the storage that is open; its other options are in force at once. One that fails
 * changes nothing. */
static void takes_other_options(void **state UNUSED)
{
	static const char yaml[] =
	        "receivers: {otlp: {protocols: {http: {endpoint: '%s'}}}}\n"
	        "extensions: {file_storage: {directory: '%s', max_size: %s, fsync: %s}}\n"
	        "exporters: {otlp_http: {endpoint: '%s', compression: none, sending_queue: {storage: file_storage},\n"
	        "  retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}}}\n"
	        "service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: "
	        "[otlp_http]}}}\n";
	static const char here[] = "127.0.0.1:0", changed[] = "The storage's options changed";
	struct core_rig r;
	static struct backend b;
	struct err e = { .text = "" };
	char base[32], dead[32], other[80];
	int fd = backend_dead(dead);
	backend_start(&b, NULL, 0, base);
	snprintf(other, sizeof other, "//tmp/./%s/", directory + strlen("/tmp/"));
	core_rig_start(&r, yaml, here, directory, "1MiB", "false", dead);
	struct storage *s = exporter_storage(core_rig_exporter(&r, "otlp_http"));
	core_rig_take(&r, 3, 200);
	core_rig_reload(&r, yaml, here, other, "1MiB", "false", dead);
	assert_false(core_rig_has_logged(&r, changed));
	assert_int_equal(core_rig_try_reload(&r, &e, yaml, "203.0.113.1:4318", directory, "2MiB", "true", dead), -1);
	core_rig_reload(&r, yaml, here, directory, "1MiB", "false", dead);
	assert_false(core_rig_has_logged(&r, changed));
	uint64_t full = 0;
	while (full < 100 && post(&r, 1000) == 200)
		full++;
	assert_in_range(full, 2, 99);
	core_rig_reload(&r, yaml, here, other, "16MiB", "true", dead);
	assert_true(core_rig_has_logged(&r, changed));
	assert_int_equal(post(&r, 1000), 200);
	core_rig_reload(&r, yaml, here, directory, "1MiB", "true", dead); /* below what it has: full, and all is kept */
	assert_int_equal(post(&r, 1000), 503);
	uint64_t queued = core_rig_get(&r, "otlp_http", queued);
	assert_int_equal(queued, 3 + 1000 * (full + 1));
	core_rig_reload(&r, yaml, here, directory, "1MiB", "true", base);
	assert_ptr_equal(exporter_storage(core_rig_exporter(&r, "otlp_http")), s);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == queued);
	UNTIL(&r, post(&r, 2) == 200);
	core_rig_stop(&r);
	assert_int_equal(backend_all_spans(&b), queued + 2);
	backend_stop(&b);
	close(fd);
}

/* It is kept as it is, and told once. */
static void warns_of_an_open_directory(void **state UNUSED)
{
	static const struct {
		mode_t mode;
		const char *said;
	} rows[] = { { 0700, NULL }, { 0755, "mode=0755" }, { 0770, "mode=0770" }, { 02701, "mode=2701" } };
	static const char open[] = "The storage directory is open to other users";
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct core_rig r;
		char dead[32];
		int fd = backend_dead(dead);
		assert_int_equal(chmod(directory, rows[i].mode), 0);
		core_rig_start(&r, CONFIG, "auto", "10s", directory, dead, "1s", STORED);
		assert_int_equal(core_rig_has_logged(&r, open), rows[i].said != NULL);
		assert_true(!rows[i].said || core_rig_has_logged(&r, rows[i].said));
		assert_int_equal(mode_of(""), rows[i].mode);
		assert_int_equal(post(&r, 1), 200);
		assert_int_equal(mode_of("cursor"), 0600);
		core_rig_drain(&r, 5 * NS_PER_S);
		UNTIL(&r, r.drained);
		core_rig_free(&r);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(outlives_the_process, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(belongs_to_one, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(stays_through_reloads, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(delivered_waits, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(takes_other_options, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(warns_of_an_open_directory, make_directory, remove_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
