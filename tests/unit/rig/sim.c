/* sim.c - one run: lives, turns and what happens in them (see sim.h).
 *
 * A turn is one loop's, chosen by the seed among those that have something to do; the clock moves when none has. So no work takes time, and every
 * order of it is possible. */
#include "tests/unit/rig/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/plan.h"
#include "lib/pipe/storage.h"

enum { MAX_LOOPS = 24, MAX_TURNS = 60000, DISK_BYTES = 64 << 20, REST_S = 3 * 3600 };

const char *sim_event_name(enum sim_event e)
{
	static const char *const names[N_SIM_EVENTS] = { "runs", "200 queued", "200 durable", "200 delivered",
		"503 full", "503 no memory", "503 disk", "503 ack_timeout", "client vanished", "kill -9", "power lost",
		"killed at the start", "clean restarts", "reloads", "exporters removed", "exporters back",
		"items recovered", "copies excused", "retries", "answers lost", "sends cancelled", "held", "400", "413",
		"rejected", "dead letters", "overflow", "max_elapsed", "lost at a stop", "disk broken", "disk full",
		"bytes salvaged", "logs that rolled", "starts failed" };
	return names[e];
}

struct loops {
	struct loop *v[MAX_LOOPS];
	size_t n;
};

static void add_loop(struct loops *l, struct loop *x)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i] == x)
			return;
	if (l->n == MAX_LOOPS)
		abort();
	l->v[l->n++] = x;
}

/* Of this life. */
static struct storage *storage_of(const struct sim *s)
{
	const struct graph *g = s->core->graph;
	for (size_t i = 0; g && i < g->plan->n_components; i++) {
		const struct plan_component *p = &g->plan->components[i];
		if (p->used && p->type->provides)
			return p->type->provides(g->nodes[i].shared, IFACE_STORAGE);
	}
	return NULL;
}

static struct loops all_loops(struct sim *s)
{
	struct loops l = { .n = 0 };
	const struct core *c = s->core;
	add_loop(&l, &s->loop);
	if (!c)
		return l;
	for (unsigned i = 0; i < c->n_workers; i++)
		add_loop(&l, c->workers[i].loop);
	for (size_t i = 0; c->graph && i < c->graph->exporters.n; i++)
		add_loop(&l, &c->graph->exporters.v[i]->loop);
	for (size_t i = 0; i < c->orphans.n; i++)
		add_loop(&l, &c->orphans.v[i]->loop);
	if (storage_of(s))
		add_loop(&l, store_writer_loop(storage_of(s)->writer));
	return l;
}

/* Its next timer, or INT64_MIN when it has something to do at once. */
static int64_t due(struct loop *l)
{
	int64_t at = INT64_MAX;
	if (atomic_load(&l->mailbox.head) || l->uv.closing_handles)
		return INT64_MIN;
	for (const struct timer *t = l->timers; t; t = t->next)
		at = t->at < at ? t->at : at;
	return at;
}

/* One loop has its turn. False: nothing is to be done until `limit_ns`, and it is that late now. */
static bool turn(struct sim *s, int64_t limit_ns)
{
	struct loops all = all_loops(s), busy = { .n = 0 };
	int64_t next = INT64_MAX, now = s->clock.mono_ns;
	for (size_t i = 0; i < all.n; i++) {
		int64_t at = due(all.v[i]);
		if (at <= now)
			busy.v[busy.n++] = all.v[i];
		else if (at < next)
			next = at;
	}
	if (busy.n) {
		size_t i = sim_below(s, busy.n);
		sim_note(s, 0x10000 + i + busy.n * 256);
		loop_pump(busy.v[i]);
		s->dead = s->dead || fake_disk_halted(s->disk);
		return true;
	}
	next = next < limit_ns ? next : limit_ns;
	fake_clock_advance(&s->clock, next - now);
	return next < limit_ns;
}

static bool too_many(struct sim *s)
{
	if (s->n_turns++ < MAX_TURNS)
		return false;
	sim_fail(s, "it does not come to rest");
	s->stuck = true;
	return true;
}

static void run_for(struct sim *s, int64_t ns)
{
	int64_t limit = s->clock.mono_ns + ns;
	bool was_dead = s->dead;
	while (s->dead == was_dead && !too_many(s) && turn(s, limit)) {
	}
}

static uint64_t draw(void *ctx)
{
	struct sim *s = ctx;
	return fake_random_next(&s->salts);
}

static void on_drained(void *ctx, uint64_t n_lost)
{
	struct sim *s = ctx;
	(void)n_lost;
	s->drained = true;
}

static void look_at_letters(struct sim *s)
{
	struct storage *st = storage_of(s);
	if (!st)
		return;
	struct dead_letters_stats l = dead_letters_stats(st->letters);
	s->letters_gone |= l.n_evicted || l.n_lost;
}

/* Of a core that runs, or is a ghost. */
static void take_down(struct sim *s, bool started, int64_t drain_ns)
{
	if (started) {
		s->drained = false;
		core_drain(s->core, drain_ns, on_drained, s);
		while (!s->drained && !too_many(s))
			turn(s, INT64_MAX / 2);
		for (unsigned i = 0; i < 1000 && pool_used(core_pool(s->core)); i++)
			turn(s, s->clock.mono_ns);
		if (pool_used(core_pool(s->core)))
			sim_fail(s, "%llu bytes of the pool did not come back",
			        (unsigned long long)pool_used(core_pool(s->core)));
	}
	if (s->stuck) /* it cannot be taken down, and the run has failed */
		return;
	if (started && !s->dead)
		sim_life_ends(s, true);
	look_at_letters(s);
	core_free(s->core);
	s->core = NULL;
	loop_release(&s->loop);
}

static uint64_t damage_of(const struct sim *s)
{
	return storage_of(s) ? store_damage(storage_of(s)->store).n_bytes : 0;
}

/* What the next life finds. */
static void lose_process(struct sim *s)
{
	bool power = s->fsync && sim_chance(s, 50);
	if (power)
		fake_disk_crash(s->disk, fake_random_next(&s->random));
	else
		fake_disk_kill(s->disk);
	s->counts[power ? SIM_POWER_LOST : SIM_KILLED]++;
	sim_say(s, power ? "power lost" : "killed");
}

static bool try_start(struct sim *s)
{
	struct err e = { .text = "" };
	struct core_options o = {
		.loop = &s->loop,
		.log = s->log,
		.version = "sim",
		.n_workers = s->n_workers,
		.max_connections = 1000,
		.plan_free = plan_free,
		.disk = &s->disk->disk,
		.random = draw,
		.random_ctx = s,
	};
	s->life++;
	sim_say(s, "life %u", s->life);
	s->dead = false;
	s->disk_trouble = s->faulty;
	if (loop_init(&s->loop, &s->clock.clock))
		abort();
	s->loop.pumped = true;
	s->core = core_new(&o);
	bool ok = core_apply(s->core, sim_conf_plan(s), &e) == 0;
	s->dead = fake_disk_halted(s->disk);
	if (ok && !s->dead) {
		sim_connect(s);
		sim_life_begins(s);
		s->counts[SIM_SALVAGED] += damage_of(s);
		return true;
	}
	s->counts[SIM_KILLED_AT_START] += s->dead;
	s->counts[SIM_NOT_STARTED] += !s->dead;
	sim_say(s, "no start: %s", e.text);
	if (!s->dead && !s->disk_trouble)
		sim_fail(s, "it does not start: %s", e.text);
	if (s->dead)
		sim_excuse_kill(s);
	take_down(s, ok, 0);
	if (fake_disk_halted(s->disk))
		lose_process(s);
	else
		fake_disk_kill(s->disk);
	return false;
}

static void heal(struct sim *s)
{
	fake_disk_heal(s->disk);
	fake_disk_resize(s->disk, DISK_BYTES);
	s->faulty = false;
	sim_say(s, "the disk heals");
}

/* Until it runs. The disk heals at last. */
static void start(struct sim *s, bool after_kill)
{
	for (unsigned attempt = 0;; attempt++) {
		if (attempt > 3)
			heal(s);
		if (attempt < 3 && after_kill && sim_chance(s, 20))
			fake_disk_halt_at(s->disk, 1 + sim_below(s, 40));
		if (try_start(s) || s->wrong[0])
			return;
	}
}

static void die(struct sim *s)
{
	if (!fake_disk_halted(s->disk))
		fake_disk_halt(s->disk);
	s->dead = true;
	sim_note(s, 0x20000);
	sim_say(s, "dead");
	sim_excuse_kill(s);
	sim_life_ends(s, false);
	take_down(s, true, 0);
	lose_process(s);
	if (!s->wrong[0])
		start(s, true);
}

/* At this moment, or at one of the next things that it asks of the disk. */
static void kill_it(struct sim *s)
{
	if (sim_chance(s, 80)) {
		fake_disk_halt_at(s->disk, 1 + sim_below(s, 60));
		if (sim_chance(s, 30)) /* whatever comes next */
			return;
		run_for(s, (int64_t)sim_below(s, 2000) * NS_PER_MS);
	}
	if (!s->dead)
		die(s);
}

static void restart(struct sim *s)
{
	static const int64_t drains_ms[] = { 0, 50, 1000, 20000 };
	unsigned excuse = 0;
	s->counts[SIM_RESTARTED]++;
	sim_say(s, "restart");
	take_down(s, true, drains_ms[sim_below(s, COUNTOF(drains_ms))] * NS_PER_MS);
	s->dead = s->dead || fake_disk_halted(s->disk);
	for (; excuse < s->n_far; excuse++)
		sim_excuse_unfinished(s, excuse);
	if (s->dead || s->faulty) /* the last checkpoint may not have been written */
		sim_excuse_kill(s);
	if (s->dead) { /* by its disk, on the way down */
		lose_process(s);
	} else {
		fake_disk_kill(s->disk);
	}
	start(s, false);
}

static void reload(struct sim *s)
{
	struct err e = { .text = "" };
	unsigned n_here = 0;
	struct sim_far *f = &s->far[sim_below(s, s->n_far)];
	for (unsigned i = 0; i < s->n_far; i++)
		n_here += s->far[i].here;
	if (!f->here) {
		f->here = true;
		s->counts[SIM_RETURNED]++;
		sim_excuse_unfinished(s, (unsigned)(f - s->far)); /* it may have given up since it was removed */
	} else if (n_here > 1 && sim_chance(s, 60)) {
		f->here = false;
		s->counts[SIM_REMOVED]++;
		sim_excuse_unfinished(s, (unsigned)(f - s->far));
	} else {
		f->variant++;
	}
	s->counts[SIM_RELOADED]++;
	sim_say_books(s);
	sim_count_drops(s);
	sim_say(s, "reload: %u is %s", (unsigned)(f - s->far), f->here ? "here" : "removed");
	if (core_apply(s->core, sim_conf_plan(s), &e)) {
		if (!strstr(e.text, "has not ended yet") && !fake_disk_halted(s->disk))
			sim_fail(s, "reload: %s", e.text);
		f->here = false;
	}
	sim_count_drops(s);
	s->dead = s->dead || fake_disk_halted(s->disk);
}

static void change_mood(struct sim *s)
{
	struct sim_far *f = &s->far[sim_below(s, s->n_far)];
	f->mood = sim_chance(s, 50) ? MOOD_FINE : (enum sim_mood)sim_below(s, N_MOODS);
	sim_say(s, "mood of %u: %d", (unsigned)(f - s->far), (int)f->mood);
}

static void break_disk(struct sim *s)
{
	static const enum fake_call calls[] = { FAKE_PWRITEV, FAKE_SYNC, FAKE_PREAD, FAKE_ALLOCATE, FAKE_OPEN,
		FAKE_RENAME, FAKE_SYNC_DIR, FAKE_UNLINK };
	struct fake_chaos chaos = { .shorten = (unsigned)sim_below(s, 100), .longest = 1 + (unsigned)sim_below(s, 4) };
	if (s->faulty && sim_chance(s, 60)) {
		heal(s);
		return;
	}
	s->faulty = s->disk_trouble = s->ever_trouble = true;
	if (sim_chance(s, 30)) {
		s->counts[SIM_DISK_FULL]++;
		sim_say(s, "the disk is full");
		fake_disk_resize(s->disk, fake_disk_used(s->disk) + sim_below(s, 100000));
		return;
	}
	enum fake_call call = calls[sim_below(s, COUNTOF(calls))];
	s->counts[SIM_DISK_BROKEN]++;
	sim_say(s, "the disk fails: %s", fake_call_name(call));
	if (sim_chance(s, 60)) {
		fake_disk_fail(s->disk,
		        &(struct fake_fault){ .call = call,
		                .nth = 1 + sim_below(s, 5),
		                .times = 1 + sim_below(s, 10),
		                .error = EIO,
		                .partly = sim_chance(s, 50) });
	} else {
		for (unsigned i = 0; i < COUNTOF(calls); i++)
			chaos.fail[calls[i]] = (unsigned)sim_below(s, 150);
		fake_disk_chaos(s->disk, fake_random_next(&s->random), &chaos);
		call = FAKE_PREAD;
	}
	s->read_trouble |= call == FAKE_PREAD || call == FAKE_OPEN;
}

static void pass_time(struct sim *s)
{
	static const int64_t longest_ms[] = { 1, 5, 300, 300, 3000, 30000 };
	if (sim_chance(s, 30))
		for (uint64_t n = sim_below(s, 12); n-- && !s->dead;)
			turn(s, s->clock.mono_ns);
	else
		run_for(s,
		        (int64_t)sim_below(s, (uint64_t)(longest_ms[sim_below(s, COUNTOF(longest_ms))] * NS_PER_MS)));
}

static void happen(struct sim *s)
{
	uint64_t what = sim_below(s, 100);
	if (what < 62)
		sim_push(s, NULL);
	else if (what < 74)
		change_mood(s);
	else if (what < 80)
		sim_vanish(s);
	else if (what < 88)
		reload(s);
	else if (what < 90)
		restart(s);
	else if (!s->has_storage)
		sim_push(s, NULL);
	else if (what < 95)
		kill_it(s);
	else
		break_disk(s);
	if (s->dead && !s->wrong[0])
		die(s);
}

static bool has_queued(const struct sim *s)
{
	if (atomic_load(&s->core->n_admissions)) /* promised, and the disk has not taken it yet */
		return true;
	for (size_t i = 0; i < s->core->exporter_stats.n; i++) {
		const struct exporter_stats *x = s->core->exporter_stats.entries[i].value;
		for (unsigned k = 0; k < N_SIGNALS; k++)
			if (count_get(&x->by_signal[k].queued))
				return true;
	}
	return false;
}

static void rest(struct sim *s, int64_t at_most_s)
{
	int64_t limit = s->clock.mono_ns + at_most_s * NS_PER_S;
	while ((has_queued(s) || sim_waiting(s)) && s->clock.mono_ns < limit && !too_many(s))
		turn(s, limit);
	run_for(s, NS_PER_S);
}

/* The whole config, with options that make every exporter try at once. */
static int reload_all(struct sim *s)
{
	struct err e = { .text = "" };
	for (unsigned i = 0; i < s->n_far; i++) {
		struct sim_far *f = &s->far[i];
		f->mood = MOOD_FINE;
		f->variant++;
		if (!f->here)
			sim_excuse_unfinished(s, i);
		f->here = true;
	}
	sim_count_drops(s);
	for (unsigned i = 0; core_apply(s->core, sim_conf_plan(s), &e); i++) {
		if (i > 3) {
			sim_fail(s, "the last reload: %s", e.text);
			return -1;
		}
		run_for(s, NS_PER_S);
	}
	sim_count_drops(s);
	return 0;
}

/* A new request passes. One that nothing can be said against: an exporter whose last data was refused waits for such. */
static void check_passes(struct sim *s)
{
	struct sim_request like = {
		.n = 1, .level = ACK_DELIVERED, .signal = TRACES, .padding = 10, .timeout_ns = 600 * NS_PER_S
	};
	struct sim_request *r = NULL;
	for (unsigned i = 0; i < 5 && (!r || r->answer != ANSWER_OK); i++) {
		while (sim_is_poison(s, s->n_ids))
			s->n_ids++;
		r = sim_push(s, &like);
		rest(s, 900);
	}
	if (r && r->answer != ANSWER_OK)
		sim_fail(s, "a new request does not pass when all is well");
}

static void come_to_rest(struct sim *s)
{
	heal(s);
	fake_disk_halt_at(s->disk, 0);
	s->calm = true;
	sim_say(s, "all is well");
	if (reload_all(s))
		return;
	rest(s, 300);
	run_for(s, 5 * NS_PER_S);
	check_passes(s);
	rest(s, REST_S);
	look_at_letters(s);
	sim_check_rest(s);
}

static void live(struct sim *s)
{
	uint64_t n = 10 + sim_below(s, 60);
	start(s, false);
	while (n-- && !s->wrong[0]) {
		happen(s);
		if (s->wrong[0])
			break;
		pass_time(s);
		if (s->dead && !s->wrong[0])
			die(s);
	}
	if (!s->wrong[0])
		come_to_rest(s);
	if (s->core)
		take_down(s, true, 25 * NS_PER_S);
}

bool sim_run(struct sim *s, uint64_t seed)
{
	static const struct log_conf quiet = { .level = LOG_ERROR }, loud = { LOG_DEBUG, LOG_TEXT, false, { 2 }, 1 };
	memset(s, 0, sizeof *s);
	s->seed = seed;
	s->random.state = seed;
	s->salts.state = ~seed;
	s->n_ids = 1;
	fake_clock_init(&s->clock, 1000 * NS_PER_S, INT64_C(1795244400123000000));
	s->disk = fake_disk_new(DISK_BYTES);
	s->loud = getenv("SIM_LOG") != NULL;
	s->log = log_new(s->loud ? &loud : &quiet, &s->clock.clock);
	sim_conf_make(s);
	live(s);
	s->counts[SIM_RUNS]++;
	s->counts[SIM_SEGMENTS] += fake_disk_logged(s->disk, FAKE_OPEN, "seg-0000000000000002") > 0;
	for (size_t i = 0; i < s->n_far; i++)
		for (uint32_t id = 0; id < s->n_ids; id++)
			sim_note(s, s->far[i].got[id]);
	sim_note(s, fake_disk_total(s->disk));
	log_free(s->log);
	fake_disk_free(s->disk);
	return !s->wrong[0];
}
