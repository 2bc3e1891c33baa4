/* test_store.h - a store on a fake disk, with records that tell what they are.
 *
 * Every record's body begins with its id and goes on with bytes that follow from it, so that what comes back can be judged alone. Ids
 * are counted up and never used again. Cursors are named "a", "b" ..; `routes` is a mask of them. Random numbers come from the seed.
 */
#pragma once
#include "lib/pipe/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/base/crc32c.h"
#include "tests/unit/rig/fake_disk.h"

enum { N_NAMES = 4, MAX_IDS = 4096, NS = 1000000000 };
#define DIR "/data"

struct world {
	struct fake_disk *f;
	struct fake_clock clock;
	struct log *log;
	struct pool pool;
	uint64_t rng;
	struct store_options options;
	struct store *s;
	struct cursor *c[N_NAMES];
	uint64_t next_id, last_seq;
	/* by id */
	uint8_t routes[MAX_IDS], resolved[MAX_IDS], seen[MAX_IDS];
	bool acked[MAX_IDS];
	uint64_t seq[MAX_IDS];
};

static inline uint64_t world_random(void *ctx)
{
	struct world *w = ctx;
	uint64_t x = (w->rng += 0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static inline uint64_t pick(struct world *w, uint64_t n)
{
	return world_random(w) % n;
}

static inline void world_init(struct world *w, uint64_t seed)
{
	static const struct log_conf quiet = { .level = LOG_ERROR };
	memset(w, 0, sizeof(*w));
	w->f = fake_disk_new(64 << 20);
	fake_clock_init(&w->clock, NS, 1700000000 * (int64_t)NS);
	w->log = log_new(&quiet, &w->clock.clock);
	pool_init(&w->pool, 64 << 20);
	w->rng = seed;
	w->next_id = 1;
	w->options = (struct store_options){
		.disk = &w->f->disk,
		.clock = &w->clock.clock,
		.log = w->log,
		.directory = DIR,
		.create = true,
		.sync = true,
		.max_size = 16 << 20,
		.segment_size = 16 << 10,
		.random = world_random,
		.random_ctx = w,
	};
}

/* Opens store and the first n cursors. */
static inline void world_open(struct world *w, unsigned n)
{
	static const char *const names[N_NAMES] = { "a", "b", "c", "d" };
	struct err e = { .text = "" };
	enum store_open_result rc = store_open(&w->options, &w->s, &e);
	if (rc != STORE_OPENED)
		fail_msg("store_open: %d %s", rc, e.text);
	for (unsigned i = 0; i < n; i++)
		assert_non_null(w->c[i] = cursor_open(w->s, names[i], NULL, NULL));
}

static inline void world_close(struct world *w)
{
	for (unsigned i = 0; i < N_NAMES; i++)
		if (w->c[i])
			cursor_close(w->c[i]);
	memset(w->c, 0, sizeof(w->c));
	store_close(w->s);
	w->s = NULL;
}

static inline void world_release(struct world *w)
{
	if (w->s)
		world_close(w);
	assert_int_equal(pool_used(&w->pool), 0);
	log_free(w->log);
	fake_disk_free(w->f);
}

static inline uint32_t items_of(uint64_t id)
{
	return 1 + (uint32_t)(id % 5);
}

static inline enum signal signal_of(uint64_t id)
{
	return id % 7 == 0 ? LOGS : TRACES;
}

static inline void fill_body(uint64_t id, char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i < 8 ? id >> 8 * i : id * 31 + i * 7 + (i >> 8));
}

/* One append of n records of `size` bytes each (at least 8). 0 or -errno as store_append; ids from *first on. */
static inline int put(struct world *w, size_t n, size_t size, unsigned routes, uint64_t *first)
{
	struct store_record v[64];
	struct strbuf names;
	char *bodies = malloc(n * size);
	assert_true(n <= COUNTOF(v) && w->next_id + n < MAX_IDS);
	strbuf_init(&names, 1024);
	for (unsigned i = 0; i < N_NAMES; i++)
		if (routes & 1u << i)
			routes_add(&names, (slice){ &"abcd"[i], 1 });
	for (size_t i = 0; i < n; i++) {
		uint64_t id = w->next_id + i;
		fill_body(id, bodies + i * size, size);
		v[i] = (struct store_record){
			.type = STORE_RECORD,
			.signal = signal_of(id),
			.n_items = items_of(id),
			.arrival_wall_ns = w->clock.wall_ns + (int64_t)id,
			.pipeline = SLICE("traces"),
			.partition = id % 3 ? SLICE("") : SLICE("tenant"),
			.sidecar = id % 4 ? SLICE("") : SLICE("0123456789"),
			.body = { bodies + i * size, size },
			.routes = strbuf_slice(&names),
		};
		w->routes[id] = (uint8_t)routes;
	}
	int rc = store_append(w->s, v, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t id = w->next_id + i;
		w->acked[id] = rc == 0;
		w->seq[id] = v[i].seq;
		if (rc == 0) {
			assert_true(v[i].seq > w->last_seq);
			w->last_seq = v[i].seq;
		}
	}
	if (first)
		*first = w->next_id;
	w->next_id += n;
	strbuf_release(&names);
	free(bodies);
	return rc;
}

static inline void check_equation(struct cursor *c)
{
	struct cursor_counts n = cursor_counts(c);
	for (unsigned k = 0; k < N_SIGNALS; k++) {
		const struct store_counts *s = &n.by_signal[k];
		uint64_t sum = s->delivered + s->rejected + s->dead_lettered + s->queued;
		for (unsigned i = 0; i < N_DROP_REASONS; i++)
			sum += s->dropped[i];
		assert_int_equal(s->accepted, sum);
	}
}

static inline uint64_t count_of(struct cursor *c, size_t offset)
{
	struct cursor_counts n = cursor_counts(c);
	uint64_t sum = 0;
	for (unsigned k = 0; k < N_SIGNALS; k++) {
		uint64_t v;
		memcpy(&v, (const char *)&n.by_signal[k] + offset, sizeof(v));
		sum += v;
	}
	return sum;
}
#define COUNT(c, member) count_of(c, offsetof(struct store_counts, member))

/* What came back is what was put. */
static inline uint64_t check_record(struct world *w, const struct store_record *r, const struct buf *b)
{
	uint64_t id = 0;
	assert_true(r->body.len >= 8 && r->body.p == b->data && r->body.len == b->len);
	memcpy(&id, r->body.p, sizeof(id));
	assert_true(id > 0 && id < w->next_id);
	char *want = malloc(r->body.len);
	fill_body(id, want, r->body.len);
	assert_true(memcmp(want, r->body.p, r->body.len) == 0);
	free(want);
	for (unsigned i = 0; i < BUF_SLACK; i++)
		assert_int_equal(b->data[b->len + i], 0);
	assert_int_equal(r->n_items, items_of(id));
	assert_int_equal(r->signal, signal_of(id));
	assert_true(slice_is(r->pipeline, "traces"));
	assert_true(slice_is(r->partition, id % 3 ? "" : "tenant"));
	assert_true(slice_is(r->sidecar, id % 4 ? "" : "0123456789"));
	assert_int_equal(r->seq, w->seq[id]);
	return id;
}

/* The next id of cursor i, 0 at the end; errors as they are (negative). */
static inline int64_t next(struct world *w, unsigned i)
{
	struct store_record r;
	struct buf *b;
	int rc = cursor_next(w->c[i], &w->pool, &r, &b);
	if (rc <= 0)
		return rc;
	uint64_t id = check_record(w, &r, b);
	assert_true(w->routes[id] & 1u << i);
	w->seen[id] |= (uint8_t)(1u << i);
	buf_unref(b);
	return (int64_t)id;
}

static inline void deliver(struct world *w, unsigned i, uint64_t id)
{
	cursor_resolve(w->c[i], w->seq[id], &(struct outcome){ .delivered = items_of(id) });
	w->resolved[id] |= (uint8_t)(1u << i);
	check_equation(w->c[i]);
}

/* Reads and delivers all there is; how many. Waits for a disk that fails. */
static inline unsigned drain(struct world *w, unsigned i)
{
	unsigned n = 0;
	for (int64_t id; (id = next(w, i)) != 0;) {
		if (id < 0) {
			assert_int_equal(id, -EIO);
			fake_clock_advance(&w->clock, NS);
			continue;
		}
		deliver(w, i, (uint64_t)id);
		n++;
	}
	check_equation(w->c[i]);
	return n;
}
