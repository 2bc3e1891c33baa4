/* fake_disk_image.h - the files and names of a fake disk, seen and durable; fake_disk.c puts calls, faults and descriptors on top.
 *
 * Nodes have numbers, and names point to numbers, so that a copy is a copy of arrays. Content is pages of 4 KiB, shared between the two
 * images and between copies until written. A node lives while a name of either image, a pending name change or a descriptor has it.
 *
 * Errors are -errno. Nothing here is safe for threads.
 */
#pragma once
#include <sys/types.h>

#include "lib/base/base.h"
#include "lib/base/vec.h"

enum { FAKE_PAGE = 4096, FAKE_SECTOR = 512, FAKE_NAME = 96, FAKE_ROOT = 0, FAKE_CWD = 1 };

struct fake_random {
	uint64_t state;
};
/* splitmix64. */
uint64_t fake_random_next(struct fake_random *r);
/* Below n; n > 0. */
uint64_t fake_random_below(struct fake_random *r, uint64_t n);

struct fake_page {
	_Atomic unsigned refs; /* copies may be of different threads */
	unsigned char data[FAKE_PAGE];
};

struct fake_block {
	struct fake_page *seen, *durable; /* NULL: zeros */
	bool dirty; /* the next sync copies seen to durable */
};

struct fake_entry {
	char name[FAKE_NAME];
	uint32_t node;
};

struct fake_names {
	struct fake_entry *v;
	size_t n, cap;
};

enum fake_type { FAKE_FILE, FAKE_DIR, FAKE_SYMLINK };

struct fake_node {
	enum fake_type type;
	unsigned mode;
	unsigned n_open; /* descriptors */
	int lock_fd; /* 0: not locked */
	/* files */
	VEC(struct fake_block) blocks;
	VEC(uint32_t) dirty; /* numbers of blocks */
	int64_t size, durable_size, reserved; /* reserved: preallocated from the start to here */
	/* directories */
	struct fake_names seen, durable;
	char target[256]; /* symbolic links */
	bool marked;
};

#define FAKE_NOBODY UINT32_MAX
/* A change of names that no sync_dir has made durable. A rename has from and to, a new name only to, an unlink only from. */
struct fake_change {
	uint32_t node, from_dir, to_dir; /* FAKE_NOBODY: none */
	char from[FAKE_NAME], to[FAKE_NAME];
};

struct fake_image {
	VEC(struct fake_node *) nodes; /* NULL: free */
	VEC(struct fake_change) changes;
	uint64_t used; /* bytes */
};

struct fake_image *fake_image_new(void);
void fake_image_free(struct fake_image *m);
/* Without descriptors and locks. */
struct fake_image *fake_image_copy(const struct fake_image *m);

/* The node at this path, or -errno. `follow`: a symbolic link at the end is followed (its target is taken from the root or FAKE_CWD).
 * ".." is a name like any other. */
int64_t fake_image_find(struct fake_image *m, const char *path, bool follow);
/* A new node under this name; -EEXIST, -ENOENT (no such directory), -ENOTDIR, -ENAMETOOLONG. */
int64_t fake_image_create(struct fake_image *m, const char *path, enum fake_type type, unsigned mode);
int fake_image_unlink(struct fake_image *m, const char *path);
int fake_image_rename(struct fake_image *m, const char *from, const char *to);
int fake_image_mkdirs(struct fake_image *m, const char *path, unsigned mode);
/* Frees what nothing refers to any more, and counts `used` anew. */
void fake_image_sweep(struct fake_image *m);

static inline struct fake_node *fake_image_node(const struct fake_image *m, uint32_t id)
{
	return m->nodes.v[id];
}

/* Closes all descriptors and unlocks. */
void fake_image_close_all(struct fake_image *m);
/* What happened to this directory's names becomes durable. */
void fake_image_sync_dir(struct fake_image *m, uint32_t dir);
/* See fake_disk_crash and fake_disk_settle. */
void fake_image_crash(struct fake_image *m, uint64_t seed);
void fake_image_settle(struct fake_image *m);
/* Name changes from the ith on become durable. */
void fake_image_settle_names(struct fake_image *m, size_t i);

/* Bytes written, less than n when the capacity is reached; -ENOSPC when none fit. Grows the file. */
ssize_t fake_node_write(
        struct fake_image *m, struct fake_node *f, uint64_t capacity, const void *p, size_t n, int64_t at);
/* Bytes up to the end of the file. */
ssize_t fake_node_read(const struct fake_node *f, void *p, size_t n, int64_t at);
int fake_node_truncate(struct fake_image *m, struct fake_node *f, int64_t size);
int fake_node_allocate(struct fake_image *m, struct fake_node *f, uint64_t capacity, int64_t size);
void fake_node_sync(struct fake_node *f);
/* A sync that failed: of what was dirty, nothing reaches the disk, or with `chance` each block by chance. */
void fake_node_lose(struct fake_node *f, struct fake_random *chance);
/* In both images. False: behind the end. */
bool fake_node_flip(struct fake_node *f, uint64_t bit);

/* For fake_disk_image.c. */
enum fake_loss { FAKE_LOSE, FAKE_KEEP, FAKE_MIX };
void fake_node_crash(struct fake_node *f, struct fake_random *r, enum fake_loss loss);
void fake_node_settle(struct fake_node *f);
uint64_t fake_node_bytes(const struct fake_node *f);
/* `to` is a plain copy of `from` and gets blocks of its own. */
void fake_node_copy_content(struct fake_node *to, const struct fake_node *from);
void fake_node_drop_content(struct fake_node *f);
