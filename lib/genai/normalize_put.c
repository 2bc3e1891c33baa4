/* normalize_put.c - writing canonical attributes and dropping what they carry; see normalize_internal.h.
 *
 * An attribute that already says it stays untouched, a source that is exactly it is renamed, else it is set. A source is
 * dropped when it says the same and nothing more: attributes that are canonical for some concept, and aliases marked as kept, stay.
 */
#include "lib/genai/normalize_internal.h"

enum { STAYS = 1, STAYS_ALWAYS = 2 };

bool norm_same_value(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case V_EMPTY:
		return true;
	case V_BOOL:
		return a->b == b->b;
	case V_INT:
		return a->i == b->i;
	case V_DOUBLE:
		return memcmp(&a->d, &b->d, sizeof(a->d)) == 0;
	case V_STRING:
	case V_BYTES:
	case V_ARRAY:
	case V_KVLIST:
		break;
	}
	return a->s.len == b->s.len && (a->s.p == b->s.p || slice_eq(a->s, b->s));
}

/* The best one, whatever its gates. */
static struct candidate *first_of(const struct norm *x, enum concept c)
{
	return x->v->head[c] ? &x->v->cand[x->v->head[c] - 1] : NULL;
}

static bool is_own(const struct candidate *c, const struct concept_info *info)
{
	return c->alias->key == info->key && !c->alias->path && !c->attr->deleted;
}

/* Candidates whatever their gates: a canonical attribute has none. */
static struct candidate *own_candidate(struct norm *x, enum concept c)
{
	const struct concept_info *info = concept_info(c);
	for (uint8_t at = x->v->head[c]; at; at = x->v->cand[at - 1].next)
		if (is_own(&x->v->cand[at - 1], info))
			return &x->v->cand[at - 1];
	return NULL;
}

bool norm_is_only(const struct norm *x, const struct candidate *c)
{
	uint8_t at = c->next;
	if (at && x->o->originals == ORIGINALS_DROP_ALL)
		return false;
	while (at && x->v->cand[at - 1].alias->path)
		at = x->v->cand[at - 1].next;
	return !at;
}

struct attr *norm_canonical_of(struct norm *x, enum concept c)
{
	struct candidate *own = own_candidate(x, c);
	return own ? own->attr : NULL;
}

bool norm_may_drop(const struct norm *x, const struct attr *a, const struct alias *alias)
{
	uint8_t stays = x->n->stays[a->key_id];
	if (a->deleted || stays == STAYS_ALWAYS || x->o->originals == ORIGINALS_KEEP || x->v->n_ignored)
		return false;
	return x->o->originals == ORIGINALS_DROP_ALL || (!stays && !(alias && alias->flags & ALIAS_KEEP));
}

void norm_drop(struct norm *x, struct attr *a)
{
	attr_delete(x->t, x->attrs, a);
}

/* Does the candidate say what was written? */
static bool says(struct norm *x, const struct candidate *c, const struct value *v, enum likeness alike)
{
	struct value coerced = { .type = v->type };
	slice *items;
	size_t n;
	if (norm_same_value(&c->attr->value, v))
		return true;
	switch (v->type) {
	case V_STRING:
		if (!coerce_text(&c->attr->value, (enum alias_read)c->alias->read, &x->t->arena, &coerced.s))
			return false;
		if (alike == SAME_BUT_CASE)
			return slice_ieq(slice_trim(coerced.s), v->s);
		break;
	case V_INT:
		if (!candidate_int(x->v, c, &coerced.i))
			return false;
		break;
	case V_DOUBLE:
		if (!candidate_double(x->v, c, &coerced.d))
			return false;
		break;
	case V_BOOL:
		if (!coerce_bool(&c->attr->value, &coerced.b))
			return false;
		break;
	case V_ARRAY:
		if (!coerce_strings(&c->attr->value, (enum alias_read)c->alias->read, &x->t->arena, &items, &n))
			return false;
		coerced = norm_strings_value(x, items, n);
		break;
	case V_EMPTY:
	case V_BYTES:
	case V_KVLIST:
		return false;
	}
	return norm_same_value(&coerced, v);
}

static void drop_carried(struct norm *x, enum concept c, const struct value *v, enum likeness alike)
{
	if (x->o->originals == ORIGINALS_KEEP)
		return;
	if (x->o->originals == ORIGINALS_DROP_ALL) {
		norm_drop_sources(x, c);
		return;
	}
	for (struct candidate *s = view_first(x->v, c); s; s = view_next(x->v, s))
		if (!s->alias->path && norm_may_drop(x, s->attr, s->alias) && says(x, s, v, alike))
			norm_drop(x, s->attr);
}

void norm_drop_unreadable(struct norm *x, enum concept c)
{
	struct attr *own = norm_canonical_of(x, c);
	if (own && own->value.type <= V_DOUBLE && x->o->originals != ORIGINALS_KEEP)
		norm_drop(x, own);
}

/* ["None"] and [""], not [] and [{}]. */
static bool is_silent_list(struct norm *x, const struct value *list)
{
	slice at = list->s, key, text;
	struct value item;
	size_t n = 0;
	for (; value_next(&at, V_ARRAY, &key, &item); n++)
		if (item.type != V_EMPTY &&
		        (item.type != V_STRING || coerce_text(&item, READ_PLAIN, &x->t->arena, &text)))
			return false;
	return n > 0;
}

void norm_drop_silent(struct norm *x, enum concept c)
{
	struct attr *own = x->v->head[c] ? norm_canonical_of(x, c) : NULL;
	slice text;
	if (!own || x->o->originals == ORIGINALS_KEEP || x->v->n_ignored)
		return;
	if (own->value.type == V_STRING ? !coerce_text(&own->value, READ_PLAIN, &x->t->arena, &text)
	                                : own->value.type == V_ARRAY && is_silent_list(x, &own->value))
		norm_drop(x, own);
}

/* What cannot be read as an id, a name or a number is none: it stays where no such thing was written, and where one is written later. */
static bool is_source(struct norm *x, const struct candidate *s)
{
	enum alias_read read = (enum alias_read)s->alias->read;
	struct value value;
	slice text, *items;
	int64_t i;
	double d;
	size_t n;
	bool b;
	if (!candidate_value(x->v, s, &value))
		return false;
	switch (concept_info((enum concept)s->alias->concept)->type) {
	case TYPE_STRING:
		return coerce_text(&value, read, &x->t->arena, &text) && !is_redacted(text);
	case TYPE_INT:
		return candidate_int(x->v, s, &i);
	case TYPE_DOUBLE:
		return candidate_double(x->v, s, &d);
	case TYPE_BOOL:
		return coerce_bool(&value, &b);
	case TYPE_STRINGS:
		return coerce_strings(&value, read, &x->t->arena, &items, &n);
	case TYPE_TEXT:
	case TYPE_ANY:
	case TYPE_MESSAGES:
	case TYPE_PARTS:
	case TYPE_TOOLS:
		break;
	}
	return true;
}

void norm_drop_sources(struct norm *x, enum concept c)
{
	for (struct candidate *s = view_first(x->v, c); s; s = view_next(x->v, s))
		if (norm_may_drop(x, s->attr, s->alias) && is_source(x, s))
			norm_drop(x, s->attr);
}

/* `own` (may be NULL) is the attribute as it came: with no other behind it there is none to be looked for. */
static void put(struct norm *x, const struct concept_info *info, const struct candidate *own, const struct value *v)
{
	if (own && norm_is_only(x, own) && !x->v->n_ignored)
		attr_replace_borrowed(x->t, x->attrs, own->attr, v);
	else if (info->key)
		attr_set_known(x->t, x->attrs, info->key, v);
	else
		attr_set_borrowed(x->t, x->attrs, info->attribute, v);
}

void norm_put_alone(struct norm *x, enum concept c, const struct value *v)
{
	const struct candidate *own = own_candidate(x, c);
	if (!own || !norm_same_value(&own->attr->value, v))
		put(x, concept_info(c), own, v);
}

/* Apart from norm_put, which mostly needs none of this. */
__attribute__((noinline)) static void put_other(
        struct norm *x, enum concept c, const struct value *v, struct candidate *from, enum likeness alike)
{
	const struct concept_info *info = concept_info(c);
	struct candidate *own = own_candidate(x, c);
	if (own) {
		if (!norm_same_value(&own->attr->value, v))
			put(x, info, own, v);
		if (x->v->head[c] - 1 == own - x->v->cand && norm_is_only(x, own))
			return;
	} else if (from && !from->alias->path && norm_may_drop(x, from->attr, from->alias) &&
	        norm_same_value(&from->attr->value, v)) {
		attr_rename(x->t, x->attrs, from->attr, info->attribute);
	} else {
		put(x, info, NULL, v);
	}
	drop_carried(x, c, v, alike);
}

static void count_fact(struct norm *x, const struct concept_info *info)
{
	if (info->group & (GROUP_CALL | GROUP_USAGE))
		x->n_facts++;
}

bool norm_is_told(struct norm *x, enum concept c, slice *text)
{
	const struct concept_info *info = concept_info(c);
	struct candidate *first = first_of(x, c);
	if (!first || !is_own(first, info) || !norm_is_only(x, first) || first->attr->value.type != V_STRING ||
	        !coerce_text(&first->attr->value, READ_PLAIN, &x->t->arena, text) || is_redacted(*text))
		return false;
	count_fact(x, info);
	return true;
}

void norm_put(struct norm *x, enum concept c, const struct value *v, struct candidate *from, enum likeness alike)
{
	const struct concept_info *info = concept_info(c);
	const struct candidate *first = first_of(x, c);
	count_fact(x, info);
	if (!first)
		put(x, info, NULL, v);
	else if (!is_own(first, info) || !norm_is_only(x, first) || !norm_same_value(&first->attr->value, v))
		put_other(x, c, v, from, alike);
}

void norm_put_text(struct norm *x, enum concept c, slice s, struct candidate *from, enum likeness alike)
{
	struct value v = { .type = V_STRING, .s = s };
	norm_put(x, c, &v, from, alike);
}

void norm_put_int(struct norm *x, enum concept c, int64_t i, struct candidate *from)
{
	struct value v = { .type = V_INT, .i = i };
	norm_put(x, c, &v, from, SAME);
}

struct value norm_strings_value(struct norm *x, const slice *v, size_t n)
{
	struct value *items = arena_alloc(&x->t->arena, (n + 1) * sizeof(*items));
	for (size_t i = 0; i < n; i++)
		items[i] = (struct value){ .type = V_STRING, .s = v[i] };
	return value_array(x->t, items, n);
}

void norm_put_strings(struct norm *x, enum concept c, const slice *s, size_t n, struct candidate *from)
{
	struct value v = norm_strings_value(x, s, n);
	norm_put(x, c, &v, from, SAME);
}

void norm_put_mark(struct norm *x, uint16_t key, const struct value *v)
{
	const struct attr *a = attrs_find_id(x->attrs, key);
	if (!a || !norm_same_value(&a->value, v))
		attr_set_known(x->t, x->attrs, key, v);
}
