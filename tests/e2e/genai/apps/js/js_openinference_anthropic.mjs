// OpenInference's anthropic instrumentation, with session and user in its context.
//: ecosystem: openinference
//: content: true
//: session: session-js-1
//: user: user-js-1
//: gap: response_id[stream]: the SDK does not send it
import Anthropic from "@anthropic-ai/sdk";
import { AnthropicInstrumentation } from "@arizeai/openinference-instrumentation-anthropic";
import { setSession, setUser } from "@arizeai/openinference-core";
import { context } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { LLM, KEY, SESSION, USER, anthropic_calls, telemetry } from "./common.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
new AnthropicInstrumentation({ tracerProvider: provider }).manuallyInstrument(Anthropic);
const who = setUser(setSession(context.active(), { sessionId: SESSION }), { userId: USER });
await context.with(who, () => anthropic_calls(new Anthropic({ baseURL: LLM, apiKey: KEY, maxRetries: 0 })));
await provider.shutdown();
