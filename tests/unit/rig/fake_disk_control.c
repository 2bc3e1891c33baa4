/* fake_disk_control.c - the fake disk as a test holds it: faults, halts, crashes, copies, the log. See fake_disk.h.
 *
 * Random numbers are drawn only where something depends on them, so that a disk without chances behaves the same whatever was drawn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/rig/fake_disk_internal.h"

enum { LOG_MAX = 1 << 16 };

static const struct {
	const char *name;
	int errors[4]; /* what chance picks from, ended by 0 */
} kinds[N_FAKE_CALLS] = {
	[FAKE_OPEN] = { "open", { EIO, EMFILE, ENOMEM } },
	[FAKE_CLOSE] = { "close", { EIO } },
	[FAKE_WRITE] = { "write", { EIO, ENOSPC, EINTR } },
	[FAKE_READ] = { "read", { EIO, EINTR } },
	[FAKE_SYNC] = { "sync", { EIO, ENOSPC, EDQUOT } },
	[FAKE_RENAME] = { "rename", { EIO, ENOSPC } },
	[FAKE_UNLINK] = { "unlink", { EIO, EROFS } },
	[FAKE_MKDIRS] = { "mkdirs", { EIO, ENOSPC } },
	[FAKE_SIZE] = { "size", { EIO } },
	[FAKE_TRUNCATE] = { "truncate", { EIO } },
	[FAKE_PWRITEV] = { "pwritev", { EIO, ENOSPC, EINTR } },
	[FAKE_PREAD] = { "pread", { EIO, EINTR } },
	[FAKE_ALLOCATE] = { "allocate", { ENOSPC, EOPNOTSUPP, EIO } },
	[FAKE_SYNC_DIR] = { "sync_dir", { EIO } },
	[FAKE_LOCK] = { "lock", { EWOULDBLOCK, ENOLCK } },
	[FAKE_LIST] = { "list", { EIO, ENOMEM } },
};

const char *fake_call_name(enum fake_call call)
{
	return kinds[call].name;
}

struct fake_disk *fake_disk_new(uint64_t capacity)
{
	struct fake_disk *f = calloc(1, sizeof(*f));
	if (!f)
		abort();
	f->disk = fake_disk_calls_table;
	f->image = fake_image_new();
	f->capacity = capacity;
	f->random.state = 1;
	f->next_fd = 1000; /* not one of the process's own */
	pthread_mutex_init(&f->mutex, NULL);
	return f;
}

void fake_file_free(struct fake_file *file)
{
	free(file->path);
	free(file);
}

static void forget_files(struct fake_disk *f)
{
	for (size_t i = 0; i < f->files.n; i++)
		fake_file_free(f->files.v[i]);
	f->files.n = 0;
}

static void forget_faults(struct fake_disk *f)
{
	for (size_t i = 0; i < f->rules.n; i++) {
		free(f->rules.v[i]->path);
		free(f->rules.v[i]);
	}
	f->rules.n = 0;
	f->has_chaos = false;
	memset(f->lasting, 0, sizeof(f->lasting));
}

void fake_disk_free(struct fake_disk *f)
{
	if (!f)
		return;
	forget_files(f);
	forget_faults(f);
	VEC_RELEASE(&f->files);
	VEC_RELEASE(&f->rules);
	VEC_RELEASE(&f->log);
	fake_image_free(f->image);
	pthread_mutex_destroy(&f->mutex);
	free(f);
}

void fake_disk_resize(struct fake_disk *f, uint64_t capacity)
{
	pthread_mutex_lock(&f->mutex);
	f->capacity = capacity;
	pthread_mutex_unlock(&f->mutex);
}

uint64_t fake_disk_used(struct fake_disk *f)
{
	pthread_mutex_lock(&f->mutex);
	uint64_t used = f->image->used;
	pthread_mutex_unlock(&f->mutex);
	return used;
}

void fake_disk_fail(struct fake_disk *f, const struct fake_fault *fault)
{
	struct fake_rule *r = calloc(1, sizeof(*r));
	if (!r || (fault->path && !(r->path = strdup(fault->path))))
		abort();
	r->fault = *fault;
	r->fault.path = r->path;
	pthread_mutex_lock(&f->mutex);
	*VEC_ADD(&f->rules) = r;
	pthread_mutex_unlock(&f->mutex);
}

void fake_disk_chaos(struct fake_disk *f, uint64_t seed, const struct fake_chaos *c)
{
	pthread_mutex_lock(&f->mutex);
	f->random.state = seed;
	f->chaos = *c;
	f->has_chaos = true;
	memset(f->lasting, 0, sizeof(f->lasting));
	pthread_mutex_unlock(&f->mutex);
}

void fake_disk_heal(struct fake_disk *f)
{
	pthread_mutex_lock(&f->mutex);
	forget_faults(f);
	pthread_mutex_unlock(&f->mutex);
}

/* Counts this call for the rule, and whether it is one to fail. */
static bool rule_hits(struct fake_rule *r, enum fake_call call, const char *path)
{
	if (r->fault.call != call || (r->path && !strstr(path, r->path)))
		return false;
	if (++r->n_seen < r->fault.nth || (r->fault.times && r->n_failed >= r->fault.times))
		return false;
	r->n_failed++;
	return true;
}

static int chance(struct fake_disk *f, enum fake_call call, bool *shorten, bool *partly)
{
	if (f->lasting[call]) {
		f->lasting[call]--;
	} else {
		if (!f->chaos.fail[call] || fake_random_below(&f->random, 1000) >= f->chaos.fail[call]) {
			bool moves =
			        call == FAKE_WRITE || call == FAKE_READ || call == FAKE_PWRITEV || call == FAKE_PREAD;
			if (moves && f->chaos.shorten)
				*shorten = fake_random_below(&f->random, 1000) < f->chaos.shorten;
			return 0;
		}
		size_t n = 0;
		while (n < COUNTOF(kinds[call].errors) && kinds[call].errors[n])
			n++;
		f->lasting_error[call] = kinds[call].errors[fake_random_below(&f->random, n)];
		f->lasting[call] = f->chaos.longest ? (unsigned)fake_random_below(&f->random, f->chaos.longest) : 0;
	}
	*partly = true;
	return -f->lasting_error[call];
}

int fake_disk_decide(struct fake_disk *f, enum fake_call call, const char *path, bool *shorten, bool *partly)
{
	const struct fake_rule *hit = NULL;
	for (size_t i = 0; i < f->rules.n; i++)
		if (rule_hits(f->rules.v[i], call, path) && !hit)
			hit = f->rules.v[i];
	if (!hit)
		return f->has_chaos ? chance(f, call, shorten, partly) : 0;
	*shorten = hit->fault.error == 0;
	*partly = hit->fault.partly;
	return -hit->fault.error;
}

void fake_disk_halt(struct fake_disk *f)
{
	pthread_mutex_lock(&f->mutex);
	f->halted = true;
	pthread_mutex_unlock(&f->mutex);
}

void fake_disk_halt_at(struct fake_disk *f, uint64_t nth)
{
	pthread_mutex_lock(&f->mutex);
	f->halt_at = nth;
	pthread_mutex_unlock(&f->mutex);
}

bool fake_disk_halted(struct fake_disk *f)
{
	pthread_mutex_lock(&f->mutex);
	bool halted = f->halted;
	pthread_mutex_unlock(&f->mutex);
	return halted;
}

static void restart(struct fake_disk *f)
{
	forget_files(f);
	f->halted = false;
	f->halt_at = 0;
}

void fake_disk_crash(struct fake_disk *f, uint64_t seed)
{
	pthread_mutex_lock(&f->mutex);
	restart(f);
	fake_image_crash(f->image, seed);
	pthread_mutex_unlock(&f->mutex);
}

void fake_disk_kill(struct fake_disk *f)
{
	pthread_mutex_lock(&f->mutex);
	restart(f);
	fake_image_close_all(f->image);
	pthread_mutex_unlock(&f->mutex);
}

void fake_disk_settle(struct fake_disk *f)
{
	pthread_mutex_lock(&f->mutex);
	fake_image_settle(f->image);
	pthread_mutex_unlock(&f->mutex);
}

struct fake_image *fake_disk_snapshot(struct fake_disk *f)
{
	pthread_mutex_lock(&f->mutex);
	struct fake_image *copy = fake_image_copy(f->image);
	pthread_mutex_unlock(&f->mutex);
	return copy;
}

void fake_disk_restore(struct fake_disk *f, const struct fake_image *image)
{
	struct fake_image *copy = fake_image_copy(image);
	pthread_mutex_lock(&f->mutex);
	restart(f);
	fake_image_free(f->image);
	f->image = copy;
	pthread_mutex_unlock(&f->mutex);
}

static void broken(const char *what, const char *path)
{
	fprintf(stderr, "fake_disk: %s: %s\n", path, what);
	abort();
}

/* The node at this path; the test is wrong if it is not there. The mutex is held on return. */
static struct fake_node *node_at(struct fake_disk *f, const char *path)
{
	pthread_mutex_lock(&f->mutex);
	int64_t id = fake_image_find(f->image, path, false);
	if (id < 0)
		broken("not there", path);
	return fake_image_node(f->image, (uint32_t)id);
}

void fake_disk_flip(struct fake_disk *f, const char *path, uint64_t bit)
{
	if (!fake_node_flip(node_at(f, path), bit))
		broken("no such bit", path);
	fake_image_sweep(f->image);
	pthread_mutex_unlock(&f->mutex);
}

void fake_disk_truncate(struct fake_disk *f, const char *path, int64_t size)
{
	struct fake_node *n = node_at(f, path);
	fake_node_truncate(f->image, n, size);
	fake_node_settle(n);
	pthread_mutex_unlock(&f->mutex);
}

void fake_disk_chmod(struct fake_disk *f, const char *path, unsigned mode)
{
	node_at(f, path)->mode = mode;
	pthread_mutex_unlock(&f->mutex);
}

/* A new durable node, its directories too. The mutex is held on return. */
static struct fake_node *put_node(struct fake_disk *f, const char *path, enum fake_type type, unsigned mode)
{
	pthread_mutex_lock(&f->mutex);
	size_t n_changes = f->image->changes.n;
	const char *slash = strrchr(path, '/');
	if (slash && slash > path) {
		char *dir = strndup(path, (size_t)(slash - path));
		if (!dir || fake_image_mkdirs(f->image, dir, 0700))
			broken("no such directory", path);
		free(dir);
	}
	int64_t id = fake_image_find(f->image, path, false);
	if (id == -ENOENT)
		id = fake_image_create(f->image, path, type, mode);
	if (id < 0 || fake_image_node(f->image, (uint32_t)id)->type != type)
		broken("cannot be put there", path);
	fake_image_settle_names(f->image, n_changes);
	return fake_image_node(f->image, (uint32_t)id);
}

void fake_disk_put(struct fake_disk *f, const char *path, slice content)
{
	struct fake_node *n = put_node(f, path, FAKE_FILE, 0600);
	fake_node_truncate(f->image, n, 0);
	fake_node_write(f->image, n, UINT64_MAX, content.p, content.len, 0);
	fake_node_settle(n);
	pthread_mutex_unlock(&f->mutex);
}

void fake_disk_symlink(struct fake_disk *f, const char *path, const char *target)
{
	struct fake_node *n = put_node(f, path, FAKE_SYMLINK, 0777);
	if (strlen(target) >= sizeof(n->target))
		broken("target too long", path);
	memcpy(n->target, target, strlen(target) + 1);
	pthread_mutex_unlock(&f->mutex);
}

char *fake_disk_get(struct fake_disk *f, const char *path, size_t *len)
{
	const struct fake_node *n = node_at(f, path);
	size_t size = (size_t)n->size;
	char *text = malloc(size + 1);
	if (!text)
		abort();
	fake_node_read(n, text, size, 0);
	text[size] = 0;
	if (len)
		*len = size;
	pthread_mutex_unlock(&f->mutex);
	return text;
}

bool fake_disk_exists(struct fake_disk *f, const char *path)
{
	pthread_mutex_lock(&f->mutex);
	bool found = fake_image_find(f->image, path, false) >= 0;
	pthread_mutex_unlock(&f->mutex);
	return found;
}

int64_t fake_disk_size(struct fake_disk *f, const char *path)
{
	int64_t size = node_at(f, path)->size;
	pthread_mutex_unlock(&f->mutex);
	return size;
}

unsigned fake_disk_mode(struct fake_disk *f, const char *path)
{
	unsigned mode = node_at(f, path)->mode;
	pthread_mutex_unlock(&f->mutex);
	return mode;
}

uint64_t fake_disk_calls(struct fake_disk *f, enum fake_call call)
{
	pthread_mutex_lock(&f->mutex);
	uint64_t n = f->n_calls[call];
	pthread_mutex_unlock(&f->mutex);
	return n;
}

uint64_t fake_disk_total(struct fake_disk *f)
{
	pthread_mutex_lock(&f->mutex);
	uint64_t n = f->n_total;
	pthread_mutex_unlock(&f->mutex);
	return n;
}

void fake_disk_log_add(struct fake_disk *f, const struct fake_log_entry *e)
{
	if (f->log.n < LOG_MAX) {
		*VEC_ADD(&f->log) = *e;
		return;
	}
	f->log.v[f->log_next] = *e;
	f->log_next = (f->log_next + 1) % LOG_MAX;
}

static const struct fake_log_entry *logged(const struct fake_disk *f, size_t i)
{
	return i < f->log.n ? &f->log.v[(f->log_next + i) % f->log.n] : NULL;
}

const struct fake_log_entry *fake_disk_log(struct fake_disk *f, size_t i)
{
	pthread_mutex_lock(&f->mutex);
	const struct fake_log_entry *e = logged(f, i);
	pthread_mutex_unlock(&f->mutex);
	return e;
}

size_t fake_disk_logged(struct fake_disk *f, enum fake_call call, const char *path)
{
	size_t n = 0;
	pthread_mutex_lock(&f->mutex);
	for (size_t i = 0; i < f->log.n; i++)
		n += f->log.v[i].call == call && (!path || strstr(f->log.v[i].path, path));
	pthread_mutex_unlock(&f->mutex);
	return n;
}

void fake_disk_print(struct fake_disk *f, size_t n)
{
	pthread_mutex_lock(&f->mutex);
	for (size_t i = n < f->log.n ? f->log.n - n : 0; i < f->log.n; i++) {
		const struct fake_log_entry *e = logged(f, i);
		fprintf(stderr, "%s %s fd %d at %lld n %zu: %lld\n", kinds[e->call].name, e->path, e->fd,
		        (long long)e->at, e->n, (long long)e->result);
	}
	pthread_mutex_unlock(&f->mutex);
}
