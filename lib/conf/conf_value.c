/* conf_value.c - one YAML value to one C member: types, ranges and what is said when they do not fit.
 *
 * No weak typing, as in the Collector: "23" in quotes is no number and 23 is no string, except when
 * it came from ${..} alone: then a string option takes the raw text. Defaults come through here too. Each reader
 * adds its finding itself and leaves the member alone when it fails.
 */
#include "lib/base/parse.h"
#include "lib/base/utf8.h"
#include "lib/conf/conf_rows.h"

struct value {
	struct conf_report *r;
	const struct conf_field *f;
	struct node *n;
	const char *path;
};

const char *conf_kind_of(const struct node *n)
{
	bool b;
	int64_t i;
	uint64_t u;
	double d;
	if (n->kind == NODE_NULL)
		return "null";
	if (n->kind != NODE_SCALAR)
		return n->kind == NODE_MAP ? "map" : "list";
	if (n->quoted)
		return "string";
	if (parse_bool(n->text, &b) == 0)
		return "bool";
	if (parse_i64(n->text, &i) == 0 || parse_u64(n->text, &u) == 0)
		return "int";
	return parse_f64(n->text, &d) == 0 ? "float64" : "string";
}

/* The value for a message: quoted, cut, without control characters; secrets are not shown. */
static const char *show_node(struct arena *a, const struct node *n, bool secret)
{
	if (n->kind != NODE_SCALAR)
		return n->kind == NODE_NULL ? "null" : n->kind == NODE_MAP ? "a map" : "a list";
	if (secret)
		return "[REDACTED]";
	size_t cut = utf8_cut(n->text, 60);
	char *text = arena_printf(a, "\"%.*s%s\"", (int)cut, n->text.p, cut < n->text.len ? ".." : "");
	for (char *c = text; *c; c++)
		*c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
	return text;
}

static const char *show(const struct value *v)
{
	return show_node(v->r->arena, v->n, v->f->flags & CONF_SECRET);
}

#define FAULT(v, ...) (conf_find((v)->r, FINDING_ERROR, (v)->n->pos, (v)->path, __VA_ARGS__), -1)

static int wrong_type(const struct value *v, const char *expected, const char *hint)
{
	const char *got = conf_kind_of(v->n);
	return FAULT(v, "'%s' expected type '%s', got unconvertible type '%s' (%s)%s%s", v->f->key, expected, got,
	        show(v), *hint ? ": " : "", hint);
}

static int out_of_range(const struct value *v, double n)
{
	const struct conf_field *f = v->f;
	char low[32], high[32];
	conf_bound(f, f->min, low);
	conf_bound(f, f->max, high);
	if (!conf_range_open(f))
		return FAULT(v, "'%s' must be within [%s, %s], got %s", f->key, low, high, show(v));
	if (n > f->max)
		return FAULT(v, "'%s' is too large, got %s", f->key, show(v));
	if (f->min > 1)
		return FAULT(v, "'%s' must be at least %s, got %s", f->key, low, show(v));
	return FAULT(v, "'%s' must be %s, got %s", f->key, f->min > 0 ? "positive" : "non-negative", show(v));
}

static bool in_range(const struct value *v, double n)
{
	return !conf_has_range(v->f) || (n >= v->f->min && n <= v->f->max);
}

static bool is_plain(const struct node *n)
{
	return n->kind == NODE_SCALAR && !n->quoted;
}

static int read_bool(const struct value *v, bool *at)
{
	if (!is_plain(v->n) || parse_bool(v->n->text, at))
		return wrong_type(v, "bool", "write true or false, without quotes");
	return 0;
}

/* A whole number that fits neither end is out of the member's range, not of another type. */
static int read_whole(const struct value *v, int64_t *i, uint64_t *u)
{
	double d;
	if (is_plain(v->n) && parse_i64(v->n->text, i) == 0) {
		*u = *i < 0 ? 0 : (uint64_t)*i;
		return 0;
	}
	if (is_plain(v->n) && parse_u64(v->n->text, u) == 0) {
		*i = INT64_MAX;
		return 0;
	}
	if (is_plain(v->n) && parse_f64(v->n->text, &d) == 0 && d > -9e15 && d < 9e15 && d == (double)(int64_t)d) {
		*i = (int64_t)d;
		*u = *i < 0 ? 0 : (uint64_t)*i;
		return 0;
	}
	bool number = is_plain(v->n) && parse_f64(v->n->text, &d) == 0;
	return wrong_type(
	        v, "int", number || conf_kind_of(v->n)[0] != 's' ? "" : "write a whole number, without quotes");
}

static int read_int(const struct value *v, void *at)
{
	int64_t i = 0;
	uint64_t u = 0;
	if (read_whole(v, &i, &u))
		return -1;
	bool is_signed = v->f->type == T_I64;
	if (i < 0 && !is_signed && !conf_has_range(v->f))
		return FAULT(v, "'%s' must be non-negative, got %s", v->f->key, show(v));
	double n = i < 0 ? (double)i : (double)u;
	if (!in_range(v, n) || (i < 0 && !is_signed))
		return out_of_range(v, n);
	if ((v->f->type == T_U32 && u > UINT32_MAX) || (is_signed && u > INT64_MAX))
		return FAULT(v, "'%s' is too large, got %s", v->f->key, show(v));
	if (v->f->type == T_U32)
		*(uint32_t *)at = (uint32_t)u;
	else if (is_signed)
		*(int64_t *)at = i;
	else
		*(uint64_t *)at = u;
	return 0;
}

static int read_f64(const struct value *v, double *at)
{
	double d;
	if (!is_plain(v->n) || parse_f64(v->n->text, &d))
		return wrong_type(v, "float64", "write a number, without quotes");
	if (!in_range(v, d))
		return out_of_range(v, d);
	*at = d;
	return 0;
}

static int read_duration(const struct value *v, duration *at)
{
	duration d;
	int64_t ns = 0;
	bool bare = is_plain(v->n) && parse_i64(v->n->text, &ns) == 0;
	if (v->n->kind != NODE_SCALAR || (!bare && conf_kind_of(v->n)[0] != 's'))
		return wrong_type(v, "time.Duration", "write it as \"200ms\", \"1m30s\" or \"1h\"");
	if (bare)
		d.ns = ns;
	else if (parse_i64(v->n->text, &ns) == 0 && ns != 0)
		return FAULT(v, "'%s': time: missing unit in duration %s", v->f->key, show(v));
	else if (parse_duration(v->n->text, &d))
		return FAULT(v, "'%s': time: invalid duration %s, expected one like \"200ms\", \"1m30s\" or \"1h\"",
		        v->f->key, show(v));
	if (!in_range(v, (double)d.ns / 1e9))
		return out_of_range(v, (double)d.ns / 1e9);
	if (bare && ns != 0)
		conf_find(v->r, FINDING_WARNING, v->n->pos, v->path,
		        "'%s' has no unit: %lld is taken as nanoseconds, as in the Collector; for seconds write "
		        "\"%llds\"",
		        v->f->key, (long long)ns, (long long)ns);
	*at = d;
	return 0;
}

static int read_bytes(const struct value *v, bytes *at)
{
	bytes b;
	int64_t i;
	uint64_t u;
	bool number = v->n->kind == NODE_SCALAR && (parse_i64(v->n->text, &i) == 0 || parse_u64(v->n->text, &u) == 0);
	if (v->n->kind != NODE_SCALAR || (number && v->n->quoted))
		return wrong_type(v, "int", "write a number of bytes or a size such as 20MiB");
	bool negative = v->n->text.len > 0 && v->n->text.p[0] == '-';
	if (v->f->flags & CONF_ZERO_DEFAULT && number && (negative || slice_is(v->n->text, "0")))
		return 0;
	if (number && negative)
		return FAULT(v, "'%s' must be non-negative, got %s", v->f->key, show(v));
	if (parse_bytes(v->n->text, &b))
		return FAULT(v, "'%s' expected a number of bytes or a size such as 64KiB, 20MiB or 1GiB, got %s",
		        v->f->key, show(v));
	if (!in_range(v, (double)b.n))
		return out_of_range(v, (double)b.n);
	*at = b;
	return 0;
}

/* Is `text` one of the spellings "a|b|c"? */
static bool is_choice(const char *choice, slice text)
{
	for (;; choice++) {
		size_t n = strcspn(choice, "|");
		if (slice_ieq((slice){ choice, n }, text))
			return true;
		choice += n;
		if (!*choice)
			return false;
	}
}

static int wrong_choice(const struct value *v)
{
	struct arena *a = v->r->arena;
	size_t n = 0;
	while (v->f->choices[n])
		n++;
	const char **names = arena_zalloc(a, (n + 1) * sizeof(*names)), *all = "";
	for (size_t i = 0; i < n; i++) {
		names[i] = arena_cstr(a, conf_choice_name(v->f->choices[i]));
		all = arena_printf(a, "%s%s\"%s\"", all, !i ? "" : i + 1 < n ? ", " : " or ", names[i]);
	}
	const char *near = findings_nearest(v->n->text, names);
	const char *hint = near ? arena_printf(a, ", did you mean \"%s\"?", near) : "";
	return FAULT(v, "'%s' must be %s, got %s%s", v->f->key, all, show(v), hint);
}

static int read_enum(const struct value *v, int *at)
{
	if (v->n->kind != NODE_SCALAR)
		return wrong_type(v, "string", "");
	for (int i = 0; v->f->choices[i]; i++) {
		if (is_choice(v->f->choices[i], v->n->text)) {
			*at = i;
			return 0;
		}
	}
	return wrong_choice(v);
}

/* The text of a scalar where a string is wanted. */
static slice raw_text(const struct node *n)
{
	return n->expanded || n->raw.len > 0 ? n->raw : n->text;
}

/* What ${..} gave is taken as text: print-config shows it as what runs, 0123 and not 83. */
static void settle_as_text(struct node *n)
{
	if (!n->expanded)
		return;
	n->kind = NODE_SCALAR;
	n->text = n->raw;
	n->quoted = true;
	n->n = 0;
}

static int read_text(const struct value *v, slice *at)
{
	const char *kind = v->n->kind == NODE_SCALAR ? conf_kind_of(v->n) : "";
	bool numeral = (v->f->flags & CONF_NUMERALS) && strcmp(kind, "int") == 0;
	if (!v->n->expanded && !numeral && strcmp(kind, "string") != 0)
		return wrong_type(v, "string", v->n->kind == NODE_SCALAR ? "put it in quotes" : "");
	slice text = v->n->expanded ? v->n->raw : v->n->text;
	if (memchr(text.len ? text.p : "-", 0, text.len ? text.len : 1))
		return FAULT(v, "'%s' holds a NUL character", v->f->key);
	*at = arena_dup(v->r->arena, text);
	settle_as_text(v->n);
	return 0;
}

/* "a, b" is two strings, "" is none. */
static void split_strs(struct arena *a, slice text, struct conf_strs *at)
{
	size_t n = text.len > 0;
	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == ',';
	*at = (struct conf_strs){ arena_zalloc(a, (n + 1) * sizeof(slice)), n };
	for (size_t i = 0; i < n; i++) {
		const char *comma = memchr(text.p, ',', text.len);
		size_t len = comma ? (size_t)(comma - text.p) : text.len;
		at->v[i] = arena_dup(a, slice_trim((slice){ text.p, len }));
		text = comma ? (slice){ comma + 1, text.len - len - 1 } : (slice){ 0 };
	}
}

static int read_strs(const struct value *v, struct conf_strs *at)
{
	struct arena *a = v->r->arena;
	slice text;
	if (v->n->kind != NODE_LIST) {
		if (v->n->kind == NODE_MAP)
			return wrong_type(v, "[]string", "write a list, or one string with commas");
		if (read_text(v, &text))
			return -1;
		split_strs(a, text, at);
		return 0;
	}
	struct conf_strs s = { arena_zalloc(a, (v->n->n + 1) * sizeof(slice)), v->n->n };
	int failed = 0;
	for (size_t i = 0; i < s.n; i++) {
		struct value item = { v->r, v->f, v->n->items[i], v->path };
		failed |= read_text(&item, &s.v[i]);
	}
	if (!failed)
		*at = s;
	return failed;
}

/* The value of a pair: any scalar as it is written. */
static int read_pair(const struct value *v, slice key, struct node *value, struct conf_pair *at)
{
	struct conf_field row = *v->f;
	row.key = arena_cstr(v->r->arena, key);
	struct value item = { v->r, &row, value, v->path };
	if (value->kind == NODE_LIST || value->kind == NODE_MAP)
		return wrong_type(&item, "string", "");
	slice text = value->kind == NODE_NULL ? SLICE("") : raw_text(value);
	*at = (struct conf_pair){ arena_dup(v->r->arena, key), arena_dup(v->r->arena, text) };
	settle_as_text(value);
	return 0;
}

/* The Collector's other way to write headers: - {name: .., value: ..} */
static int read_pair_list(const struct value *v, struct conf_map *m)
{
	int failed = 0;
	for (size_t i = 0; i < m->n; i++) {
		struct node *item = v->n->items[i], *name = node_get(item, "name"), *value = node_get(item, "value");
		if (!name || name->kind != NODE_SCALAR || !value || item->n != 2) {
			struct value bad = { v->r, v->f, item, v->path };
			failed = FAULT(&bad,
			        "'%s': an element of a list is {name: .., value: ..}; or write name: value without the "
			        "dash",
			        v->f->key);
			continue;
		}
		failed |= read_pair(v, raw_text(name), value, &m->v[i]);
	}
	return failed;
}

static int read_map(const struct value *v, struct conf_map *at)
{
	if (v->n->kind != NODE_MAP && v->n->kind != NODE_LIST)
		return wrong_type(v, "map", "write name: value, one a line");
	struct conf_map m = { arena_zalloc(v->r->arena, (v->n->n + 1) * sizeof(struct conf_pair)), v->n->n };
	int failed = 0;
	if (v->n->kind == NODE_LIST)
		failed = read_pair_list(v, &m);
	for (size_t i = 0; v->n->kind == NODE_MAP && i < m.n; i++)
		failed |= read_pair(v, v->n->entries[i].key, v->n->entries[i].value, &m.v[i]);
	if (!failed)
		*at = m;
	return failed;
}

static void mark_secret(struct node *n)
{
	n->secret = n->kind == NODE_SCALAR || n->expanded;
	for (size_t i = 0; i < n->n; i++)
		mark_secret(n->kind == NODE_MAP ? n->entries[i].value : n->items[i]);
}

static int read_typed(const struct value *v, void *at)
{
	switch (v->f->type) {
	case T_BOOL:
		return read_bool(v, at);
	case T_U32:
	case T_U64:
	case T_I64:
		return read_int(v, at);
	case T_F64:
		return read_f64(v, at);
	case T_STR:
		return read_text(v, at);
	case T_DURATION:
		return read_duration(v, at);
	case T_BYTES:
		return read_bytes(v, at);
	case T_ENUM:
		return read_enum(v, at);
	case T_STRS:
		return read_strs(v, at);
	case T_MAP:
		return read_map(v, at);
	case T_NODE:
		*(struct node **)at = v->n;
		return 0;
	case T_GROUP:
	case T_OPTION:
	case T_LIST:
	case T_INLINE:
	case T_REFUSED:
	case T_IGNORED:
		break;
	}
	return 0;
}

int conf_read(struct conf_report *r, const struct conf_field *f, struct node *n, const char *path, void *at)
{
	if (f->flags & CONF_SECRET)
		mark_secret(n);
	if (n->kind == NODE_NULL && !(n->expanded && f->type == T_STR))
		return 0;
	struct value v = { r, f, n, path };
	return read_typed(&v, at);
}
