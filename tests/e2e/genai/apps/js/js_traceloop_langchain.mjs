// OpenLLMetry's LangChain instrumentation.
//: ecosystem: openllmetry
//: content: true
//: gap: response_model[chat]: the SDK does not send it: the requested model; the other is only in the dump of the workflow around it
//: gap: response_id[chat]: the SDK does not send it: it is only in the dump of the workflow around it
//: gap: output_messages[3]: the SDK does not send it: an empty text in place of the tool call
//: gap: tool_call_ids[3]: the SDK does not send it
//: gap: input_messages[4]: the SDK does not send it: an empty text in place of the tool call
//: gap: tool_call_ids[4]: the SDK does not send it
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
//: gap: response_model[responses]: the SDK does not send it: the requested model
//: gap: input_tokens[responses]: the SDK does not send it
//: gap: output_tokens[responses]: the SDK does not send it
//: gap: reasoning[responses]: the SDK does not send it
//: gap: finish_reasons[responses]: the SDK does not send it: an empty string
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
import { telemetry } from "./common.mjs";
import { langchain_calls } from "./langchain.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const instrumentation = new LangChainInstrumentation({ traceContent: true });
instrumentation.setTracerProvider(provider);
instrumentation.manuallyInstrument({ callbackManagerModule: manager });
await langchain_calls({ ChatOpenAI, OpenAIEmbeddings, ChatAnthropic, prompts, messages, tools });
await provider.shutdown();
