/* json.h - OTLP/JSON to wire bytes and back, one pass, no tree.
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

enum { OTLP_JSON_DEPTH = 128 }; /* deeper is a 400 */

/* Builds the tables now. Without it they are built by the first request or answer that is JSON, and want of memory ends the
 * process there. */
void json_prepare(void);

/* Writes the protobuf form of an Export*ServiceRequest. 0 with *out (caller owns); -1 malformed with e (text has
 * the byte offset); -2 pool or memory. A zero-length body is malformed; "{}" and "null" are the empty request.
 * Traces: ids of a wrong length are kept as decoded bytes (at most 64), so that the scan refuses the span alone; an id
 * that is not hex becomes one zero byte for the same reason (an empty parent id would be a root). Logs and metrics: both
 * are malformed, since no scan refuses one record. Unpaired surrogates become U+FFFD and bad bytes too; *n_utf8 is set to
 * their number. null in an array of messages is an empty message, so that neighbours keep their place. OTLP_JSON_DEPTH counts
 * open arrays and objects; it is reached before AnyValue is OTLP_ANYVALUE_DEPTH deep. Reads only within `json`. */
int json_to_otlp(
        enum signal signal, slice json, struct pool *pool, struct buf **out, uint64_t *n_utf8, struct err *e) MUST_USE;

/* Writes one request as a single line of JSON without a final newline. `body` must be valid (scanned). Unknown fields
 * cannot be expressed and are left out. 0, -1 malformed (never when scanned), -2 pool or memory. */
int otlp_to_json(enum signal signal, slice body, struct pool *pool, struct buf **out) MUST_USE;
