/* normalize_duplicates.c - one call that two instrumentations recorded in one request: only one of the two spans counts.
 *
 * Nested (a framework's span around the SDK's): with the same tokens the fuller record counts, else the inner one, unless only
 * the outer one has tokens. A server's or gateway's record gives way to the client's. A failed attempt within a call that
 * succeeded is a call. Side by side (some SDKs do not set the current context): spans from different scopes with the same
 * response id that overlap, or with the same tokens and model where one lies within the other: the fuller one. Without an id
 * only in one trace, or when the inner one is the root of another trace, of the same resource. Work is linear in the number of
 * spans: tables are probed and silent records compared a bounded number of times. What would need several requests is left: a
 * record whose other one arrives in another request.
 */
#include "lib/genai/normalize_internal.h"

enum { CALLS_MAX = 1 << 16, PROBE_MAX = 8, COMPARE_MAX = 1 << 18, ROUNDS_MAX = 8 };

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
	return h ^ h >> 29;
}

static uint64_t load(slice s)
{
	uint64_t v = 0;
	memcpy(&v, s.p, s.len < 8 ? s.len : 8);
	return v;
}

static uint64_t hash_text(uint64_t h, slice s)
{
	for (; s.len >= 8; s.p += 8, s.len -= 8)
		h = mix(h, load(s));
	return mix(h, s.len ? load(s) : 0);
}

/* A cleared table of at least twice `n` slots; false: too many. */
static bool make_table(struct normalizer *n, size_t entries, size_t *mask)
{
	size_t size = 16;
	while (size < entries * 2)
		size *= 2;
	if (size > 4 * CALLS_MAX)
		return false;
	while (n->slots.n < size)
		*VEC_ADD(&n->slots) = 0;
	memset(n->slots.v, 0, size * sizeof(*n->slots.v));
	*mask = size - 1;
	return true;
}

static bool overlap(const struct span *a, const struct span *b)
{
	return a->start_ns <= b->end_ns && b->start_ns <= a->end_ns;
}

/* At least 95 % of the shorter one lies within the other. */
static bool contains(const struct span *a, const struct span *b)
{
	uint64_t start = a->start_ns > b->start_ns ? a->start_ns : b->start_ns;
	uint64_t end = a->end_ns < b->end_ns ? a->end_ns : b->end_ns;
	uint64_t la = a->end_ns - a->start_ns, lb = b->end_ns - b->start_ns, least = la < lb ? la : lb;
	return overlap(a, b) && a->end_ns >= a->start_ns && b->end_ns >= b->start_ns &&
	        end - start >= least - least / 20;
}

/* Case aside, one name begins with the other, with or without what stands before a slash ("openai/gpt-4o", "gpt-4o-2024-08-06"). */
static bool one_family(slice a, slice b)
{
	const char *slash = a.len ? memrchr(a.p, '/', a.len) : NULL;
	if (slash)
		a = (slice){ slash + 1, a.len - (size_t)(slash - a.p) - 1 };
	slash = b.len ? memrchr(b.p, '/', b.len) : NULL;
	if (slash)
		b = (slice){ slash + 1, b.len - (size_t)(slash - b.p) - 1 };
	size_t n = a.len < b.len ? a.len : b.len;
	return slice_ieq((slice){ a.p, n }, (slice){ b.p, n });
}

static bool same_models(const struct model_call *a, const struct model_call *b)
{
	bool known = false;
	for (unsigned i = 0; i < 4; i++) {
		slice x = a->models[i & 1], y = b->models[i >> 1];
		if (!x.len || !y.len)
			continue;
		known = true;
		if (one_family(x, y))
			return true;
	}
	return !known;
}

static bool has_tokens(const struct model_call *c)
{
	return c->input > 0 || c->output > 0;
}

static bool part_of(int64_t part, int64_t whole)
{
	return part < 0 || whole < 0 || part <= whole;
}

/* Does `outer` record the call that `inner` records? */
static bool is_around(const struct model_call *outer, const struct model_call *inner)
{
	if (outer->response_id.len && inner->response_id.len)
		return slice_eq(outer->response_id, inner->response_id);
	if (!same_models(outer, inner) || !overlap(outer->span, inner->span))
		return false;
	return !has_tokens(outer) || !has_tokens(inner) ||
	        (part_of(inner->input, outer->input) && part_of(inner->output, outer->output));
}

static bool is_told(struct traces *t, const struct attr *a)
{
	slice text;
	return a && coerce_text(&a->value, READ_PLAIN, &t->arena, &text);
}

/* What the one record lacks and the other tells of the call: instrumentations differ in what they see of it. */
static void pass_on(struct traces *t, const struct model_call *from, struct model_call *to)
{
	static const enum concept passed[] = { C_CONVERSATION, C_SESSION, C_USER };
	for (size_t i = 0; i < COUNTOF(passed); i++) {
		const struct concept_info *info = concept_info(passed[i]);
		const struct attr *a = attrs_find_id(&from->span->attrs, info->key);
		if (is_told(t, a) && !is_told(t, attrs_find_id(&to->span->attrs, info->key)))
			attr_set_borrowed(t, &to->span->attrs, info->attribute, &a->value);
	}
	if (to->response_id.len || !from->response_id.len)
		return;
	/* what is known now is on the span, for the next run to know as well */
	to->response_id = from->response_id;
	attr_set_borrowed(t, &to->span->attrs, concept_info(C_RESPONSE_ID)->attribute,
	        &(struct value){ .type = V_STRING, .s = to->response_id });
	if (from->models[1].len <= to->models[1].len || !slice_starts(from->models[1], to->models[1]))
		return;
	to->models[1] = from->models[1];
	attr_set_borrowed(t, &to->span->attrs, concept_info(C_RESPONSE_MODEL)->attribute,
	        &(struct value){ .type = V_STRING, .s = to->models[1] });
}

/* `c` records what `by` records. */
static void uncount(struct traces *t, struct model_call *c, struct model_call *by)
{
	static const slice key = { "weir.usage.countable", 20 };
	if (c->countable)
		attr_set_borrowed(t, &c->span->attrs, key, &(struct value){ .type = V_BOOL });
	if (c->countable && by->countable)
		pass_on(t, c, by);
	c->countable = false;
}

/* The tree of the request's spans, and which of them are model calls. */
struct nest {
	const struct span_tree *tree;
	struct model_call **calls; /* by number; NULL: no model call */
};

static bool is_call(const void *nest, uint32_t number)
{
	return ((const struct nest *)nest)->calls[number];
}

static bool is_filtered(const void *nest, uint32_t number)
{
	return ((const struct nest *)nest)->tree->spans[number]->rule;
}

/* The record of a server or gateway, which the client's stands for where both are there. */
static bool is_served(const struct model_call *c)
{
	enum { SERVER = 2 };
	return c->span->kind == SERVER;
}

static bool has_failed(const struct model_call *c)
{
	enum { STATUS_ERROR = 2 };
	return c->span->status_code == STATUS_ERROR;
}

/* Two records of one call: the client's counts, else the fuller one, the first of equals. Gives the one to compare others with. */
static struct model_call *judge_pair(struct traces *t, struct model_call *first, struct model_call *second)
{
	bool second_counts =
	        is_served(first) == is_served(second) ? second->n_facts > first->n_facts : is_served(first);
	if (first->countable && second->countable)
		second_counts ? uncount(t, first, second) : uncount(t, second, first);
	return second->countable ? second : first;
}

static bool same_tokens(const struct model_call *a, const struct model_call *b)
{
	return a->input == b->input && a->output == b->output;
}

static void judge_pair_nested(struct traces *t, struct model_call *outer, struct model_call *inner)
{
	if (!is_around(outer, inner))
		return;
	if (has_failed(inner) && !has_failed(outer)) /* an attempt before the one that the outer one tells of */
		return;
	bool as_outer = has_tokens(outer) && outer->countable &&
	        (!has_tokens(inner) || (is_served(inner) && !is_served(outer)));
	if (has_tokens(inner) == has_tokens(outer) && same_tokens(outer, inner))
		judge_pair(t, inner, outer);
	else
		as_outer ? uncount(t, inner, outer) : uncount(t, outer, inner);
}

/* A call's nearest ancestor that is a call too; only filtered spans (HTTP and the like) may be between. */
static void judge_nested(struct normalizer *n, struct traces *t)
{
	struct span_tree *tree = &n->tree;
	struct nest nest = { .tree = tree };
	if (span_tree_build(tree, t))
		return;
	nest.calls = arena_try(&t->arena, tree->n * sizeof(*nest.calls));
	if (!nest.calls)
		return;
	for (size_t i = 0, call = 0; i < tree->n; i++) {
		bool is = call < n->calls.n && n->calls.v[call].span == tree->spans[i];
		nest.calls[i] = is ? &n->calls.v[call++] : NULL;
	}
	span_tree_climb(tree, is_call, is_filtered, &nest);
	for (uint32_t i = 0; i < tree->n; i++)
		if (nest.calls[i] && tree->nearest[i] < tree->n && tree->nearest[i] != i)
			judge_pair_nested(t, nest.calls[tree->nearest[i]], nest.calls[i]);
	span_tree_trim(tree);
}

/* How two records are known to be of one call. */
enum evidence { BY_ID, BY_TOKENS, ACROSS_TRACES };

/* A root that lies within the other: no two moments are the same in records of one call. */
static bool is_lost_child(const struct span *inner, const struct span *outer)
{
	return !inner->parent_id.len && outer->start_ns < inner->start_ns && inner->end_ns < outer->end_ns &&
	        inner->scope->resource == outer->scope->resource;
}

/* A log span about the call that the other one records; it tells how long ago that began. */
static bool is_behind(const struct model_call *log, const struct model_call *other)
{
	uint64_t start = log->start_ns;
	return start < log->span->start_ns && other->span->start_ns <= start && start <= other->span->end_ns &&
	        log->span->scope->resource == other->span->scope->resource;
}

/* Where an instrumentation does not set the current context, what another records below it has a trace of its own. */
static bool is_twin(const struct model_call *a, const struct model_call *b, enum evidence by)
{
	const struct scope *x = a->span->scope, *y = b->span->scope;
	bool one_trace = slice_eq(a->span->trace_id, b->span->trace_id);
	bool behind = is_behind(a, b) || is_behind(b, a);
	if (x == y || slice_eq(x->name, y->name))
		return false;
	if (by == BY_ID)
		return slice_eq(a->response_id, b->response_id) && overlap(a->span, b->span) &&
		        (one_trace || (same_tokens(a, b) && contains(a->span, b->span)));
	if (by == BY_TOKENS ? !one_trace
	                    : one_trace ||
	                        (!behind && !is_lost_child(a->span, b->span) && !is_lost_child(b->span, a->span)))
		return false;
	return same_tokens(a, b) && same_models(a, b) && (behind || contains(a->span, b->span)) &&
	        !(a->response_id.len && b->response_id.len);
}

static uint64_t hash_of(const struct model_call *c, enum evidence by)
{
	if (by == BY_ID)
		return hash_text(0, c->response_id);
	uint64_t h = by == BY_TOKENS ? load(c->span->trace_id) : 0;
	return mix(mix(h, (uint64_t)c->input), (uint64_t)c->output);
}

/* Calls that do not count take part, so that a second run pairs the same ones. */
static void judge_twins(struct normalizer *n, struct traces *t, enum evidence by)
{
	size_t mask;
	if (!make_table(n, n->calls.n, &mask))
		return;
	for (uint32_t i = 0; i < n->calls.n; i++) {
		struct model_call *c = &n->calls.v[i];
		if (!(by == BY_ID ? c->response_id.len != 0 : has_tokens(c)))
			continue;
		size_t at = hash_of(c, by) & mask;
		for (unsigned probes = 0; probes < PROBE_MAX; probes++, at = (at + 1) & mask) {
			uint32_t *slot = &n->slots.v[at];
			if (!*slot) {
				*slot = i + 1;
				break;
			}
			struct model_call *other = &n->calls.v[*slot - 1];
			if (is_twin(other, c, by)) {
				*slot = (uint32_t)(judge_pair(t, other, c) - n->calls.v) + 1;
				break;
			}
		}
	}
}

/* A record without tokens within one that has tokens (some instrumentations do not read streams). */
static void judge_silent(struct normalizer *n, struct traces *t)
{
	size_t budget = COMPARE_MAX;
	for (size_t i = 0; i < n->calls.n && budget; i++) {
		struct model_call *c = &n->calls.v[i];
		if (!c->countable || has_tokens(c))
			continue;
		for (size_t k = 0; k < n->calls.n && budget && c->countable; k++, budget--) {
			struct model_call *o = &n->calls.v[k];
			if (o->countable && has_tokens(o) && has_failed(o) == has_failed(c) &&
			        !(o->response_id.len && c->response_id.len) &&
			        !slice_eq(o->span->scope->name, c->span->scope->name) &&
			        slice_eq(o->span->trace_id, c->span->trace_id) && contains(o->span, c->span) &&
			        same_models(o, c))
				uncount(t, c, o);
		}
	}
}

/* Each has an answer's id, which no other one has: nothing is recorded twice. As good as always. */
static bool all_differ(struct normalizer *n)
{
	size_t mask;
	if (!make_table(n, n->calls.n, &mask))
		return false;
	for (uint32_t i = 0; i < n->calls.n; i++) {
		slice id = n->calls.v[i].response_id;
		if (id.len < 8)
			return false;
		size_t at = mix(id.len, load((slice){ id.p + id.len - 8, 8 })) & mask; /* the end is what differs */
		for (unsigned probes = 0; n->slots.v[at]; at = (at + 1) & mask)
			if (++probes > PROBE_MAX || slice_eq(n->calls.v[n->slots.v[at] - 1].response_id, id))
				return false;
		n->slots.v[at] = i + 1;
	}
	return true;
}

static size_t n_with_id(const struct normalizer *n)
{
	size_t with_id = 0;
	for (size_t i = 0; i < n->calls.n; i++)
		with_id += n->calls.v[i].response_id.len != 0;
	return with_id;
}

void normalize_duplicates(struct normalizer *n, struct traces *t)
{
	size_t before;
	if (n->calls.n < 2)
		return;
	/* LangChain's own ids of its runs, in the place of the answer's */
	for (size_t i = 0; i < n->calls.n; i++)
		if (slice_starts(n->calls.v[i].response_id, SLICE("lc_run-")) ||
		        slice_starts(n->calls.v[i].response_id, SLICE("run-")))
			n->calls.v[i].response_id.len = 0;
	if (all_differ(n))
		return;
	/* ids that were passed on say more; they become more with each round, of which two do for all that SDKs record */
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		before = n_with_id(n);
		judge_nested(n, t);
		judge_twins(n, t, BY_ID);
		judge_twins(n, t, BY_TOKENS);
		judge_twins(n, t, ACROSS_TRACES);
		judge_silent(n, t);
		if (n_with_id(n) == before)
			return;
	}
}
