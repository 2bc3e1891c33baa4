/* admission.c - see admission.h.
 *
 * Without storages everything happens at once, on the stack. Else a struct admission outlives the request: it goes from storage to storage
 * on their writers' threads and ends in commits or releases. It holds a reference of each record and of the graph, so that exporters and
 * storages stay.
 */
#include "lib/pipe/admission.h"

#include <stdio.h>

#include "lib/pipe/ack.h"
#include "lib/pipe/storage.h"

enum { SMALL = 16, TEXT = 256 };

/* What goes to one storage. */
struct part {
	struct submission submission;
	struct admission *admission;
	struct storage *storage;
	struct store_record *records;
	size_t *routes; /* which record of the request each is */
	uint32_t *payloads; /* bytes */
	size_t n, n_reserved;
};

struct admission {
	struct arena arena;
	struct core *core;
	struct graph *graph;
	struct ack *
	        ack; /* one reference for the storages, one for each required room with ACK_DELIVERED; NULL: answered */
	bool waits_for_rooms;
	struct room *rooms;
	size_t n_rooms;
	struct record **records;
	uint64_t **seqs; /* per room that is stored: where its number will be; else NULL */
	size_t n_records;
	struct part *parts;
	size_t n_parts, at;
};

static void release_rooms(struct room *v, size_t n)
{
	while (n-- > 0)
		room_release(&v[n]);
}

/* Reserve everywhere, or nowhere: then text says why. */
static enum admitted reserve_rooms(const struct admission_request *q, struct room *v, size_t *n, char text[TEXT])
{
	*n = 0;
	for (size_t i = 0; i < q->n_routes; i++) {
		const struct pipeline *p = q->routes[i];
		for (size_t k = 0; q->records[i] && k < p->n_exporters; k++) {
			if (room_reserve(p->exporters[k], q->records[i], &v[*n])) {
				++*n;
				continue;
			}
			const char *id = exporter_id(p->exporters[k]);
			bool never = v[*n].limit == ROOM_BEYOND_QUEUE;
			if (never)
				snprintf(text, TEXT, "larger than the sending queue of %.200s ever has room for", id);
			else
				snprintf(text, TEXT, "sending queue of %s is full", id);
			release_rooms(v, *n);
			return never ? REFUSED_FOR_GOOD : REFUSED;
		}
	}
	return ADMITTED;
}

/* Has records, or is the next free one. */
static struct part *part_of(struct admission *a, struct storage *s)
{
	for (size_t i = 0; i < a->n_parts; i++)
		if (a->parts[i].storage == s)
			return &a->parts[i];
	struct part *p = &a->parts[a->n_parts];
	p->admission = a;
	p->storage = s;
	if (!p->records) {
		p->records = arena_zalloc(&a->arena, a->n_rooms * sizeof *p->records);
		p->routes = arena_zalloc(&a->arena, a->n_rooms * sizeof *p->routes);
		p->payloads = arena_zalloc(&a->arena, a->n_rooms * sizeof *p->payloads);
	}
	return p;
}

static void describe(const struct record *r, int64_t wall_ns, struct store_record *out)
{
	*out = (struct store_record){
		.type = STORE_RECORD,
		.signal = r->signal,
		.n_items = r->n_items,
		.hops = r->hops,
		.arrival_wall_ns = wall_ns,
		.pipeline = slice_of(r->pipeline),
		.partition = r->partition,
		.sidecar = r->sidecar ? buf_slice(r->sidecar) : (slice){ 0 },
		.body = buf_slice(r->body),
	};
}

/* Names one more exporter that has the record. False: they are more than a log takes. */
static bool add_route(struct admission *a, struct store_record *r, const char *id)
{
	struct strbuf names;
	strbuf_init(&names, META_MAX);
	strbuf_add(&names, r->routes);
	routes_add(&names, slice_of(id));
	bool ok = !names.failed;
	r->routes = ok ? arena_dup(&a->arena, strbuf_slice(&names)) : r->routes;
	strbuf_release(&names);
	return ok;
}

/* One copy of each record per storage, with the names of all its exporters that have it. False: it never has room for that, nothing
 * was added. */
static bool add_to_part(struct admission *a, size_t room, int64_t wall_ns)
{
	const struct room *r = &a->rooms[room];
	struct part *p = part_of(a, exporter_storage(r->exporter));
	size_t at = 0, record = 0;
	while (a->records[record] != r->record)
		record++;
	while (at < p->n && p->routes[at] != record)
		at++;
	bool fresh = at == p->n;
	struct store_record one = p->records[at];
	if (fresh)
		describe(r->record, wall_ns, &one);
	uint32_t before = p->payloads[at];
	p->payloads[at] = add_route(a, &one, exporter_id(r->exporter)) ? record_payload(&one) : 0;
	if (!store_can_hold(p->storage->store, p->payloads, p->n + fresh)) {
		p->payloads[at] = before;
		return false;
	}
	p->records[at] = one;
	p->routes[at] = record;
	p->n += fresh;
	a->n_parts += p == &a->parts[a->n_parts];
	a->seqs[room] = &p->records[at].seq;
	return true;
}

/* What each storage gets: first what it must have, then what it has room for beside it. False: it never has room for the first; text
 * says so. */
static bool make_parts(struct admission *a, int64_t wall_ns, char text[TEXT])
{
	for (unsigned optional = 0; optional < 2; optional++)
		for (size_t i = 0; i < a->n_rooms; i++) {
			struct room *r = &a->rooms[i];
			if (!r->stored || r->required == optional || add_to_part(a, i, wall_ns))
				continue;
			if (!optional) {
				snprintf(text, TEXT, "larger than storage %.200s ever has room for",
				        exporter_storage(r->exporter)->directory);
				return false;
			}
			room_forgo(r);
		}
	return true;
}

static void release_parts(struct admission *a)
{
	for (size_t i = 0; i < a->n_parts; i++)
		for (size_t k = 0; k < a->parts[i].n_reserved; k++)
			store_release(a->parts[i].storage->store, a->parts[i].payloads[k]);
}

/* False: text says why; release_parts gives back what was taken. */
static bool reserve_parts(struct admission *a, char text[TEXT])
{
	for (size_t i = 0; i < a->n_parts; i++) {
		struct part *p = &a->parts[i];
		struct storage *s = p->storage;
		for (; p->n_reserved < p->n; p->n_reserved++) {
			if (store_reserve(s->store, p->payloads[p->n_reserved]))
				continue;
			store_writer_moved(s->writer); /* what is done may go */
			snprintf(text, TEXT, "storage %.200s %s", s->directory,
			        store_failed(s->store) ? "refuses writes" : "is full");
			return false;
		}
	}
	return true;
}

static void admission_free(struct admission *a)
{
	for (size_t i = 0; i < a->n_records; i++)
		if (a->records[i])
			record_unref(a->records[i]);
	struct core *core = a->core;
	graph_unref(a->graph);
	arena_release(&a->arena);
	free(a);
	atomic_fetch_sub(&core->n_admissions, 1); /* the core may go after it */
}

/* All storages have it. */
static void commit_rooms(struct admission *a)
{
	for (size_t i = 0; i < a->n_rooms; i++) {
		struct room *r = &a->rooms[i];
		struct ack *ack = a->waits_for_rooms && r->required ? a->ack : NULL;
		room_commit(r, a->seqs[i] ? *a->seqs[i] : 0, ack);
	}
}

/* Does a storage have it that had its part before another one refused? */
static bool is_kept(const struct admission *a, const struct room *r)
{
	for (size_t i = 0; r->stored && i < a->at; i++)
		if (a->parts[i].storage == exporter_storage(r->exporter))
			return true;
	return false;
}

static void abandon(struct admission *a, int rc)
{
	char why[128];
	snprintf(why, sizeof why, "storage %.60s: %s", a->parts[a->at].storage->directory, strerror(-rc));
	for (size_t i = 0; i < a->n_rooms; i++) {
		struct room *r = &a->rooms[i];
		if (a->waits_for_rooms && r->required)
			ack_unref(a->ack);
		if (is_kept(a, r)) /* it will be delivered, whatever the sender hears */
			room_commit(r, *a->seqs[i], NULL);
		else if (a->ack)
			room_release(r);
		else /* the sender has its 200 */
			room_lose(r, DROP_SHUTDOWN);
	}
	if (a->ack)
		ack_resolved(a->ack, why);
}

static void on_appended(struct submission *s, int rc)
{
	struct admission *a = CONTAINER_OF(s, struct part, submission)->admission;
	if (!rc && ++a->at < a->n_parts) {
		store_writer_submit(a->parts[a->at].storage->writer, &a->parts[a->at].submission);
		return;
	}
	release_parts(a);
	if (rc) {
		abandon(a, rc);
	} else {
		struct ack *ack = a->ack;
		commit_rooms(a);
		if (ack)
			ack_resolved(ack, NULL);
	}
	admission_free(a);
}

static void submit(struct admission *a, bool durable)
{
	for (size_t i = 0; i < a->n_parts; i++)
		a->parts[i].submission = (struct submission){
			.records = a->parts[i].records, .n = a->parts[i].n, .durable = durable, .done = on_appended
		};
	store_writer_submit(a->parts[0].storage->writer, &a->parts[0].submission);
}

static unsigned count_required(const struct room *v, size_t n)
{
	unsigned required = 0;
	for (size_t i = 0; i < n; i++)
		required += v[i].required;
	return required;
}

static struct admission *admission_new(const struct admission_request *q, const struct room *v, size_t n)
{
	struct graph_stage *s = graph_stage_of(q->receiver);
	struct admission *a = calloc(1, sizeof *a);
	if (!a)
		abort();
	arena_init(&a->arena);
	a->core = s->stage.core;
	a->graph = s->graph;
	atomic_fetch_add(&a->graph->refs, 1);
	atomic_fetch_add(&a->core->n_admissions, 1);
	a->n_rooms = n;
	a->rooms = arena_alloc(&a->arena, n * sizeof *a->rooms);
	memcpy(a->rooms, v, n * sizeof *v);
	a->seqs = arena_zalloc(&a->arena, n * sizeof *a->seqs);
	a->n_records = q->n_routes;
	a->records = arena_zalloc(&a->arena, q->n_routes * sizeof(struct record *));
	for (size_t i = 0; i < q->n_routes; i++)
		a->records[i] = q->records[i] ? record_ref(q->records[i]) : NULL;
	a->parts = arena_zalloc(&a->arena, n * sizeof *a->parts);
	return a;
}

/* Before the storage is full: a destination that lags and may lose data makes room for the others. */
static void relieve(const struct admission *a)
{
	for (size_t i = 0; i < a->n_rooms; i++) {
		struct exporter *e = a->rooms[i].exporter;
		if (a->rooms[i].stored && storage_is_pressed(exporter_storage(e)))
			exporter_relieve(e);
	}
}

static enum admitted admit_in_memory(const struct admission_request *q, enum ack_level level, struct room *v, size_t n)
{
	unsigned required = level == ACK_DELIVERED ? count_required(v, n) : 0;
	struct ack *ack = required ? ack_new(q->receiver, q->later, q->success, q->tally, required) : NULL;
	for (size_t i = 0; i < n; i++)
		room_commit(&v[i], 0, v[i].required ? ack : NULL);
	return required ? ADMITTED_LATER : ADMITTED;
}

static enum admitted submit_stored(const struct admission_request *q, enum ack_level level, struct admission *a)
{
	a->waits_for_rooms = level == ACK_DELIVERED;
	if (level != ACK_QUEUED)
		a->ack = ack_new(q->receiver, q->later, q->success, q->tally,
		        1 + (a->waits_for_rooms ? count_required(a->rooms, a->n_rooms) : 0));
	submit(a, level != ACK_QUEUED);
	return level == ACK_QUEUED ? ADMITTED : ADMITTED_LATER;
}

static enum admitted admit_stored(
        const struct admission_request *q, enum ack_level level, const struct room *v, size_t n, char text[TEXT])
{
	struct admission *a = admission_new(q, v, n);
	bool possible = make_parts(a, clock_wall(q->receiver->loop->clock), text);
	if (possible)
		relieve(a);
	bool ok = possible && reserve_parts(a, text);
	if (ok && a->n_parts)
		return submit_stored(q, level, a);
	enum admitted result = possible ? REFUSED : REFUSED_FOR_GOOD;
	if (ok) { /* nothing is left that is stored */
		result = admit_in_memory(q, level, a->rooms, n);
	} else {
		release_parts(a);
		release_rooms(a->rooms, n);
	}
	admission_free(a);
	return result;
}

static enum ack_level level_of(const struct admission_request *q, bool stored)
{
	enum ack_level level = q->later ? q->later->level : ACK_QUEUED;
	if (level == ACK_AUTO)
		return stored ? ACK_DURABLE : ACK_QUEUED;
	return level;
}

enum admitted admit(const struct admission_request *q, char text[TEXT])
{
	size_t max = 0, n;
	bool stored = false;
	for (size_t i = 0; i < q->n_routes; i++)
		max += q->routes[i]->n_exporters;
	struct room small[SMALL], *v = max <= SMALL ? small : calloc(max, sizeof *v);
	if (!v)
		abort();
	enum admitted result = REFUSED;
	if (atomic_load_explicit(&q->receiver->core->intake_closed, memory_order_relaxed))
		snprintf(text, TEXT, "shutting down");
	else if ((result = reserve_rooms(q, v, &n, text)) == ADMITTED) {
		for (size_t i = 0; i < n; i++)
			stored |= v[i].stored;
		enum ack_level level = level_of(q, stored);
		result = stored ? admit_stored(q, level, v, n, text) : admit_in_memory(q, level, v, n);
	}
	if (v != small)
		free(v);
	return result;
}
