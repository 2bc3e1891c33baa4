// OpenInference's openai instrumentation, with session and user in its context.
//: ecosystem: openinference
//: content: true
//: session: session-js-1
//: user: user-js-1
//: gap: response_model[stream]: the SDK does not send it
//: gap: response_id[stream]: the SDK does not send it
//: gap: input_tokens[stream]: the SDK does not send it
//: gap: output_tokens[stream]: the SDK does not send it
//: gap: input_tokens[embeddings]: the SDK does not send it
//: gap: span[failed]: the SDK does not send it: a failed call leaves no span
//: gap: response_model[embeddings]: the SDK does not send it: one name for both
import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { setSession, setUser } from "@arizeai/openinference-core";
import { context } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import OpenAI from "openai";
import { LLM, KEY, SESSION, USER, openai_calls, telemetry } from "./common.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
new OpenAIInstrumentation({ tracerProvider: provider }).manuallyInstrument(OpenAI);
const who = setUser(setSession(context.active(), { sessionId: SESSION }), { userId: USER });
await context.with(who, () => openai_calls(new OpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY, maxRetries: 0 })));
await provider.shutdown();
