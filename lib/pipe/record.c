/* record.c - making, sharing and comparing records (see record.h).
 *
 * The partition text lies behind the struct in one allocation, so a record is freed by one free and one buf_unref. */
#include "lib/pipe/record.h"

struct record *record_new(enum signal signal, const char *pipeline, slice partition, int64_t arrival_ns,
        uint32_t n_items, struct buf *body)
{
	struct record *r = malloc(sizeof *r + partition.len);
	if (!r)
		abort();
	char *text = (char *)(r + 1);
	if (partition.len)
		memcpy(text, partition.p, partition.len);
	*r = (struct record){
		.refs = 1,
		.signal = signal,
		.pipeline = pipeline,
		.partition = { text, partition.len },
		.arrival_ns = arrival_ns,
		.n_items = n_items,
		.body = body,
	};
	return r;
}

struct record *record_ref(struct record *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void record_unref(struct record *r)
{
	if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	buf_unref(r->body);
	buf_unref(r->sidecar);
	free(r);
}

bool record_joinable(const struct record *a, const struct record *b)
{
	return a->signal == b->signal && a->pipeline == b->pipeline && slice_eq(a->partition, b->partition);
}
