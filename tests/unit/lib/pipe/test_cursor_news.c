/* test_cursor_news.c - the news that a record is lost come when its fate says so, and not while the walk that missed it still reads.
 *
 * Whoever is told early finds the fate open, and is not told again: a sender would wait for its ack_timeout.
 */
#include "tests/unit/lib/pipe/test_store.h"

enum { LARGE = 300 << 10 }; /* more than a walk reads ahead */

struct watch {
	struct world w;
	unsigned n_reads, n_told;
};

static void on_news(void *ctx, const struct cursor_news *n)
{
	*(bool *)ctx = n->fates;
}

static void follow(struct watch *x)
{
	bool fates = false;
	cursor_news(x->w.c[0], on_news, &fates);
	if (!fates)
		return;
	x->n_told++;
	assert_int_equal(cursor_fate(x->w.c[0], x->w.seq[2]), FATE_LOST);
}

/* As another thread may, in the middle of a walk. */
static void on_call(void *ctx, enum fake_call call, const char *path)
{
	struct watch *x = ctx;
	(void)path;
	if (call != FAKE_PREAD)
		return;
	x->n_reads++;
	follow(x);
}

/* A bit in the header of record 2. */
static void damage(struct world *w)
{
	char path[64], *all, body[100];
	size_t len;
	snprintf(path, sizeof path, DIR "/seg-%016x.log", 1);
	assert_int_equal(disk_slurp(&w->f->disk, path, 16 << 20, &all, &len), 0);
	fill_body(2, body, sizeof body);
	char *at = memmem(all, len, body, sizeof body);
	assert_non_null(at);
	fake_disk_flip(w->f, path, (uint64_t)(at - all - 70) * 8);
	free(all);
}

static void lost_is_told_when_it_is_known(void **state)
{
	static struct watch x;
	struct world *w = &x.w;
	(void)state;
	world_init(w, 21);
	w->options.segment_size = 1 << 20;
	world_open(w, 2);
	assert_int_equal(put(w, 2, 100, 1, NULL), 0);
	assert_int_equal(put(w, 1, LARGE, 2, NULL), 0); /* passed on the way, for the other one */
	assert_int_equal(put(w, 1, 100, 1, NULL), 0);
	damage(w);
	assert_int_equal(next(w, 0), 1);
	follow(&x);
	assert_int_equal(x.n_told, 0);
	w->f->on_call = on_call;
	w->f->ctx = &x;
	assert_int_equal(next(w, 0), 4);
	w->f->on_call = NULL;
	follow(&x);
	assert_true(x.n_reads > 0);
	assert_int_equal(x.n_told, 1);
	deliver(w, 0, 1);
	deliver(w, 0, 4);
	world_release(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_is_told_when_it_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
