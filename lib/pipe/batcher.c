/* batcher.c - accumulating pieces up to a size or a deadline (see batcher.h).
 *
 * The deadline starts with the first piece, as the Collector's flush_timeout does. */
#include "lib/pipe/batcher.h"

struct batcher *batcher_new(const struct record *like)
{
	struct batcher *b = calloc(1, sizeof *b);
	if (!b)
		abort();
	b->signal = like->signal;
	b->pipeline = like->pipeline;
	b->key = record_new(like->signal, like->pipeline, like->partition, like->arrival_ns, 0, NULL);
	return b;
}

void batcher_free(struct batcher *b)
{
	record_unref(b->key);
	VEC_RELEASE(&b->pieces);
	free(b);
}

static void add_piece(struct pieces *out, struct queue_entry *e, struct buf *body, uint32_t n_items)
{
	*VEC_ADD(out) = (struct piece){ .entry = e, .body = body, .n_items = n_items };
	e->n_open++;
}

struct cut {
	struct pieces *out;
	struct queue_entry *entry;
};

static void on_part(void *ctx, struct split_part part)
{
	struct cut *c = ctx;
	add_piece(c->out, c->entry, part.body, part.n_items);
}

/* Limits of a piece; 0: none. */
static uint32_t most_items(const struct batch_settings *s)
{
	bool limited = s->enabled && s->sizer == SIZER_ITEMS && s->max_size < UINT32_MAX;
	return limited ? (uint32_t)s->max_size : 0;
}

static uint64_t most_bytes(const struct batch_settings *s)
{
	uint64_t own = s->enabled && s->sizer == SIZER_BYTES ? s->max_size : 0;
	return own && (!s->max_bytes || own < s->max_bytes) ? own : s->max_bytes;
}

static bool is_over(uint64_t n, uint64_t limit)
{
	return limit && n > limit;
}

void pieces_of(struct queue_entry *e, const struct batch_settings *s, struct pieces *out)
{
	struct record *r = e->record;
	uint32_t max_items = most_items(s);
	uint64_t max_bytes = most_bytes(s);
	size_t before = out->n;
	if (is_over(r->n_items, max_items) || is_over(r->body->len, max_bytes)) {
		struct cut c = { out, e };
		if (!otlp_split(r->signal, buf_slice(r->body), max_items, max_bytes, NULL, on_part, &c))
			return;
		while (out->n > before)
			buf_unref(out->v[--out->n].body);
		e->n_open = 0;
	}
	add_piece(out, e, buf_ref(r->body), r->n_items);
}

bool batcher_fits(const struct batcher *b, const struct batch_settings *s, const struct piece *p)
{
	return !b->pieces.n ||
	        (!is_over(b->n_items + p->n_items, most_items(s)) &&
	                !is_over(b->n_bytes + p->body->len, most_bytes(s)));
}

bool batcher_add(struct batcher *b, const struct batch_settings *s, const struct piece *p, int64_t now_ns)
{
	if (!b->pieces.n)
		b->deadline_ns = now_ns + s->flush_ns;
	*VEC_ADD(&b->pieces) = *p;
	b->n_items += p->n_items;
	b->n_bytes += p->body->len;
	return !s->flush_ns || (s->sizer == SIZER_ITEMS ? b->n_items : b->n_bytes) >= s->min_size;
}
