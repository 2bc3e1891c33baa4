/* otlp_trial.h - one random request in two worlds, our index and protobuf-c's tree, and the same edits on both. */
#pragma once
#include "lib/otlp/edit.h"
#include "tests/unit/rig/otlp_oracle.h"
#include "tests/unit/rig/otlp_random.h"

struct trial {
	struct arena arena;
	struct rng rng;
	uint64_t seed;
	struct traces t;
	pb_request *pb;
	pb_span *gone[64]; /* filtered in the tree */
	size_t n_gone;
	const void *bad[16]; /* resources and scopes whose attributes nest too deep */
	size_t n_bad;
	uint32_t n_edits;
};

/* Fails the test with the seed. */
_Noreturn void trial_fail(const struct trial *c, const char *what);
/* Some random edits of everything that edit.h offers, on c->t and c->pb alike; filtered spans are noted in c->gone. */
void trial_edit(struct trial *c);
