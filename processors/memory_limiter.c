/* memory_limiter.c - the Collector's memory limiter, lowered: it polls nothing, its limit becomes the size of the byte
 * pool, which counts exactly what requests hold and answers 503 when it is full.
 *
 * The Collector refuses above its soft limit, limit minus spike, so that is the size of the pool.
 */
#include "lib/base/memory.h"
#include "lib/pipe/component.h"

struct memory_limiter_conf {
	duration check_interval;
	uint32_t limit_mib, spike_limit_mib, limit_percentage, spike_limit_percentage;
};

#define NO_GC "there is no garbage collector to run."
static const struct conf_field fields[] = {
	CONF_DURATION(memory_limiter_conf, check_interval, "0s",
	        "Must be given, as in the Collector; memory is counted at every request, not at intervals."),
	CONF_U32(memory_limiter_conf, limit_mib, "0", "Memory for requests, in MiB; wins over limit_percentage."),
	CONF_U32(memory_limiter_conf, spike_limit_mib, "0",
	        "Part of limit_mib that is kept free; 0 means a fifth of it."),
	CONF_U32(memory_limiter_conf, limit_percentage, "0",
	        "The limit in percent of the memory of the cgroup or the host."),
	CONF_U32(memory_limiter_conf, spike_limit_percentage, "0",
	        "Part that is kept free, in percent of the same memory; 0 means a fifth of the limit."),
	CONF_IGNORED("min_gc_interval_when_soft_limited", NO_GC),
	CONF_IGNORED("min_gc_interval_when_hard_limited", NO_GC),
	CONF_IGNORED("max_gc_interval_when_soft_limited", NO_GC),
	CONF_IGNORED("max_gc_interval_when_hard_limited", NO_GC),
	CONF_END,
};

static void check(const void *conf, struct conf_report *r)
{
	const struct memory_limiter_conf *c = conf;
	if (c->check_interval.ns <= 0)
		conf_fail(r, &c->check_interval, "'check_interval' must be greater than zero");
	const uint32_t *given = conf_is_set(r, &c->limit_mib) ? &c->limit_mib : &c->limit_percentage;
	if (!c->limit_mib && !c->limit_percentage)
		conf_fail(r, given, "'limit_mib' or 'limit_percentage' must be greater than zero");
	if (c->limit_percentage > 100 || c->spike_limit_percentage > 100)
		conf_fail(r, c->limit_percentage > 100 ? &c->limit_percentage : &c->spike_limit_percentage,
		        "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or "
		        "equal to "
		        "hundred");
	if (c->limit_mib && c->spike_limit_mib >= c->limit_mib)
		conf_clash(r, &c->limit_mib, &c->spike_limit_mib, "'spike_limit_mib' must be smaller than 'limit_mib'");
	if (c->limit_percentage && c->spike_limit_percentage >= c->limit_percentage)
		conf_clash(r, &c->limit_percentage, &c->spike_limit_percentage,
		        "'spike_limit_percentage' must be smaller than 'limit_percentage'");
}

static void lower(const void *conf, struct pipeline_settings *p)
{
	const struct memory_limiter_conf *c = conf;
	uint64_t mib = UINT64_C(1) << 20, percent = memory_total() / 100;
	uint64_t limit = c->limit_mib ? c->limit_mib * mib : c->limit_percentage * percent;
	uint64_t spike = c->limit_mib ? c->spike_limit_mib * mib : c->spike_limit_percentage * percent;
	p->memory_limit = limit - (spike ? spike : limit / 5);
}

const struct component processor_memory_limiter = {
	.name = "memory_limiter",
	.summary = "Sets how much memory requests may hold before new ones are refused with 503.",
	.kind = PROCESSOR,
	.signals = TRACES | LOGS | METRICS,
	.flags = LOWERED,
	.fields = fields,
	.conf_size = sizeof(struct memory_limiter_conf),
	.check = check,
	.lower = lower,
};
