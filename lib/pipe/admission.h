/* admission.h - all or nothing: the records of one request into every queue and storage that they are for.
 *
 * Room is reserved everywhere before anything is written; one refusal by a required exporter or by a storage gives all of it back,
 * and no copy exists anywhere. Where storages take part, their appends come first and the memory queues after: a disk that refuses
 * leaves nothing behind either. (With two storages, what the first one took stays when the second refuses.)
 * What a queue or a storage never has room for is refused for good where a required exporter needs it there; an exporter that may lose data goes
 * without it.
 */
#pragma once
#include "lib/pipe/core_internal.h"
#include "lib/pipe/intake.h"

enum admitted { ADMITTED, ADMITTED_LATER, REFUSED, REFUSED_FOR_GOOD };

struct admission_request {
	struct stage *receiver;
	const struct intake_later *later; /* NULL: queued */
	struct pipeline *const *routes;
	struct record **records; /* per route; NULL: nothing is left of the request */
	size_t n_routes;
	const struct intake_tally *tally;
	const struct intake_result *success; /* what is answered when all went well */
};

/* ADMITTED_LATER: later->answer will come. REFUSED, REFUSED_FOR_GOOD (larger than the queue or the storage of a required exporter): text says why. The records
 * stay the caller's. On the receiver's worker. */
enum admitted admit(const struct admission_request *q, char text[256]) MUST_USE;
