// Langfuse 4: observeOpenAI and its own generation, under a span, with session, user and tags propagated.
//: ecosystem: langfuse
//: content: true
//: session: session-js-1
//: user: user-js-1
//: gap: request_model[1]: the SDK does not send it: the model that answered in its place
//: gap: request_model[3]: the SDK does not send it: the model that answered in its place
//: gap: request_model[4]: the SDK does not send it: the model that answered in its place
//: gap: request_model[5]: the SDK does not send it: the model that answered in its place
//: gap: request_model[6]: the SDK does not send it: the model that answered in its place
//: gap: response_model[2]: the SDK does not send it: the requested model
//: gap: response_model[9]: the SDK does not send it: the requested model
//: gap: response_id: the SDK does not send it
//: gap: finish_reasons: the SDK does not send it
//: gap: operation[embeddings]: the SDK does not send it: the type is generation
//: gap: input_tokens[embeddings]: the SDK does not send it
//: gap: reasoning_text[responses]: the SDK does not send it
import { observeOpenAI } from "@langfuse/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { propagateAttributes, startActiveObservation } from "@langfuse/tracing";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import OpenAI from "openai";
import { LLM, KEY, SESSION, USER, openai_calls } from "./common.mjs";

const provider = new NodeTracerProvider({
	resource: resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME }),
	spanProcessors: [new LangfuseSpanProcessor({
		publicKey: "pk-lf-none", secretKey: "sk-lf-none", baseUrl: process.env.SINK_URL, environment: "corpus",
		flushAt: 100, flushInterval: 60,
	})],
});
provider.register();
const client = new OpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY, maxRetries: 0 });
const who = { sessionId: SESSION, userId: USER, tags: ["corpus", "js"], metadata: { plan: "free" } };
await propagateAttributes(who, () => startActiveObservation("answer", async (span) => {
	span.update({ input: "question", output: "answer" });
	await openai_calls(observeOpenAI(client, { generationName: "model call", generationMetadata: { step: 1 } }));
}));
await propagateAttributes(who, async () => {
	const messages = [{ role: "user", content: "[plain] By hand" }];
	const answer = await client.chat.completions.create({ model: "gpt-4o-mini", messages });
	await startActiveObservation("by hand", async (generation) => generation.update({
		model: "gpt-4o-mini", input: messages, output: answer.choices[0].message, modelParameters: { temperature: 0.5 },
		usageDetails: { input: answer.usage.prompt_tokens, output: answer.usage.completion_tokens },
		costDetails: { total: 0.0001 }, prompt: { name: "greeting", version: 3, isFallback: false },
	}), { asType: "generation" });
});
await provider.shutdown();
