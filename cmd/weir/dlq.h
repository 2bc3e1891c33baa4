/* dlq.h - what `weir dlq replay` needs of the sender: one letter after the other, each waited for. */
#pragma once
#include "lib/base/err.h"
#include "lib/pipe/letter_file.h"
#include "lib/pipe/plan.h"

enum replay_result {
	REPLAY_SENT, /* 2xx and nothing of it refused */
	REPLAY_REFUSED, /* this letter was not taken, another may be */
	REPLAY_STUCK, /* nobody is there, or nobody who takes anything now */
};

struct replay;
/* To `url` (/v1/SIGNAL is appended when it has no path), or, with NULL, each letter to its exporter as `plan` (may be NULL then) knows it.
 * NULL with e: no URL that http can use, or no event loop. */
struct replay *replay_new(const struct plan *plan, const char *url, struct err *e) MUST_USE;
/* `l` was read with its body. Other than REPLAY_SENT with e, whose text may be the backend's. */
enum replay_result replay_send(struct replay *r, const struct letter_file *l, slice exporter, struct err *e);
void replay_free(struct replay *r);
