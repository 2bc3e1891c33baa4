/* fingerprint.h - a short name for a prompt that nobody named: a hash of its instructions and tools.
 *
 * The instructions are the texts of gen_ai.system_instructions, or of the system messages that gen_ai.input.messages begins with: the
 * same prompt has the same fingerprint through both kinds of API. It is the first half of SHA-256, in hex, over each text followed by a
 * line feed and, where there are tools, a zero byte and gen_ai.tool.definitions as it stands. So without tools
 * `echo "You are helpful." | sha256sum | head -c 32` gives it. What makes it up must never change: users keep fingerprints.
 */
#pragma once
#include "lib/base/arena.h"

enum { FINGERPRINT_LEN = 32, FINGERPRINT_SETS = 1024, FINGERPRINT_BLOCK = 64 };

struct evp_md_ctx_st;
struct evp_md_st;
/* Remembers the fingerprints of the texts met last, each under its lengths and a keyed hash, so that a prompt is parsed and hashed once.
 * Of one worker; zeroed to begin with. */
struct fingerprints {
	uint64_t seed; /* random; 0: not begun */
	uint64_t key[FINGERPRINT_BLOCK]; /* random, by word of a block of text */
	struct evp_md_ctx_st *md;
	struct evp_md_st *sha256;
	struct fingerprint_slot {
		uint64_t key;
		size_t system, tools; /* lengths; both 0: empty */
		char hex[FINGERPRINT_LEN];
	} slots[FINGERPRINT_SETS][2]; /* the older of a set goes */
};
void fingerprints_release(struct fingerprints *f);

/* The part of a JSON array of messages that is its leading system messages ("{..}, {..}"); empty when it begins otherwise. */
slice fingerprint_leading(slice messages);
/* `system` is JSON (parts, or messages with parts) or plain text, `tools` any text; either may be empty, not both. `a` is working
 * memory. The result is valid until the next call. */
slice fingerprint_of(struct fingerprints *f, slice system, slice tools, struct arena *a);
