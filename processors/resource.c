/* resource.c - edits attributes of resources by a list of actions.
 *
 * The Collector's resource processor for traces. The actions are those of the attributes processor
 * (lib/pipe/attr_actions.h); a stage owns only the working memory of its patterns.
 */
#include "lib/pipe/attr_actions.h"
#include "lib/pipe/component.h"

struct resource_conf {
	struct conf_list attributes; /* action_conf */
};

static const struct conf_field fields[] = {
	CONF_LIST(resource_conf, attributes, action_conf, action_fields, "What to do, in order."),
	CONF_END,
};

struct resource_state {
	struct regex_scratch scratch;
};

static void check(const void *conf, struct conf_report *r)
{
	const struct resource_conf *c = conf;
	if (!c->attributes.n)
		conf_missing(r, c, "missing required field \"attributes\"");
	actions_check(&c->attributes, r);
}

static int open_shared(void *shared, const void *conf, void *prev UNUSED, struct err *e)
{
	return actions_open(shared, &((const struct resource_conf *)conf)->attributes, e);
}

static void close_shared(void *shared)
{
	actions_close(shared);
}

static void push(struct stage *stage, struct batch *b)
{
	struct resource_state *state = stage->state;
	struct action_run run = { b->traces, b->client, &state->scratch, stage->log, NULL };
	for (uint32_t i = 0; i < b->traces->n_resources; i++)
		actions_apply(stage->shared, &run, &b->traces->resources[i].attrs);
	stage_push(stage->next, b);
}

static void stop(struct stage *stage)
{
	struct resource_state *state = stage->state;
	regex_scratch_release(&state->scratch);
}

const struct component processor_resource = {
	.name = "resource",
	.summary = "Inserts, updates, deletes, hashes, extracts and converts attributes of resources.",
	.kind = PROCESSOR,
	.signals = TRACES,
	.flags = MUTATES,
	.fields = fields,
	.conf_size = sizeof(struct resource_conf),
	.shared_size = sizeof(struct actions),
	.state_size = sizeof(struct resource_state),
	.check = check,
	.open = open_shared,
	.close = close_shared,
	.push = push,
	.stop = stop,
};
