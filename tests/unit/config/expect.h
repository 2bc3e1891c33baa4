/* expect.h - helpers of the config tests: findings as lines of text, compared exactly in number, place and severity.
 *
 * An expected line is "LINE:COL: severity: fragment": the place and the severity must be equal, the fragment must be
 * in the text. `expected` is NULL-terminated. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/plan.h"

enum { MAX_EXPECTED = 24 };

/* Does `line` ("FILE:LINE:COL: severity: text") say what is expected? */
static inline bool says(const char *line, const char *file, const char *expected)
{
	size_t n = strlen(file), head = strcspn(expected, " ");
	head += 1 + strcspn(expected + head + 1, " ") + 1;
	bool placed = strncmp(line, file, n) == 0 && line[n] == ':' && strncmp(line + n + 1, expected, head) == 0;
	return placed && strstr(line + n + 1 + head, expected + head);
}

/* Findings as printed, in a malloc'ed string. */
static inline char *printed(struct findings *f)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	findings_print(f, out);
	fclose(out);
	char *copy = strdup(text);
	free(text);
	assert_non_null(copy);
	return copy;
}

static inline void expect_findings(struct findings *f, const char *file, const char *const *expected, const char *what)
{
	char *text = printed(f), *save = NULL;
	size_t n = 0;
	bool ok = true;
	char *copy = strdup(text);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		ok = ok && n < MAX_EXPECTED && expected[n] && says(line, file, expected[n]);
		n += n < MAX_EXPECTED && expected[n];
	}
	ok = ok && (n == MAX_EXPECTED || !expected[n]);
	if (!ok) {
		fprintf(stderr, "of:\n%s\ngot:\n%sexpected:\n", what, text);
		for (size_t i = 0; i < MAX_EXPECTED && expected[i]; i++)
			fprintf(stderr, "%s:%s\n", file, expected[i]);
	}
	free(copy);
	free(text);
	assert_true(ok);
}

/* One inline config and its findings; the plan is the caller's (NULL when there were errors). */
static inline struct plan *load_text(const char *yaml, const char *const *expected)
{
	size_t size = strlen(yaml) + sizeof("yaml:");
	char *word = malloc(size);
	assert_non_null(word);
	snprintf(word, size, "yaml:%s", yaml);
	const char *const configs[] = { word };
	struct plan_sources src = { .configs = configs, .n_configs = 1 };
	struct findings f;
	findings_init(&f);
	struct plan *p = plan_load(&src, &f);
	assert_int_equal(p == NULL, f.n_errors > 0);
	expect_findings(&f, "yaml:", expected, yaml);
	findings_release(&f);
	free(word);
	return p;
}
