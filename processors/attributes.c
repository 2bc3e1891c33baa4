/* attributes.c - edits attributes of spans by a list of actions, on the spans that include and exclude select.
 *
 * The Collector's attributes processor for traces: events, links, scopes and resources are not touched. The compiled
 * actions and matchers are the shared part; a stage owns only the working memory of its patterns.
 */
#include "lib/pipe/attr_actions.h"
#include "lib/pipe/component.h"
#include "lib/pipe/span_match.h"

struct attributes_conf {
	struct conf_list actions; /* action_conf */
	struct match_conf include, exclude;
};

static const struct conf_field fields[] = {
	CONF_LIST(attributes_conf, actions, action_conf, action_fields, "What to do, in order."),
	CONF_OPTION(attributes_conf, include, match_conf, match_fields,
	        "Only spans that match are edited; all given properties must match."),
	CONF_OPTION(attributes_conf, exclude, match_conf, match_fields, "Spans that match are left alone."),
	CONF_END,
};

struct attributes_shared {
	struct actions actions;
	struct matcher *include, *exclude;
};

struct attributes_state {
	struct regex_scratch scratch;
};

static void check(const void *conf, struct conf_report *r)
{
	const struct attributes_conf *c = conf;
	if (!c->actions.n)
		conf_missing(r, c, "missing required field \"actions\"");
	actions_check(&c->actions, r);
	match_check(&c->include, r);
	match_check(&c->exclude, r);
}

static void close_shared(void *shared)
{
	struct attributes_shared *s = shared;
	actions_close(&s->actions);
	matcher_free(s->include);
	matcher_free(s->exclude);
}

static int open_shared(void *shared, const void *conf, void *prev UNUSED, struct err *e)
{
	const struct attributes_conf *c = conf;
	struct attributes_shared *s = shared;
	if (actions_open(&s->actions, &c->actions, e))
		return -1;
	if ((c->include.enabled && !(s->include = matcher_new(&c->include, e))) ||
	        (c->exclude.enabled && !(s->exclude = matcher_new(&c->exclude, e)))) {
		close_shared(s);
		return -1;
	}
	return 0;
}

static bool is_selected(const struct stage *stage, const struct span *span)
{
	const struct attributes_shared *s = stage->shared;
	struct attributes_state *state = stage->state;
	if (s->include && !matcher_matches(s->include, span, &state->scratch, stage->log))
		return false;
	return !s->exclude || !matcher_matches(s->exclude, span, &state->scratch, stage->log);
}

static void push(struct stage *stage, struct batch *b)
{
	const struct attributes_shared *s = stage->shared;
	struct attributes_state *state = stage->state;
	struct action_run run = { b->traces, b->client, &state->scratch, stage->log, NULL };
	for (struct span *span = traces_first_span(b->traces); span; span = traces_next_span(b->traces, span))
		if (is_selected(stage, span))
			actions_apply(&s->actions, &run, &span->attrs);
	stage_push(stage->next, b);
}

static void stop(struct stage *stage)
{
	struct attributes_state *state = stage->state;
	regex_scratch_release(&state->scratch);
}

const struct component processor_attributes = {
	.name = "attributes",
	.summary = "Inserts, updates, deletes, hashes, extracts and converts attributes of spans.",
	.kind = PROCESSOR,
	.signals = TRACES,
	.flags = MUTATES,
	.fields = fields,
	.conf_size = sizeof(struct attributes_conf),
	.shared_size = sizeof(struct attributes_shared),
	.state_size = sizeof(struct attributes_state),
	.check = check,
	.open = open_shared,
	.close = close_shared,
	.push = push,
	.stop = stop,
};
