/* emitter.h - who made a span: the ecosystem, and what is known about its habits.
 *
 * Decided by the instrumentation scope (scopes.csv), once per scope, and refined by telling attributes of the span, because some
 * scopes are shared ("ai", "gen_ai", opentelemetry.instrumentation.* of both OpenTelemetry and OpenLLMetry) and some say nothing.
 */
#pragma once
#include "lib/genai/tables.h"

enum emitter_flags {
	EMIT_GENAI = 1, /* the scope alone tells that its spans are GenAI (filter rule R2) */
	EMIT_INCLUSIVE = 2, /* input tokens include cached ones, known */
	EMIT_EXCLUSIVE = 4, /* input tokens exclude cached ones, known */
	EMIT_REASONING_APART = 8, /* output tokens exclude reasoning */
	EMIT_TTFT_MS = 16, /* gen_ai.server.* times are milliseconds */
	EMIT_DUPLICATE =
	        32, /* its model-call spans repeat a call that another span of the trace counts (2.7, static) */
	EMIT_ESTIMATES = 64, /* token counts are estimates */
	EMIT_SHARED = 128, /* the scope is used by others too: attributes tell the ecosystem */
	EMIT_NAMED = 256, /* only spans whose names are in MAP_OPERATION for the ecosystem are GenAI (R2) */
	EMIT_LAST = EMIT_NAMED
};

struct emitter {
	enum ecosystem ecosystem;
	unsigned flags;
};

/* By name, in any case, and version; ECO_NONE when it is not known. */
struct emitter emitter_of_scope(struct scope *scope);
/* `of_scope`, or what the span's attributes tell (markers.csv) when the scope is unknown or shared. */
struct emitter emitter_of_span(struct emitter of_scope, const struct span *span);
