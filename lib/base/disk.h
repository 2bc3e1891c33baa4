/* disk.h - the only door to files that data goes through (determinism seam).
 *
 * A vtable, so that a test can inject ENOSPC, EIO and short writes. Functions return 0 or a positive
 * count, or -errno. disk_system() is the real one. */
#pragma once
#include <sys/types.h>
#include <sys/uio.h>

#include "lib/base/base.h"

struct disk {
	int (*open)(struct disk *d, const char *path, int flags, unsigned mode); /* fd or -errno */
	int (*close)(struct disk *d, int fd);
	ssize_t (*write)(struct disk *d, int fd, const void *p, size_t n);
	ssize_t (*read)(struct disk *d, int fd, void *p, size_t n);
	int (*sync)(struct disk *d, int fd); /* fdatasync */
	int (*rename)(struct disk *d, const char *from, const char *to);
	int (*unlink)(struct disk *d, const char *path);
	int (*mkdirs)(struct disk *d, const char *path, unsigned mode); /* like mkdir -p */
	int64_t (*size)(struct disk *d, int fd);
	int (*truncate)(struct disk *d, int fd, int64_t size);
	/* At a place, for files that are records: short counts as write and read; the file's own position stays. */
	ssize_t (*pwritev)(struct disk *d, int fd, const struct iovec *v, int n, int64_t at);
	ssize_t (*pread)(struct disk *d, int fd, void *p, size_t n, int64_t at);
	/* Blocks for the whole file, so that no later write runs out of space (fallocate; -EOPNOTSUPP where a file system cannot). */
	int (*allocate)(struct disk *d, int fd, int64_t size);
	int (*sync_dir)(struct disk *d, const char *dir); /* names made, renamed and unlinked in it */
	int (*lock)(struct disk *d, int fd); /* exclusive, for this process; -EWOULDBLOCK when another has it */
	/* Calls each for every name in the directory, without "." and "..", in no order. */
	int (*list)(struct disk *d, const char *dir, void (*each)(void *ctx, const char *name), void *ctx);
};

struct disk *disk_system(void);
/* Writes all of `s`, continuing after short writes and EINTR. 0 or -errno. */
int disk_write_all(struct disk *d, int fd, slice s) MUST_USE;
/* All of `v` at `at`, continuing after short writes and EINTR; changes v. 0 or -errno. */
int disk_pwrite_all(struct disk *d, int fd, struct iovec *v, int n, int64_t at) MUST_USE;
/* Up to n bytes, less only at the end of the file. The count or -errno. */
ssize_t disk_pread_all(struct disk *d, int fd, void *p, size_t n, int64_t at) MUST_USE;
/* The whole file into malloc'ed memory (NUL after the end), refused with -EFBIG above `max` bytes. */
int disk_slurp(struct disk *d, const char *path, size_t max, char **out, size_t *len) MUST_USE;
