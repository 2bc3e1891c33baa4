/* view.c - filing attributes under concepts and reading them by rank; see view.h.
 *
 * Loading is the hot part: one look at each attribute, most of which have a key id and one row. The candidates of a concept
 * are a list by `order` inside one array.
 */
#include "lib/genai/view.h"

#include <math.h>

#include "lib/genai/json.h"

enum { FLAT_MAX = 10000, DOCUMENT_MAX = 4 << 20, REPR_MAX = 64 << 10, NODES_KEPT = 1 << 18, BEHIND = 1 << 12 };

void view_init(struct view *v)
{
	memset(v, 0, sizeof(*v));
	arena_init(&v->nodes);
}

void view_release(struct view *v)
{
	VEC_RELEASE(&v->flat);
	arena_release(&v->nodes);
}

static inline __attribute__((always_inline)) void file(
        struct view *v, struct attr *attr, const struct alias *a, slice rest)
{
	if (v->n == VIEW_MAX) {
		v->n_ignored++;
		return;
	}
	uint16_t order = (uint16_t)(a->rank + (a->class == v->favoured ? 0 : BEHIND));
	uint8_t *link = &v->head[a->concept];
	while (*link && v->cand[*link - 1].order <= order)
		link = &v->cand[*link - 1].next;
	v->cand[v->n++] = (struct candidate){ .alias = a, .attr = attr, .rest = rest, .order = order, .next = *link };
	*link = (uint8_t)v->n;
}

static void file_flat(struct view *v, struct attr *attr, const struct alias *a, slice rest)
{
	uint32_t index = 0;
	size_t i = 0;
	for (; i < rest.len && rest.p[i] >= '0' && rest.p[i] <= '9' && i < 5; i++)
		index = index * 10 + (uint32_t)(rest.p[i] - '0');
	if (i == 0 || (i < rest.len && rest.p[i] != '.'))
		return;
	if (v->flat.n == FLAT_MAX) {
		v->n_ignored++;
		return;
	}
	struct flat_attr *f = VEC_ADD(&v->flat);
	i += i < rest.len;
	*f = (struct flat_attr){ .alias = a, .attr = attr, .index = index, .rest = { rest.p + i, rest.len - i } };
}

/* An attribute whose key is not well known. */
struct other {
	struct view *v;
	struct attr *attr;
	unsigned groups;
	uint32_t last_concept; /* of the prefix row taken last, + 1 */
};

static void on_prefix(void *ctx, const struct alias *a, slice rest)
{
	struct other *o = ctx;
	if (!(a->group & o->groups) || o->last_concept == a->concept + 1u)
		return;
	o->last_concept = a->concept + 1u;
	if (a->flags & ALIAS_FLAT)
		file_flat(o->v, o->attr, a, rest);
	else
		file(o->v, o->attr, a, rest);
}

static void file_other(struct view *v, struct attr *attr, unsigned groups)
{
	struct other o = { .v = v, .attr = attr, .groups = groups };
	aliases_of_prefix(attr->key, on_prefix, &o);
}

static void file_known(struct view *v, struct attr *attr, unsigned groups)
{
	size_t n;
	const struct alias *row = aliases_of(attr->key_id, &n);
	for (const struct alias *end = row + n; row < end; row++)
		if (row->group & groups)
			file(v, attr, row, (slice){ 0 });
}

void view_load(
        struct view *v, struct traces *t, struct attrs *as, struct emitter emitter, unsigned groups, enum precedence p)
{
	static const int favoured[] = { [OTEL_FIRST] = -1, [LLM_FIRST] = CLASS_LLM, [VENDOR_FIRST] = CLASS_VENDOR };
	v->traces = t;
	v->attrs = as;
	v->span = as->kind == OWN_SPAN ? CONTAINER_OF(as, struct span, attrs) : NULL;
	v->emitter = emitter;
	v->kind = KIND_OTHER;
	v->favoured = favoured[p];
	memset(v->head, 0, sizeof(v->head));
	v->n = v->n_ignored = 0;
	v->flat.n = 0;
	v->n_documents = 0;
	if (v->nodes.used)
		arena_reset(&v->nodes, NODES_KEPT);
	for (struct attr *a = attrs_first(as); a; a = attrs_next(a)) {
		if (a->key_id)
			file_known(v, a, groups);
		else
			file_other(v, a, groups);
	}
}

static bool is_open(const struct view *v, const struct alias *a)
{
	_Static_assert(N_KINDS <= 8 * sizeof(a->kinds), "a kind has no bit in an alias");
	if (!(a->flags & (ALIAS_GATED | ALIAS_AGGREGATE)))
		return true;
	return (!a->ecosystems || a->ecosystems >> v->emitter.ecosystem & 1) &&
	        (!a->kinds || a->kinds >> v->kind & 1) && !(a->flags & ALIAS_AGGREGATE);
}

static struct candidate *open_from(struct view *v, uint8_t at)
{
	while (at && !is_open(v, v->cand[at - 1].alias))
		at = v->cand[at - 1].next;
	return at ? &v->cand[at - 1] : NULL;
}

struct candidate *view_first(struct view *v, enum concept c)
{
	return open_from(v, v->head[c]);
}

struct candidate *view_next(struct view *v, struct candidate *c)
{
	return open_from(v, c->next);
}

static struct document *remembered(struct view *v, const void *of)
{
	for (uint32_t i = 0; i < v->n_documents; i++)
		if (v->documents[i].of == of)
			return &v->documents[i];
	return NULL;
}

/* NULL when there are too many. */
static struct document *remember(struct view *v, const void *of)
{
	if (v->n_documents == DOCUMENTS_MAX)
		return NULL;
	struct document *d = &v->documents[v->n_documents++];
	*d = (struct document){ .of = of };
	return d;
}

/* Texts that are decoded live as long as the request, because values point into them. */
static const struct json *parse_python(struct view *v, slice text)
{
	return json_parse(&v->nodes, json_of_python(&v->traces->arena, text), NULL);
}

/* The document of an attribute. One inside a JSON string counts. */
static const struct json *document(struct view *v, const struct attr *a)
{
	struct document *d = remembered(v, a);
	if (d)
		return d->json;
	if (a->value.type != V_STRING || a->value.s.len > DOCUMENT_MAX)
		return NULL;
	slice text = slice_trim(a->value.s);
	if (!text.len || (*text.p != '{' && *text.p != '[' && *text.p != '"') || !(d = remember(v, a)))
		return NULL;
	d->json = json_parse(&v->nodes, text, NULL);
	if (!d->json && is_python(text))
		d->json = parse_python(v, text);
	if (d->json && d->json->type == JSON_STRING)
		d->json = json_parse(&v->nodes, json_text_of(d->json, &v->traces->arena), NULL);
	return d->json;
}

/* The object whose repr() a string is. */
static const struct json *document_in(struct view *v, const struct json *string)
{
	struct document *d = remembered(v, string);
	if (d)
		return d->json;
	d = string->text.len <= REPR_MAX ? remember(v, string) : NULL;
	slice text = d ? json_text_of(string, &v->traces->arena) : (slice){ 0 };
	if (is_python_object(text))
		d->json = parse_python(v, text);
	return d ? d->json : NULL;
}

static bool value_of_json(struct view *v, const struct json *n, struct value *out)
{
	int64_t i;
	double d;
	switch ((enum json_type)n->type) {
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		*out = (struct value){ .type = V_BOOL, .b = n->text.len == 4 };
		return true;
	case JSON_NUMBER:
		if (json_int(n, &i))
			*out = (struct value){ .type = V_INT, .i = i };
		else if (json_double(n, &d))
			*out = (struct value){ .type = V_DOUBLE, .d = d };
		else
			return false;
		return true;
	case JSON_STRING:
		*out = (struct value){ .type = V_STRING, .s = json_text_of(n, &v->traces->arena) };
		return true;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	*out = (struct value){ .type = V_STRING, .s = json_raw(n) };
	return true;
}

/* The path through an attribute that came as a structured value. */
static bool value_at(struct value at, const char *path, struct value *out)
{
	slice rest = slice_of(path), key;
	while (rest.len) {
		const char *dot = memchr(rest.p, '.', rest.len);
		slice name = { rest.p, dot ? (size_t)(dot - rest.p) : rest.len };
		slice members = at.s;
		bool found = false;
		if (at.type != V_KVLIST)
			return false;
		while (!found && value_next(&members, V_KVLIST, &key, &at))
			found = slice_eq(key, name);
		if (!found)
			return false;
		rest = dot ? (slice){ dot + 1, rest.len - name.len - 1 } : (slice){ 0 };
	}
	*out = at;
	return at.type != V_EMPTY;
}

/* A path that leads into a string in which an object's repr() stands ("raw.id" of {"raw": "ChatCompletion(id='1')"}). */
static const struct json *path_in_repr(struct view *v, const struct json *n, const char *path)
{
	for (int i = 0; n && i < 3; i++) {
		const char *dot = strchr(path, '.');
		char name[32];
		size_t len = dot ? (size_t)(dot - path) : 0;
		if (!len || len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = 0;
		n = json_path(n, name);
		path = dot + 1;
		if (!n || n->type != JSON_STRING)
			continue;
		n = document_in(v, n);
		return n ? json_path(n, path) : NULL;
	}
	return NULL;
}

bool candidate_value_at(struct view *v, const struct candidate *c, struct value *out)
{
	const char *path = c->alias->path;
	if (c->attr->value.type == V_KVLIST)
		return value_at(c->attr->value, path, out);
	const struct json *root = document(v, c->attr), *n = root ? json_path(root, path) : NULL;
	if (!n && root && c->alias->read == READ_REPR)
		n = path_in_repr(v, root, path);
	return n && value_of_json(v, n, out);
}

static bool took(struct candidate *c, struct candidate **from)
{
	c->read = true;
	if (from)
		*from = c;
	return true;
}

bool view_text(struct view *v, enum concept concept, slice *out, struct candidate **from)
{
	struct value value;
	for (struct candidate *c = view_first(v, concept); c; c = view_next(v, c))
		if (candidate_value(v, c, &value) &&
		        coerce_text(&value, (enum alias_read)c->alias->read, &v->traces->arena, out))
			return took(c, from);
	return false;
}

bool view_tokens(struct view *v, enum concept concept, int64_t *out, struct candidate **from)
{
	struct value value;
	for (struct candidate *c = view_first(v, concept); c; c = view_next(v, c))
		if (candidate_value(v, c, &value) && coerce_tokens(&value, out))
			return took(c, from);
	return false;
}

/* Strands writes milliseconds under names that are seconds elsewhere; and a first chunk that comes after the span's end is one in
 * milliseconds if that makes it fit. */
static double in_seconds(const struct view *v, const struct candidate *c, double d)
{
	double length = v->span && v->span->end_ns > v->span->start_ns
	        ? (double)(v->span->end_ns - v->span->start_ns) / 1e9
	        : 0;
	if (v->emitter.flags & EMIT_TTFT_MS && slice_starts(c->attr->key, SLICE("gen_ai.server.")))
		return d / 1000;
	return length > 0 && d > length && d / 1000 <= length && c->alias->key != KEY_GENAI_RESPONSE_TIMETOFIRSTCHUNK
	        ? d / 1000
	        : d;
}

/* SDKs write -1 for a time that there was none of. */
static bool may_be_negative(const struct candidate *c)
{
	return concept_info((enum concept)c->alias->concept)->group != GROUP_LATENCY;
}

bool candidate_double(struct view *v, const struct candidate *c, double *out)
{
	struct value value;
	uint64_t ns;
	if (!candidate_value(v, c, &value))
		return false;
	if (c->alias->read == READ_ISO8601) {
		if (!v->span || !coerce_time(&value, &ns) || ns < v->span->start_ns)
			return false;
		*out = (double)(ns - v->span->start_ns) / 1e9;
		return true;
	}
	if (!coerce_double(&value, out))
		return false;
	if (c->alias->read == READ_MS)
		*out /= 1000;
	else if (c->alias->read == READ_S)
		*out *= v->emitter.flags & EMIT_TTFT_MS && slice_starts(c->attr->key, SLICE("gen_ai.server.")) ? 1
		                                                                                               : 1000;
	else if (c->alias->concept == C_FIRST_CHUNK)
		*out = in_seconds(v, c, *out);
	return isfinite(*out) && (*out >= 0 || may_be_negative(c));
}

bool candidate_int(struct view *v, const struct candidate *c, int64_t *out)
{
	struct value value;
	double d;
	if (c->alias->read == READ_PLAIN && candidate_value(v, c, &value) && coerce_int(&value, out))
		return *out >= 0 || may_be_negative(c);
	if (!candidate_double(v, c, &d) || fabs(d) > 9e15)
		return false;
	*out = (int64_t)floor(d + 0.5);
	return true;
}

bool view_int(struct view *v, enum concept concept, int64_t *out, struct candidate **from)
{
	for (struct candidate *c = view_first(v, concept); c; c = view_next(v, c))
		if (candidate_int(v, c, out))
			return took(c, from);
	return false;
}

bool view_double(struct view *v, enum concept concept, double *out, struct candidate **from)
{
	for (struct candidate *c = view_first(v, concept); c; c = view_next(v, c))
		if (candidate_double(v, c, out))
			return took(c, from);
	return false;
}

bool view_bool(struct view *v, enum concept concept, bool *out, struct candidate **from)
{
	struct value value;
	for (struct candidate *c = view_first(v, concept); c; c = view_next(v, c))
		if (candidate_value(v, c, &value) && coerce_bool(&value, out))
			return took(c, from);
	return false;
}

bool view_strings(struct view *v, enum concept concept, slice **out, size_t *n, struct candidate **from)
{
	struct value value;
	for (struct candidate *c = view_first(v, concept); c; c = view_next(v, c))
		if (candidate_value(v, c, &value) &&
		        coerce_strings(&value, (enum alias_read)c->alias->read, &v->traces->arena, out, n))
			return took(c, from);
	return false;
}
