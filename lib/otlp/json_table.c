/* json_table.c - builds the JSON tables from the protobuf-c descriptors (json_table.h).
 *
 * One table per message, reached from the requests, the responses and google.rpc.Status. The static below is
 * written once, under pthread_once, and read-only ever after; that is the only state. A schema that outgrows the
 * fixed sizes aborts at the first use, which every test is.
 */
#include "lib/otlp/json_table.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>

#include "lib/otlp/json.h"
#include "lib/otlp/schema/logs_service.pb-c.h"
#include "lib/otlp/schema/metrics_service.pb-c.h"
#include "lib/otlp/schema/status.pb-c.h"
#include "lib/otlp/schema/trace_service.pb-c.h"

#define COLLECTOR(x) opentelemetry__proto__collector__##x##__descriptor

static struct {
	pthread_once_t once;
	unsigned n;
	struct json_message messages[JSON_MESSAGES_MAX];
	char text[16384]; /* the keys */
	size_t text_len;
} tables = { .once = PTHREAD_ONCE_INIT };

static void must(bool ok)
{
	if (!ok)
		abort();
}

static enum json_kind kind_of(const ProtobufCFieldDescriptor *d)
{
	switch (d->type) {
	case PROTOBUF_C_TYPE_INT32:
		return J_INT32;
	case PROTOBUF_C_TYPE_SINT32:
		return J_SINT32;
	case PROTOBUF_C_TYPE_SFIXED32:
		return J_SFIXED32;
	case PROTOBUF_C_TYPE_INT64:
		return J_INT64;
	case PROTOBUF_C_TYPE_SINT64:
		return J_SINT64;
	case PROTOBUF_C_TYPE_SFIXED64:
		return J_SFIXED64;
	case PROTOBUF_C_TYPE_UINT32:
		return J_UINT32;
	case PROTOBUF_C_TYPE_FIXED32:
		return J_FIXED32;
	case PROTOBUF_C_TYPE_UINT64:
		return J_UINT64;
	case PROTOBUF_C_TYPE_FIXED64:
		return J_FIXED64;
	case PROTOBUF_C_TYPE_FLOAT:
		return J_FLOAT;
	case PROTOBUF_C_TYPE_DOUBLE:
		return J_DOUBLE;
	case PROTOBUF_C_TYPE_BOOL:
		return J_BOOL;
	case PROTOBUF_C_TYPE_ENUM:
		return J_ENUM;
	case PROTOBUF_C_TYPE_STRING:
		return J_STRING;
	case PROTOBUF_C_TYPE_BYTES:
		return J_BYTES;
	case PROTOBUF_C_TYPE_MESSAGE:
		return J_MESSAGE;
	default:
		abort();
	}
}

static ProtobufCWireType wire_of(const struct json_field *f)
{
	if (f->kind <= J_ID)
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	if (f->kind == J_FIXED32 || f->kind == J_SFIXED32 || f->kind == J_FLOAT)
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	if (f->kind == J_FIXED64 || f->kind == J_SFIXED64 || f->kind == J_DOUBLE)
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	return PROTOBUF_C_WIRE_TYPE_VARINT;
}

/* span_id -> `"spanId":` */
static slice key_of(const char *snake)
{
	char *start = tables.text + tables.text_len, *w = start;
	must(tables.text_len + JSON_KEY_MAX <= sizeof(tables.text) && strlen(snake) <= JSON_NAME_MAX);
	*w++ = '"';
	for (const char *p = snake; *p; p++)
		*w++ = *p == '_' && p[1] ? (char)toupper((unsigned char)*++p) : *p;
	*w++ = '"';
	*w++ = ':';
	tables.text_len += (size_t)(w - start);
	return (slice){ start, (size_t)(w - start) };
}

static void add_name(struct json_message *m, unsigned field, slice name)
{
	must(name.len > 0 && name.len <= JSON_NAME_MAX && m->n_names < COUNTOF(m->names));
	struct json_name *n = &m->names[m->n_names++];
	json_name_words(name.p, name.len, n->word);
	n->len = (uint8_t)name.len;
	n->field = (uint8_t)field;
}

static bool try_slots(struct json_message *m)
{
	memset(m->slots, 0, sizeof(m->slots));
	for (unsigned i = 0; i < m->n_names; i++) {
		size_t at = json_name_slot(m, m->names[i].word, m->names[i].len);
		if (m->slots[at])
			return false;
		m->slots[at] = (uint8_t)(i + 1);
	}
	return true;
}

/* A multiplier without collisions; 64 slots suffice for most messages, 256 for all. */
static void build_slots(struct json_message *m)
{
	m->mult = 0x9e3779b97f4a7c15u;
	for (unsigned i = 0; i < 4096; i++) {
		m->shift = (uint8_t)(i < 1024 ? 58 : 56);
		if (try_slots(m))
			return;
		m->mult = m->mult * 6364136223846793005u + 1442695040888963406u;
		m->mult |= 1;
	}
	abort();
}

static struct json_message *build(const ProtobufCMessageDescriptor *desc);

static void build_field(struct json_message *m, const ProtobufCFieldDescriptor *d)
{
	struct json_field *f = &m->fields[m->n_fields];
	bool id = strcmp(d->name, "trace_id") == 0 || strcmp(d->name, "span_id") == 0 ||
	        strcmp(d->name, "parent_span_id") == 0;

	f->number = d->id;
	f->kind = (uint8_t)kind_of(d);
	f->index = m->n_fields++;
	must(d->id < COUNTOF(m->by_number));
	m->by_number[d->id] = m->n_fields;
	f->repeated = d->label == PROTOBUF_C_LABEL_REPEATED;
	f->packed = (d->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
	/* members of one oneof share the place of the case */
	f->oneof = (uint8_t)(d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ? 1 + d->quantifier_offset / sizeof(int) : 0);
	must(d->quantifier_offset / sizeof(int) < 255);
	if (f->kind == J_BYTES && id) {
		f->kind = J_ID;
		f->id_len = d->name[0] == 't' ? 16 : 8;
	}
	f->wire_type = (uint8_t)wire_of(f);
	uint32_t tag = d->id << 3 | (f->packed ? (uint32_t)PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED : f->wire_type);
	if (tag >= 128)
		f->tag[f->tag_len++] = (char)(tag | 128);
	f->tag[f->tag_len++] = (char)(tag >= 128 ? tag >> 7 : tag);

	f->key = key_of(d->name);
	slice snake = slice_of(d->name), camel = { f->key.p + 1, f->key.len - 3 };
	add_name(m, f->index, camel);
	if (!slice_eq(snake, camel))
		add_name(m, f->index, snake);
	if (f->kind == J_MESSAGE)
		f->message = build(d->descriptor);
	if (f->kind == J_ENUM)
		f->values = d->descriptor;
}

static struct json_message *find(const ProtobufCMessageDescriptor *desc)
{
	for (unsigned i = 0; i < tables.n; i++)
		if (tables.messages[i].desc == desc)
			return &tables.messages[i];
	return NULL;
}

/* The depth is that of the schema: each message is built once. */
static struct json_message *build(const ProtobufCMessageDescriptor *desc)
{
	struct json_message *m = find(desc);
	if (m)
		return m;
	must(tables.n < JSON_MESSAGES_MAX && desc->n_fields > 0 && desc->n_fields <= JSON_FIELDS_MAX);
	m = &tables.messages[tables.n];
	m->desc = desc;
	m->id = (uint8_t)tables.n++;
	m->fields = calloc(desc->n_fields + 1, sizeof(*m->fields));
	must(m->fields != NULL);
	for (unsigned i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *d = &desc->fields[i];
		/* Any has a JSON form of its own by type URL, which nothing here reads or writes. */
		if (d->type == PROTOBUF_C_TYPE_MESSAGE && d->descriptor == &google__protobuf__any__descriptor)
			continue;
		build_field(m, d);
	}
	build_slots(m);
	return m;
}

static void build_all(void)
{
	build(&COLLECTOR(trace__v1__export_trace_service_request));
	build(&COLLECTOR(logs__v1__export_logs_service_request));
	build(&COLLECTOR(metrics__v1__export_metrics_service_request));
	build(&COLLECTOR(trace__v1__export_trace_service_response));
	build(&COLLECTOR(logs__v1__export_logs_service_response));
	build(&COLLECTOR(metrics__v1__export_metrics_service_response));
	build(&google__rpc__status__descriptor);
}

void json_prepare(void)
{
	pthread_once(&tables.once, build_all);
}

const struct json_message *json_message_of(const ProtobufCMessageDescriptor *desc)
{
	json_prepare();
	const struct json_message *m = find(desc);
	must(m != NULL);
	return m;
}

const struct json_message *json_request(enum signal signal)
{
	switch (signal) {
	case TRACES:
		return json_message_of(&COLLECTOR(trace__v1__export_trace_service_request));
	case LOGS:
		return json_message_of(&COLLECTOR(logs__v1__export_logs_service_request));
	case METRICS:
		return json_message_of(&COLLECTOR(metrics__v1__export_metrics_service_request));
	}
	abort();
}
