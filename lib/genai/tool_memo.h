/* tool_memo.h - converted tool definitions, remembered by their bytes.
 *
 * An agent sends the same tool definitions with every call, often more bytes than its messages. A slot keeps what came and what it
 * became, both whole, so that a hit is certain and not a guess by hash. At most TOOL_MEMO_SLOTS x TOOL_MEMO_MAX bytes are kept; of
 * the values that meet in a full set of TOOL_MEMO_WAYS slots one gives way, and sets are large so that some dozens of agents do not push
 * each other out. The memo belongs to one worker's normaliser.
 */
#pragma once
#include "lib/otlp/traces.h"

enum { TOOL_MEMO_SLOTS = 128, TOOL_MEMO_WAYS = 8, TOOL_MEMO_MAX = 32 << 10 };

struct tool_memo_slot {
	uint64_t hash;
	slice in, out; /* owned, one block */
	uint8_t type; /* of the value that `in` is the bytes of */
	bool lossy;
};

struct tool_memo {
	uint64_t seed; /* 0: nothing was kept yet */
	unsigned n_pushed_out;
	struct tool_memo_slot slots[TOOL_MEMO_SLOTS];
};

void tool_memo_release(struct tool_memo *m);
/* What the same value (string, array or map) became before; NULL: not known. Valid until the next tool_memo_keep. */
const struct tool_memo_slot *tool_memo_find(const struct tool_memo *m, const struct value *v);
/* Copies both; does nothing when they are too large or memory is out. */
void tool_memo_keep(struct tool_memo *m, const struct value *v, slice out, bool lossy);
