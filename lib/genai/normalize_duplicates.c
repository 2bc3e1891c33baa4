/* normalize_duplicates.c - one call that two instrumentations recorded in one request: only one of the two spans counts.
 *
 * Nested (a framework's span around the SDK's): with the same tokens the fuller record counts, else the inner one, unless only the outer
 * one has tokens. A server's or gateway's record gives way to the client's. A failed attempt within a call that succeeded is a call. Side by side (some SDKs do not set the current context): spans of one trace from different scopes with the same
 * response id that overlap, or with the same tokens and model where one lies within the other: the fuller one. Work is linear in
 * the number of spans: hash tables, chains, climbs and comparisons are bounded. Spans of other requests are not seen.
 */
#include "lib/genai/normalize_internal.h"

enum { CALLS_MAX = 1 << 16, PROBE_MAX = 8, COMPARE_MAX = 1 << 18 };

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

static void uncount(struct traces *t, struct model_call *c)
{
	static const slice key = { "weir.usage.countable", 20 };
	if (c->countable)
		attr_set_borrowed(t, &c->span->attrs, key, &(struct value){ .type = V_BOOL });
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
		uncount(t, second_counts ? first : second);
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
	if (has_tokens(inner) && same_tokens(outer, inner))
		judge_pair(t, inner, outer);
	else if (has_tokens(outer) && is_served(inner) && !is_served(outer))
		uncount(t, outer->countable ? inner : outer);
	else if (has_tokens(outer) && !has_tokens(inner))
		uncount(t, outer->countable ? inner : outer);
	else
		uncount(t, outer);
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

static bool is_twin(const struct model_call *a, const struct model_call *b, bool by_id)
{
	if (a->span->scope == b->span->scope || slice_eq(a->span->scope->name, b->span->scope->name) ||
	        !slice_eq(a->span->trace_id, b->span->trace_id))
		return false;
	if (by_id)
		return slice_eq(a->response_id, b->response_id) && overlap(a->span, b->span);
	return same_tokens(a, b) && same_models(a, b) && contains(a->span, b->span) &&
	        !(a->response_id.len && b->response_id.len);
}

/* Calls that do not count take part, so that a second run pairs the same ones. */
static void judge_twins(struct normalizer *n, struct traces *t, bool by_id)
{
	size_t mask;
	if (!make_table(n, n->calls.n, &mask))
		return;
	for (uint32_t i = 0; i < n->calls.n; i++) {
		struct model_call *c = &n->calls.v[i];
		if (!(by_id ? c->response_id.len != 0 : has_tokens(c)))
			continue;
		uint64_t h = load(c->span->trace_id);
		h = by_id ? hash_text(h, c->response_id) : mix(mix(h, (uint64_t)c->input), (uint64_t)c->output);
		size_t at = h & mask;
		for (unsigned probes = 0; probes < PROBE_MAX; probes++, at = (at + 1) & mask) {
			uint32_t *slot = &n->slots.v[at];
			if (!*slot) {
				*slot = i + 1;
				break;
			}
			struct model_call *other = &n->calls.v[*slot - 1];
			if (is_twin(other, c, by_id)) {
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
			const struct model_call *o = &n->calls.v[k];
			if (o->countable && has_tokens(o) && has_failed(o) == has_failed(c) &&
			        !(o->response_id.len && c->response_id.len) &&
			        !slice_eq(o->span->scope->name, c->span->scope->name) &&
			        slice_eq(o->span->trace_id, c->span->trace_id) && contains(o->span, c->span) &&
			        same_models(o, c))
				uncount(t, c);
		}
	}
}

void normalize_duplicates(struct normalizer *n, struct traces *t)
{
	if (n->calls.n < 2)
		return;
	judge_nested(n, t);
	judge_twins(n, t, true);
	judge_twins(n, t, false);
	judge_silent(n, t);
}
