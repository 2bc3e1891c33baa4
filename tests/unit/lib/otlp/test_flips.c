/* test_flips.c - every prefix and single-bit flips of recorded requests, judged by protobuf-c (case 91 of the fault matrix).
 *
 * Random damage is test_differential's and test_check's; here nothing is random: what one wrong bit, or a connection
 * that ends, makes of a real body. Accepted by us means accepted by protobuf-c and read alike; refused only by us has
 * one of the documented reasons (otlp_oracle.h). FLIPS_N: how many flips, spread evenly over all bits of the bodies
 * (default 60000; 1000000 in long runs); each case sees the whole body, so that larger ones are left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "lib/otlp/encode.h"
#include "tests/unit/rig/otlp_build.h"
#include "tests/unit/rig/otlp_oracle.h"

enum { MAX_BODIES = 100, MAX_BYTES = 3000 };

static const ProtobufCMessageDescriptor *const root =
        &opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor;

struct body {
	char name[256];
	slice data;
};

static struct {
	struct arena arena;
	struct body bodies[MAX_BODIES];
	size_t n_bodies, n_bits;
	uint32_t n_accepted, n_refused, n_partial;
} all;

static void collect(const char *dir)
{
	DIR *d = opendir(arena_printf(&all.arena, "tests/corpus/%s", dir));
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) && all.n_bodies < MAX_BODIES;) {
		struct body *b = &all.bodies[all.n_bodies];
		size_t n = strlen(e->d_name);
		if (n < 3 || strcmp(e->d_name + n - 3, ".pb") || strstr(e->d_name, "logs") ||
		        strstr(e->d_name, "metrics"))
			continue;
		snprintf(b->name, sizeof(b->name), "%s%s", dir, e->d_name);
		b->data = w_corpus(&all.arena, arena_printf(&all.arena, "%s%s", dir, e->d_name));
		if (b->data.len <= MAX_BYTES) {
			all.n_bodies++;
			all.n_bits += b->data.len * 8;
		}
	}
	closedir(d);
}

static int setup(void **state UNUSED)
{
	arena_init(&all.arena);
	collect("");
	collect("genai/");
	return 0;
}

static int teardown(void **state UNUSED)
{
	arena_release(&all.arena);
	return 0;
}

/* The index says what protobuf-c's tree says. */
static void read_alike(const char *what, struct arena *a, slice body, const struct scan_report *checked, pb_request *pb)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	struct buf *b = buf_copy(NULL, body);
	if (traces_scan(&t, b, NULL, NULL, &r, &e))
		fail_msg("%s: traces_check accepts and traces_scan does not", what);
	if (r.n_spans != checked->n_spans || r.n_refused != checked->n_refused || r.n_utf8 != checked->n_utf8)
		fail_msg("%s: traces_check and traces_scan report differently", what);
	pb_canonical(a, &pb->base, r.n_utf8 > 0);
	const char *why = pb_differs(&t, pb);
	if (why)
		fail_msg("%s: read as something else: %s", what, why);
	traces_release(&t);
	buf_unref(b);
}

static void judge(const char *what, struct arena *a, const char *copy, size_t n)
{
	struct scan_report r;
	struct err e = { 0 };
	slice body = { copy, n }, bare;
	bool rewrite = false;
	unsigned traits = otlp_traits(root, body, a, &bare);
	pb_request *pb = pb_unpack(a, traits & T_GROUPS ? bare : body);
	if (traces_check(body, &r, &rewrite, &e)) {
		all.n_refused++;
		if (pb && !(traits & (T_TAG | T_VARINT | T_GROUP | T_TYPE | T_BROKEN)))
			fail_msg("%s: we refuse without a reason: %s", what, e.text);
		return;
	}
	all.n_accepted++;
	all.n_partial += r.n_refused > 0;
	if (traits & (T_BROKEN | T_GROUP | T_TAG | T_VARINT | T_TYPE))
		fail_msg("%s: we accept what breaks one of our rules", what);
	if (!pb && !(traits & (T_SPLIT | T_DEEP)))
		fail_msg("%s: we accept what protobuf-c refuses", what);
	if (pb && !(traits & (T_SPLIT | T_DEEP)))
		read_alike(what, a, body, &r, pb);
}

/* Bodies are judged in a copy with nothing behind it but the slack that a scan may read. */
static void each(const struct body *b, size_t len, size_t bit)
{
	struct arena a;
	char what[300];
	arena_init(&a);
	char *copy = arena_alloc(&a, len + BUF_SLACK);
	memset(copy, 0, len + BUF_SLACK);
	memcpy(copy, b->data.p, len);
	if (bit < len * 8)
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
	snprintf(what, sizeof(what), "%s, %zu bytes, bit %zu", b->name, len, bit);
	judge(what, &a, copy, len);
	arena_release(&a);
}

static void every_prefix(void **state UNUSED)
{
	for (size_t i = 0; i < all.n_bodies; i++)
		for (size_t n = 0; n <= all.bodies[i].data.len; n++)
			each(&all.bodies[i], n, SIZE_MAX);
	print_message("%zu bodies: %u prefixes accepted, %u refused\n", all.n_bodies, all.n_accepted, all.n_refused);
	assert_true(all.n_bodies >= 20 && all.n_accepted >= all.n_bodies && all.n_refused > 10000);
}

static void bit_flips(void **state UNUSED)
{
	const char *given = getenv("FLIPS_N");
	size_t wanted = given ? strtoull(given, NULL, 10) : 60000, at = 0;
	size_t step = all.n_bits / wanted + !(all.n_bits / wanted);
	all.n_accepted = all.n_refused = all.n_partial = 0;
	step |= 1; /* odd: all bits of a byte get their turn */
	for (size_t i = 0; i < all.n_bodies; i++) {
		size_t bits = all.bodies[i].data.len * 8;
		for (; at < bits; at += step)
			each(&all.bodies[i], all.bodies[i].data.len, at);
		at -= bits;
	}
	print_message("%zu of %zu flips: %u accepted, %u of them in part, %u refused\n", all.n_bits / step, all.n_bits,
	        all.n_accepted, all.n_partial, all.n_refused);
	assert_true(all.n_accepted > 1000 && all.n_partial > 100 && all.n_refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(bit_flips),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
