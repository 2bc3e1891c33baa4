/* otlp_oracle.h - what the codec tests know from elsewhere: protobuf-c and its descriptors, not lib/otlp.
 *
 * `otlp_traits` parses a body with its own few lines and the descriptors of the generated code, and says what is
 * special about it. Each documented difference between lib/otlp and protobuf-c is one trait, so that a test can
 * ask whether a difference in the answer has its reason.
 */
#pragma once
#include "lib/base/arena.h"
#include "lib/otlp/schema/trace_service.pb-c.h"
#include "lib/otlp/traces.h"
#include "tests/unit/rig/otlp_random.h"

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest pb_request;
typedef Opentelemetry__Proto__Trace__V1__ResourceSpans pb_resource_spans;
typedef Opentelemetry__Proto__Trace__V1__ScopeSpans pb_scope_spans;
typedef Opentelemetry__Proto__Trace__V1__Span pb_span;
typedef Opentelemetry__Proto__Trace__V1__Span__Event pb_event;
typedef Opentelemetry__Proto__Trace__V1__Span__Link pb_link;
typedef Opentelemetry__Proto__Trace__V1__Status pb_status;
typedef Opentelemetry__Proto__Common__V1__KeyValue pb_kv;
typedef Opentelemetry__Proto__Common__V1__AnyValue pb_any;

enum trait {
	T_BROKEN = 1, /* cut off, a length that does not fit, wire type 6 or 7: both refuse */
	/* lib/otlp is stricter */
	T_TAG = 2, /* a padded tag of field 0, or one beyond 32 bits */
	T_VARINT = 4, /* beyond 64 bits */
	T_GROUP = 8, /* groups that do not balance, or nest deeper than 64 */
	T_TYPE = 16, /* a known field of a wrong wire type (protobuf-c takes any for a bool) */
	/* lib/otlp is more correct, or looks elsewhere */
	T_GROUPS = 32, /* has groups: protobuf-c refuses all */
	T_SPLIT = 64, /* an id, oneof or singular message in several fields: protobuf-c merges wrong or refuses */
	T_DEEP = 128, /* an AnyValue deeper than 64: not looked at, its span is refused */
	T_NUL = 256, /* text with a NUL, which ends protobuf-c's strings */
};

/* The traits of a body; *bare (in the arena) is the body without groups. */
unsigned otlp_traits(const ProtobufCMessageDescriptor *d, slice body, struct arena *a, slice *bare);

/* Allocates from an arena; nothing is freed alone. */
ProtobufCAllocator pb_allocator(struct arena *a);
/* NULL when protobuf-c refuses. */
pb_request *pb_unpack(struct arena *a, slice body);
/* Canonical bytes: packed with unknown fields sorted (this changes `m`), with bad UTF-8 replaced when `repair`. */
slice pb_canonical(struct arena *a, ProtobufCMessage *m, bool repair);
/* Why the span is refused by our rules, or NULL. */
const char *pb_refused(const pb_span *s);
/* Whether one of the attributes nests too deep. */
bool pb_too_deep(pb_kv *const *kv, size_t n);

/* Whether an id anywhere in the message has a length that OTLP does not allow (an empty one is allowed). */
bool pb_bad_ids(ProtobufCMessage *m);
/* Random wire bytes of a valid message of that type, all fields of the schema; `depth` is 0. */
slice pb_random(struct rng *r, struct arena *a, const ProtobufCMessageDescriptor *d, unsigned depth);

/* Compares every field of the index with the tree; NULL when equal, else what differs. Works on unedited requests. */
const char *pb_differs(struct traces *t, const pb_request *r);
