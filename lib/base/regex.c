/* regex.c - PCRE2 behind regex.h.
 *
 * PCRE2's own limit counts the steps from one starting place, so a long text multiplies it. The search therefore
 * goes in windows of starting places and looks at the clock between them: the worst case is the time budget
 * plus one window.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/base/regex.h"

#include <pcre2.h>
#include <stdio.h>

#include "lib/base/clock.h"

enum { WINDOW = 256, MAX_STEPS = 100000, MAX_HEAP_KIB = 32 * 1024 };
static const int64_t budget_ns = 50 * NS_PER_MS;

struct regex {
	pcre2_code *code;
	slice *names; /* of groups 1..n_groups */
	uint32_t n_groups;
	bool anchored; /* can only match at the start */
};

/* The name table is sorted by name: entries of `size` bytes, group number (two bytes), name, NUL. */
static void read_names(struct regex *re)
{
	uint32_t n = 0, size = 0;
	PCRE2_SPTR at = NULL;
	pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->n_groups);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &n);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &at);
	re->names = calloc(re->n_groups + 1, sizeof(*re->names));
	if (!re->names)
		abort();
	for (uint32_t i = 0; i < n; i++, at += size)
		re->names[at[0] << 8 | at[1]] = slice_of((const char *)at + 2);
}

struct regex *regex_new(slice pattern, struct err *e)
{
	int error;
	PCRE2_SIZE offset;
	/* no \C (would cut characters), $ only at the very end as in Go */
	uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | PCRE2_USE_OFFSET_LIMIT;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, options, &error, &offset, NULL);
	if (!code) {
		PCRE2_UCHAR text[200] = "";
		pcre2_get_error_message(error, text, sizeof(text));
		err_set(e, "%s at byte %zu", (const char *)text, (size_t)offset);
		return NULL;
	}
	/* without executable memory the interpreter does the same, slower */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	struct regex *re = calloc(1, sizeof(*re));
	if (!re)
		abort();
	re->code = code;
	read_names(re);
	uint32_t all = 0;
	pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &all);
	re->anchored = all & PCRE2_ANCHORED;
	return re;
}

void regex_free(struct regex *re)
{
	if (!re)
		return;
	pcre2_code_free(re->code);
	free(re->names);
	free(re);
}

uint32_t regex_n_groups(const struct regex *re)
{
	return re->n_groups;
}

slice regex_group_name(const struct regex *re, uint32_t i)
{
	return re->names[i];
}

static bool prepare(struct regex_scratch *s, const struct regex *re)
{
	if (s->n_pairs <= re->n_groups) {
		pcre2_match_data_free(s->data);
		s->data = pcre2_match_data_create(re->n_groups + 1, NULL);
		s->n_pairs = s->data ? re->n_groups + 1 : 0;
	}
	if (!s->context) {
		s->context = pcre2_match_context_create(NULL);
		if (s->context) {
			pcre2_set_depth_limit(s->context, MAX_STEPS);
			pcre2_set_heap_limit(s->context, MAX_HEAP_KIB);
		}
	}
	return s->data && s->context;
}

static enum regex_result result(int rc)
{
	if (rc == PCRE2_ERROR_NOMATCH)
		return REGEX_NO_MATCH;
	return rc >= 0 ? REGEX_MATCH : REGEX_GAVE_UP;
}

enum regex_result regex_match(const struct regex *re, struct regex_scratch *s, slice text)
{
	if (!prepare(s, re))
		return REGEX_GAVE_UP;
	PCRE2_SPTR p = (PCRE2_SPTR)(text.p ? text.p : "");
	/* one start may walk the whole text and back */
	size_t steps = MAX_STEPS + (re->anchored ? 4 * text.len : 0);
	pcre2_set_match_limit(s->context, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
	bool one_window = re->anchored || text.len <= WINDOW;
	int64_t began = one_window ? 0 : clock_mono(clock_system());
	for (size_t at = 0;;) {
		size_t last = one_window ? PCRE2_UNSET : at + WINDOW;
		pcre2_set_offset_limit(s->context, last);
		int rc = pcre2_match(re->code, p, text.len, at, PCRE2_NO_UTF_CHECK, s->data, s->context);
		if (rc != PCRE2_ERROR_NOMATCH || one_window || last >= text.len)
			return result(rc);
		for (at = last + 1; at < text.len && (p[at] & 0xC0) == 0x80;)
			at++;
		if (clock_mono(clock_system()) - began > budget_ns)
			return REGEX_GAVE_UP;
	}
}

slice regex_group(const struct regex_scratch *s, uint32_t i, slice text)
{
	const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(s->data) + 2 * (size_t)i;
	if (pair[0] == PCRE2_UNSET)
		return SLICE("");
	return (slice){ text.p + pair[0], pair[1] - pair[0] };
}

void regex_scratch_release(struct regex_scratch *s)
{
	pcre2_match_data_free(s->data);
	pcre2_match_context_free(s->context);
	*s = (struct regex_scratch){ 0 };
}
