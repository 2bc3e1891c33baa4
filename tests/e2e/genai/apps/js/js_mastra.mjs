// Mastra: an agent with a tool, a stream, memory thread and resource, through its OpenTelemetry exporter.
//: ecosystem: mastra
//: content: true
//: session: session-js-1
//: user: user-js-1
//: env: MASTRA_TELEMETRY_DISABLED=1
//: gap: conversation[failed]: the SDK does not send it
//: gap: session[failed]: the SDK does not send it
//: gap: user[failed]: the SDK does not send it
//: gap: input_messages[3]: the SDK does not send it: [MaxDepth] in place of name and arguments of the tool call
import { createOpenAI } from "@ai-sdk/openai";
import { Mastra } from "@mastra/core";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { OtelExporter } from "@mastra/otel-exporter";
import { z } from "zod";
import { KEY, LLM, SESSION, TOOL, USER, failing } from "./common.mjs";

const openai = createOpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY });
const get_weather = createTool({
	id: TOOL.name, description: TOOL.description, inputSchema: z.object({ city: z.string() }),
	execute: async () => TOOL.run(),
});
const agent = new Agent({
	id: "weather", name: "weather", instructions: "Be brief.", model: openai.chat("gpt-4o-mini"), tools: { get_weather },
	maxRetries: 0,
});
const exporter = new OtelExporter({
	provider: { custom: { endpoint: `${process.env.SINK_URL}/v1/traces`, protocol: "http/protobuf" } },
});
const mastra = new Mastra({ agents: { agent }, observability: { configs: { otel: {
	serviceName: process.env.OTEL_SERVICE_NAME, exporters: [exporter],
} } } });
const running = mastra.getAgent("agent");
const metadata = { sessionId: SESSION, userId: USER, plan: "free" };
const options = { modelSettings: { maxRetries: 0 }, tracingOptions: { metadata } };
await running.generate("[plain] Capital of France?", options);
await running.generate("[tool:get_weather] Weather in Paris?", options);
const stream = await running.stream("[cached] What does it say, streamed?", options);
await stream.consumeStream();
await failing(() => running.generate("[fail429] Too many", options));
await new Promise((resolve) => setTimeout(resolve, 6000)); // what is batched has no other flush
await exporter.shutdown();
