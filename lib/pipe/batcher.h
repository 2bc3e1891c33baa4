/* batcher.h - joins small records and cuts large ones into what one exporter sends at once.
 *
 * One batcher per batch key (signal, pipeline, partition), on the exporter's thread. A piece is a whole record or
 * a part of one that was cut at item boundaries. Joining is concatenation, so no piece is ever decoded to be joined.
 * Pieces keep their queue entry: it is resolved when its last piece is.
 */
#pragma once
#include "lib/base/vec.h"
#include "lib/pipe/queue.h"

struct piece {
	struct queue_entry *entry;
	struct buf *body; /* one reference */
	uint32_t n_items;
};

struct batch_settings {
	bool enabled; /* false: each record is sent as it came */
	int64_t flush_ns; /* 0: at once */
	uint64_t min_size, max_size; /* max 0: no cap */
	enum sizer sizer; /* SIZER_ITEMS or SIZER_BYTES */
	uint64_t max_bytes; /* what the destination takes at most, whatever the rest says; 0: not known */
};

/* The pieces of one key that wait for company. */
struct batcher {
	struct batcher *next;
	enum signal signal;
	const char *pipeline;
	struct record
	        *key; /* signal, pipeline and partition of a record, without its body: it outlives what was sent */
	VEC(struct piece) pieces;
	uint64_t n_items, n_bytes;
	int64_t deadline_ns; /* when it is flushed at the latest; only with pieces */
};

struct batcher *batcher_new(const struct record *like) MUST_USE;
void batcher_free(struct batcher *b); /* must be empty */

/* Cuts the entry's record by the settings' max_size and max_bytes, or makes one piece of it; sets entry->n_open. The caller
 * owns the vector. When memory for a cut is out, or the parts would grow too large (otlp_split), the record stays whole. */
struct pieces {
	struct piece *v;
	size_t n, cap;
};
void pieces_of(struct queue_entry *e, const struct batch_settings *s, struct pieces *out);

/* Would the piece go over max_size or max_bytes? Then flush first. */
bool batcher_fits(const struct batcher *b, const struct batch_settings *s, const struct piece *p);
/* Takes the piece. True when min_size is reached. */
bool batcher_add(struct batcher *b, const struct batch_settings *s, const struct piece *p, int64_t now_ns);
