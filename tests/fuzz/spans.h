/* spans.h - bytes as a trace request of what the tables know: any well-known attribute with any kind of value, events, several spans.
 *
 * Options, scope, times, then items that end in 0xff: an attribute (two bytes for the name, one for the type of its value, text), an event,
 * or the next span. What raw bytes would need years for, a mutation does here.
 */
#pragma once
#include "lib/base/utf8.h"
#include "lib/genai/tables.h"
#include "lib/otlp/edit.h"
#ifndef REQUIRE
#define REQUIRE(x) ((x) ? (void)0 : __builtin_trap())
#endif

/* What no row of aliases.csv spells out. */
static const char *const spans_others[] = { "gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.prompt.1.role",
	"gen_ai.prompt.1.content", "gen_ai.prompt.0.tool_calls.0.name", "gen_ai.completion.0.content",
	"gen_ai.completion.0.finish_reason", "gen_ai.completion.0.role", "llm.input_messages.0.message.role",
	"llm.input_messages.0.message.content", "llm.output_messages.0.message.content",
	"llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "llm.request.functions.0.name",
	"llm.tools.0.tool.json_schema", "langfuse.trace.metadata.a", "langfuse.observation.metadata.session_id",
	"traceloop.association.properties.session_id", "traceloop.association.properties.a", "metadata.b",
	"ai.telemetry.metadata.userId", "ai.telemetry.metadata.a", "gen_ai.prompt.variable.x",
	"traceloop.prompt.template_variables.x", "gen_ai.request.model.extra", "unknown",
	"retrieval.documents.0.document.id", "reranker.output_documents.0.document.score",
	"embedding.embeddings.0.embedding.text", "error.type", "exception.message", "content", "role", "message",
	"tool_calls", "gen_ai.event.content", "finish_reason", "id", "name" };

static const char *const spans_scopes[] = { "", "opentelemetry.instrumentation.openai",
	"opentelemetry.instrumentation.openai_v2", "ai", "pydantic-ai", "logfire", "langsmith", "langfuse-sdk",
	"mlflow", "litellm", "gcp.vertex.agent", "strands.telemetry.tracer", "openinference.instrumentation.langchain",
	"opentelemetry.instrumentation.langchain", "openlit.otel.tracing", "haystack", "genkit-tracer", "promptkit",
	"livekit-agents", "Microsoft.Extensions.AI", "org.springframework.boot", "com.anthropic.claude_code", "mastra",
	"voltagent", "promptlayer", "sentry", "crewai.telemetry", "traceloop.tracer",
	"semantic_kernel.functions.kernel_function", "gemini-cli", "gen_ai" };

/* Values on which rules part: a text is one of them when its first byte says so. */
static const char *const spans_words[] = { "", " ", "null", "None", "NaN", "0", "-1", "1", "7", "1.0", "1.5", "1e3",
	"true", "False", "[]", "{}", "\"\"", "\"x\"", "[\"a\"]", "['a', 'b']", "a,b", "openai", "azure.ai.openai",
	"Anthropic", "chat", "completion", "embeddings", "execute_tool", "invoke_agent", "LLM", "CHAIN", "TOOL",
	"AGENT", "generation", "stop", "STOP", "tool_calls", "length", "end_turn", "ai.generateText.doGenerate",
	"ai.streamText", "ai.toolCall", "gpt-4o", "openai/gpt-4o", "models/gemini-2.0",
	"us.anthropic.claude-3-5-sonnet-20241022-v2:0", "1700000000", "1700000000000", "2024-05-01T10:00:00Z",
	"2024-05-01T10:00:00.5+02:00", "https://api.openai.com/v1", "api.openai.com:443",
	"[{\"role\":\"user\",\"content\":\"hi\"}]", "{\"role\":\"assistant\",\"content\":\"ok\"}",
	"[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]",
	"[{\"type\":\"text\",\"content\":\"be kind\"}]", "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]}",
	"[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", "{\"prompt_tokens\":5,\"completion_tokens\":2}",
	"{\"input\":5,\"output\":2,\"total\":7}", "{\"session_id\":\"s\"}", "{\"a\":1}",
	"[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"x\"}}]", "[[\"x\"]]", "<redacted>", "both", "user",
	"9223372036854775807", "9223372036854775808", "0x10", "LLMSpanKind.TASK", "unknown", "task", "workflow" };

static inline slice spans_text(const uint8_t *p, const uint8_t *end)
{
	slice s = { (const char *)p, (size_t)(end - p) };
	if (s.len && *p >= 0x80)
		return slice_of(spans_words[*p % COUNTOF(spans_words)]);
	return utf8_valid(s) ? s : SLICE("?");
}

static inline void spans_set(struct traces *t, struct attrs *as, slice key, unsigned type, slice text)
{
	struct value v = { .type = V_STRING, .s = text }, two[2] = { v, { .type = V_INT, .i = 3 } };
	static const int64_t ints[] = { 0, 1, -1, 5, 100, 1700000000, INT64_MAX, INT64_MIN };
	static const double doubles[] = { 0, 1, 0.5, -2, 1e300, 1e15, 1700000000.25, 0.0 / 0.0 };
	const slice names[] = { SLICE("session_id"), SLICE("a") };
	unsigned pick = text.len ? (uint8_t)text.p[0] % 8 : 0;
	switch (type % 16) {
	case 0:
		v = (struct value){ .type = V_INT, .i = ints[pick] };
		break;
	case 1:
		v = (struct value){ .type = V_DOUBLE, .d = doubles[pick] };
		break;
	case 2:
		v = (struct value){ .type = V_BOOL, .b = pick & 1 };
		break;
	case 3:
		v = value_array(t, two, pick % 3);
		break;
	case 4:
		v = value_kvlist(t, names, two, pick % 3);
		break;
	case 5:
		v = (struct value){ .type = pick & 1 ? V_EMPTY : V_BYTES, .s = text };
		break;
	case 6:
		two[1] = two[0];
		v = value_array(t, two, pick % 3);
		break;
	default:
		break;
	}
	attr_set(t, as, key, &v);
}

/* Few among many, which mean something together. */
static const enum genai_key spans_links[] = { KEY_GENAI_CONVERSATION_ID, KEY_SESSION_ID, KEY_LANGFUSE_USER_ID,
	KEY_GENAI_PROMPT_NAME, KEY_GENAI_PROMPT_VERSION, KEY_WEIR_PROMPT_ID, KEY_ENPROMPTA_PROMPTID,
	KEY_ENPROMPTA_PROMPTVERSIONID, KEY_PROMPTLAYER_PROMPT_NAME, KEY_PROMPTLAYER_PROMPT_ID,
	KEY_PROMPTLAYER_PROMPT_VERSION, KEY_PROMPTLAYER_PROMPT_LABEL, KEY_LANGFUSE_OBSERVATION_PROMPT_NAME,
	KEY_LANGFUSE_OBSERVATION_PROMPT_VERSION };

static inline slice spans_key(unsigned i)
{
	if (i >= 0x8000)
		return genai_key_name(spans_links[i % COUNTOF(spans_links)]);
	i %= (unsigned)(N_KEYS - 1 + COUNTOF(spans_others));
	return i < N_KEYS - 1 ? genai_key_name((enum genai_key)(i + 1)) : slice_of(spans_others[i - (N_KEYS - 1)]);
}

static inline struct span *spans_next(struct traces *t, struct span *s, unsigned i, slice name)
{
	char id[8] = { (char)(i + 1) };
	struct span *n = span_add(t, s->scope, s->trace_id, (slice){ id, 8 }, i & 1 ? s->span_id : SLICE(""), name);
	span_set_times(t, n, s->start_ns + i * UINT64_C(1000000), s->end_ns + i * UINT64_C(900000));
	return n;
}

static inline void spans_build(struct traces *t, struct span *s, const uint8_t *p, const uint8_t *end)
{
	static const char *const events[] = { "gen_ai.user.message", "gen_ai.system.message",
		"gen_ai.assistant.message", "gen_ai.tool.message", "gen_ai.choice", "gen_ai.content.prompt",
		"gen_ai.content.completion", "exception", "gen_ai.client.inference.operation.details" };
	struct attrs *as = &s->attrs;
	for (unsigned i = 0; p < end && i < 64; i++) {
		const uint8_t *stop = memchr(p, 0xff, (size_t)(end - p));
		stop = stop ? stop : end;
		unsigned type = stop - p > 2 ? p[2] : 0;
		if (stop - p < 3) {
			p = stop + 1;
			continue;
		}
		if (type >= 0xf0) {
			s = spans_next(t, s, i, spans_text(p + 3, stop));
			as = &s->attrs;
		} else if (type >= 0xe0)
			as = &event_add(t, s, s->start_ns + p[0], slice_of(events[p[1] % COUNTOF(events)]))->attrs;
		else
			spans_set(t, as, spans_key(p[0] | (unsigned)p[1] << 8), type, spans_text(p + 3, stop));
		p = stop + 1;
	}
}

/* The request; at least 3 bytes. The caller owns it. */
static inline struct buf *spans_of_bytes(const uint8_t *data, size_t size, const struct key_table *keys)
{
	static const slice ids = { "\n\x20\x12\x1e\x12\x1c\n\x10"
		                   "0123456789abcdef\x12\x08"
		                   "01234567",
		34 };
	const uint64_t start = UINT64_C(1700000000000000000);
	struct traces t;
	struct scan_report r;
	struct err e;
	struct buf *body = buf_copy(NULL, ids);
	REQUIRE(traces_scan(&t, body, keys, NULL, &r, &e) == 0 && r.n_spans == 1 && r.n_refused == 0);
	buf_unref(body);
	struct span *s = traces_first_span(&t);
	scope_set_name(&t, s->scope, slice_of(spans_scopes[data[1] % COUNTOF(spans_scopes)]),
	        data[1] & 64 ? SLICE("0.1") : SLICE(""));
	span_set_times(&t, s, start, start + data[2] * UINT64_C(10000019));
	span_set_kind(&t, s, data[2] % 6);
	spans_build(&t, s, data + 3, data + size);
	struct buf *out = traces_encode(&t, NULL);
	REQUIRE(out);
	traces_release(&t);
	return out;
}
