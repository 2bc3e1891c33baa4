/* log.h - one line per fact on stderr (or service.telemetry.logs.output_paths), text or JSON.
 *
 * A `struct log` is a root with level, encoding and outputs; `log_child` adds a component name. Lines
 * carry key=value pairs: log_warn(l, "queue full, dropping", "exporter", "otlp_http/a", "spans", LOG_U(n), NULL).
 * Values are C strings; LOG_U and LOG_I format numbers. Each line is at most PIPE_BUF bytes and one write(2), so threads
 * do not mix. The same message of the same component is limited: first 10 in 10 s, then every 100th
 * (the Collector's sampling), unless sampling is off. Nobody waits for whoever reads the log: a line that its output
 * does not take is counted, and the next that leaves is followed by one that says how many.
 */
#pragma once
#include "lib/base/base.h"
#include "lib/base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_encoding { LOG_TEXT, LOG_JSON };

struct log_conf {
	enum log_level level;
	enum log_encoding encoding;
	bool sampling;
	int fds[8]; /* where lines go */
	unsigned n_fds;
};

struct log; /* thread-safe; children share the root */

struct log *log_new(const struct log_conf *c, struct clock *clock) MUST_USE;
/* Replaces level, encoding and outputs of the root for all children (reload). Does not close old fds. */
void log_configure(struct log *root, const struct log_conf *c);
/* A logger whose lines carry component=`name`; freed by the caller before the root. */
struct log *log_child(struct log *parent, const char *name) MUST_USE;
void log_free(struct log *l);

/* Lines that an output did not take, since the start. */
uint64_t log_lost(const struct log *l);

bool log_enabled(const struct log *l, enum log_level level);
/* Pairs of (const char *key, const char *value), ended by NULL. */
void log_write(struct log *l, enum log_level level, const char *text, ...) __attribute__((sentinel));
/* A line that is a product and not a report (the debug exporter's): never sampled, of any length. `block`, whole
 * lines whose foreign text is escaped already, follows the line in text and is its member "output" in JSON. */
void log_block(struct log *l, enum log_level level, slice block, const char *text, ...) __attribute__((sentinel));

#define log_debug(l, ...) (log_enabled(l, LOG_DEBUG) ? log_write(l, LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(l, ...) log_write(l, LOG_INFO, __VA_ARGS__)
#define log_warn(l, ...) log_write(l, LOG_WARN, __VA_ARGS__)
#define log_error(l, ...) log_write(l, LOG_ERROR, __VA_ARGS__)

struct log_num {
	char text[24];
};
struct log_num log_num_u(uint64_t n);
struct log_num log_num_i(int64_t n);
#define LOG_U(n) (log_num_u(n).text)
#define LOG_I(n) (log_num_i(n).text)
