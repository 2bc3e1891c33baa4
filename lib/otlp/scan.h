/* scan.h - what the parts of the scan share (lib/otlp only).
 *
 * A scan runs over a body that has BUF_SLACK readable bytes behind it and either indexes (`t` set) or only
 * validates. It stops at broken framing (`why`); it goes on after everything else: a span that is invalid alone
 * (`refuse`), bad UTF-8 (counted), split singular messages (`merge`).
 */
#pragma once
#include "lib/otlp/traces.h"
#include "lib/otlp/wire.h"

enum { SCAN_GUESSES = 512 };

struct scan {
	struct traces *t; /* NULL: validate only */
	struct scan_report *r;
	const char *why; /* broken framing; NULL: sound so far */
	const uint8_t *at; /* where */
	const char *refuse; /* why the span, resource or scope in hand is invalid; its walker resets it */
	bool merge; /* a singular message comes in several fields */
	bool bad_envelope; /* a resource or scope is invalid: even without spans it cannot be forwarded */
	bool no_memory;
	uint32_t cap_resources, cap_scopes; /* what the arrays hold */
	struct attr *attr, *attr_end; /* room for the next attributes and spans */
	struct span *span, *span_end;
	size_t attr_block, span_block; /* how many the next block has */
	size_t budget; /* for t->arena */
	/* By key id (mod SCAN_GUESSES), the id of the key that came behind it last time: an emitter writes them in one order. */
	uint16_t follows[SCAN_GUESSES], last_id;
};

/* Marks the request broken. Always NULL. */
const uint8_t *scan_bad(struct scan *s, const uint8_t *at, const char *why);
/* A field that is not in its message's list: skipped. `known` has bit N set when field N (at most 31) is known, so
 * that it is here for its wire type. */
const uint8_t *scan_other(struct scan *s, const uint8_t *p, const uint8_t *end, uint32_t tag, uint32_t known);
/* Counts the bad sequences of text that is not ASCII. */
void scan_text(struct scan *s, const uint8_t *p, size_t n);
/* The general readers, correct for every encoding. `depth` is the level of the (key's) AnyValue, from 1. *v must be
 * valid on entry (V_EMPTY): a second occurrence goes on with it. False: broken. */
bool scan_any(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, struct value *v);
bool scan_kv(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, slice *key, struct value *v);
/* The elements of an ArrayValue or (`keyed`) a KeyValueList that are on level `depth`. False: broken. */
bool scan_list(struct scan *s, const uint8_t *p, const uint8_t *end, unsigned depth, bool keyed);

/* From the arena of `t`, within the budget; NULL sets no_memory. */
void *scan_alloc(struct scan *s, size_t n);
bool scan_more_attrs(struct scan *s);
/* One Span: its field [start, end), whose message is [p, end). False: broken or no memory. */
bool scan_index_span(struct scan *s, const uint8_t *start, const uint8_t *p, const uint8_t *end, struct scope *sc);
bool scan_check_span(struct scan *s, const uint8_t *p, const uint8_t *end);

/* The two walks over a whole request. False: broken or no memory. */
bool scan_index(struct scan *s, slice body);
bool scan_check(struct scan *s, slice body);
