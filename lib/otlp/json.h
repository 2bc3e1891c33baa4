/* json.h - OTLP/JSON to wire bytes and back, one pass, no tree (DESIGN section 4, otlp.md 1.3).
 *
 * Both directions are driven by tables built from the protobuf-c descriptors of lib/otlp/schema/ at build
 * time or first use, so no field can be forgotten. Input is lenient as the Collector's decoder (snake_case keys, enum
 * names, numbers or strings, null is missing, unknown fields skipped), output strict (lowerCamelCase, hex ids,
 * 64-bit as strings, enums as ints).
 */
#pragma once
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/otlp/encode.h"

enum { JSON_DEPTH = 128 }; /* INTERFACE section 6: deeper is a 400 */

/* Writes the protobuf form of an Export*ServiceRequest. 0 with *out (caller owns); -1 malformed with e (text has
 * the byte offset); -2 pool or memory. A zero-length body is malformed; "{}" and "null" are the empty request.
 * Ids of a wrong length are kept as decoded bytes (at most 64), so that the scan refuses the span alone; an id that is
 * not hex becomes an empty id for the same reason. Unpaired surrogates become U+FFFD and count in *n_utf8, as do bad bytes. */
int json_to_otlp(enum signal signal, slice json, struct pool *pool, struct buf **out, uint64_t *n_utf8,
	struct err *e) MUST_USE;

/* Writes one request as a single line of JSON without a final newline. `body` must be valid (scanned). 0, or -2. */
int otlp_to_json(enum signal signal, slice body, struct pool *pool, struct buf **out) MUST_USE;
