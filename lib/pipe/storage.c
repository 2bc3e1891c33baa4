/* storage.c - see storage.h. */
#include "lib/pipe/storage.h"

#include <stdlib.h>

#include "lib/base/vec.h"

enum { ORPHAN_H = 24, LOOK_S = 3600 };

static void on_look(struct timer *t);

struct storage *storage_open(const struct store_options *o, struct loop *main_loop, struct log *log,
        enum store_open_result *why, struct err *e)
{
	struct store *store = NULL;
	*why = store_open(o, &store, e);
	if (*why != STORE_OPENED)
		return NULL;
	struct storage *s = calloc(1, sizeof *s);
	if (!s || !(s->directory = strdup(o->directory)))
		abort();
	s->refs = 1;
	s->store = store;
	s->log = log;
	s->main_loop = main_loop;
	atomic_store(&s->max_size, o->max_size);
	storage_prepare(s, o);
	s->writer = store_writer_new(store, main_loop);
	s->letters = dead_letters_open(&(struct dead_letters_options){ .disk = o->disk,
	        .clock = o->clock,
	        .log = log,
	        .store = store,
	        .directory = o->directory,
	        .random = o->random,
	        .random_ctx = o->random_ctx });
	s->looked_wall_ns = clock_wall(main_loop->clock);
	timer_init(main_loop, &s->look, on_look);
	timer_start(&s->look, LOOK_S * NS_PER_S);
	return s;
}

void storage_prepare(struct storage *s, const struct store_options *o)
{
	s->next = (struct store_options){ .sync = o->sync, .max_size = o->max_size, .segment_size = o->segment_size };
}

void storage_commit(struct storage *s)
{
	const struct store_options *o = &s->next;
	if (!store_set_options(s->store, o))
		return;
	atomic_store(&s->max_size, o->max_size);
	store_writer_moved(s->writer); /* files follow with the next checkpoint */
	log_info(s->log, "The storage's options changed", "storage", s->directory, "fsync", o->sync ? "true" : "false",
	        "max_size", LOG_U(o->max_size), "segment_size", LOG_U(o->segment_size), NULL);
}

struct orphan {
	char *name;
	int64_t since;
};

struct orphans {
	VEC(struct orphan) v;
};

static void on_orphan(void *ctx, const char *name, int64_t since_wall_ns)
{
	struct orphans *o = ctx;
	char *copy = strdup(name);
	if (!copy)
		abort();
	*VEC_ADD(&o->v) = (struct orphan){ copy, since_wall_ns };
}

static void tell_orphan(const struct storage *s, const char *name, bool old)
{
	log_warn(s->log,
	        old ? "Data of an exporter that is not in the config was kept for a day and is dropped now"
	            : "Data of an exporter that is not in the config waits for it to come back, for a day",
	        "exporter", name, "storage", s->directory, NULL);
}

/* tell_since: those that wait since then are told. */
static void check_orphans(struct storage *s, int64_t tell_since)
{
	struct orphans o = { 0 };
	int64_t now = clock_wall(s->main_loop->clock);
	store_orphans(s->store, on_orphan, &o);
	for (size_t i = 0; i < o.v.n; i++) {
		const struct orphan *x = &o.v.v[i];
		bool old = now - x->since > ORPHAN_H * 3600 * NS_PER_S;
		if (old)
			store_forget(s->store, x->name, DROP_ORPHANED);
		if (old || x->since >= tell_since)
			tell_orphan(s, x->name, old);
		if (old) /* its space comes back with the next checkpoint */
			store_writer_moved(s->writer);
		free(x->name);
	}
	VEC_RELEASE(&o.v);
	s->looked_wall_ns = now;
}

void storage_check_orphans(struct storage *s)
{
	check_orphans(s, INT64_MIN);
}

static void on_look(struct timer *t)
{
	struct storage *s = CONTAINER_OF(t, struct storage, look);
	check_orphans(s, s->looked_wall_ns);
	timer_start(t, LOOK_S * NS_PER_S);
}

bool storage_is_pressed(const struct storage *s)
{
	return store_bytes(s->store) > s->max_size / 4 * 3;
}

struct storage *storage_ref(struct storage *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

static void on_look_closed(struct timer *t)
{
	free(CONTAINER_OF(t, struct storage, look));
}

static void on_end(struct mail *m)
{
	struct storage *s = CONTAINER_OF(m, struct storage, end);
	store_writer_free(s->writer);
	dead_letters_close(s->letters);
	store_close(s->store);
	free(s->directory);
	timer_close(&s->look, on_look_closed);
}

void storage_unref(struct storage *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	s->end.run = on_end;
	loop_post(s->main_loop, &s->end);
}
