/* traces.h - one OTLP trace request as an index over its bytes.
 *
 * A scan validates everything and records slices; nothing is unpacked. Elements point into the body or,
 * once edited, into the arena; reads therefore see edits. Edits go through edit.h only, which keeps the
 * dirty marks that encode.h needs. A `struct traces` belongs to one worker and never crosses threads.
 * Elements are named by pointer; pointers of resources, scopes, spans, events, links and attributes stay
 * valid until traces_release.
 */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/otlp/keys.h"

enum { OTLP_ANYVALUE_DEPTH = 64 }; /* deeper values refuse their span */

enum value_type { V_EMPTY, V_STRING, V_BOOL, V_INT, V_DOUBLE, V_ARRAY, V_KVLIST, V_BYTES };

/* An AnyValue. ARRAY and KVLIST keep the bytes of their message; walk them with value_next. */
struct value {
	enum value_type type;
	union {
		bool b;
		int64_t i;
		double d;
		slice s; /* STRING, BYTES; ARRAY, KVLIST: the wire bytes of the ArrayValue / KeyValueList message */
	};
};

enum attr_edit { ATTR_AS_IS, ATTR_RENAMED, ATTR_SET }; /* lib/otlp only */
struct attr {
	slice key;
	struct value value;
	struct attr *next; /* of the same owner, in order, deleted ones included */
	const char *raw; /* lib/otlp only: the field in the body (tag, length, KeyValue); NULL when added */
	uint32_t raw_len; /* lib/otlp only */
	uint16_t key_id; /* 0: not well known */
	bool deleted;
	uint8_t edit; /* lib/otlp only: enum attr_edit */
};

enum owner_kind { OWN_RESOURCE, OWN_SCOPE, OWN_SPAN, OWN_EVENT, OWN_LINK };

/* The attributes of one message. `owner` leads back to the resource, scope, span, event or link. */
struct attrs {
	struct attr *first, *last;
	uint32_t n; /* not deleted */
	enum owner_kind kind;
	bool dirty; /* any of them edited, deleted or added */
	uint64_t known[4]; /* lib/otlp only: bit (id mod 256) of every well-known key that is or was here */
};

struct resource {
	struct attrs attrs;
	slice schema_url; /* of ResourceSpans */
	uint32_t first_scope, n_scopes; /* in traces.scopes */
	/* lib/otlp only: the ResourceSpans field, the Resource field in it (may be empty), and their state */
	slice raw, msg;
	bool dirty; /* something inside is edited, filtered or refused */
	bool refused; /* its own attributes are invalid: never encoded */
};

struct scope {
	struct attrs attrs;
	slice name, version, schema_url;
	struct resource *resource;
	struct span *first, *last; /* in order; refused, filtered and added ones included */
	uint32_t n_spans; /* as scanned */
	uint32_t
	        note; /* what a reader of the name wants to remember about it; 0 after the scan and after scope_set_name */
	/* lib/otlp only: as in struct resource; bit N: field N was set */
	slice raw, msg;
	uint32_t edited;
	bool dirty, refused;
};

struct event {
	struct attrs attrs;
	slice raw; /* the whole field */
	uint64_t time_ns;
	slice name;
	struct span *span;
	struct event *next;
	bool deleted;
	bool renamed; /* lib/otlp only */
};

struct link {
	struct attrs attrs;
	slice raw;
	slice trace_id, span_id, trace_state;
	uint32_t flags;
	struct span *span;
	struct link *next;
	bool deleted;
};

struct span {
	struct attrs attrs;
	slice raw; /* the whole field of ScopeSpans */
	slice trace_id, span_id, parent_id; /* 16, 8, 8 or 0 bytes */
	slice name, trace_state;
	uint64_t start_ns, end_ns;
	uint32_t kind, flags;
	uint32_t status_code;
	slice status_message;
	struct event *first_event, *last_event;
	struct link *first_link, *last_link;
	struct scope *scope;
	struct span *next; /* of the same scope, in order, filtered and added ones included */
	uint16_t rule; /* 0: kept; otherwise span_filter's rule id */
	bool refused; /* invalid alone: counted in the report, never encoded */
	uint32_t edited; /* lib/otlp only: bit N: field N was set, or one of the events (11) or links (13) changed */
};

struct traces {
	struct arena arena;
	struct buf *body; /* one reference */
	const struct key_table *keys; /* may be NULL */
	struct resource *resources;
	struct scope *scopes;
	uint32_t n_resources, n_scopes, n_spans; /* as scanned; n_spans includes refused ones */
	uint32_t n_kept; /* neither refused nor filtered */
	bool dirty; /* encoding differs from the body */
	struct attr *spare, *spare_end; /* lib/otlp only: room in the arena for attributes that are added */
};

/* The state of the index is at most this many bytes per body byte plus a constant. */
enum { TRACES_INDEX_FACTOR = 6, TRACES_INDEX_CONSTANT = 1 << 20 };

/* What the scan found besides the index. */
struct scan_report {
	uint32_t n_spans, n_refused;
	char refused_text[160]; /* why the first one was refused: for partialSuccess.errorMessage */
	uint64_t n_utf8; /* bad sequences replaced by U+FFFD */
};

/* Indexes `body` (takes one reference of its own). 0, or -1 with e for broken framing: wire types, lengths,
 * group nesting (the request is a 400). -2 when memory for the index or the rewritten body is out (a 503).
 * On failure nothing is to be released, except that calling traces_release is harmless.
 * Spans that are invalid alone are marked refused: trace or span id missing, all zero or not 16 / 8 bytes; parent
 * id not 0 or 8 bytes; a link's ids not 0 or 16 / 0 or 8 bytes (SDKs keep links with empty contexts); AnyValue
 * deeper than 64 (an attribute's value is level 1). AnyValue too deep in resource or scope attributes refuses all
 * spans below. Invalid UTF-8, and singular messages that are split over several fields (protobuf merges them),
 * make the body be rewritten once (from `pool`) and scanned again. */
int traces_scan(struct traces *t, struct buf *body, const struct key_table *keys, struct pool *pool,
        struct scan_report *r, struct err *e) MUST_USE;
void traces_release(struct traces *t);

/* Validation without an index, for pipelines that change nothing: accepts and refuses exactly what
 * traces_scan does (but for -2) and fills the same report. *needs_rewrite is set when the body cannot be forwarded
 * as it is (a refused span, bad UTF-8): then scan and encode. The BUF_SLACK bytes behind `body` must be readable,
 * as they are in every buf. */
int traces_check(slice body, struct scan_report *r, bool *needs_rewrite, struct err *e) MUST_USE;

/* First live attribute of that key (duplicates: the first, as the Collector), or NULL. */
struct attr *attrs_find(const struct attrs *as, slice key);
struct attr *attrs_walk_id(const struct attrs *as, uint16_t key_id); /* lib/otlp only */
/* False: no attribute of that well-known key is here. Most processors ask for many keys that most spans do not have. */
static inline bool attrs_may_have(const struct attrs *as, uint16_t key_id)
{
	return as->known[key_id >> 6 & 3] >> (key_id & 63) & 1;
}
static inline struct attr *attrs_find_id(const struct attrs *as, uint16_t key_id)
{
	return attrs_may_have(as, key_id) ? attrs_walk_id(as, key_id) : NULL;
}
/* Live attributes in order: a = attrs_first(as); a; a = attrs_next(a). */
static inline struct attr *attrs_live(struct attr *a)
{
	while (a && a->deleted)
		a = a->next;
	return a;
}
static inline struct attr *attrs_first(const struct attrs *as)
{
	return attrs_live(as->first);
}
static inline struct attr *attrs_next(const struct attr *a)
{
	return attrs_live(a->next);
}

/* Spans that are neither refused nor filtered, added ones included, in wire order. */
struct span *traces_first_span(struct traces *t);
struct span *traces_next_span(struct traces *t, struct span *s);

/* Walks an ARRAY or KVLIST value: `at` starts as v->s and shrinks. False at the end. *key is empty for arrays. */
bool value_next(slice *at, enum value_type of, slice *key, struct value *v);
