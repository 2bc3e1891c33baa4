/* rig_send.c - an exporter's deliveries without the core: its two ends stand here.
 *
 * In a file of its own, so that only tests that send get these; weak, so that the core's win where a test has a whole exporter. The rig is found by the delivery's exporter pointer, which nobody else reads. */
#include "tests/unit/rig/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

__attribute__((weak)) void stage_stopped(struct stage *s UNUSED)
{
}

__attribute__((weak)) void delivery_done(struct delivery *d, const struct verdict *v)
{
	struct rig *r = (struct rig *)(void *)d->exporter;
	r->verdict = *v;
	r->n_done++;
}

void rig_send(struct rig *r, enum signal signal, uint32_t n_items, const char *const *bodies)
{
	struct buf *wire[16];
	struct delivery d = { .signal = signal, .bodies = wire, .n_items = n_items, .pipeline = "traces" };
	d.exporter = (struct exporter *)(void *)r;
	assert_true(r->loaded);
	for (; bodies[d.n_bodies]; d.n_bodies++)
		wire[d.n_bodies] = rig_wire(signal, bodies[d.n_bodies]);
	unsigned before = r->n_done;
	r->stage.type->send(&r->stage, &d);
	assert_int_equal(r->n_done, before + 1);
	for (size_t i = 0; i < d.n_bodies; i++)
		buf_unref(wire[i]);
	buf_unref(d.wire);
}
