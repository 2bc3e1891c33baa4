// LangSmith's SDK in OpenTelemetry mode: wrapOpenAI inside a traceable, session and user as metadata.
//: ecosystem: langsmith
//: content: true
//: session: session-js-1
//: user: user-js-1
//: env: LANGSMITH_TRACING=true
//: env: LANGSMITH_OTEL_ENABLED=true
//: env: LANGSMITH_API_KEY=none
//: gap: span[embeddings]: the SDK does not send it: embeddings are not wrapped
import { initializeOTEL } from "langsmith/experimental/otel/setup";
import { traceable } from "langsmith/traceable";
import { wrapOpenAI } from "langsmith/wrappers";
import OpenAI from "openai";
import { KEY, LLM, SESSION, USER, openai_calls } from "./common.mjs";

const { DEFAULT_LANGSMITH_SPAN_PROCESSOR: processor } = initializeOTEL({
	exporterConfig: { url: `${process.env.SINK_URL}/v1/traces` },
});
const client = wrapOpenAI(new OpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY, maxRetries: 0 }));
await traceable(() => openai_calls(client), {
	name: "answer", tags: ["corpus"], metadata: { session_id: SESSION, user_id: USER },
})();
await processor.shutdown();
