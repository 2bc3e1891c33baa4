/* conf_doc_json.c - an option table for programs: a JSON listing, and a JSON Schema for editors.
 *
 * The schema accepts what conf_load accepts as far as a schema can say it: null keeps a default, and any value may
 * be an expansion, ${env:NAME}, whose text is known only when weir starts. Ranges of durations and sizes are in
 * their descriptions.
 */
#include "lib/base/parse.h"
#include "lib/conf/conf_doc.h"
#include "lib/conf/conf_rows.h"

/* A list of members under way. */
struct json {
	struct strbuf *out;
	bool first;
	bool any_required;
};

static void add_string(struct strbuf *out, slice s)
{
	strbuf_addc(out, '"');
	strbuf_add_json(out, s);
	strbuf_addc(out, '"');
}

static void add_member(struct strbuf *out, const char *name, slice value)
{
	strbuf_addf(out, ",\"%s\":", name);
	add_string(out, value);
}

static void add_choices(struct strbuf *out, const struct conf_field *f)
{
	strbuf_addc(out, '[');
	for (size_t i = 0; f->choices[i]; i++) {
		strbuf_adds(out, i ? "," : "");
		add_string(out, conf_choice_name(f->choices[i]));
	}
	strbuf_addc(out, ']');
}

/* The elements of a comma-joined default. */
static void add_split(struct strbuf *out, slice s)
{
	strbuf_addc(out, '[');
	for (bool first = true; s.len; first = false) {
		const char *comma = memchr(s.p, ',', s.len);
		size_t n = comma ? (size_t)(comma - s.p) : s.len;
		strbuf_adds(out, first ? "" : ",");
		add_string(out, (slice){ s.p, n });
		s = comma ? (slice){ comma + 1, s.len - n - 1 } : (slice){ 0 };
	}
	strbuf_addc(out, ']');
}

static bool is_number(enum conf_type t)
{
	return t == T_U32 || t == T_U64 || t == T_I64 || t == T_F64;
}

/* ,"default":.. in the type of the option; nothing when there is none. */
static void add_default(struct strbuf *out, const struct conf_field *f, const struct conf_scope *scope)
{
	slice def = conf_default(f, scope);
	if (!def.p || conf_is_nested(f->type) || conf_is_bare(f->type) || f->type == T_LIST || f->type == T_NODE)
		return;
	if (f->type == T_MAP)
		strbuf_adds(out, ",\"default\":{}");
	else if (f->type == T_BOOL || is_number(f->type))
		strbuf_addf(out, ",\"default\":%.*s", SLICE_ARG(def));
	else if (f->type != T_STRS)
		add_member(out, "default", def);
	else {
		strbuf_adds(out, ",\"default\":");
		add_split(out, def);
	}
}

/* The bounds in the option's unit. */
static void add_bounds(struct strbuf *out, const struct conf_field *f, const char *low, const char *high)
{
	if (!conf_has_range(f))
		return;
	if (is_number(f->type)) {
		if (f->min > -1e9)
			strbuf_addf(out, ",\"%s\":%.17g", low, f->min);
		if (!conf_range_open(f))
			strbuf_addf(out, ",\"%s\":%.17g", high, f->max);
		return;
	}
	char text[32];
	conf_bound(f, f->min, text);
	if (f->min > -1e9)
		add_member(out, low, slice_of(text));
	conf_bound(f, f->max, text);
	if (!conf_range_open(f))
		add_member(out, high, slice_of(text));
}

static void separate(struct json *j)
{
	if (!j->first)
		strbuf_addc(j->out, ',');
	j->first = false;
}

static void json_row(void *ctx, const struct conf_field *f, const struct conf_scope *scope)
{
	struct json *j = ctx, below = { j->out, true, false };
	struct conf_scope inner = { scope, f };
	separate(j);
	strbuf_adds(j->out, "{\"key\":");
	add_string(j->out, slice_of(f->key));
	add_member(j->out, "type", slice_of(conf_type_name(f)));
	if (conf_is_required(f, scope))
		strbuf_adds(j->out, ",\"required\":true");
	add_default(j->out, f, scope);
	add_bounds(j->out, f, "min", "max");
	if (f->type == T_ENUM) {
		strbuf_adds(j->out, ",\"choices\":");
		add_choices(j->out, f);
	}
	add_member(j->out, "help", slice_of(f->help));
	if (f->aliases)
		add_member(j->out, "aliases", slice_of(f->aliases));
	if (conf_is_nested(f->type) || f->type == T_LIST) {
		strbuf_adds(j->out, ",\"options\":[");
		bool list = f->type == T_LIST;
		conf_walk(f->rows, list ? NULL : f, list ? NULL : &inner, json_row, &below);
		strbuf_addc(j->out, ']');
	}
	strbuf_addc(j->out, '}');
}

void conf_doc_json(const struct conf_field *rows, struct strbuf *out)
{
	struct json j = { out, true, false };
	strbuf_addc(out, '[');
	conf_walk(rows, NULL, NULL, json_row, &j);
	strbuf_addc(out, ']');
}

/* What stands for a value that is expanded at start. */
#define EXPANSION "\\\\$\\\\{"

static void add_enum_schema(struct strbuf *out, const struct conf_field *f)
{
	strbuf_adds(out, "\"anyOf\":[{\"enum\":");
	add_choices(out, f);
	strbuf_adds(out, "},{\"type\":\"string\",\"pattern\":\"" EXPANSION);
	for (size_t i = 0; f->choices[i]; i++) {
		for (const char *c = f->choices[i] + strcspn(f->choices[i], "|"); *c;) {
			size_t n = strcspn(++c, "|");
			strbuf_addf(out, "|^%.*s$", (int)n, c);
			c += n;
		}
	}
	strbuf_adds(out, "\"},{\"type\":\"null\"}");
	for (size_t i = 0; f->choices[i]; i++) {
		if (strcmp(f->choices[i], "true") == 0) /* spelt as a YAML boolean */
			strbuf_adds(out, ",{\"type\":\"boolean\"}");
	}
	strbuf_addc(out, ']');
}

static void schema_level(const struct conf_field *rows, const struct conf_field *group, const struct conf_scope *scope,
        struct strbuf *out);

static void add_type_schema(struct strbuf *out, const struct conf_field *f, const struct conf_scope *scope)
{
	static const char *const types[] = {
		[T_BOOL] = "\"type\":[\"boolean\",\"string\",\"null\"],\"pattern\":\"" EXPANSION "\"",
		[T_U32] = "\"type\":[\"number\",\"string\",\"null\"],\"multipleOf\":1,\"pattern\":\"" EXPANSION "\"",
		[T_U64] = "\"type\":[\"number\",\"string\",\"null\"],\"multipleOf\":1,\"pattern\":\"" EXPANSION "\"",
		[T_I64] = "\"type\":[\"number\",\"string\",\"null\"],\"multipleOf\":1,\"pattern\":\"" EXPANSION "\"",
		[T_F64] = "\"type\":[\"number\",\"string\",\"null\"],\"pattern\":\"" EXPANSION "\"",
		[T_STR] = "\"type\":[\"string\",\"null\"]",
		[T_DURATION] =
		        "\"type\":[\"string\",\"integer\",\"null\"],\"pattern\":"
		        "\"^[+-]?(0|([0-9]+\\\\.?[0-9]*|\\\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$|" EXPANSION
		        "\"",
		[T_BYTES] = "\"type\":[\"string\",\"integer\",\"null\"],\"pattern\":"
		            "\"^[0-9]+ *([KkMmGgTt][Ii]?)?[Bb]$|" EXPANSION "\"",
		[T_MAP] = "\"type\":[\"object\",\"array\",\"string\",\"null\"],\"pattern\":\"" EXPANSION
		          "\",\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}",
		[T_NODE] = "\"deprecated\":false",
		[T_IGNORED] = "\"deprecated\":true",
	};
	struct conf_scope inner = { scope, f };
	switch (f->type) {
	case T_ENUM:
		add_enum_schema(out, f);
		break;
	case T_GROUP:
	case T_OPTION:
		schema_level(f->rows, f, &inner, out);
		break;
	case T_LIST:
		strbuf_adds(out, "\"type\":[\"array\",\"string\",\"null\"],\"pattern\":\"" EXPANSION "\",\"items\":{");
		schema_level(f->rows, NULL, NULL, out);
		strbuf_addc(out, '}');
		break;
	case T_BOOL:
	case T_U32:
	case T_U64:
	case T_I64:
	case T_F64:
	case T_DURATION:
	case T_BYTES:
	case T_MAP:
	case T_NODE:
	case T_INLINE:
	case T_REFUSED:
	case T_IGNORED:
		strbuf_adds(out, types[f->type]);
		break;
	case T_STR:
		strbuf_adds(
		        out, f->flags & CONF_NUMERALS ? "\"type\":[\"string\",\"integer\",\"null\"]" : types[f->type]);
		break;
	case T_STRS:
		strbuf_adds(out, "\"type\":[\"array\",\"string\",");
		strbuf_adds(out,
		        f->flags & CONF_NUMERALS ? "\"integer\",\"null\"],\"items\":{\"type\":[\"string\",\"integer\"]}"
		                                 : "\"null\"],\"items\":{\"type\":\"string\"}");
		break;
	}
}

static void add_property(
        struct json *j, slice name, const struct conf_field *f, const struct conf_scope *scope, bool alias)
{
	separate(j);
	add_string(j->out, name);
	strbuf_adds(j->out, ":{\"description\":");
	add_string(j->out, slice_of(f->help));
	strbuf_addc(j->out, ',');
	add_type_schema(j->out, f, scope);
	add_default(j->out, f, scope);
	if (is_number(f->type))
		add_bounds(j->out, f, "minimum", "maximum");
	strbuf_adds(j->out, alias ? ",\"deprecated\":true}" : "}");
}

static void schema_row(void *ctx, const struct conf_field *f, const struct conf_scope *scope)
{
	struct json *j = ctx;
	if (f->type == T_REFUSED)
		return;
	add_property(j, slice_of(f->key), f, scope, false);
	for (const char *w = f->aliases; w && *w;) {
		size_t n = strcspn(w, " ");
		add_property(j, (slice){ w, n }, f, scope, true);
		w += n + (w[n] == ' ');
	}
}

static void required_row(void *ctx, const struct conf_field *f, const struct conf_scope *scope)
{
	struct json *j = ctx;
	if (!conf_is_required(f, scope) || f->aliases)
		return;
	if (!j->any_required)
		strbuf_adds(j->out, ",\"required\":[");
	j->any_required = true;
	separate(j);
	add_string(j->out, slice_of(f->key));
}

/* The members of a schema object, without its braces. */
static void schema_level(const struct conf_field *rows, const struct conf_field *group, const struct conf_scope *scope,
        struct strbuf *out)
{
	struct json j = { out, true, false };
	strbuf_adds(out, "\"type\":[\"object\",\"string\",\"null\"],\"pattern\":\"" EXPANSION "\",\"properties\":{");
	conf_walk(rows, group, scope, schema_row, &j);
	strbuf_adds(out, "},\"additionalProperties\":false");
	if (group && group->type == T_OPTION)
		return; /* what is required of a section that is off? */
	j.first = true;
	conf_walk(rows, group, scope, required_row, &j);
	strbuf_adds(out, j.any_required ? "]" : "");
}

void conf_doc_schema(const struct conf_field *rows, struct strbuf *out)
{
	strbuf_addc(out, '{');
	schema_level(rows, NULL, NULL, out);
	strbuf_addc(out, '}');
}
