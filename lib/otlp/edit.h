/* edit.h - every change a processor can make to an indexed request.
 *
 * Edits are recorded in the index and in its arena; the body is never written. Reads see them at once.
 * An edit marks its message and all enclosing ones dirty, which is all that encode.h asks. Slices given
 * as values are copied unless the comment says borrowed. Setting leaves one of duplicate keys. Nothing
 * here fails: memory comes from the arena (bounded by what processors write).
 */
#pragma once
#include "lib/otlp/traces.h"

/* Attributes of any owner: resource, scope, span, event, link. */
void attr_set(struct traces *t, struct attrs *as, slice key, const struct value *v);
/* The same with the bytes of *v borrowed: they must stay as long as `t`. */
void attr_set_borrowed(struct traces *t, struct attrs *as, slice key, const struct value *v);
/* The same for a well-known key, without looking its name up. */
void attr_set_known(struct traces *t, struct attrs *as, uint16_t key_id, const struct value *v);
/* Another value for this attribute; others that have its key are left alone. */
void attr_replace(struct traces *t, struct attrs *as, struct attr *a, const struct value *v);
/* The same with the bytes of *v borrowed. */
void attr_replace_borrowed(struct traces *t, struct attrs *as, struct attr *a, const struct value *v);
void attr_set_str(struct traces *t, struct attrs *as, slice key, slice s);
void attr_set_int(struct traces *t, struct attrs *as, slice key, int64_t i);
void attr_set_double(struct traces *t, struct attrs *as, slice key, double d);
void attr_set_bool(struct traces *t, struct attrs *as, slice key, bool b);
void attr_delete(struct traces *t, struct attrs *as, struct attr *a);
/* Other attributes that have the new key are deleted. */
void attr_rename(struct traces *t, struct attrs *as, struct attr *a, slice key);
/* Builds ARRAY and KVLIST values: the bytes are in the arena of `t`. */
struct value value_array(struct traces *t, const struct value *items, size_t n);
struct value value_kvlist(struct traces *t, const slice *keys, const struct value *values, size_t n);

/* Scalar fields; an empty slice or 0 removes the field (proto3 default). */
void span_set_name(struct traces *t, struct span *s, slice name);
void span_set_kind(struct traces *t, struct span *s, uint32_t kind);
void span_set_times(struct traces *t, struct span *s, uint64_t start_ns, uint64_t end_ns);
void span_set_parent(struct traces *t, struct span *s, slice parent_id);
void span_set_trace_state(struct traces *t, struct span *s, slice state);
void span_set_status(struct traces *t, struct span *s, uint32_t code, slice message);
void scope_set_name(struct traces *t, struct scope *s, slice name, slice version);
void event_set_name(struct traces *t, struct event *ev, slice name);

void event_delete(struct traces *t, struct event *ev);
void link_delete(struct traces *t, struct link *l);
struct event *event_add(struct traces *t, struct span *s, uint64_t time_ns, slice name);
struct link *link_add(struct traces *t, struct span *s, slice trace_id, slice span_id);
/* A new span at the end of `scope`; ids are 16, 8 and 0 or 8 bytes. Refused if the scope is. */
struct span *span_add(
        struct traces *t, struct scope *scope, slice trace_id, slice span_id, slice parent_id, slice name);

/* Takes the span out of what is encoded; `rule` (not 0) says why. The span stays readable. */
void span_filter(struct traces *t, struct span *s, uint16_t rule);
