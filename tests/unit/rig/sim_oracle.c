/* sim_oracle.c - what must be true of every run (see sim.h; docs/guarantees.md says it in words).
 *
 * A copy needs an excuse: an answer that was lost, a send that was cancelled, or a kill or stop before the record was done and the cursor file
 * knew. What is missing needs a reason that the config or the destination gave. */
#include <stdarg.h>
#include <stdio.h>

#include "lib/pipe/storage.h"
#include "tests/unit/rig/sim.h"

/* What the cursor file may not know yet: its interval and a bit. */
#define FORGOTTEN_NS (250 * NS_PER_MS)

void sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	if (!s->loud)
		return;
	va_start(ap, fmt);
	fprintf(stderr, "%.6f ", (double)(s->clock.wall_ns % (3600 * NS_PER_S)) / 1e9);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	if (s->wrong[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->wrong, sizeof s->wrong, fmt, ap);
	va_end(ap);
}

void sim_check_arrival(struct sim *s, unsigned far, uint32_t id)
{
	struct sim_far *f = &s->far[far];
	const struct sim_request *r = &s->requests[s->request_of[id]];
	sim_note(s, 0xe0000 + id * 4 + far);
	sim_say(s, "%u takes item %u of request %u (%u before, %u excused)", far, id, s->request_of[id], f->got[id],
	        f->excused[id]);
	if (!(r->routes & 1u << far))
		sim_fail(s, "item %u arrived at %u, where it was not sent", id, far);
	if (r->answer == ANSWER_REFUSED || (r->answer == ANSWER_REFUSED_BY_DISK && r->life == s->life))
		sim_fail(s, "item %u of request %u arrived at %u after a 503", id, s->request_of[id], far);
	if (f->got[id] > f->excused[id])
		sim_fail(s, "item %u arrived at %u again, without an excuse", id, far);
	s->counts[SIM_REDELIVERED] += f->got[id] > 0;
	f->got[id]++;
}

/* Has the destination got it, or said that it never will? */
static bool is_settled(const struct sim *s, const struct sim_far *f, uint32_t id)
{
	return f->got[id] || f->refused[id] || sim_is_rejected(s, id);
}

void sim_check_answer(struct sim *s, const struct sim_request *r)
{
	for (unsigned i = 0; i < s->n_far; i++)
		for (uint32_t id = r->first; id < r->first + r->n; id++) {
			const struct sim_far *f = &s->far[i];
			if (r->answer >= ANSWER_REFUSED && f->got[id])
				sim_fail(s, "item %u was refused, and has arrived at %u", id, i);
			bool owed = r->answer == ANSWER_OK && r->level == ACK_DELIVERED && r->required & 1u << i;
			if (owed && !is_settled(s, f, id))
				sim_fail(s, "item %u is said to be delivered, and is not at %u", id, i);
		}
}

/* Was this request done with at this destination, for so long that nothing forgets it? */
static bool is_done(const struct sim *s, const struct sim_far *f, const struct sim_request *r, int64_t since_ns)
{
	for (uint32_t id = r->first; id < r->first + r->n; id++)
		if (!f->answered_ns[id] || f->answered_ns[id] > s->clock.mono_ns - since_ns)
			return false;
	return true;
}

static void excuse_request(struct sim_far *f, const struct sim_request *r, unsigned more)
{
	for (uint32_t id = r->first; id < r->first + r->n; id++)
		if (f->got[id] + more > f->excused[id])
			f->excused[id] = (uint8_t)(f->got[id] + more);
}

/* An append that failed and was tried again may have left a copy in the log, which only a start finds. */
void sim_excuse_kill(struct sim *s)
{
	for (unsigned i = 0; i < s->n_far; i++)
		for (uint32_t k = 0; k < s->n_requests; k++) {
			const struct sim_request *r = &s->requests[k];
			if (s->disk_trouble || !is_done(s, &s->far[i], r, FORGOTTEN_NS))
				excuse_request(&s->far[i], r, s->disk_trouble && r->life == s->life);
		}
}

void sim_excuse_unfinished(struct sim *s, unsigned far)
{
	for (uint32_t k = 0; k < s->n_requests; k++)
		if (!is_done(s, &s->far[far], &s->requests[k], 0))
			excuse_request(&s->far[far], &s->requests[k], 0);
}

static const struct exporter_stats *stats_of(const struct sim *s, unsigned far)
{
	char id[] = "nop/a";
	id[4] = (char)('a' + far);
	return map_get(&s->core->exporter_stats, slice_of(id));
}

static uint64_t dropped_of(const struct exporter_stats *x, unsigned reason)
{
	uint64_t n = 0;
	for (unsigned k = 0; x && k < N_SIGNALS; k++)
		n += count_get(&x->by_signal[k].dropped[reason]);
	return n;
}

void sim_say_books(struct sim *s)
{
	for (unsigned i = 0; i < s->n_far; i++) {
		const struct exporter_stats *x = stats_of(s, i);
		for (unsigned k = 0; x && k < N_SIGNALS; k++) {
			const struct exporter_counts *c = &x->by_signal[k];
			if (count_get(&c->accepted))
				sim_say(s,
				        "books of %u/%u: accepted %llu delivered %llu rejected %llu letters %llu "
				        "queued %llu",
				        i, k, (unsigned long long)count_get(&c->accepted),
				        (unsigned long long)count_get(&c->delivered),
				        (unsigned long long)count_get(&c->rejected),
				        (unsigned long long)count_get(&c->dead_lettered),
				        (unsigned long long)count_get(&c->queued));
		}
	}
}

void sim_count_drops(struct sim *s)
{
	for (unsigned i = 0; i < s->n_far; i++) {
		const struct exporter_stats *x = stats_of(s, i);
		for (unsigned r = 0; r < N_DROP_REASONS; r++) {
			uint64_t *was = &s->far[i].drops_seen[r], now = dropped_of(x, r);
			s->far[i].dropped[r] += now > *was ? now - *was : 0;
			*was = now;
		}
	}
}

void sim_life_begins(struct sim *s)
{
	sim_say_books(s);
	sim_count_drops(s);
	for (unsigned i = 0; i < s->n_far; i++) {
		const struct exporter_stats *x = stats_of(s, i);
		for (unsigned k = 0; x && k < N_SIGNALS; k++)
			s->counts[SIM_RECOVERED] += count_get(&x->by_signal[k].queued);
	}
}

/* Those of a memory queue die with the process. */
static void check_memory(struct sim *s, unsigned i)
{
	const struct sim_far *f = &s->far[i];
	const struct exporter_stats *x = stats_of(s, i);
	uint64_t missing = 0, dropped = 0;
	for (uint32_t k = 0; k < s->n_requests; k++) {
		const struct sim_request *r = &s->requests[k];
		if (r->life != s->life || r->answer != ANSWER_OK || !(r->routes & 1u << i))
			continue;
		for (uint32_t id = r->first; id < r->first + r->n; id++)
			missing += !is_settled(s, f, id);
	}
	for (unsigned r = 0; r < N_DROP_REASONS; r++)
		dropped += dropped_of(x, r);
	if (missing > dropped)
		sim_fail(s, "%llu items of a memory queue are missing at %u, %llu are counted as dropped",
		        (unsigned long long)missing, i, (unsigned long long)dropped);
}

static void check_reasons(struct sim *s, unsigned i)
{
	const struct sim_far *f = &s->far[i];
	const struct exporter_stats *x = stats_of(s, i);
	const bool allowed[N_DROP_REASONS] = {
		[DROP_OVERFLOW] = f->can_drop,
		[DROP_MAX_ELAPSED] = !f->stored && f->max_elapsed_s,
		[DROP_SHUTDOWN] = !f->stored || s->ever_trouble,
		[DROP_REMOVED] = !f->stored,
		[DROP_RETRY_OFF] = !f->retries,
		[DROP_CORRUPT] = s->read_trouble,
	};
	for (unsigned r = 0; r < N_DROP_REASONS; r++)
		if (!allowed[r] && dropped_of(x, r))
			sim_fail(s, "%llu items were dropped at %u for %s", (unsigned long long)dropped_of(x, r), i,
			        drop_reason_name((enum drop_reason)r));
}

void sim_check_books(struct sim *s)
{
	for (unsigned i = 0; i < s->n_far; i++) {
		const struct exporter_stats *x = stats_of(s, i);
		for (unsigned k = 0; x && k < N_SIGNALS; k++) {
			const struct exporter_counts *c = &x->by_signal[k];
			uint64_t sum = count_get(&c->delivered) + count_get(&c->rejected) +
			        count_get(&c->dead_lettered) + count_get(&c->queued);
			for (unsigned r = 0; r < N_DROP_REASONS; r++)
				sum += count_get(&c->dropped[r]);
			if (sum != count_get(&c->accepted))
				sim_fail(s, "the books of %u/%u: %llu accepted, %llu in all (%llu queued)", i, k,
				        (unsigned long long)count_get(&c->accepted), (unsigned long long)sum,
				        (unsigned long long)count_get(&c->queued));
		}
	}
}

void sim_life_ends(struct sim *s, bool clean)
{
	sim_say_books(s);
	sim_count_drops(s);
	for (unsigned i = 0; i < s->n_far; i++) {
		struct sim_far *f = &s->far[i];
		const struct exporter_stats *x = stats_of(s, i);
		if (clean && !f->stored)
			check_memory(s, i);
		if (clean)
			check_reasons(s, i);
		s->counts[SIM_OVERFLOWED] += dropped_of(x, DROP_OVERFLOW);
		s->counts[SIM_EXPIRED] += dropped_of(x, DROP_MAX_ELAPSED);
		s->counts[SIM_LOST_AT_STOP] += dropped_of(x, DROP_SHUTDOWN);
		for (unsigned k = 0; x && k < N_SIGNALS; k++)
			s->counts[SIM_LETTERS] += count_get(&x->by_signal[k].dead_lettered);
	}
	if (clean)
		sim_check_books(s);
}

/* What became of the items of one destination, by what it knows itself and by the exporter's books. */
struct tally {
	uint64_t arrived, arrived_only; /* different ones; without those that it also refused at some time */
	uint64_t missing; /* of those that were promised */
	uint32_t which; /* one of them */
	uint64_t delivered, dropped;
};

static struct tally tally_of(const struct sim *s, unsigned i)
{
	struct tally t = { 0 };
	const struct sim_far *f = &s->far[i];
	const struct exporter_stats *x = stats_of(s, i);
	for (uint32_t k = 0; k < s->n_requests; k++) {
		const struct sim_request *r = &s->requests[k];
		bool owed = r->answer == ANSWER_OK && r->level >= ACK_DURABLE && r->routes & 1u << i;
		for (uint32_t id = r->first; id < r->first + r->n; id++) {
			bool missing = owed && !is_settled(s, f, id);
			t.missing += missing;
			t.which = missing ? id : t.which;
			t.arrived += f->got[id] > 0;
			t.arrived_only += f->got[id] > 0 && !f->refused[id];
		}
	}
	for (unsigned r = 0; r < N_DROP_REASONS; r++)
		t.dropped += r != DROP_CORRUPT || s->read_trouble ? f->dropped[r] : 0;
	for (unsigned k = 0; x && k < N_SIGNALS; k++)
		t.delivered += count_get(&x->by_signal[k].delivered);
	return t;
}

/* What was acked as durable is there, or somebody said why not; and the books say what the destination says, whatever was killed. */
static void check_stored(struct sim *s, unsigned i)
{
	struct tally t = tally_of(s, i);
	if (t.missing > t.dropped)
		sim_fail(s, "%llu items that were durable are missing at %u (%u is one), %llu are counted as dropped",
		        (unsigned long long)t.missing, i, t.which, (unsigned long long)t.dropped);
	if (t.delivered > t.arrived && !s->ever_trouble)
		sim_fail(s, "%llu items are counted as delivered to %u, %llu have arrived",
		        (unsigned long long)t.delivered, i, (unsigned long long)t.arrived);
	if (t.delivered + t.dropped < t.arrived_only)
		sim_fail(s, "%llu items have arrived at %u, %llu are counted as delivered, %llu as dropped",
		        (unsigned long long)t.arrived_only, i, (unsigned long long)t.delivered,
		        (unsigned long long)t.dropped);
}

struct letters {
	struct sim *sim;
	unsigned far;
};

static void check_letter_item(void *ctx, uint32_t id, uint32_t sum)
{
	struct letters *l = ctx;
	struct sim *s = l->sim;
	struct sim_far *f = &s->far[l->far];
	if (id >= s->n_ids || s->sums[id] != sum || !f->refused[id])
		sim_fail(s, "a dead letter of %u has item %u, which it never refused", l->far, id);
	else
		f->has_letter[id] = true;
}

/* Every letter can be read, and holds what its destination refused. */
static void check_letters(struct sim *s)
{
	struct disk *d = &s->disk->disk;
	struct letter_list list;
	slice name;
	int rc = letter_list(d, SIM_DIRECTORY, &list);
	for (size_t i = 0; rc == 0 && i < list.numbers.n; i++) {
		struct letter_file l;
		rc = letter_file_read(d, SIM_DIRECTORY, list.numbers.v[i], true, &l);
		if (rc)
			break;
		slice routes = l.record.routes;
		if (l.state != LETTER_SOUND || !routes_next(&routes, &name))
			sim_fail(s, "dead letter %llu is damaged", (unsigned long long)list.numbers.v[i]);
		else if (!sim_items(l.record.signal, l.record.body, check_letter_item,
		                 &(struct letters){ s, (unsigned)(name.p[name.len - 1] - 'a') }))
			sim_fail(s, "dead letter %llu holds no request", (unsigned long long)list.numbers.v[i]);
		letter_file_release(&l);
	}
	letter_list_release(&list);
	if (rc)
		sim_fail(s, "the dead letters cannot be read: %s", strerror(-rc));
}

/* With a storage and a disk that never failed: what was refused and did not arrive is in a letter, or was refused without one being due. */
static void check_refused(struct sim *s, unsigned i)
{
	const struct sim_far *f = &s->far[i];
	const struct exporter_stats *x = stats_of(s, i);
	uint64_t lost = 0, other = 0;
	for (uint32_t id = 1; id < s->n_ids; id++)
		lost += f->refused[id] && !f->got[id] && !f->has_letter[id] && !sim_is_rejected(s, id);
	for (unsigned k = 0; x && k < N_SIGNALS; k++)
		other += count_get(&x->by_signal[k].rejected);
	for (unsigned r = 0; r < N_DROP_REASONS; r++)
		other += f->dropped[r];
	if (lost > other)
		sim_fail(s, "%llu items that %u refused are nowhere, %llu are counted as rejected or dropped",
		        (unsigned long long)lost, i, (unsigned long long)other);
}

void sim_check_rest(struct sim *s)
{
	sim_count_drops(s);
	if (s->has_storage)
		check_letters(s);
	for (unsigned i = 0; i < s->n_far; i++) {
		const struct exporter_stats *x = stats_of(s, i);
		for (unsigned k = 0; x && k < N_SIGNALS; k++)
			if (count_get(&x->by_signal[k].queued))
				sim_fail(s, "%llu items are still queued for %u",
				        (unsigned long long)count_get(&x->by_signal[k].queued), i);
		if (s->far[i].stored)
			check_stored(s, i);
		if (s->far[i].stored && !s->letters_gone && !s->ever_trouble && !s->counts[SIM_POWER_LOST] &&
		        !s->counts[SIM_KILLED])
			check_refused(s, i);
		check_reasons(s, i);
	}
	sim_check_books(s);
	if (sim_waiting(s))
		sim_fail(s, "a client still waits for its answer");
}
