/* dead_letters.h - what a storage keeps of the items that a destination refused for good: one file each (letter_file.h), within limits.
 *
 * One per storage, shared by all its exporters. At most 10,000 letters and 256 MiB, and together with the log no more than the storage's
 * max_size: the oldest letters go to make room. A letter that finds no room, or that the disk refuses, is not kept; that is counted
 * and logged, and the items are dead-lettered all the same.
 *
 * Commands remove letters beside a running weir (`weir dlq`): what is counted here follows the directory by dead_letters_refresh, and before
 * anything is removed for want of room. Any thread; a call may write to the disk and waits for others that do.
 */
#pragma once
#include "lib/pipe/letter_file.h"
#include "lib/pipe/store.h"

struct dead_letters_options {
	struct disk *disk;
	struct clock *clock;
	struct log *log;
	struct store *store; /* whose max_size counts letters, too; outlives the dead_letters */
	const char *directory; /* of the storage; copied */
	uint64_t max_bytes; /* 0: 256 MiB */
	size_t max_letters; /* 0: 10,000 */
	uint64_t (*random)(void *ctx); /* salts; NULL: getrandom(2) */
	void *random_ctx;
};

struct dead_letters_stats {
	uint64_t n_letters, n_bytes; /* there now */
	uint64_t n_evicted; /* removed for newer ones, since the start */
	uint64_t n_lost; /* not kept, since the start */
};

struct dead_letters;
/* Looks at what is there, and removes what a crash left unfinished. The storage is locked by the caller. Never fails: without a directory
 * that can be read there is nothing to count, and each letter tries anew. */
struct dead_letters *dead_letters_open(const struct dead_letters_options *o) MUST_USE;
void dead_letters_close(struct dead_letters *d); /* files stay */

/* Keeps one letter: signal, n_items, pipeline, partition, routes (the one exporter), reason, text (cut to 1 KiB) and body of `r`; its arrival
 * is the wall time now. It is durable when this returns 0; else -errno: not kept. */
int dead_letters_add(struct dead_letters *d, const struct store_record *r);
/* Letters that commands removed give their room back. Does nothing while a letter is being written. */
void dead_letters_refresh(struct dead_letters *d);
struct dead_letters_stats dead_letters_stats(struct dead_letters *d);
