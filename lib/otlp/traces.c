/* traces.c - reading an indexed request; see traces.h. The walk itself is scan.c.
 *
 * Nothing here writes: reads see edits because edits change the index. The body and the arena are owned by the
 * struct traces and go with traces_release.
 */
#include "lib/otlp/traces.h"

#include "lib/otlp/rewrite.h"
#include "lib/otlp/scan.h"

static int broken(const struct scan *s, slice body, struct err *e)
{
	const uint8_t *start = wire_start(body);
	size_t at = s->at ? (size_t)(s->at - start) : 0;
	return err_set(e, "not a valid OTLP request: %s (byte %zu)", s->why ? s->why : "unknown", at);
}

/* One scan of t->body into an empty index. */
static int scan_once(struct traces *t, struct scan *s, struct scan_report *r, struct err *e)
{
	slice body = buf_slice(t->body);
	*s = (struct scan){ .t = t,
		.r = r,
		.attr_block = 32,
		.span_block = 4,
		.budget = body.len * TRACES_INDEX_FACTOR + TRACES_INDEX_CONSTANT };
	t->n_resources = t->n_scopes = t->n_spans = 0;
	if (scan_index(s, body)) {
		t->spare = s->attr;
		t->spare_end = s->attr_end;
		return 0;
	}
	return s->no_memory ? -2 : broken(s, body, e);
}

/* What the walk leaves to the end: refusals that come from above, and what must be encoded anew. */
static void settle(struct traces *t, const struct scan_report *r, bool bad_envelope)
{
	t->n_kept = r->n_spans - r->n_refused;
	t->dirty = r->n_refused || bad_envelope;
	if (!t->dirty)
		return;
	for (uint32_t i = 0; i < t->n_scopes; i++) {
		struct scope *sc = &t->scopes[i];
		bool refused = sc->refused || sc->resource->refused;
		for (struct span *sp = sc->first; sp; sp = sp->next) {
			sp->refused |= refused;
			sc->dirty |= sp->refused;
		}
		sc->resource->dirty |= sc->dirty || sc->refused;
	}
	for (uint32_t i = 0; i < t->n_resources; i++)
		t->resources[i].dirty |= t->resources[i].refused;
}

int traces_scan(struct traces *t, struct buf *body, const struct key_table *keys, struct pool *pool,
        struct scan_report *r, struct err *e)
{
	struct scan s;
	*t = (struct traces){ .body = buf_ref(body), .keys = keys };
	*r = (struct scan_report){ 0 };
	arena_init(&t->arena);
	int rc = scan_once(t, &s, r, e);
	if (rc == 0 && (r->n_utf8 || s.merge)) {
		struct buf *sound = NULL;
		rc = otlp_rewrite(TRACES, buf_slice(t->body), pool, &sound);
		if (rc == 0) {
			uint64_t n_utf8 = r->n_utf8;
			buf_unref(t->body);
			t->body = sound;
			*r = (struct scan_report){ 0 };
			arena_reset(&t->arena, SIZE_MAX);
			rc = scan_once(t, &s, r, e);
			r->n_utf8 = n_utf8;
		}
	}
	if (rc == 0)
		settle(t, r, s.bad_envelope);
	else
		traces_release(t);
	return rc;
}

void traces_release(struct traces *t)
{
	buf_unref(t->body);
	arena_release(&t->arena);
	*t = (struct traces){ 0 };
}

int traces_check(slice body, struct scan_report *r, bool *needs_rewrite, struct err *e)
{
	struct scan s = { .r = r };
	*r = (struct scan_report){ 0 };
	if (!scan_check(&s, body))
		return broken(&s, body, e);
	*needs_rewrite = r->n_refused || r->n_utf8 || s.bad_envelope;
	return 0;
}

struct attr *attrs_find(const struct attrs *as, slice key)
{
	for (struct attr *a = as->first; a; a = a->next)
		if (!a->deleted && slice_eq(a->key, key))
			return a;
	return NULL;
}

struct attr *attrs_walk_id(const struct attrs *as, uint16_t key_id)
{
	for (struct attr *a = as->first; a; a = a->next)
		if (a->key_id == key_id && !a->deleted)
			return a;
	return NULL;
}

/* `s`, or the next one that is kept, in this scope or those behind it. */
static struct span *kept(struct traces *t, struct span *s, const struct scope *sc)
{
	for (;;) {
		for (; s; s = s->next)
			if (!s->refused && !s->rule)
				return s;
		if (!sc || ++sc >= t->scopes + t->n_scopes)
			return NULL;
		s = sc->first;
	}
}

struct span *traces_first_span(struct traces *t)
{
	return t->n_scopes ? kept(t, t->scopes[0].first, t->scopes) : NULL;
}

struct span *traces_next_span(struct traces *t, struct span *s)
{
	return kept(t, s->next, s->scope);
}
