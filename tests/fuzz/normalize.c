/* normalize.c - any request normalises to one that a second run leaves alone; the last byte and the size choose the options. */
#include "lib/genai/normalize.h"
#include "lib/otlp/encode.h"
#define REQUIRE(x) ((x) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_both(const struct span *s)
{
	return attrs_find_id(&s->attrs, KEY_GENAI_OPERATION_NAME) && attrs_find_id(&s->attrs, KEY_WEIR_SPAN_KIND) &&
	        attrs_find_id(&s->attrs, KEY_WEIR_CONVENTION);
}

static void again(
        struct normalizer *n, const struct normalize_options *o, struct buf *body, const struct key_table *keys)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	REQUIRE(traces_scan(&t, body, keys, NULL, &r, &e) == 0 && r.n_refused == 0);
	normalize_traces(n, o, &t, NULL);
	REQUIRE(!t.dirty);
	traces_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	struct normalizer n;
	uint8_t bits = (uint8_t)(size ? data[size - 1] ^ size : 0);
	struct normalize_options o = { .originals = (enum originals)(bits % 3),
		.precedence = (enum precedence)(bits / 3 % 3),
		.fold_events = bits & 64,
		.raw_finish_reasons = bits & 128 };
	struct buf *body = buf_copy(NULL, (slice){ (const char *)data, size });
	struct key_table *keys = genai_keys_new();
	normalizer_init(&n);
	if (traces_scan(&t, body, keys, NULL, &r, &e) == 0) {
		uint32_t kept = t.n_kept;
		normalize_traces(&n, &o, &t, NULL);
		REQUIRE(t.n_kept == kept);
		for (struct span *s = traces_first_span(&t); s; s = traces_next_span(&t, s))
			REQUIRE(has_both(s));
		struct buf *out = traces_encode(&t, NULL);
		REQUIRE(out);
		again(&n, &o, out, keys);
		buf_unref(out);
		traces_release(&t);
	}
	normalizer_release(&n);
	key_table_free(keys);
	buf_unref(body);
	return 0;
}
