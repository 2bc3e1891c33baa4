/* rewrite.h - the slow road of intake: a sound body once more, with its text repaired and split messages joined.
 *
 * Used when a scan found bad UTF-8, or a singular message in several fields, which protobuf merges. The result
 * means the same to every protobuf parser (but for U+FFFD) and the scan finds neither again.
 */
#pragma once
#include "lib/base/buf.h"
#include "lib/otlp/encode.h"

/* 0 with *out (caller owns); -2 when pool or memory refuse. `body` must have passed the scan or the check. */
int otlp_rewrite(enum signal signal, slice body, struct pool *pool, struct buf **out) MUST_USE;
