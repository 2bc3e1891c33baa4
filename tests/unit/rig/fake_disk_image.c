/* fake_disk_image.c - see fake_disk_image.h: nodes, names, and what a crash makes of them. Content is in fake_disk_pages.c.
 *
 * Names that changed since the last sync_dir are in `changes`, in order. Durable names are only ever made by applying a change, so a
 * rename is whole or not at all, whatever the seed of a crash picks.
 */
#include "tests/unit/rig/fake_disk_image.h"

#include <errno.h>
#include <stdlib.h>

uint64_t fake_random_next(struct fake_random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t fake_random_below(struct fake_random *r, uint64_t n)
{
	return fake_random_next(r) % n;
}

static uint32_t add_node(struct fake_image *m, enum fake_type type, unsigned mode)
{
	struct fake_node *f = calloc(1, sizeof(*f));
	if (!f)
		abort();
	f->type = type;
	f->mode = mode;
	for (uint32_t i = 0; i < m->nodes.n; i++)
		if (!m->nodes.v[i]) {
			m->nodes.v[i] = f;
			return i;
		}
	*VEC_ADD(&m->nodes) = f;
	return (uint32_t)m->nodes.n - 1;
}

static void free_node(struct fake_node *f)
{
	if (!f)
		return;
	fake_node_drop_content(f);
	VEC_RELEASE(&f->seen);
	VEC_RELEASE(&f->durable);
	free(f);
}

struct fake_image *fake_image_new(void)
{
	struct fake_image *m = calloc(1, sizeof(*m));
	if (!m)
		abort();
	add_node(m, FAKE_DIR, 0755); /* FAKE_ROOT */
	add_node(m, FAKE_DIR, 0755); /* FAKE_CWD */
	return m;
}

void fake_image_free(struct fake_image *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->nodes.n; i++)
		free_node(m->nodes.v[i]);
	VEC_RELEASE(&m->nodes);
	VEC_RELEASE(&m->changes);
	free(m);
}

static void copy_names(struct fake_names *to, const struct fake_names *from)
{
	to->n = 0;
	for (size_t i = 0; i < from->n; i++)
		*VEC_ADD(to) = from->v[i];
}

void fake_image_close_all(struct fake_image *m)
{
	for (size_t i = 0; i < m->nodes.n; i++)
		if (m->nodes.v[i])
			m->nodes.v[i]->n_open = 0, m->nodes.v[i]->lock_fd = 0;
	fake_image_sweep(m);
}

struct fake_image *fake_image_copy(const struct fake_image *m)
{
	struct fake_image *copy = calloc(1, sizeof(*copy));
	if (!copy)
		abort();
	for (size_t i = 0; i < m->nodes.n; i++) {
		const struct fake_node *from = m->nodes.v[i];
		struct fake_node **slot = VEC_ADD(&copy->nodes);
		if (!from)
			continue;
		struct fake_node *to = *slot = malloc(sizeof(*to));
		if (!to)
			abort();
		*to = *from;
		to->seen = to->durable = (struct fake_names){ 0 };
		copy_names(&to->seen, &from->seen);
		copy_names(&to->durable, &from->durable);
		fake_node_copy_content(to, from);
	}
	for (size_t i = 0; i < m->changes.n; i++)
		*VEC_ADD(&copy->changes) = m->changes.v[i];
	fake_image_close_all(copy);
	return copy;
}

static struct fake_entry *entry_of(const struct fake_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i].name, name) == 0)
			return &names->v[i];
	return NULL;
}

static void set_name(char to[FAKE_NAME], const char *from)
{
	memcpy(to, from, strlen(from) + 1);
}

static void entry_set(struct fake_names *names, const char *name, uint32_t node)
{
	struct fake_entry *e = entry_of(names, name);
	if (!e) {
		e = VEC_ADD(names);
		set_name(e->name, name);
	}
	e->node = node;
}

static void entry_remove(struct fake_names *names, const char *name, uint32_t node)
{
	struct fake_entry *e = entry_of(names, name);
	if (e && e->node == node)
		*e = names->v[--names->n];
}

/* The directory that `path` is in, and its last name ("" for the root itself). */
static int walk(const struct fake_image *m, const char *path, uint32_t *dir, char name[FAKE_NAME])
{
	if (!*path)
		return -ENOENT;
	*dir = *path == '/' ? FAKE_ROOT : FAKE_CWD;
	name[0] = 0;
	for (;;) {
		path += strspn(path, "/");
		size_t n = strcspn(path, "/");
		if (n == 0)
			return 0;
		if (n == 1 && *path == '.') {
			path++;
			continue;
		}
		if (n >= FAKE_NAME)
			return -ENAMETOOLONG;
		if (name[0]) { /* the one before was not the last */
			const struct fake_entry *e = entry_of(&fake_image_node(m, *dir)->seen, name);
			if (!e)
				return -ENOENT;
			if (fake_image_node(m, e->node)->type != FAKE_DIR)
				return -ENOTDIR;
			*dir = e->node;
		}
		memcpy(name, path, n);
		name[n] = 0;
		path += n;
	}
}

int64_t fake_image_find(struct fake_image *m, const char *path, bool follow)
{
	for (int hops = 0; hops < 8; hops++) {
		uint32_t dir;
		char name[FAKE_NAME];
		int rc = walk(m, path, &dir, name);
		if (rc)
			return rc;
		if (!name[0])
			return dir;
		const struct fake_entry *e = entry_of(&fake_image_node(m, dir)->seen, name);
		if (!e)
			return -ENOENT;
		const struct fake_node *f = fake_image_node(m, e->node);
		if (f->type != FAKE_SYMLINK || !follow)
			return e->node;
		path = f->target;
	}
	return -ELOOP;
}

int64_t fake_image_create(struct fake_image *m, const char *path, enum fake_type type, unsigned mode)
{
	uint32_t dir;
	char name[FAKE_NAME];
	int rc = walk(m, path, &dir, name);
	if (rc)
		return rc;
	if (!name[0] || entry_of(&fake_image_node(m, dir)->seen, name))
		return -EEXIST;
	uint32_t id = add_node(m, type, mode);
	entry_set(&fake_image_node(m, dir)->seen, name, id);
	struct fake_change *c = VEC_ADD(&m->changes);
	c->node = id;
	c->from_dir = FAKE_NOBODY;
	c->to_dir = dir;
	set_name(c->to, name);
	return id;
}

int fake_image_unlink(struct fake_image *m, const char *path)
{
	uint32_t dir;
	char name[FAKE_NAME];
	int rc = walk(m, path, &dir, name);
	if (rc)
		return rc;
	const struct fake_entry *e = entry_of(&fake_image_node(m, dir)->seen, name);
	if (!e)
		return name[0] ? -ENOENT : -EISDIR;
	uint32_t id = e->node;
	if (fake_image_node(m, id)->type == FAKE_DIR)
		return -EISDIR;
	entry_remove(&fake_image_node(m, dir)->seen, name, id);
	struct fake_change *c = VEC_ADD(&m->changes);
	c->node = id;
	c->from_dir = dir;
	c->to_dir = FAKE_NOBODY;
	set_name(c->from, name);
	fake_image_sweep(m);
	return 0;
}

int fake_image_rename(struct fake_image *m, const char *from, const char *to)
{
	struct fake_change c = { 0 };
	int rc = walk(m, from, &c.from_dir, c.from);
	if (!rc)
		rc = walk(m, to, &c.to_dir, c.to);
	if (rc)
		return rc;
	const struct fake_entry *e = entry_of(&fake_image_node(m, c.from_dir)->seen, c.from);
	const struct fake_entry *old = entry_of(&fake_image_node(m, c.to_dir)->seen, c.to);
	if (!e)
		return -ENOENT;
	if (fake_image_node(m, e->node)->type == FAKE_DIR)
		return -EOPNOTSUPP;
	if (!c.to[0] || (old && fake_image_node(m, old->node)->type == FAKE_DIR))
		return -EISDIR;
	c.node = e->node;
	if (old && old->node == c.node)
		return 0;
	entry_remove(&fake_image_node(m, c.from_dir)->seen, c.from, c.node);
	entry_set(&fake_image_node(m, c.to_dir)->seen, c.to, c.node);
	*VEC_ADD(&m->changes) = c;
	fake_image_sweep(m);
	return 0;
}

int fake_image_mkdirs(struct fake_image *m, const char *path, unsigned mode)
{
	char part[1024];
	size_t n = strlen(path);
	if (n == 0)
		return -ENOENT;
	if (n >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		int64_t id = fake_image_create(m, part, FAKE_DIR, mode);
		if (id == -EEXIST)
			id = fake_image_find(m, part, true);
		if (id < 0)
			return (int)id;
		if (fake_image_node(m, (uint32_t)id)->type != FAKE_DIR)
			return -EEXIST;
	}
	return 0;
}

static void apply(struct fake_image *m, const struct fake_change *c)
{
	if (c->from_dir != FAKE_NOBODY)
		entry_remove(&fake_image_node(m, c->from_dir)->durable, c->from, c->node);
	if (c->to_dir != FAKE_NOBODY)
		entry_set(&fake_image_node(m, c->to_dir)->durable, c->to, c->node);
}

void fake_image_sync_dir(struct fake_image *m, uint32_t dir)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->changes.n; i++) {
		struct fake_change *c = &m->changes.v[i];
		bool concerns = c->from_dir == dir || c->to_dir == dir;
		/* With a change goes what happened to the same file before, elsewhere: it must not come back later. */
		for (size_t j = 0; j < kept && concerns; j++)
			if (m->changes.v[j].node == c->node) {
				apply(m, &m->changes.v[j]);
				memmove(&m->changes.v[j], &m->changes.v[j + 1], (kept - j - 1) * sizeof(*c));
				kept--, j--;
			}
		if (concerns)
			apply(m, c);
		else
			m->changes.v[kept++] = *c;
	}
	if (kept < m->changes.n) {
		m->changes.n = kept;
		fake_image_sweep(m);
	}
}

static void mark_names(struct fake_image *m, const struct fake_names *names, bool *more)
{
	for (size_t i = 0; i < names->n; i++) {
		struct fake_node *f = fake_image_node(m, names->v[i].node);
		*more |= !f->marked;
		f->marked = true;
	}
}

/* Marks what can be reached by name from marked directories. */
static void mark(struct fake_image *m, bool durable_too)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < m->nodes.n; i++) {
			const struct fake_node *f = m->nodes.v[i];
			if (!f || !f->marked)
				continue;
			mark_names(m, &f->seen, &more);
			if (durable_too)
				mark_names(m, &f->durable, &more);
		}
	}
}

static void mark_dir(struct fake_image *m, uint32_t id)
{
	if (id != FAKE_NOBODY)
		fake_image_node(m, id)->marked = true;
}

void fake_image_sweep(struct fake_image *m)
{
	for (size_t i = 0; i < m->nodes.n; i++)
		if (m->nodes.v[i])
			m->nodes.v[i]->marked = i == FAKE_ROOT || i == FAKE_CWD || m->nodes.v[i]->n_open;
	mark(m, false);
	m->used = 0;
	for (size_t i = 0; i < m->nodes.n; i++)
		if (m->nodes.v[i] && m->nodes.v[i]->marked)
			m->used += fake_node_bytes(m->nodes.v[i]);
	for (size_t i = 0; i < m->changes.n; i++) {
		mark_dir(m, m->changes.v[i].node);
		mark_dir(m, m->changes.v[i].from_dir);
		mark_dir(m, m->changes.v[i].to_dir);
	}
	mark(m, true);
	for (size_t i = 0; i < m->nodes.n; i++)
		if (m->nodes.v[i] && !m->nodes.v[i]->marked) {
			free_node(m->nodes.v[i]);
			m->nodes.v[i] = NULL;
		}
}

static void crash_names(struct fake_image *m, struct fake_random *r, enum fake_loss loss)
{
	size_t n = loss == FAKE_LOSE ? 0 : m->changes.n;
	bool any = false; /* any part of them, or those before the nth */
	if (loss == FAKE_MIX) {
		any = fake_random_below(r, 2);
		n = any ? n : fake_random_below(r, n + 1);
	}
	for (size_t i = 0; i < n; i++)
		if (!any || fake_random_below(r, 2))
			apply(m, &m->changes.v[i]);
	m->changes.n = 0;
	for (size_t i = 0; i < m->nodes.n; i++)
		if (m->nodes.v[i])
			copy_names(&m->nodes.v[i]->seen, &m->nodes.v[i]->durable);
}

void fake_image_crash(struct fake_image *m, uint64_t seed)
{
	struct fake_random r = { seed };
	uint64_t kind = fake_random_below(&r, 4);
	enum fake_loss loss = kind == 0 ? FAKE_LOSE : kind == 1 ? FAKE_KEEP : FAKE_MIX;
	crash_names(m, &r, loss);
	for (size_t i = 0; i < m->nodes.n; i++)
		if (m->nodes.v[i] && m->nodes.v[i]->type == FAKE_FILE)
			fake_node_crash(m->nodes.v[i], &r, loss);
	fake_image_close_all(m);
}

void fake_image_settle_names(struct fake_image *m, size_t first)
{
	for (size_t i = first; i < m->changes.n; i++)
		apply(m, &m->changes.v[i]);
	m->changes.n = first;
}

void fake_image_settle(struct fake_image *m)
{
	fake_image_settle_names(m, 0);
	for (size_t i = 0; i < m->nodes.n; i++)
		if (m->nodes.v[i] && m->nodes.v[i]->type == FAKE_FILE)
			fake_node_settle(m->nodes.v[i]);
	fake_image_sweep(m);
}
