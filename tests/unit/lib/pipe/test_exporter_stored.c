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

static int begin_post_to(struct core_rig *r, size_t door, slice body)
{
	int fd = core_rig_connect(r, core_rig_address(r, door));
	core_rig_write(r, fd,
	        slice_of(arena_printf(&r->arena,
	                "POST /v1/traces HTTP/1.1\r\nHost: a\r\n" CORE_RIG_PROTO "Content-Length: %zu\r\n\r\n",
	                body.len)));
	core_rig_write(r, fd, body);
	return fd;
}

static int begin_post(struct core_rig *r, slice body)
{
	return begin_post_to(r, 0, body);
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
	UNTIL(&r,
	        exporter_view(core_rig_exporter(&r, "otlp_http")).queue_size ==
	                0); /* given back after it was counted */
	UNTIL(&r, exporter_view(core_rig_exporter(&r, "otlp_http")).queue_bytes == 0);
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
	UNTIL(&r, exporter_view(e).queue_bytes == 0);
	assert_int_equal(core_rig_get(&r, "otlp_http/b", accepted), 0);
	UNTIL(&r, exporter_view(core_rig_exporter(&r, "otlp_http/b")).queue_size == 0);
	assert_int_equal(rename(gone, second), 0);
	core_rig_stop(&r);
	assert_int_equal(backend_all_spans(&b), 1);
	backend_stop(&b);
}

struct stall {
	struct mail mail;
	uv_sem_t begun, over;
};

static void run_stall(struct mail *m)
{
	struct stall *s = CONTAINER_OF(m, struct stall, mail);
	uv_sem_post(&s->begun);
	uv_sem_wait(&s->over);
}

static void do_nothing(void *arg UNUSED)
{
}

/* A second storage that is slow holds back the commit of a record, and a later one of the first storage alone comes before it. */
static void committed_out_of_order(void **state UNUSED)
{
	static const struct peer_answer busy = { .text = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" };
	struct core_rig r;
	static struct backend b;
	static struct stall stall = { .mail.run = run_stall };
	char base[32];
	int fds[2];
	backend_start(&b, &busy, 1, base);
	core_rig_start(&r,
	        "receivers:\n"
	        "  otlp/both: {ack: delivered, ack_timeout: 15s, protocols: {http: {endpoint: '127.0.0.1:0'}}}\n"
	        "  otlp/one: {ack: delivered, ack_timeout: 15s, protocols: {http: {endpoint: '127.0.0.2:0'}}}\n"
	        "extensions: {file_storage/a: {directory: '%s/a'}, file_storage/b: {directory: '%s/b'}}\n"
	        "exporters:\n"
	        "  otlp_http/a: {endpoint: '%s', required: true, sending_queue: {storage: file_storage/a},\n"
	        "    retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}}\n"
	        "  nop: {required: false, sending_queue: {storage: file_storage/b}}\n"
	        "service: {extensions: [file_storage/a, file_storage/b], pipelines: {\n"
	        "  traces/both: {receivers: [otlp/both], exporters: [otlp_http/a, nop]},\n"
	        "  traces/one: {receivers: [otlp/one], exporters: [otlp_http/a]}}}\n",
	        directory, directory, base);
	uv_sem_init(&stall.begun, 0);
	uv_sem_init(&stall.over, 0);
	loop_post(store_writer_loop(exporter_storage(core_rig_exporter(&r, "nop"))->writer), &stall.mail);
	uv_sem_wait(&stall.begun);
	for (unsigned i = 0; i < 2; i++) {
		fds[i] = begin_post_to(&r, i, core_rig_spans(&r, i + 1));
		UNTIL(&r, core_rig_get(&r, "otlp_http/a", accepted) == (i ? 3 : 1));
	}
	/* both are in the first storage: when its thread has ended this turn the second one is committed, too */
	call_on(store_writer_loop(exporter_storage(core_rig_exporter(&r, "otlp_http/a"))->writer), do_nothing, NULL);
	uv_sem_post(&stall.over);
	UNTIL(&r, core_rig_get(&r, "nop", accepted) == 1);
	backend_set(&b, NULL, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(core_rig_read(&r, fds[i]).status, 200);
		close(fds[i]);
	}
	core_rig_stop(&r);
	backend_stop(&b);
	uv_sem_destroy(&stall.begun);
	uv_sem_destroy(&stall.over);
}

#define SMALL                                                                                                   \
	"receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"                                   \
	"extensions: {file_storage: {directory: '%s', max_size: 1MiB}}\n"                                       \
	"exporters: {otlp_http: {endpoint: '%s', compression: none, sending_queue: {storage: file_storage}}}\n" \
	"service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}\n"

/* One span whose name has n bytes. */
static slice large(struct core_rig *r, size_t n)
{
	char *name = arena_alloc(&r->arena, n + 1);
	memset(name, 'n', n);
	name[n] = 0;
	return core_rig_to_proto(r, TRACES,
	        arena_printf(&r->arena,
	                "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
	                "\"0102030405060708090a0b0c0d0e0f10\","
	                "\"spanId\":\"0102030405060708\",\"name\":\"%s\"}]}]}]}",
	                name));
}

/* What a storage of 1 MiB has room for is taken again and again; what it never has room for is no 503, which would be sent again for ever. */
static void large_records_in_a_small_storage(void **state UNUSED)
{
	enum { N = 12 };
	struct core_rig r;
	static struct backend b;
	char base[32];
	backend_start(&b, NULL, 0, base);
	core_rig_start(&r, SMALL, directory, base);
	slice fits = large(&r, 400 << 10), never = large(&r, 460 << 10);
	for (unsigned i = 0; i < N; i++) {
		struct answer a = { .status = 503 };
		UNTIL(&r, (a = core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, fits)).status != 503);
		assert_int_equal(a.status, 200);
		assert_int_equal(core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, never).status, 413);
	}
	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == N);
	core_rig_check_equation(&r);
	assert_int_equal(core_rig_get(&r, "otlp_http", accepted), N);
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_TOO_LARGE), N);
	assert_true(core_rig_received(&r, "otlp", TRACES).refused >= N);
	UNTIL(&r,
	        exporter_view(core_rig_exporter(&r, "otlp_http")).queue_size ==
	                0); /* given back after it was counted */
	core_rig_stop(&r);
	assert_int_equal(backend_all_spans(&b), N);
	backend_stop(&b);
}

#define TWO                                                                                              \
	"receivers: {otlp: {ack: %s, ack_timeout: 60s, protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n" \
	"extensions: {file_storage/large: {directory: '%s/large', max_size: 16MiB},\n"                   \
	"  file_storage/small: {directory: '%s/small', max_size: 1MiB}}\n"                               \
	"exporters:\n"                                                                                   \
	"  otlp_http/a: {endpoint: '%s', compression: none, %s}\n"                                       \
	"  otlp_http/b: {endpoint: '%s', compression: none, %s}\n"                                       \
	"service: {extensions: [file_storage/large, file_storage/small],\n"                              \
	"  pipelines: {%s}}\n"

#define SMALL_STORAGE "sending_queue: {storage: file_storage/small}"
#define LARGE_STORAGE "sending_queue: {storage: file_storage/large}"
#define IN_MEMORY "sending_queue: {sizer: requests}"
#define ONE_PIPELINE "traces: {receivers: [otlp], exporters: [otlp_http/b, otlp_http/a]}"
#define PIPELINE(name) "traces/" name ": {receivers: [otlp], exporters: [otlp_http/" name "]}"

struct too_large_row {
	const char *ack, *a, *b, *pipelines;
	size_t size;
	int status;
	bool a_has, b_has;
};

static void check_fate(struct core_rig *r, const char *id, const struct too_large_row *row, bool has)
{
	bool taken = row->status == 200;
	UNTIL(r, core_rig_get(r, id, delivered) == has);
	assert_int_equal(core_rig_get(r, id, accepted), taken);
	assert_int_equal(core_rig_get(r, id, dropped[DROP_OVERFLOW]), taken && !has);
	assert_int_equal(core_rig_get(r, id, enqueue_failed), taken && !has);
	struct exporter *e = core_rig_exporter(r, id);
	UNTIL(r, !exporter_view(e).queue_size);
	UNTIL(r, exporter_view(e).queue_bytes == 0);
}

static void post_too_large(const struct too_large_row *row, const char *place)
{
	struct core_rig r;
	static struct backend a, b;
	char base_a[32], base_b[32];
	backend_start(&a, NULL, 0, base_a);
	backend_start(&b, NULL, 0, base_b);
	core_rig_start(&r, TWO, row->ack, place, place, base_a, row->a, base_b, row->b, row->pipelines);
	struct answer answer = core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, large(&r, row->size));
	assert_int_equal(answer.status, row->status);
	check_fate(&r, "otlp_http/a", row, row->a_has);
	check_fate(&r, "otlp_http/b", row, row->b_has);
	core_rig_check_equation(&r);
	assert_int_equal(core_rig_has_logged(&r, "larger than the storage"), row->status == 200);
	assert_int_equal(core_rig_requests(&r, "otlp", REQUEST_TOO_LARGE), row->status == 413);
	assert_int_equal(core_rig_received(&r, "otlp", TRACES).accepted, row->status == 200);
	/* nothing of it is in the way of the next one */
	assert_int_equal(core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, core_rig_spans(&r, 1)).status, 200);
	core_rig_stop(&r);
	assert_int_equal(backend_all_spans(&a), row->a_has + 1);
	assert_int_equal(backend_all_spans(&b), row->b_has + 1);
	backend_stop(&a);
	backend_stop(&b);
}

/* A storage that never has room for a request refuses it for those who need that storage; who may lose data loses it, and the others get it. */
static void larger_than_the_storage_of_one(void **state UNUSED)
{
	static const struct too_large_row rows[] = {
		{ "auto", "required: true, " LARGE_STORAGE, "required: false, " SMALL_STORAGE, ONE_PIPELINE, 600 << 10,
		        200, true, false },
		{ "delivered", "required: true, " LARGE_STORAGE, "required: false, overflow: reject, " SMALL_STORAGE,
		        ONE_PIPELINE, 600 << 10, 200, true, false },
		{ "queued", "required: false, " LARGE_STORAGE, "overflow: drop_newest, " SMALL_STORAGE, ONE_PIPELINE,
		        600 << 10, 200, true, false },
		{ "auto", "required: true, " IN_MEMORY, "required: false, " SMALL_STORAGE, ONE_PIPELINE, 600 << 10, 200,
		        true, false }, /* no storage takes part then */
		{ "delivered", "required: true, " IN_MEMORY, "required: false, " SMALL_STORAGE, ONE_PIPELINE, 600 << 10,
		        200, true, false },
		{ "auto", "required: false, " SMALL_STORAGE, "required: false, " SMALL_STORAGE, ONE_PIPELINE, 600 << 10,
		        200, false, false },
		{ "auto", "required: false, " LARGE_STORAGE, "required: true, " SMALL_STORAGE, ONE_PIPELINE, 600 << 10,
		        413, false, false },
		{ "auto", "required: true, " SMALL_STORAGE, "required: false, " SMALL_STORAGE, ONE_PIPELINE, 600 << 10,
		        413, false, false },
		/* one storage, two records: each fits, both do not */
		{ "auto", "required: true, " SMALL_STORAGE, "required: false, " SMALL_STORAGE,
		        PIPELINE("a") ", " PIPELINE("b"), 300 << 10, 200, true, false },
		{ "auto", "required: false, " SMALL_STORAGE, "required: true, " SMALL_STORAGE,
		        PIPELINE("a") ", " PIPELINE("b"), 300 << 10, 200, false, true },
		{ "auto", "required: false, " SMALL_STORAGE, "required: false, " SMALL_STORAGE,
		        PIPELINE("a") ", " PIPELINE("b"), 300 << 10, 200, true, false },
		{ "auto", "required: true, " SMALL_STORAGE, "required: true, " SMALL_STORAGE,
		        PIPELINE("a") ", " PIPELINE("b"), 300 << 10, 413, false, false },
	};
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		char place[80];
		snprintf(place, sizeof place, "%s/%zu", directory, i);
		post_too_large(&rows[i], place);
	}
}

/* What limits an exporter's share of a storage is no other: a request that is larger than all of it is refused for good. */
static void larger_than_the_share_of_a_storage(void **state UNUSED)
{
	static const char *const limits[] = { "queue_size: 3, sizer: items", "queue_size: 250, sizer: bytes",
		"max_lag_bytes: 250" };
	for (size_t i = 0; i < COUNTOF(limits); i++) {
		struct core_rig r;
		static struct backend b;
		char base[32];
		backend_start(&b, NULL, 0, base);
		core_rig_start(&r,
		        "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"
		        "extensions: {file_storage: {directory: '%s/%zu'}}\n"
		        "exporters: {otlp_http: {endpoint: '%s', sending_queue: {storage: file_storage, %s}}}\n"
		        "service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: "
		        "[otlp_http]}}}\n",
		        directory, i, base, limits[i]);
		core_rig_take(&r, 20, 413);
		core_rig_take(&r, 1, 200);
		UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 1);
		assert_int_equal(core_rig_get(&r, "otlp_http", accepted), 1);
		core_rig_stop(&r);
		assert_int_equal(backend_all_spans(&b), 1);
		backend_stop(&b);
	}
}

#define FULL                                                                                          \
	"receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n"                         \
	"extensions: {file_storage: {directory: '%s', max_size: 16MiB}}\n"                            \
	"exporters: {otlp_http: {endpoint: '%s', compression: none, overflow: %s, required: false,\n" \
	"  sending_queue: {storage: file_storage, queue_size: 2, num_consumers: 1}}, nop: }\n"        \
	"service: {extensions: [file_storage], pipelines: {traces: {receivers: [otlp], exporters: [%s]}}}\n"

static void check_books(struct core_rig *r, uint64_t accepted, uint64_t dropped, uint64_t queued)
{
	UNTIL(r, core_rig_get(r, "otlp_http", dropped[DROP_OVERFLOW]) == dropped);
	core_rig_check_equation(r);
	assert_int_equal(core_rig_get(r, "otlp_http", accepted), accepted);
	assert_int_equal(core_rig_get(r, "otlp_http", queued), queued);
}

static void stop_with_backlog(struct core_rig *r)
{
	core_rig_drain(r, CORE_RIG_WAIT_S * NS_PER_S);
	UNTIL(r, r->drained);
	core_rig_check_equation(r);
	core_rig_free(r);
}

/* What a full queue drops without storing it is known to this process alone, and stays on its books when the exporter goes and comes back;
 * what was stored and is dropped is on the cursor's, too. The equation holds in the next process as in this one. */
static void drops_of_a_full_queue(void **state UNUSED)
{
	static const char *const rules[] = { "drop_newest", "drop_oldest" };
	for (size_t i = 0; i < COUNTOF(rules); i++) {
		bool stored = i == 1;
		struct core_rig r;
		char dead[32], path[80];
		int fd = backend_dead(dead);
		snprintf(path, sizeof path, "%s/%s", directory, rules[i]);
		core_rig_start(&r, FULL, path, dead, rules[i], "otlp_http");
		for (unsigned k = 0; k < 10; k++)
			core_rig_take(&r, 3, 200);
		check_books(&r, 30, 24, 6);
		core_rig_reload(&r, FULL, path, dead, rules[i], "nop");
		UNTIL(&r, r.core->orphans.n == 0);
		core_rig_reload(&r, FULL, path, dead, rules[i], "otlp_http");
		check_books(&r, 30, 24, 6);
		stop_with_backlog(&r);
		core_rig_start(&r, FULL, path, dead, rules[i], "otlp_http");
		check_books(&r, stored ? 30 : 6, stored ? 24 : 0, 6);
		stop_with_backlog(&r);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(delivered_before_it_is_committed, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(a_damaged_record_is_answered, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(one_of_two_storages_refuses, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(large_records_in_a_small_storage, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(larger_than_the_storage_of_one, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(larger_than_the_share_of_a_storage, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(drops_of_a_full_queue, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(committed_out_of_order, make_directory, remove_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
