/* local.c - what `weir` without a config runs: plain YAML, read by the same loader as everybody's.
 *
 * Nothing but the OTLP address is opened: :8888, where metrics would be, is often Jupyter's on such a machine. */
#include "cmd/weir/local.h"

#define LOCAL_HEAD                                                               \
	"receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:4318'}}}}\n" \
	"processors: {gen_ai_filter: , gen_ai_normalizer: , gen_ai_cost: , gen_ai_latency: , gen_ai_link: }\n"
#define LOCAL_SERVICE(exporter)                                                                            \
	"service:\n"                                                                                       \
	"  telemetry: {metrics: {level: none}}\n"                                                          \
	"  pipelines:\n"                                                                                   \
	"    traces:\n"                                                                                    \
	"      receivers: [otlp]\n"                                                                        \
	"      processors: [gen_ai_filter, gen_ai_normalizer, gen_ai_cost, gen_ai_latency, gen_ai_link]\n" \
	"      exporters: [" exporter "]\n"                                                                \
	"    logs: {receivers: [otlp], exporters: [nop]}\n"                                                \
	"    metrics: {receivers: [otlp], exporters: [nop]}\n"

const char local_config[] = "yaml:" LOCAL_HEAD "exporters: {console: , nop: }\n" LOCAL_SERVICE("console");

const char local_json_config[] =
        "yaml:" LOCAL_HEAD
        "exporters: {file: {path: /dev/stdout, append: true, flush_interval: 10ms}, nop: }\n" LOCAL_SERVICE("file");
