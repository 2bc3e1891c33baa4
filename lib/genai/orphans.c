/* orphans.c - see orphans.h. All spans go into a hash by trace and span id; every filtered one learns its end once (a kept ancestor,
 * the root, or unknown), so that long chains are walked once for all spans below them.
 */
#include "lib/genai/orphans.h"

#include <stdlib.h>

#include "lib/base/map.h"

enum end {
	END_OPEN, /* not walked yet */
	END_WALKING, /* on the chain that is walked: meeting it again is a cycle */
	END_KEPT, /* `kept` is the nearest kept ancestor */
	END_ROOT, /* everything above is filtered */
	END_UNKNOWN, /* leads out of the request */
};

struct ancestor {
	struct span *span, *kept;
	uint32_t below; /* of the chain that is walked: index + 1 of where it came from */
	enum end end;
};

enum { SPANS_KEPT = 16384, MAX_SPANS = 1 << 30 };

void orphans_init(struct orphans *o)
{
	struct map m;
	map_init(&m);
	*o = (struct orphans){ .seed = m.seed };
	map_release(&m);
}

void orphans_release(struct orphans *o)
{
	free(o->list);
	free(o->slots);
	o->list = NULL;
	o->slots = NULL;
	o->cap = o->n_slots = 0;
}

static bool make_room(struct orphans *o, size_t n)
{
	size_t n_slots = 64;
	if (n > MAX_SPANS)
		return false;
	while (n_slots < 2 * n)
		n_slots *= 2;
	if (n > o->cap || n_slots > o->n_slots) {
		orphans_release(o);
		o->list = malloc(n * sizeof(*o->list));
		o->slots = malloc(n_slots * sizeof(*o->slots));
		if (!o->list || !o->slots) {
			orphans_release(o);
			return false;
		}
		o->cap = n;
		o->n_slots = n_slots;
	}
	memset(o->slots, 0, o->n_slots * sizeof(*o->slots));
	return true;
}

/* The slot of that span, or the free one where it would go. */
static uint32_t *slot_of(const struct orphans *o, slice trace_id, slice span_id)
{
	uint64_t h = hash_bytes(span_id.p, span_id.len, o->seed);
	for (size_t at = h & (o->n_slots - 1);; at = (at + 1) & (o->n_slots - 1)) {
		uint32_t *slot = &o->slots[at];
		if (!*slot)
			return slot;
		const struct span *s = o->list[*slot - 1].span;
		if (slice_eq(s->span_id, span_id) && slice_eq(s->trace_id, trace_id))
			return slot;
	}
}

static struct ancestor *find(struct orphans *o, slice trace_id, slice span_id)
{
	uint32_t at = *slot_of(o, trace_id, span_id);
	return at ? &o->list[at - 1] : NULL;
}

/* Of spans with the same ids a kept one counts. */
static size_t index_spans(struct orphans *o, struct traces *t)
{
	size_t n = 0;
	for (uint32_t i = 0; i < t->n_scopes; i++) {
		for (struct span *s = t->scopes[i].first; s; s = s->next) {
			if (s->refused || n == o->cap)
				continue;
			uint32_t *slot = slot_of(o, s->trace_id, s->span_id);
			if (*slot && (s->rule || !o->list[*slot - 1].span->rule))
				continue;
			o->list[n++] = (struct ancestor){ .span = s };
			*slot = (uint32_t)n;
		}
	}
	return n;
}

static bool is_null(slice id)
{
	return id.len == 0 || (id.len == 8 && !memcmp(id.p, "\0\0\0\0\0\0\0\0", 8));
}

/* Finds the end of the filtered ancestor `a` and tells it to everything passed on the way. */
static void walk(struct orphans *o, struct ancestor *a)
{
	uint32_t below = 0;
	enum end end;
	struct span *kept = NULL;
	for (;;) {
		slice parent = a->span->parent_id;
		a->end = END_WALKING;
		a->below = below;
		below = (uint32_t)(a - o->list) + 1;
		struct ancestor *up = is_null(parent) ? NULL : find(o, a->span->trace_id, parent);
		if (!up || up->end == END_WALKING) {
			end = is_null(parent) ? END_ROOT : END_UNKNOWN;
			break;
		}
		if (!up->span->rule || up->end != END_OPEN) {
			end = up->span->rule ? up->end : END_KEPT;
			kept = up->span->rule ? up->kept : up->span;
			break;
		}
		a = up;
	}
	while (below) {
		struct ancestor *passed = &o->list[below - 1];
		passed->end = end;
		passed->kept = kept;
		below = passed->below;
	}
}

static bool reparent(struct orphans *o, struct traces *t, struct span *s)
{
	struct ancestor *parent = is_null(s->parent_id) ? NULL : find(o, s->trace_id, s->parent_id);
	if (!parent || !parent->span->rule)
		return false;
	if (parent->end == END_OPEN)
		walk(o, parent);
	if (parent->end == END_UNKNOWN || parent->kept == s)
		return false;
	span_set_parent(t, s, parent->end == END_KEPT ? parent->kept->span_id : (slice){ 0 });
	return true;
}

int64_t orphans_reparent(struct orphans *o, struct traces *t)
{
	int64_t n_changed = 0;
	size_t n = 0;
	for (uint32_t i = 0; i < t->n_scopes; i++)
		for (const struct span *s = t->scopes[i].first; s; s = s->next)
			n += !s->refused;
	if (t->n_kept == n || !t->n_kept)
		return 0;
	if (!make_room(o, n))
		return -1;
	index_spans(o, t);
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s))
		n_changed += reparent(o, t, s);
	if (o->cap > SPANS_KEPT)
		orphans_release(o);
	return n_changed;
}
