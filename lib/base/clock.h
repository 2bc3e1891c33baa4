/* clock.h - the only source of time (determinism seam).
 *
 * Timers and ages use `mono`; `wall` is for stamps, Retry-After dates and certificates only. A test
 * installs a fake clock and moves it by hand. */
#pragma once
#include "lib/base/base.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

struct clock {
	int64_t (*mono)(struct clock *c); /* ns, CLOCK_MONOTONIC */
	int64_t (*wall)(struct clock *c); /* ns since 1970, CLOCK_REALTIME */
};

struct fake_clock {
	struct clock clock; /* first member */
	int64_t mono_ns, wall_ns;
};

struct clock *clock_system(void);
void fake_clock_init(struct fake_clock *f, int64_t mono_ns, int64_t wall_ns);
void fake_clock_advance(struct fake_clock *f, int64_t ns);

static inline int64_t clock_mono(struct clock *c)
{
	return c->mono(c);
}

static inline int64_t clock_wall(struct clock *c)
{
	return c->wall(c);
}
