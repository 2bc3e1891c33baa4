/* local.c - what `weir` without a config runs: plain YAML, read by the same loader as everybody's. */
#include "cmd/weir/local.h"

#define LOCAL_RECEIVER "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:4318'}}}}\n"
#define LOCAL_SERVICE(exporter)                                        \
	"service:\n"                                                   \
	"  pipelines:\n"                                               \
	"    traces: {receivers: [otlp], exporters: [" exporter "]}\n" \
	"    logs: {receivers: [otlp], exporters: [" exporter "]}\n"   \
	"    metrics: {receivers: [otlp], exporters: [" exporter "]}\n"

const char local_config[] =
        "yaml:" LOCAL_RECEIVER
        "exporters: {debug: {verbosity: normal, use_internal_logger: false}}\n" LOCAL_SERVICE("debug");

const char local_json_config[] =
        "yaml:" LOCAL_RECEIVER
        "exporters: {file: {path: /dev/stdout, append: true, flush_interval: 10ms}}\n" LOCAL_SERVICE("file");
