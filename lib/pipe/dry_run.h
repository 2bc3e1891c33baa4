/* dry_run.h - one request through a pipeline's processors, without sockets, threads and exporters: `weir explain`.
 *
 * The components are opened and started as in a running weir, on the calling thread; what they write (edits, meters) goes nowhere.
 */
#pragma once
#include "lib/otlp/traces.h"
#include "lib/pipe/plan.h"

struct dry_run;

/* The plan, `log` and `keys` must outlive it. NULL with e when a component does not open or start. */
struct dry_run *dry_run_new(
        const struct plan_pipeline *pipeline, struct log *log, const struct key_table *keys, struct err *e) MUST_USE;
void dry_run_free(struct dry_run *d); /* NULL is fine */
/* Edits `t` (scanned with `keys`) as the processors do; after each of them `after` is called with its id. */
void dry_run_push(
        struct dry_run *d, struct traces *t, void (*after)(void *ctx, const char *id, struct traces *t), void *ctx);
