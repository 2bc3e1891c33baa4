// Vercel AI SDK 5 with its experimental_telemetry.
//: ecosystem: vercel
//: content: true
//: session: session-js-1
//: user: user-js-1
//: gap: cache_read[8]: the SDK does not send it: only its streams send it
//: gap: reasoning[responses]: the SDK does not send it: only its streams send it
//: gap: reasoning_text[responses]: the SDK does not send it
//: gap: response_model[embeddings]: the SDK does not send it
import * as ai from "ai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { z } from "zod";
import { KEY, LLM, telemetry } from "./common.mjs";
import { vercel_calls } from "./vercel.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const openai = createOpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY });
const anthropic = createAnthropic({ baseURL: `${LLM}/v1`, apiKey: KEY });
await vercel_calls(5, {
	ai, z, chat: openai.chat("gpt-4o-mini"), responses: openai.responses("gpt-5-mini"),
	claude: anthropic("claude-sonnet-4-5"), embedding: openai.textEmbeddingModel("text-embedding-3-small"),
});
await provider.shutdown();
