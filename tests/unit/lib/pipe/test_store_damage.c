/* test_store_damage.c - bits flip, files are cut, zeroed, deleted, replaced: the store always opens, gives all that is not damaged, and
 * accounts for the rest; it leaves alone what it does not understand.
 */
#include "tests/unit/lib/pipe/test_store.h"

#define SEG(n) DIR "/seg-000000000000000" #n ".log"

enum { N_RECORDS = 9 };

/* Nine records for "a" in three segments, nothing resolved, closed. */
static struct fake_image *make_small_log(struct world *w, uint64_t seed)
{
	world_init(w, seed);
	w->options.segment_size = 560;
	world_open(w, 1);
	for (unsigned i = 0; i < N_RECORDS; i++)
		assert_int_equal(put(w, 1, 20 + i, 1, NULL), 0);
	world_close(w);
	assert_true(fake_disk_exists(w->f, SEG(3)) && !fake_disk_exists(w->f, SEG(4)));
	return fake_disk_snapshot(w->f);
}

/* The id of the record whose bytes (without padding) hold this offset of this segment; 0: none. */
static uint64_t record_at(const struct world *w, struct fake_disk *f, const char *path, uint64_t offset)
{
	size_t len;
	char *p = fake_disk_get(f, path, &len);
	uint64_t at = SEGMENT_HEADER, found = 0;
	while (at + RECORD_HEADER <= len && !found) {
		const unsigned char *h = (const unsigned char *)p + at;
		uint32_t payload = store_get32(h + 8);
		uint64_t seq = store_get64(h + 16);
		if (offset >= at && offset < at + RECORD_HEADER + payload)
			for (uint64_t id = 1; id < w->next_id; id++)
				found = w->seq[id] == seq ? id : found;
		at += record_size(payload);
	}
	free(p);
	return found;
}

/* Reads all for "a": everything but `but`, in order. Whether that one came. */
static bool check_all_but(struct world *w, uint64_t but)
{
	bool came = false;
	uint64_t want = 1;
	for (int64_t id; (id = next(w, 0)) != 0;) {
		assert_true(id > 0);
		if (want == but && (uint64_t)id != but)
			want++;
		assert_int_equal(id, want);
		came = came || (uint64_t)id == but;
		want++;
		deliver(w, 0, (uint64_t)id);
	}
	if (want == but)
		want++;
	assert_int_equal(want, w->next_id);
	check_equation(w->c[0]);
	assert_int_equal(COUNT(w->c[0], queued), 0);
	return came;
}

static uint64_t all_items(const struct world *w)
{
	uint64_t n = 0;
	for (uint64_t id = 1; id < w->next_id; id++)
		n += items_of(id);
	return n;
}

static void flip_all(bool lose_cursors, unsigned stride)
{
	static const char *const paths[] = { SEG(1), SEG(2), SEG(3) };
	struct world w;
	struct fake_image *image = make_small_log(&w, 1);
	for (size_t k = 0; k < COUNTOF(paths); k++) {
		fake_disk_restore(w.f, image);
		uint64_t n_bits = 8 * (uint64_t)fake_disk_size(w.f, paths[k]);
		for (uint64_t bit = 0; bit < n_bits; bit += stride) {
			fake_disk_restore(w.f, image);
			if (lose_cursors)
				w.f->disk.unlink(&w.f->disk, DIR "/cursor");
			uint64_t hit = record_at(&w, w.f, paths[k], bit / 8);
			fake_disk_flip(w.f, paths[k], bit);
			world_open(&w, 1);
			bool came = check_all_but(&w, hit);
			assert_true(!came || !hit);
			struct store_damage d = store_damage(w.s);
			if (!lose_cursors) {
				assert_int_equal(COUNT(w.c[0], accepted), all_items(&w));
				assert_int_equal(COUNT(w.c[0], dropped[DROP_CORRUPT]), hit ? items_of(hit) : 0);
				assert_int_equal(d.n_records, hit != 0);
			} else if (hit == N_RECORDS) /* as an interrupted append would: cut, and never accepted */
				assert_int_equal(COUNT(w.c[0], accepted), all_items(&w) - items_of(hit));
			assert_true(!hit || d.n_records || d.n_bytes);
			world_close(&w);
		}
	}
	fake_image_free(image);
	world_release(&w);
}

static void test_flip_every_bit(void **state)
{
	(void)state;
	flip_all(false, 1);
}

static void test_flip_without_cursors(void **state)
{
	(void)state;
	flip_all(true, 3);
}

/* A flip in the cursor file costs nothing, or the last checkpoint: there is the other slot. */
static void test_flip_cursor_file(void **state)
{
	struct world w;
	struct fake_image *image;
	(void)state;
	world_init(&w, 2);
	world_open(&w, 1);
	assert_int_equal(put(&w, 6, 50, 1, NULL), 0);
	assert_int_equal(next(&w, 0), 1);
	deliver(&w, 0, 1);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_int_equal(next(&w, 0), 2);
	deliver(&w, 0, 2);
	world_close(&w);
	image = fake_disk_snapshot(w.f);
	for (unsigned slot = 0; slot < 2; slot++)
		for (uint64_t bit = 0; bit < 8 * 800; bit += 5) {
			fake_disk_restore(w.f, image);
			fake_disk_flip(w.f, DIR "/cursor", (uint64_t)slot * (256 << 13) + bit);
			world_open(&w, 1);
			int64_t id = next(&w, 0);
			assert_in_range(id, 2, 3);
			deliver(&w, 0, (uint64_t)id);
			assert_int_equal(drain(&w, 0), 6 - id);
			assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
			assert_int_equal(COUNT(w.c[0], accepted), all_items(&w));
			world_close(&w);
		}
	fake_image_free(image);
	world_release(&w);
}

static void test_both_slots_bad(void **state)
{
	struct world w;
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		world_init(&w, 3);
		w.options.segment_size = 1000;
		world_open(&w, 2);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(put(&w, 1, 100, i % 4 ? 1 : 3, NULL), 0);
		drain(&w, 0);
		world_close(&w);
		if (how == 0)
			w.f->disk.unlink(&w.f->disk, DIR "/cursor");
		else if (how == 1)
			fake_disk_put(w.f, DIR "/cursor", SLICE("garbage"));
		else if (how == 2)
			fake_disk_truncate(w.f, DIR "/cursor", 0);
		else
			fake_disk_symlink(w.f, DIR "/cursor.new", "/etc/passwd");
		world_open(&w, 2);
		assert_int_equal(drain(&w, 1), 5);
		assert_int_equal(drain(&w, 0), how == 3 ? 0 : 20); /* again, but nothing is lost */
		assert_int_equal(COUNT(w.c[0], delivered), COUNT(w.c[0], accepted));
		uint64_t last = w.last_seq;
		assert_int_equal(put(&w, 1, 100, 3, NULL), 0);
		assert_int_equal(w.last_seq, last + 1);
		world_release(&w);
	}
}

/* The newest segment ends anywhere in its last three records. */
static void test_truncate_everywhere(void **state)
{
	struct world w;
	(void)state;
	for (unsigned clean = 0; clean < 2; clean++) {
		world_init(&w, 4);
		world_open(&w, 1);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(put(&w, 1, 30 + i, 1, NULL), 0);
		int64_t ends[9] = { SEGMENT_HEADER };
		if (clean)
			world_close(&w);
		else
			fake_disk_settle(w.f);
		struct fake_image *image = fake_disk_snapshot(w.f);
		if (!clean)
			world_close(&w);
		size_t len;
		fake_disk_restore(w.f, image);
		char *p = fake_disk_get(w.f, SEG(1), &len);
		for (unsigned i = 0; i < 8; i++)
			ends[i + 1] = ends[i] + (int64_t)record_size(store_get32((unsigned char *)p + ends[i] + 8));
		free(p);
		for (int64_t cut = ends[5]; cut <= ends[8]; cut++) {
			fake_disk_restore(w.f, image);
			fake_disk_truncate(w.f, SEG(1), cut);
			world_open(&w, 1);
			unsigned whole = cut == ends[8] ? 8 : cut >= ends[7] ? 7 : cut >= ends[6] ? 6 : 5;
			/* padding that is gone cannot be told from bytes that are */
			assert_int_equal(drain(&w, 0), whole);
			assert_int_equal(COUNT(w.c[0], queued), 0);
			if (clean)
				assert_int_equal(COUNT(w.c[0], accepted), all_items(&w));
			assert_int_equal(store_damage(w.s).n_bytes, cut - ends[whole]);
			w.last_seq = clean ? 8 : 0; /* what no cursor file knew and no log has may be given again */
			assert_int_equal(put(&w, 1, 30, 1, NULL), 0);
			assert_int_equal(drain(&w, 0), 1);
			world_close(&w);
			w.next_id = 9;
		}
		fake_image_free(image);
		world_release(&w);
	}
}

/* A page of zeros or garbage in the middle: the records that it touches are lost, no other. */
static void test_bad_page(void **state)
{
	(void)state;
	for (unsigned garbage = 0; garbage < 2; garbage++) {
		struct world w;
		size_t len;
		world_init(&w, 5);
		w.options.segment_size = 64 << 10;
		world_open(&w, 1);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(put(&w, 1, 1000, 1, NULL), 0);
		world_close(&w);
		char *p = fake_disk_get(w.f, SEG(1), &len);
		for (unsigned i = 8192; i < 12288; i++)
			p[i] = garbage ? (char)world_random(&w) : 0;
		fake_disk_put(w.f, SEG(1), (slice){ p, len });
		free(p);
		world_open(&w, 2);
		unsigned n = drain(&w, 0);
		assert_in_range(n, 94, 96);
		assert_int_equal(store_damage(w.s).n_records, 100 - n);
		assert_int_equal(COUNT(w.c[0], accepted), all_items(&w));
		assert_int_equal(
		        COUNT(w.c[0], accepted), COUNT(w.c[0], delivered) + COUNT(w.c[0], dropped[DROP_CORRUPT]));
		assert_true(fake_disk_logged(w.f, FAKE_WRITE, ".bin") > 0); /* in quarantine/ */
		world_close(&w);
		world_open(&w, 1); /* it is not counted again */
		assert_int_equal(store_damage(w.s).n_records, 100 - n);
		world_release(&w);
	}
}

/* Several exporters pass the same damage: it is counted once. */
static void test_counted_once(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 6);
	world_open(&w, 3);
	assert_int_equal(put(&w, 10, 100, 7, NULL), 0);
	world_close(&w);
	fake_disk_flip(w.f, SEG(1), 8 * (SEGMENT_HEADER + 18)); /* the first header */
	size_t len;
	char *p = fake_disk_get(w.f, SEG(1), &len);
	fake_disk_flip(w.f, SEG(1), 8 * (len - 20)); /* the last body */
	free(p);
	world_open(&w, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(drain(&w, i), 8);
	struct store_damage d = store_damage(w.s);
	assert_int_equal(d.n_records, 2);
	assert_int_equal(d.n_items, items_of(10));
	assert_true(d.n_bytes > 100 && d.n_bytes < 300);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(COUNT(w.c[i], dropped[DROP_CORRUPT]), items_of(1) + items_of(10));
	world_release(&w);
}

static void test_foreign_files(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 7);
	w.options.segment_size = 1000;
	world_open(&w, 1);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	world_close(&w);
	assert_true(fake_disk_exists(w.f, SEG(3)));
	fake_disk_put(w.f, "/elsewhere", SLICE("not ours"));
	fake_disk_put(w.f, DIR "/seg-1.log", SLICE("x"));
	fake_disk_put(w.f, DIR "/seg-000000000000000G.log", SLICE("x"));
	fake_disk_put(w.f, DIR "/notes.txt", SLICE("x"));
	fake_disk_put(w.f, SEG(7), SLICE("")); /* made, and then there was no power */
	fake_disk_symlink(w.f, SEG(8), "/elsewhere");
	assert_int_equal(w.f->disk.mkdirs(&w.f->disk, SEG(9), 0700), 0);
	w.f->disk.unlink(&w.f->disk, SEG(2));
	world_open(&w, 1);
	unsigned n = drain(&w, 0);
	assert_in_range(n, 6, 9); /* all but those of the segment that is gone */
	assert_int_equal(store_damage(w.s).n_records, 12 - n);
	assert_int_equal(COUNT(w.c[0], accepted), all_items(&w));
	assert_int_equal(COUNT(w.c[0], queued), 0);
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	assert_true(fake_disk_exists(w.f, DIR "/seg-000000000000000a.log"));
	assert_int_equal(drain(&w, 0), 1);
	assert_int_equal(store_checkpoint(w.s), 0);
	assert_int_equal(fake_disk_size(w.f, "/elsewhere"), 8);
	assert_true(fake_disk_exists(w.f, DIR "/seg-1.log") && fake_disk_exists(w.f, DIR "/notes.txt"));
	assert_true(fake_disk_exists(w.f, SEG(8)) && fake_disk_exists(w.f, SEG(9)));
	assert_false(fake_disk_exists(w.f, SEG(1)));
	world_release(&w);
}

/* A copy of a segment under a higher number: no record twice. */
static void test_copied_segment(void **state)
{
	struct world w;
	size_t len;
	(void)state;
	struct fake_image *image = make_small_log(&w, 11);
	char *p = fake_disk_get(w.f, SEG(1), &len);
	fake_disk_put(w.f, SEG(5), (slice){ p, len });
	free(p);
	world_open(&w, 1);
	assert_false(check_all_but(&w, 0));
	assert_int_equal(put(&w, 1, 30, 1, NULL), 0);
	assert_int_equal(drain(&w, 0), 1);
	fake_image_free(image);
	world_release(&w);
}

/* The cursor file is of another time than the log. */
static void test_cursor_file_of_another_time(void **state)
{
	struct world w;
	size_t len;
	(void)state;
	world_init(&w, 8);
	world_open(&w, 1);
	assert_int_equal(put(&w, 5, 100, 1, NULL), 0);
	world_close(&w);
	char *old = fake_disk_get(w.f, DIR "/cursor", &len);
	world_open(&w, 1);
	drain(&w, 0);
	for (unsigned i = 0; i < 60; i++) /* so many that the newest segment is small, and stays */
		assert_int_equal(put(&w, 1, 500, 1, NULL), 0);
	drain(&w, 0);
	world_close(&w);
	assert_false(fake_disk_exists(w.f, SEG(1)));
	assert_true(fake_disk_exists(w.f, SEG(4)));
	fake_disk_put(w.f, DIR "/cursor", (slice){ old, len }); /* older: its segments are gone */
	free(old);
	world_open(&w, 1);
	drain(&w, 0);
	assert_int_equal(COUNT(w.c[0], queued), 0);
	uint64_t last = w.last_seq;
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	assert_true(w.last_seq > last);
	assert_int_equal(drain(&w, 0), 1);
	world_close(&w);
	/* ahead: all segments are gone */
	for (unsigned i = 1; i < 9; i++) {
		char path[64];
		snprintf(path, sizeof(path), DIR "/seg-%016x.log", i);
		w.f->disk.unlink(&w.f->disk, path);
	}
	world_open(&w, 1);
	assert_int_equal(next(&w, 0), 0);
	last = w.last_seq;
	assert_int_equal(put(&w, 1, 100, 1, NULL), 0);
	assert_true(w.last_seq > last);
	assert_int_equal(drain(&w, 0), 1);
	world_release(&w);
}

static void expect_refusal(struct world *w, enum store_open_result want, const char *word)
{
	struct store *s = NULL;
	struct err e = { .text = "" };
	assert_int_equal(store_open(&w->options, &s, &e), want);
	assert_null(s);
	assert_non_null(strstr(e.text, DIR));
	if (!strstr(e.text, word))
		fail_msg("\"%s\" without \"%s\"", e.text, word);
}

static uint64_t changes(struct fake_disk *f)
{
	static const enum fake_call calls[] = { FAKE_WRITE, FAKE_PWRITEV, FAKE_RENAME, FAKE_UNLINK, FAKE_TRUNCATE,
		FAKE_ALLOCATE };
	uint64_t n = 0;
	for (size_t i = 0; i < COUNTOF(calls); i++)
		n += fake_disk_calls(f, calls[i]);
	return n;
}

static void test_refusals(void **state)
{
	struct world w;
	unsigned char header[SEGMENT_HEADER];
	size_t len;
	(void)state;
	struct fake_image *image = make_small_log(&w, 9);
	world_open(&w, 1);
	expect_refusal(&w, STORE_LOCKED, "another process");
	assert_int_equal(drain(&w, 0), N_RECORDS); /* the first is unharmed */
	world_close(&w);

	/* a segment of version 2: its header has a version and a CRC in the same place */
	fake_disk_restore(w.f, image);
	char *p = fake_disk_get(w.f, SEG(2), &len);
	memcpy(header, p, sizeof(header));
	store_put32(header + 8, 2);
	store_put32(header + 12, 0);
	store_put32(header + 12, crc32c(0, header, sizeof(header)));
	memcpy(p, header, sizeof(header));
	fake_disk_put(w.f, SEG(2), (slice){ p, len });
	free(p);
	uint64_t before = changes(w.f);
	expect_refusal(&w, STORE_NEWER, "newer version");
	assert_int_equal(changes(w.f), before);

	/* the same of the cursor file */
	fake_disk_restore(w.f, image);
	p = fake_disk_get(w.f, DIR "/cursor", &len);
	for (unsigned slot = 0; slot < 2; slot++) {
		unsigned char *q = (unsigned char *)p + slot * (256 << 10);
		store_put32(q + 8, 2);
		store_put32(q + 12, 0);
		store_put32(q + 12, crc32c(0, q, store_get32(q + 24)));
	}
	fake_disk_put(w.f, DIR "/cursor", (slice){ p, len });
	free(p);
	before = changes(w.f);
	expect_refusal(&w, STORE_NEWER, "newer version");
	assert_int_equal(changes(w.f), before);

	w.options.create = false;
	fake_disk_restore(w.f, image);
	w.options.directory = "/missing" DIR;
	expect_refusal(&w, STORE_UNUSABLE, "create_directory");
	w.options.directory = DIR;
	world_open(&w, 1);
	assert_int_equal(drain(&w, 0), N_RECORDS);
	fake_image_free(image);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flip_every_bit),
		cmocka_unit_test(test_flip_without_cursors),
		cmocka_unit_test(test_flip_cursor_file),
		cmocka_unit_test(test_both_slots_bad),
		cmocka_unit_test(test_truncate_everywhere),
		cmocka_unit_test(test_bad_page),
		cmocka_unit_test(test_counted_once),
		cmocka_unit_test(test_foreign_files),
		cmocka_unit_test(test_copied_segment),
		cmocka_unit_test(test_cursor_file_of_another_time),
		cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
