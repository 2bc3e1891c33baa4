/* test_store_inspect.c - a storage seen from outside says what its owner says, while it is open, after it, and when it is damaged. */
#include "lib/pipe/store_inspect.h"
#include "tests/unit/lib/pipe/test_store.h"

static struct store_view look(struct world *w)
{
	struct store_view v;
	struct err e = { .text = "" };
	int rc = store_inspect(&w->f->disk, DIR, &v, &e);
	if (rc)
		fail_msg("store_inspect: %d %s", rc, e.text);
	return v;
}

static const struct exporter_backlog *find(const struct store_view *v, const char *name)
{
	for (size_t i = 0; i < v->n_exporters; i++)
		if (!strcmp(v->exporters[i].name, name))
			return &v->exporters[i];
	fail_msg("no exporter %s", name);
	return NULL;
}

static uint64_t arrival(const struct world *w, uint64_t id)
{
	return (uint64_t)w->clock.wall_ns + id;
}

static void check_same(struct world *w, const struct store_view *v, unsigned i, const char *name)
{
	struct cursor_counts want = cursor_counts(w->c[i]);
	const struct exporter_backlog *b = find(v, name);
	assert_memory_equal(&b->counts, &want, sizeof(want));
}

static uint64_t writes(struct world *w)
{
	static const enum fake_call calls[] = { FAKE_WRITE, FAKE_PWRITEV, FAKE_SYNC, FAKE_RENAME, FAKE_UNLINK,
		FAKE_MKDIRS, FAKE_TRUNCATE, FAKE_ALLOCATE, FAKE_SYNC_DIR, FAKE_LOCK };
	uint64_t n = 0;
	for (size_t i = 0; i < COUNTOF(calls); i++)
		n += fake_disk_calls(w->f, calls[i]);
	return n;
}

static void test_beside_a_running_one(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 1);
	world_open(&w, 2);
	assert_int_equal(put(&w, 20, 1000, 3, NULL), 0); /* two segments */
	for (uint64_t id = 1; id <= 20; id++)
		assert_int_equal(next(&w, 0), id);
	deliver(&w, 0, 1);
	deliver(&w, 0, 2);
	deliver(&w, 0, 4);
	assert_int_equal(store_checkpoint(w.s), 0);
	uint64_t before = writes(&w);
	struct store_view v = look(&w);
	assert_int_equal(writes(&w), before);
	check_same(&w, &v, 0, "a");
	check_same(&w, &v, 1, "b");
	assert_int_equal(find(&v, "a")->oldest_wall_ns, arrival(&w, 3));
	assert_int_equal(find(&v, "b")->oldest_wall_ns, arrival(&w, 1));
	assert_int_equal(find(&v, "a")->closed_wall_ns, 0);
	assert_int_equal(v.total_bytes, store_bytes(w.s));
	assert_int_equal(v.n_letters, 0);
	store_view_release(&v);
	deliver(&w, 0, 3); /* now 4 is behind it, which only a range says */
	assert_int_equal(store_checkpoint(w.s), 0);
	v = look(&w);
	assert_int_equal(find(&v, "a")->oldest_wall_ns, arrival(&w, 5));
	check_same(&w, &v, 0, "a");
	store_view_release(&v);
	world_release(&w);
}

/* What the cursor file does not know yet waits. */
static void test_behind_the_checkpoint(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 2);
	world_open(&w, 2);
	assert_int_equal(put(&w, 3, 100, 1, NULL), 0);
	assert_int_equal(drain(&w, 0), 3);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_int_equal(put(&w, 5, 100, 1, NULL), 0);
	assert_int_equal(put(&w, 40, 1000, 2, NULL), 0); /* rolls, which is a checkpoint, too */
	assert_int_equal(put(&w, 2, 100, 3, NULL), 0);
	struct store_view v = look(&w);
	check_same(&w, &v, 0, "a");
	check_same(&w, &v, 1, "b");
	assert_int_equal(find(&v, "a")->oldest_wall_ns, arrival(&w, 4));
	assert_int_equal(find(&v, "b")->oldest_wall_ns, arrival(&w, 9));
	assert_true(v.n_segments >= 3);
	store_view_release(&v);
	/* a name that no cursor has is found in the log */
	assert_int_equal(put(&w, 1, 100, 4, NULL), 0);
	v = look(&w);
	assert_int_equal(find(&v, "c")->counts.queued_records, 1);
	store_view_release(&v);
	world_release(&w);
}

/* A record behind the cursor's place may be resolved since an earlier run. */
static void test_resolved_before(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 9);
	world_open(&w, 1);
	assert_int_equal(put(&w, 4, 100, 1, NULL), 0);
	for (uint64_t id = 1; id <= 4; id++)
		assert_int_equal(next(&w, 0), id);
	deliver(&w, 0, 2);
	world_close(&w);
	world_open(&w, 1);
	assert_int_equal(next(&w, 0), 1);
	deliver(&w, 0, 1);
	assert_int_equal(store_checkpoint(w.s), 0);
	struct store_view v = look(&w);
	assert_int_equal(find(&v, "a")->oldest_wall_ns, arrival(&w, 3));
	assert_int_equal(find(&v, "a")->counts.queued_records, 2);
	store_view_release(&v);
	world_release(&w);
}

/* What stands behind the end of a segment was never promised, and does not wait. */
static void test_refused_append(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 10);
	world_open(&w, 2);
	assert_int_equal(put(&w, 5, 100, 1, NULL), 0);
	fake_disk_fail(w.f, &(struct fake_fault){ .call = FAKE_TRUNCATE, .error = EIO });
	fake_disk_fail(w.f, &(struct fake_fault){ .call = FAKE_SYNC, .path = "seg-", .times = 2, .error = EIO });
	assert_int_equal(put(&w, 2, 100, 1, NULL), -EIO);
	fake_clock_advance(&w.clock, 2 * (int64_t)NS);
	assert_int_equal(put(&w, 3, 100, 2, NULL), 0);
	struct store_view v = look(&w);
	check_same(&w, &v, 0, "a");
	check_same(&w, &v, 1, "b");
	store_view_release(&v);
	world_release(&w);
}

static void test_after_it(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 3);
	world_open(&w, 2);
	assert_int_equal(put(&w, 6, 100, 1, NULL), 0);
	struct cursor_counts want = cursor_counts(w.c[0]);
	int64_t closed = w.clock.wall_ns;
	world_close(&w);
	fake_clock_advance(&w.clock, 100 * (int64_t)NS);
	struct store_view v = look(&w);
	assert_memory_equal(&find(&v, "a")->counts, &want, sizeof(want));
	assert_int_equal(find(&v, "a")->closed_wall_ns, closed);
	assert_int_equal(find(&v, "b")->oldest_wall_ns, 0);
	store_view_release(&v);
	world_release(&w);
}

static void test_nothing_there(void **state)
{
	struct world w;
	struct store_view v;
	struct err e;
	(void)state;
	world_init(&w, 4);
	assert_int_equal(store_inspect(&w.f->disk, DIR, &v, &e), -ENOENT);
	fake_disk_put(w.f, DIR "/notes.txt", SLICE("somebody's"));
	assert_int_equal(store_inspect(&w.f->disk, DIR, &v, &e), -ENOENT);
	fake_disk_fail(w.f, &(struct fake_fault){ .call = FAKE_LIST, .times = 1, .error = EACCES });
	assert_int_equal(store_inspect(&w.f->disk, DIR, &v, &e), -1);
	assert_non_null(strstr(e.text, DIR));
	world_release(&w);
}

struct tear {
	struct fake_disk *f;
	unsigned n_opens, heal_at;
};

static void flip_slots(struct fake_disk *f)
{
	fake_disk_flip(f, DIR "/cursor", 40 * 8);
	fake_disk_flip(f, DIR "/cursor", ((uint64_t)(256 << 10) + 40) * 8);
}

static void heal(void *ctx, enum fake_call call, const char *path)
{
	struct tear *t = ctx;
	if (call == FAKE_OPEN && path && strstr(path, "/cursor") && ++t->n_opens == t->heal_at)
		flip_slots(t->f);
}

static void test_torn_cursor_file(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 5);
	world_open(&w, 1);
	assert_int_equal(put(&w, 4, 100, 1, NULL), 0);
	assert_int_equal(next(&w, 0), 1);
	deliver(&w, 0, 1);
	assert_int_equal(store_checkpoint(w.s), 0);
	struct tear t = { .f = w.f, .heal_at = 3 }; /* is it there, the first try, the second */
	flip_slots(w.f);
	w.f->ctx = &t;
	w.f->on_call = heal;
	struct store_view v = look(&w);
	w.f->on_call = NULL;
	assert_true(t.n_opens >= t.heal_at);
	check_same(&w, &v, 0, "a");
	store_view_release(&v);
	/* for good: all of the log waits, as the next start will say */
	flip_slots(w.f);
	v = look(&w);
	assert_int_equal(find(&v, "a")->counts.queued_records, 4);
	assert_int_equal(find(&v, "a")->oldest_wall_ns, arrival(&w, 1));
	store_view_release(&v);
	flip_slots(w.f);
	world_release(&w);
}

static void test_newer_version(void **state)
{
	struct world w;
	struct store_view v;
	struct err e;
	unsigned char p[SEGMENT_HEADER];
	static const unsigned char zeros[4];
	(void)state;
	world_init(&w, 6);
	world_open(&w, 1);
	world_close(&w);
	segment_header_write(&(struct segment_header){ .number = 9, .first_seq = 1 }, p);
	store_put32(p + 8, STORE_VERSION + 1);
	store_put32(p + 12, crc32c(crc32c(crc32c(0, p, 12), zeros, 4), p + 16, SEGMENT_HEADER - 16));
	fake_disk_put(w.f, DIR "/seg-0000000000000009.log", (slice){ (char *)p, sizeof(p) });
	assert_int_equal(store_inspect(&w.f->disk, DIR, &v, &e), -1);
	assert_non_null(strstr(e.text, "newer"));
	world_release(&w);
}

/* Damage anywhere in a log changes numbers and nothing else. */
static void test_flipped_bits(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 7);
	w.options.segment_size = 2048;
	world_open(&w, 1);
	assert_int_equal(put(&w, 3, 40, 1, NULL), 0);
	uint64_t before = writes(&w);
	for (uint64_t bit = 0; bit < 700 * 8; bit += 3) {
		fake_disk_flip(w.f, DIR "/seg-0000000000000001.log", bit);
		struct store_view v = look(&w);
		assert_true(find(&v, "a")->counts.queued_records <= 3);
		assert_int_equal(v.damage.n_bytes, 0); /* it may be a record that is being written */
		store_view_release(&v);
		fake_disk_flip(w.f, DIR "/seg-0000000000000001.log", bit);
	}
	assert_int_equal(writes(&w), before);
	world_release(&w);
}

static void test_dead_letters_are_counted(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 8);
	fake_disk_put(w.f, DIR "/dlq/letter-0000000000000001.log", SLICE("12345"));
	fake_disk_put(w.f, DIR "/dlq/letter-0000000000000002.tmp", SLICE("12345"));
	struct store_view v = look(&w);
	assert_int_equal(v.n_letters, 1);
	assert_int_equal(v.letter_bytes, 5);
	assert_int_equal(v.total_bytes, 5);
	assert_int_equal(v.n_exporters, 0);
	store_view_release(&v);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beside_a_running_one),
		cmocka_unit_test(test_behind_the_checkpoint),
		cmocka_unit_test(test_resolved_before),
		cmocka_unit_test(test_refused_append),
		cmocka_unit_test(test_after_it),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_torn_cursor_file),
		cmocka_unit_test(test_newer_version),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_dead_letters_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
