/* fake_disk.c - the calls of the fake disk, see fake_disk.h. Its controls are in fake_disk_control.c, files in fake_disk_image.c.
 *
 * Every call is begin(), its effect on the image, end(): begin asks the hook, counts, and lets faults decide; end logs. The mutex is held
 * between the two.
 */
#include "tests/unit/rig/fake_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "tests/unit/rig/fake_disk_internal.h"

/* One call under way. */
struct doing {
	struct fake_disk *f;
	struct fake_file *file; /* NULL: a call by path, or a bad descriptor */
	bool halted, shorten, partly;
	struct fake_log_entry entry;
	char path[PATH_MAX];
};

static struct fake_file *file_of(struct fake_disk *f, int fd)
{
	for (size_t i = 0; i < f->files.n; i++)
		if (f->files.v[i]->fd == fd)
			return f->files.v[i];
	return NULL;
}

static void set_path(struct doing *c, const char *path)
{
	size_t n = strlen(path), max = sizeof(c->entry.path) - 1;
	memcpy(c->entry.path, n > max ? path + n - max : path, (n > max ? max : n) + 1);
	n = n < sizeof(c->path) ? n : sizeof(c->path) - 1;
	memcpy(c->path, path, n);
	c->path[n] = 0;
}

/* 0: the call goes on; else what it returns. Either way end() is next. */
static int begin(struct doing *c)
{
	struct fake_disk *f = c->f;
	if (f->on_call)
		f->on_call(f->ctx, c->entry.call, c->path);
	pthread_mutex_lock(&f->mutex);
	if (f->halt_at && --f->halt_at == 0)
		f->halted = true;
	c->halted = f->halted;
	if (f->halted)
		return -EIO;
	f->n_total++;
	f->n_calls[c->entry.call]++;
	return fake_disk_decide(f, c->entry.call, c->path, &c->shorten, &c->partly);
}

static int begin_path(struct doing *c, struct disk *d, enum fake_call call, const char *path)
{
	c->f = CONTAINER_OF(d, struct fake_disk, disk);
	c->file = NULL;
	c->shorten = c->partly = false;
	c->entry = (struct fake_log_entry){ .call = call, .fd = -1 };
	set_path(c, path);
	return begin(c);
}

static int begin_fd(struct doing *c, struct disk *d, enum fake_call call, int fd, size_t n, int64_t at)
{
	c->f = CONTAINER_OF(d, struct fake_disk, disk);
	c->shorten = c->partly = false;
	c->entry = (struct fake_log_entry){ .call = call, .fd = fd, .at = at, .n = n };
	pthread_mutex_lock(&c->f->mutex);
	const struct fake_file *file = file_of(c->f, fd);
	set_path(c, file ? file->path : "");
	pthread_mutex_unlock(&c->f->mutex);
	int rc = begin(c);
	c->file = file_of(c->f, fd);
	return !rc && !c->file ? -EBADF : rc;
}

static int64_t end(struct doing *c, int64_t result)
{
	struct fake_disk *f = c->f;
	if (!c->halted) {
		c->entry.result = result;
		fake_disk_log_add(f, &c->entry);
	}
	pthread_mutex_unlock(&f->mutex);
	return result;
}

static struct fake_node *node_of(const struct doing *c)
{
	return fake_image_node(c->f->image, c->file->node);
}

/* The node of an open call, made if it must be. */
static int64_t find_or_create(struct fake_image *m, const char *path, int flags, unsigned mode)
{
	int64_t id = fake_image_find(m, path, !(flags & O_NOFOLLOW) && !(flags & O_EXCL));
	if (id == -ENOENT && flags & O_CREAT && fake_image_find(m, path, false) == -ENOENT)
		return fake_image_create(m, path, FAKE_FILE, mode);
	if (id < 0)
		return id;
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	const struct fake_node *n = fake_image_node(m, (uint32_t)id);
	int access = flags & O_ACCMODE;
	if (n->type == FAKE_SYMLINK)
		return -ELOOP;
	if (n->type == FAKE_DIR && (access != O_RDONLY || flags & O_CREAT))
		return -EISDIR;
	if (n->type != FAKE_DIR && flags & O_DIRECTORY)
		return -ENOTDIR;
	if ((access != O_WRONLY && !(n->mode & 0400)) || (access != O_RDONLY && !(n->mode & 0200)))
		return -EACCES;
	return id;
}

static int fake_open(struct disk *d, const char *path, int flags, unsigned mode)
{
	struct doing c;
	int64_t rc = begin_path(&c, d, FAKE_OPEN, path);
	if (rc)
		return (int)end(&c, rc);
	struct fake_image *m = c.f->image;
	rc = find_or_create(m, path, flags, mode);
	if (rc < 0)
		return (int)end(&c, rc);
	struct fake_file *file = calloc(1, sizeof(*file));
	char *copy = strdup(path);
	if (!file || !copy)
		abort();
	*file = (struct fake_file){ .fd = c.f->next_fd++, .flags = flags, .node = (uint32_t)rc, .path = copy };
	*VEC_ADD(&c.f->files) = file;
	struct fake_node *n = fake_image_node(m, file->node);
	n->n_open++;
	if (flags & O_TRUNC && (flags & O_ACCMODE) != O_RDONLY)
		fake_node_truncate(m, n, 0);
	c.entry.fd = file->fd;
	return (int)end(&c, file->fd);
}

static int fake_close(struct disk *d, int fd)
{
	struct doing c;
	int rc = begin_fd(&c, d, FAKE_CLOSE, fd, 0, 0);
	if (c.file && !c.halted) {
		struct fake_node *n = node_of(&c);
		if (n->lock_fd == fd)
			n->lock_fd = 0;
		if (--n->n_open == 0)
			fake_image_sweep(c.f->image);
		for (size_t i = 0; i < c.f->files.n; i++)
			if (c.f->files.v[i] == c.file)
				c.f->files.v[i] = c.f->files.v[--c.f->files.n];
		fake_file_free(c.file);
	}
	return (int)end(&c, rc);
}

/* Why this descriptor cannot do it, or 0. */
static int check_access(const struct doing *c, int unwanted)
{
	if (node_of(c)->type == FAKE_DIR)
		return unwanted == O_RDONLY ? -EBADF : -EISDIR;
	return (c->file->flags & O_ACCMODE) == unwanted ? -EBADF : 0;
}

/* How many of n bytes this call moves. */
static size_t shortened(const struct doing *c, size_t n)
{
	return c->shorten && n > 1 ? 1 + (size_t)fake_random_below(&c->f->random, n - 1) : n;
}

static ssize_t fake_write(struct disk *d, int fd, const void *p, size_t n)
{
	struct doing c;
	int64_t rc = begin_fd(&c, d, FAKE_WRITE, fd, n, 0);
	if (!rc)
		rc = check_access(&c, O_RDONLY);
	if (rc)
		return (ssize_t)end(&c, rc);
	struct fake_node *f = node_of(&c);
	c.entry.at = c.file->flags & O_APPEND ? f->size : c.file->at;
	rc = fake_node_write(c.f->image, f, c.f->capacity, p, shortened(&c, n), c.entry.at);
	if (rc > 0)
		c.file->at = c.entry.at + rc;
	return (ssize_t)end(&c, rc);
}

static ssize_t fake_read(struct disk *d, int fd, void *p, size_t n)
{
	struct doing c;
	int64_t rc = begin_fd(&c, d, FAKE_READ, fd, n, 0);
	if (!rc)
		rc = check_access(&c, O_WRONLY);
	if (rc)
		return (ssize_t)end(&c, rc);
	c.entry.at = c.file->at;
	rc = fake_node_read(node_of(&c), p, shortened(&c, n), c.file->at);
	if (rc > 0)
		c.file->at += rc;
	return (ssize_t)end(&c, rc);
}

static ssize_t fake_pwritev(struct disk *d, int fd, const struct iovec *v, int n, int64_t at)
{
	struct doing c;
	size_t total = 0;
	for (int i = 0; i < n; i++)
		total += v[i].iov_len;
	int64_t rc = begin_fd(&c, d, FAKE_PWRITEV, fd, total, at);
	if (!rc)
		rc = n < 0 || n > IOV_MAX || at < 0 ? -EINVAL : check_access(&c, O_RDONLY);
	if (rc)
		return (ssize_t)end(&c, rc);
	size_t left = shortened(&c, total);
	int64_t done = 0;
	if (c.file->flags & O_APPEND) /* as Linux has it (pwrite(2), "BUGS") */
		at = c.entry.at = node_of(&c)->size;
	for (int i = 0; i < n && left; i++) {
		size_t take = v[i].iov_len < left ? v[i].iov_len : left;
		rc = fake_node_write(c.f->image, node_of(&c), c.f->capacity, v[i].iov_base, take, at + done);
		if (rc < 0)
			break;
		done += rc, left -= (size_t)rc;
		if ((size_t)rc < take)
			break;
	}
	return (ssize_t)end(&c, done || rc >= 0 ? done : rc);
}

static ssize_t fake_pread(struct disk *d, int fd, void *p, size_t n, int64_t at)
{
	struct doing c;
	int64_t rc = begin_fd(&c, d, FAKE_PREAD, fd, n, at);
	if (!rc)
		rc = check_access(&c, O_WRONLY);
	if (!rc)
		rc = fake_node_read(node_of(&c), p, shortened(&c, n), at);
	return (ssize_t)end(&c, rc);
}

static int fake_sync(struct disk *d, int fd)
{
	struct doing c;
	int rc = begin_fd(&c, d, FAKE_SYNC, fd, 0, 0);
	if (!c.file || c.halted)
		return (int)end(&c, rc);
	if (node_of(&c)->type == FAKE_DIR) {
		if (!rc)
			fake_image_sync_dir(c.f->image, c.file->node);
	} else if (rc) {
		fake_node_lose(node_of(&c), c.partly ? &c.f->random : NULL);
	} else {
		fake_node_sync(node_of(&c));
	}
	return (int)end(&c, rc);
}

static int fake_rename(struct disk *d, const char *from, const char *to)
{
	struct doing c;
	int rc = begin_path(&c, d, FAKE_RENAME, from);
	return (int)end(&c, rc ? rc : fake_image_rename(c.f->image, from, to));
}

static int fake_unlink(struct disk *d, const char *path)
{
	struct doing c;
	int rc = begin_path(&c, d, FAKE_UNLINK, path);
	return (int)end(&c, rc ? rc : fake_image_unlink(c.f->image, path));
}

static int fake_mkdirs(struct disk *d, const char *path, unsigned mode)
{
	struct doing c;
	int rc = begin_path(&c, d, FAKE_MKDIRS, path);
	return (int)end(&c, rc ? rc : fake_image_mkdirs(c.f->image, path, mode));
}

static int64_t fake_size(struct disk *d, int fd)
{
	struct doing c;
	int rc = begin_fd(&c, d, FAKE_SIZE, fd, 0, 0);
	return end(&c, rc ? rc : node_of(&c)->size);
}

static int fake_truncate(struct disk *d, int fd, int64_t size)
{
	struct doing c;
	int rc = begin_fd(&c, d, FAKE_TRUNCATE, fd, 0, size);
	if (!rc)
		rc = check_access(&c, O_RDONLY) ? -EINVAL : 0;
	return (int)end(&c, rc ? rc : fake_node_truncate(c.f->image, node_of(&c), size));
}

static int fake_allocate(struct disk *d, int fd, int64_t size)
{
	struct doing c;
	int rc = begin_fd(&c, d, FAKE_ALLOCATE, fd, 0, size);
	if (!rc)
		rc = check_access(&c, O_RDONLY);
	return (int)end(&c, rc ? rc : fake_node_allocate(c.f->image, node_of(&c), c.f->capacity, size));
}

/* The directory at this path, or -errno. */
static int64_t find_dir(struct fake_image *m, const char *path)
{
	int64_t id = fake_image_find(m, path, true);
	return id >= 0 && fake_image_node(m, (uint32_t)id)->type != FAKE_DIR ? -ENOTDIR : id;
}

static int fake_sync_dir(struct disk *d, const char *dir)
{
	struct doing c;
	int64_t rc = begin_path(&c, d, FAKE_SYNC_DIR, dir);
	if (!rc)
		rc = find_dir(c.f->image, dir);
	if (rc < 0)
		return (int)end(&c, rc);
	fake_image_sync_dir(c.f->image, (uint32_t)rc);
	return (int)end(&c, 0);
}

static int fake_lock(struct disk *d, int fd)
{
	struct doing c;
	int rc = begin_fd(&c, d, FAKE_LOCK, fd, 0, 0);
	if (rc)
		return (int)end(&c, rc);
	struct fake_node *n = node_of(&c);
	if (n->lock_fd && n->lock_fd != fd)
		return (int)end(&c, -EWOULDBLOCK);
	n->lock_fd = fd;
	return (int)end(&c, 0);
}

static int fake_list(struct disk *d, const char *dir, void (*each)(void *ctx, const char *name), void *ctx)
{
	struct doing c;
	int64_t rc = begin_path(&c, d, FAKE_LIST, dir);
	if (!rc)
		rc = find_dir(c.f->image, dir);
	if (rc < 0)
		return (int)end(&c, rc);
	/* A copy, because `each` may call the disk. */
	const struct fake_names *from = &fake_image_node(c.f->image, (uint32_t)rc)->seen;
	struct fake_names names = { 0 };
	for (size_t i = 0; i < from->n; i++)
		*VEC_ADD(&names) = from->v[i];
	for (size_t i = names.n; i > 1; i--) {
		size_t k = (size_t)fake_random_below(&c.f->random, i);
		struct fake_entry e = names.v[k];
		names.v[k] = names.v[i - 1];
		names.v[i - 1] = e;
	}
	rc = end(&c, 0);
	for (size_t i = 0; i < names.n; i++)
		each(ctx, names.v[i].name);
	VEC_RELEASE(&names);
	return (int)rc;
}

const struct disk fake_disk_calls_table = {
	.open = fake_open,
	.close = fake_close,
	.write = fake_write,
	.read = fake_read,
	.sync = fake_sync,
	.rename = fake_rename,
	.unlink = fake_unlink,
	.mkdirs = fake_mkdirs,
	.size = fake_size,
	.truncate = fake_truncate,
	.pwritev = fake_pwritev,
	.pread = fake_pread,
	.allocate = fake_allocate,
	.sync_dir = fake_sync_dir,
	.lock = fake_lock,
	.list = fake_list,
};
