/* names.c - what belongs to an id for the life of the process: interned names and counters.
 *
 * A reload that keeps an id keeps its numbers. All of it is made on the main thread; other threads only use pointers they were
 * given. */
#include "lib/pipe/core_internal.h"

const char *core_intern(struct core *c, const char *name)
{
	for (size_t i = 0; i < c->names.n; i++)
		if (!strcmp(c->names.v[i], name))
			return c->names.v[i];
	char *copy = strdup(name);
	if (!copy)
		abort();
	*VEC_ADD(&c->names) = copy;
	return copy;
}

static slice keep_id(struct core *c, const char *id)
{
	char *copy = strdup(id);
	if (!copy)
		abort();
	*VEC_ADD(&c->ids) = copy;
	return slice_of(copy);
}

struct exporter_stats *core_exporter_stats(struct core *c, const char *id)
{
	struct exporter_stats *s = map_get(&c->exporter_stats, slice_of(id));
	if (s)
		return s;
	s = calloc(1, sizeof *s);
	if (!s)
		abort();
	map_put(&c->exporter_stats, keep_id(c, id), s);
	return s;
}

struct receiver_stats *core_receiver_stats(struct core *c, const char *id)
{
	struct receiver_stats *s = map_get(&c->receiver_stats, slice_of(id));
	if (s)
		return s;
	s = receiver_stats_new(c->n_workers + 1);
	map_put(&c->receiver_stats, keep_id(c, id), s);
	return s;
}
