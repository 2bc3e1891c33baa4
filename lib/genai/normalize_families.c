/* normalize_families.c - concepts with a key of the user's in their name: weir.metadata.<k>, gen_ai.prompt.variable.<k>.
 *
 * A source is an attribute that ends in the key ("langsmith.metadata.team") or a JSON object of which each member is one
 * ("metadata"). The first source of a key wins; an attribute that carries its value under another name is renamed. Keys are written
 * until the span has FAMILY_MAX; sources beyond stay.
 */
#include "lib/genai/json.h"
#include "lib/genai/normalize_internal.h"

enum { FAMILY_MAX = 250, LOOKUPS_MAX = 1000, DOCUMENT_MAX = 1 << 20, KEY_MAX = 512 };

struct family {
	struct norm *x;
	slice prefix; /* "weir.metadata." */
	unsigned n, n_lookups; /* on the span, once `counted`; asked for, which goes over the span's attributes */
	bool counted;
	bool whole; /* all of the present source is in the canonical attributes */
};

/* "weir.metadata." and the key, in the arena. */
static slice full_key(struct family *f, slice key)
{
	char *p = arena_alloc(&f->x->t->arena, f->prefix.len + key.len);
	memcpy(p, f->prefix.p, f->prefix.len);
	memcpy(p + f->prefix.len, key.p, key.len);
	return (slice){ p, f->prefix.len + key.len };
}

/* What an earlier run wrote counts, or each run would write as many. */
static bool has_room(struct family *f)
{
	for (const struct attr *a = f->counted ? NULL : attrs_first(f->x->attrs); a; a = attrs_next(a))
		f->n += slice_starts(a->key, f->prefix);
	f->counted = true;
	return f->n < FAMILY_MAX;
}

static void put_member(struct family *f, slice key, const struct value *v)
{
	if (!key.len || key.len > KEY_MAX || ++f->n_lookups > LOOKUPS_MAX) {
		f->whole = false;
		return;
	}
	slice full = full_key(f, key);
	struct attr *there = attrs_find(f->x->attrs, full);
	if (there) {
		f->whole &= norm_same_value(&there->value, v);
		return;
	}
	if (!has_room(f)) {
		f->whole = false;
		return;
	}
	f->n++;
	attr_set_borrowed(f->x->t, f->x->attrs, full, v);
}

static void put_json_members(struct family *f, const struct json *object)
{
	struct arena *a = &f->x->t->arena;
	const struct json *key;
	for (const struct json *n = json_first(object, &key); n; n = json_next(object, n, &key)) {
		struct value v = { .type = V_STRING };
		switch ((enum json_type)n->type) {
		case JSON_NULL:
			continue;
		case JSON_BOOL:
			v = (struct value){ .type = V_BOOL, .b = n->text.len == 4 };
			break;
		case JSON_NUMBER:
			v.type = V_INT;
			if (json_int(n, &v.i))
				break;
			v.type = V_DOUBLE;
			if (!json_double(n, &v.d)) {
				f->whole = false;
				continue;
			}
			break;
		case JSON_STRING:
			v.s = json_text_of(n, a);
			break;
		case JSON_ARRAY:
		case JSON_OBJECT:
			v.s = json_raw(n);
			break;
		}
		put_member(f, json_text_of(key, a), &v);
	}
}

/* False: no object. */
static bool put_members(struct family *f, const struct value *from)
{
	slice key, at = from->s;
	struct value v;
	if (from->type == V_KVLIST) {
		while (value_next(&at, V_KVLIST, &key, &v))
			put_member(f, key, &v);
		return true;
	}
	slice text = from->type == V_STRING ? slice_trim(from->s) : (slice){ 0 };
	if (!text.len || *text.p != '{' || text.len > DOCUMENT_MAX)
		return false;
	const struct json *n = json_parse(&f->x->v->nodes, text, NULL);
	if (!n)
		return false;
	put_json_members(f, n);
	return true;
}

static void put_keyed(struct family *f, struct candidate *c)
{
	struct norm *x = f->x;
	slice text;
	const struct value *v = &c->attr->value;
	if (c->attr->deleted || v->type == V_EMPTY ||
	        (v->type == V_STRING && !coerce_text(v, READ_PLAIN, &x->t->arena, &text)))
		return;
	slice full = full_key(f, c->rest);
	struct attr *there = attrs_find(x->attrs, full);
	if (there == c->attr)
		return;
	bool drops = norm_may_drop(x, c->attr, c->alias);
	if (there) {
		if (drops && (x->o->originals == ORIGINALS_DROP_ALL || norm_same_value(&there->value, v)))
			norm_drop(x, c->attr);
	} else if (has_room(f)) {
		f->n++;
		if (drops)
			attr_rename(x->t, x->attrs, c->attr, full);
		else
			attr_set_borrowed(x->t, x->attrs, full, v);
	}
}

static void put_family(struct norm *x, enum concept concept)
{
	slice name = concept_info(concept)->attribute;
	struct family f = { .x = x, .prefix = { name.p, name.len - 3 } }; /* without <k> */
	struct value value;
	for (struct candidate *c = view_first(x->v, concept); c; c = view_next(x->v, c)) {
		if (c->rest.len) {
			put_keyed(&f, c);
			continue;
		}
		f.whole = true;
		if (!candidate_value(x->v, c, &value) || !put_members(&f, &value) || c->alias->path)
			continue;
		if (norm_may_drop(x, c->attr, c->alias) && (f.whole || x->o->originals == ORIGINALS_DROP_ALL))
			norm_drop(x, c->attr);
	}
}

void normalize_families(struct norm *x)
{
	if (x->v->head[C_METADATA])
		put_family(x, C_METADATA);
	if (x->v->head[C_PROMPT_VARIABLE])
		put_family(x, C_PROMPT_VARIABLE);
}
