// The calls of the AI SDK: generateText, streamText with a tool in two steps, generateObject, embed, cached, reasoning, 429.
// v: its major version, because options were renamed. ai, openai, anthropic: packages made by the app.
import { SESSION, TOOL, USER, failing } from "./common.mjs";

export async function vercel_calls(v, { ai, z, chat, responses, claude, embedding, more }) {
	const telemetry = (functionId) => v < 7 ? {
		experimental_telemetry: { isEnabled: true, functionId, metadata: { userId: USER, sessionId: SESSION } },
	} : {
		telemetry: { functionId, includeRuntimeContext: { userId: true, sessionId: true } },
		runtimeContext: { userId: USER, sessionId: SESSION },
		...more,
	};
	const cap = (n) => v < 5 ? { maxTokens: n } : { maxOutputTokens: n };
	const steps = (n) => v < 5 ? { maxSteps: n } : { stopWhen: ai.stepCountIs(n) };
	const schema = z.object({ city: z.string() });
	const get_weather = ai.tool({
		description: TOOL.description, [v < 5 ? "parameters" : "inputSchema"]: schema, execute: async () => TOOL.run(),
	});
	await ai.generateText({
		model: chat, system: "Be brief.", prompt: "[plain] Capital of France?", temperature: 0, ...cap(64),
		...telemetry("plain"),
	});
	for (const model of [chat, claude]) {
		const stream = ai.streamText({
			model, prompt: "[tool:get_weather] Weather in Paris?", tools: { get_weather }, ...steps(3), ...cap(256),
			...telemetry("weather"),
		});
		await stream.consumeStream();
	}
	const city = z.object({ city: z.string(), degrees: z.number() });
	if (v < 7)
		await ai.generateObject({
			model: chat, schema: city, prompt: "[json] Weather as JSON", ...(v < 5 && { mode: "json" }), ...telemetry("object"),
		});
	else
		await ai.generateText({
			model: chat, output: ai.Output.object({ schema: city }), prompt: "[json] Weather as JSON",
			...telemetry("object"),
		});
	await ai.generateText({ model: claude, prompt: "[cached] What does it say?", ...cap(256), ...telemetry("cached") });
	await ai.generateText({ model: chat, prompt: "[cached] What does it say?", ...telemetry("cached") });
	await ai.generateText({ model: responses, prompt: "[reason] When does the train arrive?", ...telemetry("reason") });
	await ai.embed({ model: embedding, value: "A sentence.", ...telemetry("embed") });
	await failing(() => ai.generateText({
		model: chat, prompt: "[fail429] Too many", maxRetries: 0, ...telemetry("failing"),
	}));
}
