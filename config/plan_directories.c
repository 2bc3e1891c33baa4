/* plan_directories.c - no two storages in one directory.
 *
 * A storage locks its directory, so a config that gives one to two of them never starts, and what the lock says then ("in use by another
 * process") leads nowhere. Only extensions that run are looked at. A storage is told by what it is: an extension that provides, with an option
 * "directory". */
#include "config/plan_internal.h"
#include "lib/base/path.h"

/* NULL: not a storage that runs. */
static const slice *directory_of(const struct plan_component *c)
{
	if (c->type->kind != EXTENSION || !c->type->provides || !c->used || !c->conf)
		return NULL;
	for (const struct conf_field *f = c->type->fields; f && f->key; f++)
		if (f->type == T_STR && !strcmp(f->key, "directory"))
			return (const slice *)(const void *)((const char *)c->conf + f->offset);
	return NULL;
}

/* The storage before `second` that has its directory, or NULL. */
static const struct plan_component *first_in(const struct plan *p, const struct plan_component *second, slice directory)
{
	for (const struct plan_component *c = p->components; c < second; c++) {
		const slice *other = directory_of(c);
		if (other && other->len && path_is_same(*other, directory))
			return c;
	}
	return NULL;
}

void check_directories(struct builder *b)
{
	const struct plan *p = b->plan;
	for (const struct plan_component *c = p->components; c < p->components + p->n_components; c++) {
		const slice *directory = directory_of(c);
		const struct plan_component *first = directory && directory->len ? first_in(p, c, *directory) : NULL;
		const struct node *given = node_get(c->node, "directory");
		if (first)
			findings_add(b->findings, FINDING_ERROR, given ? given->pos : c->pos,
			        "extensions::%s: directory \"%.*s\" is that of \"%s\" already: name one of them in all "
			        "queues, or give each its own directory",
			        c->id, SLICE_ARG(*directory), first->id);
	}
}
