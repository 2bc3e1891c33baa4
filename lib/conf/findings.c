/* findings.c - collects what one run has to say about a config and prints it in order of place.
 *
 * Texts live in the findings' own arena. Order: sources as the loader named them (f->files), then other
 * files by first mention, then line, column, and the order in which findings were added.
 */
#include "lib/conf/findings.h"
#include "lib/base/vec.h"

#include <stdarg.h>

void findings_init(struct findings *f)
{
	*f = (struct findings){ 0 };
	arena_init(&f->arena);
}

void findings_release(struct findings *f)
{
	arena_release(&f->arena);
	free(f->v);
	*f = (struct findings){ 0 };
}

void findings_add(struct findings *f, enum severity s, struct pos pos, const char *fmt, ...)
{
	char text[2048]; /* ids and keys can be long; what is longer is cut */
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	f->v = vec_grow(f->v, &f->cap, f->n, sizeof(*f->v));
	f->v[f->n++] = (struct finding){ s, pos, arena_printf(&f->arena, "%s", text) };
	if (s == FINDING_ERROR)
		f->n_errors++;
}

struct place {
	const struct finding *finding;
	size_t file, nth;
};

static bool same_file(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Where a finding's file stands among all files. */
static size_t file_rank(const struct findings *f, size_t nth)
{
	const struct pos *p = &f->v[nth].pos;
	if (p->line == 0)
		return SIZE_MAX;
	for (size_t i = 0; i < f->n_files; i++) {
		if (same_file(f->files[i], p->file))
			return i;
	}
	for (size_t i = 0; i < nth; i++) {
		if (f->v[i].pos.line > 0 && same_file(f->v[i].pos.file, p->file))
			return f->n_files + i;
	}
	return f->n_files + nth;
}

static int by_place(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	const struct pos *p = &a->finding->pos, *q = &b->finding->pos;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (p->line != q->line)
		return p->line < q->line ? -1 : 1;
	if (p->col != q->col)
		return p->col < q->col ? -1 : 1;
	return a->nth < b->nth ? -1 : a->nth > b->nth;
}

void findings_print(struct findings *f, FILE *to)
{
	static const char *const names[] = { "notice", "warning", "error" };
	struct place *order = arena_zalloc(&f->arena, (f->n + 1) * sizeof(*order));
	for (size_t i = 0; i < f->n; i++)
		order[i] = (struct place){ &f->v[i], file_rank(f, i), i };
	qsort(order, f->n, sizeof(*order), by_place);
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = order[i].finding;
		if (x->pos.line > 0)
			fprintf(to, "%s:%u:%u: ", x->pos.file ? x->pos.file : "?", x->pos.line, x->pos.col);
		fprintf(to, "%s: %s\n", names[x->severity], x->text);
	}
}

const char *findings_nearest(slice name, const char *const *candidates)
{
	const char *best = NULL;
	unsigned best_distance = name.len < 3 ? (unsigned)name.len : 3; /* all letters replaced is not near */
	for (; *candidates; candidates++) {
		unsigned d = slice_distance(name, slice_of(*candidates), 2);
		if (d < best_distance) {
			best = *candidates;
			best_distance = d;
		}
	}
	return best;
}
