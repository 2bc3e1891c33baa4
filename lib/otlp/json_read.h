/* json_read.h - JSON in and out for any message of the tables (lib/otlp only; json.h is the public door).
 *
 * status.c uses the same code for the small messages. Arguments and results as in json.h.
 */
#pragma once
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/otlp/json_table.h"

/* strict_ids: an id that is not hex of the right length is an error instead of a bad id. */
int json_read(const struct json_message *root, slice json, bool strict_ids, struct pool *pool, struct buf **out,
        uint64_t *n_utf8, struct err *e) MUST_USE;
/* 0, -1 malformed (never, when the body was validated), -2 pool or memory. */
int json_write(const struct json_message *root, slice body, struct pool *pool, struct buf **out) MUST_USE;
