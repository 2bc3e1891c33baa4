/* rig.c - see rig.h. The stage's neighbours are a sink (for processors) and delivery_done (for exporters), both of
 * which leave the result in the rig. Tests are single-threaded. */
#include "tests/unit/rig/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "config/yaml.h"
#include "lib/genai/tables.h"
#include "lib/otlp/json.h"
#include "lib/pipe/core_internal.h"
#include "lib/pipe/meter.h"

static void sink_push(struct stage *s, struct batch *b)
{
	struct rig *r = CONTAINER_OF(s, struct rig, sink);
	struct buf *body = traces_encode(b->traces, NULL), *json = NULL;
	assert_non_null(body);
	assert_int_equal(otlp_to_json(TRACES, buf_slice(body), NULL, &json), 0);
	free(r->out);
	r->out = strndup(json->data, json->len);
	buf_unref(json);
	buf_unref(body);
}

static const struct component sink = { .name = "sink", .kind = PROCESSOR, .push = sink_push };

static void load(struct rig *r, const struct component *type, const char *yaml)
{
	findings_init(&r->findings);
	arena_init(&r->arena);
	struct node *n = yaml_parse(&r->arena, slice_of(yaml), "rig.yaml", &r->findings);
	assert_non_null(n);
	r->conf = arena_zalloc(&r->arena, type->conf_size + 1);
	struct pos pos = { "rig.yaml", 1, 1 };
	int rc = conf_load(type->fields, n, slice_of(type->name), pos, r->conf, type->check, &r->arena, &r->findings);
	r->loaded = rc == 0;
}

static struct core *make_core(void)
{
	struct core *c = calloc(1, sizeof *c);
	assert_non_null(c);
	c->n_workers = 1;
	c->o.keys = genai_keys_new();
	pool_init(&c->pool, UINT64_MAX);
	return c;
}

static void free_core(struct core *c)
{
	struct key_table *keys;
	memcpy(&keys, &c->o.keys, sizeof(keys));
	key_table_free(keys);
	meters_free(c);
	free(c);
}

double rig_meter(struct rig *r, const char *name, const char *label1, const char *label2)
{
	for (size_t i = 0; i < r->core->meters.n; i++) {
		struct meter *m = r->core->meters.v[i];
		if (strcmp(meter_name(m), name))
			continue;
		struct meter_cell *c = meter_cell(m, 0, slice_of(label1), slice_of(label2));
		return atomic_load(&c->value);
	}
	return 0;
}

void rig_init(struct rig *r, const struct component *type, const char *yaml)
{
	struct err e = { 0 };
	*r = (struct rig){ 0 };
	load(r, type, yaml);
	FILE *log = tmpfile();
	r->log_fd = fcntl(fileno(log), F_DUPFD_CLOEXEC, 10);
	fclose(log);
	fake_clock_init(&r->clock, NS_PER_S, INT64_C(1795244400123000000));
	struct log_conf c = { LOG_DEBUG, LOG_TEXT, false, { r->log_fd }, 1 };
	r->root_log = log_new(&c, &r->clock.clock);
	r->log = log_child(r->root_log, type->name);
	r->loop.clock = &r->clock.clock;
	r->sink.type = &sink;
	r->core = make_core();
	r->stage = (struct stage){ .type = type,
		.id = type->name,
		.conf = r->conf,
		.shared = arena_zalloc(&r->arena, type->shared_size + 1),
		.state = arena_zalloc(&r->arena, type->state_size + 1),
		.next = &r->sink,
		.loop = &r->loop,
		.core = r->core,
		.log = r->log };
	if (!r->loaded)
		return;
	if (type->open && type->open(r->stage.shared, r->conf, NULL, &e))
		fail_msg("open: %s", e.text);
	if (type->start && type->start(&r->stage, &e))
		fail_msg("start: %s", e.text);
}

void rig_release(struct rig *r)
{
	const struct component *type = r->stage.type;
	if (r->loaded && type->stop)
		type->stop(&r->stage);
	if (r->loaded && type->close)
		type->close(r->stage.shared);
	free_core(r->core);
	log_free(r->log);
	log_free(r->root_log);
	close(r->log_fd);
	findings_release(&r->findings);
	arena_release(&r->arena);
	free(r->out);
}

void rig_refuses(const struct component *type, const char *yaml, const char *place, const char *text)
{
	struct rig r = { 0 };
	bool found = false;
	load(&r, type, yaml);
	for (size_t i = 0; i < r.findings.n; i++) {
		const struct finding *f = &r.findings.v[i];
		char at[32];
		snprintf(at, sizeof(at), "%u:%u", f->pos.line, f->pos.col);
		bool hit = f->severity == FINDING_ERROR && strcmp(at, place) == 0 && strstr(f->text, text);
		found = found || hit;
		if (!hit)
			print_message("%s: %s\n", at, f->text);
	}
	if (r.loaded || !found)
		fail_msg("not refused at %s with \"%s\":\n%s", place, text, yaml);
	findings_release(&r.findings);
	arena_release(&r.arena);
}

struct buf *rig_wire(enum signal signal, const char *json)
{
	struct err e = { 0 };
	struct buf *body = NULL;
	uint64_t n_utf8 = 0;
	if (json_to_otlp(signal, slice_of(json), NULL, &body, &n_utf8, &e))
		fail_msg("the test's JSON: %s\n%s", e.text, json);
	return body;
}

const char *rig_push(struct rig *r, const char *json)
{
	struct traces t;
	struct scan_report report;
	struct err e = { 0 };
	assert_true(r->loaded);
	struct buf *body = rig_wire(TRACES, json);
	if (traces_scan(&t, body, r->core->o.keys, NULL, &report, &e))
		fail_msg("scan: %s", e.text);
	assert_int_equal(report.n_refused, 0);
	struct batch b = { .signal = TRACES, .traces = &t, .n_items = report.n_spans, .client = r->client };
	r->stage.type->push(&r->stage, &b);
	traces_release(&t);
	buf_unref(body);
	return r->out;
}

void rig_expect(struct rig *r, const char *json, const char *want)
{
	json_error_t why;
	json_t *expected = json_loads(want, 0, &why);
	if (!expected)
		fail_msg("the expected JSON: %s at %d", why.text, why.position);
	/* both sides as weir prints them, so that the test may write 1 for "1" */
	struct buf *wire = rig_wire(TRACES, want), *again = NULL;
	assert_int_equal(otlp_to_json(TRACES, buf_slice(wire), NULL, &again), 0);
	json_decref(expected);
	expected = json_loadb(again->data, again->len, 0, NULL);
	json_t *got = json_loads(rig_push(r, json), 0, &why);
	if (!got || !json_equal(got, expected))
		fail_msg("got      %s\nexpected %.*s", r->out, SLICE_ARG(buf_slice(again)));
	json_decref(got);
	json_decref(expected);
	buf_unref(wire);
	buf_unref(again);
}

const char *rig_span(struct rig *r, const char *attributes)
{
	return arena_printf(&r->arena,
	        "{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"scope\":{},\"spans\":[{\"traceId\":"
	        "\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\",\"name\":\"s\",\"attributes\":[%"
	        "s]}]}]}]}",
	        attributes);
}

const char *rig_logged(struct rig *r)
{
	off_t n = lseek(r->log_fd, 0, SEEK_CUR);
	char *text = arena_alloc(&r->arena, (size_t)n + 1);
	assert_int_equal(pread(r->log_fd, text, (size_t)n, 0), n);
	text[n] = 0;
	assert_int_equal(ftruncate(r->log_fd, 0), 0);
	lseek(r->log_fd, 0, SEEK_SET);
	return text;
}
