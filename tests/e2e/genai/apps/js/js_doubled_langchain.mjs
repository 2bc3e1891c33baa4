// Each call twice: OpenLLMetry's LangChain instrumentation over its openai one, under one span of the application.
//: ecosystem: doubled
//: requirements: js_traceloop_langchain.json
//: content: true
//: gap: output_messages[5]: the SDK does not send it: an empty text in place of the tool call
//: gap: tool_call_ids[5]: the SDK does not send it
//: gap: tool_call_ids[6]: the SDK does not send it: the tool's result has no id
//: gap: input_tokens[7]: the SDK does not send it: without cache reads and writes, which are not sent either
//: gap: cache_read[messages]: the SDK does not send it
//: gap: cache_write[messages]: the SDK does not send it
//: gap: finish_reasons[messages]: the SDK does not send it: an empty string
//: gap: response_model[8]: the SDK does not send it: the requested model
//: gap: response_id[8]: the SDK does not send it
//: gap: output_tokens[8]: the SDK does not send it: 15, the sum of the first and the last count of the stream
//: gap: span[embeddings]: the SDK does not send it: embeddings have no callbacks
//: gap: reasoning[responses]: the SDK does not send it
//: gap: reasoning_text[responses]: the SDK does not send it
import { ChatAnthropic } from "@langchain/anthropic";
import * as manager from "@langchain/core/callbacks/manager";
import * as messages from "@langchain/core/messages";
import * as prompts from "@langchain/core/prompts";
import * as tools from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { LangChainInstrumentation } from "@traceloop/instrumentation-langchain";
import { OpenAIInstrumentation } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";
import { telemetry } from "./common.mjs";
import { langchain_calls } from "./langchain.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const chain = new LangChainInstrumentation({ traceContent: true });
const client = new OpenAIInstrumentation({ traceContent: true });
chain.setTracerProvider(provider);
client.setTracerProvider(provider);
chain.manuallyInstrument({ callbackManagerModule: manager });
client.manuallyInstrument(OpenAI);
await provider.getTracer("app").startActiveSpan("request", async (span) => {
	await langchain_calls({ ChatOpenAI, OpenAIEmbeddings, ChatAnthropic, prompts, messages, tools });
	span.end();
});
await provider.shutdown();
