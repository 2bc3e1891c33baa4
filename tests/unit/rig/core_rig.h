/* core_rig.h - a whole core in the test process: YAML in, raw sockets, counters and the equation out.
 *
 *	struct core_rig r;
 *	core_rig_start(&r, yaml);
 *	assert_int_equal(core_rig_post(&r, "/v1/traces", CORE_RIG_PROTO, core_rig_spans(&r, 3)).status, 200);
 *	UNTIL(&r, core_rig_get(&r, "otlp_http", delivered) == 3);
 *	core_rig_stop(&r);
 *
 * The main loop is pumped on the test's thread, workers and exporters run theirs. Every wait is a condition with a bound, never
 * a sleep. Addresses are 127.0.0.1:0; the metrics page is off unless the YAML sets it. What a request needs lives in r->arena.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pipe/core_internal.h"

enum { CORE_RIG_WAIT_S = 20 };

/* The system's, put forward by core_rig_advance: threads notice at their next event. */
struct rig_clock {
	struct clock clock; /* first */
	_Atomic int64_t offset;
};

struct core_rig {
	struct rig_clock clock;
	struct loop loop;
	struct log *log;
	int log_fd;
	struct core *core;
	struct arena arena;
	struct key_table *keys; /* as `weir run` gives to every scan */
	unsigned n_spans_made;
	bool drained;
	uint64_t n_lost; /* what on_drained said */
};

#define CORE_RIG_PROTO "Content-Type: application/x-protobuf\r\n"
#define CORE_RIG_JSON "Content-Type: application/json\r\n"

struct answer {
	int status; /* 0: the connection ended without one */
	slice head, body;
};

/* Starts with two workers (the YAML is a printf format); fails the test when the YAML is bad or a component does not start. */
void core_rig_start(struct core_rig *r, const char *yaml, ...) PRINTF(2, 3);
/* The same, without failing: -1 with e. core_rig_stop is due in any case. */
int core_rig_try(struct core_rig *r, struct err *e, const char *yaml, ...) PRINTF(3, 4);
/* A reload; it must succeed. */
void core_rig_reload(struct core_rig *r, const char *yaml, ...) PRINTF(2, 3);
int core_rig_try_reload(struct core_rig *r, struct err *e, const char *yaml, ...) PRINTF(3, 4);
void core_rig_advance(struct core_rig *r, int64_t ns);
/* Begins to drain; r->drained and r->n_lost follow. */
void core_rig_drain(struct core_rig *r, int64_t timeout_ns);
/* Drains (if that has not begun) and waits for it, checks that the equation holds with nothing queued and that all memory was
 * given back, and frees. */
void core_rig_stop(struct core_rig *r);
/* Frees without draining: after a core_rig_try that failed. */
void core_rig_free(struct core_rig *r);

/* One turn of the main loop, waiting at most 1 ms; fails the test after CORE_RIG_WAIT_S with what was waited for. */
void core_rig_turn(struct core_rig *r, int64_t began, const char *what, const char *file, int line);
#define UNTIL(r, cond)                                               \
	for (int64_t began_ = clock_mono(clock_system()); !(cond);   \
	        core_rig_turn(r, began_, #cond, __FILE__, __LINE__)) \
		;

/* "127.0.0.1:PORT" of the nth listener of the workers, in the order they were opened; of the main loop's first. */
const char *core_rig_address(struct core_rig *r, size_t nth);
const char *core_rig_main_address(struct core_rig *r);

int core_rig_connect(struct core_rig *r, const char *address);
void core_rig_write(struct core_rig *r, int fd, slice text);
/* Reads one answer. */
struct answer core_rig_read(struct core_rig *r, int fd);
bool core_rig_is_closed(struct core_rig *r, int fd); /* waits for the peer's end */
/* One exchange on a connection of its own. `headers` are whole lines; Host and Content-Length are added. */
struct answer core_rig_ask(
        struct core_rig *r, const char *address, const char *method, const char *path, const char *headers, slice body);
struct answer core_rig_post(struct core_rig *r, const char *path, const char *headers, slice body); /* first listener */
/* Value of a header, "" when absent. */
const char *answer_header(struct core_rig *r, const struct answer *a, const char *name);

/* An ExportTraceServiceRequest with n spans, ids counting on from the last call; as protobuf and as JSON. */
slice core_rig_spans(struct core_rig *r, unsigned n);
slice core_rig_spans_json(struct core_rig *r, unsigned n);
slice core_rig_to_proto(struct core_rig *r, enum signal signal, const char *json);
/* Posts n spans and expects `status`. */
void core_rig_take(struct core_rig *r, unsigned n, int status);

struct exporter_counts *core_rig_counts(struct core_rig *r, const char *id, enum signal signal);
#define core_rig_get(r, id, member) count_get(&core_rig_counts(r, id, TRACES)->member)
struct exporter *core_rig_exporter(struct core_rig *r, const char *id);
uint64_t core_rig_requests(struct core_rig *r, const char *receiver, enum request_outcome o);
/* Items, over all workers. */
struct received {
	uint64_t accepted, refused;
};
struct received core_rig_received(struct core_rig *r, const char *receiver, enum signal signal);
/* accepted = delivered + rejected + dead_lettered + dropped + queued for every exporter and signal, waited for. */
void core_rig_check_equation(struct core_rig *r);
/* Has this been logged? */
bool core_rig_has_logged(struct core_rig *r, const char *text);
