/* trace_text.h - a trace request for human eyes, in the shapes of the Collector's debug exporter.
 *
 * All text from outside is escaped as in JSON strings, so that it can neither start a line nor move the cursor.
 */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/otlp/traces.h"

/* One line per span, after one for its resource and one for its scope. */
void trace_text_normal(struct strbuf *out, struct traces *t);
/* Everything there is, one line per field. */
void trace_text_detailed(struct strbuf *out, struct traces *t);
