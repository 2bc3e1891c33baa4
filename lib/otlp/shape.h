/* shape.h - the OTLP messages as const tables: message, field, kind.
 *
 * For the walks that need every field but not its meaning: validation of logs and metrics, repair, splitting.
 * Depth is bounded by the schema except through AnyValue, which the walkers count.
 */
#pragma once
#include "lib/otlp/encode.h"

enum shape_kind {
	F_NONE, /* unknown: passed through */
	F_VARINT,
	F_FIX64,
	F_FIX32,
	F_TEXT,
	F_BYTES,
	F_ID16, /* bytes: 0 or 16 of them */
	F_ID8, /* bytes: 0 or 8 */
	F_MSG,
};

struct shape_field {
	enum shape_kind kind;
	bool repeated; /* VARINT and FIX64 that are repeated come packed or not */
	bool oneof; /* no message has two oneofs with more than one member */
	const struct shape *msg;
};

struct shape {
	const char *name;
	uint32_t n; /* fields are numbered 1 .. n - 1 */
	const struct shape_field *fields;
	bool any; /* AnyValue: counts as a level */
	bool item; /* counted: Span, LogRecord, data point */
};

extern const struct shape shape_kv;
/* The Export*ServiceRequest. Resource, scope and item are fields 1.2.2 of it in all signals. */
const struct shape *shape_request(enum signal signal);

/* The field of that number, kind F_NONE when there is none. */
static inline struct shape_field shape_field(const struct shape *m, uint32_t number)
{
	return number < m->n ? m->fields[number] : (struct shape_field){ .kind = F_NONE };
}
