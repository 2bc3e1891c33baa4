/* ack.h - an answer that comes later: a request whose 200 waits for the disk or for its destinations.
 *
 * Made on the receiver's worker, resolved on any thread, answered on the worker: when everything it waits for is resolved, when one thing
 * failed, or when the time is up, whichever is first, and once. It names its connection by exchange_id: when that has gone nothing is
 * sent, and the data stays where it is. It pins the graph that the request came in by. Refs: one for the worker until it answered, one for
 * each thing that is waited for.
 */
#pragma once
#include "lib/net/http_server.h"
#include "lib/pipe/intake.h"

struct ack;
struct worker;

/* For `n_open` things to wait for; on the worker of `receiver`. success: what is answered when all went well. */
struct ack *ack_new(struct stage *receiver, const struct intake_later *later, const struct intake_result *success,
        const struct intake_tally *tally, unsigned n_open) MUST_USE;
/* One thing less; takes one reference. why: NULL, or the reason of the 503. Any thread. */
void ack_resolved(struct ack *a, const char *why);
/* Drops the reference of something that will never be resolved: the ack waits for its time. Any thread. */
void ack_unref(struct ack *a);
/* Requests of this worker that wait; at its end they are forgotten (their connections have gone). */
void worker_acks_stop(struct worker *w);

/* Acks by sequence number: what a cursor's records have to say when they are done. Thread-safe. */
struct ack_book;
struct ack_book *ack_book_new(void) MUST_USE;
void ack_book_free(struct ack_book *b); /* drops the references */
/* Takes the reference. Numbers come nearly in ascending order: a record that waits for a second storage is late. */
void ack_book_add(struct ack_book *b, uint64_t seq, struct ack *a);
/* The ack of this number, taken out of the book, or NULL. */
struct ack *ack_book_take(struct ack_book *b, uint64_t seq) MUST_USE;
/* The oldest from number *from on whose number `is`, taken out of the book, or NULL. *from: 0 at first; moves past what was looked at, so that
 * a search that goes on until NULL looks at each once. `is` is called under the book's lock. */
struct ack *ack_book_take_if(
        struct ack_book *b, uint64_t *from, bool (*is)(void *ctx, uint64_t seq), void *ctx) MUST_USE;
