// OpenLLMetry's anthropic instrumentation (@traceloop/instrumentation-anthropic) without the Traceloop SDK.
//: ecosystem: openllmetry
//: content: true
//: gap: response_id: the SDK does not send it
//: gap: finish_reasons[stream]: the SDK does not send it: an empty string
import * as anthropic from "@anthropic-ai/sdk";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { AnthropicInstrumentation } from "@traceloop/instrumentation-anthropic";
import { LLM, KEY, anthropic_calls, telemetry } from "./common.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const instrumentation = new AnthropicInstrumentation({ traceContent: true });
instrumentation.setTracerProvider(provider);
instrumentation.manuallyInstrument(anthropic);
await anthropic_calls(new anthropic.Anthropic({ baseURL: LLM, apiKey: KEY, maxRetries: 0 }));
await provider.shutdown();
