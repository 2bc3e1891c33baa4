/* store_inspect.h - a storage directory looked at from outside: without its lock, beside a running weir or without one.
 *
 * What is counted is what the cursor file says, and what was appended after it was written (some 200 ms at most while weir runs): those
 * items count as queued. Nothing is written and nothing is waited for; what the writer changes meanwhile is seen or not.
 */
#pragma once
#include "lib/pipe/store.h"

struct exporter_backlog {
	char *name;
	struct cursor_counts counts;
	int64_t oldest_wall_ns; /* arrival of the oldest record that waits; 0: none was found */
	int64_t closed_wall_ns; /* since when no weir has it open, as the cursor file says; 0: it is open, or was at a crash */
};

struct store_view {
	uint64_t n_segments, segment_bytes;
	uint64_t n_letters, letter_bytes; /* dead letters */
	uint64_t total_bytes; /* of segments, letters and the cursor file */
	struct store_damage damage;
	struct exporter_backlog *exporters; /* in the order of the cursor file */
	size_t n_exporters;
};

/* 0; -ENOENT: no storage is there (the directory, or anything of ours in it); else -1 with e, which names the file that cannot be read. Released by store_view_release after 0. */
int store_inspect(struct disk *d, const char *directory, struct store_view *out, struct err *e) MUST_USE;
void store_view_release(struct store_view *v);
