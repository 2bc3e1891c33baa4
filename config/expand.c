/* expand.c - replaces ${..} innermost first, until nothing is left to replace.
 *
 * What a source returns may hold ${..} again, so everything is bounded: the number of replacements and the bytes they
 * make in one run, and the depth of values that came out of values. The rules, including those that surprise ($$ is
 * undone in values of variables too), are the Collector's.
 */
#include "config/expand.h"

#include <errno.h>

#include "config/yaml.h"
#include "lib/base/disk.h"

enum { MAX_REPLACED = 10000, MAX_BYTES = 64 << 20 };

struct expander {
	struct arena *arena;
	struct findings *findings; /* NULL: the same text was reported before */
	size_t n_replaced, n_bytes;
	bool exhausted; /* said once */
};

/* What a ${..} stands for. */
enum answer { TEXT, UNSET, NO_REFERENCE, FAULTY };

#define REPORT(x, severity, ...) ((x)->findings ? findings_add((x)->findings, severity, __VA_ARGS__) : (void)0)

struct range {
	size_t start, end;
};

/* The first ${..} at or after `from` that is not escaped by $$; the innermost one where they nest. */
static bool find_reference(slice s, size_t from, struct range *out)
{
	while (from < s.len) {
		const char *close = memchr(s.p + from, '}', s.len - from);
		if (!close)
			return false;
		size_t end = (size_t)(close - s.p) + 1, open = end;
		while (open > from && !(s.p[open - 1] == '$' && s.p[open] == '{'))
			open--;
		size_t dollars = open;
		while (dollars > from && s.p[dollars - 1] == '$')
			dollars--;
		if ((open - dollars) % 2) {
			*out = (struct range){ open - 1, end };
			return true;
		}
		from = end;
	}
	return false;
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_variable_name(slice s)
{
	bool ok = s.len && (is_alpha(s.p[0]) || s.p[0] == '_');
	for (size_t i = 1; ok && i < s.len; i++)
		ok = is_alpha(s.p[i]) || is_digit(s.p[i]) || s.p[i] == '_';
	return ok;
}

static bool is_scheme(slice s)
{
	bool ok = s.len > 1 && is_alpha(s.p[0]);
	for (size_t i = 1; ok && i < s.len; i++)
		ok = is_alpha(s.p[i]) || is_digit(s.p[i]) || memchr("+.-", s.p[i], 3);
	return ok;
}

static slice rest_of(slice s, size_t from)
{
	return (slice){ s.p + from, s.len - from };
}

static enum answer read_env(struct expander *x, slice what, struct pos pos, slice *out)
{
	const char *dash = what.len ? memmem(what.p, what.len, ":-", 2) : NULL;
	slice name = dash ? (slice){ what.p, (size_t)(dash - what.p) } : what;
	if (!is_variable_name(name)) {
		REPORT(x, FINDING_ERROR, pos,
		        "environment variable \"%.*s\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$",
		        SLICE_ARG(name));
		return FAULTY;
	}
	const char *value = getenv(arena_cstr(x->arena, name));
	if (!value && !dash) {
		REPORT(x, FINDING_WARNING, pos, "the environment variable \"%.*s\" is not set: taken as empty",
		        SLICE_ARG(name));
		return UNSET;
	}
	*out = value ? slice_of(value) : rest_of(what, name.len + 2);
	return TEXT;
}

static enum answer read_file(struct expander *x, slice what, struct pos pos, slice *out)
{
	const char *path = arena_cstr(x->arena, what);
	char *p = NULL;
	size_t len = 0;
	int rc = disk_slurp(disk_system(), path, YAML_MAX_BYTES, &p, &len);
	if (rc < 0) {
		REPORT(x, FINDING_ERROR, pos, "cannot read \"%s\": %s", path, strerror(-rc));
		return FAULTY;
	}
	while (len && (p[len - 1] == '\n' || p[len - 1] == '\r'))
		len--;
	*out = arena_dup(x->arena, (slice){ p, len });
	free(p);
	return TEXT;
}

static enum answer read_yaml(struct expander *x UNUSED, slice what, struct pos pos UNUSED, slice *out)
{
	*out = what;
	return TEXT;
}

static enum answer refuse_http(struct expander *x, slice what UNUSED, struct pos pos, slice *out UNUSED)
{
	REPORT(x, FINDING_ERROR, pos, "weir does not fetch configs over the network: use ${file:PATH}");
	return FAULTY;
}

static const struct scheme {
	const char *name;
	enum answer (*read)(struct expander *x, slice what, struct pos pos, slice *out);
} schemes[] = {
	{ "env", read_env },
	{ "file", read_file },
	{ "yaml", read_yaml },
	{ "http", refuse_http },
	{ "https", refuse_http },
};

static enum answer read_scheme(struct expander *x, slice scheme, slice uri, struct pos pos, slice *out)
{
	slice what = rest_of(uri, scheme.len + 1);
	if (memchr(uri.p, '$', uri.len)) {
		REPORT(x, FINDING_ERROR, pos, "the uri \"%.*s\" contains unsupported characters ('$')", SLICE_ARG(uri));
		return FAULTY;
	}
	for (size_t i = 0; i < COUNTOF(schemes); i++) {
		if (slice_is(scheme, schemes[i].name))
			return schemes[i].read(x, what, pos, out);
	}
	REPORT(x, FINDING_ERROR, pos,
	        "scheme \"%.*s\" is not supported for uri \"%.*s\" (valid values: [env file yaml])", SLICE_ARG(scheme),
	        SLICE_ARG(uri));
	return FAULTY;
}

static void report_exhausted(struct expander *x, struct pos pos)
{
	if (!x->exhausted)
		REPORT(x, FINDING_ERROR, pos, "too many recursive expansions");
	x->exhausted = true;
}

/* `uri` is the inside of the braces. NAME and NAME:-default need no scheme. */
static enum answer look_up(struct expander *x, slice uri, struct pos pos, slice *out)
{
	if (++x->n_replaced > MAX_REPLACED || x->n_bytes > MAX_BYTES) {
		report_exhausted(x, pos);
		return FAULTY;
	}
	const char *colon = uri.len ? memchr(uri.p, ':', uri.len) : NULL;
	size_t at = colon ? (size_t)(colon - uri.p) : uri.len;
	if (!colon || (at + 1 < uri.len && uri.p[at + 1] == '-'))
		return read_env(x, uri, pos, out);
	slice scheme = { uri.p, at };
	return is_scheme(scheme) ? read_scheme(x, scheme, uri, pos, out) : NO_REFERENCE;
}

static slice splice(struct expander *x, slice s, struct range r, slice text)
{
	size_t len = s.len - (r.end - r.start) + text.len;
	char *p = arena_alloc(x->arena, len + 1);
	memcpy(p, s.p, r.start);
	if (text.len)
		memcpy(p + r.start, text.p, text.len);
	memcpy(p + r.start + text.len, s.p + r.end, s.len - r.end);
	p[len] = '\0';
	x->n_bytes += len;
	return (slice){ p, len };
}

/* $$ to $ */
static slice undouble(struct expander *x, slice s)
{
	if (!s.len || !memmem(s.p, s.len, "$$", 2))
		return s;
	char *p = arena_cstr(x->arena, s);
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '$' && i + 1 < s.len && s.p[i + 1] == '$')
			i++;
		p[n++] = s.p[i];
	}
	return (slice){ p, n };
}

/* Pastes until one reference is the whole of *s (its answer is returned, its text in *whole) or none is left: NO_REFERENCE. */
static enum answer paste(struct expander *x, slice *s, struct pos pos, slice *whole, bool *pasted)
{
	struct range r;
	for (size_t from = 0; find_reference(*s, from, &r);) {
		slice text = { 0 };
		enum answer got = look_up(x, (slice){ s->p + r.start + 2, r.end - r.start - 3 }, pos, &text);
		if (got == FAULTY)
			return FAULTY;
		if (got == NO_REFERENCE) {
			from = r.end;
			continue;
		}
		if (r.end - r.start == s->len) {
			*whole = text;
			return got;
		}
		*s = splice(x, *s, r, text);
		*pasted = true;
		from = 0;
	}
	return NO_REFERENCE;
}

/* The text with everything in it pasted, for string options; its faults were reported with the value. */
static slice paste_raw(struct expander *x, slice s, struct pos pos)
{
	struct expander quiet = { .arena = x->arena, .n_replaced = x->n_replaced, .n_bytes = x->n_bytes };
	slice whole;
	bool pasted;
	while (paste(&quiet, &s, pos, &whole, &pasted) == TEXT)
		s = whole;
	x->n_replaced = quiet.n_replaced;
	x->n_bytes = quiet.n_bytes;
	return undouble(x, s);
}

static void expand(struct expander *x, struct node *n, unsigned depth);

/* `n` becomes what YAML makes of `text`. */
static void take_value(struct expander *x, struct node *n, slice text, unsigned depth)
{
	struct pos pos = n->pos;
	struct node *value = yaml_parse_value(x->arena, text, pos, NULL);
	if (!value) {
		value = node_scalar(x->arena, arena_dup(x->arena, text), pos);
		value->quoted = true;
	}
	x->n_bytes += text.len;
	*n = *value;
	expand(x, n, depth + 1);
	n->expanded = true;
	n->raw = paste_raw(x, arena_dup(x->arena, text), pos);
}

static void expand_scalar(struct expander *x, struct node *n, unsigned depth)
{
	slice whole = { 0 };
	bool pasted = false;
	enum answer got = paste(x, &n->text, n->pos, &whole, &pasted);
	n->quoted = n->quoted || pasted;
	switch (got) {
	case TEXT:
		take_value(x, n, whole, depth);
		break;
	case UNSET:
	case FAULTY:
		*n = (struct node){ .kind = NODE_NULL, .pos = n->pos };
		break;
	case NO_REFERENCE:
		n->text = undouble(x, n->text);
		break;
	}
}

static void expand(struct expander *x, struct node *n, unsigned depth)
{
	if (depth >= NODE_MAX_DEPTH) {
		report_exhausted(x, n->pos);
		*n = (struct node){ .kind = NODE_NULL, .pos = n->pos };
		return;
	}
	if (n->kind == NODE_SCALAR)
		expand_scalar(x, n, depth);
	else
		for (size_t i = 0; i < n->n; i++)
			expand(x, n->kind == NODE_MAP ? n->entries[i].value : n->items[i], depth + 1);
}

void expand_node(struct arena *a, struct node *root, struct findings *f)
{
	struct expander x = { .arena = a, .findings = f };
	expand(&x, root, 0);
}
