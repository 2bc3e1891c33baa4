/* conf_report.c - findings that name a member: where the user wrote it, or where its absence is reported.
 *
 * Members are addresses inside the struct that is loaded. A group and its first member have the same address:
 * the member's own place goes first. An address nobody wrote is reported at the place of its level (component or
 * list element). A member whose value was refused already gets no second finding.
 */
#include "lib/conf/conf_rows.h"

#include <stdarg.h>

static void vfind(struct conf_report *r, enum severity s, struct pos pos, const char *path, const char *fmt, va_list ap)
        __attribute__((format(printf, 5, 0)));

static void vfind(struct conf_report *r, enum severity s, struct pos pos, const char *path, const char *fmt, va_list ap)
{
	char text[1024];
	vsnprintf(text, sizeof(text), fmt, ap);
	const char *colons = r->id.len && *path ? "::" : "", *end = r->id.len || *path ? ": " : "";
	findings_add(r->findings, s, pos, "%.*s%s%s%s%s", SLICE_ARG(r->id), colons, path, end, text);
}

void conf_find(struct conf_report *r, enum severity s, struct pos pos, const char *path, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfind(r, s, pos, path, fmt, ap);
	va_end(ap);
}

static const struct conf_place *place_of(const struct conf_report *r, const void *member)
{
	const struct conf_place *section = NULL;
	for (size_t i = 0; i < r->places.n; i++) {
		const struct conf_place *p = &r->places.v[i];
		if (p->member == member && !p->section)
			return p;
		if (p->member == member && !section)
			section = p;
	}
	return section;
}

/* The level that begins at the address (the outermost of several), else the smallest around it, else the root. */
static struct conf_level *level_of(struct conf_report *r, const void *address)
{
	struct conf_level *around = &r->levels.v[0];
	for (size_t i = 0; i < r->levels.n; i++) {
		struct conf_level *l = &r->levels.v[i];
		if (l->base == address)
			return l;
		uintptr_t at = (uintptr_t)address, base = (uintptr_t)l->base;
		if (l->size > 0 && at > base && at < base + l->size && (!around->size || l->size < around->size))
			around = l;
	}
	return around;
}

bool conf_is_set(const struct conf_report *r, const void *member)
{
	return place_of(r, member) != NULL;
}

static void at_member(struct conf_report *r, enum severity s, const void *member, const char *fmt, va_list ap)
        __attribute__((format(printf, 4, 0)));

static void at_member(struct conf_report *r, enum severity s, const void *member, const char *fmt, va_list ap)
{
	const struct conf_place *p = place_of(r, member);
	const struct conf_level *l = level_of(r, member);
	if (p && p->bad)
		return;
	vfind(r, s, p ? p->pos : l->pos, p ? p->path : l->path, fmt, ap);
}

void conf_fail(struct conf_report *r, const void *member, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	at_member(r, FINDING_ERROR, member, fmt, ap);
	va_end(ap);
}

void conf_warn(struct conf_report *r, const void *member, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	at_member(r, FINDING_WARNING, member, fmt, ap);
	va_end(ap);
}

/* Does p stand behind q? Places in different files are not ordered: the second named one counts as later. */
static bool is_later(const struct conf_place *p, const struct conf_place *q)
{
	if (p->pos.file != q->pos.file && (!p->pos.file || !q->pos.file || strcmp(p->pos.file, q->pos.file) != 0))
		return false;
	return p->pos.line > q->pos.line || (p->pos.line == q->pos.line && p->pos.col > q->pos.col);
}

void conf_clash(struct conf_report *r, const void *a, const void *b, const char *fmt, ...)
{
	const struct conf_place *p = place_of(r, a), *q = place_of(r, b);
	if ((p && p->bad) || (q && q->bad))
		return;
	const void *later = p && (!q || is_later(p, q)) ? a : b;
	va_list ap;
	va_start(ap, fmt);
	at_member(r, FINDING_ERROR, later, fmt, ap);
	va_end(ap);
}

void conf_missing(struct conf_report *r, const void *owner, const char *fmt, ...)
{
	const struct conf_level *l = level_of(r, owner);
	if (l->doubtful)
		return;
	va_list ap;
	va_start(ap, fmt);
	vfind(r, FINDING_ERROR, l->pos, l->path, fmt, ap);
	va_end(ap);
}
