/* http_guard.h - the strict reader that stands in front of llhttp (reliability.md 2.4).
 *
 * It decides where a message ends, and refuses whatever two readers could see differently: bare CR or LF, folded
 * lines, blanks before a colon, control bytes, two lengths, odd transfer codings. Both readers are incremental, and
 * the verdict depends on the bytes alone: it is given at the same byte whichever way the input was cut. Pure: no
 * I/O, no allocation.
 */
#pragma once
#include "lib/base/base.h"

enum {
	GUARD_MAX_TARGET = 4096, /* bytes of a request target; more is 414 */
	GUARD_MAX_REQUEST_LINE = GUARD_MAX_TARGET + 64, /* with method, version and CRLF */
	GUARD_MAX_EXTENSION = 64, /* bytes of one chunk's extension */
	GUARD_MAX_EXTENSIONS = 16 << 10, /* of one message */
	GUARD_MAX_TRAILERS = 8 << 10,
	GUARD_FREE_OVERHEAD = 64 << 10, /* chunk framing above this must not exceed twice the data */
};

enum guard_step { GUARD_MORE, GUARD_DONE, GUARD_FAULT };

/* Progress over one head; zero it before the first byte. All places are offsets from the head's first byte. */
struct http_guard {
	size_t max_bytes, max_fields; /* set by the caller: the whole head, CRLFs included; field lines */
	size_t line; /* start of the line being read; at GUARD_DONE the length of the head */
	size_t seen; /* bytes looked at */
	size_t n_fields;
	size_t method_at, method_len, target_at, target_len;
	int64_t content_length; /* -1: none given */
	int minor; /* of HTTP/1.x */
	bool in_fields; /* the request line is complete */
	bool has_host, chunked;
	int status; /* at GUARD_FAULT: 400, 414, 431 */
	const char *text; /* and why */
};

void http_guard_init(struct http_guard *g, size_t max_bytes, size_t max_fields);
/* `data` is the head from its first byte as far as it arrived (it may lie elsewhere at each call). At GUARD_DONE
 * bytes from g->line on belong to the body or to the next request. */
enum guard_step http_guard_head(struct http_guard *g, slice data);

/* Progress over one chunked body; zero it before the first byte. */
struct http_chunks {
	uint64_t left; /* data bytes of the present chunk still to come */
	uint64_t data; /* data bytes announced by all chunks so far */
	uint64_t overhead; /* framing bytes so far */
	uint32_t extensions, trailers; /* bytes */
	uint8_t state, n_digits, extension;
	int status; /* at GUARD_FAULT: 400 or 431 */
	const char *text;
};

/* Consumes from *in up to and with the next run of data, or the end of the message. GUARD_MORE with data->len > 0:
 * these bytes are body, call again with the rest; with data->len == 0: *in is used up. GUARD_DONE: the message is
 * complete and *in holds what follows it. c->data tells the size announced so far, before the bytes themselves
 * arrive. */
enum guard_step http_chunks_next(struct http_chunks *c, slice *in, slice *data);
