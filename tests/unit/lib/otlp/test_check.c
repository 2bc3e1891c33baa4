/* test_check.c - logs and metrics: otlp_check against protobuf-c on the corpus, random messages and damaged ones.
 *
 * Accepted by us means accepted by protobuf-c; refused only by us has one of the documented reasons; the repaired
 * body is what protobuf-c's tree is after the same repair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/otlp/encode.h"
#include "lib/otlp/schema/logs_service.pb-c.h"
#include "lib/otlp/schema/metrics_service.pb-c.h"
#include "tests/unit/rig/otlp_build.h"
#include "tests/unit/rig/otlp_oracle.h"

static const ProtobufCMessageDescriptor *root(enum signal s)
{
	return s == LOGS ? &opentelemetry__proto__collector__logs__v1__export_logs_service_request__descriptor
	                 : &opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__descriptor;
}

/* The number of log records or data points in a tree. */
static uint32_t count_items(const ProtobufCMessage *m)
{
	const char *point = strstr(m->descriptor->name, "DataPoint");
	uint32_t n = m->descriptor == &opentelemetry__proto__logs__v1__log_record__descriptor ||
	        (point && strcmp(point, "DataPoint") == 0);
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		const char *slot = (const char *)m + f->offset;
		const void *quantifier = (const char *)m + f->quantifier_offset;
		if (f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
		if (!repeated && (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && *(const uint32_t *)quantifier != f->id)
			continue;
		const ProtobufCMessage *const *subs = repeated
		        ? *(const ProtobufCMessage *const *const *)(const void *)slot
		        : (const ProtobufCMessage *const *)(const void *)slot;
		for (size_t k = 0; k < (repeated ? *(const size_t *)quantifier : 1); k++)
			n += subs[k] ? count_items(subs[k]) : 0;
	}
	return n;
}

struct trial {
	struct arena a;
	enum signal signal;
	uint64_t seed;
	uint32_t n_accepted;
};

static void differ(const struct trial *c, const char *what)
{
	fail_msg("signal %d, seed %llu: %s", (int)c->signal, (unsigned long long)c->seed, what);
}

static void accepted(
        struct trial *c, unsigned traits, ProtobufCMessage *pb, uint32_t n, uint64_t n_utf8, struct buf *repaired)
{
	slice bare;
	c->n_accepted++;
	if (traits & (T_BROKEN | T_GROUP | T_TAG | T_VARINT | T_TYPE | T_DEEP))
		differ(c, "we accept what breaks one of our rules");
	if (!repaired != !n_utf8)
		differ(c, "repaired without bad UTF-8 or the other way round");
	if (traits & T_SPLIT)
		return;
	if (!pb)
		differ(c, "we accept what protobuf-c refuses");
	if (pb_bad_ids(pb))
		differ(c, "we accept a bad id");
	if (n != count_items(pb))
		differ(c, "the number of items differs");
	if (!repaired)
		return;
	ProtobufCAllocator al = pb_allocator(&c->a);
	otlp_traits(root(c->signal), buf_slice(repaired), &c->a, &bare);
	ProtobufCMessage *again = protobuf_c_message_unpack(root(c->signal), &al, bare.len, (const uint8_t *)bare.p);
	if (!again || !slice_eq(pb_canonical(&c->a, again, false), pb_canonical(&c->a, pb, true)))
		differ(c, "the repaired body differs");
}

static int check(struct trial *c, slice body)
{
	slice bare;
	struct err e;
	struct buf *repaired;
	uint32_t n;
	uint64_t n_utf8;
	ProtobufCAllocator al = pb_allocator(&c->a);
	unsigned traits = otlp_traits(root(c->signal), body, &c->a, &bare);
	slice theirs = traits & T_GROUPS ? bare : body;
	ProtobufCMessage *pb = protobuf_c_message_unpack(root(c->signal), &al, theirs.len, (const uint8_t *)theirs.p);
	int rc = otlp_check(c->signal, body, NULL, &n, &n_utf8, &repaired, &e);
	if (rc == 0)
		accepted(c, traits, pb, n, n_utf8, repaired);
	else if (pb && !(traits & (T_GROUP | T_TAG | T_VARINT | T_TYPE | T_DEEP | T_SPLIT)) && !pb_bad_ids(pb))
		differ(c, "we refuse without a reason");
	buf_unref(repaired);
	return rc;
}

static void test_corpus(void **state)
{
	(void)state;
	static const struct {
		enum signal signal;
		const char *name;
	} files[] = { { LOGS, "js_logs_0.pb" }, { LOGS, "otelcol_logs_0.pb" }, { LOGS, "python_logs_0.pb" },
		{ METRICS, "js_metrics_0.pb" }, { METRICS, "js_metrics_1.pb" }, { METRICS, "otelcol_metrics_0.pb" },
		{ METRICS, "python_metrics_0.pb" } };
	for (size_t i = 0; i < COUNTOF(files); i++) {
		struct trial c = { .signal = files[i].signal };
		arena_init(&c.a);
		slice body = w_corpus(&c.a, files[i].name);
		assert_int_equal(check(&c, body), 0);
		for (c.seed = 1; c.seed <= 300; c.seed++) {
			struct rng r = { c.seed * 7919 };
			struct arena scratch;
			arena_init(&scratch);
			check(&c, random_damage(&r, &scratch, body, BUF_SLACK));
			arena_release(&scratch);
		}
		arena_release(&c.a);
	}
}

static void test_random(void **state)
{
	(void)state;
	uint32_t n_accepted = 0;
	for (uint64_t seed = 1; seed <= 6000; seed++) {
		struct rng r = { seed * 0x9E3779B97F4A7C15 };
		struct trial c = { .signal = seed % 2 ? LOGS : METRICS, .seed = seed };
		arena_init(&c.a);
		slice body = random_copy(&c.a, pb_random(&r, &c.a, root(c.signal), 0), BUF_SLACK);
		if (check(&c, body))
			differ(&c, "a sound body is refused");
		check(&c, random_damage(&r, &c.a, body, BUF_SLACK));
		n_accepted += c.n_accepted;
		arena_release(&c.a);
	}
	print_message("%u of 12000 accepted\n", n_accepted);
	assert_in_range(n_accepted, 7000, 11500);
}

static void test_depth(void **state)
{
	(void)state;
	for (unsigned levels = 63; levels <= 66; levels++) {
		struct arena a;
		struct err e = { 0 };
		struct buf *repaired;
		uint32_t n;
		uint64_t n_utf8;
		arena_init(&a);
		slice body = w_len(&a, 2, w_len(&a, 2, w_len(&a, 5, w_deep(&a, levels)))); /* a log record's body */
		int rc = otlp_check(LOGS, w_len(&a, 1, body), NULL, &n, &n_utf8, &repaired, &e);
		assert_int_equal(rc, levels <= 64 ? 0 : -1);
		if (rc)
			assert_non_null(strstr(e.text, "deeper than 64"));
		arena_release(&a);
	}
}

static void test_memory(void **state)
{
	(void)state;
	struct arena a;
	struct err e;
	struct buf *repaired;
	uint32_t n;
	uint64_t n_utf8;
	struct pool pool;
	pool_init(&pool, 3);
	arena_init(&a);
	slice body = w_len(&a, 1, w_len(&a, 2, w_len(&a, 2, w_len(&a, 3, SLICE("\xFF")))));
	assert_int_equal(otlp_check(LOGS, body, &pool, &n, &n_utf8, &repaired, &e), -2);
	assert_null(repaired);
	pool_set_limit(&pool, 1000);
	assert_int_equal(otlp_check(LOGS, body, &pool, &n, &n_utf8, &repaired, &e), 0);
	assert_int_equal(n_utf8, 1);
	assert_int_equal(n, 1);
	buf_unref(repaired);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_corpus), cmocka_unit_test(test_random),
		cmocka_unit_test(test_depth), cmocka_unit_test(test_memory) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
