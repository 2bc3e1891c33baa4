/* shim.c - LD_PRELOAD: faults in the system calls of the storage, ordered by the test through a mapped file ($SHIM).
 *
 * The file is an array of struct order, one per call, in the order of enum call; conftest.py writes it with the same layout (Shim). A call
 * that is not ordered about goes through. What can be ordered: wait, fail with an errno, die before or after it, all from a given hit
 * on and for a given number of hits. `hits` counts all calls, so that a test knows that the way it means was taken. The action of
 * WALL is the number of seconds by which the wall clock is wrong.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum call { FDATASYNC, PWRITEV, FALLOCATE, UNLINK, PREAD, FSYNC, WALL, N_CALLS };
enum action { NOTHING = 0, DIE_BEFORE = -1, DIE_AFTER = -2, SHORT = -3 /* a part is written */ }; /* > 0: errno */

struct order {
	_Atomic int32_t hits, skip, left, action, delay_ms; /* delay_ms < 0: as long as it is */
};

static struct order *orders;

__attribute__((constructor)) static void open_orders(void)
{
	const char *path = getenv("SHIM");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, N_CALLS * sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		orders = p;
	if (fd >= 0)
		close(fd);
}

/* What is to be done about this hit; waiting is done here. */
static int ask(enum call c)
{
	if (!orders)
		return NOTHING;
	struct order *o = &orders[c];
	atomic_fetch_add(&o->hits, 1);
	while (atomic_load(&o->delay_ms) < 0)
		usleep(1000);
	if (atomic_load(&o->delay_ms) > 0)
		usleep((unsigned)atomic_load(&o->delay_ms) * 1000U);
	int action = atomic_load(&o->action);
	if (action == NOTHING || atomic_fetch_sub(&o->skip, 1) > 0)
		return NOTHING;
	if (atomic_fetch_sub(&o->left, 1) <= 0)
		return NOTHING;
	if (action == DIE_BEFORE)
		raise(SIGKILL);
	return action;
}

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))
#define AROUND(call, expression)         \
	do {                             \
		int action = ask(call);  \
		if (action > 0) {        \
			errno = action;  \
			return -1;       \
		}                        \
		long rc = (expression);  \
		if (action == DIE_AFTER) \
			raise(SIGKILL);  \
		return rc;               \
	} while (0)

int fdatasync(int fd)
{
	AROUND(FDATASYNC, REAL(fdatasync)(fd));
}

int fsync(int fd)
{
	AROUND(FSYNC, REAL(fsync)(fd));
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
	AROUND(FALLOCATE, REAL(fallocate)(fd, mode, at, len));
}

int unlink(const char *path)
{
	AROUND(UNLINK, REAL(unlink)(path));
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	AROUND(PREAD, REAL(pread)(fd, p, n, at));
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	int action = ask(PWRITEV);
	struct iovec part = { v[0].iov_base, (v[0].iov_len + 1) / 2 };
	if (action > 0) {
		errno = action;
		return -1;
	}
	ssize_t rc = action == SHORT ? REAL(pwritev)(fd, &part, 1, at) : REAL(pwritev)(fd, v, n, at);
	if (action == DIE_AFTER)
		raise(SIGKILL);
	return rc;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = REAL(clock_gettime)(id, t);
	if (rc == 0 && id == CLOCK_REALTIME && orders) {
		atomic_fetch_add(&orders[WALL].hits, 1);
		t->tv_sec += atomic_load(&orders[WALL].action);
	}
	return rc;
}
