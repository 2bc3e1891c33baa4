/* normalize_scalars.c - concepts that are one value of one type, and those that are several keys for one thing.
 *
 * Which concept is treated how follows from its type in concepts.csv; the ones that need more thought are `special` and have functions
 * of their own. Tags are the union of all sources. A conversation and a session are two things in OpenTelemetry and one for
 * most vendors: each is written from the other where it is missing.
 */
#include <endian.h>

#include "lib/genai/normalize_internal.h"
#include "lib/otlp/value_text.h"

enum { TAGS_MAX = 256 };

static bool is_special(enum concept c)
{
	switch ((int)c) {
	case C_OPERATION:
	case C_SPAN_KIND:
	case C_PROVIDER:
	case C_REQUEST_MODEL:
	case C_RESPONSE_MODEL:
	case C_RESPONSE_ID:
	case C_FINISH_REASONS:
	case C_STREAM:
	case C_ERROR_TYPE:
	case C_SERVER_ADDRESS:
	case C_OUTPUT_TYPE:
	case C_CONVERSATION:
	case C_SESSION:
	case C_TAGS:
		return true;
	default:
		break;
	}
	unsigned group = concept_info(c)->group;
	return group == GROUP_CONTENT || group == GROUP_COST || (group == GROUP_USAGE && c != C_IMAGE_INPUT);
}

/* A value that was withheld is no value. In the canonical attribute it shall stay so, whatever the sources behind it say. */
static bool is_withheld(const struct candidate *c, slice text, bool *stays)
{
	bool withheld = is_redacted(text);
	*stays |= withheld && c->alias->key == concept_info(c->alias->concept)->key && !c->alias->path;
	return withheld;
}

static bool find_text(struct norm *x, enum concept c, slice *out, struct candidate **from)
{
	struct value value;
	bool stays = false, withheld = false;
	for (struct candidate *s = view_first(x->v, c); s && !stays; s = view_next(x->v, s)) {
		if (!candidate_value(x->v, s, &value) ||
		        !coerce_text(&value, (enum alias_read)s->alias->read, &x->t->arena, out))
			continue;
		if (!is_withheld(s, *out, &stays)) {
			*from = s;
			return true;
		}
		withheld = true;
	}
	if (!withheld)
		norm_drop_unreadable(x, c);
	return false;
}

/* Text as it came; structured values as their JSON. */
static bool find_document(struct norm *x, enum concept c, slice *out, struct candidate **from)
{
	struct value value;
	bool stays = false;
	for (struct candidate *s = view_first(x->v, c); s && !stays; s = view_next(x->v, s)) {
		if (!candidate_value(x->v, s, &value))
			continue;
		if (value.type == V_ARRAY || value.type == V_KVLIST) {
			strbuf_clear(&x->n->text);
			value_text(&x->n->text, &value);
			if (x->n->text.failed)
				continue;
			*out = arena_dup(&x->t->arena, strbuf_slice(&x->n->text));
		} else if (!coerce_text(&value, (enum alias_read)s->alias->read, &x->t->arena, out)) {
			continue;
		}
		if (is_withheld(s, *out, &stays))
			continue;
		*from = s;
		return true;
	}
	return false;
}

static void put_number(struct norm *x, enum concept c, const struct value *v, bool readable, struct candidate *from)
{
	if (readable)
		norm_put(x, c, v, from, SAME);
	else
		norm_drop_unreadable(x, c);
}

static void put_typed(struct norm *x, enum concept c)
{
	struct candidate *from = NULL;
	struct value v = { 0 };
	slice *items;
	size_t n;
	switch (concept_info(c)->type) {
	case TYPE_STRING:
		v.type = V_STRING;
		if (!norm_is_told(x, c, &v.s) && find_text(x, c, &v.s, &from))
			norm_put(x, c, &v, from, SAME);
		break;
	case TYPE_TEXT:
		v.type = V_STRING;
		if (find_document(x, c, &v.s, &from))
			norm_put(x, c, &v, from, SAME);
		break;
	case TYPE_INT:
		v.type = V_INT;
		put_number(x, c, &v, view_int(x->v, c, &v.i, &from), from);
		break;
	case TYPE_DOUBLE:
		v.type = V_DOUBLE;
		put_number(x, c, &v, view_double(x->v, c, &v.d, &from), from);
		break;
	case TYPE_BOOL:
		v.type = V_BOOL;
		put_number(x, c, &v, view_bool(x->v, c, &v.b, &from), from);
		break;
	case TYPE_STRINGS:
		if (view_strings(x->v, c, &items, &n, &from) && n)
			norm_put_strings(x, c, items, n, from);
		else
			norm_drop_silent(x, c);
		break;
	case TYPE_ANY:
	case TYPE_MESSAGES:
	case TYPE_PARTS:
	case TYPE_TOOLS:
		break;
	}
}

/* Already what would be written, and nothing else speaks of it. */
static bool is_settled(struct norm *x, enum concept c)
{
	const struct candidate *only = &x->v->cand[x->v->head[c] - 1];
	const struct concept_info *info = concept_info(c);
	if (only->next || only->alias->key != info->key || only->alias->path)
		return false;
	const struct value *have = &only->attr->value;
	if (info->type == TYPE_DOUBLE)
		return have->type == V_DOUBLE && __builtin_isfinite(have->d) && c != C_FIRST_CHUNK;
	if (info->type == TYPE_INT) /* a time below zero is none */
		return have->type == V_INT && (have->i >= 0 || info->group != GROUP_LATENCY);
	return info->type == TYPE_BOOL && have->type == V_BOOL;
}

static void normalize_scalar(struct norm *x, enum concept c)
{
	if (is_settled(x, c))
		return;
	/* tool keys beside a model call are calls that the model asked for, not one that was executed */
	if (concept_info(c)->group != GROUP_TOOL || !is_model_call(x->kind))
		put_typed(x, c);
	else if (concept_info(c)->type == TYPE_STRING)
		norm_drop_silent(x, c);
}

void normalize_scalars_init(struct normalizer *n)
{
	for (unsigned c = 0; c < N_CONCEPTS; c++)
		n->scalars[c / 8] |= is_special(c) ? 0 : htole64(UINT64_C(0xff) << 8 * (c % 8));
}

/* Most concepts are told by nobody: eight at once are passed over. */
void normalize_scalars(struct norm *x)
{
	uint64_t some;
	for (unsigned i = 0; i < COUNTOF(x->n->scalars); i++) {
		memcpy(&some, &x->v->head[8 * i], sizeof(some));
		for (some = le64toh(some & x->n->scalars[i]); some;) {
			unsigned bit = (unsigned)__builtin_ctzll(some) & ~7u;
			normalize_scalar(x, 8 * i + bit / 8);
			some &= ~(UINT64_C(0xff) << bit);
		}
	}
}

void normalize_links(struct norm *x)
{
	struct candidate *from = NULL;
	slice conversation, session;
	bool told = norm_is_told(x, C_CONVERSATION, &conversation);
	if (!told && !find_text(x, C_CONVERSATION, &conversation, &from)) {
		norm_drop_silent(x, C_SESSION);
		return;
	}
	struct attr *own = norm_canonical_of(x, C_SESSION);
	if (own && coerce_text(&own->value, READ_PLAIN, &x->t->arena, &session))
		norm_put_text(x, C_SESSION, session, NULL, SAME);
	else
		norm_put_text(x, C_SESSION, conversation, NULL, SAME);
	if (!told)
		norm_put_text(x, C_CONVERSATION, conversation, from, SAME);
}

static size_t add_tags(slice *tags, size_t n, const slice *more, size_t n_more)
{
	for (size_t i = 0; i < n_more && n < TAGS_MAX; i++) {
		size_t at = 0;
		while (at < n && !slice_eq(tags[at], more[i]))
			at++;
		tags[at] = more[i];
		n += at == n;
	}
	return n;
}

void normalize_tags(struct norm *x)
{
	struct value value;
	slice *more;
	size_t n = 0, n_more;
	if (!x->v->head[C_TAGS])
		return;
	slice *tags = arena_alloc(&x->t->arena, TAGS_MAX * sizeof(*tags));
	for (struct candidate *c = view_first(x->v, C_TAGS); c; c = view_next(x->v, c)) {
		if (!candidate_value(x->v, c, &value) ||
		        !coerce_strings(&value, (enum alias_read)c->alias->read, &x->t->arena, &more, &n_more))
			continue;
		n = add_tags(tags, n, more, n_more);
		c->read = n < TAGS_MAX;
	}
	if (!n) {
		norm_drop_silent(x, C_TAGS);
		return;
	}
	norm_put_strings(x, C_TAGS, tags, n, NULL);
	for (struct candidate *c = view_first(x->v, C_TAGS); c; c = view_next(x->v, c))
		if (c->read && !c->alias->path && norm_may_drop(x, c->attr, c->alias))
			norm_drop(x, c->attr);
}
