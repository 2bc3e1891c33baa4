/* Every file in examples/ loads without a finding, and says what it does in its first line. Also the Collector's golden
 * config: errors only where weir lacks a component or option. */
#include <dirent.h>

#include "tests/unit/config/expect.h"

static void load_example(const char *name)
{
	static const char *const none[] = { NULL };
	char path[300], first[8] = "";
	snprintf(path, sizeof(path), "examples/%s", name);
	const char *const configs[] = { path };
	struct plan_sources src = { .configs = configs, .n_configs = 1 };
	struct findings f;
	findings_init(&f);
	struct plan *p = plan_load(&src, &f);
	expect_findings(&f, path, none, path);
	assert_non_null(p);
	assert_true(p->n_pipelines > 0);
	plan_free(p);
	findings_release(&f);
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	assert_non_null(fgets(first, sizeof(first), in));
	assert_memory_equal(first, "# ", 2);
	fclose(in);
}

static void examples(void **state UNUSED)
{
	DIR *d = opendir("examples");
	assert_non_null(d);
	unsigned n = 0;
	for (struct dirent *e; (e = readdir(d));) {
		const char *dot = strrchr(e->d_name, '.');
		if (!dot || strcmp(dot, ".yaml") != 0)
			continue;
		load_example(e->d_name);
		n++;
	}
	closedir(d);
	assert_true(n >= 4);
}

static const char golden[] =
        "receivers:\n"
        "  otlp:\n"
        "    protocols:\n"
        "      http:\n"
        "        endpoint: 0.0.0.0:${env:HTTP_PORT:-4318}\n"
        "        include_metadata: true\n"
        "        cors: {allowed_origins: [\"https://*.example.com\"]}\n"
        "        auth: {authenticator: bearertokenauth/in}\n"
        "processors:\n"
        "  memory_limiter: {check_interval: 1s, limit_percentage: 80, spike_limit_percentage: 20}\n"
        "  batch:                      # null = defaults\n"
        "  attributes/env:\n"
        "    actions:\n"
        "      - {key: deployment.environment.name, value: \"${env:ENV_NAME:-dev}\", action: upsert}\n"
        "      - {key: tenant, from_context: metadata.x-tenant, action: insert}\n"
        "  redaction:\n"
        "    allow_all_keys: true\n"
        "  filter/health:\n"
        "    error_mode: ignore\n"
        "    traces: {span: ['attributes[\"url.path\"] == \"/healthz\"']}\n"
        "  transform:\n"
        "    trace_statements:\n"
        "      - context: span\n"
        "        statements: ['truncate_all(attributes, 65536)']\n"
        "  gen_ai_normalizer:\n"
        "    sources: {openinference: {remove_originals: true}, openllmetry: {}}\n"
        "  tail_sampling:\n"
        "    decision_wait: 10s\n"
        "connectors:\n"
        "  routing:\n"
        "    default_pipelines: [traces/default]\n"
        "exporters:\n"
        "  otlp/tempo: {endpoint: \"tempo:4317\", tls: {insecure: true}}\n"
        "  otlphttp/vendor:\n"
        "    endpoint: https://api.vendor.example/otlp\n"
        "    headers: {authorization: \"Bearer ${env:VENDOR_KEY}\"}\n"
        "    compression: zstd\n"
        "    retry_on_failure: {max_elapsed_time: 0}\n"
        "    sending_queue:\n"
        "      sizer: bytes\n"
        "      queue_size: 26843545\n"
        "      batch: {flush_timeout: 1s, min_size: 1048576, max_size: 4194304}\n"
        "  debug: {verbosity: basic}\n"
        "extensions:\n"
        "  health_check: {endpoint: \"0.0.0.0:13133\"}\n"
        "  file_storage: {directory: /var/lib/otelcol/file_storage, create_directory: true}\n"
        "  bearertokenauth/in: {token: \"${env:INGEST_TOKEN}\"}\n"
        "service:\n"
        "  extensions: [health_check, file_storage, bearertokenauth/in]\n"
        "  pipelines:\n"
        "    traces/in: {receivers: [otlp], processors: [memory_limiter, attributes/env, gen_ai_normalizer, "
        "redaction], "
        "exporters: [routing]}\n"
        "    traces/default: {receivers: [routing], processors: [filter/health, tail_sampling, batch], exporters: "
        "[otlp/tempo]}\n"
        "    traces/search: {receivers: [routing], processors: [transform], exporters: [otlphttp/vendor, otlp/tempo, "
        "debug]}\n"
        "  telemetry:\n"
        "    logs: {level: info, encoding: json}\n"
        "    metrics:\n"
        "      level: normal\n"
        "      readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 8888}}}}]\n";

/* Each error names what is missing; nothing else is wrong and nothing is said twice. */
static void golden_config(void **state UNUSED)
{
	setenv("VENDOR_KEY", "k", 1);
	setenv("INGEST_TOKEN", "t", 1);
	char word[sizeof(golden) + 8];
	snprintf(word, sizeof(word), "yaml:%s", golden);
	const char *const configs[] = { word };
	struct plan_sources src = { .configs = configs, .n_configs = 1 };
	struct findings f;
	findings_init(&f);
	struct plan *p = plan_load(&src, &f);
	for (size_t i = 0; i < f.n; i++) {
		const char *text = f.v[i].text;
		bool lacks = strstr(text, "not built in yet") || strstr(text, "not part of weir") ||
		        strstr(text, "that weir does not have");
		if (f.v[i].severity == FINDING_ERROR ? !lacks : !strstr(text, "alias is deprecated"))
			fail_msg("%u:%u: %s", f.v[i].pos.line, f.v[i].pos.col, text);
	}
	plan_free(p);
	findings_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(golden_config),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
