/* batch.c - the Collector's batch processor, lowered: it holds nothing, its options become the batching of the
 * exporters of its pipeline, which happens behind the queue where nothing accepted can be lost.
 */
#include "lib/pipe/component.h"

struct batch_conf {
	duration timeout;
	uint32_t send_batch_size, send_batch_max_size;
	struct conf_strs metadata_keys;
};

static const struct conf_field fields[] = {
	CONF_DURATION(batch_conf, timeout, "200ms", "A batch is sent after this time, full or not; 0 sends at once."),
	CONF_U32(batch_conf, send_batch_size, "8192",
	        "A batch is sent as soon as it has this many items; 0 sends at once."),
	CONF_U32(batch_conf, send_batch_max_size, "0", "A larger batch is split; 0 means no limit."),
	CONF_STRS(batch_conf, metadata_keys, "",
	        "Headers of the request: only requests with the same values are joined."),
	CONF_IGNORED("metadata_cardinality_limit", "batches live behind the queue, whose size bounds them."),
	CONF_END,
};

static void check(const void *conf, struct conf_report *r)
{
	const struct batch_conf *c = conf;
	if (c->timeout.ns < 0)
		conf_fail(r, &c->timeout, "timeout must be greater or equal to 0");
	if (c->send_batch_max_size > 0 && c->send_batch_max_size < c->send_batch_size)
		conf_clash(r, &c->send_batch_size, &c->send_batch_max_size,
		        "send_batch_max_size must be greater or equal to send_batch_size");
	for (size_t i = 0; i < c->metadata_keys.n; i++)
		for (size_t j = 0; j < i; j++)
			if (slice_ieq(c->metadata_keys.v[i], c->metadata_keys.v[j]))
				conf_fail(r, &c->metadata_keys,
				        "duplicate entry in metadata_keys: \"%.*s\" (case-insensitive)",
				        SLICE_ARG(c->metadata_keys.v[i]));
}

static void lower(const void *conf, struct pipeline_settings *p)
{
	const struct batch_conf *c = conf;
	p->has_batch = true;
	p->batch_timeout = c->timeout;
	p->batch_min_items = c->timeout.ns ? c->send_batch_size : 0;
	p->batch_max_items = c->send_batch_max_size;
	p->batch_metadata_keys = &c->metadata_keys;
}

const struct component processor_batch = {
	.name = "batch",
	.summary = "Sets how the exporters of its pipeline join requests before they send.",
	.kind = PROCESSOR,
	.signals = TRACES | LOGS | METRICS,
	.flags = LOWERED | BARE,
	.fields = fields,
	.conf_size = sizeof(struct batch_conf),
	.check = check,
	.lower = lower,
};
