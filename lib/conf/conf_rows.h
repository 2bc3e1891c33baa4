/* conf_rows.h - inside of lib/conf: how rows are walked, and what a load remembers. Not for other directories.
 *
 * A scope is the chain of group rows that leads to a row, innermost first, living on the stack of the walk: the
 * defaults a group row overrides (.def = "timeout=5s;tls.insecure=true") are looked up along it, the outermost
 * wins. The loader and the docs use the same lookup, so that the docs print what runs.
 */
#pragma once
#include "lib/base/vec.h"
#include "lib/conf/conf.h"

struct conf_scope {
	const struct conf_scope *outer;
	const struct conf_field *row;
};

/* The row every T_OPTION has without listing it. */
extern const struct conf_field conf_enabled_row;
/* Must the walk add conf_enabled_row to the rows of this T_OPTION? */
bool conf_needs_enabled(const struct conf_field *option);

static inline bool conf_is_nested(enum conf_type t)
{
	return t == T_GROUP || t == T_OPTION || t == T_INLINE;
}

/* T_REFUSED, T_IGNORED: a name without a member. */
static inline bool conf_is_bare(enum conf_type t)
{
	return t == T_REFUSED || t == T_IGNORED;
}

/* The default of `f` after overrides; p is NULL when there is none. */
slice conf_default(const struct conf_field *f, const struct conf_scope *scope);
/* Is a value required? */
bool conf_is_required(const struct conf_field *f, const struct conf_scope *scope);
/* Is `key` the row's key or one of its aliases? *by_alias may be NULL. */
bool conf_row_named(const struct conf_field *f, slice key, bool *by_alias);
/* The row of that name, T_INLINE rows looked into; NULL when there is none. */
const struct conf_field *conf_row_find(const struct conf_field *rows, slice key);
/* The first alternative of a choice: "deflate|zlib" is "deflate". */
slice conf_choice_name(const char *choice);
/* Does the row check a range, and is it open above? */
bool conf_has_range(const struct conf_field *f);
bool conf_range_open(const struct conf_field *f);
/* A bound as the user would write it. out needs 32 bytes. */
void conf_bound(const struct conf_field *f, double bound, char out[32]);
/* The kind of value in one or two words, for people: "duration", "list of strings". */
const char *conf_type_name(const struct conf_field *f);
/* Visits the rows of one level as the user sees it: T_INLINE flattened, conf_enabled_row of a T_OPTION first. `group`
 * is the row of the level, NULL at the root and for list elements; `scope` leads to the level, `group` included. */
void conf_walk(const struct conf_field *rows, const struct conf_field *group, const struct conf_scope *scope,
        void (*visit)(void *ctx, const struct conf_field *f, const struct conf_scope *scope), void *ctx);

/* One struct that is filled: the component's, a group's, a list element's. T_INLINE shares its parent's. */
struct conf_level {
	const void *base;
	size_t size; /* 0: the root, holds everything */
	const char *path; /* "sending_queue::batch", "actions::0", "" */
	struct pos pos; /* where a missing option is reported */
	bool doubtful; /* something in it was wrong already: do not also say that something is missing */
};

/* A member that the user wrote. */
struct conf_place {
	const void *member;
	const char *path; /* of its level */
	struct pos pos;
	bool section, bad; /* a group or option; its value was refused */
};

struct conf_report {
	struct findings *findings;
	struct arena *arena;
	slice id;
	struct pos id_pos;
	VEC(struct conf_level) levels;
	VEC(struct conf_place) places;
};

/* A finding whose text begins with "ID::PATH: ". */
void conf_find(struct conf_report *r, enum severity s, struct pos pos, const char *path, const char *fmt, ...)
        PRINTF(5, 6);

/* Reads one value into `at`. On error adds a finding at the value, leaves `at` as it was and returns -1.
 * Null keeps what is there. Marks the nodes of secrets. */
int conf_read(struct conf_report *r, const struct conf_field *f, struct node *n, const char *path, void *at) MUST_USE;
/* What a node is, in the Collector's words: string, int, float64, bool, map, list, null. */
const char *conf_kind_of(const struct node *n);
