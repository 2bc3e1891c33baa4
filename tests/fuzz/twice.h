/* twice.h - a request is normalised, and a second run over the result changes nothing; what differs is printed. */
#pragma once
#include <stdio.h>

#include "lib/genai/normalize.h"
#include "lib/otlp/encode.h"
#include "lib/otlp/json.h"
#define REQUIRE(x) ((x) ? (void)0 : __builtin_trap())

static inline struct normalize_options options_of(uint8_t bits)
{
	return (struct normalize_options){ .originals = (enum originals)(bits % 3),
		.precedence = (enum precedence)(bits / 3 % 3),
		.fold_events = bits & 64,
		.raw_finish_reasons = bits & 128 };
}

static inline void show(const char *what, struct buf *body)
{
	struct buf *text;
	REQUIRE(otlp_to_json(TRACES, buf_slice(body), NULL, &text) == 0);
	fprintf(stderr, "%s: %.*s\n", what, (int)text->len, text->data);
	buf_unref(text);
}

static inline bool has_three(const struct span *s)
{
	return attrs_find_id(&s->attrs, KEY_GENAI_OPERATION_NAME) && attrs_find_id(&s->attrs, KEY_WEIR_SPAN_KIND) &&
	        attrs_find_id(&s->attrs, KEY_WEIR_CONVENTION);
}

/* The normalised body; NULL when `in` is no request. The caller owns it. */
static inline struct buf *normalized(struct normalizer *n, const struct normalize_options *o, struct buf *in,
        const struct key_table *keys, bool *dirty)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	if (traces_scan(&t, in, keys, NULL, &r, &e) != 0)
		return NULL;
	uint32_t kept = t.n_kept;
	normalize_traces(n, o, &t, NULL);
	REQUIRE(t.n_kept == kept);
	for (struct span *s = traces_first_span(&t); s; s = traces_next_span(&t, s))
		REQUIRE(has_three(s));
	*dirty = t.dirty;
	struct buf *out = traces_encode(&t, NULL);
	REQUIRE(out);
	traces_release(&t);
	return out;
}

static inline void normalize_twice(const struct normalize_options *o, struct buf *in, const struct key_table *keys)
{
	struct normalizer n;
	bool dirty;
	normalizer_init(&n);
	struct buf *once = normalized(&n, o, in, keys, &dirty);
	struct buf *twice = once ? normalized(&n, o, once, keys, &dirty) : NULL;
	REQUIRE(!once || twice);
	if (once && dirty) {
		show("came", in);
		show("once", once);
		show("twice", twice);
		REQUIRE(!dirty);
	}
	buf_unref(once);
	buf_unref(twice);
	normalizer_release(&n);
}
