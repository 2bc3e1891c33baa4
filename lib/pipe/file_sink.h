/* file_sink.h - a file that whole messages are appended to, with rotation: the file exporter's writing half.
 *
 * A write is all or nothing: what a failed one left is cut off again before the next. One thread writes; references
 * come and go on any thread (a reload shares an open file with its successor, and old graphs end where their last user was). Names of rotated files are the
 * Collector's: data.json becomes data-2026-11-21T07-00-00.123.json.
 */
#pragma once
#include "lib/base/disk.h"
#include "lib/base/err.h"

struct file_sink_conf {
	slice path;
	bool append; /* else the file is emptied when it is opened */
	bool create_directory;
	unsigned directory_mode;
};

struct file_rotation {
	uint64_t max_bytes; /* rotate before the file exceeds this; 0: never */
	uint32_t max_days, max_backups; /* what old files are deleted; 0: none */
	bool localtime; /* stamps in local time, else UTC */
};

struct file_sink;

/* NULL with e. `d` must outlive the sink. Count 1. */
struct file_sink *file_sink_open(struct disk *d, const struct file_sink_conf *c, struct err *e) MUST_USE;
struct file_sink *file_sink_ref(struct file_sink *s);
void file_sink_unref(struct file_sink *s); /* NULL is fine */
slice file_sink_path(const struct file_sink *s);
/* The next write opens the path again, for whoever moved the file away (logrotate). From any thread. */
void file_sink_reopen(struct file_sink *s);

/* Appends the parts in order. 0; or -1 with e and the file as it was. `wall_ns` stamps a rotation. */
int file_sink_write(struct file_sink *s, const slice *parts, size_t n, const struct file_rotation *r, int64_t wall_ns,
        struct err *e) MUST_USE;
