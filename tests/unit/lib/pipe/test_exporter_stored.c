/* test_exporter_stored.c - an exporter and its storage, where threads may meet in another order than one thinks. */
#include "lib/pipe/call.h"
#include "lib/pipe/exporter_internal.h"
#include "lib/pipe/storage.h"
#include "tests/unit/rig/backend.h"
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG                                                                                                  \
	"receivers: {otlp: {ack: delivered, ack_timeout: 60s, protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n" \
	"extensions: {file_storage: {directory: '%s', max_size: 16MiB}}\n"                                      \
	"exporters: {otlp_http: {endpoint: '%s', compression: none, timeout: 5s,\n"                             \
	"  sending_queue: {storage: file_storage, num_consumers: 1},\n"                                         \
	"  retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}}}\n"                                  \
	"service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}\n"

static char directory[64];

static int make_directory(void **state UNUSED)
{
	snprintf(directory, sizeof directory, "/tmp/weir-stored-XXXXXX");
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

struct append {
	struct storage *storage;
	struct store_record record;
	int rc;
};

static void run_append(void *arg)
{
	struct append *a = arg;
	a->rc = store_append(a->storage->store, &a->record, 1);
}

static struct record *make_record(struct core_rig *r, unsigned n)
{
	struct buf *body = buf_copy(NULL, core_rig_spans(r, n));
	assert_non_null(body);
	return record_new(TRACES, r->core->graph->pipelines[0].id, SLICE(""), loop_now(&r->loop), n, body);
}

/* A record may be read, delivered and resolved before the writer's thread comes to commit its room. */
static void delivered_before_it_is_committed(void **state UNUSED)
{
	struct core_rig r;
	static struct backend b;
	char base[32];
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r, CONFIG, directory, base);
	struct exporter *e = core_rig_exporter(&r, "otlp_http");
	struct record *record = make_record(&r, 5);
	struct strbuf routes;
	struct room room;
	strbuf_init(&routes, 100);
	routes_add(&routes, SLICE("otlp_http"));
	assert_true(room_reserve(e, record, &room));
	struct append a = {
		.storage = exporter_storage(e),
		.record = { .type = STORE_RECORD,
		        .signal = TRACES,
		        .n_items = 5,
		        .arrival_wall_ns = clock_wall(clock_system()),
		        .pipeline = slice_of(record->pipeline),
		        .routes = strbuf_slice(&routes),
		        .body = buf_slice(record->body) },
	};
	call_on(store_writer_loop(a.storage->writer), run_append, &a);
	assert_int_equal(a.rc, 0);
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 5 && !exporter_view(e).queue_size);
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 0); /* not 2^64 - 5 */
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 5);
	room_commit(&room, a.record.seq, NULL);
	core_rig_check_equation(&r);
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 5);
	assert_int_equal(core_rig_get(&r, "otlp_http", queued), 0);
	assert_int_equal(exporter_view(e).queue_size, 0);
	assert_int_equal(exporter_view(e).queue_bytes, 0);
	strbuf_release(&routes);
	record_unref(record);
	core_rig_stop(&r);
	assert_int_equal(backend_all_spans(&b), 5);
	backend_stop(&b);
}

/* One bit of what a record holds, in the log. */
static void damage(slice body)
{
	static char all[4 << 20];
	char path[128];
	snprintf(path, sizeof path, "%s/seg-0000000000000001.log", directory);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	ssize_t n = pread(fd, all, sizeof all, 0);
	assert_true(n > 0);
	char *at = memmem(all, (size_t)n, body.p, body.len);
	assert_non_null(at);
	*at ^= 1;
	assert_int_equal(pwrite(fd, at, 1, at - all), 1);
	close(fd);
}

static int begin_post(struct core_rig *r, slice body)
{
	int fd = core_rig_connect(r, core_rig_address(r, 0));
	core_rig_write(r, fd,
	        slice_of(arena_printf(&r->arena,
	                "POST /v1/traces HTTP/1.1\r\nHost: a\r\n" CORE_RIG_PROTO "Content-Length: %zu\r\n\r\n",
	                body.len)));
	core_rig_write(r, fd, body);
	return fd;
}

/* Whoever waits for a record that cannot be read hears so when it is found, not after ack_timeout (a minute here). */
static void a_damaged_record_is_answered(void **state UNUSED)
{
	static const struct peer_answer busy = { .text = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" };
	struct core_rig r;
	static struct backend b;
	char base[32];
	int fds[3];
	slice bodies[3];
	backend_start(&b, &busy, 1, base);
	core_rig_start(&r, CONFIG, directory, base);
	for (unsigned i = 0; i < 3; i++) {
		bodies[i] = core_rig_spans(&r, i + 1);
		fds[i] = begin_post(&r, bodies[i]);
		/* the first one keeps the only consumer: the others are not read yet */
		UNTIL(&r, backend_count(&b) > 0 && core_rig_get(&r, "otlp_http", accepted) == (i + 1) * (i + 2) / 2);
	}
	damage(bodies[1]);
	backend_set(&b, NULL, 0);
	assert_int_equal(core_rig_read(&r, fds[0]).status, 200);
	struct answer a = core_rig_read(&r, fds[1]);
	assert_int_equal(a.status, 503);
	assert_true(*answer_header(&r, &a, "Retry-After"));
	assert_int_equal(core_rig_read(&r, fds[2]).status, 200);
	core_rig_check_equation(&r);
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 6);
	assert_int_equal(core_rig_get(&r, "otlp_http", delivered), 4);
	assert_int_equal(core_rig_get(&r, "otlp_http", dropped[DROP_CORRUPT]), 2);
	assert_int_equal(exporter_view(core_rig_exporter(&r, "otlp_http")).queue_size, 0);
	assert_int_equal(exporter_view(core_rig_exporter(&r, "otlp_http")).queue_bytes, 0);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
	core_rig_stop(&r);
	backend_stop(&b);
}

/* Of two storages the first one has the data when the second refuses: the sender hears 503, and what is delivered all the same is counted
 * like everything else. */
static void one_of_two_storages_refuses(void **state UNUSED)
{
	static char name[200 << 10]; /* more than a segment: it needs a new one */
	struct core_rig r;
	static struct backend b;
	char base[32], gone[80], second[80];
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r,
	        "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"
	        "extensions: {file_storage/a: {directory: '%s/a'}, file_storage/b: {directory: '%s/b', max_size: "
	        "1MiB}}\n"
	        "exporters:\n"
	        "  otlp_http/a: {endpoint: '%s', required: true, sending_queue: {storage: file_storage/a}}\n"
	        "  otlp_http/b: {endpoint: '%s', required: true, sending_queue: {storage: file_storage/b}}\n"
	        "service: {extensions: [file_storage/a, file_storage/b],\n"
	        "  pipelines: {traces: {receivers: [otlp], exporters: [otlp_http/a, otlp_http/b]}}}\n",
	        directory, directory, base, base);
	snprintf(second, sizeof second, "%s/b", directory);
	snprintf(gone, sizeof gone, "%s/gone", directory);
	assert_int_equal(rename(second, gone), 0);
	memset(name, 'n', sizeof name - 1);
	slice body = core_rig_to_proto(&r, TRACES,
	        arena_printf(&r.arena,
	                "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
	                "\"0102030405060708090a0b0c0d0e0f10\","
	                "\"spanId\":\"0102030405060708\",\"name\":\"%s\"}]}]}]}",
	                name));
	assert_int_equal(core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, body).status, 503);
	UNTIL(&r, core_rig_get(&r, "otlp_http/a", delivered) == 1);
	struct exporter *e = core_rig_exporter(&r, "otlp_http/a");
	UNTIL(&r, !exporter_view(e).queue_size);
	assert_int_equal(core_rig_get(&r, "otlp_http/a", accepted), 1);
	assert_int_equal(core_rig_get(&r, "otlp_http/a", queued), 0);
	assert_int_equal(exporter_view(e).queue_bytes, 0);
	assert_int_equal(core_rig_get(&r, "otlp_http/b", accepted), 0);
	assert_int_equal(exporter_view(core_rig_exporter(&r, "otlp_http/b")).queue_size, 0);
	assert_int_equal(rename(gone, second), 0);
	core_rig_stop(&r);
	assert_int_equal(backend_all_spans(&b), 1);
	backend_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(delivered_before_it_is_committed, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(a_damaged_record_is_answered, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(one_of_two_storages_refuses, make_directory, remove_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
