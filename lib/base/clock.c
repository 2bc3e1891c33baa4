/* clock.c - the system's clocks and one that is moved by hand; see clock.h. */
#include "lib/base/clock.h"

#include <time.h>

static int64_t now(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int64_t system_mono(struct clock *c UNUSED)
{
	return now(CLOCK_MONOTONIC);
}

static int64_t system_wall(struct clock *c UNUSED)
{
	return now(CLOCK_REALTIME);
}

struct clock *clock_system(void)
{
	static struct clock system = { system_mono, system_wall };
	return &system;
}

static int64_t fake_mono(struct clock *c)
{
	return CONTAINER_OF(c, struct fake_clock, clock)->mono_ns;
}

static int64_t fake_wall(struct clock *c)
{
	return CONTAINER_OF(c, struct fake_clock, clock)->wall_ns;
}

void fake_clock_init(struct fake_clock *f, int64_t mono_ns, int64_t wall_ns)
{
	*f = (struct fake_clock){ { fake_mono, fake_wall }, mono_ns, wall_ns };
}

void fake_clock_advance(struct fake_clock *f, int64_t ns)
{
	f->mono_ns += ns;
	f->wall_ns += ns;
}
