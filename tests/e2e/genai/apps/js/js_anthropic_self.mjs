// Anthropic's SDK, which traces itself when a tracer provider is registered.
//: ecosystem: anthropic
//: content: true
//: session: session-js-1
//: gap: output_messages[stream]: the SDK does not send it: content of raw streams is not recorded
import Anthropic from "@anthropic-ai/sdk";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { LLM, KEY, SESSION, anthropic_calls, telemetry } from "./common.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const client = new Anthropic({
	baseURL: LLM, apiKey: KEY, maxRetries: 0, openTelemetry: { traces: { contentMode: "content" } },
});
// The conversation is an option of each request.
await anthropic_calls({ messages: { create: (body) => client.messages.create(body, {
	openTelemetry: { conversationId: SESSION },
}) } });
await provider.shutdown();
