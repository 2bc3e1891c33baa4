/* sim_conf.c - what the seed makes of the config, as YAML, and the plan of it with the simulation's ends in it (see sim.h).
 *
 * The YAML names real components; otlp becomes the door, nop the destinations. Both have the options of what they stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/plan.h"
#include "lib/base/strbuf.h"
#include "tests/unit/rig/sim.h"

static void make_far(struct sim *s, struct sim_far *f)
{
	static const enum sizer sizers[] = { SIZER_REQUESTS, SIZER_REQUESTS, SIZER_ITEMS, SIZER_BYTES };
	f->here = true;
	f->stored = s->has_storage && sim_chance(s, 75);
	f->required = (int)sim_below(s, 3);
	f->overflow = f->required == TRI_TRUE ? (int)sim_below(s, 2) : (int)sim_below(s, 4);
	f->retries = sim_chance(s, 92);
	f->n_consumers = 1 + (unsigned)sim_below(s, 4);
	f->sizer = sizers[sim_below(s, COUNTOF(sizers))];
	f->queue_size = sim_chance(s, 40) ? 2 + (unsigned)sim_below(s, 6) : 200;
	if (f->sizer == SIZER_ITEMS)
		f->queue_size *= 10;
	if (f->sizer == SIZER_BYTES)
		f->queue_size *= 1000;
	f->max_elapsed_s = sim_chance(s, 50) ? 0 : 2 + (unsigned)sim_below(s, 20);
	f->interval_ms = 10 + (unsigned)sim_below(s, 500);
	if (sim_chance(s, 40)) {
		f->batch_min = (unsigned)sim_below(s, 12);
		f->batch_max = f->batch_min + 1 + (unsigned)sim_below(s, 20);
	}
	f->size_limit = sim_chance(s, 15) ? 1200 + sim_below(s, 4000) : 0;
	f->slow_ms = sim_chance(s, 30) ? (unsigned)sim_below(s, 3000) : 20;
}

void sim_conf_make(struct sim *s)
{
	s->n_workers = 1 + (unsigned)sim_below(s, SIM_WORKERS);
	s->n_far = 1 + (unsigned)sim_below(s, SIM_FAR);
	s->has_storage = sim_chance(s, 85);
	s->fsync = sim_chance(s, 90);
	s->memory_mib = sim_chance(s, 8) ? 1 : 64;
	s->max_size = (sim_chance(s, 30) ? UINT64_C(1) : UINT64_C(16)) << 20;
	s->poison = sim_chance(s, 30) ? 20 + (unsigned)sim_below(s, 100) : 0;
	s->rejects = sim_chance(s, 20) ? 10 + (unsigned)sim_below(s, 50) : 0;
	s->logs_to = sim_chance(s, 40) ? (uint8_t)sim_below(s, 1u << s->n_far) : 0;
	for (unsigned i = 0; i < s->n_far; i++)
		make_far(s, &s->far[i]);
}

static uint8_t here(const struct sim *s)
{
	uint8_t mask = 0;
	for (unsigned i = 0; i < s->n_far; i++)
		mask |= (uint8_t)(s->far[i].here << i);
	return mask;
}

uint8_t sim_conf_routes(const struct sim *s, enum signal signal)
{
	return signal == TRACES ? here(s) : (uint8_t)(here(s) & s->logs_to);
}

static bool is_alone(const struct sim *s, unsigned far)
{
	uint8_t traces = sim_conf_routes(s, TRACES), logs = sim_conf_routes(s, LOGS), own = (uint8_t)(1u << far);
	return traces == own && (!(logs & own) || logs == own);
}

uint8_t sim_conf_required(const struct sim *s, enum signal signal)
{
	uint8_t mask = 0;
	for (unsigned i = 0; i < s->n_far; i++) {
		const struct sim_far *f = &s->far[i];
		bool required = f->required == TRI_AUTO ? is_alone(s, i) : f->required == TRI_TRUE;
		mask |= (uint8_t)((required && f->overflow != OVERFLOW_DROP_NEWEST) << i);
	}
	return mask & sim_conf_routes(s, signal);
}

static void put_far(struct strbuf *y, const struct sim_far *f, unsigned i)
{
	static const char *const tristates[] = { "auto", "false", "true" };
	static const char *const overflows[] = { "auto", "reject", "drop_oldest", "drop_newest" };
	static const char *const sizers[] = { "requests", "items", "bytes" };
	strbuf_addf(y, "  nop/%c:\n    required: %s\n    overflow: %s\n", 'a' + (char)i, tristates[f->required],
	        overflows[f->overflow]);
	strbuf_addf(y,
	        "    retry_on_failure: {enabled: %s, initial_interval: %ums, max_interval: 2s, max_elapsed_time: "
	        "%us}\n",
	        f->retries ? "true" : "false", f->interval_ms + f->variant, f->max_elapsed_s);
	strbuf_addf(y,
	        "    sending_queue:\n      enabled: true\n      num_consumers: %u\n      queue_size: %u\n      sizer: "
	        "%s\n",
	        f->n_consumers, f->queue_size, sizers[f->sizer]);
	if (f->stored)
		strbuf_adds(y, "      storage: file_storage\n");
	if (f->batch_max)
		strbuf_addf(y, "      batch: {flush_timeout: 50ms, min_size: %u, max_size: %u, sizer: items}\n",
		        f->batch_min, f->batch_max);
}

static void put_pipeline(const struct sim *s, struct strbuf *y, const char *name, uint8_t mask)
{
	strbuf_addf(y, "    %s: {receivers: [otlp], processors: [memory_limiter], exporters: [", name);
	for (unsigned i = 0; i < s->n_far; i++)
		if (mask & 1u << i)
			strbuf_addf(y, "nop/%c%s", 'a' + (char)i, mask >> (i + 1) ? ", " : "");
	strbuf_adds(y, "]}\n");
}

static void put_all(const struct sim *s, struct strbuf *y)
{
	strbuf_adds(y, "yaml:receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:0'}}}}\n");
	strbuf_addf(y, "processors: {memory_limiter: {check_interval: 1s, limit_mib: %u}}\n", s->memory_mib);
	if (s->has_storage)
		strbuf_addf(y,
		        "extensions: {file_storage: {directory: " SIM_DIRECTORY
		        ", fsync: %s, max_size: %llu, segment_size: 65536}}\n",
		        s->fsync ? "true" : "false", (unsigned long long)s->max_size);
	strbuf_adds(y, "exporters:\n");
	for (unsigned i = 0; i < s->n_far; i++)
		if (s->far[i].here)
			put_far(y, &s->far[i], i);
	strbuf_addf(y, "service:\n  telemetry: {metrics: {level: none}}\n  extensions: [%s]\n  pipelines:\n",
	        s->has_storage ? "file_storage" : "");
	put_pipeline(s, y, "traces", sim_conf_routes(s, TRACES));
	if (sim_conf_routes(s, LOGS))
		put_pipeline(s, y, "logs", sim_conf_routes(s, LOGS));
}

static void note_rules(struct sim *s)
{
	uint8_t required = sim_conf_required(s, TRACES) | sim_conf_required(s, LOGS);
	for (unsigned i = 0; i < s->n_far; i++)
		s->far[i].can_drop |= !(required & 1u << i) || s->far[i].overflow > OVERFLOW_REJECT;
}

struct plan *sim_conf_plan(struct sim *s)
{
	struct findings f;
	struct strbuf y;
	strbuf_init(&y, 1 << 16);
	put_all(s, &y);
	strbuf_addc(&y, 0);
	const char *const configs[] = { y.p };
	findings_init(&f);
	struct plan *p = plan_load(&(struct plan_sources){ .configs = configs, .n_configs = 1 }, &f);
	for (size_t i = 0; !p && i < f.n; i++)
		print_message("%u:%u: %s\n", f.v[i].pos.line, f.v[i].pos.col, f.v[i].text);
	if (!p)
		fail_msg("seed %llu: the config has errors\n%s", (unsigned long long)s->seed, y.p);
	for (size_t i = 0; i < p->n_components; i++) {
		const struct component **type = &p->components[i].type;
		if ((*type)->kind == RECEIVER)
			*type = &sim_door_type;
		else if ((*type)->kind == EXPORTER)
			*type = &sim_far_type;
	}
	note_rules(s);
	findings_release(&f);
	strbuf_release(&y);
	return p;
}
