/* storage.h - a store and its writer as extensions hand them to exporters: one per directory, shared by everything that names it.
 *
 * It lives as long as somebody refers to it: the extension of the running graph, exporters with a cursor, requests under way. A reload that
 * keeps the directory keeps the storage. Refs are taken and dropped on the main thread, but for those of requests.
 */
#pragma once
#include <stdatomic.h>

#include "lib/pipe/store_writer.h"

struct storage {
	_Atomic unsigned refs;
	char *directory;
	struct store *store;
	struct store_writer *writer;
	struct log *log;
};

/* Opens the store and starts the writer. -1 with e, and *why, when the store cannot be opened. */
struct storage *storage_open(const struct store_options *o, const struct loop *main_loop, struct log *log,
        enum store_open_result *why, struct err *e) MUST_USE;
struct storage *storage_ref(struct storage *s);
/* The last one stops the writer and closes the store: on the main thread. */
void storage_unref(struct storage *s);
