/* store.c - a storage directory: opening, closing, who may have room in it (see store.h).
 *
 * Room is counted in two numbers: `total`, the sizes of all files, and `used`, the same without the free tail of the active segment.
 * A reservation holds the size of its record and of a segment's header. Every append takes no more than that from max_size - used, because
 * the tail that a roll leaves is cut off the file: what was reserved can be placed, also when max_size becomes smaller meanwhile.
 */
#include "lib/pipe/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/random.h>

#include "lib/pipe/store_internal.h"

uint64_t store_random(struct store *s)
{
	uint64_t v;
	if (s->random)
		return s->random(s->random_ctx);
	while (getrandom(&v, sizeof(v), 0) != sizeof(v))
		;
	return v;
}

void store_account(struct store *s, int64_t total, int64_t used)
{
	atomic_fetch_add(&s->total, (uint64_t)total);
	atomic_fetch_add(&s->used, (uint64_t)used);
}

void store_path(const struct store *s, const char *name, char out[STORE_PATH])
{
	snprintf(out, STORE_PATH, "%s/%s", s->dir, name);
}

void segment_path(const struct store *s, uint64_t number, char out[STORE_PATH])
{
	snprintf(out, STORE_PATH, "%s/seg-%016" PRIx64 ".log", s->dir, number);
}

bool is_trouble(int64_t rc)
{
	return rc < 0 && rc != -ENOENT && rc != -ELOOP && rc != -EISDIR && rc != -ESPIPE;
}

int start_open(struct store *s, const char *path, int flags)
{
	int fd = -EIO;
	for (unsigned i = 0; i < START_TRIES && is_trouble(fd); i++)
		fd = s->disk->open(s->disk, path, flags | O_NOFOLLOW | O_NONBLOCK, 0600);
	return fd;
}

ssize_t start_read(struct store *s, int fd, void *p, size_t n, int64_t at)
{
	ssize_t got = -EIO;
	for (unsigned i = 0; i < START_TRIES && is_trouble(got); i++)
		got = disk_pread_all(s->disk, fd, p, n, at);
	return got;
}

int64_t start_size(struct store *s, int fd)
{
	int64_t size = -EIO;
	for (unsigned i = 0; i < START_TRIES && is_trouble(size); i++)
		size = s->disk->size(s->disk, fd);
	return size;
}

/* The name of a new directory has to be as durable as what is put into it: syncs all directories above. */
static int sync_above(struct store *s)
{
	char path[STORE_PATH];
	snprintf(path, sizeof(path), "%s", s->dir);
	for (;;) {
		char *slash = strrchr(path, '/');
		bool top = !slash || slash == path;
		if (slash)
			slash[slash == path] = 0;
		int rc = s->disk->sync_dir(s->disk, slash ? path : ".");
		if (rc < 0 && rc != -EACCES && rc != -EPERM) /* what we may not read we did not make */
			return rc;
		if (top)
			return 0;
	}
}

/* The directory and the lock. */
static enum store_open_result take_directory(struct store *s, bool create, struct err *e)
{
	char path[STORE_PATH];
	if (strlen(s->dir) > STORE_PATH - 512) {
		err_set(e, "storage directory: the path is too long");
		return STORE_UNUSABLE;
	}
	int rc = create ? s->disk->mkdirs(s->disk, s->dir, 0700) : 0;
	if (rc < 0) {
		err_set(e, "storage directory %s cannot be made: %s", s->dir, strerror(-rc));
		return STORE_UNUSABLE;
	}
	rc = create ? sync_above(s) : 0;
	if (rc < 0) {
		err_set(e, "storage directory %s cannot be made durable: %s", s->dir, strerror(-rc));
		return STORE_UNUSABLE;
	}
	store_path(s, "LOCK", path);
	s->lock_fd = start_open(s, path, O_RDWR | O_CREAT);
	if (s->lock_fd < 0) {
		bool denied = s->lock_fd == -EACCES || s->lock_fd == -EPERM || s->lock_fd == -EROFS;
		const char *hint = s->lock_fd == -ENOENT ? "; make it, or set create_directory: true"
		        : denied                         ? "; it must be writable for the user that weir runs as"
		                                         : "";
		err_set(e, "storage directory %s: cannot open LOCK: %s%s", s->dir, strerror(-s->lock_fd), hint);
		return STORE_UNUSABLE;
	}
	rc = s->disk->lock(s->disk, s->lock_fd);
	if (rc == -EWOULDBLOCK) {
		err_set(e,
		        "storage directory %s is in use by another process: stop that one, or give each its own "
		        "directory",
		        s->dir);
		return STORE_LOCKED;
	}
	if (rc < 0) {
		err_set(e, "storage directory %s cannot be locked: %s; use a local file system", s->dir, strerror(-rc));
		return STORE_UNUSABLE;
	}
	return STORE_OPENED;
}

static void store_free(struct store *s)
{
	for (size_t i = 0; i < s->cursors.n; i++)
		cursor_free(s->cursors.v[i]);
	if (s->active.exists && s->active.fd >= 0)
		s->disk->close(s->disk, s->active.fd);
	if (s->cursor_fd >= 0)
		s->disk->close(s->disk, s->cursor_fd);
	if (s->lock_fd >= 0)
		s->disk->close(s->disk, s->lock_fd);
	VEC_RELEASE(&s->cursors);
	VEC_RELEASE(&s->segments);
	VEC_RELEASE(&s->marks);
	strbuf_release(&s->scratch);
	pthread_mutex_destroy(&s->lock);
	free(s->slot_bytes);
	free(s->dir);
	free(s);
}

static struct store *store_new(const struct store_options *o)
{
	struct store *s = calloc(1, sizeof(*s));
	if (!s || !(s->dir = strdup(o->directory)) || !(s->slot_bytes = malloc(CURSOR_SLOT)))
		abort();
	s->disk = o->disk;
	s->clock = o->clock;
	s->log = o->log;
	s->unsynced = !o->sync;
	(void)store_set_options(s, o);
	atomic_store(&s->resized, false);
	s->random = o->random;
	s->random_ctx = o->random_ctx;
	s->lock_fd = s->cursor_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	strbuf_init(&s->scratch, 32 << 20);
	return s;
}

enum store_open_result store_open(const struct store_options *o, struct store **out, struct err *e)
{
	struct store *s = store_new(o);
	enum store_open_result rc = take_directory(s, o->create, e);
	if (rc == STORE_OPENED)
		rc = store_recover(s, e);
	if (rc != STORE_OPENED) {
		store_free(s);
		return rc;
	}
	*out = s;
	return rc;
}

bool store_set_options(struct store *s, const struct store_options *o)
{
	uint64_t max_size = atomic_exchange(&s->max_size, o->max_size);
	uint64_t segment_size = atomic_exchange(&s->segment_size, o->segment_size);
	bool resized = max_size != o->max_size || segment_size != o->segment_size;
	if (resized)
		atomic_store(&s->resized, true);
	return (atomic_exchange(&s->sync, o->sync) != o->sync) | resized;
}

void store_close(struct store *s)
{
	int rc = store_checkpoint(s);
	if (rc < 0)
		log_warn(s->log,
		        "the cursor file could not be written: some data will be sent twice after the next start",
		        "directory", s->dir, "error", strerror(-rc), NULL);
	active_seal(s);
	store_free(s);
}

static uint64_t charge(uint64_t n_bytes)
{
	return n_bytes > RECORD_MAX ? UINT64_MAX / 2 : record_size((uint32_t)n_bytes) + SEGMENT_HEADER;
}

static bool take(struct store *s, uint64_t n)
{
	uint64_t held = atomic_load(&s->reserved), most = atomic_load(&s->max_size);
	do {
		uint64_t used = atomic_load(&s->used);
		if (used > most || held > most - used || n > most - used - held)
			return false;
	} while (!atomic_compare_exchange_weak(&s->reserved, &held, held + n));
	return true;
}

/* While the disk is refused: one in a second. */
static bool may_probe(struct store *s)
{
	int64_t now = clock_mono(s->clock), at = atomic_load(&s->next_probe);
	return now >= at && atomic_compare_exchange_strong(&s->next_probe, &at, now + NS_PER_S);
}

bool store_reserve(struct store *s, uint64_t n_bytes)
{
	return (!atomic_load(&s->failed) || may_probe(s)) && take(s, charge(n_bytes));
}

void store_release(struct store *s, uint64_t n_bytes)
{
	atomic_fetch_sub(&s->reserved, charge(n_bytes));
}

bool store_charge(struct store *s, uint64_t n_bytes)
{
	if (!take(s, n_bytes))
		return false;
	store_account(s, (int64_t)n_bytes, (int64_t)n_bytes);
	atomic_fetch_sub(&s->reserved, n_bytes);
	return true;
}

void store_uncharge(struct store *s, uint64_t n_bytes)
{
	store_account(s, -(int64_t)n_bytes, -(int64_t)n_bytes);
}

bool store_failed(const struct store *s)
{
	return atomic_load(&s->failed) != 0;
}

uint64_t store_bytes(const struct store *s)
{
	return atomic_load(&s->total);
}

void store_install_id(const struct store *s, unsigned char out[16])
{
	memcpy(out, s->install, sizeof(s->install));
}
