/* storage.h - a store and its writer as extensions hand them to exporters: one per directory, shared by everything that names it.
 *
 * It lives as long as somebody refers to it: the extension of the running graph, exporters with a cursor, requests under way. A reload that
 * keeps the directory keeps the storage, with the options that it asks for. Refs are dropped on any thread; the end comes on the main loop.
 */
#pragma once
#include <stdatomic.h>

#include "lib/pipe/dead_letters.h"
#include "lib/pipe/store_writer.h"

struct storage {
	_Atomic unsigned refs;
	char *directory;
	struct store *store;
	struct store_writer *writer;
	struct dead_letters *letters;
	_Atomic uint64_t max_size;
	struct store_options next; /* main thread: sync and sizes that are in force with the next storage_commit */
	struct log *log;
	struct loop *main_loop;
	struct mail end;
	struct timer look; /* for orphans, once an hour */
	int64_t looked_wall_ns;
};

/* Opens the store and starts the writer. -1 with e, and *why, when the store cannot be opened. */
struct storage *storage_open(const struct store_options *o, struct loop *main_loop, struct log *log,
        enum store_open_result *why, struct err *e) MUST_USE;
/* For a graph that is built and may fail yet: takes sync, max_size and segment_size of *o, and with storage_commit they are in force. Main
 * thread. */
void storage_prepare(struct storage *s, const struct store_options *o);
void storage_commit(struct storage *s);
/* Three quarters full: exporters that drop their oldest data make room before anybody is refused. Any thread. */
bool storage_is_pressed(const struct storage *s);
/* Data of exporters that the config does not have any more: told in the log; after a day it is dropped{orphaned}. Main thread; it is done
 * by itself, too, once an hour, which tells those that are new and those that are dropped. */
void storage_check_orphans(struct storage *s);
struct storage *storage_ref(struct storage *s);
/* After the last one the writer is stopped and the store closed, by a mail to the main loop. */
void storage_unref(struct storage *s);
