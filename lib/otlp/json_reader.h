/* json_reader.h - the state of one JSON to wire conversion, and its two halves (lib/otlp only).
 *
 * json_in.c walks the structure, reader_text.c reads strings. Input is read strictly within [at, end), output
 * is written at `w`, and nothing may be written beyond what reader_room granted. The output may move whenever
 * room is asked for, so places in it are kept as offsets.
 */
#pragma once
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/otlp/json_table.h"
#include "lib/otlp/wire.h"

struct reader {
	const char *at, *end, *begin;
	char *w, *lim; /* the free part of `out` */
	struct buf *out;
	struct err *e;
	uint64_t n_utf8; /* replacements by U+FFFD */
	int depth; /* of open objects and arrays */
	int status; /* 0, or what json_to_otlp returns */
	bool strict_ids; /* a bad id is an error: no scan follows that could refuse one record */
	uint8_t width[JSON_MESSAGES_MAX]; /* of the length of the last message of that type; 0 before the first */
	/* Senders write the fields of a message in one order: the index of the field that came after a field (by
	 * its index plus one; 0: at the start) the last time. */
	uint8_t after[JSON_MESSAGES_MAX][JSON_FIELDS_MAX + 1];
};

/* Notes the first failure and its place. Always false. */
bool reader_fail(struct reader *r, const char *text);
bool reader_grow(struct reader *r, size_t n);

/* Room for n more bytes of output; false (and status -2) when pool or memory refuse. */
static inline bool reader_room(struct reader *r, size_t n)
{
	return LIKELY((size_t)(r->lim - r->w) >= n) || reader_grow(r, n);
}

/* The tag of f; needs room for 2 bytes. */
static inline void reader_tag(struct reader *r, const struct json_field *f)
{
	memcpy(r->w, f->tag, sizeof(f->tag));
	r->w += f->tag_len;
}

/* All of these start behind the opening quote and end behind the closing one. */

/* The value of a string field, with tag and length; an empty one only when `always`. */
bool reader_string(struct reader *r, const struct json_field *f, bool always);
/* The value of an id or bytes field. */
bool reader_id(struct reader *r, const struct json_field *f, bool always);
bool reader_bytes(struct reader *r, const struct json_field *f, bool always);
/* The decoded text. It is in the input, or in free room of the output with at least 32 bytes between it and r->w,
 * and valid until room is asked for. */
bool reader_text(struct reader *r, slice *s);
/* Only checks. */
bool reader_skip_string(struct reader *r);

/* Reserves `width` bytes for the length of what follows and returns the offset of the first byte of content.
 * Needs room for `width`. */
static inline size_t reader_open(struct reader *r, size_t width)
{
	r->w += width;
	return (size_t)(r->w - r->out->data);
}

/* Writes the length, moving the content when it needs another width. Returns the width, 0 on failure. */
size_t reader_close_moved(struct reader *r, size_t content, size_t width);

static inline size_t reader_close(struct reader *r, size_t content, size_t width)
{
	size_t len = (size_t)(r->w - r->out->data) - content;
	if (LIKELY(width == 1 && len < 128)) {
		r->out->data[content - 1] = (char)len;
		return 1;
	}
	return reader_close_moved(r, content, width);
}
