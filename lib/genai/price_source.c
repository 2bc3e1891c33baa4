/* price_source.c - holding and swapping price tables (see price_source.h).
 *
 * `current` is written under the mutex and read relaxed for the question "is there a newer one", which may be late by a request
 * without harm; taking a reference is done under the mutex. */
#include "lib/genai/price_source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct price_source {
	struct price_sources sources;
	pthread_mutex_t mutex; /* current, closing, log */
	pthread_cond_t wake;
	pthread_t thread;
	bool watching, closing;
	struct log *log;
	struct price_report first; /* of the table it began with */
	_Atomic(struct price_ref *) current;
	uint64_t stamp, generation;
};

static struct price_ref *ref_new(struct price_table *t)
{
	struct price_ref *r = calloc(1, sizeof *r);
	if (!r)
		abort();
	r->table = t;
	atomic_init(&r->refs, 1);
	return r;
}

void price_ref_free(struct price_ref *r)
{
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	prices_free(r->table);
	free(r);
}

struct price_source *price_source_open(const struct price_sources *s, struct err *e)
{
	uint64_t stamp = prices_stamp(s); /* before reading: what changes meanwhile is read again */
	struct price_report found;
	struct price_table *t = prices_new(s, 1, &found, e);
	if (!t)
		return NULL;
	struct price_source *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	p->sources = *s;
	p->first = found;
	p->stamp = stamp;
	p->generation = 1;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	atomic_init(&p->current, ref_new(t));
	return p;
}

struct price_ref *price_source_get(struct price_source *p)
{
	pthread_mutex_lock(&p->mutex);
	struct price_ref *r = atomic_load_explicit(&p->current, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&p->mutex);
	return r;
}

bool price_source_is_newer(const struct price_source *p, const struct price_ref *r)
{
	return atomic_load_explicit(&p->current, memory_order_relaxed) != r;
}

/* e: why nothing was loaded; NULL when it was. */
static void report(struct price_source *p, const struct price_report *found, const struct err *e)
{
	pthread_mutex_lock(&p->mutex);
	struct log *log = p->log;
	pthread_mutex_unlock(&p->mutex);
	if (!log)
		return;
	if (e) {
		log_error(log, "Price files do not load, the old table stays in force", "reason", e->text, NULL);
		return;
	}
	log_info(log, "Price files loaded", "models", LOG_U(found->models), NULL);
	if (found->note[0])
		log_warn(log, "Price files hold entries that are not used", "skipped", LOG_U(found->skipped),
		        "duplicates", LOG_U(found->duplicates), "first", found->note, NULL);
}

bool price_source_check(struct price_source *p)
{
	uint64_t stamp = prices_stamp(&p->sources);
	struct price_report found = { 0 };
	struct err e = { .text = "" };
	if (stamp == p->stamp)
		return false;
	p->stamp = stamp;
	struct price_table *t = prices_new(&p->sources, p->generation + 1, &found, &e);
	report(p, &found, t ? NULL : &e);
	if (!t)
		return false;
	p->generation++;
	pthread_mutex_lock(&p->mutex);
	struct price_ref *old = atomic_exchange_explicit(&p->current, ref_new(t), memory_order_relaxed);
	pthread_mutex_unlock(&p->mutex);
	price_ref_free(old);
	return true;
}

/* True when it is time to look, false when the source closes. */
static bool wait_turn(struct price_source *p)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PRICE_POLL_S;
	pthread_mutex_lock(&p->mutex);
	while (!p->closing && pthread_cond_timedwait(&p->wake, &p->mutex, &until) == 0)
		;
	bool go_on = !p->closing;
	pthread_mutex_unlock(&p->mutex);
	return go_on;
}

static void *watch(void *arg)
{
	struct price_source *p = arg;
	while (wait_turn(p))
		price_source_check(p);
	return NULL;
}

void price_source_watch(struct price_source *p, struct log *log, const char *name)
{
	pthread_mutex_lock(&p->mutex);
	bool begin = !p->watching && p->sources.n_files;
	if (begin)
		p->log = log_child(log, name);
	p->watching = p->watching || begin;
	pthread_mutex_unlock(&p->mutex);
	if (!begin)
		return;
	report(p, &p->first, NULL);
	if (pthread_create(&p->thread, NULL, watch, p))
		abort();
}

void price_source_close(struct price_source *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->closing = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->mutex);
	if (p->watching)
		pthread_join(p->thread, NULL);
	price_ref_free(atomic_load_explicit(&p->current, memory_order_relaxed));
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->mutex);
	log_free(p->log);
	free(p);
}
