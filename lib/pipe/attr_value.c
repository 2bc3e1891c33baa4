/* attr_value.c - see attr_value.h. The config reader has brought booleans and integers to their one spelling
 * (config/scalar.h), so the strict readers suffice; what YAML calls a float and they do not is .inf and .nan. */
#include "lib/pipe/attr_value.h"

#include <math.h>

#include "lib/base/parse.h"

static bool is_special_float(slice s, double *out)
{
	bool minus = s.len && s.p[0] == '-';
	slice rest = s;
	if (minus || (s.len && s.p[0] == '+'))
		rest = (slice){ s.p + 1, s.len - 1 };
	bool is_inf = slice_is(rest, ".inf") || slice_is(rest, ".Inf") || slice_is(rest, ".INF");
	bool is_nan = slice_is(s, ".nan") || slice_is(s, ".NaN") || slice_is(s, ".NAN");
	*out = is_nan ? (double)NAN : minus ? -(double)INFINITY : (double)INFINITY;
	return is_inf || is_nan;
}

struct value node_scalar_value(const struct node *n)
{
	struct value v = { .type = V_STRING };
	if (!n->quoted && parse_bool(n->text, &v.b) == 0)
		v.type = V_BOOL;
	else if (!n->quoted && parse_i64(n->text, &v.i) == 0)
		v.type = V_INT;
	else if (!n->quoted && (parse_f64(n->text, &v.d) == 0 || is_special_float(n->text, &v.d)))
		v.type = V_DOUBLE;
	else
		v.s = n->text;
	return v;
}

/* Depth is that of the YAML text, which the reader bounds. */
struct value node_value(struct traces *t, const struct node *n)
{
	if (n->kind == NODE_NULL)
		return (struct value){ .type = V_EMPTY };
	if (n->kind == NODE_SCALAR)
		return node_scalar_value(n);
	struct value *items = arena_alloc(&t->arena, (n->n + 1) * sizeof(*items));
	slice *keys = arena_alloc(&t->arena, (n->n + 1) * sizeof(*keys));
	for (size_t i = 0; i < n->n; i++) {
		keys[i] = n->kind == NODE_MAP ? n->entries[i].key : SLICE("");
		items[i] = node_value(t, n->kind == NODE_MAP ? n->entries[i].value : n->items[i]);
	}
	return n->kind == NODE_MAP ? value_kvlist(t, keys, items, n->n) : value_array(t, items, n->n);
}
