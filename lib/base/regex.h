/* regex.h - regular expressions of users, as the Collector's (Go RE2) patterns mean them, on PCRE2.
 *
 * Bytes are UTF-8. `$` is the end of the text, groups are (?P<name>..), \d \w \s are ASCII. PCRE2 backtracks where
 * RE2 does not, so each match has a budget of steps and of time; a match that exceeds it is given up, and the
 * caller treats that as "no match" and says so. A compiled regex is immutable and shared by threads; the scratch is not.
 */
#pragma once
#include "lib/base/err.h"

struct regex;

/* Working memory of one thread for all its regexes; zeroed is ready. */
struct regex_scratch {
	struct pcre2_real_match_data_8 *data;
	struct pcre2_real_match_context_8 *context;
	uint32_t n_pairs;
};

enum regex_result { REGEX_NO_MATCH, REGEX_MATCH, REGEX_GAVE_UP };

/* NULL with e (the text says what is wrong and at which byte of the pattern; no place). */
struct regex *regex_new(slice pattern, struct err *e) MUST_USE;
void regex_free(struct regex *re); /* NULL is fine */
/* Groups are numbered from 1 to this. */
uint32_t regex_n_groups(const struct regex *re);
/* The name of group i; empty when it has none. Lives as long as the regex. */
slice regex_group_name(const struct regex *re, uint32_t i);

/* Searches in `text` (valid UTF-8). On REGEX_MATCH regex_group tells what the groups matched. */
enum regex_result regex_match(const struct regex *re, struct regex_scratch *scratch, slice text);
/* What group i of the last match of this scratch matched in `text`; empty when it took no part. */
slice regex_group(const struct regex_scratch *scratch, uint32_t i, slice text);
void regex_scratch_release(struct regex_scratch *scratch);
