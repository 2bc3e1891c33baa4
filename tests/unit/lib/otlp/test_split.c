/* test_split.c - the parts of a split, one after the other, are the request: by a list of its items with their groups.
 *
 * The list is made with protobuf-c: for every item the bytes of its resource and scope (without children) and its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/strbuf.h"
#include "lib/otlp/encode.h"
#include "lib/otlp/schema/logs_service.pb-c.h"
#include "lib/otlp/schema/metrics_service.pb-c.h"
#include "tests/unit/rig/otlp_build.h"
#include "tests/unit/rig/otlp_oracle.h"

static const ProtobufCMessageDescriptor *root(enum signal s)
{
	return s == LOGS ? &opentelemetry__proto__collector__logs__v1__export_logs_service_request__descriptor
	        : s == METRICS
	        ? &opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__descriptor
	        : &opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor;
}

/* The repeated message field `number`: takes the children out of `m`. */
static ProtobufCMessage **children(ProtobufCMessage *m, unsigned number, size_t *n)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(m->descriptor, number);
	size_t *count = (size_t *)(void *)((char *)m + f->quantifier_offset);
	*n = *count;
	*count = 0;
	return *(ProtobufCMessage ***)(void *)((char *)m + f->offset);
}

static void add(struct strbuf *out, struct arena *a, ProtobufCMessage *m)
{
	slice s = pb_canonical(a, m, false);
	strbuf_addf(out, "<%zu:", s.len);
	strbuf_add(out, s);
}

static uint32_t list_scope(struct strbuf *out, struct arena *a, ProtobufCMessage *res, ProtobufCMessage *scope)
{
	size_t n;
	ProtobufCMessage **items = children(scope, 2, &n);
	for (size_t i = 0; i < n || (i == 0 && n == 0); i++) {
		add(out, a, res);
		add(out, a, scope);
		if (n)
			add(out, a, items[i]);
	}
	return n ? (uint32_t)n : 1;
}

/* Appends the items of a request, groups without items, too; returns how many. */
static uint32_t list(struct strbuf *out, struct arena *a, enum signal signal, slice body)
{
	ProtobufCAllocator al = pb_allocator(a);
	ProtobufCMessage *m = protobuf_c_message_unpack(root(signal), &al, body.len, (const uint8_t *)body.p);
	assert_non_null(m);
	size_t n_res, n_scope;
	uint32_t n = 0;
	ProtobufCMessage **res = children(m, 1, &n_res);
	for (size_t i = 0; i < n_res; i++) {
		ProtobufCMessage **scope = children(res[i], 2, &n_scope);
		if (n_scope == 0) {
			add(out, a, res[i]);
			n++;
		}
		for (size_t k = 0; k < n_scope; k++)
			n += list_scope(out, a, res[i], scope[k]);
	}
	return n;
}

struct parts {
	struct arena *a;
	enum signal signal;
	struct strbuf got;
	uint32_t max_items, n, n_items, n_single;
	size_t max_bytes;
};

static void emit(void *ctx, struct split_part part)
{
	struct parts *p = ctx;
	struct strbuf one;
	strbuf_init(&one, 1 << 24);
	bool single = list(&one, p->a, p->signal, buf_slice(part.body)) <= 1;
	if (!single && p->max_items && part.n_items > p->max_items)
		fail_msg("%u items in a part", part.n_items);
	if (!single && p->max_bytes && part.body->len > p->max_bytes)
		fail_msg("%zu bytes in a part", part.body->len);
	strbuf_add(&p->got, strbuf_slice(&one));
	strbuf_release(&one);
	p->n++;
	p->n_items += part.n_items;
	buf_unref(part.body);
}

static uint32_t split(struct arena *a, enum signal signal, slice body, uint32_t max_items, size_t max_bytes)
{
	struct parts p = { .a = a, .signal = signal, .max_items = max_items, .max_bytes = max_bytes };
	struct strbuf want;
	struct buf *repaired;
	struct err e;
	uint32_t n;
	uint64_t n_utf8;
	strbuf_init(&p.got, 1 << 24);
	strbuf_init(&want, 1 << 24);
	list(&want, a, signal, body);
	assert_int_equal(otlp_check(signal, body, NULL, &n, &n_utf8, &repaired, &e), 0);
	assert_int_equal(otlp_split(signal, body, max_items, max_bytes, NULL, emit, &p), 0);
	assert_int_equal(p.n_items, n);
	assert_true(slice_eq(strbuf_slice(&want), strbuf_slice(&p.got)));
	strbuf_release(&want);
	strbuf_release(&p.got);
	return p.n;
}

static void test_random(void **state)
{
	(void)state;
	static const enum signal signals[] = { TRACES, LOGS, METRICS };
	uint32_t n_parts = 0;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		struct rng r = { seed * 0x9E3779B97F4A7C15 };
		struct arena a;
		arena_init(&a);
		enum signal signal = signals[seed % 3];
		slice body = random_copy(&a, pb_random(&r, &a, root(signal), 0), BUF_SLACK);
		uint32_t max_items = rng_below(&r, 5);
		n_parts += split(
		        &a, signal, body, max_items, rng_one_in(&r, 2) ? 0 : rng_below(&r, (uint32_t)body.len + 9));
		arena_release(&a);
	}
	assert_in_range(n_parts, 4000, 60000);
}

static void test_exact(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a);
	slice spans = SLICE("");
	for (unsigned i = 0; i < 10; i++)
		spans = w_cat(&a, spans, w_span(&a, "name", (slice){ 0 }), w_end);
	slice body = w_request(&a, spans);
	assert_int_equal(split(&a, TRACES, body, 0, 0), 1);
	assert_int_equal(split(&a, TRACES, body, 10, 0), 1);
	assert_int_equal(split(&a, TRACES, body, 9, 0), 2);
	assert_int_equal(split(&a, TRACES, body, 1, 0), 10);
	assert_int_equal(split(&a, TRACES, body, 1000, 1), 10); /* one item may be larger than the limit */
	assert_in_range(split(&a, TRACES, body, 1000, body.len / 2), 2, 4);
	assert_int_equal(split(&a, TRACES, SLICE(""), 1, 1), 1);
	/* unknown fields of the request are in the first part only */
	split(&a, TRACES, w_cat(&a, body, w_len(&a, 50, SLICE("unknown")), w_end), 3, 0);
	arena_release(&a);
}

static void drop(void *ctx, struct split_part part)
{
	*(uint32_t *)ctx += part.n_items;
	buf_unref(part.body);
}

static void test_no_memory(void **state)
{
	(void)state;
	struct arena a;
	struct pool pool;
	uint32_t n = 0;
	arena_init(&a);
	slice body = w_request(&a, w_cat(&a, w_span(&a, "a", (slice){ 0 }), w_span(&a, "b", (slice){ 0 }), w_end));
	pool_init(&pool, 10);
	assert_int_equal(otlp_split(TRACES, body, 1, 0, &pool, drop, &n), -1);
	assert_int_equal(n, 0);
	assert_int_equal(pool_used(&pool), 0);
	arena_release(&a);
}

/* A large scope is repeated for each of many spans: not beyond the stated room. */
static void test_bomb(void **state)
{
	(void)state;
	struct arena a;
	uint32_t n = 0;
	arena_init(&a);
	slice big = { arena_zalloc(&a, 1 << 20), 1 << 20 }, spans = SLICE("");
	for (unsigned i = 0; i < 20; i++)
		spans = w_cat(&a, spans, w_span(&a, "s", (slice){ 0 }), w_end);
	slice scope = w_len(&a, 2, w_cat(&a, w_len(&a, 1, w_len(&a, 1, big)), spans, w_end));
	slice body = w_len(&a, 1, scope);
	assert_int_equal(otlp_split(TRACES, body, 2, 0, NULL, drop, &n), 0);
	assert_int_equal(n, 20);
	n = 0;
	assert_int_equal(otlp_split(TRACES, body, 1, 0, NULL, drop, &n), -1);
	assert_in_range(n, 1, SPLIT_ROOM / (1 << 20) + 2);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_exact),
		cmocka_unit_test(test_no_memory), cmocka_unit_test(test_bomb) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
