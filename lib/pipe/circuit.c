/* circuit.c - see circuit.h.
 *
 * The window is a ring of seconds: a cell that belongs to an older second is empty. Answers to deliveries that were sent before the circuit
 * opened still count: a success closes it, a fault while it is open says nothing new. */
#include "lib/pipe/circuit.h"

#include "lib/base/clock.h"

enum { ROW_MAX = 5, WINDOW_MIN = 20 };

void circuit_reset(struct circuit *c)
{
	*c = (struct circuit){ .state = CIRCUIT_CLOSED };
}

bool circuit_admits(const struct circuit *c, int64_t now_ns, unsigned n_in_flight)
{
	switch (c->state) {
	case CIRCUIT_OPEN:
		return now_ns >= c->until_ns;
	case CIRCUIT_HALF_OPEN:
		return false;
	case CIRCUIT_CLOSED:
		break;
	}
	return !c->limit || n_in_flight < c->limit;
}

bool circuit_probes(const struct circuit *c)
{
	return c->state == CIRCUIT_OPEN;
}

void circuit_begin(struct circuit *c)
{
	if (c->state == CIRCUIT_OPEN)
		c->state = CIRCUIT_HALF_OPEN;
}

void circuit_ramp(struct circuit *c)
{
	c->limit = 1;
	c->n_ramp = 0;
}

static void count(struct circuit *c, int64_t now_ns, bool failed)
{
	int64_t second = now_ns / NS_PER_S;
	size_t i = (size_t)(second % CIRCUIT_WINDOW_S);
	if (c->window[i].second != second) {
		c->window[i].second = second;
		c->window[i].n = c->window[i].n_failed = 0;
	}
	c->window[i].n++;
	c->window[i].n_failed += failed;
}

static bool fails_mostly(const struct circuit *c, int64_t now_ns)
{
	int64_t second = now_ns / NS_PER_S;
	uint64_t n = 0, n_failed = 0;
	for (size_t i = 0; i < CIRCUIT_WINDOW_S; i++) {
		if (c->window[i].second <= second - CIRCUIT_WINDOW_S)
			continue;
		n += c->window[i].n;
		n_failed += c->window[i].n_failed;
	}
	return n >= WINDOW_MIN && n_failed * 2 > n;
}

void circuit_succeeded(struct circuit *c, int64_t now_ns, unsigned n_consumers)
{
	c->n_row = 0;
	count(c, now_ns, false);
	if (c->state != CIRCUIT_CLOSED) {
		c->state = CIRCUIT_CLOSED;
		memset(c->window, 0, sizeof c->window);
		circuit_ramp(c);
	}
	if (!c->limit || ++c->n_ramp < c->limit)
		return;
	c->n_ramp = 0;
	c->limit *= 2;
	if (c->limit < n_consumers)
		return;
	c->limit = 0;
	c->backoff = (struct backoff){ 0 };
}

static void trip(struct circuit *c, int64_t now_ns, const struct retry_conf *conf, double random)
{
	struct retry_conf forever = *conf;
	forever.max_elapsed_time.ns = 0;
	c->state = CIRCUIT_OPEN;
	int64_t delay = backoff_next(&c->backoff, &forever, now_ns, 0, random);
	c->until_ns = now_ns + (delay > NS_PER_MS ? delay : NS_PER_MS); /* an interval of 0 must not spin */
	c->limit = c->n_ramp = 0;
	memset(c->window, 0, sizeof c->window);
}

bool circuit_failed(struct circuit *c, int64_t now_ns, const struct retry_conf *conf, double random)
{
	enum circuit_state before = c->state;
	c->n_row++;
	count(c, now_ns, true);
	if (c->limit)
		circuit_ramp(c);
	if (before == CIRCUIT_OPEN || (before == CIRCUIT_CLOSED && c->n_row < ROW_MAX && !fails_mostly(c, now_ns)))
		return false;
	trip(c, now_ns, conf, random);
	return before == CIRCUIT_CLOSED;
}

int64_t circuit_until(const struct circuit *c)
{
	return c->state == CIRCUIT_OPEN ? c->until_ns : 0;
}
