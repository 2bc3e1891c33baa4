/* pool.h - the byte pool: how much network-sized memory the process may hold.
 *
 * One atomic counter per pool. Tokens are taken before memory is; a refusal is an answer (503), not
 * a wait. Every `buf` made from a pool holds tokens for its capacity until its last unref. Shared by
 * all threads. The limit may change while tokens are out (reload).
 */
#pragma once
#include <stdatomic.h>

#include "lib/base/base.h"

struct pool {
	_Atomic uint64_t used, limit, peak;
	_Atomic uint64_t n_refused; /* how often pool_take said no */
};

void pool_init(struct pool *p, uint64_t limit);
void pool_set_limit(struct pool *p, uint64_t limit);
/* True and `n` tokens taken, or false and nothing taken. */
bool pool_take(struct pool *p, uint64_t n) MUST_USE;
void pool_give(struct pool *p, uint64_t n);
uint64_t pool_used(const struct pool *p);
