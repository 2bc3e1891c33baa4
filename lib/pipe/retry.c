/* retry.c - backoff arithmetic and the Retry-After header (see retry.h).
 *
 * Pure functions: time and randomness are arguments, so the whole table is tested without waiting. */
#include "lib/pipe/retry.h"

#include "lib/base/clock.h"
#include "lib/base/parse.h"

enum { RETRY_AFTER_MAX_S = 900 };
#define LONGEST_NS (INT64_MAX / 4) /* 73 years: sums of it and the clock fit */

int64_t backoff_next(
        struct backoff *b, const struct retry_conf *c, int64_t now_ns, int64_t retry_after_ns, double random)
{
	double max = (double)c->max_interval.ns;
	double next = b->interval_ns ? (double)b->interval_ns * c->multiplier : (double)c->initial_interval.ns;
	if (next > max)
		next = max;
	b->interval_ns = (int64_t)next;
	double factor = 1 - c->randomization_factor + 2 * c->randomization_factor * random;
	double wait = next * factor;
	int64_t delay = wait < (double)LONGEST_NS ? (int64_t)wait : LONGEST_NS;
	if (delay < retry_after_ns)
		delay = retry_after_ns;
	int64_t limit = c->max_elapsed_time.ns;
	if (limit > 0 && now_ns - b->started_ns + delay > limit)
		return -1;
	return delay;
}

static int64_t clamp_s(int64_t s)
{
	return (s < 0 ? 0 : s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : s) * NS_PER_S;
}

int64_t retry_after_parse(slice value, slice date, int64_t wall_ns)
{
	uint64_t seconds;
	int64_t at, now;
	value = slice_trim(value);
	if (!parse_u64(value, &seconds))
		return clamp_s(seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (int64_t)seconds);
	if (parse_http_date(value, &at))
		return -1;
	if (parse_http_date(slice_trim(date), &now))
		now = wall_ns / NS_PER_S;
	return clamp_s(at - now);
}
