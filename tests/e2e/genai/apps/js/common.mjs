// What the JavaScript apps share: where things are, who the user is, what is asked. It imports nothing, because packages are
// each app's own. The tags in brackets tell llm_api.py what to answer.

export const LLM = process.env.LLM_API_URL;
export const SESSION = "session-js-1";
export const USER = "user-js-1";
export const KEY = "sk-not-a-key";

export const TOOL = {
	name: "get_weather",
	description: "Current weather of a city",
	schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
	run: () => ({ degrees: 21, sky: "sunny" }),
};
export const CHAT_TOOLS = [{
	type: "function", function: { name: TOOL.name, description: TOOL.description, parameters: TOOL.schema },
}];
export const MESSAGES_TOOLS = [{ name: TOOL.name, description: TOOL.description, input_schema: TOOL.schema }];

// An OpenTelemetry SDK with the OTLP exporter, which reads OTEL_EXPORTER_OTLP_ENDPOINT. sdk: what its packages export.
// A trace stays in one request, because nothing is exported before a flush.
export function telemetry(sdk, processors = []) {
	const provider = new sdk.NodeTracerProvider({
		resource: sdk.resourceFromAttributes({
			"service.name": process.env.OTEL_SERVICE_NAME, "deployment.environment.name": "corpus",
		}),
		spanProcessors: [...processors, new sdk.BatchSpanProcessor(new sdk.OTLPTraceExporter(), {
			scheduledDelayMillis: 60_000,
		})],
	});
	provider.register();
	return provider;
}

// A failing call must not end the app.
export async function failing(call) {
	try {
		await call();
	} catch (e) {
		if (!/429|rate|scenario/i.test(`${e.name} ${e.status} ${e.message}`))
			throw e;
	}
}

export async function drain(stream) {
	const out = [];
	for await (const chunk of stream)
		out.push(chunk);
	return out;
}

// The calls of the openai package: plain, streaming, tool round trip, cached, reasoning (Responses API), embeddings, 429.
export async function openai_calls(client) {
	await client.chat.completions.create({
		model: "gpt-4o-mini", temperature: 0, max_tokens: 64, user: USER,
		messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "[plain] Capital of France?" }],
	});
	await drain(await client.chat.completions.create({
		model: "gpt-4o-mini", stream: true, stream_options: { include_usage: true },
		messages: [{ role: "user", content: "[plain] Capital of France, streamed?" }],
	}));
	const messages = [{ role: "user", content: "[tool:get_weather] Weather in Paris?" }];
	const first = await client.chat.completions.create({ model: "gpt-4o-mini", messages: [...messages], tools: CHAT_TOOLS });
	const said = first.choices[0].message;
	messages.push({ role: "assistant", content: said.content, tool_calls: said.tool_calls });
	messages.push({ role: "tool", tool_call_id: said.tool_calls[0].id, content: JSON.stringify(TOOL.run()) });
	await client.chat.completions.create({ model: "gpt-4o-mini", messages, tools: CHAT_TOOLS });
	await client.chat.completions.create({
		model: "gpt-4o", messages: [{ role: "user", content: "[cached] What does the document say?" }],
	});
	await client.responses.create({
		model: "gpt-5-mini", instructions: "Think first.", input: "[reason] When does the train arrive?",
		reasoning: { effort: "low" },
	});
	await client.embeddings.create({ model: "text-embedding-3-small", input: "A sentence.", dimensions: 8 });
	await failing(() => client.chat.completions.create({
		model: "gpt-4o-mini", messages: [{ role: "user", content: "[fail429] Too many" }],
	}));
}

// The calls of the anthropic package: plain, streaming, tool round trip, cached, thinking, 429.
export async function anthropic_calls(client) {
	const model = "claude-sonnet-4-5", max_tokens = 256;
	await client.messages.create({
		model, max_tokens, temperature: 0, system: "Be brief.", metadata: { user_id: USER },
		messages: [{ role: "user", content: "[plain] Capital of France?" }],
	});
	await drain(await client.messages.create({
		model, max_tokens, stream: true, messages: [{ role: "user", content: "[cached] What does it say, streamed?" }],
	}));
	const messages = [{ role: "user", content: "[tool:get_weather] Weather in Paris?" }];
	const first = await client.messages.create({ model, max_tokens, messages: [...messages], tools: MESSAGES_TOOLS });
	const use = first.content.find((part) => part.type === "tool_use");
	messages.push({ role: "assistant", content: first.content });
	messages.push({
		role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: JSON.stringify(TOOL.run()) }],
	});
	await client.messages.create({ model, max_tokens, messages, tools: MESSAGES_TOOLS });
	await client.messages.create({
		model, max_tokens, messages: [{ role: "user", content: "[cached] What does the document say?" }],
	});
	await client.messages.create({
		model, max_tokens: 2048, thinking: { type: "enabled", budget_tokens: 1024 },
		messages: [{ role: "user", content: "[reason] When does the train arrive?" }],
	});
	await failing(() => client.messages.create({
		model, max_tokens, messages: [{ role: "user", content: "[fail429] Too many" }],
	}));
}
