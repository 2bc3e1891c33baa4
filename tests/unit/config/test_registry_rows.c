/* test_registry_rows.c - every row of every component that is built in, and of `service`, is fit to be shown and used.
 *
 * A new component is in this test by being a file. Each row must have a snake_case key that is unique on its level,
 * help that ends with a dot, a member inside its struct, a default that parses and is in range; each override of a
 * group must name a row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/registry.h"
#include "config/service_conf.h"
#include "lib/conf/conf.h"

static bool is_snake(const char *s)
{
	size_t len = strlen(s);
	return len > 0 && s[0] >= 'a' && s[0] <= 'z' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == len &&
	        s[len - 1] != '_' && !strstr(s, "__");
}

static bool ends_with_dot(const char *s)
{
	return s && strlen(s) > 2 && s[strlen(s) - 1] == '.';
}

static size_t member_size(const struct conf_field *f)
{
	switch (f->type) {
	case T_BOOL:
		return sizeof(bool);
	case T_U32:
		return sizeof(uint32_t);
	case T_ENUM:
		return sizeof(int);
	case T_U64:
	case T_I64:
	case T_F64:
	case T_DURATION:
	case T_BYTES:
		return 8;
	case T_STR:
		return sizeof(slice);
	case T_STRS:
		return sizeof(struct conf_strs);
	case T_MAP:
		return sizeof(struct conf_map);
	case T_LIST:
		return sizeof(struct conf_list);
	case T_NODE:
		return sizeof(struct node *);
	case T_GROUP:
	case T_OPTION:
	case T_INLINE:
		return f->size;
	case T_REFUSED:
	case T_IGNORED:
		break;
	}
	return 0;
}

static bool has_rows(const struct conf_field *f)
{
	return f->type == T_GROUP || f->type == T_OPTION || f->type == T_INLINE || f->type == T_LIST;
}

static const char *where;

#define CHECK(f, cond)                                                          \
	do {                                                                    \
		if (!(cond))                                                    \
			fail_msg("%s: row \"%s\": %s", where, (f)->key, #cond); \
	} while (0)

/* The row at "sending_queue.batch.min_size" below `rows`; `option`: "enabled" is one, listed or not. */
static bool path_exists(const struct conf_field *rows, slice path, bool option)
{
	const char *dot = memchr(path.p, '.', path.len);
	slice head = { path.p, dot ? (size_t)(dot - path.p) : path.len };
	if (option && slice_is(path, "enabled"))
		return true;
	for (const struct conf_field *f = rows; f->key; f++) {
		if (f->type == T_INLINE && path_exists(f->rows, path, false))
			return true;
		if (f->type == T_INLINE || !slice_is(head, f->key))
			continue;
		if (!dot)
			return !has_rows(f);
		slice rest = { dot + 1, path.len - head.len - 1 };
		return has_rows(f) && path_exists(f->rows, rest, f->type == T_OPTION);
	}
	return false;
}

static void check_overrides(const struct conf_field *f)
{
	for (const char *p = f->def; p && *p;) {
		size_t len = strcspn(p, ";"), key = strcspn(p, "=;");
		CHECK(f, key < len); /* KEY=VALUE */
		CHECK(f, path_exists(f->rows, ((slice){ p, key }), f->type == T_OPTION));
		p += len + (p[len] == ';');
	}
}

struct names {
	slice v[512];
	size_t n;
};

static void check_name(const struct conf_field *f, struct names *names, slice name)
{
	for (size_t i = 0; i < names->n; i++)
		CHECK(f, !slice_eq(names->v[i], name));
	CHECK(f, names->n < COUNTOF(names->v));
	names->v[names->n++] = name;
}

static void check_names(const struct conf_field *rows, struct names *names)
{
	for (const struct conf_field *f = rows; f->key; f++) {
		if (f->type == T_INLINE) {
			check_names(f->rows, names);
			continue;
		}
		check_name(f, names, slice_of(f->key));
		for (const char *w = f->aliases; w && *w;) {
			size_t n = strcspn(w, " ");
			CHECK(f, n > 0);
			check_name(f, names, (slice){ w, n });
			w += n + (w[n] == ' ');
		}
	}
}

static void check_rows(const struct conf_field *rows, size_t size);

/* All defaults load; only a required option may be missing. */
static void check_defaults(const struct conf_field *rows, size_t size)
{
	struct arena a;
	struct findings f;
	arena_init(&a);
	findings_init(&f);
	void *out = calloc(1, size + 1), *again = calloc(1, size + 1);
	int rc = conf_load(rows, NULL, SLICE("x"), (struct pos){ "f", 1, 1 }, out, NULL, &a, &f);
	for (size_t i = 0; i < f.n; i++) {
		if (!strstr(f.v[i].text, ": missing option "))
			fail_msg("%s: %s", where, f.v[i].text);
	}
	assert_int_equal(rc, f.n_errors ? -1 : 0);
	rc = conf_load(rows, NULL, SLICE("x"), (struct pos){ "f", 1, 1 }, again, NULL, &a, &f);
	assert_true(rc == 0 || f.n_errors);
	assert_true(conf_equal(rows, out, again));
	free(out);
	free(again);
	findings_release(&f);
	arena_release(&a);
}

static void check_choices(const struct conf_field *f)
{
	CHECK(f, f->choices && f->choices[0]);
	for (size_t i = 0; f->choices[i]; i++)
		CHECK(f, f->choices[i][0] != 0 && f->choices[i][0] != '|');
}

static void check_row(const struct conf_field *f, size_t size)
{
	CHECK(f, ends_with_dot(f->help));
	CHECK(f, !strstr(f->help, "  ") && !strchr(f->help, '\n'));
	CHECK(f, f->type == T_INLINE || is_snake(f->key));
	CHECK(f, f->offset + member_size(f) <= size);
	CHECK(f, f->min <= f->max);
	if (f->type == T_ENUM)
		check_choices(f);
	else
		CHECK(f, !f->choices);
	if (f->type == T_REFUSED || f->type == T_IGNORED)
		CHECK(f, !f->def && !f->rows);
	if (!has_rows(f))
		return;
	CHECK(f, f->rows && f->size > 0);
	if (f->type == T_LIST)
		CHECK(f, !f->def);
	else
		check_overrides(f);
	check_rows(f->rows, f->size);
}

static void check_rows(const struct conf_field *rows, size_t size)
{
	struct names names = { 0 };
	check_names(rows, &names);
	for (const struct conf_field *f = rows; f->key; f++)
		check_row(f, size);
	check_defaults(rows, size);
}

static void test_components(void **state)
{
	(void)state;
	size_t n = 0;
	for (const struct component *const *all = registry_all(); *all; all++, n++) {
		const struct component *c = *all;
		where = c->name;
		assert_true(is_snake(c->name));
		assert_true(ends_with_dot(c->summary));
		assert_ptr_equal(registry_find(c->kind, slice_of(c->name), NULL), c);
		if (!c->fields)
			continue;
		assert_true(c->conf_size > 0);
		check_rows(c->fields, c->conf_size);
	}
	assert_true(n > 0);
}

static void test_service(void **state)
{
	(void)state;
	where = "service";
	check_rows(service_fields, 4096); /* the struct behind the rows is private */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_service),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
