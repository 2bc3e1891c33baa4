/* test_batcher.c - joining up to a size, cutting above one, keys that never mix. */
#include "lib/base/clock.h"
#include "lib/pipe/batcher.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One request with n spans: ResourceSpans{ScopeSpans{Span{trace_id, span_id}}}, spans of 28 bytes. */
static struct record *make_record(unsigned n, const char *pipeline, slice partition)
{
	enum { SPAN = 30 };
	unsigned scope = n * SPAN;
	struct buf *b = buf_new(NULL, 16 + scope);
	uint8_t *p = (uint8_t *)b->data;
	size_t at = 0;
	assert_true(scope < 16000);
	p[at++] = 0x0a;
	p[at++] = (uint8_t)((scope + 3) | 0x80);
	p[at++] = (uint8_t)((scope + 3) >> 7);
	p[at++] = 0x12;
	p[at++] = (uint8_t)(scope | 0x80);
	p[at++] = (uint8_t)(scope >> 7);
	for (unsigned i = 0; i < n; i++) {
		p[at] = 0x12;
		p[at + 1] = SPAN - 2;
		p[at + 2] = 0x0a;
		p[at + 3] = 16;
		memset(p + at + 4, 1, 16);
		p[at + 20] = 0x12;
		p[at + 21] = 8;
		memset(p + at + 22, (int)(i % 255) + 1, 8);
		at += SPAN;
	}
	b->len = at;
	return record_new(TRACES, pipeline, partition, 0, n, b);
}

static void free_pieces(struct pieces *v)
{
	for (size_t i = 0; i < v->n; i++)
		buf_unref(v->v[i].body);
	free(v->v);
}

static void test_cut(void **state)
{
	static const struct {
		struct batch_settings s;
		unsigned n_spans, n_pieces;
	} rows[] = {
		{ { .enabled = false, .max_size = 10, .sizer = SIZER_ITEMS }, 100, 1 },
		{ { .enabled = true, .max_size = 0, .sizer = SIZER_ITEMS }, 100, 1 },
		{ { .enabled = true, .max_size = 100, .sizer = SIZER_ITEMS }, 100, 1 },
		{ { .enabled = true, .max_size = 30, .sizer = SIZER_ITEMS }, 100, 4 },
		{ { .enabled = true, .max_size = 1, .sizer = SIZER_ITEMS }, 5, 5 },
	};
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct queue_entry *e = queue_entry_new(make_record(rows[i].n_spans, "traces", (slice){ 0 }), 1);
		struct pieces v = { 0 };
		uint32_t n = 0;
		pieces_of(e, &rows[i].s, &v);
		assert_int_equal(v.n, rows[i].n_pieces);
		assert_int_equal(e->n_open, rows[i].n_pieces);
		for (size_t k = 0; k < v.n; k++)
			n += v.v[k].n_items;
		assert_int_equal(n, rows[i].n_spans);
		free_pieces(&v);
		queue_entry_free(e);
	}
}

static void test_cut_by_bytes(void **state)
{
	static const struct batch_settings rows[] = {
		{ .enabled = true, .max_size = 1000, .sizer = SIZER_BYTES },
		{ .enabled = true, .max_size = 5000, .sizer = SIZER_BYTES, .max_bytes = 1000 },
		{ .enabled = true, .max_size = 1000, .sizer = SIZER_BYTES, .max_bytes = 5000 },
		{ .enabled = true, .max_size = 150, .sizer = SIZER_ITEMS, .max_bytes = 1000 },
		{ .enabled = false, .max_bytes = 1000 }, /* what the destination takes counts in any case */
	};
	(void)state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct queue_entry *e = queue_entry_new(make_record(200, "traces", (slice){ 0 }), 1);
		struct batcher *b = batcher_new(e->record);
		struct pieces v = { 0 };
		uint32_t n = 0;
		pieces_of(e, &rows[i], &v);
		assert_true(v.n >= 6);
		for (size_t k = 0; k < v.n; k++) {
			assert_true(v.v[k].body->len <= 1000);
			n += v.v[k].n_items;
		}
		assert_int_equal(n, 200);
		assert_true(batcher_fits(b, &rows[i], &v.v[0]));
		batcher_add(b, &rows[i], &v.v[0], 0);
		assert_false(batcher_fits(b, &rows[i], &v.v[1]));
		b->pieces.n = 0;
		batcher_free(b);
		free_pieces(&v);
		queue_entry_free(e);
	}
}

static void test_join(void **state)
{
	struct batch_settings s = {
		.enabled = true, .flush_ns = 200 * NS_PER_MS, .min_size = 25, .max_size = 30, .sizer = SIZER_ITEMS
	};
	struct queue_entry *e = queue_entry_new(make_record(10, "traces", (slice){ 0 }), 1);
	struct batcher *b = batcher_new(e->record);
	struct piece p = { .entry = e, .body = e->record->body, .n_items = 10 };
	(void)state;
	assert_true(batcher_fits(b, &s, &p));
	assert_false(batcher_add(b, &s, &p, 1000));
	assert_int_equal(b->deadline_ns, 1000 + 200 * NS_PER_MS);
	assert_false(batcher_add(b, &s, &p, 5000));
	assert_int_equal(b->deadline_ns, 1000 + 200 * NS_PER_MS); /* of the first piece */
	assert_true(batcher_fits(b, &s, &p));
	assert_true(batcher_add(b, &s, &p, 6000));
	assert_false(batcher_fits(b, &s, &p));
	s.flush_ns = 0;
	b->pieces.n = 0;
	b->n_items = 0;
	assert_true(batcher_add(b, &s, &p, 7000)); /* timeout 0: at once */
	b->pieces.n = 0;
	batcher_free(b);
	queue_entry_free(e);
}

static void test_keys(void **state)
{
	static const char other[] = "traces/b";
	static const char one[] = "traces/a";
	struct record *a = make_record(1, one, SLICE("x"));
	struct record *same = make_record(2, one, SLICE("x"));
	struct record *tenant = make_record(1, one, SLICE("y"));
	struct record *pipeline = make_record(1, other, SLICE("x"));
	(void)state;
	assert_true(record_joinable(a, same));
	assert_false(record_joinable(a, tenant));
	assert_false(record_joinable(a, pipeline));
	record_unref(a);
	record_unref(same);
	record_unref(tenant);
	record_unref(pipeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_by_bytes),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
