/* price_source.h - the price table in force, reread when one of the user's files changes.
 *
 * Tables are immutable and counted: workers hold the one they use and ask between requests whether there is a newer. A thread of the
 * source (only when there are files) looks at them every PRICE_POLL_S seconds, builds a table aside and swaps one pointer; a file
 * that does not load leaves the old table in force and is reported once per change.
 */
#pragma once
#include "lib/base/log.h"
#include "lib/genai/pricing.h"

enum { PRICE_POLL_S = 10 };

struct price_source;
struct price_ref {
	struct price_table *table;
	_Atomic unsigned refs; /* price_source only */
};

/* Loads the table; the sources' slices are borrowed for the life of the source. NULL and e when a file does not load. */
struct price_source *price_source_open(const struct price_sources *s, struct err *e) MUST_USE;
void price_source_close(struct price_source *p); /* joins the thread; NULL is fine */
/* From the first call on the thread looks at the files, and reports on a child `name` of `log`, whose root must outlive the source. */
void price_source_watch(struct price_source *p, struct log *log, const char *name);
/* The table in force, counted. */
struct price_ref *price_source_get(struct price_source *p);
void price_ref_free(struct price_ref *r); /* NULL is fine */
/* True when `r` is no longer the table in force. One relaxed load. */
bool price_source_is_newer(const struct price_source *p, const struct price_ref *r);
/* Looks at the files now: true when another table is in force after it. The thread's step, and the tests'. */
bool price_source_check(struct price_source *p);
