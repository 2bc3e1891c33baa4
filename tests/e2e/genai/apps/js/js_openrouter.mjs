// OpenRouter's provider for the AI SDK, which adds usage accounting to the provider metadata.
//: ecosystem: vercel
//: provider: openrouter
//: content: true
//: session: session-js-1
//: user: user-js-1
//: gap: response_model[embeddings]: the SDK does not send it
import * as ai from "ai";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { z } from "zod";
import { KEY, LLM, telemetry } from "./common.mjs";
import { vercel_calls } from "./vercel.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const router = createOpenRouter({ baseURL: `${LLM}/api/v1`, apiKey: KEY });
const usage = { usage: { include: true } };
await vercel_calls(6, {
	ai, z, chat: router.chat("openai/gpt-4o-mini", usage), responses: router.chat("openai/gpt-5-mini", usage),
	claude: router.chat("anthropic/claude-sonnet-4-5", usage),
	embedding: router.textEmbeddingModel("openai/text-embedding-3-small"),
});
await provider.shutdown();
