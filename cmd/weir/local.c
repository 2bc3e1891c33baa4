/* local.c - what `weir` without a config runs: plain YAML, read by the same loader as everybody's.
 *
 * Metrics are where they always are, localhost:8888, unless somebody else (Jupyter, often) is there: local mode then does without. */
#include "cmd/weir/local.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOCAL_HEAD                                                               \
	"receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:4318'}}}}\n" \
	"processors: {gen_ai_filter: , gen_ai_normalizer: , gen_ai_cost: , gen_ai_latency: , gen_ai_link: }\n"
#define LOCAL_SERVICE(exporter)                                                                            \
	"service:\n"                                                                                       \
	"  pipelines:\n"                                                                                   \
	"    traces:\n"                                                                                    \
	"      receivers: [otlp]\n"                                                                        \
	"      processors: [gen_ai_filter, gen_ai_normalizer, gen_ai_cost, gen_ai_latency, gen_ai_link]\n" \
	"      exporters: [" exporter "]\n"                                                                \
	"    logs: {receivers: [otlp], exporters: [nop]}\n"                                                \
	"    metrics: {receivers: [otlp], exporters: [nop]}\n"

static const char text_config[] = "yaml:" LOCAL_HEAD "exporters: {console: , nop: }\n" LOCAL_SERVICE("console");
static const char json_config[] =
        "yaml:" LOCAL_HEAD "exporters: {console: {format: json}, nop: }\n" LOCAL_SERVICE("console");
static const char no_metrics[] = "yaml:service: {telemetry: {metrics: {level: none}}}";

static bool is_taken(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	bool taken = bind(fd, (const struct sockaddr *)&a, sizeof a) != 0;
	close(fd);
	return taken;
}

size_t local_configs(bool json, const char *out[2])
{
	out[0] = json ? json_config : text_config;
	out[1] = no_metrics;
	return is_taken(8888) ? 2 : 1;
}
