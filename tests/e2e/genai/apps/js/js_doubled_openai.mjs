// Each call twice: OpenInference and OpenLLMetry on the same client, under one span of the application.
//: ecosystem: doubled
//: content: true
//: gap: input_tokens[stream]: the SDK does not send it: an estimate by OpenLLMetry, none by OpenInference
//: gap: output_tokens[stream]: the SDK does not send it: an estimate by OpenLLMetry, none by OpenInference
//: gap: span[failed]: the SDK does not send it: a failed call leaves no span
//: gap: response_model[embeddings]: the SDK does not send it: one name for both
//: gap: input_tokens[embeddings]: the SDK does not send it: OpenLLMetry does not instrument embeddings, OpenInference leaves out their usage
import { OpenAIInstrumentation as OpenInference } from "@arizeai/openinference-instrumentation-openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { OpenAIInstrumentation as OpenLLMetry } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";
import { LLM, KEY, openai_calls, telemetry } from "./common.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const inner = new OpenLLMetry({ traceContent: true, enrichTokens: true });
inner.setTracerProvider(provider);
inner.manuallyInstrument(OpenAI);
new OpenInference({ tracerProvider: provider }).manuallyInstrument(OpenAI);
await provider.getTracer("app").startActiveSpan("request", async (span) => {
	await openai_calls(new OpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY, maxRetries: 0 }));
	span.end();
});
await provider.shutdown();
