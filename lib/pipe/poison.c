/* poison.c - see poison.h.
 *
 * A cut never decodes an item: otlp_split copies ranges. The items of the parts must add up to those of the whole, else the delivery
 * stays whole: the equation of the counters is worth more than one more request. */
#include "lib/pipe/poison.h"

#include "lib/pipe/exporter_internal.h"
#include "lib/pipe/storage.h"

enum { MAX_PARTS = 8, PROBE_S = 600 };

static uint32_t log2_up(uint32_t n)
{
	return n < 2 ? 1 : 32 - (uint32_t)__builtin_clz(n - 1);
}

/* A cut plans two requests. One part after the other, depth first, a delivery with POISON_MAX bad items has met a good one after its first path to
 * the bottom and one cut more for each of them; to find them all costs a path each. */
uint32_t origin_max_requests(const struct origin *o, bool too_large, unsigned hopeless)
{
	uint32_t depth = log2_up(o->n_items);
	if (too_large)
		return o->accepted ? SIZE_REQUESTS_MAX : SIZE_REQUESTS_FIRST;
	if (!o->accepted && hopeless >= HOPELESS_ROW)
		return HOPELESS_MAX;
	return 2 + 2 * (o->accepted || o->vouched ? POISON_MAX * depth : POISON_MAX + depth);
}

struct cut {
	struct queue_entry *entry;
	struct piece v[MAX_PARTS];
	size_t n;
	uint64_t n_items;
	bool failed;
};

/* A part without items (groups that came empty) says nothing: it is left out. */
static void on_part(void *ctx, struct split_part part)
{
	struct cut *c = ctx;
	if (!part.n_items || c->n == MAX_PARTS) {
		c->failed |= part.n_items > 0;
		buf_unref(part.body);
		return;
	}
	c->n_items += part.n_items;
	c->v[c->n++] = (struct piece){ c->entry, part.body, part.n_items };
}

static bool cut_piece(const struct piece *p, uint32_t max_items, uint64_t max_bytes, struct cut *c)
{
	*c = (struct cut){ .entry = p->entry };
	int rc = otlp_split(p->entry->record->signal, buf_slice(p->body), max_items, max_bytes, NULL, on_part, c);
	bool less = c->n > 1 || (c->n == 1 && c->v[0].body->len < p->body->len);
	if (rc == 0 && !c->failed && less && c->n_items == p->n_items)
		return true;
	while (c->n)
		buf_unref(c->v[--c->n].body);
	return false;
}

static uint64_t weight(const struct piece *p, bool by_bytes)
{
	return by_bytes ? p->body->len : p->n_items;
}

/* The cut between pieces that makes the halves most equal: so many go to the first one. */
static size_t middle(const struct pending *p, bool by_bytes)
{
	uint64_t total = 0, left = 0, least = UINT64_MAX;
	size_t best = 1;
	for (size_t i = 0; i < p->n_pieces; i++)
		total += weight(&p->pieces[i], by_bytes);
	for (size_t i = 1; i < p->n_pieces; i++) {
		left += weight(&p->pieces[i - 1], by_bytes);
		uint64_t apart = left * 2 > total ? left * 2 - total : total - left * 2;
		if (apart < least) {
			least = apart;
			best = i;
		}
	}
	return best;
}

static void add_part(struct pending_list *l, const struct pending *p, const struct piece *v, size_t n)
{
	struct piece *copy = malloc(n * sizeof *copy);
	if (!copy)
		abort();
	memcpy(copy, v, n * sizeof *copy);
	struct pending *part = pending_new(p->d.exporter, copy, n);
	part->origin = p->origin;
	part->origin->n_parts++;
	pending_push(l, part);
}

struct pending_list pending_cut(struct pending *p, bool by_bytes)
{
	struct pending_list l = { 0 };
	struct piece *one = &p->pieces[0];
	struct cut c;
	if (p->n_pieces > 1) {
		size_t n = middle(p, by_bytes);
		add_part(&l, p, one, n);
		add_part(&l, p, one + n, p->n_pieces - n);
	} else if ((by_bytes && cut_piece(one, 0, one->body->len / 2, &c)) ||
	        cut_piece(one, (one->n_items + 1) / 2, 0, &c)) {
		one->entry->n_open += (uint32_t)c.n - 1;
		buf_unref(one->body);
		for (size_t i = 0; i < c.n; i++)
			add_part(&l, p, &c.v[i], 1);
	}
	if (l.first)
		pending_free(p);
	return l;
}

static bool is_recent(int64_t then_ns, int64_t now_ns)
{
	return now_ns - then_ns < PROBE_S * NS_PER_S;
}

void size_refused(struct size_limit *l, uint64_t size, int64_t now_ns)
{
	uint64_t lower = size / 5 * 4;
	bool known = l->accepted && is_recent(l->accepted_ns, now_ns);
	if (known && size <= l->accepted)
		return; /* as much was accepted: it is not the size */
	if (known && lower < l->accepted)
		lower = l->accepted;
	l->refused_ns = now_ns;
	if (!l->limit || lower < l->limit)
		l->limit = lower;
}

void size_accepted(struct size_limit *l, uint64_t size, int64_t now_ns)
{
	if (size >= l->accepted || !is_recent(l->accepted_ns, now_ns)) {
		l->accepted = size;
		l->accepted_ns = now_ns;
	}
	if (l->limit && size > l->limit)
		l->limit = size;
}

uint64_t size_now(struct size_limit *l, int64_t now_ns)
{
	while (l->limit && !is_recent(l->refused_ns, now_ns)) {
		l->limit += l->limit / 4 + 1;
		l->refused_ns += PROBE_S * NS_PER_S;
		if (l->limit > UINT32_MAX)
			l->limit = 0;
	}
	return l->limit;
}

const char *letter_reason_name(enum letter_reason r)
{
	static const char *const names[] = { "too_large", "bad_request" };
	return names[r];
}

static void keep(struct exporter *e, const struct letter *l)
{
	struct storage *s = exporter_storage(e);
	struct strbuf routes;
	if (!s)
		return;
	strbuf_init(&routes, META_MAX);
	routes_add(&routes, slice_of(e->id));
	const struct store_record r = {
		.type = STORE_LETTER,
		.signal = l->signal,
		.n_items = l->n_items,
		.pipeline = slice_of(l->pipeline),
		.routes = strbuf_slice(&routes),
		.reason = slice_of(letter_reason_name(l->reason)),
		.text = l->text,
		.body = buf_slice(l->body),
	};
	(void)dead_letters_add(s->letters, &r); /* what cannot be kept is counted and logged there */
	strbuf_release(&routes);
}

void dead_letter(struct exporter *e, const struct letter *l)
{
	keep(e, l);
	char text[256];
	snprintf(text, sizeof text, "%.*s", (int)(l->text.len < 255 ? l->text.len : 255), l->text.p ? l->text.p : "");
	log_warn(e->log, "Refused by the destination for good: dead-lettered", "reason", letter_reason_name(l->reason),
	        "status", LOG_I(l->status), "items", LOG_U(l->n_items), "error", text, NULL);
}
