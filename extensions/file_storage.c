/* file_storage.c - a directory that queues live in: sending_queue::storage names it, and their data outlives the process.
 *
 * The Collector's name and options; behind them is weir's own log (lib/pipe/store.h), one for all exporters, synced before a 200. The
 * directory belongs to one process at a time. A reload that keeps the directory, however it is spelt, keeps the storage open, and the other
 * options are in force from then on.
 */
#include "lib/base/disk.h"
#include "lib/base/path.h"
#include "lib/pipe/component.h"
#include "lib/pipe/core.h"
#include "lib/pipe/storage.h"

#include <sys/stat.h>

struct file_storage_conf {
	slice directory;
	bool create_directory, fsync;
	bytes max_size, segment_size;
};

struct file_storage {
	struct storage *storage;
};

static const struct conf_field fields[] = {
	CONF_STR(file_storage_conf, directory, "/var/lib/otelcol/file_storage",
	        "Where the data is; readable by its owner alone."),
	CONF_BOOL(file_storage_conf, create_directory, "true", "Creates the directory when it is not there."),
	CONF_BOOL(file_storage_conf, fsync, "true",
	        "Data is synced to the disk before it is acknowledged; false: a crash of the machine may lose what a "
	        "200 "
	        "promised."),
	CONF_BYTES(file_storage_conf, max_size, "1GiB", "All files together; a full storage answers 503.",
	        .min = 1 << 20, .max = INT64_C(1) << 50),
	CONF_BYTES(file_storage_conf, segment_size, "64MiB",
	        "Size of one file of the log; at most an eighth of max_size is used.", .min = 64 << 10,
	        .max = INT64_C(1) << 31),
	CONF_IGNORED("timeout", "The lock on the directory is taken at once or not at all."),
	CONF_IGNORED("directory_permissions", "The directory is made for its owner alone (0700)."),
	CONF_IGNORED("compaction", "Space comes back by itself, a segment at a time."),
	CONF_IGNORED("recreate", "Damage is skipped and counted; a start never fails on it."),
	CONF_END,
};

static void check(const void *conf, struct conf_report *r)
{
	const struct file_storage_conf *c = conf;
	if (!c->directory.len)
		conf_fail(r, &c->directory, "a directory is needed");
}

static int open_shared(void *shared, const void *conf, void *prev, struct err *e UNUSED)
{
	const struct file_storage_conf *c = conf;
	struct file_storage *f = shared, *old = prev;
	if (old && old->storage && path_is_same(c->directory, slice_of(old->storage->directory)))
		f->storage = storage_ref(old->storage);
	return 0;
}

static void close_shared(void *shared)
{
	struct file_storage *f = shared;
	if (f->storage)
		storage_unref(f->storage);
}

/* A directory that was there keeps its mode: its owner may want it so. Files in it are 0600. */
static void warn_of_others(const struct stage *s, const char *directory)
{
	char mode[8];
	struct stat st;
	if (core_options(s->core)->disk != disk_system() || stat(directory, &st) || !(st.st_mode & 077))
		return;
	snprintf(mode, sizeof mode, "%04o", (unsigned)st.st_mode & 07777);
	log_warn(s->log,
	        "The storage directory is open to other users, and holds prompts: take their rights away with chmod "
	        "go= DIRECTORY",
	        "directory", directory, "mode", mode, NULL);
}

static int start(struct stage *s, struct err *e)
{
	const struct file_storage_conf *c = s->conf;
	struct file_storage *f = s->shared;
	enum store_open_result why;
	char directory[4096];
	struct storage *open = f->storage ? NULL : stage_open_storage(s, c->directory);
	if (open)
		f->storage = storage_ref(open);
	if (c->directory.len >= sizeof directory)
		return err_set(e, "directory: the path is too long");
	snprintf(directory, sizeof directory, "%.*s", SLICE_ARG(c->directory));
	const struct core_options *process = core_options(s->core);
	const struct store_options o = {
		.disk = process->disk,
		.clock = s->loop->clock,
		.log = core_log(s->core),
		.directory = directory,
		.create = c->create_directory,
		.sync = c->fsync,
		.max_size = c->max_size.n,
		.segment_size = c->segment_size.n,
		.random = process->random,
		.random_ctx = process->random_ctx,
	};
	if (f->storage) {
		storage_prepare(f->storage, &o);
		return 0;
	}
	f->storage = storage_open(&o, s->loop, core_log(s->core), &why, e);
	if (!f->storage)
		return -1;
	warn_of_others(s, directory);
	return 0;
}

static void *provides(void *shared, enum iface what)
{
	struct file_storage *f = shared;
	return what == IFACE_STORAGE ? f->storage : NULL;
}

const struct component extension_file_storage = {
	.name = "file_storage",
	.summary = "A directory for queues that outlive the process.",
	.kind = EXTENSION,
	.fields = fields,
	.conf_size = sizeof(struct file_storage_conf),
	.shared_size = sizeof(struct file_storage),
	.check = check,
	.open = open_shared,
	.close = close_shared,
	.start = start,
	.provides = provides,
};
