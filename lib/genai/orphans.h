/* orphans.h - spans whose parent was filtered get the nearest kept ancestor of the same request as parent.
 *
 * Only parents that are in the request and filtered are replaced: an unknown parent is no evidence of a drop and stays. A span
 * whose ancestors were all filtered up to the root becomes a root. Linear in the spans; cycles end the walk and change nothing.
 */
#pragma once
#include "lib/genai/span_tree.h"

/* Working memory of one worker, kept between requests. */
struct orphans {
	struct span_tree tree;
};

void orphans_init(struct orphans *o);
void orphans_release(struct orphans *o);
/* Returns how many spans got another parent, or -1 when memory is out (then nothing was changed). */
int64_t orphans_reparent(struct orphans *o, struct traces *t);
