/* value.h - values and attributes to wire bytes (lib/otlp only). Writers assume room of the size given. */
#pragma once
#include "lib/otlp/traces.h"

/* Of an AnyValue message. */
size_t value_size(const struct value *v);
char *value_put(char *o, const struct value *v);
/* Of a KeyValue message: the key (when not empty) and the value. */
size_t kv_size(slice key, const struct value *v);
char *kv_put(char *o, slice key, const struct value *v);
