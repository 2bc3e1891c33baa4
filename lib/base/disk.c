/* disk.c - the real disk; see disk.h.
 *
 * Thin over the system calls: errors come back as -errno. EINTR is hidden where nothing was done when it comes (open, sync, allocate,
 * lock) and in the helpers that loop; never in close, whose descriptor is gone on Linux whatever it returns. All files are
 * close-on-exec. A file size above RLIMIT_FSIZE is -EFBIG only while the process ignores SIGXFSZ.
 */
#include "lib/base/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int result(int rc)
{
	return rc < 0 ? -errno : rc;
}

static int system_open(struct disk *d UNUSED, const char *path, int flags, unsigned mode)
{
	int fd;
	do
		fd = open(path, flags | O_CLOEXEC, (mode_t)mode);
	while (fd < 0 && errno == EINTR);
	return result(fd);
}

static int system_close(struct disk *d UNUSED, int fd)
{
	return result(close(fd));
}

static ssize_t system_write(struct disk *d UNUSED, int fd, const void *p, size_t n)
{
	ssize_t rc = write(fd, p, n);
	return rc < 0 ? -errno : rc;
}

static ssize_t system_read(struct disk *d UNUSED, int fd, void *p, size_t n)
{
	ssize_t rc = read(fd, p, n);
	return rc < 0 ? -errno : rc;
}

static int system_sync(struct disk *d UNUSED, int fd)
{
	int rc;
	do
		rc = fdatasync(fd);
	while (rc < 0 && errno == EINTR);
	return result(rc);
}

static ssize_t system_pwritev(struct disk *d UNUSED, int fd, const struct iovec *v, int n, int64_t at)
{
	ssize_t rc = pwritev(fd, v, n, (off_t)at);
	return rc < 0 ? -errno : rc;
}

static ssize_t system_pread(struct disk *d UNUSED, int fd, void *p, size_t n, int64_t at)
{
	ssize_t rc = pread(fd, p, n, (off_t)at);
	return rc < 0 ? -errno : rc;
}

/* Not posix_fallocate: where the file system has no preallocation, glibc's writes a byte into every block instead of saying so
 * (posix_fallocate(3), "BUGS"), which on a file system that copies on write promises nothing. */
static int system_allocate(struct disk *d UNUSED, int fd, int64_t size)
{
	int rc;
	do
		rc = fallocate(fd, 0, 0, (off_t)size);
	while (rc < 0 && errno == EINTR);
	return rc < 0 && errno == ENOSYS ? -EOPNOTSUPP : result(rc);
}

static int system_sync_dir(struct disk *d, const char *dir)
{
	int fd = system_open(d, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	int rc;
	do
		rc = result(fsync(fd));
	while (rc == -EINTR);
	close(fd);
	return rc;
}

static int system_lock(struct disk *d UNUSED, int fd)
{
	int rc;
	do
		rc = flock(fd, LOCK_EX | LOCK_NB);
	while (rc < 0 && errno == EINTR);
	return result(rc);
}

static int system_rename(struct disk *d UNUSED, const char *from, const char *to)
{
	return result(rename(from, to));
}

static int system_unlink(struct disk *d UNUSED, const char *path)
{
	return result(unlink(path));
}

static int make_dir(const char *path, unsigned mode)
{
	struct stat st;
	if (mkdir(path, (mode_t)mode) == 0)
		return 0;
	int why = errno;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? 0 : -why;
}

static int system_mkdirs(struct disk *d UNUSED, const char *path, unsigned mode)
{
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	int rc = 0;
	for (char *p = copy + 1; *copy && *p && rc == 0; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		rc = make_dir(copy, mode);
		*p = '/';
	}
	rc = rc ? rc : make_dir(copy, mode);
	free(copy);
	return rc;
}

static int64_t system_size(struct disk *d UNUSED, int fd)
{
	struct stat st;
	return fstat(fd, &st) ? -errno : (int64_t)st.st_size;
}

static int system_truncate(struct disk *d UNUSED, int fd, int64_t size)
{
	return result(ftruncate(fd, size));
}

static int system_list(struct disk *d UNUSED, const char *dir, void (*each)(void *ctx, const char *name), void *ctx)
{
	DIR *open = opendir(dir);
	if (!open)
		return -errno;
	const struct dirent *e;
	while (errno = 0, (e = readdir(open)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			each(ctx, e->d_name);
	int failed = errno; /* else it is the end */
	closedir(open);
	return -failed;
}

struct disk *disk_system(void)
{
	static struct disk system = {
		.open = system_open,
		.close = system_close,
		.write = system_write,
		.read = system_read,
		.sync = system_sync,
		.rename = system_rename,
		.unlink = system_unlink,
		.mkdirs = system_mkdirs,
		.size = system_size,
		.truncate = system_truncate,
		.pwritev = system_pwritev,
		.pread = system_pread,
		.allocate = system_allocate,
		.sync_dir = system_sync_dir,
		.lock = system_lock,
		.list = system_list,
	};
	return &system;
}

int disk_write_all(struct disk *d, int fd, slice s)
{
	while (s.len) {
		ssize_t n = d->write(d, fd, s.p, s.len);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n ? (int)n : -EIO;
		s.p += n, s.len -= (size_t)n;
	}
	return 0;
}

int disk_pwrite_all(struct disk *d, int fd, struct iovec *v, int n, int64_t at)
{
	while (n > 0) {
		if (v->iov_len == 0) {
			v++, n--;
			continue;
		}
		ssize_t done = d->pwritev(d, fd, v, n < IOV_MAX ? n : IOV_MAX, at);
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done ? (int)done : -EIO;
		at += done;
		for (size_t left = (size_t)done; left;) {
			size_t take = left < v->iov_len ? left : v->iov_len;
			v->iov_base = (char *)v->iov_base + take;
			v->iov_len -= take;
			left -= take;
			if (v->iov_len == 0)
				v++, n--;
		}
	}
	return 0;
}

ssize_t disk_pread_all(struct disk *d, int fd, void *p, size_t n, int64_t at)
{
	size_t done = 0;
	while (done < n) {
		ssize_t got = d->pread(d, fd, (char *)p + done, n - done, at + (int64_t)done);
		if (got == -EINTR)
			continue;
		if (got < 0)
			return got;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Reads to the end; the size is not asked for, because files of /proc have none. */
static int read_all(struct disk *d, int fd, size_t max, char **out, size_t *len)
{
	size_t cap = 4096, n = 0;
	char *text = NULL;
	for (;;) {
		char *grown = text && n + 1 < cap ? text : realloc(text, text ? (cap *= 2) : cap);
		if (!grown) {
			free(text);
			return -ENOMEM;
		}
		text = grown;
		ssize_t got = d->read(d, fd, text + n, cap - n - 1);
		if (got == -EINTR)
			continue;
		if (got == -EAGAIN) { /* a pipe whose writer takes its time */
			poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
			continue;
		}
		if (got > 0 && (size_t)got > max - n)
			got = -EFBIG;
		if (got < 0) {
			free(text);
			return (int)got;
		}
		n += (size_t)got;
		if (got == 0)
			break;
	}
	text[n] = 0;
	*out = text;
	*len = n;
	return 0;
}

int disk_slurp(struct disk *d, const char *path, size_t max, char **out, size_t *len)
{
	int fd = d->open(d, path, O_RDONLY | O_NONBLOCK, 0); /* a FIFO that nobody writes to is empty, not a wait */
	if (fd < 0)
		return fd;
	int rc = read_all(d, fd, max, out, len);
	d->close(d, fd);
	return rc;
}
