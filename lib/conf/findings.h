/* findings.h - everything that is wrong, doubtful or assumed in a config, all of it in one run.
 *
 * FILE:LINE:COL: error|warning|notice: TEXT on stderr. Printed in order of
 * place (file order of the command line, line, column); findings without a place come last. */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/err.h"

enum severity { FINDING_NOTICE, FINDING_WARNING, FINDING_ERROR };

struct finding {
	enum severity severity;
	struct pos pos;
	const char *text;
};

struct findings {
	struct arena arena;
	struct finding *v;
	size_t n, cap, n_errors;
	const char *const *files; /* names of the sources in order, set by the loader; others follow by first mention */
	size_t n_files;
};

void findings_init(struct findings *f);
void findings_release(struct findings *f);
void findings_add(struct findings *f, enum severity s, struct pos pos, const char *fmt, ...) PRINTF(4, 5);
void findings_print(struct findings *f, FILE *to);
/* `name` of `candidates` (NULL-terminated) within edit distance 2, or NULL: for "did you mean". */
const char *findings_nearest(slice name, const char *const *candidates);
