/* circuit.h - whether a destination that fails is tried at all: a small state machine, pure, with clock and random as arguments.
 *
 * Closed: all may be sent. It opens after 5 passing faults in a row, or when more than half of at least 20 attempts in 30 s failed.
 * Open: nothing is sent until a backoff (the exporter's retry options, growing while it fails) is over. Half open: one delivery is out to find
 * out. Its success closes the circuit, and what may be in flight grows 1, 2, 4 .. as answers come: a destination that comes back is not
 * run over by what has waited. An answer of any kind but a passing fault is a success: the destination is there.
 */
#pragma once
#include "lib/pipe/retry.h"

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_HALF_OPEN };
enum { CIRCUIT_WINDOW_S = 30 };

/* Zeroed it is closed. */
struct circuit {
	enum circuit_state state;
	unsigned n_row; /* faults since the last success */
	unsigned limit; /* in flight while it ramps up; 0: no limit */
	unsigned n_ramp; /* successes since the limit was set */
	int64_t until_ns; /* open: until then */
	struct backoff backoff;
	struct {
		int64_t second;
		uint32_t n, n_failed;
	} window[CIRCUIT_WINDOW_S];
};

void circuit_reset(struct circuit *c);
/* May one more be sent, with so many in flight? */
bool circuit_admits(const struct circuit *c, int64_t now_ns, unsigned n_in_flight);
/* Would what is sent now be the one that finds out? */
bool circuit_probes(const struct circuit *c);
/* Something is sent, as circuit_admits allowed. */
void circuit_begin(struct circuit *c);
/* An answer; n_consumers ends the ramp. */
void circuit_succeeded(struct circuit *c, int64_t now_ns, unsigned n_consumers);
/* A passing fault; `random` is uniform in [0, 1). True when this one opened the circuit. */
bool circuit_failed(struct circuit *c, int64_t now_ns, const struct retry_conf *conf, double random);
/* From now on as after a success in half open: slow start. */
void circuit_ramp(struct circuit *c);
/* When the backoff is over; 0 when it is not open. */
int64_t circuit_until(const struct circuit *c);
