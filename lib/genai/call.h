/* call.h - the facts of one model call on a normalised span, gathered for people to read.
 *
 * Slices point into the span's request. Numbers that nobody reported are -1 (tokens), NAN (seconds, dollars).
 */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/genai/kind.h"

struct call {
	slice service, operation, provider, model; /* the model that answered, else the one asked for */
	slice finish, error; /* first finish reason; error.type, or the status message of a failed span */
	slice convention, session, cost_status;
	int64_t input, cached, output;
	double seconds, first_chunk, cost;
	uint64_t end_ns;
	bool failed;
};

/* True for a countable model call; *c is filled. */
bool call_of_span(const struct span *s, struct call *c);

/* Columns of a list of calls: their widths so far, so that lines stand below each other. Zeroed to begin with. */
enum { CALL_SERVICE, CALL_MODEL, CALL_DURATION, CALL_FIRST, CALL_TOKENS, CALL_COST, CALL_END, N_CALL_COLUMNS };
struct call_columns {
	size_t width[N_CALL_COLUMNS];
};
/* One line, with the newline; `colour` uses ANSI escapes. */
void call_print(struct strbuf *out, const struct call *c, struct call_columns *columns, bool colour);
/* "1,234,567" and "$0.000123": as call_print writes them. */
void call_print_count(struct strbuf *out, int64_t n);
void call_print_usd(struct strbuf *out, double usd);
/* Text from the network, cut at `max` bytes at a character. What steers a terminal (controls, changes of direction) becomes '?'. */
void call_print_text(struct strbuf *out, slice s, size_t max);
/* Blanks from `from`, an earlier length of `out`, up to a width in characters; what is longer stays. */
void call_print_pad(struct strbuf *out, size_t from, size_t width);
/* Characters of `out` from there on; wide ones and escapes are not known. */
size_t call_print_width(const struct strbuf *out, size_t from);
