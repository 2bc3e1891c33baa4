/* pool.c - the counter of network-sized memory; see pool.h.
 *
 * One compare-and-swap loop makes "is there room" and "take it" one step, so that `used` never
 * exceeds the limit of the moment, whatever the threads do.
 */
#include "lib/base/pool.h"

void pool_init(struct pool *p, uint64_t limit)
{
	atomic_init(&p->used, 0);
	atomic_init(&p->limit, limit);
	atomic_init(&p->peak, 0);
	atomic_init(&p->n_refused, 0);
}

void pool_set_limit(struct pool *p, uint64_t limit)
{
	atomic_store_explicit(&p->limit, limit, memory_order_relaxed);
}

bool pool_take(struct pool *p, uint64_t n)
{
	uint64_t limit = atomic_load_explicit(&p->limit, memory_order_relaxed);
	uint64_t used = atomic_load_explicit(&p->used, memory_order_relaxed);
	do {
		if (used > limit || n > limit - used) {
			atomic_fetch_add_explicit(&p->n_refused, 1, memory_order_relaxed);
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(
	        &p->used, &used, used + n, memory_order_relaxed, memory_order_relaxed));
	uint64_t now = used + n, peak = atomic_load_explicit(&p->peak, memory_order_relaxed);
	while (now > peak &&
	        !atomic_compare_exchange_weak_explicit(
	                &p->peak, &peak, now, memory_order_relaxed, memory_order_relaxed)) {
	}
	return true;
}

void pool_give(struct pool *p, uint64_t n)
{
	atomic_fetch_sub_explicit(&p->used, n, memory_order_relaxed);
}

uint64_t pool_used(const struct pool *p)
{
	return atomic_load_explicit(&p->used, memory_order_relaxed);
}
