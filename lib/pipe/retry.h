/* retry.h - how long to wait before the next attempt: the Collector's exponential backoff.
 *
 * delay = interval * uniform[1 - f, 1 + f]; the interval grows by `multiplier` up to max_interval. A backend's
 * Retry-After is a lower bound. Gives up when the next attempt would start later than max_elapsed_time after the
 * first one (0: never).
 */
#pragma once
#include "lib/pipe/groups.h"

struct backoff {
	int64_t interval_ns; /* 0 before the first retry */
	int64_t started_ns; /* monotonic time of the first attempt */
};

/* ns to wait from `now_ns`, or -1 to give up. `random` is uniform in [0, 1). */
int64_t backoff_next(
        struct backoff *b, const struct retry_conf *c, int64_t now_ns, int64_t retry_after_ns, double random);

/* Retry-After of RFC 9110 10.2.3: delay in seconds or a date, compared with the answer's own Date when given. ns, clamped to
 * [0, 15 min]; -1 when it is neither. */
int64_t retry_after_parse(slice value, slice date, int64_t wall_ns);
