/* sidecar.c - what a record remembers of the spans that processors filtered (see record.h).
 *
 * Filtered spans are gone from the record's body; their ids stay, so that a stage behind the queue can still tell "dropped here" from
 * "never seen". One buf per record, in the order of the request, counted in the byte pool as every buffer. */
#include "lib/pipe/record.h"

#include "lib/otlp/traces.h"

static bool is_filtered(const struct span *s)
{
	return s->rule && !s->refused;
}

static size_t count_filtered(const struct traces *t)
{
	size_t n = 0;
	for (uint32_t i = 0; i < t->n_scopes; i++)
		for (const struct span *s = t->scopes[i].first; s; s = s->next)
			n += is_filtered(s);
	return n;
}

static void put_id(uint8_t *out, size_t n, slice id)
{
	if (id.len == n)
		memcpy(out, id.p, n);
}

static void put(struct filtered_span *f, const struct span *s)
{
	memset(f, 0, sizeof *f);
	put_id(f->trace_id, sizeof f->trace_id, s->trace_id);
	put_id(f->span_id, sizeof f->span_id, s->span_id);
	put_id(f->parent_id, sizeof f->parent_id, s->parent_id);
	f->flags = s->flags;
	f->rule = s->rule;
}

int sidecar_new(const struct traces *t, struct pool *pool, struct buf **out)
{
	size_t n = count_filtered(t);
	*out = NULL;
	if (!n)
		return 0;
	struct buf *b = buf_new(pool, n * sizeof(struct filtered_span));
	if (!b)
		return -1;
	for (uint32_t i = 0; i < t->n_scopes; i++)
		for (const struct span *s = t->scopes[i].first; s; s = s->next)
			if (is_filtered(s)) {
				struct filtered_span f;
				put(&f, s);
				memcpy(b->data + b->len, &f, sizeof f);
				b->len += sizeof f;
			}
	*out = b;
	return 0;
}
