/* wire_scan.c - any bytes as a request of each signal: the two walks agree, what is accepted stays accepted.
 *
 * Properties: traces_check and traces_scan give the same answer and report; what is encoded scans clean and keeps
 * its spans; a repaired body of logs or metrics is sound; the parts of a split have all items.
 */
#include "lib/otlp/encode.h"

#define REQUIRE(x)                        \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *ctx, struct split_part part)
{
	*(uint32_t *)ctx += part.n_items;
	buf_unref(part.body);
}

static void check_other(enum signal signal, slice body)
{
	struct err e;
	struct buf *repaired;
	uint32_t n, again, in_parts = 0;
	uint64_t n_utf8;
	if (otlp_check(signal, body, NULL, &n, &n_utf8, &repaired, &e))
		return;
	REQUIRE(!repaired == (n_utf8 == 0));
	struct buf *more, *sound = repaired ? repaired : buf_copy(NULL, body);
	REQUIRE(otlp_check(signal, buf_slice(sound), NULL, &again, &n_utf8, &more, &e) == 0 && !more && again <= n);
	REQUIRE(otlp_split(signal, buf_slice(sound), 2, 0, NULL, count, &in_parts) == 0 && in_parts == again);
	buf_unref(sound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct traces t, t2;
	struct scan_report r, r2;
	struct err e;
	bool rewrite;
	struct buf *body = buf_copy(NULL, (slice){ (const char *)data, size });
	check_other(LOGS, buf_slice(body));
	check_other(METRICS, buf_slice(body));
	int rc = traces_scan(&t, body, NULL, NULL, &r, &e);
	REQUIRE(traces_check(buf_slice(body), &r2, &rewrite, &e) == rc || rc == -2);
	if (rc == 0) {
		REQUIRE(r.n_spans == r2.n_spans && r.n_refused == r2.n_refused && r.n_utf8 == r2.n_utf8);
		struct buf *out = traces_encode(&t, NULL);
		REQUIRE(out && traces_scan(&t2, out, NULL, NULL, &r2, &e) == 0);
		REQUIRE(r2.n_spans == t.n_kept && r2.n_refused == 0 && r2.n_utf8 == 0 && t2.body == out && !t2.dirty);
		traces_release(&t2);
		buf_unref(out);
		traces_release(&t);
	}
	buf_unref(body);
	return 0;
}
