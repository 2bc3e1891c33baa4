/* sim_door.c - the clients of the simulated program, and the receiver that they talk to (see sim.h).
 *
 * A connection is a slot of the worker's server without a socket behind it: answers find the exchange, or not, as they would in earnest.
 */
#include <stdlib.h>

#include "tests/unit/rig/sim.h"

static struct sim *sim_of(const struct stage *s)
{
	return s->core->o.random_ctx;
}

static int door_start(struct stage *st, struct err *e UNUSED)
{
	sim_of(st)->doors[st->worker] = st;
	return 0;
}

const struct component sim_door_type = {
	.name = "door",
	.kind = RECEIVER,
	.signals = TRACES | LOGS,
	.start = door_start,
};

void sim_connect(struct sim *s)
{
	for (unsigned w = 0; w < s->n_workers; w++) {
		struct http_server *server = s->core->workers[w].server;
		server->n_slots = SIM_CLIENTS;
		server->slots = calloc(SIM_CLIENTS, sizeof *server->slots);
		for (uint32_t i = 0; i < SIM_CLIENTS; i++) {
			struct sim_client *c = &s->clients[w][i];
			server->slots[i].conn = &c->conn;
			c->conn.x.slot = i;
			c->conn.x.live = false;
			c->request = NULL;
		}
	}
}

static void hang_up(struct sim_client *c)
{
	c->conn.x.live = false;
	c->request = NULL;
}

static void answer(struct sim *s, struct sim_request *r, const struct intake_result *x, bool later)
{
	bool ok = x->outcome == REQUEST_OK, disk = slice_starts(slice_of(x->text), SLICE("storage ")) && later;
	sim_note(s, 0xc0000 + (uint64_t)(r - s->requests) * 8 + (uint64_t)x->outcome);
	if (!ok && x->outcome != REQUEST_REFUSED && x->outcome != REQUEST_TOO_LARGE)
		sim_fail(s, "request %u: outcome %d %s", (unsigned)(r - s->requests), (int)x->outcome, x->text);
	sim_say(s, "request %u: %s%s %s", (unsigned)(r - s->requests), ok ? "OK" : "503", later ? " later" : "",
	        x->text);
	r->answer = ok ? ANSWER_OK : disk ? ANSWER_REFUSED_BY_DISK : later ? ANSWER_LATER_503 : ANSWER_REFUSED;
	if (ok)
		s->counts[SIM_OK_QUEUED + r->level - ACK_QUEUED]++;
	else if (disk || strstr(x->text, "refuses writes"))
		s->counts[SIM_DISK_REFUSED]++;
	else if (strstr(x->text, "ack_timeout"))
		s->counts[SIM_ACK_TIMEOUT]++;
	else if (strstr(x->text, "full"))
		s->counts[SIM_FULL]++;
	else if (strstr(x->text, "memory"))
		s->counts[SIM_NO_MEMORY]++;
	sim_check_answer(s, r);
}

static void answer_later(struct stage *st, struct exchange *x, const struct intake_result *result)
{
	struct sim *s = sim_of(st);
	struct sim_client *c = (struct sim_client *)CONTAINER_OF(x, struct conn, x);
	struct sim_request *r = c->request;
	hang_up(c);
	if (!s->dead)
		answer(s, r, result, true);
}

static struct sim_client *free_client(struct sim *s, unsigned worker)
{
	for (unsigned i = 0; i < SIM_CLIENTS; i++)
		if (!s->clients[worker][i].request)
			return &s->clients[worker][i];
	return NULL;
}

static void choose(struct sim *s, struct sim_request *r)
{
	static const uint32_t paddings[] = { 10, 10, 100, 1000, 6000 };
	r->n = 1 + (uint32_t)sim_below(s, sim_chance(s, 20) ? 20 : 5);
	r->signal = s->logs_to && sim_chance(s, 25) ? LOGS : TRACES;
	r->level = (enum ack_level)sim_below(s, 4);
	r->padding = paddings[sim_below(s, COUNTOF(paddings))];
	if (s->memory_mib == 1 && sim_chance(s, 50))
		r->padding = 40000;
	r->timeout_ns = sim_chance(s, 20) ? (int64_t)sim_below(s, 1000) * NS_PER_MS : 10 * NS_PER_S;
}

static bool any_stored(const struct sim *s, uint8_t mask)
{
	for (unsigned i = 0; i < s->n_far; i++)
		if (mask & 1u << i && s->far[i].stored)
			return true;
	return false;
}

/* What it means when it is OK at once, or later. */
static enum ack_level level_of(const struct sim *s, const struct sim_request *r, bool later)
{
	bool stored = any_stored(s, r->routes);
	if (!later)
		return ACK_QUEUED;
	if (r->level == ACK_DELIVERED)
		return ACK_DELIVERED;
	if (!stored)
		return ACK_QUEUED;
	return ACK_DURABLE;
}

static void post(struct sim *s, struct sim_request *r, unsigned worker, struct sim_client *c)
{
	struct intake_result x = { .outcome = REQUEST_REFUSED, .text = "no memory" };
	struct intake_later later = {
		.level = r->level, .timeout_ns = r->timeout_ns, .id = { c->conn.x.slot, 0 }, .answer = answer_later
	};
	struct buf *body = sim_body(s, r, r->padding);
	later.id.generation = ++c->conn.x.generation;
	c->conn.x.live = true;
	c->request = r;
	if (body)
		intake_push(s->doors[worker], r->signal, body, 0, NULL, &later, &x);
	if (x.pending) {
		r->level = level_of(s, r, true);
		return;
	}
	hang_up(c);
	r->level = level_of(s, r, false);
	answer(s, r, &x, false);
}

struct sim_request *sim_push(struct sim *s, const struct sim_request *like)
{
	struct sim_request *r = &s->requests[s->n_requests];
	unsigned worker = (unsigned)sim_below(s, s->n_workers);
	struct sim_client *c = free_client(s, worker);
	if (s->n_requests + (like ? 1 : 2) > SIM_REQUESTS || s->n_ids + (like ? 1 : 40) > SIM_IDS || !c)
		return NULL;
	*r = (struct sim_request){ .first = s->n_ids, .life = s->life };
	if (like) {
		*r = *like;
		r->first = s->n_ids;
		r->life = s->life;
	} else {
		choose(s, r);
	}
	if (!sim_conf_routes(s, r->signal))
		r->signal = TRACES;
	r->routes = sim_conf_routes(s, r->signal);
	r->required = sim_conf_required(s, r->signal);
	for (uint32_t i = 0; i < r->n; i++)
		s->request_of[r->first + i] = (uint16_t)s->n_requests;
	s->n_ids += r->n;
	s->n_requests++;
	sim_note(s, 0xd0000 + r->n);
	sim_say(s, "request %u: items %u to %u, level %d, to %x, required %x", (unsigned)(r - s->requests), r->first,
	        r->first + r->n - 1, (int)r->level, (unsigned)r->routes, (unsigned)r->required);
	post(s, r, worker, c);
	return r;
}

void sim_vanish(struct sim *s)
{
	unsigned w = (unsigned)sim_below(s, s->n_workers), first = (unsigned)sim_below(s, SIM_CLIENTS);
	for (unsigned i = 0; i < SIM_CLIENTS; i++) {
		struct sim_client *c = &s->clients[w][(first + i) % SIM_CLIENTS];
		if (!c->request)
			continue;
		sim_say(s, "client of request %u goes", (unsigned)(c->request - s->requests));
		hang_up(c);
		s->counts[SIM_VANISHED]++;
		return;
	}
}

bool sim_waiting(const struct sim *s)
{
	for (unsigned w = 0; w < s->n_workers; w++)
		for (unsigned i = 0; i < SIM_CLIENTS; i++)
			if (s->clients[w][i].request)
				return true;
	return false;
}
