/* test_dead_letters.c - dead letters on a disk that is full, fails, loses its power, and beside commands that remove them. */
#include "lib/pipe/dead_letters.h"
#include "tests/unit/lib/pipe/test_store.h"

#define DLQ DIR "/dlq"
#define LETTER(n) DLQ "/letter-000000000000000" n ".log"

struct box {
	struct world w;
	struct dead_letters *d;
	struct dead_letters_options o;
};

static void box_init(struct box *b, uint64_t seed)
{
	world_init(&b->w, seed);
	world_open(&b->w, 1);
	b->o = (struct dead_letters_options){
		.disk = &b->w.f->disk,
		.clock = &b->w.clock.clock,
		.log = b->w.log,
		.store = b->w.s,
		.directory = DIR,
		.random = world_random,
		.random_ctx = &b->w,
	};
	b->d = dead_letters_open(&b->o);
}

static void box_reopen(struct box *b)
{
	dead_letters_close(b->d);
	world_close(&b->w);
	world_open(&b->w, 1);
	b->o.store = b->w.s;
	b->d = dead_letters_open(&b->o);
}

static void box_release(struct box *b)
{
	dead_letters_close(b->d);
	world_release(&b->w);
}

/* One with a body of `size` bytes that follows from `id`. */
static int add(struct box *b, uint64_t id, size_t size)
{
	struct strbuf routes;
	char *body = malloc(size);
	assert_non_null(body);
	fill_body(id, body, size);
	strbuf_init(&routes, 64);
	routes_add(&routes, SLICE("otlp_http/a"));
	struct store_record r = {
		.signal = id % 2 ? TRACES : LOGS,
		.n_items = (uint32_t)id,
		.pipeline = SLICE("traces/in"),
		.partition = SLICE("tenant"),
		.routes = strbuf_slice(&routes),
		.reason = SLICE("bad_request"),
		.text = SLICE("no such \xc3\xa4ttribute"),
		.body = { body, size },
	};
	int rc = dead_letters_add(b->d, &r);
	strbuf_release(&routes);
	free(body);
	return rc;
}

static struct letter_file get(struct box *b, uint64_t number, bool with_body)
{
	struct letter_file l;
	assert_int_equal(letter_file_read(&b->w.f->disk, DIR, number, with_body, &l), 0);
	return l;
}

static void check_letter(struct box *b, uint64_t number, uint64_t id, size_t size)
{
	struct letter_file l = get(b, number, true);
	slice routes = l.record.routes, name;
	char *want = malloc(size);
	assert_int_equal(l.state, LETTER_SOUND);
	assert_int_equal(l.number, number);
	assert_int_equal(l.record.type, STORE_LETTER);
	assert_int_equal(l.record.n_items, id);
	assert_int_equal(l.record.signal, id % 2 ? TRACES : LOGS);
	assert_true(slice_is(l.record.pipeline, "traces/in"));
	assert_true(slice_is(l.record.partition, "tenant"));
	assert_true(slice_is(l.record.reason, "bad_request"));
	assert_true(slice_is(l.record.text, "no such \xc3\xa4ttribute"));
	assert_true(routes_next(&routes, &name));
	assert_true(slice_is(name, "otlp_http/a"));
	assert_int_equal(l.record.body.len, size);
	fill_body(id, want, size);
	assert_memory_equal(l.record.body.p, want, size);
	free(want);
	letter_file_release(&l);
}

static size_t count_letters(struct box *b, uint64_t *first)
{
	struct letter_list l;
	assert_int_equal(letter_list(&b->w.f->disk, DIR, &l), 0);
	size_t n = l.numbers.n;
	assert_int_equal(l.unfinished.n, 0);
	if (first)
		*first = n ? l.numbers.v[0] : 0;
	letter_list_release(&l);
	return n;
}

static void test_round_trip(void **state)
{
	struct box b;
	(void)state;
	box_init(&b, 1);
	assert_int_equal(count_letters(&b, NULL), 0); /* no dlq/ yet */
	uint64_t before = store_bytes(b.w.s);
	assert_int_equal(add(&b, 1, 100), 0);
	fake_clock_advance(&b.w.clock, NS);
	assert_int_equal(add(&b, 2, 70001), 0);
	assert_int_equal(fake_disk_mode(b.w.f, DLQ), 0700);
	assert_int_equal(fake_disk_mode(b.w.f, LETTER("1")), 0600);
	check_letter(&b, 1, 1, 100);
	check_letter(&b, 2, 2, 70001);
	struct letter_file l = get(&b, 2, false);
	assert_int_equal(l.state, LETTER_SOUND);
	assert_int_equal(l.record.arrival_wall_ns, b.w.clock.wall_ns);
	assert_int_equal(l.size, fake_disk_size(b.w.f, LETTER("2")));
	assert_null(l.record.body.p);
	letter_file_release(&l);
	struct dead_letters_stats s = dead_letters_stats(b.d);
	assert_int_equal(s.n_letters, 2);
	assert_int_equal(s.n_bytes, fake_disk_size(b.w.f, LETTER("1")) + fake_disk_size(b.w.f, LETTER("2")));
	assert_int_equal(store_bytes(b.w.s) - before, s.n_bytes);
	box_release(&b);
}

static void test_durable_when_added(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 16; seed++) {
		struct box b;
		box_init(&b, seed);
		assert_int_equal(add(&b, 7, 5000), 0);
		fake_disk_crash(b.w.f, seed);
		check_letter(&b, 1, 7, 5000);
		box_release(&b);
	}
}

static void test_text_is_cut(void **state)
{
	char text[3000];
	struct box b;
	(void)state;
	box_init(&b, 1);
	memset(text, 'x', sizeof(text));
	memcpy(text + LETTER_TEXT_MAX - 1, "\xc3\xa4", 2);
	struct store_record r = {
		.signal = TRACES, .n_items = 1, .text = { text, sizeof(text) }, .body = SLICE("body")
	};
	assert_int_equal(dead_letters_add(b.d, &r), 0);
	struct letter_file l = get(&b, 1, true);
	assert_int_equal(l.state, LETTER_SOUND);
	assert_int_equal(l.record.text.len, LETTER_TEXT_MAX - 1); /* not within a character */
	letter_file_release(&l);
	char *huge = calloc(1, META_MAX);
	r.partition = (slice){ huge, META_MAX };
	assert_int_equal(dead_letters_add(b.d, &r), -EMSGSIZE);
	assert_int_equal(dead_letters_stats(b.d).n_lost, 1);
	free(huge);
	box_release(&b);
}

static void test_limit_of_letters(void **state)
{
	struct box b;
	uint64_t first;
	(void)state;
	box_init(&b, 1);
	dead_letters_close(b.d);
	b.o.max_letters = 3;
	b.d = dead_letters_open(&b.o);
	uint64_t before = store_bytes(b.w.s);
	for (uint64_t i = 1; i <= 5; i++)
		assert_int_equal(add(&b, i, 500), 0);
	assert_int_equal(count_letters(&b, &first), 3);
	assert_int_equal(first, 3);
	struct dead_letters_stats s = dead_letters_stats(b.d);
	assert_int_equal(s.n_letters, 3);
	assert_int_equal(s.n_evicted, 2);
	assert_int_equal(s.n_lost, 0);
	assert_int_equal(store_bytes(b.w.s) - before, s.n_bytes);
	box_release(&b);
}

static void test_limit_of_bytes(void **state)
{
	struct box b;
	uint64_t first;
	(void)state;
	box_init(&b, 1);
	dead_letters_close(b.d);
	b.o.max_bytes = 10000;
	b.d = dead_letters_open(&b.o);
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(add(&b, i, 2000), 0);
	assert_int_equal(add(&b, 5, 5000), 0); /* two have to go, no more */
	assert_int_equal(count_letters(&b, &first), 3);
	assert_int_equal(first, 3);
	assert_int_equal(add(&b, 6, 10000), -EFBIG);
	assert_int_equal(count_letters(&b, NULL), 3); /* nothing went for one that can never fit */
	assert_true(dead_letters_stats(b.d).n_bytes <= 10000);
	assert_int_equal(dead_letters_stats(b.d).n_lost, 1);
	box_release(&b);
}

/* The storage is full: old letters go for a new one, the log never does, and no more goes than is needed. */
static void test_full_storage(void **state)
{
	struct box b;
	uint64_t first, taken = 0;
	(void)state;
	box_init(&b, 1);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(add(&b, i, 3000), 0);
	while (store_charge(b.w.s, 1000))
		taken += 1000;
	assert_int_equal(add(&b, 4, 4000), 0);
	assert_int_equal(count_letters(&b, &first), 2);
	assert_int_equal(first, 3);
	assert_int_equal(add(&b, 5, 1 << 20), -ENOSPC);
	assert_int_equal(count_letters(&b, &first), 2);
	assert_int_equal(first, 3);
	struct dead_letters_stats s = dead_letters_stats(b.d);
	assert_int_equal(s.n_evicted, 2);
	assert_int_equal(s.n_lost, 1);
	assert_true(store_bytes(b.w.s) <= b.w.options.max_size);
	store_uncharge(b.w.s, taken);
	assert_int_equal(add(&b, 6, 1 << 20), 0);
	box_release(&b);
}

static void test_full_disk(void **state)
{
	struct box b;
	(void)state;
	box_init(&b, 1);
	assert_int_equal(add(&b, 1, 3000), 0);
	uint64_t before = store_bytes(b.w.s);
	fake_disk_resize(b.w.f, fake_disk_used(b.w.f) + 4096);
	assert_int_equal(add(&b, 2, 100000), -ENOSPC);
	assert_int_equal(count_letters(&b, NULL), 1);
	assert_int_equal(store_bytes(b.w.s), before);
	assert_int_equal(dead_letters_stats(b.d).n_lost, 1);
	fake_disk_resize(b.w.f, 64 << 20);
	assert_int_equal(add(&b, 2, 100000), 0);
	check_letter(&b, 1, 1, 3000);
	box_release(&b);
}

static void test_failing_calls(void **state)
{
	static const enum fake_call calls[] = { FAKE_OPEN, FAKE_PWRITEV, FAKE_SYNC, FAKE_CLOSE, FAKE_RENAME,
		FAKE_SYNC_DIR };
	(void)state;
	for (size_t i = 0; i < COUNTOF(calls); i++) {
		struct box b;
		box_init(&b, 1);
		assert_int_equal(add(&b, 1, 3000), 0);
		uint64_t before = store_bytes(b.w.s);
		fake_disk_fail(
		        b.w.f, &(struct fake_fault){ .call = calls[i], .path = "dlq", .times = 1, .error = EIO });
		assert_int_equal(add(&b, 2, 3000), -EIO);
		assert_int_equal(count_letters(&b, NULL), 1);
		assert_int_equal(store_bytes(b.w.s), before);
		assert_int_equal(dead_letters_stats(b.d).n_lost, 1);
		assert_int_equal(add(&b, 3, 3000), 0);
		assert_int_equal(dead_letters_stats(b.d).n_letters, 2);
		box_release(&b);
	}
}

/* The power goes at every call of a write: afterwards there is the whole letter or none, and no litter. */
static void test_crash_anywhere(void **state)
{
	unsigned n_whole = 0, n_none = 0;
	(void)state;
	for (uint64_t at = 1; at < 14; at++)
		for (uint64_t seed = 0; seed < 8; seed++) {
			struct box b;
			box_init(&b, seed);
			assert_int_equal(add(&b, 1, 300), 0);
			fake_disk_halt_at(b.w.f, at);
			bool kept = add(&b, 2, 9000) == 0;
			dead_letters_close(b.d);
			for (unsigned i = 0; i < N_NAMES; i++)
				b.w.c[i] = NULL;
			fake_disk_halt(b.w.f);
			store_close(b.w.s);
			fake_disk_crash(b.w.f, seed);
			world_open(&b.w, 1);
			b.o.store = b.w.s;
			b.d = dead_letters_open(&b.o);
			size_t n = count_letters(&b, NULL);
			assert_in_range(n, kept ? 2 : 1, 2);
			check_letter(&b, 1, 1, 300);
			if (n == 2)
				check_letter(&b, 2, 2, 9000);
			n_whole += n == 2;
			n_none += n == 1;
			assert_int_equal(dead_letters_stats(b.d).n_letters, n);
			assert_int_equal(add(&b, 3, 50), 0);
			check_letter(&b, n + 1, 3, 50);
			box_release(&b);
		}
	assert_true(n_whole && n_none);
}

static void test_reopen(void **state)
{
	struct box b;
	(void)state;
	box_init(&b, 1);
	assert_int_equal(add(&b, 1, 200000), 0);
	assert_int_equal(add(&b, 2, 200000), 0);
	uint64_t n_bytes = dead_letters_stats(b.d).n_bytes;
	fake_disk_put(b.w.f, DLQ "/letter-0000000000000007.tmp", SLICE("half"));
	fake_disk_put(b.w.f, DLQ "/notes.txt", SLICE("somebody's"));
	box_reopen(&b);
	assert_false(fake_disk_exists(b.w.f, DLQ "/letter-0000000000000007.tmp"));
	assert_true(fake_disk_exists(b.w.f, DLQ "/notes.txt"));
	assert_int_equal(dead_letters_stats(b.d).n_bytes, n_bytes);
	assert_true(store_bytes(b.w.s) > n_bytes);
	/* less room than there are letters: they stay until a new one comes, and what goes was never charged */
	b.w.options.max_size = store_bytes(b.w.s) - 150000;
	box_reopen(&b);
	assert_int_equal(count_letters(&b, NULL), 2);
	uint64_t before = store_bytes(b.w.s);
	assert_true(before <= b.w.options.max_size);
	assert_int_equal(add(&b, 3, 1000), 0);
	assert_int_equal(letter_file_remove(&b.w.f->disk, DIR, 1), 0);
	assert_int_equal(letter_file_remove(&b.w.f->disk, DIR, 2), 0);
	assert_int_equal(letter_file_remove(&b.w.f->disk, DIR, 3), 0);
	dead_letters_refresh(b.d);
	assert_int_equal(dead_letters_stats(b.d).n_bytes, 0);
	assert_true(store_bytes(b.w.s) < before);
	box_release(&b);
}

/* `weir dlq purge` beside it. */
static void test_removed_by_others(void **state)
{
	struct box b;
	(void)state;
	box_init(&b, 1);
	uint64_t before = store_bytes(b.w.s);
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(add(&b, i, 1000), 0);
	assert_int_equal(letter_file_remove(&b.w.f->disk, DIR, 1), 0);
	assert_int_equal(letter_file_remove(&b.w.f->disk, DIR, 3), 0);
	assert_int_equal(letter_file_remove(&b.w.f->disk, DIR, 3), 0);
	dead_letters_refresh(b.d);
	struct dead_letters_stats s = dead_letters_stats(b.d);
	assert_int_equal(s.n_letters, 2);
	assert_int_equal(s.n_bytes, store_bytes(b.w.s) - before);
	assert_int_equal(s.n_evicted, 0);
	/* a directory that cannot be read says nothing about what is in it */
	fake_disk_fail(b.w.f, &(struct fake_fault){ .call = FAKE_LIST, .times = 1, .error = EIO });
	dead_letters_refresh(b.d);
	assert_int_equal(dead_letters_stats(b.d).n_letters, 2);
	box_release(&b);
}

static void test_damage(void **state)
{
	struct box b;
	(void)state;
	box_init(&b, 1);
	assert_int_equal(add(&b, 1, 101), 0);
	int64_t size = fake_disk_size(b.w.f, LETTER("1"));
	uint64_t padding = store_pad8(101) - 101, n_sound = 0;
	for (uint64_t bit = 0; bit < (uint64_t)size * 8; bit++) {
		struct letter_file l;
		fake_disk_flip(b.w.f, LETTER("1"), bit);
		assert_int_equal(letter_file_read(&b.w.f->disk, DIR, 1, true, &l), 0);
		n_sound += l.state == LETTER_SOUND;
		letter_file_release(&l);
		assert_int_equal(letter_file_read(&b.w.f->disk, DIR, 1, false, &l), 0);
		letter_file_release(&l);
		fake_disk_flip(b.w.f, LETTER("1"), bit);
	}
	assert_int_equal(n_sound, padding * 8); /* nobody reads those */
	while (size-- > 0) {
		fake_disk_truncate(b.w.f, LETTER("1"), size);
		struct letter_file l = get(&b, 1, size & 1);
		assert_int_equal(l.state, LETTER_DAMAGED);
		assert_int_equal(l.record.n_items, 0);
		letter_file_release(&l);
	}
	box_reopen(&b); /* an empty one can be evicted, too */
	assert_int_equal(dead_letters_stats(b.d).n_letters, 1);
	dead_letters_close(b.d);
	b.o.max_letters = 1;
	b.d = dead_letters_open(&b.o);
	assert_int_equal(add(&b, 2, 10), 0);
	assert_int_equal(count_letters(&b, NULL), 1);
	box_release(&b);
}

static void test_newer_version(void **state)
{
	struct box b;
	size_t len;
	(void)state;
	box_init(&b, 1);
	assert_int_equal(add(&b, 1, 64), 0);
	unsigned char *p = (unsigned char *)fake_disk_get(b.w.f, LETTER("1"), &len);
	static const unsigned char zeros[4];
	store_put32(p + 8, STORE_VERSION + 1);
	store_put32(p + 12, crc32c(crc32c(crc32c(0, p, 12), zeros, 4), p + 16, SEGMENT_HEADER - 16));
	fake_disk_put(b.w.f, LETTER("1"), (slice){ (char *)p, len });
	free(p);
	struct letter_file l = get(&b, 1, true);
	assert_int_equal(l.state, LETTER_NEWER);
	letter_file_release(&l);
	assert_int_equal(letter_file_read(&b.w.f->disk, DIR, 9, true, &l), -ENOENT);
	box_release(&b);
}

static void test_list_without_storage(void **state)
{
	struct fake_disk *f = fake_disk_new(1 << 20);
	struct letter_list l;
	(void)state;
	assert_int_equal(letter_list(&f->disk, "/nowhere", &l), -ENOENT);
	letter_list_release(&l);
	fake_disk_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_durable_when_added),
		cmocka_unit_test(test_text_is_cut),
		cmocka_unit_test(test_limit_of_letters),
		cmocka_unit_test(test_limit_of_bytes),
		cmocka_unit_test(test_full_storage),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_failing_calls),
		cmocka_unit_test(test_crash_anywhere),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_removed_by_others),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_newer_version),
		cmocka_unit_test(test_list_without_storage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
