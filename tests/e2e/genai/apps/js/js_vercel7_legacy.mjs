// Vercel AI SDK 7 with the integration that keeps the attributes of its older versions.
//: ecosystem: vercel
//: requirements: js_vercel7.json
//: content: true
//: session: session-js-1
//: user: user-js-1
//: gap: response_model[embeddings]: the SDK does not send it
import * as ai from "ai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { LegacyOpenTelemetry } from "@ai-sdk/otel";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { z } from "zod";
import { KEY, LLM, telemetry } from "./common.mjs";
import { vercel_calls } from "./vercel.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
ai.registerTelemetry(new LegacyOpenTelemetry());
const openai = createOpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY });
const anthropic = createAnthropic({ baseURL: `${LLM}/v1`, apiKey: KEY });
await vercel_calls(7, {
	ai, z, chat: openai.chat("gpt-4o-mini"), responses: openai.responses("gpt-5-mini"),
	claude: anthropic("claude-sonnet-4-5"), embedding: openai.embeddingModel("text-embedding-3-small"),
});
await provider.shutdown();
