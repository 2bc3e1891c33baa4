/* status.c - Export responses and google.rpc.Status, by protobuf-c (status.h).
 *
 * The three responses are the same on the wire (field 1: a count and a text), so one generated type serves
 * all signals; only their JSON names differ, and those come from the tables of json_table.h. Everything
 * protobuf-c allocates is in the caller's arena and is freed with it.
 */
#include "lib/otlp/status.h"

#include "lib/base/utf8.h"
#include "lib/otlp/json_read.h"
#include "lib/otlp/schema/logs_service.pb-c.h"
#include "lib/otlp/schema/metrics_service.pb-c.h"
#include "lib/otlp/schema/status.pb-c.h"
#include "lib/otlp/schema/trace_service.pb-c.h"

enum { BUDGET_MIN = 64 << 10, TEXT_MAX = 16 << 10 };

/* protobuf-c takes some 50 bytes for each field it does not know, which are two bytes of a hostile body: a message of ours takes little
 * more than its texts. */
struct budget {
	struct arena *arena;
	size_t left;
};

static void *within(void *budget, size_t n)
{
	struct budget *b = budget;
	if (n > b->left)
		return NULL;
	b->left -= n;
	return arena_try(b->arena, n);
}

static void keep(void *budget, void *p)
{
	(void)budget;
	(void)p;
}

static const struct json_message *response_table(enum signal signal)
{
	switch (signal) {
	case TRACES:
		break;
	case LOGS:
		return json_message_of(
		        &opentelemetry__proto__collector__logs__v1__export_logs_service_response__descriptor);
	case METRICS:
		return json_message_of(
		        &opentelemetry__proto__collector__metrics__v1__export_metrics_service_response__descriptor);
	}
	return json_message_of(&opentelemetry__proto__collector__trace__v1__export_trace_service_response__descriptor);
}

/* Texts come from configs, errors and other servers: what leaves is UTF-8, ends at a NUL and is not as long as others like. */
static char *text(struct arena *a, slice s)
{
	s.len = s.len > TEXT_MAX ? utf8_cut(s, TEXT_MAX) : s.len;
	if (utf8_valid(s))
		return arena_cstr(a, s);
	char *out = arena_alloc(a, 3 * s.len + 1);
	out[utf8_repair(s, out, NULL)] = 0;
	return out;
}

static slice pack(struct arena *a, const ProtobufCMessage *m, const struct json_message *table, enum otlp_encoding enc)
{
	char *p = arena_alloc(a, protobuf_c_message_get_packed_size(m) + 1);
	slice body = { p, protobuf_c_message_pack(m, (uint8_t *)p) };
	struct buf *json;
	if (enc == OTLP_PROTO)
		return body;
	if (json_write(table, body, NULL, &json) != 0)
		return SLICE("{}"); /* no memory even for this */
	body = arena_dup(a, buf_slice(json));
	buf_unref(json);
	return body;
}

/* NULL when it does not parse. */
static ProtobufCMessage *unpack(struct arena *a, const ProtobufCMessageDescriptor *type,
        const struct json_message *table, enum otlp_encoding enc, slice body)
{
	struct buf *wire = NULL;
	struct err e;
	uint64_t n_utf8;
	if (enc == OTLP_JSON && json_read(table, body, false, NULL, &wire, &n_utf8, &e) != 0)
		return NULL;
	body = wire ? buf_slice(wire) : body;
	struct budget b = { a, 2 * body.len + BUDGET_MIN };
	ProtobufCAllocator allocator = { .alloc = within, .free = keep, .allocator_data = &b };
	ProtobufCMessage *m = protobuf_c_message_unpack(type, &allocator, body.len, (const uint8_t *)body.p);
	buf_unref(wire);
	return m;
}

slice export_response(struct arena *a, enum signal signal, enum otlp_encoding enc, int64_t n_rejected, slice message)
{
	Opentelemetry__Proto__Collector__Trace__V1__ExportTracePartialSuccess partial;
	Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse response;
	opentelemetry__proto__collector__trace__v1__export_trace_partial_success__init(&partial);
	opentelemetry__proto__collector__trace__v1__export_trace_service_response__init(&response);
	partial.rejected_spans = n_rejected;
	partial.error_message = text(a, message);
	if (n_rejected != 0 || message.len != 0)
		response.partial_success = &partial;
	return pack(a, &response.base, response_table(signal), enc);
}

slice rpc_status(struct arena *a, enum otlp_encoding enc, int code, slice message)
{
	Google__Rpc__Status status;
	google__rpc__status__init(&status);
	status.code = code;
	status.message = text(a, message);
	return pack(a, &status.base, json_message_of(&google__rpc__status__descriptor), enc);
}

int export_response_parse(
        struct arena *a, enum signal signal, enum otlp_encoding enc, slice body, struct export_result *r)
{
	const ProtobufCMessageDescriptor *type =
	        &opentelemetry__proto__collector__trace__v1__export_trace_service_response__descriptor;
	const Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse *m =
	        (void *)unpack(a, type, response_table(signal), enc, body);
	*r = (struct export_result){ 0 };
	if (!m)
		return -1;
	if (m->partial_success) {
		int64_t n = m->partial_success->rejected_spans;
		r->n_rejected = n > 0 ? n : 0;
		r->message = slice_of(text(a, slice_of(m->partial_success->error_message)));
	}
	return 0;
}

int rpc_status_parse(struct arena *a, enum otlp_encoding enc, slice body, int *code, slice *message)
{
	const ProtobufCMessageDescriptor *type = &google__rpc__status__descriptor;
	const Google__Rpc__Status *m = (void *)unpack(a, type, json_message_of(type), enc, body);
	if (!m)
		return -1;
	*code = m->code;
	*message = slice_of(text(a, slice_of(m->message)));
	return 0;
}
