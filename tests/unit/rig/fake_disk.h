/* fake_disk.h - a disk in memory, for tests and for simulations of the whole program: it fills up, fails, lies, and loses its power.
 *
 *	struct fake_disk *f = fake_disk_new(64 << 20);
 *	fake_disk_put(f, "/data/x", SLICE("abc"));
 *	... &f->disk ...
 *	fake_disk_halt_at(f, 17);      from the 17th call on everything is -EIO and has no effect
 *	fake_disk_crash(f, seed);      and this is what the next start finds
 *
 * Invariant: every file and directory has two images, what calls see and what is durable. sync and sync_dir copy the first to the second;
 * a crash copies the second to the first, after the seed decided about all that was in between. What happens is a function of the calls
 * and the seeds: no time, no addresses. Descriptors are never used twice, so that a stale one is -EBADF.
 *
 * Symbolic links are followed at the end of a path only, and directories are not renamed. One mutex makes everything here safe from
 * several threads, but for fake_disk_new, fake_disk_free and the setting of on_call.
 */
#pragma once
#include <pthread.h>

#include "lib/base/disk.h"
#include "tests/unit/rig/fake_disk_image.h"

enum fake_call {
	FAKE_OPEN,
	FAKE_CLOSE,
	FAKE_WRITE,
	FAKE_READ,
	FAKE_SYNC,
	FAKE_RENAME,
	FAKE_UNLINK,
	FAKE_MKDIRS,
	FAKE_SIZE,
	FAKE_TRUNCATE,
	FAKE_PWRITEV,
	FAKE_PREAD,
	FAKE_ALLOCATE,
	FAKE_SYNC_DIR,
	FAKE_LOCK,
	FAKE_LIST,
	N_FAKE_CALLS
};
const char *fake_call_name(enum fake_call call);

/* A scripted fault. A failed sync drops what was dirty: reads show it until the crash, and a later sync succeeds and does not bring it
 * back (as Linux does). A failed close closes. No other failed call has an effect. */
struct fake_fault {
	enum fake_call call;
	const char *path; /* only for paths that contain this; NULL: any. Copied. */
	uint64_t nth; /* the first to fail, counting those that match from now on: 1 is the next. 0 counts as 1 */
	uint64_t times; /* how many fail then; 0: all from there on */
	int error; /* a positive errno; 0: a short count (write, read, pwritev, pread), between 1 and n - 1 */
	bool partly; /* a failed sync: the seed decides for each block whether it reached the disk before the error */
};

/* Faults by chance, in calls of 1000. A fault lasts for 1 to `longest` calls of its kind (0: 1). */
struct fake_chaos {
	unsigned fail[N_FAKE_CALLS]; /* with an errno that the call can give on Linux */
	unsigned shorten; /* short counts, in write, read, pwritev and pread */
	unsigned longest;
};

struct fake_log_entry {
	enum fake_call call;
	char path[48]; /* its end, when it is longer */
	int fd; /* -1: the call has none */
	int64_t at; /* pwritev, pread; the size in allocate and truncate */
	size_t n; /* bytes asked for */
	int64_t result;
};

struct fake_disk {
	struct disk disk;
	/* Called before each call, which then has its effect or, after fake_disk_halt, not. Without the mutex: it may call what it likes
	 * here, and may leave by a longjmp. */
	void (*on_call)(void *ctx, enum fake_call call, const char *path);
	void *ctx;
	/* private */
	pthread_mutex_t mutex;
	struct fake_image *image;
	VEC(struct fake_file *) files;
	VEC(struct fake_rule *) rules;
	struct fake_chaos chaos;
	bool has_chaos;
	unsigned lasting[N_FAKE_CALLS]; /* calls that a fault by chance still goes on */
	int lasting_error[N_FAKE_CALLS];
	struct fake_random random;
	uint64_t capacity, halt_at, n_total, n_calls[N_FAKE_CALLS];
	VEC(struct fake_log_entry) log;
	size_t log_next;
	int next_fd;
	bool halted;
};

/* Empty but for "/" and "." (the root of relative paths); `capacity` bytes in blocks of 4096. */
struct fake_disk *fake_disk_new(uint64_t capacity);
void fake_disk_free(struct fake_disk *f);
/* Less than is used: nothing more can be written, what is there stays. */
void fake_disk_resize(struct fake_disk *f, uint64_t capacity);
/* Bytes of blocks taken, preallocated ones and those of unlinked files that are open included. */
uint64_t fake_disk_used(struct fake_disk *f);

void fake_disk_fail(struct fake_disk *f, const struct fake_fault *fault);
/* Replaces earlier chances; the seed also decides short counts, partly done syncs and the order of list. */
void fake_disk_chaos(struct fake_disk *f, uint64_t seed, const struct fake_chaos *c);
/* No faults any more. What failed syncs dropped stays dropped. */
void fake_disk_heal(struct fake_disk *f);

/* From now on, or from the nth call from now on (1: the next), every call is -EIO and without effect, until a crash or kill:
 * the program that runs on after its power is gone. */
void fake_disk_halt(struct fake_disk *f);
void fake_disk_halt_at(struct fake_disk *f, uint64_t nth);
bool fake_disk_halted(struct fake_disk *f);
/* Power loss and start. Unsynced blocks are kept, dropped or torn at 512 bytes; a size that grew is the old, the new or between; names
 * made, renamed and unlinked since sync_dir are a prefix or any part of what was done, a rename never halfway. One seed in four loses all
 * that was not synced, one keeps all of it. Descriptors and locks are gone; faults and counts stay. */
void fake_disk_crash(struct fake_disk *f, uint64_t seed);
/* kill -9 and start: descriptors and locks are gone, all that was written stays (and stays unsynced). */
void fake_disk_kill(struct fake_disk *f);
/* All is durable: sync(1). Blocks that a failed sync dropped, too. */
void fake_disk_settle(struct fake_disk *f);

/* A deep copy of files and names, both images. To restore ends descriptors and locks like a crash; any number of times, also into
 * another disk. It lifts fake_disk_halt, as a crash does. fake_image_free frees the copy. */
struct fake_image *fake_disk_snapshot(struct fake_disk *f);
void fake_disk_restore(struct fake_disk *f, const struct fake_image *image);

/* Behind the program's back, in both images; without faults, capacity, log or hook. A path that is not there fails the test. */
void fake_disk_flip(struct fake_disk *f, const char *path, uint64_t bit); /* bit % 8 of byte bit / 8 */
void fake_disk_truncate(struct fake_disk *f, const char *path, int64_t size);
void fake_disk_chmod(struct fake_disk *f, const char *path, unsigned mode);
/* A file of 0600 with this content, instead of what was there; its directories are made (0700), too. */
void fake_disk_put(struct fake_disk *f, const char *path, slice content);
void fake_disk_symlink(struct fake_disk *f, const char *path, const char *target);
/* What calls see. get: malloc'ed, NUL after the end. */
char *fake_disk_get(struct fake_disk *f, const char *path, size_t *len);
bool fake_disk_exists(struct fake_disk *f, const char *path);
int64_t fake_disk_size(struct fake_disk *f, const char *path);
unsigned fake_disk_mode(struct fake_disk *f, const char *path);

/* Calls since the start, failed ones included; those of a halted disk not. */
uint64_t fake_disk_calls(struct fake_disk *f, enum fake_call call);
uint64_t fake_disk_total(struct fake_disk *f);
/* Calls among the last 65,536 whose path contains `path` (NULL: any). */
size_t fake_disk_logged(struct fake_disk *f, enum fake_call call, const char *path);
/* The ith call in the log, from the oldest; NULL behind the last. Valid until the next call. */
const struct fake_log_entry *fake_disk_log(struct fake_disk *f, size_t i);
/* The last n calls on stderr, for a seed that failed. */
void fake_disk_print(struct fake_disk *f, size_t n);
