// OpenLLMetry's LangChain instrumentation with its openai one, as the Traceloop SDK switches them on together.
//: ecosystem: openllmetry
//: content: true
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
const chain = new LangChainInstrumentation({ traceContent: true }), client = new OpenAIInstrumentation({ enrichTokens: true });
for (const instrumentation of [chain, client])
	instrumentation.setTracerProvider(provider);
chain.manuallyInstrument({ callbackManagerModule: manager });
client.manuallyInstrument(OpenAI);
await langchain_calls({ ChatOpenAI, OpenAIEmbeddings, ChatAnthropic, prompts, messages, tools });
await provider.shutdown();
