/* chain.c - the five GenAI processors in their order, on spans that are made of what the tables know (spans.h): what the chain makes of a
 * request, it leaves alone when it comes again, and no span is lost but to the filter.
 *
 * The first byte chooses which destination's view of originals is wanted, and whether prompts and headers are linked. The headers come
 * with the first request only.
 */
#include "tests/fuzz/chain.h"
#include "tests/fuzz/spans.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct client_pair sent[] = { { { "x-a", 3 }, { "s", 1 } }, { { "x-b", 3 }, { "u", 1 } },
	{ { "x-c", 3 }, { "100", 3 } } };
static const struct client client = { .metadata = sent, .n_metadata = COUNTOF(sent) };

static struct buf *pushed(struct chain *c, struct buf *in, const struct client *sender)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	REQUIRE(traces_scan(&t, in, c->stages[0].core->o.keys, NULL, &r, &e) == 0 && r.n_refused == 0);
	struct batch b = { .signal = TRACES, .traces = &t, .n_items = t.n_spans, .client = sender };
	c->out = NULL;
	stage_push(&c->stages[0], &b);
	traces_release(&t);
	return c->out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct chain **chains;
	if (size < 3 || size > 2048)
		return 0;
	if (!chains)
		chains = chains_new();
	struct chain *c = chains[data[0] % N_CHAINS];
	struct buf *in = spans_of_bytes(data, size, c->stages[0].core->o.keys);
	struct buf *once = pushed(c, in, &client), *twice = once ? pushed(c, once, NULL) : NULL;
	if (twice && c->dirty) {
		show("came", in);
		show("once", once);
		show("twice", twice);
		REQUIRE(!c->dirty);
	}
	REQUIRE(!once || twice);
	buf_unref(in);
	buf_unref(once);
	buf_unref(twice);
	return 0;
}
