/* plan_foreign.c - what to say about a type that weir does not have.
 *
 * A type of the Collector's family is named as such, so that its user knows that it is not a typing error; what weir
 * will have later is said to be not built in yet; everything else gets the list of valid types and the nearest one.
 * A type that is built in never comes here, so a row may outlive its reason.
 */
#include "config/plan_internal.h"
#include "lib/base/strbuf.h"

enum what { ABSENT, LATER, NO_EFFECT, TEXT };

static const struct foreign {
	enum kind kind;
	enum what what;
	const char *types; /* space separated, all spellings */
	const char *text; /* for TEXT */
} table[] = {
	{ EXPORTER, TEXT, "otlp otlp_grpc", "otlp_grpc (otlp) is not built in yet: use otlp_http" },
	{ EXPORTER, TEXT, "logging", "the logging exporter has been deprecated, use the debug exporter instead" },
	{ PROCESSOR, LATER,
	        "gen_ai_filter gen_ai_normalizer gen_ai_cost gen_ai_latency gen_ai_link redaction tail_sampling",
	        NULL },
	{ EXTENSION, LATER, "api_keys basicauth bearertokenauth headers_setter", NULL },
	{ EXTENSION, NO_EFFECT, "pprof zpages", NULL },
	{ RECEIVER, ABSENT,
	        "zipkin jaeger opencensus prometheus prometheus_simple kafka hostmetrics host_metrics filelog file_log "
	        "syslog "
	        "fluent_forward fluentforward otlpjsonfile otlp_json_file otelarrow datadog skywalking awsxray "
	        "aws_xray "
	        "influxdb statsd carbon k8s_cluster k8s_events kubeletstats docker_stats dockerstats redis postgresql "
	        "mysql "
	        "mongodb nginx httpcheck http_check tcplog udplog journald webhookevent webhook_event pulsar rabbitmq "
	        "googlecloudpubsub azureeventhub solace splunk_hec loki signalfx sapm nop",
	        NULL },
	{ PROCESSOR, ABSENT,
	        "filter transform span groupbytrace groupbyattrs probabilistic_sampler routing k8sattributes "
	        "k8s_attributes "
	        "resourcedetection resource_detection cumulativetodelta deltatocumulative deltatorate metricstransform "
	        "metrics_transform metricsgeneration geoip schema logdedup log_dedup interval remotetap remote_tap "
	        "sumologic "
	        "unroll coralogix datadog isolationforest dns_lookup lookup",
	        NULL },
	{ EXPORTER, ABSENT,
	        "zipkin jaeger opencensus prometheus prometheusremotewrite prometheus_remote_write kafka loadbalancing "
	        "load_balancing otelarrow datadog elasticsearch opensearch clickhouse loki splunk_hec googlecloud "
	        "googlecloudpubsub awsxray aws_xray awss3 aws_s3 awscloudwatchlogs awsemf aws_emf awskinesis "
	        "azuremonitor "
	        "azure_monitor azuredataexplorer honeycombmarker logicmonitor sumologic signalfx sapm influxdb pulsar "
	        "rabbitmq "
	        "cassandra sentry coralogix dynatrace logzio mezmo tencentcloud_logservice alibabacloud_logservice",
	        NULL },
	{ EXTENSION, ABSENT,
	        "memory_limiter memory_ballast health_check_v2 healthcheckv2 oauth2client oidc asapclient sigv4auth "
	        "azureauth azure_auth google_client_auth googleclientauth jaegerremotesampling remotetap host_observer "
	        "k8s_observer docker_observer ecs_observer db_storage redis_storage opamp ack encoding otlp_encoding "
	        "jaeger_encoding zipkin_encoding basic_auth bearer_token_auth",
	        NULL },
};

static bool has_word(const char *words, slice word)
{
	for (const char *p = words; *p;) {
		size_t n = strcspn(p, " ");
		if (slice_eq((slice){ p, n }, word))
			return true;
		p += n + strspn(p + n, " ");
	}
	return false;
}

static const struct foreign *find_foreign(enum kind kind, slice type)
{
	for (size_t i = 0; i < COUNTOF(table); i++) {
		if (table[i].kind == kind && has_word(table[i].types, type))
			return &table[i];
	}
	return NULL;
}

static void report_valid_types(struct findings *f, enum kind kind, slice key, slice type, struct pos pos)
{
	const char *names[256];
	size_t n = 0;
	struct strbuf list;
	strbuf_init(&list, 16384);
	for (const struct component *const *c = registry_all(); *c && n < COUNTOF(names) - 1; c++) {
		if ((*c)->kind != kind)
			continue;
		strbuf_addf(&list, "%s%s", n ? " " : "", (*c)->name);
		names[n++] = (*c)->name;
	}
	names[n] = NULL;
	const char *near = findings_nearest(type, names);
	findings_add(f, FINDING_ERROR, pos, "'%s' unknown type: \"%.*s\" for id: \"%.*s\" (valid values: [%s])%s%s%s",
	        kind_section(kind), SLICE_ARG(type), SLICE_ARG(key), n ? list.p : "", near ? ", did you mean \"" : "",
	        near ? near : "", near ? "\"?" : "");
	strbuf_release(&list);
}

bool report_unknown_type(struct findings *f, enum kind kind, slice key, const struct id *id, struct pos pos)
{
	const struct foreign *x = find_foreign(kind, id->type);
	if (!x) {
		report_valid_types(f, kind, key, id->type, pos);
		return false;
	}
	switch (x->what) {
	case ABSENT:
		findings_add(f, FINDING_ERROR, pos, "the %s \"%.*s\" of the Collector is not part of weir",
		        component_kind_name(kind), SLICE_ARG(id->type));
		break;
	case LATER:
		findings_add(f, FINDING_ERROR, pos, "the %s \"%.*s\" is not built in yet", component_kind_name(kind),
		        SLICE_ARG(id->type));
		break;
	case NO_EFFECT:
		findings_add(f, FINDING_WARNING, pos, "the %s \"%.*s\" is accepted but does nothing in weir",
		        component_kind_name(kind), SLICE_ARG(id->type));
		break;
	case TEXT:
		findings_add(f, FINDING_ERROR, pos, "%s", x->text);
		break;
	}
	return x->what == NO_EFFECT;
}
