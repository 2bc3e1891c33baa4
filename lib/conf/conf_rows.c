/* conf_rows.c - finding rows by name, and the default and the range of a row.
 *
 * No state: tables are constant, scopes live on the caller's stack. See conf_rows.h.
 */
#include "lib/conf/conf_rows.h"

#include "lib/base/parse.h"

const struct conf_field conf_enabled_row = {
	.key = "enabled",
	.type = T_BOOL,
	.def = "false",
	.help = "Whether the section is in use; a section that is given is, unless this says false.",
};

bool conf_needs_enabled(const struct conf_field *option)
{
	return option->type == T_OPTION && !conf_row_find(option->rows, SLICE("enabled"));
}

/* The value of `path` in "key=value;key=value"; p NULL when it is not there. */
static slice override_of(const char *list, slice path)
{
	slice found = { 0 };
	while (list && *list) {
		size_t len = strcspn(list, ";");
		size_t key = strcspn(list, "=;");
		if (slice_eq((slice){ list, key }, path) && key < len)
			found = (slice){ list + key + 1, len - key - 1 };
		list += len + (list[len] == ';');
	}
	return found;
}

slice conf_default(const struct conf_field *f, const struct conf_scope *scope)
{
	char path[256];
	int len = snprintf(path, sizeof(path), "%s", f->key);
	slice def = slice_of(f->def);
	for (; scope && len > 0 && (size_t)len < sizeof(path); scope = scope->outer) {
		slice over = override_of(scope->row->def, (slice){ path, (size_t)len });
		if (over.p)
			def = over;
		if (scope->row->type == T_INLINE)
			continue;
		char longer[sizeof(path)];
		len = snprintf(longer, sizeof(longer), "%s.%s", scope->row->key, path);
		memcpy(path, longer, sizeof(path));
	}
	return def;
}

bool conf_is_required(const struct conf_field *f, const struct conf_scope *scope)
{
	if (f->flags & CONF_OPTIONAL || conf_is_nested(f->type) || conf_is_bare(f->type) || f->type == T_LIST)
		return false;
	return !conf_default(f, scope).p;
}

bool conf_row_named(const struct conf_field *f, slice key, bool *by_alias)
{
	if (by_alias)
		*by_alias = false;
	if (slice_is(key, f->key))
		return true;
	for (const char *w = f->aliases; w && *w;) {
		size_t n = strcspn(w, " ");
		if (slice_eq((slice){ w, n }, key)) {
			if (by_alias)
				*by_alias = true;
			return true;
		}
		w += n + (w[n] == ' ');
	}
	return false;
}

const struct conf_field *conf_row_find(const struct conf_field *rows, slice key)
{
	for (const struct conf_field *f = rows; f && f->key; f++) {
		if (f->type != T_INLINE && conf_row_named(f, key, NULL))
			return f;
		const struct conf_field *inner = f->type == T_INLINE ? conf_row_find(f->rows, key) : NULL;
		if (inner)
			return inner;
	}
	return NULL;
}

slice conf_choice_name(const char *choice)
{
	return (slice){ choice, strcspn(choice, "|") };
}

bool conf_has_range(const struct conf_field *f)
{
	return f->min < f->max;
}

bool conf_range_open(const struct conf_field *f)
{
	/* above these a bound says "no bound": 30 years, 1 PB, 32 bits */
	return f->max >= (f->type == T_DURATION ? 1e9 : f->type == T_BYTES ? 1e15 : (double)UINT32_MAX);
}

void conf_bound(const struct conf_field *f, double bound, char out[32])
{
	if (f->type == T_DURATION) {
		format_duration((duration){ (int64_t)(bound * 1e9) }, out);
		return;
	}
	static const struct {
		const char *name;
		double n;
	} units[] = { { "GiB", 1073741824.0 }, { "MiB", 1048576.0 }, { "KiB", 1024.0 } };
	for (size_t i = 0; f->type == T_BYTES && i < COUNTOF(units); i++) {
		double n = bound / units[i].n;
		if (n >= 1 && n < 1e6 && n == (double)(long)n) {
			snprintf(out, 32, "%.0f%s", n, units[i].name);
			return;
		}
	}
	snprintf(out, 32, "%.15g", bound);
}

const char *conf_type_name(const struct conf_field *f)
{
	static const char *const names[] = {
		[T_BOOL] = "bool",
		[T_U32] = "integer",
		[T_U64] = "integer",
		[T_I64] = "integer",
		[T_F64] = "number",
		[T_STR] = "string",
		[T_DURATION] = "duration",
		[T_BYTES] = "size",
		[T_ENUM] = "choice",
		[T_STRS] = "list of strings",
		[T_MAP] = "map of strings",
		[T_NODE] = "any",
		[T_GROUP] = "section",
		[T_OPTION] = "section",
		[T_LIST] = "list of sections",
		[T_INLINE] = "section",
		[T_REFUSED] = "refused",
		[T_IGNORED] = "ignored",
	};
	return names[f->type];
}

void conf_walk(const struct conf_field *rows, const struct conf_field *group, const struct conf_scope *scope,
        void (*visit)(void *ctx, const struct conf_field *f, const struct conf_scope *scope), void *ctx)
{
	if (group && conf_needs_enabled(group))
		visit(ctx, &conf_enabled_row, scope);
	for (const struct conf_field *f = rows; f && f->key; f++) {
		struct conf_scope inner = { scope, f };
		if (f->type == T_INLINE)
			conf_walk(f->rows, NULL, &inner, visit, ctx);
		else
			visit(ctx, f, scope);
	}
}
