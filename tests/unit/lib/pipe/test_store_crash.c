/* test_store_crash.c - a history is run, the power goes at each of its calls to the disk, and the next start has to make it good.
 *
 * The oracle: whatever an append acknowledged is given to each exporter that it was for and that had not resolved it; all that is given is what was
 * put, byte for byte; the equation holds in every counter; the store opens and takes more. Also with the power lost again
 * while it opens. Set STORE_SEED to try one seed.
 */
#include "tests/unit/lib/pipe/test_store.h"

static bool eager; /* all that is read is delivered: the newest segment is done again and again */
static unsigned n_replaced; /* by a checkpoint */

static unsigned newest(struct world *w)
{
	char path[64];
	for (unsigned i = 200;; i--) {
		snprintf(path, sizeof(path), DIR "/seg-%016x.log", i);
		if (!i || fake_disk_exists(w->f, path))
			return i;
	}
}

static void checkpoint(struct world *w)
{
	unsigned before = newest(w);
	store_checkpoint(w->s);
	n_replaced += newest(w) != before;
}

static void act(struct world *w)
{
	unsigned i = (unsigned)pick(w, 2);
	switch (pick(w, 10)) {
	case 0:
	case 1:
	case 2:
		put(w, 1 + pick(w, 3), 8 + pick(w, 600), 1 + (unsigned)pick(w, 3), NULL);
		return;
	case 3:
		put(w, 1, 8 + pick(w, 6000), 1 + (unsigned)pick(w, 3), NULL);
		return;
	case 4:
		checkpoint(w);
		return;
	default:
		for (int64_t id; (id = next(w, i)) > 0;)
			if (eager || pick(w, 3))
				deliver(w, i, (uint64_t)id); /* the others stay out, for now */
			else if (pick(w, 2))
				return;
	}
}

static void history(struct world *w, unsigned n_steps)
{
	world_open(w, 2);
	for (unsigned i = 0; i < n_steps && !fake_disk_halted(w->f); i++) {
		act(w);
		if (pick(w, 12) == 0 && !fake_disk_halted(w->f)) {
			world_close(w);
			if (fake_disk_halted(w->f))
				return;
			struct err e;
			if (store_open(&w->options, &w->s, &e) != STORE_OPENED) {
				assert_true(fake_disk_halted(w->f));
				w->s = NULL;
				return;
			}
			w->c[0] = cursor_open(w->s, "a", NULL, NULL);
			w->c[1] = cursor_open(w->s, "b", NULL, NULL);
		}
	}
}

static void abandon(struct world *w)
{
	if (w->s)
		world_close(w);
}

/* Opens, maybe with the power lost again on the way, and gives everything out. */
static void recover_and_check(struct world *w, unsigned n_crashes, uint64_t seed)
{
	struct err e;
	for (unsigned i = 0; i < n_crashes; i++) {
		fake_disk_halt_at(w->f, 1 + pick(w, 25));
		if (store_open(&w->options, &w->s, &e) == STORE_OPENED)
			store_close(w->s);
		w->s = NULL;
		fake_disk_crash(w->f, seed + i);
	}
	world_open(w, 2);
	for (unsigned i = 0; i < 2; i++) {
		drain(w, i);
		for (uint64_t id = 1; id < w->next_id; id++) {
			unsigned bit = 1u << i;
			if (w->acked[id] && w->routes[id] & bit && !(w->resolved[id] & bit))
				fail_msg("record %u is lost for %c", (unsigned)id, "ab"[i]);
		}
		assert_int_equal(COUNT(w->c[i], queued), 0);
		assert_int_equal(cursor_counts(w->c[i]).queued_records, 0);
		assert_int_equal(cursor_counts(w->c[i]).queued_bytes, 0);
	}
	uint64_t last = w->last_seq;
	assert_int_equal(put(w, 2, 100, 3, NULL), 0); /* with seqs that no acknowledged record has */
	assert_true(w->last_seq > last);
	assert_int_equal(drain(w, 0), 2);
	assert_int_equal(drain(w, 1), 2);
	world_close(w);
	world_open(w, 2);
	assert_int_equal(next(w, 0), 0);
	assert_int_equal(next(w, 1), 0);
	check_equation(w->c[0]);
	check_equation(w->c[1]);
}

enum { N_STEPS = 40 };

static void begin(struct world *w, uint64_t seed)
{
	world_init(w, seed);
	if (eager)
		w->options.segment_size = 2 << 10;
}

static uint64_t count_calls(uint64_t seed)
{
	struct world w;
	begin(&w, seed);
	history(&w, N_STEPS);
	uint64_t n = fake_disk_total(w.f);
	abandon(&w);
	world_release(&w);
	return n;
}

static void crash_everywhere(uint64_t seed, unsigned stride, bool kill)
{
	uint64_t n = count_calls(seed);
	assert_true(n > 60);
	for (uint64_t at = 1 + seed % stride; at <= n; at += stride) {
		struct world w;
		begin(&w, seed);
		fake_disk_halt_at(w.f, at);
		struct err e;
		if (at > 12) { /* the first start takes some calls; those are tried below */
			history(&w, N_STEPS);
		} else if (store_open(&w.options, &w.s, &e) == STORE_OPENED) {
			w.c[0] = cursor_open(w.s, "a", NULL, NULL);
			put(&w, 1, 100, 1, NULL);
		} else {
			w.s = NULL;
		}
		assert_true(fake_disk_halted(w.f) || at > 12);
		abandon(&w);
		if (kill)
			fake_disk_kill(w.f);
		else
			fake_disk_crash(w.f, seed * 1000 + at);
		recover_and_check(&w, kill ? 0 : (unsigned)(at % 3), at);
		if (kill) { /* nothing was torn: nothing is damage */
			struct store_damage d = store_damage(w.s);
			assert_int_equal(d.n_records + d.n_items + d.n_bytes, 0);
			assert_int_equal(
			        COUNT(w.c[0], dropped[DROP_CORRUPT]) + COUNT(w.c[1], dropped[DROP_CORRUPT]), 0);
		}
		world_release(&w);
	}
}

static void test_power_loss(void **state)
{
	(void)state;
	const char *one = getenv("STORE_SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1, n = one ? 1 : 12;
	for (uint64_t seed = first; seed < first + n; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		crash_everywhere(seed, seed < 4 || one ? 1 : 5, false);
	}
}

/* Histories in which all is done again and again. */
static void test_power_loss_when_all_is_done(void **state)
{
	(void)state;
	eager = true;
	n_replaced = 0;
	for (uint64_t seed = 200; seed < 212; seed++)
		crash_everywhere(seed, 3, seed % 4 == 3);
	eager = false;
	assert_in_range(n_replaced, 100, 1000000);
}

static void test_kill(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 104; seed++)
		crash_everywhere(seed, 3, true);
}

/* The program goes on while the disk says no to everything by chance; what it acknowledged is there at the end. */
static void test_chaos(void **state)
{
	struct fake_chaos c = { .shorten = 100, .longest = 3 };
	unsigned n_failed = 0;
	(void)state;
	c.fail[FAKE_PWRITEV] = c.fail[FAKE_SYNC] = c.fail[FAKE_ALLOCATE] = c.fail[FAKE_SYNC_DIR] = 60;
	c.fail[FAKE_OPEN] = c.fail[FAKE_UNLINK] = c.fail[FAKE_RENAME] = c.fail[FAKE_TRUNCATE] = 60;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world w;
		world_init(&w, seed);
		world_open(&w, 2);
		fake_disk_chaos(w.f, seed, &c);
		for (unsigned i = 0; i < 80; i++) {
			act(&w);
			n_failed += store_failed(w.s);
			fake_clock_advance(&w.clock, NS / 3);
		}
		fake_disk_heal(w.f);
		if (seed % 2)
			world_close(&w);
		else
			abandon(&w);
		fake_disk_crash(w.f, seed);
		recover_and_check(&w, 0, seed);
		world_release(&w);
	}
	assert_in_range(n_failed, 20, 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_loss),
		cmocka_unit_test(test_power_loss_when_all_is_done),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_chaos),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
