/* conf.h - the option table: the only door to options (idea 4).
 *
 * One row per YAML key. Parsing, defaults, ranges, error messages with positions, `weir components`,
 * docs/components and the JSON Schema are all read from it. The member's C type is checked at compile
 * time by _Generic; the key is the member's name; defaults are strings read by the same code as user
 * values; NULL default means required unless CONF_OPTIONAL.
 *
 *	struct sampler_conf { double percentage; };
 *	static const struct conf_field fields[] = {
 *		CONF_F64(sampler_conf, percentage, "10", "Share of traces to keep.", .min = 0, .max = 100),
 *		CONF_END,
 *	};
 *
 * Everything conf_load stores (strings, lists, maps) is in the arena of the load and read-only after.
 * A key that C cannot spell or that is a reserved word is given with .key.
 */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/conf/findings.h"
#include "lib/conf/node.h"

enum conf_type {
	T_BOOL,
	T_U32,
	T_U64,
	T_I64,
	T_F64,
	T_STR,
	T_DURATION,
	T_BYTES,
	T_ENUM,
	T_STRS, /* list of strings; a comma-joined string is taken too */
	T_MAP, /* string to string, in order */
	T_NODE, /* any YAML value, kept as a node (struct node *) */
	T_GROUP, /* nested struct */
	T_OPTION, /* nested struct whose first member is `bool enabled`; a present section (even null) enables it */
	T_LIST, /* list of nested structs */
	T_INLINE, /* nested struct whose keys stand on the level of the row */
	T_REFUSED, /* a key the Collector has and weir has not: an error that says so; help says why or what instead */
	T_IGNORED, /* accepted without effect, with a warning that says so */
};

enum {
	CONF_OPTIONAL = 1, /* no default and not required: stays zero */
	CONF_SECRET = 2, /* value (or each value of a map) is [REDACTED] in print-config and never logged */
	CONF_ZERO_DEFAULT = 8, /* T_BYTES: zero or less means the default, as for limits of the Collector */
	CONF_NUMERALS = 16, /* T_STRS: whole numbers are taken too, as they are written */
	CONF_FILE = 32, /* T_STR: names a file that a reload reads again: two configs that name one are never equal */
};

struct conf_strs {
	slice *v;
	size_t n;
};
struct conf_pair {
	slice key, value;
};
struct conf_map {
	struct conf_pair *v;
	size_t n;
};
/* What CONF_LIST stores: n structs of the row's size. A member is declared as CONF_ARRAY(struct x) name. */
struct conf_list {
	void *v;
	size_t n;
};

struct conf_field {
	const char *key; /* YAML key */
	const char *def; /* as the user would write it; for groups "key=value;key=value" overrides of its rows */
	const char *help; /* one sentence, ends with a dot */
	const char *aliases; /* older spellings, space separated: accepted with a warning */
	enum conf_type type;
	unsigned flags;
	size_t offset;
	double min, max; /* numbers, durations (s), bytes: checked when min < max */
	const char *const *choices; /* T_ENUM: NULL-terminated, index is the value; "name|other spelling" */
	const struct conf_field *rows; /* groups and lists */
	size_t size; /* sizeof of the nested struct (groups and lists) */
};

#define CONF_AT(S, m, T) _Generic(((struct S *)0)->m, T : offsetof(struct S, m))
#define CONF_ROW_(T, S, m, ctype, d, ...)                                                           \
	{                                                                                           \
		.key = #m, .type = T, .offset = CONF_AT(S, m, ctype), .def = d, .help = __VA_ARGS__ \
	}
#define CONF_BOOL(S, m, d, ...) CONF_ROW_(T_BOOL, S, m, bool, d, __VA_ARGS__)
#define CONF_U32(S, m, d, ...) CONF_ROW_(T_U32, S, m, uint32_t, d, __VA_ARGS__)
#define CONF_U64(S, m, d, ...) CONF_ROW_(T_U64, S, m, uint64_t, d, __VA_ARGS__)
#define CONF_I64(S, m, d, ...) CONF_ROW_(T_I64, S, m, int64_t, d, __VA_ARGS__)
#define CONF_F64(S, m, d, ...) CONF_ROW_(T_F64, S, m, double, d, __VA_ARGS__)
#define CONF_STR(S, m, d, ...) CONF_ROW_(T_STR, S, m, slice, d, __VA_ARGS__)
#define CONF_DURATION(S, m, d, ...) CONF_ROW_(T_DURATION, S, m, duration, d, __VA_ARGS__)
#define CONF_BYTES(S, m, d, ...) CONF_ROW_(T_BYTES, S, m, bytes, d, __VA_ARGS__)
#define CONF_ENUM(S, m, d, names, ...)                                                               \
	{                                                                                            \
		.key = #m, .type = T_ENUM, .offset = CONF_AT(S, m, int), .def = d, .choices = names, \
		.help = __VA_ARGS__                                                                  \
	}
#define CONF_STRS(S, m, d, ...) CONF_ROW_(T_STRS, S, m, struct conf_strs, d, __VA_ARGS__)
#define CONF_MAP(S, m, ...) CONF_ROW_(T_MAP, S, m, struct conf_map, "", __VA_ARGS__)
#define CONF_NODE(S, m, ...)                                                                               \
	{                                                                                                  \
		.key = #m, .type = T_NODE, .offset = CONF_AT(S, m, struct node *), .flags = CONF_OPTIONAL, \
		.help = __VA_ARGS__                                                                        \
	}
#define CONF_NEST_(T, S, m, N, nested, ...)                                                                        \
	{                                                                                                          \
		.key = #m, .type = T, .offset = CONF_AT(S, m, struct N), .rows = nested, .size = sizeof(struct N), \
		.help = __VA_ARGS__                                                                                \
	}
#define CONF_GROUP(S, m, N, nested, ...) CONF_NEST_(T_GROUP, S, m, N, nested, __VA_ARGS__)
#define CONF_OPTION(S, m, N, nested, ...) CONF_NEST_(T_OPTION, S, m, N, nested, __VA_ARGS__)
#define CONF_INLINE(S, m, N, nested, ...) CONF_NEST_(T_INLINE, S, m, N, nested, __VA_ARGS__)
#define CONF_LIST(S, m, N, nested, ...)                                                               \
	{                                                                                             \
		.key = #m, .type = T_LIST, .offset = CONF_AT(S, m, struct conf_list), .rows = nested, \
		.size = sizeof(struct N), .flags = CONF_OPTIONAL, .help = __VA_ARGS__                 \
	}
#define CONF_REFUSED(name, ...)                                                             \
	{                                                                                   \
		.key = name, .type = T_REFUSED, .flags = CONF_OPTIONAL, .help = __VA_ARGS__ \
	}
#define CONF_IGNORED(name, ...)                                                             \
	{                                                                                   \
		.key = name, .type = T_IGNORED, .flags = CONF_OPTIONAL, .help = __VA_ARGS__ \
	}
#define CONF_END            \
	{                   \
		.key = NULL \
	}

/* Where each member of one loaded struct came from; members are named by their address. */
struct conf_report;

/* Rules across options, for component->check: adds an error at the place of the member's value (at the
 * component's id when the user did not set it). `conf_clash` names two members: the later one in the file. */
void conf_fail(struct conf_report *r, const void *member, const char *fmt, ...) PRINTF(3, 4);
void conf_clash(struct conf_report *r, const void *a, const void *b, const char *fmt, ...) PRINTF(4, 5);
void conf_warn(struct conf_report *r, const void *member, const char *fmt, ...) PRINTF(3, 4);
/* A required member is missing: error at the component's id (in a list element at its first key). */
void conf_missing(struct conf_report *r, const void *owner, const char *fmt, ...) PRINTF(3, 4);
/* True when the user wrote the option. */
bool conf_is_set(const struct conf_report *r, const void *member);

/* Fills `out` (zeroed, of the struct the rows describe) from `n` (a map, or null/NULL for all defaults).
 * `id_pos` is the place of the component's id, `id` its text for messages ("exporters::otlp_http/a").
 * Findings are added; returns 0 when none of them was an error. `check` may be NULL. */
int conf_load(const struct conf_field *rows, struct node *n, slice id, struct pos id_pos, void *out,
        void (*check)(const void *conf, struct conf_report *r), struct arena *a, struct findings *f) MUST_USE;

/* The same values? Compares two loaded structs by their rows (reload: "unchanged"). */
bool conf_equal(const struct conf_field *rows, const void *a, const void *b);
