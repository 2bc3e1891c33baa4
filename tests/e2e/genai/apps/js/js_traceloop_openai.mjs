// OpenLLMetry's openai instrumentation (@traceloop/instrumentation-openai) without the Traceloop SDK.
//: ecosystem: openllmetry
//: content: true
//: gap: input_tokens[stream]: the SDK does not send it
//: gap: output_tokens[stream]: the SDK does not send it
//: gap: cache_read[chat]: the SDK does not send it
//: gap: reasoning[responses]: the SDK does not send it
//: gap: reasoning_text[responses]: the SDK does not send it
//: gap: input_messages[responses]: the SDK does not send it: instructions are left out
//: gap: span[embeddings]: the SDK does not send it: embeddings are not instrumented
//: gap: span[failed]: the SDK does not send it: a failed call leaves no span
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { OpenAIInstrumentation } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";
import { LLM, KEY, openai_calls, telemetry } from "./common.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const instrumentation = new OpenAIInstrumentation({ traceContent: true });
instrumentation.setTracerProvider(provider);
instrumentation.manuallyInstrument(OpenAI);
await openai_calls(new OpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY, maxRetries: 0 }));
await provider.shutdown();
