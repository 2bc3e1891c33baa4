/* store_writer.h - the one thread that appends to a store: group commit.
 *
 * While one sync runs, everything that is submitted waits and goes with the next. A submission is done exactly once, on the
 * writer's thread; data stays the submitter's until then. When the disk refuses, `durable` submissions are done with the error
 * at once; the others wait and are tried again (their sender was promised a queue, not a disk) until the writer is stopped.
 */
#pragma once
#include "lib/net/loop.h"
#include "lib/pipe/store.h"

struct submission {
	struct submission *next;
	struct store_record *records; /* seq is set when done with 0 */
	size_t n; /* at least 1 */
	bool durable;
	void (*done)(struct submission *s, int rc); /* 0 or -errno; may free s */
};

struct store_writer;
/* Starts the thread; with main_loop->pumped the test pumps store_writer_loop instead. The store must outlive it. */
struct store_writer *store_writer_new(struct store *s, const struct loop *main_loop) MUST_USE;
void store_writer_submit(struct store_writer *w, struct submission *s); /* any thread; takes s until done */
/* Cursors moved: a checkpoint is written soon. Any thread. */
void store_writer_moved(struct store_writer *w);
struct loop *store_writer_loop(struct store_writer *w);
/* From now on what cannot be written at once is done with -ECANCELED, so that nothing waits any longer. Main thread; waits. */
void store_writer_give_up(struct store_writer *w);
/* Tries what waits once more, ends with a checkpoint; what cannot be written is done with -ECANCELED. Joins. Main thread. */
void store_writer_free(struct store_writer *w);
