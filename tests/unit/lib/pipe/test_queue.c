/* test_queue.c - reservation, order, capacity units and quota; many producers against one consumer. */
#include "lib/pipe/queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>

enum { N_PRODUCERS = 4, N_EACH = 5000 };

static struct record *make_record(uint32_t n_items, size_t n_bytes)
{
	struct buf *b = buf_new(NULL, n_bytes);
	b->len = n_bytes;
	return record_new(TRACES, "traces", (slice){ 0 }, 0, n_items, b);
}

static void test_capacity_by_sizer(void **state)
{
	static const struct {
		enum sizer sizer;
		uint64_t capacity;
		uint32_t n_items;
		size_t n_bytes;
		unsigned fits;
	} rows[] = {
		{ SIZER_REQUESTS, 3, 100, 1000, 3 },
		{ SIZER_ITEMS, 250, 100, 1000, 2 },
		{ SIZER_BYTES, 3500, 100, 1000, 3 },
		{ SIZER_ITEMS, 99, 100, 1000, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct queue q;
		uint64_t units, total = 0;
		unsigned n = 0;
		queue_init(&q, rows[i].capacity, rows[i].sizer, UINT64_MAX);
		while (queue_reserve(&q, rows[i].n_items, rows[i].n_bytes, false, &units)) {
			total += units;
			n++;
		}
		assert_int_equal(n, rows[i].fits);
		assert_int_equal(atomic_load(&q.used), total); /* the refusal left no trace */
		assert_int_equal(atomic_load(&q.bytes), n * rows[i].n_bytes);
	}
}

static void test_quota(void **state)
{
	struct queue q;
	uint64_t units;
	(void)state;
	queue_init(&q, 1000, SIZER_REQUESTS, 2500);
	assert_true(queue_reserve(&q, 1, 1000, false, &units));
	assert_true(queue_reserve(&q, 1, 1000, false, &units));
	assert_false(queue_reserve(&q, 1, 1000, false, &units));
	assert_int_equal(atomic_load(&q.used), 2);
	assert_true(queue_reserve(&q, 1, 1000, true, &units)); /* forced */
	assert_true(queue_overfull(&q));
	queue_release(&q, units, 1000);
	assert_false(queue_overfull(&q));
}

static void test_order(void **state)
{
	struct queue q;
	(void)state;
	queue_init(&q, 100, SIZER_REQUESTS, UINT64_MAX);
	for (uint32_t i = 1; i <= 10; i++) {
		bool wake = queue_commit(&q, queue_entry_new(make_record(i, 1), 1));
		assert_int_equal(wake, i == 1 || i == 6);
		if (i == 5)
			queue_collect(&q);
	}
	queue_collect(&q);
	for (uint32_t i = 1; i <= 10; i++) {
		struct queue_entry *e = queue_take(&q);
		assert_int_equal(e->record->n_items, i);
		queue_entry_free(e);
	}
	assert_null(queue_take(&q));
}

static void *produce(void *arg)
{
	struct queue *q = arg;
	uint64_t units;
	for (uint32_t i = 1; i <= N_EACH; i++) {
		assert_true(queue_reserve(q, 1, 1, false, &units));
		(void)!queue_commit(q, queue_entry_new(make_record(i, 1), units));
	}
	return NULL;
}

static void test_many_producers(void **state)
{
	struct queue q;
	pthread_t t[N_PRODUCERS];
	uint64_t sum = 0;
	unsigned n = 0;
	(void)state;
	queue_init(&q, N_PRODUCERS * N_EACH, SIZER_REQUESTS, UINT64_MAX);
	for (unsigned i = 0; i < N_PRODUCERS; i++)
		pthread_create(&t[i], NULL, produce, &q);
	while (n < N_PRODUCERS * N_EACH) {
		queue_collect(&q);
		for (struct queue_entry *e; (e = queue_take(&q)); n++) {
			sum += e->record->n_items;
			queue_release(&q, e->units, 1);
			queue_entry_free(e);
		}
	}
	for (unsigned i = 0; i < N_PRODUCERS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(sum, (uint64_t)N_PRODUCERS * N_EACH * (N_EACH + 1) / 2);
	assert_int_equal(atomic_load(&q.used), 0);
	assert_int_equal(atomic_load(&q.bytes), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capacity_by_sizer),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many_producers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
