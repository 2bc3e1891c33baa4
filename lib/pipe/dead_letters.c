/* dead_letters.c - room for dead letters, and who goes for whom (see dead_letters.h).
 *
 * Every file known here has been charged to the store, but for `uncharged` bytes that it had no room for at the start (max_size was lowered).
 * Of what is removed those count first. The lock is held while files are written: letters are rare, and their order is that of numbers.
 * As long as dlq/ cannot be listed no letter is written: its number may be taken.
 */
#include "lib/pipe/dead_letters.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/random.h>

enum { MAX_LETTERS = 10000 };
#define MAX_BYTES (UINT64_C(256) << 20)

struct known {
	uint64_t number, size;
};

struct dead_letters {
	struct dead_letters_options o;
	char *directory;
	pthread_mutex_t lock;
	VEC(struct known) files; /* by number */
	uint64_t next; /* number */
	bool listed; /* what was there at the start is known; else no number is free for certain */
	uint64_t uncharged;
	struct dead_letters_stats stats;
};

static uint64_t salt_of(struct dead_letters *d)
{
	uint64_t v;
	if (d->o.random)
		return d->o.random(d->o.random_ctx);
	while (getrandom(&v, sizeof v, 0) != sizeof v)
		;
	return v;
}

static uint64_t size_on_disk(struct dead_letters *d, uint64_t number)
{
	char path[LETTER_PATH];
	if (!letter_file_path(d->directory, number, "log", path))
		return 0;
	int fd = d->o.disk->open(d->o.disk, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	int64_t size = fd < 0 ? 0 : d->o.disk->size(d->o.disk, fd);
	if (fd >= 0)
		d->o.disk->close(d->o.disk, fd);
	return size > 0 ? (uint64_t)size : 0;
}

static void know(struct dead_letters *d, uint64_t number, uint64_t size)
{
	*VEC_ADD(&d->files) = (struct known){ number, size };
	d->stats.n_letters++;
	d->stats.n_bytes += size;
	d->next = number + 1;
}

static void give_back(struct dead_letters *d, uint64_t size)
{
	uint64_t free_of_charge = size < d->uncharged ? size : d->uncharged;
	d->uncharged -= free_of_charge;
	store_uncharge(d->o.store, size - free_of_charge);
	d->stats.n_letters--;
	d->stats.n_bytes -= size;
}

static void remove_unfinished(struct dead_letters *d, const struct letter_list *l)
{
	char path[LETTER_PATH];
	for (size_t i = 0; i < l->unfinished.n; i++)
		if (letter_file_path(d->directory, l->unfinished.v[i], "tmp", path))
			d->o.disk->unlink(d->o.disk, path);
}

/* What is there. 0 or -errno: not known. */
static int take_stock(struct dead_letters *d)
{
	struct letter_list l;
	int rc = letter_list(d->o.disk, d->directory, &l);
	if (rc == 0)
		remove_unfinished(d, &l);
	for (size_t i = 0; rc == 0 && i < l.numbers.n; i++) {
		uint64_t size = size_on_disk(d, l.numbers.v[i]);
		know(d, l.numbers.v[i], size);
		if (!store_charge(d->o.store, size))
			d->uncharged += size;
	}
	letter_list_release(&l);
	d->listed = rc == 0;
	return rc;
}

struct dead_letters *dead_letters_open(const struct dead_letters_options *o)
{
	struct dead_letters *d = calloc(1, sizeof *d);
	if (!d || !(d->directory = strdup(o->directory)))
		abort();
	d->o = *o;
	d->o.directory = d->directory;
	d->o.max_bytes = o->max_bytes ? o->max_bytes : MAX_BYTES;
	d->o.max_letters = o->max_letters ? o->max_letters : MAX_LETTERS;
	d->next = 1;
	pthread_mutex_init(&d->lock, NULL);
	int rc = -EIO;
	for (unsigned i = 0; i < 3 && rc; i++)
		rc = take_stock(d);
	if (rc)
		log_warn(d->o.log, "cannot read dlq/ of the storage directory: no dead letter is kept until it can",
		        "directory", d->directory, "error", strerror(-rc), NULL);
	return d;
}

void dead_letters_close(struct dead_letters *d)
{
	pthread_mutex_destroy(&d->lock);
	VEC_RELEASE(&d->files);
	free(d->directory);
	free(d);
}

/* Forgets files that are gone; both lists are sorted. */
static void refresh(struct dead_letters *d)
{
	struct letter_list l;
	size_t kept = 0, at = 0;
	int rc = letter_list(d->o.disk, d->directory, &l);
	for (size_t i = 0; rc == 0 && i < d->files.n; i++) {
		struct known k = d->files.v[i];
		while (at < l.numbers.n && l.numbers.v[at] < k.number)
			at++;
		if (at < l.numbers.n && l.numbers.v[at] == k.number)
			d->files.v[kept++] = k;
		else
			give_back(d, k.size);
	}
	if (rc == 0)
		d->files.n = kept;
	letter_list_release(&l);
}

void dead_letters_refresh(struct dead_letters *d)
{
	if (pthread_mutex_trylock(&d->lock))
		return;
	refresh(d);
	pthread_mutex_unlock(&d->lock);
}

/* False: there is none, or it cannot be removed. Adds its bytes to *freed. */
static bool evict_oldest(struct dead_letters *d, uint64_t *freed)
{
	if (!d->files.n)
		return false;
	struct known k = d->files.v[0];
	int rc = letter_file_remove(d->o.disk, d->directory, k.number);
	if (rc) {
		log_warn(d->o.log, "a dead letter cannot be removed", "directory", d->directory, "error", strerror(-rc),
		        NULL);
		return false;
	}
	memmove(d->files.v, d->files.v + 1, --d->files.n * sizeof *d->files.v);
	give_back(d, k.size);
	d->stats.n_evicted++;
	*freed += k.size;
	return true;
}

static bool is_over(const struct dead_letters *d, uint64_t size)
{
	return d->stats.n_letters + 1 > d->o.max_letters || d->stats.n_bytes > d->o.max_bytes - size;
}

/* Room for `size` bytes, charged to the store. Never removes more bytes than are needed, and nothing when that is not enough. */
static int take_room(struct dead_letters *d, uint64_t size)
{
	uint64_t freed = 0;
	if (size > d->o.max_bytes)
		return -EFBIG;
	if (!is_over(d, size) && store_charge(d->o.store, size))
		return 0;
	refresh(d);
	while (is_over(d, size))
		if (!evict_oldest(d, &freed))
			return -ENOSPC;
	if (store_charge(d->o.store, size))
		return 0;
	if (d->stats.n_bytes + freed < size)
		return -ENOSPC;
	while (freed < size && evict_oldest(d, &freed))
		if (store_charge(d->o.store, size))
			return 0;
	return -ENOSPC;
}

static int keep(struct dead_letters *d, const struct store_record *r)
{
	uint64_t size = letter_file_size(r);
	if (!size)
		return -EMSGSIZE;
	int rc = d->listed ? 0 : take_stock(d);
	rc = rc ? rc : take_room(d, size);
	if (rc)
		return rc;
	uint64_t number = d->next++;
	rc = letter_file_write(d->o.disk, d->directory, number, salt_of(d), r);
	if (rc) {
		store_uncharge(d->o.store, size);
		return rc;
	}
	know(d, number, size);
	return 0;
}

int dead_letters_add(struct dead_letters *d, const struct store_record *r)
{
	struct store_record l = *r;
	l.arrival_wall_ns = clock_wall(d->o.clock);
	pthread_mutex_lock(&d->lock);
	uint64_t before = d->stats.n_evicted;
	int rc = keep(d, &l);
	d->stats.n_lost += rc != 0;
	uint64_t n = d->stats.n_evicted - before;
	pthread_mutex_unlock(&d->lock);
	if (n)
		log_warn(d->o.log, "the oldest dead letters were removed to make room", "directory", d->directory,
		        "letters", LOG_U(n), NULL);
	if (rc)
		log_warn(d->o.log, "a dead letter is not kept", "directory", d->directory, "items", LOG_U(l.n_items),
		        "error", strerror(-rc), NULL);
	return rc;
}

struct dead_letters_stats dead_letters_stats(struct dead_letters *d)
{
	pthread_mutex_lock(&d->lock);
	struct dead_letters_stats s = d->stats;
	pthread_mutex_unlock(&d->lock);
	return s;
}
