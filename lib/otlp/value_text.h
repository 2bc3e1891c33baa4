/* value_text.h - an AnyValue as text, as the Collector's Value.AsString writes it. */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/otlp/traces.h"

/* Appends: strings as they are, numbers and booleans as in JSON, bytes as base64, arrays and maps as JSON, an empty value
 * as nothing. A failure is in out->failed. */
void value_text(struct strbuf *out, const struct value *v);
