/* test_storage.c - orphans of a storage that runs for days: told once, kept for a day, dropped then without a start or a reload; and options
 * that a reload changes.
 *
 * The main loop and the writer's are pumped here, on a fake clock.
 */
#include "lib/pipe/storage.h"
#include "tests/unit/lib/pipe/test_store.h"

#include <unistd.h>

enum { HOUR = 3600 };
#define WAITS "waits for it to come back"
#define DROPPED "is dropped now"
#define CHANGED "The storage's options changed"

struct place {
	struct world w;
	struct loop loop;
	struct storage *s;
	int log_fd;
};

static void place_open(struct place *p)
{
	char path[] = "/tmp/weir-storage-log-XXXXXX";
	enum store_open_result why;
	struct err e = { .text = "" };
	world_init(&p->w, 1);
	p->log_fd = mkstemp(path);
	assert_true(p->log_fd >= 0 && unlink(path) == 0);
	log_free(p->w.log);
	p->w.options.log = p->w.log =
	        log_new(&(struct log_conf){ .level = LOG_INFO, .fds = { p->log_fd }, .n_fds = 1 }, &p->w.clock.clock);
	assert_int_equal(loop_init(&p->loop, &p->w.clock.clock), 0);
	p->loop.pumped = true;
	p->s = storage_open(&p->w.options, &p->loop, p->w.log, &why, &e);
	if (!p->s)
		fail_msg("storage_open: %s", e.text);
	p->w.s = p->s->store;
}

static void place_close(struct place *p)
{
	storage_unref(p->s);
	p->w.s = NULL;
	loop_release(&p->loop);
	close(p->log_fd);
	world_release(&p->w);
}

static void pass(struct place *p, unsigned hours)
{
	for (unsigned i = 0; i < 4 * hours; i++) {
		fake_clock_advance(&p->w.clock, (int64_t)HOUR / 4 * NS);
		loop_pump(&p->loop);
		loop_pump(store_writer_loop(p->s->writer));
	}
}

static unsigned count_said(struct place *p, const char *text)
{
	static char said[64 << 10];
	ssize_t n = pread(p->log_fd, said, sizeof said - 1, 0);
	unsigned times = 0;
	assert_in_range(n, 0, sizeof said - 1);
	said[n] = 0;
	for (const char *at = said; (at = strstr(at, text)); at++)
		times++;
	return times;
}

static struct cursor_counts counts_of(struct place *p, const char *name)
{
	struct cursor *c = cursor_open(p->s->store, name, NULL, NULL);
	assert_non_null(c);
	struct cursor_counts n = cursor_counts(c);
	cursor_close(c);
	return n;
}

static void test_dropped_after_a_day(void **state)
{
	static struct place p;
	(void)state;
	place_open(&p);
	p.w.c[0] = cursor_open(p.s->store, "a", NULL, NULL);
	p.w.c[1] = cursor_open(p.s->store, "b", NULL, NULL);
	storage_check_orphans(p.s); /* as a start does */
	assert_int_equal(put(&p.w, 40, 1000, 3, NULL), 0); /* three segments */
	assert_int_equal(put(&p.w, 1, 1000, 1, NULL), 0);
	assert_int_equal(drain(&p.w, 0), 41);
	pass(&p, 30); /* b is slow, and no orphan */
	uint64_t before = store_bytes(p.s->store);
	cursor_close(p.w.c[1]); /* now it is: an exporter that a reload removed had been drained */
	p.w.c[1] = NULL;
	assert_int_equal(count_said(&p, WAITS), 0);
	pass(&p, 23);
	assert_int_equal(count_said(&p, WAITS), 1);
	assert_int_equal(count_said(&p, DROPPED), 0);
	assert_true(store_bytes(p.s->store) >= before);
	pass(&p, 3);
	assert_int_equal(count_said(&p, WAITS), 1);
	assert_int_equal(count_said(&p, DROPPED), 1);
	struct cursor_counts n = counts_of(&p, "b");
	assert_int_equal(n.queued_records, 0);
	uint64_t items = 0, dropped = 0;
	for (uint64_t id = 1; id <= 40; id++)
		items += items_of(id);
	for (unsigned k = 0; k < N_SIGNALS; k++)
		dropped += n.by_signal[k].dropped[DROP_ORPHANED];
	assert_int_equal(dropped, items);
	assert_true(store_bytes(p.s->store) < before); /* without waiting for an append */
	pass(&p, 30);
	assert_int_equal(count_said(&p, DROPPED), 1);
	cursor_close(p.w.c[0]);
	p.w.c[0] = NULL;
	place_close(&p);
}

/* What a start finds is told then, and once; who comes back finds everything. */
static void test_told_once(void **state)
{
	static struct place p;
	(void)state;
	place_open(&p);
	p.w.c[0] = cursor_open(p.s->store, "a", NULL, NULL);
	assert_int_equal(put(&p.w, 2, 100, 1, NULL), 0);
	cursor_close(p.w.c[0]);
	pass(&p, 1);
	assert_int_equal(count_said(&p, WAITS), 1);
	storage_check_orphans(p.s); /* a reload says what there is */
	assert_int_equal(count_said(&p, WAITS), 2);
	pass(&p, 20);
	assert_int_equal(count_said(&p, WAITS), 2);
	p.w.c[0] = cursor_open(p.s->store, "a", NULL, NULL);
	pass(&p, 40);
	assert_int_equal(count_said(&p, DROPPED), 0);
	assert_int_equal(drain(&p.w, 0), 2);
	cursor_close(p.w.c[0]);
	p.w.c[0] = NULL;
	pass(&p, 40); /* nothing waits for it */
	assert_int_equal(count_said(&p, WAITS) + count_said(&p, DROPPED), 2);
	place_close(&p);
}

/* What a graph asks for that fails to start is forgotten. */
static void test_options_of_a_reload(void **state)
{
	static struct place p;
	(void)state;
	place_open(&p);
	struct store_options o = p.w.options;
	p.w.c[0] = cursor_open(p.s->store, "a", NULL, NULL);
	assert_int_equal(put(&p.w, 1, 1000, 1, NULL), 0);
	storage_commit(p.s); /* of the start */
	assert_int_equal(count_said(&p, CHANGED), 0);
	o.sync = false;
	o.max_size = 1 << 20;
	o.directory = NULL;
	storage_prepare(p.s, &o); /* and the reload fails */
	uint64_t before = fake_disk_calls(p.w.f, FAKE_SYNC);
	assert_int_equal(put(&p.w, 1, 1000, 1, NULL), 0);
	assert_int_equal(fake_disk_calls(p.w.f, FAKE_SYNC), before + 1);
	storage_prepare(p.s, &p.w.options);
	storage_commit(p.s);
	assert_int_equal(count_said(&p, CHANGED), 0);
	assert_false(storage_is_pressed(p.s));
	storage_prepare(p.s, &o);
	storage_commit(p.s);
	assert_int_equal(count_said(&p, CHANGED), 1);
	assert_int_equal(count_said(&p, "max_size=1048576"), 1);
	before = fake_disk_calls(p.w.f, FAKE_SYNC);
	assert_int_equal(put(&p.w, 10, 30000, 1, NULL), 0);
	assert_true(storage_is_pressed(p.s));
	assert_false(store_reserve(p.s->store, 600 << 10));
	o.sync = true;
	storage_prepare(p.s, &o);
	before = fake_disk_calls(p.w.f, FAKE_SYNC);
	storage_commit(p.s);
	loop_pump(store_writer_loop(p.s->writer));
	fake_clock_advance(&p.w.clock, NS);
	loop_pump(store_writer_loop(p.s->writer)); /* what was there is synced without an append */
	assert_true(fake_disk_calls(p.w.f, FAKE_SYNC) > before + 1);
	assert_int_equal(drain(&p.w, 0), 12);
	cursor_close(p.w.c[0]);
	p.w.c[0] = NULL;
	place_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dropped_after_a_day),
		cmocka_unit_test(test_told_once),
		cmocka_unit_test(test_options_of_a_reload),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
