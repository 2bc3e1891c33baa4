/* test_price_source.c - a price table that follows its file: swaps, bad files, readers meanwhile, the thread. */
#include "lib/genai/price_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"

static char path[64];

static void write_price(const char *text)
{
	char aside[80];
	snprintf(aside, sizeof(aside), "%s.new", path);
	FILE *f = fopen(aside, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(aside, path), 0); /* another inode: seen whatever the clock's grain */
}

static void write_amount(int usd)
{
	char text[128];
	snprintf(text, sizeof(text), "weir-prices\t1\nprovider\tacme\nmodel\tacme\tm\t=\tin=%d\n", usd);
	write_price(text);
}

/* USD per million input tokens of acme's m; -1: not known. */
static double amount(const struct price_ref *r)
{
	struct price_query q = { .provider = SLICE("acme"), .request_model = SLICE("m") };
	struct price_match m;
	struct price_usage u;
	struct price_cost c;
	if (prices_resolve(r->table, NULL, &q, &m) != PRICE_OK)
		return -1;
	price_usage_clear(&u);
	u.input = 1000000;
	prices_cost(&m, &u, 0, &c);
	return c.total;
}

static double amount_now(struct price_source *p)
{
	struct price_ref *r = price_source_get(p);
	double d = amount(r);
	price_ref_free(r);
	return d;
}

static struct price_source *open_source(slice *file)
{
	struct err e = { 0 };
	*file = slice_of(path);
	struct price_sources s = { .files = file, .n_files = 1 };
	struct price_source *p = price_source_open(&s, &e);
	if (!p)
		fail_msg("%s", e.text);
	return p;
}

static void follows_the_file(void **unused UNUSED)
{
	slice file;
	write_amount(1);
	struct price_source *p = open_source(&file);
	struct price_ref *old = price_source_get(p);
	assert_true(amount(old) == 1);
	assert_false(price_source_check(p));
	assert_false(price_source_is_newer(p, old));
	write_amount(2);
	assert_false(price_source_is_newer(p, old));
	assert_true(price_source_check(p));
	assert_true(price_source_is_newer(p, old));
	assert_false(price_source_check(p));
	assert_true(amount(old) == 1); /* who holds the old one may go on with it */
	assert_true(amount_now(p) == 2);
	price_ref_free(old);
	price_source_close(p);
}

static void bad_files_keep_the_old_table(void **unused UNUSED)
{
	static const char *const bad[] = { "", "weir-prices\t1\nmodel\n",
		"{\"a\":", "weir-prices\t1\nprovider\tacme\nmodel\tacme\tm\t=\tin=-1\n",
		"weir-prices\t1\nprovider\tacme\nmodel\tacme\tm\t=\tin=nan\n", NULL };
	slice file;
	write_amount(1);
	struct price_source *p = open_source(&file);
	struct price_ref *held = price_source_get(p);
	for (size_t i = 0; i < COUNTOF(bad); i++) {
		if (bad[i])
			write_price(bad[i]);
		else
			unlink(path);
		if (price_source_check(p))
			fail_msg("file %zu was loaded", i);
		assert_false(price_source_is_newer(p, held));
		assert_true(amount_now(p) == 1);
	}
	write_amount(3);
	assert_true(price_source_check(p));
	assert_true(amount_now(p) == 3);
	price_ref_free(held);
	price_source_close(p);
}

static void does_not_open_without_its_file(void **unused UNUSED)
{
	struct err e = { 0 };
	slice file = SLICE("/nonexistent/prices.tsv");
	struct price_sources s = { .files = &file, .n_files = 1 };
	assert_null(price_source_open(&s, &e));
	assert_non_null(strstr(e.text, "/nonexistent/prices.tsv"));
	price_source_close(NULL);
	price_ref_free(NULL);
}

static void without_files(void **unused UNUSED)
{
	struct err e = { 0 };
	struct price_sources s = { 0 };
	struct price_source *p = price_source_open(&s, &e);
	assert_non_null(p);
	assert_false(price_source_check(p));
	price_source_watch(p, NULL, "nobody looks, so nobody logs");
	assert_true(amount_now(p) == -1);
	price_source_close(p);
}

/* Readers take, ask and let go while tables change; each sees only whole tables, never an older one after a newer. */
struct race {
	struct price_source *source;
	_Atomic bool done;
	_Atomic unsigned n_swaps;
};

static void *reader(void *arg)
{
	struct race *race = arg;
	struct price_ref *r = price_source_get(race->source);
	double last = amount(r);
	unsigned seen = 0;
	while (!atomic_load(&race->done)) {
		if (!price_source_is_newer(race->source, r))
			continue;
		price_ref_free(r);
		r = price_source_get(race->source);
		double now = amount(r);
		if (now < last)
			abort();
		last = now;
		seen++;
	}
	price_ref_free(r);
	atomic_fetch_add(&race->n_swaps, seen);
	return NULL;
}

static void readers_meanwhile(void **unused UNUSED)
{
	enum { N = 3, SWAPS = 12 };
	struct race race = { 0 };
	pthread_t threads[N];
	slice file;
	write_amount(1);
	race.source = open_source(&file);
	for (int i = 0; i < N; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &race), 0);
	for (int i = 2; i < 2 + SWAPS; i++) {
		write_amount(i);
		assert_true(price_source_check(race.source));
	}
	atomic_store(&race.done, true);
	for (int i = 0; i < N; i++)
		pthread_join(threads[i], NULL);
	print_message("%u swaps were seen\n", atomic_load(&race.n_swaps));
	assert_true(amount_now(race.source) == 1 + SWAPS);
	price_source_close(race.source);
}

/* The thread starts once, tells what was loaded at first, and ends when the source closes. */
static void watched(void **unused UNUSED)
{
	struct fake_clock clock;
	char log_path[80], text[512] = "";
	slice file;
	snprintf(log_path, sizeof(log_path), "%s.log", path);
	int fd = open(log_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct log_conf c = { LOG_DEBUG, LOG_TEXT, false, { fd }, 1 };
	fake_clock_init(&clock, NS_PER_S, NS_PER_S);
	struct log *log = log_new(&c, &clock.clock);
	write_price("weir-prices\t1\nprovider\tacme\nmodel\tacme\tm\t=\tin=1\nmodel\tacme\tm\t=\tin=2\n");
	struct price_source *p = open_source(&file);
	price_source_watch(p, log, "gen_ai_cost/x");
	price_source_watch(p, log, "gen_ai_cost/x");
	price_source_close(p);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	print_message("%s", text);
	assert_non_null(strstr(text, "gen_ai_cost/x"));
	assert_non_null(strstr(text, "Price files loaded"));
	log_free(log);
	close(fd);
	unlink(log_path);
}

int main(void)
{
	snprintf(path, sizeof(path), "/tmp/weir-test-price-source-%d", (int)getpid());
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_file),
		cmocka_unit_test(bad_files_keep_the_old_table),
		cmocka_unit_test(does_not_open_without_its_file),
		cmocka_unit_test(without_files),
		cmocka_unit_test(readers_meanwhile),
		cmocka_unit_test(watched),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
