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
/* One line, with the newline; `colour` uses ANSI escapes. Control characters of the input are not passed on. */
void call_print(struct strbuf *out, const struct call *c, bool colour);
/* "1,234,567" and "$0.000123": as call_print writes them. */
void call_print_count(struct strbuf *out, int64_t n);
void call_print_usd(struct strbuf *out, double usd);
/* Text from the network without control characters, cut at `max` bytes at a character. */
void call_print_text(struct strbuf *out, slice s, size_t max);
