/* buf.c - refcounted bytes in one allocation, header first; see buf.h.
 *
 * Tokens are taken before memory and given back after it: the pool never knows less than is held.
 * The slack behind the capacity is zeroed when the block is made; buf_trim also zeroes it behind the
 * final length, which is what a writer calls when it is done.
 */
#include "lib/base/buf.h"

static struct buf *block(struct buf *old, size_t cap)
{
	if (cap > SIZE_MAX - sizeof(struct buf) - BUF_SLACK)
		return NULL;
	struct buf *b = realloc(old, sizeof(*b) + cap + BUF_SLACK);
	if (!b)
		return NULL;
	b->data = (char *)(b + 1);
	b->cap = cap;
	memset(b->data + cap, 0, BUF_SLACK);
	return b;
}

struct buf *buf_new(struct pool *pool, size_t cap)
{
	if (pool && !pool_take(pool, cap))
		return NULL;
	struct buf *b = block(NULL, cap);
	if (!b) {
		if (pool)
			pool_give(pool, cap);
		return NULL;
	}
	atomic_init(&b->refs, 1);
	b->pool = pool;
	b->len = 0;
	return b;
}

struct buf *buf_copy(struct pool *pool, slice s)
{
	struct buf *b = buf_new(pool, s.len);
	if (b && s.len)
		memcpy(b->data, s.p, s.len);
	if (b)
		b->len = s.len;
	return b;
}

struct buf *buf_ref(struct buf *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void buf_unref(struct buf *b)
{
	/* release: our reads are over; acquire: the last one sees everybody's */
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	struct pool *pool = b->pool;
	size_t cap = b->cap;
	free(b);
	if (pool)
		pool_give(pool, cap);
}

int buf_reserve(struct buf **b, size_t cap)
{
	size_t had = (*b)->cap;
	struct pool *pool = (*b)->pool;
	if (cap <= had)
		return 0;
	if (pool && !pool_take(pool, cap - had))
		return -1;
	struct buf *grown = block(*b, cap);
	if (!grown) {
		if (pool)
			pool_give(pool, cap - had);
		return -1;
	}
	*b = grown;
	return 0;
}

void buf_trim(struct buf **b)
{
	size_t len = (*b)->len, cap = (*b)->cap;
	if (cap - len > cap / 4) {
		struct buf *small = block(*b, len);
		if (small) {
			*b = small;
			if (small->pool)
				pool_give(small->pool, cap - len);
		}
	}
	memset((*b)->data + len, 0, BUF_SLACK);
}
