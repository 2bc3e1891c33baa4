/* sim.h - the whole program on one thread: a seed decides what clients, destinations, the disk and the operator do, and who runs when.
 *
 *	struct sim s;
 *	sim_run(&s, seed);      one life, or several: kills and restarts on the same disk
 *	s.wrong                 "", or what was promised and not kept
 *
 * Nothing but the seed has a part in it: time is a fake clock that only moves when nothing can run, the disk is a fake_disk, loops are pumped,
 * components at the ends are test doubles ("door" takes bodies in, "far" is a destination). So a seed that fails fails again, event by event:
 * s.trace is a hash of all that happened.
 *
 *	sim.c         the run: lives, turns, events
 *	sim_conf.c    what the seed makes of the config
 *	sim_door.c    clients
 *	sim_far.c     destinations
 *	sim_span.c    requests whose spans have numbers
 *	sim_oracle.c  what must be true
 */
#pragma once
#include "lib/net/http_server_internal.h"
#include "lib/pipe/core_internal.h"
#include "lib/pipe/exporter_internal.h"
#include "lib/pipe/intake.h"
#include "tests/unit/rig/fake_disk.h"

enum { SIM_FAR = 3, SIM_IDS = 4096, SIM_REQUESTS = 512, SIM_CLIENTS = 48, SIM_WORKERS = 2, SIM_WRONG = 512 };
#define SIM_DIRECTORY "/data"

/* What may happen in a run and should, now and then, over many. */
enum sim_event {
	SIM_RUNS,
	SIM_OK_QUEUED,
	SIM_OK_DURABLE,
	SIM_OK_DELIVERED,
	SIM_FULL, /* 503: no room in a queue or storage */
	SIM_NO_MEMORY, /* 503: the pool is empty */
	SIM_DISK_REFUSED, /* 503: the disk failed */
	SIM_ACK_TIMEOUT,
	SIM_VANISHED, /* a client that did not wait */
	SIM_KILLED, /* kill -9 */
	SIM_POWER_LOST,
	SIM_KILLED_AT_START, /* while it recovered */
	SIM_RESTARTED, /* a clean stop and a start */
	SIM_RELOADED,
	SIM_REMOVED, /* an exporter, by a reload */
	SIM_RETURNED, /* and back again */
	SIM_RECOVERED, /* records found in the log at a start */
	SIM_REDELIVERED, /* copies of what had arrived, with an excuse */
	SIM_RETRIES,
	SIM_ANSWER_LOST, /* accepted, and the exporter never heard */
	SIM_CANCELLED, /* a send, by a stop */
	SIM_HELD,
	SIM_REFUSED, /* 400 */
	SIM_CUT, /* deliveries refused as too large */
	SIM_REJECTED,
	SIM_LETTERS, /* items dead-lettered */
	SIM_OVERFLOWED, /* items dropped by a full queue's rule */
	SIM_EXPIRED,
	SIM_LOST_AT_STOP, /* memory queues that had no time */
	SIM_DISK_BROKEN, /* times that calls of it began to fail */
	SIM_DISK_FULL, /* times it was made too small */
	SIM_SALVAGED, /* bytes of damage skipped by a start */
	SIM_SEGMENTS, /* runs whose log rolled */
	SIM_NOT_STARTED, /* starts that a failing disk prevented */
	N_SIM_EVENTS
};
const char *sim_event_name(enum sim_event e);

enum sim_mood { MOOD_FINE, MOOD_DOWN, MOOD_BUSY, MOOD_DENIED, MOOD_WRONG, MOOD_REFUSES, N_MOODS };

/* One destination, through all lives. */
struct sim_far {
	/* config */
	bool stored, retries, here;
	bool can_drop; /* it was allowed to by its overflow rule, at some time */
	int required, overflow; /* enum tristate, enum overflow */
	unsigned n_consumers, queue_size, max_elapsed_s, interval_ms;
	enum sizer sizer;
	unsigned batch_min, batch_max; /* items; batch_max 0: no batching */
	unsigned variant; /* of its options; a reload counts it up */
	/* the backend */
	enum sim_mood mood;
	uint64_t size_limit; /* 0: none */
	unsigned slow_ms;
	/* by item: */
	uint8_t got[SIM_IDS], excused[SIM_IDS]; /* times it arrived; copies that are explained */
	bool refused[SIM_IDS]; /* it may have become a dead letter or been rejected */
	bool has_letter[SIM_IDS];
	int64_t answered_ns[SIM_IDS]; /* when the exporter was told; 0: never */
	uint64_t dropped[N_DROP_REASONS]; /* in all lives */
	uint64_t drops_seen[N_DROP_REASONS]; /* the counters when they were looked at last */
};

enum sim_answer {
	ANSWER_NONE,
	ANSWER_OK,
	ANSWER_LATER_503, /* it may be delivered */
	ANSWER_REFUSED,
	ANSWER_REFUSED_BY_DISK, /* the same, as long as this process lives: what the disk failed to take it may fail to forget */
};

struct sim_request {
	uint32_t first, n; /* items */
	enum signal signal;
	enum ack_level level; /* what an OK promises */
	enum sim_answer answer;
	uint8_t routes, required; /* bit per destination */
	unsigned life;
	uint32_t padding; /* bytes in each */
	int64_t timeout_ns;
};

/* A connection that waits for its answer; the server finds it by slot and generation. */
struct sim_client {
	struct conn conn; /* first */
	struct sim_request *request; /* NULL: free */
};

struct sim {
	uint64_t seed;
	struct fake_random random; /* what happens */
	struct fake_random salts; /* of the storage */
	struct fake_clock clock;
	struct fake_disk *disk;
	struct log *log;
	struct core *core;
	struct loop loop;
	unsigned life;
	struct stage *doors[SIM_WORKERS];
	bool dead; /* the process was killed: what still runs is a ghost */
	bool drained;
	bool calm; /* nothing fails any more */

	/* config */
	unsigned n_far, n_workers, memory_mib;
	bool has_storage, fsync, logs;
	uint8_t logs_to; /* destinations of the second pipeline */
	uint64_t max_size;
	unsigned poison; /* one item of so many is refused; 0: none */
	unsigned rejects; /* one of so many is refused by partialSuccess */
	struct sim_far far[SIM_FAR];

	/* history */
	uint32_t n_ids, n_requests;
	struct sim_request requests[SIM_REQUESTS];
	uint16_t request_of[SIM_IDS];
	uint32_t sums[SIM_IDS]; /* of each item's bytes */
	struct sim_client clients[SIM_WORKERS][SIM_CLIENTS];
	bool faulty; /* the disk fails now */
	bool letters_gone; /* some were removed for newer ones, or not kept: there was no room */
	bool disk_trouble, ever_trouble, read_trouble; /* the disk failed: in this life, in any; reads did, in any */
	uint64_t counts[N_SIM_EVENTS];
	uint64_t trace;
	bool loud;
	uint64_t n_turns;
	bool stuck; /* too many of them */
	char wrong[SIM_WRONG]; /* "" : nothing */
};

/* Runs one seed and frees all of it; s stays readable. False: s->wrong says what was not kept. */
bool sim_run(struct sim *s, uint64_t seed);

/* For the parts of the simulation. */
static inline uint64_t sim_below(struct sim *s, uint64_t n)
{
	return fake_random_below(&s->random, n);
}
static inline bool sim_chance(struct sim *s, unsigned percent)
{
	return sim_below(s, 100) < percent;
}
static inline void sim_note(struct sim *s, uint64_t what)
{
	s->trace = (s->trace ^ what) * UINT64_C(0x100000001b3);
	s->trace ^= s->trace >> 29;
}
/* An event in words, with SIM_LOG in the environment. */
void sim_say(struct sim *s, const char *fmt, ...) PRINTF(2, 3);
/* The first one stays. */
void sim_fail(struct sim *s, const char *fmt, ...) PRINTF(2, 3);

/* sim_conf.c */
void sim_conf_make(struct sim *s);
struct plan *sim_conf_plan(struct sim *s);
/* What a request of this signal is for, and which of them must have it. */
uint8_t sim_conf_routes(const struct sim *s, enum signal signal);
uint8_t sim_conf_required(const struct sim *s, enum signal signal);

/* sim_span.c */
struct buf *sim_body(struct sim *s, struct sim_request *r, size_t padding);
/* Calls each for every item of a request; false: that is no request. */
bool sim_items(enum signal signal, slice body, void (*each)(void *ctx, uint32_t id, uint32_t sum), void *ctx);

/* sim_far.c */
extern const struct component sim_far_type;
bool sim_is_poison(const struct sim *s, uint32_t id);
bool sim_is_rejected(const struct sim *s, uint32_t id);
unsigned sim_far_index(const char *id);

/* sim_door.c */
extern const struct component sim_door_type;
void sim_connect(struct sim *s); /* gives the servers of this life their slots */
/* One request, of a random kind unless `like` says which. NULL: there is no room for its history, or nobody listens. */
struct sim_request *sim_push(struct sim *s, const struct sim_request *like);
void sim_vanish(struct sim *s); /* a client that waits goes */
bool sim_waiting(const struct sim *s);

/* sim_oracle.c */
void sim_say_books(struct sim *s);
void sim_check_arrival(struct sim *s, unsigned far, uint32_t id);
void sim_check_answer(struct sim *s, const struct sim_request *r);
void sim_excuse_kill(struct sim *s);
void sim_excuse_unfinished(struct sim *s, unsigned far);
/* Before and after whatever sets counters back. */
void sim_count_drops(struct sim *s);
void sim_life_begins(struct sim *s);
void sim_life_ends(struct sim *s, bool clean);
void sim_check_rest(struct sim *s); /* queues empty, nothing lost */
void sim_check_books(struct sim *s); /* the equation */
