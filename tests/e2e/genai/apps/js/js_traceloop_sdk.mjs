// The Traceloop SDK: workflow, task, association properties, tokens of streams estimated.
//: ecosystem: openllmetry
//: content: true
//: session: session-js-1
//: user: user-js-1
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
