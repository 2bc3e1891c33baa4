/* plan_promises.c - what a config promises and cannot keep: `ack` of a receiver, `overflow` of an exporter.
 *
 * A 200 that promises the disk (ack: durable) where an exporter that must have the data keeps it in memory is an error: the promise would be
 * broken by the first kill. ack: delivered where no exporter must have the data, and overflow: reject where nothing is ever rejected, lose
 * nothing that was promised and are warnings. An exporter must have the data when it is required (given, or alone in its pipelines) and does
 * not drop the newest itself. What the config leaves to its default (ack: auto) promises no more than it can keep.
 */
#include "config/plan_internal.h"
#include "lib/pipe/groups.h"

/* Of an exporter; NULL: its options have findings. */
static const struct exporter_conf *options_of(const struct plan_component *c)
{
	return c->type->conf_size < sizeof(struct exporter_conf) ? NULL : c->conf;
}

/* Does a 200 speak for it? */
static bool must_have(const struct plan *p, const struct plan_component *exporter)
{
	const struct exporter_conf *c = options_of(exporter);
	return c && plan_requires(p, exporter) && c->overflow != OVERFLOW_DROP_NEWEST;
}

static bool has_storage(const struct plan_component *exporter)
{
	const struct exporter_conf *c = options_of(exporter);
	return c && c->sending_queue.storage.len > 0;
}

static void check_durable(
        struct builder *b, const struct plan_component *receiver, const struct plan_pipeline *p, struct pos pos)
{
	bool stored = false;
	for (size_t i = 0; i < p->n_exporters; i++)
		stored |= has_storage(p->exporters[i]);
	if (!stored) {
		findings_add(b->findings, FINDING_ERROR, pos,
		        "receivers::%s: ack: durable promises what pipeline \"%s\" cannot keep: none of its exporters "
		        "has a sending_queue::storage",
		        receiver->id, p->id);
		return;
	}
	for (size_t i = 0; i < p->n_exporters; i++)
		if (must_have(b->plan, p->exporters[i]) && !has_storage(p->exporters[i]))
			findings_add(b->findings, FINDING_ERROR, pos,
			        "receivers::%s: ack: durable promises what pipeline \"%s\" cannot keep: exporter "
			        "\"%s\" is required and its queue is in memory; give it a sending_queue::storage, or "
			        "set required: false there, or ack: queued here",
			        receiver->id, p->id, p->exporters[i]->id);
}

static void check_delivered(
        struct builder *b, const struct plan_component *receiver, const struct plan_pipeline *p, struct pos pos)
{
	for (size_t i = 0; i < p->n_exporters; i++)
		if (must_have(b->plan, p->exporters[i]))
			return;
	findings_add(b->findings, FINDING_WARNING, pos,
	        "receivers::%s: ack: delivered promises nothing for pipeline \"%s\": none of its exporters is "
	        "required, so that a 200 waits for none; set required: true where the data must arrive",
	        receiver->id, p->id);
}

/* Nothing is missing from the pipeline's list because of a finding, and all options are known. */
static bool is_sound(const struct plan_pipeline *p)
{
	for (size_t i = 0; i < p->n_exporters; i++)
		if (!options_of(p->exporters[i]))
			return false;
	return p->n_exporters > 0;
}

static void check_ack(struct builder *b, const struct plan_component *receiver)
{
	const struct node *ack = node_get(receiver->node, "ack");
	bool durable = ack && slice_is(ack->text, "durable"), delivered = ack && slice_is(ack->text, "delivered");
	for (size_t i = 0; (durable || delivered) && i < b->plan->n_pipelines; i++) {
		const struct plan_pipeline *p = &b->plan->pipelines[i];
		if (!list_has(p->receivers, p->n_receivers, receiver) || !is_sound(p))
			continue;
		if (durable)
			check_durable(b, receiver, p, ack->pos);
		else
			check_delivered(b, receiver, p, ack->pos);
	}
}

static bool is_later(struct pos a, struct pos b)
{
	return a.file == b.file && (a.line > b.line || (a.line == b.line && a.col > b.col));
}

static void check_overflow(struct builder *b, const struct plan_component *exporter)
{
	const struct exporter_conf *c = options_of(exporter);
	const struct node *overflow = node_get(exporter->node, "overflow"),
	                  *required = node_get(exporter->node, "required");
	if (!c || !overflow || c->overflow != OVERFLOW_REJECT || plan_requires(b->plan, exporter))
		return;
	bool given = c->required == TRI_FALSE;
	struct pos pos = given && is_later(required->pos, overflow->pos) ? required->pos : overflow->pos;
	findings_add(b->findings, FINDING_WARNING, pos,
	        "exporters::%s: overflow: reject refuses nothing here: an exporter that is not required (%s) drops the "
	        "newest data when its queue is full; set required: true to have requests refused, or overflow: "
	        "drop_newest",
	        exporter->id, given ? "required: false" : "by default, as it is not alone in its pipelines");
}

void check_promises(struct builder *b)
{
	for (size_t i = 0; i < b->plan->n_components; i++) {
		const struct plan_component *c = &b->plan->components[i];
		if (c->type->kind == RECEIVER)
			check_ack(b, c);
		if (c->type->kind == EXPORTER)
			check_overflow(b, c);
	}
}
