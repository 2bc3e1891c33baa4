// Genkit: a flow with Gemini (tool loop, stream), and OpenAI's API through compat-oai.
//: ecosystem: genkit
//: content: true
//: env: GENKIT_ENV=prod
//: gap: response_model[stream]: the SDK does not send it
//: gap: response_id[stream]: the SDK does not send it
//: gap: input_tokens[embeddings]: the SDK does not send it
//: gap: input_messages[3]: the SDK does not send it: the tool's result without the wrapper that the API gets
//: gap: response_model[embeddings]: the SDK does not send it
import { openAI } from "@genkit-ai/compat-oai/openai";
import { googleAI } from "@genkit-ai/google-genai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { genkit, z } from "genkit";
import { enableTelemetry, flushTracing } from "genkit/tracing";
import { KEY, LLM, TOOL, drain, failing } from "./common.mjs";

await enableTelemetry({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(), { scheduledDelayMillis: 60_000 })] });
const ai = genkit({ plugins: [googleAI({ apiKey: KEY, baseUrl: LLM }), openAI({ apiKey: KEY, maxRetries: 0 })] });
const get_weather = ai.defineTool({
	name: TOOL.name, description: TOOL.description, inputSchema: z.object({ city: z.string() }),
}, async () => TOOL.run());
const gemini = googleAI.model("gemini-2.5-flash"), gpt = openAI.model("gpt-4o-mini");
const answer = ai.defineFlow("answer", async () => {
	await ai.generate({ model: gemini, system: "Be brief.", prompt: "[plain] Capital of France?", config: { temperature: 0 } });
	await ai.generate({ model: gemini, prompt: "[tool:get_weather] Weather in Paris?", tools: [get_weather] });
	const { stream, response } = ai.generateStream({ model: gemini, prompt: "[cached][reason] When does it arrive?" });
	await drain(stream);
	await response;
	await ai.generate({ model: gpt, prompt: "[plain] Capital of France, by OpenAI?" });
	await ai.generate({ model: gpt, prompt: "[tool:get_weather] Weather in Paris?", tools: [get_weather] });
	await ai.generate({ model: gpt, prompt: "[cached] What does the document say?" });
	await ai.embed({ embedder: openAI.embedder("text-embedding-3-small"), content: "A sentence." });
	await failing(() => ai.generate({ model: gpt, prompt: "[fail429] Too many" }));
	return "done";
});
await answer();
await flushTracing();
