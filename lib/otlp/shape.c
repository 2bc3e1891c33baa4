/* shape.c - the tables; see shape.h. The order of fields is that of the .proto files in lib/otlp/schema. */
#include "lib/otlp/shape.h"

#define VARINT                   \
	{                        \
		.kind = F_VARINT \
	}
#define VARINTS                                    \
	{                                          \
		.kind = F_VARINT, .repeated = true \
	}
#define FIX64                   \
	{                       \
		.kind = F_FIX64 \
	}
#define FIX64S                                    \
	{                                         \
		.kind = F_FIX64, .repeated = true \
	}
#define FIX64_OF                               \
	{                                      \
		.kind = F_FIX64, .oneof = true \
	}
#define FIX32                   \
	{                       \
		.kind = F_FIX32 \
	}
#define TEXT                   \
	{                      \
		.kind = F_TEXT \
	}
#define TEXTS                                    \
	{                                        \
		.kind = F_TEXT, .repeated = true \
	}
#define ID16                   \
	{                      \
		.kind = F_ID16 \
	}
#define ID8                   \
	{                     \
		.kind = F_ID8 \
	}
#define MSG(m)                             \
	{                                  \
		.kind = F_MSG, .msg = &(m) \
	}
#define MSGS(m)                                              \
	{                                                    \
		.kind = F_MSG, .repeated = true, .msg = &(m) \
	}
#define MSG_OF(m)                                         \
	{                                                 \
		.kind = F_MSG, .oneof = true, .msg = &(m) \
	}
#define SHAPE(s, ...)                                               \
	static const struct shape_field s##_fields[] = __VA_ARGS__; \
	static const struct shape s = { .name = #s, .n = COUNTOF(s##_fields), .fields = s##_fields }

/* common, resource */
static const struct shape any_value;
SHAPE(array_value, { [1] = MSGS(any_value) });
SHAPE(kvlist, { [1] = MSGS(shape_kv) });
static const struct shape_field any_fields[] = { [1] = { .kind = F_TEXT, .oneof = true },
	[2] = { .kind = F_VARINT, .oneof = true },
	[3] = { .kind = F_VARINT, .oneof = true },
	[4] = FIX64_OF,
	[5] = MSG_OF(array_value),
	[6] = MSG_OF(kvlist),
	[7] = { .kind = F_BYTES, .oneof = true },
	[8] = { .kind = F_VARINT, .oneof = true } };
static const struct shape any_value = {
	.name = "AnyValue", .n = COUNTOF(any_fields), .fields = any_fields, .any = true
};
static const struct shape_field kv_fields[] = { [1] = TEXT, [2] = MSG(any_value), [3] = VARINT };
const struct shape shape_kv = { .name = "KeyValue", .n = COUNTOF(kv_fields), .fields = kv_fields };
SHAPE(entity, { [1] = TEXT, [2] = TEXT, [3] = TEXTS, [4] = TEXTS });
SHAPE(resource, { [1] = MSGS(shape_kv), [2] = VARINT, [3] = MSGS(entity) });
SHAPE(scope, { [1] = TEXT, [2] = TEXT, [3] = MSGS(shape_kv), [4] = VARINT });

/* traces */
SHAPE(event, { [1] = FIX64, [2] = TEXT, [3] = MSGS(shape_kv), [4] = VARINT });
SHAPE(link, { [1] = ID16, [2] = ID8, [3] = TEXT, [4] = MSGS(shape_kv), [5] = VARINT, [6] = FIX32 });
SHAPE(status, { [2] = TEXT, [3] = VARINT });
static const struct shape_field span_fields[] = { [1] = ID16,
	[2] = ID8,
	[3] = TEXT,
	[4] = ID8,
	[5] = TEXT,
	[6] = VARINT,
	[7] = FIX64,
	[8] = FIX64,
	[9] = MSGS(shape_kv),
	[10] = VARINT,
	[11] = MSGS(event),
	[12] = VARINT,
	[13] = MSGS(link),
	[14] = VARINT,
	[15] = MSG(status),
	[16] = FIX32 };
static const struct shape span = { .name = "Span", .n = COUNTOF(span_fields), .fields = span_fields, .item = true };
SHAPE(scope_spans, { [1] = MSG(scope), [2] = MSGS(span), [3] = TEXT });
SHAPE(resource_spans, { [1] = MSG(resource), [2] = MSGS(scope_spans), [3] = TEXT });
SHAPE(traces, { [1] = MSGS(resource_spans) });

/* logs */
static const struct shape_field record_fields[] = { [1] = FIX64,
	[2] = VARINT,
	[3] = TEXT,
	[5] = MSG(any_value),
	[6] = MSGS(shape_kv),
	[7] = VARINT,
	[8] = FIX32,
	[9] = ID16,
	[10] = ID8,
	[11] = FIX64,
	[12] = TEXT };
static const struct shape log_record = {
	.name = "LogRecord", .n = COUNTOF(record_fields), .fields = record_fields, .item = true
};
SHAPE(scope_logs, { [1] = MSG(scope), [2] = MSGS(log_record), [3] = TEXT });
SHAPE(resource_logs, { [1] = MSG(resource), [2] = MSGS(scope_logs), [3] = TEXT });
SHAPE(logs, { [1] = MSGS(resource_logs) });

/* metrics */
SHAPE(exemplar, { [2] = FIX64, [3] = FIX64_OF, [4] = ID8, [5] = ID16, [6] = FIX64_OF, [7] = MSGS(shape_kv) });
#define POINT(s, ...)                                               \
	static const struct shape_field s##_fields[] = __VA_ARGS__; \
	static const struct shape s = { .name = #s, .n = COUNTOF(s##_fields), .fields = s##_fields, .item = true }
POINT(number_point,
        { [2] = FIX64,
                [3] = FIX64,
                [4] = FIX64_OF,
                [5] = MSGS(exemplar),
                [6] = FIX64_OF,
                [7] = MSGS(shape_kv),
                [8] = VARINT });
POINT(histogram_point,
        { [2] = FIX64,
                [3] = FIX64,
                [4] = FIX64,
                [5] = FIX64,
                [6] = FIX64S,
                [7] = FIX64S,
                [8] = MSGS(exemplar),
                [9] = MSGS(shape_kv),
                [10] = VARINT,
                [11] = FIX64,
                [12] = FIX64 });
SHAPE(buckets, { [1] = VARINT, [2] = VARINTS });
POINT(exponential_point,
        { [1] = MSGS(shape_kv),
                [2] = FIX64,
                [3] = FIX64,
                [4] = FIX64,
                [5] = FIX64,
                [6] = VARINT,
                [7] = FIX64,
                [8] = MSG(buckets),
                [9] = MSG(buckets),
                [10] = VARINT,
                [11] = MSGS(exemplar),
                [12] = FIX64,
                [13] = FIX64,
                [14] = FIX64 });
SHAPE(quantile, { [1] = FIX64, [2] = FIX64 });
POINT(summary_point,
        { [2] = FIX64,
                [3] = FIX64,
                [4] = FIX64,
                [5] = FIX64,
                [6] = MSGS(quantile),
                [7] = MSGS(shape_kv),
                [8] = VARINT });
SHAPE(gauge, { [1] = MSGS(number_point) });
SHAPE(sum, { [1] = MSGS(number_point), [2] = VARINT, [3] = VARINT });
SHAPE(histogram, { [1] = MSGS(histogram_point), [2] = VARINT });
SHAPE(exponential, { [1] = MSGS(exponential_point), [2] = VARINT });
SHAPE(summary, { [1] = MSGS(summary_point) });
SHAPE(metric,
        { [1] = TEXT,
                [2] = TEXT,
                [3] = TEXT,
                [5] = MSG_OF(gauge),
                [7] = MSG_OF(sum),
                [9] = MSG_OF(histogram),
                [10] = MSG_OF(exponential),
                [11] = MSG_OF(summary),
                [12] = MSGS(shape_kv) });
SHAPE(scope_metrics, { [1] = MSG(scope), [2] = MSGS(metric), [3] = TEXT });
SHAPE(resource_metrics, { [1] = MSG(resource), [2] = MSGS(scope_metrics), [3] = TEXT });
SHAPE(metrics, { [1] = MSGS(resource_metrics) });

const struct shape *shape_request(enum signal signal)
{
	return signal == LOGS ? &logs : signal == METRICS ? &metrics : &traces;
}
