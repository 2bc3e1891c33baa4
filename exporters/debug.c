/* debug.c - shows what arrives: a count per request, a line per span, or every field.
 *
 * Options and shapes are the Collector's. Output goes through weir's log or, with use_internal_logger: false, to
 * output_paths; a log of its own in both cases carries the component's id. Logs and metrics are shown as OTLP/JSON in the
 * verbose forms. Nothing fails here: a delivery is done when it has been shown or sampled away.
 */
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/disk.h"
#include "lib/otlp/json.h"
#include "lib/otlp/trace_text.h"
#include "lib/otlp/wire.h"
#include "lib/pipe/component.h"
#include "lib/pipe/delivery.h"
#include "lib/pipe/groups.h"

enum verbosity { VERBOSITY_BASIC, VERBOSITY_NORMAL, VERBOSITY_DETAILED };
static const char *const verbosity_names[] = { "basic", "normal", "detailed", NULL };
enum { MAX_PATHS = 8, MAX_TEXT = 256 * 1024 * 1024 };

struct debug_conf {
	struct exporter_conf exporter; /* first member */
	int verbosity;
	uint32_t sampling_initial, sampling_thereafter;
	bool use_internal_logger;
	struct conf_strs output_paths;
};

static const struct conf_field fields[] = {
	CONF_ENUM(debug_conf, verbosity, "basic", verbosity_names,
	        "basic counts, normal shows one line per span, detailed every field."),
	CONF_U32(debug_conf, sampling_initial, "2", "This many requests per second are shown."),
	CONF_U32(debug_conf, sampling_thereafter, "1", "Of the others every n-th one is shown; 0 means none."),
	CONF_BOOL(debug_conf, use_internal_logger, "true", "Whether to show it in weir's own log."),
	CONF_STRS(debug_conf, output_paths, "stdout", "Where to show it otherwise: stdout, stderr or files."),
	CONF_INLINE(debug_conf, exporter, exporter_conf, exporter_fields, "What every exporter has.",
	        .def = "sending_queue.enabled=false"),
	CONF_END,
};

static void check(const void *conf, struct conf_report *r)
{
	const struct debug_conf *c = conf;
	exporter_check(&c->exporter, r);
	if (c->output_paths.n > MAX_PATHS)
		conf_fail(r, &c->output_paths, "at most %d output_paths are supported", MAX_PATHS);
	if (!c->use_internal_logger && !c->output_paths.n)
		conf_fail(r, &c->output_paths, "output_paths must be non-empty when use_internal_logger is false");
	if (c->use_internal_logger && conf_is_set(r, &c->output_paths))
		conf_warn(r, &c->output_paths, "output_paths has no effect while use_internal_logger is true");
}

struct debug_state {
	struct log *root, *own; /* NULL with the internal logger */
	int fds[MAX_PATHS];
	unsigned n_fds;
	int64_t second_began; /* of the sampling */
	uint64_t n_in_second;
};

static void close_output(struct debug_state *state)
{
	struct disk *d = disk_system();
	log_free(state->own);
	log_free(state->root);
	for (unsigned i = 0; i < state->n_fds; i++)
		if (state->fds[i] > STDERR_FILENO)
			d->close(d, state->fds[i]);
}

static int open_path(const char *path, struct err *e)
{
	struct disk *d = disk_system();
	if (strcmp(path, "stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(path, "stderr") == 0)
		return STDERR_FILENO;
	int fd = d->open(d, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	return fd >= 0 ? fd : err_set(e, "cannot open %s: %s", path, strerror(-fd));
}

static int start(struct stage *s, struct err *e)
{
	const struct debug_conf *c = s->conf;
	struct debug_state *state = s->state;
	if (c->use_internal_logger)
		return 0;
	struct log_conf conf = { .level = LOG_INFO, .encoding = LOG_TEXT };
	for (size_t i = 0; i < c->output_paths.n && i < MAX_PATHS; i++) {
		int fd = open_path(c->output_paths.v[i].p, e);
		if (fd < 0) {
			close_output(state);
			return -1;
		}
		state->fds[state->n_fds++] = conf.fds[conf.n_fds++] = fd;
	}
	state->root = log_new(&conf, s->loop->clock);
	state->own = log_child(state->root, s->id);
	return 0;
}

static bool passes_sampling(struct stage *s)
{
	const struct debug_conf *c = s->conf;
	struct debug_state *state = s->state;
	int64_t now = loop_now(s->loop);
	if (state->n_in_second == 0 || now - state->second_began >= NS_PER_S) {
		state->second_began = now;
		state->n_in_second = 0;
	}
	uint64_t n = ++state->n_in_second;
	return n <= c->sampling_initial ||
	        (c->sampling_thereafter && (n - c->sampling_initial) % c->sampling_thereafter == 0);
}

/* Elements of repeated field 1: resources of any signal. */
static uint64_t count_resources(slice body)
{
	const uint8_t *p = wire_start(body), *end = p + body.len;
	uint64_t n = 0;
	uint32_t tag;
	while (p && p < end && (p = wire_tag(p, end, &tag))) {
		n += tag == TAG(1, WIRE_LEN);
		p = wire_skip(p, end, tag);
	}
	return n;
}

static void add_traces(struct strbuf *out, struct buf *body, bool detailed)
{
	struct traces t;
	struct scan_report report;
	struct err e;
	if (traces_scan(&t, body, NULL, NULL, &report, &e)) {
		strbuf_adds(out, "(no memory to show this request)\n");
		return;
	}
	if (detailed)
		trace_text_detailed(out, &t);
	else
		trace_text_normal(out, &t);
	traces_release(&t);
}

static void add_json(struct strbuf *out, enum signal signal, struct buf *body)
{
	struct buf *json;
	if (otlp_to_json(signal, buf_slice(body), NULL, &json)) {
		strbuf_adds(out, "(no memory to show this request)\n");
		return;
	}
	strbuf_add(out, buf_slice(json));
	strbuf_addc(out, '\n');
	buf_unref(json);
}

static void show(struct stage *s, const struct delivery *d)
{
	const struct debug_conf *c = s->conf;
	const struct debug_state *state = s->state;
	static const char *const titles[] = { [TRACES] = "Traces", [LOGS] = "Logs", [METRICS] = "Metrics" };
	static const char *const resources[] = {
		[TRACES] = "resource_spans", [LOGS] = "resource_logs", [METRICS] = "resource_metrics"
	};
	static const char *const items[] = { [TRACES] = "spans", [LOGS] = "log_records", [METRICS] = "data_points" };
	struct strbuf text;
	strbuf_init(&text, MAX_TEXT);
	uint64_t n = 0;
	for (size_t i = 0; i < d->n_bodies; i++) {
		n += count_resources(buf_slice(d->bodies[i]));
		if (c->verbosity != VERBOSITY_BASIC && d->signal == TRACES)
			add_traces(&text, d->bodies[i], c->verbosity == VERBOSITY_DETAILED);
		else if (c->verbosity != VERBOSITY_BASIC)
			add_json(&text, d->signal, d->bodies[i]);
	}
	log_block(state->own ? state->own : s->log, LOG_INFO, strbuf_slice(&text), titles[d->signal],
	        resources[d->signal], LOG_U(n), items[d->signal], LOG_U(d->n_items), NULL);
	strbuf_release(&text);
}

static void debug_send(struct stage *s, struct delivery *d)
{
	if (passes_sampling(s))
		show(s, d);
	delivery_done(d, &(struct verdict){ .kind = DELIVERED });
}

static void stop(struct stage *s)
{
	close_output(s->state);
	stage_stopped(s);
}

const struct component exporter_debug = {
	.name = "debug",
	.summary = "Shows what arrives: counts, one line per span, or every field.",
	.kind = EXPORTER,
	.signals = TRACES | LOGS | METRICS,
	.flags = BARE,
	.fields = fields,
	.conf_size = sizeof(struct debug_conf),
	.state_size = sizeof(struct debug_state),
	.check = check,
	.start = start,
	.send = debug_send,
	.stop = stop,
};
