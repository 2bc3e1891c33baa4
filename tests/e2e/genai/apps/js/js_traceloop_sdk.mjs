// The Traceloop SDK: workflow, task, association properties, tokens of streams estimated.
//: ecosystem: openllmetry
//: content: true
//: session: session-js-1
//: user: user-js-1
//: env: OTEL_NODE_RESOURCE_DETECTORS=env,process
//: gap: input_tokens[stream]: the SDK does not send it: an estimate
//: gap: output_tokens[stream]: the SDK does not send it: an estimate
//: gap: cache_read[chat]: the SDK does not send it
//: gap: reasoning[responses]: the SDK does not send it
//: gap: reasoning_text[responses]: the SDK does not send it
//: gap: input_messages[responses]: the SDK does not send it: instructions are left out
//: gap: span[embeddings]: the SDK does not send it: embeddings are not instrumented
//: gap: span[failed]: the SDK does not send it: a failed call leaves no span
import * as traceloop from "@traceloop/node-server-sdk";
import OpenAI from "openai";
import { KEY, LLM, SESSION, USER, openai_calls } from "./common.mjs";

traceloop.initialize({
	appName: process.env.OTEL_SERVICE_NAME, instrumentModules: { openAI: OpenAI }, traceloopSyncEnabled: false,
	silenceInitializationMessage: true,
});
const client = new OpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY, maxRetries: 0 });
await traceloop.withAssociationProperties({ session_id: SESSION, user_id: USER }, () =>
	traceloop.withWorkflow({ name: "answer" }, () => traceloop.withTask({ name: "calls" }, () => openai_calls(client))));
await traceloop.forceFlush();
