// OpenInference's LangChain instrumentation; session and user are in LangChain's metadata.
//: ecosystem: openinference
//: content: true
//: session: session-js-1
//: user: user-js-1
//: gap: output_tokens[8]: the SDK does not send it: 15, the sum of the first and the last count of the stream
//: gap: span[embeddings]: the SDK does not send it: embeddings have no callbacks
import { LangChainInstrumentation } from "@arizeai/openinference-instrumentation-langchain";
import { ChatAnthropic } from "@langchain/anthropic";
import * as manager from "@langchain/core/callbacks/manager";
import * as messages from "@langchain/core/messages";
import * as prompts from "@langchain/core/prompts";
import * as tools from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { telemetry } from "./common.mjs";
import { langchain_calls } from "./langchain.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
new LangChainInstrumentation({ tracerProvider: provider }).manuallyInstrument(manager);
await langchain_calls({ ChatOpenAI, OpenAIEmbeddings, ChatAnthropic, prompts, messages, tools });
await provider.shutdown();
