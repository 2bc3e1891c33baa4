/* conf_doc.c - an option table for people: lines for a terminal, tables for docs/components.
 *
 * Paths are written with "::" as --set and the Collector write them; N stands for the number of a list element.
 * What is printed as default is what conf_load would store, overrides of groups included.
 */
#include "lib/conf/conf_doc.h"

#include "lib/conf/conf_rows.h"

/* "0s to 5m", "at least 1", the choices, or nothing. */
static void add_limits(struct strbuf *out, const struct conf_field *f, const char *before, const char *after)
{
	char low[32], high[32];
	if (f->type == T_ENUM) {
		strbuf_addf(out, "%sone of ", before);
		for (size_t i = 0; f->choices[i]; i++) {
			slice name = conf_choice_name(f->choices[i]);
			strbuf_addf(out, "%s%.*s", i ? ", " : "", SLICE_ARG(name));
		}
		strbuf_adds(out, after);
	}
	if (!conf_has_range(f) || (conf_range_open(f) && f->min <= 0))
		return;
	conf_bound(f, f->min, low);
	conf_bound(f, f->max, high);
	if (conf_range_open(f))
		strbuf_addf(out, "%sat least %s%s", before, low, after);
	else
		strbuf_addf(out, "%s%s to %s%s", before, low, high, after);
}

static slice default_text(const struct conf_field *f, const struct conf_scope *scope)
{
	slice def = conf_default(f, scope);
	if (conf_is_required(f, scope))
		return SLICE("required");
	return def.len ? def : SLICE("-");
}

enum pass { MEASURE, LINES, BARE };

/* One listing; each pass walks all rows. */
struct doc {
	struct strbuf *out;
	enum pass pass;
	enum conf_type bare; /* of pass BARE: T_REFUSED or T_IGNORED */
	const char *title; /* of pass BARE, printed before the first */
	const char *path; /* of the level that is walked */
	size_t path_width, default_width;
};

static const char refused_title[] = "Options of the Collector that weir does not have";
static const char ignored_title[] = "Options of the Collector that are accepted without effect";

static void join(char out[256], const char *path, const char *key)
{
	snprintf(out, 256, "%s%s%s", path, *path ? "::" : "", key);
}

/* Calls `visit` for the rows below `f`, which stands at `path`; nothing when f is no section. */
static void walk_below(struct doc *d, const struct conf_field *f, const struct conf_scope *scope, const char *path,
        void (*visit)(void *ctx, const struct conf_field *f, const struct conf_scope *scope))
{
	struct conf_scope inner = { scope, f };
	const char *outer = d->path;
	char element[256];
	join(element, path, "N");
	if (conf_is_nested(f->type)) {
		d->path = path;
		conf_walk(f->rows, f, &inner, visit, d);
	} else if (f->type == T_LIST) {
		d->path = element;
		conf_walk(f->rows, NULL, NULL, visit, d);
	}
	d->path = outer;
}

static void text_line(struct doc *d, const struct conf_field *f, const struct conf_scope *scope, const char *path)
{
	slice def = default_text(f, scope);
	size_t len = strlen(path);
	if (d->pass == MEASURE) {
		d->path_width = len > d->path_width ? len : d->path_width;
		d->default_width = def.len > d->default_width && def.len <= 20 ? def.len : d->default_width;
	} else if (d->pass == LINES) {
		strbuf_addf(d->out, "  %-*s  %-16s  %.*s%*s  %s", (int)d->path_width, path, conf_type_name(f),
		        SLICE_ARG(def), def.len < d->default_width ? (int)(d->default_width - def.len) : 0, "",
		        f->help);
		add_limits(d->out, f, " (", ")");
		strbuf_addc(d->out, '\n');
	}
}

static void text_row(void *ctx, const struct conf_field *f, const struct conf_scope *scope)
{
	struct doc *d = ctx;
	char path[256];
	join(path, d->path, f->key);
	if (!conf_is_bare(f->type)) {
		text_line(d, f, scope, path);
	} else if (d->pass == BARE && f->type == d->bare) {
		if (d->title)
			strbuf_addf(d->out, "\n%s:\n", d->title);
		d->title = NULL;
		strbuf_addf(d->out, "  %-*s  %s\n", (int)d->path_width, path, f->help);
	}
	walk_below(d, f, scope, path, text_row);
}

void conf_doc_text(const struct conf_field *rows, struct strbuf *out)
{
	struct doc d = { .out = out, .path = "" };
	for (d.pass = MEASURE; d.pass < BARE; d.pass++)
		conf_walk(rows, NULL, NULL, text_row, &d);
	d.bare = T_REFUSED;
	d.title = refused_title;
	conf_walk(rows, NULL, NULL, text_row, &d);
	d.bare = T_IGNORED;
	d.title = ignored_title;
	conf_walk(rows, NULL, NULL, text_row, &d);
}

/* Text of a table cell. */
static void add_cell(struct strbuf *out, slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '|')
			strbuf_addc(out, '\\');
		strbuf_addc(out, s.p[i]);
	}
}

static void markdown_line(void *ctx, const struct conf_field *f, const struct conf_scope *scope)
{
	struct doc *d = ctx;
	slice def = conf_default(f, scope);
	if (conf_is_bare(f->type))
		return;
	if (d->title)
		strbuf_adds(d->out, "| option | type | default | |\n|---|---|---|---|\n");
	d->title = NULL;
	strbuf_addf(d->out, "| `%s` | %s | ", f->key, conf_type_name(f));
	if (conf_is_required(f, scope))
		strbuf_adds(d->out, "**required**");
	else if (def.len) {
		strbuf_addc(d->out, '`');
		add_cell(d->out, def);
		strbuf_addc(d->out, '`');
	}
	strbuf_adds(d->out, " | ");
	add_cell(d->out, slice_of(f->help));
	add_limits(d->out, f, " (", ")");
	if (f->aliases)
		strbuf_addf(d->out, " Older spelling: %s.", f->aliases);
	strbuf_adds(d->out, " |\n");
}

static void markdown_section(void *ctx, const struct conf_field *f, const struct conf_scope *scope)
{
	struct doc *d = ctx;
	char path[256];
	join(path, d->path, f->key);
	if (conf_is_nested(f->type) || f->type == T_LIST) {
		strbuf_addf(d->out, "\n### %s\n\n", path);
		add_cell(d->out, slice_of(f->help));
		if (f->type == T_OPTION)
			strbuf_adds(d->out, " Off unless the section is present.");
		strbuf_adds(d->out, "\n\n");
		d->title = "";
		walk_below(d, f, scope, path, markdown_line);
	}
	walk_below(d, f, scope, path, markdown_section);
}

static void markdown_bare(void *ctx, const struct conf_field *f, const struct conf_scope *scope)
{
	struct doc *d = ctx;
	char path[256];
	join(path, d->path, f->key);
	if (f->type == d->bare) {
		if (d->title)
			strbuf_addf(d->out, "\n### %s\n\n| option | |\n|---|---|\n", d->title);
		d->title = NULL;
		strbuf_addf(d->out, "| `%s` | ", path);
		add_cell(d->out, slice_of(f->help));
		strbuf_adds(d->out, " |\n");
	}
	walk_below(d, f, scope, path, markdown_bare);
}

void conf_doc_markdown(const struct conf_field *rows, struct strbuf *out)
{
	struct doc d = { .out = out, .path = "", .title = "" };
	conf_walk(rows, NULL, NULL, markdown_line, &d);
	conf_walk(rows, NULL, NULL, markdown_section, &d);
	d.bare = T_REFUSED;
	d.title = refused_title;
	conf_walk(rows, NULL, NULL, markdown_bare, &d);
	d.bare = T_IGNORED;
	d.title = ignored_title;
	conf_walk(rows, NULL, NULL, markdown_bare, &d);
}
