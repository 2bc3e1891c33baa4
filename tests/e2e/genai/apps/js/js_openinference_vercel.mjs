// AI SDK 7 through OpenInference's span processor, which adds OpenInference's attributes to the SDK's own.
//: ecosystem: openinference
//: content: true
//: session: session-js-1
//: user: user-js-1
//: gap: response_model[embeddings]: the SDK does not send it
import * as ai from "ai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { isOpenInferenceSpan, OpenInferenceBatchSpanProcessor } from "@arizeai/openinference-vercel";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { z } from "zod";
import { KEY, LLM } from "./common.mjs";
import { vercel_calls } from "./vercel.mjs";

const provider = new NodeTracerProvider({
	resource: resourceFromAttributes({
		"service.name": process.env.OTEL_SERVICE_NAME, "openinference.project.name": "corpus",
	}),
	spanProcessors: [new OpenInferenceBatchSpanProcessor({
		exporter: new OTLPTraceExporter(), spanFilter: isOpenInferenceSpan, config: { scheduledDelayMillis: 60_000 },
	})],
});
provider.register();
ai.registerTelemetry(new OpenTelemetry({ usage: true, embedding: true, runtimeContext: true }));
const openai = createOpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY });
const anthropic = createAnthropic({ baseURL: `${LLM}/v1`, apiKey: KEY });
await vercel_calls(7, {
	ai, z, chat: openai.chat("gpt-4o-mini"), responses: openai.responses("gpt-5-mini"),
	claude: anthropic("claude-sonnet-4-5"), embedding: openai.embeddingModel("text-embedding-3-small"),
});
await provider.shutdown();
