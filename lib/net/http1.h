/* http1.h - one HTTP/1 head to a struct http_head, one answer to bytes. Pure: no I/O, no connection.
 *
 * A head comes here only after http_guard_head said GUARD_DONE. llhttp reads it a second time and must see the same
 * target, fields and length; two readers that differ are a 400. llhttp never sees a body.
 */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/net/http_guard.h"
#include "lib/net/http_server.h"

enum http1_expect { EXPECT_NOTHING, EXPECT_CONTINUE, EXPECT_UNKNOWN };

/* One allocation: all slices of head point into it. */
struct http1_request {
	struct http_head head; /* peer and tls are the caller's to set */
	enum http1_expect expect;
	int minor;
	struct http_header headers[]; /* then the bytes of the head */
};

/* Copies g->line bytes of `raw`. Owned by the caller: free(). NULL with *why set when llhttp disagrees (400), NULL
 * with *why NULL when memory is out. */
struct http1_request *http1_request_new(const struct http_guard *g, const char *raw, const char **why) MUST_USE;

struct http1_style {
	slice date;
	int minor; /* of the request */
	bool close, to_head; /* to_head: the request was HEAD */
};

/* The head of the answer, up to and with the empty line; strbuf's failed is set when it does not fit. Fields that
 * hold a control byte are left out: nothing a client sent may start a new line. */
void http1_answer_head(struct strbuf *out, const struct http_answer *a, const struct http1_style *style);
/* False for 1xx, 204, 304 and answers to HEAD: no body follows. */
bool http1_answer_has_body(const struct http_answer *a, const struct http1_style *style);
const char *http1_reason(int status);
