/* otlp_build.h - hand-made OTLP bodies for tests, in the arena given; BUF_SLACK readable bytes follow each. */
#pragma once
#include "lib/base/arena.h"

/* One field: length-delimited, varint, fixed64, fixed32. */
slice w_len(struct arena *a, uint32_t field, slice content);
slice w_int(struct arena *a, uint32_t field, uint64_t v);
slice w_fix64(struct arena *a, uint32_t field, uint64_t v);
slice w_fix32(struct arena *a, uint32_t field, uint32_t v);
/* A group around `content`. */
slice w_group(struct arena *a, uint32_t field, slice content);
/* Concatenation; the list ends with a slice whose p is NULL: w_cat(a, x, y, w_end). */
slice w_cat(struct arena *a, ...);
extern const slice w_end;

/* KeyValue field with a string / with the given AnyValue message. */
slice w_attr(struct arena *a, uint32_t field, const char *key, const char *value);
slice w_attr_any(struct arena *a, uint32_t field, const char *key, slice any);
/* `levels` of AnyValue (1: a string): arrays around a string. */
slice w_deep(struct arena *a, unsigned levels);
/* Fields of a valid span's ids; a whole span field with a name and more fields. */
slice w_ids(struct arena *a);
slice w_span(struct arena *a, const char *name, slice more);
/* A request with one resource ("service.name": "svc"), one scope ("scope"), and these span fields. */
slice w_request(struct arena *a, slice spans);

/* A file of tests/corpus as is; aborts when it is not there. Tests run in the root of the tree. */
slice w_corpus(struct arena *a, const char *name);
