/* poison.h - deliveries that a destination refuses for what is in them: cutting them, bounds, learned sizes, dead letters.
 *
 * A delivery refused as too large is cut by bytes, one refused as bad data is halved, first between records, then inside one at
 * item boundaries (resource and scope are repeated), until single items are found that are refused on their own: they become
 * dead letters, all others are delivered. A delivery of n items with k bad ones costs at most 2k * log2(n) requests more. The parts are
 * deliveries of their own; what they share is their origin, which bounds how many requests one delivery may come to.
 */
#pragma once
#include "lib/pipe/delivery.h"

struct pending;
struct pending_list;

enum {
	POISON_MAX = 8, /* found one by one per origin; what is refused after that is dead-lettered as it is */
	HOPELESS_MAX =
	        4, /* requests for an origin of which nothing was accepted, when that was so for the last HOPELESS_ROW */
	HOPELESS_ROW = 3,
	SIZE_REQUESTS_MAX = 1024, /* for an origin that is cut for its size; as long as nothing was accepted: */
	SIZE_REQUESTS_FIRST = 64,
};

/* What the parts of one delivery share; exporter's thread. */
struct origin {
	unsigned n_parts; /* deliveries that share it */
	uint32_t n_items; /* in all */
	uint32_t n_requests; /* made, and to be made, for it: one for each part, retries not counted */
	uint32_t n_poison; /* items that were refused on their own */
	bool accepted; /* some of it was */
	bool blamed; /* counted as a delivery that was refused whole */
	bool vouched; /* others were accepted after it was refused: the fault is its own */
};

/* How many requests this origin may come to. `hopeless`: in a row, the origins before it had nothing accepted. */
uint32_t origin_max_requests(const struct origin *o, bool too_large, unsigned hopeless);

/* Cuts p's pieces into at least two deliveries, in order, and frees p (its origin goes to the parts). An empty list: it cannot
 * be cut (one item, or no memory), p stays. */
struct pending_list pending_cut(struct pending *p, bool by_bytes);

/* The largest delivery that a destination takes, in bytes before compression: learned from refusals and acceptances. */
struct size_limit {
	uint64_t limit; /* 0: none known */
	uint64_t accepted; /* the largest accepted of late */
	int64_t accepted_ns, refused_ns;
};

/* A delivery of this size was refused for it, and could be cut. */
void size_refused(struct size_limit *l, uint64_t size, int64_t now_ns);
void size_accepted(struct size_limit *l, uint64_t size, int64_t now_ns);
/* The limit now: it grows by a quarter for every 10 minutes without a refusal. 0: none. */
uint64_t size_now(struct size_limit *l, int64_t now_ns);

enum letter_reason { LETTER_TOO_LARGE, LETTER_BAD_REQUEST };
const char *letter_reason_name(enum letter_reason r);

/* What was refused for good, with the backend's words. Borrowed for the call. */
struct letter {
	enum signal signal;
	const char *pipeline;
	uint32_t n_items;
	struct buf *body; /* one request */
	enum letter_reason reason;
	int status; /* of the answer; 0: none */
	slice text; /* at most SAID_MAX */
};
/* Exporter's thread; the items are counted as dead_lettered by the caller. */
void dead_letter(struct exporter *e, const struct letter *l);
