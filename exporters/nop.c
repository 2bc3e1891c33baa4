/* nop.c - takes everything and does nothing with it: a place to end a pipeline, and a way to measure one. */
#include "lib/pipe/component.h"
#include "lib/pipe/delivery.h"
#include "lib/pipe/groups.h"

struct nop_conf {
	struct exporter_conf exporter; /* first member */
};

static const struct conf_field fields[] = {
	CONF_INLINE(nop_conf, exporter, exporter_conf, exporter_fields, "What every exporter has.",
	        .def = "sending_queue.enabled=false"),
	CONF_END,
};

static void check(const void *conf, struct conf_report *r)
{
	exporter_check(conf, r);
}

static int start(struct stage *s UNUSED, struct err *e UNUSED)
{
	return 0;
}

static void nop_send(struct stage *s UNUSED, struct delivery *d)
{
	delivery_done(d, &(struct verdict){ .kind = DELIVERED });
}

const struct component exporter_nop = {
	.name = "nop",
	.summary = "Accepts everything and does nothing with it.",
	.kind = EXPORTER,
	.signals = TRACES | LOGS | METRICS,
	.flags = BARE,
	.fields = fields,
	.conf_size = sizeof(struct nop_conf),
	.check = check,
	.start = start,
	.send = nop_send,
	.stop = stage_stopped,
};
