/* test_store_format.c - bytes of segments and records: fixed layouts, round trips, and nothing that is not whole is taken for a record. */
#include "lib/pipe/store_format.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/base/crc32c.h"

static const struct store_record example = {
	.seq = 77,
	.type = STORE_LETTER,
	.signal = METRICS,
	.n_items = 9,
	.hops = 3,
	.arrival_wall_ns = -5,
	.pipeline = { "metrics/a", 9 },
	.partition = { "x", 1 },
	.sidecar = { "12345", 5 },
	.body = { "body of it", 10 },
	.routes = { "\3\0one\3\0two", 10 },
	.reason = { "too_large", 9 },
	.text = { "no", 2 },
};

static void test_segment_header(void **state)
{
	struct segment_header h = { 3, 0x1122334455667788, 40, 2, 4096, 39 }, back;
	unsigned char p[SEGMENT_HEADER];
	uint32_t version;
	(void)state;
	segment_header_write(&h, p);
	assert_memory_equal(p, "weirseg\0\1\0\0\0", 12); /* what every version begins with */
	assert_int_equal(segment_header_read(p, &back, &version), 0);
	assert_memory_equal(&h, &back, sizeof(h));
	for (unsigned bit = 0; bit < 8 * SEGMENT_HEADER; bit++) {
		p[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_equal(segment_header_read(p, &back, &version), -1);
		p[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	store_put32(p + 8, 9);
	store_put32(p + 12, 0);
	store_put32(p + 12, crc32c(0, p, sizeof(p)));
	assert_int_equal(segment_header_read(p, &back, &version), -2);
	assert_int_equal(version, 9);
}

/* Header and meta in `out`; *meta: the latter. */
static unsigned char *write_example(struct strbuf *out, uint32_t seed, slice *meta)
{
	strbuf_init(out, 2 * META_MAX);
	record_write(&example, seed, out);
	*meta = (slice){ out->p + RECORD_HEADER, out->len - RECORD_HEADER };
	return (unsigned char *)out->p;
}

static void check_example(const struct store_record *r)
{
	assert_true(r->seq == 77 && r->type == STORE_LETTER && r->signal == METRICS && r->n_items == 9);
	assert_int_equal(r->arrival_wall_ns, -5);
	assert_int_equal(r->hops, 3);
	assert_true(slice_eq(r->pipeline, example.pipeline) && slice_eq(r->partition, example.partition));
	assert_true(slice_eq(r->routes, example.routes) && slice_eq(r->reason, example.reason));
	assert_true(slice_eq(r->text, example.text));
}

static void test_record(void **state)
{
	struct strbuf out;
	slice meta;
	struct record_header h;
	struct store_record r;
	uint32_t seed = segment_seed(42), other, sidecar;
	(void)state;
	unsigned char *head = write_example(&out, seed, &meta);
	assert_int_equal(meta.len % 8, 0);
	assert_true(record_header_read(head, seed, &h));
	assert_false(record_header_read(head, segment_seed(43), &h)); /* of another file */
	assert_true(record_header_read(head, seed, &h));
	assert_int_equal(h.payload_len, record_payload(&example));
	assert_int_equal(h.payload_len, meta.len + 8 + 10);
	assert_int_equal(record_size(h.payload_len), RECORD_HEADER + meta.len + 8 + 16);
	assert_int_equal(h.pipeline, crc32c(0, "metrics/a", 9));
	assert_true(record_meta_is_sound(&h, meta));
	assert_true(record_rest_is_sound(&h, example.sidecar, example.body));
	assert_false(record_rest_is_sound(&h, example.sidecar, SLICE("body of it.")));
	assert_false(record_rest_is_sound(&h, SLICE("12346"), example.body));
	assert_int_equal(store_meta_read(&h, meta, &r, &sidecar), 0);
	assert_int_equal(sidecar, 5);
	check_example(&r);
	assert_true(record_header_guess(head, &other, &h)); /* the seed follows from the bytes */
	assert_int_equal(other, seed);
	assert_true(record_meta_is_witness(head, &h, meta));
	for (unsigned bit = 0; bit < 8 * RECORD_HEADER; bit++) {
		head[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(record_header_read(head, seed, &h));
		bool guess = record_header_guess(head, &other, &h) && h.meta_len == meta.len;
		assert_false(guess && record_meta_is_witness(head, &h, meta) && bit / 8 >= 8);
		assert_false(guess && other == seed);
		head[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	strbuf_release(&out);
}

/* Members of types that a later version adds are skipped; lengths that do not fit are refused. */
static void test_meta(void **state)
{
	static const unsigned char unknown[16] = { 200, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c' };
	struct strbuf out;
	slice meta;
	struct record_header h;
	struct store_record r;
	uint32_t sidecar;
	(void)state;
	const unsigned char *head = write_example(&out, 1, &meta);
	assert_true(record_header_read(head, 1, &h));
	size_t len = meta.len;
	assert_int_equal(strbuf_add(&out, (slice){ (const char *)unknown, sizeof(unknown) }), 0);
	meta = (slice){ out.p + RECORD_HEADER, len + sizeof(unknown) };
	assert_int_equal(store_meta_read(&h, meta, &r, &sidecar), 0);
	check_example(&r);
	for (size_t cut = 1; cut < 8; cut++)
		assert_int_equal(store_meta_read(&h, (slice){ meta.p, len + cut }, &r, &sidecar), -1);
	store_put32((unsigned char *)out.p + RECORD_HEADER + 4, 0xfffffff8);
	assert_int_equal(store_meta_read(&h, meta, &r, &sidecar), -1);
	strbuf_clear(&out); /* a sidecar that is longer than the payload */
	record_write(
	        &(struct store_record){ .seq = 1, .type = STORE_RECORD, .signal = LOGS, .sidecar = example.sidecar }, 1,
	        &out);
	assert_true(record_header_read((unsigned char *)out.p, 1, &h));
	h.payload_len = h.meta_len;
	assert_int_equal(store_meta_read(&h, (slice){ out.p + RECORD_HEADER, h.meta_len }, &r, &sidecar), -1);
	strbuf_release(&out);
}

/* A count of hops takes its member; 0 takes nothing, so that a record of before there was one is what is written without hops. */
static void test_hops(void **state)
{
	static const unsigned char member[16] = { 8, 0, 0, 0, 1, 0, 0, 0 };
	struct store_record r, w = { .seq = 1, .type = STORE_RECORD, .signal = LOGS, .pipeline = SLICE("logs") };
	uint32_t without = record_payload(&w), sidecar;
	struct record_header h;
	struct strbuf out;
	(void)state;
	strbuf_init(&out, 2 * META_MAX);
	for (unsigned hops = 0; hops < 256; hops++) {
		w.hops = (uint8_t)hops;
		strbuf_clear(&out);
		record_write(&w, 1, &out);
		assert_true(record_header_read((unsigned char *)out.p, 1, &h));
		assert_int_equal(h.payload_len, without + (hops ? sizeof(member) : 0));
		assert_int_equal(out.len, RECORD_HEADER + h.meta_len);
		assert_int_equal(memmem(out.p, out.len, member, 8) != NULL, hops != 0);
		assert_int_equal(store_meta_read(&h, (slice){ out.p + RECORD_HEADER, h.meta_len }, &r, &sidecar), 0);
		assert_int_equal(r.hops, hops);
	}
	store_put32((unsigned char *)out.p + out.len - 12, 2); /* of another length: not this member */
	assert_int_equal(store_meta_read(&h, (slice){ out.p + RECORD_HEADER, h.meta_len }, &r, &sidecar), 0);
	assert_int_equal(r.hops, 0);
	strbuf_release(&out);
}

static void test_limits(void **state)
{
	struct store_record r = { .body = { NULL, RECORD_MAX } };
	(void)state;
	assert_int_equal(record_payload(&r), 0);
	r.body.len = RECORD_MAX - 24;
	assert_int_equal(record_payload(&r), RECORD_MAX);
	r.body.len = SIZE_MAX - 8;
	assert_int_equal(record_payload(&r), 0);
	r = (struct store_record){ .partition = { NULL, META_MAX - 32 } };
	assert_int_equal(record_payload(&r), META_MAX);
	r.partition.len++;
	assert_int_equal(record_payload(&r), 0);
}

static void test_routes(void **state)
{
	struct strbuf b;
	slice all, name;
	(void)state;
	strbuf_init(&b, 1 << 20);
	char *lengthy = calloc(1, 300);
	memset(lengthy, 'x', 300);
	routes_add(&b, SLICE("otlp/a"));
	routes_add(&b, SLICE(""));
	routes_add(&b, (slice){ lengthy, 300 });
	all = strbuf_slice(&b);
	assert_true(routes_have(all, SLICE("otlp/a")) && routes_have(all, (slice){ lengthy, 300 }));
	assert_false(routes_have(all, SLICE("otlp")) || routes_have(all, SLICE("")));
	assert_true(routes_next(&all, &name) && routes_next(&all, &name));
	assert_false(routes_next(&all, &name));
	for (size_t cut = 9; cut < b.len; cut++) { /* cut short: no name beyond the end */
		all = (slice){ b.p, cut };
		assert_true(routes_next(&all, &name));
		assert_false(routes_next(&all, &name));
	}
	free(lengthy);
	strbuf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segment_header),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_routes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
