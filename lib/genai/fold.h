/* fold.h - where a span keeps its messages, and making one canonical text of each of the four content attributes.
 *
 * Sources, by the ranks of aliases.csv: one JSON attribute, flattened indexed attributes, span events of three generations, a dump of
 * the provider's body. Input, output, system instructions and tool definitions are decided one by one; attributes beat events unless
 * they were cut. Nothing is edited here: the caller writes the results and deletes what was carried completely.
 */
#pragma once
#include "lib/genai/source.h"

struct folded_text {
	slice text; /* JSON in the traces' arena; empty: none */
	bool as_is; /* the canonical attribute already holds exactly this: nothing to write */
};

struct folded {
	struct folded_text input, output, system, tools;
	slice *finish_reasons; /* of choice events (folded or not) and messages, raw, by index */
	size_t n_finish_reasons;
	bool truncated; /* a source was cut by an SDK's limit */
	/* Sources that the texts carry completely; drop_known deletes them. In the traces' arena. Never the canonical attributes. */
	struct attr **carried;
	size_t n_carried;
	struct event **carried_events; /* by fold_events */
	size_t n_carried_events;
};

/* Working memory of one worker. */
struct fold {
	bool fresh; /* no earlier run has seen the span: what looks like a mistake of its emitter is one */
	struct arena arena; /* of one span: JSON nodes, decoded strings */
	struct tool_memo tools;
	struct source best, other; /* the reading that wins, and one that is compared with it */
	VEC(struct attr *) carried;
	VEC(struct sortable) event_attrs, events; /* what was used of the events; by address */
};
void fold_init(struct fold *f);
void fold_release(struct fold *f);
/* v: loaded with GROUP_CONTENT at least, kind known. with_events: message_events is `fold`. The texts of `out` live as long as
 * v->traces. */
void fold_span(struct fold *f, struct view *v, bool with_events, struct folded *out);
/* Which events of the span folded last say nothing that is not on the span. Asked when all has been written there: the next run would
 * find it. */
void fold_events(const struct fold *f, struct view *v, struct folded *out);
