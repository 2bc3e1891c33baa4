/* test_schema.c - the JSON tables know every field of every message of the generated schema, by number and by
 * both names, and nothing else. The descriptors of protobuf-c are walked here a second time, from the symbols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>

#include "lib/otlp/json_table.h"
#include "lib/otlp/schema/logs_service.pb-c.h"
#include "lib/otlp/schema/metrics_service.pb-c.h"
#include "lib/otlp/schema/status.pb-c.h"
#include "lib/otlp/schema/trace_service.pb-c.h"

struct walk {
	const ProtobufCMessageDescriptor *seen[JSON_MESSAGES_MAX];
	unsigned n, n_fields;
};

/* spanId from span_id, as protobuf's JSON mapping says. */
static size_t camel(const char *snake, char out[JSON_NAME_MAX + 1])
{
	size_t n = 0;
	bool up = false;
	for (const char *p = snake; *p; p++) {
		assert_true(n < JSON_NAME_MAX);
		if (*p != '_')
			out[n++] = up ? (char)toupper((unsigned char)*p) : *p;
		up = *p == '_';
	}
	out[n] = 0;
	return n;
}

static bool is_name_of(const ProtobufCMessageDescriptor *desc, const char *name, size_t len)
{
	for (unsigned i = 0; i < desc->n_fields; i++) {
		char other[JSON_NAME_MAX + 1];
		size_t n = camel(desc->fields[i].name, other);
		if (slice_eq((slice){ other, n }, (slice){ name, len }) ||
		        slice_is((slice){ name, len }, desc->fields[i].name))
			return true;
	}
	return false;
}

/* A name that differs in one byte, is cut or is longer, is unknown. */
static void check_near(const struct json_message *m, const char *name, size_t len)
{
	char near[JSON_NAME_MAX + 8];
	for (size_t i = 0; i < len; i++) {
		memcpy(near, name, len + 1);
		near[i] ^= 1;
		if (!is_name_of(m->desc, near, len))
			assert_null(json_field_named(m, near, len));
		if (!is_name_of(m->desc, name, i))
			assert_null(json_field_named(m, name, i));
	}
	memcpy(near, name, len);
	near[len] = 's';
	if (!is_name_of(m->desc, near, len + 1))
		assert_null(json_field_named(m, near, len + 1));
}

static void check_field(const struct json_message *m, const ProtobufCFieldDescriptor *d)
{
	char name[JSON_NAME_MAX + 1], key[JSON_NAME_MAX + 4];
	size_t n = camel(d->name, name);
	const struct json_field *f = json_field_named(m, name, n);
	assert_non_null(f);
	assert_ptr_equal(json_field_named(m, d->name, strlen(d->name)), f);
	assert_ptr_equal(json_field_numbered(m, d->id), f);
	assert_int_equal(f->number, d->id);
	assert_int_equal(f->repeated, d->label == PROTOBUF_C_LABEL_REPEATED);
	assert_int_equal(f->oneof != 0, (d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0);
	assert_int_equal(f->kind == J_MESSAGE, d->type == PROTOBUF_C_TYPE_MESSAGE);
	assert_int_equal(f->kind == J_ID, d->type == PROTOBUF_C_TYPE_BYTES && strstr(d->name, "_id") != NULL);
	assert_true(f->kind != J_MESSAGE || f->message->desc == d->descriptor);
	snprintf(key, sizeof(key), "\"%s\":", name);
	assert_true(slice_is(f->key, key));
	check_near(m, name, n);
	check_near(m, d->name, strlen(d->name));
}

static void walk(struct walk *w, const ProtobufCMessageDescriptor *desc)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->seen[i] == desc)
			return;
	assert_true(w->n < COUNTOF(w->seen));
	w->seen[w->n++] = desc;
	const struct json_message *m = json_message_of(desc);
	assert_ptr_equal(m->desc, desc);
	assert_int_equal(m->n_fields, desc->n_fields);
	for (unsigned i = 0; i < desc->n_fields; i++) {
		w->n_fields++;
		check_field(m, &desc->fields[i]);
		if (desc->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			walk(w, desc->fields[i].descriptor);
	}
}

static void every_field_is_known(void **state UNUSED)
{
	struct walk w = { .n = 0 };
	walk(&w, &opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor);
	walk(&w, &opentelemetry__proto__collector__logs__v1__export_logs_service_request__descriptor);
	walk(&w, &opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__descriptor);
	walk(&w, &opentelemetry__proto__collector__trace__v1__export_trace_service_response__descriptor);
	walk(&w, &opentelemetry__proto__collector__logs__v1__export_logs_service_response__descriptor);
	walk(&w, &opentelemetry__proto__collector__metrics__v1__export_metrics_service_response__descriptor);
	/* a schema that lost some in generation would not be noticed by the walk alone */
	assert_int_equal(w.n, 40);
	assert_int_equal(w.n_fields, 160);
	assert_ptr_equal(json_request(TRACES)->desc, w.seen[0]);
}

/* Any is left out of Status: its JSON form depends on the type URL. */
static void status_without_details(void **state UNUSED)
{
	const struct json_message *m = json_message_of(&google__rpc__status__descriptor);
	assert_int_equal(m->n_fields, 2);
	assert_non_null(json_field_named(m, "code", 4));
	assert_non_null(json_field_named(m, "message", 7));
	assert_null(json_field_named(m, "details", 7));
	assert_null(json_field_numbered(m, 3));
	assert_null(json_field_numbered(m, 0));
	assert_null(json_field_numbered(m, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_known),
		cmocka_unit_test(status_without_details),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
