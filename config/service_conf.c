/* service_conf.c - `service` read through an option table and brought into struct service_conf.
 *
 * What the Collector has for its own tracing and logger is accepted and does nothing, with a warning. The self
 * metrics have one Prometheus reader; the first one in the list is taken.
 */
#include "config/service_conf.h"

#include "lib/base/parse.h"

#define SECONDS_MAX 9e9 /* what int64 nanoseconds hold */

struct sampling_rows {
	bool enabled;
};
struct logs_rows {
	int level, encoding;
	struct conf_strs output_paths;
	struct sampling_rows sampling;
};
struct prometheus_rows {
	bool enabled;
	slice host;
	uint32_t port;
};
struct pull_exporter_rows {
	struct prometheus_rows prometheus;
};
struct pull_rows {
	bool enabled;
	struct pull_exporter_rows exporter;
};
struct reader_rows {
	struct pull_rows pull;
};
struct metrics_rows {
	int level;
	struct conf_list readers;
	slice address;
};
struct telemetry_rows {
	struct logs_rows logs;
	struct metrics_rows metrics;
};
struct service_rows {
	struct node *extensions, *pipelines;
	duration drain_timeout;
	uint32_t workers;
	struct telemetry_rows telemetry;
};

static const char *const log_levels[] = { "debug", "info", "warn|warning", "error", NULL };
static const char *const encodings[] = { "auto", "text|console", "json", NULL };
static const char *const metrics_levels[] = { "none", "basic", "normal", "detailed", NULL };

static const struct conf_field sampling_fields[] = {
	CONF_BOOL(sampling_rows, enabled, "true", "Repeated messages: the first 10 in 10 s, then every 100th."),
	CONF_IGNORED("tick", "Sampling always looks at 10 s."),
	CONF_IGNORED("initial", "The first 10 of a message are always logged."),
	CONF_IGNORED("thereafter", "Then every 100th is logged."),
	CONF_END,
};

static const struct conf_field logs_fields[] = {
	CONF_ENUM(logs_rows, level, "info", log_levels, "The least severe level that is logged."),
	CONF_ENUM(logs_rows, encoding, "auto", encodings, "Text or JSON lines; auto is text on a terminal."),
	CONF_STRS(logs_rows, output_paths, "stderr", "Where log lines go: stderr, stdout or files."),
	CONF_GROUP(logs_rows, sampling, sampling_rows, sampling_fields, "Limits repeated messages."),
	CONF_IGNORED("error_output_paths", "The logger has no errors of its own to write."),
	CONF_IGNORED("development", "There is no development mode."),
	CONF_IGNORED("disable_caller", "Callers are never logged."),
	CONF_IGNORED("disable_stacktrace", "Stack traces are never logged."),
	CONF_IGNORED("initial_fields", "Log lines have no extra fields."),
	CONF_IGNORED("disable_zap_resource", "Log lines carry no resource."),
	CONF_IGNORED("processors", "Own logs are not exported by OTLP."),
	CONF_END,
};

static const struct conf_field prometheus_fields[] = {
	CONF_STR(prometheus_rows, host, "localhost", "Address to listen on."),
	CONF_U32(prometheus_rows, port, "8888", "Port to listen on.", .max = 65535),
	CONF_IGNORED("without_scope_info", "Metrics carry no scope info."),
	CONF_IGNORED("without_units", "Metric names are those of the Collector's default."),
	CONF_IGNORED("without_type_suffix", "Metric names are those of the Collector's default."),
	CONF_IGNORED("with_resource_constant_labels", "Metrics carry no resource labels."),
	CONF_END,
};

static const struct conf_field pull_exporter_fields[] = {
	CONF_OPTION(pull_exporter_rows, prometheus, prometheus_rows, prometheus_fields, "Serves /metrics."),
	CONF_END,
};

static const struct conf_field pull_fields[] = {
	CONF_GROUP(pull_rows, exporter, pull_exporter_rows, pull_exporter_fields, "How the metrics are read."),
	CONF_END,
};

static const struct conf_field reader_fields[] = {
	CONF_OPTION(reader_rows, pull, pull_rows, pull_fields, "Metrics are fetched by a scraper."),
	CONF_IGNORED("periodic", "Own metrics are not pushed; scrape /metrics."),
	CONF_END,
};

static const struct conf_field metrics_fields[] = {
	CONF_ENUM(metrics_rows, level, "normal", metrics_levels, "How much is measured; none serves no metrics."),
	CONF_LIST(metrics_rows, readers, reader_rows, reader_fields, "Default is Prometheus on localhost:8888."),
	CONF_STR(metrics_rows, address, NULL, "Older form of a Prometheus reader, HOST:PORT.", .flags = CONF_OPTIONAL),
	CONF_IGNORED("views", "Metrics cannot be rewritten."),
	CONF_END,
};

static const struct conf_field telemetry_fields[] = {
	CONF_GROUP(telemetry_rows, logs, logs_rows, logs_fields, "Own log."),
	CONF_GROUP(telemetry_rows, metrics, metrics_rows, metrics_fields, "Own metrics."),
	CONF_IGNORED("traces", "weir does not trace itself."),
	CONF_IGNORED("resource", "Own metrics and logs carry no resource."),
	CONF_END,
};

const struct conf_field service_fields[] = {
	CONF_NODE(service_rows, extensions, "Ids of the extensions to start, in this order."),
	CONF_NODE(service_rows, pipelines, "Pipelines by id: traces, metrics or logs, with an optional /name."),
	CONF_GROUP(service_rows, telemetry, telemetry_rows, telemetry_fields, "Own logs and metrics."),
	CONF_DURATION(service_rows, drain_timeout, "25s", "How long a stop may take to deliver what is queued.",
	        .min = 0, .max = SECONDS_MAX),
	CONF_U32(service_rows, workers, "0", "Threads that take requests; 0 is one for each CPU; read at start only.",
	        .max = 1024),
	CONF_END,
};

/* HOST:PORT; -1 when it is not that. */
static int split_address(slice s, slice *host, uint32_t *port)
{
	const char *colon = s.len ? memrchr(s.p, ':', s.len) : NULL;
	uint64_t n;
	if (!colon || parse_u64((slice){ colon + 1, s.len - (size_t)(colon + 1 - s.p) }, &n) < 0 || n > 65535)
		return -1;
	*host = (slice){ s.p, (size_t)(colon - s.p) };
	*port = (uint32_t)n;
	return 0;
}

static void check(const void *conf, struct conf_report *r)
{
	const struct metrics_rows *m = &((const struct service_rows *)conf)->telemetry.metrics;
	slice host;
	uint32_t port;
	if (conf_is_set(r, &m->address)) {
		conf_warn(r, &m->address,
		        "\"address\" is deprecated; use readers with a pull exporter \"prometheus\" instead");
		if (split_address(m->address, &host, &port) < 0)
			conf_fail(r, &m->address, "must be HOST:PORT");
	}
	if (conf_is_set(r, &m->readers) && m->readers.n == 0 && m->level != METRICS_NONE)
		conf_fail(r, &m->readers, "a metrics reader should exist when the metrics level is not none");
}

static void take_metrics(const struct metrics_rows *m, struct service_conf *out)
{
	out->metrics.level = m->level;
	if (m->level == METRICS_NONE)
		return;
	const struct reader_rows *readers = m->readers.v;
	for (size_t i = 0; i < m->readers.n; i++) {
		const struct prometheus_rows *p = &readers[i].pull.exporter.prometheus;
		if (readers[i].pull.enabled && p->enabled) {
			out->metrics.host = p->host;
			out->metrics.port = p->port;
			return;
		}
	}
	if (m->address.len && split_address(m->address, &out->metrics.host, &out->metrics.port) == 0)
		return;
	if (m->readers.n == 0) {
		out->metrics.host = SLICE("localhost");
		out->metrics.port = 8888;
	}
}

static void take_logs(const struct logs_rows *l, struct service_conf *out)
{
	out->logs.level = l->level;
	out->logs.encoding = l->encoding - 1;
	out->logs.output_paths = l->output_paths;
	out->logs.sampling = l->sampling.enabled;
}

int service_conf_load(struct node *service, struct pos pos, struct service_conf *out, struct service_parts *parts,
        struct arena *a, struct findings *f)
{
	struct service_rows rows = { 0 };
	int rc = conf_load(service_fields, service, SLICE("service"), pos, &rows, check, a, f);
	*parts = (struct service_parts){ rows.extensions, rows.pipelines };
	*out = (struct service_conf){ .drain_timeout = rows.drain_timeout, .workers = rows.workers };
	take_logs(&rows.telemetry.logs, out);
	take_metrics(&rows.telemetry.metrics, out);
	return rc;
}
