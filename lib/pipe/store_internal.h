/* store_internal.h - what the files of the store share; nobody else includes it.
 *
 *	store.c          options, open, close, room            store_append.c   roll, append, seal, publish
 *	store_recover.c  what is in the directory at start     store_walk.c     from record to record, salvage
 *	store_cursor.c   cursors by name, counts               store_read.c     cursor_next and what follows from it
 *	store_file.c     the cursor file                       store_damage.c   what was skipped, quarantine
 *
 * Options that a reload may change are atomic: set by the main thread, and followed by the writer at its next append or checkpoint.
 * store->lock guards the list of segments, the end of the log, damage, and all of a cursor but its walk, which belongs to the thread that
 * reads. No I/O under the lock. `active`, `retry_at` and the cursor file are the writer's alone. Segments are listed when they have
 * a published record (or were found at start), so that every listed byte before `end` never changes, and is durable unless `unsynced`.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "lib/base/buf.h"
#include "lib/base/vec.h"
#include "lib/pipe/store.h"

enum {
	READ_WINDOW = 128 << 10, /* at least RECORD_HEADER + META_MAX */
	CURSOR_SLOT = 256 << 10,
	MAX_MARKS = 256,
	MAX_LOST = 32,
	START_TRIES = 3,
	STORE_PATH = 4096,
};

struct place {
	uint64_t segment, offset;
};

static inline bool place_before(struct place a, struct place b)
{
	return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

struct segment {
	uint64_t number, size; /* of the file */
	uint64_t end; /* records begin before it; the size while !ends */
	uint64_t first_seq, last_seq; /* 0: not known */
	uint64_t prev_number, prev_end, prev_last; /* as its header says */
	uint32_t seed;
	bool seeded; /* else its header is damaged: the seed is found from its records */
	bool ends; /* the end is known: what is not sound before it is damage */
};

/* A file that is read forward, through a window. */
struct reader {
	int fd; /* -1: none */
	unsigned char *window;
	uint64_t at;
	size_t len;
};

/* A place in the log that moves from record to record. */
struct walk {
	struct place at;
	uint64_t next_seq; /* the least that the next record may have; 0: any */
	struct segment seg; /* a copy; number 0: none yet */
	struct reader rd;
	struct place fault; /* where reading fails, how often, and when last */
	unsigned tries;
	int64_t tried_ns;
	bool patient; /* wait for a disk that fails, between calls; else three times at once */
	bool quiet; /* damage is not counted */
	bool blind; /* something could not be read */
	uint64_t zeros_from; /* where nothing but zeros follows in a segment whose end is not known */
};

/* A record that a cursor gave out, or passed as resolved while an older one is out. */
struct given {
	struct place place;
	uint64_t seq, n_bytes;
	int64_t wall_ns;
	uint32_t n_items;
	uint8_t signal;
	bool resolved;
	bool counted; /* its outcome is in the counts since the checkpoint that does not know it */
	struct outcome outcome;
};

struct range {
	uint64_t from, to; /* seqs [from, to) */
};

struct cursor {
	struct store *s;
	char *name;
	slice id; /* the name */
	bool open, walking;
	void (*on_more)(void *ctx);
	void *ctx;
	bool more; /* the append at hand concerns it */
	int64_t orphan_since;
	struct cursor_counts counts;
	/* where it reads: everything before is in `given` or passed */
	struct place at;
	uint64_t at_seq;
	struct given *given; /* a ring of `cap`, a power of two, from the oldest that is not resolved */
	size_t head, n_given, cap;
	uint64_t out_items[N_SIGNALS], out_records, out_bytes; /* given and not resolved */
	VEC(struct range) done; /* resolved behind `at`, as the cursor file said; from done_head */
	size_t done_head;
	struct cursor_news news;
	bool has_news;
	struct range lost[MAX_LOST]; /* the latest seqs that were dropped or never turned up, in a ring */
	size_t n_lost; /* ever put there */
	uint64_t lost_before; /* from here on `lost` knows all */
	/* the reading thread's */
	struct walk walk;
	bool peeked; /* walk stands at `peek`, which is for this cursor */
	struct record_header peek;
	int64_t peek_wall_ns;
	uint32_t peek_sidecar;
	int64_t beside_pool_ns; /* when the next record is read whatever the pool says; 0: it is not waited for */
	bool told_large;
};

struct active {
	int fd; /* -1: of an earlier run */
	bool exists, listed, bad;
	uint64_t plan; /* size of the file */
	struct segment seg; /* end: where the next record goes */
};

struct store {
	struct disk *disk;
	struct clock *clock;
	struct log *log;
	char *dir;
	_Atomic bool sync, resized; /* resized: the active segment is of another size than it would have now */
	_Atomic uint64_t max_size, segment_size;
	uint64_t (*random)(void *ctx);
	void *random_ctx;
	int lock_fd;

	pthread_mutex_t lock;
	VEC(struct segment) segments; /* by number */
	struct place end; /* of the log */
	uint64_t end_seq; /* the last published */
	VEC(struct cursor *) cursors;
	struct store_damage damage;
	VEC(struct place) marks; /* damage that is counted */
	uint64_t quarantine_bytes, quarantine_files;
	bool dirty; /* the cursor file is behind */

	struct active active;
	bool unsynced; /* records were written without a sync; none has followed for all of them */
	uint64_t next_seq, max_number;
	int64_t retry_at;
	struct strbuf scratch;
	/* cursor file */
	int cursor_fd;
	unsigned slot; /* the next to write */
	uint64_t generation, kept_from; /* what the synced one needs: segments from this number */
	unsigned char install[16];
	unsigned char *slot_bytes;
	char unreadable[STORE_PATH]; /* while it opens: the file that the latest -errno is about */

	_Atomic uint64_t total; /* sizes of all files */
	_Atomic uint64_t used; /* the same without the free tail of the active segment */
	_Atomic uint64_t reserved;
	_Atomic int failed; /* errno */
	_Atomic int64_t next_probe;
};

/* store.c */
uint64_t store_random(struct store *s);
void store_account(struct store *s, int64_t total, int64_t used);
/* "DIR/seg-...log" */
void segment_path(const struct store *s, uint64_t number, char out[STORE_PATH]);
void store_path(const struct store *s, const char *name, char out[STORE_PATH]);

/* Reading while a store is opened: three times at once, because a start does not wait. As the calls of the disk; -errno is of the last. */
int start_open(struct store *s, const char *path, int flags) MUST_USE;
ssize_t start_read(struct store *s, int fd, void *p, size_t n, int64_t at) MUST_USE;
int64_t start_size(struct store *s, int fd) MUST_USE;
/* The disk failed, or something ran out: what is there is not known. Else nothing of ours is there (no file, a link, a directory). */
bool is_trouble(int64_t rc);

/* store_recover.c: finds segments and cursors. Nothing is written before all versions are known and all that a start needs was read. */
enum store_open_result store_recover(struct store *s, struct err *e) MUST_USE;
struct cursor_file;
enum found { FOUND_NONE, FOUND, FOUND_NEWER };
/* All segments of the directory, chained. FOUND, also when there are none; FOUND_NEWER: one is of a newer version; -errno and `unreadable`. */
int segments_find(struct store *s) MUST_USE;
/* Counts in what was appended after the cursor file was written; damage is not noted. *whole: there was none. 0, or -errno and `unreadable`. */
int segments_count_in(struct store *s, const struct cursor_file *f, bool *whole) MUST_USE;

/* store_walk.c */
void walk_init(struct walk *w, struct place at, uint64_t next_seq);
void walk_release(struct store *s, struct walk *w);
/* To the next sound header with sound meta: 1 and w->at, *h and *meta (valid until the next call); 0 at the end; -errno. */
int walk_next(struct store *s, struct walk *w, struct record_header *h, slice *meta) MUST_USE;
void walk_pass(struct walk *w, const struct record_header *h);
/* n bytes at `offset` of the walk's file. 0; 1: they cannot be had (damage); -errno: try later. */
int walk_read(struct store *s, struct walk *w, uint64_t offset, void *out, size_t n) MUST_USE;
/* The meta of the record that walk_next stopped at. As walk_read. */
int walk_meta(struct store *s, struct walk *w, const struct record_header *h, slice *meta) MUST_USE;

/* store_damage.c */
/* Counts it, unless this place was counted, and keeps some of it in quarantine/. */
void damage_note(struct store *s, struct walk *w, struct place at, struct store_damage d, uint64_t size);
void damage_forget(struct store *s, uint64_t before_segment); /* under the lock */
void quarantine_count(struct store *s); /* at start: what is there */

/* store_cursor.c; under the lock */
struct cursor *cursor_find(struct store *s, slice name);
struct cursor *cursor_add(struct store *s, slice name, struct place at, uint64_t at_seq); /* NULL: too many */
void cursor_free(struct cursor *c);
/* One more record in the log: for every routed cursor, which is made when there is none. */
void cursors_count_in(struct store *s, const struct store_record *r, struct place at, uint64_t n_bytes);
/* A cursor with nothing to read goes with the end; one that read everything has nothing queued. */
void cursor_settle(struct cursor *c);
static inline struct given *cursor_given(const struct cursor *c, size_t i)
{
	return &c->given[(c->head + i) & (c->cap - 1)];
}
/* These ended as dropped, or never turn up. */
void cursor_lose(struct cursor *c, uint64_t from, uint64_t to);
/* Where it would go on after a crash. */
struct place cursor_low(const struct cursor *c, uint64_t *seq);
/* Bytes of its entry in the cursor file without ranges. */
size_t cursor_entry_size(size_t name_len);
/* Ranges of seqs that are resolved beyond the low-water mark, at most `max`; *counts: as of then. */
size_t cursor_ranges(const struct cursor *c, struct range *out, size_t max, struct cursor_counts *counts);

/* store_file.c */
struct cursor_file {
	struct place end;
	uint64_t end_seq, next_seq, max_number;
};
/* The better of the two slots into `s` (cursors, install id, damage). enum found, or -errno and `unreadable`: a slot that cannot be read may be
 * the better one. */
int cursor_file_read(struct store *s, struct cursor_file *f) MUST_USE;
/* Writes it when something moved. */
int cursor_file_write(struct store *s) MUST_USE;

/* store_append.c */
void active_seal(struct store *s);
