/* conf_equal.c - are two loaded structs the same config? Decides what a reload leaves alone.
 *
 * By rows and not by memory: padding, positions and arenas do not count. Sections that are off on both sides
 * are equal whatever else they hold.
 */
#include "lib/conf/conf_rows.h"

static bool strs_equal(const struct conf_strs *a, const struct conf_strs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!slice_eq(a->v[i], b->v[i]))
			return false;
	}
	return true;
}

static bool maps_equal(const struct conf_map *a, const struct conf_map *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!slice_eq(a->v[i].key, b->v[i].key) || !slice_eq(a->v[i].value, b->v[i].value))
			return false;
	}
	return true;
}

static bool lists_equal(const struct conf_field *f, const struct conf_list *a, const struct conf_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!conf_equal(f->rows, (const char *)a->v + i * f->size, (const char *)b->v + i * f->size))
			return false;
	}
	return true;
}

static bool options_equal(const struct conf_field *f, const void *a, const void *b)
{
	bool on = *(const bool *)a;
	return on == *(const bool *)b && (!on || conf_equal(f->rows, a, b));
}

static bool member_equal(const struct conf_field *f, const void *a, const void *b)
{
	switch (f->type) {
	case T_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case T_U32:
		return *(const uint32_t *)a == *(const uint32_t *)b;
	case T_U64:
	case T_I64:
	case T_BYTES:
	case T_DURATION:
		return memcmp(a, b, 8) == 0;
	case T_F64:
		return memcmp(a, b, sizeof(double)) == 0;
	case T_ENUM:
		return *(const int *)a == *(const int *)b;
	case T_STR:
		if ((f->flags & CONF_FILE) && ((const slice *)a)->len > 0)
			return false;
		return slice_eq(*(const slice *)a, *(const slice *)b);
	case T_STRS:
		return strs_equal(a, b);
	case T_MAP:
		return maps_equal(a, b);
	case T_NODE:
		return node_equal(*(struct node *const *)a, *(struct node *const *)b);
	case T_GROUP:
	case T_INLINE:
		return conf_equal(f->rows, a, b);
	case T_OPTION:
		return options_equal(f, a, b);
	case T_LIST:
		return lists_equal(f, a, b);
	case T_REFUSED:
	case T_IGNORED:
		break;
	}
	return true;
}

bool conf_equal(const struct conf_field *rows, const void *a, const void *b)
{
	for (const struct conf_field *f = rows; f && f->key; f++) {
		if (!member_equal(f, (const char *)a + f->offset, (const char *)b + f->offset))
			return false;
	}
	return true;
}
