/* test_wire.c - the protobuf primitives by table: what is read, what is malformed, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/otlp/wire.h"

#define BYTES(lit)                      \
	{                               \
		"" lit, sizeof(lit) - 1 \
	}

static void test_varint(void **state)
{
	(void)state;
	static const struct {
		slice in;
		size_t used; /* 0: malformed */
		uint64_t v;
	} cases[] = {
		{ BYTES("\x00"), 1, 0 },
		{ BYTES("\x7f"), 1, 127 },
		{ BYTES("\x80\x01"), 2, 128 },
		{ BYTES("\x80\x00"), 2, 0 }, /* longer than needed */
		{ BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 10, UINT64_MAX },
		{ BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), 10, 0 },
		{ BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), 0, 0 }, /* 65 bits */
		{ BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), 0, 0 }, /* 11 bytes */
		{ BYTES("\x80"), 0, 0 },
		{ BYTES(""), 0, 0 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		uint64_t v;
		const uint8_t *p = wire_start(cases[i].in), *end = wire_end(cases[i].in);
		const uint8_t *next = wire_varint(p, end, &v);
		assert_int_equal(next ? next - p : 0, cases[i].used);
		if (next)
			assert_true(v == cases[i].v);
	}
}

static void test_tag(void **state)
{
	(void)state;
	static const struct {
		slice in;
		size_t used;
		uint32_t tag;
	} cases[] = {
		{ BYTES("\x0a"), 1, TAG(1, WIRE_LEN) },
		{ BYTES("\x85\x01"), 2, TAG(16, WIRE_32) },
		{ BYTES("\x8a\x00"), 2, TAG(1, WIRE_LEN) },
		{ BYTES("\xff\xff\xff\xff\x0f"), 5, UINT32_MAX },
		{ BYTES("\xff\xff\xff\xff\x1f"), 0, 0 }, /* 33 bits */
		{ BYTES("\x80\x80\x80\x80\x80\x01"), 0, 0 }, /* 6 bytes */
		{ BYTES("\x02"), 0, 0 }, /* field 0 */
		{ BYTES("\x82\x00"), 0, 0 },
		{ BYTES("\x8a"), 0, 0 },
		{ BYTES(""), 0, 0 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		uint32_t tag;
		const uint8_t *p = wire_start(cases[i].in), *next = wire_tag(p, wire_end(cases[i].in), &tag);
		assert_int_equal(next ? next - p : 0, cases[i].used);
		if (next)
			assert_int_equal(tag, cases[i].tag);
	}
}

static void test_skip(void **state)
{
	(void)state;
	static const struct {
		uint32_t type;
		slice in;
		size_t used;
	} cases[] = {
		{ WIRE_VARINT, BYTES("\x80\x01z"), 2 },
		{ WIRE_64, BYTES("12345678z"), 8 },
		{ WIRE_64, BYTES("1234567"), 0 },
		{ WIRE_32, BYTES("1234z"), 4 },
		{ WIRE_32, BYTES("123"), 0 },
		{ WIRE_LEN, BYTES("\x02zz"), 3 },
		{ WIRE_LEN, BYTES("\x02z"), 0 },
		{ WIRE_LEN, BYTES("\x80\x80\x80\x80\x00"), 5 },
		{ WIRE_LEN, BYTES("\x80\x80\x80\x80\x80\x00"), 0 },
		{ WIRE_LEN, BYTES("\xff\xff\xff\xff\x0f"), 0 },
		{ WIRE_END_GROUP, BYTES("\x01"), 0 },
		{ 6, BYTES("\x01"), 0 },
		{ 7, BYTES("\x01"), 0 },
		/* field 9: 4b is its start, 4c its end */
		{ WIRE_GROUP, BYTES("\x4c"), 1 },
		{ WIRE_GROUP, BYTES("\x0a\x01z\x53\x08\x01\x54\x4c\x08"), 8 },
		{ WIRE_GROUP, BYTES("\x54"), 0 }, /* the end of another */
		{ WIRE_GROUP, BYTES("\x53\x4c"), 0 }, /* crossed */
		{ WIRE_GROUP, BYTES("\x0a\x01z"), 0 }, /* no end */
		{ WIRE_GROUP, BYTES("\x0a\x05z\x4c"), 0 },
	};
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		const uint8_t *p = wire_start(cases[i].in);
		const uint8_t *next = wire_skip(p, wire_end(cases[i].in), TAG(9, cases[i].type));
		assert_int_equal(next ? next - p : 0, cases[i].used);
	}
}

static void test_group_depth(void **state)
{
	(void)state;
	uint8_t body[2 * (WIRE_GROUP_DEPTH + 1)] = { 0 };
	for (size_t depth = WIRE_GROUP_DEPTH; depth <= WIRE_GROUP_DEPTH + 1; depth++) {
		/* the first start tag was read already */
		memset(body, 0x4b, depth - 1);
		memset(body + depth - 1, 0x4c, depth);
		const uint8_t *end = body + 2 * depth - 1;
		assert_ptr_equal(wire_skip(body, end, TAG(9, WIRE_GROUP)), depth <= WIRE_GROUP_DEPTH ? end : NULL);
	}
}

static void test_next(void **state)
{
	(void)state;
	slice at = SLICE("\x0a\x02hi\x10\x05\x82");
	struct wire_field f;
	assert_true(wire_next(&at, &f));
	assert_true(f.tag == TAG(1, WIRE_LEN) && slice_is(f.content, "hi") && f.raw.len == 4);
	assert_true(wire_next(&at, &f));
	assert_true(f.tag == TAG(2, WIRE_VARINT) && f.content.len == 0 && f.raw.len == 2);
	assert_false(wire_next(&at, &f));
	assert_int_equal(at.len, 1);
}

static void test_write(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int d = -1; d <= 1; d++) {
			uint64_t v = (UINT64_C(1) << bit) + (uint64_t)(int64_t)d, back;
			char out[16];
			char *end = wire_put_varint(out, v);
			assert_int_equal(end - out, wire_varint_size(v));
			assert_ptr_equal(wire_varint((uint8_t *)out, (uint8_t *)end, &back), end);
			assert_true(back == v);
		}
	}
	char out[32];
	char *end = wire_put_field(out, TAG(16, WIRE_LEN), SLICE("abc"));
	assert_int_equal(end - out, wire_field_size(TAG(16, WIRE_LEN), 3));
	assert_memory_equal(out,
	        "\x82\x01\x03"
	        "abc",
	        6);
	wire_put_fix64(out, 0x0807060504030201);
	assert_memory_equal(out, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_int_equal(wire_fix32((uint8_t *)out), 0x04030201);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_varint), cmocka_unit_test(test_tag),
		cmocka_unit_test(test_skip), cmocka_unit_test(test_group_depth), cmocka_unit_test(test_next),
		cmocka_unit_test(test_write) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
